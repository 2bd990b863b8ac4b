"""plain_values: plain values -> a dataclass whose every field has its type."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pytest

from reportgen.core import plain_values


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
    assert plain_values.restored(Thing, json.loads(json.dumps(asdict(THING)))) == THING
    assert plain_values.restored(Thing, {**asdict(THING), "share": None}).share is None
    assert plain_values.restored(Thing, {**asdict(THING), "share": 1}).share == 1.0


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
    with pytest.raises(ValueError, match="not the fields of Thing"):
        plain_values.restored(Thing, {**asdict(THING), **change})


@pytest.mark.parametrize("plain", [None, 1, "x", [], {}, [{"name": "x"}]], ids=str)
def test_what_is_no_object_with_the_fields_is_refused(plain: Any) -> None:
    with pytest.raises(ValueError, match="not the fields of Thing"):
        plain_values.restored(Thing, plain)
