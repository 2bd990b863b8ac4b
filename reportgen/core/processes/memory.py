"""Ask the system for memory in large pages, and give back what is free."""

from __future__ import annotations

import ctypes
import os
import sys

LARGE_PAGES = "THP_MEM_ALLOC_ENABLE"  # read by torch 2 when it first allocates, on Linux


def ask_for_large_pages() -> None:
    """Let torch, in this process and those that it starts, ask for large pages; before torch is imported.

    A layer of a long document writes gigabytes to fresh memory, which the system otherwise clears and maps in pages of
    4 KiB: a fifth of a forward pass. Numbers stay as they are. What the user has set stays, too.
    """
    os.environ.setdefault(LARGE_PAGES, "1")


def give_back() -> None:
    """Return free heap memory to the system, which glibc would keep.

    It keeps most after a model has run: what is left of a layer lies between what was freed, which later and larger
    pieces do not fit into.
    """
    if sys.platform == "linux":
        getattr(ctypes.CDLL(None), "malloc_trim", int)(0)
