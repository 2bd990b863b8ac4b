"""The nouns of the pipeline, frozen, in the order in which it makes them.

They hold values and derive values; they never read files, compute attention, or write. Shapes are named after the
axes (layer, head, query, key, token). Everything counts from 0 here; people see layers, heads and ranks from 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt

from reportgen.core.clock import Stage
from reportgen.core.config import DTYPES, LANGUAGE, RANGES, ColourScale, Received
from reportgen.core.nouns.arrays import Floats as Floats
from reportgen.core.nouns.arrays import Integers as Integers
from reportgen.core.nouns.arrays import equal_fields
from reportgen.core.nouns.faithfulness import Attribution, Faithfulness
from reportgen.core.nouns.labels import NO_LABEL as NO_LABEL
from reportgen.core.nouns.labels import LabelColumn, as_list
from reportgen.core.nouns.labels import Prediction as Prediction
from reportgen.core.nouns.labels import Verdict as Verdict
from reportgen.core.nouns.redaction import Redaction as Redaction
from reportgen.core.nouns.values import ROUNDED, Between, Count, Matches, NotNegative, Number, Sha256, Share, axes

if TYPE_CHECKING:
    from torch import Tensor

GIVEN = "scores"  # the type of model of a report whose scores someone else computed
FROM_FILE = "from file"  # the measure of head importance whose file does not name one


@dataclass(frozen=True, slots=True)
class Example:
    """One document with the facts from its source."""

    name: str  # what the report folder is called: "demo-0", "text-1f3870be27"
    title: str  # what a reader calls it
    text: str  # as it was read; lone surrogates already replaced, one character for one
    replaced: Count = 0  # characters that nothing can write, replaced by U+FFFD
    label: str | int | None = None  # gold label as the source writes it; a list of labels as JSON
    dataset: str | None = None  # its name; None for a text of the user's own
    split: str | None = None
    index: Count | None = None  # row in the split, or in the slice of it
    id: str | None = None  # what the dataset calls the row
    label_names: tuple[str, ...] = ()  # what the dataset calls its integer labels, by label
    label_values: tuple[str, ...] = ()  # the different integers among the labels of the dataset
    label_flags: Count = 0  # length of the lists of 0 and 1, if the dataset writes its labels so; 0 if not
    label_problem: str | None = None  # why no label was taken from a column that may hold labels, in a sentence
    picked: str | None = None  # how it was chosen, where a model's answers decided: "fp, of 1,070 examples, seed 0"
    revision: str | None = None  # of the dataset: resolved commit, or the hash of its file
    file_sha256: Sha256 | None = None  # of the bytes as they were read; None for a text that was no file
    extracted: str = ""  # what the text was taken from, and by which library; "" for a file of text

    @property
    def label_column(self) -> LabelColumn:
        """What is known of all labels of the source."""
        return LabelColumn(self.label_names, self.label_values, self.label_flags, as_list(self.label) is not None)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The document as the model reads it; all tuples have one entry per token, `types` also none."""

    ids: tuple[Count, ...]
    strings: tuple[str, ...]  # the tokenizer's own, "Ġlanguage"
    starts: tuple[Count, ...]  # first character in the text
    ends: tuple[Count, ...]  # one past the last character; equal to the start for special tokens
    special: tuple[bool, ...]  # <s>, </s>, [CLS], [SEP]
    blank: tuple[bool, ...]  # white space, or no character at all
    total: Number  # tokens that the whole text has, special ones included; more than len(self) if it was cut
    types: tuple[Count, ...] = ()  # token_type_ids; empty where the tokenizer gives none, or the model takes none
    echo: tuple[bool, ...] = ()  # whether the position of a special or global token repeats here
    keep_echoes: bool = False  # whether echoes are coloured and ranked like other tokens

    def __post_init__(self) -> None:
        if not self.echo:
            object.__setattr__(self, "echo", (False,) * len(self.ids))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def end(self) -> int:
        """Number of characters of the text that the model has read."""
        return max(self.ends, default=0)

    @property
    def content(self) -> npt.NDArray[np.bool_]:
        """The tokens with something to read, shape (token,): these are ranked and coloured. Echoes only if kept."""
        content: npt.NDArray[np.bool_] = ~(np.array(self.special, bool) | np.array(self.blank, bool) | self.left_out)
        return content

    @property
    def left_out(self) -> npt.NDArray[np.bool_]:
        """The echoes that are neither ranked nor coloured, shape (token,)."""
        echoes = np.array(self.echo, bool)
        return np.zeros_like(echoes) if self.keep_echoes else echoes

    @property
    def echoes(self) -> tuple[int, ...]:
        """Positions of the echoes."""
        return tuple(position for position, echo in enumerate(self.echo) if echo)

    def take(self, positions: Iterable[int]) -> Tokens:
        """Some of the tokens, in the order of *positions*, as a document of their own."""
        taken = list(positions)
        whole = {f.name: part for f in fields(self) if isinstance(part := getattr(self, f.name), tuple) and part}
        parts: dict[str, Any] = {name: tuple(part[position] for position in taken) for name, part in whole.items()}
        return replace(self, total=len(taken), **parts)


@dataclass(frozen=True, slots=True)
class SlidingWindowAttention:
    """Attention of one Longformer layer for one document, as the model returns it, padding cut off."""

    local: Tensor  # (head, query, x + window + 1), x = number of global tokens
    global_: Tensor  # (head, key, x), attention paid by each global token
    global_positions: tuple[int, ...]  # x positions
    window: int  # tokens that a token sees left and right of itself, together


@dataclass(frozen=True, slots=True)
class DenseAttention:
    """Attention of one layer for one document in a model that compares all tokens with all tokens."""

    weights: Tensor  # (head, query, key)
    sink: Tensor | None = None  # (head, query), what a learned sink takes of each row; None in models without one


LayerAttention = SlidingWindowAttention | DenseAttention


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """The numbers that the report keeps of the attention of one layer."""

    received: Floats  # (head, key), sum over all queries
    seen: Integers  # (key,), the queries that can see it
    reader: Floats | None  # (head, key), the row that the classifier reads; None without such a row
    attended_positions: Integers  # (head, query, k), most attended first
    attended_weights: Floats  # (head, query, k), unscaled
    attending_positions: Integers  # (head, key, m), the queries that attend to a key most
    attending_weights: Floats  # (head, key, m), unscaled; an entry with weight 0 is no query
    shares: Floats  # (head, stretch, stretch), see `Attention.maps`
    row_error: float  # largest distance of the sum of an assembled row, and its sink, from 1
    zeros: int  # weights inside the window that are exactly 0
    weights: int  # weights inside the window
    sink: Floats | None = None  # (head,), the mean share of a row that a learned sink takes


@dataclass(frozen=True, slots=True)
class Reference:
    """How far the pass that returns attention is from the model as it is by default, on the start of a document."""

    difference: float  # largest difference of a logit
    tokens: int  # that both passes read
    attention: str  # the model's default implementation: "sdpa", "eager"


@dataclass(frozen=True, slots=True, eq=False)
class Attention:
    """Attention of all layers, reduced to what rankings need. All arrays are unscaled."""

    received: Annotated[Floats, axes("layer", "head", "token", least=0)]
    reader: Annotated[Floats, axes("layer", "head", "token", least=0, most=ROUNDED)] | None  # row of `reader_position`
    attended_positions: Annotated[Integers, axes("layer", "head", "token", "k", least=0, index_of="token")]
    attended_weights: Annotated[Floats, axes("layer", "head", "token", "k", least=0, most=ROUNDED)]  # strongest first
    # The tokens that attend to a token most; an entry with weight 0 is no token.
    attending_positions: Annotated[Integers, axes("layer", "head", "token", "m", least=0, index_of="token")]
    attending_weights: Annotated[Floats, axes("layer", "head", "token", "m", least=0, most=ROUNDED)]
    # The attention of one stretch of the document by where it lands, rows sum to 1. Stretches are equally long; global
    # tokens are apart in the first row and column.
    maps: Annotated[Floats, axes("layer", "head", "stretch", "stretch", least=0, most=ROUNDED)]
    reader_position: Count | None  # the token whose row feeds the classifier: 0 for [CLS]
    global_positions: tuple[Count, ...]  # tokens with global attention; () in dense models
    windows: tuple[Count, ...]  # attention window by layer; () in dense models
    row_error: NotNegative  # largest distance of an assembled row's sum from 1
    zero_share: Share  # share of the weights inside the windows that are exactly 0
    period: Number | None = None  # positions after which the model's position embeddings repeat; None if they do not
    seen: Annotated[Integers, axes("layer", "token", least=0)] | None = None  # queries that see a token; None: unknown
    # The mean share of a row that a learned sink takes, where there is one.
    sink: Annotated[Floats, axes("layer", "head", least=0, most=ROUNDED)] | None = None
    reader_alone: bool = True  # whether no other row of the last layer can reach the prediction
    layer_kinds: tuple[str, ...] = ()  # hybrid models: of each layer "attention", or what it has instead; else ()

    def __eq__(self, other: object) -> bool:
        return equal_fields(self, other)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of layers, heads and tokens."""
        layers, heads, tokens = self.received.shape
        return layers, heads, tokens

    @property
    def layers(self) -> tuple[int, ...]:
        """The number of each layer in the model, from 1; in hybrid models some are left out."""
        kinds = self.layer_kinds or ("attention",) * self.shape[0]
        return tuple(number for number, kind in enumerate(kinds, start=1) if kind == "attention")

    @property
    def per_query(self) -> Floats:
        """Attention received, divided by the number of queries that can see the token, (layer, head, token)."""
        assert self.seen is not None  # whoever asks has checked
        queries: Floats = np.maximum(self.seen, 1).astype(np.float32)
        return self.received / queries[:, None]

    @property
    def seen_alike(self) -> bool:
        """Whether all tokens of a layer are seen by equally many queries, or it is not known by how many."""
        return self.seen is None or bool((self.seen == self.seen[:, :1]).all())

    @property
    def top_k(self) -> int:
        """Number of attended tokens kept for every query."""
        return int(self.attended_positions.shape[-1])


@dataclass(frozen=True, slots=True, eq=False)
class HeadImportance:
    """The importance of each head for the prediction, and the source of the figures."""

    values: Annotated[Floats, axes("layer", "head")]
    measure: str  # one of `config.MEASURES`, `FROM_FILE`, or another; "none" when every head counts the same
    source: str  # file name, "the model's own" or ""
    provenance: dict[str, str] = field(default_factory=dict)  # data, number of examples, model hash

    def __eq__(self, other: object) -> bool:
        return equal_fields(self, other)


@dataclass(frozen=True, slots=True)
class Check:
    """One self-check of the run."""

    name: str
    passed: bool
    detail: str  # the figures, in words


@dataclass(frozen=True, slots=True)
class ReportWarning:
    """Something a reader must know before trusting the colours."""

    code: str  # short and stable: "truncated"
    message: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Enough to run it again and to cite it."""

    model: str  # as the user named it; "demo" for the embedded one
    model_type: str  # "longformer"
    revision: str  # resolved commit, or "local"
    weights_sha256: Annotated[str, Matches("([0-9a-f]{64})?")]  # "" if unknown
    tokenizer: str
    tokenizer_revision: str  # resolved commit, or "local"
    text_sha256: Sha256  # of the text as UTF-8
    device: str
    dtype: Annotated[str, Matches("|".join(DTYPES))]
    seed: Annotated[int, Between(*RANGES["seed"])]
    command: str  # the command line that gives this report again
    created: str  # ISO 8601, UTC
    configuration: dict[str, Any]  # plain values by the names of `Config`
    versions: dict[str, str]
    stages: tuple[Stage, ...]  # of the analysis; empty where the run had to give the same bytes again
    base: str = ""  # the model that an adapter was merged into, with its revision; "" for a whole model
    recipe: str = ""  # hash of all that this report shares with those of other examples, see `config.recipe`


@dataclass(frozen=True, slots=True)
class OtherReading:
    """How transformers' own pipeline reads a document, where it differs from the report."""

    tokenizer: str  # the class that the pipeline builds: "RobertaTokenizer"
    position: int  # of the first difference
    own: str | None  # the token of the report there; None behind the last
    other: str | None  # the token of the pipeline
    types: tuple[int, int | None] | None  # if it is one of token types: that of the report, and of the pipeline
    prediction: Prediction | str  # from the tokens of the pipeline; or why the model cannot read them


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """The hinge between analysis and presentation: all that a report shows, in plain values."""

    example: Example
    tokens: Tokens
    prediction: Prediction | None  # None where scores were given without one
    attention: Attention
    importance: HeadImportance
    checks: tuple[Check, ...]
    warnings: tuple[ReportWarning, ...]
    provenance: Provenance
    top_k: Annotated[int, Between(*RANGES["top_k"])]
    positions: tuple[Count, ...]  # of the layer trend; empty: chosen by rank
    colour_scale: ColourScale
    language: Annotated[str, Matches(LANGUAGE.pattern)]  # of the text, as HTML names it: "en"
    received: Received = "total"  # or "per-query": divided by the number of queries that can see the token
    attributions: tuple[Attribution, ...] = ()  # () where none was asked for
    faithfulness: Faithfulness | None = None  # None where it was not asked for
    redaction: Redaction | None = None  # None where the whole text is shown

    def __repr__(self) -> str:
        """One line; the whole would be a hundred thousand characters."""
        return f"<Report {self.example.name!r}: {len(self.tokens):,} tokens, {self.attention.shape[0]} layers>"

    @property
    def given(self) -> bool:
        """Whether the scores were computed elsewhere; then no attention between tokens is known."""
        return self.provenance.model_type == GIVEN

    @property
    def live(self) -> bool:
        """Whether there are layers and heads to choose: one list of given scores has none."""
        return not self.given or self.attention.shape[:2] != (1, 1)

    @property
    def places(self) -> tuple[tuple[int, int], ...]:
        """Layer and head of each row of a flattened (layer, head), as readers count them: from 1."""
        heads = range(1, self.attention.shape[1] + 1)
        return tuple((layer, head) for layer in self.attention.layers for head in heads)

    @property
    def subject(self) -> str:
        """The scores in words, for sentences."""
        return "scores" if self.given else "attention"

    @property
    def echoes(self) -> str:
        """The echoes of position as the subject of a sentence: "3 tokens where the position of <s> repeats"."""
        count = len(self.tokens.echoes)
        named = f"{count:,} token{'s' * (count != 1)}"
        if self.given:
            return f"{named} at equal distances"
        lead = takewhile(lambda position: self.tokens.special[position], range(len(self.tokens)))
        sources = {*lead, *self.attention.global_positions}
        source = self.tokens.strings[sources.pop()] if len(sources) == 1 else "a special or global token"
        return f"{named} where the position of {source} repeats"

    @property
    def echo_note(self) -> str:
        """What an echo is, as the title of one."""
        if self.given:
            return "Echo: one of the highest scores, which are at equal distances"
        return f"Echo: {self.echoes.partition(' where ')[2]} here"

    @property
    def unranked(self) -> str:
        """What is neither ranked nor coloured, for sentences."""
        left_out = self.tokens.left_out.any()
        return "special tokens, white space and echoes of position" if left_out else "special tokens and white space"

    @property
    def reader_name(self) -> str:
        """The name of the token whose row the classifier reads: "<s>", "[CLS]", "the last token"."""
        return self.tokens.strings[0] if self.attention.reader_position == 0 else "the last token"

    def words(self) -> tuple[str, ...]:
        """The name of each token for readers: its characters in the document, or the name of a special token."""
        spans = zip(self.tokens.starts, self.tokens.ends, self.tokens.special, self.tokens.strings, strict=True)
        return tuple(name if special else _face(self.example.text[a:b]) for a, b, special, name in spans)


@dataclass(frozen=True, slots=True)
class Scores:
    """Received attention weighed by head importance and brought to one scale."""

    attention_scores: Floats  # (layer, head, token), 0..1 over the whole example
    total: Floats  # (token,), sum over layers and heads
    last_layer: Floats  # (token,), sum over the heads of the last layer
    reader: Floats | None  # (token,), the classifier's own row in the last layer, weighed, summed over heads
    factors: Floats  # (layer, head), what the attention was multiplied by; 1 where importance would make all 0
    reader_factors: Floats  # (head,), the same for the classifier's row in the last layer
    received: Floats  # (layer, head, token), what was multiplied: attention received, in total or per query
    base: float  # of every score in `attention_scores`: how far the smallest weighted attention is from none, in scores


@dataclass(frozen=True, slots=True)
class Rankings:
    """The rankings, in every layer and head, and over all."""

    ranks: Integers  # (layer, head, token), from 1
    top_positions: Integers  # (layer, head, k), most received first
    by_score: Integers  # (content token,), positions by total score, highest first
    by_reader: Integers | None  # (content token,), positions by the classifier's own row
    by_count: Integers  # (content token,), positions by `attended_counts`, over all layers and heads
    attended_counts: Integers  # (layer, head, token), lists of other tokens in which this is among the k most attended


def _face(text: str) -> str:
    """A token's characters without the space around them; signs for tokens that are only space, or nothing."""
    signs = text.replace("\r\n", "\n").translate({0x0A: "\u21b5", 0x0D: "\u21b5", 0x09: "\u21e5", 0x20: "\u2423"})
    return text.strip() or signs or "\u2423"
