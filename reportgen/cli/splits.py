"""The commands for a whole split: examples, importance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from reportgen.cli.engines import cluster_for
from reportgen.cli.options import (
    ARGUMENTS,
    configure,
    data_options,
    engine_options,
    loading_options,
    long_options,
    machine_options,
    model_options,
    reading_options,
    refuse_arguments,
    threshold_option,
    verbose_option,
)
from reportgen.cli.printing import clock_for, print_heads, print_seconds, settle
from reportgen.core.config import MEASURES
from reportgen.core.errors import LeftOutError, one_line


@click.command(context_settings=ARGUMENTS)
@model_options
@threshold_option
@data_options
@click.option("--limit", type=int, metavar="N", help="Read only the first N rows. [default: all]")
@reading_options
@long_options
@machine_options
@loading_options
@click.option(
    "--show", type=click.IntRange(0), default=20, metavar="N", help="Rows to print; 0 prints all. [default: 20]"
)
@click.option(
    "-o", "--output", metavar="FILE.parquet", type=click.Path(path_type=Path), help="Write all rows to this file."
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@verbose_option
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@click.option("--json", "as_json", is_flag=True, help="Print all rows as JSON, one per line.")
def examples(
    show: int, output: Path | None, overwrite: bool, verbose: bool, quiet: bool, as_json: bool, **options: Any
) -> None:
    """Predict every example of a split.

    Prints the confusion matrix and a table, to find examples worth a report: wrong predictions first, the most
    confident on top. Predictions are cached: the same command again runs the model on new rows only.
    """
    refuse_arguments(click.get_current_context().args, rows=True)
    config = configure(options, rows=True)
    settle(offline=config.offline, quiet=quiet)
    from reportgen import pipeline
    from reportgen.data import predictions as answers

    clock = clock_for(quiet=quiet, verbose=verbose)
    found = pipeline.predict_rows(config, clock, output=output, overwrite=overwrite)
    if verbose:
        print_seconds(clock.seconds)
    for index, reason in found.left_out.items():
        click.echo(f"warning: left out: row {index}: {one_line(reason.removeprefix(f'row {index} of '))}", err=True)
    for warning in (*found.notes, answers.strangers(found.predicted, lists=found.rows.labels.lists)):
        if warning:
            click.echo(f"warning: {one_line(warning)}", err=True)
    if as_json:
        for one in found.predicted:
            click.echo(json.dumps(answers.plain(one), ensure_ascii=False))
    elif found.predicted:
        click.echo(answers.summary(found.predicted, place=found.rows.place))
        click.echo(answers.table(found.predicted, most=show or len(found.predicted)))
    if output is not None:
        click.echo(output)
    if found.left_out:
        count = len(found.left_out)
        raise LeftOutError(
            f"{count} row{'s' if count > 1 else ''} of {found.rows.place} could not be read", hint="see above"
        )


@click.command(context_settings=ARGUMENTS)
@model_options
@data_options
@click.option(
    "--measure", default="taylor", metavar="|".join(MEASURES), help="How importance is measured. [default: taylor]"
)
@click.option("--limit", type=int, metavar="N", help="Size of the random sample. [default: 500]")
@reading_options
@machine_options
@engine_options
@loading_options
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    default="importance.safetensors",
    help="File of the result. [default: importance.safetensors]",
)
@click.option(
    "--anonymous", is_flag=True, default=None, help="Name neither model nor data in the file, for double-blind review."
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--restart", is_flag=True, help="Start over instead of continuing an interrupted run.")
@verbose_option
@click.option("-q", "--quiet", is_flag=True, help="Print only the path of the file.")
def importance(
    measure: str,
    output: Path,
    overwrite: bool,
    restart: bool,
    verbose: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Measure the importance of each head.

    Importance is how much a head matters for the gold label, on a sample of a split. run --importance FILE uses the
    result. Run the same command again to continue an interrupted run.
    """
    refuse_arguments(click.get_current_context().args, rows=True)
    config = configure(options, rows=True)
    settle(offline=config.offline, quiet=quiet)
    from reportgen import pipeline

    clock = clock_for(quiet=quiet, verbose=verbose)
    found = pipeline.measure_importance(
        config,
        clock,
        by=measure,
        output=output,
        overwrite=overwrite,
        restart=restart,
        machines=cluster_for(options, alone=("workers",)),
    )
    if verbose:
        print_seconds(clock.seconds)
    if "labels" in found.provenance:
        click.echo(f"warning: {one_line(found.provenance['labels'])}", err=True)
    drawn, used = int(found.provenance["rows drawn"]), int(found.provenance["examples"])
    if used < drawn:
        warning = f"warning: {drawn - used} of {drawn} rows left out: the model does not know their gold label"
        click.echo(warning, err=True)
    if not quiet:
        print_heads(found)
    click.echo(output)
