"""Sums over documents: merged in any grouping they are the sums over all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.corpus import sums
from reportgen.corpus.sums import Measured, Merging, Sums

FACTS = {"model": "small"}
scores = st.floats(0, 8, allow_nan=False)
documents = st.lists(st.dictionaries(st.sampled_from("abcdef"), scores, max_size=6), max_size=12)


def document(scores: dict[str, float], name: str = "one", *, role: float | None = None) -> Measured:
    """A document with a score for each of some words, and an example of a role."""
    columns: dict[str, Sequence[Any]] = {
        "word": list(scores),
        "stop": [False] * len(scores),
        "predicted": ["left"] * len(scores),
        "verdict": ["right"] * len(scores),
        "value": list(scores.values()),
    }
    example = {"role": "itself", "document": name, "title": name, "layer": 1, "head": 1, "page": "report.html"}
    return Measured({}, {"words": sums.values("words", columns)}, () if role is None else ({**example, "value": role},))


def numbers(table: pa.Table) -> dict[str, tuple[float, ...]]:
    return {row["word"]: tuple(row[name] for name in sums.NUMBERS) for row in table.to_pylist()}


def test_a_sum_counts_documents_and_adds_values_and_squares() -> None:
    found = sums.total([document({"a": 2.0, "b": 1.0}), document({"a": 3.0})], FACTS)
    assert numbers(found["words"]) == {"a": (2, 5.0, 13.0), "b": (1, 1.0, 1.0)}
    assert found.documents == 2
    assert len(found["heads"]) == 0


@given(documents, st.integers(0, 12), st.integers(0, 12))
def test_merging_sums_of_parts_gives_the_sums_of_all(given_: Sequence[dict[str, float]], one: int, other: int) -> None:
    made = [document(scores) for scores in given_]
    first, second = sorted((one, other))
    parts = [sums.total(part, FACTS) for part in (made[:first], made[first:second], made[second:])]
    left = sums.merge(sums.merge(parts[0], parts[1]), parts[2])
    right = sums.merge(parts[0], sums.merge(parts[1], parts[2]))
    whole = numbers(sums.total(made, FACTS)["words"])
    for found in (left, right):
        assert numbers(found["words"]).keys() == whole.keys()
        for word, three in numbers(found["words"]).items():
            np.testing.assert_allclose(three, whole[word], rtol=1e-12)
        assert found.documents == len(made)


@given(documents)
def test_sums_that_arrive_one_by_one_are_merged_in_their_order(given_: Sequence[dict[str, float]]) -> None:
    def merged() -> Sums | None:
        merging = Merging()
        for scores in given_:
            merging.add(sums.total([document(scores)], FACTS))
        return merging.result()

    found, again = merged(), merged()
    if found is None or again is None:
        assert not given_
        return
    whole = numbers(sums.total([document(scores) for scores in given_], FACTS)["words"])
    for word, three in numbers(found["words"]).items():
        np.testing.assert_allclose(three, whole[word], rtol=1e-12)
    assert found["words"] == again["words"]


def test_sums_come_back_equal_from_their_bytes() -> None:
    made = sums.total([document({"a": 2.0}, role=0.5)], FACTS)
    rows = pa.Table.from_pylist([{"document": "demo-0", "words": ["a"]}], schema=sums.ROW)
    data = sums.dump(made, rows)
    found, again = sums.load(data)
    assert (found.documents, found.facts, again) == (1, FACTS, rows)
    assert all(found[name] == made[name] for name in sums.KEYS)
    assert found.examples == made.examples
    assert sums.dump(found, again) == data
    with pytest.raises(ValueError, match="not all of the sums"):
        sums.load(data[:-1])


def test_of_each_role_the_clearest_examples_are_kept() -> None:
    parts = [sums.total([document({}, f"demo-{n}", role=value)], FACTS) for n, value in enumerate((0.3, 0.9, 0.5, 0.7))]
    merging = Merging()
    for part in parts:
        merging.add(part)
    found: Any = merging.result()
    assert [(row["document"], row["value"]) for row in found.examples.to_pylist()] == [
        ("demo-1", 0.9),
        ("demo-3", 0.7),
        ("demo-2", 0.5),
    ]


def test_sums_of_different_models_are_not_merged() -> None:
    one, other = sums.total([], FACTS), sums.total([], {"model": "large"})
    with pytest.raises(ValueError, match="different models"):
        sums.merge(one, other)


def test_a_value_that_a_document_does_not_have_is_left_out() -> None:
    columns: dict[str, Sequence[Any]] = {
        "measure": ["entropy"] * 2,
        "layer": [1, 1],
        "head": [1, 2],
        "value": [float("nan"), 0.5],
    }
    assert sums.values("heads", columns)["head"].to_pylist() == [2]
