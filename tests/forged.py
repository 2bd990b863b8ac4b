"""Reports that nobody has made: each violates one thing, made by walking the schema, and its hashes are right.

`reports()` gives them; `write` puts one into a folder with a manifest, as a forger would.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jsonschema import Draft202012Validator
from safetensors.numpy import load, save

from reportgen.core.clock import Stage
from reportgen.report.stored import store
from scripts import schema
from tests import faithful

DEEP, HUGE = "<deep>", "<huge>"  # in the place of what Python's JSON does not write
RAW = {json.dumps(DEEP): "[" * 100_000 + "]" * 100_000, json.dumps(HUGE): "1e999"}
OTHERS: tuple[Any, ...] = (None, "x", 1.5, -1, True, [], {}, [None], {"x": None})
LISTS = ("ids", "strings", "starts", "ends", "special", "blank", "echo")  # of tokens
Place = tuple[str | int, ...]
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Forgery:
    """One violation."""

    name: str  # "tokens.starts: too large"
    files: dict[str, bytes]  # those of `store.dump`, one of them changed
    field: str | None = None  # that an error must name; None where it can only be the whole


@cache
def genuine() -> dict[str, bytes]:
    """The files of a report that has all its parts."""
    return store.dump(faithful.report())


@cache
def definitions() -> Schema:
    """The schemas of all nouns."""
    found: Schema = schema.manifest_schema()["$defs"] | schema.schema()["$defs"]
    return found


@cache
def everything() -> tuple[Forgery, ...]:
    """All forgeries, each under a name of its own."""
    made = (
        *of_json(store.REPORT, "Report"),
        *of_json(store.FAITHFULNESS, "Faithfulness"),
        *of_relations(),
        *of_arrays(),
    )
    return (*made, *of_bytes())


def write(folder: Path, files: dict[str, bytes], **facts: Any) -> Path:
    """A folder with these files, and a manifest with their hashes."""
    report = faithful.report()
    page = {"report.html": b"<!doctype html>", "tables/tokens.csv": b"a,b"}
    store.write(
        folder, {**page, **files}, facts=store.facts(report, [Stage("load", 1.0, None, None)]) | facts, overwrite=True
    )
    return folder


def of_json(file: str, noun: str) -> Iterator[Forgery]:
    """Everything that the schema forbids of one file of a report, a field after the other."""
    prefix = "" if noun == "Report" else noun.lower() + "."
    for one in of_plain(json.loads(genuine()[file]), file, noun, prefix):
        yield Forgery(one.name, genuine() | one.files, one.field)


def manifests(plain: Any) -> Iterator[Forgery]:
    """The same of a manifest."""
    yield from of_plain(plain, store.MANIFEST, "Manifest", "")


def of_plain(plain: Any, file: str, noun: str, prefix: str) -> Iterator[Forgery]:
    """One file with one violation, again and again."""
    for place, what, changed in of_object(plain, noun, ()):
        field = prefix + shown(place)
        content = json.dumps(put(plain, place, changed))
        for name, raw in RAW.items():
            content = content.replace(name, raw)
        # what is nested too deeply, the parser sees before there are fields
        yield Forgery(f"{field}: {what}", {file: content.encode()}, None if what == "deep" else field)


class Missing:
    """In the place of a value that is left out."""


def of_object(plain: Any, noun: str, place: Place) -> Iterator[tuple[Place, str, Any]]:
    """Places, what is wrong there, and the value that is wrong, of an object and what is in it."""
    its = definitions()[noun]
    for name in its["required"]:
        yield (*place, name), "missing", Missing
    yield (*place, "mood"), "unknown", "good"
    for name, kind in its["properties"].items():
        if name in plain:
            yield from of_value(plain[name], kind, (*place, name))


def of_value(value: Any, kind: Schema, place: Place) -> Iterator[tuple[Place, str, Any]]:
    """What one value must not be; of a list, its first and last item."""
    yield place, "deep", DEEP
    wrong = [other for other in OTHERS if not validator(kind).is_valid(other)]
    for other in wrong[:2]:
        yield place, f"{json.dumps(other)}", other
    for part in kind.get("anyOf", [kind]):
        yield from of_limits(part, kind, place)
    found = next((part for part in kind.get("anyOf", [kind]) if part.get("type") != "null"), kind)
    if "$ref" in found and isinstance(value, dict):
        yield from of_object(value, found["$ref"].rpartition("/")[2], place)
    elif isinstance(value, list) and value and "items" in found:
        for number in {0, len(value) - 1}:
            yield from of_value(value[number], found["items"], (*place, number))


def of_limits(part: Schema, kind: Schema, place: Place) -> Iterator[tuple[Place, str, Any]]:
    """Values of the right type, beyond its range."""
    if part.get("type") in ("integer", "number"):
        yield place, "huge", HUGE
        if "minimum" in kind | part:
            yield place, "small", (kind | part)["minimum"] - 1
        if "maximum" in kind | part:
            yield place, "large", (kind | part)["maximum"] + 1
    if "pattern" in part or "enum" in part:
        yield place, "no such", "no such"
    if part.get("type") == "string":
        yield place, "surrogate", "\ud800"


@cache
def _validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator({"$defs": definitions(), **json.loads(kind)})


def validator(kind: Schema) -> Draft202012Validator:
    """What checks a part of the schema."""
    return _validator(json.dumps(kind))


def shown(place: Place) -> str:
    """A place as errors name it."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def put(plain: Any, place: Place, changed: Any) -> Any:
    """A copy with another value at a place, or none."""
    if not place:
        return changed
    copy, (first, *rest) = plain.copy(), place
    if changed is Missing and not rest:
        del copy[first]
    else:
        copy[first] = put(copy[first] if rest else None, tuple(rest), changed)
    return copy


def of_relations() -> Iterator[Forgery]:
    """What each value may be, and all together may not."""
    for number, (field, change) in enumerate(RELATIONS):
        tested = field.startswith("faithfulness.")
        file = store.FAITHFULNESS if tested else store.REPORT
        plain = json.loads(genuine()[file])
        change(plain)
        yield Forgery(f"{field}: relation {number}", genuine() | {file: json.dumps(plain).encode()}, field)


def sets(*path: str | int, to: Any) -> Callable[[Any], None]:
    """What sets one value."""

    def change(plain: Any) -> None:
        for part in path[:-1]:
            plain = plain[part]
        plain[path[-1]] = to(plain[path[-1]]) if callable(to) else to

    return change


def longer(part: list[Any]) -> list[Any]:
    """One entry more."""
    return [*part, part[-1]]


RELATIONS: tuple[tuple[str, Callable[[Any], None]], ...] = (
    *((f"tokens.{name}", sets("tokens", name, to=longer)) for name in LISTS[1:]),
    *((f"tokens.{name}", sets("tokens", name, to=lambda part: part[1:])) for name in ("strings", "starts", "echo")),
    ("tokens.types", sets("tokens", "types", to=[0])),
    ("tokens.ids", lambda plain: plain["tokens"].update({key: [] for key in LISTS})),
    ("tokens.total", sets("tokens", "total", to=1)),
    ("tokens.ends[3]", sets("tokens", "ends", 3, to=10**6)),
    ("tokens.ends[3]", sets("tokens", "ends", 3, to=0)),
    ("tokens.starts[3]", lambda plain: plain["tokens"]["starts"].__setitem__(3, 0)),
    ("tokens.blank[1]", sets("tokens", "blank", 1, to=True)),
    ("prediction", sets("prediction", to=None)),
    ("prediction.labels", lambda plain: plain["prediction"].update(labels=[], logits=[], probabilities=[])),
    ("prediction.logits", sets("prediction", "logits", to=longer)),
    ("prediction.probabilities", sets("prediction", "probabilities", to=[1.0])),
    ("prediction.probabilities", sets("prediction", "probabilities", to=[0.9, 0.9])),
    ("prediction.probabilities", sets("prediction", "probabilities", to=[0.0, 0.0])),
    ("prediction.thresholds", sets("prediction", "thresholds", to=[0.5])),
    ("prediction.predicted", sets("prediction", "predicted", to=2)),
    ("prediction.predicted", sets("prediction", "predicted", to=1)),
    ("prediction.gold", sets("prediction", "gold", to=2)),
    ("prediction.gold_labels", sets("prediction", "gold_labels", to=[0, 2])),
    ("attention.reader", sets("attention", "reader_position", to=None)),
    ("attention.reader_position", sets("attention", "reader_position", to=10**6)),
    ("attention.global_positions", sets("attention", "global_positions", to=[0, 10**6])),
    ("attention.windows", sets("attention", "windows", to=longer)),
    ("attention.layer_kinds", sets("attention", "layer_kinds", to=["attention", "mamba"])),
    ("provenance.text_sha256", sets("provenance", "text_sha256", to="ab" * 32)),
    ("provenance.text_sha256", sets("example", "text", to=lambda text: text[:-1] + "!")),
    ("provenance.versions", sets("provenance", "versions", to={})),
    ("provenance.created", sets("provenance", "created", to="yesterday")),
    ("positions", sets("positions", to=[10**6])),
    ("positions", sets("positions", to=[0, 1, 2, 3, 4, 5, 6])),
    ("received", sets("received", to="per-query")),
    *(
        ("provenance.configuration", sets("provenance", "configuration", to={name: value}))
        for name, value in (
            ("top_k", 0), ("top_k", "x"), ("format", "html"), ("format", ["exe"]), ("dtype", "float8"), ("model", ""),
            ("model", None), ("model", "a\0b"), ("seed", 2**70), ("positions", [-1]), ("labels", ["a", "a"]),
            ("max_html_mb", -1), ("offline", "no"), ("language", "../.."), ("span", "9:1"), ("figure_width", ["1m"]),
        )
    ),
    ("attributions[0].label", sets("attributions", 0, "label", to=9)),
    ("attributions[0].scores", sets("attributions", 0, "scores", to=[0.5])),
    ("attention.received", sets("attention", "received", to=[])),
    ("faithfulness", sets("faithfulness", to={})),
    ("faithfulness.target", sets("target", to=2)),
    ("faithfulness.units[0]", sets("units", 0, "end", to=10**6)),
    ("faithfulness.units[0].positions", sets("units", 0, "positions", to=[10**6])),
    ("faithfulness.orders[0].units", sets("orders", 0, "units", to=[0, 0])),
    ("faithfulness.counts", sets("counts", to=longer)),
    ("faithfulness.trials[0]", sets("trials", 0, "curves", 0, "margins", to=longer)),
    ("faithfulness.trials[0].random", sets("trials", 0, "random", to=[])),
    ("faithfulness.sentences[0]", sets("sentences", 0, "end", to=10**6)),
    ("faithfulness.shifts[0].stayed", sets("shifts", 0, "stayed", to=[10**6])),
    ("faithfulness.heads.heads", sets("heads", "heads", to=[[9, 0]])),
)  # fmt: skip


def of_arrays() -> Iterator[Forgery]:
    """Everything that no array may be."""
    arrays = load(genuine()[store.ARRAYS])
    parts = store.ARRAY_FIELDS | {"attribution_0": ("attributions[0]", "scores")}
    for name, array in arrays.items():
        for what, other in of_array(name, array):
            other_shape = name == "received" and what in ("longer", "empty")  # then all others are wrong
            field = ".".join(parts[name]) if name in parts and not other_shape else None
            changed = {**arrays, name: other}
            if other is None:
                del changed[name]
            yield Forgery(f"{name}: {what}", genuine() | {store.ARRAYS: save(changed)}, field)
    yield Forgery("arrays: unknown", genuine() | {store.ARRAYS: save({**arrays, "mood": arrays["received"]})}, "mood")


def of_array(name: str, array: Any) -> Iterator[tuple[str, Any]]:
    """What one array may not be."""
    if name in ("received", "attended_positions", "attended_weights", "maps", "head_importance"):
        yield "missing", None
    yield "wide", array.astype(np.float64 if array.dtype == np.float32 else np.int64)
    yield "other type", array.astype(np.int32 if array.dtype == np.float32 else np.float32)
    yield "an axis less", np.ascontiguousarray(array[0])
    yield "an axis more", array[None]
    yield "longer", np.ascontiguousarray(np.concatenate([array, array[:1]]))
    yield "empty", array[:0]
    numbers = (np.nan, np.inf, -np.inf, -1, 3e38) if array.dtype == np.float32 else (-1, 2**31 - 1)
    signed = name.startswith("attribution") or name == "head_importance"
    for value in numbers:
        if not (signed and np.isfinite(value)):
            yield f"{value}", with_value(array, value)


def with_value(array: Any, value: float) -> Any:
    """A copy with one number that is another."""
    changed = array.copy()
    changed.flat[changed.size // 2] = value
    return changed


def of_bytes() -> Iterator[Forgery]:
    """Files that are no such files."""
    for name, content in genuine().items():
        damaged = {
            "empty": b"",
            "cut": content[: len(content) // 2],
            "no such bytes": b"\xff\xfe" + content,
            "a number": b"1",
            "a list": b"[]",
            "null": b"null",
            "a promise of more": (2**40).to_bytes(8, "little") + content,
        }
        if name != store.ARRAYS:
            text = content.decode()
            damaged["twice"] = text.replace("{", '{"depth": 1, "depth": 2, "top_k": 1, "top_k": 2, ', 1).encode()
        for what, other in damaged.items():
            yield Forgery(f"{name}: {what}", genuine() | {name: other})
