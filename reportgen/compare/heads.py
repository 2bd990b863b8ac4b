"""Describe each head by numbers that do not depend on the words of a text, and say how far two reports' heads differ.

Heads are paired by layer and number, so both models need as many of each. Of one text, also the share of a head's
attention that lands elsewhere is known: the total variation distance of what the stretches of the text receive.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reportgen.compare.align import Alignment, Doubles, Stretch
from reportgen.core.nouns.records import Report
from reportgen.report.draw.captions import top_shares

TOP = 0.01  # share of the tokens on which concentration is measured: it means the same at any length

FACTS = {
    "moved": "Share of the attention received that lands elsewhere",
    "concentration": "Share of the attention received on the top 1% of the tokens",
    "evenness": "Entropy of the attention received, as a share of the largest possible",
    "special": "Share of the attention received on special tokens",
    "importance": "Head importance",
}


def profile(report: Report) -> dict[str, Doubles]:
    """Numbers of every head, (layer, head) each, by the names of `FACTS`: those that are known."""
    received = report.attention.received.astype(np.float64)
    count = received.shape[-1]
    whole = received.sum(axis=-1, keepdims=True)
    shares = received / np.where(whole > 0, whole, 1)
    found = {
        "concentration": top_shares(received, max(1, round(TOP * count))),
        "evenness": _entropy(shares) / np.log(max(count, 2)),
        "special": shares[..., np.array(report.tokens.special, bool)].sum(axis=-1),
    }
    if report.importance.measure != "none":
        found["importance"] = report.importance.values.astype(np.float64)
    return found


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


def top_word(report: Report, layer: int, head: int, words: tuple[Stretch, ...], *, first: bool) -> str:
    """The word that receives most in a head, as it is written."""
    row = report.attention.received[layer, head].astype(np.float64)
    scores = [row[list(word.one if first else word.other)].sum() for word in words]
    if not scores:
        return ""
    best = words[int(np.argmax(scores))]
    return report.example.text[best.start : best.end]


def _received(report: Report, pieces: list[tuple[int, ...]]) -> Doubles:
    """Shares of the received attention by stretch, the special tokens last, (layer, head, stretch + 1)."""
    bins = np.full(len(report.tokens), -1, np.int64)
    for number, positions in enumerate(pieces):
        bins[list(positions)] = number
    bins[np.array(report.tokens.special, bool)] = len(pieces)
    kept = bins >= 0
    layers, heads, _ = report.attention.received.shape
    made = np.array([
        np.bincount(bins[kept], weights=row[kept], minlength=len(pieces) + 1)
        for row in report.attention.received.reshape(layers * heads, -1).astype(np.float64)
    ])  # fmt: skip
    whole = made.sum(axis=-1, keepdims=True)
    shares: Doubles = (made / np.where(whole > 0, whole, 1)).reshape(layers, heads, -1)
    return shares


def _entropy(shares: npt.NDArray[np.float64]) -> Doubles:
    logs = np.log(np.where(shares > 0, shares, 1))
    found: Doubles = -(shares * logs).sum(axis=-1)
    return found
