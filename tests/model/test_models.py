"""Every kind of model: what is kept of its attention is what the model returns, alone and in a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from transformers import PreTrainedModel

from reportgen.core.errors import ModelError
from reportgen.core.nouns.records import Attention, DenseAttention, LayerAttention, Tokens
from reportgen.model.attention import convert
from reportgen.model.attention.stack import stack
from reportgen.model.classifier import Classifier
from reportgen.model.importance import importance_files
from reportgen.model.reading import forward_pass
from reportgen.report import scale
from reportgen.report.warnings import checks
from tests import reference, tiny

Mask = Callable[[int, int, int], bool]  # (layer, query, key)


def everything(layer: int, query: int, key: int) -> bool:
    return True


def backwards(layer: int, query: int, key: int) -> bool:
    return key <= query


MODELS: dict[str, tuple[Callable[[], PreTrainedModel], Mask]] = {
    **{
        kind: (lambda kind=kind: tiny.dense(kind), everything)  # type: ignore[misc]
        for kind in (
            *("bert", "roberta", "distilbert", "deberta-v2", "albert", "xlm-roberta", "camembert", "mpnet"),
            *("esm", "nystromformer", "eurobert"),
        )
    },
    **{
        kind: (lambda kind=kind: tiny.dense(kind), backwards)  # type: ignore[misc]
        for kind in ("gpt2", "llama", "qwen2", "gemma", "gpt_neox", "opt")
    },
    "electra": (lambda: tiny.dense("electra", embedding_size=16), everything),
    "rembert": (lambda: tiny.dense("rembert", input_embedding_size=16), everything),
    "modernbert": (  # the first layer sees everything, the second four tokens to each side
        lambda: tiny.dense("modernbert", local_attention=8, cls_token_id=0, sep_token_id=2),
        lambda layer, query, key: layer == 0 or abs(query - key) <= 4,
    ),
    "mistral": (  # each token sees itself and three before it
        lambda: tiny.dense("mistral", sliding_window=4),
        lambda layer, query, key: 0 <= query - key < 4,
    ),
    "big_bird, original_full": (lambda: tiny.dense("big_bird", attention_type="original_full"), everything),
    "big_bird, block_sparse, short": (lambda: full_by_now(sparse_bird(num_random_blocks=3).model), everything),
}


def full_by_now(model: PreTrainedModel) -> PreTrainedModel:
    """A BigBird that reads short texts; one that turns to full attention itself returns none in transformers."""
    model.base_model.set_attention_type("original_full")
    return model


CAUSAL = ("gpt2", "llama", "qwen2", "gemma", "gpt_neox", "opt", "mistral")
TOKENS = (1, 2, 9, 30)


def sparse_bird(**settings: int) -> Classifier:
    """Reads up to 28 tokens with full attention, longer texts in blocks of 4."""
    usual = {"attention_type": "block_sparse", "block_size": 4, "num_random_blocks": 1}
    return tiny.classifier(tiny.dense("big_bird", **{**usual, **settings}))


def ending(tokens: Tokens, *ids: int) -> Tokens:
    """The document with other last tokens."""
    return replace(tokens, ids=(*tokens.ids[: -len(ids)], *ids))


def matrices(classifier: Classifier, *documents: Tokens) -> tuple[dict[tuple[int, int], npt.NDArray], torch.Tensor]:
    found: dict[tuple[int, int], npt.NDArray] = {}

    def keep(document: int, layer: int, attention: LayerAttention) -> None:
        assert isinstance(attention, DenseAttention)
        found[document, layer] = attention.weights.clone().numpy()

    logits = forward_pass.attend(classifier, documents, keep)
    return found, logits


# one document


@pytest.mark.parametrize("kind", MODELS)
def test_what_is_kept_of_attention_is_that_of_the_attention_the_model_returns(kind: str) -> None:
    """Received, attended, attending, the map and the count of zeros, recomputed slowly from `attentions`."""
    build, mask = MODELS[kind]
    classifier = tiny.classifier(build())
    for length in TOKENS:
        document = tiny.document(length, seed=length)
        own = tiny.public(classifier.model, document.ids)
        seen: list[int] = []

        def check(_: int, layer: int, attention: LayerAttention, own=own, length=length, seen=seen) -> None:
            matrix = own.attentions[layer][0].numpy()
            visible = [[mask(layer, query, key) for key in range(length)] for query in range(length)]
            assert np.all((matrix > 0) == np.array(visible))
            summary = convert.convert(attention, top_k=1, reader=None)
            assert (summary.zeros, summary.weights) == (0, len(matrix) * int(np.sum(visible)))
            walked = convert.walk(attention, attended=6, attending=3)
            assert convert.row_error(walked) < 1e-5
            np.testing.assert_allclose(walked.received, reference.received(matrix), rtol=1e-5, atol=1e-6)
            np.testing.assert_array_equal(walked.attended[0], reference.attended(matrix, 6)[0])
            flipped = reference.attended(matrix.transpose(0, 2, 1), 3)
            np.testing.assert_allclose(walked.attending[1], flipped[1], rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(walked.shares, reference.shares(matrix, (), 64), atol=1e-5)
            seen.append(layer)

        logits = forward_pass.attend(classifier, [document], check)
        assert seen == [0, 1]
        np.testing.assert_allclose(logits, own.logits, atol=1e-6)


@pytest.mark.parametrize("kind", MODELS)
def test_the_reader_is_the_token_whose_hidden_state_makes_the_logits(kind: str) -> None:
    """By the gradient of a logit; also where a text of a causal model ends with the padding token."""
    model = MODELS[kind][0]()
    documents = [tiny.document(length) for length in (1, 2, 9)]
    if kind in CAUSAL:
        documents += [ending(tiny.document(9), tiny.PAD), ending(tiny.document(9), 7, tiny.PAD, tiny.PAD)]
    for document in documents:
        last: list[torch.Tensor] = []
        handle = model.base_model.register_forward_hook(lambda _, __, output, last=last: last.append(output[0]))
        logits = model(input_ids=torch.tensor([document.ids])).logits
        handle.remove()
        (gradient,) = torch.autograd.grad(logits[0, 0], last[0])
        feeding = gradient[0].abs().sum(dim=-1).nonzero()[:, 0].tolist()
        reader = forward_pass.reader_position(tiny.classifier(model), document)
        assert feeding == (list(range(len(document))) if reader is None else [reader])


# batches


@pytest.mark.parametrize("kind", MODELS)
def test_a_longer_neighbour_changes_nothing(kind: str) -> None:
    classifier = tiny.classifier(MODELS[kind][0]())
    short = tiny.document(9)
    alone, logits = matrices(classifier, short)
    together, both = matrices(classifier, tiny.document(20, seed=3), short, tiny.document(2))
    for layer in (0, 1):
        np.testing.assert_allclose(together[1, layer], alone[0, layer], atol=1e-5)
        assert together[2, layer].shape == (2, 2, 2)
    np.testing.assert_allclose(both[1], logits[0], atol=1e-5)
    plain = forward_pass.predict_logits(classifier, [tiny.document(20, seed=3), short])
    np.testing.assert_allclose(plain[1], logits[0], atol=1e-5)


@pytest.mark.parametrize("kind", ["gpt2", "llama", "mistral"])
@pytest.mark.parametrize("padding", [None, -1, tiny.EOS, 250])
def test_a_causal_model_reads_its_last_token_whatever_its_padding_token(kind: str, padding: int | None) -> None:
    """None at all, none that there is, the end of the text, another than the tokenizer's: as each document alone."""
    model = tiny.dense(kind)
    model.config.pad_token_id = padding
    classifier = tiny.classifier(model)
    documents = [tiny.document(20, seed=3), tiny.document(9), ending(tiny.document(9), tiny.PAD), tiny.document(2)]
    alone = torch.cat([model(input_ids=torch.tensor([document.ids])).logits for document in documents])
    np.testing.assert_allclose(forward_pass.predict_logits(classifier, documents), alone.detach(), atol=1e-5)
    np.testing.assert_allclose(matrices(classifier, *documents)[1], alone.detach(), atol=1e-5)
    assert forward_pass.batch_limit(classifier, 8) == (1 if padding in (None, -1) else 8)


@pytest.mark.parametrize("summary", ["first", "last", "mean", "cls_index"])
@pytest.mark.parametrize("kind", ["xlnet", "xlm", "flaubert"])
def test_a_head_that_would_read_padding_reads_documents_one_by_one(kind: str, summary: str) -> None:
    """Such a head takes the last place of the batch, or the mean over all."""
    classifier = tiny.classifier(tiny.dense(kind, summary_type=summary))
    documents = [tiny.document(12, seed=3), tiny.document(5)]
    alone = forward_pass.predict_logits(classifier, documents[1:])
    np.testing.assert_allclose(forward_pass.predict_logits(classifier, documents)[1:], alone, atol=1e-5)


def test_rotations_that_follow_the_longest_document_are_those_of_the_document_itself() -> None:
    """Phi-3 with LongRoPE: in a batch with a long document, a short one would be rotated as a long one."""
    factors = {"short_factor": [1.0] * 4, "long_factor": [8.0] * 4}
    rotations = {"rope_type": "longrope", "rope_theta": 1e4, "original_max_position_embeddings": 12, **factors}
    sizes = {"num_key_value_heads": 1, "head_dim": 8, "original_max_position_embeddings": 12}
    model = tiny.dense("phi3", rope_parameters=rotations, **sizes)
    documents = [tiny.document(20, seed=3), tiny.document(9)]
    ids = torch.tensor([[*documents[1].ids, *[tiny.PAD] * 11], documents[0].ids])
    with torch.no_grad():
        alone = torch.cat([model(input_ids=torch.tensor([document.ids])).logits for document in documents])
        padded = model(input_ids=ids, attention_mask=(ids != tiny.PAD).long()).logits
    assert (padded[0] - alone[1]).abs().max() > 0.01  # so the test can fail
    classifier = tiny.classifier(model)
    np.testing.assert_allclose(forward_pass.predict_logits(classifier, documents), alone, atol=1e-5)
    np.testing.assert_allclose(matrices(classifier, *documents)[1], alone, atol=1e-5)
    ordinary = tiny.dense("phi3", **sizes)
    assert forward_pass.batch_limit(tiny.classifier(ordinary), 8) == 8


def test_documents_read_one_by_one_keep_their_places() -> None:
    """Each with all its layers, under its own number."""
    model = tiny.dense("llama")
    model.config.pad_token_id = None
    documents = [tiny.document(length, seed=length) for length in (4, 9, 6)]
    found, _ = matrices(tiny.classifier(model), *documents)
    assert list(found) == [(document, layer) for document in range(3) for layer in range(2)]
    for document, tokens in enumerate(documents):
        own = tiny.public(model, tokens.ids)
        np.testing.assert_allclose(found[document, 1], own.attentions[1][0], atol=1e-6)


# BigBird


def test_attention_in_blocks_is_refused_because_it_is_not_what_was_used() -> None:
    """Exit code 4 and what to do; the model's own rows miss a part of their sum."""
    classifier = sparse_bird()
    own = tiny.public(tiny.dense("big_bird", attention_type="block_sparse", block_size=4, num_random_blocks=1),
                      tiny.document(40).ids)  # fmt: skip
    assert float((own.attentions[0].sum(dim=-1) - 1).abs().max()) > 0.1
    with pytest.raises(
        ModelError, match=r"does not return its block-sparse attention, which it uses for more than 28 tokens"
    ) as caught:
        matrices(classifier, tiny.document(29))
    assert caught.value.exit_code == 4
    assert "--max-length 28" in str(caught.value.hint)
    assert "original_full" in str(caught.value.hint)
    assert len(matrices(classifier, tiny.document(28))[0]) == 2


def test_what_a_big_bird_says_of_a_text_does_not_depend_on_what_it_read_before() -> None:
    """It turns to full attention at a short text, and would stay there."""
    long, short = tiny.document(40), tiny.document(9)
    expected = torch.cat([forward_pass.predict_logits(sparse_bird(), [document]) for document in (long, short)])
    classifier = sparse_bird()
    forward_pass.predict_logits(classifier, [short])
    np.testing.assert_allclose(forward_pass.predict_logits(classifier, [long, short]), expected, atol=1e-6)
    full = tiny.classifier(tiny.dense("big_bird", attention_type="original_full"))
    assert float((forward_pass.predict_logits(full, [long]) - expected[0]).abs().max()) > 1e-3


# models whose attention cannot be had


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("convbert", {"head_ratio": 2}, r"returns attention of the shape \(1, 9, 9\); \(2, 9, 9\) was expected"),
        ("mra", {}, r'model type "mra" returns no attention weights \(0 of 2 layers\)'),
        ("yoso", {}, r'model type "yoso" returns attention of the shape'),
        ("canine", {}, "layers of different lengths, which are not supported"),
    ],
)
def test_a_model_without_attention_of_tokens_on_tokens_is_refused(
    kind: str, settings: dict[str, int], message: str
) -> None:
    """Exit code 4, with its type."""
    with pytest.raises(ModelError, match=message) as caught:
        matrices(tiny.classifier(tiny.dense(kind, **settings)), tiny.document(9))
    assert caught.value.exit_code == 4


def test_a_model_that_compares_tokens_with_landmarks_is_refused_when_loaded(tmp_path) -> None:
    """The Nyström approximation has no weights of tokens on tokens."""
    tiny.save(tiny.dense("nystromformer", num_landmarks=8, segment_means_seq_len=64), tmp_path)
    with pytest.raises(ModelError, match="has no attention between tokens: they attend to 8 landmarks") as caught:
        tiny.load(tmp_path)
    assert caught.value.exit_code == 4


def test_scores_before_their_softmax_make_no_report() -> None:
    """SqueezeBERT returns them as its attention: a row that does not sum to 1 is found."""
    errors: list[float] = []
    classifier = tiny.classifier(tiny.dense("squeezebert", embedding_size=16))
    forward_pass.attend(
        classifier, [tiny.document(9)], lambda _, __, a: errors.append(convert.row_error(convert.walk(a)))
    )
    assert max(errors) > max(checks.ROW_TOLERANCE.values())


# what a causal model's reader must know


def codes(model: PreTrainedModel, *, tokens: int) -> list[str]:
    classifier, document = tiny.classifier(model), tiny.document(tokens)
    layers = []
    forward_pass.attend(classifier, [document], lambda _, __, a: layers.append(convert.convert(a, top_k=3, reader=0)))
    attention: Attention = stack(layers, reader=0, classifier=classifier)
    uniform = importance_files.uniform(*classifier.shape)
    found = checks.warn_of_attention(document, attention, uniform, scale.scale(attention, uniform))
    return [warning.code for warning in found]


@pytest.mark.parametrize("tokens", [2, 9, 64])
def test_a_causal_model_is_known_by_its_attention_and_said_to_be_one(tokens: int) -> None:
    """No token attends to a later one; no list of names decides."""
    for kind in MODELS:
        assert ("causal" in codes(MODELS[kind][0](), tokens=min(tokens, 20))) == (kind in CAUSAL), kind
    assert "causal" not in codes(tiny.longformer(), tokens=tokens)
    assert "causal" in codes(tiny.dense("gpt2"), tokens=tokens)


def test_one_token_alone_says_nothing_of_the_direction() -> None:
    assert "causal" not in codes(tiny.dense("gpt2"), tokens=1)
