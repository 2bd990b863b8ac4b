"""verdict: what an order loses beside random ones, under each way to remove words -> one word on it."""

from __future__ import annotations

import pytest

from reportgen.core.nouns.faithfulness import Curve, Operator, Trial, VerdictCode
from reportgen.model.faithfulness.verdict import verdict_code

SURE, NOT_SURE, LESS = (1.2, 0.05), (0.6, 0.3), (0.4, 0.6)  # AOPC and p: random orders lose .5 on average


def trial(operator: Operator, aopc: float, p: float, *, draws: int = 19) -> tuple[Trial, Curve]:
    """An order among random ones that lose 0 to 1 logit."""
    random = tuple(Curve("random", (), (), draw / (draws - 1)) for draw in range(draws))
    found = Curve("all_attention", (), (), aopc, p)
    return Trial("comprehensiveness", operator, (found,), random), found


@pytest.mark.parametrize(
    ("deleted", "masked", "code"),
    [
        (SURE, SURE, "supported"),
        (SURE, NOT_SURE, "supported"),
        (SURE, LESS, "depends-on-removal"),
        (NOT_SURE, SURE, "depends-on-removal"),
        (NOT_SURE, NOT_SURE, "no-better-than-chance"),
        (LESS, LESS, "no-better-than-chance"),
    ],
)
def test_deleting_must_be_sure_and_masking_better_than_the_mean_random_order(
    deleted: tuple[float, float], masked: tuple[float, float], code: VerdictCode
) -> None:
    assert verdict_code([trial("delete", *deleted), trial("mask", *masked)]) == code


def test_one_way_to_remove_words_or_18_random_orders_are_too_few() -> None:
    """Of 18 the smallest p is 1 / 19."""
    assert verdict_code([trial("delete", *SURE)]) == "too-little-tested"
    assert verdict_code([trial(way, *SURE, draws=18) for way in ("delete", "mask")]) == "too-little-tested"
