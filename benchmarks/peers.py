"""What the tools that a researcher would otherwise use make of the same document: `python -m benchmarks --only peers`.

A random Longformer-base (12 layers x 12 heads, window 512) reads the demo's documents, cut to 512 to 4,096 tokens.
BertViz, Captum, SHAP and inseq are installed from peers.txt into an environment of their own, `.venv/peers`. Every tool
at every length is a process of its own, with a limit of time and of memory; a tool that fails is a result.
As a script it measures some of them: `python benchmarks/peers.py --tools bertviz --lengths 512 --json FILE`. Linux.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "reportgen" / "demo"
PEERS = ROOT / "benchmarks" / "peers.txt"
CONSTRAINTS = ROOT / "constraints.txt"
ENVIRONMENT = ROOT / ".venv" / "peers"
PEER = ENVIRONMENT / "bin" / "python"
SURROUNDINGS = os.environ | {"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "MPLBACKEND": "agg"}  # no GPU, no hub
LENGTHS = (512, 1024, 2048, 4096)
LIMIT_S = 150.0
MEMORY_GIB = 12.0
SAMPLE_S = 0.05  # how often memory is looked at
STEPS = 20  # of Captum's integrated gradients
MAX_EVALS = 100  # of SHAP: how often the model is asked
LONGEST = 4096
CUT = 300  # characters of a failure's message
TOOLS = {
    "reportgen-html": "reportgen, HTML",
    "reportgen": "reportgen, HTML and PDF",
    "bertviz": "BertViz, head view",
    "captum": "Captum, integrated gradients",
    "shap": "SHAP, partition explainer",
    "inseq": "inseq, integrated gradients",
}
HEAD = "| | | whole, s | work, s | memory, MB | output, MB |"
FIGURES = {"wall_s": 1, "work_s": 1, "peak_mb": 0, "output_mb": 2}  # and their decimals


def main() -> None:
    """Measure, keep the figures, print the section; or be one of the processes that are measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS), help="default: all")
    parser.add_argument("--lengths", nargs="+", type=int, default=LENGTHS, metavar="N", help="tokens, at most 4096")
    parser.add_argument("--limit", type=float, default=LIMIT_S, metavar="S", help="seconds that a process may take")
    parser.add_argument("--memory", type=float, default=MEMORY_GIB, metavar="GIB", help="memory that it may take")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures are kept")
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    parser.add_argument("--tokens", type=int, default=LONGEST, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        child(chosen.child, chosen.model, chosen.tokens, chosen.out)
        return
    if not all(1 < tokens <= LONGEST for tokens in chosen.lengths):
        parser.error(f"--lengths: from 2 to {LONGEST}")
    if not Path("/proc/self/status").exists():
        sys.exit("error: memory is read in /proc, which this system does not have\nhint: measure on Linux")
    results = measure(chosen.lengths, chosen.limit, chosen.tools, memory_gib=chosen.memory)
    if chosen.json:
        chosen.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(markdown(results))


def measure(
    lengths: Sequence[int] = LENGTHS,
    limit_s: float = LIMIT_S,
    tools: Sequence[str] = tuple(TOOLS),
    *,
    memory_gib: float = MEMORY_GIB,
) -> dict[str, Any]:
    """Every tool at every length, one after the other, with what it ran on."""
    missing = set_up() if any(not tool.startswith("reportgen") for tool in tools) else ""
    results: dict[str, Any] = {
        "limit_s": limit_s,
        "memory_gib": memory_gib,
        "steps": STEPS,
        "max_evals": MAX_EVALS,
        "machine": {"architecture": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()},
        "versions": {
            "reportgen": versions(sys.executable, ("reportgen", "torch", "transformers")),
            "peers": versions(PEER, (*pinned(), "torch", "transformers")),
        },
        "cells": [],
    }
    with tempfile.TemporaryDirectory() as name:
        model = Path(name) / "model"
        made: list[str | Path] = [sys.executable, __file__, "--child", "model", "--model", model, "--out", name]
        subprocess.run(made, check=True, env=SURROUNDINGS, stdout=sys.stderr)
        for tokens in lengths:
            for tool in tools:
                print(f"{tool}, {tokens} tokens ...", file=sys.stderr, flush=True)
                if missing and not tool.startswith("reportgen"):
                    cell: dict[str, Any] = {"happened": f"not installed: {missing}"}
                else:
                    with tempfile.TemporaryDirectory(dir=name) as out:  # a page may have gigabytes
                        cell = measured(tool, tokens, model, Path(out), limit_s, memory_gib)
                print(f"  {json.dumps(cell)}", file=sys.stderr, flush=True)
                results["cells"].append({"tool": tool, "tokens": tokens, **cell})
    return results | {"ratios": {}}  # every cell was run once: too little to compare runs by


def set_up() -> str:
    """Install the peers, never with PyTorch's CUDA build; why they could not be, or nothing."""
    sys.path.insert(0, str(ROOT / "scripts"))
    import install  # type: ignore[import-not-found]

    try:
        python = install.create(ENVIRONMENT)
        if not install.has_package(python, "torch") and install.wants_cuda(python):
            install.install_cpu_torch(python, ENVIRONMENT)
    except SystemExit as end:
        return shortened(str(end), "")
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as constraints:
        constraints.write("\n".join(line for line in lines if line.partition("==")[0] not in pinned()) + "\n")
        constraints.flush()
        print("installing the peers (a few minutes the first time) ...", file=sys.stderr, flush=True)
        command = [python, "-m", "pip", "install", *install.QUIET, "-c", constraints.name, "-r", PEERS, "torch"]
        done = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True)
    if done.returncode == 0:
        return ""
    print(done.stderr, file=sys.stderr)
    return shortened("\n".join(line for line in done.stderr.splitlines() if line.startswith("ERROR")), "")


def pinned() -> list[str]:
    """The packages that peers.txt names."""
    lines = PEERS.read_text(encoding="utf-8").splitlines()
    return [line.partition("==")[0] for line in lines if "==" in line and not line.startswith("#")]


def versions(python: str | Path, names: Sequence[str]) -> dict[str, str]:
    """The versions of these packages that this Python finds."""
    if not Path(python).exists():
        return {}
    done = subprocess.run([python, "-m", "pip", "list", "--format", "json"], stdout=subprocess.PIPE, check=True)
    found = {package["name"].lower(): package["version"] for package in json.loads(done.stdout)}
    return {name: found[name] for name in names if name in found}


def measured(tool: str, tokens: int, model: Path, out: Path, limit_s: float, memory_gib: float) -> dict[str, Any]:
    """One tool at one length: what happened, times, memory, and the size of what it wrote."""
    ours = tool.startswith("reportgen")
    if ours:
        kinds = "html" if tool == "reportgen-html" else "html,pdf"
        options = ["--max-length", str(tokens), "--format", kinds, "--device", "cpu", "--offline", "--overwrite"]
        command = [sys.executable, "-m", "reportgen", "run", "--model", model, "--file", model / "documents.txt"]
        command += [*options, "--json", "-o", out / "report"]
    else:
        command = [PEER, __file__, "--child", tool, "--model", model, "--tokens", str(tokens), "--out", out]
    cell, code = watched(command, out, limit_s, memory_gib)
    if cell["happened"] is not None:
        return cell
    found = told(ours, code, out)
    if found["happened"] == "done":
        pages = [path for path in out.rglob("*") if path.suffix in (".html", ".pdf")]
        found["output_mb"] = round(sum(path.stat().st_size for path in pages) / 1e6, 2)
    found["happened"] = shortened(found["happened"], str(model.parent))
    return cell | found


def told(ours: bool, code: int, out: Path) -> dict[str, Any]:
    """The figures of a process: ours has every stage, and work is everything but loading the model."""
    if ours and code == 0:
        stages = json.loads((out / "stdout").read_text(encoding="utf-8"))["seconds"]
        return {"happened": "done", "work_s": round(sum(stages.values()) - stages["load"], 2), "stages_s": stages}
    if (out / "result.json").exists():
        found: dict[str, Any] = json.loads((out / "result.json").read_text(encoding="utf-8"))
        return found
    if code < 0:
        return {"happened": f"killed by {signal.Signals(-code).name}"}
    lines = [line for line in (out / "stderr").read_text(encoding="utf-8", errors="replace").splitlines() if line]
    errors = [line for line in lines if line.startswith("error:")] or lines[-1:] or ["no message"]
    return {"happened": f"exit code {code}: {errors[0]}"}


def shortened(message: str, folder: str) -> str:
    """The first line of a message, without the folder of this run, not too long."""
    lines = [line.strip() for line in message.splitlines() if line.strip()] or ["no message"]
    line = lines[0].replace(folder, "...") if folder else lines[0]
    return line if len(line) <= CUT else line[: CUT - 4] + " ..."


def watched(command: list[Any], out: Path, limit_s: float, memory_gib: float) -> tuple[dict[str, Any], int]:
    """Run a process within its limits: time, memory, what ended it (None: itself), and its exit status."""
    began, peak, happened = time.perf_counter(), 0, None
    with (out / "stdout").open("wb") as stdout, (out / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            command, stdout=stdout, stderr=stderr, stdin=subprocess.DEVNULL, env=SURROUNDINGS, start_new_session=True
        )
        try:
            while process.poll() is None:
                peak = max(peak, resident(process.pid))
                if peak > memory_gib * 2**30:
                    happened = "killed: out of memory"
                elif time.perf_counter() - began > limit_s:
                    happened = f"stopped after {limit_s:.0f} s"
                if happened:
                    break
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(SAMPLE_S)
        finally:
            taken = time.perf_counter() - began
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it started, too
            code = process.wait()
    return {"happened": happened, "wall_s": round(taken, 2), "peak_mb": round(peak / 1e6)}, code


def resident(pid: int) -> int:
    """The peak memory of a process in bytes, or that since the last reset, with the memory of its children now."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return held(pid, "VmHWM") + sum(held(int(child), "VmRSS") for child in children)
    return 0


def held(pid: int, what: str) -> int:
    """Memory of a process in bytes; 0 where it has gone."""
    with contextlib.suppress(OSError):
        found = re.search(rf"^{what}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else 0
    return 0


def markdown(results: dict[str, Any]) -> str:
    """The section of README.md: how it was measured, and a table for each length."""
    machine = results["machine"]
    ours, peers = (
        ", ".join(f"{name} {version}" for name, version in results["versions"][where].items() if "date" not in name)
        for where in ("reportgen", "peers")
    )
    parts = [
        "The same document with other tools: the demo's documents, joined "
        "and cut, read by a random Longformer-base (12 layers x 12 heads, window 512) on the CPU, in float32. Every "
        f"cell is a process of its own, run once; it is ended after {results['limit_s']:,.0f} s, or when it holds more "
        f"than {results['memory_gib']:g} GiB. Failures are quoted from the tool.",
        f"{peers}; {ours}. Python {machine['python']}, {machine['architecture']}, {machine['cores']} cores.",
        "\n".join(f"- {line}" for line in explained(results)),
    ]
    for tokens in dict.fromkeys(cell["tokens"] for cell in results["cells"]):
        rows = [row(cell) for cell in results["cells"] if cell["tokens"] == tokens]
        parts.append(f"### {tokens:,} tokens")
        parts.append("\n".join([HEAD, "|---|---|---:|---:|---:|---:|", *rows]))
    return "\n\n".join(wrapped(part) for part in parts)


def explained(results: dict[str, Any]) -> list[str]:
    """What every tool was asked for, and what the columns hold."""
    lines = {
        "reportgen": "**reportgen**: `reportgen run`; its work is all stages but the loading of the model, imports "
        "that a stage makes when it needs them counted.",
        "bertviz": "**BertViz**: `head_view` of all layers and heads. It draws square maps; Longformer's bands were "
        "made square by this script, within the time of its work.",
        "captum": f"**Captum**: `LayerIntegratedGradients` over the embeddings, {results['steps']} steps, one at a "
        "time, and `visualize_text`. Attributions to one label, no attention.",
        "shap": "**SHAP**: `shap.Explainer` of a text classification pipeline, `max_evals="
        f"{results['max_evals']}`, and `plots.text`. Attributions to groups of tokens, no attention.",
        "inseq": '**inseq**: `load_model(..., "integrated_gradients")`, which is made for models that write text.',
    }
    used = {cell["tool"].removesuffix("-html") for cell in results["cells"]}
    columns = (
        "**Whole**: seconds of the process, imports and loading of the model included. **Work**: without these, from "
        "the text to the file. **Memory**: the most that the process and those that it began held. **Output**: the "
        "page, and the PDF where there is one."
    )
    return [columns, *(line for tool, line in lines.items() if tool in used)]


def wrapped(part: str) -> str:
    """A paragraph or a list in lines of the README's length; a table or a heading as it is."""
    if part.startswith(("#", "|")):
        return part
    lines = []
    for line in part.splitlines():
        indent = "  " if line.startswith("- ") else ""
        lines.append(textwrap.fill(line, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False))
    return "\n".join(lines)


def row(cell: dict[str, Any]) -> str:
    """One tool as a row of a table."""
    happened = cell["happened"]
    if not happened.startswith(("done", "killed", "stopped")):
        happened = "`" + happened.replace("`", "'").replace("|", "\\|") + "`"
    figures = [(cell.get(name), digits) for name, digits in FIGURES.items()]
    shown = ("–" if value is None else f"{value:,.{digits}f}" for value, digits in figures)
    return f"| {TOOLS[cell['tool']]} | {happened} | {' | '.join(shown)} |"


def child(tool: str, model: Path, tokens: int, out: Path) -> None:
    """Run as one process of the comparison: do the work of a tool, and write the outcome to result.json."""
    try:
        found = {"happened": "done", "work_s": round(CHILDREN[tool](model, tokens, out), 2)}
    except Exception as error:
        found = {"happened": failure(error)}
        if tool == "model":
            raise
    (out / "result.json").write_text(json.dumps(found), encoding="utf-8")


class RefusedError(Exception):
    """What a tool said to each of the ways that were tried."""


def failure(error: Exception) -> str:
    """The kind of an exception and the first line of its message."""
    if isinstance(error, RefusedError):
        return str(error)
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or ['no message'])[0]}"


def make_model(model: Path, tokens: int, out: Path) -> float:
    """Save a random Longformer-base with the demo's tokenizer, and next to it the demo's documents, joined."""
    import torch
    from transformers import AutoTokenizer, LongformerConfig, LongformerForSequenceClassification

    began = time.perf_counter()
    tokenizer = AutoTokenizer.from_pretrained(DEMO / "model")
    tokenizer.model_max_length = LONGEST
    torch.manual_seed(0)
    config = LongformerConfig(
        attention_window=[512] * 12, max_position_embeddings=LONGEST + 2, vocab_size=len(tokenizer), pad_token_id=1
    )
    LongformerForSequenceClassification(config).save_pretrained(model)
    tokenizer.save_pretrained(model)
    rows = (DEMO / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    text = "\n\n".join(json.loads(row)["text"] for row in rows)
    (model / "documents.txt").write_text(text, encoding="utf-8")
    return time.perf_counter() - began


def loaded(folder: Path) -> tuple[Any, Any, str]:
    """Model, tokenizer and text."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    return model, AutoTokenizer.from_pretrained(folder), (folder / "documents.txt").read_text(encoding="utf-8")


def with_bertviz(folder: Path, tokens: int, out: Path) -> float:
    """BertViz's head view of all layers and heads."""
    import torch
    from bertviz import head_view  # type: ignore[import-not-found]

    model, tokenizer, text = loaded(folder)
    began = time.perf_counter()
    inputs = tokenizer(text, truncation=True, max_length=tokens, return_tensors="pt")
    with torch.no_grad():
        answer = model(**inputs, output_attentions=True)
    maps = [square(*layer) for layer in zip(answer.attentions, answer.global_attentions, strict=True)]
    del answer
    page = head_view(maps, tokenizer.convert_ids_to_tokens(inputs["input_ids"][0]), html_action="return")
    (out / "page.html").write_text(page.data, encoding="utf-8")
    return time.perf_counter() - began


def square(local: Any, to_all: Any) -> Any:
    """Longformer's attention (1, heads, tokens, 1 + window + 1), only [CLS] global, as the map that BertViz draws."""
    import torch

    _, heads, tokens, columns = local.shape
    window = columns - 2
    wide = torch.zeros(heads, tokens, tokens + window)
    band = wide.as_strided((heads, tokens, window + 1), (tokens * (tokens + window), tokens + window + 1, 1))
    band.copy_(local[0, :, :, 1:])
    result = wide[:, :, window // 2 : window // 2 + tokens].clone()
    result[:, :, 0] += local[0, :, :, 0]
    result[:, 0, :] = to_all[0, :, :, 0]
    return result[None]


def with_captum(folder: Path, tokens: int, out: Path) -> float:
    """Captum's layer integrated gradients of the predicted label over the embeddings, and its coloured text."""
    import torch
    from captum.attr import LayerIntegratedGradients  # type: ignore[import-not-found]
    from captum.attr import visualization as drawn

    model, tokenizer, text = loaded(folder)
    began = time.perf_counter()
    inputs = tokenizer(text, truncation=True, max_length=tokens, return_tensors="pt")
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    with torch.no_grad():
        probabilities = model(ids, mask).logits.softmax(-1)[0]
    label = int(probabilities.argmax())
    baseline = torch.full_like(ids, tokenizer.pad_token_id)
    baseline[0, 0], baseline[0, -1] = ids[0, 0], ids[0, -1]
    gradients = LayerIntegratedGradients(lambda ids, mask: model(ids, mask).logits, model.longformer.embeddings)
    found = gradients.attribute(
        ids, baseline, target=label, additional_forward_args=(mask,), n_steps=STEPS, internal_batch_size=1
    )
    scores = found.sum(-1)[0]
    scores = scores / scores.norm()
    record = drawn.VisualizationDataRecord(
        scores, float(probabilities[label]), label, label, label, float(scores.sum()),
        tokenizer.convert_ids_to_tokens(ids[0]), 0.0,
    )  # fmt: skip
    (out / "page.html").write_text(drawn.visualize_text([record]).data, encoding="utf-8")
    return time.perf_counter() - began


def with_shap(folder: Path, tokens: int, out: Path) -> float:
    """SHAP's values of a text classification pipeline, and its text plot."""
    import shap  # type: ignore[import-not-found]
    from transformers import pipeline

    model, tokenizer, text = loaded(folder)
    ask = pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None, truncation=True, device="cpu")
    began = time.perf_counter()
    offsets = tokenizer(text, truncation=True, max_length=tokens, return_offsets_mapping=True)["offset_mapping"]
    values = shap.Explainer(ask, seed=0)([text[: offsets[-2][1]]], max_evals=MAX_EVALS)
    (out / "page.html").write_text(shap.plots.text(values[0], display=False), encoding="utf-8")
    return time.perf_counter() - began


def with_inseq(folder: Path, tokens: int, out: Path) -> float:
    """Inseq's integrated gradients: of the folder, then of the model, which it takes for one that writes text."""
    import inseq  # type: ignore[import-not-found]

    model, tokenizer, text = loaded(folder)
    refusals = []
    for given, what in ((str(folder), ""), (model, "given the model itself, ")):
        try:
            explained = inseq.load_model(given, "integrated_gradients", tokenizer=str(folder))
            began = time.perf_counter()
            offsets = tokenizer(text, truncation=True, max_length=tokens, return_offsets_mapping=True)["offset_mapping"]
            found = explained.attribute(text[: offsets[-2][1]], n_steps=STEPS)
            (out / "page.html").write_text(found.show(display=False, return_html=True), encoding="utf-8")
            return time.perf_counter() - began
        except Exception as error:
            refusals.append(f"{what}{failure(error)}")
    raise RefusedError("; ".join(refusals))


CHILDREN: dict[str, Callable[[Path, int, Path], float]] = {
    "model": make_model,
    "bertviz": with_bertviz,
    "captum": with_captum,
    "shap": with_shap,
    "inseq": with_inseq,
}

if __name__ == "__main__":
    main()
