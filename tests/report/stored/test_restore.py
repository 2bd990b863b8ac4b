"""restore: plain values -> a report, or the name of the field that is wrong; and what no type can say."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reportgen.core.errors import OutputError
from reportgen.core.nouns.records import Report
from reportgen.report.stored import store
from scripts import schema
from tests import faithful, forged, reports


@pytest.mark.parametrize("name", ["report.schema.json", "manifest.schema.json"])
def test_a_published_schema_is_current_and_a_schema(name: str) -> None:
    published = (schema.DOCS / name).read_text(encoding="utf-8")
    assert published == schema.texts()[name], "run python scripts/schema.py"
    Draft202012Validator.check_schema(json.loads(published))


def test_a_manifest_matches_the_published_schema(tmp_path: Path) -> None:
    found = store.manifest(forged.write(tmp_path / "r", forged.genuine()))
    Draft202012Validator(schema.manifest_schema()).validate(found)


def test_every_forged_manifest_is_refused_by_the_name_of_its_field(tmp_path: Path) -> None:
    folder = forged.write(tmp_path / "r", forged.genuine())
    before, found = (folder / store.MANIFEST).read_bytes(), list(forged.manifests(store.manifest(folder)))
    assert len(found) > 60
    for one in found:
        (folder / store.MANIFEST).write_bytes(one.files[store.MANIFEST])
        with pytest.raises(OutputError) as raised:
            store.verify(folder)
        assert one.field is None or f" {one.field}" in raised.value.message, one.name
    (folder / store.MANIFEST).write_bytes(before)
    store.verify(folder)


@pytest.mark.parametrize(
    "report", [reports.report(), reports.several(), faithful.report()], ids=["plain", "several", "tested"]
)
def test_what_is_stored_matches_the_published_schema(report: Report) -> None:
    """The report, the test of its heatmap, and the header of its arrays."""
    whole, files = schema.schema(), store.dump(report)
    Draft202012Validator(whole).validate(json.loads(files[store.REPORT]))
    (length,) = struct.unpack("<Q", files[store.ARRAYS][:8])
    forged.validator(whole["$defs"][store.ARRAYS]).validate(json.loads(files[store.ARRAYS][8 : 8 + length]))
    if store.FAITHFULNESS in files:
        forged.validator(whole["$defs"][store.FAITHFULNESS]).validate(json.loads(files[store.FAITHFULNESS]))


def save(folder: Path, files: dict[str, bytes]) -> Path:
    """The files as they are, without a manifest."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_there_are_forgeries_of_every_kind_and_the_genuine_report_is_read(tmp_path: Path) -> None:
    assert store.load(save(tmp_path, forged.genuine())) == faithful.report()
    names = [one.name for one in forged.everything()]
    assert len(names) == len(set(names)) > 1500
    kinds = {name.rpartition(": ")[2] for name in names}
    assert {"missing", "null", "deep", "huge", "small", "large", "no such", "surrogate", "nan", "wide", "cut"} <= kinds


@pytest.mark.parametrize("step", [10, pytest.param(1, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_every_forgery_is_refused_by_the_name_of_its_field(step: int, tmp_path: Path) -> None:
    accepted, misnamed = [], []
    for one in forged.everything()[::step]:
        try:
            store.load(save(tmp_path, one.files))
            accepted.append(one.name)
        except OutputError as error:
            if one.field is not None and f" {one.field}" not in error.message:
                misnamed.append(f"{one.name}: {error.message}")
    assert accepted == []
    assert misnamed == []
