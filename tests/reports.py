"""Small reports built by hand from plain NumPy: no model, no tokenizer, no torch. Any part can be replaced."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pytest
from hypothesis import strategies as st

from reportgen.core.clock import Stage
from reportgen.core.nouns.records import (
    Attention,
    Check,
    Example,
    Floats,
    HeadImportance,
    Prediction,
    Provenance,
    Rankings,
    Report,
    ReportWarning,
    Scores,
    Tokens,
)
from reportgen.report import heatmap, opening, passages, rank, scale, signed, tables, words
from reportgen.report.draw import chart_points, charts, findings, first_screen, maps
from reportgen.report.draw.pictures import vega
from reportgen.report.faithfulness import panel
from reportgen.report.page import page_data, render
from reportgen.report.parts import Chart, Parts, Table

TEXT = (
    "Attention heads look far.\n\n"
    "A window of eight tokens slides over the document, and one token at the beginning sees all of it. "
    "The classifier reads that token; what the others see in the last layer is lost.\n"
    "Words which draw attention are coloured; words which draw none are pale."
)
STUB_BUNDLE = """globalThis.vegaEmbed = async (frame) => ({ view: {
  data() { return this; }, runAsync: async () => {}, finalize() {}, addEventListener() {},
  container: () => frame } });"""
STUB_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" class="marks" width="20" height="10" viewBox="0 0 20 10">'
    '<rect width="20" height="10" fill="#e3e0dd"/><text x="2" y="8" fill="#1b1b1b">layer 1</text></svg>'
)

# What an attacker, or an unlucky author, writes into a field.
PAYLOADS = (
    "javascript:window.ran=1",  # the first of all: in an address it has to be
    "</script><script>window.ran=1</script>",
    "<img src=x onerror=window.ran=1>",
    "<svg/onload=window.ran=1>",
    "<!--<script>",
    "</script /x",
    "<!-- <script x",
    "-->",
    "]]>",
    "\"'><b>bold</b>",
    '" onmouseover="window.ran=1" x="',
    "' autofocus onfocus='window.ran=1' x='",
    "{{ 7*7 }}",
    "{% raw %}{# x #}",
    "${window.ran=1}",
    "`${window.ran=1}`",
    "<a href=javascript:window.ran=1>x</a>",
    "</title><script>document.title='ran'</script>",
    "</style><style>body{display:none}</style>",
    "</pre></code></dd></table></figure></main><h1>out</h1>",
    "<iframe srcdoc='<script>parent.ran=1</script>'>",
    "<base href=//example.invalid/><meta http-equiv=refresh content=0>",
    "&lt;b&gt;&amp;amp;",
    "a\u2028alert(1)\u2029b",
    "\\u003c/script\\u003e\\",
    "</textarea><template><math><mi xlink:href=javascript:alert(1)>",
    "=cmd|' /C calc'!A0",
)

# Stretches that are hard to show, to split or to store.
ODD = (
    "a",
    "word",
    " ",
    "  ",
    "\n",
    "\t",
    "e\u0301",
    "\u0e01\u0e47",
    "\u1112\u1161\u11ab",
    "\u05e9\u05c1\u05dc\u05d5",
    "\u0627\u0644",
    "\u6f22\u5b57",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "\U0001f1e9\U0001f1ea",
    "\U0001f44d\U0001f3fd",
    "\u202e",
    "\u2066",
    "\u200b",
    "\ufeff",
    "\0",
    "\x1b",
    "\x85",
    "\u2028",
    "\r\n",
    "</script>",
    "<s>",
    "\u0120x",
    "'",
    "&",
    ".",
)

texts = st.one_of(
    st.lists(st.sampled_from(ODD), max_size=12).map("".join),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
)


@st.composite
def tokenised(draw: st.DrawFn) -> tuple[str, Tokens]:
    """A text, and tokens that cover it as tokenizers do: with gaps, split characters, repeats and overlaps."""
    text = draw(texts)
    spans: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        end = start + draw(st.integers(1, 4))
        kind = draw(st.sampled_from(["plain", "plain", "gap", "repeat", "overlap", "empty"]))
        if kind != "gap":
            spans.append((start, min(end + (kind == "overlap"), len(text))))
        if kind == "repeat":
            spans.append(spans[-1])
        if kind == "empty":
            spans.append((end, end) if end <= len(text) else (len(text), len(text)))
        start = end
    spans = spans[: draw(st.integers(0, len(spans)))]  # the rest is cut off
    edges = draw(st.booleans())
    return text, tokens(text, spans=spans, edges=edges or not spans)


def tokens(text: str, *, spans: Sequence[tuple[int, int]] | None = None, edges: bool = True) -> Tokens:
    """Words and punctuation of *text*, or its stretches *spans*, between <s> and </s>."""
    if spans is None:
        spans = [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]
    inner = [("Ġ" * (text[a - 1 : a] == " ") + text[a:b] or "Ġ", a, b, False) for a, b in spans]
    rows = [("<s>", 0, 0, True), *inner, ("</s>", 0, 0, True)] if edges else inner
    strings, starts, ends, special = zip(*rows, strict=True)
    blank = tuple(not text[a:b].strip() for a, b in zip(starts, ends, strict=True))
    return Tokens(tuple(range(len(rows))), strings, starts, ends, special, blank, len(rows))


def weights(count: int, *, layers: int = 2, heads: int = 2, seed: int = 0) -> Floats:
    """Random attention, (layer, head, query, key), rows sum to 1."""
    drawn = np.random.default_rng(seed).dirichlet(np.full(count, 0.3), (layers, heads, count))
    return drawn.astype(np.float32)


def attention(given: Floats, *, top_k: int = 3, reader: int | None = 0, **changes: Any) -> Attention:
    """What a report keeps of dense attention (layer, head, query, key)."""
    order = np.argsort(-given, axis=-1, kind="stable")[..., :top_k]
    columns = given.swapaxes(2, 3)  # (layer, head, key, query)
    queries = np.argsort(-columns, axis=-1, kind="stable")[..., :top_k]
    values: dict[str, Any] = {
        "received": given.sum(axis=2),
        "reader": None if reader is None else np.ascontiguousarray(given[:, :, reader]),
        "attended_positions": order.astype(np.int32),
        "attended_weights": np.take_along_axis(given, order, axis=-1),
        "attending_positions": queries.astype(np.int32),
        "attending_weights": np.take_along_axis(columns, queries, axis=-1),
        "maps": small_maps(given),
        "reader_position": reader,
        "global_positions": (0,),
        "windows": (8,) * len(given),
        "row_error": 2e-7,
        "zero_share": 0.0,
    }
    return Attention(**{**values, **changes})


def small_maps(given: Floats, *, stretches: int = 4) -> Floats:
    """Attention (layer, head, query, key) by stretch, token 0 standing apart as the global one, rows sum to 1."""
    tokens = given.shape[-1]
    count = min(stretches, tokens)
    own = np.arange(tokens) * count // tokens + 1
    own[0] = 0
    member = np.eye(count + 1, dtype=np.float32)[own]  # (token, stretch)
    summed = member.T @ given @ member
    return (summed / np.maximum(member.sum(axis=0), 1)[:, None]).astype(np.float32)


def report(
    text: str = TEXT,
    *,
    read: Tokens | None = None,
    layers: int = 2,
    heads: int = 2,
    top_k: int = 3,
    reader: int | None = 0,
    seed: int = 0,
    importance: HeadImportance | None = None,
    **changes: Any,
) -> Report:
    """A report of *text*; *changes* replace whole parts."""
    read = read or tokens(text)
    values = np.linspace(0.25, 1, layers * heads, dtype=np.float32).reshape(layers, heads)
    made = Report(
        example=Example(name="small-0", title="A small report", text=text, label="left", dataset="small", split="test"),
        tokens=read,
        prediction=Prediction(("left", "right"), (0.8, -0.6), (0.802, 0.198), predicted=0, gold=0, gold_text="left"),
        attention=attention(weights(len(read), layers=layers, heads=heads, seed=seed), top_k=top_k, reader=reader),
        importance=importance or HeadImportance(values, "taylor", "importance.safetensors", {"examples": "20"}),
        checks=(
            Check("Every row of attention sums to 1", True, "largest error 2e-07, allowed 0.0001"),
            Check(
                "The pass that returns attention gives the model's own logits",
                False,
                "compared with its default attention (sdpa) on all 8 tokens: largest difference 0.5, allowed 0.0001",
            ),
        ),
        warnings=(),
        provenance=Provenance(
            model="models/small",
            model_type="longformer",
            revision="local",
            weights_sha256="ab" * 32,
            tokenizer="models/small",
            tokenizer_revision="local",
            text_sha256=hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(),
            device="cpu",
            dtype="float32",
            seed=0,
            command="reportgen run --model models/small --file small.txt",
            created="2024-05-01T12:00:00+00:00",
            configuration={"model": "models/small", "top_k": top_k, "overwrite": False, "revision": None},
            versions={"python": "3.11.0", "reportgen": "0.1.0"},
            stages=(Stage("load", 0.41, 612.5, None), Stage("inference", 12.3, 1480.0, None)),
        ),
        top_k=top_k,
        positions=(),
        colour_scale="linear",
        language="en",
    )
    return replace(made, **changes)


def several(gold: tuple[int, ...] | None = (0, 2)) -> Report:
    """A report of a model that has predicted two of three labels at once."""
    prediction = Prediction(
        labels=("left", "right", "far"),
        logits=(2.0, 1.0, -1.0),
        probabilities=(0.881, 0.731, 0.269),
        predicted=0,
        gold=None,
        gold_text=None if gold is None else "left, far",
        thresholds=(0.5, 0.7, 0.5),
        gold_labels=gold,
        gold_read="as a name",
    )
    return report(prediction=prediction, example=replace(report().example, label='["left", "far"]'))


def infected(*payloads: str) -> Report:
    """A report with the payloads in every field that comes from outside: one by one where there are several places."""
    payload = " ".join(payloads)
    text = f"Before {payload} after"
    spans, start = [(0, 6)], 7
    for one in payloads:  # each is split between two tokens
        spans += [(start, start + len(one) // 2), (start + len(one) // 2, start + len(one))]
        start += len(one) + 1
    read = tokens(text, spans=[*spans, (start, len(text))])
    strings = tuple(itertools.islice(itertools.cycle(payloads), len(read)))
    clean = report(text, read=replace(read, strings=strings, total=len(read) + 5))
    each: dict[str, Any] = {one: one for one in payloads}
    return replace(
        clean,
        example=replace(clean.example, name=payload, title=payload, label=payload, dataset=payload, split=payload),
        prediction=Prediction((payload, "right"), (0.8, -0.6), (0.8, 0.2), predicted=0, gold=None, gold_text=payload),
        importance=replace(clean.importance, measure=payload, source=payload, provenance=each),
        checks=tuple(Check(one, True, one) for one in payloads),
        warnings=tuple(ReportWarning(one, one) for one in payloads),
        provenance=replace(
            clean.provenance,
            **dict.fromkeys(
                ("model", "model_type", "revision", "tokenizer", "tokenizer_revision", "device", "command"),
                payload,
            ),
            configuration={"model": payload} | each,
            versions={"reportgen": payload} | each,
        ),
    )


def withstands(check: Callable[..., None], payloads: Sequence[str] = PAYLOADS) -> None:
    """Call *check* with all payloads at once; where it fails, with ever fewer of them, and name the one that it takes.

    Raises:
        AssertionError: That *check* failed, and on which payload.
    """
    try:
        check(*payloads)
    except (Exception, pytest.fail.Exception) as error:
        if len(payloads) > 1:
            withstands(check, payloads[: len(payloads) // 2])
            withstands(check, payloads[len(payloads) // 2 :])
        raise AssertionError(f"{error}\nwith {' '.join(map(repr, payloads))}") from error


def ranked(given: Report) -> tuple[Scores, Rankings]:
    """Scores and rankings of a report."""
    scores = scale.of_report(given)
    return scores, rank.rank(given.attention, scores, given.tokens, top_k=given.top_k)


def parts(given: Report, drawn: tuple[Chart, ...] = (), curves: tuple[Chart, ...] = ()) -> Parts:
    """What the pages show of a report, with the charts *drawn*, and the *curves* of the test of its heatmap."""
    scores, rankings = ranked(given)
    found = words.whole_words(given.example.text, given.tokens, language=given.language)
    covered = heatmap.cells(given.example.text, given.tokens)
    views = heatmap.views(given, scores, covered) + signed.views(given, covered)
    spans = tuple(heatmap.spans(given.example.text, covered, view) for view in views)
    counts = words.count_words(words.content_words(found), rankings.attended_counts)
    common = words.common_positions(found)
    blocks: dict[str, object] = {}
    if given.attention.shape[2]:
        blocks = page_data.blocks(given, scores, rankings, found, kept=chart_points.kept(given, rankings))
        blocks |= page_data.specifications(
            (*drawn, *curves), charts.attention_map(given) if maps.picture(given) else None
        )
    return Parts(
        views=views,
        spans=spans,
        lines=tuple(heatmap.lines(runs) for runs in spans),
        tables=tables.for_people(given, scores, rankings, counts, common) + signed.tables(given, common),
        charts=drawn,
        panel=panel.panel(given, curves, first_screen.curve(given) if curves else ""),
        findings=findings.findings(given, scores, rankings) if drawn else (),
        maps=maps.picture(given),
        summary=words.top_words(found, opening.ranked(given, rankings), count=5),
        key=passages.key_passages(given, scores, views[0], covered),
        opens=opening.opening(given)[1],
        blocks=blocks,
    )


def stub_chart(text: str = "small") -> Chart:
    """A chart that nothing has drawn, with *text* wherever data can stand."""
    data = Table("stub-data", text, (text, "Score"), (False, True), ((text, "0.5"),))
    spec: dict[str, object] = {
        "mark": {"type": "line"},
        "width": 20,
        "height": 10,
        "encoding": {axis: {"field": axis, "type": "quantitative"} for axis in "xy"},
        "data": {"values": [{"token": text, "x": 0, "y": 0}, {"token": text, "x": 1, "y": 1}]},
    }
    return Chart("stub", "Stub chart", f"Seen: {text}", spec, STUB_SVG, data)


@cache
def example() -> Report:
    """The report that pages are made of: several layers and heads, a warning, a token that is pale everywhere."""
    return report(
        layers=3, heads=4, top_k=5, warnings=(ReportWarning("negative-importance", "Some heads count against."),)
    )


@cache
def example_parts() -> Parts:
    """Its parts, with real charts."""
    return parts(example(), charts.charts(example(), *ranked(example())))


@cache
def example_page() -> str:
    """Its page, with the real bundle."""
    return render.page(example(), example_parts(), bundle=vega.bundle())


def stub_page(given: Report, text: str = "small") -> str:
    """The page with a stub chart and without Vega."""
    return render.page(given, parts(given, (stub_chart(text),)), bundle=STUB_BUNDLE)


def is_a_chart(chart: Chart) -> None:
    """Its specification holds against the schema of Vega-Lite, it is drawn, and its table is whole."""
    alt.Chart.from_dict(chart.spec, validate=True)
    assert chart.svg.startswith("<svg")
    assert chart.data.rows
    assert all(len(row) == len(chart.data.columns) for row in chart.data.rows)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
