"""local: the model here, rendering in worker processes; what a lost worker or a signal costs."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reportgen.batch import local, units
from reportgen.batch import run as batch
from reportgen.batch.run import Batch, How
from reportgen.batch.select import Selection
from reportgen.batch.units import Outcome, Task, Unit
from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.errors import OutputError
from reportgen.core.nouns.records import Report
from tests import batches, kills

pytestmark = pytest.mark.usefixtures("epoch")
COUNT = 8


@pytest.fixture
def asked(folder: Path, tmp_path: Path) -> Config:
    return batches.config(folder, batches.rows(tmp_path / "data.jsonl", COUNT), tmp_path / "out")


def make(asked: Config, engine: Any) -> Batch:
    return batch.run(asked, Selection(), Clock(), engine=engine, how=How())


def test_workers_make_what_one_process_makes(asked: Config, tmp_path: Path) -> None:
    inline = batches.make(batches.config(Path(asked.model), Path(asked.dataset or ""), tmp_path / "inline"))
    made = make(asked, batch.this_machine(2))
    assert made.made == COUNT
    assert batches.contents(made.folder) == batches.contents(inline.folder)
    assert multiprocessing.active_children() == []


def test_rendering_needs_no_torch(asked: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "poison").mkdir()
    (tmp_path / "poison" / "torch.py").write_text("raise ImportError('torch was imported')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "poison"))  # of the workers: here torch is loaded already
    assert make(asked, batch.this_machine(1)).made == COUNT


class Killing(local.Local):
    """An engine whose workers are killed as soon as they are at a report, so many times."""

    times = 1

    def run(self, task: Task, batch: Iterable[Unit], done: Callable[[Outcome], None]) -> None:
        stop = threading.Event()

        def kill() -> None:
            left = self.times
            while left and not stop.wait(0.001):
                if task.folder.is_dir() and kills.left(task.folder):
                    for child in multiprocessing.active_children():
                        child.kill()
                    left -= 1
                    time.sleep(0.5)

        thread = threading.Thread(target=kill)
        thread.start()
        try:
            super().run(task, batch, done)
        finally:
            stop.set()
            thread.join()


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_no_report(asked: Config, tmp_path: Path) -> None:
    inline = batches.make(batches.config(Path(asked.model), Path(asked.dataset or ""), tmp_path / "inline"))
    made = make(asked, lambda load: Killing(2, load))
    assert (made.made, made.failed) == (COUNT, 0)
    assert batches.contents(made.folder) == batches.contents(inline.folder)


def end(task: Task, report: Report) -> Outcome:
    """What renders, but for one report that brings down its process."""
    if report.example.index == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return units.finish(task, report)


@pytest.mark.slow
def test_a_report_that_brings_its_worker_down_fails_alone(asked: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "finish", end)
    made = make(asked, batch.this_machine(2))
    assert (made.made, made.failed) == (COUNT - 1, 1)
    assert "killed" in str(made.outcomes[3].error)
    monkeypatch.undo()
    os.environ["SOURCE_DATE_EPOCH"] = batches.EPOCH
    assert make(asked, batch.this_machine(2)).made == 1


def full(_: Task, __: Report) -> Outcome:
    """What renders, on a disk that is full."""
    raise OutputError("no space left", hint="make room")


def test_what_stands_against_all_reports_stops_the_batch(asked: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "finish", full)
    with pytest.raises(OutputError, match="no space left") as caught:
        make(asked, batch.this_machine(1))
    assert caught.value.hint == "make room"
    assert multiprocessing.active_children() == []


def slow(task: Task, report: Report) -> Outcome:
    """What renders, in a minute."""
    time.sleep(60)
    return units.finish(task, report)


@pytest.mark.slow
@pytest.mark.parametrize("signals", [1, 2])
def test_a_signal_ends_the_workers_in_time(asked: Config, monkeypatch: pytest.MonkeyPatch, signals: int) -> None:
    monkeypatch.setattr(units, "finish", slow)
    monkeypatch.setattr(local, "GRACE", 1.0 if signals == 1 else 600.0)

    def interrupt() -> None:
        while not multiprocessing.active_children():
            time.sleep(0.01)
        for _ in range(signals):
            time.sleep(1)
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        make(asked, batch.this_machine(1))
    thread.join()
    assert multiprocessing.active_children() == []
    assert kills.left(Path(asked.output or "")) == []


def test_what_is_being_written_at_a_signal_is_finished_and_known(
    asked: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = local.Local._reports

    def reports(self: Any, task: Task, batch: Iterable[Unit], done: Callable[[Outcome], None]) -> Iterator[Report]:
        yield from itertools.islice(really(self, task, batch, done), 3)
        raise KeyboardInterrupt

    monkeypatch.setattr(local.Local, "_reports", reports)
    with pytest.raises(KeyboardInterrupt):
        make(asked, batch.this_machine(1))
    monkeypatch.undo()
    os.environ["SOURCE_DATE_EPOCH"] = batches.EPOCH
    lines = (Path(asked.output or "") / ".batch" / "journal.jsonl").read_text().splitlines()
    assert 1 <= len(lines) <= 3
    made = make(asked, batch.this_machine(1))
    assert (made.known, made.made) == (len(lines), COUNT - len(lines))
