"""Write files and folders completely or not at all, keep the cache, and turn errors of the disk into messages.

Only this module puts files in place and syncs them to disk. The cache of models and datasets of the hub belongs to
huggingface_hub.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import hashlib
import json
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from reportgen.core.errors import OutputError, UsageError
from reportgen.core.files import regular_files

CACHE = "REPORTGEN_CACHE"  # variable that names the folder of the cache
PLACE = ".reportgen-part"  # at the end of the names of hidden folders in which something is made
LONGEST = 255 - len(f".{PLACE}")  # bytes of a name: that of the hidden folder holds it, and file systems take 255
LOCK, NEW, OLD = "lock", "new", "old"  # what is in them
WAIT = 60.0  # seconds for another process that writes at the same place
HASHING = threading.Lock()  # a file is read once, also where two threads ask for its hash
Content = bytes | Mapping[str, bytes] | Callable[[Path], object]  # of a file; of a folder, by path; what makes a file


def check_file(path: Path, *, suffix: str, overwrite: bool) -> None:
    """Check that a file may be written, before a long run.

    Raises:
        UsageError: If its name does not end in *suffix*.
        OutputError: If something is there and may not be replaced.
    """
    if path.suffix.lower() != suffix:
        raise UsageError(
            f"{path.name}: the file name must end in {suffix}", hint=f"use -o {path.stem or path.name}{suffix}"
        )
    with errors(path):
        recover(path.parent)
        if path.is_symlink():
            raise OutputError(f"{shown(path)} is a symbolic link", hint="name the file itself with --output")
        if path.is_dir():
            raise OutputError(f"{shown(path)} is a folder", hint="name a file with --output")
        if path.exists() and not overwrite:
            raise OutputError(f"{shown(path)} already exists", hint="use --overwrite, or choose another --output")
        _check_place(path)
        check_writable(path.parent)


def check_folder(path: Path, *, hint: str = "name the folder itself with --output") -> None:
    """Check that files may be written to a folder: it does not exist yet, or is a folder and no symbolic link.

    Args:
        path: Of the folder.
        hint: What to do about a symbolic link.

    Raises:
        OutputError: If something else is there, or no folder can have this name.
    """
    with errors(path):
        if path.is_symlink():
            raise OutputError(f"{shown(path)} is a symbolic link", hint=hint)
        if path.exists() and not path.is_dir():
            raise OutputError(f"{shown(path)} is a file", hint="name another folder with --output")
        _check_place(path)


def check_writable(folder: Path) -> None:
    """Check that something can be put into a folder, or, as long as it does not exist, into the one that will hold it.

    By a file without a name, which is gone at once: a read-only disk, root and foreign file systems each have rights of
    their own.

    Raises:
        OutputError: If nothing can.
    """
    with errors(folder):
        there = next((one for one in (folder, *folder.parents) if one.exists()), folder)
        with tempfile.TemporaryFile(dir=there):
            pass


def _check_place(path: Path) -> None:
    if len(os.fsencode(path.name)) > LONGEST:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    above = next((folder for folder in path.parents if folder.exists()), None)
    if above is not None and not above.is_dir():
        raise OutputError(
            f"{shown(path)}: {shown(above)} is a file, and nothing can be in it", hint="choose another --output"
        )


def put(path: Path, content: Content, *, check: Callable[[], None] | None = None) -> None:
    """Put a file or a folder in place; a process may be killed between any two of the steps.

    Everything is made in a hidden folder next to *path*, which only one process at a time uses; others wait. A file is
    replaced in one step. A folder is moved aside first: after a kill between these two steps, `recover`, `put_back`
    and the next `put` move it back.

    Args:
        path: Where it goes; what is there is replaced.
        content: Of the file; of the files in the folder, by path; or what makes the file at the path that it is given.
        check: Called when all is made and no other process writes at *path*; an error that it raises ends this.

    Raises:
        OutputError: If the disk does not take it, or another process writes at *path* for long. What was there is as
            it was.
    """
    with errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _place(path) as place:
            new = place / NEW
            _make(new, content)
            for each in (new, *new.rglob("*")):
                _sync(each)
            if check is not None:
                check()
            if new.is_dir() and path.exists():
                os.replace(path, place / OLD)
            os.replace(new, path)
            _sync(path.parent)


def remove(path: Path) -> None:
    """Take a folder away, whole or not at all.

    Raises:
        OutputError: If the disk does not let it go.
    """
    with errors(path), _place(path) as place:
        os.replace(path, place / NEW)  # what is there is never moved back
        _sync(path.parent)


def put_back(path: Path) -> None:
    """Put back a folder that a killed process has moved aside; waits for a living one."""
    place = path.parent / f".{path.name}{PLACE}"
    with contextlib.suppress(OSError):  # where nothing can be written, nothing is put back
        if not path.exists() and place.is_dir() and not place.is_symlink():
            with _place(path):
                pass


def recover(folder: Path) -> None:
    """Put back what killed processes have moved aside in a folder, and remove what they have left of their own."""
    with contextlib.suppress(OSError):
        for name in [path.name for path in folder.iterdir()]:
            if name.startswith(".") and name.endswith(PLACE) and len(name) > 1 + len(PLACE):
                with contextlib.suppress(OSError, OutputError), _place(folder / name[1 : -len(PLACE)], wait=0):
                    pass


@contextlib.contextmanager
def _place(path: Path, *, wait: float | None = None) -> Iterator[Path]:
    """The folder in which something is made that goes to *path*, for this process alone.

    Its contents: LOCK, which the owner has locked; NEW, not yet or no longer wanted; OLD, what was at *path*.
    """
    place = path.parent / f".{path.name}{PLACE}"
    handle = _lock(place, path, WAIT if wait is None else wait)
    try:
        _settle(path, place)
        yield place
    finally:  # after a signal, too
        try:
            with contextlib.suppress(OSError):  # what cannot be removed now, the next one removes
                _settle(path, place)
                (place / LOCK).unlink()  # last: whoever finds it gone finds nothing else
                place.rmdir()
        finally:
            os.close(handle)


def _settle(path: Path, place: Path) -> None:
    """Move the old back if nothing has come in its place, and remove everything else."""
    _delete(place / NEW)
    if (place / OLD).exists() and not (place / OLD).is_symlink():
        os.replace(place / OLD, place / NEW if path.exists() else path)  # subtle: half of it must not come back
        _delete(place / NEW)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _lock(place: Path, path: Path, wait: float) -> int:
    """A handle of the lock of *place*, which is made if it is missing.

    Raises:
        OutputError: If another process has it for longer than *wait* seconds.
    """
    ended = time.monotonic() + wait
    while True:
        with contextlib.suppress(FileExistsError):  # subtle: its owner may remove it at any time
            place.mkdir()
        if place.is_symlink():
            raise OutputError(f"{shown(place)} is a symbolic link", hint="remove it")
        try:
            handle = os.open(place / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            continue  # its owner has removed it just now
        except OSError:
            with contextlib.suppress(OSError):
                place.rmdir()
            raise
        try:
            if _locked(handle) and os.fstat(handle).st_nlink:  # else its owner has removed the file meanwhile
                with contextlib.suppress(OSError):  # a full disk: for this, it does not matter
                    os.truncate(handle, 0)
                    os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
                return handle
            owner = os.pread(handle, 200, 0).decode(errors="replace")
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        if time.monotonic() >= ended:
            raise OutputError(
                f"{shown(path)} is being written by {owner or 'another process'}",
                hint="wait until it has finished, or use another --output",
            )
        time.sleep(0.02)


def _locked(handle: int) -> bool:
    """Whether a file could be locked; also where the file system has no locks: there, nobody waits."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
            raise
    return True


def append(handle: int, line: str) -> None:
    """Add a line to an open file, on the disk when this returns.

    Raises:
        OSError: If the disk does not take it.
    """
    os.write(handle, line.encode())
    os.fsync(handle)


def _make(path: Path, content: Content) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, Mapping):
        for name, data in content.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    else:
        content(path)


def _sync(path: Path) -> None:
    """Have the disk keep a file, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def cached(kind: str, name: str) -> Path:
    """The place of a file in the cache: the kind "predictions", the name "0f3a.parquet". It may be gone at any time."""
    recover(cache() / kind)
    return cache() / kind / name


def cache() -> Path:
    """The folder of the cache: `REPORTGEN_CACHE`, or `reportgen` in the cache folder of the system's user."""
    own = os.environ.get(CACHE)
    if own:
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "reportgen"


def key(**parts: object) -> str:
    """The cache name of a result of *parts*, plain values: equal parts, equal names."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def keep(path: Path, content: Content) -> None:
    """Put a file in the cache, if it can be written; the result is valid without it."""
    with contextlib.suppress(OutputError):
        put(path, content)


def sha256(path: Path) -> str:
    """Hash of a file, read once as long as its size and time stay as they are.

    Raises:
        OSError: If it cannot be read.
    """
    file = path.stat()
    with HASHING:
        return _sha256(path.resolve(), file.st_size, file.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _sha256(path: Path, size: int, changed: int) -> str:
    with regular_files.opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def errors(path: Path) -> Iterator[None]:
    """Turn system errors about *path* into an `OutputError`."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{shown(path)}: {error.strerror or error}", hint="check free space and permissions"
        ) from error


def shown(path: Path) -> str:
    """A path as an error names it."""
    name = str(path)
    return name if len(name) <= 200 else f"{name[:200]}..."
