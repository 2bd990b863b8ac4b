"""Turn sums into rows with a mean and its interval, for tables, charts and sentences; and compare groups of documents.

A row is a dictionary: the keys of `sums.KEYS`, "documents", "mean", "low" and "high"; the ends are None where there is
no interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reportgen.corpus import intervals
from reportgen.corpus.sums import Sums, grouped

Row = dict[str, Any]
ALIKE = 0.2  # of their attention, in which heads of a group differ at most
SUPPORT = 5  # documents below which a word or a section is not listed


def rows(table: pa.Table) -> list[Row]:
    """The rows of a table of sums with means and intervals."""
    found = intervals.of(table)
    return [
        row | {"mean": float(mean), "low": _finite(low), "high": _finite(high)}
        for row, mean, low, high in zip(table.to_pylist(), found.mean, found.low, found.high, strict=True)
    ]


def with_means(table: pa.Table) -> pa.Table:
    """A table of sums with its means and intervals, for a file."""
    found = intervals.of(table)
    for name, values in zip(("mean", "low", "high"), found, strict=True):
        table = table.append_column(name, pa.array(values, pa.float64(), from_pandas=True))
    return table


def over(table: pa.Table, *keys: str) -> pa.Table:
    """The same sums by fewer keys."""
    return grouped(table, keys)


def where(found: Iterable[Row], **values: Any) -> list[Row]:
    """The rows with these values."""
    return [row for row in found if all(row[name] == value for name, value in values.items())]


def supported(table: pa.Table) -> pa.Table:
    """The rows with enough documents; most words of a corpus are in few."""
    return table.filter(pc.greater_equal(table["documents"], SUPPORT))


def counts(sums: Sums, *keys: str) -> dict[Any, int]:
    """How many documents have each predicted label, verdict or verdict on all attention; by one key, or a tuple."""
    table = over(sums["verdicts"], *keys)
    names = [row[keys[0]] if len(keys) == 1 else tuple(row[key] for key in keys) for row in table.to_pylist()]
    return dict(zip(names, table["documents"].to_pylist(), strict=True))


def separating(words: pa.Table) -> list[Row]:
    """Words whose mean score differs between right and wrong documents: Welch's test, the smallest p first.

    Each has "right" and "wrong" (documents), "difference" (wrong minus right) with "low" and "high", p, and q, the
    share of false discoveries after Benjamini and Hochberg among all words compared. Only words with the support in
    both groups are compared, stop words left out.
    """
    from scipy import stats

    found: dict[str, dict[str, Row]] = {}
    for row in supported(over(words, "word", "stop", "verdict")).to_pylist():
        if not row["stop"] and row["verdict"] in ("right", "wrong"):
            found.setdefault(row["word"], {})[row["verdict"]] = row
    compared = []
    for word, both in found.items():
        if len(both) == 2:
            compared.append({"word": word, **welch(both["right"], both["wrong"])})
    if compared:
        adjusted = stats.false_discovery_control([row["p"] for row in compared])
        for row, q in zip(compared, adjusted.tolist(), strict=True):
            row["q"] = q
    return sorted(compared, key=lambda row: (row["p"], row["word"]))


def welch(one: Row, other: Row) -> Row:
    """The difference of two means, *other* minus *one*, with Welch's interval and p, from sums."""
    from scipy import stats

    n = np.array([one["documents"], other["documents"]], np.float64)
    totals = np.array([one["total"], other["total"]])
    variances = intervals.variance(n, totals, np.array([one["squares"], other["squares"]]))
    parts = variances / n
    error, difference = math.sqrt(parts.sum()), float(totals[1] / n[1] - totals[0] / n[0])
    facts = {"right": int(n[0]), "wrong": int(n[1]), "right_mean": totals[0] / n[0], "wrong_mean": totals[1] / n[1]}
    if error == 0:
        same = difference == 0
        return {**facts, "difference": difference, "low": difference, "high": difference, "p": float(same)}
    freedom = parts.sum() ** 2 / (parts**2 / (n - 1)).sum()
    half = float(stats.t.ppf((1 + intervals.LEVEL) / 2, freedom)) * error
    p = float(2 * stats.t.sf(abs(difference / error), freedom))
    return {**facts, "difference": difference, "low": difference - half, "high": difference + half, "p": p}


def calibration(sums: Sums) -> tuple[list[Row], Row | None]:
    """The bins of the reliability curve, and the expected calibration error; None without gold labels.

    The error is the mean over documents of (right - confidence), with the sign that it has in the document's bin; its
    interval is that mean's, between 0 and 1.
    """
    confidence = where(sums["calibration"].to_pylist(), measure="confidence")
    gaps = {row["bin"]: row for row in where(sums["calibration"].to_pylist(), measure="gap")}
    bins = []
    for row in confidence:
        right = round(row["total"] + gaps[row["bin"]]["total"])
        share, low, high = intervals.share(right, row["documents"])
        mean = row["total"] / row["documents"]
        bins.append({"bin": row["bin"], "documents": row["documents"], "confidence": mean, "right": right,
                     "share": share, "low": low, "high": high})  # fmt: skip
    count = sum(row["documents"] for row in gaps.values())
    if not count:
        return bins, None
    error = sum(abs(row["total"]) for row in gaps.values())
    found = intervals.mean([count], [error], [sum(row["squares"] for row in gaps.values())])
    low, high = np.clip((found.low[0], found.high[0]), 0, 1)
    return bins, {"documents": count, "mean": error / count, "low": _finite(low), "high": _finite(high)}


def main_roles(sums: Sums, order: Sequence[str]) -> list[Row]:
    """The role that each head has in most documents, with their share ("agreement"); ties go to the earlier role."""
    best: dict[tuple[int, int], Row] = {}
    totals: dict[tuple[int, int], int] = {}

    def rank(row: Row) -> tuple[int, int]:
        return -row["documents"], order.index(row["role"])

    for row in sums["roles"].to_pylist():
        place = (row["layer"], row["head"])
        totals[place] = totals.get(place, 0) + row["documents"]
        if place not in best or rank(row) < rank(best[place]):
            best[place] = row
    found = []
    for place, row in best.items():
        share, low, high = intervals.share(row["documents"], totals[place])
        found.append({"layer": place[0], "head": place[1], "role": row["role"], "documents": totals[place],
                      "having": row["documents"], "agreement": share, "low": low, "high": high})  # fmt: skip
    return found


def groups_of_heads(sums: Sums, measures: Sequence[str]) -> list[Row]:
    """Heads that do alike, found by clustering and named by nobody; the largest group first.

    Complete linkage of the mean shares, cut where two heads of a group would differ by more than `ALIKE` in one of
    *measures*. Each row has "heads", places with the most typical first, and "means", by the names of *measures*.
    """
    from scipy.cluster import hierarchy
    from scipy.spatial import distance

    found = {(row["measure"], row["layer"], row["head"]): row["mean"] for row in rows(sums["heads"])}
    places = sorted({(layer, head) for _, layer, head in found})
    known = [name for name in measures if all((name, *place) in found for place in places)]
    shares = np.array([[found[name, *place] for name in known] for place in places])
    if len(places) < 2 or not known:
        return []
    tree = hierarchy.linkage(distance.pdist(shares, "chebyshev"), method="complete")
    numbers = hierarchy.fcluster(tree, ALIKE, criterion="distance")
    groups = []
    for number in np.unique(numbers):
        members = np.flatnonzero(numbers == number)
        means = shares[members].mean(axis=0)
        away = np.abs(shares[members] - means).max(axis=1)
        order = [places[member] for member in members[np.argsort(away.round(9), kind="stable")]]
        groups.append({"heads": order, "means": dict(zip(known, means.tolist(), strict=True))})
    return sorted(groups, key=lambda group: (-len(group["heads"]), min(group["heads"])))


def words_of_heads(sums: Sums, most: int) -> dict[tuple[int, int], list[Row]]:
    """The words that each head attends to most: by the share of its attention, added over all documents."""
    table = sums["head_words"].sort_by([("total", "descending"), ("word", "ascending")])
    layers, heads = (table[name].to_numpy() for name in ("layer", "head"))
    places = layers.astype(np.int64) * (int(heads.max(initial=0)) + 1) + heads
    by_place = np.argsort(places, kind="stable")  # within a head, the largest share first
    starts = np.flatnonzero(np.diff(places[by_place], prepend=-1))
    rank = np.arange(len(places)) - np.repeat(starts, np.diff(starts, append=len(places)))
    found: dict[tuple[int, int], list[Row]] = {}
    for row in table.take(pa.array(by_place[rank < most])).to_pylist():
        kept = {name: row[name] for name in ("word", "documents", "total")}
        found.setdefault((row["layer"], row["head"]), []).append(kept)
    return found


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
