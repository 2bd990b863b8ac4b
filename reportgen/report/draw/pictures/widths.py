"""Draw a chart again for a width on paper, in points, so that its letters always have 7 and 8 points."""

from __future__ import annotations

import re
from typing import Any

from reportgen.report.draw.pictures import still
from reportgen.report.draw.pictures.ink import n

LABEL, TITLE = 7, 8  # points
NARROW = 350.0  # points: below, legends are under the drawing, and grids under each other
GRID_STEP = 14.0  # points: the highest that a cell of the overview gets
NAME = 120.0  # points that a name and its sign take in a legend
SLACK = 0.5  # points by which a drawing may miss its width: it is stretched by so much


def fit(spec: dict[str, object], width: float, *, key: str, family: str) -> str:
    """Draw *spec* so that the whole of it, axes and legend too, is *width* points wide."""
    panel = width / _slope(spec, width) * 0.6
    for _ in range(6):  # a legend may need another line, or be wider than the panels as long as these are small
        drawn = still.svg(resized(spec, panel, width=width, family=family), key=key)
        missing = width - size(drawn)[0]
        if abs(missing) <= SLACK:
            break
        panel = max(panel + missing / _slope(spec, width), 2.0)
    return stretched(drawn, width)


def resized(spec: dict[str, object], panel: float, *, width: float, family: str) -> dict[str, object]:
    """The same chart for paper: a panel, or a cell of a grid, *panel* points wide."""
    narrow = width < NARROW
    made: dict[str, Any] = _copied(spec)
    made["config"] = _config(made.get("config", {}), narrow=narrow, family=family)
    made.pop("params", None)  # nothing is chosen on paper
    if "concat" in made:
        made["columns"] = _grids(made, width)
        for grid in made["concat"]:
            grid["width"], grid["height"] = {"step": panel}, {"step": min(panel, GRID_STEP)}
        return made
    inner = made.get("spec", made)
    inner["width"], inner["height"] = panel, round(panel * _proportion(made, narrow=narrow), 1)
    if "columns" in made:
        made["columns"] = _columns(made, width)
    for layer in inner.get("layer", [inner]):
        _thin(layer["mark"])
        _legend(layer["encoding"], width=width)
    return made


def _copied(value: Any) -> Any:
    """A specification that can be changed, but for its numbers."""
    if isinstance(value, list):
        return [_copied(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: item if name == "data" else _copied(item) for name, item in value.items()}


def _slope(spec: dict[str, Any], width: float) -> int:
    """The number of panels, or cells, in a row."""
    if "concat" in spec:
        data = spec.get("data") or spec["concat"][0]["data"]  # at the top where all grids have the same
        heads = max(int(row["head"]) for row in data["values"])
        return heads * _grids(spec, width)
    return _columns(spec, width) if "columns" in spec else 1


def _columns(spec: dict[str, Any], width: float) -> int:
    panels = len({row[spec["facet"]["field"]] for row in spec["data"]["values"]})
    most = min(spec["columns"] - (width < NARROW), panels)
    return next((n for n in range(most, 1, -1) if panels % n == 0), most)  # rows without a gap, where that goes


def _grids(spec: dict[str, Any], width: float) -> int:
    return 1 if width < NARROW else len(spec["concat"])


def _proportion(spec: dict[str, Any], *, narrow: bool) -> float:
    """Height of a panel relative to its width."""
    if "columns" in spec and not (narrow and spec["columns"] == 2):
        return 0.9
    if "row" in spec.get("facet", {}):
        return 0.3 if narrow else 0.16
    return 0.62 if narrow else 0.42


def _config(config: dict[str, Any], *, narrow: bool, family: str) -> dict[str, Any]:
    legend: dict[str, Any] = {"labelFontSize": LABEL, "titleFontSize": LABEL, "labelLimit": 95, "rowPadding": 1,
              "gradientThickness": 6, "gradientLength": 160 if narrow else 100}  # fmt: skip
    if narrow:
        legend |= {"orient": "bottom", "direction": "horizontal", "titleOrient": "left", "columnPadding": 6}
    sizes: dict[str, dict[str, Any]] = {
        "axis": {
            "labelFontSize": LABEL,
            "titleFontSize": TITLE,
            "tickSize": 3,
            "titlePadding": 3,
            "domainWidth": 0.6,
            "gridWidth": 0.4,
            "tickWidth": 0.6,
        },
        "legend": legend,
        "header": {"labelFontSize": TITLE, "labelPadding": 2},
        "title": {"fontSize": TITLE},
        "text": {"fontSize": LABEL},
    }
    return {**config, "font": family, **{part: config.get(part, {}) | size for part, size in sizes.items()}}


def _thin(mark: dict[str, Any]) -> None:
    if "strokeWidth" in mark:
        mark["strokeWidth"] = round(mark["strokeWidth"] * 0.6, 2)
    if isinstance(mark.get("point"), dict):
        mark["point"]["size"] = 18


def _legend(encoding: dict[str, Any], *, width: float) -> None:
    """Legends in as many columns as the width takes."""
    encoding.pop("tooltip", None)
    encoding.pop("opacity", None)
    for channel in ("color", "shape"):
        names = encoding.get(channel, {}).get("scale", {}).get("domain")
        own = encoding.get(channel, {}).get("legend", {})
        if not names or own is None:  # None: it has no legend
            continue
        named = isinstance(names[0], str)
        if width < NARROW:
            encoding[channel]["legend"] = own | {"columns": 2 if named else 6, "symbolSize": 30}
        elif named and len(names) * NAME > width:
            encoding[channel]["legend"] = own | {"columns": int(width / NAME), "symbolSize": 30}


def size(svg: str) -> tuple[float, float]:
    """Width and height that an SVG says of itself, px."""
    width, height = (re.search(rf'<svg[^>]*? {name}="([\d.]+)"', svg) for name in ("width", "height"))
    if width is None or height is None:
        raise ValueError("a drawing without a size")
    return float(width[1]), float(height[1])


def stretched(svg: str, width: float) -> str:
    """The drawing at a width of *width* points, whose unit is a point."""
    own = size(svg)
    return sized(svg, width, own[1] * width / own[0])


def sized(svg: str, width: float, height: float, unit: str = "") -> str:
    """The drawing with another width and height written on it."""
    svg = re.sub(r' width="[\d.]+"', f' width="{n(width)}{unit}"', svg, count=1)
    return re.sub(r' height="[\d.]+"', f' height="{n(height)}{unit}"', svg, count=1)
