"""Turn the plain values of a JSON file back into a dataclass whose every field has its type, or refuse them."""

from __future__ import annotations

import functools
from typing import Any, TypeVar

import cattrs

Noun = TypeVar("Noun")


def restored(kind: type[Noun], plain: Any) -> Noun:
    """The value that `asdict` made *plain* of; lists become tuples again.

    Raises:
        ValueError: If a field is missing, not known, or of another type: a number is not read from a text.
    """
    try:
        return _converter().structure(plain, kind)
    except (cattrs.BaseValidationError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not the fields of {kind.__name__}: {error}") from error


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    for kind in (bool, float, int, str):
        converter.register_structure_hook(kind, _same)
    return converter


def _same(value: Any, kind: type) -> Any:
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return float(value)
    raise TypeError(f"{str(value)[:80]!r} is not of the type {kind.__name__}")
