"""store: a report -> a folder, whole or not at all, and back."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.errors import OutputError
from reportgen.core.files import disk
from reportgen.core.nouns.records import Check, Prediction, Report, ReportWarning
from reportgen.report.stored import store
from tests import faithful, foreign, reports
from tests.reports import contents

FILES = {"report.html": b"<!doctype html>", "report.json": b"{}", "tables/tokens.csv": b"a,b\r\n"}


def put(folder: Path, files: dict[str, bytes] = FILES, *, overwrite: bool = False) -> None:
    """Write with a fact."""
    store.write(folder, files, facts={"seed": 0}, overwrite=overwrite)


def save(folder: Path, report: Report) -> Path:
    """The two files of a report as they are, without a manifest."""
    folder.mkdir(exist_ok=True)
    for name, content in store.dump(report).items():
        (folder / name).write_bytes(content)
    return folder


@st.composite
def some_reports(draw: st.DrawFn) -> Report:
    """Reports with odd words in every field, with and without the parts that may be missing."""
    text, tokens = draw(reports.tokenised())
    count = draw(st.integers(1, 4))
    labels = tuple(draw(st.lists(reports.texts, min_size=count, max_size=count)))
    made = reports.report(
        text,
        read=tokens,
        layers=draw(st.integers(1, 3)),
        heads=draw(st.integers(1, 3)),
        top_k=draw(st.integers(1, 3)),
        reader=draw(st.sampled_from([None, 0, len(tokens) - 1])),
        seed=draw(st.integers(0, 99)),
    )
    logits = tuple(draw(st.lists(st.floats(-1e30, 1e30), min_size=count, max_size=count)))
    powers = np.exp(np.array(logits) - max(logits))
    word = draw(reports.texts)
    return replace(
        made,
        example=replace(
            made.example,
            title=word,
            label=draw(st.one_of(st.none(), reports.texts, st.integers(-9, 9))),
            index=draw(st.one_of(st.none(), st.integers(0, 9))),
            dataset=draw(st.one_of(st.none(), reports.texts)),
            replaced=draw(st.integers(0, 9)),
        ),
        prediction=Prediction(
            labels,
            logits,
            tuple((powers / powers.sum()).tolist()),
            int(np.argmax(logits)),
            gold=draw(st.one_of(st.none(), st.integers(0, count - 1))),
            gold_text=draw(st.one_of(st.none(), reports.texts)),
        ),
        importance=replace(made.importance, source=word, provenance={word: draw(reports.texts)}),
        checks=tuple(draw(st.lists(st.builds(Check, reports.texts, st.booleans(), reports.texts), max_size=2))),
        warnings=tuple(draw(st.lists(st.builds(ReportWarning, reports.texts, reports.texts), max_size=2))),
        provenance=replace(
            made.provenance,
            command=word,
            configuration=draw(
                st.dictionaries(
                    reports.texts,
                    st.one_of(
                        st.none(), st.booleans(), st.integers(-9, 9), st.sampled_from([0.5, 1.0, -2.0]), reports.texts
                    ),
                    max_size=4,
                )
            ),
        ),
        colour_scale=draw(st.sampled_from(["contrast", "linear", "rank", "log"])),
    )


def kinds(report: Report) -> list[type]:
    """Types that compare equal to other types: True == 1 == 1.0, and a label 1 is not a label "1"."""
    return [type(value) for value in report.provenance.configuration.values()] + [type(report.example.label)]


@given(report=some_reports())
def test_any_report_comes_back_equal(report: Report, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = save(tmp_path_factory.mktemp("stored"), report)
    read = store.load(folder)
    assert read == report
    assert kinds(read) == kinds(report)
    assert store.dump(read) == store.dump(report)
    shutil.rmtree(folder)


def test_a_report_of_before_token_types_is_read(tmp_path: Path) -> None:
    """Version 0.1.0 stored none; a report of today stores those that the model got."""
    report = reports.report()
    typed = replace(report, tokens=replace(report.tokens, types=(1,) * len(report.tokens)))
    assert store.load(save(tmp_path / "today", typed)) == typed
    folder = save(tmp_path / "before", report)
    plain = json.loads((folder / "report.json").read_text())
    assert plain["tokens"].pop("types") == []
    (folder / "report.json").write_text(json.dumps(plain))
    assert store.load(folder) == report


def test_equality_looks_at_every_number() -> None:
    """So that the property above can fail."""
    one = reports.report()
    received = one.attention.received.copy()
    received[1, 1, 3] += 1e-6
    assert replace(one, attention=replace(one.attention, received=received)) != one
    assert replace(one, attention=replace(one.attention, reader=None)) != one
    values = one.importance.values.astype(np.float64)
    assert replace(one, importance=replace(one.importance, values=values)) != one  # type: ignore[arg-type]


def test_a_report_is_readable_json_and_safetensors() -> None:
    report = reports.report("Grüße, 漢字")
    files = store.dump(report)
    assert set(files) == {"report.json", "attention.safetensors"}
    assert "Grüße, 漢字" in files["report.json"].decode()
    plain = json.loads(files["report.json"])
    assert plain["example"]["text"] == "Grüße, 漢字"
    assert "received" not in plain["attention"]
    assert "values" not in plain["importance"]


def test_a_tested_heatmap_is_a_file_of_its_own_and_comes_back_equal(tmp_path: Path) -> None:
    """Attributions keep their scores with the other arrays."""
    report = faithful.report()
    files = store.dump(report)
    assert set(files) == {"report.json", "attention.safetensors", "faithfulness.json"}
    plain = json.loads(files["report.json"])
    assert "faithfulness" not in plain
    assert "scores" not in plain["attributions"][0]
    assert json.loads(files["faithfulness.json"])["verdicts"][0]["code"] == "supported"
    read = store.load(save(tmp_path / "tested", report))
    assert read == report
    assert store.dump(read) == files
    other = replace(report.attributions[0], scores=-report.attributions[0].scores)
    assert replace(report, attributions=(other, *report.attributions[1:])) != report


def test_a_report_of_before_heatmaps_were_tested_is_read(tmp_path: Path) -> None:
    """Version 0.1.0 knew neither attributions nor the test."""
    report = reports.report()
    folder = save(tmp_path / "before", report)
    plain = json.loads((folder / "report.json").read_text())
    assert plain.pop("attributions") == []
    (folder / "report.json").write_text(json.dumps(plain))
    assert store.load(folder) == report


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"depth": "deep"}'])
def test_a_damaged_test_of_a_heatmap_is_named(content: bytes, tmp_path: Path) -> None:
    folder = save(tmp_path / "broken", faithful.report())
    (folder / "faithfulness.json").write_bytes(content)
    with pytest.raises(OutputError, match="broken"):
        store.load(folder)


def test_numbers_that_json_does_not_know_are_refused() -> None:
    report = reports.report()
    broken = replace(report, prediction=replace(report.prediction, logits=(float("nan"), 0.0)))
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.dump(broken)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("report.json", None),
        ("report.json", b"{"),
        ("report.json", b"[]"),
        ("report.json", b"null"),
        ("report.json", b"\xff"),
        ("report.json", b"{}"),
        ("attention.safetensors", None),
        ("attention.safetensors", b"short"),
        ("attention.safetensors", b"\xff" * 200),
    ],
)
def test_a_folder_that_is_no_report_is_named(name: str, content: bytes | None, tmp_path: Path) -> None:
    folder = save(tmp_path / "broken", reports.report())
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(OutputError, match=r"broken: (not a report folder|report\.json does not match this version)"):
        store.load(folder)


def test_a_field_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    folder = save(tmp_path / "newer", reports.report())
    plain = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps({**plain, "mood": "good"}))
    with pytest.raises(
        OutputError, match=r"does not match this version of reportgen: mood is unknown\nhint: make the report again"
    ):
        store.load(folder)


def test_the_folder_holds_the_files_and_their_hashes(tmp_path: Path) -> None:
    put(tmp_path / "deep" / "report")
    found = contents(tmp_path / "deep" / "report")
    manifest = json.loads(found.pop("manifest.json"))
    assert found == FILES
    assert manifest == {"seed": 0, "files": {n: hashlib.sha256(c).hexdigest() for n, c in sorted(FILES.items())}}
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["report"]


def test_the_folder_has_the_permissions_that_others_get(tmp_path: Path) -> None:
    """A temporary folder is for its owner only; a report is not."""
    (tmp_path / "ordinary").mkdir()
    put(tmp_path / "report")
    assert (tmp_path / "report").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_overwriting_leaves_nothing_of_the_old_report(tmp_path: Path) -> None:
    put(tmp_path / "report", {**FILES, "figures/old.svg": b"<svg/>"})
    put(tmp_path / "report", {"report.html": b"new"}, overwrite=True)
    assert set(contents(tmp_path / "report")) == {"report.html", "manifest.json"}
    assert [p.name for p in tmp_path.iterdir()] == ["report"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    put(tmp_path / "report")
    assert (tmp_path / "report" / "manifest.json").is_file()
    assert [p.name for p in tmp_path.iterdir()] == ["report"]


def fails_at(call: int, function: Any) -> Any:
    """*function*, with a full disk at its n-th call."""
    seen = iter(range(1_000_000))

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if next(seen) == call:
            raise OSError(errno.ENOSPC, "No space left on device")
        return function(*args, **kwargs)

    return wrapped


@pytest.mark.parametrize("stands", [True, False], ids=["over a report", "fresh"])
@pytest.mark.parametrize(
    ("owner", "name", "calls"),
    [(Path, "open", 4), (os, "fsync", 6), (os, "replace", 2), (os, "open", 1)],
)
def test_a_full_disk_leaves_the_old_report_and_no_trace(
    owner: Any, name: str, calls: int, stands: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every file, at every sync of a file or folder before the renames, at every rename."""
    folder = tmp_path / "report"
    if stands:
        put(folder, {"report.html": b"old"})
    before = contents(tmp_path)
    for call in range(calls if stands or name != "replace" else 1):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, fails_at(call, getattr(owner, name)))
            with pytest.raises(OutputError, match="No space left on device") as caught:
                put(folder, overwrite=True)
            assert caught.value.exit_code == 7
        assert contents(tmp_path) == before
        assert [p.name for p in tmp_path.iterdir()] == (["report"] if stands else [])


def test_an_interrupt_leaves_the_old_report_and_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "report", {"report.html": b"old"})
    before = contents(tmp_path)

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        put(tmp_path / "report", overwrite=True)
    assert contents(tmp_path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["report"]


def in_the_way(tmp_path: Path, kind: str) -> Path:
    """A target that must not be written to."""
    folder = tmp_path / "report"
    if kind == "symbolic link":
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    elif kind == "dangling link":
        folder.symlink_to(tmp_path / "nowhere")
    elif kind == "file":
        folder.write_text("mine")
    elif kind == "foreign folder":
        folder.mkdir()
        (folder / "thesis.tex").write_text("mine")
    elif kind == "report":
        put(folder)
    elif kind == "file above":
        folder.write_text("mine")
        folder = folder / "below"
    return folder


@pytest.mark.parametrize(
    ("kind", "overwrite", "message"),
    [
        ("symbolic link", True, "is a symbolic link"),
        ("dangling link", True, "is a symbolic link"),
        ("file", True, "is a file"),
        ("foreign folder", True, "contains other files than a report"),
        ("report", False, "already contains a report"),
        ("file above", True, "report"),
    ],
)
def test_what_stands_in_the_way_is_named_and_left_alone(
    kind: str, overwrite: bool, message: str, tmp_path: Path
) -> None:
    folder = in_the_way(tmp_path, kind)
    before = contents(tmp_path)
    with pytest.raises(OutputError, match=message) as caught:
        put(folder, overwrite=overwrite)
    assert caught.value.exit_code == 7
    assert caught.value.hint
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["report.html", "manifest.json", "figures", "tables/deep", "dangling"])
def test_a_link_inside_an_old_report_is_named_and_not_followed(name: str, tmp_path: Path) -> None:
    """At any depth, to a file, a folder or nothing; neither the report nor what the link leads to is touched."""
    (tmp_path / "precious").mkdir()
    put(tmp_path / "report")
    link = tmp_path / "report" / name
    target = tmp_path / "precious" / ("nothing" if name == "dangling" else link.name)
    if link.exists():
        link.rename(target)
    elif name != "dangling":
        target.mkdir()
        (target / "file").write_text("mine")
    link.symlink_to(target)
    before = contents(tmp_path)
    with pytest.raises(OutputError, match=f"{re.escape(str(link))} is a symbolic link") as caught:
        put(tmp_path / "report", {"report.html": b"new"}, overwrite=True)
    assert caught.value.exit_code == 7
    assert link.is_symlink()
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", [".", "report/..", "/"])
def test_a_folder_without_a_name_of_its_own_is_refused_before_a_long_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could not be moved aside."""
    put(tmp_path / "report")
    monkeypatch.chdir(tmp_path / "report" if name == "." else tmp_path)
    with foreign.unchanged(tmp_path), pytest.raises(OutputError, match="a report cannot replace this folder"):
        store.check_target(Path(name), overwrite=True)


def test_a_link_above_the_folder_is_the_users_own(tmp_path: Path) -> None:
    """People link disks."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "reports").symlink_to(tmp_path / "disk")
    put(tmp_path / "reports" / "one")
    put(tmp_path / "reports" / "one", {"report.html": b"new"}, overwrite=True)
    assert (tmp_path / "disk" / "one" / "report.html").read_bytes() == b"new"


def test_a_signal_between_the_two_renames_puts_the_old_report_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "report", {"report.html": b"old"})
    before = contents(tmp_path)
    rename = os.replace

    def terminated(source: Path, target: Path) -> None:
        if rename(source, target) is None and target != tmp_path / "report":
            raise SystemExit(143)

    monkeypatch.setattr(os, "replace", terminated)
    with pytest.raises(SystemExit):
        put(tmp_path / "report", overwrite=True)
    assert contents(tmp_path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["report"]


def test_a_report_that_was_not_touched_is_verified(tmp_path: Path) -> None:
    put(tmp_path / "report")
    (tmp_path / "report" / "notes.txt").write_text("mine")
    assert store.verify(tmp_path / "report") == (3, ("notes.txt",))
    assert store.files(tmp_path / "report") == FILES


@pytest.mark.parametrize("change", ["flip", "append", "truncate", "delete", "link", "folder"])
@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_that_was_changed_is_named(name: str, change: str, tmp_path: Path) -> None:
    put(tmp_path / "report")
    path = tmp_path / "report" / name
    content = path.read_bytes()
    path.unlink()
    if change == "flip":
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    elif change == "append":
        path.write_bytes(content + b" ")
    elif change == "truncate":
        path.write_bytes(content[:-1])
    elif change == "link":  # the same bytes, but of somebody else
        (tmp_path / "elsewhere").write_bytes(content)
        path.symlink_to(tmp_path / "elsewhere")
    elif change == "folder":
        path.mkdir()
    with pytest.raises(OutputError, match=re.escape(str(path))) as caught:
        store.verify(tmp_path / "report")
    assert caught.value.exit_code == 7


def test_all_files_that_were_changed_are_named(tmp_path: Path) -> None:
    put(tmp_path / "report")
    (tmp_path / "report" / "report.json").unlink()
    (tmp_path / "report" / "report.html").write_text("other")
    with pytest.raises(OutputError, match=r"report\.html was changed: .* \(and 1 more: .*report\.json: No such file"):
        store.verify(tmp_path / "report")
    with pytest.raises(OutputError, match="no such folder"):
        store.verify(tmp_path / "nowhere")


def test_a_folder_within_the_report_that_is_a_link_is_named(tmp_path: Path) -> None:
    put(tmp_path / "report")
    shutil.move(tmp_path / "report" / "tables", tmp_path / "elsewhere")
    (tmp_path / "report" / "tables").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="is a symbolic link"):
        store.verify(tmp_path / "report")


@pytest.mark.parametrize("name", foreign.NO_NAMES)
def test_a_manifest_that_names_anything_but_files_of_the_report_is_refused(name: str, tmp_path: Path) -> None:
    """A report may come from anybody."""
    put(tmp_path / "report")
    path = tmp_path / "report" / "manifest.json"
    path.write_text(json.dumps({"files": {name: "ab" * 32}}))
    with pytest.raises(OutputError, match=r"is not the name of a file inside the folder|half of a surrogate pair"):
        store.verify(tmp_path / "report")


def test_a_manifest_names_no_manifest_and_is_no_link(tmp_path: Path) -> None:
    """What is in its place elsewhere is not read, and is not touched."""
    put(tmp_path / "report")
    path = tmp_path / "report" / "manifest.json"
    path.write_text(json.dumps({"files": {"manifest.json": "ab" * 32}}))
    with pytest.raises(OutputError, match=r"'manifest\.json' has no hash"):
        store.verify(tmp_path / "report")
    put(tmp_path / "other")
    path.unlink()
    path.symlink_to(tmp_path / "other" / "manifest.json")
    with foreign.unchanged(tmp_path), pytest.raises(OutputError, match=r"manifest\.json: it is a symbolic link"):
        store.verify(tmp_path / "report")


@pytest.mark.parametrize("name", ["manifest.json", "report.html", "tables/tokens.csv"])
@pytest.mark.parametrize("kind", foreign.SPECIAL)
def test_what_is_no_file_or_too_large_costs_a_report_no_second(kind: str, name: str, tmp_path: Path) -> None:
    put(tmp_path / "report")
    foreign.put(kind, tmp_path / "report" / name)
    began = time.monotonic()
    with pytest.raises(OutputError, match=name):
        store.verify(tmp_path / "report")
    with pytest.raises(OutputError):
        store.files(tmp_path / "report")
    assert time.monotonic() - began < 1


def test_a_report_that_another_process_has_written_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    """As when two processes render one report: the second has read what is no longer there."""
    folder = tmp_path / "report"
    put(folder)
    read = store.manifest(folder)
    store.write(folder, {"report.html": b"first"}, facts={}, overwrite=True, replaces=read)
    with pytest.raises(OutputError, match="report: another process has written this report meanwhile") as caught:
        store.write(folder, {"report.html": b"second"}, facts={}, overwrite=True, replaces=read)
    assert caught.value.hint == "run the same command again"
    assert (folder / "report.html").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_a_report_that_was_moved_aside_when_a_process_was_killed_is_found_by_who_reads_it(tmp_path: Path) -> None:
    put(tmp_path / "report")
    before = contents(tmp_path)
    place = tmp_path / f".report{disk.PLACE}"
    place.mkdir()
    (tmp_path / "report").rename(place / disk.OLD)
    assert store.verify(tmp_path / "report") == (3, ())
    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    place.mkdir()
    (tmp_path / "report").rename(place / disk.OLD)
    with pytest.raises(OutputError, match="already contains a report"):
        store.check_target(tmp_path / "report", overwrite=False)


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"files": 1}', '{"files": {"a": 1}}', "[" * 100_000])
def test_a_folder_without_a_manifest_is_no_report(content: str | None, tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    if content is not None:
        (tmp_path / "report" / "manifest.json").write_text(content)
    with pytest.raises(OutputError, match=r"not a report folder: manifest\.json"):
        store.verify(tmp_path / "report")


FILL = """
import pathlib, resource, sys
from reportgen.report.stored import store
from reportgen.core.errors import OutputError
if sys.argv[2] != "none":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    store.write(pathlib.Path(sys.argv[1]), {"report.html": b"x" * 3_000_000}, facts={}, overwrite=True)
except OutputError as error:
    print(error.exit_code, error.message)
"""


def fill(folder: Path, limit: str) -> str:
    """Write 3 MB where there is no room for them; what the command would say."""
    command = [sys.executable, "-c", FILL, str(folder), limit]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_a_file_larger_than_is_allowed_leaves_the_old_report(tmp_path: Path) -> None:
    """The limit of the process, as a quota would set it."""
    put(tmp_path / "report")
    before = contents(tmp_path)
    assert fill(tmp_path / "report", "1000000").startswith("7 ")
    assert contents(tmp_path) == before
    assert fill(tmp_path / "report", "none") == ""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_is_full_leaves_the_old_report(tmp_path: Path) -> None:
    """A real one, of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True).returncode != 0:
        pytest.skip("no disk can be mounted here")
    try:
        put(disk / "report")
        before = contents(disk)
        assert "No space left on device" in fill(disk / "report", "none")
        assert contents(disk) == before
    finally:
        subprocess.run(["umount", disk], check=True)
