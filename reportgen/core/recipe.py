"""Collect everything that defines a report except its example, and compare it with that of another run.

Reports with the same recipe belong together: a batch has one recipe, and continues only with the same one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from reportgen.core.config import CHOICE, option

OF_ONE = (*CHOICE, "limit", "text", "file", "label")  # fields of a configuration that are about one example
HOW_FETCHED = ("offline",)  # gives the same report
NOTHING = "none"
Recipe = dict[str, Any]  # plain values


def recipe(configuration: Mapping[str, Any], **parts: object) -> Recipe:
    """All that reports depend on, but for their examples.

    Args:
        configuration: `Config.plain()`, with the very commits that are used.
        parts: What else there is, by the name under which a difference is told: plain values, or mappings of them.
    """
    own = {name: value for name, value in configuration.items() if name not in (*OF_ONE, *HOW_FETCHED)}
    made: Recipe = json.loads(json.dumps({"options": own, **parts}))  # as it comes back from a file
    return made


def digest(made: Recipe) -> str:
    """Its hash: equal recipes, equal hashes."""
    return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()


def differences(before: Recipe, now: Recipe) -> list[str]:
    """What differs, each in a few words: "--top-k: 10 before, 5 now".

    >>> differences({"options": {"top_k": 10}, "model": {"revision": "a"}}, {"options": {"top_k": 5}, "model": {}})
    ['--top-k: 10 before, 5 now', 'model revision: a before, none now']
    """
    flat = [_flat(made) for made in (before, now)]
    names = dict.fromkeys(name for part in flat for name in part)
    pairs = [(name, *(part.get(name) for part in flat)) for name in names]
    return [f"{name}: {_said(old)} before, {_said(new)} now" for name, old, new in pairs if old != new]


def _flat(made: Recipe) -> dict[str, Any]:
    """Every value by what a reader calls it."""
    found: dict[str, Any] = {}
    for part, values in made.items():
        if not isinstance(values, dict):
            found[part] = values
            continue
        for name, value in values.items():
            found[option(name) if part == "options" else f"{part} {name.replace('_', ' ')}"] = value
    return found


def _said(value: Any) -> str:
    """A value in an error: hashes by their beginning."""
    if value in (None, "", []):
        return NOTHING
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:20]}..."
