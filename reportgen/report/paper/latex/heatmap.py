r"""Turn the coloured document into a file of LaTeX that compiles alone, and can be \input into a manuscript."""

from __future__ import annotations

from reportgen.core.characters import visible
from reportgen.core.nouns.records import Report
from reportgen.core.palette import HEAT_LIGHT
from reportgen.report.paper.latex.inline import Pages, inline, plain
from reportgen.report.paper.latex.setting import COLOURS, HEAT, SHEET, needed
from reportgen.report.parts import HeatView, Line

# subtle: the end of the document is not written out, because arxiv_latex_cleaner cuts a file where it first reads it.
ALONE_OR_WITHIN = r"""\expandafter\ifx\csname @classoptionslist\endcsname\relax
  \def\reportgenend{\csname end\endcsname{document}}
  \documentclass{article}
  \usepackage[margin=25mm]{geometry}
  \ifdefined\Umathcode\else
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


def heatmap(report: Report, view: HeatView, lines: tuple[Line, ...], pages: Pages) -> str:
    """The source of the coloured document."""
    title, model, explanation = (plain(text, pages) for text in heading(report, view))
    about = (
        f"The heatmap of {report.example.title}: {view.title}. {view.explanation}",
        f"Model: {report.provenance.model}, revision {report.provenance.revision}.",
        f"Made by reportgen {report.provenance.versions.get('reportgen', '')}, {report.provenance.created}.",
        r"Compile it alone with pdflatex, xelatex or lualatex, or \input it, best in a figure with your own caption.",
        "The preamble needs xcolor.",
        *([rf"If {SHEET} is not next to it: \newcommand\reportgenpath{{folder/}}"] if pages else ()),
    )
    steps = "".join(f"\\reportgenrule{{{n}}}{{1.1em}}\\kern1.1em" for n in range(len(HEAT_LIGHT)))
    above = f"{{\\bfseries {title}}}\\par\n{model}\\par\n{{\\small {explanation}\\par}}"
    body = "\n".join(_paragraph(line, pages) for line in lines)
    read, total = len(report.tokens), report.tokens.total
    parts = (
        *(f"% {visible(' '.join(text.split()))}" for text in about),
        ALONE_OR_WITHIN + XCOLOR + r"\par\begingroup",
        needed(above + body, pages) + COLOURS + r"\reportgenset" + "\n" + HEAT.rstrip(),
        f"\\ifdefined\\reportgenend\n{above}\\medskip\n\\fi",
        f"\\reportgenltr{{\\small {view.bounds[0]:.3g}\\ }}%\n{steps}%\n{{\\small \\ {view.bounds[-1]:.3g}}}\\par",
        r"\vskip.5\baselineskip",
        body,
        f"{{\\small The text is cut here: the model read {read:,} of {total:,} tokens.\\par}}" if total > read else "%",
        "\\par\\ifdefined\\reportgenend\\aftergroup\\reportgenend\\fi\\endgroup\n",
    )
    return "\n".join(parts)


def _paragraph(line: Line, pages: Pages) -> str:
    source = inline(line, pages)
    if not source:
        return r"\reportgenblank"
    if line.direction == "rtl":
        return f"{{\\reportgenrtl\\beginR{{}}%\n{source}%\n\\nobreak\\hskip0pt plus 1fil\\endR\\par}}"
    return f"\\reportgenltr\n{source}\\par"
