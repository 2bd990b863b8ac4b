"""Attribute the margin of a label to the tokens of a document: signed scores, one per token, by gradients.

`frozen`: gradient times input, where attention weights and the denominators of normalisations are held constant (Ali
et al. 2022, see `held_constant.py`). `gradient-x-input`: the same with nothing held constant. `ig`: integrated
gradients (Sundararajan, Taly and Yan 2017, "Axiomatic Attribution for Deep Networks", ICML). The input is what the
model looks up in its table of tokens; positions are not part of it.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reportgen.core.errors import DeviceError, ModelError
from reportgen.core.faithfulness import Attribution, Method
from reportgen.core.records import Floats, Tokens
from reportgen.model import forward_pass
from reportgen.model.classifier import Classifier
from reportgen.model.faithfulness.held_constant import HeldConstant
from reportgen.model.guards import forward_errors, gradients_of, is_out_of_memory, memory_errors, quiet, said

STEPS = 32  # of integrated gradients: nodes of a Gauss-Legendre quadrature
MEAN = "mean embedding"  # the baseline that is no token: the mean over the table of tokens
ROWS = 4096  # of the table that are read at once

ROUNDING = 1e-4  # of the sum of absolute values: less is none

Change = Callable[[Tensor], Tensor]  # of the embeddings of a document, in the shape that the model gives them
Advance = Callable[[int], None]


def attribute(
    classifier: Classifier,
    tokens: Tokens,
    labels: Sequence[int],
    *,
    method: Method,
    steps: int = STEPS,
    baseline: str = MEAN,
    advance: Advance = lambda passes: None,
) -> tuple[Attribution, ...]:
    """How much every token of a document speaks for or against each of *labels*.

    The model is left as it was. It takes the memory of one document in training, without the gradients of the weights.

    Args:
        classifier: The model.
        tokens: The document.
        labels: Indices of labels.
        method: See above.
        steps: Of integrated gradients, each a forward pass and, for each label, a backward pass.
        baseline: Where integrated gradients start, for every token that is not special: `MEAN`, or the text of a token.
        advance: Called with the number of forward passes that are done; there are `passes`.

    Returns:
        One for each label. Where the model has no such gradients, or memory runs out: no scores, and the reason.
    """
    document = _Document(classifier, tokens, tuple(labels), advance)
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


def passes(method: Method, *, steps: int = STEPS) -> int:
    """The number of forward passes that `attribute` takes."""
    return steps + 2 if method == "ig" else 1


def margin(logits: Tensor, label: int, *, several: bool) -> Tensor:
    """The logit of a label minus the largest other one; shape ().

    Args:
        logits: (label,).
        label: Its index.
        several: Whether a text may have several labels at once; then, and for a single logit, it is the logit alone.
    """
    if several or len(logits) == 1:
        return logits[label]
    return logits[label] - torch.cat((logits[:label], logits[label + 1 :])).max()


@dataclass(frozen=True, slots=True)
class _Document:
    """A document, and the labels that it is asked about."""

    classifier: Classifier
    tokens: Tokens
    labels: tuple[int, ...]
    advance: Advance

    def read(self, change: Change = lambda embeddings: embeddings) -> tuple[Tensor, list[Tensor]]:
        """Embeddings as *change* gives them, and the margin of each label, which depends on them."""
        with _embeddings(self.classifier.model, change) as found:
            logits = self.classifier.model(**forward_pass.batch(self.classifier, [self.tokens])).logits[0].float()
        if len(found) != 1:
            raise ModelError(
                f"{self.classifier.checkpoint.name}: the model reads its table of tokens {len(found)} times"
            )
        self.advance(1)
        several = bool(self.classifier.thresholds)
        return found[0], [margin(logits, label, several=several) for label in self.labels]

    def gradients(self, margins: Sequence[Tensor], embeddings: Tensor) -> list[Tensor]:
        """The gradient of each margin, shaped as *embeddings*, float32."""
        last = len(margins) - 1
        return [self._gradient(m, embeddings, keep=place != last) for place, m in enumerate(margins)]

    def _gradient(self, margin: Tensor, embeddings: Tensor, *, keep: bool) -> Tensor:
        name = self.classifier.checkpoint.name
        try:
            (gradient,) = torch.autograd.grad(margin, embeddings, retain_graph=keep)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            raise ModelError(f"{name}: the model has no gradient: {said(error)}") from error
        if not bool(gradient.isfinite().all()):
            raise ModelError(f"{name}: the gradient holds numbers that are not finite (NaN or Inf)")
        return gradient.float()

    def scores(self, products: Tensor) -> Floats:
        """The sum over the width of *products*, which are shaped as the embeddings, by token: (token,)."""
        # padding stands behind; XLNet has the tokens first, then the document
        return products.float().sum(-1).flatten()[: len(self.tokens)].cpu().numpy()


def _times_input(document: _Document) -> list[Floats]:
    """Gradient times input, by label: (token,)."""
    embeddings, margins = document.read()
    products = [gradient * embeddings.detach() for gradient in document.gradients(margins, embeddings)]
    if all(_cancels(product) for product in products):
        raise ModelError(
            f"{document.classifier.checkpoint.name}: gradient times input is 0 for every token, because the model "
            "normalises each embedding before it adds anything to it; frozen and ig have scores"
        )
    return [document.scores(product) for product in products]


def _cancels(products: Tensor) -> bool:
    """Whether the products of each token add up to 0, but for rounding."""
    return bool((products.sum(-1).abs() <= ROUNDING * products.abs().sum(-1)).all())


def _frozen(document: _Document) -> list[Floats]:
    """The same with attention weights and denominators held constant.

    Raises:
        ModelError: If layers compute their attention without a softmax of torch's.
    """
    classifier = document.classifier
    with HeldConstant() as held:
        scores = _times_input(document)
    if held.attentions < len(classifier.layers):
        raise ModelError(
            f"{classifier.checkpoint.name}: attention can be held constant in {held.attentions} of "
            f"{len(classifier.layers)} layers"
        )
    return scores


def _integrated(document: _Document, *, steps: int, baseline: str) -> tuple[Attribution, ...]:
    """Integrated gradients, each with what the sum of its scores lacks of the change of the margin."""
    with torch.no_grad():
        embeddings, at_end = document.read()
        start = _baseline(document, embeddings, baseline)
        _, at_start = document.read(lambda _: start)
        path = embeddings - start
    sums = [torch.zeros_like(path, dtype=torch.float32) for _ in document.labels]
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        embeddings, margins = document.read(functools.partial(_between, start, path, node))
        for total, gradient in zip(sums, document.gradients(margins, embeddings), strict=True):
            total += weight * gradient
    found = []
    for label, total, whole, empty in zip(document.labels, sums, at_end, at_start, strict=True):
        scores, change = document.scores(total * path), float(whole - empty)
        gap = (float(scores.sum()) - change) / change if change else None
        found.append(Attribution("ig", label, scores, baseline, gap))
    return tuple(found)


def _between(start: Tensor, path: Tensor, share: float, _: Tensor) -> Tensor:
    """The embeddings at a share of the path."""
    return start + share * path


def _baseline(document: _Document, embeddings: Tensor, baseline: str) -> Tensor:
    """*embeddings* with the baseline in the place of every token that is not special."""
    classifier = document.classifier
    table = _table(classifier.model)
    if baseline == MEAN:
        ids = torch.tensor(classifier.vocabulary, device=classifier.device)
        row = torch.stack([_first(table(part)).sum(0) for part in torch.split(ids, ROWS)]).sum(0) / len(ids)
    else:
        token = classifier.tokenizer.convert_tokens_to_ids(baseline)
        if token is None or classifier.tokenizer.convert_ids_to_tokens(token) != baseline:
            raise ModelError(f"{classifier.checkpoint.name}: its tokenizer has no token {baseline}")
        row = _first(table(torch.tensor([token], device=classifier.device)))[0]
    places = [place for place, special in enumerate(document.tokens.special) if not special]
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
