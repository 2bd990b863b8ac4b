"""A report that hides words keeps its numbers, and holds none of these words: not in a token, a sentence or a hash."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from reportgen.core.config import Config
from reportgen.core.errors import OutputError
from reportgen.core.nouns.faithfulness import Caveat, Shift
from reportgen.core.nouns.records import OtherReading, Report
from reportgen.report.private import redacted
from reportgen.report.stored import store
from reportgen.report.warnings import checks
from tests import faithful, reports

WORDS = Config(redact="window|heads?")
WHOLE = Config(no_text=True)


def stored(report: Report, folder: Path) -> Report:
    store.write(folder, store.dump(report), facts=store.facts(report, ()), overwrite=True)
    return store.load(folder)


@pytest.mark.parametrize("config", [WORDS, WHOLE])
def test_numbers_and_places_stay_and_words_go(config: Config, tmp_path: Path) -> None:
    report = reports.example()
    shown = redacted.redacted(report, config)
    assert (shown.attention, shown.importance, shown.checks) == (report.attention, report.importance, report.checks)
    assert shown.prediction == report.prediction
    assert (shown.tokens.starts, shown.tokens.ends) == (report.tokens.starts, report.tokens.ends)
    assert len(shown.example.text) == len(report.example.text)
    assert "window" in report.example.text
    held = store.dump(shown)[store.REPORT].decode()
    assert "window" not in held.replace('"windows"', "").replace('"attention_window"', "")
    for position, (before, after) in enumerate(zip(report.tokens.strings, shown.tokens.strings, strict=True)):
        if after != before:
            assert shown.tokens.ids[position] == 0
    assert stored(shown, tmp_path / "one") == shown


def test_no_hash_of_the_text_is_left() -> None:
    """A name could be found by trying names on it."""
    example = replace(reports.example().example, revision=f"sha256:{'a' * 64}", file_sha256="b" * 64)
    shown = redacted.redacted(replace(reports.example(), example=example), WORDS)
    assert (shown.example.revision, shown.example.file_sha256) == ("withheld", None)
    assert shown.provenance.text_sha256 == hashlib.sha256(shown.example.text.encode()).hexdigest()
    commit = replace(reports.example(), example=replace(example, revision="c" * 40))
    assert redacted.redacted(commit, WORDS).example.revision == "c" * 40


def test_sentences_that_quote_tokens_quote_placeholders() -> None:
    report = faithful.report()
    assert report.prediction is not None
    assert report.faithfulness is not None
    other = OtherReading("RobertaTokenizer", 3, "Ġwindow", "Ġwin”dow", None, report.prediction)
    place = next(n for n, word in enumerate(report.tokens.strings) if "window" in word)
    said = (
        f"Moved by a word, the document keeps high scores at positions {place} ({report.tokens.strings[place]}): they"
    )
    tested = replace(
        report.faithfulness,
        caveats=(Caveat("scores-stay", said),),
        shifts=(Shift("a word put before", 9, 0.5, (place,), 0.4),),
    )
    whole = replace(report, faithfulness=tested, warnings=tuple(checks.warn_of_other_reading(report.prediction, other)))
    shown = redacted.redacted(whole, WORDS)
    assert "dow" in whole.warnings[0].message
    assert "(from 0): one token in the report, another in transformers. The prediction" in shown.warnings[0].message
    assert shown.faithfulness is not None
    assert f"positions {place} (" in shown.faithfulness.caveats[0].message
    assert "window" not in shown.faithfulness.caveats[0].message
    assert shown.faithfulness.trials == tested.trials


def test_names_of_labels_stay_and_what_is_none_goes() -> None:
    said = replace(reports.example().prediction, gold=None, gold_text="seen by heads")  # type: ignore[type-var]
    example = replace(reports.example().example, label="seen by heads", id="heads-7", title="On heads")
    warned = tuple(checks.warn_of_text(example, reports.example().tokens, said))
    report = replace(reports.example(), example=example, prediction=said, warnings=warned)
    assert "seen by heads" in warned[-1].message
    shown = redacted.redacted(report, WORDS)
    assert shown.prediction is not None
    assert (shown.prediction.gold_text, shown.prediction.labels) == ("seen by XXXXX", said.labels)
    assert (shown.example.label, shown.example.id, shown.example.title) == ("seen by XXXXX", "XXXXX-7", "On XXXXX")
    assert "heads" not in shown.warnings[-1].message
    whole = redacted.redacted(report, WHOLE)
    assert whole.prediction is not None
    assert whole.prediction.gold_text == "XXXX XX XXXXX"


def test_a_stored_report_hides_more_under_another_name() -> None:
    once = redacted.redacted(reports.example(), Config(redact="heads"))
    twice = redacted.again(once, Config(redact="window"))
    assert twice.redaction is not None
    assert once.redaction is not None
    assert set(once.redaction.spans) < set(twice.redaction.spans)
    assert redacted.redacted(twice, Config(redact="PATTERNS.txt")) is twice  # as a stored report has it
    assert twice.example.name != reports.example().example.name
    assert redacted.like(reports.example(), once) == once


def test_a_report_that_says_it_hides_words_and_shows_them_is_refused(tmp_path: Path) -> None:
    shown = redacted.redacted(reports.example(), WORDS)
    assert shown.redaction is not None
    start, end = next(span for span in shown.redaction.spans)
    position = next(
        n for n, (a, b) in enumerate(zip(shown.tokens.starts, shown.tokens.ends, strict=True)) if a < end and start < b
    )
    strings = list(shown.tokens.strings)
    strings[position] = "Ġwindow"
    forged = {
        "redaction.spans": replace(shown, redaction=replace(shown.redaction, spans=((0, 5), *shown.redaction.spans))),
        rf"tokens.strings\[{position}\]": replace(shown, tokens=replace(shown.tokens, strings=tuple(strings))),
    }
    for field, report in forged.items():
        with pytest.raises(OutputError, match=field):
            stored(report, tmp_path / "forged")
