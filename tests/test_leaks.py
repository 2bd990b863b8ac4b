"""Nothing leaks: no file of a report, a batch or a site names a user, a computer, a folder or a token.

Every byte is read: packed data of pages, streams of PDF files, cells and facts of tables, pictures.
"""

from __future__ import annotations

import functools
import io
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pikepdf
import pyarrow.parquet as pq
import pytest
from PIL import Image

from reportgen.report.stored import store
from tests import tiny
from tests.cli.test_cli import call, fails
from tests.site.pages.test_report_page import undensed

MINE = ("jane-canary", "host-canary", "hf_tokenCanary", "tmp-canary", "folder-canary")  # in no file of any kind
NAMES = ("model-canary", "data-canary", "heads-canary", "words-canary", "paper-canary")  # with --anonymous in none
TEXTS = ("Attention heads of a long document classifier attend to tokens.", "A sliding window sees its neighbours.")
PACKED = ("--format", "html,pdf,tables,latex", "--pdf-variant", "a-3u")
EVERYTHING = ("--format", "html,pdf,tables,charts,figures,latex", "--span", "1:6", "--pdf-variant", "a-3u")
QUICK = ("--format", "tables")
READER = shutil.which("pdftotext")
needs_reader = pytest.mark.skipif(READER is None and "CI" not in os.environ, reason="pdftotext is not installed")


@pytest.fixture(scope="module")
def _at_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a user with models and data."""
    home = tmp_path_factory.mktemp("homes") / "jane-canary"
    folder = home / "folder-canary"
    tiny.save(tiny.longformer(), folder / "model-canary")
    tiny.save(tiny.longformer(), folder / "words-canary")
    rows = [json.dumps({"text": text, "label": "left"}) for text in (*TEXTS, "")]
    (folder / "data-canary.jsonl").write_text("\n".join([*rows, json.dumps({"text": "x" * 500, "label": "left"})]))
    np.save(folder / "heads-canary.npy", np.array([[0.5, 1], [0, 1]], np.float32))
    (folder / "paper-canary.txt").write_text(TEXTS[0])
    return folder


@pytest.fixture
def at_home(_at_home: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, with an environment that names its user, in another current folder."""
    temporary = here / "tmp-canary"
    temporary.mkdir()
    for name, value in {"HOME": _at_home.parent, "USER": "jane-canary", "LOGNAME": "jane-canary", "TMPDIR": temporary,
                        "HF_TOKEN": "hf_tokenCanary"}.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr(socket, "gethostname", lambda: "host-canary")
    work = here / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return _at_home


def of(at_home: Path, *, of_rows: bool = True) -> tuple[str, ...]:
    """The options that name the model and its data by their paths."""
    data = ("--dataset", at_home / "data-canary.jsonl") if of_rows else ("--file", at_home / "paper-canary.txt")
    model = ("--model", at_home / "model-canary", "--tokenizer", at_home / "words-canary")
    return tuple(map(str, (*model, *data, "--importance", at_home / "heads-canary.npy")))


def made(*arguments: str, code: int = 0) -> None:
    ran = call(*arguments)
    assert ran.exit_code == code, ran.output


@functools.cache  # every page holds the same bundle of scripts
def unpacked(text: bytes, length: int) -> bytes:
    return zlib.decompress(undensed(text.decode(), length))


def readings(name: str, content: bytes) -> Iterator[bytes]:
    """A file as it is, and everything that is packed in it."""
    yield name.encode()
    yield content
    if content[:4] == b"%PDF":
        yield shown(content)
        with pikepdf.open(io.BytesIO(content)) as opened:
            for one in opened.objects:
                packed = one.read_bytes() if isinstance(one, pikepdf.Stream) and "/Width" not in one else b""
                yield repr(one).encode()
                yield from readings("", packed)
    if content[:4] == b"PAR1":
        table = pq.read_table(io.BytesIO(content))
        yield repr((table.schema, table.schema.metadata, table.to_pylist())).encode()
    if content[1:4] == b"PNG":
        with Image.open(io.BytesIO(content)) as picture:
            yield repr(picture.info).encode()
    for found in re.finditer(rb'data-length="(\d+)">(.*?)</script>', content):
        yield unpacked(found[2], int(found[1]))


def shown(content: bytes) -> bytes:
    """The text of a PDF without its line ends: what a reader sees is in the letters of its fonts."""
    assert READER, "pdftotext is not installed"
    read = subprocess.run([READER, "-", "-"], input=content, capture_output=True, check=True).stdout
    return b"".join(read.split())


def leaks(folder: Path, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Which of the names are in which files."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [
        (name, str(path.relative_to(folder)))
        for path in files
        for reading in readings(str(path.relative_to(folder)), path.read_bytes())
        for name in names
        if name.encode() in reading
    ]


@needs_reader
def test_a_report_names_its_model_everywhere_and_its_maker_nowhere(at_home: Path) -> None:
    """What is packed is read, too, or the tests below could not fail."""
    made("run", *of(at_home), "--index", "0", *PACKED, "-o", "one")
    found = leaks(Path("one"), ("model-canary", "attention_scores", *MINE))
    named = {file for name, file in found if name == "model-canary"}
    assert named == {"report.html", "report.pdf", "report.json", "manifest.json", "latex/heatmap.tex",
                     "latex/citation.bib", "latex/top_tokens.tex", "tables/report.parquet"}  # fmt: skip
    assert ("attention_scores", "tables/attended_tokens.parquet") in found
    assert ("attention_scores", "report.pdf") in found  # in a table that is attached to it
    assert [each for each in found if each[0] in MINE] == []


def test_no_file_of_a_batch_or_a_site_names_its_maker(at_home: Path) -> None:
    made("run", *of(at_home, of_rows=False), "--format", "html", "-o", "all/two")
    made("batch", *of(at_home), *QUICK, "--max-chars", "400", "-o", "many", code=10)
    made("site", "build", "all", "-o", "site")
    made("importance", *of(at_home)[:6], "--limit", "2", "-o", "heads.safetensors")
    assert leaks(Path(), MINE) == []


@needs_reader
def test_a_comparison_names_models_and_not_its_maker(at_home: Path) -> None:
    made("run", *of(at_home), "--index", "0", *QUICK, "-o", "all/one")
    made("run", *of(at_home), "--index", "0", *QUICK, "--top-k", "2", "-o", "all/two")
    made("compare", "all/one", "all/two", "-o", "reports")
    made("compare", "all", "all", "-o", "batches")
    found = {name for name, _ in leaks(Path("reports"), (*MINE, "model-canary"))}
    assert found == {"model-canary"}  # or the test could not fail
    assert leaks(Path("batches"), MINE) == []


@needs_reader
def test_a_comparison_of_reports_without_names_has_none(at_home: Path) -> None:
    hide = ("--anonymous",)
    made("run", *of(at_home), "--index", "0", *QUICK, *hide, "-o", "all/one")
    made("run", *of(at_home), "--index", "0", *QUICK, *hide, "--top-k", "2", "-o", "all/two")
    made("compare", "all/one", "all/two", "-o", "reports")
    made("compare", "all", "all", "-o", "batches")
    for folder in ("reports", "batches"):
        assert leaks(Path(folder), (*MINE, *NAMES)) == []


@needs_reader
@pytest.mark.parametrize("formats", [PACKED, pytest.param(EVERYTHING, marks=pytest.mark.slow)])
def test_without_names_neither_model_nor_data_can_be_found(formats: tuple[str, ...], at_home: Path) -> None:
    made("run", *of(at_home), "--index", "0", *formats, "--anonymous", "-o", "all/one")
    assert leaks(Path(), (*MINE, *NAMES)) == []
    assert store.load(Path("all/one")).provenance.model.startswith("model-")


def test_a_batch_without_names_has_none_in_its_journal_and_continues(at_home: Path) -> None:
    for _ in range(2):
        ran = call("batch", *of(at_home), *QUICK, "--max-chars", "400", "--anonymous", "-o", "many")
        assert ran.exit_code == 10, ran.output
    assert "existed already  3" in ran.stdout
    assert leaks(Path(), (*MINE, *NAMES)) == []
    assert len(list(Path("many").glob("example-*"))) == 3


@needs_reader
@pytest.mark.parametrize("anonymous", [False, True])
def test_a_corpus_names_no_more_than_its_reports(anonymous: bool, at_home: Path) -> None:
    """Page, PDF, figures, tables, LaTeX and manifest; the model is named where the reports name it."""
    how = ("--anonymous",) if anonymous else ()
    made("batch", *of(at_home), *QUICK, "--max-chars", "400", *how, "-o", "many", code=10)
    made("corpus", "many", "-o", "over", "--workers", "1", "--format", "html,pdf,tables,latex" + ",figures" * anonymous)
    assert leaks(Path("over"), MINE) == []
    named = {file for name, file in leaks(Path("over"), NAMES) if name == "model-canary"}
    if anonymous:
        assert leaks(Path("over"), NAMES) == []
    else:
        assert named >= {"corpus.html", "corpus.pdf", "manifest.json", "tables/documents.parquet"}


def test_names_are_taken_out_of_a_report_that_has_them(at_home: Path) -> None:
    """In another folder; the first stays as it is."""
    made("run", *of(at_home), "--index", "0", "--format", "html,latex", "-o", "open/model-canary-1")
    fails(call("render", "open/model-canary-1", "--anonymous"), 2, "--anonymous needs --output")
    made("render", "open/model-canary-1", "--anonymous", "-o", "blind/one")
    made("site", "build", "open", "-o", "site", "--anonymous")
    assert leaks(Path("blind"), (*MINE, *NAMES)) == []
    assert leaks(Path("site"), (*MINE, *NAMES)) == []
    assert not list(Path("site").rglob("report.*"))
    before, after = (store.load(Path(name)) for name in ("open/model-canary-1", "blind/one"))
    assert after.attention == before.attention
    assert after.prediction == before.prediction


def test_a_report_without_names_is_run_again_with_the_model_that_is_named(at_home: Path) -> None:
    made("run", *of(at_home), "--index", "0", *QUICK, "--anonymous", "-o", "one")
    fails(call("rerun", "one"), 2, "is not in the current folder")
    places = ("--model", str(at_home / "model-canary"), "--tokenizer", str(at_home / "words-canary"))
    ran = call("rerun", "one", *places)
    assert ran.exit_code == 0, ran.output
    more = ("--dataset", str(at_home / "data-canary.jsonl"), "--importance", str(at_home / "heads-canary.npy"))
    ran = call("rerun", "one", *places, *more, "-o", "again")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert leaks(Path("again"), (*MINE, *NAMES)) == []
    assert store.load(Path("again")).provenance.command == store.load(Path("one")).provenance.command


def test_model_and_data_are_called_as_the_user_says(at_home: Path) -> None:
    names = ("--model-name", "Our model", "--data-name", "Our papers")
    made("run", *of(at_home), "--index", "0", "--format", "html,latex", *names, "-o", "one")
    report = store.load(Path("one"))
    assert (report.provenance.model, report.example.dataset) == ("Our model", "Our papers")
    assert report.example.title == "Our papers, example 0"
    assert "Our model" in Path("one/latex/citation.bib").read_text()
    made("render", "one", "--model-name", "Another", "-o", "three")
    assert "Another" in Path("three/report.html").read_text()
    made("run", *of(at_home, of_rows=False), *QUICK, *names, "--anonymous")
    (folder,) = Path("reports").iterdir()
    report = store.load(folder)
    assert (report.example.title, report.example.name) == ("Our papers", folder.name)
    assert folder.name.endswith("-our-model")
    assert leaks(folder, (*MINE, *NAMES)) == []


def test_a_tested_report_and_a_file_of_head_importance_have_no_names(at_home: Path) -> None:
    """Neither `faithfulness.json`, nor attributions, tables and curves; nor the predictions of a split."""
    made("run", *of(at_home), "--index", "0", *PACKED, "--faithfulness", "full", "--anonymous", "-o", "all/one")
    made("run", *of(at_home), "--index", "0", *QUICK, "--anonymous", "-o", "all/two")
    places = ("--model", str(at_home / "model-canary"), "--tokenizer", str(at_home / "words-canary"))
    made("faithfulness", "all/two", *places)
    assert {store.FAITHFULNESS, "tables/faithfulness.parquet"} <= set(store.manifest(Path("all/two"))["files"])
    made("importance", *of(at_home)[:6], "--limit", "2", "--anonymous", "-o", "all/heads.safetensors")
    made("examples", *of(at_home)[:6], "-o", "all/rows.parquet", code=0)
    assert leaks(Path("all"), (*MINE, *NAMES)) == []
    made("importance", *of(at_home)[:6], "--limit", "2", "-o", "all/named.safetensors")
    assert {name for name, _ in leaks(Path("all"), NAMES)} == {"model-canary", "data-canary", "words-canary"}
