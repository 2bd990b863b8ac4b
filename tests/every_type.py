"""A tiny random classifier of every type that transformers has a sequence classifier for.

The sizes below are common names for the same things; a type that calls them otherwise, or has more, has an entry.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, PreTrainedModel

from tests import tiny

ALL = {
    "vocab_size": tiny.VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
    "pad_token_id": tiny.PAD,
    "bos_token_id": tiny.BOS,
    "eos_token_id": tiny.EOS,
    "id2label": dict(enumerate(tiny.LABELS)),
    "label2id": {label: index for index, label in enumerate(tiny.LABELS)},
}
IF_KNOWN = {  # sizes that only some types have, by their names
    **dict.fromkeys(("num_key_value_heads", "n_layer", "n_head", "n_layers", "n_heads", "num_layers", "num_heads"), 2),
    **dict.fromkeys(("encoder_layers", "decoder_layers", "num_decoder_layers"), 2),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2),
    **dict.fromkeys(("n_embd", "n_inner", "d_model", "emb_dim", "dim", "hidden_dim", "d_inner", "d_ff"), 16),
    **dict.fromkeys(("ffn_dim", "encoder_ffn_dim", "decoder_ffn_dim", "embedding_size", "word_embed_proj_dim"), 16),
    **dict.fromkeys(("moe_intermediate_size", "ffn_hidden_size", "entity_emb_size", "input_embedding_size"), 16),
    **dict.fromkeys(("head_dim", "d_kv", "d_head", "kv_lora_rank", "q_lora_rank", "v_head_dim"), 8),
    **dict.fromkeys(("qk_nope_head_dim", "qk_rope_head_dim"), 4),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok",), 2),
    **dict.fromkeys(("n_positions", "max_seq_len"), 64),
    **dict.fromkeys(("n_group", "topk_group"), 1),
    **{"init_std": 0.3, "attention_window": 8, "entity_vocab_size": 20},
}
_TEXT = {key: ALL[key] for key in ALL if key not in ("id2label", "label2id")} | {
    "num_key_value_heads": 2,
    "head_dim": 8,
}
_LINEAR = {f"linear_{name}_head_dim": 8 for name in ("key", "value")} | {"linear_num_key_heads": 2,
           "linear_num_value_heads": 2}  # fmt: skip
_HYBRID = {"num_hidden_layers": 4, "layer_types": ["linear_attention", "full_attention"] * 2}
_MAMBA = {"mamba_d_state": 4, "mamba_dt_rank": 4, "use_mamba_kernels": False, "use_associative_scan": False}
_SIGHT = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 8,
          "patch_size": 4}  # fmt: skip
OWN: dict[str, dict[str, Any]] = {
    "axk1": {"head_dim": ...},
    "cohere_compass_text": {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 1e4}}},
    "deepseek_v3": {"first_k_dense_replace": 1, "head_dim": ...},
    "falcon": {"head_dim": ...},
    "funnel": {"num_hidden_layers": ..., "block_sizes": [1, 1]},
    "gemma3": {"text_config": _TEXT, "mm_tokens_per_image": 4,
               "vision_config": {"model_type": "siglip_vision_model", **_SIGHT}},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 4},
    "gptj": {"rotary_dim": 4},
    "jamba": {"num_hidden_layers": 4, "attn_layer_period": 2, "attn_layer_offset": 1, **_MAMBA},
    "jetmoe": {"num_attention_heads": 4},
    "layoutlmv3": {"coordinate_size": 2, "shape_size": 4, "visual_embed": False},
    "lilt": {"channel_shrink_ratio": 2, "hidden_size": 48},
    "perceiver": {"d_model": 16, "d_latents": 16, "num_latents": 4, "num_self_attends_per_block": 2, "num_blocks": 1,
                  "qk_channels": 16, "v_channels": 16, "num_self_attention_heads": 2, "num_cross_attention_heads": 2},
    "qwen3_5": {"text_config": {**_TEXT, **_LINEAR, **_HYBRID},
                "vision_config": {"depth": 1, "hidden_size": 16, "num_heads": 2, "intermediate_size": 16,
                                  "out_hidden_size": 16}},
    "qwen3_5_text": {**_LINEAR, **_HYBRID},
    "qwen3_next": {**_LINEAR, **_HYBRID},
    "minimax": {**_HYBRID, "block_size": 4},
    "mobilebert": {"intra_bottleneck_size": 16, "true_hidden_size": 16, "hidden_act": "gelu",
                   "classifier_activation": False},
    "modernvbert": {"text_config": {"model_type": "modernbert", **_TEXT, "cls_token_id": 0, "sep_token_id": 2},
                    "vision_config": {"model_type": "siglip_vision_model", **_SIGHT}},
    "reformer": {"axial_pos_shape": [8, 8], "axial_pos_embds_dim": [8, 8], "attn_layers": ["local", "lsh"],
                 "local_attn_chunk_length": 4, "lsh_attn_chunk_length": 4, "num_buckets": 2, "is_decoder": False,
                 "attention_head_size": 8, "feed_forward_size": 16},
    "roc_bert": {"shape_vocab_size": 20, "pronunciation_vocab_size": 20, "shape_embed_dim": 8,
                 "pronunciation_embed_dim": 8},
    "t5": {"decoder_start_token_id": 1},
    "t5gemma": {"encoder": _TEXT, "decoder": _TEXT},
    "t5gemma2": {"encoder": {"text_config": _TEXT, "vision_config": _SIGHT}, "decoder": _TEXT},
    "ultravbert": {"text_config": {"model_type": "ultrabert", **_TEXT},
                    "vision_config": {"model_type": "siglip_vision_model", **_SIGHT}},
    "xlnet": {"max_position_embeddings": ...},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
    "zamba2": {"num_hidden_layers": 4, "layers_block_type": ["mamba", "hybrid"] * 2, "mamba_d_state": 4,
               "n_mamba_heads": 4, "chunk_size": 8},
    "zamba": {"num_hidden_layers": 4, "layers_block_type": ["mamba", "hybrid"] * 2, **_MAMBA},
}  # fmt: skip


def build(kind: str, *, seed: int = 0, **settings: Any) -> PreTrainedModel:
    """A random classifier of a type, small enough to build in milliseconds."""
    config = type(AutoConfig.for_model(kind))
    known = set(inspect.signature(config.__init__).parameters) | set(dir(config()))
    sizes = ALL | {name: value for name, value in IF_KNOWN.items() if name in known} | OWN.get(kind, {}) | settings
    made = tiny.drawn(config(**{k: v for k, v in sizes.items() if v is not ...}), seed=seed)
    with torch.no_grad():
        for module in made.modules():  # padding whose row is zero could be read without a trace
            if isinstance(module, nn.Embedding) and module.padding_idx is not None:
                module.weight[module.padding_idx].normal_(std=0.3)
    return made
