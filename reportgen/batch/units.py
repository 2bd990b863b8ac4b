"""Make the reports of a few examples that are read together: the work of every worker of a batch.

The groups of examples are fixed once for a whole batch, because the last digits of numbers depend on the other examples
of a forward pass, and must not depend on an interruption.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reportgen.core.clock import Clock
from reportgen.core.config import BATCH_SIZE, Config
from reportgen.core.errors import DeviceError, HubError, OutputError, ReportgenError, one_line
from reportgen.core.nouns import plain_values
from reportgen.core.nouns.faithfulness import VIEWS, VerdictCode
from reportgen.core.nouns.records import Example, HeadImportance, Report
from reportgen.report import opening
from reportgen.report.private import anonymous

if TYPE_CHECKING:
    from reportgen.model.classifier import Classifier

FATAL = (OutputError, HubError)  # errors that concern all reports
ENVIRONMENT = ("SOURCE_DATE_EPOCH", "HF_HUB_OFFLINE")


@dataclass(frozen=True, slots=True)
class Task:
    """The settings of a worker, the same for all units."""

    config: Config  # of every report but for its index; it names the very commits that are used
    directory: Path  # where the paths of the configuration begin
    folder: Path  # of the batch, absolute
    importance: HeadImportance | None  # None: the worker finds it as the configuration says
    environment: dict[str, str]  # variables that change what is made


@dataclass(frozen=True, slots=True)
class Unit:
    """Examples that are always read together."""

    examples: tuple[Example, ...]
    wanted: frozenset[str]  # names of those whose reports are missing


@dataclass(frozen=True, slots=True)
class ModelReader:
    """A process that has the model in memory."""

    classifier: Classifier
    importance: HeadImportance


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one example: a report, or the reason why it failed. Plain values, for the journal."""

    name: str  # of its folder
    index: int  # row of the split
    id: str | None
    title: str
    error: str | None = None  # one line; the other fields below are then not known
    hint: str | None = None
    label: str | None = None  # the gold label
    predicted: str | None = None
    probability: float | None = None  # of the predicted label; of several, see `Prediction.confidence`
    verdict: str = "unknown"
    all_attention: VerdictCode | None = None  # the verdict on this view; None where it was not tested
    classifier: VerdictCode | None = None  # on what the classifier reads
    view: str | None = None  # which the report opens with, by its name, where it was tested
    tokens: int = 0  # that the model has read
    total: int = 0  # that the text has
    warnings: tuple[str, ...] = ()  # their codes

    @property
    def test_failed(self) -> bool:
        """Whether the heatmap was to be tested, and could not be."""
        return "test-failed" in self.warnings

    def plain(self) -> dict[str, Any]:
        """For a line of JSON."""
        return asdict(self)

    @classmethod
    def restored(cls, plain: Any) -> Outcome:
        """From a line of JSON.

        Raises:
            ValueError: If a field is missing, not known, or of another type.
        """
        return plain_values.restored(cls, plain)


def environment() -> dict[str, str]:
    """The environment variables that a worker needs, too."""
    return {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}


def open_reader(task: Task, classifier: Classifier) -> ModelReader:
    """The model with head importance, which is found here if the task has none.

    Raises:
        ReportgenError: If it cannot be found.
    """
    from reportgen import pipeline

    return ModelReader(classifier, task.importance or pipeline.find_importance(task.config, classifier, Clock()))


def analyse(task: Task, reader: ModelReader, unit: Unit) -> Iterator[Report | Outcome]:
    """The reports of a unit's wanted examples, not yet written; an outcome for an example that fails.

    On a CPU documents are read one by one, which is faster: one document keeps all cores busy, and padding costs time.
    """
    alone = reader.classifier.device.type == "cpu"
    size = task.config.batch_size or (1 if alone else BATCH_SIZE)
    for start in range(0, len(unit.examples), size):
        together = unit.examples[start : start + size]
        if any(example.name in unit.wanted for example in together):
            for example, made in zip(together, _analyse(task, reader, together), strict=True):
                if example.name in unit.wanted:
                    yield made


def _analyse(task: Task, reader: ModelReader, together: Sequence[Example]) -> list[Report | Outcome]:
    """Reports of examples that are read together; if that fails, one by one."""
    from reportgen import pipeline

    try:
        config = task.config
        made = pipeline.analyse_together(config, reader.classifier, together, Clock(), reader.importance)
        return [_examined(config, reader.classifier, report) for report, _ in made]
    except FATAL:
        raise
    except Exception as error:  # whatever it is, the other examples are not to blame
        found = known(error, task.config)
        traceback.clear_frames(error.__traceback__)  # of what was computed: the others need that memory
    if len(together) == 1:
        return [failed(together[0], found, task.config)]
    return [one for example in together for one in _analyse(task, reader, [example])]


def _examined(config: Config, classifier: Classifier, report: Report) -> Report:
    """The report with what is asked for of tests and attribution; without it, and with a warning, if that fails."""
    from reportgen import examine

    try:
        return examine.examined(config, classifier, report, Clock())
    except FATAL:
        raise
    except Exception as error:  # whatever it is, the report itself is made
        found = known(error, config)
        traceback.clear_frames(error.__traceback__)  # of what was computed: the next one needs that memory
        return examine.untested(report, found, config)


def finish(task: Task, report: Report) -> Outcome:
    """Steps 6 to 8: the files of a report, and its folder in place. No torch is needed.

    Raises:
        OutputError: If the disk refuses it.
    """
    from reportgen.report import present

    folder = task.folder / report.example.name
    try:
        written, _ = present.write(report, folder, config=task.config, clock=Clock(), overwrite=True)
        return succeeded(written)
    except FATAL:
        raise
    except Exception as error:
        return failed(report.example, known(error, task.config), task.config)


def succeeded(report: Report) -> Outcome:
    """The outcome of a report that is written."""
    example, said, tested = report.example, report.prediction, report.faithfulness
    assert example.index is not None  # it is a row
    assert said is not None  # the model was asked
    return Outcome(
        name=example.name,
        index=example.index,
        id=example.id,
        title=example.title,
        label=said.gold_name,
        predicted=said.predicted_name,
        probability=said.confidence,
        verdict=said.verdict,
        all_attention=tested.code("all_attention") if tested else None,
        classifier=tested.code("classifier") if tested else None,
        view=VIEWS[opening.order(report)] if tested else None,
        tokens=len(report.tokens),
        total=report.tokens.total,
        warnings=tuple(warning.code for warning in report.warnings),
    )


def failed(example: Example, error: ReportgenError, config: Config) -> Outcome:
    """The outcome of an example that has no report."""
    assert example.index is not None  # it is a row
    return unread(example.name, example.index, error, config, id_=example.id, title=example.title)


def unread(
    name: str, index: int, error: ReportgenError, config: Config, *, id_: str | None = None, title: str = ""
) -> Outcome:
    """The outcome of a row without a report; the journal says no more of this machine than a report."""
    said, hint = one_line(anonymous.sentence(error.message, config)), error.hint
    hint = None if hint is None else anonymous.sentence(hint, config)
    return Outcome(name, index, id_, anonymous.sentence(title, config) or name, error=said, hint=hint)


def known(error: Exception, config: Config | None = None) -> ReportgenError:
    """An error as one of ours; a bug keeps the place where it arose, to be found in a batch of a thousand.

    Where words are hidden, nothing is kept of a message that is not ours: it may quote the text.
    """
    if isinstance(error, ReportgenError):
        return error
    if isinstance(error, MemoryError):
        return DeviceError("out of memory", hint="use a smaller --max-length")
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({Path(where[0].filename).name}, line {where[0].lineno})" if where else ""
    hides = config is not None and (config.no_text or config.redact is not None)
    said = "" if hides else f": {error}"
    return ReportgenError(f"{type(error).__name__}{said}{place}", hint="this is a bug; please report it")
