"""Pair the reports of two batches by their texts, and turn each pair into the numbers that are added up.

Only manifests are read to pair them. Reports are loaded two at a time, so memory holds one pair, the sums, and a row
for each pair.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from reportgen.compare import heads
from reportgen.compare.align import align
from reportgen.compare.links import digest
from reportgen.compare.measures import measures
from reportgen.core.agreement import OTHER, TOP, jaccard, ranked, rounded, tau_b
from reportgen.core.files import disk
from reportgen.core.nouns.records import Report
from reportgen.corpus import measure
from reportgen.corpus.sums import Measured
from reportgen.report.stored import store

TABLES = {  # of `corpus.sums.KEYS`, those whose numbers are paired, with the keys that both documents share
    "words": ("word", "stop"),
    "positions": ("measure", "layer", "decile"),
    "layers": ("measure", "class", "layer"),
    "heads": ("measure", "layer", "head"),
    "sections": ("measure", "section"),
    "effects": ("measure", "operator", "order"),
    "curves": ("measure", "operator", "order", "share"),
}
FEWEST = 5  # words, without which orders are not compared
SEED = 0  # of the order of equal scores


class Pair(NamedTuple):
    """Two reports of one text."""

    one: Path
    other: Path


@dataclass(frozen=True, slots=True)
class Pairing:
    """The reports of two batches."""

    pairs: tuple[Pair, ...]
    alone: tuple[int, int]  # reports of A, and of B, whose text the other batch does not have
    digests: tuple[tuple[str, ...], tuple[str, ...]]  # of the manifests
    unread: tuple[str, ...]  # folders that are no report, and why


def pair(one: Path, other: Path) -> Pairing:
    """Pair two batches by the hashes of their texts; of equal texts the first with the first.

    Raises:
        OutputError: If a folder cannot be read.
    """
    unread: list[str] = []
    found = [_by_text(folder, unread) for folder in (one, other)]
    pairs = [
        Pair(mine, theirs)
        for text, folders in found[0].items()
        for mine, theirs in zip(folders, found[1].get(text, ()), strict=False)
    ]
    alone = tuple(sum(map(len, each.values())) - len(pairs) for each in found)
    digests = tuple(tuple(digest(path) for paths in each.values() for path in paths) for each in found)
    return Pairing(tuple(pairs), (alone[0], alone[1]), (digests[0], digests[1]), tuple(unread))


def _by_text(batch: Path, unread: list[str]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    with disk.errors(batch):
        folders = sorted(path.parent for path in batch.glob(f"*/{store.MANIFEST}") if path.parent.name[0] != ".")
    for folder in sorted(folders, key=lambda path: (len(path.name), path.name)):
        try:
            told = store.manifest(folder)
            if store.REPORT in told["files"]:  # no corpus, and no comparison
                found.setdefault(told["input"]["text_sha256"], []).append(folder)
        except Exception as error:  # whatever it is, the other reports are worth comparing
            unread.append(f"{folder.name}: {getattr(error, 'message', error)}")
    return found


@dataclass(frozen=True, slots=True)
class Paired:
    """One pair in numbers."""

    row: dict[str, Any]
    one: dict[str, dict[Hashable, float]]  # by the names of `TABLES`
    other: dict[str, dict[Hashable, float]]
    elsewhere: dict[Hashable, float]  # by layer and head; {} where heads have no counterpart


def measured(pair: Pair) -> tuple[Paired, Report, Report]:
    """Load a pair and measure it.

    Raises:
        OutputError: If one is no report that can be read.
    """
    one, other = store.load(pair.one), store.load(pair.other)
    mine, theirs = (
        measure.measure(report, name=path.name, page="") for report, path in zip((one, other), pair, strict=True)
    )
    row = _row(mine, theirs) | _agreement(one, other)
    elsewhere: dict[Hashable, float] = {}
    if heads.comparable(one, other):
        values = heads.moved(one, other, align(one, other)).ravel().tolist()
        elsewhere = dict(zip(one.places, values, strict=True))
        row["elsewhere"] = float(np.mean(values))
    comparable = bool(elsewhere)
    return (
        Paired(row, _numbers(mine, heads_too=comparable), _numbers(theirs, heads_too=comparable), elsewhere),
        one,
        other,
    )


def _numbers(measured: Measured, *, heads_too: bool) -> dict[str, dict[Hashable, float]]:
    found: dict[str, dict[Hashable, float]] = {}
    for name, keys in TABLES.items():
        table = measured.values.get(name)
        if table is not None and (heads_too or name not in ("heads", "positions", "layers")):
            rows = zip(*(table[key].to_pylist() for key in keys), strict=True)
            found[name] = dict(zip(rows, table["value"].to_pylist(), strict=True))
    return found


def _row(mine: Measured, theirs: Measured) -> dict[str, Any]:
    shared = {name: mine.row[name] for name in ("title", "index", "id", "label")}
    return shared | {
        f"{name}_{side}": each.row[name]
        for side, each in (("a", mine), ("b", theirs))
        for name in ("document", "predicted", "probability", "verdict", "all_attention", "effect", "tokens", "read")
    }


def _agreement(one: Report, other: Report) -> dict[str, float | None]:
    """How far all attention of both orders the words alike."""
    aligned = align(one, other)
    mine, theirs = measures(one, other)[0].of_words(aligned, one, other)
    if len(mine) < FEWEST:
        return {"tau": None, "jaccard": None}
    stream = 0 if np.array_equal(rounded(mine), rounded(theirs)) else OTHER
    size = max(1, round(TOP * len(mine)))
    tops = (ranked(mine, seed=SEED)[:size], ranked(theirs, seed=SEED, stream=stream)[:size])
    return {"tau": tau_b(mine, theirs), "jaccard": jaccard(*tops)}
