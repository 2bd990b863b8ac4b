"""Turn the printable document into PDF bytes: tagged, titled, with the tables attached on request.

`typesetting.py` lays out the pages. What WeasyPrint leaves out is added in its `finisher`, on pydyf's objects: tags.py
and compact.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from reportgen.core.config import PdfVariant
from reportgen.report.paper import compact, tags
from reportgen.report.paper.positions import UnknownInsideError
from reportgen.report.paper.typesetting import Typeset, attachment, typeset

REFERENCE = re.compile(rb"\d+ 0 R")
VARIANTS: dict[PdfVariant, str] = {"ua-1": "pdf/ua-1", "a-3u": "pdf/a-3u"}
ABOUT = {
    "token_attention.parquet": "Attention of every token in every layer and head",
    "top_tokens.parquet": "The tokens that receive most in every layer and head",
    "top_tokens.csv": "The tokens that receive most in every layer and head",
    "attended_tokens.parquet": "The tokens that every token attends to most",
    "tokens.parquet": "The document token by token",
    "tokens.csv": "The document token by token",
    "report.parquet": "The document, its prediction, label and verdict, and the model, in one row",
    "labels.parquet": "What the model says of each label",
    "heads.parquet": "The importance of each head",
}


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


def either(document: Callable[..., str], **how: Any) -> Typeset:
    """Typeset a document with its heat painted behind the text, or with a span for every token.

    Args:
        document: `render.document`, which gets the option `painted` where places are not to be had.
        how: The options of `pdf`.

    Raises:
        RefusedError: If the document refers to a URL.
    """
    try:
        return pdf(document(), **how)
    except UnknownInsideError:  # the colours go with the letters then, slowly
        return pdf(document(painted=False), **how)


def _finish(_: object, made: Any) -> None:
    """The steps that WeasyPrint leaves out."""
    _lead(made)
    _remove(made, tags.mend(made) | compact.compact(made))


def _lead(made: Any) -> None:
    """Have links lead to places, not to names of places: where reports are merged, a name is that of the first one."""
    named = made.catalog.get("Names", {}).get("Dests", {}).get("Names", [])
    places = {name.string: place for name, place in zip(named[::2], named[1::2], strict=True)}
    for one in made.objects:
        if isinstance(one, dict) and one.get("Subtype") == "/Link" and hasattr(one.get("Dest"), "string"):
            place = places.get(one["Dest"].string)
            one["Dest"] = type(place)(place) if place else one["Dest"]  # a copy: references in it are renamed once


def _remove(made: Any, instead: dict[bytes, bytes]) -> None:
    """Leave out objects; references to them lead to those *instead*, and those behind them get new numbers."""
    kept = [one for one in made.objects if one.reference not in instead]
    new = {one.reference: b"%d 0 R" % number for number, one in enumerate(kept)}
    new |= {removed: new[by] for removed, by in instead.items()}

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
