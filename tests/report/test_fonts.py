"""fonts: characters that no font here has -> what to install for them."""

from __future__ import annotations

import os
import shutil
import subprocess
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.report import checks, fonts
from reportgen.report.paper import typesetting

NOTO = {"hi": fonts.CORE, "zh": fonts.CJK, "und-zsye": fonts.EMOJI}  # a language that only these packages bring


def installed(package: fonts.Package) -> bool:
    """Whether this machine has the fonts of one of Noto's packages."""
    finder = shutil.which("fc-list")
    (language,) = [language for language, own in NOTO.items() if own == package]
    return finder is not None and bool(subprocess.check_output([finder, f":lang={language}"]))


@pytest.mark.parametrize(
    ("character", "name", "package"),
    [
        ("ก", "Thai", "fonts-noto-core"),
        ("ا", "Arabic", "fonts-noto-core"),
        ("ק", "Hebrew", "fonts-noto-core"),
        ("क", "Devanagari", "fonts-noto-core"),
        ("ߋ", "Nko", "fonts-noto-core"),
        ("𒀀", "Cuneiform", "fonts-noto-core"),
        ("∮", "symbols", "fonts-noto-core"),
        ("\u0301", "marks", "fonts-noto-core"),
        ("漢", "Han", "fonts-noto-cjk"),
        ("か", "Hiragana", "fonts-noto-cjk"),
        ("カ", "Katakana", "fonts-noto-cjk"),
        ("한", "Hangul", "fonts-noto-cjk"),
        ("ㄅ", "Bopomofo", "fonts-noto-cjk"),
        ("。", "East Asian signs", "fonts-noto-cjk"),
        ("Ａ", "East Asian signs", "fonts-noto-cjk"),
        ("𠮷", "rare Han", "fonts-hanazono"),
        ("😀", "emoji", "fonts-noto-color-emoji"),
        ("🇩", "emoji", "fonts-noto-color-emoji"),
        ("🏽", "emoji", "fonts-noto-color-emoji"),
        ("█", "rare symbols", "fonts-symbola"),
        ("\U0001e290", "Toto", "fonts-unifont"),
    ],
)
def test_a_character_is_given_its_script_and_the_package_that_has_it(character: str, name: str, package: str) -> None:
    (group,) = fonts.groups((character,))
    assert group.package is not None
    assert (group.name, group.package.debian) == (name, package)


@pytest.mark.parametrize(
    ("character", "name"), [("\ue000", "private use"), ("\U00100000", "private use"), ("\u0378", "unassigned")]
)
def test_what_no_font_can_have_gets_no_package(character: str, name: str) -> None:
    assert fonts.groups((character,)) == (fonts.Group(name, (character,), None),)


def test_characters_of_a_script_stand_together_and_each_once() -> None:
    found = fonts.groups(("ข", "漢", "ก", "字", "ข"))
    assert [(group.name, group.characters) for group in found] == [("Thai", ("ข", "ก")), ("Han", ("漢", "字"))]


@given(st.lists(st.characters(codec="utf-8")).map(tuple))
def test_no_character_is_lost(characters: tuple[str, ...]) -> None:
    found = fonts.groups(characters)
    assert sorted(c for group in found for c in group.characters) == sorted(set(characters))
    assert {group.package for group in found} - {None} == set(fonts.packages(found))


@pytest.mark.parametrize("package", [fonts.CORE, fonts.CJK, fonts.EMOJI], ids=lambda package: package.debian)
def test_the_fonts_of_a_package_have_its_scripts(package: fonts.Package) -> None:
    """A letter of every script that the table gives to it is found here by the typesetter."""
    if not installed(package) and "CI" not in os.environ:
        pytest.skip(f"{package.debian} is not installed")
    shown = [chr(code) for code in range(0x20000) if unicodedata.category(chr(code)) in ("Lo", "Lu", "Ll", "So")]
    firsts = [group.characters[0] for group in fonts.groups(tuple(shown)) if group.package == package]
    assert firsts
    html = f"<!doctype html><html lang=en><title>t</title><p style='font-family: DejaVu Serif'>{' '.join(firsts)}"
    assert typesetting.typeset(html).missing == ()


def test_a_table_that_were_wrong_would_be_seen() -> None:
    html = "<!doctype html><html lang=en><title>t</title><p>\U000f1234"
    assert typesetting.typeset(html).missing == ("\U000f1234",)


def test_the_warning_names_characters_scripts_and_exactly_the_packages() -> None:
    warning = checks.warn_of_glyphs(("ก", "漢", "字"))
    assert warning.code == "missing-glyphs"
    for part in ("U+0E01 THAI CHARACTER KO KAI", "U+6F22", "U+5B57", "(Thai, Han)"):
        assert part in warning.message
    assert "apt-get install fonts-noto-core fonts-noto-cjk (Debian, Ubuntu)" in warning.message
    assert "dnf install google-noto-fonts-all google-noto-sans-cjk-fonts (Fedora)" in warning.message
    assert "emoji" not in warning.message
    assert "more" not in warning.message


def test_of_many_characters_five_are_named_and_the_rest_is_counted() -> None:
    message = checks.warn_of_glyphs(tuple(map(chr, range(0x0E01, 0x0E0D)))).message
    assert message.count("U+") == 5
    assert " and 7 more. " in message


def test_of_many_scripts_eight_are_named() -> None:
    message = checks.warn_of_glyphs(tuple("กअঅઅଅఅಅഅමማ")).message
    assert "(Thai, Devanagari, Bengali, Gujarati, Oriya, Telugu, Kannada, Malayalam and 2 more)" in message


def test_where_there_is_nothing_to_install_the_warning_says_so() -> None:
    alone = checks.warn_of_glyphs(("\ue000",)).message
    assert "U+E000" in alone
    assert alone.endswith("There is no font to install for private use.")
    assert "install fonts" not in alone
    both = checks.warn_of_glyphs(("ก", "\ue000")).message
    assert "install fonts-noto-core (Debian" in both
    assert both.endswith("; there is no font to install for private use.")


def test_where_fedora_has_no_package_it_is_left_out() -> None:
    message = checks.warn_of_glyphs(("𠮷",)).message
    assert message.endswith("To see them: apt-get install fonts-hanazono (Debian, Ubuntu).")
