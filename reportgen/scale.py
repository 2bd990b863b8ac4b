"""Weigh received attention by head importance and bring it to one scale.

attention_scores = min-max of (importance * received) over all layers, heads and tokens of the example, so that
scores of different heads can be compared and added. Order within a head is not decided here: see `rank.py`.
"""

import numpy as np

from reportgen.records import Attention, Floats, HeadImportance, Scores


def scale(attention: Attention, importance: HeadImportance) -> Scores:
    """Scores of every token in every layer and head, and their sums over heads and layers.

    Where importance would make every score 0, the unscaled attention is scored instead and `weighed` is False.
    """
    weighed = bool(np.any(importance.values))
    values = importance.values if weighed else np.ones_like(importance.values)
    scores = normalise(weigh(attention.received, values))  # (layer, head, token)
    return Scores(
        attention_scores=scores,
        total=scores.sum(axis=(0, 1), dtype=np.float64).astype(np.float32),
        last_layer=scores[-1].sum(axis=0, dtype=np.float64).astype(np.float32),
        reader=None if attention.reader is None else reader_scores(attention.reader[-1], values[-1]),
        weighed=weighed,
    )


def weigh(received: Floats, importance: Floats) -> Floats:
    """Weigh: importance (layer, head) x received (layer, head, token) -> (layer, head, token)."""
    return received * importance[:, :, None]


def normalise(values: Floats) -> Floats:
    """Min-max over the whole array to 0..1; all 0 where all values are equal."""
    low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.zeros_like(values)
    return ((values.astype(np.float64) - low) / (high - low)).astype(np.float32)


def reader_scores(row: Floats, importance: Floats) -> Floats:
    """The classifier's row of the last layer, (head, token), weighed and summed over heads, (token,).

    A last layer whose heads all have importance 0 is summed unweighed: its order is still an order.
    """
    factors = importance if np.any(importance) else np.ones_like(importance)
    total: Floats = (row * factors[:, None]).sum(axis=0, dtype=np.float64).astype(np.float32)
    return total
