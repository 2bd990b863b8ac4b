"""figures: charts -> SVG, PDF and PNG at the widths of a manuscript."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from functools import cache
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from reportgen.core.palette import FONT
from reportgen.report.draw import maps
from reportgen.report.paper import figures
from tests import reports
from tests.pdf_check import elements, problems

WIDTHS = {"3.3in": 237.6, "6.9in": 496.8}
KEYS = ["rank-trend-layers", "rank-trend-heads", "layer-trend", "distribution", "overview", "attention-maps"]


@cache
def made() -> dict[str, bytes]:
    """All figures of the example."""
    parts = reports.example_parts()
    return figures.files(parts.charts, maps.picture(reports.example()), widths=WIDTHS, font=None)


def test_every_figure_comes_in_every_form_and_width() -> None:
    forms = {f"{key}-{width}.{form}" for key in KEYS for width in WIDTHS for form in ("svg", "pdf", "png")}
    assert set(made()) == forms


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("key", KEYS)
def test_a_figure_is_as_wide_as_was_asked_for(key: str, width: str) -> None:
    """Of all that is drawn, legend and axes too; in every form alike."""
    points = WIDTHS[width]
    root = ElementTree.fromstring(made()[f"{key}-{width}.svg"])
    assert root.get("width", "").endswith("pt")
    assert float(root.get("width", "0pt")[:-2]) == pytest.approx(points, abs=0.01)
    with pikepdf.open(io.BytesIO(made()[f"{key}-{width}.pdf"])) as opened:
        (page,) = opened.pages
        assert float(page.MediaBox[2]) == pytest.approx(points, abs=0.05)
        height = float(page.MediaBox[3])
    image = Image.open(io.BytesIO(made()[f"{key}-{width}.png"]))
    assert (image.mode, image.getpixel((0, 0))) == ("RGB", (255, 255, 255)), "on white, for JPEG and dark viewers"
    assert image.width == pytest.approx(points / 72 * 300, abs=2)
    assert image.height == pytest.approx(height / 72 * 300, abs=4)
    drawn = float((root.get("viewBox") or "0 0 0 0").split()[2])
    assert drawn == pytest.approx(points, rel=0.01), "it is drawn at this width, not stretched to it"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("key", KEYS)
def test_letters_have_the_same_size_at_every_width(key: str, width: str) -> None:
    """Of 7 or 8 points: what a journal asks for."""
    root = ElementTree.fromstring(made()[f"{key}-{width}.svg"])
    sizes = {re.sub("px$", "", e.get("font-size", "")) for e in root.iter() if e.get("font-size")}
    assert sizes
    assert sizes <= {"7", "8"}
    families = {e.get("font-family") for e in root.iter() if e.get("font-family")}
    assert families == {FONT}


def test_the_font_of_the_manuscript_comes_first() -> None:
    chart = reports.example_parts().charts[0]
    files = figures.files((chart,), None, widths={"84mm": 238.1}, font="Latin Modern Roman")
    assert b'font-family="Latin Modern Roman, Inter' in files["rank-trend-layers-84mm.svg"]


@pytest.mark.skipif(shutil.which("pdffonts") is None, reason="pdffonts is not installed")
def test_the_fonts_are_inside_the_pdf(tmp_path: Path) -> None:
    (tmp_path / "x.pdf").write_bytes(made()["layer-trend-3.3in.pdf"])
    told = subprocess.run(["pdffonts", tmp_path / "x.pdf"], capture_output=True, text=True, check=True)
    rows = told.stdout.splitlines()[2:]
    assert rows
    assert all(re.search(r"\byes\s+yes\s+yes\b", row) for row in rows), "embedded, a subset, with its letters"


def test_a_figure_says_what_it_shows_and_nothing_else_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "x.pdf"
    path.write_bytes(made()["overview-6.9in.pdf"])
    assert problems(path) == []
    chart = reports.example_parts().charts[4]
    with pikepdf.open(path) as opened:
        (figure,) = elements(opened, "/Figure")
        assert str(figure.Alt) == f"{chart.title}. {chart.caption}"
        assert opened.pdf_version <= "1.5", "pdfTeX takes no later one without a warning"


def test_narrow_figures_have_their_legend_below() -> None:
    """Nothing is lost: every layer is named at both widths."""
    for width in WIDTHS:
        words = [e.text for e in ElementTree.fromstring(made()[f"rank-trend-layers-{width}.svg"]).iter() if e.text]
        assert {"layer", "1", "2", "3"} <= set(words)


def test_the_maps_have_the_numbers_of_layers_and_heads() -> None:
    words = [e.text for e in ElementTree.fromstring(made()["attention-maps-3.3in.svg"]).iter() if e.text]
    assert words == ["head", "layer", "1", "2", "3", "4", "1", "2", "3"]


def test_the_same_charts_give_the_same_bytes_in_any_order() -> None:
    charts = reports.example_parts().charts
    some = figures.files(tuple(reversed(charts)), None, widths={"3.3in": 237.6}, font=None)
    assert all(made()[name] == content for name, content in some.items())


def test_where_there_is_nothing_to_draw_there_are_no_figures() -> None:
    assert figures.files((), None, widths=WIDTHS, font=None) == {}
