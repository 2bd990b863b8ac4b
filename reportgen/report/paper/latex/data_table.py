r"""Turn any table for people into a float for a manuscript: \input it, with booktabs and graphicx in the preamble.

It needs no sheet of glyphs: a letter that TeX's own fonts lack is named by its code point.
"""

from __future__ import annotations

import re
import textwrap

from reportgen.report.paper.latex.letters import SAFE, escape
from reportgen.report.parts import Table

HEAD = 14  # letters in a line of a heading
FORMULAS = {"−": "$-$", "·": r"$\cdot$"}


def data_table(table: Table, *, label: str, wide: bool = False) -> str:
    """The source of a table that floats over a column, or over all columns if *wide*, made smaller where it must be."""
    kind = "table*" if wide else "table"
    align = "".join("r" if number else "l" for number in table.numeric)
    heads = (r"\\".join(map(typed, textwrap.wrap(name, HEAD) or [""])) for name in table.columns)
    names = " & ".join(rf"\shortstack[b]{{{head}}}" for head in heads)
    rows = "\n".join(f"{' & '.join(map(typed, row))} \\\\" for row in table.rows)
    key = re.sub(r"[^0-9A-Za-z]", "-", label)
    return "\n".join(
        (
            "% \\input it; the preamble needs booktabs and graphicx.",
            rf"\begin{{{kind}}}[tb]",
            r"\small\tabcolsep3pt\centering",
            rf"\caption{{{typed(table.caption)}}}",
            rf"\label{{tab:{key}}}",
            rf"\setbox0\hbox{{\begin{{tabular}}{{@{{}}{align}@{{}}}}",
            "\\toprule\n" + names + r" \\",
            "\\midrule\n" + rows,
            r"\bottomrule",
            r"\end{tabular}}%",
            r"\ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\box0}\else\box0\fi",
            f"\\end{{{kind}}}\n",
        )
    )


def typed(text: str) -> str:
    r"""Text in one line, as TeX reads it.

    >>> print(typed("−5%  of θ_1"))
    $-$5\% of [U+03B8]\textunderscore{}1
    """
    known = (sign if sign in SAFE or sign in " −·" else f"[U+{ord(sign):04X}]" for sign in " ".join(text.split()))
    return "".join(FORMULAS.get(part) or escape(part) for part in re.split("([−·])", "".join(known)))
