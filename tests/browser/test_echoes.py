"""The page with echoes of position: left out at first, brought back by a choice, named where they are met."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from playwright.sync_api import Page

from reportgen.report import heatmap
from reportgen.report.page import render
from tests import reports
from tests.browser.page import settled
from tests.report.test_echoes_shown import ECHOES, echoing, parts

Show = Callable[..., Page]
CLASSES = """[...document.querySelectorAll("#text [data-position]")].map((span) => {
  const name = [...span.classList].find((one) => /^h\\d+$/.test(one));
  return name ? Number(name.slice(1)) : -1;
})"""


@cache
def html(*, keep: bool = False) -> str:
    return render.page(echoing(keep=keep), parts(keep=keep), bundle=reports.STUB_BUNDLE)


@pytest.fixture
def page(show: Show) -> Page:
    return settled(show(html(), fragment="common=1"))


def positions(page: Page, table: str) -> list[str]:
    """The column of positions of a table of top tokens."""
    cells = page.locator(f"[aria-labelledby={table}] tbody tr td:nth-child(3)")
    return cells.all_inner_texts()


def close(found: list[int], wanted: tuple[int, ...]) -> bool:
    """Values in the page are off by up to 0.4 %: a class may be the next one."""
    return max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= 1


def test_at_first_they_are_outlined_without_a_colour(page: Page) -> None:
    found = page.evaluate(CLASSES)
    assert [n for n, heat in enumerate(found) if heat < 0] == [0, *ECHOES, len(found) - 1]
    assert close(found, parts().views[0].classes)
    border = page.evaluate("getComputedStyle(document.querySelector('#text .echo')).borderTopStyle")
    assert border == "dashed"
    assert not page.get_by_role("checkbox", name="Echoes of position").is_checked()
    assert not set(map(str, ECHOES)) & set(positions(page, "table-top-tokens"))


def test_a_choice_brings_them_back_everywhere(page: Page) -> None:
    page.get_by_role("checkbox", name="Echoes of position").check()
    settled(page)
    assert close(page.evaluate(CLASSES), parts(keep=True).views[0].classes)
    assert positions(page, "table-top-tokens")[:3] == ["33", "22", "11"]
    assert page.evaluate("location.hash") == "#echoes=1&common=1"
    assert "are outlined with dashes and included in the scale" in page.inner_text(".about .scale")
    assert "echoes of position" not in page.inner_text("#table-top-tokens")
    page.get_by_role("button", name="Reset").click()
    settled(page)
    assert min(page.evaluate(CLASSES)[place] for place in ECHOES) == -1


def test_a_report_that_keeps_them_begins_with_them_and_can_leave_them_out(show: Show) -> None:
    page = settled(show(html(keep=True)))
    assert page.evaluate(CLASSES) == list(parts(keep=True).views[0].classes)
    assert page.evaluate("location.hash") == ""
    page.get_by_role("checkbox", name="Echoes of position").uncheck()
    settled(page)
    assert close(page.evaluate(CLASSES), parts().views[0].classes)
    assert page.evaluate("location.hash") == "#echoes=0"
    assert "echoes of position" in page.inner_text("#table-top-tokens")


def test_a_link_shows_them(show: Show) -> None:
    page = settled(show(html(), fragment="echoes=1&common=1"))
    assert page.get_by_role("checkbox", name="Echoes of position").is_checked()
    assert positions(page, "table-top-tokens")[0] == "33"


def test_an_opened_echo_is_named_and_not_ranked(page: Page) -> None:
    page.evaluate("reportgen.state.change({ view: 'all' })")
    page.click('[data-position="22"]')
    settled(page)
    said = page.inner_text("#token-body")
    assert "Echo: the position of <s> repeats here. Its score belongs to the place, whatever the token says." in said
    assert "not ranked" in said
    page.get_by_role("checkbox", name="Echoes of position").check()
    settled(page)
    assert "2 of " in page.inner_text("#token-body")


def test_hot_spots_pass_them_by(page: Page) -> None:
    report = echoing()
    page.evaluate("reportgen.state.change({ view: 'all' })")
    scores, _ = reports.ranked(report)
    top = np.argsort(-np.where(report.tokens.content, scores.total, -1), kind="stable")[: report.top_k]
    seen = set()
    for _ in range(report.top_k):
        page.click("#spot-next")
        settled(page)
        seen.add(page.evaluate("Number(document.querySelector('[data-mark~=here]').dataset.position)"))
    assert seen == set(top.tolist())


def test_whole_words_leave_out_their_echoes(page: Page) -> None:
    page.evaluate("reportgen.state.change({ words: true })")
    settled(page)
    found = page.evaluate(CLASSES)
    assert all(found[place] == -1 for place in ECHOES)
    assert not set(map(str, ECHOES)) & set(positions(page, "table-top-tokens"))
    assert max(found) == 15


def test_a_walk_names_them(page: Page) -> None:
    page.evaluate("reportgen.walk.go(22)")
    assert page.inner_text("#said").endswith("position 22, echo of a position")


def test_a_page_without_echoes_has_no_such_choice(show: Show) -> None:
    plain = reports.report()
    page = settled(show(render.page(plain, reports.parts(plain), bundle=reports.STUB_BUNDLE), fragment="echoes=1"))
    assert page.get_by_role("checkbox", name="Echoes of position").count() == 0
    covered = heatmap.cells(plain.example.text, plain.tokens)
    assert close(page.evaluate(CLASSES), heatmap.views(plain, reports.ranked(plain)[0], covered)[0].classes)
    assert page.wrong == []  # type: ignore[attr-defined]
