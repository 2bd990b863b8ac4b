"""Folders from elsewhere: names of nothing inside a folder, files that are no files, and a canary beside them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

NO_NAMES = (
    *("/etc/passwd", "..", ".", "", "./report.html", "../secret", "a/../../secret", "a/../report.html", "a//b", "a/"),
    *("..\\secret", "a\\b", "a\0b", "\ud800"),
)


def tree(folder: Path) -> dict[str, str]:
    """Everything in a folder: links by where they lead, files by hash."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"link to {path.readlink()}"
        elif path.is_file():
            size = path.stat().st_size
            found[name] = f"{size} bytes" if size > 10**9 else hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[name] = "folder" if path.is_dir() else "special"
    return found


@contextlib.contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """Nothing in a folder is changed meanwhile."""
    before = tree(folder)
    yield
    assert tree(folder) == before


def canary(folder: Path) -> Path:
    """A folder with files that nobody may touch."""
    (folder / "deep").mkdir(parents=True)
    (folder / "thesis.tex").write_text("mine")
    (folder / "deep" / "data.bin").write_bytes(bytes(1000))
    return folder


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket may not be long
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(40_000_000_000)


SPECIAL: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "socket": _socket,
    "folder": Path.mkdir,
    "device": lambda path: path.symlink_to("/dev/zero"),  # endless
    "sparse file": _sparse,  # larger than memory; on the disk, nothing
    "nothing": lambda path: path.symlink_to("nowhere"),
}


def put(kind: str, path: Path) -> Path:
    """Put something that is no file, or too large for one, in the place of a file."""
    if path.is_symlink() or path.exists():
        path.unlink()
    SPECIAL[kind](path)
    return path
