"""The settings of a run: `Config`, its checks, and the recipe that all reports of a batch share.

The only home of defaults. A preset (`presets.py`) overrides them; the command line overrides both.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from reportgen.core import field_kinds, widths
from reportgen.core.characters import clean
from reportgen.core.errors import DeviceError, UsageError
from reportgen.core.private import PATHS, public

ColourScale = Literal["contrast", "linear", "rank", "log"]
Paper = Literal["a4", "letter"]
PdfVariant = Literal["ua-1", "a-3u"]
PdfViews = Literal["main", "all"]
PdfNeed = Literal["required", "best-effort"]
Long = Literal["truncate", "window"]
Echoes = Literal["leave-out", "keep"]
Received = Literal["total", "per-query"]
Faith = Literal["none", "quick", "full"]
UnitKind = Literal["word", "sentence"]  # what is removed or kept as a whole
Method = Literal["frozen", "gradient-x-input", "ig"]  # of attribution
Attributed = Literal["frozen", "gradient-x-input", "ig", "none"]

Recipe = dict[str, Any]  # plain values

PACKAGE = Path(__file__).parents[1]
DEMO = PACKAGE / "demo"

FORMATS = ("html", "pdf", "tables", "charts", "figures", "latex")
DEFAULT_FORMATS = ("html", "pdf", "tables", "charts")
PAPERS: tuple[Paper, ...] = ("a4", "letter")
PDF_NEEDS: tuple[PdfNeed, ...] = ("required", "best-effort")
PDF_VARIANTS: tuple[PdfVariant, ...] = ("ua-1", "a-3u")
PDF_VIEWS: tuple[PdfViews, ...] = ("main", "all")
COLOUR_SCALES: tuple[ColourScale, ...] = ("contrast", "linear", "rank", "log")
DTYPES = ("float32", "float16", "bfloat16")
LONG: tuple[Long, ...] = ("truncate", "window")
ECHOES: tuple[Echoes, ...] = ("leave-out", "keep")
RECEIVED: tuple[Received, ...] = ("total", "per-query")
FAITHFULNESS: tuple[Faith, ...] = ("none", "quick", "full")
UNITS: tuple[UnitKind, ...] = ("word", "sentence")
ATTRIBUTION: tuple[Attributed, ...] = ("frozen", "gradient-x-input", "ig", "none")
MEASURES = ("taylor", "taylor-local", "ablation")  # of head importance
PICKS = ("tp", "tn", "fp", "fn", "most-confident", "least-confident", "random")
LABELLED = ("tp", "tn", "fp", "fn", "most-confident")  # picks that may name a label behind a colon
CHOICE = ("index", "id", "pick")  # of a row
COLUMNS = ("text_column", "label_column", "id_column", "title_column")
OF_A_DATASET = ("dataset_config", "dataset_revision", "split", *COLUMNS)
PATTERNS_COPY = "PATTERNS.txt"  # what a report calls the patterns that hide its words: they may be names
OF_ONE = (*CHOICE, "limit", "text", "file", "label")  # fields that are about one example
HOW_FETCHED = ("offline",)  # gives the same report
OF_THIS_COMMAND = ("output", "overwrite")  # no report keeps them
OF_A_MODEL = (
    *("revision", "base_revision", "tokenizer", "tokenizer_revision"),
    *("labels", "threshold", "max_length", "importance", "importance_key"),
)
RANGES = {  # smallest and largest value; of what takes no more than a number in memory, any
    "index": (-(2**63), 2**63 - 1),  # which rows there are, the dataset says
    "limit": (1, 2**63 - 1),
    "max_length": (1, 2**31 - 1),
    "stride": (0, 2**31 - 1),
    "batch_size": (1, 4096),
    "max_chars": (1, 10**9),
    "threshold": (0, 1),
    "attention_window": (2, 2**16),
    "top_k": (1, 2**31 - 1),
    "max_html_mb": (0.001, 10_000),
    "seed": (-(2**63), 2**64 - 1),  # as torch takes it
}
DEVICE = re.compile(r"auto|(cpu|cuda|mps)(:\d+)?")
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
BATCH_SIZE = 8  # where nothing is said
MAX_HTML_MB = 8.0  # of a page, if no limit is given: a larger page gives a warning
MAX_POSITIONS = 6  # lines of a layer trend
FONT_NAME = re.compile(r"[^\W_][\w .-]{0,79}")
SPAN = re.compile(r"(\d{1,9}):(\d{1,9})")
CHOICES: dict[str, tuple[str, ...]] = {
    "format": FORMATS,
    "colour_scale": COLOUR_SCALES,
    "dtype": DTYPES,
    "paper": PAPERS,
    "pdf": PDF_NEEDS,
    "pdf_variant": PDF_VARIANTS,
    "pdf_views": PDF_VIEWS,
    "long": LONG,
    "echoes": ECHOES,
    "received": RECEIVED,
    "faithfulness": FAITHFULNESS,
    "unit": UNITS,
    "attribution": ATTRIBUTION,
}
FREE = ("text", "label", "labels", "preset", "id")  # may be empty and hold any character


@dataclass(frozen=True, slots=True)
class Config:
    """One run. Fields are named like the options of `reportgen run`.

    Raises:
        UsageError: If a value is out of range, or two contradict each other.
    """

    preset: str | None = None
    model: str = "demo"  # "demo", a folder, or an id on the hub
    revision: str | None = None
    base_revision: str | None = None  # of the model that an adapter belongs to
    tokenizer: str | None = None
    tokenizer_revision: str | None = None  # of a tokenizer that is not the model's own
    labels: tuple[str, ...] = ()  # names instead of the model's own
    threshold: float | None = None  # of a label, where a text may have several; the model's own or 0.5 if left out
    attention_window: int | None = None  # instead of the model's own
    global_tokens: tuple[int, ...] = (0,)  # positions with global attention
    dataset: str | None = None  # "demo": the embedded documents; a file, a folder, or an id on the hub
    dataset_config: str | None = None  # the configuration, if the id has several
    dataset_revision: str | None = None
    split: str | None = None  # "test", or a slice: "test[:100]"
    text_column: str | None = None  # "text", or the only column of text, if left out
    label_column: str | None = None  # "label" or "labels" by default, if there is one; "A,B" for a column of each label
    id_column: str | None = None  # "id" by default, if there is one
    title_column: str | None = None  # "title" by default, if there is one
    index: int | None = None
    id: str | None = None
    pick: str | None = None  # an example by what the model says of it: "fp", "most-confident:right"
    limit: int | None = None  # rows that `pick` chooses from; all if left out
    text: str | None = None
    file: str | None = None  # path, or "-" for standard input
    label: str | None = None  # gold label of --text or --file
    max_length: int | None = None  # tokens; the model's own limit if left out
    long: Long = "truncate"  # or "window": a document that is longer is read in overlapping windows
    stride: int | None = None  # tokens that neighbouring windows share; half a window if left out
    max_chars: int = 5_000_000
    importance: str = "none"  # "none", "auto" (computed over a small sample), "demo", or a path
    importance_key: str | None = None
    top_k: int = 10
    positions: tuple[int, ...] = ()  # of the layer trend; empty: the classifier's own token and the five top tokens
    colour_scale: ColourScale = "contrast"
    received: Received = "total"  # the sum over all queries; or divided by the number of queries that see the token
    faithfulness: Faith = "none"  # how thoroughly the heatmap is tested by removing words
    unit: UnitKind = "word"  # what is removed in that test
    attribution: Attributed | None = None  # frozen with `faithfulness`, otherwise none, if left out
    echoes: Echoes = "leave-out"  # of colours and rankings; or "keep" them there
    language: str = "en"  # of the text: for stop words, and for those who hear the page
    device: str = "auto"
    dtype: str = "float32"
    batch_size: int | None = None  # examples read at once where there are many; halved where memory runs out
    seed: int = 0
    model_name: str | None = None  # what the report calls the model, instead of its path or id
    data_name: str | None = None  # what it calls the dataset; without a dataset, the text
    anonymous: bool = False  # names neither, see `report/private/anonymous.py`
    redact: str | None = None  # a pattern, or a file of patterns: what matches is shown as placeholders
    no_text: bool = False  # the whole text is
    output: str | None = None
    format: tuple[str, ...] = DEFAULT_FORMATS
    pdf: PdfNeed = "required"  # or, where no PDF can be made, a warning in its place
    paper: Paper = "a4"
    pdf_variant: PdfVariant = "ua-1"
    pdf_views: PdfViews = "main"  # the text in one view, the others as strips; or in "all"
    figure_width: tuple[str, ...] = ("3.3in", "6.9in")  # of a column and of the text of most journals
    figure_font: str | None = None  # the manuscript's; the page's own if left out
    span: str | None = None  # "120:260": the positions 120 to 259, for the heatmap as a figure and in LaTeX
    max_html_mb: float | None = None  # what the page may have: fills it with links, and warns above
    overwrite: bool = False
    offline: bool = False
    require_safetensors: bool = False
    strict: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if isinstance(value, str | list) and field.type.startswith("tuple"):
                value = listed(name, value)
            try:
                value = field_kinds.settled(str(field.type), value, field.default)
            except TypeError as error:
                raise UsageError(f"{option(name)} {_short(value)}: {error}") from error
            object.__setattr__(self, name, value)
            if wrong := problem(name, value):
                raise UsageError(f"{option(name)} {_short(value)}: {wrong}", hint=meant(name, value))
        if self.text is not None and self.file is not None:
            raise UsageError("give only one of --text and --file", hint="each chooses a text")
        if self.stride is not None and self.long != "window":
            raise UsageError("--stride needs --long window", hint="it sets the overlap of two windows, in tokens")
        if sum(choice is not None for choice in (self.index, self.id, self.pick)) > 1:
            raise UsageError("give only one of --index, --id and --pick", hint="each chooses an example")

    def plain(self) -> dict[str, Any]:
        """The fields for `report.json` and the manifest, without the output; the text is stored elsewhere."""
        given = {name: value for name, value in asdict(self).items() if name not in OF_THIS_COMMAND}
        values = {name: plain_value(name, value) for name, value in given.items()}
        if self.text is not None:
            values["text"] = f"{len(self.text)} characters"
        return values

    @classmethod
    def restored(cls, plain: dict[str, Any], *, text: str | None = None) -> Config:
        """The configuration of `plain`, with its *text* if it has one; fields unknown to this version are left out.

        Where a report goes and what it replaces is never taken from a stored one.

        Raises:
            UsageError: If a value is out of range.
        """
        known = {field.name for field in fields(cls)} - {"text", *OF_THIS_COMMAND}
        values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in plain.items() if n in known}
        return cls(**values, text=text if plain.get("text") is not None else None)

    @property
    def attributed(self) -> Method | None:
        """The method of attribution that is asked for; None for none."""
        if self.attribution is None:
            return None if self.faithfulness == "none" else "frozen"
        return None if self.attribution == "none" else self.attribution

    @property
    def figure_widths(self) -> dict[str, float]:
        """Width of the figures in points, by what their files are called after."""
        return widths.points(self.figure_width)

    @property
    def positions_shown(self) -> range | None:
        """The positions of `span`; None for the whole document."""
        match = SPAN.fullmatch(self.span or "")
        return range(int(match[1]), int(match[2])) if match else None


def listed(name: str, value: str | list[Any]) -> tuple[Any, ...]:
    """The values of a field that takes several: a list's, or those of a text, taken apart at its commas.

    >>> listed("format", "html, tables"), listed("positions", "17,0"), listed("labels", "yes,")
    (('html', 'tables'), (0, 17), ('yes', ''))

    Raises:
        UsageError: If one should be a number, and is none.
    """
    if isinstance(value, list):
        return tuple(value)
    if name == "format":
        return tuple(re.findall(r"[^\s,]+", value))
    parts = [part.strip() for part in value.split(",") if part.strip() or name == "labels"]
    if name not in ("global_tokens", "positions"):
        return tuple(parts)
    try:
        return tuple(sorted({int(part) for part in parts}))
    except ValueError as error:
        raise UsageError(f"{option(name)} takes positions, like 0,17") from error


def option(name: str) -> str:
    """The option that sets a field."""
    return "--" + name.replace("_", "-")


def check_device(name: str) -> None:
    """Refuse a device of a kind that there is not; whether this machine has one, only torch knows.

    Raises:
        DeviceError: Naming the kinds.
    """
    if not DEVICE.fullmatch(name):
        known = "choose auto, cpu, cuda, cuda:N or mps"
        kind = {"gpu": "cuda"}.get(name.casefold(), name.casefold())
        hint = f"did you mean {kind}?" if DEVICE.fullmatch(kind) else "use --device cpu or auto"
        raise DeviceError(f"device {name}: unknown; {known}", hint=hint)


def problem(name: str, value: Any) -> str | None:
    """The problem of a value of the right type; None if it is valid."""
    if value is None:
        return None
    if name in RANGES:
        least, most = RANGES[name]
        wanted = f"{least:,} or more" if most > 10**9 and least >= 0 else f"{least:,} to {most:,}"
        return None if least <= value <= most else f"must be {wanted}"
    if name in CHOICES:
        known = CHOICES[name]
        chosen = value if isinstance(value, tuple) else (value,)
        unknown = [item for item in chosen if item not in known]
        return None if chosen and not unknown else f"unknown; choose from {', '.join(known)}"
    if name in ("global_tokens", "positions"):
        many = name == "positions" and len(value) > MAX_POSITIONS
        below = "positions count from 0" if min(value, default=0) < 0 else None
        return f"give at most {MAX_POSITIONS} positions" if many else below
    if name == "figure_width":
        return widths.problem(value)
    if name == "figure_font":
        return None if FONT_NAME.fullmatch(value) else "must be the name of a font, like Latin Modern Roman"
    if name == "span":
        match = SPAN.fullmatch(value)
        return None if match and int(match[1]) < int(match[2]) else "must be two positions, like 120:260"
    if name == "pick":
        kind, colon, label = value.partition(":")
        fits = kind in PICKS and (not colon or (kind in LABELLED and label.strip()))
        return None if fits else f"choose from {', '.join(PICKS)}; {', '.join(LABELLED)} take :LABEL"
    if name == "language":
        return None if LANGUAGE.fullmatch(value) else "must be a language code, like en or pt-BR"
    if name == "labels":
        names = [label.strip().casefold() for label in value]
        return "label names must differ and not be empty" if "" in names or len(set(names)) < len(names) else None
    if isinstance(value, str) and name not in FREE:
        return "it is empty" if not value.strip() else "it contains a NUL character" if "\0" in value else None
    return None


def meant(name: str, value: Any) -> str | None:
    """A hint for a value that is no choice: the choice that looks like it; None if none does.

    >>> meant("format", ("html", "PDF")), meant("pick", "FP:no"), meant("paper", "x")
    ('did you mean pdf?', 'did you mean fp:no?', None)
    """
    known = {"pick": PICKS, "figure_width": tuple(widths.VENUES)}.get(name, CHOICES.get(name, ()))
    unknown = [one for one in (value if isinstance(value, tuple) else (value,)) if str(one) not in known]
    kind, colon, label = str(unknown[0] if unknown else "").partition(":")
    near = difflib.get_close_matches(kind.casefold(), known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}{colon}{label}?" if near else None


def recipe(configuration: Mapping[str, Any], **parts: object) -> Recipe:
    """Everything that reports depend on except their examples. Reports with the same recipe belong together.

    A batch has one recipe, and continues only with the same one.

    Args:
        configuration: `Config.plain()`, with the very commits that are used.
        parts: Further parts by the name that a difference is reported with: plain values, or mappings of them.
    """
    own = {name: value for name, value in configuration.items() if name not in (*OF_ONE, *HOW_FETCHED)}
    made: Recipe = json.loads(json.dumps({"options": own, **parts}))  # as it comes back from a file
    return made


def recipe_digest(made: Recipe) -> str:
    """Its hash: equal recipes, equal hashes."""
    return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()


def recipe_differences(before: Recipe, now: Recipe) -> list[str]:
    """The differences, each in a few words: "--top-k: 10 before, 5 now".

    >>> recipe_differences({"options": {"top_k": 10}, "model": {"files": "a"}}, {"options": {"top_k": 5}, "model": {}})
    ['--top-k: 10 before, 5 now', 'model files: a before, none now']
    """
    flat = [_flat(made) for made in (before, now)]
    names = dict.fromkeys(name for part in flat for name in part)
    pairs = [(name, *(part.get(name) for part in flat)) for name in names]
    return [f"{name}: {_said(old)} before, {_said(new)} now" for name, old, new in pairs if old != new]


def _flat(made: Recipe) -> dict[str, Any]:
    """Every value by its name for readers."""
    found: dict[str, Any] = {}
    for part, values in made.items():
        if not isinstance(values, dict):
            found[part] = values
            continue
        for name, value in values.items():
            found[option(name) if part == "options" else f"{part} {name.replace('_', ' ')}"] = value
    return found


def _said(value: Any) -> str:
    """A value in an error: hashes by their beginning."""
    if value in (None, "", []):
        return "none"
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:20]}..."


def plain_value(name: str, value: Any) -> Any:
    """The value of a field for JSON, without what a path says of its user."""
    if isinstance(value, tuple):
        return [plain_value(name, item) for item in value]
    if not isinstance(value, str):
        return value
    if name == "redact":
        return PATTERNS_COPY
    return clean(public(value) if name in PATHS else value)


def written(value: Any) -> str:
    """A value of JSON as the command line takes it."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else clean(str(value))


def _short(value: Any) -> str:
    """A value as an error names it."""
    text = written(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
