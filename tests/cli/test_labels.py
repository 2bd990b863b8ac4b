"""cli: labels of models and datasets, and texts that are none, from the command line to the report."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from pyarrow import parquet
from transformers import BertConfig, BertForSequenceClassification

from reportgen.report.stored import store
from tests import tiny
from tests.cli.test_cli import call, fails, run, tiny_run

__all__ = ["tiny_run"]  # a fixture


# --- several labels, and no labels -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose texts may have several labels; both are probable for any text."""
    made = tiny.dense("bert", problem_type="multi_label_classification")
    with torch.no_grad():
        made.classifier.weight.zero_()
        made.classifier.bias.copy_(torch.tensor([2.0, 1.0]))  # .881 and .731
    return tiny.save(made, tmp_path_factory.mktemp("several"))


def changed(folder: Path, **fields: Any) -> Path:
    """The model with other fields in its config.json."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | fields))
    return folder


@pytest.mark.parametrize(
    ("options", "headline"),
    [
        ([], "left (88.1%), right (73.1%)"),
        (["--label", "left,right"], "left (88.1%), right (73.1%), right"),
        (["--label", '["left"]'], "left (88.1%), right (73.1%), wrong"),
        (["--threshold", "0.8"], "left (88.1%)"),
        (["--threshold", "0.9", "--label", "[]"], "no label; the most probable is left (88.1%), right"),
    ],
)
def test_every_label_at_or_above_the_threshold_is_predicted(
    several: Path, here: Path, options: list[str], headline: str
) -> None:
    result = run("--model", str(several), "--text", "Two words", "--format", "tables", "-o", "out", *options)
    assert result.exit_code == 0, result.output
    assert f"Text from the command line: {headline}\n" in result.stdout


def test_thresholds_of_the_model_are_used_where_it_has_some(several: Path, tmp_path: Path, here: Path) -> None:
    for number, (own, predicted) in enumerate(
        [(0.8, ["left"]), ([0.9, 0.7], ["right"]), ({"left": 0.9, "right": 0.8}, []), ({"0": 0.1, "1": 0.8}, ["left"])]
    ):
        field = "threshold" if isinstance(own, float) else "thresholds"
        folder = changed(Path(shutil.copytree(several, tmp_path / str(number))), **{field: own})
        result = run(
            "--model", str(folder), "--text", "Two words", "--format", "tables", "-o", f"out-{number}", "--json"
        )
        assert json.loads(result.stdout)["predicted"] == predicted
    for wrong in ([0.5], "half", {"left": 0.5}, {"left": 0.5, "0": 0.9, "right": 0.5}, 2):
        folder = changed(folder, thresholds=wrong, threshold=None)
        fails(run("--model", str(folder), "--text", "Two words"), 4, "thresholds in its config.json is not a probab")


def test_several_labels_are_shown_on_the_page_and_in_the_data(several: Path, here: Path) -> None:
    arguments = ("--model", str(several), "--text", "Two words", "--label", "right", "-o", "out", "--json")
    printed = json.loads(run(*arguments, "--format", "html").stdout)
    assert (printed["predicted"], printed["gold"], printed["verdict"]) == (["left", "right"], ["right"], "wrong")
    assert printed["probability"] == pytest.approx(0.731, abs=1e-3)
    report = store.load(here / "out")
    assert report.prediction.chosen == (0, 1)
    assert "the most probable label, left, is explained" in report.checks[-1].detail
    page = " ".join(
        re.sub("<svg.*?</svg>|<[^>]*>", " ", (here / "out" / "report.html").read_text().split("<body")[1]).split()
    )
    page = re.sub(" ([,;:.])", r"\1", page)
    assert "left, right, which is wrong: the gold labels are right." in page
    assert "a text may have several labels or none" in page
    assert "left predicted 88.1% 50.0%" in page
    assert "right predicted gold 73.1% 50.0%" in page


def test_a_threshold_is_refused_by_a_model_that_predicts_one_label(tiny_run: tuple[str, ...]) -> None:
    fails(run(*tiny_run, "--threshold", "0.4"), 2, "--threshold 0.4", "predicts exactly one label")
    fails(run(*tiny_run, "--threshold", "1.5"), 2, "must be 0 to 1")


@pytest.mark.parametrize(
    ("labels", "problem", "words"),
    [
        (("left", "right"), "regression", "a regression with 2 outputs: it predicts numbers, not labels"),
        (("score",), "regression", "a regression with one output"),
        (("score",), None, "transformers trains a single output as one"),
        (("toxic",), "multi_label_classification", 'one output for one label, "toxic"'),
        (("toxic",), "multi_label_classification", "no regression, but reportgen needs at least two labels"),
        (("toxic",), "single_label_classification", "use `num_labels=2`"),  # so says transformers
    ],
)
def test_a_model_without_labels_is_refused_by_its_own_name(
    tmp_path: Path, here: Path, labels: tuple[str, ...], problem: str | None, words: str
) -> None:
    names = {"id2label": dict(enumerate(labels)), "label2id": {name: n for n, name in enumerate(labels)}}
    config = BertConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=300, **names
    )
    folder = tiny.save(BertForSequenceClassification(config), tmp_path / "model")
    changed(folder, problem_type=problem)
    result = run("--model", str(folder), "--text", "Two words")
    fails(result, 4, words)
    told = "if its head has more outputs, name each in id2label of config.json" in result.stderr
    assert told == (problem is None)  # which is what a config.json gives that names one output of several


def test_examples_of_several_labels_are_counted_by_label(several: Path, here: Path) -> None:
    rows = [{"text": f"Two words {n}", "labels": labels} for n, labels in enumerate([["left"], ["left", "right"], []])]
    (here / "d.json").write_text(json.dumps(rows))
    arguments = ("examples", "--model", str(several), "--dataset", "d.json")
    result = call(*arguments, "-o", "d.parquet")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0][:6] == ["d.json:", "3", "examples,", "1", "of", "3"]
    assert lines[2:5] == [
        ["label", "gold", "predicted", "tp", "tn", "fp", "fn"],
        ["left", "2", "3", "2", "0", "1", "0"],
        ["right", "1", "3", "1", "0", "2", "0"],
    ]
    read = parquet.read_table("d.parquet").to_pydict()
    assert read["label"] == [["left"], ["left", "right"], []]
    assert (read["predicted"], read["verdict"]) == ([["left", "right"]] * 3, ["wrong", "right", "wrong"])
    picked = run("--model", str(several), "--dataset", "d.json", "--pick", "fp:left", "--format", "tables", "-o", "out")
    assert picked.exit_code == 0, picked.output
    assert store.load(here / "out").example.index == 2
    fails(run("--model", str(several), "--dataset", "d.json", "--pick", "fp"), 2, "a text may have several of them")


def test_a_column_for_each_label_is_the_gold_label_of_every_command(several: Path, here: Path) -> None:
    (here / "d.csv").write_text("id,body,right,left\na,Two words,1,1\nb,Two words,0,1\nc,Three words,-1,-1\n")
    arguments = ("--model", str(several), "--dataset", "d.csv")
    listed = call("examples", *arguments, "--json")
    assert listed.exit_code == 0, listed.output
    found = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [row["label"] for row in found] == [["left", "right"], ["left"], None]
    assert [row["verdict"] for row in found] == ["right", "wrong", "unknown"]
    picked = run(*arguments, "--pick", "fp:right", "--format", "tables", "-o", "out", "--json")
    assert json.loads(picked.stdout)["gold"] == ["left"], picked.output
    assert "the results are the same" in call("rerun", "out", "--model", str(several)).stdout
    assert call("importance", *arguments, "-o", "i.safetensors").exit_code == 0
    where = ("--where", "label_name = 'left'", "--format", "tables")
    assert call("batch", *arguments, *where, "-o", "many").exit_code == 0
    table = (here / "many" / "index.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(table) == 2
    assert table[1].startswith("1,b,")


# --- labels of a dataset ----------------------------------------------------------------------------------------------


def test_lists_of_labels_are_a_warning_if_found_and_an_error_if_named(folder: Path, here: Path) -> None:
    (here / "d.jsonl").write_text('{"text": "Two words", "labels": ["left"]}\n')
    arguments = ("--model", str(folder), "--dataset", "d.jsonl", "--index", "0", "--format", "tables", "-o", "out")
    result = run(*arguments)
    assert result.exit_code == 0
    assert 'is a list (["left"]), and the model predicts exactly one label' in result.stderr
    assert "does not know" not in call("examples", *arguments[:4]).stderr
    assert store.load(here / "out").prediction.gold is None
    fails(run(*arguments, "--label-column", "labels", "--overwrite"), 3, "its labels are lists")
    fails(call("examples", *arguments[:4], "--label-column", "labels"), 3, "its labels are lists")
    fails(call("batch", *arguments[:4], "--label-column", "labels", "-o", "many"), 3, "its labels are lists")


def test_integers_that_could_be_read_otherwise_are_stated_by_every_command(tmp_path: Path, here: Path) -> None:
    made = tiny.dense("bert")
    names = ("1", "2")
    made.config.id2label, made.config.label2id = dict(enumerate(names)), {name: n for n, name in enumerate(names)}
    model = str(tiny.save(made, tmp_path / "model"))
    (here / "d.csv").write_text("text,label\nTwo words,0\nThree words,1\n")
    said = "(0, 1) are read as indices from 0: 1 is the label “2”, not the one called “1”."
    one = run("--model", model, "--dataset", "d.csv", "--index", "1", "--format", "tables", "-o", "out")
    assert said in one.stderr
    assert store.load(here / "out").prediction.gold_name == "2"
    assert [warning.code for warning in store.load(here / "out").warnings] == ["label-reading"]
    for command in (
        ("examples",),
        ("batch", "-o", "many", "--format", "tables"),
        ("importance", "-o", "i.safetensors"),
    ):
        result = call(*command, "--model", model, "--dataset", "d.csv")
        assert said in result.stderr, (command, result.output)
    stated = run("--model", model, "--text", "Two words", "--label", "1", "--format", "tables", "-o", "given")
    assert "(1) are read as names: 1 is the label called “1”, not “2”, the label of index 1." in stated.stderr


def test_a_column_with_the_models_labels_under_another_name_is_pointed_out(folder: Path, here: Path) -> None:
    rows = ["text,stars,leaning", "Two words,4,right", "Three words,5,left"]
    (here / "d.csv").write_text("\n".join(rows))
    arguments = ("--model", str(folder), "--dataset", "d.csv", "--index", "0", "--format", "tables")
    result = run(*arguments, "-o", "out")
    (hint,) = re.findall(r"--label-column \S+", result.stderr)
    assert run(*arguments, *hint.split(), "-o", "again").exit_code == 0
    assert store.load(here / "again").prediction.gold_name == "right"
    missing = run(*arguments, "--label-column", "gold")
    assert "hint: did you mean --label-column leaning?" in missing.stderr


# --- texts that are none ----------------------------------------------------------------------------------------------


def test_a_path_in_place_of_a_text_is_refused_with_the_command_that_reads_it(folder: Path, here: Path) -> None:
    (here / "my paper.txt").write_text("A paper")
    (here / "d.csv").write_text("text\nA row\n")
    model = ("--model", str(folder), "--format", "tables")
    for arguments, text in (
        (("run", *model, "my paper.txt"), "A paper"),
        (("run", *model, "-o", "other", "d.csv"), "A row"),
        (("run", *model, "some", "words"), "some words"),
    ):
        result = call(*arguments)
        fails(result, 2, "unexpected argument")
        command = shlex.split(result.stderr.split("hint: use ")[1])
        again = call(*command[1:], "-q")
        assert again.exit_code == 0, again.output
        assert store.load(Path(again.stdout.strip())).example.text == text
    result = run(*model, "--text", "my paper.txt")
    fails(result, 2, "this is the path of a file")
    assert "use --file 'my paper.txt' to read it, or --text 'my paper.txt ' for these words" in result.stderr
    assert run(*model, "--text", "my paper.txt ", "-o", "words").exit_code == 0
    fails(call("examples", *model[:2], "d.csv"), 2, "unexpected argument d.csv")
