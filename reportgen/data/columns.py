"""Turn a table into rows: find the columns with text, label and id, and read them.

`sources.py` and the modules that it calls open the table. A column that may hold labels and cannot be used is an error
if the user has named it, and a warning in the report if not.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from reportgen.core.characters import clean
from reportgen.core.config import Config, option
from reportgen.core.errors import DataError
from reportgen.core.nouns.labels import ALONE, LabelColumn
from reportgen.data.dataset_rows import Row, Rows, place
from reportgen.data.formats.table import DataTable, Loaded, bare, shown, wrong
from reportgen.data.label_columns import (
    INTEGER,
    KINDS,
    LABEL,
    STRING,
    ModelLabels,
    all_flags,
    all_labels,
    first_wrong,
    flag_columns,
    flagged,
    is_kind,
    label_of,
    named_flag_columns,
    unusable,
    with_labels,
)

LABELS = ("label", "labels")  # usual names of the column
NESTED = re.compile(r"object|(large_|fixed_size_)?list.*|struct<.*|map<.*")  # types whose values may hold strings
MOST_NAMED = 20  # columns that an error lists
WORDS_OF_A_HEADER = 5  # at most
FAR_LONGER = 4  # times the longest string of a column: strings inside another one are more likely to be the texts


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that are read."""

    roles: dict[str, str]  # {"text": "body", "label": "y", "id": "doi", "title": "name"}; what there is not is left out
    flags: dict[str, str]  # the column of 0 and 1 of each label of the model; {} without such columns
    problem: str | None  # why there is no label, where a column may hold labels, in a sentence

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((*self.roles.values(), *self.flags.values())))


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
    chosen = _columns(table, config, dataset, labels)
    needed = chosen.names
    loaded = table.load(needed)
    taken = part(loaded.count)
    if not taken:
        raise DataError(f"{where}: no rows", hint=f"the split has {loaded.count} rows" if loaded.count else None)
    names = table.label_names.get(chosen.roles.get("label", ""), ())
    chosen, about = _with_usable_labels(table, loaded, taken, chosen, config, labels, where)
    columns, flags = chosen.roles, chosen.flags
    ids = partial(_ids, loaded, taken, columns.get("id", ""), where)
    if "id" in columns and not _identify(ids, asked=config.id_column is not None):
        del columns["id"]

    def read(indices: Iterable[int]) -> Iterator[Row]:
        wanted = [rows.check(index) for index in indices]
        cells = loaded.read(needed, (taken[index] for index in wanted))
        for index, values in zip(wanted, cells, strict=True):
            found = dict(zip(needed, values, strict=True))
            row = {role: found[name] for role, name in columns.items()}
            if flags:
                row["label"] = flagged(flags, [found[name] for name in flags.values()])
            yield _row(index, row, columns, names, where)

    def read_ids() -> Sequence[str]:
        return [str(value) for value in ids()] if "id" in columns else ()

    told = {**columns, "label": ", ".join(flags.values())} if flags else columns
    rows = Rows(
        dataset, dataset_config, split, revision, len(taken), names, told, read, read_ids, about, chosen.problem
    )
    return rows


def _with_usable_labels(
    table: DataTable,
    loaded: Loaded,
    taken: range,
    chosen: Columns,
    config: Config,
    labels: ModelLabels,
    where: str,
) -> tuple[Columns, LabelColumn]:
    """The columns without those whose values are no labels; and what is known of all labels.

    Raises:
        DataError: If the user has named a column whose values are no labels.
    """
    asked, problem, about = config.label_column is not None, chosen.problem, ALONE
    roles, flags = dict(chosen.roles), chosen.flags
    if "label" in roles:
        names = table.label_names.get(roles["label"], ())
        about, bad = all_labels(loaded, roles["label"], names, labels)
        if bad is not None and asked:
            raise first_wrong(loaded, taken, roles["label"], bad, where)
        if bad is not None:
            problem = unusable(roles.pop("label"), f"holds {shown(bad)}")
        elif not asked and not any(map(_is_there, loaded.values(roles["label"]))):
            problem = _elsewhere(table, roles, labels, f"Column “{clean(roles['label'])}” is empty")
    elif flags:
        about, problem = all_flags(loaded, flags)
        if problem is not None and asked:
            raise DataError(f"{where}: {problem}", hint="each of these columns needs 0 or 1, or true or false")
        flags = {} if problem else flags
    elif problem is None and not asked:
        problem = _elsewhere(table, roles, labels)
    return Columns(roles, flags, problem), about


def _columns(table: DataTable, config: Config, dataset: str, labels: ModelLabels) -> Columns:
    """The columns of text, label and id, as far as they exist."""
    types, problem = table.types, None
    usual = [name for wanted in LABELS for name in types if bare(name).casefold() == wanted]
    flags = named_flag_columns(table, config.label_column or "", labels, dataset)
    label = None if flags else _asked(table, config.label_column, LABEL, "label", dataset, labels)
    label = label or next((name for name in usual if is_kind(types[name], LABEL) and not flags), None)
    if label is None and not flags:
        flags, problem = flag_columns(table, labels)
        if usual and not flags:
            problem = unusable(usual[0], f"is of type {types[usual[0]]}")
    ids = re.compile(f"{STRING.pattern}|{INTEGER.pattern}")
    id_ = _asked(table, config.id_column, ids, "id", dataset, labels) or _usual(types, "id", ids)
    title = _asked(table, config.title_column, ids, "title", dataset, labels)
    found = {role: name for role, name in (("label", label), ("id", id_), ("title", title)) if name is not None}
    others = {*found.values(), *flags.values()}
    wanted = config.text_column or _usual(types, "text", re.compile(".*"))
    text = _asked(table, wanted, STRING, "text", dataset, labels) or _only_text(table, others, dataset, labels)
    usual_title = None if title else _usual(types, "title", STRING)  # which may be the only column of text
    if usual_title not in (None, text, *found.values()):
        found["title"] = str(usual_title)
    return Columns({"text": text, **found}, flags, problem)


def _only_text(table: DataTable, others: set[str], dataset: str, labels: ModelLabels) -> str:
    """The only column of strings; *others* hold something else.

    Raises:
        DataError: If there is none, there are several, or another column holds far longer strings inside its values.
    """
    types = table.types
    texts = [name for name in types if is_kind(types[name], STRING) and name not in others]
    named = [name for name in texts if bare(name)] or texts  # spreadsheets and pandas leave columns without a name
    if len(named) != 1:
        reason = "several columns hold strings" if texts else "no column holds strings"
        likely = _likely_text(table, named, labels)
        advice = [_as_strings(name, types[name]) for name in types if name not in others]
        hint = next(filter(None, advice), "texts must be strings")
        if _are_a_row(types, labels):
            hint = "its first line seems to be a row: write the names of the columns above it, for example text,label"
        elif likely:
            hint = f"choose the text column: {_named('text', likely)}"
        raise DataError(f'{dataset}: no column "text", and {reason}: {_listed(types)}', hint=hint)
    nested = [name for name in types if is_kind(types[name], NESTED) and name not in others]
    head = [dict(zip((named[0], *nested), row, strict=True)) for row in table.head((named[0], *nested))]
    own = max((_longest_inside(row[named[0]]) for row in head), default=0)
    for name in nested:
        if any(_longest_inside(row[name]) > FAR_LONGER * own or _has_a_text(row[name]) for row in head):
            raise DataError(
                f'{dataset}: no column "text"; the only column of strings is "{clean(named[0])}", but the texts seem '
                f'to be inside the values of "{clean(name)}"',
                hint=f"write them to a column of their own, or choose {_named('text', named[0])}",
            )
    return named[0]


def _are_a_row(headers: Iterable[str], labels: ModelLabels) -> bool:
    """Whether headers are a row of a file without headers: one is a sentence, another a label of the model."""
    cells = [bare(name) for name in headers]
    return any(len(cell.split()) > WORDS_OF_A_HEADER for cell in cells) and not set(labels()).isdisjoint(cells)


def _as_strings(column: str, type_: str) -> str | None:
    """How pandas writes the values of a column as strings, where they are of a type that may hold them."""
    name = f'df["{clean(column)}"].str'
    if re.fullmatch(r"(large_)?binary(_view)?", type_):
        made = f'{name}.decode("utf-8")'
    elif re.fullmatch(r"(large_|fixed_size_)?list<[^<]*: (large_)?string(_view)?>(\[\d+\])?", type_):
        made = f'{name}.join(" ")'
    elif re.fullmatch(r"struct<(.*, )?text: (large_)?string(_view)?\b.*>", type_):
        made = f'{name}["text"]'
    else:
        return None
    return f'write them as strings; with pandas: df["text"] = {made}'


def _has_a_text(value: Any) -> bool:
    """Whether a mapping has a string called text; of a list, whether one of its mappings has."""
    if isinstance(value, list | tuple):
        return any(map(_has_a_text, value))
    return isinstance(value, Mapping) and isinstance(value.get("text"), str)


def _longest_inside(value: Any) -> int:
    """Length of the longest string in a value, however deep; of a mapping, without its keys."""
    if isinstance(value, str):
        return len(value)
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return max(map(_longest_inside, parts), default=0)


def _usual(types: dict[str, str], usual: str, kind: re.Pattern[str]) -> str | None:
    """The column with the usual name, whatever the space around it and the case of its letters."""
    alike = [name for name in types if bare(name).casefold() == usual and is_kind(types[name], kind)]
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
    asked = next((name for name in types if bare(name) == bare(asked)), asked) if asked not in types else asked
    if asked in types and is_kind(types[asked], kind):
        return asked
    near = difflib.get_close_matches(asked, [name for name in types if name != asked], n=1, cutoff=0.8)
    likely = next(iter(near), None) or _likely(table, role, labels)
    outer = asked.partition(".")[0]
    if asked not in types:
        inside = _as_strings(outer, types.get(outer, "")) if role == "text" else None
        meant = f"did you mean {_named(role, likely)}?" if likely else f"choose one with {option(f'{role}_column')}"
        raise DataError(f'{dataset}: no column "{clean(asked)}"; it has {_listed(types)}', hint=inside or meant)
    plain = "must be strings or integers"
    wanted = {"text": "texts must be strings", "label": KINDS, "id": f"ids {plain}", "title": f"titles {plain}"}[role]
    advice = _as_strings(asked, types[asked]) if role == "text" else None
    others = (f"use {_named(role, likely)}; " if likely else "") + f"it has {_listed(types)}"
    raise DataError(
        f'{dataset}: column "{clean(asked)}" is of type {types[asked]}; {wanted}',
        hint=f"{advice}; or {others}" if advice and likely else advice or others,
    )


def _named(role: str, column: str) -> str:
    """The option that names a column, as a shell takes it."""
    return f"{option(f'{role}_column')} {shlex.quote(clean(column))}"


def _likely(table: DataTable, role: str, labels: ModelLabels) -> str | None:
    """The column that is likely to hold texts or labels; None if no column is."""
    if role == "text":
        return _likely_text(table, [name for name in table.types if is_kind(table.types[name], STRING)], labels)
    if role == "label":
        return with_labels(table, (), labels) or with_labels(table, (), labels, indices=True)
    return None


def _likely_text(table: DataTable, columns: Sequence[str], labels: ModelLabels) -> str | None:
    """The column of strings with the longest texts that are no labels of the model."""
    taken = {with_labels(table, (), labels), *(name for name in columns if bare(name).casefold() in LABELS)}
    return _longest(table, [name for name in columns if name not in taken])


def _longest(table: DataTable, columns: Sequence[str]) -> str | None:
    """The column of strings with the longest texts, as far as the first rows show."""
    lengths = dict.fromkeys(columns, 0)
    for row in table.head(columns) if columns else ():
        for name, value in zip(columns, row, strict=True):
            lengths[name] += len(value) if isinstance(value, str) else 0
    return max(lengths, key=lengths.__getitem__, default=None)


def _elsewhere(
    table: DataTable, columns: dict[str, str], labels: ModelLabels, fact: str = "No column is called label"
) -> str | None:
    """A sentence on a column with the model's labels, where the usual one gives none; None without one."""
    found = with_labels(table, columns.values(), labels)
    if found is None:
        return None
    return (
        f"{fact}, so no gold label is known. Column “{clean(found)}” holds labels of the model: "
        f"{_named('label', found)} uses them."
    )


def _is_there(value: Any) -> bool:
    return value not in (None, "", -1) and value == value  # -1: not labelled


def _listed(types: dict[str, str]) -> str:
    named = [f"{clean(name) or '(no name)'} ({type_})" for name, type_ in types.items()][:MOST_NAMED]
    more = [f"and {len(types) - MOST_NAMED:,} more"] if len(types) > MOST_NAMED else []
    return ", ".join(named + more) or "no columns"


def _row(index: int, values: dict[str, Any], columns: dict[str, str], names: Sequence[str], where: str) -> Row:
    text = values["text"]
    if not isinstance(text, str):
        raise wrong(index, columns["text"], text, where, hint="texts must be strings; clean the data first")
    identity, title = values.get("id"), values.get("title")
    return Row(
        index=index,
        text=text,
        label=label_of(index, values.get("label"), columns.get("label", ""), names, where),
        id=None if identity is None else str(identity),
        title=None if title is None else str(title),
    )


def _ids(loaded: Loaded, taken: range, column: str, where: str) -> Iterator[Any]:
    """The values of the column of ids.

    Raises:
        DataError: If one is missing, no id, or there twice.
    """
    rows: dict[str, int] = {}
    for row, (value,) in enumerate(loaded.read((column,), taken)):
        if not isinstance(value, (str, int)):
            raise wrong(row, column, value, where, hint="every row needs an id; leave out --id-column, or use --index")
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
