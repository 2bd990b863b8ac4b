r"""Turn tables into LaTeX for a manuscript with booktabs: those of a report, and any others with one sheet of glyphs.

A table measures itself, and is set as the column allows that it comes into: long words are wrapped, then letters get
smaller. The caption is in the manuscript's own font and encoding; only what comes from outside is in one that is known.
"""

from __future__ import annotations

import string
import textwrap
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain

from reportgen.core.characters import visible
from reportgen.core.nouns.faithfulness import Faithfulness
from reportgen.core.nouns.records import Report
from reportgen.data import naming
from reportgen.report.faithfulness import panel
from reportgen.report.faithfulness.names import ORDERS, units
from reportgen.report.paper.latex import glyphs
from reportgen.report.paper.latex.inline import Box, Pages, as_line, items, plain
from reportgen.report.paper.latex.letters import escape
from reportgen.report.paper.latex.setting import CATCODES, LATIN, needed
from reportgen.report.parts import Table

LONGEST_CELL = 6  # characters without a place to break
HEAD = 8  # characters in a line of a heading
MOST_ROWS = 60  # longer tables are for programs
SHORT = 60  # characters of a caption in the list of tables
MINUS = "−"
OWN = frozenset(string.ascii_letters + string.digits + " .,:;()%&#/+-=’×“”" + MINUS)  # in the manuscript's own font
# First what cannot be wrapped is measured, then all; what is wider than the column is wrapped in the room that is left.
FIT = r"""\def\reportgencell#1{}%
\def\reportgenmeasured{\setbox0\hbox{\reportgentable}\edef\reportgenroom{\the\dimexpr\linewidth-\wd0}}%
\def\reportgensmaller#1{\ifdim\reportgenroom<LEAST #1\reportgenmeasured
  \else\ifdim\dimexpr\ht0+\dp0>.6\textheight #1\reportgenmeasured\fi\fi}%
\small\reportgenmeasured
\reportgensmaller{\footnotesize\tabcolsep2pt }\reportgensmaller{\scriptsize}%
\edef\reportgenword{\the\dimexpr\reportgenroom/WRAPPED}%
\def\reportgencell#1{#1}\reportgenmeasured
"""
WRAP = r"""\def\reportgencell#1{\parbox[t]{\reportgenword}{\raggedright#1\strut}}\reportgenmeasured"""
WRAPPED = rf"""\ifdim\reportgenroom<0pt {WRAP}\fi
\leavevmode\box0"""
# Where no word has room, where numbers alone are too wide, or where it is too high, all of it gets smaller.
SCALED = rf"""\ifdim\reportgenroom<0pt \ifdim\reportgenword<NARROW \else{WRAP}\fi\fi
\ifdim\reportgenroom<0pt \setbox0\hbox{{\resizebox{{\linewidth}}{{!}}{{\box0}}}}\fi
\ifdim\dimexpr\ht0+\dp0>.8\textheight\setbox0\hbox{{\resizebox*{{!}}{{.8\textheight}}{{\box0}}}}\fi
\leavevmode\box0"""

SHORTER = {ORDERS["classifier"]: "classifier’s row", ORDERS["reversed"]: "reversed"}  # a slide has room for these

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
        "table",
        about=f"The top tokens of {report.example.title}",
        setting=needed(caption + body, pages) + r"\def\reportgenplain#1{\leavevmode\reportgenhbox{#1}}%" + "\n",
        short="Top tokens",
        caption=caption,
        label=f"top-tokens-{naming.label(report.example.name)}",
        body=f"\\reportgenset\\hyphenpenalty10000 {body}",
        wrapped=1,
    )


def aopc_table(report: Report, tested: Faithfulness) -> str:
    """The source of a table that floats over all columns, with caption and label; nothing is from the document."""
    table = panel.aopc(tested)
    caption = (
        f"AOPC of all attention, of other orders and of {tested.draws} random ones: the mean, over the shares of the "
        f"{units(tested)}, of what the margin loses, in logits. The classifier's row is what the classifier reads; "
        f"reversed is all attention, the lowest first. For random orders mean, lowest and highest; p is the share of "
        f"orders, this one and the random ones, that are at least as good."
    )
    return _float(
        "table*",
        about=f"Faithfulness of the heatmap of {report.example.title}",
        setting=CATCODES,
        short="Faithfulness",
        caption=caption,
        label=f"faithfulness-{naming.label(report.example.name)}",
        body=r"\reportgenlatin "
        + _body(table, [[_own(SHORTER.get(cell, cell)) for cell in row] for row in table.rows]),
        wrapped=len(table.numeric) - sum(table.numeric),
    )


def of_all(shown: Iterable[Table], *, room: str) -> dict[str, bytes]:
    """The files of tables that float over all columns, by name, and of the sheet with what TeX cannot set itself.

    Args:
        shown: Any tables; those with more than `MOST_ROWS` rows are for programs, and left out.
        room: What they are of, in labels and in the name of the sheet: "corpus".
    """
    kept = [table for table in shown if table.rows and len(table.rows) <= MOST_ROWS]
    texts = [text for table in kept for text in (table.caption, *chain(*_heads(table)), *chain(*table.rows))]
    found = [item for text in texts for part in text.split(MINUS) for item in items(as_line(part), LONGEST_CELL)]
    boxes = [item for item in found if isinstance(item, Box)]
    sheet = glyphs.sheet(tuple(box.run(atom) for box in boxes for atom in box.atoms if atom.how == "glyphs"))
    name = f"{room}-glyphs.pdf"
    pages = sheet.pages if sheet else {}
    made = {f"{table.key}.tex": _any(table, room, pages, name).encode() for table in kept}
    return made | ({name: sheet.data} if sheet else {})


def _any(table: Table, room: str, pages: Pages, sheet: str) -> str:
    """The source of one of them: what is not our own is set in a font that is known."""
    foreign = partial(_foreign, pages=pages)
    body = _body(table, [list(map(foreign, row)) for row in table.rows], foreign)
    own = OWN.issuperset(table.caption)
    caption = _own(table.caption) if own else f"{{\\reportgenset\\language255 {foreign(table.caption)}}}"
    before = r"\def\reportgenplain#1{\leavevmode\reportgenhbox{#1}}%" + "\n"
    return _float(
        "table*",
        about=f"{room}, {table.key}",
        setting=needed(caption + body, pages, sheet) + before,
        short=_own(textwrap.shorten("".join(filter(OWN.__contains__, table.caption)), SHORT, placeholder=" ...")),
        caption=caption,
        label=f"{room}-{''.join(sign if sign.isascii() and sign.isalnum() else '-' for sign in table.key)}",
        body=f"\\reportgenset\\hyphenpenalty10000 {body}",
        wrapped=len(table.numeric) - sum(table.numeric),
        needs="booktabs and graphicx",
        end=SCALED,
    )


def _foreign(text: str, pages: Pages) -> str:
    """Text of any script; a minus is that of mathematics."""
    return "$-$".join(plain(part, pages, LONGEST_CELL) for part in text.split(MINUS))


def _own(text: str) -> str:
    """Our own words and numbers, in signs that every encoding of TeX has."""
    made = escape(text.replace("’", "'")).replace(r"\textquotesingle{}", "'")
    return made.replace(MINUS, "$-$").replace(r"\texttimes{}", r"$\times$")


def _heads(table: Table) -> list[list[str]]:
    """The lines of each heading."""
    return [textwrap.wrap(name, HEAD, break_long_words=False) for name in table.columns]


def _body(table: Table, cells: list[list[str]], write: Callable[[str], str] = _own) -> str:
    """The tabular: heads in short lines, which *write* turns into TeX, and words that may be wrapped."""
    columns = "".join("r" if number else "l" for number in table.numeric)
    names = (
        f"\\begin{{tabular}}[b]{{@{{}}{'r' if number else 'l'}@{{}}}}"
        + r"\tabularnewline ".join(map(write, lines))
        + r"\end{tabular}"
        for lines, number in zip(_heads(table), table.numeric, strict=True)
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
    kind: str,
    *,
    about: str,
    setting: str,
    short: str,
    caption: str,
    label: str,
    body: str,
    wrapped: int,
    needs: str = "booktabs",
    end: str = WRAPPED,
) -> str:
    """A table with its caption; *wrapped*: how many of its columns may be."""
    fit = (FIT + end).replace("LEAST", f"{6 * wrapped}em").replace("NARROW", "6em")
    fit = fit.replace("WRAPPED", str(max(1, wrapped)))
    parts = (
        f"% {visible(' '.join(about.split()))}.",
        f"% \\input it; the preamble needs {needs}.",
        BEAMER * (kind == "table*") + f"\\begin{{{kind}}}[tb]",
        f"{setting}{LATIN}\\centering\\tabcolsep3pt\\abovetopsep3pt\\emergencystretch4em\n{{\\small",
        f"\\caption[\\reportgenlist{{{short}}}]{{\\reportgenlatin {caption}}}%",
        f"\\label{{tab:{label}}}}}%",
        f"\\def\\reportgentable{{{body}}}%",
        fit,
        f"\\end{{{kind}}}\n",
    )
    return "\n".join(parts)
