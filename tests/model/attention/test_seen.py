"""seen: how many queries can see a token, from the shape of a layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.clock import Clock
from reportgen.core.nouns.records import DenseAttention, SlidingWindowAttention
from reportgen.model.attention.seen import seen
from reportgen.model.reading import long_documents
from tests import reference, tiny


def windowed(tokens: int, window: int, globals_: tuple[int, ...]) -> SlidingWindowAttention:
    x = len(globals_)
    return SlidingWindowAttention(torch.zeros(1, tokens, x + window + 1), torch.zeros(1, tokens, x), globals_, window)


def test_seven_tokens_in_a_window_of_four_by_hand() -> None:
    """Token 0 is global: all see it, and it sees all. Token 1 is seen by 1, 2, 3 and by 0; token 3 by 1 to 5 and 0."""
    assert seen(windowed(7, 4, (0,))).tolist() == [7, 4, 5, 6, 6, 5, 4]


@given(st.integers(1, 40), st.integers(1, 10), st.sets(st.integers(0, 39), max_size=4))
def test_it_counts_the_queries_of_the_window_and_the_global_ones(tokens: int, half: int, chosen: set[int]) -> None:
    globals_ = tuple(sorted(place for place in chosen if place < tokens))
    wanted = reference.visible(tokens, 2 * half, globals_).sum(axis=0)
    assert seen(windowed(tokens, 2 * half, globals_)).tolist() == wanted.tolist()


@given(st.integers(1, 30), st.integers(0, 99))
def test_in_a_causal_layer_a_token_is_seen_by_itself_and_those_behind_it(tokens: int, seed: int) -> None:
    weights = torch.rand(3, tokens, tokens, generator=torch.Generator().manual_seed(seed)).tril() + torch.eye(tokens)
    weights[0, tokens // 2 :, 0] = 0  # of one head, nothing is left of these after rounding
    assert seen(DenseAttention(weights)).tolist() == list(range(tokens, 0, -1))


@pytest.mark.parametrize(
    ("kind", "settings", "wanted"),
    [
        ("bert", {}, [[20] * 20] * 2),
        ("gpt2", {}, [list(range(20, 0, -1))] * 2),
        ("modernbert", {"local_attention": 8, "cls_token_id": 0, "sep_token_id": 2},
         [[20] * 20, [min(k + 4, 19) - max(k - 4, 0) + 1 for k in range(20)]]),
        ("mistral", {"sliding_window": 5}, [[min(5, 20 - k) for k in range(20)]] * 2),
    ],
)  # fmt: skip
def test_models_of_other_shapes(kind: str, settings: dict[str, int], wanted: list[list[int]]) -> None:
    classifier = tiny.classifier(tiny.dense(kind, **settings), global_positions=())
    plan = long_documents.plan(tiny.document(20), length=64)
    (read,) = long_documents.read(classifier, [plan], top_k=3, clock=Clock())
    assert [layer.seen.tolist() for layer in read.layers] == wanted


def test_in_windows_it_is_counted_in_the_window_of_the_token() -> None:
    """Two windows of 30 tokens with 28 of the text: token 21 is the first of the second one, where it is at 9."""
    classifier = tiny.classifier(tiny.longformer(windows=(8,)), max_length=30)
    document = tiny.document(42)
    document = replace(document, special=(True, *[False] * 40, True))
    plan = long_documents.plan(document, length=30, global_positions=(0,))
    (read,) = long_documents.read(classifier, [plan], top_k=3, clock=Clock())
    whole = reference.visible(30, 8, (0,)).sum(axis=0)
    assert [window.own for window in plan.windows] == [range(1, 21), range(21, 41)]
    assert read.layers[0].seen.tolist() == [30, *whole[1:21], *whole[9:29], whole[29]]
    np.testing.assert_array_equal(read.layers[0].seen[[0, 41]], [30, whole[29]])
