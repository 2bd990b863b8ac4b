"""columns: a table -> rows; one decision for a whole column of labels, and the columns that were probably meant."""

from __future__ import annotations

import json
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pyarrow as pa
import pytest

from reportgen.core.config import Config
from reportgen.core.errors import DataError
from reportgen.core.nouns.labels import LabelColumn
from reportgen.data import choice, sources
from reportgen.data.dataset_rows import Rows
from tests.data.test_sources import opened, parquet, read, write

LABELS = ("left", "right")


def with_labels(path: Path, **options: Any) -> Rows:
    """The rows of a file, opened for a model with two labels."""
    return sources.open_rows(Config(dataset=str(path), **options), lambda: LABELS)


UNUSABLE = {
    "floats": (pa.array([0.25, 0.5]), "holds 0.25 (float)"),
    "decimals": (pa.array([Decimal("0.5"), Decimal("1.5")]), "holds 0.5 (Decimal)"),
    "structs": (pa.array([{"a": 1}, {"a": 2}]), "is of type struct<a: int64>"),
    "lists of structs": (pa.array([[{"a": 1}], []]), "holds [{'a': 1}] (list)"),
    "lists of lists": (pa.array([[[1]], [[0]]]), "holds [[1]] (list)"),
    "times": (pa.array([1, 2], pa.timestamp("ms")), "is of type timestamp[ms]"),
    "bytes": (pa.array([b"a", b"b"]), "is of type binary"),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_column_that_cannot_hold_labels_is_an_error_if_named_and_a_warning_if_found(
    tmp_path: Path, kind: str
) -> None:
    values, fact = UNUSABLE[kind]
    path = parquet(tmp_path / "d.parquet", {"text": ["a", "b"], "label": values})
    rows = opened(path)
    assert rows.columns == {"text": "text"}
    assert f"Column “label” {fact}, so no gold label is known: labels must be integers" in str(rows.label_problem)
    example = choice.choose(Config(dataset=str(path), index=1))
    assert (example.label, example.label_problem) == (None, rows.label_problem)
    with pytest.raises(DataError, match="label") as caught:
        read(path, label_column="label")
    assert caught.value.exit_code == 3
    assert "labels must be integers" in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.csv", "text,label\na,0.73\nb,0.12\n"),
        ("d.jsonl", '{"text": "a", "label": 0.73}\n{"text": "b", "label": 0.12}\n'),
        ("d.jsonl", '{"text": "a", "label": {"x": 1}}\n'),
    ],
)
def test_the_same_of_files_of_text(tmp_path: Path, name: str, content: str) -> None:
    path = write(tmp_path / name, content)
    assert "so no gold label is known" in str(opened(path).label_problem)
    with pytest.raises(DataError, match='column "label"'):
        opened(path, label_column="label")


def test_numbers_in_a_csv_are_labels_of_a_model_that_calls_its_labels_so(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", "text,label\na,0.5\nb,1.5\n")
    rows = sources.open_rows(Config(dataset=str(path)), lambda: ("0.5", "1.5"))
    assert [row.label for row in rows.read([0, 1])] == ["0.5", "1.5"]


def test_whole_numbers_are_integers_whatever_their_type(tmp_path: Path) -> None:
    for values in (pa.array([Decimal("1"), Decimal("0")]), pa.array([1.0, 0.0]), pa.array([1, 0], pa.uint8())):
        rows = opened(parquet(tmp_path / "d.parquet", {"text": ["a", "b"], "label": values}))
        assert [row.label for row in rows.read([0, 1])] == [1, 0]
        assert rows.labels == LabelColumn(values=("1", "0"))


@pytest.mark.parametrize("empty", [None, "", -1, float("nan")])
def test_an_empty_label_column_points_to_one_with_labels(tmp_path: Path, empty: Any) -> None:
    path = parquet(tmp_path / "d.parquet", {"text": ["a", "b"], "label": [empty] * 2, "gold": ["left", "right"]})
    said = str(with_labels(path).label_problem)
    assert said.startswith("Column “label” is empty, so no gold label is known. Column “gold” holds labels")
    assert next(with_labels(path, label_column="gold").read([0])).label == "left"
    assert with_labels(path, label_column="label").label_problem is None
    parquet(path, {"text": ["a", "b"], "label": [empty] * 2, "gold": ["spam", "ham"]})
    assert with_labels(path).label_problem is None


def test_a_second_usual_column_is_used_where_the_first_cannot_be(tmp_path: Path) -> None:
    columns = {"text": ["a"], "label": pa.array([{"x": 1}]), "labels": ["left"]}
    rows = opened(parquet(tmp_path / "d.parquet", columns))
    assert (rows.columns["label"], rows.label_problem) == ("labels", None)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "saved"])
def test_all_integers_of_the_split_are_known_whatever_slice_is_read(tmp_path: Path, form: str) -> None:
    values = [0, 1, 2, 1, 0] * 30
    texts = [f"text {n}" for n in range(150)]
    path = tmp_path / f"d.{form}"
    if form == "csv":
        write(path, "text,label\n" + "".join(f"{t},{n}\n" for t, n in zip(texts, values, strict=True)))
    elif form == "jsonl":
        write(path, "".join(json.dumps({"text": t, "label": n}) + "\n" for t, n in zip(texts, values, strict=True)))
    elif form == "parquet":
        parquet(path, {"text": texts, "label": values}, row_group_size=40)
    else:
        datasets.Dataset.from_dict({"text": texts, "label": values}).save_to_disk(path)
    rows = opened(path, split="[:1]")
    assert rows.labels.values == ("0", "1", "2")
    assert choice.choose(Config(dataset=str(path), split="[:1]", index=0)).label_values == ("0", "1", "2")


def test_lists_of_labels_come_as_json_with_what_they_have_in_common(tmp_path: Path) -> None:
    names = datasets.Features(text=datasets.Value("string"), labels=datasets.List(datasets.ClassLabel(names=[*LABELS])))
    data = datasets.Dataset.from_dict({"text": ["a", "b"], "labels": [[1], [0, 1]]}, features=names)
    data.save_to_disk(tmp_path / "saved")
    data.to_parquet(tmp_path / "d.parquet")
    for name in ("saved", "d.parquet"):
        rows = opened(tmp_path / name)
        assert (rows.label_names, rows.labels.lists, rows.labels.flags) == (LABELS, True, 0)
        assert [row.label for row in rows.read([0, 1])] == ["[1]", "[0, 1]"]
    flags = parquet(tmp_path / "e.parquet", {"text": ["a", "b"], "labels": [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]})
    assert (opened(flags).labels.flags, read(flags)[0].label) == (3, "[1, 0, 1]")
    words = write(tmp_path / "f.csv", "text,labels\na,\"['left', 'right']\"\nb,[]\n")
    assert (opened(words).labels.lists, read(words)[0].label) == (True, "['left', 'right']")


# Headers


@pytest.mark.parametrize(
    "content",
    [
        "text, label\na, 1\n",
        " text ,label \na,1\n",
        'text, label\n"a", "1"\n',
        "\ufefftext , label\na,1\n",
        "Text,LABEL\na,1\n",
        "sep=;\ntext;label\na;1\n",
        "sep=;\r\ntext;label\r\na;1\r\n",
        "SEP=\t\ntext\tlabel\na\t1\n",
        "sep=,\ntext,label\na,1\n",
        "text,label\ra,1\r",
        "text,label\ra,1",
        "sep=;\rtext;label\ra;1\r",
        '"sep=;"\ntext;label\na;1\n',
        "text,label\r\r\na,1\r\r\n",  # written as text twice on Windows
        "\ufeff\ufefftext\u200b,\u200blabel\na,1\n",  # invisible characters
        "text,label,,\na,1,,\n",  # columns of a spreadsheet without a name
        ",,text,label\n0,0,a,1\n",  # indices of pandas
    ],
)
def test_headers_separators_and_line_ends_of_spreadsheets_are_read(tmp_path: Path, content: str) -> None:
    assert [(row.text, row.label) for row in read(write(tmp_path / "d.csv", content))] == [("a", "1")]


def test_lines_that_end_in_two_ways_are_an_error_with_the_command_that_mends_it(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", "text,label\na,1\rb,0\r")
    with pytest.raises(DataError, match="row 0, byte 11: a line ends with CR, and others end with LF") as error:
        read(path)
    command = str(error.value.hint).partition("LF: ")[2]
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    assert [(row.text, row.label) for row in read(tmp_path / "d-lf.csv")] == [("a", "1"), ("b", "0")]


def test_spaces_around_a_header_do_not_matter_to_an_option(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", "title , body , gold\nx,y,1\n")
    (row,) = read(path, text_column="body", label_column=" gold ")
    assert (row.text, row.label) == ("y", "1")
    columns = parquet(tmp_path / "d.parquet", {" text": ["a"], "label ": [1]})
    assert [(row.text, row.label) for row in read(columns)] == [("a", 1)]
    with pytest.raises(DataError, match="two columns are called"):
        opened(write(tmp_path / "e.csv", "text, text\na,b\n"))


def test_spaces_inside_a_text_stay_where_headers_have_none(tmp_path: Path) -> None:
    assert read(write(tmp_path / "d.csv", "text,label\n a , 1\n"))[0].text == " a "


def test_line_breaks_inside_quotes_are_text_whatever_ends_a_line(tmp_path: Path) -> None:
    for end in ("\r", "\n", "\r\n"):
        content = end.join(["text,label", '"one\ntwo\rthree\r\nfour",1', "five,0"])
        rows = read(write(tmp_path / "d.csv", content))
        assert [(row.text, row.label) for row in rows] == [("one\ntwo\rthree\r\nfour", "1"), ("five", "0")]


def test_an_error_behind_a_first_line_for_excel_names_its_row_and_byte(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"d\.csv, row 1, byte 21: 1 values for 2 columns"):
        opened(write(tmp_path / "d.csv", "sep=;\ntext;label\na;1\nbc\nb;2"))
    with pytest.raises(DataError, match=r"e\.csv, row 1, byte 15: 1 values for 2 columns"):
        opened(write(tmp_path / "e.csv", "text,label\ra,1\rb\r"))


def test_the_hint_on_another_separator_works(tmp_path: Path) -> None:
    content = "text;label\na;1\n"
    with pytest.raises(DataError) as caught:
        opened(write(tmp_path / "d.csv", content))
    assert "write a first line sep=;" in str(caught.value.hint)
    assert read(write(tmp_path / "d.csv", "sep=;\n" + content))[0].label == "1"


# Columns that were probably meant


def test_the_likely_text_column_has_the_longest_texts(tmp_path: Path) -> None:
    rows = ["title,full body,author", "A title,A body that is much longer than its title is,Ada"] * 1
    for name, content in (
        ("d.csv", "\n".join(rows)),
        ("d.jsonl", json.dumps(dict(zip(rows[0].split(","), rows[1].split(","), strict=True)))),
    ):
        path = write(tmp_path / name, content)
        with pytest.raises(DataError) as caught:
            opened(path)
        assert "choose the text column: --text-column 'full body'" in str(caught.value.hint)
        with pytest.raises(DataError) as caught:
            opened(path, text_column="content")
        assert "did you mean --text-column 'full body'?" in str(caught.value.hint)
    columns = {"n": [1], "title": ["x"], "abstract": ["a longer text"]}
    with pytest.raises(DataError) as caught:
        opened(parquet(tmp_path / "d.parquet", columns), text_column="n")
    assert "use --text-column abstract; it has" in str(caught.value.hint)


def test_the_likely_text_column_does_not_hold_the_labels_of_the_model(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", "文本,标签\n这是文本,right\n另一个,left\n")
    with pytest.raises(DataError) as error:
        with_labels(path)
    assert error.value.hint == "choose the text column: --text-column '文本'"


VALUES = ["This is a text of the heads.", "Another of them."]
HELD = {  # texts in columns of other types, with the column that is asked for
    "binary": ({"text": [value.encode() for value in VALUES]}, "text"),
    "words": ({"tokens": [value.split(" ") for value in VALUES]}, "tokens"),
    "fields": ({"doc": [{"text": value, "year": 2020} for value in VALUES]}, "doc.text"),
}


@pytest.mark.parametrize("kind", HELD)
@pytest.mark.parametrize("asked", [True, False])
def test_texts_in_columns_of_other_types_are_read_after_the_advice(tmp_path: Path, kind: str, asked: bool) -> None:
    """The column of labels is the only one of strings, and no advice."""
    columns, name = HELD[kind]
    path = parquet(tmp_path / "d.parquet", pa.table({**columns, "label": ["left", "right"]}))
    with pytest.raises(DataError) as error:
        with_labels(path, **({"text_column": name} if asked else {}))
    assert "--text-column" not in str(error.value.hint)
    df = pd.read_parquet(path)
    exec(str(error.value.hint).partition("with pandas: ")[2].partition("; or ")[0].partition("; it ")[0])
    df.to_parquet(path)
    assert [row.text for row in with_labels(path).read([0, 1])] == VALUES


def test_a_file_without_headers_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", "This is the text of the first row.,left\nThe second.,right\n")
    with pytest.raises(DataError) as error:
        with_labels(path)
    assert "its first line seems to be a row" in str(error.value.hint)


def test_the_only_column_with_a_name_is_the_text(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", ",body\n0,a text\n1,another\n")
    assert [row.text for row in with_labels(path).read([0, 1])] == ["a text", "another"]


@pytest.mark.parametrize(
    ("row", "nested"),
    [
        ({"_id": "1", "_source": {"text": "a", "label": 1}}, "_source"),  # as Elasticsearch gives it
        ({"title": "A title", "paragraphs": [{"context": "words " * 10, "qas": []}]}, "paragraphs"),  # SQuAD
        ({"title": "A title", "sentences": ["one sentence of many " * 2]}, "sentences"),
    ],
)
def test_texts_inside_other_values_are_not_passed_over_for_a_short_column(
    tmp_path: Path, row: dict[str, Any], nested: str
) -> None:
    (tmp_path / "d.json").write_text(json.dumps([row]))
    parquet(tmp_path / "d.parquet", pa.Table.from_pylist([row]))
    for path in (tmp_path / "d.json", tmp_path / "d.parquet"):
        with pytest.raises(DataError, match=f'the texts seem to be inside the values of "{nested}"') as error:
            with_labels(path)
        option = str(error.value.hint).rpartition("--text-column ")[2]
        assert len(with_labels(path, text_column=option)) == 1


def test_a_text_beside_short_nested_values_is_the_text(tmp_path: Path) -> None:
    row = {"abstract": "A long abstract of a paper.", "authors": [{"name": "A. Author"}], "labels": ["left"]}
    (tmp_path / "d.json").write_text(json.dumps([row]))
    assert next(with_labels(tmp_path / "d.json").read([0])).text == row["abstract"]


def test_the_likely_label_column_holds_the_labels_of_the_model(tmp_path: Path) -> None:
    columns = {"text": ["a", "b"], "side": ["Right", "left"], "other": ["left", "up"], "number": [0, 1]}
    path = parquet(tmp_path / "d.parquet", columns)
    with pytest.raises(DataError) as caught:
        with_labels(path, label_column="gold")
    assert "did you mean --label-column side?" in str(caught.value.hint)
    rows = with_labels(path)
    assert "Column “side” holds labels of the model: --label-column side uses them." in str(rows.label_problem)
    assert [row.label for row in rows.read([0, 1])] == [None, None]
    assert with_labels(path, label_column="side").label_problem is None


def test_a_column_of_indices_is_likely_only_where_a_label_column_was_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", "text,number,share\na,0,1\nb,1,1\n")
    with pytest.raises(DataError) as caught:
        with_labels(path, label_column="gold")
    assert "did you mean --label-column number?" in str(caught.value.hint)
    assert with_labels(path).label_problem is None


def test_without_labels_of_a_model_no_column_is_likely(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", "text,side\na,left\n")
    with pytest.raises(DataError) as caught:
        opened(path, label_column="gold")
    assert caught.value.hint == "choose one with --label-column"
    assert opened(path).label_problem is None
