"""The command corpus: its files, what it leaves out, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from reportgen.cli import main
from reportgen.report.stored import store
from tests import corpora

pytestmark = pytest.mark.usefixtures("epoch")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpora.batch(tmp_path_factory.mktemp("made") / "batch", 4)


def run(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["corpus", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done.output


def test_every_file_is_made_and_named_in_the_manifest(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    printed = run(made, "-o", out, "--workers", "1")
    assert printed.splitlines()[-1] == str(out / "corpus.html")
    names = set(store.manifest(out)["files"])
    assert {"corpus.html", "corpus.pdf", "tables/words.parquet", "latex/confusion.tex"} <= names
    for form in ("svg", "pdf", "vl.json", "csv"):
        assert {f"figures/{key}.{form}" for key in ("roles", "heads", "positions", "reliability")} <= names
    assert store.verify(out)[0] == len(names)
    assert store.manifest(out)["corpus"]["documents"] == 4
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert "already contains" in run(made, "-o", out, code=7)
    run(made, "-o", out, "--overwrite", "--workers", "1")
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_reports_that_cannot_be_read_are_left_out_and_listed(made: Path, tmp_path: Path) -> None:
    batch = shutil.copytree(made, tmp_path / "batch")
    (batch / "doc-1" / "report.json").write_text("{}")
    other = corpora.report(3)
    shutil.rmtree(batch / "doc-3")
    corpora.write(batch, corpora.replaced_model(other, "another"))
    printed = run(batch, "--format", "tables", "--json", code=10)
    assert "doc-1/report.json was changed" in printed
    assert "its model is another, of the first report models/small" in printed
    told = json.loads(next(line for line in printed.splitlines() if line.startswith("{")))
    assert (told["documents"], sorted(told["left_out"])) == (2, ["doc-1", "doc-3"])
    assert Path(told["corpus"]) == batch / "corpus"  # which is no report of the batch when the command runs again
    run(batch, "--format", "tables", "--overwrite", code=10)


def test_a_condition_chooses_reports(made: Path, tmp_path: Path) -> None:
    printed = run(made, "-o", tmp_path / "out", "--format", "tables", "--where", '"index" % 2 = 0', "--json")
    told = json.loads(printed.splitlines()[-1])
    assert (told["documents"], told["not_chosen"]) == (2, 2)
    assert "chooses none of 4" in run(made, "-o", tmp_path / "no", "--where", "tokens > 9999", code=7)
    assert "no such column" in run(made, "-o", tmp_path / "no", "--where", "wrong_name = 1", code=2)


def test_no_report_is_replaced_and_what_was_made_of_reports_is_none(made: Path, tmp_path: Path) -> None:
    """Whoever mistypes --output does not lose a report."""
    batch = shutil.copytree(made, tmp_path / "batch")
    before = (batch / "doc-0" / "manifest.json").read_bytes()
    wrong = run(batch, "-o", batch / "doc-0", "--overwrite", "--format", "tables", code=7)
    assert "holds something other than a corpus report" in wrong
    assert (batch / "doc-0" / "manifest.json").read_bytes() == before
    compared = CliRunner().invoke(main, ["compare", str(batch / "doc-0"), str(batch / "doc-1"), "--format", "tables",
                                         "-o", str(batch / "compared")])  # fmt: skip
    assert compared.exit_code == 0, compared.output
    run(batch, "--format", "tables")
    told = json.loads(run(batch, "--format", "tables", "--overwrite", "--json").splitlines()[-1])
    assert (told["documents"], told["left_out"]) == (4, {})
    assert "was made of reports" in run(batch / "corpus", code=7)


def test_what_is_no_batch_or_no_option_is_refused(made: Path, tmp_path: Path) -> None:
    assert "no such folder" in run(tmp_path / "missing", code=7)
    (tmp_path / "empty").mkdir()
    assert "contains no report" in run(tmp_path / "empty", code=7)
    above = run(made.parent, code=7)
    assert "contains no report" in above
    assert f"hint: name a folder in it, like {made}" in above
    assert "a file, not a folder" in run(made / "doc-0" / "report.json", code=7)
    assert "doc-0 is one report; a corpus is made of a folder of reports" in run(made / "doc-0", code=7)
    assert "--sections" in run(made, "-o", tmp_path / "out", "--sections", "(", code=2)
    assert "--format png" in run(made, "-o", tmp_path / "out", "--format", "png", code=2)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    assert "contains other files" in run(made, "-o", tmp_path / "full", code=7)
