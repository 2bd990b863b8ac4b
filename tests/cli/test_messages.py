"""What a command answers to a mistake: one line with the fact, one with what to do, and never exit code 70.

Each case is a mistake that somebody has made at the command line.
"""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests import tiny
from tests.cli.test_cli import call

ROWS = "text,label,id\nThe heads gather there,left,a\nA window slides,right,b\n"


@pytest.fixture(scope="module")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, and files that are no model, no text, no rows."""
    place = tmp_path_factory.mktemp("place")
    tiny.save(tiny.longformer(), place / "mine")
    (place / "paper.txt").write_text("The heads gather there")
    (place / "rows.csv").write_text(ROWS)
    (place / "x.gguf").write_bytes(b"GGUF" + bytes(100))
    (place / "empty").mkdir()
    (place / "reports" / "one").mkdir(parents=True)
    (place / "reports" / "one" / "manifest.json").write_text("{}")
    np.save(place / "large.npy", np.ones((3, 2), np.float32))
    return place


@pytest.fixture
def place(_place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = Path(shutil.copytree(_place, tmp_path / "place"))
    monkeypatch.chdir(copy)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return copy


OF_MINE = "run --model mine --text hello"
MISTAKES = [  # the command, the exit code, what the error says, what the hint says
    ("run paper.txt", 2, "unexpected argument paper.txt", "use reportgen run --file paper.txt"),
    ("run mine", 2, "unexpected argument mine", "use reportgen run --model mine"),
    ("run --model mine --text paper.txt", 2, "this is the path of a file", "use --file paper.txt"),
    ("run --model mine --text data/paper.txt", 2, "there is no such file", "check the path, and use --file"),
    ("run --model mine --file empty", 3, "empty: a folder, not a file", "name a file in it"),
    ("run --model ./mien --text x", 4, "./mien: no such folder", "did you mean the folder mine?"),
    ("run --model x.gguf --text x", 4, "GGUF weights", "its folder with model.safetensors"),
    ("run --model y.gguf --text x", 4, "y.gguf: no such folder", "check the path"),
    ("run --model rows.csv --text x", 4, "a file, not the folder of a model", "give a folder"),
    ("run --model mine/config.json --text x", 4, "a file, not the folder", "give its folder: --model mine"),
    ("run --model https://huggingface.co/org/m/tree/main --text x", 4, "not a hub id", "use --model org/m"),
    (f"{OF_MINE} -o paper.txt/in/it", 7, "paper.txt is a file, and nothing can be in it", "choose another"),
    (f"{OF_MINE} -o paper.txt --device gpu", 6, "device gpu: unknown", "did you mean cuda?"),
    (f"{OF_MINE} -o paper.txt --device CPU", 6, "device CPU: unknown", "did you mean cpu?"),
    (f"{OF_MINE} -o paper.txt --importance large.npy", 5, "got 3x2", "2 layers x 2 heads"),
    (f"{OF_MINE} -o paper.txt --label lefd", 2, "the model has no such label", "did you mean left?"),
    (f"{OF_MINE} -o paper.txt --label left", 7, "paper.txt is a file", "name another folder"),
    (f"{OF_MINE} --format html,PDF", 2, "--format html,PDF: unknown", "did you mean pdf?"),
    (f"{OF_MINE} --dtype fp16", 2, "--dtype fp16: unknown", "did you mean float16?"),
    (f"{OF_MINE} --color-scale log", 2, "No such option '--color-scale'", "run --help lists the options"),
    (f"{OF_MINE} --seed x", 2, "'x' is not a valid integer", "run --help lists the options"),
    ("run --model mine --dataset rows.csv --pick FP", 2, "--pick FP: choose from", "did you mean fp?"),
    ("run --model mine --dataset rows.csv --pick TN:left", 2, "--pick TN:left", "did you mean tn:left?"),
    ("run --model mine --dataset https://x.org/rows.csv --index 0", 3, "no such file", "download it first"),
    ("batch --model mine --dataset rows.csv --pick ALL", 2, "--pick ALL", "did you mean all?"),
    ('batch --model mine --dataset rows.csv --where "foo = 1"', 2, "no such column: foo", "columns: index, id,"),
    ('batch --model mine --dataset rows.csv --where "id = foo"', 2, "no such column: foo", "single quotes: 'foo'"),
    ("batch --model mine --dataset rows.csv -o paper.txt --device gpu", 6, "device gpu", "did you mean cuda?"),
    ("importance --model mine --dataset rows.csv --measure tailor -o x.npy", 2, "tailor", "did you mean taylor?"),
    ("examples --model mine --dataset rows.csv -o x.csv", 2, "must end in .parquet", "use -o x.parquet"),
    ("site build empty", 7, "no report found (empty: contains no report)", "name reports"),
    ("site build rows.csv", 7, "rows.csv is a file", "give folders"),
    ("site buil", 2, "No such command 'buil'. Did you mean 'build'?", "site --help lists the options"),
    ("verify reports", 7, "reports: not a report folder", "name a report in it, like reports/one"),
    ("verify paper.txt", 7, "paper.txt: a file, not a folder", "give a folder that reportgen wrote"),
    ("rerun empty", 7, "empty: not a report folder", "give a folder that reportgen wrote"),
    ("runn", 2, "No such command 'runn'", "--help lists the options"),
    ("--verson", 2, "No such option '--verson'", "--help lists the options"),
]


@pytest.mark.parametrize(("command", "code", "error", "hint"), MISTAKES, ids=[one[0] for one in MISTAKES])
def test_a_mistake_is_named_with_what_to_do(command: str, code: int, error: str, hint: str, place: Path) -> None:
    ran = call(*shlex.split(command))
    assert ran.exit_code == code, ran.output
    fact, advice = ran.stderr.splitlines()
    assert fact.startswith("error: ")
    assert error in fact
    assert advice.startswith("hint: ")
    assert hint in advice


def test_a_mistake_leaves_nothing_behind(place: Path) -> None:
    before = sorted(place.rglob("*"))
    for command in ("site build empty", f"{OF_MINE} -o paper.txt/in/it", f"{OF_MINE} -o paper.txt --label lefd"):
        assert call(*shlex.split(command)).exit_code
    assert sorted(place.rglob("*")) == before


@pytest.mark.usefixtures("offline")
def test_a_model_that_may_be_a_misspelt_folder_is_said_to_be(place: Path) -> None:
    for name, hint in (("mien", "did you mean the folder mine?"), ("x/y", "if it is a folder here, check its path")):
        ran = call("run", "--model", name, "--text", "hello")
        assert ran.exit_code == 8, ran.output
        assert hint in ran.stderr.splitlines()[1]


def test_formats_may_be_separated_by_spaces(place: Path) -> None:
    ran = call("run", "--model", "mine", "--text", "hello", "--format", "tables latex", "-o", "out")
    assert ran.exit_code == 0, ran.output
    assert {path.name for path in Path("out").iterdir()} >= {"tables", "latex"}


def test_a_group_without_a_command_shows_its_commands() -> None:
    ran = call("site")
    assert ran.exit_code == 2
    assert "build" in ran.stderr
    assert "error:" not in ran.stderr
