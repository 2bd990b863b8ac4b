"""Run a model so that attention weights and the denominators of its normalisations are constants to the gradient.

Works below the models, on the functions of torch that they call, so it needs to know none of them. What a model
computes does not change, only what its gradient is: along each path it is then the product of linear maps and of the
slopes of the activations. Source: Ali et al. 2022, "XAI for Transformers: Better Explanations through Conservative
Propagation", ICML.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

SOFTMAX = (nn.functional.softmax, torch.softmax, Tensor.softmax, torch.special.softmax)
ROOTS = (torch.rsqrt, Tensor.rsqrt, torch.sqrt, Tensor.sqrt)  # of normalisations that models write out
POWERS = (torch.pow, Tensor.pow, Tensor.__pow__)


class HeldConstant(TorchFunctionMode):
    """While open, softmaxes and the denominators of LayerNorm and RMSNorm have no gradient.

    Every softmax inside the model is held constant: those of attention, and those that choose among experts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.attentions = 0  # softmaxes met so far

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Called by torch in the place of each of its functions."""
        kwargs = kwargs or {}
        replaced = REPLACED.get(func)
        if func in SOFTMAX or replaced is attention:
            self.attentions += 1
        if replaced is not None:
            return replaced(*args, **kwargs)
        found = func(*args, **kwargs)
        return found.detach() if func in SOFTMAX or is_root(func, args) else found


def is_root(func: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    """Whether the call takes a square root, or its inverse."""
    return func in ROOTS or (func in POWERS and isinstance(args[-1], float) and abs(args[-1]) == 0.5)


def attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, *rest: Any, **how: Any
) -> Any:
    """`scaled_dot_product_attention`, whose weights depend on query, key and mask alone."""
    mask = attn_mask if attn_mask is None else attn_mask.detach()
    attend: Any = nn.functional.scaled_dot_product_attention
    return attend(query.detach(), key.detach(), value, mask, *rest, **how)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Any:
    """`torch.nn.functional.layer_norm` with a constant denominator."""
    return _LayerNorm.apply(input, normalized_shape, weight, bias, eps)  # type: ignore[no-untyped-call]


def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Any:
    """`torch.nn.functional.rms_norm` with a constant denominator."""
    return _RMSNorm.apply(input, normalized_shape, weight, eps)  # type: ignore[no-untyped-call]


REPLACED: dict[Callable[..., Any], Callable[..., Any]] = {
    nn.functional.scaled_dot_product_attention: attention,
    nn.functional.layer_norm: layer_norm,
    torch.layer_norm: layer_norm,
    nn.functional.rms_norm: rms_norm,
    torch.rms_norm: rms_norm,
}


class _LayerNorm(torch.autograd.Function):
    """Forward torch's own; backward centres the gradient and divides it by the deviation."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, shape: Sequence[int], weight: Any, bias: Any, eps: float) -> Tensor:
        """Keep the scale alone, not the input: it takes no memory to speak of."""
        output, _, scale = torch.native_layer_norm(input, shape, weight, bias, eps)
        ctx.save_for_backward(scale.to(input.dtype), weight)
        ctx.axes = tuple(range(-len(shape), 0))
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """The gradient with respect to the input; weight and bias take none."""
        scale, weight = ctx.saved_tensors
        gradient = gradients[0] if weight is None else gradients[0] * weight
        return (gradient - gradient.mean(ctx.axes, keepdim=True)) * scale, None, None, None, None


class _RMSNorm(torch.autograd.Function):
    """Forward torch's own; backward divides the gradient by the root of the mean square."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, shape: Sequence[int], weight: Any, eps: float | None) -> Tensor:
        """Keep the scale alone, not the input: it takes no memory to speak of."""
        axes = tuple(range(-len(shape), 0))
        least = torch.finfo(input.dtype).eps if eps is None else eps
        scale = (input.float().square().mean(axes, keepdim=True) + least).rsqrt()
        ctx.save_for_backward(scale.to(input.dtype), weight)
        return nn.functional.rms_norm(input, list(shape), weight, eps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """The gradient with respect to the input; the weight takes none."""
        scale, weight = ctx.saved_tensors
        gradient = gradients[0] if weight is None else gradients[0] * weight
        return gradient * scale, None, None, None
