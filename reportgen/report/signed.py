"""Turn signed attribution into colours of the document, sentences, and tables of the tokens for and against a label.

Colours are those of `palette.SIGNED_LIGHT`: classes 16 to 23 speak against the label, 24 to 31 for it, and 0 has no
colour. Attribution is computed in `reportgen.model.faithfulness`; nothing is drawn here.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from reportgen.core.characters import cut
from reportgen.core.config import ColourScale
from reportgen.core.nouns.faithfulness import Attribution
from reportgen.core.nouns.labels import Prediction
from reportgen.core.nouns.records import Floats, Report
from reportgen.core.numbers import signed
from reportgen.report import heatmap
from reportgen.report.even_share import NOISE
from reportgen.report.parts import Cell, HeatView, Table
from reportgen.report.tables import unranked, without
from reportgen.report.words import in_words

FIRST = heatmap.CLASSES  # class of what speaks most against a label: those of heat come before it
SIDE = 8  # classes on either side of 0
LONGEST = 60  # letters of a label in a sentence
METHODS = {
    "frozen": "gradient times input, with attention and normalisation held constant",
    "gradient-x-input": "gradient times input",
    "ig": "integrated gradients",
}


def found(report: Report) -> tuple[Attribution, ...]:
    """The attributions that have scores, in their order."""
    return tuple(one for one in report.attributions if one.scores is not None)


def printed(report: Report) -> tuple[tuple[int, Attribution], ...]:
    """The same with their numbers, from 1, without those that say nothing new."""
    return distinct(enumerate(found(report), start=1))


def distinct(numbered: Iterable[tuple[int, Attribution]]) -> tuple[tuple[int, Attribution], ...]:
    """Those whose scores are not an earlier one's with all signs turned.

    The margins of two labels that exclude each other differ in their sign alone.
    """
    kept: list[tuple[int, Attribution]] = []
    for number, one in numbered:
        if not any(_opposite(one, other) for _, other in kept):
            kept.append((number, one))
    return tuple(kept)


def _opposite(one: Attribution, other: Attribution) -> bool:
    assert one.scores is not None  # both are from `found`
    assert other.scores is not None
    return bool(np.abs(one.scores + other.scores).max(initial=0) <= NOISE * np.abs(one.scores).max(initial=0))


def missing(report: Report) -> tuple[str, ...]:
    """Why there are no scores, in sentences."""
    return tuple(
        f"There is no attribution for {name(report, one)} by {METHODS[one.method]}: {one.reason}"
        for one in report.attributions
        if one.scores is None
    )


def notes(report: Report) -> tuple[str, ...]:
    """What a reader of the printed views must know of the others, in sentences."""
    shown = {number for number, _ in printed(report)}
    turned = [
        f"For {name(report, one)} every score has the opposite sign."
        for number, one in enumerate(found(report), start=1)
        if number not in shown
    ]
    return (*turned, *missing(report))


def name(report: Report, attribution: Attribution) -> str:
    """The label, for sentences, and what it is: "“left” (predicted)"."""
    said = report.prediction
    assert said is not None  # a report without a prediction has no attribution
    roles = [
        role for role, labels in (("predicted", said.chosen), ("gold", said.true or ())) if attribution.label in labels
    ]
    return f"“{cut(said.labels[attribution.label], LONGEST)}”" + (f" ({' and '.join(roles)})" if roles else "")


def names(report: Report) -> tuple[str, ...]:
    """The labels that a reader of the page can choose."""
    return tuple(name(report, one) for one in found(report))


def title(report: Report, attribution: Attribution) -> str:
    """What a view of the attribution is called."""
    return f"Attribution for {name(report, attribution)}"


def explanation(report: Report, attribution: Attribution) -> str:
    """What the colours mean, in sentences, with what the scores add up to."""
    assert report.prediction is not None  # as in `name`
    assert attribution.scores is not None  # from `found`
    label = f"“{cut(report.prediction.labels[attribution.label], LONGEST)}”"
    start = f" (baseline: {attribution.baseline})" if attribution.baseline else ""
    said = (
        f"Colour shows how much a token speaks for (orange) or against (blue) {label}, in logits, by "
        f"{METHODS[attribution.method]}{start}."
    )
    total = signed(float(attribution.scores.sum(dtype=np.float64)))
    if attribution.gap is not None:
        gap = signed(attribution.gap * 100)
        return f"{said} The scores add up to {total}; completeness gap: {gap} % of the change of the margin."
    if attribution.method == "ig":
        return f"{said} The scores add up to {total}."
    whole = signed(margin(report.prediction, attribution.label))
    return f"{said} The scores add up to {total}, where the margin is {whole}."


def margin(said: Prediction, label: int) -> float:
    """The logit of a label minus the largest other one; the logit alone where a text may have several labels."""
    others = [logit for index, logit in enumerate(said.logits) if index != label]
    return said.logits[label] - (0.0 if said.several or not others else max(others))


def views(report: Report, covered: tuple[Cell, ...]) -> tuple[HeatView, ...]:
    """The document coloured by each attribution that is printed."""
    return tuple(
        view(
            f"attribution-{number}",
            title(report, one),
            explanation(report, one),
            one.scores,
            covered,
            scale=report.colour_scale,
            outlined=heatmap.outlined(report),
        )
        for number, one in printed(report)
        if one.scores is not None
    )


def view(
    key: str,
    title: str,
    explanation: str,
    scores: Floats,
    covered: tuple[Cell, ...],
    *,
    scale: ColourScale,
    outlined: str,
) -> HeatView:
    """Colour *covered* by *scores* (token,): the stronger, the further from white; both sides by one measure."""
    sums = heatmap.sums(scores, covered)
    content = heatmap.on_scale(covered)
    largest = float(np.abs(sums[content]).max(initial=0))
    strength, bounds, _ = heatmap.classify(np.abs(sums) / (largest or 1) * 100, content, scale=scale, count=SIDE)
    classes = FIRST + SIDE + np.where(sums > 0, strength, -1 - strength)
    classes[~content | (sums == 0)] = heatmap.LEFT_OUT
    limits = [round(float(bound) * largest / 100, 6) for bound in bounds[1:]]
    return HeatView(
        key=key,
        title=title,
        brief="What speaks for the label, and what against it.",
        explanation=explanation,
        classes=tuple(classes.tolist()),
        values=tuple(round(float(value), 6) for value in sums),
        bounds=(*(-limit for limit in reversed(limits)), 0.0, *limits),
        scale=scale,
        floor=None,
        coloured=int(content.sum()),
        strongest=int(np.isin(classes, (FIRST, FIRST + 2 * SIDE - 1)).sum()),
        uniform=largest == 0,
        outlined=outlined,
        most=0.0,
        signed=True,
    )


def tables(report: Report, common: frozenset[int] = frozenset()) -> tuple[Table, ...]:
    """The tokens that speak most for a label, and those that speak most against it, of each attribution printed.

    There are no tables if the text has no content tokens. *common* are tokens that no list names.
    """
    if not report.tokens.content.any():
        return ()
    return tuple(
        _table(report, one, common, number=number, sign=sign) for number, one in printed(report) for sign in (1, -1)
    )


def _table(report: Report, attribution: Attribution, common: frozenset[int], *, number: int, sign: int) -> Table:
    assert attribution.scores is not None  # from `printed`
    side = "for" if sign > 0 else "against"
    content = np.flatnonzero(report.tokens.content)
    values = attribution.scores[content]
    order = content[np.argsort(-sign * values, kind="stable")]
    chosen = [position for position in without(order, common) if sign * attribution.scores[position] > 0]
    names, shown = in_words(report), chosen[: report.top_k]
    return Table(
        key=f"attribution-{number}-{side}",
        title=f"{side.capitalize()} {name(report, attribution)}",
        caption=f"Tokens that speak most {side} {name(report, attribution)}: {len(shown)} of {len(chosen):,}, without "
        f"{unranked(report, common)}",
        columns=("Rank", "Token", "Position", "Attribution, logits"),
        numeric=(True, False, True, True),
        rows=tuple(
            (str(n), names[p], str(p), signed(float(attribution.scores[p]))) for n, p in enumerate(shown, start=1)
        ),
    )
