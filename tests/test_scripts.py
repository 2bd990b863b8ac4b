"""A text in many scripts is shown as it was written, in order, in HTML and PDF; without fonts for it, that is told."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import unicodedata
from functools import cache
from pathlib import Path

import html5lib
import pytest

from reportgen.core.nouns.records import Report
from reportgen.report.page import render
from reportgen.report.paper import pdf
from reportgen.report.paper.typesetting import Typeset
from tests import noto, reports
from tests.noto import FINDER

LINES = {
    "Chinese": "模型先读标题，再读正文。",
    "Japanese": "この分類器は最初のトークンだけを読む。",
    "Korean": "분류기는 첫 번째 토큰만 읽는다.",
    "Arabic": "يقرأ النموذج 128 كلمة ثم Longformer يصنف النص.",
    "Hebrew": "הַמּוֹדֶל קוֹרֵא אֶת כָּל הַמִּלִּים.",
    "Persian": "می\u200cخواهم این متن را بخوانم.",
    "Thai": "ตัวจำแนกอ่านคำแรกเท่านั้น",
    "Devanagari": "क्षत्रिय विद्यार्थी ने ग्रन्थ पढ़ा।",
    "emoji": "A family 👨\u200d👩\u200d👧, a flag 🇩🇪, a thumb 👍🏽, a heart ❤\ufe0f, a face 🤗.",
    "marks": "Cafe\u0301 and re\u0301sume\u0301, q\u0323\u0307\u0301, Z\u0351\u036b.",
}
TEXT = "\n".join(LINES.values())
PIECE = re.compile(r"[A-Za-z0-9]+|[\U00010000-\U0010ffff]|[^\sA-Za-z0-9\U00010000-\U0010ffff]{1,2}")
READER = shutil.which("pdftotext")
NEEDED = READER is not None and noto.installed()
needs_tools = pytest.mark.skipif(not NEEDED and "CI" not in os.environ, reason="no pdftotext, or no fonts of Noto")
WITHOUT_NOTO = """
import sys
from pathlib import Path
from reportgen.core.config import Config
from reportgen.report import present
from reportgen.report.warnings import checks
from tests import reports, test_scripts
made = present.make_document(test_scripts.report(), reports.parts(test_scripts.report()), {}, Config())
Path(sys.argv[1]).write_bytes(made.data)
told = checks.warned_of_glyphs(test_scripts.report(), dict.fromkeys(made.missing))
print(*(f"{warning.code}: {warning.message}" for warning in told.warnings), sep="\\n")
"""


@cache
def report() -> Report:
    """Cut as byte-level tokenizers cut: four tokens for an emoji, two letters or marks for one, wherever they stand."""
    spans = [
        match.span() for match in PIECE.finditer(TEXT) for _ in range(4 if match[0] > "\uffff" else 1)
    ]  # a piece of a character has the place of the whole
    return reports.report(TEXT, read=reports.tokens(TEXT, spans=spans))


@cache
def made() -> Typeset:
    """Its PDF."""
    return pdf.pdf(render.document(report(), reports.parts(report()), views="all"), created=report().provenance.created)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scripts") / "report.pdf"
    path.write_bytes(made().data)
    return path


def read_lines(path: Path, mode: str) -> list[str]:
    """The lines of a PDF, each in the order in which it is read."""
    assert READER, "pdftotext is not installed"
    said = subprocess.run([READER, mode, path, "-"], capture_output=True, check=True, text=True).stdout
    return [reading_order(line) for line in said.splitlines()]


def heatmaps(lines: list[str]) -> list[str]:
    """The lines behind the summary, which quotes passages of the text."""
    return lines[next(n for n, line in enumerate(lines) if "Words that draw most" in line) + 1 :]


def reading_order(line: str) -> str:
    """A line that pdftotext writes from left to right, with marks around what is to be read from right to left."""
    parts: list[str] = re.findall("\u202b[^\u202c]*\u202c|[^\u202b\u202c]+", line)
    return "".join(reversed(parts)) if "\u202b" in line else line


def letters(text: str) -> str:
    """Without spaces and marks: where these stand, pdftotext guesses from places on paper, and often wrongly."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if unicodedata.category(c) not in ("Mn", "Cf", "Zs", "Cc"))


def test_the_pieces_of_the_text_split_characters_and_words() -> None:
    """Or the tests below would show little."""
    read = report().tokens
    places = list(zip(read.starts, read.ends, strict=True))
    face = TEXT.index("🤗")
    assert places.count((face, face + 1)) == 4
    word = TEXT.index("النموذج")
    assert len([place for place in places if word <= place[0] < word + 7]) == 4
    assert any(unicodedata.combining(TEXT[start]) for start, end in places if end > start), "a mark is a token"


def test_an_arabic_word_has_several_colours() -> None:
    (runs, *_) = reports.parts(report()).spans
    first, second = [run for run in runs if run.text in ("يق", "رأ")]
    assert first.heat != second.heat


def test_the_text_of_the_page_is_the_text_as_written() -> None:
    page = render.page(report(), reports.parts(report()), bundle=reports.STUB_BUNDLE)
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    (text,) = tree.iterfind(".//*[@id='text']")
    for special in text.findall("./span[@class='special']"):
        special.text = ""
    assert "".join(text.itertext()) == TEXT


def test_the_pieces_of_a_character_are_one_element_of_the_page() -> None:
    page = render.page(report(), reports.parts(report()), bundle=reports.STUB_BUNDLE)
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    shown = [element.text for element in tree.iterfind(".//*[@id='text']/span")]
    for whole in ("👨\u200d👩\u200d👧", "🇩🇪", "👍🏽", "🤗"):
        assert shown.count(whole) == 1
    assert not any(unicodedata.combining(text[0]) for text in shown if text)


@needs_tools
@pytest.mark.parametrize("script", LINES)
def test_a_line_of_the_pdf_reads_in_the_order_of_the_source(path: Path, script: str) -> None:
    found = [letters(line) for line in heatmaps(read_lines(path, "-layout"))]
    wanted = letters(LINES[script])
    assert sum(wanted in line for line in found) == len(reports.parts(report()).views)


@needs_tools
@pytest.mark.parametrize("script", sorted(set(LINES) - {"Hebrew"}))  # points turn its letters round in this mode
def test_the_words_of_the_pdf_are_drawn_in_the_order_of_the_source(path: Path, script: str) -> None:
    drawn = letters("".join(heatmaps(read_lines(path, "-raw"))))
    assert drawn.count(letters(LINES[script])) == len(reports.parts(report()).views)


@needs_tools
@pytest.mark.parametrize("mode", ["-layout", "-raw"])
def test_no_character_of_the_pdf_is_garbled(path: Path, mode: str) -> None:
    """There are no letters and emoji but those of the source and of our own English."""
    said = set(letters("".join(read_lines(path, mode))))
    assert "\ufffd" not in said
    assert {c for c in said if c > "\u0400" and (c.isalpha() or c > "\uffff")} <= set(letters(TEXT))


@needs_tools
def test_where_the_fonts_are_there_nothing_is_missing(path: Path) -> None:
    assert made().missing == ()


@needs_tools
def test_emoji_of_the_pdf_are_coloured_pictures(path: Path) -> None:
    """Noto Color Emoji brings them as PNG; WeasyPrint puts these in as images."""
    listed = subprocess.run(["pdfimages", "-list", path], capture_output=True, check=True, text=True).stdout
    squares = [line.split() for line in listed.splitlines() if re.search(r"\b136 +128\b", line)]
    assert len(squares) >= 5
    assert {row[5] for row in squares if row[2] == "image"} == {"rgb"}


def run_without_noto(folder: Path) -> subprocess.CompletedProcess[str]:
    """Make the PDF in a process that finds DejaVu's fonts alone."""
    assert FINDER, "fc-list is not installed"
    found = subprocess.check_output([FINDER, "DejaVu Serif", "file"], text=True).splitlines()
    if not found and "CI" not in os.environ:
        pytest.skip("DejaVu is not installed")
    fonts = folder / "fonts"
    shutil.copytree(Path(found[0].rstrip(": ")).parent, fonts)
    (folder / "fonts.conf").write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">'
        f"<fontconfig><dir>{fonts}</dir><cachedir>{folder / 'cache'}</cachedir></fontconfig>"
    )
    environment = os.environ | {"FONTCONFIG_FILE": str(folder / "fonts.conf")}
    command = [sys.executable, "-c", WITHOUT_NOTO, str(folder / "report.pdf")]
    root = Path(__file__).parent.parent
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=root, check=False)


@pytest.fixture(scope="module")
def without_noto(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The PDF of a machine without the fonts, and what its making said."""
    folder = tmp_path_factory.mktemp("without")
    done = run_without_noto(folder)
    assert done.returncode == 0, done.stderr
    return folder / "report.pdf", done


@pytest.mark.skipif(FINDER is None and "CI" not in os.environ, reason="fc-list is not installed")
def test_without_the_fonts_the_pdf_is_made_and_the_characters_are_named(
    without_noto: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    path, done = without_noto
    assert path.read_bytes().startswith(b"%PDF-")
    (warning,) = done.stdout.splitlines()
    assert warning.startswith("missing-glyphs: ")
    for part in ("Han", "Hiragana", "Hangul", "Thai", "Devanagari", "symbols", " more. "):
        assert part in warning
    named = [chr(int(code, 16)) for code in re.findall(r"U\+([0-9A-F]+)", warning)]
    assert len(named) == 5
    assert set(named) <= set(TEXT) | set(unicodedata.normalize("NFKD", TEXT))  # Pango takes Thai am apart
    for part in ("Latin", "Arabic"):  # DejaVu has them
        assert part not in warning
    assert "apt-get install fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji" in warning


@needs_tools
def test_the_warning_itself_can_be_read_without_the_fonts(
    without_noto: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    path, done = without_noto
    message = done.stdout.strip().partition(": ")[2]
    words = "".join("".join(read_lines(path, "-raw")).split())
    assert message
    assert "".join(message.split()) in words
