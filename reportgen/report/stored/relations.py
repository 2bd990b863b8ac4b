"""Say what the fields of a stored report contradict, for what no type can: lengths, places, indices, sums, hashes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Annotated, Any, get_args, get_origin

import numpy as np

from reportgen.core.config import MAX_POSITIONS
from reportgen.core.nouns.faithfulness import Faithfulness
from reportgen.core.nouns.labels import Prediction
from reportgen.core.nouns.records import Attention, Provenance, Report, Tokens
from reportgen.core.nouns.redaction import Spans
from reportgen.core.nouns.values import Axes, hints
from reportgen.data import redact

Problem = tuple[str, str]  # the field, and what is wrong with it
LARGEST = 3e38  # about what a float32 can hold
ROUNDING = 1e-3  # of sums of probabilities


def problems(report: Report) -> Iterator[Problem]:
    """What is wrong, one after the other; a later one may presume that there was no earlier one."""
    yield from _of_tokens(report.tokens, report.example.text)
    yield from _of_axes(report)
    yield from _of_attention(report.attention, given=report.given)
    yield from _of_numbers(report)
    if report.prediction is not None:
        yield from _of_prediction(report.prediction)
    elif not report.given:
        yield "prediction", "is missing"
    yield from _of_provenance(report.provenance, report.example.text)
    if report.redaction is not None:
        yield from _of_redaction(report.redaction.spans, report.example.text, report.tokens)
    for number, one in enumerate(report.attributions):
        yield from _outside(f"attributions[{number}].label", (one.label,), _labels(report))
    if report.faithfulness is not None:
        yield from _of_faithfulness(report.faithfulness, report)
    yield from _outside("positions", report.positions, len(report.tokens))
    if len(report.positions) > MAX_POSITIONS:
        yield "positions", f"has {len(report.positions)} entries, more than {MAX_POSITIONS}"
    if report.received == "per-query" and report.attention.seen is None:
        yield "received", "is per-query, and attention.seen is missing"


def _of_tokens(tokens: Tokens, text: str) -> Iterator[Problem]:
    if not tokens.ids:
        yield "tokens.ids", "is empty"
    for field in fields(tokens):
        part = getattr(tokens, field.name)
        if isinstance(part, tuple) and len(part) != len(tokens) and (part or field.name != "types"):
            yield f"tokens.{field.name}", f"has {len(part)} entries for {len(tokens)} tokens"
    if tokens.total < len(tokens):
        yield "tokens.total", f"is {tokens.total}, and there are {len(tokens)} tokens"
    before = 0
    for position, (start, end) in enumerate(zip(tokens.starts, tokens.ends, strict=True)):
        if not start <= end <= len(text):
            yield f"tokens.ends[{position}]", f"is {end}; the token begins at {start}, the text ends at {len(text)}"
        if tokens.blank[position] == bool(text[start:end].strip()):
            yield f"tokens.blank[{position}]", f"is {str(tokens.blank[position]).lower()} for {text[start:end][:40]!r}"
        if start < end and not tokens.special[position]:
            if start < before:
                yield f"tokens.starts[{position}]", f"is {start}, before that of an earlier token, {before}"
            before = start


def _of_axes(report: Report) -> Iterator[Problem]:
    """Axes of one name that have several lengths, and indices beyond the end of their axis."""
    lengths, found = {"token": len(report.tokens)}, list(_arrays(report))
    for name, array, axes in found:
        for axis, length in zip(axes.names, array.shape, strict=True):
            if lengths.setdefault(axis, length) != length:
                yield name, f"has the shape {array.shape}: {axis} is {length}, elsewhere {lengths[axis]}"
    for name, array, axes in found:
        if axes.index_of and array.size and array.max() >= lengths[axes.index_of]:
            yield name, f"holds {array.max()}: {axes.index_of} is {lengths[axes.index_of]}"


def _arrays(noun: Any, field: str = "") -> Iterator[tuple[str, Any, Axes]]:
    """Every array below a noun with its place and its axes."""
    for name, kind in hints(noun.__class__).items():
        part, place = getattr(noun, name), f"{field}.{name}".lstrip(".")
        if isinstance(part, np.ndarray):
            yield place, part, axes(kind)
        elif is_dataclass(part):
            yield from _arrays(part, place)
        elif isinstance(part, tuple) and part and is_dataclass(part[0]):
            for number, item in enumerate(part):
                yield from _arrays(item, f"{place}[{number}]")


def axes(kind: Any) -> Axes:
    """The axes in an annotation of an array, or of an array or None."""
    for one in (kind, *get_args(kind)):
        if get_origin(one) is Annotated:
            return next(mark for mark in get_args(one) if isinstance(mark, Axes))
    raise TypeError(f"{kind}: its annotation names no axes")


def _of_attention(attention: Attention, *, given: bool) -> Iterator[Problem]:
    layers, heads, tokens = attention.shape
    if not layers or not heads:
        yield "attention.received", f"has the shape {attention.received.shape}"
    if (attention.reader is None) != (attention.reader_position is None):
        yield "attention.reader", "is missing" if attention.reader is None else "has no reader_position"
    yield from _outside("attention.reader_position", (attention.reader_position,), tokens)
    yield from _outside("attention.global_positions", attention.global_positions, tokens)
    if len(attention.windows) not in (0, layers):
        yield "attention.windows", f"has {len(attention.windows)} entries for {layers} layers"
    if attention.layer_kinds and len(attention.layers) != layers:
        yield "attention.layer_kinds", f"names {len(attention.layers)} layers with attention, and there are {layers}"
    for name in ("attended_positions", "attending_positions", "maps"):
        array = getattr(attention, name)
        if (array.size == 0) != given:  # of scores from elsewhere nothing is known but the scores
            yield f"attention.{name}", f"has the shape {array.shape}"
        if array.shape[-1] > tokens + 1:
            yield f"attention.{name}", f"has the shape {array.shape} for {tokens} tokens"
    for name in ("attended_weights", "attending_weights"):
        if (np.diff(getattr(attention, name), axis=-1) > 0).any():
            yield f"attention.{name}", "do not fall: the strongest must be first"


def _of_numbers(report: Report) -> Iterator[Problem]:
    """Numbers that cannot be, or whose sums a float32 cannot hold."""
    received, factors = report.attention.received, report.importance.values
    tokens = len(report.tokens)
    if not report.given and received.max() > 1.05 * tokens + 1:
        yield "attention.received", f"holds {received.max():g}; {tokens} tokens attend"
    sums = received.sum(dtype=np.float64) * max(1.0, float(np.abs(factors).max()))
    if sums > LARGEST:
        yield "attention.received" if report.given else "importance.values", f"makes sums of {sums:g}"
    if report.attention.seen is not None and report.attention.seen.max() > tokens:
        yield "attention.seen", f"holds {report.attention.seen.max()}; there are {tokens} tokens"


def _of_prediction(prediction: Prediction) -> Iterator[Problem]:
    count = len(prediction.labels)
    if not count:
        yield "prediction.labels", "is empty"
    for name in ("logits", "probabilities", "thresholds"):
        part = getattr(prediction, name)
        if len(part) != count and (part or name != "thresholds"):
            yield f"prediction.{name}", f"has {len(part)} entries for {count} labels"
    yield from _outside("prediction.predicted", (prediction.predicted,), count)
    yield from _outside("prediction.gold", (prediction.gold,), count)
    yield from _outside("prediction.gold_labels", prediction.gold_labels or (), count)
    total = math.fsum(prediction.probabilities)
    if not prediction.several and abs(total - 1) > ROUNDING:
        yield "prediction.probabilities", f"sum to {total:g}, not to 1"
    if prediction.probabilities[prediction.predicted] < max(prediction.probabilities) - ROUNDING:
        yield "prediction.predicted", f"is {prediction.predicted}, and another label is more probable"


def _labels(report: Report) -> int:
    return 0 if report.prediction is None else len(report.prediction.labels)


def _of_faithfulness(tested: Faithfulness, report: Report) -> Iterator[Problem]:
    yield from _outside("faithfulness.target", (tested.target,), _labels(report))
    for number, unit in enumerate(tested.units):
        yield from _outside(f"faithfulness.units[{number}].positions", unit.positions, len(report.tokens))
        if not unit.start <= unit.end <= len(report.example.text):
            yield f"faithfulness.units[{number}]", f"is from {unit.start} to {unit.end}, outside the text"
    for number, order in enumerate(tested.orders):
        if sorted(order.units) != list(range(len(tested.units))):
            yield f"faithfulness.orders[{number}].units", f"is no order of the {len(tested.units)} units"
    if len(tested.counts) != len(tested.shares) and tested.trials:  # of a text too short to be tested there are none
        yield "faithfulness.counts", f"has {len(tested.counts)} entries for {len(tested.shares)} shares"
    for number, trial in enumerate(tested.trials):
        for curve in (*trial.curves, *trial.random):
            if not len(curve.margins) == len(curve.probabilities) == len(tested.shares):
                yield f"faithfulness.trials[{number}]", f"has a curve of other than {len(tested.shares)} shares"
        if not trial.random:
            yield f"faithfulness.trials[{number}].random", "is empty"
    for number, sentence in enumerate(tested.sentences):
        if not sentence.start <= sentence.end <= len(report.example.text):
            yield f"faithfulness.sentences[{number}]", f"is from {sentence.start} to {sentence.end}, outside the text"
    for number, shift in enumerate(tested.shifts):
        yield from _outside(f"faithfulness.shifts[{number}].stayed", shift.stayed, len(report.tokens))
    for layer, head in tested.heads.heads if tested.heads else ():
        if layer >= report.attention.layers[-1] or head >= report.attention.shape[1]:
            yield "faithfulness.heads.heads", f"names layer {layer} and head {head}"


def _of_provenance(provenance: Provenance, text: str) -> Iterator[Problem]:
    found = hashlib.sha256(text.encode()).hexdigest()
    if found != provenance.text_sha256:
        yield "provenance.text_sha256", f"starts with {provenance.text_sha256[:12]}; the hash of the text, {found[:12]}"
    if "reportgen" not in provenance.versions:
        yield "provenance.versions", "does not name reportgen"
    try:
        datetime.fromisoformat(provenance.created)
    except ValueError:
        yield "provenance.created", f"is no time of ISO 8601: {provenance.created[:40]!r}"


def _of_redaction(spans: Spans, text: str, tokens: Tokens) -> Iterator[Problem]:
    if redact.joined(spans) != spans or (spans and spans[-1][1] > len(text)):
        yield "redaction.spans", "are not in order, touch, or end outside the text"
    if redact.hidden(text, spans) != text:
        yield "redaction.spans", "hold words of the text that are not replaced"
    places = zip(tokens.starts, tokens.ends, tokens.strings, strict=True)
    for position, (start, end, string) in enumerate(places):
        covered = start < end and any(a < end and start < b for a, b in spans)
        if covered and (tokens.ids[position] != 0 or string != text[start:end]):
            yield f"tokens.strings[{position}]", "is not replaced, though its text is"


def _outside(field: str, indices: Iterable[int | None], count: int) -> Iterator[Problem]:
    """Indices that are not below *count*."""
    for index in indices:
        if index is not None and not 0 <= index < count:
            yield field, f"holds {index}; it must be from 0 to {count - 1}"
