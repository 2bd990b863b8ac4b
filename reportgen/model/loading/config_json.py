"""Read a model's config.json as it is meant where that is certain, and name the field where it is not."""

from __future__ import annotations

import copy
import difflib
import itertools
import json
import re
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig

from reportgen.core.errors import ModelError
from reportgen.model.checkpoint import CONFIG, Checkpoint
from reportgen.model.file_kinds import WEIGHTS, read_json
from reportgen.model.guards import ALONE, loading_errors, quiet

CORRECT = f"correct that field of {CONFIG}, or copy {CONFIG} from where the model was saved"
CLASSIC = ("eager", "sdpa")  # attention that needs no library, with the same results as the others
IMPLEMENTATIONS = ("attn_implementation", "_attn_implementation", "_attn_implementation_internal")
OUTPUTS = ("return_dict", "use_return_dict", "output_attentions", "output_hidden_states")  # reportgen decides itself
OF_THE_TASK = ("id2label", "label2id", "problem_type", "num_labels")  # what an adapter can say of its classifier
QUANTISED = ("quantization_config", "compression_config", "quantization")  # the last is MLX's
PROBLEMS = ("single_label_classification", "multi_label_classification", "regression")
LIBRARIES = {  # that can read weights of a quantisation method
    "aqlm": "aqlm",
    "auto-round": "auto-round",
    "awq": "gptqmodel",
    "bitsandbytes": "bitsandbytes",
    "compressed-tensors": "compressed-tensors",
    "eetq": "kernels",
    "fbgemm_fp8": "fbgemm-gpu",
    "fp_quant": "fp-quant",
    "gptq": "gptqmodel",
    "hqq": "hqq",
    "mlx": "mlx-lm",
    "mxfp4": "kernels",
    "quanto": "optimum-quanto",
    "quark": "amd-quark",
    "spqr": "spqr-quant",
    "torchao": "torchao",
    "vptq": "vptq",
}
NUMBER = re.compile(r"(?:LABEL_)?(\d{1,6})")


def read(checkpoint: Checkpoint) -> tuple[Any, bool]:
    """The configuration of the model, and whether it says itself what its labels are.

    That of an adapter is the one of its model, with the labels that a config.json of the adapter names.

    Raises:
        ModelError: If it cannot be read, or is that of a quantised model or of an unknown type. The field is named.
    """
    whole = checkpoint.base or checkpoint
    name = whole.name
    with quiet(), loading_errors(f"{name}: {CONFIG}", hint=whole.advice or CORRECT):
        given: dict[str, Any] = PreTrainedConfig.get_config_dict(whole.location, local_files_only=True)[0]
        own = _own_labels(checkpoint)
        if own:
            given = {field: value for field, value in given.items() if field not in OF_THE_TASK} | own
        _check_type(name, given)
        _refuse_quantised(name, given)
        _refuse_other_files(name, given)
        mended = _mend(name, given)
        if json.dumps(mended) == json.dumps(given) and not own:  # 2.0 is not 2
            return AutoConfig.from_pretrained(whole.location, **ALONE), checkpoint.base is None
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / CONFIG).write_text(json.dumps(mended), encoding="utf-8")
            return AutoConfig.from_pretrained(folder, **ALONE), checkpoint.base is None or bool(own)


def _own_labels(checkpoint: Checkpoint) -> dict[str, Any]:
    """What a config.json beside an adapter says of its labels; {} if there is none."""
    if checkpoint.base is None:
        return {}
    said = read_json(checkpoint.name, Path(checkpoint.location), CONFIG, checkpoint.revision) or {}
    return {field: said[field] for field in OF_THE_TASK if said.get(field) is not None}


def _check_type(name: str, given: Mapping[str, Any]) -> None:
    kind = given.get("model_type")
    if not isinstance(kind, str) or not kind:
        raise ModelError(
            f"{name}: {CONFIG} has no model_type",
            hint=f"write it into {CONFIG}, for example 'model_type': 'bert'; save_pretrained() does",
        )
    if kind not in CONFIG_MAPPING:
        near = difflib.get_close_matches(kind, list(CONFIG_MAPPING), n=1)
        raise ModelError(
            f'{name}: {CONFIG}: model_type "{kind[:80]}" is unknown to transformers {transformers.__version__}',
            hint=(f"did you mean {near[0]}? " if near else "")
            + "A type that is newer than that needs pip install --upgrade transformers",
        )


def _refuse_quantised(name: str, given: Mapping[str, Any]) -> None:
    """Refuse quantised weights: reportgen measures gradients, which the layers of most methods do not have."""
    for part, field in itertools.product(_parts(given), QUANTISED):
        said = part.get(field)
        if not said:
            continue
        if not isinstance(said, dict):
            raise ModelError(f"{name}: {CONFIG}: {field} is no object", hint=f"remove {field} if the weights are whole")
        bits = next((said[key] for key in ("bits", "w_bit", "nbits") if isinstance(said.get(key), int)), None)
        bits = 8 if said.get("load_in_8bit") else 4 if said.get("load_in_4bit") else bits
        method = str(said.get("quant_method") or ("mlx" if field == "quantization" else "bitsandbytes"))
        raise ModelError(
            f"{name}: its weights are quantised ({method}{f', {bits} bits' if bits else ''}; {field} in {CONFIG}); "
            "reportgen reads whole weights",
            hint="give the model before it was quantised; or, on a machine with its library"
            + (f" ({LIBRARIES[method]})" if method in LIBRARIES else "")
            + f", write it whole: {command(name, method='dequantize()')}",
        )


def _refuse_other_files(name: str, given: Mapping[str, Any]) -> None:
    """Refuse a file of weights that transformers would read in place of those that reportgen reads."""
    file = given.get("transformers_weights")
    if file is not None and file not in WEIGHTS:
        raise ModelError(
            f"{name}: {CONFIG}: transformers_weights names the file {str(file)[:80]}",
            hint=f"call that file {WEIGHTS[0]}, and remove the field from {CONFIG}",
        )


def command(name: str, *, method: str = "", options: str = "") -> str:
    """A command that writes a model anew, for a hint."""
    new = (re.sub(r"[^\w.-]+", "-", name.rstrip("/").rsplit("/", 1)[-1]) or "model") + "-whole"
    load = f"M.from_pretrained({json.dumps(name, ensure_ascii=False)}{options})" + (f".{method}" if method else "")
    # subtle: else transformers gives the weights the names back that they had in the file
    write = f'save_pretrained("{new}", save_original_format=False)' if options else f'save_pretrained("{new}")'
    code = f"from transformers import AutoModelForSequenceClassification as M; {load}.{write}"
    return f"python -c {shlex.quote(code)}, then --model {new} --tokenizer {shlex.quote(name)}"


def _parts(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The configuration itself and those inside it, like text_config."""
    inner = [value for key, value in given.items() if key.endswith("_config") and isinstance(value, dict)]
    return [dict(given), *(part for value in inner if not set(value) & {"quant_method"} for part in _parts(value))]


def _mend(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """The configuration with the fields that transformers cannot read as they are meant written as it can."""
    mended = _without_outputs(copy.deepcopy(given))
    classes = given.get("architectures")
    if classes is not None and not isinstance(classes, list):
        mended["architectures"] = [classes] if isinstance(classes, str) else None
    for field in ("problem_type", "id2label", "label2id"):
        if field in given and not given[field]:
            del mended[field]
    if given.get("problem_type") and given["problem_type"] not in PROBLEMS:
        raise ModelError(
            f"{name}: {CONFIG}: problem_type is {json.dumps(given['problem_type'])[:80]}",
            hint=f"it can be {', '.join(PROBLEMS)}",
        )
    if given.get("pruned_heads"):
        raise ModelError(
            f"{name}: {CONFIG}: pruned_heads names heads that were removed, which transformers 5 cannot leave out",
            hint="give the model with all its heads",
        )
    labels = label_names(name, given)
    mended.pop("num_labels", None)  # where labels have names, these are counted
    if labels is None and not given.get("id2label") and given.get("num_labels") is not None:
        mended["num_labels"] = _count(name, given["num_labels"])
    if labels is not None:
        mended["id2label"] = {str(index): label for index, label in enumerate(labels)}
        mended["label2id"] = {label: index for index, label in enumerate(labels)}
    return mended


def _count(name: str, said: object) -> int:
    """num_labels as a number."""
    text = str(int(said) if isinstance(said, float) and said.is_integer() else said)
    if not text.isdecimal() or int(text) < 1:
        raise ModelError(
            f"{name}: {CONFIG}: num_labels is {json.dumps(said)[:80]}",
            hint="write the number of outputs of the head, or name them in id2label",
        )
    return int(text)


def _without_outputs(part: dict[str, Any]) -> dict[str, Any]:
    """Without what reportgen decides itself: the form of the output, attention that needs a library, odd formats."""
    for field in OUTPUTS:
        if field in part and part[field] is not (field in ("return_dict", "use_return_dict")):
            del part[field]
    for field in ("dtype", "torch_dtype"):
        value = part.get(field)
        if value is not None and not (isinstance(value, str) and isinstance(getattr(torch, value, None), torch.dtype)):
            del part[field]  # --dtype decides
    for field in QUANTISED:
        if field in part and not part[field]:
            del part[field]
    for field in IMPLEMENTATIONS:
        if field in part and part[field] not in CLASSIC:
            del part[field]
    for key, value in part.items():
        if key.endswith("_config") and isinstance(value, dict):
            part[key] = _without_outputs(value)
    return part


def label_names(name: str, given: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The labels in the order of the head's outputs; None where transformers reads them as they are meant.

    Read as meant: a list; numbers from 1 or as LABEL_0; id2label with numbers and names changed over; label2id alone.

    >>> label_names("m", {"id2label": {"1": "neg", "2": "pos"}})
    ('neg', 'pos')

    Raises:
        ModelError: If the order of the labels is not certain.
    """
    field = next((field for field in ("id2label", "label2id") if given.get(field)), None)
    if field is None:
        return None
    said = given[field]
    if isinstance(said, list):
        said = dict(enumerate(said))
    if not isinstance(said, dict):
        raise _uncertain(name, field, "is neither an object nor a list")
    if field == "label2id" or (_are_numbers(said.values()) and not _are_numbers(said)):
        if len({str(value) for value in said.values()}) < len(said):
            raise _uncertain(name, field, "gives two labels the same number")
        said = {value: key for key, value in said.items()}
    if not _are_numbers(said):
        raise _uncertain(name, field, f"has no number for each label ({', '.join(map(str, list(said)[:4]))})")
    by_number = {number: value for key, value in said.items() if (number := _number(key)) is not None}
    first = min(by_number)
    if len(by_number) < len(said) or first > 1 or sorted(by_number) != list(range(first, first + len(said))):
        raise _uncertain(name, field, f"has the numbers {', '.join(map(str, list(said)[:8]))}, not each from 0")
    if bad := [value for value in by_number.values() if not isinstance(value, str | int | float)]:
        raise _uncertain(name, field, f"has a label that is no name ({json.dumps(bad[0])[:60]})")
    labels = tuple(str(by_number[number]) for number in sorted(by_number))
    return None if given.get("id2label") == {str(index): label for index, label in enumerate(labels)} else labels


def _are_numbers(values: Any) -> bool:
    return all(_number(value) is not None for value in values)


def _number(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if value >= 0 else None
    found = NUMBER.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) if found else None


def _uncertain(name: str, field: str, fact: str) -> ModelError:
    return ModelError(
        f"{name}: {CONFIG}: {field} {fact}",
        hint='write id2label as {"0": "first label", "1": "second label"}, in the order of the outputs of the head',
    )
