"""The LaTeX files of a report, and manuscripts that take them in, compiled with the real engines."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from reportgen.core.characters import label
from reportgen.core.nouns.records import Report
from reportgen.report.paper.latex import files, glyphs
from tests import reports

ENGINES = ("pdflatex", "xelatex", "lualatex")
FOUND = all(map(shutil.which, (*ENGINES, "bibtex", "pdftotext")))
no_tex = pytest.mark.skipif(not FOUND and "CI" not in os.environ, reason="TeX or pdftotext is not installed")
engines = pytest.mark.parametrize("engine", ENGINES)


def needs_tex(test: Callable[..., None]) -> Callable[..., None]:
    """A test that calls an engine, which takes seconds."""
    marked: Callable[..., None] = pytest.mark.slow(no_tex(test))
    return marked


def installed(name: str) -> bool:
    """Whether TeX finds a file; in CI everything has to be there."""
    if "CI" in os.environ:
        return True
    return bool(subprocess.run(["kpsewhich", name], capture_output=True, check=False).stdout)


def parts(report: Report) -> tuple[object, ...]:
    """What the files are made of."""
    made = reports.parts(report)
    top = next((table for table in made.tables if table.key == "top-tokens"), None)
    return report, made.views[0], made.lines[0], top


def made(report: Report) -> dict[str, bytes]:
    """The files of a report."""
    given = parts(report)
    return files.files(*given, glyphs.sheet(files.glyph_runs(*given)))  # type: ignore[arg-type, call-arg]


def write(folder: Path, report: Report) -> Path:
    """The same on disk."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in made(report).items():
        (folder / name).write_bytes(content)
    return folder


def run(folder: Path, engine: str, name: str) -> tuple[int, str]:
    """Exit code and log of an engine that may run no program."""
    command = [engine, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", name]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=300, check=False)
    return done.returncode, (folder / name).with_suffix(".log").read_bytes().decode(errors="replace")


def overfull(log: str, least: float = 1) -> list[str]:
    """What sticks out by more than *least* points."""
    found = re.finditer(r"Overfull \\[hv]box \((\S+)pt .*", log)
    return [one[0] for one in found if float(one[1]) > least]


def compile_clean(folder: Path, engine: str, name: str, *, times: int = 1) -> str:
    """The text of the PDF; nothing sticks out, no character is missing, nothing is warned of."""
    for _ in range(times):
        code, log = run(folder, engine, name)
        assert code == 0, log[-2000:]
    assert not overfull(log)
    assert not re.findall(r".*(?:Warning|warning|Missing character).*", log)
    return text(folder / Path(name).with_suffix(".pdf"))


def text(path: Path) -> str:
    """What a PDF says, in the order of its content."""
    read = subprocess.run(["pdftotext", "-raw", path, "-"], capture_output=True, check=True)
    return read.stdout.decode().replace("\f", "\n")


def squeezed(text: str) -> str:
    """Text without white space and joiners, one code for one letter: how a line was broken is not compared."""
    shown = "".join(f"U+{ord(c):04X}" if label(c) else c for c in text.replace("\r\n", "\n"))
    return "".join(unicodedata.normalize("NFKC", re.sub("[\u200c\u200d\u202a-\u202e\u2066-\u2069]", "", shown)).split())


def manuscript(folder: Path, inputs: list[str], *, options: str = "", before: str = "", after: str = "") -> str:
    """A manuscript that takes in the files of several folders."""
    taken = "\n".join(
        rf"\input{{{name}/heatmap}}"
        + (rf"\input{{{name}/top_tokens}}" if (folder / name / "top_tokens.tex").exists() else "")
        for name in inputs
    )
    (folder / "paper.tex").write_text(
        rf"""\documentclass[{options}]{{article}}
\ifdefined\Umathcode\else\input{{glyphtounicode}}\pdfgentounicode=1\fi
\usepackage{{xcolor,booktabs}}\pagestyle{{empty}}
\begin{{document}}
{before}
{taken}
{after}
\end{{document}}
"""
    )
    return "paper.tex"
