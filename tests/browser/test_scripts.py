"""A text in many scripts in Chromium: shown as written, in the order of its scripts, its letters joined."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from reportgen.report.page import render
from tests import noto, reports
from tests.browser.page import settled
from tests.test_scripts import LINES, TEXT, report

pytestmark = pytest.mark.skipif(not noto.installed() and "CI" not in os.environ, reason="no fonts of Noto")
# Where characters of the text stand, by their places in it. Special tokens are no part of the text.
PLACES = """([start, end]) => {
  const walker = document.createTreeWalker(document.querySelector("#text"), NodeFilter.SHOW_TEXT, (node) =>
    node.parentElement.closest(".special") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
  const range = document.createRange();
  let at = 0, begun = false;
  while (walker.nextNode()) {
    const length = walker.currentNode.data.length;
    if (!begun && start < at + length) { range.setStart(walker.currentNode, start - at); begun = true; }
    if (end <= at + length) { range.setEnd(walker.currentNode, end - at); break; }
    at += length;
  }
  const { left, right, top, bottom } = range.getBoundingClientRect();
  return { left, right, top, bottom };
}"""
UNSPLIT = """([position, word]) => {
  const line = document.querySelector(`#text [data-position="${position}"]`).parentElement;
  const span = document.createElement("span");
  span.textContent = word;
  line.append("\\n", span);
  const { width } = span.getBoundingClientRect();
  span.previousSibling.remove();
  span.remove();
  return width;
}"""


@pytest.fixture(scope="module")
def page(contexts: Callable[..., BrowserContext], tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page, which the tests of this file only read."""
    made = reports.parts(report(), (reports.stub_chart(),))
    path = tmp_path_factory.mktemp("scripts") / "report.html"
    path.write_text(render.page(report(), made, bundle=reports.STUB_BUNDLE), encoding="utf-8", newline="")
    opened = contexts(viewport={"width": 1200, "height": 900}).new_page()
    opened.goto(path.as_uri())
    return settled(opened)


def place(page: Page, text: str, *, after: str = "") -> dict[str, float]:
    """Where the first *text* after the first *after* stands."""
    start = TEXT.index(text, TEXT.index(after))
    units = [len(part.encode("utf-16-le")) // 2 for part in (TEXT[:start], TEXT[: start + len(text)])]
    found: dict[str, float] = page.evaluate(PLACES, units)
    return found


def width(box: dict[str, float]) -> float:
    return box["right"] - box["left"]


def shown(page: Page) -> list[dict[str, Any]]:
    """The tokens that the page shows: text, whether special, size."""
    found: list[dict[str, Any]] = page.evaluate(
        """() => [...document.querySelectorAll("#text [data-position]")].map((token) => ({
          text: token.textContent, special: token.classList.contains("special"),
          width: token.getBoundingClientRect().width, lines: token.getClientRects().length }))"""
    )
    return found


def test_every_token_shows_its_characters_as_written(page: Page) -> None:
    tokens = [token["text"] for token in shown(page) if not token["special"]]
    assert "".join(tokens) == "".join(TEXT.split())
    assert page.evaluate("document.querySelector('#text').textContent") == f"<s>{TEXT}</s>"
    assert all(token["width"] > 0 for token in shown(page))


@pytest.mark.parametrize(
    ("first", "second"),
    [("يقرأ", "النموذج"), ("النموذج", "128"), ("128", "كلمة"), ("ثم", "Longformer"), ("Longformer", "يصنف")],
)
def test_an_arabic_line_runs_from_right_to_left_around_digits_and_latin(page: Page, first: str, second: str) -> None:
    before, after = place(page, first), place(page, second)
    assert before["left"] >= after["right"]
    assert abs(before["bottom"] - after["bottom"]) < 8


@pytest.mark.parametrize("script", ["Hebrew", "Persian"])
def test_a_line_of_a_script_from_right_to_left_begins_at_the_right(page: Page, script: str) -> None:
    words = LINES[script].rstrip(".").split()
    places = [place(page, word, after=LINES[script]) for word in words]
    assert all(one["left"] >= other["right"] for one, other in itertools.pairwise(places))
    edge = page.evaluate("document.querySelector('#text').getBoundingClientRect().right")
    assert abs(places[0]["right"] - edge) < 1.5


@pytest.mark.parametrize("script", ["Chinese", "Japanese", "Korean", "Thai", "Devanagari", "emoji", "marks"])
def test_a_line_of_a_script_from_left_to_right_begins_at_the_left(page: Page, script: str) -> None:
    line = LINES[script]
    first, last = place(page, line[0], after=line), place(page, line[-1], after=line[-2:])
    edge = page.evaluate("document.querySelector('#text').getBoundingClientRect().left")
    if script != "Chinese":  # the token at the beginning stands before it
        assert abs(first["left"] - edge) < 1.5
    assert first["left"] < last["left"]


def test_digits_and_latin_within_arabic_keep_their_own_order(page: Page) -> None:
    assert place(page, "1", after="128")["right"] <= place(page, "2", after="128")["left"] + 0.1
    assert place(page, "L", after="Longformer")["right"] <= place(page, "o", after="Longformer")["left"] + 0.1


@pytest.mark.parametrize("word", ["يقرأ", "النموذج", "می\u200cخواهم", "بخوانم"])
def test_letters_of_a_word_in_several_colours_stay_joined(page: Page, word: str) -> None:
    assert abs(width(place(page, word)) - page.evaluate(UNSPLIT, [0, word])) < 1.5


def test_letters_that_fell_apart_would_be_seen(page: Page) -> None:
    """They are wider."""
    word = "النموذج"
    assert page.evaluate(UNSPLIT, [0, "\u200c".join(word)]) > width(place(page, word)) + 3


@pytest.mark.parametrize("emoji", ["👨\u200d👩\u200d👧", "🇩🇪", "👍🏽", "❤\ufe0f", "🤗"])
def test_the_pieces_of_an_emoji_are_one_element_with_one_picture(page: Page, emoji: str) -> None:
    """A family that fell apart would be as wide as its members."""
    (token,) = [token for token in shown(page) if emoji in token["text"]]
    assert token["text"].rstrip(",.") == emoji
    face = place(page, "🤗")
    assert abs(width(place(page, emoji)) - width(face)) < 0.3 * width(face)
    assert token["lines"] == 1


def test_marks_stand_on_their_letters(page: Page) -> None:
    """They take no place of their own."""
    for marked in ("re\u0301", "q\u0323\u0307\u0301", "Z\u0351\u036b"):
        bare = "".join(c for c in marked if c.isascii())
        assert abs(width(place(page, marked)) - page.evaluate(UNSPLIT, [0, bare])) < 1.5


def test_lines_of_all_scripts_are_equally_high(page: Page) -> None:
    bottoms = [place(page, line[-1], after=line[-2:])["bottom"] for line in LINES.values()]
    steps = [after - before for before, after in itertools.pairwise(bottoms)]
    assert max(steps) - min(steps) < 4, steps
