"""Join tokens into words, and find the sentences of a text, both by characters."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import regex

from reportgen.core.nouns.records import Tokens

# A sentence ends behind a full stop and what closes behind it, if space follows and no lower-case letter or digit does;
# not behind an initial or one of these words; and at an empty line.
SHORT = r"(?i:e\.g|i\.e|cf|vs|al|etc|approx|Fig|Figs|Eq|Eqs|Sec|No|Nos|Dr|Mr|Mrs|Ms|Prof|St|Jr|Sr|Inc|Ltd)"
CLOSING = r"[\"'”’»)\]]*"
ENDS = regex.compile(
    rf"(?<!\b(?:{SHORT}|\p{{Lu}}))\.{CLOSING}(?=\s+[^\s\p{{Ll}}\p{{Nd}}])"
    rf"|[!?…]+{CLOSING}(?=\s+[^\s\p{{Ll}}])|[。！？]{CLOSING}|(?=\n[^\S\n]*\n)"
)


@dataclass(frozen=True, slots=True)
class Joined:
    """The tokens of one word: letters and digits without a gap, or one sign."""

    start: int  # first character in the text
    end: int  # one past the last
    positions: tuple[int, ...]  # of its tokens, ascending


def words(text: str, tokens: Tokens) -> tuple[Joined, ...]:
    """The words of *text* in their order; special and blank tokens are in none. A word may consist of echoes alone."""
    found: list[tuple[int, int, list[int]]] = []  # start, end, positions
    read = tokens.content | (tokens.left_out & ~np.array(tokens.blank, bool))
    for position in np.flatnonzero(read).tolist():
        start, end = tokens.starts[position], tokens.ends[position]
        last = found[-1] if found else None
        if last and (start < last[1] or (start == last[1] and text[start - 1].isalnum() and text[start].isalnum())):
            found[-1] = (last[0], max(last[1], end), [*last[2], position])
        else:
            found.append((start, end, [position]))
    return tuple(Joined(start, end, tuple(positions)) for start, end, positions in found)


def sentences(text: str) -> tuple[tuple[int, int], ...]:
    """First character and one past the last of every sentence, without the space around it.

    >>> [text[a:b] for text in ["Cf. Fig. 2 of J. Doe. It is seen (twice).  No?"] for a, b in sentences(text)]
    ['Cf. Fig. 2 of J. Doe.', 'It is seen (twice).', 'No?']
    """
    cuts = [0, *(match.end() for match in ENDS.finditer(text)), len(text)]
    parts = [(start, end, text[start:end].strip()) for start, end in pairwise(cuts)]
    return tuple((at, at + len(part)) for start, end, part in parts if part for at in [text.index(part, start, end)])
