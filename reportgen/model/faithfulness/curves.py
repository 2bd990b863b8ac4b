"""Measure what the prediction loses along orders of units: comprehensiveness and sufficiency.

Definitions after DeYoung et al. 2020, "ERASER: A Benchmark to Evaluate Rationalized NLP Models", ACL, with margins in
place of probabilities, which saturate. The area over the curve (AOPC) is the mean over the shares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from reportgen.core.nouns.faithfulness import Curve, Measure, Operator, Order, Trial
from reportgen.model.faithfulness.answers import Answer, Answers
from reportgen.model.faithfulness.removal import Removal, Variant

ROUNDING = 1e-6  # logits: two orders whose AOPC is as near lose equally much


@dataclass(frozen=True, slots=True)
class Design:
    """What one trial has to read."""

    measure: Measure
    operator: Operator
    orders: tuple[Order, ...]  # random ones last
    variants: tuple[tuple[Variant, ...], ...]  # (order, share)

    def __iter__(self) -> Iterator[Variant]:
        return (variant for along in self.variants for variant in along)


def counts(shares: Sequence[float], units: int) -> tuple[int, ...]:
    """Each share of so many units as a number of units, at least 1.

    >>> counts((0.05, 0.5), 13)
    (1, 6)
    """
    return tuple(max(1, round(share * units)) for share in shares)


def design(
    removal: Removal, orders: Sequence[Order], sizes: Sequence[int], *, measure: Measure, operator: Operator
) -> Design:
    """The variants of a trial: the first *sizes* units of each order are removed, or they alone are kept."""
    change: Callable[[Sequence[int], Operator], Variant] = (
        removal.without if measure == "comprehensiveness" else removal.only
    )
    variants = tuple(tuple(change(order.units[:size], operator) for size in sizes) for order in orders)
    return Design(measure, operator, tuple(orders), variants)


def trial(made: Design, answers: Answers, whole: Answer) -> Trial:
    """What the model says of the variants, all of which have an answer; *whole* is that of the whole document."""
    found = [curve(order.name, along, answers, whole) for order, along in zip(made.orders, made.variants, strict=True)]
    random = tuple(one for one in found if one.order == "random")
    better = [replace(one, p=p(one, random, made.measure)) for one in found if one.order != "random"]
    return Trial(made.measure, made.operator, tuple(better), random)


def curve(name: str, along: Sequence[Variant], answers: Answers, whole: Answer) -> Curve:
    """The answers along one order."""
    found = [answers[variant] for variant in along]
    margins = tuple(one.margin for one in found)
    aopc = sum(whole.margin - margin for margin in margins) / len(margins)
    return Curve(name, margins, tuple(one.probability for one in found), aopc)  # type: ignore[arg-type]


def p(found: Curve, random: Sequence[Curve], measure: Measure) -> float:
    """The chance of an AOPC at least as good under random orders: high comprehensiveness, low sufficiency."""
    sign = 1 if measure == "comprehensiveness" else -1
    as_good = sum(sign * (one.aopc - found.aopc) >= -ROUNDING for one in random)
    return (1 + as_good) / (1 + len(random))
