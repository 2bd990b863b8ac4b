"""predictions: two predictions -> a row for each label of either, matched by name."""

from __future__ import annotations

from dataclasses import replace

from reportgen.compare.reports import predictions
from tests import reports


def test_labels_of_either_by_hand() -> None:
    """B minus A, in points; a label that one does not have has no difference."""
    one = reports.report()
    assert one.prediction is not None
    assert (one.prediction.labels, one.prediction.probabilities) == (("left", "right"), (0.802, 0.198))
    said = replace(one.prediction, labels=("left", "up"), probabilities=(0.25, 0.75), logits=(-1.0, 0.1), predicted=1,
                   gold=None)  # fmt: skip
    section, table = predictions.section(one, replace(one, prediction=said))
    assert section.sentences == (
        "The predictions differ: A predicts “left” (80.2%), which is right; B predicts “up” (75.0%).",
    )
    assert section.tables[0].rows == (
        ("left", "80.2%", "25.0%", "−55.2", "0.80", "−1.00"),
        ("right", "19.8%", "none", "", "−0.60", ""),
        ("up", "none", "75.0%", "", "", "0.10"),
    )
    assert table["probability_b"].to_pylist() == [0.25, None, 0.75]


def test_a_report_without_a_prediction_is_named() -> None:
    section, _ = predictions.section(reports.report(), replace(reports.report(), prediction=None))
    assert section.sentences == ("B has no prediction.",)
