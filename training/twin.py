"""Make the untrained-head twin of the demo model: every weight is the demo's, but its classifier head is drawn anew.

What differs between the two can only come from the head: attention does not. `make site` compares them.
"""

import shutil
from pathlib import Path

import click
import numpy as np
from safetensors.numpy import load_file, save_file

from reportgen.core.config import DEMO

HEAD = "classifier."  # the names of its weights begin so
WEIGHTS = "model.safetensors"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--seed", default=0, help="Of the new weights. [default: 0]")
def main(folder: Path, seed: int) -> None:
    """Write the twin into FOLDER."""
    twin(DEMO / "model", folder, seed=seed)


def twin(source: Path, folder: Path, *, seed: int) -> None:
    """Copy a model folder with its classifier head drawn anew.

    Args:
        source: A model folder with one file of weights.
        folder: Of the twin; made if it is not there.
        seed: Of the new weights. Weights of a layer get the mean and deviation that they had, biases become 0.
    """
    shutil.copytree(source, folder, dirs_exist_ok=True)
    weights = load_file(source / WEIGHTS)
    drawn = np.random.default_rng(seed)
    for name in sorted(name for name in weights if name.startswith(HEAD)):
        old = weights[name]
        new = drawn.normal(old.mean(), old.std(), old.shape) if old.ndim > 1 else np.zeros(old.shape)
        weights[name] = new.astype(old.dtype)
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


if __name__ == "__main__":
    main()
