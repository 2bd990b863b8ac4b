"""Charts, page and PDF of a report of 2,048 tokens.

`python -m benchmarks --only rendering`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import common

TIMES = 3


def measure() -> dict[str, Any]:
    """Seconds of every stage of the presentation."""
    found = common.child("rendering")
    taken = found["seconds"]
    return found | {"ratios": {"the PDF to all the rest": taken["pdf"] / (taken["total"] - taken["pdf"])}}


def markdown(found: dict[str, Any]) -> str:
    """The section of README.md."""
    names = {"charts": "charts", "live": "data of the page", "render": "page", "pdf": "PDF", "total": "together"}
    row = tuple(f"{found['seconds'][name]:.2f}" for name in names)
    return f"""A random Longformer-base has read 2,048 tokens of the demo's documents (12 layers x 12 heads); its
report becomes page and PDF, in a process that has done so once. Seconds, median of {TIMES};
page {found["html_mb"]:.2f} MB, PDF {found["pdf_mb"]:.2f} MB.

{common.table(tuple(names.values()), [row])}"""


def render() -> dict[str, Any]:
    """Make the report, then page and PDF."""
    from reportgen import pipeline
    from reportgen.core.clock import Clock
    from reportgen.core.config import Config
    from reportgen.data import choice
    from reportgen.report import present

    with tempfile.TemporaryDirectory() as name:
        folder = common.model(Path(name) / "model")
        config = Config(
            model=str(folder), file=str(folder / "documents.txt"), max_length=2048, format=("html", "pdf"), device="cpu"
        )
        report = pipeline.analyse(config, pipeline.load(config, Clock()), choice.choose(config), Clock())

    def once() -> dict[str, float]:
        clock, began = Clock(), time.perf_counter()
        _, files = present.present(report, config, clock)
        sizes.update(html_mb=len(files["report.html"]) / 1e6, pdf_mb=len(files["report.pdf"]) / 1e6)
        return clock.seconds | {"total": time.perf_counter() - began}

    sizes: dict[str, float] = {}
    rounds = [once() for _ in range(TIMES + 1)][1:]
    return sizes | {"seconds": {stage: statistics.median(one[stage] for one in rounds) for stage in rounds[0]}}


def main() -> None:
    """Be the process that is measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--child", action="store_true", required=True)
    parser.parse_args()
    print(json.dumps(render()))


if __name__ == "__main__":
    main()
