"""The nouns of the test that a report makes of its own heatmap, and of signed attribution, frozen.

They hold values and derive values. Everything counts from 0 here. A margin is in logits: the logit of the target minus
the largest other one; where a text may have several labels, the logit of the target alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from reportgen.core.config import RANGES
from reportgen.core.config import Method as Method
from reportgen.core.config import UnitKind as UnitKind
from reportgen.core.nouns.arrays import Floats, equal_fields
from reportgen.core.nouns.values import Between, Count, Share, axes

Depth = Literal["quick", "full"]
Operator = Literal["delete", "mask", "sample"]  # how a unit is removed, see `Empty`
Measure = Literal["comprehensiveness", "sufficiency"]  # the first units are removed, or they alone are kept
OrderName = Literal["all_attention", "classifier", "attribution", "reversed", "reading-order", "random"]
VerdictCode = Literal["supported", "no-better-than-chance", "depends-on-removal", "too-little-tested"]
LEVEL = 0.05  # largest p of a verdict of support
ENOUGH = round(1 / LEVEL) - 1  # random orders: with fewer, no p is that small
VERDICTS: dict[VerdictCode, str] = {
    "supported": "supported",
    "no-better-than-chance": "no better than chance",
    "depends-on-removal": "depends on how words are removed",
    "too-little-tested": "too little tested for a verdict",
}  # in a few words, for cards and lists
VIEWS: dict[OrderName, str] = {
    "all_attention": "All attention",
    "classifier": "What the classifier reads",
    "attribution": "Attribution",
}  # what page, cards and tables call the view that has this order
ScoreName = Literal["all_attention", "all_attention, unscaled", "last layer", "classifier", "attribution"]
Change = Literal["first word left out", "a word put before"]


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """How much each token speaks for or against a label."""

    method: Method
    label: Count  # index of the label
    scores: Annotated[Floats, axes("token")] | None  # logits, above 0 for the label; None if they cannot be had
    baseline: str | None = None  # of integrated gradients: what the scores are relative to
    gap: float | None = None  # of integrated gradients: (sum of the scores - change of the margin) / change
    reason: str | None = None  # why there are no scores, in a sentence

    def __eq__(self, other: object) -> bool:
        return equal_fields(self, other)


@dataclass(frozen=True, slots=True)
class Unit:
    """What is removed or kept as a whole: a word, or a sentence."""

    start: Count  # first character in the text
    end: Count  # one past the last
    positions: tuple[Count, ...]  # of its tokens, ascending; special tokens are in no unit


@dataclass(frozen=True, slots=True)
class Order:
    """In which order units are removed."""

    name: OrderName
    units: tuple[Count, ...]  # (unit,), indices of `Faithfulness.units`, the one with the highest score first


@dataclass(frozen=True, slots=True)
class Empty:
    """The model's answer when every unit is removed. No way to remove words is neutral."""

    operator: Operator  # delete: later tokens move up; mask: the mask token; sample: tokens of another document
    margin: float  # logits
    probability: Share  # of the target


@dataclass(frozen=True, slots=True)
class Curve:
    """The model's answers along one order."""

    order: OrderName
    margins: tuple[float, ...]  # (share,), logits
    probabilities: tuple[Share, ...]  # (share,), of the target
    aopc: float  # logits: the mean over the shares of the whole document's margin minus this one
    p: Share | None = None  # chance of an `aopc` as good under random orders: (1 + as good) / (1 + all); None for them


@dataclass(frozen=True, slots=True)
class Trial:
    """One measure under one way to remove units: the orders, and the random orders that they are compared with."""

    measure: Measure
    operator: Operator
    curves: tuple[Curve, ...]
    random: tuple[Curve, ...]  # (draw,)

    def curve(self, order: OrderName) -> Curve | None:
        """The curve of an order; None if it was not tested."""
        return next((curve for curve in self.curves if curve.order == order), None)

    @property
    def chance(self) -> tuple[float, float, float]:
        """Mean, lowest and highest `aopc` of the random orders, logits."""
        found = [curve.aopc for curve in self.random]
        return sum(found) / len(found), min(found), max(found)

    @property
    def band(self) -> tuple[tuple[float, float], ...]:
        """Lowest and highest probability of the random orders, by share."""
        by_share = zip(*(curve.probabilities for curve in self.random), strict=True)
        return tuple((min(found), max(found)) for found in by_share)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the trials say of one order."""

    order: OrderName
    code: VerdictCode
    sentence: str  # for people, with the numbers


@dataclass(frozen=True, slots=True)
class Shift:
    """The heatmap of the document moved by a word: scores move with their words, or stay with their places."""

    change: Change
    words: Count  # words that both heatmaps have
    correlation: float | None  # Pearson's, of their scores; None where one heatmap is even
    stayed: tuple[Count, ...]  # positions among the ten highest whose score stayed with the place
    correlation_without: float | None  # the same without what stands at these places and at echoes; None as above


@dataclass(frozen=True, slots=True)
class SentenceEffect:
    """What the prediction loses without one sentence."""

    start: Count  # first character in the text
    end: Count  # one past the last
    change: float  # logits: margin of the whole document minus that without the sentence; above 0 speaks for the target
    probability: Share  # of the target without the sentence


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with the interval that 95 % of bootstrap samples of sentences fall into."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two lists of scores order the same units alike."""

    one: ScoreName
    other: ScoreName
    tau: Estimate  # Kendall's tau-b, -1 to 1
    jaccard: Estimate  # of the highest 5 %: shared units by units in either
    jaccard_chance: Share  # of two random orders: q / (2 - q)
    overlap: tuple[Share, ...]  # (k,), shared units among the highest k % by k %, for k of 1 to 20
    overlap_chance: tuple[Share, ...]  # (k,), of two random orders: the share itself


@dataclass(frozen=True, slots=True)
class ScalingEffect:
    """What head importance changes in the heatmap."""

    churn: Share  # share of the highest 5 % of the units that are not there without head importance
    aopc: float  # logits: comprehensiveness of the heatmap as shown minus that of the unscaled one
    p: Share  # chance of the unscaled heatmap's own `aopc` under random orders


@dataclass(frozen=True, slots=True)
class HeadAblation:
    """What the prediction loses without the heads that the file of head importance calls most important."""

    heads: tuple[tuple[Count, Count], ...]  # layer and head, the most important first
    change: float  # logits: margin of the whole model minus that without these heads
    random: tuple[float, ...]  # (draw,), the same without as many random heads
    p: Share  # (1 + draws with at least this change) / (1 + draws)


@dataclass(frozen=True, slots=True)
class Caveat:
    """Something a reader must know before trusting the numbers."""

    code: str  # short and stable: "short-document"
    message: str  # one or two sentences


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """The test of a report's own heatmap on its own document and model."""

    depth: Depth
    unit: UnitKind
    seed: Annotated[int, Between(*RANGES["seed"])]
    target: Count  # index of the label: the predicted one
    margin: float  # of the whole document, logits
    probability: Share  # of the target, for the whole document
    units: tuple[Unit, ...]  # in the order of the text
    shares: tuple[Share, ...]  # of the units that are removed or kept: (0.05, 0.1, 0.2)
    counts: tuple[Count, ...]  # (share,), the same as a number of units
    orders: tuple[Order, ...]  # those tested, random ones left out
    empty: tuple[Empty, ...]  # one for each way to remove units
    trials: tuple[Trial, ...]  # () where nothing could be tested, see `caveats`
    verdicts: tuple[Verdict, ...]  # on all attention first; () where nothing could be tested
    shifts: tuple[Shift, ...]  # () where the document cannot be moved
    sentences: tuple[SentenceEffect, ...]  # in the order of the text; () if it was not asked, or there is only one
    agreements: tuple[Agreement, ...]
    scaling: ScalingEffect | None  # None without head importance
    heads: HeadAblation | None  # None without head importance
    passes: Count  # forward passes that the test took, gradients left out
    caveats: tuple[Caveat, ...]

    @property
    def draws(self) -> int:
        """The number of random orders."""
        return len(self.trials[0].random) if self.trials else 0

    def code(self, order: OrderName) -> VerdictCode | None:
        """The verdict on an order in a word; None where it was not, or could not be, tested."""
        return next((verdict.code for verdict in self.verdicts if verdict.order == order), None)

    def trial(self, measure: Measure, operator: Operator = "delete") -> Trial | None:
        """The trial of a measure; None if it was not made."""
        return next((t for t in self.trials if (t.measure, t.operator) == (measure, operator)), None)
