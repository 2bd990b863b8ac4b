"""agreement: two lists of scores -> tau-b, Jaccard, overlap, each beside chance and with an interval."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.nouns.faithfulness import Unit
from reportgen.model.faithfulness import agreement

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


def units(count: int) -> tuple[list[Unit], str]:
    """Words of two letters in sentences of ten."""
    text = " ".join("Ab." if place % 10 == 9 else "Abc" for place in range(count))
    return [Unit(place * 4, place * 4 + 3, (place,)) for place in range(count)], text


def test_equal_lists_agree_and_random_ones_agree_by_chance() -> None:
    found, text = units(1000)
    random = np.random.default_rng(0)
    one, other = random.normal(size=(2, 1000))
    made = {(a.one, a.other): a for a in agreement.agreements(
        {"heatmap": one, "last layer": one * 2, "classifier": other}, text, found, seed=0
    )}  # fmt: skip
    same, chance = made["heatmap", "last layer"], made["heatmap", "classifier"]
    assert (same.tau.value, same.jaccard.value, set(same.overlap)) == (1, 1, {1})
    assert chance.tau.low < 0 < chance.tau.high
    assert chance.jaccard_chance == pytest.approx(0.05 / 1.95)
    assert chance.jaccard.low <= chance.jaccard_chance <= chance.jaccard.high
    assert max(abs(a - b) for a, b in zip(chance.overlap, chance.overlap_chance, strict=True)) < 0.1
    assert ("last layer", "classifier") not in made


def test_masking_to_the_top_makes_no_agreement_out_of_ties() -> None:
    """Two unrelated lists, set to 0 below their top: the zeros are ordered by chance, not by position."""
    found, text = units(1000)
    random = np.random.default_rng(1)
    one, other = (np.where(scores > 1.6, scores, 0) for scores in random.normal(size=(2, 1000)))
    (made,) = agreement.agreements({"heatmap": one, "classifier": other}, text, found, seed=0)
    assert made.overlap[-1] == pytest.approx(0.2, abs=0.06)


def test_a_sample_holds_whole_sentences() -> None:
    drawn = agreement.samples([0, 0, 0, 1, 1, 2], seed=0)
    assert len(drawn) == agreement.SAMPLES
    for places in drawn:
        counts = [places.tolist().count(place) for place in range(6)]
        assert counts[0] == counts[1] == counts[2]
        assert counts[3] == counts[4]
        assert counts[0] + counts[3] + counts[5] == 3


def test_a_single_unit_and_even_scores_agree_with_nothing() -> None:
    found, text = units(1)
    assert agreement.agreements({"heatmap": np.ones(1), "classifier": np.ones(1)}, text, found, seed=0) == ()
    found, text = units(9)
    assert agreement.agreements({"heatmap": np.ones(9), "classifier": np.arange(9.0)}, text, found, seed=0) == ()
