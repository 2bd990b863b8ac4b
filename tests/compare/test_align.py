"""align: two tokenizations of one text -> the finest stretches whose borders both have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.compare.align import Stretch, align, multiples, shared, sums
from tests import reports

covers = st.lists(st.integers(1, 4), min_size=1, max_size=12)


def spans(lengths: list[int]) -> list[tuple[int, int, tuple[int, ...]]]:
    """Tokens of these lengths, one behind the other."""
    ends = np.cumsum(lengths).tolist()
    return [(end - length, end, (n,)) for n, (length, end) in enumerate(zip(lengths, ends, strict=True))]


def test_a_word_that_one_tokenizer_cuts_is_one_stretch() -> None:
    """under|stand|ing and understanding; then a word that both have."""
    one = [(0, 5, (1,)), (5, 10, (2,)), (10, 13, (3,)), (14, 16, (4,))]
    other = [(0, 13, (1,)), (14, 16, (2,))]
    assert shared(one, other, end=16) == (Stretch(0, 13, (1, 2, 3), (1,)), Stretch(14, 16, (4,), (2,)))


def test_what_lies_across_a_border_joins_its_neighbours() -> None:
    assert shared([(0, 3, (0,)), (3, 6, (1,))], [(0, 2, (0,)), (2, 6, (1,))], end=6) == (Stretch(0, 6, (0, 1), (0, 1)),)


def test_text_behind_the_end_is_in_no_stretch() -> None:
    assert shared(spans([2, 2, 2]), spans([2, 4]), end=4) == (Stretch(0, 2, (0,), (0,)),)


@given(covers, covers)
def test_every_token_is_in_one_stretch_and_no_score_is_lost(one: list[int], other: list[int]) -> None:
    end = max(sum(one), sum(other))
    found = shared(spans(one), spans(other), end=end)
    assert sorted(p for stretch in found for p in stretch.one) == list(range(len(one)))
    assert sorted(p for stretch in found for p in stretch.other) == list(range(len(other)))
    borders = {0, *np.cumsum(one).tolist()} & {0, *np.cumsum(other).tolist()}
    inner = {stretch.start for stretch in found if stretch.one and stretch.other}
    assert inner <= borders


@given(covers)
def test_equal_tokenizations_keep_their_tokens(one: list[int]) -> None:
    found = shared(spans(one), spans(one), end=sum(one))
    assert [stretch.one for stretch in found] == [(n,) for n in range(len(one))]


def test_the_cells_of_a_report_and_itself_are_its_text() -> None:
    report = reports.report()
    aligned = align(report, report)
    assert "".join(cell.text for cell in aligned.cells).split() == "".join(report.example.text.split()).split()
    assert len(aligned.words) == len({(word.start, word.end) for word in aligned.words})


def test_a_word_that_only_one_has_read_has_no_colour() -> None:
    text = "a b c"
    whole, part = (reports.report(text, read=reports.tokens(text, spans=spans)) for spans in (None, [(0, 1), (4, 5)]))
    for one, other in ((whole, part), (part, whole)):
        aligned = align(one, other)
        assert {cell.text: cell.left_out for cell in aligned.cells if cell.text.strip()} == {
            "a": False, "b": True, "c": False
        }  # fmt: skip
        assert [text[word.start : word.end] for word in aligned.words] == ["a", "c"]


def test_two_texts_are_not_aligned() -> None:
    with pytest.raises(ValueError, match="cannot be aligned"):
        align(reports.report(), reports.report("Another text."))


def test_a_multiple_is_of_the_mean_of_what_is_ranked() -> None:
    values, on = np.array([1.0, 3.0, 50.0]), np.array([True, True, False])
    assert multiples(values, on).tolist() == [0.5, 1.5, 0]
    assert multiples(np.zeros(3), on).tolist() == [1, 1, 0]


def test_an_echo_that_is_left_out_adds_nothing() -> None:
    read = reports.tokens("a b c")
    tokens = type(read)(**{**{f: getattr(read, f) for f in read.__slots__}, "echo": (False, False, True, False, False)})
    values = np.array([1, 2, 4, 8, 16], np.float32)
    assert sums(values, [(1, 2), (3,)], tokens).tolist() == [2, 8]
