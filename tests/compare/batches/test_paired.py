"""paired: numbers of pairs of documents -> McNemar's test, means of changes with their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reportgen.compare.batches.paired import PairedSums, mcnemar, of


@given(st.integers(0, 400), st.integers(0, 400))
def test_the_exact_test_is_the_binomial_one(one: int, other: int) -> None:
    wanted = 1.0 if one == other else stats.binomtest(one, one + other, 0.5).pvalue
    assert mcnemar(one, other) == pytest.approx(wanted, rel=1e-6, abs=1e-12)


def test_an_example_by_hand() -> None:
    """Five of five: two tails of 1/32 each."""
    assert mcnemar(5, 0) == pytest.approx(2 / 32)
    assert mcnemar(0, 0) == 1.0


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=3, max_size=40))
def test_the_interval_is_student_s_of_the_differences(pairs: list[tuple[float, float]]) -> None:
    one, other = map(np.array, zip(*pairs, strict=True))
    found = of(one.tolist(), other.tolist())
    if np.ptp(other - one) < 1e-6:
        return  # the interval has no width
    low, high = stats.ttest_rel(other, one).confidence_interval(0.95)
    assert (found.change, found.one, found.other) == pytest.approx(
        ((other - one).mean(), one.mean(), other.mean()), abs=1e-9
    )
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)
    sums = PairedSums()
    for mine, theirs in pairs:
        sums.add({"a": mine}, {"a": theirs})
    assert sums.changes()["a"] == found


def test_only_documents_that_have_a_key_in_both_count() -> None:
    sums = PairedSums()
    sums.add({"a": 1.0, "b": 2.0}, {"a": 3.0})
    sums.add({"a": 2.0}, {"a": 2.0, "b": 9.0})
    (found,) = sums.changes().values()
    assert (found.documents, found.one, found.other, found.change) == (2, 1.5, 2.5, 1.0)


def test_one_document_has_no_interval() -> None:
    found = of([1.0], [2.0])
    assert found.change == 1
    assert np.isnan(found.low)
    assert not found.clear
