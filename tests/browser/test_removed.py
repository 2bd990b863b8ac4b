"""The curve of the test in the page: the slider and the pointer choose a share, whose words are struck through."""

from __future__ import annotations

from functools import cache

import pytest
from playwright.sync_api import Page

from reportgen.report.draw import curves
from reportgen.report.draw.pictures import vega
from reportgen.report.page import render
from tests import faithful, reports
from tests.browser.page import Show, settled, wait
from tests.browser.test_accessibility import violations

GONE = "[...document.querySelectorAll('#text [data-mark~=gone]')].map((e) => Number(e.dataset.position))"
DRAWN = "document.querySelector('#figure-deletion-curve').dataset.live === 'true'"
LINE = "getComputedStyle(document.querySelector('#text [data-mark~=gone]')).textDecorationLine"


@cache
def html(*, live: bool = False) -> str:
    report = faithful.report()
    shown = reports.parts(report, (), curves.curves(report))
    return render.page(report, shown, bundle=vega.bundle() if live else reports.STUB_BUNDLE)


def removed(order: str, count: int) -> list[int]:
    """Positions of the first units of an order."""
    test = faithful.faithfulness()
    units = next(one.units for one in test.orders if one.name == order)[:count]
    return sorted(position for unit in units for position in test.units[unit].positions)


def test_the_slider_strikes_through_what_is_gone_and_says_it(show: Show) -> None:
    page = settled(show(html()))
    slider = page.get_by_role("slider", name="Share removed")
    said = page.locator("#removed-said")
    assert page.evaluate(GONE) == []
    assert said.inner_text() == "The whole document gives “left” a probability of 80.2%."
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "10%"
    assert page.evaluate(GONE) == removed("classifier", 6)
    assert page.evaluate(LINE) == "line-through"
    assert said.inner_text().startswith(
        "Without 10% of the words (6 of 57, deleted) it is 70.7%; 19 random choices leave 79."
    )
    page.keyboard.press("Home")
    assert page.evaluate(GONE) == []


def test_another_order_removes_other_words(show: Show) -> None:
    page = settled(show(html()))
    page.get_by_role("slider", name="Share removed").fill("2")
    page.get_by_label("in the order of").select_option(label="attribution")
    assert page.evaluate(GONE) == removed("attribution", 3)


def test_a_word_of_the_sentence_leads_to_its_place(show: Show) -> None:
    page = settled(show(html()))
    page.get_by_role("slider", name="Share removed").fill("1")
    position = removed("classifier", 1)[0]
    page.locator("#removed-said button").click()
    assert page.evaluate("document.activeElement.id") == "text"
    assert page.evaluate("document.querySelector('#text [data-mark~=here]').dataset.position") == str(position)


def test_the_place_of_a_sentence_is_a_way_to_it(show: Show) -> None:
    page = settled(show(html()))
    page.locator('[aria-labelledby="table-rests-on"] [data-jump]').first.click()
    assert page.evaluate("document.querySelector('#text [data-mark~=here]').dataset.position") == "1"


def test_the_pointer_chooses_the_share_it_is_nearest_to(show: Show) -> None:
    """And the curve shows a line there, whose picture a reader can save without it being lost."""
    page = show(html(live=True))
    wait(page, DRAWN)
    page.evaluate("document.querySelector('#figure-deletion-curve').scrollIntoView()")
    box = page.locator("#figure-deletion-curve .live svg").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 150, box["y"] + 150)
    page.mouse.move(box["x"] + 152, box["y"] + 150)
    wait(page, "document.getElementById('removed').value > 0")
    settled(page)
    at = int(page.get_by_role("slider", name="Share removed").input_value())
    assert page.evaluate(GONE) == removed("classifier", faithful.faithfulness().counts[at - 1])
    lines = page.locator('#figure-deletion-curve .live line[stroke="var(--ink)"]').count()
    assert lines >= 2, "one in each panel"
    assert page.evaluate("violations") == []
    assert page.wrong == []  # type: ignore[attr-defined]


def test_the_folded_chart_is_live_where_it_is_opened(show: Show) -> None:
    page = show(html(live=True))
    wait(page, DRAWN)
    page.get_by_text("All numbers, and how it was tested").click()
    wait(page, "document.querySelector('#figure-keeping-curve').dataset.live === 'true'")
    box = page.locator("#figure-keeping-curve .live svg").bounding_box()
    assert box is not None
    assert 400 < box["width"] < 740


@pytest.mark.parametrize("width", [1440, 320])
def test_axe_finds_nothing_and_nothing_sticks_out(show: Show, width: int) -> None:
    page = settled(show(html(), viewport={"width": width, "height": 800}, color_scheme="light"))
    page.get_by_text("All numbers, and how it was tested").click()
    page.get_by_role("slider", name="Share removed").fill("5")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert violations(page) == [], scheme
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_scripts_the_chart_stands_still_and_nothing_is_offered_that_does_not_work(show: Show) -> None:
    page = show(html(), java_script_enabled=False)
    assert page.locator("#figure-deletion-curve .still svg").is_visible()
    assert not page.locator("#removed").is_visible()
    page.get_by_text("All numbers, and how it was tested").click()
    assert page.locator("#table-aopc").is_visible()


def test_printed_the_numbers_are_unfolded_and_the_slider_is_not_there(show: Show) -> None:
    page: Page = settled(show(html()))
    page.emulate_media(media="print")
    assert page.locator("#table-aopc").is_visible()
    assert page.locator("#figure-keeping-curve figcaption").is_visible()
    assert not page.locator("#removed").is_visible()
