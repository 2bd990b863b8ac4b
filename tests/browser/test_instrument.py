"""The page as an instrument: controls, address, keyboard, find, tables, saving, against numbers from Python."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import vl_convert
from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from reportgen.core.nouns.records import Report
from reportgen.report import even_share, heatmap, rank, words
from reportgen.report.draw import charts
from reportgen.report.draw.pictures import vega
from reportgen.report.page import render
from reportgen.report.page.svg import svg_markup
from tests import reports
from tests.browser.page import Show, rgb, settled, wait
from tests.browser.page import live as all_live

Doubles = npt.NDArray[np.float64]
EVERY = "[...document.querySelectorAll('#text [data-position]')]"
CLASSES = f"{EVERY}.map((e) => Number(/h(\\d+)/.exec(e.className)?.[1] ?? -1))"
TEXT = (
    "Attention heads look far. The heads of a Longformer look 50 % farther: longformers, in short, see the heads."
    "\n\nSo it is."
)


@cache
def example() -> Report:
    """A report with words of several pieces, stop words, and words that return."""
    spans = [
        match.span() for match in re.finditer(r"Long(?=former)|long(?=former)|(?<=ong)former|\w+|[^\w\s]|\n\n", TEXT)
    ]
    return reports.report(TEXT, read=reports.tokens(TEXT, spans=spans), layers=3, heads=4, top_k=5, seed=3)


@cache
def html() -> str:
    """Its page, with a stub instead of Vega."""
    return render.page(example(), reports.parts(example()), bundle=reports.STUB_BUNDLE)


@cache
def drawn_html() -> str:
    """Its page, with live charts."""
    drawn = charts.charts(example(), *reports.ranked(example()))
    return render.page(example(), reports.parts(example(), drawn), bundle=vega.bundle())


@pytest.fixture
def page(show: Show) -> Page:
    """The page without Vega, ready."""
    return settled(show(html()))


def at(show: Show, fragment: str, source: str | None = None, **settings: Any) -> Page:
    """The page opened by a link to a view."""
    return settled(show(source or html(), fragment=fragment, **settings))


def expected(
    report: Report,
    *,
    layers: Sequence[int] = (1, 2, 3),
    heads: Sequence[int] = (1, 2, 3, 4),
    scaled: bool = True,
    from_global: bool = False,
) -> Doubles:
    """The sum over chosen layers and heads by the definitions of design.md, (token,)."""
    place = np.ix_([n - 1 for n in layers], [n - 1 for n in heads], range(len(report.tokens)))
    factors = report.importance.values[:, :, None].astype(np.float64) if scaled else 1.0
    if from_global:
        assert report.attention.reader is not None
        return (report.attention.reader * factors)[place].sum(axis=(0, 1))  # type: ignore[no-any-return]
    weighed = report.attention.received * factors
    values = (weighed - weighed.min()) / np.ptp(weighed) if scaled else weighed
    return values[place].sum(axis=(0, 1))  # type: ignore[no-any-return]


def colours(
    report: Report,
    values: Doubles,
    *,
    colour_scale: Any = "linear",
    special: bool = False,
    mask: bool = False,
    whole: bool = False,
) -> list[int]:
    """The class of every cell by `heatmap.py`."""
    cells = heatmap.cells(report.example.text, report.tokens)
    found = words.whole_words(report.example.text, report.tokens, language="en")
    word_of = {position: n for n, word in enumerate(found) for position in word.positions}
    owners: list[Any] = []
    for cell in cells:
        word = word_of.get(cell.positions[0])
        hidden = cell.special and not special
        hidden = hidden or not (cell.special or cell.text.strip()) or (mask and word is not None and found[word].masked)
        owner = None if hidden else ("word", word) if whole and word is not None else cell.positions
        owners.append(owner)
    known = list(dict.fromkeys(owner for owner in owners if owner is not None))
    sums = np.array([values[list(found[o[1]].positions if o[0] == "word" else o)].sum() for o in known])
    everything = np.ones(len(sums), bool)
    heat = even_share.of_even(sums, everything) if colour_scale == "contrast" else heatmap.percent(sums, everything)
    classes, _, _ = heatmap.classify(heat, everything, scale=colour_scale)
    return [-1 if owner is None else int(classes[known.index(owner)]) for owner in owners]


def check_colours(page: Page, wanted: list[int]) -> None:
    """Values are off by up to 0.4 %, so that a token beside the bound of a class may be in the next one."""
    found = page.evaluate(CLASSES)
    assert [n < 0 for n in found] == [n < 0 for n in wanted]
    off = [abs(a - b) for a, b in zip(found, wanted, strict=True)]
    assert max(off) <= 1
    assert sum(off) <= 2


def ticked(page: Page, name: str) -> list[str]:
    """The boxes of a group that are ticked."""
    boxes = page.get_by_role("group", name=name, exact=True).get_by_role("checkbox").all()
    return [box.get_attribute("value") or "" for box in boxes if box.is_checked()]


def fragment(page: Page) -> str:
    """What stands behind # in the address."""
    return str(page.evaluate("location.hash"))


def marked(page: Page, name: str) -> list[int]:
    """Positions of the tokens that have a mark."""
    return page.evaluate(f"[...document.querySelectorAll('#text [data-mark~={name}]')].map((e) => +e.dataset.position)")  # type: ignore[no-any-return]


# --- controls -------------------------------------------------------------------------------------------------------


def test_controls_have_the_names_that_the_design_gives_them(page: Page) -> None:
    for name, count in (("Layers", 3), ("Heads", 4)):
        group = page.get_by_role("group", name=name, exact=True)
        boxes = group.get_by_role("checkbox")
        assert [box.get_attribute("value") for box in boxes.all()] == [str(n + 1) for n in range(count)]
        assert group.get_by_role("checkbox", name="2", exact=True).is_checked()
        assert group.get_by_role("button", name="All").is_visible()
        assert group.get_by_role("button", name="None").is_visible()
    wanted = {"Scores": ["scaled", "unscaled"], "Received from": ["all tokens", "global token"],
              "Colour scale": ["contrast", "linear", "rank", "log"]}  # fmt: skip
    for name, options in wanted.items():
        assert page.get_by_role("combobox", name=name, exact=True).locator("option").all_inner_texts() == options
    for name in ("Special tokens on the colour scale", "Mask stop words and punctuation", "Whole words"):
        assert not page.get_by_role("checkbox", name=name).is_checked()
    for name in ("Token heatmap", "Token details", "Prediction", "Self-checks", "Provenance"):
        assert page.get_by_role("region", name=name, exact=True).is_visible()


def test_at_the_start_the_page_shows_what_stood_there_without_scripts(page: Page) -> None:
    """Colours, legend and sentence; the first view of `heatmap.py`, special tokens left out."""
    report = example()
    view = reports.parts(report).views[0]
    assert page.evaluate(CLASSES) == list(view.classes)
    check_colours(page, colours(report, expected(report, layers=[3], from_global=True)))
    assert view.explanation in page.locator(".about .explain").inner_text()
    shown = page.locator(".about .step").all_inner_texts()
    assert [shown[n] for n in (4, 8, 12)] == [f"{view.bounds[n]:.3g}" for n in (4, 8, 12)]
    assert page.evaluate(f"new Set({EVERY}.map((e) => getComputedStyle(e).backgroundColor)).size") > 8


@pytest.mark.parametrize("scale", ["contrast", "linear"])
def test_a_token_that_takes_all_is_alone_in_the_strongest_colour(show: Show, scale: str) -> None:
    plain = reports.report(" ".join(f"w{n}" for n in range(150)), layers=1, heads=1)
    received = np.full_like(plain.attention.received, 1e-6)
    received[..., 20:30] = 0.001
    received[..., 7] = 140.0
    peaked = replace(plain, attention=replace(plain.attention, received=received))
    page = at(show, f"view=all&scale={scale}", render.page(peaked, reports.parts(peaked), bundle=""))
    found = page.evaluate(CLASSES)
    assert found[7] == 15
    assert max(found[:7] + found[8:]) == (1 if scale == "contrast" else 0)  # by contrast, above the median
    assert "and holds 1 of" in page.locator(".about").inner_text()


VIEWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "layers=2": ({"layers": [2]}, {}),
    "layers=1-2&heads=3": ({"layers": [1, 2], "heads": [3]}, {}),
    "heads=1,4&scores=unscaled": ({"heads": [1, 4], "scaled": False}, {}),
    "from=global": ({"from_global": True}, {}),
    "from=global&layers=3&scores=unscaled": ({"layers": [3], "from_global": True, "scaled": False}, {}),
    "layers=3": ({"layers": [3], "from_global": True}, {}),  # of the last layer only this row reaches the classifier
    "layers=3&from=all": ({"layers": [3]}, {}),
    "view=all&scale=rank": ({}, {"colour_scale": "rank"}),
    "view=all&scale=contrast": ({}, {"colour_scale": "contrast"}),
    "scale=contrast&layers=1": ({"layers": [1]}, {"colour_scale": "contrast"}),
    "scale=log&layers=1": ({"layers": [1]}, {"colour_scale": "log"}),
    "view=all&special=1": ({}, {"special": True}),
    "view=all&mask=1": ({}, {"mask": True}),
    "view=all&words=1": ({}, {"whole": True}),
    "words=1&mask=1&special=1&scale=rank&heads=2-4": (
        {"heads": [2, 3, 4]},
        {"whole": True, "mask": True, "special": True, "colour_scale": "rank"},
    ),
}


@pytest.mark.parametrize("link", VIEWS)
def test_a_linked_view_has_the_colours_that_python_computes(show: Show, link: str) -> None:
    chosen, looks = VIEWS[link]
    page = at(show, link)
    check_colours(page, colours(example(), expected(example(), **chosen), **looks))
    assert sorted(fragment(page).lstrip("#").split("&")) == sorted(link.split("&"))
    assert page.wrong == []  # type: ignore[attr-defined]


def test_the_view_stays_when_layers_and_heads_are_chosen_and_its_name_and_sentence_follow(page: Page) -> None:
    """What the classifier reads, of a layer and head: the row of its token there, which is no longer what it reads."""
    names = page.locator("label.views b")
    whole = names.all_inner_texts()
    assert whole == ["What the classifier reads", "All attention"]
    layers, heads = (page.get_by_role("group", name=name, exact=True) for name in ("Layers", "Heads"))
    for group, number in ((layers, "2"), (heads, "3")):
        group.get_by_role("button", name="None").click()
        group.get_by_role("checkbox", name=number, exact=True).check()
    assert names.all_inner_texts() == ["What <s> attends to", "Attention from all tokens"]
    assert page.get_by_role("radio", name="What <s> attends to").is_checked()
    row = example().attention.reader
    assert row is not None
    check_colours(page, colours(example(), row[1, 2]))
    assert "summed over layer 2, head 3" in page.locator(".about .explain").inner_text()
    sentences = [brief.inner_text() for brief in page.locator("label.views .brief").all()]
    assert [("in layer 2, head 3" in one or "over layer 2, head 3" in one) for one in sentences] == [True, True]
    page.get_by_role("radio", name="Attention from all tokens").check()
    check_colours(page, colours(example(), expected(example(), layers=[2], heads=[3])))
    heads.get_by_role("button", name="All").click()
    layers.get_by_role("checkbox", name="2", exact=True).uncheck()
    layers.get_by_role("checkbox", name="3", exact=True).check()
    assert names.all_inner_texts() == ["What the classifier reads", "Attention from <s>"], "the last layer alone"
    page.get_by_role("button", name="Reset").click()
    assert names.all_inner_texts() == whole
    assert page.locator("label.views .brief").all_inner_texts()[0].endswith("the classifier predicts.")


def test_every_control_changes_colours_and_address_and_reset_undoes_all(page: Page) -> None:
    first = page.evaluate(CLASSES)
    layers, heads = (page.get_by_role("group", name=name, exact=True) for name in ("Layers", "Heads"))
    steps: list[tuple[Any, str]] = [
        (lambda: layers.get_by_role("checkbox", name="1", exact=True).uncheck(), "layers=2-3"),
        (lambda: heads.get_by_role("checkbox", name="2", exact=True).uncheck(), "heads=1,3-4"),
        (lambda: page.get_by_role("combobox", name="Scores", exact=True).select_option("unscaled"), "scores=unscaled"),
        (
            lambda: page.get_by_role("combobox", name="Received from", exact=True).select_option("all tokens"),
            "from=all",
        ),
        (lambda: page.get_by_role("combobox", name="Colour scale", exact=True).select_option("rank"), "scale=rank"),
        (lambda: page.get_by_role("checkbox", name="Special tokens").check(), "special=1"),
        (lambda: page.get_by_role("checkbox", name="Mask stop words and punctuation").check(), "mask=1"),
        (lambda: page.get_by_role("checkbox", name="Whole words").check(), "words=1"),
    ]
    before = first
    for change, part in steps:
        change()
        now = page.evaluate(CLASSES)
        assert now != before, part
        assert part in fragment(page).lstrip("#").split("&")
        before = now
    page.get_by_label("Top k").fill("7")
    page.keyboard.press("Enter")
    assert "k=7" in fragment(page)
    page.get_by_role("button", name="Reset").click()
    assert fragment(page) == ""
    assert page.evaluate(CLASSES) == first
    assert page.get_by_role("combobox", name="Received from", exact=True).input_value() == "global"
    assert page.get_by_label("Top k").input_value() == "5"


def test_all_and_none(page: Page) -> None:
    """With nothing chosen nothing is coloured, and the page says why."""
    heads = page.get_by_role("group", name="Heads", exact=True)
    heads.get_by_role("button", name="None").click()
    assert fragment(page) == "#heads=none&view=reader"
    assert set(page.evaluate(CLASSES)) == {-1}
    assert page.get_by_text("No head is chosen, so the text has no colours.").is_visible()
    assert "nothing to colour" in page.locator(".about .explain").inner_text()
    settled(page)
    assert table(page, "table-top-tokens") == table(page, "table-attended-words") == []
    assert "nothing to rank" in page.locator("#table-top-tokens").inner_text()
    page.get_by_role("button", name="Next hot spot").click()
    assert marked(page, "here") == []
    region = details(page, 4)
    assert "there is nothing to show" in region.inner_text()
    region.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Choose all").click()
    assert fragment(page) == "", "the view that was narrowed stays"
    assert not page.get_by_text("No head is chosen, so the text has no colours.").is_visible()
    assert set(page.evaluate(CLASSES)) != {-1}
    assert page.wrong == []  # type: ignore[attr-defined]


def test_the_last_layer_alone_is_seen_from_the_global_token_and_the_page_says_why(page: Page) -> None:
    group = page.get_by_role("group", name="Layers", exact=True)
    group.get_by_role("button", name="None").click()
    group.get_by_role("checkbox", name="3", exact=True).check()
    assert page.get_by_role("combobox", name="Received from", exact=True).input_value() == "global"
    assert "only this row feeds the classifier" in page.locator(".about .explain").inner_text()
    page.get_by_role("combobox", name="Received from", exact=True).select_option("all tokens")
    assert fragment(page) == "#layers=3&from=all"
    check_colours(page, colours(example(), expected(example(), layers=[3])))


def test_masked_words_stay_readable_and_have_no_colour(show: Show) -> None:
    page = at(show, "mask=1", color_scheme="dark")
    the = page.locator("#text [data-position]", has_text=re.compile("^The$")).first
    assert the.evaluate("e => getComputedStyle(e).backgroundColor") == "rgba(0, 0, 0, 0)"
    assert the.evaluate("e => getComputedStyle(e).color === getComputedStyle(e.parentElement).color")
    assert "masked" in page.locator(".about .scale").inner_text()


def test_where_every_chosen_head_counts_nothing_all_count_the_same(show: Show) -> None:
    """Min-max importance makes one head 0: its order can be seen all the same."""
    values = example().importance.values.copy()
    values[1, 2] = 0
    report = replace(example(), importance=replace(example().importance, values=values))
    page = at(show, "layers=2&heads=3", render.page(report, reports.parts(report), bundle=reports.STUB_BUNDLE))
    check_colours(page, colours(report, expected(report, layers=[2], heads=[3], scaled=False)))
    assert "unweighted because the importance of every chosen head is 0" in page.locator(".explain").first.inner_text()


def test_a_pooling_classifier_has_no_view_from_its_token(show: Show) -> None:
    report = reports.report(reader=None)
    page = at(show, "from=global&layers=2", render.page(report, reports.parts(report), bundle=reports.STUB_BUNDLE))
    assert page.get_by_role("combobox", name="Received from", exact=True).locator("option").all_inner_texts() == [
        "all tokens"
    ]
    assert "receives from all tokens" in page.locator(".about .explain").inner_text()
    assert page.wrong == []  # type: ignore[attr-defined]


def test_a_list_is_1_to_100_long(page: Page) -> None:
    for k in ("0", "-1", "2.5", "101", ""):
        page.get_by_label("Top k").fill(k)
        page.get_by_label("Top k").press("Tab")
        assert page.get_by_label("Top k").input_value() == "5", k
        assert fragment(page) == "", k


def test_a_run_with_longer_lists_shows_them(show: Show) -> None:
    text = " ".join(f"w{n}" for n in range(150))
    report = reports.report(text, top_k=120)
    page = at(show, "k=110", render.page(report, reports.parts(report), bundle=reports.STUB_BUNDLE))
    assert len(table(page, "table-top-tokens")) == 110


@pytest.mark.parametrize("text", ["", "  \n ", "one"])
def test_a_document_of_next_to_nothing_goes_wrong_nowhere(show: Show, text: str) -> None:
    read = reports.tokens(text, spans=[(0, len(text))])
    report = reports.report(text, read=read, top_k=1)
    page = at(show, "token=1&mask=1&words=1", render.page(report, reports.parts(report), bundle=reports.STUB_BUNDLE))
    for key in ("ArrowRight", "ArrowDown", "Enter", "Escape", "End"):
        page.locator("#text").press(key)
    page.get_by_label("Find", exact=True).fill("one")
    page.get_by_role("button", name="Next hot spot").click()
    page.get_by_role("button", name="Reset").click()
    settled(page)
    assert page.wrong == []  # type: ignore[attr-defined]


# --- the address ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    ["layers=0", "layers=9", "heads=x", "layers=", "k=0", "k=-3", "k=1e9", "token=999", "token=-1", "map=9.9", "map=1",
     "scale=<script>", "scores=", "from=nowhere", "=&&&=", "%", "layers=1-99999999999999"],
)  # fmt: skip
def test_a_link_that_makes_no_sense_shows_the_first_view(show: Show, link: str) -> None:
    page = at(show, link)
    assert ticked(page, "Layers") == ["1", "2", "3"]
    assert ticked(page, "Heads") == ["1", "2", "3", "4"]
    check_colours(page, colours(example(), expected(example(), layers=[3], from_global=True)))
    assert page.wrong == []  # type: ignore[attr-defined]


def test_going_to_another_link_changes_the_view_and_an_anchor_does_not(page: Page) -> None:
    page.evaluate("location.hash = 'layers=1&token=2'")
    settled(page)
    wait(page, "document.querySelectorAll('[data-mark~=open]').length === 1")
    assert ticked(page, "Layers") == ["1"]
    page.evaluate("location.hash = 'provenance'")
    page.wait_for_timeout(100)
    assert ticked(page, "Layers") == ["1"]


def test_the_link_to_a_view_is_copied(show: Show) -> None:
    page = at(show, "layers=2", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link to this view").click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("file://")
    assert copied.endswith(".html#layers=2")


# --- a token is a door ------------------------------------------------------------------------------------------------


def details(page: Page, position: int) -> Any:
    """Open a token by a click; the region that tells of it."""
    page.locator(f'#text [data-position="{position}"]').click()
    settled(page)
    return page.get_by_role("region", name="Token details", exact=True)


def rank_rows(region: Any) -> list[list[str]]:
    """The rows of the table of ranks, layer by head."""
    return [row.locator("td, th").all_inner_texts() for row in region.locator("table.ranks tbody tr").all()]


def rows(region: Any, caption: str) -> list[list[str]]:
    """The rows of a table of the details."""
    table = region.locator("table", has=region.page.locator("caption", has_text=caption))
    return [row.locator("td, th").all_inner_texts() for row in table.locator("tbody tr").all()]


def test_an_opened_token_shows_its_rank_in_every_layer_and_head(page: Page) -> None:
    report = example()
    page.evaluate("reportgen.state.change({ view: 'all' })")
    position = report.words().index("Longformer"[:4])
    region = details(page, position)
    scores, rankings = reports.ranked(report)
    found = [[int(cell) for cell in row[1:]] for row in rank_rows(region)]
    assert found == rankings.ranks[:, :, position].tolist()
    content = report.tokens.content
    total = scores.total
    place = 1 + int((total[content] > total[position]).sum())
    assert f"{place} of {int(content.sum())} tokens" in region.inner_text()
    assert f"at position {position}" in region.inner_text()
    assert f"token={position}" in fragment(page)
    assert marked(page, "open") == [position]


def test_in_one_head_a_token_shows_whom_it_attends_to_and_who_attends_to_it(show: Show) -> None:
    """In the order and with the weights that Python keeps, marked in the text."""
    report = example()
    page = at(show, "layers=2&heads=3&scores=unscaled")
    for position in (4, 9):
        region = details(page, position)
        for caption, direction, mark in (
            ("Attends to most", "attended", "to"),
            ("Attended most by", "attending", "by"),
        ):
            positions = getattr(report.attention, f"{direction}_positions")[1, 2, position]
            weights = getattr(report.attention, f"{direction}_weights")[1, 2, position]
            found = rows(region, caption)
            assert [int(row[1]) for row in found] == positions.tolist()
            assert [row[0] for row in found] == [report.words()[p] for p in positions]
            shown = [float(row[2].rstrip("%")) / 100 for row in found]
            assert shown == pytest.approx(weights.tolist(), rel=0.03, abs=0.0006)
            assert set(positions.tolist()) == set(marked(page, mark))


def test_over_several_heads_links_are_added_up_and_weighed(show: Show) -> None:
    """From the lists of every head; of what is in no list nothing is known, and the page says so."""
    report = example()
    attention, weight = report.attention, report.importance.values
    page = at(show, "layers=1-2&heads=2-3")
    position = 6
    region = details(page, position)
    total: dict[int, float] = {}
    for layer, head in ((0, 1), (0, 2), (1, 1), (1, 2)):
        pairs = dict(zip(attention.attended_positions[layer, head, position].tolist(),
                         attention.attended_weights[layer, head, position].tolist(), strict=True))  # fmt: skip
        for key in range(len(report.tokens)):  # the other lists name pairs, too
            own = attention.attending_positions[layer, head, key].tolist()
            if position in own:
                pairs.setdefault(key, float(attention.attending_weights[layer, head, key, own.index(position)]))
        for key, value in pairs.items():
            total[key] = total.get(key, 0) + value * float(weight[layer, head]) / 4
    wanted = sorted(total, key=lambda key: -total[key])[:5]
    found = rows(region, "Attends to most")
    assert [int(row[1]) for row in found] == wanted
    assert [float(row[2]) for row in found] == pytest.approx([total[key] for key in wanted], rel=0.03)
    assert "weaker links count as 0" in region.inner_text()


def test_the_global_token_attends_to_all_and_its_row_is_kept_whole(show: Show) -> None:
    report = example()
    page = at(show, "layers=1&heads=1&scores=unscaled&k=20")
    found = rows(details(page, 0), "Attends to most")
    assert report.attention.reader is not None
    row = report.attention.reader[0, 0]
    assert [row[int(cells[1])] for cells in found] == pytest.approx(np.sort(row)[::-1][:20].tolist(), rel=0.009)


def test_seen_from_the_global_token_ranks_are_those_of_its_row(show: Show) -> None:
    """In the details, in the tables, and in the trend."""
    report = example()
    assert report.attention.reader is not None
    ranks = rank.rank_tokens(report.attention.reader)[0]
    page = at(show, "from=global")
    region = details(page, 6)
    found = np.array([[int(cell) for cell in row[1:]] for row in rank_rows(region)])
    assert (found != reports.ranked(report)[1].ranks[:, :, 6]).any()
    assert np.abs(found - ranks[:, :, 6]).max() <= 1  # weights that differ by less than 0.4 % may change places
    assert "by the attention of <s>" in region.inner_text()
    assert "that <s> attends to most in each layer and head" in page.locator("#table-head-tokens").inner_text()
    first = [cells[3].split(" · ")[0] for cells in table(page, "table-head-tokens")]
    content = named(report)
    names = words.each_whole(report)
    wanted = [names[content[ranks[la, he][content].argmin()]] for la in range(3) for he in range(4)]
    assert sum(a == b for a, b in zip(first, wanted, strict=True)) >= 11


def test_a_special_token_takes_the_marks_of_another_word_away(page: Page) -> None:
    details(page, 2)
    assert marked(page, "same")
    details(page, 0)
    assert marked(page, "same") == []


def test_after_a_jump_the_text_has_the_focus(page: Page) -> None:
    button = page.locator('[aria-labelledby="table-top-tokens"] tbody tr').nth(1).get_by_role("button").first
    button.focus()
    page.keyboard.press("Enter")
    settled(page)
    assert page.evaluate("document.activeElement.id") == "text"
    page.keyboard.press("ArrowRight")
    settled(page)
    assert marked(page, "here") != marked(page, "open")
    page.locator("#close").focus()
    page.keyboard.press("Escape")
    assert fragment(page) == ""


def test_a_token_of_a_changed_address_is_gone_to(show: Show) -> None:
    text = " ".join(f"word{n}" for n in range(1500))
    report = reports.report(text, top_k=2)
    page = settled(show(render.page(report, reports.parts(report), bundle=reports.STUB_BUNDLE)))
    page.evaluate("location.hash = 'token=1400'")
    wait(page, "(() => { const b = document.querySelector('#text [data-mark~=open]')?.getBoundingClientRect();"
               " return b && b.top > 0 && b.bottom < innerHeight; })()")  # fmt: skip


def test_the_skip_link_leaves_the_view_as_it_is(show: Show) -> None:
    page = at(show, "layers=2")
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "text"
    assert fragment(page) == "#layers=2"


def test_other_occurrences_of_the_word_are_listed_and_lead_there(page: Page) -> None:
    report = example()
    page.evaluate("reportgen.state.change({ view: 'all' })")
    heads = [n for n, word in enumerate(report.words()) if word == "heads"]
    assert len(heads) == 3
    region = details(page, heads[0])
    found = rows(region, "Other occurrences of the word: 2")
    assert [int(row[0]) for row in found] == heads[1:]
    total = reports.ranked(report)[0].total
    content = np.flatnonzero(report.tokens.content)
    places = {int(p): n + 1 for n, p in enumerate(content[rank.descending(total[content])])}
    assert [int(row[1]) for row in found] == [places[p] for p in heads[1:]]
    assert marked(page, "same") == heads[1:]
    region.get_by_role("button", name=str(heads[2]), exact=True).click()
    settled(page)
    assert f"token={heads[2]}" in fragment(page)
    assert marked(page, "open") == [heads[2]]


def test_with_whole_words_a_token_opens_its_word(show: Show) -> None:
    page = at(show, "words=1")
    long, former = (example().words().index(piece) for piece in ("Long", "former"))
    region = details(page, former)
    assert f"Longformer at position {long}, {former}" in " ".join(region.inner_text().split())
    assert marked(page, "open") == [long, former]


def test_closing_a_token_takes_its_marks_away(page: Page) -> None:
    region = details(page, 5)
    region.get_by_role("button", name="Close").click()
    settled(page)
    assert fragment(page) == ""
    assert [marked(page, name) for name in ("open", "to", "by", "same")] == [[], [], [], []]
    assert "Click a word" in region.inner_text()
    assert page.evaluate("document.activeElement.id") == "text"


def test_marks_differ_by_form_and_not_by_colour_alone(show: Show) -> None:
    page = at(show, "layers=2&heads=3&token=6")
    wait(page, "document.querySelectorAll('#text [data-mark~=to]').length > 0")
    look = "([...document.querySelectorAll('#token [data-mark]')]).map((e) => getComputedStyle(e).textDecorationStyle)"
    assert page.evaluate(look) == ["solid", "dashed", "dotted"]
    assert page.locator("#text [data-mark~=open]").evaluate("e => getComputedStyle(e).outlineStyle") == "solid"


# --- the keyboard -----------------------------------------------------------------------------------------------------


def test_arrow_keys_walk_enter_opens_and_escape_closes(page: Page) -> None:
    page.locator("#text").focus()
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert marked(page, "here") == [3]
    page.keyboard.press("ArrowLeft")
    assert marked(page, "here") == [2]
    assert page.get_by_role("status").filter(has_text="heads, position 2").count() == 1
    page.keyboard.press("Enter")
    settled(page)
    assert "token=2" in fragment(page)
    assert page.evaluate("document.activeElement.id") == "text"
    page.keyboard.press("Escape")
    assert fragment(page) == ""
    page.keyboard.press("End")
    assert marked(page, "here") == [len(example().tokens) - 1]


def test_walking_passes_line_breaks_by_and_stops_at_the_ends(page: Page) -> None:
    words_ = list(example().words())
    brk = words_.index("\u21b5\u21b5")
    page.locator("#text").focus()
    page.evaluate(f"reportgen.walk.go({brk - 1})")
    page.keyboard.press("ArrowRight")
    assert marked(page, "here") == [brk + 1]
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    assert marked(page, "here") == [0]


def test_up_and_down_go_to_the_nearest_token_of_the_next_line(show: Show) -> None:
    page = at(show, "", viewport={"width": 400, "height": 900})
    page.locator("#text").focus()
    page.evaluate("reportgen.walk.go(2)")
    box = """(() => { const b = document.querySelector('#text [data-mark~=here]').getClientRects()[0];
        return [b.left, b.right, b.top + scrollY]; })()"""
    left, right, top = page.evaluate(box)
    page.keyboard.press("ArrowDown")
    below = page.evaluate(box)
    assert below[2] > top
    assert below[0] < right + 60
    assert below[1] > left - 60
    page.keyboard.press("ArrowUp")
    assert abs(page.evaluate(box)[2] - top) < 5


def test_the_keyboard_reaches_every_control_and_leaves_every_place(show: Show) -> None:
    """Tab alone goes through the whole page; what it passes by is reached with arrow keys inside a group."""
    page = all_live(show(drawn_html()))
    page.locator("details summary").evaluate_all("all => all.forEach((e) => (e.parentElement.open = true))")
    wanted = page.evaluate(
        """() => [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")].filter(
             (e) => e.checkVisibility({ visibilityProperty: true }) && e.tabIndex >= 0
             && !e.matches("[type=radio]")).length"""
    )
    page.evaluate("window.visited = new Set(); document.addEventListener('focusin', (e) => visited.add(e.target))")
    page.locator(".skip").focus()
    for _ in range(wanted + 20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
    assert wanted > 100
    assert page.evaluate("visited.size") >= wanted
    passed_by = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, summary")].filter(
             (e) => e.checkVisibility({ visibilityProperty: true }) && e.tabIndex < 0
             && !e.closest(".maps, .tabs")).length"""
    )
    assert passed_by == 0


def test_the_strip_is_a_slider(page: Page) -> None:
    strip = page.get_by_role("slider", name="Position in the document")
    strip.focus()
    last = len(example().tokens) - 1
    page.keyboard.press("End")
    assert strip.get_attribute("aria-valuenow") == str(last)
    page.keyboard.press("PageUp")
    assert strip.get_attribute("aria-valuenow") == str(last - 3)
    page.keyboard.press("ArrowUp")
    assert strip.get_attribute("aria-valuenow") == str(last - 4)
    assert f"token {last - 4} of {last + 1}" in (strip.get_attribute("aria-valuetext") or "")
    assert marked(page, "here") == [last - 4]
    page.keyboard.press("Home")
    assert strip.get_attribute("aria-valuenow") == "0"


def test_the_strip_shows_the_document_and_leads_into_it(show: Show) -> None:
    text = " ".join(f"word{n}" for n in range(400))
    report = reports.report(text, top_k=2)
    page = settled(show(render.page(report, reports.parts(report), bundle=reports.STUB_BUNDLE)))
    pixels = page.evaluate(
        """() => { const c = document.querySelector("#strip canvas");
             return [...c.getContext("2d").getImageData(0, 0, 1, c.height).data]; }"""
    )
    seen = set(zip(pixels[::4], pixels[1::4], pixels[2::4], strict=True))
    assert len(seen) > 5
    page.locator("#strip").scroll_into_view_if_needed()
    box = page.locator("#strip").bounding_box()
    assert box
    page.mouse.click(box["x"] + 5, box["y"] + box["height"] * 0.75)
    assert 280 <= marked(page, "here")[0] <= 320
    wait(page, "(() => { const b = document.querySelector('#text [data-mark~=here]').getBoundingClientRect();"
               " return b.top > 0 && b.bottom < innerHeight; })()")  # fmt: skip


# --- finding one's way ------------------------------------------------------------------------------------------------


def test_find_marks_all_and_goes_from_one_to_the_next(page: Page) -> None:
    field = page.get_by_label("Find", exact=True)
    found = page.locator("#found")
    where = [n for n, word in enumerate(example().words()) if word == "heads"]
    field.fill("HEADS")
    assert found.inner_text() == "3 found"
    assert marked(page, "found") == where
    field.press("Enter")
    assert found.inner_text() == "1 of 3"
    assert marked(page, "now") == [where[0]]
    page.get_by_role("button", name="Next match").click()
    page.get_by_role("button", name="Next match").click()
    assert marked(page, "now") == [where[2]]
    page.get_by_role("button", name="Next match").click()
    assert found.inner_text() == "1 of 3"
    page.get_by_role("button", name="Previous match").click()
    assert found.inner_text() == "3 of 3"
    field.fill("nothing like it")
    assert found.inner_text() == "none found"
    assert marked(page, "found") == []
    field.fill("")
    assert found.inner_text() == ""


@pytest.mark.parametrize(
    ("wanted", "text"), [("longf", "Long former long former"), ("heads look", "heads look"), ("50 %", "50 %")]
)
def test_what_is_found_may_reach_over_tokens(page: Page, wanted: str, text: str) -> None:
    page.get_by_label("Find", exact=True).fill(wanted)
    assert " ".join(example().words()[p] for p in marked(page, "found")) == text


def test_hot_spots_are_the_k_highest_scores_in_the_order_of_the_text(page: Page) -> None:
    """Of content words, in the view that the page opens with."""
    row = reports.ranked(example())[0].reader
    assert row is not None
    content = named(example())
    spots = sorted(content[rank.descending(row[content])][:5].tolist())
    visited = []
    page.locator("#text").focus()
    page.keyboard.press("Home")
    for _ in range(6):
        page.get_by_role("button", name="Next hot spot").click()
        visited.append(marked(page, "here")[0])
    assert visited == [*spots, spots[0]]
    page.get_by_role("button", name="Previous hot spot").click()
    assert marked(page, "here") == [spots[-1]]


# --- tables -----------------------------------------------------------------------------------------------------------


def named(report: Report) -> npt.NDArray[np.int64]:
    """Positions of what lists name: content words."""
    common = words.common_positions(words.whole_words(report.example.text, report.tokens, language="en"))
    return np.array([p for p in np.flatnonzero(report.tokens.content) if p not in common])


def tab(page: Page, name: str) -> None:
    """Show another list of top tokens."""
    page.get_by_role("tab", name=name, exact=True).click()


def table(page: Page, key: str) -> list[list[str]]:
    """The rows of a table as they are shown."""
    rows_ = page.locator(f'[aria-labelledby="{key}"] tbody tr').all()
    return [[cell.strip() for cell in row.locator("td, th").all_inner_texts()] for row in rows_]


def test_at_the_start_the_tables_are_those_without_scripts(page: Page) -> None:
    for made in reports.parts(example()).tables:
        assert table(page, f"table-{made.key}") == [list(row) for row in made.rows]
        columns = page.locator(f'[aria-labelledby="table-{made.key}"] thead th').all_inner_texts()
        assert tuple(columns) == made.columns


def test_tables_follow_the_choice_of_layers_and_heads(show: Show) -> None:
    report = example()
    page = at(show, "layers=2&heads=1,4&k=4")
    values = expected(report, layers=[2], heads=[1, 4])
    content = named(report)
    order = content[np.argsort(-values[content], kind="stable")][:4]
    found = table(page, "table-top-tokens")
    assert [int(row[2]) for row in found] == order.tolist()
    best = reports.ranked(report)[1].ranks[1][[0, 3]].min(axis=0)
    assert [int(row[5]) for row in found] == best[order].tolist()
    counts = reports.ranked(report)[1].attended_counts[1, [0, 3]].sum(axis=0)
    order = content[np.argsort(-counts[content], kind="stable")][:4]
    assert [int(row[2]) for row in table(page, "table-attended-instances")] == order.tolist()
    assert [row[:2] for row in table(page, "table-head-tokens")] == [["2", "1"], ["2", "4"]]
    assert "layer 2, heads 1,4" in page.locator("#table-top-tokens").inner_text()
    assert len(table(page, "table-reader-tokens")) == 4


def test_masked_words_leave_the_tables_and_whole_words_join(show: Show) -> None:
    page = at(show, "mask=1&words=1&k=50")
    names = [row[1] for row in table(page, "table-top-tokens")]
    assert "Longformer" in names
    assert not {"The", "of", "a", ".", ",", "Long"} & set(names)
    assert not {"the", "."} & {row[1] for row in table(page, "table-attended-words")}


def test_a_click_on_a_column_sorts_and_another_turns_round(page: Page) -> None:
    head = page.locator('[aria-labelledby="table-top-tokens"] thead th')
    head.nth(2).get_by_role("button").click()
    positions = [int(row[2]) for row in table(page, "table-top-tokens")]
    assert positions == sorted(positions)
    assert head.nth(2).get_attribute("aria-sort") == "ascending"
    head.nth(2).get_by_role("button").click()
    assert [int(row[2]) for row in table(page, "table-top-tokens")] == sorted(positions, reverse=True)
    assert head.nth(2).get_attribute("aria-sort") == "descending"
    head.nth(1).get_by_role("button").click()
    names = [row[1].casefold() for row in table(page, "table-top-tokens")]
    assert names == sorted(names)
    assert [cell.get_attribute("aria-sort") for cell in head.all()].count(None) == 5


def test_tables_are_filtered_by_layer_head_and_rank(page: Page) -> None:
    tab(page, "By head")
    tools = page.locator('[aria-labelledby="table-head-tokens"] + .tools')
    tools.get_by_label("Layer").select_option("2")
    assert {row[0] for row in table(page, "table-head-tokens")} == {"2"}
    tools.get_by_label("Head").select_option("3")
    assert [row[:2] for row in table(page, "table-head-tokens")] == [["2", "3"]]
    tab(page, "Highest scores")
    page.locator('[aria-labelledby="table-top-tokens"] + .tools').get_by_label("Rank up to").fill("2")
    assert [row[0] for row in table(page, "table-top-tokens")] == ["1", "2"]


def test_every_row_leads_to_its_token(page: Page) -> None:
    row = table(page, "table-top-tokens")[2]
    page.locator('[aria-labelledby="table-top-tokens"] tbody tr').nth(2).get_by_role("button").first.click()
    settled(page)
    assert f"token={row[2]}" in fragment(page)
    wait(page, "(() => { const b = document.querySelector('#text [data-mark~=open]').getBoundingClientRect();"
               " return b.top >= 0 && b.bottom <= innerHeight; })()")  # fmt: skip
    for frame in page.locator("#tables .table").all():
        for one in frame.locator("tbody tr").all():
            assert one.locator("[data-jump]").count() >= 1


def saved(page: Page, button: Any) -> tuple[str, bytes]:
    """Name and content of what a button saves; a browser that is busy now and then starts no download of a click."""
    try:
        with page.expect_download(timeout=20_000) as download:
            button.click()
    except PlaywrightTimeout:
        with page.expect_download() as download:
            button.click()
    path = download.value.path()
    return download.value.suggested_filename, Path(path).read_bytes()


def test_a_table_is_saved_as_csv_as_it_is_shown(page: Page) -> None:
    page.locator('[aria-labelledby="table-top-tokens"] thead button').nth(2).click()
    tools = page.locator('[aria-labelledby="table-top-tokens"] + .tools')
    name, content = saved(page, tools.get_by_role("button", name="Save CSV"))
    assert name == "small-0-table-top-tokens.csv"
    read = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert read[0] == ["Rank", "Token", "Position", "Score", "Times even", "Best rank in a head"]
    assert read[1:] == table(page, "table-top-tokens")


def test_a_cell_that_a_spreadsheet_would_run_begins_with_an_apostrophe(show: Show) -> None:
    text = '=f(1) plain, "quoted" =1+1'
    report = reports.report(text, read=reports.tokens(text, spans=[(0, 5), (6, 12), (14, 21), (22, 26)]), top_k=4)
    page = settled(show(render.page(report, reports.parts(report), bundle=reports.STUB_BUNDLE)))
    tools = page.locator('[aria-labelledby="table-top-tokens"] + .tools')
    _, content = saved(page, tools.get_by_role("button", name="Save CSV"))
    names = {row[1] for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))}
    assert names == {"Token", "'=f(1)", "plain,", 'quoted"', "=1+1"}


def test_a_table_is_copied_as_latex(show: Show) -> None:
    text = r"a_b 100% $x^2$ \cmd {#} ~ & <p>"
    spans = [match.span() for match in re.finditer(r"\S+", text)]
    report = reports.report(text, read=reports.tokens(text, spans=spans), top_k=9)
    source = render.page(report, reports.parts(report), bundle=reports.STUB_BUNDLE)
    page = at(show, "common=1", source, permissions=["clipboard-read", "clipboard-write"])
    page.locator('[aria-labelledby="table-top-tokens"] + .tools').get_by_role("button", name="Copy LaTeX").click()
    page.get_by_role("button", name="Copied").wait_for()
    latex = page.evaluate("navigator.clipboard.readText()")
    assert latex.startswith("\\begin{table}\n")
    assert "\\toprule" in latex
    for written in (r"a\_b", r"100\%", r"\$x\textasciicircum{}2\$", r"\textbackslash{}cmd", r"\{\#\}",
                    r"\textasciitilde{}", r"\&", r"\textless{}p\textgreater{}"):  # fmt: skip
        assert f" {written} & " in latex
    assert latex.count("\\\\\n") == 1 + 8


# --- charts -----------------------------------------------------------------------------------------------------------


def values_of(page: Page, key: str) -> list[dict[str, Any]]:
    """The numbers that a chart is drawn from."""
    return page.evaluate(f"reportgen.charts.drawn.get('{key}').rows")  # type: ignore[no-any-return]


def test_at_the_start_live_charts_draw_the_numbers_of_the_still_ones(show: Show) -> None:
    page = all_live(show(drawn_html()))
    for chart in charts.charts(example(), *reports.ranked(example())):
        spec: dict[str, Any] = chart.spec
        wanted = (spec if "data" in spec else spec["concat"][0])["data"]["values"]
        if chart.key == "distribution":
            wanted = [row for row in wanted if row["series"] == "all layers"]
        found = values_of(page, chart.key)
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            for name, value in other.items():
                if isinstance(value, float):
                    # scores near the lowest of all are differences of nearly equal numbers
                    assert one[name] == pytest.approx(value, rel=0.02, abs=0.006), (chart.key, name)
                elif name != "series":
                    assert one[name] == value
        caption = page.locator(f"#figure-{chart.key} figcaption").inner_text()
        assert caption == chart.caption


def test_charts_follow_the_choice_of_layers_and_heads(show: Show) -> None:
    page = at(show, "layers=1,3&heads=2&scores=unscaled", drawn_html())
    all_live(page)
    report = example()
    assert {row["layer"] for row in values_of(page, "rank-trend-layers")} == {1, 3}
    assert {(row["layer"], row["head"]) for row in values_of(page, "rank-trend-heads")} == {(1, 2), (3, 2)}
    first = next(row for row in values_of(page, "rank-trend-heads") if row["layer"] == 3 and row["rank"] == 1)
    assert first["score"] == pytest.approx(float(report.attention.received[2, 1].max()), rel=0.005)
    assert {row["layer"] for row in values_of(page, "layer-trend")} == {1, 3}
    values = expected(report, layers=[1, 3], heads=[2], scaled=False)
    content = report.tokens.content
    bins = values_of(page, "distribution")
    assert sum(row["score"] for row in bins) == pytest.approx(values[content].sum(), rel=0.005)  # one token a bin
    assert {(row["layer"], row["head"]) for row in values_of(page, "overview") if row["chosen"]} == {(1, 2), (3, 2)}
    assert "layers 1,3, head 2" in page.locator("#figure-distribution figcaption").inner_text()
    axis = page.locator("#figure-rank-trend-layers .live svg").text_content()
    assert "attention received, mean over heads" in axis
    rows_ = page.locator("#figure-rank-trend-layers details tbody tr")
    assert rows_.count() == 2
    assert page.wrong == []  # type: ignore[attr-defined]


def test_masked_words_leave_the_charts(show: Show) -> None:
    page = all_live(at(show, "mask=1", drawn_html()))
    masked = {p for w in words.whole_words(TEXT, example().tokens, language="en") if w.masked for p in w.positions}
    assert {row["start"] for row in values_of(page, "distribution")}.isdisjoint(masked)
    lengths = {row["rank"] for row in values_of(page, "rank-trend-layers")}
    assert max(lengths) == len(example().tokens) - len(masked)


def test_the_layer_trend_switches_to_the_opened_token(show: Show) -> None:
    page = all_live(show(drawn_html()))
    details(page, 9)
    name = example().words()[9]
    trend = values_of(page, "layer-trend")
    assert trend[0]["token"] == f"9 {name}"
    by_layer = reports.ranked(example())[0].attention_scores[:, :, 9].sum(axis=1)
    mine = [row["score"] for row in trend if row["token"] == f"9 {name}"]
    assert mine == pytest.approx(by_layer.tolist(), rel=0.02, abs=0.006)
    caption = page.locator("#figure-layer-trend figcaption").inner_text()
    assert f"The score of “{name}” at position 9, summed over all heads, is highest in layer" in caption
    assert f"9 {name}" in page.locator("#figure-layer-trend .live svg").text_content()


def test_a_click_on_a_cell_of_the_overview_chooses_its_head(show: Show) -> None:
    page = all_live(show(drawn_html()))
    cell = page.locator('#figure-overview .live path[aria-label*="layer: 2"][aria-label*="head: 3"]').first
    cell.click()
    settled(page)
    assert fragment(page) == "#layers=2&heads=3&view=reader", "the view stays"
    other = page.locator('#figure-overview .live path[aria-label*="layer: 1"][aria-label*="head: 4"]').first
    other.click(modifiers=["Shift"])
    settled(page)
    assert fragment(page) == "#layers=1-2&heads=3-4&view=reader"
    page.get_by_role("checkbox", name="Whole words").check()
    cell.click()
    settled(page)
    cell.click()
    settled(page)
    assert fragment(page) == "#words=1"  # of the choice only layers and heads are undone


def test_the_overview_still_chooses_after_it_was_drawn_anew(show: Show) -> None:
    """For another width its legends go below it; the new drawing listens, too."""
    page = all_live(show(drawn_html()))
    page.set_viewport_size({"width": 500, "height": 900})
    settled(page)
    page.locator('#figure-overview .live path[aria-label*="layer: 2"][aria-label*="head: 3"]').first.click()
    settled(page)
    assert fragment(page) == "#layers=2&heads=3&view=reader"


def test_with_whole_words_the_layer_trend_has_words(show: Show) -> None:
    """The word of the opened token first, its pieces added up; masked words are left out."""
    report = example()
    long = report.words().index("Long")
    page = all_live(at(show, f"words=1&mask=1&token={long + 1}", drawn_html()))
    trend = values_of(page, "layer-trend")
    assert trend[0]["token"] == f"{long} Longformer"
    pieces = reports.ranked(report)[0].attention_scores[:, :, [long, long + 1]].sum(axis=(1, 2))
    mine = [row["score"] for row in trend if row["token"] == f"{long} Longformer"]
    assert mine == pytest.approx(pieces.tolist(), rel=0.02, abs=0.01)
    names = {row["token"].split(" ", 1)[1] for row in trend}
    assert not names & {"The", ".", "of", ","}


def test_a_chart_that_shows_a_choice_is_saved_with_its_name(show: Show) -> None:
    page = all_live(at(show, "layers=2&heads=3", drawn_html()))
    group = page.locator('[data-save="rank-trend-layers"]')
    name, svg = saved(page, group.get_by_role("button", name="SVG"))
    assert name == "small-0-rank-trend-layers-layer-2-head-3.svg"
    assert "Layer 2, head 3" in svg.decode()


def test_the_enlarged_map_survives_another_width(show: Show) -> None:
    page = all_live(at(show, "map=1.2", drawn_html()))
    page.set_viewport_size({"width": 900, "height": 800})
    settled(page)
    name, _ = saved(page, page.locator('[data-save="attention-maps"]').get_by_role("button", name="SVG"))
    assert name == "small-0-attention-maps-layer-1-head-2.svg"


def test_with_nothing_chosen_charts_say_so(show: Show) -> None:
    page = all_live(show(drawn_html()))
    page.get_by_role("group", name="Layers", exact=True).get_by_role("button", name="None").click()
    settled(page)
    for key in ("rank-trend-layers", "rank-trend-heads", "layer-trend", "distribution"):
        assert "nothing to draw" in page.locator(f"#figure-{key} figcaption").inner_text()
        assert page.locator(f"#figure-{key} .live").is_hidden()
        assert page.locator(f"#figure-{key} .save").is_hidden()
        assert page.locator(f"#figure-{key} details tbody tr").count() == 0
    page.get_by_role("group", name="Layers", exact=True).get_by_role("button", name="All").click()
    settled(page)
    assert page.locator("#figure-layer-trend .live").is_visible()
    assert page.wrong == []  # type: ignore[attr-defined]


def test_a_chart_is_saved_in_four_forms(show: Show) -> None:
    """As on paper, light, also from a dark page."""
    page = all_live(show(drawn_html(), color_scheme="dark"))
    for key in ("rank-trend-layers", "rank-trend-heads", "layer-trend", "distribution", "overview"):
        check_saved_forms(page, key)
    assert page.evaluate("violations") == []
    assert page.wrong == []  # type: ignore[attr-defined]


def check_saved_forms(page: Page, key: str) -> None:
    group = page.locator(f'[data-save="{key}"]')
    name, svg = saved(page, group.get_by_role("button", name="SVG"))
    assert name == f"small-0-{key}.svg"
    assert svg_markup(svg.decode(), themed=False)
    assert "#1b1b1b" in svg.decode()
    name, png = saved(page, group.get_by_role("button", name="PNG"))
    assert name.endswith(".png")
    assert png.startswith(b"\x89PNG")
    assert len(png) > 5000
    name, spec = saved(page, group.get_by_role("button", name="Vega-Lite"))
    assert name.endswith(".vl.json")
    read = json.loads(spec)
    assert read["datasets"]["rows"] == values_of(page, key)
    assert vl_convert.vegalite_to_svg(read).startswith("<svg")
    name, content = saved(page, group.get_by_role("button", name="CSV"))
    assert name.endswith(".csv")
    rows_ = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert len(rows_) == len(values_of(page, key))
    assert set(rows_[0]) == set(values_of(page, key)[0])


# --- maps -------------------------------------------------------------------------------------------------------------


def test_a_map_is_enlarged_by_click_and_keyboard_and_linked(show: Show) -> None:
    page = all_live(show(drawn_html()))
    group = page.get_by_role("radiogroup", name="Enlarge the map of a head")
    group.get_by_role("radio", name="Layer 2, head 3").click()
    settled(page)
    assert fragment(page) == "#layers=2&heads=3&view=reader&map=2.3", "its layer and head are chosen"
    ticked = page.get_by_role("group", name="Heads", exact=True).get_by_role("checkbox", checked=True)
    assert [box.get_attribute("value") for box in ticked.all()] == ["3"]
    assert page.locator("#enlarged h4").inner_text() == "Layer 2, head 3"
    assert group.get_by_role("radio", name="Layer 2, head 3").get_attribute("aria-checked") == "true"
    assert page.locator("#enlarged .live svg").is_visible()
    maps = example().attention.maps[1, 2]
    rows_ = values_of(page, "attention-maps")
    assert len(rows_) == int((maps > 0).sum())
    assert sum(row["share"] for row in rows_) == pytest.approx(float(maps.sum()), rel=0.02)
    strongest = max(rows_, key=lambda row: row["share"])
    assert strongest["share"] == pytest.approx(float(maps.max()), rel=0.03)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    settled(page)
    assert fragment(page) == "#layers=3&heads=3&view=reader&map=3.3"
    group.get_by_role("radio", name="Layer 3, head 3").click()
    settled(page)
    assert page.locator("#enlarged").is_hidden()
    assert fragment(page) == "", "all layers and heads are chosen again"
    assert page.wrong == []  # type: ignore[attr-defined]


def test_small_maps_are_drawn_and_fade_with_the_choice(show: Show) -> None:
    page = all_live(at(show, "layers=1", drawn_html()))
    drawn = page.evaluate(
        """() => [...document.querySelectorAll(".maps canvas")].map((c) =>
             c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((value) => value > 0))"""
    )
    assert drawn == [True] * 12
    assert page.locator(".maps .faded").count() == 8


def test_the_enlarged_map_is_saved(show: Show) -> None:
    page = all_live(at(show, "map=1.1", drawn_html()))
    group = page.locator('[data-save="attention-maps"]')
    name, svg = saved(page, group.get_by_role("button", name="SVG"))
    assert name == "small-0-attention-maps-layer-1-head-1.svg"
    assert svg.decode().count("<path") > 10
    _, content = saved(page, group.get_by_role("button", name="CSV"))
    assert content.decode("utf-8-sig").startswith("layer,head,from,to,share,")


# --- any script -------------------------------------------------------------------------------------------------------

SCRIPTS = (
    "שלום עולם",
    "漢字かな交じり文",
    "สวัสดี",
    "العربية جميلة",
    "👩\u200d👧 family",
    "e\u0301 combining",
    "a\u202eb\0c",
)


@pytest.mark.parametrize("text", SCRIPTS)
def test_any_script_can_be_opened_found_and_saved(show: Show, text: str) -> None:
    """Names in the details, in tables and in files are the characters of the document; what has no face has a label."""
    whole = f"{text} {text} end"
    spans = [match.span() for match in re.finditer(r"\S+", whole)]
    report = reports.report(whole, read=reports.tokens(whole, spans=spans), top_k=6)
    page = settled(show(render.page(report, reports.parts(report), bundle=reports.STUB_BUNDLE)))
    name = "".join(stretch for stretch, _ in render.pieces(report.words()[1]))
    assert f"{name} at position 1" in " ".join(details(page, 1).inner_text().split())
    assert name in {row[1] for row in table(page, "table-top-tokens")}
    page.get_by_label("Find", exact=True).fill(name)
    assert page.locator("#found").inner_text() == "2 found"
    tools = page.locator('[aria-labelledby="table-top-tokens"] + .tools')
    assert name in saved(page, tools.get_by_role("button", name="Save CSV"))[1].decode()
    assert page.wrong == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [320, 1440])
def test_a_token_of_ten_thousand_characters_wraps_wherever_it_is_named(show: Show, width: int) -> None:
    report = reports.report("one " + "W" * 10_000 + " two")
    source = render.page(report, reports.parts(report), bundle=reports.STUB_BUNDLE)
    page = at(show, "token=2", source, viewport={"width": width, "height": 800})
    wait(page, "document.querySelector('#token .name') !== null")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#instrument").evaluate("e => e.scrollWidth <= e.clientWidth + 1")


# --- what comes from outside ------------------------------------------------------------------------------------------


@pytest.mark.timeout(900)  # time to find the payload that stops a page
def test_nothing_from_outside_runs_whatever_the_reader_does(show: Show) -> None:
    def check(*payloads: str) -> None:
        report = reports.infected(*payloads)
        page = settled(show(render.page(report, reports.parts(report), bundle=reports.STUB_BUNDLE)))
        use_everything(page, len(report.tokens), payloads)
        assert page.evaluate("window.ran") is None
        assert page.evaluate("document.querySelectorAll('iframe, base, object, embed, form, main b > *').length") == 0
        assert page.evaluate("document.images.length") == 1
        assert page.evaluate("violations") == []
        assert page.wrong == []  # type: ignore[attr-defined]

    reports.withstands(check)


def use_everything(page: Page, tokens: int, words: Sequence[str]) -> None:
    """Every token opened, the words found, walked to, sorted, and each control used once."""
    for position in range(tokens):
        page.evaluate(f"reportgen.state.change({{ token: {position}, words: {str(position % 2 == 0).lower()} }})")
        settled(page)
    for word in words:
        page.get_by_label("Find", exact=True).fill(word[:8])
        page.keyboard.press("Enter")
    page.get_by_role("button", name="Next hot spot").click()
    page.locator('[aria-labelledby="table-top-tokens"] thead button').nth(1).click()
    page.get_by_role("checkbox", name="Mask stop words and punctuation").check()
    page.get_by_role("checkbox", name="Special tokens").check()
    settled(page)
    page.locator('[aria-labelledby="table-top-tokens"] + .tools').get_by_role("button", name="Copy LaTeX").click()


# --- broken data, old browsers, paper ---------------------------------------------------------------------------------


def test_a_browser_that_cannot_unpack_shows_the_page_without_scripts(show: Show) -> None:
    page = show(html(), before="delete globalThis.DecompressionStream")
    assert page.get_by_role("group", name="Colour by").is_visible()
    assert page.locator("#instrument").is_hidden()
    assert page.wrong == []  # type: ignore[attr-defined]


def test_broken_data_leave_the_page_without_scripts(show: Show) -> None:
    page = show(html().replace('id="data-received">{', 'id="data-received">{broken'))
    wait(page, "!document.documentElement.classList.contains('scripted')")
    assert page.get_by_role("group", name="Colour by").is_visible()
    assert page.locator("#instrument").is_hidden()


def test_printed_the_page_has_the_layout_of_the_document(show: Show) -> None:
    """Light, without what belongs to a screen, drawings as on paper, every word there."""
    page = all_live(at(show, "token=3&map=1.1", drawn_html(), color_scheme="dark"))
    page.emulate_media(media="print", color_scheme="dark")
    for gone in ("#instrument", ".walk", "#strip", ".save", ".tools", ".maps", "#enlarged", "figure details"):
        assert page.locator(gone).first.is_hidden(), gone
    for heading in page.locator("#tables .list h3").all():
        assert heading.is_visible(), "on paper all lists are there, one below the other, each with its heading"
    chart = page.locator("#figure-layer-trend .live svg")
    assert chart.is_visible()  # what the reader has chosen, under its own caption
    assert chart.locator("text").first.evaluate("e => getComputedStyle(e).fill") == rgb("#5d5d5d")
    assert page.locator("#figure-attention-maps .still img").is_visible()
    light = page.locator("#figure-attention-maps img").evaluate("e => e.currentSrc === e.src")
    assert light  # not the picture for a dark screen
    style = "(e) => { const s = getComputedStyle(e); return [s.fontSize, s.color]; }"
    assert page.locator("h1").evaluate(style) == ["26.6667px", "rgb(27, 27, 27)"]  # 20pt, as in document.css
    assert page.locator("#text").evaluate("e => getComputedStyle(e).fontSize") == "11.6667px"  # 8.75pt
    token = page.locator("#text .h15").first
    assert token.evaluate("e => getComputedStyle(e).backgroundColor") == rgb("#c6521a")
    assert page.pdf().startswith(b"%PDF")


def test_reading_is_calm_where_the_reader_wants_it_calm(show: Show) -> None:
    page = at(show, "", reduced_motion="reduce")
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((e) => {
             const s = getComputedStyle(e);
             return s.animationName !== "none" || s.transitionDuration !== "0s"; }).length"""
    )
    assert moving == 0


def test_on_a_phone_the_controls_fold_and_the_text_keeps_the_screen(show: Show) -> None:
    page = at(show, "", viewport={"width": 375, "height": 700})
    panel = page.locator("#instrument")
    box = panel.bounding_box()
    assert box
    assert box["height"] < 60
    page.get_by_text("Controls", exact=True).click()
    assert page.get_by_role("checkbox", name="Whole words").is_visible()
    page.get_by_role("checkbox", name="Whole words").check()
    page.keyboard.press("Escape")
    assert page.get_by_role("checkbox", name="Whole words").is_hidden()
    details(page, len(example().tokens) - 2)
    box = panel.bounding_box()
    assert box
    assert box["height"] <= 0.5 * 700
    top = box["y"]
    wait(page, f"document.querySelector('#text [data-mark~=open]').getBoundingClientRect().bottom < {top}")
    assert page.locator("#token").is_visible()


@pytest.mark.parametrize("height", [700, 500])
@pytest.mark.parametrize("width", [375, 1200])
def test_what_has_the_focus_is_never_covered(show: Show, width: int, height: int) -> None:
    """WCAG 2.2, 2.4.11: bars that stay on the screen leave the focus free."""
    page = at(show, "token=4", viewport={"width": width, "height": height})
    page.locator(".skip").focus()
    covered = []
    for _ in range(70):
        page.keyboard.press("Tab")
        hidden = page.evaluate(
            """() => { const e = document.activeElement; if (e === document.body || e.id === "text") return null;
                 const b = e.getBoundingClientRect(); const x = b.left + b.width / 2;
                 const seen = [b.top + 2, b.top + b.height / 2, b.bottom - 2].some((y) => {
                   const on = document.elementFromPoint(x, Math.max(1, Math.min(innerHeight - 1, y)));
                   return !on || e.contains(on) || on.contains(e) || on.closest("label")?.contains(e); });
                 return seen ? null : e.outerHTML.slice(0, 90); }"""
        )
        if hidden:
            covered.append(hidden)
    assert covered == []
