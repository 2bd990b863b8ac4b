"""Find a gold label among the labels of a model, in any spelling of its source."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

TRUTH = {"false": "0", "true": "1"}  # as pandas writes them
WHOLE = re.compile(r"(?<=\d)\.0+$")  # of integers in a column with missing values
Label = str | int | float | None  # as a source writes it; also a bool, or a number of NumPy


def find_gold(label: Label, source: Sequence[str], *, labels: Sequence[str], own: Sequence[str]) -> int | None:
    """Index of a gold label among *labels*; None if it is not among them.

    *source* are the names that the source gives its integer labels, if any. Where the model knows one of them, they
    decide, because a source may count its labels in another order, and may have more of them. The model's *own* names
    count in addition to the given ones.
    """
    if any(_find_either(name, labels, own) is not None for name in source):
        return _find_either(name_of(label, source), labels, own)
    found = _find_either(label, labels, own)
    return find_label(label, labels) if found is None else found


def name_of(label: Label, source: Sequence[str]) -> str | None:
    """The name of an integer label in a source; None without a name."""
    text = _written(label)
    return source[int(text)] if text.isdecimal() and len(text) < 9 and int(text) < len(source) else None


def find_label(label: Label, labels: Sequence[str]) -> int | None:
    """Index of a label given as name, as index or its text, or, for two labels, as true or false; None if unknown."""
    found = find_name(label, labels)
    text = WHOLE.sub("", _written(label))
    if len(labels) == 2:
        text = TRUTH.get(text.casefold(), text)
    if found is not None or not text.isdecimal() or len(text) > 19:  # int() takes no endless digits
        return found
    return int(text) if int(text) < len(labels) else None


def _find_either(label: Label, labels: Sequence[str], own: Sequence[str]) -> int | None:
    found = find_name(label, labels)
    return find_name(label, own) if found is None else found


def find_name(label: Label, names: Sequence[str]) -> int | None:
    """Index of a label in *names*, whatever the case of its letters."""
    known = [name.strip().casefold() for name in names]
    said = str(label).strip().casefold()  # True is a name as well as 1
    found = said if said in known else _written(label).casefold()
    return known.index(found) if label is not None and found in known else None


def _written(label: Label) -> str:
    """A label as text; a truth value, and a whole number that became a fraction, as the number."""
    number: Any = label.item() if isinstance(label, np.generic) else label
    whole = isinstance(number, bool) or (isinstance(number, float) and number.is_integer())
    return str(int(number)) if whole else str(number).strip()
