"""still: the specification of a chart -> SVG, next to what Vega draws of it."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import vl_convert
from PIL import Image

from reportgen.report.draw import charts, findings
from reportgen.report.draw.pictures import ink, still, vega
from tests import reports

SVG = "{http://www.w3.org/2000/svg}"
KEYS = ["rank-trend-layers", "rank-trend-heads", "layer-trend", "distribution", "overview"]


@cache
def made() -> dict[str, tuple[dict[str, Any], str]]:
    """Every chart of a report with ten layers, drawn: specification and SVG."""
    report = reports.report(layers=10, heads=3, top_k=5)
    return {chart.key: (chart.spec, chart.svg) for chart in charts.charts(report, *reports.ranked(report))}


@cache
def vegas(key: str) -> str:
    return str(vl_convert.vegalite_to_svg(made()[key][0]))


def words(svg: str) -> list[str]:
    """What can be read in a drawing."""
    found = ["".join(e.itertext()) for e in ElementTree.fromstring(svg).iter(f"{SVG}text") if e.get("opacity") != "0"]
    return sorted(word for word in found if word.strip())


def size(svg: str) -> tuple[float, float]:
    across, down = (re.search(rf' {name}="([\d.]+)"', svg) for name in ("width", "height"))
    assert across
    assert down
    return float(across[1]), float(down[1])


def inked(svg: str) -> dict[str, npt.NDArray[np.intp]]:
    """The pixels of every full colour, (pixel, (row, column)), in units of the drawing."""
    image = Image.open(io.BytesIO(vl_convert.svg_to_png(svg, scale=2))).convert("RGBA")
    pixels = np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image), np.uint32)
    whole = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    marks = {name for found in re.findall(r'(?:fill|stroke)="#([0-9a-f]{6})"', svg) for name in [found]}
    return {name: np.argwhere(whole == int(name, 16)) // 2 for name in marks}


@pytest.mark.parametrize("key", KEYS)
def test_a_drawing_says_what_vega_writes(key: str) -> None:
    """Axes, ticks, legends and titles."""
    assert Counter(words(made()[key][1])) == Counter(words(vegas(key)))


@pytest.mark.parametrize("key", KEYS)
def test_a_drawing_is_as_large_as_vegas(key: str) -> None:
    """The page does not jump where the live chart takes its place."""
    assert size(made()[key][1]) == pytest.approx(size(vegas(key)), rel=0.015, abs=24 if key == "distribution" else 6)


@pytest.mark.parametrize("key", KEYS)
def test_every_mark_is_where_vega_draws_it(key: str) -> None:
    """Of every colour: as far across and down, and as far from the others."""
    mine, theirs = inked(made()[key][1]), inked(vegas(key))
    marks = [name for name, pixels in theirs.items() if len(pixels) > 20 and name not in {"5d5d5d", "1b1b1b", "e3e0dd"}]
    assert len(marks) >= (1 if key == "distribution" else 3)
    corner = {"mine": np.inf, "theirs": np.inf}
    edges = {}
    for name in marks:
        for who, found in (("mine", mine), ("theirs", theirs)):
            edges[name, who] = np.concatenate((found[name].min(axis=0), found[name].max(axis=0)))
            corner[who] = np.minimum(corner[who], edges[name, who][:2])
    for name in marks:
        own, other = (edges[name, who] - np.tile(corner[who], 2) for who in ("mine", "theirs"))
        assert own == pytest.approx(other, abs=12), name  # thin ends of a line are in mixed colours
        assert len(mine[name]) == pytest.approx(len(theirs[name]), rel=0.35, abs=60), name


LINEAR = [(0, 1), (0, 0.3), (0, 1896), (0, 2048), (0, 37), (0, 0.00065), (-0.4, 1.2), (0, 123456), (3, 9), (0, 1e-7)]
LOG = [(1, 1896), (1, 2), (1, 30000), (0.0001, 0.5), (0.02, 0.03), (1e-9, 1), (0.7, 4), (5, 7000)]


@pytest.mark.parametrize("count", [3, 4, 6, None])
@pytest.mark.parametrize(("domain", "kind"), [*((d, "linear") for d in LINEAR), *((d, "log") for d in LOG)])
def test_the_numbers_of_an_axis_are_those_of_vega(domain: tuple[float, float], kind: str, count: int | None) -> None:
    """Of any range, above and below 1."""
    form = {"format": "~g"} if kind == "log" else {}
    counted = {} if count is None else {"tickCount": count}
    axis = {**form, **counted}
    spec: dict[str, Any] = {
        "width": 100, "height": 400, "data": {"values": [{"a": 1, "b": domain[1]}]},
        "mark": {"type": "line", "color": "#000"},
        "encoding": {
            "x": {"field": "a", "type": "ordinal", "axis": {"labelAngle": 0}},
            "y": {"field": "b", "type": "quantitative", "axis": axis,
                  "scale": {"type": kind, "domain": list(domain), "nice": False}},
        },
    }  # fmt: skip
    assert words(still.svg(spec, key="x")) == words(vl_convert.vegalite_to_svg(spec))


@pytest.mark.parametrize("domain", [(0, 0.27), (0, 1896), (0, 7), (0.1, 0.93), (-3, 17), (0, 0.000123)])
def test_the_ends_of_an_axis_are_round_where_vegas_are(domain: tuple[float, float]) -> None:
    spec: dict[str, Any] = {
        "width": 400, "height": 100, "data": {"values": [{"a": value, "b": 1} for value in domain]},
        "mark": {"type": "line", "color": "#000"},
        "encoding": {"x": {"field": "a", "type": "quantitative"}, "y": {"field": "b", "type": "ordinal"}},
    }  # fmt: skip
    assert words(still.svg(spec, key="x")) == words(vl_convert.vegalite_to_svg(spec))


def test_the_findings_say_what_vega_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[dict[str, Any]] = []
    report = reports.report(layers=3, heads=3)
    monkeypatch.setattr(still, "svg", lambda spec, key: drawn.append(spec) or "")
    findings.findings(report, *reports.ranked(report))
    monkeypatch.undo()
    assert len(drawn) == 3
    for spec in drawn:
        assert set(words(vl_convert.vegalite_to_svg(spec))) <= set(words(still.svg(spec, key="x")))


@pytest.mark.parametrize("change", [{"mark": {"type": "arc"}}, {"mark": "line"}, {"transform": [{"filter": "true"}]}])
def test_what_is_unknown_is_drawn_by_vega(change: dict[str, Any]) -> None:
    spec: dict[str, Any] = {**made()["layer-trend"][0], **change}
    assert not still.knows(spec)
    assert still.svg(spec, key="x") == vega.svg(spec, key="x")
    assert all(still.knows(own) for own, _ in made().values())


@pytest.mark.parametrize("asked", [{"x": {"scale": {"type": "sqrt"}}}, {"strokeDash": {"field": "layer"}}])
def test_a_scale_or_a_channel_that_is_unknown_is_drawn_by_vega(asked: dict[str, Any]) -> None:
    encoding = {"x": {"field": "x"}, "y": {"field": "y"}}
    mark = {"type": "line"}
    assert still.knows({"mark": mark, "encoding": encoding})
    assert not still.knows({"mark": mark, "encoding": encoding | asked})
    assert not still.knows({"layer": [{"mark": mark, "encoding": encoding | asked}]})


def test_names_that_are_too_long_are_cut_at_their_end() -> None:
    assert ink.cut("a" * 100, 10, 80) == f"{'a' * 13}…"
    assert ink.cut("漢字", 10, 80) == "漢字"


def test_words_cannot_leave_their_element() -> None:
    drawn = ink.Ink("Sans")
    drawn.text('</text><script>"', 0, 0, size=9, colour="#000")
    root = ElementTree.fromstring(drawn.svg())
    assert [e.tag for e in root.iter()] == [f"{SVG}svg", f"{SVG}g", f"{SVG}text"]
    assert words(drawn.svg()) == ['</text><script>"']


def test_a_drawing_is_few_elements_and_in_hundredths() -> None:
    """A typesetter needs time for each, a page needs bytes."""
    for key in KEYS:
        svg = made()[key][1]
        ours, theirs = (len(list(ElementTree.fromstring(one).iter())) for one in (svg, vegas(key)))
        assert ours < theirs / 2
        assert not re.search(r"\.\d{3}", svg)
