"""From a cold start: the demo's report, compared with the imports and the forward pass that it needs.

`python -m benchmarks --only start`. Whole processes, in turn.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from benchmarks import common

TIMES = 3
FORWARD = """
import json, sys
import torch
from transformers import AutoTokenizer, LongformerForSequenceClassification
model = LongformerForSequenceClassification.from_pretrained(sys.argv[1]).eval()
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
text = json.loads(open(sys.argv[2], encoding="utf-8").readline())["text"]
with torch.inference_mode():
    model(**tokenizer(text, truncation=True, max_length=2048, return_tensors="pt"))
"""
FORMATS = {"tables alone": "tables", "HTML": "html", "HTML, tables, figures": "html,tables,charts",
           "all of it, the PDF too": "html,pdf,tables,charts"}  # fmt: skip


def measure() -> dict[str, Any]:
    """Seconds of the bare forward pass, and of the command with different formats."""
    bare = [sys.executable, "-c", FORWARD, common.DEMO / "model", common.DEMO / "documents.jsonl"]
    taken: dict[str, list[float]] = {name: [] for name in ("bare", "help", *FORMATS)}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(TIMES + 1):
            taken["bare"].append(_seconds(bare))
            taken["help"].append(_seconds([sys.executable, "-m", "reportgen", "--help"]))
            for name, formats in FORMATS.items():
                run = [sys.executable, "-m", "reportgen", "run", "-q", *common.PRESET, *common.ROW]
                run += ["--overwrite", "-o", f"{folder}/report"]
                taken[name].append(_seconds([*run, "--format", formats]))
    medians = {name: statistics.median(values[1:]) for name, values in taken.items()}  # the first fills the caches
    ratios = {f"the demo, {name}, to the bare forward pass": medians[name] / medians["bare"] for name in FORMATS}
    return {"seconds": medians, "ratios": ratios}


def _seconds(command: Sequence[object]) -> float:
    return common.seconds(
        lambda: subprocess.run(
            [str(part) for part in command],
            cwd=common.ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    )


def markdown(found: dict[str, Any]) -> str:
    """The section of README.md."""
    seconds = found["seconds"]
    rows = [("imports, model, one forward pass, nothing else", f"{seconds['bare']:.2f}", "1")]
    rows += [
        (f"`reportgen run`, {name}", f"{seconds[name]:.2f}", f"{seconds[name] / seconds['bare']:.2f}")
        for name in FORMATS
    ]
    rows.append(("`reportgen --help`", f"{seconds['help']:.2f}", f"{seconds['help'] / seconds['bare']:.2f}"))
    return f"""Whole processes, from nothing to their end, in turn; median of {TIMES}. The bare one imports torch and
transformers' Longformer, loads the demo's model, reads its document once, and ends. The demo's document has 1,896
tokens; reportgen reads it once, as the bare process does.

{common.table(("", "s", "to the bare one"), rows)}"""
