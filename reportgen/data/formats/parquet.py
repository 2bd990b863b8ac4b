"""Open Parquet files as one table, and read only the requested columns and row groups, page by page.

A row group up to `KEPT` bytes stays in memory for the next request; of a larger one, at most one page is in memory.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reportgen.core.characters import clean
from reportgen.core.errors import DataError
from reportgen.core.nouns.labels import listed
from reportgen.data.formats.foreign_files import refuse_no_rows
from reportgen.data.formats.table import DataTable, Loaded
from reportgen.data.formats.text_formats import regular

KEPT = 256 * 2**20  # bytes of row groups that stay in memory
BATCH = 64  # rows that are read at once
MANY = 8192  # rows of one column that are read at once
BUFFER = 2**20  # bytes that are read from the file at once


def open_parquet(files: Sequence[Path]) -> DataTable:
    """The rows of the files, one after another, as a table.

    Raises:
        DataError: If a file is no Parquet, is cut off, or its columns are not those of the first, or it calls the
            integers of a column otherwise.
    """
    opened = [_open(file) for file in files]
    types = column_types(opened[0].schema_arrow, files[0].name)
    names, called = [clean(file.name) for file in files], _label_names(opened[0].schema_arrow)
    for name, path, other in zip(names[1:], files[1:], opened[1:], strict=True):
        if column_types(other.schema_arrow, path.name) != types:
            raise DataError(
                f"{name}: its columns differ from those of {names[0]}",
                hint="files of one split need the same columns with the same types",
            )
        _refuse_other_names(name, _label_names(other.schema_arrow), names[0], called)
    return DataTable(types, lambda columns: _load(opened, names, columns), called)


def column_types(schema: Any, name: str) -> dict[str, str]:
    """The types of the columns of an Arrow schema, by name; a category's is that of its values.

    Raises:
        DataError: If two columns have the same name.
    """
    from pyarrow.types import is_dictionary

    types: dict[str, str] = {}
    for column in schema:
        if column.name in types:
            raise DataError(f'{clean(name)}: two columns are called "{clean(column.name)}"', hint="rename one of them")
        types[column.name] = str(column.type.value_type if is_dictionary(column.type) else column.type)
    return types


def cells(table: Any, columns: Sequence[str], row: int) -> tuple[Any, ...]:
    """The values of a row of an Arrow table or batch.

    Raises:
        DataError: If one is a string that is not UTF-8.
    """
    values = []
    for name in columns:
        try:
            values.append(table.column(name)[row].as_py())
        except UnicodeDecodeError as error:
            raise DataError(
                f'column "{clean(name)}": a string is not UTF-8 at byte {error.start}', hint="write the file again"
            ) from error
    return tuple(values)


def different(values: Any, name: str) -> list[Any]:
    """The different values of an Arrow array; of lists, all. *name* is the file that errors name."""
    import pyarrow

    with arrow_errors(name):
        with contextlib.suppress(pyarrow.ArrowNotImplementedError):
            values = values.unique()
        return values.to_pylist()  # type: ignore[no-any-return]


@contextlib.contextmanager
def arrow_errors(name: str) -> Iterator[None]:
    """Turn errors of pyarrow while it reads a file into a `DataError` that names the file."""
    import pyarrow

    try:
        yield
    except MemoryError as error:
        raise DataError(f"{name}: not enough memory to read it", hint="the file may be damaged") from error
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error).strip().rstrip(".")
        raise DataError(
            f"{name}: cannot be read: {reason}", hint="the file may be incomplete, or of another format"
        ) from error


def _open(path: Path) -> Any:
    from pyarrow.parquet import ParquetFile

    with regular(path).open("rb") as begun:
        refuse_no_rows(begun.read(BUFFER), path, form="Parquet")
    with arrow_errors(clean(path.name)):
        # subtle: both are needed, or all of a column is read at once
        file = ParquetFile(regular(path), buffer_size=BUFFER, pre_buffer=False)
    counts = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
    if min(counts, default=0) < 0 or sum(counts) != file.metadata.num_rows:
        raise _untrue(path.name, f"{file.metadata.num_rows} rows, its row groups have {sum(counts)}")
    return file


def _untrue(name: str, claim: str) -> DataError:
    return DataError(
        f"{clean(name)}: its footer claims {claim}", hint="the file is damaged; write or download it again"
    )


def _label_names(schema: Any) -> dict[str, tuple[str, ...]]:
    """The names of integer labels, which `datasets` writes into the files."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        kinds = {column: _inner(kind) for column, kind in features.items()}
        return {
            column: tuple(map(str, kind["names"]))
            for column, kind in kinds.items()
            if isinstance(kind, dict) and kind.get("_type") == "ClassLabel"  # a list or a struct is no such thing
        }
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return {}


def _refuse_other_names(
    name: str, names: dict[str, tuple[str, ...]], first: str, called: dict[str, tuple[str, ...]]
) -> None:
    """Refuse a file of which an integer means another label than in the first: files are often numbered apart."""
    for column in sorted(names.keys() & called.keys()):
        if names[column] != called[column]:
            raise DataError(
                f'{name}: column "{clean(column)}" calls its integers {listed(names[column])}, in {first} '
                f"{listed(called[column])}",
                hint="write the files with the same names in the same order, or the names instead of integers",
            )


def _inner(kind: Any) -> Any:
    """The kind of the values in a list, or the kind itself; older versions write a list of one kind."""
    if isinstance(kind, list) and len(kind) == 1:
        return kind[0]
    lists = isinstance(kind, dict) and kind.get("_type") in ("List", "LargeList", "Sequence")
    return kind["feature"] if lists else kind


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """The row groups of several files, counted through, of some columns."""

    files: Sequence[Any]
    names: Sequence[str]  # of the files
    places: Sequence[tuple[int, int, range]]  # file, row group in it, its rows in the table
    kept: dict[tuple[int, tuple[str, ...]], list[Any]] = field(default_factory=dict)

    def read(self, columns: Sequence[str], indices: Iterable[int]) -> Iterator[tuple[Any, ...]]:
        """Rows in the order asked for; those that are not asked for in order are gathered first."""
        wanted = list(indices)
        ordered = sorted(set(wanted))
        if wanted == ordered:
            yield from self._ascending(columns, ordered)
        else:
            gathered = dict(zip(ordered, self._ascending(columns, ordered), strict=True))
            yield from (gathered[index] for index in wanted)

    def values(self, column: str) -> Iterator[Any]:
        """The different values of a column, of every batch of rows."""
        for group in range(len(self.places)):
            for batch in self._stream(group, (column,), size=MANY):
                yield from different(batch.column(0), self.names[self.places[group][0]])

    def _ascending(self, columns: Sequence[str], indices: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        waiting = iter(indices)
        index = next(waiting, None)
        for group, (file, _, rows) in enumerate(self.places):
            if index is None:
                return
            if index not in rows:
                continue
            start = rows.start
            for batch in self._batches(group, tuple(columns)):
                stop = start + batch.num_rows
                while index is not None and index < stop:
                    yield cells(batch, columns, index - start)
                    index = next(waiting, None)
                start = stop
                if index is None or index >= rows.stop:
                    break
            if index is not None and index < rows.stop:
                raise _untrue(self.names[file], f"{len(rows)} rows in a row group that ends after {start - rows.start}")

    def _batches(self, group: int, columns: tuple[str, ...]) -> Iterable[Any]:
        """The rows of a group, kept in memory if small, otherwise read again each time."""
        if (group, columns) not in self.kept and self._claimed(group, columns) <= KEPT:
            batches, size = [], 0
            for batch in self._stream(group, columns):
                batches.append(batch)
                size += batch.nbytes
                if size > KEPT:  # the footer said less
                    return self._stream(group, columns)
            while self.kept and size + sum(batch.nbytes for held in self.kept.values() for batch in held) > KEPT:
                del self.kept[next(iter(self.kept))]
            self.kept[group, columns] = batches
        return self.kept.get((group, columns)) or self._stream(group, columns)

    def _claimed(self, group: int, columns: tuple[str, ...]) -> int:
        file, number, _ = self.places[group]
        held = self.files[file].metadata.row_group(number)
        chunks = (held.column(position) for position in range(held.num_columns))
        return sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in columns)

    def _stream(self, group: int, columns: tuple[str, ...], *, size: int = BATCH) -> Iterator[Any]:
        file, number, _ = self.places[group]
        with arrow_errors(self.names[file]):
            yield from self.files[file].iter_batches(
                batch_size=size, row_groups=[number], columns=list(columns), use_threads=False
            )


def _load(files: Sequence[Any], names: Sequence[str], columns: Sequence[str]) -> Loaded:
    places, count = [], 0
    for number, file in enumerate(files):
        for group in range(file.metadata.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            places.append((number, group, range(count, count + rows)))
            count += rows
    groups = _Groups(files, names, places)
    return Loaded(count, groups.read, groups.values)
