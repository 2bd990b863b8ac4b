"""Presets: TOML files with fields of `Config`. Load one, list them, give their JSON Schema.

Here is also the command line that makes a report again: it names the preset and the settings that differ from it.
"""

from __future__ import annotations

import difflib
import shlex
import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from reportgen.core import field_kinds
from reportgen.core.config import (
    CHOICE,
    CHOICES,
    OF_A_DATASET,
    OF_A_MODEL,
    OF_THIS_COMMAND,
    PACKAGE,
    RANGES,
    Config,
    meant,
    option,
    plain_value,
    problem,
    written,
)
from reportgen.core.errors import UsageError
from reportgen.core.files import regular_files

PRESETS = PACKAGE / "presets"
DESCRIPTION = "description"  # the one key of a preset that is no field
JSON_KINDS = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
DRAFT = "https://json-schema.org/draft/2020-12/schema"
MOST_BYTES = 10_000_000  # of a preset: label names and their explanations fit
STDIN_COPY = "TEXT.txt"  # what the command of a report calls a text that it cannot name
SAVED_MODEL = "MODEL"  # what it calls a model that was loaded in Python, and has to be saved first
LONG_TEXT = 300  # characters: a longer --text is no line to read


def load(name: str) -> Config:
    """Read a preset of the package by its name, or a user's own by its path.

    Raises:
        UsageError: If it does not exist, is not TOML, or has a key that is unknown or of the wrong type.
    """
    path = _path(name)
    try:
        content = tomllib.loads(regular_files.read(path, most=MOST_BYTES).decode("utf-8"))
    except OSError as error:
        raise UsageError(f"preset {path.name}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits, or thousands of brackets
        raise UsageError(f"preset {path.name} is not TOML: {error}") from error
    content.pop(DESCRIPTION, None)  # for `reportgen presets`
    values: dict[str, Any] = {key: _typed(path.name, key, value) for key, value in content.items()}
    try:
        return replace(Config(), preset=name, **values)
    except UsageError as error:
        raise UsageError(f"preset {path.name}: {error.message}", hint=error.hint) from error


def _path(name: str) -> Path:
    """The file of a preset of the package, or of a user's own.

    Raises:
        UsageError: If it does not exist.
    """
    path = PRESETS / f"{name}.toml"
    try:
        if not path.is_file():
            path = Path(name).expanduser()  # as `presets.command` writes it
        there = path.is_file() and path.suffix == ".toml"
    except (OSError, ValueError, RuntimeError):  # a name too long, a NUL in it, the home of an unknown user
        there = False
    if not there:
        known = sorted(preset.stem for preset in PRESETS.glob("*.toml"))
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"known: {', '.join(known)}; or the path of a .toml file"
        raise UsageError(f'no preset "{name[:200]}"', hint=f"did you mean {near[0]}? {hint}" if near else hint)
    return path


def without_overridden(base: Config, given: dict[str, Any]) -> Config:
    """A preset without the settings that do not fit the given values.

    Settings of its dataset do not apply to another dataset, nor those of its model to another model; a row of one split
    is not a row of another.
    """
    gone: set[str] = set()
    if {"text", "file"} & set(given):
        gone |= {"dataset", *OF_A_DATASET, *CHOICE, "limit", "text", "file", "label", "data_name"}
    elif {"dataset", *CHOICE} & set(given):
        gone |= {*CHOICE, "text", "file", "label"}
    if given.get("dataset", base.dataset) != base.dataset:
        gone |= {*OF_A_DATASET, *CHOICE, "data_name"}
    elif given.get("split", base.split) != base.split:
        gone |= set(CHOICE)
    if given.get("model", base.model) != base.model:
        gone |= {*OF_A_MODEL, "model_name"}
    fresh = Config()
    return replace(base, **{name: getattr(fresh, name) for name in gone})


def command(config: Config) -> str:
    """The command line that makes this report again, with the settings that differ from the defaults.

    Text from standard input is gone, and a long text does not fit into an argument: both become a file that the
    reader makes from `report.json`.
    """
    base = load(config.preset) if config.preset else Config()
    set_ = {field.name: value for field in fields(config) if (value := getattr(config, field.name)) not in (None, ())}
    base = without_overridden(base, {n: value for n, value in set_.items() if value != getattr(base, n)})
    words, hides = ["reportgen", "run"], config.no_text or config.redact is not None
    if config.preset:
        words += ["--preset", plain_value("preset", config.preset)]
    for name, value in set_.items():
        if name in ("preset", *OF_THIS_COMMAND) or value == getattr(base, name):
            continue
        if (name == "file" and value == "-") or (name == "text" and (hides or len(value) > LONG_TEXT)):
            words += ["--file", STDIN_COPY]
            continue
        words += [option(name)] if value is True else [option(name), written(plain_value(name, value))]
    return shlex.join(words)


def not_by_default(plain: dict[str, Any]) -> dict[str, Any]:
    """Of the plain values of a configuration those that differ from the default; none that chooses nothing."""
    defaults = {field.name: plain_value(field.name, field.default) for field in fields(Config)}
    return {
        name: value
        for name, value in plain.items()
        if value not in (None, []) and value != defaults.get(name) and name not in OF_THIS_COMMAND
    }


def names() -> tuple[str, ...]:
    """The presets of the package."""
    return tuple(sorted(path.stem for path in PRESETS.glob("*.toml")))


def text(name: str) -> str:
    """The text of a preset, to copy.

    Raises:
        UsageError: If no preset has that name.
    """
    path = _path(name)
    try:
        return regular_files.read(path, most=MOST_BYTES).decode("utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"preset {path.name}: {reason}") from error


def description(name: str) -> str:
    """The purpose of a preset, in a line."""
    return str(tomllib.loads(text(name)).get(DESCRIPTION, ""))


def schema() -> dict[str, Any]:
    """The JSON Schema of presets, for editors: every key, its type, its choices and its range."""
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


def _typed(preset: str, key: str, value: object) -> object:
    kinds = {field.name: str(field.type) for field in fields(Config)}
    if key not in kinds or key == "preset":
        near = difflib.get_close_matches(key, kinds.keys() - {"preset"}, n=1)
        raise UsageError(f'preset {preset}: unknown key "{key}"', hint=f"did you mean {near[0]}?" if near else None)
    kind = kinds[key]
    if kind.startswith("tuple"):
        fits = isinstance(value, list) and all(type(item).__name__ in kind for item in value)
    else:
        fits = type(value).__name__ in kind or (key in CHOICES and isinstance(value, str))
        fits = fits or ("float" in kind and type(value) is int)
    if not fits:
        raise UsageError(
            f"preset {preset}: {key} = {value!r} has the wrong type", hint=f"expected: {field_kinds.named(kind)}"
        )
    wrong = problem(key, _frozen(value))
    if wrong:
        raise UsageError(f"preset {preset}: {key} = {value!r}: {wrong}", hint=meant(key, _frozen(value)))
    return _frozen(value)


def _frozen(value: object) -> object:
    """A value of TOML as `Config` has it."""
    return tuple(value) if isinstance(value, list) else value


def _property(name: str, kind: str) -> dict[str, Any]:
    one = next((JSON_KINDS[word] for word in JSON_KINDS if word in kind), "string")
    value: dict[str, Any] = {"type": one}
    if name in CHOICES:
        value = {"enum": list(CHOICES[name])}
    elif name in RANGES:
        value |= dict(zip(("minimum", "maximum"), RANGES[name], strict=True))
    return {"type": "array", "items": value} if kind.startswith("tuple") else value
