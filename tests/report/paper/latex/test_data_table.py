"""data_table: a table for people -> a float for a manuscript."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.clock import Clock
from reportgen.corpus import gather
from reportgen.corpus.shown import present
from reportgen.report.paper.latex.data_table import data_table, typed
from reportgen.report.parts import Table
from tests import corpora, tex

TABLE = Table("key", "5% of θ_1 & “\\x”", ("Word", "−1"), (False, True), (("a{b}", "$2"), ("p -- q", "0 · 1")))


def test_what_tex_would_run_is_escaped_and_what_it_cannot_set_is_named() -> None:
    source = data_table(TABLE, label="corpus-a_b")
    assert r"\caption{5\% of [U+03B8]\textunderscore{}1 \& \textquotedblleft{}\textbackslash{}x" in source
    assert r"\shortstack[b]{$-$1} \\" in source
    assert r"a\textbraceleft{}b\textbraceright{} & \textdollar{}2 \\" in source
    assert r"p -{\kern0pt}- q & 0 $\cdot$ 1 \\" in source
    assert r"\label{tab:corpus-a-b}" in source
    assert data_table(TABLE, label="x", wide=True).count("{table*}") == 2


@given(st.text())
def test_any_text_becomes_ascii_in_one_line(text: str) -> None:
    source = typed(text)
    assert source.isascii()
    assert source.isprintable()


@pytest.mark.slow
@pytest.mark.parametrize("columns", ["", "twocolumn"])
def test_every_table_of_a_corpus_is_set(columns: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one column and in two, nothing sticks out and nothing is warned of."""
    monkeypatch.setenv("REPORTGEN_CACHE", str(tmp_path / "cache"))
    found = gather.gather(corpora.batch(tmp_path / "batch"), clock=Clock(), engine=gather.here(1))
    made = present.parts(found, tmp_path / "out")
    files = present.files(found, made, Clock(), formats=("latex",))
    assert {"latex/confusion.tex", "latex/effects-table.tex", "latex/roles-data.tex"} <= files.keys()
    for name, content in files.items():
        (tmp_path / Path(name).name).write_bytes(content)
    inputs = "\n".join(rf"\input{{{Path(name).stem}}}\clearpage" for name in sorted(files))
    (tmp_path / "paper.tex").write_text(
        rf"\documentclass[{columns}]{{article}}\usepackage{{booktabs,graphicx}}"
        rf"\begin{{document}}x\clearpage {inputs}\end{{document}}"
    )
    said = tex.compile_clean(tmp_path, "pdflatex", "paper.tex", times=2)
    assert "Gold labels" in said
