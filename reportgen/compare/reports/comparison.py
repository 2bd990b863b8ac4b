"""Turn two reports into their comparison: of one text everything, of two texts what can still be compared.

It reads like a table of contents. Of two texts these are predictions, heads and shares: no word has a counterpart.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from reportgen.compare import settings
from reportgen.compare.align import Alignment, align
from reportgen.compare.measures import Measure, measures
from reportgen.compare.parts import A, B, Comparison, Section, Side
from reportgen.compare.reports import head_changes, predictions, ranks, shares, tested
from reportgen.compare.shown import views
from reportgen.core.characters import clean, cut
from reportgen.core.nouns.records import Report
from reportgen.corpus import measure as corpus_measure
from reportgen.report import signed
from reportgen.report.draw.pictures import still
from reportgen.report.draw.specs import Draw

LETTERS = "abcdefgh"


def compare(one: Report, other: Report, sides: tuple[Side, Side], *, draw: Draw = still.svg) -> Comparison:
    """The comparison of two reports."""
    numbers = [corpus_measure.measure(report, name="", page="") for report in (one, other)]
    same = one.example.text == other.example.text
    aligned = align(one, other) if same else None
    scores = measures(one, other) if same else ()
    predicted, labels = predictions.section(one, other)
    made_with = settings.data(one, other)
    data: dict[str, pa.Table] = {"predictions": labels, "settings": made_with}
    sections = [predicted]
    if aligned is not None:
        agree = ranks.agreements(scores, one, other, aligned)
        sections += _of_one_text(scores, one, other, aligned, draw)
        sections += [part for part in [ranks.agreement_section(agree, draw)] if part]
        data |= {"words": ranks.data(scores, one, other, aligned), "agreement": ranks.agreement_data(agree)}
    changed, by_head = head_changes.section(one, other, numbers[0], numbers[1], aligned, draw)
    placed, by_class = shares.places(numbers[0], numbers[1], draw)
    parted, by_section = shares.sections(numbers[0], numbers[1])
    data |= {"heads": by_head} if by_head is not None else {}
    data |= {"shares": by_class} | ({"sections": by_section} if parted else {})
    removed = tested.section(one, other, draw)
    sections += [changed, placed, *(each for each in (parted, removed) if each), settings.section(made_with)]
    if one.faithfulness and other.faithfulness:
        data["faithfulness"] = tested.data(one, other)
    equal = _equal(data) and one.faithfulness == other.faithfulness and _attributed(one) == _attributed(other)
    kind = "one text" if same else "two texts"
    return Comparison(
        kind="reports",
        title=_title(one, other),
        sides=sides,
        summary=tuple(_summary(sections, equal=equal, same=same)),
        sections=tuple(sections),
        data=data,
        numbers={"texts": kind, "equal": equal},
        language=one.language,
        equal=equal,
        warnings=tuple(_warnings(one, other, aligned)),
        csv=frozenset(data),
    )


def _of_one_text(
    found: tuple[Measure, ...], one: Report, other: Report, aligned: Alignment, draw: Draw
) -> Iterator[Section]:
    """The text in its colours, and the shifts of its words."""
    shown = tuple(views.group(LETTERS[n], each, one, other, aligned) for n, each in enumerate(found[: len(LETTERS)]))
    yield Section("heatmaps", "Token heatmaps", groups=shown)
    yield ranks.shifts(found[0], one, other, aligned, draw)


def _summary(sections: list[Section], *, equal: bool, same: bool) -> Iterator[str]:
    if equal:
        yield f"{A} and {B} show no difference anywhere."
        return
    if not same:
        yield "The texts differ, so predictions, heads and shares are compared; their words are not."
    for key in ("predictions", "ranks", "agreement", "heads", "faithfulness"):
        for section in sections:
            if section.key == key:
                yield from section.sentences


def _equal(data: dict[str, pa.Table]) -> bool:
    """Whether no number of A differs from its counterpart in B, and no setting."""
    for table in data.values():
        names = [name for name in table.column_names if name == "a" or name.endswith("_a")]
        if any(table[name] != table[name[:-1] + "b"] for name in names):
            return False
    return not len(data["settings"])


def _pieces(report: Report, text: str) -> set[tuple[int, int]]:
    """Where the tokens of what both have read begin and end."""
    return {span for span in zip(report.tokens.starts, report.tokens.ends, strict=True) if span[1] <= len(text)}


def _attributed(report: Report) -> set[tuple[str, str]]:
    """Label and method of each attribution."""
    said = report.prediction
    return set() if said is None else {(clean(said.labels[one.label]), one.method) for one in signed.found(report)}


def _title(one: Report, other: Report) -> str:
    mine, theirs = one.example.title, other.example.title
    return mine if mine == theirs else f"{cut(mine, 80)} and {cut(theirs, 80)}"


def _warnings(one: Report, other: Report, aligned: Alignment | None) -> Iterator[str]:
    if aligned is not None and one.tokens.end != other.tokens.end:
        yield (
            f"{A} has read {one.tokens.end:,} characters of the text, {B} {other.tokens.end:,}: words and heads are "
            f"compared on the first {len(aligned.text):,}."
        )
    if aligned is not None and _pieces(one, aligned.text) != _pieces(other, aligned.text):
        yield "The tokenizers cut the text differently: scores are compared by stretches whose borders both have."
    said, says = one.prediction, other.prediction
    if said and says and not {*map(clean, said.labels)} & {*map(clean, says.labels)}:
        yield f"{A} and {B} have no label of the same name: no probability and no attribution has a counterpart."
    if one.importance.measure != other.importance.measure:
        yield (
            f"Head importance differs: “{one.importance.measure}” in {A}, “{other.importance.measure}” in {B}. The "
            "heatmaps are weighed by it."
        )
    if aligned is not None:
        labels = [_attributed(report) for report in (one, other)]
        for side, alone in ((A, labels[0] - labels[1]), (B, labels[1] - labels[0])):
            if alone:
                named = ", ".join(f"“{cut(label, 40)}” ({method})" for label, method in sorted(alone))
                yield f"Only {side} has the attribution for {named}: it is not compared."
    if one.received != other.received:
        yield f"{A} shows attention received in {one.received}, {B} in {other.received}."
