"""Turn the folder of a batch into the sums over its reports, a chunk of reports at a time.

Chunks are the same wherever and however often they are read: their sums are kept in the cache under a key of the
reports' manifests, so a command that was interrupted continues, and merged in their order, so that one process, many,
and a cluster give the same bytes. Memory holds one report for each process, the sums, and a row for each document.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from reportgen.core import versions
from reportgen.core.characters import natural
from reportgen.core.clock import Clock
from reportgen.core.errors import DeviceError, OutputError, ReportgenError, UsageError
from reportgen.core.files import disk, json_text, regular_files
from reportgen.core.nouns.records import Report
from reportgen.core.processes.workers import Pool
from reportgen.corpus import measure, sections, sums
from reportgen.corpus.sums import Measured, Merging, Sums
from reportgen.data import where_expression
from reportgen.report.stored import store

CHUNK = 50  # reports that are summed together
FEW = 2  # chunks that are summed here: a worker process would take longer to start
PAGES = ("report.html", "report.pdf", store.REPORT)  # what of a report is worth opening, the best first
KIND = "corpus"  # in the cache


@dataclass(frozen=True, slots=True)
class Job:
    """Some reports that are summed together."""

    batch: Path
    names: tuple[str, ...]  # of the folders
    manifests: tuple[str, ...]  # hashes
    facts: dict[str, Any]  # what the reports have to have in common
    where: str | None = None  # which of them count, see `where_expression.py`
    headings: str | None = None  # a regular expression, see `sections.py`

    @property
    def key(self) -> str:
        """The name of its sums in the cache: the same reports, options and code."""
        return disk.key(
            names=self.names, manifests=self.manifests, facts=self.facts, where=self.where, headings=self.headings,
            code=_code(), versions=versions.of("reportgen", "numpy", "pyarrow"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Corpus:
    """The reports of a batch in sums."""

    folder: Path  # of the batch
    sums: Sums
    rows: pa.Table  # one for each document, see `sums.ROW`
    left_out: tuple[tuple[str, str], ...] = field(default=())  # folders that are no report of it, and why
    not_chosen: int = 0  # reports for which `where` is not true


Engine = Callable[[Sequence[Job]], Iterator[tuple[Job, bytes | None]]]  # in any order; None: a process was lost


def gather(
    batch: Path, *, where: str | None = None, headings: str | None = None, clock: Clock, engine: Engine
) -> Corpus:
    """Sum the reports of a batch.

    Args:
        batch: A folder of reports.
        where: Which of them count, an expression of SQL; None: all.
        headings: A regular expression that finds headings; None: those that papers have.
        clock: Told of progress.
        engine: Where chunks are summed: `here`, or a cluster's.

    Raises:
        UsageError: If the expression cannot be understood.
        OutputError: If the folder holds no report that can be read, or none is chosen.
        DeviceError: If a process that reads is killed.
    """
    if where is not None:
        where_expression.reads(where)
    sections.compiled(headings)
    with disk.errors(batch):
        named = _names(batch)
    facts = _facts(batch, [name for name, _ in named])
    chunks = [named[start : start + CHUNK] for start in range(0, len(named), CHUNK)]
    jobs = [
        Job(batch, tuple(name for name, _ in chunk), tuple(digest for _, digest in chunk), facts, where, headings)
        for chunk in chunks
    ]
    merging, rows, skipped = Merging(), [], 0
    left_out: list[tuple[str, str]] = []
    with clock.track("reports", len(named)) as advance:
        for job, (part, row) in _in_order(jobs, engine):
            told = part.facts["told"]
            merging.add(replace(part, facts=job.facts))
            rows.append(row)
            left_out += [(name, why) for name, why in told["left_out"]]
            skipped += told["not_chosen"]
            advance(len(job.names))
    whole = merging.result()
    if whole is None or not whole.documents:
        raise _nothing(batch, left_out, where, skipped)
    return Corpus(batch, whole, pa.concat_tables(rows).combine_chunks(), tuple(left_out), skipped)


def here(workers: int) -> Engine:
    """Chunks are summed by worker processes of this machine; few of them by this one."""

    def run(jobs: Sequence[Job]) -> Iterator[tuple[Job, bytes | None]]:
        if len(jobs) <= FEW or workers == 1:
            yield from ((job, sum_chunk(job)) for job in jobs)
            return
        with Pool(workers) as pool:
            yield from pool.results(sum_chunk, jobs)

    return run


def sum_chunk(job: Job) -> bytes:
    """The sums of a chunk, the rows of its documents, and what is left out: `sums.dump`, and its `facts` say the rest.

    Raises:
        UsageError: If an expression cannot be evaluated.
    """
    headings = sections.compiled(job.headings)
    found: list[Measured] = []
    told: dict[str, Any] = {"left_out": [], "not_chosen": 0}
    for name in job.names:
        try:
            report, page = read(job.batch / name)
            if (problem := _differs(measure.facts(report), job.facts)) is not None:
                raise OutputError(problem)
        except UsageError:
            raise
        except (ReportgenError, OSError, ValueError) as error:
            told["left_out"].append([name, error.message if isinstance(error, ReportgenError) else str(error)])
            continue
        if job.where is not None and not chosen(report, job.where):
            told["not_chosen"] += 1
            continue
        found.append(measure.measure(report, name=name, page=page, headings=headings))
    return sums.dump(sums.total(found, {"common": job.facts, "told": told}), _rows(found))


def read(folder: Path) -> tuple[Report, str]:
    """A report whose data are as they were written, and the file of its folder that is worth opening.

    Raises:
        OutputError: If it is none, or was changed.
    """
    files = store.manifest(folder)["files"]
    for name in (store.REPORT, store.ARRAYS, store.FAITHFULNESS):
        if name in files and (problem := store.changed_file(folder, name, files[name])):
            raise OutputError(problem)
    return store.load(folder), next((name for name in PAGES if name in files), store.REPORT)


def chosen(report: Report, where: str) -> bool:
    """Whether an expression is true of a report."""
    example, said = report.example, report.prediction
    row: dict[str, where_expression.Value] = {
        "index": example.index,
        "id": example.id,
        "title": example.title,
        "label": example.label,
        "label_name": None if said is None else said.gold_name,
        "characters": len(example.text),
        "text": example.text,
        "predicted": None if said is None else said.predicted_name,
        "probability": None if said is None else said.confidence,
        "verdict": "unknown" if said is None else said.verdict,
        "tokens": report.tokens.total,
    }
    return bool(list(where_expression.holding(where, [[row]])))


def _names(batch: Path) -> list[tuple[str, str]]:
    """The folders with a manifest and the hash of it, in natural order.

    Hidden ones are left out, and what was made of reports: corpora and comparisons.
    """
    check_batch(batch)
    found = []
    for path in _with_manifest(batch):
        content = _manifest(path)
        if b'"report.json"' in content or not _is_of_reports(content):
            found.append((path.name, hashlib.sha256(content).hexdigest()))
    if not found:
        raise _no_batch(batch)
    return sorted(found, key=lambda one: natural(one[0]))


def check_batch(batch: Path) -> None:
    """Check that there is a folder, before anything else.

    Raises:
        OutputError: If there is none.
    """
    disk.put_back(batch)
    if not batch.is_dir():
        said = "a file, not a folder" if batch.is_file() else "no such folder"
        raise OutputError(f"{disk.shown(batch)}: {said}", hint="give the folder of a batch")


def _with_manifest(folder: Path) -> Iterator[Path]:
    paths = (path for path in folder.iterdir() if path.name[0] != "." and path.is_dir())
    return (path for path in paths if (path / store.MANIFEST).is_file())


def _manifest(folder: Path) -> bytes:
    """The manifest of a folder; nothing if it cannot be read, and `read` says why."""
    try:
        return regular_files.read_own(folder / store.MANIFEST, most=store.MOST[store.MANIFEST])
    except (OSError, ValueError):
        return b""


def _is_of_reports(manifest: bytes) -> bool:
    """Whether it is that of a corpus or of a comparison."""
    try:
        held = json_text.parse(manifest)
        return "corpus" in held or held.get("kind", "report") != "report"
    except (ValueError, TypeError, AttributeError):
        return False


def _no_batch(folder: Path) -> OutputError:
    """A folder without a report, and where the user may have meant to go."""
    shown, hint = disk.shown(folder), "give the folder of a batch; reportgen batch makes one"
    if (folder / store.MANIFEST).is_file():
        what = "was made of reports" if _is_of_reports(_manifest(folder)) else "is one report"
        return OutputError(f"{shown} {what}; a corpus is made of a folder of reports", hint=hint)
    below = (path for path in sorted(folder.iterdir()) if path.is_dir() and next(_with_manifest(path), None))
    inside = next(below, None)
    return OutputError(
        f"{shown} contains no report", hint=f"name a folder in it, like {disk.shown(inside)}" if inside else hint
    )


def is_corpus(folder: Path) -> bool:
    """Whether a folder holds a corpus report."""
    return bool(store.manifest(folder).get("corpus"))


def _facts(batch: Path, names: Iterable[str]) -> dict[str, Any]:
    """What the first report that can be read has in common with the others."""
    broken: list[tuple[str, str]] = []
    for name in names:
        try:
            return measure.facts(read(batch / name)[0])
        except (ReportgenError, OSError, ValueError) as error:
            broken.append((name, error.message if isinstance(error, ReportgenError) else str(error)))
    raise _nothing(batch, broken, None, 0)


def _differs(own: dict[str, Any], common: dict[str, Any]) -> str | None:
    """In what a report differs from the others, as a sentence."""
    names = {
        "model": "its model", "weights": "the hash of its model's weights", "layers": "its layers", "heads": "the "
        "number of its heads", "labels": "its labels", "several": "whether it has several labels", "importance":
        "its measure of head importance", "top_k": "its top-k", "received": "the attention that it shows",
        "given": "whether its scores were computed elsewhere",
    }  # fmt: skip
    for name, what in names.items():
        if own[name] != common[name]:
            return f"{what} is {str(own[name])[:80]}, of the first report {str(common[name])[:80]}"
    return None


def _in_order(jobs: Sequence[Job], engine: Engine) -> Iterator[tuple[Job, tuple[Sums, pa.Table]]]:
    """The sums of all jobs in their order, from the cache where they are there; each is opened once."""
    places = {job.names: disk.cached(KIND, f"{job.key}.sums") for job in jobs}
    missing = [job for job in jobs if not places[job.names].exists()]
    waiting = {job.names for job in missing}
    fresh: Iterator[tuple[Job, bytes | None]] = engine(missing) if missing else iter(())
    arrived: dict[tuple[str, ...], bytes] = {}
    for job in jobs:
        while job.names in waiting and job.names not in arrived:
            other, made = next(fresh)
            if made is None:
                raise DeviceError(
                    f"a process that read {other.names[0]} and others was killed, perhaps for lack of memory",
                    hint="run the same command again with --workers 1",
                )
            arrived[other.names] = made
            disk.keep(places[other.names], made)
        if job.names in arrived:
            yield job, sums.load(arrived.pop(job.names))
        else:
            yield job, _kept(places[job.names]) or _again(job, places[job.names])


def _kept(path: Path) -> tuple[Sums, pa.Table] | None:
    """What the cache has; None if it is torn, or somebody has emptied the cache meanwhile."""
    try:
        return sums.load(path.read_bytes())
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _again(job: Job, place: Path) -> tuple[Sums, pa.Table]:
    made = sum_chunk(job)
    disk.keep(place, made)
    return sums.load(made)


def _rows(found: Sequence[Measured]) -> pa.Table:
    return pa.Table.from_pylist([one.row for one in found], schema=sums.ROW)


@functools.cache
def _code() -> str:
    """A hash of the code that makes the numbers."""
    package = Path(__file__).parents[1]
    own = ("gather", "heads", "measure", "sections", "sums")
    files = [*(package / f"corpus/{name}.py" for name in own), package / "report/scale.py", package / "report/words.py"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _nothing(batch: Path, left_out: Sequence[tuple[str, str]], where: str | None, skipped: int) -> OutputError:
    why = f"; {left_out[0][0]}: {left_out[0][1]}" if left_out else ""
    if where is not None and skipped:
        return OutputError(f"--where chooses none of {skipped:,} reports in {disk.shown(batch)}{why}")
    return OutputError(f"no report in {disk.shown(batch)} can be read{why}", hint="reportgen verify FOLDER says more")
