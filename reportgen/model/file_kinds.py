"""Read the small files of a model, and say what a file or a folder really is where it is not what its name promises.

Of weights only names, sizes and first bytes are read. Each answer is a pair: the fact, and a hint that solves it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from reportgen.core.errors import ModelError, RefusedError
from reportgen.core.files import json_text, regular_files

Kind = tuple[str, str]  # what it is, and what to do

LOCAL = "local"  # the revision of a folder
AGAIN = "copy or download it again"
MOST_BYTES = 2**28  # of a file of settings
ENOUGH = 20_000  # files of a folder that are looked at
SETTINGS_LENGTH = 1_000_000  # characters of a file of settings that are looked at before it is parsed
HEADER = 100_000_000  # bytes of a safetensors header at most, as in its library
PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # first bytes of PyTorch's format before 1.6
ZIP = b"PK\x03\x04"  # PyTorch's format since 1.6
FORMATS = (  # first bytes of what is saved under the name of weights
    (b"GGUF", "holds GGUF weights of llama.cpp", "give the model that they were made from"),
    (b"\x89HDF", "holds TensorFlow weights (HDF5)", "give the weights in safetensors"),
    (b"\x1f\x8b", "is a gzip archive", "unpack it with gunzip"),
    (b"\x28\xb5\x2f\xfd", "is a zstd archive", "unpack it with unzstd"),
    (b"7z\xbc\xaf", "is a 7z archive", "unpack it"),
    (b"Rar!", "is a RAR archive", "unpack it"),
)
PAGE = re.compile(rb"\s*<(!doctype|html|head|body|\?xml)", re.IGNORECASE)
LFS = re.compile(rb"version https://(?:git-lfs|hawser)[^\n]*\n(?:.*\n)*?size (\d+)")
ANNEX = re.compile(rb"(\.\./)*(\.git/annex/objects/|/annex/objects/)")
CLASS = "AutoModelForSequenceClassification"
OTHERS = (  # names of files that hold weights, but not as reportgen reads them
    (
        r".*\.(incomplete|part|partial|crdownload|download|aria2)",
        "a download that did not finish ({file})",
        "download it again, for example with hf download",
    ),
    (
        r"zero_to_fp32\.py|global_step\d+/.*|.*_optim_states\.pt",
        "weights of DeepSpeed ({file})",
        "run python zero_to_fp32.py . . --safe_serialization in {name}, which writes whole weights",
    ),
    (
        r"(pytorch_model_fsdp_\d+)/.*",
        "weights that FSDP has spread over files ({file})",
        "run accelerate merge-weights {name}/pytorch_model_fsdp_0 {name}",
    ),
    *(
        (
            rf"{whole.replace('.', '[.]')}\.index\.[\w-]+\.json",
            "the index of weights under another name ({file})",
            f"if they are those of the classifier, rename it: mv {{name}}/{{file}} {{name}}/{whole}.index.json",
        )
        for whole in ("model.safetensors", "pytorch_model.bin")
    ),
    (
        r"(model|pytorch_model)(\.[\w-]+)?-\d+-of-\d+\.(safetensors|bin)",
        "a part of the weights ({file}), but not the index that names all parts",
        "copy the *.index.json file, too",
    ),
    (
        r".*\.gguf",
        "GGUF weights of llama.cpp ({file})",
        "give the model that they were made from: its folder with model.safetensors, or its hub id",
    ),
    (
        r"[^/]*\.h5|saved_model\.pb|.*\.ckpt\.(index|meta|data-.*)",
        "TensorFlow weights ({file})",
        'convert them where "transformers<5" and tensorflow are installed: '
        f'{CLASS}.from_pretrained("{{name}}", from_tf=True).save_pretrained("{{name}}")',
    ),
    (
        r"[^/]*\.msgpack",
        "Flax weights ({file})",
        'convert them where "transformers<5" and flax are installed: '
        f'{CLASS}.from_pretrained("{{name}}", from_flax=True).save_pretrained("{{name}}")',
    ),
    (r"[^/]*\.onnx|onnx/.*\.onnx", "ONNX weights ({file})", "give the model that they were exported from"),
    (r"rust_model\.ot", "weights for Rust ({file})", "give the model that they were converted from"),
    (
        r"(?!adapter_model)[^/]*\.safetensors",
        "weights under another name ({file})",
        "if they are those of the classifier, rename them: mv {name}/{file} {name}/model.safetensors",
    ),
    (
        r"(?!training_args|optimizer|scheduler|adapter_model)[^/]*\.bin",
        "weights under another name ({file})",
        "if they are those of the classifier, rename them: mv {name}/{file} {name}/pytorch_model.bin",
    ),
    (
        r"(?!optimizer|scheduler|scaler|rng_state)[^/]*\.(pt|pth|ckpt)",
        "a PyTorch file of its own name ({file})",
        "load it into its model where it was trained, and write that with model.save_pretrained(FOLDER)",
    ),
)
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)  # in the order in which transformers prefers them
ADAPTER_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")


def advice(name: str, revision: str) -> str | None:
    """Advice if a file cannot be read; None for a local folder."""
    return (
        None
        if revision == LOCAL
        else f"the cached copy may be damaged; check it with hf cache verify {name} --revision {revision}"
    )


def check_whole(name: str, path: Path, *, advice: str | None) -> None:
    """Refuse a file that is something else than its name says, like a pointer of Git LFS; one that is missing passes.

    Raises:
        ModelError: With what it is.
    """
    known = mistake(path) if path.is_file() else None
    if known is not None:
        raise ModelError(f"{name}: {path.name} {known[0]}", hint=advice or known[1])


def plain_file(folder: Path, name: str) -> Path | None:
    """The file with that name in a folder, None if it does not exist.

    Raises:
        RefusedError: If it is a pipe, a socket or a device, which could be waited on without end.
    """
    path = folder / name
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return None
    if stat.S_ISREG(mode):
        return path
    if stat.S_ISDIR(mode):
        return None
    raise RefusedError(f"{path}: a pipe, a socket or a device, not a file", hint="give a folder of plain files")


def read_json(name: str, folder: Path, file: str, revision: str) -> dict[str, Any] | None:
    """Content of a JSON file, None if there is no such file."""
    path = plain_file(folder, file)
    if path is None:
        return None
    check_whole(name, path, advice=advice(name, revision))
    hint = advice(name, revision) or f"correct {file}, or copy it again from where it was saved"
    try:
        text = regular_files.read(path, most=MOST_BYTES).decode("utf-8")
        json_text.check_depth(text[:SETTINGS_LENGTH])  # what is longer is a vocabulary
        content = json.loads(text)
    except OSError as error:
        raise ModelError(f"{name}: {file} cannot be read: {error.strerror}", hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{name}: {file} is not JSON: {error}", hint=hint) from error
    if not isinstance(content, dict):
        raise ModelError(f"{name}: {file} is not a JSON object", hint=hint)
    return content


def mistake(path: Path) -> Kind | None:
    """What is wrong with a file, by its size and its first bytes; None if nothing is seen.

    Any file can be a pointer of Git LFS or a page; weights (.safetensors, .bin) are also looked at for their own form.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(1024)
    if pointer := LFS.match(start):
        return (
            f"is a pointer of Git LFS, not the file itself ({int(pointer[1]):,} bytes)",
            f"run git lfs install, then git lfs pull, in {path.parent}",
        )
    if ANNEX.match(start) and size < 2000:
        return "is a pointer of git-annex, not the file itself", f"run git annex get . in {path.parent}"
    if PAGE.match(start):
        return "is a web page, not the file itself", f"{AGAIN}; the page is what the server answered instead"
    if path.suffix not in (".safetensors", ".bin"):
        return None
    if size == 0:
        return "is empty", AGAIN
    for first, what, hint in FORMATS:
        if start.startswith(first):
            return what, hint
    return _of_safetensors(path, start, size) if path.suffix == ".safetensors" else _of_pytorch(path, start)


def instead_of_a_model(name: str, folder: Path) -> Kind | None:
    """What a folder holds that has no config.json or no weights; None if nothing is recognised."""
    found = itertools.islice(itertools.chain(folder.glob("*"), folder.glob("*/*")), ENOUGH)
    files = [path.relative_to(folder).as_posix() for path in found if not path.is_dir()]
    return _of_checkpoints(name, folder, files) or of_others(files, name=name)


def of_others(files: Iterable[str], *, name: str) -> Kind | None:
    """The first kind of weights among *files* that reportgen does not read; *name* is the model's, for the hint."""
    known = sorted(set(files) - set(WEIGHTS))
    for pattern, what, hint in OTHERS:
        if file := next((file for file in known if re.fullmatch(pattern, file)), None):
            return f"it holds {what.format(file=file)}", hint.format(file=file, name=name)
    return None


def _of_checkpoints(name: str, folder: Path, files: list[str]) -> Kind | None:
    """The checkpoints of a Trainer, or other models, one level below."""
    inside: dict[str, set[str]] = {}
    for file in files:
        path = PurePosixPath(file)
        inside.setdefault(str(path.parent), set()).add(path.name)
    models = [
        where
        for where, names in inside.items()
        if where != "." and (("config.json" in names and names & set(WEIGHTS)) or names & set(ADAPTER_WEIGHTS))
    ]
    if not models:
        return None
    models.sort(key=lambda where: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", where)])
    best = _best(folder, models)
    shown = ", ".join(models[:4]) + (f" and {len(models) - 4} more" if len(models) > 4 else "")
    return (
        f"models are below it: {shown}",
        f"name one of them: --model {name.rstrip('/')}/{best or models[-1]}"
        + (" (the best, says its trainer_state.json)" if best else ""),
    )


def _best(folder: Path, models: list[str]) -> str | None:
    """The checkpoint that the Trainer calls the best one, if it is there."""
    for where in reversed(models):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            state = json.loads((folder / where / "trainer_state.json").read_text(encoding="utf-8"))
            best = PurePosixPath(state["best_model_checkpoint"].replace("\\", "/")).name
            if best in models:
                return best
    return None


def _of_safetensors(path: Path, start: bytes, size: int) -> Kind | None:
    """What is wrong with a .safetensors file: 8 bytes with the length of a header, a JSON header, the tensors."""
    length = int.from_bytes(start[:8], "little")
    if start.startswith((ZIP, *PICKLES)):
        return "is a PyTorch file, not safetensors", _rename(path, "pytorch_model.bin")
    if size < 8 or length > HEADER or (start[8:9] or b"{") != b"{":
        return f"is no safetensors file{_quote(start)}", AGAIN
    if 8 + length > size:
        return f"is cut off: it has {size:,} bytes, and its header alone needs {8 + length:,}", AGAIN
    try:
        with path.open("rb") as file:
            file.seek(8)
            tensors = {name: entry for name, entry in json.loads(file.read(length)).items() if name != "__metadata__"}
        needed = 8 + length + max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return "is no safetensors file: its header cannot be read", AGAIN
    if not tensors:
        return "holds no weights", AGAIN
    if size < needed:
        return f"is cut off: it has {size:,} of {needed:,} bytes", AGAIN
    return None


def _of_pytorch(path: Path, start: bytes) -> Kind | None:
    """What is wrong with a .bin file: a zip archive, or a pickle in files older than PyTorch 1.6."""
    length = int.from_bytes(start[:8], "little")
    if 2 <= length <= HEADER and start[8:9] == b"{":
        return "is a safetensors file, not one of PyTorch", _rename(path, "model.safetensors")
    if start.startswith(ZIP):
        return None if zipfile.is_zipfile(path) else ("is cut off: the end of its archive is missing", AGAIN)
    return None if start.startswith(PICKLES) else (f"is no PyTorch file{_quote(start)}", AGAIN)


def _rename(path: Path, name: str) -> str:
    whole = path.name in WEIGHTS
    return f"rename it: mv {path} {path.parent / name}" if whole else "write the model again with save_pretrained()"


def _quote(start: bytes) -> str:
    """What a text begins with; "" if it is none."""
    with contextlib.suppress(UnicodeDecodeError):
        text = " ".join(start[:60].decode("ascii").split())
        return f'; it begins with "{text}"' if text.isprintable() and text else ""
    return ""
