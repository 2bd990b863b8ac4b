"""twin: a model folder -> the same with its head drawn anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from reportgen.core.config import DEMO
from training.twin import HEAD, WEIGHTS, twin


def test_only_the_head_is_another_and_the_seed_says_which(tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        twin(DEMO / "model", tmp_path / name, seed=seed)
    before, after = load_file(DEMO / "model" / WEIGHTS), load_file(tmp_path / "one" / WEIGHTS)
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {name for name in before if name.startswith(HEAD)}
    assert {name: values.shape for name, values in before.items()} == {n: v.shape for n, v in after.items()}
    weights = [(tmp_path / name / WEIGHTS).read_bytes() for name in ("one", "again", "other")]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]
    assert (tmp_path / "one" / "tokenizer.json").read_bytes() == (DEMO / "model" / "tokenizer.json").read_bytes()
