"""Chain the stages over a whole split: what the model says of every row, and how much each head matters for that.

What was computed is kept in the cache under a name made of the model, the data and the settings that it depends on;
work that is interrupted keeps what it has.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reportgen import cache, dataset, examples, importance_file
from reportgen.checkpoint import LOCAL
from reportgen.clock import Advance, Clock, now
from reportgen.config import Config
from reportgen.errors import DataError, UsageError
from reportgen.examples import Predicted
from reportgen.records import Example, HeadImportance, Tokens
from reportgen.rows import Rows
from reportgen.versions import installed

if TYPE_CHECKING:
    from torch import Tensor

    from reportgen.classifier import Classifier

CHUNK = 32  # batches whose texts are read, sorted by length and held at once
SAVE_EVERY = 30.0  # seconds
SAMPLE = 500  # examples of `reportgen importance`
SMALL_SAMPLE = 32  # of `--importance auto`
PARTIAL = ".partial"  # behind the name of a file that is not finished


@dataclass(frozen=True, slots=True)
class Survey:
    """What the model said of the rows of a split."""

    rows: Rows
    predicted: tuple[Predicted, ...]  # in the order of the rows
    left_out: dict[int, str]  # rows that cannot be read, and why


@dataclass(frozen=True, slots=True)
class Answer:
    """What the cache keeps of one row."""

    index: int
    id: str | None
    label: str | int | None
    label_name: str | None
    tokens: int  # of the whole text
    read: int  # of these, what the model took
    logits: tuple[float, ...]


def predict(config: Config, classifier: Classifier, rows: Rows, clock: Clock) -> Survey:
    """Ask the model for every row up to the limit, but for those that the cache knows.

    Raises:
        DeviceError: If memory runs out for one text alone.
    """
    wanted = range(min(config.limit or len(rows), len(rows)))
    path = cache.place("predictions", f"{_key(config, classifier, rows)}.parquet")
    known = _load_answers(path)
    missing = [index for index in wanted if index not in known]
    left_out: dict[int, str] = {}
    with clock.stage("predict"), clock.track("predict", len(wanted)) as advance:
        advance(len(wanted) - len(missing))
        saved = time.monotonic()
        try:
            for start in range(0, len(missing), CHUNK * config.batch_size):
                chunk = missing[start : start + CHUNK * config.batch_size]
                left_out |= _ask(config, classifier, rows, chunk, known, advance)
                if time.monotonic() - saved > SAVE_EVERY:
                    _save_answers(path, known)
                    saved = time.monotonic()
        finally:
            if missing:
                _save_answers(path, known)
    answers = [known[index] for index in wanted if index in known]
    return Survey(rows, tuple(_predicted(classifier, answer) for answer in answers), left_out)


def pick(config: Config, classifier: Classifier, clock: Clock) -> Example:
    """The example that `pick` names, chosen by what the model says of the rows up to the limit.

    Raises:
        UsageError: If it names a label that the model does not have.
        DataError: If no row fits.
    """
    rows = dataset.open_rows(config)
    assert config.pick is not None
    count = min(config.limit or len(rows), len(rows))
    how = f"{config.pick}, of {count:,} examples, seed {config.seed}"
    if config.pick == "random":
        return dataset.example(config, rows, examples.draw_any(count, seed=config.seed), picked=how)
    found = predict(config, classifier, rows, clock)
    if not found.predicted:
        raise DataError(f"--pick {config.pick}: none of {count:,} rows of {rows.place} can be read")
    chosen = examples.pick(found.predicted, config.pick, seed=config.seed)
    return dataset.example(config, rows, chosen.index, picked=how)


def measure(
    config: Config,
    classifier: Classifier,
    rows: Rows,
    clock: Clock,
    *,
    by: str,
    size: int,
    output: Path,
    restart: bool = False,
) -> HeadImportance:
    """Compute head importance over a sample of the split and save it.

    Args:
        config: Names the data; its seed draws the sample.
        classifier: The model.
        rows: The split.
        clock: Told of progress.
        by: The measure: taylor, taylor-local or ablation.
        size: How many examples to draw, at most; those without a gold label do not count.
        output: Where the file goes; beside it lies what an interrupted run goes on from.
        restart: Drop what an interrupted run has left.

    Raises:
        DataError: If no example has a gold label.
        UsageError: If an interrupted run was another one.
    """
    from reportgen import importance

    documents, gold = _sample(config, classifier, rows, size)
    facts = _facts(config, classifier, rows, by=by, count=len(documents))
    state = output.with_name(output.name + PARTIAL)
    with clock.stage("importance"), clock.track(f"importance ({by})", len(documents)) as advance:
        found = importance.compute(
            classifier,
            documents,
            gold,
            measure=by,
            batch_size=config.batch_size,
            state=state,
            key=cache.key(**facts, length=classifier.max_length, batch=config.batch_size),
            restart=restart,
            advance=advance,
        )
    importance_file.save(output, found, provenance={**facts, "created": now().isoformat(timespec="seconds")})
    state.unlink(missing_ok=True)
    return importance_file.load(output, shape=classifier.shape)


def auto(config: Config, classifier: Classifier, clock: Clock) -> HeadImportance:
    """Head importance over a small sample of the split that the example comes from, computed once and then kept.

    Raises:
        UsageError: If the example does not come from a split.
    """
    if config.dataset is None:
        raise UsageError(
            "--importance auto needs a dataset to take its sample from", hint="give --dataset, or a file of importance"
        )
    rows = dataset.open_rows(config)
    name = cache.key(survey=_key(config, classifier, rows), size=SMALL_SAMPLE, seed=config.seed)
    path = cache.place("importance", f"{name}.safetensors")
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        measure(config, classifier, rows, clock, by="taylor", size=SMALL_SAMPLE, output=path)
    return replace(importance_file.load(path, shape=classifier.shape), source="computed over a small sample")


def _ask(
    config: Config,
    classifier: Classifier,
    rows: Rows,
    indices: Sequence[int],
    known: dict[int, Answer],
    advance: Advance,
) -> dict[int, str]:
    """Add the model's answers for some rows to those that are known; which rows cannot be read, and why."""
    from reportgen import inference

    left_out: dict[int, str] = {}
    documents: list[Tokens] = []  # one, or one for each window, of an example
    owners: list[tuple[Example, Tokens, int]] = []  # of each document: its example, all its tokens, its documents
    logits: dict[int, list[Any]] = {}  # of an example's documents so far
    for index, example in _examples(config, rows, indices):
        try:
            if isinstance(example, DataError):
                raise example
            tokens, pieces = _read(config, classifier, example)
        except DataError as error:
            left_out[index] = error.message
            advance(1)
            continue
        documents += pieces
        owners += [(example, tokens, len(pieces))] * len(pieces)

    def keep(places: Sequence[int], found: Tensor) -> None:
        for place, row in zip(places, found, strict=True):
            example, tokens, count = owners[place]
            assert example.index is not None  # it is a row
            given = logits.setdefault(example.index, [])
            given.append(row)
            if len(given) == count:
                known[example.index] = _answer(example, tokens, sum(given) / count)
                advance(1)

    inference.predict_all(classifier, documents, batch_size=config.batch_size, on_batch=keep)
    return left_out


def _answer(example: Example, tokens: Tokens, logits: Any) -> Answer:
    assert example.index is not None  # it is a row
    return Answer(
        index=example.index,
        id=example.id,
        label=example.label,
        label_name=example.label_name,
        tokens=tokens.total,
        read=len(tokens),
        logits=tuple(logits.tolist()),
    )


def _read(config: Config, classifier: Classifier, example: Example) -> tuple[Tokens, list[Tokens]]:
    """An example as the model reads it: its tokens, and the one document, or the windows, that they are read in."""
    from reportgen import inference, windows

    tokens = inference.encode(classifier, example.text, whole=config.long == "window")
    plan = windows.plan(
        tokens, length=classifier.max_length, stride=config.stride, global_positions=classifier.global_positions
    )
    several = len(plan.windows) > 1
    return tokens, [plan.piece(window) for window in plan.windows] if several else [tokens]


def _examples(config: Config, rows: Rows, indices: Sequence[int]) -> Iterator[tuple[int, Example | DataError]]:
    """The examples of some rows, read together; an error in the place of one that cannot be read."""
    try:
        found = list(rows.read(indices))
    except DataError:  # of one of them: each for itself
        for index in indices:
            try:
                yield index, dataset.example(config, rows, index)
            except DataError as error:
                yield index, error
        return
    for row in found:
        try:
            yield row.index, dataset.of_row(config, rows, row)
        except DataError as error:
            yield row.index, error


def _sample(config: Config, classifier: Classifier, rows: Rows, size: int) -> tuple[list[Tokens], list[int]]:
    """Documents and gold labels of rows drawn at random, in the order of the rows."""
    from reportgen import inference

    drawn = sorted(random.Random(config.seed).sample(range(len(rows)), min(size, len(rows))))
    documents, gold = [], []
    for _, example in _examples(config, rows, drawn):
        if isinstance(example, DataError):
            continue
        label = inference.gold_label(classifier, example.label, example.label_name)
        if label is not None:
            documents.append(inference.encode(classifier, example.text))
            gold.append(label)
    if not documents:
        raise DataError(
            f"{rows.place}: none of the {len(drawn):,} rows that were drawn has a gold label that the model knows",
            hint="name the column of labels with --label-column, and the model's labels with --labels",
        )
    return documents, gold


def _predicted(classifier: Classifier, answer: Answer) -> Predicted:
    import torch

    from reportgen import inference

    said = inference.prediction(classifier, torch.tensor(answer.logits), gold=answer.label, gold_name=answer.label_name)
    return Predicted(answer.index, answer.id, answer.tokens, answer.read, said)


def _key(config: Config, classifier: Classifier, rows: Rows) -> str:
    """Name of all that the model's answers depend on."""
    return cache.key(
        **_model(classifier),
        dataset=[rows.dataset, rows.config, rows.split, rows.revision, sorted(rows.columns.items())],
        length=classifier.max_length,
        windows=classifier.windows,
        globals=classifier.global_positions,
        long=[config.long, config.stride],
        characters=config.max_chars,
    )


def _model(classifier: Classifier) -> dict[str, str]:
    """What tells one model from another: its commit, or the hash of what lies on disk; how it computes."""
    found = classifier.checkpoint
    return {
        "model": found.name,
        "model revision": found.revision,
        "weights": found.weights_sha256() if found.revision == LOCAL else "",
        "configuration": classifier.model.config.to_json_string(use_diff=False),
        "tokenizer": found.tokenizer,
        "tokenizer revision": found.tokenizer_revision,
        "tokenizer files": found.settings_sha256() if found.tokenizer_revision == LOCAL else "",
        "dtype": str(classifier.model.dtype),
    }


def _facts(config: Config, classifier: Classifier, rows: Rows, *, by: str, count: int) -> dict[str, str]:
    """Where head importance comes from, for whoever reads the file or the report."""
    found = classifier.checkpoint
    return {
        "measure": by,
        "data": rows.dataset + (f", split {rows.split}" if rows.split else ""),
        "data revision": rows.revision,
        "examples": str(count),
        "seed": str(config.seed),
        "model": found.name,
        "model revision": found.revision,
        "weights sha256": found.weights_sha256(),
        "tokens at most": str(classifier.max_length),
        "dtype": str(classifier.model.dtype).removeprefix("torch."),
        "reportgen": installed()["reportgen"],
    }


def _load_answers(path: Path) -> dict[int, Answer]:
    """Answers that are kept; none where the file is not there or cannot be read."""
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

    fields = [("index", pa.int64()), ("id", pa.string()), ("label", pa.string()), ("label_name", pa.string()),
              ("tokens", pa.int64()), ("read", pa.int64()), ("logits", pa.list_(pa.float32()))]  # fmt: skip
    rows = [
        {name: json.dumps(answer.label) if name == "label" else getattr(answer, name) for name, _ in fields}
        for _, answer in sorted(known.items())
    ]
    cache.keep(
        path, lambda temporary: parquet.write_table(pa.Table.from_pylist(rows, schema=pa.schema(fields)), temporary)
    )
