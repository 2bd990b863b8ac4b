"""The weights that a checkpoint may hold and a classifier does not take, and what the others are a sign of.

transformers has such a table for each class (`_keys_to_ignore_on_load_unexpected`) and applies it first. HARMLESS is
what is left of it in checkpoints that are classifiers all the same: none of these weights can change a prediction.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HARMLESS = (  # names that a checkpoint may have and the model need not; docs/models.md shows this table
    (
        r"(^|\.)pooler\.(dense\.)?(weight|bias)$",
        "`pooler.dense`",
        "the pooler of the base model, where the classifier reads the last layer itself (RoBERTa, Longformer, MPNet)",
    ),
    (
        r"^(cls\.(predictions|seq_relationship)|lm_head|mlm_head|lm_predictions|mask_predictions|predictions"
        r"|sop_classifier|generator_(predictions|lm_head)|discriminator_predictions"
        r"|vocab_(transform|layer_norm|projector)|lm_loss|pred_layer|decoder\.(weight|bias)$)(\.|$)",
        "`cls.predictions`, `lm_head`, `vocab_projector`, `discriminator_predictions` and the like",
        "the head of the pretraining: it reads the last layer, and nothing reads it",
    ),
    (
        r"(^|\.)(position_ids|token_type_ids)$",
        "`embeddings.position_ids`",
        "the numbers 0, 1, 2, ...: older versions of transformers saved them",
    ),
    (
        r"(^|\.)rotary_emb\.(inv_freq|original_inv_freq)$|(^|\.)attn\.(masked_bias|bias)$",
        "`rotary_emb.inv_freq`, `attn.masked_bias`",
        "constants that the model computes by itself",
    ),
    (
        r"(^|\.)(loss_fct|loss_fn|loss|criterion)\.(weight|pos_weight)$|^class_weights?$",
        "`loss_fct.weight`",
        "the weights of the classes in the loss, for training only",
    ),
    (
        r"^(model\.)?mtp(_layers)?\.",
        "`mtp`",
        "layers that predict several tokens at once, for generating text only",
    ),
)


class Sign(NamedTuple):
    """What weights that the model does not take are a sign of."""

    pattern: str
    what: str
    hint: str


SIGNS = (
    Sign(
        r"(^|\.)(lora_\w+|ia3_l|vera_\w+|hada_\w+|lokr_\w+|oft_\w+|boft_\w+|modules_to_save|base_layer)(\.|$)",
        "weights of a PEFT adapter that is not merged",
        "merge it where it was trained: model.merge_and_unload().save_pretrained(FOLDER); or save it as an adapter "
        "with model.save_pretrained(FOLDER) of the PEFT model, which reportgen[peft] reads",
    ),
    Sign(
        r"(^|\.)(adapters|adapter_fusion_layer|adapter|prefix_tuning|parametrizations|prompt_encoder)(\.|$)",
        "weights of adapters that are not merged",
        "give a model that was fine-tuned as a whole, or merge them where they were trained",
    ),
    Sign(
        r"(^|(?<!logit)[._])(SCB|CB|weight_format|absmax|quant_map|nested_absmax|nested_quant_map|quant_state|qweight|qzeros"
        r"|q_scale\w*|scales|g_idx|weight_scale\w*|weight_packed|weight_shape|weight_zero_point|input_scale\w*"
        r"|activation_scale\w*|zero_point|zeros|scale|_packed_params\w*|qdata|bitsandbytes__\w+)(\.|$)",
        "scales of quantised weights, without which those weights are other numbers",
        "give the model before it was quantised",
    ),
    Sign(
        r"^(qa_outputs|qa_classifier|start_logits|end_logits)(\.|$)",
        "the head of another task (question answering)",
        "give the sequence classifier alone, as its class writes it with save_pretrained()",
    ),
    Sign(
        r"(^|\.)(optimizer|optimizer_state_dict|lr_scheduler|exp_avg(_sq)?|ema)(\.|$)",
        "the state of a training run",
        "save the model alone, with model.save_pretrained(FOLDER)",
    ),
)


def is_harmless(key: str, *, modules: frozenset[str]) -> bool:
    """Whether a weight that the model does not take cannot change its predictions.

    Args:
        key: Its name in the checkpoint.
        modules: Last parts of the names of the model's modules: a pooler is a leftover only where the model has none.
    """
    if "pooler" in modules and re.search(HARMLESS[0][0], key):
        return False
    return any(re.search(pattern, key) for pattern, _, _ in HARMLESS)


def sign(keys: list[str]) -> tuple[Sign, list[str]] | None:
    """What some of these weights are a sign of, with those that are; None if nothing is known."""
    for one in SIGNS:
        if found := [key for key in keys if re.search(one.pattern, key)]:
            return one, found
    return None
