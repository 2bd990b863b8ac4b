"""Choose the points that charts show: some ranks of a trend, stretches of the document, a few tokens.

Still charts and live charts show the same points.
"""

from __future__ import annotations

import numpy as np

from reportgen.core.nouns.records import Rankings, Report
from reportgen.core.palette import INK
from reportgen.report import words

RANKS = 48  # points that a rank trend keeps of a line, spread evenly over the logarithm of the rank
PANEL_RANKS = 24  # the same in the small panels of the heads
BINS = 160  # stretches of the document that the distribution shows
TABLE_RANKS = (1, 10, 100, 1000)
TOKEN_COLOURS = (INK, "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00")  # after Okabe and Ito


def kept(report: Report, rankings: Rankings) -> dict[str, object]:
    """The data that the page needs to draw the charts again: ranks, stretches, tokens of the layer trend, colours."""
    tokens = report.attention.shape[2]
    return {
        "ranks": kept_ranks(tokens, RANKS),
        "panel_ranks": kept_ranks(tokens, PANEL_RANKS),
        "table_ranks": [rank for rank in TABLE_RANKS if rank <= tokens],
        "edges": edges(tokens),
        "trend": trend_positions(report, rankings) if rankings.by_score.size else [],
        "trend_colours": list(TOKEN_COLOURS),
    }


def kept_ranks(tokens: int, points: int) -> list[int]:
    """Ranks that a line is drawn through, from 0: evenly spread over the logarithm, first and last too."""
    return sorted({round(rank) - 1 for rank in np.geomspace(1, tokens, points)})


def trend_positions(report: Report, rankings: Rankings) -> list[int]:
    """The positions that were asked for; else the classifier's own token and the top tokens, content words first."""
    if report.positions:
        return list(report.positions)
    reader = report.attention.reader_position
    found = words.of_report(report)
    common = words.common_positions(found)
    top = [position for position in rankings.by_score.tolist() if position != reader and position not in common]
    own = [] if reader is None else [reader]
    return own + top[: len(TOKEN_COLOURS) - 1]


def trend_names(report: Report, positions: list[int]) -> list[str]:
    """The lines of the layer trend in its legend: position and token; echoes of position are named as such."""
    named, echo = report.words(), report.tokens.echo
    return [f"{position} {named[position]}{' (echo)' * echo[position]}" for position in positions]


def edges(tokens: int) -> list[int]:
    """The start of each stretch of the distribution, and the end of the last one."""
    found: list[int] = np.linspace(0, tokens, min(BINS, tokens) + 1).round().astype(int).tolist()
    return found
