"""Find what the attention of a document cannot say, and turn it into warnings: scores that belong to a place.

Where scores were computed elsewhere nothing is known of the model's positions. There, equal distances between the
highest scores point to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from math import comb

import numpy as np

from reportgen.core.errors import one_line
from reportgen.core.records import Floats, Report, ReportWarning, Tokens
from reportgen.report.rank import descending

TOP = 10  # highest scores that are looked at
NEAREST = 16  # tokens: no model repeats its positions sooner
BY_CHANCE = 0.001  # equal distances that so many documents with scores at random would show
OUTSTANDING = 2.0  # a score of this many times the median
NAMED = 5  # tokens that a warning names
CODES = ("echoes",)  # of the warnings


def find(report: Report) -> Iterator[ReportWarning]:
    """The warnings."""
    if report.tokens.echoes:
        yield ReportWarning("echoes", _echoes(report))


def renewed(report: Report) -> Report:
    """The report with these warnings as they are after a new choice; other warnings stay."""
    others = tuple(warning for warning in report.warnings if warning.code not in CODES)
    return replace(report, warnings=(*others, *find(report)))


def _echoes(report: Report) -> str:
    """How many tokens are echoes of position, which, and how much attention they hold."""
    positions, period = report.tokens.echoes, report.attention.period or 0
    received = report.attention.received.astype(np.float64)
    share = received[:, :, list(positions)].sum() / (received.sum() or 1.0)
    several = len(positions) > 1
    words = report.words()
    named = ", ".join(f"“{one_line(words[position])[:40]}” at {position}" for position in positions[:NAMED])
    more = f" and {len(positions) - NAMED:,} more" if len(positions) > NAMED else ""
    if report.given:
        why = (
            f"{len(positions)} of the highest scores are at equal distances, every {period:,} tokens: {named}{more}. "
            "Position embeddings that repeat have this effect: such a score belongs to the place, whatever the token "
            "says."
        )
    else:
        why = (
            f"The model’s position embeddings repeat every {period:,} tokens. {report.echoes} "
            f"receive{'' if several else 's'} attention for {'their' if several else 'its'} place, whatever "
            f"{'they say' if several else 'it says'}: {named}{more}."
        )
    whole = "score" if report.given else "attention"
    subject, verb, them = ("They", "are", "them") if several else ("It", "is", "it")
    fate = f"{verb} outlined and left out of colours, rankings and summary; --echoes keep puts {them} back"
    if report.tokens.keep_echoes:
        fate = f"{verb} outlined, and coloured and ranked like other tokens (--echoes keep)"
    return f"{why} {subject} hold{'' if several else 's'} {share:.1%} of the {whole}. {subject} {fate}."


def marked(report: Report) -> Report:
    """A report of given scores whose highest ones are at equal distances, with these tokens as echoes."""
    scores = report.attention.received.sum(axis=(0, 1), dtype=np.float64)
    found = equal_distances(scores, report.tokens)
    if found is None:
        return report
    positions, distance = found
    echo = tuple(position in positions for position in range(len(report.tokens)))
    return replace(
        report,
        tokens=replace(report.tokens, echo=echo),
        attention=replace(report.attention, period=distance),
    )


def equal_distances(scores: Floats, tokens: Tokens) -> tuple[tuple[int, ...], int] | None:
    """Positions among those of the ten highest scores that lie at one distance from each other, and the distance.

    They are so along the whole document, but for special tokens: every place at that distance has one of the highest
    scores. Two or three places may be so by chance; `_expected` says how often, and what happens in
    more than one of a thousand documents does not count.

    Args:
        scores: (token,), none below 0.
        tokens: Of the document.

    Returns:
        None if there are none.
    """
    text = np.flatnonzero(~np.array(tokens.special, bool))  # white space, too: a line break may be at such a place
    if text.size < 2:
        return None
    order = text[descending(scores[text])][:TOP]
    top = order[scores[order] > OUTSTANDING * np.median(scores[text])].tolist()
    best: tuple[float, tuple[int, ...], int] | None = None
    for distance, start in {(b - a, a % (b - a)) for a, b in combinations(sorted(top), 2) if b - a >= NEAREST}:
        places = tuple(place for place in range(start, len(tokens), distance) if not tokens.special[place])
        if len(places) < 2 or not set(places) <= set(top):
            continue
        lowest = 1 + max(top.index(place) for place in places)
        anchored = start == 0 and tokens.special[0]
        chance = _expected(len(places), lowest, tokens=len(tokens), text=text.size, anchored=anchored)
        if chance <= BY_CHANCE and (best is None or (chance, distance) < (best[0], best[2])):
            best = chance, places, distance
    return None if best is None else best[1:]


def _expected(count: int, lowest: int, *, tokens: int, text: int, anchored: bool) -> float:
    """How many rows of *count* places at one distance are among the *lowest* highest scores if scores are at random.

    Args:
        count: Places without a special token.
        lowest: The rank of the lowest of them.
        tokens: Of the document.
        text: Those that are not special.
        anchored: The row begins with the special token at position 0, which is not counted.
    """
    rows = 0
    for distance in range(NEAREST, tokens):
        if anchored:
            rows += (tokens - 1) // distance == count
        else:
            whole, rest = divmod(tokens, distance)
            rows += rest if count == whole + 1 else distance - rest if count == whole else 0
    return rows * comb(lowest, count) / comb(text, count)
