"""Describe the heads of a report by numbers, and say how far the heads of two reports differ.

The numbers are those of a corpus, and mean the same for any text. Heads are paired by layer and number, so both models
need as many of each. Of one text, also the share of a head's attention that lands elsewhere is known: the total
variation distance of what the stretches of the text receive.
"""

from __future__ import annotations

import numpy as np

from reportgen.compare.align import Alignment, Doubles, Stretch
from reportgen.core.nouns.records import Report
from reportgen.corpus.sums import Measured

MOVED = "share of the attention received that lands elsewhere"


def profile(report: Report, measured: Measured) -> dict[str, Doubles]:
    """Numbers of every head, (layer, head) each, by the names of `corpus.heads.MEASURES`."""
    shape = report.attention.shape[:2]
    table = measured.values["heads"]
    place = {place: number for number, place in enumerate(report.places)}
    found: dict[str, Doubles] = {}
    for name, layer, head, value in zip(*(table[c].to_pylist() for c in table.column_names), strict=True):
        found.setdefault(name, np.full(len(place), np.nan))[place[layer, head]] = value
    return {name: values.reshape(shape) for name, values in found.items()}


def roles(report: Report, measured: Measured) -> tuple[str, ...]:
    """The role of each head, in the order of `Report.places`."""
    table = measured.values["roles"]
    named = dict(zip(zip(table["layer"].to_pylist(), table["head"].to_pylist(), strict=True),
                     table["role"].to_pylist(), strict=True))  # fmt: skip
    return tuple(named[place] for place in report.places)


def comparable(one: Report, other: Report) -> bool:
    """Whether each head of one has a counterpart: neither is a list of given scores, and their numbers are equal."""
    same = one.attention.shape[:2] == other.attention.shape[:2] and one.attention.layers == other.attention.layers
    return same and not one.given and not other.given


def moved(one: Report, other: Report, aligned: Alignment) -> Doubles:
    """How much of each head's attention lands on other stretches of one text, (layer, head), 0 to 1.

    Special tokens together are one stretch; text that only one report has read is left out.
    """
    mine = _received(one, [piece.one for piece in aligned.pieces])
    theirs = _received(other, [piece.other for piece in aligned.pieces])
    distance: Doubles = np.abs(mine - theirs).sum(axis=-1) / 2
    return distance


def top_words(report: Report, words: tuple[Stretch, ...], *, first: bool) -> tuple[str, ...]:
    """The word that receives most in each head, as it is written, in the order of `Report.places`."""
    if not words:
        return ("",) * len(report.places)
    owner = np.full(len(report.tokens), -1, np.int64)
    for number, word in enumerate(words):
        owner[list(word.one if first else word.other)] = number
    kept = owner >= 0
    rows = report.attention.received.reshape(len(report.places), -1).astype(np.float64)
    best = (int(np.bincount(owner[kept], weights=row[kept], minlength=len(words)).argmax()) for row in rows)
    return tuple(report.example.text[words[number].start : words[number].end] for number in best)


def _received(report: Report, pieces: list[tuple[int, ...]]) -> Doubles:
    """Shares of the received attention by stretch, the special tokens last, (layer, head, stretch + 1)."""
    bins = np.full(len(report.tokens), -1, np.int64)
    for number, positions in enumerate(pieces):
        bins[list(positions)] = number
    bins[np.array(report.tokens.special, bool)] = len(pieces)
    kept = bins >= 0
    layers, heads, _ = report.attention.received.shape
    rows = report.attention.received.reshape(layers * heads, -1).astype(np.float64)
    made = np.array([np.bincount(bins[kept], weights=row[kept], minlength=len(pieces) + 1) for row in rows])
    whole = made.sum(axis=-1, keepdims=True)
    shares: Doubles = (made / np.where(whole > 0, whole, 1)).reshape(layers, heads, -1)
    return shares
