"""List how two reports were made differently: model, text, importance, window, and every option that is another."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from reportgen.compare.parts import A, B, Section
from reportgen.core.characters import clean, cut
from reportgen.core.nouns.records import Report
from reportgen.report.parts import Table

LONGEST = 120  # letters of a value
ELSEWHERE = ("output", "overwrite", "offline", "batch_size", "format", "figure_widths", "figure_font", "pdf", "paper",
             "pdf_views", "pdf_variant", "max_html_mb", "span", "strict", "device", "model", "tokenizer", "revision",
             "importance", "model_name", "data_name")  # fmt: skip  # change no number, or `facts` says what they led to


def facts(report: Report) -> dict[str, str]:
    """What a report was made of, by name."""
    made, attention = report.provenance, report.attention
    found: dict[str, Any] = {
        "model": made.model, "model type": made.model_type, "revision": made.revision,
        "weights, SHA-256": made.weights_sha256, "tokenizer": made.tokenizer,
        "tokenizer revision": made.tokenizer_revision, "text, SHA-256": made.text_sha256,
        "head importance": report.importance.measure, "layers × heads": " × ".join(map(str, attention.shape[:2])),
        "tokens read": f"{len(report.tokens):,} of {int(report.tokens.total):,}",
        "attention window": ", ".join(map(str, dict.fromkeys(attention.windows))) or "none",
        "received": report.received, "echoes of position": "kept" if report.tokens.keep_echoes else "left out",
        "dtype": made.dtype, "device": made.device, "reportgen": made.versions.get("reportgen", ""),
    }  # fmt: skip
    if report.importance.measure != "none":
        found["head importance from"] = report.importance.source
    options = {name: value for name, value in made.configuration.items() if name not in ELSEWHERE}
    return {name: str(value) for name, value in found.items()} | {
        f"--{name.replace('_', '-')}": value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in options.items()
        if value is not None
    }


def data(one: Report, other: Report) -> pa.Table:
    """What differs, a row each."""
    mine, theirs = facts(one), facts(other)
    names = [name for name in {**mine, **theirs} if mine.get(name, "none") != theirs.get(name, "none")]
    columns = [names, *([clean(each.get(name, "none")) for name in names] for each in (mine, theirs))]
    keys = ("setting", "a", "b")
    return pa.table({key: pa.array(column, pa.string()) for key, column in zip(keys, columns, strict=True)})


def section(table: pa.Table) -> Section:
    """The same for people."""
    title = "How they were made"
    if not len(table):
        return Section("settings", title, (f"{A} and {B} were made alike: no setting differs.",))
    rows = tuple(
        (row["setting"], cut(row["a"] or "none", LONGEST), cut(row["b"] or "none", LONGEST))
        for row in table.to_pylist()
    )
    shown = Table("settings", "What differs", ("Setting", A, B), (False,) * 3, rows)
    return Section("settings", title, tables=(shown,))


def about(report: Report) -> str:
    """What made a report, in a line: its model, and how its heads count."""
    weighed = report.importance.measure
    heads = "heads count equally" if weighed == "none" else f"head importance {weighed}"
    return f"model {report.provenance.model} · {heads}"
