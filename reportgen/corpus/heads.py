"""Turn the stored attention of one document into what each of its heads does: shares, entropy, a role, its words.

All of it comes from arrays of the report. Attention received is complete: shares on special tokens, punctuation or a
word are exact. Which token a token attends to is stored for the k most attended alone: shares on the token itself, its
neighbours and what is near are what these lists hold, and true shares are at least as large.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reportgen.core.nouns.records import Attention, Report

Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NEAR = 8  # tokens to either side of a token that are near it
FIRST = 4  # tokens at the beginning of a document that are its first
WORDS = 5  # word types that a head attends to most, whose share says whether it attends to particular words
KEPT = 3  # of them that are kept by name
CLEAR = 0.2  # share above that of an even head from which a role is seen
ROLES = ("previous token", "next token", "itself", "special tokens", "punctuation", "particular words", "near tokens")
BROAD = "broad"  # none of them
BY_ROLE = {  # the measure that shows a role
    "previous token": "previous",
    "next token": "next",
    "itself": "self",
    "special tokens": "special",
    "punctuation": "punctuation",
    "particular words": "words",
    "near tokens": "near",
}
MEASURES = {  # of a head, each with what it is
    "importance": "head importance",
    "entropy": "entropy of the attention received, 1 is even",
    "self": "share of a token's attention on itself",
    "previous": "share on the token before",
    "next": "share on the token after",
    "near": f"share on tokens at most {NEAR} away, itself among them",
    "global": "share on tokens with global attention",
    "special": "share on special tokens",
    "first": f"share on the first {FIRST} tokens of the document",
    "punctuation": "share on punctuation",
    "stop words": "share on stop words",
    "words": f"share on the {WORDS} words that receive most, stop words left out",
    "sink": "share that a learned sink takes",
}


@dataclass(frozen=True, slots=True)
class HeadWords:
    """The words that each head attends to most."""

    share: Doubles  # (layer, head), of the attention that falls on the first `WORDS` of them
    even: Doubles  # (layer, head), the same of an even head
    first: npt.NDArray[np.int64]  # (layer, head, kept), indices of word types
    shares: Doubles  # (layer, head, kept), the share of each


def measures(report: Report, classes: Mapping[str, Flags], words: HeadWords | None) -> dict[str, Doubles]:
    """Each measure of each head, (layer, head); those that the report cannot say are left out.

    Args:
        report: Of one document.
        classes: Whether a token is of a class, (token,), by the names of `MEASURES`.
        words: From `words_of_heads`; None where the words are not known.
    """
    attention = report.attention
    received = attention.received.astype(np.float64)
    whole = np.maximum(received.sum(axis=-1), np.finfo(np.float64).tiny)
    found = {name: received @ flags.astype(np.float64) / whole for name, flags in classes.items()}
    found["entropy"] = _entropy(received / whole[:, :, None])
    if report.importance.measure != "none":
        found["importance"] = report.importance.values.astype(np.float64)
    if attention.global_positions:
        found["global"] = received[:, :, list(attention.global_positions)].sum(axis=-1) / whole
    if attention.sink is not None:
        found["sink"] = attention.sink.astype(np.float64)
    if words is not None:
        found["words"] = words.share
    return found | _from_lists(attention)


def _entropy(shares: Doubles) -> Doubles:
    """Entropy along the last axis, as a share of the largest possible."""
    tokens = shares.shape[-1]
    if tokens < 2:
        return np.full(shares.shape[:-1], np.nan)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    found: Doubles = -(shares * logs).sum(axis=-1) / np.log(tokens)
    return found


def _from_lists(attention: Attention) -> dict[str, Doubles]:
    """The share of a token's attention on itself and around it, as far as its list of most attended tokens says."""
    layers, heads, tokens = attention.shape
    if attention.top_k == 0:
        return {}
    found = {name: np.zeros((layers, heads)) for name in ("self", "previous", "next", "near")}
    own = np.arange(tokens, dtype=np.int32)[:, None]
    for layer in range(layers):  # one at a time stays small
        away = attention.attended_positions[layer] - own
        weights = attention.attended_weights[layer].astype(np.float64)
        chosen = {"self": away == 0, "previous": away == -1, "next": away == 1, "near": np.abs(away) <= NEAR}
        for name, where in chosen.items():
            found[name][layer] = np.where(where, weights, 0.0).sum(axis=(1, 2)) / tokens
    return found


def words_of_heads(attention: Attention, types: npt.NDArray[np.int64], count: int) -> HeadWords | None:
    """The word types that each head attends to most.

    Args:
        attention: Of one document.
        types: (token,), the word type of each token; -1 for tokens of no word, and stop words.
        count: How many types there are.
    """
    tokens = np.flatnonzero(types >= 0)
    if count == 0 or not tokens.size:
        return None
    order = tokens[np.argsort(types[tokens], kind="stable")]
    starts = np.flatnonzero(np.diff(types[order], prepend=-1))
    received = attention.received.astype(np.float64)
    by_type = np.add.reduceat(received[:, :, order], starts, axis=-1)  # (layer, head, type)
    by_type /= np.maximum(received.sum(axis=-1), np.finfo(np.float64).tiny)[:, :, None]
    best = np.argsort(-by_type, axis=-1, kind="stable")[:, :, :WORDS]
    shares = np.take_along_axis(by_type, best, axis=-1)
    sizes = np.bincount(types[tokens], minlength=count) / attention.shape[2]
    return HeadWords(shares.sum(axis=-1), sizes[best].sum(axis=-1), best[:, :, :KEPT], shares[:, :, :KEPT])


def excess(found: Mapping[str, Doubles], classes: Mapping[str, Flags], words: HeadWords | None) -> Doubles:
    """How far each head goes beyond an even one towards each role, (role, layer, head); -1 where it is not known."""
    tokens = len(next(iter(classes.values())))
    even: dict[str, float | Doubles] = {"previous": 1 / tokens, "next": 1 / tokens, "self": 1 / tokens}
    even |= {name: float(flags.mean()) for name, flags in classes.items()}
    even |= {"near": min(1.0, (2 * NEAR + 1) / tokens), "words": words.even if words else 1.0}
    shape = found["entropy"].shape
    return np.stack(
        [
            found[measure] - even[measure] if measure in found else np.full(shape, -1.0)
            for measure in (BY_ROLE[role] for role in ROLES)
        ]
    )


def roles(beyond: Doubles) -> npt.NDArray[np.int64]:
    """The role of each head as an index of `ROLES`, (layer, head); `len(ROLES)` where none is clear.

    "near tokens" is the role of a head that attends around a token and to none of its neighbours alone, so the others
    come first.
    """
    single = beyond[:-1]
    best = single.argmax(axis=0)
    clear = single.max(axis=0) >= CLEAR
    near = beyond[-1] >= CLEAR
    return np.where(clear, best, np.where(near, len(ROLES) - 1, len(ROLES)))
