"""Walk once over the sliding window of a layer, block by block, and compute everything that is needed of the layer.

Memory is the bottleneck, so every block of queries is read once, and everything is computed while it is in the cache of
the processor: first by query (`_QueryRows`). In the window's own layout (see `convert.py`) the queries that weigh one
key are on a diagonal. For results by key the block is copied into a buffer whose rows are one column longer than its
step, which turns the diagonals upright (`_Keys`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from reportgen.core.nouns.records import SlidingWindowAttention
from reportgen.model.attention.top_k import GROUP, largest_groups, of_contenders, of_rows

STRETCHES = 64  # rows and columns of a map
BLOCK = 512  # queries at once: they stay in the processor's cache
COPIED = 128  # of these at once, so does their copy; divides `BLOCK`
RANKED = 512  # keys at once; of whole groups
LARGE_BLOCK = 1024  # all of these where a step is a launch: fewer, larger steps
WHOLE = {2: torch.int16, 4: torch.int32}  # numbers with the bits of a float, by its bytes

Lists = tuple[Tensor, Tensor]
"""Positions and weights of the k largest, both (head, token, k), largest first."""


@dataclass(frozen=True, slots=True)
class Walk:
    """What is kept of a layer."""

    sums: Tensor  # (head, query), of its assembled row, float32
    nonzero: int  # weights that are not 0
    attended: Lists
    """The k keys that every query attends to most.

    Equal weights in the order of their positions. A key outside the window counts with weight 0, so a query that sees
    fewer than k keys ends its list with the first positions it does not see.
    """
    received: Tensor  # (head, key), sum over all queries, float64
    shares: Tensor
    """Where the attention of every stretch of the document lands, (head, stretch, stretch), rows sum to 1.

    An entry is the mean, over the queries of a stretch, of their attention on all keys of another: the matrix of a
    head made small. Where there are global tokens, these have the first row and column for themselves. A stretch of
    nothing else, or without a query that counts, has a row of zeros.
    """
    attending: Lists
    """The k queries that attend most to every key.

    Equal weights in the order of their positions. A key that fewer than k queries see ends its list with entries of
    weight 0, which are no queries.
    """


def stretches(tokens: int) -> Tensor:
    """The stretch of every token, (token,): `STRETCHES` of equal length as far as they divide, fewer if short."""
    return torch.arange(tokens) * min(STRETCHES, tokens) // tokens


def walk(
    attention: SlidingWindowAttention,
    attended: int,
    attending: int,
    own: Tensor,
    counted: range,
    member: Tensor,
    asked: Tensor,
) -> Walk:
    """Reduce one layer. First by the window alone; then come the rows of global tokens, which are stored apart.

    Args:
        attention: One layer of one document.
        attended: See `convert.walk`.
        attending: See `convert.walk`.
        own: See `convert.walk`.
        counted: See `convert.walk`.
        member: Of every stretch, (token, stretch), 1 or 0.
        asked: The same for the queries that count.
    """
    tokens = attention.local.shape[1]
    sizes = (BLOCK, COPIED, RANKED) if attention.local.device.type == "cpu" else (LARGE_BLOCK,) * 3
    block, copied, ranked = sizes[0], min(sizes[:2]), sizes[2]
    rows = _QueryRows(attention, attended)
    keys = _Keys(attention, attending, own, counted, copied)
    for start in range(0, tokens, block):
        end = min(start + block, tokens)
        rows.read(start, end)
        for part in range(start, end, copied):
            keys.read(part, min(part + copied, end))
        keys.rank(end, at_once=ranked)
    received, by_stretch = keys.sums(member)
    globals_ = list(attention.global_positions)
    if globals_:
        x, paid = len(globals_), attention.global_.transpose(1, 2)  # (head, x, key)
        rows.sums[:, globals_] = paid.sum(dim=-1, dtype=torch.float32)
        received[:, globals_] += attention.local[..., :x].sum(dim=1, dtype=torch.float64)
        received += paid.sum(dim=1, dtype=torch.float64)
        _list_globals(rows.lists, globals_, paid)
        got = attention.local[..., :x].transpose(1, 2).clone()  # (head, x, query)
        got[:, :, globals_] = attention.global_[:, globals_].to(got.dtype)  # global queries, whose rows are 0 there
        _list_globals(keys.lists, globals_, got)
    shares = _shares(attention, by_stretch, member=member, asked=asked)
    return Walk(rows.sums, int(rows.nonzero), rows.lists, received, shares, keys.lists)


def _list_globals(lists: Lists, globals_: list[int], weights: Tensor) -> None:
    """Make the lists of global tokens of *weights*, (head, x, token)."""
    positions, best = lists
    listed, best[:, globals_] = of_rows(weights.to(best.dtype), k=best.shape[-1])
    positions[:, globals_] = listed.to(positions.dtype)


def _shares(attention: SlidingWindowAttention, sums: Tensor, *, member: Tensor, asked: Tensor) -> Tensor:
    """`Walk.shares` from sums over the window, (head, stretch, stretch)."""
    heads, count, _ = sums.shape
    x, globals_ = len(attention.global_positions), list(attention.global_positions)
    member[globals_] = asked[globals_] = 0  # they are apart
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


class _QueryRows:
    """The results by query."""

    def __init__(self, attention: SlidingWindowAttention, k: int) -> None:
        heads, tokens, _ = attention.local.shape
        self._local, self._half = attention.local, attention.window // 2
        self._globals = _globals(attention)
        self._k = min(k, tokens)
        self.sums = torch.empty(heads, tokens, device=self._local.device)
        self.nonzero = nonzero(attention.global_)  # stays on the device: reading it would wait
        self.lists = _lists(attention, self._k)

    def read(self, start: int, end: int) -> None:
        """Take the results from a block of queries."""
        block = self._local[:, start:end]
        torch.sum(block, dim=-1, dtype=torch.float32, out=self.sums[:, start:end])
        self.nonzero += nonzero(block.transpose(0, 1))  # in the model's own order
        position = functools.partial(self._position, start)
        found = of_rows(block, k=self._k, tokens=self._local.shape[1], position=position, lead=len(self._globals))
        _keep(found, self.lists, start)

    def _position(self, start: int, columns: Tensor, rows: Tensor) -> Tensor:
        """`top_k.Positions`, row 0 being the query *start*."""
        x = len(self._globals)
        keys = columns + (rows + (start - x - self._half))
        return torch.where(columns < x, self._globals[columns.clamp(max=x - 1)], keys) if x else keys


class _Keys:
    """The results by key."""

    def __init__(self, attention: SlidingWindowAttention, k: int, own: Tensor, counted: range, block: int) -> None:
        heads, tokens, width = attention.local.shape
        device, x, half = attention.local.device, len(attention.global_positions), attention.window // 2
        self._attention, self._tokens = attention, tokens
        self._block = block = min(block, -(-tokens // GROUP) * GROUP)
        self._window = attention.local[..., x:]
        self._reach = reach = -(-half // GROUP) * GROUP  # how far a group of queries sees, in whole groups
        self._span = span = block + 2 * reach  # keys that a block reaches, from `reach` before its first query
        self._buffer = torch.zeros(heads, block, span, device=device)
        # query q of the block begins in column q + reach - half, so that all weights on one key are in one column
        self._skewed = self._buffer.as_strided((heads, block, width - x), (block * span, span + 1, 1), reach - half)
        self._grouped = self._buffer.as_strided(
            (heads, block // GROUP, GROUP, 2 * reach + GROUP), (block * span, GROUP * (span + 1), span, 1)
        )
        self._starts, asked = _asked(own, counted, block)
        self._asked = asked.to(device)
        columns = len(self._starts) * block + 2 * reach
        self._received = torch.zeros(heads, columns, dtype=torch.float64, device=device)
        last, rows = int(own[-1]) + 1, asked.shape[1] - 1
        self._by_stretch = torch.zeros(heads, last + rows, columns, device=device)  # of queries that count
        # the largest weight on a key within a group of queries: (head, group, key that the group reaches); those that
        # would be before and behind the document, as far as a key sees, are zeros
        self._maxima = torch.empty(heads, columns // GROUP, 2 * reach + GROUP, device=device)
        self._maxima[:, : reach // GROUP] = 0
        self._maxima[:, -reach // GROUP :] = 0
        self._k = min(k, tokens)
        self._ranked = 0  # keys
        self.lists = _lists(attention, self._k)

    def read(self, start: int, end: int) -> None:
        """Take the results from a block of queries."""
        self._skewed[:, : end - start] = self._window[:, start:end]
        if end - start < self._block:
            self._skewed[:, end - start :] = 0
        keys = torch.matmul(self._asked[start // self._block], self._buffer)  # (head, stretch or uncounted, key)
        self._received[:, start : start + self._span] += keys.sum(dim=1)
        first = self._starts[start // self._block]
        self._by_stretch[:, first : first + keys.shape[1] - 1, start : start + self._span] += keys[:, :-1]
        group = (start + self._reach) // GROUP
        torch.amax(self._grouped, dim=2, out=self._maxima[:, group : group + self._block // GROUP])

    def rank(self, read: int, *, at_once: int) -> None:
        """List the queries that attend most to the keys that only queries see that were *read*; so many *at_once*."""
        seen = read if read == self._tokens else read - self._reach
        while self._k and self._ranked < seen:
            upto = min(self._ranked + at_once, seen)
            _keep(self._rank(self._ranked, upto), self.lists, self._ranked)
            self._ranked = upto

    def sums(self, member: Tensor) -> tuple[Tensor, Tensor]:
        """When all is read: by key, and by the stretch of the query and that of the key; both float64."""
        inside = slice(self._reach, self._reach + len(member))
        by_stretch = self._by_stretch[:, : member.shape[1], inside] @ member.float()
        return self._received[:, inside], by_stretch.double()

    def _rank(self, start: int, end: int) -> Lists:
        """The queries that attend most to the keys from *start*, which begins a group, to *end*."""
        reached = self._maxima.shape[2]  # 2 reach + GROUP
        around = 2 * self._reach // GROUP  # groups that a key sees next to its own
        # subtle: the next group that a key sees has it GROUP columns earlier; so keys of a group share their groups
        by_key = self._maxima.as_strided(
            (len(self._maxima), -(-(end - start) // GROUP), GROUP, around + 1),
            (self._maxima.stride(0), reached, 1, reached - GROUP),
            around * GROUP + start // GROUP * reached,
        )
        keys = torch.arange(start, end, device=self._maxima.device)
        groups = largest_groups(by_key.flatten(1, 2)[:, : len(keys)], self._k + 1)
        first = (groups + (keys // GROUP - around // 2)[:, None]) * GROUP
        weights, position = _contenders(self._attention, keys, first)
        whole = functools.partial(_whole_diagonals, self._attention, start)
        return of_contenders(weights, position, whole, k=self._k, tokens=self._tokens)


def nonzero(weights: Tensor) -> Tensor:
    """The number of weights that are not 0, (); no weight is negative, and integers are counted faster than floats."""
    return weights.view(WHOLE[weights.element_size()]).count_nonzero()


def _globals(attention: SlidingWindowAttention) -> Tensor:
    return torch.tensor(attention.global_positions, dtype=torch.int64, device=attention.local.device)


def _lists(attention: SlidingWindowAttention, k: int) -> Lists:
    """Room for lists of k."""
    shape = (*attention.local.shape[:2], k)
    positions = torch.empty(shape, dtype=torch.int32, device=attention.local.device)
    return positions, torch.empty(shape, dtype=attention.local.dtype, device=attention.local.device)


def _keep(found: Lists, lists: Lists, start: int) -> None:
    """Write lists of some tokens from *start* on to those of all."""
    for one, all_ in zip(found, lists, strict=True):
        all_[:, start : start + one.shape[1]] = one


def _contenders(
    attention: SlidingWindowAttention, keys: Tensor, first: Tensor
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """The weights on *keys*, (key,), of groups of queries from *first*, (head, key, group), and of global tokens.

    Returns:
        Weights (head, key, query of a group, then global one), 0 where a query does not see the key; and what gives
        the positions of such queries.
    """
    count = first.shape[2] * GROUP
    globals_ = _globals(attention)
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


def _whole_diagonals(attention: SlidingWindowAttention, start: int, head: Tensor, row: Tensor) -> Lists:
    """`top_k.WholeRows`, row 0 being the key *start*."""
    half, keys = attention.window // 2, row + start
    first = (keys - half)[None, :, None]
    weights = _on_diagonals(attention, head[None, :, None], keys[:, None], first, run=2 * half + 1)[0]
    queries = keys[:, None] + torch.arange(-half, half + 1, device=keys.device)
    weights = torch.cat((weights, attention.global_[head, keys].to(weights.dtype)), dim=-1)
    return weights, torch.cat((queries, _globals(attention).expand(len(keys), -1)), dim=-1)


def _on_diagonals(attention: SlidingWindowAttention, heads: Tensor, keys: Tensor, first: Tensor, *, run: int) -> Tensor:
    """The weights of runs of neighbouring queries on a key, 0 if they do not see it.

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
    weights = _taken(flat, begin[..., None] + steps * (by_query - by_column))
    low, high = (keys - half).clamp(min=0), (keys + half).clamp(max=tokens - 1)
    at = ((first < low) | (first + (run - 1) > high)).nonzero(as_tuple=True)  # runs with some queries that see the key
    queries = first[at][:, None] + steps
    weights[at] *= (queries >= low[at[1]]) & (queries <= high[at[1]])
    return weights.flatten(2)


def _taken(flat: Tensor, at: Tensor) -> Tensor:
    """The weights of *flat*, (weight,), *at* some places; for places beyond its end, the nearest weight."""
    if flat.device.type != "cpu":
        return flat.take(at.clamp_(0, len(flat) - 1))
    whole = flat.view(WHOLE[flat.element_size()]).numpy()  # NumPy knows no bfloat16
    return torch.from_numpy(whole.take(at.numpy(), mode="clip")).view(flat.dtype)


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
