"""Which fonts of Noto this machine has."""

from __future__ import annotations

import shutil
import subprocess

FINDER = shutil.which("fc-list")
LANGUAGES = ("hi", "zh", "und-zsye")  # that only the core, CJK and emoji fonts bring


def installed() -> bool:
    """Whether they are all here."""
    return FINDER is not None and all(subprocess.check_output([FINDER, f":lang={name}"]) for name in LANGUAGES)
