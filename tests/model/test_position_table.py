"""The period of position tables: repeated ones of several kinds, and those that only look as if they repeated."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import BartConfig, LEDConfig
from transformers.models.bart.modeling_bart import BartEncoder
from transformers.models.led.modeling_led import LEDEncoder

from reportgen.core.config import DEMO
from reportgen.model import position_table
from tests import tiny


def drawn(count: int, width: int = 32, *, seed: int = 0) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def sinusoids(count: int, width: int) -> Tensor:
    """Attention Is All You Need, 3.5: sines in one half of the columns, cosines in the other."""
    angles = torch.arange(count)[:, None] / 10_000 ** (torch.arange(0, width, 2) / width)
    return torch.cat((angles.sin(), angles.cos()), dim=1)


def walk(count: int, width: int = 32) -> Tensor:
    """Rows that differ little from their neighbours."""
    return drawn(count, width).cumsum(dim=0)


def plain_similarity(rows: Tensor, distance: int) -> float:
    pairs = zip(rows[:-distance] if distance else rows, rows[distance:], strict=True)
    return float(torch.stack([torch.cosine_similarity(a, b, dim=0) for a, b in pairs]).mean())


def test_a_small_table_by_hand() -> None:
    rows = torch.eye(20).repeat(2, 1)
    assert position_table.similarity(rows)[[0, 7, 20]].tolist() == pytest.approx([1, 0, 1], abs=1e-6)
    assert position_table.period(rows) == 20
    alike = torch.tensor([[1.0, 0], [2, 0], [0, 1]])  # of the neighbours one pair of two is alike
    assert position_table.similarity(alike).tolist() == pytest.approx([1, 0.5, 0], abs=1e-6)


@given(st.integers(2, 40), st.integers(1, 20), st.integers(0, 10))
def test_the_mean_cosine_is_that_of_all_pairs(count: int, width: int, seed: int) -> None:
    rows = drawn(count, width, seed=seed)
    found = position_table.similarity(rows)
    for distance in range(count):
        assert found[distance].item() == pytest.approx(plain_similarity(rows, distance), abs=1e-4)


@given(st.integers(17, 80), st.integers(16, 64), st.floats(2.2, 6), st.floats(0, 0.25), st.integers(0, 99))
def test_a_repeated_table_has_its_period_after_further_training_too(
    length: int, width: int, times: float, change: float, seed: int
) -> None:
    rows = drawn(length, width, seed=seed).repeat(math.ceil(times), 1)[: round(length * times)]
    assert position_table.period(rows + change * drawn(*rows.shape, seed=seed + 100)) == length


@given(st.integers(0, 200), st.integers(1, 64), st.integers(0, 99))
def test_rows_at_random_have_no_period(count: int, width: int, seed: int) -> None:
    """However few and narrow they are."""
    assert position_table.period(drawn(count, width, seed=seed)) is None


@pytest.mark.parametrize(
    "made",
    [
        *(lambda n=n, d=d: sinusoids(n, d) for n in (64, 512, 2048) for d in (8, 16, 64, 768)),
        lambda: walk(1024),
        lambda: torch.nn.functional.interpolate(drawn(64).T[None], 1024, mode="linear")[0].T,  # stretched
        lambda: torch.cat((drawn(512), drawn(512)[-1:].repeat(1536, 1))),  # filled up with the last row
        lambda: 3 * drawn(1) + 0.1 * drawn(512),  # much that all rows have in common
        lambda: torch.zeros(512, 32),
        lambda: torch.ones(512, 32),
        lambda: drawn(500).repeat(2, 1)[:540],  # the copy has only begun
        lambda: torch.full((512, 32), float("nan")),
    ],
)
def test_rows_that_are_alike_without_being_copies_have_no_period(made: Callable[[], Tensor]) -> None:
    assert position_table.period(made()) is None


@pytest.mark.parametrize(
    ("made", "period"),
    [
        (lambda: drawn(512).repeat(2, 1)[:768], 512),  # less than two periods
        (lambda: walk(256).repeat(4, 1), 256),
        (lambda: (3 * drawn(1) + 0.1 * drawn(100)).repeat(4, 1), 100),
        (lambda: drawn(512, 768).repeat(8, 1).half(), 512),
        (lambda: drawn(512, 768).repeat(8, 1).bfloat16(), 512),
    ],
)
def test_copies_are_found_whatever_their_rows_look_like(made: Callable[[], Tensor], period: int) -> None:
    assert position_table.period(made()) == period


@pytest.mark.parametrize(
    ("kind", "name", "skip", "settings"),
    [
        ("longformer", "longformer.embeddings.position_embeddings", 2, {}),
        ("roberta", "roberta.embeddings.position_embeddings", 2, {}),
        ("xlm-roberta", "roberta.embeddings.position_embeddings", 2, {}),
        ("bert", "bert.embeddings.position_embeddings", 0, {}),
        ("distilbert", "distilbert.embeddings.position_embeddings", 0, {}),
        ("albert", "albert.embeddings.position_embeddings", 0, {}),
        ("electra", "electra.embeddings.position_embeddings", 0, {}),
        ("mpnet", "mpnet.embeddings.position_embeddings", 2, {}),
        ("big_bird", "bert.embeddings.position_embeddings", 0, {"attention_type": "original_full"}),
        ("nystromformer", "nystromformer.embeddings.position_embeddings", 2, {}),
        ("gpt2", "transformer.wpe", 0, {}),
        ("opt", "model.decoder.embed_positions", 2, {"max_position_embeddings": 64}),
    ],
)
def test_the_table_of_every_family_is_found(kind: str, name: str, skip: int, settings: dict[str, object]) -> None:
    model = tiny.longformer() if kind == "longformer" else tiny.dense(kind, **settings)
    assert position_table.find(model) is None  # as it is drawn
    assert position_table.find(tiny.repeated(model, name, period=20, skip=skip)) == 20


@pytest.mark.parametrize(("skip", "encoder", "config"), [(0, LEDEncoder, LEDConfig), (2, BartEncoder, BartConfig)])
def test_the_tables_of_led_and_bart_are_found(skip: int, encoder: type, config: type) -> None:
    """LED counts from row 0 what BART, from which it is made, counts from row 2."""
    settings = {"attention_window": 4, "max_encoder_position_embeddings": 100} if skip == 0 else {}
    model = encoder(
        config(
            vocab_size=30, d_model=16, encoder_layers=1, encoder_attention_heads=2, encoder_ffn_dim=8,
            max_position_embeddings=100, **settings,
        )
    )  # fmt: skip
    assert position_table.find(tiny.repeated(model, "embed_positions", period=30, skip=skip)) == 30


@pytest.mark.parametrize("kind", ["deberta-v2", "modernbert", "llama", "xlnet"])
def test_models_without_a_table_have_no_period(kind: str) -> None:
    settings = {"position_biased_input": False} if kind == "deberta-v2" else {}
    assert position_table.find(tiny.dense(kind, **settings)) is None


def test_the_demo_has_no_period() -> None:
    assert tiny.load(DEMO / "model").period is None


def test_a_classifier_carries_its_period(tmp_path: Path) -> None:
    model = tiny.repeated(tiny.longformer(), "longformer.embeddings.position_embeddings", period=20, skip=2)
    assert tiny.load(tiny.save(model, tmp_path)).period == 20


def test_echoes_are_where_a_source_repeats() -> None:
    found = position_table.repeats(range(10), [0, 2, 7], period=4)  # 7 is beyond the first period
    assert found.nonzero()[0].tolist() == [4, 6, 8]
    assert not position_table.repeats(range(10), [0], period=None).any()
    assert not position_table.repeats([], [0], period=4).any()
