"""The nouns of the presentation, frozen: the parts of a report before it is rendered.

They hold values and nothing else. Positions count from 0, as in `records.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from reportgen.core.config import ColourScale
from reportgen.core.nouns.faithfulness import VerdictCode
from reportgen.report.even_share import ALMOST_EVEN

Direction = Literal["ltr", "rtl"]


@dataclass(frozen=True, slots=True)
class WordCount:
    """How often a word is among the most attended tokens of other tokens."""

    word: str  # lower case; pieces of the tokenizer joined
    occurrences: int
    attended: int  # lists, over all layers, heads and queries, the query itself left out


@dataclass(frozen=True, slots=True)
class Word:
    """Letters and digits without a gap, or one sign."""

    text: str
    positions: tuple[int, ...]  # of its pieces that are ranked
    masked: bool  # a stop word, or punctuation
    echoes: tuple[int, ...] = ()  # positions of the others, see `Tokens.left_out`


@dataclass(frozen=True, slots=True)
class Cell:
    """A stretch of the document that is coloured as one: one token, or the pieces of one character."""

    positions: tuple[int, ...]
    text: str  # as written in the document; the token's own name for special tokens
    special: bool
    start: int  # first character in the text
    end: int  # one past the last
    echo: bool = False  # it holds an echo of position
    left_out: bool = False  # such an echo is not coloured


@dataclass(frozen=True, slots=True)
class HeatView:
    """One way of colouring the document."""

    key: str  # "all", "last", "reader", "attribution-1"
    title: str
    explanation: str  # what the colours mean, in one sentence
    classes: tuple[int, ...]  # (cell,), 0..15, or 16..31 of a signed view; -1 for cells without a colour
    values: tuple[float, ...]  # (cell,), 0..100 over the content cells; by contrast, times even; signed, logits
    bounds: tuple[float, ...]  # 17 class limits, for the legend; of a signed view the ninth is 0
    scale: ColourScale
    floor: float | None  # smallest value above 0, where the log scale starts
    coloured: int  # cells on the scale
    strongest: int  # cells in the last class; of a signed view, in the last of either side
    uniform: bool  # all content cells are equal: the colours carry no information
    outlined: str  # which cells have an outline, and whether they are on the scale, in a sentence
    signed: bool = False  # whether it shows what speaks for and what speaks against, see `signed.py`
    brief: str = ""  # what it shows, in a few words, for the choice between the views
    most: float = 0.0  # the largest multiple of the even share that a cell draws; 0 of a signed view

    @property
    def even(self) -> bool:
        """Whether no cell draws more than one and a half times the even share."""
        return 0 < self.most <= ALMOST_EVEN

    @property
    def first(self) -> int:
        """The class that the legend begins with."""
        return 16 if self.signed else 0


@dataclass(frozen=True, slots=True)
class Table:
    """A table for people: cells are text already."""

    key: str
    caption: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]  # by column; numeric columns are set to the right
    rows: tuple[tuple[str, ...], ...]
    title: str = ""  # in a few words, of a table that is one of several lists


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure: the live form, the still form, and the numbers."""

    key: str  # file name: "rank-trend"
    title: str
    caption: str  # what to see, in a sentence made from the numbers
    spec: dict[str, object]  # Vega-Lite
    svg: str
    data: Table


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding about the document, for the summary: a number, a sentence, a small drawing."""

    number: str  # "41 %"
    sentence: str  # continues the number
    svg: str
    target: str  # id of the figure or table that shows it in full


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence that matters, or a part of a long one."""

    quote: str  # cut where it is long
    first: int  # position of the first token of its first cell
    last: int  # position of its last token
    draws: str  # times even, in words: "2.4× the even share"; "" where nothing of it is ranked
    effect: str  # what the prediction loses without it; "" where that was not tested


@dataclass(frozen=True, slots=True)
class KeyPassages:
    """The passages that the first screen quotes, the most important first."""

    title: str
    how: str  # how they were found, or why there are none, in a sentence or two
    passages: tuple[Passage, ...]
    of: str = ""  # the view that shares and words are of, whatever a reader chooses; of given scores there is one only


@dataclass(frozen=True, slots=True)
class Panel:
    """The test of the heatmap."""

    code: VerdictCode | None  # on the view that the report opens with; None where nothing could be tested
    words: str  # the view and the verdict on it: "All attention: supported"
    sentence: str  # the same with its numbers
    brief: str  # the same without them
    verdicts: tuple[tuple[str, str], ...]  # orders with their verdicts, that of the view first
    small: str  # SVG of the deletion curve for the first screen; "" where nothing could be tested
    curves: tuple[Chart, ...]  # deletion, keep-only; () where nothing could be tested
    tables: tuple[Table, ...]  # "aopc", "rests-on", "agreement": those that were measured
    notes: tuple[str, ...]  # what else was measured, a sentence or two each
    method: str  # how, in one paragraph
    caveats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure made of pixels."""

    key: str  # file name: "attention-maps"
    title: str
    caption: str
    light: bytes  # PNG, in the colours of paper
    dark: bytes  # PNG, in those of a dark page
    width: int  # px
    height: int  # px
    data: Table


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring characters that are drawn alike."""

    text: str  # as written; the name of a special token
    kind: str  # "gap", "token", "echo", "special", "break"
    heat: int  # class, or -1
    first: int  # position of its first token; -1 in gaps


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the document, up to its line break."""

    direction: Direction  # of its first letter: where the line begins
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Printed:
    """A line of the document as it is printed."""

    cells: tuple[str, ...]  # its text, cut after every tab
    # What is behind the characters, in order: how many, their frame, their class. "7s 2:15 4": seven in the frame of a
    # special token, two in the strongest colour, four with nothing behind them.
    behind: str


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that a report is rendered from."""

    views: tuple[HeatView, ...]
    spans: tuple[tuple[Run, ...], ...]  # (view, cell or gap): one run per cell
    lines: tuple[tuple[Line, ...], ...]  # (view, line), for print
    tables: tuple[Table, ...]
    charts: tuple[Chart, ...]
    panel: Panel | None  # None where the heatmap was not tested
    findings: tuple[Finding, ...]  # none where the text has no content tokens
    maps: Picture | None  # None if there is nothing to draw
    summary: tuple[str, ...]  # the words that draw most attention, each once
    key: KeyPassages
    opens: str  # why the report opens with the first view, in a sentence; "" where there is nothing to say
    blocks: dict[str, object] = field(default_factory=dict)  # what the scripts of the page read, by name

    @property
    def small(self) -> str:
        """SVG of the deletion curve for the first screen; "" without a test."""
        return self.panel.small if self.panel else ""

    @property
    def curves(self) -> tuple[Chart, ...]:
        """The charts of the panel."""
        return self.panel.curves if self.panel else ()
