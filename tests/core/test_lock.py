"""lock: one process at a time writes to a folder, and says who it is."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reportgen.core import lock
from reportgen.core.errors import OutputError

HOLD = """
import sys, time
from pathlib import Path
from reportgen.core import lock
with lock.held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_process_is_refused_and_told_by_whom(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    with pytest.raises(OutputError, match=rf"by process {other.pid} on {socket.gethostname()}, since 2\d") as caught:
        lock.held(tmp_path).__enter__()
    assert f"kill {other.pid}" in (caught.value.hint or "")


def test_the_lock_of_a_process_that_was_killed_is_taken_over(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    with lock.held(tmp_path) as before:
        assert before is not None
        assert before.pid == other.pid
        assert json.loads((tmp_path / lock.OWNER).read_text())["pid"] == os.getpid()


def test_a_lock_that_was_let_go_leaves_nobody(tmp_path: Path) -> None:
    with lock.held(tmp_path) as before:
        assert before is None
    with lock.held(tmp_path) as before:
        assert before is None


def test_an_error_within_lets_the_lock_go(tmp_path: Path) -> None:
    with pytest.raises(KeyError), lock.held(tmp_path):
        raise KeyError
    with lock.held(tmp_path) as before:
        assert before is None


@pytest.mark.parametrize(("age", "refused"), [(0, True), (60, True), (100, False)])
def test_an_owner_on_another_machine_is_alive_as_long_as_it_gives_signs(
    tmp_path: Path, age: float, refused: bool
) -> None:
    owner = tmp_path / lock.OWNER
    owner.write_text(json.dumps({"pid": 7, "host": "another-machine", "started": "2026-01-01T00:00:00+00:00"}))
    then = time.time() - age
    os.utime(owner, (then, then))
    if refused:
        with pytest.raises(OutputError, match="process 7 on another-machine"):
            lock.held(tmp_path).__enter__()
        assert json.loads(owner.read_text())["pid"] == 7
    else:
        with lock.held(tmp_path) as before:
            assert before is not None


def test_the_owner_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "SIGN_EVERY", 0.01)
    with lock.held(tmp_path):
        os.utime(tmp_path / lock.OWNER, (0, 0))
        ended = time.monotonic() + 30
        while (tmp_path / lock.OWNER).stat().st_mtime < 1 and time.monotonic() < ended:
            time.sleep(0.01)
        assert (tmp_path / lock.OWNER).stat().st_mtime > 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}'])
def test_an_owner_that_cannot_be_read_is_nobody(tmp_path: Path, content: str) -> None:
    (tmp_path / lock.OWNER).write_text(content)
    with lock.held(tmp_path) as before:
        assert before is None


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        lock.held(tmp_path / "file" / "batch").__enter__()


def test_a_worker_process_does_not_hold_the_lock(tmp_path: Path) -> None:
    with lock.held(tmp_path):
        worker = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(30,))
        worker.start()
    try:
        with lock.held(tmp_path) as before:
            assert before is None
    finally:
        worker.kill()
        worker.join()
