"""Turn what the heads do in two reports into a section: which of them changed most, and which role each has in both."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from reportgen.compare import heads
from reportgen.compare.align import Alignment, Doubles
from reportgen.compare.parts import A, B, Section
from reportgen.compare.shown import charts
from reportgen.core.characters import cut
from reportgen.core.nouns.records import Report
from reportgen.corpus.heads import MEASURES
from reportgen.corpus.sums import Measured
from reportgen.report.draw.specs import Draw
from reportgen.report.parts import Table

CHANGED = 10  # heads that are listed
SHOWN = ("importance", "entropy", "special")  # of the numbers of a head, those that are drawn


def section(
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
    said, note = _said(one, elsewhere, changes, roles)
    table = _changed(one, other, amount, profiles, roles, aligned)
    values = {name: each for name, each in values.items() if np.any(each[1])}
    drawn = (charts.grids(one.places, values, said, draw),) if values else ()
    tables = (table,) if table.rows else ()
    made = Section("heads", "Heads", (said,), charts=drawn, tables=tables, notes=(note,))
    return made, _data(one, profiles, names, elsewhere, roles)


def _said(
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


def _data(
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
