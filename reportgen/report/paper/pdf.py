"""Turn the printable document into PDF bytes: tagged, titled, with the tables attached on request.

`typesetting.py` lays out the pages. This module adds what WeasyPrint leaves out, in its `finisher`, on pydyf's objects.
`_compact` saves two fifths of the bytes of a report.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from reportgen.core.config import PdfVariant
from reportgen.report.paper.typesetting import Typeset, attachment, typeset

VARIANTS: dict[PdfVariant, str] = {"ua-1": "pdf/ua-1", "a-3u": "pdf/a-3u"}
ABOUT = {
    "token_attention.parquet": "Attention of every token in every layer and head",
    "top_tokens.parquet": "The tokens that receive most in every layer and head",
    "top_tokens.csv": "The tokens that receive most in every layer and head",
    "attended_tokens.parquet": "The tokens that every token attends to most",
    "tokens.csv": "The document token by token",
}
PLAIN = {"Type", "S", "K", "Pg", "P"}  # keys of an element that says nothing but what it holds
MEANINGLESS = {"/Span", "/NonStruct"}
HOLDERS = {"/P", "/TD", "/TH", "/LBody", "/Lbl", "/Caption", "/Span", "/Link", *(f"/H{level}" for level in range(1, 7))}
REFERENCE = re.compile(rb"\d+ 0 R")
PLACE = re.compile(rb"^(?:1 0 0 -1 [-\d.]+ [-\d.]+ Tm|[-\d. ]+ re)$", re.MULTILINE)
LONG = re.compile(rb"(\.\d\d)\d+")
CLIPPED = re.compile(  # a box filled within itself
    rb"^q\n([-\d. ]+ re)\nW\nn\n/Artifact\nBMC\nq\n((?:/\S+ gs\n)?[^\n]+ rg)\n\1\nW\nn\n\1\nf\nQ\nEMC\nQ$", re.MULTILINE
)


def pdf(
    html: str, *, created: str, variant: PdfVariant = "ua-1", attached: Mapping[str, bytes] | None = None
) -> Typeset:
    """Typeset *html*, tagged for assistive technology.

    Args:
        html: From `render.document`.
        created: Date of the attachments, ISO 8601.
        variant: "ua-1" for PDF/UA-1; "a-3u" for PDF/A-3u, the archive format that takes attachments.
        attached: Files by name; only PDF/A-3u carries them.

    Raises:
        RefusedError: If the document refers to a URL; no PDF is made then.
        ValueError: If files are to be attached to another variant.
    """
    if attached and variant != "a-3u":
        raise ValueError(f"pdf/{variant} carries no files")
    files = [
        attachment(name, content, description=ABOUT.get(name, ""), created=datetime.fromisoformat(created))
        for name, content in (attached or {}).items()
    ]
    return typeset(html, finisher=_finish, pdf_variant=VARIANTS[variant], pdf_tags=True, attachments=files)


def _finish(_: object, made: Any) -> None:
    """The steps that WeasyPrint leaves out."""
    _scope(made)
    _compact(made)


def _scope(made: Any) -> None:
    """Mark every header cell as head of a row or a column; WeasyPrint keeps only its cells."""
    elements = {element.reference: element for element in made.objects if _kind(element)}
    for element in elements.values():
        if _kind(element) == "/TH":
            group = elements.get(elements[element["P"]]["P"], {})
            element["A"]["Scope"] = "/Column" if _kind(group) == "/THead" else "/Row"


def _kind(made: Any) -> str | None:
    """The type of a structure element; None for anything else."""
    return made.get("S") if isinstance(made, dict) and made.get("Type") == "/StructElem" else None


def _compact(made: Any) -> None:
    """Write the same document with fewer bytes.

    Every coloured token comes as a structure element within another, and neither means anything to a reader: their
    content goes to the paragraph or cell around them. Every background comes clipped to itself, in millionths of a
    pixel: hundredths are enough.
    """
    _shorten(made)
    if "StructTreeRoot" in made.catalog:
        _remove(made, _dissolve(made))


def _shorten(made: Any) -> None:
    """Numbers of places with fewer digits, and backgrounds without their clips."""
    contents = {page["Contents"] for page in made.objects if isinstance(page, dict) and page.get("Type") == "/Page"}
    for stream in (one for one in made.objects if one.reference in contents):
        drawn = b"\n".join(map(_written, stream.stream))
        drawn = PLACE.sub(lambda place: LONG.sub(rb"\1", place[0]), drawn)
        stream.stream = [CLIPPED.sub(rb"/Artifact\nBMC\nq\n\2\n\1\nf\nQ\nEMC", drawn)]


def _written(part: Any) -> bytes:
    """A part of a stream as pydyf writes it."""
    if isinstance(part, bytes):
        return part
    return bytes(part.data) if hasattr(part, "data") else str(part).encode()


def _dissolve(made: Any) -> dict[bytes, bytes]:
    """Move the contents of meaningless elements to those around them: {removed: new parent}."""
    elements: dict[bytes, Any] = {}
    for one in made.objects:
        if isinstance(one, dict) and one.get("Type") == "/StructElem":
            elements[one.reference] = one  # type: ignore[attr-defined]  # a dictionary that is an object, too
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
    """Whether *element* may hold the contents of *child*."""
    plain = child["S"] in MEANINGLESS and set(child) == PLAIN
    return plain and element["S"] in HOLDERS and child["Pg"] == element["Pg"]


def _remove(made: Any, holder: dict[bytes, bytes]) -> None:
    """Leave out the elements that hold nothing any more; those behind them get new numbers."""
    kept = [one for one in made.objects if one.reference not in holder]
    new = {one.reference: b"%d 0 R" % number for number, one in enumerate(kept)}
    new |= {removed: new[by] for removed, by in holder.items()}

    def renamed(value: Any) -> Any:
        return new.get(value, value) if isinstance(value, bytes) and REFERENCE.fullmatch(value) else value

    for number, one in enumerate(kept):
        _rename(one.extra if hasattr(one, "extra") else one, renamed)
        one.number = number
    made.objects[:] = kept


def _rename(value: Any, renamed: Callable[[Any], Any]) -> None:
    """Change the references in a dictionary or array, and in those within it."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            value[key] = renamed(value[key])
            _rename(value[key], renamed)
