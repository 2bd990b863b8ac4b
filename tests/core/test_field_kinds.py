"""What Python code gives for a field becomes a value of its kind, or is refused with the kind."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen import Config
from reportgen.core import field_kinds
from reportgen.core.errors import UsageError


@pytest.mark.parametrize(
    ("kind", "value", "settled"),
    [
        ("int", np.int64(5), 5),
        ("int | None", np.float32(8), 8),
        ("float | None", 1, 1.0),
        ("float", np.float32(0.5), 0.5),
        ("bool", np.True_, True),
        ("str | None", Path("a/b"), "a/b"),
        ("tuple[int, ...]", np.array([1, 2]), (1, 2)),
        ("tuple[str, ...]", (Path("a"), "b"), ("a", "b")),
        ("Long", "window", "window"),
        ("int", None, 7),
    ],
)
def test_a_value_gets_the_kind_of_its_field(kind: str, value: Any, settled: Any) -> None:
    found = field_kinds.settled(kind, value, 7)
    assert (found, type(found)) == (settled, type(settled))


@given(st.integers() | st.floats(allow_nan=False) | st.text() | st.booleans() | st.lists(st.integers()))
def test_what_is_settled_stays_as_it_is(value: Any) -> None:
    for kind in ("int", "float", "bool", "str", "tuple[int, ...]"):
        with contextlib.suppress(TypeError):
            once = field_kinds.settled(kind, value, None)
            assert (
                field_kinds.settled(kind, once, None) == once == (tuple(value) if kind.startswith("tuple") else value)
            )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"top_k": "5"}, "--top-k 5: must be an integer"),
        ({"top_k": True}, "--top-k True: must be an integer"),
        ({"top_k": 2.5}, "--top-k 2.5: must be an integer"),
        ({"positions": 3}, "--positions 3: must be a list; each is an integer"),
        ({"positions": [1.5]}, "--positions 1.5: must be a list; each is an integer"),
        ({"labels": {"a": 1}}, "must be a list; each is a string"),
        ({"labels": {"a", "b"}}, "must be a list; each is a string"),
        ({"no_text": "yes"}, "--no-text yes: must be true or false"),
        ({"long": 3}, "--long 3: must be a string"),
        ({"max_html_mb": "8"}, "--max-html-mb 8: must be a number"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_the_kind(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=f"^{said}|{said}$"):
        Config(**given)


def test_none_is_the_default_and_a_path_is_its_text() -> None:
    config = Config(faithfulness=None, importance=None, top_k=None, model=Path("a") / "b")  # type: ignore[arg-type]
    assert (config.faithfulness, config.importance, config.top_k, config.model) == ("none", "none", 10, "a/b")
