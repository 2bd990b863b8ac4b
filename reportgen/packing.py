"""Turn arrays of whole numbers into text that a page can hold, in few bytes.

The first bytes of all numbers stand before the second ones, which makes them alike; then deflate, then base64.
`templates/js/data.js` reads it.
"""

from __future__ import annotations

import base64
import zlib
from typing import TypedDict

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]


class Packed(TypedDict):
    """An array of unsigned integers as text."""

    width: int  # bytes of a number
    length: int  # numbers
    data: str  # base64


def pack(array: Array) -> Packed:
    """An array of unsigned integers as text, with what is needed to read it."""
    width = array.dtype.itemsize
    rows = np.ascontiguousarray(array, dtype=f"<u{width}").reshape(-1).view(np.uint8).reshape(-1, width)
    planes = np.ascontiguousarray(rows.T).tobytes()
    deflated = min((_deflate(planes, strategy) for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_RLE)), key=len)
    return {"width": width, "length": array.size, "data": base64.b64encode(deflated).decode()}


def _deflate(content: bytes, strategy: int) -> bytes:
    """Deflated with one strategy: numbers that hardly repeat take less where no repeats are looked for."""
    made = zlib.compressobj(6, strategy=strategy)
    return made.compress(content) + made.flush()
