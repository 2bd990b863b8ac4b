"""Worker processes: they ignore signals, which this process handles, and end with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import Any


def pool(
    workers: int, *, begin: Callable[..., object] | None = None, given: tuple[Any, ...] = (), renewed: int | None = None
) -> ProcessPoolExecutor:
    """A pool of new processes.

    Args:
        workers: How many.
        begin: Called in each before its first task.
        given: What it is called with.
        renewed: Tasks after which a process makes room for another.
    """
    return ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(begin, given),
        max_tasks_per_child=renewed,
    )


def share_cores() -> None:
    """Have threads of OpenMP sleep while they wait for each other; call it before torch is loaded.

    They would spin, which helps a single process, and takes a third of the time of others next to it.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _begin(begin: Callable[..., object] | None, given: tuple[Any, ...]) -> None:
    """In a worker: signals are the parent's to act on; without a parent there is nothing to do."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if begin is not None:
        begin(*given)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
