"""measuring: rows of a split are drawn, and head importance is measured over them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reportgen import pipeline
from reportgen.core.clock import Advance, Clock
from reportgen.core.config import Config
from reportgen.core.errors import DataError, UsageError
from reportgen.core.files import disk
from reportgen.model.importance import importance_files, measure_split
from tests import split, tiny
from tests.split import TEXTS, opened


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twelve rows of JSON Lines."""
    return split.write(tmp_path)


@pytest.fixture(scope="module")
def model() -> Any:
    """A tiny Longformer in memory."""
    return tiny.classifier(tiny.longformer())


def test_importance_is_computed_over_a_sample_and_says_so(model: Any, data: Path, tmp_path: Path) -> None:
    """Rows without a gold label that the model knows do not count."""
    config, rows = opened(data, seed=3)
    output = tmp_path / "importance.safetensors"
    found = measure_split.measure(config, model, rows, Clock(), by="taylor", size=9, output=output)
    known = found.provenance
    assert found.measure == "taylor"
    assert (known["data"], known["data revision"], known["seed"]) == ("data.jsonl", rows.revision, "3")
    assert 1 <= int(known["examples"]) <= 6  # a third has none
    assert found.values.shape == (2, 2)
    assert (found.values.min(), found.values.max()) == (0, 1)
    assert importance_files.load(output, shape=(2, 2)) == found
    assert not output.with_name(output.name + measure_split.PARTIAL).exists()


def test_interrupted_importance_goes_on_where_it_was(
    model: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit; other settings on the same file are refused until a restart."""
    config, rows = opened(data, batch_size=1, label_column="label", limit=9)
    whole = measure_split.measure(
        config, model, rows, Clock(), by="ablation", size=9, output=tmp_path / "whole.safetensors"
    )

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
        measure_split.measure(config, model, rows, Clock(track=stop), **measured)
    assert output.with_name(output.name + measure_split.PARTIAL).is_file()
    assert not output.exists()
    told: list[int] = []

    @contextlib.contextmanager
    def track(what: str, total: int) -> Iterator[Advance]:
        yield told.append

    other = replace(config, seed=1)
    with pytest.raises(UsageError) as caught:
        measure_split.measure(other, model, rows, Clock(), **measured)
    assert "--restart" in str(caught.value.hint)
    again = measure_split.measure(config, model, rows, Clock(track=track), **measured)
    assert np.array_equal(again.values, whole.values)
    assert told[0] == 2
    assert not output.with_name(output.name + measure_split.PARTIAL).exists()


def test_the_seed_draws_the_sample(model: Any, data: Path, tmp_path: Path) -> None:
    def measured(seed: int) -> Any:
        config, rows = opened(data, seed=seed)
        output = tmp_path / "i.safetensors"
        return measure_split.measure(config, model, rows, Clock(), by="taylor", size=5, output=output).values

    assert np.array_equal(measured(0), measured(0))
    assert any(not np.array_equal(measured(0), measured(seed)) for seed in (1, 2, 3))


def test_a_sample_without_labels_is_a_data_error(model: Any, data: Path, tmp_path: Path) -> None:
    config, rows = opened(data, label_column="id")
    with pytest.raises(DataError, match="none of the 12 rows of the sample has a gold label") as caught:
        measure_split.measure(config, model, rows, Clock(), by="taylor", size=99, output=tmp_path / "i.safetensors")
    assert "--label-column" in str(caught.value.hint)


def test_auto_importance_is_computed_once(model: Any, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, _ = opened(data, importance="auto")
    first = pipeline.find_importance(config, model, Clock())
    monkeypatch.setattr(measure_split, "_compute", None)  # would fail
    again = pipeline.find_importance(config, model, Clock())
    assert first == again
    assert first.source == "computed over a small sample"
    assert first.provenance["examples"] == "8"


def test_auto_importance_needs_a_dataset(model: Any) -> None:
    with pytest.raises(UsageError, match="--importance auto needs a dataset"):
        pipeline.find_importance(Config(text="abc", importance="auto"), model, Clock())


def test_what_was_begun_with_other_columns_is_not_gone_on_with(model: Any, tmp_path: Path) -> None:
    """Other texts, other labels: sums of both would be those of neither."""
    path = tmp_path / "two.jsonl"
    row = {"text": TEXTS[0], "body": TEXTS[3], "label": "left", "other": "right"}
    path.write_text("".join(json.dumps(row) + "\n" for _ in range(4)))

    @contextlib.contextmanager
    def stop(what: str, total: int) -> Iterator[Advance]:
        def advance(count: int) -> None:
            raise KeyboardInterrupt

        yield advance

    def run(clock: Clock, **columns: str) -> Any:
        config, rows = opened(path, batch_size=1, **columns)
        return measure_split.measure(config, model, rows, clock, by="taylor", size=4, output=tmp_path / "i.safetensors")

    with pytest.raises(KeyboardInterrupt):
        run(Clock(track=stop), text_column="text", label_column="label")
    for columns in ({"text_column": "body", "label_column": "label"}, {"text_column": "text", "label_column": "other"}):
        with pytest.raises(UsageError, match="another"):
            run(Clock(), **columns)
    assert run(Clock(), text_column="text", label_column="label").provenance["examples"] == "4"


def test_auto_importance_depends_on_what_the_labels_are_called(model: Any, data: Path) -> None:
    """With the labels turned, the gold label of every row is the other one."""
    turned = replace(model, labels=("right", "left"))
    config, _ = opened(data, importance="auto")
    plain, other = (pipeline.find_importance(config, one, Clock()) for one in (model, turned))
    assert not np.array_equal(plain.values, other.values)


@pytest.mark.parametrize("damage", ["torn", "no folder"])
def test_a_cache_that_cannot_serve_costs_nothing_but_time(damage: str, model: Any, data: Path, tmp_path: Path) -> None:
    config, _ = opened(data, importance="auto")
    if damage == "no folder":
        (tmp_path / "cache").write_text("a file")
        assert pipeline.find_importance(config, model, Clock()).values.max() == 1
        return
    first = pipeline.find_importance(config, model, Clock())
    (kept,) = (disk.cache() / "importance").iterdir()
    kept.write_bytes(kept.read_bytes()[:40])
    assert pipeline.find_importance(config, model, Clock()) == first


def test_the_file_names_no_folder_of_the_user(
    folder: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is handed on with the report."""
    monkeypatch.setenv("HOME", str(tmp_path))
    config = Config(model=str(folder), dataset=str(data))
    output = tmp_path / "i.safetensors"
    pipeline.measure_importance(config, Clock(), by="taylor", output=output)
    assert importance_files.load(output, shape=(2, 2)).provenance["model"] == "model"
    assert str(tmp_path).encode() not in output.read_bytes()
