"""Turn a split and a selection into the rows of a batch, in order, each once.

Ids and a condition narrow the split first, then a pick chooses, and the limit applies last. The model reads the split
only if the choice depends on predictions.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from reportgen.core.characters import clean
from reportgen.core.config import Config, meant, problem
from reportgen.core.errors import DataError, UsageError
from reportgen.core.files import regular_files
from reportgen.core.nouns.labels import as_list, name_of, written
from reportgen.core.nouns.records import Example
from reportgen.data import choice, predictions, where_expression
from reportgen.data.dataset_rows import Rows
from reportgen.data.predictions import Predicted
from reportgen.data.where_expression import Value
from reportgen.model.predict_split import Survey, read_examples

ALL = "all"
BY_CONFIDENCE = ("most-confident", "least-confident")
CONFIDENT = 10  # rows that a pick by confidence takes, where no limit is given
OF_THE_MODEL = frozenset({"predicted", "probability", "verdict", "tokens"})  # columns of a condition
CHUNK = 256  # rows that are held at once
MOST_BYTES = 100_000_000  # of a file of ids


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows of a split that a batch takes; all by default.

    Raises:
        UsageError: If a value is out of range, two contradict each other, or the condition cannot be understood.
    """

    pick: str | None = None  # by what the model says of them, as in `Config`; "all" is None
    limit: int | None = None  # at most so many; of a pick by confidence, 10 where nothing is said
    ids: tuple[str, ...] | None = None  # of these only; numbers of rows, where the rows have no ids
    where: str | None = None  # of these only: an expression of SQL, see `where_expression.py`

    def __post_init__(self) -> None:
        wrong = None if self.pick == ALL else problem("pick", self.pick)
        if wrong:
            hint = f"did you mean {ALL}?" if (self.pick or "").casefold() == ALL else meant("pick", self.pick)
            raise UsageError(f"--pick {self.pick}: {wrong}", hint=hint or f"or --pick {ALL}")
        wrong = problem("limit", self.limit)
        if wrong:
            raise UsageError(f"--limit {self.limit}: {wrong}")
        if self.ids is not None and self.kind != ALL:
            raise UsageError("give only one of --ids and --pick", hint="each chooses examples")
        if self.kind == "random" and self.limit is None:
            raise UsageError("--pick random needs a number", hint="set it with --limit")
        if self.where is not None:
            where_expression.reads(self.where)

    @property
    def kind(self) -> str:
        """The pick without its label."""
        return (self.pick or ALL).partition(":")[0]

    def plain(self) -> dict[str, Any]:
        """For JSON; equal for the same selection."""
        return {
            "pick": None if self.pick == ALL else self.pick,
            "limit": self.limit,
            "ids": None if self.ids is None else sorted(set(self.ids)),
            "where": self.where,
        }


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rows that a selection takes."""

    indices: tuple[int, ...]  # ascending
    left_out: dict[int, str]  # rows that could not be judged, because they or the model's answers cannot be read; why


def choose(config: Config, selection: Selection, rows: Rows, predict: Callable[[], Survey]) -> Chosen:
    """The rows that a selection takes.

    An unreadable row is taken if the selection does not depend on it, and left out otherwise.

    Args:
        config: Says how rows are read, and the seed of a random pick.
        selection: What was asked for.
        rows: The split.
        predict: What the model says of all rows of it; called only if that is needed.

    Raises:
        UsageError: If the pick names a label that the model does not have, or the condition cannot be evaluated.
        DataError: If an id is not there, or nothing is chosen.
    """
    among: Sequence[int] = range(len(rows)) if selection.ids is None else choice.find_ids(selection.ids, rows)
    if not among:
        raise DataError("--ids: no ids", hint="write one on each line")
    left_out: dict[int, str] = {}
    if selection.where is not None:
        most = selection.limit if selection.kind == ALL else None
        among, left_out = _narrowed(config, selection.where, rows, among, predict, most=most)
    if selection.kind == "random":
        among = random.Random(config.seed).sample(among, min(selection.limit or 1, len(among)))
    elif selection.pick is not None and selection.kind != ALL:
        asked, wanted = predict(), set(among)
        left_out |= {index: reason for index, reason in asked.left_out.items() if index in wanted}
        predicted = [one for one in asked.predicted if one.index in wanted]
        if not predicted:
            raise _nothing(f"--pick {selection.pick}", len(wanted), rows, left_out)
        among = [one.index for one in predictions.fitting(predicted, selection.pick)]
    default = CONFIDENT if selection.kind in BY_CONFIDENCE else None
    return Chosen(tuple(sorted(among[: selection.limit or default])), left_out)


def read_ids_file(path: str) -> tuple[str, ...]:
    """The ids in a file, each once: one per line, in UTF-8; blank lines are skipped.

    Args:
        path: Of the file; - is standard input.

    Raises:
        DataError: If it cannot be read, or holds no id.
    """
    name = "standard input" if path == "-" else clean(path)
    try:
        if path == "-":
            content = regular_files.standard_input(MOST_BYTES + 1)
        else:
            content = regular_files.read(Path(path), most=MOST_BYTES)
        if len(content) > MOST_BYTES:
            raise DataError(f"--ids {name}: more than {MOST_BYTES:,} bytes", hint="give a file with one id per line")
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"--ids {name}: not UTF-8 at byte {error.start}", hint="write one id on each line") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"--ids {name}: {reason}", hint="check the path given to --ids") from error
    ids = (line.removesuffix("\r") for line in lines)
    found = tuple(dict.fromkeys(line for line in ids if line.strip()))
    if not found:
        raise DataError(f"--ids {name}: contains no ids", hint="write one on each line")
    return found


def _narrowed(
    config: Config,
    where: str,
    rows: Rows,
    among: Sequence[int],
    predict: Callable[[], Survey],
    *,
    most: int | None,
) -> tuple[list[int], dict[int, str]]:
    """The first of some rows for which a condition is true; and rows before the last one that cannot be judged."""
    read = where_expression.reads(where)
    asked = predict() if read & OF_THE_MODEL else None
    left_out: dict[int, str] = {}
    found = list(islice(where_expression.holding(where, _columns(config, rows, among, read, asked, left_out)), most))
    if not found:
        raise _nothing(f"--where {where}", len(among), rows, left_out)
    if len(found) == most:
        left_out = {index: reason for index, reason in left_out.items() if index < found[-1]}
    return found, left_out


def _columns(
    config: Config,
    rows: Rows,
    among: Sequence[int],
    read: frozenset[str],
    asked: Survey | None,
    left_out: dict[int, str],
) -> Iterator[list[dict[str, Value]]]:
    """The values that a condition reads of some rows, a few at a time; rows without them are added to *left_out*."""
    said = {one.index: one for one in asked.predicted} if asked else {}
    for start in range(0, len(among), CHUNK):
        some = among[start : start + CHUNK]
        known: Mapping[int, Example | DataError] = {}
        if not read <= {"index", *OF_THE_MODEL}:
            known = dict(read_examples(config, rows, some))
        values = []
        for index in some:
            example = known.get(index)
            if isinstance(example, DataError):
                left_out[index] = example.message
            elif asked is not None and index not in said:
                left_out[index] = asked.left_out.get(index, "the model did not run")
            else:
                values.append(_values(rows.label_names or config.labels, index, read, example, said.get(index)))
        yield values


def _values(
    labels: Sequence[str], index: int, read: frozenset[str], example: Example | None, said: Predicted | None
) -> dict[str, Value]:
    """A row as a condition sees it."""
    values: dict[str, Value] = {"index": index}
    if example is not None:
        label = example.label
        name = name_of(label, labels)
        values |= {
            "id": example.id,
            "title": example.title,
            "label": label if as_list(label) is None else written(label),
            "label_name": written(label) if name is None and isinstance(label, str) else name,
            "characters": len(example.text),
            "text": example.text if "text" in read else None,
        }
    if said is not None:
        prediction = said.prediction
        values |= {
            "predicted": prediction.predicted_name,
            "probability": said.confidence,
            "verdict": prediction.verdict,
            "tokens": said.tokens,
        }
    return values


def _nothing(what: str, count: int, rows: Rows, left_out: Mapping[int, str]) -> DataError:
    """Nothing is chosen."""
    first = next(((index, left_out[index]) for index in sorted(left_out)), None)
    more = f"; {len(left_out):,} cannot be read, row {first[0]}: {first[1]}" if first else ""
    return DataError(f"{what}: none of {count:,} rows of {rows.place}{more}", hint="reportgen examples lists the rows")
