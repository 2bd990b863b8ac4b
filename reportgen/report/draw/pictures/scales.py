"""Turn numbers into places along an axis, into the numbers at its ticks, and into their words, as Vega does.

After d3-scale, d3-array and d3-format, which Vega uses: https://github.com/d3. Only what our charts need.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from reportgen.core import numbers

NICE = 10  # ticks that the ends of a linear scale are rounded to
STEPS = ((math.sqrt(50), 10), (math.sqrt(10), 5), (math.sqrt(2), 2))  # between neighbouring ticks, by d3's bounds
PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
DIGITS = 6  # that d3 writes of a number


@dataclass(frozen=True, slots=True)
class Continuous:
    """A linear or logarithmic scale."""

    low: float
    high: float
    length: float  # px
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value is: 0 at the lower end."""
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return (at - low) / (high - low) * self.length if high != low else self.length / 2

    def ticks(self, count: int) -> list[float]:
        """Round numbers within the scale, about so many."""
        return log_ticks(self.low, self.high, count) if self.log else linear_ticks(self.low, self.high, count)

    def labels(self, ticks: Sequence[float], count: int, form: str | None) -> list[str]:
        """What is written at the ticks: of a logarithmic scale at some of them, "" at the others."""
        if not self.log:
            step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
            return [number(tick, form) if form else fixed(tick, step) for tick in ticks]
        most = max(1.0, 10 * count / max(len(ticks), 1))
        return [number(tick, form or ",") if mantissa(tick) <= most else "" for tick in ticks]


@dataclass(frozen=True, slots=True)
class Bands:
    """A scale of names, each with a band of its own."""

    names: tuple[Any, ...]
    step: float  # px from one band to the next
    gap: float = 0.0  # between two bands, as a share of the step

    @property
    def length(self) -> float:
        """Px of all bands."""
        return self.step * len(self.names)

    @property
    def band(self) -> float:
        """Px of one band."""
        return self.step * (1 - self.gap)

    def place(self, name: Any) -> float:
        """The middle of a band."""
        return (self.names.index(name) + 0.5) * self.step


@dataclass(frozen=True, slots=True)
class Classes:
    """A scale of colours in equal steps."""

    low: float
    high: float
    colours: tuple[str, ...]

    @property
    def bounds(self) -> list[float]:
        """The values between two colours."""
        count = len(self.colours)
        return [((count - k) * self.low + k * self.high) / count for k in range(1, count)]

    def colour(self, value: float) -> str:
        """The colour of a value."""
        return self.colours[bisect_right(self.bounds, value)]


def increment(low: float, high: float, count: int) -> float:
    """The distance of ticks; below 1 as the negative number of ticks per unit, which is exact."""
    step = (high - low) / max(count, 1)
    power = math.floor(math.log10(step))
    error = step / 10**power
    factor = next((factor for bound, factor in STEPS if error >= bound), 1)
    return float(factor * 10**power) if power >= 0 else -(10**-power) / factor


def linear_ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers from *low* to *high*.

    >>> linear_ticks(0, 0.3, 3), linear_ticks(0, 1900, 4)
    ([0.0, 0.1, 0.2, 0.3], [0.0, 500.0, 1000.0, 1500.0])
    """
    if high <= low:
        return [low]
    step = increment(low, high, count)
    if step > 0:
        return [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return [k / -step for k in range(math.ceil(low * -step), math.floor(high * -step) + 1)]


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """All multiples of the powers of ten, or of many powers some.

    >>> log_ticks(1, 30, 4), log_ticks(1, 1e6, 3)
    ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30], [1, 100, 10000, 1000000])
    """
    first, last = math.log10(low), math.log10(high)
    if last - first < count:
        powers = range(math.floor(first), math.ceil(last) + 1)
        found = [k * 10**p if p >= 0 else k / 10**-p for p in powers for k in range(1, 10)]
        kept = [tick for tick in found if low <= tick <= high]
        return linear_ticks(low, high, count) if len(kept) * 2 < count else kept
    return [
        10**p if p >= 0 else 1 / 10**-p for p in map(round, linear_ticks(first, last, min(round(last - first), count)))
    ]


def nice(low: float, high: float) -> tuple[float, float]:
    """The ends of a linear scale, moved outward to round numbers.

    >>> nice(0, 1896), nice(0, 0.27)
    ((0.0, 2000.0), (0.0, 0.28))
    """
    before = None
    while high > low and (step := increment(low, high, NICE)) != before:
        before = step
        if step > 0:
            low, high = math.floor(low / step) * step, math.ceil(high / step) * step
        else:
            low, high = math.floor(low * -step) / -step, math.ceil(high * -step) / -step
    return float(low), float(high)


def mantissa(value: float) -> float:
    """The first digit of a tick of a logarithmic scale."""
    power = round(math.log10(value))
    first = value / 10.0**power if power >= 0 else value * 10.0**-power
    return first * 10 if first * 10 < 9.5 else first


def fixed(value: float, step: float) -> str:
    """A number with as many digits as its ticks need."""
    digits = max(0, -math.floor(math.log10(abs(step)) + 1e-9))
    return numbers.number(value, f",.{digits}f")


def number(value: float, form: str) -> str:
    """A number in one of d3's formats.

    >>> number(1500, "~s"), number(1e-6, "~g"), number(2e-7, "~g"), number(0.125, ".1%"), number(1500, ",")
    ('1.5k', '0.000001', '2e-7', '12.5%', '1,500')
    >>> number(0.625, ".2f"), number(0.0625, ".1%")  # halves are rounded up, as scripts do
    ('0.63', '6.3%')
    """
    if form == "~s":
        size, prefix = next((found for found in PREFIXES if value >= found[0]), (1.0, ""))
        return f"{value / size:.{DIGITS}g}{prefix}"
    if form == "~g":
        return _rounded(value)
    if form == ",":
        return f"{value:,.{DIGITS}g}" if value < 1 else f"{value:,.0f}"
    if form[-1] in "f%":
        parts = 100 if form[-1] == "%" else 1
        step = Decimal(1).scaleb(-int(form[-2]))
        value = float(Decimal(value * parts).quantize(step, ROUND_HALF_UP)) / parts
    return numbers.number(value, form)


def _rounded(value: float) -> str:
    power = math.floor(math.log10(abs(value))) if value else 0
    if -DIGITS - 1 < power < DIGITS:
        written = f"{value:.{max(DIGITS - 1 - power, 0)}f}"
        return written.rstrip("0").rstrip(".") if "." in written else written
    return f"{value / 10.0**power:.{DIGITS - 1}f}".rstrip("0").rstrip(".") + f"e{power:+d}"
