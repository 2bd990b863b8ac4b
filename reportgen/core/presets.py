"""List the presets, print one to copy, and say as JSON Schema what one may hold. Loading one is in `config.py`."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from typing import Any

from reportgen.core.config import CHOICES, DESCRIPTION, PRESETS, RANGES, Config, preset_path

KINDS = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def names() -> tuple[str, ...]:
    """The presets of the package."""
    return tuple(sorted(path.stem for path in PRESETS.glob("*.toml")))


def text(name: str) -> str:
    """A preset as it is written, to copy.

    Raises:
        UsageError: If there is none of that name.
    """
    return preset_path(name).read_text(encoding="utf-8")


def description(name: str) -> str:
    """What a preset is for, in a line."""
    return str(tomllib.loads(text(name)).get(DESCRIPTION, ""))


def schema() -> dict[str, Any]:
    """What a preset may hold, as JSON Schema, for editors: every key, its kind, its choices and its range."""
    properties: dict[str, Any] = {DESCRIPTION: {"type": "string", "description": "For reportgen presets."}}
    for field in fields(Config):
        if field.name != "preset":
            properties[field.name] = _property(field.name, str(field.type))
    return {
        "$schema": DRAFT,
        "title": "Preset of reportgen",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _property(name: str, kind: str) -> dict[str, Any]:
    one = next((KINDS[word] for word in KINDS if word in kind), "string")
    value: dict[str, Any] = {"type": one}
    if name in CHOICES:
        value = {"enum": list(CHOICES[name])}
    elif name in RANGES:
        value |= dict(zip(("minimum", "maximum"), RANGES[name], strict=True))
    return {"type": "array", "items": value} if kind.startswith("tuple") else value
