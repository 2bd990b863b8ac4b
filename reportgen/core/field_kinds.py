"""Turn what Python code gives for a field of `Config` into a value of its kind, or say what it must be.

NumPy's numbers become Python's, a path becomes a text, None stands for the default. The command line and presets give
values of the right kind by themselves.
"""

from __future__ import annotations

import numbers
import os
from collections.abc import Iterable, Mapping
from typing import Any

KINDS = {"str": "a string", "int": "an integer", "float": "a number", "bool": "true or false"}


def settled(kind: str, value: Any, default: Any) -> Any:
    """The value of a field.

    >>> settled("int | None", 3.0, None), settled("tuple[int, ...]", range(2), ()), settled("bool", None, False)
    (3, (0, 1), False)

    Args:
        kind: The field's annotation.
        value: From Python code.
        default: Of the field.

    Raises:
        TypeError: If the value is of another kind; it says which kind it must have.
    """
    if value is None:
        return default
    if kind.startswith("tuple"):
        # a set has another order in every process: of labels, the names would stand for other outputs
        several = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | set | frozenset)
        if not several:
            raise TypeError(f"must be {named(kind)}")
        return tuple(_one(kind, item) for item in value)
    return _one(kind, value)


def named(kind: str) -> str:
    """The kind of a field in words.

    >>> named("tuple[int, ...]"), named("float | None"), named("Long")
    ('a list; each is an integer', 'a number', 'a string')
    """
    one = next((words for name, words in KINDS.items() if name in kind), KINDS["str"])
    return f"a list; each is {one}" if kind.startswith("tuple") else one


def _one(kind: str, value: Any) -> Any:
    """A value that is not a list. A number that is whole counts as an integer, true and false are no numbers."""
    number = isinstance(value, numbers.Real) and not _is_bool(value)
    if "bool" in kind and _is_bool(value):
        return bool(value)
    if "float" in kind and number:
        return float(value)
    if "int" in kind and number and (isinstance(value, numbers.Integral) or float(value).is_integer()):
        return int(value)
    if not any(name in kind for name in ("bool", "float", "int")):
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if isinstance(value, str):
            return value
    raise TypeError(f"must be {named(kind)}")


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")  # NumPy's
