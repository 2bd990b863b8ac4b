"""Turn scores into three findings for the summary: how few tokens, where in the document, and which heads.

Each has a number, the sentence that the number begins, and a small drawing; the figures show them in full.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reportgen.core.nouns.records import Rankings, Report, Scores
from reportgen.core.palette import ACCENT, CELLS_LIGHT, FONT, MUTED, RULE
from reportgen.report.draw import captions, specs
from reportgen.report.draw.pictures import still
from reportgen.report.draw.specs import Spec, of
from reportgen.report.even_share import ALMOST_EVEN, multiple
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
    layers, count, _ = report.attention.shape
    ordered = scores.total[rankings.by_score].astype(np.float64) + scores.base * layers * count
    held = np.cumsum(ordered) / (ordered.sum() or 1.0)
    k, tokens = min(report.top_k, len(ordered)), len(ordered)
    kept = sorted({round(rank) for rank in np.geomspace(1, tokens, POINTS)})
    rows = [{"rank": rank, "held": round(float(held[rank - 1]), 4)} for rank in kept]
    most = {"type": "log", "domain": [1, max(tokens, 2)], "nice": False}
    across = of("rank", title="tokens, highest first", scale=most)
    up = of("held", title="share of scores", scale={"domain": [0, 1]})
    line = {
        "data": {"values": rows},
        "mark": {"type": "line", "strokeWidth": 1.8, "color": ACCENT},
        "encoding": {"x": across, "y": up},
    }
    mark = {
        "data": {"values": [{"rank": k, "held": float(held[k - 1])}]},
        "mark": {"type": "point", "filled": True, "size": 45, "color": ACCENT},
        "encoding": {"x": of("rank"), "y": of("held")},
    }
    chart = {"layer": [line, mark]}
    times = float(held[k - 1]) * tokens / k
    sentence = f"the even share is what each of the {k} highest of {tokens:,} tokens draws on average."
    if times <= ALMOST_EVEN:
        sentence += f" {report.subject.capitalize()} {'are' if report.given else 'is'} almost even here."
    return _finding(multiple(times), sentence, chart, "table-top-tokens")


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
    chart = {
        "data": {"values": rows},
        "mark": {"type": "rect", "color": ACCENT},
        "encoding": {
            "x": of("start", title="position, tokens", scale={"nice": False}),
            "x2": {"field": "end"},
            "y": of("score", title="mean score"),
            "y2": {"datum": 0},
        },
    }
    number, sentence = densest(values)
    return _finding(number, sentence, chart, "figure-distribution")


def densest(values: npt.NDArray[np.float64]) -> tuple[str, str]:
    """The tenth of the document that holds most, (token,), as a number and its sentence."""
    width = -(-len(values) // 10)
    sums = np.convolve(values, np.ones(width), "valid")
    start = int(sums.argmax())
    times = float(sums[start]) / (float(values.sum()) or 1.0) * len(values) / width
    where = f"positions {start:,} to {start + width - 1:,}" if width > 1 else f"position {start:,}"
    return multiple(times), f"the even share is in the densest tenth of the document, {where}."


def heads(report: Report) -> Finding:
    """The differences between heads."""
    k = min(report.top_k, report.attention.shape[2])
    shares = captions.top_shares(report.attention.received, k)  # (layer, head)
    layers, count = shares.shape
    rows = [
        {"layer": layer, "head": head, "share": float(f"{share:.4g}")}
        for (layer, head), share in zip(report.places, shares.ravel().tolist(), strict=True)
    ]
    heat = {"type": "quantize", "range": list(CELLS_LIGHT)}
    numbers = report.attention.layers
    named = list(numbers) if layers <= 6 else [numbers[0], numbers[-(-layers // 2) - 1], numbers[-1]]
    chart = {
        "data": {"values": rows},
        "mark": {"type": "rect"},
        "encoding": {
            "x": of("head", "ordinal", axis={"labelAngle": 0, "labelOverlap": True}),
            "y": of("layer", "ordinal", axis={"values": named, "labelAngle": 0}),
            "color": of("share", scale=heat, legend=None),
        },
    }
    layer, head = report.places[shares.argmax()]
    least = report.places[shares.argmin()]
    times = shares * report.attention.shape[2] / k
    sentence = (
        f"the even share is on each of {k} tokens in layer {layer}, head {head}, more than in any other of the "
        f"{layers * count} heads. In layer {least[0]}, head {least[1]} it is {multiple(times.min())}, the least."
    )
    return _finding(multiple(times.max()), sentence, chart, "figure-overview")


def _finding(number: str, sentence: str, chart: Spec, target: str) -> Finding:
    axis = {"labelColor": MUTED, "titleColor": MUTED, "domainColor": MUTED, "tickColor": MUTED, "gridColor": RULE,
            "titleFontWeight": "normal", "labelFontSize": 9, "titleFontSize": 9, "tickCount": 3, "grid": False,
            "tickSize": 3}  # fmt: skip
    config = {"font": FONT, "background": "transparent", "axis": axis, "view": {"stroke": None}}
    spec = specs.drawable({"$schema": specs.SCHEMA, "config": config, "width": WIDTH, "height": HEIGHT, **chart})
    return Finding(number, sentence, still.svg(spec, key=f"finding-{target}"), target)
