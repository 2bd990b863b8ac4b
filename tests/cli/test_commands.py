"""cli: the commands over a whole split, and those that list presets."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from pyarrow import parquet

from reportgen import cli
from reportgen.model.importance import importance_files
from reportgen.model.reading import forward_pass
from reportgen.report.stored import store
from tests import tiny
from tests.cli.test_cli import call, fails

ROWS = [
    {"doi": f"10.1/{n}", "body": f"the heads of document {n} attend to tokens", "y": "left" if n == 2 else "right"}
    for n in range(8)
]


@pytest.fixture
def data(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight rows, with a cache of the test's own."""
    (here / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return here / "rows.jsonl"


@pytest.fixture
def source(folder: Path, data: Path) -> tuple[str, ...]:
    """Options that name the tiny model and the rows."""
    columns = ("--text-column", "body", "--label-column", "y", "--id-column", "doi")
    return ("--model", str(folder), "--dataset", str(data), *columns)


def examples(*arguments: str) -> Result:
    """Run `reportgen examples`."""
    return call("examples", *arguments)


def test_examples_prints_the_matrix_and_what_is_worth_a_report(source: tuple[str, ...]) -> None:
    result = examples(*source, "--show", "3")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("rows.jsonl: 8 examples, ")
    assert " of 8 right (" in lines[0]
    assert lines[2].split() == ["gold", "\\", "predicted", "left", "right"]
    assert sum(int(number) for line in lines[3:5] for number in line.split()[1:]) == 8
    assert lines[6].split()[:4] == ["index", "id", "label", "predicted"]
    assert lines[7].split()[1].startswith("10.1/")
    assert lines[-1] == "... and 5 more; --show 0 prints all"
    assert result.stderr == ""


def test_examples_as_json_and_parquet_say_the_same(source: tuple[str, ...], here: Path) -> None:
    result = examples(*source, "--json", "-o", "said.parquet")
    assert result.exit_code == 0, result.output
    *lines, path = result.stdout.splitlines()
    assert path == "said.parquet"
    rows = [json.loads(line) for line in lines]
    table = parquet.read_table(here / "said.parquet").to_pylist()
    assert [row["index"] for row in rows] == [row["index"] for row in table] == list(range(8))
    assert [row["probabilities"]["left"] for row in rows] == [row["probability: left"] for row in table]
    assert {row["verdict"] for row in rows} <= {"right", "wrong"}
    fails(examples(*source, "-o", "said.parquet"), 7, "said.parquet already exists")
    assert examples(*source, "-o", "said.parquet", "--overwrite").exit_code == 0


def test_a_row_that_cannot_be_read_is_told_and_the_rest_is_done(source: tuple[str, ...], data: Path) -> None:
    data.write_text(data.read_text().replace("document 3 attend", "document 3 attend " + "long " * 50))
    result = examples(*source, "--max-chars", "100")
    assert result.exit_code == 10
    assert "rows.jsonl: 7 examples" in result.stdout
    warning, error, hint = result.stderr.splitlines()
    assert warning.startswith("warning: left out: row 3: ")
    assert "more than --max-chars 100" in warning
    assert error == "error: 1 row of rows.jsonl could not be read"
    assert hint == "hint: see above"


def read_by_itself(tokens: int) -> Any:
    """Logits of a document of so many tokens; any other one fails."""
    really = forward_pass.predict_logits

    def predict_logits(classifier: Any, documents: Any) -> Any:
        assert [len(document) for document in documents] == [tokens]
        return really(classifier, documents)

    return predict_logits


def test_a_report_of_a_pick_uses_what_examples_has_asked(
    source: tuple[str, ...],
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The model reads the chosen text, and no other."""
    surest = max(map(json.loads, examples(*source, "--json").stdout.splitlines()), key=lambda row: row["probability"])
    arguments = ("--pick", "most-confident", "--format", "tables", "--top-k", "2", "-o", "out")
    monkeypatch.setattr(forward_pass, "predict_logits", read_by_itself(surest["tokens"]))
    result = call("run", *source, *arguments)
    assert result.exit_code == 0, result.output
    report = store.load(here / "out")
    assert (report.example.index, report.example.id) == (surest["index"], surest["id"])
    assert report.example.dataset == "rows.jsonl"
    assert report.prediction.probabilities[report.prediction.predicted] == pytest.approx(
        surest["probability"], abs=1e-5
    )


def test_a_row_is_chosen_by_its_id(source: tuple[str, ...], here: Path) -> None:
    result = call("run", *source, "--id", "10.1/5", "--format", "tables", "--top-k", "2", "-q")
    assert result.exit_code == 0, result.output
    folder = Path(result.stdout.strip())
    assert re.fullmatch(r"reports/rows-jsonl-10-1-5-model-[0-9a-f]{10}", str(folder))
    assert store.load(folder).example.text == ROWS[5]["body"]
    fails(call("run", *source, "--id", "10.1/9"), 3, 'no example "10.1/9" among the 8 ids of rows.jsonl')
    fails(call("run", *source), 2, "no row chosen: rows.jsonl has 8 rows")
    fails(call("run", *source, "--index", "-1"), 3, "example -1 is not in rows.jsonl: it has 8 rows (0-7)")
    fails(call("run", *source, "--index", "8"), 3, "example 8 is not in rows.jsonl: it has 8 rows (0-7)")


@pytest.mark.parametrize("measure", ["taylor", "taylor-local", "ablation"])
def test_importance_is_computed_and_weighs_a_report(
    measure: str,
    source: tuple[str, ...],
    here: Path,
) -> None:
    result = call("importance", *source, "--limit", "6", "--measure", measure)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == f"{measure} over 6 examples of rows.jsonl; the most important heads:"
    assert lines[1].split()[0] == "layer"
    assert lines[1].split()[-1] == "1.000"
    assert lines[-1] == "importance.safetensors"
    values = importance_files.load(here / "importance.safetensors", shape=(2, 2)).values
    report = (
        "--index",
        "0",
        "--importance",
        "importance.safetensors",
        "--format",
        "tables",
        "--top-k",
        "2",
        "-o",
        "out",
    )
    assert call("run", *source, *report).exit_code == 0
    stored = store.load(here / "out").importance
    assert (stored.measure, stored.values.tolist()) == (measure, values.tolist())
    assert stored.provenance["examples"] == "6"
    fails(call("importance", *source), 7, "importance.safetensors already exists")


def test_automatic_importance_is_kept_for_the_next_report(source: tuple[str, ...], here: Path) -> None:
    for index in ("0", "1"):
        arguments = ("--index", index, "--importance", "auto", "--format", "tables", "--top-k", "2")
        assert call("run", *source, *arguments, "-o", index).exit_code == 0
    assert store.load(here / "0").importance == store.load(here / "1").importance
    assert len(list((here / "cache" / "importance").iterdir())) == 1
    fails(call("run", "--text", "x", "--importance", "auto"), 2, "--importance auto needs a dataset")


def test_labels_that_the_model_does_not_have_are_told(source: tuple[str, ...], data: Path) -> None:
    """By both commands, with what to do; a label that nobody knows is no error of the model's."""
    data.write_text(data.read_text().replace('"left"', '"middle"'))
    result = examples(*source)
    assert result.exit_code == 0
    assert result.stderr == (
        'warning: the model does not know the gold label of 1 of 8 examples: "middle"; it has left, right '
        "(--labels renames them, in this order)\n"
    )
    result = call("importance", *source)
    assert result.exit_code == 0
    assert result.stderr == "warning: 1 of 8 rows left out: the model does not know their gold label\n"


def test_importance_of_another_model_is_a_warning(source: tuple[str, ...], here: Path) -> None:
    """Its heads are as many, and may matter for other things."""
    assert call("importance", *source).exit_code == 0
    report = ("--index", "0", "--importance", "importance.safetensors", "--format", "tables", "--top-k", "2")
    result = call("run", *source, *report, "-o", "same")
    assert (result.exit_code, result.stderr) == (0, "device: CPU\n")
    tiny.save(tiny.longformer(seed=5), Path(source[1]))
    result = call("run", *source, *report, "-o", "other", "--strict")
    assert result.exit_code == 10
    assert result.stderr.startswith("warning: The head importance was computed with other weights (")


def test_a_misspelt_kind_of_importance_is_answered_with_the_nearest(source: tuple[str, ...]) -> None:
    result = call("run", *source, "--index", "0", "--importance", "atuo", "-o", "out")
    fails(result, 5, "atuo: unknown file format")
    assert "hint: did you mean auto? one of .bin, " in result.stderr


@pytest.mark.parametrize("arguments", [["examples"], ["importance", "--limit", "200", "--batch-size", "1"]])
def test_a_run_that_is_terminated_says_how_to_go_on(arguments: list[str], source: tuple[str, ...], data: Path) -> None:
    """On a cluster it is the last line of the log."""
    data.write_text(data.read_text() * 200)
    columns = [argument for argument in source if argument not in ("--id-column", "doi")]
    command = [sys.executable, "-m", "reportgen", *arguments, *columns, "-v"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(("predict", "importance")):
                break
        process.terminate()
        said = process.stderr.read()
    assert process.returncode == 143
    assert "terminated: run the same command again to continue" in said


def test_presets_are_listed_shown_and_described(here: Path) -> None:
    listed = call("presets").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["demo", "news", "papers"]
    shown = call("presets", "show", "papers").stdout
    assert 'dataset = "danielhou13/cogs402dataset"' in shown
    assert "index" in json.loads(call("presets", "schema").stdout)["properties"]
    fails(call("presets", "show", "paper"), 2, 'no preset "paper"')


def test_the_demo_is_a_split_too(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sixteen documents, by its own model."""
    result = examples("--limit", "2", "--batch-size", "1", "--max-length", "128")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith('split "test" of demo: 2 examples, ')


@pytest.mark.parametrize("command", ["examples", "importance"])
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--model", "m"], 2, "--model needs a text"),
        (["--dataset", "x.csv"], 2, "--dataset needs a model"),
        (["--limit", "0"], 2, "--limit 0"),
        (["--batch-size", "0"], 2, "--batch-size 0"),
        (["--preset", "demo", "--split", "train"], 3, 'split "train" is not in demo'),
        (["--model", "m", "--dataset", "none.csv"], 3, "none.csv"),
    ],
)
def test_wrong_usage_of_a_split(command: str, arguments: list[str], code: int, words: str, here: Path) -> None:
    fails(call(command, *arguments), code, words)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("command", [name for name in cli.main.commands if name not in ("presets", "site")])
def test_every_option_of_every_command_has_help(command: str) -> None:
    options = [one for one in cli.main.commands[command].params if one.param_type_name == "option"]
    assert options
    assert all(option.help for option in options)
