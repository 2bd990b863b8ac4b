"""Ask vl_convert, which holds Vega: for the script of the live charts, for pixels, for drawings that are not simple.

Only this module imports it; `still.py` draws most charts without. The PDF of a drawing is typeset like every other
page.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import re
import xml.etree.ElementTree as ElementTree
from importlib.metadata import version
from xml.etree.ElementTree import Element

import vl_convert
from PIL import Image

from reportgen.core.files import disk

SVG = "{http://www.w3.org/2000/svg}"
USELESS = {"pointer-events", "class", "role", "aria-roledescription", "aria-label", "aria-hidden"}
DEFAULTS = {("opacity", "1"), ("fill-opacity", "1"), ("stroke-opacity", "1"), ("x2", "0"), ("y2", "0")}
INVISIBLE = {"none", "transparent"}
GEOMETRY = {"d", "transform", "x1", "y1", "x2", "y2"}
NUMBER = r"(-?[\d.]+(?:e-?\d+)?)"
MOVED = re.compile(rf"translate\({NUMBER},{NUMBER}\)")
BOX = re.compile(rf"M{NUMBER},{NUMBER}(h{NUMBER}v{NUMBER}h{NUMBER}Z)")


def svg(spec: dict[str, object], *, key: str) -> str:
    """Vega-Lite to SVG. Ids are named after the figure: the converter numbers them upward within a process."""
    drawn = compact(vl_convert.vegalite_to_svg(spec))
    numbers: dict[str, str] = {}
    return re.sub(
        r"(?<=\bid=\")(gradient_|clip)\d+(?=\")|(?<=url\(#)(gradient_|clip)\d+(?=\))",  # not in the words of a text
        lambda match: numbers.setdefault(match[0], f"{key}-{match[0].rstrip('0123456789_')}-{len(numbers)}"),
        drawn,
    )


def png(drawn: str, *, ppi: int) -> bytes:
    """An SVG, whose unit is a point, as PNG on white; compressed again, for the converter hardly compresses.

    The paper is drawn, too: what can be seen through is too dark in the converter's PNG.
    """
    root = ElementTree.fromstring(drawn)
    root.insert(0, ElementTree.Element(f"{SVG}rect", width="100%", height="100%", fill="white"))
    pixels = vl_convert.svg_to_png(ElementTree.tostring(root, encoding="unicode"), ppi=ppi)
    sink = io.BytesIO()
    Image.open(io.BytesIO(pixels)).convert("RGB").save(sink, "PNG", dpi=(ppi, ppi))
    return sink.getvalue()


def compact(drawn: str) -> str:
    """The same drawing in a third of the elements: a typesetter needs time for each, a page needs bytes.

    Groups that only group are opened, what draws nothing is left out, and neighbours that are drawn alike, ticks and
    lines of a grid, bars, cells, become one path.
    """
    ElementTree.register_namespace("", SVG[1:-1])
    root = ElementTree.fromstring(drawn)
    _compact(root, fill="black")
    return ElementTree.tostring(root, encoding="unicode")


def _compact(group: Element, *, fill: str) -> None:
    """Compact the children of *group*, which inherit *fill* by default."""
    children: list[Element] = []
    for child in group:
        for name, value in list(child.attrib.items()):
            if name in USELESS or (name, value) in DEFAULTS:
                del child.attrib[name]
        if child.tag == f"{SVG}g":
            _compact(child, fill=child.get("fill", fill))
            if not child.attrib:
                children += list(child)
            elif len(child):
                children.append(child)
        elif not _draws_nothing(child, fill):
            children.append(child)
    group[:] = _joined(children)


def _draws_nothing(element: Element, fill: str) -> bool:
    if element.tag == f"{SVG}text":  # of labels that overlap, Vega hides one
        return element.get("opacity") == "0" or not "".join(element.itertext()).strip()
    stroked = element.get("stroke", "none") not in INVISIBLE
    if element.tag == f"{SVG}line":
        return not stroked
    inked = stroked or element.get("fill", fill) not in INVISIBLE
    return element.tag == f"{SVG}path" and (not inked or element.get("d", "") == "M0,0h0v0h0Z")


def _joined(children: list[Element]) -> list[Element]:
    """Children, with straight lines or upright boxes of the same style joined into one path."""
    alike: dict[tuple[tuple[str, str], ...], Element] = {}
    joined: list[Element] = []
    for child in children:
        outline = _outline(child)
        if outline is None:
            alike = {}  # what comes later may lie above it
            joined.append(child)
            continue
        look = {name: value for name, value in child.attrib.items() if name not in GEOMETRY}
        key = tuple(sorted(look.items()))
        if key in alike and not {"opacity", "fill-opacity", "stroke-opacity"} & set(look):
            alike[key].set("d", alike[key].get("d", "") + outline)
        else:
            alike[key] = ElementTree.Element(f"{SVG}path", look | {"d": outline})
            joined.append(alike[key])
    return joined


def _outline(element: Element) -> str | None:
    """A straight line or an upright box as a path in the place to which it is moved; None of anything else."""
    moved = MOVED.fullmatch(element.get("transform", "translate(0,0)"))
    if moved is None or len(element) or element.get("stroke-dasharray") or "clip-path" in element.attrib:
        return None
    x, y = float(moved[1]), float(moved[2])
    if element.tag == f"{SVG}line":
        ends = (float(element.get(name, "0")) for name in ("x1", "y1", "x2", "y2"))
        x1, y1, x2, y2 = ends
        return f"M{x + x1:g},{y + y1:g}L{x + x2:g},{y + y2:g}"
    box = BOX.fullmatch(element.get("d", "")) if element.tag == f"{SVG}path" else None
    return f"M{x + float(box[1]):g},{y + float(box[2]):g}{box[3]}" if box else None


@functools.cache
def bundle() -> str:
    """Vega, Vega-Lite and vega-embed as one script, with the expression interpreter that a strict CSP needs.

    To put it together takes a second or two, and gives the same for the same version: the cache keeps it.
    """
    kept = disk.cached("bundle", f"{disk.key(vl_convert=version('vl-convert-python'))}.js")
    with contextlib.suppress(OSError, UnicodeDecodeError):
        told, _, script = kept.read_bytes().decode().partition("\n")
        if told == _seal(script):
            return script
    script = str(vl_convert.javascript_bundle())  # type: ignore[call-arg]  # its stub forgets the default
    disk.keep(kept, f"{_seal(script)}\n{script}".encode())
    return script


def _seal(script: str) -> str:
    """The first line of a cached script, which shows whether it is damaged."""
    return f"// {hashlib.sha256(script.encode()).hexdigest()}"
