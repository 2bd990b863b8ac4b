"""Turn trials into a verdict on an order, in one sentence with the numbers.

Supported: at most one chance in twenty that a random order loses as much, and more lost than by the mean random order
under a second way to remove words, too. Only comprehensiveness counts: what is left of a document of which little is
kept depends mostly on how the rest was removed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from reportgen.core.nouns.faithfulness import (
    ENOUGH,
    LEVEL,
    VIEWS,
    Curve,
    Operator,
    Order,
    OrderName,
    Trial,
    UnitKind,
    Verdict,
    VerdictCode,
)
from reportgen.core.numbers import ends, number
from reportgen.model.faithfulness.orders import TESTED

CHOSEN: dict[OrderName, str] = {
    "all_attention": "the {units} highest in all attention",
    "classifier": "the {units} highest in what the classifier reads",
    "attribution": "the {units} with the highest attribution",
}
EVEN = "{subject} gives every word the same score, so it does not show what the prediction rests on."
REMOVED: dict[Operator, str] = {
    "delete": "deleted",
    "mask": "masked",
    "sample": "replaced by the words of another document",
}


def verdicts(
    trials: Sequence[Trial],
    orders: Sequence[Order],
    *,
    shares: Sequence[float],
    unit: UnitKind,
    even: Collection[OrderName],
) -> tuple[Verdict, ...]:
    """The verdict on each tested order, all attention first.

    Args:
        trials: With comprehensiveness under `delete` first.
        orders: That were tested.
        shares: Of the units that were removed.
        unit: What they are.
        even: Orders whose scores are all equal, so that they are random themselves.
    """
    found = [trial for trial in trials if trial.measure == "comprehensiveness"]
    made = []
    for name in (order.name for order in orders if order.name in TESTED):
        along = [(trial, curve) for trial in found if (curve := trial.curve(name))]
        code = "no-better-than-chance" if name in even else verdict_code(along)
        sentence = EVEN.format(subject=VIEWS[name]) if name in even else _sentence(name, code, along, shares, unit)
        made.append(Verdict(name, code, sentence))
    return tuple(made)


def verdict_code(found: Sequence[tuple[Trial, Curve]]) -> VerdictCode:
    """The verdict on an order by its curves under each way to remove words, `delete` first."""
    if len(found) < 2 or len(found[0][0].random) < ENOUGH:
        return "too-little-tested"
    better = [curve.aopc > trial.chance[0] for trial, curve in found]
    sure = [curve.p is not None and curve.p <= LEVEL for _, curve in found]
    if sure[0] and all(better):
        return "supported"
    return "depends-on-removal" if any(sure) else "no-better-than-chance"


def _sentence(
    name: OrderName, code: VerdictCode, found: Sequence[tuple[Trial, Curve]], shares: Sequence[float], unit: UnitKind
) -> str:
    (trial, curve), subject = found[0], VIEWS[name]
    highest = CHOSEN[name].format(units=f"{unit}s")
    first = (
        f"Removing {highest} ({_range(shares)}) lowers the margin by {number(curve.aopc)} on "
        f"average; {len(trial.random)} random choices of as many {unit}s lower it by {_between(trial)}."
    )
    if code == "too-little-tested":
        if len(found) < 2 and len(trial.random) >= ENOUGH:
            return f"{first} Words could be removed in only one way here, which is too little for a verdict."
        return f"{first} {len(trial.random)} random choices are too few for a verdict."
    second, other = found[1]
    also = f"With {unit}s {REMOVED[second.operator]} it is {number(other.aopc)}, at random {_between(second)}."
    ends = {
        "supported": f"{subject} shows {unit}s that the prediction rests on.",
        "no-better-than-chance": f"{subject} does not show what the prediction rests on.",
        "depends-on-removal": f"Whether {subject[0].lower()}{subject[1:]} shows what the prediction rests on depends "
        f"on how {unit}s are removed.",
    }
    return f"{first} {also} {ends[code]}"


def _between(trial: Trial) -> str:
    _, low, high = trial.chance
    return ends(low, high)


def _range(shares: Sequence[float]) -> str:
    """The shares in words.

    >>> _range((0.05, 0.1, 0.2))
    '5 to 20%'
    """
    low, high = min(shares), max(shares)
    return f"{low:.0%}" if low == high else f"{low * 100:g} to {high:.0%}"
