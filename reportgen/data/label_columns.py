"""Say what the labels of a table are: of one column, or of one column for each label of the model.

One decision holds for all rows. A value that can be no label is an error of its row; a column of such values cannot be
used.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from reportgen.core.characters import clean
from reportgen.core.errors import DataError
from reportgen.core.nouns.labels import (
    ALONE,
    GENERIC,
    TRUTH,
    Label,
    LabelColumn,
    column_of,
    find_index,
    find_name,
    integer_text,
    listed,
)
from reportgen.data.formats.table import DataTable, Loaded, bare, shown, wrong

STRING = re.compile(r"(large_)?string(_view)?")
INTEGER = re.compile(r"u?int\d+|integer")
CERTAIN = re.compile(rf"{STRING.pattern}|{INTEGER.pattern}|bool(ean)?|null")  # types whose values are labels
LISTS = r"(large_|fixed_size_)?list(_view)?(<.*>)?(\[\d+\])?"
NUMBER = r"number|float|double|halffloat|decimal\d*\(.*\)"
LABEL = re.compile(rf"{CERTAIN.pattern}|{NUMBER}|{LISTS}")  # may be
FLAG = re.compile(rf"{CERTAIN.pattern}|{NUMBER}")  # may be 0 or 1
FRACTION = re.compile(r"[+-]?\d*\.\d*[1-9]\d*")
KINDS = "labels must be integers, strings, true or false, or lists of these"
MOST_DIFFERENT = 1000  # labels of a column that are compared with those of the model

ModelLabels = Callable[[], Sequence[str]]  # the names of the model's labels, read when they are needed


def is_kind(type_: str, kind: re.Pattern[str]) -> bool:
    """Whether a type is of a kind; values may be missing."""
    parts = set(type_.split(" or "))
    parts = parts - {"null"} or parts  # of a column of nothing, its kind decides
    return all(kind.fullmatch(part) for part in parts)


def label_of(index: int, value: Any, column: str, names: Sequence[str], where: str) -> str | int | None:
    """A label as it is, a list as JSON; None if missing, which is empty in text files, and -1 for named integers.

    Raises:
        DataError: If it can be no label.
    """
    if names and value == -1:
        return None
    usable, label = _as_label(value)
    if not usable:
        raise wrong(index, column, value, where, hint=KINDS)
    return label


def all_labels(
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


def first_wrong(loaded: Loaded, taken: range, column: str, bad: Any, where: str) -> DataError:
    """The error of a column that cannot be used, with the first row where this shows."""
    for row, (value,) in enumerate(loaded.read((column,), taken)):
        if not _as_label(value)[0]:
            return wrong(row, column, value, where, hint=KINDS)
    return DataError(f'{where}: column "{clean(column)}" holds {shown(bad)}', hint=KINDS)


def unusable(column: str, fact: str) -> str:
    """A sentence on a column called label that holds none."""
    return f"Column “{clean(column)}” {fact}, so no gold label is known: {KINDS}. --label-column names another column."


def with_labels(table: DataTable, others: Iterable[str], labels: ModelLabels, *, indices: bool = False) -> str | None:
    """The column in which every value is a label of the model, and which has most of them; None if there is none.

    Args:
        table: Its first rows are read.
        others: Columns that hold something else.
        labels: Of the model.
        indices: Whether it holds all indices of the labels, not their names.
    """
    named, others = labels(), set(others)
    columns = [name for name, kind in table.types.items() if name not in others and is_kind(kind, CERTAIN)]
    if not named or not columns:
        return None
    find = find_index if indices else find_name
    best, most = None, len(named) - 1 if indices else 0
    for name, values in zip(columns, zip(*table.head(columns), strict=True), strict=False):
        found = {find(value, named) for value in values if value not in (None, "")}
        if None not in found and len(found) > most:
            best, most = name, len(found)
    return best


# --- one column for each label ---------------------------------------------------------------------------------------


def flag_columns(table: DataTable, labels: ModelLabels) -> tuple[dict[str, str], str | None]:
    """The columns that are called like the labels of the model and hold 0 or 1, by the label; or why there are none.

    A column of that name which holds words is no such column. Nothing is said of a single one.

    Args:
        table: Its first rows are read.
        labels: Of the model.
    """
    named = labels()
    found = _called_like(table.types, named)
    if len(found) < 2:
        return {}, None
    numbers = _only_numbers(table, found)
    measured = next((value for value in numbers.values() if value is not None), None)
    called = f"Columns {_some(found[label] for label in numbers)} are called like labels of the model"
    if len(numbers) < 2:
        return {}, None
    if measured is not None:
        return {}, f"{called}, but hold {shown(measured)}, not only 0 and 1, so no gold label is known."
    missing = [label for label in named if label not in numbers]
    if missing:
        return {}, f"{called}, and none is called {_some(missing)}, so no gold label is known."
    return {label: found[label] for label in named}, None


def named_flag_columns(table: DataTable, asked: str, labels: ModelLabels, dataset: str) -> dict[str, str]:
    """The columns that the user names for the labels, "toxic,threat", by the label; {} if these are no columns.

    Raises:
        DataError: If one is called like no label of the model, or a label has none.
    """
    known = {bare(name): name for name in table.types}
    parts = [bare(part) for part in asked.split(",")]
    if len(parts) < 2 or asked in table.types or not all(part in known for part in parts):
        return {}
    named = labels()
    found = _called_like({known[part]: table.types[known[part]] for part in parts}, named)
    strange = [part for part in parts if known[part] not in found.values()]
    missing = [label for label in named if label not in found]
    if strange or missing:
        fact = f"column {_some(strange)} is called like no label" if strange else f"no column for {_some(missing)}"
        names = ",".join(parts)
        renamed = f"--labels {shlex.quote(clean(names))} calls its labels so, in the order of its outputs"
        called = named and not all(GENERIC.fullmatch(label) for label in named)
        raise DataError(
            f"{dataset}: --label-column {clean(asked)}: {fact} of the model",
            hint=f"name one for each of its labels: {_some(named)}" if called else renamed,
        )
    return {label: found[label] for label in named}


def flagged(flags: Mapping[str, str], values: Sequence[Any]) -> list[str] | None:
    """The labels of a row of which its columns say 1; None if one of them says nothing, or -1."""
    found = dict(zip(flags, map(_flag, values), strict=True))
    return None if None in found.values() else [label for label, flag in found.items() if flag]


def all_flags(loaded: Loaded, flags: Mapping[str, str]) -> tuple[LabelColumn, str | None]:
    """What is known of the labels of such columns; or a sentence on a value that is neither 0 nor 1."""
    for column in flags.values():
        for value in loaded.values(column):
            if not _is_flag(value):
                fact = f"holds {shown(value)}, and the other labels have columns of 0 and 1"
                return ALONE, f"Column “{clean(column)}” {fact}, so no gold label is known."
    return column_of([json.dumps(list(flags), ensure_ascii=False)]), None


def _called_like(names: Iterable[str], labels: Sequence[str]) -> dict[str, str]:
    """Columns by the label that they are called like; those of the very name come first."""
    found: dict[str, str] = {}
    for name in names:
        index = find_name(bare(name), labels)
        if index is not None and (labels[index] not in found or name == labels[index]):
            found[labels[index]] = name
    return found


def _only_numbers(table: DataTable, columns: Mapping[str, str]) -> dict[str, Any]:
    """Of some columns, those with only numbers in the first rows; each with one that is neither 0 nor 1, or None."""
    fitting = {label: name for label, name in columns.items() if is_kind(table.types[name], FLAG)}
    names = list(fitting.values())
    heads = zip(*table.head(names), strict=True) if names else ()
    kept: dict[str, Any] = {}
    for label, values in zip(fitting, heads, strict=False):
        others = [value for value in values if not _is_flag(value)]
        if all(isinstance(value, float | int | Decimal) or _is_number(str(value)) for value in others):
            kept[label] = next(iter(others), None)
    return kept


def _is_flag(value: Any) -> bool:
    usable, label = _as_label(value)
    return usable and (label is None or label == "" or _flag(label) is not None or _is_below_0(label))


def _flag(value: Any) -> bool | None:
    """Whether a value is 1 or 0; None for anything else."""
    text = integer_text(_as_label(value)[1]) or ""
    return {"0": False, "1": True}.get(TRUTH.get(text, text))


def _is_below_0(label: Label) -> bool:
    """Whether it is the -1 of rows that nobody has labelled."""
    return _is_number(str(label)) and float(str(label)) < 0 and float(str(label)).is_integer()


def _some(names: Iterable[str]) -> str:
    return listed([clean(name) for name in names])


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
