"""restore: plain values -> a report, or the name of the field that is wrong; and what no type can say."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reportgen.core.errors import OutputError
from reportgen.core.records import Report
from reportgen.report import store
from scripts import schema
from tests import faithful, forged, reports


def test_the_published_schema_is_current_and_a_schema() -> None:
    assert schema.FILE.read_text(encoding="utf-8") == schema.text(), "run python scripts/schema.py"
    Draft202012Validator.check_schema(schema.schema())


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


@pytest.mark.parametrize("step", [10, pytest.param(1, marks=pytest.mark.slow)])
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
