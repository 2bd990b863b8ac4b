"""A small batch: a split and a tiny model on disk, and an engine that makes reports in this very process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reportgen.batch import run as batch
from reportgen.batch import units
from reportgen.batch.run import Batch, How
from reportgen.batch.select import Selection
from reportgen.batch.units import Outcome, Task, Unit
from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.nouns.records import Report

EPOCH = "1700000000"  # under which two runs give the same bytes
WORDS = [
    "the",
    "heads",
    "of",
    "a",
    "long",
    "document",
    "classifier",
    "attend",
    "to",
    "these",
    "tokens",
    "other",
    "than",
    "those",
    "in",
    "a",
    "sliding",
    "window",
]


@dataclass(frozen=True, slots=True)
class Inline:
    """No other process: what a test patches holds, and what a test breaks ends it."""

    load: Callable[[], Any]

    def run(self, task: Task, batch: Iterable[Unit], done: Callable[[Outcome], None]) -> None:
        reader = None
        for unit in batch:
            reader = reader or units.open_reader(task, self.load())
            for made in units.analyse(task, reader, unit):
                done(units.finish(task, made) if isinstance(made, Report) else made)


def rows(path: Path, count: int) -> Path:
    """So many rows of JSON Lines, no two alike; the gold label of every third is not known to the tiny models."""
    lines = []
    for n in range(count):
        digest = hashlib.sha256(str(n).encode()).digest()
        text = " ".join(WORDS[byte % len(WORDS)] for byte in digest[: 3 + n % 9])
        lines.append(json.dumps({"id": f"doc/{n}", "text": text, "label": ["left", "right", "middle"][n % 3]}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def config(model: Path, data: Path, output: Path, **settings: Any) -> Config:
    """A batch whose reports are made in milliseconds."""
    given = {"format": ("tables",), "top_k": 3} | settings
    return Config(model=str(model), dataset=str(data), output=str(output), **given)


def make(config: Config, chosen: Selection | None = None, how: How | None = None) -> Batch:
    """The batch, made in this process."""
    return batch.run(config, chosen or Selection(), Clock(), engine=Inline, how=how or How())


def names(made: Batch) -> list[str]:
    """The reports that there are, by the batch's own account."""
    return [outcome.name for outcome in made.outcomes if outcome.error is None]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of the reports, and the index; without what a batch keeps for itself."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(files)
        if path.relative_to(folder).parts[0] != ".batch"
    }
