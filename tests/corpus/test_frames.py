"""frames: sums -> rows with a mean, and groups of heads."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reportgen.corpus import frames, sums
from reportgen.corpus.sums import Measured, Sums

NAMES = ("previous", "self")
SHARES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=12)


def of_heads(shares: list[tuple[float, ...]]) -> Sums:
    """The sums of one document whose heads, three to a layer, have these shares."""
    places = [(number // 3 + 1, number % 3 + 1) for number in range(len(shares))]
    columns = {
        "measure": [name for name in NAMES for _ in places],
        "layer": [layer for layer, _ in places] * len(NAMES),
        "head": [head for _, head in places] * len(NAMES),
        "value": [share[n] for n in range(len(NAMES)) for share in shares],
    }
    return sums.total([Measured({}, {"heads": sums.values("heads", columns)})], {})


@given(*(st.lists(st.integers(-9, 9), min_size=2, max_size=12) for _ in range(2)))
def test_the_difference_of_two_means_has_the_interval_and_p_of_welch(one: list[int], other: list[int]) -> None:
    found = frames.welch(*(
        {"documents": len(each), "total": sum(each), "squares": sum(n * n for n in each)} for each in (one, other)
    ))  # fmt: skip
    wanted = np.mean(other) - np.mean(one)
    assert (found["right"], found["wrong"], found["difference"]) == (len(one), len(other), pytest.approx(wanted))
    if len({*one}) == len({*other}) == 1:
        assert (found["low"], found["high"], found["p"]) == (wanted, wanted, wanted == 0)
        return
    test = stats.ttest_ind(other, one, equal_var=False)
    assert found["p"] == pytest.approx(test.pvalue)
    assert (found["low"], found["high"]) == pytest.approx(tuple(test.confidence_interval(0.95)))


def test_an_expected_calibration_error_is_a_share_and_so_are_the_ends_of_its_interval() -> None:
    """Of four documents, three are right and one is wrong, all as good as sure: Student's interval reaches over 1."""
    gaps = [0.02, 0.02, 0.02, -0.98]
    rows = [
        {"measure": "confidence", "bin": 9, "documents": 4, "total": 3.92, "squares": 4 * 0.98**2},
        {"measure": "gap", "bin": 9, "documents": 4, "total": sum(gaps), "squares": sum(gap**2 for gap in gaps)},
    ]
    _, error = frames.calibration({"calibration": pa.Table.from_pylist(rows)})
    assert error is not None
    assert (error["mean"], error["low"], error["high"]) == (pytest.approx(0.23), 0, 1)


def test_heads_that_do_alike_are_a_group_and_the_most_typical_is_first() -> None:
    made = of_heads([(0.9, 0.0), (0.1, 0.1), (0.85, 0.05), (0.8, 0.1), (0.0, 0.75)])
    groups = frames.groups_of_heads(made, [*NAMES, "near"])
    assert [group["heads"] for group in groups] == [[(1, 3), (1, 1), (2, 1)], [(1, 2)], [(2, 2)]]
    assert groups[0]["means"] == pytest.approx({"previous": 0.85, "self": 0.05})


@given(SHARES)
def test_within_a_group_no_share_differs_by_more_than_the_threshold(shares: list[tuple[float, float]]) -> None:
    groups = frames.groups_of_heads(of_heads(shares), NAMES)
    of_place = {(n // 3 + 1, n % 3 + 1): share for n, share in enumerate(shares)}
    assert sorted(place for group in groups for place in group["heads"]) == sorted(of_place)
    for group in groups:
        for one, other in combinations(group["heads"], 2):
            assert max(abs(a - b) for a, b in zip(of_place[one], of_place[other], strict=True)) <= frames.ALIKE + 1e-12


def test_one_head_is_no_group() -> None:
    assert frames.groups_of_heads(of_heads([(0.5, 0.5)]), NAMES) == []
