"""Let one process at a time write to a folder, and say who it is.

The lock is the system's (`filelock`), which lets it go when a process ends, however it ends. Where a shared file system
does not carry such locks from one machine to another, the owner's sign of life does: a file that it touches.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import filelock

from reportgen.core import disk
from reportgen.core.errors import OutputError

LOCK, OWNER = "lock", "owner.json"
SIGN_EVERY, GONE_AFTER = 15.0, 90.0  # seconds between two signs of life, and without one until an owner counts as gone


@dataclass(frozen=True, slots=True)
class Owner:
    """Who writes to a folder."""

    pid: int
    host: str
    started: str  # ISO 8601, UTC

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.started}"


@contextlib.contextmanager
def held(folder: Path) -> Iterator[Owner | None]:
    """Hold the lock of a folder; gives the owner that has left it without an end, if there was one.

    Raises:
        OutputError: If another process holds it, or the disk does not take it.
    """
    with disk.errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    owner = folder / OWNER
    lock = filelock.FileLock(folder / LOCK, timeout=0, thread_local=False)
    with disk.errors(folder):
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise _refused(folder, _read(owner)) from error
    try:
        before = _read(owner)
        if before is not None and before.host != socket.gethostname() and _lives(owner):
            raise _refused(folder, before)
        me = Owner(os.getpid(), socket.gethostname(), datetime.now(UTC).isoformat(timespec="seconds"))
        try:
            with disk.errors(owner):
                owner.unlink(missing_ok=True)
                with owner.open("x", encoding="utf-8") as file:  # a new file, wherever a link has led
                    file.write(json.dumps(asdict(me)) + "\n")
            with _signs(owner):
                yield before
        finally:
            owner.unlink(missing_ok=True)
    finally:
        lock.release()


def _refused(folder: Path, owner: Owner | None) -> OutputError:
    hint = "wait until it has finished, or use another --output"
    if owner is None:
        return OutputError(f"{disk.shown(folder.parent)} is being written by another process", hint=hint)
    if owner.host == socket.gethostname():
        hint += f"; kill {owner.pid} stops it"
    return OutputError(f"{disk.shown(folder.parent)} is being written by {owner}", hint=hint)


def _read(path: Path) -> Owner | None:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        return Owner(int(plain["pid"]), str(plain["host"]), str(plain["started"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _lives(path: Path) -> bool:
    """Whether the owner has given a sign of life of late, by the clock of the file system."""
    probe = path.with_name("clock")
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime < GONE_AFTER
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)


@contextlib.contextmanager
def _signs(path: Path) -> Iterator[None]:
    """While open, the file is touched now and then."""
    ended = threading.Event()

    def touch() -> None:
        while not ended.wait(SIGN_EVERY):
            with contextlib.suppress(OSError):
                os.utime(path)

    thread = threading.Thread(target=touch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
