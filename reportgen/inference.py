"""Read a document with a classifier, and hand on its attention one layer at a time.

Attention is taken by forward hooks while the model runs and dropped as soon as it is handed on, so that never
more than one layer of it is held. It does not turn attention into numbers to show: that is `convert.py`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

import torch
import transformers
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.longformer.modeling_longformer import LongformerSelfAttention

from reportgen.classifier import Classifier, memory_errors, quiet, sliding_layers
from reportgen.errors import DataError, ModelError
from reportgen.records import DenseAttention, LayerAttention, Prediction, SlidingWindowAttention, Tokens

OnLayer = Callable[[int, int, LayerAttention], None]  # (document in the batch, layer, its attention)

CAUSAL = (  # heads that read the last token and do not share transformers' generic class
    *("biogpt", "bloom", "ctrl", "falcon", "gpt-sw3", "gpt2", "gpt_bigcode", "gpt_neo", "gpt_neox", "gptj"),
    *("modernbert-decoder", "mpt", "openai-gpt", "opt", "zamba", "zamba2"),
)
SUMMARY = ("flaubert", "xlm", "xlnet")  # heads that read what `summary_type` says
POOLED = ("mean", "late")  # values of `classifier_pooling` that average over all tokens


def seed(value: int) -> None:
    """Fix torch's random numbers; a model in evaluation mode should draw none."""
    torch.manual_seed(value)


def encode(classifier: Classifier, text: str) -> Tokens:
    """Read *text* as the model does: token ids and the characters behind each token.

    Text beyond the model's length is cut off at the end; `Tokens.total` says how much there was.

    Raises:
        DataError: If the tokenizer gives no token.
        ModelError: If it gives one that the model does not know.
    """
    read = {"return_offsets_mapping": True, "return_special_tokens_mask": True, "verbose": False}
    encoded = classifier.tokenizer(text, **read)
    total = len(encoded["input_ids"])
    if total > classifier.max_length:
        encoded = classifier.tokenizer(text, truncation=True, max_length=classifier.max_length, **read)
    if not encoded["input_ids"]:
        raise DataError("the tokenizer gives no token for this text", hint="give a text with words in it")
    starts, ends = zip(*encoded["offset_mapping"], strict=True)
    ids = tuple(encoded["input_ids"])
    known = classifier.model.get_input_embeddings().num_embeddings
    if max(ids) >= known:
        raise ModelError(
            f"{classifier.checkpoint.tokenizer}: gives token {max(ids)}; the model knows {known} tokens (from 0)",
            hint="name the tokenizer that the model was trained with: --tokenizer",
        )
    return Tokens(
        ids=ids,
        strings=tuple(classifier.tokenizer.convert_ids_to_tokens(ids)),
        starts=starts,
        ends=ends,
        special=tuple(bool(flag) for flag in encoded["special_tokens_mask"]),
        blank=tuple(not text[start:end].strip() for start, end in zip(starts, ends, strict=True)),
        total=total,
    )


def attend(classifier: Classifier, documents: Sequence[Tokens], on_layer: OnLayer) -> Tensor:
    """Run the model over a batch of documents and hand on every layer's attention, padding cut off.

    Args:
        classifier: The model.
        documents: The batch; shorter documents are padded to the longest.
        on_layer: Called as (document, layer, attention) as soon as the layer has run. The tensors belong to the
            model and are gone when the call returns.

    Returns:
        Logits, shape (document, label), float32.

    Raises:
        ModelError: If the model gives no attention, or numbers that are not finite.
        DeviceError: If memory runs out.
    """
    inputs = _batch(classifier, documents)
    lengths = [len(tokens) for tokens in documents]
    seen = 0

    def hand_on(attention: Callable[[int, int], LayerAttention]) -> None:
        nonlocal seen
        for document, length in enumerate(lengths):
            on_layer(document, seen, attention(document, length))
        seen += 1

    with torch.inference_mode(), memory_errors(), quiet():
        if classifier.windows:
            with _sliding_window_hooks(classifier, hand_on):
                logits = classifier.model(**inputs, output_attentions=True).logits
        else:
            logits = _attend_densely(classifier, inputs, hand_on)
    if seen != classifier.shape[0]:
        raise ModelError(
            f'{classifier.checkpoint.name}: model type "{classifier.model.config.model_type}" gives no attention '
            f"weights ({seen} of {classifier.shape[0]} layers)",
            hint="use a model whose attention can be returned (output_attentions=True)",
        )
    return _finite(logits)


def predict_logits(classifier: Classifier, documents: Sequence[Tokens]) -> Tensor:
    """Logits without attention output, shape (document, label), float32."""
    with torch.inference_mode(), memory_errors(), quiet():
        return _finite(classifier.model(**_batch(classifier, documents)).logits)


def prediction(classifier: Classifier, logits: Tensor, *, gold: str | int | None) -> Prediction:
    """Name what the logits of one document, shape (label,), say beside its gold label.

    A gold label that the model does not know is kept as text, with `gold` None.
    """
    several = getattr(classifier.model.config, "problem_type", None) == "multi_label_classification"
    probabilities = logits.sigmoid() if several else logits.softmax(dim=-1)
    return Prediction(
        labels=classifier.labels,
        logits=tuple(logits.tolist()),
        probabilities=tuple(probabilities.tolist()),
        predicted=int(logits.argmax()),
        gold=find_label(gold, classifier.labels),
        gold_text=None if gold is None else str(gold),
    )


def find_label(label: str | int | None, labels: Sequence[str]) -> int | None:
    """Index of a label given as index, as text of an index, or as name; None if it is none of them."""
    names = [name.casefold() for name in labels]
    text = str(int(label)) if isinstance(label, bool) else str(label).strip()
    if text.casefold() in names:
        return names.index(text.casefold())
    index = int(text) if text.isdecimal() and len(text) < 20 else len(labels)  # int() takes no endless digits
    return index if index < len(labels) else None


def reader_position(classifier: Classifier, tokens: int) -> int | None:
    """The token whose row in the last layer the classifier reads; None where it pools over all tokens."""
    config = classifier.model.config
    if getattr(config, "classifier_pooling", "cls") in POOLED:
        return None
    if config.model_type in SUMMARY:
        return {"first": 0, "last": tokens - 1, "cls_index": tokens - 1}.get(config.summary_type)
    generic = getattr(transformers.modeling_layers, "GenericForSequenceClassification", ())
    causal = isinstance(classifier.model, generic) or config.model_type in CAUSAL
    return tokens - 1 if causal else 0


def _batch(classifier: Classifier, documents: Sequence[Tokens]) -> dict[str, Tensor]:
    length = max(len(tokens) for tokens in documents)
    padding = classifier.tokenizer.pad_token_id
    ids = torch.full((len(documents), length), 0 if padding is None else padding)
    mask = torch.zeros_like(ids)
    for index, tokens in enumerate(documents):
        ids[index, : len(tokens)] = torch.tensor(tokens.ids)
        mask[index, : len(tokens)] = 1
    inputs = {"input_ids": ids, "attention_mask": mask}
    if classifier.windows:
        inputs["global_attention_mask"] = torch.zeros_like(ids)
        inputs["global_attention_mask"][:, _globals(classifier, length)] = 1
        inputs["global_attention_mask"] *= mask
    return {name: tensor.to(classifier.device) for name, tensor in inputs.items()}


def _globals(classifier: Classifier, length: int) -> list[int]:
    return sorted({position for position in classifier.global_positions if position < length})


@contextlib.contextmanager
def _sliding_window_hooks(
    classifier: Classifier, hand_on: Callable[[Callable[[int, int], LayerAttention]], None]
) -> Iterator[None]:
    """While open, every Longformer layer hands on its attention and keeps an empty tensor in its place."""

    def hook(module: LongformerSelfAttention, _: object, output: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden, local, *global_ = output  # local (document, query, head, x + window + 1)

        def one(document: int, length: int) -> SlidingWindowAttention:
            positions = _globals(classifier, length)
            paid = global_[0] if global_ else local.new_zeros(len(local), local.shape[2], 0, length)
            width = module.one_sided_attn_window_size * 2
            x = local.shape[-1] - width - 1  # of the batch: a shorter document may have fewer
            columns = local[document, :length].transpose(0, 1)  # (head, query, x + window + 1)
            if x > len(positions):
                columns = torch.cat((columns[..., : len(positions)], columns[..., x:]), dim=-1)
            return SlidingWindowAttention(
                local=columns,
                global_=paid[document, :, : len(positions), :length].transpose(1, 2),  # (head, key, x)
                global_positions=tuple(positions),
                window=width,
            )

        hand_on(one)
        empty = [local[:, :0]] + [weights[..., :0] for weights in global_]
        return (hidden, *(weights.clone() for weights in empty))

    handles = [layer.register_forward_hook(hook) for layer in sliding_layers(classifier.model)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _attend_densely(
    classifier: Classifier,
    inputs: dict[str, Tensor],
    hand_on: Callable[[Callable[[int, int], LayerAttention]], None],
) -> Tensor:
    """Run a model with dense attention; its layers hand on as they run where transformers says which they are."""

    def give(weights: Tensor | None) -> None:  # (document, head, query, key)
        if weights is None:  # where the implementation keeps none; `attend` counts the layers
            return
        _check_shape(classifier, weights, length=inputs["input_ids"].shape[1])
        hand_on(lambda document, length: DenseAttention(weights[document, :, :length, :length]))

    layers = _recordable_layers(classifier.model)
    handles = [layer.register_forward_hook(lambda _, __, output: give(output[1])) for layer in layers]
    try:
        output = classifier.model(**inputs, output_attentions=not layers)
    finally:
        for handle in handles:
            handle.remove()
    if not layers:
        for weights in getattr(output, "attentions", None) or ():
            give(weights)
    return output.logits  # type: ignore[no-any-return]


def _check_shape(classifier: Classifier, weights: Tensor, *, length: int) -> None:
    """Refuse attention that is not (document, head, token, token) with the heads of the model's configuration."""
    heads, shape = classifier.shape[1], tuple(weights.shape[1:])
    if shape == (heads, length, length):
        return
    name = f'{classifier.checkpoint.name}: model type "{classifier.model.config.model_type}"'
    if len(shape) == 3 and shape[0] == heads:
        raise ModelError(
            f"{name} has layers of different lengths, which are not supported: a layer compares {shape[1]} with "
            f"{shape[2]} places, the document has {length} tokens",
            hint="use a model that keeps every token in every layer",
        )
    raise ModelError(f"{name} returns attention of the shape {shape}; ({heads}, {length}, {length}) was expected")


def _recordable_layers(model: PreTrainedModel) -> list[nn.Module]:
    """Modules whose second output transformers itself records as `attentions`; empty where it names none."""
    named = getattr(model.base_model, "_can_record_outputs", None) or {}
    kind = named.get("attentions")
    return [m for m in model.modules() if isinstance(kind, type) and isinstance(m, kind)]


def _finite(logits: Tensor) -> Tensor:
    if not bool(torch.isfinite(logits).all()):
        raise ModelError("the model returned logits that are not finite (NaN or Inf)")
    return logits.float().cpu()
