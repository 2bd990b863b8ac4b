"""Merge an adapter of PEFT into the model that it belongs to.

PEFT (https://github.com/huggingface/peft) does the merging; here both are read as any model is, and it is checked that
PEFT has taken every weight of the adapter.
"""

from __future__ import annotations

import contextlib
import copy
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from reportgen.core.errors import ModelError, RefusedError
from reportgen.model import supported
from reportgen.model.checkpoint import ADAPTER, Checkpoint
from reportgen.model.file_kinds import read_json
from reportgen.model.guards import loading_errors, quiet
from reportgen.model.loading import differences, tensors, weight_files, whole
from reportgen.model.loading.tensors import Held

OUTER = "base_model.model."  # what PEFT writes before the name of a weight of the model
APART = {"float32": 1e-3, "float16": 0.05, "bfloat16": 0.1}  # of the logits, relative: rounding explains no more
MIXING = {  # kinds of PEFT whose change is no change of weights, and what they do instead
    "XLORA": "mixes other adapters by the text",
    "LILY": "weighs its parts by all texts that are read together",
}
TASKS = {  # of PEFT, beside SEQ_CLS
    "TOKEN_CLS": "token classification",
    "QUESTION_ANS": "question answering",
    "CAUSAL_LM": "text generation",
    "SEQ_2_SEQ_LM": "text generation from a text",
}
INNER = re.compile(r"\.lora_\w+\.default\.")  # in names of a PEFT model in memory, not of its files
ANOTHER = f"check base_model_name_or_path in {ADAPTER}: it may be of another model"
ODD = 7919  # a number of labels that no layer of a model has by chance


def count_labels(checkpoint: Checkpoint, config: Any) -> None:
    """Give *config* as many labels as the head in the adapter has, if there is one; the model itself may know none.

    Raises:
        ModelError: If the weights of the adapter cannot be read.
    """
    heads = _names_of_outputs(checkpoint, config)
    with contextlib.ExitStack() as stack:
        held = _read(checkpoint, weight_files.fetch(checkpoint), stack)
        sizes = {tensors.shape(weight)[0] for name, weight in _whole_modules(held).items() if name in heads}
    if len(sizes) == 1 and sizes != {config.num_labels}:
        config.num_labels = sizes.pop()


def load(
    checkpoint: Checkpoint, config: Any, files: Sequence[Path], of_base: Sequence[Path], *, dtype: str
) -> PreTrainedModel:
    """The model with the adapter merged into it.

    Args:
        checkpoint: The adapter, with its model.
        config: The configuration of the whole.
        files: Weight files of the adapter.
        of_base: Weight files of its model.
        dtype: float32, float16, bfloat16.

    Raises:
        ModelError: If the two do not fit, or PEFT cannot merge them.
        RefusedError: If PEFT would import a module that the adapter names.
    """
    import peft

    assert checkpoint.base is not None
    settings = read_json(checkpoint.name, Path(checkpoint.location), ADAPTER, checkpoint.revision) or {}
    _check_settings(checkpoint.name, settings)
    with contextlib.ExitStack() as stack:
        held = {name: _tensor(weight) for name, weight in _read(checkpoint, files, stack).items()}
        hint = f"see whether PEFT {peft.__version__} reads it: PeftModel.from_pretrained(model, {checkpoint.name!r})"
        with loading_errors(f"{checkpoint.name}: {ADAPTER}", hint=hint), quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of weights that are missing: checked below
            own = peft.PeftConfig.from_pretrained(checkpoint.location)
            _refuse_others(checkpoint.name, own)
            _check_held(checkpoint.name, held)
            model = whole.load(checkpoint.base, config, of_base, dtype=dtype, given=_whole_modules(held))
            resaved = _resize(model, held)
            joined = _join(checkpoint, model, own)
            if isinstance(joined.get_base_model().get_input_embeddings(), peft.utils.ModulesToSaveWrapper):
                resaved = False  # then they are among the modules_to_save already
            # subtle: left to itself, PEFT asks the hub whether the embeddings were made larger
            taken = peft.get_peft_model_state_dict(joined, save_embedding_layers=resaved)
            _check_taken(checkpoint.name, taken, held)
            before = _logits(joined)
            _put_whole_modules(joined)
            merged: PreTrainedModel = joined.merge_and_unload(safe_merge=True)
            _check_equal(checkpoint.name, before, _logits(merged), most=APART[dtype])
    return merged.requires_grad_(True)  # head importance measures gradients


def _read(checkpoint: Checkpoint, files: Sequence[Path], stack: contextlib.ExitStack) -> Held:
    return tensors.read(checkpoint.name, files, stack, advice=checkpoint.advice)


def _tensor(weight: Any) -> Tensor:
    return weight if isinstance(weight, Tensor) else weight[...]


def _whole_modules(held: Held) -> dict[str, Any]:
    """The weights that replace those of the model (`modules_to_save`), by their names in the model."""
    return {name.removeprefix(OUTER): weight for name, weight in held.items() if name.startswith(OUTER)}


def _resize(model: PreTrainedModel, held: Mapping[str, Tensor]) -> bool:
    """Give *model* as many tokens as the adapter, which may have added some; whether it holds their embeddings."""
    words: Any = model.get_input_embeddings()
    (name,) = (name for name, module in model.named_modules() if module is words)
    paths = (f"{OUTER}{name}.weight", f"{OUTER}{name}.base_layer.weight")
    found = [held[path] for path in paths if path in held]
    if found and len(found[0]) != len(words.weight):
        model.resize_token_embeddings(len(found[0]), mean_resizing=False)
    return bool(found)


def _join(checkpoint: Checkpoint, model: PreTrainedModel, settings: Any) -> Any:
    """The model with the adapter around its layers; weights of other sizes are left out, see `_check_taken`."""
    import peft

    try:
        return peft.PeftModel.from_pretrained(
            model, checkpoint.location, config=settings, torch_device="cpu", ignore_mismatched_sizes=True
        ).eval()
    except KeyError as error:
        missing = str(error.args[0] if error.args else "")
        if not missing.startswith(OUTER):
            raise
        raise ModelError(
            f"{checkpoint.name}: the adapter does not hold {missing.removeprefix(OUTER)}, which its model has",
            hint=f"{ANOTHER}; or check modules_to_save there",
        ) from error


def _put_whole_modules(joined: Any) -> None:
    """Put the modules that the adapter holds whole in the place of the model's own.

    PEFT does that itself when it merges, but for kinds other than LoRA it then asks each for a `weight`, which a head
    of several layers, like that of RoBERTa and Longformer, does not have.
    """
    import peft

    for name, module in list(joined.get_base_model().named_modules()):
        if isinstance(module, peft.utils.ModulesToSaveWrapper):
            joined.get_base_model().set_submodule(
                name, module.unload_and_optionally_merge_module(merge=True, safe_merge=True, adapter_names=None)
            )


def _names_of_outputs(checkpoint: Checkpoint, config: Any) -> set[str]:
    """Names of the weights with one row for each label."""
    probe = copy.deepcopy(config)
    probe.num_labels = ODD
    with loading_errors(checkpoint.name, hint=None), quiet(), torch.device("meta"):
        model = whole.find_class(checkpoint.name, probe)(probe)
    return {name for name, weight in model.named_parameters() if weight.shape[0] == ODD}


def _check_settings(name: str, settings: dict[str, Any]) -> None:
    """Refuse what adapter_config.json says of a kind or a task that is not ours, or of code."""
    import peft

    kind, task = settings.get("peft_type"), settings.get("task_type")
    if kind not in peft.PeftType.__members__:
        raise ModelError(
            f"{name}: {ADAPTER}: peft_type {json.dumps(kind)[:80]} is unknown to PEFT {peft.__version__}",
            hint=f'did you mean "{str(kind).upper()}"?'
            if str(kind).upper() in peft.PeftType.__members__
            else f'write its kind into {ADAPTER}, for example "peft_type": "LORA"; '
            "a kind that is newer than that needs pip install --upgrade peft",
        )
    if task in TASKS:
        raise ModelError(
            f"{name}: is an adapter for {TASKS[task]}, not for sequence classification ({ADAPTER}: task_type {task})",
            hint='give an adapter for sequence classification; if this one was, set "task_type": "SEQ_CLS"',
        )
    for field in ("r", "lora_alpha"):
        value = settings.get(field, 1)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ModelError(
                f"{name}: {ADAPTER}: {field} is {json.dumps(value)[:80]}, not a number",
                hint=f"correct {field} in {ADAPTER}, or copy {ADAPTER} again from where the adapter was saved",
            )
    if settings.get("megatron_config"):
        raise RefusedError(
            f"{name}: {ADAPTER} names a Python module to import (megatron_core)",
            hint="merge it into its model where it was trained, with merge_and_unload()",
        )


def _refuse_others(name: str, settings: Any) -> None:
    """Refuse adapters that are no change of the weights alone, and so cannot be merged into them."""
    kind = str(getattr(settings.peft_type, "value", settings.peft_type))
    if getattr(settings, "layer_replication", None):
        raise ModelError(
            f"{name}: the adapter runs layers of its model several times (layer_replication), which cannot be merged",
            hint="give a model that was fine-tuned as a whole, or with LoRA on layers that are not repeated",
        )
    if settings.is_prompt_learning or kind in MIXING:
        what = "puts virtual tokens before the text" if settings.is_prompt_learning else MIXING[kind]
        raise ModelError(
            f"{name}: an adapter of the kind {kind} {what}, and cannot be merged into its model",
            hint="give a model that was fine-tuned as a whole, or with LoRA",
        )


def _check_held(name: str, held: Mapping[str, Tensor]) -> None:
    """Refuse weights that no PEFT has written, and those that are no numbers."""
    outside = [key for key in held if not key.startswith("base_model.") or INNER.search(key)]
    if outside:
        raise ModelError(
            f"{name}: the weights of the adapter have other names than PEFT gives them ({differences.names(outside)})",
            hint="save it again where it was trained, with save_pretrained() of the PEFT model",
        )
    bad = [key for key, weight in held.items() if weight.is_floating_point() and not bool(weight.isfinite().all())]
    if bad:
        raise ModelError(
            f"{name}: {differences.count(len(bad), 'weight')} of the adapter not finite (NaN or Inf) "
            f"({differences.names(bad)})",
            hint="give an earlier checkpoint: the training has diverged, or the file was damaged",
        )


def _check_taken(name: str, taken: dict[str, Tensor], held: dict[str, Tensor]) -> None:
    """Refuse a model that does not have each weight of the adapter, or has some that the adapter does not hold."""
    lost = [key for key in held if key not in taken or not torch.equal(taken[key], held[key].to(taken[key].dtype))]
    random = [key for key in taken if key not in held]
    if sizes := [key for key in lost if key in taken and taken[key].shape != held[key].shape]:
        raise ModelError(
            f"{name}: {sizes[0]} has the shape {tuple(held[sizes[0]].shape)} in the adapter, and "
            f"{tuple(taken[sizes[0]].shape)} by {ADAPTER} and its model"
            + (f" (and {len(sizes) - 1} more)" if len(sizes) > 1 else ""),
            hint=f"{ANOTHER}; or check r there",
        )
    if lost:
        raise ModelError(
            f"{name}: no place in its model for {differences.count(len(lost), 'weight')} of the adapter "
            f"({differences.names(lost)})",
            hint=ANOTHER,
        )
    if random:
        raise ModelError(
            f"{name}: {differences.count(len(random), 'weight')} missing from the adapter, which would be random "
            f"({differences.names(random)})",
            hint="save the adapter again where it was trained, with save_pretrained() of the PEFT model",
        )


def _logits(model: Any) -> Tensor:
    """What the model says of a few tokens."""
    vocabulary = supported.text_config(model.config).vocab_size
    ids = torch.linspace(0, vocabulary - 1, 16).long()[None]
    with torch.inference_mode():
        logits: Tensor = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    return logits.float()


def _check_equal(name: str, before: Tensor, after: Tensor, *, most: float) -> None:
    """Refuse a merged model that says something else than PEFT's own: the logits may be *most* apart, relatively."""
    apart = float((before - after).abs().max() / before.abs().max().clamp(min=1))
    if not apart <= most:
        raise ModelError(
            f"{name}: merged into its model it says something else than before (logits {apart:.3g} apart)",
            hint="give a model that was fine-tuned as a whole, or with LoRA",
        )
