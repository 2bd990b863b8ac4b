"""Count the queries that can see each token of a layer, whatever weight they give it.

A token that fewer queries see receives less for that reason alone: near the ends of a sliding window, late in a causal
model.
"""

from __future__ import annotations

import functools

import numpy as np

from reportgen.core.nouns.records import DenseAttention, Integers, LayerAttention


def seen(attention: LayerAttention) -> Integers:
    """How many queries can see each key, shape (key,).

    A sliding window says so itself. In a dense layer a key is out of sight of a query if its weight is exactly 0 in
    every head: the mask is the same for all of them, and no underflow is.
    """
    if isinstance(attention, DenseAttention):
        visible = attention.weights.amax(dim=0) != 0  # (query, key)
        found: Integers = visible.sum(dim=0).cpu().numpy().astype(np.int32)
        return found
    return _in_window(attention.local.shape[1], attention.window // 2, attention.global_positions).copy()


@functools.cache
def _in_window(tokens: int, half: int, global_positions: tuple[int, ...]) -> Integers:
    """`seen` of a layer in which a query sees *half* tokens on either side and the global ones, which see all."""
    places = np.arange(tokens)
    globals_ = np.array(sorted(global_positions), np.int64)
    first, end = np.maximum(places - half, 0), np.minimum(places + half + 1, tokens)
    others = end - first - (np.searchsorted(globals_, end) - np.searchsorted(globals_, first))  # in the window
    others += len(globals_)
    others[globals_] = tokens
    found: Integers = others.astype(np.int32)
    return found
