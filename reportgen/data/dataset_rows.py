"""The rows of a split: every source of data returns them, and every choice is made from them.

They hold values and read values. `sources` opens a source; `choice.py` and `predictions.py` choose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from reportgen.core.errors import DataError
from reportgen.core.nouns.labels import ALONE, LabelColumn


@dataclass(frozen=True, slots=True)
class Row:
    """One row, as the source has it."""

    index: int  # in the split, or the slice of it, that was asked for
    text: str
    label: str | int | None = None  # an int may be a bool; None without a label
    id: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A split, opened: rows are read when they are asked for."""

    dataset: str  # what a reader calls it: "danielhou13/cogs402dataset", "papers.csv"; no folder of the user's
    config: str | None  # which of the datasets of that name
    split: str | None  # "test", "test[:100]"; None where the source has no splits
    revision: str  # resolved commit, or "sha256:" and the hash of the data, or the data's fingerprint
    count: int
    label_names: tuple[str, ...]  # that the dataset gives its integer labels, by label; () where it gives none
    columns: dict[str, str]  # {"text": "body", "label": "y", "id": "doi"}; what there is not is left out
    # Rows by their index, in the order asked for; a `DataError` names row and column.
    read: Callable[[Iterable[int]], Iterator[Row]]
    read_ids: Callable[[], Sequence[str]]  # of all rows, in order; () without an id column
    labels: LabelColumn = ALONE  # what is known of all labels, of the whole split
    label_problem: str | None = None  # why no label was taken from a column that may hold labels, in a sentence

    def __len__(self) -> int:
        return self.count

    def check(self, index: int) -> int:
        """The index itself.

        Raises:
            DataError: If there is no such row.
        """
        if 0 <= index < self.count:
            return index
        raise DataError(
            f"example {index} is not in {self.place}: it has {self.count} rows (0-{self.count - 1})",
            hint=f"choose --index 0 to {self.count - 1}",
        )

    @property
    def place(self) -> str:
        """The place of the rows, for errors: split "test" of danielhou13/cogs402dataset."""
        return place(self.dataset, self.split)


def place(dataset: str, split: str | None) -> str:
    """The place of rows, for errors."""
    return f'split "{split}" of {dataset}' if split else dataset
