"""The command line: options become a `Config`, results are printed. The only file that prints.

Nothing heavy is imported before a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reportgen import __version__
from reportgen.config import (
    COLOUR_SCALES,
    DEFAULT_FORMATS,
    DTYPES,
    FORMATS,
    PAPERS,
    PDF_NEEDS,
    PDF_VARIANTS,
    Config,
    load_preset,
    option,
)
from reportgen.errors import DeviceError, DiffersError, StrictWarningsError, UsageError, one_line

if TYPE_CHECKING:
    from reportgen.clock import Clock
    from reportgen.records import Report

BUG = 70
INTERRUPTED = 130
TERMINATED = 143


class Reportgen(click.Group):
    """The group of commands; an error nobody foresaw becomes one line and exit code 70."""

    def invoke(self, context: click.Context) -> Any:
        """Run a command; `--debug` lets tracebacks through."""
        try:
            return super().invoke(context)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except MemoryError as error:
            raise DeviceError("out of memory", hint="use a smaller --max-length, or a shorter text") from error
        except KeyboardInterrupt:
            click.echo("interrupted: nothing was written", err=True)
            context.exit(INTERRUPTED)
        except Exception as error:
            if context.params.get("debug"):
                raise
            click.echo(f"error: {type(error).__name__}: {one_line(str(error))}", err=True)
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


def presentation_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of `run` and `render` that say what is written, and how."""
    for one in reversed(
        (
            click.option("-o", "--output", metavar="FOLDER", help="Where the report goes. [default: reports/NAME]"),
            click.option(
                "--format", metavar="LIST", help=f"Of {','.join(FORMATS)}. [default: {','.join(DEFAULT_FORMATS)}]"
            ),
            click.option("--paper", metavar="|".join(PAPERS), help="Paper of the PDF. [default: a4]"),
            click.option(
                "--pdf", metavar="|".join(PDF_NEEDS), help="Whether a report without a PDF will do. [default: required]"
            ),
            click.option(
                "--pdf-variant",
                metavar="|".join(PDF_VARIANTS),
                help="Standard of the PDF; a-3u carries the tables. [default: ua-1]",
            ),
            click.option("--figure-width", metavar="W,W", help="Widths of the figures. [default: 3.3in,6.9in]"),
            click.option("--figure-font", metavar="NAME", help="Font of the figures, if the manuscript has another."),
            click.option("--span", metavar="P:P", help="Part of the heatmap for figures and latex, like 120:260."),
            click.option(
                "--max-html-mb",
                type=float,
                metavar="MB",
                help="Fill the page with links up to this size; warn above. [default: short lists, warn above 8]",
            ),
        )
    ):
        command = one(command)
    return command


@main.command()
@click.option("--preset", metavar="NAME|PATH", help="Settings to start from: demo, or a TOML file. [default: demo]")
@click.option("--model", metavar="FOLDER|ID", help="A sequence classifier: a folder, or an id on the hub.")
@click.option("--revision", metavar="REV", help="Branch, tag or commit of the model on the hub.")
@click.option("--tokenizer", metavar="FOLDER|ID", help="Tokenizer, if it is not the model's own.")
@click.option("--labels", metavar="A,B", help="Names of the labels, instead of the model's own.")
@click.option("--index", type=int, metavar="N", help="Row of the split; the demo has 0 to 15.")
@click.option("--text", help="Read this text.")
@click.option("--file", metavar="PATH|-", help="Read the text in this file (UTF-8); - is standard input.")
@click.option("--label", metavar="NAME|INDEX", help="Gold label of --text or --file.")
@click.option("--max-length", type=int, metavar="N", help="Tokens to read. [default: the model's limit]")
@click.option("--max-chars", type=int, metavar="N", help="Refuse longer texts. [default: 5000000]")
@click.option("--attention-window", type=int, metavar="N", help="Window of all layers, not the model's own.")
@click.option("--global-tokens", metavar="P,P", help="Positions with global attention. [default: 0]")
@click.option("--importance", metavar="PATH|none", help="Head importance: .safetensors, .npy, .csv, .json, .pt.")
@click.option("--importance-key", metavar="NAME", help="Which tensor of that file.")
@click.option("--top-k", type=int, metavar="N", help="Length of the top lists. [default: 10]")
@click.option("--positions", metavar="P,P", help="Tokens of the layer trend. [default: [CLS] and the five top tokens]")
@click.option("--colour-scale", metavar="|".join(COLOUR_SCALES), help="How scores become colours.")
@click.option("--language", metavar="CODE", help="Language of the text, for its stop words. [default: en]")
@click.option("--device", metavar="auto|cpu|cuda|cuda:N|mps", help="Where the model runs. [default: auto]")
@click.option("--dtype", metavar="|".join(DTYPES), help="Numbers of the model. [default: float32]")
@click.option("--seed", type=int, metavar="N", help="Seed of torch. [default: 0]")
@presentation_options
@click.option("--overwrite", is_flag=True, default=None, help="Replace a report that stands there.")
@click.option("--offline", is_flag=True, default=None, help="Use only what is on this disk.")
@click.option("--require-safetensors", is_flag=True, default=None, help="Refuse weights in PyTorch's own format.")
@click.option("--strict", is_flag=True, default=None, help="End with exit code 10 if there are warnings.")
@click.option("-v", "--verbose", is_flag=True, help="Say which stage runs and how long each took.")
@click.option("-q", "--quiet", is_flag=True, help="Print the path of the report and nothing else.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def run(verbose: bool, quiet: bool, as_json: bool, **options: Any) -> None:
    """Make a report of one text: the embedded demo, --text, or --file."""
    config = configure(options)
    if config.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when huggingface_hub is imported
    from huggingface_hub.utils.tqdm import disable_progress_bars

    from reportgen import pipeline

    if quiet:
        disable_progress_bars()  # of downloads
    clock = _clock(quiet=quiet, verbose=verbose)
    report, folder = pipeline.run(config, clock)
    _print(report, folder, clock.seconds, quiet=quiet, as_json=as_json, verbose=verbose)
    if config.strict and report.warnings:
        count = len(report.warnings)
        raise StrictWarningsError(f"{count} warning{'s' if count > 1 else ''}", hint="see above, and in the report")


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
    known = {field.name for field in fields(Config)}
    given = {name: value for name, value in options.items() if value is not None and name in known}
    given |= _lists(given)
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
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
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


def configure(options: dict[str, Any]) -> Config:
    """Preset and options, checked, as one configuration; options win.

    Raises:
        UsageError: If a value is none, or options contradict each other.
    """
    known = {field.name for field in fields(Config)}
    given = {name: value for name, value in options.items() if value is not None and name in known}
    own = [name for name in ("text", "file") if name in given]
    if len(own) > 1 or (own and "index" in given):
        raise UsageError("give one of --text, --file and --index", hint="each names the text to read")
    if "model" in given and not own and "preset" not in given:
        raise UsageError("--model needs a text to read", hint="add --text or --file, or --preset demo")
    preset = given.pop("preset", None if "model" in given else "demo")
    base = load_preset(preset) if preset else Config()
    if own:
        base = replace(base, dataset=None, index=None, text=None, file=None, label=None)
    elif "index" in given:
        base = replace(base, text=None, file=None, label=None)
    elif "label" in given and base.text is None and base.file is None:
        raise UsageError("--label goes with --text or --file", hint="rows of a dataset carry their own label")
    if "model" in given and given["model"] != base.model and "importance" not in given:
        base = replace(base, importance="none")  # a preset's importance belongs to its model
    return replace(base, **given | _lists(given))


def _lists(given: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """The options that hold several values, taken apart at their commas."""
    parts: dict[str, tuple[Any, ...]] = {
        name: tuple(part.strip() for part in given[name].split(",") if part.strip() or name == "labels")
        for name in ("format", "labels", "global_tokens", "positions", "figure_width")
        if name in given
    }
    for name in {"global_tokens", "positions"} & set(parts):
        try:
            parts[name] = tuple(sorted({int(part) for part in parts[name]}))
        except ValueError as error:
            raise UsageError(f"{option(name)} takes positions, like 0,17") from error
    return parts


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
        click.echo(f"{one_line(report.example.title)}: {one_line(label)} ({probability:.1%}), {said.verdict}")
    click.echo(folder / "report.html" if (folder / "report.html").is_file() else folder)


def _print_sections(page: Path) -> None:
    """What the bytes of the page are spent on, on stderr; MB of a million bytes, as --max-html-mb counts them."""
    if not page.is_file():
        return
    from reportgen import render

    sizes = render.sections(page.read_text(encoding="utf-8"))
    parts = ", ".join(f"{name} {size / 1e6:.2f}" for name, size in sizes.items() if size >= 5000)
    click.echo(f"{page.name}: {sum(sizes.values()) / 1e6:.2f} MB ({parts})", err=True)


def _print_seconds(seconds: dict[str, float]) -> None:
    click.echo("  ".join(f"{stage} {taken:.2f} s" for stage, taken in seconds.items()), err=True)


def _clock(*, quiet: bool, verbose: bool) -> Clock:
    """A clock that says on stderr which stage runs, where somebody may be looking."""
    from reportgen.clock import Clock

    shown = not quiet and (verbose or sys.stderr.isatty())
    return Clock(tell=(lambda stage: click.echo(f"{stage} ...", err=True)) if shown else _silent)


def _silent(_: str) -> None:
    """Say nothing."""


def _terminate(*_: object) -> None:
    raise SystemExit(TERMINATED)
