"""Turn paths and stored names into regular files of a known size; everything else is refused before it is read.

A pipe, a device or a socket may never end, and a file may claim more than memory holds. A name that a file stores is
data: it names something inside its own folder, or nothing.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from io import BufferedReader
from pathlib import Path, PurePosixPath

from reportgen.core.errors import DataError

KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def check(path: Path, *, most: int | None = None) -> int:
    """Check that a path leads to a regular file; gives its size in bytes.

    Args:
        path: Links in it are followed: it is the user's own.
        most: Bytes that a file of this kind may have.

    Raises:
        OSError: If it is something else or larger, or there is nothing. Its `strerror` says which.
        ValueError: If no file can have this name.
    """
    return _checked(path.stat(), path, most)


def opened(path: Path, *, most: int | None = None) -> BufferedReader:
    """Open a regular file to read its bytes; arguments and errors are those of `check`. Never waits for a writer."""
    check(path, most=most)
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _checked(os.fstat(handle), path, most)  # it may be another one by now
        return open(handle, "rb")  # noqa: PTH123  it is open already
    except BaseException:
        os.close(handle)
        raise


def read(path: Path, *, most: int) -> bytes:
    """The bytes of a regular file; arguments and errors are those of `check`."""
    with opened(path, most=most) as file:
        content = file.read(most + 1)
    if len(content) > most:  # it has grown, or is one of those in /proc that give no size
        raise _too_large(path, len(content), most)
    return content


def standard_input(most: int) -> bytes:
    """The first *most* bytes of standard input.

    Raises:
        DataError: If it is closed, or a folder.
    """
    try:
        if sys.stdin is None:
            raise DataError("standard input is closed", hint="send a text into it: cat paper.txt | reportgen ...")
        return sys.stdin.buffer.read(most)
    except OSError as error:
        raise DataError(f"standard input: {error.strerror}", hint="send a text into it") from error


def read_own(path: Path, *, most: int) -> bytes:
    """The bytes of a file that this program has written itself, and so no link; see `read`.

    Raises:
        OSError: See `check`.
        ValueError: If it is a symbolic link, or no file can have this name.
    """
    if path.is_symlink():
        raise ValueError("it is a symbolic link")
    return read(path, most=most)


def inside(folder: Path, name: object) -> Path:
    """The path of a stored name in its folder.

    >>> inside(Path("report"), "tables/tokens.csv")
    PosixPath('report/tables/tokens.csv')

    Raises:
        ValueError: If it is no name, leads out of the folder, or is not written the one way it can be.
    """
    path = PurePosixPath(name) if isinstance(name, str) else PurePosixPath()
    plain = name == str(path) and path.parts and not path.is_absolute() and ".." not in path.parts
    if not plain or set(str(name)) & {"\0", "\\"} or not _can_be_written(str(name)):
        raise ValueError(f"{str(name)[:200]!r} is not the name of a file inside the folder")
    return folder / path


def link_in(folder: Path, path: Path) -> Path | None:
    """The first symbolic link on the way from a folder to a path inside it; the path counts, the folder does not."""
    between = [one for one in (*reversed(path.parents), path) if one != folder and one.is_relative_to(folder)]
    return next((one for one in between if one.is_symlink()), None)


def _can_be_written(name: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def _checked(status: os.stat_result, path: Path, most: int | None) -> int:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        kind = KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise OSError(errno.EINVAL, f"{kind}, not a regular file", str(path))
    if most is not None and status.st_size > most:
        raise _too_large(path, status.st_size, most)
    return status.st_size


def _too_large(path: Path, size: int, most: int) -> OSError:
    return OSError(errno.EFBIG, f"{size:,} bytes, at most {most:,} are read", str(path))
