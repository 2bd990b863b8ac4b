"""Turn a table into rows: find the columns with text, label and id, and read them.

`sources.py` and the modules that it calls open the table.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from reportgen.core.characters import clean
from reportgen.core.config import Config, option
from reportgen.core.errors import DataError
from reportgen.data.dataset_rows import Row, Rows, place

STRING = re.compile(r"(large_)?string(_view)?")
INTEGER = re.compile(r"u?int\d+|integer")
LABEL = re.compile(rf"{STRING.pattern}|{INTEGER.pattern}|bool(ean)?|number|float|double|halffloat|null")
MOST_NAMED = 20  # columns that an error lists


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """The rows of a table, with the chosen columns."""

    count: int
    read: Callable[[Sequence[str], Iterable[int]], Iterator[tuple[Any, ...]]]  # some columns of some rows, in order


@dataclass(frozen=True, slots=True, eq=False)
class DataTable:
    """A table; only its head has been read."""

    types: dict[str, str]  # by column, in the words of the format: "string", "int64", "integer or null"
    load: Callable[[Sequence[str]], Loaded]  # keeps no other columns than these
    label_names: dict[str, tuple[str, ...]] = field(default_factory=dict)  # of columns of integers that have names


def listed(columns: dict[str, list[Any]]) -> Loaded:
    """A table that is in memory."""

    def read(names: Sequence[str], indices: Iterable[int]) -> Iterator[tuple[Any, ...]]:
        wanted = [columns[name] for name in names]
        return (tuple(column[index] for column in wanted) for index in indices)

    return Loaded(len(next(iter(columns.values()))), read)


def rows_of(
    table: DataTable,
    config: Config,
    *,
    dataset: str,
    dataset_config: str | None,
    split: str | None,
    revision: str,
    part: Callable[[int], range],
) -> Rows:
    """The rows of a table, with their columns found and checked.

    Args:
        table: The whole split.
        config: Which columns were asked for.
        dataset: Name of the dataset, as errors and reports give it.
        dataset_config: Which of the datasets of that name.
        split: What was asked for: "test", "test[:100]".
        revision: Of the data.
        part: The rows that the slice takes, of so many.

    Raises:
        DataError: If a column is missing or of the wrong type, the split is empty, or an id that was asked for is
            there twice.
    """
    where = place(dataset, split)
    columns = _columns(table.types, config, dataset)
    needed = tuple(dict.fromkeys(columns.values()))  # one column may serve twice
    loaded = table.load(needed)
    taken = part(loaded.count)
    if not taken:
        raise DataError(f"{where}: no rows", hint=f"the split has {loaded.count} rows" if loaded.count else None)
    ids = partial(_ids, loaded, taken, columns.get("id", ""), where)
    if "id" in columns and not _identify(ids, asked=config.id_column is not None):
        del columns["id"]
    names = table.label_names.get(columns.get("label", ""), ())

    def read(indices: Iterable[int]) -> Iterator[Row]:
        wanted = [rows.check(index) for index in indices]
        cells = loaded.read(needed, (taken[index] for index in wanted))
        for index, values in zip(wanted, cells, strict=True):
            found = dict(zip(needed, values, strict=True))
            yield _row(index, {role: found[name] for role, name in columns.items()}, columns, names, where)

    def read_ids() -> Sequence[str]:
        return [str(value) for value in ids()] if "id" in columns else ()

    rows = Rows(dataset, dataset_config, split, revision, len(taken), names, columns, read, read_ids)
    return rows


def _columns(types: dict[str, str], config: Config, dataset: str) -> dict[str, str]:
    """The columns of text, label and id, as far as they exist."""
    found = {
        "label": _column(types, config.label_column, ("label", "labels"), LABEL, "label", dataset),
        "id": _column(
            types, config.id_column, ("id",), re.compile(f"{STRING.pattern}|{INTEGER.pattern}"), "id", dataset
        ),
    }
    asked = config.text_column or ("text" if "text" in types else None)
    text = _column(types, asked, (), STRING, "text", dataset)
    if text is None:
        texts = [name for name in types if _is(types[name], STRING) and name not in found.values()]
        if len(texts) != 1:
            reason = "several columns hold strings" if texts else "no column holds strings"
            raise DataError(f'{dataset}: no column "text", and {reason}: {_listed(types)}', hint=_name_it(texts))
        text = texts[0]
    return {"text": text, **{role: name for role, name in found.items() if name is not None}}


def _column(
    types: dict[str, str], asked: str | None, usual: Sequence[str], kind: re.Pattern[str], role: str, dataset: str
) -> str | None:
    """The chosen column, or the first with a usual name; None without one of the right type."""
    if asked is None:
        return next((name for name in usual if name in types and _is(types[name], kind)), None)
    flag = option(f"{role}_column")
    if asked not in types:
        near = difflib.get_close_matches(asked, types, n=1, cutoff=0.5)
        raise DataError(
            f'{dataset}: no column "{clean(asked)}"; it has {_listed(types)}',
            hint=f"did you mean {flag} {clean(near[0])}?" if near else f"choose one of them with {flag}",
        )
    if not _is(types[asked], kind):
        wanted = "texts must be strings" if kind is STRING else f"{role}s must be strings or integers"
        raise DataError(
            f'{dataset}: column "{clean(asked)}" is of type {types[asked]}; {wanted}',
            hint=f"it has {_listed(types)}",
        )
    return asked


def _is(type_: str, kind: re.Pattern[str]) -> bool:
    """Whether a type is of a kind; values may be missing."""
    parts = set(type_.split(" or "))
    parts = parts - {"null"} or parts  # of a column of nothing, its kind decides
    return all(kind.fullmatch(part) for part in parts)


def _listed(types: dict[str, str]) -> str:
    named = [f"{clean(name) or '(no name)'} ({type_})" for name, type_ in types.items()][:MOST_NAMED]
    more = [f"and {len(types) - MOST_NAMED:,} more"] if len(types) > MOST_NAMED else []
    return ", ".join(named + more) or "no columns"


def _name_it(texts: Sequence[str]) -> str:
    return f"choose the text column: --text-column {clean(texts[0])}" if texts else "the text column must hold strings"


def _row(index: int, values: dict[str, Any], columns: dict[str, str], names: Sequence[str], where: str) -> Row:
    text = values["text"]
    if not isinstance(text, str):
        raise _wrong(index, columns["text"], text, where, hint="texts must be strings; clean the data first")
    identity = values.get("id")
    return Row(
        index=index,
        text=text,
        label=_label(index, values.get("label"), columns, names, where),
        id=None if identity is None else str(identity),
    )


def _label(index: int, value: Any, columns: dict[str, str], names: Sequence[str], where: str) -> str | int | None:
    """A label as it is; None if missing, which is empty in text files, and -1 for named integers."""
    if value is None or value == "" or value != value or (names and value == -1):
        return None
    if isinstance(value, float) and value.is_integer():  # pandas turns integers into floats if some are missing
        return int(value)
    if isinstance(value, (bool, int, str)):
        return value
    raise _wrong(index, columns["label"], value, where, hint="labels must be integers, strings, true or false")


def _wrong(index: int, column: str, value: object, where: str, *, hint: str) -> DataError:
    shown = "nothing" if value is None else f"{clean(str(value))[:40]} ({type(value).__name__})"
    return DataError(f'row {index} of {where}: column "{clean(column)}" holds {shown}', hint=hint)


def _ids(loaded: Loaded, taken: range, column: str, where: str) -> Iterator[Any]:
    """The values of the column of ids.

    Raises:
        DataError: If one is missing, no id, or there twice.
    """
    rows: dict[str, int] = {}
    for row, (value,) in enumerate(loaded.read((column,), taken)):
        if not isinstance(value, (str, int)):
            raise _wrong(row, column, value, where, hint="every row needs an id; leave out --id-column, or use --index")
        first = rows.setdefault(str(value), row)
        if first != row:
            raise DataError(
                f'{where}: id "{clean(str(value))[:80]}" occurs in rows {first} and {row} of column "{clean(column)}"',
                hint="ids must be unique; leave out --id-column, and choose a row with --index",
            )
        yield value


def _identify(ids: Callable[[], Iterator[Any]], *, asked: bool) -> bool:
    """Whether the ids of the column are unique; a column chosen by the user must have unique ids."""
    try:
        for _ in ids():
            pass
    except DataError:
        if asked:
            raise
        return False
    return True
