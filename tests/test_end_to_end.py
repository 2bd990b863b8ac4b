"""The installed command, as a user runs it: one text in, a whole folder out, read back by other programs.

One run of the demo, one of a tiny model in every format; what does not need a process of its own is called in this one.
"""

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
from reportgen.report import opening
from reportgen.report.stored import store
from tests import tiny
from tests.cli.test_cli import call
from tests.reports import contents
from tests.test_pipeline import FILES

COMMAND = Path(sys.executable).parent / "reportgen"
TESTED = {
    "faithfulness.json", "figures/deletion-curve.svg", "figures/deletion-curve.vl.json",
    *(f"tables/{key}.{kind}" for key in ("faithfulness", "agreement") for kind in ("csv", "parquet")),
}  # fmt: skip
EPOCH = "1714564800"
CANARY = "hf_canaryCanaryCanary"
EVERYTHING = ("--format", "html,pdf,tables,charts,figures,latex", "--span", "2:9", "--pdf-variant", "a-3u")
TEXT = "Attention heads of a long document classifier attend to tokens. A sliding window sees its neighbours."


def reportgen(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, without the network."""
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=cwd,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "SOURCE_DATE_EPOCH": EPOCH, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(autouse=True)
def _epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the runs in this process, too."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """Folder of the report, standard output and error of a run of the demo, whose preset tests the heatmap."""
    here = tmp_path_factory.mktemp("here")
    source: tuple[str, ...] = ()
    if not (DEMO / "model").is_dir():
        model = tiny.save(tiny.longformer(), tmp_path_factory.mktemp("model"))
        source = "--model", str(model), "--text", TEXT, "--faithfulness", "quick"
    ran = reportgen("run", *source, cwd=here)
    assert ran.returncode == 0, ran.stderr
    return here / Path(ran.stdout.splitlines()[-1]).parent, ran.stdout, ran.stderr


def test_the_folder_holds_every_file_and_its_hash(done: tuple[Path, str, str]) -> None:
    folder = done[0]
    assert folder.parent.name == "reports"
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == FILES | TESTED
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
    assert len(list(root.iter("figure"))) == 7
    (opened,) = (one for one in report.faithfulness.verdicts if one.order == opening.order(report))
    assert opened.sentence in said


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


def test_a_second_run_does_not_touch_the_first(done: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(done[0].parent.parent)
    before = contents(done[0])
    ran = call(*shlex.split(store.load(done[0]).provenance.command)[1:])
    assert ran.exit_code == 7
    assert ran.stderr.startswith(f"error: reports/{done[0].name} already contains a report\nhint: use --overwrite")
    assert ran.stdout == ""
    assert contents(done[0]) == before


def home_of_a_user(place: Path) -> Path:
    """A home with a model and a text."""
    tiny.save(tiny.longformer(), place / "at-home" / "model")
    (place / "at-home" / "paper.txt").write_text(TEXT)
    return place / "at-home"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder of a report in every format, of model and text in the user's own folder, and what the command said."""
    place = tmp_path_factory.mktemp("everything")
    home = home_of_a_user(place)
    ran = reportgen(
        "run", "--model", str(home / "model"), "--file", str(home / "paper.txt"), *EVERYTHING, "-o", "report",
        cwd=place, HOME=str(home), HF_TOKEN=CANARY, HF_ENDPOINT="http://user:secretword@127.0.0.1:9",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return place / "report", ran.stdout + ran.stderr


@pytest.fixture
def everything(ran: tuple[Path, str]) -> Path:
    """The folder alone."""
    return ran[0]


@pytest.mark.slow
def test_the_command_in_the_report_gives_the_same_bytes_in_every_format(everything: Path, tmp_path: Path) -> None:
    """Across hash seed, time zone, locale, folder, home and user; a different minute changes nothing either."""
    home = home_of_a_user(tmp_path)
    environment = {"PYTHONHASHSEED": "4711", "TZ": "Pacific/Chatham", "LC_ALL": "C", "USER": "x", "HOME": str(home)}
    words = [str(home / word) if word in ("model", "paper.txt") else word for word in command(everything)]
    ran = reportgen(*words, "-o", "again", cwd=tmp_path, **environment)
    assert ran.returncode == 0, ran.stderr
    one, other = contents(everything), contents(tmp_path / "again")
    assert set(one) == set(other)
    assert len(one) > 50
    assert [name for name in one if one[name] != other[name]] == []


def command(folder: Path) -> list[str]:
    """What a report says it was made by, without the name of the program, and where it went."""
    words = shlex.split(store.load(folder).provenance.command)[1:]
    if "--output" in words:
        at = words.index("--output")
        del words[at : at + 2]
    return words


@pytest.mark.slow
def test_a_difference_would_be_noticed(everything: Path, tmp_path: Path) -> None:
    """Another time is another date in the PDF, the page and the manifest."""
    home = everything.parent / "at-home"
    source = "--model", str(home / "model"), "--file", str(home / "paper.txt")
    later = {"HOME": str(home), "SOURCE_DATE_EPOCH": "1714651200"}
    ran = reportgen("run", *source, *EVERYTHING, "-o", "report", cwd=tmp_path, **later)
    assert ran.returncode == 0, ran.stderr
    one, other = contents(everything), contents(tmp_path / "report")
    changed = {name for name in one if one[name] != other[name]}
    assert {"report.html", "report.pdf", "report.json", "manifest.json"} <= changed
    assert not any(name.startswith(("tables/", "figures/")) for name in changed)


def test_no_file_and_no_line_names_a_token_or_the_home_of_the_user(ran: tuple[Path, str]) -> None:
    """The PDF's packed streams are read too."""
    with pikepdf.open(ran[0] / "report.pdf") as opened:
        packed = [o.read_bytes() for o in opened.objects if isinstance(o, pikepdf.Stream) and "/Type" not in o]
    said = {**contents(ran[0]), "streams": b"".join(packed), "output": ran[1].encode()}
    for name, content in said.items():
        for secret in (CANARY, "secretword", "at-home"):
            assert secret.encode() not in content, f"{secret} in {name}"
    assert b"--file paper.txt" in said["report.html"]


def test_the_command_verifies_what_it_wrote(everything: Path, here: Path) -> None:
    ran = call("verify", str(everything))
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == f"{everything}: all {len(contents(everything)) - 1} files are unchanged\n"
    shutil.copytree(everything, here / "copy")
    (here / "copy" / "tables" / "tokens.csv").write_text("position\n")
    ran = call("verify", "copy")
    assert ran.exit_code == 7
    assert ran.stderr.startswith("error: copy/tables/tokens.csv was changed")
    assert call("verify", "nowhere").exit_code == 7


@pytest.mark.slow
def test_the_command_runs_a_report_again_and_says_that_it_is_the_same(everything: Path, tmp_path: Path) -> None:
    home = str(everything.parent / "at-home")
    ran = reportgen("rerun", str(everything), "-o", str(tmp_path / "again"), cwd=Path(home), HOME=home)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [f"{everything}: the results are the same", str(tmp_path / "again")]
    one, other = contents(everything), contents(tmp_path / "again")
    assert [name for name in one if one[name] != other[name]] == []


@pytest.fixture
def of_a_text(here: Path) -> tuple[str, ...]:
    """A run of a tiny model on a text of the command line."""
    tiny.save(tiny.longformer(), here / "model")
    return "run", "--model", "model", "--text", TEXT


def test_a_text_of_the_command_line_is_run_again_from_what_is_stored(of_a_text: tuple[str, ...], here: Path) -> None:
    """The report that comes out is the same to the byte, its command too."""
    assert call(*of_a_text, "--label", "left", "--format", "html,tables", "-o", "r").exit_code == 0
    ran = call("rerun", "r", "-o", "again")
    assert ran.exit_code == 0, ran.stderr
    assert contents(here / "r") == contents(here / "again")


def test_another_model_in_the_same_place_is_noticed(of_a_text: tuple[str, ...], here: Path) -> None:
    """Somebody has trained on."""
    assert call(*of_a_text, "--format", "tables", "-o", "report").exit_code == 0
    shutil.rmtree(here / "model")
    tiny.save(tiny.longformer(seed=1), here / "model")
    ran = call("rerun", "report", "-q")
    assert ran.exit_code == 10
    told = [line.split(":")[0] for line in ran.stdout.splitlines()]
    assert {"weights of the model", "logits", "received attention"} <= set(told)
    assert ran.stderr.startswith(f"error: {len(told)} results differ")
    assert not (here / "again").exists()


WITHOUT = """
import sys
for name in ("torch", "transformers", "datasets", "tokenizers", "accelerate", "altair"):
    sys.modules[name] = None  # importing it fails; altair is for curves of a tested heatmap alone
from reportgen.cli import main
main()
"""


def test_the_command_renders_again_where_torch_is_not_installed(everything: Path, tmp_path: Path) -> None:
    """From what is stored, into another folder: every file to the byte."""
    program = [sys.executable, "-c", WITHOUT, "render", str(everything), "-o", "again"]
    ran = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "again/report.html\n"), ran.stderr
    before, after = contents(everything), contents(tmp_path / "again")
    assert set(before) == set(after)
    assert {"report.pdf", "figures/overview-3.3in.pdf", "figures/heatmap-all-2-9-6.9in.svg", "latex/heatmap.tex"} <= {
        *after
    }
    assert [name for name in before if before[name] != after[name]] == ["manifest.json"]


def test_what_is_not_installed_there_would_be_noticed() -> None:
    program = WITHOUT.replace("from reportgen", "import torch\nfrom reportgen")
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("render",), "error: give either FOLDER or --scores"),
        (("render", "report", "--scores", "x.json"), "error: give either FOLDER or --scores"),
        (("render", "report", "--title", "x"), "error: --title needs --scores"),
        (("render", "report", "--span", "9:2"), "error: --span 9:2: must be two positions"),
        (
            ("render", "report", "--span", "9000:9001", "--format", "latex"),
            "error: --span 9000:9001: the document has",
        ),
        (("render", "report", "--figure-width", "wide"), "error: --figure-width wide: must be widths"),
        (("render", "report", "--paper", "a5"), "error: --paper a5: unknown; choose from a4, letter"),
    ],
)
def test_what_cannot_be_rendered_is_a_usage_error(
    arguments: tuple[str, ...], said: str, everything: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(everything.parent)
    ran = call(*arguments)
    assert ran.exit_code == 2
    assert ran.stderr.startswith(said)


def test_the_command_makes_a_report_of_given_scores(here: Path) -> None:
    (here / "mine.json").write_text(json.dumps({"tokens": ["some", "words", "here"], "scores": [1, 5, 2]}))
    ran = call("render", "--scores", "mine.json", "--title", "Of mine", "-q", "--format", "html")
    assert ran.exit_code == 0, ran.stderr
    page = here / ran.stdout.strip()
    assert page.parent.name.startswith("of-mine-")
    assert "Of mine" in page.read_text()
    assert call("render", "--scores", "none.json").exit_code == 3


@pytest.mark.parametrize("epoch", ["soon", "-5", "9" * 40])
def test_a_time_that_is_none_ends_before_the_model_is_loaded(epoch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    ran = call("run", "--model", "nowhere", "--text", "x")
    assert ran.exit_code == 2
    assert ran.stderr.startswith(f"error: SOURCE_DATE_EPOCH={epoch[:40]} is not a number of seconds")


@pytest.mark.slow
def test_a_document_of_7500_tokens_has_at_most_16_pages(tmp_path: Path) -> None:
    """With the test of the heatmap and attribution, as the command makes it; the text is printed once."""
    documents = [json.loads(line)["text"] for line in (DEMO / "documents.jsonl").open(encoding="utf-8")]
    (tmp_path / "long.txt").write_text("\n\n".join(documents)[:28_000], encoding="utf-8")
    done = reportgen("run", "--file", "long.txt", "--long", "window", "-o", "long", "--format", "pdf", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert 7_400 < len(store.load(tmp_path / "long").tokens) < 7_700
    with pikepdf.open(tmp_path / "long" / "report.pdf") as opened:
        assert len(opened.pages) <= 16
