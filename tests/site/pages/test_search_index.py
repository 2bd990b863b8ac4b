"""Every word of a text finds it, and nothing else does. That the scripts agree is tested in the browser."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.site.pages import search_index
from reportgen.site.pages.search_index import Entry, Index
from tests import reports
from tests.test_scripts import LINES

DIGITS = {digit: value for value, digit in enumerate(search_index.DIGITS)}
texts = st.lists(st.one_of(reports.texts, st.sampled_from([*LINES.values(), "the model", "The MODEL's"])), max_size=6)


def decoded(digits: str) -> list[int]:
    """The numbers of a list, read digit by digit."""
    found, rest, shift = [0], 0, 0
    for digit in digits:
        rest |= (DIGITS[digit] & 31) << shift
        shift += 5
        if DIGITS[digit] < 32:
            found.append(found[-1] + rest)
            rest = shift = 0
    return found[1:]


def built(documents: list[str]) -> dict[str, list[list[int]]]:
    """The index of texts without titles: by term, its three lists."""
    index = Index()
    for number, text in enumerate(documents):
        index.add(number, title="", top=(), text=text)
    return {term: [decoded(part) for part in lists.split(";")] for term, lists in index.entries()}


def test_an_index_by_hand() -> None:
    index = Index()
    index.add(0, title="A Model", top=["heads", "Model"], text="The model has heads.")
    index.add(40, title="Other", top=[], text="No model: HEADS")
    assert dict(index.entries()) == {
        "a": "A", "has": ";;A", "heads": ";A;AoB", "model": "A;A;AoB", "no": ";;oB", "other": "oB", "the": ";;A",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Ünïcode STRASSE straße", {"ünïcode", "strasse"}),
        ("ﬁne Ｗｉｄｅ x²", {"fine", "wide", "x2"}),
        ("don't e-mail a_b", {"don", "t", "e", "mail", "a", "b"}),
        ("漢字", {"漢字", "字"}),
        ("あ", {"あ"}),
        ("データ2", {"デー", "ータ", "タ", "2"}),
        ("모델 학습", {"모델", "학습"}),
        ("क्षत्रिय", {"क्षत्रिय"}),
        ("\0\u202e .,", set()),
        ("x" * 50, {"x" * 40}),
    ],
)
def test_words_are_cut_and_folded(text: str, terms: set[str]) -> None:
    assert search_index.terms(text) == terms


def test_folding_leaves_no_case() -> None:
    """Characters that Unicode's own case folding makes equal are equal, and folding twice changes nothing."""
    for code in range(sys.maxunicode + 1):
        character = unicodedata.normalize("NFKC", chr(code)) if not 0xD800 <= code < 0xE000 else "a"
        folded = search_index.fold(character)
        assert folded == search_index.fold(character.casefold()), hex(code)
        assert folded == search_index.fold(folded), hex(code)


@given(texts)
def test_a_term_lists_the_texts_that_have_it_and_no_others(documents: list[str]) -> None:
    found = built(documents)
    for number, text in enumerate(documents):
        for term in search_index.terms(text):
            assert number in found[term][2]
    for term, (title, top, listed) in found.items():
        assert title == top == []
        assert listed == [number for number, text in enumerate(documents) if term in search_index.terms(text)]


@given(st.sets(st.integers(0, 2**31)).map(sorted))
def test_a_list_is_read_back_equal(numbers: list[int]) -> None:
    assert decoded(search_index.encoded(numbers)) == numbers


@given(st.lists(st.tuples(st.text("abc", min_size=1, max_size=5), st.text("AB;", max_size=30))), st.integers(1, 60))
def test_shards_hold_all_entries_in_order(entries: list[Entry], size: int) -> None:
    groups = list(search_index.shards(entries, size=size))
    assert [entry for group in groups for entry in group] == entries
    for group in groups:
        assert len(group) == 1 or sum(len(term) + len(lists) + 2 for term, lists in group) <= size


def test_terms_are_in_the_order_of_javascript() -> None:
    """There, a character beyond U+FFFF comes before U+F900."""
    assert [*built(["\U00020000 \uf900x \U00010400 z"])] == sorted(
        built(["\U00020000 \uf900x \U00010400 z"]), key=lambda term: term.encode("utf-16-be")
    )
