"""Put lines, boxes and words on a drawing that knows how much room they take, and write it as SVG.

Words are measured with the widths of Noto Sans, whatever fonts there are: the same chart has the same bytes anywhere.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]

MARGIN = 5.0  # around all that is drawn
# Of the printable characters of ASCII, from the space: thousandths of the size of the letters.
WIDTHS = (
    260, 269, 408, 646, 572, 831, 732, 225, 300, 300, 551, 572, 268, 322, 268, 372, 572, 572, 572, 572, 572, 572, 572,
    572, 572, 572, 268, 268, 572, 572, 572, 434, 899, 639, 650, 632, 730, 556, 519, 728, 741, 339, 273, 619, 524, 907,
    760, 781, 605, 781, 622, 549, 556, 731, 600, 930, 586, 566, 572, 329, 372, 329, 572, 444, 281, 561, 615, 480, 615,
    564, 344, 615, 618, 258, 258, 534, 258, 935, 618, 605, 615, 615, 413, 479, 361, 618, 508, 786, 529, 510, 470, 380,
    551, 380, 572,
)  # fmt: skip
WIDE, OTHER = 1000, 600  # of the letters of Chinese and its neighbours, and of all others


@dataclass(slots=True)
class Ink:
    """A drawing that grows."""

    family: str  # of its letters
    elements: list[str] = field(default_factory=list)
    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0

    def take(self, left: float, top: float, right: float, bottom: float) -> None:
        """Have room for a box."""
        self.left, self.top = min(self.left, left), min(self.top, top)
        self.right, self.bottom = max(self.right, right), max(self.bottom, bottom)

    def path(self, d: str, **style: object) -> None:
        """Draw a path; what it takes is told with `take`."""
        if d:
            self.elements.append(f'<path d="{d}"{_written(style)}/>')

    def boxes(self, boxes: Iterable[tuple[float, float, float, float]], colour: str) -> None:
        """Fill boxes, (left, top, width, height), as one path."""
        self.path("".join(f"M{n(x)},{n(y)}h{n(w)}v{n(h)}h{n(-w)}Z" for x, y, w, h in boxes), fill=colour)

    def lines(self, ends: Iterable[tuple[Point, Point]], colour: str, width: float) -> None:
        """Draw straight lines as one path, and have room for them."""
        kept = list(ends)
        for (x1, y1), (x2, y2) in kept:
            self.take(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
        d = "".join(f"M{n(x1)},{n(y1)}L{n(x2)},{n(y2)}" for (x1, y1), (x2, y2) in kept)
        self.path(d, stroke=colour, **({} if width == 1 else {"stroke-width": n(width)}))

    def line(self, points: Sequence[Point], colour: str, width: float) -> None:
        """Draw a line through points."""
        d = "".join(f"{'L' if at else 'M'}{n(x)},{n(y)}" for at, (x, y) in enumerate(points))
        self.path(d, stroke=colour, **{"stroke-width": n(width)})

    def text(
        self,
        words: str,
        x: float,
        y: float,
        *,
        size: float,
        colour: str,
        anchor: Anchor = "start",
        upright: bool = True,
    ) -> None:
        """Write words on a baseline, from left to right, or upward."""
        long = width(words, size)
        before = {"start": 0.0, "middle": long / 2, "end": long}[anchor]
        if upright:
            self.take(x - before, y - 0.8 * size, x - before + long, y + 0.2 * size)
        else:
            self.take(x - 0.8 * size, y - long + before, x + 0.2 * size, y + before)
        turned = {} if upright else {"transform": f"rotate(-90 {n(x)} {n(y)})"}
        place: dict[str, object] = {"x": n(x), "y": n(y), **turned, "font-size": n(size), "fill": colour}
        anchored: dict[str, object] = {} if anchor == "start" else {"text-anchor": anchor}
        self.elements.append(f"<text{_written(place | anchored)}>{html.escape(words, quote=False)}</text>")

    def svg(self) -> str:
        """All of it, with a margin."""
        across, down = self.right - self.left + 2 * MARGIN, self.bottom - self.top + 2 * MARGIN
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{n(across)}" height="{n(down)}" '
            f'viewBox="0 0 {n(across)} {n(down)}" font-family="{html.escape(self.family)}">'
            f'<g fill="none" transform="translate({n(MARGIN - self.left)},{n(MARGIN - self.top)})">'
            f"{''.join(self.elements)}</g></svg>"
        )


def width(words: str, size: float) -> float:
    """How wide words are, in the unit of *size*.

    >>> width("0.01", 10)
    19.84
    """
    return sum(map(_width, words)) * size / 1000


def cut(words: str, size: float, most: float) -> str:
    """Words that are no wider than *most*; what is left out is an ellipsis."""
    if width(words, size) <= most:
        return words
    kept = words
    while kept and width(f"{kept}…", size) > most:
        kept = kept[:-1]
    return f"{kept}…"


def n(value: float) -> str:
    """A number in an SVG: hundredths are enough.

    >>> n(2.0), n(0.126), n(-0.001)
    ('2', '0.13', '0')
    """
    written = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written


def _width(character: str) -> int:
    if " " <= character <= "~":
        return WIDTHS[ord(character) - ord(" ")]
    if unicodedata.combining(character):
        return 0
    return WIDE if unicodedata.east_asian_width(character) in "WF" else OTHER


def _written(style: dict[str, object]) -> str:
    return "".join(f' {name}="{value}"' for name, value in style.items())
