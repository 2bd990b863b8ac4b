"""Turn one layer's attention into what every token receives, what it attends to, what attends to it, and a map.

One layer at a time; of Longformer's sliding window the dense matrix is built only by `dense`, on request.
Layout of the inputs: the output docstrings in transformers' ``modeling_longformer.py``. For window w and
x global tokens, column c < x of a row is the weight on global token c, and column x + j the weight on the key
at query + j - w/2. Rows of global tokens stand in the global attention instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from reportgen.errors import ModelError
from reportgen.records import DenseAttention, LayerAttention, LayerSummary, SlidingWindowAttention

ATTENDING = 5  # queries that are kept of those that attend to a key most
STRETCHES = 64  # rows and columns of a map
BLOCK = 128  # queries summed at once: their skewed copy stays in the processor's cache
EXACT_ROWS = 8192  # rows that are ranked exactly at once: bounds the memory of documents full of ties
LAST = 2**32 - 1  # position that sorts behind all others


def convert(
    attention: LayerAttention,
    *,
    top_k: int,
    reader: int | None,
    own: Tensor | None = None,
    queries: range | None = None,
) -> LayerSummary:
    """Reduce one layer to received attention, the classifier's row, the most attended tokens, and a map.

    Args:
        attention: One layer of one document.
        top_k: How many attended tokens to keep for every query; at most the number of tokens is kept.
        reader: Position whose row the classifier reads; None keeps no such row.
        own: See `shares`; what the rest of the summary says does not depend on it, or on *queries*.
        queries: See `shares`.

    Raises:
        ModelError: If the attention is not finite, or its shape is not the documented layout.
    """
    if isinstance(attention, SlidingWindowAttention):
        _check_layout(attention)
    row_error = row_sum_error(attention)
    positions, weights = attended(attention, top_k=top_k)
    from_, paid = attending(attention, top_k=min(top_k, ATTENDING))
    zeros, visible = exact_zeros(attention)
    return LayerSummary(
        received=received(attention).float().cpu().numpy(),
        reader=None if reader is None else row(attention, reader).float().cpu().numpy(),
        attended_positions=positions.to(torch.int32).cpu().numpy(),
        attended_weights=weights.float().cpu().numpy(),
        attending_positions=from_.to(torch.int32).cpu().numpy(),
        attending_weights=paid.float().cpu().numpy(),
        shares=shares(attention, own=own, queries=queries).float().cpu().numpy(),
        row_error=row_error,
        zeros=zeros,
        weights=visible,
    )


def received(attention: LayerAttention) -> Tensor:
    """Attention that each token receives from all queries, shape (head, key), float64."""
    if isinstance(attention, DenseAttention):
        return attention.weights.sum(dim=1, dtype=torch.float64)
    x = len(attention.global_positions)
    total = _band_column_sums(attention.local[..., x:], half=attention.window // 2)  # (head, key)
    if x:
        globals_ = list(attention.global_positions)
        total[:, globals_] += attention.local[..., :x].sum(dim=1, dtype=torch.float64)  # (head, x)
        total += attention.global_.sum(dim=2, dtype=torch.float64)  # (head, key)
    return total


def row(attention: LayerAttention, query: int) -> Tensor:
    """One query's attention on all keys, shape (head, key)."""
    return dense_rows(attention, torch.tensor([query], device=_device(attention)))[:, 0]


def column(attention: LayerAttention, key: int) -> Tensor:
    """What every query attends to one key with, shape (head, query)."""
    if isinstance(attention, DenseAttention):
        return attention.weights[..., key]
    heads, tokens, _ = attention.local.shape
    x, half, globals_ = len(attention.global_positions), attention.window // 2, list(attention.global_positions)
    if key in globals_:
        found = attention.local[..., globals_.index(key)].clone()
    else:
        near = torch.arange(max(key - half, 0), min(key + half + 1, tokens), device=_device(attention))
        found = attention.local.new_zeros(heads, tokens)
        found[:, near] = attention.local[:, near, x + half + key - near]
    found[:, globals_] = attention.global_[:, key].to(found.dtype)
    return found


def dense(attention: LayerAttention) -> Tensor:
    """The whole matrix of one layer, shape (head, query, key). Heads x tokens x tokens: ask for it knowingly."""
    if isinstance(attention, DenseAttention):
        return attention.weights
    return dense_rows(attention, torch.arange(attention.local.shape[1], device=_device(attention)))


def dense_rows(attention: LayerAttention, queries: Tensor) -> Tensor:
    """The rows of some queries over all keys, shape (head, len(queries), key)."""
    if isinstance(attention, DenseAttention):
        return attention.weights[:, queries]
    heads, tokens, _ = attention.local.shape
    x, half = len(attention.global_positions), attention.window // 2
    offsets = torch.arange(-half, half + 1, device=queries.device)
    keys = queries[:, None] + offsets  # (query, window + 1), some outside the document
    inside = (keys >= 0) & (keys < tokens)
    band = attention.local[:, queries, x:] * inside
    rows = band.new_zeros(heads, len(queries), tokens)
    rows.scatter_add_(2, keys.clamp(0, tokens - 1).expand(heads, -1, -1), band)
    for column, position in enumerate(attention.global_positions):
        rows[:, :, position] = attention.local[:, queries, column]
    for column, position in enumerate(attention.global_positions):
        rows[:, queries == position] = attention.global_[:, None, :, column]
    return rows


def attended(attention: LayerAttention, *, top_k: int) -> tuple[Tensor, Tensor]:
    """The k keys that every query attends to most, and their weights, both (head, query, k).

    Most attended first; equal weights in the order of their positions. A key outside the window counts with
    weight 0, so a query that sees fewer than k keys ends its list with the first positions it does not see.
    """
    if isinstance(attention, DenseAttention):
        everywhere = torch.arange(attention.weights.shape[-1])
        return _attended(attention.weights, everywhere, top_k=top_k, tokens=len(everywhere))
    _, tokens, width = attention.local.shape
    x, half = len(attention.global_positions), attention.window // 2
    columns = torch.arange(width, device=attention.local.device)
    keys = columns + (torch.arange(tokens, device=columns.device)[:, None] - x - half)  # (query, column)
    for column, position in enumerate(attention.global_positions):
        keys[:, column] = position
    positions, weights = _attended(attention.local, keys, top_k=top_k, tokens=tokens)
    if x:  # rows of global tokens are 0 in the band
        globals_ = list(attention.global_positions)
        paid = attention.global_.transpose(1, 2)  # (head, x, key)
        positions[:, globals_], weights[:, globals_] = _attended(paid, torch.arange(tokens), top_k=top_k, tokens=tokens)
    return positions, weights


def attending(attention: LayerAttention, *, top_k: int) -> tuple[Tensor, Tensor]:
    """The k queries that attend most to every key, and their weights, both (head, key, k).

    Most attending first; equal weights in the order of their positions. A key that fewer than k queries see ends its
    list with entries of weight 0, which stand for no query.
    """
    if isinstance(attention, DenseAttention):
        everywhere = torch.arange(attention.weights.shape[-1])
        return _attended(attention.weights.transpose(1, 2), everywhere, top_k=top_k, tokens=len(everywhere))
    heads, tokens, _ = attention.local.shape
    x, half = len(attention.global_positions), attention.window // 2
    width = 2 * half + 1
    padded = attention.local.new_zeros(heads, tokens + 2 * half, width)
    padded[:, half : half + tokens] = attention.local[..., x:]
    # subtle: a step of one row less one column walks up a diagonal, on which all queries weigh the same key
    columns = padded.as_strided((heads, tokens, width), (padded.stride(0), width, width - 1), width - 1)
    device = columns.device
    queries = torch.arange(tokens, device=device)[:, None] + torch.arange(-half, half + 1, device=device)
    positions, weights = _attended(columns, queries, top_k=top_k, tokens=tokens)
    if x:
        globals_ = list(attention.global_positions)
        positions, weights = _with_global_queries(positions, weights, attention, top_k=positions.shape[-1])
        paid = attention.local[..., :x].transpose(1, 2).clone()  # (head, x, query)
        paid[:, :, globals_] = attention.global_[:, globals_].to(paid.dtype)  # global queries, whose rows are 0 there
        everywhere = torch.arange(tokens)
        positions[:, globals_], weights[:, globals_] = _attended(paid, everywhere, top_k=top_k, tokens=tokens)
    return positions, weights


def _with_global_queries(
    positions: Tensor, weights: Tensor, attention: SlidingWindowAttention, *, top_k: int
) -> tuple[Tensor, Tensor]:
    """The k most attending queries of every key, (head, key, k), with those that are global among them."""
    added = torch.tensor(attention.global_positions, device=positions.device).expand_as(attention.global_)
    positions = torch.cat((positions, added), dim=-1)
    weights = torch.cat((weights, attention.global_.to(weights.dtype)), dim=-1)
    by_position = positions.argsort(dim=-1)  # so that the stable sort below leaves equal weights in this order
    positions, weights = positions.gather(2, by_position), weights.gather(2, by_position)
    best = weights.argsort(dim=-1, descending=True, stable=True)[..., :top_k]
    return positions.gather(2, best), weights.gather(2, best)


def shares(attention: LayerAttention, *, own: Tensor | None = None, queries: range | None = None) -> Tensor:
    """Where the attention of every stretch of the document lands, shape (head, stretch, stretch), rows sum to 1.

    An entry is the mean, over the queries of a stretch, of their attention on all keys of another: the matrix of a
    head made small. Where there are global tokens, these have the first row and column for themselves. A stretch of
    nothing else, or without a query that counts, has a row of zeros.

    Args:
        attention: One layer of one document, or of a part of it.
        own: The stretch of every token, (token,), ascending; those of `stretches` if left out.
        queries: Neighbours, the only ones that count beside the global tokens; all if left out.
    """
    tokens = (attention.weights if isinstance(attention, DenseAttention) else attention.local).shape[1]
    own = (stretches(tokens) if own is None else own).to(_device(attention))
    counted = range(tokens) if queries is None else queries
    member = torch.nn.functional.one_hot(own).float()  # (token, stretch), 1 or 0
    asked = torch.zeros_like(member)
    asked[counted.start : counted.stop] = member[counted.start : counted.stop]
    if isinstance(attention, DenseAttention):
        return asked.T @ attention.weights.float() @ member / asked.sum(dim=0).clamp(min=1)[:, None]
    return _sliding_shares(attention, own=own, member=member.double(), asked=asked.double(), counted=counted)


def _sliding_shares(
    attention: SlidingWindowAttention, *, own: Tensor, member: Tensor, asked: Tensor, counted: range
) -> Tensor:
    """`shares` of a sliding window: members of every stretch, and those *asked*, the *counted* queries."""
    heads, tokens, _ = attention.local.shape
    x, half, globals_ = len(attention.global_positions), attention.window // 2, list(attention.global_positions)
    count = member.shape[1]
    edges = torch.searchsorted(own, torch.arange(count + 1, device=own.device)).clamp(counted.start, counted.stop)
    sums = torch.zeros(heads, count, count, dtype=torch.float64, device=own.device)
    for index, (start, keys) in enumerate(_block_sums(attention.local[..., x:], half=half, edges=edges.tolist())):
        first, last = max(start - half, 0), min(start - half + keys.shape[1], tokens)
        sums[:, index].index_add_(1, own[first:last], keys[:, first - start + half : last - start + half].double())
    member[globals_] = asked[globals_] = 0  # they stand apart
    queries = asked.sum(dim=0).clamp(min=1)
    if not x:
        return sums / queries[:, None]
    whole = sums.new_zeros(heads, count + 1, count + 1)
    whole[:, 1:, 1:] = sums / queries[:, None]
    whole[:, 1:, 0] = attention.local[..., :x].sum(dim=-1, dtype=torch.float64) @ asked / queries
    mean = attention.global_.mean(dim=-1, dtype=torch.float64)  # (head, key)
    whole[:, 0, 1:] = mean @ member
    whole[:, 0, 0] = mean[:, globals_].sum(dim=-1)
    return whole


def stretches(tokens: int) -> Tensor:
    """The stretch of every token, (token,): `STRETCHES` of equal length as far as they divide, fewer if short."""
    return torch.arange(tokens) * min(STRETCHES, tokens) // tokens


def row_sum_error(attention: LayerAttention) -> float:
    """Largest distance of an assembled row's sum from 1.

    Raises:
        ModelError: If a weight is not finite.
    """
    if isinstance(attention, DenseAttention):
        sums = attention.weights.sum(dim=-1, dtype=torch.float32)  # (head, query)
    else:
        sums = attention.local.sum(dim=-1, dtype=torch.float32)
        for column, position in enumerate(attention.global_positions):
            sums[:, position] = attention.global_[..., column].sum(dim=-1, dtype=torch.float32)
    if not bool(torch.isfinite(sums).all()):
        raise ModelError("the model returned attention that is not finite (NaN or Inf)")
    return float((sums - 1).abs().max())


def exact_zeros(attention: LayerAttention) -> tuple[int, int]:
    """How many weights that the model could have set are exactly 0, and how many there are in all."""
    if isinstance(attention, DenseAttention):
        heads = attention.weights.shape[0]
        visible = heads * int(attention.weights.amax(dim=0).count_nonzero())  # 0 in all heads: masked
        return visible - int(attention.weights.count_nonzero()), visible
    heads, tokens, _ = attention.local.shape
    visible = _visible_weights(tokens, attention.window // 2, attention.global_positions) * heads
    nonzero = int(attention.local.count_nonzero()) + int(attention.global_.count_nonzero())
    return visible - nonzero, visible


def _visible_weights(tokens: int, half: int, global_positions: tuple[int, ...]) -> int:
    """How many (query, key) pairs one head of a sliding-window layer compares."""
    window = sum(min(q + half, tokens - 1) - max(q - half, 0) + 1 for q in range(tokens))
    from_globals = sum(min(g + half, tokens - 1) - max(g - half, 0) + 1 for g in global_positions)
    both = sum(abs(g - h) <= half for g in global_positions for h in global_positions)
    x = len(global_positions)
    # local rows: their window without global keys, and the x global keys; global rows: all keys
    return window - 2 * from_globals + both + (tokens - x) * x + x * tokens


def _band_column_sums(band: Tensor, *, half: int) -> Tensor:
    """Sum the band over queries by key, (head, query, 2 half + 1) -> (head, key), float64."""
    heads, tokens, width = band.shape
    block = BLOCK if band.device.type == "cpu" else 4 * BLOCK  # fewer, larger steps where a step is a launch
    edges = [*range(0, tokens, block), tokens]
    total = torch.zeros(heads, tokens + width - 1, dtype=torch.float64, device=band.device)
    for start, keys in _block_sums(band, half=half, edges=edges):
        total[:, start : start + keys.shape[1]] += keys
    return total[:, half : half + tokens]  # what fell left and right of the document is 0


def _block_sums(band: Tensor, *, half: int, edges: list[int]) -> Iterator[tuple[int, Tensor]]:
    """The sums of the band over blocks of queries, block by block, as (first query, (head, key)).

    A block of queries is copied into a buffer whose rows are one column longer than its step, which turns the
    diagonals upright; then one plain sum over the block adds up all the keys it reaches, from first query - half.
    """
    heads, _, width = band.shape
    block = max(end - start for start, end in pairwise(edges))
    span = block + width - 1  # keys that a block of queries reaches
    buffer = band.new_zeros(heads, block, span)
    skewed = buffer.as_strided((heads, block, width), (block * span, span + 1, 1))  # row q starts at column q
    exact = torch.promote_types(band.dtype, torch.float32)  # a block's sum would be rounded in half precision
    for start, end in pairwise(edges):
        skewed[:, : end - start] = band[:, start:end]
        skewed[:, end - start :] = 0
        yield start, buffer.sum(dim=1, dtype=exact)[:, : end - start + width - 1]


def _attended(weights: Tensor, keys: Tensor, *, top_k: int, tokens: int) -> tuple[Tensor, Tensor]:
    """Top k of *weights* (head, query, column) whose columns stand for *keys* (query, column) or (column,).

    Plain `topk` settles most rows. It leaves equal weights in no order, and knows nothing of the keys that have no
    column; rows where that matters are ranked again, exactly.
    """
    heads, queries, width = weights.shape
    keys = keys.to(weights.device).expand(queries, width)
    k = min(top_k, tokens)
    values, columns = weights.topk(min(k + 1, width), dim=-1)
    positions = values.new_zeros((heads, queries, k), dtype=torch.int64)
    best = values.new_zeros((heads, queries, k))
    kept = min(k, width)
    positions[..., :kept] = keys.expand(heads, -1, -1).gather(2, columns[..., :kept])
    best[..., :kept] = values[..., :kept]
    unclear = _unclear(values, k).nonzero()  # (row, 2): its head and query
    for start in range(0, len(unclear), EXACT_ROWS):
        head, query = unclear[start : start + EXACT_ROWS].unbind(1)
        positions[head, query], best[head, query] = _rank_exactly(weights[head, query], keys[query], k=k, tokens=tokens)
    return positions, best


def _unclear(values: Tensor, k: int) -> Tensor:
    """Which rows `topk` has not ranked for certain, (head, query): equal weights, or fewer than k above 0."""
    if values.shape[-1] < k:
        return torch.ones(values.shape[:-1], dtype=torch.bool, device=values.device)
    ties = (values[..., 1:] == values[..., :-1]).any(dim=-1)
    return ties | (values[..., k - 1] <= 0)


def _rank_exactly(weights: Tensor, keys: Tensor, *, k: int, tokens: int) -> tuple[Tensor, Tensor]:
    """Top k of *weights* (row, column) by weight and then by position; both results (row, k).

    Weight and position become one integer: the bits of a positive float32 sort like the float itself.
    """
    bits = weights.float().contiguous().view(torch.int32).to(torch.int64)
    codes = torch.where(weights > 0, (bits << 32) + (LAST - keys), -1)
    found = codes.topk(min(k, codes.shape[1]), dim=-1).values
    if bool((found < 0).any()):  # fewer than k weights above 0: the first other positions follow, with weight 0
        unseen = torch.arange(min(2 * k, tokens), device=weights.device)  # at most k of them are taken
        taken = ((LAST - (found & LAST))[:, :, None] == unseen) & (found >= 0)[:, :, None]
        follow = torch.where(taken.any(dim=1), -1, LAST - unseen)
        found = torch.cat((found, follow), dim=1).topk(k, dim=-1).values
    return LAST - (found & LAST), (found >> 32).to(torch.int32).view(torch.float32).to(weights.dtype)


def _check_layout(attention: SlidingWindowAttention) -> None:
    heads, tokens, width = attention.local.shape
    x = len(attention.global_positions)
    if attention.window % 2:
        raise ModelError(f"attention window {attention.window} is odd; a sliding window has to be even")
    if width != x + attention.window + 1:
        raise ModelError(
            f"a row of attention has {width} weights; {x} global tokens and window {attention.window} "
            f"make {x + attention.window + 1}"
        )
    if attention.global_.shape != (heads, tokens, x):
        raise ModelError(f"global attention has shape {tuple(attention.global_.shape)}, not {(heads, tokens, x)}")


def _device(attention: LayerAttention) -> torch.device:
    return (attention.weights if isinstance(attention, DenseAttention) else attention.local).device
