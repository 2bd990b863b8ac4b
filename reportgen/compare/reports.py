"""Turn two reports into their comparison: of one text everything, of two texts what can still be compared.

It reads like a table of contents. Of two texts these are predictions, heads and shares: no word has a counterpart.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from reportgen.compare import heads, predictions, ranks, settings, shares, tested
from reportgen.compare.align import Alignment, Doubles, align
from reportgen.compare.measures import Measure, measures
from reportgen.compare.parts import A, B, Comparison, Section, Side
from reportgen.compare.shown import charts, views
from reportgen.core.characters import clean, cut
from reportgen.core.nouns.records import Report
from reportgen.corpus import measure as corpus_measure
from reportgen.corpus.heads import MEASURES
from reportgen.corpus.sums import Measured
from reportgen.report import signed
from reportgen.report.draw.pictures import still
from reportgen.report.draw.specs import Draw
from reportgen.report.parts import Table

CHANGED = 10  # heads that are listed
LETTERS = "abcdefgh"
SHOWN = ("importance", "entropy", "special")  # of the numbers of a head, those that are drawn


def compare(one: Report, other: Report, sides: tuple[Side, Side], *, draw: Draw = still.svg) -> Comparison:
    """The comparison of two reports."""
    numbers = [corpus_measure.measure(report, name="", page="") for report in (one, other)]
    same = one.example.text == other.example.text
    aligned = align(one, other) if same else None
    scores = measures(one, other) if same else ()
    predicted, labels = predictions.section(one, other)
    made_with = settings.data(one, other)
    data: dict[str, pa.Table] = {"predictions": labels, "settings": made_with}
    sections = [predicted]
    if aligned is not None:
        agree = ranks.agreements(scores, one, other, aligned)
        sections += _of_one_text(scores, one, other, aligned, draw)
        sections += [part for part in [ranks.agreement_section(agree, draw)] if part]
        data |= {"words": ranks.data(scores, one, other, aligned), "agreement": ranks.agreement_data(agree)}
    changed, by_head = _heads(one, other, numbers[0], numbers[1], aligned, draw)
    placed, by_class = shares.places(numbers[0], numbers[1], draw)
    parted, by_section = shares.sections(numbers[0], numbers[1])
    data |= {"heads": by_head} if by_head is not None else {}
    data |= {"shares": by_class} | ({"sections": by_section} if parted else {})
    removed = tested.section(one, other, draw)
    sections += [changed, placed, *(each for each in (parted, removed) if each), settings.section(made_with)]
    if one.faithfulness and other.faithfulness:
        data["faithfulness"] = tested.data(one, other)
    equal = _equal(data) and one.faithfulness == other.faithfulness and _attributed(one) == _attributed(other)
    kind = "one text" if same else "two texts"
    return Comparison(
        kind="reports",
        title=_title(one, other),
        sides=sides,
        summary=tuple(_summary(sections, equal=equal, same=same)),
        sections=tuple(sections),
        data=data,
        numbers={"texts": kind, "equal": equal},
        language=one.language,
        equal=equal,
        warnings=tuple(_warnings(one, other, aligned)),
        csv=frozenset(data),
    )


def _of_one_text(
    found: tuple[Measure, ...], one: Report, other: Report, aligned: Alignment, draw: Draw
) -> Iterator[Section]:
    """The text in its colours, and the shifts of its words."""
    shown = tuple(views.group(LETTERS[n], each, one, other, aligned) for n, each in enumerate(found[: len(LETTERS)]))
    yield Section("heatmaps", "Token heatmaps", groups=shown)
    yield ranks.shifts(found[0], one, other, aligned, draw)


def _heads(
    one: Report, other: Report, mine: Measured, theirs: Measured, aligned: Alignment | None, draw: Draw
) -> tuple[Section, pa.Table | None]:
    """What each head does in A and in B."""
    if one.given or other.given:
        return Section("heads", "Heads", ("Scores that were computed elsewhere have no heads to compare.",)), None
    if not heads.comparable(one, other):
        shapes = [" × ".join(map(str, report.attention.shape[:2])) for report in (one, other)]
        said = f"{A} has {shapes[0]} layers and heads, {B} {shapes[1]}: no head has a counterpart."
        return Section("heads", "Heads", (said,)), None
    profiles = [heads.profile(report, each) for report, each in ((one, mine), (other, theirs))]
    names = [name for name in MEASURES if all(name in each for each in profiles)]
    changes = {name: (profiles[1][name] - profiles[0][name]).ravel() for name in names}
    elsewhere = heads.moved(one, other, aligned).ravel() if aligned is not None else None
    values = {} if elsewhere is None else {"moved": ("Attention that lands elsewhere", elsewhere, False)}
    titles = {"importance": "Change of head importance", "entropy": "Change of entropy",
              "special": "Change of the share on special tokens"}  # fmt: skip
    values |= {name: (titles[name], changes[name], True) for name in SHOWN if name in changes}
    roles = [heads.roles(report, each) for report, each in ((one, mine), (other, theirs))]
    amount = elsewhere if elsewhere is not None else np.abs(changes["entropy"])
    said, note = _heads_said(one, elsewhere, changes, roles)
    table = _changed(one, other, amount, profiles, roles, aligned)
    values = {name: each for name, each in values.items() if np.any(each[1])}
    drawn = (charts.grids(one.places, values, said, draw),) if values else ()
    section = Section("heads", "Heads", (said,), charts=drawn, tables=(table,) if table.rows else (), notes=(note,))
    return section, _heads_data(one, profiles, names, elsewhere, roles)


def _heads_said(
    one: Report, elsewhere: Doubles | None, changes: dict[str, Doubles], roles: list[tuple[str, ...]]
) -> tuple[str, str]:
    turned = sum(before != after for before, after in zip(*roles, strict=True))
    others = f"{turned} of {len(one.places)} heads {'has' if turned == 1 else 'have'} another role in {B}."
    if elsewhere is None:
        if not any(np.any(np.abs(change) > 0) for change in changes.values()):
            return (
                f"All {len(one.places)} heads are alike.",
                "The texts differ, so only shares and entropy are compared.",
            )
        note = "The texts differ, so heads are compared by entropy, importance and shares of kinds of tokens alone."
        return f"Entropy changes by {np.abs(changes['entropy']).mean():.3f} on average. {others}", note
    note = (
        "“Lands elsewhere” is half the sum of the differences between the shares that a head gives the stretches of "
        f"the text in {A} and in {B}: 0 is the same, 1 is nothing in common. Head importance does not enter it."
    )
    if not elsewhere.any():
        weighed = np.any(changes.get("importance", np.zeros(1)) != 0)
        extra = " Their importance differs." if weighed else ""
        return f"The attention of all {len(one.places)} heads is the same.{extra}", note
    most = int(elsewhere.argmax())
    layer, head = one.places[most]
    said = (
        f"Layer {layer}, head {head} changed most: {elsewhere[most]:.0%} of the attention that its tokens receive "
        f"lands elsewhere; over all heads {elsewhere.mean():.0%}. {others}"
    )
    return said, note


def _changed(
    one: Report,
    other: Report,
    amount: Doubles,
    profiles: list[dict[str, Doubles]],
    roles: list[tuple[str, ...]],
    aligned: Alignment | None,
) -> Table:
    """The heads that changed most."""
    order = [n for n in np.argsort(-amount, kind="stable").tolist() if amount[n] > 0][:CHANGED]
    words = [heads.top_words(report, aligned.words, first=first) for report, first in ((one, True), (other, False))
             ] if aligned is not None else []  # fmt: skip
    what = "Elsewhere" if words else "Change of entropy"
    named = (f"Top word in {A}", f"in {B}") if words else ()
    columns = ("Layer", "Head", what, f"Role in {A}", f"Role in {B}", f"Entropy in {A}", f"in {B}", *named)
    rows = []
    for n in order:
        layer, head = one.places[n]
        entropies = (f"{each['entropy'].flat[n]:.3f}" for each in profiles)
        top = (cut(" ".join(each[n].split()), 20) for each in words)
        rows.append((str(layer), str(head), f"{amount[n]:.1%}" if words else f"{amount[n]:.3f}", roles[0][n],
                     roles[1][n], *entropies, *top))  # fmt: skip
    numeric = (True, True, True, False, False, True, True, *(False,) * len(words))
    return Table("changed-heads", "Heads that changed most", columns, numeric, tuple(rows))


def _heads_data(
    one: Report,
    profiles: list[dict[str, Doubles]],
    names: list[str],
    elsewhere: Doubles | None,
    roles: list[tuple[str, ...]],
) -> pa.Table:
    layers, numbers = zip(*one.places, strict=True)
    columns: dict[str, pa.Array] = {"layer": pa.array(layers, pa.int16()), "head": pa.array(numbers, pa.int16())}
    if elsewhere is not None:
        columns["elsewhere"] = pa.array(elsewhere, pa.float64())
    for name in names:
        for side, profile in zip("ab", profiles, strict=True):
            columns[f"{name.replace(' ', '_')}_{side}"] = pa.array(profile[name].ravel(), pa.float64())
    return pa.table(columns | {f"role_{side}": pa.array(each) for side, each in zip("ab", roles, strict=True)})


def _summary(sections: list[Section], *, equal: bool, same: bool) -> Iterator[str]:
    if equal:
        yield f"{A} and {B} show no difference anywhere."
        return
    if not same:
        yield "The texts differ, so predictions, heads and shares are compared; their words are not."
    for key in ("predictions", "ranks", "agreement", "heads", "faithfulness"):
        for section in sections:
            if section.key == key:
                yield from section.sentences


def _equal(data: dict[str, pa.Table]) -> bool:
    """Whether no number of A differs from its counterpart in B, and no setting."""
    for table in data.values():
        names = [name for name in table.column_names if name == "a" or name.endswith("_a")]
        if any(table[name] != table[name[:-1] + "b"] for name in names):
            return False
    return not len(data["settings"])


def _pieces(report: Report, text: str) -> set[tuple[int, int]]:
    """Where the tokens of what both have read begin and end."""
    return {span for span in zip(report.tokens.starts, report.tokens.ends, strict=True) if span[1] <= len(text)}


def _attributed(report: Report) -> set[tuple[str, str]]:
    """Label and method of each attribution."""
    said = report.prediction
    return set() if said is None else {(clean(said.labels[one.label]), one.method) for one in signed.found(report)}


def _title(one: Report, other: Report) -> str:
    mine, theirs = one.example.title, other.example.title
    return mine if mine == theirs else f"{cut(mine, 80)} and {cut(theirs, 80)}"


def _warnings(one: Report, other: Report, aligned: Alignment | None) -> Iterator[str]:
    if aligned is not None and one.tokens.end != other.tokens.end:
        yield (
            f"{A} has read {one.tokens.end:,} characters of the text, {B} {other.tokens.end:,}: words and heads are "
            f"compared on the first {len(aligned.text):,}."
        )
    if aligned is not None and _pieces(one, aligned.text) != _pieces(other, aligned.text):
        yield "The tokenizers cut the text differently: scores are compared by stretches whose borders both have."
    said, says = one.prediction, other.prediction
    if said and says and not {*map(clean, said.labels)} & {*map(clean, says.labels)}:
        yield f"{A} and {B} have no label of the same name: no probability and no attribution has a counterpart."
    if one.importance.measure != other.importance.measure:
        yield (
            f"Head importance differs: “{one.importance.measure}” in {A}, “{other.importance.measure}” in {B}. The "
            "heatmaps are weighed by it."
        )
    if aligned is not None:
        labels = [_attributed(report) for report in (one, other)]
        for side, alone in ((A, labels[0] - labels[1]), (B, labels[1] - labels[0])):
            if alone:
                named = ", ".join(f"“{cut(label, 40)}” ({method})" for label, method in sorted(alone))
                yield f"Only {side} has the attribution for {named}: it is not compared."
    if one.received != other.received:
        yield f"{A} shows attention received in {one.received}, {B} in {other.received}."
