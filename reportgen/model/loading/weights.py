"""Load a model: its configuration and its weights.

Weights are never unpickled and never random: a weight missing from the checkpoint is an error.
"""

from __future__ import annotations

import pickle
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

from reportgen.core.errors import ModelError, RefusedError
from reportgen.model.checkpoint import Checkpoint
from reportgen.model.guards import ALONE

BROKEN = (  # what transformers lets through when a checkpoint is damaged or is not what its config says
    *(OSError, ValueError, KeyError, TypeError, RuntimeError, AssertionError, EOFError),
    *(SafetensorError, StrictDataclassError),
)
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def load_config(checkpoint: Checkpoint) -> Any:
    """The configuration of the model.

    Raises:
        ModelError: If it cannot be read.
    """
    try:
        return AutoConfig.from_pretrained(checkpoint.location, **ALONE)
    except BROKEN as error:
        raise ModelError(f"{checkpoint.name}: {error}") from error


def load_model(checkpoint: Checkpoint, config: Any, *, dtype: str, require_safetensors: bool) -> PreTrainedModel:
    """The model with all its weights.

    Raises:
        ModelError: If they cannot be read, or some are missing.
        RefusedError: If reading them would run code.
    """
    try:
        model, info = AutoModelForSequenceClassification.from_pretrained(
            checkpoint.location,
            config=config,
            dtype=DTYPES[dtype],
            attn_implementation="eager",
            use_safetensors=True if require_safetensors else None,
            output_loading_info=True,
            **ALONE,
        )
    except pickle.UnpicklingError as error:
        raise RefusedError(
            f"{checkpoint.name}: its weights hold more than tensors, and reading them would run code",
            hint="use a model whose weights are safetensors",
        ) from error
    except BROKEN as error:
        hints = ("give a sequence classifier of transformers", checkpoint.advice)
        raise ModelError(f"{checkpoint.name}: {error}", hint="; ".join(filter(None, hints))) from error
    _refuse_random(checkpoint.name, info)
    return model  # type: ignore[no-any-return]


def _refuse_random(name: str, info: dict[str, Any]) -> None:
    """Refuse a model whose loading report names weights that the checkpoint does not have."""
    missing = sorted(info["missing_keys"]) + [str(key[0]) for key in sorted(info["mismatched_keys"])]
    if missing:
        raise ModelError(
            f"{name}: {len(missing)} weights are missing from the checkpoint ({', '.join(missing[:4])}) "
            "and would be random",
            hint="give a model that was fine-tuned for sequence classification",
        )
