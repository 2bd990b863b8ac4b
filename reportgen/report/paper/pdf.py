"""Turn the printable document into PDF bytes: tagged, titled, with the tables attached where that is asked for.

How pages are laid out, and that nothing is ever fetched, is told in `typesetting.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from reportgen.core.config import PdfVariant
from reportgen.report.paper.compaction import compact
from reportgen.report.paper.typesetting import Typeset, attachment, typeset

VARIANTS: dict[PdfVariant, str] = {"ua-1": "pdf/ua-1", "a-3u": "pdf/a-3u"}
ABOUT = {
    "token_attention.parquet": "Attention of every token in every layer and head",
    "top_tokens.parquet": "The tokens that receive most in every layer and head",
    "top_tokens.csv": "The tokens that receive most in every layer and head",
    "attended_tokens.parquet": "The tokens that every token attends to most",
    "tokens.csv": "The document token by token",
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
        RefusedError: If the document asks for any URL; no PDF is made then.
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
    """What WeasyPrint leaves to do."""
    _scope(made)
    compact(made)


def _scope(made: Any) -> None:
    """Say of every header cell whether it heads a row or a column: WeasyPrint keeps only which cells it heads."""
    elements = {element.reference: element for element in made.objects if _kind(element)}
    for element in elements.values():
        if _kind(element) == "/TH":
            group = elements.get(elements[element["P"]]["P"], {})
            element["A"]["Scope"] = "/Column" if _kind(group) == "/THead" else "/Row"


def _kind(made: Any) -> str | None:
    """What a structure element is; None of anything else."""
    return made.get("S") if isinstance(made, dict) and made.get("Type") == "/StructElem" else None
