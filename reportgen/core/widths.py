"""Turn what --figure-width takes, lengths and names of venues, into the widths of figures in points.

`tests/report/paper/latex/test_venues.py` compiles every venue, and compares what TeX says of its columns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

TEX_POINT = 72 / 72.27  # points of which an inch has 72, as here, in one of TeX's
# The column and the text of a page, in TeX's points; of one column, the text alone.
VENUES: dict[str, tuple[float, ...]] = {
    "acl": (219.08614, 455.24411),
    "acm": (241.14749, 506.295),
    "ieee": (252.0, 516.0),
    "neurips": (397.48499,),
    "llncs": (347.12354,),
    "elsevier": (252.0, 522.0),
    "article": (345.0,),
}
PLACES = ("column", "text")
LENGTH = re.compile(r"(\d+(?:\.\d+)?)(in|cm|mm|pt)")
POINTS = {"in": 72.0, "cm": 72 / 2.54, "mm": 72 / 25.4, "pt": 1.0}
RANGE = (100.0, 1500.0)  # points: the narrowest figure in which a legend has room, and the width of a poster's column
IN_NAMES = rf"(?:[\d.]+(?:in|cm|mm|pt)|(?:{'|'.join(VENUES)})-(?:{'|'.join(PLACES)}))"  # of files


def points(given: Sequence[str]) -> dict[str, float]:
    """The widths in points, by what files are called after; what is no width is left out.

    >>> points(["3in", "neurips"])
    {'3in': 216.0, 'neurips-text': 396.0}
    """
    found: dict[str, float] = {}
    for width in given:
        length = LENGTH.fullmatch(width)
        if length:
            found[width] = float(length[1]) * POINTS[length[2]]
        for place, of_tex in zip(PLACES[-len(VENUES.get(width, ())) :], VENUES.get(width, ()), strict=False):
            found[f"{width}-{place}"] = round(of_tex * TEX_POINT, 2)
    return found


def problem(given: Sequence[str]) -> str | None:
    """What is wrong with widths; None if nothing is."""
    known = all(width in VENUES or LENGTH.fullmatch(width) for width in given)
    if given and known and all(RANGE[0] <= width <= RANGE[1] for width in points(given).values()):
        return None
    return f"must be widths from 1.4in to 20.8in, like 3.3in,6.9in or 84mm, or {', '.join(VENUES)}"
