"""Rank the words of one text by two reports: who moved, who is at the top of both, how far the orders agree."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from reportgen.compare.align import Alignment, Doubles
from reportgen.compare.measures import Measure
from reportgen.compare.parts import A, B, Section
from reportgen.compare.shown import charts
from reportgen.core import joining
from reportgen.core.agreement import agreement
from reportgen.core.characters import cut
from reportgen.core.nouns.faithfulness import Agreement
from reportgen.core.nouns.records import Report
from reportgen.core.numbers import number, signed
from reportgen.report.draw.specs import Draw
from reportgen.report.faithfulness import panel
from reportgen.report.faithfulness.panel import OVERLAP
from reportgen.report.parts import Table
from reportgen.report.rank import descending
from reportgen.report.words import of_report

TOP = 10  # words of each side in the slope chart
MOVERS = 10  # words that gain, and that lose
LONGEST = 40  # letters of a word in a table
FEWEST = 5  # words, without which orders are not compared
NOISE = 1e-9  # of the largest value: a smaller change is rounding
STOP = "Stop words and punctuation have ranks, too; the lists of words that gain and lose leave them out."
SEED = 0  # of the bootstrap, and of the order of equal scores


def ranks(values: Doubles) -> npt.NDArray[np.int64]:
    """The rank of each value, from 1; equal values in the order of the text."""
    order = descending(values)
    made = np.empty(len(values), np.int64)
    made[order] = np.arange(1, len(values) + 1)
    return made


def shifts(measure: Measure, one: Report, other: Report, aligned: Alignment, draw: Draw) -> Section:
    """The slope chart, and the words that gain and lose most."""
    mine, theirs = measure.of_words(aligned, one, other)
    words = [one.example.text[word.start : word.end] for word in aligned.words]
    if not words:
        return Section("ranks", "Rank shifts", ("No word is ranked by both.",))
    first, second = ranks(mine), ranks(theirs)
    shown = _content(one, aligned)
    top = sorted({*np.flatnonzero(first <= TOP).tolist(), *np.flatnonzero(second <= TOP).tolist()})
    top.sort(key=lambda n: (first[n], second[n]))
    both = sum(first[n] <= TOP and second[n] <= TOP for n in top)
    least = min(TOP, len(words))
    said = f"{both} of the {least} words with the highest scores in {A} are among the {least} of {B}."
    caption = (
        f"{said} Words are in the order of their ranks, which stand beside them; equal scores rank in the order of the "
        "text."
    )
    chart = charts.slopes([(words[n], int(first[n]), int(second[n])) for n in top], caption, draw)
    change = np.where(shown, theirs - mine, 0)
    tables = movers(words, mine, theirs, change, (first, second))
    if not tables:
        said = (
            "No word gains or loses." if np.allclose(mine, theirs) else "Only stop words and punctuation gain or lose."
        )
    else:
        most = int(np.abs(change).argmax())
        way = "gains" if change[most] > 0 else "loses"
        said += (
            f" “{_word(words[most])}” {way} most: from {mine[most]:.1f} times the even share in {A} "
            f"to {theirs[most]:.1f} in {B}, from rank {first[most]:,} to {second[most]:,} of {len(words):,}."
        )
    notes = (STOP,) if tables else ()
    return Section("ranks", "Rank shifts", (said,), charts=(chart,), tables=tables, notes=notes)


def _content(report: Report, aligned: Alignment) -> npt.NDArray[np.bool_]:
    """Which words are neither stop words nor punctuation, (word,)."""
    found = of_report(report)
    masked = {position for word in found if word.masked for position in word.positions}
    return np.array([not masked.issuperset(word.one) for word in aligned.words], np.bool_)


def movers(
    words: Sequence[str],
    mine: Doubles,
    theirs: Doubles,
    change: Doubles,
    ranked: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
) -> tuple[Table, ...]:
    """The words that gain most from A to B, and those that lose most, by their *change*; 0 is in no table."""
    largest = max(float(mine.max(initial=0)), float(theirs.max(initial=0)))
    made = []
    for key, verb, sign in (("gains", "gain", 1), ("losses", "lose", -1)):
        chosen = [n for n in descending(sign * change).tolist() if sign * change[n] > NOISE * largest][:MOVERS]
        rows = tuple(
            (_word(words[n]), *(f"{each[n]:.2f}" for each in (mine, theirs)), number(change[n], "+.2f"),
             *(f"{each[n]:,}" for each in ranked))
            for n in chosen
        )  # fmt: skip
        caption = f"Words that {verb} most from {A} to {B}, in multiples of the even share"
        columns = ("Word", A, B, "Change", f"Rank in {A}", f"Rank in {B}")
        made.append(Table(key, caption, columns, (False, *(True,) * 5), rows))
    return tuple(table for table in made if table.rows)


def agreements(
    measures: Sequence[Measure], one: Report, other: Report, aligned: Alignment
) -> tuple[tuple[Measure, Agreement], ...]:
    """How far A and B order the words alike, by each measure that orders anything in both."""
    starts = [start for start, _ in joining.sentences(aligned.text)]
    owners = [bisect_right(starts, word.start) for word in aligned.words]
    found = []
    for measure in measures:
        mine, theirs = measure.of_words(aligned, one, other)
        if len(mine) >= FEWEST and all(len(set(values.tolist())) > 1 for values in (mine, theirs)):
            found.append((measure, agreement((measure.name, measure.name), mine, theirs, owners, seed=SEED)))
    return tuple(found)


def agreement_section(found: Sequence[tuple[Measure, Agreement]], draw: Draw) -> Section | None:
    """Agreement against chance, at the top and as a whole."""
    if not found:
        return None
    first = found[0][1]
    table = panel.agreements(
        [(m.title, a) for m, a in found], said=f"Agreement of {A} and {B} on the words", column="Scores"
    )
    said = (
        f"Of the {OVERLAP}% of the words with the highest scores {A} and {B} share {first.overlap[OVERLAP - 1]:.0%}, "
        f"where two random orders share {OVERLAP}%; over all words Kendall’s tau-b is "
        f"{signed(round(first.tau.value, 2))}."
    )
    names: Mapping[str, str] = {m.name: m.title for m, _ in found}
    caption = f"{said} A line at the top means that both order the words alike; the grey line is chance."
    unique = tuple({m.name: a for m, a in reversed(found)}.values())[::-1]
    chart = charts.overlap(unique, names, caption, draw)
    return Section("agreement", "Agreement", (said,), charts=(chart,), tables=(table,))


def data(measures: Sequence[Measure], one: Report, other: Report, aligned: Alignment) -> pa.Table:
    """Every word that both rank, with its numbers and ranks by each measure."""
    starts, ends = [w.start for w in aligned.words], [w.end for w in aligned.words]
    text = one.example.text
    columns: dict[str, pa.Array] = {
        "word": pa.array([text[a:b] for a, b in zip(starts, ends, strict=True)], pa.string()),
        "start": pa.array(starts, pa.int32()),
        "end": pa.array(ends, pa.int32()),
    }
    for measure in measures:
        key = measure.key.replace("-", "_")
        for side, values in zip("ab", measure.of_words(aligned, one, other), strict=True):
            columns[f"{key}_{side}"] = pa.array(values, pa.float64())
            columns[f"{key}_rank_{side}"] = pa.array(ranks(values), pa.int32())
    return pa.table(columns)


def agreement_data(found: Sequence[tuple[Measure, Agreement]]) -> pa.Table:
    """The agreements with their intervals."""
    names = ("measure", "tau", "tau_low", "tau_high", "jaccard", "jaccard_low", "jaccard_high", "jaccard_chance")
    rows = [
        (m.key, a.tau.value, a.tau.low, a.tau.high, a.jaccard.value, a.jaccard.low, a.jaccard.high, a.jaccard_chance)
        for m, a in found
    ]
    kinds = (pa.string(), *(pa.float64(),) * 7)
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return pa.table({name: pa.array(column, kind) for name, column, kind in zip(names, columns, kinds, strict=True)})


def _word(word: str) -> str:
    return cut(" ".join(word.split()), LONGEST)
