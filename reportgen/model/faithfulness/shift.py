"""Move a document by a word, and see which scores move with their words and which stay with their places.

A score that stays belongs to a place: to the first position, or to one where position embeddings repeat.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from reportgen.core import joining
from reportgen.core.joining import Joined
from reportgen.core.nouns.faithfulness import Change, Shift
from reportgen.core.nouns.records import Floats, Tokens

# A text -> its tokens, their scores before they are brought to 0..1, and the forward passes that it took.
Heat = Callable[[str], tuple[Tokens, Floats, int]]
TOP = 10  # tokens whose places are looked at
FALLS = 0.5  # of its score: what a moved word has at most, and its old place at least, if the score stayed there
FEWEST = 3  # words, without which there is nothing to correlate


def shifts(text: str, tokens: Tokens, scores: Floats, heat: Heat) -> tuple[Shift, ...]:
    """The document without its first word, and behind one word more; () if it has too few words.

    Args:
        text: That was read.
        tokens: Of the text.
        scores: (token,), what *heat* gives for the text.
        heat: Reads a text.
    """
    found = joining.words(text, tokens)
    if len(found) < FEWEST:
        return ()
    second, before = found[1].start, f"{_common(text, found)} "
    changed: tuple[tuple[Change, str, int], ...] = (
        ("first word left out", text[second:], -second),
        ("a word put before", before + text, len(before)),
    )
    return tuple(
        compared(change, (text, tokens, scores), (other, *heat(other)[:2]), moved) for change, other, moved in changed
    )


def compared(change: Change, old: tuple[str, Tokens, Floats], new: tuple[str, Tokens, Floats], moved: int) -> Shift:
    """Compare the scores of a document with those of the same document, *moved* by so many characters."""
    text, tokens, scores = old
    changed, later, other = new
    there = {(word.start - moved, word.end - moved): word for word in joining.words(changed, later)}
    pairs = [(word, there[key]) for word in joining.words(text, tokens) if (key := (word.start, word.end)) in there]
    stayed = staying(tokens, scores, other, pairs)
    echoes = {*stayed, *tokens.echoes}
    own = [(one, two) for one, two in pairs if not echoes & {*one.positions}]
    own = [(one, two) for one, two in own if not echoes & {*two.positions}]  # what has moved to such a place
    return Shift(
        change,
        len(pairs),
        _correlation([(_sum(scores, one), _sum(other, two)) for one, two in pairs]),
        stayed,
        _correlation([(_sum(scores, one), _sum(other, two)) for one, two in own]),
    )


def staying(tokens: Tokens, scores: Floats, other: Floats, pairs: Sequence[tuple[Joined, Joined]]) -> tuple[int, ...]:
    """Positions among the highest scores, special tokens left out, whose score stayed with the place.

    Args:
        tokens: Of the document.
        scores: Their scores, (token,).
        other: The scores of the moved document, (its token,).
        pairs: Each word, and the same word in the moved document.
    """
    moved = {
        position: there
        for one, two in pairs
        if len(one.positions) == len(two.positions)
        for position, there in zip(one.positions, two.positions, strict=True)
    }
    read = np.flatnonzero(~(np.array(tokens.special) | np.array(tokens.blank)))
    top = read[np.argsort(-scores[read], kind="stable")][:TOP].tolist()
    return tuple(
        sorted(
            place
            for place in top
            if place in moved and place < len(other) and other[moved[place]] < FALLS * scores[place] <= other[place]
        )
    )


def _common(text: str, words: Sequence[Joined]) -> str:
    """The word that is most common in the document, as it is first written."""
    written = [text[word.start : word.end] for word in words]
    count = Counter(word.casefold() for word in written if word.isalpha()) or Counter(w.casefold() for w in written)
    (most, _), *_ = count.most_common(1)
    return next(word for word in written if word.casefold() == most)


def _sum(scores: Floats, word: Joined) -> float:
    return float(scores[list(word.positions)].sum(dtype=np.float64))


def _correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Pearson's; None where either side is even, or there are too few."""
    both: npt.NDArray[np.float64] = np.array(pairs, np.float64).reshape(-1, 2)
    if len(both) < FEWEST or not (both.std(axis=0) > 1e-6 * np.abs(both).max(axis=0)).all():
        return None
    return float(np.corrcoef(both[:, 0], both[:, 1])[0, 1])
