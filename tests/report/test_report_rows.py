"""report_rows: a report -> rows that are stacked over many reports."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.config import Config
from reportgen.core.nouns.labels import Prediction
from reportgen.core.nouns.records import Report
from reportgen.report import report_rows, tables
from reportgen.report.private import redacted
from tests import faithful, reports


def frame(report: Report, name: str) -> pd.DataFrame:
    """A data file as a notebook reads it."""
    return pd.read_parquet(io.BytesIO(report_rows.files(report)[f"{name}.parquet"]))


def several(probabilities: tuple[float, ...], gold: tuple[int, ...] | None) -> Prediction:
    """Of labels that do not exclude each other."""
    return Prediction(
        tuple("abc"),
        tuple(float(np.log(p / (1 - p))) for p in probabilities),
        probabilities,
        predicted=int(np.argmax(probabilities)),
        gold=None,
        gold_text=None,
        thresholds=(0.5, 0.5, 0.5),
        gold_labels=gold,
    )


def test_one_row_says_what_the_report_is() -> None:
    report = reports.report("One window sees", read=replace(reports.tokens("One window sees"), total=9))
    (row,) = frame(report, "report").to_dict("records")
    assert {name: row[name] for name in ("name", "title", "dataset", "split", "label", "predicted", "verdict")} == {
        "name": "small-0", "title": "A small report", "dataset": "small", "split": "test", "label": "left",
        "predicted": "left", "verdict": "right",
    }  # fmt: skip
    assert (row["tokens"], row["read"], row["probability"], row["top_k"]) == (9, 5, 0.802, 3)
    assert (row["model"], row["importance"], row["received"]) == ("models/small", "taylor", "total")
    assert pd.isna(row["all_attention"])
    whole = reports.report()
    tested = replace(whole, faithfulness=faithful.faithfulness(whole))
    assert frame(tested, "report")["all_attention"].item() == "supported"
    assert frame(tested, "report")["view"].item() == "What the classifier reads"


def test_heads_and_labels_have_a_row_each() -> None:
    report = reports.report("One window sees", layers=2, heads=2)
    heads = frame(report, "heads")
    assert heads[["layer", "head", "importance"]].to_numpy().tolist() == [
        [1, 1, 0.25], [1, 2, 0.5], [2, 1, 0.75], [2, 2, 1]
    ]  # fmt: skip
    assert heads["sink"].isna().all()
    labels = frame(replace(report, prediction=several((0.9, 0.2, 0.7), (0, 1))), "labels")
    assert labels["label"].tolist() == list("abc")
    assert labels["predicted"].tolist() == [True, False, True]
    assert labels["gold"].tolist() == [True, True, False]
    assert labels["logit"][0] == pytest.approx(np.log(9))


@given(st.lists(st.floats(0.01, 0.99), min_size=3, max_size=3), st.none() | st.sets(st.integers(0, 2)))
def test_labels_and_row_agree(probabilities: list[float], gold: set[int] | None) -> None:
    """The verdict is what a reader of the table of labels would say."""
    said = several(tuple(probabilities), None if gold is None else tuple(sorted(gold)))
    report = replace(reports.report("One"), prediction=said)
    labels, row = frame(report, "labels"), frame(report, "report").iloc[0]
    if gold is None:
        assert labels["gold"].isna().all()
        assert row["verdict"] == "unknown"
    else:
        assert row["verdict"] == ("right" if (labels["gold"] == labels["predicted"]).all() else "wrong")


def test_files_of_reports_that_know_different_things_are_read_as_one_table(tmp_path: Path) -> None:
    """Arrow takes the schema of the first file for all: what may be empty must be allowed to be in each."""
    whole = reports.report()
    tested = replace(whole, faithfulness=faithful.faithfulness(whole))
    unknown = replace(whole, prediction=replace(several((0.5, 0.6, 0.7), None)), example=replace(whole.example, id="7"))
    blind = replace(whole, attention=replace(whole.attention, reader=None, reader_position=None))
    seen = replace(whole.attention, seen=np.ones((2, len(whole.tokens)), np.int32), sink=np.ones((2, 2), np.float32))
    for number, report in enumerate((tested, replace(whole, attention=seen), unknown, blind)):
        files = tables.files(report, *reports.ranked(report)) | report_rows.files(report)
        for name in ("report", "labels", "heads", "tokens", "token_attention", "top_tokens"):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / f"{number}.parquet").write_bytes(files[f"{name}.parquet"])
    for folder in tmp_path.iterdir():
        paths = sorted(map(str, folder.iterdir()))
        for order in (paths, paths[::-1]):
            stacked = ds.dataset(order, format="parquet").to_table()
            stacked.validate(full=True)
            for field, column in zip(stacked.schema, stacked.columns, strict=True):
                assert field.nullable or not column.null_count, (folder.name, field)


def test_hidden_words_are_in_no_row() -> None:
    report = reports.report("Wexlorth sees a window")
    titled = replace(report, example=replace(report.example, title="Of Wexlorth", id="Wexlorth-1"))
    hidden = redacted.redacted(titled, Config(redact="wexlorth"))
    for content in report_rows.files(hidden).values():
        assert b"Wexlorth" not in content
    assert any(b"Wexlorth" in content for content in report_rows.files(titled).values())


def test_without_a_prediction_there_are_no_labels() -> None:
    report = replace(reports.report(), prediction=None)
    assert "labels.parquet" not in report_rows.files(report)
    row = report_rows.document(report).to_pylist()[0]
    assert (row["verdict"], row["predicted"], row["probability"]) == ("unknown", None, None)
    assert report_rows.document(report).schema.field("probability").type == pa.float64()
