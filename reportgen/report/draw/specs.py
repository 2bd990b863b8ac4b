"""Parts of the Vega-Lite specifications of our charts: fields, scales, looks; and how a specification is written.

Vega-Lite 6: https://vega.github.io/vega-lite/docs. The tests hold every chart against its schema.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from reportgen.core.characters import visible
from reportgen.core.palette import FONT, INK, MUTED, RULE
from reportgen.report.parts import Chart, Table

Spec = dict[str, Any]  # Vega-Lite, or a part of it
Row = dict[str, object]
Draw = Callable[..., str]  # (specification, *, key) -> SVG; the key names the ids in it

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.4.1.json"
WIDTH = 560  # px between the axis and the legend: with both, a chart fills the column
FADED = 0.1  # opacity of what the legend has not chosen


def of(field: str, kind: str = "quantitative", **how: object) -> Spec:
    """What a field is drawn as."""
    return {"field": field, "type": kind, **how}


def numbers(*fields: str) -> list[Spec]:
    """What a tooltip says of a row."""
    return [of(field, title=field.replace("_", " ")) for field in fields]


def chosen(field: str, **where: object) -> Spec:
    """A line is chosen in the legend."""
    return {"name": f"chosen_{field}", "select": {"type": "point", "fields": [field]}, "bind": "legend", **where}


def faded(field: str) -> Spec:
    """The lines that are not chosen are faint."""
    return {"condition": {"param": f"chosen_{field}", "value": 1}, "value": FADED}


def numbered(ramp: Sequence[str], count: int) -> Spec:
    """Colours spread over *ramp* for lines numbered from 1; the page changes them by name, so none is mixed."""
    steps = np.linspace(0, len(ramp) - 1, count).round().astype(int)
    return {"domain": list(range(1, count + 1)), "range": [ramp[step] for step in steps]}


def grid(
    rows: Sequence[Row], field: str, title: str, heads: int, *, scale: Spec, form: str, more: Mapping[str, object]
) -> Spec:
    """A number of each head as a grid of colours, layers from top to bottom; *more*: what else is encoded."""
    size = max(14, min(56, 228 // heads))
    gap = {"paddingInner": 0.06}
    differ = len({row[field] for row in rows}) > 1  # one colour needs no legend
    legend = {"format": form, "labelOverlap": "greedy", "labelSeparation": 12} if differ else None
    return {
        "data": {"values": rows},
        "title": title,
        "width": {"step": size},
        "height": {"step": size},
        "mark": {"type": "rect"},
        "encoding": {
            "x": of("head", "ordinal", axis={"labelAngle": 0}, scale=gap),
            "y": of("layer", "ordinal", scale=gap),
            "color": of(field, title=None, scale=scale, legend=legend),
            **more,
        },
    }


def themed(chart: Spec, legend: Mapping[str, object] = MappingProxyType({})) -> Spec:
    """The chart in the fonts and colours of the page; *legend* changes the looks of all legends."""
    config = {
        "font": FONT,
        "background": "transparent",
        "axis": {
            "labelColor": MUTED, "titleColor": INK, "domainColor": MUTED, "tickColor": MUTED, "gridColor": RULE,
            "titleFontWeight": "normal", "labelFontSize": 11, "titleFontSize": 11,
        },
        "legend": {
            "labelColor": MUTED,
            "titleColor": INK,
            "titleFontWeight": "normal",
            "symbolOpacity": 1,
            "symbolStrokeWidth": 2,
            "labelLimit": 80,  # the column is no wider
            **legend,
        },
        "view": {"stroke": None},
        "title": {"color": INK, "fontSize": 12, "fontWeight": "normal", "anchor": "start"},
        "header": {"labelColor": INK, "titleColor": INK, "labelFontSize": 11},
    }  # fmt: skip
    return {**chart, "$schema": SCHEMA, "config": config}


def figure(
    key: str,
    title: str,
    caption: str,
    chart: Spec,
    rows: Sequence[Row],
    data: Table,
    draw: Draw,
    *,
    legend: Mapping[str, object] = MappingProxyType({}),
) -> Chart:
    """The chart with its *rows*, drawn; *data* are the same numbers for people, *legend* changes that of all charts."""
    whole = chart if "concat" in chart else {**chart, "data": {"values": rows}}
    spec = drawable(themed(whole, legend))
    return Chart(key=key, title=title, caption=caption, spec=spec, svg=draw(spec, key=key), data=data)


def digits(value: float) -> float:
    """Four significant digits, enough for a chart."""
    return float(f"{value:.4g}")


def text(spec: dict[str, object]) -> str:
    """The Vega-Lite file of a specification."""
    return json.dumps(spec, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def drawable(spec: Any) -> Any:
    """A specification with labels instead of control characters, which crash the converter."""
    if isinstance(spec, dict):
        return {name: drawable(value) for name, value in spec.items()}
    if isinstance(spec, list):
        return [drawable(value) for value in spec]
    return visible(spec) if isinstance(spec, str) else spec
