"""pdf: the printable document -> PDF, without a single request."""

from __future__ import annotations

import builtins
import http.server
import io
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from reportgen import pdf, render
from reportgen.errors import OutputError, RefusedError
from reportgen.records import ReportWarning
from tests import reports

READER = shutil.which("pdftotext")
needs_reader = pytest.mark.skipif(READER is None and "CI" not in os.environ, reason="pdftotext is not installed")
WARNING = "Attention is uniform, so to say."
FORBIDDEN = {
    "/JavaScript",
    "/JS",
    "/Launch",
    "/OpenAction",
    "/AA",
    "/EmbeddedFiles",
    "/EmbeddedFile",
    "/AF",
    "/RichMedia",
    "/SubmitForm",
    "/ImportData",
    "/GoToR",
    "/GoToE",
    "/URI",
    "/XFA",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The PDF of the example, with real charts, and a text that is hard to set."""
    text = f"First word.\n{reports.TEXT}\nA \u202egolb\u202c b\0c\u200bd. Grüße, שלום, 漢字. Last word"
    report = reports.report(text, layers=2, heads=2, warnings=(ReportWarning("uniform", WARNING),))
    parts = reports.parts(report, reports.example_parts().charts)
    path = tmp_path_factory.mktemp("pdf") / "report.pdf"
    path.write_bytes(pdf.pdf(render.document(report, parts)).data)
    return path


def said(path: Path) -> str:
    """The text of a PDF, as a reader copies it."""
    assert READER, "pdftotext is not installed"
    read = subprocess.run([READER, path, "-"], capture_output=True, check=True, text=True)
    return read.stdout


def text(content: bytes, tmp_path: Path) -> str:
    """The same of bytes."""
    (tmp_path / "x.pdf").write_bytes(content)
    return said(tmp_path / "x.pdf")


@needs_reader
def test_the_pdf_holds_the_report_from_the_first_to_the_last_word(made: Path) -> None:
    words = " ".join(said(made).split())
    for part in (
        "A small report",
        "First word",
        "Last word",
        "left, which is right",
        WARNING,
        "80.2%",
        "Self-checks",
        "reportgen run --model models/small",
        "Grüße",
    ):
        assert part in words
    assert words.count("First word") >= 3, "every view is printed"
    for chart in reports.example_parts().charts:
        assert chart.caption[:40] in words


@needs_reader
def test_invisible_characters_are_labelled_and_do_not_turn_the_text(made: Path) -> None:
    """U+202E reorders the words of a PDF if it gets there."""
    words = said(made)
    assert not set("\0\u202e\u200b") & set(words)  # pdftotext itself marks where Hebrew begins and ends
    assert re.search(r"A\s+U\+202E\s*golb\s*U\+202C\s+b", words)
    assert re.search(r"U\+200B\s*d", words)


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


def elements(opened: pikepdf.Pdf, kind: str) -> list[Any]:
    """Structure elements of a PDF by what they are."""
    return [o for o in objects(opened) if str(o.get("/Type")) == "/StructElem" and str(o.get("/S")) == kind]


def actions(path: Path) -> set[str]:
    """What a PDF would do by itself, or reach for."""
    found = set()
    with pikepdf.open(path) as opened:
        for value in objects(opened):
            found |= FORBIDDEN & set(value.keys())
            found |= {str(value[key]) for key in ("/S", "/Type", "/Subtype") if key in value} & FORBIDDEN
    return found


def test_the_pdf_does_nothing_by_itself_and_carries_nothing(made: Path) -> None:
    assert actions(made) == set()
    with pikepdf.open(made) as opened:
        assert not opened.attachments


def test_an_action_and_an_attachment_would_be_noticed(tmp_path: Path) -> None:
    with pikepdf.new() as bad:
        bad.add_blank_page()
        bad.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
        bad.attachments["x.txt"] = b"x"
        bad.save(tmp_path / "bad.pdf")
    assert {"/OpenAction", "/JavaScript", "/JS", "/EmbeddedFiles"} <= actions(tmp_path / "bad.pdf")


def test_the_pdf_is_tagged_and_named(made: Path) -> None:
    with pikepdf.open(made) as opened:
        assert str(opened.Root.Lang) == "en"
        assert bool(opened.Root.MarkInfo.Marked)
        assert "/StructTreeRoot" in opened.Root
        assert str(opened.docinfo.Title) == "A small report · attention report"
        assert bool(opened.Root.ViewerPreferences.DisplayDocTitle)
        with opened.open_metadata() as metadata:
            assert metadata["pdfuaid:part"] == "1"
        for kind in ("/H1", "/H2", "/P", "/Table", "/TH", "/TD", "/Caption"):
            assert elements(opened, kind)


def test_every_figure_says_what_it_shows(made: Path) -> None:
    with pikepdf.open(made) as opened:
        said = {str(figure.get("/Alt", "")) for figure in elements(opened, "/Figure")}
    charts = {f"{chart.title}. {chart.caption}" for chart in reports.example_parts().charts}
    assert charts < said
    (maps,) = said - charts
    assert maps.startswith("Attention maps. One map for every head, layers downward, heads to the right.")


def test_every_font_is_inside(made: Path) -> None:
    with pikepdf.open(made) as opened:
        descriptors = [value for value in objects(opened) if str(value.get("/Type")) == "/FontDescriptor"]
        assert descriptors
        assert all({"/FontFile", "/FontFile2", "/FontFile3"} & set(value.keys()) for value in descriptors)


def test_the_same_document_gives_the_same_bytes() -> None:
    html = render.document(reports.report("one two"), reports.parts(reports.report("one two")))
    assert pdf.pdf(html) == pdf.pdf(html)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine, and what it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", "/again")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    "markup",
    [
        "<img src='{}'>",
        "<link rel=stylesheet href='{}'>",
        "<link rel=attachment href='{}'>",
        "<a rel=attachment href='{}'>x</a>",
        "<style>@import '{}';</style>",
        "<style>body {{ background: url({}) }}</style>",
        "<style>@font-face {{ font-family: x; src: url({}) }} p {{ font-family: x }}</style>",
        "<svg width='9' height='9'><image width='9' height='9' href='{}'/></svg>",
        "<object data='{}'></object>",
        "<embed src='{}'>",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "file"])
def test_an_address_is_refused_by_name_and_nothing_is_asked_for(
    markup: str, scheme: str, listener: tuple[str, list[str]], tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    url = f"{listener[0]}/x" if scheme == "http" else secret.as_uri()
    with pytest.raises(RefusedError, match=re.escape(url)) as caught:
        pdf.pdf(f"<!doctype html><html lang=en><title>t</title><body>{markup.format(url)}<p>text")
    assert caught.value.exit_code == 9
    assert listener[1] == []


def test_a_drawing_that_uses_another_document_is_asked_of_nobody(listener: tuple[str, list[str]]) -> None:
    """WeasyPrint looks for what a drawing uses in the document alone."""
    svg = "<svg width='9' height='9'><use href='{0}/x#a'/><use xlink:href='{0}/y#a'/></svg>".format(listener[0])
    assert pdf.pdf(f"<!doctype html><html lang=en><title>t</title><body>{svg}<p>text").data
    assert listener[1] == []


@needs_reader
def test_a_relative_address_is_asked_of_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever lies in the current folder."""
    (tmp_path / "style.css").write_text("p::after { content: 'FROM THE FOLDER' }")
    monkeypatch.chdir(tmp_path)
    made = pdf.pdf("<!doctype html><html lang=en><title>t</title><link rel=stylesheet href=style.css><p>text")
    assert "FROM THE FOLDER" not in text(made.data, tmp_path)


def test_a_script_in_the_document_is_not_run_and_not_kept() -> None:
    made = pdf.pdf("<!doctype html><html lang=en><title>t</title><p>text<script>app.alert(1)</script>")
    with pikepdf.open(io.BytesIO(made.data)) as opened:
        assert "alert" not in opened.Root.unparse().decode("latin-1")


def test_a_character_that_no_font_has_is_told() -> None:
    """A private letter: no font has it."""
    assert pdf.pdf("<!doctype html><html lang=en><title>t</title><p>a\U000f1234b").missing == ("\U000f1234",)
    assert pdf.pdf("<!doctype html><html lang=en><title>t</title><p>ab").missing == ()


def test_missing_system_libraries_are_named_with_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def broken(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "weasyprint":
            raise OSError("cannot load library 'libpango-1.0-0'")
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(OutputError, match="libpango") as caught:
        pdf.check_engine()
    assert caught.value.exit_code == 7
    for word in ("apt-get install libpango", "dnf install pango", "brew install pango", "--format html"):
        assert word in (caught.value.hint or "")


def test_where_the_libraries_are_there_nothing_is_said() -> None:
    pdf.check_engine()
