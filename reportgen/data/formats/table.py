"""A table as every format gives it: the names and types of its columns, and the values that are read on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from reportgen.core.characters import clean
from reportgen.core.errors import DataError

SEEN = 200  # rows that show which column is meant
EDGES = "\ufeff\u200b\u200c\u200d\u2060"  # invisible characters that files get glued to their headers


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


def bare(name: str) -> str:
    r"""The name of a column without space and invisible characters around it.

    >>> bare("\ufeff text\u200b ")
    'text'
    """
    return name.strip().strip(EDGES).strip()


def wrong(index: int, column: str, value: object, where: str, *, hint: str) -> DataError:
    """The error of a value that its column cannot hold."""
    return DataError(f'row {index} of {where}: column "{clean(column)}" holds {shown(value)}', hint=hint)


def shown(value: object) -> str:
    """A value in an error, with its type."""
    return "nothing" if value is None else f"{clean(str(value))[:40]} ({type(value).__name__})"
