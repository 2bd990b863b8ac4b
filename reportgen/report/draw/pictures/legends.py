"""Draw what the colours and shapes of a chart mean, right of it or below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from reportgen.report.draw.pictures.ink import Ink, cut, n, width
from reportgen.report.draw.pictures.scales import Classes, number

Style = dict[str, Any]

STYLE: Style = {  # of Vega, where a chart says nothing else
    "labelColor": "#000", "titleColor": "#000", "labelFontSize": 10.0, "titleFontSize": 11.0, "labelLimit": 160.0,
    "rowPadding": 2.0, "columnPadding": 10.0, "symbolSize": 100.0, "symbolStrokeWidth": 1.5, "gradientThickness": 16.0,
    "offset": 18.0, "titlePadding": 5.0, "labelSeparation": 0.0,
}  # fmt: skip
AFTER = 4  # px between a symbol and its name
BESIDE = 2  # px between a colour and its number
LENGTHS = (64, 200)  # px of a row of colours, where nothing else is said
POINTED = 3**0.5 / 2  # of a triangle: its half height, of its radius
OUTLINES = (  # circle, square, triangle, cross, diamond, triangle to the right: corners, of the radius
    (),
    ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    ((0, -POINTED), (-1, POINTED), (1, POINTED)),
    ((-1, -0.4), (-1, 0.4), (-0.4, 0.4), (-0.4, 1), (0.4, 1), (0.4, 0.4),
     (1, 0.4), (1, -0.4), (0.4, -0.4), (0.4, -1), (-0.4, -1), (-0.4, -0.4)),
    ((-1, 0), (0, -1), (1, 0), (0, 1)),
    ((POINTED, 0), (-POINTED, -1), (-POINTED, 1)),
)  # fmt: skip


class Entry(NamedTuple):
    """A name in a legend."""

    name: str
    colour: str
    shape: int | None  # a number of `symbol`; None for a line


def symbol(shape: int, x: float, y: float, radius: float) -> str:
    """The outline of a point; shapes come again after the last."""
    corners = OUTLINES[shape % len(OUTLINES)]
    if not corners:
        r = n(radius)
        return f"M{n(x + radius)},{n(y)}A{r},{r},0,1,1,{n(x - radius)},{n(y)}A{r},{r},0,1,1,{n(x + radius)},{n(y)}"
    return "M" + "L".join(f"{n(x + across * radius)},{n(y + down * radius)}" for across, down in corners) + "Z"


def names(ink: Ink, entries: Sequence[Entry], title: str, style: Style) -> None:
    """The names of lines: under each other right of the drawing, or in columns below it."""
    below = style.get("orient") == "bottom"
    left, top = (0.0, ink.bottom + style["offset"]) if below else (ink.right + style["offset"], 0.0)
    size, head = style["labelFontSize"], style["titleFontSize"]
    ink.text(title, left, top + 0.79 * head, size=head, colour=style["titleColor"])
    radius = style["symbolSize"] ** 0.5 / 2
    shown = [cut(entry.name, size, style["labelLimit"]) for entry in entries]
    room = 2 * radius + 2 + AFTER
    wide = room + max(width(name, size) for name in shown) + style["columnPadding"]
    pointed = any(entry.shape is not None for entry in entries)
    high = max(size + 1, 2 * radius + 4 if pointed else 0) + style["rowPadding"]
    columns = style.get("columns", 1)
    if below:
        left += width(title, head) + style["titlePadding"] + style["columnPadding"]
    else:
        top += head + style["titlePadding"]
    for at, (entry, name) in enumerate(zip(entries, shown, strict=True)):
        x, y = left + at % columns * wide, top + at // columns * high
        middle = y + (size + 1) / 2 + 0.5
        if entry.shape is None:
            ends = ((x + 1, middle), (x + 1 + 2 * radius, middle))
            ink.lines([ends], entry.colour, style["symbolStrokeWidth"])
        else:
            ink.path(symbol(entry.shape, x + 1 + radius, middle, radius), fill=entry.colour)
        ink.text(name, x + room, middle + 0.3 * size, size=size, colour=style["labelColor"])


def blocks(ink: Ink, classes: Classes, style: Style, *, beside: float) -> None:
    """Colours with the numbers between them; as long as the drawing *beside* it, px, if the style says nothing."""
    below = style.get("orient") == "bottom"
    length = style.get("gradientLength") or min(max(beside, LENGTHS[0]), LENGTHS[1])
    thick, size, colours = style["gradientThickness"], style["labelFontSize"], classes.colours
    left, top = (0.0, ink.bottom + style["offset"]) if below else (ink.right + style["offset"], 0.0)
    step = length / len(colours)
    ink.take(left, top, left + (length if below else thick), top + (thick if below else length))
    for at, colour in enumerate(colours):
        box = (left + at * step, top, step, thick) if below else (left, top + length - (at + 1) * step, thick, step)
        ink.boxes([box], colour)
    last = float("-inf")
    for at, bound in enumerate(classes.bounds, start=1):
        label, place = number(bound, style["format"]), at * step
        half = width(label, size) / 2 if below else size / 2
        if place - half < last + style["labelSeparation"]:
            continue
        last = place + half
        if below:
            y = top + thick + BESIDE + 0.79 * size
            ink.text(label, left + place, y, size=size, colour=style["labelColor"], anchor="middle")
        else:
            y = top + length - place + 0.3 * size
            ink.text(label, left + thick + BESIDE, y, size=size, colour=style["labelColor"])
