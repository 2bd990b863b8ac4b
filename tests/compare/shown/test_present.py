"""present and run: two folders -> the folder of their comparison, which verify checks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from reportgen.cli import main
from reportgen.core.nouns.records import HeadImportance, Report
from reportgen.report.stored import store
from tests import pdf_check, reports

PLAIN = HeadImportance(np.ones((2, 2), np.float32), "none", "")
LIGHT = ("--format", "html,figures,tables,latex")


def put(folder: Path, report: Report) -> Path:
    store.write(folder, store.dump(report), facts=store.facts(report, ()), overwrite=False)
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    return put(tmp_path / "one", reports.report()), put(tmp_path / "other", reports.report(importance=PLAIN))


def test_a_comparison_is_stored_whole_and_verified(two: tuple[Path, Path], tmp_path: Path) -> None:
    output = tmp_path / "compared"
    made = run("compare", *two, "-o", output)
    assert made.exit_code == 0, made.output
    assert made.stdout.splitlines()[-1] == str(output / "compare.html")
    names = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    assert {"compare.html", "compare.pdf", "comparison.json", "manifest.json"} <= names
    for chart in ("rank-shifts", "overlap", "tenths"):
        assert {f"figures/{chart}.{kind}" for kind in ("svg", "pdf", "vl.json", "csv")} <= names
    for table in ("words", "heads", "predictions", "agreement", "shares", "settings"):
        assert {f"tables/{table}.parquet", f"tables/{table}.csv"} <= names
    assert "latex/predictions.tex" in names
    assert run("verify", output).exit_code == 0
    manifest = json.loads((output / "manifest.json").read_text())
    assert (manifest["kind"], set(manifest["input"])) == ("comparison", {"A", "B"})
    assert store.manifest(output)
    assert pdf_check.problems(output / "compare.pdf") == []
    assert str(tmp_path) not in (output / "compare.html").read_text() + json.dumps(manifest)
    (output / "compare.html").write_text("changed")
    assert run("verify", output).exit_code == 7


def test_the_page_leads_to_the_reports(tmp_path: Path) -> None:
    one, other = put(tmp_path / "a" / "one", reports.report()), put(tmp_path / "b" / "one", reports.report(seed=2))
    (one / "report.html").write_text("a page")
    made = run("compare", one, other, "-o", tmp_path / "c" / "compared", *LIGHT)
    assert made.exit_code == 0, made.output
    html = (tmp_path / "c" / "compared" / "compare.html").read_text()
    assert re.findall(r'<a href="([^"#][^"]*)"', html) == ["../../a/one/report.html"]
    assert "a/one" in html
    assert "b/one" in html


def test_tables_hold_the_numbers_of_the_page(two: tuple[Path, Path], tmp_path: Path) -> None:
    run("compare", *two, "-o", tmp_path / "compared", *LIGHT)
    words = pq.read_table(tmp_path / "compared" / "tables" / "words.parquet").to_pandas()
    assert (words["all_a"].mean(), words["all_b"].mean()) == pytest.approx((1, 1))
    assert sorted(words["all_rank_a"]) == list(range(1, len(words) + 1))
    text = reports.report().example.text
    assert [text[a:b] for a, b in zip(words["start"], words["end"], strict=True)] == words["word"].tolist()


def test_two_runs_give_the_same_bytes(two: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    for name in ("first", "second"):
        run("compare", *two, "-o", tmp_path / name / "compared", "--format", "html,pdf,tables")
    hashes = [json.loads((tmp_path / name / "compared" / "manifest.json").read_text())["files"]
              for name in ("first", "second")]  # fmt: skip
    assert hashes[0] == hashes[1]


def test_two_batches_are_compared(tmp_path: Path) -> None:
    """Three documents in both, one in each alone; of the three, two change their prediction."""
    for n in range(3):
        text = f"{reports.TEXT} Number {n} is another document."
        one = reports.report(text)
        assert one.prediction is not None
        turned = type(one.prediction)(("left", "right"), (-0.6, 0.8), (0.198, 0.802), 1, 0, "left")
        put(tmp_path / "a" / f"d-{n}", one)
        put(tmp_path / "b" / f"e-{n}", reports.report(text, seed=n, prediction=turned if n else one.prediction))
    put(tmp_path / "a" / "alone", reports.report("Only here."))
    made = run("compare", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "compared", *LIGHT)
    assert made.exit_code == 0, made.output
    told = json.loads((tmp_path / "compared" / "comparison.json").read_text())
    assert (told["documents"], told["both_right"], told["only_a_right"], told["only_b_right"]) == (3, 1, 2, 0)
    assert told["mcnemar_exact_p"] == 0.5  # two of two: 2 * 1/4
    assert told["other_prediction"] == 2
    assert "1 reports of A and 0 of B have no counterpart" in made.stderr
    documents = pq.read_table(tmp_path / "compared" / "tables" / "documents.parquet").to_pandas()
    assert documents["document_a"].tolist() == ["d-0", "d-1", "d-2"]
    assert documents["tau"][0] == pytest.approx(1)
    assert documents["elsewhere"][0] == 0
    assert (documents["elsewhere"][1:] > 0).all()
    heads = pq.read_table(tmp_path / "compared" / "tables" / "elsewhere.parquet").to_pandas()
    assert heads["change"].mean() == pytest.approx(documents["elsewhere"].mean())
    html = (tmp_path / "compared" / "compare.html").read_text()
    assert "McNemar’s exact test gives p = 0.5" in html


def test_a_batch_and_itself_differ_nowhere(tmp_path: Path) -> None:
    for n in range(2):
        put(tmp_path / "a" / f"d-{n}", reports.report(f"{reports.TEXT} {n}"))
    made = run("compare", tmp_path / "a", tmp_path / "a", "-o", tmp_path / "compared", *LIGHT)
    assert "no difference in any of 2 documents" in made.stdout


def test_a_report_is_not_compared_with_a_batch(two: tuple[Path, Path], tmp_path: Path) -> None:
    made = run("compare", two[0], tmp_path, "-o", tmp_path / "compared")
    assert made.exit_code == 7
    assert "is a report" in made.output
    assert "is a batch" in made.output
    assert not (tmp_path / "compared").exists()


def test_batches_without_a_text_in_common_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "a" / "one", reports.report())
    put(tmp_path / "b" / "one", reports.report("Another text."))
    made = run("compare", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "compared")
    assert (made.exit_code, "no text in common" in made.output) == (7, True)


def test_what_is_there_is_replaced_only_when_asked(two: tuple[Path, Path], tmp_path: Path) -> None:
    output = tmp_path / "compared"
    light = ("--format", "tables")
    assert run("compare", *two, "-o", output, *light).exit_code == 0
    assert run("compare", *two, "-o", output, *light).exit_code == 7
    assert run("compare", *two, "-o", output, *light, "--overwrite").exit_code == 0


def test_an_unknown_format_is_named(two: tuple[Path, Path], tmp_path: Path) -> None:
    made = run("compare", *two, "-o", tmp_path / "compared", "--format", "docx")
    assert (made.exit_code, "docx is unknown" in made.output) == (2, True)


def test_a_report_and_itself_are_called_the_same(two: tuple[Path, Path], tmp_path: Path) -> None:
    made = run("compare", two[0], two[0], "-o", tmp_path / "compared", "--format", "tables")
    assert (made.exit_code, made.stderr) == (0, "")
    assert "A and B show no difference anywhere." in made.stdout
    assert json.loads((tmp_path / "compared" / "comparison.json").read_text())["equal"] is True


def test_what_is_no_report_is_named_with_what_to_do(two: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    run("compare", *two, "-o", tmp_path / "compared", "--format", "tables")
    changed = tmp_path / "changed"
    put(changed, reports.report())
    told = json.loads((changed / "report.json").read_text())
    del told["tokens"]
    (changed / "report.json").write_text(json.dumps(told))
    for given, said in (
        (tmp_path / "nowhere", "no such folder"),
        (tmp_path / "empty", "not a report folder"),
        (tmp_path / "compared", "holds neither a report nor reports"),
        (changed, "does not match this version of reportgen"),
    ):
        made = run("compare", two[0], given, "-o", tmp_path / "never")
        assert made.exit_code == 7, given
        assert said in made.output
        assert "hint: " in made.output
    assert not (tmp_path / "never").exists()
