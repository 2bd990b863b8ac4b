"""Find the page of a report from where a comparison will be, and the hash that says which report was compared."""

from __future__ import annotations

import os
from pathlib import Path

from reportgen.core.files import disk
from reportgen.report.stored import store

PAGES = ("report.html", "report.pdf")  # what is worth opening, the best first


def link(folder: Path, output: Path) -> str | None:
    """The page of a report, relative to the comparison; None if it has none."""
    page = next((name for name in PAGES if (folder / name).is_file()), None)
    if page is None:
        return None
    way = os.path.relpath(folder.resolve() / page, output.resolve()).replace(os.sep, "/")
    return way if way.isascii() and ":" not in way else None


def digest(folder: Path) -> str:
    """The hash of a report's manifest."""
    with disk.errors(folder):
        return store.digest(folder)
