"""windows: a document longer than the model takes -> overlapping windows -> one summary per layer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.longformer.modeling_longformer import LongformerSelfAttention

from reportgen import pipeline
from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.errors import UsageError
from reportgen.core.nouns.records import Report, Tokens
from reportgen.data import choice
from reportgen.model.classifier import Classifier
from reportgen.model.reading import forward_pass, long_documents
from reportgen.report import present
from reportgen.report.stored import store
from tests import every_type, reference, tiny

Array = npt.NDArray[Any]
TEXT = "Attention heads of a long document classifier attend to tokens; a window sees its neighbours.\n"


def document(length: int, *, lead: int = 1, trail: int = 1, seed: int = 0) -> Tokens:
    """Random tokens with so many special ones before and behind them."""
    inner = tiny.document(length - lead - trail + 2, seed=seed).ids[1:-1]
    special = (True,) * lead + (False,) * len(inner) + (True,) * trail
    ids = (tiny.BOS,) * lead + inner + (tiny.EOS,) * trail
    return replace(tiny.document(length), ids=ids, special=special, blank=special)


def planned(length: int, *, lead: int, trail: int, takes: int, stride: int | None) -> long_documents.WindowPlan:
    return long_documents.plan(document(length, lead=lead, trail=trail), length=takes, stride=stride)


def furthest(starts: Sequence[int], token: int, size: int) -> int:
    """The window, of those that begin at *starts*, in which a token stands furthest from both edges."""
    return max(range(len(starts)), key=lambda n: (min(token - starts[n], starts[n] + size - 1 - token), -n))


def test_nine_tokens_in_windows_of_four_by_hand() -> None:
    """Token 7 is as far from the edges of the last two windows: it is the earlier one's."""
    plan = planned(11, lead=1, trail=1, takes=6, stride=2)
    assert [(window.start, window.own) for window in plan.windows] == [
        (1, range(1, 4)), (3, range(4, 6)), (5, range(6, 8)), (6, range(8, 10)),
    ]  # fmt: skip
    assert plan.positions(plan.windows[1]).tolist() == [0, 3, 4, 5, 6, 10]
    assert plan.kept(plan.windows[1]).tolist() == [0, 2, 3, 5]
    piece = plan.piece(plan.windows[3])
    assert piece.ids == tuple(plan.tokens.ids[position] for position in (0, 6, 7, 8, 9, 10))
    assert (piece.starts, len(piece), piece.total) == ((0, 6, 7, 8, 9, 10), 6, 6)
    assert plan.shared == 2


@given(st.data())
def test_every_token_belongs_to_the_window_in_which_it_is_furthest_from_the_edges(data: st.DataObject) -> None:
    """Windows are in order, full, cover everything, and share what was asked for."""
    lead, trail = data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))
    takes = data.draw(st.integers(lead + trail + 1, 20))
    size = takes - lead - trail
    stride = data.draw(st.none() | st.integers(0, size - 1))
    length = data.draw(st.integers(lead + trail + 1, 90))
    plan = planned(length, lead=lead, trail=trail, takes=takes, stride=stride)
    starts = [window.start for window in plan.windows]
    text = range(lead, length - trail)
    assert [token for window in plan.windows for token in window.own] == list(text)
    if length <= takes:
        assert starts == [lead]
        assert plan.piece(plan.windows[0]) == plan.tokens
        return
    assert starts == sorted(set(starts))
    assert (starts[0], starts[-1]) == (text.start, text.stop - size)
    for number, window in enumerate(plan.windows):
        assert len(plan.piece(window)) == takes
        assert plan.piece(window).special == (True,) * lead + (False,) * size + (True,) * trail
        assert {furthest(starts, token, size) for token in window.own} == {number}
    shared = size // 2 if stride is None else stride
    steps = [after - before for before, after in itertools.pairwise(starts)]
    assert set(steps[:-1]) <= {size - shared}
    assert 1 <= steps[-1] <= size - shared
    assert plan.shared == size - max(steps)


def matrices(
    model: Any, plan: long_documents.WindowPlan, starts: Sequence[int], globals_: tuple[int, ...]
) -> tuple[Array, Array]:
    """What the model itself returns for every window, (window, layer, head, query, key), and the logits."""
    found, logits = [], []
    size = plan.length - plan.lead - plan.trail
    ids = plan.tokens.ids
    for start in starts:
        piece = ids[: plan.lead] + ids[start : start + size] + ids[len(ids) - plan.trail :]
        output = tiny.public(model, piece, global_positions=globals_)
        layers = [layer[0].double().numpy() for layer in output.attentions]
        if model.config.model_type == "longformer":
            paid = output.global_attentions or [torch.zeros(1, 2, len(piece), 0)] * len(layers)
            layers = [
                reference.assemble(local, global_[0].double().numpy()[:, : len(piece)], globals_, window)
                for local, global_, window in zip(layers, paid, model.config.attention_window, strict=True)
            ]
        found.append(np.stack(layers))
        logits.append(output.logits[0].numpy())
    return np.stack(found), np.stack(logits)


class Joined:
    """The definitions of the module's docstring for one layer, one token at a time."""

    def __init__(self, plan: long_documents.WindowPlan, starts: Sequence[int], layer: Array) -> None:
        """*layer*: (window, head, query, key) of the windows."""
        self.length, self.layer = len(plan.tokens), layer
        size = plan.length - plan.lead - plan.trail
        text = range(plan.lead, self.length - plan.trail)
        self.special = [token for token in range(self.length) if token not in text]
        self.places = [  # (window, token of the window): position in the document
            [*range(plan.lead), *range(start, start + size), *range(text.stop, self.length)] for start in starts
        ]
        self.owner = {token: furthest(starts, token, size) for token in text}

    def weight(self, window: int, query: int, key: int) -> Array:
        """What a window says of two tokens of the document, (head,)."""
        places = self.places[window]
        return self.layer[window, :, places.index(query), places.index(key)]

    def row(self, queries: Sequence[int]) -> Array:
        """A row pieced together of one query per window, (head, key)."""
        row = np.zeros((self.layer.shape[1], self.length))
        every = range(len(self.places))
        for key in range(self.length):
            if key in self.owner:
                row[:, key] = self.weight(self.owner[key], queries[self.owner[key]], key)
            else:
                row[:, key] = np.mean([self.weight(window, queries[window], key) for window in every], axis=0)
        return row / row.sum(axis=1, keepdims=True)

    def rows(self) -> Array:
        """The matrix whose rows are those of the windows that the queries belong to, (head, query, key)."""
        matrix = np.zeros((self.layer.shape[1], self.length, self.length))
        for query in range(self.length):
            if query in self.owner:
                window = self.owner[query]
                matrix[:, query, self.places[window]] = self.layer[window, :, self.places[window].index(query)]
            else:
                matrix[:, query] = self.row([query] * len(self.places))
        return matrix

    def columns(self) -> Array:
        """The matrix whose columns are those of the windows that the keys belong to, (head, query, key)."""
        matrix = self.rows()  # right for special tokens
        for key, window in self.owner.items():
            matrix[:, :, key] = 0
            matrix[:, self.places[window], key] = self.layer[window, :, :, self.places[window].index(key)]
        return matrix

    def received(self) -> Array:
        """(head, key)."""
        found = self.columns().sum(axis=1)
        for end in self.special:
            found[:, end] = np.mean(
                [self.layer[n, :, :, places.index(end)].sum(axis=1) for n, places in enumerate(self.places)], axis=0
            )
        return found


CASES = {  # model, special tokens before and behind, tokens of the document, of a window, stride, global tokens
    "longformer": (lambda: tiny.longformer(windows=(8, 12)), 1, 1, 77, 40, None, (0,)),
    "longformer, odd stride": (lambda: tiny.longformer(), 2, 1, 90, 31, 9, (0, 1)),
    "longformer, no global token": (lambda: tiny.longformer(), 1, 1, 60, 33, 17, ()),
    "bert": (lambda: tiny.dense("bert"), 1, 1, 70, 24, 5, ()),
    "bert, one token more": (lambda: tiny.dense("bert"), 1, 1, 25, 24, None, ()),
    "bert, nothing shared": (lambda: tiny.dense("bert"), 1, 1, 75, 24, 0, ()),
    "gpt2": (lambda: tiny.dense("gpt2"), 0, 0, 70, 24, None, ()),
    "llama": (lambda: tiny.dense("llama"), 1, 0, 50, 24, 20, ()),
    "xlnet": (lambda: tiny.dense("xlnet"), 0, 2, 70, 24, 7, ()),
}


@pytest.mark.parametrize(
    ("takes", "passes"),
    [
        (128, [77, 16, 16]),  # the document, and its start in both ways
        (40, [40, 40, 40, 16, 16]),  # in windows: the start of the first
    ],
)
def test_a_document_costs_one_pass_and_a_prefix(takes: int, passes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted by the model: tokens of every forward pass."""
    monkeypatch.setattr(long_documents, "PREFIX", 16)
    classifier = tiny.classifier(tiny.dense("bert", max_position_embeddings=130), max_length=takes)
    plan = long_documents.plan(document(77, lead=1, trail=1), length=takes)
    seen: list[int] = []
    classifier.model.register_forward_pre_hook(
        lambda _, __, inputs: seen.append(inputs["input_ids"].shape[1]), with_kwargs=True
    )
    (read,) = long_documents.read(classifier, [plan], top_k=3, clock=Clock())
    assert seen == passes
    assert read.reference is not None
    assert (read.reference.tokens, read.reference.attention) == (16, classifier.model.config._attn_implementation)
    assert read.reference.difference < 1e-5


def test_a_short_document_is_compared_whole() -> None:
    """The pass with attention is not repeated: two passes in all, of several documents together, too."""
    classifier = tiny.classifier(tiny.dense("bert"))
    documents = [document(20, lead=1, trail=1), document(9, lead=1, trail=1)]
    seen: list[tuple[int, ...]] = []
    classifier.model.register_forward_pre_hook(
        lambda _, __, inputs: seen.append(tuple(inputs["input_ids"].shape)), with_kwargs=True
    )
    plans = [long_documents.plan(tokens, length=64) for tokens in documents]
    read = long_documents.read(classifier, plans, top_k=3, clock=Clock(), batch_size=2)
    assert seen == [(2, 20), (2, 20)]
    assert [one.reference.tokens for one in read if one.reference] == [20, 9]


@pytest.mark.parametrize("takes", [128, 40])
def test_a_longformer_is_read_once(takes: int) -> None:
    """It has one attention, whose weights are those it computes with: the logits are the default's to the bit."""
    classifier = tiny.classifier(tiny.longformer(), global_positions=(0,), max_length=takes)
    plan = long_documents.plan(document(77, lead=1, trail=1), length=takes, global_positions=(0,))
    plain = torch.cat([forward_pass.predict_logits(classifier, [piece]) for piece in plan.pieces])
    passes: list[int] = []
    classifier.model.register_forward_pre_hook(lambda *_: passes.append(1))
    (read,) = long_documents.read(classifier, [plan], top_k=3, clock=Clock())
    assert len(passes) == len(plan.windows)
    assert read.reference is None
    assert torch.equal(read.logits, plain.mean(dim=0))


def test_a_longformer_that_somebody_has_changed_is_compared() -> None:
    """Only of transformers' own class is it known that it computes with the weights it returns."""

    class Own(LongformerSelfAttention):
        pass

    model = tiny.longformer()
    for module in model.modules():
        if isinstance(module, LongformerSelfAttention):
            module.__class__ = Own
    plan = long_documents.plan(document(20), length=64, global_positions=(0,))
    (read,) = long_documents.read(tiny.classifier(model, global_positions=(0,)), [plan], top_k=3, clock=Clock())
    assert read.reference is not None
    assert read.reference.difference < 1e-5


def test_a_model_whose_weights_are_not_those_it_uses_is_far_from_its_reference() -> None:
    """Falcon with ALiBi: transformers 5.23.0 adds the bias twice where it returns attention."""
    classifier = tiny.classifier(every_type.build("falcon", alibi=True))
    plan = long_documents.plan(document(20, lead=0, trail=0), length=64)
    (read,) = long_documents.read(classifier, [plan], top_k=3, clock=Clock())
    own = classifier.model(input_ids=torch.tensor([plan.tokens.ids])).logits[0].detach()
    assert read.reference is not None
    assert read.reference.difference == pytest.approx(float((own - read.logits).abs().max()), rel=1e-3)
    assert read.reference.difference > 1e-3


@pytest.mark.parametrize("case", CASES)
def test_figures_are_those_of_the_windows(case: str) -> None:
    """Against the dense attention that the model returns for every window, put together token by token."""
    build, lead, trail, length, takes, stride, globals_ = CASES[case]
    model = build()
    classifier = tiny.classifier(model, global_positions=globals_, max_length=takes)
    plan = long_documents.plan(
        document(length, lead=lead, trail=trail), length=takes, stride=stride, global_positions=globals_
    )
    starts = [window.start for window in plan.windows]
    assert len(starts) > 1
    dense, logits = matrices(model, plan, starts, globals_)
    (read,) = long_documents.read(classifier, [plan], top_k=7, clock=Clock())
    np.testing.assert_allclose(read.logits, logits.mean(axis=0), atol=1e-5)
    assert (read.reference is None) == case.startswith("longformer")
    assert read.reference is None or read.reference.difference < 1e-5
    reader = takes - 1 if case in ("gpt2", "llama", "xlnet") else 0
    for summary, layer in zip(read.layers, dense.swapaxes(0, 1), strict=True):
        joined = Joined(plan, starts, layer)
        rows, columns = joined.rows(), joined.columns()
        np.testing.assert_allclose(summary.received, joined.received(), atol=1e-5)
        own = [places[reader] for places in joined.places]
        np.testing.assert_allclose(summary.reader, joined.row(own), atol=1e-6)
        check_lists(summary.attended_positions, summary.attended_weights, rows, reference.attended(rows, 7)[1])
        turned = columns.transpose(0, 2, 1)
        check_lists(summary.attending_positions, summary.attending_weights, turned, reference.attended(turned, 5)[1])
        np.testing.assert_allclose(summary.shares, reference.shares(rows, globals_, 64), atol=1e-6)
        assert summary.row_error < 1e-5
        assert summary.attended_positions.dtype == summary.attending_positions.dtype == np.int32


def check_lists(positions: Array, weights: Array, matrix: Array, wanted: Array) -> None:
    """The largest weights of every row, in order, each at the position that is named, none named twice."""
    np.testing.assert_allclose(weights, wanted, atol=1e-6)
    seen = wanted > 0
    np.testing.assert_allclose(
        np.take_along_axis(matrix, positions.astype(int), axis=-1)[seen], wanted[seen], atol=1e-6
    )
    for one, above in zip(positions.reshape(-1, positions.shape[-1]), seen.reshape(-1, seen.shape[-1]), strict=True):
        assert len(set(one[above])) == above.sum()


def test_a_sliding_window_without_places_says_in_windows_what_it_says_of_the_whole() -> None:
    """Where no token depends on one further away than the edge of its window, nothing is lost, nowhere."""
    model = tiny.longformer()
    with torch.no_grad():
        model.longformer.embeddings.position_embeddings.weight.zero_()
    classifier = tiny.classifier(model, global_positions=(), max_length=128)
    tokens = document(120, lead=0, trail=0)
    whole, joined = (
        long_documents.read(
            classifier, [long_documents.plan(tokens, length=length, stride=30)], top_k=5, clock=Clock()
        )[0].layers
        for length in (128, 60)
    )
    for one, other in zip(whole, joined, strict=True):
        np.testing.assert_allclose(other.received, one.received, atol=1e-5)
        np.testing.assert_array_equal(other.attended_positions, one.attended_positions)
        np.testing.assert_allclose(other.attended_weights, one.attended_weights, atol=1e-6)
        np.testing.assert_array_equal(other.attending_positions, one.attending_positions)
        np.testing.assert_allclose(other.shares, one.shares, atol=1e-6)


def analysed(classifier: Classifier, text: str, **settings: Any) -> Report:
    """The report of a text."""
    config = Config(text=text, **settings)
    return pipeline.analyse(config, classifier, choice.choose(config), Clock())


@pytest.mark.parametrize("kind", ["longformer", "bert"])
def test_a_text_that_fits_is_read_as_ever(kind: str) -> None:
    """Every bit the same, and nothing to warn of but what the window hides."""
    model = tiny.longformer() if kind == "longformer" else tiny.dense(kind)
    classifier = tiny.classifier(model, global_positions=(0,) if kind == "longformer" else ())
    plain, long = (analysed(classifier, TEXT, long=long) for long in ("truncate", "window"))
    assert len(long.tokens) <= 64
    assert (long.attention, long.prediction, long.tokens) == (plain.attention, plain.prediction, plain.tokens)
    assert long.warnings == plain.warnings
    assert {warning.code for warning in plain.warnings} <= {"fewer-queries"}


def test_a_text_that_does_not_fit_is_shown_whole() -> None:
    """The report says how it was read; cut, it says how to read it all."""
    classifier = tiny.classifier(tiny.longformer())
    text = TEXT * 4
    cut = analysed(classifier, text)
    whole = analysed(classifier, text, long="window", stride=20)
    assert [warning.code for warning in cut.warnings] == ["truncated"]
    assert cut.warnings[0].message.endswith("--long window reads the whole text.")
    assert [warning.code for warning in whole.warnings] == ["windows"]
    count = len(long_documents.plan(whole.tokens, length=64, stride=20).windows)
    assert f"The {len(whole.tokens)} tokens were read in {count} windows of 64 tokens; " in whole.warnings[0].message
    assert "share at least 20 tokens" in whole.warnings[0].message
    assert whole.tokens.total == len(whole.tokens) == cut.tokens.total > 64
    assert whole.tokens.end == len(text)
    assert all(check.passed for check in whole.checks)
    assert whole.attention.shape == (2, 2, len(whole.tokens))
    assert whole.attention.reader is not None
    np.testing.assert_allclose(whole.attention.reader.sum(axis=-1), 1, atol=1e-5)


def test_lists_are_no_longer_than_a_window() -> None:
    """Asked for 100 attended tokens, every list has the 64 of a window, whichever window that is."""
    report = analysed(tiny.classifier(tiny.dense("bert"), global_positions=()), TEXT * 4, long="window", top_k=100)
    assert report.attention.attended_positions.shape[-1] == 64
    assert len(report.tokens) > 100


def test_the_share_of_a_sink_is_the_mean_over_the_rows_of_the_document() -> None:
    """Each row as it is in the window of its token, recomputed from what the rows of the model's own matrices miss."""
    model = every_type.build("gpt_oss")
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.sinks.copy_(torch.tensor([3.0, -1.0]))
    classifier = tiny.classifier(model, global_positions=(), max_length=24)
    plan = long_documents.plan(document(70, lead=1, trail=0), length=24, stride=5)
    dense, _ = matrices(model, plan, [window.start for window in plan.windows], ())
    (read,) = long_documents.read(classifier, [plan], top_k=3, clock=Clock())
    for summary, layer in zip(read.layers, dense.swapaxes(0, 1), strict=True):
        missing = 1 - layer.sum(axis=-1)  # (window, head, query)
        rows = [missing[window, :, plan.inner(plan.windows[window])] for window in range(len(plan.windows))]
        by_token = np.concatenate([missing[:, :, 0].mean(axis=0)[None], *rows])  # (token, head)
        assert len(by_token) == 70
        np.testing.assert_allclose(summary.sink, by_token.mean(axis=0), atol=1e-5)
        assert abs(missing[0].mean(axis=-1) - by_token.mean(axis=0)).max() > 1e-3  # not those of the first window


@pytest.mark.parametrize("kind", ["longformer", "gpt2"])
def test_a_document_of_several_windows_is_presented_and_comes_back(kind: str, tmp_path: Path) -> None:
    """Page, document, tables and figures take more tokens than the model does."""
    model = tiny.longformer() if kind == "longformer" else tiny.dense(kind)
    classifier = tiny.classifier(model, global_positions=(0,) if kind == "longformer" else ())
    report = analysed(classifier, TEXT * 6, long="window", top_k=100)
    assert {"windows", "causal"} - {w.code for w in report.warnings} == (set() if kind == "gpt2" else {"causal"})
    formats = ("html", "pdf", "tables", "charts", "figures", "latex") if kind == "longformer" else ("html", "tables")
    present.write(report, tmp_path / "report", config=Config(format=formats), clock=Clock())
    read = store.load(tmp_path / "report")
    assert (read.attention, read.tokens) == (report.attention, report.tokens)
    assert 'data-code="windows"' in (tmp_path / "report" / "report.html").read_text()


@pytest.mark.parametrize("stride", [62, 63, 5000])
def test_a_stride_that_leaves_no_step_is_a_usage_error(stride: int) -> None:
    classifier = tiny.classifier(tiny.longformer())
    with pytest.raises(UsageError, match=f"--stride {stride}: a window has room for 62 tokens of the text") as caught:
        analysed(classifier, TEXT * 4, long="window", stride=stride)
    assert caught.value.exit_code == 2
    assert analysed(classifier, TEXT * 4, long="window", stride=10)


def test_a_global_token_that_not_every_window_has_is_a_usage_error() -> None:
    classifier = tiny.classifier(tiny.longformer(), global_positions=(0, 5))
    assert analysed(classifier, TEXT, long="window")  # one window
    with pytest.raises(UsageError, match="--global-tokens 5: only positions below 1 are in every window") as caught:
        analysed(classifier, TEXT * 4, long="window")
    assert caught.value.exit_code == 2
