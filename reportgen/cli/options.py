"""The options of the commands, and how they become a `Config`.

Options that several commands share are declared here once, in groups: model, data, choice of an example, reading,
scores, machine, presentation.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from reportgen.core import presets
from reportgen.core.characters import clean
from reportgen.core.config import (
    ATTRIBUTION,
    CHOICE,
    COLOUR_SCALES,
    DEFAULT_FORMATS,
    DTYPES,
    ECHOES,
    FAITHFULNESS,
    FORMATS,
    LONG,
    OF_A_DATASET,
    PAPERS,
    PDF_NEEDS,
    PDF_VARIANTS,
    PDF_VIEWS,
    PICKS,
    RECEIVED,
    UNITS,
    Config,
    listed,
    option,
)
from reportgen.core.errors import UsageError

Command = Callable[..., None]
ROWS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".gz", ".zip")  # files of rows, not of one text
LIKE_A_FILE = re.compile(r"\S{1,300}\.(txt|text|md|pdf|docx?|odt|rtf|tex|html?|csv|tsv|jsonl?|parquet)", re.IGNORECASE)
ARGUMENTS = {"allow_extra_args": True}  # settings of commands that call `refuse_arguments`


def _all(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, in the order of `--help`."""

    def decorate(command: Command) -> Command:
        for one in reversed(options):
            command = one(command)
        return command

    return decorate


model_options = _all(
    click.option(
        "--preset", metavar="NAME|PATH", help="Start from these settings; reportgen presets lists them. [default: demo]"
    ),
    click.option("--model", metavar="FOLDER|ID", help="Sequence classifier: a folder, or an id on the hub."),
    click.option("--revision", metavar="REV", help="Branch, tag or commit of the model on the hub."),
    click.option("--base-revision", metavar="REV", help="Branch, tag or commit of the model that an adapter changes."),
    click.option("--tokenizer", metavar="FOLDER|ID", help="Tokenizer. [default: the model's own]"),
    click.option("--tokenizer-revision", metavar="REV", help="Branch, tag or commit of the tokenizer on the hub."),
    click.option("--labels", metavar="A,B", help="Names of the labels. [default: the model's own]"),
)

threshold_option = click.option(
    "--threshold",
    type=float,
    metavar="P",
    help="Probability from which on a label is predicted, for models with several labels for one text. "
    "[default: the model's own, or 0.5]",
)

data_options = _all(
    click.option(
        "--dataset", metavar="PATH|ID", help="Dataset: Parquet, CSV, JSON Lines, a folder, or an id on the hub."
    ),
    click.option("--dataset-config", metavar="NAME", help="Configuration of the dataset, if its id has several."),
    click.option("--dataset-revision", metavar="REV", help="Branch, tag or commit of the dataset on the hub."),
    click.option("--split", metavar="NAME", help="Split, or a slice of it, like test[:100]."),
    click.option(
        "--text-column", metavar="NAME", help="Column with the text. [default: text, or the only text column]"
    ),
    click.option(
        "--label-column",
        metavar="NAME",
        help="Column with the gold label; or A,B,C: columns of 0 and 1, one for each label. [default: label or labels, "
        "or columns called like all labels]",
    ),
    click.option("--id-column", metavar="NAME", help="Column with the ids of the rows. [default: id]"),
    click.option("--title-column", metavar="NAME", help="Column with the titles of the rows. [default: title]"),
)

choice_options = _all(
    click.option("--index", type=int, metavar="N", help="Choose the row by its number, from 0."),
    click.option("--id", metavar="ID", help="Choose the row by its id."),
    click.option("--pick", metavar="|".join(PICKS), help="Choose the row by the model's prediction."),
    click.option("--limit", type=int, metavar="N", help="Let --pick choose among the first N rows. [default: all]"),
    click.option("--text", help="Read this text instead of a dataset."),
    click.option(
        "--file",
        metavar="PATH|-",
        help="Read this file instead of a dataset: text in UTF-8, PDF, Word; - reads standard input.",
    ),
    click.option("--label", metavar="NAME|INDEX", help="Gold label of --text or --file."),
)

reading_options = _all(
    click.option("--max-length", type=int, metavar="N", help="Read at most N tokens. [default: the model's limit]"),
    click.option("--max-chars", type=int, metavar="N", help="Refuse texts with more characters. [default: 5000000]"),
    click.option(
        "--attention-window", type=int, metavar="N", help="Attention window of every layer. [default: the model's own]"
    ),
    click.option("--global-tokens", metavar="P,P", help="Positions of the tokens with global attention. [default: 0]"),
)

long_options = _all(
    click.option(
        "--long",
        metavar="|".join(LONG),
        help="Cut texts that are too long, or read them in windows. [default: truncate]",
    ),
    click.option("--stride", type=int, metavar="N", help="Overlap of two windows, in tokens. [default: half a window]"),
)

score_options = _all(
    click.option(
        "--importance",
        metavar="PATH|auto|none",
        help="Head importance: a file (.safetensors, .npy, .csv, .json, .pt); auto computes it on a small sample.",
    ),
    click.option("--importance-key", metavar="NAME", help="Tensor to read from that file."),
    click.option("--top-k", type=int, metavar="N", help="Length of the lists of top tokens. [default: 10]"),
    click.option(
        "--positions",
        metavar="P,P",
        help="Positions of the tokens in the layer trend. [default: [CLS] and the five top tokens]",
    ),
    click.option(
        "--colour-scale", metavar="|".join(COLOUR_SCALES), help="Colour scale of the heatmap. [default: contrast]"
    ),
    click.option(
        "--received",
        metavar="|".join(RECEIVED),
        help="Attention that a token receives: the sum over all queries, or divided by the number of queries that can "
        "see the token. [default: total]",
    ),
    click.option(
        "--echoes",
        metavar="|".join(ECHOES),
        help="Tokens where the position of [CLS] repeats: leave them out of colours and rankings, or keep them there. "
        "[default: leave-out]",
    ),
    click.option("--language", metavar="CODE", help="Language of the text and its stop words. [default: en]"),
)

faithfulness_options = _all(
    click.option(
        "--faithfulness",
        metavar="|".join(FAITHFULNESS),
        help="Test the heatmap: remove words from the text and read it again, about 45 (quick) or 400 (full) times. "
        "[default: none]",
    ),
    click.option("--unit", metavar="|".join(UNITS), help="What that test removes. [default: word]"),
    click.option(
        "--attribution",
        metavar="|".join(ATTRIBUTION),
        help="Signed attribution of each token. [default: frozen with --faithfulness]",
    ),
)

verbose_option = click.option("-v", "--verbose", is_flag=True, help="Show each stage and the time it took.")

machine_options = _all(
    click.option("--device", metavar="auto|cpu|cuda|cuda:N|mps", help="Device that the model runs on. [default: auto]"),
    click.option("--dtype", metavar="|".join(DTYPES), help="Number format of the model. [default: float32]"),
    click.option(
        "--batch-size",
        type=int,
        metavar="N",
        help="Texts in one forward pass. [default: 8; batch on a CPU: 1]",
    ),
    click.option("--seed", type=int, metavar="N", help="Seed of random choices and of torch. [default: 0]"),
)

engine_options = _all(
    click.option(
        "--engine",
        type=click.Choice(["local", "ray"], case_sensitive=False),
        default="local",
        help="Run on this machine, or on a Ray cluster. [default: local]",
    ),
    click.option(
        "--workers",
        type=click.IntRange(1),
        metavar="N",
        help="Processes that render; on Ray, processes that hold the model. [default: as many as fit]",
    ),
    click.option(
        "--ray-address",
        envvar="RAY_ADDRESS",
        metavar="auto|HOST:PORT",
        help="Address of the cluster; auto finds the one on this machine. [default: start one for this run]",
    ),
    click.option(
        "--gpus-per-worker",
        type=click.FloatRange(0),
        metavar="N",
        help="GPUs of each worker on Ray, like 1 or 0.5. [default: 1 if there are GPUs]",
    ),
)

loading_options = _all(
    click.option("--offline", is_flag=True, default=None, help="Use only local and cached files."),
    click.option("--require-safetensors", is_flag=True, default=None, help="Refuse weights in PyTorch's own format."),
)

naming_options = _all(
    click.option("--model-name", metavar="NAME", help="Name of the model in the report, instead of its path or id."),
    click.option(
        "--data-name", metavar="NAME", help="Name of the dataset, or of the text in --file, instead of its path or id."
    ),
    click.option(
        "--anonymous",
        is_flag=True,
        default=None,
        help="For double-blind review: call model and data by hashes, or by --model-name and --data-name.",
    ),
    click.option(
        "--redact",
        metavar="REGEX|FILE",
        help="Show words that match as XXXX in every file; a FILE has a regular expression on each line.",
    ),
    click.option("--no-text", is_flag=True, default=None, help="Show every word as XXXX in every file."),
)

presentation_options = _all(
    click.option(
        "--format", metavar="LIST", help=f"Choose from {','.join(FORMATS)}. [default: {','.join(DEFAULT_FORMATS)}]"
    ),
    click.option("--paper", metavar="|".join(PAPERS), help="Paper size of the PDF. [default: a4]"),
    click.option(
        "--pdf",
        metavar="|".join(PDF_NEEDS),
        help="If no PDF can be made: fail, or warn and go on. [default: required]",
    ),
    click.option(
        "--pdf-variant",
        metavar="|".join(PDF_VARIANTS),
        help="Standard of the PDF; a-3u attaches the tables. [default: ua-1]",
    ),
    click.option(
        "--pdf-views",
        metavar="|".join(PDF_VIEWS),
        help="The PDF's text in its main view, others as strips; or in all. [default: main]",
    ),
    click.option(
        "--figure-width",
        metavar="W,W",
        help="Widths of the figures: lengths, or acl, acm, ieee, ... [default: 3.3in,6.9in]",
    ),
    click.option("--figure-font", metavar="NAME", help="Font of the figures. [default: the page's font]"),
    click.option("--span", metavar="P:P", help="Part of the heatmap for figures and latex, by positions: 120:260."),
    click.option(
        "--max-html-mb",
        type=float,
        metavar="MB",
        help="Store longer lists in the page up to this size; warn above it. [default: short lists, warn above 8]",
    ),
)


def configure(options: dict[str, Any], *, rows: bool = False) -> Config:
    """Check preset and options, and return them as one configuration; options override the preset.

    Args:
        options: Values by the names of `Config`; None where an option is not given.
        rows: Whether the command reads a whole split, not one text.

    Raises:
        UsageError: If a value is invalid, or options contradict each other.
    """
    given = given_options(options)
    _check_choice(given)
    _check_text(given.get("text"))
    _check_source(given, rows=rows)
    preset = given.pop("preset", None if {"model", "dataset"} & set(given) else "demo")
    base = presets.load(preset) if preset else Config()
    base = presets.without_overridden(base, given)
    if "label" in given and base.text is None and base.file is None and not {"text", "file"} & set(given):
        raise UsageError("--label needs --text or --file", hint="the labels of a dataset come from its label column")
    config = replace(base, **given)
    if "importance_key" in given and config.importance in ("none", "auto", "demo"):
        raise UsageError("--importance-key needs --importance with a file", hint="it names a tensor in that file")
    if "unit" in given and config.faithfulness == "none":
        raise UsageError("--unit needs --faithfulness quick or full", hint="it says what that test removes")
    return config


def refuse_arguments(arguments: list[str], *, rows: bool = False) -> None:
    """Refuse what is no option, with the option that was probably meant.

    Args:
        arguments: That the command did not expect.
        rows: Whether the command reads a whole split.

    Raises:
        UsageError: If there are any.
    """
    if not arguments:
        return
    name, path = arguments[0], Path(arguments[0])
    given = _given_again()
    if (path / "config.json").is_file():
        meant = ["--model", name]
    elif rows or path.is_dir() or path.suffix.lower() in ROWS:
        meant = [
            "--dataset",
            name,
            *([] if rows else ["--index", "0"]),
            *([] if "--model" in given else ["--model", "demo"]),
        ]
    else:
        meant = ["--file", name] if path.exists() else ["--text", " ".join(arguments)]
    command = shlex.join(clean(word) for word in (*given, *meant))
    raise UsageError(f"unexpected argument {shlex.quote(clean(name))}", hint=f"use {command}")


def _given_again() -> list[str]:
    """The command with its options, as they were given."""
    context = click.get_current_context()
    words = ["reportgen", context.info_name or ""]
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE:
            words += [parameter.opts[-1]] if value is True else [parameter.opts[-1], str(value)]
    return words


def _check_text(text: str | None) -> None:
    """Refuse the path of a file as a text, also one that is misspelt."""
    try:
        there = text is not None and len(text) < 4096 and Path(text).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):  # no path at all
        there = False
    if there and text is not None:
        quoted = shlex.quote(clean(text))
        raise UsageError(
            f"--text {quoted}: this is the path of a file",
            hint=f"use --file {quoted} to read it, or --text {shlex.quote(clean(text) + ' ')} for these words",
        )
    if text is not None and LIKE_A_FILE.fullmatch(text):
        raise UsageError(
            f"--text {shlex.quote(clean(text))}: this looks like the path of a file, and there is no such file",
            hint=f"check the path, and use --file; or --text {shlex.quote(clean(text) + ' ')} for these words",
        )


def given_options(options: dict[str, Any]) -> dict[str, Any]:
    """The given options that are fields of `Config`, with values as it takes them."""
    known = {field.name for field in fields(Config)}
    given = {name: value for name, value in options.items() if value is not None and name in known}
    several = ("labels", "global_tokens", "positions", "figure_width", "format")
    return given | {name: listed(name, given[name]) for name in several if name in given}


def _check_choice(given: dict[str, Any]) -> None:
    """Refuse two texts to read."""
    own = [name for name in ("text", "file") if name in given]
    chosen = own + [name for name in CHOICE if name in given]
    if own and "dataset" in given:
        chosen.append("dataset")
    if len(chosen) > 1:
        named = " and ".join(option(name) for name in chosen)
        raise UsageError(f"give only one of {named}", hint="each chooses a text")
    foreign = [name for name in (*OF_A_DATASET, "limit") if name in given]
    if own and foreign:
        raise UsageError(f"{option(foreign[0])} needs a dataset, not {option(own[0])}")


def _check_source(given: dict[str, Any], *, rows: bool) -> None:
    if "preset" in given:
        return
    if "model" in given and not {"text", "file", "dataset"} & set(given):
        one = "add --text, --file or --dataset, or --preset demo"
        raise UsageError("--model needs a text", hint="add --dataset, or --preset demo" if rows else one)
    if "dataset" in given and "model" not in given:
        raise UsageError("--dataset needs a model", hint="add --model, or a --preset with a model")
