"""Open CSV and folders of text as tables, also packed with gzip or zip; every error names row and byte.

Little is guessed: files are UTF-8, a .csv has commas and a .tsv tabs unless a first line like sep=; says otherwise, and
all values are strings. Lines end with LF, CR LF, or CR alone, as the first line does. `json_rows.py` reads JSON.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import re
import shlex
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, NoReturn

from reportgen.core.characters import clean
from reportgen.core.errors import DataError
from reportgen.core.files import regular_files
from reportgen.data.formats.foreign_files import refuse_no_rows, refuse_others
from reportgen.data.formats.table import DataTable, Loaded, bare, listed

MOST_BYTES = 2 * 10**9  # of one file, unpacked
MOST_RATIO = 200  # of unpacked to packed bytes, beyond the first FREE_BYTES
FREE_BYTES = 10 * 10**6
MOST_ROW = 100 * 10**6  # bytes of a line, characters of a field
MOST_ROWS = 10**7  # of one split
BLOCK = 2**20
BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
SIGN = re.compile(rb'"|\r+\n|\n|\r')
SEP = re.compile(rb"sep=([^\s\"]|\t)", re.IGNORECASE)  # the first line that Excel writes for itself


def to_utf_8(path: Path, encoding: str) -> str:
    """A hint: the command that converts a text file to UTF-8."""
    copy = path.with_name(f"{path.stem}-utf8{path.suffix}")
    return f"convert it: iconv -f {encoding} -t UTF-8 {shlex.quote(clean(str(path)))} > {shlex.quote(clean(str(copy)))}"


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

    def rows(columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
        positions = [header.index(name) for name in columns]
        records = chain.from_iterable(islice(_records(file, delimiter), 1, None) for file in files)
        return (tuple(record[position] for position in positions) for record in records)

    types = dict.fromkeys(header, "string")
    return DataTable(types, lambda columns: kept(columns, rows(columns), files[0]), first_rows=rows)


def kept(columns: Sequence[str], rows: Iterable[Sequence[Any]], first: Path) -> Loaded:
    """The values of some columns, in memory; *first* is the file that errors name."""
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

    loaded = Loaded(len(files), read, lambda name: map(known[name], files))
    return DataTable(dict.fromkeys(known, "string"), lambda columns: loaded)


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
        regular_files.check(path)
    except (OSError, ValueError) as error:
        hint = "write the data to a file first" if path.exists() else None
        raise DataError(f"{clean(path.name)}: {getattr(error, 'strerror', None) or error}", hint=hint) from error
    return path


@contextlib.contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn errors of reading and unpacking into a `DataError`."""
    try:
        yield
    except MemoryError as error:
        raise DataError(f"{name}: not enough memory to read it") from error
    except (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, NotImplementedError, RuntimeError) as error:
        unpacked = isinstance(error, gzip.BadGzipFile | zipfile.BadZipFile)
        more = ", or not packed at all: then rename it" if unpacked else ""
        raise DataError(f"{name}: cannot be unpacked: {error}", hint=f"the file may be incomplete{more}") from error
    except OSError as error:
        raise DataError(f"{name}: {error.strerror or error}") from error


class OpenFile:
    """A file, unpacked while it is read, which knows its position and stops at decompression bombs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = clean(path.name)
        self.position = 0  # bytes read
        self.start = 0  # of the line that was read last
        self.next_start = 0  # where the next line starts
        self.row = -1  # being read; the header of a CSV file is not a row
        with _reading(self.name):
            packed = regular(path).stat().st_size
            self._stream: IO[bytes] = _unpacked(path)
        ratio = max(FREE_BYTES, MOST_RATIO * packed) if path.suffix.lower() in (".gz", ".zip") else MOST_BYTES
        self._most = min(MOST_BYTES, ratio)
        if packed > MOST_BYTES:
            self._stream.close()
            raise self._too_large()

    def __enter__(self) -> OpenFile:
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

    def head(self, form: str) -> bytes:
        """Its first bytes, behind the byte order mark.

        Raises:
            DataError: If it is a file of another *form*, like a packed one or a web page.
        """
        content = self._checked(lambda: self._stream.read(BLOCK))
        packed = self.path.suffix.lower() in (".gz", ".zip")  # a command for the file would not see what is inside
        if content[:2] not in BOMS and not packed:  # `text` says what to do with UTF-16
            refuse_no_rows(content, self.path, form=form)
        return content.removeprefix(codecs.BOM_UTF8)

    def lines(self, *, end: bytes = b"\n") -> Iterator[str]:
        """Its lines, with their *end*."""
        for line in self._ended() if end == b"\r" else self._read_lines():
            self.start = self.next_start
            self.next_start += len(line)
            if len(line) > MOST_ROW:
                self.fail(f"a line of more than {MOST_ROW:,} bytes", hint="the file may not be text")
            yield self.text(line)

    def _read_lines(self) -> Iterator[bytes]:
        while line := self._checked(lambda: self._stream.readline(MOST_ROW + 1)):
            yield line

    def _ended(self) -> Iterator[bytes]:
        """Lines that end with CR alone, as those of old spreadsheets do."""
        rest = b""
        while block := self._checked(lambda: self._stream.read(BLOCK)):
            *whole, rest = (rest + block).split(b"\r")
            yield from (line + b"\r" for line in whole)
            if len(rest) > MOST_ROW:
                break
        if rest:
            yield rest

    def text(self, line: bytes) -> str:
        """Bytes of the file as text, without the byte order mark that may open it."""
        if self.start == 0 and line[:2] in BOMS:
            self.fail(f"is {BOMS[line[:2]]}, not UTF-8", hint=self._convert(BOMS[line[:2]]))
        try:
            return line.decode("utf-8-sig" if self.start == 0 else "utf-8")
        except UnicodeDecodeError as error:
            self.fail(
                "is not UTF-8", byte=self.start + error.start, hint=self._convert("WINDOWS-1252") + ", if it is Latin-1"
            )

    def _convert(self, encoding: str) -> str:
        packed = self.path.suffix.lower() in (".gz", ".zip")
        return (
            f"unpack it and convert it to UTF-8; it seems to be {encoding}" if packed else to_utf_8(self.path, encoding)
        )

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
            raise self._too_large()
        return block

    def _too_large(self) -> DataError:
        unpacked = f"unpacks to more than {self._most:,} bytes"
        return DataError(
            f"{self.name}: {unpacked if self._most < MOST_BYTES else f'more than {MOST_BYTES:,} bytes'}",
            hint="write the data as Parquet; reportgen reads only the part it needs",
        )


def _unpacked(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return gzip.open(path)  # type: ignore[return-value]  # it is read like any other
    if path.suffix.lower() == ".zip":
        return zipfile.ZipFile(path).open(member(path))
    return path.open("rb")


def _header(path: Path, delimiter: str) -> list[str]:
    header = next(_records(path, delimiter), None)
    name = clean(path.name)
    header = header and [bare(column) for column in header]
    if header is None:
        raise DataError(f"{name}: the file is empty", hint="its first row must name the columns")
    other = next((one for one in "\t;|," if one != delimiter and one in header[0]), None)
    if len(header) == 1 and other is not None:
        found = {"\t": "tabs; rename it to .tsv", ",": "commas; rename it to .csv"}.get(
            other, f'"{other}"; write a first line sep={other}'
        )
        raise DataError(f'{name}: one column, "{clean(header[0])[:80]}"', hint=f"its separators seem to be {found}")
    twice = next((column for column in header if column and header.count(column) > 1), None)
    if twice is not None:
        raise DataError(f'{name}: two columns are called "{clean(twice)}"', hint="rename one of them")
    return header


def _records(path: Path, delimiter: str) -> Iterator[list[str]]:
    """The rows of a CSV file, the header first, without blank lines."""
    with OpenFile(path) as file:
        first, end = first_line(file.head("CSV"))
    found = SEP.fullmatch(first.strip(b" \r").strip(b'"'))
    delimiter = delimiter if found is None else found[1].decode()
    spaced = re.search(rf"{re.escape(delimiter)} +\S", first.decode(errors="replace")) is not None
    with OpenFile(path) as file:
        lines = _without_nul(file, end)
        if found is not None:
            next(lines)
        reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=spaced and found is None)
        width = None
        while True:
            start = file.next_start
            before = csv.field_size_limit(MOST_ROW)  # of the whole process, so it is put back
            try:
                row = next(reader, None)
            except csv.Error as error:
                if "new-line character" in str(error):
                    file.fail("a line ends with CR, and others end with LF", byte=start, hint=_one_end(path))
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


def _one_end(path: Path) -> str:
    """A hint: the command that ends all lines with LF."""
    copy = shlex.quote(clean(f"{path.stem}-lf{path.suffix}"))
    return f"end all lines with LF: tr '\\r' '\\n' < {shlex.quote(clean(str(path)))} > {copy}"


def first_line(head: bytes) -> tuple[bytes, bytes]:
    r"""The first line of a file that begins so, without its end, and the end of all lines: LF, or CR alone.

    >>> first_line(b'a,"b\nc"\rd'), first_line(b"a\r\nb")
    ((b'a,"b\nc"', b'\r'), (b'a', b'\n'))
    """
    quoted = False
    for found in SIGN.finditer(head):
        if found[0] == b'"':
            quoted = not quoted
        elif not quoted:
            lone = found[0] == b"\r" and found.end() < len(head)
            return head[: found.start()], b"\r" if lone else b"\n"
    return head, b"\n"


def _without_nul(file: OpenFile, end: bytes) -> Iterator[str]:
    """The lines of the file, those that end with CR CR LF (a text written twice on Windows) with CR LF.

    Bytes that text cannot have are an error.
    """
    for line in file.lines(end=end):
        if line.endswith("\r\r\n"):
            line = f"{line.rstrip(chr(13) + chr(10))}\r\n"
        if "\0" in line:
            byte = file.start + len(line.partition("\0")[0].encode())
            file.fail("contains a NUL", byte=byte, hint="the file may not be UTF-8 text")
        yield line


def _text(path: Path) -> str:
    with OpenFile(path) as file:
        content = file.read(MOST_ROW)
        file.row = 0
        refuse_others(content, str(path), file.name)
        return file.text(content)
