"""Compare the heatmap of a report, and its attribution, with every other list of scores that it has."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import combinations

from reportgen.core import joining
from reportgen.core.agreement import Scores, agreement
from reportgen.core.nouns.faithfulness import Agreement, ScoreName, Unit


def agreements(
    scores: Mapping[ScoreName, Scores], text: str, units: Sequence[Unit], *, seed: int
) -> tuple[Agreement, ...]:
    """The heatmap, and the attribution, each compared with every other list of scores that orders anything at all."""
    starts = [start for start, _ in joining.sentences(text)]
    owners = [bisect_right(starts, unit.start) for unit in units]
    ordered = [name for name, each in scores.items() if len(set(each.tolist())) > 1]
    pairs = [pair for pair in combinations(ordered, 2) if {"heatmap", "attribution"} & {*pair}]
    return tuple(agreement(pair, scores[pair[0]], scores[pair[1]], owners, seed=seed) for pair in pairs)
