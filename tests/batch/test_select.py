"""selection: a split and what was asked for -> the rows that a batch takes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from reportgen.batch import select
from reportgen.batch.select import Chosen, Selection
from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.errors import DataError, UsageError
from reportgen.core.nouns.records import Prediction
from reportgen.data.dataset_rows import Rows
from reportgen.data.predictions import Predicted
from reportgen.model import predict_split
from reportgen.model.predict_split import Survey
from tests import split, tiny

RIGHT = (0.9, 0.2, 0.7, 0.6, 0.95, 0.55, 0.1, 0.45, 0.85, 0.48, 0.3, 0.65)  # probability of "right", by row
GOLD = {"left": 0, "right": 1}
# rows     0     1     2     3    4      5     6     7     8     9     10    11
# gold    left right  left   -    -    right  left right  left   -     -    right
# said    right left  right right right right left  left  right left  left  right
ALL_ROWS = list(range(12))


@pytest.fixture
def opened(tmp_path: Path) -> tuple[Config, Rows]:
    """Twelve rows of JSON Lines."""
    return split.opened(split.write(tmp_path))


class Asked:
    """What the model says of the twelve rows, and how often it was asked."""

    def __init__(self, rows: Rows, left_out: dict[int, str] | None = None) -> None:
        self.rows, self.left_out, self.times = rows, left_out or {}, 0

    def __call__(self) -> Survey:
        self.times += 1
        predicted = tuple(_said(row) for row in ALL_ROWS if row not in self.left_out)
        return Survey(self.rows, predicted, self.left_out)


def _said(row: int) -> Predicted:
    right = RIGHT[row]
    gold = split.LABELS[row]
    said = Prediction(
        labels=("left", "right"),
        logits=(1 - right, right),
        probabilities=(1 - right, right),
        predicted=int(right > 0.5),
        gold=GOLD.get(gold or ""),
        gold_text=gold,
    )
    return Predicted(row, f"doc-{row}", tokens=10 * row, read=10, prediction=said)


def taken(opened: tuple[Config, Rows], **asked: Any) -> list[int]:
    """The rows that a selection takes, and none left out."""
    config, rows = opened
    chosen = select.choose(config, Selection(**asked), rows, Asked(rows))
    assert chosen.left_out == {}
    return list(chosen.indices)


def test_all_rows_where_nothing_is_said(opened: tuple[Config, Rows]) -> None:
    """And the model is not asked."""
    config, rows = opened
    asked = Asked(rows)
    for pick in (None, "all"):
        assert select.choose(config, Selection(pick=pick), rows, asked) == Chosen(tuple(ALL_ROWS), {})
    assert select.choose(config, Selection(limit=3), rows, asked).indices == (0, 1, 2)
    assert select.choose(config, Selection(limit=100), rows, asked).indices == tuple(ALL_ROWS)
    assert asked.times == 0


@pytest.mark.parametrize(
    ("pick", "limit", "indices"),
    [
        ("tp", None, [5, 11]),
        ("fp", None, [0, 2, 8]),
        ("fn", None, [1, 7]),
        ("tn", None, [6]),
        ("tp:left", None, [6]),
        ("fp", 2, [0, 2]),
        ("most-confident", 3, [0, 4, 6]),
        ("most-confident:left", 2, [1, 6]),
        ("least-confident", 2, [5, 9]),
        ("most-confident", None, [row for row in ALL_ROWS if row not in (7, 9)]),
        ("most-confident", 100, ALL_ROWS),
    ],
)
def test_a_pick_takes_all_that_fit_or_the_first(
    opened: tuple[Config, Rows], pick: str, limit: int | None, indices: list[int]
) -> None:
    """Of errors and hits the first in the order of the rows; by confidence the surest, ten where nothing is said."""
    assert taken(opened, pick=pick, limit=limit) == indices


def test_a_random_pick_is_drawn_by_the_seed(opened: tuple[Config, Rows]) -> None:
    """Without the model; each row at most once; of those that the condition leaves."""
    _, rows = opened
    asked = Asked(rows)
    draws = {
        select.choose(Config(seed=seed), Selection(pick="random", limit=4), rows, asked).indices
        for seed in (*range(20), *range(20))
    }
    assert 10 < len(draws) <= 20
    assert all(len(set(draw)) == 4 and list(draw) == sorted(draw) for draw in draws)
    assert {row for draw in draws for row in draw} == set(ALL_ROWS)
    assert asked.times == 0
    assert taken(opened, pick="random", limit=100, where="label = 'right'") == [1, 5, 7, 11]


def test_ids_are_taken_in_the_order_of_the_rows(opened: tuple[Config, Rows]) -> None:
    assert taken(opened, ids=("doc-7", "doc-0", "doc-7", "doc-11")) == [0, 7, 11]
    assert taken(opened, ids=("doc-7", "doc-0", "doc-11"), limit=2, pick="all") == [0, 7]
    assert taken(opened, ids=("doc-7", "doc-0", "doc-11"), where="label = 'right'", limit=1) == [7]
    with pytest.raises(DataError, match='no example "7" among'):
        taken(opened, ids=("7",))
    with pytest.raises(DataError, match="no id"):
        taken(opened, ids=())


@pytest.mark.parametrize(
    ("where", "indices"),
    [
        ("label = 'right'", [1, 5, 7, 11]),
        ("label_name = 'middle'", [3, 9]),
        ("label IS NULL", [4, 10]),
        ("index >= 10", [10, 11]),
        ("id = 'doc-3'", [3]),
        ("title LIKE '%doc-1'", [1]),
        ("text LIKE 'the heads%' AND characters > 40", [4, 8]),
        ("predicted = 'left'", [1, 6, 7, 9, 10]),
        ("verdict = 'wrong'", [0, 1, 2, 7, 8]),
        ("probability > 0.89", [0, 4, 6]),
        ("tokens BETWEEN 20 AND 40", [2, 3, 4]),
        ("label = 'left' AND predicted = 'right' AND probability > 0.8", [0, 8]),
    ],
)
def test_a_condition_narrows(opened: tuple[Config, Rows], where: str, indices: list[int]) -> None:
    assert taken(opened, where=where) == indices
    assert taken(opened, where=where, limit=1) == indices[:1]


def test_a_condition_narrows_before_a_pick_and_its_limit(opened: tuple[Config, Rows]) -> None:
    assert taken(opened, where="index > 0", pick="fp", limit=1) == [2]
    assert taken(opened, where="predicted = 'left'", pick="least-confident", limit=2) == [7, 9]
    with pytest.raises(DataError, match="--pick tn: no match among 2 examples"):
        taken(opened, where="index < 3 AND index > 0", pick="tn")


def test_the_model_is_asked_only_of_what_it_has_to_say(opened: tuple[Config, Rows]) -> None:
    config, rows = opened
    asked = Asked(rows)
    select.choose(config, Selection(where="label = 'right' AND text <> 'tokens'"), rows, asked)
    assert asked.times == 0
    select.choose(config, Selection(where="tokens > 3"), rows, asked)
    assert asked.times == 1


def test_what_the_model_says_is_what_a_survey_finds(opened: tuple[Config, Rows]) -> None:
    """With a real one: the wrong ones are those that examples lists as wrong."""
    config, rows = opened
    found = predict_split.predict(config, tiny.classifier(tiny.longformer()), rows, Clock())
    chosen = select.choose(config, Selection(where="verdict = 'wrong'"), rows, lambda: found)
    assert chosen.indices == tuple(one.index for one in found.predicted if one.prediction.verdict == "wrong")
    assert chosen.indices


def test_labels_have_the_names_that_data_or_options_give_them(tmp_path: Path) -> None:
    path = tmp_path / "numbers.jsonl"
    path.write_text("".join(json.dumps({"text": f"text {n}", "label": n % 2}) + "\n" for n in range(4)))
    opened = split.opened(path, labels=("no", "yes"))
    assert taken(opened, where="label_name = 'yes'") == taken(opened, where="label = 1") == [1, 3]
    assert taken(split.opened(path), where="label_name IS NULL") == [0, 1, 2, 3]


@pytest.fixture
def torn(tmp_path: Path) -> tuple[Config, Rows]:
    """Of two hundred rows, every fiftieth has no text, and the one before it too much."""
    path = tmp_path / "torn.jsonl"
    texts = {0: None, 49: "x" * 200}
    rows = [{"text": texts.get(n % 50, f"text {n}"), "label": n % 2} for n in range(200)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return split.opened(path, max_chars=100)


def test_rows_that_cannot_be_read_are_left_out_with_the_reason(torn: tuple[Config, Rows]) -> None:
    config, rows = torn
    chosen = select.choose(config, Selection(where="label = 0"), rows, Asked(rows))
    assert chosen.indices == tuple(n for n in range(200) if n % 2 == 0 and n % 50)
    assert sorted(chosen.left_out) == [0, 49, 50, 99, 100, 149, 150, 199]
    assert 'row 50 of torn.jsonl: column "text" holds nothing' in chosen.left_out[50]
    assert "200 characters, more than --max-chars 100" in chosen.left_out[99]


def test_rows_behind_the_last_that_is_taken_are_nobodys_business(torn: tuple[Config, Rows]) -> None:
    config, rows = torn
    chosen = select.choose(config, Selection(where="label = 0", limit=24), rows, Asked(rows))
    assert (chosen.indices[-1], sorted(chosen.left_out)) == (48, [0])


def test_rows_of_which_nothing_has_to_be_known_are_taken_as_they_are(torn: tuple[Config, Rows]) -> None:
    """Whether they can be read is found out when they have their turn."""
    config, rows = torn
    assert select.choose(config, Selection(where="index = 50"), rows, Asked(rows)) == Chosen((50,), {})
    assert select.choose(config, Selection(limit=2), rows, Asked(rows)) == Chosen((0, 1), {})


@pytest.mark.parametrize("asked", [{"where": "verdict = 'wrong'"}, {"pick": "fp"}])
def test_rows_that_the_model_could_not_read_are_left_out_with_the_reason(
    opened: tuple[Config, Rows], asked: dict[str, Any]
) -> None:
    """Of those that were asked about."""
    config, rows = opened
    predict = Asked(rows, {2: "too odd", 3: "odder"})
    chosen = select.choose(config, Selection(**asked), rows, predict)
    assert chosen.left_out == {2: "too odd", 3: "odder"}
    assert 2 not in chosen.indices
    if "pick" in asked:
        chosen = select.choose(config, Selection(where="index <> 3", **asked), rows, predict)
        assert chosen.left_out == {2: "too odd"}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"where": "label = 'up'"}, "--where label = 'up': none of 12 rows of data.jsonl"),
        ({"where": "label = 'up'", "ids": ("doc-1",)}, "none of 1 rows of data.jsonl"),
        ({"pick": "tp", "where": "label = 'middle'"}, "--pick tp: none of 2 examples has a gold label"),
        ({"pick": "fp", "where": "index = 3"}, "--pick fp: none of 1 rows of data.jsonl; 1 cannot be read, row 3: odd"),
    ],
)
def test_where_nothing_is_chosen_the_condition_is_named(
    opened: tuple[Config, Rows], asked: dict[str, Any], message: str
) -> None:
    config, rows = opened
    predict = Asked(rows, {3: "odd"})
    with pytest.raises(DataError) as caught:
        select.choose(config, Selection(**asked), rows, predict if "index" in asked["where"] else Asked(rows))
    assert message in caught.value.message
    assert caught.value.exit_code == 3
    assert caught.value.hint


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"pick": "random"}, "needs a number"),
        ({"pick": "best"}, "--pick best: choose from"),
        ({"pick": "all:left"}, "--pick all:left"),
        ({"limit": 0}, "--limit 0"),
        ({"ids": ("a",), "pick": "fp"}, "give only one of --ids and --pick"),
        ({"where": "lable = 1"}, "no such column: lable"),
    ],
)
def test_what_contradicts_itself_is_a_usage_error(asked: dict[str, Any], message: str) -> None:
    """Before anything is read."""
    with pytest.raises(UsageError, match=message) as caught:
        Selection(**asked)
    assert caught.value.exit_code == 2
    assert caught.value.hint or "limit" in asked


def test_a_selection_is_plain_values_and_equal_where_the_same_is_meant() -> None:
    one = Selection(pick="all", limit=3, ids=("b", "a", "b"), where="label = 1")
    other = Selection(limit=3, ids=("a", "b"), where="label = 1")
    assert json.loads(json.dumps(one.plain())) == one.plain() == other.plain()
    assert Selection(limit=4).plain() != Selection(limit=5).plain()


def test_a_file_of_ids_has_one_on_each_line(tmp_path: Path) -> None:
    """A byte order mark, line ends of other systems and blank lines are no ids; spaces, U+2028 and # may be."""
    path = tmp_path / "ids.txt"
    path.write_bytes("\ufeffb 1\r\n\n#1\na\u2028b\n \t\n a\nb 1\né".encode())
    assert select.read_ids_file(str(path)) == ("b 1", "#1", "a\u2028b", " a", "é")


def test_ids_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("é\n".encode()), encoding="ascii"))
    assert select.read_ids_file("-") == ("é",)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file"), (b"a\n\xff\n", "not UTF-8 at byte 2"), (b"\n \n", "contains no ids")],
)
def test_a_file_without_ids_is_an_input_error(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "ids.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        select.read_ids_file(str(path))
    assert caught.value.exit_code == 3
    assert caught.value.hint


def test_what_never_ends_is_no_file_of_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="zero: a device, not a regular file"):
        select.read_ids_file("/dev/zero")
    monkeypatch.setattr(select, "MOST_BYTES", 1000)
    with Path("/dev/zero").open(encoding="utf-8") as endless:
        monkeypatch.setattr(sys, "stdin", endless)
        with pytest.raises(DataError, match="standard input: more than 1,000 bytes"):
            select.read_ids_file("-")
    with pytest.raises(DataError, match="null byte"):
        select.read_ids_file("a\0b")
