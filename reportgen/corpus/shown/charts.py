"""Turn sums into charts: predictions, words, positions, sections, the test of heatmaps. `head_charts.py` has the heads.

Every chart shows means over documents; where an interval is drawn, it is that of 95 % over documents.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from reportgen.core import numbers
from reportgen.core.characters import visible
from reportgen.core.palette import ACCENT, INK, MUTED, RULE, VIRIDIS_LIGHT
from reportgen.corpus import frames
from reportgen.corpus.frames import Row
from reportgen.corpus.measure import BINS, PER_OCTAVE
from reportgen.corpus.sums import Sums
from reportgen.report.draw import specs
from reportgen.report.draw.pictures import still
from reportgen.report.draw.specs import WIDTH, Spec, digits, of
from reportgen.report.parts import Chart, Table

LISTED = 12  # words, or sections, in a chart
CLASSES = 4  # predicted classes that have a panel of words
BARS = 24  # of the histogram of effects
BLUE, GREEN = "#0072b2", "#009e73"  # after Okabe and Ito
VERDICT_COLOURS = {"right": BLUE, "wrong": ACCENT, "unknown": MUTED}
HEADER = {"labelAnchor": "start", "labelAngle": 0, "labelOrient": "top", "labelPadding": 4}
RULE_MARK = {"type": "rule", "color": INK, "strokeWidth": 1}
POINT_MARK = {"type": "point", "filled": True, "size": 45, "color": ACCENT, "opacity": 1}
LENGTH_AXIS = {"labelAngle": 0, "labelOverlap": True, "ticks": False}
PER_QUERY = {"received": "attention received", "per query": "per query that can see the token"}


def n_documents(count: int) -> str:
    """A number of documents in words.

    >>> n_documents(1), n_documents(1200)
    ('1 document', '1,200 documents')
    """
    return f"{count:,} document{'' if count == 1 else 's'}"


def interval(row: Row, form: str = ".2f") -> str:
    """A mean with its interval, for people; that of a share, in per cent, is cut off at 0 and 1.

    >>> interval({"mean": 1.5, "low": 1.25, "high": 1.75}), interval({"mean": 0.5, "low": None, "high": None}, ".0%")
    ('1.50 (1.25 to 1.75)', '50%')
    >>> interval({"mean": 0.02, "low": -0.01, "high": 0.05}, ".0%")
    '2% (0% to 5%)'
    """
    low, high = (within(end) if form.endswith("%") else end for end in (row["low"], row["high"]))
    return numbers.interval(row["mean"], low, high, form)


def within(value: float | None) -> float | None:
    """The end of the interval of a share, cut off at 0 and 1; None if it is not known."""
    return None if value is None else min(max(value, 0.0), 1.0)


def table(key: str, caption: str, columns: Sequence[tuple[str, bool]], rows: Sequence[Sequence[str]]) -> Table:
    """A table for people; a column is its name and whether it is numeric."""
    names, numeric = zip(*columns, strict=True)
    return Table(key, caption, names, numeric, tuple(tuple(visible(cell) for cell in row) for row in rows))


def reliability(sums: Sums) -> Chart | None:
    """How often documents of a confidence are right; None without gold labels."""
    bins, error = frames.calibration(sums)
    if error is None:
        return None
    rows = [
        {"confidence": digits(row["confidence"]), "share": digits(row["share"]), "low": digits(row["low"]),
         "high": digits(row["high"]), "documents": row["documents"]}
        for row in bins
    ]  # fmt: skip
    scale = {"domain": [0, 1], "nice": False}
    x = of("confidence", title="confidence of the prediction, mean of a bin", scale=scale, axis={"format": ".0%"})
    y = of("share", title="share of right documents", scale=scale, axis={"format": ".0%"})
    diagonal = {"values": [{"confidence": 0, "share": 0}, {"confidence": 1, "share": 1}]}
    chart = {
        "width": 340,
        "height": 300,
        "layer": [
            {"data": diagonal, "mark": {"type": "line", "color": MUTED, "strokeDash": [4, 3], "strokeWidth": 1},
             "encoding": {"x": x, "y": y}},
            {"mark": {"type": "rule", "color": ACCENT, "strokeWidth": 1.5},
             "encoding": {"x": x, "y": of("low", title="share of right documents"), "y2": {"field": "high"}}},
            {"mark": {"type": "point", "filled": True, "color": ACCENT, "opacity": 1},
             "encoding": {"x": x, "y": y, "size": of("documents", title="documents", legend={"tickCount": 3})}},
        ],
    }  # fmt: skip
    far = max(bins, key=lambda row: row["documents"])
    caption = (
        f"Expected calibration error {interval(error, '.1%')}, over {n_documents(error['documents'])}, {BINS} bins of "
        f"equal width. Of the {n_documents(far['documents'])} in the fullest bin, with a mean confidence of "
        f"{far['confidence']:.1%}, {far['share']:.1%} are right."
    )
    data = table(
        "reliability-data",
        "Confidence and share of right documents by bin",
        [("Bin", False), ("Documents", True), ("Mean confidence", True), ("Right", True),
         ("Share (95% interval)", True)],
        [
            (f"{row['bin'] / BINS:.0%} to {(row['bin'] + 1) / BINS:.0%}", f"{row['documents']:,}",
             f"{row['confidence']:.1%}", f"{row['right']:,}",
             numbers.interval(row["share"], row["low"], row["high"], ".1%"))
            for row in bins
        ],
    )  # fmt: skip
    return specs.figure("reliability", "Reliability", caption, chart, rows, data, still.svg)


def lengths(sums: Sums) -> Chart:
    """How many documents have how many tokens."""
    found = frames.where(frames.rows(sums["lengths"]), measure="tokens")
    by_bin = {row["bin"]: row["documents"] for row in found}
    ends = {number: math.ceil(2 ** (number / PER_OCTAVE)) for number in range(min(by_bin), max(by_bin) + 2)}
    rows = [
        {"from": ends[number], "tokens": f"{ends[number]:,}–{max(ends[number + 1] - 1, ends[number]):,}",
         "documents": by_bin.get(number, 0)}
        for number in range(min(by_bin), max(by_bin) + 1)
    ]  # fmt: skip
    names = [str(row["tokens"]) for row in rows]
    chart = {
        "width": WIDTH,
        "height": 150,
        "mark": {"type": "bar", "color": ACCENT},
        "encoding": {
            "x": of("tokens", "ordinal", title="tokens of the whole text", sort=names, axis=LENGTH_AXIS),
            "y": of("documents", title="documents", axis={"tickCount": 4}),
        },
    }
    count, total = sum(row["documents"] for row in found), sum(row["total"] for row in found)
    caption = f"{n_documents(count).capitalize()} have {total / count:,.0f} tokens on average."
    data = table(
        "lengths-data", "Documents by length", [("Tokens", False), ("Documents", True)],
        [(str(row["tokens"]), f"{row['documents']:,}") for row in rows],
    )  # fmt: skip
    return specs.figure("lengths", "Lengths", caption, chart, rows, data, still.svg)


def words(top: Sequence[tuple[str, int, Sequence[Row]]]) -> Chart | None:
    """The words that draw most in each predicted class; None without a word of enough support.

    Args:
        top: Class, its documents, and its words with "mean", "low", "high", "documents".
    """
    shown = [(name, count, list(each)[:LISTED]) for name, count, each in top[:CLASSES] if each]
    if not shown:
        return None
    rows = [
        {"panel": visible(f"{name} ({n_documents(count)})"), "word": visible(row["word"]), "score": digits(row["mean"]),
         "low": _digits(row["low"]), "high": _digits(row["high"]), "order": order, "documents": row["documents"]}
        for name, count, each in shown
        for order, row in enumerate(each)
    ]  # fmt: skip
    chart = _dots(rows, "score", "mean score, 1 is the document’s mean", panels=True)
    name, count, each = shown[0]
    first = each[0]
    caption = (
        f"In documents predicted as “{visible(name)}”, “{visible(first['word'])}” has {interval(first)} times the "
        f"mean score of its document, and occurs in {first['documents']:,} of {n_documents(count)}. Words are in the "
        f"order of mean score times document frequency; at least {frames.SUPPORT} documents each, stop words left out."
    )
    data = table(
        "words-data",
        "Words that draw most, by predicted class",
        [("Predicted", False), ("Word", False), ("Documents", True), ("Mean score (95% interval)", True)],
        [(name, row["word"], f"{row['documents']:,}", interval(row)) for name, _, each in shown for row in each],
    )
    return specs.figure("words", "Words by class", caption, chart, rows, data, still.svg)


def separating(found: Sequence[Row]) -> Chart | None:
    """The words whose scores differ most surely between right and wrong documents; None where none is compared."""
    if not found:
        return None
    shown = sorted(found[:LISTED], key=lambda row: -row["difference"])
    rows = [
        {"word": visible(row["word"]), "difference": digits(row["difference"]), "low": digits(row["low"]),
         "high": digits(row["high"]), "order": order}
        for order, row in enumerate(shown)
    ]  # fmt: skip
    chart = _dots(rows, "difference", "mean score in wrong documents minus in right ones", zero=True)
    sure = sum(row["q"] <= 0.05 for row in found)
    first = found[0]
    caption = (
        f"Of {len(found):,} words with at least {frames.SUPPORT} right and {frames.SUPPORT} wrong documents, {sure:,} "
        f"differ at a false discovery rate of 5%. The surest is “{visible(first['word'])}”: "
        f"{_change(first)}, over "
        f"{first['right']:,} right and {first['wrong']:,} wrong documents, q = {first['q']:.2g}."
    )
    data = table(
        "separating-data",
        "Words that separate wrong from right documents, the surest first",
        [("Word", False), ("Right", True), ("Wrong", True), ("Difference (95% interval)", True), ("q", True)],
        [
            (row["word"], f"{row['right']:,}", f"{row['wrong']:,}",
             _change(row), f"{row['q']:.2g}")
            for row in found[:50]
        ],
    )  # fmt: skip
    return specs.figure("separating", "Words that separate wrong from right", caption, chart, rows, data, still.svg)


def positions(sums: Sums) -> Chart | None:
    """The attention on each tenth of the document, layer by layer; None where documents are too short."""
    found = frames.rows(sums["positions"])
    if not found:
        return None
    layers = sorted({row["layer"] for row in found})
    kinds = [kind for kind in PER_QUERY if any(row["measure"] == kind for row in found)]
    rows = [
        {"kind": PER_QUERY[row["measure"]], "layer": row["layer"], "decile": row["decile"],
         "share": digits(row["mean"]), "low": _digits(row["low"]), "high": _digits(row["high"])}
        for row in found
    ]  # fmt: skip
    colours = specs.numbered(VIRIDIS_LIGHT, len(layers)) | {"domain": layers}
    encoding = {
        "x": of("decile", "ordinal", title="tenth of the document", axis={"labelAngle": 0}),
        "y": of("share", title="share of the attention", axis={"format": ".0%", "tickCount": 4}),
        "color": of("layer", "ordinal", title="layer", scale=colours),
    }
    chart = _panels(kinds, 220, {"type": "line", "strokeWidth": 1.8}, encoding)
    own = frames.where(found, measure="received")
    most = max(own, key=lambda row: row["mean"])
    caption = (
        f"Layer {most['layer']} puts {interval(most, '.1%')} of its attention on tenth {most['decile']} of the "
        f"document, the largest share of all; an even layer puts 10% on each. Special tokens are left out. Mean over "
        f"{n_documents(most['documents'])}."
    )
    data = table(
        "positions-data",
        "Share of the attention on each tenth of the document, mean over documents with its 95% interval",
        [("Attention", False), ("Layer", True), ("Documents", True), *[(f"Tenth {n}", True) for n in range(1, 11)]],
        [
            (PER_QUERY[kind], str(layer), f"{each[0]['documents']:,}", *(interval(row, ".1%") for row in each))
            for kind in kinds
            for layer in layers
            if (each := frames.where(found, measure=kind, layer=layer))
        ],
    )
    return specs.figure("positions", "Position in the document", caption, chart, rows, data, still.svg)


def sinks(sums: Sums) -> Chart:
    """The share of the attention on special tokens, the first tokens, punctuation and stop words, by layer."""
    found = frames.rows(sums["layers"])
    classes = sorted({row["class"] for row in found})
    kinds = [kind for kind in PER_QUERY if any(row["measure"] == kind for row in found)]
    rows = [
        {"kind": PER_QUERY[row["measure"]], "class": row["class"], "layer": row["layer"], "share": digits(row["mean"])}
        for row in found
    ]
    colours = {"domain": classes, "range": [ACCENT, BLUE, GREEN, MUTED][: len(classes)]}
    encoding = {
        "x": of("layer", "ordinal", title="layer", axis={"labelAngle": 0}),
        "y": of("share", title="share of the attention", axis={"format": ".0%", "tickCount": 4}),
        "color": of("class", "nominal", title="on", scale=colours),
        "shape": of("class", "nominal", scale={"domain": classes}),
    }
    mark = {"type": "line", "strokeWidth": 1.8, "point": {"size": 50, "filled": True}}
    chart = _panels(kinds, 200, mark, encoding)
    most = max(frames.where(found, measure="received"), key=lambda row: row["mean"])
    caption = (
        f"Layer {most['layer']} puts {interval(most, '.1%')} of its attention on "
        f"{'the first tokens' if most['class'] == 'first' else most['class'].replace('special', 'special tokens')}, "
        f"mean over {n_documents(most['documents'])}. Classes may overlap: a special token may be among the first."
    )
    data = table(
        "sinks-data",
        "Share of the attention on classes of tokens, mean over documents with its 95% interval",
        [("Attention", False), ("On", False), ("Layer", True), ("Documents", True), ("Share (95% interval)", True)],
        [
            (PER_QUERY[row["measure"]], row["class"], str(row["layer"]), f"{row['documents']:,}", interval(row, ".2%"))
            for row in found
        ],
    )
    return specs.figure("sinks", "Attention sinks", caption, chart, rows, data, still.svg)


def sections(found: Sequence[Row]) -> Chart | None:
    """Attention relative to length by section; None without a section of enough documents."""
    if not found:
        return None
    rows: list[dict[str, object]] = [
        {"word": visible(row["section"]), "ratio": digits(row["mean"]), "low": _digits(row["low"]),
         "high": _digits(row["high"]), "order": order}
        for order, row in enumerate(sorted(found[:LISTED], key=lambda row: -row["mean"]))
    ]  # fmt: skip
    chart = _dots(rows, "ratio", "mean score of the section’s tokens, 1 is the document’s mean")
    most = max(found, key=lambda row: row["mean"])
    caption = (
        f"“{visible(most['section'])}” draws {interval(most)} times the attention of an average part of the "
        f"document, over {n_documents(most['documents'])}."
    )
    data = table(
        "sections-data",
        "Sections by how many documents have them",
        [("Section", False), ("Documents", True), ("Share of attention", True), ("Share of tokens", True),
         ("Relative (95% interval)", True)],
        [
            (row["section"], f"{row['documents']:,}", f"{row['attention']:.1%}", f"{row['tokens']:.1%}", interval(row))
            for row in found
        ],
    )  # fmt: skip
    return specs.figure("sections", "Sections", caption, chart, rows, data, still.svg)


def _panels(kinds: Sequence[str], height: int, mark: Spec, encoding: Spec) -> Spec:
    """A panel for each kind of attention, one beside the other."""
    return {
        "facet": {"field": "kind", "type": "nominal", "title": None, "sort": [PER_QUERY[kind] for kind in kinds],
                  "header": {"labelAnchor": "start", "labelPadding": 4}},
        "columns": 2,
        "spec": {
            "width": (WIDTH - 60) // len(kinds) if len(kinds) > 1 else WIDTH,
            "height": height,
            "mark": mark,
            "encoding": encoding,
        },
    }  # fmt: skip


def _dots(rows: Sequence[dict[str, Any]], field: str, title: str, *, panels: bool = False, zero: bool = False) -> Spec:
    """A dot with its interval for each word, in the order of the rows."""
    y = of("word", "nominal", title=None, sort={"field": "order"}, axis={"labelLimit": 150, "ticks": False})
    x = of(field, title=title, scale={"zero": zero}, axis={"tickCount": 5, "gridColor": RULE})
    ends = of("low", title=title, scale={"zero": zero})
    layers: list[Spec] = [
        {"mark": RULE_MARK, "encoding": {"y": y, "x": ends, "x2": {"field": "high"}}},
        {"mark": POINT_MARK, "encoding": {"y": y, "x": x}},
    ]
    if zero:
        line = {"mark": {"type": "rule", "color": MUTED}, "encoding": {"x": {"datum": 0, "type": "quantitative"}}}
        layers.insert(0, line)
    if not panels:
        return {"width": WIDTH - 130, "height": {"step": 18}, "layer": layers}
    return {
        "facet": {"row": {"field": "panel", "type": "nominal", "title": None, "header": HEADER,
                          "sort": list(dict.fromkeys(row["panel"] for row in rows))}},
        "resolve": {"scale": {"y": "independent"}},
        "spec": {"width": WIDTH - 130, "height": {"step": 18}, "layer": layers},
    }  # fmt: skip


def _digits(value: float | None) -> float | None:
    return None if value is None else digits(value)


def _change(row: Row) -> str:
    return numbers.interval(row["difference"], row["low"], row["high"], "+.2f")
