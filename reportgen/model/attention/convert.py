"""Turn the attention of one layer into attention received, attended and attending tokens of every token, and a map.

One layer at a time; of Longformer's sliding window `dense_rows` builds as many dense rows as are asked for.
Layout of the inputs: the output docstrings in transformers' ``modeling_longformer.py``. For window w and
x global tokens, column c < x of a row is the weight on global token c, and column x + j the weight on the key
at query + j - w/2. Rows of global tokens are in the global attention instead.
"""

from __future__ import annotations

import functools
import math
import mmap
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from reportgen.core.errors import ModelError
from reportgen.core.nouns.records import DenseAttention, LayerAttention, LayerSummary, SlidingWindowAttention
from reportgen.model.attention import sliding_window
from reportgen.model.attention.seen import seen
from reportgen.model.attention.sliding_window import Walk
from reportgen.model.attention.top_k import of_rows

OWN_PAGES = 2**16  # bytes of an array from which on it has pages of its own
ATTENDING = 5  # queries that are kept of those that attend to a key most

Piece = TypeVar("Piece")
Result = TypeVar("Result")


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
        own: See `walk`; what the rest of the summary says does not depend on it, or on *queries*.
        queries: Those that are counted; see `walk`.

    Raises:
        ModelError: If the attention is not finite, or its shape is not the documented layout.
    """
    if isinstance(attention, SlidingWindowAttention):
        _check_layout(attention)
    reduce = functools.partial(_reduce, top_k=top_k, reader=reader, own=own, queries=queries)
    parts = on_all_cores(reduce, _by_heads(attention))
    seen_by = seen(attention)
    visible = sum(len(part.arrays["received"]) for part in parts) * int(seen_by.sum())  # in all heads
    arrays: dict[str, Any] = {"reader": None, "sink": None}
    arrays |= {name: _kept([part.arrays[name] for part in parts]) for name in parts[0].arrays}
    return LayerSummary(
        **arrays,
        seen=seen_by,
        row_error=max(part.row_error for part in parts),
        zeros=visible - sum(part.nonzero for part in parts),
        weights=visible,
    )


class NotFiniteError(ModelError):
    """A weight of attention is not finite; whose it is, the caller knows."""


class _Reduced(NamedTuple):
    """Some heads of a layer."""

    arrays: dict[str, npt.NDArray[Any]]  # of a `LayerSummary`, by name
    row_error: float
    nonzero: int  # weights that are not 0


def _reduce(
    attention: LayerAttention, *, top_k: int, reader: int | None, own: Tensor | None, queries: range | None
) -> _Reduced:
    """`convert` for some heads of a layer."""
    made = walk(attention, attended=top_k, attending=min(top_k, ATTENDING), own=own, counted=queries)
    arrays = {
        "received": made.received.float(),
        "attended_positions": made.attended[0].to(torch.int32),
        "attended_weights": made.attended[1].float(),
        "attending_positions": made.attending[0].to(torch.int32),
        "attending_weights": made.attending[1].float(),
        "shares": made.shares.float(),
    }
    if isinstance(attention, DenseAttention) and attention.sink is not None:
        arrays["sink"] = attention.sink.mean(dim=1, dtype=torch.float32)
    if reader is not None:
        arrays["reader"] = row(attention, reader).float()
    return _Reduced(on_host(arrays), row_error(made), made.nonzero)


def walk(
    attention: LayerAttention,
    *,
    attended: int = 0,
    attending: int = 0,
    own: Tensor | None = None,
    counted: range | None = None,
) -> Walk:
    """Everything that is kept of a layer, on its device.

    Args:
        attention: One layer of one document, or of a part of it.
        attended: How many keys to list for every query; at most all are.
        attending: How many queries to list for every key; at most all are.
        own: The stretch of every token, (token,), ascending, on the CPU; if left out, of `sliding_window.stretches`.
        counted: Neighbouring queries; only these and the global tokens count in `Walk.shares`. All if left out.
    """
    tokens = (attention.weights if isinstance(attention, DenseAttention) else attention.local).shape[1]
    own = sliding_window.stretches(tokens) if own is None else own
    member = torch.nn.functional.one_hot(own).to(_device(attention)).double()  # (token, stretch), 1 or 0
    asked = torch.zeros_like(member)
    counted = range(tokens) if counted is None else counted
    asked[counted.start : counted.stop] = member[counted.start : counted.stop]
    if isinstance(attention, SlidingWindowAttention):
        return sliding_window.walk(attention, attended, attending, own, counted, member, asked)
    weights, sink = attention.weights, attention.sink
    sums = weights.sum(dim=-1, dtype=torch.float32)  # (head, query)
    shares = asked.float().T @ weights.float() @ member.float()
    return Walk(
        sums=sums if sink is None else sums + sink,
        nonzero=int(sliding_window.nonzero(weights)),
        attended=of_rows(weights, k=attended),
        received=weights.sum(dim=1, dtype=torch.float64),
        shares=shares / asked.sum(dim=0).clamp(min=1)[:, None].float(),
        attending=of_rows(weights.transpose(1, 2), k=attending),
    )


def row_error(walked: Walk) -> float:
    """Largest distance of the sum of an assembled row, and its sink, from 1.

    Raises:
        NotFiniteError: If a weight is not finite.
    """
    if not bool(torch.isfinite(walked.sums).all()):
        raise NotFiniteError("the model returned attention that is not finite (NaN or Inf)")
    return float((walked.sums - 1).abs().max())


def _kept(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Arrays one after the other; large ones in memory of their own pages; a process can have some ten thousand.

    On the heap, what is kept longer than a layer would lie among what is freed after each, and hold all of it.
    """
    shape = (sum(len(part) for part in parts), *parts[0].shape[1:])
    size = math.prod(shape) * parts[0].itemsize
    if size < OWN_PAGES:
        return np.concatenate(parts)
    pages = mmap.mmap(-1, size)
    kept = np.frombuffer(pages, parts[0].dtype, math.prod(shape)).reshape(shape)
    return np.concatenate(parts, out=kept)


def on_host(tensors: Mapping[str, Tensor]) -> dict[str, npt.NDArray[Any]]:
    """The same as arrays of this machine's memory, brought there in one piece: every copy waits for the device."""
    if all(tensor.device.type == "cpu" for tensor in tensors.values()):
        return {name: tensor.numpy() for name, tensor in tensors.items()}
    return apart(together(tensors).cpu(), tensors)


def together(tensors: Mapping[str, Tensor]) -> Tensor:
    """The bytes of tensors, one after the other."""
    return torch.cat([tensor.contiguous().view(-1).view(torch.uint8) for tensor in tensors.values()])


def apart(taken: Tensor, like: Mapping[str, Tensor]) -> dict[str, npt.NDArray[Any]]:
    """Arrays from the bytes that `together` gave of tensors *like* these."""
    sizes = [tensor.numel() * tensor.element_size() for tensor in like.values()]
    parts = zip(like.items(), torch.split(taken, sizes), strict=True)
    return {name: part.view(tensor.dtype).view(tensor.shape).numpy() for (name, tensor), part in parts}


def _by_heads(attention: LayerAttention) -> list[LayerAttention]:
    """The heads of a layer in one part per core; one part on a GPU."""
    heads = (attention.weights if isinstance(attention, DenseAttention) else attention.local).shape[0]
    count = min(torch.get_num_threads(), heads) if _device(attention).type == "cpu" else 1
    parts = [slice(heads * part // count, heads * (part + 1) // count) for part in range(count)]
    if isinstance(attention, DenseAttention):
        sink = attention.sink
        return [DenseAttention(attention.weights[p], None if sink is None else sink[p]) for p in parts]
    return [replace(attention, local=attention.local[part], global_=attention.global_[part]) for part in parts]


def row(attention: LayerAttention, query: int) -> Tensor:
    """One query's attention on all keys, shape (head, key)."""
    return dense_rows(attention, torch.tensor([query], device=_device(attention)))[:, 0]


def column(attention: LayerAttention, key: int) -> Tensor:
    """The weight of every query on one key, shape (head, query)."""
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


def _check_layout(attention: SlidingWindowAttention) -> None:
    heads, tokens, width = attention.local.shape
    x = len(attention.global_positions)
    if attention.window % 2:
        raise ModelError(f"attention window {attention.window} is odd; it must be even")
    if width != x + attention.window + 1:
        raise ModelError(
            f"a row of attention has {width} weights; {x} global tokens and window {attention.window} "
            f"make {x + attention.window + 1}"
        )
    if attention.global_.shape != (heads, tokens, x):
        raise ModelError(f"global attention has shape {tuple(attention.global_.shape)}, not {(heads, tokens, x)}")


def _device(attention: LayerAttention) -> torch.device:
    return (attention.weights if isinstance(attention, DenseAttention) else attention.local).device


def on_all_cores(work: Callable[[Piece], Result], pieces: Sequence[Piece]) -> list[Result]:
    """The results of *work* on the pieces, in their order, each piece on one thread; a single piece runs here.

    torch lets all cores work on every single step and waits for the slowest each time: on a busy machine that takes
    many times as long as the work. Pieces that need nothing of each other wait once, at the end.
    """
    if len(pieces) == 1:
        return [work(pieces[0])]
    mode = torch.is_inference_mode_enabled()

    def alone(piece: Piece) -> Result:
        with torch.inference_mode(mode):  # is kept thread by thread
            return work(piece)

    return list(_pool(torch.get_num_threads()).map(alone, pieces))


@functools.cache
def _pool(count: int) -> ThreadPoolExecutor:
    """Threads that each run torch on a single core."""
    all_there = threading.Barrier(count)

    def begin() -> None:
        torch.get_num_threads()  # subtle: the first step of torch in a thread sets it to what all have
        torch.set_num_threads(1)
        all_there.wait()

    pool = ThreadPoolExecutor(count, thread_name_prefix="heads", initializer=begin)
    list(pool.map(lambda _: None, range(count)))
    torch.set_num_threads(count)  # subtle: what a thread sets counts for itself, and for threads begun later
    return pool
