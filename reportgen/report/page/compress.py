"""Turn arrays of integers into compact text for the page, and any text into a denser one.

The first bytes of all numbers come before the second ones, which makes neighbours alike; then deflate, then base64.
`templates/js/data.js` reads it. Dense text has 13 bits in two of 91 letters; `templates/js/shared.js` reads it.
"""

from __future__ import annotations

import base64
import zlib
from typing import NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
LETTERS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in "&<>")  # none means anything to HTML
BITS = 13  # in two letters: 91 * 91 > 2 ** 13


class Packed(TypedDict):
    """An array of unsigned integers as text."""

    width: int  # bytes of a number
    length: int  # numbers
    data: str  # base64


def pack(array: Array) -> Packed:
    """An array of unsigned integers as text, with the facts needed to read it."""
    width = array.dtype.itemsize
    rows = np.ascontiguousarray(array, dtype=f"<u{width}").reshape(-1).view(np.uint8).reshape(-1, width)
    planes = np.ascontiguousarray(rows.T).tobytes()
    deflated = min((_deflate(planes, strategy) for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_RLE)), key=len)
    return {"width": width, "length": array.size, "data": base64.b64encode(deflated).decode()}


class Dense(NamedTuple):
    """Deflated bytes as text that holds no sign that means anything in HTML."""

    length: int  # bytes
    text: str


def dense(content: bytes) -> Dense:
    """Any bytes as text in few letters: a twelfth fewer than base64."""
    deflated = _deflate(content, zlib.Z_DEFAULT_STRATEGY)
    bits = np.unpackbits(np.frombuffer(deflated, np.uint8))
    groups = np.pad(bits, (0, -len(bits) % BITS)).reshape(-1, BITS)
    numbers = groups @ (1 << np.arange(BITS)[::-1])
    letters = np.frombuffer(LETTERS.encode(), np.uint8)
    pairs = letters[np.stack(np.divmod(numbers, len(LETTERS)), axis=-1)]
    return Dense(len(deflated), pairs.tobytes().decode())


def _deflate(content: bytes, strategy: int) -> bytes:
    """Deflated with one strategy: numbers that rarely repeat are smaller without a search for repeats."""
    made = zlib.compressobj(6, strategy=strategy)
    return made.compress(content) + made.flush()
