"""Turn scores of tokens into orders of units, the highest score first, and say how far two lists order them alike.

How scores become an order is in `core/agreement.py`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np

from reportgen.core import joining
from reportgen.core.agreement import Scores, agreement, random_stream, ranked, rounded
from reportgen.core.nouns.faithfulness import Agreement, Order, ScoreName, Unit
from reportgen.core.nouns.records import Floats, Tokens

TESTED: tuple[Literal["all_attention", "classifier", "attribution"], ...] = (
    "all_attention",
    "classifier",
    "attribution",
)  # by their scores; each gets a verdict


def scores_of(scores: Floats, units: Sequence[Unit], tokens: Tokens) -> Scores:
    """The score of each unit, (unit,): the sum over its tokens, *scores* (token,); echoes that are left out count 0."""
    counted = np.where(tokens.left_out, 0, scores.astype(np.float64))
    return np.array([counted[list(unit.positions)].sum() for unit in units])


def even(scores: Floats, tokens: Tokens) -> bool:
    """Whether all tokens with something to read have the same score, (token,): it then orders nothing."""
    read = rounded(scores[tokens.content].astype(np.float64))
    return bool((read == read[:1]).all())


def orders(scores: Mapping[ScoreName, Scores], *, seed: int, more: bool) -> tuple[Order, ...]:
    """Those of *scores*, and that of all attention in reverse; with *more* also the order of the text."""
    found = [Order(name, ranked(scores[name], seed=seed)) for name in TESTED if name in scores]
    found.append(Order("reversed", found[0].units[::-1]))
    if more:
        found.append(Order("reading-order", tuple(range(len(scores["all_attention"])))))
    return tuple(found)


def random_orders(count: int, draws: int, *, seed: int) -> tuple[Order, ...]:
    """Orders of *count* units that know nothing of them."""
    return tuple(
        Order("random", tuple(random_stream(seed, 1 + draw).permutation(count).tolist())) for draw in range(draws)
    )


def agreements(
    scores: Mapping[ScoreName, Scores], text: str, units: Sequence[Unit], *, seed: int
) -> tuple[Agreement, ...]:
    """All attention, and the attribution, each compared with every other list of scores that orders anything at all."""
    starts = [start for start, _ in joining.sentences(text)]
    owners = [bisect_right(starts, unit.start) for unit in units]
    ordered = [name for name, each in scores.items() if len(set(each.tolist())) > 1]
    pairs = [pair for pair in combinations(ordered, 2) if {"all_attention", "attribution"} & {*pair}]
    return tuple(agreement(pair, scores[pair[0]], scores[pair[1]], owners, seed=seed) for pair in pairs)
