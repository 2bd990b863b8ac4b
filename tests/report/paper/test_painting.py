"""painting: what a paragraph says of its characters -> colours and frames behind them."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pikepdf
import pytest
from hypothesis import given, settings

from reportgen.core.config import Config
from reportgen.core.nouns.records import Report
from reportgen.core.palette import HEAT_LIGHT, SIGNED_LIGHT, line_below
from reportgen.report import present
from reportgen.report.page import render
from reportgen.report.paper import painting, pdf, positions, typesetting
from reportgen.report.paper.painting import ABOVE, BELOW, Patch
from reportgen.report.paper.typesetting import Typeset
from tests import faithful, reports
from tests.report.paper.test_positions import EM, laid


def patches(paragraphs: str) -> list[Patch]:
    """What is painted on the one page of a document."""
    (page,) = painting.patches(laid(paragraphs))
    return page


def test_two_words_by_hand() -> None:
    """The first in the strongest colour, the second in a frame; the space between them has neither."""
    one, two = patches('<p data-heat="3:15 1 4e">abc defg')
    assert (one.heat, one.frame, two.heat, two.frame) == (15, "", -1, "e")
    assert (one.left, one.width) == pytest.approx((20, 3 * EM), abs=0.02)
    assert (two.left, two.width) == pytest.approx((20 + 4 * EM, 4 * EM), abs=0.02)
    assert one.height == pytest.approx((ABOVE + BELOW) * 16)


def test_an_echo_that_is_kept_has_its_colour_and_its_frame() -> None:
    assert [(patch.heat, patch.frame) for patch in patches('<p data-heat="3e:2">abc')] == [(2, ""), (-1, "e")]


def test_neighbours_of_one_colour_are_one_patch_and_special_tokens_are_not() -> None:
    """A seam would show between two."""
    found = patches('<p data-heat="1:3 2:3 1:4 3s 3s">aBCd&lt;s>&lt;s>')
    assert [(patch.heat, patch.frame) for patch in found] == [(3, ""), (4, ""), (-1, "s"), (-1, "s")]
    assert found[0].width == pytest.approx(3 * EM, abs=0.02)


def test_a_word_on_two_lines_is_coloured_on_both() -> None:
    found = patches(f'<p data-heat="40:7" style="overflow-wrap:anywhere">{"a" * 40}')
    assert [patch.heat for patch in found] == [7, 7]
    assert found[0].top < found[1].top
    assert found[0].width + found[1].width == pytest.approx(40 * EM, abs=0.05)


def test_a_hebrew_word_in_a_latin_line_is_coloured_where_it_is_read() -> None:
    """Its first token is at its right end."""
    first, second = patches('<p data-heat="2 2:1 2:9 2">a \u05d0\u05d1\u05d2\u05d3 b')
    assert (first.heat, second.heat) == (9, 1)
    assert first.left + first.width == pytest.approx(second.left, abs=0.05)


@settings(max_examples=20)
@given(reports.tokenised())
def test_every_token_that_is_seen_is_painted_in_its_colour(case: Any) -> None:
    """Of any text; a colour that no token has is not painted."""
    report = reports.report(case[0], read=case[1], top_k=1)
    parts = reports.parts(report)
    how: dict[str, Any] = {"width": 400.0, "height": None, "family": "Noto Sans, DejaVu Sans", "title": "x"}
    document = typesetting.lay_out(render.excerpt(report, parts.views[0], parts.lines[0], **how))
    painted = {patch.heat for page in painting.patches(document) for patch in page if not patch.frame}
    runs = parts.spans[0]
    assert {
        run.heat for run in runs if run.kind == "token" and run.text.isascii() and run.text.isprintable()
    } <= painted
    assert painted <= {run.heat for run in runs}


def test_letters_have_one_ink_and_colours_are_behind_them() -> None:
    report = reports.report()
    made = pdf.pdf(render.document(report, reports.parts(report)), created=report.provenance.created).data
    with pikepdf.open(io.BytesIO(made)) as opened:
        drawn = [page.Contents.read_bytes() for page in opened.pages]
    strongest = ink(HEAT_LIGHT[15])
    page = next(one for one in drawn if strongest in one)
    assert page.index(b"/Artifact\nBMC") < page.index(strongest) < page.index(b"BT")
    assert b"1 1 1 rg" not in page


def ink(colour: str) -> bytes:
    """A colour as a PDF sets it for what is filled."""
    parts = (f"{int(colour[at : at + 2], 16) / 255:.4f}".rstrip("0").rstrip(".") for at in (1, 3, 5))
    return f"{' '.join(parts)} rg".encode()


def test_what_speaks_against_a_label_has_a_line_below_inside_its_colour() -> None:
    (patch,) = patches('<p data-heat="3:16">abc')
    line = painting.under(patch)
    assert (line.left, line.width, line.heat) == (patch.left, patch.width, 16)
    assert line.top + line.height == pytest.approx(patch.top + patch.height)
    assert 0 < line.height < 0.2 * patch.height
    report = replace(faithful.report(), faithfulness=None)
    document = pdf.pdf(
        render.document(report, reports.parts(report), views="all"), created=report.provenance.created
    ).data
    with pikepdf.open(io.BytesIO(document)) as opened:
        drawn = b"".join(page.Contents.read_bytes() for page in opened.pages)
    heats = {heat for view in reports.parts(report).views if view.signed for heat in view.classes if heat >= 0}
    assert {16, 31} & heats
    assert heats > {20, 22, 25}
    for heat in heats:
        colour = SIGNED_LIGHT[heat - 16]
        assert ink(colour) in drawn
        assert (ink(line_below(colour)) in drawn) == (heat < 22)


def made(report: Report) -> Typeset:
    """The PDF as a run makes it."""
    return present.make_document(report, reports.parts(report), {}, Config())


def test_without_places_every_token_has_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    """The colours go with the letters, as in the page."""

    def unknown(*_: object) -> None:
        raise positions.UnknownInsideError("WeasyPrint is not as it was")

    painted = made(reports.report()).data
    monkeypatch.setattr(positions, "lines", unknown)
    spans, missing = made(reports.report())
    assert not missing
    with pikepdf.open(io.BytesIO(spans)) as opened, pikepdf.open(io.BytesIO(painted)) as other:
        rectangles = [sum(p.Contents.read_bytes().count(b" re\n") for p in one.pages) for one in (opened, other)]
    assert rectangles[0] > 50


def test_a_document_with_spans_has_the_same_words() -> None:
    report = reports.report()
    document = render.document(report, reports.parts(report), painted=False)
    assert "data-heat" not in document
    assert document.count('<span class="special">') == 2
    assert painting.patches(typesetting.lay_out(document)) == [[] for _ in typesetting.lay_out(document).pages]
