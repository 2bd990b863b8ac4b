"""agreement: two lists of scores -> orders, tau-b, Jaccard, overlap, each beside chance and with an interval."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core import agreement

few = st.lists(st.tuples(st.integers(-2, 3), st.integers(-2, 3)), min_size=2, max_size=30)


def naive(one: list[int], other: list[int]) -> float | None:
    """Kendall 1945: pairs one by one."""
    pairs = list(itertools.combinations(range(len(one)), 2))
    signs = [(np.sign(one[a] - one[b]), np.sign(other[a] - other[b])) for a, b in pairs]
    untied = [sum(bool(s[side]) for s in signs) for side in (0, 1)]
    return sum(x * y for x, y in signs) / math.sqrt(untied[0] * untied[1]) if all(untied) else None


@given(few)
def test_tau_is_that_of_counting_every_pair(pairs: list[tuple[int, int]]) -> None:
    one, other = (list(side) for side in zip(*pairs, strict=True))
    found, wanted = agreement.tau_b(np.array(one, float), np.array(other, float)), naive(one, other)
    assert found == (None if wanted is None else pytest.approx(wanted))


def test_tau_of_an_example_by_hand() -> None:
    """Six pairs: one tied in both lists, one that disagrees, four that agree: (4 - 1) / sqrt(5 * 5)."""
    assert agreement.tau_b(np.array([1.0, 2, 3, 3]), np.array([1.0, 3, 2, 2])) == pytest.approx((3 - 2) / 5)
    assert agreement.tau_b(np.arange(5.0), np.arange(5.0)[::-1]) == pytest.approx(-1)
    assert agreement.tau_b(np.ones(4), np.arange(4.0)) is None


def test_a_sample_holds_whole_sentences() -> None:
    drawn = agreement.samples([0, 0, 0, 1, 1, 2], seed=0)
    assert len(drawn) == agreement.SAMPLES
    for places in drawn:
        counts = [places.tolist().count(place) for place in range(6)]
        assert counts[0] == counts[1] == counts[2]
        assert counts[3] == counts[4]
        assert counts[0] + counts[3] + counts[5] == 3


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40), st.integers(-9, 9))
def test_an_order_is_a_permutation_by_score(scores: list[int], seed: int) -> None:
    found = agreement.ranked(np.array(scores, float), seed=seed)
    assert sorted(found) == list(range(len(scores)))
    assert [scores[place] for place in found] == sorted(scores, reverse=True)


def test_ties_and_what_differs_by_rounding_follow_no_position() -> None:
    """By position they would follow the text."""
    even = 1 + np.random.default_rng(0).normal(size=200) * 1e-8
    found = agreement.ranked(even, seed=0)
    assert abs(np.corrcoef(found, range(200))[0, 1]) < 0.2
    assert found == agreement.ranked(even[::-1].copy(), seed=0)
    assert found != agreement.ranked(even, seed=1)


def test_the_top_of_30_words_is_two_of_them_and_two_random_orders_share_little_of_it() -> None:
    """5% of 30 is 1.5. Two random pairs of 30 words share 1 / 15 of a pair, of what either has 1 / 29."""
    scores = np.arange(30.0)
    swapped = np.array([*scores[:-2], 29.0, 28.0])
    found = agreement.agreement(("all_attention", "all_attention"), scores, swapped, range(30), seed=0)
    assert (found.jaccard.value, found.overlap[4], found.overlap[1]) == (1, 1, 0)
    assert found.jaccard_chance == pytest.approx(1 / 29)


@given(st.lists(st.integers(0, 2), min_size=20, max_size=60).filter(lambda scores: len(set(scores)) > 1))
def test_a_list_with_ties_agrees_with_itself_wholly(scores: list[int]) -> None:
    """Which of equal scores are at the top is chance, but it is the same chance for the same list."""
    one = np.array(scores, float)
    found = agreement.agreement(("all_attention", "all_attention"), one, one.copy(), list(range(len(one))), seed=3)
    assert (found.tau.value, found.jaccard.value, found.jaccard.low, set(found.overlap)) == (
        pytest.approx(1),
        1,
        1,
        {1},
    )
