"""disk: files and folders are put in place whole or not at all; what was computed is kept, if it can be."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.errors import OutputError, UsageError
from reportgen.core.files import disk
from tests import foreign, kills


def test_a_file_is_put_in_place(tmp_path: Path) -> None:
    """Its folder is made, and the rights are those of any new file."""
    path = tmp_path / "new" / "x.bin"
    disk.put(path, lambda made: made.write_bytes(b"abc"))
    assert path.read_bytes() == b"abc"
    (tmp_path / "plain").write_bytes(b"")
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"old")

    def fail(made: Path) -> None:
        made.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=r"x\.bin: No space left on device") as caught:
        disk.put(path, fail)
    assert caught.value.exit_code == 7
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["x.bin"]


def steps(monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[str]:
    """What is synced and renamed from now on, by its place in *folder*."""
    seen: list[str] = []
    sync, rename = os.fsync, os.replace

    def told(path: Path | str) -> str:
        parts = Path(path).relative_to(folder).parts
        return "/".join("TEMPORARY" if part.endswith(disk.PLACE) else part for part in parts) or "."

    def synced(handle: int) -> None:
        seen.append(f"sync {told(Path(f'/proc/self/fd/{handle}').readlink())}")
        sync(handle)

    def renamed(source: Path, target: Path) -> None:
        seen.append(f"rename {told(source)} {told(target)}")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    return seen


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux says which file a handle is of")
@pytest.mark.parametrize("content", [b"abc", lambda made: made.write_bytes(b"abc")], ids=["bytes", "what makes them"])
def test_a_file_is_on_the_disk_before_it_has_its_name(
    content: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.bin").write_bytes(b"old")
    seen = steps(monkeypatch, tmp_path)
    disk.put(tmp_path / "x.bin", content)
    assert seen == ["sync TEMPORARY/new", "rename TEMPORARY/new x.bin", "sync ."]
    assert (tmp_path / "x.bin").read_bytes() == b"abc"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux says which file a handle is of")
def test_a_folder_is_on_the_disk_before_the_old_one_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.put(tmp_path / "x", {"old": b""})
    seen = steps(monkeypatch, tmp_path)
    disk.put(tmp_path / "x", {"a": b"1", "deep/b": b"2"})
    made = ["", "/a", "/deep", "/deep/b"]
    assert sorted(seen[:4]) == [f"sync TEMPORARY/new{name}" for name in made]
    assert seen[4:] == [
        "rename x TEMPORARY/old",
        "rename TEMPORARY/new x",
        "sync .",
        "rename TEMPORARY/old TEMPORARY/new",  # to be removed: half of it must never come back
    ]
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")} == {"x", "x/a", "x/deep", "x/deep/b"}


WHOLE = {"a": b"1", "deep/b": b"2"}
OTHER = {"a": b"3", "c": b"4"}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def every_kill(tmp_path: Path, action: Callable[[], object], old: Path | None) -> Iterator[Path]:
    """The folder after a kill before the first step of *action*, the second and so on; made again each time."""
    folder = tmp_path / "here"
    for step in range(1, 1000):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        if old is not None:
            shutil.copytree(old, folder / "x")
        if not kills.killed_before(step, action, folder):
            assert step > 5
            return
        yield folder


@pytest.mark.parametrize("next_is", ["reader", "writer", "writer nearby"])
def test_a_folder_that_is_replaced_is_there_whenever_the_process_is_killed(next_is: str, tmp_path: Path) -> None:
    """The old one or the new one, whole; what reads it puts it back; what writes next leaves nothing hidden."""
    disk.put(tmp_path / "old", WHOLE)
    seen = []
    for folder in every_kill(tmp_path, lambda: disk.put(tmp_path / "here" / "x", OTHER), tmp_path / "old"):
        if next_is == "writer":
            disk.put(folder / "x", {"d": b"5"}, check=lambda: seen.append(files(tmp_path / "here" / "x")))
        elif next_is == "writer nearby":
            disk.recover(folder)
            seen.append(files(folder / "x"))
        else:
            disk.put_back(folder / "x")
            seen.append(files(folder / "x"))
            disk.recover(folder)
        assert [path.name for path in folder.iterdir()] == ["x"]
    assert all(one in (WHOLE, OTHER) for one in seen)
    assert WHOLE in seen
    assert OTHER in seen


@pytest.mark.parametrize("content", [b"new", {"a": b"new"}], ids=["file", "folder"])
def test_what_is_new_is_there_whole_or_not_at_all_whenever_the_process_is_killed(content: Any, tmp_path: Path) -> None:
    there = []
    for folder in every_kill(tmp_path, lambda: disk.put(tmp_path / "here" / "x", content), None):
        disk.recover(folder)
        there.append((folder / "x").exists())
        assert [path.name for path in folder.iterdir()] == ["x"] * there[-1]
        if there[-1]:
            assert (folder / "x" / "a" if isinstance(content, dict) else folder / "x").read_bytes() == b"new"
    assert set(there) == {False, True}


def test_what_is_removed_is_there_whole_or_not_at_all_whenever_the_process_is_killed(tmp_path: Path) -> None:
    disk.put(tmp_path / "old", WHOLE)
    there = []
    for folder in every_kill(tmp_path, lambda: disk.remove(tmp_path / "here" / "x"), tmp_path / "old"):
        disk.recover(folder)
        there.append((folder / "x").exists())
        assert files(folder) == ({f"x/{name}": data for name, data in WHOLE.items()} if there[-1] else {})
        assert [path.name for path in folder.iterdir()] == ["x"] * there[-1]
    assert set(there) == {False, True}


def test_putting_back_may_be_killed_as_well(tmp_path: Path) -> None:
    place = tmp_path / "here" / f".x{disk.PLACE}"
    for content in (WHOLE, None):  # moved aside, or not yet

        def prepare(content: dict[str, bytes] | None = content) -> None:
            place.mkdir(parents=True)
            (place / disk.NEW).mkdir()
            (place / disk.NEW / "half").write_bytes(b"")
            if content is not None:
                disk._make(place / disk.OLD, content)

        for step in range(1, 1000):
            shutil.rmtree(tmp_path / "here", ignore_errors=True)
            prepare()
            killed = kills.killed_before(step, lambda: disk.recover(tmp_path / "here"), tmp_path)
            disk.recover(tmp_path / "here")
            expected = {} if content is None else {f"x/{name}": data for name, data in content.items()}
            assert files(tmp_path / "here") == expected
            if not killed:
                break
        assert step > 3


def test_who_writes_at_the_same_place_waits(tmp_path: Path) -> None:
    """Processes and threads; every folder that a reader sees between is whole."""
    disk.put(tmp_path / "x", {"a": b"0", "b": b"0"})

    def write(number: int) -> None:
        for _ in range(10):
            disk.put(tmp_path / "x", {"a": b"%d" % number, "b": b"%d" % number})

    others = [multiprocessing.get_context("fork").Process(target=write, args=(n,)) for n in range(3)]
    for other in others:
        other.start()
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(write, (3, 4))) == [None, None]
    for other in others:
        other.join()
        assert other.exitcode == 0
    a, b = (tmp_path / "x" / "a").read_bytes(), (tmp_path / "x" / "b").read_bytes()
    assert a == b
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_who_waits_for_too_long_is_told_for_whom_and_clears_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "WAIT", 0.1)
    with disk._place(tmp_path / "x") as place:
        (place / disk.NEW).write_bytes(b"mine")
        disk.recover(tmp_path)
        with pytest.raises(OutputError, match=rf"x is being written by process {os.getpid()} on ") as caught:
            disk.put(tmp_path / "x", b"other")
        assert (place / disk.NEW).read_bytes() == b"mine"
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_hidden_folders_of_others_and_links_are_left_alone(tmp_path: Path) -> None:
    foreign.canary(tmp_path / "mine")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / f".a{disk.PLACE}").symlink_to(tmp_path / "mine")
    (tmp_path / "here" / disk.PLACE).mkdir()
    own = tmp_path / "here" / f".b{disk.PLACE}"
    foreign.canary(own)
    (own / disk.OLD).symlink_to(tmp_path / "mine")
    with foreign.unchanged(tmp_path):
        disk.recover(tmp_path / "here")
        disk.put_back(tmp_path / "here" / "a")
        disk.put_back(tmp_path / "here" / "b")
        with pytest.raises(OutputError, match="is a symbolic link"):
            disk.put(tmp_path / "here" / "a", b"")


def test_a_line_is_on_the_disk_when_it_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
    with (tmp_path / "x").open("ab") as file:
        disk.append(file.fileno(), "one\n")
        disk.append(file.fileno(), "two\n")
    assert (tmp_path / "x").read_text() == "one\ntwo\n"
    assert synced == [4, 8]


def test_a_file_that_may_not_be_written_is_known_before_a_long_run(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"")
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "link.parquet").symlink_to("elsewhere")
    with pytest.raises(UsageError, match=r"x\.csv: the file name must end in \.parquet") as usage:
        disk.check_file(tmp_path / "x.csv", suffix=".parquet", overwrite=True)
    assert usage.value.hint == "use -o x.parquet"
    for name, message in (("x", "already exists"), ("folder", "is a folder"), ("link", "is a symbolic link")):
        with pytest.raises(OutputError, match=message):
            disk.check_file(tmp_path / f"{name}.parquet", suffix=".parquet", overwrite=False)
    disk.check_file(tmp_path / "x.parquet", suffix=".parquet", overwrite=True)
    disk.check_file(tmp_path / "new.parquet", suffix=".parquet", overwrite=False)


def test_the_cache_lies_where_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("REPORTGEN_CACHE", raising=False)
    assert disk.cache() == Path("/home/somebody/.cache/reportgen")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert disk.cache() == Path("/var/cache/reportgen")
    monkeypatch.setenv("REPORTGEN_CACHE", "~/mine")
    assert disk.cache() == Path("/home/somebody/mine")


@given(st.dictionaries(st.text(min_size=1), st.integers() | st.text() | st.lists(st.integers())))
def test_a_name_depends_on_every_part_and_not_on_their_order(parts: dict[str, object]) -> None:
    name = disk.key(**parts)
    assert name == disk.key(**dict(reversed(parts.items())))
    assert name != disk.key(**parts, another=1) or "another" in parts


def test_a_cache_that_cannot_be_written_loses_nothing_but_itself(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    disk.keep(tmp_path / "file" / "x", lambda made: made.write_bytes(b"abc"))
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    disk.keep(tmp_path / "deep" / "x", lambda made: made.write_bytes(b"abc"))
    assert (tmp_path / "deep" / "x").read_bytes() == b"abc"


def test_a_place_that_takes_no_file_is_known_before_a_long_run(tmp_path: Path) -> None:
    """/proc is one for every user, root too, whose rights alone would allow it."""
    disk.check_writable(tmp_path / "new" / "newer")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match=r"^/proc: No such file"):
        disk.check_writable(Path("/proc"))
    with pytest.raises(OutputError, match=r"^/proc/new: "):
        disk.check_writable(Path("/proc/new"))
    with pytest.raises(OutputError, match=r"^/proc: "):
        disk.check_file(Path("/proc/x.csv"), suffix=".csv", overwrite=False)
