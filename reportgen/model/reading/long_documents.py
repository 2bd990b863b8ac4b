"""Read a document with a classifier: at once if it fits, otherwise in overlapping windows, and join the results.

A window is as long as the model allows. It starts and ends with the special tokens of the document, and its text is a
slice of the document's. The numbers of a text token come from one window: the one in which it is furthest from both
edges. Only special tokens, which are in every window, need rules of their own. They receive the mean over the windows.
Their weight on a text token is that in the token's window; the row joined from these weights, like the row that the
classifier reads, is scaled to sum 1. Logits are the mean over the windows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, pairwise, takewhile
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from reportgen.core.clock import Clock
from reportgen.core.config import option
from reportgen.core.errors import UsageError
from reportgen.core.nouns.records import Floats, LayerAttention, LayerSummary, Reference, Tokens
from reportgen.model import position_table
from reportgen.model.attention import convert, sliding_window
from reportgen.model.classifier import Classifier
from reportgen.model.reading import forward_pass, implementations

Doubles = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]
_Read = tuple[list[Any], Tensor]  # layers, logits
PREFIX = 256  # tokens, at most, by which a pass with attention is compared with the model's default


@dataclass(frozen=True, slots=True)
class Window:
    """A slice of the document's text that the model reads at once; positions are those of the document."""

    start: int  # its first token of the text
    own: range  # text tokens that are further from the edges here than in any other window


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """In which windows a document is read."""

    tokens: Tokens
    lead: int  # special tokens that the document, and every window, begins with
    trail: int  # special tokens that it ends with
    length: int  # tokens of a window, special ones included
    windows: tuple[Window, ...]
    global_positions: tuple[int, ...]  # tokens with global attention; () in dense models

    @property
    def size(self) -> int:
        """Tokens of the text in a window."""
        return self.length - self.lead - self.trail

    @property
    def shared(self) -> int:
        """Tokens of the text that neighbouring windows share, at least."""
        return min((self.size - (after.start - before.start) for before, after in pairwise(self.windows)), default=0)

    @property
    def places(self) -> Positions:
        """The row of every token in a map, (token,), see `records.Attention.maps`."""
        places = sliding_window.stretches(len(self.tokens)).numpy() + bool(self.global_positions)
        places[list(self.global_positions)] = 0
        return places

    def positions(self, window: Window) -> Positions:
        """Position in the document of every token of a window."""
        text = np.arange(window.start, window.start + self.size)
        ends = self.ends(len(self.tokens))
        return np.concatenate((ends[: self.lead], text, ends[self.lead :]))

    def inner(self, window: Window) -> range:
        """Positions in a window of its own tokens."""
        shift = window.start - self.lead
        return range(window.own.start - shift, window.own.stop - shift)

    def kept(self, window: Window) -> Positions:
        """Positions in a window of its results: its own tokens between the special ones."""
        ends = self.ends(self.length)
        return np.concatenate((ends[: self.lead], np.array(self.inner(window)), ends[self.lead :]))

    def piece(self, window: Window) -> Tokens:
        """The tokens of a window."""
        return self.tokens.take(self.positions(window).tolist())

    def echoes(self, period: int | None) -> tuple[bool, ...]:
        """Whether a token is where, in its window, the position of a special or global token at the start repeats."""
        taken = {*range(self.lead), *self.global_positions}
        found = np.zeros(len(self.tokens), bool)
        for window in self.windows:
            places = self.inner(window)
            found[window.own.start : window.own.stop] = position_table.repeats(places, taken, period=period)
        found[[position for position, special in enumerate(self.tokens.special) if special]] = False
        found[[position for position in self.global_positions if position < len(found)]] = False
        return tuple(found.tolist())

    @property
    def pieces(self) -> tuple[Tokens, ...]:
        """What the model reads: the document itself, or each of its windows."""
        return tuple(map(self.piece, self.windows)) if len(self.windows) > 1 else (self.tokens,)

    def ends(self, length: int) -> Positions:
        """Positions of the special tokens that every window has, in *length* tokens that begin and end like one."""
        return np.concatenate((np.arange(self.lead), np.arange(length - self.trail, length)))


@dataclass(frozen=True, slots=True)
class DocumentReading:
    """The model's results for a document."""

    layers: list[LayerSummary]
    logits: Tensor  # (label,)
    reference: Reference | None  # None where the model computes with the weights that it returns


@dataclass(frozen=True, slots=True)
class WindowPart:
    """The results of one layer of one window, with positions of the document."""

    summary: LayerSummary  # of `WindowPlan.kept`; of the map, the sums of the rows in which there are own tokens
    rows: Floats  # (head, kept key, end), attention paid by special tokens
    columns: Floats  # (head, kept query, end), attention paid to special tokens
    sinks: Floats | None  # (head, kept query), what a learned sink takes of each row, in models with one


def plan(
    tokens: Tokens,
    *,
    length: int,
    stride: int | None = None,
    global_positions: tuple[int, ...] = (),
    period: int | None = None,
) -> WindowPlan:
    """Windows over a document, with the echoes in them; a single one, the document itself, if it fits.

    Windows begin at equal distances, but for the last, which is moved back until it is full.

    Args:
        tokens: The whole document.
        length: Tokens that the model takes, special ones included.
        stride: Tokens of the text that neighbouring windows share at least; half of what a window holds if left out.
        global_positions: Tokens with global attention, in models that have it.
        period: Positions after which the model's position embeddings repeat; None if they do not.

    Raises:
        UsageError: If *stride* leaves no step from window to window, or a global token is not in every window.
    """
    made = _windows(tokens, length=length, stride=stride, global_positions=global_positions)
    return replace(made, tokens=replace(tokens, echo=made.echoes(period)))


def plan_for(classifier: Classifier, tokens: Tokens, *, stride: int | None) -> WindowPlan:
    """`plan` for the documents of a classifier."""
    return plan(
        tokens,
        length=classifier.max_length,
        stride=stride,
        global_positions=classifier.global_positions,
        period=classifier.period,
    )


def _windows(tokens: Tokens, *, length: int, stride: int | None, global_positions: tuple[int, ...]) -> WindowPlan:
    """`plan` without the echoes."""
    lead = sum(1 for _ in takewhile(bool, tokens.special))
    trail = sum(1 for _ in takewhile(bool, reversed(tokens.special[lead:])))
    text = range(lead, len(tokens) - trail)
    size = length - lead - trail
    if len(tokens) <= length:
        return WindowPlan(tokens, lead, trail, len(tokens), (Window(lead, text),), global_positions)
    shared = size // 2 if stride is None else stride
    if shared >= size:
        raise UsageError(
            f"{option('stride')} {shared}: a window has room for {size} tokens of the text",
            hint=f"use a value below {size}",
        )
    for position in global_positions:
        if position >= lead:
            raise UsageError(
                f"{option('global_tokens')} {position}: only positions below {lead} are in every window",
                hint=f"leave out {option('long')} window, or choose special tokens at the start of the document",
            )
    starts = [*range(text.start, text.stop - size, size - shared), text.stop - size]
    # a token as far from the edges of two windows is the earlier one's
    cuts = [text.start, *((before + after + size + 1) // 2 for before, after in pairwise(starts)), text.stop]
    windows = tuple(Window(start, range(*own)) for start, own in zip(starts, pairwise(cuts), strict=True))
    return WindowPlan(tokens, lead, trail, length, windows, global_positions)


def read(
    classifier: Classifier, plans: Sequence[WindowPlan], *, top_k: int, clock: Clock, batch_size: int = 1
) -> list[DocumentReading]:
    """Run the model over documents and reduce their attention, one layer of one window at a time.

    Args:
        classifier: The model.
        plans: How each document is read.
        top_k: How many attended tokens are kept for every query.
        clock: Told of the stages.
        batch_size: Windows read together at most; halved as often as memory runs out.

    Raises:
        ModelError: If the model gives no attention, or numbers that are not finite.
        DeviceError: If memory runs out with a single window.
    """
    size = forward_pass.batch_limit(classifier, batch_size)
    documents, found = _read(classifier, plans, top_k=top_k, clock=clock, size=size)
    starts = list(accumulate((len(plan.windows) for plan in plans[:-1]), initial=0))  # places of the first windows
    references: dict[int, Reference | None] = dict.fromkeys(starts)

    def check(places: Sequence[int]) -> None:
        firsts = [starts[place] for place in places]
        logits = torch.stack([found[first][1] for first in firsts])
        references.update(zip(firsts, compare(classifier, [documents[first] for first in firsts], logits), strict=True))

    if not implementations.keeps_weights(classifier.model):
        with clock.stage("inference"):
            forward_pass.halving(check, [documents[start] for start in starts], batch_size=size)
    return [
        DocumentReading(*_joined(plan, found[start : start + len(plan.windows)], clock), references[start])
        for plan, start in zip(plans, starts, strict=True)
    ]


def attend(classifier: Classifier, plan: WindowPlan, *, top_k: int, clock: Clock) -> list[LayerSummary]:
    """The layers of one document, in a single forward pass for each window; nothing is compared. See `read`."""
    _, found = _read(classifier, [plan], top_k=top_k, clock=clock, size=1)
    return _joined(plan, found, clock)[0]


def _read(
    classifier: Classifier, plans: Sequence[WindowPlan], *, top_k: int, clock: Clock, size: int
) -> tuple[list[Tokens], list[_Read]]:
    """All windows of the documents, and the results of each."""
    documents: list[Tokens] = []
    reduce: list[Callable[[LayerAttention], Any]] = []
    for plan in plans:
        for window, tokens in zip(plan.windows, plan.pieces, strict=True):
            how: dict[str, Any] = {"top_k": top_k, "reader": forward_pass.reader_position(classifier, tokens)}
            several = partial(_part, plan=plan, window=window, **how)
            reduce.append(several if len(plan.windows) > 1 else partial(convert.convert, **how))
            documents.append(tokens)
    found: dict[int, _Read] = {}

    def run(places: Sequence[int]) -> None:
        part = _attend(classifier, [documents[place] for place in places], [reduce[place] for place in places], clock)
        for place, one in zip(places, part, strict=True):
            found[place] = one

    forward_pass.halving(run, documents, batch_size=size)
    return documents, [found[place] for place in range(len(documents))]


def _joined(plan: WindowPlan, found: Sequence[_Read], clock: Clock) -> _Read:
    """The joined results of the windows of one document."""
    if len(found) == 1:
        return found[0]
    parts, logits = zip(*found, strict=True)
    with clock.stage("convert"):
        layers = [join(plan, layer) for layer in zip(*parts, strict=True)]
    return layers, torch.stack(logits).mean(dim=0)


def _attend(
    classifier: Classifier,
    documents: Sequence[Tokens],
    reduce: Sequence[Callable[[LayerAttention], Any]],
    clock: Clock,
) -> list[_Read]:
    """For every document the layers reduced by *reduce*, and the logits."""
    layers: list[list[Any]] = [[] for _ in documents]

    def on_layer(document: int, _: int, attention: LayerAttention) -> None:
        with clock.stage("convert"):
            layers[document].append(reduce[document](attention))

    with clock.stage("inference"):
        return list(zip(layers, forward_pass.attend(classifier, documents, on_layer), strict=True))


def compare(classifier: Classifier, documents: Sequence[Tokens], logits: Tensor) -> list[Reference]:
    """Compare the pass that returns attention with the model's default, by the first tokens of each document.

    Args:
        classifier: The model.
        documents: Read together.
        logits: Of the pass that returns attention, (document, label); used again for documents that short.
    """
    prefixes = [tokens.take(range(min(len(tokens), PREFIX))) for tokens in documents]
    if any(len(tokens) > PREFIX for tokens in documents):
        logits = forward_pass.attend(classifier, prefixes, lambda *_: None)
    plain = forward_pass.predict_logits(classifier, prefixes)
    differences = (plain - logits).abs().amax(dim=1).tolist()
    default = implementations.default(classifier.model)
    return [Reference(d, len(tokens), default) for d, tokens in zip(differences, prefixes, strict=True)]


def _part(attention: LayerAttention, *, plan: WindowPlan, window: Window, top_k: int, reader: int | None) -> WindowPart:
    """Reduce one layer of a window to its results."""
    positions, kept = plan.positions(window), plan.kept(window)
    own = sliding_window.stretches(len(plan.tokens))[torch.from_numpy(positions)]
    whole = convert.convert(attention, top_k=top_k, reader=reader, own=own, queries=plan.inner(window))
    queries = np.bincount(plan.places[window.own.start : window.own.stop])  # of every row of the map
    mine = queries.nonzero()[0]
    rows, columns = np.zeros((2, len(whole.received), len(kept), len(plan.ends(plan.length))), np.float32)
    for end, position in enumerate(plan.ends(plan.length).tolist()):
        rows[..., end] = convert.row(attention, position).float().cpu().numpy()[:, kept]
        columns[..., end] = convert.column(attention, position).float().cpu().numpy()[:, kept]
    summary = replace(
        whole,
        received=whole.received[:, kept],
        seen=whole.seen[kept],
        reader=None if whole.reader is None else whole.reader[:, kept],
        attended_positions=positions[whole.attended_positions[:, kept]].astype(np.int32),
        attended_weights=whole.attended_weights[:, kept],
        attending_positions=positions[whole.attending_positions[:, kept]].astype(np.int32),
        attending_weights=whole.attending_weights[:, kept],
        shares=whole.shares[:, mine] * queries[mine, None].astype(np.float32),
    )
    sinks = getattr(attention, "sink", None)  # (head, query)
    return WindowPart(summary, rows, columns, None if sinks is None else sinks.float().cpu().numpy()[:, kept])


def join(plan: WindowPlan, parts: Sequence[WindowPart]) -> LayerSummary:
    """One layer of the whole document from that of its windows."""
    summaries = [part.summary for part in parts]
    k, m = summaries[0].attended_positions.shape[-1], summaries[0].attending_positions.shape[-1]
    received = [summary.received for summary in summaries]
    seen = [summary.seen[None] for summary in summaries]  # of a special token, the same in every window
    readers = [summary.reader for summary in summaries if summary.reader is not None]
    sinks = [part.sinks for part in parts if part.sinks is not None]
    rows = _pieced([part.rows for part in parts], plan)  # (head, key, end)
    columns = _between(rows[:, plan.ends(len(plan.tokens))].transpose(0, 2, 1), [part.columns for part in parts], plan)
    attended, attended_weights = _strongest(rows, k)
    attending, attending_weights = _strongest(columns, m)
    return replace(
        summaries[0],
        received=_between(_mean_of_ends(received, plan), received, plan),
        seen=_between(seen[0][:, plan.ends(seen[0].shape[1])], seen, plan)[0],
        reader=_pieced(readers, plan) if readers else None,
        attended_positions=_between(attended, [s.attended_positions for s in summaries], plan),
        attended_weights=_between(attended_weights, [s.attended_weights for s in summaries], plan),
        attending_positions=_between(attending, [s.attending_positions for s in summaries], plan),
        attending_weights=_between(attending_weights, [s.attending_weights for s in summaries], plan),
        shares=_map(plan, [summary.shares for summary in summaries], rows),
        sink=_between(_mean_of_ends(sinks, plan), sinks, plan).mean(axis=1) if sinks else None,
        row_error=max(summary.row_error for summary in summaries),
        zeros=sum(summary.zeros for summary in summaries),
        weights=sum(summary.weights for summary in summaries),
    )


def _between(ends: npt.NDArray[Any], pieces: Sequence[npt.NDArray[Any]], plan: WindowPlan) -> npt.NDArray[Any]:
    """Put the own tokens of all windows between the special ones, (head, kept, ...) -> (head, token, ...)."""
    own = [piece[:, plan.lead : piece.shape[1] - plan.trail] for piece in pieces]
    return np.concatenate((ends[:, : plan.lead], *own, ends[:, plan.lead :]), axis=1, dtype=pieces[0].dtype)


def _mean_of_ends(pieces: Sequence[Floats], plan: WindowPlan) -> Doubles:
    """The mean of the special tokens over the windows, (head, kept, ...) -> (head, end, ...)."""
    ends = [piece[:, plan.ends(piece.shape[1])] for piece in pieces]
    mean: Doubles = np.mean(ends, axis=0, dtype=np.float64)
    return mean


def _pieced(pieces: Sequence[Floats], plan: WindowPlan) -> Floats:
    """Rows of the whole document from those of the windows, (head, kept key, ...) -> (head, key, ...), sums 1."""
    rows = _between(_mean_of_ends(pieces, plan), pieces, plan)
    sums = rows.sum(axis=1, keepdims=True, dtype=np.float64)
    pieced: Floats = (rows / np.where(sums > 0, sums, 1)).astype(np.float32)
    return pieced


def _strongest(weights: Floats, k: int) -> tuple[Positions, Floats]:
    """The k largest of (head, token, end) over the tokens, and their positions, both (head, end, k)."""
    order = np.argsort(-weights, axis=1, kind="stable")[:, :k]
    return order.transpose(0, 2, 1), np.take_along_axis(weights, order, axis=1).transpose(0, 2, 1)


def _map(plan: WindowPlan, sums: Sequence[Floats], rows: Floats) -> Floats:
    """The map of the whole document: *sums* of the windows' own queries, and the *rows* of special tokens."""
    places = plan.places
    member = np.eye(places.max() + 1)[places]  # (token, row of the map), 1 or 0
    total = np.zeros((len(rows), *[member.shape[1]] * 2))
    for window, part in zip(plan.windows, sums, strict=True):
        mine = slice(places[window.own.start], places[window.own.stop - 1] + 1)
        total[:, mine, : part.shape[2]] += part
    for end, position in enumerate(plan.ends(len(plan.tokens))):
        total[:, places[position]] += rows[..., end] @ member
    found: Floats = (total / np.maximum(member.sum(axis=0), 1)[:, None]).astype(np.float32)
    return found
