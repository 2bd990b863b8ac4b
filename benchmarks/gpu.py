"""Reading on a GPU: examples a second, what the stages add, memory, and how half precision compares.

`python -m benchmarks --only gpu`, on a machine with a GPU; without one nothing is written.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from benchmarks import common

LENGTHS, BATCHES, DTYPES = (2048, 4096), (1, 8, 32), ("float32", "bfloat16", "float16")


def measure() -> dict[str, Any] | None:
    """Everything at every length, batch size and precision; None without a GPU."""
    import torch

    if not torch.cuda.is_available():
        return None
    rows = [
        common.child("gpu", tokens, size, dtype) for tokens in LENGTHS for size in BATCHES for dtype in DTYPES
    ]  # a process each: what one leaves in memory is not the next one's
    name = torch.cuda.get_device_name()
    ratios = {
        f"stages to the forward pass, {row['tokens']:,} tokens, batch {row['batch']}, {row['dtype']}": row["share"]
        for row in rows
    }
    return {"device": name, "rows": rows, "ratios": ratios}


def markdown(found: dict[str, Any]) -> str:
    """The section of README.md."""
    rows = [
        (
            f"{row['tokens']:,}",
            row["batch"],
            row["dtype"],
            f"{row['examples_s']:.1f}",
            f"{row['share']:.1%}",
            f"{row['above_mb']:,.0f}",
            f"{row['received']:.1e}",
            f"{row['equal_top']:.1%}",
        )
        for row in found["rows"]
    ]
    head = ("tokens", "batch", "dtype", "examples/s", "stages to forward", "MB above forward", "received off by",
            "rows with equal top 10")  # fmt: skip
    return f"""{found["device"]}. A random Longformer-base reads documents of full length. The stages are what reading
with attention and all reductions takes above reading without; memory likewise. The last two columns compare with
float32.

{common.table(head, rows)}"""


def read(tokens: int, size: int, dtype: str, device: str, *, layers: int = 12) -> dict[str, Any]:
    """One row of the table."""
    import torch

    from reportgen.model.reading import forward_pass

    how: dict[str, Any] = {"layers": layers, "tokens": tokens, "device": device}
    exact, document = common.reader(**how)  # the same random weights in both
    reader, _ = common.reader(dtype=dtype, **how)
    documents = [document] * size

    def measured(work: Any) -> tuple[float, float]:
        work()
        if device == "cpu":
            return common.seconds(work), 0.0
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        taken = common.median(lambda: (work(), torch.cuda.synchronize()), times=3)
        return taken, torch.cuda.max_memory_allocated() / 1e6

    plain_s, plain_mb = measured(lambda: forward_pass.predict_logits(reader, documents))
    ours_s, ours_mb = measured(lambda: common.reduced(reader, documents))
    pairs = list(zip(common.reduced(exact, [document]), common.reduced(reader, [document]), strict=True))
    off = max(float(np.max(np.abs(b.received - a.received) / np.maximum(a.received, 1e-9))) for a, b in pairs)
    equal = [np.sort(a.attended_positions) == np.sort(b.attended_positions) for a, b in pairs]
    return {
        "tokens": tokens,
        "batch": size,
        "dtype": dtype,
        "examples_s": size / ours_s,
        "share": ours_s / plain_s - 1,
        "above_mb": ours_mb - plain_mb,
        "received": off,
        "equal_top": float(np.mean([same.all(axis=-1).mean() for same in equal])),
    }


def main() -> None:
    """Be one of the processes that are measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--child", action="store_true", required=True)
    parser.add_argument("tokens", type=int)
    parser.add_argument("size", type=int)
    parser.add_argument("dtype", choices=DTYPES)
    parser.add_argument("--device", default="cuda")
    chosen = parser.parse_args()
    print(json.dumps(read(chosen.tokens, chosen.size, chosen.dtype, chosen.device)))


if __name__ == "__main__":
    main()
