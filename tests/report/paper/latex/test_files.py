"""files: a report -> files for a manuscript, compiled here with the real engines."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import venv
from dataclasses import replace
from pathlib import Path

import html5lib
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reportgen.core.palette import HEAT_LIGHT
from reportgen.report.paper.latex import citation, files, glyphs, inline, letters, tables
from reportgen.report.paper.latex.setting import SHEET
from reportgen.report.parts import Line, Run
from tests import faithful, reports
from tests.tex import ENGINES, compile_clean, engines, made, manuscript, needs_tex, parts, run, squeezed, write

CLEANER = "arxiv-latex-cleaner==1.0.11"
FOREIGN_SIGNS = "".join(sign for sign in letters.SIGNS | letters.NAMED if ord(sign) > 0xA0)
ASCII = "".join(map(chr, range(0x21, 0x7F)))
HARD = f"""{" ".join(ASCII)} {ASCII[::-1]}
-- --- ---- << >> ,, '' `` ?` !` ?' ‘‘ ’’ –- "a" 'b' fi ffl a--b don’t “far” ‚x‘ „y“ «z» 5 € ™ … ...
{" ".join(letters.LETTERS + FOREIGN_SIGNS)} Łódź Ærøskøbing naïve


    indented, after two empty lines\twith a tab
漢字かな交じり文、これは日本語の文章です。中文没有空格的长句子应该能够换行，这是一个测试。
ภาษาไทย ελληνικά кириллица Nguyễn e\u0301 x\u0301\u0323 👍🏽 🇩🇪 👩\u200d👩\u200d👧 \U0001d4b3 a\u202eb\u202c c\0d \u200b
{"W" * 200} {"漢" * 60} https://example.invalid/{"path/" * 20}"""
RTL = "שלום עולם, אחד שניים (123) end\nالسلام عليكم ورحمة الله 2024 abc def وبركاته"
COMMANDS = (
    r"\input{secret}",
    r"\input secret ",
    r"}\input{secret}{",
    r"\csname input\endcsname{secret}",
    r"\immediate\write18{touch ran}",
    r"\immediate\openout5=ran\relax",
    r"\end{document}",
    r"\endgroup\endinput",
    "^^5cinput{secret}",
    "^^M^^4d%",
    "% comment",
    r"\catcode`\%=12 \catcode`\#=13",
    r"$$\input{secret}$$ \[x\]",
    r"\\[1cm] \\* & # ~ _",
    "a\rb\x0bc\x85d",
    r"@misc{x, title={\input{secret}}",
    r"\verb|x| \begin{verbatim}",
)


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a text that is hard to set."""
    return write(tmp_path_factory.mktemp("latex") / "hard", reports.report(HARD))


@needs_tex
@engines
def test_alone_it_compiles_and_holds_every_character_of_the_document(hard: Path, engine: str) -> None:
    text = squeezed(compile_clean(hard, engine, "heatmap.tex"))
    assert squeezed("A small report Read by models/small (local).") in text
    assert squeezed(f"0 100 <s>{HARD}</s>") in text


@needs_tex
@engines
@pytest.mark.parametrize("options", ["", "twocolumn"])
def test_a_manuscript_takes_both_files_in(hard: Path, engine: str, options: str) -> None:
    name = manuscript(hard.parent, ["hard"], options=options, before=r"See \ref{tab:top-tokens-small-0}.")
    text = squeezed(compile_clean(hard.parent, engine, name, times=2))
    assert "SeeTable" not in text
    assert text.startswith("See1.")
    assert squeezed(f"<s>{HARD}</s>") in text.replace("Table1:", "") or options, "a float may stand between"
    for word in ("Bestrankinahead", "Table1:The3tokensof“Asmallreport”withthehighestscores,readbymodels/small."):
        assert word in text


@needs_tex
@engines
def test_the_manuscript_around_it_is_as_it_was(hard: Path, engine: str) -> None:
    """Colours, lengths, macros, and characters that its packages have made active."""
    active = "".join(rf"\catcode{ord(c)} 13 " for c in "\":;!?<>|'`=")
    before = r"\makeatletter\def\probe{\the\parindent\the\baselineskip\the\catcode`\@\the\hyphenpenalty\f@encoding}"
    before += r"\edef\was{\probe}" + active
    after = (
        active.replace("13 ", "12 ")
        + r"\edef\is{\probe}\ifx\was\is SAME\else DIFFERENT \is\fi\ifdefined\reportgenheat LEAK\fi"
    )
    text = squeezed(
        compile_clean(hard.parent, engine, manuscript(hard.parent, ["hard"], before=before, after=after), times=2)
    )
    assert "SAME" in text
    assert "LEAK" not in text
    assert squeezed(HARD) in re.sub(r"Table1:.*?inahead1", "", text)


@needs_tex
@pytest.mark.parametrize(
    ("engine", "preamble", "said"),
    [
        ("pdflatex", r"\usepackage[T1]{fontenc}", r"Put \usepackage{xcolor} in the preamble"),
        ("xelatex", "", r"Put \usepackage{xcolor} in the preamble"),
        ("xelatex", r"\usepackage{xcolor}", "No file heatmap-glyphs.pdf"),
    ],
)
def test_what_the_preamble_lacks_is_said(hard: Path, tmp_path: Path, engine: str, preamble: str, said: str) -> None:
    shutil.copy(hard / "heatmap.tex", tmp_path)
    (tmp_path / "paper.tex").write_text(
        rf"\documentclass{{article}}{preamble}\begin{{document}}\input{{heatmap}}\end{{document}}"
    )
    code, log = run(tmp_path, engine, "paper.tex")
    assert code != 0
    assert said in log.replace("\n", "")


@needs_tex
@engines
def test_text_from_right_to_left_runs_from_right_to_left(engine: str, tmp_path: Path) -> None:
    write(tmp_path, reports.report(RTL, read=reports.tokens(RTL, edges=False)))
    compile_clean(tmp_path, engine, "heatmap.tex")
    made = subprocess.run(["pdftotext", "-bbox", tmp_path / "heatmap.pdf", "-"], capture_output=True, check=True)
    words = re.findall(r'xMin="([\d.]+)".*?>([^<]+)</word>', made.stdout.decode())
    left = {word.strip(","): float(x) for x, word in words}
    for line in ("שלום עולם אחד שניים end", "عليكم ورحمة 2024 def abc وبركاته"):  # from the right; words as they look
        order = [left[word if word.isascii() else word[::-1]] for word in line.split()]
        assert order == sorted(order, reverse=True)


@needs_tex
@engines
def test_no_text_commands_tex(engine: str, tmp_path: Path) -> None:
    (tmp_path / "secret.tex").write_text("SECRETWORD")
    payloads = (*reports.PAYLOADS, *COMMANDS)
    names = [write(tmp_path / f"d{n}", reports.infected(payload)).name for n, payload in enumerate(payloads)]
    text = squeezed(compile_clean(tmp_path, engine, manuscript(tmp_path, names, after="END OF PAPER"), times=2))
    assert "SECRETWORD" not in text
    assert "ENDOFPAPER" in text
    assert "Readby" not in text, "the heading is of the heatmap that is compiled alone"
    assert not list(tmp_path.glob("ran*"))
    for payload in payloads:
        assert squeezed(payload) in text


@needs_tex
@engines
def test_the_sources_are_set_without_a_warning(engine: str, tmp_path: Path) -> None:
    (tmp_path / "secret.tex").write_text("SECRETWORD")
    found = [reports.report("one"), *map(reports.infected, (*COMMANDS, *reports.PAYLOADS))]
    bodies = [made(report)["citation.bib"].decode() for report in found]
    entries = dict.fromkeys(entry for body in bodies for entry in re.split(r"\n(?=@)", body))
    (tmp_path / "all.bib").write_text("\n".join({entry.split(",")[0]: entry for entry in entries}.values()))
    (tmp_path / "paper.tex").write_text(
        r"\documentclass{article}\begin{document}\nocite{*}\bibliographystyle{plain}\bibliography{all}\end{document}"
    )
    assert run(tmp_path, engine, "paper.tex")[0] == 0
    done = subprocess.run(["bibtex", "paper"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "arning" not in done.stdout
    code, log = run(tmp_path, engine, "paper.tex")
    assert code == 0, log[-2000:]
    read = subprocess.run(["pdftotext", tmp_path / "paper.pdf", "-"], capture_output=True, check=True, text=True).stdout
    assert "SECRETWORD" not in read
    for word in ("Longformer", "T3-Vis", "Molchanov", "models/small", "reportgen"):
        assert word in read


@needs_tex
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.text(st.sampled_from([*sorted(letters.SAFE), " "]), min_size=1), min_size=30, max_size=30))
def test_any_text_of_latin_letters_is_read_back(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    text = "\n".join(f"{n}:{one}." for n, one in enumerate(texts))
    folder = write(tmp_path_factory.mktemp("any"), reports.report(text))
    for engine in ENGINES:
        assert squeezed(text) in squeezed(compile_clean(folder, engine, "heatmap.tex"))


@needs_tex
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(reports.texts, min_size=30, max_size=30))
def test_any_text_compiles(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    text = "\n".join(f"{n}: {one} end{n}" for n, one in enumerate(texts))
    folder = write(tmp_path_factory.mktemp("any"), reports.report(text))
    for engine in ENGINES:
        read = squeezed(compile_clean(folder, engine, "heatmap.tex"))
        assert all(f"end{n}" in read for n in range(len(texts)))


def source(text: str, *, kind: str = "token", direction: str = "ltr") -> str:
    """One run of one colour."""
    line = Line(direction, (Run(text, kind, 3, 0),))  # type: ignore[arg-type]
    return inline.inline(line, dict.fromkeys(_ordered(line), glyphs.Glyph(1, 1.0, 1.0)))


def _ordered(line: Line) -> list[glyphs.GlyphRun]:
    boxes = [item for item in inline.items(line) if isinstance(item, inline.Box)]
    return [box.run(atom) for box in boxes for atom in box.atoms if atom.how == "glyphs"]


@given(st.one_of(reports.texts, st.text(st.sampled_from(ASCII + " "))))
def test_only_known_commands_and_plain_characters_are_written(text: str) -> None:
    commands = r"text\w+|(?:quote|guil)\w+|nobreakspace|reportgen\w+|allowbreak|begin[LR]|end[LR]|kern0pt"
    letter = r"\{\\(?:[`'^~\".](?:[A-Za-z]|\\i)|[urHvck] [A-Za-z]|AE|ae|DH|dh|O|o|TH|th|ss|i|L|l|NG|ng|OE|oe)\}"
    known = rf"{letter}|\\(?:{commands})(?![a-zA-Z])|\\[&#%]|[{{}}]"
    for kind in ("token", "gap", "special"):
        rest = re.sub(known, "", source(text.replace("\n", " "), kind=kind))
        assert not set(rest) & set("\\{}$&#%_^~`'\"\r\0")
        assert rest.isascii(), "whatever the encoding of the manuscript"


def test_a_run_of_several_words_is_one_colour_with_places_to_break() -> None:
    assert source("two words") == r"\reportgenheat{3}{two} \reportgenheat{3}{words}"


def test_what_is_painted_behind_a_word_of_the_sheet_is_where_its_letters_are() -> None:
    """Colours first, frames above them; from right to left the first colour is on the right."""
    line = Line("rtl", (Run("كل", "token", 3, 0), Run("مة", "echo", 7, 1)))
    run = glyphs.GlyphRun("كلمة", "rtl")
    glyph = glyphs.Glyph(4, 2.0, 1.0, ((1.5, 2.0), (1.2, 1.5), (0.7, 1.2), (0.0, 0.7)))
    assert inline.inline(line, {run: glyph}) == (
        r"\reportgenparts{\reportgenpart{3}{1.2}{0.8}\reportgenpart{7}{0}{1.2}\reportgenframe{0}{1.2}}{\reportgenglyph{4}}"
    )


def test_a_long_word_has_places_to_break_and_a_short_one_has_none() -> None:
    assert "break" not in source("a" * glyphs.LONGEST)
    assert source("a" * 50).count(r"\reportgenbreak{}") == 2
    assert source("漢字。").count(r"\allowbreak{}") == 1, "no line begins with a full stop"


def test_empty_lines_and_spaces_at_the_beginning_are_kept() -> None:
    text = made(reports.report("one\n\n\n  two   three"))["heatmap.tex"].decode()
    one, two = text.index(r"{one}"), text.index(r"{two}")
    assert text[one:two].count("\\reportgenblank\n") == 2
    assert r"\reportgenindent{2}" in text[one:two]
    assert r"\reportgenskip{3}" in text[two:]


def test_a_special_token_is_framed_and_an_invisible_character_labelled() -> None:
    assert source("<s>", kind="special") == r"\reportgenspecial{\textless{}s\textgreater{}}"
    assert source("a\0b\u202e") == r"\reportgenheat{3}{a\reportgenlabel{U+0000}b\reportgenlabel{U+202E}}"


def test_what_comes_from_the_sheet_has_the_direction_of_its_place_and_one_ink() -> None:
    """The same letters in two colours are one page of the sheet."""
    runs = tuple(Run(text, "token", heat, 0) for text, heat in (("漢", 0), ("漢", 15), ("שלום", 15)))
    assert _ordered(Line("ltr", runs)) == [("漢", "ltr"), ("漢", "ltr"), ("שלום", "rtl")]


def test_neighbours_of_one_colour_are_set_together() -> None:
    runs = tuple(Run(text, "token", heat, n) for n, (text, heat) in enumerate((("re", 3), ("port", 3), ("s", 4))))
    line = Line("ltr", runs)
    assert inline.inline(line, {}) == r"\reportgenheat{3}{report}\reportgenheat{4}{s}"


def test_a_text_that_tex_can_set_needs_no_sheet() -> None:
    assert set(made(reports.report("Grüße"))) == {"heatmap.tex", "top_tokens.tex", "citation.bib"}
    assert "heatmap-glyphs.pdf" in made(reports.report("漢字"))


def test_without_content_tokens_there_is_no_table() -> None:
    assert set(made(reports.report(""))) == {"heatmap.tex", "citation.bib"}


def test_a_text_that_was_cut_says_so() -> None:
    cut = reports.report("one two three", read=replace(reports.tokens("one two"), total=9))
    assert "The text is cut here: the model read 4 of 9 tokens." in made(cut)["heatmap.tex"].decode()


def test_a_sheet_that_lacks_a_run_is_refused() -> None:
    report, view, lines, top = parts(reports.report("漢字"))
    with pytest.raises(ValueError, match="'漢' is not on the sheet"):
        files.files(report, view, lines, top, None)  # type: ignore[arg-type]


@needs_tex
@engines
def test_titles_and_names_of_any_script_are_set(engine: str, tmp_path: Path) -> None:
    report = reports.report("one")
    example = replace(report.example, name="漢", title="כותרת (א) 漢字", dataset="漢")
    report = replace(report, example=example, provenance=replace(report.provenance, model="שלום/漢 (x)"))
    write(tmp_path / "d", report)
    compile_clean(tmp_path / "d", engine, "heatmap.tex")
    text = squeezed(compile_clean(tmp_path, engine, manuscript(tmp_path, ["d"]), times=2))
    assert "The1tokenof“" in text
    assert {"כותרת", "שלום"} <= set(re.findall("[א-ת]+", text)) | {w[::-1] for w in re.findall("[א-ת]+", text)}
    assert "title = {{[U+6F22] (dataset)}}" in citation.citation(report)


def test_the_sources_name_the_hub_only_for_what_comes_from_it() -> None:
    report = reports.report("one")
    assert "Hugging Face Hub" not in citation.citation(report)
    assert "revision local, weights SHA-256 abababababab" in citation.citation(report)


def test_two_calls_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1714564800")  # an emoji font that is cut says when
    assert made(reports.report(HARD)) == made(reports.report(HARD))


@engines
@needs_tex
@pytest.mark.parametrize("options", ["", "twocolumn"])
def test_the_table_of_aopc_can_be_taken_in(engine: str, options: str, tmp_path: Path) -> None:
    report = faithful.report()
    test = report.faithfulness
    assert test is not None
    (tmp_path / "faithfulness.tex").write_text(tables.aopc_table(report, test))
    (tmp_path / "paper.tex").write_text(
        rf"""\documentclass[{options}]{{article}}
\usepackage{{booktabs}}\pagestyle{{empty}}
\begin{{document}}
Table~\ref{{tab:faithfulness-small-0}}. \input{{faithfulness}}
\end{{document}}
"""
    )
    assert run(tmp_path, engine, "paper.tex")[0] == 0  # for the reference
    shown = squeezed(compile_clean(tmp_path, engine, "paper.tex"))
    assert squeezed("reversed deleted −0.10 0.80 −0.20 0.80") in shown
    assert squeezed("19 random orders masked −0.01 (−0.05 to 0.03) −0.01 (−0.10 to 0.07)") in shown


@needs_tex
def test_what_is_prepared_for_arxiv_is_the_same(hard: Path, tmp_path: Path) -> None:
    """Many authors take out comments and unused files before they submit, with arxiv_latex_cleaner."""
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    installed = subprocess.run(
        [programs / "python", "-m", "pip", "install", "-q", CLEANER], capture_output=True, text=True, check=False
    )
    if installed.returncode and "CI" not in os.environ:
        pytest.skip(f"not installed: {installed.stderr[-300:]}")
    paper = tmp_path / "paper"
    shutil.copytree(hard, paper / "one", ignore=shutil.ignore_patterns("heatmap.pdf", "*.log", "*.aux"))
    name = manuscript(paper, ["one"])
    subprocess.run([programs / "arxiv_latex_cleaner", paper], check=True, capture_output=True)
    cleaned = tmp_path / "paper_arXiv"
    assert {path.name for path in (cleaned / "one").iterdir()} == {"heatmap.tex", "top_tokens.tex", SHEET}
    assert "% The heatmap" not in (cleaned / "one" / "heatmap.tex").read_text()
    before, after = (compile_clean(folder, "pdflatex", name, times=2) for folder in (paper, cleaned))
    assert squeezed(HARD) in squeezed(before)
    assert before == after
    compile_clean(cleaned / "one", "pdflatex", "heatmap.tex")


@needs_tex
@pytest.mark.skipif(not shutil.which("latexmlc") and "CI" not in os.environ, reason="LaTeXML is not installed")
def test_the_html_of_arxiv_has_the_text_and_its_colours(tmp_path: Path) -> None:
    """Made by LaTeXML: no box lies on another there, and no page of the sheet can be placed."""
    text = f"{HARD}\n{RTL}"
    shown = reports.report(text, read=reports.tokens(text))
    write(tmp_path / "one", shown)
    source = (
        r"\documentclass{article}\usepackage{xcolor,booktabs}\begin{document}\input{one/top_tokens}\input{one/heatmap}"
    )
    (tmp_path / "paper.tex").write_text(source + r"\end{document}")
    command = ["latexmlc", "paper.tex", "--dest=paper.html", "--format=html5"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True)
    assert not re.findall("^(?:Error|Fatal).*", done.stderr, re.MULTILINE)
    page = html5lib.parse((tmp_path / "paper.html").read_bytes(), namespaceHTMLElements=False)
    content = "".join(page.find(".//article").itertext())
    said, wanted = (re.sub("[-–—]+", "-", squeezed(one)) for one in (content, text))  # it joins hyphens
    assert f"<s>{wanted}</s>" in said
    styles = {f"color:#000000;background-color:{colour.upper()};" for colour in HEAT_LIGHT}
    painted = ["".join(one.itertext()) for one in page.iter("span") if one.get("style") in styles]
    assert len(squeezed("".join(painted))) > 0.9 * len(wanted)
