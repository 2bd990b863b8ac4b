"""checkpoint: find a model and refuse it if using it would run somebody else's code."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
import transformers
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

from reportgen.core.errors import ModelError, RefusedError, UsageError
from reportgen.model import checkpoint, classifier, file_kinds
from reportgen.model.loading import weight_files

CODE = {"AutoConfig": "modeling_x.XConfig", "AutoModelForSequenceClassification": "modeling_x.XModel"}


def change(path: Path, **values: Any) -> None:
    """Change entries of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def plant(folder: Path, canary: Path) -> None:
    """Code beside the weights that creates the canary when it is imported."""
    (folder / "modeling_x.py").write_text(f"import pathlib\npathlib.Path({str(canary)!r}).touch()\n")


def shards(folder: Path, kind: str, *names: str) -> None:
    """Weights in shards of these names, which are not there, instead of the weights that are."""
    (folder / "model.safetensors").unlink()
    index = {"safetensors": "model.safetensors.index.json", "bin": "pytorch_model.bin.index.json"}[kind]
    (folder / index).write_text(json.dumps({"metadata": {}, "weight_map": dict(zip("abc", names, strict=False))}))


def test_a_folder_is_found_with_its_hash(folder: Path) -> None:
    """A local folder is its own tokenizer and has no revision."""
    found = checkpoint.find(str(folder))
    assert (found.location, found.tokenizer) == (str(folder), str(folder))
    assert (found.revision, found.tokenizer_revision) == ("local", "local")
    assert found.tokenizer_location is None
    assert found.weights_sha256() == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_the_hash_of_shards_is_the_hash_of_their_hashes(tmp_path: Path) -> None:
    """In the order of their names."""
    names = "hgfedcba"  # enough of them that no other order comes out by chance
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": dict(enumerate(names + "a"))}))
    hashes = "".join(hashlib.sha256(name.encode()).hexdigest() for name in sorted(names))
    assert checkpoint.find(str(tmp_path)).weights_sha256() == hashlib.sha256(hashes.encode()).hexdigest()


def test_weights_are_hashed_ahead_and_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for the hash meanwhile waits for it."""
    found, digest = checkpoint.find(str(folder)), hashlib.file_digest
    expected = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    begun, go_on, readers = threading.Event(), threading.Event(), []

    def slowly(file: Any, kind: str) -> Any:
        readers.append(threading.current_thread())
        begun.set()
        assert go_on.wait(60)
        return digest(file, kind)

    monkeypatch.setattr(hashlib, "file_digest", slowly)
    found.hash_ahead()
    assert begun.wait(60)
    threading.Timer(0.2, go_on.set).start()
    assert found.weights_sha256() == expected
    assert len(readers) == 1
    assert readers[0] is not threading.current_thread()


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_is_wrong_with_weights_is_said_when_their_hash_is_asked_for(folder: Path) -> None:
    """Not by the thread that hashes them ahead."""
    shards(folder, "safetensors", "../elsewhere")
    found = checkpoint.find(str(folder))
    before = set(threading.enumerate())
    found.hash_ahead()
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
    with pytest.raises(RefusedError, match="outside"):
        found.weights_sha256()


def test_without_weights_on_this_disk_there_is_no_hash(tmp_path: Path) -> None:
    """Nothing is made up."""
    (tmp_path / "config.json").write_text("{}")
    assert checkpoint.find(str(tmp_path)).weights_sha256() == ""


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
@pytest.mark.parametrize("shard", ["../elsewhere", "/etc/passwd", "a/../../b", "..\\b"])
def test_a_shard_outside_of_the_model_is_refused(folder: Path, kind: str, shard: str) -> None:
    """Exit code 9, before anything is read; the hash of the weights does not read it either."""
    shards(folder, kind, shard)
    found = checkpoint.find(str(folder))
    with pytest.raises(RefusedError, match="names a file outside the model") as caught:
        classifier.load(found, device="cpu")
    assert caught.value.exit_code == 9
    with pytest.raises(RefusedError, match="outside"):
        found.weights_sha256()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors", "part"])
def test_a_pipe_is_refused_and_not_waited_for(folder: Path, file: str) -> None:
    """Exit code 9 naming the file; reading it would wait for a writer that never comes."""
    if file == "part":
        shards(folder, "safetensors", file)
    (folder / file).unlink(missing_ok=True)
    os.mkfifo(folder / file)
    with pytest.raises(RefusedError, match=f"{file}: a pipe") as caught:
        classifier.load(checkpoint.find(str(folder)), device="cpu")
    assert caught.value.exit_code == 9


@pytest.mark.parametrize("there", ["nothing", "a folder"])
def test_a_shard_that_is_missing_is_named(folder: Path, there: str) -> None:
    """Exit code 4."""
    shards(folder, "safetensors", "part-2")
    if there == "a folder":
        (folder / "part-2").mkdir()
    with pytest.raises(ModelError, match=r"index\.json names part-2, which is missing") as caught:
        classifier.load(checkpoint.find(str(folder)), device="cpu")
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("index", [b"{}", b'{"weight_map": []}', b'{"weight_map": {"a": 1}}', b"[", b""])
def test_an_index_that_is_none_is_refused(folder: Path, index: bytes) -> None:
    """Exit code 4 naming the file."""
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_bytes(index)
    with pytest.raises(ModelError, match=r"model\.safetensors\.index\.json is no"):
        weight_files.fetch(checkpoint.find(str(folder)))


def test_a_model_without_weights_is_refused(folder: Path) -> None:
    """Exit code 4 with the names that are looked for."""
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no weights \(model\.safetensors or pytorch_model\.bin\)"):
        classifier.load(checkpoint.find(str(folder)), device="cpu")


def test_an_adapter_beside_a_whole_model_is_refused(folder: Path) -> None:
    """Whether it has been merged is not certain; transformers would load the model that it names, from wherever."""
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "org/other"}')
    with pytest.raises(ModelError, match="an adapter, not a whole model"):
        checkpoint.find(str(folder))


def test_every_file_that_a_tokenizer_can_need_is_one_of_settings() -> None:
    """All names that transformers' own tokenizers look for; no weights among them."""
    names = {"tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja"}
    for tokenizer in set(TOKENIZER_MAPPING_NAMES.values()):
        with contextlib.suppress(ImportError, AttributeError):
            names.update(getattr(transformers, tokenizer or "").vocab_files_names.values())
    assert len(names) > 10
    assert [name for name in sorted(names) if not checkpoint.SETTINGS.fullmatch(name)] == []
    others = (*file_kinds.WEIGHTS, "README.md", "optimizer.pt", "training_args.bin", "tf_model.h5", "a/vocab.txt")
    assert [name for name in others if checkpoint.SETTINGS.fullmatch(name)] == []


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize(
    "entry",
    [{"auto_map": CODE}, {"text_config": {"auto_map": CODE}}, {"heads": [{"deep": [{"auto_map": CODE}]}]}],
    ids=["top", "nested", "in a list"],
)
def test_a_model_that_brings_code_is_refused(folder: Path, canary: Path, file: str, entry: dict[str, Any]) -> None:
    """Exit code 9 wherever `auto_map` stands; the canary fixture checks that the code was not imported."""
    plant(folder, canary)
    change(folder / file, **entry)
    with pytest.raises(RefusedError, match=f"{file} would run its own code") as caught:
        classifier.load(checkpoint.find(str(folder)), device="cpu")
    assert caught.value.exit_code == 9


def test_a_tokenizer_that_brings_code_is_refused(folder: Path, canary: Path, tmp_path: Path) -> None:
    """Also when it comes from a folder of its own."""
    other = tmp_path / "tokenizer"
    other.mkdir()
    plant(other, canary)
    (other / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": ["modeling_x.X", None]}}))
    with pytest.raises(RefusedError, match=r"tokenizer_config\.json would run its own code"):
        checkpoint.find(str(folder), tokenizer=str(other))


def test_transformers_itself_is_told_not_to_run_code(folder: Path, canary: Path) -> None:
    """The second wall: a folder that changes after it was checked still runs nothing."""
    plant(folder, canary)
    found = checkpoint.find(str(folder))
    change(folder / "config.json", auto_map=CODE, model_type="x")
    with pytest.raises(ModelError):
        classifier.load(found, device="cpu")


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(NESTED, st.lists(st.sampled_from(["list", "dict"]), max_size=6))
def test_auto_map_is_found_at_any_depth_and_only_as_a_key(harmless: Any, path: list[str]) -> None:
    """The word as a value is harmless; as a key it is refused however deep it lies."""
    checkpoint._refuse_code("x", "config.json", {"text": "auto_map", "more": harmless})
    value: Any = {"auto_map": {}}
    for step in path:
        value = [harmless, value] if step == "list" else {"a": harmless, "b": value}
    with pytest.raises(RefusedError):
        checkpoint._refuse_code("x", "config.json", value)


def test_a_very_deep_configuration_does_not_exhaust_the_stack(folder: Path) -> None:
    """A hundred thousand brackets: refused as not JSON, not a crash."""
    (folder / "config.json").write_text('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}")
    with pytest.raises(ModelError, match="is not JSON"):
        checkpoint.find(str(folder))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"\xff\xfe"])
def test_a_configuration_that_is_no_json_object_is_refused(folder: Path, content: bytes) -> None:
    """Exit code 4, naming the file."""
    (folder / "config.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"config\.json is not") as caught:
        checkpoint.find(str(folder))
    assert caught.value.exit_code == 4


def test_a_folder_without_configuration_is_refused(folder: Path) -> None:
    """And a folder that is not there at all."""
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"no config\.json") as caught:
        checkpoint.find(str(folder))
    assert caught.value.exit_code == 4
    with pytest.raises(ModelError, match="no such folder"):
        checkpoint.find(str(folder / "none"))


def test_a_name_that_is_neither_folder_nor_id_is_refused() -> None:
    """Exit code 4 with what an id looks like."""
    with pytest.raises(ModelError, match="neither a folder nor a hub id"):
        checkpoint.find("a model?")


def test_a_revision_behind_an_id_has_an_option_of_its_own() -> None:
    with pytest.raises(ModelError, match=r"org/m@v1\.0: neither a folder nor a hub id") as raised:
        checkpoint.find("org/m@v1.0")
    assert raised.value.hint == "use org/m with --revision v1.0"


def test_a_folder_has_no_revisions(folder: Path) -> None:
    for name in ("revision", "tokenizer_revision"):
        with pytest.raises(UsageError, match=f"revision v1: {folder} is a folder, and only what is on the hub"):
            checkpoint.find(str(folder), **{name: "v1"})  # type: ignore[arg-type]
