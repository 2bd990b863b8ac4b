"""excerpt: a stretch of the heatmap -> SVG, each token where the typesetter has put it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from reportgen.core.errors import OutputError, UsageError
from reportgen.core.palette import HEAT_LIGHT, PAINTED, SIGNED_LIGHT, line_below
from reportgen.report import heatmap
from reportgen.report.page import render
from reportgen.report.paper import excerpt, painting, positions, typesetting
from reportgen.report.parts import Run
from tests import faithful, reports

SVG = "{http://www.w3.org/2000/svg}"
HOW: dict[str, Any] = {"width": 237.6, "family": "Noto Sans, DejaVu Sans", "title": "Positions 3 up to 30"}


def made(
    text: str = reports.TEXT, *, shown: range = range(3, 30), payloads: Sequence[str] = ()
) -> tuple[ElementTree.Element, tuple[Run, ...], str]:
    """The drawing of a stretch, its runs, and the document that becomes the PDF."""
    report = reports.infected(*payloads) if payloads else reports.report(text)
    parts = reports.parts(report)
    runs = excerpt.within(parts.spans[0], shown, tokens=len(report.tokens))
    lines = heatmap.lines(runs)
    layout = excerpt.measure(render.excerpt(report, parts.views[0], lines, height=None, **HOW))
    svg = excerpt.svg(parts.views[0], layout, **HOW)
    return ElementTree.fromstring(svg), runs, render.excerpt(report, parts.views[0], lines, height=layout.height, **HOW)


def words(root: ElementTree.Element) -> list[ElementTree.Element]:
    """The words of the text, without those of the legend."""
    return [e for e in root.iter(f"{SVG}text") if e.get("textLength")]


def boxes(root: ElementTree.Element) -> list[tuple[str, float, float, float, float]]:
    """Colour and place of what is behind the text, without the legend."""
    found = [e for e in root.iter(f"{SVG}rect") if e.get("fill") != "none"][len(HEAT_LIGHT) :]
    places = ((float(e.get(name, "nan")) for name in ("x", "y", "width", "height")) for e in found)
    return [(e.get("fill", ""), *place) for e, place in zip(found, places, strict=True)]


def test_every_word_is_drawn_in_one_piece_and_the_heat_behind_it() -> None:
    """In the order of the text; the letters have one ink."""
    root, runs, _ = made()
    assert [e.text for e in words(root)] == "".join(run.text for run in runs).split()
    assert {e.get("fill") for e in words(root)} == {"#000"}
    legend = [e.get("fill") for e in root.iter(f"{SVG}rect")][: len(HEAT_LIGHT)]
    assert legend == list(HEAT_LIGHT)
    colours = [HEAT_LIGHT[run.heat] for run in runs if run.kind == "token"]
    assert {colour for colour, *_ in boxes(root)} == set(colours)


def test_an_attribution_has_its_two_hues_lines_and_signed_numbers() -> None:
    report = replace(faithful.report(), faithfulness=None)
    parts = reports.parts(report)
    view, lines = parts.views[-1], parts.lines[-1]
    layout = excerpt.measure(render.excerpt(report, view, lines, height=None, **HOW))
    root = ElementTree.fromstring(excerpt.svg(view, layout, **HOW))
    assert [e.get("fill") for e in root.iter(f"{SVG}rect")][:16] == list(SIGNED_LIGHT)
    said = [e.text for e in root.iter(f"{SVG}text") if not e.get("textLength")]
    assert [text[0] for text in map(str, said)] == ["−", "−", "+", "+"]
    heats = {heat for heat in view.classes if heat >= 0}
    below = {line_below(PAINTED[heat]) for heat in heats if heat < 22}
    assert {colour for colour, *_ in boxes(root)} == {PAINTED[heat] for heat in heats} | below


def test_the_heat_is_behind_the_letters_of_its_token() -> None:
    """Two tokens of one word: the word is in one piece, and its colours are next to each other behind it."""
    report = reports.report("say unseen", read=reports.tokens("say unseen", spans=[(0, 3), (4, 6), (6, 10)]))
    parts = reports.parts(report)
    runs = excerpt.within(parts.spans[0], range(2, 4), tokens=len(report.tokens))
    first, second = (replace(run, heat=heat) for run, heat in zip(runs, (3, 12), strict=True))
    lines = heatmap.lines((first, second))
    layout = excerpt.measure(render.excerpt(report, parts.views[0], lines, height=None, **HOW))
    root = ElementTree.fromstring(excerpt.svg(parts.views[0], layout, **HOW))
    (word,) = words(root)
    (one, left, _, width, _), (other, middle, _, rest, _) = sorted(boxes(root), key=lambda box: box[1])
    assert (word.text, one, other) == ("unseen", HEAT_LIGHT[3], HEAT_LIGHT[12])
    assert left == pytest.approx(float(word.get("x", "")), abs=0.02)
    assert middle == pytest.approx(left + width, abs=0.02)
    assert width + rest == pytest.approx(float(word.get("textLength", "")), abs=0.03)
    assert width < rest


def test_tokens_stand_in_reading_order_inside_the_figure() -> None:
    root, _, _ = made()
    places = [(float(e.get("x", "")), float(e.get("y", "")), float(e.get("textLength", ""))) for e in words(root)]
    for (x, y, width), (next_x, next_y, _) in pairwise(places):
        assert next_y > y + 1 or next_x >= x + width - 0.02, "beside or below"
    height = float(root.get("height", "0pt")[:-2])
    assert all(x >= 0 and x + width <= 237.7 and y + tall <= height + 0.1 for _, x, y, width, tall in boxes(root))


def test_the_figure_is_as_high_as_its_text() -> None:
    """One page, and the last line ends near its edge."""
    _, _, document = made()
    layout = typesetting.lay_out(document)
    (page,) = layout.pages
    assert page.width * 0.75 == pytest.approx(237.6, abs=0.1)
    short, long = (made(shown=range(3, end))[0] for end in (6, 40))
    assert float(short.get("height", "")[:-2]) < float(long.get("height", "")[:-2])


def test_the_page_has_no_links() -> None:
    """Links are how places are measured; a figure has none."""
    _, _, document = made()
    assert "<a " not in document
    assert not typesetting.lay_out(document).pages[0].links


def test_special_tokens_are_framed_by_name() -> None:
    root, _, _ = made(shown=range(0, 3))
    (name,) = (e for e in words(root) if e.text == "<s>")
    (frame,) = (e for e in root.iter(f"{SVG}rect") if e.get("stroke"))
    assert float(frame.get("x", "")) < float(name.get("x", ""))
    assert frame.get("stroke-dasharray") is None


def test_nothing_in_a_text_becomes_markup() -> None:
    """The drawing parses, and holds drawing elements alone."""

    def check(*payloads: str) -> None:
        root, _, document = made(payloads=payloads, shown=range(0, 2 * len(payloads) + 4))
        assert {e.tag.removeprefix(SVG) for e in root.iter()} <= {"svg", "title", "rect", "text"}
        assert not any(name.startswith("on") or name.endswith("href") for e in root.iter() for name in e.attrib)
        assert typesetting.typeset(document).data

    reports.withstands(check)


def test_a_stretch_beyond_the_document_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"--span 500:600: the document has positions 0 to") as caught:
        made(shown=range(500, 600))
    assert "--span" in (caught.value.hint or "")


def test_a_stretch_higher_than_any_page_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="--span"):
        made("line\n" * 1500, shown=range(0, 1500))


def test_right_to_left_text_stands_from_the_right() -> None:
    root, _, _ = made("\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd", shown=range(1, 3))
    first, second = words(root)
    assert float(first.get("x", "")) > float(second.get("x", ""))


def test_words_of_two_directions_are_drawn_each_in_its_own() -> None:
    """A Hebrew prefix before a Latin word, without a space."""
    root, _, _ = made("say \u05d1-Python now", shown=range(1, 6))
    assert [e.text for e in words(root)] == ["say", "\u05d1", "-Python", "now"]


def test_a_token_of_several_lines_has_its_letters_on_each() -> None:
    """No line is squeezed into the first, and every line is coloured."""
    root, runs, _ = made("letters" * 30 + " end", shown=range(1, 3))
    *parts, end = words(root)
    assert end.text == "end"
    assert "".join(e.text or "" for e in parts) == "letters" * 30
    assert len(parts) > 3
    assert len({e.get("y") for e in parts}) == len(parts)
    for part in parts:
        room = float(part.get("textLength", "0")) / len(part.text or "")
        assert 2.5 < room < 6, "letters of 8 points"
    assert sum(colour == HEAT_LIGHT[runs[0].heat] for colour, *_ in boxes(root)) >= len(parts)


def test_a_typesetter_that_says_no_places_is_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise positions.UnknownInsideError("WeasyPrint is not as it was")

    monkeypatch.setattr(painting, "patches", unknown)
    with pytest.raises(OutputError, match="--span: WeasyPrint is not as it was") as caught:
        made()
    assert "pip install" in (caught.value.hint or "")
