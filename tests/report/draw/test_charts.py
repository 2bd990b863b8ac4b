"""charts: rankings -> Vega-Lite, SVG and the numbers."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any

import altair as alt
import numpy as np
import pytest
import vl_convert
from hypothesis import given, settings
from hypothesis import strategies as st

from reportgen.core import palette
from reportgen.core.nouns.records import HeadImportance, Report, Tokens
from reportgen.report import words as grouping
from reportgen.report.draw import chart_points, charts, specs
from reportgen.report.even_share import multiple
from reportgen.report.page import page_data
from reportgen.report.page.svg import svg_markup
from reportgen.report.parts import Chart
from tests import reports

KEYS = ["rank-trend-layers", "rank-trend-heads", "layer-trend", "distribution", "overview"]


def drawn(given: Report) -> dict[str, Chart]:
    """The charts of a report by key."""
    return {chart.key: chart for chart in charts.charts(given, *reports.ranked(given))}


def rows(chart: Chart) -> list[dict[str, Any]]:
    """All data that the live chart is drawn from, its datasets put in a row."""
    found: list[dict[str, Any]] = []
    waiting: list[Any] = [chart.spec]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("values"), list) and value["values"] and isinstance(value["values"][0], dict):
                found = found or value["values"]
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return found


def words(svg: str) -> list[str]:
    """Everything a reader sees written in an SVG."""
    return ["".join(e.itertext()) for e in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


@pytest.fixture(scope="module")
def made() -> dict[str, Chart]:
    return {chart.key: chart for chart in reports.example_parts().charts}


def test_charts_come_in_reading_order(made: dict[str, Chart]) -> None:
    assert list(made) == KEYS


@pytest.mark.parametrize("key", KEYS)
def test_every_chart_is_valid_vega_lite(made: dict[str, Chart], key: str) -> None:
    alt.Chart.from_dict(made[key].spec, validate=True)
    assert json.loads(specs.text(made[key].spec)) == made[key].spec


def test_a_broken_specification_would_be_noticed(made: dict[str, Chart]) -> None:
    with pytest.raises(Exception, match="squiggle"):
        alt.Chart.from_dict({**made["layer-trend"].spec, "mark": "squiggle"}, validate=True)


@pytest.mark.parametrize("key", KEYS)
def test_every_chart_can_be_shown(made: dict[str, Chart], key: str) -> None:
    """No hole in the numbers, words for axes, a caption, a table, and an SVG that the page accepts."""
    chart = made[key]
    assert not re.search(r"\b(NaN|undefined|Infinity)\b", chart.svg + specs.text(chart.spec) + chart.caption)
    assert not any(value is None for row in rows(chart) for value in row.values())
    assert {len(chart.data.columns), len(chart.data.numeric)} == {len(row) for row in chart.data.rows}
    assert chart.data.caption
    assert chart.title
    assert chart.caption.endswith((".", "”."))
    assert svg_markup(chart.svg, themed=True)
    assert len(words(chart.svg)) > 5
    assert ElementTree.fromstring(chart.svg).find(".//{http://www.w3.org/2000/svg}path") is not None


@pytest.mark.parametrize("key", KEYS)
def test_specifications_name_no_address(made: dict[str, Chart], key: str) -> None:
    rest = {name: value for name, value in made[key].spec.items() if name != "$schema"}
    assert "//" not in json.dumps(rest)


def test_ranks_of_a_layer_are_the_sorted_scores_averaged_over_heads(made: dict[str, Chart]) -> None:
    scores, _ = reports.ranked(reports.example())
    data = rows(made["rank-trend-layers"])
    assert {row["layer"] for row in data} == {1, 2, 3}
    tokens = scores.attention_scores.shape[-1]
    assert {1, tokens} <= {row["rank"] for row in data}
    for row in data:
        per_head = [sorted(head, reverse=True)[row["rank"] - 1] for head in scores.attention_scores[row["layer"] - 1]]
        floor = min(r["score"] for r in data)
        assert row["score"] == pytest.approx(max(float(np.mean(per_head)), floor), rel=1e-3)


def test_ranks_of_a_head_are_its_sorted_scores(made: dict[str, Chart]) -> None:
    scores, _ = reports.ranked(reports.example())
    data = rows(made["rank-trend-heads"])
    assert {(row["layer"], row["head"]) for row in data} == {(la, he) for la in (1, 2, 3) for he in (1, 2, 3, 4)}
    for row in data:
        ordered = sorted(scores.attention_scores[row["layer"] - 1, row["head"] - 1], reverse=True)
        assert row["score"] == pytest.approx(float(ordered[row["rank"] - 1]), rel=1e-3) or ordered[row["rank"] - 1] == 0


def test_the_layer_trend_sums_over_heads(made: dict[str, Chart]) -> None:
    given = reports.example()
    scores, rankings = reports.ranked(given)
    data = rows(made["layer-trend"])
    positions = {int(row["token"].split(" ")[0]) for row in data}
    found = grouping.whole_words(given.example.text, given.tokens, language="en")
    common = grouping.common_positions(found)
    assert common & set(rankings.by_score[:5].tolist()), "there are stop words among the first"
    assert positions == {0, *[p for p in rankings.by_score.tolist() if p not in common][:5]}
    for row in data:
        position = int(row["token"].split(" ")[0])
        assert row["token"] == f"{position} {given.words()[position]}"
        wanted = float(scores.attention_scores[row["layer"] - 1, :, position].sum())
        assert row["score"] == pytest.approx(wanted, rel=1e-3)
        assert row["best_rank"] == rankings.ranks[row["layer"] - 1, :, position].min()


def test_the_distribution_averages_content_tokens(made: dict[str, Chart]) -> None:
    given = reports.example()
    scores, _ = reports.ranked(given)
    data = rows(made["distribution"])
    assert {row["series"] for row in data} == {"all layers", "last layer, row of <s>"}
    seen = {row["start"] for row in data}
    assert 0 not in seen, "the first token is special"
    for row in data:
        values = scores.total if row["series"] == "all layers" else scores.reader
        assert values is not None
        inside = [t for t in range(row["start"], row["end"]) if not given.tokens.special[t]]
        assert row["score"] == pytest.approx(float(np.mean([values[t] for t in inside])), rel=1e-3)
        assert row["top"] == given.words()[max(inside, key=lambda t: values[t])]


def test_the_overview_shows_concentration_and_importance(made: dict[str, Chart]) -> None:
    given = reports.example()
    data = rows(made["overview"])
    assert len(data) == 12
    for row in data:
        received = given.attention.received[row["layer"] - 1, row["head"] - 1]
        share = float(np.sort(received)[::-1][:5].sum() / received.sum())
        assert row["share"] == pytest.approx(share, rel=1e-3)
        assert row["importance"] == pytest.approx(given.importance.values[row["layer"] - 1, row["head"] - 1], rel=1e-3)


def test_captions_say_what_the_numbers_say(made: dict[str, Chart]) -> None:
    given = reports.example()
    scores, rankings = reports.ranked(given)
    tokens = len(given.tokens)
    by_layer = given.attention.received.sum(axis=1)
    shares = [float(np.sort(layer)[::-1][:5].sum() / layer.sum()) for layer in by_layer]
    best = int(np.argmax(shares))
    assert made["rank-trend-layers"].caption.startswith(
        f"Layer {best + 1}: {shares[best]:.0%} of the unweighted attention is on 5 of {tokens} tokens, "
        f"{multiple(shares[best] * tokens / 5)} the even share; in layer {int(np.argmin(shares)) + 1} it is "
        f"{multiple(min(shares) * tokens / 5)}."
    )
    layer, head, _ = np.unravel_index(scores.attention_scores.argmax(), scores.attention_scores.shape)
    assert f"is in layer {layer + 1}, head {head + 1}." in made["rank-trend-heads"].caption
    found = grouping.whole_words(given.example.text, given.tokens, language="en")
    top = next(p for p in rankings.by_score.tolist() if p not in grouping.common_positions(found))
    peak = int(scores.attention_scores[:, :, top].sum(axis=1).argmax())
    assert f"“{given.words()[top]}” at position {top} has the highest score" in made["layer-trend"].caption
    assert f"layer {peak + 1}, where its best rank in a head is {rankings.ranks[peak, :, top].min()}." in (
        made["layer-trend"].caption
    )
    content = [t for t in range(tokens) if not given.tokens.special[t]]
    quarter = sum(float(scores.total[t]) for t in content if t < tokens / 4) / sum(
        float(scores.total[t]) for t in content
    )
    assert f"holds {quarter:.0%} of the total score" in made["distribution"].caption
    assert "Layer 3, head 4 is the most important" in made["overview"].caption


def test_data_tables_say_what_the_charts_draw(made: dict[str, Chart]) -> None:
    drawn_values = {(r["series"], str(r["start"])): r["score"] for r in rows(made["distribution"])}
    for series, start, _, score, _ in made["distribution"].data.rows:
        assert float(score) == pytest.approx(drawn_values[series, start], rel=1e-3)
    heads = {(str(r["layer"]), str(r["head"])): r for r in rows(made["overview"])}
    for layer, head, share, importance in made["overview"].data.rows:
        assert float(share.rstrip("%")) == pytest.approx(heads[layer, head]["share"] * 100, abs=0.06)
        assert float(importance) == pytest.approx(heads[layer, head]["importance"], abs=6e-4)
    first = {r["layer"]: r["score"] for r in rows(made["rank-trend-layers"]) if r["rank"] == 1}
    assert {int(row[0]): float(row[1]) for row in made["rank-trend-layers"].data.rows} == pytest.approx(first, rel=1e-3)


def test_a_head_of_importance_0_is_drawn_as_a_cell_that_is_not_the_colour_of_the_page() -> None:
    values = np.linspace(0, 1, 12).reshape(3, 4)
    given = reports.report(layers=3, heads=4, importance=HeadImportance(values.astype(np.float32), "taylor", ""))
    svg = drawn(given)["overview"].svg
    assert palette.HEAT_LIGHT[2] in svg
    assert not any(pale in svg for pale in palette.HEAT_LIGHT[:2])


def test_without_importance_the_overview_has_one_grid_and_says_so() -> None:
    given = reports.report(importance=HeadImportance(np.ones((2, 2), np.float32), "none", ""))
    chart = drawn(given)["overview"]
    assert len(chart.spec["concat"]) == 1  # type: ignore[arg-type]
    assert "No head importance was given" in chart.caption


def test_without_a_row_that_is_read_only_all_layers_are_shown() -> None:
    made = drawn(reports.report(reader=None))
    assert {row["series"] for row in rows(made["distribution"])} == {"all layers"}
    assert "0 <s>" not in {row["token"] for row in rows(made["layer-trend"])}


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_a_text_without_content_has_no_charts(text: str) -> None:
    given = reports.report(text, top_k=1)
    assert charts.charts(given, *reports.ranked(given)) == ()


@pytest.mark.parametrize("text", ["one", "one two"])
@pytest.mark.filterwarnings("error")
def test_one_and_two_tokens_have_charts(text: str) -> None:
    made = drawn(reports.report(text, top_k=1))
    assert list(made) == KEYS
    assert not any(re.search(r"\b(NaN|undefined|Infinity|nan|inf)\b", c.svg + c.caption) for c in made.values())


@pytest.mark.filterwarnings("error")
def test_uniform_attention_can_be_drawn() -> None:
    given = reports.report()
    equal = np.full((2, 2, len(given.tokens), len(given.tokens)), 1 / len(given.tokens), np.float32)
    ones = replace(given.importance, values=np.ones((2, 2), np.float32))
    made = drawn(replace(given, attention=reports.attention(equal), importance=ones))
    assert list(made) == KEYS
    assert not any(re.search(r"\b(NaN|undefined|nan|inf)\b", c.svg + c.caption) for c in made.values())


@pytest.mark.parametrize("payload", [*reports.PAYLOADS, "\0", "\x1b[31m", "\u202eabc", "\u200b", "\ufeff", "a\nb"])
def test_a_chart_of_any_words_can_be_put_into_a_page(payload: str) -> None:
    """Words of the document stand in legends; what is no drawing, or cannot be seen, must not come with them."""
    given = reports.report(f"x {payload} y", read=reports.tokens(f"x {payload} y", spans=[(2, 2 + len(payload))]))
    scores, rankings = reports.ranked(given)
    chart = charts.layer_trend(given, scores, rankings)
    assert svg_markup(chart.svg, themed=False)
    assert not any(character in chart.svg for character in "\0\x1b\u202e\u200b\ufeff")


@settings(max_examples=8)
@given(reports.tokenised(), st.integers(0, 99))
def test_charts_of_any_text_are_finite(case: tuple[str, Tokens], seed: int) -> None:
    text, tokens = case
    made = drawn(reports.report(text, read=tokens, top_k=1, seed=seed, layers=1))
    for chart in made.values():
        assert all(np.isfinite(v) for row in rows(chart) for v in row.values() if not isinstance(v, str))
        ElementTree.fromstring(chart.svg)


def test_a_specification_with_a_hole_is_refused(made: dict[str, Chart]) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        specs.text({"data": {"values": [{"score": float("nan")}]}})


def test_the_layer_trend_shows_the_positions_that_were_asked_for() -> None:
    given = replace(reports.report("one two three four"), positions=(0, 2, 3))
    made = drawn(given)["layer-trend"]
    assert {row["token"] for row in rows(made)} == {"0 <s>", "2 two", "3 three"}
    scores, _ = reports.ranked(given)
    top = max((2, 3), key=lambda position: float(scores.total[position]))
    assert f"“{given.words()[top]}” at position {top} has" in made.caption


# --- what the page draws again ------------------------------------------------------------------------------------


@pytest.mark.parametrize("globals_", [(0,), ()])
def test_the_chart_of_a_map_is_valid_and_can_be_drawn(globals_: tuple[int, ...]) -> None:
    """Global tokens stand before the document, apart from it."""
    report = reports.report()
    spec = charts.attention_map(replace(report, attention=replace(report.attention, global_positions=globals_)))
    alt.Chart.from_dict(spec, validate=True)
    tokens = len(report.tokens)
    margin = tokens / 20 if globals_ else 0
    assert spec["encoding"]["x"]["scale"]["domain"] == [-margin, tokens]
    cell = {"from_start": 0, "from_end": 9, "to_start": 0, "to_end": 9, "from": "0–8", "to": "0–8", "share": 0.3}
    svg = vl_convert.vegalite_to_svg({**spec, "data": {"values": [cell]}})  # as the page does
    assert ("global" in words(svg)) == bool(globals_)


def test_a_page_holds_specifications_without_their_numbers(made: dict[str, Chart]) -> None:
    """But for the overview, whose numbers no choice changes; with them put in again it is the same chart."""
    blocks = page_data.specifications(tuple(made.values()), charts.attention_map(reports.example()))
    assert list(blocks) == [*(f"spec-{key}" for key in KEYS), "spec-attention-maps"]
    for key, chart in made.items():
        spec: Any = blocks[f"spec-{key}"]
        assert bool(spec["datasets"]["rows"]) == (key == "overview")
        assert '"values": [{' not in json.dumps({**spec, "datasets": None})
        again = vl_convert.vegalite_to_svg({**spec, "datasets": {"rows": rows(chart)}})
        assert words(again) == words(vl_convert.vegalite_to_svg(chart.spec))


def test_without_charts_there_are_no_specifications() -> None:
    assert page_data.specifications((), {}) == {}


def test_what_is_kept_draws_the_same_lines() -> None:
    report = reports.example()
    kept: Any = chart_points.kept(report, reports.ranked(report)[1])
    tokens = len(report.tokens)
    assert kept["ranks"][0] == kept["panel_ranks"][0] == 0
    assert kept["ranks"][-1] == kept["panel_ranks"][-1] == tokens - 1
    assert kept["edges"][0] == 0
    assert kept["edges"][-1] == tokens
    assert kept["trend"][0] == report.attention.reader_position
    assert len(kept["trend"]) == len(kept["trend_colours"]) == 6
