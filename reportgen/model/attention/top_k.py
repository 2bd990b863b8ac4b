"""Find the k largest weights of every row, exactly; equal weights in the order of their positions.

Plain `topk` over every row of a sliding window takes longer than all other work on a layer. Two things make it cheap.
The maxima of groups of columns show which few columns can hold the k largest: a group that is not among the k largest
maxima holds none of them. And a weight becomes one integer with the place of its column in the lowest bits, so that a
plain sort of numbers finds weight and place together; on a CPU that is NumPy's vectorised sort. The bits of the place
could hide a difference of two float32 weights: rows in which this may matter, or with equal weights, are ranked again
from the whole row.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

GROUP = 8  # columns in a group; their maximum is compared first
EXACT_ROWS = 8192  # rows that are ranked exactly at once: bounds the memory of documents full of ties
LAST = 2**32 - 1  # position that sorts behind all others
LAST_16 = 2**16 - 1  # the same where a position has 16 bits
SORTED = 128  # numbers: so few are sorted as fast as the largest are found
BLOCK = 2**21  # weights looked at at once: what the processor's cache holds
LARGE_BLOCK = 2**25  # where a step is a launch: fewer, larger steps

Positions = Callable[[Tensor, Tensor], Tensor]
"""The tokens of columns (head, row, n) in rows (row, 1), same shape; a column of weight 0 may have no token."""
WholeRows = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""All weights of each row, for heads (n,) and rows (n,), and the tokens of these weights, both (n, column)."""


def of_rows(
    weights: Tensor, *, k: int, tokens: int | None = None, position: Positions | None = None, lead: int = 0
) -> tuple[Tensor, Tensor]:
    """The k largest weights of every row, and their positions.

    Args:
        weights: (head, row, column), none below 0.
        k: How many; at most the number of tokens.
        tokens: Positions that there are, as many as columns if left out. One that has no column has weight 0.
        position: The token of a column of a row; by default the token with the number of the column.
        lead: So many first columns are always looked at.

    Returns:
        Positions and weights, both (head, row, k), largest first.
    """
    heads, rows, width = weights.shape
    tokens, position = width if tokens is None else tokens, position or _own
    k = min(k, tokens)
    positions = torch.empty(heads, rows, k, dtype=torch.int64, device=weights.device)
    best = torch.empty(heads, rows, k, dtype=weights.dtype, device=weights.device)
    size = rows_at_once(heads * width, weights.device)
    for start in range(0, rows if k else 0, size):
        block = weights[:, start : start + size]
        row = torch.arange(start, start + block.shape[1], device=weights.device)[:, None]
        contenders: Tensor = block
        column: Callable[[Tensor], Tensor] = _same
        if not _exact(weights, tokens) and (width - lead) // GROUP > 2 * (k + 1):
            contenders, column = _contenders(block, k + 1, lead=lead)
        positions[:, start : start + size], best[:, start : start + size] = of_contenders(
            contenders,
            functools.partial(_position_of, position, column, row),
            functools.partial(_whole_rows, block, position, row),
            k=k,
            tokens=tokens,
        )
    return positions, best


def of_contenders(
    weights: Tensor, position: Callable[[Tensor], Tensor], whole: WholeRows, *, k: int, tokens: int
) -> tuple[Tensor, Tensor]:
    """The k largest weights of rows, and their positions, if the columns that can hold them are known.

    Args:
        weights: (head, row, column): those that can be among the k + 1 largest, or all.
        position: The tokens of columns, (head, row, n); same shape.
        whole: Gives rows with all their weights, where *weights* leaves doubt.
        k: How many.
        tokens: Positions that there are.

    Returns:
        Positions and weights, both (head, row, k), largest first.
    """
    found, best, sure = (_by_position if _exact(weights, tokens) else _by_column)(weights, position, k)
    if found.shape[-1] < k:
        found, best = (torch.nn.functional.pad(one, (0, k - one.shape[-1])) for one in (found, best))
        sure = torch.zeros_like(sure)
    unclear = (~sure).nonzero()  # (n, 2): head and row
    for start in range(0, len(unclear), EXACT_ROWS):
        head, row = unclear[start : start + EXACT_ROWS].unbind(1)
        found[head, row], exact = _rank_exactly(*whole(head, row), k=k, tokens=tokens)
        best[head, row] = exact.to(best.dtype)
    return found, best


def largest_groups(maxima: Tensor, count: int) -> Tensor:
    """The groups, of neighbours, that hold the *count* - 1 largest of a row.

    Args:
        maxima: The largest weight of every group, (..., group), float32.
        count: How many groups; all where there are no more.

    Returns:
        Their numbers, (..., count). Of equal maxima the earlier counts more, so that in half precision, whose bits
        leave room for the number of a group, nothing is lost.
    """
    mask = _mask(maxima.shape[-1])
    codes = _coded(maxima, mask)
    return mask - (_top(codes, count) & mask)


def _own(columns: Tensor, rows: Tensor) -> Tensor:
    """`Positions` of columns whose number is that of their token."""
    return columns


def _same(columns: Tensor) -> Tensor:
    return columns


def _position_of(position: Positions, column: Callable[[Tensor], Tensor], row: Tensor, places: Tensor) -> Tensor:
    """The tokens of the columns with these *places* among the contenders."""
    return position(column(places), row)


def rows_at_once(weights: int, device: torch.device) -> int:
    """The number of rows, with *weights* each, to process together: a multiple of `GROUP`."""
    return max((BLOCK if device.type == "cpu" else LARGE_BLOCK) // weights // GROUP, 1) * GROUP


def _exact(weights: Tensor, tokens: int) -> bool:
    """Whether weight and position fit in one number of 32 bits."""
    return weights.element_size() == 2 and tokens <= LAST_16


def _contenders(weights: Tensor, count: int, *, lead: int) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Weights that include the *count* largest of every row, except for equal ones; and their columns.

    The columns of a group are equally far apart: the maxima are those of a few long stretches.

    Returns:
        Weights, (head, row, place), and what gives the columns of places.
    """
    heads, rows, width = weights.shape
    groups = (width - lead) // GROUP
    lead = width - groups * GROUP
    grid = weights[..., lead:].view(heads, rows, GROUP, groups)
    mask = _mask(groups)
    chosen = (mask - (_top(_coded(grid.amax(dim=2), mask), count) & mask)).to(torch.int64)  # (head, row, count)
    found = weights.new_empty(heads, rows, lead + GROUP * count)
    found[..., :lead] = weights[..., :lead]
    whole_groups = chosen[:, :, None].expand(-1, -1, GROUP, -1)
    torch.gather(grid, 3, whole_groups, out=found[..., lead:].view(heads, rows, GROUP, count))

    def column(places: Tensor) -> Tensor:
        among = (places - lead).clamp(min=0)
        grouped = chosen.gather(2, among % count) + among // count * groups + lead
        return torch.where(places < lead, places, grouped) if lead else grouped

    return found, column


def _whole_rows(weights: Tensor, position: Positions, rows: Tensor, head: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
    """`WholeRows` of a block, (head, row, column), for the *rows*, (row, 1)."""
    columns = torch.arange(weights.shape[-1], device=weights.device)
    return weights[head, row], position(columns.expand(1, len(row), -1), rows[row])[0]


def _by_column(weights: Tensor, position: Callable[[Tensor], Tensor], k: int) -> tuple[Tensor, Tensor, Tensor]:
    """The k largest, (head, row, k), and in which rows that is certain, (head, row); float32."""
    weights = weights.float()
    mask = _mask(weights.shape[-1])
    codes = _top(_coded(weights, mask), k + 1)
    columns = (mask - (codes & mask)).to(torch.int64)
    best = weights.gather(2, columns)
    sure = (best[..., :-1] > best[..., 1:]).all(dim=-1) & (best[..., min(k, best.shape[-1]) - 1] > 0)
    if best.shape[-1] > k:  # those left out are not larger either
        sure &= (codes[..., k - 1] & ~mask) > (codes[..., k] & ~mask)
    return position(columns[..., :k]), best[..., :k], sure


def _by_position(weights: Tensor, position: Callable[[Tensor], Tensor], k: int) -> tuple[Tensor, Tensor, Tensor]:
    """The k largest, (head, row, k), and in which rows that is certain, (head, row); 16 bits of weight and position."""
    columns = torch.arange(weights.shape[-1], device=weights.device).expand_as(weights)
    codes = weights.contiguous().view(torch.int16).to(torch.int32) << 16
    codes += LAST_16 - position(columns).clamp(0, LAST_16).to(torch.int32)
    codes = _top(codes, k)
    best = (codes >> 16).to(torch.int16).view(weights.dtype)
    return (LAST_16 - (codes & LAST_16)).to(torch.int64), best, best[..., -1] > 0


def _mask(columns: int) -> int:
    """The bits that the number of a column takes."""
    return (1 << max(columns - 1, 0).bit_length()) - 1


def _coded(weights: Tensor, mask: int) -> Tensor:
    """Weights, (..., column), float32, as whole numbers that hold the column in the lowest bits, the first the largest.

    The bits of a float that is not negative sort like the float itself.
    """
    codes = weights.view(torch.int32).bitwise_and(~mask)
    codes |= mask - torch.arange(weights.shape[-1], dtype=torch.int32, device=weights.device)
    return codes


def _top(codes: Tensor, count: int) -> Tensor:
    """The *count* largest of every row, (..., column) -> (..., count), largest first. *codes* may be changed."""
    if codes.device.type != "cpu":
        return codes.topk(min(count, codes.shape[-1]), dim=-1).values
    codes, width = codes.contiguous(), codes.shape[-1]
    if width > SORTED and count < width:
        codes.numpy().partition(width - count, axis=-1)
        codes = codes[..., -count:].contiguous()
    codes.numpy().sort(axis=-1)
    return codes[..., -count:].flip(-1)


def _rank_exactly(weights: Tensor, positions: Tensor, *, k: int, tokens: int) -> tuple[Tensor, Tensor]:
    """Top k of *weights* (row, column) by weight and then by position; both results (row, k).

    Weight and position become one integer: the bits of a positive float32 sort like the float itself.
    """
    bits = weights.float().contiguous().view(torch.int32).to(torch.int64)
    codes = torch.where(weights > 0, (bits << 32) + (LAST - positions), -1)
    found = codes.topk(min(k, codes.shape[1]), dim=-1).values
    if codes.shape[1] < k or bool((found < 0).any()):  # the first other positions follow, with weight 0
        unseen = torch.arange(min(2 * k, tokens), device=weights.device)  # at most k of them are taken
        taken = ((LAST - (found & LAST))[:, :, None] == unseen) & (found >= 0)[:, :, None]
        follow = torch.where(taken.any(dim=1), -1, LAST - unseen)
        found = torch.cat((found, follow), dim=1).topk(k, dim=-1).values
    return LAST - (found & LAST), (found >> 32).to(torch.int32).view(torch.float32).to(weights.dtype)
