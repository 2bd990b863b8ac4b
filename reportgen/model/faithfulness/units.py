"""Cut a document into the units that are removed or kept as a whole: words, or sentences.

Special tokens, white space, and words that consist of echoes of position alone are in no unit. Neither is the word
whose token the classifier reads (the last one in causal models): without it, another token would be read.
"""

from __future__ import annotations

from bisect import bisect_right

from reportgen.core import joining
from reportgen.core.nouns.faithfulness import Unit, UnitKind
from reportgen.core.nouns.records import Tokens


def units(text: str, tokens: Tokens, *, kind: UnitKind, reader: int | None) -> tuple[Unit, ...]:
    """The units of a document in the order of the text.

    Args:
        text: That was read.
        tokens: Of the text.
        kind: Words, or sentences: the words of each together.
        reader: Position whose row the classifier reads; None if it pools over all tokens.
    """
    found = [
        Unit(word.start, word.end, word.positions)
        for word in joining.words(text, tokens)
        if reader not in word.positions and not all(tokens.left_out[position] for position in word.positions)
    ]
    if sum(len(word.positions) for word in found) == len(tokens):  # a model reads at least one token
        found.pop()
    return tuple(found) if kind == "word" else by_sentence(text, found)


def by_sentence(text: str, words: list[Unit]) -> tuple[Unit, ...]:
    """The words of each sentence as one unit, with the characters of the sentence."""
    spans = joining.sentences(text)
    starts = [start for start, _ in spans]
    together: dict[int, list[int]] = {}
    for word in words:
        together.setdefault(bisect_right(starts, word.start) - 1, []).extend(word.positions)
    return tuple(Unit(*spans[number], tuple(sorted(positions))) for number, positions in together.items())
