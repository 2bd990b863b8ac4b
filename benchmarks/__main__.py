"""Measure, compare with the stored run, store this one, and write README.md: `make bench`.

`python -m benchmarks --only start rendering` measures some sections, and leaves the others as they were measured last.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from types import ModuleType
from typing import Any

from benchmarks import against, batches, common, gpu, page, peers, rendering, stages, start

SECTIONS: dict[str, tuple[str, ModuleType]] = {
    "stages": ("The stages", stages),
    "start": ("From a cold start", start),
    "rendering": ("Page and PDF", rendering),
    "batches": ("Batches", batches),
    "page": ("The page in the browser", page),
    "gpu": ("On a GPU", gpu),
    "peers": ("Other tools", peers),
    "against": ("Against an earlier commit", against),
}
KEPT = common.ROOT / "benchmarks" / "results.json"
README = common.ROOT / "benchmarks" / "README.md"
SLOWER = 1.2  # a ratio that has grown by more is reported
BEGINNING = """# Benchmarks

`make bench` measures again, compares with the stored results, and writes this file;
`make bench ARGS="--only start page"` measures only some sections,
`make bench ARGS="--against 960abb6"` that commit and this one, in turn. It needs Linux and
Chromium, two quiet cores, and about {minutes:.0f} minutes. Seconds depend on the machine, ratios less
so. Every section names its machine.
"""


def main() -> None:
    """Measure the wanted sections and write the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    usual = [name for name in SECTIONS if name != "against"]
    parser.add_argument("--only", nargs="+", choices=usual, help="sections; default: all")
    parser.add_argument("--against", metavar="COMMIT", help="measure that commit and this one, in turn; nothing else")
    parser.add_argument("--times", type=int, default=against.TIMES, metavar="N", help="runs of each task of --against")
    parser.add_argument("--tasks", default="", metavar="TEXT", help="tasks of --against whose name holds it; not kept")
    chosen = parser.parse_args()
    wanted = chosen.only or (["against"] if chosen.against else usual)
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    for name in wanted:
        print(f"{name} ...", file=sys.stderr, flush=True)
        began = datetime.datetime.now(datetime.UTC)
        found = (
            against.measure(chosen.against, times=chosen.times, tasks=chosen.tasks)
            if name == "against"
            else SECTIONS[name][1].measure()
        )
        if chosen.tasks:
            print(against.markdown(found))
            return
        if found is None:
            print(f"{name}: nothing here to measure it on", file=sys.stderr)
            continue
        taken = (datetime.datetime.now(datetime.UTC) - began).total_seconds()
        for line in slower(kept.get(name, {}).get("found", {}), found):
            print(f"slower: {line}")
        kept[name] = {
            "measured": began.date().isoformat(),
            "commit": common.commit(),
            "minutes": round(taken / 60, 1),
            "machine": common.machine(),
            "found": found,
        }
        KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        README.write_text(readme(kept), encoding="utf-8")


def slower(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The ratios that have grown by more than a fifth, in words.

    >>> slower({"ratios": {"a to b": 2.0, "c to d": 1.0}}, {"ratios": {"a to b": 3.0, "c to d": 1.1, "e to f": 9.0}})
    ['a to b is 3 now, it was 2: 50 % more']
    """
    then = before.get("ratios", {})
    return [
        f"{name} is {ratio:.3g} now, it was {then[name]:.3g}: {ratio / then[name] - 1:.0%} more".replace("%", " %")
        for name, ratio in now["ratios"].items()
        if name in then and ratio > SLOWER * then[name]
    ]


def _option(name: str, section: dict[str, Any]) -> str:
    return f"--against {section['found']['against']}" if name == "against" else f"--only {name}"


def readme(kept: dict[str, Any]) -> str:
    """README.md, from what was kept."""
    parts = [BEGINNING.format(minutes=sum(section["minutes"] for section in kept.values()))]
    for name, (title, module) in SECTIONS.items():
        if name not in kept:
            continue
        section, machine = kept[name], kept[name]["machine"]
        versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
        text = module.markdown(section["found"]).strip()
        parts.append(
            f"## {title}: `python -m benchmarks {_option(name, section)}`\n\n{text}\n\n"
            f"<small>{section['measured']}, commit {section['commit']}; {machine['processor']}, {machine['cores']} "
            f"cores; Python {machine['python']}, {versions}.</small>\n"
        )
    if "gpu" not in kept:
        parts.append("Nothing here was measured on a GPU: none was at hand. `--only gpu` does so where there is one.\n")
    return "\n".join(parts)


if __name__ == "__main__":
    main()
