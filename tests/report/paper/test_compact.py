"""compact, tags: a tagged PDF -> the same in fewer bytes."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from reportgen.report.page import render
from reportgen.report.paper import pdf
from tests import pdf_check, reports

TEXT = " ".join([reports.TEXT] * 12)


@cache
def made(*, compacted: bool) -> bytes:
    """The PDF of a report of several pages."""
    report = reports.report(TEXT, layers=1, heads=2)
    html = render.document(report, reports.parts(report, (reports.stub_chart(),)))
    with pytest.MonkeyPatch.context() as patch:
        if not compacted:
            patch.setattr(pdf.compact, "compact", lambda made: {})
            patch.setattr(pdf.tags, "mend", lambda made: {})
        return pdf.pdf(html, created=report.provenance.created).data


def opened(tmp_path: Path, *, compacted: bool = True) -> pikepdf.Pdf:
    path = tmp_path / "report.pdf"
    path.write_bytes(made(compacted=compacted))
    return pikepdf.open(path)


def marked(page: Any) -> list[int]:
    """The numbers of the marked content of a page."""
    return [int(number) for number in re.findall(rb"/MCID (\d+)", page.Contents.read_bytes())]


def said(document: pikepdf.Pdf) -> list[tuple[str, int, int]]:
    """What is read, in order: (element that is not meaningless, page, number of the content)."""
    pages = {page.objgen: number for number, page in enumerate(document.pages)}
    found: list[tuple[str, int, int]] = []

    def walk(element: Any, kind: str) -> None:
        own = str(element.S)
        kind = kind if own in ("/Span", "/NonStruct") else own
        for kid in element.K:
            if isinstance(kid, int):
                found.append((kind, pages[element.Pg.objgen], int(kid)))
            elif "/S" in kid:
                walk(kid, kind)

    for root in document.Root.StructTreeRoot.K:
        walk(root, "")
    return found


def test_less_than_four_fifths_of_the_bytes_remain() -> None:
    assert len(made(compacted=True)) < len(made(compacted=False)) * 4 / 5


def test_what_is_read_and_its_order_stay(tmp_path: Path) -> None:
    (tmp_path / "long").mkdir()
    long, short = opened(tmp_path / "long", compacted=False), opened(tmp_path)
    before, after = said(long), said(short)
    assert len(after) > 400
    assert after == before


def test_every_marked_content_has_its_element(tmp_path: Path) -> None:
    """The tree of parents leads from a number on a page to the element that holds it."""
    document = opened(tmp_path)
    numbers = document.Root.StructTreeRoot.ParentTree.Nums
    assert len(document.pages) > 2
    for number, page in enumerate(document.pages):
        assert int(numbers[2 * number]) == number == int(page.StructParents)
        parents = numbers[2 * number + 1]
        shown = marked(page)
        assert sorted(set(shown)) == sorted(shown)
        for mark in shown:
            if str(parents[mark].get("/Type", "")) == "/StructElem" and "/K" in parents[mark]:
                assert mark in [kid for kid in parents[mark].K if isinstance(kid, int)] or _apart(parents[mark])


def _apart(element: Any) -> bool:
    """Whether an element is of a margin of the page, which is in no tree."""
    while "/P" in element:
        element = element.P
    return str(element.get("/Type", "")) != "/StructTreeRoot"


def test_elements_know_who_holds_them(tmp_path: Path) -> None:
    document = opened(tmp_path)
    for element in pdf_check.in_order(document):
        for kid in element.K:
            if isinstance(kid, pikepdf.Dictionary) and "/S" in kid:
                assert kid.P.objgen == element.objgen


def test_no_element_in_a_paragraph_is_without_meaning(tmp_path: Path) -> None:
    document = opened(tmp_path)
    kinds = Counter(str(element.S) for element in pdf_check.elements(document) if str(element.P.get("/S", "")) == "/P")
    assert not {"/Span", "/NonStruct"} & set(kinds)


def test_nothing_is_wrong_with_the_file(tmp_path: Path) -> None:
    document = opened(tmp_path)
    assert document.check_pdf_syntax() == []
    assert pdf_check.problems(tmp_path / "report.pdf") == []


def test_places_keep_hundredths_and_other_numbers_all_digits(tmp_path: Path) -> None:
    document = opened(tmp_path)
    drawn = document.pages[1].Contents.read_bytes()
    assert re.search(rb"^[-\d. ]*\.\d{3}[-\d. ]* (?:re|Tm)$", drawn, re.MULTILINE) is None
    assert re.search(rb"\.\d{4,} rg$", drawn, re.MULTILINE)
    assert b"W\nn\n/Artifact\nBMC\nq\n" not in drawn
