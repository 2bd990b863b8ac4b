"""axe-core on the page, in every state a reader brings it to, light, dark, high contrast: WCAG 2.2, levels A and AA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.page import Show, live, settled
from tests.browser.test_instrument import drawn_html, html

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
LOOKS: tuple[tuple[Any, Any], ...] = (("light", "none"), ("dark", "none"), ("light", "active"), ("dark", "active"))
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 375, "height": 700}


def violations(page: Page) -> list[str]:
    """What axe-core finds, a line for every element."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{rule['id']}: {node['html'][:160]} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


def find(page: Page) -> None:
    page.get_by_label("Find", exact=True).fill("heads")
    page.keyboard.press("Enter")


def sort_and_filter(page: Page) -> None:
    page.locator("details:not(.controls) summary").evaluate_all(
        "all => all.forEach((e) => (e.parentElement.open = true))"
    )
    page.locator('[aria-labelledby="table-top-tokens"] thead button').nth(2).click()
    page.get_by_label("Rank up to").first.fill("2")


def unfold(page: Page) -> None:
    page.get_by_text("Controls", exact=True).click()


STATES: dict[str, tuple[str, dict[str, int], Callable[[Page], Any] | None]] = {
    "token": ("token=3&layers=2&heads=1-2", WIDE, None),
    "nothing chosen": ("layers=none", WIDE, None),
    "masked words, log, special tokens": ("mask=1&words=1&scale=log&special=1", WIDE, None),
    "last layer": ("layers=3&token=0", WIDE, None),
    "find": ("", WIDE, find),
    "tables": ("", WIDE, sort_and_filter),
    "phone, controls": ("", PHONE, unfold),
    "phone, token": ("token=4", PHONE, None),
}


DRAWN = {"first": ("", WIDE), "map": ("map=2.3", WIDE), "phone": ("", PHONE)}  # where there is a chart to see


@pytest.mark.parametrize("state", ["token", *(pytest.param(s, marks=pytest.mark.slow) for s in STATES if s != "token")])
def test_axe_finds_nothing(show: Show, state: str) -> None:
    link, viewport, act = STATES[state]
    page = settled(show(html(), fragment=link, viewport=viewport, color_scheme="light"))
    if act:
        act(page)
        settled(page)
    for scheme, forced in LOOKS:
        page.emulate_media(color_scheme=scheme, forced_colors=forced)
        assert violations(page) == [], (scheme, forced)
    assert page.evaluate("violations") == []


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "forced"), LOOKS)
@pytest.mark.parametrize("state", DRAWN)
def test_axe_finds_nothing_in_live_charts(show: Show, state: str, scheme: str, forced: str) -> None:
    link, viewport = DRAWN[state]
    settings = {"viewport": viewport, "color_scheme": scheme, "forced_colors": forced}
    page = live(show(drawn_html(), fragment=link, **settings))
    assert violations(page) == []
    assert page.evaluate("violations") == []


@pytest.mark.slow
def test_axe_finds_nothing_where_no_script_of_the_page_runs(show: Show) -> None:
    page = show(drawn_html(), before="delete globalThis.DecompressionStream")
    assert violations(page) == []


def test_axe_would_find_something(show: Show) -> None:
    page = settled(show(html().replace('<label for="scale">Colour scale</label>', "Colour scale")))
    page.locator(".explain").first.evaluate("e => (e.style.color = '#aaaaaa')")
    found = {line.split(":")[0] for line in violations(page)}
    assert {"select-name", "color-contrast"} <= found
