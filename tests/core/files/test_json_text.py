"""json_text: bytes of JSON from anywhere -> plain values, within limits."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.files import json_text

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=20,
)


@given(value=values)
def test_what_json_writes_is_read_back(value: object) -> None:
    assert json_text.parse(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[" * 100_000, "more than 64 lists and objects within one another"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "more than 64 lists and objects within one another"),
        (b"[NaN]", "NaN is not a number of JSON"),
        (b"-Infinity", "-Infinity is not a number of JSON"),
        (b'{"a": 1, "b": {"c": 1, "c": 1}}', '"c" is there twice'),
        (b"\xff", "utf-8"),
        (b'{"a": "', "Unterminated string"),
        (b"1" * 5000, "4300 digits"),
    ],
)
def test_what_no_honest_file_holds_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        json_text.parse(content)


def test_brackets_in_strings_nest_nothing() -> None:
    inside = {"a": "[" * 1000, "b": '\\"' + "{" * 1000, "c": ["]"] * 100}
    assert json_text.parse(json.dumps(inside)) == inside
    assert json_text.parse(b"[" * 64 + b"]" * 64)


def test_depth_is_found_without_recursion_and_in_time() -> None:
    """Brackets after each other, an open string, and many quotes: each is read once."""
    assert json_text.too_deep("[" * 10**6)
    assert not json_text.too_deep("[]" * 10**5)
    assert not json_text.too_deep('"' + "[" * 10**6)
    assert not json_text.too_deep('"\\' + '"[]' * 10**5)
