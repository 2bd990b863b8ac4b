"""Store a finished report as a folder, in one atomic step, and read it back.

`report.json` holds the report without its arrays, `attention.safetensors` the arrays, `faithfulness.json` the test of
the heatmap, if it was made, `manifest.json` the hash of every file. Other modules make the contents of the files.
"""

from __future__ import annotations

import dataclasses
import errno
import functools
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from reportgen.core.clock import Stage
from reportgen.core.errors import OutputError
from reportgen.core.files import disk, json_text, regular_files
from reportgen.core.nouns import plain_values
from reportgen.core.nouns.faithfulness import VIEWS
from reportgen.core.nouns.plain_values import FieldError
from reportgen.core.nouns.records import Report
from reportgen.core.nouns.values import Sha256
from reportgen.report import opening
from reportgen.report.stored import restore

REPORT, ARRAYS, MANIFEST = "report.json", "attention.safetensors", "manifest.json"
FAITHFULNESS = "faithfulness.json"  # only where the heatmap was tested
MOST = {MANIFEST: 2**24, REPORT: 2**30, FAITHFULNESS: 2**28, ARRAYS: 2**33}  # bytes that are read
MOST_BYTES = 2**32  # of any other file
OFFERED = ("report.pdf", "report.html")  # what people open, where it is there
ARRAY_FIELDS = {
    "received": ("attention", "received"),
    "reader": ("attention", "reader"),
    "attended_positions": ("attention", "attended_positions"),
    "attended_weights": ("attention", "attended_weights"),
    "attending_positions": ("attention", "attending_positions"),
    "attending_weights": ("attention", "attending_weights"),
    "maps": ("attention", "maps"),
    "seen": ("attention", "seen"),
    "sink": ("attention", "sink"),
    "head_importance": ("importance", "values"),
}  # name in the file -> where it belongs in the report


@dataclass(frozen=True, slots=True)
class Manifest:
    """What it takes to check and to repeat a report. An earlier version may have written less."""

    files: dict[str, Sha256]  # by their paths in the folder
    kind: str = "report"  # what the folder holds; "comparison" of two
    reportgen: str = ""  # version
    command: str = ""
    configuration: dict[str, Any] = dataclasses.field(default_factory=dict)
    recipe: str = ""  # hash of all that a batch has in common
    model: dict[str, str] = dataclasses.field(default_factory=dict)
    tokenizer: dict[str, str] = dataclasses.field(default_factory=dict)
    dataset: dict[str, str | int | None] = dataclasses.field(default_factory=dict)
    input: dict[str, Sha256 | None] = dataclasses.field(default_factory=dict)  # hashes of the text and of its file
    importance: dict[str, str] = dataclasses.field(
        default_factory=dict
    )  # its measure, its source, and what its file says
    faithfulness: str = ""  # the verdict on the view that the report opens with, where it was tested
    verdicts: dict[str, str] = dataclasses.field(default_factory=dict)  # by view, the one it opens with first
    device: str = ""
    dtype: str = ""
    seed: int = 0
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    created: str = ""  # ISO 8601, UTC
    stages: tuple[Stage, ...] = ()  # of the analysis
    rendered: tuple[Stage, ...] = ()  # of the last `reportgen render`
    corpus: dict[str, Any] = dataclasses.field(default_factory=dict)  # what a report over a batch is over; else empty


def dump(report: Report) -> dict[str, bytes]:
    """The files that hold a report: two, or three where its heatmap was tested."""
    plain = plain_values.plain(report)
    tested = plain.pop("faithfulness")
    held = {name: place.pop(field.rpartition(".")[2]) for name, place, field in _places_of_arrays(plain)}
    arrays = {name: np.ascontiguousarray(array) for name, array in held.items() if array is not None}
    files = {REPORT: _json(plain), ARRAYS: save(arrays)}
    return files if tested is None else files | {FAITHFULNESS: _json(tested)}


def _places_of_arrays(plain: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The name of every array in its file; what holds it in the plain values of a report; and its field."""
    for name, (part, field) in ARRAY_FIELDS.items():
        if isinstance(place := plain.get(part), dict):
            yield name, place, f"{part}.{field}"
    attributions = plain.get("attributions")
    for number, place in enumerate(attributions if isinstance(attributions, list) else ()):
        if isinstance(place, dict):
            yield f"attribution_{number}", place, f"attributions[{number}].scores"


def _json(plain: dict[str, Any]) -> bytes:
    return (json.dumps(plain, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def load(folder: Path) -> Report:
    """Read a report back, equal to the one that was written.

    Raises:
        OutputError: If a file is missing or not what `dump` writes, naming the first field that is wrong.
    """
    try:
        plain = _read(folder / REPORT)
        arrays = _arrays(folder / ARRAYS)
        parts = {"faithfulness": _read(folder / FAITHFULNESS)} if (folder / FAITHFULNESS).exists() else {}
        report = restore.report(_joined(plain, arrays, parts))
        for name in arrays:
            raise FieldError(name, f"in {ARRAYS} is unknown")
        return report
    except FieldError as error:
        raise OutputError(
            f"{disk.shown(folder)}: {REPORT} does not match this version of reportgen: {error}",
            hint="make the report again, or use the version in its manifest",
        ) from error
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise OutputError(f"{disk.shown(folder)}: not a report folder: {error}") from error


def _read(path: Path) -> Any:
    """The plain values of one of the files."""
    return json_text.parse(regular_files.read(path, most=MOST[path.name]))


def _arrays(path: Path) -> dict[str, Any]:
    regular_files.check(path, most=MOST[ARRAYS])
    try:
        return load_file(path)
    except BaseException as error:
        if isinstance(error, MemoryError) or type(error).__name__ == "PanicException":  # safetensors' own
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), str(path)) from error
        raise


def _joined(plain: Any, arrays: dict[str, Any], parts: dict[str, Any]) -> Any:
    """The plain values of a report with what other files hold, where it belongs; *arrays* keeps the others."""
    if not isinstance(plain, dict):
        return plain
    for name, place, field in _places_of_arrays(plain):
        last = field.rpartition(".")[2]
        if last in place:
            raise FieldError(field, f"is in {REPORT}; it belongs in {ARRAYS}")
        place[last] = arrays.pop(name, None)
    if "faithfulness" in plain:
        raise FieldError("faithfulness", f"is in {REPORT}; it belongs in {FAITHFULNESS}")
    if None in parts.values():
        raise FieldError("faithfulness", f"is null in {FAITHFULNESS}")
    return plain | parts


def text(folder: Path) -> str:
    """The text of a stored report, without the rest of it.

    Raises:
        OutputError: If the file that holds it is missing or not what `dump` writes.
    """
    try:
        return plain_values.restored(str, _read(folder / REPORT)["example"]["text"], "example.text")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{disk.shown(folder)}: not a report folder: {error}") from error


def write(
    folder: Path,
    files: Mapping[str, bytes],
    *,
    facts: Mapping[str, Any],
    overwrite: bool,
    replaces: Mapping[str, Any] | None = None,
) -> None:
    """Put a folder with *files* and their manifest in place, whole or not at all.

    Args:
        folder: The place of the report.
        files: Content by relative path.
        facts: The facts of the manifest, without the hashes.
        overwrite: Replace an existing report.
        replaces: Only the report of this manifest.

    Raises:
        OutputError: If something else is there, or the disk refuses it.
    """
    manifest = {**facts, "files": {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}}
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    check = functools.partial(check_free, folder, overwrite=overwrite, replaces=replaces)
    check()
    disk.put(folder, {**files, MANIFEST: text.encode()}, check=check)


def facts(report: Report, stages: Sequence[Stage]) -> dict[str, Any]:
    """The facts of the manifest, without the hashes."""
    source, example = report.provenance, report.example
    found = opening.verdicts(report)
    return {
        "reportgen": source.versions["reportgen"],
        "command": source.command,
        "configuration": source.configuration,
        "recipe": source.recipe,
        "model": {"name": source.model, "revision": source.revision, "weights_sha256": source.weights_sha256}
        | ({"base": source.base} if source.base else {}),
        "tokenizer": {"name": source.tokenizer, "revision": source.tokenizer_revision},
        "dataset": {"name": example.dataset, "split": example.split, "index": example.index, "id": example.id,
                    "picked": example.picked, "revision": example.revision},
        "input": {"text_sha256": source.text_sha256, "file_sha256": example.file_sha256},
        "importance": {"measure": report.importance.measure, "source": report.importance.source,
                       **report.importance.provenance},
        **({"faithfulness": found[0].code, "verdicts": {VIEWS[one.order]: one.code for one in found}} if found else {}),
        "device": source.device,
        "dtype": source.dtype,
        "seed": source.seed,
        "versions": source.versions,
        "created": source.created,
        "stages": [asdict(stage) for stage in stages],
    }  # fmt: skip


def verify(folder: Path) -> tuple[int, tuple[str, ...]]:
    """Compare every file of a report with the hash in its manifest.

    Returns:
        How many files were compared, and the files that the manifest does not name.

    Raises:
        OutputError: Naming the files that are missing, or others than those that were written.
    """
    named = manifest(folder)["files"]
    wrong = [problem for name, digest in named.items() if (problem := changed_file(folder, name, digest))]
    if wrong:
        others = f" (and {len(wrong) - 1} more: {'; '.join(wrong[1:6])})" if len(wrong) > 1 else ""
        raise OutputError(wrong[0] + others, hint="the report was changed after it was written")
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    return len(named), tuple(sorted(present - set(named) - {MANIFEST}))


def digest(folder: Path) -> str:
    """The hash of a folder's manifest, which holds those of all its other files.

    Raises:
        OSError, ValueError: If it cannot be read, or is a link or too large.
    """
    return hashlib.sha256(regular_files.read_own(folder / MANIFEST, most=MOST[MANIFEST])).hexdigest()


def changed_file(folder: Path, name: str, digest: str) -> str | None:
    """The problem of a file of a report; None if it is unchanged."""
    path = folder / name
    try:
        if regular_files.link_in(folder, path):
            return f"{disk.shown(path)} is a symbolic link"
        with regular_files.opened(path, most=most_bytes(name)) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"{disk.shown(path)}: {error.strerror}"
    if found == digest:
        return None
    return f"{disk.shown(path)} was changed: its SHA-256 starts with {found[:12]}, in the manifest with {digest[:12]}"


def most_bytes(name: str) -> int:
    """Bytes that a file of a report may have: no larger one is read."""
    return MOST.get(name, MOST_BYTES)


def manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a report.

    Raises:
        OutputError: If it does not exist, is no `Manifest`, or names files outside the folder.
    """
    disk.put_back(folder)
    if not folder.is_dir():
        said = "a file, not a folder" if folder.is_file() else "no such folder"
        raise OutputError(f"{disk.shown(folder)}: {said}", hint="give a folder that reportgen wrote")
    try:
        found = json_text.parse(regular_files.read_own(folder / MANIFEST, most=MOST[MANIFEST]))
        for name in plain_values.restored(Manifest, found).files:
            if regular_files.inside(folder, name) == folder / MANIFEST:
                raise ValueError(f"{name[:200]!r} has no hash")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        inside = next((path for path in sorted(folder.iterdir()) if (path / MANIFEST).is_file()), None)
        hint = f"name a report in it, like {disk.shown(inside)}" if inside else "give a folder that reportgen wrote"
        raise OutputError(f"{disk.shown(folder)}: not a report folder: {MANIFEST}: {reason}", hint=hint) from error
    return dict(found)


def files(folder: Path) -> dict[str, bytes]:
    """The files of a report by name; whether they are as they were written, `verify` says."""
    names = manifest(folder)["files"]
    with disk.errors(folder):
        return {name: regular_files.read(folder / name, most=most_bytes(name)) for name in names}


def check_target(folder: Path, *, overwrite: bool) -> None:
    """Check that a report may be written to *folder*, before a long run.

    Raises:
        OutputError: If something is there and may not be replaced, no folder can have this name, or nothing can be
            written there.
    """
    disk.recover(folder.parent)
    check_free(folder, overwrite=overwrite)
    disk.check_writable(folder.parent)


def check_free(folder: Path, *, overwrite: bool, replaces: Mapping[str, Any] | None = None) -> None:
    """The same as `check_target`, where nothing can have been left by a killed process.

    Args:
        folder: The place of the report.
        overwrite: Whether a report that is there may be replaced.
        replaces: Only the report of this manifest.

    Raises:
        OutputError: If something is there and may not be replaced, or no folder can have this name.
    """
    if folder.name in ("", ".."):  # subtle: "." has no name next to which a report could be made
        raise OutputError(f"{folder}: a report cannot replace this folder", hint="go one folder up, and give its name")
    with disk.errors(folder):
        disk.check_folder(folder)
        if folder.exists() and any(folder.iterdir()):
            _check_report(folder, overwrite=overwrite)
    if replaces is not None and manifest(folder) != replaces:
        raise OutputError(
            f"{disk.shown(folder)}: another process has written this report meanwhile",
            hint="run the same command again",
        )


def _check_report(folder: Path, *, overwrite: bool) -> None:
    if not (folder / MANIFEST).is_file():
        raise OutputError(f"{folder} contains other files than a report", hint="choose another --output")
    if not overwrite:
        raise OutputError(f"{folder} already contains a report", hint="use --overwrite, or choose another --output")
    link = min((path for path in folder.rglob("*") if path.is_symlink()), default=None)
    if link is not None:  # this program has made none
        raise OutputError(f"{disk.shown(link)} is a symbolic link", hint="remove it, or choose another --output")
