"""Draw the deletion curve small, for the first screen: the tested order, in its colour, against the random orders."""

from __future__ import annotations

from reportgen.core.nouns.records import Report
from reportgen.core.palette import FONT, INK, MUTED, RULE
from reportgen.report import opening
from reportgen.report.draw import specs
from reportgen.report.draw.pictures import still
from reportgen.report.draw.specs import Spec, digits, of
from reportgen.report.faithfulness.names import LOOKS, units

WIDTH, HEIGHT = 220, 84  # px, without the axes


def curve(report: Report) -> str:
    """SVG; "" where nothing could be tested."""
    tested = report.faithfulness
    trial = tested.trial("comprehensiveness") if tested else None
    if tested is None or trial is None:
        return ""
    own = trial.curve(opening.order(report)) or trial.curves[0]
    shares = [0.0, *(digits(share * 100) for share in tested.shares)]
    line = [
        {"share": share, "probability": digits(probability)}
        for share, probability in zip(shares, (tested.probability, *own.probabilities), strict=True)
    ]
    band = [
        {"share": share, "low": digits(low), "high": digits(high)}
        for share, (low, high) in zip(shares, ((tested.probability,) * 2, *trial.band), strict=True)
    ]
    across = of(
        "share",
        title=f"{units(tested)} removed, %",
        scale={"type": "sqrt", "domain": [0, shares[-1]], "nice": False},
        axis={"values": shares, "labelOverlap": False},  # a count of ticks would leave some out
    )
    up: Spec = {"title": "probability", "scale": {"domain": [0, 1]}, "axis": {"tickCount": 3}}
    chart: Spec = {
        "layer": [
            {
                "data": {"values": band},
                "mark": {"type": "area", "color": MUTED, "fillOpacity": 0.25},
                "encoding": {"x": across, "y": of("low", **up), "y2": {"field": "high"}},
            },
            {
                "data": {"values": line},
                "mark": {"type": "line", "strokeWidth": 2, "color": LOOKS[own.order][0]},
                "encoding": {"x": across, "y": of("probability", **up)},
            },
        ]
    }
    axis = {"labelColor": INK, "titleColor": INK, "domainColor": MUTED, "tickColor": MUTED, "gridColor": RULE,
            "titleFontWeight": "normal", "labelFontSize": 10, "titleFontSize": 10, "grid": False,
            "tickSize": 3}  # fmt: skip
    config = {"font": FONT, "background": "transparent", "axis": axis, "view": {"stroke": None}}
    spec = specs.drawable({"$schema": specs.SCHEMA, "config": config, "width": WIDTH, "height": HEIGHT, **chart})
    return still.svg(spec, key="first-curve")
