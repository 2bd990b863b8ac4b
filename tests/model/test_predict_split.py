"""survey: the stages over a split: predictions with their cache, a pick, head importance over a sample."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reportgen import pipeline
from reportgen.core import versions
from reportgen.core.clock import Advance, Clock
from reportgen.core.config import Config
from reportgen.core.errors import DataError, DeviceError, ModelError, OutputError, ReportgenError, UsageError
from reportgen.core.files import disk
from reportgen.data import choice
from reportgen.model import predict_split
from reportgen.model.reading import forward_pass
from reportgen.model.tokenizing.tokens import encode
from tests import split, tiny
from tests.split import LABELS, TEXTS, opened


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twelve rows of JSON Lines."""
    return split.write(tmp_path)


@pytest.fixture(scope="module")
def model() -> Any:
    """A tiny Longformer in memory."""
    return tiny.classifier(tiny.longformer())


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many documents the model was asked for, batch by batch."""
    counts: list[int] = []
    really = forward_pass.predict_logits

    def predict_logits(given: Any, documents: Any) -> Any:
        counts.append(len(documents))
        return really(given, documents)

    monkeypatch.setattr(forward_pass, "predict_logits", predict_logits)
    return counts


def test_every_row_is_predicted_as_it_would_be_alone(model: Any, data: Path) -> None:
    config, rows = opened(data, batch_size=5)
    found = predict_split.predict(config, model, rows, Clock())
    assert [one.index for one in found.predicted] == list(range(12))
    assert found.left_out == {}
    for one, text, label in zip(found.predicted, TEXTS, LABELS, strict=True):
        tokens = encode(model, text)
        alone = forward_pass.predict_logits(model, [tokens])[0]
        assert one.prediction.logits == pytest.approx(alone.tolist(), abs=1e-5)
        assert (one.tokens, one.read, one.id) == (tokens.total, len(tokens), f"doc-{one.index}")
        assert one.prediction.gold == {"left": 0, "right": 1}.get(label or "")
        assert one.prediction.gold_text == label


def test_the_model_is_asked_once(model: Any, data: Path, asked: list[int]) -> None:
    """The limit chooses among what is known; more rows ask for the rest only."""
    config, rows = opened(data, limit=5, batch_size=4)
    first = predict_split.predict(config, model, rows, Clock())
    assert asked == [4, 1]
    again = predict_split.predict(config, model, rows, Clock())
    assert (again.predicted, asked) == (first.predicted, [4, 1])
    assert len(predict_split.predict(replace(config, limit=2), model, rows, Clock()).predicted) == 2
    assert asked == [4, 1]
    more = predict_split.predict(replace(config, limit=None), model, rows, Clock())
    assert asked == [4, 1, 4, 3]
    assert more.predicted[:5] == first.predicted


@pytest.mark.parametrize(
    "change", ["model", "data", "length", "label column", "windows", "globals", "characters", "dtype", "versions"]
)
def test_what_an_answer_depends_on_is_asked_again(
    change: str, model: Any, data: Path, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, rows = opened(data)
    predict_split.predict(config, model, rows, Clock())
    before = sum(asked)
    if change == "model":
        model = tiny.classifier(tiny.longformer(windows=(4, 8)))
    elif change == "data":
        data.write_text(data.read_text().replace("doc-0", "doc-x"))
    elif change == "length":
        model = replace(model, max_length=20)
    elif change == "label column":
        config = replace(config, label_column="id")
    elif change == "globals":
        model = replace(model, global_positions=(0, 1))
    elif change == "characters":
        config = replace(config, max_chars=1000)
    elif change == "dtype":
        model = replace(model, model=copy.deepcopy(model.model).bfloat16())
    elif change == "versions":
        monkeypatch.setattr(versions, "of", lambda *names: dict.fromkeys(names, "99"))
    else:
        config = replace(config, long="window")
    predict_split.predict(config, model, choice.open_rows(config), Clock())
    assert sum(asked) == before + 12


def test_an_interruption_keeps_what_the_model_has_said(model: Any, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the third batch: the first two are not asked again."""
    really, calls = forward_pass.predict_logits, 0

    def interrupted(given: Any, documents: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return really(given, documents)

    config, rows = opened(data, batch_size=3)
    monkeypatch.setattr(forward_pass, "predict_logits", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict_split.predict(config, model, rows, Clock())
    assert len(predict_split.predict(config, model, rows, Clock()).predicted) == 12
    assert calls == 5


@pytest.mark.parametrize("content", [b"", b"PAR1 torn", b"\0" * 200])
def test_a_damaged_cache_is_made_again(content: bytes, model: Any, data: Path, asked: list[int]) -> None:
    config, rows = opened(data)
    first = predict_split.predict(config, model, rows, Clock())
    (kept,) = disk.cache().rglob("*.parquet")
    kept.write_bytes(content)
    assert predict_split.predict(config, model, rows, Clock()).predicted == first.predicted
    assert sum(asked) == 24


def test_progress_counts_every_row_once(model: Any, data: Path) -> None:
    """Those that are known, those that are asked for, and those that cannot be read."""
    told: list[int] = []

    @contextlib.contextmanager
    def track(what: str, total: int) -> Iterator[Advance]:
        assert (what, total) == ("predict", 12)
        yield told.append

    config, rows = opened(data, batch_size=5)
    predict_split.predict(replace(config, limit=3), model, rows, Clock())
    predict_split.predict(config, model, rows, Clock(track=track))
    assert sum(told) == 12
    assert told[0] == 3


def test_rows_that_cannot_be_read_are_left_out_with_their_reason(model: Any, data: Path) -> None:
    """A text without end, and one that is none; the others are answered."""
    lines = data.read_text().splitlines()
    lines[3] = json.dumps({"id": "doc-3", "text": "long " * 200, "label": "left"})
    lines[7] = json.dumps({"id": "doc-7", "text": None, "label": "left"})
    data.write_text("\n".join(lines))
    config, rows = opened(data, max_chars=500)
    found = predict_split.predict(config, model, rows, Clock())
    assert sorted(found.left_out) == [3, 7]
    assert "1,000 characters, more than --max-chars 500" in found.left_out[3]
    assert [one.index for one in found.predicted] == [0, 1, 2, 4, 5, 6, 8, 9, 10, 11]


def test_a_long_document_is_predicted_as_its_report_will_say(model: Any, data: Path) -> None:
    """In windows where these are asked for, cut off where not."""
    data.write_text(json.dumps({"text": "the heads of a document attend to tokens " * 12, "label": "left"}))
    short = replace(model, max_length=40)
    for how in ("truncate", "window"):
        config, rows = opened(data, long=how, format=("tables",))
        (said,) = predict_split.predict(config, short, rows, Clock()).predicted
        report = pipeline.analyse(config, short, choice.example(config, rows, 0), Clock())
        assert said.prediction.logits == pytest.approx(report.prediction.logits, abs=1e-5)
        assert (said.tokens, said.read) == (report.tokens.total, len(report.tokens))


# --- a pick ---------------------------------------------------------------------------------------------------------


def test_a_pick_is_an_example_that_says_how_it_was_chosen(model: Any, data: Path, asked: list[int]) -> None:
    config, rows = opened(data)
    found = predict_split.predict(config, model, rows, Clock())
    sure = max(found.predicted, key=lambda one: one.confidence)
    example = predict_split.pick(replace(config, pick="most-confident"), model, Clock())
    assert example.index == sure.index
    assert example.picked == "most-confident, of 12 examples, seed 0"
    assert sum(asked) == 12  # the cache answers


def test_a_random_pick_asks_no_model(data: Path, asked: list[int], model: Any) -> None:
    config, _ = opened(data, pick="random", limit=4)
    picks = {predict_split.pick(replace(config, seed=seed), model, Clock()).index for seed in range(30)}
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
    report = pipeline.run(config, Clock()).report
    assert f"--index {report.example.index}" in report.provenance.command
    assert "--pick" not in report.provenance.command
    assert report.provenance.configuration["index"] == report.example.index
    places = {"model": str(folder), "dataset": str(data)}
    before, after, _ = pipeline.rerun(data.parent / "out", Clock(), output=None, places=places, announce=print)
    assert before.example.text == after.example.text


def test_no_row_that_can_be_read_is_the_error_of_the_first(model: Any, data: Path) -> None:
    config, _ = opened(data, pick="tp", max_chars=1)
    with pytest.raises(DataError, match=r"data\.jsonl, doc-0: 40 characters, more than --max-chars 1"):
        predict_split.pick(config, model, Clock())


def test_a_label_that_the_model_does_not_have_asks_no_model(model: Any, data: Path, asked: list[int]) -> None:
    config, _ = opened(data, pick="fp:lefft")
    with pytest.raises(UsageError, match="no label") as caught:
        predict_split.pick(config, model, Clock())
    assert caught.value.hint == "did you mean left?"
    assert asked == []


def test_a_pick_says_how_many_could_not_be_read(model: Any, data: Path) -> None:
    config, _ = opened(data, pick="most-confident", max_chars=40)
    example = predict_split.pick(config, model, Clock())
    left = sum(len(text) > 40 for text in TEXTS)
    assert example.picked == f"most-confident, of {12 - left} examples, seed 0, {left} more could not be read"


@pytest.mark.parametrize("error", [ModelError("logits that are not finite"), DeviceError("out of memory: full")])
def test_one_document_that_breaks_the_model_costs_no_other(
    error: ReportgenError, model: Any, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers that are none, or memory that does not hold it alone: its neighbours in the batch are asked."""
    really = forward_pass.predict_logits
    bad = encode(model, TEXTS[4]).ids

    def predict_logits(given: Any, documents: Any) -> Any:
        if any(document.ids == bad for document in documents):
            raise error
        return really(given, documents)

    config, rows = opened(data, batch_size=5)
    monkeypatch.setattr(forward_pass, "predict_logits", predict_logits)
    found = predict_split.predict(config, model, rows, Clock())
    broken = [index for index, text in enumerate(TEXTS) if encode(model, text).ids == bad]
    assert list(found.left_out) == broken
    assert error.message in found.left_out[4]
    assert len(found.predicted) == 12 - len(broken)


# --- with files -----------------------------------------------------------------------------------------------------


def test_predictions_are_written_where_they_may_be(folder: Path, data: Path, tmp_path: Path) -> None:
    config = Config(model=str(folder), dataset=str(data))
    output = tmp_path / "said.parquet"
    pipeline.predict_rows(config, Clock(), output=output)
    assert output.stat().st_size > 500
    with pytest.raises(OutputError, match="already exists"):
        pipeline.predict_rows(config, Clock(), output=output)
    with pytest.raises(UsageError, match="the file name must end in"):
        pipeline.measure_importance(config, Clock(), by="taylor", output=output)
    with pytest.raises(UsageError, match="--measure tailor: unknown") as caught:
        pipeline.measure_importance(config, Clock(), by="tailor", output=tmp_path / "x.safetensors")
    assert caught.value.hint == "did you mean taylor?"


def test_models_that_differ_in_their_weights_alone_are_told_apart(folder: Path, data: Path, asked: list[int]) -> None:
    """A local folder has no revision: its weights are hashed."""
    config, rows = opened(data)
    predict_split.predict(config, tiny.load(folder), rows, Clock())
    tiny.save(tiny.longformer(seed=1), folder)
    predict_split.predict(config, tiny.load(folder), rows, Clock())
    assert sum(asked) == 24


def test_tokenizers_that_differ_in_their_files_alone_are_told_apart(folder: Path, data: Path, asked: list[int]) -> None:
    config, rows = opened(data)
    predict_split.predict(config, tiny.load(folder), rows, Clock())
    path = folder / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "normalizer": {"type": "Lowercase"}}))
    predict_split.predict(config, tiny.load(folder), rows, Clock())
    assert sum(asked) == 24
