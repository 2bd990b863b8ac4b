"""Test the heatmap of a report on its own model: the report gets attributions, curves and a verdict.

The step between analysis and presentation, for those who ask for it. `model/faithfulness/` does the work; here it gets
what the report knows.
"""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reportgen.core import presets
from reportgen.core.characters import clean
from reportgen.core.clock import Clock
from reportgen.core.config import BATCH_SIZE, Config
from reportgen.core.errors import ModelError, OutputError, ReportgenError, StoppedError, UsageError, one_line
from reportgen.core.files import disk
from reportgen.core.nouns.faithfulness import Attribution, Faithfulness, ScoreName
from reportgen.core.nouns.records import Example, Floats, Report, ReportWarning, Scores, Tokens
from reportgen.data import choice
from reportgen.data.dataset_rows import Rows
from reportgen.model import checkpoint, outputs, relocate
from reportgen.report import present, scale
from reportgen.report.private import anonymous, redacted
from reportgen.report.stored import store
from reportgen.report.warnings import checks

if TYPE_CHECKING:
    from reportgen.model.checkpoint import Checkpoint
    from reportgen.model.classifier import Classifier

STAGES = ("attribution", "faithfulness")
FAILED = "test-failed"  # code of a warning
TOGETHER = 4  # variants of a document that a CPU reads together: they are about equally long, so nothing is padded

Load = Callable[[Config, Clock, "Checkpoint"], "Classifier"]


def examined(config: Config, classifier: Classifier, report: Report, clock: Clock) -> Report:
    """The report with what `faithfulness` and `attribution` ask for; the same report if they ask for nothing.

    Raises:
        ModelError: If a logit is not finite.
        DeviceError: If memory runs out with a single document.
        DataError, HubError: If words of another document are needed, and the split cannot be read.
    """
    report = replace(report, warnings=tuple(one for one in report.warnings if one.code != FAILED))
    if config.attributed is not None:
        with clock.stage("attribution"):
            report = replace(report, attributions=attributions(config, classifier, report, clock))
    if config.faithfulness != "none":
        with clock.stage("faithfulness"):
            report = replace(report, faithfulness=faithfulness(config, classifier, report, clock))
    before = (stage for stage in report.provenance.stages if stage.name not in STAGES)  # of an earlier test
    stages = (*before, *(stage for stage in clock.stages() if stage.name in STAGES))
    return replace(report, provenance=replace(report.provenance, stages=stages))


def attempted(
    config: Config, classifier: Classifier, report: Report, folder: Path, clock: Clock
) -> tuple[Report, ReportgenError | None]:
    """The same for a report that will be in *folder*; or the report as it is, and the error that has stopped the test.

    An interruption is one, too.
    """
    try:
        return examined(config, classifier, report, clock), None
    except KeyboardInterrupt:
        again = shlex.join(["reportgen", "faithfulness", disk.shown(folder), *_asked(config)])
        return report, StoppedError("interrupted: the report was written without its test", hint=f"{again} makes it")
    except ReportgenError as error:
        return untested(report, error, config), error


def _asked(config: Config) -> list[str]:
    """The options of `reportgen faithfulness` for the same test."""
    found = ["--depth", "full"] if config.faithfulness == "full" else []
    found += ["--unit", config.unit] if config.unit != Config().unit else []
    return found + (["--attribution", config.attribution] if config.attribution else [])


def untested(report: Report, error: ReportgenError, config: Config) -> Report:
    """The report, with a warning that its test failed, and why."""
    said = anonymous.sentence(one_line(error.message), config)
    return checks.warned(report, ReportWarning(FAILED, f"The heatmap could not be tested: {said}."))


def examine_folder(
    folder: Path, changes: Mapping[str, Any], places: Mapping[str, str], clock: Clock, *, load: Load
) -> Report:
    """Test the heatmap of a stored report, in its folder, and make its files again.

    Args:
        folder: The report.
        changes: `faithfulness`, `unit`, `attribution` and what else of `Config` is not as the report was made.
        places: Where model, tokenizer, and the source of a text with hidden words are now, by the names of `Config`.
        clock: Says which stage runs.
        load: `pipeline.load`.

    Raises:
        OutputError: If *folder* is no report, or its files were changed.
        UsageError: If its model was a folder that is not here.
        ModelError: If the model is another than the report's.
    """
    _, others = store.verify(folder)
    if others:  # before the long part
        raise OutputError(f"{disk.shown(folder)} holds {others[0]}, which is not of the report", hint="move it")
    report = store.load(folder)
    if report.given:
        raise UsageError(f"{disk.shown(folder)}: its scores were computed elsewhere", hint="there is no model to test")
    made = report.provenance
    here = relocate.relocate(report, folder, places, command="faithfulness")
    example = relocate.example_of(report, here, folder, command="faithfulness") if report.redaction else report.example
    config = replace(here.config, **changes)
    if "dataset" in here.stored:
        config = replace(config, dataset=None)
    asked = replace(Config.restored(made.configuration, text=report.example.text), **changes)
    found = checkpoint.named(config)
    relocate.check_weights(found, report)
    classifier = load(config, clock, found)
    report = redacted.like(examined(config, classifier, _whole(classifier, report, example, config), clock), report)
    told = replace(made, configuration=asked.plain(), command=clean(presets.command(asked)))
    report = replace(report, provenance=replace(told, stages=report.provenance.stages))
    return present.render(folder, folder, {}, clock, more=report)


def _whole(classifier: Classifier, report: Report, example: Example, config: Config) -> Report:
    """The report with all words of its text, for the model; *example* holds them.

    Raises:
        ModelError: If the tokenizer cuts the text at other places than the report's did.
    """
    if report.redaction is None:
        return report
    from reportgen.model.tokenizing.tokens import encode

    before, tokens = report.tokens, encode(classifier, example.text, whole=config.long == "window")
    if (tokens.starts, tokens.ends) != (before.starts, before.ends):
        raise ModelError("the tokens of the text are not those of the report", hint="name the report's own tokenizer")
    return replace(report, example=example, tokens=replace(before, ids=tokens.ids, strings=tokens.strings))


def attributions(config: Config, classifier: Classifier, report: Report, clock: Clock) -> tuple[Attribution, ...]:
    """Signed attribution for the predicted label, and for gold labels that were not predicted."""
    from reportgen.model.attribution import gradients
    from reportgen.model.reading import long_documents

    said, method = report.prediction, config.attributed
    assert said is not None  # the model was asked
    assert method is not None  # it was asked for
    gold = said.gold_labels or (() if said.gold is None else (said.gold,))
    labels = tuple(dict.fromkeys((said.predicted, *gold)))
    windows = len(long_documents.plan_for(classifier, report.tokens, stride=config.stride).windows)
    with clock.track("attribution", gradients.passes(method, windows=windows)) as advance:
        return gradients.attribute(
            classifier, report.tokens, labels, method=method, stride=config.stride, advance=advance
        )


def faithfulness(config: Config, classifier: Classifier, report: Report, clock: Clock) -> Faithfulness:
    """The test of the heatmap as the report shows it."""
    from reportgen.model.faithfulness import examine
    from reportgen.model.reading import forward_pass

    assert report.prediction is not None  # the model was asked
    assert config.faithfulness != "none"
    scaled = report.importance.measure != "none"
    subject = examine.Subject(
        text=report.example.text,
        tokens=report.tokens,
        target=report.prediction.predicted,
        reader=forward_pass.reader_position(classifier, report.tokens),
        scores=scores_of(report),
        importance=report.importance if scaled else None,
        heat=partial(_heat, config, classifier, report),
        donor=_donor(config, classifier, report.example),
    )
    return examine.examine(
        classifier,
        subject,
        depth=config.faithfulness,
        unit=config.unit,
        seed=config.seed,
        batch_size=config.batch_size or (TOGETHER if classifier.device.type == "cpu" else BATCH_SIZE),
        stride=config.stride,
        clock=clock,
    )


def scores_of(report: Report) -> dict[ScoreName, Floats]:
    """The scores of every token by which words are ordered, (token,) each."""
    shown = scale.of_report(report)
    layers = by_layer(shown)
    found: dict[ScoreName, Floats] = {"all_attention": layers.sum(axis=0)}
    if shown.reader is not None:
        found["classifier"] = shown.reader
    found["last layer"] = layers[-1]
    if report.importance.measure != "none":
        found["all_attention, unscaled"] = shown.received.sum(axis=(0, 1), dtype=np.float64).astype(np.float32)
    for signed in report.attributions[:1]:  # for the predicted label
        if signed.scores is not None:
            found["attribution"] = signed.scores
    return found


def by_layer(scores: Scores) -> Floats:
    """Weighed attention that each token receives in each layer, (layer, token).

    It orders tokens as the scores do that are shown. Those are brought to 0..1, where differences of rounding grow
    large if attention is even.
    """
    weighed = scale.weigh(scores.received, scores.factors)  # (layer, head, token)
    found: Floats = weighed.sum(axis=1, dtype=np.float64).astype(np.float32)
    return found


def _heat(config: Config, classifier: Classifier, report: Report, text: str) -> tuple[Tokens, Floats, int]:
    """The heatmap of another text: its tokens, their scores, and the forward passes that it took."""
    from reportgen.model.attention.stack import stack
    from reportgen.model.reading import forward_pass, long_documents
    from reportgen.model.tokenizing.tokens import encode

    tokens = encode(classifier, text, whole=config.long == "window")
    plan = long_documents.plan_for(classifier, tokens, stride=config.stride)
    layers = long_documents.attend(classifier, plan, top_k=1, clock=Clock())
    read = stack(layers, reader=forward_pass.reader_position(classifier, plan.tokens), classifier=classifier)
    scores = scale.scale(read, report.importance, per_query=report.received == "per-query")
    return plan.tokens, by_layer(scores).sum(axis=0), len(plan.windows)


def _donor(config: Config, classifier: Classifier, example: Example) -> Tokens | None:
    """Another document of the split, where words are replaced by those of another; None where there is none."""
    from reportgen.model.tokenizing.tokens import encode

    if config.faithfulness != "full" or config.dataset is None or example.index is None:
        return None
    if classifier.tokenizer.mask_token_id is not None:  # then words are masked
        return None
    rows = _rows(replace(config, index=None, id=None, pick=None, limit=None, output=None))
    others = [index for index in range(len(rows)) if index != example.index]
    if not others:
        return None
    drawn = np.random.default_rng([config.seed % 2**64, example.index]).integers(len(others))
    return encode(classifier, choice.example(config, rows, others[int(drawn)]).text)


@functools.lru_cache(maxsize=1)
def _rows(config: Config) -> Rows:
    """The split; a batch asks for the same one again and again."""
    return choice.open_rows(config, partial(outputs.names_before_loading, config))
