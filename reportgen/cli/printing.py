"""Print what several commands share: results, timings, progress; and prepare clock and hub before a command."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from reportgen.core.errors import one_line
from reportgen.core.nouns.labels import NO_LABEL, Prediction
from reportgen.core.numbers import numeral

if TYPE_CHECKING:
    from reportgen.core.clock import Advance, Clock
    from reportgen.core.nouns.records import HeadImportance, Report
    from reportgen.pipeline import Written

TRUE = ("1", "TRUE", "YES", "ON")
OTHER_OFFLINE = ("HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")  # read only by those libraries


def print_report(made: Written, seconds: dict[str, float], *, quiet: bool, as_json: bool, verbose: bool) -> None:
    """Print warnings and timings on stderr, then the result and the path on stdout."""
    report, folder, files = made
    page = files.get("report.html")
    for warning in report.warnings:
        click.echo(f"warning: {one_line(warning.message)}", err=True)
    if verbose:
        print_seconds(seconds)
    said = report.prediction
    assert said is not None  # a run predicts
    if as_json:
        click.echo(json.dumps(plain(made, seconds), ensure_ascii=False))
        return
    if not quiet:
        if page is not None and verbose:
            print_sections(page)
        click.echo(f"device: {report.provenance.device.upper()}", err=True)
        verdict = "" if said.gold_text is None else f", {said.verdict}"
        click.echo(f"{one_line(report.example.title)}: {predicted(said)}{verdict}")
        print_faithfulness(report)
    click.echo(folder if page is None else folder / "report.html")


def plain(made: Written, seconds: dict[str, float]) -> dict[str, Any]:
    """What `run --json` prints: the answer of the model, what draws attention, whether it was tested, and the files."""
    from reportgen.core.nouns.faithfulness import VIEWS
    from reportgen.report import opening, passages

    report, folder, files = made
    said = report.prediction
    assert said is not None  # a run predicts
    verdict = opening.verdict(report)
    return {
        "report": str(folder),
        "files": [str(folder / name) for name in sorted(files)],
        "predicted": list(said.predicted_names) if said.several else said.predicted_name,
        "probability": said.confidence,
        "probabilities": {said.labels[index]: said.probabilities[index] for index in said.by_probability},
        "gold": list(said.gold_names) if said.several and said.gold_names is not None else said.gold_name,
        "verdict": said.verdict,
        "top_words": list(passages.top_words(report)),
        "tokens": len(report.tokens),
        "device": report.provenance.device,
        "faithfulness": verdict.code if verdict else None,
        "faithfulness_view": VIEWS[verdict.order] if verdict else None,
        "faithfulness_verdict": None if verdict is None else verdict.sentence,
        "warnings": [warning.code for warning in report.warnings],
        "seconds": {stage: round(taken, 3) for stage, taken in seconds.items()},
    }


def print_faithfulness(report: Report) -> None:
    """Print the verdict on the view that the page opens with, and what must be known of it; nothing without a test."""
    from reportgen.report import opening

    if report.faithfulness is None:
        return
    if (verdict := opening.verdict(report)) is not None:
        click.echo(f"{opening.headline(report)}. {verdict.sentence}")
    for caveat in report.faithfulness.caveats:
        click.echo(f"note: {one_line(caveat.message)}", err=True)


def predicted(said: Prediction) -> str:
    """The predicted label, or labels, with their probabilities; of none, the most probable."""
    shown = said.tied or said.chosen or (said.predicted,)
    named = [f"{one_line(said.labels[n])} ({said.probabilities[n]:.1%})" for n in shown]
    if said.tied:
        return f"tied: {', '.join(named)}"
    return ", ".join(named) if said.chosen else f"{NO_LABEL}; the most probable is {named[0]}"


def print_sections(page: bytes) -> None:
    """Print the size of each part of the page on stderr; one MB is a million bytes, as for --max-html-mb."""
    from reportgen.report.page import render

    sizes = render.sections(page.decode())
    parts = ", ".join(f"{name} {size / 1e6:.2f}" for name, size in sizes.items() if size >= 5000)
    click.echo(f"report.html: {sum(sizes.values()) / 1e6:.2f} MB ({parts})", err=True)


def print_heads(found: HeadImportance) -> None:
    """Print the ten most important heads and the sample that was measured."""
    facts = found.provenance
    click.echo(f"{found.measure} over {facts['examples']} examples of {facts['data']}; the most important heads:")
    heads = [(layer, head) for layer, row in enumerate(found.values) for head in range(len(row))]
    for layer, head in sorted(heads, key=lambda place: -found.values[place])[:10]:
        value = found.values[layer, head]
        click.echo(f"  layer {layer + 1:2}  head {head + 1:2}  {numeral(value)}")


def drop_output() -> None:
    """Discard all further output, because its reader is gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_seconds(seconds: dict[str, float]) -> None:
    """Print the time of every stage on stderr."""
    click.echo("  ".join(f"{stage} {taken:.2f} s" for stage, taken in seconds.items()), err=True)


def settle(*, offline: bool, quiet: bool) -> None:
    """Set the environment of the hub clients, which they read once, on import."""
    if offline or any(os.environ.get(name, "0").upper() in TRUE for name in OTHER_OFFLINE):
        os.environ["HF_HUB_OFFLINE"] = "1"
    if quiet:
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # of downloads


def clock_for(*, quiet: bool, verbose: bool) -> Clock:
    """A clock that shows stages and progress on stderr, if that is a terminal or the command is verbose."""
    from reportgen.core.clock import Clock, untold

    shown = not quiet and (verbose or sys.stderr.isatty())
    tell = (lambda stage: click.echo(f"{stage} ...", err=True)) if shown else silent
    return Clock(tell=tell, track=untold if quiet else bar)


@contextlib.contextmanager
def bar(what: str, total: int) -> Iterator[Advance]:
    """A progress bar on stderr, if that is a terminal."""
    from tqdm import tqdm

    silent = os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS", "0").upper() in TRUE
    unit = " passes" if what == "faithfulness" else " examples"
    with tqdm(total=total, desc=what, unit=unit, disable=True if silent else None) as bar:
        yield bar.update


def silent(_: str) -> None:
    """Say nothing."""
