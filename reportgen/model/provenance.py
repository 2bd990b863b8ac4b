"""Turn a run into what others need to know of it: to cite it, to run it again, to see which reports belong together."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from reportgen.core import characters, presets, private, versions
from reportgen.core.clock import Stage, now
from reportgen.core.config import Config, Recipe, recipe, recipe_digest
from reportgen.core.files import disk
from reportgen.core.nouns.records import Example, Provenance
from reportgen.data import hub
from reportgen.model import checkpoint
from reportgen.model.importance import importance_files

if TYPE_CHECKING:
    from reportgen.model.checkpoint import Checkpoint
    from reportgen.model.classifier import Classifier

READING = ("torch", "transformers", "tokenizers")  # packages that the analysis depends on


def of_run(config: Config, classifier: Classifier, example: Example, *, stages: tuple[Stage, ...] = ()) -> Provenance:
    """The run, its machine, and the versions."""
    found = classifier.checkpoint
    if example.dataset is not None and config.id is None:
        config = replace(config, pick=None, limit=None, index=example.index)
    own = exact(config, found, dataset_revision=example.revision)
    made = make_recipe(own, found, dataset=example.dataset, split=example.split, revision=example.revision)
    return Provenance(
        model=found.name if found.in_memory else characters.clean(private.public(config.model)),
        model_type=classifier.model.config.model_type,
        revision=found.revision,
        base=found.merged_into,
        weights_sha256=found.weights_sha256(),
        tokenizer=found.tokenizer
        if found.in_memory
        else characters.clean(private.public(found.tokenizer if found.base else config.tokenizer or config.model)),
        tokenizer_revision=found.tokenizer_revision,
        text_sha256=hashlib.sha256(example.text.encode()).hexdigest(),
        device=str(classifier.device),
        dtype=config.dtype,
        seed=config.seed,
        command=characters.clean(presets.command(own)),
        created=now().isoformat(timespec="seconds"),
        configuration=own.plain(),
        versions=versions.installed(*READING, *(("peft",) if found.base else ())),
        stages=stages,
        recipe=recipe_digest(made),
    )


def make_recipe(
    config: Config, found: Checkpoint, *, dataset: str | None, split: str | None, revision: str | None
) -> Recipe:
    """All that the reports of a split have in common. *config* names the very commits that are used.

    Without names, what they name is still there by its hash.
    """
    own = config.plain()
    if (config.no_text or config.redact is not None) and not hub.COMMIT.fullmatch(revision or ""):
        revision = None  # a hash of the data: hidden words could be found by trying names on it
    if config.anonymous:
        own, dataset, revision = private.without_names(own), None, disk.key(revision=revision)
    return recipe(
        own,
        model={"revision": None if config.anonymous else found.revision, "weights": found.weights_sha256()},
        tokenizer={
            "revision": None if config.anonymous else found.tokenizer_revision,
            "files": found.settings_sha256(),
        },
        dataset={"name": dataset, "split": split, "revision": revision},
        importance={"file": importance_files.sha256(config.importance)},
        version=versions.installed(*READING),
    )


def exact(config: Config, found: Checkpoint, *, dataset_revision: str | None) -> Config:
    """The configuration with the very commits that are used."""
    config = checkpoint.exact(config, found)
    commit = dataset_revision if hub.COMMIT.fullmatch(dataset_revision or "") else None
    return replace(config, dataset_revision=commit or config.dataset_revision)
