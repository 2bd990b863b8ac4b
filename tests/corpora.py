"""A small batch built by hand: twelve reports of several sections, words and verdicts, some of them tested."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.nouns.records import Floats, HeadImportance, Prediction, Report
from reportgen.report import present
from tests import faithful, reports

COUNT = 12
LABELS = ("left", "right")
COMMON = ("The", "of", "is", "and")
WORDS = ("amber", "beryl", "cedar", "dune", "ember", "fern", "grove", "heath")
LAYERS, HEADS, TOP_K = 2, 3, 4
Weights = Callable[[int, int], Floats]  # (number of the document, tokens) -> (layer, head, query, key)


def text(number: int) -> str:
    """Two sections of known words, stop words and punctuation; no two documents are alike."""
    random = np.random.default_rng(number)
    words = [str(word) for word in random.choice([*WORDS, *COMMON], 26 + number % 5)]
    return f"# Data\n{' '.join(words[:12])}. {words[12]}!\n# Results\n{' '.join(words[13:])}."


def report(number: int, *, weights: Weights | None = None, tested: bool = False, **changes: Any) -> Report:
    """One of the documents; every third is wrong, the last has no gold label."""
    written = text(number)
    read = reports.tokens(written)
    made = (weights or _random)(number, len(read))
    sure = 0.55 + 0.035 * number
    predicted = number % 2
    gold = None if number == COUNT - 1 else predicted if number % 3 else 1 - predicted
    probabilities = (sure, 1 - sure) if predicted == 0 else (1 - sure, sure)
    logits = tuple(float(value) for value in np.log(probabilities))
    values = np.linspace(0.25, 1, LAYERS * HEADS, dtype=np.float32).reshape(LAYERS, HEADS)
    seen = np.tile(np.arange(1, len(read) + 1, dtype=np.int32), (LAYERS, 1))
    whole = reports.report(
        written,
        read=replace(read, total=len(read) + 9 * (number % 4 == 0)),
        importance=HeadImportance(values, "taylor", "importance.safetensors", {"examples": "20"}),
        top_k=TOP_K,
        attention=reports.attention(made, top_k=TOP_K, seen=seen),
        prediction=Prediction(
            LABELS,
            logits,
            probabilities,
            predicted=predicted,
            gold=gold,
            gold_text=None if gold is None else LABELS[gold],
        ),
    )
    example = replace(whole.example, name=f"doc-{number}", title=f"Document {number}", index=number, id=f"id/{number}")
    provenance = replace(
        whole.provenance, text_sha256=hashlib.sha256(written.encode()).hexdigest(), configuration={"format": ["tables"]}
    )
    whole = replace(whole, example=example, provenance=provenance, **changes)
    return replace(whole, faithfulness=faithful.faithfulness(whole)) if tested else whole


def _random(number: int, tokens: int) -> Floats:
    return reports.weights(tokens, layers=LAYERS, heads=HEADS, seed=number)


def write(folder: Path, made: Report, *, formats: tuple[str, ...] = ("tables",)) -> Path:
    """The folder of a report."""
    target = folder / made.example.name
    present.write(made, target, config=Config(format=formats), clock=Clock())
    return target


def batch(folder: Path, count: int = COUNT, **how: Any) -> Path:
    """The folder of a batch of so many documents, of which every second was tested."""
    for number in range(count):
        write(folder, report(number, tested=number % 2 == 0, **how))
    return folder


def replaced_model(made: Report, name: str) -> Report:
    """The same report of another model."""
    return replace(made, provenance=replace(made.provenance, model=name))
