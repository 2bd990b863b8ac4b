"""What `doctor` says of this machine, and of one on which something is missing."""

from __future__ import annotations

import json
from importlib import metadata
from typing import Any

import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement

from reportgen import cli, doctor
from reportgen.core.errors import OutputError
from reportgen.report.paper import typesetting


def kinds(items: Any) -> dict[str, str]:
    return {item.kind: item.state for item in items}


def test_this_machine_can_make_a_report() -> None:
    result = CliRunner().invoke(cli.main, ["doctor", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert {"reportgen", "packages", "device", "PDF", "fonts", "TeX", "browser", "cache"} <= {
        one["kind"] for one in found
    }
    assert all(one["hint"] for one in found if one["state"] != "ok")
    assert metadata.version("reportgen") in found[0]["said"]
    assert any("torch" in one["said"] for one in found if one["kind"] == "device")


def test_a_package_that_is_missing_or_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = ["numpy>=1000", "no-such-package>=1", "click>=8", 'ray>=9999; extra == "ray"', 'pytest; extra == "dev"']
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: declared)
    first, second = doctor.packages()
    assert first.state == "missing"
    assert f"numpy {metadata.version('numpy')} does not fit >=1000" in first.said
    assert "no-such-package is not installed" in first.said
    assert second.state == "note"
    assert second.hint.endswith('-m pip install "reportgen[ray]"')
    assert doctor._problem(Requirement("numpy>=1")) == ""


def test_a_script_without_a_font_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typesetting, "typeset", lambda html: typesetting.Typeset(b"", ("漢", "😀")))
    _, fonts, without = doctor.pages()
    assert fonts.said.startswith("Latin, Greek, Cyrillic")
    assert without.state == "note"
    assert "Chinese, Japanese, Korean; emoji" in without.said
    assert "fonts-noto-cjk fonts-noto-color-emoji" in without.hint


def test_without_pango_something_is_missing_and_the_exit_code_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OutputError("the PDF needs system libraries", hint="apt-get install libpango-1.0-0")

    monkeypatch.setattr(typesetting, "check_engine", fail)
    result = CliRunner().invoke(cli.main, ["doctor"])
    assert result.exit_code == 7
    assert "missing  PDF" in result.stdout
    assert "apt-get install libpango-1.0-0" in result.stdout
    assert "error: 1 thing is missing" in result.stderr


def test_programs_that_are_not_here_are_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert kinds(doctor.programs()) == {"TeX": "note", "browser": "note"}


def test_a_full_or_closed_disk_and_a_wrong_variable_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setattr(doctor, "LEAST_FREE", 1e18)
    cache = next(iter(doctor.folders()))
    assert (cache.state, "REPORTGEN_CACHE" in cache.hint) == ("note", True)
    said = list(doctor.variables())
    assert [one.state for one in said] == ["ok", "missing"]
    assert "hf_secret" not in said[0].said
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    assert "cannot be written" in next(iter(doctor.folders())).said
