"""Name the kinds of values that a stored report holds and Python's types cannot say: counts, shares, hashes, arrays.

The annotations of the nouns use them; `report.restore` checks them, and `scripts/schema.py` publishes them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from math import inf
from typing import Annotated, Any, get_type_hints

MOST = 2**63 - 1  # of whole numbers: what other programs can read


@dataclass(frozen=True, slots=True)
class Between:
    """The range of a number, both ends included."""

    least: float
    most: float = inf


@dataclass(frozen=True, slots=True)
class Matches:
    """The regular expression that the whole of a string matches."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes of an array by name: axes of one name have one length in a report. Its numbers are finite."""

    names: tuple[str, ...]
    least: float = -inf
    most: float = inf
    index_of: str | None = None  # the numbers are indices along this axis


def axes(*names: str, least: float = -inf, most: float = inf, index_of: str | None = None) -> Axes:
    """`Axes`, in fewer brackets."""
    return Axes(names, least, most, index_of)


Count = Annotated[int, Between(0, MOST)]
Number = Annotated[int, Between(1, MOST)]  # of things that there are
Share = Annotated[float, Between(0, 1)]
NotNegative = Annotated[float, Between(0)]
Sha256 = Annotated[str, Matches("[0-9a-f]{64}")]
ROUNDED = 1.01  # most of a share in an array, after rounding to the model's numbers


@functools.cache
def hints(noun: Any) -> dict[str, Any]:
    """The type of every field of a dataclass, with what its annotation says beyond Python's types."""
    return get_type_hints(noun, include_extras=True)
