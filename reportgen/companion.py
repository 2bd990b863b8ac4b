"""A process beside that of the run, which draws and typesets while this one goes on.

While the model is loaded and reads, it imports what drawing and typesetting need, and does each once on next to
nothing, for the first time takes longest. Then it draws the charts and goes on to typeset the PDF, while this process
makes the tables, the figures of a manuscript and the page.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

from reportgen.core import workers
from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.records import Rankings, Report, ReportWarning, Scores
from reportgen.report import present
from reportgen.report.present import Document, Figures

NEEDS = {"html": "altair", "pdf": "weasyprint"}  # what takes long to import, by the format that needs it


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
    """The process, seen from here. What is waited for is None where it died: the work is then to be done here."""

    def __init__(self, config: Config) -> None:
        others = set(multiprocessing.active_children())
        self._pool = workers.pool(1, begin=_get_ready, given=("pdf" in config.format,))
        self._pool.submit(int)  # the process begins with the first task
        self._processes = set(multiprocessing.active_children()) - others
        self._typeset: dict[tuple[ReportWarning, ...], Callable[[], Document | None]] = {}

    def draw(self, report: Report, scores: Scores, rankings: Rankings, config: Config) -> Callable[[], Figures | None]:
        """Begin to draw; call what is returned to wait for the figures."""
        self._typeset.clear()
        return self._start(_draw, _without_lists(report), scores, rankings, config)

    def typeset(self, warnings: tuple[ReportWarning, ...], attached: dict[str, bytes]) -> Callable[[], Document | None]:
        """Begin to typeset what is drawn; call what is returned to wait for the PDF.

        What was begun with the same warnings is not begun again. Whatever `presentation.make_document` raises is
        raised while it is waited for.

        Args:
            warnings: Those of the report by now.
            attached: What the PDF carries, by name.
        """
        if warnings not in self._typeset:
            self._typeset[warnings] = self._start(_typeset, warnings, attached)
        return self._typeset[warnings]

    def close(self) -> None:
        """End it, whatever it does."""
        for process in self._processes:
            process.kill()
        self._pool.shutdown(cancel_futures=True)

    def _start(self, work: Callable[..., Any], *given: Any) -> Callable[[], Any]:
        """Have *work* done there, and give what waits for it."""
        try:
            future = self._pool.submit(work, *given)
        except BrokenProcessPool:
            return lambda: None

        def wait() -> Any:
            try:
                return future.result()
            except BrokenProcessPool:
                return None

        return wait


def _without_lists(report: Report) -> Report:
    """The report without most of its bytes: only tables and page show who attends to whom, and how much.

    The positions stay, for their number is told in words.
    """
    attention = report.attention
    lists = ("attended_weights", "attending_positions", "attending_weights")
    return replace(report, attention=replace(attention, **{name: getattr(attention, name)[..., :0] for name in lists}))


def _get_ready(typeset: bool) -> None:
    """There, at the beginning: whatever goes wrong now is told when it is needed."""
    with contextlib.suppress(Exception):
        if typeset:
            from reportgen.report.paper import typesetting

            typesetting.typeset("<p>.</p>")
        from reportgen.report.draw import vega
        from reportgen.report.page import render

        vega.svg({"data": {"values": [{"a": 1}]}, "mark": "point", "encoding": {"x": {"field": "a"}}}, key="first")
        render.environment().get_template("document.html.j2")


def _draw(report: Report, scores: Scores, rankings: Rankings, config: Config) -> Figures:
    """There: the figures, which are kept for the document."""
    global _drawn
    figures = present.draw_figures(report, scores, rankings, config)
    _drawn = (report, scores, rankings, config, figures)
    return figures


def _typeset(warnings: tuple[ReportWarning, ...], attached: dict[str, bytes]) -> Document:
    """There: the document of what was drawn."""
    report, scores, rankings, config, figures = _drawn
    alone = replace(config, format=("pdf",))
    parts = present.make_parts(report, scores, rankings, alone, Clock(), draw=lambda: figures)
    return present.make_document(replace(report, warnings=warnings), parts, attached, config)


_drawn: tuple[Report, Scores, Rankings, Config, Figures]
