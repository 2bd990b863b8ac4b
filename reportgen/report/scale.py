"""Weight received attention with head importance and scale it to 0 to 1.

attention_scores = min-max of (importance * received) over all layers, heads and tokens of the example, so that
scores of different heads can be compared and added. `rank.py` defines the order within a head.
"""

import numpy as np

from reportgen.core.nouns.records import Attention, Floats, HeadImportance, Report, Scores


def scale(attention: Attention, importance: HeadImportance, *, given: bool = False, per_query: bool = False) -> Scores:
    """Scores of every token in every layer and head, and their sums over heads and layers.

    They are made of the attention received in total, or *per_query*. Scores that someone else has computed (*given*)
    stay as they are. Where importance would make every score 0, every head counts the same instead: an order is still
    an order.
    """
    factors = _not_all_zero(importance.values)
    reader_factors = _not_all_zero(importance.values[-1])
    received = attention.per_query if per_query else attention.received
    weighed = weigh(received, factors)  # (layer, head, token)
    scores, base = (weighed, 0.0) if given else (normalise(weighed), above_none(weighed))
    return Scores(
        attention_scores=scores,
        total=scores.sum(axis=(0, 1), dtype=np.float64).astype(np.float32),
        last_layer=scores[-1].sum(axis=0, dtype=np.float64).astype(np.float32),
        reader=None if attention.reader is None else reader_scores(attention.reader[-1], reader_factors),
        factors=factors,
        reader_factors=reader_factors,
        received=received,
        base=base,
    )


def of_report(report: Report) -> Scores:
    """The scores that a report shows."""
    per_query = report.received == "per-query"
    return scale(report.attention, report.importance, given=report.given, per_query=per_query)


def weigh(received: Floats, importance: Floats) -> Floats:
    """Weigh: importance (layer, head) x received (layer, head, token) -> (layer, head, token)."""
    return received * importance[:, :, None]


def normalise(values: Floats) -> Floats:
    """Min-max over the whole array to 0..1; all 0 if all values are equal."""
    low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.zeros_like(values)
    return ((values.astype(np.float64) - low) / (high - low)).astype(np.float32)


def above_none(values: Floats) -> float:
    """What `normalise` takes from every score: added to it again, a score is in proportion to its attention.

    >>> above_none(np.array([1, 3], np.float32)), above_none(np.array([0, 3], np.float32))
    (0.5, 0.0)
    """
    low, high = float(values.min()), float(values.max())
    return low / (high - low) if high > low else 0.0


def reader_scores(row: Floats, factors: Floats) -> Floats:
    """The classifier's row of the last layer, (head, token), weighed by (head,) and summed over heads, (token,)."""
    total: Floats = (row * factors[:, None]).sum(axis=0, dtype=np.float64).astype(np.float32)
    return total


def _not_all_zero(importance: Floats) -> Floats:
    return importance if np.any(importance) else np.ones_like(importance)
