"""This commit and an earlier one, in turn on the same machine: `python -m benchmarks --against COMMIT`.

Both are installed from a clean copy, each with the versions that its own constraints.txt names. Wall seconds are those
of whole processes, CPU seconds those of all cores and of the processes that they started.
"""

from __future__ import annotations

import io
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import common
from benchmarks.batches import documents

TIMES = 5
BATCH = 8  # reports
TOKENS = 2048


@dataclass(frozen=True)
class Build:
    """A commit, installed."""

    name: str
    folder: Path  # the copy
    work: Path  # of this build alone

    def run(self, *arguments: object) -> dict[str, float]:
        """What one call of reportgen takes: seconds, CPU seconds, and the most memory of a process, MB."""
        command = [self.folder / ".venv/bin/python", "-m", "reportgen", *arguments]
        environment = {**os.environ, "REPORTGEN_CACHE": str(self.work / "cache"), "HF_HUB_OFFLINE": "1"}
        taken: dict[str, float] = {}

        def work() -> None:
            process = subprocess.Popen(
                list(map(str, command)), cwd=self.work, env=environment, stdout=subprocess.DEVNULL
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise subprocess.CalledProcessError(process.returncode, list(map(str, command)))
            taken.update(cpu=usage.ru_utime + usage.ru_stime, memory=usage.ru_maxrss * 1024 / 1e6)

        return {"wall": common.seconds(work), **taken}


TASKS: dict[str, tuple[Callable[[Build, Path], list[object]], tuple[str, ...]]] = {  # arguments, and what is compared
    f"`run`, random Longformer-base, {TOKENS:,} tokens, HTML and PDF": (
        lambda build, shared: ["run", "-q", "--overwrite", "--model", shared / "model", "--file",
                               shared / "model/documents.txt", "--max-length", TOKENS, "--format", "html,pdf,tables",
                               "-o", build.work / "long"],
        ("wall", "memory"),
    ),
    "`render --format pdf` of that report": (
        lambda build, _: ["render", build.work / "long", "--format", "pdf"], ("cpu", "memory"),
    ),
    f"batch of the demo, {BATCH} reports, HTML and PDF": (
        lambda build, shared: _batch(build, shared, "html,pdf"), ("wall", "memory"),
    ),
    f"batch of the demo, {BATCH} reports, HTML alone": (
        lambda build, shared: _batch(build, shared, "html"), ("wall", "memory"),
    ),
    "the demo from a cold start, with the PDF": (
        lambda build, _: ["run", "-q", *common.PRESET, *common.ROW, "--overwrite", "--format",
                          "html,pdf,tables", "-o", build.work / "demo"],
        ("wall", "memory"),
    ),
}  # fmt: skip


def measure(commit: str, *, times: int = TIMES) -> dict[str, Any]:
    """Medians of every task for both commits, each run so many *times*, and their ratios."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        shared = top / "shared"
        shared.mkdir()
        common.model(shared / "model")
        documents(shared, BATCH)
        builds = [install(commit, top / "then"), install("HEAD", top / "now")]
        found: dict[str, list[dict[str, float]]] = {}
        for task, (arguments, _) in TASKS.items():
            for build in builds:
                build.run(*arguments(build, shared))  # fills the caches
            taken = [[build.run(*arguments(build, shared)) for build in builds] for _ in range(times)]
            found[task] = [
                {what: statistics.median(run[which][what] for run in taken) for what in ("wall", "cpu", "memory")}
                for which in range(len(builds))
            ]
        sizes = [(build.work / "long/report.pdf").stat().st_size / 1e6 for build in builds]
    ratios = {
        f"{task}, {what}": found[task][1][what] / found[task][0][what]
        for task, (_, kinds) in TASKS.items()
        for what in kinds
    }
    return {
        "against": commit,
        "times": times,
        "found": found,
        "sizes": sizes,
        "ratios": {**ratios, "bytes of the PDF": sizes[1] / sizes[0]},
    }


def install(commit: str, top: Path) -> Build:
    """A clean copy of a commit with an environment of its own."""
    folder, work = top / "copy", top / "work"
    folder.mkdir(parents=True)
    work.mkdir()
    packed = subprocess.run(["git", "archive", commit], cwd=common.ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        files.extractall(folder, filter="data")
    subprocess.run([sys.executable, "scripts/install.py", ".venv"], cwd=folder, check=True)
    return Build(commit, folder, work)


def _batch(build: Build, shared: Path, formats: str) -> list[object]:
    folder = build.work / f"batch-{formats.replace(',', '-')}"
    rows = [*common.PRESET, "--dataset", shared / "documents.jsonl"]
    return ["batch", "-q", *rows, "--restart", "--format", formats, "-o", folder]


def markdown(found: dict[str, Any]) -> str:
    """The section of README.md."""
    units = {"wall": "s", "cpu": "CPU s", "memory": "MB"}
    rows = [
        (task, f"{then[what]:.1f} {unit}", f"{now[what]:.1f} {unit}", f"{now[what] / then[what]:.2f}")
        for task, (then, now) in found["found"].items()
        for what in TASKS.get(task, (None, ("wall", "cpu", "memory")))[1]
        for unit in [units[what]]
    ]
    then, now = found["sizes"]
    rows.append(("bytes of the PDF", f"{then:.2f} MB", f"{now:.2f} MB", f"{now / then:.2f}"))
    return f"""Commit {found["against"]} and this one, in turn; medians of {found["times"]} after one that does not
count. Memory is that of the largest process.

{common.table(("", f"commit {found['against']}", "this commit", "ratio"), rows)}"""
