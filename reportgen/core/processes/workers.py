"""Worker processes: they ignore signals, which this process handles, and end with it."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import Any, Protocol, Self, TypeVar

# subtle: with more than two for each, Python's pools stop for ever when they renew their processes (gh-115634)
AHEAD = 2  # jobs that each process is at or that wait for it: memory holds no more of them
Job = TypeVar("Job")
Answer = TypeVar("Answer")


class Begin(Protocol):
    """Begins a piece of work; what it returns gives the answer. `functools.partial` does the work only then."""

    def __call__(self, work: Callable[..., Answer], /, *args: Any, **options: Any) -> Callable[[], Answer]:
        """Begin *work*."""


class Pool:
    """New processes, started with the first job. A killed process, for example for lack of memory, costs no answer.

    Jobs that may be lost with it are done again, one at a time, so that only a job that kills a process on its own has
    no answer.

    Args:
        workers: Number of processes.
        renewed: Jobs after which a process is replaced.
    """

    def __init__(self, workers: int, *, renewed: int | None = None) -> None:
        self.workers, self._renewed = workers, renewed
        self._waiting: dict[Future[Any], Any] = {}  # results not collected yet, and their jobs
        self._worked = False  # whether a process has ever done what it was given by `begin`
        self._others = set(multiprocessing.active_children())
        self._pool = self._start(workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes, also in the middle of a job; to end in order would take each a quarter of a second."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        ours = set(multiprocessing.active_children()) - self._others
        for process in ours:
            process.kill()
        for process in ours:
            process.join()

    def results(self, work: Callable[[Job], Answer], jobs: Iterable[Job]) -> Iterator[tuple[Job, Answer | None]]:
        """Each job with its answer, as they come; None for a job that kills its process."""
        for job in jobs:
            while len(self._waiting) >= AHEAD * self.workers:
                yield from self._collect(work)
            try:
                self._waiting[self._submit(work, job)] = job
            except BrokenProcessPool:
                yield from self._one_by_one(work, [job])
        while self._waiting:
            yield from self._collect(work)

    def begin(self, work: Callable[..., Answer], *args: Any, **options: Any) -> Callable[[], Answer]:
        """Begin one piece of work; what comes back waits for its answer, or raises what it raised.

        Where no process can be started, the work is done when its answer is asked for. That a process was killed later
        is a MemoryError: most are killed for lack of it.
        """
        here = functools.partial(work, *args, **options)
        try:
            future = self._submit(work, *args, **options)
        except (BrokenProcessPool, OSError):
            return here
        self._waiting[future] = None

        def answer() -> Answer:
            try:
                made = future.result()
            except BrokenProcessPool as error:
                if not self._worked:
                    return here()
                raise MemoryError("the process that made it was killed") from error
            finally:
                self._waiting.pop(future, None)
            self._worked = True
            return made

        return answer

    def wind_up(self, seconds: float) -> Iterator[Any]:
        """The answers of running jobs, if they come in time; waiting jobs are dropped."""
        for future in list(self._waiting):
            if future.cancel():
                del self._waiting[future]
        ended = time.monotonic() + seconds
        while self._waiting and (left := ended - time.monotonic()) > 0:
            finished, _ = wait(self._waiting, timeout=left, return_when=FIRST_COMPLETED)
            for future in finished:
                del self._waiting[future]
                if future.exception() is None:
                    yield future.result()

    def _start(self, workers: int) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(workers, context, initializer=_begin, max_tasks_per_child=self._renewed)

    def _submit(self, work: Callable[..., Answer], *args: Any, **options: Any) -> Future[Answer]:
        """Give a job to the processes. Ctrl-C does not reach one that is started here, not even before `_begin`."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # processes and threads inherit it
        try:
            return self._pool.submit(work, *args, **options)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _collect(self, work: Callable[[Job], Answer]) -> Iterator[tuple[Job, Answer | None]]:
        """Wait for the next answers."""
        finished, _ = wait(self._waiting, return_when=FIRST_COMPLETED)
        lost = []
        for future in finished:
            job = self._waiting.pop(future)
            try:
                answer = future.result()
            except BrokenProcessPool:
                lost.append(job)
            else:
                yield job, answer
        if lost:
            yield from self._one_by_one(work, lost)

    def _one_by_one(self, work: Callable[[Job], Answer], lost: list[Job]) -> Iterator[tuple[Job, Answer | None]]:
        """Do lost jobs again, one at a time, so that a job that kills a process is found."""
        lost += self._waiting.values()
        self._waiting.clear()
        self._pool.shutdown(cancel_futures=True)
        for job in lost:
            self._pool = self._start(1)
            future = self._submit(work, job)
            self._waiting[future] = job
            try:
                answer = future.result()
            except BrokenProcessPool:
                answer = None
            self._waiting.clear()
            self._pool.shutdown()
            yield job, answer
        self._pool = self._start(self.workers)


@contextlib.contextmanager
def aside(*, wanted: bool) -> Iterator[Begin | None]:
    """While open, work can be begun in a second process; None if it is not *wanted*, or there is no core for it."""
    if not wanted or cores() < 2:
        yield None
        return
    with Pool(1) as pool:
        yield pool.begin


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


def _begin() -> None:
    """In a worker: ignore signals, which the parent handles, and end with the parent."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
