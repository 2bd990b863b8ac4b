"""Paint the heat behind the text, where the typesetter has put its characters.

A paragraph says in `data-heat` what is behind its characters, as `heatmap.printed` writes it. Nothing here is text:
neither the structure of the PDF nor what a reader copies changes.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from reportgen.core.palette import LINED, MUTED, PAINTED, line_below
from reportgen.report import heatmap
from reportgen.report.paper import positions

if TYPE_CHECKING:
    from weasyprint import Document

ATTRIBUTE = "data-heat"
BEHIND = re.compile(r"(\d+)([a-z]?)(?::(\d+))?")  # as in `Printed.behind`
ABOVE, BELOW = 1.02, 0.3  # em above and below the baseline that are coloured: less than a line is high
LINE = 0.05  # em: how thick a frame is drawn
UNDER = 0.1  # of the height of a colour: the line below what speaks against a label
TOUCH = 0.02  # px: what is closer touches


class Patch(NamedTuple):
    """A stretch of a line in one colour, or in a frame; px from the upper left corner of the page."""

    left: float
    top: float
    width: float
    height: float
    heat: int  # class, or -1
    frame: str  # "" without one


def patches(document: Document) -> list[list[Patch]]:
    """What is painted on each page of *document*.

    Raises:
        UnknownInsideError: If the typesetter does not say where its characters are.
    """
    found: list[list[Patch]] = [[] for _ in document.pages]
    for line in positions.lines(document, _cuts):
        found[line.page] += _of_line(line)
    return found


def paint(document: Document) -> None:
    """Have the heat painted when the PDF of *document* is written.

    Raises:
        UnknownInsideError: If the typesetter does not say where its characters are.
    """
    found = patches(document)
    if any(found):
        positions.paint_behind(document, lambda page, stream: draw(found[page], stream))


def draw(found: list[Patch], stream: Any) -> None:
    """Draw patches on a stream of pydyf, the frames above the colours."""
    for heat, colour in enumerate(PAINTED):
        chosen = [patch for patch in found if patch.heat == heat]
        _fill(chosen, colour, stream)
        if heat in LINED:
            _fill([under(patch) for patch in chosen], line_below(colour), stream)
    framed = [patch for patch in found if patch.frame]
    if framed:
        stream.set_color_rgb(*_rgb(MUTED), stroke=True)
    for patch in framed:
        line = round((patch.height / (ABOVE + BELOW)) * LINE, 2)
        stream.set_line_width(line)
        stream.set_dash([4 * line, 3 * line] if patch.frame == heatmap.ECHO else [], 0)
        stream.rectangle(*(round(edge, 2) for edge in inner(patch, line)))
        stream.stroke()


def _fill(found: list[Patch], colour: str, stream: Any) -> None:
    if found:
        stream.set_color_rgb(*_rgb(colour))
        for patch in found:
            stream.rectangle(*_rounded(patch))
        stream.fill()


def under(patch: Patch) -> Patch:
    """The line below a colour, inside it."""
    height = patch.height * UNDER
    return patch._replace(top=patch.top + patch.height - height, height=height)


def _rounded(patch: Patch) -> tuple[float, float, float, float]:
    """The place of a colour in tenths of a pixel; where two touch, their edges stay one."""
    left, right = round(patch.left, 1), round(patch.left + patch.width, 1)
    return left, round(patch.top, 1), round(right - left, 1), round(patch.height, 1)


def inner(patch: Patch, line: float) -> tuple[float, float, float, float]:
    """The middle of a frame whose outer edge is that of the patch: frames next to each other stay apart."""
    return patch.left + line / 2, patch.top + line / 2, max(patch.width - line, line), patch.height - line


@functools.lru_cache(maxsize=1)  # of the paragraph whose lines follow each other
def _behind(element: Any) -> tuple[tuple[int, str, int], ...]:
    """What an element says of its characters: how many, their frame, their class."""
    said = BEHIND.findall(element.get(ATTRIBUTE))
    return tuple((int(length), frame, int(heat or heatmap.LEFT_OUT)) for length, frame, heat in said)


def _cuts(element: Any) -> list[int] | None:
    if element.get(ATTRIBUTE) is None:
        return None
    return [0, *accumulate(length for length, _, _ in _behind(element))]


def _of_line(line: positions.SetLine) -> Iterator[Patch]:
    """The patches of a line: neighbours of one colour are one, so that no seam shows."""
    top, height = line.baseline - ABOVE * line.size, (ABOVE + BELOW) * line.size
    end = line.start + len(line.text)
    behind, at = [], 0
    for length, frame, heat in _behind(line.element):
        if at < end and at + length > line.start:
            behind.append((frame, heat))
        at += length
    coloured = [
        (stretch, heat) for (_, heat), part in zip(behind, line.parts, strict=True) for stretch in part if heat >= 0
    ]
    for stretch, heat in _joined(sorted(coloured)):
        yield Patch(stretch.left, top, stretch.right - stretch.left, height, heat, "")
    for (frame, _), part in zip(behind, line.parts, strict=True):
        if frame and part:
            for stretch, _ in _joined([(stretch, 0) for stretch in sorted(part)]):
                yield Patch(stretch.left, top, stretch.right - stretch.left, height, -1, frame)


def _joined(found: list[tuple[positions.Stretch, int]]) -> list[tuple[positions.Stretch, int]]:
    """Stretches from left to right, those of one class that touch as one."""
    joined: list[tuple[positions.Stretch, int]] = []
    for stretch, heat in found:
        last = joined[-1] if joined else None
        if last and last[1] == heat and stretch.left - last[0].right < TOUCH:
            joined[-1] = (positions.Stretch(last[0].left, stretch.right), heat)
        else:
            joined.append((stretch, heat))
    return joined


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (round(int(colour[at : at + 2], 16) / 255, 4) for at in (1, 3, 5))
    return red, green, blue
