"""Load a classifier: its model and tokenizer, on the device that runs them.

`loading/` loads the weights, `forward_pass.py` reads documents with the classifier.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.models.longformer.modeling_longformer import LongformerSelfAttention

from reportgen.core.config import check_device
from reportgen.core.errors import DeviceError, UsageError
from reportgen.model import outputs, position_table, supported
from reportgen.model.checkpoint import Checkpoint
from reportgen.model.guards import memory_errors, quiet
from reportgen.model.loading.weights import load_config, load_model
from reportgen.model.tokenizing.tokenizer import load_tokenizer, token_types
from reportgen.model.tokenizing.tokenizer import max_length as find_max_length


@dataclass(frozen=True, slots=True)
class Classifier:
    """A model that reads documents, with the facts that the report shows about it."""

    model: PreTrainedModel
    tokenizer: Any  # of transformers; where it is not fast, `tokens.py` finds the characters behind its tokens
    checkpoint: Checkpoint
    labels: tuple[str, ...]
    max_length: int  # tokens that the model takes, special ones included
    global_positions: tuple[int, ...]  # tokens with global attention, in models that have it
    own_labels: tuple[str, ...] = ()  # the model's own names, where others were given
    threshold: float | None = None  # probability from which on a label is predicted, instead of the model's own
    period: int | None = None  # positions after which its position embeddings repeat; None if they do not

    @property
    def shape(self) -> tuple[int, int]:
        """Number of layers with attention, and of heads in each."""
        return len(self.layers), int(supported.text_config(self.model.config).num_attention_heads)

    @property
    def layer_kinds(self) -> tuple[str, ...]:
        """What each layer of the model does: "attention", or the name of what it has instead."""
        return supported.layer_kinds(self.model.config)

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers with attention, counted from 0: all of them but in hybrid models."""
        return supported.attention_layers(self.model.config)

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return self.model.device

    @property
    def windows(self) -> tuple[int, ...]:
        """Attention window by layer; empty for models that compare all tokens with all tokens."""
        return tuple(m.one_sided_attn_window_size * 2 for m in sliding_layers(self.model))

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Probability from which on each label is predicted; () for models that predict exactly one label."""
        return outputs.thresholds(self.checkpoint.name, self.model.config, self.labels, self.threshold)

    @property
    def vocabulary(self) -> range:
        """The token ids that the model knows."""
        try:
            embeddings: Any = self.model.get_input_embeddings()
        except NotImplementedError:  # CANINE has no table of tokens: it reads any character
            return range(sys.maxunicode + 1)
        return range(getattr(embeddings, "num_embeddings", len(embeddings.weight)))  # I-BERT does not count


def find_device(wanted: str) -> torch.device:
    """The device named by `--device`: auto, cpu, cuda, cuda:N or mps.

    Raises:
        DeviceError: If it is not there. `auto` never fails.
    """
    check_device(wanted)
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
        if device.type == "mps" and not torch.backends.mps.is_available():
            raise DeviceError(f"device {wanted}: this machine has none", hint="use --device cpu or auto")
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # a torch built without CUDA asserts
        raise DeviceError(f"device {wanted}: {error}", hint="use --device cpu or auto") from error
    return device


class Options(TypedDict, total=False):
    """How a classifier reads and predicts, if not as its configuration says."""

    max_length: int | None  # tokens to read at most; the model's own limit if left out
    labels: tuple[str, ...]  # names of the labels, instead of the model's own
    threshold: float | None  # probability from which on a label is predicted, in models that predict several at once
    global_positions: tuple[int, ...]  # tokens with global attention, in models that have it; the first if left out


def load(
    checkpoint: Checkpoint,
    *,
    device: str = "auto",
    dtype: str = "float32",
    attention_window: int | None = None,
    require_safetensors: bool = False,
    **options: Unpack[Options],
) -> Classifier:
    """Load model and tokenizer, ready to predict.

    Args:
        checkpoint: Where they are; already checked for foreign code.
        device: auto, cpu, cuda, cuda:N, mps.
        dtype: float32, float16, bfloat16.
        attention_window: Window for every layer, instead of the model's own.
        require_safetensors: Refuse weights in PyTorch's own format.
        options: How it reads and predicts.

    Raises:
        ModelError: If there is no tokenizer, no trained classifier head, no attention, or a window is odd.
        DeviceError: If the device is not there, or too small.
        RefusedError: If reading the weights would run code, or *require_safetensors* is not met.
        UsageError: If an option does not fit the model.
    """
    target = find_device(device)
    config = load_config(checkpoint)
    _label_names(checkpoint.name, config, options)
    if attention_window is not None:
        if getattr(config, "attention_window", None) is None:
            raise UsageError(f"--attention-window: {checkpoint.name} has no window; every token sees all tokens")
        config.attention_window = [attention_window] * config.num_hidden_layers
    supported.check(checkpoint.name, config)
    with memory_errors():
        model = load_model(checkpoint, config, dtype=dtype, require_safetensors=require_safetensors)
        model.to(target).eval()  # type: ignore[arg-type]  # transformers wraps `to` and loses its types
    with quiet():
        tokenizer = load_tokenizer(checkpoint, kinds=token_types(config))
    return of(model, tokenizer, checkpoint, **options)


def of(model: PreTrainedModel, tokenizer: Any, checkpoint: Checkpoint, **options: Unpack[Options]) -> Classifier:
    """The classifier of a model and a tokenizer that are loaded. Options and errors: see `load`."""
    supported.check(checkpoint.name, model.config)
    return Classifier(
        model=model,
        tokenizer=tokenizer,
        checkpoint=checkpoint,
        labels=_label_names(checkpoint.name, model.config, options),
        max_length=find_max_length(checkpoint, model, tokenizer, options.get("max_length")),
        global_positions=options.get("global_positions", (0,)) if sliding_layers(model) else (),
        own_labels=outputs.own_names(model.config),
        threshold=options.get("threshold"),
        period=position_table.find(model),
    )


def _label_names(name: str, config: PreTrainedConfig, options: Options) -> tuple[str, ...]:
    names = outputs.label_names(name, config, options.get("labels", ()))
    outputs.thresholds(name, config, names, options.get("threshold"))  # an error now is none after the weights
    return names


def sliding_layers(model: nn.Module) -> list[LongformerSelfAttention]:
    """The attention modules of a Longformer, first layer first; empty for other models."""
    return [module for module in model.modules() if isinstance(module, LongformerSelfAttention)]
