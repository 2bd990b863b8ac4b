"""What the benchmarks share: the machine, memory, a model and a layer to measure with, tables."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "reportgen" / "demo"
PRESET = ("--model", "demo", "--max-length", "2048", "--importance", "demo")  # the demo's; no heatmap is tested
ROW = ("--dataset", "demo", "--index", "0")
WINDOW = 512
TOP_K = 10


def machine() -> dict[str, Any]:
    """What was measured on, and with what."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    packages = ("torch", "transformers", "numpy", "pyarrow", "altair", "vl-convert-python", "weasyprint")
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }


def commit() -> str:
    """The commit that was measured, with a plus where files differ from it."""
    run = {"cwd": ROOT, "capture_output": True, "text": True, "check": False}
    name = subprocess.run(["git", "rev-parse", "--short=10", "HEAD"], **run).stdout.strip()  # type: ignore[call-overload]
    changed = subprocess.run(["git", "status", "--porcelain", "reportgen", "templates"], **run).stdout.strip()  # type: ignore[call-overload]
    return f"{name}{'+' if changed else ''}"


def median(work: Callable[[], object], *, times: int) -> float:
    """Seconds that *work* takes, the median of so many times after one that does not count."""
    work()
    return statistics.median(seconds(work) for _ in range(times))


def seconds(work: Callable[[], object]) -> float:
    """Seconds that *work* takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def child(module: str, *arguments: object, cores: Sequence[int] = ()) -> dict[str, Any]:
    """The JSON that a module of this package prints in its own process, which may be limited to some *cores*."""
    command = [sys.executable, "-m", f"benchmarks.{module}", "--child", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, preexec_fn=lambda: _pin(cores)
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _pin(cores: Sequence[int]) -> None:
    if cores:
        os.sched_setaffinity(0, cores)


def resident() -> float:
    """Memory of this process now, MB."""
    return _status("VmRSS")


def above(work: Callable[[], object]) -> float:
    """How far the memory of this process rises above what it has now while *work* runs, MB."""
    from reportgen.core import clock

    before = resident()
    clock.RESET.write_text(clock.RESET_PEAK)
    work()
    return _status("VmHWM") - before


def held(process: int) -> float:
    """Memory that a process holds itself now, without mapped files, MB; 0 if it has ended."""
    try:
        return _status("RssAnon", process)
    except (OSError, StopIteration):
        return 0.0


def _status(name: str, process: int | str = "self") -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024 / 1e6


def layer(*, heads: int, tokens: int, window: int = WINDOW, seed: int = 0) -> Any:
    """One layer of attention as Longformer lays it out, the first token global; random, every row sums to 1."""
    import torch

    from reportgen.core.nouns.records import SlidingWindowAttention

    made = torch.Generator().manual_seed(seed)
    half = window // 2
    keys = torch.arange(tokens)[:, None] + torch.arange(-half, half + 1)
    absent = torch.cat((torch.zeros(tokens, 1, dtype=torch.bool), (keys < 1) | (keys >= tokens)), dim=1)
    local = torch.randn(tokens, heads, window + 2, generator=made)  # the model's own order
    local = local.masked_fill_(absent[:, None], float("-inf")).softmax(dim=-1)
    local[0] = 0
    global_ = torch.randn(heads, tokens, 1, generator=made).softmax(dim=1)
    return SlidingWindowAttention(local.transpose(0, 1), global_, (0,), window)


def model(folder: Path, *, layers: int = 12, longest: int = 4096) -> Path:
    """A random Longformer-base with the demo's tokenizer, and the demo's documents next to it as `documents.txt`."""
    import torch
    from transformers import AutoTokenizer, LongformerConfig, LongformerForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(DEMO / "model")
    tokenizer.model_max_length = longest
    torch.manual_seed(0)
    config = LongformerConfig(
        attention_window=[WINDOW] * layers,
        num_hidden_layers=layers,
        max_position_embeddings=longest + 2,
        vocab_size=len(tokenizer),
        pad_token_id=1,
    )
    LongformerForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    rows = (DEMO / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    (folder / "documents.txt").write_text("\n\n".join(json.loads(row)["text"] for row in rows), encoding="utf-8")
    return folder


def reader(*, layers: int, tokens: int, **how: Any) -> tuple[Any, Any]:
    """A random model, loaded as a run loads it, and a document of as many tokens for it; *how* as for the loading."""
    from reportgen.model import checkpoint, classifier
    from reportgen.model.tokenizing.tokens import encode

    with tempfile.TemporaryDirectory() as name:
        folder = model(Path(name), layers=layers, longest=tokens)
        found = checkpoint.find(str(folder), revision=None, tokenizer=None, tokenizer_revision=None)
        made = classifier.load(found, max_length=tokens, **how)
        return made, encode(made, (folder / "documents.txt").read_text(encoding="utf-8"))


def reduced(classifier: Any, documents: Sequence[Any]) -> list[Any]:
    """Read documents, and reduce every layer as a run does."""
    from reportgen.model.attention import convert
    from reportgen.model.reading import forward_pass

    kept: list[Any] = []
    forward_pass.attend(
        classifier, documents, lambda _, __, one: kept.append(convert.convert(one, top_k=TOP_K, reader=0))
    )
    return kept


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; numbers are set to the right."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join((*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)))
