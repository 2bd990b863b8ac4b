"""Keep what was computed over a split, so that it is computed once; name it by everything that it depends on.

It lies in the user's cache folder and may be deleted at any time. Models and datasets of the hub have a cache of their
own, huggingface_hub's.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from reportgen.core import disk
from reportgen.core.errors import OutputError

VARIABLE = "REPORTGEN_CACHE"


def folder() -> Path:
    """Where the cache lies: `REPORTGEN_CACHE`, or `reportgen` in the cache folder of the system's user."""
    own = os.environ.get(VARIABLE)
    if own:
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "reportgen"


def key(**parts: object) -> str:
    """A name for what was computed from *parts*, plain values: equal parts, equal names."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def place(kind: str, name: str) -> Path:
    """Where a thing of a kind is kept: the kind "predictions", the name "0f3a.parquet"."""
    return folder() / kind / name


def keep(path: Path, write: Callable[[Path], object]) -> None:
    """Let *write* make the file; a cache that cannot be written is no reason to lose what was computed."""
    with contextlib.suppress(OutputError):
        disk.put(path, write)
