"""Read weight files into tensors by name, without unpickling anything but tensors."""

from __future__ import annotations

import contextlib
import json
import pickle
import re
import shlex
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from reportgen.core.errors import ModelError, RefusedError
from reportgen.model.file_kinds import AGAIN
from reportgen.model.guards import loading_errors, said

Held = dict[str, Any]  # by name: a tensor, or a slice of safetensors, which is read when it is asked for
Shape = tuple[int, ...]

DAMAGED = re.compile(r"Unsupported operand|String is too long|truncated|unsupported persistent id")
WHOLE_NUMBERS = ("I8", "U8", "I16", "U16", "I32", "U32", "I64", "U64", "BOOL")  # as safetensors calls them


def read(name: str, files: Sequence[Path], stack: contextlib.ExitStack, *, advice: str | None) -> Held:
    """All weights of these files; *stack* closes the files, until then the slices can be read.

    Raises:
        ModelError: If a file cannot be read, or holds something else than tensors by name.
        RefusedError: If reading it would run code.
    """
    held: Held = {}
    for path in files:
        with loading_errors(f"{name}: {path.name} cannot be read", hint=advice or AGAIN):
            new = _safetensors(path, stack) if path.suffix == ".safetensors" else _pytorch(name, path, advice=advice)
        if twice := sorted(set(new) & set(held)):
            raise ModelError(f"{name}: {path.name} and another shard both hold {twice[0]}", hint=advice or AGAIN)
        held |= new
    return held


def shape(weight: Any) -> Shape:
    """The shape of a tensor or slice."""
    return tuple(weight.shape if isinstance(weight, Tensor) else weight.get_shape())


def is_whole(weight: Any) -> bool:
    """Whether a tensor or slice holds whole numbers."""
    if isinstance(weight, Tensor):
        return not weight.is_floating_point()
    return weight.get_dtype() in WHOLE_NUMBERS


def _safetensors(path: Path, stack: contextlib.ExitStack) -> Held:
    file = stack.enter_context(safe_open(path, framework="pt", device="cpu"))
    return {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118  not a dict


def _pytorch(name: str, path: Path, *, advice: str | None) -> Held:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        if DAMAGED.search(str(error)):
            raise ModelError(f"{name}: {path.name} is damaged", hint=advice or AGAIN) from error
        raise RefusedError(
            f"{name}: its weights hold more than tensors, and reading them would run code ({path.name})",
            hint="use a model whose weights are safetensors; save_pretrained() writes them",
        ) from error
    except RuntimeError as error:
        if "TorchScript" in str(error):
            raise ModelError(
                f"{name}: {path.name} is a program (TorchScript), not weights",
                hint="save the weights where it was made, with model.save_pretrained(FOLDER)",
            ) from error
        raise ModelError(f"{name}: {path.name} is damaged: {said(error)}", hint=advice or AGAIN) from error
    except (EOFError, IndexError) as error:
        raise ModelError(f"{name}: {path.name} is cut off", hint=advice or AGAIN) from error
    return _checked(name, path, content)


def _checked(name: str, path: Path, content: object) -> Held:
    """The content of a PyTorch file, if it is tensors by name."""
    if not isinstance(content, Mapping):
        raise ModelError(
            f"{name}: {path.name} holds a {type(content).__name__}, not weights by name",
            hint="write the model with save_pretrained()",
        )
    others = [str(key) for key, value in content.items() if not isinstance(value, Tensor)]
    if not others:
        _refuse_odd(name, path, content)
        return {str(key): value for key, value in content.items()}
    inside = [str(key) for key, value in content.items() if _holds_tensors(value)]
    if not inside:
        raise ModelError(
            f"{name}: {path.name} holds something else than tensors ({', '.join(others[:3])})",
            hint="write the model with save_pretrained()",
        )
    file, key = json.dumps(str(path)), json.dumps(inside[0])
    code = f"import torch; p = {file}; torch.save(torch.load(p, weights_only=True)[{key}], p)"
    raise ModelError(
        f'{name}: {path.name} is the checkpoint of a training run, with the weights inside, as "{inside[0]}"',
        hint=f"keep the weights alone: python -c {shlex.quote(code)}",
    )


def _refuse_odd(name: str, path: Path, content: Mapping[Any, Tensor]) -> None:
    """Refuse tensors that are not whole numbers or fractions side by side in memory."""
    for key, weight in content.items():
        if weight.is_quantized:
            raise ModelError(
                f"{name}: {path.name}: the weights are quantised by torch ({key})",
                hint="give the model before it was quantised",
            )
        if weight.is_meta or weight.layout != torch.strided:
            what = "has a shape and no numbers (a meta tensor)" if weight.is_meta else "is a sparse tensor"
            raise ModelError(
                f"{name}: {path.name}: {key} {what}",
                hint="write the model again where it was trained, with save_pretrained()",
            )


def _holds_tensors(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(inner, Tensor) for inner in value.values())
