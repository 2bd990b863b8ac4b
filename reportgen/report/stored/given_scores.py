"""Turn a JSON file with tokens and scores computed elsewhere into a report, without model and attention.

The file is an object. `tokens` are words, or with `pieces` the strings of a tokenizer; `scores` are one number for each
token, or a list of numbers for every head of every layer, none below 0. `FIELDS` lists the other fields.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from reportgen.core import presets, versions
from reportgen.core.characters import BYTES, UNPRINTABLE, clean
from reportgen.core.clock import now
from reportgen.core.config import Config
from reportgen.core.errors import DataError
from reportgen.core.files import json_text, regular_files
from reportgen.core.nouns.records import (
    GIVEN,
    Attention,
    Example,
    Floats,
    HeadImportance,
    Prediction,
    Provenance,
    Report,
    Tokens,
)
from reportgen.core.private import public
from reportgen.data import naming


class Field(NamedTuple):
    """A field of a file of scores."""

    kind: type
    wanted: str


FIELDS = {
    "tokens": Field(list, "list of strings"),
    "scores": Field(list, "list of numbers, or layers of heads of such lists"),
    "text": Field(str, "string: the document; joined from the tokens if left out"),
    "offsets": Field(list, "list of [start, end): characters of text for each token"),
    "pieces": Field(str, "string: how a tokenizer has written the tokens, byte-bpe, wordpiece or sentencepiece"),
    "special": Field(list, "list of positions of special tokens; recognised by their names if left out"),
    "title": Field(str, "string"),
    "model": Field(str, "string"),
    "revision": Field(str, "string"),
    "dataset": Field(str, "string"),
    "split": Field(str, "string"),
    "index": Field(int, "number"),
    "labels": Field(list, "list of names of the labels"),
    "logits": Field(list, "list of numbers, one for each label"),
    "gold": Field(str, "name of the true label"),
}
SPECIAL = re.compile(r"</?s>|<(pad|unk|mask|cls|sep)>|\[(CLS|SEP|PAD|MASK|UNK)\]|<\|[a-z_]+\|>")
MOST_BYTES = 500_000_000
LARGEST = 3e38  # about what a float32 can hold
Pieces = Literal["byte-bpe", "wordpiece", "sentencepiece"]


def load(path: Path, config: Config, *, title: str | None = None) -> Report:
    """Read a file of scores; nothing is checked yet beyond its form.

    Raises:
        DataError: If the file cannot be read, or its parts do not fit together.
    """
    content = _read(path)
    given = _object(path.name, content)
    scores = _scores(path.name, given)
    text, tokens = _document(path.name, given)
    tokens = replace(tokens, keep_echoes=config.echoes == "keep")
    prediction = _prediction(path.name, given)
    digest = hashlib.sha256(content).hexdigest()
    title = clean(next((name for name in (title, given.get("title")) if name and name.strip()), path.name))
    example = Example(
        name=naming.of_scores(title, digest),
        title=title,
        text=clean(text),
        replaced=len(UNPRINTABLE.findall(text)),
        label=_cleaned(given.get("gold")),
        dataset=_cleaned(given.get("dataset")),
        split=_cleaned(given.get("split")),
        index=given.get("index"),
        file_sha256=digest,
    )
    return Report(
        example=example,
        tokens=tokens,
        prediction=prediction,
        attention=_attention(scores),
        importance=HeadImportance(np.ones(scores.shape[:2], np.float32), "none", ""),
        checks=(),
        warnings=(),
        provenance=_provenance(config, given, example),
        top_k=config.top_k,
        positions=config.positions,
        colour_scale=config.colour_scale,
        language=config.language,
        received=config.received,
    )


def _read(path: Path) -> bytes:
    try:
        return regular_files.read(path, most=MOST_BYTES)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{path}: {reason}", hint="check the path given to --scores") from error


def _object(name: str, content: bytes) -> dict[str, Any]:
    """The object in the file, every field of the right kind."""
    try:
        given = json_text.parse(content)
    except ValueError as error:
        raise DataError(f"{name} cannot be read as JSON: {error}", hint="an object with tokens and scores") from error
    if not isinstance(given, dict):
        raise DataError(f"{name}: expected an object, not a {type(given).__name__}", hint="with tokens and scores")
    for key, value in given.items():
        if key not in FIELDS:
            near = difflib.get_close_matches(key, FIELDS, n=1)
            raise DataError(
                f'{name}: unknown field "{key[:80]}"', hint=f"did you mean {near[0]}?" if near else _known()
            )
        if not isinstance(value, FIELDS[key].kind) or isinstance(value, bool):
            raise DataError(
                f"{name}: {key} has the wrong type, {type(value).__name__}", hint=f"expected: {FIELDS[key].wanted}"
            )
    for key in ("tokens", "scores"):
        if key not in given:
            raise DataError(f"{name}: no {key}", hint=_known())
    if not given["tokens"] or not all(isinstance(token, str) for token in given["tokens"]):
        raise DataError(f"{name}: tokens must be a non-empty list of strings")
    if given.get("pieces") not in (None, *get_args(Pieces)):
        known = ", ".join(get_args(Pieces))
        raise DataError(f'{name}: unknown pieces "{given["pieces"][:80]}"', hint=f"{known}; leave it out for words")
    if given.get("index", 0) < 0:
        raise DataError(f"{name}: index is {given['index']}", hint="rows count from 0")
    return given


def _known() -> str:
    return f"its fields: {', '.join(FIELDS)}"


def _scores(name: str, given: dict[str, Any]) -> Floats:
    """The scores as (layer, head, token)."""
    lists, tokens, wanted = given["scores"], len(given["tokens"]), f"expected: {FIELDS['scores'].wanted}"
    layers = lists if any(isinstance(one, list) for one in lists) else [[lists]]
    if not all(isinstance(layer, list) and layer and all(isinstance(h, list) for h in layer) for layer in layers):
        raise DataError(f"{name}: scores must be a list of numbers, or layers of heads", hint=wanted)
    heads = {len(layer) for layer in layers}
    if len(heads) > 1:
        raise DataError(
            f"{name}: layers have {min(heads)} to {max(heads)} heads", hint="every layer needs the same number"
        )
    for row in (row for layer in layers for row in layer):
        others = [value for value in row if type(value) not in (int, float)]
        if others:
            raise DataError(f"{name}: scores contain {str(others[0])[:40]!r}, which is not a number", hint=wanted)
        if len(row) != tokens:
            raise DataError(f"{name}: {len(row):,} scores for {tokens:,} tokens", hint=wanted)
    scores = np.array([[[_single(value) for value in row] for row in layer] for layer in layers], np.float32)
    wrong = np.argwhere(~(np.isfinite(scores) & (scores >= 0)))
    if len(wrong):
        layer, head, position = wrong[0].tolist()
        raise DataError(
            f"{name}: the score of the token at position {position} (layer {layer + 1}, head {head + 1}) is "
            f"{_shown(layers[layer][head][position])}",
            hint="colour has no sign: give numbers from 0 to 3e38, for example absolute values",
        )
    total = scores.sum(dtype=np.float64)
    if total > LARGEST:
        raise DataError(f"{name}: the scores sum to {total:g}, more than {LARGEST:g}", hint="divide them by their sum")
    return scores


def _shown(value: float) -> str:
    """A number as the file has it; of one with hundreds of digits the beginning."""
    return f"{value:g}" if isinstance(value, float) else str(value)[:40]


def _single(value: float) -> float:
    """A number that a float32 can hold; infinite if it cannot."""
    return float(value) if -LARGEST <= value <= LARGEST or value != value else float("inf") if value > 0 else -1.0


def _document(name: str, given: dict[str, Any]) -> tuple[str, Tokens]:
    """The text, and the tokens with their places in it."""
    strings = [clean(token) for token in given["tokens"]]
    special = _special(name, given, strings)
    if "offsets" in given:
        if "text" not in given:
            raise DataError(f"{name}: offsets without text", hint=f"text: {FIELDS['text'].wanted}")
        text, spans = given["text"], _offsets(name, given["offsets"], given["text"], count=len(strings))
    else:
        text, spans = put_together(strings, special, given.get("pieces"))
        if "text" in given:
            text, spans = given["text"], aligned(name, given["text"], [text[a:b] for a, b in spans], special)
    blank = tuple(not text[a:b].strip() for a, b in spans)
    starts, ends = (tuple(span[n] for span in spans) for n in (0, 1))
    return text, Tokens(tuple(range(len(strings))), tuple(strings), starts, ends, tuple(special), blank, len(strings))


def _special(name: str, given: dict[str, Any], strings: list[str]) -> list[bool]:
    if "special" not in given:
        return [SPECIAL.fullmatch(token) is not None for token in strings]
    positions = given["special"]
    if not all(type(position) is int and 0 <= position < len(strings) for position in positions):
        raise DataError(f"{name}: special must hold positions from 0 to {len(strings) - 1}")
    chosen = set(positions)
    return [position in chosen for position in range(len(strings))]


def _offsets(name: str, given: list[Any], text: str, *, count: int) -> list[tuple[int, int]]:
    spans = [tuple(span) for span in given if isinstance(span, list) and len(span) == 2]
    fits = len(spans) == len(given) == count and all(type(n) is int for span in spans for n in span)
    if not fits or not all(0 <= start <= end <= len(text) for start, end in spans):
        raise DataError(f"{name}: offsets do not fit", hint=f"expected: {count} pairs [start, end) within the text")
    real = [span for span in spans if span[0] < span[1]]
    if any(one[0] > other[0] for one, other in pairwise(real)):
        raise DataError(f"{name}: offsets are not in order", hint="list the tokens in the order of the text")
    return spans


def put_together(
    strings: list[str], special: list[bool], pieces: Pieces | None = None
) -> tuple[str, list[tuple[int, int]]]:
    """A text from tokens alone: pieces of a tokenizer, words with spaces of their own, or words.

    >>> put_together(["<s>", "Two", "\u0120words"], [True, False, False], "byte-bpe")
    ('Two words', [(0, 0), (0, 3), (4, 9)])
    >>> put_together(["\u0120imgħa", "##"], [False, False])
    ('\u0120imgħa ##', [(0, 6), (7, 9)])
    """
    real = [string for string, is_special in zip(strings, special, strict=True) if not is_special]
    if pieces == "byte-bpe":
        return _from_bytes(strings, special)
    if pieces == "sentencepiece":
        parts = [token.replace("\u2581", " ") for token in strings]
    elif pieces == "wordpiece":
        parts = [token[2:] if len(token) > 2 and token.startswith("##") else f" {token}" for token in strings]
    elif any(token != token.strip() for token in real):
        parts = strings
    else:
        parts = [f" {token}" for token in strings]
    text, spans = "", []
    for piece, is_special in zip(parts, special, strict=True):
        if is_special:
            spans.append((len(text), len(text)))
            continue
        piece = piece if text else piece.lstrip(" ")
        spans.append((len(text) + len(piece) - len(piece.lstrip(" ")), len(text) + len(piece)))
        text += piece
    return text, spans


def _from_bytes(strings: list[str], special: list[bool]) -> tuple[str, list[tuple[int, int]]]:
    """The text of byte-level pieces; a part of a character has the whole character."""
    content, ends = b"", []
    for token, is_special in zip(strings, special, strict=True):
        known = not is_special and all(character in BYTES for character in token)
        content += bytes(BYTES[c] for c in token) if known else b"" if is_special else token.encode()
        ends.append(len(content))
    text = content.decode("utf-8", "surrogateescape")  # a byte that fits nowhere is a character of its own
    places = [n for n, character in enumerate(text) for _ in character.encode("utf-8", "surrogateescape")]
    places.append(len(text))
    spans = []
    for start, end, is_special in zip([0, *ends], ends, special, strict=False):
        if is_special or start == end:
            spans.append((places[start], places[start]))
            continue
        inner = start + len(content[start:end]) - len(content[start:end].lstrip(b" "))
        first = places[min(inner, end)] if inner < end else places[end - 1] + 1
        spans.append((first, places[end - 1] + 1))
    return text, spans


def aligned(name: str, text: str, pieces: list[str], special: list[bool]) -> list[tuple[int, int]]:
    """The place of each piece in the text, one after the other."""
    spans, at = [], 0
    for position, (piece, is_special) in enumerate(zip(pieces, special, strict=True)):
        found = at if is_special or not piece.strip() else text.find(piece.strip(), at)
        if found < 0:
            raise DataError(
                f"{name}: token {position}, {piece.strip()[:40]!r}, is not in the text after character {at}",
                hint="give offsets, say what pieces the tokens are, or leave the text out",
            )
        length = 0 if is_special or not piece.strip() else len(piece.strip())
        spans.append((found, found + length))
        at = found + length
    return spans


def _prediction(name: str, given: dict[str, Any]) -> Prediction | None:
    """The prediction in the file, if any."""
    labels, logits, gold = given.get("labels"), given.get("logits"), given.get("gold")
    if labels is None and logits is None:
        return None
    if not isinstance(labels, list) or not isinstance(logits, list):
        raise DataError(f"{name}: one of labels and logits is missing", hint="give both or neither")
    named = labels and all(isinstance(label, str) and label.strip() for label in labels)
    if not named or len(labels) != len(logits):
        raise DataError(f"{name}: labels and logits do not fit", hint="give a name and a number for every label")
    twice = next((label for place, label in enumerate(labels) if label in labels[:place]), None)
    if twice is not None:
        raise DataError(f'{name}: two labels are called "{twice[:80]}"', hint="give every label a name of its own")
    wrong = next((value for value in logits if type(value) not in (int, float) or not abs(value) < LARGEST), None)
    if wrong is not None or None in logits:
        raise DataError(f"{name}: logits contain {str(wrong)[:40]}", hint="give a number below 3e38 for every label")
    powers = np.exp(np.asarray(logits, np.float64) - max(logits))
    return Prediction(
        labels=tuple(map(clean, labels)),
        logits=tuple(map(float, logits)),
        probabilities=tuple((powers / powers.sum()).tolist()),
        predicted=int(np.argmax(logits)),
        gold=labels.index(gold) if gold in labels else None,
        gold_text=_cleaned(gold),
    )


def _cleaned(text: str | None) -> str | None:
    return None if text is None else clean(text)


def _attention(scores: Floats) -> Attention:
    """Scores in place of received attention, without attention between tokens."""
    layers, heads, tokens = scores.shape
    nobody = np.zeros((layers, heads, tokens, 0))
    return Attention(
        received=scores,
        reader=None,
        attended_positions=nobody.astype(np.int32),
        attended_weights=nobody.astype(np.float32),
        attending_positions=nobody.astype(np.int32),
        attending_weights=nobody.astype(np.float32),
        maps=np.zeros((layers, heads, 0, 0), np.float32),
        reader_position=None,
        global_positions=(),
        windows=(),
        row_error=0.0,
        zero_share=0.0,
    )


def _provenance(config: Config, given: dict[str, Any], example: Example) -> Provenance:
    model = clean(public(given.get("model", "not named")))
    return Provenance(
        model=model,
        model_type=GIVEN,
        revision=clean(given.get("revision", "not named")),
        weights_sha256="",
        tokenizer=model,
        tokenizer_revision="not named",
        text_sha256=hashlib.sha256(example.text.encode()).hexdigest(),
        device="elsewhere",
        dtype="float32",
        seed=config.seed,
        command=presets.command(config).replace("reportgen run", "reportgen render --scores SCORES.json", 1),
        created=now().isoformat(timespec="seconds"),
        configuration=replace(config, model=model).plain(),
        versions=versions.installed(),
        stages=(),
    )
