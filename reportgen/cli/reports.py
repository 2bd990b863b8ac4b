"""The commands for one report: run, render, verify, rerun, faithfulness."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from reportgen.cli.options import (
    ARGUMENTS,
    choice_options,
    configure,
    data_options,
    faithfulness_options,
    given_options,
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
from reportgen.cli.printing import clock_for, print_faithfulness, print_report, print_seconds, settle
from reportgen.core.config import ATTRIBUTION, COLOUR_SCALES, ECHOES, FAITHFULNESS, RECEIVED, UNITS, Config
from reportgen.core.errors import DiffersError, StrictWarningsError, UsageError, one_line
from reportgen.core.processes import workers

PLANNED = tuple(depth for depth in FAITHFULNESS if depth != "none")
STORED = {
    "dataset": "the dataset is not here: the text in the report was read; --dataset PATH reads the dataset",
    "importance": "the head importance in the report was used; --importance PATH reads its file",
}


@click.command(context_settings=ARGUMENTS)
@model_options
@threshold_option
@data_options
@choice_options
@reading_options
@long_options
@score_options
@faithfulness_options
@machine_options
@click.option("-o", "--output", metavar="FOLDER", help="Folder of the report. [default: reports/NAME]")
@naming_options
@presentation_options
@click.option("--overwrite", is_flag=True, default=None, help="Replace an existing report.")
@loading_options
@click.option("--strict", is_flag=True, default=None, help="Exit with code 10 if there are warnings.")
@verbose_option
@click.option("-q", "--quiet", is_flag=True, help="Print only the path of the report.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def run(verbose: bool, quiet: bool, as_json: bool, **options: Any) -> None:
    """Make a report of one text.

    The text is a row of a dataset, --text, --file, or a document of the built-in demo.
    """
    refuse_arguments(click.get_current_context().args)
    config = configure(options)
    if config.pick is None and options["limit"] is not None:
        raise UsageError("--limit needs --pick", hint="it limits the rows that --pick chooses from")
    settle(offline=config.offline, quiet=quiet)
    from reportgen.core.clock import now
    from reportgen.model import checkpoint

    now()  # rejects a bad SOURCE_DATE_EPOCH
    # where the text is here already, a mistyped model fails before anything heavy is imported
    found = None if config.text is None else checkpoint.named(config)
    from reportgen import pipeline

    clock = clock_for(quiet=quiet, verbose=verbose)
    with workers.aside(wanted="pdf" in config.format) as begin:
        made = pipeline.run(config, clock, found, begin)
    print_report(made, clock.seconds, quiet=quiet, as_json=as_json, verbose=verbose)
    if config.strict and made.report.warnings:
        count = len(made.report.warnings)
        raise StrictWarningsError(f"{count} warning{'s' if count > 1 else ''}", hint="see above, and in the report")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--scores", metavar="FILE", help="Tokens and scores in JSON, computed elsewhere, instead of FOLDER.")
@click.option("--title", help="Title of the report of --scores.")
@click.option("--top-k", type=int, metavar="N", help="Length of the lists of top tokens. [default: as stored, or 10]")
@click.option(
    "--colour-scale",
    metavar="|".join(COLOUR_SCALES),
    help="Colour scale of the heatmap. [default: as stored, or contrast]",
)
@click.option(
    "--received",
    metavar="|".join(RECEIVED),
    help="Attention that a token receives: the sum over all queries, or divided by the number of queries that can see "
    "the token. [default: as stored, or total]",
)
@click.option(
    "--echoes",
    metavar="|".join(ECHOES),
    help="Tokens where a position repeats: leave them out of colours and rankings, or keep them there. "
    "[default: as stored, or leave-out]",
)
@click.option("--language", metavar="CODE", help="Language of the text and its stop words. [default: as stored, or en]")
@click.option(
    "-o", "--output", metavar="FOLDER", help="Folder of the new files. [default: FOLDER; with --scores, reports/NAME]"
)
@naming_options
@presentation_options
@click.option("--overwrite", is_flag=True, default=None, help="Replace an existing report at --output.")
@verbose_option
@click.option("-q", "--quiet", is_flag=True, help="Print only the path of the report.")
def render(
    folder: Path | None, scores: str | None, title: str | None, verbose: bool, quiet: bool, **options: Any
) -> None:
    """Make files of a report again, without the model.

    FOLDER is the report. --format chooses the files, and other files stay as they are. With --scores, make a report
    of tokens and scores computed elsewhere.
    """
    from reportgen.report import present

    if (folder is None) == (scores is None):
        raise UsageError("give either FOLDER or --scores", hint="reportgen render --help")
    if title is not None and scores is None:
        raise UsageError("--title needs --scores", hint="a stored report keeps its title")
    given = given_options(options)
    clock = clock_for(quiet=quiet, verbose=verbose)
    if scores is not None:
        config = Config(**given)
        report, target = present.render_scores(Path(scores), config, clock, title=title)
    else:
        assert folder is not None  # one of the two is given
        target = Path(given.pop("output", folder))
        if given.get("anonymous") and target.resolve() == folder.resolve():
            raise UsageError("--anonymous needs --output", hint="the report that names model and data stays as it is")
        if (given.get("redact") or given.get("no_text")) and target.resolve() == folder.resolve():
            option = "--redact" if given.get("redact") else "--no-text"
            raise UsageError(f"{option} needs --output", hint="the report that shows the text stays as it is")
        report = present.render(folder, target, given, clock)
    for warning in report.warnings:
        click.echo(f"warning: {one_line(warning.message)}", err=True)
    if verbose:
        print_seconds(clock.seconds)
    click.echo(target / "report.html" if (target / "report.html").is_file() else target)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-q", "--quiet", is_flag=True, help="Print nothing unless a file differs.")
def verify(folder: Path, quiet: bool) -> None:
    """Check the files of a report, or a corpus report: their hashes, and what the report holds.

    Every file in FOLDER is compared with the hash in its manifest, and every field of the report with what it may
    hold. The exit code is 7 if one is wrong.
    """
    from reportgen.report.stored import store

    count, others = store.verify(folder)
    told = store.manifest(folder)
    if not told.get("corpus") and told.get("kind", "report") == "report":  # others are their files, and no report
        store.load(folder)
    if quiet:
        return
    for name in others:
        click.echo(f"note: not in the manifest: {one_line(name)}", err=True)
    click.echo(f"{folder}: all {count} files are unchanged")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", metavar="FOLDER", type=click.Path(path_type=Path), help="Keep the new report in this folder."
)
@click.option("--model", metavar="FOLDER|ID", help="Place of the model now; its weights must be the same.")
@click.option("--tokenizer", metavar="FOLDER|ID", help="Place of a tokenizer of its own now.")
@click.option("--dataset", metavar="PATH|ID", help="Place of the dataset now. [default: the stored text if gone]")
@click.option("--file", metavar="PATH", help="Place of the text now, where the report hides words of it.")
@click.option("--importance", metavar="PATH", help="Place of the head importance now. [default: as stored if gone]")
@click.option("--offline", is_flag=True, help="Use only local and cached files.")
@verbose_option
@click.option("-q", "--quiet", is_flag=True, help="Print only differences.")
def rerun(folder: Path, output: Path | None, offline: bool, verbose: bool, quiet: bool, **places: str | None) -> None:
    """Run a report again and compare the results.

    The model runs again with the configuration in FOLDER. Differences are listed, and the exit code is 10 if results
    differ. Rounding differences do not count. A report does not say in which folder its files were: run the command
    where the report was made, or name them. What the hub is asked for is printed first.
    """
    settle(offline=offline, quiet=quiet)
    from reportgen import pipeline
    from reportgen.report.stored import repeated

    clock = clock_for(quiet=quiet, verbose=verbose)
    given = {name: place for name, place in places.items() if place is not None}

    def announce(names: Sequence[str]) -> None:
        if names and not quiet:
            asked = one_line(", ".join(names))
            click.echo(f"note: {folder} asks the hub for {asked}; --offline uses only what is here", err=True)

    before, after, stored = pipeline.rerun(folder, clock, output=output, places=given, announce=announce)
    for name in stored if not quiet else ():
        click.echo(f"note: {STORED[name]}", err=True)
    found = repeated.differences(before, after)
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


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--depth",
    type=click.Choice(PLANNED),
    default="quick",
    help="How much is tested: about 45 forward passes, or about 400. [default: quick]",
)
@click.option("--unit", metavar="|".join(UNITS), help="What is removed. [default: word]")
@click.option("--attribution", metavar="|".join(ATTRIBUTION), help="Signed attribution. [default: frozen]")
@click.option("--device", metavar="auto|cpu|cuda|cuda:N|mps", help="Device that the model runs on. [default: auto]")
@click.option("--batch-size", type=int, metavar="N", help="Variants of the text in one forward pass. [default: 8 or 4]")
@click.option("--model", metavar="FOLDER|ID", help="Place of the model now; its weights must be the same.")
@click.option("--tokenizer", metavar="FOLDER|ID", help="Place of a tokenizer of its own now.")
@click.option(
    "--dataset", metavar="PATH|ID", help="Place of the dataset now, where the report hides words of its text."
)
@click.option("--file", metavar="PATH", help="Place of the text now, where the report hides words of it.")
@click.option("--offline", is_flag=True, help="Use only local and cached files.")
@verbose_option
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def faithfulness(
    folder: Path,
    depth: str,
    model: str | None,
    tokenizer: str | None,
    dataset: str | None,
    file: str | None,
    offline: bool,
    verbose: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Test the heatmap of a report, and store the result in it.

    Words are removed from the text, the highest of the heatmap first, and the model reads it again. The verdict says
    whether its prediction suffers more than without random words. FOLDER is changed in one step at the end.
    """
    settle(offline=offline, quiet=quiet)
    from reportgen import examine, pipeline

    clock = clock_for(quiet=quiet, verbose=verbose)
    named = {"model": model, "tokenizer": tokenizer, "dataset": dataset, "file": file}
    places = {name: place for name, place in named.items() if place is not None}
    changes = given_options({**options, "faithfulness": depth})
    report = examine.examine_folder(folder, changes, places, clock, load=pipeline.load)
    if verbose:
        print_seconds(clock.seconds)
    if not quiet:
        print_faithfulness(report)
