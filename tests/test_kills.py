"""kill -9 before any step of any command that writes: nothing is lost, nothing is half, and nothing hidden stays.

A step is an operation on the disk, see `kills.py`. The next command, whichever it is, finds the old or the new; the
same command again ends as if nothing had happened. `make test` tries a tenth of the steps.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from reportgen.batch import journal, local
from reportgen.model.importance import importance_files
from reportgen.report import present
from reportgen.report.draw.pictures import vega
from reportgen.report.stored import store
from reportgen.site.pages import link_picture
from tests import batches, foreign, kills, split, tiny
from tests.cli.test_cli import call

TABLES = ("--format", "tables", "--top-k", "2", "-q")
HEADS = "heads.safetensors"
POINTS = 13  # steps of each command before which a process is killed; one of them in the quick tests


@dataclass(frozen=True, slots=True)
class Writer:
    """A command that writes to `here`, and what has to be true whenever it was killed."""

    command: tuple[str, ...]
    again: tuple[str, ...] = ()  # more words where its output is there already
    reports: tuple[str, ...] = ()  # that are old or new, whole: there in any case
    may_be_there: bool = False  # it ends with code 7 where a killed one had finished
    batch: bool = False  # reports next to each other in `out`
    file: str | None = None  # old or new, whole


TEXT = ("run", "--model", "model", "--text", "the heads attend to tokens", *TABLES)
SPLIT = ("--model", "model", "--dataset", "data.jsonl")
BATCH = ("batch", *SPLIT, "--limit", "3", "--workers", "1", "-o", "here/out", *TABLES)
SITE = ("site", "build", "--workers", "1", "-q", "-o", "here/site")
WRITERS = {
    "run": Writer((*TEXT, "-o", "here/new"), may_be_there=True),
    "run --overwrite": Writer((*TEXT, "-o", "here/report", "--overwrite"), reports=("here/report",)),
    "render in place": Writer(("render", "here/report", "--top-k", "1", "-q"), reports=("here/report",)),
    "render elsewhere": Writer(
        ("render", "here/report", "-o", "here/new", "--top-k", "1", "-q"), reports=("here/report",), may_be_there=True
    ),
    "faithfulness": Writer(("faithfulness", "here/report", "--device", "cpu", "-q"), reports=("here/report",)),
    "render --scores": Writer(
        ("render", "--scores", "scores.json", "-o", "here/report", "--overwrite", "--format", "tables", "-q"),
        reports=("here/report",),
    ),
    "batch": Writer(BATCH, batch=True),
    "batch --restart": Writer((*BATCH, "--restart"), batch=True),
    "site build": Writer((*SITE, "reports")),
    "site build of others": Writer((*SITE, "here/others")),
    "examples": Writer(
        ("examples", *SPLIT, "-o", "here/rows.parquet", "-q"), again=("--overwrite",), file="here/rows.parquet"
    ),
    "importance": Writer(
        ("importance", *SPLIT, "--limit", "4", "-q", "-o", f"here/{HEADS}", "--batch-size", "1"),
        again=("--overwrite",),
        file=f"here/{HEADS}",
    ),
}
"""By name. Before "batch --restart" and "site build of others" the folder holds what the command before has made."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that the commands read, and in `here` what is there before."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.setenv("SOURCE_DATE_EPOCH", batches.EPOCH)
        patch.setenv("REPORTGEN_CACHE", str(home / "here" / "cache"))
        tiny.save(tiny.longformer(), home / "model")
        split.write(home)
        (home / "scores.json").write_text(json.dumps({"tokens": ["a", "b"], "scores": [0.1, 0.2]}))
        for output, text in (("reports/a", "heads"), ("reports/b", "tokens"), ("here/others/c", "the document")):
            ends(*TEXT[:4], text, *TABLES, "-o", output)
        ends(*TEXT[:4], "tokens", *TABLES, "-o", "here/report")
        vega.bundle()  # kept in memory, too: no command makes it
    return home


def ends(*arguments: str) -> None:
    """The command ends without an error."""
    result = call(*arguments)
    assert result.exit_code == 0, result.output


def contents(here: Path) -> dict[str, str]:
    """All that there is, but for what a lock leaves for good, and the journal of a batch, which holds times."""
    left_out = ("/lock", f"/{journal.JOURNAL}")
    found = {name: digest for name, digest in foreign.tree(here).items() if not name.endswith(left_out)}
    if (here / HEADS).exists():  # the order of its metadata is safetensors' own
        found[HEADS] = str(importance_files.load(here / HEADS, shape=(2, 2)))
    return found


class Scene:
    """A copy of the home for one command, made again before every kill."""

    def __init__(self, home: Path, writer: Writer, first: Writer | None) -> None:
        self.home, self.writer, self.here = home, writer, Path.cwd() / "here"
        for path in home.iterdir():
            if path.name != "here":
                (Path.cwd() / path.name).symlink_to(path)
        self.begun = Path.cwd() / "begun"
        shutil.copytree(home / "here", self.here)
        if first is not None:
            ends(*first.command)
        shutil.copytree(self.here, self.begun)
        ends(*writer.command)
        self.wanted = contents(self.here)
        self.reset()

    def reset(self) -> None:
        shutil.rmtree(self.here)
        shutil.copytree(self.begun, self.here)

    def run(self) -> None:
        ends(*self.writer.command)

    def check(self) -> None:
        """What is true after a kill, and after the same command again."""
        for name in self.writer.reports:
            store.verify(Path(name))
        file = None if self.writer.file is None else Path(self.writer.file)
        if file is not None and file.exists():
            assert contents(self.here)[file.name] == self.wanted[file.name]
        result = call(*self.writer.command)
        if result.exit_code == 7 and "already" in result.output:
            assert self.writer.may_be_there or file is not None
            if self.writer.again:
                assert contents(self.here) == self.wanted
                ends(*self.writer.command, *self.writer.again)
        else:
            assert result.exit_code == 0, result.output
        assert contents(self.here) == self.wanted
        assert kills.left(self.here) == []

    def check_with_another(self) -> None:
        """What is true after a kill, and after another command that writes nearby."""
        for name in self.writer.reports:
            store.verify(Path(name))
        if self.writer.batch:
            for path in (self.here / "out").glob("*/manifest.json"):
                store.verify(path.parent)
        ends(*TEXT, "-o", "here/nearby")
        hidden = [path for path in kills.left(self.here) if "/" not in path]
        assert hidden == []


@pytest.fixture
def scene(home: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Scene]:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", batches.EPOCH)
    monkeypatch.setenv("REPORTGEN_CACHE", str(here / "here" / "cache"))
    run = lambda self, *given: batches.Inline(self.load).run(*given)  # noqa: E731  in the process that is killed
    monkeypatch.setattr(local.Local, "run", run)
    monkeypatch.setattr(present, "draw_figures", lambda *_, **__: present.Figures((), (), (), None, None))
    monkeypatch.setattr(link_picture, "picture", lambda *_, **__: b"drawn by threads, which a copy does not have")
    first = {"batch --restart": "batch", "site build of others": "site build"}
    return lambda name: Scene(home, WRITERS[name], WRITERS.get(first.get(name, "")))


def points(count: int, number: int) -> list[int]:
    """So many of the steps, from the first to the last."""
    return sorted({1 + round(part * (count - 1) / (number - 1)) for part in range(number)})


@pytest.mark.parametrize("name", WRITERS)
def test_a_command_that_is_killed_can_be_given_again(name: str, scene: Callable[[str], Scene]) -> None:
    """Killed at about three quarters of its steps, where most of the renames are; the slow test has the others."""
    made = scene(name)
    count = kills.count(made.run, made.here)
    made.reset()
    assert kills.killed_before(3 * count // 4, made.run, made.here)
    made.check()


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITERS)
def test_a_command_that_is_killed_at_any_step_loses_nothing(name: str, scene: Callable[[str], Scene]) -> None:
    made = scene(name)
    count = kills.count(made.run, made.here)
    for turn, step in enumerate(points(count, POINTS)):
        made.reset()
        assert kills.killed_before(step, made.run, made.here), step
        if turn % 4 == 3:
            made.check_with_another()
        made.check() if turn % 4 != 3 else None
