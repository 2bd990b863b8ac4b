"""json_rows: rows on lines, in a list, or under a key -> a table; the object around the rows is never one of them."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reportgen.core.errors import DataError
from reportgen.data.formats import json_rows
from tests.data.test_sources import opened, read, write

ROWS = [{"text": "one text", "label": 1}, {"text": "another text", "label": 0}]
FRAME = pd.DataFrame(ROWS)


def texts(path: Path, **options: Any) -> list[tuple[str, Any]]:
    return [(row.text, row.label) for row in read(path, **options)]


@pytest.mark.parametrize(
    "content",
    [
        {"version": "1.1", "data": ROWS},
        {"version": "a longer string than any of the rows has, about where they come from", "data": ROWS},
        {"meta": {"source": "x", "keys": [1, 2]}, "rows": ROWS},
        {"result": {"status": "ok", "items": ROWS}},
        {"data": ROWS, "errors": []},
        {"data": ROWS, "labels": [{"id": 0, "name": "left"}]},
        {"schema": {"fields": [{"name": "text"}]}, "data": ROWS},
        json.loads(FRAME.to_json(orient="table")),
        json.loads(FRAME.to_json(orient="columns")),
        json.loads(FRAME.to_json(orient="split")),
        json.loads(FRAME.to_json(orient="index")),
        FRAME.to_dict(orient="list"),
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_rows_inside_an_object_are_the_rows(tmp_path: Path, content: Any, indent: int | None) -> None:
    path = write(tmp_path / "d.json", json.dumps(content, indent=indent))
    assert texts(path) == [("one text", 1), ("another text", 0)]


@pytest.mark.parametrize(
    "row",
    [
        {"text": "a text", "entities": [{"text": "a", "start": 0}]},
        {"title": "short", "body": "the text of a document is its longest string", "authors": [{"name": "Ada"}]},
        {"body": "a text that is longer than its sentences", "sentences": [{"text": "a text"}]},
        {"body": "a text", "tags": ["x", "y"], "meta": {"year": 1999}},
    ],
)
@pytest.mark.parametrize("name", ["d.json", "d.jsonl"])
def test_a_row_with_lists_of_its_own_is_a_row(tmp_path: Path, row: dict[str, Any], name: str) -> None:
    column = "text" if "text" in row else "body"
    for count in (1, 2):
        path = write(tmp_path / name, (json.dumps(row) + "\n") * count)
        assert [found.text for found in read(path, text_column=column)] == [row[column]] * count


def test_of_several_lists_one_has_to_be_chosen_and_the_command_for_it_works(tmp_path: Path) -> None:
    path = write(tmp_path / "my data.json", json.dumps({"train": ROWS[:1], "it's": ROWS[1:]}))
    with pytest.raises(DataError, match=r'several keys, "train", "it\'s"') as caught:
        opened(path)
    assert caught.value.exit_code == 3
    command = shlex.split(str(caught.value.hint).removeprefix("write one to a file of its own: "))
    subprocess.run(command, check=True)
    assert texts(tmp_path / "my data-train.json") == [("one text", 1)]
    deeper = write(tmp_path / "e.json", json.dumps({"all": {"train": ROWS, "test": ROWS}}))
    with pytest.raises(DataError, match=r'"all.train", "all.test"') as caught:
        opened(deeper)
    subprocess.run(shlex.split(str(caught.value.hint).partition(": ")[2]), check=True)
    assert len(texts(tmp_path / "e-all-train.json")) == 2


def test_an_empty_list_has_no_rows(tmp_path: Path) -> None:
    for content in ('{"version": "1.1", "data": []}', '{"result": {"data": []}}'):
        with pytest.raises(DataError, match="no rows"):
            opened(write(tmp_path / "d.json", content))


@pytest.mark.parametrize("held", [0, 10**9])
def test_a_key_may_first_appear_in_any_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int) -> None:
    """Whether the rows stay in memory or are read twice; on lines and in a list."""
    monkeypatch.setattr(json_rows, "HELD", held)
    rows: list[dict[str, Any]] = [{"text": f"text {n}"} for n in range(150)]
    rows.append({"text": "late", "label": "left", "id": "z"})
    for name, content in (("d.jsonl", "\n".join(map(json.dumps, rows))), ("d.json", json.dumps(rows))):
        found = read(write(tmp_path / name, content))
        assert (found[0].label, found[-1].label, len(found)) == (None, "left", 151)
    body = [{"title": "x"} for _ in range(120)] + [{"title": "x", "abstract": "a long text"}]
    late = write(tmp_path / "e.jsonl", "\n".join(map(json.dumps, body)))
    with pytest.raises(DataError, match=r"title \(string\), abstract \(string\)"):
        opened(late)


def test_a_late_value_of_another_type_is_an_error_of_its_row(tmp_path: Path) -> None:
    rows: list[Any] = [{"text": "a", "label": 1}] * 100 + [{"text": "b", "label": {"x": 1}}]
    found = opened(write(tmp_path / "d.jsonl", "\n".join(map(json.dumps, rows))))
    assert next(found.read([0])).label == 1
    with pytest.raises(DataError, match=r'row 100 of d\.jsonl: column "label" holds'):
        next(found.read([100]))


def test_lines_may_end_with_a_carriage_return_alone(tmp_path: Path) -> None:
    content = "\r".join(json.dumps(row) for row in ROWS)
    assert texts(write(tmp_path / "d.jsonl", content)) == [("one text", 1), ("another text", 0)]
    indented = json.dumps({"data": ROWS}, indent=1).replace("\n", "\r")
    assert texts(write(tmp_path / "e.json", indented)) == [("one text", 1), ("another text", 0)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{\n "data": [\n  {"text": "ä" x}\n ]\n}', r"row 0, byte 29: is not JSON: Expecting ','"),
        ('{"data": [{"text": "a"}]}\n{"data" []}', r"row 1, byte 34: is not JSON: Expecting ':'"),
        ('{"data": [{"text": "a"}]}\n3', r"row 1, byte 26: is of type integer"),
    ],
)
def test_an_error_inside_an_object_is_named_by_row_and_byte(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        opened(write(tmp_path / "d.json", content))


def test_the_types_of_all_rows_are_listed(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        opened(write(tmp_path / "d.json", '{"a": 1, "b": [1, 2], "c": {"d": 3}}'))
    assert re.search(r"no column holds strings: a \(integer\), b \(list\), c \(object\)", caught.value.message)


def test_the_likely_list_is_named_first(tmp_path: Path) -> None:
    content = {"features": [{"name": "text"}], "rows": [{"row_idx": 0, "row": {"text": "a"}}]}
    (tmp_path / "d.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match='under several keys, "rows", "features"'):
        json_rows.open_json([tmp_path / "d.json"])


def test_what_python_writes_for_a_missing_value_is_named(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text('{"text": "a", "label": NaN}\n')
    with pytest.raises(DataError, match="NaN is not a JSON number") as error:
        json_rows.open_json([tmp_path / "d.jsonl"])
    assert error.value.hint == "write null for a value that is missing"
