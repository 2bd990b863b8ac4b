"""Find a gold label among the labels of a model, in any spelling of its source, and compare it with a prediction.

Integers can be names of labels or their indices. `LabelColumn` says what all labels of a source look like, so that one
decision holds for all of them.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from reportgen.core.nouns.values import Count, Share

TRUTH = {"false": "0", "true": "1"}  # as pandas writes them
WHOLE = re.compile(r"(-?\d+)\.0*")  # an integer of a column with missing values
INTEGER = re.compile(r"\d{1,18}")  # int() takes no endless digits
SIGNED = re.compile(rf"-?{INTEGER.pattern}")
SEPARATOR = re.compile(r"\s*[,;|]\s*")  # between several labels in one string
ITEM = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d*)?|[Tt]rue|[Ff]alse"""
LIST = re.compile(rf"\[\s*(?:(?:{ITEM})(?:(?:\s*,\s*|\s+)(?:{ITEM}))*)?\s*\]")  # as Python and NumPy write it
GENERIC = re.compile(r"LABEL_\d+")  # what transformers calls labels without a name
NEITHER = "neither as a name nor as an index"
NO_LABEL = "no label"  # where a text may have several labels, and has none
MOST_SHOWN = 6  # labels that a sentence names
Label = str | int | float | None  # as a source writes it; also a bool, or a number of NumPy
Verdict = Literal["right", "wrong", "unknown"]
Reading = Literal["names", "indices", "neither"]


@dataclass(frozen=True, slots=True)
class LabelColumn:
    """What is known of all labels of a source."""

    names: tuple[str, ...] = ()  # what the source calls its integer labels, by label
    values: tuple[str, ...] = ()  # the different integers and truth values among its labels, also negative ones
    flags: int = 0  # length of its lists, if each has a 0 or a 1 for every label, or -1 for unknown; 0 if not
    lists: bool = False  # whether its labels are lists


ALONE = LabelColumn()  # of a label that comes from no column


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction of the model, and the gold label of the source."""

    labels: tuple[str, ...]  # names, by index
    logits: tuple[float, ...]
    probabilities: tuple[Share, ...]  # softmax, or a sigmoid per label where labels do not exclude each other
    predicted: Count  # index of the most probable label: the explained one
    gold: Count | None  # index of the true label; None when it is not known, or there may be several
    gold_text: str | None  # the true label as the source writes it
    thresholds: tuple[Share, ...] = ()  # by label, where a text may have several; () where exactly one is predicted
    gold_labels: tuple[Count, ...] | None = None  # of the true labels, where there may be several; None: unknown
    gold_read: str = ""  # how the source's label is read, in words: "as an index, from 0"; "" without one

    @property
    def several(self) -> bool:
        """Whether a text may have several labels at once, or none."""
        return bool(self.thresholds)

    @property
    def chosen(self) -> tuple[int, ...]:
        """Indices of the predicted labels: the most probable one, or all at or above their thresholds, best first."""
        if not self.several:
            return (self.predicted,)
        return tuple(n for n in self.by_probability if self.probabilities[n] >= self.thresholds[n])

    @property
    def true(self) -> tuple[int, ...] | None:
        """Indices of the true labels; None when they are not known."""
        return self.gold_labels if self.several else None if self.gold is None else (self.gold,)

    @property
    def tied(self) -> tuple[int, ...]:
        """Indices of the labels that share the largest logit exactly, where one label is predicted; () otherwise."""
        pairs = list(zip(self.logits, self.probabilities, strict=True))
        largest = tuple(index for index, pair in enumerate(pairs) if pair == max(pairs))
        return largest if len(largest) > 1 and not self.several else ()

    @property
    def verdict(self) -> Verdict:
        """Whether exactly the true labels are predicted; not known of a true one that is tied with others."""
        if self.true is None or set(self.true) & set(self.tied):
            return "unknown"
        return "right" if set(self.true) == set(self.chosen) else "wrong"

    @property
    def predicted_names(self) -> tuple[str, ...]:
        """The predicted labels, the most probable first; () for none."""
        return tuple(self.labels[index] for index in self.chosen)

    @property
    def predicted_name(self) -> str:
        """The predicted label, or labels, in one line; where some are tied, these."""
        if self.tied:
            return f"{', '.join(self.labels[index] for index in self.tied)} (tied)"
        return ", ".join(self.predicted_names) or NO_LABEL

    @property
    def gold_names(self) -> tuple[str, ...] | None:
        """The true labels as the model names them; None when they are not known."""
        return None if self.true is None else tuple(self.labels[index] for index in self.true)

    @property
    def gold_name(self) -> str | None:
        """The true label, or labels, in one line, as the model names them, or else as the source writes them."""
        return self.gold_text if self.gold_names is None else ", ".join(self.gold_names) or NO_LABEL

    @property
    def confidence(self) -> float:
        """Probability of the predicted label; of several, of the least certain yes or no."""
        if not self.several:
            return self.probabilities[self.predicted]
        chosen = set(self.chosen)
        return min(value if index in chosen else 1 - value for index, value in enumerate(self.probabilities))

    @property
    def by_probability(self) -> tuple[int, ...]:
        """Indices of the labels, the most probable first."""
        return tuple(sorted(range(len(self.labels)), key=lambda index: -self.probabilities[index]))


def find_gold(label: Label, column: LabelColumn, *, labels: Sequence[str], own: Sequence[str] = ()) -> int | None:
    """Index of a gold label among *labels*; None if it is not among them.

    Where the model knows one of the names that the source gives its integers, these names decide: a source may count
    its labels in another order, and may have more of them. The model's *own* names count besides the given ones.
    """
    if integer_text(label) is None:
        return _find_either(label, labels, own)
    if _are_known(column.names, labels, own):
        return _find_either(name_of(label, column.names), labels, own)
    match read_integers(column, labels, own, label):
        case "names":
            return _find_either(label, labels, own)
        case "indices":
            return find_index(label, labels)
    return None


def find_all(
    label: Label, column: LabelColumn, *, labels: Sequence[str], own: Sequence[str] = ()
) -> tuple[int, ...] | None:
    """Indices of all gold labels of a text that may have several; None if one of them is not among *labels*.

    A label is a list (see `as_list`), several in one string ("left, right"), or a single one. No list of 0 and 1 for
    another number of labels, and none with an integer twice, is of these labels.
    """
    if label is None:
        return None
    items = as_list(label)
    if items is not None and column.flags == len(labels):
        certain = all(flag in (0, 1) for flag in items)
        return tuple(index for index, flag in enumerate(items) if flag) if certain else None
    if items is not None and (_are_other_flags(column, labels) or _repeat(items)):
        return None
    if items is None:
        items = (label,)
        if isinstance(label, str) and find_gold(label, column, labels=labels, own=own) is None:
            items = tuple(SEPARATOR.split(label.strip()))
    found = [find_gold(item, column, labels=labels, own=own) for item in items]
    known = {index for index in found if index is not None}
    return None if None in found else tuple(sorted(known))


def how_read(label: Label, column: LabelColumn, *, labels: Sequence[str], own: Sequence[str] = ()) -> str:
    """How a gold label is read, in words; "" without one."""
    items = as_list(label)
    if label is None or items == ():
        return ""
    if items is not None and column.flags == len(labels):
        return "as 0 or 1 for each label"
    if items is not None:
        strange = _are_other_flags(column, labels) or _repeat(items)
        return NEITHER if strange else how_read(items[0], column, labels=labels, own=own)
    if integer_text(label) is None:
        return "as a name"
    if _are_known(column.names, labels, own):
        return "by the name that the dataset gives it"
    reading = read_integers(column, labels, own, label)
    return {"names": "as a name", "indices": "as an index, from 0", "neither": NEITHER}[reading]


def as_list(label: Label) -> tuple[str | int | float, ...] | None:
    """The items of a label that is a list, as JSON, Python or NumPy writes it; None if it is no list of plain values.

    >>> as_list('["left", 1]'), as_list("[1. 0.]"), as_list("left")
    (('left', 1), (1, 0), None)
    """
    text = label.strip() if isinstance(label, str) else ""
    if not text.startswith("[") or not text.endswith("]"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        if not LIST.fullmatch(text):
            return None
        found = [ast.literal_eval(item.capitalize() if item[0] in "tf" else item) for item in re.findall(ITEM, text)]
    plain = all(isinstance(item, str | int | float) for item in found)
    return tuple(map(_whole, found)) if plain else None


def integer_text(label: Label) -> str | None:
    """A label as digits, or as "true" or "false"; None if it is neither an integer nor a truth value.

    >>> integer_text(2.0), integer_text(" 1.0"), integer_text(True), integer_text("left")
    ('2', '1', 'true', None)
    """
    text, number = _spellings(label)
    return text if text in TRUTH else number if INTEGER.fullmatch(number) else None


def column_of(values: Iterable[Label], names: Sequence[str] = ()) -> LabelColumn:
    """What the different *values* of a column say of its labels; *names* are those of its integers."""
    kept: dict[str, None] = {}
    widths: set[int] = set()
    lists = False
    for value in (one for one in values if one not in (None, "")):
        items = as_list(value)
        flags = items is not None and all(item in (0, 1) or _is_negative(item) for item in items)  # -1: not labelled
        lists = lists or items is not None
        widths.add(len(items) if items is not None and flags else 0)
        if items is None:
            items = tuple(SEPARATOR.split(value.strip())) if isinstance(value, str) else (value,)
        kept |= dict.fromkeys(text for item in items if (text := _signed_text(item)) is not None)
    return LabelColumn(tuple(names), tuple(kept), widths.pop() if len(widths) == 1 else 0, lists)


def read_integers(column: LabelColumn, labels: Sequence[str], own: Sequence[str], label: Label = None) -> Reading:
    """Whether the integers of a column are names of labels or indices: what knows more of them; names if both do.

    Integers from 1 to the number of labels are neither, unless they are names: such a column counts from 1. So do
    those from a negative integer, like -1, 0 and 1 for three labels; where they reach the last index, -1 is no label.

    *own* are further names of the same labels; *label* is the only label, where the column is not known.
    """
    if column.names:  # of which the model knows none
        return "indices"
    values = column.values or (integer_text(label) or "",)
    named = sum(_find_either(value, labels, own) is not None for value in values)
    indices = [find_index(value, labels) for value in values]
    indexed = sum(index is not None for index in indices)
    if named >= indexed:
        return "names"
    return "indices" if _first_of(values, labels) == 0 else "neither"


def say_reading(column: LabelColumn, *, labels: Sequence[str], own: Sequence[str] = ()) -> str | None:
    """A sentence on how the integers of a column are read, where that is not certain; None where it is."""
    if _are_known(column.names, labels, own) or column.flags == len(labels):
        return None
    if column.names:
        generic = len(labels) == len(column.names) and all(GENERIC.fullmatch(name) for name in labels)
        called = f"the dataset calls its labels {listed(column.names)}, the model {listed(labels)}"
        every = [str(number) for number in range(len(labels))]
        numbered = sorted(column.names) == sorted(every)  # by `datasets` as strings, so "2" may come after "10"
        certain = list(column.names) == every if numbered else generic
        return None if certain else f"Labels are matched by index: {called}."
    if _are_other_flags(column, labels):
        lists = f"The labels are lists of {column.flags} numbers, 0 or 1"
        return f"{lists}, and the model has {len(labels)} labels, so no gold label is known."
    reading = read_integers(column, labels, own)
    pairs = [(value, _find_either(value, labels, own), find_index(value, labels)) for value in column.values]
    strange = [value for value, _, index in pairs if index is None and not _is_negative(value)]
    other = next(((v, name, index) for v, name, index in pairs if None not in (name, index) and name != index), None)
    shown = listed(sorted(column.values, key=lambda value: int(value) if SIGNED.fullmatch(value) else 0))
    integers, last = f"The integers of the labels ({shown})", len(labels) - 1
    if reading == "neither":
        first = _first_of(column.values, labels)
        numbers = ",".join(str(first + number) for number in range(len(labels)))
        return (
            f"{integers} seem to count from {first}; the model counts from 0 to {last}. No gold label is taken from "
            f"them. --labels {numbers} calls the model's labels by these numbers."
        )
    if other is not None:
        value, name, index = other
        named, counted = f"“{short(labels[name or 0])}”", f"“{short(labels[index or 0])}”"
        if reading == "names":
            return (
                f"{integers} are read as names: {value} is the label called {named}, not {counted}, the label of index "
                f"{value}."
            )
        return f"{integers} are read as indices from 0: {value} is the label {counted}, not the one called {named}."
    if reading == "indices" and strange:
        return (
            f"{integers} are read as indices from 0. The model has only 0 to {last}, so they may mean other labels "
            "than the model's."
        )
    return None


def name_of(label: Label, source: Sequence[str]) -> str | None:
    """The name of an integer label in a source; None without a name."""
    number = _spellings(label)[1]
    return source[int(number)] if INTEGER.fullmatch(number) and int(number) < len(source) else None


def find_label(label: Label, labels: Sequence[str]) -> int | None:
    """Index of a label given as name, as index or its text, or, for two labels, as true or false; None if unknown."""
    return find_gold(label, ALONE, labels=labels)


def find_index(label: Label, labels: Sequence[str]) -> int | None:
    """Index of a label given as index or its text, or, for two labels, as true or false; None if it is none."""
    text = integer_text(label) or ""
    if text in TRUTH:
        text = TRUTH[text] if len(labels) == 2 else ""
    return int(text) if text and int(text) < len(labels) else None


def find_name(label: Label, names: Sequence[str]) -> int | None:
    """Index of a label in *names*: of the very name, or else of the only one that differs by case or outer space."""
    exact, bare = str(_plain(label)), [name.strip() for name in names]
    folded = [name.casefold() for name in bare]
    pairs = [(exact, names), (exact.strip(), bare), *((text, folded) for text in _spellings(label))]
    text, known = next((pair for pair in pairs if pair[0] in pair[1]), ("", ()))  # True is a name as well as 1
    return known.index(text) if label is not None and known.count(text) == 1 else None


def written(label: Label) -> str:
    """A label as its source writes it, for people: of a list, the items.

    >>> written('["left", "right"]'), written("[]"), written(2)
    ('left, right', 'no label', '2')
    """
    items = as_list(label)
    return str(label) if items is None else ", ".join(map(str, items)) or NO_LABEL


def listed(labels: Sequence[str]) -> str:
    """The first labels, for a sentence."""
    return ", ".join(map(short, labels[:MOST_SHOWN])) + (" ..." if len(labels) > MOST_SHOWN else "")


def short(label: str) -> str:
    """A label in a sentence: on one line, and not too long."""
    line = " ".join(label.split())
    return line if len(line) <= 40 else f"{line[:37]}..."


def _first_of(values: Sequence[str], labels: Sequence[str]) -> int:
    """From which number the integers of a column count: 1 or a negative one where they fit so and not from 0."""
    integers = [int(value) for value in values if SIGNED.fullmatch(value)]
    least, most = min(integers, default=0), max(integers, default=0)
    if least < 0 <= most < least + len(labels):
        return least
    return int(len(labels) in integers and 0 not in integers)


def _are_other_flags(column: LabelColumn, labels: Sequence[str]) -> bool:
    """Whether the lists of a column are for another number of labels; those of one or two may also be indices."""
    return column.flags > 2 and column.flags != len(labels)


def _repeat(items: Sequence[Label]) -> bool:
    """Whether an integer occurs twice in a list: it is no list of indices."""
    integers = [item for item in items if integer_text(item) is not None]
    return len(set(integers)) < len(integers)


def _is_negative(item: Label) -> bool:
    return (_signed_text(item) or "").startswith("-")


def _signed_text(label: Label) -> str | None:
    """A label as `integer_text`, or a negative integer as its digits; None if it is neither."""
    number = _spellings(label)[1]
    return integer_text(label) or (number if SIGNED.fullmatch(number) else None)


def _are_known(names: Sequence[str], labels: Sequence[str], own: Sequence[str]) -> bool:
    return any(_find_either(name, labels, own) is not None for name in names)


def _find_either(label: Label, labels: Sequence[str], own: Sequence[str]) -> int | None:
    found = find_name(label, labels)
    return find_name(label, own) if found is None else found


def _spellings(label: Label) -> tuple[str, str]:
    """A label as its text, and with a truth value, or an integer that became a fraction, as an integer."""
    plain = _plain(label)
    text = str(plain).strip().casefold()
    number = WHOLE.sub(r"\1", text) if WHOLE.fullmatch(text) else TRUTH.get(text, text)
    return text, str(plain) if isinstance(plain, int) and not isinstance(plain, bool) else number


def _plain(label: Any) -> Any:
    """A number of NumPy as one of Python."""
    return label.item() if hasattr(label, "item") else label


def _whole(item: Any) -> Any:
    """An integer that is written as a fraction, or a truth value, as an integer."""
    return int(item) if isinstance(item, bool) or (isinstance(item, float) and item.is_integer()) else item
