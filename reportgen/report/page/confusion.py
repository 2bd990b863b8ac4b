"""Turn the gold and predicted labels of many reports into a table of counts, whose cells filter a list of reports.

The template `partials/confusion.html.j2` prints it; a script makes links of its cells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

MOST = 12  # labels: a larger table answers nothing at a glance

Pair = tuple[str | None, str | None]  # gold and predicted label; None where there is none


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often each label is predicted for each gold label."""

    labels: tuple[str, ...]  # the most frequent ones, in alphabetical order
    counts: tuple[tuple[int, ...], ...]  # (gold, predicted), both as `labels`
    beyond: int  # reports with a label that is not in the table
    unknown: int  # reports without a gold or a predicted label

    @property
    def total(self) -> int:
        """Reports in the table."""
        return sum(map(sum, self.counts))


def confusion(pairs: Sequence[Pair]) -> Confusion | None:
    """The table; None where no report has both labels.

    >>> confusion([("a", "a"), ("a", "b"), ("b", "b"), (None, "b")])
    Confusion(labels=('a', 'b'), counts=((1, 1), (0, 1)), beyond=0, unknown=1)
    """
    known = [(gold, said) for gold, said in pairs if gold is not None and said is not None]
    if not known:
        return None
    times = Counter(label for pair in known for label in pair)
    frequent = sorted(times, key=lambda label: (-times[label], label))[:MOST]
    labels = tuple(sorted(frequent, key=lambda label: (label.casefold(), label)))
    found = Counter(known)
    counts = tuple(tuple(found[gold, said] for said in labels) for gold in labels)
    return Confusion(labels, counts, len(known) - sum(map(sum, counts)), len(pairs) - len(known))
