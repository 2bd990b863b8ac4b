"""Draw a part of the heatmap as SVG, with every word where the typesetter puts it.

The same HTML, from `render.excerpt`, becomes the PDF. Here it is laid out once on a high page, to read the places of
words and colours; those of the legend are read from links, whose position the typesetter reports.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from reportgen.core.characters import visible
from reportgen.core.config import Config
from reportgen.core.errors import OutputError, UsageError
from reportgen.core.nouns.records import Report
from reportgen.core.palette import LINED, MUTED, PAINTED, TEXT, font_family, line_below
from reportgen.report import heatmap
from reportgen.report.paper import painting, positions, typesetting
from reportgen.report.paper.painting import Patch
from reportgen.report.parts import HeatView, Parts, Run

Draw = Callable[..., str]  # `render.excerpt`

ASCENT = 0.788  # of the height of a box of text, where its baseline lies: between those of Noto Sans and DejaVu Sans
SMALL = 6.0  # points: letters of the legend
FRAME = 0.4  # points: how thick a frame is
APART = "\u2066\u2069"  # around what has a direction of its own


class Rectangle(NamedTuple):
    """The place of something, in points from the upper left corner."""

    x: float
    y: float
    width: float
    height: float


class Word(NamedTuple):
    """Letters without a space between them, in one direction; in points from the upper left corner."""

    text: str
    x: float
    baseline: float
    width: float
    size: float


class Layout(NamedTuple):
    """The places of everything in the excerpt."""

    steps: dict[str, Rectangle]  # of the legend, by the name of its link
    patches: tuple[Patch, ...]  # px, as the PDF paints them
    words: tuple[Word, ...]
    height: float  # points, of all


class Drawn(NamedTuple):
    """The excerpt in files."""

    files: dict[str, bytes]  # by name
    missing: tuple[str, ...]  # characters that no font on this machine has


def files(report: Report, parts: Parts, config: Config, *, draw: Draw) -> Drawn:
    """The stretch of the heatmap that `span` names, in every view and at every width, as SVG and PDF.

    Raises:
        UsageError: If no token is there, or the excerpt is longer than a page can be.
        OutputError: If the typesetter does not say where its characters are.
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
            made[f"{stem}.svg"] = svg(view, layout, **how).encode()
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
        OutputError: If the typesetter does not say where its characters are.
    """
    laid = typesetting.lay_out(document)
    page, *rest = laid.pages
    if rest:
        raise UsageError("--span: the excerpt does not fit on one page of a PDF", hint="choose a shorter span")
    steps: dict[str, Rectangle] = {}
    for _, target, (left, top, right, bottom), _ in page.links:
        edges = left, top, right - left, bottom - top
        steps[target] = Rectangle(*(edge * typesetting.PX for edge in edges))
    try:
        (patches,), words = painting.patches(laid), tuple(_words(positions.lines(laid, _pieces)))
    except positions.UnknownInsideError as error:
        raise OutputError(f"--span: {error}", hint=positions.INSTALL) from error
    return Layout(steps, tuple(patches), words, page.anchors["end"][1] * typesetting.PX)


def _pieces(element: Any) -> list[int] | None:
    """Where the text of a line is cut into words of one direction and the spaces between them."""
    if element.get(painting.ATTRIBUTE) is None:
        return None
    text = "".join(element.itertext())
    kinds = [
        (level, character.isspace() or character in APART)
        for level, character in zip(positions.levels(text, element.get("dir")), text, strict=True)
    ]
    return [0, *(n for n in range(1, len(kinds)) if kinds[n] != kinds[n - 1]), len(text)]


def _words(lines: list[positions.SetLine]) -> Iterator[Word]:
    for line in lines:
        for start, end, places in zip(line.cuts, line.cuts[1:], line.parts, strict=False):
            text = line.text[start:end]
            if places and text.strip() and text[0] not in APART:
                left, right = places[0].left * typesetting.PX, places[-1].right * typesetting.PX
                baseline, size = line.baseline * typesetting.PX, line.size * typesetting.PX
                yield Word(text, left, baseline, right - left, size)


def svg(view: HeatView, layout: Layout, *, width: float, family: str, title: str) -> str:
    """The excerpt as a drawing *width* points wide."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}pt" height="{layout.height:.2f}pt" '
        f'viewBox="0 0 {width:g} {layout.height:.2f}" font-family="{html.escape(family)}" xml:space="preserve">'
        f"<title>{html.escape(visible(title))}</title>{''.join(_legend(view, layout.steps))}"
        f"{''.join(map(_patch, layout.patches))}{''.join(map(_word, layout.words))}</svg>\n"
    )


def _legend(view: HeatView, steps: dict[str, Rectangle]) -> Iterator[str]:
    said = heatmap.labels(view)
    for name, box in steps.items():
        middle = box.x + box.width / 2
        if name == "lowest":
            yield _small(box, said[-1], MUTED, x=box.x, anchor="start")
        elif name == "highest":
            yield _small(box, said[16], MUTED, x=box.x + box.width, anchor="end")
        else:
            step = int(name[1:])
            yield f'<rect {_place(box)} fill="{PAINTED[view.first + step]}"/>'
            if step in said:
                yield _small(box, said[step], TEXT, x=middle, anchor="middle")


def _small(box: Rectangle, text: str, colour: str, *, x: float, anchor: str) -> str:
    baseline = box.y + box.height * ASCENT
    place = f'x="{x:.2f}" y="{baseline:.2f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{SMALL:g}" fill="{colour}">{text}</text>'


def _patch(patch: Patch) -> str:
    """The colour behind letters, or the frame around them."""
    if not patch.frame:
        colour = PAINTED[patch.heat]
        line = _filled(painting.under(patch), line_below(colour)) if patch.heat in LINED else ""
        return _filled(patch, colour) + line
    inner = painting.inner(patch, FRAME / typesetting.PX)
    dashes = ' stroke-dasharray="1.6 1.2"' if patch.frame == heatmap.ECHO else ""
    place = Rectangle(*(edge * typesetting.PX for edge in inner))
    return f'<rect {_place(place)} fill="none" stroke="{MUTED}" stroke-width="{FRAME:g}"{dashes}/>'


def _filled(patch: Patch, colour: str) -> str:
    place = Rectangle(*(edge * typesetting.PX for edge in patch[:4]))
    return f'<rect {_place(place)} fill="{colour}"/>'


def _word(word: Word) -> str:
    """Letters as wide as the typesetter has set them, whatever font a viewer takes."""
    return (
        f'<text x="{word.x:.2f}" y="{word.baseline:.2f}" font-size="{word.size:g}" fill="{TEXT}" '
        f'textLength="{word.width:.2f}" lengthAdjust="spacingAndGlyphs">{html.escape(visible(word.text))}</text>'
    )


def _place(box: Rectangle) -> str:
    return f'x="{box.x:.2f}" y="{box.y:.2f}" width="{box.width:.2f}" height="{box.height:.2f}"'
