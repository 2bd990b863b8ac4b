"""tables: any tables -> sources that compile in every engine, whatever names and words are in them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from reportgen.core.nouns.records import Prediction, Report
from reportgen.report.paper.latex import tables
from reportgen.report.parts import Table
from tests import faithful, reports
from tests.compare.reports.test_tested import weaker
from tests.compare.shown.test_present import put, run
from tests.tex import compile_clean, engines, needs_tex, squeezed

LABELS = (r"50%_{a&b}#1~^\x$y$ \input{secret}", "مرحبا بالعالم", "中文标签，很长的一个名字")
WORDS = r"R&D 100% of_it #1 ~x^2 \end{document} السلام عليكم 漢字かな交じり文 Größe ελληνικά"


def source(table: Table, room: str = "corpus") -> str:
    found = tables.of_all([table], room=room)
    return found[f"{table.key}.tex"].decode()


def test_a_table_is_ascii_with_a_label_of_its_room() -> None:
    made = source(Table("x.1", "A 5% share, −1", ("Word", "−"), (False, True), (("a_b", "−1"),)))
    assert made.isascii()
    assert r"\reportgencell{a\textunderscore{}b} & $-$1 \tabularnewline" in made
    assert r"\caption[\reportgenlist{A 5\% share, $-$1}]{\reportgenlatin A 5\% share, $-$1}%" in made
    assert r"\label{tab:corpus-x-1}" in made


def test_what_tex_cannot_set_is_on_a_sheet_that_has_the_name_of_the_room() -> None:
    table = Table("x", "Words", ("Word",), (False,), (("漢字",), ("plain",)))
    found = tables.of_all([table], room="compare")
    assert set(found) == {"x.tex", "compare-glyphs.pdf"}
    assert b"compare-glyphs.pdf" in found["x.tex"]
    assert b"heatmap-glyphs.pdf" not in found["x.tex"]
    assert set(tables.of_all([replace(table, rows=(("plain",),))], room="compare")) == {"x.tex"}


def test_tables_for_programs_and_empty_ones_are_left_out() -> None:
    rows = (("1",),) * tables.MOST_ROWS
    kept = [Table(str(count), "Many", ("n",), (True,), (rows * 2)[:count]) for count in (0, 1, 60, 61)]
    assert set(tables.of_all(kept, room="x")) == {"1.tex", "60.tex"}


def hard(number: int, side: int) -> Report:
    """A tested report whose labels, words and title are hard to set; that of the other side predicts another label."""
    logits, shares = (
        ((1.2, 0.5, -1.0), (0.622, 0.309, 0.069)) if not side else ((0.5, 1.2, -1.0), (0.309, 0.622, 0.069))
    )
    said = Prediction(LABELS, logits, shares, predicted=side, gold=0, gold_text=LABELS[0])
    text = f"# {WORDS}\n{WORDS} and {number} words more.\n\n{reports.TEXT}"
    made = faithful.report(text=text, seed=side + 2 * number, prediction=said)
    assert made.faithfulness is not None
    if side:
        made = replace(made, faithfulness=weaker(made.faithfulness, 0.4))
    name = f"doc-{number}"
    return replace(made, example=replace(made.example, name=name, title=f"{WORDS} {number}"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LaTeX of a comparison of reports, of one of batches, and of a corpus."""
    folder = tmp_path_factory.mktemp("tables")
    for number in range(6):
        for side, batch in enumerate(("a", "b")):
            put(folder / batch / f"doc-{number}", hard(number, side))
    for output, *given in (
        ("reports", "compare", folder / "a" / "doc-1", folder / "b" / "doc-1"),
        ("batches", "compare", folder / "a", folder / "b"),
        ("corpus", "corpus", folder / "a"),
    ):
        made = run(*given, "-o", folder / output, "--format", "latex")
        assert made.exit_code == 0, made.output
    (folder / "secret.tex").write_text("SECRETWORD")
    return folder


@needs_tex
@engines
@pytest.mark.parametrize("options", ["", "twocolumn"])
@pytest.mark.parametrize("name", ["reports", "batches", "corpus"])
def test_every_table_compiles_and_holds_its_words(folder: Path, name: str, engine: str, options: str) -> None:
    sources = sorted((folder / name / "latex").glob("*.tex"))
    assert len(sources) > 8
    taken = "\n".join(rf"\input{{{name}/latex/{path.stem}}}\clearpage" for path in sources)
    paper = folder / f"{name}-{engine}{options}.tex"
    paper.write_text(
        rf"""\documentclass[{options}]{{article}}
\ifdefined\Umathcode\else\input{{glyphtounicode}}\pdfgentounicode=1\fi
\usepackage{{booktabs,graphicx}}\begin{{document}}\listoftables\clearpage {taken} END OF PAPER\end{{document}}
"""
    )
    text = squeezed(compile_clean(folder, engine, paper.name, times=2))
    assert "SECRETWORD" not in text
    assert text.count("ENDOFPAPER") == 1
    assert squeezed(LABELS[0])[:30] in text
    assert re.search("[\u0621-\u064a]", text), "Arabic letters"
    assert "中文标签" in text or name != "reports"  # the third label is in no prediction
    assert len(re.findall(r"Table\d+:", text)) == len(sources)
