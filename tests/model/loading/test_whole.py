"""whole, differences, leftovers, task: a checkpoint is the model that its config.json says, or is refused."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers.models.auto import modeling_auto

from reportgen.core.errors import ModelError
from reportgen.model.loading.leftovers import HARMLESS
from reportgen.model.loading.task import refuse_another
from reportgen.model.reading import forward_pass
from tests import tiny

KINDS = ("bert", "roberta", "longformer", "modernbert", "gpt2", "distilbert", "albert")
QUERY = "bert.encoder.layer.0.attention.self.query"
MANUAL = Path(__file__).parents[3] / "docs/models.md"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One tiny model of each kind on disk."""
    made = {kind: tiny.longformer() if kind == "longformer" else tiny.dense(kind) for kind in KINDS}
    return {kind: tiny.save(model, tmp_path_factory.mktemp(kind)) for kind, model in made.items()}


@pytest.fixture
def model(saved: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A model of a kind on disk, to damage."""

    def copy(kind: str = "bert") -> Path:
        return Path(shutil.copytree(saved[kind], tmp_path / f"{kind}{len(list(tmp_path.iterdir()))}"))

    return copy


def logits(folder: Path | str) -> Tensor:
    return forward_pass.predict_logits(tiny.load(Path(folder)), [tiny.document(9)])


def renamed(change: Callable[[str], str]) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda weights: {change(name): tensor for name, tensor in weights.items()}


def added(*names: str, shape: tuple[int, ...] = (2, 16)) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda weights: weights | {name: torch.ones(shape) for name in names}


def without(*names: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda weights: {name: t for name, t in weights.items() if not any(part in name for part in names)}


# names with something too many in them

PREFIXES = [
    ("bert", lambda name: f"module.{name}", "module."),
    ("longformer", lambda name: f"_orig_mod.{name}", "_orig_mod."),
    ("roberta", lambda name: f"model.{name}", "model."),
    ("modernbert", lambda name: f"module._orig_mod.{name}", "module._orig_mod."),
    ("bert", lambda name: name.replace("layer.", "layer._orig_mod."), "_orig_mod."),
    ("distilbert", lambda name: name.replace("distilbert.", "encoder."), "encoder."),
    ("gpt2", lambda name: f"_forward_module.module.{name}", "_forward_module.module."),
]


@pytest.mark.parametrize(("kind", "rename", "word"), PREFIXES)
def test_a_prefix_is_named_and_the_command_of_the_hint_removes_it(
    model: Any, tmp_path: Path, kind: str, rename: Callable[[str], str], word: str
) -> None:
    """DataParallel, torch.compile, Lightning and their like; afterwards the model says what it said before."""
    folder = model(kind)
    expected = logits(folder)
    error = tiny.refused(tiny.change_weights(folder, renamed(rename)))
    assert f'have "{word}" in their names' in error.message
    code, _, options = str(error.hint).partition("python ")[2].partition(", then --model ")
    tiny.obey(code, tmp_path)
    new, flag, tokenizer = options.split()
    assert (flag, tokenizer) == ("--tokenizer", str(folder))
    tiny.tokenizer().save_pretrained(tmp_path / new)
    torch.testing.assert_close(logits(tmp_path / new), expected)


def test_weights_of_another_model_type_are_named(model: Any) -> None:
    """The prefix is that type."""
    error = tiny.refused(tiny.change(model("bert"), model_type="roberta"))
    assert 'weights are those of model type "bert"' in error.message
    assert 'set "model_type": "bert"' in str(error.hint)


# more than the model takes

MORE = [
    ((f"{QUERY}.lora_A.default.weight", f"{QUERY}.lora_B.default.weight"), "a PEFT adapter that is not merged"),
    (("classifier.modules_to_save.default.weight",), "a PEFT adapter that is not merged"),
    ((f"{QUERY}.base_layer.weight",), "a PEFT adapter that is not merged"),
    ((f"{QUERY}.ia3_l",), "a PEFT adapter that is not merged"),
    (("bert.encoder.layer.0.output.adapters.sst.down.weight",), "adapters that are not merged"),
    ((f"{QUERY}.SCB",), "scales of quantised weights"),
    ((f"{QUERY}.weight_scale",), "scales of quantised weights"),
    ((f"{QUERY}.qweight", f"{QUERY}.qzeros", f"{QUERY}.g_idx"), "scales of quantised weights"),
    ((f"{QUERY}.weight.absmax",), "scales of quantised weights"),
    (("qa_outputs.weight",), "the head of another task (question answering)"),
    (("optimizer.state.0",), "the state of a training run"),
    (("classifier2.weight",), "1 weight that BertForSequenceClassification does not take (classifier2.weight)"),
    (("regressor.a", "regressor.b"), "2 weights that BertForSequenceClassification does not take (regressor.a"),
    (("bert.pooler.dense2.weight",), "does not take (bert.pooler.dense2.weight)"),
    (("bert.pooler.lm_head.weight",), "does not take"),
    (("logit_scale",), "does not take (logit_scale)"),
]


@pytest.mark.parametrize(("names", "fact"), MORE)
def test_weights_that_the_model_does_not_take_are_refused(model: Any, names: tuple[str, ...], fact: str) -> None:
    """What they are a sign of, if that is known; else their names."""
    error = tiny.refused(tiny.change_weights(model(), added(*names)))
    assert fact in error.message
    assert names[0] in error.message


def test_the_command_of_the_hint_writes_a_model_without_them(model: Any, tmp_path: Path) -> None:
    """A second head, which the user may know to be of no use."""
    folder = model()
    expected = logits(folder)
    error = tiny.refused(tiny.change_weights(folder, added("classifier2.weight")))
    code, _, options = str(error.hint).partition("python ")[2].partition(", then --model ")
    subprocess.run([sys.executable, *shlex.split(code)], check=True, cwd=tmp_path)
    tiny.tokenizer().save_pretrained(tmp_path / options.split()[0])
    torch.testing.assert_close(logits(tmp_path / options.split()[0]), expected)


def test_a_second_set_of_the_same_weights_is_refused(model: Any) -> None:
    """Transformers takes a name with and without the prefix of its base model; the one that came last would win."""
    layer = "bert.encoder.layer.0"
    both = tiny.change_weights(
        model(), lambda all_: all_ | {n.removeprefix("bert."): t + 1 for n, t in all_.items() if n.startswith(layer)}
    )
    assert '16 weights twice, with and without "bert."' in tiny.refused(both).message


def test_two_shards_that_hold_the_same_weight_are_refused(model: Any) -> None:
    """Which of them is meant is not certain."""
    folder = model()
    shutil.move(folder / "model.safetensors", folder / "a.safetensors")
    shutil.copy(folder / "a.safetensors", folder / "b.safetensors")
    index = {"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "b.safetensors and another shard both hold" in tiny.refused(folder).message


@pytest.mark.parametrize("metadata", [{}, {"metadata": None}, {"metadata": {"total_size": 1}}])
def test_an_index_without_metadata_is_an_index(model: Any, metadata: dict[str, Any]) -> None:
    """The size of all weights is not needed."""
    folder = model()
    expected, weights = logits(folder), load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, part in parts.items():
        save_file({name: weights[name] for name in part}, folder / file)
    where = {name: file for file, part in parts.items() for name in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where, **metadata}))
    torch.testing.assert_close(logits(folder), expected)


def test_whole_numbers_in_the_place_of_weights_are_refused(model: Any) -> None:
    """Quantised, and the scales are not even there."""
    whole = torch.ones(16, 16, dtype=torch.int8)
    folder = tiny.change_weights(model(), lambda weights: weights | {f"{QUERY}.weight": whole})
    assert f"{QUERY}.weight holds whole numbers" in tiny.refused(folder).message


# leftovers that change nothing

LEFT = [
    ("roberta", ("roberta.pooler.dense.weight", "roberta.pooler.dense.bias")),
    ("longformer", ("longformer.pooler.dense.weight", "lm_head.dense.weight", "lm_head.bias")),
    ("bert", ("bert.embeddings.position_ids", "cls.predictions.bias", "cls.seq_relationship.weight")),
    ("distilbert", ("vocab_transform.weight", "vocab_layer_norm.bias", "vocab_projector.bias")),
    ("albert", ("predictions.dense.weight", "sop_classifier.classifier.weight")),
    ("modernbert", ("decoder.bias", "loss_fct.weight")),
    ("gpt2", ("h.0.attn.bias", "transformer.h.1.attn.masked_bias", "lm_head.weight")),
]


@pytest.mark.parametrize(("kind", "names"), LEFT)
def test_leftovers_of_the_pretraining_change_nothing(model: Any, kind: str, names: tuple[str, ...]) -> None:
    """As many checkpoints of the hub have them."""
    folder = model(kind)
    expected = logits(folder)
    torch.testing.assert_close(logits(tiny.change_weights(folder, added(*names))), expected)


def test_the_manual_shows_the_table_of_leftovers() -> None:
    """Each row with its words."""
    manual = MANUAL.read_text(encoding="utf-8")
    assert [f"| {shown} | {why} |" in manual for _, shown, why in HARMLESS] == [True] * len(HARMLESS)


# less than the model needs

LESS = [
    ("bert", ("classifier.",), "the head of the classifier: 2 weights missing"),
    ("gpt2", ("score.",), "the head of the classifier: 1 weight missing"),
    ("bert", ("attention.self.query",), "4 weights missing from the checkpoint"),
]


@pytest.mark.parametrize(("kind", "parts", "fact"), LESS)
def test_weights_that_are_missing_are_named(model: Any, kind: str, parts: tuple[str, ...], fact: str) -> None:
    """Transformers would draw them at random."""
    error = tiny.refused(tiny.change_weights(model(kind), without(*parts)))
    assert fact in error.message
    assert "would be random" in error.message


@pytest.mark.parametrize(
    ("file", "fact"), [("model_head.pkl", "a model of SetFit"), ("modules.json", "a model of sentence-transformers")]
)
def test_a_model_that_gives_embeddings_is_called_so(model: Any, file: str, fact: str) -> None:
    """Its head, if it has one, is none of transformers; a head beside such a file counts."""
    whole = model()
    (whole / file).write_text("[]")
    assert tiny.load(whole).labels == tiny.LABELS
    error = tiny.refused(tiny.change_weights(whole, without("classifier.")))
    assert f"the head of the classifier: classifier.bias, classifier.weight missing; it is {fact}" in error.message


def test_a_head_under_another_name_is_shown(model: Any) -> None:
    """A class of somebody's own wrote it."""
    error = tiny.refused(tiny.change_weights(model(), renamed(lambda name: name.replace("classifier.", "fc."))))
    assert "(classifier.bias, classifier.weight)" in error.message
    assert "it holds fc.bias, fc.weight instead" in error.message


LAYERS = [
    ("bert", {"num_hidden_layers": 1}, "holds 2 layers, and config.json says 1 (num_hidden_layers)"),
    ("bert", {"num_hidden_layers": 5}, "holds 2 layers, and config.json says 5 (num_hidden_layers)"),
    ("longformer", {"num_hidden_layers": 1, "attention_window": [8]}, "holds 2 layers, and config.json says 1"),
    ("gpt2", {"n_layer": 1}, "holds 2 layers, and config.json says 1 (n_layer)"),
    ("distilbert", {"n_layers": 3}, "holds 2 layers, and config.json says 3 (n_layers)"),
    ("albert", {"num_hidden_groups": 2}, "holds 1 group, and config.json says 2 (num_hidden_groups)"),
]


@pytest.mark.parametrize(("kind", "fields", "fact"), LAYERS)
def test_another_number_of_layers_is_named_with_its_field(
    model: Any, kind: str, fields: dict[str, Any], fact: str
) -> None:
    """In either direction; the hint gives the number that fits."""
    folder = model(kind)
    before = json.loads((folder / "config.json").read_text())
    error = tiny.refused(tiny.change(folder, **fields))
    assert fact in error.message
    field = re.search(r"\((\w+)\)", fact)
    name = field[1] if field else "num_hidden_layers"
    assert f'"{name}": {before[name]}' in str(error.hint)


# other sizes

SIZES = [
    ("roberta", {"vocab_size": 400}, "(300, 16) in the checkpoint and (400, 16)", 'set "vocab_size": 300'),
    ("roberta", {"max_position_embeddings": 514}, "(64, 16) in", 'set "max_position_embeddings": 64'),
    ("bert", {"intermediate_size": 20}, "(and 5 more)", 'set "intermediate_size": 16'),
    ("bert", {"type_vocab_size": 1}, "token_type_embeddings", 'set "type_vocab_size": 2'),
    ("bert", {"hidden_size": 32, "vocab_size": 400}, "has the shape", "of different models"),
    ("gpt2", {"n_positions": 70}, "wpe.weight", 'set "n_positions": 64'),
]


@pytest.mark.parametrize(("kind", "fields", "fact", "hint"), SIZES)
def test_other_sizes_are_named_with_both_shapes_and_the_field(
    model: Any, kind: str, fields: dict[str, Any], fact: str, hint: str
) -> None:
    """Where one number explains them all."""
    error = tiny.refused(tiny.change(model(kind), **fields))
    assert fact in error.message
    assert hint in str(error.hint)


@pytest.mark.parametrize("kind", ["bert", "roberta", "longformer", "distilbert", "modernbert", "gpt2"])
def test_more_names_than_the_head_has_outputs_are_named(model: Any, kind: str) -> None:
    """The most frequent slip of all; both numbers and both shapes."""
    error = tiny.refused(tiny.change(model(kind), id2label={"0": "a", "1": "b", "2": "c"}))
    assert "its head gives 2 labels, and config.json names 3 (a, b, c)" in error.message
    assert re.search(r"\(2,.*\) in the checkpoint and \(3,", error.message)
    assert "name 2 labels in id2label" in str(error.hint)


# another task

OTHERS = [
    ("BertForTokenClassification", "token classification"),
    ("ModernBertForTokenClassification", "token classification"),
    ("BertForMaskedLM", "masked language modelling"),
    ("RobertaForQuestionAnswering", "question answering"),
    ("TFBertForMultipleChoice", "multiple choice"),
    ("GPT2LMHeadModel", "text generation"),
    ("LlamaForCausalLM", "text generation"),
    ("BertForNextSentencePrediction", "next sentence prediction"),
    ("ViTForImageClassification", "classification of images"),
    ("BrosSpadeEEForTokenClassification", "token classification"),
]


@pytest.mark.parametrize(("name", "task"), OTHERS)
def test_a_model_for_another_task_is_refused(model: Any, name: str, task: str) -> None:
    """Even where the names of the head fit: labels of tokens are no labels of texts."""
    error = tiny.refused(tiny.change(model("modernbert"), architectures=[name]))
    assert f"is a model for {task}" in error.message
    assert f"config.json names {name}" in error.message
    assert re.search(r'set "architectures": \["\w+ForSequenceClassification"\]', str(error.hint))


def test_the_hint_on_another_task_makes_it_readable(model: Any) -> None:
    """If the user knows better."""
    folder = tiny.change(model("modernbert"), architectures=["ModernBertForTokenClassification"])
    found = re.search(r'"architectures": (\["\w+"\])', str(tiny.refused(folder).hint))
    assert found
    assert tiny.load(tiny.change(folder, architectures=json.loads(found[1]))).labels == tiny.LABELS


@pytest.mark.parametrize(
    "classes",
    [["BertModel"], ["MyOwnClassifier"], ["BertForSomethingOfMine"], [], None, ["TFBertForSequenceClassification"],
     ["BertForTokenClassification", "BertForSequenceClassification"], ["BertForMultiLabelSequenceClassification"]],
)  # fmt: skip
def test_of_other_classes_the_weights_decide(model: Any, classes: list[str] | None) -> None:
    """A base model, a class of somebody's own: all weights are there, and none is left."""
    assert tiny.load(tiny.change(model(), architectures=classes)).labels == tiny.LABELS


def of_transformers(task: str) -> set[str]:
    """The classes of transformers for a task, by its own table."""
    entries = getattr(modeling_auto, f"MODEL_FOR_{task}_MAPPING_NAMES").values()
    return {name for entry in entries for name in ((entry,) if isinstance(entry, str) else entry)}


TEXT = ("TOKEN_CLASSIFICATION", "MASKED_LM", "QUESTION_ANSWERING", "MULTIPLE_CHOICE", "NEXT_SENTENCE_PREDICTION",
        "CAUSAL_LM", "PRETRAINING", "IMAGE_CLASSIFICATION")  # fmt: skip


@pytest.mark.parametrize("task", TEXT)
def test_every_class_of_transformers_for_another_task_is_known(task: str) -> None:
    """But base models, which it pretrains without a head."""
    ours = of_transformers("SEQUENCE_CLASSIFICATION")
    names = {name for name in of_transformers(task) - ours if not name.endswith("Model") or "LMHead" in name}
    assert len(names) > 3
    for name in names:
        with pytest.raises(ModelError, match="is a model for"):
            refuse_another("m", [name])


def test_no_class_for_sequence_classification_is_taken_for_another() -> None:
    """All 126 of them."""
    for name in of_transformers("SEQUENCE_CLASSIFICATION"):
        refuse_another("m", [name])
