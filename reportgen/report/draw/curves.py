"""Turn the test of a heatmap into curves: the probability of the label against the share of words removed, or kept.

Nothing is computed here: the answers of the model are in `core/nouns/faithfulness.py`. Each way to remove words has a
panel.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import altair as alt
from altair.utils.schemapi import debug_mode

from reportgen.core.nouns.faithfulness import Empty, Faithfulness, Measure, OrderName, Trial
from reportgen.core.nouns.records import Report
from reportgen.core.palette import INK, MUTED
from reportgen.report import opening
from reportgen.report.draw.pictures import still
from reportgen.report.draw.specs import WIDTH, Draw, Row, digits, figure
from reportgen.report.faithfulness.names import LOOKS, ORDERS, WAYS, label, percent, units
from reportgen.report.parts import Chart, Table

KEYS: dict[Measure, tuple[str, str]] = {
    "comprehensiveness": ("deletion-curve", "Deletion curve"),
    "sufficiency": ("keeping-curve", "Keep-only curve"),
}
RANDOM: OrderName = "random"
COLUMNS, GAP = 2, 56  # panels in a row, and px between two
LEGEND = {"orient": "top", "labelLimit": 130}
FAINT = 0.25  # opacity of the band


@debug_mode(False)  # the tests hold every chart against the schema: no run has to do so again
def curves(report: Report, *, draw: Draw = still.svg) -> tuple[Chart, ...]:
    """The deletion curve, and the keep-only curve where it was measured; none without a test."""
    tested = report.faithfulness
    if tested is None:
        return ()
    return tuple(curve(report, tested, measure, draw) for measure in KEYS if _trials(tested, measure))


def curve(report: Report, tested: Faithfulness, measure: Measure, draw: Draw = still.svg) -> Chart:
    """One measure, a panel for each way to remove words."""
    trials = _trials(tested, measure)
    rows = [row for trial in trials for row in _rows(tested, trial)]
    verb = "removed" if measure == "comprehensiveness" else "kept"
    columns = min(len(trials), COLUMNS)
    width = (WIDTH + 20 - GAP * (columns - 1)) // columns
    x = alt.X("share:Q", title=f"{units(tested)} {verb}, %", scale=_share_scale(tested), axis=_share_axis(tested))
    axis = alt.Axis(format=".0%", tickCount=5)
    y = alt.Y("probability:Q", title="probability", scale=alt.Scale(domain=[0, 1]), axis=axis)
    layers = (_cursor(x), *_bounds(x, y), *_orders(trials[0], x, y), _targets())
    chart = alt.layer(*layers, data=alt.InlineData(values=[]), width=width, height=230)
    key, title = KEYS[measure]
    if len(trials) > 1:
        header = alt.Header(labelAnchor="start", labelPadding=4)
        ways = [WAYS[trial.operator] for trial in trials]
        chart = chart.facet(alt.Facet("way:N", title=None, sort=ways, header=header), columns=COLUMNS, spacing=GAP)
    return figure(
        key,
        title,
        caption(report, tested, measure),
        chart.to_dict(validate=False),
        rows,
        _table(tested, measure),
        draw,
        legend=LEGEND,
    )


def caption(report: Report, tested: Faithfulness, measure: Measure) -> str:
    """What the first panel shows at one share, in words."""
    trial = _trials(tested, measure)[0]
    at = _example(tested)
    own, (low, high) = (trial.curve(opening.order(report)) or trial.curves[0]).probabilities[at], trial.band[at]
    name, share, some = label(report, tested), percent(tested.shares[at]), units(tested)
    view = ORDERS[opening.order(report)]
    kept = measure == "sufficiency"
    with_ = "With only" if kept else "Without"
    others = f"with as many random {some} alone" if kept else f"without as many random {some}"
    more = f" ({some} {WAYS[trial.operator]})" if len(_trials(tested, measure)) > 1 else ""
    return (
        f"{with_} the {share} of the {some} highest in {view}, the model gives “{name}” a probability of "
        f"{own:.1%}{more}; {others}, {low:.1%} to {high:.1%}. The whole document has {tested.probability:.1%}. "
        f"The grey band holds {tested.draws} random orders."
    )


def _example(tested: Faithfulness) -> int:
    """The share that sentences name: 5 %, or the one nearest to it."""
    return min(range(len(tested.shares)), key=lambda at: abs(tested.shares[at] - 0.05))


def _trials(tested: Faithfulness, measure: Measure) -> tuple[Trial, ...]:
    return tuple(trial for trial in tested.trials if trial.measure == measure)


def _name(trial: Trial, order: OrderName) -> str:
    return f"{len(trial.random)} random orders" if order == RANDOM else ORDERS[order]


def _empty(tested: Faithfulness, trial: Trial) -> Empty:
    return next(empty for empty in tested.empty if empty.operator == trial.operator)


def _rows(tested: Faithfulness, trial: Trial) -> Iterator[Row]:
    """The rows of a panel, by what they draw: "order", "random", "bound", "step"."""
    whole, empty = tested.probability, _empty(tested, trial).probability
    start = whole if trial.measure == "comprehensiveness" else empty
    shares = [0.0, *(digits(share * 100) for share in tested.shares)]
    panel = {"way": WAYS[trial.operator]}
    for each in trial.curves:
        for share, probability in zip(shares, (start, *each.probabilities), strict=True):
            named = {"order": ORDERS[each.order], "share": share, "probability": digits(probability)}
            yield {**panel, "draws": "order", **named}
    for share, (low, high) in zip(shares, ((start, start), *trial.band), strict=True):
        yield {
            **panel,
            "draws": "random",
            "order": _name(trial, RANDOM),
            "share": share,
            "low": digits(low),
            "high": digits(high),
        }
    bounds = sorted([(whole, "whole"), (empty, "empty")], reverse=True)
    for (probability, name), side in zip(bounds, ("above", "below"), strict=True):
        place = {"share": shares[-1], "probability": digits(probability)}
        yield {**panel, "draws": "bound", **place, "name": name, "side": side}
    for share, start_, end in _steps(shares):
        yield {**panel, "draws": "step", "share": share, "from": start_, "to": end, "chosen": False}


def _steps(shares: list[float]) -> Iterator[tuple[float, float, float]]:
    """Each share with the stretch of the axis that is nearest to it, as the eye sees it: the axis is a square root."""
    roots = [share**0.5 for share in shares]
    middles = [digits(((a + b) / 2) ** 2) for a, b in pairwise(roots)]
    yield from zip(shares, [0.0, *middles], [*middles, shares[-1]], strict=True)


def _share_scale(tested: Faithfulness) -> alt.Scale:
    return alt.Scale(type="sqrt", domain=[0, digits(tested.shares[-1] * 100)], nice=False)


def _share_axis(tested: Faithfulness) -> alt.Axis:
    return alt.Axis(
        values=[0, *(digits(share * 100) for share in tested.shares)], grid=False, format=".3~r", labelOverlap=False
    )


def _only(draws: str) -> alt.Chart:
    chosen: alt.Chart = alt.Chart().transform_filter(f"datum.draws === '{draws}'")
    return chosen


def _cursor(x: alt.X) -> alt.Chart:
    """A line at the share that a reader of the page has chosen."""
    shown = alt.condition("datum.chosen", alt.value(INK), alt.value("transparent"))
    cursor: alt.Chart = _only("step").mark_rule(strokeWidth=1).encode(x=x, stroke=shown)
    return cursor


def _targets() -> alt.Chart:
    """Where the pointer chooses a share: unseen, above everything else."""
    targets: alt.Chart = _only("step").mark_rect(fill="transparent").encode(x=alt.X("from:Q"), x2="to:Q")
    return targets


def _band(x: alt.X, colour: alt.Color) -> alt.Chart:
    low = alt.Y("low:Q", title="probability")
    band: alt.Chart = _only("random").mark_area(fillOpacity=FAINT).encode(x=x, y=low, y2="high:Q", color=colour)
    return band


def _bounds(x: alt.X, y: alt.Y) -> Iterator[alt.Chart]:
    """Dashes at the whole and at the empty document, with their names at the right, apart where they are close."""
    bounds = _only("bound")
    yield bounds.mark_rule(strokeDash=[4, 3], strokeWidth=1, color=MUTED).encode(y=y)
    for side, dy in (("above", -4), ("below", 4)):
        text = bounds.transform_filter(f"datum.side === '{side}'").mark_text(align="left", dx=8, dy=dy, color=MUTED)
        yield text.encode(x=x, y=y, text="name:N")


def _orders(trial: Trial, x: alt.X, y: alt.Y) -> Iterator[alt.Chart]:
    """The band of the random orders; a line for each other order, with a sign at each share."""
    looks = {_name(trial, order): LOOKS[order] for order in (*(each.order for each in trial.curves), RANDOM)}
    colours = alt.Scale(domain=list(looks), range=[colour for colour, _ in looks.values()])
    forms = alt.Scale(domain=list(looks), range=[form for _, form in looks.values()])
    colour = alt.Color("order:N", title=None, scale=colours)
    yield _band(x, colour)
    grey = [name for name, (own, _) in looks.items() if own == MUTED]
    thin = alt.condition(alt.FieldOneOfPredicate("order", grey), alt.value(1), alt.value(2))
    orders = _only("order")
    yield orders.mark_line().encode(x=x, y=y, color=colour, strokeWidth=thin)
    tooltip = [alt.Tooltip("order:N"), alt.Tooltip("share:Q", title="%"), alt.Tooltip("probability:Q", format=".1%")]
    signs = orders.transform_filter("datum.share > 0").mark_point(filled=True, size=42, opacity=1)
    yield signs.encode(x=x, y=y, color=colour, shape=alt.Shape("order:N", title=None, scale=forms), tooltip=tooltip)


def _table(tested: Faithfulness, measure: Measure) -> Table:
    verb = "removed" if measure == "comprehensiveness" else "kept"
    some = units(tested)
    rows: list[tuple[str, ...]] = []
    for trial in _trials(tested, measure):
        way = WAYS[trial.operator]
        for each in trial.curves:
            rows.append((ORDERS[each.order], way, *(f"{value:.1%}" for value in each.probabilities)))
        rows.append((f"{tested.draws} random orders", way, *(f"{low:.1%} to {high:.1%}" for low, high in trial.band)))
        empty = _empty(tested, trial).probability
        rows.append((f"no {some} left", way, *[f"{empty:.1%}"] * len(tested.shares)))
    rows.append(("whole document", "", *[f"{tested.probability:.1%}"] * len(tested.shares)))
    return Table(
        key=f"{KEYS[measure][0]}-data",
        caption=f"Probability with a share of the {some} {verb}, by the order in which they are {verb}",
        columns=("Order", f"{some.capitalize()} are", *(percent(share) for share in tested.shares)),
        numeric=(False, False, *(True for _ in tested.shares)),
        rows=tuple(rows),
    )
