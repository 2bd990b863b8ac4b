"""What every test shares: one thread for torch, no hub, and Hypothesis without a clock."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when huggingface_hub is imported

import pytest
import torch
from hypothesis import settings

from tests import tiny

torch.set_num_threads(1)
settings.register_profile("reportgen", deadline=None, max_examples=60, derandomize=True, database=None)
settings.load_profile("reportgen")


@pytest.fixture(scope="session")
def _saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tiny.longformer(), tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def folder(_saved: Path, tmp_path: Path) -> Path:
    """A tiny Longformer classifier with its tokenizer on disk, the test's own to damage."""
    return Path(shutil.copytree(_saved, tmp_path / "model"))


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A file that foreign code would create; that it is not there is checked after the test."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), "foreign code has run"
