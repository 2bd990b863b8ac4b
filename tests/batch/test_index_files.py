"""The index of a batch: a column for the verdict on the heatmap, where heatmaps were tested."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

from reportgen.batch import index_files
from reportgen.batch.units import Outcome

PLAIN = Outcome("a-0", 0, None, "A title", label="left", predicted="left", probability=0.8, verdict="right", tokens=5)


def index(tmp_path: Path, *outcomes: Outcome) -> tuple[str, list[dict[str, str]]]:
    """The page, and the rows of the file for programs."""
    index_files.write(tmp_path, "small", outcomes, {}, total=len(outcomes), page="report.html")
    rows = csv.DictReader(io.StringIO((tmp_path / "index.csv").read_text(encoding="utf-8-sig")))
    return (tmp_path / "index.html").read_text(), list(rows)


def test_a_tested_heatmap_has_its_verdict_in_words_and_as_a_code(tmp_path: Path) -> None:
    tested = replace(PLAIN, all_attention="no-better-than-chance", view="All attention")
    page, rows = index(tmp_path, tested, replace(PLAIN, name="a-1", index=1))
    assert page.count("<td>All attention: no better than chance</td>") == 1
    assert page.count("<td>not tested</td>") == 1
    assert [row["all_attention"] for row in rows] == ["no-better-than-chance", ""]
    assert [row["view"] for row in rows] == ["All attention", ""]
    assert Outcome.restored(tested.plain()) == tested


def test_where_nothing_was_tested_the_page_has_no_such_column(tmp_path: Path) -> None:
    page, rows = index(tmp_path, PLAIN)
    assert "Faithfulness" not in page
    assert rows[0]["view"] == ""
