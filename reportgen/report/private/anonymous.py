"""Turn a report into one that gives its model and data other names, or none, for double-blind review.

Without names, the model is called by the hash of its weights, and the data by that of their content. The text, its
labels and all numbers stay as they are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from reportgen.core import presets, private
from reportgen.core.config import Config
from reportgen.core.nouns.records import Example, HeadImportance, Report
from reportgen.core.private import FACTS, REVISIONS, WITHHELD
from reportgen.data import naming, redact

DIGITS = 8  # of a hash in the place of a name
HELD = re.compile(r"holds .*", re.DOTALL)  # in an error that shows a value
SHORTEST = 3  # letters of a name that is looked for in sentences


def disclosed(report: Report, config: Config) -> Report:
    """The report with the names that the configuration gives its model and data, or without any."""
    report = renamed(report, model=config.model_name, data=config.data_name)
    if not config.anonymous:
        return report
    hider = None if report.redaction else redact.of_config(config)  # the name of a folder is made of what may be seen
    return anonymous(report, None if hider is None else hider.text(report.example.text))


def renamed(report: Report, *, model: str | None, data: str | None) -> Report:
    """The report with other names; None keeps one."""
    if model is None and data is None:
        return report
    made, given = report.provenance, {}
    example = report.example if data is None else _called(report.example, data, file=made.configuration.get("file"))
    if model is not None:
        given["model_name"] = model
        made = replace(made, model=model)
    if data is not None:
        given["data_name"] = data
    return _with(replace(report, example=example, provenance=made), made.configuration | given)


def anonymous(report: Report, text: str | None = None) -> Report:
    """The report without names, the same if it has none; *text* is what may be seen of its own, all if left out."""
    made, example = report.provenance, report.example
    if made.revision == WITHHELD:
        return report
    plain = made.configuration
    model = plain.get("model_name") or _of_model(report)
    data = plain.get("data_name") or _of_data(report)
    replaced = _replaced(report, model=model, data=data)
    example = replace(
        _called(example, data, file=plain.get("file")),
        name=naming.anonymous(
            example.text if text is None else text, index=example.index, called=plain.get("model_name")
        ),
        revision=example.revision if (example.revision or "sha256:").startswith("sha256:") else WITHHELD,
        label_problem=unnamed(example.label_problem, replaced) if example.label_problem else None,
    )
    tokenizer = model if made.tokenizer == made.model else WITHHELD
    bare = replace(
        report,
        example=example,
        checks=tuple(replace(check, detail=unnamed(check.detail, replaced)) for check in report.checks),
        warnings=tuple(replace(one, message=unnamed(one.message, replaced)) for one in report.warnings),
        importance=_without_names(report.importance),
        provenance=replace(
            made,
            model=model,
            tokenizer=tokenizer,
            revision=WITHHELD,
            tokenizer_revision=WITHHELD,
            base=made.base and "a model whose name is withheld",
        ),
    )
    return _with(bare, _configuration(plain, bare))


def unnamed(message: str, replaced: Mapping[str, str]) -> str:
    """A sentence with names replaced; the longest first, because one may be a part of another."""
    for name in sorted(replaced, key=len, reverse=True):
        if len(name) >= SHORTEST:
            message = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", lambda _, new=replaced[name]: new, message)  # type: ignore[misc]
    return message


def sentence(message: str, config: Config) -> str:
    """A message about a row for files that are handed on: without folders, hidden words, and names if so wanted."""
    hider = redact.of_config(config)
    if hider is not None:
        message = hider.said(HELD.sub("holds another value", message) if hider.whole else message)
    if not config.anonymous:
        return private.said(message)
    names = {config.model: "the model", config.tokenizer: "the tokenizer", config.dataset: "the dataset"}
    known = {name: new for name, new in names.items() if name is not None}
    return unnamed(private.said(message), {PurePath(name).name: new for name, new in known.items()} | known)


def _with(report: Report, configuration: dict[str, Any]) -> Report:
    """The report with another configuration, and its command."""
    made = report.provenance
    command = made.command
    if not report.given:
        command = presets.command(Config.restored(configuration, text=report.example.text))
    return replace(report, provenance=replace(made, configuration=configuration, command=command))


def _called(example: Example, data: str, *, file: str | None) -> Example:
    """The example under another name of its source; a title that names the source has the name, too."""
    if example.dataset is None:
        return replace(example, title=data) if file not in (None, "-") else example
    start = f"{example.dataset}, "
    title = f"{data}, {example.title.removeprefix(start)}" if example.title.startswith(start) else example.title
    return replace(example, dataset=data, title=title)


def _of_model(report: Report) -> str:
    weights = report.provenance.weights_sha256
    if report.given:
        return "not named"
    return f"model-{weights[:DIGITS]}" if weights else "a model"


def _of_data(report: Report) -> str:
    revision = report.example.revision
    if report.example.dataset is None:
        return "Text from a file"
    if revision is None or revision == WITHHELD:
        return "a dataset"
    known = revision.removeprefix("sha256:")
    return f"data-{known[:DIGITS] if known != revision else hashlib.sha256(revision.encode()).hexdigest()[:DIGITS]}"


def _replaced(report: Report, *, model: str, data: str) -> dict[str, str]:
    """What is in the place of every name, for sentences."""
    made, example = report.provenance, report.example
    plain, facts = made.configuration, report.importance.provenance
    models = (made.model, made.tokenizer, made.base.partition(",")[0], *map(plain.get, ("model", "tokenizer")))
    sources = (example.dataset, *map(plain.get, ("dataset", "file", "importance")), facts.get("data"))
    names = {name: model for name in (*models, facts.get("model"), facts.get("tokenizer")) if name}
    names |= {name: data for name in (*sources, report.importance.source) if name}
    return {PurePath(name).name: new for name, new in names.items()} | names


def _without_names(importance: HeadImportance) -> HeadImportance:
    facts = {name: value for name, value in importance.provenance.items() if name in FACTS}
    return replace(importance, provenance=facts, source="a file" if "." in importance.source else importance.source)


def _configuration(plain: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """The configuration of a report whose names are withheld already."""
    given = dict(plain) | {name: None for name in REVISIONS if name in plain} | {"anonymous": True}
    given |= {"preset": None, "dataset_config": None, "model": report.provenance.model}
    if given.get("dataset") is not None:
        given["dataset"] = report.example.dataset
    if given.get("tokenizer") is not None:
        given["tokenizer"] = report.provenance.tokenizer
    if given.get("file") is not None:
        given["file"] = "-"
    if given.get("importance", "none") not in ("none", "auto"):
        given["importance"] = f"importance-{hashlib.sha256(report.importance.values.tobytes()).hexdigest()[:DIGITS]}"
    return given
