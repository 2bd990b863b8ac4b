"""Find the distance at which a model's table of positions repeats, and the tokens where it does.

Models for long text are made from shorter ones by copying their position embeddings: Longformer from RoBERTa every 512
positions, LED from BART every 1,024. A token whose row is a copy of [CLS]'s is attended to like [CLS], whatever it
says. Relative positions, rotary ones and formulas have no table of rows that could be copied.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

NAMES = ("position_embeddings", "embed_positions", "wpe", "positions_embed", "char_position_embeddings")
PEAK = 0.9  # mean cosine of rows that count as copies: further training moves copies apart
NARROW, NARROW_PEAK = 16, 0.99  # in so few columns other rows are as alike: those of a formula after some turns
RISE = 1e-4  # of the mean at its peak: less is rounding
FEWEST = 16  # pairs of rows that a mean is taken over, and
LEAST_SHARE = 8  # at least an eighth of the table: a few rows are alike by chance
COLUMNS = 256  # that are transformed at once


def find(model: nn.Module) -> int | None:
    """The period of the model's table of absolute positions; None if there is no table, or it does not repeat.

    The first module with one of `NAMES` counts: with an encoder and a decoder, that of the encoder.
    """
    for name, module in model.named_modules():
        table = getattr(module, "weight", None)
        if name.rpartition(".")[2] in NAMES and isinstance(table, Tensor) and table.dim() == 2:
            return period(table.detach()[_unused(module) :])
    return None


def _unused(module: Any) -> int:
    """Rows in front that no position has: two in BART, up to that of padding in the family of RoBERTa."""
    padding = getattr(module, "padding_idx", None)
    return int(getattr(module, "offset", 0 if padding is None else padding + 1))


def period(rows: Tensor) -> int | None:
    """The distance L at which the rows p and p + L of a table, shape (position, width), are copies; None without one.

    The mean cosine must reach `PEAK` there and peak: among nearer rows there is a distance whose mean is at least
    twice as far from 1. So neither neighbours in a smooth table are copies, nor rows that are all alike.

    >>> rows = torch.randn(100, 32, generator=torch.Generator().manual_seed(0))
    >>> period(rows), period(rows.repeat(4, 1))
    (None, 100)
    """
    longest = len(rows) - max(FEWEST, len(rows) // LEAST_SHARE)
    if longest < 2:
        return None
    means = similarity(rows)[1 : longest + 1]  # of the distances from 1
    lowest, _ = torch.cummin(means, dim=0)
    peak = NARROW_PEAK if rows.shape[1] < NARROW else PEAK
    copies = ((means >= peak) & (1 - means <= (1 - lowest) / 2) & (means > lowest + RISE)).tolist()
    if True not in copies:
        return None
    first = copies.index(True)
    last = first + [*copies[first:], False].index(False)
    return first + 1 + int(means[first:last].argmax())


def similarity(rows: Tensor) -> Tensor:
    """Mean cosine of all pairs of rows at a distance, shape (distance,), from 0; *rows* is (position, width).

    It is an autocorrelation, computed as one: by the Fourier transform, in O(n log n).
    """
    count = len(rows)
    columns = nn.functional.normalize(rows.float().cpu(), dim=1).T.contiguous()  # (width, position)
    size = 2 ** (2 * count - 1).bit_length()  # no row meets one beyond the end
    power = torch.zeros(size // 2 + 1)
    for part in torch.split(columns, COLUMNS):
        spectrum = torch.view_as_real(torch.fft.rfft(part, n=size))  # (column, frequency, 2)
        power += (spectrum * spectrum).sum(dim=(0, 2))
    means: Tensor = torch.fft.irfft(power, n=size)[:count] / torch.arange(count, 0, -1)
    return means


def repeats(places: Iterable[int], sources: Iterable[int], *, period: int | None) -> npt.NDArray[np.bool_]:
    """Whether the row of each of *places* is, by the period, a copy of that of one of *sources*; shape (place,).

    Args:
        places: Positions as the model counts them: from the start of the document, or of its window.
        sources: Positions of special and global tokens; those beyond the first period are left out.
        period: From `find`.

    >>> repeats(range(12), [0, 1], period=5).nonzero()[0].tolist()
    [5, 6, 10, 11]
    """
    asked = np.fromiter(places, np.int64)
    if period is None:
        return np.zeros(asked.shape, bool)
    known = [source for source in sources if source < period]
    found: npt.NDArray[np.bool_] = (asked >= period) & np.isin(asked % period, known)
    return found
