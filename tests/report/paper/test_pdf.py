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
from dataclasses import replace
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from reportgen.core.errors import OutputError, RefusedError
from reportgen.core.nouns.records import ReportWarning
from reportgen.report.draw import curves
from reportgen.report.page import render
from reportgen.report.paper import pdf, typesetting
from tests import faithful, reports
from tests.pdf_check import elements, objects, problems

READER, VALIDATOR = shutil.which("pdftotext"), shutil.which("verapdf")
needs_reader = pytest.mark.skipif(READER is None and "CI" not in os.environ, reason="pdftotext is not installed")
CREATED = "2024-05-01T12:00:00+00:00"
WARNING = "Attention is uniform, so to say."


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The PDF of the example, with real charts, and a text that is hard to set."""
    text = f"First word.\n{reports.TEXT}\nA \u202egolb\u202c b\0c\u200bd. Grüße, שלום, 漢字. Last word"
    report = reports.report(text, layers=2, heads=2, warnings=(ReportWarning("uniform", WARNING),))
    parts = reports.parts(report, reports.example_parts().charts)
    path = tmp_path_factory.mktemp("pdf") / "report.pdf"
    path.write_bytes(typeset(render.document(report, parts)).data)
    return path


def typeset(html: str, **options: Any) -> typesetting.Typeset:
    """The PDF of a document, with a date."""
    return pdf.pdf(html, created=CREATED, **options)


def said(path: Path, *options: str) -> str:
    """The text of a PDF, as a reader copies it; with -raw in the order in which it is written."""
    assert READER, "pdftotext is not installed"
    read = subprocess.run([READER, *options, path, "-"], capture_output=True, check=True, text=True)
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
    assert words.count("First word") == 1, "the text is printed once"
    for chart in reports.example_parts().charts:
        assert chart.caption[:40] in words


@needs_reader
@pytest.mark.parametrize(("views", "times", "strips"), [("main", 1, 2), ("all", 3, 0)])
def test_the_text_is_printed_once_or_in_every_view(tmp_path: Path, views: Any, times: int, strips: int) -> None:
    """The views that are not printed are strips, with their hottest tokens by name and position."""
    report = reports.report("Penguins swim")
    made = typeset(render.document(report, reports.parts(report), views=views)).data
    words = " ".join(text(made, tmp_path).split())
    assert words.count("Penguins swim") == times
    assert words.count("a stretch has the colour of its hottest token") == strips
    assert len(re.findall(r"Hottest: “(Penguins|swim)” at [12], “(Penguins|swim)” at [12]\.", words)) == strips
    with pikepdf.open(io.BytesIO(made)) as opened:
        alts = [str(figure.get("/Alt", "")) for figure in elements(opened, "/Figure")]
    told = [alt for alt in alts if "as a strip from its first token to its last. Hottest: “" in alt]
    assert len(told) == strips


@needs_reader
def test_invisible_characters_are_labelled_and_do_not_turn_the_text(made: Path) -> None:
    """U+202E reorders the words of a PDF if it gets there."""
    words = said(made)
    assert not set("\0\u202e\u200b") & set(words)  # pdftotext itself marks where Hebrew begins and ends
    assert re.search(r"A\s+U\+202E\s*golb\s*U\+202C\s+b", words)
    assert re.search(r"U\+200B\s*d", words)


def test_nothing_is_wrong_with_the_pdf(made: Path) -> None:
    """Tags, language, title, alternative texts, header cells, order of headings, fonts; it does nothing by itself."""
    assert problems(made) == []


@needs_reader
def test_the_test_of_a_heatmap_is_a_section_of_its_own_and_nothing_is_wrong_with_it(tmp_path: Path) -> None:
    report = faithful.report()
    parts = reports.parts(report, (), curves.curves(report))
    path = tmp_path / "tested.pdf"
    path.write_bytes(typeset(render.document(report, parts)).data)
    assert problems(path) == []
    words = " ".join(said(path).split())
    assert (
        words.count(
            "What the classifier reads: supported. Removing the 5% of the words highest in what the classifier reads"
        )
        == 1
    ), "in the summary"
    assert "Figure 1. Deletion curve." in words
    assert "Figure 2. Keep-only curve." in words
    with pikepdf.open(path) as opened, opened.open_outline() as outline:
        titles = [item.title for item in outline.root]
        assert titles[1].endswith("Faithfulness")
        below = [item.title for item in outline.root[1].children]
        assert below[:2] == ["Deletion curve", "Keep-only curve"]
        assert len(below) == 5, "and three tables"


def broken(opened: pikepdf.Pdf, fault: str) -> None:
    """Break a good PDF in one way."""
    if fault == "no language":
        del opened.Root.Lang
    elif fault == "not tagged":
        opened.Root.MarkInfo.Marked = False
    elif fault == "no title":
        del opened.docinfo["/Title"]
    elif fault == "tab order":
        del opened.pages[0].Tabs
    elif fault == "alternative text":
        del elements(opened, "/Figure")[0].Alt
    elif fault == "without a scope":
        del elements(opened, "/TH")[0].A.Scope
    elif fault == "heading of level 3 under one of level 1":
        for heading in elements(opened, "/H2"):
            heading.S = pikepdf.Name.P
    elif fault == "font that is not inside":
        descriptor = next(value for value in objects(opened) if str(value.get("/Type")) == "/FontDescriptor")
        del descriptor[next(key for key in descriptor.keys() if key.startswith("/FontFile"))]  # noqa: SIM118
    elif fault == "which letters":
        del next(value for value in objects(opened) if str(value.get("/Subtype")) == "/Type0").ToUnicode
    elif fault == "link without description":
        del next(value for value in objects(opened) if str(value.get("/Subtype")) == "/Link").Contents
    elif fault == "/JavaScript":
        opened.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
    elif fault == "/Launch":
        opened.pages[0].AA = pikepdf.Dictionary(O=pikepdf.Dictionary(S=pikepdf.Name.Launch, F="x"))
    elif fault == "undeclared attachment":
        opened.attachments["x.txt"] = b"x"


@pytest.mark.parametrize(
    "fault",
    [
        "no language", "not tagged", "no title", "tab order", "alternative text", "without a scope",
        "heading of level 3 under one of level 1", "font that is not inside", "which letters",
        "link without description", "/JavaScript", "/Launch", "undeclared attachment",
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_pdf_would_be_noticed(made: Path, fault: str, tmp_path: Path) -> None:
    with pikepdf.open(made) as opened:
        broken(opened, fault)
        opened.save(tmp_path / "bad.pdf")
    assert any(fault in problem for problem in problems(tmp_path / "bad.pdf"))


@pytest.mark.skipif(VALIDATOR is None, reason="veraPDF is not installed")
@pytest.mark.parametrize(("variant", "flavour"), [("ua-1", "ua1"), ("a-3u", "3u")])
def test_verapdf_finds_nothing(variant: Any, flavour: str, tmp_path: Path) -> None:
    html = render.document(reports.example(), reports.example_parts())
    attached = {"tokens.csv": b"position,token\r\n"} if variant == "a-3u" else None
    (tmp_path / "x.pdf").write_bytes(typeset(html, variant=variant, attached=attached).data)
    command = [str(VALIDATOR), "--format", "text", "--flavour", flavour, tmp_path / "x.pdf"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("PASS"), done.stdout


def test_the_archive_variant_carries_the_tables_and_says_so(tmp_path: Path) -> None:
    """PDF/A-3u, tagged all the same; what is attached is named on the last page."""
    tables = {"tokens.csv": b"position,token\r\n0,<s>\r\n", "top_tokens.parquet": b"PAR1"}
    html = render.document(reports.example(), reports.example_parts(), attached=tuple(tables))
    path = tmp_path / "x.pdf"
    path.write_bytes(typeset(html, variant="a-3u", attached=tables).data)
    assert problems(path, attached=frozenset(tables)) == []
    with pikepdf.open(path) as opened:
        assert {name: spec.get_file().read_bytes() for name, spec in opened.attachments.items()} == tables
        assert {str(spec.obj.AFRelationship) for spec in opened.attachments.values()} == {"/Data"}
        with opened.open_metadata() as metadata:
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "U")
        assert "/OutputIntents" in opened.Root
    if READER:
        assert "The tables are attached to this file: tokens.csv, top_tokens.parquet" in " ".join(said(path).split())


def test_only_the_archive_variant_takes_files() -> None:
    with pytest.raises(ValueError, match="carries no files"):
        typeset("<p>x", attached={"tokens.csv": b""})


def test_the_same_tables_give_the_same_bytes() -> None:
    """Attachments have the date of the report, not of the clock."""
    one = [typeset("<!doctype html><title>t</title><p>x", variant="a-3u", attached={"a.csv": b"1"}) for _ in range(2)]
    assert one[0] == one[1]


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


def test_the_contents_are_a_table_of_contents_without_dots(made: Path) -> None:
    """Every entry is one link, with its number, title and page; nothing else is in it."""
    with pikepdf.open(made) as opened:
        (contents,) = elements(opened, "/TOC")
        assert [str(item.S) for item in contents.K] == ["/TOCI"] * 7
        for item in contents.K:
            (reference,) = item.K
            (link,) = reference.K
            assert (str(reference.S), str(link.S)) == ("/Reference", "/Link")
            assert sum("/Obj" in kid for kid in link.K if isinstance(kid, pikepdf.Dictionary)) >= 1
        assert len(elements(opened, "/L")) >= 1, "other lists stay lists"
    if READER:
        assert ". ." not in said(made)


def test_a_paragraph_of_the_document_holds_its_words_itself(made: Path) -> None:
    """Nothing between a paragraph and its lines: no word is in two elements."""
    with pikepdf.open(made) as opened:
        paragraphs = [one for one in elements(opened, "/P") if len(one.K) > 3]
        assert paragraphs
        for paragraph in paragraphs:
            assert all(isinstance(kid, int) for kid in paragraph.K)


def test_links_of_two_reports_in_one_file_lead_each_to_its_own(made: Path) -> None:
    """Their places have the same names, and a name is that of the first."""
    with pikepdf.open(made) as first, pikepdf.open(made) as second:
        own = len(first.pages)
        assert "/Dests" in first.Root.Names, "report.pdf#figures still leads somewhere"
        first.pages.extend(second.pages)
        numbers = {page.obj.objgen: number for number, page in enumerate(first.pages)}
        led = [
            (number, numbers[link.Dest[0].objgen])
            for number, page in enumerate(first.pages)
            for link in page.get("/Annots", [])
            if link.Subtype == "/Link"
        ]
    assert sum(at < own for at, _ in led) == sum(at >= own for at, _ in led) > 10
    assert all((at < own) == (to < own) for at, to in led)


def test_no_glyph_says_two_letters(tmp_path: Path) -> None:
    """Ghostscript makes other signs of ligatures."""
    page = "<!doctype html><html lang=en><title>t</title><p>effects"
    styled = page.replace("<p>", f"<style>{render._source('css/document.css')}</style><p>")
    for document, ligatures in ((page, True), (styled, False)):
        (tmp_path / "x.pdf").write_bytes(typeset(document).data)
        with pikepdf.open(tmp_path / "x.pdf") as opened:
            fonts = [one for one in opened.objects if isinstance(one, pikepdf.Dictionary) and "/ToUnicode" in one]
            said = b"".join(font.ToUnicode.read_bytes() for font in fonts).lower()
        assert (b"<00660066>" in said) == ligatures


@pytest.mark.parametrize("lines", range(1, 40, 3))
def test_no_page_ends_with_a_heading_or_a_legend(lines: int) -> None:
    """Wherever the text of the first view ends."""
    report = reports.report("line\n" * lines, layers=2, heads=2)
    document = typesetting.lay_out(render.document(report, reports.parts(report)))
    found = ends(document)
    assert found
    assert not {"h1", "h2", "h3", "scale", "explain", "legend"} & set(found)


def ends(document: Any) -> list[str]:
    """The last block of text of every page, by class or tag."""

    def blocks(box: Any) -> Iterator[tuple[float, str]]:
        children = getattr(box, "children", ())
        if any(type(child).__name__ == "LineBox" for child in children) and box.element is not None:
            yield box.position_y, box.element.get("class") or box.element_tag
        for child in children:
            if type(child).__name__ != "MarginBox":
                yield from blocks(child)

    return [max(blocks(page._page_box), default=(0, ""))[1] for page in document.pages]


def test_every_figure_says_what_it_shows(made: Path) -> None:
    with pikepdf.open(made) as opened:
        figures = elements(opened, "/Figure")
        said = {str(figure.get("/Alt", "")) for figure in figures}
        assert {str(figure.get("/ActualText", "")) for figure in figures} == said, "labels of axes are read as one run"
    charts = {f"{chart.title}. {chart.caption}" for chart in reports.example_parts().charts}
    assert charts < said
    maps = next(text for text in said - charts if text.startswith("Attention maps"))
    strips = {text for text in said if "as a strip" in text}
    bars = {text for text in said if re.fullmatch(r"[\d.]+%", text)}
    findings = said - charts - {maps} - strips - bars
    assert len(bars) == len(reports.example().prediction.labels), "every probability has a bar"
    assert len(findings) == 3, "every finding has a drawing"
    assert all(re.match(r"[\d.]+(% of|× the even share)", text) for text in findings), findings
    assert maps.startswith("Attention maps. One map per head: layers from top to bottom, heads from left to right.")


@pytest.mark.parametrize(("paper", "points"), [("a4", (595, 842)), ("letter", (612, 792))])
def test_the_paper_is_the_one_that_was_asked_for(paper: Any, points: tuple[int, int]) -> None:
    html = render.document(reports.report("one two"), reports.parts(reports.report("one two")), paper=paper)
    with pikepdf.open(io.BytesIO(typeset(html).data)) as opened:
        assert {tuple(round(float(edge)) for edge in list(page.MediaBox)[2:]) for page in opened.pages} == {points}


def test_bookmarks_lead_to_every_section_figure_and_table(made: Path) -> None:
    with pikepdf.open(made) as opened, opened.open_outline() as found:
        sections = {entry.title: [below.title for below in entry.children] for entry in found.root}
    assert list(sections) == [
        "Summary", "Token heatmap", "Figures", "Top tokens", "Method", "Self-checks", "Provenance",
    ]  # fmt: skip
    assert len(sections["Token heatmap"]) == 3
    assert sections["Figures"] == [
        "Rank trend by layer", "Layer trend", "Rank trend by head", "Layer-by-head overview",
        "Distribution over positions", "Attention maps",
    ]  # fmt: skip
    assert len(sections["Top tokens"]) == 5


@needs_reader
def test_every_page_says_where_one_is(made: Path) -> None:
    pages = said(made).split("\f")[:-1]
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert ("Attention report" in page.splitlines()[0:5]) or number == 1
    assert re.search(r"1\s+Summary[ .]+1\b", " ".join(pages[0].split())), "the contents name sections and pages"
    first = " ".join(said(made, "-raw").split("\f")[0].split())  # two columns stand beside each other
    assert "Does the prediction rest on the coloured words? Not tested." in first
    assert re.search(r"Key passages .* “.*” \(page \d+\) [\d.]+× the even share", first), "quoted, with the page"


@needs_reader
def test_a_long_table_repeats_its_head_on_every_page(tmp_path: Path) -> None:
    report = reports.report(layers=12, heads=12)
    html = render.document(report, reports.parts(report))
    pages = text(typeset(html).data, tmp_path).split("\f")
    inside = [page for page in pages if "Tokens, most attention first" in " ".join(page.split())]
    assert len(inside) >= 2, "144 rows in two columns do not stand on one page"


def test_the_same_document_gives_the_same_bytes() -> None:
    html = render.document(reports.report("one two"), reports.parts(reports.report("one two")))
    assert typeset(html) == typeset(html)


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
        typeset(f"<!doctype html><html lang=en><title>t</title><body>{markup.format(url)}<p>text")
    assert caught.value.exit_code == 9
    assert listener[1] == []


def test_a_drawing_that_uses_another_document_is_asked_of_nobody(listener: tuple[str, list[str]]) -> None:
    """WeasyPrint looks for what a drawing uses in the document alone."""
    svg = "<svg width='9' height='9'><use href='{0}/x#a'/><use xlink:href='{0}/y#a'/></svg>".format(listener[0])
    assert typeset(f"<!doctype html><html lang=en><title>t</title><body>{svg}<p>text").data
    assert listener[1] == []


@needs_reader
def test_a_relative_address_is_asked_of_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever lies in the current folder."""
    (tmp_path / "style.css").write_text("p::after { content: 'FROM THE FOLDER' }")
    monkeypatch.chdir(tmp_path)
    made = typeset("<!doctype html><html lang=en><title>t</title><link rel=stylesheet href=style.css><p>text")
    assert "FROM THE FOLDER" not in text(made.data, tmp_path)


def test_a_script_in_the_document_is_not_run_and_not_kept() -> None:
    made = typeset("<!doctype html><html lang=en><title>t</title><p>text<script>app.alert(1)</script>")
    with pikepdf.open(io.BytesIO(made.data)) as opened:
        assert "alert" not in opened.Root.unparse().decode("latin-1")


def test_a_character_that_no_font_has_is_told() -> None:
    """A private letter: no font has it."""
    assert typeset("<!doctype html><html lang=en><title>t</title><p>a\U000f1234b").missing == ("\U000f1234",)
    assert typeset("<!doctype html><html lang=en><title>t</title><p>ab").missing == ()


def test_missing_system_libraries_are_named_with_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def broken(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "weasyprint":
            raise OSError("cannot load library 'libpango-1.0-0'")
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(OutputError, match="libpango") as caught:
        typesetting.check_engine()
    assert caught.value.exit_code == 7
    for word in ("apt-get install libpango", "dnf install pango", "brew install pango", "--format html"):
        assert word in (caught.value.hint or "")


def test_where_the_libraries_are_there_nothing_is_said() -> None:
    typesetting.check_engine()


@needs_reader
@pytest.mark.parametrize("field", ["title", "label", "token"])
def test_nothing_is_too_long_for_the_paper(field: str, tmp_path: Path) -> None:
    """A thousand letters without a space wrap, ten thousand of a label are cut; none stands outside the margins."""
    long = "letters" * (1430 if field == "label" else 143)
    given = reports.report(long + " and more" if field == "token" else reports.TEXT)
    if field == "title":
        given = replace(given, example=replace(given.example, title=long))
    elif field == "label":
        assert given.prediction
        given = replace(given, prediction=replace(given.prediction, labels=(long, "right")))
    (tmp_path / "x.pdf").write_bytes(typeset(render.document(given, reports.parts(given))).data)
    read = subprocess.run([str(READER), "-bbox", tmp_path / "x.pdf", "-"], capture_output=True, check=True, text=True)
    edges = [float(edge) for edge in re.findall(r'xMax="([\d.]+)"', read.stdout)]
    assert max(edges) < 595 - 50
    shown = "".join(said(tmp_path / "x.pdf").split())
    assert ("(fullnameinreport.json)" in shown) if field == "label" else (shown.count("letters") >= 143)
