"""Read a document with a classifier, and hand on its attention one layer at a time.

Forward hooks take the attention while the model runs and drop it after it is handed on, so that at most one layer is
in memory. `convert.py` turns attention into the numbers of the report.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.longformer.modeling_longformer import LongformerSelfAttention

from reportgen.core.errors import DeviceError, ModelError
from reportgen.core.nouns.labels import ALONE, Label, LabelColumn, find_all, find_gold, how_read, name_of, written
from reportgen.core.nouns.records import DenseAttention, LayerAttention, Prediction, SlidingWindowAttention, Tokens
from reportgen.core.processes import memory
from reportgen.model import outputs, supported
from reportgen.model.attention.convert import NotFiniteError
from reportgen.model.classifier import Classifier, sliding_layers
from reportgen.model.guards import forward_errors, in_full, in_half, memory_errors, quiet
from reportgen.model.reading import implementations

OnLayer = Callable[[int, int, LayerAttention], None]  # (document in the batch, layer, its attention)


def seed(value: int) -> None:
    """Fix torch's random numbers; a model in evaluation mode should draw none."""
    torch.manual_seed(value)


def attend(classifier: Classifier, documents: Sequence[Tokens], on_layer: OnLayer) -> Tensor:
    """Run the model over documents and hand on every layer's attention, padding cut off.

    Args:
        classifier: The model.
        documents: Read together, shorter ones padded to the longest; one by one where `batch_limit` says so.
        on_layer: Called as (document, layer, attention) as soon as the layer has run. The tensors belong to the
            model and are gone when the call returns.

    Returns:
        Logits, shape (document, label), float32.

    Raises:
        ModelError: If the model gives no attention, or numbers that are not finite.
        DeviceError: If memory runs out.
    """
    if len(documents) > batch_limit(classifier, len(documents)):
        found = [_attend_alone(classifier, place, tokens, on_layer) for place, tokens in enumerate(documents)]
        return torch.cat(found)
    _check_blocks(classifier, max(len(tokens) for tokens in documents))
    inputs = batch(classifier, documents)
    lengths = [len(tokens) for tokens in documents]
    seen = 0

    def hand_on(attention: Callable[[int, int], LayerAttention]) -> None:
        nonlocal seen
        for document, length in enumerate(lengths):
            try:
                on_layer(document, seen, attention(document, length))
            except NotFiniteError as error:
                raise _not_finite(classifier, f"attention in layer {classifier.layers[seen] + 1}") from error
        seen += 1

    with _running(classifier), implementations.returning_weights(classifier.model):
        if classifier.windows:
            with _sliding_window_hooks(classifier, hand_on):
                logits = classifier.model(**inputs, output_attentions=True).logits
        else:
            logits = _attend_densely(classifier, inputs, hand_on)
    memory.give_back()
    if seen != classifier.shape[0]:
        raise ModelError(
            f'{classifier.checkpoint.name}: model type "{classifier.model.config.model_type}" returns no attention '
            f"weights ({seen} of {classifier.shape[0]} layers)",
            hint="use a model whose attention can be returned (output_attentions=True)",
        )
    return _checked(classifier, logits)


@contextlib.contextmanager
def _running(classifier: Classifier) -> Iterator[None]:
    """Around a forward pass: no gradients, and every error in the model is one of ours.

    Not torch's inference mode: what a model of the user's keeps of a pass could then not be trained with later.
    """
    with torch.no_grad(), memory_errors(), forward_errors(classifier.model, classifier.checkpoint.name), quiet():
        yield


def _attend_alone(classifier: Classifier, place: int, tokens: Tokens, on_layer: OnLayer) -> Tensor:
    """`attend` with one document, handed on as the document *place*."""
    return attend(classifier, [tokens], lambda _, layer, attention: on_layer(place, layer, attention))


def predict_logits(classifier: Classifier, documents: Sequence[Tokens]) -> Tensor:
    """Logits without attention output, shape (document, label), float32."""
    if len(documents) > batch_limit(classifier, len(documents)):
        return torch.cat([predict_logits(classifier, [tokens]) for tokens in documents])
    with _running(classifier):
        return _checked(classifier, classifier.model(**batch(classifier, documents)).logits)


def predict_all(
    classifier: Classifier,
    documents: Sequence[Tokens],
    *,
    batch_size: int,
    on_batch: Callable[[Sequence[int], Tensor], None],
) -> None:
    """Logits of many documents, without attention, in batches of about equal length, the longest first.

    Args:
        classifier: The model.
        documents: In any order.
        batch_size: Documents read together at most; halved as often as memory runs out.
        on_batch: Called after every batch as (places in *documents*, logits (document, label)).

    Raises:
        DeviceError: If memory runs out with a single document.
    """

    def predict(places: Sequence[int]) -> None:
        on_batch(places, predict_logits(classifier, [documents[place] for place in places]))

    halving(predict, documents, batch_size=batch_limit(classifier, batch_size))


def halving(run: Callable[[Sequence[int]], None], documents: Sequence[Tokens], *, batch_size: int) -> None:
    """Call *run* with places in *documents*, in batches of about equal length, until all had their turn.

    A batch for which memory runs out is run again in halves, and those behind it are as small.

    Raises:
        DeviceError: If memory runs out with a single document.
    """
    order = sorted(range(len(documents)), key=lambda place: -len(documents[place]))
    done = 0
    while done < len(order):
        places = order[done : done + batch_size]
        try:
            run(places)
        except DeviceError as error:
            if len(places) == 1:
                raise DeviceError(
                    f"{error.message} (one document of {len(documents[places[0]]):,} tokens alone)",
                    hint=error.hint,
                ) from error
            batch_size = len(places) // 2
        else:
            done += len(places)


def prediction(classifier: Classifier, logits: Tensor, *, gold: Label, column: LabelColumn = ALONE) -> Prediction:
    """Turn the logits of one document, shape (label,), and its gold label into a prediction.

    A gold label that the model does not know is kept as text, with no index. *column* is what is known of the source's
    labels.
    """
    several = classifier.thresholds
    probabilities = logits.sigmoid() if several else logits.softmax(dim=-1)
    found = gold_labels(classifier, gold, column)
    return Prediction(
        labels=classifier.labels,
        logits=tuple(logits.tolist()),
        probabilities=tuple(probabilities.tolist()),
        predicted=int(logits.argmax()),
        gold=found[0] if found and not several else None,
        gold_text=None if gold is None else name_of(gold, column.names) or written(gold),
        thresholds=several,
        gold_labels=found if several else None,
        gold_read=how_read(gold, column, labels=classifier.labels, own=classifier.own_labels),
    )


def gold_labels(classifier: Classifier, label: Label, column: LabelColumn = ALONE) -> tuple[int, ...] | None:
    """Indices of the gold labels, ascending; None if one is not among the model's. *column*: see `prediction`.

    A model that predicts exactly one label has exactly one gold label.
    """
    names = {"labels": classifier.labels, "own": classifier.own_labels}
    if outputs.are_several(classifier.model.config):
        return find_all(label, column, **names)
    found = find_gold(label, column, **names)
    return None if found is None else (found,)


def reader_position(classifier: Classifier, tokens: Tokens) -> int | None:
    """The token whose row in the last layer the classifier reads; None if it pools over all tokens."""
    model, last = classifier.model, len(tokens) - 1
    which = supported.reads(model)
    if which != "last" or not supported.reads_last(model):
        return {"first": 0, "last": last, None: None}[which]
    # such a head takes the last token that is not padding, also where the text itself ends with that token
    padding = supported.text_config(model.config).pad_token_id
    return max((place for place, token in enumerate(tokens.ids) if token != padding), default=0)


def batch_limit(classifier: Classifier, wanted: int) -> int:
    """The number of documents to read together: *wanted*, or 1 if a longer neighbour would change a prediction."""
    return 1 if supported.reads_alone(classifier.model, classifier.vocabulary) else wanted


def batch(classifier: Classifier, documents: Sequence[Tokens]) -> dict[str, Tensor]:
    """The inputs of the model for *documents*, padded to the longest, each tensor (document, token).

    `batch_limit` gives the number of documents to read together.
    """
    length = max(len(tokens) for tokens in documents)
    _settle_blocks(classifier, length)
    known = classifier.vocabulary
    own, its = supported.text_config(classifier.model.config).pad_token_id, classifier.tokenizer.pad_token_id
    ids = torch.full((len(documents), length), own if own in known else its if its in known else 0)
    mask = torch.zeros_like(ids)
    for index, tokens in enumerate(documents):
        ids[index, : len(tokens)] = torch.tensor(tokens.ids)
        mask[index, : len(tokens)] = 1
    inputs = {"input_ids": ids, "attention_mask": mask}
    if any(tokens.types for tokens in documents):
        inputs["token_type_ids"] = torch.zeros_like(ids)
        for index, tokens in enumerate(documents):
            inputs["token_type_ids"][index, : len(tokens.types)] = torch.tensor(tokens.types)
    if classifier.windows:
        inputs["global_attention_mask"] = torch.zeros_like(ids)
        inputs["global_attention_mask"][:, _globals(classifier, length)] = 1
        inputs["global_attention_mask"] *= mask
    return {name: tensor.to(classifier.device) for name, tensor in inputs.items()}


def _sparse(classifier: Classifier, length: int) -> bool:
    """Whether a BigBird reads so many tokens in blocks, some of which do not see each other."""
    config = classifier.model.config
    blocks = config.model_type == "big_bird" and config.attention_type == "block_sparse"
    return blocks and length > _most_in_full(config)


def _most_in_full(config: Any) -> int:
    """The number of tokens up to which a BigBird reads without blocks."""
    return int((5 + 2 * config.num_random_blocks) * config.block_size)


def _settle_blocks(classifier: Classifier, length: int) -> None:
    """Let a BigBird read a document as its length alone says.

    It turns to full attention at a short document by itself, but never back: the next would be read otherwise.
    """
    if classifier.model.config.model_type == "big_bird":
        base: Any = classifier.model.base_model
        base.set_attention_type("block_sparse" if _sparse(classifier, length) else "original_full")


def _check_blocks(classifier: Classifier, length: int) -> None:
    """Refuse attention in blocks: BigBird returns other attention than it uses, with rows that do not sum to 1."""
    if _sparse(classifier, length):
        most = _most_in_full(classifier.model.config)
        raise ModelError(
            f'{classifier.checkpoint.name}: model type "big_bird" does not return its block-sparse attention, which '
            f"it uses for more than {most} tokens; the document has {length}",
            hint=f'use --max-length {most}, or set "attention_type": "original_full" in the config.json of the model',
        )


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
    """Run a model with dense attention; layers are handed on as they run, if transformers names the modules."""

    def give(weights: Tensor | None) -> None:  # (document, head, query, key)
        if weights is None:  # where the implementation keeps none; `attend` counts the layers
            return
        keys = weights.shape[-1] - sinks
        _check_shape(classifier, weights[..., :keys], inputs["input_ids"])

        def one(document: int, length: int) -> DenseAttention:
            own = weights[document, :, :length]
            return DenseAttention(own[..., :length], own[..., keys] if sinks else None)

        hand_on(one)

    sinks = implementations.has_sinks(classifier.model)  # then the last key of every row is the sink
    layers = _recordable_layers(classifier)
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


def _check_shape(classifier: Classifier, weights: Tensor, ids: Tensor) -> None:
    """Refuse attention that is not (document, head, token, token) with the heads of the model's configuration."""
    documents, length = ids.shape
    heads, shape = classifier.shape[1], tuple(weights.shape[1:])
    if shape == (heads, length, length) and len(weights) == documents:
        return
    name = f'{classifier.checkpoint.name}: model type "{classifier.model.config.model_type}"'
    if len(shape) == 3 and shape[0] == heads:
        raise ModelError(
            f"{name} has layers of different lengths, which are not supported: a layer compares {shape[1]} with "
            f"{shape[2]} places, the document has {length} tokens",
            hint="use a model that keeps every token in every layer",
        )
    raise ModelError(f"{name} returns attention of the shape {shape}; ({heads}, {length}, {length}) was expected")


def _recordable_layers(classifier: Classifier) -> list[nn.Module]:
    """Modules whose second output transformers itself records as `attentions`; empty if it names none."""
    kind = type(supported.text_config(classifier.model.config))
    readers = [m for m in classifier.model.modules() if type(getattr(m, "config", None)) is kind]
    named = next((n["attentions"] for m in readers if "attentions" in (n := _recorded(m))), None)
    recorders = named if isinstance(named, list) else [named]
    kinds = tuple(k for r in recorders if isinstance(k := getattr(r, "target_class", r), type))
    found = [module for module in classifier.model.modules() if isinstance(module, kinds)]
    if len(kinds) == 1:
        return found
    return [module for module in found if getattr(module, "layer_idx", None) in classifier.layers]  # MiniMax


def _recorded(module: Any) -> dict[str, Any]:
    """The classes whose outputs transformers records, by the name of the output; a class, or an object with it."""
    return getattr(module, "_can_record_outputs", None) or {}


def _checked(classifier: Classifier, logits: Tensor) -> Tensor:
    """The logits in float32; refused if they are not one for each label, or if one is no number."""
    if logits.shape[1:] != (len(classifier.labels),):
        given = " x ".join(map(str, logits.shape[1:]))
        raise ModelError(
            f"{classifier.checkpoint.name}: its head gives {given} number{'s' * (given != '1')} for a text, "
            f"and its configuration names {len(classifier.labels)} labels ({', '.join(classifier.labels)[:200]})",
            hint="name the labels in id2label of its configuration, in the order of the head's outputs",
        )
    if not bool(torch.isfinite(logits).all()):
        raise _not_finite(classifier, "logits")
    return logits.float().cpu()


def _not_finite(classifier: Classifier, what: str) -> ModelError:
    """The error of numbers that are none, with the weight that is at fault."""
    model, name = classifier.model, classifier.checkpoint.name
    bad = next((f" ({name})" for name, weight in model.named_parameters() if not bool(weight.isfinite().all())), "")
    return ModelError(
        f"{name}: the model returned {what} that {'are' if what == 'logits' else 'is'} not finite (NaN or Inf)"
        + (f", because some of its weights are not{bad}" if bad else ""),
        hint=in_full(name)
        if in_half(model)
        else "give an earlier checkpoint: the training has diverged, or the file was damaged",
    )
