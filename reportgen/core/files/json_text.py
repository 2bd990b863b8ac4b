"""Turn the bytes of a JSON file from anywhere into plain values, within limits that no honest file meets."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

MOST_DEPTH = 64  # lists and objects within one another
TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)  # what opens, what closes, strings whole


def parse(content: bytes | str) -> Any:
    """The value of a JSON text in UTF-8, with or without a byte order mark.

    Raises:
        ValueError: If it is none, is nested too deeply, has NaN or an infinity, or a name twice in one object.
    """
    text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
    check_depth(text)
    return json.loads(text, parse_constant=_refuse, object_pairs_hook=_object)


def check_depth(text: str) -> None:
    """Refuse a JSON text that is nested too deeply, before it is parsed.

    Raises:
        ValueError: If it is.
    """
    if too_deep(text):
        raise ValueError(f"more than {MOST_DEPTH} lists and objects within one another")


def too_deep(text: str) -> bool:
    """Whether more than `MOST_DEPTH` lists and objects of a JSON text are open at once, found without recursion."""
    if text.count("[") + text.count("{") <= MOST_DEPTH:  # also counts those within strings
        return False
    depth = 0
    for match in TOKEN.finditer(text):
        sign = match[0]
        depth += (sign in "[{") - (sign in "]}")
        if depth > MOST_DEPTH:
            return True
    return False


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number of JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, if no name is there twice."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for place, name in enumerate(names) if names.index(name) < place)
        raise ValueError(f'"{twice[:80]}" is there twice')
    return made
