"""Arrange figures and tables on paper: each figure drawn for its width, narrow ones two abreast, tables too."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal, TypeVar

from markupsafe import Markup

from reportgen.core import characters
from reportgen.core.palette import FONT
from reportgen.report.draw.pictures import widths
from reportgen.report.page.svg import svg_markup
from reportgen.report.parts import Chart, Picture, Table

WHOLE, HALF = 470.0, 228.0  # the text of an A4 page is 476 points wide, of a letter page 493
PANELS = 6  # abreast, of a grid of more than four
T = TypeVar("T")
Kind = Literal["whole", "half", "side"]  # side: half as wide, with its caption beside it
WIDE = ("top-tokens", "attended-words")  # tables of five or six columns
NARROW = ("reader-tokens", "attended-instances")  # of four


@dataclass(frozen=True, slots=True)
class Plate:
    """A figure on paper."""

    key: str
    title: str
    caption: str
    kind: Kind
    drawing: Markup


def curves(charts: Sequence[Chart]) -> list[list[Plate]]:
    """Rows of the curves of the test: one panel leaves room for its caption beside it."""
    return [[_chart(chart, "whole" if len(_panels(chart)) > 1 else "side")] for chart in charts]


def figures(charts: Sequence[Chart], maps: Picture | None) -> list[list[Plate]]:
    """Rows of the figures: trends by layer abreast, then panels of all layers, then what stands upright."""
    by_key = {chart.key: chart for chart in charts}
    narrow = [by_key.pop(key) for key in ("rank-trend-layers", "layer-trend") if key in by_key]
    wide = [by_key.pop(key) for key in ("rank-trend-heads",) if key in by_key]
    overview = by_key.get("overview")
    if overview is not None and len(overview.spec.get("concat", ())) > 1:  # type: ignore[arg-type]
        wide.append(by_key.pop("overview"))
    upright: list[Chart | Picture] = [*by_key.values(), *([maps] if maps else [])]
    return [*_abreast(narrow), *([_chart(chart, "whole")] for chart in wide), *_abreast(upright)]


def tables(shown: Sequence[Table]) -> list[list[Table]]:
    """Rows of the lists of tokens: a wide one with a narrow one, for beside against, the list of heads last."""
    by_key = {table.key: table for table in shown}
    wide, narrow = ([by_key.pop(key) for key in keys if key in by_key] for keys in (WIDE, NARROW))
    rows = [[table for table in pair if table] for pair in zip_longest(wide, narrow)]
    signed = [by_key.pop(table.key) for table in shown if table.key.startswith("attribution")]
    return [*rows, *(list(pair) for pair in _pairs(signed)), *([table] for table in by_key.values())]


def _abreast(shown: Sequence[Chart | Picture]) -> Iterator[list[Plate]]:
    for pair in _pairs(shown):
        kind: Kind = "half" if len(pair) > 1 else "side"
        yield [_chart(one, kind) if isinstance(one, Chart) else _picture(one, kind) for one in pair]


def _pairs(of: Sequence[T]) -> Iterator[Sequence[T]]:
    return (of[n : n + 2] for n in range(0, len(of), 2))


def _chart(chart: Chart, kind: Kind) -> Plate:
    spec = dict(chart.spec)
    if kind == "whole" and len(_panels(chart)) > 4:
        spec["columns"] = PANELS
    drawn = widths.fit(spec, WHOLE if kind == "whole" else HALF, key=chart.key, family=FONT)
    title = characters.visible(f"{chart.title}. {chart.caption}")
    drawing = svg_markup(widths.sized(drawn, *widths.size(drawn), "pt"), themed=False, title=title)
    return Plate(chart.key, chart.title, chart.caption, kind, drawing)


def _panels(chart: Chart) -> set[object]:
    """The values that have a panel each; none of a chart of one panel."""
    facet: dict[str, object] = chart.spec.get("facet", {})  # type: ignore[assignment]
    data: dict[str, list[dict[str, object]]] = chart.spec.get("data", {})  # type: ignore[assignment]
    return {row[str(facet["field"])] for row in data["values"]} if "field" in facet else set()


def _picture(maps: Picture, kind: Kind) -> Plate:
    said = characters.visible(f"{maps.title}. {maps.caption}")
    drawing = Markup('<img src="data:image/png;base64,{}" alt="{}" width="{}" height="{}">').format(
        base64.b64encode(maps.light).decode(), said, maps.width, maps.height
    )
    return Plate(maps.key, maps.title, maps.caption, kind, drawing)
