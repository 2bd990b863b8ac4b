"""Find a gold label, however a source writes it, among the labels of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Label = str | int | float | None  # as a source writes it; also a bool, or a number of NumPy


def find_gold(label: Label, name: str | None, *, labels: Sequence[str], own: Sequence[str]) -> int | None:
    """Index of a gold label among *labels*; None if it is none of them.

    Its *name* in the source comes before its number, because a source may count its labels in another order. The
    model's *own* names count beside those that were given in their place.
    """
    for said in (name, label):
        for names in (labels, own):
            found = find_name(said, names)
            if found is not None:
                return found
    return find_label(label, labels)


def find_label(label: Label, labels: Sequence[str]) -> int | None:
    """Index of a label given as name, as index, or as text of an index; None if it is none of them."""
    found = find_name(label, labels)
    text = _written(label)
    if found is not None or not text.isdecimal() or len(text) > 19:  # int() takes no endless digits
        return found
    return int(text) if int(text) < len(labels) else None


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
