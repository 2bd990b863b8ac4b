"""Lay two predictions side by side: probabilities and logits by label, and verdicts."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from reportgen.compare.parts import A, B, Section
from reportgen.core.characters import clean, cut
from reportgen.core.nouns.records import Prediction, Report
from reportgen.core.numbers import number, signed
from reportgen.report.parts import Table

LONGEST = 60  # letters of a label
MOST = 20  # labels that the page lists


def section(one: Report, other: Report) -> tuple[Section, pa.Table]:
    """What was predicted in both."""
    said, says = one.prediction, other.prediction
    table = data(said, says)
    if said is None or says is None:
        lacking = " and ".join(name for name, each in ((A, said), (B, says)) if each is None)
        return Section("predictions", "Predictions", (f"{lacking} has no prediction.",)), table
    shown = Table(
        "predictions", "Probability of each label" + (f": the {MOST} that differ most" if len(table) > MOST else ""),
        ("Label", A, B, "Difference, points", f"Logit in {A}", f"Logit in {B}"), (False, *(True,) * 5),
        tuple(_row(row) for row in _chosen(table)),
    )  # fmt: skip
    return Section("predictions", "Predictions", (sentence(said, says),), tables=(shown,)), table


def sentence(said: Prediction, says: Prediction) -> str:
    """What each predicts, and whether that is the same."""
    mine, theirs = cut(said.predicted_name, LONGEST), cut(says.predicted_name, LONGEST)
    marks = [f", which is {each.verdict}" if each.verdict != "unknown" else "" for each in (said, says)]
    if mine == theirs:
        both = f"Both predict “{mine}”{marks[0] if marks[0] == marks[1] else ''}"
        if said.confidence == says.confidence:
            return f"{both}, with the same probability, {said.confidence:.1%}."
        return f"{both}: {A} with a probability of {said.confidence:.1%}, {B} of {says.confidence:.1%}."
    return (
        f"The predictions differ: {A} predicts “{mine}” ({said.confidence:.1%}){marks[0]}; {B} predicts “{theirs}” "
        f"({says.confidence:.1%}){marks[1]}."
    )


def data(said: Prediction | None, says: Prediction | None) -> pa.Table:
    """Every label of either, matched by name: probabilities and logits, null where one does not have it."""
    sides = [{} if each is None else {clean(label): n for n, label in enumerate(each.labels)} for each in (said, says)]
    names = list(dict.fromkeys([*sides[0], *sides[1]]))

    def column(side: int, field: str) -> pa.Array:
        each = (said, says)[side]
        found = [getattr(each, field)[sides[side][name]] if name in sides[side] else None for name in names]
        return pa.array(found, pa.float64())

    fields = {f"{field}_{key}": column(side, f"{field}s" if field == "logit" else "probabilities")
              for field in ("probability", "logit") for side, key in enumerate("ab")}  # fmt: skip
    return pa.table({"label": pa.array(names, pa.string()), **fields})


def _chosen(table: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.to_pylist()
    if len(rows) <= MOST:
        return rows
    return sorted(rows, key=lambda row: -abs((row["probability_b"] or 0) - (row["probability_a"] or 0)))[:MOST]


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    mine, theirs = row["probability_a"], row["probability_b"]
    change = "" if mine is None or theirs is None else signed(round((theirs - mine) * 100, 2))
    shown = ["none" if each is None else f"{each:.1%}" for each in (mine, theirs)]
    logits = ["" if row[name] is None else number(row[name]) for name in ("logit_a", "logit_b")]
    return (cut(row["label"], LONGEST), *shown, change, *logits)
