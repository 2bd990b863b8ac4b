"""Turn a text into the tokens that the model reads, each with its characters.

If the tokenizer does not return the characters, its tokens are matched with the text letter by letter, past every
change that tokenizers make: case, accents, compatibility forms, white space, signs of continuation. If no match or
several remain, the tokenizer decides: a text is cut correctly if the tokens of its parts are the tokens of the whole.
The rest has no offsets, never wrong ones.
"""

from __future__ import annotations

import inspect
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

import regex

from reportgen.core.characters import BYTES
from reportgen.core.errors import DataError, ModelError
from reportgen.core.nouns.records import Tokens
from reportgen.model.guards import panics, said
from reportgen.model.tokenizing.tokenizer import TYPES, token_types

if TYPE_CHECKING:
    from reportgen.model.classifier import Classifier

Span = tuple[int, int]  # first character, one past the last
Tokenize = Callable[[str], list[str]]

SIGN = r"\p{Han}\p{P}$+<=>^`|~"  # what WordPiece takes for a word of its own
CUTS = (regex.compile(r"\s*\S+"), regex.compile(rf"\s*(?:[{SIGN}]|[^\s{SIGN}]+)"))
LONGEST_WORD = 100  # characters of the pieces of one word together
SPACE = "\u2581"  # as SentencePiece writes it
BYTE = regex.compile(r"<0x([0-9A-F]{2})>")  # SentencePiece's name of a byte


def encode(classifier: Classifier, text: str, *, whole: bool = False) -> Tokens:
    """Read *text* as the model does: token ids and the characters behind each token.

    Text beyond the model's length is cut off at the end, unless *whole* is set; `Tokens.total` is the number
    of tokens before.

    Raises:
        DataError: If the tokenizer gives no token.
        ModelError: If it fails, or gives a token or a token type that the model does not know.
    """
    tokens = read(classifier, text, whole=whole)
    check_known(classifier, tokens)
    spans: Iterable[Span] = zip(tokens.starts, tokens.ends, strict=True)
    if not classifier.tokenizer.is_fast:
        spans = _find_spans(classifier, text, tokens.ids, tokens.special)
    inner = [_inner(text, start, end, string) for (start, end), string in zip(spans, tokens.strings, strict=True)]
    found = _whole_characters(text, inner, cut=tokens.total > len(tokens.ids))
    starts, ends = zip(*found, strict=True)
    blank = tuple(not text[start:end].strip() for start, end in found)
    return replace(tokens, starts=starts, ends=ends, blank=blank)


def read(classifier: Classifier, text: str, *, whole: bool = False) -> Tokens:
    """The tokens of *text*, with the characters that the tokenizer itself gives them, none of them checked.

    See `encode`.
    """
    tokenizer = classifier.tokenizer
    encoded = _call(classifier, text)
    total = len(encoded["input_ids"])
    if total > classifier.max_length and not whole:
        encoded = _call(classifier, text, truncation=True, max_length=classifier.max_length)
    ids = tuple(encoded["input_ids"])
    if not ids:
        raise DataError("the tokenizer returns no token for this text", hint="give a text with words in it")
    takes = TYPES in inspect.signature(classifier.model.forward).parameters
    types = tuple(encoded.get(TYPES, ())) if takes else ()
    spans = encoded.get("offset_mapping") or [(0, 0)] * len(ids)
    return Tokens(
        ids=ids,
        strings=tuple(tokenizer.convert_ids_to_tokens(ids)),
        starts=tuple(start for start, _ in spans),
        ends=tuple(end for _, end in spans),
        special=tuple(map(bool, encoded["special_tokens_mask"]))[: len(ids)],  # subtle: ByT5's counts an end too many
        blank=tuple(start == end for start, end in spans),
        total=total,
        types=types,
    )


def _call(classifier: Classifier, text: str, **how: Any) -> Any:
    """What the tokenizer says of *text*."""
    tokenizer = classifier.tokenizer
    asked = {"return_offsets_mapping": tokenizer.is_fast, "return_special_tokens_mask": True, "verbose": False}
    try:
        with panics():
            return tokenizer(text, **asked, **how)
    except MemoryError:
        raise
    except Exception as error:  # tokenizers raises nothing more precise
        word = next((word for word in text.split() if not _readable(tokenizer, word)), None)
        what = "the text" if word is None else f'"{word[:80]}"'
        raise ModelError(
            f"{classifier.checkpoint.tokenizer}: the tokenizer cannot read {what}: {said(error)}",
            hint='check "unk_token" and "post_processor" in its tokenizer.json, or choose another --tokenizer',
        ) from error


def _readable(tokenizer: Any, word: str) -> bool:
    try:
        with panics():
            tokenizer.tokenize(word)
    except Exception:
        return False
    return True


def check_known(classifier: Classifier, tokens: Tokens) -> None:
    """Check that the model has an embedding for every token and every token type.

    Raises:
        ModelError: Naming the highest that it does not have.
    """
    known, name, types = classifier.vocabulary, classifier.checkpoint.tokenizer, tokens.types
    if max(tokens.ids) not in known:
        raise ModelError(
            f"{name}: returns token {max(tokens.ids)}; the model has {len(known)} tokens (from 0)",
            hint="choose the tokenizer that the model was trained with: --tokenizer",
        )
    kinds = token_types(classifier.model.config)
    if 0 < kinds <= max(types, default=0):
        raise ModelError(
            f"{name}: returns token type {max(types)}; the model has {kinds} (from 0)",
            hint="choose the tokenizer that the model was trained with: --tokenizer; or leave token_type_ids out of "
            "model_input_names in tokenizer_config.json",
        )


def _find_spans(classifier: Classifier, text: str, ids: tuple[int, ...], special: tuple[bool, ...]) -> list[Span]:
    """The characters of each token, for a tokenizer that does not return them; special tokens have none."""
    tokenizer, name = classifier.tokenizer, classifier.checkpoint.tokenizer
    strings = tokenizer.tokenize(text)
    read = [token for token, added in zip(ids, special, strict=True) if not added]
    found = align(text, strings, tokenize=tokenizer.tokenize, unknown=tokenizer.unk_token)
    if found is None or tokenizer.convert_tokens_to_ids(strings)[: len(read)] != read:
        raise ModelError(
            f"{name}: the tokenizer does not return the characters of a token, and reportgen cannot find them",
            hint="choose a --tokenizer that has a tokenizer.json",
        )
    following = iter(found)
    return [(0, 0) if added else next(following) for added in special]


def _inner(text: str, start: int, end: int, string: str) -> Span:
    """The span of a token without the white space around it; white space keeps its span."""
    word = text[start:end]
    inner = word.strip()
    if string == SPACE and inner == word != string:  # a space that the tokenizer has put before the text
        return start, start
    if not inner or inner == word:
        return start, end
    start += len(word) - len(word.lstrip())
    return start, start + len(inner)


def _whole_characters(text: str, spans: Sequence[Span], *, cut: bool) -> list[Span]:
    """The spans with the accents that no token has: where NFC joins them to letters, tokenizers leaves them out."""
    starts = sorted({start for start, end in spans if start < end})
    ends = [match.end() for match in regex.finditer(r"\X", text)]  # of what a reader takes for one character
    found: list[Span] = []
    for start, end in spans:
        if start < end:
            following = bisect_left(starts, end)
            most = starts[following] if following < len(starts) else end if cut else len(text)
            whole = ends[bisect_left(ends, end)]
            end = whole if whole <= most and not text[end:whole].isspace() else end
        found.append((start, end))
    return found


def align(text: str, strings: Sequence[str], *, tokenize: Tokenize, unknown: str | None) -> list[Span] | None:
    """The characters of each token; None if there is no match, or more than one.

    Starts ascend, white space at the edges is left out, and what the tokenizer drops belongs to no token. Pieces of
    one character all have it; so do pieces of one word whose letters the tokenizer has rewritten.

    Args:
        text: What was tokenized.
        strings: The tokens of *text*, special ones that were added left out.
        tokenize: What gives the tokens of a text.
        unknown: The token that replaces unknown characters.
    """
    return _place(text, list(strings), tokenize, unknown, CUTS)


def _place(
    text: str, strings: list[str], tokenize: Tokenize, unknown: str | None, cuts: tuple[regex.Pattern[str], ...]
) -> list[Span] | None:
    """Lay tokens along a text whole, or cut it and place the tokens of its parts."""
    found = _lay(text, strings) if strings else []
    if found is not None:
        return found
    for depth, cut in enumerate(cuts, start=1):
        starts = [match.start() for match in cut.finditer(text)]
        parts = [text[start:end] for start, end in pairwise([0, *starts[1:], len(text)])]
        tokens = [tokenize(part) for part in parts]
        if len(parts) > 1 and list(chain.from_iterable(tokens)) == strings:
            placed = [
                _place(part, its, tokenize, unknown, cuts[depth:]) for part, its in zip(parts, tokens, strict=True)
            ]
            return _joined(parts, placed)
    found = _lay_around(text, strings, unknown)
    word = text.strip()
    if found is not None or not word or len(word.split()) > 1 or len(word) > LONGEST_WORD:
        return found
    start = text.index(word)
    return [(start, start + len(word))] * len(strings)


def _joined(parts: list[str], placed: list[list[Span] | None]) -> list[Span] | None:
    """The spans of the parts of a text as spans of the text; None if a part has none."""
    spans: list[Span] = []
    at = 0
    for part, found in zip(parts, placed, strict=True):
        if found is None:
            return None
        spans += [(at + start, at + end) for start, end in found]
        at += len(part)
    return spans


def _lay(text: str, strings: list[str]) -> list[Span] | None:
    """Lay tokens along a text by the first way of reading their strings that fits it to the last letter."""
    for read in READINGS:
        pieces = [read(string) for string in strings]
        plain = text.replace(SPACE, " ") if read is _spaced else text
        found = None if None in pieces else _match(plain, [piece for piece in pieces if piece is not None])
        if found is not None:
            return found
    return None


def _lay_around(text: str, strings: list[str], unknown: str | None) -> list[Span] | None:
    """The same with unknown tokens, which may be any letters, if the other tokens match in only one way."""
    for read in READINGS:
        runs: list[list[bytes | None]] = [[]]  # the pieces before, between and behind the unknown tokens
        for string in strings:
            if string == unknown:
                runs.append([])
            else:
                runs[-1].append(read(string))
        if len(runs) > 1 and not any(None in run for run in runs):
            found = _fit(text, [[piece for piece in run if piece is not None] for run in runs])
            if found is not None:
                return found
    return None


def _fit(text: str, runs: list[list[bytes]]) -> list[Span] | None:
    """Match runs of pieces with a text; between two runs is a piece of any letters, without space."""
    letters = [(key, index) for index, character in enumerate(text) for key in fold(character) if not fades(key)]
    if len(runs) > 2 and len({index for _, index in letters}) < len("".join(text.split())):
        return None  # subtle: an unknown piece may also be something other than letters, like a lone accent
    try:
        literal = ["".join(k for c in b"".join(run).decode() for k in fold(c) if not fades(k)) for run in runs]
    except UnicodeDecodeError:
        return None
    places = _only_places("".join(key for key, _ in letters), literal)
    if places is None:
        return None
    spans: list[Span] = []
    at = 0
    for run, own, place, following in zip(runs, literal, places, [*places[1:], None], strict=True):
        start = len(text) if following is None else letters[place + len(own)][1]
        placed = _match(text[at:start], run)
        if placed is None:
            return None
        spans += [(at + first, at + last) for first, last in placed]
        if following is not None:
            at = letters[following - 1][1] + 1
            limit = letters[following][1] if following < len(letters) else len(text)
            while at < limit and not text[at].isspace():
                at += 1  # accents of its last letter
            if any(character.isspace() for character in text[start:at]):
                return None
            spans.append((start, at))
    return spans


def _only_places(solid: str, literal: list[str]) -> list[int] | None:
    """The place of each of *literal* in *solid*, at least one letter between them; None unless there is one way."""
    last = len(solid) - len(literal[-1])
    first, at = [0], len(literal[0])
    for part in literal[1:-1]:
        first.append(solid.find(part, at + 1))
        if first[-1] < 0:
            return None
        at = first[-1] + len(part)
    if not solid.startswith(literal[0]) or not solid.endswith(literal[-1]) or last <= at:
        return None
    first.append(last)
    latest, end = [last], last
    for part in reversed(literal[1:-1]):
        latest.append(solid.rfind(part, 0, end - 1))
        end = latest[-1]
    latest.append(0)
    return first if latest[::-1] == first else None


def _match(text: str, pieces: list[bytes]) -> list[Span] | None:
    """Lay pieces along a text: every letter of the one is the next letter of the other, or None."""
    try:
        shown = b"".join(pieces).decode()
    except UnicodeDecodeError:
        return None
    letters = [(key, index) for index, character in enumerate(text) for key in fold(character)]
    taken: list[list[int]] = [[] for _ in pieces]  # indices of characters, by piece
    at = 0
    for character, owners in zip(shown, _owners(shown, pieces), strict=True):
        for key in fold(character):
            ahead = at
            while ahead < len(letters) and letters[ahead][0] != key and fades(letters[ahead][0]):
                ahead += 1
            if ahead < len(letters) and letters[ahead][0] == key:
                for owner in owners:
                    taken[owner].append(letters[ahead][1])
                at = ahead + 1
            elif not fades(key):
                return None
    if not all(fades(key) for key, _ in letters[at:]):
        return None
    return _spans(text, taken)


def _owners(shown: str, pieces: list[bytes]) -> Iterator[range]:
    """The pieces whose bytes make up each character."""
    ends = [piece for piece, content in enumerate(pieces) for _ in content]  # piece by byte
    at = 0
    for character in shown:
        size = len(character.encode())
        yield range(ends[at], ends[at + size - 1] + 1)
        at += size


def _spans(text: str, taken: list[list[int]]) -> list[Span]:
    """From the first to the last character of each piece, white space at the edges left out."""
    spans: list[Span] = []
    at = 0
    for indices in taken:
        seen = [index for index in indices if not text[index].isspace()] or indices
        spans.append((seen[0], seen[-1] + 1) if seen else (at, at))
        at = max(at, spans[-1][1])
    for place in range(len(spans) - 2, -1, -1):  # an empty piece within a character that others share
        if spans[place][0] > spans[place + 1][0]:
            spans[place] = (spans[place + 1][0],) * 2
    return spans


@lru_cache(maxsize=1 << 16)
def fold(character: str) -> str:
    """A character without case, compatibility and composition; white space is a space."""
    if character.isspace():
        return " "
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())


@lru_cache(maxsize=1 << 16)
def fades(key: str) -> bool:
    """Whether some tokenizers drop it: white space, accents, controls, unassigned characters."""
    return key in " \ufffd" or unicodedata.category(key)[0] in "CM"


def _spaced(string: str) -> bytes:
    named = BYTE.fullmatch(string)
    return bytes.fromhex(named[1]) if named else string.replace(SPACE, " ").encode()


def _in_alphabet(string: str) -> bytes | None:
    """The bytes that GPT-2 writes as printable characters, unprintable ones as U+0100 and following."""
    return bytes(BYTES[c] for c in string) if all(c in BYTES for c in string) else None


def _latin(string: str) -> bytes | None:
    return string.encode("latin-1") if all(ord(character) < 256 for character in string) else None


READINGS: tuple[Callable[[str], bytes | None], ...] = (
    str.encode,
    _spaced,  # SentencePiece
    lambda string: string.removeprefix("##").encode(),  # WordPiece: continues a word
    lambda string: string.removesuffix("</w>").encode(),  # byte pairs: ends a word
    lambda string: string.removesuffix("@@").encode(),  # byte pairs: is gone on with
    _in_alphabet,
    _latin,  # a character per byte
)
