"""Heads: the parameters that `find` gives a head are those of that head, in every type of classifier."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

from reportgen.core.errors import ModelError
from reportgen.model import supported
from reportgen.model.importance import head_parameters
from reportgen.model.importance.head_parameters import Layer, Slices
from reportgen.model.reading import forward_pass
from tests import every_type, tiny

NORMED = ("esmc", "olmo2", "olmo3")  # types that scale query and key by all heads together
UNKNOWN = {  # types whose heads are kept in another way
    *("axk1", "axk2", "bloom", "ctrl", "deberta", "deepseek_v2", "deepseek_v3", "falcon", "gemma3", "gpt_bigcode"),
    *("gpt_neox", "jamba", "jetmoe", "minicpm3", "minimax", "mistral4", "modernbert-decoder", "modernvbert", "mpt"),
    *("persimmon", "phi", "phi3", "qwen3_5", "qwen3_5_text", "qwen3_next", "ultravbert", "xlnet", "zamba", "zamba2"),
}
TYPES = [
    kind
    for kind in sorted(MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)
    if kind not in supported.REASONS
    and kind not in UNKNOWN
    and (kind == "t5gemma" or not AutoConfig.for_model(kind).is_encoder_decoder)
]


def build(kind: str, **settings: Any) -> PreTrainedModel:
    return every_type.build(kind, **({"is_encoder_decoder": False} if kind == "t5gemma" else {}), **settings)


@pytest.mark.parametrize("kind", TYPES)
def test_the_parameters_of_a_head_move_that_head_alone(kind: str) -> None:
    """Other values in the slice of one head, or of a group: only the outputs of these heads change."""
    model = build(kind)
    heads = tiny.classifier(model).shape[1]
    with head_parameters.separate(model):
        layer = head_parameters.find(tiny.classifier(model))[-1]
        before = outputs(model, layer)
        *rows, columns = layer.own
        assert columns.groups == heads
        for slices in rows:
            last = slices is [each for each in rows if each.parameter.dim() == 2][-1]
            if kind in NORMED and not last:
                continue
            for group in range(slices.groups):
                moved = (outputs(model, layer, slices, group) - before).reshape(-1, heads, before.shape[-1] // heads)
                seen = set((moved.abs().amax(dim=(0, 2)) > 1e-6).nonzero()[:, 0].tolist())
                share = heads // slices.groups
                assert seen <= set(range(group * share, (group + 1) * share))
                assert seen or not last  # the value is not lost in the softmax


def outputs(model: PreTrainedModel, layer: Layer, slices: Slices | None = None, group: int = 0) -> torch.Tensor:
    """The outputs of the heads side by side, (document, token, head * size), with noise on one slice."""
    found: list[torch.Tensor] = []
    handle = layer.output.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0].clone()))
    with torch.no_grad():
        if slices is not None:
            kept = slices.parameter.clone()
            own = slices.parameter.movedim(slices.axis, 0).unflatten(0, (slices.parts, slices.groups, -1))[:, group]
            own += torch.randn(own.shape, generator=torch.Generator().manual_seed(0))
        forward_pass.predict_logits(tiny.classifier(model), [tiny.document(12)])
        if slices is not None:
            slices.parameter.copy_(kept)
    handle.remove()
    return found[-1]


@pytest.mark.parametrize("shared", [True, False])
def test_rows_in_another_order_are_refused(shared: bool) -> None:
    """GPTBigCode calls them as GPT-2 does; with four heads, their number would fit, too."""
    model = build("gpt_bigcode", n_head=4, num_attention_heads=..., multi_query=shared)
    with pytest.raises(ModelError, match=r'type "gpt_bigcode" were not found: .* in 0 of 2 layers'):
        head_parameters.find(tiny.classifier(model))
