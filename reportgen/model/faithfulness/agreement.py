"""Compare two lists of scores of the same units: do they order them alike, at the top and everywhere?

A coefficient over all units hides agreement at the top, so both are given. Intervals are from a bootstrap over
sentences, because neighbours correlate.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from reportgen.core import joining
from reportgen.core.nouns.faithfulness import Agreement, Estimate, ScoreName, Unit
from reportgen.model.faithfulness.orders import Scores, ranked

Places = npt.NDArray[np.int64]
SAMPLES = 200  # of the bootstrap
INTERVAL = (0.025, 0.975)
TOP = 0.05  # share of the units that Jaccard looks at
OTHER = 2**34  # random numbers for the ties of the second list: in the same order, ties would agree
SHARES = tuple(percent / 100 for percent in range(1, 21))


def agreements(
    scores: Mapping[ScoreName, Scores], text: str, units: Sequence[Unit], *, seed: int
) -> tuple[Agreement, ...]:
    """The heatmap, and the attribution, each compared with every other list of scores that orders anything at all."""
    starts = [start for start, _ in joining.sentences(text)]
    owners = [bisect_right(starts, unit.start) for unit in units]
    ordered = [name for name, each in scores.items() if len(set(each.tolist())) > 1]
    pairs = [pair for pair in combinations(ordered, 2) if {"heatmap", "attribution"} & {*pair}]
    return tuple(agreement(pair, scores[pair[0]], scores[pair[1]], owners, seed=seed) for pair in pairs)


def agreement(
    names: tuple[ScoreName, ScoreName], one: Scores, other: Scores, sentences: Sequence[int], *, seed: int
) -> Agreement:
    """How far two lists of scores agree.

    Args:
        names: Of the lists.
        one: (unit,).
        other: (unit,).
        sentences: Number of the sentence of each unit, (unit,).
        seed: Of the bootstrap, and of the order of equal scores.
    """
    size = max(1, round(TOP * len(one)))
    share = size / len(one)

    def top(first: Scores, second: Scores) -> float:
        return jaccard(ranked(first, seed=seed)[:size], ranked(second, seed=seed, stream=OTHER)[:size])

    first, second = ranked(one, seed=seed), ranked(other, seed=seed, stream=OTHER)
    sizes = [max(1, round(each * len(one))) for each in SHARES]
    draws = samples(sentences, seed=seed)
    tau, shared = (estimate(measure, one, other, draws) for measure in (tau_b, top))
    return Agreement(
        *names,
        tau=tau,
        jaccard=shared,
        jaccard_chance=share / (2 - share),
        overlap=tuple(len({*first[:k]} & {*second[:k]}) / k for k in sizes),
        overlap_chance=tuple(k / len(one) for k in sizes),
    )


def estimate(
    measure: Callable[[Scores, Scores], float | None], one: Scores, other: Scores, draws: Sequence[Places]
) -> Estimate:
    """A measure of two lists that is defined for them, with its interval over the bootstrap samples for which it is."""
    value = measure(one, other)
    assert value is not None  # neither list is even
    found = [each for places in draws if (each := measure(one[places], other[places])) is not None]
    low, high = np.quantile(found or [value], INTERVAL).tolist()
    return Estimate(value, low, high)


def samples(sentences: Sequence[int], *, seed: int) -> list[Places]:
    """Indices of units, for every bootstrap sample: those of as many sentences, drawn with replacement."""
    members = [np.flatnonzero(np.array(sentences) == number) for number in sorted(set(sentences))]
    random = np.random.default_rng([seed % 2**64, 2**32])
    drawn = random.integers(len(members), size=(SAMPLES, len(members)))
    return [np.concatenate([members[number] for number in row]) for row in drawn.tolist()]


def jaccard(one: Sequence[int], other: Sequence[int]) -> float:
    """What two sets share, as a share of what either has.

    >>> jaccard([1, 2], [2, 3])
    0.3333333333333333
    """
    return len({*one} & {*other}) / len({*one} | {*other})


def tau_b(one: Scores, other: Scores) -> float | None:
    """Kendall's tau-b, in O(n log n) (Knight 1966); None where all scores of a list are equal.

    >>> tau_b(np.array([1.0, 2, 3, 3]), np.array([1.0, 3, 2, 2]))
    0.3999999999999999
    """
    x, y = (np.unique(scores, return_inverse=True)[1] for scores in (one, other))
    pairs = len(x) * (len(x) - 1) // 2
    tied_x, tied_y, tied_both = _tied(x), _tied(y), _tied(x * (int(y.max(initial=0)) + 1) + y)
    if tied_x == pairs or tied_y == pairs:
        return None
    swaps = _inversions(y[np.lexsort((y, x))])
    agree = pairs - tied_x - tied_y + tied_both - 2 * swaps
    return float(agree / (np.sqrt(pairs - tied_x) * np.sqrt(pairs - tied_y)))


def _tied(ranks: Places) -> int:
    """Pairs of equal ranks."""
    sizes = np.unique(ranks, return_counts=True)[1]
    return int((sizes * (sizes - 1) // 2).sum())


def _inversions(ranks: Places) -> int:
    """Pairs of which the first is larger, found bit by bit: they agree in all higher bits, and differ in this one."""
    found, order = 0, ranks.astype(np.int64)
    for bit in reversed(range(int(ranks.max(initial=0)).bit_length())):
        ones = (order >> bit) & 1
        _, first = np.unique(order >> (bit + 1), return_index=True)  # where each group of higher bits begins
        before = np.cumsum(ones) - ones  # ones in front of each
        sizes = np.diff([*first.tolist(), len(order)])
        found += int(((before - np.repeat(before[first], sizes)) * (1 - ones)).sum())
        order = order[np.argsort(order >> bit, kind="stable")]
    return found
