"""Turn two batches into their comparison: documents are paired by their texts, and their numbers added up.

It reads like a table of contents. Every interval is Student's over documents, of the paired difference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from reportgen.compare import settings
from reportgen.compare.batches import flips, sections
from reportgen.compare.batches.paired import PairedSums
from reportgen.compare.batches.pairs import TABLES, Pair, Pairing, measured, pair
from reportgen.compare.parts import A, B, Comparison, Section, Side
from reportgen.core.characters import cut
from reportgen.core.clock import Clock
from reportgen.core.errors import OutputError, ReportgenError, one_line
from reportgen.core.files import disk
from reportgen.core.nouns.records import Report
from reportgen.report.draw.pictures import still
from reportgen.report.draw.specs import Draw

HINT = "compare batches of the same documents, which hide the same words if they hide any"
OWN = ("text, SHA-256", "tokens read", "--index", "--id", "--text", "--file", "--title", "--span")  # of one document


@dataclass(slots=True)
class Found:
    """What all pairs add up to."""

    pairs: list[Pair] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    sums: dict[str, PairedSums] = field(default_factory=lambda: {name: PairedSums() for name in (*TABLES, "elsewhere")})
    made: pa.Table | None = None  # how they were made differently, of the first pair
    about: tuple[str, str] = ("", "")
    places: tuple[tuple[int, int], ...] = ()  # of the heads, where they have counterparts
    language: str = "en"
    failed: list[str] = field(default_factory=list)


def compare(
    folders: tuple[Path, Path], output: Path, names: tuple[str, str], clock: Clock, *, draw: Draw = still.svg
) -> Comparison:
    """The comparison of two batches.

    Args:
        folders: Of the batches.
        output: Where the comparison will be; links start there.
        names: What the two are called.
        clock: Told of progress.
        draw: Makes the SVG of a chart.

    Raises:
        OutputError: If they have no text in common, or no pair can be read.
    """
    pairing = pair(*folders)
    if not pairing.pairs:
        one, other = (disk.shown(folder) for folder in folders)
        raise OutputError(f"{one} and {other} have no text in common", hint=HINT)
    found = _gather(pairing, clock)
    if not found.rows:
        raise OutputError(f"no pair can be read: {found.failed[0]}", hint="make the reports again")
    digests = [hashlib.sha256("".join(sorted(each)).encode()).hexdigest() for each in pairing.digests]
    sides = [Side(key, name, about, None, digest)
             for key, name, about, digest in zip((A, B), names, found.about, digests, strict=True)]  # fmt: skip
    chosen = list(_sections(found, output, draw))
    data = sections.data(found.rows, found.sums)
    equal = _equal(found)
    return Comparison(
        kind="batches",
        title=f"{names[0]} and {names[1]}",
        sides=(sides[0], sides[1]),
        summary=tuple(_summary(chosen, found, equal=equal)),
        sections=tuple(chosen),
        data=data,
        numbers={"documents": len(found.rows), "equal": equal, **flips.numbers(found.rows)},
        language=found.language,
        equal=equal,
        warnings=tuple(_warnings(pairing, found)),
        csv=frozenset(("documents",)),
    )


def _gather(pairing: Pairing, clock: Clock) -> Found:
    found = Found()
    with clock.track("pairs", len(pairing.pairs)) as advance:
        for each in pairing.pairs:
            try:
                numbers, one, other = measured(each)
            except ReportgenError as error:  # the other pairs are worth comparing
                found.failed.append(one_line(error.message))
            else:
                _take(found, each, numbers.row, one, other)
                for name in TABLES:
                    found.sums[name].add(numbers.one.get(name, {}), numbers.other.get(name, {}))
                found.sums["elsewhere"].add(dict.fromkeys(numbers.elsewhere, 0.0), numbers.elsewhere)
                found.places = found.places or (one.places if numbers.elsewhere else ())
            advance(1)
    return found


def _take(found: Found, each: Pair, row: dict[str, Any], one: Report, other: Report) -> None:
    found.pairs.append(each)
    found.rows.append(row)
    if found.made is None:
        table = settings.data(one, other)
        keep = [name not in OWN for name in table["setting"].to_pylist()]
        found.made, found.language = table.filter(pa.array(keep, pa.bool_())), one.language
        found.about = (settings.about(one), settings.about(other))


def _sections(found: Found, output: Path, draw: Draw) -> Iterator[Section]:
    """The sections, those that have something to show."""
    yield flips.section(found.rows, found.pairs, output)
    yield sections.agreement(found.rows, draw)
    parts = (
        sections.words(found.sums["words"], draw),
        sections.heads(found.sums["heads"], found.sums["elsewhere"], found.places, draw),
        sections.shares(found.sums["layers"], found.sums["positions"], draw),
        sections.parts_of_texts(found.sums["sections"]),
        sections.faithfulness(found.rows, found.sums["effects"], found.sums["curves"], draw),
    )
    yield from (part for part in parts if part is not None)
    assert found.made is not None  # there is a pair
    yield settings.section(found.made)


def _summary(chosen: Sequence[Section], found: Found, *, equal: bool) -> Iterator[str]:
    if equal:
        yield f"{A} and {B} show no difference in any of {len(found.rows):,} documents."
        return
    yield f"{len(found.rows):,} documents are in both."
    for section in chosen:
        if section.key != "settings":
            yield from section.sentences


def _equal(found: Found) -> bool:
    same = all(
        row[f"{name}_a"] == row[f"{name}_b"]
        for row in found.rows
        for name in ("predicted", "probability", "verdict", "all_attention", "effect")
    )
    assert found.made is not None  # there is a pair
    still_same = all(sums[4] == 0 for each in found.sums.values() for sums in each.sums.values())
    return same and still_same and not len(found.made)


def _warnings(pairing: Pairing, found: Found) -> Iterator[str]:
    if any(pairing.alone):
        yield (
            f"{pairing.alone[0]:,} reports of {A} and {pairing.alone[1]:,} of {B} have no counterpart and are left "
            "out: documents are paired by their texts."
        )
    problems = [*pairing.unread, *found.failed]
    if problems:
        more = f" (and {len(problems) - 1:,} more)" if len(problems) > 1 else ""
        yield f"{len(problems):,} could not be read: {cut(problems[0], 200)}{more}"
