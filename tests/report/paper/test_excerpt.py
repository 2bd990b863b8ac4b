"""excerpt: a stretch of the heatmap -> SVG, each token where the typesetter has put it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from reportgen.core.errors import UsageError
from reportgen.core.palette import HEAT_LIGHT
from reportgen.report import heatmap
from reportgen.report.page import render
from reportgen.report.paper import excerpt, typesetting
from reportgen.report.parts import Run
from tests import reports

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
    svg = excerpt.svg(lines, parts.views[0], layout, **HOW)
    return ElementTree.fromstring(svg), runs, render.excerpt(report, parts.views[0], lines, height=layout.height, **HOW)


def test_every_token_of_the_stretch_is_drawn_in_its_colour_and_no_other() -> None:
    root, runs, _ = made()
    tokens = [run for run in runs if run.kind == "token"]
    words = [e.text for e in root.iter(f"{SVG}text") if e.get("font-size") == "8"]
    assert words == [run.text for run in tokens]
    fills = [e.get("fill") for e in root.iter(f"{SVG}rect") if e.get("fill") != "none"]
    assert fills == [*HEAT_LIGHT, *(HEAT_LIGHT[run.heat] for run in tokens)], "the legend, then the tokens"


def test_tokens_stand_in_reading_order_inside_the_figure() -> None:
    root, _, _ = made()
    boxes = [
        tuple(float(e.get(name, "nan")) for name in ("x", "y", "width", "height"))
        for e in root.iter(f"{SVG}rect")
    ][16:]  # fmt: skip
    for (x, y, width, _), (next_x, next_y, *_) in pairwise(boxes):
        assert next_y > y + 1 or next_x >= x + width - 0.02, "beside or below"
    height = float(root.get("height", "0pt")[:-2])
    assert all(x >= 0 and x + width <= 237.7 and y + tall <= height + 0.1 for x, y, width, tall in boxes)


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
    assert "<s>" in [e.text for e in root.iter(f"{SVG}text")]
    assert [e for e in root.iter(f"{SVG}rect") if e.get("stroke")]


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
    first, second = [e for e in root.iter(f"{SVG}text") if e.get("font-size") == "8"]
    assert float(first.get("x", "")) > float(second.get("x", ""))


def test_a_token_of_several_lines_has_its_letters_on_each() -> None:
    """No line is squeezed into the first."""
    root, _, _ = made("letters" * 30 + " end", shown=range(1, 3))
    words = [e for e in root.iter(f"{SVG}text") if e.get("font-size") == "8"]
    assert "".join(e.text or "" for e in words[:-1]) == "letters" * 30
    assert len(words) > 3
    assert len({e.get("y") for e in words}) == len(words) or words[-1].text == "end"
    for word in words[:-1]:
        room = float(word.get("textLength", "0")) / len(word.text or "")
        assert 2.5 < room < 6, "letters of 8 points"
