"""top_k: the k largest weights of every row, exactly, whatever way they are found."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reportgen.model.attention import top_k

DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def rows(kind: str, *, heads: int, count: int, width: int, seed: int) -> torch.Tensor:
    """Weights (head, row, column) of a kind."""
    rng = np.random.default_rng(seed)
    shape = (heads, count, width)
    return torch.from_numpy(
        {
            "distinct": lambda: rng.random(shape),
            "close": lambda: 0.5 + rng.integers(0, 40, shape) * 2.0**-24,  # apart by less than a column's number takes
            "tied": lambda: rng.integers(0, 4, shape) / 4,
            "few": lambda: rng.random(shape) * (rng.random(shape) < 0.02),
            "none": lambda: np.zeros(shape),
            "small": lambda: rng.random(shape) * 2.0**-140,  # below the normal numbers of float32
        }[kind]().astype(np.float32)
    )


def sorted_out(weights: torch.Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The head of the stable sort."""
    values = weights.float().numpy()
    order = np.argsort(-values, axis=-1, kind="stable")[..., :k]
    return order, np.take_along_axis(values, order, axis=-1)


@given(
    st.sampled_from(["distinct", "close", "tied", "few", "none", "small"]),
    st.sampled_from([1, 7, 8, 63, 64, 65, 200, 513]),
    st.integers(1, 14),
    st.sampled_from(DTYPES),
    st.integers(0, 2**16),
)
def test_the_k_largest_are_those_of_a_stable_sort(kind: str, width: int, k: int, dtype: torch.dtype, seed: int) -> None:
    weights = rows(kind, heads=2, count=5, width=width, seed=seed).to(dtype)
    positions, best = top_k.of_rows(weights, k=k)
    wanted, values = sorted_out(weights, k)
    np.testing.assert_array_equal(positions.numpy(), wanted)
    np.testing.assert_array_equal(best.float().numpy(), values)
    assert best.dtype == dtype


@pytest.mark.parametrize("transposed", [False, True])
def test_blocks_and_strides_change_nothing(monkeypatch: pytest.MonkeyPatch, transposed: bool) -> None:
    """A block of a few rows, and columns that lie apart in memory."""
    monkeypatch.setattr(top_k, "BLOCK", 2 * 16 * 300)
    weights = rows("distinct", heads=2, count=37, width=300, seed=1)
    given_as = weights.transpose(1, 2).contiguous().transpose(1, 2) if transposed else weights
    positions, _ = top_k.of_rows(given_as, k=4)
    np.testing.assert_array_equal(positions.numpy(), sorted_out(weights, 4)[0])
    np.testing.assert_array_equal(given_as.numpy(), weights.numpy())  # what is looked at stays as it is


def test_a_position_may_be_another_than_the_column() -> None:
    """Columns of the window of a row; the first stands for a global token behind all others."""
    weights = rows("tied", heads=1, count=20, width=100, seed=3)

    def position(columns: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
        return torch.where(columns == 0, 150, columns + row)

    found, best = top_k.of_rows(weights, k=3, tokens=151, position=position, lead=1)
    for row in range(20):
        places = [(-weights[0, row, c].item(), 150 if c == 0 else c + row) for c in range(100)]
        assert [(-w, p) for w, p in zip(best[0, row].tolist(), found[0, row].tolist(), strict=True)] == sorted(places)[
            :3
        ]


@pytest.mark.parametrize("dtype", DTYPES)
def test_columns_outside_of_the_document_are_no_tokens(dtype: torch.dtype) -> None:
    """Their weights are 0, their positions below 0 and behind the last; a row that sees two tokens lists others."""
    weights = torch.zeros(1, 1, 9, dtype=dtype)
    weights[0, 0, 4:6] = torch.tensor([0.25, 0.75])
    found, best = top_k.of_rows(weights, k=4, tokens=5, position=lambda columns, row: columns - 2)
    assert found.tolist() == [[[3, 2, 0, 1]]]
    assert best.tolist() == [[[0.75, 0.25, 0, 0]]]


def test_plain_topk_of_other_devices_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is chosen on a GPU, chosen here."""
    weights = rows("distinct", heads=2, count=9, width=400, seed=4)
    here = top_k.of_rows(weights, k=5)
    monkeypatch.setattr(top_k, "_top", lambda codes, count: codes.topk(min(count, codes.shape[-1])).values)
    there = top_k.of_rows(weights, k=5)
    assert torch.equal(here[0], there[0])
    assert torch.equal(here[1], there[1])


@given(st.sampled_from(["distinct", "close", "tied", "none"]), st.sampled_from([1, 5, 40, 129]), st.integers(1, 8))
def test_the_largest_groups_hold_the_largest_weights(kind: str, groups: int, k: int) -> None:
    """In half precision, whose bits leave room: the k first of a stable sort lie within the groups that are named."""
    weights = rows(kind, heads=1, count=6, width=groups * top_k.GROUP, seed=groups).bfloat16().float()
    chosen = top_k.largest_groups(weights.unflatten(-1, (groups, top_k.GROUP)).amax(dim=-1), k + 1)
    held = {(row, int(group)) for row in range(6) for group in chosen[0, row]}
    best, _ = sorted_out(weights, k)
    assert {(row, int(place) // top_k.GROUP) for row in range(6) for place in best[0, row]} <= held


def test_rows_of_a_block_are_whole_groups() -> None:
    """One group at least, however wide a row is."""
    device = torch.device("cpu")
    assert top_k.rows_at_once(2**30, device) == top_k.GROUP
    assert top_k.rows_at_once(12 * 514, device) % top_k.GROUP == 0
