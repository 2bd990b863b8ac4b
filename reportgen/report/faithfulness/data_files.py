"""Turn the test of a heatmap into data files: answers by order and share, sentences, agreement of orders.

Names of orders and measures are those of `core/nouns/faithfulness.py`. A number that is not known is NaN in a row,
and nothing in a file.
"""

from __future__ import annotations

from math import nan

import pyarrow as pa

from reportgen.core.nouns.faithfulness import Curve, Faithfulness, Trial
from reportgen.core.nouns.records import Report
from reportgen.report.tables import comma_separated, parquet

Row = dict[str, str | int | float]


def files(report: Report) -> dict[str, bytes]:
    """The data files by name, for the folder `tables`; none where the heatmap was not tested."""
    tested = report.faithfulness
    if tested is None:
        return {}
    found = {"faithfulness": answers(tested), "sentences": sentences(report, tested), "agreement": agreement(tested)}
    made: dict[str, bytes] = {}
    for name, rows in found.items():
        if rows:
            table = pa.Table.from_pylist(rows)
            made |= {f"{name}.parquet": parquet(table), f"{name}.csv": comma_separated(table)}
    return made


def answers(tested: Faithfulness) -> list[Row]:
    """The model's answers: a row for each measure, operator, order or draw, and share."""
    return [
        row
        for trial in tested.trials
        for draw, curve in [*((0, curve) for curve in trial.curves), *enumerate(trial.random, start=1)]
        for row in _shares(tested, trial, draw, curve)
    ]


def _shares(tested: Faithfulness, trial: Trial, draw: int, curve: Curve) -> list[Row]:
    answers = zip(tested.shares, tested.counts, curve.margins, curve.probabilities, strict=True)
    return [
        {
            "measure": trial.measure,
            "operator": trial.operator,
            "order": curve.order,
            "draw": draw,
            "share": share,
            "count": count,
            "margin": margin,
            "probability": probability,
            "aopc": curve.aopc,
            "p": nan if curve.p is None else curve.p,
        }
        for share, count, margin, probability in answers
    ]


def sentences(report: Report, tested: Faithfulness) -> list[Row]:
    """What the prediction loses without each sentence, in the order of the text."""
    return [
        {
            "start": one.start,
            "end": one.end,
            "sentence": report.example.text[one.start : one.end],
            "change": one.change,
            "probability": one.probability,
        }
        for one in tested.sentences
    ]


def agreement(tested: Faithfulness) -> list[Row]:
    """How far two orders agree: a row for each coefficient, and for the overlap at each share."""
    rows: list[Row] = []
    for each in tested.agreements:
        pair = {"one": each.one, "other": each.other}
        for name, share, found, chance in (
            ("tau", 1.0, each.tau, 0.0),
            ("jaccard", 0.05, each.jaccard, each.jaccard_chance),
        ):
            numbers = {"value": found.value, "low": found.low, "high": found.high, "chance": chance}
            rows.append({**pair, "coefficient": name, "share": share, **numbers})
        for k, (value, chance) in enumerate(zip(each.overlap, each.overlap_chance, strict=True), start=1):
            numbers = {"value": value, "low": nan, "high": nan, "chance": chance}
            rows.append({**pair, "coefficient": "overlap", "share": k / 100, **numbers})
    return rows
