"""Turn a model and a text into an `Explanation`: `reportgen.explain`."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from reportgen.core import presets
from reportgen.core.clock import Clock, now
from reportgen.core.config import OF_A_DATASET, OF_A_MODEL, OF_THIS_COMMAND, Config, Faith
from reportgen.core.errors import UsageError
from reportgen.core.nouns.records import Example
from reportgen.data import choice, redact
from reportgen.notebook.explanation import FOR_FILES, Explanation
from reportgen.report.private import redacted

NOT_HERE = {  # fields of `Config` that say what the arguments say, or choose among rows
    *("preset", "model", "tokenizer", "text", "file", "label", "dataset", "index", "id", "pick", "limit", "strict"),
    *("format", "output", "overwrite", "pdf", *OF_A_DATASET, *OF_THIS_COMMAND),
}
OF_LOADING = {"device", "dtype", "attention_window", "offline", "require_safetensors"} | {
    name for name in OF_A_MODEL if "revision" in name
}  # fields that say how a model is loaded: not for one that is
OPTIONS = tuple(field.name for field in fields(Config) if field.name not in NOT_HERE)


def explain(
    model: Any = "demo",
    tokenizer: Any = None,
    text: str | None = None,
    *,
    label: str | int | None = None,
    title: str | None = None,
    faithfulness: Faith = "none",
    **options: Any,
) -> Explanation:
    """Read *text* with a classifier, and return what its attention shows, to look at in a notebook or to save.

    A model that you have loaded is used where it is and as it is, with its hooks and adapters, and is the same
    afterwards: training or evaluation mode, gradients, hooks, attention implementation, random numbers.

    Args:
        model: A sequence classifier of the transformers library that you have loaded, with its *tokenizer*; or the name
            of one: a folder, an id on the hub, or "demo".
        tokenizer: That of the model; of a named model, the name of another one, or None for its own.
        text: What is read.
        label: The gold label, by name or index.
        title: What the report calls the text.
        faithfulness: How thoroughly the heatmap is tested by removing words: "none", "quick", "full".
        options: Other options of `reportgen run`, with underscores for hyphens: `top_k=5`, `long="window"`,
            `max_length=512`, `importance="importance.safetensors"`, `attribution="ig"`.

    Raises:
        TypeError: If an option is not known.
        UsageError: If a value is invalid, or model and tokenizer are not both loaded or both names.
        ModelError: If no report can be made of this model.
        DataError: If there is no text to read.
        DeviceError: If memory runs out.
    """
    model, tokenizer = (os.fspath(one) if isinstance(one, os.PathLike) else one for one in (model, tokenizer))
    _check(options, loaded=not isinstance(model, str))
    if not isinstance(text, str):
        raise UsageError(
            f"text: {type(text).__name__} is no text" if text is not None else "no text to read",
            hint="reportgen.explain(model, tokenizer, text), or reportgen.explain(model, text=text)",
        )
    if isinstance(model, str) != (tokenizer is None or isinstance(tokenizer, str)):
        raise UsageError(
            "model and tokenizer: one is loaded, the other is not",
            hint="load both with from_pretrained(), or give both by their names",
        )
    now()  # reject a bad SOURCE_DATE_EPOCH before the long part
    gold = None if label is None else str(label)
    given = {"text": text, "label": gold, "faithfulness": faithfulness, **options}
    if isinstance(model, str):
        return _named(Config(model=model, tokenizer=tokenizer, **given), title)
    return _loaded(model, tokenizer, given, title)


def _named(config: Config, title: str | None) -> Explanation:
    """The explanation by a model that has a name."""
    from reportgen import pipeline

    clock = Clock()
    example = _example(config, title)
    report = pipeline.analyse(config, pipeline.load(config, clock), example, clock)
    return Explanation(redacted.redacted(report, config), config)


def _loaded(model: Any, tokenizer: Any, given: dict[str, Any], title: str | None) -> Explanation:
    """The explanation by a model that somebody has loaded."""
    import torch

    from reportgen import pipeline
    from reportgen.model import borrowed

    bare = borrowed.bare(model)
    config = Config(model=presets.SAVED_MODEL, device="auto", dtype=borrowed.dtype(bare), **given)
    example = _example(config, title)
    whole = torch.autocast(bare.device.type, enabled=False)  # else softmax and products are in two number formats
    with torch.inference_mode(mode=False), whole, borrowed.unchanged(bare):
        classifier = borrowed.classifier(
            bare,
            tokenizer,
            max_length=config.max_length,
            labels=config.labels,
            threshold=config.threshold,
            global_positions=config.global_tokens,
        )
        report = pipeline.analyse(config, classifier, example, Clock())
    return Explanation(redacted.redacted(report, config), config)


def _example(config: Config, title: str | None) -> Example:
    """The text as an example, under its title; what is hidden of the one is hidden of the other."""
    hider, called = redact.of_config(config), title or "Text from Python"
    return replace(choice.choose(config), title=called if hider is None else hider.said(called))


def _check(options: Mapping[str, Any], *, loaded: bool) -> None:
    """Refuse an option that is not known, or that does not fit a model that is *loaded*."""
    known = [name for name in OPTIONS if not (loaded and name in OF_LOADING)]
    for name in options:
        if name in known:
            continue
        if name in OF_LOADING:
            raise UsageError(f"{name}: the model is loaded already", hint="load it as it shall be, or give its name")
        if name in FOR_FILES or name in ("format", "overwrite", "output"):
            raise TypeError(f"explain() takes no {name!r}: give it to .save()")
        near = difflib.get_close_matches(name, known, n=1)
        raise TypeError(f"explain() takes no option {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
