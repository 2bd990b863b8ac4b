"""opening: which view comes first, and why; in planted models it is one that finds what carries the label."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reportgen.core.nouns.faithfulness import Verdict, VerdictCode
from reportgen.core.nouns.records import Report
from reportgen.report import opening, words
from tests import faithful, planted, reports

LEAST = 0.75  # area under the curve


def judged(all_attention: VerdictCode, classifier: VerdictCode) -> Report:
    """A report with these verdicts."""
    made = faithful.report()
    assert made.faithfulness is not None
    verdicts = (Verdict("all_attention", all_attention, ""), Verdict("classifier", classifier, ""))
    return replace(made, faithfulness=replace(made.faithfulness, verdicts=verdicts))


def test_a_report_opens_with_what_the_classifier_reads() -> None:
    key, why = opening.opening(reports.report())
    assert (key, opening.order(reports.report())) == ("reader", "classifier")
    assert "nothing else of the last layer reaches it" in why


def test_a_model_that_reads_no_single_row_opens_with_all_attention() -> None:
    pooled = reports.report()
    pooled = replace(pooled, attention=replace(pooled.attention, reader=None, reader_position=None))
    assert opening.opening(pooled)[0] == "all"
    assert "reads no single row" in opening.opening(pooled)[1]


@pytest.mark.parametrize(
    ("all_attention", "classifier", "key"),
    [
        ("supported", "no-better-than-chance", "all"),
        ("supported", "depends-on-removal", "all"),
        ("too-little-tested", "no-better-than-chance", "all"),
        ("supported", "supported", "reader"),
        ("no-better-than-chance", "no-better-than-chance", "reader"),
        ("no-better-than-chance", "supported", "reader"),
    ],
)
def test_a_view_that_the_test_finds_to_stand_for_less_does_not_come_first(
    all_attention: VerdictCode, classifier: VerdictCode, key: str
) -> None:
    assert opening.opening(judged(all_attention, classifier))[0] == key


def test_why_it_does_not_is_a_sentence_whatever_the_verdicts_are() -> None:
    assert opening.opening(judged("depends-on-removal", "no-better-than-chance"))[1] == (
        "The page opens with all attention: the test’s verdict on it is “depends on how words are removed”, and on "
        "what the classifier reads “no better than chance”."
    )


@pytest.mark.parametrize("kind", planted.KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_the_view_that_a_report_opens_with_ranks_planted_words_first(kind: planted.Kind, seed: int) -> None:
    """Area under the curve of planted words against noise; .5 is chance. All attention of the Longformer has .63."""
    written = planted.text(seed % 2, seed=seed)
    read = planted.heated(planted.classifier(kind), written)
    assert opening.opening(reports.report())[0] == "reader"
    found = [one for one in words.whole_words(written, read.tokens, language="en") if not one.masked]
    values = np.array([read.scores["classifier"][list(one.positions)].sum() for one in found])
    keys = np.array([any(one.text == key for keys in planted.KEYS for key in keys) for one in found])
    own, noise = values[keys], values[~keys]
    assert keys.sum() == planted.PLANTED
    area = (own[:, None] > noise).mean() + (own[:, None] == noise).mean() / 2
    assert area >= LEAST
