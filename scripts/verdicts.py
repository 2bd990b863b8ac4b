"""Print what tested reports say, as a table in Markdown: `python scripts/verdicts.py FOLDER` of report folders.

Comprehensiveness and sufficiency of all attention, of what the classifier reads and of the attribution, beside random
orders of the words, under every way to remove words. Then the verdicts and the view that the report opens with, under
their names in `index.csv`. The tables in docs/gallery.md are made by it.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args

from reportgen.core.nouns.faithfulness import LEVEL, VIEWS, Faithfulness, Measure, OrderName, Trial
from reportgen.core.nouns.records import Report
from reportgen.report import opening
from reportgen.report.faithfulness.names import ORDERS
from reportgen.report.stored import store

JUDGED: dict[OrderName, str] = {
    "all_attention": "`all_attention`",
    "classifier": "`classifier`",
}  # the columns of index.csv
TITLE = 30  # characters
VERDICTS = {
    "supported": "supported",
    "no-better-than-chance": "chance",
    "depends-on-removal": "depends",
    "too-little-tested": "too little",
}


def found(folder: Path) -> list[Report]:
    """The reports in the folders of *folder* that were tested, in the order of their documents."""
    reports = [store.load(path.parent) for path in folder.glob(f"*/{store.FAITHFULNESS}")]
    return sorted(reports, key=lambda report: report.example.index or 0)


def table(reports: Iterable[Report], measure: Measure = "comprehensiveness") -> str:
    """One row for every report."""
    best = "highest" if measure == "comprehensiveness" else "lowest"
    header = ["document", "predicted", "margin", "no word", "random: mean", best]
    header += [*(ORDERS[order] for order in VIEWS), *JUDGED.values(), "`view`"]
    tested = [(report, report.faithfulness) for report in reports if report.faithfulness]
    lines = [header, ["---"] * len(header), *(row(report, found, measure) for report, found in tested)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def row(report: Report, tested: Faithfulness, measure: Measure) -> list[str]:
    """A document; where words were removed in several ways, a number for each."""
    trials = [trial for trial in tested.trials if trial.measure == measure]
    best = 2 if measure == "comprehensiveness" else 1
    return [
        textwrap.shorten(report.example.title, TITLE, placeholder=" …"),
        report.prediction.labels[tested.target] if report.prediction else "–",
        f"{tested.margin:.1f}",
        both(f"{empty.margin:.1f}" for empty in tested.empty if empty.operator in {one.operator for one in trials}),
        both(f"{trial.chance[0]:.2f}" for trial in trials),
        both(f"{trial.chance[best]:.2f}" for trial in trials),
        *(both(starred(trial, order) for trial in trials) for order in VIEWS),
        *(VERDICTS[code] if (code := tested.code(order)) else "–" for order in JUDGED),
        VIEWS[opening.order(report)],
    ]


def starred(trial: Trial, order: OrderName) -> str:
    """The mean drop of the margin; with a star where hardly any random order is as good."""
    curve = trial.curve(order)
    if curve is None or curve.p is None:
        return "–"
    return f"{curve.aopc:.2f}" + ("*" if curve.p <= LEVEL else "")


def both(numbers: Iterable[str]) -> str:
    """Numbers under each way to remove words, in one cell."""
    return " / ".join(numbers)


def main(folders: Sequence[str]) -> None:
    """Print two tables for every folder."""
    for folder in folders:
        for measure in get_args(Measure):
            print(table(found(Path(folder)), measure), end="\n\n")


if __name__ == "__main__":
    main(sys.argv[1:])
