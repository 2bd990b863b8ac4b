"""relocate: the configuration of a stored report -> one whose model and data are here."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from reportgen.model import checkpoint
from reportgen.report.stored import store
from tests import reports, tiny
from tests.cli.test_cli import call, fails
from tests.hub import Hub

TEXT = "Attention heads of a long document classifier attend to tokens."
TABLES = ("--format", "tables")


@pytest.fixture
def made(folder: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A report whose model, dataset and head importance are in folders that it does not name."""
    places = here / "places"
    places.mkdir()
    shutil.move(folder, places / "mine")
    (places / "rows.csv").write_text(f'text,label\n"{TEXT}",left\n')
    np.save(places / "heads.npy", np.array([[0.5, 1], [0, 1]], np.float32))
    work = here / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    source = ("--model", str(places / "mine"), "--dataset", str(places / "rows.csv"), "--index", "0")
    ran = call("run", *source, "--importance", str(places / "heads.npy"), *TABLES, "-o", "report")
    assert ran.exit_code == 0, ran.stderr
    return places


def test_a_model_that_is_elsewhere_is_asked_for_and_found(made: Path) -> None:
    ran = call("rerun", "report")
    fails(ran, 2, "its model, mine, is not in the current folder")
    assert ran.stderr.splitlines()[1] == "hint: name it: reportgen rerun report --model PATH"
    ran = call("rerun", "report", "--model", str(made / "mine"))
    assert ran.exit_code == 0, ran.output
    assert ran.stdout == "report: the results are the same\n"
    assert "the dataset is not here" in ran.stderr
    assert "the head importance in the report was used" in ran.stderr


def test_dataset_and_importance_are_read_where_they_are_now(made: Path) -> None:
    places = ("--dataset", str(made / "rows.csv"), "--importance", str(made / "heads.npy"))
    ran = call("rerun", "report", "--model", str(made / "mine"), *places, "-o", "again")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert store.load(Path("again")).example == store.load(Path("report")).example


def test_other_rows_are_noticed(made: Path) -> None:
    (made / "rows.csv").write_text("text,label\nother words,left\n")
    ran = call("rerun", "report", "--model", str(made / "mine"), "--dataset", str(made / "rows.csv"))
    assert ran.exit_code == 10
    assert "text: " in ran.stdout


def test_a_model_with_other_weights_is_not_taken(made: Path) -> None:
    shutil.rmtree(made / "mine")
    tiny.save(tiny.longformer(seed=1), made / "mine")
    fails(call("rerun", "report", "--model", str(made / "mine")), 4, "not the model of the report", "SHA-256")


def test_a_report_that_is_kept_needs_its_head_importance(made: Path) -> None:
    ran = call("rerun", "report", "--model", str(made / "mine"), "-o", "again")
    fails(ran, 2, "--output needs the head importance")
    assert not Path("again").exists()


def test_the_files_that_a_report_names_are_found_in_the_current_folder(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made)
    ran = call("rerun", "../work/report", "-o", "again")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert store.load(Path("again")).provenance.command == store.load(Path("../work/report")).provenance.command


def test_what_the_hub_is_asked_for_is_said_before_it_is_asked(
    here: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is somebody else's; without the hub nothing is asked, so nothing is said."""
    configuration = {"model": "org/mine", "revision": "ab" * 20, "dataset": "org/rows", "tokenizer": "org/words"}
    made = reports.report()
    commits = {"revision": "ab" * 20, "tokenizer_revision": "cd" * 20}
    made = replace(made, provenance=replace(made.provenance, configuration=configuration, **commits))
    store.write(here / "report", store.dump(made), facts=store.facts(made, ()), overwrite=False)
    asked: list[int] = []
    named = checkpoint.named
    monkeypatch.setattr(checkpoint, "named", lambda config: (asked.append(len(hub.requests)), named(config))[1])
    ran = call("rerun", "report")
    assert ran.exit_code == 8
    names = f"model org/mine at {'ab' * 6}, tokenizer org/words"
    assert ran.stderr.startswith(f"note: report asks the hub for {names}; --offline uses only what is here\n")
    assert asked == [0], "nothing was asked before"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "note" not in call("rerun", "report", "--offline").stderr


def test_what_was_on_the_hub_and_is_a_folder_now_has_no_revision_any_more(hub: Hub, folder: Path, here: Path) -> None:
    """Also not the branch that its user had named."""
    hub.model("org/m", folder)
    hub.dataset("org/d", {"test": pa.table({"text": [TEXT], "label": ["left"]})})
    named = ("--model", "org/m", "--revision", "main", "--dataset", "org/d", "--dataset-revision", "main")
    ran = call("run", *named, "--index", "0", *TABLES, "-o", "report")
    assert ran.exit_code == 0, ran.stderr
    (here / "rows.csv").write_text(f'text,label\n"{TEXT}",left\n')
    ran = call("rerun", "report", "--model", str(folder), "--dataset", str(here / "rows.csv"))
    assert "revision" not in ran.stderr
    assert ran.exit_code == 0, ran.output
