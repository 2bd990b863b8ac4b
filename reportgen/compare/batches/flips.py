"""Compare the predictions of two batches: accuracy, who is right where the other is wrong, McNemar's test, flips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reportgen.compare.batches import paired
from reportgen.compare.batches.pairs import Pair
from reportgen.compare.links import link
from reportgen.compare.parts import A, B, Linked, Section
from reportgen.core.characters import cut
from reportgen.core.numbers import signed
from reportgen.corpus import intervals
from reportgen.report.parts import Table

LISTED = 200  # documents with another prediction; all are in documents.csv
LONGEST = 60  # letters of a label, and of a title


def numbers(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The counts of McNemar's test with its p, and the flips."""
    known = _known(rows)
    counts = Counter((row["verdict_a"], row["verdict_b"]) for row in known)
    only_a, only_b = counts["right", "wrong"], counts["wrong", "right"]
    return {
        "with_gold_label": len(known),
        "both_right": counts["right", "right"],
        "only_a_right": only_a,
        "only_b_right": only_b,
        "both_wrong": counts["wrong", "wrong"],
        "mcnemar_exact_p": paired.mcnemar(only_a, only_b),
        "other_prediction": sum(row["predicted_a"] != row["predicted_b"] for row in rows),
    }


def section(rows: Sequence[dict[str, Any]], pairs: Sequence[Pair], output: Path) -> Section:
    """Predictions of the paired documents."""
    found = numbers(rows)
    flipped = [n for n, row in enumerate(rows) if row["predicted_a"] != row["predicted_b"]]
    sentences = [f"{len(flipped):,} of {len(rows):,} documents get another prediction in {B}."]
    tables = []
    if found["with_gold_label"]:
        sentences.append(_accuracy(_known(rows), found))
        tables.append(_counts(found))
    confidence = [row for row in rows if None not in (row["probability_a"], row["probability_b"])]
    if confidence:
        sure = paired.of(*([row[f"probability_{side}"] for row in confidence] for side in "ab"))
        sentences.append(
            f"The mean probability of the predicted label is {sure.one:.1%} in {A} and {sure.other:.1%} in {B}"
            f"{_points(sure)}."
        )
    if flipped:
        tables.append(_turns(rows, flipped))
    note = (
        "McNemar’s test is exact (binomial, two-sided), without a correction for continuity. Intervals are of 95%: "
        "Wilson’s for a share of documents, Student’s for the paired difference over documents."
    )
    return Section(
        "predictions",
        "Predictions",
        tuple(sentences),
        tables=tuple(tables),
        lists=_listed(rows, pairs, flipped, output),
        notes=(note,),
    )


def _known(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if "unknown" not in (row["verdict_a"], row["verdict_b"])]


def _accuracy(known: Sequence[dict[str, Any]], found: dict[str, Any]) -> str:
    right = [[float(row[f"verdict_{side}"] == "right") for row in known] for side in "ab"]
    each = [intervals.share(int(sum(values)), len(known)) for values in right]
    said = [f"{share:.1%} ({low:.1%} to {high:.1%})" for share, low, high in each]
    p = found["mcnemar_exact_p"]
    return (
        f"{A} is right in {said[0]}, {B} in {said[1]}, of {len(known):,} documents with a gold label"
        f"{_points(paired.of(*right))}. Only {A} is right in {found['only_a_right']:,}, only {B} in "
        f"{found['only_b_right']:,}: McNemar’s exact test gives p = {p:.3g}."
    )


def _points(found: paired.Change) -> str:
    """A change in percentage points with its interval, in brackets."""
    if found.documents < intervals.LEAST:
        return ""
    ends = (found.change, max(found.low, -1.0), min(found.high, 1.0))  # a share changes by no more
    numbers = [signed(round(value * 100, 2)) for value in ends]
    return f" (change {numbers[0]} points, {numbers[1]} to {numbers[2]})"


def _counts(found: dict[str, Any]) -> Table:
    return Table(
        "verdicts", "Documents by the verdicts on both predictions", ("Documents", f"right in {B}", f"wrong in {B}"),
        (False, True, True),
        (
            (f"right in {A}", f"{found['both_right']:,}", f"{found['only_a_right']:,}"),
            (f"wrong in {A}", f"{found['only_b_right']:,}", f"{found['both_wrong']:,}"),
        ),
    )  # fmt: skip


def _turns(rows: Sequence[dict[str, Any]], flipped: Sequence[int]) -> Table:
    turns = Counter((rows[n]["predicted_a"] or "none", rows[n]["predicted_b"] or "none") for n in flipped)
    ordered = sorted(turns.items(), key=lambda item: (-item[1], item[0]))
    shown = tuple((cut(one, LONGEST), cut(other, LONGEST), f"{count:,}") for (one, other), count in ordered)
    return Table("flips", "Flips: predictions that differ", (A, B, "Documents"), (False, False, True), shown)


def _listed(
    rows: Sequence[dict[str, Any]], pairs: Sequence[Pair], flipped: Sequence[int], output: Path
) -> tuple[Linked, ...]:
    if not flipped:
        return ()
    listed = []
    for n in flipped[:LISTED]:
        row = rows[n]
        cells = tuple(
            f"{cut(row[f'predicted_{side}'] or 'none', LONGEST)} ({row[f'probability_{side}'] or 0:.1%})"
            + (f", {row[f'verdict_{side}']}" if row[f"verdict_{side}"] != "unknown" else "")
            for side in "ab"
        )
        listed.append((cut(row["title"], LONGEST), link(pairs[n].one, output), link(pairs[n].other, output), cells))
    more = f"; the first {LISTED}, all are in documents.csv" if len(flipped) > LISTED else ""
    return (Linked(f"Documents with another prediction in {B}{more}", tuple(listed), (f"In {A}", f"In {B}")),)
