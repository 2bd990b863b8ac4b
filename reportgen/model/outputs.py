"""Say what the outputs of a model are: one label of several, several labels at once, or no labels at all.

A number that a model is trained to predict (regression) is no label, and such a model is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reportgen.core.config import Config
from reportgen.core.errors import DataError, ModelError, ReportgenError, UsageError
from reportgen.core.nouns.labels import LabelColumn, find_name
from reportgen.model import checkpoint, file_kinds
from reportgen.model.checkpoint import Checkpoint

SEVERAL = "multi_label_classification"  # as transformers calls it
THRESHOLD = 0.5  # where neither the model nor the user says another
OWN_THRESHOLDS = ("thresholds", "threshold")  # fields of config.json in which models keep them


def label_names(name: str, config: Any, given: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The names of the labels: those *given*, or the model's own.

    Args:
        name: Of the model, for errors.
        config: The model's configuration.
        given: Other names.

    Raises:
        ModelError: If the outputs are no labels, there is only one, or two have the same name.
        UsageError: If *given* are more or fewer than the model has.
    """
    _check_numbered(name, config)
    _refuse_numbers(name, config)
    if given and len(given) != config.num_labels:
        raise UsageError(f"{len(given)} label names were given; the model has {config.num_labels} labels")
    own = own_names(config)
    if not given:
        _check_names(name, own)
    return given or own


def own_names(config: Any) -> tuple[str, ...]:
    """The model's own names of its labels, in the order of the outputs."""
    return tuple(str(config.id2label[index]) for index in range(config.num_labels))


def names_before_loading(config: Config) -> tuple[str, ...]:
    """The names of the labels of the model that a configuration names, or its own; () if they are not known."""
    if config.labels:
        return config.labels
    try:
        names: Any = description(checkpoint.named(config)).get("id2label")
        numbered = enumerate(names) if isinstance(names, list) else ((int(n), name) for n, name in names.items())
        return tuple(str(name) for _, name in sorted(numbered))
    except (ReportgenError, AttributeError, TypeError, ValueError):
        return ()


def description(found: Checkpoint) -> dict[str, Any]:
    """What config.json says of a model; of an adapter, its own config.json before that of its model."""
    folders = [one for one in (found, found.base) if one is not None]
    read = (file_kinds.read_json(one.name, Path(one.location), checkpoint.CONFIG, one.revision) for one in folders)
    return next((content for content in read if content), {})


def are_several(config: Any) -> bool:
    """Whether a text may have several labels at once, or none: each label has a probability of its own."""
    return getattr(config, "problem_type", None) == SEVERAL


def thresholds(name: str, config: Any, labels: Sequence[str], wanted: float | None = None) -> tuple[float, ...]:
    """The probability from which on each label is predicted; () where exactly one label is.

    Args:
        name: Of the model, for errors.
        config: The model's configuration; its field `thresholds` or `threshold` is used, if it has one.
        labels: Names by index.
        wanted: For all labels, instead of the model's own.

    Raises:
        UsageError: If one is *wanted* of a model that predicts exactly one label.
        ModelError: If the model's own are no probabilities, or not those of its labels.
    """
    if not are_several(config):
        if wanted is not None:
            raise UsageError(
                f"--threshold {wanted:g}: {name} predicts exactly one label, the most probable",
                hint=f'leave it out; a threshold is for models whose problem_type is "{SEVERAL}"',
            )
        return ()
    if wanted is not None:
        return (wanted,) * len(labels)
    field = next((field for field in OWN_THRESHOLDS if getattr(config, field, None) is not None), None)
    if field is None:
        return (THRESHOLD,) * len(labels)
    found = _by_label(getattr(config, field), config, labels)
    if found is None or not all(_is_probability(value) for value in found):
        raise ModelError(
            f"{name}: {field} in its config.json is not a probability, or one for each of its {len(labels)} labels",
            hint="set one for all labels with --threshold 0.5",
        )
    return tuple(map(float, found))


def check_column(several: bool, column: LabelColumn, named: str | None) -> None:
    """Refuse lists of labels that the user has *named* as the label column of a model that predicts one label.

    Raises:
        DataError: Naming the column.
    """
    if named is not None and column.lists and not several:
        raise DataError(
            f"--label-column {named}: its labels are lists, and the model predicts exactly one label",
            hint="name a column with one label in each row, or leave out --label-column to go without gold labels",
        )


def _check_numbered(name: str, config: Any) -> None:
    """Refuse labels without a number each; config.json is mended as it is read, a model in memory may have any."""
    found = config.id2label
    if not isinstance(found, Mapping) or set(found) != set(range(len(found))):
        raise ModelError(
            f"{name}: id2label of its configuration is {repr(found)[:200]}, which does not name the labels 0, 1, ...",
            hint='set model.config.id2label = {0: "first label", 1: "second label"}, in the order of the outputs of '
            "the head",
        )


def _check_names(name: str, own: Sequence[str]) -> None:
    """Refuse labels that a reader, or a column of gold labels, could not tell apart."""
    alike = [label for label in own if own.count(label) > 1]
    nameless = [number for number, label in enumerate(own) if not label.strip()]
    if alike or nameless:
        fact = f"two labels are called {json.dumps(alike[0])}" if alike else f"label {nameless[0]} has no name"
        raise ModelError(
            f"{name}: {fact} (id2label in config.json)",
            hint=f"name all {len(own)} labels, in the order of the outputs of the head: --labels "
            + ",".join(f"name{number}" for number in range(1, len(own) + 1)),
        )


def _by_label(value: Any, config: Any, labels: Sequence[str]) -> list[Any] | None:
    """One value for each label, of a number, a list, or an object with the labels' names or indices as keys."""
    if isinstance(value, Mapping):
        own = [str(config.id2label[index]) for index in range(len(labels))]
        found: dict[int, Any] = {}
        for key, one in value.items():
            index = find_name(str(key), own)
            index = int(key) if index is None and str(key).isdecimal() else index
            if index is None or index in found:
                return None
            found[index] = one
        return [found[index] for index in range(len(labels))] if set(found) == set(range(len(labels))) else None
    if isinstance(value, list | tuple):
        return list(value) if len(value) == len(labels) else None
    return [value] * len(labels)


def _is_probability(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1


def _refuse_numbers(name: str, config: Any) -> None:
    """Refuse a model whose outputs are numbers, and one with a single output, whatever it is."""
    problem, count = getattr(config, "problem_type", None), config.num_labels
    outputs = "one output" if count == 1 else f"{count} outputs"
    if problem == "regression" or (count == 1 and problem is None):
        why = 'its problem_type is "regression"' if problem else "transformers trains a single output as one"
        sure = (
            ""
            if problem
            else "; if its head has more outputs, name each in id2label of config.json; if its one output is the logit "
            "of yes or no, it needs a second one that is 0"
        )
        raise ModelError(
            f"{name}: a regression with {outputs}: it predicts numbers, not labels ({why})",
            hint=f"give a model that predicts labels{sure}",
        )
    if count < 2:
        raise ModelError(
            f'{name}: one output for one label, "{config.id2label.get(0, "LABEL_0")}" (problem_type "{problem}"): '
            "no regression, but reportgen needs at least two labels",
            hint="give a model with two outputs; a second one that is always 0 keeps the probability of the first "
            "with a softmax",
        )
