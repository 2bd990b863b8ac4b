"""labels: a gold label is found however its source writes it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.nouns.labels import (
    ALONE,
    Label,
    LabelColumn,
    as_list,
    column_of,
    find_all,
    find_gold,
    find_label,
    integer_text,
    say_reading,
)


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


def test_names_that_differ_by_case_or_space_alone_are_two_labels() -> None:
    assert [find_label(text, ("us", "US")) for text in ("us", "US", " US ", "Us")] == [0, 1, 1, None]
    assert [find_label(text, ("a ", "a")) for text in ("a", "a ", "A")] == [1, 0, None]
    assert find_label("x", ("x", "x")) is None  # either
    assert [find_all(text, ALONE, labels=("us", "US")) for text in ('["US"]', "US, us", "Us")] == [(1,), (0, 1), None]


def test_a_truth_value_is_found_by_its_name_before_its_number() -> None:
    """A model may count the true ones first."""
    assert [find_label(label, ("True", "False")) for label in (True, False, np.True_)] == [0, 1, 0]
    assert find_label(True, ("hyperpartisan", "mainstream")) == 1


def test_a_name_comes_before_a_number_and_given_names_before_the_models_own() -> None:
    """What the source calls the label, among the names shown; then among the model's own; then the number."""
    given, own = ("liberal", "conservative"), ("right", "left")
    assert find_gold(0, LabelColumn(("Conservative", "Liberal")), labels=given, own=own) == 1
    assert find_gold(0, LabelColumn(("left", "right")), labels=given, own=own) == 1
    assert find_gold(0, LabelColumn(("1", "0")), labels=("0", "1"), own=()) == 1
    assert find_gold("left", ALONE, labels=("left", "right"), own=own) == 0
    assert find_gold("left", ALONE, labels=given, own=own) == 1


def test_names_that_the_model_does_not_know_are_never_taken_for_its_numbers() -> None:
    """A source may have more labels than the model."""
    names = LabelColumn(("neutral", "negative", "positive"))
    found = [find_gold(label, names, labels=("negative", "positive"), own=()) for label in (0, 1, 2, None)]
    assert found == [None, 0, 1, None]
    assert find_gold("positive", names, labels=("negative", "positive")) == 1  # a column of strings after all


def test_names_of_which_the_model_knows_none_leave_the_numbers() -> None:
    """What the model calls LABEL_1 is what the source counts as 1."""
    assert find_gold(1, LabelColumn(("neg", "pos")), labels=("LABEL_0", "LABEL_1"), own=()) == 1


def test_true_and_false_are_two_labels_and_no_more() -> None:
    assert find_label("True", ("a", "b", "c")) is None


def read(values: list[Label], labels: tuple[str, ...]) -> list[int | None]:
    """The gold labels of a column that holds these values."""
    column = column_of(values)
    return [find_gold(value, column, labels=labels) for value in values]


STARS = ("1", "2", "3")


@pytest.mark.parametrize(
    ("values", "labels", "found"),
    [
        ([0, 1, 2], STARS, [0, 1, 2]),  # 0 is no name, so 1 and 2 are none
        ([1, 2, 3], STARS, [0, 1, 2]),  # 3 is no index
        (["0", "1", "2"], STARS, [0, 1, 2]),
        (["1.0", "2.0", "3.0"], STARS, [0, 1, 2]),  # as pandas writes integers beside missing ones
        ([1.0, 2.0, None], STARS, [0, 1, None]),
        ([1, 2], STARS, [0, 1]),  # names and indices both: names
        ([0, 1], ("1", "0"), [1, 0]),
        ([True, False], STARS[:2], [1, 0]),  # false is no name, so true is not the name 1
        ([True, False], ("1", "0"), [0, 1]),
        (["left", "1", "0"], ("left", "right"), [0, 1, 0]),
        ([1, 2, 3, 4, 5], ("bad", "poor", "fair", "good", "best"), [None] * 5),  # counts from 1
        ([0, 1, 2], ("bad", "good"), [0, 1, None]),
        (["gpt2.0", "gpt2"], ("gpt2", "gpt2.0"), [1, 0]),  # a version is no number
        ([10, 11], STARS, [None, None]),
        ([-1, 0, 1], ("negative", "neutral", "positive"), [None] * 3),  # counts from -1
        (["-1.0", "0.0", "1.0"], ("negative", "neutral", "positive"), [None] * 3),
        ([-2, -1, 0, 1, 2], tuple("abcde"), [None] * 5),
        ([-1, 0, 1], ("-1", "0", "1"), [0, 1, 2]),
        ([-1, 0, 1, 2], ("negative", "neutral", "positive"), [None, 0, 1, 2]),  # -1: not labelled
        ([-1, 1], ("bad", "good"), [None, 1]),
        ([-100, 0, 1], STARS[:2], [None, 0, 1]),
        ([-1, 1, 2, 3], ("bad", "fair", "good"), [None] * 4),  # counts from 1, and some are not labelled
    ],
)
def test_one_decision_holds_for_all_integers_of_a_column(
    values: list[Label], labels: tuple[str, ...], found: list[int | None]
) -> None:
    assert read(values, labels) == found


@given(
    labels=st.lists(st.integers(0, 6).map(str), min_size=2, max_size=5, unique=True).map(tuple),
    values=st.lists(st.integers(0, 6), min_size=1, max_size=6),
)
def test_no_two_integers_of_a_column_become_one_label(labels: tuple[str, ...], values: list[int]) -> None:
    """The fault of reading each by itself, and the reason to decide once."""
    known = {value: index for value, index in zip(values, read([*values], labels), strict=True) if index is not None}
    assert len(set(known.values())) == len(known)


@pytest.mark.parametrize(
    ("values", "labels", "said"),
    [
        ([0, 1, 2], STARS, "(0, 1, 2) are read as indices from 0: 1 is the label “2”, not the one called “1”."),
        ([1, 2], STARS, "(1, 2) are read as names: 1 is the label called “1”, not “2”, the label of index 1."),
        ([1, 2], ("bad", "good"), "seem to count from 1; the model counts from 0 to 1. No gold label is taken"),
        ([0, 1, 2], ("bad", "good"), "The model has only 0 to 1, so they may mean other labels"),
        ([0, 1], ("bad", "good"), None),
        ([0, 1], ("0", "1"), None),
        ([1, 2, 3], ("one", "two"), "seem to count from 1"),
        ([-1, 0, 1], ("bad", "fair", "good"), "(-1, 0, 1) seem to count from -1; the model counts from 0 to 2."),
        ([-1, 0, 1], ("bad", "good"), None),
        (["[0, 1, 1, 0]"], ("bad", "fair", "good"), "lists of 4 numbers, 0 or 1, and the model has 3 labels"),
        (["[1, 0, 1]", "[-1, -1, -1]"], ("3", "2", "1"), None),
        (["bad", "good"], ("bad", "good"), None),
        ([], ("bad", "good"), None),
    ],
)
def test_a_decision_that_could_be_another_is_stated(
    values: list[Label], labels: tuple[str, ...], said: str | None
) -> None:
    found = say_reading(column_of(values), labels=labels)
    assert (found is None) == (said is None)
    assert said is None or said in str(found)


def test_the_advice_for_a_column_that_counts_from_one_works() -> None:
    values = [1, 2, 3]
    assert "--labels -1,0,1 " in str(say_reading(column_of([-1, 0, 1]), labels=("bad", "fair", "good")))
    assert "--labels 1,2,3 " in str(say_reading(column_of(values), labels=("bad", "fair", "good")))
    own = ("bad", "fair", "good")
    assert [find_gold(value, column_of(values), labels=("1", "2", "3"), own=own) for value in values] == [0, 1, 2]


def test_names_of_a_source_that_the_model_does_not_have_are_stated() -> None:
    column = LabelColumn(("World", "Sports"))
    assert "the dataset calls its labels World, Sports, the model bad, good" in str(
        say_reading(column, labels=("bad", "good"))
    )
    assert say_reading(column, labels=("LABEL_0", "LABEL_1")) is None
    assert say_reading(column, labels=("sports", "world")) is None
    assert say_reading(LabelColumn(("0", "1")), labels=("bad", "good")) is None  # only numbered
    assert say_reading(LabelColumn(("1", "2")), labels=("bad", "good")) is not None


def test_numbers_that_are_numbered_anew_are_stated() -> None:
    """`class_encode_column` of `datasets` sorts integers as strings: what was 2 is 3 in a column of eleven labels."""
    numbers = [str(number) for number in range(11)]
    generic = [f"LABEL_{number}" for number in range(11)]
    assert say_reading(LabelColumn(tuple(numbers)), labels=generic) is None
    assert "Labels are matched by index" in str(say_reading(LabelColumn(tuple(sorted(numbers))), labels=generic))
    assert say_reading(LabelColumn(tuple(sorted(numbers))), labels=numbers) is None  # by their names
    assert find_gold(3, LabelColumn(tuple(sorted(numbers))), labels=numbers) == 2


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("[]", ()),
        ('["left", "right"]', ("left", "right")),
        ("['left', 'it\\'s']", ("left", "it's")),
        ("['left' 'right']", ("left", "right")),  # NumPy's; Python would join the two
        ("[1. 0. 1.]", (1, 0, 1)),
        ("[True, False]", (1, 0)),
        ("[0.5]", (0.5,)),
        ("left", None),
        ("[left]", None),
        ("[[1], [2]]", None),
        ("[" * 5000 + "]" * 5000, None),
        (3, None),
    ],
)
def test_a_list_of_labels_is_read_in_any_spelling(text: Label, items: tuple[Label, ...] | None) -> None:
    assert as_list(text) == items


SEVERAL = ("toxic", "insult", "threat")


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (['["insult", "toxic"]', "[]"], [(0, 1), ()]),
        (["[1, 0, 1]", "[0, 0, 0]"], [(0, 2), ()]),  # a 0 or a 1 for every label
        (["[1, 0]", "[2]", "[]"], [(0, 1), (2,), ()]),  # lists of indices
        (["toxic, threat", "insult"], [(0, 2), (1,)]),
        (["0|2", "1"], [(0, 2), (1,)]),
        ([1, None], [(1,), None]),
        (["toxic;spam", "toxic"], [None, (0,)]),  # one that the model does not have
        (["[-1, -1, -1]", "[1, 0, 0]"], [None, (0,)]),  # nobody has labelled the first
        (["[1, -1, 0]", "[0, 1, 0]"], [None, (1,)]),
        (["[0, 1, 1, 0]", "[0, 1, 0, 0]"], [None, None]),  # for another number of labels
        (["[1, 0, 0]", "[1, 2]"], [None, (1, 2)]),  # no index is there twice
        (['["toxic", "TOXIC "]'], [(0,)]),
    ],
)
def test_several_labels_of_a_text_are_found(values: list[Label], found: list[tuple[int, ...] | None]) -> None:
    column = column_of(values)
    assert [find_all(value, column, labels=SEVERAL) for value in values] == found


def test_a_label_with_a_comma_in_its_name_is_one_label() -> None:
    labels = ("sex, drugs", "sex", "drugs")
    assert find_all("sex, drugs", ALONE, labels=labels) == (0,)
    assert find_all("drugs, sex", ALONE, labels=labels) == (1, 2)


def test_what_is_an_integer() -> None:
    values: list[Label] = [0, "1", 2.0, " 3.0 ", True, "False", np.int64(4), "-1", -1, 0.5, "x", "", None]
    assert list(map(integer_text, values)) == ["0", "1", "2", "3", "true", "false", "4", *[None] * 6]
