"""Say what the prediction loses without each sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reportgen.core.nouns.faithfulness import SentenceEffect, Unit
from reportgen.core.nouns.records import Tokens
from reportgen.model.faithfulness.answers import Answer, Answers
from reportgen.model.faithfulness.removal import Removal, Variant
from reportgen.model.faithfulness.units import units


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A sentence, and the document without it."""

    sentence: Unit
    variant: Variant


def each_left_out(text: str, tokens: Tokens, *, reader: int | None) -> tuple[LeftOut, ...]:
    """The document without one sentence at a time; () if it has only one. Arguments: see `units`."""
    found = units(text, tokens, kind="sentence", reader=reader)
    removal = Removal(tokens, found, mask=None, donor=None)
    return tuple(LeftOut(sentence, removal.without([place])) for place, sentence in enumerate(found) if len(found) > 1)


def effects(found: Sequence[LeftOut], answers: Answers, whole: Answer) -> tuple[SentenceEffect, ...]:
    """What the model says without each sentence; *whole* is its answer for the whole document."""
    return tuple(
        SentenceEffect(one.sentence.start, one.sentence.end, whole.margin - answer.margin, answer.probability)
        for one in found
        for answer in [answers[one.variant]]
    )
