"""Open CSV, JSON Lines and folders of text as tables, also packed with gzip or zip; every error names row and byte.

Nothing is guessed: files are UTF-8, a .csv has commas and a .tsv tabs, and all values are strings.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import json
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, NoReturn

from reportgen.core.characters import clean
from reportgen.core.errors import DataError
from reportgen.data.columns import DataTable, Loaded, listed

MOST_BYTES = 2 * 10**9  # of one file, unpacked
MOST_RATIO = 200  # of unpacked to packed bytes, beyond the first FREE_BYTES
FREE_BYTES = 10 * 10**6
MOST_ROW = 100 * 10**6  # bytes of a line, characters of a field
MOST_ROWS = 10**7  # of one split
MOST_LIST = 500 * 10**6  # bytes of a JSON file that is one list
HEAD = 100  # rows of JSON that say which columns there are
BLOCK = 2**20
BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null", list: "list"}
TO_UTF_8 = "convert it: iconv -f {} -t UTF-8 FILE"


def open_csv(files: Sequence[Path], *, delimiter: str = ",") -> DataTable:
    """The rows of the files as a table; the first row of each names the columns, which are all strings.

    Raises:
        DataError: If a file has no such row, or another one than the first file.
    """
    header = _header(files[0], delimiter)
    for file in files[1:]:
        if _header(file, delimiter) != header:
            raise DataError(
                f"{clean(file.name)}: its columns differ from those of {clean(files[0].name)}",
                hint="files of one split need the same columns in the same order",
            )

    def load(columns: Sequence[str]) -> Loaded:
        positions = [header.index(name) for name in columns]
        rows = chain.from_iterable(islice(_records(file, delimiter), 1, None) for file in files)
        return _kept(columns, ([row[position] for position in positions] for row in rows), files[0])

    return DataTable(dict.fromkeys(header, "string"), load)


def open_json(files: Sequence[Path]) -> DataTable:
    """The objects of the files, one on each line or all in one list, as a table; a missing key is a null.

    Raises:
        DataError: If a file is empty, or its first rows are no objects.
    """
    kinds: dict[str, dict[str, None]] = {}
    for row in islice(_objects(files[0]), HEAD):
        for key, value in row.items():
            kinds.setdefault(key, {})[TYPES.get(type(value), "object")] = None
    if not kinds:
        raise DataError(f"{clean(files[0].name)}: no rows", hint="one JSON object on each line, or a list of them")
    types = {key: " or ".join(sorted(found, key=lambda kind: kind == "null")) for key, found in kinds.items()}

    def load(columns: Sequence[str]) -> Loaded:
        rows = chain.from_iterable(map(_objects, files))
        return _kept(columns, ([row.get(name) for name in columns] for row in rows), files[0])

    return DataTable(types, load)


def _kept(columns: Sequence[str], rows: Iterable[Sequence[Any]], first: Path) -> Loaded:
    """The values of some columns, in memory."""
    values: dict[str, list[Any]] = {name: [] for name in columns}
    for count, row in enumerate(rows):
        if count == MOST_ROWS:
            raise DataError(f"{clean(first.name)}: more than {MOST_ROWS:,} rows", hint="write the data as Parquet")
        for held, value in zip(values.values(), row, strict=True):
            held.append(value)
    return listed(values)


def open_texts(files: Sequence[Path], *, labelled: bool) -> DataTable:
    """One row for each file: its text, its name as id, and the folder it lies in as label if *labelled*.

    If two labels have files with the same name, an id is folder and name: "pos/12".
    """
    alike = labelled and len({file.stem for file in files}) < len(files)
    known: dict[str, Callable[[Path], str]] = {
        "text": _text,
        "id": lambda file: f"{file.parent.name}/{file.stem}" if alike else file.stem,
    }
    if labelled:
        known["label"] = lambda file: file.parent.name

    def read(names: Sequence[str], indices: Iterable[int]) -> Iterator[tuple[Any, ...]]:
        return (tuple(known[name](files[index]) for name in names) for index in indices)

    return DataTable(dict.fromkeys(known, "string"), lambda columns: Loaded(len(files), read))


def member(path: Path) -> zipfile.ZipInfo:
    """The one file in a zip archive.

    Raises:
        DataError: If there are several, or its name leads out of the archive.
    """
    name = clean(path.name)
    regular(path)
    with _reading(name), zipfile.ZipFile(path) as archive:
        inside = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
    if len(inside) != 1:
        raise DataError(
            f"{name}: {len(inside)} files in the archive; only one is supported", hint="unpack it, and choose one file"
        )
    found = inside[0]
    if found.filename.startswith(("/", "\\")) or ".." in found.filename.replace("\\", "/").split("/"):
        raise DataError(f'{name}: the name "{clean(found.filename)}" leads out of the archive')
    return found


def regular(path: Path) -> Path:
    """The path, if it is a file that ends: no pipe, device or folder.

    Raises:
        DataError: If it is not one.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise DataError(f"{clean(path.name)}: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(mode):
        raise DataError(f"{clean(path.name)}: not a regular file", hint="write the data to a file first")
    return path


@contextlib.contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn errors of reading and unpacking into a `DataError`."""
    try:
        yield
    except MemoryError as error:
        raise DataError(f"{name}: not enough memory to read it") from error
    except (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{name}: cannot be unpacked: {error}", hint="the file may be incomplete") from error
    except OSError as error:
        raise DataError(f"{name}: {error.strerror or error}") from error


class _Bytes:
    """A file, unpacked while it is read, which knows its position and stops at decompression bombs."""

    def __init__(self, path: Path) -> None:
        self.name = clean(path.name)
        self.position = 0  # bytes read
        self.start = 0  # of the line that was read last
        self.row = -1  # being read; the header of a CSV file is not a row
        with _reading(self.name):
            packed = regular(path).stat().st_size
            self._stream: IO[bytes] = _unpacked(path)
        ratio = max(FREE_BYTES, MOST_RATIO * packed) if path.suffix.lower() in (".gz", ".zip") else MOST_BYTES
        self._most = min(MOST_BYTES, ratio)

    def __enter__(self) -> _Bytes:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, most: int) -> bytes:
        """All of the file.

        Raises:
            DataError: If it has more than *most* bytes.
        """
        parts = []
        while block := self._checked(lambda: self._stream.read(BLOCK)):
            parts.append(block)
            if self.position > most:
                raise DataError(f"{self.name}: more than {most:,} bytes", hint="write it as Parquet, or as JSON Lines")
        return b"".join(parts)

    def head(self) -> bytes:
        """Its first bytes, behind the byte order mark."""
        return self._checked(lambda: self._stream.read(BLOCK)).removeprefix(codecs.BOM_UTF8)

    def lines(self) -> Iterator[str]:
        """Its lines, with their ends."""
        while line := self._checked(lambda: self._stream.readline(MOST_ROW + 1)):
            self.start = self.position - len(line)
            if len(line) > MOST_ROW:
                self.fail(f"a line of more than {MOST_ROW:,} bytes", hint="the file may not be text")
            yield self.text(line)

    def text(self, line: bytes) -> str:
        """Bytes of the file as text, without the byte order mark that may open it."""
        if self.start == 0 and line[:2] in BOMS:
            self.fail(f"is {BOMS[line[:2]]}, not UTF-8", hint=TO_UTF_8.format(BOMS[line[:2]]))
        try:
            return line.decode("utf-8-sig" if self.start == 0 else "utf-8")
        except UnicodeDecodeError as error:
            self.fail("is not UTF-8", byte=self.start + error.start, hint=TO_UTF_8.format("WINDOWS-1252") + ", say")

    def fail(self, reason: str, *, byte: int | None = None, hint: str | None = None) -> NoReturn:
        """Raise a `DataError` that names the row and the byte."""
        row = f"row {self.row}" if self.row >= 0 else "header"
        at = self.start if byte is None else byte
        raise DataError(f"{self.name}, {row}, byte {at}: {reason}", hint=hint)

    def _checked(self, read: Callable[[], bytes]) -> bytes:
        with _reading(self.name):
            block = read()
        self.position += len(block)
        if self.position > self._most:
            raise DataError(
                f"{self.name}: unpacks to more than {self._most:,} bytes"
                if self._most < MOST_BYTES
                else f"{self.name}: more than {MOST_BYTES:,} bytes",
                hint="write the data as Parquet; reportgen reads only the part it needs",
            )
        return block


def _unpacked(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return gzip.open(path)  # type: ignore[return-value]  # it is read like any other
    if path.suffix.lower() == ".zip":
        return zipfile.ZipFile(path).open(member(path))
    return path.open("rb")


def _header(path: Path, delimiter: str) -> list[str]:
    header = next(_records(path, delimiter), None)
    name = clean(path.name)
    if header is None:
        raise DataError(f"{name}: the file is empty", hint="its first row must name the columns")
    other = next((one for one in "\t;|," if one != delimiter and one in header[0]), None)
    if len(header) == 1 and other is not None:
        found = {"\t": "tabs; rename it to .tsv", ",": "commas; rename it to .csv"}.get(
            other, f'"{other}"; write it with commas'
        )
        raise DataError(f'{name}: one column, "{clean(header[0])[:80]}"', hint=f"its separators seem to be {found}")
    twice = next((column for column in header if header.count(column) > 1), None)
    if twice is not None:
        raise DataError(f'{name}: two columns are called "{clean(twice)}"', hint="rename one of them")
    return header


def _records(path: Path, delimiter: str) -> Iterator[list[str]]:
    """The rows of a CSV file, the header first, without blank lines."""
    with _Bytes(path) as file:
        reader = csv.reader(_without_nul(file), delimiter=delimiter, strict=True)
        width = None
        while True:
            start = file.position
            before = csv.field_size_limit(MOST_ROW)  # of the whole process, so it is put back
            try:
                row = next(reader, None)
            except csv.Error as error:
                file.fail(
                    str(error),
                    byte=start,
                    hint="quote values with commas, quotes or line breaks, and double their quotes",
                )
            finally:
                csv.field_size_limit(before)
            if row is None:
                return
            if not row:
                continue
            if width is not None and len(row) != width:
                file.fail(
                    f"{len(row)} values for {width} columns", byte=start, hint="quote values that contain separators"
                )
            width = len(row)
            yield row
            file.row += 1


def _without_nul(file: _Bytes) -> Iterator[str]:
    """The lines of the file; an error for bytes that text cannot have."""
    for line in file.lines():
        if "\0" in line:
            byte = file.start + len(line.partition("\0")[0].encode())
            file.fail("contains a NUL", byte=byte, hint="the file may not be UTF-8 text")
        yield line


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON file."""
    with _Bytes(path) as file:
        one_list = file.head().lstrip()[:1] == b"["
    with _Bytes(path) as file:
        file.row = 0
        texts = [file.text(file.read(MOST_LIST))] if one_list else (line for line in file.lines() if line.strip())
        for value in chain.from_iterable(
            (_parsed(file, text) if one_list else [_parsed(file, text)]) for text in texts
        ):
            if not isinstance(value, dict):
                kind = TYPES.get(type(value), "object")
                file.fail(f"is of type {kind}, not an object", hint='rows look like {"text": "...", "label": 1}')
            yield value
            file.row += 1


def _parsed(file: _Bytes, text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        byte = file.start + len(text[: error.pos].encode())
        file.fail(f"is not JSON: {error.msg}", byte=byte, hint="one JSON object on each line, or a list of them")
    except (ValueError, RecursionError) as error:
        file.fail(f"is not JSON: {error}", hint="one JSON object on each line, or a list of them")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _text(path: Path) -> str:
    with _Bytes(path) as file:
        content = file.read(MOST_ROW)
        file.row = 0
        return file.text(content)
