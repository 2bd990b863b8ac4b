"""Turn the charts of a report into figures for a manuscript: SVG, PDF and PNG at the width of a column and of the text.

A figure is drawn again for each width, in units of paper, so that its letters always have 7 and 8 points. `charts.py`
defines the charts; the caller chooses the part of the text for an excerpt.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from PIL import Image

from reportgen.core.palette import INK, MUTED, font_family
from reportgen.report import tables
from reportgen.report.draw import specs
from reportgen.report.draw.pictures import vega
from reportgen.report.draw.pictures.ink import n
from reportgen.report.draw.pictures.widths import LABEL, TITLE, fit, size, sized
from reportgen.report.paper import typesetting
from reportgen.report.parts import Chart, Picture

PPI = 300
MARGIN = 26  # points left of and above the maps


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


def labelled(maps: Picture, width: float, *, family: str) -> str:
    """The picture of the maps with the numbers of layers and heads, as SVG."""
    layers, heads = (max(int(row[n]) for row in maps.data.rows) for n in (0, 1))
    inner = width - MARGIN
    height = inner * maps.height / maps.width
    image = base64.b64encode(_enlarged(maps.light)).decode()
    text = f'font-family="{html.escape(family)}" font-size="{LABEL}" fill="{MUTED}" text-anchor="middle"'
    title = f'font-family="{html.escape(family)}" font-size="{TITLE}" fill="{INK}" text-anchor="middle"'
    across = [f'<text x="{n(MARGIN + inner * (h + 0.5) / heads)}" y="22">{h + 1}</text>' for h in range(heads)]
    down = [f'<text x="17" y="{n(MARGIN + height * (r + 0.5) / layers + 2.5)}">{r + 1}</text>' for r in range(layers)]
    middle = n(MARGIN + height / 2)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{n(width)}" height="{n(height + MARGIN)}" '
        f'viewBox="0 0 {n(width)} {n(height + MARGIN)}">'
        f'<g {title}><text x="{n(MARGIN + inner / 2)}" y="9">head</text>'
        f'<text x="8" y="{middle}" transform="rotate(-90 8 {middle})">layer</text></g>'
        f"<g {text}>{''.join(across)}{''.join(down)}</g>"
        f'<image x="{MARGIN}" y="{MARGIN}" width="{n(inner)}" height="{n(height)}" preserveAspectRatio="none" '
        f'href="data:image/png;base64,{image}"/></svg>'
    )


def _enlarged(png: bytes) -> bytes:
    """The picture at three times its size: a viewer that smooths then smooths only its edges."""
    image = Image.open(io.BytesIO(png)).convert("RGBA")
    large = image.resize((image.width * 3, image.height * 3), Image.Resampling.NEAREST)
    sink = io.BytesIO()
    large.quantize(64).save(sink, "PNG", optimize=True)
    return sink.getvalue()


def _forms(name: str, svg: str, *, title: str) -> Iterator[tuple[str, bytes]]:
    """The drawing as a vector in two forms and as pixels."""
    width, height = size(svg)
    yield f"{name}.svg", sized(svg, width, height, "pt").encode()
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
        f"@page{{size:{n(width)}pt {n(height)}pt;margin:0}}body{{margin:0}}svg{{display:block}}"
        f"</style></head><body>{sized(named, width, height, 'pt')}</body></html>"
    )
    return typesetting.typeset(document, pdf_version=typesetting.TEX_PDF, pdf_tags=True).data
