"""What is no file, or has no end, is refused at once wherever a file is read, with the exit code of the place."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests import foreign
from tests.cli.test_cli import call, fails

AT_ONCE = 5.0  # seconds, on a machine that is busy; a pipe would be waited for without end
PLACES = {
    "text": (("run", "--file", "x.txt"), 3),
    "scores": (("render", "--scores", "x.json"), 3),
    "preset": (("run", "--preset", "x.toml"), 2),
    "preset to show": (("presets", "show", "x.toml"), 2),
    "settings of a site": (("site", "build", "--config", "x.toml"), 2),
    "ids": (("batch", "--ids", "x.txt"), 3),
    "importance, safetensors": (("run", "--importance", "x.safetensors"), 5),
    "importance, NumPy": (("run", "--importance", "x.npy"), 5),
    "importance, PyTorch": (("run", "--importance", "x.pt"), 5),
    "importance, JSON": (("run", "--importance", "x.json"), 5),
    "importance, CSV": (("run", "--importance", "x.csv"), 5),
    "CSV": (("run", "--model", "demo", "--dataset", "x.csv", "--index", "0"), 3),
    "JSON Lines": (("run", "--model", "demo", "--dataset", "x.jsonl", "--index", "0"), 3),
    "packed": (("run", "--model", "demo", "--dataset", "x.csv.gz", "--index", "0"), 3),
    "Parquet": (("run", "--model", "demo", "--dataset", "x.parquet", "--index", "0"), 3),
    "report": (("verify", "x"), 7),
    "report to render": (("render", "x"), 7),
    "report to run again": (("rerun", "x"), 7),
    "report to test": (("faithfulness", "x"), 7),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", foreign.SPECIAL)
def test_what_is_no_file_is_refused_at_once(kind: str, place: str, here: Path) -> None:
    arguments, code = PLACES[place]
    name = next(word for word in arguments if word.partition(".")[0] == "x")
    foreign.put(kind, here / name)
    before = foreign.tree(here)
    began = time.monotonic()
    result = call(*arguments)
    assert time.monotonic() - began < AT_ONCE
    fails(result, code)
    assert name in result.stderr
    assert foreign.tree(here) == before
