"""Find a model or tokenizer, on disk or on the hub, and refuse it if using it would run somebody else's code.

Nothing is loaded here. Files of the hub are fetched through huggingface_hub, which honours HF_HOME, HF_TOKEN,
HF_ENDPOINT and HF_HUB_OFFLINE.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reportgen.errors import HubError, ModelError, RefusedError

WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)  # in the order in which transformers prefers them


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model and its tokenizer, found and checked for foreign code."""

    name: str  # as the user wrote it
    location: str  # folder, or id on the hub
    revision: str  # resolved commit on the hub; "local" for a folder
    tokenizer: str  # folder, or id on the hub
    tokenizer_revision: str

    @property
    def hub(self) -> dict[str, Any]:
        """Arguments that make transformers load exactly this revision."""
        return _hub_arguments(self.revision)

    @property
    def tokenizer_hub(self) -> dict[str, Any]:
        """The same for the tokenizer."""
        return _hub_arguments(self.tokenizer_revision)

    def weights_sha256(self) -> str:
        """Hash of the weight file, or of its shards' hashes in order; "" where it is not on this disk."""
        hashes = [_sha256(path) for path in self._weight_files()]
        if len(hashes) < 2:
            return "".join(hashes)
        return hashlib.sha256("".join(hashes).encode()).hexdigest()

    def _weight_files(self) -> list[Path]:
        for name in WEIGHTS:
            path = _local(self.location, name, self.revision)
            if path is None:
                continue
            if not name.endswith(".json"):
                return [path]
            shards = sorted(set(json.loads(path.read_text())["weight_map"].values()))
            found = [_local(self.location, shard, self.revision) for shard in shards]
            return [shard for shard in found if shard is not None]
        return []


def find(model: str, *, revision: str | None = None, tokenizer: str | None = None) -> Checkpoint:
    """Find *model* and its tokenizer and check them.

    Args:
        model: Folder, or id on the hub.
        revision: Branch, tag or commit on the hub.
        tokenizer: Folder or id; the model's own if left out.

    Raises:
        ModelError: If there is no such folder, or no config.json in it.
        HubError: If the hub cannot be reached, or does not give it.
        RefusedError: If it asks to run code that it brings along.
    """
    config, resolved = _json(model, "config.json", revision)
    if config is None:
        raise ModelError(f"{model}: no config.json", hint="give a folder that save_pretrained() wrote, or a hub id")
    _refuse_code(model, "config.json", config)
    other = tokenizer or model
    # subtle: of the commit that was found, not of a branch that may have moved on between the two
    settings, tokenizer_resolved = _json(other, "tokenizer_config.json", resolved if other == model else None)
    _refuse_code(other, "tokenizer_config.json", settings or {})
    return Checkpoint(model, _location(model), resolved, _location(other), tokenizer_resolved)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hub_arguments(revision: str) -> dict[str, Any]:
    own = {"trust_remote_code": False}
    return own if revision == "local" else {**own, "revision": revision}


def _location(name: str) -> str:
    return str(Path(name).expanduser()) if _is_path(name) else name


def _is_path(name: str) -> bool:
    return _is_folder(name) or name.startswith((".", "/", "~")) or name.count("/") > 1


def _is_folder(name: str) -> bool:
    try:
        return Path(name).expanduser().is_dir()
    except (OSError, RuntimeError):  # a name too long for the file system; the home of a user who is none
        return False


def _local(location: str, file: str, revision: str) -> Path | None:
    if revision == "local":
        path = Path(location) / file
        return path if path.is_file() else None
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(location, file, revision=revision)
    return Path(cached) if isinstance(cached, str) else None


def _json(name: str, file: str, revision: str | None) -> tuple[dict[str, Any] | None, str]:
    """Content of a JSON file of a checkpoint, None if it has no such file, and the resolved revision."""
    if _is_path(name):
        if not _is_folder(name):
            raise ModelError(f"{name}: no such folder", hint="check the path, or give a hub id like org/name")
        folder = Path(name).expanduser()
        path: Path | None = folder / file
        resolved = "local"
    else:
        path, resolved = _download(name, file, revision)
    if path is None or not path.is_file():
        return None, resolved
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{name}: {file} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{name}: {file} is not a JSON object")
    return content, resolved


def _download(repository: str, file: str, revision: str | None) -> tuple[Path | None, str]:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        path = Path(hf_hub_download(repository, file, revision=revision))
    except LocalEntryNotFoundError as error:
        raise HubError(
            f"{repository}: not in the cache, and the hub cannot be reached",
            hint="go online once, or give a local folder with --model",
        ) from error
    except GatedRepoError as error:
        raise HubError(f"{repository}: access has to be asked for", hint="ask on its page, set HF_TOKEN") from error
    except RevisionNotFoundError as error:
        raise HubError(f'{repository}: no revision "{revision}"', hint="check --revision") from error
    except RepositoryNotFoundError as error:
        raise HubError(
            f"{repository}: not on the hub, or private", hint="check the name; a private one needs HF_TOKEN"
        ) from error
    except EntryNotFoundError as error:
        headers = getattr(getattr(error, "response", None), "headers", {})
        return None, headers.get("x-repo-commit") or revision or "main"
    except HFValidationError as error:
        raise ModelError(f"{repository}: neither a folder nor a hub id", hint="a hub id looks like org/name") from error
    except (HfHubHTTPError, OSError) as error:
        raise HubError(f"{repository}: {error}", hint="check the network, or use --offline") from error
    return path, path.parent.name  # .../snapshots/<commit>/<file>


def _refuse_code(name: str, file: str, content: object) -> None:
    """Walk the JSON for `auto_map`, which names Python code inside the checkpoint."""
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "auto_map" in value:
                raise RefusedError(
                    f"{name}: {file} asks to run code of its own (auto_map)",
                    hint="use a model that transformers itself implements; reportgen never runs a model's code",
                )
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
