"""Load a classifier, read a document with it, and hand on its attention one layer at a time.

Attention is taken by forward hooks while the model runs and dropped as soon as it is handed on, so that never
more than one layer of it is held. It does not turn attention into numbers to show: that is `convert.py`.
"""

from __future__ import annotations

import contextlib
import pickle
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel
from transformers.models.longformer.modeling_longformer import LongformerSelfAttention

from reportgen.checkpoint import Checkpoint
from reportgen.errors import DataError, DeviceError, ModelError, RefusedError, UsageError
from reportgen.records import DenseAttention, LayerAttention, Prediction, SlidingWindowAttention, Tokens

OnLayer = Callable[[int, int, LayerAttention], None]  # (document in the batch, layer, its attention)

CAUSAL = (  # heads that read the last token and do not share transformers' generic class
    *("biogpt", "bloom", "ctrl", "falcon", "gpt-sw3", "gpt2", "gpt_bigcode", "gpt_neo", "gpt_neox", "gptj"),
    *("modernbert-decoder", "mpt", "openai-gpt", "opt", "xlnet", "zamba", "zamba2"),
)
POOLED = ("mean", "late")  # values of `classifier_pooling` that average over all tokens
BROKEN = (  # what transformers lets through when a checkpoint is damaged or is not what its config says
    *(OSError, ValueError, KeyError, TypeError, RuntimeError, AssertionError, EOFError),
    *(SafetensorError, StrictDataclassError),
)
NO_SUCH_FILE = re.compile(r"no file named|does not appear to have")
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Classifier:
    """A model that reads documents, with what the report says about it."""

    model: PreTrainedModel
    tokenizer: Any  # a fast tokenizer: it knows the characters behind every token
    checkpoint: Checkpoint
    labels: tuple[str, ...]
    max_length: int  # tokens that the model takes, special ones included
    global_positions: tuple[int, ...]  # tokens with global attention, in models that have it

    @property
    def shape(self) -> tuple[int, int]:
        """Number of layers and heads."""
        return int(self.model.config.num_hidden_layers), int(self.model.config.num_attention_heads)

    @property
    def device(self) -> torch.device:
        """Where the model runs."""
        return self.model.device

    @property
    def windows(self) -> tuple[int, ...]:
        """Attention window by layer; empty for models that compare all tokens with all tokens."""
        return tuple(m.one_sided_attn_window_size * 2 for m in _sliding_layers(self.model))


def find_device(wanted: str) -> torch.device:
    """The device named by `--device`: auto, cpu, cuda, cuda:N or mps.

    Raises:
        DeviceError: If it is not there. `auto` never fails.
    """
    if wanted == "auto":
        for kind, there in (("cuda", torch.cuda.is_available), ("mps", torch.backends.mps.is_available)):
            with contextlib.suppress(DeviceError):  # there, but busy or with a driver that is too old
                if there():
                    return find_device(kind)
        return torch.device("cpu")
    try:
        device = torch.device(wanted)
        if device.type == "cuda" and not torch.cuda.is_available():
            raise DeviceError(f"device {wanted}: no usable GPU on this machine", hint="use --device cpu or auto")
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # a torch built without CUDA asserts
        raise DeviceError(f"device {wanted}: {error}", hint="use --device cpu or auto") from error
    return device


def load(
    checkpoint: Checkpoint,
    *,
    device: str = "auto",
    dtype: str = "float32",
    max_length: int | None = None,
    labels: tuple[str, ...] = (),
    attention_window: int | None = None,
    global_positions: tuple[int, ...] = (0,),
    require_safetensors: bool = False,
) -> Classifier:
    """Load model and tokenizer, ready to predict.

    Args:
        checkpoint: Where they are; already checked for foreign code.
        device: auto, cpu, cuda, cuda:N, mps.
        dtype: float32, float16, bfloat16.
        max_length: Tokens to read at most; the model's own limit if left out.
        labels: Names of the labels, instead of the model's own.
        attention_window: Window for every layer, instead of the model's own.
        global_positions: Tokens with global attention, in models that have it.
        require_safetensors: Refuse weights in PyTorch's own format.

    Raises:
        ModelError: If there is no tokenizer, no trained classifier head, no attention, or a window is odd.
        DeviceError: If the device is not there, or too small.
        RefusedError: If reading the weights would run code, or *require_safetensors* is not met.
        UsageError: If *max_length* or *labels* do not fit the model.
    """
    target = find_device(device)
    config = _load_config(checkpoint)
    if attention_window is not None:
        if getattr(config, "attention_window", None) is None:
            raise UsageError(f"--attention-window: {checkpoint.name} compares all tokens with all tokens")
        config.attention_window = [attention_window] * config.num_hidden_layers
    _check_attention(checkpoint.name, config)
    with quiet(), memory_errors():
        model = _load_model(checkpoint, config, dtype=dtype, require_safetensors=require_safetensors)
        model.to(target).eval()  # type: ignore[arg-type]  # transformers wraps `to` and loses its types
    tokenizer = _load_tokenizer(checkpoint)
    return Classifier(
        model=model,
        tokenizer=tokenizer,
        checkpoint=checkpoint,
        labels=_labels(config, labels),
        max_length=_max_length(model, tokenizer, max_length),
        global_positions=global_positions if _sliding_layers(model) else (),
    )


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
    return int(text) if text.isdecimal() and int(text) < len(labels) else None


def reader_position(classifier: Classifier, tokens: int) -> int | None:
    """The token whose row in the last layer the classifier reads; None where it pools over all tokens."""
    config = classifier.model.config
    if getattr(config, "classifier_pooling", "cls") in POOLED:
        return None
    generic = getattr(transformers.modeling_layers, "GenericForSequenceClassification", ())
    causal = isinstance(classifier.model, generic) or config.model_type in CAUSAL
    return tokens - 1 if causal else 0


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """Turn running out of memory into a `DeviceError`.

    Raises:
        DeviceError: With a hint on what takes less.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # subtle: torch's allocator for the CPU raises a plain RuntimeError
        full = isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
        if not full:
            raise
        raise DeviceError(
            f"out of memory: {error}", hint="use a smaller --max-length, --dtype bfloat16 or --device cpu"
        ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' own notes and progress bars off the terminal; errors still raise."""
    logging: Any = transformers.logging  # its functions carry no types
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _load_config(checkpoint: Checkpoint) -> Any:
    try:
        return AutoConfig.from_pretrained(checkpoint.location, **checkpoint.hub)
    except BROKEN as error:
        raise ModelError(f"{checkpoint.name}: {error}") from error


def _load_model(checkpoint: Checkpoint, config: Any, *, dtype: str, require_safetensors: bool) -> PreTrainedModel:
    try:
        model, info = AutoModelForSequenceClassification.from_pretrained(
            checkpoint.location,
            config=config,
            dtype=DTYPES[dtype],
            attn_implementation="eager",
            use_safetensors=True if require_safetensors else None,
            output_loading_info=True,
            **checkpoint.hub,
        )
    except pickle.UnpicklingError as error:
        raise RefusedError(
            f"{checkpoint.name}: its weights hold more than tensors, and reading them would run code",
            hint="use a model whose weights are safetensors",
        ) from error
    except BROKEN as error:
        if require_safetensors and NO_SUCH_FILE.search(str(error)):
            raise RefusedError(
                f"{checkpoint.name}: has no weights as safetensors",
                hint="convert them with save_pretrained(), or leave out --require-safetensors",
            ) from error
        raise ModelError(f"{checkpoint.name}: {error}", hint="give a sequence classifier of transformers") from error
    _refuse_random(checkpoint.name, info)
    return model  # type: ignore[no-any-return]


def _refuse_random(name: str, info: dict[str, Any]) -> None:
    """Refuse a model whose loading report names weights that the checkpoint does not have."""
    missing = sorted(info["missing_keys"]) + [str(key[0]) for key in sorted(info["mismatched_keys"])]
    if missing:
        raise ModelError(
            f"{name}: {len(missing)} weights are not in the checkpoint ({', '.join(missing[:4])}): "
            "they would be random",
            hint="give a model that was fine-tuned for sequence classification",
        )


def _load_tokenizer(checkpoint: Checkpoint) -> Any:
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(checkpoint.tokenizer, **checkpoint.tokenizer_hub)
    except BROKEN as error:
        raise ModelError(f"{checkpoint.tokenizer}: no tokenizer: {error}", hint="name one with --tokenizer") from error
    if len(tokenizer) <= len(set(tokenizer.all_special_ids)):  # made up by transformers where there are no files
        raise ModelError(f"{checkpoint.tokenizer}: no tokenizer: no vocabulary", hint="name one with --tokenizer")
    if not tokenizer.is_fast:
        raise ModelError(
            f"{checkpoint.tokenizer}: this tokenizer does not say which characters a token stands for",
            hint="name a tokenizer that has a tokenizer.json with --tokenizer",
        )
    return tokenizer


def _check_attention(name: str, config: Any) -> None:
    if not getattr(config, "num_attention_heads", None):
        raise ModelError(f'{name}: model type "{config.model_type}" has no attention heads to report on')
    windows, layers = getattr(config, "attention_window", None), config.num_hidden_layers
    if windows is None:
        return
    by_layer = windows if isinstance(windows, list) else [windows] * layers
    if len(by_layer) != layers:
        raise ModelError(f"{name}: attention windows for {len(by_layer)} layers; the model has {layers}")
    for layer, window in enumerate(by_layer, start=1):
        if window % 2 or window < 4:  # transformers' chunks fail at 2
            raise ModelError(f"layer {layer} has attention window {window}; it has to be even and 4 or more")
        if max(by_layer) % window:  # transformers pads to the largest window and cuts that into chunks of each
            raise ModelError(f"layer {layer} has attention window {window}, which does not divide {max(by_layer)}")


def _labels(config: Any, names: tuple[str, ...]) -> tuple[str, ...]:
    if config.num_labels < 2:
        raise ModelError("the model has one output: it is a regression, not a classifier")
    if names and len(names) != config.num_labels:
        raise UsageError(f"{len(names)} label names were given; the model has {config.num_labels} labels")
    return names or tuple(str(config.id2label[index]) for index in range(config.num_labels))


def _max_length(model: PreTrainedModel, tokenizer: Any, wanted: int | None) -> int:
    limit = int(getattr(model.config, "max_position_embeddings", 0) or tokenizer.model_max_length)
    for name, module in model.named_modules():
        padding = getattr(module, "padding_idx", None)
        if name.endswith("position_embeddings") and padding is not None:
            limit = module.num_embeddings - padding - 1  # RoBERTa's positions start behind the padding id
    limit = min(limit, tokenizer.model_max_length)
    if wanted is not None and wanted > limit:
        raise UsageError(f"--max-length {wanted}: the model takes {limit} tokens at most")
    least = int(tokenizer.num_special_tokens_to_add()) + 1
    if wanted is not None and wanted < least:
        raise UsageError(f"--max-length {wanted}: {least} is the least, one token beside {least - 1} special ones")
    return limit if wanted is None else wanted


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


def _sliding_layers(model: nn.Module) -> list[LongformerSelfAttention]:
    return [module for module in model.modules() if isinstance(module, LongformerSelfAttention)]


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

    handles = [layer.register_forward_hook(hook) for layer in _sliding_layers(classifier.model)]
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
        if weights is not None:  # None where the implementation keeps no weights; `attend` counts the layers
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


def _recordable_layers(model: PreTrainedModel) -> list[nn.Module]:
    """Modules whose second output transformers itself records as `attentions`; empty where it names none."""
    named = getattr(model.base_model, "_can_record_outputs", None) or {}
    kind = named.get("attentions")
    return [m for m in model.modules() if isinstance(kind, type) and isinstance(m, kind)]


def _finite(logits: Tensor) -> Tensor:
    if not bool(torch.isfinite(logits).all()):
        raise ModelError("the model returned logits that are not finite (NaN or Inf)")
    return logits.float().cpu()
