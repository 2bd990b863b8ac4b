"""Turn numbers into what readers see: their digits, their sign, and an interval around them."""

import re
from decimal import Decimal

ZERO = re.compile(r"[+-]?[0.,]+%?")  # what rounds to nothing has no sign


def numeral(value: float, decimals: int = 3) -> str:
    """A number for a column of numbers; a very small or large one with three significant digits. As the page does.

    >>> [numeral(value) for value in (2.5, 0.00020004, 1.5e-7, 12345678.9, 0)]
    ['2.500', '0.0002', '1.5e-7', '12300000', '0']
    """
    if 0.1 <= abs(value) < 1e6:
        return f"{value:.{decimals}f}"
    rounded = float(f"{value:.3g}")
    if 0 < abs(rounded) < 1e-6 or abs(rounded) >= 1e21:  # where JavaScript writes an exponent
        return repr(rounded).replace("e-0", "e-")
    return f"{Decimal(repr(rounded)):f}".removesuffix(".0")


def number(value: float, form: str = ".2f") -> str:
    """A number with a true minus, and no sign before a zero.

    >>> number(-0.304), number(-0.001), number(0.0, "+.1%")
    ('−0.30', '0.00', '0.0%')
    """
    written = f"{value:{form}}"
    return written.lstrip("+-") if ZERO.fullmatch(written) else written.replace("-", "−")


def signed(value: float) -> str:
    """A difference or a signed score: its sign, and three significant digits.

    >>> signed(0.12345), signed(-1200.0), signed(0.0)
    ('+0.123', '−1.2e+03', '0')
    """
    return number(value, "+.3g")


def ends(low: float, high: float, form: str = ".2f") -> str:
    """The ends of an interval.

    >>> ends(-0.5, 1.25)
    '−0.50 to 1.25'
    """
    return f"{number(low, form)} to {number(high, form)}"


def interval(value: float, low: float | None, high: float | None, form: str = ".2f") -> str:
    """A number with its interval, if it has one.

    >>> interval(1.5, -1.25, 1.75), interval(0.5, None, None, ".0%")
    ('1.50 (−1.25 to 1.75)', '50%')
    """
    around = "" if low is None or high is None else f" ({ends(low, high, form)})"
    return number(value, form) + around
