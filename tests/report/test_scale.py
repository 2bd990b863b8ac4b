"""scale: received attention and head importance -> scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.nouns.records import Attention, Floats, HeadImportance
from reportgen.report import scale


def attention(received: Floats, reader: Floats | None = None) -> Attention:
    """An `Attention` of which only received and reader matter here."""
    layers, heads, tokens = received.shape
    return Attention(
        received=received.astype(np.float32),
        reader=None if reader is None else reader.astype(np.float32),
        attended_positions=np.zeros((layers, heads, tokens, 1), np.int32),
        attended_weights=np.zeros((layers, heads, tokens, 1), np.float32),
        attending_positions=np.zeros((*received.shape, 1), np.int32),
        attending_weights=np.zeros((*received.shape, 1), np.float32),
        maps=np.ones((*received.shape[:2], 1, 1), np.float32),
        reader_position=None if reader is None else 0,
        global_positions=(),
        windows=(),
        row_error=0.0,
        zero_share=0.0,
    )


def importance(values: object) -> HeadImportance:
    """Head importance with these values."""
    return HeadImportance(np.asarray(values, np.float32), "taylor", "")


@st.composite
def cases(draw: st.DrawFn) -> tuple[Floats, Floats]:
    """Received attention (layer, head, token) and importance (layer, head), zeros and ties among them."""
    layers, heads, tokens = (draw(st.integers(1, 4)) for _ in range(3))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    received = rng.choice([0.0, 0.5, 1.0, rng.random() * 30], (layers, heads, tokens))
    return received.astype(np.float32), rng.choice([0.0, 0.25, 1.0], (layers, heads)).astype(np.float32)


def test_two_layers_by_hand() -> None:
    """Scaled: [[2, 0], [1, 3]] and [[0, 0], [2, 4]]; the minimum is 0 and the maximum 4 over the whole example."""
    received = np.array([[[2.0, 0.0], [0.5, 1.5]], [[7.0, 9.0], [1.0, 2.0]]], np.float32)
    reader = np.array([[[9.0, 9.0], [9.0, 9.0]], [[0.9, 0.1], [0.3, 0.7]]], np.float32)
    scores = scale.scale(attention(received, reader), importance([[1, 2], [0, 2]]))
    np.testing.assert_allclose(scores.attention_scores, [[[0.5, 0], [0.25, 0.75]], [[0, 0], [0.5, 1]]])
    np.testing.assert_allclose(scores.total, [1.25, 1.75])
    np.testing.assert_allclose(scores.last_layer, [0.5, 1.0])
    assert scores.reader is not None
    np.testing.assert_allclose(scores.reader, [0.6, 1.4])  # the last layer's row only, head 1 counts for nothing
    np.testing.assert_array_equal(scores.factors, [[1, 2], [0, 2]])


def test_the_minimum_is_taken_off_before_dividing() -> None:
    """2, 3, 6 become 0, 1/4, 1."""
    np.testing.assert_allclose(scale.normalise(np.array([2, 3, 6], np.float32)), [0, 0.25, 1])


@given(cases())
def test_scores_lie_in_0_to_1_and_reach_both_ends(case: tuple[Floats, Floats]) -> None:
    """One global minimum and maximum; where all is equal, all is 0 and nothing is divided by 0."""
    received, factors = case
    scores = scale.scale(attention(received), importance(factors)).attention_scores
    assert scores.shape == received.shape
    assert scores.min() == 0
    assert scores.max() in (0, 1)


@given(cases())
def test_scaling_and_summing_commute(case: tuple[Floats, Floats]) -> None:
    """Weighing rows and then summing over queries = summing and then weighing; here the last axis is the query."""
    rows, factors = case  # (layer, head, query)
    first = scale.weigh(rows, factors).sum(axis=-1)
    last = scale.weigh(rows.sum(axis=-1, keepdims=True), factors)[..., 0]
    np.testing.assert_allclose(first, last, rtol=1e-5)


@given(cases())
def test_totals_are_the_normalised_sum_of_the_scaled_attention(case: tuple[Floats, Floats]) -> None:
    """Normalising each cell and summing = summing the scaled attention, taking the minimum off once per cell."""
    received, factors = case
    scores = scale.scale(attention(received), importance(factors))
    used = factors if factors.any() else np.ones_like(factors)
    scaled = received.astype(float) * used[:, :, None]
    spread = scaled.max() - scaled.min()
    cells = received.shape[0] * received.shape[1]
    expected = (scaled.sum(axis=(0, 1)) - cells * scaled.min()) / spread if spread else np.zeros(received.shape[2])
    np.testing.assert_allclose(scores.total, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(scores.last_layer, scores.attention_scores[-1].sum(axis=0), rtol=1e-5)


def test_importance_of_zero_everywhere_shows_the_unscaled_attention() -> None:
    """All scores would be 0: the unscaled view is scored instead and says so."""
    received = np.array([[[1.0, 3.0], [2.0, 5.0]]], np.float32)
    nothing = scale.scale(attention(received, received), importance([[0, 0]]))
    plain = scale.scale(attention(received, received), importance([[1, 1]]))
    np.testing.assert_array_equal(nothing.factors, [[1, 1]])
    np.testing.assert_array_equal(nothing.attention_scores, plain.attention_scores)
    np.testing.assert_array_equal(nothing.reader, plain.reader)


def test_a_last_layer_without_important_heads_still_has_a_reader_order() -> None:
    """Importance 0 in the last layer alone: its row is summed unweighed."""
    received = np.array([[[1.0, 3.0]], [[2.0, 5.0]]], np.float32)
    scores = scale.scale(attention(received, received), importance([[1], [0]]))
    np.testing.assert_array_equal(scores.factors, [[1], [0]])
    np.testing.assert_array_equal(scores.reader_factors, [1])
    np.testing.assert_allclose(scores.reader, [2, 5])


def test_negative_importance_turns_the_order_around() -> None:
    """It is allowed (with a warning elsewhere): the most attended token scores lowest."""
    scores = scale.scale(attention(np.array([[[1.0, 3.0]]], np.float32)), importance([[-1]]))
    np.testing.assert_allclose(scores.total, [1, 0])


def test_no_reader_scores_without_a_reader_row() -> None:
    """Where the head pools over all tokens there is none."""
    assert scale.scale(attention(np.ones((1, 1, 2), np.float32)), importance([[1]])).reader is None


def test_importance_of_another_model_is_an_error() -> None:
    """Two layers of importance for one layer of attention are never broadcast."""
    with pytest.raises(ValueError, match="broadcast"):
        scale.scale(attention(np.ones((3, 1, 2), np.float32)), importance([[1], [2]]))
