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
import pikepdf
import pytest

from reportgen.core.config import DEMO
from reportgen.report import store
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


EVERYTHING = ("--format", "html,pdf,tables,charts,figures,latex", "--span", "2:9", "--pdf-variant", "a-3u")


@pytest.fixture(scope="module")
def everything(source: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report in every format."""
    folder = tmp_path_factory.mktemp("everything")
    ran = reportgen("run", *source, *EVERYTHING, "-o", "report", cwd=folder, HF_TOKEN=CANARY)
    assert ran.returncode == 0, ran.stderr
    return folder / "report"


CANARY = "hf_canaryCanaryCanary"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file by its path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_two_runs_give_equal_bytes_in_every_format(everything: Path, source: tuple[str, ...], tmp_path: Path) -> None:
    """Across hash seed, time zone, locale, folder and user; a different minute changes nothing either."""
    elsewhere = {
        "PYTHONHASHSEED": "4711",
        "TZ": "Pacific/Chatham",
        "LC_ALL": "C.UTF-8",
        "USER": "x",
        "HOME": str(tmp_path),
    }
    ran = reportgen("run", *source, *EVERYTHING, "-o", "report", cwd=tmp_path, **elsewhere)
    assert ran.returncode == 0, ran.stderr
    one, other = contents(everything), contents(tmp_path / "report")
    assert set(one) == set(other)
    assert len(one) > 50
    assert [name for name in one if one[name] != other[name]] == []


def test_a_difference_would_be_noticed(everything: Path, source: tuple[str, ...], tmp_path: Path) -> None:
    """Another time is another date in the PDF, the page and the manifest."""
    ran = reportgen("run", *source, *EVERYTHING, "-o", "report", cwd=tmp_path, SOURCE_DATE_EPOCH="1714651200")
    assert ran.returncode == 0, ran.stderr
    one, other = contents(everything), contents(tmp_path / "report")
    changed = {name for name in one if one[name] != other[name]}
    assert {"report.html", "report.pdf", "report.json", "manifest.json"} <= changed
    assert not any(name.startswith(("tables/", "figures/")) for name in changed)


def test_no_file_and_no_line_names_a_token_or_the_home_of_the_user(tmp_path: Path) -> None:
    """Model and text lie in the user's own folder; the PDF's packed streams are read too."""
    home = tmp_path / "at-home"
    tiny.save(tiny.longformer(), home / "model")
    (home / "paper.txt").write_text(TEXT)
    ran = reportgen(
        "run", "--model", str(home / "model"), "--file", str(home / "paper.txt"), *EVERYTHING, "-o", "report",
        cwd=tmp_path, HOME=str(home), HF_TOKEN=CANARY, HF_ENDPOINT="http://user:secretword@127.0.0.1:9",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    with pikepdf.open(tmp_path / "report" / "report.pdf") as opened:
        packed = [o.read_bytes() for o in opened.objects if isinstance(o, pikepdf.Stream) and "/Type" not in o]
    said = {**contents(tmp_path / "report"), "streams": b"".join(packed), "stdout": (ran.stdout + ran.stderr).encode()}
    for name, content in said.items():
        for secret in (CANARY, "secretword", "at-home"):
            assert secret.encode() not in content, f"{secret} in {name}"
    assert b"~/paper.txt" in said["report.html"]


def test_the_command_verifies_what_it_wrote(everything: Path, tmp_path: Path) -> None:
    ran = reportgen("verify", str(everything), cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == f"{everything}: all {len(contents(everything)) - 1} files are unchanged\n"
    shutil.copytree(everything, tmp_path / "copy")
    (tmp_path / "copy" / "tables" / "tokens.csv").write_text("position\n")
    ran = reportgen("verify", "copy", cwd=tmp_path)
    assert ran.returncode == 7
    assert ran.stderr.startswith("error: copy/tables/tokens.csv is not the file that was written")
    assert reportgen("verify", "nowhere", cwd=tmp_path).returncode == 7


def test_the_command_runs_a_report_again_and_says_what_differs(everything: Path, tmp_path: Path) -> None:
    """The same; then, with the weights of another model in its place, what has changed."""
    there = everything.parent
    ran = reportgen("rerun", "report", "-o", str(tmp_path / "again"), cwd=there)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["report: the results are the same", str(tmp_path / "again")]
    one, other = contents(everything), contents(tmp_path / "again")
    assert [name for name in one if one[name] != other[name]] == []


def test_a_text_of_the_command_line_is_run_again_from_what_is_stored(tmp_path: Path) -> None:
    """The report that comes out is the same to the byte, its command too."""
    tiny.save(tiny.longformer(), tmp_path / "model")
    arguments = (
        "run", "--model", "model", "--text", TEXT, "--label", "left", "--format", "html,tables", "-o", "r",
    )  # fmt: skip
    assert reportgen(*arguments, cwd=tmp_path).returncode == 0
    ran = reportgen("rerun", "r", "-o", "again", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert contents(tmp_path / "r") == contents(tmp_path / "again")


def test_another_model_in_the_same_place_is_noticed(tmp_path: Path) -> None:
    """Somebody has trained on."""
    tiny.save(tiny.longformer(), tmp_path / "model")
    arguments = ("run", "--model", "model", "--text", TEXT, "--format", "tables", "-o", "report")
    assert reportgen(*arguments, cwd=tmp_path).returncode == 0
    shutil.rmtree(tmp_path / "model")
    tiny.save(tiny.longformer(seed=1), tmp_path / "model")
    ran = reportgen("rerun", "report", "-q", cwd=tmp_path)
    assert ran.returncode == 10
    told = [line.split(":")[0] for line in ran.stdout.splitlines()]
    assert {"weights of the model", "logits", "received attention"} <= set(told)
    assert ran.stderr.startswith(f"error: {len(told)} results differ")
    assert not (tmp_path / "again").exists()


WITHOUT = """
import sys
for name in ("torch", "transformers", "datasets", "tokenizers", "accelerate"):
    sys.modules[name] = None  # importing it fails
from reportgen.cli import main
main()
"""


def test_the_command_renders_again_where_torch_is_not_installed(everything: Path, tmp_path: Path) -> None:
    shutil.copytree(everything, tmp_path / "copy")
    before = contents(tmp_path / "copy")
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1714564800"}
    command = [sys.executable, "-c", WITHOUT, "render", "copy"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "copy/report.html\n"), ran.stderr
    after = contents(tmp_path / "copy")
    assert [name for name in before if before[name] != after[name]] == ["manifest.json"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("render",), "error: give either FOLDER or --scores"),
        (("render", "report", "--scores", "x.json"), "error: give either FOLDER or --scores"),
        (("render", "report", "--title", "x"), "error: --title needs --scores"),
        (("render", "report", "--span", "9:2"), "error: --span 9:2: it has to be two positions"),
        (
            ("render", "report", "--span", "9000:9001", "--format", "latex"),
            "error: --span 9000:9001: the document has",
        ),
        (("render", "report", "--figure-width", "wide"), "error: --figure-width wide: it has to be widths"),
        (("render", "report", "--paper", "a5"), "error: --paper a5: unknown; it is a4, letter"),
    ],
)
def test_what_cannot_be_rendered_is_a_usage_error(
    arguments: tuple[str, ...], said: str, everything: Path, tmp_path: Path
) -> None:
    ran = reportgen(*arguments, cwd=everything.parent)
    assert ran.returncode == 2
    assert ran.stderr.startswith(said)


def test_the_command_makes_a_report_of_given_scores(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps({"tokens": ["some", "words", "here"], "scores": [1, 5, 2]}))
    ran = reportgen("render", "--scores", "mine.json", "--title", "Of mine", "-q", "--format", "html", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    page = tmp_path / ran.stdout.strip()
    assert page.parent.name.startswith("of-mine-")
    assert "Of mine" in page.read_text()
    assert reportgen("render", "--scores", "none.json", cwd=tmp_path).returncode == 3


@pytest.mark.parametrize("epoch", ["soon", "-5", "9" * 40])
def test_a_time_that_is_none_ends_before_the_model_is_loaded(epoch: str, tmp_path: Path) -> None:
    ran = reportgen("run", "--model", "nowhere", "--text", "x", cwd=tmp_path, SOURCE_DATE_EPOCH=epoch)
    assert ran.returncode == 2
    assert ran.stderr.startswith(f"error: SOURCE_DATE_EPOCH={epoch[:40]} is not a number of seconds")
