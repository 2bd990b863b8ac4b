"""Turn the SVG of a chart into markup that a page may hold: drawing elements alone, in the colours of the page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from itertools import groupby

from markupsafe import Markup

from reportgen.core import characters, palette
from reportgen.report import heatmap
from reportgen.report.parts import HeatView, Run

SVG = "{http://www.w3.org/2000/svg}"
SVG_ELEMENTS = {"svg", "g", "path", "line", "rect", "circle", "text", "tspan", "defs", "clipPath", "stop",
                "linearGradient", "symbol", "title"}  # fmt: skip
COMMON = {  # said once for a whole drawing, or what holds anyway
    ("font-family", palette.FONT), ("opacity", "1"), ("stroke-width", "1"), ("x2", "0"), ("y2", "0"),
}  # fmt: skip
# The colours of charts on paper, and the CSS variables that replace them in the page. No live chart shows a sign.
THEME = {palette.INK: "--ink", palette.MUTED: "--muted", palette.RULE: "--rule"} | {
    colour: f"--{letter}{n}" for letter, ramp in palette.LIGHT.items() if letter != "s" for n, colour in enumerate(ramp)
}
STILL = THEME | {
    colour: f"--s{n}" for n, colour in enumerate(palette.SIGNED_LIGHT)
}  # of drawings that stay as they are


def strip(view: HeatView, runs: tuple[Run, ...], *, tokens: int) -> Markup:
    """The document as a strip in the colours of a view, which says where it is strongest."""
    hottest = ", ".join(f"“{run.text}” at {run.first:,}" for run in heatmap.hottest(view, runs, count=5)) or "none"
    title = f"{view.title}, the document as a strip from its first token to its last. Hottest: {hottest}."
    return strip_markup(heatmap.strip(runs, tokens=tokens), title=characters.visible(title))


def strip_markup(classes: Sequence[int], *, title: str) -> Markup:
    """The document as a strip of colours, on paper: a path for each of the classes from `heatmap.strip`."""
    outlines: dict[int, str] = {}
    start = 0
    for heat, alike in groupby(classes):
        length = len(list(alike))
        if heat >= 0:
            outlines[heat] = f"{outlines.get(heat, '')}M{start},0h{length}v1h-{length}Z"
        start += length
    drawn = Markup("").join(
        Markup('<path fill="{}" d="{}"/>').format(palette.PAINTED[heat], outlines[heat]) for heat in sorted(outlines)
    )
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} 1" preserveAspectRatio="none" aria-hidden="true">'
        "<title>{}</title>{}</svg>"
    ).format(len(classes), title, drawn)


def svg_markup(svg: str, *, themed: bool, title: str | None = None) -> Markup:
    """An SVG that holds drawing elements only, for use inside a page.

    Args:
        svg: From `still.svg`.
        themed: Use the colours of the page, light or dark, instead of those of paper.
        title: What the drawing says, where nothing around it does: a PDF takes its alternate text from here.

    Raises:
        ValueError: If it holds anything but drawing: a script, a handler, a link, a style.
    """
    ElementTree.register_namespace("", SVG[1:-1])
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        if element.tag.removeprefix(SVG) not in SVG_ELEMENTS:
            raise ValueError(f"unexpected element {element.tag} in a chart")
        if element.tag == f"{SVG}text":
            element.tail = " "  # a browser without drawings shows the words, one after the other
        for name, value in list(element.attrib.items()):
            if name.startswith("on") or name.endswith("href") or name == "style":
                raise ValueError(f"unexpected attribute {name} in a chart")
            if "url(" in value.lower() and not value.startswith("url(#"):
                raise ValueError(f"unexpected address {value} in a chart")
            if name.startswith("aria-") or name in ("role", "class"):
                del element.attrib[name]  # the figure around it has a name of its own
            elif (name, value) in COMMON:
                del element.attrib[name]
            elif themed and value in STILL and name in ("fill", "stroke"):
                element.set(name, f"var({STILL[value]})")
            elif name in ("d", "transform"):
                element.set(name, re.sub(r"(\d\.\d)\d+", r"\1", value))  # a tenth of a pixel is enough
    root.set("font-family", palette.FONT)
    root.set("aria-hidden", "true")
    if title is not None:
        element = ElementTree.Element(f"{SVG}title")
        element.text = title
        root.insert(0, element)
    return Markup(ElementTree.tostring(root, encoding="unicode"))
