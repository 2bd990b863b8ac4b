"""foreign_files: bytes -> what they are, and the command that makes a text of them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pyarrow import ipc, orc, parquet

from reportgen.core.config import Config
from reportgen.core.errors import DataError
from reportgen.data import choice
from reportgen.data.formats import documents, foreign_files

TEXT = "The heads of a café gather there.\n"


def archive(*names: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as made:
        for name in names:
            made.writestr(name, TEXT)
    return sink.getvalue()


def marked(kind: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as made:
        made.writestr("mimetype", kind)
    return sink.getvalue()


def tar() -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as made:
        member = tarfile.TarInfo("paper.txt")
        member.size = len(TEXT.encode())
        made.addfile(member, io.BytesIO(TEXT.encode()))
    return sink.getvalue()


def array() -> bytes:
    sink = io.BytesIO()
    np.save(sink, np.zeros(3))
    return sink.getvalue()


def image(kind: str) -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (20, 20)).save(sink, kind)
    return sink.getvalue()


FILES = {
    "a PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n",
    "a PDF ": b"junk before it\n%PDF-1.4\n1 0 obj\n<<>>\nendobj\n",
    "a Word document": archive("[Content_Types].xml", "_rels/.rels", "word/document.xml"),
    "a Word document ": archive("[Content_Types].xml", "word/document.xml")[:-30],  # cut off
    "an Excel workbook": archive("[Content_Types].xml", "xl/workbook.xml"),
    "an OpenDocument text": marked("application/vnd.oasis.opendocument.text"),
    "an EPUB book": marked("application/epub+zip"),
    "a zip archive": archive("paper.txt"),
    "a document of an old Office": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100),
    "an RTF document": b"{\\rtf1\\ansi The heads}",
    "a gzip file": gzip.compress(TEXT.encode(), mtime=0),
    "a bzip2 file": bz2.compress(TEXT.encode()),
    "an xz file": lzma.compress(TEXT.encode()),
    "a Zstandard file": b"\x28\xb5\x2f\xfd\x04\x00",
    "a PNG image": image("PNG"),
    "a JPEG image": image("JPEG"),
    "a GIF image": image("GIF"),
    "a TIFF image": image("TIFF"),
    "a WebP image": image("WEBP"),
    "a Parquet file": b"PAR1" + bytes(20) + b"PAR1",
    "text in UTF-16": TEXT.encode("utf-16"),
    "text in UTF-16 ": TEXT.encode("utf-16-be"),
    "text in UTF-16  ": TEXT.encode("utf-16-le"),
    "text in UTF-32": TEXT.encode("utf-32"),
    "a tar archive": tar(),
    "a 7z archive": b"7z\xbc\xaf\x27\x1c\0\4" + bytes(20),
    "an Arrow file": b"ARROW1\0\0" + bytes(60),
    "an Arrow stream": b"\xff\xff\xff\xff" + bytes(60),
    "an ORC file": b"ORC\x08\x03\x10" + bytes(60),
    "an Avro file": b"Obj\1\4\x14" + bytes(60),
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n",
    "a pickle": pickle.dumps({"text": TEXT}),
    "a SQLite database": b"SQLite format 3\0" + bytes(80),
    "a NumPy array": array(),
    "a binary file": b"\x7fELF\x02\x01\x01" + bytes(60),
    "a binary file ": b"\x28\0\0\0\0\0\0\0" + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' + bytes(4),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_text_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "paper.txt"
    path.write_bytes(FILES[kind])
    read = kind.strip() in documents.KINDS  # and nothing is in these
    said = f"{kind.strip()} that cannot be read" if read else f"this is {kind.strip()}, not text in UTF-8"
    with pytest.raises(DataError, match=f"paper.txt: {said}") as caught:
        choice.choose(Config(file=str(path)))
    assert caught.value.exit_code == 3
    assert caught.value.hint


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        *(
            (kind, FILES[kind])
            for kind in FILES
            if kind.startswith(("text", "a gzip", "a bzip", "an xz", "a zip", "a tar"))
        ),
        ("Latin-1", TEXT.encode("latin-1")),
        ("Windows-1252", TEXT.replace("gather", "“gather”").encode("cp1252")),
    ],
)
def test_the_command_of_the_hint_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, content: bytes
) -> None:
    """Also for names that a shell would take apart."""
    monkeypatch.chdir(tmp_path)
    for name in ("it's my paper.txt", "-n.txt"):
        Path(name).write_bytes(content)
        with pytest.raises(DataError) as caught:
            choice.choose(Config(file=name))
        found = re.fullmatch(r"convert it: (.*); then use (--file .*)", str(caught.value.hint))
        assert found is not None
        if shutil.which(found[1].split()[0]) is None:
            pytest.skip(f"no {found[1].split()[0]} here")
        subprocess.run(["/bin/sh", "-c", found[1]], check=True)
        text = choice.choose(Config(file=shlex.split(found[2])[1])).text
        assert text.replace("“", "").replace("”", "") == TEXT


ROWS = b"text,label\nThe heads gather there,1\n"
PACKED = {
    "a gzip file": gzip.compress(ROWS, mtime=0),
    "a bzip2 file": bz2.compress(ROWS),
    "an xz file": lzma.compress(ROWS),
    "text in UTF-16": ROWS.decode().encode("utf-16-le"),
}


@pytest.mark.parametrize("kind", PACKED)
def test_rows_under_the_name_of_another_format_are_named_with_a_command_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("my rows.csv", "rows.csv.bz2"):
        Path(name).write_bytes(PACKED[kind])
        with pytest.raises(DataError, match=f"this is {kind}, not") as caught:
            choice.choose(Config(dataset=name, index=0))
        command, _, then = str(caught.value.hint).removeprefix("convert it: ").partition("; then use --dataset ")
        subprocess.run(["/bin/sh", "-c", command], check=True)
        assert choice.choose(Config(dataset=shlex.split(then)[0], index=0)).text == "The heads gather there"


def parquet_bytes() -> bytes:
    sink = io.BytesIO()
    parquet.write_table(pa.table({"text": ["The heads gather there"]}), sink)
    return sink.getvalue()


def columnar(kind: str) -> bytes:
    sink, table = io.BytesIO(), pa.table({"text": ["The heads gather there"], "label": ["a"]})
    if kind == "an ORC file":
        orc.write_table(table, sink)
    else:
        make = ipc.new_file if kind == "an Arrow file" else ipc.new_stream
        with make(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue()


@pytest.mark.parametrize("kind", ["an Arrow file", "an Arrow stream", "an ORC file"])
def test_tables_of_other_formats_are_named_with_a_command_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A cache of the datasets library holds streams, Feather is an Arrow file."""
    monkeypatch.chdir(tmp_path)
    for name in ("my rows.arrow", "d.feather", "-d.orc"):
        Path(name).write_bytes(columnar(kind))
        with pytest.raises(DataError, match=f"this is {kind}, not Parquet, CSV or JSON") as caught:
            choice.choose(Config(dataset=f"./{name}", index=0))
        command, _, then = (
            str(caught.value.hint).removeprefix("write it as Parquet: ").partition("; then use --dataset ")
        )
        command = command.replace("python", shlex.quote(sys.executable), 1)
        subprocess.run(["/bin/sh", "-c", command], check=True)
        assert choice.choose(Config(dataset=shlex.split(then)[0], index=0)).text == "The heads gather there"


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("d.csv", b'{"text": "The heads gather there"}\n', "JSON, not CSV"),
        ("d.tsv", b'[\n {"text": "The heads gather there"}]', "JSON, not CSV"),
        ("d.csv", parquet_bytes(), "a Parquet file, not CSV"),
        ("d.jsonl", parquet_bytes(), "a Parquet file, not JSON"),
    ],
)
def test_rows_of_another_format_are_read_once_they_are_renamed(
    tmp_path: Path, name: str, content: bytes, what: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{name}: this is {what}") as caught:
        choice.choose(Config(dataset=str(path), index=0))
    command = str(caught.value.hint).removeprefix("rename it: ")
    subprocess.run(shlex.split(command), check=True)
    assert choice.choose(Config(dataset=shlex.split(command)[-1], index=0)).text == "The heads gather there"


@pytest.mark.parametrize("name", ["d.csv", "d.tsv", "d.json", "d.jsonl", "d.parquet", "d.xlsx", "left/a.txt"])
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (FILES["a pointer of Git LFS"], "a pointer of Git LFS"),
        (FILES["an Excel workbook"], "an Excel workbook"),
        (FILES["a PDF"], "a PDF"),
        (FILES["a binary file"], "a binary file"),
    ],
)
def test_a_dataset_that_holds_no_rows_is_named(tmp_path: Path, name: str, content: bytes, what: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    dataset = path.parent.parent if path.suffix == ".txt" else path
    with pytest.raises(DataError, match=f"this is {what}, not"):
        choice.choose(Config(dataset=str(dataset), index=0))


def test_a_web_page_is_a_text_but_no_dataset(tmp_path: Path) -> None:
    page = "<!DOCTYPE html>\n<html>\n<body>Not found</body>\n</html>\n"
    (tmp_path / "d.csv").write_text(page)
    with pytest.raises(DataError, match="this is a web page, not CSV"):
        choice.choose(Config(dataset=str(tmp_path / "d.csv"), index=0))
    assert choice.choose(Config(file=str(tmp_path / "d.csv"))).text == page


def test_an_unknown_encoding_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "paper.txt"
    path.write_bytes("論文の頭".encode("shift_jis"))
    with pytest.raises(DataError, match="not UTF-8 at byte 0, in an unknown encoding") as caught:
        choice.choose(Config(file=str(path)))
    assert "iconv -f ENCODING -t UTF-8" in str(caught.value.hint)


@pytest.mark.parametrize(
    "text",
    [
        "GIF89a is a format of images.",
        "A PDF begins with %PDF-1.7, a Word file with PK.",
        "PAR1 is what Parquet begins with.",
        "BZh is a village.",
        "PK",
        "RIFF and WEBP",
        "\\rtf1",
        "a\0b",
        "\ufeffwith a mark",
    ],
)
def test_a_text_about_other_files_is_a_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "paper.txt"
    path.write_text(text, encoding="utf-8")
    assert choice.choose(Config(file=str(path))).text == text.removeprefix("\ufeff")


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=60))
def test_any_text_without_control_characters_is_a_text(text: str) -> None:
    content = text.encode()
    if not text.lstrip().startswith(("%PDF-", "{\\rtf")):
        foreign_files.refuse_others(content, "-", "a text")
        assert foreign_files.decoded(content, "-", "a text") == text.removeprefix("\ufeff")


def test_a_large_file_that_is_no_text_is_named_before_its_length(tmp_path: Path) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(FILES["a PDF"] + bytes(1000))
    with pytest.raises(DataError, match="a PDF that cannot be read"):
        choice.choose(Config(file=str(path), max_chars=10))


def test_rows_may_hold_control_characters(tmp_path: Path) -> None:
    """They are text in UTF-8; the same bytes with a NUL, or in no encoding, are a binary file."""
    rows = b"text,label\r\n\x1f\x1f,0\r\n\x1f\x07,0\r\n"
    foreign_files.refuse_no_rows(rows, tmp_path / "d.csv", form="CSV")
    for damaged in (rows + b"\0", rows + b"\xff\xfe\xff"):
        with pytest.raises(DataError, match="this is a binary file, not CSV"):
            foreign_files.refuse_no_rows(damaged, tmp_path / "d.csv", form="CSV")
