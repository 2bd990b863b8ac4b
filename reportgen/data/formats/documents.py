"""Turn the bytes of a PDF or of a Word document into its text, with PDFium and python-docx.

Positions of a report then count in that text, which the report holds. A PDF has lines, not paragraphs: a line that
fills its column is joined with the next, and a word that a line break has cut is whole again. Pictures of text stay
pictures.
"""

from __future__ import annotations

import importlib.util
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from itertools import pairwise
from typing import Any

from reportgen.core.characters import clean
from reportgen.core.errors import DataError

CUT = "\ufffe"  # what PDFium has in the place of a hyphen at the end of a line, and of the line break
HYPHENS = re.compile("[\u00ad\u2010]\n")  # hyphens that are only at the end of a line
FULL = 0.8  # of the usual length of a page's long lines: a shorter line may end a paragraph
HALF = 0.5  # a line shorter than this is a heading, or the end of a paragraph, whatever it ends with
ENDS = (".", "!", "?", ":", ";", "。", "！", "？")
LONG_LINES = 0.9  # quantile of the lengths that counts as usual
MOST_BYTES = 200_000_000  # of a file, and of a Word document unpacked
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
TWICE = {FALLBACK, f"{WORD}moveFrom"}  # what another element says, too: what was moved is there at its new place
FORMULA = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"  # characters of a formula
SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text of a document that is no text file."""

    text: str
    how: str  # for readers: "a PDF of 12 pages, by pypdfium2 5.15.2"


def extract(content: bytes, kind: str, title: str) -> Extracted | None:
    """The text of a document; None if its *kind* is none of those that are read, or their library is not installed.

    Args:
        content: All bytes of the file.
        kind: What it is, as `foreign_files` calls it.
        title: What errors call it.

    Raises:
        DataError: If it cannot be read, or holds no text.
    """
    library, distribution, read = KINDS.get(kind, ("", "", _pdf))
    if not library or importlib.util.find_spec(library) is None:
        return None
    if len(content) >= MOST_BYTES:
        raise DataError(f"{title}: more than {MOST_BYTES:,} bytes", hint="split it, or write its text to a file")
    text, what = read(content, title)
    if not text.strip():
        raise DataError(
            f"{title}: {kind} without text; its pages may be pictures",
            hint="recognise the letters first: ocrmypdf FILE.pdf FILE-text.pdf",
        )
    return Extracted(clean(text), f"{what}, by {distribution} {metadata.version(distribution)}")


def _pdf(content: bytes, title: str) -> tuple[str, str]:
    """The text of a PDF, page after page."""
    import pypdfium2

    try:
        document: Any = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).casefold():
            raise DataError(
                f"{title}: a PDF with a password", hint="qpdf --decrypt IN.pdf OUT.pdf removes it"
            ) from error
        raise DataError(
            f"{title}: a PDF that cannot be read: {error}", hint="qpdf --check FILE.pdf says more"
        ) from error
    with document:
        count = len(document)
        pages = [_reflowed(page.get_textpage().get_text_range()) for page in document]
    return "\n".join(filter(None, pages)), f"a PDF of {count:,} page{'s' * (count != 1)}"


def _reflowed(text: str) -> str:
    r"""A page whose full lines are joined, and whose cut words are whole.

    >>> _reflowed("A heading\r\nof a line that is full and con\ufffetinues on the next, full as well,\r\nand ends.")
    'A heading\nof a line that is full and continues on the next, full as well, and ends.'
    """
    text = HYPHENS.sub(CUT, text.replace("\r\n", "\n"))
    lines = [line.rstrip() for line in text.split("\n")]
    lengths = sorted(len(part) for line in lines for part in line.split(CUT) if part)
    if not lengths:
        return ""
    usual = lengths[min(len(lengths) - 1, int(LONG_LINES * len(lengths)))]
    made = [lines[0]]
    for before, line in pairwise(lines):
        share = len(before.rsplit(CUT, 1)[-1]) / usual
        full = share >= FULL or (share >= HALF and not before.endswith(ENDS))
        if full and line:
            made[-1] += f" {line}"
        else:
            made.append(line)
    return "\n".join(made).replace(CUT, "").strip()


def _docx(content: bytes, title: str) -> tuple[str, str]:
    """The text of a Word document: paragraphs and tables in their order, a row of a table as a line with tabs."""
    import docx

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(one.file_size for one in archive.infolist()) > MOST_BYTES:
                raise DataError(f"{title}: unpacks to more than {MOST_BYTES:,} bytes")
        document = docx.Document(io.BytesIO(content))
    except (ValueError, KeyError, zipfile.BadZipFile, SyntaxError) as error:  # lxml raises a SyntaxError
        hint = "open it in Word or LibreOffice, and save it again"
        raise DataError(
            f"{title}: a Word document that cannot be read: {clean(str(error))[:200]}", hint=hint
        ) from error
    return "\n".join(_blocks(document.element.body)), "a Word document"


def _blocks(parent: Any) -> Iterator[str]:
    """The paragraphs and the rows of tables in an element."""
    for child in parent.iterchildren():
        if child.tag == f"{WORD}p":
            yield "".join(_inline(child))
        elif child.tag == f"{WORD}tbl":
            for row in child.iter(f"{WORD}tr"):
                yield "\t".join(" ".join(_blocks(cell)) for cell in row.iterchildren(f"{WORD}tc"))
        elif child.tag in (f"{WORD}sdt", f"{WORD}sdtContent", f"{WORD}ins"):  # a field, an insertion
            yield from _blocks(child)


def _inline(element: Any) -> Iterator[str]:
    """The characters of a paragraph, also those that somebody has inserted; deleted ones have another tag."""
    for child in element.iterchildren():
        name = str(child.tag).removeprefix(WORD)
        if name == "t" or child.tag == FORMULA:
            yield child.text or ""
        elif name in SIGNS:
            yield SIGNS[name]
        elif name == "p":  # in a text box
            yield "\n"
            yield from _inline(child)
        elif child.tag not in TWICE and name not in ("pPr", "rPr"):  # their tabs are settings
            yield from _inline(child)


Read = Callable[[bytes, str], tuple[str, str]]
KINDS: dict[str, tuple[str, str, Read]] = {  # module, distribution, reader, by the names of `foreign_files`
    "a PDF": ("pypdfium2", "pypdfium2", _pdf),
    "a Word document": ("docx", "python-docx", _docx),
}
EXTRA = 'pip install "reportgen[files]" reads it'
