"""Turn a table into rows: find the columns with text, label and id, and read them.

`sources.py` and the modules that it calls open the table. A column that may hold labels and cannot be used is an error
if the user has named it, and a warning in the report if not.
"""

from __future__ import annotations

import difflib
import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Any

from reportgen.core.characters import clean
from reportgen.core.config import Config, option
from reportgen.core.errors import DataError
from reportgen.core.labels import ALONE, Label, LabelColumn, column_of, find_index, find_name
from reportgen.data.dataset_rows import Row, Rows, place

STRING = re.compile(r"(large_)?string(_view)?")
INTEGER = re.compile(r"u?int\d+|integer")
CERTAIN = re.compile(rf"{STRING.pattern}|{INTEGER.pattern}|bool(ean)?|null")  # types whose values are labels
LISTS = r"(large_|fixed_size_)?list(_view)?(<.*>)?(\[\d+\])?"
LABEL = re.compile(rf"{CERTAIN.pattern}|number|float|double|halffloat|decimal\d*\(.*\)|{LISTS}")  # may be
FRACTION = re.compile(r"[+-]?\d*\.\d*[1-9]\d*")
LABELS = ("label", "labels")  # usual names of the column
KINDS = "labels must be integers, strings, true or false, or lists of these"
MOST_NAMED = 20  # columns that an error lists
MOST_DIFFERENT = 1000  # labels of a column that are compared with those of the model
SEEN = 200  # rows that show which column is meant

ModelLabels = Callable[[], Sequence[str]]  # the names of the model's labels, read when they are needed


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """The rows of a table, with the chosen columns."""

    count: int
    read: Callable[[Sequence[str], Iterable[int]], Iterator[tuple[Any, ...]]]  # some columns of some rows, in order
    values: Callable[[str], Iterable[Any]]  # all that a column holds, in any order; equal values may be left out


@dataclass(frozen=True, slots=True, eq=False)
class DataTable:
    """A table; only its head has been read."""

    types: dict[str, str]  # by column, in the words of the format: "string", "int64", "integer or null"
    load: Callable[[Sequence[str]], Loaded]  # keeps no other columns than these
    label_names: dict[str, tuple[str, ...]] = field(default_factory=dict)  # of columns of integers that have names
    first_rows: Callable[[Sequence[str]], Iterator[tuple[Any, ...]]] | None = None  # quicker than to load all

    def head(self, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        """The first rows of some columns, to see what they hold."""
        if self.first_rows is not None:
            return list(islice(self.first_rows(columns), SEEN))
        loaded = self.load(columns)
        return list(loaded.read(columns, range(min(loaded.count, SEEN))))


def listed(columns: dict[str, list[Any]]) -> Loaded:
    """A table that is in memory."""

    def read(names: Sequence[str], indices: Iterable[int]) -> Iterator[tuple[Any, ...]]:
        wanted = [columns[name] for name in names]
        return (tuple(column[index] for column in wanted) for index in indices)

    return Loaded(len(next(iter(columns.values()))), read, columns.__getitem__)


def rows_of(
    table: DataTable,
    config: Config,
    *,
    dataset: str,
    dataset_config: str | None,
    split: str | None,
    revision: str,
    part: Callable[[int], range],
    labels: ModelLabels = tuple,
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
        labels: Asked for where they say which column is meant.

    Raises:
        DataError: If a column is missing or of the wrong type, the split is empty, or an id that was asked for is
            there twice.
    """
    where = place(dataset, split)
    columns, problem = _columns(table, config, dataset, labels)
    needed = tuple(dict.fromkeys(columns.values()))  # one column may serve twice
    loaded = table.load(needed)
    taken = part(loaded.count)
    if not taken:
        raise DataError(f"{where}: no rows", hint=f"the split has {loaded.count} rows" if loaded.count else None)
    ids = partial(_ids, loaded, taken, columns.get("id", ""), where)
    if "id" in columns and not _identify(ids, asked=config.id_column is not None):
        del columns["id"]
    names = table.label_names.get(columns.get("label", ""), ())
    about = ALONE
    if "label" in columns:
        about, bad = _all_labels(loaded, columns["label"], names, labels)
        if bad is not None and config.label_column is not None:
            raise _first_wrong(loaded, taken, columns["label"], bad, where)
        if bad is not None:
            problem = _unusable(columns.pop("label"), f"holds {_shown(bad)}")
    elif problem is None and config.label_column is None:
        problem = _elsewhere(table, columns, labels)

    def read(indices: Iterable[int]) -> Iterator[Row]:
        wanted = [rows.check(index) for index in indices]
        cells = loaded.read(needed, (taken[index] for index in wanted))
        for index, values in zip(wanted, cells, strict=True):
            found = dict(zip(needed, values, strict=True))
            yield _row(index, {role: found[name] for role, name in columns.items()}, columns, names, where)

    def read_ids() -> Sequence[str]:
        return [str(value) for value in ids()] if "id" in columns else ()

    rows = Rows(dataset, dataset_config, split, revision, len(taken), names, columns, read, read_ids, about, problem)
    return rows


def _columns(table: DataTable, config: Config, dataset: str, labels: ModelLabels) -> tuple[dict[str, str], str | None]:
    """The columns of text, label and id, as far as they exist; and what is wrong with one that may hold labels."""
    types = table.types
    usual = [name for wanted in LABELS for name in types if name.strip().casefold() == wanted]
    label = _asked(table, config.label_column, LABEL, "label", dataset, labels)
    label = label or next((name for name in usual if _is(types[name], LABEL)), None)
    problem = _unusable(usual[0], f"is of type {types[usual[0]]}") if usual and label is None else None
    ids = re.compile(f"{STRING.pattern}|{INTEGER.pattern}")
    id_ = _asked(table, config.id_column, ids, "id", dataset, labels) or _usual(types, "id", ids)
    found = {role: name for role, name in (("label", label), ("id", id_)) if name is not None}
    wanted = config.text_column or _usual(types, "text", re.compile(".*"))
    text = _asked(table, wanted, STRING, "text", dataset, labels)
    if text is None:
        texts = [name for name in types if _is(types[name], STRING) and name not in found.values()]
        if len(texts) != 1:
            reason = "several columns hold strings" if texts else "no column holds strings"
            likely = _longest(table, texts)
            raise DataError(
                f'{dataset}: no column "text", and {reason}: {_listed(types)}',
                hint=f"choose the text column: {_named('text', likely)}" if likely else "texts must be strings",
            )
        text = texts[0]
    return {"text": text, **found}, problem


def _usual(types: dict[str, str], usual: str, kind: re.Pattern[str]) -> str | None:
    """The column with the usual name, whatever the space around it and the case of its letters."""
    alike = [name for name in types if name.strip().casefold() == usual and _is(types[name], kind)]
    return usual if usual in alike else next(iter(alike), None)


def _asked(
    table: DataTable, asked: str | None, kind: re.Pattern[str], role: str, dataset: str, labels: ModelLabels
) -> str | None:
    """The column that the user has named; None if none was named.

    Raises:
        DataError: If it does not exist or is of the wrong type; with the column that is likely to be meant.
    """
    if asked is None:
        return None
    types = table.types
    asked = next((name for name in types if name.strip() == asked.strip()), asked) if asked not in types else asked
    if asked in types and _is(types[asked], kind):
        return asked
    near = difflib.get_close_matches(asked, [name for name in types if name != asked], n=1, cutoff=0.8)
    likely = next(iter(near), None) or _likely(table, role, labels)
    if asked not in types:
        raise DataError(
            f'{dataset}: no column "{clean(asked)}"; it has {_listed(types)}',
            hint=f"did you mean {_named(role, likely)}?" if likely else f"choose one with {option(f'{role}_column')}",
        )
    wanted = {"text": "texts must be strings", "label": KINDS, "id": "ids must be strings or integers"}[role]
    raise DataError(
        f'{dataset}: column "{clean(asked)}" is of type {types[asked]}; {wanted}',
        hint=(f"use {_named(role, likely)}; " if likely else "") + f"it has {_listed(types)}",
    )


def _named(role: str, column: str) -> str:
    """The option that names a column, as a shell takes it."""
    return f"{option(f'{role}_column')} {shlex.quote(clean(column))}"


def _likely(table: DataTable, role: str, labels: ModelLabels) -> str | None:
    """The column that is likely to hold texts or labels; None if no column is."""
    if role == "text":
        return _longest(table, [name for name in table.types if _is(table.types[name], STRING)])
    if role == "label":
        return _with_labels(table, (), labels) or _with_labels(table, (), labels, indices=True)
    return None


def _longest(table: DataTable, columns: Sequence[str]) -> str | None:
    """The column of strings with the longest texts, as far as the first rows show."""
    lengths = dict.fromkeys(columns, 0)
    for row in table.head(columns) if columns else ():
        for name, value in zip(columns, row, strict=True):
            lengths[name] += len(value) if isinstance(value, str) else 0
    return max(lengths, key=lengths.__getitem__, default=None)


def _with_labels(table: DataTable, others: Iterable[str], labels: ModelLabels, *, indices: bool = False) -> str | None:
    """The column in which every value is a label of the model, and which has most of them; None if there is none.

    Args:
        table: Its first rows are read.
        others: Columns that hold something else.
        labels: Of the model.
        indices: Whether it holds all indices of the labels, not their names.
    """
    named = labels()
    columns = [name for name, kind in table.types.items() if name not in others and _is(kind, CERTAIN)]
    if not named or not columns:
        return None
    find = find_index if indices else find_name
    best, most = None, len(named) - 1 if indices else 0
    for name, values in zip(columns, zip(*table.head(columns), strict=True), strict=False):
        found = {find(value, named) for value in values if value not in (None, "")}
        if None not in found and len(found) > most:
            best, most = name, len(found)
    return best


def _elsewhere(table: DataTable, columns: dict[str, str], labels: ModelLabels) -> str | None:
    """A sentence on a column with the model's labels, where no column is called like one; None without one."""
    found = _with_labels(table, columns.values(), labels)
    if found is None:
        return None
    return (
        f"No column is called label, so no gold label is known. Column “{clean(found)}” holds labels of the model: "
        f"{_named('label', found)} uses them."
    )


def _unusable(column: str, fact: str) -> str:
    return f"Column “{clean(column)}” {fact}, so no gold label is known: {KINDS}. --label-column names another column."


def _all_labels(
    loaded: Loaded, column: str, names: Sequence[str], labels: ModelLabels
) -> tuple[LabelColumn, Any | None]:
    """What is known of all labels of a column; and a value that is no label, if most are none."""
    different: dict[Label, None] = {}
    bad, bads, count = None, 0, 0
    for value in loaded.values(column):
        usable, label = _as_label(value)
        count += label is not None or not usable
        if not usable:
            bad, bads = (value if bad is None else bad), bads + 1
        elif len(different) < MOST_DIFFERENT:
            different[label] = None
    if bads and 2 * bads >= count:  # of a few, each is an error of its row
        return ALONE, bad
    texts = [label for label in different if isinstance(label, str) and label.strip()]
    measured = next((text for text in texts if FRACTION.fullmatch(text.strip())), None)
    if measured is not None and all(map(_is_number, texts)):
        known = labels()  # may be called by such numbers
        if all(find_name(text, known) is None for text in texts):
            return ALONE, measured
    return column_of(different, names), None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _as_label(value: Any) -> tuple[bool, str | int | None]:
    """Whether a value can be a label, and the label: None if missing, a list as JSON."""
    if value is None or value == "" or value != value:
        return True, None
    if isinstance(value, float | Decimal) and value % 1 == 0:  # pandas turns integers into floats if some are missing
        return True, int(value)
    if isinstance(value, bool | int | str):
        return True, value
    if isinstance(value, list | tuple):
        items = [(False, None) if isinstance(item, list) else _as_label(item) for item in value]
        if all(usable and item is not None for usable, item in items):
            return True, json.dumps([item for _, item in items], ensure_ascii=False)
    return False, None


def _first_wrong(loaded: Loaded, taken: range, column: str, bad: Any, where: str) -> DataError:
    """The error of a column that cannot be used, with the first row where this shows."""
    for row, (value,) in enumerate(loaded.read((column,), taken)):
        if not _as_label(value)[0]:
            return _wrong(row, column, value, where, hint=KINDS)
    return DataError(f'{where}: column "{clean(column)}" holds {_shown(bad)}', hint=KINDS)


def _is(type_: str, kind: re.Pattern[str]) -> bool:
    """Whether a type is of a kind; values may be missing."""
    parts = set(type_.split(" or "))
    parts = parts - {"null"} or parts  # of a column of nothing, its kind decides
    return all(kind.fullmatch(part) for part in parts)


def _listed(types: dict[str, str]) -> str:
    named = [f"{clean(name) or '(no name)'} ({type_})" for name, type_ in types.items()][:MOST_NAMED]
    more = [f"and {len(types) - MOST_NAMED:,} more"] if len(types) > MOST_NAMED else []
    return ", ".join(named + more) or "no columns"


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
    """A label as it is, a list as JSON; None if missing, which is empty in text files, and -1 for named integers."""
    if names and value == -1:
        return None
    usable, label = _as_label(value)
    if not usable:
        raise _wrong(index, columns["label"], value, where, hint=KINDS)
    return label


def _wrong(index: int, column: str, value: object, where: str, *, hint: str) -> DataError:
    return DataError(f'row {index} of {where}: column "{clean(column)}" holds {_shown(value)}', hint=hint)


def _shown(value: object) -> str:
    return "nothing" if value is None else f"{clean(str(value))[:40]} ({type(value).__name__})"


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
