"""Order scores, and say how far two lists of scores order the same units alike: at the top, and everywhere.

A coefficient over all units hides agreement at the top, so both are given. Intervals are from a bootstrap over
sentences, because neighbours correlate. Equal scores are ordered by a seeded permutation: by position they would follow
the text, which is an order of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from reportgen.core.nouns.faithfulness import Agreement, Estimate, ScoreName

Scores = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
DIGITS = 5  # significant ones of a score: further ones are rounding, and scores that agree in these are equal
SAMPLES = 200  # of the bootstrap
INTERVAL = (0.025, 0.975)
TOP = 0.05  # share of the units that Jaccard looks at
OTHER = 2**34  # random numbers for the ties of the second list, if it is another: in the same order, ties would agree
SHARES = tuple(percent / 100 for percent in range(1, 21))


def ranked(scores: Scores, *, seed: int, stream: int = 0) -> tuple[int, ...]:
    """Indices of *scores*, the highest first. Lists with the same *stream* have their ties in the same order.

    >>> ranked(np.array([0.5, 2.0, -1.0]), seed=0)
    (1, 0, 2)
    """
    ties = random_stream(seed, stream).permutation(len(scores))
    return tuple(np.lexsort((ties, -rounded(scores))).tolist())


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

    stream = 0 if np.array_equal(rounded(one), rounded(other)) else OTHER

    def top(first: Scores, second: Scores) -> float:
        return jaccard(ranked(first, seed=seed)[:size], ranked(second, seed=seed, stream=stream)[:size])

    first, second = ranked(one, seed=seed), ranked(other, seed=seed, stream=stream)
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

    >>> round(tau_b(np.array([1.0, 2, 3, 3]), np.array([1.0, 3, 2, 2])), 3)  # 3 pairs agree, 2 do not, and 1 is tied
    0.2
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


def random_stream(seed: int, stream: int) -> np.random.Generator:
    """Random numbers of their own for every seed and stream."""
    return np.random.default_rng([seed % 2**64, stream])


def rounded(scores: Scores) -> Scores:
    """Scores with `DIGITS` significant digits."""
    magnitude = 10.0 ** np.floor(np.log10(np.maximum(np.abs(scores), 1e-300)))
    found: Scores = np.round(scores / magnitude, DIGITS - 1) * magnitude
    return found
