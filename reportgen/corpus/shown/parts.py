"""The nouns of a corpus before it is rendered, frozen: they hold text, drawings and links, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from reportgen.report.parts import Chart, Table


@dataclass(frozen=True, slots=True)
class Linked:
    """A table whose cells may lead to a report, or to a list in the page."""

    table: Table
    links: tuple[tuple[str, ...], ...]  # (row, column), "" where a cell leads nowhere


@dataclass(frozen=True, slots=True)
class Mistake:
    """A document that the model is sure of, and wrong."""

    title: str
    link: str
    facts: str  # predicted, gold, probability, in a sentence
    passages: tuple[str, ...]  # the sentences that draw most, as written
    language: str
    neighbours: tuple[tuple[str, str, str], ...]  # right documents: title, link, shared words


@dataclass(frozen=True, slots=True)
class Chapter:
    """A section of the page: what it says, shows and lists."""

    key: str  # id in the page
    title: str
    says: tuple[str, ...]  # sentences with their numbers, each a paragraph
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table | Linked, ...] = ()
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True, slots=True)
class CorpusParts:
    """The parts that page and PDF are rendered from."""

    title: str
    byline: str  # model, counts
    created: str  # ISO 8601, UTC
    version: str  # of reportgen
    notes: tuple[str, ...]  # what is left out, and why
    chapters: tuple[Chapter, ...]
    method: tuple[str, ...]  # paragraphs
    language: str = "en"

    @property
    def charts(self) -> tuple[Chart, ...]:
        """All figures, in reading order."""
        return tuple(chart for chapter in self.chapters for chart in chapter.charts)

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables, in reading order."""
        found = (table for chapter in self.chapters for table in chapter.tables)
        return tuple(table.table if isinstance(table, Linked) else table for table in found)
