"""A comparison in Chromium: accessible, by keys alone, within its policy, on a phone, without scripts."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
from playwright.sync_api import Page

from reportgen.compare.parts import Side
from reportgen.compare.reports import compare
from reportgen.compare.shown import page as pages
from reportgen.core.nouns.faithfulness import Attribution
from tests import reports
from tests.browser.page import Show
from tests.browser.test_accessibility import violations

WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 320, "height": 640}
VERSIONS = {"reportgen": "0.1.0"}


@functools.cache
def html(hostile: str = "") -> str:
    one, other = reports.report(), reports.report(seed=5)
    scores = np.linspace(-1, 1, len(one.tokens)).astype(np.float32)
    one = replace(one, attributions=(Attribution("frozen", 0, scores),))
    other = replace(other, attributions=(Attribution("frozen", 0, scores[::-1].copy()),))
    if hostile:
        one = replace(one, example=replace(one.example, title=hostile))
    sides = (Side("A", hostile or "one", "its model", "../one/report.html", "a" * 64),
             Side("B", "other", "another", "../other/report.html", "b" * 64))  # fmt: skip
    made = compare(one, other, sides)
    return pages.page(made, name="compared", command="reportgen compare one other", created="2024-05-01T12:00:00+00:00",
                      versions=VERSIONS)  # fmt: skip


def background(page: Page) -> str:
    return str(page.locator("#text span").nth(5).evaluate("e => getComputedStyle(e).backgroundColor"))


@pytest.mark.parametrize("viewport", [WIDE, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(show: Show, viewport: dict[str, int], scheme: str) -> None:
    page = show(html(), viewport=viewport, color_scheme=scheme)
    page.locator("details summary").evaluate_all("all => all.forEach((e) => (e.parentElement.open = true))")
    assert violations(page) == []
    assert page.evaluate("violations") == []
    assert page.wrong == []  # type: ignore[attr-defined]


def test_it_fits_a_narrow_phone(show: Show) -> None:
    page = show(html(), viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_keys_choose_what_colours_the_text(show: Show) -> None:
    page = show(html(), viewport=WIDE)
    before = background(page)
    page.get_by_label("Difference, B minus A").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#side-y").is_checked()
    assert background(page) != before
    assert page.locator(".about-ay").is_visible()
    assert not page.locator(".about-az").is_visible()
    page.get_by_label("All layers", exact=True).focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".about-by").is_visible()


def test_it_is_read_without_scripts(show: Show) -> None:
    page = show(html(), viewport=WIDE, java_script_enabled=False)
    page.locator("#side-x").check()
    assert page.locator(".about-ax").is_visible()
    assert page.locator(".tools").count() == 0


def test_tables_are_sorted(show: Show) -> None:
    page = show(html(), viewport=WIDE)
    table = page.locator('[aria-labelledby="table-gains"]')
    table.get_by_role("button", name="Word").click()
    words = table.locator("tbody td:first-child").all_text_contents()
    assert words == sorted(words, key=str.lower)


@pytest.mark.parametrize("payload", reports.PAYLOADS[:8])
def test_hostile_names_are_text(show: Show, payload: str) -> None:
    page = show(html(payload), viewport=WIDE)
    assert page.evaluate("window.ran") is None
    assert page.wrong == []  # type: ignore[attr-defined]
