"""Small classifiers trained for seconds on texts whose label hangs on known words alone.

A text is noise with a few words of one label planted in it; nothing else says anything of the label, and of noise alone
the models know that they do not know. So the words that a faithful heatmap must find are known.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, GPT2Config, LongformerConfig, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import AutoModelForSequenceClassification

from reportgen.core.clock import Clock
from reportgen.core.nouns.faithfulness import Faithfulness, ScoreName
from reportgen.core.nouns.records import Floats, HeadImportance, Tokens
from reportgen.examine import by_layer
from reportgen.model import position_table
from reportgen.model.attention.stack import stack
from reportgen.model.attribution import gradients
from reportgen.model.checkpoint import Checkpoint
from reportgen.model.classifier import Classifier
from reportgen.model.faithfulness import examine
from reportgen.model.faithfulness.examine import Subject
from reportgen.model.importance import importance_files
from reportgen.model.reading import forward_pass, long_documents
from reportgen.model.tokenizing.tokens import encode
from reportgen.report import scale

Kind = Literal["longformer", "bert", "gpt2"]
ByIds = Callable[[tuple[int, ...]], Floats]  # ids of tokens -> their scores
KINDS: tuple[Kind, ...] = ("longformer", "bert", "gpt2")
LABELS = ("left", "right")
KEYS = (("amber", "ash"), ("beryl", "birch"))  # the words of each label
NOISE = (*(f"n{number}" for number in range(10)), *(f"w{number}" for number in range(30)))
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
WORDS, PLANTED = 40, 4  # in a text
STEPS, TOGETHER = 160, 16
MARGIN = 4.0  # logits, of a text with words of a label


@cache
def tokenizer(*, edges: bool) -> PreTrainedTokenizerFast:
    """One token for every word, a quarter of the noise in two pieces; with *edges* between <s> and </s>, and a mask."""
    pieces = [*SPECIAL, *(word for keys in KEYS for word in keys), "n", *map(str, range(10)), *NOISE[10:], "."]
    made = Tokenizer(models.WordLevel({word: place for place, word in enumerate(pieces)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex(r"(?<=n)(?=\d)|(?=\.)"), "isolated")]
    )
    names: dict[str, str] = {"pad_token": "<pad>", "unk_token": "<unk>"}
    if edges:
        made.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
        )
        names |= {"cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"}
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=250, **names)


def text(label: int, *, seed: int, planted: int = PLANTED) -> str:
    """Noise with words of *label* in it, in sentences of eight words, each a paragraph."""
    random = np.random.default_rng([seed, label])
    words = random.choice(NOISE, WORDS).tolist()
    for place in random.choice(WORDS, planted, replace=False).tolist():
        words[place] = str(random.choice(KEYS[label]))
    sentences = (" ".join(words[start : start + 8]) for start in range(0, WORDS, 8))
    return ".\n\n".join((*sentences,)) + "."


def keys_in(written: str) -> list[tuple[int, int]]:
    """The characters of the planted words."""
    return [match.span() for match in re.finditer("|".join(word for keys in KEYS for word in keys), written)]


def classifier(kind: Kind, *, even: bool = False) -> Classifier:
    """A trained model; with *even* attention its queries are 0, and it learns from the mean alone."""
    return _classifier(kind, even)


@cache
def _classifier(kind: Kind, even: bool) -> Classifier:
    torch.manual_seed(0)
    model: Any = AutoModelForSequenceClassification.from_config(_configuration(kind), attn_implementation="eager")
    if even:
        for name, parameter in model.named_parameters():
            if ".query." in name:
                parameter.requires_grad_(False).zero_()
    words = tokenizer(edges=kind != "gpt2")
    _train(model, words, windows=kind == "longformer")
    return Classifier(
        model=model.eval(),
        tokenizer=words,
        checkpoint=Checkpoint("planted", "planted", "local", "planted", "local"),
        labels=LABELS,
        max_length=250,
        global_positions=(0,) if kind == "longformer" else (),
        period=position_table.find(model),
    )


def _configuration(kind: Kind) -> Any:
    common = {
        "vocab_size": len(tokenizer(edges=True)),
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "id2label": dict(enumerate(LABELS)),
        "label2id": {label: index for index, label in enumerate(LABELS)},
    }
    small = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    if kind == "longformer":
        return LongformerConfig(attention_window=[16, 16], max_position_embeddings=256, **small, **common)
    if kind == "bert":
        return BertConfig(max_position_embeddings=256, **small, **common)
    still = {"attn_pdrop": 0.0, "resid_pdrop": 0.0, "embd_pdrop": 0.0}
    # One layer: in a second one the last token could read a word where the first has moved it to.
    return GPT2Config(n_embd=32, n_layer=1, n_head=4, n_positions=256, **still, **common)


def _train(model: Any, words: PreTrainedTokenizerFast, *, windows: bool) -> None:
    """Teach a model which words belong to which label; with one thread, which is faster for tensors so small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=4e-3)
    model.train()
    random = np.random.default_rng(0)
    for step in range(STEPS):
        planted = random.integers(0, PLANTED + 1, TOGETHER).tolist()
        texts = [text(n % 2, seed=1000 + step * TOGETHER + n, planted=count) for n, count in enumerate(planted)]
        wanted = torch.tensor([MARGIN * (count > 0) * (1 - 2 * (n % 2)) for n, count in enumerate(planted)])
        inputs = words(texts, return_tensors="pt", padding=True, return_token_type_ids=False)
        if windows:
            inputs["global_attention_mask"] = torch.zeros_like(inputs["input_ids"])
            inputs["global_attention_mask"][:, 0] = 1
        left, right = model(**inputs).logits.unbind(dim=1)
        optimizer.zero_grad()
        (left - right - wanted).square().mean().backward()
        optimizer.step()
    torch.set_num_threads(threads)


@dataclass(frozen=True, slots=True)
class Heated:
    """A text as a classifier reads it, with what it attends to."""

    text: str
    tokens: Tokens
    scores: dict[ScoreName, Floats]


def heated(model: Classifier, written: str) -> Heated:
    """Read a text, every head counting the same."""
    tokens = encode(model, written)
    layers = long_documents.attend(model, long_documents.plan_for(model, tokens, stride=None), top_k=1, clock=Clock())
    attention = stack(layers, reader=forward_pass.reader_position(model, tokens), classifier=model)
    found = scale.scale(attention, importance_files.uniform(*model.shape))
    layers = by_layer(found)
    scores: dict[ScoreName, Floats] = {"all_attention": layers.sum(axis=0), "last layer": layers[-1]}
    if found.reader is not None:
        scores["classifier"] = found.reader
    return Heated(written, tokens, scores)


def subject(
    kind: Kind,
    *,
    even: bool = False,
    seed: int = 0,
    written: str | None = None,
    heat_of: ByIds | None = None,
    heads: Floats | None = None,
    **changes: Any,
) -> Subject:
    """A text of the first label with its heatmaps, and a text of noise to take words from.

    Args:
        kind: Of the model.
        even: Whether its attention is even.
        seed: Of the text.
        written: Another text.
        heat_of: A heatmap made of the ids of the tokens, in place of the model's.
        heads: Head importance.
        changes: Other fields of the subject.
    """
    model = classifier(kind, even=even)
    read = heated(model, text(0, seed=seed) if written is None else written)

    def heat(other: str) -> tuple[Tokens, Floats, int]:
        moved = heated(model, other)
        return moved.tokens, moved.scores["all_attention"] if heat_of is None else heat_of(moved.tokens.ids), 1

    scores: dict[ScoreName, Floats] = {**read.scores, "attribution": _attribution(model, read.tokens)}
    if heat_of is not None:
        scores["all_attention"] = heat_of(read.tokens.ids)
    if heads is not None:
        scores["all_attention, unscaled"] = read.scores["last layer"]
    made = Subject(
        text=read.text,
        tokens=read.tokens,
        target=0,
        reader=forward_pass.reader_position(model, read.tokens),
        scores=scores,
        importance=None if heads is None else HeadImportance(heads, "taylor", "heads.safetensors"),
        heat=heat,
        donor=encode(model, text(0, seed=seed + 1, planted=0)),
    )
    return replace(made, **changes)


def _attribution(model: Classifier, tokens: Tokens) -> Floats:
    (found,) = gradients.attribute(model, tokens, (0,), method="frozen")
    assert found.scores is not None
    return found.scores


def examined(kind: Kind, of: Subject, *, even: bool = False, **changes: Any) -> Faithfulness:
    """The full test of a subject; *changes* are arguments of `examine`."""
    how: dict[str, Any] = {"depth": "full", "unit": "word", "seed": 0, "batch_size": 32, "stride": None}
    return examine.examine(classifier(kind, even=even), of, **{**how, "clock": Clock(), **changes})
