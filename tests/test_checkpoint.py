"""checkpoint: find a model and refuse it if using it would run somebody else's code."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen import checkpoint, classifier
from reportgen.errors import HubError, ModelError, RefusedError

CODE = {"AutoConfig": "modeling_x.XConfig", "AutoModelForSequenceClassification": "modeling_x.XModel"}


def change(path: Path, **values: Any) -> None:
    """Change entries of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def plant(folder: Path, canary: Path) -> None:
    """Code beside the weights that creates the canary when it is imported."""
    (folder / "modeling_x.py").write_text(f"import pathlib\npathlib.Path({str(canary)!r}).touch()\n")


def test_a_folder_is_found_with_its_hash(folder: Path) -> None:
    """A local folder is its own tokenizer and has no revision."""
    found = checkpoint.find(str(folder))
    assert (found.location, found.tokenizer) == (str(folder), str(folder))
    assert (found.revision, found.tokenizer_revision) == ("local", "local")
    assert found.hub == {"trust_remote_code": False}
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


def test_without_weights_on_this_disk_there_is_no_hash(tmp_path: Path) -> None:
    """Nothing is made up."""
    (tmp_path / "config.json").write_text("{}")
    assert checkpoint.find(str(tmp_path)).weights_sha256() == ""


def test_a_commit_of_the_hub_is_what_gets_loaded() -> None:
    """Not the branch that was asked for, which may move."""
    found = checkpoint.Checkpoint("org/name", "org/name", "abc123", "org/other", "def456")
    assert found.hub == {"trust_remote_code": False, "revision": "abc123"}
    assert found.tokenizer_hub == {"trust_remote_code": False, "revision": "def456"}


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
    with pytest.raises(RefusedError, match=f"{file} asks to run code") as caught:
        classifier.load(checkpoint.find(str(folder)), device="cpu")
    assert caught.value.exit_code == 9


def test_a_tokenizer_that_brings_code_is_refused(folder: Path, canary: Path, tmp_path: Path) -> None:
    """Also when it comes from a folder of its own."""
    other = tmp_path / "tokenizer"
    other.mkdir()
    plant(other, canary)
    (other / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": ["modeling_x.X", None]}}))
    with pytest.raises(RefusedError, match=r"tokenizer_config\.json asks to run code"):
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


def test_a_model_of_the_hub_is_not_there_while_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 8 naming the model; nothing is asked of the network (conftest.py sets HF_HUB_OFFLINE)."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(HubError, match="some-org/some-model: not in the cache") as caught:
        checkpoint.find("some-org/some-model")
    assert caught.value.exit_code == 8


def test_the_tokenizer_is_that_of_the_commit_that_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A branch may move between two downloads; a tokenizer of its own has a revision of its own."""
    asked: list[tuple[str, str, str | None]] = []

    def download(repository: str, file: str, revision: str | None) -> tuple[Path, str]:
        asked.append((repository, file, revision))
        (tmp_path / file).write_text("{}")
        return tmp_path / file, f"commit-of-{repository}"

    monkeypatch.setattr(checkpoint, "_download", download)
    found = checkpoint.find("org/m", revision="main")
    assert asked == [("org/m", "config.json", "main"), ("org/m", "tokenizer_config.json", "commit-of-org/m")]
    assert (found.revision, found.tokenizer_revision) == ("commit-of-org/m", "commit-of-org/m")
    found = checkpoint.find("org/m", tokenizer="org/t")
    assert asked[-1] == ("org/t", "tokenizer_config.json", None)
    assert found.tokenizer_revision == "commit-of-org/t"


def test_a_name_that_is_neither_folder_nor_id_is_refused() -> None:
    """Exit code 4 with what an id looks like."""
    with pytest.raises(ModelError, match="neither a folder nor a hub id"):
        checkpoint.find("a model?")
