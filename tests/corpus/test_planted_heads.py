"""A model with one head that attends to the token before and one that attends to planted words: a corpus names both.

The weights are set by hand. A token's hidden state holds its position, one number of many, and whether its word is a
planted one. The queries of the first head hold the own position, its keys the position behind theirs; the second head
asks every token for planted words. So what the heads do is known, and not a matter of training.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import AutoModelForSequenceClassification

from reportgen.core.clock import Clock
from reportgen.corpus import gather
from reportgen.corpus.shown import head_charts, present
from tests import batches

POSITIONS, HIDDEN = 48, 64
PLANTED = ("amber", "beryl")
NOISE = tuple(f"noise{letter}" for letter in "abcdefghijklmnopqrst")
SPECIAL = ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]")
FLAG = POSITIONS  # the dimension of a hidden state that says that a word is planted


def tokenizer() -> PreTrainedTokenizerFast:
    """A token for every word."""
    words = {word: place for place, word in enumerate((*SPECIAL, *PLANTED, *NOISE))}
    made = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 2)]
    )
    named = {
        "cls_token": "[CLS]",
        "pad_token": "[PAD]",
        "sep_token": "[SEP]",
        "unk_token": "[UNK]",
        "mask_token": "[MASK]",
    }
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=POSITIONS, **named)


def model() -> Any:
    """Two heads of one layer, by hand."""
    config = BertConfig(
        vocab_size=len(SPECIAL) + len(PLANTED) + len(NOISE), hidden_size=2 * HIDDEN, num_hidden_layers=1,
        num_attention_heads=2, intermediate_size=8, max_position_embeddings=POSITIONS, pad_token_id=1,
        id2label={0: "left", 1: "right"}, label2id={"left": 0, "right": 1},
    )  # fmt: skip
    torch.manual_seed(0)
    made: Any = AutoModelForSequenceClassification.from_config(config)
    with torch.no_grad():
        embeddings, own = made.bert.embeddings, made.bert.encoder.layer[0].attention.self
        for table in (embeddings.word_embeddings, embeddings.position_embeddings, embeddings.token_type_embeddings):
            table.weight.zero_()
        embeddings.position_embeddings.weight[:, :POSITIONS] = torch.eye(POSITIONS)
        embeddings.word_embeddings.weight[len(SPECIAL) : len(SPECIAL) + len(PLANTED), FLAG] = 1.0
        for part in (own.query, own.key):
            part.weight.zero_()
            part.bias.zero_()
        for position in range(POSITIONS - 1):
            own.query.weight[position + 1, position + 1] = 1.0
            own.key.weight[position + 1, position] = 2.0  # of the token before
        own.query.bias[HIDDEN] = 30.0  # every token asks
        own.key.weight[HIDDEN, FLAG] = 1.0  # for planted words
    return made.eval()


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    model().save_pretrained(folder / "model")
    tokenizer().save_pretrained(folder / "model")
    random = np.random.default_rng(0)
    lines = []
    for _ in range(6):
        words = [str(word) for word in random.choice(NOISE, 40)]
        for place in random.choice(40, 4, replace=False):
            words[place] = str(random.choice(PLANTED))
        lines.append(f'{{"text": "{" ".join(words)}", "label": "left"}}')
    (folder / "data.jsonl").write_text("\n".join(lines) + "\n")
    asked = batches.config(folder / "model", folder / "data.jsonl", folder / "out", top_k=5, importance="none")
    batches.make(asked)
    return folder / "out"


def test_the_figure_names_both_heads(batch: Path, tmp_path: Path) -> None:
    found = gather.gather(batch, clock=Clock(), engine=gather.here(1))
    drawn = head_charts.roles(found.sums)
    assert "Previous token: layer 1 head 1; particular words: layer 1 head 2 (" in drawn.caption
    named = drawn.caption.partition("layer 1 head 2 (")[2].partition(")")[0].split(", ")
    assert set(named[:2]) == set(PLANTED)
    rows = {(row["layer"], row["head"]): row for row in drawn.spec["data"]["values"]}  # type: ignore[index]
    assert [rows[1, head]["role"] for head in (1, 2)] == ["previous token", "particular words"]
    assert drawn.data.rows[1][5].split(" · ")[:2] == named[:2]
    parts = present.parts(found, tmp_path / "out")
    assert parts.title == "out"
    examples = next(chapter for chapter in parts.chapters if chapter.key == "heads").tables[0]
    listed = examples.table.rows  # type: ignore[union-attr]
    assert {row[:2] for row in listed} == {
        ("previous token", "layer 1, head 1"),
        ("particular words", "layer 1, head 2"),
    }
    assert all(float(row[2].rstrip("%")) > 50 for row in listed)
    groups = next(chapter for chapter in parts.chapters if chapter.key == "heads").tables[1]
    assert [(row[0], row[1], row[3]) for row in groups.rows] == [  # type: ignore[union-attr]
        ("1", "layer 1, head 1", "previous token 1"),
        ("1", "layer 1, head 2", "particular words 1"),
    ], "clustering, which knows of no role, tells them apart"
