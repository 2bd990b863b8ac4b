"""Compute the pieces of a layer on all cores at once, each piece on one thread.

torch spreads every single step over all cores and waits for the slowest; on a busy machine it waits much longer than
it works. Independent pieces wait only once, at the end.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def each(work: Callable[[Piece], Result], pieces: Sequence[Piece]) -> list[Result]:
    """What *work* makes of each of the pieces, in their order; in the caller's thread where there is one piece."""
    if len(pieces) == 1:
        return [work(pieces[0])]
    mode = torch.is_inference_mode_enabled()

    def alone(piece: Piece) -> Result:
        with torch.inference_mode(mode):  # is kept thread by thread
            return work(piece)

    return list(_pool(torch.get_num_threads()).map(alone, pieces))


@functools.cache
def _pool(count: int) -> ThreadPoolExecutor:
    """Threads in each of which torch works alone."""
    all_there = threading.Barrier(count)

    def begin() -> None:
        torch.get_num_threads()  # subtle: the first step of torch in a thread sets it to what all have
        torch.set_num_threads(1)
        all_there.wait()

    pool = ThreadPoolExecutor(count, thread_name_prefix="heads", initializer=begin)
    list(pool.map(lambda _: None, range(count)))
    torch.set_num_threads(count)  # subtle: what a thread sets counts for itself, and for threads begun later
    return pool
