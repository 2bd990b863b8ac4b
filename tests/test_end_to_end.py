"""The installed command, as a user runs it: one text in, a whole folder out, read back by other programs."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import html5lib
import pandas as pd
import pytest

from reportgen import store
from reportgen.config import DEMO
from tests import tiny

COMMAND = Path(sys.executable).parent / "reportgen"
FILES = {
    "report.html", "report.pdf", "report.json", "attention.safetensors", "manifest.json",
    "tables/token_attention.parquet", "tables/top_tokens.parquet", "tables/top_tokens.csv",
    "tables/attended_tokens.parquet", "tables/tokens.csv",
    *(f"figures/{key}.{kind}" for kind in ("svg", "vl.json") for key in (
        "rank-trend-layers", "rank-trend-heads", "layer-trend", "distribution", "overview")),
    "figures/attention-maps.png",
}  # fmt: skip
TEXT = "Attention heads of a long document classifier attend to tokens. A sliding window sees its neighbours."


def reportgen(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, without the network."""
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=cwd,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "SOURCE_DATE_EPOCH": "1714564800", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Options that name a model and a text: none for the embedded demo, where its model is there."""
    if (DEMO / "model").is_dir():
        return ()
    model = tiny.save(tiny.longformer(), tmp_path_factory.mktemp("model"))
    return "--model", str(model), "--text", TEXT


@pytest.fixture(scope="module")
def done(source: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """Folder of the report, standard output and error of a run with default settings."""
    here = tmp_path_factory.mktemp("here")
    ran = reportgen("run", *source, cwd=here)
    assert ran.returncode == 0, ran.stderr
    return here / Path(ran.stdout.splitlines()[-1]).parent, ran.stdout, ran.stderr


def test_the_folder_holds_every_file_and_its_hash(done: tuple[Path, str, str]) -> None:
    folder = done[0]
    assert folder.parent.name == "reports"
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == FILES
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in manifest["files"]} == (
        manifest["files"]
    )


def test_the_terminal_says_the_result_and_where_it_lies(done: tuple[Path, str, str]) -> None:
    folder, out, err = done
    report = store.load(folder)
    said = report.prediction
    assert out.splitlines()[0].startswith(report.example.title)
    assert f"{said.labels[said.predicted]} ({said.probabilities[said.predicted]:.1%})" in out
    assert out.splitlines()[-1] == f"reports/{folder.name}/report.html"
    assert "device: CPU" in err or "device: CUDA" in err
    assert "Traceback" not in err
    assert "Warning:" not in err, "a library speaks where only we should"


def test_the_page_shows_the_whole_text_and_the_prediction(done: tuple[Path, str, str]) -> None:
    folder = done[0]
    report = store.load(folder)
    root = html5lib.parse((folder / "report.html").read_text(encoding="utf-8"), namespaceHTMLElements=False)
    block = next(e for e in root.iter("div") if e.get("class") == "text")
    specials = [e for e in block.iter("span") if e.get("class") == "special"]
    shown = "".join(block.itertext())
    for special in specials:
        shown = shown.replace("".join(special.itertext()), "", 1)
    assert shown == report.example.text[: report.tokens.end]
    said = " ".join("".join(root.itertext()).split())
    assert report.prediction.labels[report.prediction.predicted] in said
    assert len(list(root.iter("figure"))) == 6


@pytest.mark.skipif(shutil.which("pdftotext") is None and "CI" not in os.environ, reason="pdftotext is not installed")
def test_the_pdf_holds_the_text_and_the_prediction(done: tuple[Path, str, str]) -> None:
    report = store.load(done[0])
    read = subprocess.run(["pdftotext", done[0] / "report.pdf", "-"], capture_output=True, check=True, text=True).stdout
    words = report.example.text[: report.tokens.end].split()
    text = " ".join(read.split())
    assert " ".join(words[:4]) in text
    assert " ".join(words[-3:]) in text
    assert report.prediction.labels[report.prediction.predicted] in text
    assert report.provenance.weights_sha256[:32] in text.replace(" ", "")


def test_the_tables_can_be_read_by_a_notebook(done: tuple[Path, str, str]) -> None:
    folder = done[0]
    report = store.load(folder)
    layers, heads, tokens = report.attention.shape
    everything = pd.read_parquet(folder / "tables" / "token_attention.parquet")
    assert len(everything) == layers * heads * tokens
    assert everything["received"].sum() == pytest.approx(layers * heads * tokens, rel=1e-3)
    assert len(pd.read_csv(folder / "tables" / "tokens.csv", keep_default_na=False)) == tokens


def test_the_command_in_the_report_gives_the_same_report_again(done: tuple[Path, str, str], tmp_path: Path) -> None:
    """To the byte, in another folder, with another hash seed, time zone and locale, the manifest too."""
    words = shlex.split(store.load(done[0]).provenance.command)
    ran = reportgen(*words[1:], cwd=tmp_path, PYTHONHASHSEED="12345", TZ="Asia/Kolkata", LC_ALL="C")
    assert ran.returncode == 0, ran.stderr
    again = tmp_path / "reports" / done[0].name
    same = [name for name in FILES if (done[0] / name).read_bytes() == (again / name).read_bytes()]
    assert set(same) == FILES


def test_a_second_run_does_not_touch_the_first(done: tuple[Path, str, str], source: tuple[str, ...]) -> None:
    ran = reportgen("run", *source, cwd=done[0].parent.parent)
    assert ran.returncode == 7
    assert ran.stderr.startswith(f"error: reports/{done[0].name} holds a report already\nhint: use --overwrite")
    assert ran.stdout == ""
