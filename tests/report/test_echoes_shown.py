"""Echoes of position are outlined in every output, off the scale and out of rankings; kept, they are like others."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import html5lib
import numpy as np
import pandas as pd
import pytest

from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.errors import UsageError
from reportgen.core.nouns.records import Report
from reportgen.report import heatmap, present, tables, words
from reportgen.report.draw import chart_points, findings
from reportgen.report.page import render
from reportgen.report.paper import excerpt, pdf
from reportgen.report.stored import store
from reportgen.site import cards
from tests import reports, tex

ECHOES = (11, 22, 33)  # "sees" is at 22


@cache
def echoing(*, keep: bool = False) -> Report:
    """A report whose highest scores by far are those of three tokens in the text."""
    plain = reports.report(layers=2, heads=2)
    received = plain.attention.received.copy()
    received[:, :, list(ECHOES)] = 30 + np.arange(3)
    echo = tuple(place in ECHOES for place in range(len(plain.tokens)))
    return replace(
        plain,
        tokens=replace(plain.tokens, echo=echo, keep_echoes=keep),
        attention=replace(plain.attention, received=received, period=11),
    )


@cache
def parts(*, keep: bool = False) -> Any:
    return reports.parts(echoing(keep=keep))


def test_echoes_have_no_class_and_do_not_stretch_the_scale() -> None:
    """The other tokens are coloured as if the echoes were not there."""
    report, view = echoing(), parts().views[1]
    scores, _ = reports.ranked(report)
    cells = heatmap.cells(report.example.text, report.tokens)
    assert [cell.positions[0] for cell, heat in zip(cells, view.classes, strict=True) if heat < 0] == [
        0, *ECHOES, len(cells) - 1
    ]  # fmt: skip
    others = scores.total[report.tokens.content]
    assert view.values[5] == pytest.approx((scores.total[5] - others.min()) / np.ptp(others) * 100, abs=1e-3)
    assert view.coloured == len(cells) - 5


def test_kept_they_have_the_strongest_colours() -> None:
    classes = parts(keep=True).views[1].classes
    assert [n for n, heat in enumerate(classes) if heat == 15] == list(ECHOES)[-1:] or classes[33] == 15
    assert min(classes[place] for place in ECHOES) > 10
    runs = [run for run in parts(keep=True).spans[0] if run.kind == "echo"]
    assert [run.first for run in runs] == list(ECHOES)


def test_no_ranking_word_or_finding_begins_with_an_echo() -> None:
    report, kept = echoing(), echoing(keep=True)
    for given, there in ((report, False), (kept, True)):
        scores, rankings = reports.ranked(given)
        assert (rankings.by_score[:3].tolist() == [33, 22, 11]) == there
        assert bool(set(ECHOES) & set(chart_points.trend_positions(given, rankings))) == there
        found = words.whole_words(given.example.text, given.tokens, language="en")
        counted = words.count_words(found, rankings.attended_counts)
        assert sum(word.occurrences for word in counted) == len(given.tokens) - 2 - 3 * (not there)
        named = given.words()[33]
        content = named in {word.text for word in words.content_words(found)}
        assert (named in words.top_words(found, rankings.by_score, count=5)) == (there and content)
        assert there or named not in (*reports.parts(given).summary, *cards.card(given, name="x").top_tokens)
        times = float(findings.concentration(given, scores, rankings).number.rstrip("×"))
        top = np.sort(scores.total[rankings.by_score] + scores.base * np.prod(given.attention.shape[:2]))[::-1]
        assert times == pytest.approx(top[:3].mean() / top.mean(), abs=0.06)
        assert ("echoes of position" in reports.parts(given).tables[0].caption) != there
        tops = tables.for_people(given, scores, rankings, counted)[0].rows
        assert ("33" in [row[2] for row in tops]) == there


def test_a_word_with_an_echo_among_its_pieces_stays_whole() -> None:
    """Its score is that of its other pieces."""
    text = "Longformers read"
    read = reports.tokens(text, spans=[(0, 4), (4, 8), (8, 11), (12, 16)])
    echo = (False, False, True, False, False, False)
    (one, other) = words.whole_words(text, replace(read, echo=echo), language="en")
    assert (one.text, one.positions, one.echoes) == ("Longformers", (1, 3), (2,))
    assert (other.text, other.positions, other.echoes) == ("read", (4,), ())
    (one, _) = words.whole_words(text, replace(read, echo=echo, keep_echoes=True), language="en")
    assert (one.positions, one.echoes) == ((1, 2, 3), ())


def test_a_character_with_an_echo_among_its_pieces_is_outlined_whole() -> None:
    text = "\U0001f469\u200d\U0001f467 x"
    read = reports.tokens(text, spans=[(0, 1), (1, 2), (2, 3), (4, 5)])
    cells = heatmap.cells(text, replace(read, echo=(False, False, True, False, False, False)))
    assert [(cell.positions, cell.echo, cell.left_out) for cell in cells][1:3] == [
        ((1, 2, 3), True, True), ((4,), False, False)
    ]  # fmt: skip


@pytest.mark.parametrize("keep", [False, True])
def test_the_tables_have_a_column_for_echoes_and_the_same_numbers(keep: bool) -> None:
    report = echoing(keep=keep)
    made = tables.files(report, *reports.ranked(report))
    tokens = pd.read_csv(io.BytesIO(made["tokens.csv"]))
    assert tokens.index[tokens["echo"]].tolist() == list(ECHOES)
    every = pd.read_parquet(io.BytesIO(made["token_attention.parquet"]))
    assert sorted(set(every["position"][every["echo"]])) == list(ECHOES)
    assert every["echo"].sum() == 3 * 2 * 2
    top = pd.read_parquet(io.BytesIO(made["top_tokens.parquet"]))
    assert top[top["rank"] <= 3]["echo"].all()
    attended = pd.read_parquet(io.BytesIO(made["attended_tokens.parquet"]))
    assert (attended["echo"] == attended["token_position"].isin(ECHOES)).all()
    unmarked = replace(report, tokens=replace(report.tokens, echo=(), keep_echoes=False))
    before = tables.files(unmarked, *reports.ranked(unmarked))
    for name, content in made.items():
        read = pd.read_csv if name.endswith("csv") else pd.read_parquet
        one, other = (read(io.BytesIO(given)) for given in (content, before[name]))
        pd.testing.assert_frame_equal(one.drop(columns="echo"), other.drop(columns="echo"))
        assert not other["echo"].any()


def test_the_page_outlines_them_and_says_so() -> None:
    page = parsed(render.page(echoing(), parts(), bundle=reports.STUB_BUNDLE))
    marked = [span for span in page.iter("span") if span.get("class") == "echo"]
    assert [int(span.get("data-position", "")) for span in marked] == list(ECHOES)
    assert {span.get("title") for span in marked} == {"Echo: the position of <s> repeats here"}
    assert "3 tokens where the position of <s> repeats are outlined with dashes and left out of the scale." in scale(
        page
    )
    controls = [parsed(held.text or "") for held in page.iter(ElementTree.Comment)]  # `first.js` builds them
    assert [box for held in controls for box in held.iter("input") if box.get("name") == "echoes"]
    page = parsed(render.page(echoing(keep=True), parts(keep=True), bundle=reports.STUB_BUNDLE))
    classes = [span.get("class", "") for span in page.iter("span")]
    assert sum(name.startswith("echo ") for name in classes) == 3
    assert "outlined with dashes and on the scale." in scale(page)


def parsed(html: str) -> ElementTree.Element:
    return html5lib.parse(html, namespaceHTMLElements=False)


def scale(page: ElementTree.Element) -> str:
    """The sentence below the legend of the first view."""
    return "".join(next(one for one in page.iter("p") if one.get("class") == "scale").itertext())


def test_a_page_without_echoes_does_not_speak_of_them() -> None:
    page = render.page(reports.report(), reports.parts(reports.report()), bundle=reports.STUB_BUNDLE)
    page = page[: page.index("<script type")]
    assert 'name="echoes"' not in page
    assert "repeats" not in page


def test_an_excerpt_outlines_them() -> None:
    """In the figure as SVG: a frame around the letters, no colour."""
    runs = excerpt.within(parts().spans[0], range(20, 25), tokens=len(echoing().tokens))
    lines, how = heatmap.lines(runs), {"width": 237.6, "family": "DejaVu Sans", "title": "x"}
    view = parts().views[0]
    layout = excerpt.measure(render.excerpt(echoing(), view, lines, height=None, **how))
    root = ElementTree.fromstring(excerpt.svg(view, layout, **how))
    frames = [e for e in root.iter("{http://www.w3.org/2000/svg}rect") if e.get("stroke-dasharray")]
    assert len(frames) == 1
    x, width = float(frames[0].get("x", "")), float(frames[0].get("width", ""))
    (word,) = (e for e in root.iter("{http://www.w3.org/2000/svg}text") if e.text == echoing().words()[22])
    assert x == pytest.approx(float(word.get("x", "")), abs=0.3)
    assert width == pytest.approx(float(word.get("textLength", "")), abs=0.6)


@pytest.mark.skipif(shutil.which("pdftotext") is None and "CI" not in os.environ, reason="pdftotext is not installed")
def test_the_pdf_says_which_they_are(tmp_path: Path) -> None:
    report = replace(echoing(), warnings=())
    made = pdf.pdf(render.document(report, parts()), created=report.provenance.created)
    (tmp_path / "x.pdf").write_bytes(made.data)
    said = subprocess.run(["pdftotext", tmp_path / "x.pdf", "-"], capture_output=True, text=True, check=True).stdout
    assert "3 tokens where the position of <s> repeats are outlined with dashes" in " ".join(said.split())


def test_latex_draws_a_frame_around_them() -> None:
    source = tex.made(echoing())["heatmap.tex"].decode()
    assert source.count(r"\reportgenecho{") == 3
    kept = tex.made(echoing(keep=True))["heatmap.tex"].decode()
    assert kept.count(r"\reportgenecho{\reportgenheat{") == 3
    assert r"without special tokens, white space and echoes of position" in " ".join(
        tex.made(echoing())["top_tokens.tex"].decode().split()
    )


@tex.needs_tex
@tex.engines
def test_tex_sets_the_frames(engine: str, tmp_path: Path) -> None:
    for keep in (False, True):
        folder = tex.write(tmp_path / str(keep), echoing(keep=keep))
        code, log = tex.run(folder, engine, "heatmap.tex")
        assert code == 0, log


def test_an_asked_for_echo_is_named_in_the_layer_trend() -> None:
    names = chart_points.trend_names(echoing(), [5, 22])
    assert [name.endswith(" (echo)") for name in names] == [False, True]


def test_a_report_from_before_there_were_echoes_comes_back(tmp_path: Path) -> None:
    """Its report.json says nothing of them."""
    for name, content in store.dump(reports.report()).items():
        (tmp_path / name).write_bytes(content)
    plain = json.loads((tmp_path / "report.json").read_text())
    del plain["tokens"]["echo"], plain["tokens"]["keep_echoes"], plain["attention"]["period"]
    (tmp_path / "report.json").write_text(json.dumps(plain))
    assert store.load(tmp_path) == reports.report()


def test_a_stored_report_can_be_rendered_with_its_echoes(tmp_path: Path) -> None:
    """And back again: the warning says what is shown."""
    report = echoing()
    report = replace(report, provenance=replace(report.provenance, configuration={"format": ["html"]}))
    files = store.dump(report)
    store.write(tmp_path / "a", files, facts=store.facts(report, ()), overwrite=False)
    kept = present.render(tmp_path / "a", tmp_path / "a", {"echoes": "keep"}, Clock())
    assert kept.tokens.keep_echoes
    assert "like other tokens" in {one.code: one.message for one in kept.warnings}["echoes"]
    assert store.load(tmp_path / "a") == kept
    again = present.render(tmp_path / "a", tmp_path / "a", {"echoes": "leave-out"}, Clock())
    assert not again.tokens.keep_echoes
    assert "left out" in {one.code: one.message for one in again.warnings}["echoes"]


def test_another_word_for_the_choice_is_an_error() -> None:
    with pytest.raises(UsageError, match="--echoes hide: unknown; choose from leave-out, keep"):
        Config(echoes="hide")  # type: ignore[arg-type]


def test_latex_says_what_the_frames_are() -> None:
    for keep, ending in ((False, "are framed and left out of the scale."), (True, "are framed.")):
        source = " ".join(tex.made(echoing(keep=keep))["heatmap.tex"].decode().split())
        assert f"repeats {ending}" in source
    assert "framed" not in tex.made(reports.report())["heatmap.tex"].decode()
