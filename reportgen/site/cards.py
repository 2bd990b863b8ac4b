"""Turn a report into its card: what lists of reports show, and what readers search and filter.

Plain values, small enough for thousands of reports. The templates draw the card.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from reportgen.core.characters import clean
from reportgen.core.nouns import plain_values
from reportgen.core.nouns.faithfulness import VerdictCode
from reportgen.core.nouns.labels import written
from reportgen.core.nouns.records import Prediction, Report, Verdict
from reportgen.data import redact
from reportgen.report import heatmap, opening, passages, rank, scale, words
from reportgen.report.parts import HeatView, KeyPassages
from reportgen.report.stored import store
from reportgen.site import find_reports
from reportgen.site.find_reports import Found, Note

TOP = 8  # words
STRETCHES = 96  # of the strip, at most
LONG_TITLE, LONG_LABEL, LONG_WORD = 300, 120, 40  # characters that lists of reports show


@dataclass(frozen=True, slots=True)
class Card:
    """A report in short."""

    name: str  # of its folder in the site
    title: str
    source: str  # "demo, row 0"; empty for a text of the user's own
    dataset: str | None
    split: str | None
    index: int | None  # row in the split
    id: str | None  # what the dataset calls the row
    model: str
    label: str | None  # the true one, or all in one line, as the model or else the source calls it
    predicted: str | None  # or all in one line
    probability: float | None  # of the predicted label; of several, of the least certain yes or no
    verdict: Verdict
    tokens: int  # of the whole text, special ones included
    read: int  # of these, how many the model has read: fewer where the text was cut
    top_tokens: tuple[str, ...]  # words that drew the most attention, best first, at most `TOP`
    strip: tuple[int, ...]  # heat class by stretch of the document, 0..15; -1 where nothing is coloured
    created: str  # ISO 8601, UTC
    version: str  # of reportgen
    language: str  # of the text
    given: bool  # whether the scores were computed elsewhere
    files: tuple[str, ...]  # those of `store.OFFERED` that the folder has
    true_labels: tuple[str, ...] = ()  # each true label, if a text may have several
    predicted_labels: tuple[str, ...] = ()  # each predicted label, if a text may have several, most probable first
    probabilities: tuple[float, ...] = ()  # of these
    tested: VerdictCode | None = None  # the verdict on the view that the page opens with; None: not tested
    headline: str = ""  # that view and its verdict in words
    of: str = ""  # that view as a sentence names it, which words and strip are of; "" where scores were given
    sentence: str = ""  # the first key passage; "" where there is none, or its words are hidden
    why: str = ""  # what makes it one: "1.4 times even"

    @property
    def predictions(self) -> tuple[tuple[str, float | None], ...]:
        """The predicted label and its probability; of several, each with its own; () without a prediction."""
        each = tuple(zip(self.predicted_labels, self.probabilities, strict=True))
        return each or (() if self.predicted is None else ((self.predicted, self.probability),))

    @property
    def drawn(self) -> str:
        """The heading of the words on the card."""
        return "Highest scores" if self.given else f"Most attention in {self.of}" if self.of else "Most attention"


def read(found: Found) -> tuple[str, Card | Note]:
    """The card of a report; a note if its files were changed or are invalid."""
    try:
        wrong = find_reports.problem(found, found.files)
        if wrong:
            return found.name, Note("left out", wrong)
        made = card(find_reports.report(found.folder, unnamed=found.unnamed), name=found.name, files=found.files)
        json.dumps(plain(made), ensure_ascii=False, allow_nan=False).encode()  # or no page could hold it
        return found.name, made
    except Exception as error:  # whatever it is, the other reports are worth showing
        return found.name, find_reports.left_out(found, error)


def card(report: Report, *, name: str, files: Iterable[str] = ()) -> Card:
    """The card of a report.

    Args:
        report: From `store.load`.
        name: Of its folder in the site.
        files: What the folder holds.
    """
    example, said, held = report.example, report.prediction, set(files)
    scores = scale.of_report(report)
    rankings = rank.rank(report.attention, scores, report.tokens, top_k=report.top_k)
    whole = words.of_report(report)
    covered = heatmap.cells(example.text, report.tokens)
    drawn = words.top_words(whole, opening.ranked(report, rankings), count=len(whole))
    top = [word for word in drawn if not _is_hidden(word, report)][:TOP]
    views = heatmap.views(report, scores, covered)
    key = passages.key_passages(report, scores, views[0], covered)
    sentence, why = _sentence(report, key)
    return Card(
        name=name,
        title=clean(example.title).strip() or name,
        source=_source(report),
        dataset=_clean(example.dataset),
        split=_clean(example.split),
        index=example.index,
        id=_clean(example.id),
        model=clean(report.provenance.model),
        label=_clean(_label(report)),
        predicted=_clean(said.predicted_name) if said else None,
        probability=said.confidence if said else None,
        verdict=said.verdict if said else "unknown",
        tokens=report.tokens.total,
        read=len(report.tokens),
        top_tokens=tuple(map(clean, top)),
        strip=strip(views[0]),
        created=report.provenance.created,
        version=report.provenance.versions["reportgen"],
        language=report.language,
        given=report.given,
        files=tuple(name for name in store.OFFERED if name in held),
        tested=found.code if (found := opening.verdict(report)) else None,
        headline=opening.headline(report),
        of=key.of,
        sentence=sentence,
        why=why,
        **_each(said),
    )


def _sentence(report: Report, key: KeyPassages) -> tuple[str, str]:
    """The first key passage and what makes it one; empty where there is none, or none of its words is shown."""
    for one in key.passages[:1]:
        if not _is_hidden(one.quote, report):
            return clean(one.quote), clean(one.effect or one.draws)
    return "", ""


def _is_hidden(text: str, report: Report) -> bool:
    """Whether all letters and digits of a word or a sentence are placeholders."""
    return report.redaction is not None and not any(c.isalnum() and c != redact.PLACEHOLDER for c in text)


def strip(view: HeatView, *, stretches: int = STRETCHES) -> tuple[int, ...]:
    """The heat of the document from its beginning to its end, in stretches of equally many cells.

    A stretch has the mean heat of its coloured cells; on these means the colour scale is linear from the lowest to the
    highest, so that a place that draws attention can be seen in a long document, too.

    Args:
        view: Its cells in reading order.
        stretches: At most; there are fewer where there are fewer cells.
    """
    classes, heat = np.array(view.classes), np.array(view.values)
    coloured = classes >= 0
    count = min(stretches, len(classes))
    own = np.arange(len(classes)) * count // max(len(classes), 1)
    cells = np.bincount(own[coloured], minlength=count)
    sums = np.bincount(own[coloured], weights=heat[coloured], minlength=count)
    means = sums / np.maximum(cells, 1)
    if not cells.any():
        return (heatmap.LEFT_OUT,) * count
    shown, _, _ = heatmap.classify(heatmap.percent(means, cells > 0), cells > 0, scale="linear")
    return tuple(shown.tolist())


def plain(card: Card) -> dict[str, Any]:
    """A card as values that JSON has."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(card).items()}


def restored(values: Mapping[str, Any]) -> Card | None:
    """The card that `plain` was given; None if the values are of no card."""
    if set(values) != {field.name for field in fields(Card)}:
        return None
    try:
        return plain_values.restored(Card, values)
    except ValueError:
        return None


def _source(report: Report) -> str:
    example = report.example
    parts = [
        example.dataset,
        example.split and f"split {example.split}",
        None if example.index is None else f"row {example.index:,}",
    ]
    return clean(", ".join(part for part in parts if part)) if example.dataset is not None else ""


def _each(said: Prediction | None) -> dict[str, tuple[Any, ...]]:
    """The fields that list labels; none of them where exactly one label is predicted."""
    if said is None or not said.several:
        return {}
    return {
        "true_labels": tuple(map(clean, said.gold_names or ())),
        "predicted_labels": tuple(map(clean, said.predicted_names)),
        "probabilities": tuple(said.probabilities[index] for index in said.chosen),
    }


def _label(report: Report) -> str | None:
    said = report.prediction
    if said is None:
        return None if report.example.label is None else written(report.example.label)
    return None if said.tied else said.gold_name  # neither right nor wrong: nothing to compare


def _clean(text: str | None) -> str | None:
    return None if text is None else clean(text)
