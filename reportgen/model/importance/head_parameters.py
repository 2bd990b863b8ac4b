"""Find the attention heads of a classifier: the parameters of each head, and where its output goes.

It knows the parameter names of transformers' models, not the type of the model. `measures.py` measures.
"""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from reportgen.core.errors import ModelError
from reportgen.model.classifier import Classifier

FORMS = (  # query, key and value in the attention of a layer, or all in one; the output; ".." is the module around it
    (("query", "key", "value"), "..output.dense"),  # BERT, RoBERTa, ELECTRA, BigBird, Longformer
    (("query_proj", "key_proj", "value_proj"), "..output.dense"),  # DeBERTa-v2
    (("query", "key", "value"), "dense"),  # ALBERT
    (("q_lin", "k_lin", "v_lin"), "out_lin"),  # DistilBERT
    (("q_proj", "k_proj", "v_proj"), "o_proj"),  # Llama and its kin
    (("q_proj", "k_proj", "v_proj"), "out_proj"),  # OPT
    (("q", "k", "v"), "o"),  # MPNet
    (("c_attn",), "c_proj"),  # GPT-2
    (("Wqkv",), "Wo"),  # ModernBERT
)
FURTHER = (  # projections that a head may have in addition to its three
    *("query_global", "key_global", "value_global"),  # Longformer
    *("pos_query_proj", "pos_key_proj"),  # DeBERTa-v2, where positions do not share those of the tokens
)

Found = tuple[
    str, tuple[str, ...], str
]  # path of the attention of a layer, names of its projections, path of the output


@dataclass(frozen=True, slots=True)
class Slices:
    """A parameter that is cut, along one axis, into equal slices that follow each other like the heads."""

    parameter: nn.Parameter
    axis: int
    parts: int  # 3 where query, key and value are one parameter, one behind the other; else 1
    groups: int  # slices in each part: one per head, or one per group of heads that share a key and a value

    def by_head(self, values: Tensor, heads: int) -> Tensor:
        """Sums of *values*, shaped like the parameter, over what each head uses; shape (head,).

        What a group of heads shares counts for each of them.
        """
        slices = values.movedim(self.axis, 0).reshape(self.parts, self.groups, -1)
        return slices.sum(dim=(0, 2)).repeat_interleave(heads // self.groups)


@dataclass(frozen=True, slots=True)
class Layer:
    """The heads of one layer."""

    module: nn.Module  # the whole layer, which turns hidden states into hidden states
    output: nn.Module  # the output projection; its input holds the outputs of the heads, side by side
    own: tuple[Slices, ...]  # rows of query, key and value, weights and biases; columns of the output
    further: tuple[Slices, ...]  # rows of the projections of `FURTHER`


def find(classifier: Classifier) -> list[Layer]:
    """The heads of every layer, the first layer first. Open `separate` around it.

    Raises:
        ModelError: If the model keeps them in a way that is not known here.
    """
    count, heads = classifier.shape
    modules = dict(classifier.model.named_modules())
    found = [
        (path, names, output)
        for path in modules
        for names, name in FORMS
        if (output := _path(path, name)) in modules
        and all(_is_known(modules.get(f"{path}.{name}"), name) for name in names)
    ]
    if len(found) != count:
        raise _unknown(classifier, f"query, key, value and output were found in {len(found)} of {count} layers")
    layers = []
    for module, (path, names, output) in zip(_layers(classifier, modules, found), found, strict=True):
        projection = modules[output]
        axis = 1 - _outputs_axis(projection)
        columns = Slices(_weight(projection), axis, 1, heads)  # (out, head * size), or turned
        rows = functools.partial(_rows, classifier, size=columns.parameter.shape[axis] // heads)
        own = [modules[f"{path}.{name}"] for name in names]
        further = [modules[name] for other in FURTHER if (name := f"{path}.{other}") in modules]
        layers.append(Layer(module, projection, (*rows(own, parts=3 // len(own)), columns), rows(further, parts=1)))
    return layers


@contextlib.contextmanager
def silenced(layer: Layer, silent: Tensor) -> Iterator[None]:
    """While open, heads of the layer output 0: those where *silent*, (row of the batch or 1, head), is true."""

    def silence(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        by_head = inputs[0].reshape(*inputs[0].shape[:-1], silent.shape[1], -1)  # (row, token, head, size)
        return by_head.masked_fill(silent.to(by_head.device)[:, None, :, None], 0).flatten(-2), *inputs[1:]

    handle = layer.output.register_forward_pre_hook(silence)
    try:
        yield
    finally:
        handle.remove()


@contextlib.contextmanager
def separate(model: Any) -> Iterator[None]:
    """While open, layers that share parameters (ALBERT) have their own, equal heads.

    So the gradient of a layer's heads is that of their work in this layer; over all layers these add up to the
    gradient of what is shared.
    """
    encoder: Any = getattr(model.base_model, "encoder", None)
    groups: Any = getattr(encoder, "albert_layer_groups", None)
    if groups is None:
        yield
        return
    config, layers, number = encoder.config, encoder.config.num_hidden_layers, encoder.config.num_hidden_groups
    shared: dict[int, Any] = {id(p): p for name, p in model.named_parameters() if ".attention." not in name}
    shared[id(config)] = config
    copies = [copy.deepcopy(groups[int(layer / (layers / number))], dict(shared)) for layer in range(layers)]
    encoder.albert_layer_groups, config.num_hidden_groups = nn.ModuleList(copies), layers
    try:
        yield
    finally:
        encoder.albert_layer_groups, config.num_hidden_groups = groups, number


def _rows(classifier: Classifier, projections: list[nn.Module], *, parts: int, size: int) -> tuple[Slices, ...]:
    """Weights, (parts * group * size, in) or turned, and biases of projections into heads."""
    heads, rows = classifier.shape[1], []
    for projection in projections:
        weight, bias, axis = _weight(projection), getattr(projection, "bias", None), _outputs_axis(projection)
        groups, rest = divmod(weight.shape[axis], parts * size)
        if rest or not groups or heads % groups:
            raise _unknown(classifier, f"{weight.shape[axis]} rows do not divide into {heads} heads of {size}")
        rows.append(Slices(weight, axis, parts, groups))
        rows += [] if bias is None else [Slices(bias, 0, parts, groups)]
    return tuple(rows)


def _weight(projection: Any) -> nn.Parameter:
    return projection.weight  # type: ignore[no-any-return]


def _outputs_axis(projection: nn.Module) -> int:
    """The axis of the weight with the outputs: GPT-2 stores its weights transposed."""
    return 1 if isinstance(projection, Conv1D) else 0


def _layers(classifier: Classifier, modules: Mapping[str, nn.Module], found: Sequence[Found]) -> list[nn.Module]:
    """The elements of the model's list of layers, which hold one output projection each."""
    for path, module in modules.items():
        inside = [output.startswith(f"{path}.{index}.") for index, (_, _, output) in enumerate(found)]
        if isinstance(module, nn.ModuleList) and len(module) == len(found) and all(inside):
            return list(module)
    raise _unknown(classifier, "it has no list of layers")


def _is_known(projection: nn.Module | None, name: str) -> bool:
    """Whether it is there, with its rows in the order that is known here.

    The `c_attn` of GPTBigCode, which is no Conv1D, has query, key and value head by head, or a single key and value.
    """
    return isinstance(projection, Conv1D) if name == "c_attn" else projection is not None


def _path(path: str, name: str) -> str:
    return f"{path.rpartition('.')[0]}.{name[2:]}" if name.startswith("..") else f"{path}.{name}"


def _unknown(classifier: Classifier, fact: str) -> ModelError:
    kind = classifier.model.config.model_type
    return ModelError(
        f'{classifier.checkpoint.name}: the heads of model type "{kind}" were not found: {fact}',
        hint="give head importance from a file, or leave it out: --importance PATH or none",
    )
