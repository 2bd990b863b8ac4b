"""Find the files that hold a model's weights, get them onto this disk, and refuse those that are damaged.

Nothing is loaded here; see `weights.py`.
"""

from __future__ import annotations

from pathlib import Path

from reportgen.core.errors import ModelError, RefusedError
from reportgen.data import hub
from reportgen.model import file_kinds
from reportgen.model.checkpoint import Checkpoint, not_cached, shards
from reportgen.model.file_kinds import LOCAL, check_whole, plain_file


def fetch(checkpoint: Checkpoint, *, require_safetensors: bool = False) -> tuple[Path, ...]:
    """The weight files on this disk, whole: of one format, in one file or in shards.

    Raises:
        ModelError: If there are no weights, a shard is missing, or a file is not what its name says.
        HubError: If the hub does not give them.
        RefusedError: If a shard lies elsewhere or is a pipe, or they are no safetensors and have to be.
    """
    folder, commit = Path(checkpoint.location), checkpoint.revision
    found = hub.look_up(checkpoint.name, revision=commit) if commit != LOCAL else None
    there = found.files if found else None
    names = [
        name
        for name in checkpoint.weight_names
        if (name in there if there is not None else plain_file(folder, name) is not None)
    ]
    if not names:
        if found is not None and found.cached:
            raise not_cached(checkpoint.name, checkpoint.weight_names[0])
        raise _no_weights(checkpoint, there)
    if require_safetensors and ".safetensors" not in names[0]:
        raise RefusedError(
            f"{checkpoint.name}: has no safetensors weights",
            hint="convert them with save_pretrained(), or leave out --require-safetensors",
        )
    if found is not None:
        hub.download(checkpoint.name, names[0], commit=commit)
    files = shards(checkpoint, folder / names[0])
    for file in files:
        if found is not None and file in found.files:
            hub.download(checkpoint.name, file, commit=commit)
        elif found is not None and found.cached:
            raise not_cached(checkpoint.name, file)
        if plain_file(folder, file) is None:
            raise ModelError(
                f"{checkpoint.name}: {names[0]} names {file}, which is missing",
                hint=checkpoint.advice or f"copy {file} to {folder}, too",
            )
        check_whole(checkpoint.name, folder / file, advice=checkpoint.advice)
    return tuple(folder / file for file in files)


def _no_weights(checkpoint: Checkpoint, files: tuple[str, ...] | None) -> ModelError:
    """What to say of a model without weights: *files* are those on the hub, None for a folder."""
    name, folder = checkpoint.name, Path(checkpoint.location)
    if files is None:
        known = file_kinds.instead_of_a_model(name, folder)
    elif known := file_kinds.of_others(files, name="DIR"):
        known = known[0], f"download it with hf download {name} --local-dir DIR; then {known[1]}"
    wanted = " or ".join(name for name in checkpoint.weight_names if not name.endswith(".index.json"))
    return ModelError(
        f"{name}: no weights ({wanted})" + (f"; {known[0]}" if known else ""),
        hint=known[1] if known else "give a folder that save_pretrained() wrote, or a hub id",
    )
