"""Turn the values of documents into sums over documents, which can be added in any grouping.

One form for everything: a table of values has the key columns of `KEYS` and a column "value"; a table of sums has the
same keys, and how many documents had a value, the sum of their values, and the sum of their squares. Adding two sums
adds these three columns where the keys are equal, so sums over parts of a batch are merged without its documents, and
mean and interval follow from the three.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

KEYS: dict[str, tuple[str, ...]] = {
    "verdicts": ("predicted", "verdict", "all_attention"),  # value 1: a count
    "confusion": ("label", "predicted"),  # value 1; of several labels a row for each: label, "yes" or "no" twice
    "calibration": ("measure", "bin"),  # "confidence"; "gap": 1 or 0 for right or wrong, minus the confidence
    "lengths": (
        "measure",
        "bin",
    ),  # "tokens", four bins from a length to its double; "read": share of a text that was read
    "words": ("word", "stop", "predicted", "verdict"),  # mean score of the word, 1 is the document's mean
    "positions": ("measure", "layer", "decile"),  # share of the attention on content tokens
    "layers": ("measure", "class", "layer"),  # share of all attention on a class of tokens
    "heads": ("measure", "layer", "head"),
    "roles": ("layer", "head", "role"),  # value 1
    "head_words": ("layer", "head", "word"),  # share of a head's attention, of its first words alone
    "sections": ("measure", "section"),  # "attention": share of the scores; "tokens": share of the tokens; "ratio"
    "curves": ("measure", "operator", "order", "verdict", "share"),  # probability of the target
    "effects": ("measure", "operator", "order", "verdict"),  # AOPC minus that of the random orders, logits
}
NUMBERS = ("documents", "total", "squares")
INTEGERS = {"layer", "head", "decile", "bin"}
BEST = 3  # examples that are kept of each role


@dataclass(frozen=True, slots=True)
class Measured:
    """One document in numbers."""

    row: dict[str, Any]  # see `ROW`
    values: dict[str, pa.Table]  # by the names of `KEYS`; a value that a document does not have is left out
    examples: tuple[dict[str, Any], ...] = ()  # see `EXAMPLE`: its clearest head of each role


ROW = pa.schema(
    [
        ("document", pa.string()),  # name of its folder
        ("index", pa.int64()),
        ("id", pa.string()),
        ("title", pa.string()),
        ("label", pa.string()),  # gold
        ("predicted", pa.string()),
        ("probability", pa.float64()),
        ("verdict", pa.string()),
        ("tokens", pa.int64()),  # of the whole text
        ("read", pa.int64()),
        ("all_attention", pa.string()),  # the verdict on this view; null where it was not tested
        ("effect", pa.float64()),  # comprehensiveness of all attention minus that of random orders, logits
        ("words", pa.list_(pa.string())),  # those that draw most, stop words left out
        ("page", pa.string()),  # the file of its folder that is worth opening
    ]
)
EXAMPLE = pa.schema(
    [
        ("role", pa.string()),
        ("document", pa.string()),
        ("title", pa.string()),
        ("layer", pa.int32()),
        ("head", pa.int32()),
        ("value", pa.float64()),
        ("page", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over some documents, by the names of `KEYS`."""

    tables: dict[str, pa.Table]  # keys, and `NUMBERS`; rows in the order of the keys
    examples: pa.Table  # of each role the clearest, at most `BEST`
    documents: int  # how many documents these are sums over
    facts: dict[str, Any] = field(default_factory=dict)  # what all have in common, see `measure.facts`

    def __getitem__(self, name: str) -> pa.Table:
        return self.tables[name]


def values(name: str, columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """A table of values from its columns; rows without a value (NaN) are left out."""
    kinds = {key: pa.int32() if key in INTEGERS else pa.string() for key in KEYS[name]}
    kinds |= {"stop": pa.bool_(), "share": pa.float64(), "value": pa.float64()}
    schema = pa.schema([(key, kinds[key]) for key in (*KEYS[name], "value")])
    table = pa.table({key: pa.array(columns[key], kinds[key]) for key in schema.names}, schema=schema)
    return table.filter(pc.is_finite(table["value"]))


def total(documents: Iterable[Measured], facts: Mapping[str, Any]) -> Sums:
    """The sums over some documents."""
    found = list(documents)
    tables = {}
    for name, keys in KEYS.items():
        parts = [one.values[name] for one in found if name in one.values]
        joined = pa.concat_tables(parts) if parts else values(name, dict.fromkeys((*keys, "value"), ()))
        tables[name] = grouped(
            joined.append_column("documents", pa.repeat(pa.scalar(1, pa.int64()), len(joined)))
            .append_column("total", joined["value"])
            .append_column("squares", pc.multiply(joined["value"], joined["value"])),
            keys,
        )
    rows = [example for one in found for example in one.examples]
    return Sums(tables, _best(pa.Table.from_pylist(rows, schema=EXAMPLE)), len(found), dict(facts))


def merge(one: Sums, other: Sums) -> Sums:
    """The sums over the documents of both, which have none in common.

    Raises:
        ValueError: If they are of models that cannot be compared head by head.
    """
    if one.facts != other.facts:
        raise ValueError(f"sums of different models: {one.facts} and {other.facts}")
    tables = {name: grouped(pa.concat_tables([one[name], other[name]]), keys) for name, keys in KEYS.items()}
    best = _best(pa.concat_tables([one.examples, other.examples]))
    return Sums(tables, best, one.documents + other.documents, one.facts)


@dataclass(slots=True)
class Merging:
    """Sums that arrive one after the other, merged two of a size at a time: each is touched log2(count) times.

    The result depends on their order alone, to the last bit.
    """

    _levels: list[Sums | None] = field(default_factory=list)

    def add(self, sums: Sums) -> None:
        """Take the sums of the next documents."""
        for level, there in enumerate(self._levels):
            if there is None:
                self._levels[level] = sums
                return
            self._levels[level], sums = None, merge(there, sums)
        self._levels.append(sums)

    def result(self) -> Sums | None:
        """The sums over all; None if none have arrived."""
        whole: Sums | None = None
        for there in self._levels:  # the later ones are at the lower levels
            whole = there if whole is None else whole if there is None else merge(there, whole)
        return whole


def dump(sums: Sums, rows: pa.Table) -> bytes:
    """Sums and the rows of their documents as bytes, the same for the same sums."""
    sink = io.BytesIO()
    parts = {**sums.tables, "examples": sums.examples, "rows": rows}
    stored = [_parquet(table) for table in parts.values()]
    head = {"documents": sums.documents, "facts": sums.facts, "sizes": [len(part) for part in stored]}
    sink.write(json.dumps(head, ensure_ascii=False).encode() + b"\n")
    for part in stored:
        sink.write(part)
    return sink.getvalue()


def load(data: bytes) -> tuple[Sums, pa.Table]:
    """What `dump` was given.

    Raises:
        ValueError, KeyError, TypeError: If it is something else.
    """
    line, _, rest = data.partition(b"\n")
    head = json.loads(line)
    names = (*KEYS, "examples", "rows")
    if len(head["sizes"]) != len(names) or sum(head["sizes"]) != len(rest):
        raise ValueError("not all of the sums are there")
    tables, start = {}, 0
    for name, size in zip(names, head["sizes"], strict=True):
        tables[name] = pq.read_table(pa.BufferReader(rest[start : start + size]))
        start += size
    rows, examples = tables.pop("rows").cast(ROW), tables.pop("examples")
    return Sums(tables, examples, head["documents"], head["facts"]), rows


def _parquet(table: pa.Table) -> bytes:
    """The bytes of a table, for the cache alone."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", compression_level=1)
    return bytes(sink.getvalue().to_pybytes())


def grouped(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """The numbers of equal keys added up, in the order of the rows; rows in the order of the keys."""
    found = table.group_by(list(keys), use_threads=False).aggregate([(name, "sum") for name in NUMBERS])
    named = found.select([*keys, *(f"{name}_sum" for name in NUMBERS)]).rename_columns([*keys, *NUMBERS])
    return named.sort_by([(key, "ascending") for key in keys]).combine_chunks()


def _best(table: pa.Table) -> pa.Table:
    """Of each role the examples of highest value."""
    order = [("role", "ascending"), ("value", "descending"), ("document", "ascending")]
    kept: list[dict[str, Any]] = []
    for row in table.sort_by(order).to_pylist():
        if sum(one["role"] == row["role"] for one in kept) < BEST:
            kept.append(row)
    return pa.Table.from_pylist(kept, schema=EXAMPLE)
