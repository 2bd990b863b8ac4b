"""inference: load a classifier, predict, hand on its attention one layer at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.processors import ByteLevel
from torch.multiprocessing.reductions import StorageWeakRef
from transformers import (
    AutoModelForSequenceClassification,
    FNetConfig,
    FNetForSequenceClassification,
    PreTrainedTokenizerFast,
)

from reportgen.core.errors import DataError, DeviceError, ModelError
from reportgen.core.nouns.labels import LabelColumn
from reportgen.core.nouns.records import DenseAttention, LayerAttention, Prediction, SlidingWindowAttention, Tokens
from reportgen.model.attention import convert
from reportgen.model.classifier import Classifier
from reportgen.model.reading import forward_pass
from reportgen.model.tokenizing.tokens import encode
from tests import every_type, reference, tiny

DENSE = ("bert", "distilbert", "albert", "deberta-v2", "gpt2", "llama", "opt")
TEXT = "The heads of a long document classifier attend to these tokens."


def attend(classifier: Classifier, *documents: Tokens) -> tuple[dict[tuple[int, int], np.ndarray], torch.Tensor]:
    """Dense matrices by (document, layer), assembled by `slow` from what is handed on, and the logits."""
    found: dict[tuple[int, int], np.ndarray] = {}

    def keep(document: int, layer: int, attention: LayerAttention) -> None:
        assert (document, layer) not in found
        found[document, layer] = assembled(attention)

    logits = forward_pass.attend(classifier, documents, keep)
    return found, logits


def assembled(attention: LayerAttention) -> np.ndarray:
    """(head, query, key) of what is handed on, without convert.py."""
    if isinstance(attention, DenseAttention):
        return attention.weights.clone().numpy()
    return reference.assemble(
        attention.local.numpy(), attention.global_.numpy(), attention.global_positions, attention.window
    )


# attention of Longformer


@pytest.mark.parametrize("windows", [(8, 8), (4, 8), (12, 4)])
@pytest.mark.parametrize("global_positions", [(), (0,), (0, 5), (0, 1, 11)])
@pytest.mark.parametrize("length", [1, 2, 8, 9, 17, 40])
def test_attention_is_what_the_model_returns(
    windows: tuple[int, ...], global_positions: tuple[int, ...], length: int
) -> None:
    """Assembled slowly from the model's own `attentions` and `global_attentions`, without reportgen."""
    model, document = tiny.longformer(windows=windows), tiny.document(length)
    inside = tuple(position for position in global_positions if position < length)
    own = tiny.public(model, document.ids, global_positions=inside)
    found, logits = attend(tiny.classifier(model, global_positions=global_positions), document)
    assert sorted(found) == [(0, 0), (0, 1)]
    for layer, window in enumerate(windows):
        global_ = own.global_attentions[layer][0, :, :length] if inside else torch.zeros(2, length, 0)
        expected = reference.assemble(own.attentions[layer][0].numpy(), global_.numpy(), inside, window)
        np.testing.assert_allclose(found[0, layer], expected, atol=1e-6)
        np.testing.assert_allclose(found[0, layer].sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(logits, own.logits, atol=1e-6)


@pytest.mark.parametrize(("length", "window"), [(5, 8), (20, 8), (20, 4)])
@pytest.mark.parametrize("global_positions", [(0,), (0, 7), ()])
def test_first_layer_is_the_softmax_of_its_own_queries_and_keys(
    length: int, window: int, global_positions: tuple[int, ...]
) -> None:
    """Recomputed densely from the weights of the layer: right values, not only the model's own twice."""
    model, document = tiny.longformer(windows=(window, 8)), tiny.document(length)
    inside = tuple(position for position in global_positions if position < length)
    found, _ = attend(tiny.classifier(model, global_positions=global_positions), document)
    with torch.no_grad():
        hidden = model.longformer.embeddings(torch.tensor([document.ids]))[0].double().numpy()
    module = model.longformer.encoder.layer[0].attention.self
    weights = {name: parameter.detach().double().numpy() for name, parameter in module.named_parameters()}
    weights["heads"] = np.array(module.num_heads)
    expected = reference.longformer_attention(weights, hidden, reference.visible(length, window, inside), inside)
    np.testing.assert_allclose(found[0, 0], expected, atol=1e-5)


@given(st.integers(1, 40), st.sets(st.integers(0, 45), max_size=3), st.integers(0, 1000))
def test_received_and_attended_of_a_real_model_are_those_of_its_dense_matrix(
    length: int, global_positions: set[int], seed: int
) -> None:
    """Both stages together, for any length and any global tokens, some of them beyond the document."""
    classifier = tiny.classifier(MODEL, global_positions=tuple(global_positions))

    def check(document: int, layer: int, attention: LayerAttention) -> None:
        matrix = assembled(attention)
        np.testing.assert_allclose(convert.walk(attention).received, reference.received(matrix), rtol=1e-5, atol=1e-6)
        positions, _ = convert.walk(attention, attended=6).attended
        np.testing.assert_array_equal(positions, reference.attended(matrix, 6)[0])

    forward_pass.attend(classifier, [tiny.document(length, seed=seed)], check)


MODEL = tiny.longformer(windows=(4, 8))


# attention of other models


@pytest.mark.parametrize("kind", DENSE)
def test_dense_models_hand_on_the_attention_that_they_return(kind: str, tmp_path: Path) -> None:
    """Loaded from disk, where transformers chooses sdpa, which keeps no weights: reportgen loads the eager form."""
    tiny.save(tiny.dense(kind), tmp_path)
    usual = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    if kind != "deberta-v2":  # has no other form than eager
        assert usual.config._attn_implementation == "sdpa"
    document = tiny.document(9)
    classifier = tiny.load(tmp_path)
    found, logits = attend(classifier, document)
    usual.set_attn_implementation("eager")
    own = tiny.public(usual.eval(), document.ids)
    assert sorted(found) == [(0, 0), (0, 1)]
    for layer, weights in enumerate(own.attentions):
        np.testing.assert_allclose(found[0, layer], weights[0], atol=1e-6)
        np.testing.assert_allclose(found[0, layer].sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_allclose(logits, own.logits, atol=1e-6)
    assert classifier.windows == ()
    assert classifier.global_positions == ()


def test_a_model_type_without_attention_is_refused_when_loaded(tmp_path: Path) -> None:
    """FNet mixes tokens by Fourier transform: there are no heads."""
    config = FNetConfig(vocab_size=300, hidden_size=16, num_hidden_layers=1, intermediate_size=16)
    tiny.save(FNetForSequenceClassification(config), tmp_path)
    with pytest.raises(ModelError, match='model type "fnet" is not supported: it mixes tokens by Fourier'):
        tiny.load(tmp_path)


# memory, batches, determinism


@pytest.mark.parametrize(
    "build",
    [
        lambda: tiny.longformer(windows=(8,) * 4),
        *(lambda k=k: tiny.dense(k) for k in (*DENSE[:3], "gpt2", "esm", "big_bird", "modernbert")),
    ],
)
def test_never_more_than_one_layer_of_attention_is_held(build: Callable[[], Any]) -> None:
    """When a layer is handed on, the storage of every earlier one is free again."""
    earlier: list[StorageWeakRef] = []
    still_held: list[int] = []

    def watch(document: int, layer: int, attention: LayerAttention) -> None:
        still_held.append(sum(not storage.expired() for storage in earlier))
        parts = [attention.weights] if isinstance(attention, DenseAttention) else [attention.local, attention.global_]
        earlier.extend(StorageWeakRef(part.untyped_storage()) for part in parts)

    forward_pass.attend(tiny.classifier(build()), [tiny.document(20)], watch)
    assert len(still_held) >= 2
    assert not any(still_held)
    assert all(storage.expired() for storage in earlier)


def test_the_model_itself_returns_only_empty_placeholders(monkeypatch: pytest.MonkeyPatch) -> None:
    """What transformers collects `attentions` of all layers is empty while we listen."""
    model, outputs = tiny.longformer(), []
    forward = model.forward
    monkeypatch.setattr(model, "forward", lambda **inputs: outputs.append(forward(**inputs)) or outputs[-1])
    attend(tiny.classifier(model), tiny.document(20))
    collected = [*outputs[0].attentions, *outputs[0].global_attentions]
    assert len(collected) == 4
    assert sum(weights.numel() for weights in collected) == 0


def test_listening_leaves_no_trace_in_the_model() -> None:
    """Afterwards the model returns its attention as before, also when handing on has failed."""
    model, document = tiny.longformer(), tiny.document(9)

    def fail(document: int, layer: int, attention: LayerAttention) -> None:
        raise ModelError("stop")

    with pytest.raises(ModelError, match="stop"):
        forward_pass.attend(tiny.classifier(model), [document], fail)
    assert tiny.public(model, document.ids, global_positions=(0,)).attentions[0].shape == (1, 2, 9, 10)


@pytest.mark.parametrize("kind", ["longformer", "bert", "gpt2"])
def test_logits_are_the_same_with_and_without_attention(kind: str) -> None:
    """The self-check of every report, on a batch."""
    classifier = tiny.classifier(tiny.longformer() if kind == "longformer" else tiny.dense(kind))
    batch = [tiny.document(7), tiny.document(20, seed=1)]
    _, logits = attend(classifier, *batch)
    np.testing.assert_allclose(logits, forward_pass.predict_logits(classifier, batch), atol=1e-6)
    assert logits.shape == (2, 2)
    assert abs(float(logits[0, 0] - logits[1, 0])) > 1e-3  # two texts, two predictions


@pytest.mark.parametrize("kind", ["longformer", "bert", "deberta-v2", "gpt2"])
@pytest.mark.parametrize("longest", [10, 16, 17, 33])
def test_a_text_scores_the_same_alone_and_in_a_padded_batch(kind: str, longest: int) -> None:
    """Also where the longer neighbour makes another multiple of the window; padding is never handed on."""
    model = tiny.longformer(windows=(8, 4)) if kind == "longformer" else tiny.dense(kind)
    classifier = tiny.classifier(model, global_positions=(0, 3, 12))  # 12 is beyond the short text
    short = tiny.document(9)
    alone, logits = attend(classifier, short)
    together, both = attend(classifier, tiny.document(longest, seed=3), short, tiny.document(2))
    for layer in range(2):
        assert together[1, layer].shape == (2, 9, 9)
        np.testing.assert_allclose(together[1, layer], alone[0, layer], atol=1e-5)
        assert together[2, layer].shape == (2, 2, 2)
    np.testing.assert_allclose(both[1], logits[0], atol=1e-5)


@pytest.mark.parametrize("windows", [(8, 8), (16, 16), (64, 64)])
def test_padding_to_the_window_changes_nothing(windows: tuple[int, ...]) -> None:
    """A text shorter than half of every window: other multiples, other padding, the same attention."""
    document = tiny.document(5)
    found, logits = attend(tiny.classifier(tiny.longformer(windows=windows)), document)
    expected, expected_logits = attend(tiny.classifier(tiny.longformer(windows=(10, 10))), document)
    for layer in range(2):
        np.testing.assert_allclose(found[0, layer], expected[0, layer], atol=1e-5)
    np.testing.assert_allclose(logits, expected_logits, atol=1e-5)


def test_two_runs_are_equal_though_the_model_was_trained_with_dropout(tmp_path: Path) -> None:
    """Dropout of a half would show in every number; a loaded model is never in train mode."""
    tiny.save(tiny.longformer(dropout=0.5).train(), tmp_path)
    classifier = tiny.load(tmp_path)
    assert not any(module.training for module in classifier.model.modules())
    first, logits = attend(classifier, tiny.document(20))
    second, again = attend(classifier, tiny.document(20))
    for key, matrix in first.items():
        np.testing.assert_array_equal(matrix, second[key])
    assert torch.equal(logits, again)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_not_finite_are_refused(value: float) -> None:
    """With and without attention: exit code 4."""
    model = tiny.longformer()
    with torch.no_grad():
        model.classifier.out_proj.bias[0] = value
    with pytest.raises(ModelError, match="logits that are not finite"):
        attend(tiny.classifier(model), tiny.document(5))
    with pytest.raises(ModelError, match=r"not finite .* its weights are not \(classifier.out_proj.bias\)") as caught:
        forward_pass.predict_logits(tiny.classifier(model), [tiny.document(5)])
    assert "diverged" in str(caught.value.hint)
    with pytest.raises(ModelError) as caught:
        forward_pass.predict_logits(tiny.classifier(model.half()), [tiny.document(5)])
    assert caught.value.hint == "use --dtype float32"


@pytest.mark.parametrize("kind", ["xlnet", "deberta"])
def test_a_type_that_does_not_run_in_half_precision_says_which_runs(kind: str, tmp_path: Path) -> None:
    """Transformers 5.23.0 leaves some of its weights in float32. And it does run in that."""
    folder = tiny.save(every_type.build(kind), tmp_path)
    with pytest.raises(ModelError, match=f'model type "{kind}" fails in its layer') as caught:
        forward_pass.predict_logits(tiny.load(folder, dtype="bfloat16"), [tiny.document(5)])
    assert caught.value.hint == "use --dtype float32"
    assert forward_pass.predict_logits(tiny.load(folder), [tiny.document(5)]).shape == (1, 2)


@pytest.mark.parametrize("projection", ["key", "key_global"])
def test_attention_that_is_not_finite_is_refused_in_its_layer(projection: str) -> None:
    """As the pipeline runs it, with convert at every layer: the first bad layer ends the run."""
    model = tiny.longformer()
    with torch.no_grad():
        getattr(model.longformer.encoder.layer[0].attention.self, projection).bias[0] = float("nan")
    done: list[int] = []

    def reduce(document: int, layer: int, attention: LayerAttention) -> None:
        convert.convert(attention, top_k=2, reader=0)
        done.append(layer)

    weight = rf"longformer\.encoder\.layer\.0\.attention\.self\.{projection}\.bias"
    wanted = rf"tiny: the model returned attention in layer 1 that is not finite .* weights are not \({weight}\)"
    with pytest.raises(ModelError, match=wanted):
        forward_pass.attend(tiny.classifier(model), [tiny.document(5)], reduce)
    assert done == []


@pytest.mark.parametrize("kind", ["longformer", "bert", "gpt2"])
def test_order_and_values_do_not_depend_on_batch_or_threads(kind: str) -> None:
    """Eight at once or each alone, one thread or two: the same twenty tokens first, values equal to 1e-4."""
    classifier = tiny.classifier(tiny.longformer() if kind == "longformer" else tiny.dense(kind))
    documents = [tiny.document(length, seed=length) for length in (60, 31, 33, 40, 25, 60, 52, 47)]

    def received(batch_size: int) -> tuple[list[np.ndarray], torch.Tensor]:
        totals = [np.zeros((2, len(tokens))) for tokens in documents]
        logits = []
        for start in range(0, len(documents), batch_size):

            def add(document: int, layer: int, attention: LayerAttention, start: int = start) -> None:
                totals[start + document] += convert.walk(attention).received.numpy()

            logits.append(forward_pass.attend(classifier, documents[start : start + batch_size], add))
        return totals, torch.cat(logits)

    threads = torch.get_num_threads()
    expected, logits = received(1)
    try:
        for batch_size, count in ((8, threads), (3, threads), (1, threads + 1), (8, threads + 1)):
            torch.set_num_threads(count)
            found, others = received(batch_size)
            np.testing.assert_allclose(others, logits, atol=1e-4)
            for one, other in zip(expected, found, strict=True):
                np.testing.assert_allclose(other, one, atol=1e-4)
                for head in range(2):
                    assert reference.order(other[head])[:20] == reference.order(one[head])[:20]
    finally:
        torch.set_num_threads(threads)


# many documents


def full_above(monkeypatch: pytest.MonkeyPatch, classifier: Classifier, most: int) -> list[int]:
    """Let memory run out for more than *most* documents at once; the sizes of all batches that are tried."""
    tried: list[int] = []
    forward = classifier.model.forward

    def fail(**inputs: Any) -> Any:
        tried.append(len(inputs["input_ids"]))
        if tried[-1] > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(**inputs)

    monkeypatch.setattr(classifier.model, "forward", fail)
    return tried


@given(st.lists(st.integers(1, 30), max_size=9), st.integers(1, 10))
def test_every_document_gets_its_own_logits_once(lengths: list[int], batch_size: int) -> None:
    """Batches are no larger than asked for, and go from long to short."""
    classifier = tiny.classifier(BERT)
    documents = [tiny.document(length, seed=place) for place, length in enumerate(lengths)]
    found: dict[int, torch.Tensor] = {}
    sizes: list[int] = []

    def keep(places: Sequence[int], logits: torch.Tensor) -> None:
        assert len(logits) == len(places) <= batch_size
        assert not found.keys() & set(places)
        found.update(zip(places, logits, strict=True))
        sizes.extend(lengths[place] for place in places)

    forward_pass.predict_all(classifier, documents, batch_size=batch_size, on_batch=keep)
    assert sorted(found) == list(range(len(lengths)))
    assert sizes == sorted(lengths, reverse=True)
    for place, tokens in enumerate(documents):
        np.testing.assert_allclose(found[place], forward_pass.predict_logits(classifier, [tokens])[0], atol=1e-5)


BERT = tiny.dense("bert")


def test_batches_are_halved_until_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight do not fit, four do not, two do: what comes after starts with two."""
    classifier = tiny.classifier(tiny.dense("bert"))
    documents = [tiny.document(9, seed=place) for place in range(10)]
    expected = forward_pass.predict_logits(classifier, documents)
    tried = full_above(monkeypatch, classifier, 2)
    found = torch.zeros(10, 2)

    def keep(places: Sequence[int], logits: torch.Tensor) -> None:
        found[list(places)] = logits

    forward_pass.predict_all(classifier, documents, batch_size=8, on_batch=keep)
    assert tried == [8, 4, 2, 2, 2, 2, 2]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_document_that_does_not_fit_alone_is_a_device_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 6, with its length and a hint; those that were done before stay done."""
    classifier = tiny.classifier(tiny.dense("bert"))
    tried = full_above(monkeypatch, classifier, 0)
    with pytest.raises(DeviceError, match=r"out of memory: .* \(one document of 21 tokens alone") as caught:
        forward_pass.predict_all(
            classifier, [tiny.document(9), tiny.document(21)], batch_size=2, on_batch=lambda places, logits: None
        )
    assert tried == [2, 1]
    assert caught.value.exit_code == 6
    assert "--max-length" in str(caught.value.hint)


# encoding


def test_tokens_point_into_the_text() -> None:
    """Ids, strings and characters of a text, the special tokens without characters."""
    document = encode(tiny.classifier(tiny.longformer()), "the heads")
    assert document.strings == ("<s>", "the", "Ġheads", "</s>")
    assert [("the heads")[start:end] for start, end in zip(document.starts, document.ends, strict=True)] == [
        "",
        "the",
        "heads",
        "",
    ]
    assert document.special == (True, False, False, True)
    assert (document.total, len(document), document.end) == (4, 4, 9)


@given(st.text(max_size=40))
def test_every_character_but_space_belongs_to_a_token(text: str) -> None:
    """Offsets lie in the text, never go backwards, and leave out nothing but white space."""
    document = encode(tiny.classifier(MODEL, max_length=10_000), text)
    content = [place for place in zip(document.starts, document.ends, document.special, strict=True) if not place[2]]
    covered: set[int] = set()
    last = 0
    for start, end, _ in content:
        assert last <= start <= end <= len(text)
        last = start
        covered.update(range(start, end))
    left = "".join(character for index, character in enumerate(text) if index not in covered)
    assert not left.strip()


def test_a_text_that_is_too_long_is_cut_at_its_end_and_says_so() -> None:
    """The first tokens are kept, the closing special token stays, `total` counts the whole text."""
    classifier = tiny.classifier(tiny.longformer(), max_length=12)
    whole = encode(replace(classifier, max_length=1000), TEXT)
    cut = encode(classifier, TEXT)
    assert whole.total == len(whole) > 12
    assert (len(cut), cut.total) == (12, len(whole))
    assert cut.ids == (*whole.ids[:11], tiny.EOS)
    assert cut.end == whole.ends[10] < len(TEXT)


def test_a_text_that_just_fits_is_not_cut() -> None:
    """At the limit nothing is lost."""
    classifier = tiny.classifier(tiny.longformer())
    length = len(encode(classifier, TEXT))
    assert encode(replace(classifier, max_length=length), TEXT) == encode(classifier, TEXT)


def test_an_empty_text_has_special_tokens_only() -> None:
    """It can be read and predicted; that it says nothing is a warning elsewhere."""
    classifier = tiny.classifier(tiny.longformer())
    document = encode(classifier, "")
    assert document.special == (True, True)
    assert attend(classifier, document)[0][0, 1].shape == (2, 2, 2)


def test_a_tokenizer_that_gives_nothing_is_an_input_error() -> None:
    """Without special tokens an empty text has no token at all: exit code 3."""
    plain = Tokenizer.from_str(tiny.tokenizer().backend_tokenizer.to_str())
    plain.post_processor = ByteLevel()
    classifier = replace(tiny.classifier(MODEL), tokenizer=PreTrainedTokenizerFast(tokenizer_object=plain))
    with pytest.raises(DataError, match="no token for this text") as caught:
        encode(classifier, "")
    assert caught.value.exit_code == 3
    assert len(encode(classifier, "the heads")) == 2


def test_a_tokenizer_of_another_model_is_refused() -> None:
    """A token that the model has no embedding for: exit code 4 instead of an index error."""
    classifier = tiny.classifier(tiny.longformer())
    classifier.model.resize_token_embeddings(20)
    with pytest.raises(ModelError, match="the model has 20 tokens"):
        encode(classifier, TEXT)


# predictions and labels


def test_a_prediction_names_the_most_probable_label() -> None:
    """Softmax of 0 and ln 3 is a quarter and three quarters."""
    found = forward_pass.prediction(tiny.classifier(MODEL), torch.tensor([0.0, float(np.log(3))]), gold="LEFT")
    assert found.probabilities == pytest.approx((0.25, 0.75))
    assert (found.predicted, found.gold, found.gold_text, found.verdict) == (1, 0, "LEFT", "wrong")


def test_labels_that_do_not_exclude_each_other_get_a_sigmoid_each() -> None:
    """Probabilities need not sum to 1."""
    model = tiny.dense("bert", problem_type="multi_label_classification")
    found = forward_pass.prediction(tiny.classifier(model), torch.tensor([0.0, float(np.log(3))]), gold="[0, 1]")
    assert found.probabilities == pytest.approx((0.5, 0.75))
    assert (found.chosen, found.verdict) == ((1, 0), "right")  # at .5 a label is predicted
    assert (found.gold, found.gold_labels, found.gold_name) == (None, (0, 1), "left, right")


def test_several_labels_may_be_predicted_or_none() -> None:
    """The verdict is right for exactly the gold labels; the confidence is that of the least certain yes or no."""
    classifier = tiny.classifier(tiny.dense("bert", problem_type="multi_label_classification"))
    logits = torch.tensor([float(np.log(3)), -float(np.log(4))])  # .75 and .2

    def predicted(gold: Any, threshold: float | None = None) -> Prediction:
        return forward_pass.prediction(replace(classifier, threshold=threshold), logits, gold=gold)

    assert [predicted(gold).verdict for gold in ("left", '["left"]', "[]", "left, right", None, "up")] == [
        *("right", "right", "wrong", "wrong", "unknown", "unknown"),
    ]
    both, none = predicted("left, right", threshold=0.2), predicted("[]", threshold=0.8)
    assert (both.predicted_names, both.verdict, both.confidence) == (("left", "right"), "right", pytest.approx(0.2))
    assert (none.predicted_names, none.predicted_name, none.verdict) == ((), "no label", "right")
    assert none.confidence == pytest.approx(0.25)  # that "left" is none
    assert (none.gold_name, none.labels[none.predicted]) == ("no label", "left")


def test_a_label_that_the_model_does_not_know_is_kept_as_text() -> None:
    """Unknown is not wrong."""
    found = forward_pass.prediction(tiny.classifier(MODEL), torch.tensor([1.0, 0.0]), gold="upwards")
    assert (found.gold, found.gold_text, found.verdict) == (None, "upwards", "unknown")
    assert forward_pass.prediction(tiny.classifier(MODEL), torch.tensor([1.0, 0.0]), gold=None).gold_text is None


def test_the_name_that_a_dataset_gives_a_label_comes_before_its_number() -> None:
    """It may count its classes in another order than the model."""
    classifier = tiny.classifier(MODEL)  # left, right
    assert forward_pass.gold_labels(classifier, 0, LabelColumn(("RIGHT", "left"))) == (1,)
    assert forward_pass.gold_labels(classifier, 0, LabelColumn(("upwards", "downwards"))) == (0,)
    found = forward_pass.prediction(classifier, torch.tensor([1.0, 0.0]), gold=0, column=LabelColumn(("Right", "Left")))
    assert (found.gold, found.gold_text, found.verdict) == (1, "Right", "wrong")


def test_the_models_own_names_are_known_beside_those_given_in_their_place(folder: Path) -> None:
    """`--labels` renames what the report shows; a dataset may still speak the model's language."""
    classifier = tiny.load(folder, labels=("liberal", "conservative"))
    assert classifier.own_labels == ("left", "right")
    assert [forward_pass.gold_labels(classifier, label) for label in ("Right", "liberal", 1, "x")] == [
        (1,),
        (0,),
        (1,),
        None,
    ]
    found = forward_pass.prediction(classifier, torch.tensor([0.0, 1.0]), gold="right")
    assert (found.labels[1], found.gold, found.gold_text) == ("conservative", 1, "right")


@pytest.mark.parametrize("kind", ["longformer", *DENSE])
@pytest.mark.parametrize("length", [2, 9])
def test_the_reader_is_the_one_token_that_feeds_the_classifier(kind: str, length: int) -> None:
    """Only its row of the last hidden states has a gradient of the logits."""
    model = tiny.longformer() if kind == "longformer" else tiny.dense(kind)
    last: list[torch.Tensor] = []
    model.base_model.register_forward_hook(lambda _, __, output: last.append(output[0]))  # (1, token, hidden)
    output = model(input_ids=torch.tensor([tiny.document(length).ids]))
    (gradient,) = torch.autograd.grad(output.logits[0, 0], last[0])
    feeding = gradient[0].abs().sum(dim=-1).nonzero()[:, 0].tolist()
    assert feeding == [forward_pass.reader_position(tiny.classifier(model), tiny.document(length))]


@pytest.mark.parametrize(
    ("pooling", "reader"), [({"classifier_pooling": "mean"}, None), ({"classifier_pooling": "cls"}, 0), ({}, 0)]
)
def test_a_head_that_pools_over_all_tokens_has_no_reader(pooling: dict[str, str], reader: int | None) -> None:
    """ModernBERT can do either."""
    model = SimpleNamespace(config=SimpleNamespace(model_type="modernbert", **pooling))
    assert forward_pass.reader_position(replace(tiny.classifier(MODEL), model=model), tiny.document(9)) == reader


@pytest.mark.parametrize("kind", ["xlnet", "xlm", "flaubert"])
@pytest.mark.parametrize("summary", ["first", "last", "mean", "cls_index"])
def test_a_head_with_a_summary_type_reads_what_it_says(kind: str, summary: str) -> None:
    """First, last, or all; measured by the gradient of a logit, as above."""
    model = tiny.dense(kind, summary_type=summary)
    last: list[torch.Tensor] = []
    model.base_model.register_forward_hook(lambda _, __, output: last.append(output[0]))
    output = model(input_ids=torch.tensor([tiny.document(9).ids]))
    (gradient,) = torch.autograd.grad(output.logits[0, 0], last[0])
    feeding = gradient[0].abs().sum(dim=-1).nonzero()[:, 0].tolist()
    reader = forward_pass.reader_position(tiny.classifier(model), tiny.document(9))
    assert feeding == (list(range(9)) if summary == "mean" else [reader])
    assert (reader is None) == (summary == "mean")


def test_layers_of_different_lengths_are_refused() -> None:
    """Funnel pools tokens between its layers: exit code 4 instead of an error of NumPy."""
    with pytest.raises(ModelError, match="layers of different lengths, which are not supported") as caught:
        attend(tiny.classifier(tiny.dense("funnel")), tiny.document(9))
    assert caught.value.exit_code == 4


def test_what_is_handed_on_has_the_documented_shapes() -> None:
    """(head, query, x + window + 1) and (head, key, x)."""
    shapes = []

    def look(document: int, layer: int, attention: LayerAttention) -> None:
        assert isinstance(attention, SlidingWindowAttention)
        shapes.append((tuple(attention.local.shape), tuple(attention.global_.shape), attention.window))

    forward_pass.attend(tiny.classifier(MODEL, global_positions=(5, 0)), [tiny.document(9)], look)
    assert shapes == [((2, 9, 7), (2, 9, 2), 4), ((2, 9, 11), (2, 9, 2), 8)]
