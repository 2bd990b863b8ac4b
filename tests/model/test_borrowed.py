"""A model that somebody has loaded, trains and watches is the same after it was explained, bit for bit."""

from __future__ import annotations

import copy
import random
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM, BigBirdConfig, BigBirdForSequenceClassification

import reportgen
from reportgen.core.errors import ModelError, ReportgenError, UsageError
from reportgen.model import borrowed
from tests import tiny

TEXT = "the cat sat on the mat. attention heads look far."
KINDS = ("longformer", "bert", "gpt2", "modernbert", "deberta-v2")


def model(kind: str) -> Any:
    """A model in training mode, one part of it not, with dropout, gradients, and hooks of its user."""
    made: Any = tiny.longformer(dropout=0.3) if kind == "longformer" else tiny.dense(kind)
    made.train()
    next(made.children()).get_input_embeddings().eval()
    for number, weight in enumerate(made.parameters()):
        weight.grad = torch.full_like(weight, number)
        weight.requires_grad_(number % 3 != 0)
    return made


def state(made: Any) -> dict[str, Any]:
    """Everything that a user could see of it."""
    return {
        "weights": {name: value.clone() for name, value in made.state_dict().items()},
        "buffers": {name: (id(value), value.clone()) for name, value in made.named_buffers()},
        "gradients": {
            name: (id(w.grad), None if w.grad is None else w.grad.clone(), w.requires_grad)
            for name, w in made.named_parameters()
        },
        "modes": {name: (id(module), module.training) for name, module in made.named_modules()},
        "hooks": {name: dict(module._forward_hooks) for name, module in made.named_modules()},
        "attention": made.config._attn_implementation,
        "config": made.config.to_dict(),
        "random": (torch.get_rng_state(), random.getstate(), np.random.get_state()),
    }


def copied(value: torch.Tensor | None) -> torch.Tensor | None:
    return None if value is None else value.clone()


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return bool((one == other).all())
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def answer(made: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """What the next step of training gives: logits with dropout, and a gradient."""
    torch.manual_seed(3)
    inputs = {"input_ids": torch.tensor([[5, 6, 7, 8, 9, 10]]), "attention_mask": torch.ones(1, 6, dtype=torch.long)}
    logits = made(**inputs).logits
    weight = next(weight for weight in made.parameters() if weight.requires_grad)
    (gradient,) = torch.autograd.grad(logits.sum(), weight, allow_unused=True)
    return logits.detach(), torch.zeros(1) if gradient is None else gradient


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_in_training_with_gradients_and_hooks_is_the_same_afterwards(kind: str) -> None:
    made = model(kind)
    seen: list[str] = []
    handles = [
        made.register_forward_hook(lambda *_: seen.append("forward")),
        made.register_forward_pre_hook(lambda *_: None),
        made.get_input_embeddings().register_forward_hook(lambda _, __, output: output * 1.5),
    ]
    before, said = state(made), answer(made)
    torch.manual_seed(11)
    before["random"] = state(made)["random"]
    explained = reportgen.explain(made, tiny.tokenizer(), TEXT, faithfulness="quick", attribution="gradient-x-input")
    assert seen  # the hooks of the user are part of the model that is explained
    assert same(state(made), before)
    assert same(answer(made), said)
    assert explained.report.prediction is not None
    for handle in handles:
        handle.remove()


def test_what_a_hook_of_the_user_changes_is_explained() -> None:
    made, words = tiny.longformer(), tiny.tokenizer()
    plain = reportgen.explain(made, words, TEXT).report.prediction
    handle = made.register_forward_hook(lambda _, __, output: type(output)(logits=-output.logits))
    turned = reportgen.explain(made, words, TEXT).report.prediction
    handle.remove()
    assert plain is not None
    assert turned is not None
    assert turned.logits == tuple(-logit for logit in plain.logits)


def test_modules_that_an_analysis_replaces_come_back() -> None:
    """BigBird builds other attention modules for a short text."""
    settings = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = BigBirdConfig(vocab_size=300, attention_type="block_sparse", **settings)
    made = BigBirdForSequenceClassification(config).train()
    handle = made.bert.encoder.layer[0].attention.self.register_forward_hook(lambda *_: None)
    before = state(made)
    reportgen.explain(made, tiny.tokenizer(), TEXT)
    assert same(state(made), before)
    handle.remove()


def test_a_failed_analysis_leaves_the_model_as_it_was() -> None:
    made = model("bert")

    def fail(*_: object) -> None:
        raise RuntimeError("a hook that fails")

    handle = made.bert.encoder.layer[1].register_forward_hook(fail)
    before = state(made)
    with pytest.raises(ReportgenError, match="a hook that fails"):
        reportgen.explain(made, tiny.tokenizer(), TEXT)
    assert same(state(made), before)
    handle.remove()


def test_the_tokenizer_is_not_changed() -> None:
    words = copy.deepcopy(tiny.tokenizer())  # which all tests share
    words.truncation_side = "left"
    words.backend_tokenizer.enable_truncation(7)
    before = words.backend_tokenizer.to_str()
    assert len(reportgen.explain(tiny.longformer(), words, TEXT).report.tokens) > 7
    assert words.backend_tokenizer.to_str() == before
    assert words.truncation_side == "left"


def test_a_model_can_be_trained_with_what_a_pass_has_left_in_it() -> None:
    """A module that keeps a tensor of the pass: one of inference mode could not be saved for backward."""
    made = tiny.longformer()
    kept: list[torch.Tensor] = []
    made.longformer.embeddings.register_forward_hook(lambda _, __, output: kept.append(output))
    reportgen.explain(made, tiny.tokenizer(), TEXT)
    (kept[-1] * next(made.parameters()).sum()).sum().backward()


def test_wrappers_are_looked_into() -> None:
    from peft import LoraConfig, TaskType, get_peft_model

    made = tiny.dense("bert")
    assert borrowed.bare(torch.nn.DataParallel(made)) is made
    assert borrowed.bare(torch.compile(made)) is made
    lora = get_peft_model(copy.deepcopy(made), LoraConfig(task_type=TaskType.SEQ_CLS, target_modules=["query"]))
    for name, weight in lora.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=3.0)
    words = tiny.tokenizer()
    adapted = reportgen.explain(lora, words, TEXT).report.prediction
    with lora.disable_adapter():
        bare = reportgen.explain(lora, words, TEXT).report.prediction
    assert adapted is not None
    assert bare is not None
    assert adapted.logits != bare.logits


def test_an_adapter_that_mixes_the_texts_of_a_batch_is_refused() -> None:
    """The test of the heatmap reads texts together, and would get other answers than for each alone."""
    import peft

    if not hasattr(peft, "LilyConfig"):
        pytest.skip("this version of PEFT has no Lily")
    lily = peft.LilyConfig(task_type="SEQ_CLS", target_modules=["query", "value"], r=2, num_B=2)
    with pytest.raises(ModelError, match=r"its adapter \(LILY\) weighs its parts by all texts that are read together"):
        borrowed.bare(peft.get_peft_model(tiny.dense("bert"), lily))


def test_what_is_no_classifier_is_refused() -> None:
    with pytest.raises(UsageError, match="Linear is no model of the transformers library"):
        borrowed.bare(torch.nn.Linear(2, 2))
    masked = AutoModelForMaskedLM.from_config(tiny.dense("bert").config)
    with pytest.raises(ModelError, match="BertForMaskedLM: not a sequence classifier"):
        borrowed.bare(masked)
    with pytest.raises(ModelError, match="float64"):
        borrowed.dtype(tiny.dense("bert").double())
    with pytest.raises(UsageError, match="str is no tokenizer"):
        borrowed.classifier(tiny.dense("bert"), "bert-base-uncased")


def test_weights_that_are_elsewhere_are_refused() -> None:
    with pytest.raises(ModelError, match=r"word_embeddings\.weight is on the device meta"):
        borrowed.bare(tiny.dense("bert").to("meta"))


@pytest.mark.parametrize(("outputs", "said"), [(5, "5 numbers"), (1, "1 number for")])
def test_a_head_that_was_exchanged_needs_its_labels(outputs: int, said: str) -> None:
    made = tiny.dense("bert")
    made.classifier = torch.nn.Linear(16, outputs)
    with pytest.raises(ModelError, match=rf"its head gives {said}.* names 2 labels \(left, right\)"):
        reportgen.explain(made, tiny.tokenizer(), TEXT)


@pytest.mark.parametrize("names", [None, ["a", "b"], {"0": "a", "1": "b"}, {1: "a", 2: "b"}])
def test_labels_without_their_numbers_are_refused(names: Any) -> None:
    made = tiny.dense("bert")
    made.config.id2label = names
    with pytest.raises(ModelError, match="does not name the labels 0, 1"):
        reportgen.explain(made, tiny.tokenizer(), TEXT)


def test_a_model_from_inference_mode_has_a_report_and_no_attribution() -> None:
    with torch.inference_mode():
        made = tiny.dense("bert")
    there = reportgen.explain(made, tiny.tokenizer(), TEXT, attribution="frozen").report
    assert there.prediction == reportgen.explain(tiny.dense("bert"), tiny.tokenizer(), TEXT).report.prediction
    assert {one.reason for one in there.attributions} == {
        "the model was loaded inside torch.inference_mode(), so it has no gradients."
    }


def test_autocast_around_a_call_changes_nothing() -> None:
    made, words = tiny.dense("bert"), tiny.tokenizer()
    plain = reportgen.explain(made, words, TEXT).report
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = reportgen.explain(made, words, TEXT).report
    assert cast.prediction == plain.prediction
    assert np.array_equal(cast.attention.received, plain.attention.received)


def test_a_model_that_fails_is_answered_in_words_of_python() -> None:
    made = tiny.dense("bert")
    made.classifier.half()
    with pytest.raises(ModelError, match="fails in its layer classifier") as raised:
        reportgen.explain(made, tiny.tokenizer(), TEXT)
    assert raised.value.hint == "convert it: model.float()"

    def fail(*_: object) -> None:
        raise ValueError("mine")

    made = tiny.dense("bert")
    made.register_forward_hook(fail)
    with pytest.raises(ModelError, match="mine") as raised:
        reportgen.explain(made, tiny.tokenizer(), TEXT)
    assert raised.value.hint is not None
    assert raised.value.hint.endswith("model(**tokenizer(text, return_tensors='pt'))")


@pytest.mark.slow
def test_a_hundred_calls_do_not_grow() -> None:
    import gc
    import tracemalloc

    made, words = model("longformer"), tiny.tokenizer()

    def held() -> tuple[int, int]:
        gc.collect()
        tensors = [one for one in gc.get_objects() if issubclass(type(one), torch.Tensor)]
        return len(tensors), tracemalloc.get_traced_memory()[0]

    for _ in range(3):
        reportgen.explain(made, words, TEXT, attribution="frozen")
    tracemalloc.start()
    try:
        reportgen.explain(made, words, TEXT, attribution="frozen")
        tensors, memory = held()
        for _ in range(100):
            reportgen.explain(made, words, TEXT, attribution="frozen")
        tensors_after, memory_after = held()
    finally:
        tracemalloc.stop()
    assert tensors_after == tensors
    assert memory_after - memory < 200_000  # bytes after a hundred calls: less than 2 kB each
