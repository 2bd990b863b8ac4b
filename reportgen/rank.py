"""Turn scores into rankings. Rank 1 is the largest; equal values rank in the order of their positions.

Order within a head comes from the unscaled weights: a positive importance does not change it, and a head of
importance 0 still has one.
"""

import numpy as np
import numpy.typing as npt

from reportgen.records import Attention, Floats, Integers, Rankings, Scores, Tokens, WordCount


def rank(attention: Attention, scores: Scores, tokens: Tokens, *, top_k: int) -> Rankings:
    """All rankings of one example."""
    ranks, order = rank_tokens(attention.received)
    content = np.flatnonzero(tokens.content)
    by_score = content[descending(scores.total[content])]
    return Rankings(
        ranks=ranks,
        top_positions=order[:, :, :top_k],
        by_score=by_score.astype(np.int32),
        attended_counts=count_attended(attention.attended_positions, attention.attended_weights),
    )


def descending(values: Floats) -> npt.NDArray[np.intp]:
    """Indices along the last axis, largest value first, equal values in their own order."""
    return np.argsort(-values, axis=-1, kind="stable")


def rank_tokens(received: Floats) -> tuple[Integers, Integers]:
    """Rank of every token in every layer and head, and the positions in that order; both (layer, head, token)."""
    order = descending(received)
    ranks = np.empty(order.shape, np.int32)
    np.put_along_axis(ranks, order, np.arange(1, order.shape[-1] + 1, dtype=np.int32)[None, None], axis=-1)
    return ranks, order.astype(np.int32)


def count_attended(positions: Integers, weights: Floats) -> Integers:
    """How often each token is among the k most attended of another token, shape (token,).

    Args:
        positions: (layer, head, query, k).
        weights: (layer, head, query, k); a token attended with weight 0 is not counted.
    """
    tokens = positions.shape[2]
    others = (positions != np.arange(tokens)[:, None]) & (weights > 0)
    return np.bincount(positions[others], minlength=tokens).astype(np.int32)


def count_words(words: tuple[str, ...], tokens: Tokens, counts: Integers) -> tuple[WordCount, ...]:
    """Counts of all occurrences of a word added up, most attended first, equal counts in order of appearance.

    Args:
        words: Text of each token as written in the document.
        tokens: To leave special tokens out.
        counts: By token, from `count_attended`.
    """
    occurrences: dict[str, list[int]] = {}
    for word, special, count in zip(words, tokens.special, counts.tolist(), strict=True):
        if not special and word.strip():
            occurrences.setdefault(word.strip().casefold(), []).append(count)
    found = [WordCount(word, len(all_), sum(all_)) for word, all_ in occurrences.items()]
    return tuple(sorted(found, key=lambda entry: -entry.attended))


def top_words(words: tuple[str, ...], rankings: Rankings, *, count: int) -> tuple[str, ...]:
    """The words of the highest-scoring tokens, punctuation left out, each once whatever its case."""
    found: dict[str, str] = {}
    for position in rankings.by_score.tolist():
        if any(character.isalnum() for character in words[position]):
            found.setdefault(words[position].casefold(), words[position])
    return tuple(found.values())[:count]
