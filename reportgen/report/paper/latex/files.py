"""Turn a report into the files of LaTeX for a manuscript: heatmap, tables, citations, and the sheet of glyphs."""

from __future__ import annotations

from reportgen.core.nouns.records import Report
from reportgen.report.paper.latex import glyphs
from reportgen.report.paper.latex.citation import citation
from reportgen.report.paper.latex.glyphs import GlyphRun, GlyphSheet
from reportgen.report.paper.latex.heatmap import heading, heatmap
from reportgen.report.paper.latex.inline import Box, as_line, items
from reportgen.report.paper.latex.setting import SHEET
from reportgen.report.paper.latex.tables import LONGEST_CELL, aopc_table, top_tokens
from reportgen.report.parts import HeatView, Line, Parts, Table


def of_parts(report: Report, parts: Parts, lines: tuple[Line, ...], missing: dict[str, None]) -> dict[str, bytes]:
    """The files by name, of *lines* of the document; characters without a font are added to *missing*."""
    top: Table | None = next((table for table in parts.tables if table.key == "top-tokens"), None)
    view = parts.views[0]
    sheet = glyphs.sheet(glyph_runs(report, view, lines, top))
    missing |= dict.fromkeys(sheet.missing if sheet else ())
    return files(report, view, lines, top, sheet)


def glyph_runs(report: Report, view: HeatView, lines: tuple[Line, ...], top: Table | None) -> tuple[GlyphRun, ...]:
    """The pieces of heatmap, heading and table that TeX cannot set itself; each once, in order."""
    cells = [cell for row in (top.rows if top else ()) for cell in row]
    about = map(as_line, (*heading(report, view), report.provenance.model))
    found = [item for line in (*lines, *about) for item in items(line)]
    found += [item for cell in cells for item in items(as_line(cell), LONGEST_CELL)]
    boxes = [item for item in found if isinstance(item, Box)]
    return tuple(dict.fromkeys(box.run(atom) for box in boxes for atom in box.atoms if atom.how == "glyphs"))


def files(
    report: Report, view: HeatView, lines: tuple[Line, ...], top: Table | None, sheet: GlyphSheet | None
) -> dict[str, bytes]:
    """The files by name.

    Args:
        report: What was analysed.
        view: The way of colouring that *lines* show.
        lines: Of the document.
        top: The table of top tokens; None where there are no content tokens, and then there is no file of it.
        sheet: Of all `glyph_runs`; None without any.
    """
    pages = sheet.pages if sheet else {}
    made = {"heatmap.tex": heatmap(report, view, lines, pages), "citation.bib": citation(report)}
    if top is not None:
        made["top_tokens.tex"] = top_tokens(report, top, pages)
    if report.faithfulness is not None and report.faithfulness.trials:
        made["faithfulness.tex"] = aopc_table(report, report.faithfulness)
    return {name: text.encode() for name, text in made.items()} | ({SHEET: sheet.data} if sheet else {})
