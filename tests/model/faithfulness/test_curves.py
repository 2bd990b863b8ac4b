"""curves: answers along orders -> AOPC, and the chance of one as good at random."""

from __future__ import annotations

import pytest

from reportgen.core.nouns.faithfulness import Curve, Measure
from reportgen.model.faithfulness import curves


@pytest.mark.parametrize(("measure", "as_good"), [("comprehensiveness", 2), ("sufficiency", 3)])
def test_a_random_order_that_is_as_good_counts_against_an_order(measure: Measure, as_good: int) -> None:
    """Of AOPCs of 1, 1.5, 2 and 3 two are at least 2, and three are at most 2: the equal one counts both times."""
    random = [Curve("random", (), (), aopc) for aopc in (1.0, 1.5, 2.0, 3.0)]
    assert curves.p(Curve("all_attention", (), (), 2.0), random, measure) == (1 + as_good) / (1 + 4)
