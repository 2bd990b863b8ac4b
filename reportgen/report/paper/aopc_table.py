"""Turn the AOPC of a tested heatmap into a table in LaTeX, which a manuscript takes in with booktabs."""

from __future__ import annotations

from reportgen.core.characters import visible
from reportgen.core.nouns.faithfulness import Faithfulness
from reportgen.core.nouns.records import Report
from reportgen.data import naming
from reportgen.report.faithfulness import panel
from reportgen.report.faithfulness.names import units
from reportgen.report.paper.citation import escape


def aopc_table(report: Report, tested: Faithfulness) -> str:
    """The source of a table that floats over all columns, with caption and label; nothing is from the document."""
    table = panel.aopc(tested)
    heads = " & ".join(f"{{{_cell(name)}}}" for name in table.columns)
    rows = "\n".join(" & ".join(map(_cell, row)) + r" \tabularnewline" for row in table.rows)
    some = units(tested)
    caption = (
        f"AOPC of the heatmap, of other orders and of {tested.draws} random ones: the mean, over the shares of the "
        f"{some}, of what the margin loses, in logits. For random orders mean, lowest and highest; p is the share of "
        f"orders, this one and the random ones, that are at least as good."
    )
    parts = (
        f"% Faithfulness of the heatmap of {visible(' '.join(report.example.title.split()))}.",
        "% \\input it; the preamble needs booktabs.",
        "\\begin{table*}[tb]\n\\small\\tabcolsep3pt\\centering",
        f"\\caption[Faithfulness]{{{escape(caption)}}}%",
        f"\\label{{tab:faithfulness-{naming.label(report.example.name)}}}%",
        f"\\begin{{tabular}}{{@{{}}{''.join('r' if number else 'l' for number in table.numeric)}@{{}}}}\n\\toprule",
        f"{heads} \\tabularnewline\n\\midrule",
        rows,
        "\\bottomrule\n\\end{tabular}\n\\end{table*}\n",
    )
    return "\n".join(parts)


def _cell(text: str) -> str:
    """Our own words and numbers, in signs that every encoding of TeX has."""
    return escape(text.replace("’", "'")).replace(r"\textquotesingle{}", "'").replace("−", "$-$")
