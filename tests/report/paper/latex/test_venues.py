"""The widths of venues, as the manual and the option have them, are those of TeX."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from reportgen.core import widths
from tests import tex

NEURIPS = r"\geometry{textheight=9in,textwidth=5.5in,top=1in,headheight=12pt,headsep=25pt,footskip=30pt}"
PREAMBLES = {
    "acl": r"\documentclass[11pt,twocolumn,a4paper]{article}\usepackage[margin=2.5cm]{geometry}\columnsep.6cm",
    "acm": r"\documentclass[sigconf,nonacm]{acmart}",
    "ieee": r"\documentclass[conference]{IEEEtran}",
    "neurips": rf"\documentclass{{article}}\usepackage[letterpaper]{{geometry}}{NEURIPS}",
    "llncs": r"\documentclass{llncs}",
    "elsevier": r"\documentclass[5p,twocolumn]{elsarticle}",
    "article": r"\documentclass{article}",
}


def test_the_manual_has_every_venue_with_its_widths() -> None:
    page = Path(__file__).parents[4].joinpath("docs", "papers.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([\d.]*) ?\| ([\d.]+) \|$", page, re.MULTILINE)
    said = {name: tuple(float(width) for width in found if width) for name, *found in rows}
    assert said == {name: tuple(round(width, 1) for width in found) for name, found in widths.VENUES.items()}
    assert set(PREAMBLES) == set(widths.VENUES)


@tex.needs_tex
@pytest.mark.parametrize("venue", widths.VENUES)
def test_tex_has_the_same_widths(venue: str, tmp_path: Path) -> None:
    preamble = PREAMBLES[venue]
    name = re.findall(r"\\documentclass.*?{(\w+)}", preamble)[0] + ".cls"
    if not tex.installed(name):
        pytest.skip(f"not installed: {name}")
    own = widths.VENUES[venue]
    body = r"\begin{figure}\typeout{column=\the\columnwidth, text=\the\textwidth.}\caption{x}\end{figure}x"
    if venue == "acm":
        body = r"\title{T}\author{A}\affiliation{\institution{B}\country{C}}\maketitle" + body
    (tmp_path / "x.tex").write_text(f"{preamble}\\begin{{document}}{body}\\end{{document}}")
    done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "x"], cwd=tmp_path, capture_output=True, check=False)
    said = re.search(rb"column=([\d.]+)pt, text=([\d.]+)pt\.", done.stdout)
    assert said is not None
    column, text = map(float, said.groups())
    assert text == pytest.approx(own[-1], abs=0.01)
    assert column == pytest.approx(own[0], abs=0.01)
