"""Turn dataclasses into plain values, and plain values from a file back into them, or name the field that is wrong.

The annotations say what a field may hold, `values` what Python's types cannot say. A field that is missing has its
default, if it has one: earlier versions did not write it. Nothing is converted, except whole numbers to decimals.
Arrays pass through.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np

from reportgen.core.nouns.values import Axes, Between, Matches, hints

Noun = TypeVar("Noun")
NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false", NoneType: "null"}


class FieldError(ValueError):
    """A field of a stored report is wrong.

    Args:
        field: Its place: "tokens.starts[3]"; "" for the whole.
        problem: What is wrong with it, with the value.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}" if field else problem)


def plain(value: Any) -> Any:
    """Nouns as dictionaries and tuples as lists, all the way down."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def restored(kind: type[Noun], given: Any, field: str = "") -> Noun:
    """A dataclass, or a value of one of the types that its fields have, from a plain value.

    Raises:
        FieldError: Naming the field that is wrong, below *field*.
    """
    made: Noun = _value(kind, given, field)
    return made


def _value(kind: Any, given: Any, field: str) -> Any:
    origin = get_origin(kind)
    if origin is Annotated:
        kind, *marks = get_args(kind)
        made = _value(kind, given, field)
        for mark in marks:
            _check(mark, made, field)
        return made
    if is_dataclass(kind):
        return _noun(kind, given, field)
    if origin is tuple:
        return _tuple(get_args(kind), given, field)
    if origin in (Union, UnionType):
        return _one_of(get_args(kind), given, field)
    if origin is Literal:
        return _literal(get_args(kind), given, field)
    if origin is dict:
        return _mapping(get_args(kind)[1], given, field)
    if origin is np.ndarray:
        return _array(np.dtype(get_args(get_args(kind)[1])[0]), given, field)
    return _anything(given, field) if kind is Any else _simple(kind, given, field)


def _noun(kind: Any, given: Any, field: str) -> Any:
    if not isinstance(given, dict):
        raise FieldError(field, f"must be an object, not {_shown(given)}")
    known, values = hints(kind), {}
    for name in given:
        if name not in known:
            raise FieldError(_below(field, name), "is unknown")
    for one in fields(kind):
        if one.name in given:
            values[one.name] = _value(known[one.name], given[one.name], _below(field, one.name))
        elif one.default is MISSING and one.default_factory is MISSING:
            raise FieldError(_below(field, one.name), "is missing")
    return kind(**values)


def _tuple(kinds: tuple[Any, ...], given: Any, field: str) -> tuple[Any, ...]:
    if not isinstance(given, list | tuple):
        raise FieldError(field, f"must be a list, not {_shown(given)}")
    if kinds[-1] is ...:
        return _many(kinds[0], given, field)
    if len(given) != len(kinds):
        raise FieldError(field, f"must have {len(kinds)} items, not {len(given)}")
    return tuple(_value(kind, item, f"{field}[{n}]") for n, (kind, item) in enumerate(zip(kinds, given, strict=True)))


def _many(kind: Any, given: Sequence[Any], field: str) -> tuple[Any, ...]:
    """Items of one kind. Of numbers of one type the smallest and the largest speak for all: lists are long."""
    base = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if base in (int, float, bool) and set(map(type, given)) == {base}:
        for extreme in (min(given), max(given)):
            _value(kind, extreme, f"{field}[{given.index(extreme)}]")
        return tuple(given)
    return tuple(_value(kind, item, f"{field}[{n}]") for n, item in enumerate(given))


def _one_of(kinds: tuple[Any, ...], given: Any, field: str) -> Any:
    """A value of one of several types; of which, its own type says."""
    if given is None and NoneType in kinds:
        return None
    others = [kind for kind in kinds if kind is not NoneType]
    fitting = [kind for kind in others if type(given) is kind or (is_dataclass(kind) and isinstance(given, dict))]
    if len(others) > 1 and not fitting:
        names = " or ".join(NAMES.get(kind, "an object") for kind in kinds)
        raise FieldError(field, f"must be {names}, not {_shown(given)}")
    return _value(fitting[0] if fitting else others[0], given, field)


def _literal(known: tuple[Any, ...], given: Any, field: str) -> Any:
    if not isinstance(given, str) or given not in known:
        raise FieldError(field, f"must be one of {', '.join(known)}, not {_shown(given)}")
    return given


def _mapping(kind: Any, given: Any, field: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise FieldError(field, f"must be an object, not {_shown(given)}")
    return {_simple(str, name, field): _value(kind, item, _below(field, name)) for name, item in given.items()}


def _array(dtype: np.dtype[Any], given: Any, field: str) -> Any:
    if given is None:
        raise FieldError(field, "is missing")
    if not isinstance(given, np.ndarray) or given.dtype != dtype:
        raise FieldError(field, f"must be an array of {dtype}, not {getattr(given, 'dtype', _shown(given))}")
    return given


def _anything(given: Any, field: str) -> Any:
    """A plain value of any kind that can be written again."""
    try:
        json.dumps(given, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise FieldError(field, f"cannot be written: {error}") from error
    return given


def _simple(kind: Any, given: Any, field: str) -> Any:
    if kind is float and type(given) is int:
        given = float(given) if abs(given) < 2**1000 else math.inf
    if type(given) is not kind:
        raise FieldError(field, f"must be {NAMES[kind]}, not {_shown(given)}")
    if kind is float and not math.isfinite(given):
        raise FieldError(field, f"must be a finite number, not {given}")
    if kind is str:
        _check_characters(given, field)
    return given


def _check_characters(given: str, field: str) -> None:
    try:
        given.encode()
    except UnicodeEncodeError as error:
        raise FieldError(field, f"holds half of a surrogate pair at character {error.start}") from error


def _check(mark: Any, made: Any, field: str) -> None:
    """Check a value against what an annotation says beyond its type."""
    if isinstance(mark, Between) and not mark.least <= made <= mark.most:
        raise FieldError(field, f"must be a number{_range(mark.least, mark.most)}, not {_shown(made)}")
    if isinstance(mark, Matches) and not re.fullmatch(mark.pattern, made):
        raise FieldError(field, f"must match {mark.pattern}, not {_shown(made)}")
    if isinstance(mark, Axes):
        _check_axes(mark, made, field)


def _check_axes(axes: Axes, array: Any, field: str) -> None:
    if array.ndim != len(axes.names):
        raise FieldError(field, f"must have the axes {', '.join(axes.names)}, not the shape {array.shape}")
    if not array.size:
        return
    lowest, highest = array.min(), array.max()  # NaN if one is NaN
    if not axes.least <= lowest <= highest <= axes.most or not np.isfinite((lowest, highest)).all():
        wrong = lowest if not axes.least <= lowest < math.inf else highest
        raise FieldError(field, f"must hold finite numbers{_range(axes.least, axes.most)}, not {wrong}")


def _below(field: str, name: str) -> str:
    return f"{field}.{name[:80]}" if field else name[:80]


def _range(least: float, most: float) -> str:
    """A range in words, in front of which a verb stands."""
    above = f" from {least:g}" if least > -math.inf else ""
    return f"{above} to {most:g}" if most < 2**53 else above


def _shown(given: Any) -> str:
    """A value as an error names it; of a long one its kind."""
    if isinstance(given, list | dict):
        return f"{'a list' if isinstance(given, list) else 'an object'} of {len(given)}"
    shown = repr(given) if type(given) is not int or abs(given) < 10**40 else "a number of many digits"
    return shown if len(shown) <= 60 else f"{shown[:60]}..."
