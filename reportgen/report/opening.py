"""Decide which view a report opens with, and say why in a sentence.

The row that the classifier reads is the only attention of the last layer that can reach a prediction, so it comes
first where there is one; where the test of the heatmap finds that it stands for less than all attention does, that
comes first.
"""

from __future__ import annotations

from reportgen.core.nouns.faithfulness import VERDICTS, OrderName, VerdictCode
from reportgen.core.nouns.records import Integers, Rankings, Report

STANDS: dict[VerdictCode, int] = {
    "no-better-than-chance": 0,
    "depends-on-removal": 1,
    "look-only": 1,
    "supported": 2,
}  # how far a verdict lets an order stand for the prediction


def opening(report: Report) -> tuple[str, str]:
    """The key of the view, "reader" or "all", and why; of given scores nothing is to be said."""
    if report.given:
        return "all", ""
    if report.attention.reader is None:
        return "all", "The page opens with all attention: this classifier reads no single row."
    row, all_ = (_verdict(report, order) for order in ("classifier", "heatmap"))
    if row and all_ and STANDS[row] < STANDS[all_]:
        return "all", (
            f"The page opens with all attention, which the test finds {VERDICTS[all_]}; what the classifier reads is "
            f"{VERDICTS[row]}."
        )
    if report.attention.reader_alone:
        return "reader", "The page opens with what the classifier reads: nothing else of the last layer reaches it."
    return "reader", "The page opens with what the classifier reads: the row from which it predicts."


def order(report: Report) -> OrderName:
    """What the test of the heatmap calls the view that the report opens with."""
    return "classifier" if opening(report)[0] == "reader" else "heatmap"


def ranked(report: Report, rankings: Rankings) -> Integers:
    """Positions of the content tokens in the order of the view that the report opens with."""
    own = rankings.by_reader if opening(report)[0] == "reader" else None
    return rankings.by_score if own is None else own


def _verdict(report: Report, order: OrderName) -> VerdictCode | None:
    found = report.faithfulness.verdicts if report.faithfulness else ()
    return next((verdict.code for verdict in found if verdict.order == order), None)
