"""plates: figures and tables -> rows of a printed page."""

from __future__ import annotations

import io
import itertools
import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reportgen.core.clock import Clock
from reportgen.core.config import DEMO
from reportgen.core.nouns.records import Attention, HeadImportance, Report
from reportgen.report import present
from reportgen.report.draw import charts
from reportgen.report.page import plates, render
from reportgen.report.paper import pdf
from reportgen.report.parts import Table
from tests import faithful, reports

LAYERS, HEADS, K = 12, 12, 10
LONG = 7_641  # tokens
KEYS = (*plates.WIDE, *plates.NARROW, "attribution-frozen-0-for", "attribution-frozen-0-against", "head-tokens", "x")


def rows(shown: list[list[plates.Plate]]) -> list[list[tuple[str, str]]]:
    """What stands in each row, and how wide."""
    return [[(plate.key, plate.kind) for plate in row] for row in shown]


def test_trends_stand_two_abreast_and_the_overview_of_two_grids_is_as_wide_as_the_text() -> None:
    parts = reports.example_parts()
    assert rows(plates.figures(parts.charts, parts.maps)) == [
        [("rank-trend-layers", "half"), ("layer-trend", "half")],
        [("rank-trend-heads", "whole")],
        [("overview", "whole")],
        [("distribution", "half"), ("attention-maps", "half")],
    ]


def test_without_importance_one_grid_stands_abreast_and_the_last_figure_has_its_caption_beside_it() -> None:
    plain = reports.report(importance=HeadImportance(np.ones((2, 2), np.float32), "none", ""))
    parts = reports.parts(plain, charts.charts(plain, *reports.ranked(plain)))
    assert rows(plates.figures(parts.charts, parts.maps))[2:] == [
        [("distribution", "half"), ("overview", "half")],
        [("attention-maps", "side")],
    ]


def test_a_figure_of_half_the_width_has_letters_of_seven_points_at_least() -> None:
    """It is drawn for its width, not made smaller."""
    parts = reports.example_parts()
    for plate in itertools.chain(*plates.figures(parts.charts, None)):
        root = ElementTree.fromstring(plate.drawing)
        wanted = plates.WHOLE if plate.kind == "whole" else plates.HALF
        assert float(root.get("width", "")[:-2]) == pytest.approx(wanted, abs=0.01)
        assert root.get("width", "").endswith("pt")
        sizes = {float(found) for found in re.findall(r'font-size="([\d.]+)(?:px)?"', plate.drawing)}
        assert sizes
        assert min(sizes) >= 7


def test_there_is_nothing_to_arrange_where_nothing_is_shown() -> None:
    assert (plates.figures((), None), plates.tables(()), plates.curves(())) == ([], [], [])


@given(st.lists(st.sampled_from(KEYS), unique=True))
@settings(max_examples=50)
def test_every_table_is_in_one_row_and_none_is_alone_beside_nothing(keys: list[str]) -> None:
    shown = [Table(key, key, (), (), ()) for key in keys]
    arranged = plates.tables(shown)
    assert sorted(table.key for row in arranged for table in row) == sorted(keys)
    assert all(1 <= len(row) <= 2 for row in arranged)
    assert all("head-tokens" not in [table.key for table in row] for row in arranged if len(row) > 1)


def long_report(*, importance: bool) -> Report:
    """7,641 tokens in 12 layers of 12 heads, with the whole test of the heatmap and attribution; no model has run."""
    documents = [json.loads(line)["text"] for line in (DEMO / "documents.jsonl").open(encoding="utf-8")]
    text = "\n\n".join(documents)[:28_000]
    pieces = [match.span() for match in re.finditer(r"\w{1,4}|[^\w\s]", text)]
    read = reports.tokens(text, spans=pieces[: LONG - 2])
    random = np.random.default_rng(0)
    count = len(read)
    each = (LAYERS, HEADS, count)
    places = random.integers(0, count, (*each, K), np.int32)
    weights = (np.sort(random.random((*each, K), np.float32))[..., ::-1] / 20).astype(np.float32)
    attention = Attention(
        received=random.gamma(0.5, 2, each).astype(np.float32),
        reader=random.dirichlet(np.full(count, 0.3), each[:2]).astype(np.float32),
        attended_positions=places,
        attended_weights=weights,
        attending_positions=places,
        attending_weights=weights,
        maps=random.dirichlet(np.full(65, 0.3), (LAYERS, HEADS, 65)).astype(np.float32),
        reader_position=0,
        global_positions=(0,),
        windows=(512,) * LAYERS,
        row_error=2e-7,
        zero_share=0.0,
    )
    heads = random.random(each[:2], np.float32) if importance else np.ones(each[:2], np.float32)
    measured = HeadImportance(heads, "taylor" if importance else "none", "importance.safetensors" * importance)
    made = reports.report(text, read=read, attention=attention, importance=measured, top_k=K, colour_scale="contrast")
    return replace(made, faithfulness=faithful.faithfulness(made), attributions=faithful.attributed(made)[:1])


@pytest.mark.slow
@pytest.mark.parametrize("importance", [True, False])
def test_a_document_of_7641_tokens_and_144_heads_has_at_most_16_pages(importance: bool) -> None:
    """With the full test of the heatmap, attribution, and the text once."""
    shown = long_report(importance=importance)
    assert 7_500 <= len(shown.tokens) <= LONG

    drawn = present.draw_figures(shown, *reports.ranked(shown), ("pdf",))
    parts = present.make_parts(shown, *reports.ranked(shown), drawn, Clock())
    made = pdf.pdf(render.document(shown, parts), created="2024-05-01T12:00:00+00:00")
    with pikepdf.open(io.BytesIO(made.data)) as opened:
        assert len(opened.pages) <= 16
