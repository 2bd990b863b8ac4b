"""Chain the stages: a configuration and an example become a report, a report becomes a folder.

It reads like a table of contents; each stage is explained in the module with its name.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reportgen import examine
from reportgen.core.clock import Clock, Stage, now
from reportgen.core.config import MEASURES, Config, check_device
from reportgen.core.errors import OutputError, UsageError
from reportgen.core.files import disk
from reportgen.core.nouns.records import (
    Attention,
    Example,
    HeadImportance,
    OtherReading,
    Report,
    Scores,
)
from reportgen.data import choice, naming, predictions, redact
from reportgen.model import checkpoint, outputs, predict_split, provenance, relocate
from reportgen.model.importance import importance_files, measure_split
from reportgen.model.predict_split import Survey
from reportgen.report import heatmap, present, scale
from reportgen.report.present import Known, write
from reportgen.report.private import anonymous, redacted
from reportgen.report.stored import store
from reportgen.report.warnings import caveats, checks

if TYPE_CHECKING:
    from reportgen.core.processes.workers import Begin
    from reportgen.model.checkpoint import Checkpoint
    from reportgen.model.classifier import Classifier
    from reportgen.model.reading.long_documents import DocumentReading, WindowPlan
    from reportgen.report.parts import Cell

Announce = Callable[[Sequence[str]], None]


class Written(NamedTuple):
    """What a run has written."""

    report: Report
    folder: Path
    files: dict[str, bytes]  # by their paths in the folder

    def __repr__(self) -> str:
        """One line, without the bytes of the files."""
        return f"Written({self.report!r}, {str(self.folder)!r}, {len(self.files)} files)"


class Rerun(NamedTuple):
    """A stored report, and what its configuration gives now."""

    before: Report
    after: Report
    stored: tuple[str, ...]  # "dataset", "importance": not here, so that the report's own data took their place


def run(config: Config, clock: Clock, found: Checkpoint | None = None, begin: Begin | None = None) -> Written:
    """One example from its source to its folder.

    Args:
        config: All choices.
        clock: Told of the stages.
        found: The model, if it has been found already.
        begin: Begins work in a second process, which gets ready while the model is loaded; without it, all is done
            here.
    """
    now()  # reject a bad SOURCE_DATE_EPOCH before the long part
    redact.of_config(config)
    importance_files.check(config.importance)
    check_device(config.device)
    checked = (begin or partial)(present.check_typesetting, config.format, pdf=config.pdf)
    if begin is None:
        checked()
    if config.pick is None:
        example = choice.choose(config, partial(outputs.names_before_loading, config))
        try:
            folder = _target(config.output, example, overwrite=config.overwrite)
        except OutputError:
            _check_options(config, example, clock, found)
            raise
        classifier = load(config, clock, found)
        checked()
    else:
        classifier = load(config, clock, found)
        checked()  # before a whole split is read
        example = predict_split.pick(config, classifier, clock)
        folder = _target(config.output, example, overwrite=config.overwrite)
    head_importance = find_importance(config, classifier, clock)
    ((report, known),) = analyse_together(config, classifier, [example], clock, head_importance)
    report, stopped = examine.attempted(config, classifier, report, folder, clock)
    del classifier  # its memory is free before page and PDF need theirs
    report, files = write(
        report, folder, config=config, clock=clock, overwrite=config.overwrite, known=known, begin=begin or partial
    )
    if stopped is not None:
        raise stopped
    return Written(report, folder, files)


def predict_rows(config: Config, clock: Clock, *, output: Path | None = None, overwrite: bool = False) -> Survey:
    """The predictions of all rows of a split; also as a Parquet file, if *output* names one.

    Raises:
        OutputError: If the file is there already, or cannot be written.
    """
    check_device(config.device)
    if output is not None:
        disk.check_file(output, suffix=".parquet", overwrite=overwrite)
    rows = choice.open_rows(config, partial(outputs.names_before_loading, config))
    found = predict_split.predict(config, load(config, clock), rows, clock)
    if output is not None:
        disk.put(output, lambda path: predictions.write_parquet(found.predicted, path))
    return found


def measure_importance(
    config: Config,
    clock: Clock,
    *,
    by: str,
    output: Path,
    overwrite: bool = False,
    restart: bool = False,
    machines: measure_split.Machines | None = None,
) -> HeadImportance:
    """Head importance by a measure over a sample of a split, in a file; computed by other *machines*, if there are any.

    Raises:
        OutputError: If the file is there already, or cannot be written.
    """
    if by not in MEASURES:
        near = difflib.get_close_matches(by, MEASURES, n=1)
        raise UsageError(
            f"--measure {by}: unknown; choose from {', '.join(MEASURES)}",
            hint=f"did you mean {near[0]}?" if near else None,
        )
    check_device(config.device)
    measure_split.drop_finished(output)
    disk.check_file(output, suffix=".safetensors", overwrite=overwrite)
    rows = choice.open_rows(config, partial(outputs.names_before_loading, config))
    classifier = load(replace(config, device="cpu") if machines else config, clock)
    return measure_split.measure(
        config,
        classifier,
        rows,
        clock,
        by=by,
        size=config.limit or measure_split.SIZE,
        output=output,
        restart=restart,
        machines=machines,
    )


def _target(output: str | None, example: Example, *, overwrite: bool) -> Path:
    """The folder of the report, if it may be written."""
    folder = naming.of_output(output, example.name)
    store.check_target(folder, overwrite=overwrite)
    return folder


def _check_options(config: Config, example: Example, clock: Clock, found: Checkpoint | None) -> None:
    """Check what only the model can say of device, label and head importance, where one is given.

    A mistake there is worth more than a report that is there already: without it, its name may be another.
    """
    named = importance_files.named(config.importance) if config.importance != "demo" else None
    if config.device in ("auto", "cpu") and config.label is None and named is None:
        return
    classifier = load(config, clock, found)
    predict_split.check_label(config, classifier, example)
    if named is not None:
        find_importance(config, classifier, clock)


def rerun(
    folder: Path, clock: Clock, *, output: Path | None, places: Mapping[str, str] | None = None, announce: Announce
) -> Rerun:
    """Run the configuration of a stored report again.

    The text is the stored one, unless it is a row of a dataset that is here, which is read again, or words of it are
    hidden: then its source is needed. The new report is kept only if *output* names a folder for it.

    Args:
        folder: The report.
        clock: Says which stage runs.
        output: Folder of the new report.
        places: Where model, tokenizer, dataset, file and importance are now, by the names of `Config`.
        announce: Called with what the hub will be asked for, before it is: the folder may be somebody else's.

    Raises:
        OutputError: If *folder* is no report, or its files were changed.
        UsageError: If its model was a folder that is not here.
        ModelError: If the model in *places* is another.
    """
    store.verify(folder)
    before = store.load(folder)
    if before.given:
        raise UsageError(f"{folder}: its scores were computed elsewhere", hint="reportgen render makes its files again")
    config, stored = made = relocate.relocate(before, folder, places or {})
    if output is not None:
        store.check_target(output, overwrite=False)
        if "importance" in stored:
            raise UsageError("--output needs the head importance", hint="name its file with --importance PATH")
    announce(relocate.asked_of_hub(made))
    found = checkpoint.named(config)
    if "model" in (places or {}):
        relocate.check_weights(found, before)
    example = relocate.example_of(before, made, folder, command="rerun")
    classifier = load(config, clock, found)
    heads = before.importance if "importance" in stored else find_importance(config, classifier, clock)
    ((after, _),) = analyse_together(config, classifier, [example], clock, heads)
    after = redacted.like(examine.examined(config, classifier, after, clock), before)
    if output is not None:
        write(after, output, config=config, clock=clock)
    return Rerun(before, after, stored)


def load(config: Config, clock: Clock, found: Checkpoint | None = None) -> Classifier:
    """The classifier of the configuration; *found* is its model, if it has been found already.

    What can be wrong with the names is found out before torch is imported.
    """
    with clock.stage("load"):
        check_device(config.device)
        found = found or checkpoint.named(config)
        found.hash_ahead()
        from reportgen.model import classifier

        return classifier.load(
            found,
            device=config.device,
            dtype=config.dtype,
            max_length=config.max_length,
            labels=config.labels,
            threshold=config.threshold,
            attention_window=config.attention_window,
            global_positions=config.global_tokens,
            require_safetensors=config.require_safetensors,
        )


def analyse(config: Config, classifier: Classifier, example: Example, clock: Clock) -> Report:
    """Steps 2 to 5: read the example with the classifier and keep what rankings need."""
    ((report, _),) = analyse_together(config, classifier, [example], clock, find_importance(config, classifier, clock))
    return examine.examined(config, classifier, report, clock)


def analyse_together(
    config: Config,
    classifier: Classifier,
    chosen: Sequence[Example],
    clock: Clock,
    head_importance: HeadImportance,
) -> list[tuple[Report, Known]]:
    """Steps 2 to 5 for examples that are read together, in batches that memory holds."""
    from reportgen.model.reading import forward_pass, long_documents, pipeline_reading

    plans = [_plan(config, classifier, example) for example in chosen]
    forward_pass.seed(config.seed)
    readings = long_documents.read(classifier, plans, top_k=config.top_k, clock=clock, batch_size=len(plans))
    with clock.stage("inference"):
        others = [
            pipeline_reading.other_reading(classifier, each.text, plan.tokens, long=config.long, stride=config.stride)
            for each, plan in zip(chosen, plans, strict=True)
        ]
    with clock.stage("scale"):
        analysed = [
            _Analysed(example, plan, read, other, attention, _scores(config, attention, head_importance), cells)
            for example, plan, read, other in zip(chosen, plans, readings, others, strict=True)
            for attention in [_stack(classifier, plan, read)]
            for cells in [heatmap.cells(example.text, plan.tokens)]
        ]
    stages = clock.stages(among=len(analysed))
    return [
        (_report(config, classifier, one, head_importance, stages), Known(one.scores, one.cells)) for one in analysed
    ]


@dataclass(frozen=True, slots=True)
class _Analysed:
    """The results of steps 2 to 5 for one example."""

    example: Example
    plan: WindowPlan
    read: DocumentReading
    other: OtherReading | None
    attention: Attention
    scores: Scores
    cells: tuple[Cell, ...]


def _scores(config: Config, attention: Attention, head_importance: HeadImportance) -> Scores:
    return scale.scale(attention, head_importance, per_query=config.received == "per-query")


def _plan(config: Config, classifier: Classifier, example: Example) -> WindowPlan:
    """The plan to read the example: its tokens, at once or in windows."""
    from reportgen.model.reading import long_documents
    from reportgen.model.tokenizing.tokens import encode

    predict_split.check_label(config, classifier, example)
    tokens = encode(classifier, example.text, whole=config.long == "window")
    tokens = replace(tokens, keep_echoes=config.echoes == "keep")
    checks.check_positions("global_tokens", classifier.global_positions, tokens)
    checks.check_positions("positions", config.positions, tokens)
    return long_documents.plan_for(classifier, tokens, stride=config.stride)


def _stack(classifier: Classifier, plan: WindowPlan, read: DocumentReading) -> Attention:
    from reportgen.model.attention.stack import stack
    from reportgen.model.reading import forward_pass

    return stack(read.layers, reader=forward_pass.reader_position(classifier, plan.tokens), classifier=classifier)


def _report(
    config: Config,
    classifier: Classifier,
    one: _Analysed,
    head_importance: HeadImportance,
    stages: tuple[Stage, ...],
) -> Report:
    """The report of these results."""
    from reportgen.model.reading import forward_pass

    example, tokens, read = one.example, one.plan.tokens, one.read
    prediction = forward_pass.prediction(classifier, read.logits, gold=example.label, column=example.label_column)
    made = checks.check_run(
        prediction,
        one.attention,
        tokens,
        dtype=config.dtype,
        reference=read.reference,
        shown=sum(len(cell.positions) for cell in one.cells),
        complete=heatmap.shown_text(example.text, one.cells) == example.text[: tokens.end],
    )
    made_of = provenance.of_run(config, classifier, example, stages=stages)
    plan, weights = one.plan, made_of.weights_sha256
    report = Report(
        example=example,
        tokens=tokens,
        prediction=prediction,
        attention=one.attention,
        importance=head_importance,
        checks=made,
        warnings=(
            *checks.warn_of_checks(made),
            *checks.warn_of_other_reading(prediction, one.other),
            *checks.warn_of_text(example, tokens, prediction),
            *checks.warn_of_labels(example, prediction, predict_split.reading(classifier, example.label_column)),
            *checks.warn_of_windows(tokens, count=len(plan.windows), length=plan.length, shared=plan.shared),
            *checks.warn_of_window(config.attention_window),
            *checks.warn_of_attention(tokens, one.attention, head_importance, one.scores, weights_sha256=weights),
        ),
        provenance=made_of,
        top_k=config.top_k,
        positions=config.positions,
        colour_scale=config.colour_scale,
        language=config.language,
        received=config.received,
    )
    return anonymous.disclosed(caveats.renewed(report, one.scores), config)


def find_importance(config: Config, classifier: Classifier, clock: Clock) -> HeadImportance:
    """The head importance of the configuration; without one, all heads count equally."""
    if config.importance == "none":
        return importance_files.uniform(*classifier.shape)
    if config.importance == "auto":
        return measure_split.auto(config, classifier, clock)
    path = importance_files.named(config.importance)
    assert path is not None  # it is neither "none" nor "auto"
    return importance_files.load(path, shape=classifier.shape, key=config.importance_key)
