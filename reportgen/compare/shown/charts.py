"""Draw a comparison: rank shifts, overlap of the top, grids of heads, the document in tenths, deletion curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from reportgen.compare.align import Doubles
from reportgen.compare.parts import A, B
from reportgen.core.characters import cut, visible
from reportgen.core.nouns.faithfulness import Agreement
from reportgen.core.numbers import number as written
from reportgen.core.palette import ACCENT, CELLS_LIGHT, INK, MUTED, SIGNED_LIGHT
from reportgen.report.draw import specs
from reportgen.report.draw.pictures import still
from reportgen.report.draw.specs import WIDTH, Draw, Row, Spec, digits, figure
from reportgen.report.faithfulness.names import ORDERS as NAMES
from reportgen.report.parts import Chart, Table

BLUE, GREEN = "#0072b2", "#009e73"  # after Okabe and Ito
LONGEST = 24  # letters of a word in a drawing
SIDES = {A: BLUE, B: ACCENT}
ORDERS = {"all_attention": ACCENT, "classifier": BLUE, "last layer": "#882255", "attribution": GREEN}
CHANCE = "by chance"
TURNS = {"higher in B": ACCENT, "lower in B": BLUE, "the same": MUTED}
GRIDS = 2  # in a row
REMOVED = (NAMES["all_attention"], "random orders, mean")


def slopes(rows: Sequence[tuple[str, int, int]], caption: str, draw: Draw = still.svg) -> Chart:
    """The ranks of some words in both, a line each; *rows* are word, rank in A, rank in B."""
    ranked = [[one for _, one, _ in rows], [other for _, _, other in rows]]
    sides = [np.argsort(each, kind="stable").tolist() for each in ranked]
    places = [[order.index(n) for order in sides] for n in range(len(rows))]
    values: list[Row] = []
    for number, ((word, one, other), place) in enumerate(zip(rows, places, strict=True)):
        turn = "the same" if one == other else "higher in B" if other < one else "lower in B"
        short = visible(cut(" ".join(word.split()), LONGEST))
        for side, rank, at in ((A, one, place[0]), (B, other, place[1])):
            label = f"{short}  {rank:,}" if side == A else f"{rank:,}  {short}"
            values.append({"line": number, "side": side, "place": at, "rank": rank, "label": label, "change": turn})
    x = specs.of("side", "nominal", title=None, axis={"orient": "top", "labelAngle": 0, "labelFontSize": 13,
                 "domain": False, "ticks": False}, scale={"padding": 0})  # fmt: skip
    y = specs.of("place", axis=None, scale={"reverse": True, "zero": False, "nice": False})
    colour = specs.of("change", "nominal", title=None, scale={"domain": list(TURNS), "range": list(TURNS.values())})
    texts = [
        {
            "transform": [{"filter": f"datum.side === '{side}'"}],
            "mark": {"type": "text", "align": align, "dx": dx, "baseline": "middle", "color": INK},
            "encoding": {"x": x, "y": y, "text": specs.of("label", "nominal")},
        }
        for side, align, dx in ((A, "right", -8), (B, "left", 8))
    ]
    line = {
        "mark": {"type": "line", "strokeWidth": 1.6, "point": {"size": 34, "filled": True}},
        "encoding": {"x": x, "y": y, "detail": specs.of("line", "nominal"), "color": colour},
    }
    chart = {"width": 240, "height": max(60, 22 * len(rows)), "layer": [line, *texts]}
    table = Table(
        "rank-shifts-data", "Ranks of the words that are at the top of either",
        ("Word", f"Rank in {A}", f"Rank in {B}"), (False, True, True),
        tuple((word, f"{one:,}", f"{other:,}") for word, one, other in rows),
    )  # fmt: skip
    return figure(
        "rank-shifts",
        "Rank shifts",
        caption,
        chart,
        values,
        table,
        draw,
        legend={"orient": "bottom", "labelLimit": 120},
    )


def overlap(found: Sequence[Agreement], names: Mapping[str, str], caption: str, draw: Draw = still.svg) -> Chart:
    """The words that both have at the top, against the size of the top."""
    rows: list[Row] = [
        {"order": names[one.one], "top": percent, "shared": digits(shared)}
        for one in found
        for percent, shared in enumerate(one.overlap, start=1)
    ]
    rows += [
        {"order": CHANCE, "top": percent, "shared": digits(shared)}
        for percent, shared in enumerate(found[0].overlap_chance, start=1)
    ]
    domain = [*(names[one.one] for one in found), CHANCE]
    colours = [*(ORDERS[one.one] for one in found), MUTED]
    chart = {
        "width": WIDTH - 100,
        "height": 240,
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {
            "x": specs.of("top", title="top of the words, %", scale={"domain": [1, 20], "nice": False}),
            "y": specs.of("shared", title=f"share that {A} and {B} have in common", scale={"domain": [0, 1]},
                          axis={"format": ".0%", "tickCount": 5}),
            "color": specs.of("order", "nominal", title="order", scale={"domain": domain, "range": colours}),
            "tooltip": [specs.of("order", "nominal"), *specs.numbers("top", "shared")],
        },
    }  # fmt: skip
    picked = (1, 2, 5, 10, 20)
    table = Table(
        "overlap-data", "Share of the top words that both have", ("Order", *(f"Top {n}%" for n in picked)),
        (False, *(True for _ in picked)),
        (
            *((names[one.one], *(f"{one.overlap[n - 1]:.1%}" for n in picked)) for one in found),
            (CHANCE, *(f"{found[0].overlap_chance[n - 1]:.1%}" for n in picked)),
        ),
    )  # fmt: skip
    return figure("overlap", "Overlap of the top words", caption, chart, rows, table, draw, legend={"labelLimit": 160})


def grids(
    places: Sequence[tuple[int, int]],
    values: Mapping[str, tuple[str, Doubles, bool]],
    caption: str,
    draw: Draw = still.svg,
) -> Chart:
    """Numbers of every head as grids of layer by head.

    Args:
        places: Layer and head of each, from 1.
        values: By field: what it is, the numbers in the order of *places*, and whether they have a sign.
        caption: Of the chart.
        draw: Makes the SVG.
    """
    heads = max(head for _, head in places)
    made = [_grid(places, name, *given, heads=heads) for name, given in values.items()]
    chart = {"concat": made, "columns": GRIDS, "spacing": 40, "resolve": {"scale": {"color": "independent"}}}
    columns = ("Layer", "Head", *(title for title, _, _ in values.values()))
    rows = tuple(
        (str(layer), str(head), *(written(numbers[n], "+.4f" if sign else ".4f")
                                  for _, numbers, sign in values.values()))
        for n, (layer, head) in enumerate(places)
    )  # fmt: skip
    table = Table("heads-data", "What differs in each head", columns, (True,) * len(columns), rows)
    return figure("heads", "Heads that changed", caption, chart, [], table, draw)


def _grid(
    places: Sequence[tuple[int, int]], field: str, title: str, numbers: Doubles, sign: bool, *, heads: int
) -> Spec:
    rows: list[Row] = [
        {"layer": layer, "head": head, field: digits(float(numbers[n]))} for n, (layer, head) in enumerate(places)
    ]
    most = digits(float(np.abs(numbers).max(initial=0))) or 1e-6
    scale = {"type": "quantize", "domain": [-most if sign else 0, most]}
    scale["range"] = list(SIGNED_LIGHT if sign else CELLS_LIGHT)
    said = {"tooltip": [*specs.numbers("layer", "head"), specs.of(field)]}
    return specs.grid(rows, field, title, heads, scale=scale, form="+.2g" if sign else ".2g", more=said)


def deciles(values: Mapping[str, Doubles], caption: str, draw: Draw = still.svg) -> Chart:
    """The share of the attention on each tenth of the document, by side."""
    rows: list[Row] = [
        {"report": side, "tenth": number, "share": digits(float(share))}
        for side, shares in values.items()
        for number, share in enumerate(shares, start=1)
    ]
    chart = {
        "width": WIDTH - 40,
        "height": 200,
        "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 50, "filled": True}},
        "encoding": {
            "x": specs.of("tenth", "ordinal", title="tenth of the document", axis={"labelAngle": 0}),
            "y": specs.of("share", title="share of the attention", axis={"format": ".0%", "tickCount": 4}),
            "color": specs.of("report", "nominal", title="report",
                              scale={"domain": list(values), "range": [SIDES[side] for side in values]}),
            "shape": specs.of("report", "nominal", scale={"domain": list(values)}),
            "tooltip": [specs.of("report", "nominal"), *specs.numbers("tenth", "share")],
        },
    }  # fmt: skip
    table = Table(
        "tenths-data", "Share of the attention on each tenth of the document", ("Tenth", *values), (True,) * 3,
        tuple((str(n + 1), *(f"{shares[n]:.1%}" for shares in values.values())) for n in range(10)),
    )  # fmt: skip
    return figure("tenths", "Attention by place in the document", caption, chart, rows, table, draw)


def removed(
    lines: Mapping[str, Sequence[tuple[float, float, float]]], caption: str, some: str, draw: Draw = still.svg
) -> Chart:
    """The deletion curves of all attention in both, beside the mean of the random orders of each.

    Args:
        lines: By side: share of the words that are removed, the probability then, and that under random orders.
        caption: Of the chart.
        some: What is removed: "words".
        draw: Makes the SVG.
    """
    rows: list[Row] = [
        {"report": side, "order": order, "share": digits(share * 100), "probability": digits(probability)}
        for side, line in lines.items()
        for share, *both in line
        for order, probability in zip(REMOVED, both, strict=True)
    ]
    most = max(share for line in lines.values() for share, _, _ in line)
    ticks = sorted({digits(share * 100) for line in lines.values() for share, _, _ in line})
    chart = {
        "width": WIDTH - 60,
        "height": 230,
        "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 46, "filled": True}},
        "encoding": {
            "x": specs.of("share", title=f"{some} removed, %", scale={"type": "sqrt", "domain": [0, digits(most * 100)],
                          "nice": False}, axis={"values": ticks, "grid": False, "labelOverlap": False}),
            "y": specs.of("probability", scale={"domain": [0, 1]}, axis={"format": ".0%", "tickCount": 5}),
            "color": specs.of("report", "nominal", title="report",
                              scale={"domain": list(lines), "range": [SIDES[side] for side in lines]}),
            "shape": specs.of("report", "nominal", scale={"domain": list(lines)}),
            "strokeDash": specs.of("order", "nominal", legend=None,
                                   scale={"domain": list(REMOVED), "range": [[1, 0], [4, 3]]}),
            "tooltip": [specs.of("report", "nominal"), specs.of("order", "nominal"),
                        *specs.numbers("share", "probability")],
        },
    }  # fmt: skip
    table = Table(
        "removed-data", "Probability of the predicted label by the share removed",
        ("Removed", *(f"{side}, {order}" for side in lines for order in REMOVED)), (True, *(True,) * 2 * len(lines)),
        tuple((f"{tick:g}%", *_at(lines, tick)) for tick in ticks),
    )  # fmt: skip
    return figure("removed", "Deletion curves", caption, chart, rows, table, draw, legend={"labelLimit": 140})


def _at(lines: Mapping[str, Sequence[tuple[float, float, float]]], tick: float) -> Iterator[str]:
    for line in lines.values():
        found = next((both for share, *both in line if digits(share * 100) == tick), None)
        yield from (f"{value:.1%}" for value in found) if found else ("–", "–")
