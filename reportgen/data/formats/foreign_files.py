"""Tell what a file of texts or rows really is, by its first bytes, and which command makes such a file of it.

The commands write a new file in the current folder. Nothing is converted here.
"""

from __future__ import annotations

import codecs
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reportgen.core.characters import clean
from reportgen.core.errors import DataError
from reportgen.data.formats import documents

HEAD = 1024  # bytes in which a PDF may say that it is one
NOT_WINDOWS = frozenset(b"\x81\x8d\x8f\x90\x9d")  # bytes that Windows-1252 does not have
MOST_HIGH = 0.3  # share of bytes above 127 in texts of western languages
STANDARD_INPUT = "-"
CONTROLS = frozenset(range(32)) - frozenset(b"\b\t\n\v\f\r\x1b")  # bytes that a text hardly has
FEW, SHARE = 3, 0.05  # of them: more make a file binary
UNPACK = ("bzip2", "gzip", "iconv", "tar", "unzip", "xz", "zstd", "7z")  # commands that leave rows as they are
PACKERS = (".gz", ".bz2", ".xz", ".zst")


@dataclass(frozen=True, slots=True)
class ForeignFile:
    """What a file is, and the command that makes a text of it."""

    name: str  # with its article
    command: str | None  # with {file} and {text}, or {stem} of the text; None for `ADVICE`
    known_by: Callable[[bytes], bool]


def _begins(*signs: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(signs)


def _ends_alike(content: bytes, sign: bytes) -> bool:
    return content.startswith(sign) and content.endswith(sign)


def _holds(*names: str) -> Callable[[bytes], bool]:
    """Whether it is a zip archive with a file of such a name."""
    return lambda content: content.startswith(b"PK\x03\x04") and not _members(content).isdisjoint(names)


def _is_document(kind: str) -> Callable[[bytes], bool]:
    """Whether it is a zip archive whose first file says that it is of a kind, as OpenDocument and EPUB have it."""
    return lambda content: content.startswith(b"PK\x03\x04") and content[30:].startswith(b"mimetype" + kind.encode())


def _members(content: bytes) -> set[str]:
    """Names of the files in a zip archive, also of one that is not whole: each has a header with its name."""
    starts = [found.start() for found in re.finditer(rb"PK\x03\x04", content)]
    names = (content[start + 30 :][: int.from_bytes(content[start + 26 : start + 28], "little")] for start in starts)
    return {name.decode(errors="replace") for name in names}


def _is_binary(content: bytes) -> bool:
    """Whether its first bytes have more control characters than a text."""
    head = content[:HEAD]
    count = sum(byte in CONTROLS for byte in head)
    return count > max(FEW, SHARE * len(head))


def _is_utf8(content: bytes) -> bool:
    """Whether its first bytes are UTF-8 without NUL: rows may hold other control characters."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(content)
    except UnicodeDecodeError:
        return False
    return b"\0" not in content


def _is_pdf(content: bytes) -> bool:
    """A PDF may begin with other bytes; a text may mention its sign."""
    head = content[:HEAD]
    return head.lstrip().startswith(b"%PDF-") or (b"%PDF-" in head and b"endobj" in content)


PANDOC = "pandoc -f {0} -t plain --wrap=none -o {{text}} {{file}}"
OCR = "tesseract {file} {stem}"  # adds .txt itself
FOREIGN = (  # in the order in which they are tried
    ForeignFile("a PDF", "pdftotext {file} {text}", _is_pdf),
    ForeignFile("a Word document", PANDOC.format("docx"), _holds("word/document.xml")),
    ForeignFile("an OpenDocument text", PANDOC.format("odt"), _is_document("application/vnd.oasis.opendocument.text")),
    ForeignFile("an EPUB book", PANDOC.format("epub"), _is_document("application/epub+zip")),
    ForeignFile("an Excel workbook", None, _holds("xl/workbook.xml")),
    ForeignFile("a zip archive", "unzip -p {file} > {text}", _begins(b"PK\x03\x04", b"PK\x05\x06")),
    ForeignFile("a document of an old Office", None, _begins(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")),
    ForeignFile("an RTF document", PANDOC.format("rtf"), _begins(b"{\\rtf")),
    ForeignFile("a gzip file", "gzip -dc < {file} > {text}", _begins(b"\x1f\x8b")),
    ForeignFile(
        "a bzip2 file", "bzip2 -dc < {file} > {text}", lambda content: re.match(rb"BZh[1-9]1AY&SY", content) is not None
    ),
    ForeignFile("an xz file", "xz -dc < {file} > {text}", _begins(b"\xfd7zXZ\0")),
    ForeignFile("a Zstandard file", "zstd -dc < {file} > {text}", _begins(b"\x28\xb5\x2f\xfd")),
    ForeignFile("a tar archive", "tar -xOf {file} > {text}", lambda content: content[257:262] == b"ustar"),
    ForeignFile("a 7z archive", "7z x -so {file} > {text}", _begins(b"7z\xbc\xaf\x27\x1c")),
    ForeignFile("a PNG image", OCR, _begins(b"\x89PNG\r\n\x1a\n")),
    ForeignFile("a JPEG image", OCR, _begins(b"\xff\xd8\xff")),
    ForeignFile("a GIF image", OCR, lambda content: re.match(rb"GIF8[79]a[^\n]*\0", content) is not None),
    ForeignFile("a TIFF image", OCR, _begins(b"II*\0", b"MM\0*")),
    ForeignFile("a WebP image", OCR, lambda content: content[:4] == b"RIFF" and content[8:12] == b"WEBP"),
    ForeignFile("a Parquet file", None, lambda content: content[:5] == b"PAR1\x15" or _ends_alike(content, b"PAR1")),
    ForeignFile("an Arrow file", None, _begins(b"ARROW1\0\0")),
    ForeignFile("an Arrow stream", None, _begins(b"\xff\xff\xff\xff")),
    ForeignFile("an ORC file", None, lambda content: content.startswith(b"ORC") and _is_binary(content)),
    ForeignFile("an Avro file", None, _begins(b"Obj\1")),
    ForeignFile("a pointer of Git LFS", None, _begins(b"version https://git-lfs.github.com/spec/")),
    ForeignFile("a pickle", None, _begins(*(bytes((128, protocol)) for protocol in range(2, 6)))),
    ForeignFile("a SQLite database", None, _begins(b"SQLite format 3\0")),
    ForeignFile("a NumPy array", None, _begins(b"\x93NUMPY")),
    ForeignFile(
        "text in UTF-32", "iconv -f UTF-32 -t UTF-8 {file} > {text}", _begins(b"\xff\xfe\0\0", b"\0\0\xfe\xff")
    ),
    ForeignFile("text in UTF-16", "iconv -f UTF-16 -t UTF-8 {file} > {text}", _begins(b"\xff\xfe", b"\xfe\xff")),
    ForeignFile("text in UTF-16", "iconv -f UTF-16LE -t UTF-8 {file} > {text}", lambda content: _zeros(content) == 1),
    ForeignFile("text in UTF-16", "iconv -f UTF-16BE -t UTF-8 {file} > {text}", lambda content: _zeros(content) == 0),
    ForeignFile("a binary file", None, _is_binary),
)
PAGE = ForeignFile(  # which a user may want as a text, and nobody as rows
    "a web page", None, lambda content: re.match(rb"\s*<(!doctype html|html|head|body)\b", content, re.I) is not None
)
JSON = ForeignFile("JSON", None, lambda content: re.match(rb"\s*(\{\s*\"|\[\s*\{)", content) is not None)
TO_PARQUET = (  # with what reads the file
    "write it as Parquet: python -c 'import sys; from pyarrow import ipc, orc, parquet; parquet.write_table({0}, "
    "sys.argv[2])' {{file}} {{stem}}.parquet; then use --dataset {{stem}}.parquet"
)
ADVICE = {  # where no command makes a text of it
    "a Parquet file": "use it as a dataset: --dataset {file} --index 0",
    "an Arrow file": TO_PARQUET.format("ipc.open_file(sys.argv[1]).read_all()"),
    "an Arrow stream": TO_PARQUET.format("ipc.open_stream(sys.argv[1]).read_all()"),
    "an ORC file": TO_PARQUET.format("orc.read_table(sys.argv[1])"),
    "an Avro file": "write its rows as Parquet or JSON where it was made",
    "a pointer of Git LFS": "get the file itself: git -C {folder} lfs pull",
    "a pickle": "reading it would run its code; write what is in it as text, or as Parquet, where it was made",
    "a SQLite database": "write a table of it as CSV: sqlite3 -header -csv {file} 'SELECT * FROM table' > rows.csv",
    "a NumPy array": "write the texts in it to a file, in UTF-8",
    "a binary file": "give a file of text in UTF-8",
    "a web page": "download it again; the page is what the server answered instead",
    "JSON": "rename it: mv {file} {stem}.jsonl",
    "an Excel workbook": "save it as CSV (UTF-8) in Excel, and use --dataset",
    "a document of an old Office": "open it in Word or LibreOffice, and save it as plain text in UTF-8",
}


def kind_of(content: bytes) -> ForeignFile | None:
    """What a file is, as its bytes say; None for text in UTF-8, and what looks like it."""
    return next((kind for kind in FOREIGN if kind.known_by(content)), None)


def refuse_others(content: bytes, file: str, title: str) -> None:
    """Refuse a file that is no text in UTF-8, as its first bytes say.

    Args:
        content: Its bytes, or the first of them.
        file: Its path, for commands; - is standard input.
        title: What errors call it.

    Raises:
        DataError: With what it is, and a command that makes a text of it.
    """
    kind = kind_of(content)
    if kind is not None:
        hint = _advice(kind.command, file) if kind.command else _other_advice(kind.name, file)
        if kind.name in documents.KINDS:
            hint = f"{documents.EXTRA}; or {hint}"
        raise DataError(f"{title}: this is {kind.name}, not text in UTF-8", hint=hint)


def refuse_no_rows(content: bytes, path: Path, *, form: str) -> None:
    """Refuse a file that cannot hold rows in its form, as its first bytes say.

    Args:
        content: Its first bytes.
        path: The file.
        form: What its name says that it is: "CSV", "JSON", "Parquet"; "" where it says nothing.

    Raises:
        DataError: With what it is, and what to do.
    """
    kinds = (*FOREIGN, PAGE, JSON) if form == "CSV" else (*FOREIGN, PAGE)
    kind = next((kind for kind in kinds if kind.known_by(content)), None)
    if kind is None or kind.name == f"a {form} file" or (kind.known_by is _is_binary and _is_utf8(content)):
        return
    file, parts = str(path), Path(path.stem if path.suffix.lower() in PACKERS else path.name)
    hint = ADVICE.get(kind.name, "").format(file=_quoted(file), folder=_quoted(str(path.parent)), stem=_stem(path))
    if kind.name == "a Parquet file":
        hint = f"rename it: mv {_quoted(file)} {_stem(path)}.parquet"
    elif kind.command and kind.command.split()[0] in UNPACK:
        made = _quoted(f"{parts.stem}-rows{parts.suffix}")
        hint = f"convert it: {kind.command.format(file=_quoted(file), text=made)}; then use --dataset {made}"
    elif kind.command:
        hint = f"--dataset takes rows; for its text, {_advice(kind.command, file)}"
    raise DataError(f"{clean(path.name)}: this is {kind.name}, not {form or 'Parquet, CSV or JSON'}", hint=hint)


def _stem(path: Path) -> str:
    """The path without its suffix, as a shell takes it."""
    return _quoted(str(path.with_suffix("")))


def _other_advice(name: str, file: str) -> str:
    folder = "." if file == STANDARD_INPUT else str(Path(file).parent)
    return ADVICE[name].format(file=_quoted(file), folder=_quoted(folder), stem=_stem(Path(file)))


def decoded(content: bytes, file: str, title: str) -> str:
    """The text in all bytes of a file, without a byte order mark; arguments as for `refuse_others`.

    Raises:
        DataError: If it is not UTF-8; with the command that converts it.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        western = not NOT_WINDOWS & set(content) and sum(byte > 127 for byte in content) < MOST_HIGH * len(content)
        what = "perhaps Latin-1 or Windows-1252" if western else "in an unknown encoding"
        encoding, more = ("WINDOWS-1252", "") if western else ("ENCODING", "; iconv -l lists the encodings")
        hint = _advice(f"iconv -f {encoding} -t UTF-8 {{file}} > {{text}}", file)
        raise DataError(f"{title}: not UTF-8 at byte {error.start}, {what}", hint=f"{hint}{more}") from error


def _advice(command: str, file: str) -> str:
    """What to run first, and then."""
    if file == STANDARD_INPUT:
        given = command.format(file="FILE", text="FILE.txt", stem="FILE")
        return f"convert it first: {given}"
    stem = f"{Path(file).stem}-text"
    made = _quoted(f"{stem}.txt")
    given = command.format(file=_quoted(file), text=made, stem=_quoted(stem))
    return f"convert it: {given}; then use --file {made}"


def _quoted(path: str) -> str:
    """A path as a shell takes it; one that begins with a hyphen is no option."""
    path = clean(path)
    return shlex.quote(f"./{path}" if path.startswith("-") else path)


def _zeros(content: bytes) -> int | None:
    """Which byte of each pair is 0: text in UTF-16 without a byte order mark, in a Latin script; None if none is.

    >>> _zeros("abcd".encode("utf-16-le")), _zeros(b"abcd")
    (1, None)
    """
    head = content[: HEAD - HEAD % 2]
    if len(head) < 4 or len(head) % 2:
        return None
    counts = [head[part::2].count(0) for part in (0, 1)]
    half = len(head) // 2
    return next((part for part in (0, 1) if counts[part] > 0.9 * half and counts[1 - part] < 0.1 * half), None)
