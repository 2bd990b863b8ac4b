"""The commands about one report: run, render, verify, rerun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reportgen.cli.options import (
    choice_options,
    configure,
    data_options,
    given_options,
    loading_options,
    long_options,
    machine_options,
    model_options,
    presentation_options,
    reading_options,
    score_options,
)
from reportgen.cli.printing import clock_for, print_report, print_seconds, settle
from reportgen.core.config import COLOUR_SCALES, Config
from reportgen.core.errors import DiffersError, StrictWarningsError, UsageError, one_line


@click.command()
@model_options
@data_options
@choice_options
@reading_options
@long_options
@score_options
@machine_options
@click.option("-o", "--output", metavar="FOLDER", help="Where the report goes. [default: reports/NAME]")
@presentation_options
@click.option("--overwrite", is_flag=True, default=None, help="Replace a report that stands there.")
@loading_options
@click.option("--strict", is_flag=True, default=None, help="End with exit code 10 if there are warnings.")
@click.option("-v", "--verbose", is_flag=True, help="Say which stage runs and how long each took.")
@click.option("-q", "--quiet", is_flag=True, help="Print the path of the report and nothing else.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def run(verbose: bool, quiet: bool, as_json: bool, **options: Any) -> None:
    """Make a report of one text: a row of a dataset, --text, --file, or the embedded demo."""
    config = configure(options)
    if config.pick is None and options["limit"] is not None:
        raise UsageError("--limit goes with --pick", hint="it says among how many rows to choose")
    settle(offline=config.offline, quiet=quiet)
    from reportgen import pipeline

    clock = clock_for(quiet=quiet, verbose=verbose)
    report, folder = pipeline.run(config, clock)
    print_report(report, folder, clock.seconds, quiet=quiet, as_json=as_json, verbose=verbose)
    if config.strict and report.warnings:
        count = len(report.warnings)
        raise StrictWarningsError(f"{count} warning{'s' if count > 1 else ''}", hint="see above, and in the report")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--scores", metavar="FILE", help="Tokens and scores that someone else computed (JSON); no FOLDER then.")
@click.option("--title", help="Title of a report of --scores.")
@click.option("--top-k", type=int, metavar="N", help="Length of the top lists. [default: the stored one, or 10]")
@click.option("--colour-scale", metavar="|".join(COLOUR_SCALES), help="How scores become colours.")
@click.option("--language", metavar="CODE", help="Language of the text, for its stop words.")
@click.option("-o", "--output", metavar="FOLDER", help="Where it goes. [default: FOLDER; with --scores, reports/NAME]")
@presentation_options
@click.option("--overwrite", is_flag=True, default=None, help="Replace a report that stands at --output.")
@click.option("-v", "--verbose", is_flag=True, help="Say which stage runs and how long each took.")
@click.option("-q", "--quiet", is_flag=True, help="Print the path of the report and nothing else.")
def render(
    folder: Path | None, scores: str | None, title: str | None, verbose: bool, quiet: bool, **options: Any
) -> None:
    """Make files of the report in FOLDER again, without the model: HTML, PDF, figures, LaTeX.

    What is not asked for stays as it is. With --scores, a report of tokens and scores from elsewhere.
    """
    from reportgen.report import present

    if (folder is None) == (scores is None):
        raise UsageError("give one of FOLDER and --scores", hint="reportgen render --help")
    if title is not None and scores is None:
        raise UsageError("--title goes with --scores", hint="a stored report has its title")
    given = given_options(options)
    clock = clock_for(quiet=quiet, verbose=verbose)
    if scores is not None:
        config = Config(**given)
        report, target = present.render_scores(Path(scores), config, clock, title=title)
    else:
        assert folder is not None  # one of the two is given
        target = Path(given.pop("output", folder))
        report = present.render(folder, target, given, clock)
    for warning in report.warnings:
        click.echo(f"warning: {one_line(warning.message)}", err=True)
    if verbose:
        print_seconds(clock.seconds)
    click.echo(target / "report.html" if (target / "report.html").is_file() else target)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-q", "--quiet", is_flag=True, help="Print nothing unless something is wrong.")
def verify(folder: Path, quiet: bool) -> None:
    """Compare every file of the report in FOLDER with the hash in its manifest; exit code 7 if one differs."""
    from reportgen.report import store

    count, others = store.verify(folder)
    if quiet:
        return
    for name in others:
        click.echo(f"note: not in the manifest: {one_line(name)}", err=True)
    click.echo(f"{folder}: all {count} files are as they were written")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="FOLDER", type=click.Path(path_type=Path), help="Keep the new report here.")
@click.option("--offline", is_flag=True, help="Use only what is on this disk.")
@click.option("-v", "--verbose", is_flag=True, help="Say which stage runs and how long each took.")
@click.option("-q", "--quiet", is_flag=True, help="Print differences and nothing else.")
def rerun(folder: Path, output: Path | None, offline: bool, verbose: bool, quiet: bool) -> None:
    """Run the configuration of the report in FOLDER again and say what differs; exit code 10 if the results do.

    Numbers that differ by no more than a sum in another order are the same.
    """
    settle(offline=offline, quiet=quiet)
    from reportgen import pipeline
    from reportgen.report import compare

    clock = clock_for(quiet=quiet, verbose=verbose)
    before, after = pipeline.rerun(folder, clock, output=output)
    found = compare.compare(before, after)
    for one in found:
        click.echo(f"{one.what}: {one_line(one.before)} -> {one_line(one.after)}")
    if verbose:
        print_seconds(clock.seconds)
    count = sum(one.matters for one in found)
    if count:
        raise DiffersError(f"{count} result{'s differ' if count > 1 else ' differs'}", hint="see above")
    if not quiet:
        click.echo(f"{folder}: the results are the same")
    if output is not None:
        click.echo(output)
