"""The nouns of a comparison, frozen: sections of sentences, views, charts and tables, and the data behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from reportgen.data.redact import Hider
from reportgen.report.parts import Chart, HeatView, Line, Run, Table

A, B = "A", "B"  # what the two sides are called in sentences, tables and charts


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared."""

    key: str  # A or B
    name: str  # what a reader calls it
    about: str  # what it is, in a line: title, model, importance, tokens
    link: str | None  # to its page, relative to the comparison; None where it has none
    manifest: str  # SHA-256 of its manifest, or of those of its reports


@dataclass(frozen=True, slots=True)
class Group:
    """One text coloured by one measure: by the first report, by the second, and by their difference."""

    key: str  # one letter: "a"
    title: str
    views: tuple[HeatView, ...]  # of A, of B, of B minus A
    spans: tuple[tuple[Run, ...], ...]  # (view, cell or gap)
    lines: tuple[tuple[Line, ...], ...]  # (view, line), for print


@dataclass(frozen=True, slots=True)
class Linked:
    """A list of documents that lead to their reports."""

    caption: str
    rows: tuple[tuple[str, str | None, str | None, tuple[str, ...]], ...]  # title, link of A, of B, cells
    columns: tuple[str, ...]  # of the cells


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page under a heading of its own."""

    key: str  # id: "heads"
    title: str
    sentences: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()  # where it shows the text
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    lists: tuple[Linked, ...] = ()
    notes: tuple[str, ...] = ()  # what one must know of the numbers


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that is shown and stored of two reports or two batches."""

    kind: str  # "reports" or "batches"
    title: str
    sides: tuple[Side, Side]
    summary: tuple[str, ...]  # sentences
    sections: tuple[Section, ...]
    data: Mapping[str, pa.Table]  # by file name without an ending
    numbers: Mapping[str, Any]  # plain values, for comparison.json
    language: str  # of the text
    equal: bool  # whether no difference was found anywhere
    warnings: tuple[str, ...] = ()
    hider: Hider = field(default=Hider(False, ()))  # hides words of the text in commands and names
    csv: frozenset[str] = field(default=frozenset())  # data that are also written for spreadsheets

    @property
    def charts(self) -> tuple[Chart, ...]:
        """All charts, in reading order."""
        return tuple(chart for section in self.sections for chart in section.charts)

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables, in reading order."""
        return tuple(table for section in self.sections for table in section.tables)
