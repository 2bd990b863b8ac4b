"""Read and render the reports of a site, each on its own, in worker processes.

A report that cannot be read or rendered gives a note in place of its page; that the disk takes no more ends the build.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from reportgen.core import workers as processes
from reportgen.core.clock import Clock
from reportgen.core.errors import DeviceError, ReportgenError
from reportgen.report import store
from reportgen.site import cards, dead_links, find_reports, report_page
from reportgen.site import folder as site_folder
from reportgen.site.cards import Card
from reportgen.site.find_reports import Found, Note
from reportgen.site.folder import Made
from reportgen.site.settings import SiteConfig

FEW = 3  # jobs that are done before a worker process has started


@dataclass(frozen=True, slots=True)
class PageJob:
    """A page to render, with all that it depends on."""

    found: Found
    card: Card
    key: str  # hash of all this
    config: SiteConfig
    note: str | None  # of the site on this report
    previous: Card | None
    next: Card | None
    output: Path  # the site


class Named(Protocol):
    """A job about one report."""

    @property
    def name(self) -> str:
        """Of the report."""


Job = TypeVar("Job")
Answer = TypeVar("Answer")


@dataclass(slots=True)
class Pool:
    """Worker processes, started when there is enough to do."""

    workers: int
    _pool: ProcessPoolExecutor | None = field(default=None)

    def __call__(
        self, work: Callable[[Job], tuple[str, Answer]], jobs: Sequence[Job], what: str, clock: Clock
    ) -> Iterator[tuple[str, Answer]]:
        """Do all jobs, and give their answers as they come.

        Raises:
            DeviceError: If a process was ended from outside.
        """
        if not jobs:
            return
        with clock.track(what, len(jobs)) as advance:
            answers = self._elsewhere(work, jobs) if self.workers > 1 and len(jobs) > FEW else map(work, jobs)
            for answer in answers:
                yield answer
                advance(1)

    def _elsewhere(
        self, work: Callable[[Job], tuple[str, Answer]], jobs: Sequence[Job]
    ) -> Iterator[tuple[str, Answer]]:
        if self._pool is None:
            self._pool = processes.pool(self.workers)
        try:
            for done in as_completed([self._pool.submit(work, job) for job in jobs]):
                yield done.result()
        except BrokenProcessPool as error:
            raise DeviceError(
                "a process that renders was ended from outside; memory may have run out",
                hint="run the same command again to go on, with fewer --workers",
            ) from error

    def end(self) -> None:
        """Let the processes go, without what they have not begun."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def pool(workers: int) -> Iterator[Pool]:
    """Worker processes for one build."""
    made = Pool(workers)
    try:
        yield made
    finally:
        made.end()


def read_card(found: Found) -> tuple[str, Card | Note]:
    """The card of a report; a note where its files are not as they were written, or not what they should be."""
    try:
        wrong = find_reports.problem(found, found.files)
        if wrong:
            return found.name, Note("left out", wrong)
        report = store.load(found.folder)
        made = cards.card(report, name=found.name, files=sorted(found.files))
        json.dumps(cards.plain(made), ensure_ascii=False, allow_nan=False).encode()  # or no page could hold it
        return found.name, made
    except Exception as error:  # whatever it is, the other reports are worth showing
        return found.name, _left_out(found, error)


def render_page(job: PageJob) -> tuple[str, Made | Note]:
    """Stage the page of a report with what belongs to it; a note where that cannot be made.

    Raises:
        OutputError: If the disk does not take it.
    """
    found = job.found
    try:
        wrong = find_reports.problem(found, found.files)
        if wrong:
            return found.name, Note("left out", wrong)
        files, linked = _files(job)
    except Exception as error:  # whatever it is, the other reports are worth showing
        return found.name, _left_out(found, error)
    return found.name, site_folder.stage(job.output, job.key, files, linked)


def _files(job: PageJob) -> tuple[dict[str, bytes], tuple[tuple[str, bool], ...]]:
    """The files of a report in the site, its page last, and the links of the page."""
    found = job.found
    made = report_page.for_site(
        found.folder,
        job.card,
        job.config,
        files={*found.files, *find_reports.drawings(found)},
        note=job.note,
        previous=job.previous,
        following=job.next,
    )
    offered = [
        name for name in store.OFFERED if name in found.files and (name != "report.html" or job.config.downloads)
    ]
    files = {name: (found.folder / name).read_bytes() for name in offered}
    files |= {"card.png": made.picture, "index.html": made.html.encode()}
    linked = dead_links.outward(dead_links.read(made.html)).links
    return {f"reports/{found.name}/{name}": content for name, content in files.items()}, linked


def _left_out(found: Found, error: Exception) -> Note:
    said = error.message if isinstance(error, ReportgenError) else f"{type(error).__name__}: {error}"
    return Note("left out", said if str(found.folder) in said else f"{found.folder}: {said}")
