"""A small test of a heatmap built by hand for a small report: every part is there, no model has run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from reportgen.core.nouns.faithfulness import (
    Agreement,
    Attribution,
    Caveat,
    Curve,
    Empty,
    Estimate,
    Faithfulness,
    HeadAblation,
    Operator,
    Order,
    OrderName,
    ScalingEffect,
    SentenceEffect,
    Shift,
    Trial,
    Unit,
    Verdict,
)
from reportgen.core.nouns.records import Report
from reportgen.report import words
from tests import reports

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
WHOLE, MARGIN = 0.802, 1.4  # of the report in `reports`
STRENGTH: dict[OrderName, float] = {  # logits that the first half of the units carries
    "all_attention": 0.9,
    "classifier": 1.3,
    "attribution": 2.1,
    "reversed": -0.2,
    "reading-order": 0.15,
}
SENTENCE = (
    "Removing the 5% of the words highest in all attention lowers the margin by 0.60; 19 random choices of as many "
    "words lower it by −0.04 to 0.11. All attention shows words that the prediction rests on."
)


def faithfulness(report: Report | None = None, *, draws: int = 19, **changes: Any) -> Faithfulness:
    """What `full` finds for a report of `reports.report`; *changes* replace whole fields."""
    report = report or reports.report()
    found = words.whole_words(report.example.text, report.tokens, language=report.language)
    starts, ends = report.tokens.starts, report.tokens.ends
    units = tuple(Unit(starts[w.positions[0]], ends[w.positions[-1]], w.positions) for w in found)
    random = np.random.default_rng(0)
    orders = tuple(Order(name, tuple(random.permutation(len(units)).tolist())) for name in STRENGTH)
    half = report.example.text.index("\n")
    made = Faithfulness(
        depth="full",
        unit="word",
        seed=0,
        target=0,
        margin=MARGIN,
        probability=WHOLE,
        units=units,
        shares=SHARES,
        counts=tuple(max(1, round(share * len(units))) for share in SHARES),
        orders=orders,
        empty=(Empty("delete", 0.3, 0.574), Empty("mask", -0.9, 0.289)),
        trials=tuple(
            _trial(measure, operator, draws=draws)
            for measure in ("comprehensiveness", "sufficiency")
            for operator in ("delete", "mask")
        ),
        verdicts=(
            Verdict("all_attention", "supported", SENTENCE),
            Verdict(
                "classifier",
                "supported",
                SENTENCE.replace("all attention", "what the classifier reads").replace(
                    "All attention", "What the classifier reads"
                ),
            ),
            Verdict(
                "attribution",
                "supported",
                SENTENCE.replace("all attention", "attribution").replace("All attention", "Attribution"),
            ),
        ),
        shifts=(
            Shift("first word left out", len(units) - 1, 0.31, (3, 5), 0.99),
            Shift("a word put before", len(units), 0.98, (), 0.98),
        ),
        sentences=(
            SentenceEffect(0, half, 0.42, 0.73),
            SentenceEffect(half + 2, len(report.example.text), -0.08, 0.81),
        ),
        agreements=(
            _agreement("all_attention", "classifier", tau=0.41, shared=0.5),
            _agreement("all_attention", "attribution", tau=0.02, shared=0.04),
            _agreement("all_attention", "all_attention, unscaled", tau=0.93, shared=0.8),
        ),
        scaling=ScalingEffect(churn=0.2, aopc=0.03, p=0.05),
        heads=HeadAblation(heads=((1, 0),), change=0.7, random=(0.1, -0.05, 0.2) + (0.0,) * (draws - 3), p=1 / 20),
        passes=412,
        caveats=(Caveat("no-split", "The text is from no split: words of another document could not be tried."),),
    )
    return replace(made, **changes)


def attributed(report: Report) -> tuple[Attribution, ...]:
    """Signed attribution for both labels, and one that could not be had."""
    scores = np.random.default_rng(1).normal(size=len(report.tokens)).astype(np.float32)
    return (
        Attribution("frozen", 0, scores),
        Attribution("ig", 1, -scores, baseline="the mean embedding", gap=0.03),
        Attribution("frozen", 1, None, reason="The model's layers have no gradient."),
    )


def report(*, draws: int = 19, **changes: Any) -> Report:
    """A report with a tested heatmap and attributions; *changes* as for `reports.report`."""
    made = reports.report(**changes)
    return replace(made, faithfulness=faithfulness(made, draws=draws), attributions=attributed(made))


def _trial(measure: Any, operator: Operator, *, draws: int) -> Trial:
    kept = measure == "sufficiency"
    random = np.random.default_rng(7)
    shares = np.array(SHARES)

    def curve(order: OrderName, strength: float, p: float | None) -> Curve:
        lost = strength * np.minimum(1, (1 - shares if kept else shares) * 4)
        return _curve(order, (MARGIN - lost).tolist(), p)

    return Trial(
        measure,
        operator,
        tuple(curve(name, each, 0.05 if each > 0.5 else 0.8) for name, each in STRENGTH.items()),
        tuple(curve("random", each, None) for each in random.normal(0, 0.05, draws)),
    )


def _curve(order: OrderName, margins: Sequence[float], p: float | None) -> Curve:
    probabilities = tuple(float(1 / (1 + np.exp(-margin))) for margin in margins)
    return Curve(order, tuple(margins), probabilities, MARGIN - sum(margins) / len(margins), p)


def _agreement(one: str, other: str, *, tau: float, shared: float) -> Agreement:
    shares = tuple(k / 100 for k in range(1, 21))
    return Agreement(
        one,
        other,
        Estimate(tau, tau - 0.1, tau + 0.05),
        Estimate(shared, max(0.0, shared - 0.1), min(1.0, shared + 0.1)),
        0.05 / 1.95,
        tuple(min(1.0, shared + share) for share in shares),
        shares,
    )


@cache
def untested() -> Report:
    """A report with attributions whose heatmap was not tested."""
    return replace(report(), faithfulness=None)
