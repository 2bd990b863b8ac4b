"""Colour one text by two reports on a shared scale, and by their difference.

Both heatmaps are multiples of the even share, so they have one scale: the same colour is the same multiple in A and in
B. The difference is B minus A in the same unit, with a scale of its own whose middle is 0.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reportgen.compare.align import Alignment, Doubles
from reportgen.compare.measures import Measure
from reportgen.compare.parts import A, B, Group
from reportgen.core.config import ColourScale
from reportgen.core.nouns.records import Report
from reportgen.report import heatmap, signed
from reportgen.report.even_share import equal_but_for_rounding
from reportgen.report.heatmap import CLASSES, LEFT_OUT, on_scale
from reportgen.report.parts import Cell, HeatView

SCALE: ColourScale = "linear"
NOISE = 1e-9  # of the largest value: a difference below it is rounding
OUTLINED = "Without colour is what only one of them has read or ranks: echoes of position, white space."


def group(key: str, measure: Measure, one: Report, other: Report, aligned: Alignment) -> Group:
    """The three views of a measure."""
    mine, theirs = measure.of_cells(aligned, one, other)
    pair = _signed if measure.signed else _shares
    views = (*pair(mine, theirs, aligned.cells), difference(measure, mine, theirs, aligned.cells))
    spans = tuple(heatmap.spans(aligned.text, aligned.cells, view) for view in views)
    return Group(key, measure.title, views, spans, tuple(heatmap.lines(runs) for runs in spans))


def difference(measure: Measure, mine: Doubles, theirs: Doubles, cells: tuple[Cell, ...]) -> HeatView:
    """B minus A: orange where B has more, blue where A has more."""
    change = theirs - mine
    largest = max(float(np.abs(mine).max(initial=0)), float(np.abs(theirs).max(initial=0)))
    change[np.abs(change) <= NOISE * largest] = 0
    said = f"Colour shows {B} minus {A}: orange where a token has more in {B}, blue where it has more in {A}"
    unit = "in logits" if measure.signed else "in multiples of the even share"
    return signed.view(
        "difference",
        f"Difference, {B} minus {A}",
        f"{said}, {unit}.",
        change.astype(np.float32),
        cells,
        scale=SCALE,
        outlined=OUTLINED,
    )


def _shares(mine: Doubles, theirs: Doubles, cells: tuple[Cell, ...]) -> tuple[HeatView, ...]:
    """Two heatmaps in the classes of one scale."""
    on = on_scale(cells)
    both, chosen = np.concatenate([mine, theirs]), np.concatenate([on, on])
    largest = float(both[chosen].max(initial=0)) or 1.0
    classes, bounds, floor = heatmap.classify(both / largest * 100, chosen, scale=SCALE)
    limits = tuple(round(float(bound) * largest / 100, 6) for bound in bounds)
    parts = ((A, classes[: len(cells)], mine), (B, classes[len(cells) :], theirs))
    return tuple(
        HeatView(
            key=f"report-{name}",
            title=name,
            explanation=f"Colour shows the score of a token in {name} as a multiple of the even share: 2 is twice what "
            f"each token would have if all had the same. {A} and {B} have one scale.",
            classes=tuple(own.tolist()),
            values=tuple(round(float(value), 6) for value in values),
            bounds=limits,
            scale=SCALE,
            floor=floor,
            coloured=int(on.sum()),
            strongest=int((own == CLASSES - 1).sum()),
            uniform=bool(on.sum() > 1 and equal_but_for_rounding(values[on])),
            outlined=OUTLINED,
        )
        for name, own, values in parts
    )


def _signed(mine: Doubles, theirs: Doubles, cells: tuple[Cell, ...]) -> tuple[HeatView, ...]:
    """Two attributions in the classes of one scale."""
    count = len(cells)
    twice = (*cells, *(replace(cell, positions=(count + cell.positions[0],)) for cell in cells))
    both = np.concatenate([mine, theirs]).astype(np.float32)
    said = "Colour shows how much a token speaks for (orange) or against (blue) the label in {}, in logits. {} and {} "
    whole = signed.view("", "", "", both, twice, scale=SCALE, outlined=OUTLINED)
    parts = ((A, whole.classes[:count], whole.values[:count]), (B, whole.classes[count:], whole.values[count:]))
    return tuple(
        replace(
            whole,
            key=f"report-{name}",
            title=name,
            explanation=f"{said.format(name, A, B)}have one scale.",
            classes=classes,
            values=values,
            coloured=sum(heat != LEFT_OUT for heat in classes),
            strongest=sum(heat in (CLASSES, 2 * CLASSES - 1) for heat in classes),
        )
        for name, classes, values in parts
    )
