"""Find what differs between two runs of one configuration: their settings and their results.

Rounding differences, as from sums in another order, do not count. Nothing is run here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from reportgen.core.nouns.records import Floats, Report, Tokens

SAME = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2}  # of the largest value; by the numbers of the model
TOP = 10  # tokens of a head whose order is compared
LOOSER = 10  # times so far may a gradient be off, or a margin: differences of logits
NUMBERS = ("target", "margin", "probability", "shares", "counts", "empty", "trials", "shifts", "sentences", "heads")


class Difference(NamedTuple):
    """One difference."""

    what: str
    before: str
    after: str
    matters: bool  # what came out is another; otherwise it was only run elsewhere


def differences(before: Report, after: Report) -> tuple[Difference, ...]:
    """The differences, first of the runs, then of the results."""
    return (*_runs(before, after), *_results(before, after), *_attributions(before, after), *_tests(before, after))


def _runs(before: Report, after: Report) -> Iterator[Difference]:
    one, other = before.provenance, after.provenance
    inputs = {"text_sha256": "text", "weights_sha256": "weights of the model"}
    for field in fields(one):
        if field.name in ("versions", "stages", "created", "configuration", "command", "recipe"):
            continue
        was, now = str(getattr(one, field.name)), str(getattr(other, field.name))
        if was != now:
            yield Difference(inputs.get(field.name, field.name), was, now, field.name in inputs)
    for name in {**one.versions, **other.versions}:
        was, now = one.versions.get(name, "none"), other.versions.get(name, "none")
        if was != now:
            yield Difference(f"version of {name}", was, now, False)


def _results(before: Report, after: Report) -> Iterator[Difference]:
    was, now = _as_read(before.tokens), _as_read(after.tokens)
    if was != now:
        yield Difference("tokens", *_first_other(was, now), True)
    one, other = before.prediction, after.prediction
    if (one is None) != (other is None):
        yield Difference("prediction", _there(one), _there(other), True)
    if one is not None and other is not None:
        if one.labels != other.labels or set(one.chosen) != set(other.chosen):
            yield Difference("predicted label", one.predicted_name, other.predicted_name, True)
        if one.thresholds != other.thresholds:
            yield Difference("thresholds", _short(one.thresholds), _short(other.thresholds), True)
        allowed = _allowed(after)
        if len(one.logits) != len(other.logits) or not np.allclose(
            one.logits, other.logits, rtol=allowed, atol=allowed
        ):
            yield Difference("logits", _short(one.logits), _short(other.logits), True)
    if before.attention.shape != after.attention.shape:
        shapes = (" x ".join(map(str, report.attention.shape)) for report in (before, after))
        yield Difference("layers x heads x tokens", next(shapes), next(shapes), True)
        return
    yield from _arrays(before, after)


def _arrays(before: Report, after: Report) -> Iterator[Difference]:
    allowed = _allowed(after)
    pairs: dict[str, tuple[Floats | None, Floats | None]] = {
        "received attention": (before.attention.received, after.attention.received),
        "row that the classifier reads": (before.attention.reader, after.attention.reader),
        "head importance": (before.importance.values, after.importance.values),
        "attention on the most attended": (before.attention.attended_weights, after.attention.attended_weights),
        "attention maps": (before.attention.maps, after.attention.maps),
    }
    for what, (was, now) in pairs.items():
        if was is None or now is None:
            if was is not now:
                yield Difference(what, _there(was), _there(now), True)
            continue
        if was.shape != now.shape:
            yield Difference(what, str(was.shape), str(now.shape), True)
            continue
        usual = float(np.median(was)) if was.size else 0.0  # a few tokens receive hundreds of times as much
        off = np.abs(was.astype(np.float64) - now)
        if not (off <= allowed * (usual + np.abs(was))).all():  # also true for NaN
            yield Difference(what, f"usually {usual:.4g}", f"differs by up to {off.max():.2g}", True)
    moved = _moved(before.attention.received, after.attention.received)
    if moved:
        heads = before.attention.shape[0] * before.attention.shape[1]
        yield Difference(f"the {TOP} top tokens of a head", "the same", f"others in {moved} of {heads} heads", True)


def _attributions(before: Report, after: Report) -> Iterator[Difference]:
    """Signed scores; they are sums of gradients, which rounding moves further than attention."""
    pairs = zip_longest(before.attributions, after.attributions)
    for was, now in pairs:
        label = (was or now).label  # one of the two is there
        what = f"attribution for label {label}"
        if was is None or now is None:
            yield Difference(what, _there(was), _there(now), True)
        elif (was.method, was.label, was.baseline) != (now.method, now.label, now.baseline):
            yield Difference(what, f"{was.method} for {was.label}", f"{now.method} for {now.label}", True)
        elif was.scores is None or now.scores is None:
            if was.scores is not now.scores:
                yield Difference(what, _there(was.scores), _there(now.scores), True)
        elif was.scores.shape != now.scores.shape:
            yield Difference(what, str(was.scores.shape), str(now.scores.shape), True)
        else:
            largest = float(np.abs(was.scores).max(initial=0))
            off = float(np.abs(was.scores.astype(np.float64) - now.scores).max(initial=0))
            if not off <= LOOSER * _allowed(after) * largest:  # also true for NaN
                yield Difference(what, f"at most {largest:.4g}", f"differs by up to {off:.2g}", True)


def _tests(before: Report, after: Report) -> Iterator[Difference]:
    """The test of the heatmap: what was asked, the verdicts, and every number."""
    was, now = before.faithfulness, after.faithfulness
    if was is None or now is None:
        if was is not now:
            yield Difference("test of the heatmap", _there(was), _there(now), True)
        return
    asked = [f"{one.depth}, by {one.unit}, seed {one.seed}, {len(one.units):,} units" for one in (was, now)]
    if asked[0] != asked[1] or was.units != now.units:
        yield Difference("test of the heatmap", asked[0], asked[1], True)
        return
    codes = [", ".join(f"{one.order}: {one.code}" for one in each.verdicts) or "none" for each in (was, now)]
    if codes[0] != codes[1]:
        yield Difference("verdicts of the test", codes[0], codes[1], True)
    moved = {one.name for one, other in zip_longest(was.orders, now.orders) if one and one != other}
    for name in sorted(moved):  # words with almost equal scores may change places
        yield Difference(f"order of words: {name}", "the same", "another", False)
    for field in NUMBERS:
        one, other = (dict(_numbers(getattr(each, field), field, moved)) for each in (was, now))
        off = [name for name in {**one, **other} if not _close(one.get(name), other.get(name), _allowed(after))]
        if off:
            first = min(off)
            told = (str(each.get(first, "none")) for each in (one, other))
            yield Difference(f"test of the heatmap: {first}", next(told), next(told), True)


def _numbers(value: object, name: str, moved: set[str]) -> Iterator[tuple[str, object]]:
    """Every number and code below a value, by its place, without the curves of orders that have *moved*."""
    if isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _numbers(item, f"{name}[{number}]", moved)
    elif is_dataclass(value):
        if getattr(value, "order", None) not in moved:
            for field in fields(value):
                yield from _numbers(getattr(value, field.name), f"{name}.{field.name}", moved)
    else:
        yield name, value


def _close(one: object, other: object, allowed: float) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= LOOSER * allowed * max(1.0, abs(one))
    return one == other


def _allowed(report: Report) -> float:
    """The allowed difference of numbers, relative to their size."""
    return SAME.get(report.provenance.dtype, SAME["float32"])


def _moved(was: Floats, now: Floats) -> int:
    """Heads in which other tokens are at the top; equal values may change places."""
    k = min(TOP, was.shape[-1])
    least = np.sort(was, axis=-1)[..., -k]  # (layer, head)
    chosen = np.argsort(-now, axis=-1)[..., :k]
    values = np.take_along_axis(was, chosen, axis=-1)
    return int((values.min(axis=-1) < least * (1 - 1e-3)).sum())


def _first_other(was: Tokens, now: Tokens) -> tuple[str, str]:
    """The first difference of two documents."""
    if len(was) != len(now):
        return f"{len(was):,}", f"{len(now):,}"
    names = [
        (f"{one} at position {n}", f"{other}")
        for n, (one, other) in enumerate(zip(was.strings, now.strings, strict=True))
        if one != other
    ]
    if was.types != now.types and not names:
        return "the same tokens", "with other token types"
    return names[0] if names else ("the same strings", "in other places of the text")


def _as_read(tokens: Tokens) -> Tokens:
    """The tokens without echoes, and without types if all are 0: reports of version 0.1.0 hold neither."""
    plain = replace(tokens, echo=(), keep_echoes=False)
    return plain if any(tokens.types) else replace(plain, types=())


def _there(values: object) -> str:
    return "none" if values is None else "there"


def _short(values: tuple[float, ...]) -> str:
    shown = ", ".join(f"{value:.5g}" for value in values[:4])
    return f"{shown}, ..." if len(values) > 4 else shown
