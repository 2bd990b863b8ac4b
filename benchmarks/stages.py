"""The stages convert, scale, rank and tables, compared with the notebook's steps, with one read, and with the model.

`python -m benchmarks --only stages`. A process for every figure; memory is what it rises above what it had before.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks import common

SHAPES = ((12, 12, 512), (12, 12, 1024), (12, 12, 2048), (12, 6, 1024), (6, 12, 1024))  # compared with the notebook
CURVE = (512, 1024, 2048, 4096, 8192, 16384)  # tokens
DEPTHS = (12, 24)  # layers of a model of 2,048 tokens
WAYS = ("plain", "outputs", "ours")  # of reading: without attention, giving it all out, with the stages
TIMES = 5


def measure() -> dict[str, Any]:
    """All figures, and the ratios that are compared from run to run."""
    sides = []
    for shape in SHAPES:
        ours, theirs = common.child("stages", "stages", *shape), common.child("stages", "notebook", *shape)
        sides.append({"shape": shape, "ours": ours, "notebook": theirs})
    curve = [common.child("stages", "stages", 12, 12, tokens) | {"tokens": tokens} for tokens in CURVE]
    models = []
    for layers in DEPTHS:
        one = common.child("stages", "model", layers, 12, 2048) | {"layers": layers}
        for way in WAYS:
            one |= common.child("stages", way, layers, 12, 2048)
        models.append(one)
    base = next(side for side in sides if side["shape"] == (12, 12, 2048))
    ratios = {
        "stages to one read of the band, 2,048 tokens": base["ours"]["total_s"] / base["ours"]["read_s"],
        "stages to the notebook's steps, 2,048 tokens": base["ours"]["total_s"] / base["notebook"]["total_s"],
        "stages at 16,384 tokens to 8 times those at 2,048": curve[-1]["total_s"] / (8 * curve[2]["total_s"]),
        "reading with the stages to reading without, 12 layers": models[0]["ours_s"] / models[0]["plain_s"],
    }
    return {"sides": sides, "curve": curve, "models": models, "ratios": ratios}


def markdown(found: dict[str, Any]) -> str:
    """The section of README.md."""
    sides = [
        (
            "{} x {} x {:,}".format(*side["shape"]),
            f"{side['notebook']['total_s']:.1f}",
            f"{side['notebook']['above_mb']:,.0f}",
            f"{side['ours']['total_s']:.2f}",
            f"{side['ours']['above_mb']:,.0f}",
            f"{side['notebook']['total_s'] / side['ours']['total_s']:.0f} times",
            f"{side['ours']['total_s'] / side['ours']['read_s']:.0f} reads",
        )
        for side in found["sides"]
    ]
    curve = [
        (
            f"{one['tokens']:,}",
            *(f"{one[f'{stage}_s']:.2f}" for stage in ("convert", "scale", "rank", "tables", "total")),
            f"{one['total_s'] / one['tokens'] * 1000:.2f}",
        )
        for one in found["curve"]
    ]
    models = [
        (
            f"{one['layers']}",
            f"{one['plain_s']:.1f}",
            f"{one['outputs_s'] / one['plain_s']:.2f}",
            f"{one['ours_s'] / one['plain_s']:.2f}",
            f"{one['outputs_mb'] - one['plain_mb']:,.0f}",
            f"{one['ours_mb'] - one['plain_mb']:,.0f}",
            f"{one['kept_mb']:,.0f}",
        )
        for one in found["models"]
    ]
    within = ("layers", "plain, s", "outputs, time", "ours, time", "outputs, MB", "ours, MB", "result, MB")
    beside = ("layers x heads x tokens", "notebook, s", "MB", "stages, s", "MB", "faster by", "in reads of the band")
    return f"""The notebook's steps in plain NumPy ({common.WINDOW}-token window, one global token, top {common.TOP_K}),
rewritten in `notebook.py`, and our stages, on the same random attention. A test compares the results. MB is the memory
of the process above that of the attention; the last column is the limit: how often the attention could be read from
memory in the time of the stages.

{common.table(beside, sides)}

The cost by length, 12 layers x 12 heads, seconds; median of {TIMES} runs in one process, after a first run that is
not counted (one run from 8,192 tokens on). `tables` writes all files of the folder `tables`.

{common.table(("tokens", "convert", "scale", "rank", "tables", "together", "ms a token"), curve)}

Within the model: a random Longformer-base reads 2,048 tokens without attention, with `output_attentions=True` and
nothing else, and with our hooks and the conversion. Times are relative to the plain one; memory is that above the plain
forward pass. The result is a part of our memory, and grows with every layer.

{common.table(within, models)}"""


def ours(layers: int, heads: int, tokens: int) -> dict[str, float]:
    """Seconds of every stage, and memory."""
    import torch

    from reportgen.core.nouns.records import Attention, HeadImportance
    from reportgen.model.attention import convert
    from reportgen.report import rank, scale, tables

    one = common.layer(heads=heads, tokens=tokens)
    weights = np.random.default_rng(0).random((layers, heads), np.float32)
    importance = HeadImportance(weights, "taylor", "")
    read = _Read(tokens)
    times: list[dict[str, float]] = []

    def run() -> None:
        at = [time.perf_counter()]
        with torch.inference_mode():
            made = [convert.convert(one, top_k=common.TOP_K, reader=0) for _ in range(layers)]
        names = ("received", "attended_positions", "attended_weights", "attending_positions", "attending_weights")
        attention = Attention(
            **{name: np.stack([getattr(each, name) for each in made]) for name in names},
            reader=np.stack([each.reader for each in made if each.reader is not None]),
            maps=np.stack([each.shares for each in made]),
            reader_position=0,
            global_positions=(0,),
            windows=(common.WINDOW,) * layers,
            row_error=0.0,
            zero_share=0.0,
        )
        at.append(time.perf_counter())
        scores = scale.scale(attention, importance)
        at.append(time.perf_counter())
        rankings = rank.rank(attention, scores, read, top_k=common.TOP_K)  # type: ignore[arg-type]
        at.append(time.perf_counter())
        report = SimpleNamespace(attention=attention, tokens=read, example=SimpleNamespace(text="x" * tokens))
        tables.files(report, scores, rankings)  # type: ignore[arg-type]
        at.append(time.perf_counter())
        stages = ("convert_s", "scale_s", "rank_s", "tables_s")
        taken = dict(zip(stages, np.diff(at).tolist(), strict=True))
        times.append(taken | {"total_s": sum(taken.values())})

    above = common.above(run)
    for _ in range(TIMES if tokens < 8192 else 1):
        run()
    found = {name: statistics.median(one[name] for one in times[1:]) for name in times[0]}
    reading = layers * common.median(partial(one.local.sum), times=TIMES)
    return found | {"above_mb": above, "read_s": reading}


class _Read:
    """Tokens, as far as ranks and tables ask for them."""

    def __init__(self, count: int) -> None:
        self.strings = tuple(f"t{position % 997}" for position in range(count))
        self.starts, self.ends, self.special = range(count), range(1, count + 1), (False,) * count
        self.content = np.ones(count, bool)

    def __len__(self) -> int:
        return len(self.strings)


def notebook(layers: int, heads: int, tokens: int) -> dict[str, float]:
    """Seconds and memory of the notebook's steps."""
    from benchmarks import notebook as steps

    one = common.layer(heads=heads, tokens=tokens)
    local, global_ = one.local.numpy(), one.global_.numpy()
    weights = np.random.default_rng(0).random((layers, heads), np.float32)
    strings = [f"t{position % 997}" for position in range(tokens)]

    def run() -> None:
        dense = np.stack([steps.convert(local, global_, common.WINDOW) for _ in range(layers)])
        weighed, scores = steps.scale(dense, weights)
        order, most = steps.rank(dense), steps.attended(weighed, common.TOP_K)
        with tempfile.TemporaryDirectory() as folder:
            steps.tables(weighed, scores, order, most, strings, Path(folder))

    began = time.perf_counter()
    above = common.above(run)
    return {"total_s": time.perf_counter() - began, "above_mb": above}


def _ways(layers: int, tokens: int) -> dict[str, Callable[[], object]]:
    """How a random model reads a document: plainly, with attention given out, and with the stages."""
    import torch

    from reportgen.model.reading import forward_pass

    reader, document = common.reader(layers=layers, tokens=tokens, device="cpu")
    inputs = forward_pass.batch(reader, [document])

    def with_outputs() -> None:
        with torch.inference_mode():
            reader.model(**inputs, output_attentions=True)

    return {
        "plain": lambda: forward_pass.predict_logits(reader, [document]),
        "outputs": with_outputs,
        "ours": lambda: common.reduced(reader, [document]),
    }


def model(layers: int, tokens: int) -> dict[str, float]:
    """Seconds of reading a document in each of the ways, one after the other in turn."""
    ways = _ways(layers, tokens)
    for way in ways.values():
        way()
    rounds = [{name: common.seconds(way) for name, way in ways.items()} for _ in range(3)]
    return {f"{name}_s": statistics.median(one[name] for one in rounds) for name in ways}


def memory(way: str, layers: int, tokens: int) -> dict[str, float]:
    """What reading in one of the ways takes above what the model takes; of ours, also what is kept at its end."""
    read = _ways(layers, tokens)[way]
    given: list[Any] = []
    taken = {f"{way}_mb": common.above(lambda: given.append(read()))}
    if way == "ours":
        (summaries,) = given
        values = (getattr(one, field.name) for one in summaries for field in dataclasses.fields(one))
        taken["kept_mb"] = sum(value.nbytes for value in values if isinstance(value, np.ndarray)) / 1e6
    return taken


def main() -> None:
    """Be one of the processes that are measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--child", choices=("stages", "notebook", "model", *WAYS), required=True)
    parser.add_argument("shape", type=int, nargs=3)
    chosen = parser.parse_args()
    layers, heads, tokens = chosen.shape
    if chosen.child in WAYS:
        told = memory(chosen.child, layers, tokens)
    elif chosen.child == "model":
        told = model(layers, tokens)
    else:
        told = (ours if chosen.child == "stages" else notebook)(layers, heads, tokens)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
