"""convert: one layer of attention -> received, attended, dense."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.errors import ModelError
from reportgen.core.nouns.records import DenseAttention, LayerAttention, LayerSummary, SlidingWindowAttention
from reportgen.model.attention import convert, sliding_window
from tests import reference

KINDS = ("distinct", "tied", "equal", "zeros")


def matrix(tokens: int, window: int, globals_: tuple[int, ...], *, heads: int, kind: str, seed: int) -> np.ndarray:
    """A dense matrix that Longformer could have made, rows summing to 1, (head, query, key)."""
    rng = np.random.default_rng(seed)
    seen = reference.visible(tokens, window, globals_)
    raw = {
        "distinct": lambda: rng.random((heads, tokens, tokens)) + 0.01,
        "tied": lambda: rng.integers(1, 3, (heads, tokens, tokens)).astype(float),
        "equal": lambda: np.ones((heads, tokens, tokens)),
        "zeros": lambda: rng.integers(0, 3, (heads, tokens, tokens)).astype(float),
    }[kind]() * seen
    raw += (raw.sum(axis=-1, keepdims=True) == 0) * np.eye(tokens)  # a row of zeros attends to itself
    return (raw / raw.sum(axis=-1, keepdims=True)).astype(np.float32)


def dense(attention: LayerAttention) -> torch.Tensor:
    """The whole matrix of one layer, shape (head, query, key)."""
    given = attention.weights if isinstance(attention, DenseAttention) else attention.local
    return convert.dense_rows(attention, torch.arange(given.shape[1]))


def counted(attention: LayerAttention) -> tuple[int, int]:
    """How many weights that the model could have set are exactly 0, and how many there are in all."""
    summary = convert.convert(attention, top_k=1, reader=None)
    return summary.zeros, summary.weights


def pack(weights: np.ndarray, window: int, globals_: tuple[int, ...]) -> SlidingWindowAttention:
    """Lay a dense matrix out as Longformer does (the layout of design.md, section 3)."""
    heads, tokens, _ = weights.shape
    x = len(globals_)
    local = np.zeros((heads, tokens, x + window + 1), np.float32)
    for query in range(tokens):
        if query in globals_:
            continue
        local[:, query, :x] = weights[:, query, list(globals_)]
        for j in range(window + 1):
            key = query + j - window // 2
            if 0 <= key < tokens and key not in globals_:
                local[:, query, x + j] = weights[:, query, key]
    global_ = weights[:, list(globals_), :].transpose(0, 2, 1)
    return SlidingWindowAttention(torch.from_numpy(local), torch.from_numpy(global_.copy()), globals_, window)


@st.composite
def layers(draw: st.DrawFn) -> tuple[np.ndarray, SlidingWindowAttention]:
    """A dense matrix and the same laid out as a sliding window: lengths around the window, 0 to 3 global tokens."""
    tokens = draw(st.sampled_from([1, 2, 3, 5, 8, 9, 16, 17, 33]))
    window = draw(st.sampled_from([2, 4, 8, 20]))
    globals_ = tuple(sorted(draw(st.sets(st.integers(0, tokens - 1), max_size=3))))
    heads = draw(st.integers(1, 3))
    weights = matrix(
        tokens, window, globals_, heads=heads, kind=draw(st.sampled_from(KINDS)), seed=draw(st.integers(0, 2**16))
    )
    return weights, pack(weights, window, globals_)


@pytest.fixture
def by_hand() -> SlidingWindowAttention:
    """Four tokens, token 0 global, window 2, one head; the matrix is written out in the test below."""
    local = torch.tensor(
        [
            [
                [0.0, 0.0, 0.0, 0.0],  # token 0 is global: its row is in the global attention
                [0.5, 0.0, 0.2, 0.3],  # on 0; then on 0 (0: it stands in the first column), 1, 2
                [0.1, 0.4, 0.25, 0.25],  # on 0; then on 1, 2, 3
                [0.6, 0.3, 0.1, 0.0],  # on 0; then on 2, 3, and beyond the end
            ]
        ]
    )
    return SlidingWindowAttention(local, torch.tensor([[[0.4], [0.3], [0.2], [0.1]]]), (0,), 2)


def test_four_tokens_by_hand(by_hand: SlidingWindowAttention) -> None:
    """Token 0 receives 0.4 + 0.5 + 0.1 + 0.6, token 1 0.3 + 0.2 + 0.4, and so on."""
    summary = convert.convert(by_hand, top_k=2, reader=0)
    np.testing.assert_allclose(summary.received, [[1.6, 0.9, 1.05, 0.45]], rtol=1e-6)
    assert summary.reader is not None
    np.testing.assert_allclose(summary.reader, [[0.4, 0.3, 0.2, 0.1]])
    assert summary.attended_positions.tolist() == [[[0, 1], [0, 2], [1, 2], [0, 2]]]
    np.testing.assert_allclose(summary.attended_weights, [[[0.4, 0.3], [0.5, 0.3], [0.4, 0.25], [0.6, 0.3]]])
    assert summary.attending_positions.tolist() == [[[3, 1], [2, 0], [1, 3], [2, 0]]]
    np.testing.assert_allclose(summary.attending_weights, [[[0.6, 0.5], [0.4, 0.3], [0.3, 0.3], [0.25, 0.1]]])
    np.testing.assert_allclose(  # one stretch per token; token 0 is global and stands apart, so its own is empty
        summary.shares,
        [
            [
                [0.4, 0, 0.3, 0.2, 0.1],
                [0, 0, 0, 0, 0],
                [0.5, 0, 0.2, 0.3, 0],
                [0.1, 0, 0.4, 0.25, 0.25],
                [0.6, 0, 0, 0.3, 0.1],
            ]
        ],
        rtol=1e-6,
    )
    assert summary.row_error < 1e-6
    assert (summary.zeros, summary.weights) == (0, 14)  # 4 of token 0, and 3 + 4 + 3 local weights


def test_dense_matrix_by_hand(by_hand: SlidingWindowAttention) -> None:
    """The assembled matrix puts every weight at its query and key."""
    rows = [[0.4, 0.3, 0.2, 0.1], [0.5, 0.2, 0.3, 0], [0.1, 0.4, 0.25, 0.25], [0.6, 0, 0.3, 0.1]]
    np.testing.assert_allclose(dense(by_hand), [rows])


@given(layers())
def test_dense_matrix_is_the_one_that_was_laid_out(layer: tuple[np.ndarray, SlidingWindowAttention]) -> None:
    """Assembling undoes the sliding-window layout, exactly, zeros and all; so does the slow version."""
    weights, attention = layer
    np.testing.assert_array_equal(dense(attention).numpy(), weights)
    np.testing.assert_array_equal(
        reference.assemble(
            attention.local.numpy(), attention.global_.numpy(), attention.global_positions, attention.window
        ),
        weights,
    )


@given(layers(), st.integers(1, 6))
def test_attending_tokens_are_those_of_the_columns(layer: tuple[np.ndarray, SlidingWindowAttention], k: int) -> None:
    """For sliding windows and dense attention: who attends to a key most; weight 0 stands for no one."""
    weights, attention = layer
    wanted, most = reference.attended(weights.transpose(0, 2, 1), k)
    for given_layer in (attention, DenseAttention(torch.from_numpy(weights))):
        positions, paid = convert.walk(given_layer, attending=k).attending
        np.testing.assert_array_equal(paid.numpy(), most.astype(np.float32))
        np.testing.assert_array_equal(np.where(most > 0, positions.numpy(), -1), np.where(most > 0, wanted, -1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("tokens", "window", "globals_"), [(150, 96, (0,)), (101, 130, ()), (90, 64, (0, 33, 89))])
def test_a_wide_window_is_searched_as_exactly(
    tokens: int, window: int, globals_: tuple[int, ...], kind: str, dtype: torch.dtype
) -> None:
    """Wide enough for groups of columns and of queries to be told apart by their maxima, in every precision."""
    attention = pack(matrix(tokens, window, globals_, heads=2, kind=kind, seed=tokens), window, globals_)
    attention = replace(attention, local=attention.local.to(dtype), global_=attention.global_.to(dtype))
    weights = dense(attention).float().numpy()
    positions, values = convert.walk(attention, attended=2).attended
    wanted, most = reference.attended(weights, 2)
    np.testing.assert_array_equal(positions, wanted)
    np.testing.assert_array_equal(values.float(), most.astype(np.float32))
    positions, values = convert.walk(attention, attending=2).attending
    wanted, most = reference.attended(weights.transpose(0, 2, 1), 2)
    np.testing.assert_array_equal(values.float(), most.astype(np.float32))
    np.testing.assert_array_equal(np.where(most > 0, positions, -1), np.where(most > 0, wanted, -1))


def test_a_document_cut_from_a_longer_batch_is_read_in_its_own_rows() -> None:
    """As the model lays a layer out, (document, query, head, column), of which a document is a slice."""
    one = pack(matrix(90, 64, (0,), heads=2, kind="distinct", seed=5), 64, (0,))
    batch = torch.full((2, 128, 2, one.local.shape[-1]), 9.0)  # what stands around it must not be read
    batch[1, :90] = one.local.transpose(0, 1)
    cut = replace(one, local=batch[1, :90].transpose(0, 1))
    for found, wanted in zip(
        convert.walk(cut, attending=3).attending, convert.walk(one, attending=3).attending, strict=True
    ):
        assert torch.equal(found, wanted)
    assert torch.equal(convert.walk(cut).received, convert.walk(one).received)
    assert counted(cut) == counted(one)


@given(layers())
def test_a_map_is_the_matrix_made_small(layer: tuple[np.ndarray, SlidingWindowAttention]) -> None:
    """Rows sum to 1, global tokens apart, for sliding windows and dense attention."""
    weights, attention = layer
    found = convert.walk(attention).shares.numpy()
    np.testing.assert_allclose(found, reference.shares(weights, attention.global_positions, 64), atol=1e-6)
    sums = found.sum(axis=-1)
    np.testing.assert_allclose(sums[sums > 0], 1, atol=1e-5)
    dense = convert.walk(DenseAttention(torch.from_numpy(weights))).shares.numpy()
    np.testing.assert_allclose(dense, reference.shares(weights, (), 64), atol=1e-6)


@pytest.mark.parametrize(("tokens", "window"), [(64, 16), (100, 8), (200, 64), (130, 256)])
def test_a_map_of_a_longer_document_has_stretches_of_several_tokens(tokens: int, window: int) -> None:
    weights = matrix(tokens, window, (0, 7), heads=2, kind="distinct", seed=tokens)
    found = convert.walk(pack(weights, window, (0, 7))).shares.numpy()
    assert found.shape == (2, 65, 65)
    np.testing.assert_allclose(found, reference.shares(weights, (0, 7), 64), atol=1e-6)


@given(layers())
def test_rows_of_the_dense_matrix_sum_to_1(layer: tuple[np.ndarray, SlidingWindowAttention]) -> None:
    """Global rows included; `row_sum_error` says the same without assembling anything."""
    _, attention = layer
    np.testing.assert_allclose(dense(attention).sum(dim=-1), 1, atol=1e-6)
    assert convert.row_error(convert.walk(attention)) < 1e-5


@given(layers())
def test_received_is_the_column_sum_of_the_dense_matrix(layer: tuple[np.ndarray, SlidingWindowAttention]) -> None:
    """For sliding windows and for the same attention handed over densely."""
    weights, attention = layer
    expected = reference.received(weights)
    np.testing.assert_allclose(convert.walk(attention).received, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(convert.walk(DenseAttention(torch.from_numpy(weights))).received, expected, rtol=1e-5)


@given(layers(), st.integers(1, 40))
def test_attended_is_the_head_of_the_sorted_row(layer: tuple[np.ndarray, SlidingWindowAttention], top_k: int) -> None:
    """Ties, zeros, and a top_k larger than what a row sees or has: always the order of a full stable sort."""
    weights, attention = layer
    positions, values = reference.attended(weights, top_k)
    for given_as in (attention, DenseAttention(torch.from_numpy(weights))):
        got_positions, got_values = convert.walk(given_as, attended=top_k).attended
        np.testing.assert_array_equal(got_positions, positions)
        np.testing.assert_array_equal(got_values, values.astype(np.float32))


@given(layers(), st.data())
def test_a_row_is_that_row_of_the_dense_matrix(
    layer: tuple[np.ndarray, SlidingWindowAttention], data: st.DataObject
) -> None:
    """Local and global rows alike."""
    weights, attention = layer
    query = data.draw(st.integers(0, weights.shape[1] - 1))
    np.testing.assert_array_equal(convert.row(attention, query), weights[:, query])


@given(layers())
def test_exact_zeros_are_counted_among_visible_weights(layer: tuple[np.ndarray, SlidingWindowAttention]) -> None:
    """Weights that the model could not have set are not zeros but absent."""
    weights, attention = layer
    seen = reference.visible(weights.shape[1], attention.window, attention.global_positions)
    zeros, visible = counted(attention)
    assert visible == int(seen.sum()) * len(weights)
    assert zeros == int((weights[:, seen] == 0).sum())


def test_masked_keys_of_dense_attention_are_no_zeros() -> None:
    """A causal model's upper triangle is masked; a single 0 below the diagonal is a zero."""
    weights = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.5, 0.5]]])
    assert counted(DenseAttention(weights)) == (1, 6)


def test_a_list_of_all_keys_ends_with_those_that_are_not_seen(by_hand: SlidingWindowAttention) -> None:
    """Top k as wide as the band, whose one empty column stands for no key, or for one that is listed already."""
    positions, _ = convert.walk(by_hand, attended=4).attended
    assert positions.tolist() == [[[0, 1, 2, 3], [0, 2, 1, 3], [1, 2, 3, 0], [0, 2, 3, 1]]]


@pytest.mark.parametrize(("block", "copied", "ranked"), [(8, 8, 8), (16, 8, 512), (24, 128, 16), (1000, 8, 24)])
def test_the_size_of_a_block_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, block: int, copied: int, ranked: int
) -> None:
    """Blocks are larger on a GPU."""
    weights = matrix(77, 8, (0, 20), heads=2, kind="distinct", seed=2)
    given_layer = pack(weights, 8, (0, 20))
    whole = convert.convert(given_layer, top_k=4, reader=0)
    for name, value in (("BLOCK", block), ("COPIED", copied), ("RANKED", ranked)):
        monkeypatch.setattr(sliding_window, name, value)
    found = convert.convert(given_layer, top_k=4, reader=0)
    np.testing.assert_allclose(found.received, reference.received(weights), rtol=1e-5)
    np.testing.assert_allclose(found.shares, whole.shares, atol=1e-6)
    np.testing.assert_array_equal(found.attended_positions, whole.attended_positions)
    np.testing.assert_array_equal(found.attending_positions, whole.attending_positions)
    assert (found.row_error, found.zeros) == (whole.row_error, whole.zeros)


def test_no_more_keys_are_attended_than_there_are_tokens() -> None:
    """Two tokens and top_k 10: two keys each."""
    weights = matrix(2, 4, (0,), heads=1, kind="distinct", seed=0)
    assert convert.convert(pack(weights, 4, (0,)), top_k=10, reader=None).attended_positions.shape == (1, 2, 2)


def test_all_equal_weights_are_attended_in_the_order_of_positions() -> None:
    """Uniform attention over five tokens: 0, 1, 2 for every query that sees them."""
    weights = matrix(5, 20, (), heads=1, kind="equal", seed=0)
    positions, _ = convert.walk(pack(weights, 20, ()), attended=3).attended
    assert positions.tolist() == [[[0, 1, 2]] * 5]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_full_precision(dtype: torch.dtype) -> None:
    """Sums of float16 weights carry no rounding of their own, though 600 of them add up."""
    half = pack(matrix(600, 8, (0,), heads=1, kind="distinct", seed=1), 8, (0,))
    half = replace(half, local=half.local.to(dtype), global_=half.global_.to(dtype))
    expected = dense(half).double().sum(dim=1)
    np.testing.assert_allclose(convert.walk(half).received, expected, rtol=1e-6)


def test_arrays_of_a_device_come_in_one_piece() -> None:
    """Bytes of all kinds of numbers one after the other, and the same arrays from them."""
    kept = {"a": torch.rand(2, 3), "b": torch.arange(10, dtype=torch.int32).view(2, 5).T, "c": torch.rand(1, 0, 4)}
    taken = convert.together(kept)
    assert taken.dtype == torch.uint8
    for name, array in convert.apart(taken, kept).items():
        np.testing.assert_array_equal(array, kept[name].numpy())
        np.testing.assert_array_equal(array, convert.on_host(kept)[name])


@pytest.fixture
def _one_thread() -> Iterator[None]:
    yield
    torch.set_num_threads(1)  # as for every other test


@pytest.mark.usefixtures("_one_thread")
def test_the_number_of_threads_changes_nothing() -> None:
    """Heads are shared out among the cores; a key that is masked is 0 in all of them."""
    weights = torch.rand(4, 6, 6)
    weights[0, 0, 0] = weights[:, 0, 5] = 0
    for attention in (DenseAttention(weights), pack(weights.numpy(), 4, (0,))):
        summaries = []
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            summaries.append(convert.convert(attention, top_k=2, reader=0))
        for field in fields(LayerSummary):
            one, *others = (getattr(summary, field.name) for summary in summaries)
            for other in others:
                np.testing.assert_array_equal(one, other)


def test_no_reader_row_where_the_classifier_reads_none(by_hand: SlidingWindowAttention) -> None:
    """Heads that pool over all tokens have no one row."""
    assert convert.convert(by_hand, top_k=2, reader=None).reader is None


def test_missing_global_rows_show_as_row_error(by_hand: SlidingWindowAttention) -> None:
    """Global rows left out sum to 0, not to 1: the error is 1."""
    lost = replace(by_hand, global_=torch.zeros_like(by_hand.global_))
    assert convert.row_error(convert.walk(lost)) == pytest.approx(1)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("part", ["local", "global_"])
def test_attention_that_is_not_finite_is_refused(by_hand: SlidingWindowAttention, part: str, value: float) -> None:
    """Exit code 4, never colour 0."""
    getattr(by_hand, part)[0, 1, 0] = value
    with pytest.raises(ModelError, match="not finite"):
        convert.convert(by_hand, top_k=2, reader=0)


def test_dense_attention_that_is_not_finite_is_refused() -> None:
    """The same for models without a window."""
    with pytest.raises(ModelError, match="not finite"):
        convert.convert(DenseAttention(torch.full((1, 2, 2), float("nan"))), top_k=1, reader=0)


def test_an_unknown_layout_is_refused_with_its_numbers(by_hand: SlidingWindowAttention) -> None:
    """A wrong window, an odd window, a cut global attention: exit code 4, never shifted rows."""
    with pytest.raises(ModelError, match=r"has 4 weights; 1 global tokens and window 4 make 6"):
        convert.convert(replace(by_hand, window=4), top_k=2, reader=0)
    with pytest.raises(ModelError, match="window 3 is odd"):
        convert.convert(replace(by_hand, window=3), top_k=2, reader=0)
    with pytest.raises(ModelError, match=r"global attention has shape \(1, 3, 1\)"):
        convert.convert(replace(by_hand, global_=by_hand.global_[:, :3]), top_k=2, reader=0)


@given(layers())
def test_a_column_is_that_column_of_the_dense_matrix(layer: tuple[np.ndarray, SlidingWindowAttention]) -> None:
    """Of keys that are global and of those that are not, for sliding windows and dense attention."""
    weights, attention = layer
    for key in range(weights.shape[-1]):
        np.testing.assert_array_equal(convert.column(attention, key), weights[:, :, key])
        np.testing.assert_array_equal(
            convert.column(DenseAttention(torch.from_numpy(weights)), key), weights[:, :, key]
        )


@given(layers(), st.data())
def test_a_map_can_be_that_of_a_part(layer: tuple[np.ndarray, SlidingWindowAttention], data: st.DataObject) -> None:
    """With stretches of a larger document, some without a token, and only some of the queries."""
    weights, attention = layer
    tokens = weights.shape[-1]
    own = sorted(data.draw(st.lists(st.integers(0, 9), min_size=tokens, max_size=tokens)))
    first, last = sorted(data.draw(st.tuples(st.integers(0, tokens), st.integers(0, tokens))))
    for given_as, globals_ in ((attention, attention.global_positions), (DenseAttention(torch.tensor(weights)), ())):
        apart = bool(globals_)
        place = [0 if token in globals_ else own[token] + apart for token in range(tokens)]
        wanted = np.zeros((len(weights), max(own) + 1 + apart, max(own) + 1 + apart))
        for row in range(wanted.shape[1]):
            counted = [q for q in range(tokens) if place[q] == row and (q in globals_ or first <= q < last)]
            for query in counted:
                for key in range(tokens):
                    wanted[:, row, place[key]] += weights[:, query, key] / len(counted)
        found = convert.walk(given_as, own=torch.tensor(own), counted=range(first, last)).shares
        np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.fixture
def three_threads() -> Iterator[None]:
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(1)


@pytest.mark.usefixtures("three_threads")
def test_results_stand_in_the_order_of_the_pieces() -> None:
    gate = threading.Barrier(3, timeout=30)

    def work(piece: int) -> int:
        gate.wait()  # all at once, or never
        return piece * piece

    assert convert.on_all_cores(work, [3, 1, 2]) == [9, 1, 4]


@pytest.mark.usefixtures("three_threads")
def test_torch_works_alone_in_each_and_with_all_cores_outside() -> None:
    assert convert.on_all_cores(lambda _: torch.get_num_threads(), [0, 1, 2]) == [1, 1, 1]
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_one_piece_needs_no_thread() -> None:
    assert convert.on_all_cores(lambda _: threading.current_thread(), [0]) == [threading.current_thread()]
    assert threading.current_thread() not in convert.on_all_cores(lambda _: threading.current_thread(), [0, 1])


@pytest.mark.usefixtures("three_threads")
@pytest.mark.parametrize("mode", [False, True])
def test_inference_mode_holds_in_the_threads_too(mode: bool) -> None:
    with torch.inference_mode(mode):
        assert convert.on_all_cores(lambda _: torch.is_inference_mode_enabled(), [0, 1]) == [mode, mode]


@pytest.mark.usefixtures("three_threads")
def test_an_error_of_a_piece_is_raised_here() -> None:
    def work(piece: int) -> int:
        return 1 // piece

    with pytest.raises(ZeroDivisionError):
        convert.on_all_cores(work, [1, 0])
