"""Put a file in place whole or not at all, and say what the disk says against it."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from reportgen.core.errors import OutputError, UsageError


def check_file(path: Path, *, suffix: str, overwrite: bool) -> None:
    """See that a file may be written, before a long run.

    Raises:
        UsageError: If its name does not end in *suffix*.
        OutputError: If something stands there and may not be replaced.
    """
    if path.suffix.lower() != suffix:
        raise UsageError(f"{path.name}: this is written as {suffix}", hint=f"use -o {path.stem or path.name}{suffix}")
    with errors(path):
        if path.is_symlink():
            raise OutputError(f"{shown(path)} is a symbolic link", hint="name the file itself with --output")
        if path.is_dir():
            raise OutputError(f"{shown(path)} is a folder", hint="name a file with --output")
        if path.exists() and not overwrite:
            raise OutputError(f"{shown(path)} is there already", hint="use --overwrite, or another --output")


def check_folder(path: Path, *, hint: str = "name the folder itself with --output") -> None:
    """See that files may be written to a folder: that it is none yet, or one, and no symbolic link.

    Args:
        path: Of the folder.
        hint: What to do about a symbolic link.

    Raises:
        OutputError: If something else stands there, or no folder can have this name.
    """
    with errors(path):
        if path.is_symlink():
            raise OutputError(f"{shown(path)} is a symbolic link", hint=hint)
        if path.exists() and not path.is_dir():
            raise OutputError(f"{shown(path)} is a file", hint="name another folder with --output")


def put(path: Path, write: Callable[[Path], object], *, staging: Path | None = None) -> None:
    """Let *write* make a file beside *path*, or in the folder *staging* of the same file system, then rename it.

    Until then what stands at *path* is as it was.

    Raises:
        OutputError: If the disk does not take it.
    """
    with errors(path):
        staging = staging or path.parent
        for parent in (path.parent, staging):
            parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=staging, prefix=f".{path.name[:40]}-", suffix=".part")
        os.close(handle)
        made = Path(name)
        try:
            write(made)
            with made.open("rb") as file:
                os.fsync(file.fileno())
            made.chmod(0o666 & ~umask())
            os.replace(made, path)
        finally:
            made.unlink(missing_ok=True)


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


def umask() -> int:
    """What the user takes away from the rights of new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def errors(path: Path) -> Iterator[None]:
    """Turn what the system says of *path* into an `OutputError`."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{shown(path)}: {error.strerror or error}", hint="check space and permissions there"
        ) from error


def shown(path: Path) -> str:
    """A path as an error names it."""
    name = str(path)
    return name if len(name) <= 200 else f"{name[:200]}..."
