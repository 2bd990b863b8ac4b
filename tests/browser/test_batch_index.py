"""The index of a batch in Chromium, from the disk: sort, filter, count labels, over all of its pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from reportgen.batch import index_files
from reportgen.batch.units import Outcome
from tests import reports
from tests.browser.page import wait
from tests.browser.test_accessibility import violations
from tests.browser.test_gallery import Visit, unharmed, visit

__all__ = ["visit"]  # a fixture
COUNT = 1203  # more than a page holds
LABELS = ("left", "right", "far")
HEATMAPS = ("supported", None, "too-little-tested")


def outcomes(count: int = COUNT) -> list[Outcome]:
    """Every fourth is wrong; every seventh has a warning; probabilities rise from 50 %."""
    return [
        Outcome(
            f"report-{n}", n, f"row-{n}", f"Title {n}", label=LABELS[n % 3], predicted=LABELS[(n + (n % 4 == 0)) % 3],
            probability=0.5 + n / 3000, verdict="wrong" if n % 4 == 0 else "right", tokens=100 + n % 50, total=200,
            all_attention=HEATMAPS[n % 3], view="All attention" if HEATMAPS[n % 3] else None,
            warnings=("truncated",) if n % 7 == 0 else (),
        )
        for n in range(count)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("batch")
    index_files.write(made, "small", outcomes(), {}, total=COUNT, page="report.html")
    return made


def rows(page: Page, count: str) -> list[int]:
    """The numbers of the rows that are shown, once the page says *count*."""
    expect(page.locator("#count")).to_have_text(count, timeout=20_000)
    return [int(text) for text in page.locator("#reports tbody td:first-child").all_inner_texts()]


def test_rows_of_all_pages_are_filtered(visit: Visit, folder: Path) -> None:
    page = visit(f"{folder.as_uri()}/index.html")
    assert rows(page, "1,203 reports") == list(range(1000))
    page.get_by_label("Verdict").select_option("wrong")
    assert rows(page, "301 of 1,203 reports") == list(range(0, COUNT, 4))
    assert page.locator("nav").is_hidden()
    page.get_by_label("Warning").select_option("truncated")
    assert rows(page, "43 of 1,203 reports") == list(range(0, COUNT, 28))
    page.get_by_label("Faithfulness").select_option("not tested")
    assert rows(page, "14 of 1,203 reports") == [n for n in range(0, COUNT, 28) if n % 3 == 1]
    page.get_by_label("Search titles, ids, rows").fill("TITLE 19 ROW-196")
    assert rows(page, "1 of 1,203 reports") == [196]
    page.get_by_role("link", name="Title 196").wait_for()
    assert page.get_by_role("link", name="Title 196").get_attribute("href") == "./report-196/report.html"
    page.reload()
    assert rows(page, "1 of 1,203 reports") == [196]
    assert page.get_by_label("Faithfulness").input_value() == "not tested"
    page.get_by_role("button", name="Show all reports").click()
    assert rows(page, "1,203 reports") == list(range(1000))
    assert "#" not in page.url
    assert page.locator("nav").is_visible()
    unharmed(page)


def test_a_click_on_a_heading_sorts_up_then_down_then_as_it_was(visit: Visit, folder: Path) -> None:
    page = visit(f"{folder.as_uri()}/index-2.html")
    assert rows(page, "1,203 reports") == list(range(1000, COUNT))
    heading = page.get_by_role("columnheader", name="Probability")
    heading.get_by_role("button").click()
    wait(page, "document.querySelector('#reports tbody td').textContent === '0'")
    assert rows(page, "1,203 of 1,203 reports") == list(range(1000))
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.get_by_role("button").click()
    wait(page, f"document.querySelector('#reports tbody td').textContent === '{COUNT - 1}'")
    page.get_by_role("button", name="Show 1,000 more").click()
    wait(page, f"document.querySelectorAll('#reports tbody tr').length === {COUNT}")
    assert rows(page, "1,203 of 1,203 reports") == list(range(COUNT))[::-1]
    heading.get_by_role("button").click()
    assert rows(page, "1,203 reports") == list(range(1000, COUNT))
    page.get_by_role("button", name="Tokens").click()  # equal values stay in the order of the rows
    expect(page.locator("#count")).to_have_text("1,203 of 1,203 reports")
    wait(page, "document.querySelectorAll('#reports tbody td')[8].textContent === '50'")
    assert rows(page, "1,203 of 1,203 reports")[:3] == [0, 50, 100]
    unharmed(page)


def test_a_count_of_labels_shows_its_reports(visit: Visit, folder: Path) -> None:
    page = visit(f"{folder.as_uri()}/index.html", viewport={"width": 360, "height": 640})
    wrong = page.get_by_role("link", name="gold left, predicted right")
    wanted = list(range(0, COUNT, 12))
    assert wrong.inner_text() == str(len(wanted))
    wrong.click()
    assert rows(page, f"{len(wanted)} of 1,203 reports") == wanted
    assert page.locator("#confusion [aria-current]").all_inner_texts() == [str(len(wanted))]
    wait(page, "document.getElementById('reports').getBoundingClientRect().top < 300")
    page.go_back()
    assert rows(page, "1,203 reports") == list(range(1000))
    unharmed(page)


def test_without_scripts_all_is_listed_and_nothing_is_dead(visit: Visit, folder: Path) -> None:
    page = visit(f"{folder.as_uri()}/index.html", java_script_enabled=False)
    assert page.locator("input, select, button").count() == 0
    assert page.locator("#reports tbody tr").count() == 1000
    counts = [int(text) for text in page.locator("#confusion td.number").all_inner_texts()]
    assert (sum(counts), len(counts)) == (COUNT, 9)
    assert page.locator("#confusion a").count() == 0


def test_rows_that_are_missing_are_told(visit: Visit, tmp_path: Path) -> None:
    index_files.write(tmp_path, "small", outcomes(3), {}, total=3, page="report.html")
    (tmp_path / "index-rows.js").unlink()
    page = visit(f"{tmp_path.as_uri()}/index.html")
    page.get_by_label("Verdict").select_option("wrong")
    expect(page.locator("#count")).to_have_text("The rows are missing: ./index-rows.js could not be loaded.")


def test_no_text_from_outside_runs(visit: Visit, tmp_path: Path) -> None:
    made = [
        Outcome(f"x-{n}", n, payload, payload, label=payload, predicted=payload, probability=0.5, verdict="right")
        for n, payload in enumerate(reports.PAYLOADS)
    ]
    index_files.write(tmp_path, reports.PAYLOADS[0], made, {}, total=len(made), page="report.html")
    page = visit(f"{tmp_path.as_uri()}/index.html")
    page.get_by_role("button", name="Report", exact=True).click()
    expect(page.locator("#count")).to_have_text(f"{len(made)} of {len(made)} reports")
    page.locator("#confusion td a").first.click()
    expect(page.locator("#count")).to_have_text(f"1 of {len(made)} reports")
    unharmed(page)


@pytest.mark.slow
def test_axe_finds_nothing(visit: Visit, folder: Path) -> None:
    page = visit(f"{folder.as_uri()}/index.html#verdict=wrong&sort=-tokens", viewport={"width": 320, "height": 640})
    rows(page, "301 of 1,203 reports")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert violations(page) == [], scheme
