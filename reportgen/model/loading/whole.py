"""Load a whole model from its files: every weight that they hold and no other, or an error that says what is wrong.

The weights are read here and handed to transformers, which otherwise chooses files by itself.
"""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING, PreTrainedModel

from reportgen.core.errors import ModelError
from reportgen.model.checkpoint import CONFIG, Checkpoint
from reportgen.model.guards import loading_errors, quiet
from reportgen.model.loading import differences, tensors
from reportgen.model.loading.config_json import CORRECT

SHOWN = 3  # fields in an error
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def load(
    checkpoint: Checkpoint, config: Any, files: Sequence[Path], *, dtype: str, given: Collection[str] = ()
) -> PreTrainedModel:
    """The sequence classifier of *config* with the weights of *files*.

    Args:
        checkpoint: Where they come from.
        config: The configuration.
        files: All its weight files.
        dtype: float32, float16, bfloat16.
        given: Names of weights that come from somewhere else, like the head of an adapter; they are random so far.

    Raises:
        ModelError: If the model cannot be built, or its weights are not those that it needs.
        RefusedError: If reading the weights would run code.
    """
    with contextlib.ExitStack() as stack, quiet():
        held = tensors.read(checkpoint.name, files, stack, advice=checkpoint.advice)
        kind = find_class(checkpoint.name, config)
        with loading_errors(checkpoint.name, hint=_hint(checkpoint)), _building(checkpoint, kind, config):
            model, info = kind.from_pretrained(
                None,
                config=config,
                state_dict=held,
                dtype=DTYPES[dtype],
                ignore_mismatched_sizes=True,  # `differences` says what does not fit
                output_loading_info=True,
            )
        shapes = {key: tensors.shape(weight) for key, weight in held.items()}
        differences.refuse(differences.find(checkpoint.name, model, info, shapes, given=given))
        _refuse_whole_numbers(checkpoint.name, model, held)
    model.config.name_or_path = checkpoint.location
    return model  # type: ignore[no-any-return]


def find_class(name: str, config: Any) -> Any:
    """The class of transformers for sequence classification with that configuration.

    Raises:
        ModelError: If there is none.
    """
    classes: Any = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING.get(type(config), None)
    if classes is None:
        raise ModelError(
            f'{name}: model type "{config.model_type}" has no sequence classifier in transformers',
            hint="give a sequence classifier of transformers",
        )
    if not isinstance(classes, list | tuple):
        return classes
    return next((one for one in classes if one.__name__ in (config.architectures or ())), classes[0])


@contextlib.contextmanager
def _building(checkpoint: Checkpoint, kind: Any, config: Any) -> Iterator[None]:
    """Tell an error of config.json, with which the model cannot be built, from one of the weights."""
    try:
        yield
    except Exception as error:
        fields = " or ".join(_faulty_fields(kind, config, error)[:SHOWN])
        what = ": ".join(filter(None, (checkpoint.name, CONFIG, fields)))
        with loading_errors(what, hint=checkpoint.advice or CORRECT), torch.device("meta"):
            kind(copy.deepcopy(config))
        raise


def _faulty_fields(kind: Any, config: Any, error: Exception) -> list[str]:
    """The fields of config.json with whose usual value the model could be built; [] if the error names one itself."""
    given = config.to_dict()
    if any(re.search(rf"\b{re.escape(field)}\b", str(error)) for field in given):
        return []
    if named := [field for field, value in given.items() if error.args and value == error.args[0]]:
        return named
    found = []
    with contextlib.suppress(Exception):  # of types that need a configuration
        usual = type(config)().to_dict()
        for field in [field for field, value in given.items() if field in usual and value != usual[field]]:
            with contextlib.suppress(Exception), torch.device("meta"):
                other = copy.deepcopy(config)
                setattr(other, field, usual[field])
                kind(other)
                found.append(field)
    return found


def _hint(checkpoint: Checkpoint) -> str:
    return "; ".join(filter(None, ("give a sequence classifier of transformers", checkpoint.advice)))


def _refuse_whole_numbers(name: str, model: PreTrainedModel, held: Mapping[str, Any]) -> None:
    """Refuse quantised weights whose scales are not even there: whole numbers in the place of others."""
    own = model.state_dict()
    for key, weight in held.items():
        taken = own.get(key, own.get(f"{model.base_model_prefix}.{key}"))
        if taken is not None and taken.is_floating_point() and tensors.is_whole(weight):
            raise ModelError(
                f"{name}: {key} holds whole numbers: the weights are quantised, and their scales are missing",
                hint="give the model before it was quantised",
            )
