"""The command over many examples: batch."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from reportgen.cli.printing import clock_for, print_seconds, settle
from reportgen.config import PICKS
from reportgen.errors import LeftOutError, one_line
from reportgen.options import (
    configure,
    data_options,
    engine_options,
    loading_options,
    long_options,
    machine_options,
    model_options,
    presentation_options,
    reading_options,
    score_options,
)

if TYPE_CHECKING:
    from reportgen.batch import Batch

SHOWN = 20  # failures that are printed; all stand in the index


@click.command()
@model_options
@data_options
@click.option("--pick", metavar="|".join(("all", *PICKS)), help="Rows by what the model says of them. [default: all]")
@click.option("--ids", metavar="FILE|-", help="Rows whose ids stand in this file, one a line.")
@click.option("--where", metavar="EXPRESSION", help='Rows of which this holds, as SQL: "label = 1 AND tokens > 500".')
@click.option("--limit", type=int, metavar="N", help="At most N reports. [default: all]")
@reading_options
@long_options
@score_options
@machine_options
@engine_options
@presentation_options
@loading_options
@click.option("--resume", is_flag=True, help="Go on with a batch that was interrupted. [the default]")
@click.option("--restart", is_flag=True, help="Make all reports anew, and remove those of the batch that is there.")
@click.option("--no-overwrite", is_flag=True, help="Do not replace a report that was changed; end with exit code 7.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first example that fails.")
@click.option("-v", "--verbose", is_flag=True, help="Say which stage runs and how long each took.")
@click.option("-q", "--quiet", is_flag=True, help="Print the path of the index and nothing else.")
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
    """Make a report of each of many examples, and an index of them.

    The same command again goes on where it was interrupted, and makes what failed again. An example that fails does
    not stop the others: it is listed, and the exit code is 10.
    """
