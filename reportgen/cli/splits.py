"""The commands over a whole split: examples, importance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from reportgen.cli.engines import cluster_for
from reportgen.cli.options import (
    configure,
    data_options,
    engine_options,
    loading_options,
    long_options,
    machine_options,
    model_options,
    reading_options,
)
from reportgen.cli.printing import clock_for, print_heads, print_seconds, settle
from reportgen.core.config import MEASURES
from reportgen.core.errors import LeftOutError, one_line


@click.command()
@model_options
@data_options
@click.option("--limit", type=int, metavar="N", help="The first N rows. [default: all]")
@reading_options
@long_options
@machine_options
@loading_options
@click.option("--show", type=click.IntRange(0), default=20, metavar="N", help="Rows to print; 0: all. [default: 20]")
@click.option("-o", "--output", metavar="FILE.parquet", type=click.Path(path_type=Path), help="Write all rows here.")
@click.option("--overwrite", is_flag=True, help="Replace a file that stands there.")
@click.option("-v", "--verbose", is_flag=True, help="Say which stage runs and how long each took.")
@click.option("-q", "--quiet", is_flag=True, help="Print no progress.")
@click.option("--json", "as_json", is_flag=True, help="Print all rows as JSON, one a line.")
def examples(
    show: int, output: Path | None, overwrite: bool, verbose: bool, quiet: bool, as_json: bool, **options: Any
) -> None:
    """Predict over a split: which examples are worth a report.

    Prints the confusion matrix and a table: errors first, the surest on top. The same command again asks the model
    for new rows only.
    """
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
    strange = answers.strangers(found.predicted)
    if strange:
        click.echo(f"warning: {strange}", err=True)
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


@click.command()
@model_options
@data_options
@click.option("--measure", default="taylor", metavar="|".join(MEASURES), help="What importance is. [default: taylor]")
@click.option("--limit", type=int, metavar="N", help="Draw N rows at random. [default: 500]")
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
    help="Where it goes. [default: importance.safetensors]",
)
@click.option("--overwrite", is_flag=True, help="Replace a file that stands there.")
@click.option("--restart", is_flag=True, help="Begin anew, and drop what an interrupted run has left.")
@click.option("-v", "--verbose", is_flag=True, help="Say which stage runs and how long each took.")
@click.option("-q", "--quiet", is_flag=True, help="Print the path of the file and nothing else.")
def importance(
    measure: str,
    output: Path,
    overwrite: bool,
    restart: bool,
    verbose: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Compute how much each head matters for the gold label, over a sample of a split, for run --importance FILE.

    An interrupted run goes on where it was when the same command is given again.
    """
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
    drawn, used = int(found.provenance["rows drawn"]), int(found.provenance["examples"])
    if used < drawn:
        told = f"warning: {drawn - used} of {drawn} rows have no gold label that the model knows: they are left out"
        click.echo(told, err=True)
    if not quiet:
        print_heads(found)
    click.echo(output)
