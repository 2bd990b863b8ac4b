"""Turn the configuration of a stored report into one whose model and data are found on this machine.

A report names its files without the folders that they were in, so that it can be published. The model can be named
again; the text and the head importance are in the report itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from reportgen.core import presets
from reportgen.core.config import Config
from reportgen.core.errors import DataError, ModelError, UsageError
from reportgen.core.files import disk
from reportgen.core.nouns.records import Example, Report
from reportgen.core.private import WITHHELD
from reportgen.data import choice, hub, redact, sources
from reportgen.model import checkpoint, outputs
from reportgen.model.checkpoint import Checkpoint
from reportgen.model.file_kinds import LOCAL
from reportgen.model.importance import importance_files


class Relocated(NamedTuple):
    """What a report can be made again with."""

    config: Config
    stored: tuple[str, ...]  # "dataset", "importance": not here, so that the report's own data take their place


def relocate(report: Report, folder: Path, places: Mapping[str, str], *, command: str = "rerun") -> Relocated:
    """The configuration of *report*, with *places* for its files.

    Args:
        report: From *folder*.
        folder: For the hint.
        places: Where model, tokenizer, dataset, file and importance are now, by the names of `Config`.
        command: For the hint.

    Raises:
        UsageError: If the model or the tokenizer was a folder that is not here.
    """
    made = report.provenance
    given: dict[str, Any] = {**places}
    config = replace(Config.restored(made.configuration, text=report.example.text), **given)
    config = _without_commits(config, places)
    config = replace(config, redact=None, no_text=False)  # what the report hides, it knows itself
    if config.preset not in presets.names():  # its settings are in the configuration
        config = replace(config, preset=None)
    for name, revision in (("model", made.revision), ("tokenizer", made.tokenizer_revision)):
        wanted = getattr(config, name)
        if (
            wanted not in (None, "demo")
            and name not in places
            and revision in (LOCAL, WITHHELD)
            and not _here(wanted).is_dir()
        ):
            raise UsageError(
                f"{disk.shown(folder)}: its {name}, {wanted}, is not in the current folder",
                hint=f"name it: reportgen {command} {disk.shown(folder)} --{name} PATH",
            )
    stored = []
    if "dataset" not in places and _is_gone(config.dataset, report.example.revision):
        stored.append("dataset")
    path = importance_files.named(config.importance)
    computed = config.importance == "auto" and "dataset" in stored
    if "importance" not in places and (computed or (path is not None and not path.is_file())):
        stored.append("importance")
        config = replace(config, importance="none")
    return Relocated(config, tuple(stored))


def _without_commits(config: Config, places: Mapping[str, str]) -> Config:
    """The configuration without the revisions of what was on the hub and is a folder or file now."""
    here = {
        "model": ("revision", "base_revision") if checkpoint.is_local(config.model) else (),
        "tokenizer": ("tokenizer_revision",) if checkpoint.is_local(config.tokenizer or "") else (),
        "dataset": ("dataset_revision", "dataset_config") if sources.is_local(config.dataset or "") else (),
    }
    gone: dict[str, Any] = {name: None for place in here.keys() & set(places) for name in here[place]}
    return replace(config, **gone)


def example_of(report: Report, made: Relocated, folder: Path, *, command: str) -> Example:
    """The example that the model read: the stored one, or, where words of it are hidden, that of its source.

    A row of a dataset that is here is read again in any case.

    Args:
        report: From *folder*.
        made: From `relocate`.
        folder: For the hint.
        command: For the hint.

    Raises:
        UsageError: If the source of a text with hidden words is not here.
        DataError: If it is another text, or cannot be read.
    """
    config, example, gone = made.config, report.example, "dataset" in made.stored
    if report.redaction is None and (config.dataset is None or gone):
        return example
    at_hand = config.dataset is not None and not gone
    if not at_hand and (config.file in (None, "-") or not _here(config.file or "").is_file()):
        option = "file" if config.dataset is None else "dataset"
        raise UsageError(
            f"{disk.shown(folder)}: words of its text are hidden, and the {option} with the text is not here",
            hint=f"name it: reportgen {command} {disk.shown(folder)} --{option} PATH",
        )
    chosen = replace(config, text=None, file=None if at_hand else config.file)
    if report.redaction is not None and at_hand:  # its id may be hidden
        chosen = replace(chosen, id=None, pick=None, limit=None, index=example.index)
    read = choice.choose(chosen, partial(outputs.names_before_loading, config))
    hidden = report.redaction
    if hidden and (len(read.text) != len(example.text) or redact.hidden(read.text, hidden.spans) != example.text):
        raise DataError(f"{disk.shown(folder)}: the source has another text than the report", hint="name the right one")
    return replace(read, name=example.name, picked=example.picked)


def asked_of_hub(made: Relocated) -> tuple[str, ...]:
    """What the hub will be asked for, before it is asked: "model org/name at 1f2e3d4c5b6a"; () offline."""
    from huggingface_hub import constants

    config = made.config
    dataset = None if "dataset" in made.stored else config.dataset
    named = [
        ("model", config.model, config.revision, checkpoint.is_local),
        ("tokenizer", config.tokenizer, config.tokenizer_revision, checkpoint.is_local),
        ("dataset", dataset, config.dataset_revision, sources.is_local),
    ]
    asked = [(kind, name, at) for kind, name, at, local in named if name not in (None, "demo") and not local(name)]
    written = (f"{kind} {name}" + (f" at {at[:12]}" if at else "") for kind, name, at in asked)
    return () if constants.is_offline_mode() else tuple(written)


def check_weights(found: Checkpoint, report: Report) -> None:
    """Check that a model that was named again is the one that has made the report.

    Raises:
        ModelError: If it has other weights.
    """
    made, now = report.provenance.weights_sha256, found.weights_sha256()
    if made != now:
        raise ModelError(
            f"{found.name}: not the model of the report: the SHA-256 of its weights starts with {now[:12] or 'nothing'}"
            f", in the report with {made[:12] or 'nothing'}",
            hint="name the folder that the report was made with",
        )


def _is_gone(dataset: str | None, revision: str | None) -> bool:
    """Whether a dataset was a file or folder that is not here."""
    local = dataset not in (None, "demo") and not hub.COMMIT.fullmatch(revision or "")
    return local and not _here(dataset or "").exists()


def _here(name: str) -> Path:
    """The path of a file that a report names; version 0.1.0 has written ~ for the home."""
    return Path(name).expanduser() if name.startswith("~/") else Path(name)
