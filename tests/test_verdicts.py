"""The table of verdicts says what the reports say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reportgen.batch import index_files
from reportgen.core.nouns.faithfulness import Verdict
from reportgen.report.stored import store
from scripts import verdicts
from tests import faithful, reports


def cells(line: str) -> list[str]:
    return line.strip("| ").split(" | ")


def test_a_table_has_every_tested_report_in_the_order_of_the_documents(tmp_path: Path) -> None:
    made = faithful.report()
    for place, name in ((1, "first"), (0, "second")):
        one = replace(made, example=replace(made.example, index=place, name=name, title=f"Document {place}"))
        store.write(tmp_path / name, store.dump(one), facts={}, overwrite=False)
    store.write(tmp_path / "untested", store.dump(reports.report()), facts={}, overwrite=False)
    header, rule, *rows = verdicts.table(verdicts.found(tmp_path)).splitlines()
    assert len(cells(header)) == len(cells(rule))
    assert [cells(row)[0] for row in rows] == ["Document 0", "Document 1"]
    deleted, masked = (made.faithfulness.trial("comprehensiveness", operator) for operator in ("delete", "mask"))
    numbers = dict(zip(cells(header), cells(rows[0]), strict=True))
    assert numbers["margin"] == f"{made.faithfulness.margin:.1f}"
    assert numbers["highest"] == f"{deleted.chance[2]:.2f} / {masked.chance[2]:.2f}"
    assert (
        numbers["all attention"]
        == f"{deleted.curve('all_attention').aopc:.2f}* / {masked.curve('all_attention').aopc:.2f}*"
    )
    assert numbers["no word"] == " / ".join(f"{one.margin:.1f}" for one in made.faithfulness.empty)
    assert numbers["predicted"] == made.prediction.labels[made.faithfulness.target]
    row = deleted.curve("classifier").aopc, masked.curve("classifier").aopc
    assert numbers["what the classifier reads"] == "{:.2f}* / {:.2f}*".format(*row)
    assert numbers["`all_attention`"] == numbers["`classifier`"] == "supported"
    assert numbers["`view`"] == "What the classifier reads"


def test_each_view_has_its_own_verdict_under_its_name_in_the_index_of_a_batch() -> None:
    made = faithful.report()
    tested = faithful.faithfulness(made, verdicts=(Verdict("classifier", "no-better-than-chance", "It is not."),))
    header, _, row = verdicts.table([replace(made, faithfulness=tested)]).splitlines()
    numbers = dict(zip(cells(header), cells(row), strict=True))
    named = [name.strip("`") for name in numbers if name.startswith("`")]
    assert named == [name for name in index_files.COLUMNS if name in {"all_attention", "classifier", "view"}]
    assert (numbers["`all_attention`"], numbers["`classifier`"]) == ("–", "chance")


def test_a_table_of_sufficiency_has_its_trials_alone(tmp_path: Path) -> None:
    made = faithful.report()
    header, _, row = verdicts.table([made], "sufficiency").splitlines()
    kept = [trial for trial in made.faithfulness.trials if trial.measure == "sufficiency"]
    numbers = dict(zip(cells(header), cells(row), strict=True))
    assert kept
    assert numbers["lowest"] == " / ".join(f"{trial.chance[1]:.2f}" for trial in kept)
    assert len(numbers["no word"].split(" / ")) == len(kept)


def test_long_titles_end_with_an_ellipsis() -> None:
    made = faithful.report()
    long = replace(made, example=replace(made.example, title="word " * 20))
    title = cells(verdicts.table([long]).splitlines()[-1])[0]
    assert title == "word word word word word …"


def test_only_an_order_that_beats_the_random_ones_has_a_star() -> None:
    trial = faithful.report().faithfulness.trial("comprehensiveness")
    assert trial.curve("reading-order").p == 0.8
    assert not verdicts.starred(trial, "reading-order").endswith("*")
    assert verdicts.starred(replace(trial, curves=()), "all_attention") == "–"


@pytest.mark.parametrize(("p", "star"), [(0.05, "*"), (0.1, "")])
def test_the_star_is_given_up_to_five_percent(p: float, star: str) -> None:
    trial = faithful.report().faithfulness.trial("comprehensiveness")
    heatmap = replace(trial.curve("all_attention"), p=p)
    assert verdicts.starred(replace(trial, curves=(heatmap,)), "all_attention") == f"{heatmap.aopc:.2f}{star}"
