"""plain_values: dataclasses -> plain values and back, or the name of the field that is wrong."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pytest

from reportgen.core.nouns.arrays import Floats
from reportgen.core.nouns.plain_values import FieldError, plain, restored
from reportgen.core.nouns.values import Between, Count, Matches, Share, axes


@dataclass(frozen=True, slots=True)
class Part:
    share: Share
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True, slots=True)
class Whole:
    name: Annotated[str, Matches("[a-z]+")]
    parts: tuple[Part, ...]
    counts: tuple[Count, ...] = ()
    pair: tuple[int, str] | None = None
    label: str | int | None = None
    part: Part | str = "none"
    facts: dict[str, int] | None = None
    anything: Any = None
    seed: Annotated[int, Between(-1, 5)] = 0


def test_a_noun_comes_back_equal() -> None:
    whole = Whole("x", (Part(0.5), Part(1, "b")), (1, 2), (3, "d"), 4, Part(0.0), {"e": 5}, [None, {"f": 1.5}], -1)
    assert restored(Whole, plain(whole)) == whole
    assert restored(Whole, {"name": "x", "parts": []}) == Whole("x", ())


def test_whole_numbers_become_decimals_where_decimals_are_meant() -> None:
    share = restored(Part, {"share": 1}).share
    assert type(share) is float


@pytest.mark.parametrize(
    ("changes", "field", "problem"),
    [
        ({"name": "X"}, "name", "must match"),
        ({"name": 1}, "name", "must be a string, not 1"),
        ({"name": "\ud800"}, "name", "half of a surrogate pair"),
        ({"parts": {}}, "parts", "must be a list, not an object of 0"),
        ({"parts": ""}, "parts", "must be a list, not ''"),
        ({"parts": [{"share": 0.1}, {"share": 1.1}]}, "parts[1].share", "must be a number from 0 to 1, not 1.1"),
        ({"parts": [{"share": True}]}, "parts[0].share", "must be a number, not True"),
        ({"parts": [{"share": 10**400}]}, "parts[0].share", "must be a finite number"),
        ({"parts": [{}]}, "parts[0].share", "is missing"),
        ({"parts": [{"share": 0, "kind": "c"}]}, "parts[0].kind", "must be one of a, b, not 'c'"),
        ({"parts": [{"share": 0, "kind": []}]}, "parts[0].kind", "must be one of a, b"),
        ({"counts": [0, 3, -1]}, "counts[2]", "must be a number from 0, not -1"),
        ({"counts": [0, "3"]}, "counts[1]", "must be a whole number, not '3'"),
        ({"counts": [0, 2**63]}, "counts[1]", "not 9223372036854775808"),
        ({"pair": [1]}, "pair", "must have 2 items, not 1"),
        ({"pair": [1, 2]}, "pair[1]", "must be a string"),
        ({"label": True}, "label", "must be a string or a whole number or null, not True"),
        ({"label": 1.0}, "label", "must be"),
        ({"part": 1}, "part", "must be an object or a string"),
        ({"part": {"share": -1}}, "part.share", "must be a number from 0 to 1"),
        ({"facts": {"a": None}}, "facts.a", "must be a whole number, not None"),
        ({"facts": []}, "facts", "must be an object"),
        ({"anything": {"a": float("inf")}}, "anything", "cannot be written"),
        ({"seed": 6}, "seed", "must be a number from -1 to 5"),
        ({"mood": 1}, "mood", "is unknown"),
    ],
)
def test_the_field_that_is_wrong_is_named(changes: dict[str, Any], field: str, problem: str) -> None:
    with pytest.raises(FieldError) as raised:
        restored(Whole, {"name": "x", "parts": []} | changes)
    assert str(raised.value).startswith(f"{field} ")
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (None, "is missing"),
        ([[0.5]], "must be an array of float32, not a list of 1"),
        (np.zeros((1, 1)), "must be an array of float32, not float64"),
        (np.zeros(1, np.float32), "must have the axes row, column, not the shape"),
        (np.array([[0, np.nan]], np.float32), "must hold finite numbers from 0 to 1, not nan"),
        (np.array([[0, np.inf]], np.float32), "not inf"),
        (np.array([[-0.5, 1]], np.float32), "not -0.5"),
    ],
)
def test_an_array_has_its_type_its_axes_and_finite_numbers(array: Any, problem: str) -> None:
    kind: Any = Annotated[Floats, axes("row", "column", least=0, most=1)]
    good = np.array([[0, 1], [0.5, 0.25]], np.float32)
    assert restored(kind, good) is good
    assert restored(kind, good[:0]).shape == (0, 2)
    with pytest.raises(FieldError) as raised:
        restored(kind, array, "a.b")
    assert str(raised.value).startswith("a.b ")
    assert problem in str(raised.value)


@dataclass(frozen=True, slots=True)
class Thing:
    """What is kept in a file."""

    name: str
    count: int
    share: float | None
    kind: Literal["a", "b"]
    words: tuple[str, ...]
    sizes: dict[str, int]
    pairs: tuple[tuple[str, bool], ...] = ()


THING = Thing("x", 1, 0.5, "b", ("v", "w"), {"f": 3}, (("l", True),))


def test_what_was_written_comes_back_equal() -> None:
    assert restored(Thing, json.loads(json.dumps(asdict(THING)))) == THING
    assert restored(Thing, {**asdict(THING), "share": None}).share is None
    assert restored(Thing, {**asdict(THING), "share": 1}).share == 1.0


@pytest.mark.parametrize(
    "change",
    [
        *({"name": 1}, {"name": None}, {"count": "1"}, {"count": 1.0}, {"count": True}, {"share": "0.5"}),
        *({"kind": "c"}, {"words": [1]}, {"words": 1}, {"sizes": {"f": "3"}}, {"sizes": ["f"]}, {"pairs": [["l"]]}),
        {"more": 1},
    ],
    ids=str,
)
def test_a_field_of_another_type_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(FieldError):
        restored(Thing, {**asdict(THING), **change})


@pytest.mark.parametrize("plain", [None, 1, "x", [], {}, [{"name": "x"}]], ids=str)
def test_what_is_no_object_with_the_fields_is_refused(plain: Any) -> None:
    with pytest.raises(FieldError):
        restored(Thing, plain)
