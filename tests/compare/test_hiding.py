"""hiding: two reports of one text -> both without what either hides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reportgen.compare.hiding import NOBODY, alike
from reportgen.core.config import Config
from reportgen.core.nouns.records import Report
from reportgen.report.private import redacted
from tests import reports

TEXT = "Ann met Ada Byron in May. Byron left; ann stayed."


def hiding(pattern: str | None, **changes: object) -> Report:
    report = replace(reports.report(TEXT), **changes)  # type: ignore[arg-type]
    config = Config(no_text=True) if pattern is None else Config(redact=pattern)
    return redacted.redacted(report, config)


def test_what_either_hides_is_hidden_in_both() -> None:
    one, other, _ = alike(hiding("byron"), hiding(r"\bann\b"))
    assert one.example.text == other.example.text == "XXX met Ada XXXXX in May. XXXXX left; XXX stayed."
    assert one.tokens.strings == other.tokens.strings


def test_a_word_that_is_hidden_in_one_place_is_hidden_in_all() -> None:
    """The pattern knew its neighbour; of an open report nothing but the word is known."""
    one, other, hider = alike(hiding("(?<=Ada )Byron"), reports.report(TEXT))
    assert one.example.text == other.example.text == "Ann met Ada XXXXX in May. XXXXX left; ann stayed."
    assert hider.said("reports/byron-1") == "reports/XXXXX-1"


def test_titles_and_ids_hide_the_words_too() -> None:
    example = replace(reports.report(TEXT).example, title="On Byron", id="byron/1")
    open_ = replace(reports.report(TEXT), example=example)
    for pair in ((hiding("byron", example=example), open_), (open_, hiding("byron", example=example))):
        one, other, _ = alike(*pair)
        assert {(each.example.title, each.example.id) for each in (one, other)} == {("On XXXXX", "XXXXX/1")}


def test_where_one_hides_everything_both_do() -> None:
    one, other, _ = alike(reports.report(TEXT), hiding(None))
    assert set(one.example.text) == set(other.example.text) == {"X", " "}


@pytest.mark.parametrize("other", [reports.report(TEXT), reports.report("Another text."), hiding("may")])
def test_reports_that_hide_the_same_and_reports_of_two_texts_stay_as_they_are(other: Report) -> None:
    one = hiding("may") if other.redaction else reports.report(TEXT)
    assert alike(one, other) == (one, other, NOBODY)


def test_a_text_that_only_looks_alike_is_another_one() -> None:
    one, other = hiding("byron"), reports.report(TEXT.replace("May", "Jul"))
    assert alike(one, other) == (one, other, NOBODY)
