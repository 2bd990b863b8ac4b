"""The page per query: the same colours and ranks as Python computes, from a choice, a link, or at first."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from playwright.sync_api import Page

from reportgen.report.page import render
from tests import reference, reports
from tests.browser.page import settled
from tests.browser.test_echoes import CLASSES, close, positions
from tests.report.test_per_query import seen

Show = Callable[..., Page]


@cache
def html(*, per_query: bool = False) -> str:
    report = seen(per_query=per_query)
    return render.page(report, reports.parts(report), bundle=reports.STUB_BUNDLE)


@pytest.fixture
def page(show: Show) -> Page:
    return settled(show(html()))


def test_a_choice_shows_what_a_report_per_query_shows(page: Page) -> None:
    other = reports.parts(seen(per_query=True))
    page.get_by_role("checkbox", name="Per query").check()
    settled(page)
    assert page.evaluate("location.hash") == "#per_query=1"
    assert close(page.evaluate(CLASSES), other.views[1].classes)
    assert other.views[1].explanation in page.inner_text(".about .explain")
    assert positions(page, "table-top-tokens") == [row[2] for row in other.tables[0].rows]
    page.get_by_role("button", name="Reset").click()
    settled(page)
    assert page.evaluate(CLASSES) == list(reports.parts(seen()).views[0].classes)


def test_a_report_per_query_begins_so_and_can_show_the_total(show: Show) -> None:
    page = settled(show(html(per_query=True)))
    assert page.evaluate(CLASSES) == list(reports.parts(seen(per_query=True)).views[0].classes)
    assert page.evaluate("location.hash") == ""
    page.get_by_role("checkbox", name="Per query").uncheck()
    settled(page)
    assert close(page.evaluate(CLASSES), reports.parts(seen()).views[1].classes)
    assert page.evaluate("location.hash") == "#per_query=0"


def test_an_opened_token_has_its_ranks_per_query(show: Show) -> None:
    page = settled(show(html(), fragment="per_query=1&token=3"))
    report = seen()
    shares = report.attention.received / report.attention.seen[:, None]  # type: ignore[index]
    wanted = [[reference.ranks(row)[3] for row in layer] for layer in shares]
    cells = page.evaluate("[...document.querySelectorAll('#token-body .ranks td')].map((c) => c.textContent)")
    found = np.array([int(cell) for cell in cells if cell]).reshape(2, 2)
    assert np.abs(found - np.array(wanted)).max() <= 1  # values in the page are rounded to 0.4 %


def test_the_row_of_the_classifier_does_not_depend_on_it(show: Show) -> None:
    page = settled(show(html(), fragment="from=global"))
    before = page.evaluate(CLASSES)
    page.get_by_role("checkbox", name="Per query").check()
    settled(page)
    assert page.evaluate(CLASSES) == before


def test_where_all_tokens_are_seen_alike_there_is_no_such_choice(show: Show) -> None:
    plain = reports.report()
    page = settled(show(render.page(plain, reports.parts(plain), bundle=reports.STUB_BUNDLE), fragment="per_query=1"))
    assert page.get_by_role("checkbox", name="Per query").count() == 0
    assert page.evaluate(CLASSES) == list(reports.parts(plain).views[1].classes)
    assert page.wrong == []  # type: ignore[attr-defined]
