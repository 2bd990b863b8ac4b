"""Let one process at a time write to a folder, and say who it is.

Both locks are `filelock`'s. The system's own is free again when its process ends, however it ends. Where a shared file
system does not carry it from one machine to another, the lease does: the owner renews it as long as it lives.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import filelock

from reportgen.core.errors import OutputError
from reportgen.core.files import disk, json_text, regular_files
from reportgen.core.nouns import plain_values

LOCK, LEASE, OWNER = "lock", "lease", "owner.json"
MOST_BYTES = 10_000  # of any of them
# Seconds between two signs of life, and without one until an owner on another machine counts as gone. All processes
# that share a folder have to agree on the second.
SIGN_EVERY, GONE_AFTER = 10.0, 60.0


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that writes to a folder."""

    pid: int
    host: str
    started: str  # ISO 8601, UTC

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.started}"


@contextlib.contextmanager
def held(folder: Path) -> Iterator[Owner | None]:
    """Hold the lock of a folder; gives the owner that has left it without an end, if there was one.

    Waits for up to a minute where the owner is on another machine, for a sign of life.

    Raises:
        OutputError: If another process holds it, or the disk does not take it.
    """
    owner = folder / OWNER
    with contextlib.ExitStack() as locks:
        with disk.errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            _check_files(folder)
            try:
                locks.enter_context(filelock.FileLock(folder / LOCK, timeout=0, thread_local=False))
                locks.enter_context(_lease(folder / LEASE))
            except filelock.Timeout as error:
                raise _refused(folder, _read(owner)) from error
            before = _read(owner)
            me = Owner(os.getpid(), socket.gethostname(), datetime.now(UTC).isoformat(timespec="seconds"))
            locks.callback(owner.unlink, missing_ok=True)
            owner.unlink(missing_ok=True)
            with owner.open("x", encoding="utf-8") as file:  # a new file, wherever a link has led
                file.write(json.dumps(asdict(me)) + "\n")
        yield before


def _check_files(folder: Path) -> None:
    """Refuse a folder in which a link or a pipe is in the place of a lock: it may have come from elsewhere."""
    for path in (folder / LOCK, folder / LEASE):
        if path.is_symlink():
            raise OutputError(f"{disk.shown(path)} is a symbolic link", hint="remove it")
        with contextlib.suppress(FileNotFoundError):
            regular_files.check(path, most=MOST_BYTES)


def _lease(path: Path) -> filelock.AcquireReturnProxy[filelock.SoftFileLease]:
    """The lease, when its owner has given no sign of life for long enough; `Timeout` as soon as it gives one."""
    lease = filelock.SoftFileLease(
        path, lease_duration=GONE_AFTER, heartbeat_interval=SIGN_EVERY, thread_local=False, poll_interval=0.2
    )
    _drop_unwritten(path)
    first = _sign(path)
    return lease.acquire(timeout=GONE_AFTER + SIGN_EVERY, cancel_check=lambda: _sign(path) not in (None, first))


def _drop_unwritten(path: Path) -> None:
    """Remove a lease without a record: its owner was killed before it wrote one, and filelock would wait for ever.

    A living owner renews the lease, so that its time changes.
    """
    with contextlib.suppress(OSError):
        before = path.stat()
        if before.st_size:
            return
        time.sleep(SIGN_EVERY + 1)
        after = path.stat()
        if (after.st_size, after.st_mtime_ns) == (0, before.st_mtime_ns):
            path.unlink()


def _sign(path: Path) -> float | None:
    """When the owner of a lease has last renewed it."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _refused(folder: Path, owner: Owner | None) -> OutputError:
    hint = "wait until it has finished, or use another --output"
    if owner is None:
        return OutputError(f"{disk.shown(folder.parent)} is being written by another process", hint=hint)
    if owner.host == socket.gethostname():
        hint += f"; kill {owner.pid} stops it"
    return OutputError(f"{disk.shown(folder.parent)} is being written by {owner}", hint=hint)


def _read(path: Path) -> Owner | None:
    try:
        return plain_values.restored(Owner, json_text.parse(regular_files.read(path, most=MOST_BYTES)))
    except (OSError, ValueError, RecursionError):
        return None
