"""Turn a selection of a split into one report folder each, and an index; never lose a report, never make one twice.

It reads like a table of contents: the selection, its order, the existing reports, and an engine for the rest. The
engines are `local.py` and `ray_cluster.py`; `journal.py` explains how an interrupted run continues.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from reportgen import pipeline
from reportgen.batch import index_files, journal, local, select, units
from reportgen.batch.journal import BatchPlan, Journal
from reportgen.batch.select import Selection
from reportgen.batch.units import Outcome, Task, Unit
from reportgen.core.clock import Clock, now
from reportgen.core.config import BATCH_SIZE, Config, check_device, recipe_differences, recipe_digest
from reportgen.core.errors import DataError, LeftOutError, OutputError, UsageError
from reportgen.core.files import disk, lock
from reportgen.core.nouns.labels import say_reading
from reportgen.core.nouns.records import Example
from reportgen.core.processes.workers import cores
from reportgen.data import choice, redact
from reportgen.data.dataset_rows import Rows
from reportgen.model import checkpoint, outputs, predict_split, provenance
from reportgen.report import present
from reportgen.report.private import anonymous
from reportgen.report.stored import store

if TYPE_CHECKING:
    from reportgen.model.checkpoint import Checkpoint
    from reportgen.model.classifier import Classifier

CHUNK = 256  # rows that are read at once to see how long they are
SHOWN = 8  # differences that an error names


class Engine(Protocol):
    """Makes reports: this machine, or a cluster."""

    def run(self, task: Task, batch: Iterable[Unit], done: Callable[[Outcome], None]) -> None:
        """Make the missing reports of a batch; *done* receives each outcome, in this thread, when it is in place."""


Engines = Callable[[Callable[[], "Classifier"]], Engine]  # made with what loads the model on this machine


@dataclass(frozen=True, slots=True)
class How:
    """How a batch treats existing reports."""

    restart: bool = False  # make everything again; otherwise continue the batch
    overwrite: bool = True  # make a report again that was changed after it was written
    fail_fast: bool = False  # stop at the first example that fails


@dataclass(frozen=True, slots=True)
class Batch:
    """The result of a batch."""

    folder: Path
    place: str  # of the rows, as an error names it
    outcomes: tuple[Outcome, ...]  # of all examples, in the order of the rows
    unreadable: dict[int, str]  # rows without an example, and why
    known: int  # reports that were there already
    made: int  # reports that this run has made
    seconds: float  # that it has taken for them
    notes: tuple[str, ...]  # what was found on the way: a lock that was left, reports that were changed

    @property
    def index(self) -> Path:
        """The page that lists them."""
        return self.folder / "index.html"

    @property
    def failed(self) -> int:
        """Examples that have no report."""
        return len(self.unreadable) + sum(outcome.error is not None for outcome in self.outcomes)


def run(config: Config, chosen: Selection, clock: Clock, *, engine: Engines, how: How) -> Batch:
    """Make the reports of a selection, but for those that are there.

    Args:
        config: Of every report; `output` is the folder of the batch.
        chosen: Which examples.
        clock: Told of the stages, and of progress.
        engine: Where it is done: `this_machine`, or a cluster's.
        how: What to do with what is there.

    Raises:
        UsageError: If the folder contains a batch with other settings.
        OutputError: If another process writes to it, something else is in the place of a report, or the disk is
            full.
        LeftOutError: With `how.fail_fast`, at the first example that fails.
    """
    now()  # reject a bad SOURCE_DATE_EPOCH before the long part
    check_device(config.device)
    redact.of_config(config)
    present.check_typesetting(config.format, pdf=config.pdf)
    folder = Path(config.output or "reports").absolute()
    memory = Journal(folder)
    _check_free(memory)
    source = _open(config, clock)
    with lock.held(folder / journal.FOLDER) as before:
        memory.clear()
        try:
            left = () if before is None else (f"continued after {before}, which ended unexpectedly",)
            return _run(source, chosen, memory, engine=engine, how=how, notes=left + _label_notes(source))
        finally:
            memory.clear()


def _check_free(memory: Journal) -> None:
    """Check that a batch may be written to its folder, before the long part.

    Raises:
        OutputError: If something is there that it would replace, or a symbolic link that leads out of it.
    """
    folder = memory.folder
    disk.check_folder(folder)
    disk.check_folder(folder / journal.FOLDER, hint="choose another --output")
    with disk.errors(folder):
        foreign = [] if memory.begun else index_files.files_in(folder)
    if foreign:
        raise OutputError(
            f"{disk.shown(foreign[0])} already exists, and no batch has made it", hint="choose another --output"
        )


@dataclass(frozen=True, slots=True)
class _BatchSource:
    """The rows of the examples, and the model that reads them."""

    asked: Config  # as it was given: examples are named by it
    config: Config  # of every report, with the very commits that are used
    rows: Rows
    checkpoint: Checkpoint
    clock: Clock
    load: Callable[[], Classifier]  # loads the model when it is needed first


def _open(config: Config, clock: Clock) -> _BatchSource:
    rows = choice.open_rows(config, functools.partial(outputs.names_before_loading, config))
    found = checkpoint.named(config)
    several = outputs.description(found).get("problem_type") == outputs.SEVERAL
    outputs.check_column(several, rows.labels, config.label_column)
    exact = provenance.exact(config, found, dataset_revision=rows.revision)
    exact = replace(exact, pick=None, limit=None, index=None, id=None)
    return _BatchSource(config, exact, rows, found, clock, functools.cache(lambda: pipeline.load(exact, clock, found)))


def _label_notes(source: _BatchSource) -> tuple[str, ...]:
    """What to know of the labels of the split."""
    labels, own = (outputs.names_before_loading(one) for one in (source.config, replace(source.config, labels=())))
    reading = say_reading(source.rows.labels, labels=labels, own=own) if labels else None
    return tuple(filter(None, (source.rows.label_problem, reading)))


def _run(
    source: _BatchSource, chosen: Selection, memory: Journal, *, engine: Engines, how: How, notes: tuple[str, ...]
) -> Batch:
    plan = _plan(source, chosen, memory, how=how)
    if how.fail_fast and plan.unreadable:
        row, reason = min(plan.unreadable.items())
        raise LeftOutError(f"row {row:,}: {reason}", hint="leave out --fail-fast to make the others")
    entries = memory.entries()
    finished, changed = journal.find_finished(memory.folder, plan, entries)
    changed |= _outspoken(source.asked, memory.folder, finished)
    finished = {name: entry for name, entry in finished.items() if name not in changed}
    if changed and not how.overwrite:
        name, reason = next(iter(changed.items()))
        raise OutputError(f"{memory.folder / name}: {reason}", hint="leave out --no-overwrite to make it again")
    notes += tuple(f"{name} is made again: {reason}" for name, reason in changed.items())
    for name in changed:
        if journal.is_torn(memory.folder / name, entries.get(name)):
            disk.remove(memory.folder / name)
    outcomes = {name: entry.outcome for name, entry in finished.items()}
    known, began = frozenset(outcomes), time.monotonic()
    with memory.writing() as writer, source.clock.track("reports", len(plan.places)) as advance:
        for name, entry in finished.items():
            if entries.get(name) != entry:
                writer.add(entry.outcome)
        advance(len(finished))

        def done(outcome: Outcome) -> None:
            writer.add(outcome)
            outcomes[outcome.name] = outcome
            advance(1)
            if outcome.error is not None and how.fail_fast:
                raise LeftOutError(f"{outcome.name}: {outcome.error}", hint=outcome.hint)

        try:
            if len(outcomes) < len(plan.places):
                engine(source.load).run(_task(source.config, memory), _units(source, plan, memory, known, done), done)
        finally:
            told = tuple(outcomes[name] for _, name in plan.places if name in outcomes)
            _write_index(source, plan, told, memory)
    made = sum(outcome.error is None for outcome in told) - len(known)
    return Batch(
        memory.folder, source.rows.place, told, plan.unreadable, len(known), made, time.monotonic() - began, notes
    )


def _outspoken(config: Config, folder: Path, finished: Mapping[str, journal.Entry]) -> dict[str, str]:
    """The reports that show words which are to be hidden now: nothing keeps the patterns of the run before."""
    hider = redact.of_config(config)
    if hider is None:
        return {}
    said = ((name, (store.text(folder / name), entry.outcome)) for name, entry in finished.items())
    return {
        name: "it shows words that --redact matches"
        for name, (text, outcome) in said
        if hider.text(text) != text or any(hider.said(one) != one for one in (outcome.title, outcome.id or ""))
    }


def _write_index(source: _BatchSource, plan: BatchPlan, told: tuple[Outcome, ...], memory: Journal) -> None:
    index_files.write(
        memory.folder,
        anonymous.sentence(source.rows.place, source.config),
        told,
        plan.unreadable,
        total=len(plan.places),
        page=next((f"report.{kind}" for kind in ("html", "pdf") if kind in source.config.format), "report.json"),
    )


def this_machine(workers: int | None) -> Engines:
    """The engine of this machine; by default one process per core renders."""
    return lambda load: local.Local(workers or cores(), load)


def _plan(source: _BatchSource, chosen: Selection, memory: Journal, *, how: How) -> BatchPlan:
    """The plan of the batch that was begun in the folder, or a new one."""
    config, rows = source.config, source.rows
    made = provenance.make_recipe(
        config, source.checkpoint, dataset=rows.dataset, split=rows.split, revision=rows.revision
    )
    settings = {**made, "options": made["options"] | chosen.plain()}
    before = None if how.restart else memory.plan()
    if before is not None:
        differs = recipe_differences(before.settings, settings)
        if differs and any((memory.folder / name).exists() for _, name in before.places):
            more = f"; and {len(differs) - SHOWN} more" if len(differs) > SHOWN else ""
            raise UsageError(
                f"{disk.shown(memory.folder)} contains a batch with other settings: {'; '.join(differs[:SHOWN])}{more}",
                hint="use another --output, or --restart to remove its reports and make all again",
            )
        if not differs:
            if before.places and before.places[-1][0] >= len(rows):
                raise memory.no_plan(f"it names row {before.places[-1][0]} of {len(rows)}")
            return before
    predict = functools.cache(lambda: predict_split.predict(config, source.load(), rows, source.clock))
    taken = select.choose(config, chosen, rows, predict)
    lengths, unreadable = _lengths(source.asked, rows, taken.indices)
    left_out = {index: anonymous.sentence(reason, source.asked) for index, reason in taken.left_out.items()}
    asked = {index: f"{reason} (--restart tries again)" for index, reason in left_out.items()}
    plan = BatchPlan(
        settings, recipe_digest(made), _split(lengths, config.batch_size or BATCH_SIZE), asked | unreadable
    )
    if how.restart:
        _forget(memory, plan)
    memory.begin(plan)
    return plan


def _lengths(config: Config, rows: Rows, taken: Sequence[int]) -> tuple[dict[journal.Place, int], dict[int, str]]:
    """Characters of every example by its place; and the rows that cannot be read, with the reason."""
    lengths: dict[journal.Place, int] = {}
    unreadable: dict[int, str] = {}
    for start in range(0, len(taken), CHUNK):
        for index, found in predict_split.read_examples(config, rows, taken[start : start + CHUNK]):
            if isinstance(found, DataError):
                unreadable[index] = anonymous.sentence(found.message, config)
            else:
                lengths[index, found.name] = len(found.text)
    return lengths, unreadable


def _split(lengths: Mapping[journal.Place, int], size: int) -> tuple[tuple[journal.Place, ...], ...]:
    """Examples of about equal length together, the longest first, so that a lack of memory shows at once."""
    order = sorted(lengths, key=lambda place: (-lengths[place], place))
    return tuple(tuple(order[start : start + size]) for start in range(0, len(order), size))


def _forget(memory: Journal, plan: BatchPlan) -> None:
    """Remove the reports of a batch that starts over, and nothing else."""
    try:
        before = memory.plan()
    except OutputError:
        before = None
    ours = memory.entries()
    for _, name in {*(before.places if before else ()), *plan.places}:
        path = memory.folder / name
        if path.is_symlink() or path.exists():
            if not journal.is_torn(path, ours.get(name)):
                store.check_free(path, overwrite=True)
            disk.remove(path)


def _task(config: Config, memory: Journal) -> Task:
    return Task(
        config=config,
        directory=Path.cwd(),
        folder=memory.folder,
        importance=None,
        environment=units.environment(),
    )


def _units(
    source: _BatchSource, plan: BatchPlan, memory: Journal, finished: frozenset[str], done: Callable[[Outcome], None]
) -> Iterator[Unit]:
    """The missing reports, read when an engine needs them.

    Raises:
        OutputError: If the plan calls one by another name than the row gives it.
    """
    for places in plan.units:
        names = dict(places)
        wanted = frozenset(names.values()) - finished
        if not wanted:
            continue
        found = dict(predict_split.read_examples(source.asked, source.rows, sorted(names)))
        for index, name in places:
            one = found[index]
            if isinstance(one, Example) and one.name != name:
                raise memory.no_plan(f"it calls row {index} {name}, not {one.name}")
            if isinstance(one, DataError) and name in wanted:
                done(units.unread(name, index, one, source.config))
        yield Unit(tuple(one for index, _ in places if isinstance(one := found[index], Example)), wanted)
