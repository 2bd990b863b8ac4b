"""Switch off the heads that a file of head importance calls most important, and as many random ones.

A head that is switched off outputs 0. The others keep the weights that they have.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from reportgen.core.clock import Advance
from reportgen.core.errors import ModelError
from reportgen.core.nouns.faithfulness import HeadAblation
from reportgen.core.nouns.records import Floats, Tokens
from reportgen.model.faithfulness.answers import Answer, Answers
from reportgen.model.importance import head_parameters
from reportgen.model.reading import forward_pass, long_documents

SHARE = 0.1  # of the heads, at least one

Heads = tuple[tuple[int, int], ...]  # layer and head


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was found, or why nothing could be."""

    found: HeadAblation | None = None
    reason: str | None = None


def attempt(
    answers: Answers,
    tokens: Tokens,
    importance: Floats | None,
    whole: Answer,
    *,
    draws: int,
    seed: int,
    advance: Advance,
) -> Attempt:
    """`ablation`, if there is head importance, and the heads of the model are known."""
    if importance is None:
        return Attempt()
    try:
        return Attempt(ablation(answers, tokens, importance, whole, draws=draws, seed=seed, advance=advance))
    except ModelError as error:
        return Attempt(reason=error.message)


def ablation(
    answers: Answers, tokens: Tokens, importance: Floats, whole: Answer, *, draws: int, seed: int, advance: Advance
) -> HeadAblation:
    """What the prediction loses without the most important heads, and without random ones.

    Args:
        answers: Who is asked.
        tokens: The document.
        importance: (layer, head).
        whole: The answer of the whole model.
        draws: How many times random heads are drawn.
        seed: Of these, and of the order of equally important heads.
        advance: Called with the number of forward passes that are done.

    Raises:
        ModelError: If the heads of the model are not found.
    """
    count = importance.shape[1]
    places = [(layer, head) for layer in range(len(importance)) for head in range(count)]
    size = max(1, round(SHARE * len(places)))
    random = np.random.default_rng([seed % 2**64, 2**33])
    ties = random.permutation(len(places))
    highest = np.lexsort((ties, -importance.ravel()))[:size]
    drawn = [random.choice(len(places), size, replace=False) for _ in range(draws)]

    def change(chosen: Sequence[int]) -> float:
        return whole.margin - _answer(answers, tokens, tuple(places[place] for place in chosen), advance).margin

    found, *others = (change(chosen.tolist()) for chosen in (highest, *drawn))
    p = (1 + sum(other >= found for other in others)) / (1 + draws)
    return HeadAblation(tuple(places[place] for place in highest.tolist()), found, tuple(others), p)


def _answer(answers: Answers, tokens: Tokens, heads: Heads, advance: Advance) -> Answer:
    """The model's answer for the document without some heads."""
    classifier = answers.classifier
    documents = long_documents.plan_for(classifier, tokens, stride=answers.stride).pieces
    with silenced(answers, heads):
        logits = torch.cat([forward_pass.predict_logits(classifier, [document]) for document in documents])
    answers.passes += len(documents)
    advance(len(documents))
    return answers.answer(logits.mean(dim=0))


@contextlib.contextmanager
def silenced(answers: Answers, heads: Heads) -> Iterator[None]:
    """While open, these heads of the model output 0."""
    classifier = answers.classifier
    with head_parameters.separate(classifier.model), contextlib.ExitStack() as stack:
        for index, layer in enumerate(head_parameters.find(classifier)):
            silent = torch.zeros(1, classifier.shape[1], dtype=torch.bool)
            silent[0, [head for place, head in heads if place == index]] = True
            stack.enter_context(head_parameters.silenced(layer, silent))
        yield
