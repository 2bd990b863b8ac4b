"""Pack the numbers of the live page into few bytes: ranks, scores, links between tokens, maps.

The scripts of the page read these blocks (`templates/js/data.js`) and choose, sum and colour.
`compress.py` turns arrays into text. Values of many magnitudes become codes of 11 bits on a logarithmic scale, with an
error of at most 0.41 %; ranks stay exact.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reportgen.core import characters
from reportgen.core.nouns.faithfulness import Faithfulness
from reportgen.core.nouns.records import Attention, Floats, Integers, Rankings, Report, Scores
from reportgen.report import opening, signed
from reportgen.report.faithfulness import names
from reportgen.report.page.compress import Packed, pack
from reportgen.report.parts import Chart, Word
from reportgen.report.rank import rank_tokens

LEVELS = 2047  # codes of a value; the last is 0
OCTAVES = 24  # of values kept apart; what is smaller than the largest by more is the smallest code
LINK_STEPS = 16  # codes of a link's weight in every octave
GLOBAL = 1 << 15  # limit of distances in 16 bits; above are the numbers of the global tokens
SMALL_PAGE = 1_800_000  # bytes that any page may have
PAGE_BYTES, CELL_BYTES = 1_000_000, 10.2  # what a larger one may have, and what every token of every head adds to that
MARKUP_BYTES, TOKEN_BYTES = 750_000, 180  # size of the page without the blocks, and what every token adds
ZERO_SHARE = 255  # code of a share that is 0
SHARE_STEPS = 12  # codes of a share in every octave

STEADY = ("overview", "deletion-curve", "keeping-curve")  # charts whose numbers no choice of the reader changes

Plain = dict[str, object]


@dataclass(frozen=True, slots=True)
class Codes:
    """Values on a logarithmic scale: value = top * 2 ** (-step * code)."""

    codes: npt.NDArray[np.uint16]
    top: float
    step: float  # octaves

    @property
    def scale(self) -> Plain:
        """The facts needed to read the codes."""
        return {"top": self.top, "step": self.step, "zero": LEVELS}


def blocks(
    report: Report,
    scores: Scores,
    rankings: Rankings,
    words: tuple[Word, ...],
    *,
    kept: Plain,
    max_bytes: float | None = None,
) -> Plain:
    """Everything the scripts read, by the name of its block.

    Args:
        report: What is shown.
        scores: Its scores; those that the page shows first keep all digits.
        rankings: Its rankings.
        words: The words of its text.
        kept: What the charts were drawn from and the page draws again, from `chart_points.kept`.
        max_bytes: What the whole page may have: the lists of links are as long as that allows. Without it, as much as
            a page of 4 MB has at 2,048 tokens and 144 heads, and in proportion.
    """
    attention = report.attention
    made: Plain = {
        "document": document(report, words) | kept,
        "received": received(attention.received, _ranks(report, rankings))
        | {"total": pack(scores.total.view(np.uint32))},
        "counts": pack(np.minimum(rankings.attended_counts, 2**16 - 1).astype(np.uint16)),
    }
    if attention.seen is not None and not attention.seen_alike:
        made["seen"] = pack(attention.seen.astype(np.uint32))
    if attention.maps.size:
        made["maps"] = pack(encode_shares(attention.maps))
    if attention.reader is not None:
        coded = encode(attention.reader)
        total = scores.reader if scores.reader is not None else np.zeros(len(report.tokens), np.float32)
        made["reader"] = {"codes": pack(coded.codes), **coded.scale, "total": pack(total.view(np.uint32))}
    if report.faithfulness is not None and report.faithfulness.trials:
        made["removed"] = removed(report, report.faithfulness)
    if signed.found(report):
        made["attributions"] = attributions(report)
    spent = len(json.dumps(made)) + MARKUP_BYTES + TOKEN_BYTES * len(report.tokens)
    allowed = max_bytes or max(SMALL_PAGE, PAGE_BYTES + CELL_BYTES * attention.received.size)
    return made | {"links": links(attention, room=allowed - spent)}


def specifications(drawn: tuple[Chart, ...], enlarged_map: Plain | None) -> Plain:
    """The blocks from which the page draws its charts, by name: those of *drawn*, and that of one head's map."""
    if not drawn:
        return {}
    made: Plain = {f"spec-{c.key}": specification(c.spec, keep=c.key in STEADY) for c in drawn}
    return made if enlarged_map is None else made | {"spec-attention-maps": specification(enlarged_map)}


def specification(spec: Plain, *, keep: bool = False) -> Plain:
    """A specification as the page holds it: its scripts replace the name "rows" by the numbers.

    Args:
        spec: Vega-Lite with its numbers in it.
        keep: Leave them there, under that name: no choice of the reader changes them.
    """
    rows: list[object] = []

    def named(value: Any) -> Any:
        if isinstance(value, list):
            return [named(item) for item in value]
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("values"), list) and set(value) == {"values"}:
            rows[:] = value["values"]
            return {"name": "rows"}
        return {name: named(item) for name, item in value.items()}

    return {**named(spec), "datasets": {"rows": rows if keep else []}}


def document(report: Report, words: tuple[Word, ...]) -> Plain:
    """The small facts: shape, importance, names, words."""
    attention = report.attention
    layers, heads, tokens = attention.shape
    return {
        "name": report.example.name,
        "given": report.given,
        "layers": layers,
        "heads": heads,
        "numbers": list(attention.layers),
        "tokens": tokens,
        "names": [characters.visible(name) for name in report.words()],
        "special": [position for position, special in enumerate(report.tokens.special) if special],
        "echo": list(report.tokens.echoes),
        "echoes": report.echoes if report.tokens.echoes else "",
        "echo_note": report.echo_note,
        "keep_echoes": report.tokens.keep_echoes,
        "blank": [position for position, blank in enumerate(report.tokens.blank) if blank],
        "words": [sorted((*word.positions, *word.echoes)) for word in words],
        "word_texts": [characters.visible(word.text) for word in words],
        "masked": [number for number, word in enumerate(words) if word.masked],
        "importance": report.importance.values.astype(float).round(6).tolist(),
        "measure": report.importance.measure,
        "reader": report.reader_name if attention.reader is not None else None,
        "reader_position": attention.reader_position,
        "reader_alone": attention.reader_alone,
        "globals": list(attention.global_positions),
        "stretches": attention.maps.shape[-1] - bool(attention.global_positions),
        "top_k": report.top_k,
        "scale": report.colour_scale,
        "opens": opening.opening(report)[0],
        "per_query": report.received == "per-query",
    }


def removed(report: Report, tested: Faithfulness) -> Plain:
    """What each order removes at each share, and what the model answers: the first trial."""
    trial, first = tested.trials[0], opening.order(report)
    answers = {curve.order: curve.probabilities for curve in trial.curves}
    positions = [position for unit in tested.units for position in unit.positions]
    return {
        "unit": tested.unit,
        "way": names.WAYS[trial.operator],
        "label": characters.visible(names.label(report, tested)),
        "shares": list(tested.shares),
        "counts": list(tested.counts),
        "whole": tested.probability,
        "draws": tested.draws,
        "random": [list(each) for each in trial.band],
        "lengths": pack(np.array([len(unit.positions) for unit in tested.units], np.uint16)),
        "positions": pack(np.array(positions, _unsigned(len(report.tokens)))),
        "orders": [
            {
                "name": names.ORDERS[order.name],
                "units": pack(np.array(order.units[: tested.counts[-1]], np.uint32)),
                "probabilities": list(answers[order.name]),
            }
            for order in sorted(tested.orders, key=lambda one: one.name != first)  # that of the open view first
            if order.name in answers
        ],
    }


def attributions(report: Report) -> Plain:
    """Signed scores, (attribution, token), to the last digit, with their labels and what the page says of them."""
    found = signed.found(report)
    return {
        "choices": [
            {"label": characters.visible(signed.name(report, one)), "explanation": signed.explanation(report, one)}
            for one in found
        ],
        "scores": pack(np.concatenate([one.scores for one in found if one.scores is not None]).view(np.uint32)),
    }


def _ranks(report: Report, rankings: Rankings) -> Integers:
    """The ranks by attention received in total; the page makes those per query itself."""
    return rankings.ranks if report.received == "total" else rank_tokens(report.attention.received)[0]


def received(values: Floats, ranks: Integers) -> Plain:
    """Attention received, (layer, head, token), as exact ranks and the values in their order."""
    coded = encode(-np.sort(-values, axis=-1))
    falls = np.diff(coded.codes, axis=-1, prepend=np.uint16(0))  # from rank to rank: small numbers
    return {"ranks": pack((ranks - 1).astype(_unsigned(ranks.shape[-1]))), "falls": pack(falls), **coded.scale}


def links(attention: Attention, *, room: float) -> Plain:
    """The strongest links between tokens, by layer and head: as many lists as fit in *room* bytes, at least one each.

    A list is the first, second, ... most attended of every token, or the first, second, ... most attending.
    """
    lists: dict[str, list[Plain]] = {"attended": [], "attending": []}
    given = {
        "attended": (attention.attended_positions, attention.attended_weights),
        "attending": _without_reader(attention),
    }
    spent = 0
    for place in range(attention.top_k):
        added = {
            name: _link_list(positions[..., place], weights[..., place], attention.global_positions)
            for name, (positions, weights) in given.items()
            if place < positions.shape[-1]
        }
        spent += sum(len(leads["data"]) + len(codes["data"]) for leads, codes in added.values())
        if place and spent > room:
            break
        for name, (leads, codes) in added.items():
            lists[name].append({"leads": leads, "weights": codes})
    return {**lists, "steps": LINK_STEPS, "global": GLOBAL}


def _without_reader(attention: Attention) -> tuple[Integers, Floats]:
    """The most attending tokens without the one whose row the page keeps whole: it needs no place in a list."""
    positions, weights = attention.attending_positions, attention.attending_weights
    if attention.reader is None:
        return positions, weights
    is_reader = positions == attention.reader_position
    order = np.argsort(is_reader, axis=-1, kind="stable")  # the others keep their order
    weights = np.where(is_reader, np.float32(0), weights)
    return np.take_along_axis(positions, order, axis=-1), np.take_along_axis(weights, order, axis=-1)


def _link_list(positions: Integers, weights: Floats, globals_: tuple[int, ...]) -> tuple[Packed, Packed]:
    """One link of every token: its target, as a distance or the number of a global token, and its weight."""
    tokens = positions.shape[-1]
    wide = np.uint16 if tokens + len(globals_) <= GLOBAL else np.uint32
    half = (np.iinfo(wide).max + 1) // 2
    leads = (positions - np.arange(tokens, dtype=np.int32)).astype(wide)  # below 0 it wraps around
    for number, position in enumerate(globals_):
        leads[positions == position] = half + number
    octaves = -np.log2(np.maximum(weights.astype(np.float64), 2.0**-OCTAVES))
    codes = np.minimum(np.round(octaves * LINK_STEPS), 254).astype(np.uint8)
    codes[weights <= 0] = 255  # no link
    return pack(leads), pack(codes)


def encode(values: Floats) -> Codes:
    """Codes of non-negative values; values more than `OCTAVES` below the largest share a code."""
    exact = values.astype(np.float64)
    top = float(exact.max()) or 1.0
    above = exact[exact > 0]
    span = min(math.log2(top / float(above.min())), OCTAVES) if above.size else 0.0
    step = span / (LEVELS - 1) or 1.0
    with np.errstate(divide="ignore"):
        codes = np.where(exact > 0, np.round(np.log2(top / exact) / step), LEVELS)
    codes[exact > 0] = np.minimum(codes[exact > 0], LEVELS - 1)
    return Codes(codes.astype(np.uint16), top, step)


def encode_shares(maps: Floats) -> npt.NDArray[np.uint8]:
    """Codes of shares of 1, in twelfths of an octave."""
    octaves = -np.log2(np.maximum(maps.astype(np.float64), 2.0**-OCTAVES))
    codes = np.clip(np.round(octaves * SHARE_STEPS), 0, ZERO_SHARE - 1).astype(np.uint8)
    codes[maps <= 0] = ZERO_SHARE
    return codes


def _unsigned(count: int) -> type[np.uint16] | type[np.uint32]:
    """The smallest integer type that can number *count* tokens."""
    return np.uint16 if count <= 2**16 else np.uint32
