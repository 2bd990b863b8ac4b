"""private: names and messages -> what others may see."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from reportgen.core import private

HOME = "/home/jane.doe"


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", HOME)


@pytest.mark.parametrize("name", ["org/name", "demo", "papers.csv", "./model", "sub/model", "-", "a..b", ""])
def test_what_is_no_path_from_elsewhere_stays(name: str) -> None:
    assert private.public(name) == name


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"{HOME}/models/mine/", "mine"),
        ("~/models/mine", "mine"),
        ("/data/jane.doe/papers.csv", "papers.csv"),
        ("../jane.doe/papers.csv", "papers.csv"),
        ("./../jane.doe/papers.csv", "papers.csv"),
        ("~nobody.at.all/mine", "mine"),
        (HOME, "~"),
        ("~", "~"),
        ("~/", "~"),
        ("~nobody.at.all", "~"),
        ("/", "/"),
    ],
)
def test_of_a_path_from_elsewhere_the_last_part_is_left(path: str, shown: str) -> None:
    """The last part of a home is its user."""
    assert private.public(path) == shown


def test_a_path_below_the_current_folder_is_relative_to_it(here: Path) -> None:
    assert private.public(f"{here}/models/mine") == "models/mine"
    assert private.public("models/../mine") == "mine"
    assert private.public(str(here)) == "."


def test_folders_of_users_are_not_named_from_above_them(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here / "home" / "jane"))
    assert private.public(f"{here}/home/jane/mine") == "mine"


def test_a_message_names_no_folder_of_this_machine(here: Path) -> None:
    told = f"{here}/a/x.ttf, {HOME}/b.ttf and {tempfile.gettempdir()}/c: not fonts"
    assert private.said(told) == "a/x.ttf, ~/b.ttf and c: not fonts"
