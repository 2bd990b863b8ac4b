"""Say which types of classifiers a report can be made of, and what is particular about each.

Facts about transformers 5.23.0, each checked over all types of `MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES` in
`tests/model/test_every_type.py`, which also writes the table in `docs/models.md`. Nothing is loaded or computed here.
"""

from __future__ import annotations

from typing import Any

import transformers

from reportgen.core.errors import ModelError

STACK = "use a model that reads the text with one stack of layers, like BERT, Longformer or GPT-2"
TOKENS = "use a model that compares tokens with tokens, like BERT, Longformer or GPT-2"
TEXT = "use a model that reads text alone, like BERT, Longformer or GPT-2"
WINDOW = "set the window that the model was trained with for all layers: --attention-window 512"

_PLACES = "reads where each word is on a page (bounding boxes), and a text does not say that"
REASONS: dict[str, tuple[str, str]] = {  # types without a report: why, and what to do
    "canine": ("shortens the text between its layers, so that they do not attend to tokens", TOKENS),
    "convbert": ("replaces some of its heads by convolutions, which have no attention weights", TOKENS),
    "diffllama": (
        "attends with the difference of two attention maps, and transformers returns the maps before that",
        TOKENS,
    ),
    "fnet": ("mixes tokens by Fourier transforms: it has no attention", TOKENS),
    "funnel": ("shortens the text between its layers, so that later ones do not attend to tokens", TOKENS),
    "layoutlm": (_PLACES, TEXT),
    "layoutlmv2": (_PLACES, TEXT),
    "layoutlmv3": (_PLACES, TEXT),
    "lilt": (_PLACES, TEXT),
    "markuplm": ("reads the place of each word in an HTML page (XPaths), and a text does not say that", TEXT),
    "mra": ("approximates its attention by blocks and returns no weights", TOKENS),
    "perceiver": ("attends to its own latent vectors, not to tokens", TOKENS),
    "reformer": ("attends within hash buckets that are drawn anew for every pass", TOKENS),
    "roc_bert": ("reads the shape and the pronunciation of each character, too", TEXT),
    "squeezebert": ("returns its attention before the softmax, not the weights it uses", TOKENS),
    "tapas": ("reads a table and a question, not a text", TEXT),
    "yoso": ("samples its attention by hashing and returns no weights", TOKENS),
}  # fmt: skip

READS_LAST = (  # types whose head reads the last token and does not share transformers' generic class
    *("biogpt", "bloom", "ctrl", "falcon", "gpt-sw3", "gpt2", "gpt_bigcode", "gpt_neo", "gpt_neox", "gptj"),
    *("modernbert-decoder", "mpt", "openai-gpt", "opt", "t5gemma", "zamba", "zamba2"),
)
SUMMARY = ("flaubert", "xlm", "xlnet")  # types whose head reads what `summary_type` says
POOLED = ("mean", "late")  # values of `classifier_pooling` that average over all tokens
MIXING = ("mobilebert", "nystromformer")  # types whose tokens take something from padding

ATTENTION = (  # kinds of layers, as configurations name them
    *("attention", "full_attention", "sliding_attention", "chunked_attention", "window_attention"),
    *("indexed_attention", "hybrid", "hybrid_sliding"),
)
KINDS = {  # what the other layers of a type are
    "jamba": "Mamba",
    "minimax": "lightning attention",
    "qwen3_5": "gated delta net",
    "qwen3_5_text": "gated delta net",
    "qwen3_next": "gated delta net",
    "zamba": "Mamba",
    "zamba2": "Mamba 2",
}


def check(name: str, config: Any) -> None:
    """Refuse a model whose attention cannot be reported, before its weights are read.

    Raises:
        ModelError: With the reason.
    """
    kind = f'{name}: model type "{config.model_type}"'
    if config.model_type in REASONS:
        reason, hint = REASONS[config.model_type]
        raise ModelError(f"{kind} is not supported: it {reason}", hint=hint)
    if getattr(config, "is_encoder_decoder", False):
        raise ModelError(f"{kind} is not supported: it is an encoder with a decoder", hint=STACK)
    text = text_config(config)
    if not getattr(text, "num_attention_heads", None):
        raise ModelError(f"{kind} has no attention heads to report on", hint=TOKENS)
    if not attention_layers(config):
        raise ModelError(f"{kind} has no layer with attention", hint=TOKENS)
    _check_settings(kind, config)
    _check_windows(name, config)


def _check_settings(kind: str, config: Any) -> None:
    """Refuse settings of a supported type under which its attention is none between the tokens of one document."""
    if getattr(config, "inner_group_num", 1) > 1:  # ALBERT
        raise ModelError(
            f"{kind} is not supported with inner_group_num {config.inner_group_num}: each of its layers attends "
            f"{config.inner_group_num} times",
            hint='use a checkpoint with "inner_group_num": 1, as all published ones have',
        )
    if getattr(config, "quant_mode", False):  # I-BERT
        raise ModelError(
            f"{kind} is not supported in quant_mode: its rows of attention do not sum to 1",
            hint='set "quant_mode": false in the config.json of the model',
        )
    if config.model_type == "deberta" and getattr(config, "talking_head", False):
        raise ModelError(
            f"{kind} is not supported with talking_head: it mixes its heads after the softmax, and rows of attention "
            "do not sum to 1",
            hint='use a checkpoint without "talking_head", as all published ones are',
        )
    if config.model_type == "xlnet" and config.bi_data:
        raise ModelError(
            f"{kind} reads pairs of documents, one of them backwards, with bi_data: one alone has no place there",
            hint='set "bi_data": false in the config.json of the model, as for every classifier',
        )
    if config.model_type == "xmod" and config.default_language is None:
        raise ModelError(
            f"{kind} does not say which language it reads",
            hint='set "default_language" in the config.json of the model, for example to "en_XX"',
        )
    if config.model_type == "nystromformer" and config.num_landmarks != config.segment_means_seq_len:
        raise ModelError(
            f"{kind} has no attention between tokens: they attend to {config.num_landmarks} landmarks instead",
            hint=TOKENS,
        )


def _check_windows(name: str, config: Any) -> None:
    windows = getattr(config, "attention_window", None)
    if windows is None:
        return
    layers = config.num_hidden_layers
    by_layer = windows if isinstance(windows, list) else [windows] * layers
    if len(by_layer) != layers:
        raise ModelError(f"{name}: attention windows for {len(by_layer)} layers; the model has {layers}", hint=WINDOW)
    for layer, window in enumerate(by_layer, start=1):
        if window % 2 or window < 4:  # transformers' chunks fail at 2
            raise ModelError(
                f"{name}: layer {layer} has attention window {window}; it must be even and at least 4", hint=WINDOW
            )
        if max(by_layer) % window:  # transformers pads to the largest window and cuts that into chunks of each
            raise ModelError(
                f"{name}: layer {layer} has attention window {window}, which does not divide {max(by_layer)}",
                hint=WINDOW,
            )


def text_config(config: Any) -> Any:
    """The part of a configuration that describes the layers that read the text."""
    if config.model_type == "t5gemma":  # without its decoder
        return config.encoder
    text = config.get_text_config()
    return text if isinstance(text, transformers.PreTrainedConfig) else config  # a field of that name in a BERT


def layer_kinds(config: Any) -> tuple[str, ...]:
    """What each layer does: "attention", or the name of what it has instead."""
    text = text_config(config)
    kinds = getattr(text, "layer_types", None) or getattr(text, "layers_block_type", None)
    if not kinds:
        return ("attention",) * int(text.num_hidden_layers)
    other = KINDS.get(config.model_type)
    return tuple("attention" if kind in ATTENTION else other or kind.replace("_", " ") for kind in kinds)


def attention_layers(config: Any) -> tuple[int, ...]:
    """The layers with attention, counted from 0: all of them but in hybrid models."""
    return tuple(layer for layer, kind in enumerate(layer_kinds(config)) if kind == "attention")


def reads_last(model: Any) -> bool:
    """Whether the head reads the last token, as those of causal models do."""
    generic = getattr(transformers.modeling_layers, "GenericForSequenceClassification", ())
    return isinstance(model, generic) or model.config.model_type in READS_LAST


def reads(model: Any) -> str | None:
    """Which token the head reads: "first", "last"; None if it reads all."""
    config = model.config
    if getattr(config, "classifier_pooling", "cls") in POOLED:
        return None
    if config.model_type in SUMMARY:
        return {"first": "first", "last": "last", "cls_index": "last"}.get(config.summary_type)
    return "last" if reads_last(model) else "first"


def reader_alone(model: Any) -> bool:
    """Whether, in the last layer with attention, the row of the token that the head reads alone reaches the logits.

    Not so where something that mixes tokens follows: another layer, or in the same one Mamba or a router.
    """
    config = model.config
    mixed = config.model_type in ("zamba", "zamba2") or _routes_together(config)
    return layer_kinds(config)[-1] == "attention" and not mixed


def _routes_together(config: Any) -> bool:
    """Whether a router compares the tokens of the whole batch."""
    return bool(config.model_type == "doge" and config.is_moe)


def reads_alone(model: Any, vocabulary: range) -> bool:
    """Whether a longer neighbour in a batch would change what the model says of a document."""
    config = model.config
    lost = reads_last(model) and text_config(config).pad_token_id not in vocabulary  # it does not find the last token
    blind = config.model_type in SUMMARY and config.summary_type != "first"  # reads the padding, too
    blocks = getattr(config, "attention_type", None) == "block_sparse"
    shared = lost or blind or blocks or _stretches(config)
    return shared or _routes_together(config) or config.model_type in MIXING


def _stretches(config: Any) -> bool:
    """Whether rotations depend on the longest document of the batch, as in Phi-3 of 128,000 tokens (LongRoPE)."""
    rotations = getattr(text_config(config), "rope_parameters", None) or {}
    by_kind = [rotations, *(each for each in rotations.values() if isinstance(each, dict))]  # also one a kind of layer
    return any(each.get("rope_type") == "longrope" for each in by_kind)
