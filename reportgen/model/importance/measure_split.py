"""Chain the stages to head importance: draw rows of a split, read them, measure, and keep the result.

`measures.py` has the measures. The state of an interrupted run is next to its file, with a name made of everything
that the result depends on.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from reportgen.core import versions
from reportgen.core.characters import clean
from reportgen.core.clock import Clock, now
from reportgen.core.config import BATCH_SIZE, MEASURES, Config
from reportgen.core.errors import DataError, ImportanceError, OutputError, UsageError
from reportgen.core.files import disk
from reportgen.core.nouns.records import HeadImportance, Tokens
from reportgen.core.private import FACTS, public
from reportgen.data import choice
from reportgen.data.dataset_rows import Rows
from reportgen.model import predict_split
from reportgen.model.checkpoint import exact
from reportgen.model.importance import importance_files
from reportgen.model.importance.importance_files import Importance

if TYPE_CHECKING:
    from torch import Tensor

    from reportgen.model.classifier import Classifier
    from reportgen.model.importance.measures import Example, Gold

SIZE = 500  # examples of `reportgen importance`
SMALL_SIZE, SMALL = 32, "computed over a small sample"  # of `--importance auto`
MEASURE = MEASURES[0]  # of `--importance auto`
PARTIAL = ".partial"  # behind the name of a file that is not finished


@dataclass(frozen=True, slots=True)
class Sample:
    """Documents with a gold label."""

    documents: tuple[Tokens, ...]
    gold: tuple[Gold, ...]
    drawn: int  # rows, those without a gold label counted


class Machines(Protocol):
    """Others that measure parts of a sample: a cluster."""

    def contributions(
        self, config: Config, chunks: Sequence[Sequence[Example]], *, by: str, batch_size: int
    ) -> Generator[list[Tensor], None, None]:
        """The contribution of each of *chunks* to the sums, in order; see `measures.contribution`."""


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
    machines: Machines | None = None,
) -> HeadImportance:
    """Compute head importance over a sample of the split and save it.

    Args:
        config: Names the data; its seed draws the sample.
        classifier: The model.
        rows: The split.
        clock: Told of progress.
        by: The measure: taylor, taylor-local or ablation.
        size: How many examples to draw, at most; those without a gold label do not count.
        output: The file of the result; the state of an interrupted run is next to it.
        restart: Drop what an interrupted run has left.
        machines: Where to compute, if not here.

    Raises:
        DataError: If no example has a gold label.
        UsageError: If an interrupted run was another one.
    """
    sample = _sample(config, classifier, rows, size)
    state = output.with_name(output.name + PARTIAL)
    name = _measured(classifier, sample, by=by, seed=config.seed)
    found = _compute(
        config, classifier, sample, clock, by=by, name=name, state=state, restart=restart, machines=machines
    )
    facts = {**_facts(config, classifier, rows, sample), "created": now().isoformat(timespec="seconds")}
    kept = {name: value for name, value in facts.items() if name in FACTS or not config.anonymous}
    importance_files.save(output, found, provenance=kept)
    state.unlink(missing_ok=True)
    return importance_files.known(found, facts, source=output.name)


def drop_finished(output: Path) -> None:
    """Remove the state of a run that was killed when it had written its file, and before it could remove the state."""
    state = output.with_name(output.name + PARTIAL)
    with contextlib.suppress(OSError):
        if state.stat().st_mtime_ns <= output.stat().st_mtime_ns:
            state.unlink()


def auto(config: Config, classifier: Classifier, clock: Clock) -> HeadImportance:
    """Head importance over a small sample of the split that the example comes from, computed once and then kept.

    Raises:
        UsageError: If the example does not come from a split.
        DataError: If no example has a gold label.
    """
    if config.dataset is None:
        raise UsageError(
            "--importance auto needs a dataset for its sample", hint="give --dataset, or --importance with a file"
        )
    rows = choice.open_rows(config, lambda: classifier.labels)
    sample = _sample(config, classifier, rows, SMALL_SIZE)
    facts = _facts(config, classifier, rows, sample)
    name = _measured(classifier, sample, by=MEASURE, seed=config.seed)
    path = disk.cached("importance", f"{name}.safetensors")
    try:
        kept = importance_files.load(path, shape=classifier.shape)
        return replace(kept, source=SMALL)
    except ImportanceError:  # not there, or damaged
        found = _compute(config, classifier, sample, clock, by=MEASURE, name=name, state=None)
    with contextlib.suppress(OutputError):  # a cache that cannot be written
        importance_files.save(path, found, provenance=facts)
    return importance_files.known(found, facts, source=SMALL)


def _compute(
    config: Config,
    classifier: Classifier,
    sample: Sample,
    clock: Clock,
    *,
    by: str,
    name: str,
    state: Path | None,
    restart: bool = False,
    machines: Machines | None = None,
) -> Importance:
    from reportgen.model.importance import measures

    size = config.batch_size or BATCH_SIZE

    def elsewhere(chunks: Sequence[Sequence[Example]]) -> Generator[list[Tensor], None, None]:
        assert machines is not None  # it is not called without
        return machines.contributions(exact(config, classifier.checkpoint), chunks, by=by, batch_size=size)

    with clock.stage("importance"), clock.track(f"importance ({by})", len(sample.documents)) as advance:
        return measures.compute(
            classifier,
            sample.documents,
            sample.gold,
            measure=by,
            batch_size=size,
            state=state,
            key=f"{name} {size}",
            restart=restart,
            advance=advance,
            elsewhere=elsewhere if machines else None,
        )


def _sample(config: Config, classifier: Classifier, rows: Rows, size: int) -> Sample:
    """Documents and gold labels of rows drawn at random, in the order of the rows."""
    from reportgen.model.reading import forward_pass
    from reportgen.model.tokenizing.tokens import encode

    drawn = sorted(random.Random(config.seed).sample(range(len(rows)), min(size, len(rows))))
    documents: list[Tokens] = []
    gold: list[Gold] = []
    for _, example in predict_split.read_examples(config, rows, drawn):
        if isinstance(example, DataError):
            continue
        labels = forward_pass.gold_labels(classifier, example.label, example.label_column)
        if labels is not None:
            documents.append(encode(classifier, example.text))
            gold.append(labels if classifier.thresholds else labels[0])
    if not documents:
        raise DataError(
            f"{rows.place}: none of the {len(drawn):,} rows of the sample has a gold label that the model knows",
            hint="set the label column with --label-column, or the model's labels with --labels",
        )
    return Sample(tuple(documents), tuple(gold), len(drawn))


def _measured(classifier: Classifier, sample: Sample, *, by: str, seed: int) -> str:
    """Name of all that head importance depends on."""
    documents = [[tokens.ids, tokens.types, gold] for tokens, gold in zip(sample.documents, sample.gold, strict=True)]
    return disk.key(**predict_split.identify(classifier), by=by, documents=documents, seed=seed)


def _facts(config: Config, classifier: Classifier, rows: Rows, sample: Sample) -> dict[str, str]:
    """The source of head importance, for readers of the file or the report."""
    found = classifier.checkpoint
    return {
        "data": rows.dataset + (f", split {rows.split}" if rows.split else ""),
        "data revision": rows.revision,
        **({"labels": said} if (said := predict_split.reading(classifier, rows.labels)) else {}),
        "rows drawn": str(sample.drawn),
        "seed": str(config.seed),
        "model": clean(public(config.model)),
        "model revision": found.revision,
        "weights sha256": found.weights_sha256(),
        "tokenizer": clean(public(config.tokenizer or config.model)),
        "tokenizer revision": found.tokenizer_revision,
        "tokens at most": str(classifier.max_length),
        "dtype": str(classifier.model.dtype).removeprefix("torch."),
        "reportgen": versions.of("reportgen")["reportgen"],
    }
