"""labels: a gold label is found however its source writes it."""

from __future__ import annotations

import numpy as np
import pytest

from reportgen.core.labels import Label, find_gold, find_label


@pytest.mark.parametrize(
    ("label", "index"),
    [
        *[(0, 0), (1, 1), ("0", 0), (" 1 ", 1), ("news", 0), ("News ", 0), ("PAPERS", 1), (False, 0), (True, 1)],
        *[("9" * 5000, None), ("0" * 15 + "1", 1)],
        *[(2, None), (-1, None), ("2", None), ("-1", None), ("other", None), ("", None), (None, None), ("1.5", None)],
        *[("1.0", 1), ("0.00", 0), ("True", 1), ("false", 0), ("yes", None)],
        *[(1.0, 1), (np.float32(0), 0), (np.int64(1), 1), (np.bool_(True), 1), (0.5, None), (float("nan"), None)],
        *[(float("inf"), None), (2.0, None), (-1.0, None), (np.str_("papers"), 1)],
    ],
)
def test_a_label_is_found_by_index_text_or_name(label: Label, index: int | None) -> None:
    """Index, text of an index, name in any case, bool, whole fraction; everything else is unknown."""
    assert find_label(label, ("news", "Papers")) == index


def test_no_label_is_not_one_that_is_called_none() -> None:
    assert find_label(None, ("None", "some")) is None
    assert find_label("none", ("None", "some")) == 0


def test_a_truth_value_is_found_by_its_name_before_its_number() -> None:
    """A model may count the true ones first."""
    assert [find_label(label, ("True", "False")) for label in (True, False, np.True_)] == [0, 1, 0]
    assert find_label(True, ("hyperpartisan", "mainstream")) == 1


def test_a_name_comes_before_a_number_and_given_names_before_the_models_own() -> None:
    """What the source calls the label, among the names shown; then among the model's own; then the number."""
    given, own = ("liberal", "conservative"), ("right", "left")
    assert find_gold(0, ("Conservative", "Liberal"), labels=given, own=own) == 1
    assert find_gold(0, ("left", "right"), labels=given, own=own) == 1
    assert find_gold(0, ("1", "0"), labels=("0", "1"), own=()) == 1
    assert find_gold("left", (), labels=("left", "right"), own=own) == 0
    assert find_gold("left", (), labels=given, own=own) == 1


def test_names_that_the_model_does_not_know_are_never_taken_for_its_numbers() -> None:
    """A source may have more labels than the model."""
    names = ("neutral", "negative", "positive")
    found = [find_gold(label, names, labels=("negative", "positive"), own=()) for label in (0, 1, 2, None)]
    assert found == [None, 0, 1, None]


def test_names_of_which_the_model_knows_none_leave_the_numbers() -> None:
    """What the model calls LABEL_1 is what the source counts as 1."""
    assert find_gold(1, ("neg", "pos"), labels=("LABEL_0", "LABEL_1"), own=()) == 1


def test_true_and_false_are_two_labels_and_no_more() -> None:
    assert find_label("True", ("a", "b", "c")) is None
