"""Turn the names of the files of a report into the formats that make them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reportgen.core import widths

AT_WIDTH = rf"figures/.*-{widths.IN_NAMES}\.(svg|pdf|png)"
FILES = {
    "html": re.compile(r"report\.html"),
    "pdf": re.compile(r"report\.pdf"),
    "tables": re.compile(r"tables/.*"),
    "charts": re.compile(rf"(?!{AT_WIDTH})figures/.*"),
    "figures": re.compile(AT_WIDTH),
    "latex": re.compile(r"latex/.*"),
}  # which files of a report a format makes


def formats(names: Iterable[str]) -> set[str]:
    """The formats that the files of a report belong to.

    >>> sorted(formats(["report.pdf", "figures/overview-3.3in.svg", "figures/overview.vl.json"]))
    ['charts', 'figures', 'pdf']
    """
    return {kind for name in names for kind, pattern in FILES.items() if pattern.fullmatch(name)}
