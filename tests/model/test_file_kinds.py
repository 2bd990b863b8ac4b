"""file_kinds: what a file or a folder really is, where it is not the model that its name promises."""

from __future__ import annotations

import gzip
import json
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from reportgen.core.errors import ModelError
from reportgen.model import checkpoint, file_kinds
from tests import tiny

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:c393f632913cdc64c13fcd1b039a74f17dd83cc3029c556802c0f2f8792b46f9\nsize 557941479\n"
)
PAGE = b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"
ANNEX = b"/annex/objects/SHA256E-s557941479--c393f632913cdc64.bin\n"
DAMAGES = [
    (POINTER, "is a pointer of Git LFS, not the file itself (557,941,479 bytes)", "git lfs pull"),
    (ANNEX, "is a pointer of git-annex", "git annex get"),
    (PAGE, "is a web page", "again"),
    (b"", "is empty", "again"),
    (b'{"error":"Repository not found"}', 'it begins with "{"error":"Repository not found"}"', "again"),
    (b"Entry not found", 'file; it begins with "Entry not found"', "again"),
    (b"GGUF" + bytes(99), "holds GGUF weights", "made from"),
    (b"\x89HDF\r\n\x1a\n" + bytes(99), "holds TensorFlow weights", "safetensors"),
    (gzip.compress(b"x" * 99, mtime=0), "is a gzip archive", "gunzip"),
    (bytes(5000), "is no ", "again"),
]


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize(("content", "fact", "hint"), DAMAGES)
def test_weights_that_are_something_else_are_named(
    folder: Path, file: str, content: bytes, fact: str, hint: str
) -> None:
    """In either format, with what to do; none of it is called dangerous."""
    (folder / "model.safetensors").unlink()
    (folder / file).write_bytes(content)
    error = tiny.refused(folder)
    assert f": {file} " in error.message
    assert fact in error.message
    assert hint in str(error.hint)


@pytest.mark.parametrize("content", [POINTER, PAGE])
@pytest.mark.parametrize("file", ["config.json", "tokenizer.json"])
def test_a_description_may_be_a_pointer_or_a_page_too(folder: Path, file: str, content: bytes) -> None:
    """A clone without Git LFS lacks a large tokenizer.json as well."""
    (folder / file).write_bytes(content)
    with pytest.raises(ModelError, match=rf"{file} is a (pointer of Git LFS|web page)"):
        checkpoint.find(str(folder))


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
def test_safetensors_that_are_cut_off_say_how_much_is_there(folder: Path, share: float) -> None:
    """Within the header, and within the tensors."""
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "model.safetensors is cut off: it has " in tiny.refused(folder).message


def test_the_formats_changed_over_are_named_with_the_command_that_renames(folder: Path) -> None:
    """Safetensors called .bin, and the other way round."""
    shutil.move(folder / "model.safetensors", folder / "pytorch_model.bin")
    error = tiny.refused(folder)
    assert "pytorch_model.bin is a safetensors file" in error.message
    assert error.hint == f"rename it: mv {folder}/pytorch_model.bin {folder}/model.safetensors"
    (folder / "pytorch_model.bin").unlink()
    (folder / "model.safetensors").write_bytes(b"PK\x03\x04" + bytes(99))
    assert "model.safetensors is a PyTorch file" in tiny.refused(folder).message


@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer_or_none(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Damage has any form; none of it is a bug."""
    folder = tmp_path_factory.mktemp("any")
    for name in ("model.safetensors", "pytorch_model.bin", "config.json"):
        (folder / name).write_bytes(content)
        found = file_kinds.mistake(folder / name)
        assert found is None or all(found)


@pytest.mark.parametrize(
    ("header", "fact"),
    [
        ({}, "holds no weights"),
        ({"__metadata__": {"format": "pt"}}, "holds no weights"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, "is cut off"),
        ({"a": 3}, "its header cannot be read"),
        ({"a": {"data_offsets": "x"}}, "its header cannot be read"),
        ([1, 2, 3], "is no safetensors file"),
    ],
)
def test_a_header_of_safetensors_is_read_with_care(tmp_path: Path, header: Any, fact: str) -> None:
    """It comes from anywhere."""
    text = json.dumps(header).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    found = file_kinds.mistake(path)
    assert found is not None
    assert fact in found[0]


# what is there instead of a model

OTHERS = [
    ("x.gguf", "GGUF weights"),
    ("tf_model.h5", "TensorFlow weights"),
    ("model.ckpt.index", "TensorFlow weights"),
    ("flax_model.msgpack", "Flax weights"),
    ("model.onnx", "ONNX weights"),
    ("rust_model.ot", "weights for Rust"),
    ("model.fp16.safetensors", "weights under another name"),
    ("pytorch_model.fp16.bin", "weights under another name"),
    ("best.pt", "a PyTorch file of its own name"),
    ("last.ckpt", "a PyTorch file of its own name"),
    ("model.safetensors.incomplete", "a download that did not finish"),
    ("model-00001-of-00002.safetensors", "but not the index"),
    ("model.fp16-00001-of-00002.safetensors", "but not the index"),
    ("model.safetensors.index.fp16.json", "the index of weights under another name"),
    ("zero_to_fp32.py", "weights of DeepSpeed"),
]


@pytest.mark.parametrize(("file", "fact"), OTHERS)
def test_other_weights_alone_are_named(folder: Path, file: str, fact: str) -> None:
    """With the file, and with what to do."""
    shutil.move(folder / "model.safetensors", folder / file)
    error = tiny.refused(folder)
    assert "no weights (model.safetensors or pytorch_model.bin)" in error.message
    assert fact in error.message
    assert file in error.message


@pytest.mark.parametrize("file", ["training_args.bin", "optimizer.pt", "rng_state.pth", "README.md"])
def test_what_lies_beside_any_model_is_not_taken_for_its_weights(folder: Path, file: str) -> None:
    """A Trainer writes these."""
    shutil.move(folder / "model.safetensors", folder / file)
    assert "; it holds" not in tiny.refused(folder).message


def test_weights_under_another_name_are_read_after_the_command_of_the_hint(folder: Path) -> None:
    """As it is."""
    shutil.move(folder / "model.safetensors", folder / "model.fp16.safetensors")
    command = str(tiny.refused(folder).hint).partition("rename them: ")[2]
    subprocess.run(shlex.split(command), check=True)
    assert tiny.load(folder).labels == tiny.LABELS


@pytest.mark.parametrize("parts", ["safetensors", "bin"])
def test_a_variant_in_parts_is_read_after_the_command_of_the_hint(folder: Path, parts: str) -> None:
    """The parts keep their names, which the index says."""
    model = tiny.load(folder).model
    (folder / "model.safetensors").unlink()
    weights, half = model.state_dict(), len(model.state_dict()) // 2
    shards = [dict(list(weights.items())[:half]), dict(list(weights.items())[half:])]
    stem, write = {"safetensors": ("model", save_file), "bin": ("pytorch_model", torch.save)}[parts]
    names = [f"{stem}.fp16-0000{number}-of-00002.{parts}" for number in (1, 2)]
    for name, shard in zip(names, shards, strict=True):
        write(shard, folder / name)
    places = {key: name for name, shard in zip(names, shards, strict=True) for key in shard}
    (folder / f"{stem}.{parts}.index.fp16.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    command = str(tiny.refused(folder).hint).partition("rename it: ")[2]
    subprocess.run(shlex.split(command), check=True)
    assert tiny.load(folder).labels == tiny.LABELS


def test_the_checkpoints_of_a_trainer_are_named(folder: Path, tmp_path: Path) -> None:
    """Sorted by their numbers; the best is the one to take, where the Trainer says which."""
    run = tmp_path / "run"
    for name in ("checkpoint-500", "checkpoint-1000"):
        shutil.copytree(folder, run / name)
    error = tiny.refused(run)
    assert error.message == f"{run}: no config.json; models are below it: checkpoint-500, checkpoint-1000"
    assert error.hint == f"name one of them: --model {run}/checkpoint-1000"
    state = {"best_model_checkpoint": "/home/her/run/checkpoint-500"}
    (run / "checkpoint-1000/trainer_state.json").write_text(json.dumps(state))
    assert str(tiny.refused(run).hint).startswith(f"name one of them: --model {run}/checkpoint-500 (the best")
    shutil.copy(folder / "config.json", run)  # some save it there, too
    assert "models are below it: checkpoint-500" in tiny.refused(run).message


def test_a_folder_of_models_of_any_name_is_seen(folder: Path, tmp_path: Path) -> None:
    """Not those of a Trainer alone; a tokenizer is none."""
    shutil.copytree(folder, tmp_path / "all/0_Transformer")
    tiny.tokenizer().save_pretrained(tmp_path / "all/1_tokenizer")
    assert tiny.refused(tmp_path / "all").message.endswith("models are below it: 0_Transformer")


@pytest.mark.parametrize(
    ("file", "fact", "hint"),
    [
        ("model.safetensors", "a file, not the folder of a model", "give its folder: --model {folder}"),
        ("config.json", "a file, not the folder of a model", "give its folder: --model {folder}"),
        ("x.gguf", "GGUF weights of llama.cpp", "made from"),
    ],
)
def test_the_path_of_a_file_is_no_model(folder: Path, file: str, fact: str, hint: str) -> None:
    """Its folder is, mostly."""
    (folder / file).touch()
    error = tiny.refused(folder / file)
    assert fact in error.message
    assert hint.format(folder=folder) in str(error.hint)


def test_the_path_of_a_tokenizers_file_is_no_tokenizer(folder: Path) -> None:
    """The hint names the option that it is about, and works."""
    with pytest.raises(ModelError, match=r"tokenizer\.json: a file, not the folder of a model") as caught:
        checkpoint.find(str(folder), tokenizer=str(folder / "tokenizer.json"))
    assert caught.value.hint == f"give its folder: --tokenizer {folder}"
    assert checkpoint.find(str(folder), tokenizer=str(folder))
