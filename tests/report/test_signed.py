"""signed: attribution -> colours with two sides, sentences, tables."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core import palette
from reportgen.core.config import ColourScale
from reportgen.core.nouns.faithfulness import Attribution
from reportgen.core.nouns.records import Report
from reportgen.report import heatmap, signed, tables
from reportgen.report.page import page_data, render
from reportgen.report.parts import HeatView, Run
from tests import faithful, reports

SCALES: tuple[ColourScale, ...] = ("linear", "rank", "log")


def coloured(scores: list[float], *, scale: ColourScale = "linear") -> HeatView:
    """A text of one-letter tokens between <s> and </s>, whose scores are 0."""
    text = " ".join("x" * len(scores))
    covered = heatmap.cells(text, reports.tokens(text))
    values = np.array([0, *scores, 0], np.float32)
    return signed.view("attribution-1", "", "", values, covered, scale=scale, outlined="")


def test_five_tokens_by_hand() -> None:
    """Both sides are measured by the strongest score, 0 has no class, and special tokens have none."""
    view = coloured([0.5, -1, 0, 0.1, -0.02])
    assert view.classes == (-1, 24 + 3, 16, -1, 24, 23, -1)
    assert view.bounds[0] == -1
    assert view.bounds[8] == 0
    assert view.bounds[16] == 1
    assert view.bounds == tuple(-bound for bound in reversed(view.bounds))
    assert (view.coloured, view.strongest) == (5, 1)


@given(st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=30), st.sampled_from(SCALES))
def test_turned_signs_are_mirrored_colours(scores: list[float], scale: ColourScale) -> None:
    view, turned = coloured(scores, scale=scale), coloured([-score for score in scores], scale=scale)
    assert turned.classes == tuple(n if n < 0 else 47 - n for n in view.classes)
    assert turned.bounds == view.bounds
    for score, heat in zip(scores, view.classes[1:-1], strict=True):
        assert (heat >= 24) == (score > 0)
        assert (16 <= heat < 24) == (score < 0)


@given(st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=30), st.sampled_from(SCALES))
def test_a_stronger_score_has_no_paler_colour(scores: list[float], scale: ColourScale) -> None:
    classes = coloured(scores, scale=scale).classes[1:-1]
    strength = [abs(n - 23.5) if n >= 0 else 0 for n in classes]
    for one in range(len(scores)):
        for other in range(len(scores)):
            if abs(scores[one]) > abs(scores[other]):
                assert strength[one] >= strength[other]


def test_scores_of_0_colour_nothing_and_the_scale_says_so() -> None:
    view = coloured([0, 0])
    assert set(view.classes) == {-1}
    assert view.uniform
    report = replace(faithful.untested(), attributions=(Attribution("frozen", 0, np.zeros(59, np.float32)),))
    assert "The score of every token is 0, so nothing has a colour." in printed_document(report)


def test_pieces_of_a_character_count_as_one() -> None:
    covered = heatmap.cells("😀 x", reports.tokens("😀 x", spans=[(0, 1), (0, 1), (2, 3)], edges=False))
    view = signed.view("", "", "", np.array([0.4, -0.1, -0.3], np.float32), covered, scale="linear", outlined="")
    assert view.values == pytest.approx((0.3, -0.3), abs=1e-6)


def test_the_view_of_a_second_label_is_printed_unless_its_signs_are_those_of_the_first_turned() -> None:
    """Margins of two labels that exclude each other: m and -m."""
    report = faithful.untested()
    frozen, turned, _ = report.attributions
    assert [number for number, _ in signed.printed(report)] == [1]
    assert signed.notes(report)[0] == "For “right” every score has the opposite sign."
    assert frozen.scores is not None
    other = replace(turned, scores=frozen.scores[::-1].copy())
    both = replace(report, attributions=(frozen, other))
    assert [view.key for view in signed.views(both, heatmap.cells(report.example.text, report.tokens))] == [
        "attribution-1", "attribution-2"
    ]  # fmt: skip
    assert signed.notes(both) == ()


def test_a_title_names_the_label_and_its_part_in_the_report() -> None:
    report = faithful.untested()
    assert signed.title(report, report.attributions[0]) == "Attribution for “left” (predicted and gold)"
    assert signed.title(report, report.attributions[1]) == "Attribution for “right”"
    assert report.prediction is not None
    wrong = replace(report, prediction=replace(report.prediction, gold=1))
    assert signed.names(wrong) == ("“left” (predicted)", "“right” (gold)")


def test_an_explanation_says_what_the_scores_add_up_to() -> None:
    report = faithful.untested()
    frozen, integrated, _ = report.attributions
    assert frozen.scores is not None
    assert report.prediction is not None
    total, margin = (
        float(frozen.scores.sum(dtype=np.float64)),
        report.prediction.logits[0] - report.prediction.logits[1],
    )
    said = signed.explanation(report, frozen)
    assert f"add up to −{-total:.3g}, where the margin is +{margin:.3g}." in said
    assert "gradient times input, with attention and normalisation held constant" in said
    said = signed.explanation(report, integrated)
    assert "integrated gradients (baseline: the mean embedding)" in said
    assert said.endswith("completeness gap: +3 % of the change of the margin.")
    assert "gap" not in signed.explanation(report, replace(integrated, gap=None))


def test_a_margin_is_a_logit_alone_where_labels_do_not_exclude_each_other() -> None:
    one = reports.several((0,))
    assert one.prediction is not None
    assert signed.margin(one.prediction, 1) == one.prediction.logits[1]
    two = faithful.untested().prediction
    assert two is not None
    assert signed.margin(two, 1) == two.logits[1] - two.logits[0]
    three = replace(two, labels=("a", "b", "c"), logits=(2.0, -1.0, 0.5), probabilities=(0.8, 0.1, 0.1))
    assert [signed.margin(three, label) for label in range(3)] == [1.5, -3.0, -1.5]
    assert signed.margin(replace(two, labels=("a",), logits=(-0.3,), probabilities=(0.4,)), 0) == -0.3


def test_tables_list_what_speaks_most_for_and_against() -> None:
    report = faithful.untested()
    scores = report.attributions[0].scores
    assert scores is not None
    speaks_for, against = signed.tables(report)
    content = np.flatnonzero(report.tokens.content)
    order = content[np.argsort(-scores[content])]
    assert [int(row[2]) for row in speaks_for.rows] == order[: report.top_k].tolist()
    assert [int(row[2]) for row in against.rows] == order[::-1][: report.top_k].tolist()
    assert all(row[3].startswith("+") for row in speaks_for.rows)
    assert all(row[3].startswith("−") for row in against.rows)
    assert speaks_for.caption.startswith("Tokens that speak most for “left” (predicted and gold): 3 of ")


def test_a_side_without_tokens_has_an_empty_table() -> None:
    report = faithful.untested()
    only = replace(report, attributions=(Attribution("frozen", 0, np.ones(len(report.tokens), np.float32)),))
    assert [len(table.rows) for table in signed.tables(only)] == [report.top_k, 0]


def test_a_text_without_content_has_no_tables_and_no_colours() -> None:
    blank = reports.report(" ", read=reports.tokens(" ", spans=[(0, 1)]))
    report = replace(blank, attributions=faithful.attributed(blank))
    assert signed.tables(report) == ()
    assert {heat for view in reports.parts(report).views if view.signed for heat in view.classes} == {-1}


def test_the_token_list_has_a_column_for_each_attribution() -> None:
    report = faithful.untested()
    files = tables.files(report, *reports.ranked(report))
    rows = list(csv.DictReader(io.StringIO(files["tokens.csv"].decode("utf-8-sig"))))
    frozen, integrated, _ = report.attributions
    for column, scores in (("attribution_frozen_0", frozen.scores), ("attribution_ig_1", integrated.scores)):
        assert [float(row[column]) for row in rows] == pytest.approx(scores, rel=1e-6)
    plain = tables.files(reports.report(), *reports.ranked(report))["tokens.csv"]
    assert plain == re.sub(rb",[^,]*,[^,]*(?=\r\n)", b"", files["tokens.csv"])


def test_why_there_are_no_scores_is_said_in_page_and_document() -> None:
    reason = "by gradient times input, with attention and normalisation held constant: The model&#39;s layers have no"
    assert reason in page(faithful.untested())
    assert reason in printed_document(faithful.untested())


def test_a_report_without_attribution_has_nothing_of_it() -> None:
    """Neither choices, script, data nor colours on paper; page and document in `golden` do not change with it."""
    plain = reports.report()
    html, document = page(plain), printed_document(plain)
    assert 'id="label"' not in html
    assert "data-attributions" not in html
    assert "reportgen.signed = " not in html
    assert 'class="sides"' not in document
    assert 'id="label"' in page(faithful.untested())
    assert "reportgen.signed = " in page(faithful.untested())


def test_the_page_holds_the_scores_to_the_last_digit_in_one_block() -> None:
    report = faithful.untested()
    block = page_data.attributions(report)
    assert [choice["label"] for choice in block["choices"]] == list(signed.names(report))  # type: ignore[attr-defined]
    assert block["scores"]["length"] == 2 * len(report.tokens)  # type: ignore[index]
    grown = len(page(report).encode()) - len(page(replace(report, attributions=())).encode())
    assert grown < 16_000


def test_print_paints_both_sides_and_lines_below_what_is_clearly_against() -> None:
    report = faithful.untested()
    html = printed_document(report)
    assert 'id="view-attribution-1"' in html
    view = reports.parts(report).views[-1]
    assert view.signed
    heats = {int(heat) for line in re.findall(r'data-heat="([^"]*)"', html) for heat in re.findall(r":(\d+)", line)}
    assert {heat for heat in view.classes if heat >= 0} <= heats
    assert max(heats) < len(palette.PAINTED) == 32


def test_no_scripts_show_what_the_page_opens_with() -> None:
    """The attribution has no radio button, and no class in the text."""
    html = page(faithful.untested())
    assert html.count('name="view"') == 3
    text = html[html.index('<div class="text"') :]
    assert not re.search(r'class="[^"]*\ba(1[6-9]|2\d|3\d)\b', text)


def page(report: Report) -> str:
    return render.page(report, reports.parts(report), bundle=reports.STUB_BUNDLE)


def printed_document(report: Report) -> str:
    return render.document(report, reports.parts(report), views="all")


def test_a_strip_shows_the_strongest_of_either_side() -> None:
    """One stretch with two tokens, 0.2 for and 0.9 against; and one without a colour."""
    runs = tuple(Run("x", "token", heat, n) for n, heat in enumerate((26, 17, -1, 24)))
    assert heatmap.strip(runs, tokens=4) == (26, 17, -1, 24)
    many = tuple(Run("x", "token", heat, n) for n, heat in enumerate((26, 17) * heatmap.STRETCHES))
    assert set(heatmap.strip(many, tokens=len(many))) == {17}
    report = faithful.untested()
    document = render.document(report, reports.parts(report))
    parts = reports.parts(report)
    strongest = int(np.abs(parts.views[-1].values[1:-1]).argmax()) + 1
    assert heatmap.hottest(parts.views[-1], parts.spans[-1], count=1)[0].first == strongest
    assert re.search(rf"at {strongest} \((for|against)\)", document)
