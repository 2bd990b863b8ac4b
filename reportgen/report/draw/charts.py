"""Turn rankings into charts: a Vega-Lite specification, a still SVG, and the numbers as a table.

Each chart is one function that defines the drawing; the functions below it compute its numbers, and `captions.py` its
caption. The specifications are Vega-Lite 6: https://vega.github.io/vega-lite/docs. The tests hold them against its
schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from reportgen.core.characters import visible
from reportgen.core.nouns.records import Floats, Rankings, Report, Scores
from reportgen.core.palette import ACCENT, CELLS_LIGHT, HEAT_LIGHT, INK, PLASMA_LIGHT, VIRIDIS_LIGHT
from reportgen.report.draw import captions, maps, specs
from reportgen.report.draw.chart_points import (
    PANEL_RANKS,
    RANKS,
    TABLE_RANKS,
    TOKEN_COLOURS,
    edges,
    kept_ranks,
    trend_names,
    trend_positions,
)
from reportgen.report.draw.pictures import still
from reportgen.report.draw.specs import WIDTH, Draw, Row, Spec, digits, figure
from reportgen.report.parts import Chart, Table

Doubles = npt.NDArray[np.float64]

MAP_SIDE = 440  # px of an enlarged map
FORMS = (".1%", ".3g", ".1%")  # of the columns of the overview: share, importance, sink


def charts(report: Report, scores: Scores, rankings: Rankings, *, draw: Draw = still.svg) -> tuple[Chart, ...]:
    """All figures of a report, in reading order; none if the text has no content tokens."""
    if rankings.by_score.size == 0:
        return ()
    if not report.live:
        return (rank_trend_by_layer(report, scores, draw), distribution(report, scores, draw))
    return (
        rank_trend_by_layer(report, scores, draw),
        rank_trend_by_head(report, scores, draw),
        layer_trend(report, scores, rankings, draw),
        distribution(report, scores, draw),
        overview(report, draw),
    )


def rank_trend_by_layer(report: Report, scores: Scores, draw: Draw = still.svg) -> Chart:
    """Score against rank, one line per layer, mean over heads."""
    means = _ordered(scores).mean(axis=1)  # (layer, rank)
    heads = ", mean over heads" if report.live else ""
    labels = [{"layer": layer} for layer in report.attention.layers]
    rows = _rank_rows(means, labels, points=RANKS)
    chart = {
        "width": WIDTH,
        "height": 260,
        "mark": {"type": "line", "strokeWidth": 2},
        "params": [specs.chosen("layer")],
        "encoding": {
            "x": _rank_axis(means.shape[1]),
            "y": _score_axis(f"{_score_name(report)}{heads}", rows),
            "color": specs.of("layer", "ordinal", title="layer", scale=specs.numbered(VIRIDIS_LIGHT, len(means)))
            | ({} if report.live else {"legend": None}),
            "opacity": specs.faded("layer"),
            "tooltip": specs.numbers("layer", "rank", "score"),
        },
    }
    table = _rank_table("rank-trend-layers", f"{_score_name(report).capitalize()} by rank{heads}", means, labels)
    title = "Rank trend by layer" if len(means) > 1 or not report.given else "Rank trend"
    return figure("rank-trend-layers", title, captions.rank_trend_by_layer(report), chart, rows, table, draw)


def rank_trend_by_head(report: Report, scores: Scores, draw: Draw = still.svg) -> Chart:
    """Score against rank, one panel per layer, one line per head."""
    layers, heads, tokens = report.attention.shape
    ordered = _ordered(scores)  # (layer, head, rank)
    flat = ordered.reshape(layers * heads, tokens)
    labels = [{"layer": layer, "head": head} for layer, head in report.places]
    rows = _rank_rows(flat, labels, points=PANEL_RANKS)
    header = {"labelExpr": "'layer ' + datum.value", "labelAnchor": "start", "labelPadding": 4}
    chart = {
        "facet": specs.of("layer", "ordinal", title=None, header=header),
        "columns": 4,
        "params": [specs.chosen("head", views=["panel"])],
        "spec": {
            "name": "panel",
            "width": 112,
            "height": 110,
            "mark": {"type": "line", "strokeWidth": 1.3},
            "encoding": {
                "x": _rank_axis(tokens, tick_count=3),
                "y": _score_axis(_score_name(report), rows),
                "color": specs.of("head", "ordinal", title="head", scale=specs.numbered(PLASMA_LIGHT, heads)),
                "opacity": specs.faded("head"),
                "tooltip": specs.numbers("layer", "head", "rank", "score"),
            },
        },
    }
    caption = captions.rank_trend_by_head(report, ordered)
    table = _rank_table("rank-trend-heads", f"{_score_name(report).capitalize()} by rank", flat, labels)
    return figure("rank-trend-heads", "Rank trend by head", caption, chart, rows, table, draw)


def layer_trend(report: Report, scores: Scores, rankings: Rankings, draw: Draw = still.svg) -> Chart:
    """Score by layer, summed over heads, of the classifier's own token and of the five top tokens."""
    positions = trend_positions(report, rankings)
    words = report.words()
    names = [visible(name) for name in trend_names(report, positions)]
    by_layer = scores.attention_scores.sum(axis=1, dtype=np.float64)[:, positions]  # (layer, chosen token)
    best = rankings.ranks.min(axis=1)[:, positions]  # (layer, chosen token)
    rows = _trend_rows(names, report.attention.layers, by_layer, best)
    colours = {"domain": names, "range": list(TOKEN_COLOURS)}
    chart = {
        "width": WIDTH,
        "height": 260,
        "mark": {"type": "line", "strokeWidth": 1.8, "point": {"size": 50, "filled": True}},
        "params": [specs.chosen("token")],
        "encoding": {
            "x": specs.of("layer", "ordinal", title="layer", axis={"labelAngle": 0}),
            "y": _score_axis(f"{_score_name(report)}, sum over heads", rows),
            "color": specs.of("token", "nominal", title="position, token", scale=colours),
            "shape": specs.of("token", "nominal", scale={"domain": names}),
            "opacity": specs.faded("token"),
            "tooltip": [specs.of("token", "nominal"), *specs.numbers("layer", "score", "best_rank")],
        },
    }
    caption = captions.layer_trend(report, positions, by_layer, best)
    columns = tuple(f"Layer {layer}" for layer in report.attention.layers)
    table = Table(
        key="layer-trend-data",
        caption=f"{_score_name(report).capitalize()} by layer, sum over heads",
        columns=("Position", "Token", *columns),
        numeric=(True, False, *[True] * len(columns)),
        rows=tuple(
            (str(position), words[position], *(f"{score:.4g}" for score in by_layer[:, column]))
            for column, position in enumerate(positions)
        ),
    )
    return figure("layer-trend", "Layer trend", caption, chart, rows, table, draw)


def distribution(report: Report, scores: Scores, draw: Draw = still.svg) -> Chart:
    """Mean score along the document, special tokens left out, for all layers and for the classifier's row."""
    series = [("all layers" if report.live else "scores", scores.total)]
    if scores.reader is not None:
        series.append((f"last layer, row of {report.reader_name}", scores.reader))
    bins = [(name, *part) for name, values in series for part in _binned(report, values)]
    rows: list[Row] = [
        {"series": name, "start": start, "end": end, "score": digits(score), "top": top}
        for name, start, end, score, top in bins
    ]
    header = {"labelAnchor": "start", "labelAngle": 0, "labelOrient": "top", "labelPadding": 4}
    names = [name for name, _ in series]
    chart = {
        "facet": {"row": specs.of("series", "nominal", title=None, sort=names, header=header)},
        "resolve": {"scale": {"y": "independent"}},
        "spec": {
            "width": WIDTH,
            "height": 110,
            "mark": {"type": "rect", "color": ACCENT},
            "encoding": {
                "x": specs.of("start", title="position in the document, tokens", axis={"grid": False}),
                "x2": {"field": "end"},
                "y": specs.of("score", title="mean score", scale={"zero": True}, axis={"tickCount": 3}),
                "y2": {"datum": 0},
                "tooltip": [*specs.numbers("start", "end", "score"), specs.of("top", "nominal", title="top token")],
            },
        },
    }
    table = Table(
        key="distribution-data",
        caption=f"Mean score of each stretch of the document, without {report.unranked}",
        columns=("Scores", "From", "To", "Mean score", "Top token"),
        numeric=(False, True, True, True, False),
        rows=tuple((name, str(start), str(end - 1), f"{score:.4g}", top) for name, start, end, score, top in bins),
    )
    peak = max((part for part in bins if part[0] == series[0][0]), key=lambda part: part[3])
    caption = captions.distribution(report, scores, peak=peak)
    return figure("distribution", "Distribution over positions", caption, chart, rows, table, draw)


def overview(report: Report, draw: Draw = still.svg) -> Chart:
    """Concentration of every head, its importance, and what its sink takes, as grids of layer by head."""
    k = min(report.top_k, report.attention.shape[2])
    shares = captions.top_shares(report.attention.received, k)  # (layer, head)
    measure, sink = report.importance.measure, report.attention.sink
    known = {"share": shares, "importance": report.importance.values, "sink": sink}
    figures = {name: np.asarray(values) for name, values in known.items() if values is not None}
    rows: list[Row] = [
        {"layer": layer, "head": head, **{name: digits(values.flat[n]) for name, values in figures.items()}}
        for n, (layer, head) in enumerate(report.places)
    ]
    grids = [grid(rows, "share", f"Share of {report.subject} on the top {k} tokens", shares.shape[1], form=".1%")]
    if measure != "none":
        grids.append(grid(rows, "importance", f"Head importance ({measure})", shares.shape[1], form=".2f"))
    if sink is not None:
        grids.append(grid(rows, "sink", "Share of the attention sink", shares.shape[1], form=".1%"))
    chart = {"concat": grids, "columns": 2, "spacing": 40, "resolve": {"scale": {"color": "independent"}}}
    cells = [[f"{v:{form}}" for v in values.flat] for values, form in zip(figures.values(), FORMS, strict=False)]
    columns = ("Layer", "Head", f"Share on the top {k}", "Importance", "Share of the sink")[: 2 + len(figures)]
    table = Table(
        key="overview-data",
        caption="Concentration and importance of each head",
        columns=columns,
        numeric=(True,) * len(columns),
        rows=tuple((str(layer), str(head), *row) for (layer, head), *row in zip(report.places, *cells, strict=True)),
    )
    return figure("overview", "Layer-by-head overview", captions.overview(report, shares, k), chart, rows, table, draw)


def attention_map(report: Report) -> dict[str, object]:
    """The specification of the map of one head, filled in by the page: from stretch, to stretch, share.

    Global tokens are left of the document and above it, apart from its stretches.
    """
    tokens = report.attention.shape[2]
    apart = tokens / 20 if report.attention.global_positions else 0
    across = {"nice": False, "zero": False, "domain": [-apart, tokens]}
    down = {**across, "reverse": True}
    step = next(s for n in range(9) for s in (10**n, 2 * 10**n, 5 * 10**n) if tokens / s <= 5)
    ticks = [-apart * 0.65] * bool(apart) + list(range(0, tokens + 1, step))
    axis = {"values": ticks, "grid": False, "labelExpr": "datum.value < 0 ? 'global' : format(datum.value, ',')"}
    lowest = maps.floor(report.attention.maps.shape[-1])
    bounds = [digits(bound) for bound in np.geomspace(lowest, 1, len(HEAT_LIGHT) + 1)[1:-1]]
    heat = {"type": "threshold", "domain": bounds, "range": list(HEAT_LIGHT)}
    shown = bounds[1::3]  # a few of the sixteen classes
    legend = {"type": "symbol", "symbolType": "square", "symbolSize": 160, "values": shown, "format": ".2~p"}
    share = specs.of("share", title="share of attention", scale=heat, legend=legend)
    chart = {
        "data": {"values": []},
        "width": MAP_SIDE,
        "height": MAP_SIDE,
        "mark": {"type": "rect"},
        "encoding": {
            "x": specs.of("to_start", title="attends to, position", scale=across, axis=axis),
            "x2": {"field": "to_end"},
            "y": specs.of("from_start", title="token, position", scale=down, axis=axis),
            "y2": {"field": "from_end"},
            "color": share,
            "stroke": share,  # closes the seams
            "strokeWidth": {"value": 0.5},
            "tooltip": [
                specs.of("from", "nominal", title="tokens"),
                specs.of("to", "nominal", title="attend to"),
                specs.of("share", format=".2%"),
            ],
        },
    }
    return specs.drawable(specs.themed(chart))  # type: ignore[no-any-return]


def grid(rows: list[Row], field: str, title: str, heads: int, *, form: str) -> Spec:
    """A number of each head as a grid of colours, layers from top to bottom."""
    heat = {"type": "quantize", "range": list(CELLS_LIGHT)}  # in steps: a gradient is lost in some PDF viewers
    chosen = {"test": "datum.chosen", "value": INK}  # set by the page alone
    more = {
        "stroke": {"condition": chosen, "value": "transparent"},
        "tooltip": [*specs.numbers("layer", "head"), specs.of(field, format=form)],
    }
    return specs.grid(rows, field, title, heads, scale=heat, form=form, more=more)


def _score_name(report: Report) -> str:
    """The name of a score on an axis."""
    return "score" if report.given else "attention score"


def _rank_axis(tokens: int, *, tick_count: int = 6) -> Spec:
    axis = {"tickCount": tick_count, "grid": False, "format": "~s"}
    return specs.of(
        "rank", title="rank", scale={"type": "log", "domain": [1, max(tokens, 2)], "nice": False}, axis=axis
    )


def _score_axis(title: str, rows: Sequence[Row]) -> Spec:
    """A logarithmic axis; a linear one if no score is above 0 and nothing can be drawn."""
    scale = {"type": "log", "nice": False} if rows else {"domain": [0, 1]}
    return specs.of("score", title=title, scale=scale, axis={"tickCount": 4, "format": "~g"})


def _ordered(scores: Scores) -> Doubles:
    """Attention scores of every head, largest first, (layer, head, rank)."""
    return -np.sort(-scores.attention_scores.astype(np.float64), axis=-1)


def _rank_rows(ordered: Doubles, labels: Sequence[dict[str, int]], *, points: int) -> list[Row]:
    """Points of the lines in *ordered*, (line, rank). The axis is logarithmic: a score of 0 has no place on it."""
    kept = kept_ranks(ordered.shape[-1], points)
    return [
        {**label, "rank": rank + 1, "score": digits(line[rank])}
        for label, line in zip(labels, ordered, strict=True)
        for rank in kept
        if line[rank] > 0
    ]


def _trend_rows(names: list[str], numbers: Sequence[int], by_layer: Doubles, best: npt.NDArray[np.int32]) -> list[Row]:
    return [
        {"token": name, "layer": numbers[layer], "score": digits(score), "best_rank": int(best[layer, column])}
        for column, name in enumerate(names)
        for layer, score in enumerate(by_layer[:, column])
        if score > 0
    ]


def _binned(report: Report, values: Floats) -> list[tuple[int, int, float, str]]:
    """The document in stretches: (first position, one past the last, mean score, top token)."""
    words = report.words()
    content = np.flatnonzero(report.tokens.content)
    found = []
    for start, end in pairwise(edges(len(values))):
        inside = content[(content >= start) & (content < end)]
        if inside.size:
            top = visible(words[int(inside[values[inside].argmax()])])
            found.append((start, end, float(values[inside].mean(dtype=np.float64)), top))
    return found


def _rank_table(key: str, caption: str, ordered: Doubles, labels: Sequence[dict[str, int]]) -> Table:
    ranks = [rank for rank in TABLE_RANKS if rank <= ordered.shape[-1]]
    names = [name.capitalize() for name in labels[0]]
    return Table(
        key=f"{key}-data",
        caption=caption,
        columns=(*names, *(f"Rank {rank:,}" for rank in ranks)),
        numeric=(True,) * (len(names) + len(ranks)),
        rows=tuple(
            (*map(str, label.values()), *(f"{line[rank - 1]:.4g}" for rank in ranks))
            for label, line in zip(labels, ordered, strict=True)
        ),
    )
