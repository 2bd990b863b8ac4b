"""Add up paired numbers of documents, and test whether two models err on the same ones.

The test is McNemar's in its exact form: of the documents that one of the two gets right and the other wrong, each is as
likely to be the one kind as the other if the models are equally good, so their number is binomial. It holds for any
number of documents, and needs no correction for continuity (McNemar 1947; exact form: Agresti, Categorical Data
Analysis, 10.1).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from math import exp, lgamma, log
from typing import NamedTuple

import numpy as np

from reportgen.corpus import intervals


def mcnemar(one_alone: int, other_alone: int) -> float:
    """The two-sided exact p of McNemar's test; 1 where the two never differ.

    Args:
        one_alone: Documents that only the first gets right.
        other_alone: Documents that only the second gets right.

    >>> mcnemar(0, 5), mcnemar(3, 3)
    (0.0625, 1.0)
    """
    count, least = one_alone + other_alone, min(one_alone, other_alone)
    if one_alone == other_alone:
        return 1.0
    logs = [lgamma(count + 1) - lgamma(k + 1) - lgamma(count - k + 1) - count * log(2) for k in range(least + 1)]
    most = max(logs)
    tail = exp(most) * sum(exp(each - most) for each in logs)
    return round(min(1.0, 2 * tail), 12)


class Change(NamedTuple):
    """The mean of something over the documents that have it in both, and of its difference, with an interval."""

    documents: int
    one: float  # mean in A
    other: float  # mean in B
    change: float  # mean of B minus A
    low: float  # of the interval of the change; NaN of one document
    high: float

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


@dataclass(slots=True)
class PairedSums:
    """Sums over pairs of documents, by key: memory grows with the keys, not with the documents."""

    sums: dict[Hashable, list[float]] = field(default_factory=dict)  # documents, A, B, B - A, (B - A)^2

    def add(self, one: Mapping[Hashable, float], other: Mapping[Hashable, float]) -> None:
        """Take the numbers of one document: those that it has in both."""
        for key in one.keys() & other.keys():
            mine, theirs = one[key], other[key]
            found = self.sums.setdefault(key, [0.0] * 5)
            for n, value in enumerate((1.0, mine, theirs, theirs - mine, (theirs - mine) ** 2)):
                found[n] += value

    def changes(self) -> dict[Hashable, Change]:
        """The mean of each key and its change, in the order of the keys' names."""
        return {key: change(*self.sums[key]) for key in sorted(self.sums, key=lambda key: tuple(map(str, _parts(key))))}


def change(documents: float, one: float, other: float, total: float, squares: float) -> Change:
    """Student's interval of a mean difference, from sums."""
    made = intervals.mean(documents, total, squares)
    return Change(int(documents), one / documents, other / documents, *(float(np.asarray(value)) for value in made))


def of(one: Iterable[float], other: Iterable[float]) -> Change:
    """The same from the numbers themselves."""
    pairs = list(zip(one, other, strict=True))
    differences = [theirs - mine for mine, theirs in pairs]
    return change(
        len(pairs),
        sum(mine for mine, _ in pairs),
        sum(theirs for _, theirs in pairs),
        sum(differences),
        sum(each * each for each in differences),
    )


def _parts(key: Hashable) -> tuple[Hashable, ...]:
    if not isinstance(key, tuple):
        return (key,)
    return tuple(f"{part:06d}" if isinstance(part, int) else part for part in key)
