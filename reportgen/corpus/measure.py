"""Turn a stored report into the numbers that a corpus adds up: one document, in the form of `sums.KEYS`.

Scores of words are relative to the document: 1 is the mean score of its content tokens, so that documents of any
length, and models of any scale, can be added. The rest are shares, probabilities, logits and counts.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import regex

from reportgen.core.characters import clean
from reportgen.core.nouns.records import Report
from reportgen.corpus import heads, sections, sums
from reportgen.corpus.heads import Doubles, Flags
from reportgen.corpus.sums import Measured
from reportgen.data.redact import PLACEHOLDER
from reportgen.report import scale
from reportgen.report.parts import Word
from reportgen.report.words import of_report

DECILES = 10
PER_OCTAVE = 4  # bins of lengths between a length and its double
BINS = 10  # of the reliability curve: 0 to 10 %, 10 to 20 %, ...
TOP = 10  # words of a document that are kept with it
NO_VALUE = "none"  # in a key, where there is no label or no test
CLASSES = ("special", "first", "punctuation", "stop words")  # of `heads.MEASURES`


def facts(report: Report) -> dict[str, Any]:
    """What all reports of a corpus have in common."""
    said, kept = report.prediction, report.attention.top_k
    return {
        "model": clean(report.provenance.model),
        "weights": report.provenance.weights_sha256,
        "layers": list(report.attention.layers),
        "heads": report.attention.shape[1],
        "labels": [] if said is None else list(map(clean, said.labels)),
        "several": said is not None and said.several,
        "importance": report.importance.measure,
        # a text of fewer tokens than are kept keeps all it has
        "top_k": max(kept, report.top_k) if kept == len(report.tokens) else kept,
        "received": report.received,
        "given": report.given,
    }


def measure(report: Report, *, name: str, page: str, headings: regex.Pattern[str] = sections.HEADING) -> Measured:
    """One document in numbers.

    Args:
        report: From `store.load`.
        name: Of its folder.
        page: The file of the folder that is worth opening.
        headings: What separates sections, from `sections.compiled`.
    """
    everything = of_report(report)
    classes = classes_of(report, everything)
    found = tuple(word for word in everything if not hidden(report, word.text))
    relative = _relative_scores(report)
    types = _Types(found, len(report.tokens))
    by_head = heads.words_of_heads(report.attention, types.of_token, len(types.names))
    measured = heads.measures(report, classes, by_head)
    beyond = heads.excess(measured, classes, by_head)
    values = {
        **_labels(report),
        **_words(report, found, relative),
        **_places(report, classes),
        **_heads(report, measured, beyond),
        **_head_words(report, types, by_head),
        **_sections(report, relative, headings),
        **_faithfulness(report),
    }
    row = _row(report, name, page) | {"words": _top_words(found, relative)}
    examples = tuple(_examples(report, row, measured, beyond))
    return Measured(row, {key: sums.values(key, columns) for key, columns in values.items()}, examples)


def hidden(report: Report, word: str) -> bool:
    """Whether a word is not shown, but placeholders in its place: it counts as a token, and as no word type."""
    return report.redaction is not None and not word.strip(f"{PLACEHOLDER} ")


def classes_of(report: Report, words: Sequence[Word]) -> dict[str, Flags]:
    """Whether each token is special, among the first, punctuation, or of a stop word: (token,) each."""
    flags = {name: np.zeros(len(report.tokens), bool) for name in CLASSES}
    flags["special"] |= np.array(report.tokens.special, bool)
    flags["first"][: heads.FIRST] = True
    for word in (one for one in words if one.masked):
        named = any(character.isalnum() for character in word.text)
        flags["stop words" if named else "punctuation"][[*word.positions, *word.echoes]] = True
    return flags


def _relative_scores(report: Report) -> Doubles:
    """The score of each token, 1 for the mean of the content tokens; all NaN where there is none."""
    scores = scale.of_report(report).total.astype(np.float64)
    content = report.tokens.content
    middle = float(scores[content].mean()) if content.any() else 0.0
    return scores / middle if middle > 0 else np.full(len(scores), np.nan)


class _Types:
    """The word types of a document, stop words and punctuation left out."""

    def __init__(self, words: Sequence[Word], tokens: int) -> None:
        self.names: list[str] = []
        self.of_token: npt.NDArray[np.int64] = np.full(tokens, -1, np.int64)
        known: dict[str, int] = {}
        for word in words:
            if word.positions and not word.masked:
                number = known.setdefault(word.text.casefold(), len(known))
                self.of_token[list(word.positions)] = number
        self.names = list(known)


def _row(report: Report, name: str, page: str) -> dict[str, Any]:
    example, said, tested = report.example, report.prediction, report.faithfulness
    return {
        "document": name,
        "index": example.index,
        "id": None if example.id is None else clean(example.id),
        "title": clean(example.title).strip() or name,
        "label": None if said is None or said.gold_name is None else clean(said.gold_name),
        "predicted": None if said is None else clean(said.predicted_name),
        "probability": None if said is None else said.confidence,
        "verdict": "unknown" if said is None else said.verdict,
        "tokens": int(report.tokens.total),
        "read": len(report.tokens),
        "all_attention": None if tested is None else tested.code("all_attention"),
        "effect": _effect(report),
        "page": page,
    }


def _labels(report: Report) -> dict[str, dict[str, Sequence[Any]]]:
    """The counts: verdicts, confusion, calibration, lengths."""
    said = report.prediction
    predicted, verdict = _group(report)
    tested = report.faithfulness.code("all_attention") if report.faithfulness else None
    counts: dict[str, dict[str, Sequence[Any]]] = {
        "verdicts": {
            "predicted": [predicted],
            "verdict": [verdict],
            "all_attention": [tested or NO_VALUE],
            "value": [1.0],
        }
    }
    read, whole = len(report.tokens), max(float(report.tokens.total), 1.0)
    bins = [int(math.log2(whole) * PER_OCTAVE), min(int(read / whole * BINS), BINS)]
    counts["lengths"] = {"measure": ["tokens", "read"], "bin": bins, "value": [whole, min(read / whole, 1.0)]}
    if said is None or said.true is None or said.tied:
        return counts
    if said.several:
        pairs = [(n in said.true, n in said.chosen, clean(label)) for n, label in enumerate(said.labels)]
        cells = [(f"{label}: {_yes(true)}", f"{label}: {_yes(chosen)}") for true, chosen, label in pairs]
    else:
        cells = [(clean(said.labels[said.true[0]]), clean(said.labels[said.predicted]))]
    gold, chosen = zip(*cells, strict=True)
    counts["confusion"] = {"label": gold, "predicted": chosen, "value": [1.0] * len(cells)}
    sure = said.confidence
    counts["calibration"] = {
        "measure": ["confidence", "gap"],
        "bin": [min(int(sure * BINS), BINS - 1)] * 2,
        "value": [sure, float(said.verdict == "right") - sure],
    }
    return counts


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _group(report: Report) -> tuple[str, str]:
    """The predicted label and the verdict, as keys."""
    said = report.prediction
    return (NO_VALUE, "unknown") if said is None else (clean(said.predicted_name), said.verdict)


def _words(report: Report, words: Sequence[Word], relative: Doubles) -> dict[str, dict[str, Sequence[Any]]]:
    """The mean score of each word type; words without letters and digits are punctuation, and left out."""
    scores = relative.tolist()  # words are short: plain numbers are quicker than arrays
    found: dict[str, list[float]] = defaultdict(list)
    stop: dict[str, bool] = {}
    for word in words:
        if word.positions and any(map(str.isalnum, word.text)):
            key = clean(word.text).casefold()
            found[key].append(sum(scores[position] for position in word.positions) / len(word.positions))
            stop[key] = word.masked
    predicted, verdict = _group(report)
    return {
        "words": {
            "word": list(found),
            "stop": [stop[key] for key in found],
            "predicted": [predicted] * len(found),
            "verdict": [verdict] * len(found),
            "value": [sum(each) / len(each) for each in found.values()],
        }
    }


def _top_words(words: Sequence[Word], relative: Doubles) -> list[str]:
    """The words with the highest-scoring tokens, each once, stop words and signs left out."""
    scores = relative.tolist()
    best: dict[str, float] = {}
    for word in words:
        if word.positions and not word.masked and any(map(str.isalnum, word.text)):
            score, key = max(scores[position] for position in word.positions), clean(word.text).casefold()
            if math.isfinite(score):
                best[key] = max(best.get(key, 0.0), score)
    return sorted(best, key=lambda key: -best[key])[:TOP]


def _places(report: Report, classes: dict[str, Flags]) -> dict[str, dict[str, Sequence[Any]]]:
    """Attention by decile of the document and by class of tokens, layer by layer, in total and per query."""
    attention, content = report.attention, report.tokens.content
    kinds = {"received": attention.received.astype(np.float64)}
    if attention.seen is not None:
        kinds["per query"] = attention.per_query.astype(np.float64)
    layers = attention.layers
    deciles = np.arange(len(content)) * DECILES // max(len(content), 1)
    positions: dict[str, list[Any]] = {name: [] for name in ("measure", "layer", "decile", "value")}
    shares: dict[str, list[Any]] = {name: [] for name in ("measure", "class", "layer", "value")}
    for kind, received in kinds.items():
        by_layer = received.sum(axis=1)  # (layer, token)
        whole = np.maximum(by_layer.sum(axis=1), np.finfo(np.float64).tiny)
        for name, flags in classes.items():
            found = by_layer[:, flags].sum(axis=1) / whole
            _extend(shares, [kind] * len(layers), [name] * len(layers), layers, found.tolist())
        if len(np.unique(deciles[content])) == DECILES:
            member = np.eye(DECILES)[deciles] * content[:, None]
            sums_ = by_layer @ member  # (layer, decile)
            sums_ /= np.maximum(sums_.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
            for layer, row in zip(layers, sums_.tolist(), strict=True):
                _extend(positions, [kind] * DECILES, [layer] * DECILES, range(1, DECILES + 1), row)
    return {"positions": dict(positions), "layers": dict(shares)}


def _extend(columns: dict[str, list[Any]], *parts: Sequence[Any]) -> None:
    for column, part in zip(columns.values(), parts, strict=True):
        column.extend(part)


def _heads(report: Report, measured: dict[str, Doubles], beyond: Doubles) -> dict[str, dict[str, Sequence[Any]]]:
    layers, numbers = zip(*report.places, strict=True)
    names = sorted(measured)
    roles = [(*heads.ROLES, heads.BROAD)[role] for role in heads.roles(beyond).ravel().tolist()]
    return {
        "heads": {
            "measure": np.repeat(names, len(layers)).tolist(),
            "layer": layers * len(names),
            "head": numbers * len(names),
            "value": np.concatenate([measured[name].ravel() for name in names]).tolist(),
        },
        "roles": {"layer": layers, "head": numbers, "role": roles, "value": [1.0] * len(roles)},
    }


def _head_words(report: Report, types: _Types, found: heads.HeadWords | None) -> dict[str, dict[str, Sequence[Any]]]:
    if found is None:
        return {}
    kept = found.first.shape[-1]
    places = [place for place in report.places for _ in range(kept)]
    return {
        "head_words": {
            "layer": [layer for layer, _ in places],
            "head": [head for _, head in places],
            "word": [clean(types.names[number]) for number in found.first.ravel().tolist()],
            "value": found.shares.ravel().tolist(),
        }
    }


def _sections(report: Report, relative: Doubles, headings: regex.Pattern[str]) -> dict[str, dict[str, Sequence[Any]]]:
    """The share of the scores that each section has, and its share of the tokens; a name that repeats is one."""
    parts = sections.find(report.example.text, headings)
    content = report.tokens.content
    if not parts or not np.isfinite(relative[content]).any():
        return {}
    own = sections.members(parts, report.tokens.starts)
    scores: dict[str, float] = defaultdict(float)
    sizes: dict[str, int] = defaultdict(int)
    for number, part in enumerate(parts):
        inside = content & (own == number)
        if inside.any() and not hidden(report, part.name.upper()):
            scores[clean(part.name)] += float(relative[inside].sum())
            sizes[clean(part.name)] += int(inside.sum())
    whole = int(content.sum())  # the scores of content tokens sum to their number
    rows = [
        (measure, name, value)
        for name in scores
        for measure, value in (
            ("attention", scores[name] / whole),
            ("tokens", sizes[name] / whole),
            ("ratio", scores[name] / sizes[name]),
        )
    ]
    names = ("measure", "section", "value")
    return {"sections": dict(zip(names, zip(*rows, strict=True), strict=True))} if rows else {}


def _faithfulness(report: Report) -> dict[str, dict[str, Sequence[Any]]]:
    """The curves, and AOPC relative to the random orders."""
    tested, verdict = report.faithfulness, _group(report)[1]
    if tested is None or not tested.trials:
        return {}
    curves: list[tuple[Any, ...]] = []
    effects: list[tuple[Any, ...]] = []
    for trial in tested.trials:
        kind = (trial.measure, trial.operator)
        for curve in trial.curves:
            effects.append((*kind, curve.order, verdict, curve.aopc - trial.chance[0]))
            curves += [
                (*kind, curve.order, verdict, share, value)
                for share, value in zip(tested.shares, curve.probabilities, strict=True)
            ]
        drawn = np.mean([curve.probabilities for curve in trial.random], axis=0)
        curves += [
            (*kind, "random", verdict, share, value) for share, value in zip(tested.shares, drawn.tolist(), strict=True)
        ]
    found: dict[str, dict[str, Sequence[Any]]] = {}
    for name, rows in (("curves", curves), ("effects", effects)):
        found[name] = dict(zip((*sums.KEYS[name], "value"), zip(*rows, strict=True), strict=True))
    return found


def _effect(report: Report) -> float | None:
    """Comprehensiveness of all attention minus the mean of the random orders, logits."""
    trial = report.faithfulness.trial("comprehensiveness") if report.faithfulness else None
    curve = trial.curve("all_attention") if trial else None
    return None if trial is None or curve is None else curve.aopc - trial.chance[0]


def _examples(
    report: Report, row: dict[str, Any], measured: dict[str, Doubles], beyond: Doubles
) -> Iterator[dict[str, Any]]:
    """Of each role the head that has it most clearly here."""
    found = heads.roles(beyond)
    for number, role in enumerate(heads.ROLES):
        having = np.argwhere(found == number)
        if len(having):
            at = tuple(max(having.tolist(), key=lambda place: (beyond[number][tuple(place)], [-n for n in place])))
            value = float(measured[heads.BY_ROLE[role]][at])
            named = {name: row[name] for name in ("document", "title", "page")}
            yield {"role": role, **named, "layer": report.attention.layers[at[0]], "head": at[1] + 1, "value": value}
