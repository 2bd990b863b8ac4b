"""Turn the downsampled attention of every head into one picture: a grid of maps, layer by head.

A map shows which stretch of the document (row) attends to which (column); `records.Attention.maps` defines it. The
live page draws the same numbers as a chart, one map at a time.
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from reportgen.core.nouns.records import Floats, Report
from reportgen.core.palette import HEAT_DARK, HEAT_LIGHT
from reportgen.report.parts import Picture, Table

CLASSES = len(HEAT_LIGHT)
NOTHING = CLASSES  # class of an exact 0: the head cannot see there
CELL = 66  # px of one map in the picture
GAP = 6  # px between maps
GLOBAL_WIDTH = 2  # px of the row and column of the global tokens, and of the line that parts them from the rest

Classes = npt.NDArray[np.uint8]


def picture(report: Report) -> Picture | None:
    """The maps of all heads; None for a document without content tokens."""
    if not report.tokens.content.any() or report.attention.maps.size == 0:
        return None
    pixels = grid(report.attention.maps, has_globals=bool(report.attention.global_positions))
    height, width = pixels.shape
    return Picture(
        key="attention-maps",
        title="Attention maps",
        caption=_caption(report),
        light=_png(pixels, HEAT_LIGHT),
        dark=_png(pixels, HEAT_DARK),
        width=width,
        height=height,
        data=_table(report),
    )


def classify(maps: Floats) -> Classes:
    """Colour classes of shares, on a logarithmic scale; `NOTHING` for a share of 0.

    Class 0 begins at a sixteenth of what every stretch would get from a head that makes no difference, class 15 ends
    at 1, all of the attention.
    """
    lowest = np.log2(floor(maps.shape[-1]))
    with np.errstate(divide="ignore"):
        steps = (np.log2(maps.astype(np.float64)) - lowest) / -lowest * CLASSES
    classes: Classes = np.clip(np.floor(steps), 0, CLASSES - 1).astype(np.uint8)
    classes[maps <= 0] = NOTHING
    return classes


def floor(stretches: int) -> float:
    """The share at which the colours begin.

    >>> floor(64) == 1 / 1024
    True
    """
    return 1 / (16 * stretches)


def grid(maps: Floats, *, has_globals: bool) -> Classes:
    """The maps of all heads, layers from top to bottom, heads from left to right: (px, px) of classes."""
    layers, heads, _, _ = maps.shape
    tiles = [[_tile(maps[layer, head], has_globals=has_globals) for head in range(heads)] for layer in range(layers)]
    side = tiles[0][0].shape[0]
    pixels = np.full((layers * (side + GAP) - GAP, heads * (side + GAP) - GAP), NOTHING, np.uint8)
    for layer, row in enumerate(tiles):
        for head, tile in enumerate(row):
            top, left = layer * (side + GAP), head * (side + GAP)
            pixels[top : top + side, left : left + side] = tile
    return pixels


def _tile(one: Floats, *, has_globals: bool) -> Classes:
    """One map in pixels: every stretch as large as fits, the global tokens as a thin row and column."""
    apart = int(has_globals)
    stretches = one.shape[0] - apart
    scale = max(1, CELL // stretches)
    sizes = np.full(one.shape[0], scale)
    sizes[:apart] = GLOBAL_WIDTH
    tile = np.repeat(np.repeat(classify(one), sizes, axis=0), sizes, axis=1)
    if apart:  # a gap parts them from the stretches, which are in the order of the document
        tile = np.insert(tile, [GLOBAL_WIDTH] * GLOBAL_WIDTH, NOTHING, axis=0)
        tile = np.insert(tile, [GLOBAL_WIDTH] * GLOBAL_WIDTH, NOTHING, axis=1)
    return tile


def kept_close(report: Report) -> dict[str, npt.NDArray[np.float64]]:
    """Where attention lands, as a mean over the stretches: {place: (layer, head)}, the shares of a head add up to 1."""
    apart = int(bool(report.attention.global_positions))
    rows = report.attention.maps[:, :, apart:].astype(np.float64)  # (layer, head, stretch, where)
    count = max(int((rows.sum(axis=(0, 1, 3)) > 0).sum()), 1)  # a stretch of global tokens alone has a row of zeros
    square, whole = rows[..., apart:], rows.sum(axis=(2, 3)) / count
    on_globals = rows[..., :apart].sum(axis=(2, 3)) / count
    own = np.trace(square, axis1=2, axis2=3) / count
    near = (np.trace(square, 1, axis1=2, axis2=3) + np.trace(square, -1, axis1=2, axis2=3)) / count
    return {"global": on_globals, "own": own, "near": near, "far": whole - on_globals - own - near}


def stretch(report: Report) -> int:
    """Tokens of a stretch, rounded up."""
    tokens = report.attention.shape[2]
    apart = int(bool(report.attention.global_positions))
    stretches: int = report.attention.maps.shape[-1] - apart
    return -(-tokens // stretches)


def _caption(report: Report) -> str:
    shares = kept_close(report)
    length = stretch(report)
    unit = f"stretch of {length} tokens" if length > 1 else "token"
    found = _strongest(report, shares["own"] + shares["near"], f"within the same {unit} and its neighbours")
    said = [
        "One map per head: layers from top to bottom, heads from left to right.",
        "Rows attend to columns; a stronger colour means more attention.",
    ]
    if report.attention.global_positions:
        said.append("The first row and column are the global tokens.")
        said.append(_strongest(report, shares["global"], "on the global tokens"))
    return " ".join((*said, found))


def _strongest(report: Report, shares: npt.NDArray[np.float64], where: str) -> str:
    layer, head = report.places[shares.argmax()]
    return f"Layer {layer}, head {head} has {shares.max():.0%} of its attention {where}, the most of any head."


def _table(report: Report) -> Table:
    shares = kept_close(report)
    names = {
        "global": "On global tokens",
        "own": "In the same stretch",
        "near": "In neighbouring stretches",
        "far": "Elsewhere",
    }
    if not report.attention.global_positions:
        del names["global"]
    return Table(
        key="attention-maps-data",
        caption=f"Where the attention of each head lands, mean over stretches of {stretch(report)} tokens",
        columns=("Layer", "Head", *names.values()),
        numeric=(True,) * (2 + len(names)),
        rows=tuple(
            (str(layer), str(head), *(f"{shares[name].flat[index]:.1%}" for name in names))
            for index, (layer, head) in enumerate(report.places)
        ),
    )


def _png(pixels: Classes, ramp: tuple[str, ...]) -> bytes:
    """A PNG of classes in the colours of *ramp*; `NOTHING` is transparent."""
    image = Image.fromarray(pixels)
    image.putpalette([int(colour[at : at + 2], 16) for colour in (*ramp, "#808080") for at in (1, 3, 5)])
    sink = io.BytesIO()
    image.save(sink, "PNG", optimize=True, transparency=NOTHING)
    return sink.getvalue()
