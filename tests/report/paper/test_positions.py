"""positions: what the typesetter has set -> where its characters are, and what its glyphs say."""

from __future__ import annotations

import functools
import html
import re
import shutil
import subprocess
import unicodedata
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pikepdf
import pytest
import weasyprint
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.characters import label
from reportgen.report.paper import positions, typesetting
from tests import reports
from tests.report.paper.test_pdf import needs_reader, said

STYLE = "@page{size:300px 400px;margin:20px}body,p{margin:0}p{font:16px/24px 'DejaVu Sans Mono';white-space:pre-wrap}"
EM = 16 * 1233 / 2048  # px: of every letter of DejaVu Sans Mono


def laid(paragraphs: str) -> Any:
    """A document of narrow pages, in letters that are equally wide."""
    return typesetting.lay_out(f"<!doctype html><html lang=en><title>t</title><style>{STYLE}</style><body>{paragraphs}")


def letters(element: Any) -> list[int] | None:
    """Every character of a marked paragraph by itself."""
    return list(range(len("".join(element.itertext())) + 1)) if element.get("data-heat") else None


def lines(paragraphs: str) -> list[positions.SetLine]:
    """The lines of the paragraphs, cut into characters."""
    return positions.lines(laid(paragraphs), letters)


def test_it_was_read_in_the_version_that_is_installed() -> None:
    """Another version of WeasyPrint: read what the module uses again, and change READ_IN and pyproject.toml."""
    assert weasyprint.__version__ == positions.READ_IN
    major = int(positions.READ_IN.split(".")[0])
    found = Path(__file__).parents[3].joinpath("pyproject.toml").read_text(encoding="utf-8")
    assert f'"weasyprint>={major},<{major + 1}"' in found


def test_the_places_of_letters_by_hand() -> None:
    """Two lines of equally wide letters; the first ends with its space."""
    first, second = lines(f"<p>other</p><p data-heat=x>{'a' * 25} bcd</p>")
    assert (first.text, second.text) == ("a" * 25 + " ", "bcd")
    assert (first.start, second.start) == (0, 26)
    assert second.baseline - first.baseline == pytest.approx(24)
    for n, (stretch,) in enumerate(second.parts):
        assert stretch.left == pytest.approx(20 + n * EM, abs=0.02)
        assert stretch.right == pytest.approx(20 + (n + 1) * EM, abs=0.02)


def test_right_to_left_the_first_letter_is_the_rightmost() -> None:
    (line,) = lines("<p data-heat=x dir=rtl style='direction:rtl'>\u05d0\u05d1\u05d2")
    assert [part[0].left for part in line.parts] == sorted((part[0].left for part in line.parts), reverse=True)
    assert line.parts[0][0].right == pytest.approx(280, abs=0.5), "at the right margin"


def test_a_stretch_of_two_directions_is_in_two_places() -> None:
    """Of "a אב b", neither the first three characters nor the last three are next to each other."""
    text = "a \u05d0\u05d1 b"
    document = laid(f"<p data-heat=x>{text}")
    (line,) = positions.lines(document, lambda element: [0, 3, 6] if element.get("data-heat") else None)
    gaps = [sum(after.left - before.right > 1 for before, after in pairwise(part)) for part in line.parts]
    assert gaps == [1, 1]


def test_a_paragraph_goes_on_on_the_next_page() -> None:
    found = lines("<p data-heat=x>" + "word " * 80)
    assert [line.page for line in found] == sorted(line.page for line in found)
    assert {line.page for line in found} == {0, 1}
    assert "".join(line.text for line in found) == "word " * 80
    assert [line.start for line in found[1:]] == [line.start + len(line.text) for line in found[:-1]]


@given(st.lists(reports.texts.map(lambda text: "".join(c for c in text if not label(c))), min_size=1, max_size=3))
def test_every_character_that_is_seen_has_a_place(texts: list[str]) -> None:
    shown = [text.replace("\r", " ").replace("\n", " ") for text in texts if text.strip()]
    found = lines("".join(f"<p data-heat=x>{html.escape(text)}</p>" for text in shown))
    assert "".join("".join(line.text for line in found).split()) == "".join("".join(shown).split())
    for line in found:
        assert len(line.parts) == len(line.text)
        for part in line.parts:
            assert all(20 - 1 <= stretch.left < stretch.right for stretch in part)


def test_a_text_that_is_not_set_as_it_was_written_is_an_error() -> None:
    """The letters would be taken for others."""
    with pytest.raises(positions.UnknownInsideError, match="'SMALL' where 'small' is due"):
        lines("<p data-heat=x style='text-transform:uppercase'>small")


@pytest.mark.parametrize("missing", ["_page_box", "paint"])
def test_what_is_missing_in_weasyprint_is_an_error(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    document = laid("<p data-heat=x>text")
    page: Any = document.pages[0]
    if missing == "paint":
        monkeypatch.delattr(type(page), "paint")
    else:
        del page._page_box
    use = functools.partial(positions.paint_behind, draw=print) if missing == "paint" else None
    with pytest.raises(positions.UnknownInsideError, match=f"not as it was in {positions.READ_IN}.*{missing}"):
        use(document) if use else positions.lines(document, letters)


def test_what_is_painted_is_behind_the_text_and_no_text() -> None:
    document = laid("<p>text")
    positions.paint_behind(document, lambda page, stream: stream.rectangle(1 + page, 2, 3, 4))
    made = document.write_pdf(pdf_tags=True, uncompressed_pdf=True)
    before, _, after = made.partition(b"1 2 3 4 re\n")
    assert before.rstrip().endswith(b"cm")
    assert before.count(b"/Artifact\nBMC") == 1
    assert after.index(b"EMC") < after.index(b"BDC")


STACKS = {
    "Thai": "ภาษาไทยน้ำ and ที่นี่",
    "Lao": "ນ້ຳ and ທີ່",
    "Latin": "e\u0301 and Nguyễn",
    "Devanagari": "हिन्दी and प्रश्न",
    "Vietnamese in pieces": "Vie\u0323\u0302t",
    "Korean in pieces": "\u1112\u1161\u11ab\u1100\u1173\u11af",
}


@needs_reader
@pytest.mark.parametrize("text", STACKS.values(), ids=STACKS)
def test_letters_with_marks_are_copied_as_they_were_written(text: str, tmp_path: Path) -> None:
    """Glyphs alone do not say them: a mark is not always drawn after its letter, and some are one character of two."""
    page = f"<!doctype html><html lang=en><title>t</title><p>{text} and {text}"
    (tmp_path / "x.pdf").write_bytes(typesetting.typeset(page, pdf_tags=True).data)
    copied = unicodedata.normalize("NFC", said(tmp_path / "x.pdf").strip())
    assert copied == unicodedata.normalize("NFC", f"{text} and {text}")


IN_ORDER = {"Latin", "Vietnamese in pieces", "Korean in pieces"}  # what glyphs alone can say


@pytest.mark.skipif(shutil.which("mutool") is None, reason="mutool is not installed")
@pytest.mark.parametrize("script", STACKS)
def test_a_reader_that_knows_glyphs_alone_loses_no_letter_and_no_mark(script: str, tmp_path: Path) -> None:
    """MuPDF, and pdf.js likewise: a vowel that is drawn before its letter, and the vowel am, come in another order."""
    page = f"<!doctype html><html lang=en><title>t</title><p>{STACKS[script]}"
    (tmp_path / "x.pdf").write_bytes(typesetting.typeset(page, pdf_tags=True).data)
    command = ["mutool", "draw", "-q", "-F", "text", str(tmp_path / "x.pdf")]
    copied = subprocess.run(command, capture_output=True, check=True).stdout.decode().strip()
    if script in IN_ORDER:
        assert unicodedata.normalize("NFC", copied) == unicodedata.normalize("NFC", STACKS[script])
    assert Counter(unicodedata.normalize("NFKD", copied)) == Counter(unicodedata.normalize("NFKD", STACKS[script]))


def test_every_glyph_of_a_pointed_word_says_its_own_character(tmp_path: Path) -> None:
    """From right to left, glyphs are all that readers have."""
    page = "<!doctype html><html lang=he><title>t</title><p dir=rtl>\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd"
    (tmp_path / "x.pdf").write_bytes(typesetting.typeset(page, pdf_tags=True).data)
    with pikepdf.open(tmp_path / "x.pdf") as opened:
        fonts = [one for one in opened.objects if isinstance(one, pikepdf.Dictionary) and "/ToUnicode" in one]
        maps = b"".join(font.ToUnicode.read_bytes() for font in fonts)
        assert b"/ActualText" not in opened.pages[0].Contents.read_bytes()
    for character in "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd":
        assert f"<{ord(character):04x}>".encode() in maps.lower()
    assert b"<>" not in maps


@needs_reader
def test_a_word_from_right_to_left_is_no_other_word_in_a_drawing(tmp_path: Path) -> None:
    """WeasyPrint sets the letters of a drawing from left to right."""
    word = "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd"
    drawing = f'<svg width="300" height="40"><text x="10" y="30" font-size="20">{word} 258 a</text></svg>'
    (tmp_path / "x.pdf").write_bytes(
        typesetting.typeset(f"<!doctype html><html lang=en><title>t</title>{drawing}").data
    )
    turned = re.sub("[\u202a-\u202e]", "", said(tmp_path / "x.pdf"))
    assert word in turned
    assert typesetting.as_seen(word) == word[::-1]
    assert typesetting.as_seen("plain 258 &amp; \u4f60\u597d") == "plain 258 &amp; \u4f60\u597d"
