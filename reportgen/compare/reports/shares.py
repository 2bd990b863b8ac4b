"""Lay side by side where the attention of two documents lies: kinds of tokens, tenths of the document, sections."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from reportgen.compare.parts import A, B, Section
from reportgen.compare.shown import charts
from reportgen.core import numbers as written
from reportgen.core.characters import cut
from reportgen.corpus import measure as corpus_measure
from reportgen.corpus.sums import Measured
from reportgen.report.draw.specs import Draw
from reportgen.report.parts import Chart, Table

CLASSES = {"special": "special tokens", "first": "the first 4 tokens", "punctuation": "punctuation",
           "stop words": "stop words"}  # fmt: skip
LONGEST = 60  # letters of the name of a section
MOST = 20  # sections that are listed, those that change most


def places(mine: Measured, theirs: Measured, draw: Draw) -> tuple[Section, pa.Table]:
    """What kinds of tokens and which tenths of the document hold, the mean over layers."""
    by_class = [_mean(each, "layers", "class") for each in (mine, theirs)]
    tenths = [_mean(each, "positions", "decile") for each in (mine, theirs)]
    rows = tuple(
        (name, *(f"{each[key]:.1%}" for each in by_class), _points(by_class[1][key] - by_class[0][key]))
        for key, name in CLASSES.items()
        if all(key in each for each in by_class)
    )
    table = Table(
        "shares", "Share of the attention on kinds of tokens, mean over layers", ("Tokens", A, B, "Difference, points"),
        (False, True, True, True), rows,
    )  # fmt: skip
    shown: tuple[Chart, ...] = ()
    if all(len(each) == corpus_measure.DECILES for each in tenths):
        values = {side: np.array([each[n] for n in sorted(each)]) for side, each in zip((A, B), tenths, strict=True)}
        shift = float(np.abs(values[A] - values[B]).sum() / 2)
        said = f"{shift:.1%} of the attention on text is in another tenth of the document in {B}."
        if not shift:
            said = f"Every tenth of the document has the same share in {A} and in {B}."
        caption = f"{said} Mean over layers, special tokens left out."
        shown = (charts.deciles(values, caption, draw),)
    section = Section("shares", "Shares", charts=shown, tables=(table,) if rows else ())
    return section, _shares_data({"class": by_class, "tenth": tenths})


def _shares_data(found: dict[str, list[dict[Any, float]]]) -> pa.Table:
    """The same as data: those that both have."""
    rows = [
        {"kind": kind, "name": str(key), "a": one[key], "b": other[key]}
        for kind, (one, other) in found.items()
        for key in one
        if key in other
    ]
    kinds = (("kind", pa.string()), ("name", pa.string()), ("a", pa.float64()), ("b", pa.float64()))
    return pa.Table.from_pylist(rows, schema=pa.schema(kinds))


def _points(share: float) -> str:
    return written.signed(round(share * 100, 2))


def _mean(measured: Measured, table: str, key: str) -> dict[Any, float]:
    """The mean over layers of attention received, by class or decile."""
    found: dict[Any, list[float]] = {}
    columns = (measured.values[table][name].to_pylist() for name in ("measure", key, "value")) if (
        table in measured.values
    ) else ([], [], [])  # fmt: skip
    for kind, name, value in zip(*columns, strict=True):
        if kind == "received":
            found.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in found.items()}


def sections(mine: Measured, theirs: Measured) -> tuple[Section | None, pa.Table]:
    """The share of all attention on sections that both texts have; None without headings."""
    found = [_by_section(each) for each in (mine, theirs)]
    names = [name for name in found[0] if name in found[1]]
    columns = {key: [each[name][field] for name in names] for key, each, field in (
        ("tokens_a", found[0], "tokens"), ("tokens_b", found[1], "tokens"), ("a", found[0], "attention"),
        ("b", found[1], "attention"),
    )}  # fmt: skip
    data = pa.table({"section": pa.array(names, pa.string())}
                    | {key: pa.array(column, pa.float64()) for key, column in columns.items()})  # fmt: skip
    if not names:
        return None, data
    change = [theirs_ - mine_ for mine_, theirs_ in zip(columns["a"], columns["b"], strict=True)]
    most = max(range(len(names)), key=lambda n: abs(change[n]))
    chosen = sorted(sorted(range(len(names)), key=lambda n: -abs(change[n]))[:MOST])
    rows = tuple(
        (cut(names[n], LONGEST), *(f"{columns[key][n]:.1%}" for key in ("tokens_a", "tokens_b", "a", "b")),
         _points(change[n]))
        for n in chosen
    )  # fmt: skip
    few = f": the {MOST} that change most" if len(names) > MOST else ""
    table = Table(
        "sections", f"Share of all attention on sections, in the order of the text{few}",
        ("Section", f"Tokens in {A}", f"Tokens in {B}", f"All attention in {A}", f"All attention in {B}",
         "Difference, points"),
        (False, *(True,) * 5), rows,
    )  # fmt: skip
    said = (
        f"“{cut(names[most], LONGEST)}” changes most: from {columns['a'][most]:.1%} of all attention in {A} to "
        f"{columns['b'][most]:.1%} in {B}."
        if change[most] else f"Every section has the same share in {A} and in {B}."
    )  # fmt: skip
    return Section("sections", "Sections", (said,), tables=(table,)), data


def _by_section(measured: Measured) -> dict[str, dict[str, float]]:
    """The shares of each section, by its name."""
    table = measured.values.get("sections")
    found: dict[str, dict[str, float]] = {}
    if table is not None:
        for kind, name, value in zip(*(table[key].to_pylist() for key in ("measure", "section", "value")), strict=True):
            found.setdefault(name, {})[kind] = value
    return found
