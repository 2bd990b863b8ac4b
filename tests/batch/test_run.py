"""batch: many examples, none lost and none made twice, whatever happens on the way."""

from __future__ import annotations

import csv
import errno
import functools
import gc
import json
import os
import shutil
import signal
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reportgen.batch import journal
from reportgen.batch.run import How
from reportgen.batch.select import Selection
from reportgen.batch.units import succeeded
from reportgen.core.config import Config
from reportgen.core.errors import ImportanceError, LeftOutError, ModelError, OutputError, UsageError
from reportgen.core.files import disk
from reportgen.model.reading import forward_pass
from reportgen.report.stored import store
from tests import batches, foreign, tiny

pytestmark = pytest.mark.usefixtures("epoch")
COUNT = 10


@pytest.fixture
def asked(folder: Path, tmp_path: Path) -> Config:
    """What the batches of these tests are asked for."""
    return batches.config(folder, batches.rows(tmp_path / "data.jsonl", COUNT), tmp_path / "out")


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a batch that nothing disturbed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", batches.EPOCH)
        place = tmp_path_factory.mktemp("wanted")
        patch.chdir(place)
        model = tiny.save(tiny.longformer(), place / "model")
        made = batches.make(batches.config(model, batches.rows(place / "data.jsonl", COUNT), place / "out"))
        assert made.made == COUNT
        return batches.contents(place / "out")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many documents the model reads, each time."""
    counts: list[int] = []
    really = forward_pass.attend
    monkeypatch.setattr(
        forward_pass, "attend", lambda c, documents, on: (counts.append(len(documents)), really(c, documents, on))[1]
    )
    return counts


def out(config: Config) -> Path:
    assert config.output is not None
    return Path(config.output)


def reports(config: Config) -> list[Path]:
    return sorted(path for path in out(config).iterdir() if path.is_dir() and not path.name.startswith("."))


# --- what a batch makes ----------------------------------------------------------------------------------------------


def test_every_example_gets_a_report_of_its_own(asked: Config) -> None:
    made = batches.make(asked)
    assert (made.made, made.known, made.failed) == (COUNT, 0, 0)
    assert [outcome.index for outcome in made.outcomes] == list(range(COUNT))
    assert sorted(batches.names(made)) == [path.name for path in reports(asked)]
    for outcome in made.outcomes:
        store.verify(out(asked) / outcome.name)
        found = store.load(out(asked) / outcome.name)
        assert (found.example.index, found.example.id) == (outcome.index, f"doc/{outcome.index}")
        assert succeeded(found) == outcome


def test_a_report_of_a_batch_is_the_one_that_run_makes(asked: Config, tmp_path: Path) -> None:
    from reportgen import pipeline
    from reportgen.core.clock import Clock

    made = batches.make(asked)
    alone = pipeline.run(replace(asked, index=4, output=str(tmp_path / "alone")), Clock()).folder
    assert batches.contents(alone) == batches.contents(out(asked) / made.outcomes[4].name)


def test_examples_of_about_equal_length_are_read_together_the_longest_first(asked: Config, read: list[int]) -> None:
    batches.make(replace(asked, batch_size=4))
    assert read == [4, 4, 2]
    plan = journal.Journal(out(asked)).plan()
    assert plan is not None
    lengths = [[len(store.load(out(asked) / name).example.text) for _, name in unit] for unit in plan.units]
    flat = [length for unit in lengths for length in unit]
    assert flat == sorted(flat, reverse=True)


def test_reading_together_changes_nothing_but_rounding(asked: Config, tmp_path: Path) -> None:
    alone = batches.make(asked)
    together = batches.make(replace(asked, batch_size=5, output=str(tmp_path / "together")))
    for one, other in zip(alone.outcomes, together.outcomes, strict=True):
        first, second = store.load(alone.folder / one.name), store.load(together.folder / other.name)
        assert second.attention.received == pytest.approx(first.attention.received, abs=1e-5)
        assert second.prediction.logits == pytest.approx(first.prediction.logits, abs=1e-5)  # type: ignore[union-attr]


def test_where_memory_runs_out_fewer_are_read_together(
    asked: Config, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from reportgen.core.errors import DeviceError

    def limited(really: Any, classifier: Any, documents: Any, *rest: Any) -> Any:
        if len(documents) > 2:
            raise DeviceError("out of memory")
        return really(classifier, documents, *rest)

    for name in ("attend", "predict_logits"):
        monkeypatch.setattr(forward_pass, name, functools.partial(limited, getattr(forward_pass, name)))
    made = batches.make(replace(asked, batch_size=8))
    assert made.made == COUNT
    assert read == [2, 2, 2, 2, 2]


def test_the_index_lists_what_was_made_and_what_failed(asked: Config) -> None:
    Path(asked.dataset or "").write_text(
        "\n".join(json.dumps(row) for row in [
            {"text": "the heads attend", "label": "left"},
            {"text": None, "label": "left"},
            {"text": "<script>alert(1)</script>", "label": "=f(1)"},
        ])
    )  # fmt: skip
    made = batches.make(asked)
    page = made.index.read_text()
    assert (made.made, made.failed) == (2, 1)
    assert page.count("/report.json") == 2
    assert "<script>" not in page
    assert "row 1" in made.unreadable[1]
    rows = list(csv.DictReader((out(asked) / "index.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert [row["index"] for row in rows] == ["0", "1", "2"]
    assert rows[1]["error"] == made.unreadable[1]
    assert rows[2]["label"] == "'=f(1)"


# --- one bad example -------------------------------------------------------------------------------------------------


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the model fail at the document of one row."""

    def breaks(index: int) -> None:
        from reportgen import pipeline

        really = pipeline._plan

        def plan(config: Any, classifier: Any, example: Any) -> Any:
            if example.index == index:
                raise ModelError("the model returned logits that are not finite (NaN or Inf)", hint="look")
            return really(config, classifier, example)

        monkeypatch.setattr(pipeline, "_plan", plan)

    return breaks


@pytest.mark.parametrize("size", [None, 4])
def test_one_that_fails_costs_no_other_and_is_tried_again(
    asked: Config, broken: Callable[[int], None], size: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context():
        broken(3)
        made = batches.make(replace(asked, batch_size=size))
        assert (made.made, made.failed) == (COUNT - 1, 1)
        assert made.outcomes[3].error == "the model returned logits that are not finite (NaN or Inf)"
        assert "not finite" in made.index.read_text()
    monkeypatch.undo()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", batches.EPOCH)
    again = batches.make(replace(asked, batch_size=size))
    assert (again.made, again.known, again.failed) == (1, COUNT - 1, 0)
    assert "not finite" not in made.index.read_text()


def test_fail_fast_does_not_begin_where_a_row_cannot_be_read(asked: Config, read: list[int]) -> None:
    with Path(asked.dataset or "").open("a") as file:
        file.write('{"text": null, "label": "left"}\n')
    with pytest.raises(LeftOutError, match=f"row {COUNT}: "):
        batches.make(asked, how=How(fail_fast=True))
    assert read == []


def test_what_fails_holds_no_memory_while_the_others_are_tried(asked: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the pass that failed is what the next ones need."""
    from reportgen import pipeline
    from reportgen.core.errors import DeviceError

    held: list[weakref.ref[Any]] = []
    alive: list[int] = []
    really = pipeline.analyse_together

    class Activations:
        pass

    def analyse_together(config: Any, classifier: Any, examples: Any, *more: Any) -> Any:
        alive.append(sum(one() is not None for one in held))
        activations = Activations()
        held.append(weakref.ref(activations))
        if len(examples) > 1:
            try:
                raise MemoryError
            except MemoryError as error:
                raise DeviceError("out of memory") from error
        return really(config, classifier, examples, *more)

    monkeypatch.setattr(pipeline, "analyse_together", analyse_together)
    gc.disable()
    try:
        assert batches.make(replace(asked, batch_size=5)).made == COUNT
    finally:
        gc.enable()
    assert alive == [0] * (COUNT + 2)


def test_fail_fast_stops_at_the_first(asked: Config, broken: Callable[[int], None]) -> None:
    broken(3)
    with pytest.raises(LeftOutError, match="not finite"):
        batches.make(asked, how=How(fail_fast=True))
    assert len(reports(asked)) < COUNT


def test_a_bug_is_told_with_its_place(asked: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reportgen.report.tables.files", lambda *_: 1 / 0)
    made = batches.make(asked)
    assert made.failed == COUNT
    assert "ZeroDivisionError" in str(made.outcomes[0].error)
    assert "test_run.py" in str(made.outcomes[0].error)


# --- going on --------------------------------------------------------------------------------------------------------


def test_a_second_run_makes_nothing(asked: Config, read: list[int]) -> None:
    first = batches.make(asked)
    files = {path: path.stat().st_mtime_ns for path in out(asked).rglob("*.parquet")}
    read.clear()
    again = batches.make(asked)
    assert (again.made, again.known, read) == (0, COUNT, [])
    assert again.outcomes == first.outcomes
    assert {path: path.stat().st_mtime_ns for path in out(asked).rglob("*.parquet")} == files


def test_a_report_that_is_gone_is_made_again(asked: Config) -> None:
    batches.make(asked)
    before = batches.contents(out(asked))
    shutil.rmtree(reports(asked)[2])
    assert batches.make(asked).made == 1
    assert batches.contents(out(asked)) == before


@pytest.mark.parametrize("damage", ["content", "missing", "more", "manifest", "no manifest"])
def test_a_report_that_was_changed_is_made_again_unless_that_is_not_wanted(asked: Config, damage: str) -> None:
    batches.make(asked)
    before = batches.contents(out(asked))
    report = reports(asked)[1]
    match damage:
        case "content":
            (report / "report.json").write_text("{}")
        case "missing":
            (report / "attention.safetensors").unlink()
        case "more":
            (report / "notes.txt").write_text("mine")
        case "manifest":
            (report / "manifest.json").write_text('{"files": {}')
        case "no manifest":
            (report / "manifest.json").unlink()
    with pytest.raises(OutputError, match=report.name):
        batches.make(asked, how=How(overwrite=False))
    again = batches.make(asked)
    assert (again.made, again.known) == (1, COUNT - 1)
    assert report.name in again.notes[0]
    assert batches.contents(out(asked)) == before


def test_a_touched_report_is_compared_and_kept(asked: Config, read: list[int]) -> None:
    batches.make(asked)
    os.utime(reports(asked)[1] / "report.json", (0, 0))
    read.clear()
    assert batches.make(asked).known == COUNT
    assert read == []


@pytest.mark.parametrize("lost", ["all", "torn", "garbage"])
def test_a_journal_that_is_lost_is_made_again_from_the_manifests(
    asked: Config, lost: str, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = batches.make(asked)
    path = out(asked) / ".batch" / "journal.jsonl"
    lines = path.read_bytes()
    path.unlink()
    if lost == "torn":
        path.write_bytes(lines[:-40])
    if lost == "garbage":
        path.write_bytes(b'\x00\xff[]\n{"outcome": {"name": 1}, "stamp": 2}\n' + lines[:200])
    read.clear()
    again = batches.make(asked)
    assert (again.made, again.known, again.outcomes, read) == (0, COUNT, first.outcomes, [])
    monkeypatch.setattr(store, "verify", lambda _: pytest.fail("a report was read"))
    assert batches.make(asked).known == COUNT


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"top_k": 2}, r"--top-k: 3 before, 2 now"),
        ({"seed": 5, "dtype": "bfloat16"}, r"--dtype: float32 before, bfloat16 now; --seed: 0 before, 5 now"),
    ],
)
def test_other_settings_are_refused_by_name(asked: Config, change: dict[str, Any], told: str) -> None:
    batches.make(asked)
    before = batches.contents(out(asked))
    with pytest.raises(UsageError, match=told) as caught:
        batches.make(replace(asked, **change))
    assert "--restart" in (caught.value.hint or "")
    assert batches.contents(out(asked)) == before


def test_another_model_under_the_same_name_is_refused(asked: Config) -> None:
    batches.make(asked)
    tiny.save(tiny.longformer(seed=9), Path(asked.model))
    with pytest.raises(UsageError, match="model weights: "):
        batches.make(asked)


def test_other_data_under_the_same_name_are_refused(asked: Config) -> None:
    batches.make(asked)
    batches.rows(Path(asked.dataset or ""), COUNT + 1)
    with pytest.raises(UsageError, match="dataset revision: sha256"):
        batches.make(asked)


def test_another_selection_is_refused(asked: Config) -> None:
    batches.make(asked, Selection(limit=4))
    with pytest.raises(UsageError, match="--limit: 4 before, 5 now"):
        batches.make(asked, Selection(limit=5))


def test_other_head_importance_in_the_same_file_is_refused(asked: Config, tmp_path: Path) -> None:
    path = tmp_path / "importance.csv"
    path.write_text("1,2\n3,4\n")
    asked = replace(asked, importance=str(path))
    batches.make(asked)
    path.write_text("1,2\n3,5\n")
    with pytest.raises(UsageError, match="importance file: "):
        batches.make(asked)


def test_restart_makes_all_anew_and_removes_what_is_no_longer_wanted(asked: Config) -> None:
    batches.make(asked)
    (out(asked) / "mine.txt").write_text("mine")
    again = batches.make(replace(asked, top_k=2), Selection(limit=4), How(restart=True))
    assert (again.made, again.known) == (4, 0)
    assert [path.name for path in reports(asked)] == sorted(batches.names(again))
    assert (out(asked) / "mine.txt").read_text() == "mine"
    assert store.load(reports(asked)[0]).top_k == 2
    (reports(asked)[0] / "manifest.json").unlink()
    assert batches.make(asked, how=How(restart=True)).made == COUNT


def test_settings_that_have_made_no_report_may_be_corrected(asked: Config, tmp_path: Path) -> None:
    (tmp_path / "importance.csv").write_text("1,2,3\n")
    with pytest.raises(ImportanceError):
        batches.make(replace(asked, importance=str(tmp_path / "importance.csv")))
    assert batches.make(asked).made == COUNT


def test_a_report_that_a_batch_has_not_made_is_not_replaced(asked: Config, tmp_path: Path) -> None:
    from reportgen import pipeline
    from reportgen.core.clock import Clock

    name = batches.names(batches.make(replace(asked, output=str(tmp_path / "other"))))[3]
    pipeline.run(replace(asked, index=3, top_k=1, output=str(out(asked) / name)), Clock())
    before = batches.contents(out(asked))
    with pytest.raises(OutputError, match=f"{name} contains a report with other settings"):
        batches.make(asked)
    assert batches.contents(out(asked)) == before


def test_a_report_of_the_same_settings_is_taken_as_it_is(asked: Config, tmp_path: Path) -> None:
    from reportgen import pipeline
    from reportgen.core.clock import Clock

    name = batches.names(batches.make(replace(asked, output=str(tmp_path / "other"))))[3]
    pipeline.run(replace(asked, index=3, output=str(out(asked) / name)), Clock())
    made = batches.make(asked)
    assert (made.made, made.known) == (COUNT - 1, 1)


def test_something_else_that_stands_in_the_way_is_not_touched(asked: Config, tmp_path: Path) -> None:
    name = batches.names(batches.make(replace(asked, output=str(tmp_path / "other"))))[3]
    (out(asked) / name).mkdir(parents=True)
    (out(asked) / name / "thesis.tex").write_text("mine")
    for how in (How(), How(restart=True)):
        with pytest.raises(OutputError, match="other files than a report"):
            batches.make(asked, how=how)
    assert (out(asked) / name / "thesis.tex").read_text() == "mine"


# --- a full disk, and kill -9 at any step ----------------------------------------------------------------------------


STEPS = ((os, "fsync"), (os, "replace"), (os, "write"), (os, "close"), (Path, "mkdir"), (Path, "unlink"))
FILLING = ((os, "fsync"), (os, "write"), (Path, "mkdir"))  # steps that need room


def step_by_step(monkeypatch: pytest.MonkeyPatch, act: Callable[[int], None], steps: Any = STEPS) -> None:
    """Call *act* with a running number before every step that changes the disk."""
    count = [0]

    def before(really: Any) -> Any:
        def step(*given: Any, **more: Any) -> Any:
            count[0] += 1
            act(count[0])
            return really(*given, **more)

        return step

    for owner, name in steps:
        monkeypatch.setattr(owner, name, before(getattr(owner, name)))


def run_in_child(action: Callable[[], object]) -> int:
    """Run *action* in a copy of this process; how it ended: 0, or the signal that killed it."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(step: int, make: Callable[[], object], steps: Any = STEPS) -> int:
    """Run *make* in a copy of this process, killed before its step of that number; how it ended."""

    def action() -> None:
        with pytest.MonkeyPatch.context() as patch:
            step_by_step(patch, lambda count: os.kill(os.getpid(), signal.SIGKILL) if count == step else None, steps)
            make()

    return run_in_child(action)


@pytest.mark.slow
def test_killed_at_any_step_a_batch_goes_on_as_if_nothing_had_been(asked: Config, tmp_path: Path) -> None:
    asked = replace(asked, format=("tables",))
    small = Selection(limit=2)
    undisturbed = batches.make(replace(asked, output=str(tmp_path / "undisturbed")), small)
    expected = batches.contents(undisturbed.folder)

    step = 0
    while True:
        step += 1
        shutil.rmtree(out(asked), ignore_errors=True)
        ended = killed_at(step, lambda: batches.make(asked, small))
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        made = batches.make(asked, small)
        assert made.failed == 0
        assert batches.contents(out(asked)) == expected, f"killed at step {step}"
        assert sorted(path.name for path in (out(asked) / ".batch").iterdir()) == ["journal.jsonl", "lock", "plan.json"]
    assert step > 40


@pytest.mark.slow
def test_killed_while_it_makes_all_anew_a_batch_goes_on(asked: Config, tmp_path: Path) -> None:
    """Removing, too, leaves no half of a report in its place."""
    asked = replace(asked, format=("tables",))
    small = Selection(limit=2)
    expected = batches.contents(batches.make(asked, small).folder)
    shutil.copytree(out(asked), tmp_path / "begun")
    steps = (*STEPS, (os, "unlink"), (os, "rmdir"))

    for step in range(1, 60):
        shutil.rmtree(out(asked))
        shutil.copytree(tmp_path / "begun", out(asked))
        ended = killed_at(step, lambda: batches.make(asked, small, How(restart=True)), steps)
        assert ended == -signal.SIGKILL
        made = batches.make(asked, small)
        assert made.failed == 0
        assert batches.contents(out(asked)) == expected, f"killed at step {step}"


@pytest.mark.slow
def test_a_full_disk_at_any_write_stops_the_batch_and_leaves_no_half_report(asked: Config, tmp_path: Path) -> None:
    small = Selection(limit=2)
    undisturbed = batches.make(replace(asked, output=str(tmp_path / "undisturbed")), small)
    expected = batches.contents(undisturbed.folder)

    def full(count: int, step: int) -> None:
        if count >= step:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    step, told = 0, list[str]()
    while True:
        step += 3
        shutil.rmtree(out(asked), ignore_errors=True)
        with pytest.MonkeyPatch.context() as patch:
            step_by_step(patch, lambda count, step=step: full(count, step), FILLING)  # type: ignore[misc]
            try:
                batches.make(asked, small)
                break
            except OutputError as error:
                told.append(error.message)
        for path in reports(asked) if out(asked).exists() else []:
            store.verify(path)
        made = batches.make(asked, small)
        assert made.failed == 0
        assert batches.contents(out(asked)) == expected, f"full at step {step}"
    assert all("No space left" in message for message in told)
    assert step > 40


def test_a_link_in_the_place_of_the_folder_is_refused(asked: Config, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    out(asked).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="out is a symbolic link"):
        batches.make(asked)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_link_that_leads_out_of_the_folder_is_refused(asked: Config, tmp_path: Path) -> None:
    out(asked).mkdir()
    (out(asked) / ".batch").symlink_to(foreign.canary(tmp_path / "elsewhere"))
    with foreign.unchanged(tmp_path), pytest.raises(OutputError, match=r"\.batch is a symbolic link"):
        batches.make(asked)


# --- a batch that comes from elsewhere --------------------------------------------------------------------------------


def begun(asked: Config) -> Path:
    """The folder of a batch that has made nothing yet."""
    memory = journal.Journal(out(asked))
    batches.make(asked, Selection(limit=2))
    for path in reports(asked):
        shutil.rmtree(path)
    return memory.folder / journal.FOLDER


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, two rows, and a batch of them that was begun."""
    place = tmp_path_factory.mktemp("small")
    model = tiny.save(tiny.longformer(), place / "model")
    begun(batches.config(model, batches.rows(place / "data.jsonl", 2), place / "out"))
    return place


def forge(small: Path, tmp_path: Path, name: str) -> Config:
    """A copy of that batch, whose plan and journal call its first example so."""
    home = Path(shutil.copytree(small, tmp_path / "home"))
    kept = home / "out" / journal.FOLDER
    plan = json.loads((kept / journal.PLAN).read_text())
    lines = [json.loads(line) for line in (kept / journal.JOURNAL).read_text().splitlines()]
    before, plan["units"][0][0][1] = plan["units"][0][0][1], name
    for line in lines:
        if line["outcome"]["name"] == before:
            line["outcome"]["name"] = name
    (kept / journal.PLAN).write_text(json.dumps(plan))
    (kept / journal.JOURNAL).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return batches.config(small / "model", small / "data.jsonl", home / "out")


HIDDEN = (".batch", ".hidden", "a/b")


@pytest.mark.parametrize("name", [*foreign.NO_NAMES, *HIDDEN, "<report>", "<folder>"])
def test_a_plan_that_names_what_can_be_no_report_is_refused(name: str, small: Path, tmp_path: Path) -> None:
    """Nothing outside the batch is read, written or removed; --restart makes the plan again."""
    mine = foreign.canary(tmp_path / "mine")
    store.write(mine / "report", {"report.html": b"mine"}, facts={}, overwrite=False)
    (tmp_path / "data.jsonl").write_text("mine")
    asked = forge(small, tmp_path, name.replace("<report>", str(mine / "report")).replace("<folder>", str(mine)))
    with foreign.unchanged(tmp_path), pytest.raises(OutputError, match="not the plan of a batch") as caught:
        batches.make(asked, Selection(limit=2))
    assert caught.value.hint == "--restart makes it again"
    with foreign.unchanged(mine):
        assert batches.make(asked, Selection(limit=2), How(restart=True)).made == 2
    assert (tmp_path / "data.jsonl").read_text() == "mine"


@pytest.mark.parametrize("index", [-1, 2, 10**30, "0", 0.0, True, None])
def test_a_plan_of_rows_that_there_are_not_is_refused(index: Any, small: Path, tmp_path: Path) -> None:
    asked = forge(small, tmp_path, "other")
    path = out(asked) / journal.FOLDER / journal.PLAN
    plan = json.loads(path.read_text())
    plan["units"][0][0][0] = index
    path.write_text(json.dumps(plan))
    with pytest.raises(OutputError, match="not the plan of a batch"):
        batches.make(asked, Selection(limit=2))


@pytest.mark.parametrize("there", ["nothing", "a folder", "a report"])
def test_a_plan_that_calls_an_example_by_another_name_is_refused(there: str, small: Path, tmp_path: Path) -> None:
    """Names are made of the model and the row. What has such a name is not removed, even if the journal claims it."""
    asked = forge(small, tmp_path, "mine")
    if there == "a folder":
        foreign.canary(out(asked) / "mine")
    elif there == "a report":
        store.write(out(asked) / "mine", {"report.html": b"mine"}, facts={}, overwrite=False)
    before = foreign.tree(out(asked))
    with pytest.raises(OutputError, match="it calls row . mine, not" if there != "a folder" else "mine contains other"):
        batches.make(asked, Selection(limit=2))
    after = foreign.tree(out(asked))
    assert {name: after.get(name) for name in before if name.startswith("mine")} == {
        name: digest for name, digest in before.items() if name.startswith("mine")
    }


@pytest.mark.parametrize("name", [journal.PLAN, journal.JOURNAL, "lock", "lease"])
@pytest.mark.parametrize("kind", [*foreign.SPECIAL, "link"])
def test_a_batch_whose_own_files_are_no_files_is_refused_at_once(
    kind: str, name: str, small: Path, tmp_path: Path
) -> None:
    asked = forge(small, tmp_path, "x")
    path = out(asked) / journal.FOLDER / name
    if kind == "link":
        path.touch()
        path.rename(tmp_path / name)
        path.symlink_to(tmp_path / name)
    else:
        foreign.put(kind, path)
    began = time.monotonic()
    mine = foreign.canary(tmp_path / "mine")
    with foreign.unchanged(mine), pytest.raises(OutputError):
        batches.make(asked, Selection(limit=2))
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("change", [{"index": "0"}, {"probability": "1"}, {"warnings": 1}, {"more": 1}, {"name": None}])
def test_a_line_of_the_journal_of_another_form_is_left_out(change: dict[str, Any], small: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(small, tmp_path / "home"))
    path = home / "out" / journal.FOLDER / journal.JOURNAL
    first, *rest = path.read_text().splitlines()
    line = json.loads(first)
    line["outcome"] |= change
    path.write_text("\n".join([json.dumps(line), *rest]) + "\n")
    assert len(journal.Journal(home / "out").entries()) == len(rest)


def test_the_folder_is_looked_through_once_however_many_reports_are_compared(
    asked: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once before and once after: with a lost journal every report is read, and there may be thousands."""
    batches.make(asked)
    (out(asked) / journal.FOLDER / journal.JOURNAL).unlink()
    seen = []
    monkeypatch.setattr(disk, "recover", seen.append)
    assert batches.make(asked).known == COUNT
    assert seen.count(out(asked)) == 2


@pytest.mark.parametrize("name", ["index.html", "index.csv", "index-2.html"])
def test_an_index_that_no_batch_has_made_is_not_replaced(asked: Config, name: str) -> None:
    out(asked).mkdir()
    (out(asked) / name).write_text("mine")
    with pytest.raises(OutputError, match=f"{name} already exists, and no batch has made it"):
        batches.make(asked)
    assert (out(asked) / name).read_text() == "mine"
    (out(asked) / name).rename(out(asked) / "index-old.html")
    batches.make(asked)
    assert (out(asked) / "index-old.html").read_text() == "mine"
