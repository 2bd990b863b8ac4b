"""panel: the test of a heatmap -> sentences and tables under the prediction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reportgen.core.nouns.faithfulness import HeadAblation, ScalingEffect, SentenceEffect, Shift
from reportgen.core.nouns.records import Report
from reportgen.report.faithfulness import panel
from reportgen.report.parts import Panel, Table
from tests import faithful, reports


def shown(**changes: Any) -> Panel:
    report = faithful.report()
    made = panel.panel(replace(report, faithfulness=faithful.faithfulness(**changes)), ())
    assert made is not None
    return made


def table(made: Panel, key: str) -> Table:
    (found,) = (one for one in made.tables if one.key == key)
    return found


def test_the_verdict_comes_first_in_words_and_with_its_numbers() -> None:
    """The one of the view that the page opens with."""
    made = shown()
    assert (made.code, made.words) == ("supported", "What the classifier reads: supported")
    assert made.sentence == faithful.faithfulness().verdicts[1].sentence
    assert [words for _, words in made.verdicts] == ["supported"] * 3
    assert [order for order, _ in made.verdicts] == ["what the classifier reads", "all attention", "attribution"]
    assert made.caveats == ("The text is from no split: words of another document could not be tried.",)


@pytest.mark.parametrize(
    ("draws", "said"),
    [
        (
            9,
            "This quick test makes 9 random choices, and a verdict needs 19: "
            "“reportgen faithfulness FOLDER --depth full” makes them.",
        ),
        (19, "Words could be removed in only one way here, and a verdict needs two."),
    ],
)
def test_where_too_little_was_tested_for_a_verdict_the_panel_says_what_lacks(draws: int, said: str) -> None:
    verdicts = tuple(replace(one, code="too-little-tested") for one in faithful.faithfulness().verdicts)
    test = replace(faithful.faithfulness(draws=draws), verdicts=verdicts)
    made = panel.panel(replace(reports.report(), faithfulness=test), ())
    assert made is not None
    assert made.words == "What the classifier reads: too little tested for a verdict"
    assert made.brief == f"{said} See how far the line falls below the grey range."


def test_a_report_without_a_test_has_no_panel() -> None:
    assert panel.panel(reports.report(), ()) is None


def test_where_nothing_could_be_removed_the_panel_says_so() -> None:
    made = shown(trials=(), verdicts=(), sentences=(), agreements=(), shifts=(), scaling=None, heads=None)
    assert made.code is None
    assert made.words == "not tested"
    assert (made.tables, made.notes, made.method) == ((), (), "")


def test_aopc_has_a_row_for_every_order_and_operator_and_the_range_of_the_random_ones() -> None:
    made = table(shown(), "aopc")
    assert made.columns == ("Order", "Words", "Comprehensiveness", "p", "Sufficiency", "p")
    assert [row[:2] for row in made.rows[:6]] == [
        ("all attention", "deleted"),
        ("what the classifier reads", "deleted"),
        ("attribution", "deleted"),
        ("all attention, reversed", "deleted"),
        ("reading order", "deleted"),
        ("19 random orders", "deleted"),
    ]
    trial = faithful.faithfulness().trial("comprehensiveness")
    assert trial is not None
    assert made.rows[0][2:4] == (f"{trial.curves[0].aopc:.2f}", "0.05")
    mean, low, high = trial.chance
    assert made.rows[5][2:4] == (f"−{-mean:.2f} (−{-low:.2f} to {high:.2f})", "")
    assert len(made.rows) == 12


def test_of_a_quick_test_only_what_was_measured_is_in_the_table() -> None:
    test = faithful.faithfulness(draws=9)
    made = table(shown(trials=test.trials[:1], empty=test.empty[:1]), "aopc")
    assert made.columns == ("Order", "Words", "Comprehensiveness", "p")
    assert len(made.rows) == 6


def sentence(report: Report, quoted: str, change: float) -> SentenceEffect:
    start = report.example.text.index(quoted)
    return SentenceEffect(start, start + len(quoted), change, 0.5)


def test_sentences_that_speak_most_come_first_on_their_side_quoted_with_their_place() -> None:
    report = faithful.report()
    quotes = ("Attention heads look far.", "A window of eight tokens slides over the document,", "it is\nlost")
    text = report.example.text.replace("is lost", "is\nlost")
    report = replace(report, example=replace(report.example, text=text))
    effects = (sentence(report, quotes[0], -0.1), sentence(report, quotes[1], 0.2), sentence(report, "one token", 0.3),
               sentence(report, "Words which", -0.4), sentence(report, "are pale", 0.0))  # fmt: skip
    found = table(shown(sentences=effects), "rests-on").rows
    assert [(side, quoted, change) for side, quoted, _, change, _ in found] == [
        ("for", "“one token”", "0.30"),
        ("for", "“A window of eight tokens slides over the document,”", "0.20"),
        ("against", "“Words which”", "−0.40"),
        ("against", "“Attention heads look far.”", "−0.10"),
    ]
    for _, quoted, position, _, _ in found:
        first = quoted.strip("“”").split()[0]
        assert report.words()[int(position)] == first


def test_agreement_stands_beside_chance() -> None:
    found = table(shown(), "agreement")
    assert found.columns[1:] == (
        "Shared of the top 5%, by chance 5%",
        "Jaccard of the top 5%, by chance 0.03",
        "Kendall’s tau-b, by chance 0",
    )
    assert found.rows[1] == ("all attention and attribution", "9%", "0.04 (0.00 to 0.14)", "0.02 (−0.08 to 0.07)")


@pytest.mark.parametrize(
    ("shift", "sentence"),
    [
        (
            Shift("first word left out", 56, 0.31, (3, 5), 0.99),
            "With the first word left out, the scores of the other 56 words correlate at 0.31 with those of before. Of "
            "the ten highest, “look” (position 3) and “.” (position 5) stayed with the place; without such places the "
            "correlation is 0.99.",
        ),
        (
            Shift("a word put before", 1057, 0.98, (), 0.98),
            "With a word put before the text, the scores of the other 1,057 words correlate at 0.98 with those of "
            "before; each of the ten highest moved with its word.",
        ),
        (
            Shift("a word put before", 57, None, (), None),
            "With a word put before the text, all scores are equal: nothing can be said of them.",
        ),
    ],
)
def test_the_shift_test_says_what_stayed_with_its_place(shift: Shift, sentence: str) -> None:
    assert shown(shifts=(shift,)).notes[0] == sentence


@pytest.mark.parametrize(("aopc", "said"), [(0.03, "raises"), (-0.03, "lowers")])
def test_scaling_by_head_importance_has_its_line(aopc: float, said: str) -> None:
    notes = shown(scaling=ScalingEffect(churn=0.2, aopc=aopc, p=0.05)).notes
    assert (
        f"Head importance changes 20% of the top 5% of all attention and {said} its comprehensiveness by 0.03."
        in notes[2]
    )


MORE = "Heads called important matter more than others to this document."
NO_MORE = "Heads called important matter no more than others to this document."


@pytest.mark.parametrize(
    ("heads", "p", "most", "random", "end"),
    [
        (((1, 0),), 0.05, "the most important head (layer 2, head 1)", "a random head", MORE),
        (
            ((1, 0), (0, 1)),
            0.5,
            "the 2 most important heads (layer 2, head 1; layer 1, head 2)",
            "2 random heads",
            NO_MORE,
        ),
        (((1, 0),) * 4, 0.5, "the 4 most important heads", "4 random heads", NO_MORE),
    ],
)
def test_the_heads_have_their_line(heads: Any, p: float, most: str, random: str, end: str) -> None:
    assert shown(heads=HeadAblation(heads, 0.7, (0.1, -0.1, 0.2), p)).notes[-1] == (
        f"Without {most} the margin loses 0.70; without {random} it loses −0.10 to 0.20 in 3 draws (p = {p}). {end}"
    )


def test_the_method_names_operators_shares_draws_and_passes_and_what_is_left_of_an_empty_document() -> None:
    said = shown().method
    for part in ("1%, 5%, 10%, 20% and 50% of 57 words are deleted or masked", "19 random ones (seed 0, 412 forward",
                 "with all of them deleted, “left” has a probability of 57.4%, with all masked 28.9%."):  # fmt: skip
        assert part in said
