"""Turn the charts of a report into figures for a manuscript: SVG, PDF and PNG at the width of a column and of the text.

A figure is drawn again for each width, in units of paper, so that its letters always have 7 and 8 points. `charts.py`
defines the charts; the caller chooses the part of the text for an excerpt.
"""

from __future__ import annotations

import base64
import copy
import html
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from PIL import Image

from reportgen.core.palette import INK, MUTED, font_family
from reportgen.report import tables
from reportgen.report.draw import specs
from reportgen.report.draw.pictures import still, vega
from reportgen.report.paper import typesetting
from reportgen.report.parts import Chart, Picture

LABEL, TITLE = 7, 8  # points
NARROW = 350.0  # points: below, legends are under the drawing, and grids under each other
PPI = 300
GRID_STEP = 14.0  # points: the highest that a cell of the overview gets
MARGIN = 26  # points left of and above the maps
SLACK = 0.5  # points by which a drawing may miss its width: it is stretched by so much


def files(
    charts: tuple[Chart, ...], maps: Picture | None, *, widths: Mapping[str, float], font: str | None
) -> dict[str, bytes]:
    """Every figure at every width, by file name.

    Args:
        charts: From `charts.charts`.
        maps: From `maps.picture`; None if there is nothing to draw.
        widths: Points by what the width is called: {"3.3in": 237.6}.
        font: The first choice for its letters; those of the page if None.
    """
    made: dict[str, bytes] = {}
    family = font_family(font)
    for name, width in widths.items():
        for chart in charts:
            drawn = fit(chart.spec, width, key=f"{chart.key}-{name}", family=family)
            made |= dict(_forms(f"{chart.key}-{name}", drawn, title=f"{chart.title}. {chart.caption}"))
        if maps:
            drawn = labelled(maps, width, family=family)
            made |= dict(_forms(f"{maps.key}-{name}", drawn, title=f"{maps.title}. {maps.caption}"))
    return made


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
    made: dict[str, Any] = copy.deepcopy(spec)
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
        _legend(layer["encoding"], narrow=narrow)
    return made


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


def _legend(encoding: dict[str, Any], *, narrow: bool) -> None:
    """Legends in as many columns as the width takes."""
    encoding.pop("tooltip", None)
    encoding.pop("opacity", None)
    for channel in ("color", "shape"):
        names = encoding.get(channel, {}).get("scale", {}).get("domain")
        own = encoding.get(channel, {}).get("legend", {})
        if narrow and names and own is not None:  # None: it has no legend
            encoding[channel]["legend"] = own | {"columns": 2 if isinstance(names[0], str) else 6, "symbolSize": 30}


def labelled(maps: Picture, width: float, *, family: str) -> str:
    """The picture of the maps with the numbers of layers and heads, as SVG."""
    layers, heads = (max(int(row[n]) for row in maps.data.rows) for n in (0, 1))
    inner = width - MARGIN
    height = inner * maps.height / maps.width
    image = base64.b64encode(_enlarged(maps.light)).decode()
    text = f'font-family="{html.escape(family)}" font-size="{LABEL}" fill="{MUTED}" text-anchor="middle"'
    title = f'font-family="{html.escape(family)}" font-size="{TITLE}" fill="{INK}" text-anchor="middle"'
    across = [f'<text x="{_n(MARGIN + inner * (h + 0.5) / heads)}" y="22">{h + 1}</text>' for h in range(heads)]
    down = [f'<text x="17" y="{_n(MARGIN + height * (r + 0.5) / layers + 2.5)}">{r + 1}</text>' for r in range(layers)]
    middle = _n(MARGIN + height / 2)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(width)}" height="{_n(height + MARGIN)}" '
        f'viewBox="0 0 {_n(width)} {_n(height + MARGIN)}">'
        f'<g {title}><text x="{_n(MARGIN + inner / 2)}" y="9">head</text>'
        f'<text x="8" y="{middle}" transform="rotate(-90 8 {middle})">layer</text></g>'
        f"<g {text}>{''.join(across)}{''.join(down)}</g>"
        f'<image x="{MARGIN}" y="{MARGIN}" width="{_n(inner)}" height="{_n(height)}" preserveAspectRatio="none" '
        f'href="data:image/png;base64,{image}"/></svg>'
    )


def _enlarged(png: bytes) -> bytes:
    """The picture at three times its size: a viewer that smooths then smooths only its edges."""
    image = Image.open(io.BytesIO(png)).convert("RGBA")
    large = image.resize((image.width * 3, image.height * 3), Image.Resampling.NEAREST)
    sink = io.BytesIO()
    large.quantize(64).save(sink, "PNG", optimize=True)
    return sink.getvalue()


def size(svg: str) -> tuple[float, float]:
    """Width and height that an SVG says of itself, px."""
    width, height = (re.search(rf'<svg[^>]*? {name}="([\d.]+)"', svg) for name in ("width", "height"))
    if width is None or height is None:
        raise ValueError("a drawing without a size")
    return float(width[1]), float(height[1])


def stretched(svg: str, width: float) -> str:
    """The drawing at a width of *width* points, whose unit is a point."""
    own = size(svg)
    return _sized(svg, width, own[1] * width / own[0])


def _forms(name: str, svg: str, *, title: str) -> Iterator[tuple[str, bytes]]:
    """The drawing as a vector in two forms and as pixels."""
    width, height = size(svg)
    yield f"{name}.svg", _sized(svg, width, height, "pt").encode()
    yield f"{name}.pdf", page(svg, width, height, title=title)
    yield f"{name}.png", vega.png(svg, ppi=PPI)


def stored(chart: Chart) -> dict[str, bytes]:
    """A chart as it is in the page, as a vector in two forms, with its specification and its numbers, by file."""
    rows = drawn(chart.spec)
    names = list(dict.fromkeys(name for row in rows for name in row))
    numbers = pa.table({name: [row.get(name) for row in rows] for name in names})
    return {
        f"{chart.key}.svg": chart.svg.encode(),
        f"{chart.key}.pdf": page(chart.svg, *size(chart.svg), title=f"{chart.title}. {chart.caption}"),
        f"{chart.key}.vl.json": specs.text(chart.spec).encode(),
        f"{chart.key}.csv": tables.comma_separated(numbers),
    }


def drawn(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The numbers of a specification; of several grids, those of each place in one row."""
    if "concat" not in spec:
        return list(spec["data"]["values"])
    places: dict[tuple[Any, Any], dict[str, Any]] = {}
    for grid in spec["concat"]:
        for row in grid["data"]["values"]:
            places.setdefault((row["layer"], row["head"]), {}).update(row)
    return list(places.values())


def page(svg: str, width: float, height: float, *, title: str) -> bytes:
    """A PDF of one page that is as large as the drawing, points."""
    named = svg.replace(">", f"><title>{html.escape(title)}</title>", 1)
    document = (
        f'<!doctype html><html lang="en"><head><title>{html.escape(title)}</title><style>'
        f"@page{{size:{_n(width)}pt {_n(height)}pt;margin:0}}body{{margin:0}}svg{{display:block}}"
        f"</style></head><body>{_sized(named, width, height, 'pt')}</body></html>"
    )
    return typesetting.typeset(document, pdf_version=typesetting.TEX_PDF, pdf_tags=True).data


def _sized(svg: str, width: float, height: float, unit: str = "") -> str:
    svg = re.sub(r' width="[\d.]+"', f' width="{_n(width)}{unit}"', svg, count=1)
    return re.sub(r' height="[\d.]+"', f' height="{_n(height)}{unit}"', svg, count=1)


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
