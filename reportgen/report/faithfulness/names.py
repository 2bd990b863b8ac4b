"""The words and looks of orders, ways to remove words, and numbers, that sentences, tables and charts share."""

from __future__ import annotations

from collections.abc import Sequence

from reportgen.core.nouns.faithfulness import VIEWS, Faithfulness, Measure, Operator, OrderName
from reportgen.core.nouns.records import Report
from reportgen.core.palette import ACCENT, MUTED

ORDERS: dict[str, str] = {
    **{order: f"{name[0].lower()}{name[1:]}" for order, name in VIEWS.items()},
    "all_attention, unscaled": "all attention, unscaled",
    "reversed": "all attention, reversed",
    "reading-order": "reading order",
    "random": "random orders",
}  # others are their own names: "last layer"
# Colour after Okabe and Ito, and form: an order can be told by either. What is there to compare with is grey.
LOOKS: dict[OrderName, tuple[str, str]] = {
    "all_attention": (ACCENT, "circle"),
    "classifier": ("#0072b2", "triangle-up"),
    "attribution": ("#009e73", "diamond"),
    "reversed": (MUTED, "triangle-down"),
    "reading-order": (MUTED, "cross"),
    "random": (MUTED, "square"),
}
WAYS: dict[Operator, str] = {"delete": "deleted", "mask": "masked", "sample": "replaced from another document"}
MEASURES: dict[Measure, str] = {"comprehensiveness": "Comprehensiveness", "sufficiency": "Sufficiency"}


def label(report: Report, tested: Faithfulness) -> str:
    """The name of the label that the test is about."""
    assert report.prediction is not None  # a heatmap is tested with its model
    return report.prediction.labels[tested.target]


def units(tested: Faithfulness, count: int = 2) -> str:
    """What is removed: "words", "sentence"."""
    return f"{tested.unit}{'s' * (count != 1)}"


def percent(share: float) -> str:
    """A share of the words.

    >>> percent(0.05), percent(0.125)
    ('5%', '12.5%')
    """
    return f"{share * 100:.3g}%"


def listed(names: Sequence[str], last: str = "and") -> str:
    """Names as a sentence has them.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return f" {last} ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
