"""Every forgery through every command that reads a folder: refused or left out, in time, nothing outside it touched.

The hashes in the manifests are right: whoever forges a report forges them too.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from reportgen import cli
from reportgen.report.stored import store
from tests import batches, foreign, forged

ALL = pytest.param(1, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])
MOST_SECONDS = 5
AT_ONCE = 40  # reports of a batch


def call(*words: object) -> Result:
    """A command in this process."""
    return CliRunner().invoke(cli.main, list(map(str, words)), prog_name="reportgen")


@contextmanager
def in_time(what: str, count: int = 1) -> Iterator[None]:
    """So many forgeries take no longer than that."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < MOST_SECONDS * count, f"{what} took too long"


def chosen(step: int) -> list[forged.Forgery]:
    """Every so many-th forgery."""
    return list(forged.everything()[::step])


@pytest.mark.parametrize("step", [10, ALL])
def test_a_forged_report_is_refused_by_name_and_nothing_is_written(step: int, here: Path) -> None:
    foreign.canary(here / "canary")
    assert call("verify", forged.write(here / "report", forged.genuine())).exit_code == 0
    wrong = []
    for one in chosen(step):
        forged.write(here / "report", one.files)
        again = ("rerun report --offline", "faithfulness report --offline")
        for command in ("verify report", "render report", "render report -o other", *again):
            with in_time(f"{command}: {one.name}"), foreign.unchanged(here):
                result = call(*command.split())
            named = result.exit_code == 7 and (one.field is None or f" {one.field}" in result.stderr)
            if not named or "Traceback" in result.stderr:
                wrong.append((command, one.name, result.exit_code, repr(result.exception), result.stderr))
    assert wrong == []


@pytest.mark.parametrize("step", [10, ALL])
def test_a_site_leaves_every_forged_report_out_and_says_so(step: int, here: Path) -> None:
    found = chosen(step)
    foreign.canary(here / "canary")
    forged.write(here / "reports" / "genuine", forged.genuine())
    for number, one in enumerate(found):
        forged.write(here / "reports" / f"forged-{number}", one.files)
    with in_time("site build", len(found)), foreign.unchanged(here / "reports"), foreign.unchanged(here / "canary"):
        result = call("site", "build", "reports", "-o", "site", "--workers", 1)
    assert result.exit_code == 0, result.stderr
    index = json.loads((here / "site" / "index.json").read_text())
    assert [report["name"] for report in index["reports"]] == ["genuine"]
    told = {n for n in range(len(found)) if f"forged-{n}:" in result.stderr}
    assert [one.name for n, one in enumerate(found) if n not in told] == []


@pytest.mark.parametrize("step", [50, ALL])
def test_a_batch_that_continues_makes_forged_reports_again(
    step: int, here: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", batches.EPOCH)
    foreign.canary(here / "canary")
    config = batches.config(folder, batches.rows(here / "data.jsonl", AT_ONCE), here / "out")
    names, wanted = sorted(batches.names(batches.make(config))), batches.contents(here / "out")
    rest = iter(chosen(step))
    for some in iter(lambda: list(itertools.islice(rest, AT_ONCE)), []):
        for name, one in zip(names, some, strict=False):
            place = here / "out" / name
            facts = store.manifest(place)
            forged.write(place, one.files, **{key: value for key, value in facts.items() if key != "files"})
        with foreign.unchanged(here / "canary"):
            made = batches.make(config)
        assert made.made == len(some)
        assert batches.contents(here / "out") == wanted
