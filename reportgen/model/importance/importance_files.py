"""Read head importance from a file of any supported format, and write measured importance.

Nothing in a file is ever run, and values that do not fit the model are an error, never guessed. `measures.py` measures.
"""

from __future__ import annotations

import csv
import difflib
import pickle
import re
import struct
import tokenize
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reportgen.core.config import DEMO
from reportgen.core.errors import ImportanceError, RefusedError
from reportgen.core.files import disk, json_text, regular_files
from reportgen.core.nouns.records import FROM_FILE, Floats, HeadImportance

Array = npt.NDArray[Any]

TENSOR, RAW = "head_importance", "raw"
SUFFIX = ".safetensors"  # the one kind that is written
MAX_BYTES = 64 * 2**20  # of a file: 1,000 layers x 1,000 heads in float64 take 8 MB
ONE_TENSOR = "save one tensor: torch.save(values, path), or use .safetensors or .npy"


@dataclass(frozen=True, slots=True)
class Importance:
    """The measured importance of every head on a sample."""

    values: Floats  # (layer, head), 0..1: what attention is weighed by
    raw: npt.NDArray[np.float64]  # (layer, head), as measured: see `measures.compute`
    measure: str  # one of `config.MEASURES`
    examples: int  # in the sample


def uniform(layers: int, heads: int) -> HeadImportance:
    """Equal importance of all heads, for a run without importance."""
    return HeadImportance(values=np.ones((layers, heads), np.float32), measure="none", source="")


def load(path: Path, *, shape: tuple[int, int], key: str | None = None) -> HeadImportance:
    """Read head importance for a model of *shape* (layers, heads); nothing in the file is ever run.

    Args:
        path: .safetensors, .npy, .csv, .json, or .pt / .bin / .pth (PyTorch, tensors only).
        shape: Layers and heads of the model.
        key: Which tensor of the file, where it holds several.

    Raises:
        ImportanceError: If the file is not there, broken, or does not fit the model.
        RefusedError: If reading it would run code.
    """
    _check(path)
    try:
        values, metadata = READERS[path.suffix.lower()](path, key)
    except OSError as error:
        raise _unreadable(path, error) from error
    checked = _checked(values, shape=shape, name=path.name)
    return HeadImportance(
        values=checked,
        measure=metadata.pop("measure", FROM_FILE),
        source=path.name,
        provenance=dict(sorted(metadata.items())),
    )


def named(importance: str) -> Path | None:
    """The file that `--importance` names; None if importance is computed, or not used."""
    if importance in ("none", "auto"):
        return None
    return DEMO / "model" / "head_importance.safetensors" if importance == "demo" else Path(importance).expanduser()


def check(importance: str) -> None:
    """Check that the file of `--importance` exists and may hold head importance, before anything is read.

    Raises:
        ImportanceError: If it is not there, of an unknown kind, or too large.
    """
    path = named(importance)
    if path is not None:
        _check(path)


def sha256(importance: str) -> str | None:
    """Hash of the file that `--importance` names; None if there is none.

    Raises:
        ImportanceError: If it cannot be read.
    """
    path = named(importance)
    try:
        return None if path is None else disk.sha256(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def _check(path: Path) -> None:
    if path.suffix.lower() not in READERS:
        near = difflib.get_close_matches(path.name, ("auto", "none"), n=1)
        kinds = f"one of {', '.join(sorted(READERS))}, or auto, or none"
        raise ImportanceError(
            f"{path.name}: unknown file format", hint=f"did you mean {near[0]}? {kinds}" if near else kinds
        )
    try:
        regular_files.check(path, most=MAX_BYTES)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path | None, error: OSError | ValueError) -> ImportanceError:
    reason = error.strerror if isinstance(error, OSError) else error
    return ImportanceError(f"{path}: {reason}", hint="check --importance")


def known(importance: Importance, provenance: Mapping[str, str], *, source: str) -> HeadImportance:
    """Measured importance as a report uses it; equal to that of `load` after saving."""
    return HeadImportance(
        values=importance.values,
        measure=importance.measure,
        source=source,
        provenance=dict(sorted({**provenance, "examples": str(importance.examples)}.items())),
    )


def save(path: Path, importance: Importance, provenance: Mapping[str, str]) -> None:
    """Write measured importance in one step: the weights, the raw figures, and their source.

    Args:
        path: Ends in .safetensors.
        importance: Its measure and number of examples are written, too.
        provenance: Everything else that the figures depend on.

    Raises:
        UsageError: If *path* ends in anything else.
        OutputError: If the file cannot be written.
    """
    disk.check_file(path, suffix=SUFFIX, overwrite=True)
    measured = {"measure": importance.measure, "examples": str(importance.examples)}
    tensors: dict[str, Array] = {
        TENSOR: importance.values.astype(np.float32),
        RAW: importance.raw.astype(np.float64),
    }
    write(path, tensors, {**provenance, **measured})


def write(path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Put a safetensors file in place in one step; until then *path* is unchanged.

    Raises:
        OutputError: If the disk does not take it.
    """
    from safetensors.numpy import save

    disk.put(path, save({name: np.ascontiguousarray(array) for name, array in tensors.items()}, dict(metadata)))


def _checked(values: Array, *, shape: tuple[int, int], name: str) -> Floats:
    """Refuse values that do not fit the model; never guess."""
    wanted = f"the model has {shape[0]} layers x {shape[1]} heads"
    if values.shape != shape:
        got = "x".join(str(size) for size in values.shape) or "one number"
        turned = values.shape == shape[::-1]
        raise ImportanceError(
            f"{name}: got {got}, {wanted}",
            hint="it looks transposed: rows are layers, columns are heads" if turned else f"{wanted}: rows are layers",
        )
    if values.dtype.kind not in "fiub":
        raise ImportanceError(f"{name}: holds {values.dtype}, not numbers")
    with np.errstate(over="ignore"):
        floats = values.astype(np.float32)
    if not np.isfinite(floats).all():
        cells = ", ".join(f"layer {row + 1} head {column + 1}" for row, column in np.argwhere(~np.isfinite(floats))[:5])
        raise ImportanceError(f"{name}: not a finite number at {cells}")
    return floats


def _read_safetensors(path: Path, key: str | None) -> tuple[Array, dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            name = _pick(list(file.keys()), key, path.name)
            return file.get_tensor(name), dict(file.metadata() or {})
    except (SafetensorError, TypeError, ValueError) as error:
        raise ImportanceError(f"{path.name}: not a complete safetensors file: {error}") from error


def _read_npy(path: Path, _: str | None) -> tuple[Array, dict[str, str]]:
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _order, dtype = read(file)
            if dtype.hasobject:
                raise RefusedError(
                    f"{path.name}: holds Python objects, and reading them would run code",
                    hint="save plain numbers: np.save(path, array.astype('float32'))",
                )
            if int(np.prod(shape, dtype=object)) * dtype.itemsize != path.stat().st_size - file.tell():
                raise ImportanceError(f"{path.name}: its header claims {shape} {dtype}, but the file has another size")
        return np.load(path, allow_pickle=False), {}
    except (ValueError, TypeError, EOFError, SyntaxError, OverflowError, struct.error, tokenize.TokenError) as error:
        raise ImportanceError(f"{path.name}: not a complete .npy file: {error}") from error


def _read_json(path: Path, key: str | None) -> tuple[Array, dict[str, str]]:
    try:
        content = json_text.parse(regular_files.read(path, most=MAX_BYTES))
        metadata: dict[str, str] = {}
        if isinstance(content, dict):
            name = _pick([n for n, value in content.items() if isinstance(value, list)], key, path.name)
            metadata = {n: value for n, value in content.items() if isinstance(value, str)}
            content = content[name]
        return _table(content), metadata
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ImportanceError(f"{path.name}: not a JSON table of numbers: {error}") from error


def _table(rows: Any) -> Array:
    """Rows of numbers as an array.

    Raises:
        ValueError: If they are of different lengths, or something else than numbers.
    """
    lengths = sorted({len(row) for row in rows if isinstance(row, list)}) if isinstance(rows, list) else []
    if len(lengths) > 1:
        raise ValueError(f"rows of {lengths[0]} and of {lengths[-1]} values")
    return np.asarray(rows, dtype=np.float64)


def _read_csv(path: Path, _: str | None) -> tuple[Array, dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
        return _table([[float(cell) for cell in row] for row in rows]), {}
    except (ValueError, csv.Error) as error:
        raise ImportanceError(
            f"{path.name}: not a table of numbers: {error}", hint="one line per layer, one number per head, no heading"
        ) from error


def _read_torch(path: Path, key: str | None) -> tuple[Array, dict[str, str]]:
    import torch

    try:
        with warnings.catch_warnings(action="ignore"):  # torch remarks on files that are refused anyway
            _check_unpacked(path)
            content = torch.load(path, map_location="cpu", weights_only=True)
    except ImportanceError:
        raise
    except pickle.UnpicklingError as error:
        if re.search(r"GLOBAL torch\.nn\.", str(error)):
            raise ImportanceError(f"{path.name}: holds a whole module, not a tensor", hint=ONE_TENSOR) from error
        raise RefusedError(
            f"{path.name}: reading it would run code",
            hint="if you trust it, convert it to .safetensors or .npy elsewhere",
        ) from error
    except Exception as error:  # a damaged file makes torch's unpickler stumble anywhere
        if "TorchScript" in str(error):  # torch advises to unpickle it
            raise ImportanceError(f"{path.name}: holds a TorchScript program, not a tensor", hint=ONE_TENSOR) from error
        raise ImportanceError(f"{path.name}: not a file of tensors: {error}", hint=ONE_TENSOR) from error
    if isinstance(content, Mapping):
        tensors = {str(n): value for n, value in content.items() if isinstance(value, torch.Tensor)}
        content = tensors[_pick(list(tensors), key, path.name)]
    if not isinstance(content, torch.Tensor):
        raise ImportanceError(f"{path.name}: holds a {type(content).__name__}, not a tensor", hint=ONE_TENSOR)
    plain = content.layout is torch.strided and not content.is_complex() and not content.is_quantized
    if not plain or content.numel() * 4 > MAX_BYTES:  # subtle: a view of one number can claim any shape
        raise ImportanceError(f"{path.name}: holds {content.dtype} of shape {tuple(content.shape)}", hint=ONE_TENSOR)
    return content.detach().float().numpy(), {}


def _check_unpacked(path: Path) -> None:
    """Refuse a file whose content, which torch unpacks, would be larger than any head importance."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as packed:
        size = sum(entry.file_size for entry in packed.infolist())
    if size > MAX_BYTES:
        raise ImportanceError(f"{path.name}: {size} bytes when unpacked is too large for head importance")


def _pick(names: list[str], key: str | None, file: str) -> str:
    """The tensor of a file to use: the chosen one, the one with the usual name, or the only one."""
    if key is not None and key not in names:
        raise ImportanceError(f'{file}: no "{key}"; it has {", ".join(names) or "nothing"}')
    for wanted in (key, TENSOR):
        if wanted in names:
            return str(wanted)
    if len(names) != 1:
        raise ImportanceError(
            f"{file}: holds {len(names)} tensors ({', '.join(names[:8])})", hint="choose one with --importance-key"
        )
    return names[0]


READERS = {
    ".safetensors": _read_safetensors,
    ".npy": _read_npy,
    ".json": _read_json,
    ".csv": _read_csv,
    ".pt": _read_torch,
    ".pth": _read_torch,
    ".bin": _read_torch,
}
