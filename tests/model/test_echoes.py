"""Echoes of position: the tokens of a document where the position of a special or global token repeats.

The oracle is the table itself: a token is an echo if its row equals that of such a token.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reportgen import pipeline
from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.nouns.records import Report, Tokens
from reportgen.data import choice
from reportgen.model.classifier import Classifier
from reportgen.model.reading import long_documents
from tests import tiny

PERIOD = 24
TEXT = "Attention heads of a long document classifier attend to tokens; a window sees its neighbours.\n"


def document(length: int, *, lead: int = 1, trail: int = 1) -> Tokens:
    special = tuple(place < lead or place >= length - trail for place in range(length))
    return replace(tiny.document(length), special=special, blank=special)


def echoes(tokens: Tokens, **how: Any) -> tuple[int, ...]:
    return long_documents.plan(tokens, **how).tokens.echoes


def test_multiples_of_the_period_are_echoes_of_the_first_token() -> None:
    assert echoes(document(90), length=90, period=20) == (20, 40, 60, 80)
    assert echoes(document(90), length=90, period=None) == ()
    assert echoes(document(20), length=90, period=20) == ()  # it ends before


def test_every_special_and_global_token_at_the_start_has_its_echoes() -> None:
    assert echoes(document(50, lead=2), length=50, period=20) == (20, 21, 40, 41)
    assert echoes(document(50), length=50, period=20, global_positions=(0, 7)) == (20, 27, 40, 47)
    assert echoes(document(50, lead=0), length=50, period=20, global_positions=(3,)) == (23, 43)


def test_special_and_global_tokens_are_no_echoes() -> None:
    """The last one is special, and so is one inside; a global token beyond the period has no echoes either."""
    tokens = document(61)
    inside = replace(tokens, special=(*tokens.special[:40], True, *tokens.special[41:]))
    assert echoes(inside, length=61, period=20) == (20,)
    assert echoes(document(61), length=61, period=20, global_positions=(0, 25, 40)) == (20,)


def test_a_document_without_special_tokens_at_its_start_has_no_echoes() -> None:
    assert echoes(document(60, lead=0), length=60, period=20) == ()


def test_in_windows_positions_count_from_the_start_of_the_window_by_hand() -> None:
    """Two windows of 28 text tokens over 40: the first reads 1 to 28, the second 13 to 40, its text from position 1.

    Tokens 1 to 20 belong to the first, where none is at position 25 yet. Token 37 is at 25 of the second.
    """
    plan = long_documents.plan(document(42), length=30, period=25)
    assert [(window.start, window.own) for window in plan.windows] == [(1, range(1, 21)), (13, range(21, 41))]
    assert plan.tokens.echoes == (37,)


@given(st.integers(30, 150), st.integers(24, 60), st.integers(17, 40), st.integers(0, 15))
def test_in_windows_an_echo_has_the_row_of_the_first_token(length: int, takes: int, period: int, stride: int) -> None:
    """Against a table of rows, looked up where the window reads each token."""
    rows = np.tile(np.arange(period), 10)
    plan = long_documents.plan(document(length), length=takes, stride=stride, period=period)
    wanted = set()
    for window in plan.windows:
        read = plan.positions(window) if len(plan.windows) > 1 else np.arange(length)
        mine = [place for place, position in enumerate(read) if position in window.own]
        wanted |= {int(read[place]) for place in mine if rows[place] == rows[0]}
    assert set(plan.tokens.echoes) == wanted


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return tiny.classifier(tiny.repeated(tiny.longformer(), period=PERIOD), max_length=128)


def analysed(classifier: Classifier, text: str = TEXT * 2, **settings: Any) -> Report:
    config = Config(text=text, **settings)
    return pipeline.analyse(config, classifier, choice.choose(config), Clock())


def test_a_report_names_its_echoes_and_their_share(classifier: Classifier) -> None:
    """The share is recomputed from the weights that the model itself returns."""
    report = analysed(classifier)
    positions = list(range(PERIOD, len(report.tokens) - 1, PERIOD))
    assert report.tokens.echoes == tuple(positions)
    assert report.attention.period == PERIOD
    (warning,) = (one for one in report.warnings if one.code == "echoes")
    public = tiny.public(classifier.model, report.tokens.ids, global_positions=(0,))
    held = sum(
        float(layer[0, :, q, 1 + 4 + p - q].sum()) for layer in public.attentions for p in positions
        for q in range(max(p - 4, 1), min(p + 5, len(report.tokens)))
    ) + sum(float(layer[0, :, positions].sum()) for layer in public.global_attentions)  # fmt: skip
    share = held / (2 * 2 * len(report.tokens))
    assert f"{len(positions)} tokens where the position of <s> repeats" in warning.message
    assert f"hold {share:.1%} of the attention" in warning.message
    assert f"at {positions[0]}, " in warning.message


def test_the_marking_changes_no_number(classifier: Classifier) -> None:
    marked, plain = analysed(classifier), analysed(replace(classifier, period=None))
    assert (marked.tokens.ids, marked.prediction) == (plain.tokens.ids, plain.prediction)
    assert replace(marked.attention, period=None) == plain.attention
    assert plain.tokens.echoes == () != marked.tokens.echoes


def test_kept_echoes_are_content_and_named_still(classifier: Classifier) -> None:
    kept = analysed(classifier, echoes="keep")
    assert kept.tokens.echoes == analysed(classifier).tokens.echoes
    assert kept.tokens.content[list(kept.tokens.echoes)].all()
    (warning,) = (one for one in kept.warnings if one.code == "echoes")
    assert "coloured and ranked like other tokens" in warning.message


def test_a_causal_model_with_a_repeated_table_has_echoes_of_its_special_token() -> None:
    model = tiny.repeated(tiny.dense("gpt2"), "transformer.wpe", period=PERIOD, skip=0)
    report = analysed(tiny.classifier(model, global_positions=(), max_length=64))
    assert report.tokens.echoes == (PERIOD, 2 * PERIOD)


def test_rows_of_echoes_are_those_of_the_first_token(classifier: Classifier) -> None:
    """What the model adds to the word at an echo is what it adds to <s>."""
    table = classifier.model.get_parameter("longformer.embeddings.position_embeddings.weight")
    report = analysed(classifier)
    for position in range(1, len(report.tokens) - 1):
        same = torch.equal(table[position + 2], table[2])  # RoBERTa counts from 2
        assert report.tokens.echo[position] == same
