"""rank: scores -> rankings."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.nouns.records import Attention, Floats, Scores, Tokens
from reportgen.report import rank
from tests import reference


def tokens(special: tuple[bool, ...]) -> Tokens:
    """Tokens of one character each."""
    n = len(special)
    return Tokens(tuple(range(n)), ("x",) * n, tuple(range(n)), tuple(range(1, n + 1)), special, special, n)


def attention(received: Floats, positions: object, weights: object) -> Attention:
    """An `Attention` for ranking: received (layer, head, token), attended (layer, head, token, k)."""
    return Attention(
        received=received,
        reader=None,
        attended_positions=np.asarray(positions, np.int32),
        attended_weights=np.asarray(weights, np.float32),
        attending_positions=np.asarray(positions, np.int32),
        attending_weights=np.asarray(weights, np.float32),
        maps=np.ones((1, 1, 1, 1), np.float32),
        reader_position=None,
        global_positions=(),
        windows=(),
        row_error=0.0,
        zero_share=0.0,
    )


def scored(total: object, received: Floats) -> Scores:
    """Scores of which only the total and what they were made of matter."""
    values = np.asarray(total, np.float32)
    return Scores(
        values[None, None],
        values,
        values,
        None,
        np.ones((1, 1), np.float32),
        np.ones(1, np.float32),
        received,
        0.0,
    )


RECEIVED = st.builds(
    lambda layers, heads, length, levels, seed: (
        np.random.default_rng(seed).integers(0, levels, (layers, heads, length)).astype(np.float32) / 8
    ),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 30),
    st.sampled_from([1, 2, 5, 1000]),  # from all equal to hardly a tie
    st.integers(0, 2**16),
)


def test_four_tokens_by_hand() -> None:
    """Ranks, ties, the order by score without special tokens, and who is attended how often."""
    received = np.array([[[0.1, 0.5, 0.5, 0.2]]], np.float32)
    positions = [[[[1, 2], [1, 0], [1, 3], [3, 0]]]]
    weights = [[[[0.6, 0.4], [0.9, 0.1], [1.0, 0.0], [0.5, 0.5]]]]
    found = rank.rank(
        attention(received, positions, weights),
        scored([0.9, 0.3, 0.4, 0.8], received),
        tokens((True, False, False, True)),
        top_k=2,
    )
    assert found.ranks.tolist() == [[[4, 1, 2, 3]]]  # of two equal tokens the first comes first
    assert found.top_positions.tolist() == [[[1, 2]]]
    assert found.by_score.tolist() == [2, 1]
    assert found.by_count.tolist() == [1, 2]
    assert found.by_reader is None
    assert found.attended_counts.tolist() == [[[2, 2, 1, 0]]]  # not of oneself, not with weight 0


@given(RECEIVED)
def test_ranking_is_a_permutation(received: Floats) -> None:
    """Every rank from 1 to the number of tokens, once, and the order is its inverse."""
    ranks, order = rank.rank_tokens(received)
    everyone = np.broadcast_to(np.arange(received.shape[-1]), received.shape)
    np.testing.assert_array_equal(np.sort(ranks, axis=-1), everyone + 1)
    np.testing.assert_array_equal(np.take_along_axis(ranks, order, axis=-1), everyone + 1)


@given(RECEIVED)
def test_ranks_are_those_of_a_full_sort(received: Floats) -> None:
    """Largest first, lower position first among equals, in every layer and head on its own."""
    ranks, _ = rank.rank_tokens(received)
    for layer, heads in enumerate(received):
        for head, values in enumerate(heads):
            assert ranks[layer, head].tolist() == reference.ranks(values)


@given(RECEIVED, st.floats(0.125, 8))
def test_a_positive_factor_changes_no_rank(received: Floats, factor: float) -> None:
    """So a head's order may come from its unscaled weights."""
    np.testing.assert_array_equal(rank.rank_tokens(received)[0], rank.rank_tokens(received * np.float32(factor))[0])


def test_a_document_of_special_tokens_has_nothing_to_rank_by_score() -> None:
    """No content, no order, no error."""
    found = rank.rank(
        attention(np.ones((1, 1, 2), np.float32), [[[[0], [1]]]], [[[[1], [1]]]]),
        scored([1, 0], np.ones((1, 1, 2), np.float32)),
        tokens((True, True)),
        top_k=5,
    )
    assert found.by_score.tolist() == []
    assert found.top_positions.shape == (1, 1, 2)


def test_counts_are_kept_by_head_and_add_up() -> None:
    """Token 1 is attended by token 0 in each of two layers and two heads."""
    positions = np.ones((2, 2, 2, 1), np.int32)
    counts = rank.count_attended(positions, np.ones(positions.shape, np.float32))
    assert counts.tolist() == [[[0, 1], [0, 1]], [[0, 1], [0, 1]]]
    assert counts.sum(axis=(0, 1)).tolist() == [0, 4]
