"""The noun of what a report does not show of its text, frozen."""

from __future__ import annotations

from dataclasses import dataclass

from reportgen.core.nouns.values import Count

Spans = tuple[tuple[Count, Count], ...]  # first character and one past the last, in order


@dataclass(frozen=True, slots=True)
class Redaction:
    """What of the text others may not see: it is replaced by placeholders of the same length."""

    whole: bool  # all words, or those that a pattern matches
    spans: Spans  # none touches another; white space in them is as it was
