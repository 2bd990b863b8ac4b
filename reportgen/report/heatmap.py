"""Turn scores into coloured stretches of the document, and define the colour scale and its legend.

The document is shown as written: cells cover it by the tokenizer's character offsets, and the pieces of a character
that the tokenizer has split share a cell. Nothing is drawn here; the templates print the cells.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import regex

from reportgen.core.characters import label, one_break, visible
from reportgen.core.config import ColourScale
from reportgen.core.nouns.records import Floats, Report, Scores, Tokens
from reportgen.core.numbers import number
from reportgen.report.even_share import equal_but_for_rounding, multiple, of_even
from reportgen.report.opening import opening
from reportgen.report.parts import Cell, Direction, HeatView, Line, Printed, Run

CLASSES = 16
STRETCHES = 160  # of the document in a strip
LEFT_OUT = -1  # class of a special token or an echo: outside the scale
SPECIAL_OUTLINED = "Special tokens are outlined and left out of the scale."
SPECIAL, ECHO, LABEL = "s", "e", "l"  # frames around characters in print
APART = "\u2066\u202f{}\u202f\u2069"  # in a direction of its own, with narrow spaces that break no line
ON_ONE_LINE = str.maketrans({"\n": "\u240a", "\t": "\u2409"})  # in the name of a special token
CELL = re.compile(r"[^\t]*\t|[^\t]+")

RECEIVED = "What every token receives from all tokens, over all layers and heads."
READER_ALONE = (  # the meaning of the classifier's row in the last layer
    "In the last layer only this row feeds the classifier; the attention of other tokens there cannot reach the "
    "prediction."
)
READER_MIXED = (
    "The attention of other tokens in this layer reaches the prediction too: what follows it mixes the tokens."
)


class Shown(NamedTuple):
    """What a view shows, before it has colours."""

    key: str
    title: str
    explanation: str
    values: Floats  # (token,)
    base: float  # what each of them is above no attention, see `scale.above_none`
    brief: str = ""  # the explanation in a few words


def cells(text: str, tokens: Tokens) -> tuple[Cell, ...]:
    """Cover *text*, as far as the model has read it, with cells.

    The texts of the cells of real tokens and of the gaps between them, joined, are the text.
    """
    read = tokens.end
    inner = {match.start() for match in regex.finditer(r"\X", text[:read])}  # where characters begin
    found: list[tuple[list[int], int, int, bool]] = []  # positions, start, end, special
    for position, (start, end, special) in enumerate(zip(tokens.starts, tokens.ends, tokens.special, strict=True)):
        last = found[-1] if found else None
        joins = last is not None and not last[3] and (start < last[2] or (start < read and start not in inner))
        if last is not None and joins and not special:
            found[-1] = ([*last[0], position], last[1], max(last[2], end), False)
        else:
            found.append(([position], start, end, special))
    echo, left_out = set(tokens.echoes), set(np.flatnonzero(tokens.left_out).tolist())
    return tuple(
        Cell(
            tuple(positions),
            tokens.strings[positions[0]] if special else text[start:end],
            special,
            start,
            end,
            echo=not echo.isdisjoint(positions),
            left_out=not left_out.isdisjoint(positions),
        )
        for positions, start, end, special in found
    )


def views(report: Report, scores: Scores, covered: tuple[Cell, ...]) -> tuple[HeatView, ...]:
    """The ways of colouring the document that every report shows, the one that it opens with first."""
    how: dict[str, Any] = {"scale": report.colour_scale, "outlined": outlined(report)}
    return tuple(
        view(one.key, one.title, one.explanation, one.values, covered, base=one.base, brief=one.brief, **how)
        for one in shown(report, scores)
    )


def shown(report: Report, scores: Scores) -> list[Shown]:
    """What colours the document: all layers, the classifier's row, the last layer; what the report opens with first."""
    layers, heads, _ = report.attention.shape
    last = report.attention.layers[-1]
    if report.given:
        return _shown_of_given(scores, layers=layers, several=layers * heads > 1)
    weighing = _weighing(report, scores.factors)
    average = ", divided by the number of tokens that can see it" * (report.received == "per-query")
    received = f"Colour shows the attention that a token receives from all tokens{average}"
    every = f"{received}, {weighing}, summed over all layers and heads."
    found = [
        Shown("all", "All attention", every, scores.total, scores.base * layers * heads, RECEIVED),
        Shown(
            "last",
            "Last layer, all tokens",
            f"{received} in layer {last}, {weighing}.",
            scores.last_layer,
            scores.base * heads,
            "The same in the last layer alone.",
        ),
    ]
    if scores.reader is not None:
        meaning = READER_ALONE if report.attention.reader_alone else READER_MIXED
        row = f"What {report.reader_name} attends to in the last layer: from this row the classifier predicts."
        explanation = (
            f"Colour shows the attention of {report.reader_name} to a token in layer {last}, "
            f"{_weighing(report, scores.reader_factors)}. {meaning}"
        )
        found.insert(1, Shown("reader", "What the classifier reads", explanation, scores.reader, 0.0, row))
    return sorted(found, key=lambda one: one.key != opening(report)[0])


def outlined(report: Report) -> str:
    """Which tokens have an outline, in a sentence."""
    note = _hidden(report)
    if not report.tokens.echoes:
        return f"{SPECIAL_OUTLINED}{note}"
    kept = "on the scale" if report.tokens.keep_echoes else "left out of the scale"
    verb = "is" if len(report.tokens.echoes) == 1 else "are"
    return f"{SPECIAL_OUTLINED[:-1]}; {report.echoes} {verb} outlined with dashes and {kept}.{note}"


def _hidden(report: Report) -> str:
    """That words are not shown, as another sentence."""
    hidden = report.redaction
    if hidden is None or not hidden.spans:
        return ""
    if hidden.whole:
        return " Every word is replaced by XXXX of its length; the scores are those of the words."
    count = len(hidden.spans)
    verb, its = ("are", "their") if count != 1 else ("is", "its")
    return f" {count:,} stretch{'es' * (count != 1)} of text {verb} replaced by XXXX of {its} length; the scores stay."


def _shown_of_given(scores: Scores, *, layers: int, several: bool) -> list[Shown]:
    """The same of scores that someone else computed."""
    every = "summed over all layers and heads" if several else "as given"
    title = "All layers" if several else "Scores"
    found = [Shown("all", title, f"Colour shows the score of a token, {every}.", scores.total, 0.0)]
    if layers > 1:
        explanation = f"Colour shows the score of a token in layer {layers}, summed over its heads."
        found.append(Shown("last", "Last layer", explanation, scores.last_layer, 0.0))
    return found


def _weighing(report: Report, factors: Floats) -> str:
    if report.importance.measure == "none":
        return "with all heads counting equally"
    if np.all(factors == 1) and not np.all(report.importance.values == 1):
        return "unweighted because the importance of every head is 0"
    return "weighted by head importance"


def view(
    key: str,
    title: str,
    explanation: str,
    values: Floats,
    covered: tuple[Cell, ...],
    *,
    scale: ColourScale,
    base: float = 0.0,
    outlined: str = SPECIAL_OUTLINED,
    brief: str = "",
) -> HeatView:
    """Colour *covered* by *values* (token,): each cell by the sum of its pieces; special tokens and echoes left out.

    *base* is what every value is above no attention: see `scale.above_none`.
    """
    added, content = sums(values, covered), on_scale(covered)
    times = of_even(added + base * np.array([len(cell.positions) for cell in covered]), content)
    heat = times if scale == "contrast" else percent(added, content)
    classes, bounds, floor = classify(heat, content, scale=scale)
    return HeatView(
        key=key,
        title=title,
        brief=brief,
        explanation=explanation,
        classes=tuple(classes.tolist()),
        values=tuple(round(float(value), 4) for value in heat),
        bounds=tuple(round(float(bound), 4) for bound in bounds),
        scale=scale,
        floor=floor,
        coloured=int(content.sum()),
        strongest=int((classes == CLASSES - 1).sum()),
        uniform=bool(content.sum() > 1 and equal_but_for_rounding(added[content])),
        outlined=outlined,
        most=float(times[content].max(initial=0)),
    )


def sums(values: Floats, covered: tuple[Cell, ...]) -> npt.NDArray[np.float64]:
    """The sum of *values* (token,) over the pieces of each cell."""
    return np.array([values[list(cell.positions)].sum(dtype=np.float64) for cell in covered])


def on_scale(covered: tuple[Cell, ...]) -> npt.NDArray[np.bool_]:
    """Which cells have a colour: text that is neither special nor an echo left out."""
    return np.array([not (cell.special or cell.left_out) and bool(cell.text.strip()) for cell in covered], bool)


def percent(values: npt.NDArray[np.float64], content: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Bring values to 0..100 over the content cells; special tokens may come to lie outside."""
    chosen = values[content]
    if equal_but_for_rounding(chosen):
        return np.zeros_like(values)
    scaled: npt.NDArray[np.float64] = (values - chosen.min()) / np.ptp(chosen) * 100
    return scaled


def classify(
    heat: npt.NDArray[np.float64], content: npt.NDArray[np.bool_], *, scale: ColourScale, count: int = CLASSES
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], float | None]:
    """Put heat, 0..100 or times even, into *count* colour classes.

    By contrast, the first class holds all up to the median. One comma cannot pale the document, see `_strongest`.

    Returns:
        Classes (cell,), -1 where left out; the bounds of the classes, one more; for the log scale, the smallest heat
        above 0, at which it starts: what lies below is in the first class.
    """
    classes = np.full(heat.shape, LEFT_OUT, dtype=np.int64)
    chosen = heat[content]
    above = chosen[chosen > 0]
    floor = None
    if scale == "contrast" and chosen.size:
        inner = np.linspace(np.quantile(chosen, 0.5), _strongest(chosen), count - 1)
        bounds = np.concatenate(([chosen.min()], inner, [chosen.max()]))
    elif above.size == 0:
        bounds = np.linspace(0, 100, count + 1)
    elif scale == "rank":
        bounds = np.quantile(chosen, np.linspace(0, 1, count + 1))
    elif scale == "log":
        floor = float(above.min())
        bounds = np.geomspace(floor, 100, count + 1)
    else:
        bounds = np.append(np.linspace(0, _strongest(chosen), count), 100)
    classes[content] = np.clip(np.searchsorted(bounds[1:-1], chosen, side="right"), 0, count - 1)
    if scale == "contrast":
        classes[content & (heat <= bounds[1])] = 0
    return classes, bounds, floor


def _strongest(heat: npt.NDArray[np.float64]) -> float:
    """Where the last class of contrast and linear scale starts: at the strongest hundredth.

    At the highest value where the hundredth starts below a tenth of the mean: a few tokens hold nearly all then, and
    what has next to nothing of it must not look like them.
    """
    hundredth = float(np.quantile(heat, 0.99))
    return hundredth if hundredth >= heat.mean() / 10 else float(heat.max())


def labels(view: HeatView) -> dict[int, str]:
    """What the legend says, by step from 0 to 15; -1 and 16 are its ends."""
    if view.signed:
        places = ((-1, 0), (4, 4), (11, 12), (16, 16))
        return {step: number(view.bounds[bound], "+.2g") for step, bound in places}
    if view.scale == "contrast":
        return {step: multiple(view.bounds[step if step >= 0 else 0]) for step in (-1, 1, 8, 15, 16)}
    return {step: f"{view.bounds[bound]:.3g}" for step, bound in ((-1, 0), (4, 4), (8, 8), (12, 12), (16, 16))}


def spans(text: str, covered: tuple[Cell, ...], view: HeatView) -> tuple[Run, ...]:
    """The document as one stretch per cell, and the gaps between them."""
    found: list[Run] = []
    end = 0
    for cell, heat in zip(covered, view.classes, strict=True):
        if not cell.special and cell.start > end:
            found.append(Run(text[end : cell.start], "gap", LEFT_OUT, -1))
        written = "echo" if cell.echo else "token"
        kind = "special" if cell.special else written if cell.text.strip() else "break"
        found.append(Run(cell.text, kind, heat, cell.positions[0]))
        end = max(end, cell.end)
    return _with_whole_breaks(found) if "\r\n" in text else tuple(found)


def _with_whole_breaks(runs: list[Run]) -> tuple[Run, ...]:
    """The runs, with a CRLF that a tokenizer has cut in two in the run of its second half: it is one line break."""
    cut = [one.text.endswith("\r") and two.text.startswith("\n") for one, two in pairwise(runs)]
    texts = [
        ("\r" if before else "") + (run.text[:-1] if behind else run.text)
        for run, before, behind in zip(runs, [False, *cut], [*cut, False], strict=True)
    ]
    whole = (replace(run, text=text) for run, text in zip(runs, texts, strict=True))
    return tuple(run for run in whole if run.text or run.kind != "gap")


def strip(runs: tuple[Run, ...], *, tokens: int) -> tuple[int, ...]:
    """The document in stretches of equal length, each in the class of its hottest token; -1 where none is coloured.

    Of signed classes the one that is furthest from the middle, between 23 and 24, is the hottest.

    Args:
        runs: From `spans`.
        tokens: Number of tokens of the document.
    """
    count = min(STRETCHES, tokens)
    own = [run for run in runs if run.first >= 0]
    starts = [run.first for run in own]
    heat = np.repeat([run.heat for run in own], np.diff([*starts, tokens]))
    edges = np.linspace(0, tokens, count + 1).round().astype(int)[:-1]
    ranked = np.where(heat < CLASSES, heat + 1, np.abs(2 * heat - 47)) * 64 + heat + 1  # the strongest, then its class
    return tuple((np.maximum.reduceat(ranked, edges) % 64 - 1).tolist())


def hottest(view: HeatView, runs: tuple[Run, ...], *, count: int) -> list[Run]:
    """The tokens with the highest values of a view, highest first; of a signed view the strongest, of either side."""
    own = [run for run in runs if run.first >= 0]
    coloured = [(value, run) for value, run in zip(view.values, own, strict=True) if run.heat >= 0]
    return [run for _, run in sorted(coloured, key=lambda found: -abs(found[0]))[:count]]


def shown_text(text: str, covered: tuple[Cell, ...]) -> str:
    """The part of *text* in the cells and the gaps between them: everything that the model read, if nothing is lost."""
    end, found = 0, []
    for cell in covered:
        if not cell.special:
            found.append(text[end : max(end, cell.start)] + cell.text)
            end = max(end, cell.end)
    return "".join(found)


def lines(stretches: tuple[Run, ...]) -> tuple[Line, ...]:
    """Break runs into lines, each in the writing direction of its first letter."""
    found: list[list[Run]] = [[]]
    for run in stretches:
        for part in run.text.splitlines(keepends=True) if "\n" in run.text else [run.text]:
            found[-1].append(replace(run, text=part))
            if part.endswith("\n"):
                found.append([])
    return tuple(Line(_base(runs), tuple(runs)) for runs in found if runs)


def _base(runs: list[Run]) -> Direction:
    """The direction of the first letter; "<s>" is no word of the text."""
    own = (direction(run.text) for run in runs if run.kind != "special")
    return next((one for one in own if one is not None), "ltr")


def printed(line: Line) -> Printed:
    """The line as it is printed: text in one piece, and what is painted behind its characters.

    Special tokens and labels of invisible characters turn no letters around them, and have room for a frame.

    >>> printed(Line("ltr", (Run("<s>", "special", -1, 0), Run("No", "token", 15, 1), Run(" .", "gap", -1, -1)))).behind
    '7s 2:15 2'
    """
    texts: list[str] = []
    behind: list[list[Any]] = []  # number of characters, frame, class
    for run in line.runs:
        for n, (text, frame) in enumerate(_parts(run)):
            texts.append(text)
            same = bool(behind) and behind[-1][1:] == [frame, run.heat]
            if same and (not frame or (frame == ECHO and n)):
                behind[-1][0] += len(text)
            else:
                behind.append([len(text), frame, run.heat])
    said = " ".join(f"{count}{frame}{f':{heat}' if heat >= 0 else ''}" for count, frame, heat in behind)
    return Printed(tuple(CELL.findall("".join(texts))), said)


def _parts(run: Run) -> Iterator[tuple[str, str]]:
    """The characters of a run as they are printed, each with its frame."""
    if run.kind == "special":
        yield APART.format(visible(run.text).translate(ON_ONE_LINE)), SPECIAL
        return
    own = ECHO if run.kind == "echo" else ""
    for character in one_break(run.text):
        name = label(character)
        yield (APART.format(name), own or LABEL) if name else (character, own)


def direction(text: str) -> Direction | None:
    """Writing direction of the first letter; None without letters.

    >>> direction("1: abc"), direction("\u05d0"), direction("...")
    ('ltr', 'rtl', None)
    """
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind in ("L", "R", "AL"):
            return "ltr" if kind == "L" else "rtl"
    return None
