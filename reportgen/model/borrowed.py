"""Turn a model and a tokenizer that somebody has loaded into a `Classifier`, and leave both as they were.

Nothing is read from disk, nothing is moved to another device. The tokenizer is copied: asking it changes how it cuts
and pads. The model is used as it is, with its hooks and adapters: what they change belongs to what it says.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Unpack

import torch
from torch import Tensor, nn
from transformers import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from reportgen.core.characters import clean
from reportgen.core.config import DTYPES
from reportgen.core.errors import ModelError, UsageError
from reportgen.core.private import public
from reportgen.model.checkpoint import Checkpoint
from reportgen.model.classifier import Classifier, Options, of
from reportgen.model.file_kinds import LOCAL
from reportgen.model.guards import IN_MEMORY
from reportgen.model.loading.adapter import MIXING
from reportgen.model.tokenizing.tokenizer import settle


@dataclass(frozen=True, slots=True)
class InMemory(Checkpoint):
    """A model that has no files, or whose files may say something else than it does by now."""

    tokenizer_sha256: str = ""

    def weights_sha256(self) -> str:
        """Not known: hashes of reports are those of files."""
        return ""

    def settings_sha256(self) -> str:
        """Hash of the tokenizer."""
        return self.tokenizer_sha256

    def tokenizer_json(self, file: str) -> dict[str, Any] | None:
        """No files, so none of this name."""
        return None


def bare(model: Any) -> PreTrainedModel:
    """The classifier in what wraps it: `torch.compile`, data parallelism, PEFT with its adapter still in place.

    Raises:
        UsageError: If it is no model of the transformers library.
        ModelError: If it is no sequence classifier, its adapter is no part of the layers, or weights are elsewhere.
    """
    found = model
    while not isinstance(found, PreTrainedModel):
        if getattr(getattr(found, "active_peft_config", None), "is_prompt_learning", False):
            raise ModelError(
                f"{type(found).__name__}: its adapter adds tokens of its own, which no text has",
                hint="use an adapter that changes the layers, like LoRA",
            )
        if getattr(getattr(found, "active_peft_config", None), "peft_type", None) == "LILY":
            raise ModelError(
                f"{type(found).__name__}: its adapter (LILY) {MIXING['LILY']}, so what it says of a text depends on "
                "the others",
                hint="use an adapter that reads each text by itself, like LoRA",
            )
        inner = found.get_base_model() if hasattr(found, "get_base_model") else None
        found = inner or getattr(found, "_orig_mod", None) or getattr(found, "module", None)
        if found is None:
            raise UsageError(
                f"model: {type(model).__name__} is no model of the transformers library",
                hint="give what AutoModelForSequenceClassification.from_pretrained() returns, or a name",
            )
    classes: Any = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING
    if not isinstance(found, classes.get(type(found.config), ())):
        raise ModelError(
            f"{type(found).__name__}: not a sequence classifier of the transformers library",
            hint="load it with AutoModelForSequenceClassification",
        )
    elsewhere = next((name for name, weight in found.named_parameters() if weight.is_meta), None)
    if elsewhere is not None:
        raise ModelError(
            f"{type(found).__name__}: not all of its weights are in memory ({elsewhere} is on the device meta)",
            hint="load it whole, without a device_map that leaves weights on disk",
        )
    return found  # type: ignore[no-any-return]  # what is inside a wrapper has no type


def dtype(model: PreTrainedModel) -> str:
    """The precision of the weights, as `--dtype` names it.

    Raises:
        ModelError: If it is another.
    """
    found = str(model.dtype).removeprefix("torch.")
    if found not in DTYPES:
        raise ModelError(
            f"{named(model)}: its weights are {found}, which is not supported",
            hint=f"convert it: model.to(torch.float32); known are {', '.join(DTYPES)}",
        )
    return found


def named(model: PreTrainedModel) -> str:
    """The name of a model for readers: where it came from, or its class."""
    origin = str(getattr(model.config, "_name_or_path", "") or "")
    return f"{clean(public(origin)) if origin else type(model).__name__} ({IN_MEMORY})"


def classifier(model: PreTrainedModel, tokenizer: Any, **options: Unpack[Options]) -> Classifier:
    """The classifier of a model that is loaded already; use it while `unchanged` is open.

    Args:
        model: From `bare`, on any device.
        tokenizer: Of transformers; a copy of it is used.
        options: How it reads and predicts.

    Raises:
        UsageError: If the tokenizer is none of the transformers library, or an option does not fit the model.
        ModelError: If no report can be made of this type of model.
    """
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise UsageError(
            f"tokenizer: {type(tokenizer).__name__} is no tokenizer of the transformers library",
            hint="give what AutoTokenizer.from_pretrained() returns",
        )
    name = named(model)
    own: Any = copy.deepcopy(tokenizer)
    own.truncation_side = "right"  # the first tokens are kept
    if own.is_fast:
        settle(own.backend_tokenizer)
    return of(model, own, InMemory(name, "", LOCAL, name, LOCAL, tokenizer_sha256=_digest(own)), **options)


def _digest(tokenizer: Any) -> str:
    """The hash of what a tokenizer does; of one that is not fast, of its vocabulary."""
    content = tokenizer.backend_tokenizer.to_str() if tokenizer.is_fast else repr(sorted(tokenizer.get_vocab().items()))
    return hashlib.sha256(content.encode()).hexdigest()


@contextlib.contextmanager
def unchanged(model: PreTrainedModel) -> Iterator[None]:
    """While open, the model is in evaluation mode; afterwards it is as before, and so are torch's random numbers.

    Kept are the attributes of every module (mode, hooks, submodules, buffers) and of every configuration, whatever
    happens in between. Parameters are not copied: nothing in an analysis writes to them, and which of them take
    gradients, `guards.gradients_of` gives back. Gradients that they hold stay.
    """
    kept = [_Kept(holder) for holder in (*model.modules(), *_configurations(model))]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    # subtle: seeding reaches all devices, also those that the model is not on
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()  # type: ignore[no-untyped-call]
    mps = torch.backends.mps.is_available()
    with contextlib.ExitStack() as forks:
        forks.enter_context(torch.random.fork_rng(devices=gpus))
        if mps:
            forks.enter_context(torch.random.fork_rng(devices=[0], device_type="mps"))
        model.train(mode=False)
        try:
            yield
        finally:
            for one in kept:
                one.restore()
            _write_back(buffers)


@torch.no_grad()
def _write_back(buffers: list[tuple[Tensor, Tensor]]) -> None:
    for buffer, before in buffers:
        if not torch.equal(buffer, before):
            buffer.copy_(before)


def _configurations(model: nn.Module) -> list[PreTrainedConfig]:
    """Every configuration that a module reads, and those inside of them, each once."""
    waiting = [getattr(module, "config", None) for module in model.modules()]
    found: dict[int, PreTrainedConfig] = {}
    while waiting:
        one = waiting.pop()
        if isinstance(one, PreTrainedConfig) and id(one) not in found:
            found[id(one)] = one
            waiting += vars(one).values()
    return list(found.values())


class _Kept:
    """The attributes of an object, and what is in those that are dictionaries: hooks, submodules, buffers."""

    def __init__(self, holder: Any) -> None:
        self._holder = vars(holder)
        self._before = dict(self._holder)
        self._inside = [(value, dict(value)) for value in self._before.values() if isinstance(value, dict)]

    def restore(self) -> None:
        """Make them what they were."""
        for now, before in ((self._holder, self._before), *self._inside):
            if now.keys() != before.keys() or any(now[name] is not before[name] for name in before):
                now.clear()
                now.update(before)
