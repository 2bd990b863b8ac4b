"""Name the files that pages of a site share after what they hold, so that a browser may keep them for ever."""

from __future__ import annotations

import hashlib

FOLDER = "assets"


def hashed(name: str, content: bytes, *, folder: str = FOLDER) -> str:
    """The path of a file in the site.

    >>> hashed("report.css", b"")
    'assets/report-e3b0c44298.css'
    """
    stem, _, kind = name.rpartition(".")
    return f"{folder}/{stem}-{hashlib.sha256(content).hexdigest()[:10]}.{kind}"
