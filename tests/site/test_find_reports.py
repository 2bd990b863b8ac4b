"""gather: folders and patterns -> the reports of a site, with names that last."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reportgen.core.errors import OutputError
from reportgen.core.files import disk
from reportgen.report.stored import store
from reportgen.site import find_reports
from tests import foreign, reports

ZEROS = "00" * 32  # a hash
FACTS = {"input": {"text_sha256": "ab" * 32}, "created": "2024-05-01T12:00:00+00:00"}


def put(folder: Path, *, text: str = "ab", **files: bytes) -> Path:
    """A report as a site sees it before it reads it."""
    made = {store.REPORT: b"{}", store.ARRAYS: b"", **{name.replace("_", "."): data for name, data in files.items()}}
    digest = hashlib.sha256(text.encode()).hexdigest()
    store.write(folder, made, facts={**FACTS, "input": {"text_sha256": digest}}, overwrite=True)
    return folder


def names(*folders: Path) -> list[str]:
    """The names in the site of what is found."""
    return [one.name for one in find_reports.gather(folders)[0]]


def test_reports_are_found_in_folders_of_reports_in_natural_order(tmp_path: Path) -> None:
    for name in ("demo-10", "demo-2", ".hidden"):
        put(tmp_path / "many" / name)
    (tmp_path / "many" / "none").mkdir()
    (tmp_path / "many" / "index.json").write_text("{}")
    single = put(tmp_path / "one", report_pdf=b"pdf", report_html=b"html")
    found, notes = find_reports.gather([single, tmp_path / "many"])
    assert [(one.name, one.called) for one in found] == [(n, n) for n in ("one", "demo-2", "demo-10")]
    sizes = {name: size for name, (size, _) in found[0].stamps.items()}
    assert sizes == {
        store.REPORT: 2,
        store.ARRAYS: 0,
        "report.pdf": 3,
        "report.html": 4,
    }
    assert notes == []


def test_a_report_that_is_named_twice_is_there_once(tmp_path: Path) -> None:
    put(tmp_path / "many" / "a")
    (tmp_path / "link").symlink_to(tmp_path / "many" / "a")
    assert names(tmp_path / "many", tmp_path / "many" / "a", tmp_path / "link") == ["a"]


def test_reports_of_one_name_are_told_apart_whatever_their_order(tmp_path: Path) -> None:
    """By what they are, not where they lie; rendering one again does not move it."""
    one, other = put(tmp_path / "x" / "Demo", text="one"), put(tmp_path / "y" / "demo", text="other")
    third = put(tmp_path / "z" / "third")
    found = names(one, other, third)
    assert found == names(third, other, one)[::-1]
    assert len({name.casefold() for name in found}) == 3
    assert all(name.startswith("demo-") for name in found[:2])
    put(one, text="one", report_pdf=b"new")
    assert names(one, other, third) == found
    copy = put(tmp_path / "w" / "demo", text="one")
    assert sorted(names(one, other, copy)) == sorted([*found[:2], f"{found[0]}-2"])


def test_what_is_no_whole_report_is_left_out_with_a_note(tmp_path: Path) -> None:
    put(tmp_path / "good")
    (put(tmp_path / "gone") / store.ARRAYS).unlink()
    (put(tmp_path / "half", faithfulness_json=b"{}") / store.FAITHFULNESS).unlink()
    (put(tmp_path / "odd") / store.MANIFEST).write_text("[1]")
    store.write(tmp_path / "bare", {store.REPORT: b"{}"}, facts=FACTS, overwrite=False)
    linked = put(tmp_path / "linked") / store.REPORT
    linked.unlink()
    linked.symlink_to(tmp_path / "good" / store.REPORT)
    outside = {"files": {"../x": ZEROS, store.REPORT: ZEROS, store.ARRAYS: ZEROS}}
    (put(tmp_path / "outside") / store.MANIFEST).write_text(json.dumps(outside))
    found, notes = find_reports.gather([tmp_path])
    assert [one.name for one in found] == ["good"]
    assert len(notes) == 6
    for note, word in zip(notes, ("bare", "gone", "half", "linked", "odd", "outside"), strict=True):
        assert word in str(note)


@pytest.mark.parametrize("kind", foreign.SPECIAL)
@pytest.mark.parametrize("name", [store.MANIFEST, store.REPORT, store.ARRAYS])
def test_a_report_with_what_is_no_file_costs_one_folder_and_no_second(kind: str, name: str, tmp_path: Path) -> None:
    put(tmp_path / "bad", report_html=b"")
    put(tmp_path / "good")
    foreign.put(kind, tmp_path / "bad" / name)
    began = time.monotonic()
    found, notes = find_reports.gather([tmp_path])
    assert time.monotonic() - began < 1
    assert [one.name for one in found] == ["good"]
    assert len(notes) == 1
    assert str(tmp_path / "bad") in str(notes[0])


def test_a_report_that_cannot_be_looked_into_costs_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "good")
    put(tmp_path / "locked")
    really = Path.lstat

    def denied(path: Path) -> os.stat_result:
        if path.parent.name == "locked":  # root may look into everything
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return really(path)

    monkeypatch.setattr(Path, "lstat", denied)
    monkeypatch.setattr(Path, "is_symlink", lambda path: stat.S_ISLNK(path.lstat().st_mode))
    found, notes = find_reports.gather([tmp_path])
    assert [one.name for one in found] == ["good"]
    assert str(notes[0]) == f"left out: {tmp_path / 'locked'}: not a report folder: manifest.json: Permission denied"


def test_a_report_that_a_killed_process_has_moved_aside_is_in_the_site(tmp_path: Path) -> None:
    put(tmp_path / "many" / "a")
    put(tmp_path / "many" / "b")
    place = tmp_path / "many" / f".a{disk.PLACE}"
    place.mkdir()
    (tmp_path / "many" / "a").rename(place / disk.OLD)
    assert names(tmp_path / "many") == ["a", "b"]
    place.mkdir()
    (tmp_path / "many" / "a").rename(place / disk.OLD)
    assert names(tmp_path / "many" / "a") == ["a"]
    assert sorted(path.name for path in (tmp_path / "many").iterdir()) == ["a", "b"]


LIMITED = """
import resource, sys
from pathlib import Path
from reportgen.site import cards, find_reports
found, notes = find_reports.gather([Path(sys.argv[1])])
for one in found:
    if one.name == "huge":
        resource.setrlimit(resource.RLIMIT_DATA, (1_000_000_000, resource.RLIM_INFINITY))
    notes.append(cards.read(one)[1])
print(*(type(note).__name__ for note in notes))
"""


@pytest.mark.slow
def test_a_report_larger_than_memory_costs_one_folder(tmp_path: Path) -> None:
    """Its arrays have the hash that its manifest names: only reading them shows that they do not fit.

    In safetensors 0.8 a lack of memory is a panic of Rust, which is no `Exception`.
    """
    report = reports.report()
    for name in ("good", "huge"):
        store.write(tmp_path / name, store.dump(report), facts=store.facts(report, ()), overwrite=False)
    header = b'{"received":{"dtype":"F32","shape":[500000000],"data_offsets":[0,2000000000]}}'
    arrays, manifest = tmp_path / "huge" / store.ARRAYS, tmp_path / "huge" / store.MANIFEST
    with arrays.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + 2_000_000_000)
    told = json.loads(manifest.read_text())
    told["files"][store.ARRAYS] = disk.sha256(arrays)
    manifest.write_text(json.dumps(told))
    ended = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True)
    assert ended.stdout == "Card Note\n", ended.stderr


def test_a_pdf_that_is_missing_or_a_link_is_not_offered(tmp_path: Path) -> None:
    (put(tmp_path / "a", report_pdf=b"pdf") / "report.pdf").unlink()
    linked = put(tmp_path / "b", report_pdf=b"pdf") / "report.pdf"
    linked.unlink()
    linked.symlink_to(tmp_path / "a" / store.REPORT)
    found, notes = find_reports.gather([tmp_path])
    assert [sorted(one.files) for one in found] == [sorted(find_reports.USED)] * 2
    assert notes == []


def test_files_that_were_changed_are_named(tmp_path: Path) -> None:
    folder = put(tmp_path / "a")
    found = find_reports.gather([folder])[0][0]
    assert find_reports.problem(found, find_reports.USED) is None
    (folder / store.REPORT).write_bytes(b"[]")
    assert "report.json was changed" in (find_reports.problem(found, find_reports.USED) or "")


def test_folders_that_are_not_there_end_it_and_empty_ones_are_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="none: no such folder"):
        find_reports.gather([tmp_path / "none"])
    assert [str(note) for note in find_reports.gather([tmp_path])[1]] == [f"{tmp_path}: contains no report"]


def test_patterns_are_relative_to_their_file_and_leave_out_what_is_hidden(tmp_path: Path) -> None:
    for name in ("runs/b-10", "runs/b-2", "runs/.batch", "more"):
        (tmp_path / "site" / name).mkdir(parents=True)
    (tmp_path / "site" / "runs" / "index.json").write_text("{}")
    (tmp_path / "beside").mkdir()
    found, notes = find_reports.expand(["more", "runs/*", "../beside", "none*"], tmp_path / "site")
    assert [os.path.relpath(path, tmp_path / "site") for path in found] == [
        "more",
        "runs/b-2",
        "runs/b-10",
        "../beside",
    ]
    assert [str(note) for note in notes] == ["none*: no folder matches this pattern"]


def test_a_note_is_one_line_that_only_says_something(tmp_path: Path) -> None:
    assert "\x1b" not in str(find_reports.Note("a\x1b[31m", reports.TEXT))
    assert "\n" not in str(find_reports.Note("a", reports.TEXT))
