"""Find what the attention of a document cannot say, and turn it into warnings.

Scores that belong to a place; attention that is almost even; tokens that fewer queries see; logits that are tied.
Where scores were computed elsewhere nothing is known of the model's positions. There, equal distances between the
highest scores point to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from reportgen.core.errors import UsageError, one_line
from reportgen.core.nouns.records import Floats, Prediction, Report, ReportWarning, Scores, Tokens
from reportgen.report import scale
from reportgen.report.even_share import equal_but_for_rounding
from reportgen.report.rank import descending

TOP = 10  # highest scores that are looked at
NEAREST = 16  # tokens: no model repeats its positions sooner
BY_CHANCE = 0.001  # equal distances that so many documents with scores at random would show
OUTSTANDING = 2.0  # a score of this many times the median
NAMED = 5  # tokens that a warning names
MANY = 2 * TOP  # tokens of the text: of no more than these, ten say little
EVEN = 1.5  # times the even share: attention that is nowhere further from it is almost even
CODES = ("echoes", "almost-even", "fewer-queries", "tied-logits")  # of the warnings


def find(report: Report, scores: Scores) -> Iterator[ReportWarning]:
    """The warnings; *scores* are those that the report shows."""
    if report.tokens.echoes:
        yield ReportWarning("echoes", _echoes(report))
    even = _almost_even(report, scores)
    if even is not None:
        yield ReportWarning("almost-even", even)
    if report.received == "total" and not report.attention.seen_alike:
        fewer = _fewer_queries(report, scores)
        if fewer is not None:
            yield ReportWarning("fewer-queries", fewer)
    if report.prediction is not None and report.prediction.tied:
        yield ReportWarning("tied-logits", _tied(report.prediction))


def renewed(report: Report, scores: Scores) -> Report:
    """The report with these warnings as they are after a new choice; other warnings stay. *scores*: see `find`."""
    others = tuple(warning for warning in report.warnings if warning.code not in CODES)
    return replace(report, warnings=(*others, *find(report, scores)))


def reshown(report: Report, before: Report, *, keep_echoes: bool) -> Report:
    """A report that shows attention another way than *before*; a test of the other heatmap does not go with it."""
    same = (report.received, keep_echoes) == (before.received, before.tokens.keep_echoes)
    tokens = replace(report.tokens, keep_echoes=keep_echoes)
    changed = replace(report, tokens=tokens, faithfulness=report.faithfulness if same else None)
    return renewed(changed, scale.of_report(changed))


def _echoes(report: Report) -> str:
    """How many tokens are echoes of position, which, and how much attention they hold."""
    positions, period = report.tokens.echoes, report.attention.period or 0
    received = report.attention.received.astype(np.float64)
    share = received[:, :, list(positions)].sum() / (received.sum() or 1.0)
    several = len(positions) > 1
    named = _named(report, positions)
    if report.given:
        why = (
            f"{len(positions)} of the highest scores are at equal distances, every {period:,} tokens: {named}. "
            "Position embeddings that repeat have this effect: such a score belongs to the place, whatever the token "
            "says."
        )
    else:
        why = (
            f"The model’s position embeddings repeat every {period:,} tokens. {report.echoes} "
            f"receive{'' if several else 's'} attention for {'their' if several else 'its'} place, whatever "
            f"{'they say' if several else 'it says'}: {named}."
        )
    whole = "score" if report.given else "attention"
    subject, verb, them = ("They", "are", "them") if several else ("It", "is", "it")
    fate = f"{verb} outlined and left out of colours, rankings and summary; --echoes keep puts {them} back"
    if report.tokens.keep_echoes:
        fate = f"{verb} outlined, and coloured and ranked like other tokens (--echoes keep)"
    return f"{why} {subject} hold{'' if several else 's'} {share:.1%} of the {whole}. {subject} {fate}."


def _almost_even(report: Report, scores: Scores) -> str | None:
    """That all tokens of the text receive about the same; None if they do not, or exactly the same."""
    text = _weighed(scores.received, scores)[report.tokens.content]
    if text.size < TOP or text.min() <= 0 or equal_but_for_rounding(text):
        return None
    most, least = text.max() / text.mean(), text.min() / text.mean()
    if most > EVEN or least < 1 / EVEN:
        return None
    what, noun = ("The scores are", "score") if report.given else ("Attention is", "attention")
    return (
        f"{what} almost even: the tokens of the text have between {least:.2f} and {most:.2f} times the even share of "
        f"{noun}. The colours show these small differences at full strength."
    )


def _fewer_queries(report: Report, scores: Scores) -> str | None:
    """That some tokens are seen by fewer queries, and what that changes; None if the highest tokens stay the same."""
    attention, content = report.attention, np.flatnonzero(report.tokens.content)
    if attention.seen is None or content.size <= MANY:
        return None
    total, per_query = (
        content[descending(_weighed(received, scores)[content])][:TOP].tolist()
        for received in (attention.received, attention.per_query)
    )
    come = [position for position in per_query if position not in total]
    gone = [position for position in total if position not in per_query]
    if not come:
        return None
    seen = attention.seen[:, content]
    where = "near the ends of the document are seen by fewer queries than others"
    if (np.diff(attention.seen, axis=1) <= 0).all():
        where = "at the end of the document are seen by fewer queries than those at its start"
    count = len(come)
    others = f"{count} of the {len(total)} highest tokens would be {'others' if count > 1 else 'another'}"
    return (
        f"Tokens {where} ({seen.min():,} to {seen.max():,}), and receive less for that reason alone. Divided by the "
        f"number of queries, {others}: {_named(report, come)} instead of {_named(report, gone)}. "
        "--received per-query shows that."
    )


def _weighed(received: Floats, scores: Scores) -> npt.NDArray[np.float64]:
    """Attention received (layer, head, token) by head importance, summed over layers and heads, (token,)."""
    weighed: npt.NDArray[np.float64] = np.einsum("lht,lh->t", received, scores.factors, dtype=np.float64)
    return weighed


def _tied(said: Prediction) -> str:
    """That the model prefers none of some labels."""
    names = [f"“{one_line(said.labels[index])[:40]}”" for index in said.tied]
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) <= NAMED else f"{len(names):,} labels"
    return (
        f"The logits of {listed} are exactly equal, so the model prefers none of them. Where one label is named, it is "
        f"{names[0]}, the first of them."
    )


def _named(report: Report, positions: Sequence[int]) -> str:
    """Tokens with their positions, as many as a sentence can hold."""
    words = report.words()
    named = ", ".join(f"“{one_line(words[position])[:40]}” at {position}" for position in positions[:NAMED])
    return named + (f" and {len(positions) - NAMED:,} more" if len(positions) > NAMED else "")


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


def check_seen(report: Report) -> None:
    """Check that the report knows which queries see a token, if attention is to be shown per query.

    Raises:
        UsageError: If it does not.
    """
    if report.received == "per-query" and report.attention.seen is None:
        hint = "leave the option out" if report.given else "make the report again with reportgen run"
        raise UsageError("--received per-query: the report does not say how many queries see a token", hint=hint)
