"""Find a model or tokenizer, on disk or on the hub, and refuse it if using it would run foreign code.

Nothing is loaded here. Files of the hub are downloaded into the cache of its clients, each file once and all of one
commit; loading then reads a folder and never uses the network.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from reportgen.core import disk
from reportgen.core.config import DEMO, Config
from reportgen.core.errors import HubError, ModelError, RefusedError
from reportgen.data import hub

LOCAL = "local"  # the revision of a folder
CONFIG, TOKENIZER_CONFIG, ADAPTER = "config.json", "tokenizer_config.json", "adapter_config.json"
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)  # in the order in which transformers prefers them
SETTINGS = re.compile(  # files that describe a model or a tokenizer
    r"(?!.*\.index\.json|trainer_state\.json)[^/]*\.(json|jinja|txt|model|spm|codes|tokenizer|tiktoken)"
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model and its tokenizer, found and checked for foreign code."""

    name: str  # as the user wrote it
    location: str  # folder: the user's, or one of the hub's cache
    revision: str  # resolved commit on the hub; "local" for a folder of the user
    tokenizer: str  # as the user wrote it; the model's name where it is the model's own
    tokenizer_revision: str
    tokenizer_location: str | None = None  # folder, where it is not the model's

    @property
    def advice(self) -> str | None:
        """Advice if its files cannot be read; None for a local folder."""
        return None if self.revision == LOCAL else _verify(self.name, self.revision)

    @property
    def tokenizer_folder(self) -> Path:
        """The folder of the tokenizer's files."""
        return Path(self.tokenizer_location or self.location)

    def tokenizer_json(self, file: str) -> dict[str, Any] | None:
        """Content of a JSON file of the tokenizer, None if there is no such file.

        Raises:
            ModelError: If it is not JSON, or no object.
        """
        return _json(self.tokenizer, self.tokenizer_folder, file, self.tokenizer_revision)

    def weights_sha256(self) -> str:
        """Hash of the weight file, or of its shards' hashes in order; "" if it is not on this disk.

        Raises:
            ModelError: If a file of the hub has changed in the cache.
        """
        folder = Path(self.location)
        name = next((name for name in WEIGHTS if (folder / name).is_file()), None)
        files = [] if name is None else [folder / file for file in _shards(self, folder / name)]
        hashes = [_sha256(path, self) for path in files if path.is_file()]
        if len(hashes) < 2:
            return "".join(hashes)
        return hashlib.sha256("".join(hashes).encode()).hexdigest()

    def settings_sha256(self) -> str:
        """Hash of the files of the tokenizer, with their names; it identifies a local folder."""
        files = sorted(
            path for path in self.tokenizer_folder.glob("*") if SETTINGS.fullmatch(path.name) and path.is_file()
        )
        return hashlib.sha256("".join(f"{path.name} {_sha256(path, self)}\n" for path in files).encode()).hexdigest()


def named(config: Config) -> Checkpoint:
    """The model and the tokenizer that the configuration names, found and checked: see `find`."""
    return find(
        str(DEMO / "model") if config.model == "demo" else config.model,
        revision=config.revision,
        tokenizer=config.tokenizer,
        tokenizer_revision=config.tokenizer_revision,
    )


def exact(config: Config, found: Checkpoint) -> Config:
    """The configuration with the very commits of model and tokenizer."""
    if found.revision != LOCAL:
        config = replace(config, revision=found.revision)
    if (config.tokenizer or config.tokenizer_revision) and found.tokenizer_revision != LOCAL:
        config = replace(config, tokenizer_revision=found.tokenizer_revision)
    return config


def find(
    model: str, *, revision: str | None = None, tokenizer: str | None = None, tokenizer_revision: str | None = None
) -> Checkpoint:
    """Find *model* and its tokenizer and check them; afterwards their descriptions are on this disk.

    Args:
        model: Folder, or id on the hub.
        revision: Branch, tag or commit on the hub.
        tokenizer: Folder or id; the model's own if left out.
        tokenizer_revision: Branch, tag or commit of a tokenizer of its own.

    Raises:
        ModelError: If there is no such folder, or no config.json in it, or it is an adapter.
        HubError: If the hub cannot be reached, or does not give it.
        RefusedError: If it asks to run code that it brings along, or a file is a pipe.
    """
    folder, resolved = _fetch(model, revision, needed=CONFIG)
    if _file(folder, ADAPTER) is not None:
        raise ModelError(
            f"{model}: this is an adapter, not a whole model",
            hint="merge it into its model with PEFT's merge_and_unload()",
        )
    config = _json(model, folder, CONFIG, resolved)
    if config is None:
        raise ModelError(f"{model}: no config.json", hint="give a folder that save_pretrained() wrote, or a hub id")
    _refuse_code(model, CONFIG, config)
    other = tokenizer or model
    # subtle: the model's own is of the commit that was found, not of a branch that may have moved on
    own = other == model and tokenizer_revision in (None, revision)
    where, its_commit = (folder, resolved) if own else _fetch(other, tokenizer_revision, needed=None)
    _refuse_code(other, TOKENIZER_CONFIG, _json(other, where, TOKENIZER_CONFIG, its_commit) or {})
    return Checkpoint(model, str(folder), resolved, other, its_commit, None if own else str(where))


def fetch_weights(checkpoint: Checkpoint, *, require_safetensors: bool = False) -> tuple[Path, ...]:
    """The weight files on this disk: of one format, in one file or in shards.

    Raises:
        ModelError: If there are no weights, or a shard is missing.
        HubError: If the hub does not give them.
        RefusedError: If a shard lies elsewhere or is a pipe, or they are no safetensors and have to be.
    """
    folder, commit = Path(checkpoint.location), checkpoint.revision
    found = hub.look_up(checkpoint.name, revision=commit) if commit != LOCAL else None
    names = [name for name in WEIGHTS if (name in found.files if found else _file(folder, name) is not None)]
    if not names:
        if found is not None and found.cached:
            raise _not_cached(checkpoint.name, WEIGHTS[0])
        raise ModelError(
            f"{checkpoint.name}: no weights ({WEIGHTS[0]} or {WEIGHTS[2]})",
            hint="give a folder that save_pretrained() wrote, or a hub id",
        )
    if require_safetensors and not names[0].startswith(WEIGHTS[0]):
        raise RefusedError(
            f"{checkpoint.name}: has no safetensors weights",
            hint="convert them with save_pretrained(), or leave out --require-safetensors",
        )
    if found is not None:
        hub.download(checkpoint.name, names[0], commit=commit)
    shards = _shards(checkpoint, folder / names[0])
    for shard in shards:
        if found is not None and shard in found.files:
            hub.download(checkpoint.name, shard, commit=commit)
        elif found is not None and found.cached:
            raise _not_cached(checkpoint.name, shard)
        if _file(folder, shard) is None:
            raise ModelError(f"{checkpoint.name}: {names[0]} names {shard}, which is missing", hint=checkpoint.advice)
    return tuple(folder / shard for shard in shards)


def _fetch(name: str, revision: str | None, *, needed: str | None) -> tuple[Path, str]:
    """The folder of a model or tokenizer, with all that describes it, and the resolved revision."""
    if _is_path(name):
        if not _is_folder(name):
            raise ModelError(f"{name}: no such folder", hint="check the path, or give a hub id like org/name")
        folder = Path(name).expanduser()
        for path in sorted(folder.iterdir()):
            if SETTINGS.fullmatch(path.name):
                _file(folder, path.name)
        return folder, LOCAL
    if not hub.is_id(name):
        raise ModelError(f"{name}: neither a folder nor a hub id", hint="a hub id looks like org/name")
    found = hub.look_up(name, revision=revision)
    wanted = [file for file in found.files if SETTINGS.fullmatch(file)]
    if found.cached and (needed not in wanted if needed else not wanted):
        raise _not_cached(name, needed or "the tokenizer")
    for file in wanted:
        hub.download(name, file, commit=found.commit)
    return hub.folder(name) / "snapshots" / found.commit, found.commit


def _not_cached(name: str, what: str) -> HubError:
    return HubError(
        f"{name}: {what} is not cached, and the hub was not reached",
        hint="go online once, without --offline and HF_HUB_OFFLINE, or give a local folder",
    )


def _shards(checkpoint: Checkpoint, weights: Path) -> list[str]:
    """Names of the files that the weights are in, in order: those in an index, or the one file itself."""
    if weights.suffix != ".json":
        return [weights.name]
    index = _json(checkpoint.name, weights.parent, weights.name, checkpoint.revision) or {}
    try:
        names = sorted(set(index["weight_map"].values()))
        paths = [PurePosixPath(name) for name in names]
    except (KeyError, AttributeError, TypeError) as error:
        raise ModelError(
            f"{checkpoint.name}: {weights.name} is not an index of weights", hint=checkpoint.advice
        ) from error
    for path in paths:
        if path.is_absolute() or ".." in path.parts or "\\" in str(path):
            raise RefusedError(
                f"{checkpoint.name}: {weights.name} names a file outside the model ({path})",
                hint="write the model again with save_pretrained()",
            )
    return names


def _file(folder: Path, name: str) -> Path | None:
    """The file with that name in a folder, None if it does not exist.

    Raises:
        RefusedError: If it is a pipe, a socket or a device, which could be waited on without end.
    """
    path = folder / name
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return None
    if stat.S_ISREG(mode):
        return path
    if stat.S_ISDIR(mode):
        return None
    raise RefusedError(f"{path}: a pipe, a socket or a device, not a file", hint="give a folder of plain files")


def _json(name: str, folder: Path, file: str, revision: str) -> dict[str, Any] | None:
    """Content of a JSON file, None if there is no such file."""
    path = _file(folder, file)
    if path is None:
        return None
    hint = None if revision == LOCAL else _verify(name, revision)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{name}: {file} is not JSON: {error}", hint=hint) from error
    if not isinstance(content, dict):
        raise ModelError(f"{name}: {file} is not a JSON object", hint=hint)
    return content


def _verify(name: str, revision: str) -> str:
    return f"the cached copy may be damaged; check it with hf cache verify {name} --revision {revision}"


def _sha256(path: Path, checkpoint: Checkpoint) -> str:
    digest = disk.sha256(path)
    kept = path.resolve().name  # the cache calls large files by their hash
    if checkpoint.advice and re.fullmatch(r"[0-9a-f]{64}", kept) and kept != digest:
        raise ModelError(f"{checkpoint.name}: {path.name} differs from the file on the hub", hint=checkpoint.advice)
    return digest


def _is_path(name: str) -> bool:
    return _is_folder(name) or name.startswith((".", "/", "~")) or name.count("/") > 1


def _is_folder(name: str) -> bool:
    try:
        return Path(name).expanduser().is_dir()
    except (OSError, RuntimeError):  # a name too long for the file system; the home of an unknown user
        return False


def _refuse_code(name: str, file: str, content: object) -> None:
    """Walk the JSON for `auto_map`, which names Python code inside the checkpoint."""
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "auto_map" in value:
                raise RefusedError(
                    f"{name}: {file} would run its own code (auto_map)",
                    hint="use a model that transformers implements; reportgen never runs the code of a model",
                )
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
