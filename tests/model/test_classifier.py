"""classifier: load a model and its tokenizer onto a device, or say why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from reportgen.core.errors import DeviceError, ModelError, UsageError
from reportgen.model import checkpoint
from reportgen.model.classifier import find_device, load
from reportgen.model.reading import forward_pass
from reportgen.model.tokenizing.tokens import encode
from tests import tiny

TEXT = "The heads of a long document classifier attend to these tokens."


def change(folder: Path, **values: Any) -> None:
    """Change entries of config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


# loading


def test_a_saved_model_predicts_as_it_did_in_memory(folder: Path) -> None:
    """Shape, windows, labels and length are the model's own; positions start behind RoBERTa's padding id."""
    classifier = tiny.load(folder)
    assert classifier.shape == (2, 2)
    assert classifier.windows == (8, 8)
    assert classifier.labels == ("left", "right")
    assert classifier.max_length == 128  # 130 positions, less padding id and what is below it
    assert classifier.device == torch.device("cpu")
    document = encode(classifier, TEXT)
    expected = forward_pass.predict_logits(tiny.classifier(tiny.longformer()), [document])
    torch.testing.assert_close(forward_pass.predict_logits(classifier, [document]), expected)


def test_the_longest_text_that_the_model_takes_can_be_read(folder: Path) -> None:
    """One token more would be an index error inside the model."""
    classifier = tiny.load(folder)
    document = encode(classifier, "the heads " * 200)
    assert len(document) == classifier.max_length
    assert forward_pass.predict_logits(classifier, [document]).shape == (1, 2)


def test_windows_labels_length_and_precision_can_be_chosen(folder: Path) -> None:
    """In place of the model's own."""
    classifier = tiny.load(folder, attention_window=4, labels=("L", "R"), max_length=10, dtype="bfloat16")
    assert (classifier.windows, classifier.labels, classifier.max_length) == ((4, 4), ("L", "R"), 10)
    assert classifier.model.dtype == torch.bfloat16
    assert forward_pass.predict_logits(classifier, [tiny.document(9)]).dtype == torch.float32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": 129}, "--max-length 129: the model takes 128 tokens at most"),
        ({"max_length": 2}, "--max-length 2: the minimum is 3"),
        ({"max_length": 0}, "--max-length 0: the minimum is 3"),
        ({"labels": ("a", "b", "c")}, "3 label names were given; the model has 2 labels"),
    ],
)
def test_options_that_do_not_fit_the_model_are_usage_errors(
    folder: Path, options: dict[str, Any], message: str
) -> None:
    """Exit code 2, with both numbers."""
    with pytest.raises(UsageError, match=message) as caught:
        tiny.load(folder, **options)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (7, "layer 1 has attention window 7"),
        ([8, 7], "layer 2 has attention window 7"),
        (0, "layer 1 has attention window 0"),
        (2, "attention window 2; it must be even and at least 4"),
        ([6, 4], "layer 2 has attention window 4, which does not divide 6"),
        ([8], "attention windows for 1 layers; the model has 2"),
        ("wide", "attention_window"),
    ],
)
def test_windows_that_cannot_be_are_refused(folder: Path, window: Any, message: str) -> None:
    """Odd, zero, too few, no number: exit code 4."""
    change(folder, attention_window=window)
    with pytest.raises(ModelError, match=message) as caught:
        tiny.load(folder)
    assert caught.value.exit_code == 4
    assert caught.value.hint
    if window != "wide":
        assert tiny.load(folder, attention_window=512).windows == (512, 512)  # as the hint says


def test_an_odd_window_on_the_command_line_is_refused(folder: Path) -> None:
    """The same check as for the model's own."""
    with pytest.raises(ModelError, match="attention window 5; it must be even"):
        tiny.load(folder, attention_window=5)


def test_windows_may_differ_by_layer(tmp_path: Path) -> None:
    """And come back from disk so."""
    tiny.save(tiny.longformer(windows=(4, 8)), tmp_path)
    assert tiny.load(tmp_path).windows == (4, 8)


def test_a_model_that_names_no_limit_takes_what_its_tokenizer_takes(tmp_path: Path) -> None:
    """XLNet says -1."""
    tiny.save(tiny.dense("xlnet"), tmp_path)
    classifier = tiny.load(tmp_path)
    assert classifier.max_length == 512
    assert len(encode(classifier, "the heads " * 900)) == 512


@pytest.mark.parametrize("kind", ["bart", "t5"])
def test_an_encoder_with_a_decoder_is_refused(kind: str, tmp_path: Path) -> None:
    """Exit code 4, and the true reason."""
    tiny.save(tiny.dense(kind), tmp_path)
    with pytest.raises(ModelError, match=f'"{kind}" is not supported: it is an encoder with a decoder') as caught:
        tiny.load(tmp_path)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    "tie", [{"classifier.out_proj.bias"}, {"classifier.dense.weight", "classifier.out_proj.weight"}]
)
def test_a_model_without_its_classifier_head_is_refused_by_name(folder: Path, tie: set[str]) -> None:
    """Missing weights would be drawn at random: exit code 4, missing keys named."""
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: w for name, w in weights.items() if name not in tie}, folder / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(ModelError, match=r"missing from the checkpoint.*would be random") as caught:
        tiny.load(folder)
    assert caught.value.exit_code == 4
    assert all(name in caught.value.message for name in tie)


def test_a_head_for_another_number_of_labels_is_refused(folder: Path) -> None:
    """A weight of another shape is as random as one that is missing."""
    change(folder, id2label={"0": "a", "1": "b", "2": "c"}, label2id={"a": 0, "b": 1, "c": 2})
    with pytest.raises(ModelError):
        tiny.load(folder)


def test_a_regression_is_no_classifier(tmp_path: Path) -> None:
    """One output has no class to explain."""
    tiny.save(tiny.dense("bert"), tmp_path)
    change(tmp_path, id2label={"0": "score"}, label2id={"score": 0})
    weights = load_file(tmp_path / "model.safetensors")
    weights |= {name: weights[name][:1].clone() for name in ("classifier.weight", "classifier.bias")}
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="regression"):
        tiny.load(tmp_path)


def test_a_folder_without_tokenizer_is_refused(folder: Path) -> None:
    """One would be made up that knows its special tokens only, and every text would read as nothing."""
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="no tokenizer"):
        tiny.load(folder)
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(ModelError, match="no tokenizer: no vocabulary") as caught:
        tiny.load(folder)
    assert caught.value.exit_code == 4


def test_the_tokenizer_may_come_from_another_folder(folder: Path, tmp_path: Path) -> None:
    """`--tokenizer` names it."""
    tiny.tokenizer().save_pretrained(tmp_path / "tokenizer")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    classifier = load(checkpoint.find(str(folder), tokenizer=str(tmp_path / "tokenizer")), device="cpu")
    assert len(encode(classifier, TEXT)) > 10


@pytest.mark.parametrize("damage", ["truncate", "empty", "remove"])
def test_damaged_weights_are_a_model_error(folder: Path, damage: str) -> None:
    """Exit code 4, not a traceback."""
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.unlink()
    if damage != "remove":
        path.write_bytes(content[: len(content) // 2] if damage == "truncate" else b"")
    with pytest.raises(ModelError) as caught:
        tiny.load(folder)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("model_type", ["nonsense", "mamba"])
def test_a_model_type_without_a_classifier_is_refused(folder: Path, model_type: str) -> None:
    """Unknown to transformers, or not a sequence classifier."""
    change(folder, model_type=model_type)
    with pytest.raises(ModelError, match="(?i)" + model_type):
        tiny.load(folder)


# devices


def test_a_gpu_that_is_not_there_is_a_device_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 6 with a hint, for any of them; `auto` takes the processor."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for wanted in ("cuda", "cuda:3"):
        with pytest.raises(DeviceError, match=f"device {wanted}: no usable GPU") as caught:
            find_device(wanted)
        assert caught.value.exit_code == 6
        assert "--device cpu" in str(caught.value.hint)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert find_device("auto") == torch.device("cpu")


@pytest.mark.parametrize("error", [RuntimeError("driver too old"), AssertionError("not compiled with CUDA")])
def test_a_gpu_that_fails_at_its_first_use_is_a_device_error(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """It says it is there and is not: `cuda` fails with exit code 6, `auto` takes the processor."""
    empty = torch.empty

    def fail(*size: int, device: torch.device) -> torch.Tensor:
        if device.type == "cuda":
            raise error
        return empty(*size, device=device)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "empty", fail)
    with pytest.raises(DeviceError, match=str(error)):
        find_device("cuda")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert find_device("auto") == torch.device("cpu")


def test_a_device_that_does_not_exist_is_a_device_error() -> None:
    """Torch's own list of kinds is in the message."""
    with pytest.raises(DeviceError, match="device gpu: "):
        find_device("gpu")
    assert find_device("cpu") == torch.device("cpu")


def test_a_machine_without_an_apple_gpu_says_so_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of torch itself is forty lines of backends."""
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"^device mps: this machine has none"):
        find_device("mps")
