"""The command for many examples: batch."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from reportgen.cli.engines import cluster_for
from reportgen.cli.options import (
    ARGUMENTS,
    configure,
    data_options,
    engine_options,
    faithfulness_options,
    loading_options,
    long_options,
    machine_options,
    model_options,
    naming_options,
    presentation_options,
    reading_options,
    refuse_arguments,
    score_options,
    threshold_option,
    verbose_option,
)
from reportgen.cli.printing import clock_for, drop_output, print_seconds, settle
from reportgen.core.config import PICKS
from reportgen.core.errors import LeftOutError, UsageError, one_line
from reportgen.core.processes import workers

if TYPE_CHECKING:
    from reportgen.batch.run import Batch, Engines
    from reportgen.batch.select import Selection

SHOWN = 20  # failures that are printed; the index lists all


@click.command(context_settings=ARGUMENTS)
@model_options
@threshold_option
@data_options
@click.option("--pick", metavar="|".join(("all", *PICKS)), help="Choose rows by the model's prediction. [default: all]")
@click.option("--ids", metavar="FILE|-", help="Choose rows by id: a file with one id per line.")
@click.option(
    "--where", metavar="EXPRESSION", help='Choose rows by an SQL condition, like "label = 1 AND tokens > 500".'
)
@click.option(
    "--limit",
    type=int,
    metavar="N",
    help="Make at most N reports. [default: all; 10 for most-confident and least-confident]",
)
@reading_options
@long_options
@score_options
@faithfulness_options
@machine_options
@engine_options
@click.option("-o", "--output", metavar="FOLDER", help="Folder of the reports and their index. [default: reports]")
@naming_options
@presentation_options
@loading_options
@click.option("--resume", is_flag=True, help="Continue an interrupted batch. [the default]")
@click.option("--restart", is_flag=True, help="Remove the existing batch and make all reports again.")
@click.option("--no-overwrite", is_flag=True, help="Stop at a report that was changed since, with exit code 7.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first example that fails.")
@verbose_option
@click.option("-q", "--quiet", is_flag=True, help="Print only the path of the index.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def batch(
    ids: str | None,
    where: str | None,
    resume: bool,
    restart: bool,
    no_overwrite: bool,
    fail_fast: bool,
    verbose: bool,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Make reports of many examples, and an index.

    Run the same command again to continue an interrupted batch and to retry failed examples. A failed example does
    not stop the others: it is listed, and the exit code is 10.
    """
    refuse_arguments(click.get_current_context().args, rows=True)
    if resume and restart:
        raise UsageError("give only one of --resume and --restart", hint="without them, an existing batch is continued")
    chosen = _chosen(options, ids=ids, where=where)
    config = configure(options, rows=True)
    settle(offline=config.offline, quiet=quiet)
    workers.share_cores()
    from reportgen.batch import run as batches

    clock = clock_for(quiet=quiet, verbose=verbose)
    how = batches.How(restart=restart, overwrite=not no_overwrite, fail_fast=fail_fast)
    made = batches.run(config, chosen, clock, engine=_engine(options), how=how)
    if verbose:
        print_seconds(clock.seconds)
    try:
        _print(made, quiet=quiet, as_json=as_json)
    except BrokenPipeError:  # the exit code matters even if nobody reads the output
        drop_output()
    if made.failed:
        count = made.failed
        raise LeftOutError(
            f"{count:,} of {len(made.outcomes) + len(made.unreadable):,} examples failed", hint=f"see {made.index}"
        )


def _chosen(options: dict[str, Any], *, ids: str | None, where: str | None) -> Selection:
    """The rows that the options choose; removes `pick` and `limit`, which mean one report in a `Config`."""
    from reportgen.batch import select

    named = None if ids is None else select.read_ids_file(ids)
    return select.Selection(options.pop("pick"), options.pop("limit"), named, where)


def _engine(options: dict[str, Any]) -> Engines:
    """The engine that makes the reports."""
    from reportgen.batch import run as batches

    cluster = cluster_for(options)
    return batches.this_machine(options["workers"]) if cluster is None else lambda load: cluster


def _print(made: Batch, *, quiet: bool, as_json: bool) -> None:
    """Print notes and failures on stderr, then the summary and the path of the index on stdout."""
    for note in made.notes:
        click.echo(f"note: {one_line(note)}", err=True)
    failed = [(outcome.index, outcome.error) for outcome in made.outcomes if outcome.error is not None]
    failed = sorted([*failed, *made.unreadable.items()])
    for index, reason in failed[:SHOWN]:
        click.echo(f"failed: row {index}: {one_line(reason or '')}", err=True)
    if len(failed) > SHOWN:
        click.echo(f"... and {len(failed) - SHOWN:,} more", err=True)
    if as_json:
        click.echo(json.dumps(_plain(made), ensure_ascii=False))
        return
    if not quiet:
        click.echo(_summary(made))
    click.echo(made.index)


def _plain(made: Batch) -> dict[str, Any]:
    """For programs."""
    failures = {outcome.index: outcome.error for outcome in made.outcomes if outcome.error is not None}
    return {
        "folder": str(made.folder),
        "index": str(made.index),
        "examples": len(made.outcomes) + len(made.unreadable),
        "made": made.made,
        "there_already": made.known,
        "failed": {str(index): reason for index, reason in sorted({**failures, **made.unreadable}.items())},
        "verdicts": dict(Counter(outcome.verdict for outcome in made.outcomes if outcome.error is None)),
        "seconds": round(made.seconds, 3),
    }


def _summary(made: Batch) -> str:
    """The table at the end."""
    verdicts = Counter(outcome.verdict for outcome in made.outcomes if outcome.error is None)
    rate = f"{made.made / made.seconds * 60:,.1f} a minute" if made.made and made.seconds else ""
    rows = [
        ("made now", f"{made.made:,}", rate),
        ("existed already", f"{made.known:,}", ""),
        ("failed", f"{made.failed:,}", ""),
        ("made, but not tested: the test failed", f"{sum(one.test_failed for one in made.outcomes):,}", ""),
        ("right", f"{verdicts['right']:,}", ""),
        ("wrong", f"{verdicts['wrong']:,}", ""),
        ("without a gold label", f"{verdicts['unknown']:,}", ""),
    ]
    shown = [row for row in rows if row[1] != "0" or row[0] == "made now"]
    width, right = max(len(row[0]) for row in shown), max(len(row[1]) for row in shown)
    lines = [f"  {name:{width}}  {count:>{right}}  {more}".rstrip() for name, count, more in shown]
    return "\n".join([f"{made.place}: {len(made.outcomes) + len(made.unreadable):,} examples", *lines])
