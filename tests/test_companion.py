"""companion: a process beside that of the run, which draws and typesets."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reportgen import companion
from reportgen.companion import Companion
from reportgen.core import workers
from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.errors import RefusedError
from reportgen.core.records import Report, ReportWarning
from reportgen.report import present
from tests import reports

ALL = Config(format=("html", "pdf", "tables", "charts"))


@pytest.fixture
def beside() -> Iterator[Companion]:
    made = Companion(ALL)
    yield made
    made.close()


def files(report: Report, config: Config, other: Companion | None = None) -> tuple[Report, dict[str, bytes]]:
    return present.present(report, config, Clock(), other)


def kill(other: Companion) -> None:
    for process in other._processes:
        process.kill()
        process.join()


@pytest.mark.parametrize("formats", [("html", "pdf", "tables", "charts"), ("html",), ("pdf",), ("figures", "latex")])
def test_the_files_are_those_of_a_run_alone(beside: Companion, formats: tuple[Any, ...]) -> None:
    """To the byte, whatever is asked for."""
    report, config = reports.report("one two three"), Config(format=formats)
    alone, together = files(report, config), files(report, config, beside)
    assert together[1].keys() == alone[1].keys()
    for name, content in alone[1].items():
        assert together[1][name] == content, name
    assert together[0] == alone[0]


def test_tables_are_attached_that_were_made_here(beside: Companion) -> None:
    report, config = reports.report("one two three"), Config(format=("pdf",), pdf_variant="a-3u")
    assert files(report, config, beside)[1] == files(report, config)[1]


def test_a_page_that_is_too_large_is_a_warning_in_the_document_too(beside: Companion) -> None:
    """What was typeset before the page was made is typeset again."""
    report, config = reports.report("one two"), Config(format=("html", "pdf"), max_html_mb=0.1)
    alone, together = files(report, config), files(report, config, beside)
    assert [warning.code for warning in together[0].warnings] == ["large-page"]
    assert together[1] == alone[1]


def lack(warnings: tuple[ReportWarning, ...], _: object) -> present.Document:
    return (*warnings, ReportWarning("missing-glyphs", "No font here has U+A66E.")), b"%PDF"


def test_a_warning_that_only_typesetting_finds_stands_in_the_page(
    beside: Companion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(companion, "_typeset", lack)
    report, made = files(reports.report("one"), ALL, beside)
    assert [warning.code for warning in report.warnings] == ["missing-glyphs"]
    assert b'data-code="missing-glyphs"' in made["report.html"]
    assert b"missing-glyphs" in made["report.json"]
    assert made["report.pdf"] == b"%PDF"


@pytest.mark.parametrize(("limit", "begun"), [(None, ["_draw", "_typeset"]), (0.1, ["_draw", "_typeset", "_typeset"])])
def test_nothing_is_done_twice_without_need(
    beside: Companion, monkeypatch: pytest.MonkeyPatch, limit: float | None, begun: list[str]
) -> None:
    """Only warnings that were not known have the document made anew, and the next report has its own."""
    submit, works = beside._pool.submit, []

    def noted(work: Any, *given: Any) -> Any:
        works.append(work.__name__)
        return submit(work, *given)

    monkeypatch.setattr(beside._pool, "submit", noted)
    config = Config(format=("html", "pdf"), max_html_mb=limit)
    first, second = (files(reports.report(text), config, beside)[1] for text in ("one", "two"))
    assert works == begun * 2
    assert first["report.pdf"] != second["report.pdf"]


def test_lists_of_links_stay_here() -> None:
    """They are most of a report's bytes, and nothing that is drawn or typeset shows them."""
    report = reports.report("one two three")
    light = companion._without_lists(report)
    assert light.attention.attended_weights.size == light.attention.attending_positions.size == 0
    assert light.attention.shape == report.attention.shape
    assert report.attention.attended_weights.size > 0


def test_what_a_dead_companion_does_not_do_is_done_here(beside: Companion) -> None:
    kill(beside)
    report = reports.report("one two three")
    assert files(report, ALL, beside)[1] == files(report, ALL)[1]


def test_one_that_dies_after_it_has_drawn_costs_nothing(beside: Companion, monkeypatch: pytest.MonkeyPatch) -> None:
    make_parts = present.make_parts

    def then_dies(*given: Any, **how: Any) -> Any:
        kill(beside)
        return make_parts(*given, **how)

    report = reports.report("one two three")
    wanted = files(report, ALL)[1]
    monkeypatch.setattr(present, "make_parts", then_dies)
    assert files(report, ALL, beside)[1] == wanted


def refuse(*_: object) -> None:
    raise RefusedError("the document asks for a URL: https://example.org", hint="a hint")


def stumble(*_: object) -> None:
    raise ValueError("no such font")


def test_an_address_in_the_document_is_refused_there_as_here(
    beside: Companion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error crosses from one process to the other with its hint."""
    monkeypatch.setattr(companion, "_typeset", refuse)
    with pytest.raises(RefusedError, match="asks for a URL") as raised:
        files(reports.report("one"), ALL, beside)
    assert raised.value.hint == "a hint"


def test_a_document_that_cannot_be_made_there_is_a_warning(beside: Companion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companion, "_typeset", stumble)
    report, made = files(reports.report("one"), ALL, beside)
    assert [warning.code for warning in report.warnings] == ["no-pdf"]
    assert "report.pdf" not in made
    assert b"no such font" in made["report.html"]


def test_it_ends_whatever_it_does() -> None:
    before = multiprocessing.active_children()
    other = Companion(ALL)
    other._start(time.sleep, 600)
    began = time.monotonic()
    other.close()
    assert multiprocessing.active_children() == before
    assert time.monotonic() - began < 60


def test_it_dies_with_the_process_it_works_for() -> None:
    program = (
        "import sys, time; from reportgen.companion import Companion; from reportgen.core.config import Config\n"
        "if __name__ == '__main__':\n"
        "    other = Companion(Config(text='a', format=('html',)))\n"
        "    print(*(process.pid for process in other._processes), flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        time.sleep(2)  # so that it has begun
        run.kill()
    for _ in range(300):
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the companion outlived its run")


def test_there_is_none_where_it_would_not_help(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is needed is loaded; nothing is drawn; one core for both."""
    with companion.beside(ALL) as other:
        assert other is None
    monkeypatch.delitem(sys.modules, "weasyprint")
    for config in (Config(format=("tables",)), Config(format=("html",))):
        with companion.beside(config) as other:
            assert other is None
    monkeypatch.setattr(workers, "cores", lambda: 1)
    with companion.beside(ALL) as other:
        assert other is None


def test_there_is_one_where_something_has_to_be_loaded_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "weasyprint")
    monkeypatch.setattr(workers, "cores", lambda: 2)
    with companion.beside(ALL) as other:
        assert other is not None
    assert not any(process.is_alive() for process in other._processes)
