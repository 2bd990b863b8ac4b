"""Run a batch on this machine: the model here, rendering in worker processes while the model goes on.

A worker that is killed, for want of memory say, costs no report: what it may have been at is done again, one at a time,
and only what brings a worker down by itself has failed.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reportgen.batch import units
from reportgen.batch.outcome import Outcome, failed
from reportgen.batch.units import Task, Unit
from reportgen.core import workers as processes
from reportgen.core.errors import DeviceError, LeftOutError
from reportgen.core.records import Report

if TYPE_CHECKING:
    from reportgen.model.classifier import Classifier

GRACE = 6.0  # seconds that reports which are being written have to be finished when a batch is stopped
# subtle: with more than two for each, Python's pools stop for ever when they renew their processes (gh-115634)
AHEAD = 2  # reports that each worker is at or that wait for it: memory holds no more of them
RENEWED = 200  # reports after which a worker makes room for another: what libraries keep in memory goes with it
Done = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Local:
    """This machine."""

    workers: int  # processes that render
    load: Callable[[], Classifier]  # the model, loaded when it is needed first

    def run(self, task: Task, batch: Iterable[Unit], done: Done) -> None:
        """Make the wanted reports of a batch; *done* is told of each, in this thread, when it is in place.

        Raises:
            ReportgenError: What stands against all reports: a full disk, a model that cannot be loaded.
        """
        with _rendering(task, self.workers, done) as renderers:
            reader = None
            for unit in batch:
                reader = reader or units.open_reader(task, self.load())
                for made in units.analyse(task, reader, unit):
                    if isinstance(made, Outcome):
                        done(made)
                    else:
                        renderers.add(made)
            renderers.finish()


@contextlib.contextmanager
def _rendering(task: Task, workers: int, done: Done) -> Iterator[_Renderers]:
    """Worker processes; when the block is left early, what they are at is finished, if that does not take long."""
    renderers = _Renderers(task, workers, done)
    try:
        yield renderers
    except BaseException:
        renderers.wind_up()
        raise
    finally:
        renderers.close()


class _Renderers:
    """Processes that turn reports into folders."""

    def __init__(self, task: Task, workers: int, done: Done) -> None:
        self.task, self.workers, self.done = task, workers, done
        self.waiting: dict[Future[Outcome], Report] = {}
        self.others = set(multiprocessing.active_children())
        self.pool = self._pool(workers)

    def _pool(self, workers: int) -> ProcessPoolExecutor:
        return processes.pool(workers, begin=_begin, given=(self.task,), renewed=RENEWED)

    def add(self, report: Report) -> None:
        """Have a report rendered; waits while there are many."""
        while len(self.waiting) >= AHEAD * self.workers:
            self._collect()
        try:
            self.waiting[self.pool.submit(_finish, report)] = report
        except BrokenProcessPool:
            self._one_by_one([report])

    def finish(self) -> None:
        """Wait for all."""
        while self.waiting:
            self._collect()

    def wind_up(self) -> None:
        """Drop what no worker is at, and give the rest a little time; a second signal ends that, too."""
        for future in list(self.waiting):
            if future.cancel():
                del self.waiting[future]
        ended = time.monotonic() + GRACE
        while self.waiting and time.monotonic() < ended:
            finished, _ = wait(self.waiting, timeout=ended - time.monotonic(), return_when=FIRST_COMPLETED)
            for future in finished:
                del self.waiting[future]
                if future.exception() is None:
                    with contextlib.suppress(LeftOutError):  # with fail_fast: the first was told
                        self.done(future.result())

    def close(self) -> None:
        """End the workers, whatever they do."""
        self.pool.shutdown(wait=not self.waiting, cancel_futures=True)
        if self.waiting:
            ours = set(multiprocessing.active_children()) - self.others
            for process in ours:
                process.kill()
            for process in ours:
                process.join()

    def _collect(self) -> None:
        finished, _ = wait(self.waiting, return_when=FIRST_COMPLETED)
        broken = []
        for future in finished:
            report = self.waiting.pop(future)
            try:
                outcome = future.result()
            except BrokenProcessPool:
                broken.append(report)
            else:
                self.done(outcome)
        if broken:
            self._one_by_one(broken)

    def _one_by_one(self, reports: list[Report]) -> None:
        """Do again what was lost with a worker: whatever brings one down is alone with it then."""
        lost, self.waiting = [*self.waiting.values()], {}
        self.pool.shutdown(wait=True, cancel_futures=True)
        for report in (*reports, *lost):
            self.pool = self._pool(1)
            future = self.pool.submit(_finish, report)
            self.waiting = {future: report}
            try:
                outcome = future.result()
            except BrokenProcessPool:
                lack = DeviceError("the process that rendered it was killed, for want of memory perhaps")
                outcome = failed(report.example, lack)
            self.waiting = {}
            self.pool.shutdown()
            self.done(outcome)
        self.pool = self._pool(self.workers)


def _begin(task: Task) -> None:
    """In a worker, before its first report."""
    global _task
    _task = task
    os.environ.update(task.environment)


def _finish(report: Report) -> Outcome:
    return units.finish(_task, report)


_task: Task
