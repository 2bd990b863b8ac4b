"""guards: what goes wrong in torch and transformers becomes an error of ours, and their notes stay off the terminal."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
from torch import nn

from reportgen.core.errors import DeviceError, ModelError
from reportgen.model.guards import loading_errors, memory_errors, quiet, said
from reportgen.model.reading import forward_pass
from tests import tiny


def test_running_out_of_memory_is_a_device_error() -> None:
    """On a GPU, in Python, and in torch's allocator for the processor, which raises a plain RuntimeError."""
    with pytest.raises(DeviceError, match="can't allocate memory") as caught, memory_errors():
        torch.empty(2**60, dtype=torch.uint8)
    assert caught.value.exit_code == 6
    for error in (MemoryError("full"), torch.OutOfMemoryError("full")):
        with pytest.raises(DeviceError, match="out of memory: full"), memory_errors():
            raise error


def test_an_error_does_not_hold_the_memory_for_want_of_which_it_came() -> None:
    """Whoever catches it tries again with less, and needs that memory."""
    held: list[weakref.ref[nn.Module]] = []

    def forward() -> None:
        activations = nn.Identity()
        held.append(weakref.ref(activations))
        raise MemoryError("full")

    with pytest.raises(DeviceError) as caught, memory_errors():
        forward()
    assert isinstance(caught.value.__cause__, MemoryError)
    assert held[0]() is None


def test_other_errors_pass_through_unchanged() -> None:
    """A bug stays a bug."""
    with pytest.raises(RuntimeError, match="shapes"), memory_errors():
        raise RuntimeError("shapes do not match")


def test_quiet_leaves_the_library_as_it_was() -> None:
    """Verbosity and progress bars of transformers come back, also after an error."""
    logging = transformers.logging
    enable_progress_bars()
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    with quiet():
        assert not logging.is_progress_bar_enabled()
        assert not are_progress_bars_disabled()  # those of downloads
    with pytest.raises(ModelError, match="inside"), quiet():
        raise ModelError("inside")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
    assert not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        with quiet():
            assert are_progress_bars_disabled()
        assert are_progress_bars_disabled()
    finally:
        enable_progress_bars()


# loading and running


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyError("hidden"), "m: KeyError: 'hidden'"),
        (RuntimeError("no such layer"), "m: no such layer"),
        (Exception("tokenizers raises nothing more precise"), "m: tokenizers raises"),
        (OSError(), "m: OSError"),
        (ModuleNotFoundError("No module named 'x.y'", name="x.y"), "m: needs a library that is not installed"),
    ],
)
def test_whatever_a_library_raises_while_loading_is_a_model_error(error: Exception, message: str) -> None:
    """Exit code 4 with its words, and with its kind where they say little alone."""
    with pytest.raises(ModelError) as caught, loading_errors("m", hint="look again"):
        raise error
    assert caught.value.message.startswith(message)
    assert caught.value.exit_code == 4
    assert caught.value.hint == ("run pip install x" if isinstance(error, ImportError) else "look again")


@pytest.mark.parametrize("error", [MemoryError("full"), torch.OutOfMemoryError("full"), DeviceError("gone")])
def test_running_out_of_memory_is_no_fault_of_the_model(error: Exception) -> None:
    """It passes, for `memory_errors`; so do our own errors."""
    with pytest.raises(type(error)), loading_errors("m", hint=None):
        raise error


def test_a_long_message_is_cut() -> None:
    """A library may quote a whole configuration."""
    assert len(said(RuntimeError("word " * 1000))) < 320


def read(classifier: Any) -> Any:
    return forward_pass.predict_logits(classifier, [tiny.document(9)])


def attend(classifier: Any) -> Any:
    return forward_pass.attend(classifier, [tiny.document(9)], lambda *_: None)


def broken(error: BaseException) -> Callable[..., Any]:
    """A forward pass that raises."""

    def forward(*_: Any, **__: Any) -> None:
        raise type(error)(*error.args)  # a new one: an error keeps its traceback

    return forward


@pytest.mark.parametrize("run", [read, attend])
@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), NotImplementedError(), ImportError("kernels")])
def test_an_error_of_a_layer_is_a_model_error_that_names_it(run: Any, error: Exception) -> None:
    """Exit code 4: 70 is for our own faults."""
    classifier = tiny.classifier(tiny.dense("bert"))
    classifier.model.get_submodule("bert.encoder.layer.1.attention.self").forward = broken(error)
    with pytest.raises(ModelError, match=r"layer bert\.encoder\.layer\.1\.attention\.self") as caught:
        run(classifier)
    assert said(error) in caught.value.message
    assert caught.value.exit_code == 4


def test_memory_that_runs_out_in_a_layer_is_a_device_error() -> None:
    """So that a smaller batch is tried."""
    classifier = tiny.classifier(tiny.dense("bert"))
    classifier.model.get_submodule("bert.pooler").forward = broken(MemoryError("full"))
    with pytest.raises(DeviceError, match="out of memory: full"):
        read(classifier)


@pytest.mark.parametrize("model", [tiny.longformer, lambda: tiny.dense("bert")], ids=["windows", "dense"])
def test_an_error_of_ours_that_a_layer_calls_back_stays_a_bug(model: Any) -> None:
    """`attend` hands on the attention while the model runs."""
    classifier = tiny.classifier(model())

    def bug(*_: Any) -> None:
        raise IndexError("ours")

    with pytest.raises(IndexError, match="ours"):
        forward_pass.attend(classifier, [tiny.document(9)], bug)


def test_an_embedding_that_is_too_small_names_itself() -> None:
    """What an index error inside of torch means, the layer says."""
    classifier = tiny.classifier(tiny.dense("bert"))
    words = classifier.model.get_input_embeddings().weight
    words.data = words.data[:5]
    with pytest.raises(ModelError, match=r"fails in its layer bert\.embeddings\.word_embeddings: IndexError"):
        read(classifier)
