r"""Turn a report into LaTeX for a manuscript: the heatmap, the table of top tokens and the citations.

Only control words and plain letters are written, so that no character of the document can command TeX. Characters that
TeX's own fonts lack, and all text from right to left, come from the sheet of `glyphs.py` and are only placed here.
Boxes of one line are put in order with e-TeX's \beginR and \beginL, by the levels of UAX 9.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import regex

from reportgen.core.characters import visible
from reportgen.core.nouns.records import Report
from reportgen.core.palette import HEAT_LIGHT, MUTED
from reportgen.data import naming
from reportgen.report.paper.aopc_table import aopc_table
from reportgen.report.paper.citation import citation, escape
from reportgen.report.paper.glyphs import (
    ALONE,
    HEIGHT,
    LONGEST,
    PAD,
    SPACES,
    Atom,
    Glyph,
    GlyphRun,
    GlyphSheet,
    atoms,
    pieces,
)
from reportgen.report.parts import Direction, HeatView, Line, Run, Table

Pages = Mapping[GlyphRun, Glyph]

SHEET = "heatmap-glyphs.pdf"
LONGEST_CELL = 10  # the same in a cell of the table
DEEPEST = 24  # spaces at the beginning of a line that are kept
WRAP = 100  # characters of a line of source

CLOSING = regex.compile(r"[\p{Pe}\p{Pf}\p{Po}\u30fc\u3005]")  # begin no line
OPENING = regex.compile(r"[\p{Ps}\p{Pi}]")  # end no line
# No shorthand of babel and no short verbatim of the manuscript takes part.
CATCODES = "".join(f"\\catcode{code} 12 " for code in (33, 34, *range(39, 48), *range(58, 65), 91, 93, 96, 124)) + "%\n"


class Box(NamedTuple):
    """Characters without a break between them, in one colour."""

    atoms: tuple[Atom, ...]
    kind: str  # "gap", "token", "echo" or "special", as in `Run`
    heat: int  # class; -1 without one
    level: int  # of UAX 9: odd from right to left

    def run(self, atom: Atom) -> GlyphRun:
        """The request for *atom* to the sheet."""
        return GlyphRun(atom.text, "rtl" if self.level % 2 and self.kind != "special" else "ltr")


class Space(NamedTuple):
    """Neighbouring spaces."""

    width: int  # in single spaces
    level: int


class Break(NamedTuple):
    """A place where a line may end without a space."""

    wanted: bool  # False: only for want of a better place
    level: int


def glyph_runs(report: Report, view: HeatView, lines: tuple[Line, ...], top: Table | None) -> tuple[GlyphRun, ...]:
    """The pieces of heatmap, heading and table that TeX cannot set itself; each once, in order."""
    cells = [cell for row in (top.rows if top else ()) for cell in row]
    about = map(as_line, (*heading(report, view), report.provenance.model))
    found = [item for line in (*lines, *about) for item in items(line)]
    found += [item for cell in cells for item in items(as_line(cell), LONGEST_CELL)]
    boxes = [item for item in found if isinstance(item, Box)]
    return tuple(dict.fromkeys(box.run(atom) for box in boxes for atom in box.atoms if atom.how == "glyphs"))


def files(
    report: Report, view: HeatView, lines: tuple[Line, ...], top: Table | None, sheet: GlyphSheet | None
) -> dict[str, bytes]:
    """The files by name.

    Args:
        report: What was analysed.
        view: The way of colouring that *lines* show.
        lines: Of the document.
        top: The table of top tokens; None where there are no content tokens, and then there is no file of it.
        sheet: Of all `glyph_runs`; None without any.
    """
    pages = sheet.pages if sheet else {}
    made = {"heatmap.tex": heatmap(report, view, lines, pages), "citation.bib": citation(report)}
    if top is not None:
        made["top_tokens.tex"] = top_tokens(report, top, pages)
    if report.faithfulness is not None and report.faithfulness.trials:
        made["faithfulness.tex"] = aopc_table(report, report.faithfulness)
    return {name: text.encode() for name, text in made.items()} | ({SHEET: sheet.data} if sheet else {})


def heading(report: Report, view: HeatView) -> tuple[str, str, str]:
    """The lines above a heatmap that is compiled alone: document, model, and meaning of the colours."""
    model = f"Read by {report.provenance.model} ({report.provenance.revision})."
    if report.given:
        model = "Scores computed elsewhere."
    explanation = f"{view.title}. {view.explanation} {view.scale.capitalize()} scale."
    if report.tokens.echoes:
        verb = "is" if len(report.tokens.echoes) == 1 else "are"
        kept = "" if report.tokens.keep_echoes else " and left out of the scale"
        explanation += f" {report.echoes} {verb} framed{kept}."
    return report.example.title, model, explanation


def as_line(text: str) -> Line:
    """Text from outside that is no part of the document: one line without colours."""
    strong = next((kind for kind in map(unicodedata.bidirectional, text) if kind in ("L", "R", "AL")), "L")
    direction: Direction = "ltr" if strong == "L" else "rtl"
    return Line(direction, (Run(" ".join(text.split("\n")), "gap", -1, -1),))


def items(line: Line, longest: int = LONGEST) -> Iterator[Box | Space | Break]:
    """Boxes, spaces and places to break of a line, in logical order."""
    together, before = 0, ""  # characters since the last place to break; the last of them
    for piece in pieces(line):
        kind = "gap" if piece.run.kind == "break" else piece.run.kind
        heat = piece.run.heat if kind in ("token", "echo") else -1
        if piece.text[0] in SPACES:
            yield Space(sum({"\u3000": 2, "\t": 4}.get(c, 1) for c in piece.text), piece.level)
            together, before = 0, ""
            continue
        held: list[Atom] = []
        for atom in atoms(piece.text, rtl=bool(piece.level % 2) and piece.run.kind != "special", longest=longest):
            length = len(atom.text)
            wanted = _may_break(before, atom.text[0])
            if wanted or (together and together + length > longest):
                if held:
                    yield Box(tuple(held), kind, heat, piece.level)
                yield Break(wanted, piece.level)
                held, together = [], 0
            held.append(atom)
            together, before = together + length, atom.text[-1]
        yield Box(tuple(held), kind, heat, piece.level)


def _may_break(before: str, after: str) -> bool:
    """Whether a line may end between two characters without a space, as in Chinese and Japanese."""
    if not before or not (ALONE.match(before) or ALONE.match(after)):
        return False
    return not (CLOSING.match(after) or OPENING.match(before))


def inline(line: Line, pages: Pages, longest: int = LONGEST) -> str:
    """The source of a line; empty for a line of spaces."""
    level = own = int(line.direction == "rtl")
    source = [""]  # stretches between single spaces, where a line of source may end as well
    last: Box | Space | Break | None = None
    found = list(items(line, longest))
    if not any(isinstance(item, Box) for item in found):
        return ""
    for item in found:
        source[-1] += _turn(level, item.level)
        level = item.level
        if isinstance(item, Space) and item.width == 1 and isinstance(last, Box):
            source.append("")
        else:
            source[-1] += _item(item, pages, first=last is None)
        last = item
    source[-1] += _turn(level, own)
    rows = [""]
    for part in source:
        if rows[-1] and len(rows[-1]) + len(part) > WRAP:
            rows.append(part)
        else:
            rows[-1] += f" {part}" if part is not source[0] else part
    return "\n".join(rows)


def plain(text: str, pages: Pages, longest: int = LONGEST) -> str:
    """The source of text from outside, in its direction."""
    line = as_line(text)
    source = inline(line, pages, longest)
    return f"\\beginR{{}}{source}\\endR{{}}" if line.direction == "rtl" else source


def _turn(level: int, to: int) -> str:
    begun = "".join(r"\beginR{}" if n % 2 else r"\beginL{}" for n in range(level + 1, to + 1))
    return begun + "".join(r"\endR{}" if n % 2 else r"\endL{}" for n in range(level, to, -1))


def _item(item: Box | Space | Break, pages: Pages, *, first: bool) -> str:
    if isinstance(item, Break):
        return r"\allowbreak{}" if item.wanted else r"\reportgenbreak{}"
    if isinstance(item, Space):
        if first:
            return f"\\reportgenindent{{{min(item.width, DEEPEST)}}}"
        return f"\\reportgenskip{{{item.width}}}"
    inner = "".join(_atom(atom, pages.get(item.run(atom))) for atom in item.atoms)
    if item.kind == "special":
        return f"\\reportgenspecial{{{inner}}}"
    if item.heat >= 0:
        inner = f"\\reportgenheat{{{item.heat}}}{{{inner}}}"
    if item.kind == "echo":
        return f"\\reportgenecho{{{inner}}}"
    if item.heat >= 0:
        return inner
    return inner if all(atom.how == "letters" for atom in item.atoms) else f"\\reportgenplain{{{inner}}}"


def _atom(atom: Atom, glyph: Glyph | None) -> str:
    if atom.how == "label":
        return f"\\reportgenlabel{{{atom.text}}}"
    if atom.how == "letters":
        return escape(atom.text)
    if glyph is None:
        raise ValueError(f"{atom.text!r} is not on the sheet: it was not made of all glyph_runs")
    return f"\\reportgenglyph{{{glyph.page}}}"


ALONE_OR_WITHIN = r"""\expandafter\ifx\csname @classoptionslist\endcsname\relax
  \def\reportgenend{\end{document}}
  \documentclass{article}
  \usepackage[margin=25mm]{geometry}
  \ifdefined\pdftexversion
    \usepackage[T1]{fontenc}
    \IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
    \IfFileExists{glyphtounicode.tex}{\input{glyphtounicode}\pdfgentounicode=1 }{}
  \fi
  \usepackage{xcolor}
  \begin{document}
\fi
"""
XCOLOR = r"""\ifcsname ver@xcolor.sty\endcsname\else
  \PackageError{reportgen}{Put \string\usepackage{xcolor} in the preamble}{The heatmap is made of colours.}%
  \expandafter\endinput\fi
"""
SHEET_FOUND = r"""\providecommand\reportgenpath{}
\IfFileExists{\reportgenpath heatmap-glyphs.pdf}{}{%
  \PackageError{reportgen}{No file \reportgenpath heatmap-glyphs.pdf: say where it is with
    \string\newcommand\string\reportgenpath{folder/}}{Some characters come from it.}}
"""
# subtle: TeX--XeT turns what is in a box as well, if the box does not say otherwise.
RIGHT_TO_LEFT = r"""\ifdefined\TeXXeTstate\else
  \PackageError{reportgen}{This text runs from right to left: use pdfLaTeX or XeLaTeX}{}\fi
\TeXXeTstate1 \def\reportgenhbox#1{\hbox{\beginL#1\endL}}%
"""
# Computer Modern has straight quotes and accented letters in no scalable font; Latin Modern looks the same.
SET = r"""\def\reportgencmr{lmr}\def\reportgencmss{lmss}\def\reportgencmtt{lmtt}%
\def\reportgenfamily#1{\ifcsname reportgen#1\endcsname\csname reportgen#1\endcsname\else#1\fi}%
\ifdefined\pdftexversion\fontencoding{T1}\IfFileExists{t1lmr.fd}{%
    \fontfamily{\reportgenfamily{\csname f@family\endcsname}}\edef\ttdefault{\reportgenfamily{\ttdefault}}}{}%
\else\fontencoding{TU}\fi\selectfont
\ifdefined\XeTeXinterchartokenstate\XeTeXinterchartokenstate0 \fi
\def\reportgenhbox#1{\hbox{#1}}%
\ifdefined\pdftexversion\def\textellipsis{...}\fi
\frenchspacing\tracinglostchars3 \exhyphenpenalty0 \hbadness10000 \emergencystretch4em
\def\reportgenlabel#1{{\fboxsep.12em\fboxrule.3pt\fbox{\fontsize{.7em}{1em}\ttfamily\selectfont#1}}}%
\def\reportgenbreak{\penalty500 }%
\def\reportgenskip#1{\hskip#1\fontdimen2\font\relax}%
\def\reportgenindent#1{\leavevmode\hbox{}\kern#1\fontdimen2\font}%
"""
# subtle: nobody uses box registers this high, and the group restores them at its end.
GLYPH = rf"""\def\reportgenglyph#1{{\copy\numexpr20000+#1\relax}}%
\def\reportgenload#1#2#3{{\setbox\numexpr20000+#1\relax\hbox to#2em{{\kern-{PAD}em\smash{{\lower#3em\hbox{{%
  \ifdefined\pdftexversion\pdfximage height{HEIGHT}em page#1{{\reportgenpath heatmap-glyphs.pdf}}%
    \pdfrefximage\pdflastximage
  \else\XeTeXpdffile "\reportgenpath heatmap-glyphs.pdf" page #1 height{HEIGHT}em\relax\fi}}}}\hss}}}}%
"""
HEAT = r"""\def\reportgenup{.85em}\def\reportgendown{.3em}%
\def\reportgenrule#1#2{\rlap{\begingroup\color{reportgenheat#1}%
  \vrule width\dimexpr#2+.3pt\relax height\reportgenup depth\reportgendown\endgroup}}%
\def\reportgenplain#1{\leavevmode\reportgenhbox{\setbox0\hbox{\begingroup#1\endgroup}%
  \ht0\reportgenup\dp0\reportgendown\box0}}%
\def\reportgenheat#1#2{\leavevmode\reportgenhbox{\setbox0\hbox{\begingroup\color{black}#2\endgroup}%
  \reportgenrule{#1}{\wd0}\ht0\reportgenup\dp0\reportgendown\box0}}%
\def\reportgenspecial#1{\reportgenplain{\kern.15em\color{reportgenmuted}\reportgenlabel{#1}\kern.15em}}%
\def\reportgenecho#1{\reportgenplain{\fboxsep.08em\fboxrule.3pt\fbox{#1}}}%
\def\reportgenblank{\par\vskip\baselineskip}%
\def\reportgenltr{\noindent}%
\def\reportgenrtl{\leftskip\rightskip\rightskip0pt\relax\parfillskip0pt\relax\noindent}%
\parindent0pt\parskip0pt\leftskip0pt\rightskip0pt plus 4em\relax\parfillskip0pt plus 1fil\relax
\spaceskip\fontdimen2\font\hyphenpenalty10000 \pretolerance-1 \tolerance9999
\baselineskip1.45em\lineskip0pt\lineskiplimit-\maxdimen
"""


def heatmap(report: Report, view: HeatView, lines: tuple[Line, ...], pages: Pages) -> str:
    """The source of the coloured document."""
    title, model, explanation = (plain(text, pages) for text in heading(report, view))
    about = (
        f"The heatmap of {report.example.title}: {view.title}. {view.explanation}",
        f"Model: {report.provenance.model}, revision {report.provenance.revision}.",
        f"Made by reportgen {report.provenance.versions.get('reportgen', '')}, {report.provenance.created}.",
        r"Compile it alone with pdflatex or xelatex, or \input it, best in a figure with your own caption.",
        "The preamble needs xcolor.",
        *([rf"If {SHEET} is in another folder: \newcommand\reportgenpath{{folder/}}"] if pages else ()),
    )
    colours = "".join(
        f"\\definecolor{{reportgenheat{n}}}{{HTML}}{{{colour[1:].upper()}}}%\n" for n, colour in enumerate(HEAT_LIGHT)
    )
    muted = f"\\definecolor{{reportgenmuted}}{{HTML}}{{{MUTED[1:].upper()}}}%\n"
    steps = "".join(f"\\reportgenrule{{{n}}}{{1.1em}}\\kern1.1em" for n in range(len(HEAT_LIGHT)))
    above = f"{{\\bfseries {title}}}\\par\n{model}\\par\n{{\\small {explanation}\\par}}"
    body = "\n".join(_paragraph(line, pages) for line in lines)
    read, total = len(report.tokens), report.tokens.total
    check, setting = _needed(above + body, pages)
    parts = (
        *(f"% {visible(' '.join(text.split()))}" for text in about),
        ALONE_OR_WITHIN + XCOLOR + check + r"\par\begingroup",
        setting + colours + muted + HEAT.rstrip(),
        f"\\ifdefined\\reportgenend\n{above}\\medskip\n\\fi",
        f"\\reportgenltr{{\\small {view.bounds[0]:.3g}\\ }}%\n{steps}%\n{{\\small \\ {view.bounds[-1]:.3g}}}\\par",
        r"\vskip.5\baselineskip",
        body,
        f"{{\\small The text is cut here: the model read {read:,} of {total:,} tokens.\\par}}" if total > read else "%",
        "\\par\\ifdefined\\reportgenend\\aftergroup\\reportgenend\\fi\\endgroup\n",
    )
    return "\n".join(parts)


def _needed(source: str, pages: Pages) -> tuple[str, str]:
    """The checks before *source*, and its setup."""
    used = set(map(int, re.findall(r"\\reportgenglyph{(\d+)}", source)))
    loads = [f"\\reportgenload{{{g.page}}}{{{g.width:g}}}{{{g.depth:g}}}%\n" for g in pages.values() if g.page in used]
    setting = CATCODES + SET + (RIGHT_TO_LEFT if r"\beginR" in source else "") + (GLYPH if used else "")
    return SHEET_FOUND if used else "", setting + "".join(loads)


def _paragraph(line: Line, pages: Pages) -> str:
    source = inline(line, pages)
    if not source:
        return r"\reportgenblank"
    if line.direction == "rtl":
        return f"{{\\reportgenrtl\\beginR{{}}%\n{source}%\n\\nobreak\\hskip0pt plus 1fil\\endR\\par}}"
    return f"\\reportgenltr\n{source}\\par"


def top_tokens(report: Report, table: Table, pages: Pages) -> str:
    """The source of a table that floats, with caption and label."""
    made = report.provenance
    weighted = "" if report.importance.measure == "none" else ", weighted by head importance"
    # Language 255 is the one without hyphens.
    title, model = (f"{{\\language255 {plain(text, pages)}}}" for text in (report.example.title, made.model))
    named = "" if made.model == "not named" else f", read by {model}"
    what = f"is the attention that a token receives{weighted}, scaled to 0 to 1 and"
    if report.given:
        what = "was computed elsewhere and is"
    caption = (
        f"The {len(table.rows)} token{'s' * (len(table.rows) > 1)} of “{title}” with the highest scores{named}. "
        f"A score {what} summed over all layers and heads, without {report.unranked}."
    )
    wide = any(len(cell) > LONGEST_CELL for row in table.rows for cell in row)
    word = r"p{\reportgenword}" if wide else "l"
    columns = "".join("r" if number else word for number in table.numeric)
    stacked = (r"\tabularnewline ".join(map(escape, textwrap.wrap(name, 8))) for name in table.columns)
    names = (
        f"\\begin{{tabular}}[b]{{@{{}}{'r' if number else 'l'}@{{}}}}{name}\\end{{tabular}}"
        for name, number in zip(stacked, table.numeric, strict=True)
    )
    ragged = {True: "", False: r"\raggedright " if wide else ""}  # by whether the column is numeric
    rows = "\n".join(
        " & ".join(
            ragged[number] + plain(cell, pages, LONGEST_CELL) for number, cell in zip(table.numeric, row, strict=True)
        )
        + r" \tabularnewline"
        for row in table.rows
    )
    check, setting = _needed(caption + rows, pages)
    parts = (
        f"% The top tokens of {visible(' '.join(report.example.title.split()))}.",
        "% \\input it; the preamble needs booktabs.",
        check + r"\begin{table}[tb]",
        "\\small\\tabcolsep3pt\\centering\n" + setting + r"\def\reportgenplain#1{\leavevmode\reportgenhbox{#1}}%",
        f"\\caption[Top tokens]{{{caption}}}%\n\\label{{tab:top-tokens-{naming.label(report.example.name)}}}%",
        r"\hyphenpenalty10000 \abovetopsep3pt",
        r"\ifdim\columnwidth<30em\def\reportgenword{6.5em}\else\def\reportgenword{16em}\fi",
        f"\\begin{{tabular}}{{@{{}}{columns}@{{}}}}\n\\toprule",
        " &\n".join(names) + " \\tabularnewline\n\\midrule",
        rows,
        "\\bottomrule\n\\end{tabular}\n\\end{table}\n",
    )
    return "\n".join(parts)
