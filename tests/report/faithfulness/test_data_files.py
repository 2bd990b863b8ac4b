"""data files of the test of a heatmap: a row for each answer of the model, sentence and coefficient."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from reportgen.report.faithfulness import data_files
from tests import faithful, reports


def read(name: str) -> pa.Table:
    return pq.read_table(io.BytesIO(data_files.files(faithful.report())[name]))


def test_every_answer_of_the_model_is_in_the_file_once() -> None:
    test = faithful.faithfulness()
    found = read("faithfulness.parquet").to_pylist()
    assert len(found) == 2 * 2 * (5 + 19) * 5
    keys = [(row["measure"], row["operator"], row["order"], row["draw"], row["share"]) for row in found]
    assert len(set(keys)) == len(keys)
    for trial in test.trials:
        for draw, curve in [(0, one) for one in trial.curves] + [*enumerate(trial.random, start=1)]:
            for at, share in enumerate(test.shares):
                row = found[keys.index((trial.measure, trial.operator, curve.order, draw, share))]
                assert row["margin"] == curve.margins[at]
                assert row["probability"] == curve.probabilities[at]
                assert (row["aopc"], row["count"]) == (curve.aopc, test.counts[at])
                assert row["p"] == curve.p


def test_sentences_are_quoted_exactly_and_in_order() -> None:
    text = reports.TEXT
    found = read("sentences.parquet").to_pylist()
    assert [row["sentence"] for row in found] == [text[row["start"] : row["end"]] for row in found]
    assert [row["change"] for row in found] == [0.42, -0.08]


def test_agreement_has_each_coefficient_with_its_chance() -> None:
    found = read("agreement.parquet").to_pylist()
    first = [row for row in found if row["other"] == "attribution"]
    assert [(row["coefficient"], row["share"]) for row in first[:3]] == [
        ("tau", 1),
        ("jaccard", 0.05),
        ("overlap", 0.01),
    ]
    assert first[1]["chance"] == pytest.approx(0.05 / 1.95)
    assert (first[0]["value"], first[0]["low"], first[0]["high"]) == pytest.approx((0.02, -0.08, 0.07))
    assert len(first) == 22


def test_a_number_that_is_not_known_is_no_number() -> None:
    """Null, not NaN: a query of the file would count NaN among the numbers, or lose it."""
    files = data_files.files(faithful.report())
    for name, column in (("faithfulness", "p"), ("agreement", "low"), ("agreement", "high")):
        table = read(f"{name}.parquet")
        known = table[column].drop_null().to_pylist()
        assert 0 < len(known) < len(table)
        assert all(map(math.isfinite, known))
        for share in (0.0, 1.0):
            some = pq.read_table(io.BytesIO(files[f"{name}.parquet"]), filters=pc.field(column) <= share)
            assert len(some) == sum(value <= share for value in known)
    rows = csv.DictReader(io.StringIO(files["faithfulness.csv"].decode("utf-8-sig")))
    assert {row["p"] for row in rows if row["draw"] != "0"} == {""}


def test_the_csv_says_the_same() -> None:
    files = data_files.files(faithful.report())
    for name in ("faithfulness", "sentences", "agreement"):
        rows = list(csv.reader(io.StringIO(files[f"{name}.csv"].decode("utf-8-sig"), newline="")))
        table = read(f"{name}.parquet")
        assert rows[0] == table.column_names
        assert len(rows) == len(table) + 1


def test_without_a_test_there_are_no_files() -> None:
    assert data_files.files(reports.report()) == {}


def test_what_was_not_measured_has_no_file() -> None:
    test = faithful.faithfulness(sentences=(), agreements=())
    made = data_files.files(replace(faithful.report(), faithfulness=test))
    assert set(made) == {"faithfulness.parquet", "faithfulness.csv"}
