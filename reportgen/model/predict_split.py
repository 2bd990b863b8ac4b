"""Chain the stages over a whole split: predict every row, and choose a row by its prediction.

Predictions are cached under a name made of the model, the data and the settings that they depend on; interrupted work
keeps what it has.
"""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reportgen.core import versions
from reportgen.core.clock import Advance, Clock
from reportgen.core.config import BATCH_SIZE, Config, Long
from reportgen.core.errors import DataError, DeviceError, ModelError, ReportgenError, UsageError
from reportgen.core.files import disk
from reportgen.core.nouns.labels import LabelColumn, listed, say_reading, short
from reportgen.core.nouns.records import Example, Tokens
from reportgen.data import choice, predictions
from reportgen.data.dataset_rows import Rows
from reportgen.data.predictions import Predicted
from reportgen.model.file_kinds import LOCAL

if TYPE_CHECKING:
    from torch import Tensor

    from reportgen.model.classifier import Classifier

CHUNK = 32  # batches whose texts are read, sorted by length and held at once
SAVE_EVERY = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Survey:
    """The predictions of the rows of a split."""

    rows: Rows
    predicted: tuple[Predicted, ...]  # in the order of the rows
    left_out: dict[int, str]  # rows that cannot be read, and why
    notes: tuple[str, ...] = ()  # on the labels of the split: how they are read, why there are none


@dataclass(frozen=True, slots=True)
class Answer:
    """The cached prediction of one row."""

    index: int
    id: str | None
    label: str | int | None
    tokens: int  # of the whole text
    read: int  # of these, what the model took
    logits: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row as the model reads it."""

    example: Example
    tokens: Tokens  # all that is read
    documents: tuple[Tokens, ...]  # in which they are read: one, or one for each window

    @property
    def index(self) -> int:
        """The row."""
        assert self.example.index is not None  # it is one
        return self.example.index

    def answered(self, logits: Tensor) -> Answer:
        """With the predictions."""
        of, read = self.example, len(self.tokens)
        return Answer(self.index, of.id, of.label, self.tokens.total, read, tuple(logits.tolist()))


def predict(config: Config, classifier: Classifier, rows: Rows, clock: Clock) -> Survey:
    """Ask the model for every row up to the limit, but for those that the cache knows.

    Raises:
        ReportgenError: What is wrong with the first row, if none can be read, or with the label column.
    """
    from reportgen.model import outputs

    outputs.check_column(outputs.are_several(classifier.model.config), rows.labels, config.label_column)
    wanted = _wanted(rows, config.limit)
    path = disk.cached("predictions", f"{_key(config, classifier, rows)}.parquet")
    known = _load_answers(path)
    missing = [index for index in wanted if index not in known]
    size = CHUNK * (config.batch_size or BATCH_SIZE)
    failed: dict[int, ReportgenError] = {}
    with clock.stage("predict"), clock.track("predict", len(wanted)) as advance:
        advance(len(wanted) - len(missing))
        saved = time.monotonic()
        try:
            for start in range(0, len(missing), size):
                chunk = missing[start : start + size]
                failed |= _ask(config, classifier, rows, chunk, known, advance)
                if time.monotonic() - saved > SAVE_EVERY:
                    _save_answers(path, known)
                    saved = time.monotonic()
        finally:
            if missing:
                _save_answers(path, known)
    answers = [known[index] for index in wanted if index in known]
    if failed and not answers:
        raise failed[min(failed)]
    predicted = tuple(_predicted(classifier, answer, rows.labels) for answer in answers)
    left_out = {index: error.message for index, error in sorted(failed.items())}
    return Survey(rows, predicted, left_out, notes(classifier, rows))


def pick(config: Config, classifier: Classifier, clock: Clock) -> Example:
    """The example that `pick` chooses by the predictions of the rows up to the limit.

    Raises:
        UsageError: If it names a label that the model does not have.
        DataError: If no row fits.
    """
    assert config.pick is not None
    several = bool(classifier.thresholds)
    predictions.label_of(config.pick, classifier.labels, several=several)  # before the model reads a whole split
    rows = choice.open_rows(config, lambda: classifier.labels)
    if config.pick == "random":
        wanted = _wanted(rows, config.limit)
        how = f"random, of {len(wanted):,} examples, seed {config.seed}"
        return choice.example(config, rows, predictions.draw_any(len(wanted), seed=config.seed), picked=how)
    found = predict(config, classifier, rows, clock)
    chosen = predictions.pick(found.predicted, config.pick, seed=config.seed)
    how = f"{config.pick}, of {len(found.predicted):,} examples, seed {config.seed}"
    if found.left_out:
        how += f", {len(found.left_out):,} more could not be read"
    return choice.example(config, rows, chosen.index, picked=how)


def check_label(config: Config, classifier: Classifier, example: Example) -> None:
    """Refuse a gold label that the model cannot have, if the user has given it, or its column.

    Raises:
        UsageError: If `label` is none of the model's.
        DataError: If `label_column` holds lists, and the model predicts exactly one label.
    """
    from reportgen.model import outputs
    from reportgen.model.reading import forward_pass

    outputs.check_column(outputs.are_several(classifier.model.config), example.label_column, config.label_column)
    given = config.label is not None and example.dataset is None
    if given and forward_pass.gold_labels(classifier, example.label, example.label_column) is None:
        near = difflib.get_close_matches(str(config.label), classifier.labels, n=1)
        known = f"it has {listed(classifier.labels)}"
        raise UsageError(
            f"--label {short(str(config.label))}: the model has no such label",
            hint=f"did you mean {near[0]}? {known}" if near else known,
        )


def notes(classifier: Classifier, rows: Rows) -> tuple[str, ...]:
    """What to know of the labels of a split: why there are none, and how they are read where that is not certain."""
    lists = None
    if rows.labels.lists and not classifier.thresholds:
        lists = "The gold labels are lists, and the model predicts exactly one label, so no gold label is known."
    return tuple(filter(None, (rows.label_problem, lists, reading(classifier, rows.labels))))


def reading(classifier: Classifier, column: LabelColumn) -> str | None:
    """A sentence on how the integers of a label column are read, where that is not certain."""
    return say_reading(column, labels=classifier.labels, own=classifier.own_labels)


def _wanted(rows: Rows, limit: int | None) -> range:
    """The rows up to the limit."""
    return range(min(limit or len(rows), len(rows)))


def _ask(
    config: Config,
    classifier: Classifier,
    rows: Rows,
    indices: Sequence[int],
    known: dict[int, Answer],
    advance: Advance,
) -> dict[int, ReportgenError]:
    """Add the model's answers for some rows to those that are known; which rows fail, and why."""
    size = config.batch_size or BATCH_SIZE
    failed: dict[int, ReportgenError] = {}
    readings: list[ReadRow] = []
    for index, example in read_examples(config, rows, indices):
        try:
            if isinstance(example, DataError):
                raise example
            readings.append(_read(classifier, example, long=config.long, stride=config.stride))
        except (DataError, ModelError) as error:
            failed[index] = error
    try:
        _answer(classifier, readings, known, advance, batch_size=size)
    except (ModelError, DeviceError):  # an error of one of them: read those without an answer one by one
        for reading in readings:
            if reading.index not in known:
                try:
                    _answer(classifier, [reading], known, advance, batch_size=size)
                except (ModelError, DeviceError) as error:
                    failed[reading.index] = error
    advance(len(failed))
    return failed


def _answer(
    classifier: Classifier,
    readings: Sequence[ReadRow],
    known: dict[int, Answer],
    advance: Advance,
    *,
    batch_size: int,
) -> None:
    """Add new predictions to the known ones, as the mean if an example is read in several documents."""
    from reportgen.model.reading import forward_pass

    documents = [document for reading in readings for document in reading.documents]
    owners = [reading for reading in readings for _ in reading.documents]
    logits: dict[int, list[Any]] = {}

    def keep(places: Sequence[int], found: Tensor) -> None:
        for place, row in zip(places, found, strict=True):
            owner = owners[place]
            given = logits.setdefault(owner.index, [])
            given.append(row)
            if len(given) == len(owner.documents):
                known[owner.index] = owner.answered(sum(given) / len(given))
                advance(1)

    forward_pass.predict_all(classifier, documents, batch_size=batch_size, on_batch=keep)


def _read(classifier: Classifier, example: Example, *, long: Long, stride: int | None) -> ReadRow:
    """An example as the model reads it: in one document, or in windows."""
    from reportgen.model.reading import long_documents
    from reportgen.model.tokenizing.tokens import encode

    tokens = encode(classifier, example.text, whole=long == "window")
    return ReadRow(example, tokens, long_documents.plan_for(classifier, tokens, stride=stride).pieces)


def read_examples(config: Config, rows: Rows, indices: Sequence[int]) -> Iterator[tuple[int, Example | DataError]]:
    """The examples of some rows, read together; an error in place of an unreadable row."""
    try:
        found = list(rows.read(indices))
    except DataError:  # an error of one of them: read them one by one
        for index in indices:
            try:
                yield index, choice.example(config, rows, index)
            except DataError as error:
                yield index, error
        return
    for row in found:
        try:
            yield row.index, choice.of_row(config, rows, row)
        except DataError as error:
            yield row.index, error


def _predicted(classifier: Classifier, answer: Answer, column: LabelColumn) -> Predicted:
    import torch

    from reportgen.model.reading import forward_pass

    said = forward_pass.prediction(classifier, torch.tensor(answer.logits), gold=answer.label, column=column)
    return Predicted(answer.index, answer.id, answer.tokens, answer.read, said)


def _key(config: Config, classifier: Classifier, rows: Rows) -> str:
    """Name of all that the model's answers depend on."""
    return disk.key(
        **identify(classifier),
        dataset=[rows.dataset, rows.config, rows.split, rows.revision, sorted(rows.columns.items())],
        length=classifier.max_length,
        long=[config.long, config.stride],
        characters=config.max_chars,
    )


def identify(classifier: Classifier) -> dict[str, Any]:
    """The identity of a model: its commit, or the hash of its files; and how it computes."""
    found = classifier.checkpoint
    return {
        "model": found.name,
        "model revision": found.revision,
        "base revision": found.base.revision if found.base else "",
        "weights": found.weights_sha256() if LOCAL in (found.revision, found.base and found.base.revision) else "",
        "configuration": classifier.model.config.to_json_string(use_diff=False),
        "windows": classifier.windows,
        "globals": classifier.global_positions,
        "tokenizer": found.tokenizer,
        "tokenizer revision": found.tokenizer_revision,
        "tokenizer files": found.settings_sha256() if found.tokenizer_revision == LOCAL else "",
        "dtype": str(classifier.model.dtype),
        "versions": versions.of("reportgen", "torch", "transformers", "tokenizers"),
    }


def _load_answers(path: Path) -> dict[int, Answer]:
    """Cached predictions; none if the file is missing or cannot be read."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        rows = parquet.read_table(path).to_pylist()
        return {
            row["index"]: Answer(**{**row, "label": json.loads(row["label"]), "logits": tuple(row["logits"])})
            for row in rows
        }
    except (OSError, pa.ArrowException, TypeError, KeyError, ValueError):
        return {}


def _save_answers(path: Path, known: dict[int, Answer]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    fields = [("index", pa.int64()), ("id", pa.string()), ("label", pa.string()),
              ("tokens", pa.int64()), ("read", pa.int64()), ("logits", pa.list_(pa.float32()))]  # fmt: skip
    rows = [
        {name: json.dumps(answer.label) if name == "label" else getattr(answer, name) for name, _ in fields}
        for _, answer in sorted(known.items())
    ]
    disk.keep(
        path, lambda temporary: parquet.write_table(pa.Table.from_pylist(rows, schema=pa.schema(fields)), temporary)
    )
