"""Faults that no one stage meets alone: a hub that moves on, caches and memory, seen from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from transformers import LongformerForSequenceClassification

from reportgen.data import hub as talk
from reportgen.model import checkpoint
from reportgen.model.importance import importance_files
from reportgen.model.reading import forward_pass
from reportgen.report.stored import store
from tests import tiny
from tests.cli.test_cli import call, fails
from tests.hub import TOKEN, Hub

TABLES = ("--format", "tables", "--top-k", "2")
ROWS = pa.table({
    "text": ["the heads of a document attend " * (1 + row % 3) for row in range(12)],
    "label": [tiny.LABELS[row % 2] for row in range(12)],
})  # fmt: skip
OF_HUB = ("--model", "org/m", "--dataset", "org/d")


@pytest.fixture
def served(hub: Hub, folder: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub with a model and a dataset, and a cache of the test's own."""
    monkeypatch.setenv("REPORTGEN_CACHE", str(here / "answers"))
    hub.model("org/m", folder)
    hub.dataset("org/d", {"test": ROWS})
    return hub


def move(hub: Hub, what: str, tmp_path: Path) -> str:
    """Put another commit on the branch of the model or the dataset."""
    if what == "dataset":
        return hub.dataset("org/d", {"test": ROWS.slice(0, 11)})
    return hub.model("org/m", tiny.save(tiny.longformer(seed=3), tmp_path / "other"))


def fail_in(monkeypatch: pytest.MonkeyPatch, error: BaseException, *, call: int) -> None:
    """Let the model raise an error when it is called so often."""
    really, calls = LongformerForSequenceClassification.forward, 0

    def forward(self: Any, *args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise error
        return really(self, *args, **options)

    monkeypatch.setattr(LongformerForSequenceClassification, "forward", forward)


@pytest.mark.parametrize("what", ["model", "dataset"])
def test_importance_is_not_gone_on_with_at_another_commit(
    what: str, served: Hub, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2 and what is there stays; --restart measures at the new commit."""
    command = ("importance", *OF_HUB, "--limit", "8", "--batch-size", "2", "-q")
    with monkeypatch.context() as patch:
        fail_in(patch, KeyboardInterrupt(), call=3)
        assert call(*command).exit_code == 130
    (state,) = here.glob("*.partial")
    before = state.read_bytes()
    commit = move(served, what, here)
    fails(call(*command), 2, "was started with another model, sample or setting")
    assert state.read_bytes() == before
    assert not (here / "importance.safetensors").exists()
    assert call(*command, "--restart").exit_code == 0
    facts = importance_files.load(here / "importance.safetensors", shape=(2, 2)).provenance
    assert facts["model revision" if what == "model" else "data revision"] == commit
    assert not state.exists()


@pytest.mark.parametrize("what", ["model", "dataset"])
def test_answers_of_another_commit_are_not_used(
    what: str, served: Hub, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked again when the branch has moved, and only then."""
    read: list[int] = []
    really = forward_pass.predict_logits

    def predict_logits(classifier: Any, documents: Any) -> Any:
        read.append(len(documents))
        return really(classifier, documents)

    monkeypatch.setattr(forward_pass, "predict_logits", predict_logits)
    assert [call("examples", *OF_HUB).exit_code for _ in range(2)] == [0, 0]
    assert sum(read) == 12
    move(served, what, here)
    assert call("examples", *OF_HUB).exit_code == 0
    assert sum(read) == 12 + (12 if what == "model" else 11)


@pytest.mark.parametrize("what", ["model", "dataset"])
def test_a_batch_is_not_gone_on_with_at_another_commit(what: str, served: Hub, here: Path) -> None:
    """Exit code 2 with both commits named, and the reports stay; --restart makes them at the new one."""
    command = ("batch", *OF_HUB, "--limit", "2", *TABLES, "--workers", "1", "-o", "out", "-q")
    assert call(*command).exit_code == 0
    before = {path: path.read_bytes() for path in here.glob("out/*/report.json")}
    assert len(before) == 2
    commit = move(served, what, here)
    refused = call(*command)
    fails(refused, 2, "contains a batch with other settings", f"{what} revision: ")
    assert commit in refused.stderr
    assert {path: path.read_bytes() for path in here.glob("out/*/report.json")} == before
    assert call(*command, "--restart").exit_code == 0
    provenance = store.load(next(here.glob("out/*/report.json")).parent).provenance
    if what == "model":
        assert provenance.revision == commit


def test_a_report_names_the_commits_and_is_made_again_from_them(served: Hub, here: Path) -> None:
    """Both branches have moved on; the stored command gives the same prediction of the same text."""
    assert call("run", *OF_HUB, "--index", "11", *TABLES, "-o", "out").exit_code == 0
    first = store.load(here / "out")
    for what in ("model", "dataset"):
        move(served, what, here)
    fails(call("run", *OF_HUB, "--index", "11"), 3, "example 11 is not in")
    assert f"--revision {first.provenance.revision}" in first.provenance.command
    again = call("rerun", "out")
    assert again.exit_code == 0, again.output


@pytest.mark.parametrize("command", ["run", "examples", "importance"])
def test_every_command_names_what_is_not_in_the_cache_offline(
    command: str, hub: Hub, here: Path, request: pytest.FixtureRequest
) -> None:
    """Exit code 8 with the name, no socket, and nothing written."""
    request.getfixturevalue("offline")
    index = ("--index", "0") if command == "run" else ()
    fails(call(command, *OF_HUB, *index, "--offline"), 8, "dataset org/d: not cached")
    fails(call(command, "--preset", "papers", *index, "--offline"), 8, "danielhou13/cogs402dataset: not cached")
    assert list(here.iterdir()) == []


def test_every_command_takes_what_is_in_the_cache_offline(
    served: Hub, here: Path, request: pytest.FixtureRequest
) -> None:
    """Model, rows and head importance, without a socket."""
    assert call("examples", *OF_HUB).exit_code == 0
    request.getfixturevalue("offline")
    served.requests.clear()
    assert call("examples", *OF_HUB, "--offline").exit_code == 0
    assert call("importance", *OF_HUB, "--limit", "4", "--offline").exit_code == 0
    run = call("run", *OF_HUB, "--pick", "least-confident", "--importance", "auto", *TABLES, "-o", "out", "--offline")
    assert run.exit_code == 0, run.output
    assert served.requests == []


def test_a_token_that_was_kept_by_a_login_opens_a_private_dataset(
    served: Hub, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lies in HF_HOME, and goes into no file that the command writes."""
    served.fail("org/d", "private", kind="datasets")
    fails(call("examples", *OF_HUB), 8, "dataset org/d: not on the hub, or private")
    (here / "token").write_text(TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(here / "token"))
    assert call("examples", *OF_HUB, "-o", "rows.parquet").exit_code == 0
    assert call("importance", *OF_HUB, "--limit", "4").exit_code == 0
    assert call("run", *OF_HUB, "--index", "0", "--importance", "auto", *TABLES, "-o", "out").exit_code == 0
    written = [path for path in here.rglob("*") if path.is_file() and path != here / "token"]
    assert {"rows.parquet", "importance.safetensors", "report.json", "manifest.json"} <= {path.name for path in written}
    assert not [path for path in written if TOKEN.encode() in path.read_bytes()]


@pytest.mark.parametrize("error", [MemoryError("full"), torch.OutOfMemoryError("full")])
def test_memory_that_runs_out_in_the_model_ends_a_run_without_a_trace(
    error: Exception, folder: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 6, and what takes less."""
    before = sorted(here.iterdir())
    fail_in(monkeypatch, error, call=1)
    result = call("run", "--model", str(folder), "--text", "the heads", *TABLES)
    fails(result, 6, "out of memory: full")
    assert "--max-length" in result.stderr
    assert sorted(here.iterdir()) == before


def test_a_batch_that_does_not_fit_is_halved_and_every_row_is_answered(
    served: Hub, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said is what a machine with more memory says."""
    whole = call("examples", *OF_HUB, "--json", "--limit", "11").stdout
    move(served, "dataset", here)  # the same first rows, and no answers kept
    fail_in(monkeypatch, torch.OutOfMemoryError("full"), call=1)
    halved = call("examples", *OF_HUB, "--json")
    assert halved.exit_code == 0, halved.output
    for one, other in zip(
        map(json.loads, whole.splitlines()), map(json.loads, halved.stdout.splitlines()), strict=True
    ):
        assert one["predicted"] == other["predicted"]
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-4)


def test_the_overview_says_what_head_importance_was_measured_over(served: Hub, here: Path) -> None:
    """Measure, sample and revision, in the page itself."""
    assert call("importance", *OF_HUB, "--limit", "6").exit_code == 0
    arguments = ("--index", "0", "--importance", "importance.safetensors", "--format", "html", "--top-k", "2")
    assert call("run", *OF_HUB, *arguments, "-o", "out").exit_code == 0
    commit = checkpoint.find("org/m").revision
    page = (here / "out" / "report.html").read_text(encoding="utf-8")
    assert f"(taylor, 6 examples of org/d, split test, model revision {commit[:10]})" in page


def test_a_cache_that_is_damaged_is_left_to_its_owner(served: Hub, folder: Path, here: Path) -> None:
    """A report of a row whose file was cut off: an error that names the dataset; no file is gone."""
    rows = ("run", "--model", str(folder), "--dataset", "org/d", "--index", "0", *TABLES, "-o", "out")
    commit = talk.look_up("org/d", kind="dataset").commit
    file = "data/test-00000-of-00001.parquet"
    path = talk.download("org/d", file, commit=commit, kind="dataset")
    whole = path.read_bytes()
    path.write_bytes(whole[:200])
    result = call(*rows)
    assert result.exit_code == 8
    assert f"hf cache verify org/d --repo-type dataset --revision {commit}" in result.stderr
    assert result.stderr.startswith("error: dataset org/d: ")
    assert path.read_bytes() == whole[:200]
    assert not (here / "out").exists()
    path.write_bytes(whole)
    assert call(*rows).exit_code == 0
