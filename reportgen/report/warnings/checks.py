"""Turn measured figures into self-checks and warnings: whether a run can be trusted, and what to know before reading.

Other stages measure the figures. Nothing is corrected here.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from reportgen.core import private
from reportgen.core.characters import label, one_break
from reportgen.core.config import option
from reportgen.core.errors import ModelError, UsageError, one_line
from reportgen.core.nouns.records import (
    NO_LABEL,
    Attention,
    Check,
    Example,
    HeadImportance,
    OtherReading,
    Prediction,
    Reference,
    Report,
    ReportWarning,
    Scores,
    Tokens,
)
from reportgen.report.even_share import equal_but_for_rounding

LOGITS_TOLERANCE = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 1e-1}
ROW_TOLERANCE = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 2e-2}  # of the sum of a row of rounded weights
ZERO_SHARE = 0.01  # of the weights: more exact zeros than this give a warning
PIECES = {"byte-bpe": "\u0120", "wordpiece": "##", "sentencepiece": "\u2581"}  # how they write a space, or none
NO_SCRIPT = {"Zyyy": "symbols", "Zinh": "marks", "Zzzz": "private or unassigned"}  # ISO 15924
NOTO = (
    "The Noto fonts cover most scripts. Debian and Ubuntu: apt-get install fonts-noto-core fonts-noto-cjk "
    "fonts-noto-color-emoji; Fedora: dnf install google-noto-fonts-all google-noto-sans-cjk-fonts "
    "google-noto-color-emoji-fonts."
)


def check_run(
    prediction: Prediction,
    attention: Attention,
    tokens: Tokens,
    *,
    dtype: str,
    reference: Reference | None,
    shown: int,
    complete: bool,
) -> tuple[Check, ...]:
    """The self-checks of every report.

    Args:
        prediction: Its label is the explained class.
        attention: With the largest error of the sum of a row.
        tokens: The tokens that the model read.
        dtype: Number format of the model, which limits how exact sums are.
        reference: How far the pass that returns attention is from the model's default; None if it is the default.
        shown: Number of tokens in the heatmap.
        complete: Whether the heatmap has the text that the model read.

    Raises:
        ModelError: If a row of attention does not sum to 1, or, in float32, the logits differ; then no number of the
            report would be right.
    """
    allowed = LOGITS_TOLERANCE[dtype] * max(1, *map(abs, prediction.logits))
    tolerance = ROW_TOLERANCE[dtype]
    own = _check_reference(reference, tokens, dtype=dtype, allowed=allowed)
    error = attention.row_error
    if error > tolerance:
        raise _other_weights(error, tolerance)
    explained = prediction.labels[prediction.predicted]
    predicted, gold = prediction.predicted_name, prediction.gold_name if prediction.true is not None else "unknown"
    most = f"the most probable label, {explained}, is explained; " if prediction.several else ""
    return (
        own,
        Check(
            "Every row of attention sums to 1"
            if attention.sink is None
            else "Every row of attention and its sink sum to 1",
            error <= tolerance,
            f"largest error {error:.2g}, allowed {tolerance:g}",
        ),
        Check(
            "The heatmap shows the text that the model read",
            complete and shown == attention.shape[2] == len(tokens),
            f"{shown:,} of {attention.shape[2]:,} tokens, text {'equal' if complete else 'not equal'}",
        ),
        Check("The explained class is named", bool(explained.strip()), f"{most}predicted {predicted}, gold {gold}"),
    )


def _check_reference(reference: Reference | None, tokens: Tokens, *, dtype: str, allowed: float) -> Check:
    """Whether the logits of the pass that returns attention are those of the model's default; see `check_run`."""
    said = "The pass that returns attention gives the model's own logits"
    if reference is None:
        return Check(said, True, "this type of model has one attention, which computes with the weights it returns")
    extent = f"{'the first' if reference.tokens < len(tokens) else 'all'} {reference.tokens:,} tokens"
    if reference.difference > allowed and dtype == "float32":
        raise ModelError(
            f"the attention that transformers returns is not the one that the model uses: the logits of {extent} "
            f"differ by {reference.difference:.2g} from those with its default attention ({reference.attention})",
            hint="use a model of another type; this is a fault of transformers' eager attention for this type",
        )
    return Check(
        said,
        reference.difference <= allowed,
        f"compared with its default attention ({reference.attention}) on {extent}: largest difference "
        f"{reference.difference:.2g}, allowed {allowed:.2g}",
    )


def _other_weights(error: float, tolerance: float) -> ModelError:
    return ModelError(
        f"a row of attention sums to 1 with an error of {error:.2g}, more than {tolerance:g}: what the model "
        "returns are not the weights of its softmax",
        hint="see whether its config.json changes how it attends; or use a model of another type",
    )


def check_positions(name: str, positions: tuple[int, ...], tokens: Tokens) -> None:
    """Check that the positions of an option are inside the document.

    Raises:
        UsageError: Naming the first that is not.
    """
    for position in positions:
        if position >= len(tokens):
            raise UsageError(f"{option(name)} {position}: the document has {len(tokens)} tokens, from 0")


def warn_of_checks(checks: tuple[Check, ...]) -> Iterator[ReportWarning]:
    """A warning for every failed self-check."""
    for check in checks:
        if not check.passed:
            yield ReportWarning("self-check", f"A self-check failed: {check.name} ({check.detail}).")


def warn_of_text(example: Example, tokens: Tokens, prediction: Prediction | None) -> Iterator[ReportWarning]:
    """Warnings about the document or its label."""
    if tokens.total > len(tokens):
        yield ReportWarning(
            "truncated",
            f"The text is too long: the model read the first {len(tokens):,} of {tokens.total:,} tokens, up to "
            f"character {tokens.end:,} of {len(example.text):,}. --long window reads the whole text.",
        )
    if not tokens.content.any():
        yield ReportWarning("no-content", "The text has no content tokens, so there is nothing to rank.")
    if example.replaced:
        what, are = ("character", "is") if example.replaced == 1 else ("characters", "are")
        fact = f"{example.replaced:,} {what} cannot be stored in a file and {are} shown as U+FFFD."
        yield ReportWarning("replaced-characters", fact)
    faceless = [name for name in map(label, one_break(example.text[: tokens.end])) if name is not None]
    if faceless:
        kinds = ", ".join(sorted(set(faceless))[:8])
        what, are = (
            ("character", "is shown as a label") if len(faceless) == 1 else ("characters", "are shown as labels")
        )
        fact = f"{len(faceless):,} invisible {what} (controls, zero width, direction marks) {are}: {kinds}."
        yield ReportWarning("invisible-characters", fact)
    lists = prediction is not None and not prediction.several and example.label_column.lists
    if prediction is not None and prediction.true is None and prediction.gold_text is not None and not lists:
        names = _first(8, [f"“{one_line(name)[:40]}”" for name in prediction.labels])
        yield ReportWarning(
            "unknown-label",
            f"The gold label “{prediction.gold_text[:80]}” is not a label of the model; its labels are {names}.",
        )


def warn_of_other_reading(prediction: Prediction, other: OtherReading | None) -> Iterator[ReportWarning]:
    """A warning if transformers' own pipeline reads other tokens, for readers who compare the report with it."""
    if other is None:
        return
    own, its = (f"“{one_line(each)[:40]}”" if each is not None else "no token" for each in (other.own, other.other))
    if other.types is not None:
        types = ("none" if each is None else each for each in other.types)
        own, its = (f"{name} with token type {each}" for name, each in zip((own, its), types, strict=True))
    said = other.prediction
    then = f"the model fails ({one_line(said)[:200]})" if isinstance(said, str) else f"it is {_answer(said)}"
    yield ReportWarning(
        "other-tokens",
        f"AutoTokenizer and pipeline() of transformers read this text differently: they build {other.tokenizer} from "
        "its class and tokenizer_config.json, and the report uses all that the files of the tokenizer say. The first "
        f"difference is token {other.position} (from 0): {own} in the report, {its} in transformers. The prediction of "
        f"the report is {_answer(prediction)}; with the tokens of transformers {then}.",
    )


def _answer(prediction: Prediction) -> str:
    shown = prediction.chosen or (prediction.predicted,)
    named = (f"“{one_line(prediction.labels[n])[:80]}” ({prediction.probabilities[n]:.1%})" for n in shown)
    return ", ".join(named) if prediction.chosen else f"{NO_LABEL}, of all {next(named)} most probably"


def warn_of_labels(example: Example, prediction: Prediction, reading: str | None) -> Iterator[ReportWarning]:
    """Warnings about the labels of the source.

    Args:
        example: With what is wrong with its label column.
        prediction: Says whether there may be several labels.
        reading: How integers are read, where that is not certain, in a sentence.
    """
    if example.label_problem is not None:
        yield ReportWarning("label-column", example.label_problem)
    if example.label_column.lists and not prediction.several:
        yield ReportWarning(
            "label-column",
            f"The gold label of the dataset is a list ({one_line(str(example.label))[:80]}), and the model predicts "
            "exactly one label, so no gold label is known. --label-column names another column.",
        )
    if reading is not None:
        yield ReportWarning("label-reading", reading)


def warn_of_windows(tokens: Tokens, *, count: int, length: int, shared: int) -> Iterator[ReportWarning]:
    """A warning if the document was read in several windows: *count* windows of *length* tokens."""
    if count > 1:
        yield ReportWarning(
            "windows",
            f"The {len(tokens):,} tokens were read in {count:,} windows of {length:,} tokens; neighbouring windows "
            f"share at least {shared:,} tokens. No token sees beyond its window. The numbers of a token come from the "
            "window in which it is furthest from both edges. Special tokens are in every window and receive the mean. "
            "The logits are the mean over the windows.",
        )


def check_given(report: Report, *, complete: bool) -> tuple[Check, ...]:
    """The self-checks of scores computed elsewhere; *complete*: the heatmap has the whole text."""
    layers, heads, tokens = report.attention.shape
    count = f"{len(report.tokens):,} tokens, {tokens:,} scores in each of {layers * heads} lists"
    return (
        Check("Every token has a score", len(report.tokens) == tokens, count),
        Check("The heatmap shows the text", complete, f"text {'equal' if complete else 'not equal'}"),
    )


def warn_of_given(report: Report) -> Iterator[ReportWarning]:
    """Warnings about a text and scores computed elsewhere."""
    yield from warn_of_text(report.example, report.tokens, report.prediction)
    yield from _warn_of_pieces(report)
    content = report.attention.received.sum(axis=(0, 1), dtype=np.float64)[report.tokens.content]
    if content.size > 1 and equal_but_for_rounding(content):
        yield ReportWarning("uniform", "All scores are equal, so colours carry no information.")


def _warn_of_pieces(report: Report) -> Iterator[ReportWarning]:
    """A warning if many tokens look like pieces of a tokenizer, and are shown as words."""
    spans = zip(report.tokens.starts, report.tokens.ends, strict=True)
    shown = [report.example.text[start:end] for start, end in spans]
    for kind, sign in PIECES.items():
        count = sum(len(word) > len(sign) and word.startswith(sign) for word in shown)
        if count * 10 >= len(shown):
            yield ReportWarning(
                "pieces",
                f"{count:,} of {len(shown):,} tokens begin with {sign} and are shown as they are. If a tokenizer has "
                f'written them, "pieces": "{kind}" in the file of scores shows the text.',
            )


def warn_of_window(window: int | None) -> Iterator[ReportWarning]:
    """That the attention window was set to another than the model's own; None where it was not."""
    if window is not None:
        yield ReportWarning(
            "window-changed",
            f"The attention window was set to {window}; the model may have been trained with another.",
        )


def warn_of_attention(
    tokens: Tokens,
    attention: Attention,
    importance: HeadImportance,
    scores: Scores,
    *,
    weights_sha256: str = "",
) -> Iterator[ReportWarning]:
    """Warnings to read before the colours; *weights_sha256* is the hash of the model's weights, "" if unknown."""
    measured = importance.provenance.get("weights sha256")
    if measured and weights_sha256 and measured != weights_sha256:
        yield ReportWarning(
            "importance-of-another-model",
            f"The head importance was computed with other weights ({measured[:10]}) than the model's "
            f"({weights_sha256[:10]}), so it may not fit this model.",
        )
    if (importance.values < 0).any():
        yield ReportWarning(
            "negative-importance", "Some heads have a negative importance, so their scores count negatively."
        )
    if not importance.values.any():
        yield ReportWarning("zero-importance", "The importance of every head is 0, so scores are shown unweighted.")
    if _looks_back_only(attention):
        yield ReportWarning(
            "causal",
            "Every token attends only to itself and to earlier tokens. Early tokens receive attention from more tokens "
            "and rank higher for that reason alone; compare tokens with their neighbours.",
        )
    content = scores.total[tokens.content]
    if content.size > 1 and equal_but_for_rounding(content):
        yield ReportWarning("uniform", "Attention is uniform, so colours carry no information.")
    yield from warn_of_layers(attention)
    if attention.zero_share > ZERO_SHARE:
        yield ReportWarning(
            "zeros",
            f"{attention.zero_share:.1%} of the attention weights are exactly 0 (underflow); "
            "the order of these weights carries no information.",
        )


def warn_of_layers(attention: Attention) -> Iterator[ReportWarning]:
    """What a reader must know of a hybrid model, and of one with attention sinks."""
    other: dict[str, list[int]] = {}
    for number, kind in enumerate(attention.layer_kinds, start=1):
        if kind != "attention":
            other.setdefault(kind, []).append(number)
    if other:
        named = "; ".join(f"{ranges(numbers)}: {kind}" for kind, numbers in other.items())
        yield ReportWarning(
            "hybrid",
            f"Only {len(attention.layers)} of the {len(attention.layer_kinds)} layers have attention. The other layers "
            f"mix tokens in another way, which the report cannot show ({named}).",
        )
    if attention.sink is not None:
        layer, head = divmod(int(attention.sink.argmax()), attention.shape[1])
        yield ReportWarning(
            "sink",
            f"A part of each row of attention goes to a learned sink and not to a token: {attention.sink.mean():.0%} "
            f"on average, most in layer {attention.layers[layer]}, head {head + 1} ({attention.sink.max():.0%}). The "
            "layer-by-head overview shows the share of every head.",
        )


def ranges(numbers: list[int]) -> str:
    """Numbers in ascending order, shortened.

    >>> ranges([1, 2, 3, 5])
    '1-3, 5'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _looks_back_only(attention: Attention) -> bool:
    """Whether no stretch of the document attends to a later one, in any layer or head: the model is causal."""
    maps = attention.maps
    return maps.shape[-1] > 1 and bool(maps.any()) and not np.triu(maps, 1).any()


def warn_of_size(size: int, limit: float) -> ReportWarning | None:
    """The warning for a page that is larger, in bytes, than *limit*, in MB of a million bytes."""
    if size <= limit * 1e6:
        return None
    return ReportWarning(
        "large-page",
        f"The page has {size / 1e6:.1f} MB, more than {limit:g} MB; some browsers will be slow. "
        "A smaller --max-length makes it smaller; --max-html-mb sets the limit.",
    )


def warn_of_pdf(error: Exception) -> ReportWarning:
    """The warning of a report whose PDF could not be made."""
    said = one_line(private.said(str(error))) or "no reason given"
    return ReportWarning("no-pdf", f"The PDF could not be made ({type(error).__name__}: {said[:200]}).")


def warn_of_glyphs(characters: tuple[str, ...]) -> ReportWarning:
    """The warning for characters that no font on this machine has: which they are, and fonts that may have them."""
    from fontTools import unicodedata

    codes = dict.fromkeys(map(unicodedata.script, characters))
    scripts = _first(8, [NO_SCRIPT.get(code) or unicodedata.script_name(code) for code in codes])
    named = _first(5, [f"U+{ord(one):04X} {unicodedata.name(one, 'without a name')}" for one in characters])
    return ReportWarning(
        "missing-glyphs",
        f"The PDF shows boxes instead of characters that no font on this machine has ({scripts}): {named}. {NOTO}",
    )


def warned_of_glyphs(report: Report, missing: dict[str, None]) -> Report:
    """The report with a warning of characters without a font; the same report if all have one."""
    return warned(report, warn_of_glyphs(tuple(missing))) if missing else report


def warned(report: Report, warning: ReportWarning) -> Report:
    """The report with one more warning; only the last warning of a kind is kept."""
    if warning in report.warnings:
        return report
    others = tuple(one for one in report.warnings if one.code != warning.code)
    return replace(report, warnings=(*others, warning))


def _first(count: int, names: list[str]) -> str:
    more = f" and {len(names) - count:,} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more
