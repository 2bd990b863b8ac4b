"""Mend the structure tree of a PDF: what WeasyPrint leaves out of tables, contents, figures, and what says nothing.

It works on the objects of pydyf. Marked content stays as it is; only the tree above it changes.
"""

from __future__ import annotations

import re
from typing import Any

from reportgen.report.paper.positions import Stacks

PLAIN = {"Type", "S", "K", "Pg", "P"}  # keys of an element that says nothing but what it holds
MEANINGLESS = {"/Span", "/NonStruct"}
HOLDERS = {"/P", "/TD", "/TH", "/LBody", "/Lbl", "/Caption", "/Span", "/Link", *(f"/H{level}" for level in range(1, 7))}
ARRAY = re.compile(rb"^\[([^\]]*)\] TJ$", re.MULTILINE)  # glyphs and the distances between them
TOKEN = re.compile(rb"<[0-9a-f]*>|[-\d.e]+")
EMPTY = re.compile(rb"\[ *\] TJ\n|\n\[ *\] TJ$")
LETTERS = re.compile(rb"<([0-9a-f]*)>")
CONTENTS = {"/L": "/TOC", "/LI": "/TOCI", "/LBody": "/Reference"}  # a list of links and its parts

Elements = dict[bytes, Any]  # by reference, from the root down


def mend(made: Any) -> dict[bytes, bytes]:
    """Say which cells a header is for, and what is a table of contents; leave out elements without meaning.

    A paragraph comes as one element a line, each within another; words belong to the paragraph.

    Returns:
        The objects that are to be removed, and those that replace them in the tree; by reference.
    """
    elements = {element.reference: element for element in made.objects if _kind(element)}
    _scope(elements)
    _contents(elements)
    _figures(elements)
    return _dissolve(elements)


def _kind(made: Any) -> str | None:
    """The type of a structure element; None for anything else."""
    return made.get("S") if isinstance(made, dict) and made.get("Type") == "/StructElem" else None


def _scope(elements: Elements) -> None:
    """Mark every header cell as head of a row or a column; lists of the headers of every cell say no more."""
    for element in elements.values():
        if _kind(element) == "/TH":
            group = elements.get(elements[element["P"]]["P"], {})
            element["A"]["Scope"] = "/Column" if _kind(group) == "/THead" else "/Row"
            element.pop("ID", None)
        elif _kind(element) == "/TD":
            element["A"].pop("Headers", None)
            if set(element["A"]) == {"O"}:
                del element["A"]


def _contents(elements: Elements) -> None:
    """Name lists in which every item is a link for what they are: tables of contents."""
    for element in elements.values():
        items = [elements[kid] for kid in element["K"] if kid in elements]
        if _kind(element) == "/L" and items and all(_leads(item, elements) for item in items):
            for part in (element, *items, *(elements[kid] for item in items for kid in item["K"] if kid in elements)):
                part["S"] = CONTENTS.get(part["S"], part["S"])


def _figures(elements: Elements) -> None:
    """Give every figure its description in the place of its text: numbers at axes are no sentence."""
    for element in elements.values():
        if _kind(element) == "/Figure" and "Alt" in element:
            element["ActualText"] = element["Alt"]


def _leads(item: Any, elements: Elements) -> bool:
    """Whether an element holds a link, and apart from it nothing."""
    kids = [elements.get(kid) for kid in item["K"]]
    if _kind(item) == "/Link":
        return True
    return bool(kids) and all(kid is not None and _leads(kid, elements) for kid in kids)


def _dissolve(elements: Elements) -> dict[bytes, bytes]:
    """Move the contents of meaningless elements to those around them: {removed: new parent}."""
    holder: dict[bytes, bytes] = {}
    for reference, element in elements.items():  # from the root down
        if reference in holder:
            continue
        kids, waiting = [], list(reversed(element["K"]))
        while waiting:
            kid = waiting.pop()
            child = elements.get(kid) if isinstance(kid, bytes) else None
            if child is not None and _is_within(child, element):
                holder[kid] = reference
                waiting += reversed(child["K"])
                continue
            if child is not None:
                child["P"] = reference
            kids.append(kid)
        element["K"][:] = kids
    return holder


def _is_within(child: Any, element: Any) -> bool:
    """Whether *element* may hold the contents of *child*: also what CSS adds to a link, which is no link by itself."""
    plain = (child["S"] in MEANINGLESS or child["S"] == element["S"] == "/Link") and set(child) == PLAIN
    return plain and element["S"] in HOLDERS and child["Pg"] == element["Pg"]


def say_stacks(made: Any, stacks: dict[tuple[int, int], Stacks]) -> None:
    """Say of glyphs that are set on each other, within their marked content, which text they are.

    Args:
        made: The PDF.
        stacks: From `positions.name_letters`.
    """
    pages = [one for one in made.objects if isinstance(one, dict) and one.get("Type") == "/Page"]
    streams = {one.reference: one for one in made.objects}
    for number in sorted({page for page, _ in stacks}):
        stream = streams[pages[number]["Contents"]]
        drawn = written(stream)
        for (page, mark), of_line in stacks.items():
            if page == number:
                before, found, rest = drawn.partition(b"<</MCID %d>>\nBDC\n" % mark)
                line, end, after = rest.partition(b"\nEMC")
                drawn = before + found + _said(line, of_line) + end + after
        stream.stream = [drawn]


def _said(line: bytes, stacks: Stacks) -> bytes:
    """What draws a line, with the text of its stacks; as it was if it draws other glyphs than those of *stacks*."""
    glyphs = sum(len(letters) // 4 for array in ARRAY.findall(line) for letters in LETTERS.findall(array))
    if glyphs != sum(count for count, _ in stacks):
        return line
    texts = [(text, n == 0, n == count - 1) for count, text in stacks for n in range(count)]
    waiting = iter(texts)

    def split(array: re.Match[bytes]) -> bytes:
        parts: list[bytes] = []
        for token in TOKEN.findall(array[1]):
            if token[:1] != b"<":
                parts.append(token)
            for at in range(1, len(token) - 1, 4) if token[:1] == b"<" else ():
                text, first, last = next(waiting)
                if text is not None and first:
                    said = text.encode("utf-16-be").hex().encode()
                    parts.append(b"] TJ\n/Span\n<</ActualText <feff%s>>>\nBDC\n[" % said)
                parts.append(b"<%s>" % token[at : at + 4])
                if text is not None and last:
                    parts.append(b"] TJ\nEMC\n[")
        whole = b"[%s] TJ" % b" ".join(parts).replace(b"> <", b"")
        return EMPTY.sub(b"", whole)

    return ARRAY.sub(split, line)


def written(stream: Any) -> bytes:
    """What a stream draws, as pydyf writes it."""
    return b"\n".join(
        part if isinstance(part, bytes) else bytes(part.data) if hasattr(part, "data") else str(part).encode()
        for part in stream.stream
    )
