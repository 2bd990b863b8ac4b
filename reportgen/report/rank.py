"""Turn scores into rankings. Rank 1 is the largest; equal values rank in the order of their positions.

The order within a head comes from the unscaled weights: a positive importance does not change it, and a head with
importance 0 still has an order.
"""

import numpy as np
import numpy.typing as npt

from reportgen.core.nouns.records import Attention, Floats, Integers, Rankings, Scores, Tokens


def rank(attention: Attention, scores: Scores, tokens: Tokens, *, top_k: int) -> Rankings:
    """All rankings of one example."""
    ranks, order = rank_tokens(scores.received)
    counts = count_attended(attention.attended_positions, attention.attended_weights)
    content = np.flatnonzero(tokens.content).astype(np.int32)
    return Rankings(
        ranks=ranks,
        top_positions=order[:, :, :top_k],
        by_score=content[descending(scores.total[content])],
        by_reader=None if scores.reader is None else content[descending(scores.reader[content])],
        by_count=content[descending(counts.sum(axis=(0, 1))[content])],
        attended_counts=counts,
    )


def descending(values: npt.NDArray[np.number]) -> npt.NDArray[np.intp]:
    """Indices along the last axis, largest value first, equal values in their own order."""
    return np.argsort(-values, axis=-1, kind="stable")


def rank_tokens(received: Floats) -> tuple[Integers, Integers]:
    """Rank of every token in every layer and head, and the positions in that order; both (layer, head, token)."""
    order = descending(received)
    ranks = np.empty(order.shape, np.int32)
    np.put_along_axis(ranks, order, np.arange(1, order.shape[-1] + 1, dtype=np.int32)[None, None], axis=-1)
    return ranks, order.astype(np.int32)


def count_attended(positions: Integers, weights: Floats) -> Integers:
    """How often each token is among the k most attended tokens of other tokens, shape (layer, head, token).

    Args:
        positions: (layer, head, query, k).
        weights: (layer, head, query, k); a token attended with weight 0 is not counted.
    """
    layers, heads, tokens, _ = positions.shape
    own = np.arange(tokens, dtype=np.int32)[:, None]
    first = np.arange(0, heads * tokens, tokens)[:, None, None]  # one number for every head and token
    counts = np.empty((layers, heads, tokens), np.int32)
    for layer in range(layers):  # one at a time stays in the processor's cache
        others = (positions[layer] != own) & (weights[layer] > 0)
        found = np.bincount((positions[layer] + first)[others], minlength=heads * tokens)
        counts[layer] = found.reshape(heads, tokens)
    return counts
