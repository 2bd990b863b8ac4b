"""Chain the second half: a report, fresh or stored, becomes the files of its folder, without torch.

It reads like a table of contents, as `pipeline.py` does for the first half; each stage is explained in the module with
its name.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from reportgen.core.clock import Clock
from reportgen.core.config import MAX_HTML_MB, Config, PdfNeed
from reportgen.core.errors import DeviceError, OutputError, PdfError, RefusedError
from reportgen.core.nouns.records import Rankings, Report, Scores
from reportgen.data import naming
from reportgen.report import heatmap, opening, passages, rank, report_rows, scale, signed, tables, words
from reportgen.report.draw import chart_points, first_screen, maps
from reportgen.report.faithfulness import data_files, panel
from reportgen.report.page import page_data
from reportgen.report.paper import excerpt, typesetting
from reportgen.report.parts import Cell, Chart, Finding, Parts, Picture
from reportgen.report.private import redacted
from reportgen.report.private.anonymous import disclosed
from reportgen.report.stored import given_scores, store
from reportgen.report.stored.file_formats import formats
from reportgen.report.warnings import caveats, checks

if TYPE_CHECKING:
    from reportgen.core.processes.workers import Begin
    from reportgen.report.draw.specs import Draw

WITHOUT_MODEL = ("top_k", "colour_scale", "language", "received")  # can be chosen again of a stored report; echoes, too


@dataclass(frozen=True, slots=True)
class Figures:
    """All that is drawn of a report."""

    charts: tuple[Chart, ...]
    curves: tuple[Chart, ...]  # of the test of the heatmap; () where there was none
    findings: tuple[Finding, ...]  # none where the text has no content tokens
    maps: Picture | None  # None where there is nothing to draw
    enlarged_map: dict[str, object] | None  # Vega-Lite of one head's map, whose numbers the page fills in


class Known(NamedTuple):
    """What an analysis has computed of a report, so that it is not computed again."""

    scores: Scores | None = None
    cells: tuple[Cell, ...] | None = None


UNKNOWN = Known()  # of a stored report


class Begun(NamedTuple):
    """A document that is being made, perhaps in another process."""

    report: Report  # that it is of
    document: Callable[[], typesetting.Typeset]  # waits for it


def check_typesetting(formats: Collection[str], *, pdf: PdfNeed) -> None:
    """Check before a long run that the requested files can be typeset in pages, and import what it takes.

    Raises:
        OutputError: Naming the packages to install.
    """
    needed = {"figures", "latex"} | ({"pdf"} if pdf == "required" else set())
    if needed & set(formats):
        typesetting.check_engine()


def write(
    report: Report,
    folder: Path,
    *,
    config: Config,
    clock: Clock,
    overwrite: bool = False,
    known: Known = UNKNOWN,
    begin: Begin = functools.partial,
) -> tuple[Report, dict[str, bytes]]:
    """Make all files, then the folder in one step. Returns what `present` returns.

    Whether an existing report is replaced, *overwrite* says: *config* may be that of a stored report.

    Raises:
        OutputError: If something is there already, or the disk refuses it.
        PdfError, DeviceError: If all is written but the PDF, see `check_pdf`.
    """
    report, files = present(report, config, clock, known, begin)
    facts = store.facts(report, clock.stages())
    store.write(folder, files, facts=facts, overwrite=overwrite)
    if config.pdf == "required" and "pdf" in config.format:
        check_pdf(report)
    return report, files


def present(
    report: Report, config: Config, clock: Clock, known: Known = UNKNOWN, begin: Begin = functools.partial
) -> tuple[Report, dict[str, bytes]]:
    """The files of a report by their paths in its folder.

    Args:
        report: From `pipeline.analyse`, or from `store.load`.
        config: Which files to make, and how; of its other fields nothing is used.
        clock: Says which stage runs.
        known: What the analysis has computed already.
        begin: Begins the PDF, which may be made next to the page.

    Returns:
        The report with the warnings that only typesetting can find, and the files.

    Raises:
        UsageError: If `span` holds no token.
    """
    shown, whole = bool(set(config.format) - {"tables"}), report
    report = redacted.redacted(report, config)
    covered = known.cells if report is whole else None
    with clock.stage("scale"):
        scores = known.scores or scale.of_report(report)
    with clock.stage("rank"):
        rankings = rank.rank(report.attention, scores, report.tokens, top_k=report.top_k)
    attach = "pdf" in config.format and config.pdf_variant == "a-3u"
    attached = table_files(report, scores, rankings, clock) if attach else {}
    files: dict[str, bytes] = {}
    if shown:
        with clock.stage("charts"):
            figures = draw_figures(report, scores, rankings, config.format)
        parts = make_parts(report, scores, rankings, figures, clock, covered=covered)
        begun = Begun(report, begin(make_document, report, parts, attached, config)) if "pdf" in config.format else None
    if "tables" in config.format:
        made = attached or table_files(report, scores, rankings, clock)
        files |= {f"tables/{name}": content for name, content in made.items()}
    if shown:
        if "html" in config.format:
            with clock.stage("live"):
                blocks = page_blocks(report, scores, rankings, figures, max_html_mb=config.max_html_mb)
            parts = replace(parts, blocks=blocks)
        report, drawn = figure_files(report, parts, config, clock)
        report, rendered = render_files(report, parts, attached, config, clock, begun)
        files |= drawn | rendered
    return report, files | store.dump(report)


def table_files(report: Report, scores: Scores, rankings: Rankings, clock: Clock) -> dict[str, bytes]:
    """All tables for programs, by their names in the folder of tables."""
    with clock.stage("tables"):
        return tables.files(report, scores, rankings) | report_rows.files(report) | data_files.files(report)


def draw_figures(
    report: Report, scores: Scores, rankings: Rankings, formats: Collection[str], *, draw: Draw | None = None
) -> Figures:
    """The drawings for the requested files; *draw* makes the SVG of a chart, if known."""
    shown = set(formats) - {"tables", "latex"}
    if not shown:
        return Figures(charts=(), curves=(), findings=(), maps=None, enlarged_map=None)
    from reportgen.report.draw import charts, findings
    from reportgen.report.draw.pictures import still

    picture = maps.picture(report)
    return Figures(
        charts=charts.charts(report, scores, rankings, draw=draw or still.svg),
        curves=_draw_curves(report, draw or still.svg),
        findings=findings.findings(report, scores, rankings) if "pdf" in shown else (),
        maps=picture,
        enlarged_map=charts.attention_map(report) if picture and "html" in shown else None,
    )


def _draw_curves(report: Report, draw: Draw) -> tuple[Chart, ...]:
    if report.faithfulness is None:
        return ()
    from reportgen.report.draw import curves  # and Altair, which takes half a second

    return curves.curves(report, draw=draw)


def make_parts(
    report: Report,
    scores: Scores,
    rankings: Rankings,
    figures: Figures,
    clock: Clock,
    *,
    covered: tuple[Cell, ...] | None = None,
) -> Parts:
    """Step 6: the parts of page and document; those of the page's scripts are made by `page_blocks`."""
    with clock.stage("heatmap"):
        covered = covered or heatmap.cells(report.example.text, report.tokens)
        views = heatmap.views(report, scores, covered) + signed.views(report, covered)
        spans = tuple(heatmap.spans(report.example.text, covered, view) for view in views)
    found = words.of_report(report)
    counts = words.count_words(words.content_words(found), rankings.attended_counts)
    common = words.common_positions(found)
    return Parts(
        views=views,
        spans=spans,
        lines=tuple(heatmap.lines(runs) for runs in spans),
        tables=tables.for_people(report, scores, rankings, counts, common) + signed.tables(report, common),
        charts=figures.charts,
        panel=panel.panel(report, figures.curves, first_screen.curve(report) if figures.curves else ""),
        findings=figures.findings,
        maps=figures.maps,
        summary=words.top_words(found, opening.ranked(report, rankings), count=passages.WORDS),
        key=passages.key_passages(report, scores, views[0], covered),
        opens=opening.opening(report)[1],
    )


def page_blocks(
    report: Report, scores: Scores, rankings: Rankings, figures: Figures, *, max_html_mb: float | None
) -> dict[str, object]:
    """What the scripts of the page read, see `page_data`."""
    kept, most = chart_points.kept(report, rankings), max_html_mb and max_html_mb * 1e6
    blocks = page_data.blocks(report, scores, rankings, words.of_report(report), kept=kept, max_bytes=most)
    return blocks | page_data.specifications((*figures.charts, *figures.curves), figures.enlarged_map)


def figure_files(report: Report, parts: Parts, config: Config, clock: Clock) -> tuple[Report, dict[str, bytes]]:
    """The charts as the page shows them; for a manuscript, the figures at their widths, and LaTeX."""
    from reportgen.report.draw import specs

    files: dict[str, bytes] = {}
    missing: dict[str, None] = {}
    if "charts" in config.format:
        for chart in (*parts.curves, *parts.charts):
            files[f"figures/{chart.key}.svg"] = chart.svg.encode()
            files[f"figures/{chart.key}.vl.json"] = specs.text(chart.spec).encode()
        if parts.maps:
            files[f"figures/{parts.maps.key}.png"] = parts.maps.light
    if "figures" in config.format:
        with clock.stage("figures"):
            from reportgen.report.page import render
            from reportgen.report.paper import figures

            widths, font = config.figure_widths, config.figure_font
            made = figures.files((*parts.curves, *parts.charts), parts.maps, widths=widths, font=font)
            if config.positions_shown is not None:
                drawn = excerpt.files(report, parts, config, draw=render.excerpt)
                made |= drawn.files
                missing |= dict.fromkeys(drawn.missing)
        files |= {f"figures/{name}": content for name, content in made.items()}
    if "latex" in config.format:
        with clock.stage("latex"):
            from reportgen.report.paper.latex import files as manuscript

            lines = heatmap.lines(excerpt.shown(report, parts, config.positions_shown)[0])
            made = manuscript.of_parts(report, parts, lines, missing)
        files |= {f"latex/{name}": content for name, content in made.items()}
    return checks.warned_of_glyphs(report, missing), files


def render_files(
    report: Report, parts: Parts, attached: dict[str, bytes], config: Config, clock: Clock, begun: Begun | None
) -> tuple[Report, dict[str, bytes]]:
    """Step 7: page and document. A document that cannot be made is a warning; `check_pdf` says what that means.

    A large page, and characters without a font in the PDF, are warnings in both files, so each is made again after
    such a warning of the other.
    """
    files: dict[str, bytes] = {}
    if "html" in config.format:
        with clock.stage("render"):
            files["report.html"] = make_page(report, parts)
            too_large = checks.warn_of_size(len(files["report.html"]), config.max_html_mb or MAX_HTML_MB)
            if too_large:
                report = checks.warned(report, too_large)
                files["report.html"] = make_page(report, parts)
    if begun is not None:
        with clock.stage("pdf"):
            before = report.warnings
            try:
                same = begun.report is report
                made = begun.document() if same else make_document(report, parts, attached, config)
                report, files["report.pdf"] = checks.warned_of_glyphs(report, dict.fromkeys(made.missing)), made.data
            except RefusedError:
                raise
            except Exception as error:  # whatever it is, the rest of the report is worth keeping
                report = checks.warned(report, checks.warn_of_pdf(error))
            if report.warnings != before and "report.html" in files:
                files["report.html"] = make_page(report, parts)
    return report, files


def make_page(report: Report, parts: Parts) -> bytes:
    """The self-contained page."""
    from reportgen.report.draw.pictures import vega
    from reportgen.report.page import render

    return render.page(report, parts, bundle=vega.bundle()).encode()


def make_document(report: Report, parts: Parts, attached: dict[str, bytes], config: Config) -> typesetting.Typeset:
    """The PDF, which carries the *attached* files, and warns of characters that have no font here.

    Of *config*, the fields of a PDF are used.
    """
    from reportgen.report.page import render
    from reportgen.report.paper import pdf

    def made(shown: Report) -> typesetting.Typeset:
        how: dict[str, Any] = {"paper": config.paper, "views": config.pdf_views, "attached": tuple(attached)}
        document = functools.partial(render.document, shown, parts, **how)
        return pdf.either(document, created=shown.provenance.created, variant=config.pdf_variant, attached=attached)

    typeset = made(report)
    changed = checks.warned_of_glyphs(report, dict.fromkeys(typeset.missing))
    return typeset if changed is report else made(changed)


def render(folder: Path, output: Path, changes: Mapping[str, Any], clock: Clock, more: Report | None = None) -> Report:
    """Make files of a stored report again; other files stay unchanged.

    Args:
        folder: A report; its data are read, and nothing else.
        output: Where the report goes, the same folder or another.
        changes: Fields of `Config` that shall be other than those of the run that made the report.
        clock: Says which stage runs.
        more: The stored report with something added, to be stored in its place.

    Raises:
        UsageError: If a field is out of range.
        OutputError: If *folder* is no report, its files were changed, or something is at *output*.
    """
    again = output.resolve() == folder.resolve()
    _, others = store.verify(folder)
    if again and others and not changes.get("overwrite"):
        raise OutputError(
            f"{folder} holds {others[0]}, which does not belong to the report",
            hint="move it, or delete it with --overwrite",
        )
    kept, before, stored = store.files(folder), store.manifest(folder), store.load(folder)
    config = replace(Config.restored((more or stored).provenance.configuration), **changes)
    report = replace(more or stored, **{name: value for name, value in changes.items() if name in WITHOUT_MODEL})
    caveats.check_seen(report)
    if {"echoes", "received"} & set(changes):
        keep = config.echoes == "keep" if "echoes" in changes else stored.tokens.keep_echoes
        report = caveats.reshown(report, stored, keep_echoes=keep)
    report = disclosed(report, config)
    report = redacted.again(report, Config(redact=changes.get("redact"), no_text=bool(changes.get("no_text"))))
    if report != stored:  # what shows it is made again, or the folder would contradict itself
        config = replace(config, format=tuple(dict.fromkeys((*config.format, *formats(kept)))))
    replace_it = again or bool(changes.get("overwrite"))
    store.check_target(output, overwrite=replace_it)
    check_typesetting(config.format, pdf=config.pdf)
    report, files = present(report, config, clock)
    facts = store.facts(report, clock.stages())
    facts |= {"stages": before.get("stages", []), "rendered": facts["stages"]}
    other = {name for name in kept if not formats([name]) & set(config.format)} - {store.FAITHFULNESS}
    kept = {name: kept[name] for name in sorted(other)}
    store.write(output, kept | files, facts=facts, overwrite=replace_it, replaces=before if again else None)
    if config.pdf == "required" and "pdf" in config.format:
        check_pdf(report)
    return report


def render_scores(path: Path, config: Config, clock: Clock, *, title: str | None) -> tuple[Report, Path]:
    """The report of tokens and scores that someone else computed, and its folder.

    Raises:
        DataError: If the file cannot be read, or its parts do not fit together.
        OutputError: If something is at the folder.
    """
    given = caveats.marked(given_scores.load(path, config, title=title))
    report = redacted.again(disclosed(given, config), config)
    caveats.check_seen(report)
    folder = naming.of_output(config.output, report.example.name)
    store.check_target(folder, overwrite=config.overwrite)
    check_typesetting(config.format, pdf=config.pdf)
    covered = heatmap.cells(report.example.text, report.tokens)
    complete = heatmap.shown_text(report.example.text, covered) == report.example.text[: report.tokens.end]
    warnings = tuple(checks.warn_of_given(report))
    report = replace(report, checks=checks.check_given(report, complete=complete), warnings=warnings)
    scores = scale.of_report(report)
    report = caveats.renewed(report, scores)
    overwrite = config.overwrite
    report, _ = write(report, folder, config=config, clock=clock, overwrite=overwrite, known=Known(scores, covered))
    return report, folder


def check_pdf(report: Report) -> None:
    """See, when everything else is written, that the PDF was made if it is required.

    Raises:
        PdfError: If it was not.
        DeviceError: If there was not enough memory for it.
    """
    failed = next((warning.message for warning in report.warnings if warning.code == "no-pdf"), None)
    if failed is not None and "MemoryError" in failed:
        raise DeviceError(failed, hint="the rest of the report is written; a shorter text needs less memory")
    if failed is not None:
        raise PdfError(failed, hint="the rest of the report is written; --pdf best-effort makes this a warning")
