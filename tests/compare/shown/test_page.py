"""page: a comparison -> HTML whose lines, where colours are forced, are those of the page of a report."""

from __future__ import annotations

import re
from pathlib import Path

from reportgen.compare.shown import page

FORCED = Path(__file__).parents[3] / "templates" / "css" / "forced.css"


def test_lines_below_the_words_are_those_of_a_report() -> None:
    sheet = FORCED.read_text()
    rules = re.findall(r":is\(span, td\):is\(([^)]*)\).* border-bottom: (\d)px", sheet)
    width = {int(heat): int(thick) for classes, thick in rules for heat in re.findall(r"\.h(\d+)", classes)}
    (dashed,) = re.findall(r"span:is\(([^)]*)\) \{ border-bottom-style: dashed", sheet)
    assert len(rules) == 4
    assert width == {heat: thick for thick, *sides in page.LINES for heats in sides for heat in heats}
    assert set(map(int, re.findall(r"\.h(\d+)", dashed))) == {
        heat for _, _, against, _ in page.LINES for heat in against
    }
