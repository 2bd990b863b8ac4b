"""benchmarks: what is compared is comparable, and what README.md says is what was kept."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import __main__ as bench
from benchmarks import against, common, gpu, notebook
from reportgen.core.nouns.records import HeadImportance, SlidingWindowAttention
from reportgen.model.attention import convert
from reportgen.model.attention.stack import stack
from reportgen.report import rank, scale
from tests import tiny

LAYERS, HEADS, TOKENS, WINDOW, K = 2, 3, 50, 8, 4


def whole(layer: SlidingWindowAttention) -> np.ndarray:
    """The dense matrix of a layer, (head, query, key)."""
    return convert.dense_rows(layer, torch.arange(layer.local.shape[1])).numpy()


def test_the_plain_version_gives_what_the_stages_give(tmp_path: Path) -> None:
    """The notebook's steps, written anew, and ours: the same scores, the same orders, the same tables."""
    layers = [common.layer(heads=HEADS, tokens=TOKENS, window=WINDOW, seed=seed) for seed in range(LAYERS)]
    importance = np.random.default_rng(0).random((LAYERS, HEADS), np.float32)
    summaries = [convert.convert(layer, top_k=K, reader=0) for layer in layers]
    attention = stack(summaries, reader=0, classifier=tiny.classifier(tiny.longformer()))
    scores = scale.scale(attention, HeadImportance(importance, "taylor", ""))
    _, order = rank.rank_tokens(attention.received)

    dense = np.stack([notebook.convert(layer.local.numpy(), layer.global_.numpy(), WINDOW) for layer in layers])
    np.testing.assert_array_equal(dense, np.stack([whole(layer) for layer in layers]))
    weighed, plain = notebook.scale(dense, importance)
    np.testing.assert_allclose(plain, scores.attention_scores, atol=1e-6)
    np.testing.assert_array_equal(notebook.rank(dense), order)
    most = notebook.attended(weighed, K)
    np.testing.assert_array_equal(most, attention.attended_positions)

    strings = [f"t{position}" for position in range(TOKENS)]
    notebook.tables(weighed, plain, order.astype(np.int64), most, strings, tmp_path)
    assert len(pd.read_parquet(tmp_path / "token_attention.parquet")) == LAYERS * HEADS * TOKENS
    assert len(pd.read_parquet(tmp_path / "top_tokens.parquet")) == LAYERS * HEADS * K
    pairs = pd.read_parquet(tmp_path / "attended_tokens.parquet")
    wanted = attention.attended_weights * importance[:, :, None, None]
    np.testing.assert_allclose(pairs["attention_scores"], wanted.ravel(), rtol=1e-6)


def test_the_layer_that_is_measured_is_one_of_longformer() -> None:
    layer = common.layer(heads=2, tokens=40, window=8)
    assert convert.row_error(convert.walk(layer)) < 1e-5
    assert not whole(layer)[:, 20, 30:].any()  # beyond the window


def test_readme_says_what_was_kept() -> None:
    kept = json.loads(bench.KEPT.read_text(encoding="utf-8"))
    assert bench.README.read_text(encoding="utf-8") == bench.readme(kept)
    assert set(kept) <= set(bench.SECTIONS)


def test_what_was_not_measured_is_said_to_be_so() -> None:
    kept = json.loads(bench.KEPT.read_text(encoding="utf-8"))
    without = {name: section for name, section in kept.items() if name != "gpu"}
    assert "Nothing here was measured on a GPU" in bench.readme(without)
    assert "## The stages" not in bench.readme({name: kept[name] for name in kept if name != "stages"})


@pytest.mark.parametrize(("then", "now", "told"), [(1.0, 1.21, 1), (1.0, 1.19, 0), (1.0, 0.5, 0), (2.0, 3.0, 1)])
def test_what_got_slower_by_more_than_a_fifth_is_told(then: float, now: float, told: int) -> None:
    lines = bench.slower({"ratios": {"a to b": then}}, {"ratios": {"a to b": now, "new to b": 99.0}})
    assert len(lines) == told
    assert all(line.startswith("a to b is ") for line in lines)


def test_a_run_keeps_what_it_did_not_measure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One section anew, one without anything to measure it on, the others as they were."""
    kept = json.loads(bench.KEPT.read_text(encoding="utf-8"))
    (tmp_path / "results.json").write_text(json.dumps(kept), encoding="utf-8")
    monkeypatch.setattr(bench, "KEPT", tmp_path / "results.json")
    monkeypatch.setattr(bench, "README", tmp_path / "README.md")
    found = kept["start"]["found"] | {"seconds": dict.fromkeys(kept["start"]["found"]["seconds"], 7.0)}
    monkeypatch.setattr(bench.start, "measure", lambda: found)
    monkeypatch.setattr(bench.gpu, "measure", lambda: None)
    monkeypatch.setattr("sys.argv", ["benchmarks", "--only", "start", "gpu"])
    bench.main()
    again = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert again["start"]["found"] == found
    assert {name: section for name, section in again.items() if name != "start"} == {
        name: section for name, section in kept.items() if name != "start"
    }
    assert "7.00" in (tmp_path / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_what_a_gpu_is_asked_for_is_measured_without_one() -> None:
    """The same code on the processor, with one layer: every column of its table has a figure."""
    row = gpu.read(64, 2, "bfloat16", "cpu", layers=1)
    assert "bfloat16" in gpu.markdown({"device": "none", "rows": [row]})
    assert row["received"] < 0.05
    assert 0 <= row["equal_top"] <= 1


def test_the_table_of_two_commits_shows_the_ratios_of_their_medians() -> None:
    """Only what the task is about: a render is not compared by its wall seconds."""
    run, render = list(against.TASKS)[:2]
    then, now = {"wall": 20.0, "cpu": 30.0, "memory": 1000.0}, {"wall": 10.0, "cpu": 6.0, "memory": 900.0}
    shown = against.markdown(
        {"against": "960abb6", "times": 5, "found": {run: [then, now], render: [then, now]}, "sizes": [2.0, 1.0]}
    )
    lines = [line for line in shown.splitlines() if line.startswith("| ")]
    assert lines[1].endswith("| 20.00 s | 10.00 s | 0.50 |")
    assert lines[4].endswith("| 30.00 CPU s | 6.00 CPU s | 0.20 |")
    assert sum(line.startswith(f"| {render} ") for line in lines) == 2
    assert lines[-1] == "| bytes of the PDF | 2.00 MB | 1.00 MB | 0.50 |"


def test_a_cold_start_is_compared_with_the_bare_imports_and_pass() -> None:
    def took(seconds: float) -> dict[str, float]:
        return {"wall": seconds, "cpu": seconds, "memory": 1.0}

    found = {against.COLD: [took(14.0), took(9.0)], against.BARE: [took(7.0), took(6.0)]}
    shown = against.markdown({"against": "960abb6", "times": 1, "found": found, "sizes": []})
    assert "| the cold start, to the bare one | 2.00 times | 1.50 times |  |" in shown


def test_memory_is_what_a_process_holds_itself_whatever_it_has_set_back(tmp_path: Path) -> None:
    """300 MB that were there for a while count, although the peak that the system keeps is set back afterwards."""
    build = _build(tmp_path)
    empty = build.python("-c", "import time; time.sleep(0.3)")["memory"]
    script = (
        "import time, pathlib; a = bytearray(300_000_000); time.sleep(0.3); del a; "
        "pathlib.Path('/proc/self/clear_refs').write_text('5')"
    )
    assert 290 < build.python("-c", script)["memory"] - empty < 320


def test_a_build_says_what_a_process_takes_and_that_it_failed(tmp_path: Path) -> None:
    build = _build(tmp_path)
    taken = build.run("--version")
    assert 0 < taken["cpu"] < 60
    assert 1 < taken["memory"] < 2000
    with pytest.raises(subprocess.CalledProcessError) as failed:
        build.run("no-such-command")
    assert b"no-such-command" in failed.value.stderr


def _build(folder: Path) -> against.Build:
    """This checkout with this Python, as if it had been installed in *folder*."""
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return against.Build("now", folder, folder)
