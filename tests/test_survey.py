"""survey: the stages over a split: predictions with their cache, a pick, head importance over a sample."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reportgen import cache, dataset, importance_file, inference, pipeline, survey
from reportgen.clock import Advance, Clock
from reportgen.config import Config
from reportgen.errors import DataError, OutputError, UsageError
from reportgen.rows import Rows
from tests import tiny

TEXTS = [" ".join(["the heads", "of a document", "attend", "to tokens"][n % 4 :] * (n % 5 + 1)) for n in range(12)]
LABELS = ["left", "right", "left", "middle", None, "right"] * 2


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own."""
    monkeypatch.setenv("REPORTGEN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twelve rows of JSON Lines."""
    path = tmp_path / "data.jsonl"
    rows = [
        {"id": f"doc-{n}", "text": text, "label": label}
        for n, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def model() -> Any:
    """A tiny Longformer in memory."""
    return tiny.classifier(tiny.longformer())


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many documents the model was asked for, batch by batch."""
    counts: list[int] = []
    really = inference.predict_logits

    def predict_logits(given: Any, documents: Any) -> Any:
        counts.append(len(documents))
        return really(given, documents)

    monkeypatch.setattr(inference, "predict_logits", predict_logits)
    return counts


def opened(data: Path, **settings: Any) -> tuple[Config, Rows]:
    """The configuration of a run over the rows, and the rows."""
    config = Config(model="tiny", dataset=str(data), **settings)
    return config, dataset.open_rows(config)


def test_every_row_is_predicted_as_it_would_be_alone(model: Any, data: Path) -> None:
    config, rows = opened(data, batch_size=5)
    found = survey.predict(config, model, rows, Clock())
    assert [one.index for one in found.predicted] == list(range(12))
    assert found.left_out == {}
    for one, text, label in zip(found.predicted, TEXTS, LABELS, strict=True):
        tokens = inference.encode(model, text)
        alone = inference.predict_logits(model, [tokens])[0]
        assert one.prediction.logits == pytest.approx(alone.tolist(), abs=1e-5)
        assert (one.tokens, one.read, one.id) == (tokens.total, len(tokens), f"doc-{one.index}")
        assert one.prediction.gold == {"left": 0, "right": 1}.get(label or "")
        assert one.prediction.gold_text == label


def test_the_model_is_asked_once(model: Any, data: Path, asked: list[int]) -> None:
    """The limit chooses among what is known; more rows ask for the rest only."""
    config, rows = opened(data, limit=5, batch_size=4)
    first = survey.predict(config, model, rows, Clock())
    assert asked == [4, 1]
    again = survey.predict(config, model, rows, Clock())
    assert (again.predicted, asked) == (first.predicted, [4, 1])
    assert len(survey.predict(replace(config, limit=2), model, rows, Clock()).predicted) == 2
    assert asked == [4, 1]
    more = survey.predict(replace(config, limit=None), model, rows, Clock())
    assert asked == [4, 1, 4, 3]
    assert more.predicted[:5] == first.predicted


@pytest.mark.parametrize("change", ["model", "data", "length", "label column", "windows"])
def test_what_an_answer_depends_on_is_asked_again(change: str, model: Any, data: Path, asked: list[int]) -> None:
    config, rows = opened(data)
    survey.predict(config, model, rows, Clock())
    before = sum(asked)
    if change == "model":
        model = tiny.classifier(tiny.longformer(windows=(4, 8)))
    elif change == "data":
        data.write_text(data.read_text().replace("doc-0", "doc-x"))
    elif change == "length":
        model = replace(model, max_length=20)
    elif change == "label column":
        config = replace(config, label_column="id")
    else:
        config = replace(config, long="window")
    survey.predict(config, model, dataset.open_rows(config), Clock())
    assert sum(asked) == before + 12


def test_an_interruption_keeps_what_the_model_has_said(model: Any, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the third batch: the first two are not asked again."""
    really, calls = inference.predict_logits, 0

    def interrupted(given: Any, documents: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return really(given, documents)

    config, rows = opened(data, batch_size=3)
    monkeypatch.setattr(inference, "predict_logits", interrupted)
    with pytest.raises(KeyboardInterrupt):
        survey.predict(config, model, rows, Clock())
    assert len(survey.predict(config, model, rows, Clock()).predicted) == 12
    assert calls == 5


@pytest.mark.parametrize("content", [b"", b"PAR1 torn", b"\0" * 200])
def test_a_damaged_cache_is_made_again(content: bytes, model: Any, data: Path, asked: list[int]) -> None:
    config, rows = opened(data)
    first = survey.predict(config, model, rows, Clock())
    (kept,) = cache.folder().rglob("*.parquet")
    kept.write_bytes(content)
    assert survey.predict(config, model, rows, Clock()).predicted == first.predicted
    assert sum(asked) == 24


def test_progress_counts_every_row_once(model: Any, data: Path) -> None:
    """Those that are known, those that are asked for, and those that cannot be read."""
    told: list[int] = []

    @contextlib.contextmanager
    def track(what: str, total: int) -> Iterator[Advance]:
        assert (what, total) == ("predict", 12)
        yield told.append

    config, rows = opened(data, batch_size=5)
    survey.predict(replace(config, limit=3), model, rows, Clock())
    survey.predict(config, model, rows, Clock(track=track))
    assert sum(told) == 12
    assert told[0] == 3


def test_rows_that_cannot_be_read_are_left_out_with_their_reason(model: Any, data: Path) -> None:
    """A text without end, and one that is none; the others are answered."""
    lines = data.read_text().splitlines()
    lines[3] = json.dumps({"id": "doc-3", "text": "long " * 200, "label": "left"})
    lines[7] = json.dumps({"id": "doc-7", "text": None, "label": "left"})
    data.write_text("\n".join(lines))
    config, rows = opened(data, max_chars=500)
    found = survey.predict(config, model, rows, Clock())
    assert sorted(found.left_out) == [3, 7]
    assert "1,000 characters, more than --max-chars 500" in found.left_out[3]
    assert [one.index for one in found.predicted] == [0, 1, 2, 4, 5, 6, 8, 9, 10, 11]


def test_a_long_document_is_predicted_as_its_report_will_say(model: Any, data: Path) -> None:
    """In windows where these are asked for, cut off where not."""
    data.write_text(json.dumps({"text": "the heads of a document attend to tokens " * 12, "label": "left"}))
    short = replace(model, max_length=40)
    for how in ("truncate", "window"):
        config, rows = opened(data, long=how, format=("tables",))
        (said,) = survey.predict(config, short, rows, Clock()).predicted
        report = pipeline.analyse(config, short, dataset.example(config, rows, 0), Clock())
        assert said.prediction.logits == pytest.approx(report.prediction.logits, abs=1e-5)
        assert (said.tokens, said.read) == (report.tokens.total, len(report.tokens))


# --- a pick ---------------------------------------------------------------------------------------------------------


def test_a_pick_is_an_example_that_says_how_it_was_chosen(model: Any, data: Path, asked: list[int]) -> None:
    config, rows = opened(data)
    found = survey.predict(config, model, rows, Clock())
    sure = max(found.predicted, key=lambda one: one.confidence)
    example = survey.pick(replace(config, pick="most-confident"), model, Clock())
    assert example.index == sure.index
    assert example.picked == "most-confident, of 12 examples, seed 0"
    assert sum(asked) == 12  # the cache answers


def test_a_random_pick_asks_no_model(data: Path, asked: list[int], model: Any) -> None:
    config, _ = opened(data, pick="random", limit=4)
    picks = {survey.pick(replace(config, seed=seed), model, Clock()).index for seed in range(30)}
    assert picks == {0, 1, 2, 3}
    assert asked == []


def test_a_picked_report_is_made_again_by_its_row(folder: Path, data: Path) -> None:
    """Its command names the row, whatever the model says later."""
    config = Config(
        model=str(folder),
        dataset=str(data),
        pick="least-confident",
        format=("tables",),
        output=str(data.parent / "out"),
    )
    report, _ = pipeline.run(config, Clock())
    assert f"--index {report.example.index}" in report.provenance.command
    assert "--pick" not in report.provenance.command
    assert pipeline.configuration(report).index == report.example.index
    before, after = pipeline.rerun(data.parent / "out", Clock(), output=None)
    assert before.example.text == after.example.text


def test_no_row_that_can_be_read_is_a_data_error(model: Any, data: Path) -> None:
    config, _ = opened(data, pick="tp", max_chars=1)
    with pytest.raises(DataError, match=r"none of 12 rows of data\.jsonl can be read"):
        survey.pick(config, model, Clock())


# --- head importance ------------------------------------------------------------------------------------------------


def test_importance_is_computed_over_a_sample_and_says_so(model: Any, data: Path, tmp_path: Path) -> None:
    """Rows without a gold label that the model knows do not count."""
    config, rows = opened(data, seed=3)
    output = tmp_path / "importance.safetensors"
    found = survey.measure(config, model, rows, Clock(), by="taylor", size=9, output=output)
    known = found.provenance
    assert found.measure == "taylor"
    assert (known["data"], known["data revision"], known["seed"]) == ("data.jsonl", rows.revision, "3")
    assert 1 <= int(known["examples"]) <= 6  # a third has none
    assert found.values.shape == (2, 2)
    assert (found.values.min(), found.values.max()) == (0, 1)
    assert importance_file.load(output, shape=(2, 2)) == found
    assert not output.with_name(output.name + survey.PARTIAL).exists()


def test_interrupted_importance_goes_on_where_it_was(
    model: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit; other settings on the same file are refused until a restart."""
    config, rows = opened(data, batch_size=1, label_column="label", limit=9)
    whole = survey.measure(config, model, rows, Clock(), by="ablation", size=9, output=tmp_path / "whole.safetensors")

    @contextlib.contextmanager
    def stop(what: str, total: int) -> Iterator[Advance]:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            if done == 2:
                raise KeyboardInterrupt

        yield advance

    output = tmp_path / "i.safetensors"
    measured = {"by": "ablation", "size": 9, "output": output}
    with pytest.raises(KeyboardInterrupt):
        survey.measure(config, model, rows, Clock(track=stop), **measured)
    assert output.with_name(output.name + survey.PARTIAL).is_file()
    assert not output.exists()
    told: list[int] = []

    @contextlib.contextmanager
    def track(what: str, total: int) -> Iterator[Advance]:
        yield told.append

    other = replace(config, seed=1)
    with pytest.raises(UsageError) as caught:
        survey.measure(other, model, rows, Clock(), **measured)
    assert "--restart" in str(caught.value.hint)
    again = survey.measure(config, model, rows, Clock(track=track), **measured)
    assert np.array_equal(again.values, whole.values)
    assert told[0] == 2
    assert not output.with_name(output.name + survey.PARTIAL).exists()


def test_the_seed_draws_the_sample(model: Any, data: Path, tmp_path: Path) -> None:
    def measured(seed: int) -> Any:
        config, rows = opened(data, seed=seed)
        output = tmp_path / "i.safetensors"
        return survey.measure(config, model, rows, Clock(), by="taylor", size=5, output=output).values

    assert np.array_equal(measured(0), measured(0))
    assert any(not np.array_equal(measured(0), measured(seed)) for seed in (1, 2, 3))


def test_a_sample_without_labels_is_a_data_error(model: Any, data: Path, tmp_path: Path) -> None:
    config, rows = opened(data, label_column="id")
    with pytest.raises(DataError, match="none of the 12 rows that were drawn has a gold label") as caught:
        survey.measure(config, model, rows, Clock(), by="taylor", size=99, output=tmp_path / "i.safetensors")
    assert "--label-column" in str(caught.value.hint)


def test_auto_importance_is_computed_once(model: Any, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, _ = opened(data, importance="auto")
    first = pipeline.find_importance(config, model, Clock())
    monkeypatch.setattr(survey, "measure", None)  # would fail
    again = pipeline.find_importance(config, model, Clock())
    assert first == again
    assert first.source == "computed over a small sample"
    assert first.provenance["examples"] == "8"


def test_auto_importance_needs_a_dataset(model: Any) -> None:
    with pytest.raises(UsageError, match="--importance auto needs a dataset"):
        pipeline.find_importance(Config(text="abc", importance="auto"), model, Clock())


# --- with files -----------------------------------------------------------------------------------------------------


def test_predictions_are_written_where_they_may_be(folder: Path, data: Path, tmp_path: Path) -> None:
    config = Config(model=str(folder), dataset=str(data))
    output = tmp_path / "said.parquet"
    pipeline.predict_rows(config, Clock(), output=output)
    assert output.stat().st_size > 500
    with pytest.raises(OutputError, match="is there already"):
        pipeline.predict_rows(config, Clock(), output=output)
    with pytest.raises(UsageError, match="this is written as"):
        pipeline.measure_importance(config, Clock(), by="taylor", output=output)
    with pytest.raises(UsageError, match="--measure tailor: unknown") as caught:
        pipeline.measure_importance(config, Clock(), by="tailor", output=tmp_path / "x.safetensors")
    assert caught.value.hint == "did you mean taylor?"


def test_models_that_differ_in_their_weights_alone_are_told_apart(folder: Path, data: Path, asked: list[int]) -> None:
    """A local folder has no revision: its weights are hashed."""
    config, rows = opened(data)
    survey.predict(config, tiny.load(folder), rows, Clock())
    tiny.save(tiny.longformer(seed=1), folder)
    survey.predict(config, tiny.load(folder), rows, Clock())
    assert sum(asked) == 24


def test_tokenizers_that_differ_in_their_files_alone_are_told_apart(folder: Path, data: Path, asked: list[int]) -> None:
    config, rows = opened(data)
    survey.predict(config, tiny.load(folder), rows, Clock())
    path = folder / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "normalizer": {"type": "Lowercase"}}))
    survey.predict(config, tiny.load(folder), rows, Clock())
    assert sum(asked) == 24
