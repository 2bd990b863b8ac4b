"""Load a model: its configuration and its weights, in one piece or as an adapter of another model.

Weights are never unpickled and never random, and none is left over: see `differences.py`.
"""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedModel

from reportgen.model.checkpoint import Checkpoint
from reportgen.model.loading import adapter, config_json, task, weight_files, whole


def load_config(checkpoint: Checkpoint) -> Any:
    """The configuration of the model, with the labels that it was trained on.

    Raises:
        ModelError: If it cannot be read as it is meant, or is that of a model for another task. The field is named.
    """
    config, labelled = config_json.read(checkpoint)
    if checkpoint.base is None:
        task.refuse_another(checkpoint.name, config.architectures)
    elif not labelled:
        adapter.count_labels(checkpoint, config)
    return config


def load_model(
    checkpoint: Checkpoint, config: Any, *, dtype: str, require_safetensors: bool = False
) -> PreTrainedModel:
    """The model with all its weights; an adapter is merged into its model.

    Raises:
        ModelError: If they cannot be read, are not those that the model needs, or more than it takes.
        RefusedError: If reading them would run code, or they are no safetensors and have to be.
        HubError: If the hub does not give them.
    """
    files = weight_files.fetch(checkpoint, require_safetensors=require_safetensors)
    if checkpoint.base is None:
        return whole.load(checkpoint, config, files, dtype=dtype)
    of_base = weight_files.fetch(checkpoint.base, require_safetensors=require_safetensors)
    return adapter.load(checkpoint, config, files, of_base, dtype=dtype)
