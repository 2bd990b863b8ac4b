"""tested: two tests of heatmaps -> their numbers side by side, those that the reports store."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from reportgen.compare.parts import Side
from reportgen.compare.reports import tested
from reportgen.compare.reports.comparison import compare
from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.nouns.faithfulness import Faithfulness, Verdict
from reportgen.core.nouns.records import Report
from reportgen.report import present
from tests import faithful, reports
from tests.compare.shown.test_present import run

SIDES = (Side("A", "one", "", None, "a" * 64), Side("B", "other", "", None, "b" * 64))
KEYS = ["measure", "operator", "order"]


def weaker(found: Faithfulness, part: float) -> Faithfulness:
    """The same test where every order carries a part of what it did, and the verdict is another."""
    trials = tuple(
        replace(
            trial,
            curves=tuple(
                replace(
                    curve,
                    aopc=curve.aopc * part,
                    p=0.35,
                    probabilities=tuple(
                        found.probability - (found.probability - each) * part for each in curve.probabilities
                    ),
                )
                for curve in trial.curves
            ),
        )
        for trial in found.trials
    )
    verdict = Verdict("all_attention", "no-better-than-chance", "It is no better than chance.")
    return replace(found, trials=trials, verdicts=(verdict, *found.verdicts[1:]))


def pair() -> tuple[Report, Report]:
    one = faithful.report()
    assert one.faithfulness is not None
    return one, replace(one, faithfulness=weaker(one.faithfulness, 0.25))


def put(folder: Path, report: Report) -> Path:
    present.write(report, folder, config=Config(format="tables"), clock=Clock())
    return folder


def stored(folder: Path) -> pd.DataFrame:
    """What a report says of its own test: AOPC and p of each order, and the mean of its random orders."""
    rows = pd.read_parquet(folder / "tables" / "faithfulness.parquet")
    by_draw = rows.drop_duplicates([*KEYS, "draw"])
    random = by_draw[by_draw["order"] == "random"].groupby(KEYS[:2])["aopc"].mean()
    own = by_draw[by_draw["order"] != "random"].set_index(KEYS)[["aopc", "p"]]
    own["random"] = [random[key[:2]] for key in own.index]
    return own


def test_the_numbers_are_those_that_the_two_reports_store(tmp_path: Path) -> None:
    one, other = pair()
    folders = put(tmp_path / "one", one), put(tmp_path / "other", other)
    made = run("compare", *folders, "-o", tmp_path / "compared", "--format", "html,tables,figures")
    assert made.exit_code == 0, made.output
    found = pd.read_parquet(tmp_path / "compared" / "tables" / "faithfulness.parquet").set_index(KEYS)
    assert len(found) == 20  # five orders, two measures, two ways to remove words
    for side, folder in zip("ab", folders, strict=True):
        wanted = stored(folder).loc[found.index]
        for name in ("aopc", "p", "random"):
            assert found[f"{name}_{side}"].to_numpy() == pytest.approx(wanted[name].to_numpy(), abs=1e-12), name
    assert found.loc[("comprehensiveness", "delete", "all_attention"), "p_b"] == 0.35
    html = (tmp_path / "compared" / "compare.html").read_text()
    assert "All attention of A is supported, that of B no better than chance." in html
    first = stored(folders[1]).loc[("comprehensiveness", "delete", "all_attention")]
    assert f'<td class="n">{first["aopc"]:.2f}</td>' in html
    spec = json.loads((tmp_path / "compared" / "figures" / "removed.vl.json").read_text())
    drawn = pd.DataFrame(spec["data"]["values"])
    for side, folder in zip("AB", folders, strict=True):
        rows = pd.read_parquet(folder / "tables" / "faithfulness.parquet")
        rows = rows[(rows["measure"] == "comprehensiveness") & (rows["operator"] == "delete")]
        for name, shown in (("all_attention", "all attention"), ("random", "random orders, mean")):
            wanted = rows[rows["order"] == name].groupby("share")["probability"].mean()
            line = drawn[(drawn["report"] == side) & (drawn["order"] == shown) & (drawn["share"] > 0)]
            assert line["share"].to_numpy() == pytest.approx(wanted.index.to_numpy() * 100)
            assert line["probability"].to_numpy() == pytest.approx(wanted.to_numpy(), rel=1e-3)


def test_a_report_with_another_test_is_not_the_same() -> None:
    one, other = pair()
    assert compare(one, one, SIDES).equal
    made = compare(one, other, SIDES)
    assert not made.equal
    assert "All attention of A is supported, that of B no better than chance." in made.summary


@pytest.mark.parametrize("turned", [False, True])
def test_where_one_alone_was_tested_it_is_said_with_the_command(turned: bool) -> None:
    both = (faithful.report(), reports.report())
    made = compare(*(both[::-1] if turned else both), SIDES)
    names = ("B", "A") if turned else ("A", "B")
    (section,) = (each for each in made.sections if each.key == "faithfulness")
    assert section.sentences == (
        f"All attention of {names[0]} was tested and is supported; that of {names[1]} was not tested. “reportgen "
        "faithfulness FOLDER” adds the test to a report.",
    )
    assert not made.equal
    assert "faithfulness" not in made.data


def test_without_a_test_there_is_no_section() -> None:
    one = reports.report()
    assert tested.section(one, one, lambda spec, *, key: reports.STUB_SVG) is None


def test_an_order_that_only_one_has_is_there_without_a_counterpart() -> None:
    one, other = pair()
    assert other.faithfulness is not None
    quick = replace(other.faithfulness, trials=other.faithfulness.trials[:1], depth="quick")
    table = tested.data(one, replace(other, faithfulness=quick)).to_pandas()
    assert table["aopc_a"].notna().all()
    assert table["aopc_b"].notna().sum() == 5
    section = tested.section(one, replace(other, faithfulness=quick), lambda spec, *, key: reports.STUB_SVG)
    assert section is not None
    assert section.tables[0].rows[-1][-3:] == ("–", "–", "–")
