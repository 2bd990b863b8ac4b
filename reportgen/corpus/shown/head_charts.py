"""Turn sums into what is drawn of heads, and of the test of heatmaps: measures and roles by layer and head; curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from reportgen.core import numbers
from reportgen.core.characters import visible
from reportgen.core.palette import ACCENT, MUTED
from reportgen.corpus import frames
from reportgen.corpus.frames import Row
from reportgen.corpus.heads import BROAD, MEASURES, ROLES
from reportgen.corpus.shown.charts import BARS, VERDICT_COLOURS, interval, n_documents, table, within
from reportgen.corpus.sums import Sums
from reportgen.report.draw import charts as report_charts
from reportgen.report.draw import specs
from reportgen.report.draw.pictures import still
from reportgen.report.draw.specs import WIDTH, Spec, digits, of
from reportgen.report.parts import Chart

NAMED = 3  # words of a head
GRID = 160  # pixels across a grid
SPOKEN = 3  # heads that a caption names
ORDER = (*ROLES, BROAD)
# Pale enough for black letters, and told apart by those letters.
COLOURS = dict(
    zip(ORDER, ("#9ecae1", "#a1d99b", "#d9c2e9", "#fdd0a2", "#f7b6d2", "#ffe08a", "#c7e9c0", "#e3e0dd"), strict=True)
)
LETTERS = dict(zip(ORDER, ("P", "N", "I", "S", ".", "W", "A", ""), strict=True))
GROUPS = (  # charts, each with the measures that it shows, the first in its caption
    ("heads", "Heads: importance and focus", ("importance", "entropy", "words", "sink")),
    ("heads-neighbours", "Heads: the token itself and its neighbours", ("previous", "next", "self", "near")),
    ("heads-classes", "Heads: classes of tokens", ("special", "global", "first", "punctuation", "stop words")),
)
FORMS = {"importance": ".2f", "entropy": ".2f"}


def measures(sums: Sums) -> tuple[Chart, ...]:
    """Each measure of each head, mean over documents, as grids: a chart for each of `GROUPS`."""
    found = frames.rows(sums["heads"])
    known = {row["measure"] for row in found}
    groups = [(key, title, [name for name in names if name in known]) for key, title, names in GROUPS]
    return tuple(_grids(sums, found, key, title, names) for key, title, names in groups if names)


def _grids(sums: Sums, found: Sequence[Row], key: str, title: str, names: Sequence[str]) -> Chart:
    count = max(row["head"] for row in found)
    grids = []
    for name in names:
        field = name.replace(" ", "_")
        rows: list[dict[str, object]] = [
            {"layer": row["layer"], "head": row["head"], field: digits(row["mean"])}
            for row in frames.where(found, measure=name)
        ]
        said = MEASURES[name].replace("share of a token's attention on", "share on").split(",")[0]
        grids.append(_small(rows, field, said[:1].upper() + said[1:], count, form=FORMS.get(name, ".0%")))
    chart = {"concat": grids, "columns": 3, "spacing": 28, "resolve": {"scale": {"color": "independent"}}}
    own = [row for row in found if row["measure"] in names]
    most = max(frames.where(own, measure=names[0]), key=lambda row: row["mean"])
    caption = (
        f"Means over {n_documents(max(row['documents'] for row in own))}. Layer {most['layer']}, head {most['head']} "
        f"has the highest {MEASURES[names[0]]}: {interval(most, FORMS.get(names[0], '.1%'))}."
    )
    if {"previous", "near"} & set(names):
        caption += (
            f" Shares on the token itself and on those around it are what the lists of the {sums.facts['top_k']} most "
            "attended tokens hold: true shares are at least as large."
        )
    data = table(
        f"{key}-data",
        f"{title}: mean over documents with its 95% interval",
        [("Layer", True), ("Head", True), ("Measure", False), ("Documents", True), ("Mean (95% interval)", True)],
        [
            (str(row["layer"]), str(row["head"]), MEASURES[row["measure"]], f"{row['documents']:,}",
             interval(row, FORMS.get(row["measure"], ".1%")))
            for row in sorted(own, key=lambda row: (row["layer"], row["head"], names.index(row["measure"])))
        ],
    )  # fmt: skip
    return specs.figure(key, title, caption, chart, [], data, still.svg)


def _small(rows: list[dict[str, object]], field: str, title: str, count: int, *, form: str) -> Spec:
    """A grid of which three fit beside each other: its legend is below it."""
    made = report_charts.grid(rows, field, title, count, form=form)
    step = {"step": max(13, GRID // count)}
    colour = dict(made["encoding"]["color"])
    if colour["legend"]:
        colour["legend"] = colour["legend"] | {"orient": "bottom", "gradientLength": count * step["step"]}
    return made | {"width": step, "height": step, "encoding": made["encoding"] | {"color": colour}}


def roles(sums: Sums) -> Chart:
    """The role of each head, with the words that it attends to most in the table."""
    found, words = frames.main_roles(sums, ORDER), frames.words_of_heads(sums, NAMED)
    rows = [
        {"layer": row["layer"], "head": row["head"], "role": row["role"], "letter": LETTERS[row["role"]],
         "agreement": digits(row["agreement"])}
        for row in found
    ]  # fmt: skip
    count = max(row["head"] for row in found)
    size = max(14, min(56, (WIDTH - 120) // count))
    used = [role for role in ORDER if any(row["role"] == role for row in found)]
    colours = {"domain": used, "range": [COLOURS[role] for role in used]}
    place = {
        "x": of("head", "ordinal", axis={"labelAngle": 0}, scale={"paddingInner": 0.06}),
        "y": of("layer", "ordinal", scale={"paddingInner": 0.06}),
    }
    legend = {"symbolType": "square", "labelLimit": 120, "symbolStrokeWidth": 0}
    chart = {
        "width": {"step": size},
        "height": {"step": min(size, 36)},
        "layer": [
            {"mark": {"type": "rect"},
             "encoding": {**place, "color": of("role", "nominal", title="role", scale=colours, legend=legend)}},
            {"mark": {"type": "text", "color": "#000", "fontSize": 11},
             "encoding": {**place, "text": of("letter", "nominal")}},
        ],
    }  # fmt: skip
    data = table(
        "roles-data",
        "Role of each head: the one that it has in most documents; agreement is their share, with its 95% interval",
        [("Layer", True), ("Head", True), ("Role", False), ("Agreement", True), ("Documents", True), ("Words", False)],
        [
            (str(row["layer"]), str(row["head"]), row["role"],
             numbers.interval(row["agreement"], row["low"], row["high"], ".0%"), f"{row['documents']:,}",
             " · ".join(word["word"] for word in words.get((row["layer"], row["head"]), [])))
            for row in found
        ],
    )  # fmt: skip
    return specs.figure("roles", "Roles of heads", _roles_caption(found, words), chart, rows, data, still.svg)


def _roles_caption(found: Sequence[Row], words: dict[tuple[int, int], list[Row]]) -> str:
    """Which heads have which role, the clearest of each by name, with the words of those that have some."""
    parts = []
    for role in ROLES:
        own = sorted(frames.where(found, role=role), key=lambda row: (-row["agreement"], row["layer"], row["head"]))
        if not own:
            continue
        named = []
        for row in own[:SPOKEN]:
            of_head = [visible(word["word"]) for word in words.get((row["layer"], row["head"]), [])]
            more = f" ({', '.join(of_head)})" if role == "particular words" and of_head else ""
            named.append(f"layer {row['layer']} head {row['head']}{more}")
        others = f" and {len(own) - SPOKEN} more" if len(own) > SPOKEN else ""
        parts.append(f"{role}: {', '.join(named)}{others}")
    broad = sum(row["role"] == BROAD for row in found)
    agreement = sum(row["agreement"] for row in found) / len(found)
    said = "; ".join(parts) or "no head has a clear role"
    return (
        f"{said[:1].upper()}{said[1:]}. {broad} of {len(found)} heads are broad. Over "
        f"{n_documents(found[0]['documents'])}, a head has its role in {agreement:.0%} of them on average."
    )


def curves(sums: Sums, measure: str, title: str) -> Chart | None:
    """The mean probability along all attention's order and random ones, by verdict; None where nothing was tested."""
    found = frames.where(frames.rows(sums["curves"]), measure=measure, operator="delete")
    found = [row for row in found if row["order"] in ("all_attention", "random")]
    if not found:
        return None
    verdicts = [verdict for verdict in VERDICT_COLOURS if any(row["verdict"] == verdict for row in found)]
    names = {"all_attention": "all attention", "random": "random orders"}
    panel = {
        verdict: f"{verdict} ({n_documents(max(r['documents'] for r in found if r['verdict'] == verdict))})"
        for verdict in verdicts
    }
    rows: list[dict[str, object]] = [
        {"panel": panel[row["verdict"]], "order": names[row["order"]], "share": digits(row["share"] * 100),
         "probability": digits(row["mean"]), "low": _clipped(row["low"]), "high": _clipped(row["high"])}
        for row in found
    ]  # fmt: skip
    verb = "removed" if measure == "comprehensiveness" else "kept"
    chart = _bands(list(panel.values()), list(names.values()), verb)
    at = min((row["share"] for row in found), key=lambda share: abs(share - 0.05))
    said = [row for row in frames.where(found, share=at) if row["verdict"] == verdicts[0]]
    spoken = "; ".join(f"{names[row['order']]}, {interval(row, '.1%')}" for row in said)
    caption = (
        f"With {at:.3g} of the words {verb}, the mean probability of the predicted label in {verdicts[0]} documents "
        f"is: {spoken}. Bands are 95% intervals of the mean over documents."
    ).replace(f"{at:.3g} of", f"{at * 100:.3g}% of")
    data = table(
        f"{measure}-data",
        f"Mean probability with a share of the words {verb}, with its 95% interval",
        [("Verdict", False), ("Order", False), (f"Words {verb}", True), ("Documents", True), ("Probability", True)],
        [
            (row["verdict"], names[row["order"]], f"{row['share'] * 100:.3g}%", f"{row['documents']:,}",
             interval(row, ".1%"))
            for row in found
        ],
    )  # fmt: skip
    return specs.figure(f"curve-{measure}", title, caption, chart, rows, data, still.svg)


def _bands(panels: list[str], orders: list[str], verb: str) -> Spec:
    """A panel for each verdict: the lines of the orders, with the bands of their intervals."""
    x = of("share", title=f"words {verb}, %", scale={"type": "sqrt"}, axis={"grid": False, "tickCount": 5})
    y = of("probability", title="probability", scale={"domain": [0, 1]}, axis={"format": ".0%", "tickCount": 5})
    colour = of("order", "nominal", title=None, scale={"domain": orders, "range": [ACCENT, MUTED]})
    band = {"x": x, "y": of("low", title="probability"), "y2": {"field": "high"}, "color": colour}
    return {
        "facet": {"field": "panel", "type": "nominal", "title": None, "sort": panels,
                  "header": {"labelAnchor": "start", "labelPadding": 4}},
        "columns": 2,
        "spec": {
            "width": (WIDTH - 60) // min(len(panels), 2), "height": 220,
            "layer": [
                {"mark": {"type": "area", "fillOpacity": 0.25}, "encoding": band},
                {"mark": {"type": "line", "strokeWidth": 2}, "encoding": {"x": x, "y": y, "color": colour}},
            ],
        },
    }  # fmt: skip


def effects(documents: Sequence[Row]) -> Chart | None:
    """How documents differ in what the words of all attention do beyond random ones; None where nothing was tested."""
    tested = [(row["effect"], row["verdict"]) for row in documents if row["effect"] is not None]
    if not tested:
        return None
    values = np.array([effect for effect, _ in tested])
    low, high = float(min(values.min(), 0)), float(max(values.max(), 0)) or 1.0
    edges = np.linspace(low, high, BARS + 1)
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, BARS - 1).tolist()
    count = Counter(zip(places, (verdict for _, verdict in tested), strict=True))
    rows: list[dict[str, Any]] = [
        {"from": digits(float(edges[bin_])), "to": digits(float(edges[bin_ + 1])), "verdict": verdict,
         "documents": number}
        for (bin_, verdict), number in sorted(count.items())
    ]  # fmt: skip
    used = [verdict for verdict in VERDICT_COLOURS if any(row["verdict"] == verdict for row in rows)]
    colours = {"domain": used, "range": [VERDICT_COLOURS[verdict] for verdict in used]}
    chart = {
        "width": WIDTH - 60,
        "height": 160,
        "mark": {"type": "bar", "binSpacing": 1},
        "encoding": {
            "x": of("from", bin={"binned": True}, title="AOPC of all attention minus that of random orders, logits"),
            "x2": {"field": "to"},
            "y": of("documents", title="documents", axis={"tickCount": 4}),
            "color": of("verdict", "nominal", title="verdict", scale=colours),
        },
    }
    above, middle = int((values > 0).sum()), numbers.number(float(np.median(values)))
    caption = (
        f"In {above:,} of {n_documents(len(values))}, removing the words highest in all attention lowers the margin "
        f"more than removing as many random ones; the median difference is {middle} logits."
    )
    data = table(
        "effects-data", "Documents by the difference to random orders",
        [("From", True), ("To", True), ("Verdict", False), ("Documents", True)],
        [(f"{row['from']:.3g}", f"{row['to']:.3g}", row["verdict"], f"{row['documents']:,}") for row in rows],
    )  # fmt: skip
    return specs.figure("effects", "Difference to random orders, by document", caption, chart, rows, data, still.svg)


def _clipped(value: float | None) -> float | None:
    end = within(value)
    return None if end is None else digits(end)
