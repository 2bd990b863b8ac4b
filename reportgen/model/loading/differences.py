"""Compare what a checkpoint holds with what the model takes, and say in one sentence what does not fit."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import CONFIG_MAPPING, PreTrainedModel

from reportgen.core.errors import ModelError
from reportgen.model.checkpoint import CONFIG
from reportgen.model.loading.config_json import command
from reportgen.model.loading.leftovers import is_harmless, sign

NUMBERED = re.compile(r"(\D*?)\.(\d+)\.")  # a weight of a numbered layer
WRAPPERS = ("_orig_mod.", "module.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
NO_SIZE = re.compile(r"_id$|^chunk_")  # fields of config.json that are numbers and no sizes
SHOWN = 3  # names in a message

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Differences:
    """What loading a model has left over, on either side."""

    name: str  # of the model, as the user wrote it
    model: PreTrainedModel
    held: Mapping[str, Shape]  # what the checkpoint holds
    missing: tuple[str, ...]  # needed and not held
    unexpected: tuple[str, ...]  # held and not taken, without what is harmless
    sizes: tuple[tuple[str, Shape, Shape], ...]  # name, shape in the checkpoint, shape in the model
    adapted: bool = False  # whether an adapter of it gives some of the weights


def find(
    name: str,
    model: PreTrainedModel,
    info: Mapping[str, Any],
    held: Mapping[str, Shape],
    *,
    given: Collection[str] = (),
) -> Differences:
    """The differences that matter.

    Args:
        name: The model, as the user wrote it.
        model: As loaded.
        info: The loading info of transformers.
        held: Names and shapes of what the checkpoint holds.
        given: Names that come from somewhere else, like the head of an adapter.
    """
    modules = frozenset(path.rsplit(".", 1)[-1] for path, _ in model.named_modules())
    return Differences(
        name,
        model,
        held,
        missing=tuple(sorted(key for key in info["missing_keys"] if key not in given)),
        unexpected=tuple(sorted(key for key in info["unexpected_keys"] if not is_harmless(key, modules=modules))),
        sizes=tuple(
            (key, tuple(had), tuple(needed)) for key, had, needed in sorted(info["mismatched_keys"]) if key not in given
        ),
        adapted=bool(given),
    )


def refuse(found: Differences) -> None:
    """Refuse a model that is not the one in the checkpoint.

    Raises:
        ModelError: With the difference that explains the most, and what to do.
    """
    for explain in (_twice, _renamed, _signs, _sizes, _layers, _missing, _unexpected):
        fact = explain(found)
        if fact is not None:
            raise ModelError(f"{found.name}: {fact[0]}", hint=fact[1])


def names(keys: Collection[str]) -> str:
    """The first of some names, and how many more there are."""
    shown = ", ".join(sorted(keys)[:SHOWN])
    return f"{shown} and {len(keys) - SHOWN} more" if len(keys) > SHOWN else shown


def count(number: int, what: str) -> str:
    """A number with its noun.

    >>> count(1, "layer"), count(2, "layer")
    ('1 layer', '2 layers')
    """
    return f"{number} {what}" + ("" if number == 1 else "s")


def _twice(found: Differences) -> tuple[str, str] | None:
    """The same weight with and without the prefix of the base model: transformers would take either."""
    prefix = found.model.base_model_prefix
    twice = [key for key in found.held if prefix and f"{prefix}.{key}" in found.held]
    if not twice:
        return None
    return (
        f'its checkpoint holds {count(len(twice), "weight")} twice, with and without "{prefix}." ({names(twice)})',
        "give the sequence classifier alone, as its class writes it with save_pretrained()",
    )


def _renamed(found: Differences) -> tuple[str, str] | None:
    """Weights whose names only have something too many in them, like `module.` of DataParallel."""
    for word, pattern, explained in _words(found):
        if explained and 2 * len(explained) >= len(found.missing):
            if (kind := word.rstrip(".")) in CONFIG_MAPPING and kind != found.model.config.model_type:
                return (
                    f'its weights are those of model type "{kind}" ({names(explained.values())}), and {CONFIG} says '
                    f'"{found.model.config.model_type}"',
                    f'set "model_type": "{kind}" in {CONFIG}, or copy both from one place',
                )
            most = "all its weights" if len(explained) == len(found.missing) else f"{len(explained)} of its weights"
            return (
                f'{most} have "{word}" in their names, which the model has not ({names(explained.values())})',
                "write it with the right names: "
                + command(found.name, options=f', key_mapping={{{json.dumps(pattern)}: ""}}'),
            )
    return None


def _words(found: Differences) -> Iterator[tuple[str, str, dict[str, str]]]:
    """What may be too many in the names: the word, a pattern for it, and the missing weights found with it."""
    prefix, missing = found.model.base_model_prefix, set(found.missing)
    at_the_start: Counter[str] = Counter()
    for key in found.unexpected:
        for cut in [place.end() for place in re.finditer(r"\.", key)]:
            if {key[cut:], f"{prefix}.{key[cut:]}"} & missing:
                at_the_start[key[:cut]] += 1
                break
    for word, _ in at_the_start.most_common():
        shorter = {key.removeprefix(word): key for key in found.unexpected if key.startswith(word)}
        both = shorter | {f"{prefix}.{key}": whole for key, whole in shorter.items()}
        yield word, f"^{re.escape(word)}", {needed: both[needed] for needed in found.missing if needed in both}
    for word in WRAPPERS:
        without = {key.replace(word, ""): key for key in found.unexpected if word in key}
        yield word, re.escape(word), {needed: without[needed] for needed in found.missing if needed in without}


def _signs(found: Differences) -> tuple[str, str] | None:
    """Weights that say by their names where they come from."""
    known = sign(list(found.unexpected))
    if known is None:
        return None
    one, keys = known
    return f"its checkpoint holds {one.what}: {names(keys)}", one.hint


def _sizes(found: Differences) -> tuple[str, str] | None:
    """Weights of another shape than config.json says."""
    if not found.sizes:
        return None
    config: Any = found.model.config
    key, had, needed = found.sizes[0]
    pairs = {
        pair for _, a, b in found.sizes for pair in zip(a, b, strict=False) if len(a) == len(b) and pair[0] != pair[1]
    }
    more = f" (and {len(found.sizes) - 1} more)" if len(found.sizes) > 1 else ""
    shapes = f"{key} has the shape {had} in the checkpoint and {needed} by {CONFIG}{more}"
    outside = not any(name.startswith(f"{found.model.base_model_prefix}.") for name, _, _ in found.sizes)
    if len(pairs) != 1:
        return shapes, f"{CONFIG} and weights are of different models: copy both from one place"
    ((got, wanted),) = pairs
    if outside and wanted == config.num_labels:
        labels = [str(label) for _, label in sorted(config.id2label.items())]
        return (
            f"its head gives {got} labels, and {CONFIG} names {wanted} ({names(labels)}); {shapes}",
            f"name {got} labels in id2label of {CONFIG}, in the order of the head's outputs",
        )
    fields = [
        field
        for field, value in config.to_dict().items()
        if type(value) is int and value == wanted and not NO_SIZE.search(field)
    ]
    said = " or ".join(f'"{field}": {got}' for field in fields)
    return shapes, (f"set {said} in {CONFIG}" if fields else f"correct {CONFIG}") + ", or copy both from one place"


def _layers(found: Differences) -> tuple[str, str] | None:
    """More or fewer layers than config.json says."""
    base = f"{found.model.base_model_prefix}."
    stacks = Counter(place[0] for key in found.held if (place := _place(key, base)))
    if not stacks:
        return None
    stack = stacks.most_common(1)[0][0]
    held, own = (_length(keys, stack, base) for keys in (found.held, found.model.state_dict()))
    odd = [_place(key, base) for key in (found.unexpected if held > own else found.missing)]
    if not odd or not all(place and place[0] == stack and place[1] >= min(held, own) for place in odd):
        return None
    config: Any = found.model.config
    field = config.attribute_map.get("num_hidden_layers", "num_hidden_layers")
    field, what = ("num_hidden_groups", "group") if stack.endswith("groups") else (field, "layer")
    return (
        f"its checkpoint holds {count(held, what)}, and {CONFIG} says {own} ({field})",
        f'set "{field}": {held} in {CONFIG}, with what it says layer by layer; or copy both from one place',
    )


def _place(key: str, base: str) -> tuple[str, int] | None:
    """The stack of layers that a weight is in, and the number of its layer."""
    found = NUMBERED.match(key.removeprefix(base))
    return (found[1], int(found[2])) if found else None


def _length(keys: Iterable[str], stack: str, base: str) -> int:
    """The number of layers of a stack."""
    places = [place for key in keys if (place := _place(key, base))]
    return max((number for name, number in places if name == stack), default=-1) + 1


def _of_embeddings(folder: Path) -> tuple[str, str] | None:
    """What a folder says of a model that gives embeddings, and what to give instead; None if it says nothing."""
    if (folder / "config_setfit.json").is_file() or (folder / "model_head.pkl").is_file():
        return (
            "it is a model of SetFit: its head is a classifier of scikit-learn in a pickle, which is not read",
            "give a model whose head is of transformers: fine-tune the body of this one with "
            "AutoModelForSequenceClassification",
        )
    if (folder / "modules.json").is_file():
        return (
            "it is a model of sentence-transformers, which gives embeddings, not labels",
            "give a model that was fine-tuned for sequence classification",
        )
    return None


def _modules(weights: Iterable[str], base: str) -> str:
    """The outermost modules of weights, inside the base model or beside it, as Python writes a list: ["pooler"]."""
    return json.dumps(sorted({weight.removeprefix(f"{base}.").partition(".")[0] for weight in weights}))


def _missing(found: Differences) -> tuple[str, str] | None:
    """Weights that the checkpoint does not hold; transformers would draw them at random."""
    if not found.missing:
        return None
    base = found.model.base_model_prefix
    head = not any(key.startswith(f"{base}.") for key in found.missing) if base else False
    what = "the head of the classifier: " if head else ""
    if found.adapted:
        return (
            f"neither it nor its adapter holds {names(found.missing)}, which would be random",
            "save the adapter with what was trained beside it, like the head: task_type=TaskType.SEQ_CLS in the "
            "LoraConfig saves modules whose names end in classifier or score, and modules_to_save="
            f"{_modules(found.missing, base)} these; of a model that is no longer in memory they are lost",
        )
    if head and (kind := _of_embeddings(Path(found.name))):
        return f"{what}{names(found.missing)} missing; {kind[0]}", kind[1]
    instead = f"; it holds {names(found.unexpected)} instead" if found.unexpected else ""
    return (
        f"{what}{count(len(found.missing), 'weight')} missing from the checkpoint ({names(found.missing)}), "
        f"which would be random{instead}",
        "give a model that was fine-tuned for sequence classification"
        + (", as its own class writes it with save_pretrained()" if found.unexpected else ""),
    )


def _unexpected(found: Differences) -> tuple[str, str] | None:
    """Weights that the model has no place for."""
    if not found.unexpected:
        return None
    held, kind = count(len(found.unexpected), "weight"), type(found.model).__name__
    return (
        f"its checkpoint holds {held} that {kind} does not take ({names(found.unexpected)}): without them it may be "
        "another model",
        f"if they are no part of the classifier, write it without them: {command(found.name)}",
    )
