"""Group tokens into words, count words, and find the words without content of their own.

The stop words are in `stop_words.txt`, which names their source and licence.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from reportgen.core import joining
from reportgen.core.nouns.records import Integers, Report, Tokens
from reportgen.report.parts import Word, WordCount

SIGNS = ("Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sc", "Sk", "Sm", "Zs", "Cc", "Cf")  # punctuation, + = $ ^, spaces


def stop_words(language: str) -> frozenset[str]:
    """The stop words of a language, lower case; none for a language that has no list.

    >>> "which" in stop_words("en"), "learning" in stop_words("en-GB"), stop_words("la")
    (True, False, frozenset())
    """
    return stop_lists().get(language.split("-")[0].lower(), frozenset())


@functools.cache
def stop_lists() -> dict[str, frozenset[str]]:
    """The stop words of every language that has a list, by its code in HTML."""
    lines = (Path(__file__).parent / "stop_words.txt").read_text(encoding="utf-8").split("\n")
    paragraphs = "\n".join(line for line in lines if not line.startswith("#")).strip().split("\n\n")
    lists = (paragraph.split(":", 1) for paragraph in paragraphs)
    return {code: frozenset(found.split()) for code, found in lists}


def whole_words(text: str, tokens: Tokens, *, language: str) -> tuple[Word, ...]:
    """The words of *text* with the positions of their pieces: letters and digits without a gap are one word.

    A sign is a word of its own; special and blank tokens are in none. A word may consist of echoes alone.
    """
    left_out = tokens.left_out
    common = stop_words(language)
    return tuple(
        Word(
            word,
            tuple(position for position in joined.positions if not left_out[position]),
            masked=_is_masked(word, common),
            echoes=tuple(position for position in joined.positions if left_out[position]),
        )
        for joined in joining.words(text, tokens)
        for word in [text[joined.start : joined.end].strip()]
    )


def of_report(report: Report) -> tuple[Word, ...]:
    """`whole_words` of what a report has read."""
    return whole_words(report.example.text, report.tokens, language=report.language)


def in_words(report: Report) -> tuple[str, ...]:
    """The name of each token for lists: its word and, in brackets, the piece that it is: "theories (ories)".

    A token that is a whole word, or in none, keeps its own name.
    """
    names = list(report.words())
    for word in of_report(report):
        for position in (*word.positions, *word.echoes):
            if names[position].strip() != word.text:
                names[position] = f"{word.text} ({names[position].strip()})"
    return tuple(names)


def each_whole(report: Report) -> tuple[str, ...]:
    """Of each token its whole word; its own name where it is in none."""
    words = of_report(report)
    word_of = {position: word.text for word in words for position in (*word.positions, *word.echoes)}
    return tuple(word_of.get(position, name) for position, name in enumerate(report.words()))


def first_words(names: Sequence[str], positions: Sequence[int], *, count: int) -> list[str]:
    """The first *count* names of these positions, each once.

    >>> first_words(["the", "theories", "theories", "look"], [1, 2, 0], count=2)
    ['theories', 'the']
    """
    return list(dict.fromkeys(names[position] for position in positions))[:count]


def _is_masked(word: str, common: frozenset[str]) -> bool:
    """Whether a word is a stop word, or only punctuation. Emoji and other pictures are neither."""
    return word.casefold() in common or all(unicodedata.category(character) in SIGNS for character in word)


def content_words(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """The words that lists name: without stop words and punctuation, unless there is nothing else."""
    return tuple(word for word in words if not word.masked and word.positions) or words


def common_positions(words: tuple[Word, ...]) -> frozenset[int]:
    """The tokens of the others."""
    kept = {position for word in content_words(words) for position in word.positions}
    return frozenset(position for word in words for position in word.positions) - kept


def count_words(words: tuple[Word, ...], counts: Integers) -> tuple[WordCount, ...]:
    """Counts of all occurrences of a word added up, most attended first, equal counts in order of appearance.

    Args:
        words: From `whole_words`.
        counts: By (layer, head, token), from `rank.count_attended`.
    """
    by_token = counts.sum(axis=(0, 1))
    occurrences: dict[str, list[int]] = {}
    for word in (one for one in words if one.positions):
        occurrences.setdefault(word.text.casefold(), []).append(int(by_token[list(word.positions)].sum()))
    found = [WordCount(word, len(each), sum(each)) for word, each in occurrences.items()]
    return tuple(sorted(found, key=lambda entry: -entry.attended))


def top_words(words: tuple[Word, ...], order: Integers, *, count: int) -> tuple[str, ...]:
    """The content words of the first tokens of an *order*, signs left out, each once whatever its case."""
    word_of = {position: word.text for word in content_words(words) for position in word.positions}
    found: dict[str, str] = {}
    for word in (word_of[position] for position in order.tolist() if position in word_of):
        if any(character.isalnum() for character in word):
            found.setdefault(word.casefold(), word)
    return tuple(found.values())[:count]
