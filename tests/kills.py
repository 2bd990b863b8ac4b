"""Kill a real process before any step that it takes on the disk: a copy of this one, so that nothing is imported again.

Steps are seen by an audit hook, which lives in the copy alone: files opened for writing, everything that is made,
renamed, truncated or removed, and every sync.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reportgen.core.files import disk

STEPS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate")
LONGEST = 100  # seconds that an action may take
WRITING = os.O_WRONLY | os.O_RDWR


def killed_before(step: int, action: Callable[[], object], folder: Path) -> bool:
    """Run *action* in a copy of this process, and kill that before its step of this number; whether it came so far.

    Args:
        step: From 1.
        action: An error that it raises ends the test.
        folder: Where files are written; those elsewhere do not count.
    """
    return _ended(step, action, folder) == -signal.SIGKILL


def count(action: Callable[[], object], folder: Path) -> int:
    """Run *action* in a copy of this process; how many steps it takes."""
    reader, writer = os.pipe()
    _ended(0, action, folder, told=writer)
    os.close(writer)
    try:
        return int(os.read(reader, 20))
    finally:
        os.close(reader)


def _ended(step: int, action: Callable[[], object], folder: Path, *, told: int | None = None) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        signal.alarm(LONGEST)  # a copy has no other threads: what waits for one would wait without end
        try:
            seen = watch(step, str(folder))
            action()
            if told is not None:
                os.write(told, str(seen[0]).encode())
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended in (0, -signal.SIGKILL), ended
    return ended


def watch(step: int, folder: str) -> list[int]:
    """Count the steps of this process from now on, and kill it before that of this number."""
    seen = [0]

    def count_one() -> None:
        seen[0] += 1
        if seen[0] == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, str) and path.startswith(folder) and flags & WRITING:
                count_one()
        elif event in STEPS:
            count_one()

    really = os.fsync

    def sync(handle: int) -> None:
        count_one()
        really(handle)

    sys.addaudithook(hook)
    os.fsync = sync
    return seen


def left(folder: Path) -> list[str]:
    """What processes that were killed have left in a folder, hidden, at any depth."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob(f".*{disk.PLACE}"))
