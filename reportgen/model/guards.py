"""Turn errors of torch, transformers and tokenizers into ours, and keep their notes off the terminal."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from typing import Any

import torch
import transformers
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from reportgen.core.clock import largest
from reportgen.core.errors import DeviceError

ALONE = {"trust_remote_code": False, "local_files_only": True}  # transformers runs no code and asks no network


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
