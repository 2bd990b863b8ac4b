"""Test a heatmap on its own document and model: the whole of `faithfulness`, which reads like a table of contents.

`quick` is too little for a verdict: comprehensiveness at three shares, words deleted, nine random orders. `full`
is enough for one: five shares, both measures, a second way to remove words, nineteen random orders, and what the
prediction loses without each sentence and without the most important heads.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reportgen.core.agreement import TOP, Scores, ranked
from reportgen.core.clock import Advance, Clock
from reportgen.core.nouns.faithfulness import (
    Depth,
    Empty,
    Faithfulness,
    Measure,
    Operator,
    Order,
    OrderName,
    ScalingEffect,
    ScoreName,
    Shift,
    Trial,
    UnitKind,
)
from reportgen.core.nouns.records import Floats, HeadImportance, Tokens
from reportgen.model.classifier import Classifier
from reportgen.model.faithfulness import caveats, curves, head_ablation, orders, sentences, shift, verdict
from reportgen.model.faithfulness.answers import Answer, Answers
from reportgen.model.faithfulness.curves import Design
from reportgen.model.faithfulness.head_ablation import Attempt
from reportgen.model.faithfulness.removal import Removal, Variant, removal
from reportgen.model.faithfulness.sentences import LeftOut
from reportgen.model.faithfulness.units import units

FEWEST = 5  # units, without which there is no order to test


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is tested."""

    shares: tuple[float, ...]  # of the units
    draws: int  # random orders
    measures: tuple[Measure, ...]
    thorough: bool  # a second way to remove words, the order of the text, sentences, heads, the effect of scaling


PLANS: dict[Depth, Plan] = {
    "quick": Plan((0.05, 0.1, 0.2), 9, ("comprehensiveness",), thorough=False),
    "full": Plan((0.01, 0.05, 0.1, 0.2, 0.5), 19, ("comprehensiveness", "sufficiency"), thorough=True),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """A document with its heatmaps."""

    text: str
    tokens: Tokens
    target: int  # index of the label that the curves are about
    reader: int | None  # position whose row the classifier reads; None if it pools over all tokens
    scores: Mapping[ScoreName, Floats]  # (token,) each; "all_attention" is always there
    importance: HeadImportance | None  # None if every head counts the same
    heat: shift.Heat  # for the document that is moved by a word
    donor: Tokens | None  # another document of the split


@dataclass(frozen=True, slots=True)
class Questions:
    """Everything that the model is asked about the document."""

    removal: Removal
    operators: tuple[Operator, ...]
    sizes: tuple[int, ...]  # (share,), units
    scores: dict[ScoreName, Scores]  # (unit,) each
    orders: tuple[Order, ...]
    designs: tuple[Design, ...]  # comprehensiveness under `delete` first
    unscaled: Design | None  # all attention without head importance
    left_out: tuple[LeftOut, ...]

    def empty(self, operator: Operator) -> Variant:
        """The document without any unit."""
        return self.removal.without(range(len(self.removal.units)), operator)

    def __iter__(self) -> Iterator[Variant]:
        yield from map(self.empty, self.operators)
        for design in (*self.designs, *([self.unscaled] if self.unscaled else ())):
            yield from design
        yield from (one.variant for one in self.left_out)


def examine(
    classifier: Classifier,
    subject: Subject,
    *,
    depth: Depth,
    unit: UnitKind,
    seed: int,
    batch_size: int,
    stride: int | None,
    clock: Clock,
) -> Faithfulness:
    """Test the heatmaps of a document.

    Args:
        classifier: That made them.
        subject: The document.
        depth: How much is tested, see `PLANS`.
        unit: What is removed.
        seed: Of random orders, of the order of equal scores, and of the bootstrap.
        batch_size: Variants read together at most; halved as often as memory runs out.
        stride: Tokens that neighbouring windows share, see `Config`.
        clock: Told how long it will take, and of progress.

    Raises:
        ModelError: If a logit is not finite.
        DeviceError: If memory runs out with a single document.
    """
    plan = PLANS[depth]
    asked = questions(classifier, subject, plan, unit, seed)
    answers = Answers(classifier, subject.target, batch_size, stride)
    whole, seconds = _timed(answers, asked.removal.without(()))
    moved, ablated = _read(asked, answers, subject, plan, seed, clock, whole, seconds)
    trials = tuple(curves.trial(design, answers, whole) for design in asked.designs)
    verdicts = verdict.verdicts(trials, asked.orders, shares=plan.shares, unit=unit, even=_even(subject))
    alone = plan.thorough and len(asked.operators) < 2
    return Faithfulness(
        depth=depth,
        unit=unit,
        seed=seed,
        target=subject.target,
        margin=whole.margin,
        probability=whole.probability,
        units=asked.removal.units,
        shares=plan.shares,
        counts=asked.sizes,
        orders=asked.orders,
        empty=tuple(_empty(asked, operator, answers) for operator in asked.operators),
        trials=trials,
        verdicts=verdicts,
        shifts=moved,
        sentences=sentences.effects(asked.left_out, answers, whole),
        agreements=orders.agreements(asked.scores, subject.text, asked.removal.units, seed=seed),
        scaling=_scaling(asked, trials, answers, whole, seed),
        heads=ablated.found,
        passes=answers.passes,
        caveats=caveats.found(subject.tokens, trials, moved, verdicts, whole.margin, heads=ablated.reason, alone=alone),
    )


def _read(
    asked: Questions,
    answers: Answers,
    subject: Subject,
    plan: Plan,
    seed: int,
    clock: Clock,
    whole: Answer,
    seconds: float,
) -> tuple[tuple[Shift, ...], Attempt]:
    """Ask the model everything: the answers to the questions, the shift test, and what is lost without heads.

    *whole* is its answer for the whole document, for which it took so many *seconds*.
    """
    heads = subject.importance.values if subject.importance and plan.thorough else None
    passes, length = _cost(asked, answers, 0 if heads is None else 1 + plan.draws)
    clock.tell(f"faithfulness: {passes:,} forward passes, about {_duration(seconds * length)}")
    with clock.track("faithfulness", passes) as advance:
        answers.ask(list(asked), advance=advance)
        moved = shift.shifts(
            subject.text, subject.tokens, subject.scores["all_attention"], _heat(subject, answers, advance)
        )
        ablated = head_ablation.attempt(
            answers, subject.tokens, heads, whole, draws=plan.draws, seed=seed, advance=advance
        )
    return moved, ablated


def _even(subject: Subject) -> tuple[OrderName, ...]:
    """The orders whose scores are all equal."""
    tested = [name for name in orders.TESTED if name in subject.scores]
    return tuple(name for name in tested if orders.even(subject.scores[name], subject.tokens))


def questions(classifier: Classifier, subject: Subject, plan: Plan, unit: UnitKind, seed: int) -> Questions:
    """What the model is asked. Where a document has too few units for an order, nothing but the empty document."""
    found = units(subject.text, subject.tokens, kind=unit, reader=subject.reader)
    removed = removal(classifier, subject.tokens, found, subject.donor)
    scores = {name: orders.scores_of(each, found, subject.tokens) for name, each in subject.scores.items()}
    operators = removed.operators if plan.thorough else removed.operators[:1]
    if len(found) < FEWEST:
        return Questions(removed, operators, (), scores, (), (), None, ())
    tested = orders.orders(scores, seed=seed, more=plan.thorough)
    against = (*tested, *orders.random_orders(len(found), plan.draws, seed=seed))
    sizes = curves.counts(plan.shares, len(found))
    wanted: list[tuple[Measure, Operator]] = [(measure, operators[0]) for measure in plan.measures]
    wanted += [("comprehensiveness", operator) for operator in operators[1:]]
    unscaled = scores.get("all_attention, unscaled") if plan.thorough else None
    return Questions(
        removed,
        operators,
        sizes,
        scores,
        tested,
        tuple(curves.design(removed, against, sizes, measure=m, operator=operator) for m, operator in wanted),
        None if unscaled is None else _unscaled(removed, unscaled, sizes, seed),
        sentences.each_left_out(subject.text, subject.tokens, reader=subject.reader) if plan.thorough else (),
    )


def _unscaled(removed: Removal, scores: Scores, sizes: tuple[int, ...], seed: int) -> Design:
    order = Order("all_attention", ranked(scores, seed=seed))
    return curves.design(removed, [order], sizes, measure="comprehensiveness", operator="delete")


def _timed(answers: Answers, document: Variant) -> tuple[Answer, float]:
    """The answer for the whole document, and the seconds that it took."""
    start = time.perf_counter()
    answers.ask([document])
    return answers[document], time.perf_counter() - start


def _cost(asked: Questions, answers: Answers, more: int) -> tuple[int, float]:
    """The forward passes that are to come, and together the length of how many whole documents they have.

    *more* passes, and the two of the shift test, read the whole document. So far it alone was read, in its windows.
    """
    missing, windows = answers.missing(list(asked)), answers.passes
    length = sum(len(variant.ids) for variant in missing) / len(asked.removal.tokens)
    return (len(missing) + more + 2) * windows, length + more + 2


def _duration(seconds: float) -> str:
    """A time that is not known exactly.

    >>> _duration(42), _duration(200)
    ('40 s', '3 min')
    """
    return f"{max(10, round(seconds, -1)):.0f} s" if seconds < 90 else f"{seconds / 60:,.0f} min"


def _heat(subject: Subject, answers: Answers, advance: Advance) -> shift.Heat:
    """The heat of the subject, with its forward passes counted."""

    def heat(text: str) -> tuple[Tokens, Floats, int]:
        tokens, scores, passes = subject.heat(text)
        answers.passes += passes
        advance(passes)
        return tokens, scores, passes

    return heat


def _empty(asked: Questions, operator: Operator, answers: Answers) -> Empty:
    answer = answers[asked.empty(operator)]
    return Empty(operator, answer.margin, answer.probability)


def _scaling(
    asked: Questions, trials: tuple[Trial, ...], answers: Answers, whole: Answer, seed: int
) -> ScalingEffect | None:
    """What head importance changes: the highest words, and what is lost without them."""
    if asked.unscaled is None:
        return None
    plain = curves.curve("all_attention", asked.unscaled.variants[0], answers, whole)
    shown = trials[0].curves[0]
    top = max(1, round(TOP * len(asked.removal.units)))
    before, now = (
        set(ranked(asked.scores[name], seed=seed)[:top]) for name in ("all_attention, unscaled", "all_attention")
    )
    p = curves.p(plain, trials[0].random, "comprehensiveness")
    return ScalingEffect(churn=len(now - before) / top, aopc=shown.aopc - plain.aopc, p=p)
