"""Charts, page and PDF of a report of 2,048 tokens: alone, and with a companion that is ready.

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
    alone, together = found["alone"]["total"], found["together"]["total"]
    return found | {"ratios": {"rendering on two cores to rendering on one": together / alone}}


def markdown(found: dict[str, Any]) -> str:
    """The section of README.md."""
    names = {"charts": "charts", "live": "data of the page", "render": "page", "pdf": "PDF", "total": "together"}
    rows = [(how, *(f"{found[key][name]:.2f}" for name in names)) for how, key in
            (("one process", "alone"), ("with a companion", "together"))]  # fmt: skip
    return f"""A random Longformer-base has read 2,048 tokens of the demo's documents (12 layers x 12 heads); its
report becomes page and PDF, in a process that has done so once. With a companion, which draws and typesets, a stage is
the time that it was waited for. Seconds, median of {TIMES}; page {found["html_mb"]:.2f} MB, PDF
{found["pdf_mb"]:.2f} MB.

{common.table(("", *names.values()), rows)}"""


def render() -> dict[str, Any]:
    """Make the report, then page and PDF in both ways."""
    from reportgen import pipeline
    from reportgen.companion import Companion
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

    def once(companion: Companion | None) -> dict[str, float]:
        clock, began = Clock(), time.perf_counter()
        _, files = present.present(report, config, clock, companion)
        sizes.update(html_mb=len(files["report.html"]) / 1e6, pdf_mb=len(files["report.pdf"]) / 1e6)
        return clock.seconds | {"total": time.perf_counter() - began}

    sizes: dict[str, float] = {}
    companion = Companion(config)
    try:
        ways = {"alone": None, "together": companion}
        rounds = [{name: once(way) for name, way in ways.items()} for _ in range(TIMES + 1)][1:]
    finally:
        companion.close()
    return sizes | {
        name: {stage: statistics.median(one[name][stage] for one in rounds) for stage in rounds[0][name]}
        for name in ways
    }


def main() -> None:
    """Be the process that is measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--child", action="store_true", required=True)
    parser.parse_args()
    print(json.dumps(render()))


if __name__ == "__main__":
    main()
