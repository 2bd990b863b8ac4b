"""The definitions of design.md, section 3, as plain loops: slow, obvious, and written without reading convert.py.

Everything here takes and gives NumPy arrays or lists and computes in float64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def assemble(local: Array, global_: Array, global_positions: tuple[int, ...], window: int) -> Array:
    """The dense matrix (head, query, key) from Longformer's two outputs, one number at a time.

    Args:
        local: (head, query, x + window + 1).
        global_: (head, key, x).
        global_positions: The x tokens with global attention.
        window: Attention window.
    """
    heads, tokens, _ = local.shape
    x = len(global_positions)
    matrix = np.zeros((heads, tokens, tokens))
    for head in range(heads):
        for query in range(tokens):
            if query in global_positions:
                column = global_positions.index(query)
                for key in range(tokens):
                    matrix[head, query, key] = global_[head, key, column]
                continue
            for column, key in enumerate(global_positions):
                matrix[head, query, key] = local[head, query, column]
            for j in range(window + 1):
                key = query + j - window // 2
                if 0 <= key < tokens and key not in global_positions:
                    matrix[head, query, key] = local[head, query, x + j]
    return matrix


def received(matrix: Array) -> Array:
    """Column sums of a dense matrix, (head, query, key) -> (head, key)."""
    heads, queries, keys = matrix.shape
    total = np.zeros((heads, keys))
    for head in range(heads):
        for key in range(keys):
            total[head, key] = math.fsum(float(matrix[head, query, key]) for query in range(queries))
    return total


def order(values: Array) -> list[int]:
    """Positions of *values* (token,), largest first, lower position first among equals."""
    return sorted(range(len(values)), key=lambda position: (-float(values[position]), position))


def attended(matrix: Array, k: int) -> tuple[Array, Array]:
    """The k keys with the largest weights of every query and their weights, both (head, query, k)."""
    heads, queries, keys = matrix.shape
    k = min(k, keys)
    positions = np.array([[order(matrix[h, q])[:k] for q in range(queries)] for h in range(heads)])
    weights = np.array([[[matrix[h, q, key] for key in positions[h, q]] for q in range(queries)] for h in range(heads)])
    return positions, weights


def shares(matrix: Array, global_positions: tuple[int, ...], stretches: int) -> Array:
    """The matrix (head, query, key) made small: mean over the queries of a stretch, sum over the keys of another."""
    heads, tokens, _ = matrix.shape
    count = min(stretches, tokens)
    apart = 1 if global_positions else 0
    place = [0 if t in global_positions else apart + t * count // tokens for t in range(tokens)]
    small = np.zeros((heads, apart + count, apart + count))
    for head in range(heads):
        for row in range(apart + count):
            queries = [q for q in range(tokens) if place[q] == row]
            for query in queries:
                for key in range(tokens):
                    small[head, row, place[key]] += matrix[head, query, key] / len(queries)
    return small


def ranks(values: Array) -> list[int]:
    """Rank of every token of one head, 1 = largest."""
    found = [0] * len(values)
    for rank, position in enumerate(order(values), start=1):
        found[position] = rank
    return found


def visible(tokens: int, window: int, global_positions: tuple[int, ...]) -> Array:
    """Which keys each query may see in Longformer, (query, key), bool."""
    seen = np.zeros((tokens, tokens), dtype=bool)
    for query in range(tokens):
        for key in range(tokens):
            near = abs(query - key) <= window // 2
            seen[query, key] = near or key in global_positions or query in global_positions
    return seen


def longformer_attention(weights: dict[str, Array], hidden: Array, seen: Array, globals_: tuple[int, ...]) -> Array:
    """Attention of one Longformer layer from its own weights: softmax(q k^T / sqrt(size)) over what a query sees.

    Args:
        weights: "query.weight" (hidden, hidden), "query.bias" (hidden,), and so on; one more key "heads", a number.
        hidden: Input of the layer, (token, hidden).
        seen: From `visible`.
        globals_: Tokens with global attention; their rows use the global projections.
    """
    tokens, width = hidden.shape
    heads = int(weights["heads"])
    size = width // heads
    project = {name: hidden @ weights[f"{name}.weight"].T + weights[f"{name}.bias"] for name in PROJECTIONS}
    matrix = np.zeros((heads, tokens, tokens))
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        for query in range(tokens):
            of_query, of_key = ("query_global", "key_global") if query in globals_ else ("query", "key")
            scores = [
                float(project[of_query][query, part] @ project[of_key][key, part]) / math.sqrt(size)
                if seen[query, key]
                else -math.inf
                for key in range(tokens)
            ]
            highest = max(scores)
            parts = [math.exp(score - highest) for score in scores]
            matrix[head, query] = np.array(parts) / math.fsum(parts)
    return matrix


PROJECTIONS = ("query", "key", "query_global", "key_global")
