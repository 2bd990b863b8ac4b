"""site_folder: a site's files -> its folder; nothing else is touched, and what was interrupted is finished."""

from __future__ import annotations

import errno
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from reportgen.core.errors import OutputError
from reportgen.site import folder as site_folder
from reportgen.site.folder import Made, SiteState
from tests import foreign

KEY = "0" * 32
FILES = {"reports/a/report.pdf": b"pdf", "reports/a/index.html": b"page"}


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A site of one report."""
    made = tmp_path / "site"
    with site_folder.opened(made):
        put = site_folder.stage(made, KEY, FILES, (("../b.html", False),))
        site_folder.install(made, put)
        site_folder.save(made, SiteState({"k": {"name": "a"}}, {"a": put}, Made(KEY, {}), ("x.html",)))
    return made


def test_the_state_comes_back_as_it_was_saved(output: Path) -> None:
    with site_folder.opened(output) as state:
        made = Made(KEY, {path: len(content) for path, content in FILES.items()}, (("../b.html", False),))
        assert state == SiteState({"k": {"name": "a"}}, {"a": made}, Made(KEY, {}), ("x.html",))
        assert state.files == {*FILES, "x.html"}
        assert site_folder.is_whole(output, made, KEY)
        assert not site_folder.is_whole(output, made, "1" * 32)
        (output / "reports/a/index.html").write_bytes(b"pages")
        assert not site_folder.is_whole(output, made, KEY)


@pytest.mark.parametrize("kind", ["folder of others", "file", "link", "link inside"])
def test_what_is_no_site_is_refused_and_left_as_it_is(kind: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    target = tmp_path / "target"
    if kind == "folder of others":
        target = other
    elif kind == "file":
        target.write_text("mine")
    elif kind == "link":
        target.symlink_to(other)
    else:
        target.mkdir()
        (target / site_folder.OWN).symlink_to(other)
    with pytest.raises(OutputError), site_folder.opened(target):
        pass
    assert [path.name for path in other.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with site_folder.opened(tmp_path / "empty") as state:
        assert state == SiteState()


def test_two_builds_of_one_folder_are_one_too_many(output: Path) -> None:
    with (
        site_folder.opened(output),
        pytest.raises(OutputError, match="is being written by"),
        site_folder.opened(output),
    ):
        pass


def test_what_was_staged_is_found_again_unless_it_is_torn(output: Path) -> None:
    with site_folder.opened(output):
        made = site_folder.stage(output, KEY, FILES)
        assert site_folder.staged(output, KEY) == made
        torn = output / site_folder.OWN / site_folder.STAGED / KEY / "reports/a/index.html"
        torn.write_bytes(b"")
        assert site_folder.staged(output, KEY) is None
        assert site_folder.staged(output, "1" * 32) is None
        site_folder.clear(output)
        assert site_folder.staged(output, KEY) is None


def test_a_file_with_the_same_bytes_is_left_as_it_is(output: Path) -> None:
    before = {path: (output / path).stat().st_ino for path in FILES}
    with site_folder.opened(output):
        site_folder.install(output, site_folder.stage(output, KEY, {**FILES, "reports/a/index.html": b"new!"}))
    assert (output / "reports/a/report.pdf").stat().st_ino == before["reports/a/report.pdf"]
    assert (output / "reports/a/index.html").stat().st_ino != before["reports/a/index.html"]
    assert (output / "reports/a/index.html").read_bytes() == b"new!"


def test_files_of_others_in_a_site_stay_and_are_never_replaced(output: Path) -> None:
    (output / "CNAME").write_text("example.org")
    (output / "reports/a/mine.txt").write_text("mine")
    with site_folder.opened(output) as state:
        site_folder.check_free(output, state, FILES)
        with pytest.raises(OutputError, match="CNAME is in the place of a file of the site"):
            site_folder.check_free(output, state, ["CNAME"])
        site_folder.remove(output, state.files)
    assert {path.name for path in output.rglob("*") if path.is_file()} >= {"CNAME", "mine.txt"}
    assert not (output / "reports/a/index.html").exists()


def test_folders_that_are_empty_go_with_their_last_file(output: Path) -> None:
    with site_folder.opened(output):
        site_folder.remove(output, FILES)
    assert not (output / "reports").exists()
    assert output.is_dir()


def test_a_link_out_of_the_site_is_named_and_not_followed(output: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "a").mkdir(parents=True)
    (outside / "a/index.html").write_text("not ours")
    with site_folder.opened(output) as state:
        site_folder.remove(output, FILES)
        (output / "reports").symlink_to(outside)
        made = site_folder.stage(output, KEY, FILES)
        for act in (
            lambda: site_folder.install(output, made),
            lambda: site_folder.remove(output, FILES),
            lambda: site_folder.check_free(output, SiteState(), state.files),
        ):
            with pytest.raises(OutputError, match="reports is a symbolic link"):
                act()
    assert (outside / "a/index.html").read_text() == "not ours"
    assert [path.name for path in (outside / "a").iterdir()] == ["index.html"]


def state_of(**changes: Any) -> dict[str, Any]:
    return {"format": 1, "cards": {}, "reports": {}, "site": None, "pending": [], **changes}


def naming(name: str) -> dict[str, Any]:
    return {"key": KEY, "files": {name: 1}, "links": []}


FORGED = [
    *("{", "[]", "1", "[" * 100_000, '{"format": 2}'),
    *(json.dumps(state_of(pending=[name])) for name in (*foreign.NO_NAMES, ".reportgen-site/lock", None, 1)),
    *(json.dumps(state_of(reports={"a": naming(name)})) for name in foreign.NO_NAMES),
    *(json.dumps(state_of(site={**naming("x"), "key": key})) for key in ("../../mine", "", "x" * 32)),
    *(json.dumps(state_of(**{field: 1})) for field in ("cards", "reports", "site", "pending")),
]


@pytest.mark.parametrize("damage", FORGED)
def test_a_state_that_names_what_is_not_ours_is_refused(damage: str, output: Path, tmp_path: Path) -> None:
    """Before anything is written or removed, in the site or elsewhere."""
    foreign.canary(tmp_path / "mine")
    (output / site_folder.OWN / site_folder.STATE).write_text(damage)
    with (
        foreign.unchanged(tmp_path),
        pytest.raises(OutputError, match="not the state of a site"),
        site_folder.opened(output),
    ):
        pass


@pytest.mark.parametrize("kind", [*foreign.SPECIAL, "link"])
def test_a_state_that_is_no_file_is_refused(kind: str, output: Path, tmp_path: Path) -> None:
    state = output / site_folder.OWN / site_folder.STATE
    if kind == "link":
        state.rename(tmp_path / "elsewhere.json")
        state.symlink_to(tmp_path / "elsewhere.json")
    else:
        foreign.put(kind, state)
    began = time.monotonic()
    with pytest.raises(OutputError, match="not the state of a site"), site_folder.opened(output):
        pass
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("name", [*foreign.NO_NAMES, "way/x", "x"])
def test_staged_facts_that_name_what_is_not_staged_are_not_used(name: str, output: Path, tmp_path: Path) -> None:
    """A name outside, a way through a link, a link: the page is made again, and nothing elsewhere is moved."""
    outside = foreign.canary(tmp_path / "mine")
    (outside / "x").write_text("mine")
    place = output / site_folder.OWN / site_folder.STAGED / KEY
    with site_folder.opened(output):
        site_folder.stage(output, KEY, {"y": b"page"})
        (place / "way").symlink_to(outside)
        (place / "x").symlink_to(outside / "x")
        (place / site_folder.FACTS).write_text(json.dumps({"key": KEY, "files": {name: 4}, "links": []}))
        with foreign.unchanged(tmp_path):
            assert site_folder.staged(output, KEY) is None


def test_a_staged_folder_that_is_a_link_is_not_used(output: Path, tmp_path: Path) -> None:
    with site_folder.opened(output):
        site_folder.stage(output, KEY, FILES)
        place = output / site_folder.OWN / site_folder.STAGED / KEY
        place.rename(tmp_path / "elsewhere")
        place.symlink_to(tmp_path / "elsewhere")
        assert site_folder.staged(output, KEY) is None


def test_a_full_disk_ends_it_and_leaves_the_site_as_it_was(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patched, site_folder.opened(output) as state:
            made = site_folder.stage(output, KEY, {**FILES, "reports/a/index.html": b"new!"})
            patched.setattr(os, name, full)
            with pytest.raises(OutputError, match="No space left"):
                site_folder.stage(output, "1" * 32, FILES)
            with pytest.raises(OutputError, match="No space left"):
                site_folder.save(output, SiteState())
            if name == "replace":
                with pytest.raises(OutputError, match="No space left"):
                    site_folder.install(output, made)
            patched.undo()
            assert site_folder.staged(output, "1" * 32) is None
        with site_folder.opened(output) as after:
            assert after == state
        assert (output / "reports/a/index.html").read_bytes() == b"page"
