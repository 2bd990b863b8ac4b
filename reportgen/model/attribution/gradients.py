"""Attribute the margin of a label to the tokens of a document: signed scores, one per token, by gradients.

`frozen`: gradient times input, where attention weights and the denominators of normalisations are held constant (Ali
et al. 2022, see `held_constant.py`). `gradient-x-input`: the same with nothing held constant. `ig`: integrated
gradients (Sundararajan, Taly and Yan 2017, "Axiomatic Attribution for Deep Networks", ICML). The input is what the
model looks up in its table of tokens; positions are not part of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reportgen.core.clock import Advance
from reportgen.core.errors import DeviceError, ModelError
from reportgen.core.nouns.faithfulness import Attribution, Method
from reportgen.core.nouns.records import Floats, Tokens
from reportgen.model.attribution.held_constant import HeldConstant
from reportgen.model.classifier import Classifier
from reportgen.model.guards import forward_errors, gradients_of, is_out_of_memory, memory_errors, quiet, said
from reportgen.model.reading import forward_pass, long_documents
from reportgen.model.reading.long_documents import WindowPlan

STEPS = 32  # of integrated gradients: nodes of a Gauss-Legendre quadrature
MEAN = "mean embedding"  # the baseline that is no token: the mean over the table of tokens
ROWS = 4096  # of the table that are read at once

NONE = 3e-3  # of the sum of absolute values: as much is left of 0 by rounding, and by the epsilon of a normalisation

Change = Callable[[Tensor], Tensor]  # of the embeddings of a window, in the shape that the model gives them


def attribute(
    classifier: Classifier,
    tokens: Tokens,
    labels: Sequence[int],
    *,
    method: Method,
    stride: int | None = None,
    steps: int = STEPS,
    baseline: str = MEAN,
    advance: Advance = lambda passes: None,
) -> tuple[Attribution, ...]:
    """How much every token of a document speaks for or against each of *labels*.

    The model is left as it was. It takes the memory of one document in training, without the gradients of the weights:
    with `frozen`, a Longformer-base took 1.3 GB more for 2,048 tokens. In a document that is read in windows, a
    token's score is the sum over its windows, whose logits are averaged.

    Args:
        classifier: The model.
        tokens: The document.
        labels: Indices of labels.
        method: See above.
        stride: Tokens that neighbouring windows share, see `long_documents.plan`.
        steps: Of integrated gradients, each a forward pass and, for each label, a backward pass.
        baseline: Where integrated gradients start, for every token that is not special: `MEAN`, or the text of a token.
        advance: Called with the number of forward passes that are done; there are `passes`.

    Returns:
        One for each label. Where the model has no such gradients, or memory runs out: no scores, and the reason.
    """
    plan = long_documents.plan_for(classifier, tokens, stride=stride)
    document = _Document(classifier, plan, tuple(labels), advance)
    name = classifier.checkpoint.name
    try:
        with memory_errors(), forward_errors(classifier.model, name), quiet(), gradients_of(classifier.model, ()):
            if method == "ig":
                return _integrated(document, steps=steps, baseline=baseline)
            scores = _frozen(document) if method == "frozen" else _times_input(document)
            return tuple(Attribution(method, label, found) for label, found in zip(labels, scores, strict=True))
    except (ModelError, DeviceError) as error:
        start = baseline if method == "ig" else None
        return tuple(Attribution(method, label, None, start, reason=f"{error.message}.") for label in labels)


def passes(method: Method, *, windows: int = 1, steps: int = STEPS) -> int:
    """The number of forward passes that `attribute` takes for a document that is read in so many windows."""
    once = windows if windows == 1 else 2 * windows  # the logits first
    return steps * once + 2 * windows if method == "ig" else once


def slope(logits: Tensor, label: int, *, several: bool) -> Tensor:
    """The gradient of the margin of a label with respect to the logits, (label,): 1 for it, -1 for the largest other.

    Args:
        logits: (label,).
        label: Its index.
        several: Whether a text may have several labels at once; then the margin is the logit alone.
    """
    found = torch.zeros_like(logits)
    if not several and len(logits) > 1:
        found[logits.index_fill(0, torch.tensor(label, device=logits.device), -torch.inf).argmax()] = -1
    found[label] = 1
    return found


@dataclass(frozen=True, slots=True)
class _Document:
    """A document in its windows, mostly one, and the labels that it is asked about."""

    classifier: Classifier
    plan: WindowPlan
    labels: tuple[int, ...]
    advance: Advance

    @property
    def name(self) -> str:
        """The model, for errors."""
        return self.classifier.checkpoint.name

    def read(self, window: Tokens, change: Change) -> tuple[Tensor, Tensor]:
        """The embeddings of a window as *change* gives them, and the logits (label,), which depend on them."""
        with _embeddings(self.classifier.model, change) as found:
            logits = self.classifier.model(**forward_pass.batch(self.classifier, [window])).logits[0].float()
        if len(found) != 1:
            raise ModelError(f"{self.name}: the model looks its tokens up {len(found)} times, not once")
        self.advance(1)
        return found[0], logits

    @torch.no_grad()
    def look(self, changes: Sequence[Change]) -> tuple[list[Tensor], Tensor]:
        """The embeddings of all windows, and the mean of their logits."""
        found = [self.read(window, change) for window, change in zip(self.plan.pieces, changes, strict=True)]
        return [embeddings.detach() for embeddings, _ in found], torch.stack([logits for _, logits in found]).mean(0)

    def slopes(self, logits: Tensor) -> list[Tensor]:
        """`slope` for each label."""
        several = bool(self.classifier.thresholds)
        return [slope(logits, label, several=several) for label in self.labels]

    def gradients(self, changes: Sequence[Change]) -> Iterator[tuple[Tensor, list[Tensor]]]:
        """Of each window the embeddings, and of each label the gradient of its margin, shaped like them."""
        pieces = self.plan.pieces
        mean = self.look(changes)[1] if len(pieces) > 1 else None
        for window, change in zip(pieces, changes, strict=True):
            embeddings, logits = self.read(window, change)
            slopes = self.slopes(logits.detach() if mean is None else mean)
            margins = [(logits * weights).sum() / len(pieces) for weights in slopes]
            last = len(margins) - 1
            found = [self._gradient(m, embeddings, keep=place < last) for place, m in enumerate(margins)]
            yield embeddings.detach(), found

    def _gradient(self, margin: Tensor, embeddings: Tensor, *, keep: bool) -> Tensor:
        try:
            (gradient,) = torch.autograd.grad(margin, embeddings, retain_graph=keep)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            raise ModelError(f"{self.name}: the model has no gradient: {said(error)}") from error
        if not bool(gradient.isfinite().all()):
            raise ModelError(f"{self.name}: the gradient holds numbers that are not finite (NaN or Inf)")
        return gradient.float()

    def scores(self, products: Sequence[Tensor]) -> Floats:
        """By token, (token,), the sum over the width of *products*, which are shaped as the embeddings of a window."""
        total = np.zeros(len(self.plan.tokens), np.float32)
        for window, product in zip(self.plan.windows, products, strict=True):
            positions = self.plan.positions(window)
            # padding stands behind; XLNet has the tokens first, then the document
            total[positions] += product.sum(-1).flatten()[: len(positions)].cpu().numpy()
        return total


def _same(embeddings: Tensor) -> Tensor:
    return embeddings


def _times_input(document: _Document) -> list[Floats]:
    """Gradient times input, by label: (token,)."""
    found = [
        [gradient * embeddings for gradient in gradients]
        for embeddings, gradients in document.gradients([_same] * len(document.plan.pieces))
    ]
    if all(_cancels(product) for products in found for product in products):
        raise ModelError(
            f"{document.name}: gradient times input is 0 for every token, because the model normalises each embedding "
            "before it adds anything to it; frozen and ig have scores"
        )
    return [document.scores(products) for products in zip(*found, strict=True)]


def _cancels(products: Tensor) -> bool:
    """Whether the products of each token add up to 0, or nearly."""
    return bool((products.sum(-1).abs() <= NONE * products.abs().sum(-1)).all())


def _frozen(document: _Document) -> list[Floats]:
    """The same with attention weights and denominators held constant.

    Raises:
        ModelError: If layers compute their attention without a softmax of torch's.
    """
    with HeldConstant() as held:
        scores = _times_input(document)
    layers = len(document.classifier.layers)
    held_layers = held.attentions // passes("frozen", windows=len(document.plan.pieces))
    if held_layers < layers:
        raise ModelError(f"{document.name}: attention can be held constant in {held_layers} of {layers} layers")
    return scores


def _integrated(document: _Document, *, steps: int, baseline: str) -> tuple[Attribution, ...]:
    """Integrated gradients, each with what the sum of its scores lacks of the change of the margin."""
    embeddings, at_end = document.look([_same] * len(document.plan.pieces))
    row = _baseline(document, baseline)
    starts = [_replaced(one, row, window) for one, window in zip(embeddings, document.plan.pieces, strict=True)]
    _, at_start = document.look([_at(start) for start in starts])
    paths = [end - start for end, start in zip(embeddings, starts, strict=True)]
    sums = [[torch.zeros_like(path, dtype=torch.float32) for path in paths] for _ in document.labels]
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    for node, weight in zip(((nodes + 1) / 2).tolist(), (weights / 2).tolist(), strict=True):
        between = [_at(start + node * path) for start, path in zip(starts, paths, strict=True)]
        for window, (_, gradients) in enumerate(document.gradients(between)):
            for total, gradient in zip(sums, gradients, strict=True):
                total[window] += weight * gradient
    found = []
    ends, begins = document.slopes(at_end), document.slopes(at_start)
    for label, totals, end, begin in zip(document.labels, sums, ends, begins, strict=True):
        scores = document.scores([total * path for total, path in zip(totals, paths, strict=True)])
        change = float((at_end * end).sum() - (at_start * begin).sum())
        gap = (float(scores.sum()) - change) / change if change else None
        found.append(Attribution("ig", label, scores, baseline, gap))
    return tuple(found)


def _at(embeddings: Tensor) -> Change:
    """Read *embeddings* in the place of the document's own."""
    return lambda _: embeddings


def _baseline(document: _Document, baseline: str) -> Tensor:
    """The embedding that stands for nothing, (width,)."""
    classifier = document.classifier
    table = _table(classifier.model)
    with torch.no_grad():
        if baseline == MEAN:
            ids = torch.tensor(classifier.vocabulary, device=classifier.device)
            sums = [_first(table(part)).float().sum(0) for part in torch.split(ids, ROWS)]
            return torch.stack(sums).sum(0) / len(ids)
        token = classifier.tokenizer.convert_tokens_to_ids(baseline)
        if token is None or classifier.tokenizer.convert_ids_to_tokens(token) != baseline:
            raise ModelError(f"{document.name}: its tokenizer has no token {baseline}")
        return _first(table(torch.tensor([token], device=classifier.device)))[0]


def _replaced(embeddings: Tensor, row: Tensor, window: Tokens) -> Tensor:
    """The embeddings of a window with *row* in the place of every token that is not special."""
    places = [place for place, special in enumerate(window.special) if not special]
    rows = embeddings.flatten(0, -2).clone()  # (token, width): there is one document
    rows[places] = row.to(rows.dtype)
    return rows.view_as(embeddings)


@contextlib.contextmanager
def _embeddings(model: nn.Module, change: Change) -> Iterator[list[Tensor]]:
    """While open, the model reads its embeddings as *change* gives them; yields them as they are read."""
    found: list[Tensor] = []

    def hook(_: nn.Module, __: object, output: Any) -> Any:
        embeddings = change(_first(output).detach()).detach().requires_grad_()
        found.append(embeddings)
        read = embeddings.clone()  # models add positions in place, which is refused for what takes a gradient
        return (read, *output[1:]) if isinstance(output, tuple) else read

    handle = _table(model).register_forward_hook(hook)
    try:
        yield found
    finally:
        handle.remove()


def _table(model: Any) -> nn.Module:
    """The module that turns token ids into embeddings."""
    try:
        return model.get_input_embeddings()  # type: ignore[no-any-return]
    except NotImplementedError as error:
        raise ModelError("the model reads its tokens without a table of embeddings") from error


def _first(output: Any) -> Tensor:
    """The embeddings in what the table returns: I-BERT gives a scale with them."""
    return output[0] if isinstance(output, tuple) else output  # type: ignore[no-any-return]
