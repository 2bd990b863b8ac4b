"""lock: one process at a time writes to a folder, and says who it is."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reportgen.core.errors import OutputError
from reportgen.core.files import lock

HOLD = """
import sys, time
from pathlib import Path
from reportgen.core.files import lock
with lock.held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def holding(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs *program*, from when it holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock."""
    yield from holding(HOLD, str(tmp_path))


def test_a_second_process_is_refused_and_told_by_whom(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    with pytest.raises(OutputError, match=rf"by process {other.pid} on {socket.gethostname()}, since 2\d") as caught:
        lock.held(tmp_path).__enter__()
    assert f"kill {other.pid}" in (caught.value.hint or "")


def test_the_lock_of_a_process_that_was_killed_is_taken_over(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    began = time.monotonic()
    with lock.held(tmp_path) as before:
        assert time.monotonic() - began < lock.SIGN_EVERY  # at once: that it is dead can be seen here
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


ELSEWHERE = """
import json, os, socket, sys, time
from pathlib import Path
socket.gethostname = lambda: "another-machine"
import filelock
folder, every, gone = Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
lease = filelock.SoftFileLease(folder / "lease", lease_duration=gone, heartbeat_interval=every)
lease.acquire()
owner = {"pid": 7, "host": "another-machine", "started": "2026-01-01T00:00:00+00:00"}
(folder / "owner.json").write_text(json.dumps(owner))
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock and says that it is on another machine, whose system's locks do not reach here."""
    monkeypatch.setattr(lock, "SIGN_EVERY", 0.2)
    monkeypatch.setattr(lock, "GONE_AFTER", 3.0)
    yield from holding(ELSEWHERE, str(tmp_path), "0.2", "3.0")


def test_an_owner_on_another_machine_that_gives_signs_of_life_is_left_alone(
    tmp_path: Path, elsewhere: subprocess.Popen[str]
) -> None:
    with pytest.raises(OutputError, match="by process 7 on another-machine, since 2026") as caught:
        lock.held(tmp_path).__enter__()
    assert "kill" not in (caught.value.hint or "")
    assert json.loads((tmp_path / lock.OWNER).read_text())["pid"] == 7
    assert (tmp_path / lock.LEASE).exists()


@pytest.mark.parametrize("ended", [signal.SIGKILL, signal.SIGSTOP])
def test_an_owner_on_another_machine_without_a_sign_of_life_is_gone(
    ended: signal.Signals, tmp_path: Path, elsewhere: subprocess.Popen[str]
) -> None:
    """Not at once: whether its process lives cannot be seen from here."""
    began = time.monotonic()
    elsewhere.send_signal(ended)
    with lock.held(tmp_path) as before:
        assert before is not None
        assert before.pid == 7
        assert time.monotonic() - began > 2.9
        assert json.loads((tmp_path / lock.OWNER).read_text())["pid"] == os.getpid()


def test_an_owner_on_another_machine_that_ends_makes_room(tmp_path: Path, elsewhere: subprocess.Popen[str]) -> None:
    elsewhere.send_signal(signal.SIGSTOP)  # it gives no sign that would end the wait
    threading.Timer(0.5, (tmp_path / lock.LEASE).unlink).start()
    began = time.monotonic()
    with lock.held(tmp_path):
        assert 0.4 < time.monotonic() - began < 2.9


def test_the_owner_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "SIGN_EVERY", 0.01)
    with lock.held(tmp_path):
        os.utime(tmp_path / lock.LEASE, (0, 0))
        ended = time.monotonic() + 30
        while (tmp_path / lock.LEASE).stat().st_mtime < 1 and time.monotonic() < ended:
            time.sleep(0.01)
        assert (tmp_path / lock.LEASE).stat().st_mtime > 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [lock.LOCK]


def test_a_lease_whose_owner_was_killed_before_it_wrote_its_record_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In filelock 4.2.12 others wait for such an owner for ever, however long its lease."""
    monkeypatch.setattr(lock, "SIGN_EVERY", 0.01)
    (tmp_path / lock.LEASE).touch()
    with lock.held(tmp_path) as before:
        assert before is None
        assert (tmp_path / lock.LEASE).stat().st_size > 0


def test_a_lease_without_a_record_that_is_renewed_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "SIGN_EVERY", 0.01)
    (tmp_path / lock.LEASE).touch()
    threading.Timer(0.5, os.utime, (tmp_path / lock.LEASE, (0, 0))).start()
    lock._drop_unwritten(tmp_path / lock.LEASE)
    assert (tmp_path / lock.LEASE).exists()


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
