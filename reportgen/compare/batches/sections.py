"""Turn the sums over paired documents into sections of the page: agreement, words, heads, shares, faithfulness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from reportgen.compare.batches import charts, paired
from reportgen.compare.batches.paired import Change, PairedSums
from reportgen.compare.batches.pairs import TABLES
from reportgen.compare.parts import A, B, Section
from reportgen.compare.shown.charts import deciles, grids, removed
from reportgen.core.characters import cut
from reportgen.core.nouns.faithfulness import VERDICTS
from reportgen.core.numbers import ends, number, signed
from reportgen.corpus.heads import MEASURES
from reportgen.corpus.intervals import LEAST
from reportgen.report.draw.specs import Draw
from reportgen.report.faithfulness.names import MEASURES as ASPECTS
from reportgen.report.faithfulness.names import ORDERS, WAYS, percent
from reportgen.report.parts import Chart, Table

SUPPORT = 5  # documents that a word is in, at least
MOVERS = 10  # words that gain, and that lose; heads that are listed
LONGEST = 40  # letters of a word
NEAR = 0.05  # share of the words that the caption of the deletion curves names
DRAWN = {"importance": "Mean change of head importance", "entropy": "Mean change of entropy",
         "special": "Mean change of the share on special tokens"}  # fmt: skip
CLASSES = {"special": "special tokens", "first": "the first 4 tokens", "punctuation": "punctuation",
           "stop words": "stop words"}  # fmt: skip


def agreement(rows: Sequence[dict[str, Any]], draw: Draw) -> Section:
    """How far all attention of both orders the words of a document alike."""
    found = {name: [row[name] for row in rows if row.get(name) is not None] for name in ("tau", "jaccard", "elsewhere")}
    titles = {
        "tau": "Kendall’s tau-b over the words, by chance 0",
        "jaccard": "Jaccard of the top 5% of the words, by chance 0.03",
        "elsewhere": "Share of a head’s attention that lands elsewhere, mean over heads",
    }
    means = {name: paired.of([0.0] * len(values), values) for name, values in found.items() if values}
    if "tau" not in means:
        return Section("agreement", "Agreement", ("No document has words enough to compare.",))
    table = Table(
        "agreement", f"{A} and {B} on each document: mean over documents, with its interval of 95%",
        ("What", "Mean", "Interval", "Lowest", "Highest", "Documents"), (False, *(True,) * 5),
        tuple((titles[name], _plain(each.change), _around(each), *_ends(found[name]),
               f"{each.documents:,}") for name, each in means.items()),
    )  # fmt: skip
    tau = means["tau"]
    said = (
        f"The words of a document, ordered by all attention in {A} and in {B}, have a tau-b of {_plain(tau.change)} on "
        "average" + (f" ({_plain(tau.low)} to {_plain(tau.high)})." if tau.documents >= LEAST else ".")
    )
    chart = charts.histogram(found["tau"], f"{said} Each document counts once.", draw)
    return Section("agreement", "Agreement", (said,), charts=(chart,), tables=(table,))


def words(sums: PairedSums, draw: Draw) -> Section | None:
    """The words whose mean score changes most, over the documents that have them."""
    found = {key: each for key, each in sums.changes().items() if each.documents >= SUPPORT}
    moved = [(str(key[0]), key[1], each) for key, each in found.items() if isinstance(key, tuple) and each.clear]
    content = [(word, each) for word, stop, each in moved if not stop]
    if not found:
        return None
    known = sum(isinstance(key, tuple) and not key[1] for key in found)
    note = (
        f"A score is a multiple of the mean score of its document. Words in at least {SUPPORT} documents, stop words "
        f"and punctuation left out; shown are those whose interval leaves out 0, {len(content):,} of {known:,}: at "
        "95% about one in twenty does so by chance."
    )
    tables, shown = [], []
    for key, verb, sign in (("gains", "gain", 1), ("losses", "lose", -1)):
        own = sorted((one for one in content if sign * one[1].change > 0), key=lambda one: -sign * one[1].change)[
            :MOVERS
        ]
        shown += own
        rows = tuple((cut(word, LONGEST), *_change(each)) for word, each in own)
        caption = f"Words that {verb} most from {A} to {B}, mean over the documents that have them"
        columns = ("Word", A, B, "Change", "Interval, 95%", "Documents")
        tables.append(Table(key, caption, columns, (False, *(True,) * 5), rows))
    if not shown:
        return Section("words", "Words", ("No word gains or loses clearly.",), notes=(note,))
    most = max(shown, key=lambda one: abs(one[1].change))
    way = "gains" if most[1].change > 0 else "loses"
    said = f"“{cut(most[0], LONGEST)}” {way} most: {signed(most[1].change)} on average."
    ordered = sorted(shown, key=lambda one: -one[1].change)
    chart = charts.forest([(cut(word, 24), each) for word, each in ordered], said, draw)
    return Section("words", "Words", (said,), charts=(chart,), tables=tuple(t for t in tables if t.rows), notes=(note,))


def heads(sums: PairedSums, elsewhere: PairedSums, places: Sequence[tuple[int, int]], draw: Draw) -> Section | None:
    """What changes in each head, mean over documents; None where heads have no counterparts."""
    if not places:
        return Section("heads", "Heads", (f"The heads of {A} and {B} have no counterparts.",))
    found, moved = sums.changes(), elsewhere.changes()
    names = [name for name in MEASURES if all((name, *place) in found for place in places)]
    lands = np.array([moved[place].change for place in places])
    values: dict[str, tuple[str, np.ndarray[Any, np.dtype[np.float64]], bool]] = {
        "moved": ("Attention that lands elsewhere, mean", lands, False)
    }
    values |= {
        name: (title, np.array([found[name, *place].change for place in places]), True)
        for name, title in DRAWN.items() if name in names
    }  # fmt: skip
    most = int(lands.argmax())
    said = (
        f"Layer {places[most][0]}, head {places[most][1]} changed most: on average {lands[most]:.0%} of the attention "
        f"that tokens receive lands elsewhere; over all heads {lands.mean():.0%}."
        if lands.any() else f"The attention of all {len(places)} heads is the same."
    )  # fmt: skip
    clear = [(name, place, found[name, *place]) for name in names for place in places if found[name, *place].clear]
    clear.sort(key=lambda one: -abs(one[2].change))
    rows = tuple(
        (str(place[0]), str(place[1]), MEASURES[name], *_change(each)) for name, place, each in clear[: 2 * MOVERS]
    )
    table = Table(
        "changed-heads", "Heads whose numbers change most, where the interval leaves out 0",
        ("Layer", "Head", "What", A, B, "Change", "Interval, 95%", "Documents"),
        (True, True, False, *(True,) * 5), rows,
    )  # fmt: skip
    tested = len(names) * len(places)
    note = f"{len(clear):,} of {tested:,} intervals leave out 0; at 95% about {tested / 20:.0f} do so by chance."
    values = {name: each for name, each in values.items() if np.any(each[1])}
    drawn = (grids(places, values, said, draw),) if values else ()
    return Section("heads", "Heads", (said,), charts=drawn, tables=(table,) if rows else (), notes=(note,))


def shares(layers: PairedSums, positions: PairedSums, draw: Draw) -> Section | None:
    """Shares of kinds of tokens and of tenths of the document, mean over layers, with intervals by layer."""
    found = layers.changes()
    rows = [
        (CLASSES[str(key[1])], str(key[2]), *_percent(each))
        for key, each in found.items()
        if isinstance(key, tuple) and key[0] == "received" and key[1] in CLASSES
    ]
    if not rows:
        return None
    table = Table(
        "shares", "Share of the attention on kinds of tokens, by layer, mean over documents; changes in points",
        ("Tokens", "Layer", A, B, "Change", "Interval, 95%", "Documents"), (False, *(True,) * 6), tuple(rows),
    )  # fmt: skip
    by_tenth: dict[int, list[Change]] = {}
    for key, each in positions.changes().items():
        if isinstance(key, tuple) and key[0] == "received":
            by_tenth.setdefault(key[2], []).append(each)
    shown: tuple[Chart, ...] = ()
    if len(by_tenth) == 10:
        values = {
            side: np.array([float(np.mean([getattr(one, name) for one in by_tenth[n]])) for n in range(1, 11)])
            for side, name in ((A, "one"), (B, "other"))
        }
        shift = float(np.abs(values[A] - values[B]).sum() / 2)
        count = by_tenth[1][0].documents
        caption = (
            f"{shift:.1%} of the attention on text is in another tenth of the document in {B}: mean over layers and "
            f"{count:,} documents."
        )
        shown = (deciles(values, caption, draw),)
    return Section("shares", "Shares", charts=shown, tables=(table,))


def parts_of_texts(sums: PairedSums) -> Section | None:
    """Attention by section of the texts, where they have headings."""
    found = {
        key[1]: each for key, each in sums.changes().items()
        if isinstance(key, tuple) and key[0] == "attention" and each.documents >= SUPPORT
    }  # fmt: skip
    if not found:
        return None
    ordered = sorted(found.items(), key=lambda item: -item[1].documents)[: 2 * MOVERS]
    rows = tuple((cut(str(name), LONGEST), *_percent(each)) for name, each in ordered)
    table = Table(
        "sections", f"Share of all attention on sections that at least {SUPPORT} documents have; changes in points",
        ("Section", A, B, "Change", "Interval, 95%", "Documents"), (False, *(True,) * 5), rows,
    )  # fmt: skip
    return Section("sections", "Sections", tables=(table,))


def faithfulness(rows: Sequence[dict[str, Any]], effects: PairedSums, curves: PairedSums, draw: Draw) -> Section | None:
    """Verdicts on all attention, and what orders gain over random ones, where both were tested; None if none was."""
    both = [row for row in rows if row["all_attention_a"] and row["all_attention_b"]]
    tested = [sum(row[f"all_attention_{side}"] is not None for row in rows) for side in "ab"]
    if not any(tested):
        return None
    if not both:
        said = f"All attention was tested in {tested[0]:,} documents of {A} and {tested[1]:,} of {B}, in none of both."
        return Section("faithfulness", "Faithfulness", (said,))
    counts = Counter((row["all_attention_a"], row["all_attention_b"]) for row in both)
    verdicts = Table(
        "all-attention-verdicts", "Documents by the verdicts on all attention",
        (A, B, "Documents"), (False, False, True),
        tuple((VERDICTS[one], VERDICTS[other], f"{count:,}") for (one, other), count in counts.most_common()),
    )  # fmt: skip
    found = {key: each for key, each in effects.changes().items() if isinstance(key, tuple)}
    shown = Table(
        "effects", "AOPC minus that of the random orders, in logits, mean over documents",
        ("Measure", "Order", "Words are", A, B, "Change", "Interval, 95%", "Documents"),
        (False, False, False, *(True,) * 5),
        tuple((ASPECTS[m], ORDERS[order], WAYS[operator], *_change(each))
              for (m, operator, order), each in found.items()),
    )  # fmt: skip
    supported = [sum(row[f"all_attention_{side}"] == "supported" for row in both) for side in "ab"]
    said = (
        f"Of {len(both):,} documents tested in both, all attention is supported in {supported[0]:,} in {A} and "
        f"{supported[1]:,} in {B}."
    )
    note = "Margins of two models have no common scale: compare signs and intervals, not sizes."
    chart = _removed(curves, draw)
    return Section("faithfulness", "Faithfulness", (said,), charts=(chart,) if chart else (), tables=(verdicts, shown),
                   notes=(note,))  # fmt: skip


def _removed(curves: PairedSums, draw: Draw) -> Chart | None:
    """The mean deletion curves of all attention over the documents that were tested in both, the same shares."""
    changes = curves.changes()
    found = {
        order: {key[3]: each for key, each in changes.items()
                if isinstance(key, tuple) and key[:3] == ("comprehensiveness", "delete", order)}
        for order in ("all_attention", "random")
    }  # fmt: skip
    shares = sorted(found["all_attention"].keys() & found["random"].keys())
    if not shares:
        return None
    lines = {
        side: [(share, getattr(found["all_attention"][share], name), getattr(found["random"][share], name))
               for share in shares]
        for side, name in ((A, "one"), (B, "other"))
    }  # fmt: skip
    near = min(shares, key=lambda share: abs(share - NEAR))
    at = found["all_attention"][near]
    caption = (
        f"Without the {percent(near)} of the words highest in all attention the predicted label has a mean probability "
        f"of {at.one:.1%} in {A} and {at.other:.1%} in {B}, over {at.documents:,} documents; with as many random words "
        f"removed, {found['random'][near].one:.1%} and {found['random'][near].other:.1%}. Dashes are random orders."
    )
    return removed(lines, caption, "words", draw)


def data(rows: Sequence[dict[str, Any]], sums: Mapping[str, PairedSums]) -> dict[str, pa.Table]:
    """The numbers of every pair, and of every key its change with the interval."""
    keys = TABLES | {"elsewhere": ("layer", "head")}
    made = {"documents": pa.Table.from_pylist([{"elsewhere": None} | row for row in rows])}
    for name, each in sums.items():
        found = each.changes()
        if found:
            columns = dict(zip(keys[name], zip(*map(_tuple, found), strict=True), strict=True))
            numbers = dict(
                zip(("documents", "a", "b", "change", "low", "high"), zip(*found.values(), strict=True), strict=True)
            )
            made[name] = pa.table({key: list(values) for key, values in (columns | numbers).items()})
    return made


def _tuple(key: Hashable) -> tuple[Any, ...]:
    assert isinstance(key, tuple)  # every key of `pairs.TABLES`
    return key


def _change(each: Change) -> tuple[str, ...]:
    return _plain(each.one), _plain(each.other), signed(each.change), _interval(each), f"{each.documents:,}"


def _percent(each: Change) -> tuple[str, ...]:
    numbers = [signed(round(value * 100, 2)) for value in (each.change, each.low, each.high) if value == value]
    ends = f"{numbers[1]} to {numbers[2]}" if len(numbers) == 3 else ""
    return f"{each.one:.1%}", f"{each.other:.1%}", numbers[0], ends, f"{each.documents:,}"


def _interval(each: Change) -> str:
    return ends(each.low, each.high, "+.3g") if each.documents >= LEAST else ""


def _ends(values: Sequence[float]) -> tuple[str, str]:
    return _plain(min(values)), _plain(max(values))


def _around(each: Change) -> str:
    return ends(each.low, each.high, ".3f") if each.documents >= LEAST else ""


def _plain(value: float) -> str:
    return number(value, ".3f")
