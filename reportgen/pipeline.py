"""Chain the stages: a configuration and an example become a report, a report becomes a folder.

Reads like a table of contents. What a stage does is told in the file of its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reportgen import (
    characters,
    checkpoint,
    checks,
    dataset,
    heatmap,
    importance,
    live,
    maps,
    rank,
    scale,
    store,
    tables,
    words,
)
from reportgen.config import DEMO, MAX_HTML_MB, Config, option, without_home
from reportgen.errors import UsageError
from reportgen.records import (
    Attention,
    Example,
    HeadImportance,
    LayerAttention,
    LayerSummary,
    Parts,
    Provenance,
    Rankings,
    Report,
    ReportWarning,
    Scores,
    Tokens,
)

if TYPE_CHECKING:
    from reportgen.classifier import Classifier

PACKAGES = ("reportgen", "torch", "transformers", "tokenizers", "numpy", "pyarrow", "altair", "vl-convert-python",
            "weasyprint", "jinja2", "safetensors", "bm25s", "pillow")  # fmt: skip
SUMMARY = 5  # words on the first screen


@dataclass(frozen=True, slots=True)
class Clock:
    """Says which stage begins, and keeps how long each took, in seconds."""

    tell: Callable[[str], None] = lambda stage: None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block as stage *name*."""
        if name not in self.seconds:
            self.tell(name)
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0) + time.perf_counter() - start


def run(config: Config, clock: Clock) -> tuple[Report, Path]:
    """One example from its source to its folder."""
    example = dataset.choose(config)
    folder = Path(config.output) if config.output else Path("reports") / example.name
    store.check_target(folder, overwrite=config.overwrite)
    if "pdf" in config.format:
        from reportgen import pdf

        pdf.check_engine()
    classifier = load(config, clock)
    report = analyse(config, classifier, example, clock)
    return write(report, folder, config=config, clock=clock), folder


def load(config: Config, clock: Clock) -> Classifier:
    """The classifier that the configuration names."""
    with clock.stage("load"):
        from reportgen import classifier

        name = str(DEMO / "model") if config.model == "demo" else config.model
        return classifier.load(
            checkpoint.find(name, revision=config.revision, tokenizer=config.tokenizer),
            device=config.device,
            dtype=config.dtype,
            max_length=config.max_length,
            labels=config.labels,
            attention_window=config.attention_window,
            global_positions=config.global_tokens,
            require_safetensors=config.require_safetensors,
        )


def analyse(config: Config, classifier: Classifier, example: Example, clock: Clock) -> Report:
    """Steps 2 to 5: read the example with the classifier and keep what rankings need."""
    from reportgen import convert, inference

    head_importance = find_importance(config, classifier.shape)
    tokens = inference.encode(classifier, example.text)
    check_positions("global_tokens", classifier.global_positions, tokens)
    check_positions("positions", config.positions, tokens)
    reader = inference.reader_position(classifier, len(tokens))
    layers: list[LayerSummary] = []

    def reduce(_: int, __: int, attention: LayerAttention) -> None:
        with clock.stage("convert"):
            layers.append(convert.convert(attention, top_k=config.top_k, reader=reader))

    with clock.stage("inference"):
        inference.seed(config.seed)
        plain = inference.predict_logits(classifier, [tokens])[0]
        logits = inference.attend(classifier, [tokens], reduce)[0]
    clock.seconds["inference"] -= clock.seconds["convert"]  # the layers are reduced while the model runs
    attention = stack(layers, reader=reader, classifier=classifier)
    prediction = inference.prediction(classifier, logits, gold=example.label)
    with clock.stage("scale"):
        scores = scale.scale(attention, head_importance)
    covered = heatmap.cells(example.text, tokens)
    made = checks.check_run(
        prediction,
        attention,
        tokens,
        dtype=config.dtype,
        logit_difference=float((plain - logits).abs().max()),
        shown=sum(len(cell.positions) for cell in covered),
        complete=heatmap.shown_text(example.text, covered) == example.text[: tokens.end],
    )
    return Report(
        example=example,
        tokens=tokens,
        prediction=prediction,
        attention=attention,
        importance=head_importance,
        checks=made,
        warnings=(
            *checks.warn_of_checks(made),
            *checks.warn_of_text(example, tokens, prediction),
            *checks.warn_of_attention(config, tokens, attention, head_importance, scores),
        ),
        provenance=provenance(config, classifier, example),
        top_k=config.top_k,
        positions=config.positions,
        colour_scale=config.colour_scale,
        language=config.language,
    )


def check_positions(name: str, positions: tuple[int, ...], tokens: Tokens) -> None:
    """See that the positions of an option are inside the document.

    Raises:
        UsageError: Naming the first that is not.
    """
    for position in positions:
        if position >= len(tokens):
            raise UsageError(f"{option(name)} {position}: the document has {len(tokens)} tokens, from 0")


def write(report: Report, folder: Path, *, config: Config, clock: Clock) -> Report:
    """Steps 6 to 8: everything the folder holds, then the folder in one step. Gives the report as it was written."""
    report, files = present(report, config.format, clock, max_html_mb=config.max_html_mb)
    facts = {
        "reportgen": report.provenance.versions["reportgen"],
        "command": report.provenance.command,
        "configuration": report.provenance.configuration,
        "model": {"name": report.provenance.model, "revision": report.provenance.revision,
                  "weights_sha256": report.provenance.weights_sha256},
        "device": report.provenance.device,
        "dtype": report.provenance.dtype,
        "seed": report.provenance.seed,
        "versions": report.provenance.versions,
        "created": report.provenance.created,
        "seconds": {stage: round(seconds, 3) for stage, seconds in clock.seconds.items()},
    }  # fmt: skip
    store.write(folder, files, facts=facts, overwrite=config.overwrite)
    return report


def present(
    report: Report, formats: tuple[str, ...], clock: Clock, *, max_html_mb: float | None = None
) -> tuple[Report, dict[str, bytes]]:
    """The files of a report by their paths in its folder; torch is not needed.

    Args:
        report: From `analyse`, or from `store.load`.
        formats: Which files to make.
        clock: Says which stage runs.
        max_html_mb: What the page may have, in MB of a million bytes: its lists of links are as long as that allows,
            and a larger page is worth a warning. Without it the lists are short, and the warning comes late.

    Returns:
        The report with the warnings that only typesetting can find, and the files.
    """
    with clock.stage("scale"):
        scores = scale.scale(report.attention, report.importance)
    with clock.stage("rank"):
        rankings = rank.rank(report.attention, scores, report.tokens, top_k=report.top_k)
    files: dict[str, bytes] = {}
    if "tables" in formats:
        with clock.stage("tables"):
            data = tables.files(report, scores, rankings)
            files |= {f"tables/{name}": content for name, content in data.items()}
    if {"html", "pdf", "figures"} & set(formats):
        parts = make_parts(report, scores, rankings, clock, max_html_mb=max_html_mb)
        report, rendered = render_files(report, parts, formats, clock, max_html_mb=max_html_mb)
        files |= rendered
    return report, files | store.dump(report)


def make_parts(
    report: Report, scores: Scores, rankings: Rankings, clock: Clock, *, max_html_mb: float | None = None
) -> Parts:
    """Step 6: what page and document are put together from."""
    with clock.stage("charts"):
        from reportgen import charts

        drawn = charts.charts(report, scores, rankings)
        picture = maps.picture(report)
    with clock.stage("heatmap"):
        covered = heatmap.cells(report.example.text, report.tokens)
        views = heatmap.views(report, scores, covered)
        spans = tuple(heatmap.spans(report.example.text, covered, view) for view in views)
    found = words.whole_words(report.example.text, report.tokens, language=report.language)
    counts = words.count_words(found, rankings.attended_counts)
    with clock.stage("live"):
        kept = charts.kept(report, rankings)
        max_bytes = None if max_html_mb is None else max_html_mb * 1e6
        blocks = live.blocks(report, scores, rankings, found, kept=kept, max_bytes=max_bytes)
    return Parts(
        views=views,
        spans=spans,
        lines=tuple(heatmap.lines(heatmap.join(runs)) for runs in spans),
        tables=tables.for_people(report, scores, rankings, counts),
        charts=drawn,
        maps=picture,
        summary=words.top_words(found, rankings, count=SUMMARY),
        blocks=blocks | live.specifications(drawn, charts.attention_map(report)),
    )


def render_files(
    report: Report, parts: Parts, formats: tuple[str, ...], clock: Clock, *, max_html_mb: float | None = None
) -> tuple[Report, dict[str, bytes]]:
    """Step 7: page, document and figures.

    The page is too large or not, and the PDF finds characters that no font here has: both come to stand as warnings
    in both, so that what was made before is made again.
    """
    files: dict[str, bytes] = {}
    if "html" in formats:
        with clock.stage("render"):
            files["report.html"] = make_page(report, parts)
            too_large = checks.warn_of_size(len(files["report.html"]), max_html_mb or MAX_HTML_MB)
            if too_large:
                report = warned(report, too_large)
                files["report.html"] = make_page(report, parts)
    if "pdf" in formats:
        with clock.stage("pdf"):
            from reportgen import pdf, render

            typeset = pdf.pdf(render.document(report, parts))
            if typeset.missing:
                report = warned(report, checks.warn_of_glyphs(typeset.missing))
                typeset = pdf.pdf(render.document(report, parts))  # again, with the warning in it
                if "html" in formats:
                    files["report.html"] = make_page(report, parts)
            files["report.pdf"] = typeset.data
    if "figures" in formats:
        files |= figure_files(parts)
    return report, files


def warned(report: Report, warning: ReportWarning) -> Report:
    """The report with one warning more; of its kind only the last is kept, where a report is presented again."""
    others = tuple(one for one in report.warnings if one.code != warning.code)
    return replace(report, warnings=(*others, warning))


def make_page(report: Report, parts: Parts) -> bytes:
    """The self-contained page."""
    from reportgen import charts, render

    return render.page(report, parts, bundle=charts.bundle()).encode()


def figure_files(parts: Parts) -> dict[str, bytes]:
    """Every figure as vector and as specification; the maps, which are pixels, as PNG."""
    from reportgen import charts

    files: dict[str, bytes] = {}
    for chart in parts.charts:
        files[f"figures/{chart.key}.svg"] = chart.svg.encode()
        files[f"figures/{chart.key}.vl.json"] = charts.specification(chart).encode()
    if parts.maps:
        files[f"figures/{parts.maps.key}.png"] = parts.maps.light
    return files


def find_importance(config: Config, shape: tuple[int, int]) -> HeadImportance:
    """The head importance that the configuration names; every head counts the same where it names none."""
    if config.importance == "none":
        return importance.uniform(*shape)
    if config.importance == "demo":
        return importance.load(DEMO / "model" / "head_importance.safetensors", shape=shape)
    return importance.load(Path(config.importance).expanduser(), shape=shape, key=config.importance_key)


def stack(layers: list[LayerSummary], *, reader: int | None, classifier: Classifier) -> Attention:
    """All layers of one document in arrays that begin with (layer, head, token)."""
    rows = [layer.reader for layer in layers if layer.reader is not None]
    visible = sum(layer.weights for layer in layers)
    return Attention(
        received=np.stack([layer.received for layer in layers]),
        reader=np.stack(rows) if rows else None,
        attended_positions=np.stack([layer.attended_positions for layer in layers]),
        attended_weights=np.stack([layer.attended_weights for layer in layers]),
        attending_positions=np.stack([layer.attending_positions for layer in layers]),
        attending_weights=np.stack([layer.attending_weights for layer in layers]),
        maps=np.stack([layer.shares for layer in layers]),
        reader_position=reader,
        global_positions=classifier.global_positions,
        windows=classifier.windows,
        row_error=max(layer.row_error for layer in layers),
        zero_share=sum(layer.zeros for layer in layers) / max(visible, 1),
    )


def provenance(config: Config, classifier: Classifier, example: Example) -> Provenance:
    """What was run, on what, with which versions."""
    found = classifier.checkpoint
    exact = config if found.revision == "local" else replace(config, revision=found.revision)
    return Provenance(
        model=characters.clean(without_home(config.model)),
        model_type=classifier.model.config.model_type,
        revision=found.revision,
        weights_sha256=found.weights_sha256(),
        tokenizer=characters.clean(without_home(config.tokenizer or config.model)),
        tokenizer_revision=found.tokenizer_revision,
        text_sha256=hashlib.sha256(example.text.encode()).hexdigest(),
        device=str(classifier.device),
        dtype=config.dtype,
        seed=config.seed,
        command=characters.clean(exact.command()),
        created=_now().isoformat(timespec="seconds"),
        configuration=config.plain(),
        versions={"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}},
    )


def _now() -> datetime:
    """The time, or SOURCE_DATE_EPOCH where it is set, so that a run can be repeated to the byte."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return datetime.now(UTC)
    try:
        return datetime.fromtimestamp(int(epoch), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(f"SOURCE_DATE_EPOCH={epoch} is not a number of seconds") from error
