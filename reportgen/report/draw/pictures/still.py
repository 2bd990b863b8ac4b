"""Draw the Vega-Lite specification of a chart as a still SVG: what the page shows without scripts, and the PDF.

It knows the marks, scales, axes and legends of most of our charts, and hands others to Vega. The live chart is drawn by
Vega from the same specification; `tests/report/draw/pictures/test_still.py` holds the two next to each other.

Why not Vega for all: measured with vl-convert 1.9 at 12 layers x 12 heads, five charts take 0.02 CPU seconds here;
there 1.2 in a new process and 0.55 in a warm one, and 110 MB. In a batch, all the rest of a page takes 0.3 seconds.
One call for all charts still has to draw them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from reportgen.core.palette import FONT, INK
from reportgen.report.draw.pictures import legends
from reportgen.report.draw.pictures.ink import Anchor, Ink, Point, n, width
from reportgen.report.draw.pictures.scales import Bands, Classes, Continuous, nice
from reportgen.report.draw.specs import Spec

Row = dict[str, Any]
Scale = Continuous | Bands

AXIS = {
    "labelColor": "#000", "titleColor": "#000", "domainColor": "#888", "tickColor": "#888", "gridColor": "#ddd",
    "labelFontSize": 10.0, "titleFontSize": 11.0, "tickSize": 5.0, "labelPadding": 2.0, "titlePadding": 4.0,
    "domainWidth": 1.0, "gridWidth": 1.0, "tickWidth": 1.0,
}  # fmt: skip
TICK_ROOM = 40  # px that a tick has, where their number is not given
ACROSS, DOWN, APART_DOWN = 24, 39, 51  # px between panels; between those that stand under each other alone
FLUSH = 1  # px within which a label at the end of an axis stays inside it
SCALES = {None, "linear", "log"}  # of an axis
SEEN_THROUGH = 0.7  # opacity of a single point


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes with its marks, in its place."""

    layers: tuple[Spec, ...]  # mark and encoding
    rows: tuple[tuple[Row, ...], ...]  # of each layer
    config: Spec
    across: Scale
    down: Scale
    left: float = 0.0
    top: float = 0.0

    def at(self, x: float, y: float) -> Point:
        """The place of a point of the panel, whose y rises, in the drawing."""
        return self.left + x, self.top + self._y(y)

    def _y(self, y: float) -> float:
        return y if isinstance(self.down, Bands) else self.down.length - y

    def axis(self, channel: str) -> Spec:
        """How an axis looks."""
        own: Spec = self.layers[0]["encoding"][channel].get("axis", {})
        return {**AXIS, **self.config.get("axis", {}), **own}


def svg(spec: Spec, *, key: str) -> str:
    """The drawing of a specification; *key* names the ids in a drawing by Vega."""
    if not knows(spec):
        from reportgen.report.draw.pictures import vega

        return vega.svg(spec, key=key)
    config = spec.get("config", {})
    ink = Ink(config.get("font", FONT))
    if "concat" in spec:
        _grids(ink, spec, config)
    elif "facet" in spec:
        _facets(ink, spec, config)
    else:
        panel = _panel(spec, _layers(spec), config)
        _draw(ink, panel)
        _legend(ink, panel)
    return ink.svg()


def knows(spec: Spec) -> bool:
    """Whether all that a specification asks for can be drawn here."""
    parts = [spec, *spec.get("concat", ()), *spec.get("layer", ()), *spec.get("spec", {}).get("layer", ())]
    marks = [mark for part in parts for mark in [part.get("mark", part.get("spec", {}).get("mark"))] if mark]
    plain = not any("transform" in part for part in parts)
    asked = [part.get("encoding", part.get("spec", {}).get("encoding", {})) for part in parts]
    drawn = not any("strokeDash" in encoding or not SCALES.issuperset(_types(encoding)) for encoding in asked)
    return plain and drawn and all(isinstance(mark, dict) and mark["type"] in MARKS for mark in marks)


def _types(encoding: Spec) -> Iterator[str | None]:
    """Which scales the axes ask for."""
    yield from (encoding[channel].get("scale", {}).get("type") for channel in "xy" if channel in encoding)


def _layers(spec: Spec) -> list[tuple[Spec, tuple[Row, ...]]]:
    """The marks of a panel with their rows, those of the whole where they have none of their own."""
    found = []
    for layer in spec.get("layer", [spec]):
        data = layer.get("data", spec.get("data"))
        found.append((layer, tuple(data["values"])))
    return found


def _panel(size: Spec, layers: Sequence[tuple[Spec, tuple[Row, ...]]], config: Spec) -> Panel:
    marks, rows = tuple(layer for layer, _ in layers), tuple(rows for _, rows in layers)
    first, own = marks[0]["encoding"], rows[0]
    across = _scale(first, "x", own, size["width"])
    return Panel(marks, rows, config, across, _scale(first, "y", own, size["height"]))


def _scale(encoding: Spec, channel: str, rows: Sequence[Row], size: Any) -> Scale:
    """The scale of an axis from its rows."""
    own = encoding[channel]
    asked = own.get("scale", {})
    field = own["field"]
    if own["type"] in ("ordinal", "nominal"):
        names = tuple(sorted({row[field] for row in rows}))
        step = size["step"] if isinstance(size, dict) else size / max(len(names), 1)
        return Bands(names, step, asked.get("paddingInner", 0.0))
    log = asked.get("type") == "log"
    if "domain" in asked:
        low, high = asked["domain"]
        return Continuous(low, high, size, log)
    values = [row[field] for row in rows]
    other = encoding.get(f"{channel}2", {})
    values += [row[other["field"]] for row in rows] if "field" in other else []
    values += [other["datum"]] if "datum" in other else []
    if not log and asked.get("zero", True):
        values.append(0)
    low, high = min(values), max(values)
    if asked.get("nice", not log):
        low, high = nice(low, high)
    return Continuous(low, high, size, log)


def _facets(ink: Ink, spec: Spec, config: Spec) -> None:
    """Panels next to or under each other, one for every value of a field."""
    facet, inner = spec["facet"], spec["spec"]
    by = facet.get("row", facet)
    columns = 1 if "row" in facet else spec["columns"]
    rows = spec["data"]["values"]
    names = by.get("sort") or sorted({row[by["field"]] for row in rows})
    shared = _panel(inner, [(inner, tuple(rows))], config)
    free = spec.get("resolve", {}).get("scale", {}).get("y") == "independent"
    panels = []
    for at, name in enumerate(names):
        own = tuple(row for row in rows if row[by["field"]] == name)
        down = _scale(inner["encoding"], "y", own, inner["height"]) if free else shared.down
        column, line = at % columns, at // columns
        left, top = (
            column * (shared.across.length + ACROSS),
            line * (shared.down.length + (APART_DOWN if "row" in facet else DOWN)),
        )
        panels.append(replace(shared, rows=(own,), down=down, left=left, top=top))
    for at, (name, panel) in enumerate(zip(names, panels, strict=True)):
        _draw(ink, panel, across=at + columns >= len(panels), down=free or at % columns == 0)
        style = {"labelColor": INK, "labelFontSize": 10.0, **config.get("header", {})}
        said = f"layer {name}" if "labelExpr" in by["header"] else str(name)
        size, colour = style["labelFontSize"], style["labelColor"]
        ink.text(said, panel.left, panel.top - by["header"]["labelPadding"] - 0.3 * size, size=size, colour=colour)
    _legend(ink, shared)


def _grids(ink: Ink, spec: Spec, config: Spec) -> None:
    """Panels in rows, each with a title and a legend of its own."""
    top, lowest, left = 0.0, 0.0, 0.0
    for at, inner in enumerate(spec["concat"]):
        if at % spec["columns"] == 0:
            left, top = 0.0, lowest + (spec["spacing"] if at else 0.0)
        whole = inner if "data" in inner else inner | {"data": spec["data"]}
        own = Ink(ink.family)
        panel = _panel(whole, _layers(whole), config)
        _draw(own, panel)
        style = {"fontSize": 13.0, "color": INK, **config.get("title", {})}
        head = Ink(ink.family)
        head.text(
            inner["title"], own.left, -4 - 0.25 * style["fontSize"], size=style["fontSize"], colour=style["color"]
        )
        _legend(own, panel)
        own.take(head.left, head.top, head.right, head.bottom)
        own.elements += head.elements
        shift = left - own.left if left else 0.0
        ink.elements.append(f'<g transform="translate({n(shift)},{n(top)})">{"".join(own.elements)}</g>')
        ink.take(own.left + shift, own.top + top, own.right + shift, own.bottom + top)
        left, lowest = own.right + shift + spec["spacing"], max(lowest, top + own.bottom - min(own.top, 0))


def _draw(ink: Ink, panel: Panel, *, across: bool = True, down: bool = True) -> None:
    """Grid, marks and axes of a panel; *across* and *down*: which of its axes it has."""
    ink.take(panel.left, panel.top, panel.left + panel.across.length, panel.top + panel.down.length)
    _rules(ink, panel)
    for layer, rows in zip(panel.layers, panel.rows, strict=True):
        MARKS[layer["mark"]["type"]](ink, panel, layer, rows)
    if across:
        _axis_across(ink, panel)
    if down:
        _axis_down(ink, panel)


# --- marks ----------------------------------------------------------------------------------------------------------


def _boxes(ink: Ink, panel: Panel, layer: Spec, rows: Sequence[Row]) -> None:
    """Cells of a grid by colour, or bars from one value to another."""
    encoding, mark = layer["encoding"], layer["mark"]
    x, y = encoding["x"]["field"], encoding["y"]["field"]
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    colours = None if "color" in mark else classes(encoding["color"], rows)
    for row in rows:
        if colours is None:
            assert isinstance(panel.down, Continuous)
            left, top = panel.at(panel.across.place(row[x]), panel.down.place(row[y]))
            right, bottom = panel.at(panel.across.place(row[encoding["x2"]["field"]]), panel.down.place(0))
            box = (left, min(top, bottom), right - left, abs(bottom - top))
            found.setdefault(mark["color"], []).append(box)
        else:
            assert isinstance(panel.across, Bands)
            assert isinstance(panel.down, Bands)
            wide, high = panel.across.band, panel.down.band
            left, top = panel.at(panel.across.place(row[x]), panel.down.place(row[y]))
            box = (left - wide / 2, top - high / 2, wide, high)
            found.setdefault(colours.colour(row[encoding["color"]["field"]]), []).append(box)
    for colour, boxes in found.items():
        ink.boxes(boxes, colour)


def classes(colour: Spec, rows: Sequence[Row]) -> Classes:
    """The scale of the colours of cells."""
    values = [row[colour["field"]] for row in rows]
    low, high = colour["scale"].get("domain", (min(values), max(values)))
    return Classes(low, high, tuple(colour["scale"]["range"]))


def _lines(ink: Ink, panel: Panel, layer: Spec, rows: Sequence[Row]) -> None:
    """A line for every colour, with its points if they are marked."""
    encoding, mark = layer["encoding"], layer["mark"]
    colour = encoding.get("color")
    x, y = encoding["x"]["field"], encoding["y"]["field"]
    named = dict(zip(colour["scale"]["domain"], colour["scale"]["range"], strict=False)) if colour else {}
    series: dict[Any, list[Point]] = {name: [] for name in named}
    for row in rows:
        place = panel.at(panel.across.place(row[x]), panel.down.place(row[y]))
        series.setdefault(row[colour["field"]] if colour else None, []).append(place)
    half = mark.get("strokeWidth", 2) / 2
    for name, points in series.items():
        own = sorted(points)
        if len(own) > 1:
            ink.line(own, named.get(name, mark.get("color")), 2 * half)
        for left, top in own:
            ink.take(left, top - half, left + half, top + half)
    if "point" in mark:
        for at, (name, points) in enumerate(series.items()):
            radius = mark["point"]["size"] ** 0.5 / 2
            outline = "".join(legends.symbol(at, left, top, radius) for left, top in sorted(points))
            ink.path(outline, fill=named[name])
            for left, top in points:
                ink.take(left - radius, top - radius, left + radius, top + radius)


def _points(ink: Ink, panel: Panel, layer: Spec, rows: Sequence[Row]) -> None:
    """Single filled points."""
    mark, encoding = layer["mark"], layer["encoding"]
    for row in rows:
        x, y = panel.across.place(row[encoding["x"]["field"]]), panel.down.place(row[encoding["y"]["field"]])
        outline = legends.symbol(0, *panel.at(x, y), mark["size"] ** 0.5 / 2)
        ink.path(outline, fill=mark["color"], opacity=SEEN_THROUGH)


MARKS = {"rect": _boxes, "line": _lines, "point": _points}


# --- axes -----------------------------------------------------------------------------------------------------------


def _marked(panel: Panel, channel: str) -> list[tuple[float, str]]:
    """The ticks of an axis: where they are, and what is written there, "" if nothing is."""
    scale = panel.across if channel == "x" else panel.down
    style = panel.axis(channel)
    if isinstance(scale, Bands):
        names = style.get("values", scale.names)
        return [(scale.place(name), str(name)) for name in names if name in scale.names]
    count = style.get("tickCount") or max(1, -(-round(scale.length) // TICK_ROOM))
    ticks = scale.ticks(count)
    return [
        (scale.place(tick), label)
        for tick, label in zip(ticks, scale.labels(ticks, count, style.get("format")), strict=True)
    ]


def _rules(ink: Ink, panel: Panel) -> None:
    """The lines of the grid, across the panel."""
    style = panel.axis("y")
    if isinstance(panel.down, Bands) or not style.get("grid", True):
        return
    ends = [(panel.at(0, y), panel.at(panel.across.length, y)) for y, _ in _marked(panel, "y")]
    ink.lines(((_half(a), _half(b)) for a, b in ends), style["gridColor"], style["gridWidth"])


def _axis_across(ink: Ink, panel: Panel) -> None:
    style, encoding = panel.axis("x"), panel.layers[0]["encoding"]["x"]
    long, base = panel.across.length, panel.top + panel.down.length + 0.5
    ticks = _marked(panel, "x")
    ends = [
        ((round(panel.left + x) + 0.5, base), (round(panel.left + x) + 0.5, base + style["tickSize"])) for x, _ in ticks
    ]
    ink.lines(ends, style["tickColor"], style["tickWidth"])
    ink.lines([((panel.left, base), (panel.left + long, base))], style["domainColor"], style["domainWidth"])
    size = style["labelFontSize"]
    y = base + style["tickSize"] + style["labelPadding"] + 0.79 * size
    inside = not isinstance(panel.across, Bands)
    for x, label, anchor in _fitting(ticks, long, size, inside=inside):
        ink.text(label, panel.left + x, y, size=size, colour=style["labelColor"], anchor=anchor)
    size, y = style["titleFontSize"], y + 0.21 * size + style["titlePadding"] + 0.79 * style["titleFontSize"]
    title = encoding.get("title", encoding["field"])
    ink.text(title, panel.left + long / 2, y, size=size, colour=style["titleColor"], anchor="middle")


def _axis_down(ink: Ink, panel: Panel) -> None:
    style, encoding = panel.axis("y"), panel.layers[0]["encoding"]["y"]
    base = panel.left + 0.5
    ticks = [(panel.at(0, y)[1], label) for y, label in _marked(panel, "y")]
    ends = [((base, round(y) + 0.5), (base - style["tickSize"], round(y) + 0.5)) for y, _ in ticks]
    ink.lines(ends, style["tickColor"], style["tickWidth"])
    down = ((base, panel.top), (base, panel.top + panel.down.length))
    ink.lines([down], style["domainColor"], style["domainWidth"])
    size, left = style["labelFontSize"], base - style["tickSize"] - style["labelPadding"]
    room = Ink(ink.family)
    last = float("inf")
    for y, label in sorted(((y, label) for y, label in ticks if label), reverse=True):
        if y <= last - size:
            last = y
            room.text(label, left, y + 0.3 * size, size=size, colour=style["labelColor"], anchor="end")
    ink.elements += room.elements
    ink.take(min(room.left, left), room.top, left, room.bottom)
    size, x = style["titleFontSize"], min(room.left, left) - style["titlePadding"] - 0.21 * style["titleFontSize"]
    title, middle = encoding.get("title", encoding["field"]), panel.top + panel.down.length / 2
    ink.text(title, x, middle, size=size, colour=style["titleColor"], anchor="middle", upright=False)


def _fitting(
    ticks: Sequence[tuple[float, str]], long: float, size: float, *, inside: bool
) -> list[tuple[float, str, Anchor]]:
    """The labels of a horizontal axis that have room: of those that overlap, every second one is left out.

    Args:
        ticks: From `_marked`.
        long: Px of the axis.
        size: Px of the letters.
        inside: Whether labels at the ends stay within the axis.
    """
    found: list[tuple[float, str, Anchor]] = []
    for x, label in ticks:
        anchor: Anchor = "middle"
        if inside and x < FLUSH:
            anchor = "start"
        elif inside and long - x < FLUSH:
            anchor = "end"
        found.append((x, label, anchor))
    kept = [one for one in found if one[1]]
    while len(kept) > 1 and _overlap(kept, size):
        kept = kept[::2]
    return kept


def _overlap(labels: Sequence[tuple[float, str, Anchor]], size: float) -> bool:
    ends = []
    for x, label, anchor in labels:
        long = width(label, size)
        start = x - {"start": 0.0, "middle": long / 2, "end": long}[anchor]
        ends.append((start, start + long))
    return any(start < end for (_, end), (start, _) in pairwise(ends))


def _legend(ink: Ink, panel: Panel) -> None:
    """What the colours of a drawing mean, next to all that is drawn of it."""
    colour = panel.layers[0]["encoding"].get("color")
    if colour is None or colour.get("legend", {}) is None:
        return
    style = legends.STYLE | panel.config.get("legend", {}) | colour.get("legend", {})
    if colour["scale"].get("type") == "quantize":
        legends.blocks(ink, classes(colour, panel.rows[0]), style, beside=panel.down.length)
        return
    shaped = "shape" in panel.layers[0]["encoding"]
    named = zip(colour["scale"]["domain"], colour["scale"]["range"], strict=False)
    entries = [legends.Entry(str(name), one, at if shaped else None) for at, (name, one) in enumerate(named)]
    legends.names(ink, entries, colour["title"], style)


def _half(point: Point) -> Point:
    """On the middle of a pixel: a line of one pixel is sharp."""
    return round(point[0]) + 0.5, round(point[1]) + 0.5
