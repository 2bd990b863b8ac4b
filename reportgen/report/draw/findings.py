"""Turn scores into three findings for the summary: how few tokens, where in the document, and which heads.

Each has a number, the sentence that the number begins, and a small drawing; the figures show them in full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import numpy.typing as npt

from reportgen.core.palette import ACCENT, FONT, HEAT_LIGHT, MUTED, RULE
from reportgen.core.records import Rankings, Report, Scores
from reportgen.report.draw import captions, vega
from reportgen.report.parts import Finding

WIDTH, HEIGHT = 150, 74  # px of a drawing, without its axes
POINTS = 40  # of a line
STRIPES = 50  # stretches of the document


def findings(report: Report, scores: Scores, rankings: Rankings) -> tuple[Finding, ...]:
    """The findings, in reading order; none if the text has no content tokens."""
    if rankings.by_score.size == 0:
        return ()
    found = [concentration(report, scores, rankings), place(report, scores)]
    if report.attention.shape[0] * report.attention.shape[1] > 1:
        found.append(heads(report))
    return tuple(found)


def concentration(report: Report, scores: Scores, rankings: Rankings) -> Finding:
    """The share of the total score on the top tokens."""
    ordered = scores.total[rankings.by_score].astype(np.float64)
    held = np.cumsum(ordered) / (ordered.sum() or 1.0)
    k, tokens = min(report.top_k, len(ordered)), len(ordered)
    kept = sorted({round(rank) for rank in np.geomspace(1, tokens, POINTS)})
    rows = [{"rank": rank, "held": round(float(held[rank - 1]), 4)} for rank in kept]
    base = alt.Chart(_values(rows), width=WIDTH, height=HEIGHT)
    line = base.mark_line(strokeWidth=1.8, color=ACCENT).encode(
        x=alt.X(
            "rank:Q", title="tokens, highest first", scale=alt.Scale(type="log", domain=[1, max(tokens, 2)], nice=False)
        ),
        y=alt.Y("held:Q", title="share of scores", scale=alt.Scale(domain=[0, 1])),
    )
    mark = alt.Chart(_values([{"rank": k, "held": float(held[k - 1])}])).mark_point(filled=True, size=45, color=ACCENT)
    chart = line + mark.encode(x="rank:Q", y="held:Q")
    sentence = f"of the total score is on {k} of {tokens:,} tokens. With equal scores it would be {k / tokens:.1%}."
    return _finding(f"{held[k - 1]:.0%}", sentence, chart, "table-top-tokens")


def place(report: Report, scores: Scores) -> Finding:
    """The part of the document with the highest scores."""
    content = report.tokens.content
    values = np.where(content, scores.total, 0).astype(np.float64)
    edges = np.linspace(0, len(values), min(STRIPES, len(values)) + 1).round().astype(int)
    sums, counts = np.add.reduceat(values, edges[:-1]), np.add.reduceat(content, edges[:-1])
    rows = [
        {"start": int(start), "end": int(end), "score": float(f"{total / max(count, 1):.4g}")}
        for start, end, total, count in zip(edges[:-1], edges[1:], sums, counts, strict=True)
    ]
    chart = (
        alt.Chart(_values(rows), width=WIDTH, height=HEIGHT)
        .mark_rect(color=ACCENT)
        .encode(
            x=alt.X("start:Q", title="position, tokens", scale=alt.Scale(nice=False)),
            x2="end:Q",
            y=alt.Y("score:Q", title="mean score"),
            y2=alt.Y2Datum(0),
        )
    )
    number, sentence = densest(values)
    return _finding(number, sentence, chart, "figure-distribution")


def densest(values: npt.NDArray[np.float64]) -> tuple[str, str]:
    """The tenth of the document that holds most, (token,), as a number and its sentence."""
    width = -(-len(values) // 10)
    sums = np.convolve(values, np.ones(width), "valid")
    start = int(sums.argmax())
    share = float(sums[start]) / (float(values.sum()) or 1.0)
    where = f"positions {start:,} to {start + width - 1:,}" if width > 1 else f"position {start:,}"
    return f"{share:.0%}", f"of the total score is in the densest tenth of the document, {where}."


def heads(report: Report) -> Finding:
    """The differences between heads."""
    k = min(report.top_k, report.attention.shape[2])
    shares = captions.top_shares(report.attention.received, k)  # (layer, head)
    layers, count = shares.shape
    rows = [
        {"layer": layer, "head": head, "share": float(f"{share:.4g}")}
        for (layer, head), share in zip(report.places, shares.ravel().tolist(), strict=True)
    ]
    heat = alt.Scale(type="quantize", range=list(HEAT_LIGHT))
    numbers = report.attention.layers
    named = list(numbers) if layers <= 6 else [numbers[0], numbers[-(-layers // 2) - 1], numbers[-1]]
    chart = (
        alt.Chart(_values(rows), width=WIDTH, height=HEIGHT)
        .mark_rect()
        .encode(
            x=alt.X("head:O", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            y=alt.Y("layer:O", axis=alt.Axis(values=named, labelAngle=0)),
            color=alt.Color("share:Q", scale=heat, legend=None),
        )
    )
    layer, head = report.places[shares.argmax()]
    least = report.places[shares.argmin()]
    verb = "are" if report.given else "is"
    sentence = (
        f"of the {report.subject} of layer {layer}, head {head} {verb} on {k} tokens, more than in any other of the "
        f"{layers * count} heads. In layer {least[0]}, head {least[1]} it is {shares.min():.0%}, the least."
    )
    return _finding(f"{shares.max():.0%}", sentence, chart, "figure-overview")


def _finding(number: str, sentence: str, chart: alt.TopLevelMixin, target: str) -> Finding:
    axis = {"labelColor": MUTED, "titleColor": MUTED, "domainColor": MUTED, "tickColor": MUTED, "gridColor": RULE,
            "titleFontWeight": "normal", "labelFontSize": 9, "titleFontSize": 9, "tickCount": 3, "grid": False,
            "tickSize": 3}  # fmt: skip
    themed = chart.configure(font=FONT, background="transparent", axis=axis, view=alt.ViewConfig(stroke=None))
    spec = vega.drawable(themed.to_dict())
    return Finding(number, sentence, vega.svg(spec, key=f"finding-{target}"), target)


def _values(rows: Sequence[Mapping[str, object]]) -> alt.Data:
    return alt.Data(values=rows)  # type: ignore[no-untyped-call]  # altair leaves this constructor untyped
