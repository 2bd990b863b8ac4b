"""flips: the predictions of paired documents -> accuracies, their change, McNemar's counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reportgen.compare.batches import flips


def row(one: str, other: str) -> dict[str, Any]:
    """A document with the verdicts on both predictions."""
    said = {"right": "left", "wrong": "right"}
    return {"verdict_a": one, "verdict_b": other, "predicted_a": said[one], "predicted_b": said[other],
            "probability_a": None, "probability_b": None, "title": "T"}  # fmt: skip


def test_counts_by_hand_and_an_accuracy_changes_by_100_points_at_most() -> None:
    """B is right in the two documents that A has wrong: Student’s interval of the change reaches to 210 points."""
    rows = [row("wrong", "right"), row("wrong", "right"), row("right", "right")]
    found = flips.numbers(rows)
    assert (found["both_right"], found["only_a_right"], found["only_b_right"], found["both_wrong"]) == (1, 0, 2, 0)
    assert found["mcnemar_exact_p"] == 0.5
    said = flips._accuracy(rows, found)
    assert "A is right in 33.3%" in said
    assert "(change +66.7 points, −76.8 to +100)" in said
    assert "Only A is right in 0, only B in 2: McNemar’s exact test gives p = 0.5." in said
    assert flips.section(rows[2:], [], Path()).sentences[0] == "0 of 1 documents get another prediction in B."
