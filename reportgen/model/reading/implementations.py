"""Switch a model between its default attention and the one that returns weights.

transformers' default, sdpa for most types, keeps no weights; "eager" returns them. Attention sinks (gpt_oss) take a
part of every row, which "eager" drops: `_eager_with_sink` returns it as a last column.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import eager_mask
from transformers.models.longformer.modeling_longformer import LongformerSelfAttention

EAGER, EAGER_WITH_SINK = "eager", "eager_with_sink"


@contextlib.contextmanager
def returning_weights(model: PreTrainedModel) -> Iterator[None]:
    """While open, the attention of the model returns its weights."""
    before = default(model)
    _use(model, EAGER_WITH_SINK if has_sinks(model) else EAGER)
    try:
        yield
    finally:
        _use(model, before)


def default(model: PreTrainedModel) -> str:
    """The implementation that the model uses now: "sdpa", "eager"."""
    return str(model.config._attn_implementation)


def keeps_weights(model: nn.Module) -> bool:
    """Whether the model has one implementation of attention, which computes with the weights that it returns.

    A Longformer: whether they are asked for decides no more than what is handed on. Of a class that somebody has made
    of it nothing is known.
    """
    return any(type(module) is LongformerSelfAttention for module in model.modules())


def has_sinks(model: nn.Module) -> bool:
    """Whether a learned sink takes a part of every row of attention."""
    return any(isinstance(getattr(module, "sinks", None), Tensor) for module in model.modules())


def _use(model: Any, implementation: str) -> None:
    if model._can_set_attn_implementation():
        model.set_attn_implementation(implementation)
    else:  # types that look at their configuration in every pass (Falcon), or have one implementation
        model.config._attn_implementation = implementation


def _eager_with_sink(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float,
    **_: object,
) -> tuple[Tensor, Tensor]:
    """Attention whose softmax has one more place, the sink; (document, query, head, size) and the weights.

    Args:
        module: With `sinks` (head,), the logit of the sink, and `num_key_value_groups`.
        query: (document, head, query, size).
        key: (document, group, key, size).
        value: As *key*.
        attention_mask: (document, 1, query, key), added to the logits.
        scaling: Of the logits.

    Returns:
        The output, and the weights with the sink as the last key, (document, head, query, key + 1).
    """
    key, value = (states.repeat_interleave(module.num_key_value_groups, dim=1) for states in (key, value))
    logits = query @ key.transpose(2, 3) * scaling
    if attention_mask is not None:
        logits = logits + attention_mask
    sinks = module.sinks.view(1, -1, 1, 1).expand(*logits.shape[:-1], 1).to(logits.dtype)
    weights = torch.cat((logits, sinks), dim=-1).softmax(dim=-1)
    output = weights[..., :-1].to(value.dtype) @ value
    return output.transpose(1, 2).contiguous(), weights


AttentionInterface.register(EAGER_WITH_SINK, _eager_with_sink)
AttentionMaskInterface.register(EAGER_WITH_SINK, eager_mask)
