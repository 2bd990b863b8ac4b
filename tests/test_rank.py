"""rank: scores -> rankings."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen import rank
from reportgen.records import Attention, Floats, Rankings, Scores, Tokens
from tests import slow


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
        reader_position=None,
        global_positions=(),
        windows=(),
        row_error=0.0,
        zero_share=0.0,
    )


def scored(total: object) -> Scores:
    """Scores of which only the total matters."""
    values = np.asarray(total, np.float32)
    return Scores(values[None, None], values, values, None, np.ones((1, 1), np.float32), np.ones(1, np.float32))


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
        scored([0.9, 0.3, 0.4, 0.8]),
        tokens((True, False, False, True)),
        top_k=2,
    )
    assert found.ranks.tolist() == [[[4, 1, 2, 3]]]  # of two equal tokens the first comes first
    assert found.top_positions.tolist() == [[[1, 2]]]
    assert found.by_score.tolist() == [2, 1]
    assert found.by_count.tolist() == [1, 2]
    assert found.by_reader is None
    assert found.attended_counts.tolist() == [2, 2, 1, 0]  # not of oneself, not with weight 0


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
            assert ranks[layer, head].tolist() == slow.ranks(values)


@given(RECEIVED, st.floats(0.125, 8))
def test_a_positive_factor_changes_no_rank(received: Floats, factor: float) -> None:
    """So a head's order may come from its unscaled weights."""
    np.testing.assert_array_equal(rank.rank_tokens(received)[0], rank.rank_tokens(received * np.float32(factor))[0])


def test_a_document_of_special_tokens_has_nothing_to_rank_by_score() -> None:
    """No content, no order, no error."""
    found = rank.rank(
        attention(np.ones((1, 1, 2), np.float32), [[[[0], [1]]]], [[[[1], [1]]]]),
        scored([1, 0]),
        tokens((True, True)),
        top_k=5,
    )
    assert found.by_score.tolist() == []
    assert found.top_positions.shape == (1, 1, 2)


def test_counts_add_up_over_layers_and_heads() -> None:
    """Token 1 is attended by token 0 in each of two layers and two heads."""
    positions = np.ones((2, 2, 2, 1), np.int32)
    assert rank.count_attended(positions, np.ones(positions.shape, np.float32)).tolist() == [0, 4]


def cut(text: str, *pieces: str) -> Tokens:
    """Tokens of *text*: a special one, then *pieces* in order."""
    spans, end = [(0, 0)], 0
    for piece in pieces:
        start = text.index(piece, end)
        end = start + len(piece)
        spans.append((start, end))
    starts, ends = zip(*spans, strict=True)
    blank = tuple(not text[a:b].strip() for a, b in spans)
    special = (True,) + (False,) * len(pieces)
    return Tokens(tuple(range(len(spans))), ("x",) * len(spans), starts, ends, special, blank, len(spans))


def test_pieces_that_stand_together_are_one_word() -> None:
    """Signs are words of their own; white space and special tokens are in none."""
    text = "The Longformer, long-\nformer"
    tokens = cut(text, "The", "Long", "former", ",", "long", "-", "\n", "former")
    assert rank.whole_words(text, tokens) == (
        ("The", (1,)), ("Longformer", (2, 3)), (",", (4,)), ("long", (5,)), ("-", (6,)), ("former", (8,))
    )  # fmt: skip


@given(st.text(alphabet="ab ,\u0301\n", max_size=20), st.lists(st.integers(0, 20), max_size=8))
def test_every_content_token_is_in_exactly_one_word(text: str, cuts: list[int]) -> None:
    edges = sorted({0, len(text), *(min(at, len(text)) for at in cuts)})
    spans = list(pairwise(edges)) or [(0, 0)]
    starts, ends = zip(*spans, strict=True)
    blank = tuple(not text[a:b].strip() for a, b in spans)
    no = (False,) * len(spans)
    tokens = Tokens(tuple(range(len(spans))), ("x",) * len(spans), starts, ends, no, blank, len(spans))
    found = [position for _, positions in rank.whole_words(text, tokens) for position in positions]
    assert found == np.flatnonzero(tokens.content).tolist()


def test_words_are_counted_over_all_their_occurrences() -> None:
    """Case does not make another word; the pieces of an occurrence add up."""
    words = (("The", (1,)), ("the", (2,)), ("head", (3, 4)), ("tie", (5,)))
    counts = rank.count_words(words, np.array([9, 1, 2, 3, 2, 3], np.int32))
    assert [(c.word, c.occurrences, c.attended) for c in counts] == [("head", 1, 5), ("the", 2, 3), ("tie", 1, 3)]


def test_words_of_another_document_are_an_error() -> None:
    with pytest.raises(IndexError):
        rank.count_words((("a", (7,)),), np.array([1, 2], np.int32))


def test_top_words_are_whole_words_once_each_and_no_signs() -> None:
    words = (("Deep", (0,)), ("!", (1,)), ("deep", (2,)), ("Longformer", (3, 4)))
    by_score = np.array([4, 1, 2, 0, 3], np.int32)
    nothing = np.zeros(5, np.int32)
    rankings = Rankings(nothing, nothing, by_score, None, nothing, nothing)
    assert rank.top_words(words, rankings, count=5) == ("Longformer", "deep")
