"""Measure how much every attention head matters for the gold labels of a sample of documents.

`taylor` after Molchanov et al. 2019, "Importance Estimation for Neural Network Pruning", per head as in T3-Vis: the
gradient of the loss is summed over the sample, then (gradient * parameter)^2 over the parameters of each head.
`ablation`, the oracle of the pruning literature: how much the logit of the gold label drops if the head's output is 0.
`importance_files.py` reads and writes files; `scale.py` applies the weights.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from reportgen.core.errors import ImportanceError, ModelError, UsageError
from reportgen.core.files import disk, regular_files
from reportgen.core.nouns.records import Floats, Tokens
from reportgen.model import outputs
from reportgen.model.classifier import Classifier
from reportgen.model.guards import forward_errors, gradients_of, memory_errors, quiet
from reportgen.model.importance import head_parameters, importance_files
from reportgen.model.importance.head_parameters import Layer
from reportgen.model.importance.importance_files import Array, Importance
from reportgen.model.reading import forward_pass

SAVE_EVERY = 60.0  # seconds between two copies of the sums on disk
SCALES = {torch.float16: 256.0}  # of the loss: gradients too small for the type would be 0, and large ones have room
ANEW = "--restart starts over"
CHUNK = 4  # batches that are measured elsewhere in one go: gradients are as large as the model
Gold = int | tuple[int, ...]  # index of the gold label; where a text may have several, of each
Example = tuple[Tokens, Gold]  # a document and its gold label
Elsewhere = Callable[[Sequence[Sequence[Example]]], Generator[list[Tensor], None, None]]  # `contribution` of each


def compute(
    classifier: Classifier,
    documents: Sequence[Tokens],
    gold: Sequence[Gold],
    *,
    measure: str,
    batch_size: int,
    state: Path | None = None,
    key: str = "",
    restart: bool = False,
    advance: Callable[[int], None] = lambda documents: None,
    elsewhere: Elsewhere | None = None,
) -> Importance:
    """Importance of every head over a sample.

    With `taylor`, the parameters of a head are its rows of the query, key and value projections (weights and biases),
    its columns of the output projection, and its rows of further projections (Longformer's three global ones, those
    of positions in DeBERTa-v2). `taylor-local` leaves the further ones out. Rows that a group of heads shares count
    for each of them. Raw is the sum, weights are min-max scaled over all heads.

    With `ablation`, raw is the mean drop of the gold label's logit, of several of their sum. A negative drop, of a head
    that speaks against the gold label, is 0 before the scaling.

    Args:
        classifier: The model.
        documents: The sample.
        gold: The gold label of each document.
        measure: taylor, taylor-local or ablation.
        batch_size: Documents read at once; for ablation copies of one document, each without another head. Halved
            where memory runs out.
        state: Where the sums so far are kept, about once a minute and when anything ends the run early: the same call
            continues from there. It is the caller's to delete, when the result is on disk.
        key: Names model, sample and settings; what was begun under another key is not continued.
        restart: Start over, whatever *state* holds.
        advance: Told how many documents more are done.
        elsewhere: Measures chunks of the sample in other processes; here, they are added up in their order.

    Raises:
        ModelError: If the heads are not found, or a number is not finite.
        DeviceError: If memory does not hold one document.
        UsageError: If there is no document, or *state* belongs to another key.
        ImportanceError, OutputError: If *state* cannot be read or written.
    """
    if not documents:
        raise UsageError("head importance: no example has a gold label")
    examples = sorted(zip(documents, gold, strict=True), key=lambda example: -len(example[0]))
    with _method(classifier, measure, batch_size) as method:
        kept = None if state is None else _Progress(state, key=f"{measure} {key}")
        sums = Sums(0, method.start())
        if kept is not None:
            sums = kept.begin(sums) if restart else kept.read(sums, documents=len(examples))
        if sums.done:
            advance(sums.done)
        raw = method.raw(_add_up(method, examples, sums, state=kept, advance=advance, elsewhere=elsewhere))
    return Importance(values=_min_max(raw.clip(min=0)), raw=raw, measure=measure, examples=len(examples))


def contribution(classifier: Classifier, examples: Sequence[Example], *, measure: str, batch_size: int) -> list[Tensor]:
    """The contribution of a few examples to the sums of `compute`, for work done elsewhere.

    Raises:
        ModelError, DeviceError: As `compute` does.
    """
    with _method(classifier, measure, batch_size) as method:
        return [tensor.cpu() for tensor in _add_up(method, examples, Sums(0, method.start())).tensors]


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums over the documents so far."""

    done: int  # documents, the longest first
    tensors: tuple[Tensor, ...]


class Method(Protocol):
    """One measure, as the contributions of documents to sums."""

    chunk: int  # documents that are measured elsewhere in one go

    def start(self) -> tuple[Tensor, ...]:
        """The sums over no document."""

    def each(self, documents: Sequence[Tokens], add: Callable[[Sequence[int]], None]) -> None:
        """Call *add* with the places of documents that are read together, until all had their turn."""

    def contribution(self, examples: Sequence[Example]) -> list[Tensor]:
        """The contribution of *examples* to the sums."""

    def raw(self, sums: Sums) -> Array:
        """The figures of all heads, (layer, head), float64."""


@contextlib.contextmanager
def _method(classifier: Classifier, measure: str, batch_size: int) -> Iterator[Method]:
    """The way to measure, with the model made ready for it."""
    classifier.model.train(mode=False)
    errors = forward_errors(classifier.model, classifier.checkpoint.name)
    with quiet(), head_parameters.separate(classifier.model), errors:
        layers = head_parameters.find(classifier)
        rows = forward_pass.batch_limit(classifier, batch_size)
        if measure == "ablation":
            yield _Ablation(classifier, layers, rows)
        else:
            yield _Taylor(classifier, layers, rows, further=measure != "taylor-local")


def _add_up(
    method: Method,
    examples: Sequence[Example],
    sums: Sums,
    *,
    state: _Progress | None = None,
    advance: Callable[[int], None] = lambda documents: None,
    elsewhere: Elsewhere | None = None,
) -> Sums:
    """Sums over all *examples*, the longest first, from those on that are not done.

    The batches follow from the examples and their number alone, so that a run that was interrupted adds up the same.
    """
    written, since, missing = sums.done, time.monotonic(), examples[sums.done :]

    def add(places: Sequence[int]) -> None:
        with memory_errors():
            total = _plus(sums.tensors, method.contribution([missing[place] for place in places]))
        take(total, len(places))

    def take(total: tuple[Tensor, ...], count: int) -> None:
        nonlocal sums, written, since
        sums = Sums(sums.done + count, total)  # subtle: one assignment, so that a signal finds what belongs together
        if state is not None and time.monotonic() - since >= SAVE_EVERY:
            state.write(sums)
            written, since = sums.done, time.monotonic()
        advance(count)

    try:
        if elsewhere is None:
            method.each([tokens for tokens, _ in missing], add)
        else:
            chunks = [missing[start : start + method.chunk] for start in range(0, len(missing), method.chunk)]
            with contextlib.closing(elsewhere(chunks)) as found:
                for added, chunk in zip(found, chunks, strict=True):
                    take(_plus(sums.tensors, added), len(chunk))
    except BaseException:  # an interruption, too
        if state is not None and sums.done > written:
            state.write(sums)
        raise
    return sums


def _plus(sums: Iterable[Tensor], added: list[Tensor]) -> tuple[Tensor, ...]:
    """Their sums; *added* is consumed, so that at most one set is in memory next to the sums."""
    added.reverse()
    return tuple(tensor + added.pop().to(tensor) for tensor in sums)


@dataclass(frozen=True, slots=True)
class _Progress:
    """The sums so far, on disk."""

    path: Path
    key: str

    def begin(self, start: Sums) -> Sums:
        """Delete the stored state."""
        with disk.errors(self.path):
            self.path.unlink(missing_ok=True)
        return start

    def read(self, start: Sums, *, documents: int) -> Sums:
        """The stored state; *start* without a file."""
        from safetensors import SafetensorError, safe_open

        try:
            regular_files.check(self.path)
            with safe_open(self.path, framework="pt") as file:
                facts = file.metadata() or {}
                if "key" not in facts or "done" not in facts:
                    raise ValueError("unknown content")
                if facts["key"] != self.key:
                    raise UsageError(
                        f"{self.path}: was started with another model, sample or setting",
                        hint=f"{ANEW}; or use the settings it was started with",
                    )
                found = tuple(file.get_tensor(str(index)) for index in range(len(start.tensors)))
            done = int(facts["done"])
            if not 0 < done <= documents or [t.shape for t in found] != [t.shape for t in start.tensors]:
                raise ValueError("its sums belong to another run")
        except FileNotFoundError:
            return start
        except (OSError, ValueError, SafetensorError) as error:
            raise ImportanceError(f"{self.path}: cannot be continued: {error}", hint=ANEW) from error
        return Sums(done, tuple(tensor.to(zero) for tensor, zero in zip(found, start.tensors, strict=True)))

    def write(self, sums: Sums) -> None:
        """Replace the stored state in one step."""
        tensors = {str(index): tensor.cpu().numpy() for index, tensor in enumerate(sums.tensors)}
        importance_files.write(self.path, tensors, {"key": self.key, "done": str(sums.done)})


class _Taylor:
    """Sums are gradients of the parameters of the heads, in float32, in addition to the model."""

    def __init__(self, classifier: Classifier, layers: Sequence[Layer], rows: int, *, further: bool) -> None:
        self.classifier, self.rows, self.chunk = classifier, rows, CHUNK * rows
        self.layers = [layer.own + layer.further if further else layer.own for layer in layers]
        self.parameters = [slices.parameter for layer in self.layers for slices in layer]
        self.scale = SCALES.get(classifier.model.dtype, 1.0)

    def start(self) -> tuple[Tensor, ...]:
        return tuple(torch.zeros_like(parameter, dtype=torch.float32) for parameter in self.parameters)

    def each(self, documents: Sequence[Tokens], add: Callable[[Sequence[int]], None]) -> None:
        forward_pass.halving(add, documents, batch_size=self.rows)

    def contribution(self, examples: Sequence[Example]) -> list[Tensor]:
        documents, gold = zip(*examples, strict=True)
        with gradients_of(self.classifier.model, self.parameters):
            logits = self.classifier.model(**forward_pass.batch(self.classifier, documents)).logits.float()
            loss = _loss(self.classifier, logits, gold)
            found = torch.autograd.grad(loss * self.scale, self.parameters, allow_unused=True)
        if not all(torch.stack([g.isfinite().all() for g in (loss, *found) if g is not None])):
            raise ModelError(
                "head importance: the gradient of the loss is not finite (NaN or Inf)",
                hint="use --dtype float32",
            )
        return [
            torch.zeros_like(parameter) if gradient is None else gradient
            for parameter, gradient in zip(self.parameters, found, strict=True)
        ]

    def raw(self, sums: Sums) -> Array:
        heads, gradients, rows = self.classifier.shape[1], iter(sums.tensors), []
        for layer in self.layers:
            row = torch.zeros(heads, dtype=torch.float64)
            for slices in layer:
                gradient = next(gradients).cpu().double() / self.scale
                row += slices.by_head((gradient * slices.parameter.detach().cpu().double()).square(), heads)
            rows.append(row)
        return torch.stack(rows).numpy()


def _loss(classifier: Classifier, logits: Tensor, gold: Sequence[Gold]) -> Tensor:
    """The loss the model was trained with, summed over documents; of several labels, the gold ones are true."""
    if not outputs.are_several(classifier.model.config):
        return nn.functional.cross_entropy(logits, torch.tensor(gold, device=logits.device), reduction="sum")
    truth = torch.zeros_like(logits)
    for row, labels in enumerate(gold):
        truth[row, torch.tensor(labels, dtype=torch.long)] = 1
    return nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="none").mean(dim=1).sum()


class _Ablation:
    """Sums are drops of the gold logit, (layer, head).

    A head changes nothing before its layer: what the layers before it gave for the document is used again.
    """

    def __init__(self, classifier: Classifier, layers: Sequence[Layer], rows: int) -> None:
        self.classifier = classifier
        self.layers = layers
        self.rows, self.chunk = rows, 1

    def start(self) -> tuple[Tensor, ...]:
        return (torch.zeros(self.classifier.shape, dtype=torch.float64),)

    def each(self, documents: Sequence[Tokens], add: Callable[[Sequence[int]], None]) -> None:
        for place in range(len(documents)):
            add([place])  # as often as the batch has rows: see `contribution`

    def contribution(self, examples: Sequence[Example]) -> list[Tensor]:
        ((tokens, gold),) = examples
        labels = [gold] if isinstance(gold, int) else list(gold)
        heads = self.classifier.shape[1]
        outputs: list[Any] = []
        with torch.inference_mode(), _recording(self.layers, outputs):
            whole = self._logits([tokens])[:, labels].sum(dim=1)
        drops = torch.zeros(self.classifier.shape, dtype=torch.float64)

        def drop(index: int, chosen: Sequence[int]) -> None:
            layer, before, copies = self.layers[index], self.layers[:index], [tokens] * len(chosen)
            silent = nn.functional.one_hot(torch.tensor(chosen), heads).bool()  # head chosen[i] in row i
            replaying = _replaying(before, outputs, rows=len(copies))
            with torch.inference_mode(), memory_errors(), replaying, head_parameters.silenced(layer, silent):
                drops[index, chosen] = whole - self._logits(copies)[:, labels].sum(dim=1)

        for index in range(len(self.layers)):
            forward_pass.halving(functools.partial(drop, index), [tokens] * heads, batch_size=self.rows)
        return [drops]

    def raw(self, sums: Sums) -> Array:
        return (sums.tensors[0] / sums.done).numpy()

    def _logits(self, documents: Sequence[Tokens]) -> Tensor:
        logits: Tensor = self.classifier.model(**forward_pass.batch(self.classifier, documents)).logits.cpu().double()
        if not bool(logits.isfinite().all()):
            raise ModelError("head importance: the model returned logits that are not finite (NaN or Inf)")
        return logits


@contextlib.contextmanager
def _recording(layers: Sequence[Layer], outputs: list[Any]) -> Iterator[None]:
    """While open, the output of every layer is appended to *outputs*."""
    with contextlib.ExitStack() as stack:
        for layer in layers:
            handle = layer.module.register_forward_hook(lambda _, __, output: outputs.append(output))
            stack.callback(handle.remove)
        yield


@contextlib.contextmanager
def _replaying(layers: Sequence[Layer], outputs: Sequence[Any], *, rows: int) -> Iterator[None]:
    """While open, *layers* do not run: they repeat their output for one document, once per row."""
    with contextlib.ExitStack() as stack:
        for layer, output in zip(layers, outputs, strict=False):
            layer.module.forward = functools.partial(_repeated, output, rows)  # hides the method of its class
            stack.callback(delattr, layer.module, "forward")
        yield


def _repeated(output: Any, rows: int, *_: object, **__: object) -> Any:
    """The output of a layer for one document, repeated for *rows*."""
    if isinstance(output, tuple):
        return tuple(_repeated(part, rows) for part in output)
    return output.repeat(rows, *[1] * (output.dim() - 1)) if isinstance(output, Tensor) else output


def _min_max(raw: Array) -> Floats:
    """Scaled to 0..1 over all heads; 0 if all are equal."""
    spread = raw.max() - raw.min()
    return ((raw - raw.min()) / spread if spread > 0 else np.zeros_like(raw)).astype(np.float32)
