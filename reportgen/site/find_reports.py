"""Turn folders and patterns into the reports of a site: their folders, their names, and the files of their pages.

The name of a report in the site depends only on the reports, not on their folders or their order. Nothing is rendered
here, and only the manifest of a report is read.
"""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reportgen.core.characters import natural
from reportgen.core.errors import OutputError, ReportgenError, one_line
from reportgen.core.files import disk, json_text, regular_files
from reportgen.core.nouns.records import Report
from reportgen.data import naming
from reportgen.report.private import anonymous
from reportgen.report.stored import store

USED = (store.REPORT, store.ARRAYS)  # a page is made of these, and of the test of the heatmap where there is one
IDENTITY = ("input", "dataset", "model", "tokenizer", "importance", "configuration")  # of a manifest: rendering it
# again changes none of these


@dataclass(frozen=True, slots=True)
class Found:
    """A report that a site can show."""

    name: str  # in the site: letters, digits, "-", "_", "."
    called: str  # its folder's own name
    folder: Path
    manifest: str  # SHA-256 of its manifest
    files: dict[str, str]  # SHA-256 by name, of what its page is made of, and `store.OFFERED`
    stamps: dict[str, tuple[int, int]]  # bytes and time of the last change, by name, of the same
    unnamed: bool = False  # whether its page names neither model nor data


@dataclass(frozen=True, slots=True)
class Note:
    """Requested reports that are not in the site."""

    what: str
    why: str

    def __str__(self) -> str:
        return one_line(f"{self.what}: {self.why}")


def gather(folders: Sequence[Path], *, unnamed: bool = False) -> tuple[list[Found], list[Note]]:
    """The reports among *folders*, and those that folders hold; each once, however often it is named.

    Args:
        folders: Reports, or folders of reports.
        unnamed: Whether the site names neither models nor data, not even as a part of a folder's name.

    Raises:
        OutputError: If a folder is not there or cannot be read.
    """
    reports: list[Path] = []
    notes: list[Note] = []
    for folder in folders:
        inside = _reports_in(folder)
        reports += inside
        if not inside and not any(map(is_of_several, folder.iterdir())):
            notes.append(Note(disk.shown(folder), "contains no report"))
    found = []
    once: dict[Path, Path] = {}
    for folder in reports:
        once.setdefault(folder.resolve(), folder)
    for folder in once.values():
        try:
            found.append(_read(folder, unnamed=unnamed))
        except Exception as error:  # whatever it is, the other reports are worth showing
            notes.append(_note(folder, error))
    return _named(found), notes


def expand(patterns: Iterable[str], base: Path) -> tuple[list[Path], list[Note]]:
    """The folders that match the patterns of a `site.toml` in *base*, in order; matches of a pattern in natural order.

    Files are left out, and hidden folders where the pattern does not begin with a dot.
    """
    folders: list[Path] = []
    notes: list[Note] = []
    for pattern in patterns:
        matches = sorted(glob.glob(pattern, root_dir=base, recursive=True), key=natural)  # noqa: PTH207  takes any pattern
        with disk.errors(base):
            matched = [base / match for match in matches if (base / match).is_dir()]
        folders += matched
        if not matched:
            notes.append(Note(pattern[:200], "no folder matches this pattern"))
    return folders, notes


def problem(found: Found, names: Iterable[str]) -> str | None:
    """The problem of some files of a report; None if they are unchanged."""
    problems = (store.changed_file(found.folder, name, found.files[name]) for name in names)
    return next((wrong for wrong in problems if wrong), None)


def left_out(found: Found, error: Exception) -> Note:
    """The note on a report that cannot be read or rendered."""
    return _note(found.folder, error)


def _note(folder: Path, error: Exception) -> Note:
    said = error.message if isinstance(error, ReportgenError) else f"{type(error).__name__}: {error}"
    return Note("left out", said if str(folder) in said else f"{folder}: {said}")


def report(folder: Path, *, unnamed: bool) -> Report:
    """The report in a folder; *unnamed*: without the names of its model and data.

    Raises:
        OutputError: If there is none.
    """
    found = store.load(folder)
    return anonymous.anonymous(found) if unnamed else found


def drawings(found: Found) -> list[str]:
    """The unchanged drawings in the folder of a report; others are drawn again."""
    named = store.manifest(found.folder)["files"]
    return [
        name
        for name, digest in named.items()
        if name.startswith("figures/") and store.changed_file(found.folder, name, digest) is None
    ]


def _reports_in(folder: Path) -> list[Path]:
    """The folder, if it is a report, or else those of its children that are."""
    disk.put_back(folder)
    with disk.errors(folder):
        if folder.is_file():
            raise OutputError(f"{disk.shown(folder)} is a file", hint="give folders that reportgen wrote")
        if not folder.is_dir():
            raise OutputError(f"{disk.shown(folder)}: no such folder", hint="give folders that reportgen wrote")
        if _may_be_report(folder):
            return [folder]
        disk.recover(folder)
        children = sorted(
            (path for path in folder.iterdir() if path.name[0] != "."), key=lambda path: natural(path.name)
        )
        return [path for path in children if _may_be_report(path) and not is_of_several(path)]


def is_of_several(folder: Path) -> bool:
    """Whether a folder is that of a corpus report, or of a comparison."""
    return is_corpus(folder) or is_comparison(folder)


def within(folders: Iterable[Path], wanted: Callable[[Path], bool]) -> tuple[Path, ...]:
    """The folders, and those directly in them, that are *wanted*, each once."""
    seen: dict[Path, None] = {}
    for folder in folders:
        if folder.is_dir():
            inside = [folder, *sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")]
            seen |= dict.fromkeys(path.resolve() for path in inside if wanted(path))
    return tuple(seen)


def is_corpus(folder: Path) -> bool:
    """Whether a folder is that of a corpus report."""
    return bool(_told(folder, "corpus"))


def is_comparison(folder: Path) -> bool:
    """Whether a folder is that of a comparison."""
    return bool(_told(folder, "kind") == "comparison")


def _told(folder: Path, field: str) -> Any:
    """A field of the manifest in a folder; None if it has none."""
    try:
        content = regular_files.read_own(folder / store.MANIFEST, most=store.MOST[store.MANIFEST])
        return json_text.parse(content).get(field) if f'"{field}"'.encode() in content else None
    except (OSError, ValueError, AttributeError):
        return None


def _may_be_report(folder: Path) -> bool:
    """Whether a folder has a manifest, of whatever kind; also if that cannot be seen: then a note is due."""
    try:
        (folder / store.MANIFEST).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return folder.is_dir()
    return True


def _read(folder: Path, *, unnamed: bool) -> tuple[Found, str]:
    """A report by the name of its folder, and a mark of its identity.

    Raises:
        OutputError: If it is not one, or a file that its page needs is missing.
    """
    told = store.manifest(folder)
    for name in USED:
        if name not in told["files"]:
            raise OutputError(f"{disk.shown(folder)}: not a report folder: {store.MANIFEST} does not name {name}")
    wanted = (*USED, store.FAITHFULNESS, *store.OFFERED)
    files = {name: told["files"][name] for name in wanted if name in told["files"]}
    stamps = {}
    with disk.errors(folder):
        digest = store.digest(folder)
        for name in list(files):
            path = folder / name
            if path.is_file() and not path.is_symlink():
                size = regular_files.check(path, most=store.most_bytes(name))
                stamps[name] = (size, path.stat().st_mtime_ns)
            elif name not in store.OFFERED:
                raise OutputError(f"{disk.shown(path)} is missing or not a file")
            else:  # a page without it is a page all the same
                del files[name]
    called = folder.resolve().name
    if not unnamed:
        return Found(called, called, folder, digest, files, stamps), _mark(told)
    if not told.get("configuration", {}).get("anonymous"):  # its page and PDF name them
        files = {file: value for file, value in files.items() if file not in store.OFFERED}
    name = f"report-{files[store.REPORT][: naming.DIGITS]}"
    return Found(name, called, folder, digest, files, stamps, unnamed=True), _mark(told)


def _named(found: Sequence[tuple[Found, str]]) -> list[Found]:
    """Every report under a name of its own."""
    facts = [(one.name, mark, (one.manifest, str(one.folder))) for one, mark in found]
    return [replace(one, name=name) for (one, _), name in zip(found, naming.of_pages(facts), strict=True)]


def _mark(told: dict[str, Any]) -> str:
    parts = {name: told.get(name) for name in IDENTITY}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
