"""A dataset becomes the same rows, whatever holds it; what cannot be read is named, and nothing of it is run."""

import gzip
import json
import os
import pickle
import random
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.config import Config
from reportgen.core.errors import DataError, HubError, RefusedError, ReportgenError, UsageError
from reportgen.data import sources
from reportgen.data.dataset_rows import Row, Rows
from reportgen.data.formats import parquet as parquet_source
from reportgen.data.formats import text_formats as text_source
from tests.hub import Hub

FRAME = pd.DataFrame(
    {
        "id": ["a", "b", "c"],
        "body": ["one, two", 'said "no"\r\nand left\n', "Grüße\u2028\U0001f642"],
        "stars": [1, 0, 1],
    }
)
NAMED = {"text_column": "body", "label_column": "stars"}
LINES = "".join(f'{{"text": "{number}", "label": {number % 2}}}\n' for number in range(50))


def opened(dataset: Path | str, **options: Any) -> Rows:
    return sources.open_rows(Config(dataset=str(dataset), **options))


def read(dataset: Path | str, **options: Any) -> list[Row]:
    rows = opened(dataset, **options)
    return list(rows.read(range(len(rows))))


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def parquet(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, **options)
    return path


@pytest.fixture(autouse=True)
def _no_bars() -> None:
    datasets.disable_progress_bars()


# Every form of the same data


def save(frame: pd.DataFrame, folder: Path, form: str) -> Path:
    path = folder / f"papers.{form}"
    match form:
        case "csv" | "csv.gz" | "csv.zip":
            frame.to_csv(path, index=False)
        case "tsv":
            frame.to_csv(path, index=False, sep="\t")
        case "jsonl" | "ndjson" | "jsonl.gz":
            frame.to_json(path, orient="records", lines=True)
        case "json":
            frame.to_json(path, orient="records", indent=1)
        case "zip":
            zipped(path, {"deep/papers.jsonl": frame.to_json(orient="records", lines=True).encode()})
        case "parquet":
            frame.to_parquet(path, index=False)
        case "saved":
            datasets.Dataset.from_pandas(frame).save_to_disk(path)
    return path


@pytest.mark.parametrize(
    "form",
    ["csv", "csv.gz", "csv.zip", "tsv", "jsonl", "ndjson", "jsonl.gz", "json", "zip", "parquet", "saved"],
)
def test_every_form_of_the_same_data_gives_the_same_rows(tmp_path: Path, form: str) -> None:
    rows = opened(save(FRAME, tmp_path, form), **NAMED)
    typed: Callable[[int], Any] = str if form.startswith(("csv", "tsv")) else int
    assert list(rows.read([0, 1, 2])) == [
        Row(0, "one, two", typed(1), "a"),
        Row(1, 'said "no"\r\nand left\n', typed(0), "b"),
        Row(2, "Grüße\u2028\U0001f642", typed(1), "c"),
    ]
    assert (rows.dataset, rows.split, rows.config, rows.count) == (f"papers.{form}", None, None, 3)
    assert rows.columns == {"text": "body", "label": "stars", "id": "id"}
    assert list(rows.read_ids()) == ["a", "b", "c"]
    assert re.fullmatch("sha256:[0-9a-f]{64}", rows.revision)


TEXTS = st.lists(
    st.tuples(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), st.integers(-5, 5)),
    min_size=1,
    max_size=6,
)


@given(TEXTS)
def test_any_text_comes_back_from_every_form(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("forms")
    texts, labels = [text for text, _ in rows], [label for _, label in rows]
    data = datasets.Dataset.from_dict({"text": texts, "label": labels})
    data.to_parquet(folder / "d.parquet")
    data.save_to_disk(folder / "saved")
    (folder / "d.jsonl").write_text("".join(json.dumps({"text": t, "label": n}) + "\n" for t, n in rows))
    for name, separator in (("d.csv", ","), ("d.tsv", "\t")):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            import csv

            csv.writer(file, delimiter=separator).writerows([("text", "label"), *rows])
    for name in ("d.parquet", "saved", "d.jsonl", "d.csv", "d.tsv"):
        got = read(folder / name)
        assert [row.text for row in got] == texts, name
        assert [str(row.label) for row in got] == [str(label) for label in labels], name


def test_lone_surrogates_of_json_are_kept_for_the_cleaning(tmp_path: Path) -> None:
    assert read(write(tmp_path / "d.jsonl", r'{"text": "a\ud800b"}'))[0].text == "a\ud800b"


def test_rows_come_in_the_order_asked_for_and_again(tmp_path: Path) -> None:
    columns = {"text": [f"text {n}" for n in range(1000)]}
    parquet(tmp_path / "d" / "a.parquet", columns, row_group_size=300)
    parquet(tmp_path / "d" / "b.parquet", columns, row_group_size=70)
    rows = opened(tmp_path / "d")
    wanted = [1999, 0, 305, 0, 1000, 999, 300, 299]
    for _ in range(2):
        assert [row.text for row in rows.read(wanted)] == [f"text {n % 1000}" for n in wanted]
    assert [row.index for row in rows.read(range(2000))] == list(range(2000))


def test_a_row_group_too_large_to_keep_is_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet(tmp_path / "d.parquet", {"text": [f"text {n}" for n in range(1000)]})
    monkeypatch.setattr(parquet_source, "KEPT", 100)
    assert [row.text for row in opened(path).read([999, 3, 500])] == ["text 999", "text 3", "text 500"]


def test_reading_one_row_reads_no_other_row_group_and_no_other_column(tmp_path: Path) -> None:
    noise = random.Random(0)
    columns = {"text": [noise.randbytes(50).hex() for _ in range(40)], "other": [noise.random() for _ in range(40)]}
    path = parquet(tmp_path / "d.parquet", columns, row_group_size=20)
    metadata, content = pq.read_metadata(path), bytearray(path.read_bytes())
    for group, column in ((0, 0), (0, 1), (1, 1)):
        chunk = metadata.row_group(group).column(column)
        start = chunk.dictionary_page_offset or chunk.data_page_offset
        content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(content)
    assert next(opened(path).read([25])).text == columns["text"][25]
    with pytest.raises(DataError, match=r"d\.parquet"):
        next(opened(path).read([5]))


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "zip"])
def test_only_what_needs_it_imports_datasets(tmp_path: Path, form: str) -> None:
    path = save(FRAME, tmp_path, form)
    code = (
        "import sys; from reportgen.data import sources; from reportgen.core.config import Config\n"
        f"rows = sources.open_rows(Config(dataset={str(path)!r}, text_column='body'))\n"
        "assert next(rows.read([0])).text == 'one, two'\n"
        f"assert not {{'datasets', 'torch', 'pandas'}} & set(sys.modules), 'heavy'\n"
        f"assert ('pyarrow' in sys.modules) == ({form!r} == 'parquet')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Columns


def test_the_usual_columns_are_found(tmp_path: Path) -> None:
    rows = opened(parquet(tmp_path / "d.parquet", {"labels": [1], "text": ["t"], "id": [7], "title": ["x"]}))
    assert rows.columns == {"text": "text", "label": "labels", "id": "id", "title": "title"}
    assert next(rows.read([0])) == Row(0, "t", 1, "7", title="x")


def test_a_column_gives_the_titles_if_it_is_named_or_called_title(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", "text,name,title\na,N,T\nb,,\n")
    assert [row.title for row in opened(path).read([0, 1])] == ["T", ""]
    assert [row.title for row in read(path, title_column="name")] == ["N", ""]
    assert "title" not in opened(write(tmp_path / "e.csv", "title,label\na text,x\n")).columns  # it is the text
    assert read(parquet(tmp_path / "d.parquet", {"text": ["a"], "title": [["x"]]}))[0].title is None


def test_the_only_column_of_strings_is_the_text(tmp_path: Path) -> None:
    assert opened(write(tmp_path / "d.csv", "id,abstract,label\n1,a,b\n")).columns["text"] == "abstract"
    with pytest.raises(DataError, match=r"several columns hold strings: title \(string\), abstract \(string\)"):
        opened(write(tmp_path / "d.csv", "title,abstract\na,b\n"))


COLUMNS = {
    "text": pa.array(["a", "b"]),
    "words": pa.array([["a"], ["b"]]),
    "meta": pa.array([{"text": "a"}, {"text": "b"}]),
    "length": pa.array([1, 2]),
    "share": pa.array([0.5, 1.0]),
    "doi": pa.array(["x", "x"]),
}


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"text_column": "txt"}, r'no column "txt"; it has text \(string\), words \(list<', "--text-column text"),
        ({"label_column": "lenght"}, r'no column "lenght".*length \(int64\)', "--label-column length"),
        ({"text_column": "words"}, r'"words" is of type list<element: string>; texts must be strings', "it has text"),
        ({"text_column": "meta"}, r'"meta" is of type struct<text: string>', "it has text"),
        ({"text_column": "length"}, r'"length" is of type int64', "it has text"),
        (
            {"label_column": "meta"},
            r'"meta" is of type struct<text: string>; labels must be integers, strings, true or false, or lists',
            "it has text",
        ),
        ({"id_column": "share"}, r'"share" is of type double; ids must be strings or integers', "it has text"),
        ({"title_column": "share"}, r'"share" is of type double; titles must be strings or integers', "it has text"),
        ({"id_column": "doi"}, r'id "x" occurs in rows 0 and 1 of column "doi"', "--index"),
        ({"label_column": "share"}, r'row 0 of d\.parquet: column "share" holds 0\.5 \(float\)', "must be integers"),
    ],
)
def test_a_column_that_does_not_fit_is_named(tmp_path: Path, options: dict[str, str], message: str, hint: str) -> None:
    with pytest.raises(DataError, match=message) as raised:
        read(parquet(tmp_path / "d.parquet", COLUMNS), **options)
    assert raised.value.exit_code == 3
    assert hint in str(raised.value.hint)


def test_a_column_that_nobody_asked_for_is_left_out_if_it_does_not_fit(tmp_path: Path) -> None:
    path = parquet(tmp_path / "d.parquet", {"text": ["a", "b"], "label": [{"x": 1}, {"x": 2}], "id": ["1", "1"]})
    assert opened(path).columns == {"text": "text"}
    assert opened(path).read_ids() == ()


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (pa.array([3, None]), [3, None]),
        (pa.array([True, None]), [True, None]),
        (pa.array([2.0, None]), [2, None]),
        (pa.array([2.0, float("nan")]), [2, None]),
        (pa.array(["pos", None]), ["pos", None]),
        (pa.array(["pos", None]).dictionary_encode(), ["pos", None]),
    ],
)
def test_labels_keep_their_kind(tmp_path: Path, values: pa.Array, labels: list[Any]) -> None:
    got = [row.label for row in read(parquet(tmp_path / "d.parquet", {"text": ["a", "b"], "label": values}))]
    assert got == labels
    assert [type(label) for label in got] == [type(label) for label in labels]


def test_named_labels_bring_their_names(tmp_path: Path) -> None:
    kinds = datasets.Features(text=datasets.Value("string"), label=datasets.ClassLabel(names=["cs.PL", "cs.AI"]))
    data = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, -1]}, features=kinds)
    data.save_to_disk(tmp_path / "saved")
    data.to_parquet(tmp_path / "d.parquet")
    for name in ("saved", "d.parquet"):
        rows = opened(tmp_path / name)
        assert rows.label_names == ("cs.PL", "cs.AI")
        assert [row.label for row in rows.read([0, 1])] == [1, None]  # -1: the labels of a test set are not given


def test_named_labels_keep_their_names_beside_columns_of_other_kinds(tmp_path: Path) -> None:
    """A struct or a list says nothing of what the labels are called."""
    kinds = datasets.Features(
        text=datasets.Value("string"),
        label=datasets.ClassLabel(names=["right", "left"]),
        meta={"year": datasets.Value("int64")},
        words=datasets.List(datasets.Value("string")),
    )
    values = {"text": ["a"], "label": [0], "meta": [{"year": 1999}], "words": [["x"]]}
    datasets.Dataset.from_dict(values, features=kinds).to_parquet(tmp_path / "d.parquet")
    assert opened(tmp_path / "d.parquet").label_names == ("right", "left")


def test_files_of_one_split_that_number_their_labels_apart_are_refused(tmp_path: Path) -> None:
    """Read with the names of the first file, a "world" of the second would be "sports"."""
    for folder in ("one", "apart", "same"):
        (tmp_path / folder).mkdir()
    rows = {}
    for name, labels in {"a": ["business", "sports", "world"], "b": ["world", "business"]}.items():
        plain = datasets.Dataset.from_dict({"text": labels, "label": labels})
        rows[name] = plain.class_encode_column("label")
        rows[name].to_parquet(tmp_path / "one" / f"{name}.parquet")
        rows["a"].to_parquet(tmp_path / "same" / f"{name}.parquet")
    message = r'b\.parquet: column "label" calls its integers business, world, in a\.parquet business, sports, world'
    with pytest.raises(DataError, match=message):
        opened(tmp_path / "one")
    assert len(opened(tmp_path / "same")) == 6
    rows["a"].to_parquet(tmp_path / "apart" / "train.parquet")
    rows["b"].to_parquet(tmp_path / "apart" / "test.parquet")
    assert opened(tmp_path / "apart", split="test").label_names == ("business", "world")  # each split has its own


def test_one_column_may_be_two_things(tmp_path: Path) -> None:
    """What the rows are called, and what they are labelled."""
    path = parquet(tmp_path / "d.parquet", {"text": ["a", "b"], "name": ["x", "y"]})
    rows = read(path, label_column="name", id_column="name")
    assert [(row.label, row.id) for row in rows] == [("x", "x"), ("y", "y")]


def test_labels_that_are_missing_at_first_are_found(tmp_path: Path) -> None:
    """The kinds of a file of JSON are seen in its first rows."""
    lines = ['{"text": "a", "label": null}'] * 100 + ['{"text": "b", "label": "left"}']
    path = write(tmp_path / "d.jsonl", "\n".join(lines))
    assert [row.label for row in read(path)][-2:] == [None, "left"]
    assert [row.label for row in read(path, label_column="label")][-1] == "left"


def test_texts_of_one_name_under_two_labels_are_told_apart(tmp_path: Path) -> None:
    for label in ("left", "right"):
        for name in ("1", "2"):
            (tmp_path / "d" / label).mkdir(parents=True, exist_ok=True)
            (tmp_path / "d" / label / f"{name}.txt").write_text(f"{label} {name}")
    rows = opened(tmp_path / "d")
    assert list(rows.read_ids()) == ["left/1", "left/2", "right/1", "right/2"]
    assert [row.label for row in rows.read(range(4))] == ["left", "left", "right", "right"]


def test_a_model_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(DataError, match="this is a model, not a dataset") as raised:
        opened(tmp_path)
    assert raised.value.hint == "use it with --model"


def test_the_hash_of_texts_in_folders_covers_their_labels(tmp_path: Path) -> None:
    """A text that moves to the other folder is labelled anew."""
    for name in ("left", "right"):
        (tmp_path / "d" / name).mkdir(parents=True)
        (tmp_path / "d" / name / f"{name}.txt").write_text(name)
    (tmp_path / "d" / "left" / "b.txt").write_text("b")
    before = opened(tmp_path / "d").revision
    (tmp_path / "d" / "left" / "b.txt").rename(tmp_path / "d" / "right" / "b.txt")
    assert opened(tmp_path / "d").revision != before


def test_a_text_that_is_missing_is_named_by_its_row(tmp_path: Path) -> None:
    rows = opened(write(tmp_path / "d.jsonl", '{"text": "a"}\n{"txt": "b"}\n'))
    assert next(rows.read([0])).text == "a"
    with pytest.raises(DataError, match=r'row 1 of d\.jsonl: column "text" holds nothing'):
        next(rows.read([1]))
    late = opened(write(tmp_path / "e.jsonl", LINES * 3 + '{"text": 3}\n'))
    with pytest.raises(DataError, match=r"row 150 of e\.jsonl.*holds 3 \(int\)"):
        next(late.read([150]))
    with pytest.raises(DataError, match=r'column "text" is of type string or integer'):
        opened(write(tmp_path / "f.jsonl", '{"text": "a", "body": "b"}\n{"text": 3, "body": "c"}\n'))


def test_a_row_that_is_not_there_is_refused_with_the_range(tmp_path: Path) -> None:
    rows = opened(write(tmp_path / "test.jsonl", LINES))
    for index in (50, -1):
        with pytest.raises(DataError, match=rf'example {index} is not in split "test" of test\.jsonl: it has 50 rows'):
            list(rows.read([index]))


# Splits and slices


@given(st.integers(0, 300), st.integers(-120, 120) | st.none(), st.integers(-120, 120) | st.none(), st.booleans())
def test_slices_take_the_rows_that_datasets_takes(count: int, start: int | None, stop: int | None, pct: bool) -> None:
    if pct:
        start, stop = (None if bound is None else max(-100, min(100, bound)) for bound in (start, stop))
    bounds = ["" if bound is None else f"{bound}%" if pct else str(bound) for bound in (start, stop)]
    spec = datasets.ReadInstruction.from_spec(f"test[{bounds[0]}:{bounds[1]}]")
    [wanted] = spec.to_absolute({"test": count})
    taken = sources.part(bounds[0] or None, bounds[1] or None, count)
    assert list(taken) == list(range(wanted.from_, wanted.to))


@pytest.mark.parametrize(
    ("split", "texts"),
    [
        ("[:2]", ["0", "1"]),
        ("[48:]", ["48", "49"]),
        ("[-1:]", ["49"]),
        ("[:4%]", ["0", "1"]),
        ("[10:12]", ["10", "11"]),
    ],
)
def test_a_slice_counts_its_own_rows(tmp_path: Path, split: str, texts: list[str]) -> None:
    got = read(write(tmp_path / "d.jsonl", LINES), split=split)
    assert [(row.index, row.text) for row in got] == list(enumerate(texts))
    got = read(write(tmp_path / "train.jsonl", LINES), split=f"train{split}")
    assert [row.text for row in got] == texts


@pytest.mark.parametrize("split", ["test[", "test[a:b]", "a+b", "test[1]", "[:10](closest)"])
def test_what_is_no_slice_is_refused(tmp_path: Path, split: str) -> None:
    with pytest.raises(UsageError, match="neither a split nor a slice"):
        opened(write(tmp_path / "d.jsonl", LINES), split=split)


def test_no_slice_takes_more_than_all(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--split \[:200%\]: more than 100 %"):
        opened(write(tmp_path / "d.jsonl", LINES), split="[:200%]")


@pytest.mark.parametrize("split", ["[5:5]", "[60:]"])
def test_a_slice_without_rows_is_refused(tmp_path: Path, split: str) -> None:
    with pytest.raises(DataError, match="no rows"):
        opened(write(tmp_path / "d.jsonl", LINES), split=split)


def test_a_split_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    for name in ("train", "validation", "test"):
        write(tmp_path / "d" / f"{name}.jsonl", LINES)
    with pytest.raises(DataError, match=r"no split chosen; it has test, train, validation"):
        opened(tmp_path / "d")
    with pytest.raises(DataError, match='split "tset" is not in d') as raised:
        opened(tmp_path / "d", split="tset")
    assert "--split test" in str(raised.value.hint)
    with pytest.raises(DataError, match=r'split "test" is not in e\.jsonl: it has no splits'):
        opened(write(tmp_path / "e.jsonl", LINES), split="test")


# Folders


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        (("train.csv", "test.csv"), {"train": ("train.csv",), "test": ("test.csv",)}),
        (("papers_dev.csv", "papers_Training-1.csv"), {"validation": 1, "train": 1}),
        (("train-test.csv", "papers.csv"), {"": 2}),
        (("news-00000-of-00002.csv", "news-00001-of-00002.csv", "test.csv"), {"news": 2, "test": 1}),
        (("data/test-00000-of-00001.csv", "README.md"), {"test": 1}),
        (("train/a.csv", "train/b.csv", "eval/c.csv"), {"train": 2, "validation": 1}),
        (("b.csv", "a.csv", ".hidden.csv", "dataset_info.json"), {"": 2}),
    ],
)
def test_files_named_like_splits_are_the_splits(tmp_path: Path, files: tuple[str, ...], splits: dict[str, Any]) -> None:
    for name in files:
        write(tmp_path / "d" / name, f"text\n{name}\n")
    for split, held in splits.items():
        texts = [row.text for row in read(tmp_path / "d", split=split or None)]
        assert texts == sorted(texts)
        assert len(texts) == (held if isinstance(held, int) else len(held))
        assert opened(tmp_path / "d", split=split or None).split == (split or None)


def test_a_folder_of_texts_gives_a_row_for_each(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write(tmp_path / "texts" / f"{name}.txt", f"\ufeff{name}\r\n\0")
    assert read(tmp_path / "texts") == [Row(0, "a\r\n\0", None, "a"), Row(1, "b\r\n\0", None, "b")]


def test_folders_of_texts_are_their_labels(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write(tmp_path / "imdb" / split / "urls_pos.txt", "no review")
        for label in ("pos", "neg"):
            write(tmp_path / "imdb" / split / label / f"{label}1.txt", f"{split} {label}")
    assert read(tmp_path / "imdb", split="test") == [
        Row(0, "test neg", "neg", "neg1"),
        Row(1, "test pos", "pos", "pos1"),
    ]


def test_the_case_of_the_suffix_of_a_text_does_not_matter(tmp_path: Path) -> None:
    for name in ("left/A.TXT", "right/B.Txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("a text")
    assert [row.label for row in read(tmp_path)] == ["left", "right"]


def test_the_hash_is_of_the_content(tmp_path: Path) -> None:
    one, other = (write(tmp_path / name / "d.csv", "text\na\n") for name in ("1", "2"))
    assert opened(one).revision == opened(other).revision
    write(tmp_path / "1" / "e.csv", "text\nb\n")
    before = opened(tmp_path / "1").revision
    write(tmp_path / "1" / "e.csv", "text\nc\n")
    assert len({opened(one).revision, before, opened(tmp_path / "1").revision}) == 3


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        ({}, DataError, "no readable files in this folder"),
        ({"notes.docx": ""}, DataError, "no readable files in this folder"),
        ({"a.csv": "text\na\n", "b.jsonl": "{}"}, DataError, "holds CSV and JSON files"),
        ({"a.csv": "text\na\n", "b.csv": "body\na\n"}, DataError, r"b\.csv: its columns differ from those of a\.csv"),
        ({"train.csv": "text\na\n", "b.csv": "text\na\n"}, DataError, r"b\.csv: not named like a split, but train"),
        ({"a.txt": "a", "old/b.txt": "b"}, DataError, "texts are here and in old/"),
        ({"d.py": "raise SystemExit"}, RefusedError, r"d\.py is a script"),
        ({"d.pkl": ""}, RefusedError, r"d\.pkl is a pickle"),
    ],
)
def test_a_folder_that_cannot_be_read_says_why(
    tmp_path: Path, files: dict[str, str], error: type[ReportgenError], message: str
) -> None:
    (tmp_path / "d").mkdir()
    for name, content in files.items():
        write(tmp_path / "d" / name, content)
    with pytest.raises(error, match=message):
        opened(tmp_path / "d")


def test_a_saved_folder_without_rows_has_no_rows(tmp_path: Path) -> None:
    empty = datasets.Features({"text": datasets.Value("string")})
    datasets.Dataset.from_dict({"text": []}, features=empty).save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match="saved: no rows"):
        opened(tmp_path / "saved")


def test_saved_splits_are_read(tmp_path: Path) -> None:
    data = datasets.Dataset.from_dict({"text": ["a", "b", "c"]})
    datasets.DatasetDict(train=data, test=data.select([2, 0]).with_format("numpy")).save_to_disk(tmp_path / "d")
    assert [row.text for row in read(tmp_path / "d", split="test")] == ["c", "a"]
    with pytest.raises(DataError, match="no split chosen"):
        opened(tmp_path / "d")


@pytest.mark.parametrize(
    ("file", "old", "new", "error"),
    [
        ("state.json", "data-00000-of-00001.arrow", "../../secret.arrow", RefusedError),
        ("state.json", '"_data_files"', '"_other"', DataError),
        ("state.json", "{", "", DataError),
        ("dataset_info.json", "{", "", DataError),
        ("data-00000-of-00001.arrow", None, "", DataError),
    ],
)
def test_a_saved_folder_that_is_damaged_is_refused(
    tmp_path: Path, file: str, old: str | None, new: str, error: type[ReportgenError]
) -> None:
    datasets.Dataset.from_dict({"text": ["a"]}).save_to_disk(tmp_path / "d")
    path = tmp_path / "d" / file
    path.write_text(new if old is None else path.read_text().replace(old, new, 1))
    with pytest.raises(error):
        opened(tmp_path / "d")


@pytest.mark.parametrize("name", ["pipe.csv", "pipe.jsonl", "pipe.parquet", "pipe.zip", "pipe"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match=r"not a regular file|unsupported file format"):
        opened(tmp_path / name)
    with pytest.raises(DataError):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("./papers.csv", DataError, "no such file or folder"),
        ("papers.parquet", DataError, "no such file or folder"),
        ("~nobody-there/d.csv", DataError, "nobody-there"),
        ("a b", DataError, "not a file, a folder or a name on the hub"),
        ("d.pkl", RefusedError, "is a pickle"),
        ("d.txt", DataError, "one text"),
        ("d.xlsx", DataError, "this is a pickle, not Parquet"),
        ("words.dat", DataError, "unsupported file format"),
        ("x" * 300 + ".csv", DataError, "no such file or folder|too long"),
    ],
)
def test_a_name_that_is_no_dataset_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: type[ReportgenError], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if name.startswith("d."):
        write(tmp_path / name, pickle.dumps(["a"]))
    write(tmp_path / "words.dat", "some words")
    with pytest.raises(error, match=message):
        opened(name)


def test_a_near_name_is_offered(tmp_path: Path) -> None:
    save(FRAME, tmp_path, "csv")
    with pytest.raises(DataError) as raised:
        opened(tmp_path / "paper.csv")
    assert "papers.csv" in str(raised.value.hint)


def test_the_user_s_folders_are_in_no_report(tmp_path: Path) -> None:
    assert opened(save(FRAME, tmp_path, "csv"), **NAMED).dataset == "papers.csv"


def test_options_of_the_hub_are_refused_for_local_data(tmp_path: Path) -> None:
    path = save(FRAME, tmp_path, "csv")
    for options in ({"dataset_revision": "main"}, {"dataset_config": "x"}):
        with pytest.raises(UsageError, match="needs a dataset of the hub"):
            opened(path, **options)


# Files of text


@pytest.mark.parametrize("name", ["d.csv", "d.jsonl", "d.json"])
def test_a_byte_order_mark_is_no_part_of_the_data(tmp_path: Path, name: str) -> None:
    content = "text\na\n" if name == "d.csv" else '{"text": "a"}'
    assert [row.text for row in read(write(tmp_path / name, "\ufeff" + content))] == ["a"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text\nä\n".encode("utf-16"), r"d\.csv, header, byte 0: is UTF-16"),
        (b"text,label\na,1\nb\xe4,2\n", r"d\.csv, row 1, byte 16: is not UTF-8"),
        (b"text\na\nb\0c\n", r"d\.csv, row 1, byte 8: contains a NUL"),
        (b"text,label\na,1\nb\n", r"d\.csv, row 1, byte 15: 1 values for 2 columns"),
        (b"text,label\na,1\nb,2,3\n", r"d\.csv, row 1, byte 15: 3 values for 2 columns"),
        (b'text\na\n"b\nc\n', r"d\.csv, row 1, byte 7: unexpected end of data"),
        (b'text\na\n"b"c\n', r"d\.csv, row 1, byte 7: ',' expected after '\"'"),
        (b"text;label\na;1\n", r"d\.csv: one column, \"text;label\""),
        (b"text\tlabel\na\t1\n", r"d\.csv: one column"),
        (b"text,text\na,b\n", r'd\.csv: two columns are called "text"'),
        (b"", r"d\.csv: the file is empty"),
        (b"\xef\xbb\xbf", r"d\.csv: the file is empty"),
        (b"text,label\n", r"d\.csv: no rows"),
    ],
)
def test_a_csv_that_is_damaged_is_named_by_row_and_byte(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as raised:
        opened(write(tmp_path / "d.csv", content))
    assert raised.value.exit_code == 3


def test_a_field_without_end_is_not_read_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_source, "MOST_ROW", 1000)
    for content in ("text\na\n" + "b" * 2000, 'text\na\n"' + "b\n" * 1000 + '"'):
        with pytest.raises(DataError, match=r"d\.csv, row 1, byte 7: (a line of more|field larger) than"):
            opened(write(tmp_path / "d.csv", content))
    with pytest.raises(DataError, match=r"d\.jsonl, row 1, byte 14: a line of more than 1,000 bytes"):
        opened(write(tmp_path / "d.jsonl", '{"text": "a"}\n' + " " * 2000))


def test_long_fields_are_read(tmp_path: Path) -> None:
    assert len(read(write(tmp_path / "d.csv", "text\n" + "a" * 300_000))[0].text) == 300_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"text": "a"}\n\n{"text" "b"}\n', r"row 1, byte 23: is not JSON: Expecting ':'"),
        ('{"text": "ä"}\n{"text": "ä" x}\n'.encode(), r"row 1, byte 29: is not JSON: Expecting ','"),
        (b'{"text": "a"}\n["b"]\n', r"row 1, byte 14: is of type list, not an object"),
        (b'{"text": "a"}\n3\n', r"row 1, byte 14: is of type integer, not an object"),
        (b'{"text": "a", "x": NaN}\n', r"row 0, byte 0: is not JSON: NaN is not a JSON number"),
        (b'{"text": "a\xff"}\n', r"row 0, byte 11: is not UTF-8"),
        (b'{"text": "a' + b"\0" + b'"}', r"row 0, byte 11: is not JSON: Invalid control"),
        (b'[{"text": "a"}, 4]', r"row 1, byte 0: is of type integer, not an object"),
        (b'[{"text": "a"}', r"row 0, byte 14: is not JSON"),
        (b"[" * 100_000, r"row 0, byte 0: is not JSON"),
        (b'{"text": "a", "n": ' + b"9" * 5000 + b"}", r"row 0, byte 0: is not JSON"),
        ('{"text": "a"}'.encode("utf-16"), "row 0, byte 0: is UTF-16"),
        (b"", "no rows"),
        (b"\n\n", "no rows"),
        (b"[]", "no rows"),
    ],
)
def test_json_that_is_damaged_is_named_by_row_and_byte(tmp_path: Path, content: bytes, message: str) -> None:
    for name in ("d.jsonl", "d.json"):
        with pytest.raises(DataError, match=rf"{name}.*{message}"):
            opened(write(tmp_path / name, content))


# Packed files


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a.csv": b"text\na", "b.csv": b"text\nb"}, "2 files in the archive"),
        ({}, "0 files in the archive"),
        ({"../../a.csv": b"text\na"}, "leads out of the archive"),
        ({"/etc/a.csv": b"text\na"}, "leads out of the archive"),
        ({"a.docx": b"text\na"}, "unsupported file format"),
        ({"a.parquet.zip": b""}, "unpacked first|unsupported file format"),
    ],
)
def test_an_archive_that_is_not_one_file_is_refused(tmp_path: Path, members: dict[str, bytes], message: str) -> None:
    with pytest.raises(DataError, match=message):
        opened(zipped(tmp_path / "d.zip", members))


def test_what_macos_adds_to_an_archive_is_passed_over(tmp_path: Path) -> None:
    path = zipped(tmp_path / "d.zip", {"d.csv": b"text\na", "__MACOSX/._d.csv": b"x"})
    assert [row.text for row in read(path)] == ["a"]


def test_an_archive_that_is_encrypted_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "d.zip", {"d.csv": b"text\na"})
    content = bytearray(path.read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(header) + flags] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="encrypted"):
        opened(path)


@pytest.mark.parametrize("name", ["d.csv.gz", "d.jsonl.gz", "d.csv.zip", "d.zip", "d.parquet.gz"])
def test_what_is_not_packed_or_cut_off_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError):
        opened(write(tmp_path / name, "text\na\n"))
    whole = gzip.compress(b"text\n" + random.Random(0).randbytes(5000).hex().encode() + b"\n")
    with pytest.raises(DataError):
        opened(write(tmp_path / name, whole[:-3000]))


def test_a_bomb_is_put_down_after_the_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = b"text\n" + b"a\n" * 50_000
    for path in (write(tmp_path / "d.csv.gz", gzip.compress(rows)), zipped(tmp_path / "e.zip", {"e.csv": rows})):
        assert len(opened(path)) == 50_000
    monkeypatch.setattr(text_source, "FREE_BYTES", 1000)
    for name in ("d.csv.gz", "e.zip"):
        with pytest.raises(DataError, match="unpacks to more than"):
            opened(tmp_path / name)
    monkeypatch.setattr(text_source, "MOST_BYTES", 1000)
    with pytest.raises(DataError, match=r"f\.csv: more than 1,000 bytes"):
        opened(write(tmp_path / "f.csv", rows))


linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded and measured as Linux does it")


def in_child(code: str, **values: Any) -> int:
    """Run the code where no more than 4 GB can be taken; the memory in MB that it took beyond what imports take."""
    start = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))\n"
        "import pyarrow.parquet\nfrom reportgen.data import sources\nfrom reportgen.core.config import Config\n"
        "from reportgen.core.errors import DataError\n"
        "def peak():\n"  # subtle: getrusage would give the parent's peak, if that is higher
        "    lines = open('/proc/self/status').read().splitlines()\n"
        "    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith('VmHWM'))\n"
        "before = peak()\n"
    )
    given = "".join(f"{name} = {value!r}\n" for name, value in values.items())
    done = subprocess.run(
        [sys.executable, "-c", f"{start}{given}{code}\nprint(peak() - before)"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return int(done.stdout)


FAILS = """
try:
    rows = sources.open_rows(Config(dataset=path))
    for row in rows.read(range(min(len(rows), 10**6))): pass
except DataError as error:
    assert said in error.message, error.message
else:
    raise SystemExit("it was read")
"""


@linux
def test_a_real_bomb_takes_little_memory(tmp_path: Path) -> None:
    blocks = gzip.compress(b"text\n") + gzip.compress(bytes(10**7)) * 1000  # 10 MB that unpack to 10 GB
    path = write(tmp_path / "d.csv.gz", blocks)
    assert in_child(FAILS, path=str(path), said="a line of more than") < 600


def test_rows_without_end_are_not_read_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_source, "MOST_ROWS", 50)
    assert len(opened(write(tmp_path / "d.jsonl", LINES))) == 50
    with pytest.raises(DataError, match=r"d\.jsonl: more than 50 rows"):
        opened(write(tmp_path / "d.jsonl", LINES + LINES))
    with pytest.raises(DataError, match=r"d\.csv: more than 50 rows"):
        opened(write(tmp_path / "d.csv", "text\n" + "a\n" * 60))


# Parquet


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-20],
        lambda content: content[: len(content) // 2],
        lambda content: b"PAR1" + content[200:],
        lambda content: b"text\na\n",
        lambda content: b"",
        lambda content: content[:-8] + b"\xff\xff\xff\x7fPAR1",
        lambda content: content[:4] + b"\0" * 300 + content[304:],
    ],
)
def test_parquet_that_is_damaged_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = parquet(tmp_path / "d.parquet", {"text": [random.Random(0).randbytes(100).hex()] * 20})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"d\.parquet"):
        read(path)


def varint(number: int) -> bytes:
    """A number as the footer of Parquet has it."""
    number <<= 1
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def claim(path: Path, old: int, new: int) -> None:
    """Replace a number in the footer of a Parquet file."""
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - length : -8]
    assert varint(old) in footer
    footer = footer.replace(varint(old), varint(new))
    path.write_bytes(content[: -8 - length] + footer + len(footer).to_bytes(4, "little") + b"PAR1")


@linux
@pytest.mark.parametrize("field", ["num_rows", "total_compressed_size", "total_uncompressed_size"])
def test_a_footer_that_claims_more_than_there_is_costs_nothing(tmp_path: Path, field: str) -> None:
    path = parquet(tmp_path / "d.parquet", {"text": [f"text {n}" for n in range(12_345)]}, use_dictionary=False)
    metadata = pq.read_metadata(path)
    true = metadata.num_rows if field == "num_rows" else getattr(metadata.row_group(0).column(0), field)
    claim(path, true, 10**12)
    if field == "total_uncompressed_size":  # it only says how much is worth to be kept
        assert len(read(path)) == 12_345
    else:
        assert in_child(FAILS, path=str(path), said="d.parquet") < 300


@linux
def test_one_row_of_a_large_row_group_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    texts = [f"{n} " + "word " * 20_000 for n in range(2000)]  # 200 MB, in pages of 800 kB
    parquet(path, {"text": texts}, compression="none", use_dictionary=False, write_batch_size=8)
    code = (
        "from reportgen.data.formats import parquet\nparquet.KEPT = 2**20\n"
        "rows = sources.open_rows(Config(dataset=path))\nassert next(rows.read([1980])).text.startswith('1980 ')"
    )
    assert in_child(code, path=str(path)) < 120


def test_parquet_with_two_columns_of_one_name_is_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "d.parquet")
    with pytest.raises(DataError, match='two columns are called "text"'):
        opened(tmp_path / "d.parquet")


def test_a_string_of_parquet_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    damaged = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\3\0\0\0"), pa.py_buffer(b"ab\xff")])
    with pytest.raises(DataError, match='column "text": a string is not UTF-8 at byte 2'):
        read(parquet(tmp_path / "d.parquet", {"text": damaged}))


# The hub


def table(split: str, rows: int = 3) -> pa.Table:
    return pa.table({"text": [f"{split} {n}" for n in range(rows)], "labels": list(range(rows)), "x": [0.0] * rows})


def test_a_dataset_of_the_hub_is_read_at_its_commit(hub: Hub) -> None:
    commit = hub.dataset("org/papers", {"train": table("train"), "test": table("test", 5)})
    rows = opened("org/papers", split="test[1:4]")
    assert (rows.dataset, rows.split, rows.config, rows.revision) == ("org/papers", "test[1:4]", None, commit)
    assert list(rows.read([2, 0])) == [Row(2, "test 3", 3), Row(0, "test 1", 1)]
    later = hub.dataset("org/papers", {"train": table("train"), "test": table("new", 5)})
    assert [row.text for row in read("org/papers", split="test[:1]")] == ["new 0"]
    assert opened("org/papers", split="test").revision == later
    assert [row.text for row in read("org/papers", split="test[:1]", dataset_revision=commit)] == ["test 0"]


def test_a_split_of_the_hub_that_is_not_there_is_refused(hub: Hub) -> None:
    hub.dataset("org/papers", {"train": table("train"), "validation": table("validation")})
    with pytest.raises(DataError, match='split "valid" is not in org/papers: it has train, validation') as raised:
        opened("org/papers", split="valid")
    assert "--split validation" in str(raised.value.hint)
    with pytest.raises(DataError, match="no split chosen"):
        opened("org/papers")


@pytest.mark.usefixtures("offline")
def test_offline_without_a_cache_is_told(hub: Hub) -> None:
    hub.dataset("org/papers", {"test": table("test")})
    with pytest.raises(HubError, match="org/papers: not cached"):
        opened("org/papers", split="test")


def test_offline_the_cache_serves_the_commit_it_has(hub: Hub, request: pytest.FixtureRequest) -> None:
    commit = hub.dataset("org/papers", {"train": table("train"), "test": table("test")})
    assert len(read("org/papers", split="test")) == 3
    request.getfixturevalue("offline")
    asked = len(hub.requests)
    rows = opened("org/papers", split="test")
    assert (rows.revision, [row.text for row in rows.read([1])]) == (commit, ["test 1"])
    with pytest.raises(DataError, match="it has train, test"):
        opened("org/papers", split="dev")
    assert len(hub.requests) == asked


def test_offline_another_commit_is_not_taken_for_the_one_asked_for(hub: Hub, request: pytest.FixtureRequest) -> None:
    first = hub.dataset("org/papers", {"test": table("test")}, readme="# Papers")
    assert len(read("org/papers", split="test")) == 3
    later = hub.dataset("org/papers", {"test": table("new")}, readme="# Papers")
    assert len(read("org/papers", split="test")) == 3
    request.getfixturevalue("offline")
    assert [row.text for row in read("org/papers", split="test[:1]")] == ["new 0"]
    with pytest.raises(HubError, match=f"revision {first} is not cached") as raised:
        opened("org/papers", split="test", dataset_revision=first)
    assert later in str(raised.value.hint)


CONFIGS = """---
configs:
- config_name: en
  data_files: [{split: test, path: en.jsonl}]
- config_name: de
  data_files: [{split: test, path: de.jsonl}]
---
"""


def test_which_of_several_datasets_has_to_be_said(hub: Hub) -> None:
    files = {f"{name}.jsonl": f'{{"text": "{name}"}}\n'.encode() for name in ("en", "de")}
    hub.dataset("org/news", files, readme=CONFIGS)
    with pytest.raises(DataError, match="has several configurations, en, de: none is chosen") as raised:
        opened("org/news")
    assert "--dataset-config" in str(raised.value.hint)
    with pytest.raises(DataError, match='none has the name "ed"'):
        opened("org/news", dataset_config="ed")
    rows = opened("org/news", dataset_config="de")
    assert (rows.config, rows.split, [row.text for row in rows.read([0])]) == ("de", "test", ["de"])


def test_a_script_of_the_hub_is_not_run(hub: Hub, canary: Path) -> None:
    code = f"open({str(canary)!r}, 'w')".encode()
    hub.dataset("org/papers", {"papers.py": code, "test": table("test")})
    with pytest.raises(RefusedError, match=r"papers\.py is a script") as raised:
        opened("org/papers", split="test")
    assert raised.value.exit_code == 9
    assert "Parquet" in str(raised.value.hint)


class Canary:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


@pytest.mark.parametrize("readme", ["", "---\nconfigs:\n- config_name: default\n  data_files: train.pkl\n---\n"])
def test_a_pickle_is_never_read(hub: Hub, canary: Path, tmp_path: Path, readme: str) -> None:
    content = pickle.dumps(Canary(canary))
    hub.dataset("org/papers", {"train.pkl": content}, readme=readme)
    with pytest.raises(RefusedError, match=r"train\.pkl is a pickle"):
        opened("org/papers")
    with pytest.raises(RefusedError, match=r"d\.pkl is a pickle"):
        opened(write(tmp_path / "d.pkl", content))


@pytest.mark.parametrize("file", ["{}", "file://{}", "../../other/a.csv", "http://127.0.0.1:9/a.csv", "[a: b: c"])
def test_a_card_that_names_files_elsewhere_or_is_damaged_is_refused(hub: Hub, tmp_path: Path, file: str) -> None:
    secret = write(tmp_path / "secret.csv", "text\nsecret\n")
    readme = f"---\nconfigs:\n- config_name: default\n  data_files: {file.format(secret)}\n---\n"
    hub.dataset("org/papers", {"test": table("test")}, readme=readme)
    with pytest.raises(DataError, match="dataset org/papers"):
        opened("org/papers")


def test_files_of_the_hub_that_cannot_be_read_are_told(hub: Hub, capfd: pytest.CaptureFixture[str]) -> None:
    """What the cache has may be damaged: how to see, and what to delete."""
    hub.dataset("org/papers", {"test.parquet": b"PAR1 and no more"})
    with pytest.raises(HubError, match="dataset org/papers: cannot be read: Parquet magic bytes") as raised:
        opened("org/papers", split="test")
    assert "hf cache verify org/papers --repo-type dataset --revision " in str(raised.value.hint)
    assert capfd.readouterr().err == ""  # the library's own words name the user's folders


def test_a_hub_that_fails_half_way_is_an_error_of_the_hub(hub: Hub) -> None:
    hub.dataset("org/papers", {"test": table("test")})
    hub.fail("org/papers", "gated", kind="datasets", only="tree")
    with pytest.raises(HubError, match="dataset org/papers: access needs permission"):
        opened("org/papers", split="test")


def test_a_download_that_breaks_off_is_an_error_of_the_hub(hub: Hub) -> None:
    hub.dataset("org/papers", {"test": table("test", 5000)})
    hub.fail("org/papers", "cut", kind="datasets", only="large")
    with pytest.raises(HubError, match="dataset org/papers"):
        opened("org/papers", split="test")


@pytest.mark.parametrize("fault", ["private", "gated", "missing"])
def test_what_the_hub_does_not_give_is_told(hub: Hub, fault: str) -> None:
    if fault != "missing":
        hub.dataset("org/papers", {"test": table("test")})
        hub.fail("org/papers", fault, kind="datasets")
    with pytest.raises(HubError, match="dataset org/papers") as raised:
        opened("org/papers", split="test")
    assert raised.value.exit_code == 8


def test_nothing_of_the_library_is_shown(hub: Hub, capfd: pytest.CaptureFixture[str]) -> None:
    hub.dataset("org/papers", {"test": table("test")})
    datasets.enable_progress_bars()
    read("org/papers", split="test")
    assert capfd.readouterr() == ("", "")


def test_a_file_of_a_saved_dataset_that_is_missing_is_named_with_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    datasets.Dataset.from_dict({"text": ["a"]}).save_to_disk(folder)
    (arrow,) = folder.glob("*.arrow")
    arrow.unlink()
    with pytest.raises(DataError, match=f"saved: state.json names {arrow.name}, which is missing") as raised:
        opened(folder)
    assert raised.value.hint == f"copy or save all of {folder} again"
