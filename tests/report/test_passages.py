"""passages: the sentences that the first screen quotes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reportgen.core.nouns.faithfulness import SentenceEffect
from reportgen.core.nouns.records import Report
from reportgen.report import heatmap, passages
from reportgen.report.parts import KeyPassages
from tests import faithful, reports

TEXT = "The first sentence is here. A second one stands out now. Then comes a third of them.\n\nThe end of all this."


def key(report: Report) -> KeyPassages:
    """The key passages of a report."""
    scores, _ = reports.ranked(report)
    covered = heatmap.cells(report.example.text, report.tokens)
    return passages.key_passages(report, scores, heatmap.views(report, scores, covered)[0], covered)


def drawing(text: str, wanted: str) -> Report:
    """A report of *text* whose classifier reads the words of *wanted* four times as much as the others."""
    made = reports.report(text)
    start = text.index(wanted)
    inside = [start <= at < start + len(wanted) for at in made.tokens.starts]
    row = np.where(inside, 4.0, 1.0) / 400
    reader = np.broadcast_to(row, made.attention.received.shape).astype(np.float32)
    return replace(made, attention=replace(made.attention, reader=np.ascontiguousarray(reader)))


def test_the_sentence_that_draws_most_comes_first_with_its_multiple_by_hand() -> None:
    report = drawing(TEXT, "A second one stands out now.")
    made = key(report)
    content = np.flatnonzero(report.tokens.content)
    inside = sum(TEXT.index("A second") <= report.tokens.starts[p] < TEXT.index(" Then") for p in content)
    even = (4 * inside + len(content) - inside) / len(content)
    assert made.title == "Key passages"
    assert "draw most on average in what the classifier reads" in made.how
    assert made.passages[0].quote == "A second one stands out now."
    assert made.passages[0].draws == f"{4 / even:.1f}× the even share"
    assert len(made.passages) == 1, "the others draw less than even"
    assert report.tokens.starts[made.passages[0].first] == TEXT.index("A second")


def test_a_sentence_ends_before_the_next_where_no_space_is_between() -> None:
    """Two tokens of four draw four times as much: 4 / 2.5."""
    made = key(drawing("你好。再见。", "你好。"))
    assert [(one.quote, one.draws) for one in made.passages] == [("你好。", "1.6× the even share")]


def test_where_sentences_were_left_out_those_that_cost_most_come_first() -> None:
    report = faithful.report(text=TEXT)
    assert report.faithfulness is not None
    ends = [(0, 27, -0.2, 0.9), (28, 56, 0.1, 0.7), (57, 84, 0.9, 0.4), (86, len(TEXT), 0.3, 0.6)]
    tested = replace(report.faithfulness, sentences=tuple(SentenceEffect(*one) for one in ends))
    made = key(replace(report, faithfulness=tested))
    assert made.title == "What the prediction rests on"
    assert [one.quote.split()[0] for one in made.passages] == ["Then", "The", "A"]
    assert made.passages[0].effect == "without it, “left” has 40.0%"
    assert "80.2%" in made.how
    assert "Shares are of what the classifier reads: 1× is " in made.how
    assert made.of == "what the classifier reads"


def test_a_stray_number_is_no_key_passage_whatever_the_prediction_loses_without_it() -> None:
    report = faithful.report(text=TEXT)
    assert report.faithfulness is not None
    ends = [(53, 56, 2.0, 0.1), (57, 84, 0.9, 0.4)]  # "now", as a sentence
    tested = replace(report.faithfulness, sentences=tuple(SentenceEffect(*one) for one in ends))
    made = key(replace(report, faithfulness=tested))
    assert [one.quote.split()[0] for one in made.passages] == ["Then"]
    assert made.how.startswith("Of all sentences of 4 words or more, these lower “left” most")
    alone = key(replace(report, faithfulness=replace(tested, sentences=tested.sentences[:1])))
    assert [one.quote for one in alone.passages] == ["ow."]
    assert alone.how.startswith("Of all sentences, these")


def test_where_no_sentence_speaks_for_the_label_those_that_draw_most_are_quoted() -> None:
    report = faithful.report(text=TEXT)
    assert report.faithfulness is not None
    tested = replace(report.faithfulness, sentences=(SentenceEffect(0, 27, -0.2, 0.9),))
    assert key(replace(report, faithfulness=tested)).title == "Key passages"


def test_even_attention_has_no_key_passage() -> None:
    report = reports.report(TEXT)
    flat = np.full(report.attention.received.shape, 1 / len(report.tokens), np.float32)
    made = key(replace(report, attention=replace(report.attention, reader=flat, received=flat)))
    assert made.passages == ()


def test_a_long_sentence_is_cut_in_stretches_and_a_stray_number_is_no_passage() -> None:
    text = "12. " + "word " * 150 + "end. Short but whole sentence here."
    found = [text[a:b] for a, b in passages.stretches(reports.report(text))]
    assert max(len(one.split()) for one in found) <= passages.LONG
    assert len(found) >= 4
    assert "12." not in found
    assert found[-1] == "Short but whole sentence here."


def test_a_text_of_one_sentence_says_so() -> None:
    assert key(reports.report("One sentence alone, of some words.")).passages == ()
    assert key(reports.report("")).passages == ()
