"""Scores are those of captum and of torch's own gradients, and the model is left as it was."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import InputXGradient, IntegratedGradients, LayerIntegratedGradients
from torch import Tensor, nn
from transformers import AttentionInterface

from reportgen.core.nouns.faithfulness import Attribution, Method
from reportgen.core.nouns.records import Tokens
from reportgen.model.attribution import gradients
from reportgen.model.attribution.gradients import attribute
from reportgen.model.classifier import Classifier
from reportgen.model.reading import forward_pass, long_documents
from tests import every_type, tiny
from tests.model.attribution.test_held_constant import document, few
from tests.model.test_every_type import SUPPORTED

METHODS: tuple[Method, ...] = ("frozen", "gradient-x-input", "ig")
KINDS = ("longformer", "bert", "gpt2")
NORMALISED = ("bloom", "minimax", "modern")  # types that normalise embeddings before they add anything to them
STEPS = 8
LENGTH = 27  # no multiple of the window


@pytest.fixture(scope="module", params=KINDS)
def read(request: pytest.FixtureRequest) -> tuple[Classifier, Tokens]:
    return tiny.classifier(every_type.build(request.param)), tiny.document(LENGTH)


def margin_of(classifier: Classifier, label: int) -> Callable[..., Tensor]:
    """The margin as a function of inputs that are given by name, (document,); reportgen is not involved."""
    ids = torch.zeros(1, LENGTH, dtype=torch.long)
    whole = {"attention_mask": torch.ones_like(ids)}
    if classifier.windows:
        whole["global_attention_mask"] = ids.clone()
        whole["global_attention_mask"][:, 0] = 1

    def run(given: Tensor, name: str = "inputs_embeds") -> Tensor:
        also = {key: value.expand(len(given), -1) for key, value in whole.items()}
        logits = classifier.model(**{name: given}, **also).logits
        return logits[:, label] - logits[:, 1 - label]

    return run


def own_embeddings(classifier: Classifier, tokens: Tokens) -> Tensor:
    return classifier.model.get_input_embeddings()(torch.tensor([tokens.ids])).detach()


def scores(found: tuple[Attribution, ...]) -> np.ndarray:
    assert [one.reason for one in found] == [None] * len(found)
    return np.stack([one.scores for one in found])


def by_captum(attribution: Tensor) -> np.ndarray:
    return attribution.detach().sum(-1)[0].numpy()


@pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients")
@pytest.mark.parametrize("label", [0, 1])
def test_gradient_times_input_is_captums(read: tuple[Classifier, Tokens], label: int) -> None:
    classifier, tokens = read
    expected = InputXGradient(margin_of(classifier, label)).attribute(own_embeddings(classifier, tokens))
    found = scores(attribute(classifier, tokens, [label], method="gradient-x-input"))
    np.testing.assert_allclose(found[0], by_captum(expected), atol=1e-5)


@pytest.mark.parametrize("label", [0, 1])
def test_integrated_gradients_are_captums(read: tuple[Classifier, Tokens], label: int) -> None:
    """From the mean embedding, which special tokens do not have."""
    classifier, tokens = read
    embeddings = own_embeddings(classifier, tokens)
    start = classifier.model.get_input_embeddings().weight.detach().mean(0).expand_as(embeddings).clone()
    start[:, [0, -1]] = embeddings[:, [0, -1]]
    run = margin_of(classifier, label)
    expected = IntegratedGradients(run).attribute(embeddings, start, n_steps=STEPS, internal_batch_size=1)
    (found,) = attribute(classifier, tokens, [label], method="ig", steps=STEPS)
    np.testing.assert_allclose(scores((found,))[0], by_captum(expected), atol=1e-4)
    change = float((run(embeddings) - run(start)).detach())
    assert found.baseline == "mean embedding"
    assert found.gap == pytest.approx((float(expected.detach().sum()) - change) / change, abs=1e-3)


def test_integrated_gradients_from_a_token_are_captums_without_its_padding() -> None:
    """Captum takes a Longformer's layer at its full length, padded to a multiple of the window."""
    classifier, tokens = tiny.classifier(every_type.build("longformer")), tiny.document(LENGTH)
    mask = classifier.tokenizer.mask_token_id
    start = torch.tensor([[t if s else mask for t, s in zip(tokens.ids, tokens.special, strict=True)]])
    run = margin_of(classifier, 0)
    layer = LayerIntegratedGradients(lambda ids: run(ids, "input_ids"), classifier.model.get_input_embeddings())
    padded = layer.attribute(torch.tensor([tokens.ids]), start, n_steps=STEPS, internal_batch_size=1)
    assert padded.shape[1] == 32
    (found,) = attribute(classifier, tokens, [0], method="ig", steps=STEPS, baseline="<mask>")
    np.testing.assert_allclose(scores((found,))[0], by_captum(padded)[:LENGTH], atol=1e-4)
    assert found.baseline == "<mask>"


def test_more_steps_close_the_gap(read: tuple[Classifier, Tokens]) -> None:
    few, many = (attribute(*read, [0], method="ig", steps=steps)[0].gap for steps in (2, 64))
    assert abs(many) < min(0.01, abs(few))


def test_the_margin_is_to_the_largest_other_label_or_the_logit_alone() -> None:
    logits = torch.tensor([1.0, 4.0, 2.0])
    slopes = [gradients.slope(logits, label, several=False).tolist() for label in range(3)]
    assert slopes == [[1, -1, 0], [0, 1, -1], [0, -1, 1]]
    assert gradients.slope(logits, 0, several=True).tolist() == [1, 0, 0]
    assert gradients.slope(logits[:1], 0, several=False).tolist() == [1]


@pytest.mark.parametrize("method", METHODS)
def test_in_windows_a_token_has_the_sum_over_its_windows(method: Method) -> None:
    """The logits are their mean; with a third label, which of the others is largest is asked of the mean, too."""
    model = every_type.build("bert", id2label=dict(enumerate("abc")))
    classifier = replace(tiny.classifier(model, max_length=20), labels=("a", "b", "c"))
    tokens = tiny.document(44)
    plan = long_documents.plan_for(classifier, tokens, stride=4)
    assert len(plan.windows) == 3
    (found,) = attribute(classifier, tokens, [1], method=method, stride=4, steps=STEPS)
    mean = torch.stack([forward_pass.predict_logits(classifier, [piece])[0] for piece in plan.pieces]).mean(0)
    other = int(mean.index_fill(0, torch.tensor(1), -torch.inf).argmax())
    logit = replace(classifier, threshold=0.5)
    logit.model.config.problem_type = "multi_label_classification"  # margins are logits
    expected = np.zeros(len(tokens))
    for window, piece in zip(plan.windows, plan.pieces, strict=True):
        first, second = scores(attribute(logit, piece, (1, other), method=method, steps=STEPS))
        expected[plan.positions(window)] += (first - second) / 3
    np.testing.assert_allclose(scores((found,))[0], expected, atol=1e-4)


def test_of_several_labels_at_once_each_has_the_gradient_of_its_own_logit() -> None:
    classifier = tiny.classifier(every_type.build("bert", problem_type="multi_label_classification"))
    tokens = tiny.document(LENGTH)
    embeddings = own_embeddings(classifier, tokens).requires_grad_()
    logits = classifier.model(inputs_embeds=embeddings).logits[0]
    expected = [torch.autograd.grad(logit, embeddings, retain_graph=True)[0] * embeddings for logit in logits]
    found = scores(attribute(classifier, tokens, (0, 1), method="gradient-x-input"))
    np.testing.assert_allclose(found, [by_captum(one) for one in expected], atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_the_model_is_left_as_it_was_and_gives_the_same_scores_again(
    read: tuple[Classifier, Tokens], method: Method
) -> None:
    classifier, tokens = read
    before, model = forward_pass.predict_logits(classifier, [tokens]), classifier.model
    frozen = next(model.parameters()).requires_grad_(False)
    found = attribute(classifier, tokens, (0, 1), method=method, steps=STEPS)
    assert found == attribute(classifier, tokens, (0, 1), method=method, steps=STEPS)
    assert torch.equal(forward_pass.predict_logits(classifier, [tokens]), before)
    assert [p for p in model.parameters() if not p.requires_grad] == [frozen]
    assert all(p.grad is None for p in model.parameters())
    assert not any(module._forward_hooks or module.training for module in model.modules())
    frozen.requires_grad_(True)


@pytest.mark.parametrize("method", METHODS)
def test_in_half_precision_scores_are_about_the_same(read: tuple[Classifier, Tokens], method: Method) -> None:
    classifier, tokens = read
    half = replace(classifier, model=copy.deepcopy(classifier.model).to(torch.bfloat16))
    exact, rounded = (scores(attribute(one, tokens, [0], method=method, steps=STEPS))[0] for one in (classifier, half))
    assert rounded.dtype == np.float32
    assert np.corrcoef(exact, rounded)[0, 1] > 0.99


@pytest.mark.parametrize(("length", "windows"), [(10, 1), (16, 2)])
def test_progress_counts_the_forward_passes(length: int, windows: int) -> None:
    classifier = tiny.classifier(every_type.build("bert"), max_length=10)
    for method in METHODS:
        done: list[int] = []
        attribute(classifier, tiny.document(length), (0, 1), method=method, stride=0, steps=3, advance=done.append)
        assert sum(done) == gradients.passes(method, windows=windows, steps=3)


@pytest.mark.parametrize(("kind", "settings"), few(SUPPORTED))
def test_every_type_has_scores_or_a_reason(kind: str, settings: dict[str, Any]) -> None:
    """After a pass of inference, as in a report. Frozen and integrated gradients, all types have."""
    classifier, tokens = document(kind, **settings)
    forward_pass.predict_logits(classifier, [tokens])
    for method in METHODS:
        for found in attribute(classifier, tokens, (0, 1), method=method, steps=2):
            if method == "gradient-x-input" and kind.startswith(NORMALISED):
                assert "normalises each embedding" in found.reason
                continue
            assert found.reason is None, found.reason
            assert found.scores.shape == (len(tokens),)
            assert found.scores.dtype == np.float32
            assert np.isfinite(found.scores).all()
            assert found.scores.any()


def without_gradient(_: nn.Module, __: object, output: Tensor) -> Tensor:
    return output.detach()


def out_of_memory(_: nn.Module, __: object) -> None:
    raise MemoryError


def endless(_: nn.Module, __: object, output: Tensor) -> Tensor:
    return output + (output - output.detach()).sqrt()  # at 0, where the slope of a root is infinite


@pytest.mark.parametrize(
    ("method", "hook", "reason"),
    [
        ("frozen", without_gradient, "tiny: the model has no gradient: "),
        ("ig", without_gradient, "tiny: the model has no gradient: "),
        ("gradient-x-input", endless, "tiny: the gradient holds numbers that are not finite (NaN or Inf)."),
    ],
)
def test_a_model_without_a_gradient_gives_the_reason(method: Method, hook: Any, reason: str) -> None:
    classifier, tokens = tiny.classifier(every_type.build("bert")), tiny.document(LENGTH)
    classifier.model.bert.embeddings.register_forward_hook(hook)
    for found in attribute(classifier, tokens, (0, 1), method=method, steps=2):
        assert found.scores is None
        assert found.reason.startswith(reason)
    assert classifier.model.get_input_embeddings()._forward_hooks == {}


def test_where_memory_runs_out_the_reason_says_so() -> None:
    classifier, tokens = tiny.classifier(every_type.build("bert")), tiny.document(LENGTH)
    classifier.model.bert.encoder.layer[1].register_forward_pre_hook(out_of_memory)
    (found,) = attribute(classifier, tokens, [0], method="frozen")
    assert found.scores is None
    assert found.reason.startswith("out of memory")


def test_attention_that_cannot_be_held_constant_gives_the_reason() -> None:
    """An implementation of attention that someone registered, with a softmax of its own."""

    def own(
        module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Any, **_: object
    ) -> tuple[Tensor, None]:
        weights = (query @ key.transpose(2, 3)).exp()
        return (weights / weights.sum(-1, keepdim=True) @ value).transpose(1, 2).contiguous(), None

    AttentionInterface.register("own", own)
    classifier, tokens = tiny.classifier(every_type.build("bert")), tiny.document(LENGTH)
    classifier.model.set_attn_implementation("own")
    (found,) = attribute(classifier, tokens, [0], method="frozen")
    assert found.scores is None
    assert found.reason == "tiny: attention can be held constant in 0 of 2 layers."
    assert attribute(classifier, tokens, [0], method="gradient-x-input")[0].reason is None


def test_a_baseline_that_is_no_token_gives_the_reason() -> None:
    classifier, tokens = tiny.classifier(every_type.build("bert")), tiny.document(LENGTH)
    (found,) = attribute(classifier, tokens, [0], method="ig", baseline="[NONE]")
    assert found.reason == "tiny: its tokenizer has no token [NONE]."
