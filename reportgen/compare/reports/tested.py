"""Lay the tests of two heatmaps side by side: verdicts, AOPC against random orders, the deletion curves of both."""

from __future__ import annotations

import pyarrow as pa

from reportgen.compare.parts import A, B, Section
from reportgen.compare.shown import charts
from reportgen.core.nouns.faithfulness import VERDICTS, Curve, Faithfulness, Trial
from reportgen.core.nouns.records import Report
from reportgen.core.numbers import number
from reportgen.report.draw.specs import Draw
from reportgen.report.faithfulness.names import MEASURES, ORDERS, WAYS, percent, units
from reportgen.report.parts import Chart, Table

TITLE = "Faithfulness"
KEYS = ("measure", "operator", "order")
NUMBERS = ("aopc", "random", "p")  # of an order: its own AOPC, the mean of the random orders, p
NEAR = 0.05  # share of the words that the caption names
MISSING = "–"


def section(one: Report, other: Report, draw: Draw) -> Section | None:
    """Both tests; None where neither heatmap was tested."""
    mine, theirs = one.faithfulness, other.faithfulness
    if mine is None and theirs is None:
        return None
    if mine is None or theirs is None:
        tested, lacking, found = (A, B, mine) if theirs is None else (B, A, theirs)
        assert found is not None  # one of the two is there
        said = (
            f"All attention of {tested} was tested and is {_words(found)}; that of {lacking} was not tested. "
            "“reportgen faithfulness FOLDER” adds the test to a report."
        )
        return Section("faithfulness", TITLE, (said,))
    words = (_words(mine), _words(theirs))
    said = f"All attention is {words[0]} in both." if words[0] == words[1] else (
        f"All attention of {A} is {words[0]}, that of {B} {words[1]}."
    )  # fmt: skip
    table = data(one, other)
    chart = _curves(one, other, mine, theirs, draw)
    return Section(
        "faithfulness",
        TITLE,
        (said,),
        charts=(chart,) if chart else (),
        tables=(_table(table, mine, theirs),) if len(table) else (),
        notes=tuple(_notes(one, other)),
    )


def data(one: Report, other: Report) -> pa.Table:
    """AOPC of each order, the mean of the random ones, and p: a row for each that either has, else null."""
    found = [_numbers(each.faithfulness) for each in (one, other)]
    rows = list(dict.fromkeys([*found[0], *found[1]]))
    columns: dict[str, pa.Array] = {
        name: pa.array([row[n] for row in rows], pa.string()) for n, name in enumerate(KEYS)
    }
    for n, name in enumerate(NUMBERS):
        for side, own in zip("ab", found, strict=True):
            values = [own[row][n] if row in own else None for row in rows]
            columns[f"{name}_{side}"] = pa.array(values, pa.float64())
    return pa.table(columns)


def _words(tested: Faithfulness) -> str:
    code = tested.code("all_attention")
    return VERDICTS[code] if code else "not tested"


def _numbers(tested: Faithfulness | None) -> dict[tuple[str, str, str], tuple[float, float, float | None]]:
    return {
        (trial.measure, trial.operator, curve.order): (curve.aopc, trial.chance[0], curve.p)
        for trial in (tested.trials if tested else ())
        for curve in trial.curves
    }


def _table(table: pa.Table, mine: Faithfulness, theirs: Faithfulness) -> Table:
    rows = tuple(
        (MEASURES[row["measure"]], ORDERS[row["order"]], WAYS[row["operator"]],
         *(MISSING if (value := row[f"{name}_{side}"]) is None else number(value) for side in "ab" for name in NUMBERS))
        for row in table.to_pylist()
    )  # fmt: skip
    some = dict.fromkeys((units(mine).capitalize(), units(theirs).capitalize()))
    sides = (part for side in (A, B) for part in (side, f"Random orders in {side}", f"p in {side}"))
    columns = ("Measure", "Order", f"{' or '.join(some)} are", *sides)
    caption = (
        "AOPC: the mean loss of the margin, in logits; beside it the mean of the random orders, and p against them"
    )
    return Table("faithfulness", caption, columns, (False, False, False, *(True,) * 6), rows)


def _curves(one: Report, other: Report, mine: Faithfulness, theirs: Faithfulness, draw: Draw) -> Chart | None:
    """The deletion curves of all attention in both; None where one has none."""
    trials = [each.trial("comprehensiveness") for each in (mine, theirs)]
    found = [trial.curve("all_attention") if trial else None for trial in trials]
    if None in trials or None in found:
        return None
    lines, said = {}, []
    for side, report, tested, trial, curve in zip((A, B), (one, other), (mine, theirs), trials, found, strict=True):
        assert trial is not None
        assert curve is not None
        lines[side] = _line(tested, trial, curve)
        at = min(range(len(tested.shares)), key=lambda n: abs(tested.shares[n] - NEAR))
        assert report.prediction is not None  # a heatmap is tested with its model
        said.append(
            f"in {side} “{report.prediction.labels[tested.target]}” falls from {tested.probability:.1%} to "
            f"{curve.probabilities[at]:.1%} without the {percent(tested.shares[at])} of the {units(tested)} "
            f"highest in all attention (random orders: {lines[side][at + 1][2]:.1%} on average)"
        )
    caption = f"{'; '.join(said)}. Dashes are the mean of the random orders.".replace("in A", "In A", 1)
    return charts.removed(lines, caption, units(mine), draw)


def _line(tested: Faithfulness, trial: Trial, curve: Curve) -> list[tuple[float, float, float]]:
    """Share, probability, and the mean probability under random orders, from the whole document on."""
    random = [sum(each) / len(each) for each in zip(*(one.probabilities for one in trial.random), strict=True)]
    rows = zip(tested.shares, curve.probabilities, random, strict=True)
    return [(0.0, tested.probability, tested.probability), *rows]


def _notes(one: Report, other: Report) -> list[str]:
    notes = []
    mine, theirs = one.faithfulness, other.faithfulness
    assert mine is not None  # both were tested
    assert theirs is not None
    if mine.draws != theirs.draws:
        notes.append(f"{A} was tested beside {mine.draws} random orders, {B} beside {theirs.draws}.")
    if one.provenance.weights_sha256 != other.provenance.weights_sha256:
        notes.append(
            "Margins of two models have no common scale: compare an order with the random orders of its own report."
        )
    return notes
