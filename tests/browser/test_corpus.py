"""The page of a corpus in a browser: accessible, silent, narrow; and its PDF for assistive technology."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page

from reportgen.core.clock import Clock
from reportgen.corpus import frames, gather
from reportgen.corpus.shown import present
from reportgen.corpus.shown.parts import Chapter, CorpusParts
from reportgen.report.paper import pdf
from tests import corpora, pdf_check
from tests.browser.page import Show
from tests.browser.test_accessibility import violations


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> CorpusParts:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPORTGEN_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        patch.setattr(frames, "SUPPORT", 3)
        batch = corpora.batch(tmp_path_factory.mktemp("corpus") / "batch")
        (batch / "torn").mkdir()
        (batch / "torn" / "manifest.json").write_text('{"files": {"report.json": ""}}')
        found = gather.gather(batch, clock=Clock(), engine=gather.here(1))
        return present.parts(found, batch / "corpus")


def unfolded(page: Page) -> Page:
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    return page


@pytest.mark.parametrize("width", [1440, 320])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(show: Show, made: CorpusParts, width: int) -> None:
    page = unfolded(show(present.page(made), viewport={"width": width, "height": 800}))
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == [], scheme
    page.emulate_media(color_scheme="light", forced_colors="active")
    assert page.evaluate("matchMedia('(forced-colors: active)').matches")
    assert violations(page) == [], "forced colours"
    assert page.evaluate("violations") == []
    assert page.wrong == []  # type: ignore[attr-defined]


def test_every_chapter_is_there_and_cells_lead_to_their_documents(show: Show, made: CorpusParts) -> None:
    page = show(present.page(made))
    titles = [
        "Predictions",
        "Words",
        "Positions and sinks",
        "Heads",
        "Sections",
        "Faithfulness",
        "Mistakes",
        "Documents",
    ]
    assert page.locator("main h2").all_inner_texts() == [*titles, "Method"]
    assert "torn" in page.locator(".warnings").inner_text()
    links = page.locator("#confusion a")
    assert links.count() == 4
    for number in range(4):
        count, target = links.nth(number).inner_text(), links.nth(number).get_attribute("href")
        assert page.locator(f"{target} tbody tr").count() == int(count)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    first = page.locator("#documents td a").first.get_attribute("href")
    assert first is not None
    assert (first[:9], first[-12:]) == ("./../doc-", "/report.json")


@pytest.fixture(scope="module")
def printed(made: CorpusParts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("paper") / "corpus.pdf"
    path.write_bytes(pdf.pdf(present.document(made), created=made.created).data)
    return path


def test_the_pdf_is_tagged_and_leads_nowhere(printed: Path) -> None:
    assert pdf_check.problems(printed) == []


def pages(pdf_file: Path) -> list[list[tuple[float, float, str]]]:
    """The words of each page, with their left and right ends in points."""
    tool = shutil.which("pdftotext")
    assert tool is not None, "pdftotext is not installed (Debian: poppler-utils)"
    boxes = subprocess.run([tool, "-bbox", pdf_file, "-"], capture_output=True, check=True, text=True).stdout
    word = re.compile(r'xMin="([\d.]+)" .*?xMax="([\d.]+)" .*?>(.*?)</word>')
    found = [word.findall(page) for page in boxes.split("<page ")[1:]]
    return [[(float(left), float(right), html.unescape(text)) for left, right, text in page] for page in found]


def test_on_paper_columns_are_as_wide_as_their_words(printed: Path, made: CorpusParts) -> None:
    """Nothing leaves the margins, and no word is broken."""
    found = pages(printed)
    assert len(found) > 4
    for words in found:
        assert min(left for left, _, _ in words) > 48
        assert max(right for _, right, _ in words) < 595 - 48
    whole = {word for words in found for _, _, word in words}
    for table in made.tables:
        cells = {part for cell in (*table.columns, *table.rows[0]) for part in cell.split()}
        assert cells <= whole, table.key


def test_on_paper_a_heading_stays_with_its_figure(made: CorpusParts, tmp_path: Path) -> None:
    """Wherever on the page a chapter would begin."""
    first, *_ = made.chapters
    for lines in range(16, 41, 4):
        before = Chapter("before", "Before", ("A line.",) * lines)
        after = Chapter("after", "After", ("A sentence of its own.",), charts=first.charts[:1])
        path = tmp_path / f"{lines}.pdf"
        path.write_bytes(pdf.pdf(present.document(replace(made, chapters=(before, after))), created=made.created).data)
        whole = [" ".join(word for _, _, word in words) for words in pages(path)]
        assert any("A sentence of its own." in page and "Figure 1. Reliability." in page for page in whole), lines
