"""hub: models and datasets from a hub, over the real clients, and every way in which a hub can fail."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification, LongformerConfig

from reportgen.core.errors import HubError, ModelError, RefusedError
from reportgen.data import hub as talk
from reportgen.model import checkpoint, classifier
from tests import tiny
from tests.hub import TOKEN, Hub

COMMAND = Path(sys.executable).parent / "reportgen"
MODEL, NEWS = "danielhou13/longformer-finetuned_papers_v2", "danielhou13/longformer-finetuned-news-cogs402"
TOKENIZER = "allenai/longformer-base-4096"
ROWS = pa.table({"text": ["one", "two", "three"], "labels": [0, 1, 0]})
CONFIGS = """---
configs:
- config_name: default
  data_files:
  - {split: train, path: data/train-*}
  - {split: test, path: data/test-*}
---
# Rows
"""
TEXT = "Attention heads of a long document classifier attend to tokens."
WEIGHTS = {"safetensors": "model.safetensors", "bin": "pytorch_model.bin"}
NO_SOCKETS = """
import os, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        os.write(2, f"a socket while offline: {arguments}".encode())
        os._exit(99)

sys.addaudithook(watch)
"""


def formats(folder: Path, kind: str, *, sharded: bool = False) -> Path:
    """The model of a folder with its weights in another format, as older and larger models have them."""
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    for name in WEIGHTS.values():
        (folder / name).unlink(missing_ok=True)
    weights = model.state_dict()
    names = sorted(weights)
    parts = [names[::2], names[1::2]] if sharded else [names]
    files = [f"part-{index}.{kind}" for index in range(2)] if sharded else [WEIGHTS[kind]]
    for file, part in zip(files, parts, strict=True):
        some = {name: weights[name].clone() for name in part}
        if kind == "bin":
            torch.save(some, folder / file)
        else:
            save_file(some, folder / file, metadata={"format": "pt"})
    if sharded:
        where = {name: file for file, part in zip(files, parts, strict=True) for name in part}
        (folder / f"{WEIGHTS[kind]}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return folder


def load(name: str = "org/m", **options: Any) -> classifier.Classifier:
    """A model of the hub, found and loaded."""
    return classifier.load(checkpoint.find(name, **options), device="cpu")


def logits(made: classifier.Classifier) -> list[float]:
    """What a classifier says about a text."""
    with torch.no_grad():
        return list(made.model(**made.tokenizer(TEXT, return_tensors="pt")).logits[0].tolist())


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Clients that wait for 0.2 s; the pauses that they want to make are written down, not made."""
    pauses: list[float] = []
    for name in ("HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT"):
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", 0.2)
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


@pytest.mark.parametrize("sharded", [False, True], ids=["one file", "shards"])
@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_a_model_of_the_hub_says_what_it_says_from_a_folder(hub: Hub, folder: Path, kind: str, sharded: bool) -> None:
    """Also where transformers gets a folder of the cache instead of a name."""
    formats(folder, kind, sharded=sharded)
    here = load(str(folder))
    commit = hub.model("org/m", folder)
    there = load()
    assert logits(there) == logits(here)
    assert (there.checkpoint.name, there.checkpoint.revision) == ("org/m", commit)
    assert there.checkpoint.tokenizer_revision == commit
    assert there.checkpoint.weights_sha256() == here.checkpoint.weights_sha256() != ""
    assert there.labels == here.labels


def test_what_is_not_needed_is_not_downloaded_and_nothing_is_twice(hub: Hub, folder: Path) -> None:
    """One format of the weights, no optimizer, no pictures; a second run asks for the list of files alone."""
    source = {path.name: path.read_bytes() for path in folder.iterdir()}
    others = {"pytorch_model.bin", "tf_model.h5", "optimizer.pt", "README.md", "runs/log.json", "trainer_state.json"}
    hub.model("org/m", source | dict.fromkeys(others, b"{}"))
    load()
    got = [request.path.rsplit("/", 1)[1] for request in hub.asked("/resolve/") if request.method == "HEAD"]
    assert sorted(got) == ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    hub.requests.clear()
    load()
    assert {request.path.split("/")[1] for request in hub.requests} == {"api"}
    assert len(hub.requests) == 2


def test_all_files_are_of_one_commit_even_if_the_branch_moves(hub: Hub, folder: Path, tmp_path: Path) -> None:
    """The commit that was found first is loaded, and told."""
    first = hub.model("org/m", folder)
    found = checkpoint.find("org/m")
    other = tiny.save(tiny.longformer(seed=1), tmp_path / "other")
    second = hub.model("org/m", other)
    assert found.revision == first != second
    assert logits(classifier.load(found, device="cpu")) == logits(load(str(folder)))
    assert found.weights_sha256() == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert checkpoint.find("org/m").revision == second
    assert logits(load(revision=first)) == logits(load(str(folder))) != logits(load(str(other)))


def test_the_tokenizer_of_the_models_own_repository_may_be_of_another_revision(hub: Hub, folder: Path) -> None:
    """The model of the one commit, the tokenizer of the other."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    old = hub.model("org/m", files, branch="old")
    new = hub.model("org/m", files | {"added.txt": b""})
    found = checkpoint.find("org/m", tokenizer_revision="old")
    assert (found.revision, found.tokenizer, found.tokenizer_revision) == (new, "org/m", old)
    assert checkpoint.find("org/m", revision="old", tokenizer_revision="old").tokenizer_location is None


def test_a_tokenizer_of_its_own_has_a_revision_of_its_own(hub: Hub, folder: Path) -> None:
    """A branch, resolved like that of the model."""
    words = {path.name: path.read_bytes() for path in folder.glob("tokenizer*")}
    bare = {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in words}
    model = hub.model("org/m", bare)
    old = hub.model("org/t", words, branch="old")
    new = hub.model("org/t", words | {"added.txt": b""})
    found = checkpoint.find("org/m", tokenizer="org/t", tokenizer_revision="old")
    assert (found.revision, found.tokenizer, found.tokenizer_revision) == (model, "org/t", old)
    assert checkpoint.find("org/m", tokenizer="org/t").tokenizer_revision == new
    assert logits(classifier.load(found, device="cpu")) == logits(load(str(folder)))


@pytest.mark.parametrize("revision", [None, "main", "commit"])
def test_what_is_in_the_cache_is_loaded_offline(hub: Hub, folder: Path, request: Any, revision: str | None) -> None:
    """By the name of its branch too; no socket is connected."""
    commit = hub.model("org/m", folder)
    online = logits(load())
    request.getfixturevalue("offline")
    made = load(revision=commit if revision == "commit" else revision)
    assert logits(made) == online
    assert made.checkpoint.revision == commit


def test_what_is_not_in_the_cache_is_named_offline(hub: Hub, folder: Path, request: Any) -> None:
    """Exit code 8 for the model, another revision of it, its configuration or its weights alone."""
    for name in ("org/m", "org/half"):
        hub.model(name, folder)
    found = checkpoint.find("org/m")
    (Path(checkpoint.find("org/half").location) / "config.json").unlink()
    request.getfixturevalue("offline")
    for name, revision in (("some-org/some-model", None), ("org/m", "v2"), ("org/m", "0" * 40)):
        with pytest.raises(HubError, match=f"{name}.* not cached") as caught:
            checkpoint.find(name, revision=revision)
        assert caught.value.exit_code == 8
        assert "--offline" in str(caught.value.hint)
    with pytest.raises(HubError, match=r"org/half: config\.json is not cached"):
        checkpoint.find("org/half")
    with pytest.raises(HubError, match=r"org/m: model\.safetensors is not cached"):
        classifier.load(found, device="cpu")


@pytest.mark.parametrize(
    ("fault", "only", "fact"),
    [
        ("private", "", "not on the hub, or private"),
        ("gated", "/resolve/", "access needs permission"),
        ("token", "", "the hub rejects the token"),
        ("forbidden", "", "the hub denies access"),
        ("busy", "/api/", "too many requests"),
        ("busy", "/resolve/", "too many requests"),
        ("busy", "/large/", "too many requests"),
        ("broken", "/api/", "the hub reports an error"),
        ("broken", "/resolve/", "the hub reports an error"),
        ("broken", "/large/", "the hub reports an error"),
        ("slow", "/api/", "not cached, and the hub at .* does not answer"),
        ("slow", "/resolve/", "not cached, and the hub at .* does not answer"),
        ("silent", "/large/", "not cached, and the hub at .* does not answer"),
        ("cut", "/large/", "the download was interrupted"),
        ("login", "/api/", "the server does not answer like a hub"),
        ("login", "/resolve/", "the server does not answer like a hub"),
    ],
)
def test_every_fault_of_a_hub_is_told_alike(
    hub: Hub, folder: Path, hurried: list[float], fault: str, only: str, fact: str
) -> None:
    """Exit code 8, what failed and what to do, after no more than half a minute of pauses; nothing half is kept."""
    hub.model("org/m", folder)
    hub.fail("org/m", fault, only=only)
    with pytest.raises(HubError, match=f"^model org/m: {fact}") as caught:
        load()
    assert caught.value.exit_code == 8
    assert caught.value.hint
    assert sum(hurried) <= 36
    assert max(hurried, default=0) <= 8
    assert not list(Path(talk.folder("org/m")).rglob("*.incomplete"))


@pytest.mark.parametrize(("name", "revision", "fact"), [
    ("org/none", None, "not on the hub, or private"), ("org/m", "v9", 'no revision "v9"'),
])  # fmt: skip
def test_a_model_or_revision_that_is_not_there_is_named(
    hub: Hub, folder: Path, name: str, revision: str, fact: str
) -> None:
    """Exit code 8 with what to check."""
    hub.model("org/m", folder)
    with pytest.raises(HubError, match=f"^model {name}: {fact}") as caught:
        checkpoint.find(name, revision=revision)
    assert "check" in str(caught.value.hint)


def test_the_same_is_not_asked_for_without_end(hub: Hub, folder: Path, hurried: list[float], monkeypatch: Any) -> None:
    """When patience ends, the clients' own tries end too."""
    hub.model("org/m", folder)
    found = talk.look_up("org/m")
    hub.fail("org/m", "busy")
    hub.requests.clear()
    monkeypatch.setattr(talk, "PATIENCE", -1.0)
    with pytest.raises(HubError, match="does not answer"):
        talk.download("org/m", "config.json", commit=found.commit)
    assert hub.requests == []


@pytest.mark.parametrize("fault", ["busy", "broken", "slow"])
def test_the_cache_serves_while_the_hub_is_out_of_order(
    hub: Hub, folder: Path, hurried: list[float], fault: str
) -> None:
    """Without pauses; the same commit."""
    commit = hub.model("org/m", folder)
    load()
    hub.fail("org/m", fault)
    assert load().checkpoint.revision == commit
    assert hurried == []


def test_a_copy_in_the_cache_is_told_of_where_the_hub_refuses(hub: Hub, folder: Path) -> None:
    """It is not used silently: the hub has answered."""
    hub.model("org/m", folder)
    load()
    hub.fail("org/m", "private")
    with pytest.raises(HubError) as caught:
        load()
    assert "--offline uses the cached copy" in str(caught.value.hint)


def test_a_download_that_broke_off_goes_on_where_it_was(
    hub: Hub, folder: Path, hurried: list[float], monkeypatch: Any
) -> None:
    """What has come is not asked for again."""
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)
    hub.model("org/m", folder)
    hub.fail("org/m", "cut", only="/large/", times=1)
    found = checkpoint.find("org/m")
    assert [request.range != "" for request in hub.asked("/large/")] == [False, True]
    name = talk.folder("org/m") / "snapshots" / found.revision / "tokenizer.json"
    assert name.read_bytes() == (folder / "tokenizer.json").read_bytes()


def test_the_token_opens_a_private_model_and_goes_to_the_hub_alone(hub: Hub, folder: Path, monkeypatch: Any) -> None:
    """Not to the other host that keeps the large files."""
    hub.model("org/m", folder)
    hub.fail("org/m", "private", only="/api/")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    load()
    sent = {(request.host.split(":")[0], request.token) for request in hub.requests if "org/m" in request.path}
    assert sent == {("127.0.0.1", TOKEN), ("localhost", "")}


@pytest.mark.parametrize("token", ["hf_sécret_sécret", "hf_secret\x07secret", "a secret"])
def test_a_token_that_is_none_is_not_told(hub: Hub, folder: Path, monkeypatch: Any, token: str) -> None:
    """Whatever the client says about it."""
    hub.model("org/m", folder)
    hub.fail("org/m", "token")
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(HubError, match="token") as caught:
        checkpoint.find("org/m")
    assert "cret" not in f"{caught.value.message} {caught.value.hint}"


SAFE = st.text(st.characters(codec="ascii", categories=("L", "N"), include_characters="-._~%!$&'()*+,;=@:"), min_size=4)


@given(SAFE, SAFE, st.sampled_from(["http://{}@hub.org/a", "proxy socks5://{}@h: no", "x //{}@127.0.0.1:9/b@c/d"]))
def test_no_message_holds_user_or_password(user: str, password: str, message: str) -> None:
    """The address stays readable without them."""
    told = talk.redact(message.format(f"{user}:{password}"))
    assert told == message.replace("{}@", "")


def test_other_errors_pass_and_logs_are_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what the clients of the hub raise is a matter of the hub."""
    logger = logging.getLogger("huggingface_hub")
    monkeypatch.setattr(logger, "level", logging.WARNING)
    for error in (ValueError("x"), FileNotFoundError("x"), ModelError("x"), HubError("x")):
        with pytest.raises(type(error)) as caught, talk.errors("dataset org/d"):
            raise error
        assert caught.value is error
    assert logger.level == logging.WARNING


@pytest.mark.parametrize("part", ["../../../../blobs/x", "/etc/passwd"])
def test_a_shard_outside_of_a_model_of_the_hub_is_not_asked_for(hub: Hub, folder: Path, part: str) -> None:
    """Exit code 9."""
    index = json.dumps({"weight_map": {"a": part}}).encode()
    source = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".safetensors"}
    hub.model("org/m", source | {"model.safetensors.index.json": index})
    found = checkpoint.find("org/m")
    with pytest.raises(RefusedError, match="outside the model"):
        classifier.load(found, device="cpu")
    assert [request.path.rsplit("/", 1)[1] for request in hub.requests][-1] == "model.safetensors.index.json"


def test_a_shard_that_the_hub_does_not_have_is_named(hub: Hub, folder: Path) -> None:
    """Exit code 4: going online again would not help."""
    formats(folder, "safetensors", sharded=True)
    (folder / "part-1.safetensors").unlink()
    hub.model("org/m", folder)
    with pytest.raises(ModelError, match=r"names part-1\.safetensors, which is missing"):
        load()


def test_a_shard_that_is_not_in_the_cache_is_named_offline(hub: Hub, folder: Path, request: Any) -> None:
    """Exit code 8: going online would help."""
    hub.model("org/m", formats(folder, "safetensors", sharded=True))
    (Path(load().checkpoint.location) / "part-1.safetensors").unlink()
    request.getfixturevalue("offline")
    with pytest.raises(HubError, match=r"part-1\.safetensors is not cached"):
        load()


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_a_model_of_the_hub_that_brings_code_is_refused(hub: Hub, folder: Path, file: str) -> None:
    """Exit code 9; neither its code nor its weights are downloaded."""
    source = {path.name: path.read_bytes() for path in folder.iterdir()} | {"modeling_x.py": b"1 / 0"}
    source[file] = json.dumps(json.loads(source[file]) | {"auto_map": {"AutoModel": "modeling_x.X"}}).encode()
    hub.model("org/m", source)
    with pytest.raises(RefusedError, match=f"org/m: {file} would run its own code"):
        load()
    assert not hub.asked(".py")
    assert not hub.asked("safetensors")


def test_weights_that_are_not_wanted_are_not_downloaded(hub: Hub, folder: Path) -> None:
    """Exit code 9 where safetensors are required and there are none."""
    hub.model("org/m", formats(folder, "bin"))
    with pytest.raises(RefusedError, match="org/m: has no safetensors weights"):
        classifier.load(checkpoint.find("org/m"), device="cpu", require_safetensors=True)
    assert not hub.asked("pytorch_model.bin")


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
@pytest.mark.parametrize("damage", ["cut", "empty", "changed"])
def test_damaged_weights_in_the_cache_are_found(hub: Hub, folder: Path, kind: str, damage: str) -> None:
    """Exit code 4, how to check the cache, and the file is left to its owner."""
    hub.model("org/m", formats(folder, kind))
    found = load().checkpoint
    path = Path(found.location) / WEIGHTS[kind]
    content = path.read_bytes()
    half = len(content) // 2
    changed = content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]
    path.write_bytes({"cut": content[:half], "empty": b"", "changed": changed}[damage])
    with pytest.raises(ModelError, match="org/m") as caught:
        load().checkpoint.weights_sha256()
    assert caught.value.exit_code == 4
    assert f"hf cache verify org/m --revision {found.revision}" in str(caught.value.hint)
    assert path.exists()


def test_an_empty_configuration_in_the_cache_is_told(hub: Hub, folder: Path) -> None:
    """Exit code 4 with how to check the cache; what an earlier download left behind does no harm."""
    hub.model("org/m", folder)
    found = load().checkpoint
    (talk.folder("org/m") / "blobs" / "0123.incomplete").write_bytes(b"half")
    load()
    (Path(found.location) / "config.json").write_bytes(b"")
    with pytest.raises(ModelError, match=r"org/m: config\.json is not JSON") as caught:
        load()
    assert "hf cache verify org/m" in str(caught.value.hint)


def test_a_branch_that_the_cache_knows_without_a_commit_is_not_cached(hub: Hub, folder: Path, request: Any) -> None:
    """An empty or broken file of refs is no commit."""
    hub.model("org/m", folder)
    load()
    (talk.folder("org/m") / "refs" / "main").write_text("../../..")
    request.getfixturevalue("offline")
    with pytest.raises(HubError, match="not cached"):
        load()


@pytest.mark.parametrize(
    ("fault", "only", "fact"),
    [
        ("private", "/resolve/", "not on the hub, or private"),
        ("gated", "/resolve/", "access needs permission"),
        ("busy", "README", "not cached, and the hub does not provide it"),
        ("busy", "/tree/", "too many requests"),
        ("broken", ".parquet", "the hub reports an error"),
        ("slow", "/tree/", "not cached, and the hub at .* does not answer"),
        ("cut", ".parquet", "the download was interrupted"),
    ],
)
def test_faults_are_told_of_datasets_too(hub: Hub, hurried: list[float], fault: str, only: str, fact: str) -> None:
    """Whatever `datasets` makes of what happened."""
    commit = hub.dataset("org/d", {"train": ROWS, "test": ROWS}, readme="# Rows")
    hub.fail("org/d", fault, kind="datasets", only=only)
    with pytest.raises(HubError, match=f"^dataset org/d: {fact}"), talk.errors("dataset org/d"):
        datasets.load_dataset("org/d", revision=commit)
    assert max(hurried, default=0) <= 8


@pytest.mark.parametrize("readme", ["", "# Rows", CONFIGS], ids=["none", "plain", "configs"])
def test_a_dataset_is_loaded_at_the_commit_that_was_found(hub: Hub, readme: str, request: Any) -> None:
    """Also offline, by the name of its branch."""
    first = hub.dataset("org/d", {"train": ROWS, "test": ROWS.slice(0, 2)}, readme=readme)
    found = talk.look_up("org/d", kind="dataset").commit
    second = hub.dataset("org/d", {"test": ROWS.slice(0, 1)}, readme=readme)
    assert datasets.load_dataset("org/d", split="test", revision=found).num_rows == 2
    assert found == first != second == talk.look_up("org/d", kind="dataset", revision="main").commit
    request.getfixturevalue("offline")
    assert talk.look_up("org/d", kind="dataset").commit == second
    with pytest.raises(HubError, match="dataset org/none: not cached"):
        talk.look_up("org/none", kind="dataset")


def reportgen(*arguments: str, hub: Hub, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command with a cache of its own."""
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=home.parent,
        env={**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def serve_presets(hub: Hub, folder: Path, kind: str) -> dict[str, str]:
    """Tiny models and datasets under the ids of the presets; their commits."""
    words = copy.deepcopy(tiny.tokenizer())  # that one serves every test
    words.model_max_length = 4096
    words.save_pretrained(folder)
    tokenizer = {path.name: path.read_bytes() for path in folder.glob("tokenizer*")}
    settings = tiny.longformer().config.to_dict() | {"max_position_embeddings": 2050}
    AutoModelForSequenceClassification.from_config(LongformerConfig(**settings)).save_pretrained(folder)
    formats(folder, kind)
    model = {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in tokenizer}
    texts = [f"A paper on the heads of document {row}. " * 20 for row in range(980)]
    papers = pa.table({"text": texts, "labels": [row % 2 for row in range(980)]})
    news = pa.table({"title": texts, "text": texts, "hyperpartisan": [row % 2 == 1 for row in range(980)]})
    return {
        MODEL: hub.model(MODEL, model),
        NEWS: hub.model(NEWS, model),
        TOKENIZER: hub.model(TOKENIZER, tokenizer),
        "papers": hub.dataset("danielhou13/cogs402dataset", {"train": papers.slice(0, 5), "test": papers}),
        "news": hub.dataset("danielhou13/cogs402dataset2", {"train": news.slice(0, 5), "validation": news}),
    }


def test_a_preset_is_run_from_end_to_end_and_again_offline(hub: Hub, folder: Path, tmp_path: Path) -> None:
    """Private, with weights in PyTorch's format; the token is nowhere; offline no socket is connected."""
    commits = serve_presets(hub, folder, "bin")
    hub.fail(MODEL, "private")
    run = ("run", "--preset", "papers", "--index", "976", "--format", "tables")
    online = reportgen(*run, "-o", str(tmp_path / "a"), hub=hub, home=tmp_path / "home", HF_TOKEN=TOKEN)
    assert (online.returncode, online.stderr) == (0, "device: CPU\n")
    hub.requests.clear()
    (tmp_path / "sitecustomize.py").write_text(NO_SOCKETS)
    offline = reportgen(
        *run, "-o", str(tmp_path / "b"), "--offline", hub=hub, home=tmp_path / "home", PYTHONPATH=str(tmp_path)
    )
    assert offline.returncode == 0, offline.stderr
    assert hub.requests == []
    first, second = (json.loads((tmp_path / name / "report.json").read_text()) for name in "ab")
    assert first["example"]["text"].startswith("A paper on the heads of document 976.")
    assert first["example"]["revision"] == commits["papers"]
    assert first["provenance"]["revision"] == commits[MODEL]
    assert first["provenance"]["tokenizer_revision"] == commits[TOKENIZER]
    assert first["prediction"]["labels"] == ["programming languages", "artificial intelligence"]
    assert first["prediction"] == second["prediction"]
    assert first["example"] == second["example"]
    files = [path.read_bytes().decode("latin-1") for path in (tmp_path / "a").rglob("*.*")]
    assert not [text for text in (online.stdout, online.stderr, *files) if TOKEN in text]


def test_the_other_preset_too(hub: Hub, folder: Path, tmp_path: Path) -> None:
    """With safetensors, and labels that are true or false."""
    commits = serve_presets(hub, folder, "safetensors")
    ran = reportgen(
        "run", "--preset", "news", "--index", "976", "--format", "tables", "-o", str(tmp_path / "a"),
        "--require-safetensors", hub=hub, home=tmp_path / "home",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    report = json.loads((tmp_path / "a" / "report.json").read_text())
    assert report["example"]["label"] == 0
    assert report["provenance"]["revision"] == commits[NEWS]


def test_a_model_and_a_tokenizer_are_named_on_the_command_line(hub: Hub, folder: Path, tmp_path: Path) -> None:
    """With a revision, weights in shards, and nothing but the path and what the report warns of on the terminal."""
    serve_presets(hub, folder, "bin")
    commit = hub.model(MODEL, formats(folder, "bin", sharded=True), branch="sharded")
    ran = reportgen(
        "run", "--model", MODEL, "--tokenizer", TOKENIZER, "--text", TEXT, "--revision", "sharded", "-q",
        "--format", "tables", "-o", str(tmp_path / "a"), hub=hub, home=tmp_path / "home",
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (0, f"{tmp_path / 'a'}\n")
    assert all(line.startswith("warning: Tokens near the ends") for line in ran.stderr.splitlines())  # of this text
    assert json.loads((tmp_path / "a" / "report.json").read_text())["provenance"]["revision"] == commit


def test_a_hub_that_cannot_be_reached_is_told_without_its_password(hub: Hub, tmp_path: Path) -> None:
    """Exit code 8, one line of fact and one of hint."""
    endpoint = "http://somebody:secret-word@127.0.0.1:9"
    ran = reportgen("run", "--model", MODEL, "--text", TEXT, hub=hub, home=tmp_path / "home", HF_ENDPOINT=endpoint)
    assert ran.returncode == 8
    fact, hint = ran.stderr.splitlines()
    assert fact.startswith(f"error: model {MODEL}: not cached, and the hub at http://127.0.0.1:9 cannot be")
    assert hint.startswith("hint: check the network")
    assert not (tmp_path / "reports").exists()
