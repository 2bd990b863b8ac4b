"""reports: two reports -> what they share, what differs, and by how much."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reportgen.compare.measures import measures
from reportgen.compare.parts import Comparison, Side
from reportgen.compare.reports.comparison import compare
from reportgen.core.nouns.faithfulness import Attribution
from reportgen.core.nouns.records import HeadImportance, Report
from reportgen.report import scale
from reportgen.report.words import whole_words
from tests import reports

SIDES = (Side("A", "one", "", None, "a" * 64), Side("B", "other", "", None, "b" * 64))
PLAIN = HeadImportance(np.ones((2, 2), np.float32), "none", "")


def stub(spec: dict[str, Any], *, key: str) -> str:
    return reports.STUB_SVG


def compared(one: Report, other: Report) -> Comparison:
    return compare(one, other, SIDES, draw=stub)


def attributed(report: Report, sign: int = 1) -> Report:
    scores = np.linspace(-1, 1, len(report.tokens)).astype(np.float32) * sign
    return replace(report, attributions=(Attribution("frozen", 0, scores),))


def cells(made: Comparison, group: int, side: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    (section,) = [section for section in made.sections if section.groups]
    return np.array(section.groups[group].views[side].values)


def test_a_report_and_itself_differ_nowhere() -> None:
    one = attributed(reports.report())
    made = compared(one, one)
    assert made.equal
    assert made.summary == ("A and B show no difference anywhere.",)
    groups = [group for section in made.sections for group in section.groups]
    assert [group.title for group in groups] == [
        "All attention", "What the classifier reads", "Last layer, all tokens", "Attribution for “left”"
    ]  # fmt: skip
    for group in groups:
        mine, theirs, difference = group.views
        assert mine.classes == theirs.classes
        assert mine.bounds == theirs.bounds
        assert set(difference.values) == {0}
        assert set(difference.classes) == {-1}
    assert not any(table.key in ("gains", "losses", "changed-heads", "settings") for table in made.tables)
    assert not any(chart.key == "heads" for chart in made.charts)
    agreement = made.data["agreement"]
    assert agreement["tau"].to_pylist() == pytest.approx([1] * 4)
    assert agreement["jaccard"].to_pylist() == [1] * 4
    heads = made.data["heads"]
    assert set(heads["elsewhere"].to_pylist()) == {0.0}


def test_scaled_and_unscaled_importance_differ_as_a_dense_computation_says() -> None:
    """Rows of dense attention, weighed head by head, summed, and divided by the mean of the words: plain loops."""
    dense = reports.weights(len(reports.tokens(reports.TEXT)), seed=3)
    scaled = reports.report(attention=reports.attention(dense))
    unscaled = replace(scaled, importance=PLAIN)
    made = compared(scaled, unscaled)
    assert not made.equal
    content = scaled.tokens.content
    wanted = []
    for importance in (scaled.importance.values, PLAIN.values):
        layers, heads, queries, keys = dense.shape
        weighed = np.zeros((layers, heads, keys))
        for layer in range(layers):
            for head in range(heads):
                for query in range(queries):
                    weighed[layer, head] += importance[layer, head] * dense[layer, head, query]
        score = ((weighed - weighed.min()) / (weighed.max() - weighed.min())).sum(axis=(0, 1))
        wanted.append(score[content] / score[content].mean())
    inner = [n for n, special in enumerate(scaled.tokens.special) if not special]
    assert np.flatnonzero(content).tolist() == inner
    for side in (0, 1):
        assert cells(made, 0, side) == pytest.approx(wanted[side], rel=1e-4)
    assert cells(made, 0, 2) == pytest.approx(wanted[1] - wanted[0], rel=1e-3, abs=1e-4)
    words = made.data["words"]
    assert words["all_a"].to_numpy() == pytest.approx(wanted[0], rel=1e-4)
    gains = next(table for table in made.tables if table.key == "gains")
    found = whole_words(scaled.example.text, scaled.tokens, language="en")
    masked = {scaled.tokens.starts[word.positions[0]] for word in found if word.masked}
    stop = np.array([start in masked for start in words["start"].to_pylist()])
    assert stop.any()
    most = int(np.where(stop, -np.inf, wanted[1] - wanted[0]).argmax())
    assert gains.rows[0][0] == words["word"][most].as_py()
    listed = {row[0] for table in made.tables if table.key in ("gains", "losses") for row in table.rows}
    assert not listed & {"the", "of", "a", ".", ";"}  # they have ranks, and are in no list
    assert set(made.data["heads"]["elsewhere"].to_pylist()) == {0.0}  # the attention itself is the same
    assert "The attention of all 4 heads is the same." in made.summary


def test_heads_that_look_elsewhere_are_found() -> None:
    """One head of four gets its attention turned around: only it has moved, by what a loop over tokens says."""
    one = reports.report()
    received = one.attention.received.copy()
    received[1, 0] = received[1, 0, ::-1]
    other = replace(one, attention=replace(one.attention, received=received))
    made = compared(one, other)
    elsewhere = np.array(made.data["heads"]["elsewhere"].to_pylist())
    assert np.flatnonzero(elsewhere).tolist() == [2]
    before, after = (r / r.sum() for r in (one.attention.received[1, 0].astype(float), received[1, 0].astype(float)))
    special = np.array(one.tokens.special)
    wanted = np.abs(before[~special] - after[~special]).sum() + abs(before[special].sum() - after[special].sum())
    assert elsewhere[2] == pytest.approx(wanted / 2, rel=1e-5)
    assert any(sentence.startswith("Layer 2, head 1 changed most") for sentence in made.summary)


def test_other_tokenizations_are_compared_by_characters() -> None:
    """Tokens of one letter hold the same scores in parts: no stretch of text differs."""
    one = reports.report("alpha beta gamma", reader=None)
    text = one.example.text
    spans = [(n, n + 1) for n in range(len(text)) if text[n] != " "]
    read = reports.tokens(text, spans=spans)
    received = np.zeros((2, 2, len(read)), np.float32)
    received[..., 0], received[..., -1] = one.attention.received[..., 0], one.attention.received[..., -1]
    for n, (start, _) in enumerate(spans, start=1):
        word = text[:start].count(" ") + 1
        received[..., n] = one.attention.received[..., word] / len(text.split()[word - 1])
    other = reports.report(text, read=read, reader=None)
    other = replace(other, attention=replace(other.attention, received=received))
    made = compared(one, other)
    assert cells(made, 0, 0).shape == cells(made, 0, 1).shape == (3,)
    assert any("cut the text differently" in warning for warning in made.warnings)
    assert np.array(made.data["heads"]["elsewhere"].to_pylist()) == pytest.approx(0, abs=1e-6)


def test_of_two_texts_no_word_is_compared() -> None:
    made = compared(reports.report(), reports.report("Quite another text, of other words."))
    assert [section.key for section in made.sections] == ["predictions", "heads", "shares", "settings"]
    assert not any(section.groups for section in made.sections)
    assert set(made.data) == {"predictions", "settings", "heads", "shares"}
    assert "elsewhere" not in made.data["heads"].column_names
    assert made.summary[0].startswith("The texts differ")


def test_heads_without_counterparts_are_not_compared() -> None:
    made = compared(reports.report(), reports.report(layers=3))
    assert "heads" not in made.data
    assert any("no head has a counterpart" in sentence for sentence in made.summary)
    assert "words" in made.data


def test_a_text_that_one_has_cut_is_compared_as_far_as_both_have_read_it() -> None:
    one = reports.report()
    read = reports.tokens(reports.TEXT)
    other = reports.report(read=read.take(range(10)))
    made = compared(one, other)
    assert max(made.data["words"]["end"].to_pylist()) == max(read.ends[:10])
    assert any("have read" in warning or "has read" in warning for warning in made.warnings)
    assert not any("cut the text differently" in warning for warning in made.warnings)


def test_labels_are_matched_by_their_names() -> None:
    one = reports.report()
    assert one.prediction is not None
    turned = replace(one.prediction, labels=("right", "left"), logits=(-0.6, 0.8), probabilities=(0.198, 0.802),
                     predicted=1, gold=1)  # fmt: skip
    made = compared(one, replace(one, prediction=turned))
    assert made.data["predictions"]["probability_a"] == made.data["predictions"]["probability_b"]
    assert made.summary == ("A and B show no difference anywhere.",)


def test_labels_without_a_counterpart_are_said() -> None:
    one = attributed(reports.report())
    assert one.prediction is not None
    made = compared(one, replace(one, prediction=replace(one.prediction, labels=("cat", "dog"), gold=None)))
    assert any(warning.startswith("A and B have no label of the same name:") for warning in made.warnings)
    assert not any(group.title.startswith("Attribution") for each in made.sections for group in each.groups)
    assert not any("no label of the same name" in warning for warning in compared(one, one).warnings)


def test_attributions_of_one_label_alone_are_laid_side_by_side() -> None:
    one, other = attributed(reports.report()), attributed(reports.report(), sign=-1)
    (found,) = [each for each in measures(one, other) if each.signed]
    assert found.title == "Attribution for “left”"
    made = compared(one, other)
    assert cells(made, 3, 2) == pytest.approx(-2 * cells(made, 3, 0), abs=1e-5)
    right = replace(other, attributions=(replace(other.attributions[0], label=1),))
    assert not any(each.signed for each in measures(one, right))


def test_the_label_that_both_have_is_found_though_a_puts_its_other_one_first() -> None:
    """Of two labels that exclude each other, A has its predicted one first and the gold one with all signs turned."""
    one, other = attributed(reports.report()), attributed(reports.report(seed=5))
    (gold,) = one.attributions
    predicted = replace(gold, label=1, scores=-gold.scores)
    (found,) = [each for each in measures(replace(one, attributions=(predicted, gold)), other) if each.signed]
    assert found.title == "Attribution for “left”"
    assert (found.one == gold.scores).all()
    both = replace(one, attributions=(predicted, gold))
    assert [each.title for each in measures(both, both) if each.signed] == ["Attribution for “right”"]


def test_one_scale_colours_both() -> None:
    """The larger maximum is in the last class, and the same value has the same class in A and in B."""
    one = reports.report()
    other = reports.report(seed=5)
    made = compared(one, other)
    (section,) = [section for section in made.sections if section.groups]
    mine, theirs, _ = section.groups[0].views
    assert mine.bounds == theirs.bounds
    by_value = sorted(zip(mine.values + theirs.values, mine.classes + theirs.classes, strict=True))
    found = [heat for value, heat in by_value if heat >= 0]
    assert found == sorted(found)


def test_two_runs_give_the_same_comparison() -> None:
    one, other = reports.report(), reports.report(seed=5)
    first, second = compared(one, other), compared(one, other)
    assert first.summary == second.summary
    assert {name: table.to_pylist() for name, table in first.data.items()} == {
        name: table.to_pylist() for name, table in second.data.items()
    }


def test_the_scores_are_those_of_the_reports() -> None:
    one = reports.report()
    found = measures(one, one)[0]
    assert np.array_equal(found.one, scale.of_report(one).total)
