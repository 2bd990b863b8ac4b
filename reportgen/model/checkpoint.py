"""Find a model or tokenizer, on disk or on the hub, and refuse it if using it would run foreign code.

Nothing is loaded here. Files of the hub are downloaded into the cache of its clients, each file once and all of one
commit; loading then reads a folder and never uses the network.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import importlib.util
import re
import threading
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from reportgen.core.characters import clean
from reportgen.core.config import DEMO, Config
from reportgen.core.errors import HubError, ModelError, RefusedError, UsageError
from reportgen.core.files import disk
from reportgen.core.private import public
from reportgen.data import hub
from reportgen.model import file_kinds
from reportgen.model.file_kinds import ADAPTER_WEIGHTS, LOCAL, WEIGHTS, advice, check_whole, plain_file, read_json

CONFIG, TOKENIZER_CONFIG, TOKENIZER = "config.json", "tokenizer_config.json", "tokenizer.json"
ADAPTER = "adapter_config.json"
TOKENIZERS = re.compile(r"tokenizer(_config)?\.json|vocab\.(json|txt)|[^/]*\.(model|spm)")  # files of a tokenizer
WEIGHT_SUFFIXES = (".gguf", ".safetensors", ".bin", ".pt", ".pth", ".h5", ".onnx")  # of files, never of hub ids
SETTINGS = re.compile(  # files that describe a model or a tokenizer
    r"(?!.*\.index\.json|trainer_state\.json)[^/]*\.(json|jinja|txt|model|spm|codes|tokenizer|tiktoken)"
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model and its tokenizer, found and checked for foreign code."""

    name: str  # as the user wrote it
    location: str  # folder: the user's, or one of the hub's cache; "" in memory, see `borrowed.py`
    revision: str  # resolved commit on the hub; "local" for a folder of the user
    tokenizer: str  # as the user wrote it; the model's name where it is the model's own
    tokenizer_revision: str
    tokenizer_location: str | None = None  # folder, where it is not the model's
    base: Checkpoint | None = None  # the model that this is an adapter of; None for a whole model

    @property
    def in_memory(self) -> bool:
        """Whether it was loaded by somebody else, and has no folder."""
        return not self.location

    @property
    def weight_names(self) -> tuple[str, ...]:
        """Names that its weight file can have, the preferred first."""
        return ADAPTER_WEIGHTS if self.base else WEIGHTS

    @property
    def merged_into(self) -> str:
        """For a reader: the model that this is an adapter of, with its revision; "" for a whole model."""
        return f"{clean(public(self.base.name))}, revision {self.base.revision}" if self.base else ""

    @property
    def advice(self) -> str | None:
        """Advice if its files cannot be read; None for a local folder."""
        return advice(self.name, self.revision)

    @property
    def tokenizer_folder(self) -> Path:
        """The folder of the tokenizer's files."""
        return Path(self.tokenizer_location or self.location)

    def tokenizer_json(self, file: str) -> dict[str, Any] | None:
        """Content of a JSON file of the tokenizer, None if there is no such file.

        Raises:
            ModelError: If it is not JSON, or no object.
        """
        return read_json(self.tokenizer, self.tokenizer_folder, file, self.tokenizer_revision)

    def weights_sha256(self) -> str:
        """Hash of the weight file, or of the hashes of its shards in order; "" if it is not on this disk.

        That of an adapter covers its model, too: it is the hash of both hashes.

        Raises:
            ModelError: If a file of the hub has changed in the cache.
        """
        folder = Path(self.location)
        name = next((name for name in self.weight_names if (folder / name).is_file()), None)
        files = [] if name is None else [folder / file for file in shards(self, folder / name)]
        hashes = [_sha256(path, self) for path in files if path.is_file()]
        if self.base is not None:
            hashes.append(self.base.weights_sha256())
        if len(hashes) < 2:
            return "".join(hashes)
        return hashlib.sha256("".join(hashes).encode()).hexdigest()

    def hash_ahead(self) -> None:
        """Begin to hash the weights while they are loaded; an error comes when the hash is asked for."""

        def work() -> None:
            with contextlib.suppress(Exception):
                self.weights_sha256()

        threading.Thread(target=work, daemon=True).start()

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
        base_revision=config.base_revision,
    )


def exact(config: Config, found: Checkpoint) -> Config:
    """The configuration with the very commits of model and tokenizer."""
    if found.revision != LOCAL:
        config = replace(config, revision=found.revision)
    if (config.tokenizer or config.tokenizer_revision) and found.tokenizer_revision != LOCAL:
        config = replace(config, tokenizer_revision=found.tokenizer_revision)
    if found.base is not None and found.base.revision != LOCAL:
        config = replace(config, base_revision=found.base.revision)
    return config


def find(
    model: str,
    *,
    revision: str | None = None,
    tokenizer: str | None = None,
    tokenizer_revision: str | None = None,
    base_revision: str | None = None,
    whole: bool = False,
) -> Checkpoint:
    """Find *model* and its tokenizer and check them; afterwards their descriptions are on this disk.

    Args:
        model: Folder, or id on the hub: a whole model, or an adapter.
        revision: Branch, tag or commit on the hub.
        tokenizer: Folder or id; the model's own if left out.
        tokenizer_revision: Branch, tag or commit of a tokenizer of its own.
        base_revision: Branch, tag or commit of the model that *model* is an adapter of.
        whole: Refuse an adapter.

    Raises:
        ModelError: If there is no such folder, or no config.json in it, or it is an adapter that cannot be merged.
        HubError: If the hub cannot be reached, or does not give it.
        RefusedError: If it asks to run code that it brings along, or a file is a pipe.
    """
    folder, resolved, files = _fetch(model, revision, needed=(CONFIG, ADAPTER))
    if whole and ADAPTER in files:
        raise ModelError(f"{model}: the model of an adapter is an adapter itself", hint="merge it into its model first")
    base = _find_base(model, folder, resolved, files, base_revision) if ADAPTER in files else None
    if base is None and base_revision is not None:
        raise UsageError(f"--base-revision {base_revision}: {model} is a whole model, not an adapter")
    config = read_json(model, folder, CONFIG, resolved)
    if config is None and base is None:
        raise _no_config(model, folder, resolved)
    _refuse_code(model, CONFIG, config or {})
    if tokenizer or tokenizer_revision or base is None or any(TOKENIZERS.fullmatch(file) for file in files):
        other = tokenizer or model
        # subtle: the model's own is of the commit that was found, not of a branch that may have moved on
        own = other == model and tokenizer_revision in (None, revision)
        where, commit = (folder, resolved) if own else _fetch(other, tokenizer_revision, needed=())[:2]
    else:
        other, own, where, commit = base.name, False, Path(base.location), base.revision
    _refuse_code(other, TOKENIZER_CONFIG, read_json(other, where, TOKENIZER_CONFIG, commit) or {})
    check_whole(other, where / TOKENIZER, advice=advice(other, commit))
    return Checkpoint(model, str(folder), resolved, other, commit, None if own else str(where), base)


def _find_base(
    model: str, folder: Path, revision: str, files: tuple[str, ...], base_revision: str | None
) -> Checkpoint:
    """The model that the adapter in *folder* belongs to, found and checked like any other.

    Raises:
        ModelError: If PEFT is not installed, or its model cannot be told.
    """
    adapter = read_json(model, folder, ADAPTER, revision) or {}
    if set(files) & set(WEIGHTS):
        raise ModelError(
            f"{model}: {ADAPTER} says that this is an adapter, not a whole model, and there are whole weights, too",
            hint=f"if the adapter is merged into the weights, remove {ADAPTER} and the adapter_model file; "
            "if not, keep the adapter in a folder of its own",
        )
    if importlib.util.find_spec("peft") is None:
        raise ModelError(
            f"{model}: this is an adapter, not a whole model, and PEFT is not installed",
            hint='run pip install "reportgen[peft]", or merge it into its model with PEFT\'s merge_and_unload()',
        )
    name = adapter.get("base_model_name_or_path")
    if not isinstance(name, str) or not name:
        raise ModelError(
            f"{model}: {ADAPTER} does not name the model that it belongs to (base_model_name_or_path)",
            hint=f"write the folder or the hub id of that model into {ADAPTER}",
        )
    if revision != LOCAL and _is_path(name):
        raise ModelError(
            f"{model}: belongs to {name}, a folder on the machine of its author",
            hint=f"download it with hf download {model} --local-dir DIR, and write the hub id of that model into "
            f"DIR/{ADAPTER}",
        )
    beside = folder / name
    if not _is_folder(name) and not Path(name).is_absolute() and beside.is_dir():
        name = str(beside)
    if _is_path(name) and not _is_folder(name):
        raise ModelError(
            f"{model}: belongs to {name}, which is not there",
            hint=f"write the folder or the hub id of that model into base_model_name_or_path in {folder / ADAPTER}",
        )
    wanted = adapter.get("revision") if isinstance(adapter.get("revision"), str) else None
    return find(name, revision=base_revision or (None if is_local(name) else wanted) or None, whole=True)


def _no_config(model: str, folder: Path, revision: str) -> ModelError:
    """What to say of a folder without config.json."""
    known = file_kinds.instead_of_a_model(model, folder) if revision == LOCAL else None
    return ModelError(
        f"{model}: no {CONFIG}" + (f"; {known[0]}" if known else ""),
        hint=known[1] if known else "give a folder that save_pretrained() wrote, or a hub id",
    )


def _fetch(name: str, revision: str | None, *, needed: tuple[str, ...]) -> tuple[Path, str, tuple[str, ...]]:
    """The folder of a model or tokenizer, with all that describes it; the resolved revision; the names of its files.

    Args:
        name: Folder, or id on the hub.
        revision: Branch, tag or commit on the hub.
        needed: Files of which one has to be there; () for any that describes a tokenizer.
    """
    if is_local(name):
        if not _is_folder(name):
            raise _no_folder(name, "--model" if needed else "--tokenizer")
        if revision is not None:
            raise UsageError(
                f"revision {clean(revision)}: {clean(name)} is a folder, and only what is on the hub has revisions",
                hint="leave out --revision, --base-revision or --tokenizer-revision",
            )
        folder = Path(name).expanduser()
        for path in sorted(folder.iterdir()):
            if SETTINGS.fullmatch(path.name):
                plain_file(folder, path.name)
        return folder, LOCAL, tuple(path.name for path in folder.iterdir() if path.is_file())
    near = _near(name)
    if not hub.is_id(name):
        plain, _, commit = name.partition("@")
        split = f"use {plain} with --revision {commit}" if hub.is_id(plain) and hub.is_id(commit) else None
        raise ModelError(f"{name}: neither a folder nor a hub id", hint=near or split or "a hub id looks like org/name")
    try:
        found = hub.look_up(name, revision=revision)
    except HubError as error:  # that it was a folder is at least as likely
        hint = near or f"{error.hint}; if it is a folder here, check its path"
        raise HubError(error.message, hint=hint) from error
    wanted = [file for file in found.files if SETTINGS.fullmatch(file)]
    if found.cached and (not set(needed) & set(wanted) if needed else not wanted):
        raise not_cached(name, needed[0] if needed else "the tokenizer")
    for file in wanted:
        hub.download(name, file, commit=found.commit)
    return hub.folder(name) / "snapshots" / found.commit, found.commit, found.files


def _near(name: str) -> str | None:
    """A hint: the folder of a model that is written alike; None without one."""
    wanted = Path(name)
    try:
        known = {path.name: path for path in wanted.parent.iterdir() if (path / CONFIG).is_file()}
    except (OSError, ValueError):
        return None
    alike = difflib.get_close_matches(wanted.name, known, n=1)
    return f"did you mean the folder {known[alike[0]]}?" if alike else None


def is_local(name: str) -> bool:
    """Whether a model or tokenizer is a folder, or looks like one; the hub is not asked for it."""
    return _is_path(name) or _is_file(name) or Path(name).suffix in WEIGHT_SUFFIXES


def _no_folder(name: str, option: str) -> ModelError:
    """What to say of a path that is no folder."""
    path = Path(name)
    if _is_file(name):
        ours = path.name in (CONFIG, *WEIGHTS, *ADAPTER_WEIGHTS)
        known = None if ours else file_kinds.of_others([path.name], name=str(path.parent))
        beside = f"give its folder: {option} {path.parent}" if (path.parent / CONFIG).is_file() else None
        return ModelError(
            f"{name}: a file, not the folder of a model" + (f" ({known[0]})" if known else ""),
            hint=known[1] if known else beside or "give a folder that save_pretrained() wrote, or a hub id",
        )
    address = re.fullmatch(r"https?://huggingface\.co/([^/]+/[^/]+).*", name)
    if address:
        return ModelError(f"{name}: an address, not a hub id", hint=f"use {option} {address[1]}")
    return ModelError(f"{name}: no such folder", hint=_near(name) or "check the path, or give a hub id like org/name")


def not_cached(name: str, what: str) -> HubError:
    """A file of the hub that is needed, with the hub out of reach."""
    return HubError(
        f"{name}: {what} is not cached, and the hub was not reached",
        hint="go online once, without --offline and HF_HUB_OFFLINE, or give a local folder",
    )


def shards(checkpoint: Checkpoint, weights: Path) -> list[str]:
    """Names of the files that the weights are in, in order: those in an index, or the one file itself.

    Raises:
        ModelError: If the index is not one.
        RefusedError: If it names a file outside the model.
    """
    if weights.suffix != ".json":
        return [weights.name]
    index = read_json(checkpoint.name, weights.parent, weights.name, checkpoint.revision) or {}
    try:
        names = sorted(set(index["weight_map"].values()))
        paths = [PurePosixPath(name) for name in names]
        if not names:
            raise KeyError("weight_map")
    except (KeyError, AttributeError, TypeError) as error:
        raise ModelError(
            f"{checkpoint.name}: {weights.name} is not an index of weights: no weight_map with the file of each",
            hint=checkpoint.advice or f"copy {weights.name} again from where the model was saved",
        ) from error
    for path in paths:
        if path.is_absolute() or ".." in path.parts or "\\" in str(path):
            raise RefusedError(
                f"{checkpoint.name}: {weights.name} names a file outside the model ({path})",
                hint="write the model again with save_pretrained()",
            )
    return names


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


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:
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
