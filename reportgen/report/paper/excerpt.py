"""Draw a part of the heatmap as SVG, with every token where the typesetter puts it.

The same HTML, from `render.excerpt`, becomes the PDF. Here it is laid out once with a link around everything, because
the typesetter reports the position of links.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from reportgen.core.characters import visible
from reportgen.core.config import Config
from reportgen.core.errors import UsageError
from reportgen.core.palette import HEAT_LIGHT, INK, MUTED, font_family, text_on
from reportgen.core.records import Report
from reportgen.report import heatmap
from reportgen.report.paper import typesetting
from reportgen.report.parts import HeatView, Line, Parts, Run

Draw = Callable[..., str]  # `render.excerpt`

ASCENT = 0.788  # of the height of a box of text, where its baseline lies: between those of Noto Sans and DejaVu Sans
SMALL = 6.0  # points: letters of the legend and of special tokens
LETTERS = 8.0  # points: letters of the text


class Rectangle(NamedTuple):
    """The place of something, in points from the upper left corner."""

    x: float
    y: float
    width: float
    height: float


class Layout(NamedTuple):
    """The places of everything in the excerpt."""

    boxes: dict[str, list[Rectangle]]  # by the name of its link, "t17" for the token at position 17: one a line
    height: float  # points, of all


class Drawn(NamedTuple):
    """The excerpt in files."""

    files: dict[str, bytes]  # by name
    missing: tuple[str, ...]  # characters that no font on this machine has


def files(report: Report, parts: Parts, config: Config, *, draw: Draw) -> Drawn:
    """The stretch of the heatmap that `span` names, in every view and at every width, as SVG and PDF.

    Raises:
        UsageError: If no token is there, or the excerpt is longer than a page can be.
    """
    assert config.span is not None  # the caller has checked
    made: dict[str, bytes] = {}
    missing: dict[str, None] = {}
    family = font_family(config.figure_font)
    for view, runs in zip(parts.views, shown(report, parts, config.positions_shown), strict=True):
        lines = heatmap.lines(runs)
        title = f"{view.title}: positions {config.span.replace(':', ' up to ')} of {report.example.title}"
        for name, width in config.figure_widths.items():
            how: dict[str, Any] = {"width": width, "family": family, "title": title}
            layout = measure(draw(report, view, lines, height=None, **how))
            document = draw(report, view, lines, height=layout.height, **how)
            typeset = typesetting.typeset(document, pdf_version=typesetting.TEX_PDF, pdf_tags=True)
            missing |= dict.fromkeys(typeset.missing)
            stem = f"heatmap-{view.key}-{config.span.replace(':', '-')}-{name}"
            made[f"{stem}.svg"] = svg(lines, view, layout, **how).encode()
            made[f"{stem}.pdf"] = typeset.data
    return Drawn(made, tuple(missing))


def shown(report: Report, parts: Parts, positions: range | None) -> tuple[tuple[Run, ...], ...]:
    """The runs of every view, one per cell, of these positions or of all the document."""
    return tuple(within(runs, positions, tokens=len(report.tokens)) if positions else runs for runs in parts.spans)


def within(runs: tuple[Run, ...], shown: range, *, tokens: int) -> tuple[Run, ...]:
    """The runs, one per cell, whose first position is in *shown*, with the gaps between them.

    Raises:
        UsageError: If no run is in *shown*, or *shown* goes beyond the *tokens* of the document.
    """
    if shown.stop > tokens:
        raise UsageError(
            f"--span {shown.start}:{shown.stop}: the document has positions 0 to {tokens - 1}",
            hint=f"--span {min(shown.start, tokens - 1)}:{tokens} goes to its end",
        )
    inside = [n for n, run in enumerate(runs) if run.first in shown]
    if not inside:
        raise UsageError(
            f"--span {shown.start}:{shown.stop}: no token is there",
            hint=f"the document has positions 0 to {tokens - 1}",
        )
    return runs[inside[0] : inside[-1] + 1]


def measure(document: str) -> Layout:
    """Lay the excerpt out on one page that is high enough.

    Raises:
        UsageError: If no page is.
    """
    page, *rest = typesetting.lay_out(document).pages
    if rest:
        raise UsageError("--span: the excerpt does not fit on one page of a PDF", hint="choose a shorter span")
    boxes: dict[str, list[Rectangle]] = {}
    for _, target, (left, top, right, bottom), _ in page.links:
        edges = left, top, right - left, bottom - top
        boxes.setdefault(target, []).append(Rectangle(*(edge * typesetting.PX for edge in edges)))
    return Layout(boxes, page.anchors["end"][1] * typesetting.PX)


def svg(lines: tuple[Line, ...], view: HeatView, layout: Layout, *, width: float, family: str, title: str) -> str:
    """The excerpt as a drawing *width* points wide."""
    runs = {f"t{run.first}": run for line in lines for part in line.stretches for run in part.runs if run.first >= 0}
    steps = {f"s{n}": f"{view.bounds[n]:.3g}" if n in (4, 8, 12) else "" for n in range(len(HEAT_LIGHT))}
    ends = {"lowest": f"{view.bounds[0]:.3g}", "highest": f"{view.bounds[-1]:.3g}"}
    drawn: list[str] = []
    for name, boxes in layout.boxes.items():
        box = boxes[0]
        if name in runs:
            drawn += [_token(*part) for part in _broken(runs[name], boxes)]
        elif name in steps:
            drawn.append(_coloured(box, int(name[1:]), steps[name], size=SMALL, anchor="middle"))
        elif name in ends:
            drawn.append(_text(box, ends[name], MUTED, size=SMALL, anchor="start" if name == "lowest" else "end"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}pt" height="{layout.height:.2f}pt" '
        f'viewBox="0 0 {width:g} {layout.height:.2f}" font-family="{html.escape(family)}" xml:space="preserve">'
        f"<title>{html.escape(visible(title))}</title>{''.join(drawn)}</svg>\n"
    )


def _broken(run: Run, boxes: list[Rectangle]) -> list[tuple[Run, Rectangle]]:
    """A token on several lines, each with as many letters as fit."""
    room = sum(box.width for box in boxes) or 1.0
    ends = [round(len(run.text) * sum(box.width for box in boxes[: n + 1]) / room) for n in range(len(boxes))]
    return [
        (replace(run, text=run.text[start:end]), box) for start, end, box in zip([0, *ends], ends, boxes, strict=False)
    ]


def _token(run: Run, box: Rectangle) -> str:
    if run.kind == "special":
        frame = f'<rect {_place(box)} fill="none" stroke="{MUTED}" stroke-width="0.4" rx="1.5"/>'
        return frame + _text(box, run.text, MUTED, size=SMALL, anchor="middle")
    anchor, frame = None, ""
    if run.kind == "echo":  # its letters are narrower than its box
        anchor = "middle"
        frame = f'<rect {_place(box)} fill="none" stroke="{MUTED}" stroke-width="0.4" stroke-dasharray="1.2" rx="1.5"/>'
    if run.heat < 0:
        return frame + _text(box, run.text, INK, size=LETTERS, anchor=anchor)
    return _coloured(box, run.heat, run.text, size=LETTERS, anchor=anchor) + frame


def _coloured(box: Rectangle, heat: int, text: str, *, size: float, anchor: str | None = None) -> str:
    colour = HEAT_LIGHT[heat]
    return f'<rect {_place(box)} fill="{colour}"/>' + _text(box, text, text_on(colour), size=size, anchor=anchor)


def _text(box: Rectangle, text: str, colour: str, *, size: float, anchor: str | None = None) -> str:
    """Letters as wide as the typesetter has set them, whatever font a viewer takes; of their own width if anchored."""
    shown = visible(text)
    if not shown.strip():
        return ""
    baseline = box.y + box.height * ASCENT
    x = box.x + {"middle": box.width / 2, "end": box.width}.get(anchor or "", 0.0)
    how = f' text-anchor="{anchor}"' if anchor else f' textLength="{box.width:.2f}" lengthAdjust="spacingAndGlyphs"'
    return f'<text x="{x:.2f}" y="{baseline:.2f}" font-size="{size:g}" fill="{colour}"{how}>{html.escape(shown)}</text>'


def _place(box: Rectangle) -> str:
    return f'x="{box.x:.2f}" y="{box.y:.2f}" width="{box.width:.2f}" height="{box.height:.2f}"'
