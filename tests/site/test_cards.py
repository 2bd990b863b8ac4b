"""A card says what its report says, and comes back equal from JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.config import Config
from reportgen.core.nouns.records import Report
from reportgen.report import heatmap, words
from reportgen.report.parts import HeatView
from reportgen.report.private import redacted
from reportgen.site import cards
from tests import faithful, reports


@cache
def shown() -> HeatView:
    """The view that others differ from."""
    return reports.parts(reports.example()).views[0]


def view(values: list[float], *, left_out: tuple[int, ...] = ()) -> HeatView:
    """A view whose cells have these values; some are special tokens."""
    classes = tuple(-1 if n in left_out else 0 for n in range(len(values)))
    return replace(shown(), values=tuple(values), classes=classes)


def test_a_card_tells_source_prediction_and_top_words() -> None:
    report = replace(reports.example(), example=replace(reports.example().example, index=1203, id="ab"))
    card = cards.card(report, name="small-3", files=["manifest.json", "report.pdf"])
    summary = reports.parts(report).summary
    assert (card.name, card.title, card.source, card.id) == (
        "small-3", "A small report", "small, split test, row 1,203", "ab")  # fmt: skip
    assert (card.label, card.predicted, card.probability, card.verdict) == ("left", "left", 0.802, "right")
    content = tuple(word for word in summary if word.casefold() not in words.stop_words("en"))
    assert card.top_tokens[: len(content)] == content  # stop words are left out
    assert len(card.top_tokens) == 8
    assert not {word.casefold() for word in card.top_tokens} & words.stop_words("en")
    assert (card.tokens, card.read) == (len(report.tokens), len(report.tokens))
    assert card.files == ("report.pdf",)
    assert (card.created, card.version, card.language) == ("2024-05-01T12:00:00+00:00", "0.1.0", "en")


def test_a_card_quotes_what_the_report_quotes_first_unless_its_words_are_hidden() -> None:
    report = reports.example()
    first = reports.parts(report).key.passages[0]
    card = cards.card(report, name="x")
    assert (card.sentence, card.why) == (first.quote, first.draws)
    assert card.sentence == "Words which draw attention are coloured; words which draw none are pale."
    said = "|".join(sorted({word.strip(".;") for word in first.quote.split()}))
    hidden = cards.card(redacted.redacted(report, Config(redact=said)), name="x")
    assert (hidden.sentence, hidden.why) == ("", "")
    assert hidden.top_tokens
    assert not {"attention", "coloured", "pale"} & {word.casefold() for word in hidden.top_tokens}
    assert not [word for word in hidden.top_tokens if not word.strip("X")]
    whole = cards.card(redacted.redacted(report, Config(no_text=True)), name="x")
    assert (whole.sentence, whole.top_tokens) == ("", ())


def test_a_card_has_the_verdict_on_the_heatmap_where_there_is_one() -> None:
    assert cards.card(reports.example(), name="x").tested is None
    tested = cards.card(faithful.report(), name="x")
    assert (tested.tested, tested.headline) == ("supported", "What the classifier reads: supported")
    assert cards.restored(json.loads(json.dumps(cards.plain(tested)))) == tested
    nothing = replace(faithful.report(), faithfulness=faithful.faithfulness(verdicts=(), trials=()))
    assert cards.card(nothing, name="x").tested is None


def test_a_cut_text_has_more_tokens_than_were_read() -> None:
    report = replace(reports.example(), tokens=replace(reports.example().tokens, total=5000))
    card = cards.card(report, name="x")
    assert (card.read, card.tokens) == (len(report.tokens), 5000)


@pytest.mark.parametrize(
    ("gold", "text", "label", "verdict"),
    [(1, "right", "right", "wrong"), (None, "middle", "middle", "unknown"), (None, None, None, "unknown")],
)
def test_the_label_is_that_of_the_model_or_else_of_the_source(
    gold: int | None, text: str | None, label: str | None, verdict: str
) -> None:
    said = reports.example().prediction
    assert said is not None
    card = cards.card(replace(reports.example(), prediction=replace(said, gold=gold, gold_text=text)), name="x")
    assert (card.label, card.verdict) == (label, verdict)


def test_a_card_of_several_labels_has_each_and_comes_back_equal() -> None:
    card = cards.card(reports.several(), name="x")
    assert (card.label, card.predicted, card.verdict) == ("left, far", "left, right", "wrong")
    assert (card.true_labels, card.predicted_labels) == (("left", "far"), ("left", "right"))
    assert (card.probabilities, card.probability) == ((0.881, 0.731), pytest.approx(0.731))
    assert cards.restored(json.loads(json.dumps(cards.plain(card)))) == card


def test_scores_without_a_prediction_have_none() -> None:
    card = cards.card(replace(reports.example(), prediction=None), name="x")
    assert (card.predicted, card.probability, card.verdict, card.label) == (None, None, "unknown", "left")


def test_a_text_of_the_users_own_has_no_source() -> None:
    example = replace(reports.example().example, dataset=None, split=None)
    assert cards.card(replace(reports.example(), example=example), name="x").source == ""


def test_the_strip_has_the_mean_of_equal_stretches() -> None:
    """Means 10, 40, 20: the lowest is in the first class, the highest in the last."""
    strip = cards.strip(view([10, 10, 30, 50, 20, 20]), stretches=3)
    expected, _, _ = heatmap.classify(
        heatmap.percent(np.array([10.0, 40, 20]), np.ones(3, bool)), np.ones(3, bool), scale="linear"
    )
    assert strip == tuple(expected.tolist())
    assert (strip[0], strip[1]) == (0, 15)


def test_special_tokens_count_in_no_stretch() -> None:
    assert cards.strip(view([999, 0, 8, 999], left_out=(0, 3)), stretches=4) == (-1, 0, 15, -1)
    assert cards.strip(view([999, 0, 8, 999], left_out=(0, 3)), stretches=2) == (0, 15)


def test_a_document_without_content_has_an_empty_strip() -> None:
    assert cards.strip(view([1, 2], left_out=(0, 1))) == (-1, -1)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=300), st.data())
def test_a_strip_is_short_and_in_range(values: list[float], data: st.DataObject) -> None:
    left_out = data.draw(st.sets(st.integers(0, len(values) - 1)))
    strip = cards.strip(view(values, left_out=tuple(left_out)))
    assert len(strip) == min(len(values), 96)
    assert all(-1 <= heat <= 15 for heat in strip)
    assert all(heat >= 0 for heat in strip) or left_out


@pytest.mark.parametrize("report", [reports.example(), *map(reports.infected, reports.PAYLOADS)])
def test_a_card_comes_back_equal_from_json(report: Report) -> None:
    card = cards.card(report, name="x", files=["report.html"])
    assert cards.restored(json.loads(json.dumps(cards.plain(card)))) == card


def test_other_values_are_no_card() -> None:
    assert cards.restored({"name": "x"}) is None


def test_what_nothing_can_write_is_replaced() -> None:
    example = replace(reports.example().example, title="a\ud800b", id="\udfff")
    card = cards.card(replace(reports.example(), example=example), name="x")
    assert (card.title, card.id) == ("a\ufffdb", "\ufffd")
