"""Reports a minute of `reportgen batch` over the demo's documents, by format and by cores.

`python -m benchmarks --only batches`. What starting costs is left out: a long batch less a short one. The demo has 16
documents, so each stands in a batch several times.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import common

SHORT, LONG = 8, 32  # examples
FORMATS = {"tables": "tables", "HTML": "html", "HTML and PDF": "html,pdf"}


def measure() -> dict[str, Any]:
    """Reports a minute."""
    cores = sorted(os.sched_getaffinity(0))
    counts = sorted({1, 2, len(cores)} & set(range(1, len(cores) + 1)))
    rates = {name: {str(count): _rate(formats, cores[:count]) for count in counts} for name, formats in FORMATS.items()}
    most = str(counts[-1])
    ratios = {f"batch, {name}: one core to {most}": rate["1"] / rate[most] for name, rate in rates.items()}
    return {"rates": rates, "ratios": ratios}


def _rate(formats: str, cores: list[int]) -> float:
    def run(count: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            dataset = documents(Path(folder), count)
            command = [sys.executable, "-m", "reportgen", "batch", *common.PRESET, "--dataset", str(dataset), "-q"]
            taken = common.seconds(
                lambda: subprocess.run(
                    [*command, "--format", formats, "-o", f"{folder}/batch"],
                    cwd=common.ROOT,
                    check=True,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    preexec_fn=lambda: os.sched_setaffinity(0, cores),
                )
            )
            made = len(list(Path(folder).glob("batch/*/manifest.json")))
            assert made == count, f"{made} reports, not {count}"
            return taken

    run(SHORT)
    return 60 * (LONG - SHORT) / (run(LONG) - run(SHORT))


def documents(folder: Path, count: int) -> Path:
    """So many documents as a dataset: those of the demo, again and again."""
    rows = (common.DEMO / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    chosen = enumerate(itertools.islice(itertools.cycle(map(json.loads, rows)), count))
    path = folder / "documents.jsonl"
    path.write_text("\n".join(json.dumps(row | {"id": number}) for number, row in chosen), encoding="utf-8")
    return path


def markdown(found: dict[str, Any]) -> str:
    """The section of README.md."""
    counts = list(next(iter(found["rates"].values())))
    rows = [
        (name, *(f"{rate[count]:.1f}" for count in counts), f"{rate[counts[-1]] / rate[counts[0]]:.2f} times")
        for name, rate in found["rates"].items()
    ]
    head = ("reports a minute", *(f"{count} core{'s' if count != '1' else ''}" for count in counts), "gain")
    return f"""`reportgen batch` with the embedded model (4 layers x 4 heads) reads the demo's 16 documents
(about 1,900 tokens) again and again, worker processes render. {LONG} examples less {SHORT}, so that starting is left
out; one run each.

{common.table(head, rows)}"""
