"""This commit and an earlier one, in turn on the same machine: `python -m benchmarks --against COMMIT`.

Both are installed from a clean copy, each with the versions that its own constraints.txt names, and kept in
`build/against`. Wall seconds are those of whole processes, CPU seconds those of all cores and of the processes that
they started.
"""

from __future__ import annotations

import io
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import common
from benchmarks.batches import documents
from benchmarks.start import FORWARD

TIMES = 5
SHORT, LONG = 4, 16  # reports of a batch: the difference leaves out what starting takes
TOKENS = 2048
SAMPLE_S = 0.02  # how often memory is looked at
Taken = dict[str, float]


@dataclass(frozen=True)
class Build:
    """A commit, installed."""

    name: str
    folder: Path  # the copy
    work: Path  # of this build alone

    def run(self, *arguments: object) -> Taken:
        """What one call of reportgen takes, see `python`."""
        return self.python("-m", "reportgen", *arguments)

    def python(self, *arguments: object) -> Taken:
        """What one process takes: seconds, CPU seconds, and the most memory of it and those it started together, MB.

        Memory is what a process holds itself. What it maps, libraries and weights, is left out: how much of a file
        counts depends on what the system has read ahead. The peak that the system keeps is of no use either: reportgen
        sets it back to measure its stages.
        """
        command = [str(self.folder / ".venv/bin/python"), *map(str, arguments)]
        environment = {**os.environ, "REPORTGEN_CACHE": str(self.work / "cache"), "HF_HUB_OFFLINE": "1"}
        taken: Taken = {}

        def work() -> None:
            with tempfile.TemporaryFile() as said:
                process = subprocess.Popen(
                    command, cwd=self.work, env=environment, stdout=subprocess.DEVNULL, stderr=said
                )
                ended = threading.Event()
                watching = threading.Thread(target=_watch, args=(process.pid, ended, taken))
                watching.start()
                _, status, usage = os.wait4(process.pid, 0)
                ended.set()
                watching.join()
                process.returncode = os.waitstatus_to_exitcode(status)
                said.seek(0)
                if process.returncode:
                    raise subprocess.CalledProcessError(process.returncode, command, stderr=said.read())
            taken["cpu"] = usage.ru_utime + usage.ru_stime

        return {"wall": common.seconds(work), **taken}


def _watch(process: int, ended: threading.Event, taken: Taken) -> None:
    """Note the most memory of a process and those that it has started, together, until it has *ended*."""
    taken["memory"] = 0.0
    while not ended.wait(SAMPLE_S):
        children = Path(f"/proc/{process}/task/{process}/children")
        try:
            family = [process, *map(int, children.read_text().split())]
        except OSError:
            continue
        taken["memory"] = max(taken["memory"], sum(map(common.held, family)))


Work = Callable[[Build, Path], Taken]  # of one round


def _long(build: Build, shared: Path) -> Taken:
    model = shared / "model"
    return build.run("run", "-q", "--overwrite", "--model", model, "--file", model / "documents.txt", "--max-length",
                     TOKENS, "--format", "html,pdf,tables", "-o", build.work / "long")  # fmt: skip


def _again(build: Build, _: Path) -> Taken:
    return build.run("render", build.work / "long", "--format", "pdf")


def _cold(build: Build, _: Path) -> Taken:
    formats = ("--format", "html,pdf,tables")
    return build.run("run", "-q", *common.PRESET, *common.ROW, "--overwrite", *formats, "-o", build.work / "demo")


def _bare(build: Build, _: Path) -> Taken:
    return build.python("-c", FORWARD, common.DEMO / "model", common.DEMO / "documents.jsonl")


def _batch(formats: str) -> Work:
    def work(build: Build, shared: Path) -> Taken:
        """Of a report."""
        folder = build.work / f"batch-{formats.replace(',', '-')}"

        def of(count: int) -> Taken:
            rows = [*common.PRESET, "--dataset", shared / f"{count}/documents.jsonl"]
            return build.run("batch", "-q", *rows, "--restart", "--format", formats, "-o", folder)

        short, long = of(SHORT), of(LONG)
        each = {what: (long[what] - short[what]) / (LONG - SHORT) for what in ("wall", "cpu")}
        return {**each, "memory": long["memory"]}

    return work


TASKS: dict[str, tuple[Work, tuple[str, ...]]] = {  # and what is compared
    f"`run`, random Longformer-base, {TOKENS:,} tokens, HTML and PDF": (_long, ("wall", "cpu", "memory")),
    "`render --format pdf` of that report": (_again, ("cpu", "memory")),
    "batch of the demo, HTML and PDF, one report": (_batch("html,pdf"), ("wall", "cpu", "memory")),
    "batch of the demo, HTML alone, one report": (_batch("html"), ("wall", "cpu", "memory")),
    "`run` of the demo from a cold start, with the PDF": (_cold, ("wall", "cpu", "memory")),
    "bare imports, the demo's model, one pass": (_bare, ("wall", "cpu")),
}
COLD, BARE = list(TASKS)[-2:]


def measure(commit: str, *, times: int = TIMES, tasks: str = "") -> dict[str, Any]:
    """Medians of every task whose name holds *tasks* for both commits, each run so many *times*, and their ratios."""
    with tempfile.TemporaryDirectory() as name:
        shared = Path(name)
        common.model(shared / "model")
        for count in (SHORT, LONG):
            (shared / str(count)).mkdir()
            documents(shared / str(count), count)
        builds = [install(commit), install("HEAD")]
        found: dict[str, list[Taken]] = {}
        for task, (work, _) in TASKS.items():
            if tasks in task:
                found[task] = _medians(work, builds, shared, times)
                print(task, found[task], file=sys.stderr, flush=True)
    pdfs = [build.work / "long/report.pdf" for build in builds]
    sizes = [pdf.stat().st_size / 1e6 for pdf in pdfs if pdf.exists()]
    ratios = {
        f"{task}, {what}": now[what] / then[what] for task, (then, now) in found.items() for what in TASKS[task][1]
    }
    if len(sizes) == 2:
        ratios["bytes of the PDF"] = sizes[1] / sizes[0]
    return {"against": commit, "times": times, "found": found, "sizes": sizes, "ratios": ratios}


def _medians(work: Work, builds: list[Build], shared: Path, times: int) -> list[Taken]:
    """Of each build, after a run that fills the caches."""
    for build in builds:
        work(build, shared)
    taken = [[work(build, shared) for build in builds] for _ in range(times)]
    return [
        {what: statistics.median(run[which][what] for run in taken) for what in ("wall", "cpu", "memory")}
        for which in range(len(builds))
    ]


def install(commit: str) -> Build:
    """A clean copy of a commit with an environment of its own; a commit stays as it is, so it is installed once."""
    say = {"cwd": common.ROOT, "capture_output": True, "check": True}
    exact = subprocess.run(["git", "rev-parse", f"{commit}^{{commit}}"], text=True, **say).stdout.strip()  # type: ignore[call-overload]
    top = common.ROOT / "build/against" / exact[:12]
    folder, work, ready = top / "copy", top / "work", top / "ready"
    if not ready.exists():
        folder.mkdir(parents=True, exist_ok=True)
        work.mkdir(exist_ok=True)
        packed = subprocess.run(["git", "archive", exact], **say).stdout  # type: ignore[call-overload]
        with tarfile.open(fileobj=io.BytesIO(packed)) as files:
            files.extractall(folder, filter="data")
        subprocess.run([sys.executable, "scripts/install.py", ".venv"], cwd=folder, check=True)
        ready.touch()
    return Build(commit, folder, work)


def markdown(found: dict[str, Any]) -> str:
    """The section of README.md."""
    units = {"wall": "s", "cpu": "CPU s", "memory": "MB"}
    rows = [
        (task, *(f"{one[what]:{'.0f' if what == 'memory' else '.2f'}} {unit}" for one in (then, now)),
         f"{now[what] / then[what]:.2f}")
        for task, (then, now) in found["found"].items()
        for what in TASKS[task][1]
        for unit in [units[what]]
    ]  # fmt: skip
    if found["sizes"]:
        then, now = found["sizes"]
        rows.append(("bytes of the PDF", f"{then:.2f} MB", f"{now:.2f} MB", f"{now / then:.2f}"))
    if {COLD, BARE} <= set(found["found"]):
        cold, bare = found["found"][COLD], found["found"][BARE]
        times = [one["wall"] / other["wall"] for one, other in zip(cold, bare, strict=True)]
        rows.append(("the cold start, to the bare one", *(f"{one:.2f} times" for one in times), ""))
    return f"""Commit {found["against"]} and this one, in turn; medians of {found["times"]} after one that does not
count. Of a batch: what a report takes, {LONG} of them less {SHORT}, on all cores, so that starting is left out. Memory
is the most that one process holds itself, without the libraries and weights that it maps.

{common.table(("", f"commit {found['against']}", "this commit", "ratio"), rows)}"""
