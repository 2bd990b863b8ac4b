"""Turn a report into one that does not hold some words of its text, or none, with all its numbers.

Words are replaced by placeholders of the same length, so that tokens stay where they are; the ids and the strings of
their tokens go with them, and every hash of the text, because a word could be found by trying names on it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from reportgen.core import presets
from reportgen.core.config import PATTERNS_COPY, Config
from reportgen.core.nouns.faithfulness import Faithfulness
from reportgen.core.nouns.records import Example, Prediction, Report, ReportWarning, Tokens
from reportgen.core.nouns.redaction import Redaction, Spans
from reportgen.core.private import WITHHELD
from reportgen.data import hub, naming, redact
from reportgen.data.redact import Hider

NOBODY = Hider(False, ())
OTHER_TOKENS = re.compile(r"(?<=\(from 0\): ).*(?= in transformers\. The prediction)", re.DOTALL)
NOTHING = ReportWarning("nothing-hidden", "No part of the text matches --redact, so that all of it is shown.")
HIDDEN_TOKENS = "one token in the report, another"


def redacted(report: Report, config: Config) -> Report:
    """The report without what the configuration hides; the same report if that is nothing, or hidden already."""
    hider = None if report.redaction else redact.of_config(config)
    return report if hider is None else hidden(report, hider)


def again(report: Report, config: Config) -> Report:
    """A stored report with more of it hidden, under a name that says nothing of its text."""
    hider = redact.of_config(config)
    if hider is None:
        return report
    text, index = hider.text(report.example.text), report.example.index
    called = report.provenance.configuration.get("model_name")
    name = naming.anonymous(text, index=index, called=called)
    example = replace(report.example, name=name, title=_title(report.example, hider))
    return hidden(replace(report, example=example), hider)


def hidden(report: Report, hider: Hider = NOBODY, spans: Spans = ()) -> Report:
    """The report with placeholders where *hider* says so, and at *spans*."""
    label = report.prediction.gold_text if report.prediction else None
    before = report.redaction or Redaction(whole=False, spans=())
    warnings = [_warning(one, hider, label) for one in report.warnings if one.code != "nothing-hidden"]
    spans = redact.joined((*before.spans, *spans, *hider.spans(report.example.text)))
    whole = before.whole or hider.whole
    tokens = _tokens(report.tokens, report.example.text, spans)
    said = report.prediction and _prediction(report.prediction, hider)
    changed = replace(
        report,
        example=_example(report.example, report.prediction, hider, spans),
        tokens=tokens,
        prediction=said,
        warnings=tuple(warnings if whole or spans else (*warnings, NOTHING)),
        faithfulness=report.faithfulness and _tested(report.faithfulness, report.tokens, tokens),
        redaction=Redaction(whole=whole, spans=spans),
    )
    return _with_provenance(changed, hider)


def like(report: Report, before: Report) -> Report:
    """A report of the same text that hides what *before* hides, and is called as it is."""
    if before.redaction is None:
        return report
    changed = hidden(report, spans=before.redaction.spans)
    made = replace(changed.provenance, configuration=before.provenance.configuration, command=before.provenance.command)
    return replace(changed, example=before.example, redaction=before.redaction, provenance=made)


def _example(example: Example, said: Prediction | None, hider: Hider, spans: Spans) -> Example:
    label, problem = example.label, example.label_problem
    if isinstance(label, str) and (said is None or said.true is None):  # no label of the model: it may say anything
        label = hider.text(label)
    if problem is not None:
        problem = "The column of labels holds what is no label." if hider.whole else hider.said(problem)
    commit = hub.COMMIT.fullmatch(example.revision or "")
    return replace(
        example,
        title=hider.said(example.title),
        text=redact.hidden(example.text, spans),
        label=label,
        label_problem=problem,
        id=None if example.id is None else hider.said(example.id),
        revision=example.revision if commit or example.revision is None else WITHHELD,
        file_sha256=None,
    )


def _title(example: Example, hider: Hider) -> str:
    """The title of a stored report; of a row without its own title, as it is made for one."""
    start = f"{example.dataset}, " if example.dataset is not None else ""
    if start and example.title.startswith(start):
        return example.title
    if hider.whole and example.index is not None:
        return f"{start}{hider.said(example.id) if example.id else f'example {example.index}'}"
    return "Text" if hider.whole else example.title


def _tokens(tokens: Tokens, text: str, spans: Spans) -> Tokens:
    """The tokens; one that reaches into a span has the string that the text has there, and the id 0."""
    shown = redact.hidden(text, spans)
    ids, strings = list(tokens.ids), list(tokens.strings)
    place = 0
    for position, (start, end) in enumerate(zip(tokens.starts, tokens.ends, strict=True)):
        while place < len(spans) and spans[place][1] <= start:
            place += 1
        if start < end and place < len(spans) and spans[place][0] < end:
            ids[position], strings[position] = 0, shown[start:end]
    return replace(tokens, ids=tuple(ids), strings=tuple(strings))


def _prediction(said: Prediction, hider: Hider) -> Prediction:
    """The prediction; its labels are the model's, and only a gold label that is none of them is hidden."""
    if said.gold_text is None or said.true is not None:
        return said
    return replace(said, gold_text=hider.text(said.gold_text))


def _warning(one: ReportWarning, hider: Hider, label: str | None) -> ReportWarning:
    if one.code == "other-tokens":
        return replace(one, message=hider.said(OTHER_TOKENS.sub(HIDDEN_TOKENS, one.message)))
    if one.code == "label-column" and hider.whole:
        return replace(one, message="The column of labels holds what is no label, so no gold label is known.")
    message = one.message
    if one.code == "unknown-label" and label is not None:
        message = message.replace(label[:80], hider.text(label)[:80], 1)
    return replace(one, message=hider.said(message) if one.code in ("unknown-label", "label-column") else message)


def _tested(tested: Faithfulness, before: Tokens, after: Tokens) -> Faithfulness:
    """The test, whose caveats name tokens at some positions."""
    named = sorted({place for shift in tested.shifts for place in _around(shift.stayed, before)})

    def without(message: str) -> str:
        for place in named:
            message = message.replace(f"{place} ({before.strings[place]})", f"{place} ({after.strings[place]})", 1)
        return message

    return replace(tested, caveats=tuple(replace(one, message=without(one.message)) for one in tested.caveats))


def _around(stayed: Sequence[int], tokens: Tokens) -> set[int]:
    """The positions that stayed, and the first word, which is counted with them."""
    first = next((place for place, special in enumerate(tokens.special) if not special), 0)
    return {*stayed, first}


def _with_provenance(report: Report, hider: Hider) -> Report:
    made = report.provenance
    given: dict[str, Any] = dict(made.configuration)
    if hider is not NOBODY:
        given |= {name: hider.said(given[name]) for name in ("id", "file", "label") if given.get(name)}
        given |= {"redact": PATTERNS_COPY if hider.patterns or given.get("redact") else None}
        given["no_text"] = bool(report.redaction and report.redaction.whole)
    digest = hashlib.sha256(report.example.text.encode()).hexdigest()
    command = made.command
    if not report.given and hider is not NOBODY:
        command = presets.command(Config.restored(given, text=report.example.text))
    return replace(report, provenance=replace(made, text_sha256=digest, configuration=given, command=command))
