"""curves: the test of a heatmap -> deletion curve and keep-only curve."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from functools import cache
from typing import Any

import altair as alt
import pytest

from reportgen.core.nouns.records import Report
from reportgen.report.draw import curves, specs
from reportgen.report.faithfulness.names import LOOKS, ORDERS
from reportgen.report.page.svg import svg_markup
from reportgen.report.paper import figures
from reportgen.report.parts import Chart
from tests import faithful, reports

KEYS = ("deletion-curve", "keeping-curve")


@cache
def drawn() -> dict[str, Chart]:
    return {chart.key: chart for chart in curves.curves(faithful.report())}


def rows(key: str, draws: str, way: str = "deleted") -> list[dict[str, Any]]:
    """The rows of one panel that draw one thing."""
    data: Any = drawn()[key].spec["data"]
    return [row for row in data["values"] if (row["draws"], row["way"]) == (draws, way)]


def quick(**changes: Any) -> Report:
    """One measure, one way to remove words, nine draws."""
    made = faithful.faithfulness(draws=9)
    changes = {"depth": "quick", "trials": made.trials[:1], "empty": made.empty[:1]} | changes
    return replace(faithful.report(), faithfulness=replace(made, **changes))


@pytest.mark.parametrize("key", KEYS)
def test_every_curve_is_valid_and_can_be_shown(key: str) -> None:
    chart = drawn()[key]
    alt.Chart.from_dict(chart.spec, validate=True)
    assert json.loads(specs.text(chart.spec)) == chart.spec
    assert not re.search(r"\b(NaN|undefined|Infinity)\b", chart.svg + specs.text(chart.spec) + chart.caption)
    assert svg_markup(chart.svg, themed=True)
    assert {len(chart.data.columns), len(chart.data.numeric)} == {len(row) for row in chart.data.rows}
    said = {"".join(e.itertext()) for e in ElementTree.fromstring(chart.svg).iter("{http://www.w3.org/2000/svg}text")}
    assert {
        "19 random orders",
        "whole",
        "empty",
        "all attention",
        "what the classifier reads",
        "deleted",
        "masked",
        "20",
    } <= said


def test_a_line_holds_the_answers_of_the_model_and_begins_at_the_whole_document() -> None:
    test = faithful.faithfulness()
    trial = test.trial("comprehensiveness")
    assert trial is not None
    for curve in trial.curves:
        line = [row for row in rows("deletion-curve", "order") if row["order"] == ORDERS[curve.order]]
        assert [row["share"] for row in line] == [0, 1, 5, 10, 20, 50]
        assert [row["probability"] for row in line] == pytest.approx([test.probability, *curve.probabilities], abs=5e-5)


def test_the_keep_only_curve_begins_at_the_empty_document_of_its_own_panel() -> None:
    for way, empty in (("deleted", 0.574), ("masked", 0.289)):
        assert {row["probability"] for row in rows("keeping-curve", "order", way) if row["share"] == 0} == {empty}
        bounds = {row["name"]: (row["probability"], row["side"]) for row in rows("keeping-curve", "bound", way)}
        assert bounds == {"whole": (0.802, "above"), "empty": (empty, "below")}


def test_the_band_holds_every_random_order() -> None:
    trial = faithful.faithfulness().trial("comprehensiveness")
    assert trial is not None
    band = rows("deletion-curve", "random")[1:]
    for at, row in enumerate(band):
        answers = [curve.probabilities[at] for curve in trial.random]
        assert (row["low"], row["high"]) == pytest.approx((min(answers), max(answers)), abs=5e-5)
    assert len(band) == 5


def test_every_place_of_the_axis_chooses_the_share_that_is_nearest() -> None:
    steps = rows("deletion-curve", "step")
    assert [row["share"] for row in steps] == [0, 1, 5, 10, 20, 50]
    assert [row["to"] for row in steps[:-1]] == [row["from"] for row in steps[1:]]
    assert (steps[0]["from"], steps[-1]["to"]) == (0, 50)
    assert all(row["from"] <= row["share"] <= row["to"] for row in steps)


def test_captions_say_what_the_numbers_say() -> None:
    assert drawn()["deletion-curve"].caption == (
        "Without the 5% of the words highest in what the classifier reads, the model gives “left” a probability of "
        "75.8% (words deleted); without as many random words, 80.0% to 80.5%. The whole document has 80.2%. The grey "
        "band holds 19 random orders."
    )
    assert drawn()["keeping-curve"].caption.startswith("With only the 5% of the words")


def test_a_quick_test_has_one_panel_without_a_name() -> None:
    (chart,) = curves.curves(quick(unit="sentence"))
    assert "facet" not in chart.spec
    assert "9 random orders" in chart.svg
    assert "sentences removed, %" in chart.svg
    assert "(sentences deleted)" not in chart.caption
    alt.Chart.from_dict(chart.spec, validate=True)


def test_without_a_test_nothing_is_drawn() -> None:
    assert curves.curves(reports.report()) == ()
    assert curves.curves(quick(trials=(), verdicts=())) == ()


def test_orders_can_be_told_by_colour_or_by_form() -> None:
    """And by form alone where both are grey."""
    own = [LOOKS[name] for name in ("all_attention", "classifier", "attribution")]
    assert len({colour for colour, _ in own}) == len(own)
    assert len({form for _, form in LOOKS.values()}) == len(LOOKS)


def test_what_is_not_chosen_draws_nothing_on_paper() -> None:
    """The page marks the chosen share; the still drawing has neither a mark nor a place for the pointer."""
    assert 'stroke="transparent"' not in drawn()["deletion-curve"].svg
    assert 'fill="transparent"' not in drawn()["deletion-curve"].svg


@pytest.mark.parametrize("width", [237.6, 496.8])
def test_a_figure_for_a_manuscript_is_as_wide_as_was_asked_for(width: float) -> None:
    for chart in (drawn()["deletion-curve"], *curves.curves(quick(seed=1))):
        svg = figures.fit(chart.spec, width, key="x", family="sans-serif")
        assert figures.size(svg)[0] == pytest.approx(width, abs=0.01)
        root = ElementTree.fromstring(svg)
        assert float((root.get("viewBox") or "0 0 0 0").split()[2]) == pytest.approx(width, rel=0.01)
        assert {re.sub("px$", "", e.get("font-size", "")) for e in root.iter() if e.get("font-size")} <= {"7", "8"}
        assert "all attention, reversed" in svg
