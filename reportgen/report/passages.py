"""Turn a report into its key passages and words: the few that the prediction rests on, or that draw most attention.

Where the test of the heatmap has left out sentence by sentence, those whose loss costs the prediction most come first;
elsewhere those that draw most attention, a token at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reportgen.core import joining
from reportgen.core.characters import cut
from reportgen.core.nouns.records import Rankings, Report, Scores, Tokens
from reportgen.report import heatmap, opening, rank, scale, words
from reportgen.report.even_share import multiple, of_even
from reportgen.report.faithfulness import names
from reportgen.report.parts import Cell, HeatView, KeyPassages, Passage

MOST = 4  # passages
WORDS = 5  # that draw most attention, each once
QUOTED = 200  # characters
LONG, STRETCH = 60, 30  # words: a sentence with more is cut in stretches of so many
SHORT = 4  # words: fewer are a heading, a number, a stray sign


class Stretch(NamedTuple):
    """A sentence, or a part of a long one, by characters."""

    start: int
    end: int


def key_passages(report: Report, scores: Scores, view: HeatView, covered: tuple[Cell, ...]) -> KeyPassages:
    """The passages that the first screen quotes.

    Args:
        report: Whose text it is.
        scores: Of it.
        view: That it opens with.
        covered: From `heatmap.cells`.
    """
    opened = heatmap.shown(report, scores)[0]
    of = "" if report.given else names.ORDERS[opening.order(report)]
    times = of_even(opened.values.astype(np.float64) + opened.base, report.tokens.content)
    if found := _rests_on(report, times, covered, of):
        return found
    if view.even:
        return KeyPassages("Key passages", "No passage stands out.", (), of)
    drawn = [(float(times[own].mean()), one) for one in stretches(report) if (own := _own(report.tokens, one)).size]
    if len(drawn) < 2:
        return KeyPassages("Key passages", "The text is one passage.", (), of)
    ordered = [one for share, one in sorted(drawn, key=lambda found: (-found[0], found[1])) if share > 1]
    how = (
        f"Sentences whose tokens {f'draw most on average in {of}' if of else 'have the highest scores on average'}; 1× "
        "is what they would draw if all tokens drew the same."
    )
    if not report.given:
        how += " Not their effect on the prediction: the full test measures that, and leaves out each in turn."
    return KeyPassages("Key passages", how, tuple(_passage(report, one, times, covered) for one in ordered[:MOST]), of)


def _rests_on(report: Report, times: npt.NDArray[np.float64], covered: tuple[Cell, ...], of: str) -> KeyPassages | None:
    """The sentences without which the prediction loses most; None where none was left out, or none speaks for it."""
    tested = report.faithfulness
    if tested is None:
        return None
    speak = sorted((one for one in tested.sentences if one.change > 0), key=lambda one: -one.change)
    if not speak:
        return None
    whole = [one for one in speak if _words(report.example.text[one.start : one.end]) >= SHORT]
    label, least = names.label(report, tested), f" of {SHORT} words or more" if whole else ""
    quoted = tuple(
        _passage(
            report, Stretch(one.start, one.end), times, covered, f"without it, “{label}” has {one.probability:.1%}"
        )
        for one in (whole or speak)[:MOST]
    )
    how = (
        f"Of all sentences{least}, these lower “{label}” most when each alone is left out; with the whole text it has "
        f"{tested.probability:.1%}. Shares are of {of}: 1× is what a sentence would draw if all tokens drew the same."
    )
    return KeyPassages("What the prediction rests on", how, quoted, of)


def top_words(report: Report, rankings: Rankings | None = None) -> tuple[str, ...]:
    """The words that draw most attention, each once; *rankings*, if they are known."""
    if rankings is None:
        rankings = rank.rank(report.attention, scale.of_report(report), report.tokens, top_k=report.top_k)
    found = words.of_report(report)
    return words.top_words(found, opening.ranked(report, rankings), count=WORDS)


def stretches(report: Report) -> Iterator[Stretch]:
    """The sentences that the model has read, long ones in parts; headings and stray signs only if there is no other."""
    text, tokens = report.example.text, report.tokens
    written = joining.words(text[: tokens.end], tokens)
    starts = np.array(
        [word.start for word in written if any(c.isalnum() for c in text[word.start : word.end])], np.int64
    )
    found: list[tuple[int, Stretch]] = []
    for start, end in joining.sentences(text[: tokens.end]):
        first, last = np.searchsorted(starts, (start, end)).tolist()
        parts = max(1, round((last - first) / STRETCH)) if last - first > LONG else 1
        edges = np.linspace(first, last, parts + 1).round().astype(int).tolist()
        cuts = [start, *(int(starts[edge]) for edge in edges[1:-1]), end]
        found += [
            (to - from_, Stretch(a, a + len(text[a:b].rstrip())))
            for from_, to, a, b in zip(edges, edges[1:], cuts, cuts[1:], strict=False)
        ]
    whole = [one for count, one in found if count >= SHORT]
    yield from whole if len(whole) >= 2 else [one for _, one in found]


def _passage(
    report: Report, one: Stretch, times: npt.NDArray[np.float64], covered: tuple[Cell, ...], effect: str = ""
) -> Passage:
    own = _own(report.tokens, one)
    draws = f"{multiple(float(times[own].mean()))} the even share" if own.size else ""
    first, last = (int(own[0]), int(own[-1])) if own.size else (0, 0)
    anchor = next((cell.positions[0] for cell in covered if first in cell.positions), 0)
    quoted = cut(" ".join(report.example.text[one.start : one.end].split()), QUOTED)
    return Passage(quoted, anchor, last, draws, effect)


def _words(text: str) -> int:
    """Words with a letter or digit.

    >>> _words("5."), _words("It ends here, at last .")
    (1, 5)
    """
    return sum(any(c.isalnum() for c in word) for word in text.split())


def _own(tokens: Tokens, one: Stretch) -> npt.NDArray[np.int64]:
    """Positions of its tokens that are ranked."""
    starts = np.array(tokens.starts)
    inside: npt.NDArray[np.int64] = np.flatnonzero(tokens.content & (starts >= one.start) & (starts < one.end))
    return inside
