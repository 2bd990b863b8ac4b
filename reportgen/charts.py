"""Turn rankings into charts: a Vega-Lite specification, a still SVG, and the numbers as a table.

Each chart is one function that says what is drawn; `draw` makes the SVG. `Chart.to_html()` of Altair is never
used: it writes data into a script unescaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

import altair as alt
import numpy as np
import vl_convert

from reportgen.palette import HEAT_LIGHT
from reportgen.records import Chart, Floats, Rankings, Report, Scores, Table

FONT = "Inter, Helvetica Neue, Arial, Noto Sans, DejaVu Sans, sans-serif"
INK, MUTED, GRID, ACCENT = "#1b1b1b", "#5d5d5d", "#e3e0dd", "#b74a15"
WIDTH = 560  # px between the axis and the legend: with both, a chart fills the column
RANKS = 48  # points that a rank trend keeps of a head, spread evenly over the logarithm of the rank
BINS = 160  # stretches of the document that the distribution shows
TABLE_RANKS = (1, 10, 100, 1000)
TOKEN_COLOURS = (INK, "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00")  # after Okabe and Ito
HEAD_SCHEME = alt.SchemeParams(name="plasma", extent=[0, 0.85])


def charts(report: Report, scores: Scores, rankings: Rankings) -> tuple[Chart, ...]:
    """All figures of a report, in reading order; none where the text has no content tokens."""
    if rankings.by_score.size == 0:
        return ()
    return (
        rank_trend_by_layer(report, scores),
        rank_trend_by_head(report, scores),
        layer_trend(report, scores, rankings),
        distribution(report, scores),
        overview(report),
    )


def rank_trend_by_layer(report: Report, scores: Scores) -> Chart:
    """Score against rank, one line per layer, mean over heads."""
    ordered = -np.sort(-scores.attention_scores, axis=-1)  # (layer, head, rank)
    means = ordered.mean(axis=1, dtype=np.float64)  # (layer, rank)
    floor = _floor(means)
    kept = _kept_ranks(means.shape[-1])
    rows = [
        {"layer": layer + 1, "rank": rank + 1, "score": _sig(max(means[layer, rank], floor))}
        for layer in range(len(means))
        for rank in kept
    ]
    chosen = alt.selection_point(name="chosen_layer", fields=["layer"], bind="legend")
    chart = (
        alt.Chart(alt.Data(values=rows), width=WIDTH, height=260)
        .mark_line(strokeWidth=2)
        .encode(
            x=_rank_axis(),
            y=_score_axis("score", "attention score, mean over heads"),
            color=_layer_colour(),
            opacity=alt.condition(chosen, alt.value(1), alt.value(0.12)),
            tooltip=[alt.Tooltip(f"{name}:Q") for name in ("layer", "rank", "score")],
        )
        .add_params(chosen)
    )
    shares = _top_shares(report.attention.received.sum(axis=1), report.top_k)
    strongest = int(shares.argmax())
    tokens = report.attention.shape[2]
    return _chart(
        "rank-trend-layers",
        "Rank trend by layer",
        f"Layer {strongest + 1}: {shares[strongest]:.0%} of the attention lands on "
        f"{min(report.top_k, tokens)} of {tokens:,} tokens; in layer {shares.argmin() + 1} it is {shares.min():.0%}. "
        "A steep line means that few tokens draw most of a layer's attention.",
        chart,
        _rank_table("Attention score at a rank, mean over heads", ("Layer",), means, _layers(len(means))),
    )


def rank_trend_by_head(report: Report, scores: Scores) -> Chart:
    """Score against rank, one panel per layer, one line per head."""
    ordered = -np.sort(-scores.attention_scores, axis=-1)  # (layer, head, rank)
    layers, heads, tokens = ordered.shape
    floor = _floor(ordered)
    rows = [
        {"layer": la + 1, "head": he + 1, "rank": rank + 1, "score": _sig(max(ordered[la, he, rank], floor))}
        for la in range(layers)
        for he in range(heads)
        for rank in _kept_ranks(tokens)
    ]
    chosen = alt.selection_point(name="chosen_head", fields=["head"], bind="legend")
    chart = (
        alt.Chart(alt.Data(values=rows), width=128, height=110)
        .mark_line(strokeWidth=1.3)
        .encode(
            x=_rank_axis(tick_count=3),
            y=_score_axis("score", "attention score"),
            color=alt.Color("head:O", title="head", scale=alt.Scale(scheme=HEAD_SCHEME)),
            opacity=alt.condition(chosen, alt.value(1), alt.value(0.08)),
            tooltip=[alt.Tooltip(f"{name}:Q") for name in ("layer", "head", "rank", "score")],
        )
        .add_params(chosen)
        .facet(facet=alt.Facet("layer:O", title=None, header=_header(labelExpr="'layer ' + datum.value")), columns=4)
    )
    layer, head = _place(ordered[:, :, 0].argmax(), heads)
    return _chart(
        "rank-trend-heads",
        "Rank trend by head",
        f"The highest score of all stands in layer {layer + 1}, head {head + 1}. "
        "Heads whose lines lie apart attend to different numbers of tokens.",
        chart,
        _rank_table(
            "Attention score at a rank",
            ("Layer", "Head"),
            ordered.reshape(layers * heads, tokens),
            [(str(n // heads + 1), str(n % heads + 1)) for n in range(layers * heads)],
        ),
    )


def layer_trend(report: Report, scores: Scores, rankings: Rankings) -> Chart:
    """Score by layer of the classifier's own token and the five top tokens, summed over heads."""
    positions = _trend_positions(report, rankings)
    by_layer = scores.attention_scores.sum(axis=1, dtype=np.float64)  # (layer, token)
    best = rankings.ranks.min(axis=1)  # (layer, token)
    words = report.words()
    names = [f"{position} {words[position]}" for position in positions]
    floor = _floor(by_layer[:, positions])
    rows = [
        {
            "token": name,
            "layer": layer + 1,
            "score": _sig(max(by_layer[layer, position], floor)),
            "best rank": int(best[layer, position]),
        }
        for name, position in zip(names, positions, strict=True)
        for layer in range(len(by_layer))
    ]
    chosen = alt.selection_point(name="chosen_token", fields=["token"], bind="legend")
    base = alt.Chart(alt.Data(values=rows), width=WIDTH, height=260).encode(
        x=alt.X("layer:O", title="layer", axis=alt.Axis(labelAngle=0)),
        y=_score_axis("score", "attention score, sum over heads"),
        color=alt.Color("token:N", title="position, token", scale=alt.Scale(domain=names, range=TOKEN_COLOURS)),
        shape=alt.Shape("token:N", scale=alt.Scale(domain=names)),
        opacity=alt.condition(chosen, alt.value(1), alt.value(0.12)),
        tooltip=[alt.Tooltip("token:N"), *(alt.Tooltip(f"{n}:Q") for n in ("layer", "score", "best rank"))],
    )
    chart = base.mark_line(strokeWidth=1.8, point=alt.OverlayMarkDef(size=50, filled=True)).add_params(chosen)
    top = int(rankings.by_score[0])
    peak = int(by_layer[:, top].argmax())
    return _chart(
        "layer-trend",
        "Layer trend",
        f"“{words[top]}” at position {top}, the content token with the highest score, receives most in "
        f"layer {peak + 1}, where its best rank in a head is {best[peak, top]}.",
        chart,
        Table(
            key="layer-trend-data",
            caption="Attention score by layer, sum over heads",
            columns=("Position", "Token", *(f"Layer {layer}" for layer in range(1, len(by_layer) + 1))),
            numeric=(True, False, *([True] * len(by_layer))),
            rows=tuple((str(p), words[p], *(f"{by_layer[la, p]:.4g}" for la in range(len(by_layer)))) for p in positions),
        ),
    )


def distribution(report: Report, scores: Scores) -> Chart:
    """Mean score along the document, special tokens left out, for all layers and for the classifier's row."""
    series = [("all layers", scores.total)]
    if scores.reader is not None:
        series.append((f"{report.attention.reader_name} row, last layer", scores.reader))
    rows = [row for name, values in series for row in _binned(report, name, values)]
    chart = (
        alt.Chart(alt.Data(values=rows), width=WIDTH, height=110)
        .mark_rect(color=ACCENT)
        .encode(
            x=alt.X("start:Q", title="position in the document, tokens", axis=alt.Axis(grid=False)),
            x2="end:Q",
            y=alt.Y("score:Q", title="mean score", scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=3)),
            y2=alt.Y2Datum(0),
            tooltip=[
                alt.Tooltip("start:Q", title="from"),
                alt.Tooltip("end:Q", title="to before"),
                alt.Tooltip("score:Q", title="mean score"),
                alt.Tooltip("top:N", title="top token"),
            ],
        )
        .facet(row=alt.Row("series:N", title=None, sort=[s[0] for s in series], header=_header()))
        .resolve_scale(y="independent")
    )
    peak = max((row for row in rows if row["series"] == "all layers"), key=lambda row: float(str(row["score"])))
    tokens = len(report.tokens)
    content = report.tokens.content
    first = float(scores.total[: tokens // 4][content[: tokens // 4]].sum()) / (float(scores.total[content].sum()) or 1)
    return _chart(
        "distribution",
        "Distribution over positions",
        f"The first quarter of the document holds {first:.0%} of all scores. The peak lies at positions "
        f"{peak['start']} to {int(str(peak['end'])) - 1}, around “{peak['top']}”.",
        chart,
        Table(
            key="distribution-data",
            caption="Mean score of a stretch of the document, special tokens left out",
            columns=("Scores", "From", "To", "Mean score", "Top token"),
            numeric=(False, True, True, True, False),
            rows=tuple(
                (str(r["series"]), str(r["start"]), str(int(str(r["end"])) - 1), f"{r['score']:.4g}", str(r["top"]))
                for r in rows
            ),
        ),
    )


def overview(report: Report) -> Chart:
    """Concentration of every head, and its importance, as two grids of layer by head."""
    shares = _top_shares(report.attention.received, report.top_k)  # (layer, head)
    importance = report.importance.values
    layers, heads = shares.shape
    rows = [
        {"layer": la + 1, "head": he + 1, "share": _sig(shares[la, he]), "importance": _sig(importance[la, he])}
        for la in range(layers)
        for he in range(heads)
    ]
    k = min(report.top_k, report.attention.shape[2])
    grids = [_grid(rows, "share", f"Share of attention on the top {k} tokens", heads, percent=True)]
    if report.importance.measure != "none":
        grids.append(_grid(rows, "importance", f"Head importance ({report.importance.measure})", heads, percent=False))
    chart = alt.concat(*grids, columns=2).resolve_scale(color="independent")
    layer, head = _place(shares.argmax(), heads)
    most, most_head = _place(importance.argmax(), heads)
    counts = (
        f"layer {most + 1}, head {most_head + 1} matters most for the prediction"
        if report.importance.measure != "none"
        else "no head importance was given, so every head counts the same"
    )
    return _chart(
        "overview",
        "Layer-by-head overview",
        f"Layer {layer + 1}, head {head + 1} is the most concentrated: {shares.max():.0%} of its attention lands on "
        f"{k} tokens; {counts}.",
        chart,
        Table(
            key="overview-data",
            caption="Concentration and importance of every head",
            columns=("Layer", "Head", f"Share on the top {k}", "Importance"),
            numeric=(True, True, True, True),
            rows=tuple(
                (str(r["layer"]), str(r["head"]), f"{r['share']:.1%}", f"{r['importance']:.3f}") for r in rows
            ),
        ),
    )


def draw(spec: dict[str, object], *, key: str) -> str:
    """Vega-Lite to SVG. Ids are named after the figure: the converter numbers them upward within a process."""
    svg = vl_convert.vegalite_to_svg(spec)
    numbers: dict[str, str] = {}
    return re.sub(
        r"\b(gradient_|clip)(\d+)\b",
        lambda match: numbers.setdefault(match[0], f"{key}-{match[1].strip('_')}-{len(numbers)}"),
        svg,
    )


def specification(chart: Chart) -> str:
    """The Vega-Lite file of a chart."""
    return json.dumps(chart.spec, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def bundle() -> str:
    """Vega, Vega-Lite and vega-embed as one script, with the expression interpreter that a strict CSP needs."""
    return vl_convert.javascript_bundle()


def _chart(key: str, title: str, caption: str, chart: alt.TopLevelMixin, data: Table) -> Chart:
    spec = _themed(chart).to_dict()
    return Chart(key=key, title=title, caption=caption, spec=spec, svg=draw(spec, key=key), data=data)


def _themed(chart: alt.TopLevelMixin) -> alt.TopLevelMixin:
    axis = {
        "labelColor": MUTED, "titleColor": INK, "domainColor": MUTED, "tickColor": MUTED, "gridColor": GRID,
        "titleFontWeight": "normal", "labelFontSize": 11, "titleFontSize": 11,
    }  # fmt: skip
    legend = {"labelColor": MUTED, "titleColor": INK, "titleFontWeight": "normal", "symbolOpacity": 1}
    return chart.configure(
        font=FONT,
        background="transparent",
        axis=axis,
        legend=legend,
        view=alt.ViewConfig(stroke=None),
        title={"color": INK, "fontSize": 12, "fontWeight": "normal", "anchor": "start"},
        header={"labelColor": INK, "titleColor": INK, "labelFontSize": 11},
    )


def _rank_axis(tick_count: int = 6) -> alt.X:
    axis = alt.Axis(tickCount=tick_count, grid=False, format="~s")
    return alt.X("rank:Q", title="rank", scale=alt.Scale(type="log", nice=False), axis=axis)


def _score_axis(field: str, title: str) -> alt.Y:
    scale = alt.Scale(type="log", nice=False)
    return alt.Y(f"{field}:Q", title=title, scale=scale, axis=alt.Axis(tickCount=4, format="~g"))


def _layer_colour() -> alt.Color:
    return alt.Color("layer:O", title="layer", scale=alt.Scale(scheme="viridis"))


def _header(**label: str) -> alt.Header:
    return alt.Header(labelAnchor="start", labelAngle=0, labelOrient="top", labelPadding=4, **label)


def _grid(rows: list[dict[str, object]], field: str, title: str, heads: int, *, percent: bool) -> alt.Chart:
    size = max(16, min(34, 250 // heads))
    form = ".0%" if percent else ".2f"
    gap = alt.Scale(paddingInner=0.06)
    return (
        alt.Chart(alt.Data(values=rows), title=title, width=alt.Step(size), height=alt.Step(size))
        .mark_rect()
        .encode(
            x=alt.X("head:O", axis=alt.Axis(labelAngle=0), scale=gap),
            y=alt.Y("layer:O", scale=gap),
            color=alt.Color(
                f"{field}:Q", title=None, scale=alt.Scale(range=list(HEAT_LIGHT)), legend=alt.Legend(format=form)
            ),
            tooltip=["layer:Q", "head:Q", alt.Tooltip(f"{field}:Q", format=form)],
        )
    )


def _trend_positions(report: Report, rankings: Rankings) -> list[int]:
    reader = report.attention.reader_position
    top = [p for p in rankings.by_score.tolist() if p != reader][:5]
    return top if reader is None else [reader, *top]


def _kept_ranks(tokens: int) -> list[int]:
    """Ranks from 0, evenly spread over the logarithm, first and last among them."""
    return sorted({round(rank) - 1 for rank in np.geomspace(1, tokens, RANKS)})


def _binned(report: Report, series: str, values: Floats) -> list[dict[str, object]]:
    words = report.words()
    content = np.flatnonzero(report.tokens.content)
    edges = np.linspace(0, len(values), min(BINS, len(values)) + 1).round().astype(int)
    rows: list[dict[str, object]] = []
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        inside = content[(content >= start) & (content < end)]
        if inside.size:
            top = words[int(inside[values[inside].argmax()])]
            rows.append(
                {"series": series, "start": start, "end": end, "score": _sig(values[inside].mean()), "top": top}
            )
    return rows


def _top_shares(received: Floats, k: int) -> Floats:
    """Share of the received attention, (..., token), that lands on its k largest tokens, (...)."""
    ordered = -np.sort(-received, axis=-1)
    total: Floats = ordered[..., :k].sum(axis=-1, dtype=np.float64) / ordered.sum(axis=-1, dtype=np.float64)
    return total


def _floor(values: Floats) -> float:
    """Smallest value above 0: where a logarithmic axis begins."""
    above = values[values > 0]
    return float(above.min()) if above.size else 1e-6


def _sig(value: float) -> float:
    """Four significant digits: what a chart can show."""
    return float(f"{value:.4g}")


def _place(index: np.intp, heads: int) -> tuple[int, int]:
    return int(index) // heads, int(index) % heads


def _layers(count: int) -> list[tuple[str, ...]]:
    return [(str(layer),) for layer in range(1, count + 1)]


def _rank_table(
    caption: str, names: tuple[str, ...], ordered: Floats, labels: Sequence[Iterable[str]]
) -> Table:
    ranks = [rank for rank in TABLE_RANKS if rank <= ordered.shape[-1]]
    return Table(
        key=caption.lower().replace(" ", "-"),
        caption=caption,
        columns=(*names, *(f"Rank {rank:,}" for rank in ranks)),
        numeric=(True,) * (len(names) + len(ranks)),
        rows=tuple(
            (*label, *(f"{row[rank - 1]:.4g}" for rank in ranks)) for label, row in zip(labels, ordered, strict=True)
        ),
    )
