"""Every type of sequence classifier in transformers: what a report says of it is what the model itself says.

Run as a script it writes the table of types into `docs/models.md`. A type that transformers adds is missing there, and
fails the test of the table, until somebody has looked at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

from reportgen.core.errors import ModelError
from reportgen.core.nouns.records import DenseAttention, LayerAttention, Tokens
from reportgen.model import supported
from reportgen.model.attention import convert
from reportgen.model.classifier import Classifier
from reportgen.model.reading import forward_pass, implementations
from reportgen.model.tokenizing.tokens import encode
from tests import every_type, reference, tiny

TYPES = sorted(MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)
DOCS = Path(__file__).parents[2] / "docs" / "models.md"
BEGIN, END = "<!-- types: begin -->\n", "<!-- types: end -->\n"
TEXT = "The heads of the thing gather there, and a sliding window sees its neighbours."
SHORT = "These heads attend."
VARIANTS: dict[str, dict[str, Any]] = {  # what changes how a type attends, or what its head reads
    "axk2": {"index_topk": 4},
    "big_bird": {"attention_type": "original_full"},
    "doge": {"is_moe": True},
    "eurobert": {"classifier_pooling": "bos"},
    "falcon": {"new_decoder_architecture": True},
    "gemma2": {"sliding_window": 4, "attn_logit_softcapping": 2.0},
    "gemma3_text": {"sliding_window": 4},
    "gpt_oss": {"sliding_window": 4},
    "jamba": {"num_hidden_layers": 5},
    "minimax": {"layer_types": ["full_attention", "linear_attention"] * 2},
    "mistral": {"sliding_window": 4},
    "modernbert": {"classifier_pooling": "mean"},
    "modernvbert": {"classifier_pooling": "mean"},
    "qwen2": {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 0},
    "qwen3_next": {"layer_types": ["full_attention", "linear_attention"] * 2},
    "t5gemma": {"is_encoder_decoder": False},
    "ultrabert": {"classifier_pooling": "mean"},
    "xlnet": {"summary_type": "first"},
}

SEES = "reads the text alone, without images"
NOTES: dict[str, str] = {  # what else a user must know of a type
    "albert": "not with several layers in a group (`inner_group_num`)",
    "big_bird": "with `original_full` attention, or up to the length that the message names: the model does not return "
    "its block-sparse attention",
    "deberta": "not with `talking_head`: its rows of attention do not sum to 1",
    "doge": "with experts, its router compares all tokens of a batch, so documents are read one by one",
    "falcon": "not with ALiBi: where transformers returns attention it adds the bias twice",
    "gemma3": SEES,
    "gpt_oss": "a learned sink takes a part of each row; the report shows how much",
    "ibert": "not in `quant_mode`: its rows of attention do not sum to 1",
    "longformer": "windows of any width, also one per layer; any number of global tokens",
    "luke": "reads the text alone, without entities",
    "mobilebert": "joins each token with its neighbours, with padding too, so documents are read one by one",
    "modernbert": "some layers have a sliding window",
    "modernvbert": SEES,
    "nystromformer": "only with as many landmarks as tokens (`segment_means_seq_len`); documents are read one by one",
    "phi3": "with LongRoPE the longest document of a batch decides how all are read, so they are read one by one",
    "qwen3_5": SEES,
    "t5gemma": "only without its decoder (`is_encoder_decoder` false)",
    "ultravbert": SEES,
    "xlnet": "not with `bi_data`: it is for pairs of documents",
    "xmod": "only with a `default_language`",
}


def refused(kind: str, settings: dict[str, Any]) -> ModelError | None:
    """The reason why a type makes no report."""
    config = AutoConfig.for_model(kind)
    config.is_encoder_decoder = settings.get("is_encoder_decoder", config.is_encoder_decoder)
    if kind in supported.REASONS or config.is_encoder_decoder:
        with pytest.raises(ModelError) as caught:
            supported.check("it", config)
        return caught.value
    return None


SUPPORTED = [
    pytest.param(kind, settings, id=" ".join((kind, *settings)))
    for kind in TYPES
    for settings in ({}, *([VARIANTS[kind]] if kind in VARIANTS else []))
    if refused(kind, settings) is None
]


@pytest.mark.parametrize(("kind", "settings"), SUPPORTED)
def test_a_report_says_what_the_model_says(kind: str, settings: dict[str, Any], tmp_path: Path) -> None:
    """From disk: tokens, logits alone and batched, whole and cut; attention received and attended; the row read."""
    tiny.save(every_type.build(kind, **settings), tmp_path)
    classifier = tiny.load(tmp_path)
    own = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    documents = [encode(classifier, TEXT), encode(classifier, SHORT), encode(tiny.load(tmp_path, max_length=12), TEXT)]
    ids = Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode(TEXT).ids
    assert [len(documents[0]), len(documents[2])] == [len(ids), 12]
    assert list(documents[0].ids) == ids
    logits = torch.cat([plain(own, document) for document in documents])
    assert float((logits[0] - logits[1]).abs().max()) > 1e-3  # it reads
    for found in (
        torch.cat([forward_pass.attend(classifier, [document], lambda *_: None) for document in documents]),
        forward_pass.attend(classifier, documents, lambda *_: None),
        forward_pass.predict_logits(classifier, documents),
    ):
        np.testing.assert_allclose(found, logits, atol=1e-4)
    for document in documents[:2]:
        check_attention(classifier, own, document)
        check_reader(own, document, classifier)


def plain(model: PreTrainedModel, document: Tokens) -> Tensor:
    """Logits of one document, (1, label), by the model's default attention; reportgen is not involved."""
    with torch.no_grad():
        return model(**inputs(model, document)).logits


def inputs(model: PreTrainedModel, document: Tokens) -> dict[str, Tensor]:
    ids = torch.tensor([document.ids])
    given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if model.config.model_type == "longformer":
        given["global_attention_mask"] = torch.zeros_like(ids)
        given["global_attention_mask"][:, 0] = 1
    return given


def check_attention(classifier: Classifier, own: PreTrainedModel, document: Tokens) -> None:
    """Received and attended of every layer, recomputed from the attention that the model returns."""
    expected = list(matrices(own, document))
    seen: list[int] = []

    def check(_: int, layer: int, attention: LayerAttention) -> None:
        matrix = expected[layer]
        summary = convert.convert(attention, top_k=3, reader=0)
        np.testing.assert_allclose(summary.received, reference.received(matrix), rtol=1e-4, atol=1e-5)
        weights = reference.attended(matrix, 3)[1]
        np.testing.assert_allclose(summary.attended_weights, weights, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(summary.reader, matrix[:, 0], atol=1e-5)
        assert summary.row_error < 1e-5
        sinks = 1 - matrix.sum(axis=-1).mean(axis=-1)
        np.testing.assert_allclose(0 if summary.sink is None else summary.sink, sinks, atol=1e-5)
        seen.append(layer)

    forward_pass.attend(classifier, [document], check)
    assert seen == list(range(len(expected)))
    assert len(classifier.layers) == len(expected)


def matrices(model: PreTrainedModel, document: Tokens) -> Iterator[np.ndarray]:
    """The attention (head, query, key) of every layer that has any, as transformers' eager attention returns it."""
    before = model.config._attn_implementation
    settable = model._can_set_attn_implementation()
    change = model.set_attn_implementation if settable else partial(setattr, model.config, "_attn_implementation")
    change("eager")
    with torch.no_grad():
        output = model(**inputs(model, document), output_attentions=True)
    change(before)
    if model.config.model_type == "longformer":
        for local, global_ in zip(output.attentions, output.global_attentions, strict=True):
            cut = global_[0][..., : len(document), :].numpy()
            yield reference.assemble(local[0].numpy(), cut, (0,), local.shape[-1] - 2)
        return
    for weights in output.attentions:
        if (
            tuple(weights.shape[2:]) == (len(document),) * 2
        ):  # MiniMax also returns the state of its lightning attention
            yield weights[0].numpy().astype(np.float64)


def check_reader(model: PreTrainedModel, document: Tokens, classifier: Classifier) -> None:
    """By gradients: whose last hidden state makes the logits, and whether other rows of attention reach them."""
    hidden, rows = gradients(model, document)
    reader = forward_pass.reader_position(classifier, document)
    every = list(range(len(document)))
    assert hidden == (every if reader is None else [reader])
    if reader is not None:
        assert (rows == [reader]) == supported.reader_alone(classifier.model)


def gradients(model: PreTrainedModel, document: Tokens) -> tuple[list[int], list[int]]:
    """Tokens with a gradient in the last hidden states, and in the output of the last attention."""
    last: list[Tensor] = []
    outputs: list[Tensor] = []
    handles = [
        model.base_model.register_forward_hook(lambda _, __, output: last.append(first(output))),
        *(
            m.register_forward_hook(lambda _, __, output: outputs.append(first(output)))
            for m in attention_modules(model)
        ),
    ]
    logits = model(**inputs(model, document)).logits
    for handle in handles:
        handle.remove()
    found = torch.autograd.grad(logits[0, 0], [last[-1], outputs[-1]], allow_unused=True)
    return tuple(  # type: ignore[return-value]
        [] if g is None else g.reshape(-1, g.shape[-1]).abs().sum(dim=-1).nonzero()[:, 0].tolist() for g in found
    )


def first(output: Any) -> Tensor:
    return output if isinstance(output, Tensor) else first(output[0])  # I-BERT nests them


def attention_modules(model: PreTrainedModel) -> list[nn.Module]:
    """The modules named after attention; of a hybrid model, those of its layers with attention."""
    layers = (None, *supported.attention_layers(model.config))
    named = [m for m in model.modules() if type(m).__name__.endswith("Attention")]
    return [m for m in named if getattr(m, "layer_idx", None) in layers or model.config.model_type.startswith("zamba")]


# types without a report


@pytest.mark.parametrize("kind", [kind for kind in TYPES if refused(kind, {}) is not None])
def test_a_type_without_a_report_is_refused_with_its_own_reason(kind: str) -> None:
    """Before its weights are read, with exit code 4, its name, and what to do instead."""
    error = refused(kind, {})
    assert error is not None
    assert error.exit_code == 4
    assert f'model type "{kind}" is not supported: it ' in error.message
    assert error.hint
    reasons = [reason for reason, _ in supported.REASONS.values()]
    assert len(set(reasons)) >= len(reasons) - 4  # four layouts share theirs


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("albert", {"inner_group_num": 2}, "each of its layers attends 2 times"),
        ("ibert", {"quant_mode": True}, "its rows of attention do not sum to 1"),
        ("deberta", {"talking_head": True}, "it mixes its heads after the softmax"),
        ("xlnet", {"bi_data": True}, "one alone has no place there"),
        ("xmod", {"default_language": None}, "does not say which language it reads"),
        ("qwen3_next", {"layer_types": ["linear_attention"] * 4}, "has no layer with attention"),
        ("nystromformer", {"num_landmarks": 8}, "they attend to 8 landmarks instead"),
    ],
)
def test_a_type_that_is_supported_but_for_one_setting(kind: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        supported.check("it", every_type.build(kind, **settings).config)
    assert (caught.value.exit_code, bool(caught.value.hint)) == (4, True)


# the default attention


def test_a_model_is_left_with_its_default_attention() -> None:
    """Also after an error; predictions without attention use it."""
    for kind in ("bert", "llama", "falcon", "gpt_oss", "longformer"):
        model = every_type.build(kind)
        before = implementations.default(model)
        with pytest.raises(ZeroDivisionError), implementations.returning_weights(model):
            raise ZeroDivisionError
        assert implementations.default(model) == before


def test_the_layers_of_a_hybrid_keep_their_numbers() -> None:
    """Counted from 0 over all layers of the model; the others have the name of what they are."""
    config = every_type.build("jamba", num_hidden_layers=5).config
    assert supported.layer_kinds(config) == ("Mamba", "attention", "Mamba", "attention", "Mamba")
    assert supported.attention_layers(config) == (1, 3)
    assert supported.layer_kinds(every_type.build("bert").config) == ("attention", "attention")


def test_sinks_are_what_a_row_misses() -> None:
    """Against the softmax with one more logit, by hand."""
    model = every_type.build("gpt_oss", num_hidden_layers=1)
    found: list[LayerAttention] = []
    forward_pass.attend(tiny.classifier(model), [tiny.document(5)], lambda _, __, a: found.append(a))
    (attention,) = found
    assert isinstance(attention, DenseAttention)
    assert attention.sink is not None
    sink = model.model.layers[0].self_attn.sinks.exp()
    # the first token sees itself and the sink: weight / sink = exp(logit) / exp(sink's logit)
    total = attention.weights[:, 0, 0] + attention.sink[:, 0]
    np.testing.assert_allclose(total, 1, atol=1e-6)
    logit = (attention.weights[:, 0, 0] / attention.sink[:, 0]) * sink
    np.testing.assert_allclose(attention.sink[:, 0].detach(), (sink / (sink + logit)).detach(), atol=1e-6)


# the table


def test_the_manual_shows_every_type() -> None:
    """If transformers has a new type: look at it, then run python -m tests.model.test_every_type."""
    assert table() == DOCS.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]


def table() -> str:
    rows = ["| type | the classifier reads | what to know |", "|---|---|---|"]
    return "\n".join([*rows, *map(row, TYPES)]) + "\n"


def row(kind: str) -> str:
    """One type: the token that its head reads, and notes; or why it makes no report."""
    error = refused(kind, VARIANTS[kind] if kind == "t5gemma" else {})
    if error is not None:
        return f"| `{kind}` | not supported | {error.message.partition(': it ')[2]} |"
    model = every_type.build(kind, **(VARIANTS[kind] if kind == "t5gemma" else {}))
    reads = {"first": "the first token", "last": "the last token", None: "all tokens"}[supported.reads(model)]
    if hasattr(model.config, "classifier_pooling"):
        reads = "the first token, or all (`classifier_pooling`)"
    if kind in supported.SUMMARY:
        reads = "what `summary_type` says"
    notes = [NOTES[kind]] if kind in NOTES else []
    if kind in supported.KINDS:
        notes.append(f"a hybrid: its layers with {supported.KINDS[kind]} have no attention to show")
    return f"| `{kind}` | {reads} | {'; '.join(notes)} |"


if __name__ == "__main__":
    page = DOCS.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    DOCS.write_text(before + BEGIN + table() + END + rest.partition(END)[2], encoding="utf-8")
