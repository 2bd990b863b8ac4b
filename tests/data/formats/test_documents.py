"""The text of a PDF and of a Word document, and what is said where there is none."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import docx
import pikepdf
import pytest
import weasyprint
from docx.oxml import parse_xml

from reportgen.core.config import Config
from reportgen.core.errors import DataError
from reportgen.data import choice
from reportgen.data.formats import documents

NAMESPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
PARAGRAPH = (
    "An efficient office difference explains unquestionably complicated hyphenation of representations, whose "
    "characteristics are fundamentally misunderstood by straightforward implementations everywhere."
)


def pdf(html: str, **how: Any) -> bytes:
    return bytes(weasyprint.HTML(string=f"<html lang=en>{html}").write_pdf(**how))


def word(*, more: str = "") -> bytes:
    made = docx.Document()
    made.add_heading("A title", 1)
    made.add_paragraph("First\twith a tab.")
    table = made.add_table(rows=1, cols=2)
    table.cell(0, 0).text, table.cell(0, 1).text = "left", "right"
    if more:
        made.element.body.insert(-1, parse_xml(f"<w:p {NAMESPACE}>{more}</w:p>"))
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def test_lines_of_a_pdf_become_paragraphs_and_cut_words_are_whole() -> None:
    style = "<style>p { width: 60mm; hyphens: auto; font-size: 10pt }</style>"
    found = documents.extract(pdf(f"{style}<h1>Offices</h1><p>{PARAGRAPH}<p>{PARAGRAPH}"), "a PDF", "a.pdf")
    assert found is not None
    assert found.text.split("\n") == ["Offices", PARAGRAPH, PARAGRAPH]
    assert found.how.startswith("a PDF of 1 page, by pypdfium2 ")


def test_word_gives_paragraphs_tables_and_insertions_in_their_order() -> None:
    changed = (
        '<w:r><w:t xml:space="preserve">kept </w:t></w:r><w:ins w:id="1" w:author="a"><w:r><w:t>new</w:t></w:r></w:ins>'
        '<w:del w:id="2" w:author="a"><w:r><w:delText>old</w:delText></w:r></w:del><w:r><w:br/><w:t>line</w:t></w:r>'
    )
    found = documents.extract(word(more=changed), "a Word document", "a.docx")
    assert found is not None
    assert found.text == "A title\nFirst\twith a tab.\nleft\tright\nkept new\nline"
    assert found.how.startswith("a Word document, by python-docx ")


def test_what_was_moved_in_word_is_there_once_and_a_formula_has_its_characters() -> None:
    math = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    changed = (
        '<w:moveFrom w:id="1" w:author="a"><w:r><w:t xml:space="preserve">moved </w:t></w:r></w:moveFrom>'
        '<w:r><w:t xml:space="preserve">first </w:t></w:r>'
        '<w:moveTo w:id="2" w:author="a"><w:r><w:t xml:space="preserve">moved </w:t></w:r></w:moveTo>'
        f"<m:oMath {math}><m:r><m:t>p&lt;0.05</m:t></m:r></m:oMath>"
    )
    found = documents.extract(word(more=changed), "a Word document", "a.docx")
    assert found is not None
    assert found.text.endswith("\nfirst moved p<0.05")


def test_a_file_is_read_by_what_it_is_and_the_report_says_so(tmp_path: Path) -> None:
    for name, content in (("paper.pdf", pdf(f"<p>{PARAGRAPH}")), ("letter.bin", word())):
        (tmp_path / name).write_bytes(content)
        example = choice.choose(Config(file=str(tmp_path / name)))
        assert example.extracted.startswith(("a PDF of 1 page", "a Word document"))
        assert example.title == name
        assert example.file_sha256
    assert choice.choose(Config(file=str(Path(__file__)))).extracted == ""


def test_what_holds_no_text_or_cannot_be_read_is_refused(tmp_path: Path) -> None:
    locked = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf("<p>secret"))) as opened:
        opened.save(locked, encryption=pikepdf.Encryption(user="word", owner="word"))
    cases = [
        (pdf("<p style='width: 1cm; height: 1cm; background: red'>"), "a PDF", "a PDF without text"),
        (locked.getvalue(), "a PDF", "a PDF with a password"),
        (b"%PDF-1.7\nnothing", "a PDF", "a PDF that cannot be read"),
        (b"PK\x03\x04word/document.xml", "a Word document", "a Word document that cannot be read"),
    ]
    for content, kind, message in cases:
        with pytest.raises(DataError, match=message):
            documents.extract(content, kind, "it")


def test_a_word_document_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    content = word()
    monkeypatch.setattr(documents, "MOST_BYTES", len(content) + 1)
    with pytest.raises(DataError, match="unpacks to more than"):
        documents.extract(content, "a Word document", "it")


def test_without_the_library_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    monkeypatch.setattr(documents.importlib.util, "find_spec", lambda name: None)
    (tmp_path / "paper.pdf").write_bytes(pdf("<p>text"))
    with pytest.raises(DataError, match="this is a PDF") as raised:
        choice.choose(Config(file=str(tmp_path / "paper.pdf")))
    assert raised.value.hint is not None
    assert raised.value.hint.startswith('pip install "reportgen[files]" reads it; or convert it: pdftotext')
