r"""Turn the top tokens, and the AOPC of a tested heatmap, into tables that a manuscript takes in with booktabs.

A table measures itself, and is set as the column allows that it comes into: long words are wrapped, then letters get
smaller. The caption is in the manuscript's own font and encoding; only what comes from outside is in one that is known.
"""

from __future__ import annotations

import textwrap

from reportgen.core.characters import visible
from reportgen.core.nouns.faithfulness import Faithfulness
from reportgen.core.nouns.records import Report
from reportgen.data import naming
from reportgen.report.faithfulness import panel
from reportgen.report.faithfulness.names import units
from reportgen.report.paper.latex.inline import Pages, plain
from reportgen.report.paper.latex.letters import escape
from reportgen.report.paper.latex.setting import CATCODES, LATIN, needed
from reportgen.report.parts import Table

LONGEST_CELL = 6  # characters without a place to break
HEAD = 8  # characters in a line of a heading
# First what cannot be wrapped is measured, then all; what is wider than the column is wrapped in the room that is left.
FIT = r"""\def\reportgencell#1{}%
\def\reportgenmeasured{\setbox0\hbox{\reportgentable}\edef\reportgenroom{\the\dimexpr\linewidth-\wd0}}%
\def\reportgensmaller#1{\ifdim\reportgenroom<LEAST #1\reportgenmeasured
  \else\ifdim\dimexpr\ht0+\dp0>.6\textheight #1\reportgenmeasured\fi\fi}%
\small\reportgenmeasured
\reportgensmaller{\footnotesize\tabcolsep2pt }\reportgensmaller{\scriptsize}%
\edef\reportgenword{\the\dimexpr\reportgenroom/WRAPPED}%
\def\reportgencell#1{#1}\reportgenmeasured
\ifdim\reportgenroom<0pt \def\reportgencell#1{\parbox[t]{\reportgenword}{\raggedright#1\strut}}\reportgenmeasured\fi
\leavevmode\box0"""

BEAMER = r"""\ifcsname table*\endcsname\else\newenvironment{table*}[1][]{\begin{table}}{\end{table}}\fi
"""


def top_tokens(report: Report, table: Table, pages: Pages) -> str:
    """The source of a table that floats, with caption and label."""
    made = report.provenance
    weighted = "" if report.importance.measure == "none" else ", weighted by head importance"
    # Language 255 is the one without hyphens.
    title, model = (
        f"{{\\reportgenset\\language255 {plain(text, pages)}}}" for text in (report.example.title, made.model)
    )
    named = "" if made.model == "not named" else f", read by {model}"
    what = f"is the attention that a token receives{weighted}, scaled to 0 to 1 and"
    if report.given:
        what = "was computed elsewhere and is"
    caption = (
        f"The {len(table.rows)} token{'s' * (len(table.rows) > 1)} of {escape('“')}{title}{escape('”')} with the "
        f"highest scores{named}. A score {what} summed over all layers and heads, without {report.unranked}."
    )
    cells = [[plain(cell, pages, LONGEST_CELL) for cell in row] for row in table.rows]
    body = _body(table, cells)
    return _float(
        report,
        "table",
        about=f"The top tokens of {report.example.title}",
        setting=needed(caption + body, pages) + r"\def\reportgenplain#1{\leavevmode\reportgenhbox{#1}}%" + "\n",
        short="Top tokens",
        caption=caption,
        label="top-tokens",
        body=f"\\reportgenset\\hyphenpenalty10000 {body}",
        wrapped=1,
    )


def aopc_table(report: Report, tested: Faithfulness) -> str:
    """The source of a table that floats over all columns, with caption and label; nothing is from the document."""
    table = panel.aopc(tested)
    caption = (
        f"AOPC of the heatmap, of other orders and of {tested.draws} random ones: the mean, over the shares of the "
        f"{units(tested)}, of what the margin loses, in logits. For random orders mean, lowest and highest; p is the "
        f"share of orders, this one and the random ones, that are at least as good."
    )
    return _float(
        report,
        "table*",
        about=f"Faithfulness of the heatmap of {report.example.title}",
        setting=CATCODES,
        short="Faithfulness",
        caption=caption,
        label="faithfulness",
        body=r"\reportgenlatin " + _body(table, [[_own(cell) for cell in row] for row in table.rows]),
        wrapped=len(table.numeric) - sum(table.numeric),
    )


def _own(text: str) -> str:
    """Our own words and numbers, in signs that every encoding of TeX has."""
    return escape(text.replace("’", "'")).replace(r"\textquotesingle{}", "'").replace("−", "$-$")


def _body(table: Table, cells: list[list[str]]) -> str:
    """The tabular: heads in short lines, words that may be wrapped."""
    columns = "".join("r" if number else "l" for number in table.numeric)
    names = (
        f"\\begin{{tabular}}[b]{{@{{}}{'r' if number else 'l'}@{{}}}}"
        + r"\tabularnewline ".join(map(_own, textwrap.wrap(name, HEAD, break_long_words=False)))
        + r"\end{tabular}"
        for name, number in zip(table.columns, table.numeric, strict=True)
    )
    rows = (
        " & ".join(
            cell if number else f"\\reportgencell{{{cell}}}" for cell, number in zip(row, table.numeric, strict=True)
        )
        + r" \tabularnewline"
        for row in cells
    )
    return "\n".join(
        (
            f"\\begin{{tabular}}{{@{{}}{columns}@{{}}}}\n\\toprule",
            " &\n".join(names) + " \\tabularnewline\n\\midrule",
            *rows,
            r"\bottomrule\end{tabular}",
        )
    )


def _float(
    report: Report,
    kind: str,
    *,
    about: str,
    setting: str,
    short: str,
    caption: str,
    label: str,
    body: str,
    wrapped: int,
) -> str:
    """A table with its caption; *wrapped*: how many of its columns may be."""
    fit = FIT.replace("LEAST", f"{6 * wrapped}em").replace("WRAPPED", str(wrapped))
    parts = (
        f"% {visible(' '.join(about.split()))}.",
        "% \\input it; the preamble needs booktabs.",
        BEAMER * (kind == "table*") + f"\\begin{{{kind}}}[tb]",
        f"{setting}{LATIN}\\centering\\tabcolsep3pt\\abovetopsep3pt\\emergencystretch4em\n{{\\small",
        f"\\caption[\\reportgenlist{{{short}}}]{{\\reportgenlatin {caption}}}%",
        f"\\label{{tab:{label}-{naming.label(report.example.name)}}}}}%",
        f"\\def\\reportgentable{{{body}}}%",
        fit,
        f"\\end{{{kind}}}\n",
    )
    return "\n".join(parts)
