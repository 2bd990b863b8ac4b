"""Turn the predictions of a split into a choice, a table and a confusion matrix.

It shows which example is worth a report. `predict_split.py` runs the model.
"""

from __future__ import annotations

import difflib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reportgen.core.errors import DataError, UsageError, one_line
from reportgen.core.nouns.labels import find_label
from reportgen.core.nouns.records import Integers, Prediction

WIDEST = 40  # letters of a cell
SHARES = {  # which predictions each pick takes: (is the gold label the one in question, is the predicted one)
    "tp": (True, True),
    "tn": (False, False),
    "fp": (False, True),
    "fn": (True, False),
}


@dataclass(frozen=True, slots=True)
class Predicted:
    """The prediction of one row."""

    index: int  # row in the split
    id: str | None  # what the dataset calls it
    tokens: int  # of the whole text, special ones included
    read: int  # of these, what the model took
    prediction: Prediction

    @property
    def confidence(self) -> float:
        """Probability of the predicted label; of several, of the least certain yes or no."""
        return self.prediction.confidence


def pick(predicted: Sequence[Predicted], wanted: str, *, seed: int) -> Predicted:
    """The example that *wanted* names; of several that fit, the one that the seed draws.

    Args:
        predicted: What there is to choose from.
        wanted: `tp`, `tn`, `fp` or `fn`, one label against the rest, drawn by *seed*; `most-confident` or
            `least-confident`, the first of equals; a label behind a colon, where there are more than two, a text may
            have several, or the second of two is not meant. `most-confident:LABEL` has the highest probability of that
            label.
        seed: Of the draw.

    Raises:
        UsageError: If the label is unknown to the model, or missing.
        DataError: If no example fits.
    """
    found = fitting(predicted, wanted)
    return found[random.Random(seed).randrange(len(found))] if wanted.partition(":")[0] in SHARES else found[0]


def fitting(predicted: Sequence[Predicted], wanted: str) -> list[Predicted]:
    """All that *wanted* names, as in `pick`: `tp`, `tn`, `fp` and `fn` as they come; by confidence, the first first.

    Raises:
        UsageError: If the label is unknown to the model, or missing.
        DataError: If no example fits.
    """
    kind = wanted.partition(":")[0]
    said = predicted[0].prediction
    label = label_of(wanted, said.labels, several=said.several)
    if kind in SHARES:
        assert label is not None  # these always have one
        return _shared(predicted, kind, label)
    if kind == "least-confident":
        return sorted(predicted, key=lambda one: (one.confidence, one.index))
    return sorted(
        predicted,
        key=lambda one: (-(one.confidence if label is None else one.prediction.probabilities[label]), one.index),
    )


def label_of(wanted: str, labels: Sequence[str], *, several: bool = False) -> int | None:
    """Index of the label of a pick: the one named, or the second of two; None without a label.

    Where a text may have *several* labels, each is a yes or no of its own, so it has to be named.

    Raises:
        UsageError: If the label is unknown to the model, or missing.
    """
    kind, _, name = wanted.partition(":")
    if not name:
        if kind in SHARES and (several or len(labels) != 2):
            why = "a text may have several of them; choose one" if several else "choose one to compare with the rest"
            raise UsageError(
                f"--pick {wanted}: the model has {len(labels)} labels; {why}",
                hint=f"--pick {wanted}:{labels[0]}, or another of {_listed(labels)}",
            )
        return 1 if kind in SHARES else None
    found = find_label(name, labels)
    if found is None:
        near = difflib.get_close_matches(name.casefold(), [label.casefold() for label in labels], n=1)
        known = {label.casefold(): label for label in labels}
        raise UsageError(
            f'--pick {wanted}: the model has no label "{name}"',
            hint=f"did you mean {known[near[0]]}?" if near else f"it has {_listed(labels)}",
        )
    return found


def draw_any(count: int, *, seed: int) -> int:
    """The row that the seed draws of *count*, whatever the model says of it."""
    return random.Random(seed).randrange(count)


def confusion(predicted: Iterable[Predicted], labels: Sequence[str]) -> Integers:
    """Number of rows by gold and predicted label, (gold, predicted); the last row: gold label unknown."""
    counts = np.zeros((len(labels) + 1, len(labels)), np.int32)
    for one in predicted:
        gold = len(labels) if one.prediction.gold is None else one.prediction.gold
        counts[gold, one.prediction.predicted] += 1
    return counts


def by_interest(predicted: Iterable[Predicted]) -> list[Predicted]:
    """The examples, most interesting first: wrong ones from the most confident, then others from the least."""
    return sorted(
        predicted,
        key=lambda one: (
            one.prediction.verdict != "wrong",
            -one.confidence if one.prediction.verdict == "wrong" else one.confidence,
            one.index,
        ),
    )


def summary(predicted: Sequence[Predicted], *, place: str) -> str:
    """The number of right predictions and the confusion matrix, for a terminal."""
    labels, several = predicted[0].prediction.labels, predicted[0].prediction.several
    right, wrong = (sum(one.prediction.verdict == verdict for one in predicted) for verdict in ("right", "wrong"))
    share = (
        f"{right:,} of {right + wrong:,} right ({right / (right + wrong):.1%})" if right + wrong else "no gold labels"
    )
    head = f"{place}: {len(predicted):,} examples, {share}{' with exactly the gold labels' if several else ''}"
    if several:
        return f"{head}\n\n{_aligned(_by_label(predicted, labels))}\n"
    counts = confusion(predicted, labels)
    rows = [["gold \\ predicted", *labels]]
    *known, unknown = ([f"{value:,}" for value in row] for row in counts.tolist())
    rows += [[name, *row] for name, row in zip(labels, known, strict=True)]
    rows += [["unknown", *unknown]] if counts[-1].any() else []
    return f"{head}\n\n{_aligned(rows)}\n"


def _by_label(predicted: Sequence[Predicted], labels: Sequence[str]) -> list[list[str]]:
    """How often each label is gold and predicted, of the examples whose gold labels are known."""
    known = [one.prediction for one in predicted if one.prediction.true is not None]
    rows = [["label", "gold", "predicted", *SHARES]]
    for index, label in enumerate(labels):
        pairs = [(index in (said.true or ()), index in said.chosen) for said in known]
        counts = [sum(gold for gold, _ in pairs), sum(predicted for _, predicted in pairs)]
        rows.append([label, *(f"{count:,}" for count in (*counts, *map(pairs.count, SHARES.values())))])
    return rows


def strangers(predicted: Sequence[Predicted], *, lists: bool = False) -> str | None:
    """A warning with the number of gold labels that the model does not know; None if it knows all.

    It says nothing of labels that are *lists*, if exactly one label is predicted: none of them is read.
    """
    said = [one.prediction for one in predicted if one.prediction.several or not lists]
    strange = [one.gold_text for one in said if one.true is None and one.gold_text]
    if not strange:
        return None
    names = _listed([f'"{one_line(name)[:WIDEST]}"' for name in sorted(set(strange))])
    return (
        f"the model does not know the gold label of {len(strange):,} of {len(predicted):,} examples: {names}; "
        f"it has {_listed(predicted[0].prediction.labels)} (--labels renames them, in this order)"
    )


def table(predicted: Sequence[Predicted], *, most: int) -> str:
    """The examples that are most worth a look, for a terminal."""
    with_id = any(one.id is not None for one in predicted)
    rows = [["index", *(["id"] if with_id else []), "label", "predicted", "probability", "verdict", "tokens"]]
    for one in by_interest(predicted)[:most]:
        values = plain(one)
        cut = f" ({one.read:,} read)" if one.read < one.tokens else ""
        own = [str(values["id"] or "")] if with_id else []
        said = one.prediction
        rows.append([str(one.index), *own, said.gold_name or "", said.predicted_name,
                     f"{one.confidence:.3f}", one.prediction.verdict, f"{one.tokens:,}{cut}"])  # fmt: skip
    rest = len(predicted) - most
    return _aligned(rows) + (f"\n... and {rest:,} more; --show 0 prints all" if rest > 0 else "")


def _aligned(rows: list[list[str]]) -> str:
    """Cells in columns, numbers to the right; control characters are shown by their codes."""
    cells = [[_short(one_line(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [all(cell[:1].isdigit() for cell in column[1:]) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, right, strict=True)
        )
        for row in cells
    ]
    return "\n".join(line.rstrip() for line in lines)


def _short(cell: str) -> str:
    return cell if len(cell) <= WIDEST else f"{cell[: WIDEST - 3]}..."


def plain(one: Predicted) -> dict[str, Any]:
    """One row for JSON and Parquet."""
    said = one.prediction
    return {
        "index": one.index,
        "id": one.id,
        "label": list(said.gold_names) if said.several and said.gold_names is not None else said.gold_name,
        "predicted": list(said.predicted_names) if said.several else said.predicted_name,
        "probability": one.confidence,
        "verdict": said.verdict,
        "tokens": one.tokens,
        "tokens_read": one.read,
        "probabilities": dict(zip(said.labels, said.probabilities, strict=True)),
    }


def write_parquet(predicted: Iterable[Predicted], path: Path) -> None:
    """All rows as a Parquet file: the columns of `plain`, and the probability of every label in a column of its own.

    Where a text may have several labels, label and predicted are lists, and a label that the model does not know is
    a list with its text.

    Raises:
        OSError: If it cannot be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    rows = []
    for one in predicted:
        values = plain(one)
        each = {f"probability: {label}": value for label, value in values.pop("probabilities").items()}
        if one.prediction.several and isinstance(values["label"], str):
            values["label"] = [values["label"]]
        rows.append({**values, **each})
    several = bool(rows) and isinstance(rows[0]["predicted"], list)
    named = pa.list_(pa.string()) if several else pa.string()
    columns = ("index", "id", "label", "predicted", "probability", "verdict", "tokens", "tokens_read")
    kinds = (pa.int64(), pa.string(), named, named, pa.float64(), pa.string(), pa.int32(), pa.int32())
    more = [name for name in (rows[0] if rows else {}) if name not in columns]
    schema = pa.schema([*zip(columns, kinds, strict=True), *((name, pa.float64()) for name in more)])
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def _shared(predicted: Sequence[Predicted], kind: str, label: int) -> list[Predicted]:
    known = [one for one in predicted if one.prediction.true is not None]
    if not known:
        raise DataError(
            f"--pick {kind}: none of {len(predicted):,} examples has a gold label that the model knows",
            hint="set the column with --label-column or the labels with --labels, or use --pick most-confident",
        )
    found = [
        one for one in known if (label in (one.prediction.true or ()), label in one.prediction.chosen) == SHARES[kind]
    ]
    if not found:
        name = predicted[0].prediction.labels[label]
        raise DataError(
            f'--pick {kind}: no match among {len(known):,} examples, for the label "{name}"',
            hint="reportgen examples lists the prediction of each",
        )
    return found


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(labels[:8]) + (" ..." if len(labels) > 8 else "")
