"""Faithfulness of two batches: verdicts, effects over random orders and mean curves, paired by document."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests import corpora
from tests.compare.reports.test_tested import stored, weaker
from tests.compare.shown.test_present import run

PARTS = {0: 0.25, 2: 0.5, 4: 0.9, 6: 1.0}  # of the effect that is left in B, by document


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two batches of five documents; A tests four of them, B these and one more."""
    folder = tmp_path_factory.mktemp("tested")
    for number in (0, 2, 4, 6, 8):
        one = corpora.report(number, tested=number in PARTS)
        corpora.write(folder / "a", one)
        other = corpora.report(number, tested=True)
        assert other.faithfulness is not None
        part = PARTS.get(number, 1.0)
        corpora.write(
            folder / "b", replace(other, faithfulness=weaker(other.faithfulness, part)) if part < 1 else other
        )
    made = run("compare", folder / "a", folder / "b", "-o", folder / "compared", "--format", "html,tables,figures")
    assert made.exit_code == 0, made.output
    return folder


def test_effects_are_those_of_the_reports_with_the_interval_of_their_differences(folder: Path) -> None:
    found = pd.read_parquet(folder / "compared" / "tables" / "effects.parquet").set_index(
        ["measure", "operator", "order"]
    )
    own = [[stored(folder / side / f"doc-{number}").eval("aopc - random") for number in PARTS] for side in ("a", "b")]
    for key, row in found.iterrows():
        mine, theirs = (np.array([each[key] for each in side]) for side in own)
        change = theirs - mine
        half = stats.t.ppf(0.975, 3) * change.std(ddof=1) / 2
        assert row["documents"] == len(PARTS)
        wanted = (mine.mean(), theirs.mean(), change.mean(), change.mean() - half, change.mean() + half)
        assert tuple(row[["a", "b", "change", "low", "high"]]) == pytest.approx(wanted, abs=1e-9)
    assert len(found) == 20


def test_verdicts_are_counted_over_the_documents_that_both_have_tested(folder: Path) -> None:
    html = (folder / "compared" / "compare.html").read_text()
    assert not re.search(r">-[0-9.]+<", html)  # every minus is one
    assert "Of 4 documents tested in both, all attention is supported in 4 in A and 1 in B." in html
    documents = pd.read_parquet(folder / "compared" / "tables" / "documents.parquet").set_index("document_a")
    assert documents.loc["doc-8", "all_attention_a"] == ""
    assert documents.loc["doc-8", "all_attention_b"] == "supported"


def test_the_curves_are_means_over_the_documents_of_both(folder: Path) -> None:
    spec = json.loads((folder / "compared" / "figures" / "removed.vl.json").read_text())
    drawn = pd.DataFrame(spec["data"]["values"])
    assert len(drawn) == 20  # two sides, two orders, five shares
    for side in "ab":
        rows = pd.concat(
            pd.read_parquet(folder / side / f"doc-{number}" / "tables" / "faithfulness.parquet").assign(n=number)
            for number in PARTS
        )
        rows = rows[(rows["measure"] == "comprehensiveness") & (rows["operator"] == "delete")]
        for name, shown in (("all_attention", "all attention"), ("random", "random orders, mean")):
            by_document = rows[rows["order"] == name].groupby(["n", "share"])["probability"].mean()
            line = drawn[(drawn["report"] == side.upper()) & (drawn["order"] == shown)]
            wanted = by_document.groupby("share").mean()
            assert line["probability"].to_numpy() == pytest.approx(wanted.to_numpy(), rel=1e-3)


def test_where_no_document_was_tested_in_both_it_is_said(folder: Path, tmp_path: Path) -> None:
    corpora.write(tmp_path / "a", corpora.report(0))
    made = run("compare", tmp_path / "a", folder / "b", "-o", tmp_path / "compared", "--format", "html")
    assert made.exit_code == 0, made.output
    assert "All attention was tested in 0 documents of A and 1 of B, in none of both." in made.stdout
