"""The page of scores that someone else computed: layers and heads can be chosen, and nothing speaks of attention."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from reportgen.core.config import Config
from reportgen.core.nouns.records import Report
from reportgen.core.palette import HEAT_LIGHT
from reportgen.report import given_scores
from reportgen.report.draw import charts, vega
from reportgen.report.page import render
from tests import reports
from tests.browser.page import live, rgb, settled

TOKENS = ["<s>", *(f"\u0120word{n}" for n in range(40)), "</s>"]
SCORES = np.random.default_rng(3).gamma(0.5, size=(3, 2, len(TOKENS)))


def report(folder: Path, scores: np.ndarray) -> Report:
    """The report of a file of scores."""
    fields = {"tokens": TOKENS, "pieces": "byte-bpe", "scores": scores.tolist(), "title": "Of mine"}
    (folder / "scores.json").write_text(json.dumps(fields))
    return given_scores.load(folder / "scores.json", Config())


def shown(given: Report) -> str:
    """Its page, with the real bundle and real charts."""
    drawn = charts.charts(given, *reports.ranked(given))
    return render.page(given, reports.parts(given, drawn), bundle=vega.bundle())


@pytest.fixture
def page(show: Callable[..., Page], tmp_path: Path) -> Page:
    return live(show(shown(report(tmp_path, SCORES))))


def heat(page: Page) -> list[int]:
    """Colour class of every token of the text, in order."""
    colours = page.evaluate(
        """() => [...document.querySelectorAll("#text [data-position]:not(.special)")]
             .map((token) => getComputedStyle(token).backgroundColor)"""
    )
    known = {rgb(colour): n for n, colour in enumerate(HEAT_LIGHT)}
    return [known[colour] for colour in colours]


def test_a_layer_that_is_chosen_colours_the_text(page: Page) -> None:
    """What has a higher score in it has no lighter colour."""
    page.evaluate("reportgen.state.change({ layers: [2] })")
    settled(page)
    sums = SCORES[1].sum(axis=0)[1:-1]
    classes = np.array(heat(page))
    assert classes.max() == 15
    assert (np.diff(classes[np.argsort(sums)]) >= 0).all()


def test_an_opened_token_tells_its_ranks_and_no_links(page: Page) -> None:
    page.click('[data-position="7"]')
    settled(page)
    said = page.inner_text("#token-body")
    ranks = [[int((row > row[7]).sum()) + 1 for row in layer] for layer in SCORES.astype(np.float32)]
    cells = page.evaluate("[...document.querySelectorAll('#token-body .ranks td')].map((c) => c.textContent)")
    assert [cell for cell in cells if cell] == [str(rank) for layer in ranks for rank in layer]
    assert "ttend" not in said


@pytest.mark.parametrize("scores", [SCORES, SCORES[0, 0]], ids=["heads", "flat"])
def test_nothing_speaks_of_attention(scores: np.ndarray, show: Callable[..., Page], tmp_path: Path) -> None:
    """Where there are layers also after something was chosen; one list of scores has no controls."""
    opened = show(shown(report(tmp_path, scores)))
    if scores.ndim == 3:
        live(opened)
        opened.evaluate("reportgen.state.change({ layers: [1], heads: [2], token: 5 })")
        settled(opened)
    words = opened.evaluate("document.body.innerText").replace("reportgen", "")
    assert "attention" not in words.lower()
    assert "Of mine" in words
    assert (opened.query_selector("#controls") is not None) == (scores.ndim == 3)
