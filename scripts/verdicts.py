"""Print what tested reports say, as a table in Markdown: `python scripts/verdicts.py FOLDER` of report folders.

Comprehensiveness of the heatmap, the classifier's row and the attribution, beside random orders of the words, under
every way to remove words. The tables in docs/gallery.md are made by it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from reportgen.core.nouns.faithfulness import Faithfulness, OrderName, Trial
from reportgen.core.nouns.records import Report
from reportgen.report.stored import store

ORDERS: dict[OrderName, str] = {"heatmap": "heatmap", "classifier": "classifier's row", "attribution": "attribution"}
CHANCE = 0.05  # p up to which an order has a star
VERDICTS = {
    "supported": "supported",
    "no-better-than-chance": "chance",
    "depends-on-removal": "depends",
    "look-only": "a look",
}


def found(folder: Path) -> list[Report]:
    """The reports in the folders of *folder* whose heatmap was tested, in the order of their documents."""
    reports = [store.load(path.parent) for path in folder.glob(f"*/{store.FAITHFULNESS}")]
    return sorted(reports, key=lambda report: report.example.index or 0)


def table(reports: Iterable[Report]) -> str:
    """One row for every report."""
    tested = [(report.example.title, report.faithfulness) for report in reports if report.faithfulness]
    header = ["document", "margin", "random: mean", "highest", *ORDERS.values(), "heatmap is"]
    lines = [header, ["---"] * len(header), *(row(name, one) for name, one in tested)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def row(name: str, tested: Faithfulness) -> list[str]:
    """A document; where words were removed in two ways, both numbers."""
    trials = [trial for trial in tested.trials if trial.measure == "comprehensiveness"]
    chance = [trial.chance for trial in trials]
    verdict = VERDICTS[tested.verdict.code] if tested.verdict else "–"
    cells = [name, f"{tested.margin:.1f}", both(f"{mean:.2f}" for mean, _, _ in chance)]
    cells.append(both(f"{highest:.2f}" for _, _, highest in chance))
    return [*cells, *(both(starred(trial, order) for trial in trials) for order in ORDERS), verdict]


def starred(trial: Trial, order: OrderName) -> str:
    """The mean drop of the margin; with a star where hardly any random order is as good."""
    curve = trial.curve(order)
    if curve is None or curve.p is None:
        return "–"
    return f"{curve.aopc:.2f}" + ("*" if curve.p <= CHANCE else "")


def both(numbers: Iterable[str]) -> str:
    """Numbers under each way to remove words, in one cell."""
    return " / ".join(numbers)


def main(folders: Sequence[str]) -> None:
    """Print a table for every folder."""
    for folder in folders:
        print(table(found(Path(folder))), end="\n\n")


if __name__ == "__main__":
    main(sys.argv[1:])
