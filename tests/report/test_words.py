"""words: tokens -> words, counts of words, and which of them are masked."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.nouns.records import Rankings, Tokens
from reportgen.report import words
from reportgen.report.parts import Word
from tests import reports


def cut(text: str, *pieces: str) -> Tokens:
    """Tokens of *text*: a special one, then *pieces* in order."""
    spans, end = [(0, 0)], 0
    for piece in pieces:
        start = text.index(piece, end)
        end = start + len(piece)
        spans.append((start, end))
    starts, ends = zip(*spans, strict=True)
    blank = tuple(not text[a:b].strip() for a, b in spans)
    special = (True,) + (False,) * len(pieces)
    return Tokens(tuple(range(len(spans))), ("x",) * len(spans), starts, ends, special, blank, len(spans))


def test_pieces_that_stand_together_are_one_word() -> None:
    """Signs are words of their own; white space and special tokens are in none."""
    text = "The Longformer, long-\nformer"
    tokens = cut(text, "The", "Long", "former", ",", "long", "-", "\n", "former")
    assert words.whole_words(text, tokens, language="en") == (
        Word("The", (1,), masked=True), Word("Longformer", (2, 3), masked=False), Word(",", (4,), masked=True),
        Word("long", (5,), masked=False), Word("-", (6,), masked=True), Word("former", (8,), masked=False),
    )  # fmt: skip


@given(st.text(alphabet="ab ,\u0301\n", max_size=20), st.lists(st.integers(0, 20), max_size=8))
def test_every_content_token_is_in_exactly_one_word(text: str, cuts: list[int]) -> None:
    edges = sorted({0, len(text), *(min(at, len(text)) for at in cuts)})
    spans = list(pairwise(edges)) or [(0, 0)]
    starts, ends = zip(*spans, strict=True)
    blank = tuple(not text[a:b].strip() for a, b in spans)
    no = (False,) * len(spans)
    tokens = Tokens(tuple(range(len(spans))), ("x",) * len(spans), starts, ends, no, blank, len(spans))
    found = [position for word in words.whole_words(text, tokens, language="en") for position in word.positions]
    assert found == np.flatnonzero(tokens.content).tolist()


@pytest.mark.parametrize(
    ("word", "language", "masked"),
    [
        ("which", "en", True),
        ("Which", "en-GB", True),
        ("attention", "en", False),
        ("research", "en", False),  # longer lists than NLTK's take this for a stop word
        ("und", "de", True),
        ("und", "en", False),
        ("which", "la", False),  # no list for Latin
        ("…", "la", True),
        ("+", "en", True),
        ("🤖", "en", False),  # a picture says something
        ("λ", "en", False),
        ("1980", "en", False),
    ],
)
def test_stop_words_and_punctuation_are_masked(word: str, language: str, masked: bool) -> None:
    assert [one.masked for one in words.whole_words(word, cut(word, word), language=language)] == [masked]


def test_every_list_has_its_words() -> None:
    """As many as its source has; in English those of NLTK."""
    assert {code: len(found) for code, found in words.stop_lists().items()} == {
        "da": 122, "de": 232, "en": 179, "es": 313, "fr": 157, "it": 279, "ko": 499, "nl": 101, "no": 172, "pt": 207,
        "ru": 151, "sv": 114, "tr": 162, "zh": 841,
    }  # fmt: skip
    digest = hashlib.sha256(" ".join(sorted(words.stop_words("en"))).encode()).hexdigest()
    assert digest.startswith("0c98fde29ffc5a2e")


def test_words_are_counted_over_all_their_occurrences() -> None:
    """Case does not make another word; the pieces of an occurrence and the heads add up."""
    found = tuple(Word(*one, masked=False) for one in (("The", (1,)), ("the", (2,)), ("head", (3, 4)), ("tie", (5,))))
    by_head = np.array([[[9, 1, 2, 3, 2, 3], [0, 0, 0, 1, 0, 0]]], np.int32)
    counts = words.count_words(found, by_head)
    assert [(c.word, c.occurrences, c.attended) for c in counts] == [("head", 1, 6), ("the", 2, 3), ("tie", 1, 3)]


def test_words_of_another_document_are_an_error() -> None:
    with pytest.raises(IndexError):
        words.count_words((Word("a", (7,), masked=False),), np.array([[[1, 2]]], np.int32))


def test_top_words_are_whole_words_once_each_and_no_signs() -> None:
    given_words = (("Deep", (0,)), ("!", (1,)), ("deep", (2,)), ("Longformer", (3, 4)))
    found = tuple(Word(*one, masked=False) for one in given_words)
    by_score = np.array([4, 1, 2, 0, 3], np.int32)
    nothing = np.zeros(5, np.int32)
    rankings = Rankings(nothing, nothing, by_score, None, nothing, nothing)
    assert words.top_words(found, rankings.by_score, count=5) == ("Longformer", "deep")


def test_lists_name_a_piece_by_its_word_and_mark_the_piece() -> None:
    text = "old theories hold, theories"
    spans = [(0, 3), (4, 7), (7, 12), (13, 17), (17, 18), (19, 27)]
    report = reports.report(text, read=reports.tokens(text, spans=spans))
    assert words.in_words(report)[1:-1] == ("old", "theories (the)", "theories (ories)", "hold", ",", "theories")
    assert words.each_whole(report)[1:-1] == ("old", "theories", "theories", "hold", ",", "theories")
