"""Small random classifiers and a small tokenizer, built in memory in milliseconds; nothing is downloaded.

Weights are drawn wider than transformers does (0.3), so that attention is far from uniform and a mix-up of heads,
layers or positions shows up in the numbers.
"""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import ByteLevelBPETokenizer
from tokenizers.processors import RobertaProcessing
from torch import Tensor
from transformers import (
    AlbertConfig,
    AutoConfig,
    BartConfig,
    DebertaV2Config,
    DistilBertConfig,
    FlaubertConfig,
    FunnelConfig,
    GPT2Config,
    LongformerConfig,
    OPTConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    T5Config,
    XLMConfig,
    XLNetConfig,
)
from transformers.models.auto.modeling_auto import AutoModelForSequenceClassification

from reportgen.core.errors import ModelError, ReportgenError
from reportgen.core.nouns.records import Tokens
from reportgen.model import checkpoint, position_table
from reportgen.model import classifier as loading
from reportgen.model.checkpoint import Checkpoint
from reportgen.model.classifier import Classifier

PAD, BOS, EOS = 1, 0, 2  # as in RoBERTa, whose positions start behind the padding id
VOCABULARY = 300
LABELS = ("left", "right")
GROUPED = ("gemma", "mistral", "qwen2")  # kinds whose heads share keys and values
CORPUS = [
    "Attention heads of a long document classifier attend to tokens.",
    "A sliding window sees its neighbours; a global token sees the whole document, and all of it sees the token.",
    "the theory of the thing is that these heads other than those gather there",
]


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with RoBERTa's special tokens, trained on three sentences."""
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(
        CORPUS, vocab_size=VOCABULARY, min_frequency=1, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    )
    bpe._tokenizer.post_processor = RobertaProcessing(("</s>", EOS), ("<s>", BOS), trim_offsets=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe._tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=512,
    )


def longformer(
    *, windows: tuple[int, ...] = (8, 8), heads: int = 2, dropout: float = 0.0, seed: int = 0, **settings: Any
) -> PreTrainedModel:
    """A random Longformer classifier with one layer per window."""
    return _build(
        LongformerConfig(
            attention_window=list(windows),
            num_hidden_layers=len(windows),
            hidden_size=16,
            intermediate_size=16,
            num_attention_heads=heads,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            max_position_embeddings=130,
            initializer_range=0.3,
            **_common(),
            **settings,
        ),
        seed=seed,
    )


def dense(kind: str, *, seed: int = 0, **settings: Any) -> PreTrainedModel:
    """A random classifier that compares all tokens with all tokens; *kind* is its model type.

    Kinds whose configuration names its sizes as BERT does need no entry.
    """
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    wide = {"initializer_range": 0.3, "max_position_embeddings": 64}
    configs: dict[str, Any] = {
        "distilbert": lambda: DistilBertConfig(
            dim=16, hidden_dim=16, n_layers=2, n_heads=2, **wide, **_common(), **settings
        ),
        "albert": lambda: AlbertConfig(embedding_size=8, **small, **wide, **_common(), **settings),
        "deberta-v2": lambda: DebertaV2Config(
            relative_attention=True, pos_att_type=["p2c", "c2p"], **small, **wide, **_common(), **settings
        ),
        "gpt2": lambda: GPT2Config(
            n_embd=16, n_layer=2, n_head=2, n_positions=64, initializer_range=0.3, **_common(), **settings
        ),
        "xlnet": lambda: XLNetConfig(d_model=16, n_layer=2, n_head=2, d_inner=16, **_common(), **settings),
        "xlm": lambda: XLMConfig(emb_dim=16, n_layers=2, n_heads=2, **_common(), **settings),
        "flaubert": lambda: FlaubertConfig(emb_dim=16, n_layers=2, n_heads=2, **_common(), **settings),
        "funnel": lambda: FunnelConfig(
            block_sizes=[1, 1], d_model=16, n_head=2, d_head=8, d_inner=16, **_common(), **settings
        ),
        "bart": lambda: BartConfig(**_pair("encoder"), **_pair("decoder"), d_model=16, **_common(), **settings),
        "t5": lambda: T5Config(d_model=16, d_kv=8, d_ff=16, num_layers=2, num_heads=2, **_common(), **settings),
        "opt": lambda: OPTConfig(
            **{**small, "ffn_dim": 16}, word_embed_proj_dim=16, init_std=0.3, **_common(), **settings
        ),
    }
    shared = {"num_key_value_heads": 1, "head_dim": 8} if kind in GROUPED else {}
    usual = {**small, **wide, **shared, **_common(), **settings}
    return _build(configs[kind]() if kind in configs else AutoConfig.for_model(kind, **usual), seed=seed)


def repeated(model: Any, name: str = "longformer.embeddings.position_embeddings", *, period: int, skip: int = 2) -> Any:
    """The model with the position table of this name made of copies, behind *skip* rows that no token has."""
    with torch.no_grad():
        table = model.get_parameter(f"{name}.weight")
        table[skip:] = table[skip : skip + period].repeat(len(table) // period + 1, 1)[: len(table) - skip]
    return model


def save(model: PreTrainedModel, folder: Path) -> Path:
    """Write the model and the tokenizer as `save_pretrained` does."""
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def change(folder: Path, **values: Any) -> Path:
    """Change entries of config.json; `...` removes one."""
    path = folder / "config.json"
    found = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({name: value for name, value in found.items() if value is not ...}))
    return folder


def change_weights(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> Path:
    """Write the weights anew as *change* gives them."""
    path = folder / "model.safetensors"
    weights = {name: tensor.contiguous().clone() for name, tensor in change(load_file(path)).items()}
    save_file(weights, path, {"format": "pt"})
    return folder


def classifier(model: PreTrainedModel, *, global_positions: tuple[int, ...] = (0,), max_length: int = 64) -> Classifier:
    """A classifier around a model in memory, as `classifier.load` would give it."""
    return Classifier(
        model=model,
        tokenizer=tokenizer(),
        checkpoint=Checkpoint("tiny", "tiny", "local", "tiny", "local"),
        labels=LABELS,
        max_length=max_length,
        global_positions=global_positions,
        period=position_table.find(model),
    )


def document(length: int, *, seed: int = 0) -> Tokens:
    """*length* random tokens between <s> and </s>; one or two tokens are only these."""
    inner = torch.randint(5, VOCABULARY, (max(0, length - 2),), generator=torch.Generator().manual_seed(seed))
    ids = (BOS, *inner.tolist(), EOS)[:length]
    edge = tuple(token in (BOS, EOS) for token in ids)
    return Tokens(
        ids=ids,
        strings=tuple(tokenizer().convert_ids_to_tokens(list(ids))),
        starts=tuple(range(length)),
        ends=tuple(range(1, length + 1)),
        special=edge,
        blank=edge,
        total=length,
    )


def public(model: PreTrainedModel, ids: tuple[int, ...], *, global_positions: tuple[int, ...] = ()) -> Any:
    """What the model itself returns for one document with `output_attentions=True`, reportgen not involved."""
    inputs = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}
    if model.config.model_type == "longformer":
        inputs["global_attention_mask"] = torch.zeros(1, len(ids), dtype=torch.long)
        inputs["global_attention_mask"][0, list(global_positions)] = 1
    with torch.no_grad():
        return model(**inputs, output_attentions=True)


def _common() -> dict[str, Any]:
    return {
        "vocab_size": VOCABULARY,
        "pad_token_id": PAD,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "id2label": dict(enumerate(LABELS)),
        "label2id": {label: index for index, label in enumerate(LABELS)},
    }


def _pair(side: str) -> dict[str, int]:
    return {f"{side}_layers": 2, f"{side}_attention_heads": 2, f"{side}_ffn_dim": 16}


def _build(config: Any, *, seed: int) -> PreTrainedModel:
    return drawn(config, seed=seed, attn_implementation="eager")


def drawn(config: Any, *, seed: int, **options: Any) -> PreTrainedModel:
    """A random classifier of that configuration; biases start at 0, which would hide them, so they are drawn, too."""
    torch.manual_seed(seed)
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(config, **options)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias") and "LayerNorm" not in name:
                parameter.normal_(std=0.2)
    return model.eval()


def load(folder: Path, **options: Any) -> Classifier:
    """A classifier from disk, as the pipeline loads it."""
    return loading.load(checkpoint.find(str(folder)), device="cpu", **options)


def obey(command: str, folder: Path) -> None:
    """Run what a hint wants after `python`, in a folder, in this process, which has imported torch already."""
    flag, code = shlex.split(command)
    assert flag == "-c"
    with contextlib.chdir(folder):
        exec(code, {})


def refused(folder: Path, kind: type[ReportgenError] = ModelError) -> ReportgenError:
    """The error that loading ends with, with a hint."""
    with pytest.raises(kind) as caught:
        load(folder)
    assert caught.value.exit_code == kind.exit_code
    assert caught.value.hint
    return caught.value
