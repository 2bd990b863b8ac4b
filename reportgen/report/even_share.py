"""Turn scores into multiples of the even share, which every token would have if all had the same, and into words.

A share of the whole reads as 0 in a long document; how many times even it is does not depend on the length.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

ALMOST_EVEN = 1.5  # times: where nothing draws more, there is little to see
SPOKEN = 0.095  # a smaller share is said as a multiple alone
NOISE = 1e-6  # of the largest value: sums of equal float32 weights differ by less


def of_even(values: npt.NDArray[np.float64], content: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Values as multiples of the even share, which is the mean of the content cells; 1 where all of those are equal."""
    chosen = values[content]
    if equal_but_for_rounding(chosen):
        return np.ones_like(values)
    times: npt.NDArray[np.float64] = values / chosen.mean()
    return times


def equal_but_for_rounding(values: npt.NDArray[np.floating[Any]]) -> bool:
    """Whether all values are equal, sums of equal float32 weights taken as equal."""
    return values.size == 0 or bool(np.ptp(values) <= NOISE * np.abs(values).max())


def multiple(times: float) -> str:
    """A multiple in two digits, more only before the point.

    >>> [multiple(times) for times in (0.0, 0.034, 0.96, 1.04, 1.46, 23.5, 1204.4)]
    ['0×', '0.03×', '1×', '1×', '1.5×', '24×', '1,204×']
    """
    if times >= 9.95:
        return f"{times:,.0f}×"
    return f"{round(times, 1 if times >= 0.095 else 2):g}×"


def almost_even(most: float) -> str:
    """What there is to say where no token draws much more than another; *most* is the largest multiple."""
    return f"No token draws more than {multiple(most)} the even share: attention is almost even here."


def held(share: float, k: int, tokens: int, *, of: str) -> str:
    """What the *k* highest of *tokens* hold of a whole, in words: no share that would read as 0 or 1%.

    >>> held(0.41, 10, 1204, of="the score")
    '41% of the score is on 10 of 1,204 tokens, 49× the even share'
    >>> held(0.012, 10, 1204, of="the score")
    '10 of 1,204 tokens have 1.4× the even share of the score'
    """
    times = multiple(share * tokens / max(k, 1))
    if share >= SPOKEN:
        return f"{share:.0%} of {of} is on {k} of {tokens:,} tokens, {times} the even share"
    return f"{k} of {tokens:,} tokens have {times} the even share of {of}"
