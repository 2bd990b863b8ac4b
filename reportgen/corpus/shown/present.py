"""Turn a corpus into the files of its folder: page, PDF, figures, tables, LaTeX; it reads like a table of contents."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
from markupsafe import Markup

from reportgen import __version__
from reportgen.core import versions
from reportgen.core.clock import Clock, now
from reportgen.core.config import Paper
from reportgen.core.errors import OutputError
from reportgen.core.files import disk
from reportgen.corpus import frames, gather, heads, intervals
from reportgen.corpus.frames import Row
from reportgen.corpus.gather import Corpus
from reportgen.corpus.shown import chapters, head_charts, mistakes
from reportgen.corpus.shown.charts import n_documents
from reportgen.corpus.shown.parts import CorpusParts
from reportgen.report import tables
from reportgen.report.page import render
from reportgen.report.page.svg import svg_markup
from reportgen.report.paper import figures, pdf
from reportgen.report.paper.latex import tables as latex_tables
from reportgen.report.stored import store

FORMATS = ("html", "pdf", "tables", "figures", "latex")
PAGE, DOCUMENT = "corpus.html", "corpus.pdf"
NAMED = 5  # reports left out that a note names


def parts(corpus: Corpus, output: Path, *, title: str | None = None) -> CorpusParts:
    """What page and PDF show.

    Args:
        corpus: From `gather.gather`.
        output: The folder that they go to: links to the reports are relative to it.
        title: What a reader calls the corpus; the name of the batch's folder by default.
    """
    base = Path(os.path.relpath(corpus.folder.resolve(), output.resolve())).as_posix()

    def link(row: Row) -> str:
        return f"./{base}/{quote(row['document'])}/{quote(row['page'])}"

    documents = corpus.rows.to_pylist()
    found = mistakes.find(corpus.folder, documents, link)
    facts = corpus.sums.facts
    size = f"{len(facts['layers'])} layers × {facts['heads']} heads"
    model = "" if facts["model"] == "not named" else f"model {facts['model']} · "
    return CorpusParts(
        title=title or corpus.folder.resolve().name,
        byline=f"{n_documents(corpus.sums.documents)} · {model}{size}",
        created=now().isoformat(timespec="seconds"),
        version=__version__,
        notes=_notes(corpus),
        chapters=chapters.chapters(corpus.sums, documents, link, found),
        method=_method(corpus.sums.facts),
    )


def files(
    corpus: Corpus, made: CorpusParts, clock: Clock, *, formats: Collection[str] = FORMATS, paper: Paper = "a4"
) -> dict[str, bytes]:
    """The files by their paths in the folder."""
    found: dict[str, bytes] = {}
    if "html" in formats:
        with clock.stage("page"):
            found[PAGE] = page(made).encode()
    if "pdf" in formats:
        with clock.stage("pdf"):
            found[DOCUMENT] = pdf.pdf(document(made, paper=paper), created=made.created).data
    if "tables" in formats:
        with clock.stage("tables"):
            found |= {f"tables/{name}": content for name, content in data_files(corpus).items()}
    if "figures" in formats:
        with clock.stage("figures"):
            found |= {f"figures/{name}": data for chart in made.charts for name, data in figures.stored(chart).items()}
    if "latex" in formats:
        with clock.stage("latex"):
            every = (*made.tables, *(chart.data for chart in made.charts))
            shown = (one for one in every if not one.key.startswith("list-"))
            found |= {f"latex/{name}": content for name, content in latex_tables.of_all(shown, room="corpus").items()}
    return found


def write(
    corpus: Corpus,
    output: Path,
    found: Mapping[str, bytes],
    made: CorpusParts,
    *,
    chosen: Mapping[str, str | None],
    overwrite: bool,
) -> None:
    """Put the folder in place, whole or not at all; *chosen*: the options that have chosen what it is over.

    Raises:
        OutputError: If something else is there, or the disk refuses it.
    """
    told = {
        "reportgen": __version__,
        "created": made.created,
        "corpus": {
            "batch": Path(os.path.relpath(corpus.folder.resolve(), output.resolve())).as_posix(),
            "documents": corpus.sums.documents,
            "left_out": len(corpus.left_out),
            "not_chosen": corpus.not_chosen,
            "title": made.title,
            "says": [sentence for chapter in made.chapters[:1] for sentence in chapter.says],
            **chosen,
            **corpus.sums.facts,
        },
        "versions": versions.installed(),
    }
    store.write(output, found, facts=told, overwrite=overwrite)


def check_target(output: Path, *, overwrite: bool) -> None:
    """Check that a corpus may be written to *output*, before the long part.

    Raises:
        OutputError: If something is there and may not be replaced, or no folder can have this name.
    """
    disk.check_folder(output)
    store.check_target(output, overwrite=overwrite)
    if (output / store.MANIFEST).is_file() and not gather.is_corpus(output):  # perhaps a report of this batch
        raise OutputError(
            f"{disk.shown(output)} holds something other than a corpus report, which is not replaced",
            hint="choose another --output",
        )


def page(made: CorpusParts) -> str:
    """The self-contained page."""
    drawings = {chart.key: svg_markup(chart.svg, themed=True) for chart in made.charts}
    return render.plain_page("corpus.html.j2", ("page", "corpus", "wide"), parts=made, drawings=drawings)


def document(made: CorpusParts, *, paper: Paper = "a4") -> str:
    """The printable document that becomes the PDF."""
    titled = {chart.key: f"{chart.title}. {chart.caption}" for chart in made.charts}
    drawings = {chart.key: svg_markup(chart.svg, themed=False, title=titled[chart.key]) for chart in made.charts}
    style = Markup(f"@page{{size:{paper}}}\n{render.paper_style('document', 'corpus_document')}")
    template = render.environment().get_template("corpus_document.html.j2")
    return template.render(parts=made, drawings=drawings, style=style)


def data_files(corpus: Corpus) -> dict[str, bytes]:
    """The tables for programs: a row for each document, and all sums with means and intervals."""
    rows = corpus.rows
    words = pa.array([" ".join(each or ()) for each in rows["words"].to_pylist()])
    flat = rows.set_column(rows.schema.get_field_index("words"), "words", words)
    made = {"documents.parquet": tables.parquet(rows), "documents.csv": tables.comma_separated(flat)}
    for name, table in corpus.sums.tables.items():
        made[f"{name}.parquet"] = tables.parquet(frames.with_means(table))
    roles = frames.main_roles(corpus.sums, head_charts.ORDER)
    bins, error = frames.calibration(corpus.sums)
    own = {"main_roles": roles, "reliability": bins, "separating_words": frames.separating(corpus.sums["words"])}
    own |= {"calibration_error": [error]} if error else {}
    made |= {f"{name}.parquet": tables.parquet(pa.Table.from_pylist(found)) for name, found in own.items() if found}
    made["role_examples.parquet"] = tables.parquet(corpus.sums.examples)
    return made


def _notes(corpus: Corpus) -> tuple[str, ...]:
    found = []
    if corpus.not_chosen:
        said = "1 report was" if corpus.not_chosen == 1 else f"{corpus.not_chosen:,} reports were"
        found.append(f"{said} not chosen by the condition.")
    if corpus.left_out:
        named = "; ".join(f"{name}: {why}" for name, why in corpus.left_out[:NAMED])
        more = f"; and {len(corpus.left_out) - NAMED:,} more" if len(corpus.left_out) > NAMED else ""
        said = "1 folder is" if len(corpus.left_out) == 1 else f"{len(corpus.left_out):,} folders are"
        found.append(f"{said} left out: {named}{more}.")
    if 1 < corpus.sums.documents < intervals.FEW:
        found.append(
            f"These are {n_documents(corpus.sums.documents)}: intervals are wide, and few words are in enough of them."
        )
    return tuple(found)


def _method(facts: Mapping[str, Any]) -> tuple[str, ...]:
    shown = (
        "divided by the number of queries that can see the token" if facts["received"] == "per-query" else "received"
    )
    return (
        "All numbers are made from the stored reports; no model has run. A mean is over documents, with Student’s 95% "
        "interval, in per cent cut off at 0 and 100; a share of documents has Wilson’s. Tokens and heads of one "
        "document are never counted as if they were independent.",
        f"The score of a token is the attention {shown}, weighed by head importance ({facts['importance']}) and summed "
        "over layers and heads. Relative to the mean of the document’s content tokens it can be compared between "
        "documents. The score of a word in a document is the mean over its occurrences.",
        f"Of which token a token attends to, reports keep the {facts['top_k']} most attended. Shares on the token "
        f"itself, on the one before and behind it, and on the {heads.NEAR} on either side are what these lists hold.",
        "The expected calibration error is the mean over 10 bins of equal width of the distance between confidence and "
        "share of right documents, weighed by their documents.",
        "The words of right and wrong documents are compared by Welch’s test of their mean scores; q is the false "
        "discovery rate of Benjamini and Hochberg over all words compared.",
    )
