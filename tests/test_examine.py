"""The test of a heatmap as a step of a run: asked for, stored, interrupted, added to a report that is there."""

from __future__ import annotations

import csv
import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from reportgen import cli, examine, pipeline
from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.errors import DeviceError, ModelError, StoppedError, UsageError
from reportgen.core.nouns.records import Report
from reportgen.report.stored import given_scores, store
from tests import batches, planted, reports
from tests.report.stored.test_given_scores import written

TEXT = planted.text(0, seed=4)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A planted Longformer on disk."""
    folder = tmp_path_factory.mktemp("planted")
    made = planted.classifier("longformer")
    made.model.save_pretrained(folder)
    made.tokenizer.save_pretrained(folder)
    return folder


def config(model: Path, folder: Path, **changes: Any) -> Config:
    settings = {"model": str(model), "text": TEXT, "output": str(folder), "format": ("tables",), "device": "cpu"}
    return Config(**{**settings, **changes})


@pytest.fixture(scope="module")
def plain(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report without a test of its heatmap."""
    return pipeline.run(config(model, tmp_path_factory.mktemp("plain") / "r"), Clock()).folder


@pytest.fixture(scope="module")
def tested(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with one."""
    return pipeline.run(config(model, tmp_path_factory.mktemp("tested") / "r", faithfulness="quick"), Clock()).folder


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def test_a_run_without_the_option_reads_nothing_more(plain: Path) -> None:
    report = store.load(plain)
    assert (report.faithfulness, report.attributions) == (None, ())
    assert not (plain / store.FAITHFULNESS).exists()
    assert not {"faithfulness", "attribution"} & {stage.name for stage in report.provenance.stages}


def test_a_quick_test_adds_at_most_45_forward_passes(model: Path, tmp_path: Path) -> None:
    counted = 0
    classifier = pipeline.load(config(model, tmp_path / "r"), Clock())

    def count(_: object, __: object, inputs: dict[str, torch.Tensor]) -> None:
        nonlocal counted
        counted += len(next(iter(inputs.values())))

    report = pipeline.analyse(config(model, tmp_path), classifier, reports.report(TEXT).example, Clock())
    classifier.model.register_forward_pre_hook(count, with_kwargs=True)
    made = examine.examined(config(model, tmp_path, faithfulness="quick"), classifier, report, Clock())
    assert made.faithfulness is not None
    assert 30 < counted <= 45
    assert counted == made.faithfulness.passes + 1  # the attribution


def test_the_test_is_stored_with_the_report(plain: Path, tested: Path) -> None:
    report = store.load(tested)
    made = report.faithfulness
    assert made is not None
    assert [order.name for order in made.orders] == ["all_attention", "classifier", "attribution", "reversed"]
    assert [(one.method, one.label) for one in report.attributions] == [("frozen", 0)]
    assert store.manifest(tested)["faithfulness"] == "too-little-tested"
    assert store.FAITHFULNESS in store.manifest(tested)["files"]
    before = store.load(plain)
    assert replace(before, provenance=report.provenance) == replace(report, faithfulness=None, attributions=())


def test_two_runs_give_the_same_bytes(tested: Path, model: Path, tmp_path: Path) -> None:
    again = pipeline.run(config(model, tmp_path / "r", faithfulness="quick"), Clock())
    assert again.files[store.FAITHFULNESS] == (tested / store.FAITHFULNESS).read_bytes()
    assert again.files[store.ARRAYS] == (tested / store.ARRAYS).read_bytes()


@pytest.mark.parametrize(
    ("error", "raised"), [(KeyboardInterrupt(), StoppedError), (DeviceError("out of memory"), DeviceError)]
)
def test_what_stops_the_test_keeps_the_report(
    error: BaseException, raised: type[Exception], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("reportgen.model.faithfulness.answers.Answers.ask", stop)
    with pytest.raises(raised) as caught:
        pipeline.run(config(model, tmp_path / "r", faithfulness="quick"), Clock())
    assert store.verify(tmp_path / "r")[0] > 2
    assert store.load(tmp_path / "r").faithfulness is None
    if raised is StoppedError:
        assert caught.value.exit_code == 130  # type: ignore[attr-defined]
        assert "reportgen faithfulness" in str(caught.value.hint)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"faithfulness": "quick"}, ""),
        (
            {"faithfulness": "full", "unit": "sentence", "attribution": "ig"},
            " --depth full --unit sentence --attribution ig",
        ),
    ],
)
def test_what_was_interrupted_is_named_with_the_command_for_the_same_test(
    asked: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(examine, "examined", stop)
    no_model: Any = None
    _, error = examine.attempted(Config(**asked), no_model, reports.report(), Path("my report"), Clock())
    assert error is not None
    assert error.hint == f"reportgen faithfulness 'my report'{said} makes it"
    command = shlex.split(str(error.hint).removesuffix(" makes it"))[1:]
    assert "no such folder" in CliRunner().invoke(cli.main, command).output  # and nothing else is wrong with it


@pytest.fixture
def here(plain: Path, tmp_path: Path) -> Path:
    """A copy of the plain report, to change."""
    store.write(tmp_path / "r", store.files(plain), facts=store.manifest(plain), overwrite=False)
    return tmp_path / "r"


def test_the_command_adds_a_test_to_a_report_that_is_there(here: Path, model: Path, tested: Path) -> None:
    ran = call("faithfulness", here, "--model", model, "--device", "cpu")
    assert ran.exit_code == 0, ran.output
    assert ": too little tested for a verdict. Removing the words highest in " in ran.stdout
    store.verify(here)
    found, wanted = store.load(here), store.load(tested)
    assert found.faithfulness == wanted.faithfulness
    assert found.attributions == wanted.attributions
    assert found.provenance.configuration["faithfulness"] == "quick"
    assert "--faithfulness quick" in found.provenance.command
    assert (here / "tables" / "tokens.csv").is_file()


def test_another_model_or_a_changed_report_is_refused(
    here: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examine, "examined", lambda *_: pytest.fail("the model was asked"))
    with pytest.raises(ModelError, match="not the model of the report"):
        examine.examine_folder(here, {"faithfulness": "quick"}, {"model": str(folder)}, Clock(), load=pipeline.load)
    (here / "report.json").write_text("{}")
    assert call("faithfulness", here, "--model", folder).exit_code == 7


def test_given_scores_have_no_model_to_test(tmp_path: Path) -> None:
    given = given_scores.load(written(tmp_path), Config())
    store.write(tmp_path / "r", store.dump(given), facts=store.facts(given, ()), overwrite=False)
    with pytest.raises(UsageError, match="computed elsewhere"):
        examine.examine_folder(tmp_path / "r", {"faithfulness": "quick"}, {}, Clock(), load=pipeline.load)


def test_a_long_document_is_tested_in_its_windows(model: Path, tmp_path: Path) -> None:
    long = {"max_length": 40, "long": "window", "faithfulness": "quick"}
    report = pipeline.run(config(model, tmp_path / "r", **long), Clock()).report
    made = report.faithfulness
    assert made is not None
    assert made.passes > 60  # most variants have two windows
    assert [order.name for order in made.orders] == ["all_attention", "classifier", "attribution", "reversed"]


def test_an_attribution_can_be_had_alone(model: Path, tmp_path: Path) -> None:
    report = pipeline.run(config(model, tmp_path / "r", attribution="gradient-x-input"), Clock()).report
    assert report.faithfulness is None
    assert [one.method for one in report.attributions] == ["gradient-x-input"]
    assert store.load(tmp_path / "r") == report


def test_a_batch_has_the_verdicts_in_its_index(model: Path, tmp_path: Path) -> None:
    rows = [{"text": planted.text(n % 2, seed=n), "label": planted.LABELS[n % 2]} for n in range(2)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    ran = call(
        *("batch", "--model", model, "--dataset", tmp_path / "rows.jsonl", "--faithfulness", "quick"),
        *("--device", "cpu", "--format", "tables", "-o", tmp_path / "out", "--workers", "1"),
    )
    assert ran.exit_code == 0, ran.output
    with (tmp_path / "out" / "index.csv").open() as file:
        assert [row["all_attention"] for row in csv.DictReader(file)] == ["too-little-tested"] * 2


def test_words_of_another_row_are_drawn_with_the_seed(model: Path, tmp_path: Path) -> None:
    rows = [{"text": planted.text(0, seed=n)} for n in range(5)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    asked = Config(model=str(model), dataset=str(tmp_path / "rows.jsonl"), index=1, faithfulness="full")
    causal = replace(planted.classifier("gpt2"))
    example = replace(reports.report().example, index=1)
    drawn = [examine._donor(replace(asked, seed=seed), causal, example) for seed in (0, 0, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert len({one.ids for one in drawn if one is not None}) > 1
    assert planted.heated(causal, rows[1]["text"]).tokens not in drawn
    assert examine._donor(replace(asked, faithfulness="quick"), causal, example) is None
    assert examine._donor(asked, planted.classifier("bert"), example) is None


def test_head_importance_is_tested_too(model: Path, tmp_path: Path) -> None:
    heads = tmp_path / "heads.json"
    heads.write_text(json.dumps([[0.1, 0.9, 0.2, 0.3], [0.4, 0.5, 1.0, 0.0]]))
    report: Report = pipeline.run(
        config(model, tmp_path / "r", importance=str(heads), faithfulness="full"), Clock()
    ).report
    made = report.faithfulness
    assert made is not None
    assert made.heads is not None
    assert made.scaling is not None
    assert made.heads.heads == ((1, 2),)
    assert {(a.one, a.other) for a in made.agreements} >= {
        ("all_attention", "all_attention, unscaled"),
        ("all_attention", "attribution"),
    }
    assert {empty.operator for empty in made.empty} == {"delete", "mask"}


def test_a_batch_keeps_a_report_whose_test_fails_and_says_so(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for the first row; later `reportgen faithfulness` makes the test."""
    rows = [{"text": planted.text(n % 2, seed=n), "label": planted.LABELS[n % 2]} for n in range(2)]
    data = tmp_path / "rows.jsonl"
    data.write_text("\n".join(map(json.dumps, rows)))
    whole, texts = examine.faithfulness, [row["text"] for row in rows]

    def fails(config: Config, classifier: Any, report: Report, clock: Clock) -> Any:
        if report.example.text == texts[1]:
            raise ValueError(f"it does not like this: {texts[1]}")
        return whole(config, classifier, report, clock)

    monkeypatch.setattr(examine, "faithfulness", fails)
    asked = Config(
        model=str(model), dataset=str(data), output=str(tmp_path / "out"), format=("tables",), faithfulness="quick",
        device="cpu",
    )  # fmt: skip
    made = batches.make(asked)
    assert [(one.error, one.all_attention, one.test_failed) for one in made.outcomes] == [
        (None, "too-little-tested", False), (None, None, True)]  # fmt: skip
    with (tmp_path / "out" / "index.csv").open() as file:
        first, second = csv.DictReader(file)
    assert ("test-failed" in first["warnings"], "test-failed" in second["warnings"]) == (False, True)
    assert "<td>test failed</td>" in (tmp_path / "out" / "index.html").read_text()
    folder = tmp_path / "out" / made.outcomes[1].name
    (said,) = [one.message for one in store.load(folder).warnings if one.code == "test-failed"]
    assert said.startswith("The heatmap could not be tested: ValueError: it does not like this")
    assert batches.make(asked).known == 2  # they are not made again
    hidden = batches.make(replace(asked, no_text=True, output=str(tmp_path / "hidden")))
    journal = (tmp_path / "hidden" / ".batch" / "journal.jsonl").read_text()
    assert hidden.outcomes[1].test_failed
    assert texts[1].split()[0] not in journal
    (said,) = [
        one.message
        for one in store.load(tmp_path / "hidden" / hidden.outcomes[1].name).warnings
        if one.code == "test-failed"
    ]
    assert said.startswith("The heatmap could not be tested: ValueError (test_examine.py")
    monkeypatch.setattr(examine, "faithfulness", whole)
    assert call("faithfulness", folder, "--device", "cpu", "--model", model).exit_code == 0
    assert "test-failed" not in [one.code for one in store.load(folder).warnings]


def test_a_rerun_repeats_the_test_and_says_what_differs(tested: Path, model: Path, tmp_path: Path) -> None:
    ran = call("rerun", tested, "--model", model)
    assert ran.exit_code == 0, ran.output
    report = store.load(tested)
    assert report.faithfulness is not None
    scores = report.attributions[0].scores
    assert scores is not None
    changed = replace(
        report,
        attributions=(replace(report.attributions[0], scores=scores * 1.1),),
        faithfulness=replace(report.faithfulness, margin=report.faithfulness.margin + 0.5),
    )
    facts = store.facts(changed, ())
    store.write(tmp_path / "r", store.dump(changed), facts=facts, overwrite=False)
    ran = call("rerun", tmp_path / "r", "--model", model)
    assert ran.exit_code == 10
    assert [line.partition(" ->")[0].partition(": at")[0] for line in ran.stdout.splitlines()] == [
        "attribution for label 0",
        f"test of the heatmap: margin: {changed.faithfulness.margin}",  # type: ignore[union-attr]
    ]


def test_a_model_that_is_not_here_is_named_for_the_command_that_needs_it(here: Path) -> None:
    for command in ("rerun", "faithfulness"):
        ran = call(command, here)
        assert ran.exit_code == 2
        assert f"hint: name it: reportgen {command} {here} --model PATH" in " ".join(ran.output.split())
