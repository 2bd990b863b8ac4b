"""tensors: weight files become tensors by name, and nothing in them is run."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from reportgen.core.errors import ModelError, RefusedError
from reportgen.model.reading import forward_pass
from tests import tiny


def test_pytorch_weights_are_read_without_unpickling(folder: Path) -> None:
    """A folder with only `pytorch_model.bin`, as the notebook's own models, predicts as with safetensors."""
    expected = forward_pass.predict_logits(tiny.load(folder), [tiny.document(9)])
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    torch.testing.assert_close(forward_pass.predict_logits(tiny.load(folder), [tiny.document(9)]), expected)
    with pytest.raises(RefusedError, match="no safetensors weights") as caught:
        tiny.load(folder, require_safetensors=True)
    assert caught.value.exit_code == 9


def test_pytorch_weights_that_would_run_code_are_refused(folder: Path, canary: Path) -> None:
    """Exit code 9; the payload is not run."""
    (folder / "model.safetensors").unlink()
    torch.save({"classifier.out_proj.bias": Payload(canary)}, folder / "pytorch_model.bin")
    with pytest.raises(RefusedError, match="reading them would run code") as caught:
        tiny.load(folder)
    assert caught.value.exit_code == 9


class Payload:
    """Unpickling it creates the file *canary*."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.canary,)


def test_the_payload_would_run_if_it_were_unpickled(tmp_path: Path) -> None:
    """The negative control of the test above."""
    torch.save(Payload(tmp_path / "run"), tmp_path / "x.pt")
    torch.load(tmp_path / "x.pt", weights_only=False)
    assert (tmp_path / "run").exists()


def pytorch(folder: Path, content: object, **options: Any) -> bytes:
    """Put *content* into pytorch_model.bin in place of the weights; its bytes."""
    (folder / "model.safetensors").unlink(missing_ok=True)
    torch.save(content, folder / "pytorch_model.bin", **options)
    return (folder / "pytorch_model.bin").read_bytes()


def test_a_plain_pickle_is_refused_like_an_archive(folder: Path, canary: Path) -> None:
    """The format before PyTorch 1.6 has no archive around it."""
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"a": Payload(canary)}, 2))
    with pytest.raises(RefusedError, match="reading them would run code"):
        tiny.load(folder)


def test_the_old_format_of_pytorch_is_read(folder: Path) -> None:
    """Without an archive."""
    expected = forward_pass.predict_logits(tiny.load(folder), [tiny.document(9)])
    pytorch(folder, load_file(folder / "model.safetensors"), _use_new_zipfile_serialization=False)
    torch.testing.assert_close(forward_pass.predict_logits(tiny.load(folder), [tiny.document(9)]), expected)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
@pytest.mark.parametrize("archive", [True, False])
def test_a_file_that_is_cut_off_is_damaged_not_dangerous(folder: Path, archive: bool, share: float) -> None:
    """Exit code 4 with what to do, for both formats of PyTorch."""
    content = pytorch(folder, load_file(folder / "model.safetensors"), _use_new_zipfile_serialization=archive)
    (folder / "pytorch_model.bin").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelError, match=r"pytorch_model\.bin is (cut off|damaged)") as caught:
        tiny.load(folder)
    assert caught.value.exit_code == 4
    assert "again" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds a list, not weights by name"),
        (torch.ones(2), "holds a Tensor, not weights by name"),
        ({"epoch": 3}, "holds something else than tensors .epoch."),
        ({"epoch": 3, "step": "a", "lr": 0.1, "best": 1}, "holds something else than tensors .epoch, step, lr."),
    ],
)
def test_what_is_not_weights_by_name_is_refused(folder: Path, content: object, message: str) -> None:
    """Whatever torch.save wrote."""
    pytorch(folder, content)
    with pytest.raises(ModelError, match=rf"pytorch_model\.bin {message}"):
        tiny.load(folder)


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_the_checkpoint_of_a_training_run_names_where_its_weights_are(folder: Path, key: str) -> None:
    """The command in the hint keeps the weights alone, and the model is read then."""
    expected = forward_pass.predict_logits(tiny.load(folder), [tiny.document(9)])
    weights = load_file(folder / "model.safetensors")
    pytorch(folder, {"epoch": 3, key: weights, "optimizer": {"lr": 0.1}})
    with pytest.raises(ModelError, match=f'a training run, with the weights inside, as "{key}"') as caught:
        tiny.load(folder)
    tiny.obey(str(caught.value.hint).partition("python ")[2], folder)
    torch.testing.assert_close(forward_pass.predict_logits(tiny.load(folder), [tiny.document(9)]), expected)


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        (lambda weight: torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8), "are quantised by torch"),
        (lambda weight: weight.to("meta"), "has a shape and no numbers"),
        (lambda weight: weight.to_sparse(), "is a sparse tensor"),
    ],
)
def test_tensors_of_other_kinds_are_named(folder: Path, change: Any, fact: str) -> None:
    """With the weight, and with what to do."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    key = next(key for key in weights if key.endswith("query.weight"))
    torch.save(weights | {key: change(weights[key])}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=fact) as caught:
        tiny.load(folder)
    assert key in caught.value.message
    assert caught.value.hint


def test_a_program_is_not_weights(folder: Path) -> None:
    """TorchScript."""
    (folder / "model.safetensors").unlink()
    written = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), written)  # type: ignore[no-untyped-call]
    (folder / "pytorch_model.bin").write_bytes(written.getvalue())
    with pytest.raises(ModelError, match=r"pytorch_model\.bin is a program \(TorchScript\)"):
        tiny.load(folder)


def test_a_whole_model_that_was_pickled_is_refused(folder: Path) -> None:
    """Its class would be imported: exit code 9, with what to do."""
    pytorch(folder, tiny.dense("bert"))
    with pytest.raises(RefusedError, match="would run code") as caught:
        tiny.load(folder)
    assert "save_pretrained()" in str(caught.value.hint)
