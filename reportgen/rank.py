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
    counts = count_attended(attention.attended_positions, attention.attended_weights)
    content = np.flatnonzero(tokens.content).astype(np.int32)
    return Rankings(
        ranks=ranks,
        top_positions=order[:, :, :top_k],
        by_score=content[descending(scores.total[content])],
        by_reader=None if scores.reader is None else content[descending(scores.reader[content])],
        by_count=content[descending(counts[content])],
        attended_counts=counts,
    )


def descending(values: Floats | Integers) -> npt.NDArray[np.intp]:
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


def whole_words(text: str, tokens: Tokens) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """The words of *text* with the positions of their pieces: letters and digits that stand together are one word.

    A sign is a word of its own; special and blank tokens are in none.
    """
    found: list[tuple[int, int, list[int]]] = []  # start, end, positions
    for position in np.flatnonzero(tokens.content).tolist():
        start, end = tokens.starts[position], tokens.ends[position]
        last = found[-1] if found else None
        if last and (start < last[1] or (start == last[1] and text[start - 1].isalnum() and text[start].isalnum())):
            found[-1] = (last[0], max(last[1], end), [*last[2], position])
        else:
            found.append((start, end, [position]))
    return tuple((text[start:end].strip(), tuple(positions)) for start, end, positions in found)


def count_words(words: tuple[tuple[str, tuple[int, ...]], ...], counts: Integers) -> tuple[WordCount, ...]:
    """Counts of all occurrences of a word added up, most attended first, equal counts in order of appearance.

    Args:
        words: From `whole_words`.
        counts: By token, from `count_attended`.
    """
    occurrences: dict[str, list[int]] = {}
    for word, positions in words:
        occurrences.setdefault(word.casefold(), []).append(int(counts[list(positions)].sum()))
    found = [WordCount(word, len(each), sum(each)) for word, each in occurrences.items()]
    return tuple(sorted(found, key=lambda entry: -entry.attended))


def top_words(words: tuple[tuple[str, tuple[int, ...]], ...], rankings: Rankings, *, count: int) -> tuple[str, ...]:
    """The words of the highest-scoring tokens, signs left out, each once whatever its case."""
    word_of = {position: word for word, positions in words for position in positions}
    found: dict[str, str] = {}
    for word in (word_of[position] for position in rankings.by_score.tolist()):
        if any(character.isalnum() for character in word):
            found.setdefault(word.casefold(), word)
    return tuple(found.values())[:count]
