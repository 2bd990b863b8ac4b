"""Write files and folders completely or not at all, keep the cache, and turn errors of the disk into messages.

Only this module syncs files to disk. The cache of models and datasets of the hub belongs to huggingface_hub.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from reportgen.core.errors import OutputError, UsageError

CACHE = "REPORTGEN_CACHE"  # variable that names the folder of the cache
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
        if path.is_symlink():
            raise OutputError(f"{shown(path)} is a symbolic link", hint="name the file itself with --output")
        if path.is_dir():
            raise OutputError(f"{shown(path)} is a folder", hint="name a file with --output")
        if path.exists() and not overwrite:
            raise OutputError(f"{shown(path)} already exists", hint="use --overwrite, or choose another --output")


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


def put(path: Path, content: Content, *, staging: Path | None = None) -> None:
    """Put a file or a folder in place; a process may be killed between any two of the steps.

    A file is replaced in one step. A folder is moved aside first: killed between these two steps, the process leaves
    the old one in *staging*.

    Args:
        path: Where it goes; what is there is replaced.
        content: Of the file; of the files in the folder, by path; or what makes the file at the path that it is given.
        staging: Where it is made, a folder of the same file system; next to *path* if left out.

    Raises:
        OutputError: If the disk does not take it. What was at *path* is as it was.
    """
    with errors(path):
        staging = staging or path.parent
        for parent in (path.parent, staging):
            parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=staging, prefix=f".{path.name[:40]}-", suffix=".part"))
        new, old = place / "new", place / "old"
        try:
            _make(new, content)
            for each in (new, *new.rglob("*")):
                _sync(each)
            if new.is_dir() and path.exists():
                os.replace(path, old)
            os.replace(new, path)
            _sync(path.parent)
        except BaseException:  # a signal, too, may come between the two renames
            if old.exists() and not path.exists():
                os.replace(old, path)
            raise
        finally:
            if path.exists() or not old.exists():  # subtle: what could not be put back must not be removed
                shutil.rmtree(place, ignore_errors=True)


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
    return _sha256(path.resolve(), file.st_size, file.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _sha256(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
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
