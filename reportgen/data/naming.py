"""Name the folder of a report, its page in a site and its label in a manuscript. All such names are made here.

The name of a folder is a few plain letters for people and a hash of everything that distinguishes reports: two reports
share a name only if text (or row) and model are the same. Batches use the same names.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from reportgen.core.characters import clean
from reportgen.core.config import Config
from reportgen.core.private import without_home
from reportgen.data.dataset_rows import Row, Rows

DEMO_SPLIT = "test"
OF_MODEL = ("model", "revision", "tokenizer", "tokenizer_revision")  # identifies the model that reads a text
DEMO_READER = ("demo", None, None, None)
DIGITS = 10  # of a hash in the name of a folder
LONGEST = 80  # letters of a name in a site


def of_text(text: str, config: Config, *, stem: str = "") -> str:
    """The folder of a text without a row, with the model unless it is the demo's.

    >>> of_text("abc", Config(text="abc")), of_text("abc", Config(text="abc"), stem="My paper (2)")
    ('text-ba7816bf8f', 'my-paper-2-ba7816bf8f')
    """
    if config.anonymous:
        return anonymous(text, index=None, called=config.model_name)
    name = f"{slug(stem) or 'text'}-{hashlib.sha256(text.encode()).hexdigest()[:DIGITS]}"
    reader = _reader(config)
    return name if reader == DEMO_READER else f"{name}-{_model(config.model)}-{_hash(*reader)}"


def of_row(config: Config, rows: Rows, row: Row) -> str:
    """The folder of the report of a row: at most 120 plain letters; the hash covers what slugs leave out.

    Two rows, or two models, whose names look alike, or would on a disk that knows no case, have folders of their own.
    """
    if config.anonymous:
        return anonymous(clean(row.text), index=row.index, called=config.model_name)
    whole_demo = config.dataset == "demo" and rows.split == DEMO_SPLIT
    reader = _reader(config)
    if whole_demo and reader == DEMO_READER:
        return f"demo-{row.index}"
    parts = (
        slug(Path(rows.dataset).name, most=30) or "dataset",
        "" if whole_demo else slug(rows.split or "", most=16),
        slug(row.id or "", most=34) or str(row.index),
        _model(config.model),
        _hash(_kept(config.dataset), rows.dataset, rows.config, rows.split, row.index, row.id, *reader),
    )
    return "-".join(filter(None, parts))


def anonymous(text: str, *, index: int | None, called: str | None) -> str:
    """The folder of a report that names neither model nor data, so that no list of names can be tried on its hash.

    >>> anonymous("abc", index=3, called=None), anonymous("abc", index=None, called="Model A")
    ('example-3-ba7816bf8f', 'text-ba7816bf8f-model-a')
    """
    kind = "text" if index is None else f"example-{index}"
    return "-".join(filter(None, (kind, hashlib.sha256(text.encode()).hexdigest()[:DIGITS], slug(called or ""))))


def of_output(output: str | None, name: str) -> Path:
    """The folder of a report: the chosen one, or the one with its name."""
    return Path(output) if output else Path("reports") / name


def of_scores(title: str, digest: str) -> str:
    """The folder of scores that someone else computed, by the hash of their file."""
    return f"{slug(title) or 'scores'}-{digest[:DIGITS]}"


def of_pages(reports: Sequence[tuple[str, str, tuple[str, ...]]]) -> list[str]:
    """The folder of each report in a site; no two are alike on a disk that knows no case.

    Reports with the same name get a mark of their identity after it; copies of the same report get a number.

    >>> of_pages([("a", "0f3a", ()), ("B", "1c", ()), ("b", "2d", ())])
    ['a', 'b-1c', 'b-2d']

    Args:
        reports: For each the name of its folder, a hash of its identity, and the order of those with the same hash.
    """
    plain = [_page(called) for called, _, _ in reports]
    shared = Counter(map(str.casefold, plain))
    wanted = [
        name if shared[name.casefold()] == 1 else f"{name.casefold()}-{mark[:8]}"
        for name, (_, mark, _) in zip(plain, reports, strict=True)
    ]
    taken = {name.casefold() for name, marked in zip(plain, wanted, strict=True) if name == marked}
    names = list(wanted)
    for place in sorted(range(len(reports)), key=lambda place: (wanted[place], reports[place][2])):
        count = 1
        while names[place] != plain[place] and names[place].casefold() in taken:
            count += 1
            names[place] = f"{wanted[place]}-{count}"
        taken.add(names[place].casefold())
    return names


def label(name: str) -> str:
    """A label for LaTeX or a key for BibTeX: the name if it is plain, otherwise a unique one.

    >>> label("demo-0"), label("a b")
    ('demo-0', 'a-b-c8687a')
    """
    plain = re.sub("[^A-Za-z0-9]+", "-", name).strip("-")
    return plain if plain and plain == name else f"{plain or 'x'}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def slug(name: str, *, most: int = 40) -> str:
    """A name as part of the name of a folder, at most *most* letters; empty without plain letters or digits.

    >>> slug("My paper (2).txt"), slug("My paper (2).txt", most=9)
    ('my-paper-2-txt', 'my-paper')
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:most].strip("-")


def _page(called: str) -> str:
    """A folder's name as a part of an address, the same on every system.

    >>> _page("demo-0"), _page("My réport #2?"), _page("..")
    ('demo-0', 'My-r-port-2', 'report')
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", called)[:LONGEST].strip("-._") or "report"


def _reader(config: Config) -> tuple[str | None, ...]:
    """The model and the tokenizer, as they are named."""
    of_adapter = (config.base_revision,) if config.base_revision else ()
    return *(_kept(getattr(config, name)) for name in OF_MODEL), *map(_kept, of_adapter)


def _kept(value: str | None) -> str | None:
    """A name that is the same for every user who has it below the home."""
    return None if value is None else clean(without_home(value))


def _model(model: str) -> str:
    return slug(Path(model).name or model, most=26) or "model"


def _hash(*facts: str | int | None) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:DIGITS]
