"""A process beside that of the run, which draws and typesets while this one goes on.

While the model is loaded and reads, it imports what drawing and typesetting need, and does each once on next to
nothing, for the first time takes longest. Then it draws the charts while this process writes tables, and typesets the
PDF while this one makes the page.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

from reportgen import presentation, workers
from reportgen.clock import Clock
from reportgen.config import Config
from reportgen.presentation import Figures
from reportgen.records import Parts, Rankings, Report, ReportWarning, Scores

NEEDS = {"html": "altair", "pdf": "weasyprint"}  # what takes long to import, by the format that needs it
Document = tuple[tuple[ReportWarning, ...], bytes]  # the warnings of the report as it was typeset, and the PDF


@contextlib.contextmanager
def beside(config: Config) -> Iterator[Companion | None]:
    """While open, a companion for a run.

    None where nothing is to be drawn, where this process is ready for that itself, or where both would share a core.
    """
    wanted = {NEEDS[kind] for kind in config.format if kind in NEEDS}
    if wanted <= set(sys.modules) or workers.cores() < 2:
        yield None
        return
    companion = Companion(config)
    try:
        yield companion
    finally:
        companion.close()


class Companion:
    """The process, seen from here. What it does not do, because it died, is done here."""

    def __init__(self, config: Config) -> None:
        others = set(multiprocessing.active_children())
        self._pool = workers.pool(1, begin=_get_ready, given=("pdf" in config.format,))
        self._pool.submit(int)  # the process begins with the first task
        self._processes = set(multiprocessing.active_children()) - others

    def draw(self, report: Report, scores: Scores, rankings: Rankings, config: Config) -> Callable[[], Figures]:
        """Begin to draw; call what is returned to wait for the figures."""
        return self._start(
            lambda: presentation.draw_figures(report, scores, rankings, config), _draw, report, scores, rankings, config
        )

    def typeset(self, report: Report, parts: Parts, made: dict[str, bytes], config: Config) -> Callable[[], Document]:
        """Begin to typeset what was drawn before; call what is returned to wait for the PDF.

        Whatever `presentation.make_document` raises is raised then.
        """

        def here() -> Document:
            changed, data = presentation.make_document(report, parts, made, config)
            return changed.warnings, data

        return self._start(here, _typeset, report.warnings, made)

    def close(self) -> None:
        """End it, whatever it does."""
        for process in self._processes:
            process.kill()
        self._pool.shutdown(cancel_futures=True)

    def _start(self, here: Callable[[], Any], work: Callable[..., Any], *given: Any) -> Callable[[], Any]:
        """Have *work* done there, and give what waits for it; *here* does the same in this process."""
        try:
            future = self._pool.submit(work, *given)
        except BrokenProcessPool:
            return here

        def wait() -> Any:
            try:
                return future.result()
            except BrokenProcessPool:
                return here()

        return wait


def _get_ready(typeset: bool) -> None:
    """There, at the beginning: whatever goes wrong now is told when it is needed."""
    with contextlib.suppress(Exception):
        if typeset:
            from reportgen import typesetting

            typesetting.typeset("<p>.</p>")
        from reportgen import charts, drawing, findings, render  # noqa: F401  imported for later

        drawing.svg({"data": {"values": [{"a": 1}]}, "mark": "point", "encoding": {"x": {"field": "a"}}}, key="first")
        render.environment().get_template("document.html.j2")


def _draw(report: Report, scores: Scores, rankings: Rankings, config: Config) -> Figures:
    """There: the figures, which are kept for the document."""
    global _drawn
    figures = presentation.draw_figures(report, scores, rankings, config)
    _drawn = (report, scores, rankings, config, figures)
    return figures


def _typeset(warnings: tuple[ReportWarning, ...], made: dict[str, bytes]) -> Document:
    """There: the document of what was drawn."""
    report, scores, rankings, config, figures = _drawn
    alone = replace(config, format=("pdf",))
    parts = presentation.make_parts(report, scores, rankings, alone, Clock(), figures=figures)
    changed, data = presentation.make_document(replace(report, warnings=warnings), parts, made, config)
    return changed.warnings, data


_drawn: tuple[Report, Scores, Rankings, Config, Figures]
