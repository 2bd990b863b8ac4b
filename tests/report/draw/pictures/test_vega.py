"""drawing: Vega-Lite -> SVG and PNG."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import vl_convert
from PIL import Image

from reportgen.core.files import disk
from reportgen.report.draw.pictures import vega
from tests import reports

SVG = "{http://www.w3.org/2000/svg}"


def picture(svg: str) -> np.ndarray:
    """What a drawing looks like, on white."""
    image = Image.open(io.BytesIO(vl_convert.svg_to_png(svg, ppi=72))).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(white, image).convert("L"), np.int16)


@pytest.mark.parametrize("number", range(5))
def test_a_compact_drawing_looks_as_it_did(number: int) -> None:
    """Far fewer elements, and hardly a pixel is another."""
    chart = reports.example_parts().charts[number]
    whole = vl_convert.vegalite_to_svg(chart.spec)
    compact = vega.compact(whole)
    count = len(list(ElementTree.fromstring(whole).iter())), len(list(ElementTree.fromstring(compact).iter()))
    assert count[1] < count[0] * 0.6
    before, after = picture(whole), picture(compact)
    assert before.shape == after.shape
    assert (np.abs(before - after) > 60).mean() < 0.002


def compacted(inner: str) -> str:
    """The inner part of a small drawing, compact."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{inner}</svg>'
    made = vega.compact(svg)
    return made[made.index(">") + 1 : made.rindex("<")].replace(" />", "/>")


def test_lines_that_look_alike_become_one_path() -> None:
    lines = "".join(f'<line transform="translate({x},1)" y2="5" stroke="red"/>' for x in (1, 2.5))
    assert compacted(lines) == '<path stroke="red" d="M1,1L1,6M2.5,1L2.5,6"/>'


def test_boxes_that_look_alike_become_one_path() -> None:
    boxes = "".join(f'<path d="M{x},2h3v4h-3Z" transform="translate(1,1)" fill="red"/>' for x in (1, 5))
    assert compacted(boxes) == '<path fill="red" d="M2,3h3v4h-3ZM6,3h3v4h-3Z"/>'


@pytest.mark.parametrize(
    "kept",
    [
        '<path d="M1,2h3v4h-3Z" fill="red" opacity="0.5"/><path d="M2,2h3v4h-3Z" fill="red" opacity="0.5"/>',
        '<path d="M1,2C1,2,3,4,5,6" stroke="red"/><path d="M2,2C1,2,3,4,5,6" stroke="red"/>',
        '<path d="M1,2h3v4h-3Z" fill="red"/><path d="M2,2h3v4h-3Z" fill="blue"/>',
    ],
    ids=["seen through", "curves", "colours"],
)
def test_what_would_look_otherwise_stays_apart(kept: str) -> None:
    assert compacted(kept).count("<path") == 2


def test_what_lies_above_something_stays_above_it() -> None:
    inner = '<path d="M1,2h3v4h-3Z" fill="red"/><text>a</text><path d="M2,2h3v4h-3Z" fill="red"/>'
    assert [e.tag.removeprefix(SVG) for e in ElementTree.fromstring(vega.compact(
        f'<svg xmlns="http://www.w3.org/2000/svg">{inner}</svg>'))] == ["path", "text", "path"]  # fmt: skip


def test_what_draws_nothing_is_left_out() -> None:
    inner = '<g><g><path d="M1,2h3v4h-3Z" fill="none"/><path d="M0,0h0v0h0Z" fill="red"/><text> </text></g></g>'
    assert compacted(inner) == ""
    assert "M1,2h3v4h-3Z" in compacted('<g fill="blue"><path d="M1,2h3v4h-3Z"/></g>'), "its group gives it a colour"


def test_a_png_has_its_resolution() -> None:
    empty = '<svg xmlns="http://www.w3.org/2000/svg" width="72" height="36"/>'
    made = Image.open(io.BytesIO(vega.png(empty, ppi=300)))
    assert made.size == (300, 150)
    assert made.info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.fixture
def _fresh() -> Iterator[None]:
    """Every test asks the converter, or the cache, itself."""
    vega.bundle.cache_clear()
    yield
    vega.bundle.cache_clear()


@pytest.mark.usefixtures("_fresh")
def test_what_can_be_seen_through_has_its_colour_in_a_png() -> None:
    """The converter stores it darker: red with opacity 0.5 as half red, half black."""
    red = '<rect width="4" height="8" fill="#ff0000" opacity="0.5"/>'
    drawn = f'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8" viewBox="0 0 8 8">{red}</svg>'
    made = Image.open(io.BytesIO(vega.png(drawn, ppi=72)))
    assert made.getpixel((1, 4)) == pytest.approx((255, 128, 128), abs=1)
    assert made.getpixel((6, 4)) == (255, 255, 255)


def test_the_script_of_the_charts_is_put_together_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next process finds it in the cache; one that was damaged is made again, one of another version not taken."""
    made: list[str] = []

    def javascript_bundle() -> str:
        made.append("once more")
        return "let é = 1;\r\n// two lines"

    monkeypatch.setattr(vl_convert, "javascript_bundle", javascript_bundle)
    for times in (1, 1):
        assert vega.bundle() == "let é = 1;\r\n// two lines"
        assert len(made) == times
        vega.bundle.cache_clear()
    (kept,) = disk.cached("bundle", "x").parent.iterdir()
    for broken in (kept.read_bytes().replace(b"two", b"ten"), b"", b"\xff\xfe"):
        kept.write_bytes(broken)
        assert vega.bundle().endswith("// two lines")
        vega.bundle.cache_clear()
    assert len(made) == 4
    monkeypatch.setattr(vega, "version", lambda _: "99")
    vega.bundle()
    assert len(made) == 5


@pytest.mark.usefixtures("_fresh")
def test_a_cache_that_cannot_be_written_costs_time_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REPORTGEN_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda: "script")
    assert vega.bundle() == "script"
