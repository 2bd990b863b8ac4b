"""Turn a comparison into the files of its folder, and put the folder in place.

A comparison has a page, a PDF, its figures as SVG, PDF, Vega-Lite and CSV, its tables as Parquet, CSV and LaTeX, its
numbers as JSON, and a manifest that `reportgen verify` checks.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from reportgen.compare.parts import Comparison
from reportgen.compare.shown import page
from reportgen.core import versions
from reportgen.core.clock import Clock
from reportgen.core.config import Paper
from reportgen.report import tables
from reportgen.report.paper import figures, pdf, typesetting
from reportgen.report.paper.latex import tables as latex_tables
from reportgen.report.stored import store

KIND = "comparison"  # of its manifest
HTML, PDF, NUMBERS = "compare.html", "compare.pdf", "comparison.json"
FORMATS = ("html", "pdf", "figures", "tables", "latex")


def write(
    made: Comparison,
    folder: Path,
    *,
    formats: tuple[str, ...] = FORMATS,
    command: str,
    created: str,
    paper: Paper = "a4",
    overwrite: bool = False,
    clock: Clock,
) -> None:
    """Make all files, then the folder in one step.

    Args:
        made: The comparison.
        folder: Where it goes.
        formats: Which files, of `FORMATS`.
        command: That makes it again.
        created: ISO 8601, UTC.
        paper: What the PDF is printed on.
        overwrite: Replace what is there.
        clock: Says which stage runs.

    Raises:
        OutputError: If something is there already, or the disk refuses it.
    """
    told: dict[str, Any] = {"command": command, "created": created, "versions": versions.installed()}
    files: dict[str, bytes] = {NUMBERS: _json(made)}
    if "html" in formats:
        with clock.stage("render"):
            files[HTML] = page.page(made, name=folder.name, **told).encode()
    if "pdf" in formats:
        with clock.stage("pdf"):
            typesetting.check_engine()
            document = functools.partial(page.document, made, paper=paper, **told)
            files[PDF] = pdf.either(document, created=created).data
    if "figures" in formats:
        with clock.stage("figures"):
            for chart in made.charts:
                files |= {f"figures/{name}": content for name, content in figures.stored(chart).items()}
    if "tables" in formats:
        files |= _tables(made)
    if "latex" in formats:
        with clock.stage("latex"):
            shown = (*made.tables, *(chart.data for chart in made.charts))
            files |= {f"latex/{name}": content for name, content in latex_tables.of_all(shown, room="compare").items()}
    facts = {
        "kind": KIND,
        "reportgen": told["versions"]["reportgen"],
        "command": command,
        "input": {side.key: side.manifest for side in made.sides},
        "versions": told["versions"],
        "created": created,
    }
    store.write(folder, files, facts=facts, overwrite=overwrite)


def _tables(made: Comparison) -> dict[str, bytes]:
    exact = {f"tables/{name}.parquet": tables.parquet(_filled(table)) for name, table in made.data.items()}
    sheets = {name: table for name, table in made.data.items() if name in made.csv}
    return exact | {f"tables/{name}.csv": tables.comma_separated(table) for name, table in sheets.items()}


def _filled(table: pa.Table) -> pa.Table:
    """The table for `tables.parquet`: text that is not there is an empty string, whole numbers with gaps are floats."""
    columns = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if pa.types.is_null(column.type):
            column = column.cast(pa.string())
        if column.null_count and not pa.types.is_string(column.type):
            column = column.cast(pa.float64())
        columns[name] = column.fill_null("") if pa.types.is_string(column.type) else column
    return pa.table(columns)


def _json(made: Comparison) -> bytes:
    plain = {
        "kind": made.kind,
        "title": made.title,
        **{side.key: {"name": side.name, "about": side.about, "manifest_sha256": side.manifest} for side in made.sides},
        "summary": list(made.summary),
        "warnings": list(made.warnings),
        **made.numbers,
    }
    return (json.dumps(plain, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()
