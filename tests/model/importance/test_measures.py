"""importance: measure what every head matters for the gold labels, by gradients and by taking heads out."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from torch import Tensor

from reportgen.core.config import MEASURES
from reportgen.core.errors import DeviceError, ImportanceError, ModelError, UsageError
from reportgen.core.nouns.records import Tokens
from reportgen.model.classifier import Classifier
from reportgen.model.importance import head_parameters, measures
from reportgen.model.importance.importance_files import Importance
from reportgen.model.reading import forward_pass
from tests import tiny

SIZE = 8  # numbers of a head
LENGTHS = (12, 20, 9, 17, 30)
DOCUMENTS = [tiny.document(length, seed=length) for length in LENGTHS]
GOLD = [0, 1, 0, 1, 1]
SETTINGS: dict[str, dict[str, Any]] = {
    "electra": {"embedding_size": 8},
    "big_bird": {"attention_type": "original_full"},
    "modernbert": {"cls_token_id": 0, "sep_token_id": 2, "local_attention": 8},
    "llama": {"num_key_value_heads": 2},
    "llama, keys shared": {"num_key_value_heads": 1},
}
KINDS = ("longformer", "bert", "roberta", "electra", "big_bird", "mpnet", "distilbert", "deberta-v2", "gpt2", "opt")
KINDS += ("llama", "llama, keys shared", "modernbert")


def model(kind: str) -> Any:
    """A random classifier of two layers of two heads."""
    if kind == "longformer":
        return tiny.longformer()
    return tiny.dense(kind.partition(",")[0], **SETTINGS.get(kind, {}))


def compute(classifier: Classifier, measure: str = "taylor", *, batch_size: int = 4, **options: Any) -> Importance:
    return measures.compute(classifier, DOCUMENTS, GOLD, measure=measure, batch_size=batch_size, **options)


def projections(model: Any, layer: int, *, further: bool) -> tuple[list[Any], Any]:
    """What makes queries, keys and values in a layer, and what takes the outputs of its heads."""
    kind = model.config.model_type
    if kind == "gpt2":
        attention = model.transformer.h[layer].attn
        return [attention.c_attn], attention.c_proj
    if kind == "modernbert":
        attention = model.model.layers[layer].attn
        return [attention.Wqkv], attention.Wo
    if kind in ("llama", "opt"):
        attention = (model.model.layers if kind == "llama" else model.model.decoder.layers)[layer].self_attn
        return [attention.q_proj, attention.k_proj, attention.v_proj], (
            attention.o_proj if kind == "llama" else attention.out_proj
        )
    if kind == "distilbert":
        attention = model.distilbert.transformer.layer[layer].attention
        return [attention.q_lin, attention.k_lin, attention.v_lin], attention.out_lin
    attention = model.base_model.encoder.layer[layer].attention
    if kind == "mpnet":
        return [attention.attn.q, attention.attn.k, attention.attn.v], attention.attn.o
    own, extra = attention.self, []
    if kind == "deberta-v2":
        names, extra = ("query_proj", "key_proj", "value_proj"), ["pos_key_proj", "pos_query_proj"]
    else:
        names = ("query", "key", "value")
    if kind == "longformer":
        extra = ["query_global", "key_global", "value_global"]
    return [getattr(own, name) for name in (*names, *(extra if further else ()))], attention.output.dense


def of_head(model: Any, layer: int, head: int, *, further: bool) -> Iterator[tuple[Tensor, Any]]:
    """Every parameter that head uses, with the index of the part that it uses, written out."""
    made, output = projections(model, layer, further=further)
    turned = model.config.model_type == "gpt2"  # weights are (in, out)
    places = range(head * SIZE, (head + 1) * SIZE)
    for projection in made:
        count = len(projection.weight.T if turned else projection.weight)
        rows = [place % count for place in places]  # one key for both heads, where there is only one
        if len(made) == 1:  # query, key and value, one behind the other
            rows = [part * 16 + place for part in range(3) for place in places]
        yield projection.weight, ((slice(None), rows) if turned else rows)
        if projection.bias is not None:
            yield projection.bias, rows
    yield output.weight, (list(places) if turned else (slice(None), list(places)))


def by_hand(model: Any, *, further: bool, gold: Any = None) -> np.ndarray:
    """Sum of (g p)^2 of every head: documents one by one, without padding, with the loss of the model itself."""
    parameters = list(model.parameters())
    total = [torch.zeros_like(parameter) for parameter in parameters]
    for tokens, label in zip(DOCUMENTS, gold or GOLD, strict=True):
        several = model.config.problem_type == "multi_label_classification"
        true = [label] if isinstance(label, int) else label
        labels = torch.tensor([[float(n in true) for n in range(2)]]) if several else torch.tensor([label])
        loss = model(input_ids=torch.tensor([tokens.ids]), labels=labels).loss
        for at, gradient in enumerate(torch.autograd.grad(loss, parameters, allow_unused=True)):
            total[at] += 0 if gradient is None else gradient
    gradients = {id(parameter): gradient for parameter, gradient in zip(parameters, total, strict=True)}
    raw = np.zeros((2, 2))
    for layer, head in np.ndindex(2, 2):
        for parameter, index in of_head(model, layer, head, further=further):
            raw[layer, head] += float(((parameter * gradients[id(parameter)])[index].detach().double() ** 2).sum())
    return raw


def min_max(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / (values.max() - values.min())


def test_a_key_that_two_heads_share_counts_for_both_of_them() -> None:
    """By hand: four heads, of which the first two share the first of two rows."""
    parameter = torch.nn.Parameter(torch.zeros(2, 3))
    slices = head_parameters.Slices(parameter, axis=0, parts=1, groups=2)
    assert slices.by_head(torch.tensor([[1.0, 1, 1], [2, 2, 2]]), 4).tolist() == [3, 3, 6, 6]


# gradients


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("measure", ["taylor", "taylor-local"])
def test_taylor_is_the_sum_of_squared_gradient_times_parameter(kind: str, measure: str) -> None:
    """By hand with autograd, for every way in which models keep their heads."""
    built = model(kind)
    found = compute(tiny.classifier(built), measure)
    expected = by_hand(built, further=measure == "taylor")
    np.testing.assert_allclose(found.raw, expected, rtol=1e-4)
    np.testing.assert_allclose(found.values, min_max(expected), atol=1e-5)
    assert (found.values.min(), found.values.max()) == (0, 1)
    assert (found.measure, found.examples) == (measure, 5)
    assert (found.values.dtype, found.raw.dtype) == (np.float32, np.float64)


@pytest.mark.parametrize(("kind", "differs"), [("longformer", True), ("deberta-v2", True), ("bert", False)])
def test_taylor_local_leaves_further_projections_out(kind: str, differs: bool) -> None:
    """Longformer's global ones, and those of positions; other models have none."""
    whole, local = (compute(tiny.classifier(model(kind)), measure).raw for measure in ("taylor", "taylor-local"))
    assert (whole > local).all() == differs
    assert np.array_equal(whole, local) != differs


def test_no_gradient_reaches_the_local_rows_of_longformers_last_layer() -> None:
    """Exactly none: only the global token's rows feed the classifier, so that the output's columns alone count."""
    built = tiny.longformer()
    attention = built.longformer.encoder.layer[-1].attention
    local = [attention.self.query, attention.self.key, attention.self.value]
    parameters = [parameter for module in local for parameter in module.parameters()]
    batch = forward_pass.batch(tiny.classifier(built), DOCUMENTS)
    gradients = torch.autograd.grad(built(**batch, labels=torch.tensor(GOLD)).loss, parameters, retain_graph=True)
    assert not any(gradient.any() for gradient in gradients)
    (gradient,) = torch.autograd.grad(built(**batch, labels=torch.tensor(GOLD)).loss, [attention.output.dense.weight])
    squares = (gradient * len(GOLD) * attention.output.dense.weight).double() ** 2
    columns = squares.sum(dim=0).reshape(2, SIZE).sum(dim=1).detach().numpy()
    np.testing.assert_allclose(compute(tiny.classifier(built), "taylor-local").raw[-1], columns, rtol=1e-4)


def test_a_model_of_several_labels_has_the_loss_it_was_trained_with() -> None:
    built = tiny.dense("bert", problem_type="multi_label_classification")
    np.testing.assert_allclose(compute(tiny.classifier(built)).raw, by_hand(built, further=True), rtol=1e-4)


def test_all_gold_labels_of_a_document_are_true() -> None:
    """Against the model's own loss, for documents with two labels, one, and none; for ablation, the sum of logits."""
    built = tiny.dense("bert", problem_type="multi_label_classification")
    gold: list[Any] = [((0, 1), (1,), (), (0,))[n % 4] for n in range(len(DOCUMENTS))]
    classifier = tiny.classifier(built)
    found = measures.compute(classifier, DOCUMENTS, gold, measure="taylor", batch_size=2)
    np.testing.assert_allclose(found.raw, by_hand(built, further=True, gold=gold), rtol=1e-4)
    drops = [
        measures.compute(classifier, DOCUMENTS[:1], [labels], measure="ablation", batch_size=2).raw
        for labels in ((0, 1), 0, 1, ())
    ]
    np.testing.assert_allclose(drops[0], drops[1] + drops[2], atol=1e-5)
    assert not drops[3].any()


@settings(max_examples=15)
@given(st.lists(st.integers(3, 40), min_size=1, max_size=6), st.integers(1, 8), st.sampled_from(MEASURES))
def test_neither_batches_nor_order_nor_padding_count(lengths: list[int], batch_size: int, measure: str) -> None:
    """The sample alone does, however it is cut; the gradient is that of the summed loss."""
    classifier = tiny.classifier(tiny.longformer())
    documents, gold = [tiny.document(length, seed=length) for length in lengths], [n % 2 for n in lengths]
    found = measures.compute(classifier, documents, gold, measure=measure, batch_size=batch_size)
    expected = measures.compute(classifier, documents[::-1], gold[::-1], measure=measure, batch_size=1)
    np.testing.assert_allclose(found.raw, expected.raw, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found.values, expected.values, atol=1e-3)


def test_dropout_and_old_gradients_do_not_count() -> None:
    """A model fresh from training gives what it gives afterwards; and it keeps what it had."""
    built = tiny.longformer(dropout=0.5)
    for measure in MEASURES:
        first = compute(tiny.classifier(built), measure)
        built.train()
        built(input_ids=torch.tensor([DOCUMENTS[0].ids]), labels=torch.tensor([0])).loss.backward()
        before = [None if p.grad is None else p.grad.clone() for p in built.parameters()]
        np.testing.assert_array_equal(compute(tiny.classifier(built), measure).raw, first.raw)
        after = [parameter.grad for parameter in built.parameters()]
        assert all(a is None if b is None else torch.equal(a, b) for a, b in zip(after, before, strict=True))


def test_heads_that_all_count_the_same_get_zero() -> None:
    """Nothing reaches the logits: nothing is divided by 0."""
    built = tiny.longformer()
    with torch.no_grad():
        built.classifier.out_proj.weight.zero_()
    for measure in MEASURES:
        assert compute(tiny.classifier(built), measure).values.tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("measure", MEASURES)
def test_half_precision_gives_about_the_same(dtype: torch.dtype, measure: str) -> None:
    """Sums are taken in more precision than the model has."""
    exact = compute(tiny.classifier(tiny.dense("bert")), measure).raw
    found = compute(tiny.classifier(tiny.dense("bert").to(dtype)), measure).raw
    np.testing.assert_allclose(found, exact, atol=0.1 * np.abs(exact).max())
    assert not np.array_equal(found, exact)


# layers that share their parameters


@pytest.mark.parametrize("measure", MEASURES)
def test_layers_of_albert_are_told_apart_though_they_share_parameters(measure: str) -> None:
    """As in the same model with the parameters of each layer written out."""
    shared = tiny.dense("albert")
    apart = tiny.dense("albert", num_hidden_groups=2)
    weights = shared.state_dict()
    apart.load_state_dict({name: weights[name.replace("groups.1.", "groups.0.")] for name in apart.state_dict()})
    found, expected = (compute(tiny.classifier(built), measure).raw for built in (shared, apart))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert not np.allclose(found[0], found[1], rtol=0.05)


def test_albert_is_as_it_was_afterwards() -> None:
    built = tiny.dense("albert")
    groups, names = built.albert.encoder.albert_layer_groups, [name for name, _ in built.named_parameters()]
    with pytest.raises(KeyboardInterrupt):
        compute(tiny.classifier(built), advance=interrupt_after(1))
    assert built.albert.encoder.albert_layer_groups is groups
    assert built.config.num_hidden_groups == 1
    assert [name for name, _ in built.named_parameters()] == names


# ablation


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_size", [1, 4])
def test_ablation_is_the_mean_drop_of_the_gold_logit(kind: str, batch_size: int) -> None:
    """By hand: the columns of the output that read the head are 0, documents one by one."""
    built = model(kind)

    def gold_logits() -> np.ndarray:
        with torch.no_grad():
            logits = [built(input_ids=torch.tensor([tokens.ids])).logits[0] for tokens in DOCUMENTS]
        return np.array([float(row[label]) for row, label in zip(logits, GOLD, strict=True)])

    whole, expected = gold_logits(), np.zeros((2, 2))
    for layer, head in np.ndindex(2, 2):
        *_, (weight, columns) = of_head(built, layer, head, further=False)
        kept = weight.detach().clone()
        with torch.no_grad():
            weight[columns] = 0
            expected[layer, head] = (whole - gold_logits()).mean()
            weight.copy_(kept)
    found = compute(tiny.classifier(built), "ablation", batch_size=batch_size)
    np.testing.assert_allclose(found.raw, expected, atol=1e-5)


def test_a_head_that_speaks_against_the_gold_label_weighs_nothing() -> None:
    """Its raw figure stays negative."""
    found = compute(tiny.classifier(tiny.dense("deberta-v2")), "ablation")
    assert (found.raw < 0).sum() == 3
    np.testing.assert_array_equal(found.values, (found.raw > 0).astype(np.float32))
    found = compute(tiny.classifier(tiny.dense("llama")), "ablation")
    assert (found.raw < 0).tolist() == [[True, True], [False, False]]
    np.testing.assert_allclose(found.values, [[0, 0], [1, found.raw[1, 1] / found.raw[1, 0]]], rtol=1e-6)


def test_ablation_needs_no_gradient_and_runs_no_layer_twice_for_nothing() -> None:
    """Layers before the head's own give again what they gave: here 5 documents x (2 + heads of each layer)."""
    classifier = tiny.classifier(tiny.dense("bert"))
    rows = [0, 0]
    for index, layer in enumerate(classifier.model.bert.encoder.layer):

        def count(_: object, inputs: tuple[Tensor, ...], index: int = index) -> None:
            assert not torch.is_grad_enabled()
            rows[index] += len(inputs[0])

        layer.attention.register_forward_pre_hook(count)
    compute(classifier, "ablation")
    assert rows == [5 * (1 + 2), 5 * (1 + 2 + 2)]


# a head that carries the label

LEFT, RIGHT = 290, 291  # tokens that say what the label is
FEATURE, ANSWER = [0, 1], [2, 3]  # numbers of a hidden state: what a token says, and what was heard
PAIR = torch.tensor([1.0, -1.0])  # of opposite signs, so that layer norm tells nothing to the other numbers


def planted(kind: str, layer: int, head: int) -> Classifier:
    """Two tokens mean the labels; one head alone hears them and tells the classifier; the others do something else."""
    built = tiny.longformer() if kind == "longformer" else tiny.dense("bert")
    base, apart = built.base_model, FEATURE + ANSWER
    with torch.no_grad():
        for table in base.embeddings.modules():
            if isinstance(table, torch.nn.Embedding):
                table.weight[:, apart] = 0
        words = base.embeddings.word_embeddings.weight
        words[RIGHT] = words[LEFT]
        words[LEFT, FEATURE], words[RIGHT, FEATURE] = PAIR * 3, -PAIR * 3
        for index, block in enumerate(base.encoder.layer):
            attention, output = block.attention.self, block.attention.output.dense
            for reading in (
                *(m for m in attention.modules() if isinstance(m, torch.nn.Linear)),
                block.intermediate.dense,
            ):
                reading.weight[:, apart] = 0
            for writing in (output, block.output.dense):
                writing.weight[apart], writing.bias[apart] = 0, 0
            if index == layer:
                for value in (attention.value, getattr(attention, "value_global", attention.value)):
                    value.weight[head * SIZE] = 0
                    value.weight[head * SIZE, FEATURE] = PAIR
                output.weight[ANSWER, head * SIZE] = PAIR
        first, last = built.base_model.pooler.dense if kind == "bert" else built.classifier.dense, built.classifier
        last = last if kind == "bert" else last.out_proj
        for linear in (first, last):
            linear.weight.zero_()
            linear.bias.zero_()
        first.weight[0, ANSWER] = PAIR
        last.weight[:, 0] = torch.tensor([1.0, -1.0])
    return tiny.classifier(built)


def telling(label: int, seed: int) -> Tokens:
    """A document in which every third token tells its label."""
    ids = list(tiny.document(24, seed=seed).ids)
    ids[2:-1:3] = [RIGHT if label else LEFT] * len(ids[2:-1:3])
    plain = tiny.document(24)
    return Tokens(tuple(ids), *(getattr(plain, name) for name in ("strings", "starts", "ends", "special", "blank")), 24)


@pytest.mark.parametrize("kind", ["longformer", "bert"])
@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("head", [0, 1])
def test_a_planted_head_comes_out_on_top(kind: str, layer: int, head: int) -> None:
    """By every measure, and far ahead. That it alone carries the label is seen first: the model is right, by it."""
    classifier = planted(kind, layer, head)
    gold = [0, 1, 1, 0, 1, 0]
    documents = [telling(label, seed=seed) for seed, label in enumerate(gold)]
    assert forward_pass.predict_logits(classifier, documents).argmax(dim=1).tolist() == gold
    for other in np.ndindex(2, 2):
        with without(classifier, *other):
            right = (forward_pass.predict_logits(classifier, documents).argmax(dim=1) == torch.tensor(gold)).sum()
        assert right == (3 if other == (layer, head) else 6)
    for measure in MEASURES:
        found = measures.compute(classifier, documents, gold, measure=measure, batch_size=3)
        assert np.unravel_index(found.values.argmax(), (2, 2)) == (layer, head), (measure, found.raw)
        assert np.sort(found.values.ravel())[-2] < 0.5, (measure, found.raw)


@contextlib.contextmanager
def without(classifier: Classifier, layer: int, head: int) -> Iterator[None]:
    weight = classifier.model.base_model.encoder.layer[layer].attention.output.dense.weight
    kept = weight.detach().clone()
    with torch.no_grad():
        weight[:, head * SIZE : (head + 1) * SIZE] = 0
    yield
    with torch.no_grad():
        weight.copy_(kept)


# interrupted, and gone on with


def interrupt_after(documents: int, error: type[BaseException] = KeyboardInterrupt) -> Any:
    """An `advance` that raises once so many documents are done."""
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        if done >= documents:
            raise error

    return advance


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_an_interrupted_run_goes_on_to_the_very_same_result(
    tmp_path: Path, measure: str, error: type[BaseException]
) -> None:
    """Bit for bit, however often Ctrl-C, SIGTERM or a fault come, also after the last batch; nothing lies about."""
    classifier, state = tiny.classifier(tiny.longformer()), tmp_path / "heads.safetensors.partial"
    whole = compute(classifier, measure, batch_size=2)
    for documents in (1, 3, 5):
        with pytest.raises(error):
            compute(classifier, measure, batch_size=2, state=state, key="k", advance=interrupt_after(documents, error))
        assert list(tmp_path.iterdir()) == [state]
    seen: list[int] = []
    found = compute(classifier, measure, batch_size=2, state=state, key="k", advance=seen.append)
    assert seen == [5]
    np.testing.assert_array_equal(found.raw, whole.raw)
    np.testing.assert_array_equal(found.values, whole.values)


@pytest.mark.parametrize("measure", MEASURES)
def test_what_was_kept_along_the_way_is_enough_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measure: str
) -> None:
    """As after kill -9, when nothing more can be written; no batch that was kept is read again."""
    monkeypatch.setattr(measures, "SAVE_EVERY", 0.0)
    classifier, state = tiny.classifier(tiny.longformer()), tmp_path / "state"
    copies: list[Path] = []

    def advance(_: int) -> None:
        copies.append(Path(shutil.copy(state, tmp_path / f"copy {len(copies)}")))

    whole = compute(classifier, measure, batch_size=2, state=state, key="k", advance=advance)
    done = [1, 2, 3, 4, 5] if measure == "ablation" else [2, 4, 5]
    for kept, documents in zip(copies, done, strict=True):
        seen: list[int] = []
        found = compute(classifier, measure, batch_size=2, state=kept, key="k", advance=seen.append)
        assert (seen[0], sum(seen)) == (documents, 5)
        np.testing.assert_array_equal(found.raw, whole.raw)


def test_little_is_written_in_a_short_run(tmp_path: Path) -> None:
    """Nothing at all within a minute; a run without a state writes nothing ever."""
    compute(tiny.classifier(tiny.longformer()), state=tmp_path / "state", key="k")
    assert not list(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        compute(tiny.classifier(tiny.longformer()), advance=interrupt_after(1))


def begun(path: Path, measure: str = "taylor", *, key: str = "k") -> bytes:
    """A state of one batch of two documents."""
    with pytest.raises(KeyboardInterrupt):
        compute(
            tiny.classifier(tiny.longformer()), measure, batch_size=2, state=path, key=key, advance=interrupt_after(1)
        )
    return path.read_bytes()


@pytest.mark.parametrize("measure", ["taylor", "taylor-local", "ablation"])
def test_what_was_begun_with_other_settings_is_not_gone_on_with(tmp_path: Path, measure: str) -> None:
    """Exit code 2 and what to do; the file stays, unless it is said to begin anew."""
    state = tmp_path / "state"
    before = begun(state, measure, key="another revision")
    classifier = tiny.classifier(tiny.longformer())
    with pytest.raises(UsageError, match="state: was started with another model, sample or setting") as caught:
        compute(classifier, measure, batch_size=2, state=state, key="k")
    assert caught.value.exit_code == 2
    assert "--restart" in str(caught.value.hint)
    other = MEASURES[MEASURES.index(measure) - 1]
    with pytest.raises(UsageError, match="was started with another"):
        compute(classifier, other, batch_size=2, state=state, key="another revision")
    assert state.read_bytes() == before
    found = compute(classifier, measure, batch_size=2, state=state, key="k", restart=True)
    np.testing.assert_array_equal(found.raw, compute(classifier, measure, batch_size=2).raw)
    assert not state.exists()


def test_a_state_that_is_torn_or_something_else_is_neither_used_nor_deleted(tmp_path: Path) -> None:
    """Exit code 5 and what to do; also where its numbers do not fit."""
    state = tmp_path / "state"
    whole = begun(state)
    classifier = tiny.classifier(tiny.longformer())
    save_file({"0": np.zeros(3)}, tmp_path / "other", {"format": "np"})
    save_file({"0": np.zeros(3)}, tmp_path / "claims", {"key": "taylor k", "done": "2"})
    foreign = [(tmp_path / name).read_bytes() for name in ("other", "claims")]
    more = whole.replace(b'"done":"2"', b'"done":"9"')
    assert more != whole
    for content in (b"", whole[:40], whole[:-1], b"text of the user's own", *foreign, more):
        state.write_bytes(content)
        with pytest.raises(ImportanceError, match="state: cannot be continued") as caught:
            compute(classifier, state=state, key="k")
        assert caught.value.exit_code == 5
        assert "--restart" in str(caught.value.hint)
        assert state.read_bytes() == content
    compute(classifier, state=state, key="k", restart=True)


def test_fewer_documents_than_are_done_is_another_sample(tmp_path: Path) -> None:
    """Though the key be the same."""
    begun(tmp_path / "state")
    with pytest.raises(ImportanceError, match="its sums belong to another run"):
        measures.compute(
            tiny.classifier(tiny.longformer()),
            DOCUMENTS[:1],
            GOLD[:1],
            measure="taylor",
            batch_size=2,
            state=tmp_path / "state",
            key="k",
        )


# memory, and what cannot be measured


@pytest.mark.parametrize("measure", MEASURES)
def test_a_batch_that_does_not_fit_is_halved(measure: str) -> None:
    """Down to one row; the figures are the same, and every document counts once."""
    classifier, sizes = tiny.classifier(tiny.longformer()), []
    whole = compute(classifier, measure, batch_size=1)

    def full(_: object, inputs: tuple[Tensor, ...]) -> None:
        sizes.append(len(inputs[0]))
        if len(inputs[0]) > 1:
            raise torch.OutOfMemoryError("no memory")

    classifier.model.longformer.encoder.layer[1].register_forward_pre_hook(full)
    seen: list[int] = []
    found = compute(classifier, measure, batch_size=4, advance=seen.append)
    np.testing.assert_allclose(found.raw, whole.raw, rtol=1e-5, atol=1e-6)
    assert sum(seen) == 5
    assert max(sizes) == (2 if measure == "ablation" else 4)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_document_that_does_not_fit_alone_is_a_device_error(tmp_path: Path, measure: str) -> None:
    """Exit code 6; what was done before is kept."""
    classifier = tiny.classifier(tiny.longformer())

    def full(_: object, inputs: tuple[Tensor, ...]) -> None:
        if float(inputs[0].sum()) in short:
            raise torch.OutOfMemoryError("no memory")

    short: list[float] = []
    layer = classifier.model.longformer.encoder.layer[0]
    handle = layer.register_forward_pre_hook(lambda _, inputs: short.append(float(inputs[0].sum())))
    forward_pass.predict_logits(classifier, [DOCUMENTS[2]])  # the shortest, and so the last
    handle.remove()
    layer.register_forward_pre_hook(full)
    with pytest.raises(DeviceError, match="no memory") as caught:
        compute(classifier, measure, batch_size=1, state=tmp_path / "state", key="k")
    assert caught.value.exit_code == 6
    seen: list[int] = []
    with pytest.raises(DeviceError):
        compute(classifier, measure, batch_size=1, state=tmp_path / "state", key="k", advance=seen.append)
    assert seen == [4]


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("kind", ["xlnet", "funnel"])
def test_a_model_whose_heads_are_not_known_is_refused(kind: str, measure: str) -> None:
    """Exit code 4, rather than a figure that leaves parameters out."""
    with pytest.raises(ModelError, match=f'heads of model type "{kind}" were not found') as caught:
        compute(tiny.classifier(tiny.dense(kind)), measure)
    assert caught.value.exit_code == 4
    assert "--importance" in str(caught.value.hint)


def test_rows_that_do_not_fall_to_the_heads_are_refused() -> None:
    """A projection of one row more is none that is known here."""
    classifier = tiny.classifier(tiny.dense("bert"))
    classifier.model.bert.encoder.layer[1].attention.self.key = torch.nn.Linear(16, 17)
    with pytest.raises(ModelError, match="17 rows do not divide into 2 heads of 8"):
        head_parameters.find(classifier)


@pytest.mark.parametrize("measure", MEASURES)
def test_numbers_that_are_not_finite_are_an_error_of_the_model(measure: str) -> None:
    classifier = tiny.classifier(tiny.dense("bert"))
    with torch.no_grad():
        classifier.model.bert.encoder.layer[0].output.dense.bias[0] = torch.nan
    with pytest.raises(ModelError, match="not finite") as caught:
        compute(classifier, measure)
    assert caught.value.exit_code == 4


def test_a_sample_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="no example has a gold label"):
        measures.compute(tiny.classifier(tiny.longformer()), [], [], measure="taylor", batch_size=1)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("kind", ["longformer", "bert", "gpt2"])
def test_the_model_is_left_as_it_was(kind: str, measure: str) -> None:
    """Also after an interruption in the middle of a layer: no hook, no gradient, no layer that gives old numbers."""
    built = model(kind)
    classifier = tiny.classifier(built)
    before = forward_pass.predict_logits(classifier, DOCUMENTS)
    projection = projections(built, 1, further=True)[1]

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    compute(classifier, measure)
    handle = projection.register_forward_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        compute(classifier, measure)
    handle.remove()
    assert all(parameter.requires_grad and parameter.grad is None for parameter in built.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in built.modules())
    assert not any("forward" in vars(module) for module in built.modules())
    assert torch.equal(forward_pass.predict_logits(classifier, DOCUMENTS), before)
