"""Turn a report into the few words and numbers that a line, or a program, wants of it."""

from __future__ import annotations

from reportgen.core.nouns.records import Rankings, Report
from reportgen.report import opening, rank, scale, words

WORDS = 5  # as many as the first screen of the page names


def top_words(report: Report, rankings: Rankings | None = None, *, count: int = WORDS) -> tuple[str, ...]:
    """The words that draw most attention, each once; *rankings*, if they are known."""
    if rankings is None:
        rankings = rank.rank(report.attention, scale.of_report(report), report.tokens, top_k=report.top_k)
    found = words.whole_words(report.example.text, report.tokens, language=report.language)
    return words.top_words(found, opening.ranked(report, rankings), count=count)
