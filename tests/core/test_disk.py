"""disk: a file is put in place whole or not at all; cache: what was computed is kept, if it can be."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core import cache, disk
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


def test_a_file_that_may_not_be_written_is_known_before_a_long_run(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"")
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "link.parquet").symlink_to("elsewhere")
    with pytest.raises(UsageError, match=r"x\.csv: this is written as \.parquet") as usage:
        disk.check_file(tmp_path / "x.csv", suffix=".parquet", overwrite=True)
    assert usage.value.hint == "use -o x.parquet"
    for name, message in (("x", "is there already"), ("folder", "is a folder"), ("link", "is a symbolic link")):
        with pytest.raises(OutputError, match=message):
            disk.check_file(tmp_path / f"{name}.parquet", suffix=".parquet", overwrite=False)
    disk.check_file(tmp_path / "x.parquet", suffix=".parquet", overwrite=True)
    disk.check_file(tmp_path / "new.parquet", suffix=".parquet", overwrite=False)


def test_the_cache_lies_where_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("REPORTGEN_CACHE", raising=False)
    assert cache.folder() == Path("/home/somebody/.cache/reportgen")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert cache.folder() == Path("/var/cache/reportgen")
    monkeypatch.setenv("REPORTGEN_CACHE", "~/mine")
    assert cache.folder() == Path("/home/somebody/mine")


@given(st.dictionaries(st.text(min_size=1), st.integers() | st.text() | st.lists(st.integers())))
def test_a_name_depends_on_every_part_and_not_on_their_order(parts: dict[str, object]) -> None:
    name = cache.key(**parts)
    assert name == cache.key(**dict(reversed(parts.items())))
    assert name != cache.key(**parts, another=1) or "another" in parts


def test_a_cache_that_cannot_be_written_loses_nothing_but_itself(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache.keep(tmp_path / "file" / "x", lambda made: made.write_bytes(b"abc"))
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    cache.keep(tmp_path / "deep" / "x", lambda made: made.write_bytes(b"abc"))
    assert (tmp_path / "deep" / "x").read_bytes() == b"abc"
