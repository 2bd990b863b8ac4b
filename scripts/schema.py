"""Write docs/report.schema.json and docs/manifest.schema.json from the nouns of a report: `python scripts/schema.py`.

JSON Schema 2020-12. What no schema can say, like one length for all lists of tokens, is checked by
`reportgen.report.stored.relations`. A test checks that the files are current.
"""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np

from reportgen.core.config import CHOICES, RANGES, Config
from reportgen.core.nouns.faithfulness import Attribution, Faithfulness
from reportgen.core.nouns.records import Report
from reportgen.core.nouns.values import Between, Matches, hints
from reportgen.report.stored import relations, restore, store

DOCS = Path(__file__).resolve().parent.parent / "docs"
COMMENT = re.compile(r"^    (\w+): .+?  # (.+)$", re.MULTILINE)  # of a field of a dataclass
SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}
Schema = dict[str, Any]


def schema() -> Schema:
    """The schema of report.json; its definitions include faithfulness.json and the header of attention.safetensors."""
    nouns: Schema = {}
    root = of(Report, nouns)
    tested = of(Faithfulness, nouns)
    return whole(store.REPORT, root, {store.ARRAYS: header(), store.FAITHFULNESS: tested, **nouns})


def manifest_schema() -> Schema:
    """The schema of manifest.json."""
    nouns: Schema = {}
    return whole(store.MANIFEST, of(store.Manifest, nouns), nouns)


def whole(file: str, root: Schema, definitions: Schema) -> Schema:
    """A schema in a file of its own."""
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, "title": f"{file} of a report of reportgen", **root, "$defs": definitions}


def of(kind: Any, nouns: Schema) -> Schema:
    """The schema of a type as the nouns are annotated; *nouns* gets those of the dataclasses in it."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return of(parts[0], nouns) | {name: value for mark in parts[1:] for name, value in limits(mark).items()}
    if is_dataclass(kind):
        return noun(kind, nouns)
    if origin is tuple and parts[-1] is ...:
        return {"type": "array", "items": of(parts[0], nouns)}
    if origin is tuple:
        return {"type": "array", "prefixItems": [of(part, nouns) for part in parts], "minItems": len(parts)}
    if origin in (Union, UnionType):
        return {"anyOf": [of(part, nouns) for part in parts]}
    if origin is Literal:
        return {"enum": list(parts)}
    if origin is dict:
        return {"type": "object", "additionalProperties": of(parts[1], nouns)}
    return {} if kind is Any else {"type": SIMPLE[kind]}


def limits(mark: object) -> Schema:
    """What an annotation says beyond the type."""
    if isinstance(mark, Matches):
        return {"pattern": f"^(?:{mark.pattern})$"}
    assert isinstance(mark, Between)
    most = {"maximum": mark.most} if mark.most < np.inf else {}
    return {"minimum": mark.least, **most}


def noun(kind: Any, nouns: Schema) -> Schema:
    """A reference to the schema of a dataclass; its arrays and `faithfulness` are in other files."""
    if kind.__name__ not in nouns:
        nouns[kind.__name__] = {}  # keeps the order in which they are met
        known, comments = hints(kind), dict(COMMENT.findall(inspect.getsource(kind)))
        stored = [f for f in fields(kind) if not is_array(known[f.name]) and (kind, f.name) != (Report, "faithfulness")]
        said = {name: {"description": text} for name, text in comments.items()}
        nouns[kind.__name__] = {
            "description": (inspect.getdoc(kind) or "").partition("\n")[0],
            "type": "object",
            "properties": {
                field.name: said.get(field.name, {}) | property_of(kind, field.name, known, nouns) for field in stored
            },
            "required": [f.name for f in stored if f.default is MISSING and f.default_factory is MISSING],
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{kind.__name__}"}


def property_of(kind: Any, name: str, known: dict[str, Any], nouns: Schema) -> Schema:
    """The schema of a field; the configuration is one that `Config` takes, and may hold fields of other versions."""
    if f"{kind.__name__.lower()}.{name}" != restore.CONFIGURATION:
        return of(known[name], nouns)
    options = {name: of(kind, nouns) | option(name) for name, kind in hints(Config).items()}
    return {"type": "object", "properties": options}


def option(name: str) -> Schema:
    """The range or the choices of an option."""
    if name in RANGES:
        least, most = RANGES[name]
        return {"minimum": least, "maximum": most}
    known = [*CHOICES.get(name, ()), None]
    return {"items": {"enum": known[:-1]}} if name == "format" else {"enum": known} if len(known) > 1 else {}


def is_array(kind: Any) -> bool:
    """Whether a field holds an array, or an array or None."""
    return get_origin(kind) is np.ndarray or any(map(is_array, get_args(kind)))


def header() -> Schema:
    """The header of attention.safetensors: its arrays by name."""
    kinds = {name: hints(hints(Report)[part])[field] for name, (part, field) in store.ARRAY_FIELDS.items()}
    return {
        "description": f"The header of {store.ARRAYS}.",
        "type": "object",
        "properties": {name: tensor(kind) for name, kind in kinds.items()},
        "patternProperties": {r"^attribution_\d+$": tensor(hints(Attribution)["scores"])},
        "additionalProperties": False,
    }


def tensor(kind: Any) -> Schema:
    """One entry of the header: an array annotated as *kind*."""
    axes = relations.axes(kind).names
    shape = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": len(axes), "maxItems": len(axes)}
    dtype = {"const": "I32" if "int32" in str(kind) else "F32"}
    return {
        "description": f"({', '.join(axes)})",
        "type": "object",
        "properties": {"dtype": dtype, "shape": shape, "data_offsets": {"type": "array"}},
        "required": ["dtype", "shape", "data_offsets"],
    }


def texts() -> dict[str, str]:
    """The texts of the files in docs/."""
    made = {"report.schema.json": schema(), "manifest.schema.json": manifest_schema()}
    return {name: json.dumps(one, ensure_ascii=False, indent=1) + "\n" for name, one in made.items()}


if __name__ == "__main__":
    for name, text in texts().items():
        (DOCS / name).write_text(text, encoding="utf-8")
