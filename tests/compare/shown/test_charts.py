"""charts: numbers of a comparison -> specifications that hold against the schema of Vega-Lite, and their drawings."""

from __future__ import annotations

import numpy as np
import pytest

from reportgen.compare.shown import charts
from reportgen.core.agreement import agreement
from reportgen.report.parts import Chart
from tests import reports

PLACES = [(1, 1), (1, 2), (2, 1), (2, 2)]


def made() -> dict[str, Chart]:
    """Each chart, of small numbers."""
    random = np.random.default_rng(0)
    one, other = random.normal(size=(2, 60))
    found = agreement(("all_attention", "all_attention"), one, other, [n // 10 for n in range(60)], seed=0)
    grids = {"moved": ("Elsewhere", np.array([0, 0.1, 0.2, 0.3]), False), "entropy": ("Entropy", one[:4], True)}
    return {
        "slopes": charts.slopes([("alpha", 1, 40), ("be\0ta", 2, 2), ("gamma", 30, 1)], "said"),
        "overlap": charts.overlap([found], {"all_attention": "All attention"}, "said"),
        "grids": charts.grids(PLACES, grids, "said"),
        "removed": charts.removed(
            {"A": [(0, 0.9, 0.9), (0.05, 0.4, 0.88)], "B": [(0, 0.8, 0.8), (0.1, 0.7, 0.78)]}, "said", "words"
        ),
        "deciles": charts.deciles({"A": np.full(10, 0.1), "B": np.arange(10) / 45}, "said"),
    }


@pytest.mark.parametrize("name", ["slopes", "overlap", "grids", "removed", "deciles"])
def test_a_specification_holds_against_the_schema(name: str) -> None:
    reports.is_a_chart(made()[name])


def test_words_stand_in_the_order_of_their_ranks() -> None:
    rows = made()["slopes"].spec["data"]["values"]  # type: ignore[index]
    places = {(row["label"].split()[0], row["side"]): row["place"] for row in rows if row["side"] == "A"}
    assert places == {("alpha", "A"): 0, ("be␀ta", "A"): 1, ("gamma", "A"): 2}
    turned = {row["line"]: row["change"] for row in rows}
    assert turned == {0: "lower in B", 1: "the same", 2: "higher in B"}


def test_shares_that_one_side_alone_has_removed_are_in_the_table_without_a_counterpart() -> None:
    assert made()["removed"].data.rows == (
        ("0%", "90.0%", "90.0%", "80.0%", "80.0%"),
        ("5%", "40.0%", "88.0%", "–", "–"),
        ("10%", "–", "–", "70.0%", "78.0%"),
    )


def test_a_grid_with_a_sign_has_0_in_its_middle() -> None:
    grid = made()["grids"].spec["concat"][1]  # type: ignore[index]
    low, high = grid["encoding"]["color"]["scale"]["domain"]
    assert low == -high
