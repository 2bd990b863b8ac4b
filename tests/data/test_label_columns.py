"""label_columns: one column of 0 and 1 for each label of the model, and what is no such column."""

from __future__ import annotations

import json
import shlex
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.config import Config
from reportgen.core.errors import DataError
from reportgen.core.nouns.labels import find_all
from reportgen.data import sources
from reportgen.data.dataset_rows import Rows
from tests.data.test_sources import parquet

NAMES = ("toxic", "obscene", "threat")
TEXTS = ["some words", "other words", "more words"]


def opened(path: Path, **options: Any) -> Rows:
    return sources.open_rows(Config(dataset=str(path), **options), lambda: NAMES)


def labels_of(rows: Rows) -> list[Any]:
    """The labels of all rows, as lists."""
    found = [row.label for row in rows.read(range(len(rows)))]
    return [None if label is None else json.loads(str(label)) for label in found]


COLUMNS = {
    "integers": [pa.array([1, 0, 1]), pa.array([0, 0, 1]), pa.array([0, 0, 1])],
    "truth values": [pa.array([True, False, True]), pa.array([False, False, True]), pa.array([False, False, True])],
    "fractions": [pa.array([1.0, 0.0, 1.0]), pa.array([0.0, 0.0, 1.0]), pa.array([0.0, 0.0, 1.0])],
    "decimals": [pa.array(list(map(Decimal, column))) for column in ((1, 0, 1), (0, 0, 1), (0, 0, 1))],
    "strings": [pa.array(["1", "0", "True"]), pa.array(["0", "false", "1"]), pa.array(["0.0", "0", "1.0"])],
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_for_each_label_is_read_as_several_labels(tmp_path: Path, kind: str) -> None:
    first, second, third = COLUMNS[kind]
    table = {"text": pa.array(TEXTS), "threat": third, "toxic": first, "obscene": second}  # in another order
    rows = opened(parquet(tmp_path / "d.parquet", pa.table(table)))
    assert labels_of(rows) == [["toxic"], [], ["toxic", "obscene", "threat"]]
    assert (rows.label_problem, rows.columns["label"]) == (None, "toxic, obscene, threat")


@given(flags=st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=5))
def test_a_row_has_the_labels_of_which_its_columns_say_1(
    tmp_path_factory: pytest.TempPathFactory, flags: list[tuple[bool, bool, bool]]
) -> None:
    path = tmp_path_factory.mktemp("flags") / "d.csv"
    path.write_text("text,toxic,obscene,threat\n" + "".join(f"a,{x:d},{y:d},{z:d}\n" for x, y, z in flags))
    rows = opened(path)
    found = [find_all(row.label, rows.labels, labels=NAMES) for row in rows.read(range(len(rows)))]
    assert found == [tuple(index for index, flag in enumerate(row) if flag) for row in flags]


def test_the_columns_of_labels_are_no_texts(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("id,comment_text, Toxic ,OBSCENE,threat\na1,some words,1,0,0\na2,others,0,1,1\n")
    rows = opened(tmp_path / "d.csv")
    assert [row.text for row in rows.read([0, 1])] == ["some words", "others"]
    assert labels_of(rows) == [["toxic"], ["obscene", "threat"]]


def test_a_row_that_nobody_has_labelled_has_no_known_labels(tmp_path: Path) -> None:
    rows = ["-1,-1,-1", "1,,0", "0,0,0", "-1.0,0,0"]
    (tmp_path / "d.csv").write_text("text,toxic,obscene,threat\n" + "".join(f"a,{row}\n" for row in rows))
    assert labels_of(opened(tmp_path / "d.csv")) == [None, None, [], None]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "text,toxic,obscene\na,1,0\n",
            "Columns toxic, obscene are called like labels of the model, and none is",
        ),
        ("text,toxic,obscene,threat\na,0.9,0,0\n", "but hold 0.9 (str), not only 0 and 1, so no gold label is known."),
        ("text,toxic,obscene,threat\na,2,0,0\n", "but hold 2 (str), not only 0 and 1"),
        ("text,toxic\na,1\n", None),
        ("text,toxic,obscene,threat\na,one,two,three\n", None),  # words: something else
        ("text,label,toxic,obscene,threat\na,threat,1,0,0\n", None),  # what is called label comes first
    ],
)
def test_columns_that_cannot_be_used_are_said(tmp_path: Path, content: str, said: str | None) -> None:
    (tmp_path / "d.csv").write_text(content)
    rows = opened(tmp_path / "d.csv", text_column="text")
    assert (rows.label_problem or "").find(said or "") >= 0
    assert (rows.label_problem is None) == (said is None)
    assert next(rows.read([0])).label == ("threat" if "label" in content else None)


def test_a_late_value_that_is_neither_0_nor_1_is_found(tmp_path: Path) -> None:
    rows = [*["a,1,0,0"] * 300, "a,0.5,0,0"]
    (tmp_path / "d.csv").write_text("\n".join(["text,toxic,obscene,threat", *rows]))
    assert "Column “toxic” holds 0.5 (str)" in str(opened(tmp_path / "d.csv").label_problem)
    with pytest.raises(DataError, match=r"Column “toxic” holds 0\.5"):
        opened(tmp_path / "d.csv", label_column="toxic,obscene,threat")


def test_the_columns_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("text,label,threat,toxic,obscene\na,spam,0,1,1\n")
    rows = opened(tmp_path / "d.csv", label_column="toxic, obscene,threat")
    assert labels_of(rows) == [["toxic", "obscene"]]
    for asked, message in (
        ("toxic,obscene", "no column for threat of the model"),
        ("toxic,obscene,threat,label", "column label is called like no label of the model"),
        ("toxic,nothing", 'no column "toxic,nothing"'),
    ):
        with pytest.raises(DataError, match=message):
            opened(tmp_path / "d.csv", label_column=asked)


def test_columns_of_a_model_whose_labels_have_no_names_come_with_the_option_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("text,toxic,severe toxic\na,1,0\n")
    asked = "toxic,severe toxic"
    for names in ((), ("LABEL_0", "LABEL_1")):
        with pytest.raises(DataError) as error:
            sources.open_rows(Config(dataset=str(tmp_path / "d.csv"), label_column=asked), lambda names=names: names)
        option, value = shlex.split(str(error.value.hint).partition(" calls")[0])
        assert option == "--labels"
        rows = sources.open_rows(
            Config(dataset=str(tmp_path / "d.csv"), label_column=asked), lambda value=value: value.split(",")
        )
        assert labels_of(rows) == [["toxic"]]
