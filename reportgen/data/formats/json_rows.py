"""Open JSON as a table: one object on each line, a list of objects, or such a list under a key.

{"version": "1.1", "data": [...]} has its rows under "data". The object around them is never taken for a row.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

from reportgen.core.characters import clean
from reportgen.core.errors import DataError
from reportgen.data.formats.table import DataTable
from reportgen.data.formats.text_formats import OpenFile, first_line, kept

MOST_LIST = 500 * 10**6  # bytes of a JSON file that is one value
HEAD = 100  # rows that say what type a column is
HELD = 50 * 10**6  # bytes of files whose rows stay in memory while the columns are looked for
TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null", list: "list"}
USUAL = {"data", "rows", "records", "examples", "instances", "items", "documents", "results", "samples"}  # keys
ROWS = "one JSON object on each line, or a list of them"
Object = dict[str, Any]


class NotANumberError(ValueError):
    """NaN or Infinity, which Python writes and JSON does not have."""


def open_json(files: Sequence[Path]) -> DataTable:
    """The objects of the files as a table; a missing key is a null.

    Raises:
        DataError: If a file is empty, its rows are no objects, or they are under several keys.
    """
    small = sum(file.stat().st_size for file in files if file.suffix.lower() not in (".gz", ".zip")) <= HELD
    packed = any(file.suffix.lower() in (".gz", ".zip") for file in files)
    held = list(chain.from_iterable(map(_objects, files))) if small and not packed else None

    def objects() -> Iterator[Object]:
        return iter(held) if held is not None else chain.from_iterable(map(_objects, files))

    types = _types(objects())
    if not types:
        raise DataError(f"{clean(files[0].name)}: no rows", hint=ROWS)

    def rows(columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        return (tuple(row.get(name) for name in columns) for row in objects())

    return DataTable(types, lambda columns: kept(columns, rows(columns), files[0]), first_rows=rows)


def _types(rows: Iterator[Object]) -> dict[str, str]:
    """The types of the columns: those in the first rows, or later of a key that holds nothing there.

    All rows are seen: a key may first appear in the last. A late value of another type is an error of its row.
    """
    kinds: dict[str, dict[str, None]] = {}
    settled: frozenset[str] = frozenset()
    for number, row in enumerate(rows):
        if number == HEAD:
            settled = frozenset(key for key, found in kinds.items() if set(found) != {"null"})
        for key, value in row.items():
            if key not in settled:
                kinds.setdefault(key, {})[TYPES.get(type(value), "object")] = None
    return {key: " or ".join(sorted(found, key=lambda kind: kind == "null")) for key, found in kinds.items()}


def _objects(path: Path) -> Iterator[Object]:
    """The objects of a file."""
    with OpenFile(path) as file:
        head = file.head("JSON")
    first, end = first_line(head)
    with OpenFile(path) as file:
        file.row = 0
        for value in _values(file, first.strip(), end):
            if not isinstance(value, dict):
                kind = TYPES.get(type(value), "object")
                file.fail(f"is of type {kind}, not an object", hint='rows look like {"text": "...", "label": 1}')
            yield value
            file.row += 1


def _values(file: OpenFile, first: bytes, end: bytes) -> Iterator[Any]:
    """The values of the rows of a file whose first line is *first*."""
    if first.startswith(b"["):
        yield from _parsed(file, file.text(file.read(MOST_LIST)))
        return
    lines: Iterator[str] = (line for line in file.lines(end=end) if line.strip())
    line = next(lines, None)
    if line is None:
        return
    if _is_unfinished(line):
        with OpenFile(file.path) as again:
            again.row = 0
            yield from _unwrapped(file.path, _parsed(again, again.text(again.read(MOST_LIST))))
        return
    value = _parsed(file, line)
    if isinstance(value, dict) and any(isinstance(part, dict | list) for part in value.values()):
        file.row, line = 1, None  # of the line that is read to see whether this is the only one
        line = next(lines, None)
        file.row = 0
        if line is None:
            yield from _unwrapped(file.path, value)
            return
        lines = chain((line,), lines)
    yield value
    yield from (_parsed(file, line) for line in lines)


def _is_unfinished(line: str) -> bool:
    """Whether a value begins in a line, and goes on in the next."""
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return error.pos >= len(line.rstrip())
    except (ValueError, RecursionError):
        return False
    return False


def _unwrapped(path: Path, value: Any) -> Iterator[Any]:
    """The rows of a file that is one value: those under a key, those of a table by columns, or the value itself."""
    if not isinstance(value, dict) or isinstance(value.get("text"), str):
        yield value
        return
    table = _turned(value)
    if table is not None:
        yield from table
        return
    lists = _lists(value)
    with_text = {key: rows for key, rows in lists.items() if any(isinstance(row.get("text"), str) for row in rows)}
    chosen = with_text if len(with_text) == 1 else lists
    longer = all(lists.values()) and max(map(_longest, lists.values()), default=0) < _longest([value])
    if not lists or (longer and not USUAL & {key.rpartition(".")[2].casefold() for key in chosen}):
        yield value
        return
    if len(chosen) > 1:
        raise _several(path, sorted(chosen, key=lambda key: key.rpartition(".")[2].casefold() not in USUAL))
    ((key, rows),) = chosen.items()
    if not rows:
        raise DataError(f'{clean(path.name)}: no rows under "{clean(key)}"', hint=ROWS)
    yield from rows


def _lists(value: Mapping[str, Any]) -> dict[str, list[Object]]:
    """Lists of objects by their key, or one level deeper by both keys; empty ones where there are no others."""
    deeper = {(key, inner): part for key, one in value.items() if isinstance(one, dict) for inner, part in one.items()}
    for parts in ({(key,): part for key, part in value.items()}, deeper):
        found = {
            ".".join(keys): part
            for keys, part in parts.items()
            if isinstance(part, list) and all(isinstance(row, dict) for row in part)
        }
        if found:
            return {key: part for key, part in found.items() if part} or found
    return {}


def _longest(rows: Sequence[Object]) -> int:
    """Length of the longest string in the objects themselves: of a row, it is its text."""
    return max((len(part) for row in rows for part in row.values() if isinstance(part, str)), default=0)


def _turned(value: Mapping[str, Any]) -> list[Object] | None:
    """The rows of a table that is written by columns or by row numbers, as pandas does; None if it is none."""
    parts = list(value.values())
    columns, data = value.get("columns"), value.get("data")
    if isinstance(columns, list) and isinstance(data, list) and data and all(isinstance(row, list) for row in data):
        return [dict(zip(map(str, columns), row, strict=False)) for row in data]
    if parts and all(isinstance(part, list) for part in parts):
        alike = len({len(part) for part in parts}) == 1 and not any(isinstance(item, dict) for item in parts[0])
        return [dict(zip(value, row, strict=True)) for row in zip(*parts, strict=True)] if alike else None
    if not parts or not all(isinstance(part, dict) and part.keys() == parts[0].keys() for part in parts):
        return None
    if "text" in value or all(key.isdecimal() for key in parts[0]):
        return [{name: part[key] for name, part in value.items()} for key in parts[0]]
    return parts if "text" in parts[0] or all(key.isdecimal() for key in value) else None


def _several(path: Path, keys: Sequence[str]) -> DataError:
    """Which of several lists holds the rows has to be said."""
    name, copy = str(path), str(path.with_name(f"{path.stem}-{keys[0].replace('.', '-')}.json"))
    place = "".join(f"[{key!r}]" for key in keys[0].split("."))
    code = f"import json; json.dump(json.load(open({name!r})){place}, open({copy!r}, 'w'))"
    named = ", ".join(f'"{clean(key)}"' for key in keys)
    return DataError(
        f"{clean(path.name)}: lists of objects under several keys, {named}",
        hint=f"write one to a file of its own: python -c {shlex.quote(clean(code))}",
    )


def _parsed(file: OpenFile, text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        byte = file.start + len(text[: error.pos].encode())
        file.fail(f"is not JSON: {error.msg}", byte=byte, hint=ROWS)
    except NotANumberError as error:
        file.fail(f"is not JSON: {error}", hint="write null for a value that is missing")
    except (ValueError, RecursionError) as error:
        file.fail(f"is not JSON: {error}", hint=ROWS)


def _refuse(constant: str) -> NoReturn:
    raise NotANumberError(f"{constant} is not a JSON number")
