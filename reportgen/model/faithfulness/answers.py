"""Ask a model for the margin and the probability of one label on many variants of a document, each once.

Variants are read in batches of about equal length; where memory runs out, in smaller ones. One that does not fit the
model is read in windows, like the document itself.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from reportgen.core.clock import Advance
from reportgen.model.classifier import Classifier
from reportgen.model.faithfulness.removal import Variant
from reportgen.model.reading import forward_pass, long_documents

CHUNK = 64  # variants whose tokens are in memory at once


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says of the target."""

    margin: float  # logits
    probability: float


@dataclass(slots=True)
class Answers:
    """The answers so far, and what it takes to get more."""

    classifier: Classifier
    target: int  # index of the label
    batch_size: int
    stride: int | None = None  # tokens that neighbouring windows share, see `Config`
    passes: int = 0  # forward passes so far: each reads one document, or one window
    known: dict[bytes, Answer] = field(default_factory=dict)

    def __getitem__(self, variant: Variant) -> Answer:
        return self.known[variant.key]

    def missing(self, variants: Sequence[Variant]) -> list[Variant]:
        """Those without an answer, each once, the longest first."""
        found = {variant.key: variant for variant in variants if variant.key not in self.known}
        return sorted(found.values(), key=lambda variant: -len(variant.ids))

    def ask(self, variants: Sequence[Variant], *, advance: Advance = lambda count: None) -> None:
        """Read the variants that have no answer yet; *advance* is called with how many more have one.

        Raises:
            ModelError: If a logit is not finite.
            DeviceError: If memory runs out with a single document.
        """
        missing = self.missing(variants)
        for start in range(0, len(missing), CHUNK):
            alike: dict[tuple[int, ...], list[Variant]] = {}
            for variant in missing[start : start + CHUNK]:
                alike.setdefault(variant.places(self.classifier.global_positions), []).append(variant)
            for global_positions, together in alike.items():
                self._read(replace(self.classifier, global_positions=global_positions), together, advance)

    def answer(self, logits: Tensor) -> Answer:
        """What the logits of a document, (label,), say of the target."""
        several = bool(self.classifier.thresholds)
        probabilities = logits.sigmoid() if several else logits.softmax(dim=-1)
        return Answer(float(margin(logits, self.target, several=several)), float(probabilities[self.target]))

    def _read(self, classifier: Classifier, variants: Sequence[Variant], advance: Advance) -> None:
        plan = functools.partial(long_documents.plan_for, classifier, stride=self.stride)
        owned = [(variant, piece) for variant in variants for piece in plan(variant.document).pieces]
        logits: dict[bytes, list[Tensor]] = {variant.key: [] for variant in variants}

        def keep(places: Sequence[int], found: Tensor) -> None:
            for place, row in zip(places, found, strict=True):
                logits[owned[place][0].key].append(row)
            self.passes += len(places)
            advance(len(places))

        documents = [piece for _, piece in owned]
        forward_pass.predict_all(classifier, documents, batch_size=self.batch_size, on_batch=keep)
        self.known |= {key: self.answer(torch.stack(found).mean(dim=0)) for key, found in logits.items()}


def margin(logits: Tensor, label: int, *, several: bool) -> Tensor:
    """The logit of a label minus the largest other one, shape ().

    Args:
        logits: (label,).
        label: Its index.
        several: Whether a text may have several labels at once: then it is the logit alone.
    """
    if several:
        return logits[label]
    return logits[label] - torch.cat((logits[:label], logits[label + 1 :])).max()
