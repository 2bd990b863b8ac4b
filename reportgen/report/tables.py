"""Turn rankings into tables: Arrow tables for the data files, short tables of text for people.

Column names of the data files are the notebook's. In files and tables alike, layers, heads and ranks count from
1 and positions from 0. `store.py` writes the files.
"""

from __future__ import annotations

import csv
import io
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reportgen.core.nouns.records import Floats, Integers, Rankings, Report, Scores
from reportgen.core.numbers import numeral
from reportgen.report.even_share import multiple, of_even
from reportgen.report.parts import Table, WordCount
from reportgen.report.words import each_whole, first_words, in_words, of_report

Array = npt.NDArray[np.generic]

NAMED = 5  # words per head in the table of heads
LOOKED_AT = 40  # tokens in which they are found: several may be pieces of one word
HEADS = "head-tokens"  # key of that table
GAPS = (  # columns that are empty in some reports: pyarrow reads files as one table by the schema of the first
    "dataset", "split", "index", "id", "label", "predicted", "probability", "all_attention", "classifier", "gold",
    "sink", "seen", "score_cls", "word", "p", "low", "high",
)  # fmt: skip
# Cells that a spreadsheet may run something from: a call, a DDE pipe, or a reference to another sheet or file, behind a
# sign that begins a formula. An apostrophe before it is doubled in the same way, so that one can be taken away again.
FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20].*[(\uff08|!\[#]", re.DOTALL)


def files(report: Report, scores: Scores, rankings: Rankings) -> dict[str, bytes]:
    """The data files of a report by name, for its folder `tables`."""
    with ThreadPoolExecutor(1) as pool:  # the largest file is written in parallel: Arrow releases the GIL
        attended = pool.submit(lambda: parquet(attended_tokens(report, scores))) if report.attention.top_k else None
        top, listed = top_tokens(report, scores, rankings), token_list(report, scores)
        made = {
            "token_attention.parquet": parquet(token_attention(report, scores, rankings)),
            "top_tokens.parquet": parquet(top),
            "top_tokens.csv": comma_separated(top),
            "tokens.parquet": parquet(listed),
            "tokens.csv": comma_separated(listed),
        }
        made |= {"attended_tokens.parquet": attended.result()} if attended else {}
    pa.default_memory_pool().release_unused()  # page and PDF come next, and need some
    return made


def token_attention(report: Report, scores: Scores, rankings: Rankings) -> pa.Table:
    """Every token in every layer and head: layers * heads * tokens rows."""
    layers, heads, tokens = report.attention.shape
    positions, seen = np.tile(np.arange(tokens, dtype=np.int32), layers * heads), report.attention.seen
    return pa.table(
        {
            **_layer_head_columns(report, tokens),
            "position": _column(positions),
            "token": _tokens(report, positions),
            "attention_scores": _column(scores.attention_scores),
            "received": _column(report.attention.received),
            "rank": _column(rankings.ranks),
            "echo": _column(np.array(report.tokens.echo, bool)[positions]),
            "seen": pa.nulls(len(positions), pa.int32()) if seen is None else _column(seen.repeat(heads, axis=0)),
        }
    )


def top_tokens(report: Report, scores: Scores, rankings: Rankings) -> pa.Table:
    """The k tokens that receive most in every layer and head: layers * heads * k rows."""
    layers, heads, k = rankings.top_positions.shape
    chosen = np.take_along_axis(scores.attention_scores, rankings.top_positions, axis=-1)
    return pa.table(
        {
            "token": _tokens(report, rankings.top_positions),
            "position": _column(rankings.top_positions),
            "attention_scores": _column(chosen),
            **_layer_head_columns(report, k),
            "rank": _column(np.tile(np.arange(1, k + 1, dtype=np.int32), layers * heads)),
            "echo": _column(np.array(report.tokens.echo, bool)[rankings.top_positions]),
        }
    )


def attended_tokens(report: Report, scores: Scores) -> pa.Table:
    """The k tokens that every token attends to most, in every layer and head: layers * heads * tokens * k rows."""
    attention = report.attention
    layers, heads, tokens = attention.shape
    k = attention.top_k
    queries = np.tile(np.repeat(np.arange(tokens, dtype=np.int32), k), layers * heads)
    return pa.table(
        {
            "token": _tokens(report, queries),
            "self_position": _column(queries),
            "attended_token": _tokens(report, attention.attended_positions),
            "token_position": _column(attention.attended_positions),
            "attention_scores": _column(attention.attended_weights * scores.factors[:, :, None, None]),
            **_layer_head_columns(report, tokens * k),
            "rank": _column(np.tile(np.arange(1, k + 1, dtype=np.int32), layers * heads * tokens)),
            "echo": _column(np.array(report.tokens.echo, bool)[attention.attended_positions]),  # the attended token
        }
    )


def attending_tokens(report: Report, scores: Scores) -> pa.Table:
    """The tokens that attend to every token most, in every layer and head; at most layers * heads * tokens * m rows."""
    attention = report.attention
    layers, heads, tokens, m = attention.attending_positions.shape
    there = attention.attending_weights.reshape(-1) > 0  # an entry with weight 0 is no token
    keys = np.tile(np.repeat(np.arange(tokens, dtype=np.int32), m), layers * heads)
    weighed = attention.attending_weights * scores.factors[:, :, None, None]
    whole = pa.table(
        {
            "token": _tokens(report, keys),
            "self_position": _column(keys),
            "attending_token": _tokens(report, attention.attending_positions),
            "token_position": _column(attention.attending_positions),
            "attention_scores": _column(weighed),
            **_layer_head_columns(report, tokens * m),
            "rank": _column(np.tile(np.arange(1, m + 1, dtype=np.int32), layers * heads * tokens)),
            "echo": _column(np.array(report.tokens.echo, bool)[attention.attending_positions]),  # the attending token
        }
    )
    return whole.filter(pa.array(there))


def token_list(report: Report, scores: Scores) -> pa.Table:
    """The document token by token: tokens rows."""
    tokens = report.tokens
    text = report.example.text
    word, masked = _words(report)
    spans = zip(tokens.starts, tokens.ends, tokens.special, strict=True)
    return pa.table(
        {
            "position": pa.array(range(len(tokens)), pa.int32()),
            "token": pa.array(tokens.strings, pa.string()),
            "text": pa.array(["" if special else text[start:end] for start, end, special in spans], pa.string()),
            "start": pa.array(tokens.starts, pa.int32()),
            "end": pa.array(tokens.ends, pa.int32()),
            "score": _column(scores.total),
            "score_last_layer": _column(scores.last_layer),
            "score_cls": pa.nulls(len(tokens), pa.float32()) if scores.reader is None else _column(scores.reader),
            "special": pa.array(tokens.special, pa.bool_()),
            "echo": pa.array(tokens.echo, pa.bool_()),
            "global": _column(np.isin(np.arange(len(tokens)), report.attention.global_positions)),
            "word": word,
            "masked": masked,
            **_attributions(report),
        }
    )


def _words(report: Report) -> tuple[pa.Array, pa.Array]:
    """The word of each token, counted from 0 (empty for a token of none), and whether lists leave that word out."""
    number: list[int | None] = [None] * len(report.tokens)
    masked = [False] * len(report.tokens)
    for place, word in enumerate(of_report(report)):
        for position in (*word.positions, *word.echoes):
            number[position], masked[position] = place, word.masked
    return pa.array(number, pa.int32()), pa.array(masked, pa.bool_())


def _attributions(report: Report) -> dict[str, pa.Array]:
    """A column for each attribution: "attribution_gradient_x_input_1" for the label of index 1."""
    return {
        f"attribution_{one.method.replace('-', '_')}_{one.label}": _column(one.scores)
        for one in report.attributions
        if one.scores is not None
    }


def parquet(table: pa.Table) -> bytes:
    """Parquet that every reader takes; the same bytes for the same table and version of pyarrow.

    Snappy and plain floats: fastparquet does not read floats that are split by bytes, hyparquet alone no ZSTD. Text has
    no minimum and maximum, which cost time and help no reader. Columns that never have a gap are declared non-null, to
    save a flag in every row. NaN becomes null: of NaN, DuckDB and pyarrow find other rows in a file than in memory.
    """
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    columns = [pc.if_else(pc.is_nan(table[n]), None, table[n]) if n in floats else table[n] for n in table.column_names]
    both = zip(table.schema, columns, strict=True)
    table = pa.table(columns, schema=pa.schema([f.with_nullable(c.null_count > 0 or f.name in GAPS) for f, c in both]))
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        compression="snappy",
        use_dictionary=[name for name in table.column_names if name not in floats],
        column_encoding=dict.fromkeys(floats, "PLAIN"),
        write_statistics=[field.name for field in table.schema if not pa.types.is_dictionary(field.type)],
    )
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def comma_separated(table: pa.Table) -> bytes:
    """CSV for spreadsheets: with a byte order mark, or they take UTF-8 for something else, and text made harmless.

    Text that they could run something from gets an apostrophe before it, see `FORMULA`; docs/folder.md takes it away
    again. Other text is exact: "=", "-b" and "@user" stay as they are. Programs read the Parquet file, whose text is
    exact.
    """
    sink = io.StringIO()
    writer = csv.writer(sink)  # subtle: with another line end than its own it leaves a lone CR unquoted
    writer.writerow(table.column_names)
    for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
        writer.writerow([_cell(value) for value in row])
    return sink.getvalue().encode("utf-8-sig")


def for_people(
    report: Report,
    scores: Scores,
    rankings: Rankings,
    words: tuple[WordCount, ...],
    common: frozenset[int] = frozenset(),
) -> tuple[Table, ...]:
    """The top-k tables of the page, in reading order; no tables if the text has no content tokens.

    Args:
        report: That is shown.
        scores: Of it.
        rankings: Of its tokens.
        words: From `words.count_words`, those that lists name.
        common: From `words.common_positions`, tokens that no list names.
    """
    if rankings.by_score.size == 0:
        return ()
    shown = [_by_score(report, scores, rankings, common)]
    if scores.reader is not None and rankings.by_reader is not None:
        shown.append(_by_reader(report, scores.reader, without(rankings.by_reader, common)))
    if report.attention.top_k:
        shown += [_by_count(report, rankings, common), _by_word(report, words)]
    if report.live:
        shown.append(_by_head(report, rankings, common))
    return tuple(shown)


def without(order: npt.NDArray[np.integer[Any]], common: frozenset[int]) -> list[int]:
    """Positions in their order, without the *common* ones."""
    return [position for position in order.tolist() if position not in common]


def unranked(report: Report, common: frozenset[int]) -> str:
    """What a list leaves out, for sentences."""
    left, _, last = report.unranked.rpartition(" and ")
    names = [*left.split(", "), last]
    if common:
        names[2:2] = ["stop words", "punctuation"]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _by_score(report: Report, scores: Scores, rankings: Rankings, common: frozenset[int]) -> Table:
    names, order = in_words(report), without(rankings.by_score, common)
    layers, heads, _ = report.attention.shape
    times = of_even(scores.total.astype(np.float64) + scores.base * layers * heads, report.tokens.content)
    best = rankings.ranks.min(axis=(0, 1))
    rows = tuple(
        (str(n), names[p], str(p), numeral(scores.total[p]), multiple(float(times[p])), str(best[p]))
        for n, p in enumerate(order[: report.top_k], start=1)
    )
    where = " over all layers and heads" if report.live else ""
    shown = 6 if report.live else 5  # of one list of scores, the best rank in a head is the rank
    return Table(
        key="top-tokens",
        title="Highest scores",
        caption=f"Tokens with the highest scores{where}: {len(rows)} of {len(order):,}, without "
        f"{unranked(report, common)}",
        columns=("Rank", "Token", "Position", "Score", "Times even", "Best rank in a head")[:shown],
        numeric=(True, False, True, True, True, True)[:shown],
        rows=tuple(row[:shown] for row in rows),
    )


def _by_reader(report: Report, row: Floats, order: list[int]) -> Table:
    names = in_words(report)
    weighed = report.importance.measure != "none" and report.importance.values[-1].any()
    return Table(
        key="reader-tokens",
        title="Read by the classifier",
        caption=f"Tokens that {report.reader_name} attends to most in the last layer; the classifier reads this row",
        columns=("Rank", "Token", "Position", f"{'Weighted attention' if weighed else 'Attention'}, sum over heads"),
        numeric=(True, False, True, True),
        rows=tuple((str(n), names[p], str(p), f"{row[p]:.4g}") for n, p in enumerate(order[: report.top_k], start=1)),
    )


def _by_count(report: Report, rankings: Rankings, common: frozenset[int]) -> Table:
    names, counts = in_words(report), rankings.attended_counts.sum(axis=(0, 1))
    return Table(
        key="attended-instances",
        title="Most often attended",
        caption=f"How often a token is among the {report.attention.top_k} most attended, counted over all other "
        "tokens, layers and heads",
        columns=("Rank", "Token", "Position", "Count"),
        numeric=(True, False, True, True),
        rows=tuple(
            (str(n), names[p], str(p), f"{counts[p]:,}")
            for n, p in enumerate(without(rankings.by_count, common)[: report.top_k], start=1)
        ),
    )


def _by_word(report: Report, words: tuple[WordCount, ...]) -> Table:
    return Table(
        key="attended-words",
        title="By word",
        caption=f"How often a word is among the {report.attention.top_k} most attended: pieces joined, counts of all "
        "occurrences added up, upper and lower case alike",
        columns=("Rank", "Word", "Occurrences", "Count", "Count per occurrence"),
        numeric=(True, False, True, True, True),
        rows=tuple(
            (str(n), w.word, f"{w.occurrences:,}", f"{w.attended:,}", f"{w.attended / w.occurrences:,.1f}")
            for n, w in enumerate(words[: report.top_k], start=1)
        ),
    )


def _by_head(report: Report, rankings: Rankings, common: frozenset[int] = frozenset()) -> Table:
    names, importance = each_whole(report), report.importance.values
    by_head = rankings.ranks.reshape(-1, rankings.ranks.shape[-1])
    return Table(
        key=HEADS,
        title="By head",
        caption=f"Tokens {'with the highest scores' if report.given else 'that receive most attention'} in each layer "
        "and head",
        columns=("Layer", "Head", "Importance", f"Tokens, {'highest' if report.given else 'most attention'} first"),
        numeric=(True, True, True, False),
        rows=tuple(
            (
                str(layer),
                str(head),
                numeral(float(weight)),
                " · ".join(first_words(names, first_content(report, ranks, LOOKED_AT, common), count=NAMED)),
            )
            for (layer, head), weight, ranks in zip(report.places, importance.flat, by_head, strict=True)
        ),
    )


def on_paper(table: Table) -> Table:
    """The same table for paper, where nobody sorts: a row for every head has its layer and head in one cell.

    Importance is left out where all heads have the same. Half of the cells remain: typesetting them took a tenth of the
    time of the PDF.
    """
    if table.key != HEADS:
        return table
    layer, head, *_ = table.columns
    kept = [n for n in range(2, len(table.columns)) if n == 3 or len({row[n] for row in table.rows}) > 1]
    return replace(
        table,
        columns=(f"{layer}, {head.lower()}", *(table.columns[n] for n in kept)),
        numeric=(True, *(table.numeric[n] for n in kept)),
        rows=tuple((f"{row[0]}, {row[1]}", *(row[n] for n in kept)) for row in table.rows),
    )


def first_content(report: Report, ranks: Integers, count: int, common: frozenset[int] = frozenset()) -> list[int]:
    """Positions of the *count* first-ranked content tokens that are not *common*, from ranks (token,)."""
    content = np.flatnonzero(report.tokens.content)
    return without(content[np.argsort(ranks[content])], common)[:count]


def _layer_head_columns(report: Report, repeat: int) -> dict[str, pa.Array]:
    places = np.array(report.places, np.int16)
    return {name: _column(np.repeat(places[:, axis], repeat)) for axis, name in enumerate(("layer", "head"))}


def _column(values: Array) -> pa.Array:
    return pa.array(np.ascontiguousarray(values).reshape(-1))


def _tokens(report: Report, positions: Integers) -> pa.DictionaryArray:
    """Token strings of positions of any shape, each string stored once."""
    names, codes = np.unique(np.array(report.tokens.strings, dtype=object), return_inverse=True)
    flat = codes.astype(np.int32)[positions.reshape(-1)]
    return pa.DictionaryArray.from_arrays(pa.array(flat), pa.array(names, pa.string()))


def _cell(value: object) -> object:
    if isinstance(value, str) and FORMULA.match(value):
        return "'" + value
    number = f"{value:.7g}".removeprefix("nan") if isinstance(value, float) else value
    return str(value).lower() if isinstance(value, bool) else number
