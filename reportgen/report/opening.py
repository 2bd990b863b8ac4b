"""Decide which view a report opens with, and say why in a sentence.

The row that the classifier reads is the only attention of the last layer that can reach a prediction, so it comes
first where there is one; where the test of the heatmap finds that it stands for less than all attention does, that
comes first.
"""

from __future__ import annotations

from reportgen.core.nouns.faithfulness import VERDICTS, VIEWS, OrderName, Verdict, VerdictCode
from reportgen.core.nouns.records import Integers, Rankings, Report

STANDS: dict[VerdictCode, int] = {
    "no-better-than-chance": 0,
    "depends-on-removal": 1,
    "too-little-tested": 1,
    "supported": 2,
}  # how far a verdict lets an order stand for the prediction


def opening(report: Report) -> tuple[str, str]:
    """The key of the view, "reader" or "all", and why; of given scores nothing is to be said."""
    if report.given:
        return "all", ""
    if report.attention.reader is None:
        return "all", "The page opens with all attention: this classifier reads no single row."
    tested = report.faithfulness
    row, all_ = (tested and tested.code(order) for order in ("classifier", "all_attention"))
    if row and all_ and STANDS[row] < STANDS[all_]:
        return "all", (
            f"The page opens with all attention: the test’s verdict on it is “{VERDICTS[all_]}”, and on what the "
            f"classifier reads “{VERDICTS[row]}”."
        )
    if report.attention.reader_alone:
        return "reader", "The page opens with what the classifier reads: nothing else of the last layer reaches it."
    return "reader", "The page opens with what the classifier reads: the row from which it predicts."


def order(report: Report) -> OrderName:
    """What the test of the heatmap calls the view that the report opens with."""
    return "classifier" if opening(report)[0] == "reader" else "all_attention"


def ranked(report: Report, rankings: Rankings) -> Integers:
    """Positions of the content tokens in the order of the view that the report opens with."""
    own = rankings.by_reader if opening(report)[0] == "reader" else None
    return rankings.by_score if own is None else own


def verdict(report: Report) -> Verdict | None:
    """The verdict on the view that the report opens with; None where it was not, or could not be, tested."""
    found = report.faithfulness.verdicts if report.faithfulness else ()
    own = order(report)
    return next((each for each in found if each.order == own), found[0] if found else None)


def verdicts(report: Report) -> tuple[Verdict, ...]:
    """All of them, that on the view that the report opens with first."""
    found = report.faithfulness.verdicts if report.faithfulness else ()
    first = verdict(report)
    return tuple(sorted(found, key=lambda each: each is not first))


def headline(report: Report) -> str:
    """The view that the report opens with, and the verdict on it; "" where nothing could be tested.

    "What the classifier reads: supported".
    """
    found = verdict(report)
    return f"{VIEWS[found.order]}: {VERDICTS[found.code]}" if found else ""
