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
from reportgen.report.draw import charts
from reportgen.report.draw.pictures import vega
from reportgen.report.page import render
from reportgen.report.stored import given_scores
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
    """Also after something was chosen."""
    opened = live(show(shown(report(tmp_path, scores))))
    layers = {"layers": [1], "heads": [2]} if scores.ndim == 3 else {}
    opened.evaluate(f"reportgen.state.change({json.dumps({**layers, 'token': 5})})")
    settled(opened)
    words = opened.evaluate("document.body.innerText").replace("reportgen", "")
    assert "attention" not in words.lower()
    assert "Of mine" in words
    assert opened.wrong == []  # type: ignore[attr-defined]


def test_one_number_a_token_is_found_sorted_and_saved_like_any_other(show: Callable[..., Page], tmp_path: Path) -> None:
    """There are no layers and no heads to choose, and no sentence speaks of them."""
    scores = SCORES[0, 0]
    opened = live(show(shown(report(tmp_path, scores))))
    opened.get_by_label("Find", exact=True).fill("word17")
    assert opened.locator("#found").inner_text() == "1 found"
    opened.get_by_role("button", name="Next hot spot").click()
    hottest = np.argsort(-scores[1:-1])[:10] + 1
    here = opened.evaluate("+document.querySelector('#text [data-mark~=here]').dataset.position")
    assert here == hottest.min()
    opened.keyboard.press("Enter")
    opened.evaluate(f"reportgen.state.change({{ token: {here} }})")
    settled(opened)
    rank = 1 + int((scores[1:-1] > scores[here]).sum())
    said = opened.inner_text("#token-body")
    assert f"{rank} of 40 tokens" in said
    assert not {"Layers", "layer", "head"} & set(opened.evaluate("document.querySelector('main').innerText").split())
    place = '[aria-labelledby="table-top-tokens"] thead button'
    opened.locator(place).nth(2).click()
    rows = opened.locator('[aria-labelledby="table-top-tokens"] tbody tr td:nth-child(3)').all_inner_texts()
    assert rows == sorted(rows, key=int)
    assert sorted(map(int, rows)) == sorted(hottest.tolist())
    with opened.expect_download() as saved:
        opened.get_by_role("button", name="Save CSV").first.click()
    assert "word" in Path(saved.value.path()).read_text(encoding="utf-8")
    assert not opened.get_by_role("group", name="Layers", exact=True).is_visible()
    assert opened.wrong == []  # type: ignore[attr-defined]
