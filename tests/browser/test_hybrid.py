"""The page of a hybrid model: layers keep their numbers, and what follows the last attention is not forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import Page

from reportgen.core.nouns.records import Report
from reportgen.report.draw import charts
from reportgen.report.draw.pictures import vega
from reportgen.report.page import render
from tests import reports
from tests.browser.page import live, settled

KINDS = ("Mamba", "attention", "Mamba", "attention", "Mamba")


def hybrid() -> Report:
    """Five layers, of which the second and the fourth have attention."""
    report = reports.report()
    return replace(report, attention=replace(report.attention, layer_kinds=KINDS, reader_alone=False))


@pytest.fixture(scope="module")
def html() -> str:
    report = hybrid()
    return render.page(
        report, reports.parts(report, charts.charts(report, *reports.ranked(report))), bundle=vega.bundle()
    )


def test_only_layers_with_attention_can_be_chosen_by_their_numbers(html: str, show: Callable[..., Page]) -> None:
    page = live(show(html))
    group = page.get_by_role("group", name="Layers")
    assert [box.get_attribute("value") for box in group.get_by_role("checkbox").all()] == ["2", "4"]
    group.get_by_label("2", exact=True).uncheck(force=True)
    settled(page)
    assert "layers=4" in page.evaluate("location.hash")
    assert "summed over layer 4" in page.inner_text("main")
    assert "In layer 4" in page.inner_text("#figure-rank-trend-layers figcaption")


def test_a_link_and_a_map_name_layers_as_the_model_counts(html: str, show: Callable[..., Page]) -> None:
    """A number of a layer without attention is not understood, and so it is left as it was."""
    page = live(show(html, fragment="#layers=1-4&map=4.2&token=3"))
    assert page.evaluate("reportgen.state.get().layers") == [2, 4]
    assert page.inner_text("#enlarged-title") == "Layer 4, head 2"
    rows = page.evaluate("[...document.querySelectorAll('#token-body .ranks tbody th')].map((c) => c.textContent)")
    assert rows == ["2", "4"]
    assert page.evaluate("reportgen.scores.selection({...reportgen.state.get(), layers: [4]}).layers") == [1]


def test_the_last_layer_alone_shows_all_rows_because_another_layer_mixes_tokens_after_it(
    html: str, show: Callable[..., Page]
) -> None:
    page = live(show(html, fragment="#layers=4"))
    assert page.evaluate("reportgen.scores.selection(reportgen.state.get()).from") == "all"
    page.get_by_label("Received from").select_option("global")
    settled(page)
    assert "reaches the prediction too" in page.inner_text("main")
    assert "cannot reach the prediction" not in page.inner_text("main")
