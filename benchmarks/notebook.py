"""The steps of the notebook in plain NumPy, rewritten, to compare reportgen's stages with.

Every layer becomes a dense matrix, all are scaled and kept, every row is sorted, pandas makes the tables. Slow and
large, and easy to see to be right: a test compares its results with those of the stages.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.float32]
Order = npt.NDArray[np.int64]


def convert(local: Array, global_: Array, window: int) -> Array:
    """The dense matrix of one layer, (head, query, key), the first token global.

    Args:
        local: (head, query, 1 + window + 1).
        global_: What the first token attends to, (head, key, 1).
        window: Tokens that a token sees left and right of itself, together.
    """
    heads, tokens, _ = local.shape
    half = window // 2
    dense = np.zeros((heads, tokens, tokens), np.float32)
    for query in range(tokens):
        first, last = max(query - half, 0), min(query + half, tokens - 1)
        columns = slice(1 + first - query + half, 2 + last - query + half)
        dense[:, query, first : last + 1] = local[:, query, columns]
        dense[:, query, 0] += local[:, query, 0]
    dense[:, 0] = global_[..., 0]
    return dense


def scale(dense: Array, importance: Array) -> tuple[Array, Array]:
    """Weighed attention, (layer, head, query, key), and min-max normalised sums over queries, (layer, head, key)."""
    weighed = dense * importance[:, :, None, None]
    received = weighed.sum(axis=2, dtype=np.float64)
    return weighed, ((received - received.min()) / (received.max() - received.min())).astype(np.float32)


def rank(dense: Array) -> Order:
    """Positions of every layer and head, most received first, (layer, head, rank)."""
    return np.argsort(-dense.sum(axis=2, dtype=np.float64), axis=-1, kind="stable")


def attended(weighed: Array, k: int) -> Order:
    """The k keys that every query attends to most, (layer, head, query, k): every row is sorted."""
    layers, heads, tokens, _ = weighed.shape
    found = np.empty((layers, heads, tokens, k), np.int64)
    for layer in range(layers):
        for head in range(heads):
            found[layer, head] = np.argsort(-weighed[layer, head], axis=-1, kind="stable")[:, :k]
    return found


def tables(weighed: Array, scores: Array, order: Order, attended: Order, strings: list[str], folder: Path) -> None:
    """Three tables as Parquet, with the columns of reportgen's."""
    tokens, k = attended.shape[2:]
    names = np.array(strings, object)
    layer, head, position = (index.ravel() for index in np.indices(scores.shape))
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, tokens + 1), axis=-1)
    everything = pd.DataFrame({"layer": layer + 1, "head": head + 1, "position": position, "token": names[position]})
    everything["attention_scores"], everything["rank"] = scores.ravel(), ranks.ravel()
    everything.to_parquet(folder / "token_attention.parquet")
    everything[everything["rank"] <= k].to_parquet(folder / "top_tokens.parquet")
    layer, head, query, place = (index.ravel() for index in np.indices(attended.shape))
    keys = attended.ravel()
    pairs = pd.DataFrame({"token": names[query], "self_position": query, "attended_token": names[keys]})
    pairs["token_position"], pairs["attention_scores"] = keys, weighed[layer, head, query, keys]
    pairs["layer"], pairs["head"], pairs["rank"] = layer + 1, head + 1, place + 1
    pairs.to_parquet(folder / "attended_tokens.parquet")
