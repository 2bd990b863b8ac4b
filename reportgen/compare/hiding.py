"""Hide in both reports what either hides: a comparison shows no word that one of the two may not show.

A report that hides words keeps no pattern, but the places. In an open report of the same text they say the words, and
these are then hidden wherever a comparison could say them: in text, title, id, command, names of folders, links.
"""

from __future__ import annotations

from dataclasses import replace

import regex

from reportgen.core.nouns.records import Report
from reportgen.core.nouns.redaction import Spans
from reportgen.data import redact
from reportgen.data.redact import Hider
from reportgen.report.private import redacted

NOBODY = Hider(False, ())


def alike(one: Report, other: Report) -> tuple[Report, Report, Hider]:
    """Both reports, as they hide the same; and what hides these words in other texts.

    Reports of two texts stay as they are, and so do those that hide the same or nothing.
    """
    spans = redact.joined((*_spans(one), *_spans(other)))
    mine, theirs = one.example.text, other.example.text
    if mine == theirs or redact.hidden(mine, spans) != redact.hidden(theirs, spans):
        return one, other, NOBODY
    whole = any(report.redaction is not None and report.redaction.whole for report in (one, other))
    words = {text[start:end] for text in (mine, theirs) for start, end in spans}
    known = sorted(word for word in words if word.strip(f"{redact.PLACEHOLDER} "))
    patterns = () if whole else tuple(regex.compile(regex.escape(word), regex.IGNORECASE) for word in known)
    hider = Hider(whole, patterns)
    hidden = [redacted.hidden(report, hider, spans) for report in (one, other)]
    spans = redact.joined((*_spans(hidden[0]), *_spans(hidden[1])))  # a word may be at places where it was not hidden
    hidden = [redacted.hidden(report, spans=spans) for report in hidden]
    title = hidden[one.redaction is None].example.title  # of one that hid words itself
    first, second = (replace(report, example=replace(report.example, title=title)) for report in hidden)
    return first, second, hider


def _spans(report: Report) -> Spans:
    return () if report.redaction is None else report.redaction.spans
