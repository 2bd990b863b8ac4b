"""Find the words that others may not see, and replace them by placeholders of the same length.

Patterns are regular expressions; the case of letters does not matter to them, nor how an accent is written. A word of
which a part matches is replaced as a whole. White space stays, so that words and lines stay where they are. What is
replaced where, `report/private/redacted.py` says.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import regex

from reportgen.core.config import PATTERNS_COPY, Config
from reportgen.core.errors import UsageError
from reportgen.core.files import regular_files
from reportgen.core.nouns.redaction import Spans

PLACEHOLDER = "X"  # a letter, so that words stay words
MOST_BYTES = 50_000_000  # of a file of patterns
# Letters and digits without a gap, in scripts that put spaces between words.
UNSPACED = r"\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}ー"
WORD = regex.compile(rf"[[\p{{L}}\p{{M}}\p{{N}}_]--[{UNSPACED}]]+", regex.VERSION1)
LIKE_A_FILE = re.compile(r"\S{1,300}\.(txt|text|lst|list|csv|tsv|toml|re|regex)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hider:
    """What of a text is hidden."""

    whole: bool  # all of it
    patterns: tuple[regex.Pattern[str], ...]

    def spans(self, text: str) -> Spans:
        """Where a text is hidden: first character and one past the last, in order, none touching another."""
        if self.whole:
            return joined([(0, len(text))])
        found = joined(match.span() for pattern in self.patterns for match in pattern.finditer(text))
        return joined((*found, *_words(text, found)))

    def text(self, text: str) -> str:
        """A text with placeholders."""
        return hidden(text, self.spans(text))

    def said(self, text: str) -> str:
        """A name or a sentence that is not the text itself, with placeholders for what a pattern matches."""
        return Hider(False, self.patterns).text(text)

    def title(self, text: str) -> str:
        """What a source calls a text: "" if the whole text is hidden, because a title says what it is about."""
        return "" if self.whole else self.said(text)


def of_config(config: Config) -> Hider | None:
    """What the configuration hides; None for nothing.

    Raises:
        UsageError: If a pattern is invalid, matches nothing but the empty text, or its file cannot be read.
    """
    if config.redact is None and not config.no_text:
        return None
    return Hider(config.no_text, () if config.redact is None else _patterns(config.redact))


def hidden(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with placeholders in these places; white space stays.

    >>> hidden("Dr. Ada Byron came.", [(4, 13)])
    'Dr. XXX XXXXX came.'
    """
    parts, end = [], 0
    for start, stop in spans:
        parts += [text[end:start], *(c if c.isspace() else PLACEHOLDER for c in text[start:stop])]
        end = stop
    return "".join((*parts, text[end:]))


def joined(spans: Iterable[tuple[int, int]]) -> Spans:
    """Spans in order; those that touch or overlap are one, empty ones are left out.

    >>> joined([(5, 7), (0, 2), (6, 9), (4, 4)])
    ((0, 2), (5, 9))
    """
    found: list[tuple[int, int]] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)


def _words(text: str, spans: Spans) -> Iterator[tuple[int, int]]:
    """The words that reach into spans: half a name tells the rest of it."""
    place = 0
    for word in WORD.finditer(text) if spans else ():
        start, end = word.span()
        while place < len(spans) and spans[place][1] <= start:
            place += 1
        if place < len(spans) and spans[place][0] < end:
            yield start, end


def _patterns(given: str) -> tuple[regex.Pattern[str], ...]:
    """The pattern, or those of a file: one a line; empty lines and lines that begin with # are left out."""
    path = Path(given).expanduser() if given.startswith("~/") else Path(given)
    try:
        there = len(given) < 4096 and path.exists()
    except (OSError, ValueError):
        there = False
    if there and not path.is_file() and ("/" in given or not path.is_dir()):  # "data" may be a word and a folder
        raise UsageError(
            "--redact: this is the path of a folder, a pipe or a device, not of a file with patterns",
            hint="write one pattern on each line of a file; a pattern that looks like a path is written (?:...)",
        )
    if not there or not path.is_file():
        if LIKE_A_FILE.fullmatch(given):
            hint = "check the path; a pattern that looks like one is written (?:...)"
            if given == PATTERNS_COPY:
                hint = "a report does not keep the patterns that hide its words: name their file, or give the pattern"
            raise UsageError("--redact: this looks like the path of a file, and there is no such file", hint=hint)
        return _compiled([("", given)])
    try:
        lines = regular_files.read(path, most=MOST_BYTES).decode("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise UsageError(f"--redact: {path.name} cannot be read: {error}") from error
    told = [(f"line {n}: ", line.strip()) for n, line in enumerate(lines, start=1)]
    found = _compiled([(where, line) for where, line in told if line and not line.startswith("#")])
    if not found:
        raise UsageError(f"--redact: {path.name} holds no pattern", hint="write one on each line")
    return found


def _compiled(given: list[tuple[str, str]]) -> tuple[regex.Pattern[str], ...]:
    """Patterns, in both ways to write an accent. An error names the line and never the pattern: it may be a name."""
    found = {}
    for where, pattern in given:
        for form in dict.fromkeys((pattern, *(unicodedata.normalize(kind, pattern) for kind in ("NFC", "NFD")))):
            try:
                found[form] = regex.compile(form, regex.IGNORECASE)
            except regex.error as error:
                raise UsageError(
                    f"--redact: {where}not a regular expression: {error.msg} at character {error.pos}",
                    hint=r"a backslash before . * + ? ( ) [ ] { } ^ $ | makes a plain character of it",
                ) from error
    return tuple(found.values())
