"""Turn the test of a heatmap into what stands under the prediction: sentences made from the numbers, and tables.

The numbers come from `core/nouns/faithfulness.py`, the curves from `draw/curves.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reportgen.core.characters import cut
from reportgen.core.nouns.faithfulness import (
    ENOUGH,
    VERDICTS,
    Agreement,
    Curve,
    Faithfulness,
    SentenceEffect,
    Shift,
    Trial,
    Verdict,
    VerdictCode,
)
from reportgen.core.nouns.records import Report
from reportgen.core.numbers import ends, interval, number
from reportgen.report import opening
from reportgen.report.faithfulness.names import MEASURES, ORDERS, WAYS, label, listed, percent, units
from reportgen.report.parts import Chart, Panel, Table

CLAIM = 0.05  # the p up to which random heads are called worse
MOST = 3  # sentences for, and against
QUOTED = 240  # characters of a sentence
OVERLAP = 5  # %, the highest units whose overlap the table shows
NAMED = 3  # heads that a sentence names


BRIEF: dict[VerdictCode, str] = {
    "supported": "Without the {units} that it marks, the prediction falls more than without as many random {units}.",
    "no-better-than-chance": "Without the {units} that it marks, the prediction falls no more than at random.",
    "depends-on-removal": "How the {units} are removed decides whether the prediction falls more than at random.",
    "too-little-tested": "This quick test makes {draws} random choices, and a verdict needs {enough}: "
    "“reportgen faithfulness FOLDER --depth full” makes them. See how far the line falls below the grey range.",
}
NOTHING = "Nothing could be removed from this document."
ONE_WAY = (
    "{Units} could be removed in only one way here, and a verdict needs two. See how far the line falls below the grey "
    "range."
)


def panel(report: Report, curves: tuple[Chart, ...], small: str = "") -> Panel | None:
    """The panel; None where the heatmap was not tested."""
    tested = report.faithfulness
    if tested is None:
        return None
    verdict = opening.verdict(report)
    tables = (
        *([aopc(tested)] if tested.trials else []),
        *([sentences(report, tested)] if tested.sentences else []),
        *([agreement(tested)] if tested.agreements else []),
    )
    return Panel(
        code=verdict.code if verdict else None,
        words=opening.headline(report) or "not tested",
        sentence=verdict.sentence if verdict else NOTHING,
        brief=_brief(tested, verdict) if verdict else NOTHING,
        verdicts=tuple((ORDERS[each.order], VERDICTS[each.code]) for each in opening.verdicts(report)),
        small=small,
        curves=curves,
        tables=tables,
        notes=tuple(notes(report, tested)),
        method=method(report, tested),
        caveats=tuple(caveat.message for caveat in tested.caveats),
    )


def _brief(tested: Faithfulness, verdict: Verdict) -> str:
    """The verdict in a sentence without numbers, or what it lacks."""
    said = BRIEF[verdict.code]
    if verdict.code == "too-little-tested" and tested.draws >= ENOUGH:
        said = ONE_WAY
    return said.format(units=units(tested), Units=units(tested).capitalize(), draws=tested.draws, enough=ENOUGH)


def aopc(tested: Faithfulness) -> Table:
    """Every order under every way to remove units: AOPC and p; below them the range of the random orders."""
    measures = [measure for measure in MEASURES if any(trial.measure == measure for trial in tested.trials)]
    rows: list[tuple[str, ...]] = []
    for operator in dict.fromkeys(trial.operator for trial in tested.trials):
        trials = [tested.trial(measure, operator) for measure in measures]
        for name in dict.fromkeys(each.order for trial in trials if trial for each in trial.curves):
            found = [trial.curve(name) if trial else None for trial in trials]
            rows.append((ORDERS[name], WAYS[operator], *(cell for each in found for cell in _result(each))))
        chance = [cell for trial in trials for cell in (_chance(trial), "")]
        rows.append((f"{tested.draws} random orders", WAYS[operator], *chance))
    heads = [name for measure in measures for name in (MEASURES[measure], "p")]
    return Table(
        key="aopc",
        caption="AOPC: the mean loss of the margin over the shares, in logits. Random orders: mean, lowest and highest",
        columns=("Order", units(tested).capitalize(), *heads),
        numeric=(False, False, *(True for _ in heads)),
        rows=tuple(rows),
    )


def sentences(report: Report, tested: Faithfulness) -> Table:
    """The sentences without which the prediction loses most, and those without which it gains most."""
    ordered = sorted(tested.sentences, key=lambda sentence: -sentence.change)
    pro = [one for one in ordered if one.change > 0][:MOST]
    contra = [one for one in reversed(ordered) if one.change < 0][:MOST]
    name = label(report, tested)
    rows = [_sentence(report, "for", one) for one in pro] + [_sentence(report, "against", one) for one in contra]
    return Table(
        key="rests-on",
        caption=f"What the prediction rests on: sentences that speak most for and against “{name}”, "
        f"of {len(tested.sentences):,}. Change: what the margin loses without the sentence, in logits. Probability: of "
        f"“{name}” without it",
        columns=("Speaks", "Sentence", "Position", "Change", "Probability"),
        numeric=(False, False, True, True, True),
        rows=tuple(rows),
    )


def agreement(tested: Faithfulness) -> Table:
    """How far the orders agree, at the top and as a whole, against chance."""
    named = [(f"{ORDERS.get(a.one, a.one)} and {ORDERS.get(a.other, a.other)}", a) for a in tested.agreements]
    return agreements(named, said=f"Agreement on the {units(tested)}", column="Orders")


def agreements(named: Sequence[tuple[str, Agreement]], *, said: str, column: str) -> Table:
    """Agreements by what each is of; *said* begins the caption."""
    chance = named[0][1].jaccard_chance
    return Table(
        key="agreement",
        caption=f"{said}: the highest {OVERLAP}% and all of them. In brackets 95% of the bootstrap samples of "
        "sentences",
        columns=(
            column,
            f"Shared of the top {OVERLAP}%, by chance {OVERLAP}%",
            f"Jaccard of the top {OVERLAP}%, by chance {chance:.2f}",
            "Kendall’s tau-b, by chance 0",
        ),
        numeric=(False, True, True, True),
        rows=tuple(
            (
                name,
                f"{each.overlap[OVERLAP - 1]:.0%}",
                *(interval(found.value, found.low, found.high) for found in (each.jaccard, each.tau)),
            )
            for name, each in named
        ),
    )


def notes(report: Report, tested: Faithfulness) -> Iterator[str]:
    """Sentences on the shift test, on scaling by head importance, and on the heads themselves."""
    for shift in tested.shifts:
        yield shift_note(report, shift)
    if tested.scaling is not None:
        yield scaling_note(tested)
    if tested.heads is not None:
        yield heads_note(report, tested)


def shift_note(report: Report, shift: Shift) -> str:
    """Which scores moved with their words."""
    done = {
        "first word left out": "With the first word left out",
        "a word put before": "With a word put before the text",
    }
    if shift.correlation is None:
        return f"{done[shift.change]}, all scores are equal: nothing can be said of them."
    moved = (
        f"{done[shift.change]}, the scores of the other {shift.words:,} words correlate at "
        f"{number(shift.correlation)} with those of before"
    )
    if not shift.stayed:
        return f"{moved}; each of the ten highest moved with its word."
    words = report.words()
    stayed = listed([f"“{words[position]}” (position {position})" for position in shift.stayed])
    without = shift.correlation_without
    rest = "" if without is None else f"; without such places the correlation is {number(without)}"
    return f"{moved}. Of the ten highest, {stayed} stayed with the place{rest}."


def scaling_note(tested: Faithfulness) -> str:
    """What scaling by head importance does to the heatmap."""
    scaling = tested.scaling
    assert scaling is not None  # whoever asks has looked
    change = f"{'raises' if scaling.aopc >= 0 else 'lowers'} its comprehensiveness by {abs(scaling.aopc):.2f}"
    return (
        f"Head importance changes {scaling.churn:.0%} of the top 5% of all attention and {change}. Without it, "
        f"all attention has p = {scaling.p:.2g}."
    )


def heads_note(report: Report, tested: Faithfulness) -> str:
    """Whether the heads that are called important matter to this document."""
    ablation = tested.heads
    assert ablation is not None  # whoever asks has looked
    places = [f"layer {report.attention.layers[layer]}, head {head + 1}" for layer, head in ablation.heads]
    count = len(places)
    named = f" ({'; '.join(places)})" if count <= NAMED else ""
    most = "the most important head" if count == 1 else f"the {count} most important heads"
    more = "more than" if ablation.p <= CLAIM else "no more than"
    as_many = "a random head" if count == 1 else f"{count} random heads"
    return (
        f"Without {most}{named} the margin loses {number(ablation.change)}; without {as_many} it loses "
        f"{ends(min(ablation.random), max(ablation.random))} in {len(ablation.random)} draws "
        f"(p = {ablation.p:.2g}). Heads called important matter {more} others to this document."
    )


def method(report: Report, tested: Faithfulness) -> str:
    """How it was measured, and that no way to remove words is neutral."""
    if not tested.trials:
        return ""
    ways = listed([WAYS[operator] for operator in dict.fromkeys(trial.operator for trial in tested.trials)], "or")
    some = units(tested)
    kept = any(trial.measure == "sufficiency" for trial in tested.trials)
    sufficiency = "; sufficiency is the loss when they alone are kept, lower is better" if kept else ""
    name, (first, *others) = label(report, tested), tested.empty
    empty = f"with all of them {WAYS[first.operator]}, “{name}” has a probability of {first.probability:.1%}" + "".join(
        f", with all {WAYS[each.operator]} {each.probability:.1%}" for each in others
    )
    return (
        f"{listed([percent(share) for share in tested.shares])} of {len(tested.units):,} {some} are {ways}, in each "
        f"order and in {tested.draws} random ones (seed {tested.seed}, {tested.passes:,} forward passes). "
        f"Comprehensiveness is the loss when they are removed, higher is better{sufficiency}. p = (1 + random orders "
        f"at least as good) / {tested.draws + 1}. No way to remove {some} is neutral: {empty}."
    )


def _result(curve: Curve | None) -> tuple[str, str]:
    if curve is None:
        return "", ""
    return number(curve.aopc), "" if curve.p is None else f"{curve.p:.2f}"


def _chance(trial: Trial | None) -> str:
    return "" if trial is None else interval(*trial.chance)


def _sentence(report: Report, side: str, sentence: SentenceEffect) -> tuple[str, ...]:
    starts, special = report.tokens.starts, report.tokens.special
    inside = (n for n, start in enumerate(starts) if start >= sentence.start and not special[n])
    quoted = cut(" ".join(report.example.text[sentence.start : sentence.end].split()), QUOTED)
    return side, f"“{quoted}”", str(next(inside, 0)), number(sentence.change), f"{sentence.probability:.1%}"
