"""disk: files and folders are put in place whole or not at all; what was computed is kept, if it can be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core import disk
from reportgen.core.errors import OutputError, UsageError


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
        return "/".join("TEMPORARY" if part.endswith(".part") else part for part in parts) or "."

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
    disk.put(tmp_path / "x", {"a": b"1", "deep/b": b"2"}, staging=tmp_path / "staging")
    made = ["", "/a", "/deep", "/deep/b"]
    assert sorted(seen[:4]) == [f"sync staging/TEMPORARY/new{name}" for name in made]
    assert seen[4:] == ["rename x staging/TEMPORARY/old", "rename staging/TEMPORARY/new x", "sync ."]
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")} == {"x", "x/a", "x/deep", "x/deep/b", "staging"}


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
