"""Turn a chart as Altair describes it, and its rows, into a figure: shared looks, numbers, the still drawing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import altair as alt
from altair.utils.schemapi import debug_mode

from reportgen.core.palette import FONT, INK, MUTED, RULE
from reportgen.report.draw import vega
from reportgen.report.parts import Chart, Table

Row = dict[str, object]
Draw = Callable[..., str]  # (specification, *, key) -> SVG; the key names the ids in it

WIDTH = 560  # px between the axis and the legend: with both, a chart fills the column
unchecked = debug_mode(False)  # the tests hold every chart against the schema: no run has to do so again


def figure(
    key: str,
    title: str,
    caption: str,
    chart: alt.TopLevelMixin,
    rows: Sequence[Row],
    data: Table,
    draw: Draw,
    *,
    legend: Mapping[str, object] = MappingProxyType({}),
) -> Chart:
    """The chart with its *rows*, drawn; *data* are the same numbers for people, *legend* changes that of all charts."""
    spec = vega.drawable(_with_values(themed(chart, legend).to_dict(validate=False), rows))
    return Chart(key=key, title=title, caption=caption, spec=spec, svg=draw(spec, key=key), data=data)


def themed(chart: alt.TopLevelMixin, legend: Mapping[str, object] = MappingProxyType({})) -> alt.TopLevelMixin:
    """The chart in the font and the colours of all charts."""
    axis = {
        "labelColor": MUTED, "titleColor": INK, "domainColor": MUTED, "tickColor": MUTED, "gridColor": RULE,
        "titleFontWeight": "normal", "labelFontSize": 11, "titleFontSize": 11,
    }  # fmt: skip
    made: alt.TopLevelMixin = chart.configure(
        font=FONT,
        background="transparent",
        axis=axis,
        legend={
            "labelColor": MUTED,
            "titleColor": INK,
            "titleFontWeight": "normal",
            "symbolOpacity": 1,
            "symbolStrokeWidth": 2,
            "labelLimit": 80,  # the column is no wider
            **legend,
        },
        view=alt.ViewConfig(stroke=None),
        title={"color": INK, "fontSize": 12, "fontWeight": "normal", "anchor": "start"},
        header={"labelColor": INK, "titleColor": INK, "labelFontSize": 11},
    )
    return made


def no_values() -> alt.Data:
    """A place for the rows of a chart: altair would check every number, which takes longer than drawing."""
    return alt.Data(values=[])  # type: ignore[no-untyped-call]  # altair leaves this constructor untyped


def tips(*fields: str) -> list[alt.Tooltip]:
    """Tooltips of numbers, with the names of their fields in words."""
    return [alt.Tooltip(f"{field}:Q", title=field.replace("_", " ")) for field in fields]


def digits(value: float) -> float:
    """Four significant digits, enough for a chart."""
    return float(f"{value:.4g}")


def _with_values(spec: Any, rows: Sequence[Row]) -> Any:
    """A specification with its *rows*."""
    if isinstance(spec, list):
        return [_with_values(value, rows) for value in spec]
    if not isinstance(spec, dict):
        return spec
    return {"values": rows} if spec == {"values": []} else {key: _with_values(spec[key], rows) for key in spec}
