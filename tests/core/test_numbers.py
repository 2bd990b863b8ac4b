"""numbers: a value -> its digits, with a true minus and no sign before a zero; an interval around it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.numbers import ends, interval, number, signed


@pytest.mark.parametrize(
    ("value", "form", "said"),
    [
        (-0.004, ".2f", "0.00"), (0.004, "+.2f", "0.00"), (-0.0, "+.3g", "0"), (-0.0001, ".1%", "0.0%"),
        (-1234.5, ",.1f", "−1,234.5"), (-1e-7, "+.3g", "−1e−07"), (0.5, "+.0%", "+50%"), (-0.25, ".1%", "−25.0%"),
        (math.nan, ".2f", "nan"), (-math.inf, ".2f", "−inf"),
    ],
)  # fmt: skip
def test_a_number_has_a_true_minus_and_a_zero_has_no_sign(value: float, form: str, said: str) -> None:
    assert number(value, form) == said


@given(st.floats(-1e6, 1e6), st.sampled_from([".2f", "+.2f", "+.3g", ".1%", ",.1f"]))
def test_what_is_written_is_what_python_writes_but_for_the_sign(value: float, form: str) -> None:
    said, pythons = number(value, form), f"{value:{form}}"
    assert said.replace("−", "-").lstrip("+-") == pythons.lstrip("+-")
    if any(digit in said for digit in "123456789"):
        assert said.replace("−", "-") == pythons


def test_an_interval_is_written_as_its_ends_and_not_at_all_without_them() -> None:
    assert interval(-0.1, -0.2, 0.001) == "−0.10 (−0.20 to 0.00)"
    assert interval(0.5, None, 0.6) == "0.50"
    assert ends(-0.125, 0.5, ".0%") == "−12% to 50%"
    assert signed(-12.3456) == "−12.3"
