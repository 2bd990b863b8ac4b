"""Turn a source and a choice into one `Example`: a row of a dataset, a file, or a text.

Text is cleaned here once, one character for one, so that every offset counts characters of the original file,
including line ends. A byte order mark is not part of the text: offsets start after it. `sources` reads the rows of a
dataset; `predict_split.py` makes choices that depend on predictions.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from reportgen.core.characters import UNPRINTABLE, clean
from reportgen.core.config import DEMO, OF_A_DATASET, Config, option
from reportgen.core.errors import DataError, UsageError
from reportgen.core.files import regular_files
from reportgen.core.nouns.labels import column_of
from reportgen.core.nouns.records import Example
from reportgen.data import naming, redact, sources
from reportgen.data.dataset_rows import Row, Rows
from reportgen.data.formats import documents, foreign_files
from reportgen.data.label_columns import ModelLabels
from reportgen.data.naming import DEMO_SPLIT

SOURCES = "--text, --file, --dataset with --index, --id or --pick, or --preset"
SHOWN = 5  # ids that an error names


def choose(config: Config, labels: ModelLabels = tuple) -> Example:
    """The example that the configuration chooses; *labels* of the model help to find columns.

    Raises:
        UsageError: If it names no text.
        DataError: If the text cannot be read, or is longer than `max_chars`, or there is no such row.
    """
    if config.text is not None:
        return _checked(_example(config.text, config, title="Text from the command line"), config.max_chars)
    if config.file is not None:
        return _checked(_of_file(config.file, config), config.max_chars)
    rows = open_rows(config, labels)
    return example(config, rows, _find(rows, index=config.index, id_=config.id))


def open_rows(config: Config, labels: ModelLabels = tuple) -> Rows:
    """The split that the configuration names; *labels* of the model help to find columns.

    Raises:
        UsageError: If it names none.
        DataError: If it cannot be read.
        HubError: If it is on the hub, and the hub does not give it.
    """
    if config.dataset is None:
        raise UsageError("no text to read", hint=f"give {SOURCES}")
    if config.label is not None:
        raise UsageError("--label needs --text or --file", hint="the labels of a dataset come from its label column")
    if config.dataset == "demo":
        return _demo_rows(config)
    return sources.open_rows(config, labels)


def _find(rows: Rows, *, index: int | None, id_: str | None) -> int:
    """The row that `index` or `id` names.

    Raises:
        UsageError: If neither is given.
        DataError: If there is no such row.
    """
    if id_ is not None:
        return _find_id(id_, rows)
    if index is None:
        raise UsageError(
            f"no row chosen: {rows.place} has {len(rows):,} row{'s' * (len(rows) != 1)}",
            hint="choose one with --index, --id or --pick",
        )
    return rows.check(index)


def example(config: Config, rows: Rows, index: int, *, picked: str | None = None) -> Example:
    """The example at an index of a split; *picked* tells how predictions chose it, if they did."""
    return replace(of_row(config, rows, next(rows.read([index]))), picked=picked)


def of_row(config: Config, rows: Rows, row: Row) -> Example:
    """The example that a row holds.

    Raises:
        DataError: If its text is longer than `max_chars`.
    """
    hider = redact.of_config(config)
    named = row
    if hider is not None:  # names of folders, pages and titles are made of what may be seen
        id_, title = (part and hider.said(clean(part)) for part in (row.id, row.title))
        named = replace(row, text=hider.text(clean(row.text)), id=id_, title=title and hider.title(title))
    title = named.title or ""
    if not title.strip():
        title = f"{rows.dataset}, {named.id or f'example {row.index}'}"
    found = Example(
        name=naming.of_row(config, rows, named),
        title=clean(title),
        text=clean(row.text),
        replaced=len(UNPRINTABLE.findall(row.text)),
        label=clean(row.label) if isinstance(row.label, str) else row.label,
        label_names=tuple(map(clean, rows.label_names)),
        label_values=rows.labels.values,
        label_flags=rows.labels.flags,
        label_problem=rows.label_problem,
        dataset=rows.dataset,
        split=rows.split,
        index=row.index,
        id=None if named.id is None else clean(named.id),
        revision=rows.revision,
    )
    return _checked(found, config.max_chars)


def _checked(found: Example, most: int) -> Example:
    """The example, if it is not too long."""
    if len(found.text) > most:
        raise _too_long(found.title, f"{len(found.text):,} characters,", most)
    return found


def find_ids(wanted: Iterable[str], rows: Rows) -> tuple[int, ...]:
    """The rows with some ids, each once and in order; rows without ids are named by their numbers.

    Raises:
        DataError: If there is no such row; names the first of those that are wanted and not there.
    """
    given = dict.fromkeys(wanted)
    ids = rows.read_ids()
    if ids:
        places = {id_: index for index, id_ in enumerate(ids) if id_ in given}
    else:
        numbers = {id_: int(id_) for id_ in given if id_.isascii() and id_.isdecimal() and len(id_) < 20}
        places = {id_: index for id_, index in numbers.items() if index < len(rows)}
    missing = [id_ for id_ in given if id_ not in places]
    if missing:
        raise _unknown_ids(missing, ids, rows)
    return tuple(sorted(set(places.values())))


def _unknown_ids(missing: Sequence[str], ids: Sequence[str], rows: Rows) -> DataError:
    named = ", ".join(f'"{clean(id_)[:80]}"' for id_ in missing[:SHOWN])
    more = f" and {len(missing) - SHOWN:,} more" if len(missing) > SHOWN else ""
    if not ids:
        return DataError(
            f"no row {named}{more} in {rows.place}: its rows are 0 to {len(rows) - 1}, and no column has unique ids",
            hint="give the id column with --id-column",
        )
    return DataError(
        f"no example {named}{more} among the {len(rows):,} ids of {rows.place}", hint=_near(missing[0], ids)
    )


def _near(wanted: str, ids: Sequence[str]) -> str:
    """A hint: a similar id, or an example of an id."""
    near = difflib.get_close_matches(wanted, ids[:100_000], n=1)
    return f"did you mean {near[0]}?" if near else f"ids look like {ids[0]}"


def _find_id(wanted: str, rows: Rows) -> int:
    ids = rows.read_ids()
    if not ids:
        raise DataError(
            f"--id {wanted}: {rows.place} has no column of unique ids",
            hint="give the id column with --id-column, or use --index",
        )
    if wanted in ids:  # each is there once
        return list(ids).index(wanted)
    raise DataError(f'no example "{wanted}" among the {len(rows):,} ids of {rows.place}', hint=_near(wanted, ids))


def _demo_rows(config: Config) -> Rows:
    """The embedded documents; their labels are those of the model that is trained on them, and no other's."""
    foreign = next((name for name in OF_A_DATASET if name != "split" and getattr(config, name) is not None), None)
    if foreign is not None:
        raise UsageError(f"{option(foreign)} does not apply to the demo", hint="choose a dataset with --dataset")
    asked = sources.parse_split(config.split)
    if asked["name"] not in (None, "", DEMO_SPLIT):
        raise DataError(
            f'split "{config.split}" is not in demo: it has "{DEMO_SPLIT}"', hint=f"use --split {DEMO_SPLIT}"
        )
    # subtle: str.splitlines() would also break a row at U+2028 and other separators inside its strings
    content = (DEMO / "documents.jsonl").read_bytes()
    lines = content.decode().rstrip("\n").split("\n")
    taken = sources.part(asked["start"], asked["stop"], len(lines))

    def read(indices: Iterable[int]) -> Iterator[Row]:
        for index in indices:
            row = json.loads(lines[taken[rows.check(index)]])
            label = row["label"] if config.model == "demo" else None
            yield Row(index, row["text"], label=label, title=row["title"])

    rows = Rows(
        dataset="demo",
        config=None,
        split=f"{DEMO_SPLIT}{asked['slice'] or ''}",
        revision=f"sha256:{hashlib.sha256(content).hexdigest()}",
        count=len(taken),
        label_names=(),
        columns={"text": "text", "label": "label"},
        read=read,
        read_ids=tuple,
    )
    return rows


def _of_file(file: str, config: Config) -> Example:
    title = "Text from standard input" if file == "-" else clean(Path(file).name)
    content = _read(file, most=max(4 * config.max_chars + 4, documents.MOST_BYTES))
    sha256 = hashlib.sha256(content).hexdigest()
    kind = foreign_files.kind_of(content)
    extracted = documents.extract(content, kind.name, title) if kind else None
    if extracted is not None:
        example = _example(extracted.text, config, title=title, stem="" if file == "-" else Path(title).stem)
        return replace(example, file_sha256=sha256, extracted=extracted.how)
    foreign_files.refuse_others(content, file, title)
    if len(content) >= 4 * config.max_chars + 4:  # UTF-8 takes 4 bytes at most; 3 are the byte order mark
        raise _too_long(title, "", config.max_chars)
    text = foreign_files.decoded(content, file, title)
    example = _example(text, config, title=title, stem="" if file == "-" else Path(title).stem)
    return replace(example, file_sha256=sha256)


def _read(file: str, *, most: int) -> bytes:
    """The first *most* bytes."""
    if file == "-":
        return regular_files.standard_input(most)
    path = Path(file).expanduser() if file.startswith("~/") else Path(file)  # as `presets.command` writes it
    try:
        with regular_files.opened(path) as opened:
            return opened.read(most)
    except IsADirectoryError as error:
        raise DataError(
            f"{file}: a folder, not a file", hint="name a file in it; --dataset takes a folder of files with rows"
        ) from error
    except OSError as error:
        pipe = path.is_fifo() or path.is_char_device()
        hint = "use --file - to read standard input" if pipe else "check the path given to --file"
        raise DataError(f"{file}: {error.strerror}", hint=hint) from error


def _example(text: str, config: Config, *, title: str, stem: str = "") -> Example:
    cleaned, hider = clean(text), redact.of_config(config)
    shown = cleaned if hider is None else hider.text(cleaned)
    stem, title = (part if hider is None else hider.said(part) for part in (stem, title))
    return Example(
        name=naming.of_text(shown, config, stem=stem),
        title=title,
        text=cleaned,
        replaced=len(UNPRINTABLE.findall(text)),
        label=config.label,
        label_values=column_of([config.label]).values,
    )


def _too_long(title: str, counted: str, most: int) -> DataError:
    return DataError(
        " ".join(f"{title}: {counted} more than --max-chars {most:,}".split()),
        hint="raise --max-chars, or use a shorter text",
    )
