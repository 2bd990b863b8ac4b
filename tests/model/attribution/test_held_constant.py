"""What is held constant is so in every model, and nothing that it computes changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from reportgen.core.nouns.records import Tokens
from reportgen.model import position_table
from reportgen.model.attribution import gradients
from reportgen.model.attribution.held_constant import HeldConstant
from reportgen.model.classifier import Classifier
from reportgen.model.reading import forward_pass
from reportgen.model.tokenizing.tokens import encode
from tests import every_type, tiny
from tests.model.test_every_type import SUPPORTED, TEXT

QUERY_OR_KEY = re.compile(r"[.](q|k|[qk]_(proj|lin)|W[qk]|(query|key)(_proj|_global)?)([.](weight|bias))?$")
GATED = ("qwen3_5", "qwen3_5_text", "qwen3_next")  # types whose query projection makes a gate of the output, too
Norm = Callable[[Tensor, Tensor], Tensor]
FEW = ("bert", "gpt2", "llama", "longformer")
NO_GATES = {  # types whose layers are linear without their activation: no product of two hidden states
    "arcee": {"hidden_act": "linear"},  # RMSNorm
    "bert": {"hidden_act": "linear"},
    "deberta": {"hidden_act": "linear", "pooler_hidden_act": "linear"},  # its LayerNorm is written out
    "deberta-v2": {"hidden_act": "linear", "pooler_hidden_act": "linear"},
    "distilbert": {"activation": "relu"},
    "gpt2": {"activation_function": "linear"},
    "longformer": {"hidden_act": "linear"},
    "opt": {"activation_function": "linear"},
    "xlnet": {"ff_activation": "relu"},  # relu keeps the sum as well: its slope times its input is its output
}


def few(params: list[Any]) -> list[Any]:
    """Quick are *FEW*, slow the others."""
    return [p if p.id in FEW else pytest.param(*p.values, id=p.id, marks=pytest.mark.slow) for p in params]


def document(kind: str, **settings: Any) -> tuple[Classifier, Tokens]:
    classifier = tiny.classifier(every_type.build(kind, **settings))
    return classifier, encode(classifier, TEXT)


def layer_norm_of_torch(x: Tensor, gain: Tensor) -> Tensor:
    return nn.functional.layer_norm(x, (x.shape[-1],), gain, None, 1e-5)


def layer_norm_of_module(x: Tensor, gain: Tensor) -> Tensor:
    norm = nn.LayerNorm(x.shape[-1], bias=False)
    norm.weight = nn.Parameter(gain)
    return norm(x)


def layer_norm_written_out(x: Tensor, gain: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return gain * centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + 1e-5)


def rms_norm_of_torch(x: Tensor, gain: Tensor) -> Tensor:
    return nn.functional.rms_norm(x, (x.shape[-1],), gain, 1e-5)


def rms_norm_written_out(x: Tensor, gain: Tensor) -> Tensor:
    return gain * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)


def rms_norm_by_a_power(x: Tensor, gain: Tensor) -> Tensor:
    return gain * x * (x.pow(2).mean(-1, keepdim=True) + 1e-5) ** -0.5


def attention_of_torch(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return nn.functional.scaled_dot_product_attention(query[None], key[None], value[None])[0]


def attention_written_out(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return (query @ key.T / query.shape[-1] ** 0.5).softmax(-1) @ value


@pytest.mark.parametrize("attend", [attention_of_torch, attention_written_out])
@pytest.mark.parametrize(
    ("norm", "centred"),
    [
        (layer_norm_of_torch, True),
        (layer_norm_of_module, True),
        (layer_norm_written_out, True),
        (rms_norm_of_torch, False),
        (rms_norm_written_out, False),
        (rms_norm_by_a_power, False),
    ],
)
def test_a_linear_model_made_by_hand_gives_each_token_its_own_part(attend: Any, norm: Norm, centred: bool) -> None:
    """M = sum of A[0, i] * (e[i] - its mean) / its deviation * gain @ V @ u: the i-th term is token i's."""
    draw = torch.Generator().manual_seed(3)
    embeddings = torch.randn(5, 8, generator=draw, requires_grad=True)
    query, key, value = torch.randn(3, 8, 8, generator=draw)
    gain, reads = torch.randn(2, 8, generator=draw)
    with HeldConstant():
        hidden = norm(embeddings, gain)
        margin = attend(hidden @ query, hidden @ key, hidden @ value)[0] @ reads
    (gradient,) = torch.autograd.grad(margin, embeddings)
    scores = (gradient * embeddings).sum(-1).detach().numpy()

    e, q, k, v, g, u = (t.detach().double().numpy() for t in (embeddings, query, key, value, gain, reads))
    e = e - e.mean(-1, keepdims=True) if centred else e
    h = g * e / np.sqrt((e**2).mean(-1, keepdims=True) + 1e-5)
    logits = (h @ q)[0] @ (h @ k).T / 8**0.5
    weights = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(scores, weights * (h @ v @ u), rtol=1e-4, atol=1e-6)
    assert scores.sum() == pytest.approx(float(margin.detach()), rel=1e-4)


class _Identity(TorchFunctionMode):
    """While open, the tanh of poolers and heads gives what it takes."""

    def __torch_function__(self, func: Any, types: Iterable[type], args: Any = (), kwargs: Any = None) -> Any:
        return args[0] if func in (torch.tanh, Tensor.tanh) else func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("kind", "settings"), NO_GATES.items(), ids=NO_GATES)
def test_without_biases_and_curved_activations_the_scores_sum_to_the_margin(kind: str, settings: Any) -> None:
    """In transformers' own models."""
    classifier, tokens = document(kind, **settings)
    with torch.no_grad():
        for name, weight in classifier.model.named_parameters():
            if name.endswith("bias") or any(part in name for part in (*position_table.NAMES, "token_type_embeddings")):
                weight.zero_()
    with _Identity():
        first, second = forward_pass.predict_logits(classifier, [tokens])[0].tolist()
        frozen = gradients.attribute(classifier, tokens, (0, 1), method="frozen")
    assert [found.reason for found in frozen] == [None, None]
    sums = [float(found.scores.sum()) for found in frozen]
    assert abs(first - second) > 0.05
    np.testing.assert_allclose(sums, [first - second, second - first], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("kind", "settings"), few(SUPPORTED))
def test_every_type_computes_the_same_and_its_queries_and_keys_have_no_gradient(
    kind: str, settings: dict[str, Any]
) -> None:
    """They change a prediction through softmaxes alone. Not asked where query, key and value are one parameter."""
    classifier, tokens = document(kind, **settings)
    plain = forward_pass.predict_logits(classifier, [tokens])
    inputs = forward_pass.batch(classifier, [tokens])
    asked = [weight for name, weight in classifier.model.named_parameters() if only_query_or_key(kind, name)]
    free = has_gradients(classifier.model(**inputs).logits, asked)
    with HeldConstant() as held:
        logits = classifier.model(**inputs).logits
    assert torch.equal(logits.detach(), plain)
    assert held.attentions >= len(classifier.layers)
    assert not asked or any(free)
    assert not any(has_gradients(logits, asked))


def only_query_or_key(kind: str, name: str) -> bool:
    """Whether a parameter makes queries or keys of the text, and nothing else."""
    gated = kind in GATED and ".q_proj" in name
    return bool(QUERY_OR_KEY.search(name)) and "vision" not in name and not gated


def has_gradients(logits: Tensor, weights: list[nn.Parameter]) -> list[bool]:
    """Whether a logit has a gradient with respect to each of *weights*."""
    if not weights:
        return []
    found = torch.autograd.grad(logits[0, 0], weights, allow_unused=True)
    return [gradient is not None and bool(gradient.any()) for gradient in found]
