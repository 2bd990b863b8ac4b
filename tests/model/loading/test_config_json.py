"""config_json: a field of config.json is read as it is meant where that is certain, and named where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reportgen.model.loading.config_json import LIBRARIES, label_names
from reportgen.model.reading import forward_pass
from tests import tiny

GONE = {"id2label": ..., "label2id": ...}


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tiny.dense("bert"), tmp_path_factory.mktemp("bert"))


@pytest.fixture
def model(bert: Path, tmp_path: Path) -> Path:
    """A tiny BERT on disk, to damage."""
    for path in bert.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


MEANT = [
    {"id2label": ["neg", "pos"]},
    {"id2label": {"1": "neg", "2": "pos"}, "label2id": {"neg": 1, "pos": 2}},
    {"id2label": {"2": "pos", "1": "neg"}},
    {"id2label": {"1": "pos", "0": "neg"}},
    {"id2label": {"LABEL_0": "neg", "LABEL_1": "pos"}},
    {"id2label": {"neg": 0, "pos": 1}, "label2id": ...},
    {"id2label": ..., "label2id": {"neg": 0, "pos": 1}},
    {"id2label": ..., "label2id": {"pos": 2, "neg": 1}},
    {"id2label": {}, "label2id": {"neg": "0", "pos": "1"}},
    {"id2label": {"0": "neg", "1": "pos"}, "label2id": {"a": 7}},
    *({"id2label": {"0": "neg", "1": "pos"}, "num_labels": number} for number in (1, 3, None, "two", 0)),
]


@pytest.mark.parametrize("fields", MEANT)
def test_labels_are_read_as_they_are_meant(model: Path, fields: dict[str, Any]) -> None:
    """In the order of the outputs of the head, whatever the form."""
    tiny.change(model, **fields)
    assert tiny.load(model).labels == ("neg", "pos")


UNCERTAIN = [
    {"0": "a", "2": "b"},
    {"2": "a", "3": "b"},
    {"-1": "a", "0": "b"},
    {"0": None, "1": "b"},
    {"0": {"name": "a"}, "1": "b"},
    {"a": "neg", "b": "pos"},
    {"a": 0, "b": 0},
    {"0.0": "a", "1.0": "b"},
    {"0": "a", "00": "b"},
    "neg,pos",
]


@pytest.mark.parametrize("said", UNCERTAIN)
def test_labels_whose_order_is_not_certain_are_refused(model: Path, said: Any) -> None:
    """The field is named, and the form that is understood."""
    error = tiny.refused(tiny.change(model, id2label=said, label2id=...))
    assert "config.json: id2label " in error.message
    assert '{"0": "first label"' in str(error.hint)


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=5, unique=True), st.randoms())
def test_the_order_of_the_entries_of_a_file_says_nothing(labels: list[str], random: Any) -> None:
    """Their numbers do, from 0 or from 1."""
    for first in (0, 1):
        entries = [(str(number), label) for number, label in enumerate(labels, start=first)]
        random.shuffle(entries)
        found = label_names("m", {"id2label": dict(entries)})
        assert (tuple(labels) if found is None else found) == tuple(labels)
        assert found is not None or first == 0


def test_labels_that_are_left_out_are_numbered_as_transformers_does(model: Path) -> None:
    """Two labels are the default; an empty map says nothing."""
    for fields in (GONE, *(GONE | {"num_labels": n} for n in ("2", 2.0, None)), {"id2label": {}, "label2id": {}}):
        assert tiny.load(tiny.change(model, **fields)).labels == ("LABEL_0", "LABEL_1")


HARMLESS = [
    {"return_dict": False},
    {"use_return_dict": False},
    {"output_attentions": True, "output_hidden_states": True},
    {"dtype": "float17"},
    {"torch_dtype": "torch.float16"},
    {"torch_dtype": "auto"},
    {"dtype": 16},
    {"torch_dtype": "load"},
    {"problem_type": ""},
    {"quantization_config": {}},
    {"quantization_config": None},
    {"architectures": "BertForSequenceClassification"},
    {"architectures": 5},
    {"_attn_implementation": "flash_attention_2"},
    {"attn_implementation": "kernels-community/flash-attn"},
    {"attn_implementation": "of tomorrow"},
    {"attn_implementation": {"text_config": "flash_attention_3"}},
    {"text_config": {"hidden_size": 3}},
]


@pytest.mark.parametrize("fields", HARMLESS)
def test_what_reportgen_decides_itself_changes_nothing(model: Path, fields: dict[str, Any]) -> None:
    """The form of the output, the number format: the prediction is that of the model without these fields."""
    document = [tiny.document(9)]
    expected = forward_pass.predict_logits(tiny.load(model), document)
    classifier = tiny.load(tiny.change(model, **fields))
    assert torch.equal(forward_pass.predict_logits(classifier, document), expected)
    assert classifier.model.dtype == torch.float32
    forward_pass.attend(classifier, document, lambda *_: None)


NAMED = [
    ({"problem_type": "classification"}, "problem_type"),
    ({"problem_type": ["regression"]}, "problem_type"),
    ({"hidden_size": "16"}, "hidden_size"),
    ({"num_hidden_layers": 2.0}, "num_hidden_layers"),
    ({"layer_norm_eps": None}, "layer_norm_eps"),
    ({"hidden_act": "nope"}, "hidden_act"),
    ({"num_attention_heads": 3}, "attention heads (3)"),
    ({"pruned_heads": {"0": [1]}}, "pruned_heads"),
    ({"quantization_config": "int8"}, "quantization_config"),
    ({"pad_token_id": 999}, "pad_token_id"),
    ({"vocab_size": 0}, "vocab_size"),
    ({"max_position_embeddings": -1}, "max_position_embeddings"),
    (GONE | {"num_labels": "two"}, 'num_labels is "two"'),
    (GONE | {"num_labels": 0}, "num_labels is 0"),
    (GONE | {"num_labels": 2.5}, "num_labels is 2.5"),
    (GONE | {"num_labels": True}, "num_labels is true"),
    ({"transformers_weights": "other.safetensors"}, "transformers_weights"),
    ({"model_type": ...}, "model_type"),
    ({"model_type": 7}, "model_type"),
    ({"model_type": "bret"}, 'model_type "bret" is unknown'),
]


@pytest.mark.parametrize(("fields", "name"), NAMED)
def test_a_field_that_cannot_be_read_is_named(model: Path, fields: dict[str, Any], name: str) -> None:
    """Exit code 4."""
    error = tiny.refused(tiny.change(model, **fields))
    assert "config.json" in error.message
    assert name in error.message


def test_a_field_inside_a_field_is_named_by_the_outer_one(tmp_path: Path) -> None:
    """Also where the library says no more than KeyError."""
    folder = tiny.save(tiny.dense("llama"), tmp_path)
    for value in ({"rope_type": "su", "factor": 2.0}, {"rope_type": "default", "rope_theta": "10000"}):
        assert "config.json: rope_parameters: " in tiny.refused(tiny.change(folder, rope_parameters=value)).message


ALIKE = [
    ({"0": "a", "1": "a"}, 'two labels are called "a"'),
    ({"0": "a", "1": " "}, "label 1 has no name"),
]


@pytest.mark.parametrize(("names", "fact"), ALIKE)
def test_labels_that_cannot_be_told_apart_need_other_names(model: Path, names: dict[str, str], fact: str) -> None:
    """The hint's option gives them."""
    error = tiny.refused(tiny.change(model, id2label=names))
    assert fact in error.message
    assert str(error.hint).endswith("--labels name1,name2")
    classifier = tiny.load(model, labels=("name1", "name2"))
    assert (classifier.labels, classifier.own_labels) == (("name1", "name2"), tuple(names.values()))


def test_a_model_type_that_is_nearly_known_is_suggested(model: Path) -> None:
    """And a newer transformers, which may know it."""
    hint = str(tiny.refused(tiny.change(model, model_type="longfromer")).hint)
    assert "did you mean longformer?" in hint
    assert "pip install --upgrade transformers" in hint


QUANTISED = [
    ({"quantization_config": {"quant_method": method, "bits": 4}}, method, "4 bits") for method in sorted(LIBRARIES)
] + [
    ({"quantization_config": {"load_in_8bit": True}}, "bitsandbytes", "8 bits"),
    ({"quantization_config": {"quant_method": "of tomorrow"}}, "of tomorrow", "quantised"),
    ({"quantization": {"bits": 4, "group_size": 64}}, "mlx", "4 bits"),
    ({"compression_config": {"quant_method": "compressed-tensors"}}, "compressed-tensors", "quantised"),
    ({"text_config": {"quantization_config": {"quant_method": "gptq", "bits": 2}}}, "gptq", "2 bits"),
]


@pytest.mark.parametrize(("fields", "method", "fact"), QUANTISED)
def test_quantised_weights_are_refused_with_their_method(
    model: Path, fields: dict[str, Any], method: str, fact: str
) -> None:
    """Whether its library is installed or not; the library is named."""
    error = tiny.refused(tiny.change(model, **fields))
    assert f"its weights are quantised ({method}" in error.message
    assert fact in error.message
    assert LIBRARIES.get(method, "") in str(error.hint)
