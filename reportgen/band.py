"""Walk once over the sliding window of a layer, and reduce what lies on its diagonals: the weights on one key.

In the window's own layout (see `convert.py`) the queries that weigh one key stand on a diagonal. A block of them is
copied into a buffer whose rows are one column longer than its step, which turns the diagonals upright; while it lies
in the processor's cache everything is taken from it that is asked by key.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from reportgen.records import SlidingWindowAttention
from reportgen.top_k import GROUP, largest_groups, of_contenders, of_rows, rows_at_once

STRETCHES = 64  # rows and columns of a map
BLOCK = 128  # queries at once: their copy stays in the processor's cache
LARGE_BLOCK = 512  # where a step is a launch: fewer, larger steps


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk over the window of a layer gives; global tokens, which stand beside the window, are not in it."""

    received: Tensor  # (head, key), sum over queries, float64
    stretches: Tensor  # (head, stretch, stretch), sum over the queries of one and the keys of the other, float64
    maxima: Tensor  # (head, group of queries, key), see `attending`; float32


def stretches(tokens: int) -> Tensor:
    """The stretch of every token, (token,): `STRETCHES` of equal length as far as they divide, fewer if short."""
    return torch.arange(tokens) * min(STRETCHES, tokens) // tokens


def walk(attention: SlidingWindowAttention, *, own: Tensor | None = None, counted: range | None = None) -> Walk:
    """Reduce the window of one layer by key.

    Args:
        attention: One layer of one document.
        own: The stretch of every token, (token,), ascending, on the CPU; those of `stretches` if left out.
        counted: The queries that count in `Walk.stretches`; all if left out.
    """
    heads, tokens, width = attention.local.shape
    own = stretches(tokens) if own is None else own
    x, half = len(attention.global_positions), attention.window // 2
    device, window = attention.local.device, attention.local[..., x:]
    reach = -(-half // GROUP) * GROUP  # how far a group of queries sees, in whole groups
    block = min(BLOCK if device.type == "cpu" else LARGE_BLOCK, -(-tokens // GROUP) * GROUP)
    span = block + 2 * reach  # keys that a block of queries reaches, from `reach` before the first query
    buffer = torch.zeros(heads, block, span, device=device)
    # query q of the block begins in column q + reach - half, so that all weights on one key stand in one column
    skewed = buffer.as_strided((heads, block, width - x), (block * span, span + 1, 1), reach - half)
    grouped = buffer.as_strided(
        (heads, block // GROUP, GROUP, 2 * reach + GROUP), (block * span, GROUP * (span + 1), span, 1)
    )
    starts, all_asked = _asked(own, range(tokens) if counted is None else counted, block)
    padded = len(starts) * block
    last, rows = int(own[-1]) + 1, all_asked.shape[1] - 1
    by_key = torch.zeros(heads, last + rows, padded + 2 * reach, device=device)  # the last row: what does not count
    maxima = torch.empty(heads, (padded + 2 * reach) // GROUP, 2 * reach + GROUP, device=device)
    maxima[:, : reach // GROUP] = 0
    maxima[:, padded // GROUP + reach // GROUP :] = 0
    for start, stretch, asked in zip(range(0, tokens, block), starts, all_asked.to(device), strict=True):
        end = min(start + block, tokens)
        skewed[:, : end - start] = window[:, start:end]
        if end - start < block:
            skewed[:, end - start :] = 0
        group = (start + reach) // GROUP
        torch.amax(grouped, dim=2, out=maxima[:, group : group + block // GROUP])
        keys = torch.matmul(asked, buffer)  # (head, stretch of the block or uncounted, key)
        by_key[:, stretch : stretch + rows, start : start + span] += keys[:, :-1]
        by_key[:, -1, start : start + span] += keys[:, -1]
    by_key = by_key[..., reach : reach + tokens]
    member = torch.nn.functional.one_hot(own).float().to(device)  # (token, stretch), 1 or 0
    sums = (by_key[:, :last] @ member).double()
    return Walk(by_key.sum(dim=1, dtype=torch.float64), sums, maxima)


def attended(attention: SlidingWindowAttention, *, k: int) -> tuple[Tensor, Tensor]:
    """The k keys that every query attends to most, and their weights, both (head, query, k); see `convert.attended`.

    Right for queries that are not global: the rows of these are 0.
    """
    tokens = attention.local.shape[1]
    globals_ = torch.tensor(attention.global_positions, dtype=torch.int64, device=attention.local.device)
    x, half = len(globals_), attention.window // 2

    def position(columns: Tensor, queries: Tensor) -> Tensor:
        keys = columns + (queries - x - half)
        return torch.where(columns < x, globals_[columns.clamp(max=x - 1)], keys) if x else keys

    return of_rows(attention.local, k=k, tokens=tokens, position=position, lead=x)


def attending(attention: SlidingWindowAttention, maxima: Tensor, *, k: int) -> tuple[Tensor, Tensor]:
    """The k queries that attend most to every key, and their weights, both (head, key, k); see `convert.attending`.

    Right for keys that are not global: of these the window says nothing.

    Args:
        attention: One layer of one document.
        maxima: The largest weight on a key within a group of queries. Groups that would stand before and behind the
            document, as far as a key sees, are zeros; the columns of a group are the keys that it reaches.
        k: How many queries; at most the number of tokens.
    """
    heads, tokens, _ = attention.local.shape
    device, k = attention.local.device, min(k, tokens)
    reached = maxima.shape[2]  # 2 reach + GROUP
    around = (reached - GROUP) // GROUP  # groups that a key sees beside its own
    rows = -(-tokens // GROUP)
    # subtle: the next group that a key sees has it GROUP columns earlier; so keys of a group share their groups
    by_key = maxima.as_strided(
        (heads, rows, GROUP, around + 1), (maxima.stride(0), reached, 1, reached - GROUP), around * GROUP
    )
    positions = torch.empty(heads, tokens, k, dtype=torch.int64, device=device)
    best = torch.empty(heads, tokens, k, dtype=attention.local.dtype, device=device)
    size = rows_at_once(8 * heads * GROUP * (k + 1), device)
    for start in range(0, tokens, size):
        keys = torch.arange(start, min(start + size, tokens), device=device)
        seen = by_key[:, start // GROUP : -(-(start + len(keys)) // GROUP)].flatten(1, 2)[:, : len(keys)]
        first = (largest_groups(seen, k + 1) + (keys // GROUP - around // 2)[:, None]) * GROUP
        weights, position = _contenders(attention, keys, first)
        whole = functools.partial(_whole_diagonals, attention, start)
        found = of_contenders(weights, position, whole, k=k, tokens=tokens)
        positions[:, start : start + size], best[:, start : start + size] = found
    return positions, best


def _contenders(
    attention: SlidingWindowAttention, keys: Tensor, first: Tensor
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """The weights on *keys*, (key,), of groups of queries from *first*, (head, key, group), and of global tokens.

    Returns:
        Weights (head, key, query of a group, then global one), 0 where a query does not see the key; and what gives
        the positions of such queries.
    """
    count = first.shape[2] * GROUP
    globals_ = torch.tensor(attention.global_positions, dtype=torch.int64, device=keys.device)
    weights = attention.local.new_empty(*first.shape[:2], count + len(globals_))
    heads = torch.arange(len(first), device=keys.device)[:, None, None]
    weights[..., :count] = _on_diagonals(attention, heads, keys[:, None], first, run=GROUP)
    weights[..., count:] = attention.global_[:, keys]

    def position(columns: Tensor) -> Tensor:
        groups = columns // GROUP
        queries = first.gather(2, groups.clamp(max=first.shape[2] - 1)) + columns % GROUP
        if not len(globals_):
            return queries
        return torch.where(columns < count, queries, globals_[(columns - count).clamp(min=0)])

    return weights, position


def _whole_diagonals(attention: SlidingWindowAttention, start: int, head: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
    """`top_k.WholeRows`, row 0 being the key *start*."""
    half, keys = attention.window // 2, row + start
    first = (keys - half)[None, :, None]
    weights = _on_diagonals(attention, head[None, :, None], keys[:, None], first, run=2 * half + 1)[0]
    queries = keys[:, None] + torch.arange(-half, half + 1, device=keys.device)
    globals_ = torch.tensor(attention.global_positions, dtype=torch.int64, device=keys.device)
    weights = torch.cat((weights, attention.global_[head, keys].to(weights.dtype)), dim=-1)
    return weights, torch.cat((queries, globals_.expand(len(keys), -1)), dim=-1)


def _on_diagonals(attention: SlidingWindowAttention, heads: Tensor, keys: Tensor, first: Tensor, *, run: int) -> Tensor:
    """What runs of neighbouring queries attend to a key with, 0 where they do not see it.

    Args:
        attention: One layer.
        heads: Of every run, (head, 1, 1) or (1, key, 1).
        keys: (key, 1).
        first: The first query of every run, (head, key, run).
        run: How many queries each has.

    Returns:
        Weights (head, key, run * query).
    """
    local = attention.local
    (_, tokens, _), (by_head, by_query, by_column) = local.shape, local.stride()
    half = attention.window // 2
    before = len(attention.global_positions) + half
    flat = local.as_strided((sum((n - 1) * s for n, s in zip(local.shape, local.stride(), strict=True)) + 1,), (1,))
    steps = torch.arange(run, device=local.device)
    begin = first * (by_query - by_column) + (heads * by_head + (keys + before) * by_column)
    at = begin[..., None] + steps * (by_query - by_column)
    weights = flat.take(at.clamp_(0, len(flat) - 1))
    low = (torch.maximum(keys - half, torch.zeros_like(keys)) - first).clamp(0, run).to(torch.int16)[..., None]
    high = (torch.clamp(keys + half, max=tokens - 1) - first).clamp(-1, run - 1).to(torch.int16)[..., None]
    steps = steps.to(torch.int16)
    weights.mul_((steps >= low) & (steps <= high))
    return weights.flatten(2)


def _asked(own: Tensor, counted: range, block: int) -> tuple[list[int], Tensor]:
    """The first stretch of every block of queries, and which query is in which of its stretches.

    Args:
        own: The stretch of every token, (token,), ascending.
        counted: The queries that count.
        block: Queries of a block.

    Returns:
        First stretches, and (block, stretch from the first, query), 1 or 0; the last row is of the queries that do
        not count.
    """
    places = torch.arange(len(own))
    first = own[::block]
    stretch = own - first[places // block]
    rows = int(stretch.max()) + 1
    counts = (places >= counted.start) & (places < counted.stop)
    asked = torch.zeros(len(first), rows + 1, block)
    asked[places // block, torch.where(counts, stretch, rows), places % block] = 1
    return first.tolist(), asked
