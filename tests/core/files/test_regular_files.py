"""regular_files: paths and stored names -> regular files of a known size; everything else is refused, and at once."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reportgen.core.files import regular_files
from tests import foreign


def test_the_bytes_of_a_file_through_the_users_own_link(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("x")
    assert regular_files.read(tmp_path / "link", most=3) == b"abc"
    assert regular_files.check(tmp_path / "link") == 3


@pytest.mark.parametrize("kind", foreign.SPECIAL)
def test_what_is_no_file_or_too_large_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = foreign.put(kind, tmp_path / "x")
    began = time.monotonic()
    with pytest.raises(OSError) as caught:  # noqa: PT011  which one depends on the kind
        regular_files.read(path, most=10**6)
    assert caught.value.strerror
    assert str(path) == str(caught.value.filename)
    assert time.monotonic() - began < 1


def test_a_pipe_that_comes_between_look_and_opening_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(b"")
    really = os.open

    def swapped(path: Path, flags: int) -> int:
        return really(foreign.put("pipe", Path(path)), flags)

    monkeypatch.setattr(os, "open", swapped)
    with pytest.raises(OSError, match="a pipe, not a regular file"):
        regular_files.opened(tmp_path / "x")


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux has files of an unknown size")
def test_a_file_that_says_nothing_of_its_size_is_read_no_further_than_allowed() -> None:
    assert regular_files.check(Path("/proc/self/maps")) == 0
    with pytest.raises(OSError, match="at most 10 are read"):
        regular_files.read(Path("/proc/self/maps"), most=10)


@pytest.mark.parametrize("name", [*foreign.NO_NAMES, 1, None, ["a"]])
def test_a_name_that_is_no_path_inside_the_folder_is_refused(name: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not the name of a file inside the folder"):
        regular_files.inside(tmp_path, name)


@given(st.text() | st.lists(st.sampled_from(["", ".", "..", "a", "b c", "é"])).map("/".join))
@example("tables/tokens.csv")
def test_a_name_that_is_taken_is_inside_and_written_in_one_way_alone(name: str) -> None:
    folder = Path("/some/folder")
    try:
        path = regular_files.inside(folder, name)
    except ValueError:
        return
    assert os.path.normpath(path) == f"{folder}/{name}"
    assert path != folder


def test_the_first_link_on_the_way_is_found(tmp_path: Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "real" / "deep" / "x").write_bytes(b"")
    (tmp_path / "folder").symlink_to("real")  # the user's own
    assert regular_files.link_in(tmp_path / "folder", tmp_path / "folder" / "deep" / "x") is None
    (tmp_path / "real" / "way").symlink_to("deep")
    assert regular_files.link_in(tmp_path / "folder", tmp_path / "folder" / "way" / "x") == tmp_path / "folder" / "way"
    (tmp_path / "real" / "deep" / "y").symlink_to("x")
    assert regular_files.link_in(tmp_path / "real", tmp_path / "real/deep/y") == tmp_path / "real/deep/y"
