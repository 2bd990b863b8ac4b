"""The arrays that the nouns hold, and when two nouns that hold some are equal."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int32]


def equal_fields(one: Any, other: Any) -> bool:
    """Whether two dataclasses of one type have equal fields; arrays are equal with the same type and numbers."""
    return type(one) is type(other) and all(_same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))


def _same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return not (isinstance(one, np.ndarray) or isinstance(other, np.ndarray)) and one == other
