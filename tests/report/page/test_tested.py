"""The test of a heatmap in the page and in the printable document."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reportgen.core.nouns.faithfulness import Caveat, SentenceEffect
from reportgen.core.nouns.records import Report
from reportgen.report.draw import curves
from reportgen.report.draw.pictures import vega
from reportgen.report.faithfulness.names import ORDERS
from reportgen.report.page import page_data, render
from reportgen.report.paper.latex import files
from reportgen.report.parts import Chart, Parts
from tests import faithful, reports

UNTESTED = "reportgen faithfulness FOLDER"


def drawn(report: Report) -> tuple[Chart, ...]:
    """Its curves, drawn once for all tests."""
    return tuple(replace(chart, svg=reports.STUB_SVG) for chart in curves.curves(report, draw=lambda *_, **__: ""))


def parts(report: Report) -> Parts:
    return reports.parts(report, (reports.stub_chart(),), drawn(report))


def page(report: Report) -> str:
    return render.page(report, parts(report), bundle=reports.STUB_BUNDLE)


def document(report: Report) -> str:
    return render.document(report, parts(report))


BOTH = pytest.mark.parametrize("shown", [page, document])


@cache
def example() -> Report:
    return faithful.report()


@BOTH
def test_all_parts_of_the_test_are_shown(shown: Any) -> None:
    html = shown(example())
    panel = parts(example()).panel
    assert panel is not None
    assert f"<em>What the classifier reads: supported.</em> {panel.sentence[:40]}" in html
    for key in ("aopc", "rests-on", "agreement"):
        assert html.count(f'<caption id="table-{key}"') == 1
    for text in (*panel.notes, panel.method, *panel.caveats):
        assert text in html
    for chart in panel.curves:
        assert html.count(f'id="figure-{chart.key}"') == 1
        assert chart.caption in html
    assert html.count("All attention: supported; attribution: supported.") == 2, "in the first screen, and here"
    assert UNTESTED not in html


def test_the_page_answers_first_and_shows_all_below_the_text_with_the_numbers_folded() -> None:
    html = page(example())
    names = ("prediction", "stands", "passages", "heatmap", "faithfulness", "figure-deletion-curve")
    places = [html.index(f'id="{name}"') for name in (*names, "table-rests-on", "table-aopc", "figure-keeping-curve")]
    assert places == sorted(places)
    folded = html[html.index('<details class="numbers">') : html.index('id="figures"')]
    assert all(f'id="{name}"' in folded for name in ("table-aopc", "table-agreement", "figure-keeping-curve"))


def test_the_document_answers_in_its_summary_and_has_a_section_with_all() -> None:
    html = document(example())
    summary = html[html.index('id="summary"') : html.index('<section class="tested">')]
    assert "Without the words that it marks, the prediction falls more than without as many random words." in summary
    assert "All attention: supported; attribution: supported." in summary
    assert "What the prediction rests on" in summary
    assert faithful.faithfulness().verdicts[1].sentence[:60] in html
    assert '<a href="#faithfulness">Faithfulness</a>' in html
    assert html.index('<h2 id="faithfulness">') < html.index('id="figure-deletion-curve"') < html.index('id="heatmaps"')


@BOTH
def test_a_report_without_a_test_has_one_line_with_the_command(shown: Any) -> None:
    html = shown(reports.report())
    assert html.count(UNTESTED) == 1
    assert 'id="faithfulness' not in html
    assert "figure-deletion-curve" not in html
    assert 'id="removed"' not in html


@BOTH
def test_scores_from_elsewhere_have_no_model_to_test_them_with(shown: Any) -> None:
    made = reports.report().provenance
    assert UNTESTED not in shown(reports.report(provenance=replace(made, model_type="scores")))


@BOTH
def test_where_nothing_could_be_tested_the_reason_is_there(shown: Any) -> None:
    nothing = faithful.faithfulness(
        trials=(), verdicts=(), sentences=(), agreements=(), shifts=(), scaling=None, heads=None,
        caveats=(Caveat("short-document", "The document has one word."),),
    )  # fmt: skip
    html = shown(replace(example(), faithfulness=nothing))
    assert "The document has one word." in html
    assert "Nothing could be removed from this document." in html
    assert "figure-deletion-curve" not in html


def infected(*payloads: str) -> Report:
    """A tested report whose words from outside are payloads: label, sentences, caveats, verdict."""
    clean = reports.infected(*payloads)
    payload = " ".join(payloads)
    made = faithful.faithfulness(example())
    found = SentenceEffect(0, len(clean.example.text), 0.4, 0.5)
    verdict = replace(made.verdicts[0], sentence=payload)
    caveat = Caveat(payload, payload)
    changed = replace(made, sentences=(found,), verdicts=(verdict,), caveats=(caveat,))
    return replace(clean, faithfulness=replace(changed, units=(), orders=(), shifts=()))


@BOTH
def test_what_comes_from_outside_is_shown_as_text(shown: Any) -> None:
    """A word of the document, a label, a message: nothing of it becomes markup, in the panel as anywhere else."""

    def check(*payloads: str) -> None:
        html = shown(infected(*payloads))
        harmless = shown(infected(*(re.sub("[^a-z]", "x", one) for one in payloads)))
        tags = [
            re.findall(r"<[a-z/!]+", re.sub(r"<script.*?</script>", "", one, flags=re.DOTALL))
            for one in (html, harmless)
        ]
        assert [tag for tag in tags[0] if tag != "<bdi"] == [tag for tag in tags[1] if tag != "<bdi"] or len(
            payloads
        ) > 1

    reports.withstands(check, [one for one in reports.PAYLOADS if one.isprintable() and "\u2028" not in one])


def unpacked(packed: Any) -> npt.NDArray[np.int64]:
    planes = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), np.uint8).reshape(packed["width"], -1)
    return sum(planes[n].astype(np.int64) << (8 * n) for n in range(packed["width"]))  # type: ignore[return-value]


def test_the_page_knows_what_each_order_removes_and_what_the_model_answered() -> None:
    test = example().faithfulness
    assert test is not None
    block: Any = json.loads(json.dumps(page_data.removed(example(), test)))
    lengths = unpacked(block["lengths"])
    assert lengths.tolist() == [len(unit.positions) for unit in test.units]
    assert unpacked(block["positions"]).tolist() == [position for unit in test.units for position in unit.positions]
    assert [one["name"] for one in block["orders"]] == [
        "what the classifier reads", "all attention", "attribution", "all attention, reversed", "reading order",
    ]  # fmt: skip
    found = {one["name"]: one for one in block["orders"]}
    for order, curve in zip(test.orders, test.trials[0].curves, strict=True):
        one = found[ORDERS[order.name]]
        assert unpacked(one["units"]).tolist() == list(order.units[: test.counts[-1]])
        assert one["probabilities"] == list(curve.probabilities)
    assert "removed" not in parts(reports.report()).blocks


def test_the_drawings_keep_their_numbers_in_the_page() -> None:
    """No choice of layers and heads changes them, so the page does not make them again."""
    made: Any = page_data.specifications(curves.curves(example(), draw=lambda *_, **__: ""), None)
    assert all(block["datasets"]["rows"] for block in made.values())
    assert set(made) == {"spec-deletion-curve", "spec-keeping-curve"}


def test_the_table_of_aopc_is_there_for_latex() -> None:
    made = parts(example())
    source = files.files(example(), made.views[0], made.lines[0], None, None)["faithfulness.tex"].decode()
    assert r"\label{tab:faithfulness-small-0}" in source
    cells = r"\reportgencell{deleted} & $-$0.10 & 0.80 & $-$0.20 & 0.80 \tabularnewline"
    assert rf"\reportgencell{{reversed}} & {cells}" in source
    assert source.isascii()
    assert "faithfulness.tex" not in files.files(reports.report(), made.views[0], made.lines[0], None, None)


@pytest.mark.slow
def test_real_drawings_are_in_the_page() -> None:
    html = render.page(example(), reports.parts(example(), (), curves.curves(example())), bundle=vega.bundle())
    assert html.count("19 random orders") > 2
