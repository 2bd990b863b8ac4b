"""orders: the lists of scores of a report -> how far the heatmap and the attribution agree with the others."""

from __future__ import annotations

import numpy as np
import pytest

from reportgen.core.nouns.faithfulness import Unit
from reportgen.model.faithfulness import orders


def units(count: int) -> tuple[list[Unit], str]:
    """Words of two letters in sentences of ten."""
    text = " ".join("Ab." if place % 10 == 9 else "Abc" for place in range(count))
    return [Unit(place * 4, place * 4 + 3, (place,)) for place in range(count)], text


def test_equal_lists_agree_and_random_ones_agree_by_chance() -> None:
    found, text = units(1000)
    random = np.random.default_rng(0)
    one, other = random.normal(size=(2, 1000))
    made = {(a.one, a.other): a for a in orders.agreements(
        {"all_attention": one, "last layer": one * 2, "classifier": other}, text, found, seed=0
    )}  # fmt: skip
    same, chance = made["all_attention", "last layer"], made["all_attention", "classifier"]
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
    (made,) = orders.agreements({"all_attention": one, "classifier": other}, text, found, seed=0)
    assert made.overlap[-1] == pytest.approx(0.2, abs=0.06)


def test_a_single_unit_and_even_scores_agree_with_nothing() -> None:
    found, text = units(1)
    assert orders.agreements({"all_attention": np.ones(1), "classifier": np.ones(1)}, text, found, seed=0) == ()
    found, text = units(9)
    assert orders.agreements({"all_attention": np.ones(9), "classifier": np.arange(9.0)}, text, found, seed=0) == ()
