"""Turn the coloured cells of a document into an Altair chart: lines of text, with the heat behind the letters.

Every character has a column: the font is one of equal widths, and wide characters have two. Words are not cut at the
end of a line unless they are longer than one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from reportgen.core.characters import one_break, visible
from reportgen.core.nouns.records import Report
from reportgen.core.palette import MUTED, PAINTED, TEXT
from reportgen.report import heatmap
from reportgen.report.draw import specs
from reportgen.report.paper import excerpt
from reportgen.report.parts import Cell, HeatView, Run

if TYPE_CHECKING:
    import altair as alt

COLUMNS = 96  # characters of a line
FONT = "DejaVu Sans Mono, Menlo, Consolas, Courier New, monospace"
SIZE, ADVANCE, LEADING = 12, 7.23, 20  # px: letters, a column (0.602 of the letters), a line
INSET = 1.5  # px between the colours of two lines
ZERO = ("Mn", "Me", "Cf")  # categories of characters that take no room of their own


class Piece(NamedTuple):
    """A run, or a part of one, with its place in the grid."""

    line: int
    column: int
    width: int  # columns
    text: str
    run: Run


def chart(
    report: Report, covered: tuple[Cell, ...], view: HeatView, *, shown: range | None, columns: int = COLUMNS
) -> alt.Chart:
    """The document, or the positions *shown* of it, in one way of colouring it.

    Raises:
        UsageError: If no token is *shown*.
    """
    import altair as alt

    runs = heatmap.spans(report.example.text, covered, view)
    if shown is not None:
        runs = excerpt.within(runs, shown, tokens=len(report.tokens))
    values = dict(zip((cell.positions[0] for cell in covered), view.values, strict=True))
    pieces = list(laid_out(runs, columns))
    rows = [_row(piece, values) for piece in pieces if piece.text]
    width, height = columns * ADVANCE, LEADING * (1 + max((piece.line for piece in pieces), default=0))
    x, y = _axis(width), _axis(height, reverse=True)
    box = {"x": specs.of("x", **x), "x2": {"field": "x2"}, "y": specs.of("top", **y), "y2": {"field": "bottom"}}
    letters = {"x": specs.of("x", **x), "y": specs.of("middle", **y), "text": specs.of("text", "nominal")}
    font = {"type": "text", "font": FONT, "fontSize": SIZE, "align": "left", "baseline": "middle"}
    said = [specs.of("text", "nominal", title="token"), *specs.numbers("position", "value")]
    layers = [
        {
            "mark": {"type": "rect"},
            "transform": [{"filter": "datum.coloured"}],
            "encoding": {**box, "color": _heat(view), "tooltip": said},
        },
        {
            "mark": {"type": "rect", "filled": False, "stroke": MUTED, "strokeWidth": 0.8},
            "transform": [{"filter": "datum.framed"}],
            "encoding": box,
        },
        {"mark": {**font, "color": TEXT, "tooltip": None}, "encoding": letters},
    ]
    whole = {"data": {"values": rows}, "layer": layers, "width": width, "height": height}
    return alt.Chart.from_dict(on_white(specs.drawable(specs.themed(whole)), title=view.title))


def _axis(most: float, *, reverse: bool = False) -> specs.Spec:
    """Pixels, without an axis that shows them."""
    return {"axis": None, "scale": {"domain": [0, most], "nice": False, "reverse": reverse}}


def _heat(view: HeatView) -> specs.Spec:
    """The colours of a view, by the limits of its classes."""
    colours = list(PAINTED[view.first : view.first + heatmap.CLASSES])
    scale = {"type": "threshold", "domain": list(view.bounds[1:-1]), "range": colours}
    title = "for and against, logits" if view.signed else "score, 0 to 100"
    return specs.of("value", scale=scale, legend={"title": title, "format": ".3g", "gradientLength": 160})


def on_white(spec: specs.Spec, *, title: str) -> specs.Spec:
    """A chart of the page as a figure of its own: with its title, and on white, whatever the notebook's theme is."""
    return {**spec, "title": spec.get("title") or title, "config": {**spec.get("config", {}), "background": "white"}}


def laid_out(runs: tuple[Run, ...], columns: int) -> Iterator[Piece]:
    """Every run at its place in lines of so many columns; a line of right-to-left text begins at the right."""
    number = 0
    for line in heatmap.lines(runs):
        at, placed = 0, []
        for word in _words(line.runs):
            width = sum(_width(run.text) for run in word)
            if at and at + width > columns and word[0].text.strip():
                number, at = number + 1, 0
            for run in word:
                for text in _cut(run.text, columns - at, columns):
                    wide = _width(text)
                    if at + wide > columns:
                        if not text.strip():  # a space at the end of a line
                            continue
                        number, at = number + 1, 0
                    placed.append(Piece(number, at, wide, text, run))
                    at += wide
        for piece in placed:
            right = columns - piece.column - piece.width
            yield piece if line.direction == "ltr" else piece._replace(column=right)
        number += 1


def _words(runs: tuple[Run, ...]) -> Iterator[list[Run]]:
    """Runs that are not cut at the end of a line, as they are shown: tokens that no space is between."""
    seen = [replace(run, text=_shown(run)) for run in runs]
    for _, together in groupby(seen, key=lambda run: bool(run.text.strip()) and run.kind != "special"):
        yield list(together)


def _shown(run: Run) -> str:
    """The characters of a run, without its line break, a tab as two spaces."""
    text = one_break(run.text).rstrip("\n").replace("\t", "  ")
    return visible(text)


def _cut(text: str, room: int, columns: int) -> Iterator[str]:
    """The parts of a run: one, unless it is longer than a line."""
    if _width(text) <= columns:
        yield text
        return
    part, used = "", 0
    for character in text:
        wide = _width(character)
        if used + wide > room:
            yield part
            part, used, room = "", 0, columns
        part, used = part + character, used + wide
    yield part


def _width(text: str) -> int:
    """The columns that a text takes."""
    narrow = (character for character in text if unicodedata.category(character) not in ZERO)
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in narrow)


def _row(piece: Piece, values: dict[int, float]) -> specs.Row:
    top, left = piece.line * LEADING, piece.column * ADVANCE
    run = piece.run
    return {
        "x": round(left, 2),
        "x2": round(left + piece.width * ADVANCE, 2),
        "top": top + INSET,
        "bottom": top + LEADING - INSET,
        "middle": top + LEADING / 2,
        "text": piece.text,
        "position": run.first if run.first >= 0 else None,
        "value": values.get(run.first) if run.heat >= 0 else None,
        "coloured": run.heat >= 0,
        "framed": run.kind in ("special", "echo"),
    }
