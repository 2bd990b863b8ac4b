"""The page with attribution: a choice beside attention, with the colours and numbers that Python computes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from reportgen.core import numbers, palette
from reportgen.report import heatmap, signed, words
from reportgen.report.page import render
from tests import faithful, reports
from tests.browser.page import Show, contrast, rgb, settled
from tests.browser.test_accessibility import PHONE, WIDE, violations

CLASSES = """[...document.querySelectorAll("#text [data-position]")].map((span) => {
  const name = [...span.classList].find((one) => /^h\\d+$/.test(one));
  return name ? Number(name.slice(1)) : -1;
})"""


@cache
def html() -> str:
    return render.page(faithful.untested(), reports.parts(faithful.untested()), bundle=reports.STUB_BUNDLE)


def at(show: Show, fragment: str, **settings: Any) -> Page:
    return settled(show(html(), fragment=fragment, **settings))


def select(page: Page, name: str) -> Any:
    return page.get_by_role("combobox", name=name, exact=True)


def view(number: int = 1, scale: Any = "linear") -> Any:
    """What Python makes of an attribution."""
    scores = signed.found(faithful.untested())[number - 1].scores
    assert scores is not None
    covered = heatmap.cells(faithful.untested().example.text, faithful.untested().tokens)
    return signed.view("", "", "", scores, covered, scale=scale, outlined="")


def test_the_page_opens_with_attention_and_offers_attribution(show: Show) -> None:
    page = at(show, "")
    assert page.evaluate(CLASSES) == list(reports.parts(faithful.untested()).views[0].classes)
    assert page.get_by_role("radio", name="What the classifier reads").is_checked()
    assert not page.get_by_role("radio", name="Attribution").is_checked()
    assert select(page, "For label").is_disabled()
    assert select(page, "For label").locator("option").all_inner_texts() == ["“left” (predicted and gold)", "“right”"]
    assert not page.locator(".sides").is_visible()
    assert "There is no attribution for “right”" in page.get_by_role("region", name="Token heatmap").inner_text()


def test_a_choice_shows_attribution_and_another_label_and_reset_undoes_both(show: Show) -> None:
    page = at(show, "")
    page.get_by_role("radio", name="Attribution").check()
    settled(page)
    assert page.evaluate(CLASSES) == list(view().classes)
    assert page.evaluate("location.hash") == "#attribution=1"
    assert page.locator("#signless").is_visible()
    assert (
        signed.explanation(faithful.untested(), faithful.untested().attributions[0])
        == page.locator(".about .explain").inner_text()
    )
    select(page, "For label").select_option("2")
    settled(page)
    assert page.evaluate(CLASSES) == list(view(2).classes)
    assert page.evaluate("location.hash") == "#attribution=2"
    page.get_by_role("button", name="Reset").click()
    settled(page)
    assert page.evaluate(CLASSES) == list(reports.parts(faithful.untested()).views[0].classes)
    assert page.evaluate("location.hash") == ""
    assert page.locator(".about .step").all_inner_texts()[8] != ""
    assert page.wrong == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("scale", ["contrast", "linear", "rank", "log"])
def test_a_link_shows_the_colours_and_the_legend_that_python_computes(show: Show, scale: Any) -> None:
    page = at(show, f"attribution=2&scale={scale}")
    wanted = view(2, scale)
    assert page.evaluate(CLASSES) == list(wanted.classes)
    said = heatmap.labels(wanted)
    assert page.locator(".about .ends").all_inner_texts() == [said[-1], said[16]]
    steps = page.locator(".about .step").all_inner_texts()
    assert {n: text for n, text in enumerate(steps) if text} == {4: said[4], 11: said[11]}
    assert page.locator(".sides").inner_text().split("\n") == ["speaks against", "0", "speaks for"]
    assert f"hold {wanted.strongest} of {wanted.coloured} tokens" in page.locator(".about .scale").inner_text()


@pytest.mark.parametrize("link", ["attribution=0", "attribution=3", "attribution=-1", "attribution=x", "attribution="])
def test_a_link_to_an_attribution_that_is_not_there_shows_attention(show: Show, link: str) -> None:
    page = at(show, link)
    assert page.evaluate(CLASSES) == list(reports.parts(faithful.untested()).views[0].classes)
    assert page.wrong == []  # type: ignore[attr-defined]


def test_a_word_has_the_sum_of_its_tokens(show: Show) -> None:
    """Of a word in two pieces, one for and one against the label, the larger decides."""
    report = reports.report("say unseen", read=reports.tokens("say unseen", spans=[(0, 3), (4, 6), (6, 10)]))
    scores = np.array([0.2, -0.1, 0.9, -0.4, 0], np.float32)
    given = replace(report, attributions=(replace(faithful.untested().attributions[0], scores=scores),))
    source = render.page(given, reports.parts(given), bundle=reports.STUB_BUNDLE)
    page = settled(show(source, fragment="attribution=1"))
    assert [n >= 24 for n in page.evaluate(CLASSES)] == [False, False, True, False, False]
    page.get_by_role("checkbox", name="Whole words").check()
    page.locator('#text [data-position="2"]').click()
    settled(page)
    assert page.evaluate(CLASSES)[2:4] == [31, 31]
    assert "+0.5 logits, speaks for" in page.locator("#token-body").inner_text()
    page.get_by_role("tab", name="For “left”").click()
    assert "Words that speak most for" in page.locator("#table-attribution-1-for").inner_text()
    assert (
        page.locator("[aria-labelledby=table-attribution-1-for] tbody tr").first.inner_text().split("\t")[1] == "unseen"
    )


def test_special_tokens_and_masked_words_follow_their_choices(show: Show) -> None:
    page = at(show, "attribution=1&special=1&mask=1")
    classes = page.evaluate(CLASSES)
    assert classes[0] >= 16
    found = words.whole_words(faithful.untested().example.text, faithful.untested().tokens, language="en")
    masked = [position for word in found if word.masked for position in word.positions]
    assert {classes[position] for position in masked} == {-1}


def test_hot_spots_are_the_strongest_on_either_side(show: Show) -> None:
    page = at(show, "attribution=1&layers=none&k=4&common=1")
    scores = np.where(faithful.untested().tokens.content, np.abs(view().values), 0)
    seen = set()
    for _ in range(4):
        page.click("#spot-next")
        settled(page)
        seen.add(page.evaluate("Number(document.querySelector('[data-mark~=here]').dataset.position)"))
    assert seen == set(np.argsort(-scores)[:4].tolist())


def test_find_keys_and_details_work_while_attribution_is_shown(show: Show) -> None:
    page = at(show, "attribution=1")
    page.get_by_label("Find", exact=True).fill("token")
    assert page.locator("#found").inner_text() == "3 found"
    page.locator("#text").press("ArrowRight")
    page.keyboard.press("Enter")
    settled(page)
    position = page.evaluate("Number(document.querySelector('[data-mark~=open]').dataset.position)")
    value = float(view().values[position])
    written = numbers.signed(float(f"{value:.3g}"))
    assert f"For “left” (predicted and gold)\n{written} logits" in page.locator("#token-body dl").inner_text()
    assert f"{written} for “left”" in page.locator("#said").inner_text()


def test_details_show_the_score_where_no_layer_is_chosen(show: Show) -> None:
    page = at(show, "attribution=1&layers=none&token=3")
    assert "For “right”" in page.locator("#token-body dl").inner_text()
    assert page.evaluate(CLASSES) == list(view().classes)


def test_the_strip_has_the_strongest_colour_of_each_stretch(show: Show) -> None:
    page = at(show, "attribution=1", color_scheme="light")
    pixels = page.evaluate("""(() => {
      const canvas = document.querySelector("#strip canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, 1, canvas.height);
      const rows = Array.from({ length: canvas.height }, (_, y) => data.slice(4 * y, 4 * y + 3).join(", "));
      return [...new Set(rows)].map((row) => `rgb(${row})`);
    })()""")
    hues = {rgb(colour) for colour in palette.SIGNED_LIGHT}
    assert len(hues & set(pixels)) > 8
    assert not set(pixels) & {rgb(colour) for colour in palette.HEAT_LIGHT}


def test_a_table_sorts_numbers_with_a_minus_and_saves_them_as_numbers(show: Show) -> None:
    page = at(show, "k=8&common=1")
    page.get_by_role("tab", name="Against “left”").click()
    frame = page.locator("[aria-labelledby=table-attribution-1-against]")
    frame.get_by_role("button", name="Attribution, logits").click()
    shown = [cell.replace("−", "-") for cell in frame.locator("tbody td:nth-child(4)").all_inner_texts()]
    assert len(shown) == 8
    assert [float(cell) for cell in shown] == sorted(map(float, shown), reverse=True)
    with page.expect_download() as saved:
        page.get_by_role("group", name="Table: Tokens that speak most against").get_by_text("Save CSV").click()
    assert [line.split(",")[3] for line in saved.value.path().read_text().splitlines()[1:]] == shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_have_one_ink_that_can_be_read_on_every_class(show: Show, scheme: str) -> None:
    """In page and legend; what stands between the tokens has it, too."""
    page = at(show, "attribution=1&scale=rank", color_scheme=scheme)
    looks = page.evaluate("""[...document.querySelectorAll("#text span:not(.special), .about .step")].map((e) => {
      const style = getComputedStyle(e);
      return [style.color, style.backgroundColor];
    })""")
    ink = page.evaluate("getComputedStyle(document.getElementById('text')).color")
    assert {colour for colour, _ in looks} == {ink}
    grounds = {ground for _, ground in looks} - {"rgba(0, 0, 0, 0)"}
    assert grounds == {rgb(colour) for colour in {"light": palette.SIGNED_LIGHT, "dark": palette.SIGNED_DARK}[scheme]}
    assert min(contrast(ink, ground) for ground in grounds) >= 4.5


STATES = {"wide": ("attribution=1&special=1&token=3", WIDE), "phone": ("attribution=2&words=1", PHONE)}


@pytest.mark.parametrize("state", ["wide", pytest.param("phone", marks=pytest.mark.slow)])
def test_axe_finds_nothing(show: Show, state: str) -> None:
    link, viewport = STATES[state]
    page = at(show, link, viewport=viewport, color_scheme="light")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == [], scheme
    assert page.evaluate("violations") == []


def test_on_a_narrow_screen_nothing_is_wider_than_it(show: Show) -> None:
    page = at(show, "attribution=1&token=2", viewport={"width": 320, "height": 700})
    page.get_by_text("Controls", exact=True).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_without_scripts_the_page_shows_attention_and_the_tables(show: Show) -> None:
    page = show(html(), before="delete globalThis.DecompressionStream", fragment="attribution=1")
    assert page.locator(".explain").first.inner_text().startswith("Colour shows the attention")
    assert page.locator("#table-attribution-1-for").is_visible()
    assert page.locator("[name=view]").count() == 3
    assert not page.locator(".sides").first.is_visible()
