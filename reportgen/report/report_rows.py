"""Turn a report into rows that are stacked over many reports: one of the document, one for each label and each head.

What the other tables hold for each token, these hold for the whole: whoever counts over reports needs no JSON.
"""

from __future__ import annotations

import pyarrow as pa

from reportgen.core.nouns.faithfulness import VIEWS
from reportgen.core.nouns.records import Report
from reportgen.report import opening
from reportgen.report.tables import parquet

DOCUMENT = pa.schema(
    [
        ("name", pa.string()),  # of the report
        ("title", pa.string()),
        ("dataset", pa.string()),
        ("split", pa.string()),
        ("index", pa.int64()),
        ("id", pa.string()),
        ("label", pa.string()),  # gold
        ("predicted", pa.string()),
        ("probability", pa.float64()),  # of the predicted label; of several, of the least certain yes or no
        ("verdict", pa.string()),
        ("tokens", pa.int64()),  # of the whole text
        ("read", pa.int64()),  # of them, those that the model has read
        ("all_attention", pa.string()),  # the verdict on this view; null where it was not tested
        ("classifier", pa.string()),  # on what the classifier reads
        ("view", pa.string()),  # which the report opens with: "All attention" or "What the classifier reads"
        ("model", pa.string()),
        ("revision", pa.string()),
        ("weights_sha256", pa.string()),
        ("importance", pa.string()),  # what head importance measures
        ("received", pa.string()),  # "total" or "per-query"
        ("top_k", pa.int64()),  # most attended tokens that are kept of each token
        ("language", pa.string()),
    ]
)


def files(report: Report) -> dict[str, bytes]:
    """The data files by name, for the folder `tables`; no labels where no prediction is known."""
    made = {"report.parquet": parquet(document(report)), "heads.parquet": parquet(heads(report))}
    return made if report.prediction is None else made | {"labels.parquet": parquet(labels(report))}


def document(report: Report) -> pa.Table:
    """The report in one row, see `DOCUMENT`."""
    example, said, made = report.example, report.prediction, report.provenance
    row = {
        "name": example.name,
        "title": example.title,
        "dataset": example.dataset,
        "split": example.split,
        "index": example.index,
        "id": example.id,
        "label": said and said.gold_name,
        "predicted": said and said.predicted_name,
        "probability": said and said.confidence,
        "verdict": said.verdict if said else "unknown",
        "tokens": report.tokens.total,
        "read": len(report.tokens),
        "all_attention": report.faithfulness and report.faithfulness.code("all_attention"),
        "classifier": report.faithfulness and report.faithfulness.code("classifier"),
        "view": VIEWS[opening.order(report)],
        "model": made.model,
        "revision": made.revision,
        "weights_sha256": made.weights_sha256,
        "importance": report.importance.measure,
        "received": report.received,
        "top_k": report.attention.top_k,
        "language": report.language,
    }
    return pa.Table.from_pylist([row], schema=DOCUMENT)


def labels(report: Report) -> pa.Table:
    """What the model says of each label: a row for each."""
    said = report.prediction
    assert said is not None  # `files` has looked
    numbers = range(len(said.labels))
    gold = [None if said.true is None else number in said.true for number in numbers]
    return pa.table(
        {
            "index": pa.array(numbers, pa.int16()),
            "label": pa.array(said.labels, pa.string()),
            "logit": pa.array(said.logits, pa.float64()),
            "probability": pa.array(said.probabilities, pa.float64()),
            "predicted": pa.array([number in said.chosen for number in numbers], pa.bool_()),
            "gold": pa.array(gold, pa.bool_()),
        }
    )


def heads(report: Report) -> pa.Table:
    """The importance of each head, and what its learned sink takes: layers * heads rows."""
    layers, numbers = zip(*report.places, strict=True)
    sink = report.attention.sink
    return pa.table(
        {
            "layer": pa.array(layers, pa.int16()),
            "head": pa.array(numbers, pa.int16()),
            "importance": pa.array(report.importance.values.ravel(), pa.float32()),
            "sink": pa.nulls(len(layers), pa.float32()) if sink is None else pa.array(sink.ravel(), pa.float32()),
        }
    )
