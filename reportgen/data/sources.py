"""Turn the name of a dataset into its rows: a file, a folder, a folder saved by `datasets`, or a dataset of the hub.

Slices are those of `datasets`: test[:100], test[-50:], train[:10%]; data without splits takes only a slice, [:100],
or [:] for all. Only this module imports `datasets`, and only if needed. It never runs code or pickles of a dataset.
"""

from __future__ import annotations

import contextlib
import difflib
import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from reportgen.core.characters import clean
from reportgen.core.config import Config
from reportgen.core.errors import DataError, HubError, RefusedError, ReportgenError, UsageError
from reportgen.core.files import json_text, regular_files
from reportgen.core.private import public, without_home
from reportgen.data import hub, split_files
from reportgen.data.columns import rows_of
from reportgen.data.dataset_rows import Rows
from reportgen.data.formats.table import DataTable, Loaded
from reportgen.data.formats.text_formats import regular
from reportgen.data.label_columns import ModelLabels

ASKED = re.compile(r"(?P<name>[^\[\]+:]*)(?P<slice>\[(?P<start>-?\d+%?)?:(?P<stop>-?\d+%?)?\])?")
STATE, SPLITS = "state.json", "dataset_dict.json"  # by these a folder that save_to_disk() wrote is known
MOST_BYTES = 2**28  # of a list of files: it has a line for each
BATCH = 64  # rows that are read at once of what `datasets` keeps


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A dataset that was found, and is not open yet."""

    name: str  # as errors and reports give it
    splits: tuple[str, ...]  # () where it has none
    open: Callable[[str | None], tuple[DataTable, str]]  # a split as a table, and its revision
    config: str | None = None


def open_rows(config: Config, labels: ModelLabels = tuple) -> Rows:
    """The rows of the split that the configuration names; *labels* of the model help to find columns.

    Raises:
        UsageError: If an option does not fit the dataset, or the slice cannot be understood.
        DataError: If there is no such dataset, split or column, or it cannot be read.
        HubError: If it is on the hub, and the hub does not give it.
        RefusedError: If reading it would run its code, or unpickle it.
    """
    asked = parse_split(config.split)
    dataset = config.dataset or ""
    found_by = _on_disk if is_local(dataset) else _on_hub
    source = found_by(dataset, config.dataset_config, config.dataset_revision)
    split = _chosen(source, asked["name"] or None)
    with _reading(source.name):
        table, revision = source.open(split)
        return rows_of(
            table,
            config,
            dataset=source.name,
            dataset_config=source.config,
            split=f"{split or ''}{asked['slice'] or ''}" or None,
            revision=revision,
            part=partial(part, asked["start"], asked["stop"]),
            labels=labels,
        )


@contextlib.contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn a lack of memory or permission into a `DataError`."""
    try:
        yield
    except MemoryError as error:
        raise DataError(f"{name}: not enough memory to read it", hint="write it as Parquet") from error
    except OSError as error:
        raise DataError(f"{name}: {error.strerror or error}", hint="check its permissions") from error


def is_local(dataset: str) -> bool:
    """Whether it is a file or folder, or looks like one."""
    try:
        there = Path(dataset).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # a name too long; the home of an unknown user
        there = False
    suffixes = (*split_files.FORMATS, *split_files.PACKED, *split_files.PICKLES, ".txt")
    return there or dataset.startswith((".", "/", "~")) or dataset.count("/") > 1 or dataset.endswith(suffixes)


def part(start: str | None, stop: str | None, count: int) -> range:
    """The rows of so many that a slice takes.

    >>> part("-20%", None, 50)
    range(40, 50)
    """
    percent = "%" in f"{start}{stop}"  # subtle: a percent sign at one bound counts for both, as in `datasets`
    bounds = [None if bound is None else int(bound.rstrip("%")) for bound in (start, stop)]
    first, last = (round(bound * count / 100) if percent and bound is not None else bound for bound in bounds)
    return range(count)[slice(first, last)]


def parse_split(split: str | None) -> re.Match[str]:
    """Name, slice, start and stop of --split.

    Raises:
        UsageError: If it cannot be understood.
    """
    found = ASKED.fullmatch((split or "").strip())
    bounds = (found["start"], found["stop"]) if found else ()
    if found is None:
        raise UsageError(
            f"--split {split}: neither a split nor a slice", hint="examples: test, test[:100], train[:10%]"
        )
    if any(abs(int(bound[:-1])) > 100 for bound in bounds if bound and bound.endswith("%")):
        raise UsageError(f"--split {split}: more than 100 % of a split", hint="examples: train[:10%], train[-20%:]")
    return found


def _chosen(source: Source, asked: str | None) -> str | None:
    """The split to read; the only one if none is chosen."""
    known = ", ".join(clean(split) for split in source.splits)
    if asked in source.splits or (asked is None and len(source.splits) < 2):
        return asked or next(iter(source.splits), None)
    if asked is None:
        raise DataError(
            f"{source.name}: no split chosen; it has {known}", hint=f"use --split {clean(source.splits[0])}"
        )
    if not source.splits:
        raise DataError(
            f'split "{clean(asked)}" is not in {source.name}: it has no splits',
            hint="leave out --split, or give only a slice: [:100], or [:] for all rows",
        )
    near = difflib.get_close_matches(asked, source.splits, n=1)
    raise DataError(
        f'split "{clean(asked)}" is not in {source.name}: it has {known}',
        hint=f"did you mean --split {clean(near[0])}?" if near else "name one of these with --split",
    )


def _on_disk(dataset: str, named: str | None, revision: str | None) -> Source:
    for name, value in (("--dataset-config", named), ("--dataset-revision", revision)):
        if value is not None:
            raise UsageError(f"{name} needs a dataset of the hub, and {clean(dataset)} is local")
    try:
        path = Path(dataset).expanduser()
        name = clean(Path(public(str(path.resolve()))).name)
        if (path / SPLITS).is_file():
            return Source(name, _saved_splits(path), lambda split: _saved(path / str(split), name))
        if (path / STATE).is_file():
            return Source(name, (), lambda _: _saved(path, name))
        found = split_files.find(path)
    except (OSError, ValueError, RuntimeError) as error:  # a folder that cannot be read; no name at all; no such user
        raise DataError(f"{clean(dataset)}: {getattr(error, 'strerror', None) or error}") from error

    def open_split(split: str | None) -> tuple[DataTable, str]:
        files = found[split or ""]
        return files.open(), f"sha256:{files.sha256()}"

    return Source(name, tuple(split for split in found if split), open_split)


def _saved_splits(path: Path) -> tuple[str, ...]:
    splits = _json(path / SPLITS).get("splits")
    if not isinstance(splits, list) or not splits:
        raise DataError(f"{clean(path.name)}: {SPLITS} names no splits", hint="save the dataset again")
    return tuple(_plain_name(split, SPLITS) for split in splits)


def _saved(folder: Path, name: str) -> tuple[DataTable, str]:
    """A folder that Dataset.save_to_disk() wrote, with the hash of its files as revision."""
    parts = _json(folder / STATE).get("_data_files")
    if not isinstance(parts, list) or not all(isinstance(one, dict) for one in parts):
        raise DataError(f"{name}: {STATE} names no data files", hint="save the dataset again")
    if not parts:  # so `datasets` saves a dataset without rows, which it cannot load
        raise DataError(f"{name}: no rows")
    arrows = [folder / _plain_name(one.get("filename"), STATE) for one in parts]
    if missing := [clean(file.name) for file in arrows if not file.exists()]:
        raise DataError(
            f"{name}: {STATE} names {missing[0]}, which is missing",
            hint=f"copy or save all of {clean(str(folder))} again",
        )
    files = split_files.Files(tuple(regular(file) for file in (*arrows, folder / "dataset_info.json", folder / STATE)))
    with _datasets() as datasets, _told(name):
        return _table(datasets.load_from_disk(str(folder.resolve())), name), f"sha256:{files.sha256()}"


def _plain_name(value: object, file: str) -> str:
    if not isinstance(value, str) or Path(value).name != value:
        raise RefusedError(f'{file} names "{clean(str(value))[:80]}", which is outside the folder')
    return value


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json_text.parse(regular_files.read(regular(path), most=MOST_BYTES))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{clean(path.name)} is not JSON: {error}", hint="save the dataset again") from error
    return content if isinstance(content, dict) else {}


def _on_hub(dataset: str, named: str | None, revision: str | None) -> Source:
    if not hub.is_id(dataset):
        raise DataError(
            f"{clean(dataset)}: not a file, a folder or a name on the hub", hint="names on the hub look like org/name"
        )
    found = hub.look_up(dataset, kind="dataset", revision=revision)
    builder = _builder(dataset, named, revision, found)
    files: dict[str, Sequence[str]] = builder.config.data_files or {}  # none where the cache answers

    def open_split(split: str | None) -> tuple[DataTable, str]:
        what = f"dataset {dataset}"
        verify = f"hf cache verify {dataset} --repo-type dataset --revision {found.commit}"
        advice = f"check the cached copy with {verify}; the files made from it are in {without_home(builder.cache_dir)}"
        with _datasets(), hub.errors(what, revision=revision), _told(what, copy=advice):
            builder.download_and_prepare()
            return _table(builder.as_dataset(split=split), dataset), found.commit

    of_several = None if builder.config.name == "default" else builder.config.name
    return Source(dataset, tuple(map(str, files or builder.info.splits or ())), open_split, of_several)


def _builder(dataset: str, named: str | None, revision: str | None, found: hub.Snapshot) -> Any:
    """The builder that `datasets` reads the dataset with, at the commit that was found."""
    what = f"dataset {dataset}"
    split_files.refuse(what, [file for file in found.files if file == f"{dataset.rpartition('/')[2]}.py"])
    failed: Exception | None = None
    with _datasets() as datasets, hub.errors(what, revision=revision):
        try:
            builder = datasets.load_dataset_builder(dataset, named, revision=found.commit)
        except Exception as error:  # a card may hold anything, and so may be raised anything
            if _is_of_hub(error, datasets):
                raise
            failed = error  # subtle: raised outside, because the hub's missing files are in the chain of any error here
    if isinstance(failed, ValueError):
        _refuse_config(dataset, named, found.commit)
    if failed is not None:
        split_files.refuse(what, found.files)
        reason = "no readable data files" if isinstance(failed, FileNotFoundError) else failed
        raise DataError(f"{what}: {reason}", hint="reportgen reads what datasets.load_dataset() reads") from failed
    if builder.hash != found.commit:  # the cache has the dataset, but as it was at another time
        raise HubError(
            f"{what}: revision {found.commit} is not cached",
            hint=f"go online once, or use the cached one: --dataset-revision {builder.hash}",
        )
    return builder


def _is_of_hub(error: Exception, datasets: Any) -> bool:
    """Whether the hub, the network or the disk is at fault, and not the contents of the dataset."""
    root = type(error).__module__.partition(".")[0]
    clients = root.startswith("httpx") or root in ("huggingface_hub", "reportgen")
    disk = isinstance(error, OSError) and not isinstance(error, FileNotFoundError)
    return clients or disk or isinstance(error, datasets.exceptions.DatasetNotFoundError)


def _refuse_config(dataset: str, asked: str | None, commit: str) -> None:
    """Raise an error with the configurations of the dataset, if that was the problem."""
    with _datasets() as datasets, hub.errors(f"dataset {dataset}", revision=commit):
        names = datasets.get_dataset_config_names(dataset, revision=commit)
    if asked in names or (asked is None and len(names) < 2):
        return
    near = difflib.get_close_matches(asked or "", names, n=1)
    fact = f'none has the name "{clean(asked)}"' if asked else "none is chosen"
    raise DataError(
        f"dataset {dataset} has several configurations, {', '.join(map(clean, names))}: {fact}",
        hint=f"use --dataset-config {clean((near or names)[0])}",
    )


@contextlib.contextmanager
def _told(what: str, *, copy: str | None = None) -> Iterator[None]:
    """Turn errors of `datasets` while it reads files into a `DataError` with their first cause.

    Files that are damaged are a `HubError` where they are a *copy*, with what to do about it.
    """
    try:
        yield
    except ReportgenError:
        raise
    except Exception as error:
        reason: BaseException = error
        while reason.__cause__ is not None:
            reason = reason.__cause__
        if copy is not None and _is_damage(reason):
            raise HubError(f"{what}: cannot be read: {reason}", hint=copy) from error
        raise DataError(
            f"{what}: cannot be read: {reason}", hint="its files may be incomplete, or of different formats"
        ) from error


def _is_damage(reason: BaseException) -> bool:
    """Whether a file is missing, incomplete, or not of the format in its name."""
    import pyarrow as pa

    return isinstance(reason, OSError | pa.ArrowInvalid | pa.ArrowSerializationError)


@contextlib.contextmanager
def _datasets() -> Iterator[Any]:
    """The library, without its notes on the terminal, and without progress bars that are hidden or unwanted."""
    import datasets
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled

    verbosity, bars = datasets.logging.get_verbosity(), datasets.is_progress_bar_enabled()
    datasets.logging.set_verbosity(logging.CRITICAL)  # we report errors once
    if are_progress_bars_disabled() or not sys.stderr.isatty():
        datasets.disable_progress_bars()
    try:
        yield datasets
    finally:
        datasets.logging.set_verbosity(verbosity)
        if bars:
            datasets.enable_progress_bars()


def _table(dataset: Any, name: str) -> DataTable:
    """A dataset opened by `datasets`, as a table; its rows stay on disk."""
    import datasets

    from reportgen.data.formats.parquet import arrow_errors, cells, column_types, different

    plain = dataset.with_format("arrow")
    kinds = {column: getattr(kind, "feature", kind) for column, kind in dataset.features.items()}  # of lists: inside
    label_names = {
        column: tuple(map(str, kind.names)) for column, kind in kinds.items() if isinstance(kind, datasets.ClassLabel)
    }

    def values(column: str) -> Iterator[Any]:
        for chunk in plain.data.column(column).chunks:
            yield from different(chunk, name)

    def read(columns: Sequence[str], indices: Iterable[int]) -> Iterator[tuple[Any, ...]]:
        picked, waiting = plain.select_columns(list(columns)), iter(indices)
        while batch := list(islice(waiting, BATCH)):
            with arrow_errors(name):
                table = picked[batch]
            yield from (cells(table, columns, row) for row in range(len(batch)))

    return DataTable(
        column_types(plain.features.arrow_schema, name), lambda _: Loaded(len(plain), read, values), label_names
    )
