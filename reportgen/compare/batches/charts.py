"""Draw what only two batches have: how documents spread, and changes of words with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reportgen.compare.batches.paired import Change
from reportgen.core.characters import visible
from reportgen.core.numbers import number
from reportgen.core.palette import ACCENT, INK, MUTED
from reportgen.report.draw import specs
from reportgen.report.draw.specs import WIDTH, Draw, Row, digits, figure
from reportgen.report.parts import Chart, Table

STEPS = 20  # of tau-b, from -1 to 1


def histogram(values: Sequence[float], caption: str, draw: Draw) -> Chart:
    """How many documents agree how far."""
    edges = np.linspace(-1, 1, STEPS + 1)
    counts = np.histogram(np.clip(values, -1, 1), edges)[0].tolist()
    bins = list(zip(edges[:-1].tolist(), edges[1:].tolist(), counts, strict=True))
    rows: list[Row] = [
        {"from": digits(low), "to": digits(high), "documents": count} for low, high, count in bins if count
    ]
    chart = {
        "width": WIDTH,
        "height": 160,
        "mark": {"type": "rect", "color": ACCENT},
        "encoding": {
            "x": specs.of("from", title="tau-b of all attention in both, by document", scale={"domain": [-1, 1]},
                          axis={"grid": False}),
            "x2": {"field": "to"},
            "y": specs.of("documents", title="documents", scale={"zero": True}, axis={"tickCount": 4}),
            "y2": {"datum": 0},
            "tooltip": specs.numbers("from", "to", "documents"),
        },
    }  # fmt: skip
    table = Table(
        "agreement-data", "Documents by tau-b", ("From", "To", "Documents"), (True,) * 3,
        tuple((*(number(end, ".1f") for end in ends), f"{n:,}") for *ends, n in bins if n),
    )  # fmt: skip
    return figure("agreement", "Agreement by document", caption, chart, rows, table, draw)


def forest(found: Sequence[tuple[str, Change]], caption: str, draw: Draw) -> Chart:
    """Changes of words, a line each, with the interval."""
    rows: list[Row] = [
        {"word": f"{visible(word)} ({each.documents})", "change": digits(each.change), "low": digits(each.low),
         "high": digits(each.high)}
        for word, each in found
    ]  # fmt: skip
    names = [row["word"] for row in rows]
    y = specs.of("word", "nominal", title="word (documents)", sort=names, axis={"labelLimit": 200})
    x = {"title": "change from A to B, in multiples of the document's mean"}
    chart = {
        "width": WIDTH - 120,
        "height": {"step": 18},
        "layer": [
            {"mark": {"type": "rule", "color": MUTED, "strokeWidth": 2},
             "encoding": {"y": y, "x": specs.of("low", **x), "x2": {"field": "high"}}},
            {"mark": {"type": "rule", "color": INK, "strokeDash": [3, 3], "strokeWidth": 1},
             "encoding": {"x": {"datum": 0}}},
            {"mark": {"type": "point", "filled": True, "color": ACCENT, "size": 50, "opacity": 1},
             "encoding": {"y": y, "x": specs.of("change", **x),
                          "tooltip": [specs.of("word", "nominal"), *specs.numbers("change", "low", "high")]}},
        ],
    }  # fmt: skip
    table = Table(
        "words-data", "Words that gain or lose most", ("Word", "Documents", "Change", "Low", "High"),
        (False, *(True,) * 4),
        tuple((word, f"{e.documents:,}", *(number(v, "+.3f") for v in (e.change, e.low, e.high)))
              for word, e in found),
    )  # fmt: skip
    return figure("words", "Words that gain or lose", caption, chart, rows, table, draw)
