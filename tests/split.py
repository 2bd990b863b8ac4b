"""A small split on disk, and the configuration of a run over it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reportgen.core.config import Config
from reportgen.data import choice
from reportgen.data.dataset_rows import Rows

TEXTS = [" ".join(["the heads", "of a document", "attend", "to tokens"][n % 4 :] * (n % 5 + 1)) for n in range(12)]
LABELS = ["left", "right", "left", "middle", None, "right"] * 2


def write(folder: Path) -> Path:
    """Twelve rows of JSON Lines; a third has no gold label that the tiny models know."""
    path = folder / "data.jsonl"
    pairs = enumerate(zip(TEXTS, LABELS, strict=True))
    rows = [{"id": f"doc-{n}", "text": text, "label": label} for n, (text, label) in pairs]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def opened(path: Path, **settings: Any) -> tuple[Config, Rows]:
    """The configuration of a run over the rows of a file, and the rows."""
    config = Config(model="tiny", dataset=str(path), **settings)
    return config, choice.open_rows(config)
