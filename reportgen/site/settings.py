"""Turn `site.toml` into the settings of a site: title, address, reports, order.

The only home of these defaults. Nothing but this file is read.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from reportgen.core.characters import clean
from reportgen.core.config import LANGUAGE
from reportgen.core.errors import UsageError
from reportgen.core.files import regular_files
from reportgen.core.files.disk import shown

Order = Literal["interest", "title", "name", "probability", "newest", "listed"]

ORDERS: tuple[Order, ...] = ("interest", "title", "name", "probability", "newest", "listed")
PER_PAGE = (1, 1000)
MAX_BYTES = 10_000_000  # of site.toml: notes on thousands of reports fit
WANTED = {
    "title": "a string",
    "blurb": "a string",
    "base_url": 'a string, like "https://example.org/reports/"',
    "reports": 'a list of patterns, like ["runs/*"]',
    "order": f"one of {', '.join(ORDERS)}",
    "per_page": "an integer",
    "downloads": "true or false",
    "anonymous": "true or false",
    "notes": "a table: name of a report = a note on it",
    "language": "a string",
}  # by key, in the words of TOML


@dataclass(frozen=True, slots=True)
class SiteConfig:
    """A site of reports. Fields are the keys of `site.toml`.

    Raises:
        UsageError: If a value is out of range.
    """

    title: str = "Attention reports"
    blurb: str = ""  # one paragraph below the title
    base_url: str | None = None  # address of the published site, with a slash at its end; None if unknown
    reports: tuple[str, ...] = ()  # patterns, relative to site.toml: report folders, or folders that hold them
    order: Order = "interest"  # "interest": what the model got wrong and was sure of, first
    per_page: int = 48  # cards on a page of the index
    downloads: bool = False  # offer the self-contained page of each report, too
    anonymous: bool = False  # name neither models nor data; reports that name them offer no files
    notes: Mapping[str, str] = field(default_factory=dict)  # one paragraph on a report, by the name of its folder
    language: str = "en"  # of title, blurb and notes

    def __post_init__(self) -> None:
        for one in fields(self):
            wrong = _problem(one.name, getattr(self, one.name))
            if wrong:
                raise UsageError(f"{one.name}: {wrong}", hint=f"expected: {WANTED[one.name]}")


def load(path: Path) -> SiteConfig:
    """Read `site.toml`.

    Raises:
        UsageError: If it cannot be read, is not TOML, or a key is unknown or of the wrong kind.
    """
    try:
        values = tomllib.loads(regular_files.read(path, most=MAX_BYTES).decode("utf-8"))
    except OSError as error:
        raise UsageError(f"{shown(path)}: {error.strerror}", hint="give a file with --config") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{shown(path)} is not TOML: {error}") from error
    try:
        return SiteConfig(**{key: _typed(key, value) for key, value in values.items()})
    except UsageError as error:
        raise UsageError(f"{shown(path)}: {error.message}", hint=error.hint) from error


def _typed(key: str, value: object) -> Any:
    """A value of the kind that the field has."""
    if key not in WANTED:
        near = difflib.get_close_matches(key, WANTED, n=1)
        raise UsageError(f'unknown key "{key[:100]}"', hint=f"did you mean {near[0]}?" if near else _known())
    if key == "reports":
        fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
    elif key == "notes":
        fits = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    else:
        kinds: dict[str, type] = {"per_page": int, "downloads": bool, "anonymous": bool}
        fits = type(value) is kinds.get(key, str)
    if not fits:
        raise UsageError(f"{key} = {str(value)[:60]!r} has the wrong type", hint=f"expected: {WANTED[key]}")
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        return {name: clean(note) for name, note in value.items()}
    if key == "base_url" and isinstance(value, str):
        return value.rstrip("/") + "/"
    return clean(value) if isinstance(value, str) else value


def _problem(key: str, value: Any) -> str | None:
    """The problem of a value of the right type; None if it is valid."""
    if key == "title" and not value.strip():
        return "it is empty"
    if key == "order" and value not in ORDERS:
        near = difflib.get_close_matches(value, ORDERS, n=1)
        return f"{value[:60]!r} is unknown" + (f"; did you mean {near[0]}?" if near else "")
    if key == "per_page" and not PER_PAGE[0] <= value <= PER_PAGE[1]:
        return f"must be {PER_PAGE[0]} to {PER_PAGE[1]:,}"
    if key == "language" and not LANGUAGE.fullmatch(value):
        return "must be a language code, like en or pt-BR"
    if key == "reports" and not all(pattern.strip() and "\0" not in pattern for pattern in value):
        return "a pattern is empty or contains a NUL character"
    return _problem_of_address(value) if key == "base_url" and value is not None else None


def _problem_of_address(address: str) -> str | None:
    """A site's address goes into every page: it has to be one, and no secret may be in it."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError as error:
        return str(error)
    if not address.isascii() or not address.isprintable() or set(address) & set(" \"'<>\\^`{|}"):
        return "it contains characters that addresses cannot have; write them like %20"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "must start with https:// or http:// and name a host"
    if "@" in parts.netloc:
        return "it contains a user; the address of a site must not contain a name or password"
    if parts.query or parts.fragment or "?" in address or "#" in address:
        return "nothing may follow its path"
    if {".", ".."} & set(parts.path.split("/")) or "//" in parts.path:
        return "its path is not plain"
    return None if address.endswith("/") else "it must end with a slash"


def _known() -> str:
    return f"known: {', '.join(WANTED)}"
