"""How large the page is, and how fast in the browser: `python -m benchmarks --only page`.

Two documents, of 2,048 and 4,096 tokens, read by a random Longformer-base (12 layers x 12 heads, window 512): random
attention is the hardest to pack. Everything is measured in the page, in Chromium, opened from disk.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks import common

TOKENS = (2048, 4096)
LOADS = 5
CHANGES = 40
BROWSER = shutil.which("chromium") or shutil.which("chromium-headless-shell")
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


def measure() -> dict[str, Any]:
    """Sizes and times of both pages."""
    pages = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        for tokens in TOKENS:
            pages[str(tokens)] = measure_page(chromium, make_page(Path(folder), tokens))
        version = chromium.version
        chromium.close()
    loads = [page["charts_ms"][0] for page in pages.values()]
    return {
        "chromium": version,
        "pages": pages,
        "ratios": {"page, all figures live, 4,096 tokens to 2,048": loads[1] / loads[0]},
    }


def markdown(found: dict[str, Any]) -> str:
    """The section of README.md."""

    def cells(name: str, divided: float, digits: int) -> list[str]:
        values = [page[name] for page in found["pages"].values()]
        return [f"{value[0] / divided:.{digits}f} ({value[1] / divided:.{digits}f})" for value in values]

    rows = [
        ("page, MB", *(f"{page['bytes'] / 1e6:.2f}" for page in found["pages"].values())),
        ("text painted, s", *cells("first-contentful-paint_ms", 1000, 2)),
        ("controls live, s", *cells("controls_ms", 1000, 2)),
        ("all figures live, s", *cells("charts_ms", 1000, 2)),
        ("layer or head changed: text repainted, ms", *cells("repainted_ms", 1, 0)),
        ("layer or head changed: tables and figures too, ms", *cells("settled_ms", 1, 0)),
        ("JavaScript heap, MB", *(f"{page['heap'] / 1e6:.0f}" for page in found["pages"].values())),
    ]
    return f"""A random Longformer-base (12 layers x 12 heads, window 512) reads the demo's documents: random attention
is the hardest to pack, a trained model's page is smaller. Every time is taken in the page, from the start of its
loading from disk; the repaint ends when the browser has painted the text in its new colours. Chromium
{found["chromium"]}; median of {LOADS} loads, of {CHANGES} changes (largest in brackets).

{common.table(("", *(f"{int(tokens):,} tokens" for tokens in found["pages"])), rows)}

The limits that the project sets itself: 4 MB at 2,048 tokens and 7 MB at 4,096; text within 0.5 s, charts within 3 s, a
change of layer or head within 100 ms, on two cores."""


def make_page(folder: Path, tokens: int) -> Path:
    """A report of the demo's documents, read by a random Longformer-base."""
    from reportgen import pipeline
    from reportgen.core.clock import Clock
    from reportgen.core.config import Config

    model = common.model(folder / f"model-{tokens}", longest=tokens)
    chosen = Config(
        model=str(model),
        file=str(model / "documents.txt"),
        max_length=tokens,
        format=("html",),
        output=str(folder / str(tokens)),
    )
    report = pipeline.run(chosen, Clock()).folder
    return report / "report.html"


def measure_page(chromium: Browser, path: Path) -> dict[str, Any]:
    """Sizes and times of one page; median and largest of the times."""
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
    times |= {name: [load[name] for load in loads] for name in ("first-contentful-paint", "controls", "charts")}
    found = {f"{name}_ms": (statistics.median(values), max(values)) for name, values in times.items()}
    return found | {"bytes": path.stat().st_size, "heap": heap}


def opened(chromium: Browser, path: Path) -> Page:
    """The page in a window of its own, everything drawn."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(WATCH)
    page: Page = context.new_page()
    page.goto(path.as_uri())
    while not page.evaluate("marks.charts"):
        page.wait_for_timeout(50)
    return page
