"""glyphs: what TeX's fonts lack -> a PDF with one page for each."""

from __future__ import annotations

import io
import subprocess
import unicodedata
from pathlib import Path

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.errors import OutputError
from reportgen.report.paper import positions
from reportgen.report.paper.latex import glyphs
from reportgen.report.paper.latex.glyphs import Atom, GlyphRun, Shade
from reportgen.report.parts import Line, Run
from tests import reports
from tests.report.paper.test_pdf import READER, needs_reader


@pytest.mark.parametrize(
    ("text", "base", "expected"),
    [
        ("ab 12", "ltr", [0, 0, 0, 0, 0]),
        ("a אב c", "ltr", [0, 0, 1, 1, 0, 0]),
        ("א 12 ב", "ltr", [1, 1, 2, 2, 1, 1]),
        ("א 1.5% ב", "rtl", [1, 1, 2, 2, 2, 2, 1, 1]),
        ("ab א", "rtl", [2, 2, 1, 1]),
        ("ab (cd) א", "rtl", [2, 2, 2, 2, 2, 2, 2, 1, 1]),
        ("א (12) a", "ltr", [1, 1, 1, 2, 2, 1, 0, 0]),
        ("א\u05b0!", "ltr", [1, 1, 0]),
        ("بج2%", "rtl", [1, 1, 2, 1]),  # after an Arabic letter a number takes no sign along
        ("a\u202eb\0א", "ltr", [0, 0, 0, 0, 1]),  # what turns text is shown, and turns nothing
        ("", "rtl", []),
    ],
)
def test_directions_are_those_of_uax_9(text: str, base: glyphs.Direction, expected: list[int]) -> None:
    assert positions.levels(text, base) == expected


@given(reports.texts, st.sampled_from(["ltr", "rtl"]))
def test_every_character_has_a_level_of_its_line(text: str, base: glyphs.Direction) -> None:
    found = positions.levels(text, base)
    assert len(found) == len(text)
    assert set(found) <= ({0, 1, 2} if base == "ltr" else {1, 2})


def test_words_that_tex_has_no_letters_for_are_of_one_font() -> None:
    assert glyphs.atoms("Nguyễn-x", rtl=False) == [Atom("Nguyễn", "glyphs"), Atom("-x", "letters", 6)]
    assert glyphs.atoms("e\u0301t", rtl=False) == [Atom("ét", "letters")]
    assert glyphs.atoms("漢字", rtl=False) == [Atom("漢", "glyphs"), Atom("字", "glyphs", 1)]
    assert glyphs.atoms("(a)", rtl=True) == [Atom("(a)", "glyphs")]


def test_a_cut_ends_what_tex_sets_and_nothing_else() -> None:
    """A word that TeX has no letters for stays whole, whatever is behind it."""
    assert glyphs.atoms("report", rtl=False, cuts={2, 6}) == [Atom("re", "letters"), Atom("port", "letters", 2)]
    assert glyphs.atoms("Nguyễn", rtl=False, cuts={3}) == [Atom("Nguyễn", "glyphs")]
    assert glyphs.atoms("كلمة", rtl=True, cuts={2}) == [Atom("كلمة", "glyphs")]


@given(reports.texts, st.booleans(), st.sets(st.integers(1, 20)))
def test_atoms_hold_the_text_and_none_is_long(text: str, rtl: bool, cuts: set[int]) -> None:
    found = glyphs.atoms(text, rtl=rtl, cuts=cuts)
    shown = "".join(chr(int(atom.text[2:], 16)) if atom.how == "label" else atom.text for atom in found)
    assert unicodedata.normalize("NFC", shown) == unicodedata.normalize("NFC", text) or rtl
    assert all(len(glyphs.regex.findall(r"\X", atom.text)) <= glyphs.LONGEST + 2 for atom in found)
    starts = [atom.start for atom in found]
    assert starts == sorted(starts)
    for atom in found:
        if atom.how == "glyphs":
            own = atom.text[atom.added :]
            assert text[atom.start :].startswith(own.removesuffix("\u200d"))


def test_cut_arabic_letters_keep_their_joined_forms() -> None:
    first, second = glyphs.atoms("ب" * 30, rtl=True)
    assert (first.text[-1], second.text[0]) == ("\u200d", "\u200d")
    assert (first.start, first.added, second.start, second.added) == (0, 0, 20, 1)


def test_a_long_word_is_cut_where_its_colour_changes() -> None:
    assert [atom.text for atom in glyphs.atoms("α" * 30, rtl=False, cuts={5, 16})] == ["α" * 16, "α" * 14]


@pytest.mark.parametrize("cut", [("كل", "مة"), ("عر", "بي"), ("שלו", "ם")])
def test_a_word_is_whole_whatever_is_behind_it(cut: tuple[str, str]) -> None:
    """Lam joins on to meem, though they are of two tokens."""
    line = Line("rtl", tuple(Run(piece, "token", heat, heat) for heat, piece in enumerate(cut)))
    (word,) = glyphs.words(line)
    assert (word.text, word.rtl) == ("".join(cut), True)
    assert word.shades == (Shade("token", 0, len(cut[0])), Shade("token", 1, len(cut[1])))


def test_spaces_directions_and_special_tokens_end_a_word() -> None:
    runs = (Run("<s>", "special", -1, 0), Run("ab", "token", 1, 1), Run("ג d", "token", 2, 2), Run("e", "echo", 3, 3))
    found = list(glyphs.words(Line("ltr", (*runs, Run("f", "echo", 3, 4)))))
    assert [word.text for word in found] == ["<s>", "ab", "ג", " ", "def"]
    assert [word.special for word in found] == [True, False, False, False, False]
    assert found[-1].shades == (Shade("token", 2, 1), Shade("echo", 3, 1), Shade("echo", 3, 1)), "two frames"


def test_the_sheet_says_where_the_letters_of_a_word_are() -> None:
    """From right to left the first is the rightmost; a mark takes no room."""
    greek, hebrew = GlyphRun("αβγ", "ltr"), GlyphRun("שׁל", "rtl")
    made = glyphs.sheet((greek, hebrew))
    assert made is not None
    glyph = made.pages[greek]
    assert glyph.place(0, 3) == pytest.approx((0, glyph.width), abs=0.005)
    (_, middle), (start, end) = glyph.place(0, 1) or (0, 0), glyph.place(1, 3) or (0, 0)
    assert middle == start
    assert end == pytest.approx(glyph.width, abs=0.005)
    glyph = made.pages[hebrew]
    assert glyph.place(2, 3) == pytest.approx((0, (glyph.place(0, 2) or (0, 0))[0]), abs=0.005)
    assert glyph.place(0, 3) == pytest.approx((0, glyph.width), abs=0.005)


def test_a_typesetter_that_says_no_places_is_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise positions.UnknownInsideError("WeasyPrint is not as it was")

    monkeypatch.setattr(positions, "lines", unknown)
    with pytest.raises(OutputError, match="LaTeX: WeasyPrint is not as it was") as caught:
        glyphs.sheet((GlyphRun("αβγ", "ltr"),))
    assert "pip install" in (caught.value.hint or "")


def test_nothing_gives_no_sheet() -> None:
    assert glyphs.sheet(()) is None


@needs_reader
def test_every_run_is_a_page_of_its_own_text(tmp_path: Path) -> None:
    texts = ("漢", "ภาษาไทย", "ελληνικά", "x\u0301", "ab", "<b>&amp;</b>")
    runs = (*(GlyphRun(text, "ltr") for text in texts), GlyphRun("ab", "rtl"))
    made = glyphs.sheet(runs + runs)
    assert made is not None
    assert [made.pages[run].page for run in runs] == [1, 2, 3, 4, 5, 6, 7]
    assert READER
    (tmp_path / "sheet.pdf").write_bytes(made.data)
    for run, glyph in made.pages.items():
        command = [READER, "-f", str(glyph.page), "-l", str(glyph.page), tmp_path / "sheet.pdf", "-"]
        said = subprocess.run(command, capture_output=True, check=True).stdout.decode().strip()
        assert unicodedata.normalize("NFKC", said) == unicodedata.normalize("NFKC", run.text)


def test_a_page_is_as_wide_as_its_text_and_as_high_as_the_others() -> None:
    made = glyphs.sheet(tuple(GlyphRun(text, "ltr") for text in ("漢", "漢字", "α", "\u200d")))
    assert made is not None
    one, two, alpha, joiner = made.pages.values()
    assert two.width == pytest.approx(2 * one.width, abs=0.01)
    assert 0 < alpha.width < one.width
    assert joiner.width == pytest.approx(0, abs=0.01)
    with pikepdf.open(io.BytesIO(made.data)) as opened:
        assert str(opened.pdf_version) == "1.5"
        for page, glyph in zip(opened.pages, made.pages.values(), strict=True):
            width, height = float(page.mediabox[2]), float(page.mediabox[3])
            assert width == pytest.approx((glyph.width + 2 * glyphs.PAD) * glyphs.EM, abs=0.1)
            assert height == pytest.approx(glyphs.HEIGHT * glyphs.EM, abs=0.1)
            assert 0.3 < glyph.depth < glyphs.HEIGHT / 2


def test_the_direction_changes_what_is_drawn() -> None:
    runs = [GlyphRun("(", "ltr"), GlyphRun("(", "rtl")]
    assert len({made.data for run in runs if (made := glyphs.sheet((run,)))}) == 2


def test_every_font_is_inside_and_the_same_runs_give_the_same_bytes() -> None:
    runs = tuple(GlyphRun(text, "ltr") for text in "漢αя")
    made = glyphs.sheet(runs)
    assert made is not None
    assert made == glyphs.sheet(runs)
    with pikepdf.open(io.BytesIO(made.data)) as opened:
        fonts = [o for o in opened.objects if isinstance(o, pikepdf.Dictionary) and o.get("/Type") == "/FontDescriptor"]
        assert fonts
        assert all({"/FontFile", "/FontFile2", "/FontFile3"} & set(font.keys()) for font in fonts)


def test_a_character_that_no_font_has_is_told() -> None:
    made = glyphs.sheet((GlyphRun("\U000f1234", "ltr"),))
    assert made is not None
    assert made.missing == ("\U000f1234",)


def test_a_sheet_may_have_more_pages_than_a_document(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Chinese text of 2,000 characters has several hundred; nobody reads the sheet."""
    monkeypatch.setattr("reportgen.report.paper.typesetting.MOST_PAGES", 2)
    made = glyphs.sheet(tuple(glyphs.GlyphRun(sign, "ltr") for sign in "\u6f22\u5b57\u8a9e"))
    assert made is not None
    assert sorted(glyph.page for glyph in made.pages.values()) == [1, 2, 3]
