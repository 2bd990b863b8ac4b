"""Turn scores of tokens into orders of units, the highest score first.

Equal scores are ordered by a seeded permutation: by position they would follow the text, which is an order of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from reportgen.core.nouns.faithfulness import Order, ScoreName, Unit
from reportgen.core.nouns.records import Floats, Tokens

Scores = npt.NDArray[np.float64]
DIGITS = 5  # significant ones of a score: further ones are rounding, and scores that agree in these are equal
TESTED: tuple[Literal["heatmap", "classifier", "attribution"], ...] = (
    "heatmap",
    "classifier",
    "attribution",
)  # by their scores; each gets a verdict


def scores_of(scores: Floats, units: Sequence[Unit], tokens: Tokens) -> Scores:
    """The score of each unit, (unit,): the sum over its tokens, *scores* (token,); echoes that are left out count 0."""
    counted = np.where(tokens.left_out, 0, scores.astype(np.float64))
    return np.array([counted[list(unit.positions)].sum() for unit in units])


def ranked(scores: Scores, *, seed: int, stream: int = 0) -> tuple[int, ...]:
    """Indices of *scores*, the highest first. Lists with the same *stream* have their ties in the same order.

    >>> ranked(np.array([0.5, 2.0, -1.0]), seed=0)
    (1, 0, 2)
    """
    ties = _random(seed, stream).permutation(len(scores))
    return tuple(np.lexsort((ties, -_rounded(scores))).tolist())


def even(scores: Floats, tokens: Tokens) -> bool:
    """Whether all tokens with something to read have the same score, (token,): it then orders nothing."""
    read = _rounded(scores[tokens.content].astype(np.float64))
    return bool((read == read[:1]).all())


def orders(scores: Mapping[ScoreName, Scores], *, seed: int, more: bool) -> tuple[Order, ...]:
    """Those of *scores*, and the heatmap's in reverse; with *more* also the order of the text."""
    found = [Order(name, ranked(scores[name], seed=seed)) for name in TESTED if name in scores]
    found.append(Order("reversed", found[0].units[::-1]))
    if more:
        found.append(Order("reading-order", tuple(range(len(scores["heatmap"])))))
    return tuple(found)


def random_orders(count: int, draws: int, *, seed: int) -> tuple[Order, ...]:
    """Orders of *count* units that know nothing of them."""
    return tuple(Order("random", tuple(_random(seed, 1 + draw).permutation(count).tolist())) for draw in range(draws))


def _random(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed % 2**64, stream])


def _rounded(scores: Scores) -> Scores:
    """Scores with `DIGITS` significant digits."""
    magnitude = 10.0 ** np.floor(np.log10(np.maximum(np.abs(scores), 1e-300)))
    found: Scores = np.round(scores / magnitude, DIGITS - 1) * magnitude
    return found
