"""examples: predictions over a split -> a choice, a table, a confusion matrix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from reportgen.core.errors import DataError, UsageError
from reportgen.core.nouns.records import Prediction
from reportgen.data import predictions
from reportgen.data.predictions import Predicted

LABELS = ("left", "right")
THREE = ("red", "green", "blue")


def said(
    index: int, gold: int | None, probabilities: tuple[float, ...], *, labels: tuple[str, ...] = LABELS
) -> Predicted:
    """A row of which the model gave these probabilities."""
    prediction = Prediction(
        labels=labels,
        logits=tuple(np.log(probabilities).tolist()),
        probabilities=probabilities,
        predicted=int(np.argmax(probabilities)),
        gold=gold,
        gold_text=None if gold is None else labels[gold],
    )
    return Predicted(
        index=index, id=f"doc-{index}", tokens=10 * index + 5, read=min(10 * index + 5, 30), prediction=prediction
    )


ROWS = (
    said(0, 1, (0.1, 0.9)),  # tp
    said(1, 0, (0.8, 0.2)),  # tn
    said(2, 0, (0.3, 0.7)),  # fp
    said(3, 1, (0.6, 0.4)),  # fn
    said(4, None, (0.05, 0.95)),  # unknown
    said(5, 1, (0.45, 0.55)),  # tp
)
COLOURS = (
    said(0, 0, (0.8, 0.1, 0.1), labels=THREE),  # red as red
    said(1, 1, (0.7, 0.2, 0.1), labels=THREE),  # green as red
    said(2, 2, (0.2, 0.3, 0.5), labels=THREE),  # blue as blue
    said(3, 0, (0.3, 0.1, 0.6), labels=THREE),  # red as blue
)


@pytest.mark.parametrize(
    ("wanted", "fitting"),
    [
        ("tp", {0, 5}), ("tn", {1}), ("fp", {2}), ("fn", {3}),
        ("tp:left", {1}), ("tn:left", {0, 5}), ("fp:left", {3}), ("fn:left", {2}), ("tp:LEFT", {1}), ("tp:0", {1}),
        ("most-confident", {4}), ("least-confident", {5}), ("most-confident:left", {1}), ("most-confident:right", {4}),
    ],
)  # fmt: skip
def test_two_labels_by_hand(wanted: str, fitting: set[int]) -> None:
    """The second label is the positive one where none is named; a row without gold label is never right or wrong."""
    assert {predictions.pick(ROWS, wanted, seed=seed).index for seed in range(20)} == fitting


@pytest.mark.parametrize(
    ("wanted", "fitting"),
    [
        ("tp:red", {0}), ("fp:red", {1}), ("fn:red", {3}), ("tn:red", {2}),
        ("tp:blue", {2}), ("fp:blue", {3}), ("tn:blue", {0, 1}), ("fn:green", {1}), ("tn:green", {0, 2, 3}),
    ],
)  # fmt: skip
def test_one_of_three_labels_is_set_against_the_rest(wanted: str, fitting: set[int]) -> None:
    assert {predictions.pick(COLOURS, wanted, seed=seed).index for seed in range(30)} == fitting


def test_a_seed_draws_the_same_example_again() -> None:
    assert len({predictions.pick(ROWS, "tp", seed=3).index for _ in range(5)}) == 1


def test_equals_are_settled_by_their_rows() -> None:
    rows = (said(7, 0, (0.6, 0.4)), said(3, 0, (0.6, 0.4)), said(5, 0, (0.6, 0.4)))
    assert predictions.pick(rows, "most-confident", seed=0).index == 3
    assert predictions.pick(rows, "least-confident", seed=0).index == 3


@pytest.mark.parametrize(
    ("rows", "wanted", "message", "hint"),
    [
        (COLOURS, "tp", "the model has 3 labels; choose one", "--pick tp:red"),
        (COLOURS, "tp:gren", 'the model has no label "gren"', "did you mean green?"),
        (COLOURS, "most-confident:3", 'no label "3"', "it has red, green, blue"),
        (ROWS, "fn:xyz", 'no label "xyz"', "it has left, right"),
    ],
)
def test_a_label_that_the_model_does_not_have_is_a_usage_error(
    rows: tuple[Predicted, ...], wanted: str, message: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        predictions.pick(rows, wanted, seed=0)
    assert hint in str(caught.value.hint)


def test_what_nothing_fits_is_a_data_error() -> None:
    with pytest.raises(DataError, match='no match among 1 examples, for the label "right"') as caught:
        predictions.pick(ROWS[:1], "fp", seed=0)
    assert caught.value.exit_code == 3
    with pytest.raises(DataError, match="none of 1 examples has a gold label") as caught:
        predictions.pick(ROWS[4:5], "fp", seed=0)
    assert "--label-column" in str(caught.value.hint)


def test_the_confusion_matrix_counts_gold_by_predicted() -> None:
    assert predictions.confusion(ROWS, LABELS).tolist() == [[1, 1], [1, 2], [0, 1]]
    assert predictions.confusion(COLOURS, THREE).tolist() == [[1, 0, 1], [1, 0, 0], [0, 0, 1], [0, 0, 0]]


@given(st.lists(st.tuples(st.sampled_from([None, 0, 1, 2]), st.permutations([0.5, 0.3, 0.2])), min_size=1, max_size=12))
def test_every_row_is_one_of_four_for_every_label(rows: list[tuple[int | None, list[float]]]) -> None:
    """tp, tn, fp and fn share out the rows with a gold label."""
    predicted = [said(n, gold, tuple(p), labels=THREE) for n, (gold, p) in enumerate(rows)]
    known = {one.index for one in predicted if one.prediction.gold is not None}
    for label in THREE:
        found: list[int] = []
        for kind in ("tp", "tn", "fp", "fn"):
            fits = {one.index for one in _all(predicted, f"{kind}:{label}")}
            found += fits
        assert sorted(found) == sorted(known)


def _all(predicted: list[Predicted], wanted: str) -> list[Predicted]:
    """Everything that a pick may draw: draw, take away, draw again."""
    rest, found = list(predicted), []
    while True:
        try:
            found.append(predictions.pick(rest, wanted, seed=0))
        except (DataError, IndexError):
            return found
        rest.remove(found[-1])


def test_errors_come_first_and_the_surest_of_them_on_top() -> None:
    assert [one.index for one in predictions.by_interest(ROWS)] == [2, 3, 5, 1, 0, 4]


def test_the_summary_for_a_terminal() -> None:
    assert predictions.summary(ROWS, place='split "test" of x') == (
        'split "test" of x: 6 examples, 3 of 5 right (60.0%)\n\n'
        "gold \\ predicted  left  right\n"
        "left                 1      1\n"
        "right                1      2\n"
        "unknown              0      1\n"
    )
    assert "no gold labels" in predictions.summary(ROWS[4:5], place="x")


def test_a_label_called_unknown_is_a_label() -> None:
    """It has its row, though nothing is of it; what is not known has none, where there is nothing."""
    rows = [said(0, 1, (0.1, 0.9), labels=("unknown", "known"))]
    lines = predictions.summary(rows, place="x").splitlines()
    assert [line.split()[0] for line in lines[3:]] == ["unknown", "known"]


def test_the_table_for_a_terminal() -> None:
    lines = predictions.table(ROWS, most=2).splitlines()
    assert lines[0].split() == ["index", "id", "label", "predicted", "probability", "verdict", "tokens"]
    assert lines[1].split() == ["2", "doc-2", "left", "right", "0.700", "wrong", "25"]
    assert lines[2].split() == ["3", "doc-3", "right", "left", "0.600", "wrong", "35", "(30", "read)"]
    assert lines[3] == "... and 4 more; --show 0 prints all"


def test_a_table_commands_no_terminal() -> None:
    """Ids and labels come from whoever wrote the data."""
    one = Predicted(0, "a\x1b[2Jb\u202ec\nd" + "x" * 99, 5, 5, ROWS[0].prediction)
    table = predictions.table([one], most=1)
    assert "\x1b" not in table
    assert "\u202e" not in table
    assert len(table.splitlines()) == 2
    assert all(len(line) < 160 for line in table.splitlines())


def test_the_parquet_file_holds_every_row_and_probability(tmp_path: Path) -> None:
    predictions.write_parquet(ROWS, tmp_path / "x.parquet")
    table = parquet.read_table(tmp_path / "x.parquet")
    assert table.column_names == ["index", "id", "label", "predicted", "probability", "verdict", "tokens",
                                  "tokens_read", "probability: left", "probability: right"]  # fmt: skip
    assert table["verdict"].to_pylist() == ["right", "right", "wrong", "wrong", "unknown", "right"]
    assert table["probability: right"].to_pylist() == [one.prediction.probabilities[1] for one in ROWS]
    assert table["label"].to_pylist()[4] is None


@given(st.integers(1, 50), st.integers())
def test_any_row_can_be_drawn_and_always_the_same(count: int, seed: int) -> None:
    drawn = predictions.draw_any(count, seed=seed)
    assert 0 <= drawn < count
    assert drawn == predictions.draw_any(count, seed=seed)
