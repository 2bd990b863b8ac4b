"""Find the documents of which the model is surest and wrong, with their passages, and right documents like them.

Passages are the sentences whose words draw most, read from the reports of these few documents. Likeness is of the words
that draw most: the share that two documents have in common of all that either has (Jaccard).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from reportgen.core import joining
from reportgen.core.characters import clean
from reportgen.core.errors import ReportgenError
from reportgen.core.nouns.records import Report
from reportgen.corpus import gather, measure
from reportgen.corpus.frames import Row
from reportgen.corpus.shown.parts import Mistake
from reportgen.report import scale

SHOWN = 20  # mistakes
PASSAGES = 3  # of each
NEIGHBOURS = 3  # of each
LONGEST = 300  # letters of a passage


def find(batch: Path, documents: Sequence[Row], link: Callable[[Row], str]) -> tuple[Mistake, ...]:
    """The surest mistakes, the surest first.

    Args:
        batch: The folder of the reports.
        documents: Rows of `sums.ROW`.
        link: The address of a document's report.
    """
    wrong = sorted(
        (row for row in documents if row["verdict"] == "wrong"), key=lambda row: (-row["probability"], row["document"])
    )[:SHOWN]
    near = _neighbours(wrong, documents)
    return tuple(_mistake(batch, row, near[row["document"]], link) for row in wrong)


def _mistake(batch: Path, row: Row, near: Sequence[tuple[Row, list[str]]], link: Callable[[Row], str]) -> Mistake:
    passages: tuple[str, ...] = ()
    language = "en"
    try:
        report, _ = gather.read(batch / row["document"])
        passages, language = hottest(report), report.language
    except ReportgenError:  # removed since it was summed: what is known of it stays
        pass
    return Mistake(
        title=row["title"],
        link=link(row),
        facts=f"Predicted as “{row['predicted']}” with {row['probability']:.1%}; the label is “{row['label']}”.",
        passages=passages,
        language=language,
        neighbours=tuple((other["title"], link(other), ", ".join(shared)) for other, shared in near),
    )


def hottest(report: Report, count: int = PASSAGES) -> tuple[str, ...]:
    """The sentences with the highest mean score of content tokens, of those with at least five, in their order."""
    text, tokens = report.example.text[: report.tokens.end], report.tokens
    total, starts = scale.of_report(report).total, np.array(tokens.starts)
    content = tokens.content
    found = []
    for start, end in joining.sentences(text):
        inside = content & (starts >= start) & (starts < end)
        if inside.sum() >= 5:
            found.append((float(total[inside].mean(dtype=np.float64)), start, end))
    best = sorted(sorted(found, key=lambda one: (-one[0], one[1]))[:count], key=lambda one: one[1])
    said = [clean(" ".join(text[start:end].split())) for _, start, end in best]
    return tuple(_cut(one) for one in said if not measure.hidden(report, one))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rstrip()}…"


def _neighbours(wrong: Sequence[Row], documents: Sequence[Row]) -> dict[str, list[tuple[Row, list[str]]]]:
    """For each wrong document, the right ones that share most of the words that draw most, with these words."""
    best: dict[str, list[tuple[float, Row, list[str]]]] = {row["document"]: [] for row in wrong}
    words = {row["document"]: set(row["words"] or ()) for row in wrong}
    for other in documents:
        if other["verdict"] != "right":
            continue
        has = set(other["words"] or ())
        for row in wrong:
            shared = [word for word in row["words"] or () if word in has]
            if shared:
                kept = best[row["document"]]
                kept.append((len(shared) / len(words[row["document"]] | has), other, shared))
                kept.sort(key=lambda one: (-one[0], one[1]["document"]))
                del kept[NEIGHBOURS:]
    return {name: [(other, shared) for _, other, shared in kept] for name, kept in best.items()}
