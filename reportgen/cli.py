"""The command line: options become a `Config`, results are printed. The only file that prints.

Nothing heavy is imported before a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reportgen import __version__
from reportgen.config import COLOUR_SCALES, MEASURES, Config
from reportgen.errors import DeviceError, DiffersError, LeftOutError, StrictWarningsError, UsageError, one_line
from reportgen.hub import redact
from reportgen.options import (
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
)

if TYPE_CHECKING:
    from reportgen.clock import Advance, Clock
    from reportgen.records import HeadImportance, Report

BUG = 70
INTERRUPTED = 130
TERMINATED = 143
TRUE = ("1", "TRUE", "YES", "ON")
OTHER_OFFLINE = ("HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")  # what these libraries alone would heed
RESUMED = ("examples", "importance")  # commands that go on where they were interrupted
GO_ON = "run the same command again to go on"


class Reportgen(click.Group):
    """The group of commands; an error nobody foresaw becomes one line and exit code 70."""

    def invoke(self, context: click.Context) -> Any:
        """Run a command; `--debug` lets tracebacks through."""
        try:
            return super().invoke(context)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:  # whoever reads has enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still to come goes nowhere
            context.exit(0)
        except SystemExit as stop:
            if stop.code == TERMINATED and context.invoked_subcommand in RESUMED:
                click.echo(f"terminated: {GO_ON}", err=True)
            raise
        except MemoryError as error:
            raise DeviceError("out of memory", hint="use a smaller --max-length, or a shorter text") from error
        except KeyboardInterrupt:
            kept = context.invoked_subcommand in RESUMED
            said = GO_ON if kept else "nothing was written"
            click.echo(f"interrupted: {said}", err=True)
            context.exit(INTERRUPTED)
        except Exception as error:
            if context.params.get("debug"):
                raise
            click.echo(f"error: {type(error).__name__}: {one_line(redact(str(error)))}", err=True)
            command = context.invoked_subcommand or "run"
            click.echo(f"hint: this is a bug; run again with reportgen --debug {command} ... and report it", err=True)
            context.exit(BUG)


@click.group(cls=Reportgen, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="reportgen")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Show which tokens the attention heads of a long-document classifier attend to.

    One command turns one text into a self-contained HTML page, a PDF, and the data behind them.
    """
    signal.signal(signal.SIGTERM, _terminate)


@main.command()
@model_options
@data_options
@choice_options
@reading_options
@long_options
@click.option(
    "--importance",
    metavar="PATH|auto|none",
    help="Head importance: .safetensors, .npy, .csv, .json, .pt; auto computes it over a small sample.",
)
@click.option("--importance-key", metavar="NAME", help="Which tensor of that file.")
@click.option("--top-k", type=int, metavar="N", help="Length of the top lists. [default: 10]")
@click.option("--positions", metavar="P,P", help="Tokens of the layer trend. [default: [CLS] and the five top tokens]")
@click.option("--colour-scale", metavar="|".join(COLOUR_SCALES), help="How scores become colours.")
@click.option("--language", metavar="CODE", help="Language of the text, for its stop words. [default: en]")
@machine_options
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
    _settle(offline=config.offline, quiet=quiet)
    from reportgen import pipeline

    clock = _clock(quiet=quiet, verbose=verbose)
    report, folder = pipeline.run(config, clock)
    _print(report, folder, clock.seconds, quiet=quiet, as_json=as_json, verbose=verbose)
    if config.strict and report.warnings:
        count = len(report.warnings)
        raise StrictWarningsError(f"{count} warning{'s' if count > 1 else ''}", hint="see above, and in the report")


@main.command()
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
    _settle(offline=config.offline, quiet=quiet)
    from reportgen import examples as answers
    from reportgen import pipeline

    clock = _clock(quiet=quiet, verbose=verbose)
    found = pipeline.predict_rows(config, clock, output=output, overwrite=overwrite)
    if verbose:
        _print_seconds(clock.seconds)
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


@main.command()
@model_options
@data_options
@click.option("--measure", default="taylor", metavar="|".join(MEASURES), help="What importance is. [default: taylor]")
@click.option("--limit", type=int, metavar="N", help="Draw N rows at random. [default: 500]")
@reading_options
@machine_options
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
    measure: str, output: Path, overwrite: bool, restart: bool, verbose: bool, quiet: bool, **options: Any
) -> None:
    """Compute how much each head matters for the gold label, over a sample of a split, for run --importance FILE.

    An interrupted run goes on where it was when the same command is given again.
    """
    config = configure(options, rows=True)
    _settle(offline=config.offline, quiet=quiet)
    from reportgen import pipeline

    clock = _clock(quiet=quiet, verbose=verbose)
    found = pipeline.measure_importance(config, clock, by=measure, output=output, overwrite=overwrite, restart=restart)
    if verbose:
        _print_seconds(clock.seconds)
    drawn, used = int(found.provenance["rows drawn"]), int(found.provenance["examples"])
    if used < drawn:
        told = f"warning: {drawn - used} of {drawn} rows have no gold label that the model knows: they are left out"
        click.echo(told, err=True)
    if not quiet:
        _print_heads(found)
    click.echo(output)


@main.group(invoke_without_command=True)
@click.pass_context
def presets(context: click.Context) -> None:
    """List the presets; presets show NAME prints one to copy."""
    if context.invoked_subcommand is not None:
        return
    from reportgen import presets as known

    width = max(map(len, known.names()))
    for name in known.names():
        click.echo(f"{name:{width}}  {known.description(name)}")


@presets.command()
@click.argument("name")
def show(name: str) -> None:
    """Print the preset NAME, to copy and change; run --preset takes the path of yours."""
    from reportgen import presets as known

    click.echo(known.text(name), nl=False)


@presets.command()
def schema() -> None:
    """Print what a preset may hold, as JSON Schema, for editors that check TOML."""
    from reportgen import presets as known

    click.echo(json.dumps(known.schema(), indent=2))


@main.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--scores", metavar="FILE", help="Tokens and scores that someone else computed (JSON); no FOLDER then.")
@click.option("--title", help="Title of a report of --scores.")
@click.option("--top-k", type=int, metavar="N", help="Length of the top lists. [default: the stored one, or 10]")
@click.option("--colour-scale", metavar="|".join(COLOUR_SCALES), help="How scores become colours.")
@click.option("--language", metavar="CODE", help="Language of the text, for its stop words.")
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
    from reportgen import presentation

    if (folder is None) == (scores is None):
        raise UsageError("give one of FOLDER and --scores", hint="reportgen render --help")
    if title is not None and scores is None:
        raise UsageError("--title goes with --scores", hint="a stored report has its title")
    given = given_options(options)
    clock = _clock(quiet=quiet, verbose=verbose)
    if scores is not None:
        config = Config(**given)
        report, target = presentation.render_scores(Path(scores), config, clock, title=title)
    else:
        assert folder is not None  # one of the two is given
        target = Path(given.pop("output", folder))
        report = presentation.render(folder, target, given, clock)
    for warning in report.warnings:
        click.echo(f"warning: {one_line(warning.message)}", err=True)
    if verbose:
        _print_seconds(clock.seconds)
    click.echo(target / "report.html" if (target / "report.html").is_file() else target)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-q", "--quiet", is_flag=True, help="Print nothing unless something is wrong.")
def verify(folder: Path, quiet: bool) -> None:
    """Compare every file of the report in FOLDER with the hash in its manifest; exit code 7 if one differs."""
    from reportgen import store

    count, others = store.verify(folder)
    if quiet:
        return
    for name in others:
        click.echo(f"note: not in the manifest: {one_line(name)}", err=True)
    click.echo(f"{folder}: all {count} files are as they were written")


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", metavar="FOLDER", type=click.Path(path_type=Path), help="Keep the new report here.")
@click.option("--offline", is_flag=True, help="Use only what is on this disk.")
@click.option("-v", "--verbose", is_flag=True, help="Say which stage runs and how long each took.")
@click.option("-q", "--quiet", is_flag=True, help="Print differences and nothing else.")
def rerun(folder: Path, output: Path | None, offline: bool, verbose: bool, quiet: bool) -> None:
    """Run the configuration of the report in FOLDER again and say what differs; exit code 10 if the results do.

    Numbers that differ by no more than a sum in another order are the same.
    """
    _settle(offline=offline, quiet=quiet)
    from reportgen import compare, pipeline

    clock = _clock(quiet=quiet, verbose=verbose)
    before, after = pipeline.rerun(folder, clock, output=output)
    found = compare.compare(before, after)
    for one in found:
        click.echo(f"{one.what}: {one_line(one.before)} -> {one_line(one.after)}")
    if verbose:
        _print_seconds(clock.seconds)
    count = sum(one.matters for one in found)
    if count:
        raise DiffersError(f"{count} result{'s differ' if count > 1 else ' differs'}", hint="see above")
    if not quiet:
        click.echo(f"{folder}: the results are the same")
    if output is not None:
        click.echo(output)


def _print(
    report: Report, folder: Path, seconds: dict[str, float], *, quiet: bool, as_json: bool, verbose: bool
) -> None:
    """Warnings and timings on stderr, the result on stdout, the path last."""
    for warning in report.warnings:
        click.echo(f"warning: {one_line(warning.message)}", err=True)
    if verbose:
        _print_seconds(seconds)
    said = report.prediction
    assert said is not None  # a run predicts
    label, probability = said.labels[said.predicted], said.probabilities[said.predicted]
    if as_json:
        result = {
            "report": str(folder),
            "predicted": label,
            "probability": probability,
            "gold": said.gold_text if said.gold is None else said.labels[said.gold],
            "verdict": said.verdict,
            "tokens": len(report.tokens),
            "device": report.provenance.device,
            "warnings": [warning.code for warning in report.warnings],
            "seconds": {stage: round(taken, 3) for stage, taken in seconds.items()},
        }
        click.echo(json.dumps(result, ensure_ascii=False))
        return
    if not quiet:
        _print_sections(folder / "report.html")
        click.echo(f"device: {report.provenance.device.upper()}", err=True)
        verdict = "" if said.gold_text is None else f", {said.verdict}"
        click.echo(f"{one_line(report.example.title)}: {one_line(label)} ({probability:.1%}){verdict}")
    click.echo(folder / "report.html" if (folder / "report.html").is_file() else folder)


def _print_sections(page: Path) -> None:
    """What the bytes of the page are spent on, on stderr; MB of a million bytes, as --max-html-mb counts them."""
    if not page.is_file():
        return
    from reportgen import render

    sizes = render.sections(page.read_text(encoding="utf-8"))
    parts = ", ".join(f"{name} {size / 1e6:.2f}" for name, size in sizes.items() if size >= 5000)
    click.echo(f"{page.name}: {sum(sizes.values()) / 1e6:.2f} MB ({parts})", err=True)


def _print_heads(found: HeadImportance) -> None:
    """The ten most important heads, and over what."""
    facts = found.provenance
    click.echo(f"{found.measure} over {facts['examples']} examples of {facts['data']}; the most important heads:")
    heads = [(layer, head) for layer, row in enumerate(found.values) for head in range(len(row))]
    for layer, head in sorted(heads, key=lambda place: -found.values[place])[:10]:
        value = found.values[layer, head]
        click.echo(f"  layer {layer + 1:2}  head {head + 1:2}  {value:.3f}")


def _print_seconds(seconds: dict[str, float]) -> None:
    click.echo("  ".join(f"{stage} {taken:.2f} s" for stage, taken in seconds.items()), err=True)


def _settle(*, offline: bool, quiet: bool) -> None:
    """Tell the clients of the hub what they read once, when they are imported."""
    if offline or any(os.environ.get(name, "0").upper() in TRUE for name in OTHER_OFFLINE):
        os.environ["HF_HUB_OFFLINE"] = "1"
    if quiet:
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # of downloads


def _clock(*, quiet: bool, verbose: bool) -> Clock:
    """A clock that says on stderr which stage runs, and how far it has come, where somebody may be looking."""
    from reportgen.clock import Clock, untold

    shown = not quiet and (verbose or sys.stderr.isatty())
    tell = (lambda stage: click.echo(f"{stage} ...", err=True)) if shown else _silent
    return Clock(tell=tell, track=untold if quiet else _bar)


@contextlib.contextmanager
def _bar(what: str, total: int) -> Iterator[Advance]:
    """A progress bar on stderr, where that is a terminal."""
    from tqdm import tqdm

    silent = os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS", "0").upper() in TRUE
    with tqdm(total=total, desc=what, unit=" examples", disable=True if silent else None) as bar:
        yield bar.update


def _silent(_: str) -> None:
    """Say nothing."""


def _terminate(*_: object) -> None:
    raise SystemExit(TERMINATED)
