"""How large page and PDF are, and how fast: `python benchmarks/page.py`, or `make bench`.

Two documents, of 2,048 and 4,096 tokens, read by a random Longformer-base (12 layers x 12 heads, window 512): random
attention is the hardest to pack. Everything is measured in the page, in Chromium, opened from disk; the table that is
printed stands in README.md beside this file.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "reportgen" / "demo" / "model"  # for its tokenizer
TOKENS = (2048, 4096)
LOADS = 5
CHANGES = 40
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

WATCH = """
globalThis.marks = {};
new PerformanceObserver((list) => { for (const e of list.getEntries()) marks[e.name] = e.startTime; })
  .observe({ type: "paint", buffered: true });
document.addEventListener("DOMContentLoaded", () => {
  const look = () => {
    const root = document.documentElement.dataset;
    if (root.ready) marks.controls ??= performance.now();
    const figures = [...document.querySelectorAll("figure")];
    if (figures.every((figure) => figure.dataset.live) && root.settled === "true") marks.charts ??= performance.now();
    else requestAnimationFrame(look);
  };
  look();
});
"""
CHANGE = """async (changes) => {
  const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const settled = async () => {
    while (document.documentElement.dataset.settled !== "true") await new Promise((done) => setTimeout(done, 5));
  };
  const times = { repainted: [], settled: [] };
  for (const change of changes) {
    await settled();
    const began = performance.now();
    reportgen.state.change(change);
    await painted();
    times.repainted.push(performance.now() - began);
    await settled();
    times.settled.push(performance.now() - began);
  }
  return times;
}"""


def main() -> None:
    """Measure, and print a table."""
    rows = {
        "PDF, MB": [],
        "PDF made, s": [],
        "page, MB": [],
        "text painted, s": [],
        "controls live, s": [],
        "all figures live, s": [],
        "layer or head changed: text repainted, ms": [],
        "layer or head changed: tables and figures too, ms": [],
        "JavaScript heap, MB": [],
    }  # type: dict[str, list[str]]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for tokens in TOKENS:
            path, seconds = make_page(Path(folder), tokens)
            rows["PDF, MB"].append(f"{path.with_suffix('.pdf').stat().st_size / 1e6:.2f}")
            rows["PDF made, s"].append(f"{seconds:.1f}")
            for name, value in measure(chromium, path).items():
                rows[name].append(value)
        version = chromium.version
        chromium.close()
    print(f"\nChromium {version}, {platform.machine()}, {os.cpu_count()} cores; median of {LOADS} loads, of {CHANGES}")
    print("changes (largest in brackets).\n")
    print("| |" + "|".join(f" {tokens:,} tokens " for tokens in TOKENS) + "|\n|---|" + "---|" * len(TOKENS))
    for name, values in rows.items():
        print(f"| {name} | {' | '.join(values)} |")


def make_page(folder: Path, tokens: int) -> tuple[Path, float]:
    """A report of the demo's documents, read by a random Longformer-base, and the seconds that its PDF took."""
    import torch
    from transformers import AutoTokenizer, LongformerConfig, LongformerForSequenceClassification

    from reportgen import pipeline
    from reportgen.clock import Clock
    from reportgen.config import Config

    documents = (ROOT / "reportgen" / "demo" / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    tokenizer.model_max_length = tokens
    torch.manual_seed(0)
    config = LongformerConfig(
        attention_window=[512] * 12, max_position_embeddings=4098, vocab_size=len(tokenizer), pad_token_id=1
    )
    model = folder / "model"
    LongformerForSequenceClassification(config).save_pretrained(model)
    tokenizer.save_pretrained(model)
    text = folder / "documents.txt"
    text.write_text("\n\n".join(json.loads(line)["text"] for line in documents), encoding="utf-8")
    chosen = Config(
        model=str(model),
        file=str(text),
        max_length=tokens,
        format=("html", "pdf"),
        output=str(folder / str(tokens)),
    )
    clock = Clock(tell=lambda stage: print(f"{tokens}: {stage}", file=sys.stderr))
    _, report = pipeline.run(chosen, clock)
    return report / "report.html", clock.seconds["pdf"]


def measure(chromium: object, path: Path) -> dict[str, str]:
    """Sizes and times of one page, as cells of the table."""
    loads = []
    for _ in range(LOADS):
        page = opened(chromium, path)
        loads.append(page.evaluate("marks"))
        page.context.close()
    page = opened(chromium, path)
    changes = [{"layers": [n % 12 + 1]} if n % 2 else {"heads": [n % 11 + 1, n % 12 + 1]} for n in range(CHANGES)]
    times = page.evaluate(CHANGE, changes)
    heap = page.context.new_cdp_session(page).send("Runtime.getHeapUsage")["usedSize"]
    page.context.close()

    def seconds(name: str) -> str:
        found = [load[name] / 1000 for load in loads]
        return f"{statistics.median(found):.2f} ({max(found):.2f})"

    def milliseconds(name: str) -> str:
        return f"{statistics.median(times[name]):.0f} ({max(times[name]):.0f})"

    return {
        "page, MB": f"{path.stat().st_size / 1e6:.2f}",
        "text painted, s": seconds("first-contentful-paint"),
        "controls live, s": seconds("controls"),
        "all figures live, s": seconds("charts"),
        "layer or head changed: text repainted, ms": milliseconds("repainted"),
        "layer or head changed: tables and figures too, ms": milliseconds("settled"),
        "JavaScript heap, MB": f"{heap / 1e6:.0f}",
    }


def opened(chromium: object, path: Path) -> Page:
    """The page in a window of its own, everything drawn."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})  # type: ignore[attr-defined]
    context.add_init_script(WATCH)
    page: Page = context.new_page()
    page.goto(path.as_uri())
    while not page.evaluate("marks.charts"):
        page.wait_for_timeout(50)
    return page


if __name__ == "__main__":
    main()
