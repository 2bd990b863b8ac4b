"""Say what is wrong with a PDF: what PDF/UA asks for and a program can see, and what no report may carry.

Not the whole of PDF/UA (ISO 14289-1): that is veraPDF's work, which `test_pdf.py` calls where it is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf

FORBIDDEN = {
    "/JavaScript", "/JS", "/Launch", "/OpenAction", "/AA", "/RichMedia", "/SubmitForm", "/ImportData", "/GoToR",
    "/GoToE", "/URI", "/XFA",
}  # fmt: skip
ATTACHED = {"/EmbeddedFiles", "/EmbeddedFile", "/AF"}
HEADINGS = tuple(f"/H{level}" for level in range(1, 7))


def problems(path: Path, *, attached: frozenset[str] = frozenset()) -> list[str]:
    """What is wrong with the PDF; *attached* are the names of the files that it may carry, and has to."""
    with pikepdf.open(path) as opened:
        return [*_catalog(opened), *_structure(opened), *_fonts(opened), *_actions(opened), *_files(opened, attached)]


def objects(opened: pikepdf.Pdf) -> Iterator[Any]:
    """Every dictionary of a PDF."""
    waiting: list[Any] = list(opened.objects)
    while waiting:
        value = waiting.pop()
        if isinstance(value, pikepdf.Dictionary | pikepdf.Stream):
            yield value
            waiting += [item for item in value.values() if isinstance(item, pikepdf.Object) and not item.is_indirect]
        elif isinstance(value, pikepdf.Array):
            waiting += [item for item in value if isinstance(item, pikepdf.Object) and not item.is_indirect]


def elements(opened: pikepdf.Pdf, kind: str | None = None) -> list[Any]:
    """Structure elements of a PDF by what they are."""
    found = [value for value in objects(opened) if str(value.get("/Type")) == "/StructElem"]
    return [element for element in found if kind is None or str(element.get("/S")) == kind]


def in_order(opened: pikepdf.Pdf) -> Iterator[Any]:
    """Structure elements in the order in which they are read."""
    waiting = [opened.Root.StructTreeRoot.K]
    while waiting:
        value = waiting.pop()
        if isinstance(value, pikepdf.Array):
            waiting += reversed(list(value))
        elif isinstance(value, pikepdf.Dictionary) and "/S" in value:
            yield value
            if "/K" in value:
                waiting.append(value.K)


def _catalog(opened: pikepdf.Pdf) -> Iterator[str]:
    root = opened.Root
    if not str(root.get("/Lang", "")):
        yield "no language"
    if "/StructTreeRoot" not in root or not bool(root.get("/MarkInfo", {}).get("/Marked", False)):
        yield "not tagged"
    if not str(opened.docinfo.get("/Title", "")):
        yield "no title"
    for number, page in enumerate(opened.pages, start=1):
        if str(page.get("/Tabs", "")) != "/S":
            yield f"page {number}: tab order is not that of the structure"
        if "/StructParents" not in page:
            yield f"page {number}: not in the structure"


def _structure(opened: pikepdf.Pdf) -> Iterator[str]:
    if "/StructTreeRoot" not in opened.Root:
        return
    for figure in elements(opened, "/Figure"):
        if not str(figure.get("/Alt", "")).strip():
            yield "a figure without alternative text"
    for header in elements(opened, "/TH"):
        if str(_table_attributes(header).get("/Scope", "")) not in ("/Row", "/Column", "/Both"):
            yield "a header cell without a scope"
    if elements(opened, "/Table") and not elements(opened, "/TH"):
        yield "a table without header cells"
    yield from _heading_order([str(element.S) for element in in_order(opened)])
    for link in (value for value in objects(opened) if str(value.get("/Subtype")) == "/Link"):
        if not str(link.get("/Contents", "")) or "/StructParent" not in link:
            yield "a link without description or place in the structure"


def _table_attributes(element: Any) -> Any:
    attributes = element.get("/A", pikepdf.Dictionary())
    return next((one for one in attributes), {}) if isinstance(attributes, pikepdf.Array) else attributes


def _heading_order(kinds: list[str]) -> Iterator[str]:
    level = 0
    for heading in (kind for kind in kinds if kind in HEADINGS):
        now = int(heading[2:])
        if now > level + 1:
            yield f"a heading of level {now} under one of level {level}"
        level = now


def _fonts(opened: pikepdf.Pdf) -> Iterator[str]:
    for value in objects(opened):
        if str(value.get("/Type")) == "/FontDescriptor" and not {"/FontFile", "/FontFile2", "/FontFile3"} & set(value):
            yield f"a font that is not inside: {value.get('/FontName')}"
        if str(value.get("/Type")) == "/Font" and str(value.get("/Subtype")) == "/Type0" and "/ToUnicode" not in value:
            yield f"a font that does not say which letters it draws: {value.get('/BaseFont')}"


def _actions(opened: pikepdf.Pdf) -> Iterator[str]:
    for value in objects(opened):
        found = FORBIDDEN & set(value)
        found |= {str(value[key]) for key in ("/S", "/Type", "/Subtype") if key in value} & FORBIDDEN
        yield from (f"it acts by itself, or reaches out: {name}" for name in sorted(found))


def _files(opened: pikepdf.Pdf, attached: frozenset[str]) -> Iterator[str]:
    for name in sorted(set(opened.attachments) ^ attached):
        yield f"{'an undeclared' if name in opened.attachments else 'a missing'} attachment: {name}"
    if not attached and any(ATTACHED & set(value) for value in objects(opened)):
        yield "it carries a file"
