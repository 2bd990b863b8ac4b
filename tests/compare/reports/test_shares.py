"""shares: two documents in numbers -> where their attention lies, side by side."""

from __future__ import annotations

import numpy as np
import pytest

from reportgen.compare.reports import shares
from reportgen.compare.reports.comparison import compare
from reportgen.core.nouns.records import HeadImportance, Report
from reportgen.corpus import measure
from reportgen.report import scale
from tests import reports
from tests.compare.reports.test_comparison import SIDES, stub

TEXT = f"# Method\n{reports.TEXT}\n# Results\nNumbers are small here, and words are few."
PLAIN = HeadImportance(np.ones((2, 2), np.float32), "none", "")


def by_hand(report: Report, start: int, end: int) -> tuple[float, float]:
    """The share of the content tokens of a stretch, and of their scores."""
    content = report.tokens.content
    inside = content & (np.array(report.tokens.starts) >= start) & (np.array(report.tokens.starts) < end)
    scores = scale.of_report(report).total.astype(np.float64)
    return inside.sum() / content.sum(), scores[inside].sum() / scores[content].sum()


def test_sections_have_the_share_of_the_scores_of_their_tokens() -> None:
    pair = (reports.report(TEXT), reports.report(TEXT, importance=PLAIN))
    made = compare(*pair, SIDES, draw=stub)
    table = made.data["sections"].to_pydict()
    assert table["section"] == ["method", "results"]
    cut = TEXT.index("# Results")
    for n, (start, end) in enumerate(((0, cut), (cut, len(TEXT)))):
        for side, report in zip("ab", pair, strict=True):
            tokens, attention = by_hand(report, start, end)
            assert table[f"tokens_{side}"][n] == pytest.approx(tokens)
            assert table[side][n] == pytest.approx(attention, rel=1e-5)
    (section,) = (each for each in made.sections if each.key == "sections")
    assert section.tables[0].rows[0][0] == "method"
    assert section.sentences[0].startswith("“")
    assert sum(table["a"]) == pytest.approx(1)


def test_a_text_without_headings_has_no_sections() -> None:
    one = measure.measure(reports.report(), name="", page="")
    assert shares.sections(one, one)[0] is None


def test_of_two_texts_sections_are_those_that_both_have() -> None:
    one, other = (
        measure.measure(reports.report(text), name="", page="") for text in (TEXT, "# Results\nNone.\n# Method\nAny.")
    )
    section, table = shares.sections(one, other)
    assert section is not None
    assert set(table["section"].to_pylist()) == {"method", "results"}
    lone = measure.measure(reports.report("# Else\nNone."), name="", page="")
    assert shares.sections(one, lone)[0] is None


def test_equal_shares_are_called_the_same() -> None:
    one = measure.measure(reports.report(TEXT), name="", page="")
    section, _ = shares.sections(one, one)
    assert section is not None
    assert section.sentences == ("Every section has the same share in A and in B.",)
    placed, _ = shares.places(one, one, stub)
    assert placed.charts[0].caption.startswith("Every tenth of the document has the same share in A and in B.")
