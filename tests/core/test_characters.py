"""characters: what cannot be written or seen -> what stands in its place."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core import characters
from reportgen.report.page import render


@pytest.mark.parametrize(
    ("character", "shown"),
    [
        ("\0", "␀"),
        ("\x1b", "␛"),
        ("\x7f", "␡"),
        ("\r", "␍"),
        ("\x85", "U+0085"),
        ("\u202e", "U+202E"),
        ("\u2066", "U+2066"),
        ("\u200b", "U+200B"),
        ("\ufeff", "U+FEFF"),
        ("\u2028", "U+2028"),
        ("\u00ad", "U+00AD"),
        ("\U000f0000", "U+F0000"),
    ],
)
def test_a_character_without_a_face_is_named(character: str, shown: str) -> None:
    assert characters.label(character) == shown


@pytest.mark.parametrize(
    "character", ["a", " ", "\n", "\t", "é", "\u0301", "漢", "א", "👍", "\u200d", "\u200c", "\ufe0f", "\ufffd"]
)
def test_a_character_with_a_face_or_a_part_of_one_is_left_alone(character: str) -> None:
    assert characters.label(character) is None


def test_the_letters_of_a_flag_stay_with_it() -> None:
    """England's flag is a black flag followed by tag letters."""
    assert [characters.label(c) for c in "\U0001f3f4\U000e0067\U000e0062\U000e007f"] == [None] * 4


def test_no_label_needs_a_label_itself() -> None:
    labels = {characters.label(chr(code)) for code in range(0, sys.maxunicode + 1, 7)} - {None}
    assert len(labels) > 1000
    assert all(characters.label(c) is None for name in labels for c in str(name))


def test_every_direction_control_is_named() -> None:
    controls = [chr(c) for c in range(0x110000) if unicodedata.bidirectional(chr(c)) in
                ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")]  # fmt: skip
    assert len(controls) == 9
    assert all(characters.label(control) for control in controls)


def test_in_drawings_labels_stand_among_the_other_characters() -> None:
    assert characters.visible("a\0b\u202ec\nd é") == "a␀bU+202Ec\nd é"


@given(st.text(st.characters()))
def test_cleaned_text_keeps_its_offsets_and_can_be_written(text: str) -> None:
    cleaned = characters.clean(text)
    assert len(cleaned) == len(text)
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    kept = [a == b for a, b in zip(text, cleaned, strict=True)]
    assert all(same or characters.UNPRINTABLE.match(text[n]) for n, same in enumerate(kept))


def test_lone_surrogates_and_noncharacters_become_the_replacement_character() -> None:
    assert characters.clean("a\ud83db\udc4dc\ufffed\uffff") == "a\ufffdb\ufffdc\ufffdd\ufffd"


@pytest.mark.parametrize(("text", "shown"), [("a\r\nb", "a\nb"), ("a\rb", "a␍b"), ("\r\r\n", "␍\n"), ("\n\r", "\n␍")])
def test_a_line_end_of_two_characters_is_one_break_and_a_lone_one_is_seen(text: str, shown: str) -> None:
    """In drawings, and in pages and documents, which all print through `pieces`."""
    assert characters.visible(text) == shown
    assert "".join(stretch for stretch, _ in render.pieces(text)) == shown
