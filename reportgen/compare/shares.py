"""Share out a heatmap by kinds of tokens and by stretches of the document: what two texts can be compared by."""

from __future__ import annotations

import numpy as np

from reportgen.compare.align import Doubles
from reportgen.core.nouns.records import Floats, Report
from reportgen.report import words

DECILES = 10
KINDS = ("special tokens", "punctuation", "stop words", "other words", "white space", "echoes of position")


def kinds(report: Report) -> tuple[str, ...]:
    """The kind of each token, one of `KINDS`."""
    found = ["white space"] * len(report.tokens)
    for word in words.whole_words(report.example.text, report.tokens, language=report.language):
        sign = not any(character.isalnum() for character in word.text)
        kind = "other words" if not word.masked else "punctuation" if sign else "stop words"
        for position in word.positions:
            found[position] = kind
    for position in report.tokens.echoes:
        found[position] = "echoes of position"
    for position in np.flatnonzero(report.tokens.special).tolist():
        found[position] = "special tokens"
    return tuple(found)


def by_kind(values: Floats, of: tuple[str, ...]) -> dict[str, float]:
    """The share of *values* (token,), none below 0, that each kind of token holds."""
    whole = float(values.sum(dtype=np.float64))
    return {
        kind: float(values[[one == kind for one in of]].sum(dtype=np.float64)) / whole if whole > 0 else 0.0
        for kind in KINDS
    }


def by_decile(values: Floats, report: Report) -> Doubles:
    """The share of *values* (token,) on each tenth of the document, of the tokens that are ranked, (decile,)."""
    content = report.tokens.content
    tenth = np.arange(len(values)) * DECILES // max(len(values), 1)
    made = np.bincount(tenth[content], weights=values[content].astype(np.float64), minlength=DECILES)
    whole = made.sum()
    shares: Doubles = made / whole if whole > 0 else made
    return shares
