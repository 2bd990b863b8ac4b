"""A training that was killed and started again ends with the same weights; a BERT made long is still that BERT."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertModel

from tests import tiny
from training import minilm, train

STEPS, KILLED = 6, 5


class Killed(BaseException):
    """Nothing catches it."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "LENGTHS", (32, 64))
    monkeypatch.setattr(train, "BATCH_TOKENS", 64)
    monkeypatch.setattr(minilm, "EVERY", 2)


def pages() -> train.Pages:
    draw = torch.Generator().manual_seed(0)
    text = [torch.randint(110, tiny.VOCABULARY, (100,), generator=draw).tolist() for _ in range(4)]
    return {0: [(text[0], text[1])], 1: [(text[2], text[3])]}


def weights_after(checkpoint: Path, *, killed_at: int | None = None, seed: int = 0) -> dict[str, Tensor]:
    model = tiny.longformer(dropout=0.1)
    with pytest.MonkeyPatch.context() as patch:
        if killed_at is not None:
            step = minilm.step_loss

            def stop(model: object, pages: object, *, seed: int) -> Tensor:
                if seed % STEPS == killed_at:
                    raise Killed
                return step(model, pages, seed=seed)

            patch.setattr(minilm, "step_loss", stop)
        minilm.fine_tune(model, pages(), seed=seed, steps=STEPS, checkpoint=checkpoint)
    assert not model.training
    return model.state_dict()


def test_a_training_that_was_killed_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole = weights_after(tmp_path / "whole")
    with pytest.raises(Killed):
        weights_after(tmp_path / "killed", killed_at=KILLED)
    assert torch.load(tmp_path / "killed", weights_only=True)["done"] == KILLED - 1
    resumed = weights_after(tmp_path / "killed")
    assert all(torch.equal(weight, resumed[name]) for name, weight in whole.items())
    start = tiny.longformer(dropout=0.1).state_dict()
    assert not all(torch.equal(weight, whole[name]) for name, weight in start.items())


def test_another_seed_gives_other_weights_and_refuses_the_checkpoint(tmp_path: Path) -> None:
    one, other = (weights_after(tmp_path / f"{seed}", seed=seed) for seed in (0, 1))
    assert not all(torch.equal(weight, other[name]) for name, weight in one.items())
    with pytest.raises(ValueError, match="of a training with"):
        weights_after(tmp_path / "0", seed=1)


def test_a_bert_made_long_repeats_its_positions_and_copies_its_projections() -> None:
    bert = BertModel(BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
                                vocab_size=10))  # fmt: skip
    made = minilm.lengthened(bert.state_dict())
    table = made[minilm.TABLE]
    assert table.shape == (minilm.POSITIONS + 1, 8)
    assert not table[0].any()
    torch.testing.assert_close(table[1 : 1 + minilm.PERIOD], table[1 + minilm.PERIOD : 1 + 2 * minilm.PERIOD])
    path = "longformer.encoder.layer.0.attention.self"
    assert made[f"{path}.key_global.weight"] is not made[f"{path}.key.weight"]
    assert torch.equal(made[f"{path}.key_global.weight"], bert.encoder.layer[0].attention.self.key.weight)
    assert not any("pooler" in name for name in made)
