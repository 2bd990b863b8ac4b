"""Keep the folder of a site: its files and what they were made of, so that the next build writes only changes.

`.reportgen-site` holds the state of the last build, and pages that are rendered but not yet in place. The site stays
unchanged until the next one is completely rendered; the next build finishes an interrupted one. Other files are never
touched. Paths that the state and staged files name are inside the site, or refused: it may have come from elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from reportgen.core.errors import OutputError
from reportgen.core.files import disk, json_text, lock, regular_files
from reportgen.core.nouns import plain_values

OWN, STATE, STAGED, FACTS = ".reportgen-site", "state.json", "staged", "facts.json"
FORMAT = 1  # of the state
KEY = re.compile(r"[0-9a-f]{32}")  # of what is made, see `disk.key`
MOST_BYTES = 2**30  # of the state, and of a file of the site


@dataclass(frozen=True, slots=True)
class Made:
    """Files made of the same source."""

    key: str  # hash of all that they depend on
    files: dict[str, int]  # bytes, by path in the site
    links: tuple[tuple[str, bool], ...] = ()  # that leave the page, see `dead_links.Linked`


@dataclass(frozen=True, slots=True)
class SiteState:
    """The state of a site's folder."""

    cards: dict[str, dict[str, Any]] = field(default_factory=dict)  # by the key of what each is made of
    reports: dict[str, Made] = field(default_factory=dict)  # by name
    site: Made | None = None  # all that belongs to no one report
    pending: tuple[str, ...] = ()  # paths that a build was writing when it ended

    @property
    def files(self) -> set[str]:
        """All paths that are ours."""
        made = [*self.reports.values(), *([self.site] if self.site else [])]
        return {*self.pending, *(path for each in made for path in each.files)}


@contextlib.contextmanager
def opened(output: Path) -> Iterator[SiteState]:
    """Hold the folder for one build; gives the state in which the last one has left it.

    Raises:
        OutputError: If it contains other files than a site, another build is running, or the disk does not take it.
    """
    disk.check_folder(output)
    with disk.errors(output):
        if output.is_dir() and any(output.iterdir()) and not (output / OWN).is_dir():
            raise OutputError(f"{disk.shown(output)} contains other files than a site", hint="choose another --output")
    for path in (output / OWN, output / OWN / STAGED):
        disk.check_folder(path, hint="choose another --output")
    with lock.held(output / OWN):
        disk.recover(output / OWN)
        disk.recover(output / OWN / STAGED)
        yield _load(output)


def save(output: Path, state: SiteState) -> None:
    """Keep the state, whole or not at all.

    Raises:
        OutputError: If the disk does not take it.
    """
    plain = {
        "format": FORMAT,
        "cards": state.cards,
        "reports": {name: asdict(made) for name, made in state.reports.items()},
        "site": asdict(state.site) if state.site else None,
        "pending": state.pending,
    }
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True) + "\n"
    disk.put(output / OWN / STATE, text.encode())


def is_whole(output: Path, made: Made | None, key: str) -> bool:
    """Whether the site has the files that *key* names: all of them, with their sizes."""
    return made is not None and made.key == key and all(_size(output, path) == n for path, n in made.files.items())


def stage(output: Path, key: str, files: Mapping[str, bytes], links: tuple[tuple[str, bool], ...] = ()) -> Made:
    """Write files to be put in place later, under the key of their sources.

    Args:
        output: The site.
        key: Hash of all that they depend on.
        files: By path in the site.
        links: Of their page.

    Raises:
        OutputError: If the disk does not take them.
    """
    place = output / OWN / STAGED / key
    made = Made(key, {path: len(content) for path, content in files.items()}, links)
    disk.put(place, {**files, FACTS: json.dumps(asdict(made)).encode()})
    return made


def staged(output: Path, key: str) -> Made | None:
    """The files that an earlier build has staged under *key*; None if missing or incomplete."""
    place = output / OWN / STAGED / key
    if place.is_symlink():
        return None
    try:
        made = _made(json_text.parse(regular_files.read_own(place / FACTS, most=MOST_BYTES)))
    except (OSError, ValueError, RecursionError):
        return None
    return made if is_whole(place, made, key) else None


def check_free(output: Path, state: SiteState, paths: Iterable[str]) -> None:
    """Check that nothing foreign is at *paths*.

    Raises:
        OutputError: Naming it.
    """
    for path in sorted(set(paths) - state.files):
        with disk.errors(output / path):
            _check_parents(output, path)
            if (output / path).is_symlink() or (output / path).exists():
                raise OutputError(
                    f"{disk.shown(output / path)} is in the place of a file of the site, and does not belong to it",
                    hint="move it, or choose another --output",
                )


def install(output: Path, made: Made, paths: Iterable[str] | None = None) -> None:
    """Put the files staged under a key in place, one after the other, in the given order.

    An existing file with the same bytes stays unchanged.

    Args:
        output: The site.
        made: From `stage` or `staged`.
        paths: Only these of its files.

    Raises:
        OutputError: If a symbolic link leads out of the site, or the disk does not take them.
    """
    place = output / OWN / STAGED / made.key
    for path in made.files if paths is None else paths:
        target = output / path
        with disk.errors(target):
            _check_parents(output, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not _same(place, output, path):
                os.replace(place / path, target)


def remove(output: Path, paths: Iterable[str]) -> None:
    """Remove files of ours, and the folders that are empty then.

    Raises:
        OutputError: If the disk does not take it.
    """
    for path in sorted(paths):
        with disk.errors(output / path):
            _check_parents(output, path)
            (output / path).unlink(missing_ok=True)
        for folder in PurePosixPath(path).parents:
            if folder.name:
                with contextlib.suppress(OSError):  # it holds something, or is gone
                    (output / folder).rmdir()


def clear(output: Path) -> None:
    """Remove staged files, and files of a killed build."""
    shutil.rmtree(output / OWN / STAGED, ignore_errors=True)


def _load(output: Path) -> SiteState:
    """The saved state; an empty one without a saved state.

    Raises:
        OutputError: If it cannot be read: whose the files in the folder are is not known then.
    """
    path = output / OWN / STATE
    try:
        plain = json_text.parse(regular_files.read_own(path, most=MOST_BYTES))
        if plain["format"] != FORMAT:
            raise ValueError(f"format {plain['format']} is of another version of reportgen")
        reports = {str(name): _made(made) for name, made in plain["reports"].items()}
        site = _made(plain["site"]) if plain["site"] else None
        pending = tuple(plain["pending"])
        _check_paths(pending)
        return SiteState(dict(plain["cards"]), reports, site, pending)
    except FileNotFoundError:
        return SiteState()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise OutputError(
            f"{disk.shown(path)}: not the state of a site: {reason}",
            hint="remove the folder, or choose another --output",
        ) from error


def _made(plain: Any) -> Made:
    """What `asdict` made plain.

    Raises:
        ValueError: If it has another form, or names anything but files of the site.
    """
    made = plain_values.restored(Made, plain)
    if not KEY.fullmatch(made.key):
        raise ValueError(f"{made.key[:80]!r} is not a key")
    _check_paths(made.files)
    return made


def _check_paths(names: Iterable[object]) -> None:
    for name in names:
        if OWN in regular_files.inside(Path(), name).parts:
            raise ValueError(f"it names {str(name)[:200]!r}")


def _size(folder: Path, path: str) -> int:
    """Size of a file in bytes; -1 if it is not a file of the folder itself."""
    try:
        found = folder / path
        return -1 if regular_files.link_in(folder, found) else regular_files.check(found, most=MOST_BYTES)
    except OSError:
        return -1


def _same(place: Path, output: Path, path: str) -> bool:
    if _size(place, path) != _size(output, path):
        return False
    return (place / path).read_bytes() == (output / path).read_bytes()


def _check_parents(output: Path, path: str) -> None:
    link = regular_files.link_in(output, (output / path).parent)
    if link is not None:
        raise OutputError(f"{disk.shown(link)} is a symbolic link: it may lead out of the site", hint="remove it")
