"""Keep the outcome of every example of a batch, so that an interrupted run can continue.

The folder of a batch holds its reports, and `.batch` everything needed to continue: the plan, the journal and the
lock. The manifests of the reports are authoritative; the journal is a quick cache of them, and is made again if it is
lost. What the files say is checked when it is read: a batch may have come from elsewhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reportgen.batch.units import Outcome, succeeded
from reportgen.core.config import Recipe
from reportgen.core.errors import OutputError
from reportgen.core.files import disk, json_text, regular_files
from reportgen.report.stored import store

FOLDER, PLAN, JOURNAL = ".batch", "plan.json", "journal.jsonl"
TOKEN = ".cluster-"  # begins the name of a file by which machines see that they share the folder
MOST_BYTES = 2**30  # of a plan, or a journal
FORMAT = 1  # of the plan

Place = tuple[int, str]  # row of the split, name of the folder


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """The reports of a batch; fixed once, when it starts."""

    settings: Recipe  # with what was chosen: another run has to have the same
    recipe: str  # hash that the manifests of the reports carry
    units: tuple[tuple[Place, ...], ...]  # examples that are read together
    unreadable: dict[int, str]  # rows that have no example, and why

    @property
    def places(self) -> tuple[Place, ...]:
        """All examples, in the order of the rows."""
        return tuple(sorted(place for unit in self.units for place in unit))


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the journal."""

    outcome: Outcome
    stamp: str  # of the report's files, see `stamp`; "" without a report


@dataclass(frozen=True, slots=True)
class Journal:
    """The memory of a batch, in its folder. Only the process that holds the lock writes it."""

    folder: Path  # of the batch

    @property
    def begun(self) -> bool:
        """Whether the folder is that of a batch."""
        return (self.folder / FOLDER / PLAN).is_file()

    def plan(self) -> BatchPlan | None:
        """The plan of the run that started this batch; None without a batch.

        Raises:
            OutputError: If it cannot be read.
        """
        try:
            return _plan(json_text.parse(regular_files.read_own(self.folder / FOLDER / PLAN, most=MOST_BYTES)))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self.no_plan(str(error.strerror if isinstance(error, OSError) else error)) from error

    def no_plan(self, reason: str) -> OutputError:
        """The error that the plan is not one that a batch has made."""
        path = disk.shown(self.folder / FOLDER / PLAN)
        return OutputError(f"{path}: not the plan of a batch: {reason}", hint="--restart makes it again")

    def begin(self, plan: BatchPlan) -> None:
        """Keep a plan, and forget the journal of the one before.

        Raises:
            OutputError: If the disk does not take it.
        """
        plain = {
            "format": FORMAT,
            "settings": plan.settings,
            "recipe": plan.recipe,
            "units": plan.units,
            "unreadable": plan.unreadable,
        }
        text = json.dumps(plain, ensure_ascii=False, indent=1) + "\n"
        with disk.errors(self.folder):
            (self.folder / FOLDER / JOURNAL).unlink(missing_ok=True)
        disk.put(self.folder / FOLDER / PLAN, text.encode())

    def clear(self) -> None:
        """Put back or remove what an interrupted run has left unfinished."""
        for folder in (self.folder, self.folder / FOLDER):
            disk.recover(folder)
        with contextlib.suppress(OSError):
            for token in (self.folder / FOLDER).glob(f"{TOKEN}*"):
                token.unlink()

    def entries(self) -> dict[str, Entry]:
        """The last line about every example; lines that are torn, or have another form, are left out."""
        found: dict[str, Entry] = {}
        try:
            content = regular_files.read_own(self.folder / FOLDER / JOURNAL, most=MOST_BYTES)
        except (OSError, ValueError):
            return found
        for line in content.split(b"\n"):
            with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
                plain = json_text.parse(line)
                outcome = Outcome.restored(plain["outcome"])
                found[outcome.name] = Entry(outcome, str(plain["stamp"]))
        return found

    @contextlib.contextmanager
    def writing(self) -> Iterator[Writer]:
        """The journal, open to be continued.

        Raises:
            OutputError: If the disk does not take it.
        """
        path = self.folder / FOLDER / JOURNAL
        with disk.errors(path):
            if path.exists() and not path.is_symlink():
                regular_files.check(path)
            handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            end = os.lseek(handle, 0, os.SEEK_END)
            if end and os.pread(handle, 1, end - 1) != b"\n":
                os.write(handle, b"\n")  # after the torn end of a line, which `entries` leaves out
            yield Writer(handle, self.folder)
        finally:
            os.close(handle)


def _plan(plain: Any) -> BatchPlan:
    """The plan that `Journal.begin` has written as plain values.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: If it has another form, or names what can be no report.
    """
    if plain["format"] != FORMAT:
        raise ValueError(f"format {plain['format']} is of another version of reportgen")
    units = tuple(tuple((_row(index), _name(name)) for index, name in unit) for unit in plain["units"])
    places = [place for unit in units for place in unit]
    if len({index for index, _ in places}) < len(places) or len({name for _, name in places}) < len(places):
        raise ValueError("it names an example twice")
    unreadable = {int(index): str(reason) for index, reason in plain["unreadable"].items()}
    return BatchPlan(dict(plain["settings"]), str(plain["recipe"]), units, unreadable)


def _row(index: object) -> int:
    if type(index) is not int or index < 0:
        raise ValueError(f"{str(index)[:200]!r} is not the number of a row")
    return index


def _name(name: object) -> str:
    """A name, if it can be that of a report in the folder of a batch."""
    path = regular_files.inside(Path(), name)
    if len(path.parts) != 1 or path.name.startswith("."):
        raise ValueError(f"{path.name[:200]!r} is not the name of a report")
    return path.name


@dataclass(frozen=True, slots=True)
class Writer:
    """Adds lines to a journal."""

    handle: int
    folder: Path

    def add(self, outcome: Outcome) -> None:
        """Keep the outcome of an example, when its report is in place.

        Raises:
            OutputError: If the disk does not take it.
        """
        found = stamp(self.folder / outcome.name) if outcome.error is None else ""
        line = json.dumps({"outcome": outcome.plain(), "stamp": found}, ensure_ascii=False) + "\n"
        with disk.errors(self.folder):
            disk.append(self.handle, line)


def stamp(folder: Path) -> str:
    """A hash over names, sizes and times of the files of a folder, which changes with them; "" without a folder."""
    try:
        facts = sorted(_files(str(folder), ""))
    except OSError:
        return ""
    return hashlib.sha256("\n".join(facts).encode("utf-8", "surrogateescape")).hexdigest()[:32] if facts else ""


def _files(folder: str, inside: str) -> Iterator[str]:
    with os.scandir(folder) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path, f"{inside}{entry.name}/")
            else:
                facts = entry.stat(follow_symlinks=False)
                yield f"{inside}{entry.name} {facts.st_mode} {facts.st_size} {facts.st_mtime_ns}"


def find_finished(
    folder: Path, plan: BatchPlan, entries: Mapping[str, Entry]
) -> tuple[dict[str, Entry], dict[str, str]]:
    """The examples of a plan that have a report.

    A report whose files are as the journal knows them is not read. Any other is compared with its manifest.

    Returns:
        Finished reports, and the changes in other reports that are there.

    Raises:
        OutputError: If something is in the place of a report that this batch has not made.
    """
    finished: dict[str, Entry] = {}
    changed: dict[str, str] = {}
    for index, name in plan.places:
        path, entry = folder / name, entries.get(name)
        found = stamp(path)
        if entry is not None and entry.outcome.error is None and entry.stamp == found != "":
            finished[name] = entry
        elif is_torn(path, entry):
            changed[name] = f"its {store.MANIFEST} is missing"
        elif path.is_symlink() or path.exists():
            store.check_free(path, overwrite=True)
            made = _verified(path, plan, index, ours=entry is not None)
            if isinstance(made, Outcome):
                finished[name] = Entry(made, found)
            elif made is not None:
                changed[name] = made
    return finished, changed


def is_torn(path: Path, entry: Entry | None) -> bool:
    """Whether a folder in the journal is no longer a report."""
    if entry is None or entry.outcome.error is not None or path.is_symlink():
        return False
    return (path / store.REPORT).is_file() and not (path / store.MANIFEST).exists()


def _verified(path: Path, plan: BatchPlan, index: int, *, ours: bool) -> Outcome | str | None:
    """The outcome of a report that the journal does not know, or not so; or why it is not the one that is wanted.

    None if it is as it was written, but without the PDF that could not be made then.
    """
    try:
        made = store.manifest(path).get("recipe")
    except OutputError as error:
        return error.message
    if made != plan.recipe:
        if ours:
            return "it was made with other settings"
        raise OutputError(
            f"{disk.shown(path)} contains a report with other settings, not made by this batch",
            hint="use another --output, or --restart to replace it",
        )
    try:
        _, others = store.verify(path)
        report = store.load(path)
    except OutputError as error:
        return error.message
    if others:
        return f"{others[0]} does not belong to the report"
    options = plan.settings["options"]
    no_pdf = any(warning.code == "no-pdf" for warning in report.warnings)
    if no_pdf and "pdf" in options["format"] and options["pdf"] == "required":
        return None
    return succeeded(report) if report.example.index == index else "it is the report of another example"
