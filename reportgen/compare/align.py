"""Align two tokenizations of one text: the finest stretches of characters whose borders both have.

Where one tokenizer has cut "understanding" in three and the other in one, the word is one stretch; a score of a stretch
is the sum over its tokens, so nothing is divided and nothing is lost. Equal tokenizations keep their own pieces.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reportgen.core import joining
from reportgen.core.nouns.records import Floats, Report, Tokens
from reportgen.report import heatmap
from reportgen.report.parts import Cell

Doubles = npt.NDArray[np.float64]
Span = tuple[int, int, tuple[int, ...]]  # first character, one past the last, positions of its tokens


@dataclass(frozen=True, slots=True)
class Stretch:
    """Characters that both reports cover with whole tokens."""

    start: int  # first character in the text
    end: int  # one past the last
    one: tuple[int, ...]  # positions of its tokens in the first report; () if it has none there
    other: tuple[int, ...]  # in the second


@dataclass(frozen=True, slots=True)
class Alignment:
    """One text as two reports have read it."""

    text: str  # as far as both have read it
    cells: tuple[Cell, ...]  # of the text; the position of a cell is its own number; left out: not coloured in both
    pieces: tuple[Stretch, ...]  # (cell,), the tokens behind each
    words: tuple[Stretch, ...]  # those that both rank


def align(one: Report, other: Report) -> Alignment:
    """Align two reports of one text, as far as both have read it.

    Raises:
        ValueError: If their texts differ.
    """
    if one.example.text != other.example.text:
        raise ValueError("two texts cannot be aligned")
    whole = one.example.text
    text = whole[: min(one.tokens.end, other.tokens.end)]
    covers = [[cell for cell in heatmap.cells(whole, report.tokens) if not cell.special] for report in (one, other)]
    pieces = shared(*([(cell.start, cell.end, cell.positions) for cell in cover] for cover in covers), end=len(text))
    words = shared(
        *([(w.start, w.end, w.positions) for w in joining.words(whole, r.tokens)] for r in (one, other)), end=len(text)
    )
    ranked = tuple(word for word in words if _ranked(word.one, one.tokens) and _ranked(word.other, other.tokens))
    cells = tuple(_cell(number, piece, text, one.tokens, other.tokens) for number, piece in enumerate(pieces))
    return Alignment(text, cells, pieces, ranked)


def shared(one: Iterable[Span], other: Iterable[Span], *, end: int) -> tuple[Stretch, ...]:
    """The finest stretches whose borders two covers share, in the order of the text, up to the character *end*.

    >>> shared([(0, 5, (1,)), (5, 13, (2,))], [(0, 13, (1,)), (14, 15, (2,))], end=15)
    (Stretch(start=0, end=13, one=(1, 2), other=(1,)), Stretch(start=14, end=15, one=(), other=(2,)))
    """
    marked = [(*span, 0) for span in one] + [(*span, 1) for span in other]
    found: list[tuple[int, int, tuple[list[int], list[int]]]] = []
    for start, stop, positions, side in sorted(span for span in marked if span[0] < span[1]):
        if not found or start >= found[-1][1]:
            found.append((start, stop, ([], [])))
        first, last, sides = found[-1]
        sides[side].extend(positions)
        found[-1] = (first, max(last, stop), sides)
    return tuple(Stretch(a, b, tuple(mine), tuple(theirs)) for a, b, (mine, theirs) in found if b <= end)


def sums(values: Floats, stretches: Iterable[tuple[int, ...]], tokens: Tokens) -> Doubles:
    """The sum of *values* (token,) over the tokens of each stretch; echoes that are left out count 0."""
    counted = np.where(tokens.left_out, 0, values.astype(np.float64))
    return np.array([counted[list(positions)].sum() for positions in stretches], np.float64)


def multiples(values: Doubles, on: npt.NDArray[np.bool_]) -> Doubles:
    """Scores as multiples of the even share: the score of one of *on* divided by their mean; 1 if all are 0.

    A model's scores have a scale of their own; shares of the same stretches of text do not.
    """
    lifted = values - min(0.0, float(values[on].min(initial=0)))
    mean = float(lifted[on].mean()) if on.any() else 0.0
    made: Doubles = lifted / mean if mean > 0 else np.ones_like(values)
    return np.where(on, made, 0)


def _ranked(positions: tuple[int, ...], tokens: Tokens) -> bool:
    content = tokens.content
    return any(content[position] for position in positions)


def _cell(number: int, piece: Stretch, text: str, one: Tokens, other: Tokens) -> Cell:
    sides = ((piece.one, one), (piece.other, other))
    echo = any(tokens.echo[position] for positions, tokens in sides for position in positions)
    out = any(tokens.left_out[position] for positions, tokens in sides for position in positions)
    out = out or not piece.one or not piece.other
    return Cell((number,), text[piece.start : piece.end], False, piece.start, piece.end, echo=echo, left_out=out)
