"""Run a batch on this machine: the model runs here, and worker processes render at the same time.

`core/processes/workers.py` says what happens if a worker is killed.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reportgen.batch import units
from reportgen.batch.units import Outcome, Task, Unit, failed
from reportgen.core.errors import DeviceError, LeftOutError
from reportgen.core.nouns.records import Report
from reportgen.core.processes.workers import Pool

if TYPE_CHECKING:
    from reportgen.model.classifier import Classifier

GRACE = 6.0  # seconds that reports which are being written have to be finished when a batch is stopped
RENEWED = 200  # reports after which a worker makes room for another: what libraries keep in memory goes with it
Done = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Local:
    """This machine."""

    workers: int  # processes that render
    load: Callable[[], Classifier]  # the model, loaded when it is needed first

    def run(self, task: Task, batch: Iterable[Unit], done: Done) -> None:
        """Make the missing reports of a batch; *done* receives each outcome, in this thread, when it is in place.

        Raises:
            ReportgenError: An error of all reports: a full disk, a model that cannot be loaded.
        """
        with Pool(self.workers, renewed=RENEWED) as pool:
            try:
                for report, outcome in pool.results(
                    functools.partial(units.finish, task), self._reports(task, batch, done)
                ):
                    killed = DeviceError("the process that rendered it was killed, perhaps for lack of memory")
                    done(outcome or failed(report.example, killed, task.config))
            except BaseException:  # a second signal ends this, too
                for outcome in pool.wind_up(GRACE):
                    with contextlib.suppress(LeftOutError):  # with fail_fast: the first was reported
                        done(outcome)
                raise

    def _reports(self, task: Task, batch: Iterable[Unit], done: Done) -> Iterator[Report]:
        """Reports that are not written yet."""
        reader = None
        for unit in batch:
            reader = reader or units.open_reader(task, self.load())
            for made in units.analyse(task, reader, unit):
                if isinstance(made, Outcome):
                    done(made)
                else:
                    yield made
