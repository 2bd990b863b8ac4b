"""tables: rankings -> data files, and short tables for people."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.nouns.records import Report, Tokens
from reportgen.report import tables, words
from tests import reports

PARQUET = ("token_attention.parquet", "top_tokens.parquet", "attended_tokens.parquet")
COLUMNS = {
    "token_attention": ["layer", "head", "position", "token", "attention_scores", "received", "rank", "echo", "seen"],
    "top_tokens": ["token", "position", "attention_scores", "layer", "head", "rank", "echo"],
    "attended_tokens": [
        "token", "self_position", "attended_token", "token_position", "attention_scores", "layer", "head", "rank",
        "echo",
    ],
    "tokens": [
        "position", "token", "text", "start", "end", "score", "score_last_layer", "score_cls", "special", "echo",
        "global", "word", "masked",
    ],
}  # fmt: skip
ROOT = Path(__file__).parents[2]
LAYERS, HEADS, K, TOKENS = 3, 2, 4, 13


@pytest.fixture(scope="module")
def small() -> Report:
    """Thirteen tokens, a head of importance 0, a tie."""
    given = reports.report("The window sees . The token sees all of it .", layers=LAYERS, heads=HEADS, top_k=K, seed=3)
    received = given.attention.received.copy()
    received[1, 1, 3] = received[1, 1, 5]
    values = given.importance.values.copy()
    values[2, 0] = 0
    return replace(
        given,
        attention=replace(given.attention, received=received),
        importance=replace(given.importance, values=values),
    )


@pytest.fixture(scope="module")
def files(small: Report) -> dict[str, bytes]:
    return tables.files(small, *reports.ranked(small))


def frame(files: dict[str, bytes], name: str) -> pd.DataFrame:
    """A data file as a notebook reads it."""
    content = io.BytesIO(files[name])
    return pd.read_parquet(content) if name.endswith("parquet") else pd.read_csv(content, keep_default_na=False)


def cells(shape: tuple[int, int, int]) -> Iterator[tuple[int, int, int]]:
    """Indices of layer, head and position, the last one fastest."""
    return (tuple(index) for index in np.ndindex(shape))  # type: ignore[misc]


def test_the_files_are_those_of_the_design(files: dict[str, bytes]) -> None:
    assert set(files) == {
        "token_attention.parquet", "top_tokens.parquet", "top_tokens.csv", "attended_tokens.parquet", "tokens.parquet",
        "tokens.csv",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("token_attention.parquet", LAYERS * HEADS * TOKENS),
        ("top_tokens.parquet", LAYERS * HEADS * K),
        ("top_tokens.csv", LAYERS * HEADS * K),
        ("attended_tokens.parquet", LAYERS * HEADS * TOKENS * K),
        ("tokens.csv", TOKENS),
        ("tokens.parquet", TOKENS),
    ],
)
def test_columns_and_number_of_rows(files: dict[str, bytes], name: str, rows: int) -> None:
    read = frame(files, name)
    assert list(read.columns) == COLUMNS[name.split(".")[0]]
    assert len(read) == rows


def test_layers_heads_and_ranks_count_from_one_and_positions_from_zero(files: dict[str, bytes]) -> None:
    for name in PARQUET:
        read = frame(files, name)
        assert sorted(read["layer"].unique()) == [1, 2, 3]
        assert sorted(read["head"].unique()) == [1, 2]
        assert read["rank"].min() == 1
    assert sorted(frame(files, "token_attention.parquet")["position"].unique()) == list(range(TOKENS))
    assert frame(files, "attended_tokens.parquet")["self_position"].min() == 0
    assert frame(files, "tokens.csv")["position"].tolist() == list(range(TOKENS))


def test_layers_of_a_hybrid_model_keep_their_numbers(small: Report) -> None:
    """In every table of data, and in the tables for people."""
    kinds = ("Mamba", "attention", "Mamba", "attention", "attention")
    hybrid = replace(small, attention=replace(small.attention, layer_kinds=kinds))
    made = tables.files(hybrid, *reports.ranked(hybrid))
    for name in PARQUET:
        assert frame(made, name)["layer"].unique().tolist() == [2, 4, 5]
    assert [row[:2] for row in tables.for_people(hybrid, *reports.ranked(hybrid), ())[-1].rows] == [
        (str(layer), str(head)) for layer in (2, 4, 5) for head in (1, 2)
    ]


@pytest.mark.parametrize("name", PARQUET)
def test_no_column_of_parquet_has_empty_cells(files: dict[str, bytes], name: str) -> None:
    """Said in the schema, with what else it says unchanged: text is a dictionary, numbers are small."""
    schema = pq.read_schema(io.BytesIO(files[name]))
    assert [field.name for field in schema if field.nullable] == ["seen"] * (name == PARQUET[0])
    assert pa.types.is_dictionary(schema.field("token").type)
    assert (schema.field("layer").type, schema.field("rank").type) == (pa.int16(), pa.int32())


def test_token_attention_follows_the_definitions(small: Report, files: dict[str, bytes]) -> None:
    """Score: min-max of importance times received over everything; rank: within a head, from the unscaled weights."""
    received, importance = small.attention.received, small.importance.values
    products = [float(importance[la, he]) * float(received[la, he, t]) for la, he, t in cells(received.shape)]
    low, high = min(products), max(products)
    read = frame(files, "token_attention.parquet").itertuples(index=False)
    for row, (la, he, t), product in zip(read, cells(received.shape), products, strict=True):
        better = [s for s in range(TOKENS) if (-received[la, he, s], s) < (-received[la, he, t], t)]
        assert (row.layer, row.head, row.position, row.token) == (la + 1, he + 1, t, small.tokens.strings[t])
        assert row.received == received[la, he, t]
        assert row.attention_scores == pytest.approx((product - low) / (high - low), abs=1e-6)
        assert row.rank == len(better) + 1


def test_a_head_of_importance_zero_still_has_an_order(files: dict[str, bytes]) -> None:
    read = frame(files, "token_attention.parquet").query("layer == 3 and head == 1")
    assert (read["attention_scores"] == 0).all()
    assert read.sort_values("received", ascending=False)["rank"].tolist() == list(range(1, TOKENS + 1))


def test_top_tokens_are_the_first_ranks_of_token_attention(files: dict[str, bytes]) -> None:
    everything = frame(files, "token_attention.parquet")
    wanted = everything[everything["rank"] <= K].sort_values(["layer", "head", "rank"])
    read = frame(files, "top_tokens.parquet")
    pd.testing.assert_frame_equal(
        read[["layer", "head", "rank", "position", "attention_scores"]],
        wanted[["layer", "head", "rank", "position", "attention_scores"]].reset_index(drop=True),
    )
    assert read["token"].astype(str).tolist() == wanted["token"].astype(str).tolist()


def test_the_csv_of_top_tokens_says_what_the_parquet_says(files: dict[str, bytes]) -> None:
    one, other = frame(files, "top_tokens.csv"), frame(files, "top_tokens.parquet")
    assert one["token"].tolist() == other["token"].astype(str).tolist()
    for name in ("position", "layer", "head", "rank"):
        assert one[name].tolist() == other[name].tolist()
    assert one["attention_scores"].tolist() == pytest.approx(other["attention_scores"].tolist(), rel=1e-6)


def test_attended_tokens_follow_the_definitions() -> None:
    """For each query the k largest weights, scaled by importance, against the dense attention."""
    given = reports.report("The window sees all .", layers=2, heads=3, top_k=3, seed=5)
    dense = reports.weights(len(given.tokens), layers=2, heads=3, seed=5)
    read = frame(tables.files(given, *reports.ranked(given)), "attended_tokens.parquet")
    rows = iter(read.itertuples(index=False))
    for la, he, q in cells(given.attention.shape):
        order = sorted(range(len(given.tokens)), key=lambda key: (-dense[la, he, q, key], key))
        for n, key in enumerate(order[:3], start=1):
            row = next(rows)
            assert (row.layer, row.head, row.self_position, row.token_position, row.rank) == (la + 1, he + 1, q, key, n)
            assert (row.token, row.attended_token) == (given.tokens.strings[q], given.tokens.strings[key])
            assert row.attention_scores == pytest.approx(dense[la, he, q, key] * given.importance.values[la, he])
    assert next(rows, None) is None


def test_the_token_list_follows_the_definitions(small: Report, files: dict[str, bytes]) -> None:
    scores, _ = reports.ranked(small)
    dense = reports.weights(TOKENS, layers=LAYERS, heads=HEADS, seed=3)
    for t, row in enumerate(frame(files, "tokens.csv").itertuples(index=False)):
        assert row.token == small.tokens.strings[t]
        assert row.text == ("" if small.tokens.special[t] else small.example.text[row.start : row.end])
        assert (row.start, row.end) == (small.tokens.starts[t], small.tokens.ends[t])
        assert str(row.special).lower() == str(small.tokens.special[t]).lower()
        assert row.score == pytest.approx(float(scores.attention_scores[:, :, t].sum()), rel=1e-5)
        assert row.score_last_layer == pytest.approx(float(scores.attention_scores[-1, :, t].sum()), rel=1e-5)
        row_of_reader = sum(float(small.importance.values[-1, h]) * float(dense[-1, h, 0, t]) for h in range(HEADS))
        assert float(row.score_cls) == pytest.approx(row_of_reader, rel=1e-5)


def test_without_a_row_that_is_read_its_column_is_empty() -> None:
    given = reports.report(reader=None)
    read = frame(tables.files(given, *reports.ranked(given)), "tokens.csv")
    assert set(read["score_cls"]) == {""}


@given(reports.tokenised())
def test_any_text_comes_back_from_its_files(case: tuple[str, Tokens]) -> None:
    text, tokens = case
    shown = reports.report(text, read=tokens, top_k=min(3, len(tokens)))
    made = tables.files(shown, *reports.ranked(shown))
    read = pd.read_parquet(io.BytesIO(made["token_attention.parquet"]))
    assert read["token"].astype(str).tolist() == list(tokens.strings) * 4
    rows = list(csv.DictReader(io.StringIO(made["tokens.csv"].decode("utf-8-sig"), newline="")))
    unprefixed = [documented(row["text"]) for row in rows]
    spans = zip(tokens.starts, tokens.ends, tokens.special, strict=True)
    written = ["" if special else text[a:b] for a, b, special in spans]
    assert unprefixed == written
    exact = pd.read_parquet(io.BytesIO(made["tokens.parquet"]))
    assert exact["token"].tolist() == list(tokens.strings)
    assert exact["text"].tolist() == written


def documented(cell: str) -> str:
    """A cell without the guard's apostrophe, as docs/folder.md says in Python."""
    (code,) = re.findall(r"^re\.sub\(.*\)$", (ROOT / "docs" / "folder.md").read_text(), re.MULTILINE)
    found: str = eval(code, {"re": re, "cell": cell})
    return found


SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝")


@given(st.text("=+-@\t\r\n＝'(|!#[ab", max_size=8))
def test_the_guard_of_a_cell_can_be_taken_away_and_leaves_nothing_to_run(text: str) -> None:
    made = tables.comma_separated(pa.table({"token": [text]}))
    _, (cell,) = csv.reader(io.StringIO(made.decode("utf-8-sig"), newline=""))
    assert documented(cell) == text
    runs = text.lstrip("'").startswith(SIGNS) and not set(text).isdisjoint("(|!#[")
    assert cell == (f"'{text}" if runs else text)


@pytest.mark.parametrize(
    "text", ["-", "=", "+", "-b", "@user", "--flag", "=>", "+1", "-3.5", "= c", "'- f", "'", "->", "a=f(x)", "@", "−b"]
)
def test_a_cell_that_a_spreadsheet_runs_nothing_from_is_exact(text: str) -> None:
    assert tables.comma_separated(pa.table({"token": [text]})) == f"token\r\n{text}\r\n".encode("utf-8-sig")


@pytest.mark.parametrize(
    "text",
    [
        "=HYPERLINK(\"http://evil\")", "+SUM(A1)", "@SUM(1+9)*cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0",
        "='file:///etc/passwd'#$passwd.A1", "=[other.xlsx]Sheet1!A1", "=Sheet2!A1", "＝cmd（1）",
    ],
)  # fmt: skip
def test_a_formula_that_reaches_out_is_guarded(text: str) -> None:
    made = tables.comma_separated(pa.table({"token": [text]}))
    assert list(csv.reader(io.StringIO(made.decode("utf-8-sig"), newline="")))[1] == [f"'{text}"]


@pytest.mark.parametrize("start", SIGNS)
def test_a_cell_that_a_spreadsheet_would_run_is_prefixed(start: str) -> None:
    payload = f"{start}cmd|' /C calc'!A0"
    made = tables.comma_separated(pa.table({"token": [payload, "plain"], "score": [-1.5, -2.0], "position": [-3, 4]}))
    rows = list(csv.reader(io.StringIO(made.decode("utf-8-sig"), newline="")))
    assert rows == [["token", "score", "position"], ["'" + payload, "-1.5", "-3"], ["plain", "-2", "4"]]


def test_the_same_report_gives_the_same_bytes(small: Report, files: dict[str, bytes]) -> None:
    assert tables.files(small, *reports.ranked(small)) == files


def table_of(given: Report) -> dict[str, Any]:
    """The tables for people, by key."""
    scores, rankings = reports.ranked(given)
    found = words.whole_words(given.example.text, given.tokens, language="en")
    counts = words.count_words(found, rankings.attended_counts)
    return {table.key: table for table in tables.for_people(given, scores, rankings, counts)}


def test_a_model_of_one_head_has_its_table_too() -> None:
    """Only one list of scores from elsewhere has no heads."""
    assert "head-tokens" in table_of(reports.report(layers=1, heads=1))


def test_tables_for_people_are_rectangular_and_leave_special_tokens_out(small: Report) -> None:
    made = table_of(small)
    assert list(made) == ["top-tokens", "reader-tokens", "attended-instances", "attended-words", "head-tokens"]
    for table in made.values():
        assert table.rows
        assert {len(table.columns), len(table.numeric)} == {len(row) for row in table.rows}
        assert not any(cell in ("<s>", "</s>") for row in table.rows for cell in row)


def test_the_top_table_ranks_content_by_score(small: Report) -> None:
    scores, rankings = reports.ranked(small)
    content = [t for t in range(TOKENS) if not small.tokens.special[t]]
    order = sorted(content, key=lambda t: (-scores.total[t], t))[:K]
    rows = table_of(small)["top-tokens"].rows
    assert [int(row[2]) for row in rows] == order
    assert [int(row[0]) for row in rows] == [1, 2, 3, 4]
    assert [row[1] for row in rows] == [small.words()[t] for t in order]
    mean = sum(float(scores.total[t]) for t in content) / len(content)
    assert rows[0][4] == f"{float(scores.total[order[0]]) / mean:.1f}×"
    assert rows[0][5] == str(rankings.ranks[:, :, order[0]].min())


def test_counts_of_a_word_add_its_occurrences(small: Report) -> None:
    counts = reports.ranked(small)[1].attended_counts.sum(axis=(0, 1))
    the = [t for t, word in enumerate(small.words()) if word.casefold() == "the"]
    row = next(row for row in table_of(replace(small, top_k=20))["attended-words"].rows if row[1] == "the")
    assert len(the) == 2
    assert row[2:4] == ("2", str(sum(int(counts[t]) for t in the)))


def test_the_table_of_heads_names_every_head(small: Report) -> None:
    rows = table_of(small)["head-tokens"].rows
    assert [(row[0], row[1]) for row in rows] == [(str(la), str(he)) for la in (1, 2, 3) for he in (1, 2)]
    received = small.attention.received[2, 0]
    first = max((t for t in range(TOKENS) if not small.tokens.special[t]), key=lambda t: received[t])
    assert rows[4][3].split(" · ")[0] == small.words()[first]


def test_on_paper_a_head_is_one_cell_and_importance_is_left_out_where_all_have_the_same(small: Report) -> None:
    made = table_of(small)
    shown = tables.on_paper(made["head-tokens"])
    assert shown.columns == ("Layer, head", "Importance", "Tokens, most attention first")
    assert shown.rows[4] == ("3, 1", *made["head-tokens"].rows[4][2:])
    equal = replace(made["head-tokens"], rows=tuple((*row[:2], "1.000", row[3]) for row in made["head-tokens"].rows))
    assert tables.on_paper(equal).columns == ("Layer, head", "Tokens, most attention first")
    assert tables.on_paper(equal).numeric == (True, False)
    assert tables.on_paper(equal).rows[4] == ("3, 1", made["head-tokens"].rows[4][3])
    assert tables.on_paper(made["top-tokens"]) is made["top-tokens"]


@pytest.mark.parametrize("text", ["", "  \n "])
def test_a_text_without_content_has_no_tables(text: str) -> None:
    """A note stands in their place."""
    assert table_of(reports.report(text, read=reports.tokens(text, spans=[(0, len(text))]), top_k=1)) == {}


def test_rankings_of_another_report_are_an_error(small: Report) -> None:
    other = reports.report("Something much shorter", top_k=2)
    with pytest.raises((ValueError, IndexError, pa.ArrowInvalid)):
        tables.files(small, *reports.ranked(other))
