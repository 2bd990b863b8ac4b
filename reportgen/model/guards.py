"""Guard a call into torch, transformers or tokenizers: errors become ours, notes stay off the terminal.

And only the parameters that are asked for take gradients.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
from torch import nn

from reportgen.core.clock import largest
from reportgen.core.errors import DeviceError, ModelError, ReportgenError

ALONE = {"trust_remote_code": False, "local_files_only": True}  # transformers runs no code and asks no network
PACKAGE = str(Path(__file__).parents[1])
SAYS_LITTLE = (KeyError, AttributeError, IndexError, TypeError, AssertionError, NotImplementedError)  # without its kind
LONGEST = 300  # characters of another library's message
IN_MEMORY = "in memory"  # behind the name of a model that was not loaded by us


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """Turn running out of memory into a `DeviceError`.

    Raises:
        DeviceError: With a hint on what takes less.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        traceback.clear_frames(error.__traceback__)  # of what the model had computed: another try needs that memory
        host, gpu = largest()
        used = f"{gpu / 1000:.1f} GB of the GPU" if gpu else f"{host / 1000:.1f} GB"
        raise DeviceError(
            f"out of memory: {str(error) or 'the request failed'} (at most {used} in use)",
            hint="use a smaller --max-length, --dtype bfloat16 or --device cpu",
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, in Python, on a GPU, or in torch's allocator for the CPU."""
    # subtle: torch's allocator for the CPU raises a plain RuntimeError
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


@contextlib.contextmanager
def panics() -> Iterator[None]:
    """Turn a panic of tokenizers' Rust code, which is no `Exception`, into a `RuntimeError`."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise RuntimeError(str(error)) from error


@contextlib.contextmanager
def loading_errors(what: str, *, hint: str | None) -> Iterator[None]:
    """Turn whatever a library raises while *what* is loaded into a `ModelError`: its files are not as they should be.

    Raises:
        ModelError: With the library's own words; with the library's name where one is missing.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, ReportgenError) or is_out_of_memory(error):
            raise
        if isinstance(error, ImportError):
            raise _needs_library(what, error) from error
        raise ModelError(f"{what}: {said(error)}", hint=hint) from error


@contextlib.contextmanager
def forward_errors(model: nn.Module, name: str) -> Iterator[None]:
    """Turn whatever a model raises while it runs into a `ModelError` that names the layer.

    Running out of memory passes, for `memory_errors`, and so does an error of our own code, called back by a layer.

    Raises:
        ModelError: With the layer, and with a way to see whose fault it is.
    """
    try:
        yield
    except Exception as error:
        layer = _layer(model, error)
        if layer is None or isinstance(error, ReportgenError) or is_out_of_memory(error):
            raise
        kind = getattr(getattr(model, "config", None), "model_type", type(model).__name__)
        if isinstance(error, ImportError):
            raise _needs_library(f'{name}: model type "{kind}", layer {layer}', error) from error
        place = f"in its layer {layer}" if layer else "outside of its layers"
        raise ModelError(
            f'{name}: model type "{kind}" fails {place}: {said(error)}',
            hint=in_full(name) if in_half(model) else _without_us(name),  # XLNet and DeBERTa run in float32 alone
        ) from error


def in_half(model: nn.Module) -> bool:
    """Whether weights of the model are float16 or bfloat16."""
    return any(weight.dtype in (torch.float16, torch.bfloat16) for weight in model.parameters())


def in_full(name: str) -> str:
    """What to do where float16 or bfloat16 does not do: for a model that is loaded already, in the words of Python."""
    return "convert it: model.float()" if name.endswith(f"({IN_MEMORY})") else "use --dtype float32"


def _without_us(name: str) -> str:
    """A way to see whether a model runs at all."""
    if name.endswith(f"({IN_MEMORY})"):
        return "see whether it runs without reportgen: model(**tokenizer(text, return_tensors='pt'))"
    return (
        "its config.json may not fit its weights; see whether it runs without reportgen: python -c "
        f"\"from transformers import pipeline; print(pipeline('text-classification', '{name}')('text'))\""
    )


def _needs_library(what: str, error: ImportError) -> ModelError:
    return ModelError(
        f"{what}: needs a library that is not installed, or not in a version that fits: {said(error)}",
        hint=f"run pip install {error.name.partition('.')[0]}" if error.name else "install that library",
    )


def said(error: BaseException) -> str:
    """What an error says, in one line that is not too long; with its kind where the message says little without."""
    text = " ".join(str(error).split())
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
    if not text or isinstance(error, SAYS_LITTLE):
        return f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text


def _layer(model: nn.Module, error: BaseException) -> str | None:
    """The innermost module that was running, "" for the model itself; None if the error is one of our own code."""
    names = {id(module): name for name, module in model.named_modules()}
    found = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        name = names.get(id(frame.f_locals.get("self")))
        if name is not None:
            found = name
        elif found is not None and frame.f_code.co_filename.startswith(PACKAGE):
            return None  # called back by a layer
    return found


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' own notes and progress bars off the terminal; errors still raise.

    Downloads keep the bars of huggingface_hub, which shows none without a terminal.
    """
    logging: Any = transformers.logging  # its functions carry no types
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    downloads = not are_progress_bars_disabled()
    logging.disable_progress_bar()  # subtle: switches those of downloads, too
    if downloads:
        enable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
        if not downloads:
            disable_progress_bars()


@contextlib.contextmanager
def gradients_of(model: nn.Module, parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """While open, gradients are on, and no other parameter takes one, which would take memory.

    Raises:
        ModelError: If the weights can never take part in a gradient.
    """
    if any(parameter.is_inference() for parameter in model.parameters()):
        raise ModelError(
            "the model was loaded inside torch.inference_mode(), so it has no gradients",
            hint="load it outside of torch.inference_mode()",
        )
    before = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        model.requires_grad_(False)
        for parameter in parameters:
            parameter.requires_grad_(True)
        with torch.enable_grad():
            yield
    finally:
        for parameter, required in before:
            parameter.requires_grad_(required)
