"""The files in manuscripts of the classes that people use, in every engine, with the packages that come with them.

Every class meets every engine; languages and ways to cite go round, so that each of them meets each engine, too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from reportgen.core.nouns.records import Report
from reportgen.report.paper import figures
from reportgen.report.paper.latex import citation, tables
from tests import faithful, reports, tex

LANGUAGES = ("english", "greek", "french", "ngerman", "spanish", "russian")
LDF = {"russian": "russianb", "ngerman": "ngermanb"}
CITES = ("natbib", "biblatex", "plain")
ARTICLE = {f"article-{size}pt{columns}": rf"\documentclass[{size}pt{columns and ',twocolumn'}]{{article}}"
           for size, columns in product((10, 11, 12), ("", "-2"))}  # fmt: skip
CLASSES = ARTICLE | {
    "acl": r"\documentclass[11pt,twocolumn,a4paper]{article}\usepackage[margin=2.5cm]{geometry}\columnsep.6cm",
    "acmart-sigconf": r"\documentclass[sigconf,nonacm]{acmart}",
    "acmart-acmsmall": r"\documentclass[acmsmall,nonacm]{acmart}",
    "acmart-manuscript": r"\documentclass[manuscript,nonacm]{acmart}",
    "beamer": r"\documentclass{beamer}",
    "elsarticle": r"\documentclass[twocolumn,5p]{elsarticle}",
    "ieeetran": r"\documentclass[conference]{IEEEtran}",
    "koma": r"\documentclass{scrartcl}",
    "koma-2": r"\documentclass[twocolumn]{scrartcl}",
    "llncs": r"\documentclass{llncs}",
    "memoir": r"\documentclass{memoir}",
    "revtex": r"\documentclass[twocolumn,aps]{revtex4-2}",
}
# What a class brings itself, or cannot be without.
OWN_NATBIB = {"acmart-sigconf", "acmart-acmsmall", "acmart-manuscript", "elsarticle", "revtex"}
OWN_HYPERREF = {"acmart-sigconf", "acmart-acmsmall", "acmart-manuscript", "beamer"}
STYLE = {
    "acmart": "ACM-Reference-Format", "elsarticle": "elsarticle-harv", "ieeetran": "IEEEtranN", "revtex": "apsrev4-2",
}  # fmt: skip

WORDS = "Größe naïve Łódź ελληνικά Nguyễn 漢字 שלום العربية internationalisation pneumonoultramicroscopicsilico"


class Case(NamedTuple):
    """A manuscript."""

    name: str  # of the class
    engine: str
    language: str
    cite: str
    hyperref: bool


def cases() -> Iterator[Case]:
    """Every class with every engine; the rest in turn."""
    for row, name in enumerate(CLASSES):
        for column, engine in enumerate(tex.ENGINES):
            cite = CITES[(row + column) % 3]
            if name in OWN_NATBIB:
                cite = "natbib"
            hyperref = (row + column) % 2 == 0 and name not in OWN_HYPERREF
            yield Case(name, engine, LANGUAGES[(row + 2 * column) % len(LANGUAGES)], cite, hyperref)


def test_every_class_language_and_way_to_cite_meets_every_engine() -> None:
    found = list(cases())
    for field in ("name", "language", "cite", "hyperref"):
        values = {getattr(case, field) for case in found}
        assert {(getattr(case, field), case.engine) for case in found} == set(product(values, tex.ENGINES)), field
    assert {(case.language, case.cite) for case in found} == set(product(LANGUAGES, CITES))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a short report whose words are long, of many scripts, and in several tokens."""
    folder = tmp_path_factory.mktemp("classes")
    report = of_words()
    tex.write(folder / "report", report)
    (folder / "report" / "faithfulness.tex").write_text(tables.aopc_table(report, faithful.faithfulness()))
    chart = reports.example_parts().charts[2]
    drawn = figures.files((chart,), None, widths={"column": 215.0}, font=None)
    (folder / "report" / "chart.pdf").write_bytes(drawn[f"{chart.key}-column.pdf"])
    return folder


def of_words() -> Report:
    """A report with titles that a caption must set."""
    spans = [found.span() for found in re.finditer(r"\w{1,20}|[^\w\s]", WORDS)]
    cut = [part for a, b in spans for part in (((a, a + 3), (a + 3, b)) if b - a in (4, 5, 6, 7) else ((a, b),))]
    report = reports.report(WORDS, read=reports.tokens(WORDS, spans=cut))
    return replace(report, example=replace(report.example, title="„Über ñé“: 100 % <of> a\\b, ‘x’ & 漢字"))


def written(case: Case) -> str:
    """The source of the manuscript."""
    beamer = case.name == "beamer"
    preamble = [CLASSES[case.name], r"\usepackage{iftex}\iftutex\else\usepackage[T1]{fontenc}\fi"]
    if case.language == "english":
        preamble.append(r"\newcommand\latin{}")
    else:
        preamble.append(
            rf"\usepackage[english,main={case.language}]{{babel}}\newcommand\latin{{\selectlanguage{{english}}}}"
        )
        if case.language in ("greek", "russian") and "acmart" not in case.name:  # Latin Modern has no such letters
            preamble.append(r"\iftutex\babelfont{rm}{cmunrm.otf}\babelfont{sf}{cmunss.otf}\fi")
    preamble.append(r"\usepackage{xcolor,booktabs,graphicx,import}")
    if case.cite == "biblatex":
        preamble.append(r"\usepackage[backend=biber,style=authoryear]{biblatex}\addbibresource{report/citation.bib}")
    elif case.cite == "natbib" and case.name not in OWN_NATBIB:
        preamble.append(r"\usepackage{natbib}")
    if case.hyperref:
        preamble.append(r"\usepackage{hyperref}")
    keys = ",".join(re.findall(r"^@\w+{(.*),$", citation.citation(of_words()), re.MULTILINE))
    style = STYLE.get(case.name.split("-")[0], "plainnat") if case.cite == "natbib" else "plain"
    sources = rf"\bibliographystyle{{{style}}}\bibliography{{report/citation}}"
    if case.cite == "biblatex":
        sources = r"\printbibliography"
    frame = (r"\begin{frame}", r"\end{frame}") if beamer else ("", "")
    taken = [
        r"\begin{figure}\subimport{report/}{heatmap}\caption{Heatmap}\end{figure}",
        r"\input{report/top_tokens}",
        r"\input{report/faithfulness}",
        r"\begin{figure}\centering\includegraphics[width=\linewidth,height=.6\textheight,keepaspectratio]{report/chart}\caption{Chart}\end{figure}",
        rf"\sloppy\latin See \ref{{tab:top-tokens-small-0}} and \ref{{tab:faithfulness-small-0}}, \cite{{{keys}}}.",
    ]
    ends = [rf"\begin{{frame}}[allowframebreaks]\latin\sloppy{sources}\end{{frame}}"] if beamer else [sources]
    frames = [f"{frame[0]}{one}{frame[1]}" for one in taken]
    head = r"\title{T}\author{A}\maketitle" if case.name not in ("beamer", "acmart", "elsarticle") else ""
    return "\n".join([*preamble, r"\begin{document}", head, *frames, *ends, r"\end{document}", ""])


def missing(case: Case) -> list[str]:
    """What this machine lacks for a case."""
    styles = [
        re.findall(r"\\documentclass.*?{([\w-]+)}", CLASSES[case.name])[0] + ".cls",
        f"{LDF.get(case.language, case.language)}.ldf",
    ]
    programs = [case.engine, "biber" if case.cite == "biblatex" else "bibtex", "pdftotext"]
    found = subprocess.run(["kpsewhich", *styles], capture_output=True, text=True, check=False).stdout
    return [one for one in styles if one not in found] + [one for one in programs if not shutil.which(one)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=pytest.mark.xdist_group(f"classes-{number % 4}"), id="-".join(map(str, case[:4])))
        for number, case in enumerate(cases())
    ],
)
def test_a_manuscript_takes_the_files_in(case: Case, folder: Path, tmp_path: Path) -> None:
    lacking = [] if "CI" in os.environ else missing(case)
    if lacking:
        pytest.skip(f"not installed: {', '.join(lacking)}")
    shutil.copytree(folder / "report", tmp_path / "report")
    (tmp_path / "paper.tex").write_text(written(case), encoding="utf-8")
    code, log = tex.run(tmp_path, case.engine, "paper.tex")
    assert code == 0, log[-3000:]
    program = "biber" if case.cite == "biblatex" else "bibtex"
    done = subprocess.run([program, "paper"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    for _ in range(2):
        code, log = tex.run(tmp_path, case.engine, "paper.tex")
        assert code == 0, log[-3000:]
    assert not tex.overfull(log)
    assert "Missing character" not in log
    assert not re.findall(r".*(?:Citation|Reference).*undefined.*", log)
    said = tex.squeezed(tex.text(tmp_path / "paper.pdf")).casefold()  # some classes have captions in small capitals
    for word in ("„Überñé“:100%<of>a\\b,‘x’&漢字", "Größe", "Łódź", "ελληνικά", "Bestrankinahead", "AOPCofallatten"):
        assert tex.squeezed(word).casefold() in said
