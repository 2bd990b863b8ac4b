"""Means and intervals from three sums, as scipy has them from the values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reportgen.corpus import intervals


@given(st.lists(st.floats(0, 10, allow_nan=False), min_size=2, max_size=30))
def test_the_interval_is_students_of_the_values(values: list[float]) -> None:
    found = intervals.mean([len(values)], [sum(values)], [sum(v * v for v in values)])
    expected = stats.ttest_1samp(values, 0).confidence_interval() if np.ptp(values) > 1e-3 else None
    assert found.mean[0] == pytest.approx(np.mean(values), abs=1e-9)
    if expected is not None:
        assert (found.low[0], found.high[0]) == pytest.approx((expected.low, expected.high), abs=1e-5)


def test_one_document_has_a_mean_and_no_interval() -> None:
    found = intervals.mean([1, 0], [3.0, 0.0], [9.0, 0.0])
    assert found.mean[0] == 3
    assert np.isnan([found.mean[1], *found.low, *found.high]).all()


@given(st.integers(1, 40), st.data())
def test_the_interval_of_a_share_is_wilsons(of_all: int, data: st.DataObject) -> None:
    some = data.draw(st.integers(0, of_all))
    expected = stats.binomtest(some, of_all).proportion_ci(method="wilson")
    assert intervals.share(some, of_all) == pytest.approx((some / of_all, expected.low, expected.high), abs=1e-9)
    assert np.isnan(intervals.share(0, 0)).all()
