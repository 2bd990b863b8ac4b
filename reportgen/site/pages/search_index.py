r"""Turn texts into an inverted index that a page can search without a server: in shards, loaded by need.

A term is a word as `terms` finds it; the scripts of the site (`js/site/words.js`) cut and fold a query in the same way.
Every term has three lists of documents: those whose title has it, those that have it among their top tokens, those
whose text has it. A list is the differences of its numbers, each in the digits of base 64, five bits a digit, the
lowest first; a digit of 32 or more says that another one follows.

>>> [encoded([0]), encoded([0, 1, 33, 100])]
['A', 'ABgBjC']
"""

from __future__ import annotations

import functools
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import regex

LONGEST = 40  # characters of a term; of longer words this beginning is the term
SHARD = 150_000  # bytes, about
WORD = regex.compile(r"[\p{L}\p{N}\p{M}]+")
# Scripts that put no space between words, and the sign of a long vowel, which is of none.
UNSPACED = r"\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}ー"
PARTS = regex.compile(rf"(?P<pairs>[{UNSPACED}]+)|[^{UNSPACED}]+")
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
FIELDS = ("title", "top", "text")

Entry = tuple[str, str]  # term, its lists with ";" between them


@dataclass(slots=True)
class Index:
    """Grows by one document after the other, in the order of their numbers."""

    lists: dict[str, tuple[array[int], array[int], array[int]]] = field(default_factory=dict)  # by term, as `FIELDS`

    def add(self, number: int, *, title: str, top: Iterable[str], text: str) -> None:
        """Put a document in.

        Args:
            number: Higher than those before.
            title: With whatever else shall be found as if it stood there.
            top: Words.
            text: All of it.
        """
        for place, found in enumerate((terms(title), terms(" ".join(top)), terms(text))):
            for term in found:
                lists = self.lists.get(term)
                if lists is None:
                    lists = self.lists[term] = (array("I"), array("I"), array("I"))
                lists[place].append(number)

    def entries(self) -> Iterator[Entry]:
        """All terms with their lists, in the order in which JavaScript compares strings."""
        for term in sorted(self.lists, key=_order):
            yield term, ";".join(map(encoded, self.lists[term])).rstrip(";")


def terms(text: str) -> set[str]:
    """The terms of a text: its words, folded; in scripts without spaces, every two neighbouring characters.

    A character that ends such a stretch is a term, too: so every character is the beginning of a term.

    >>> sorted(terms("Straße 7: the STRASSE")), sorted(terms("BERT模型好"))
    (['7', 'strasse', 'the'], ['bert', '型好', '好', '模型'])
    """
    found: set[str] = set()
    for word in set(WORD.findall(unicodedata.normalize("NFKC", text))):
        found.update(_terms(word))
    return found


def fold(text: str) -> str:
    """Text without the difference between its capital and small letters, character by character as scripts do it.

    >>> fold("Ὀδυσσεύς") == fold("ὈΔΥΣΣΕΎΣ")
    True
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", "".join(c.lower().upper().lower() for c in text))


def encoded(numbers: Sequence[int]) -> str:
    """Rising numbers as digits, see the beginning of this file."""
    digits = []
    last = 0
    for number in numbers:
        rest, last = number - last, number
        while rest >= 32:
            digits.append(DIGITS[rest & 31 | 32])
            rest >>= 5
        digits.append(DIGITS[rest])
    return "".join(digits)


def shards(entries: Iterable[Entry], *, size: int = SHARD) -> Iterator[list[Entry]]:
    """Entries in groups, each about *size* bytes, in their order."""
    group: list[Entry] = []
    held = 0
    for term, lists in entries:
        length = len(term.encode()) + len(lists) + 2  # a space behind each
        if group and held + length > size:
            yield group
            group, held = [], 0
        group.append((term, lists))
        held += length
    if group:
        yield group


@functools.lru_cache(maxsize=200_000)
def _terms(word: str) -> tuple[str, ...]:
    """The terms of a word in NFKC."""
    found: list[str] = []
    for part in PARTS.finditer(fold(word)):
        if part["pairs"]:
            found += [part[0][at : at + 2] for at in range(len(part[0]))]
        else:
            found.append(part[0][:LONGEST])
    return tuple(found)


def _order(term: str) -> bytes:
    return term.encode("utf-16-be")
