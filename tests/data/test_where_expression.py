"""condition: an expression of SQL -> the rows of which it holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.errors import UsageError
from reportgen.data import where_expression

ROWS: list[dict[str, Any]] = [
    {"index": 0, "id": "a-0", "label": 1, "label_name": "right", "text": "Index of x", "characters": 10},
    {"index": 1, "id": "A-1", "label": "1", "label_name": "left", "text": "", "characters": 0},
    {"index": 2, "id": "b(2", "label": "left", "title": "it's", "text": "naïve\0ends", "characters": 10},
    {"index": 3, "label": None, "probability": 0.5, "verdict": "wrong", "tokens": 7, "predicted": "left"},
    {"index": 4, "label": True, "probability": 0.75, "verdict": "right", "tokens": 12, "characters": 2**70},
]


def holds(expression: str, size: int = 2) -> list[int]:
    return list(where_expression.holding(expression, [ROWS[n : n + size] for n in range(0, len(ROWS), size)]))


@pytest.mark.parametrize(
    ("expression", "indices"),
    [
        ("label = 1", [0, 1, 4]),
        ("label = '1'", [0, 1, 4]),
        ("label = 1.0", [0, 1, 4]),
        ("label = 'left'", [2]),
        ("label IS NULL", [3]),
        ("label <> 1", [2]),
        ("NOT label = 1 OR label IS NULL", [2, 3]),
        ("label IN (1, 'left')", [0, 1, 2, 4]),
        ("label_name = 'right'", [0]),
        ("index < 2", [0, 1]),
        ("INDEX BETWEEN 1 AND 3", [1, 2, 3]),
        ('"index" = 3 OR `index` = 1 OR [index] = 0', [0, 1, 3]),
        ("text LIKE 'index%'", [0]),
        ("text LIKE 'Index of%' AND (index = 0)", [0]),
        ("text = 'Index of x' -- the index", [0]),
        ("/* index) */ id = 'b(2'", [2]),
        ("title = 'it''s'", [2]),
        ("id GLOB 'a*'", [0]),
        ("lower(id) IN ('a-1', 'a-0') AND length(text) > 1", [0]),
        ("tokens > 7", [4]),
        ("probability >= 0.5 AND verdict = 'wrong'", [3]),
        ("predicted = label_name", []),
        ("characters > 1000000", [4]),
        ("1", [0, 1, 2, 3, 4]),
        ("NULL", []),
        ("'text'", []),
        ("example.index = 4", [4]),
        ("\n index = 1 \n", [1]),
    ],
)
def test_rows_of_which_it_holds(expression: str, indices: list[int]) -> None:
    """However many are held at once."""
    assert [holds(expression, size) for size in (1, 2, 5)] == [indices] * 3


@pytest.mark.parametrize(
    ("expression", "columns"),
    [
        ("label = 1", {"label"}),
        ("lower(TEXT) = 'x' or Tokens > 3", {"text", "tokens"}),
        ("index = 1 and 'text' <> 'tokens'", set()),
        ("verdict = 'right' and 0 < 1", {"verdict"}),
        ('"label_name" is null', {"label_name"}),
    ],
)
def test_columns_that_it_reads(expression: str, columns: set[str]) -> None:
    """So that nothing is fetched that nobody asks for."""
    assert where_expression.reads(expression) == columns | {"index"}


@pytest.mark.parametrize(
    ("expression", "message", "hint"),
    [
        ("lable = 1", "no such column: lable", "did you mean label?"),
        ("lenght(text) = 1", "no such function: lenght", "did you mean length?"),
        ("label_name = right", "no such column: right", "in single quotes: 'right'"),
        ("label = ", "it ends too early", "like "),
        ("label = 1 1", 'near "1": syntax error', "like "),
        ("label = 'x", 'unrecognized token: "\'x"', "like "),
        ("label = 1)", "a closing bracket has no opening bracket", "like "),
        ("(label = 1", "incomplete input", "like "),
        ("", "it is empty", "like "),
        (" \n", "it is empty", "like "),
        ("a\0b", "null character", "like "),
        ("\ud800", "surrogates", "like "),
        ("length()", "wrong number of arguments", "like "),
        ("max(label)", "misuse of aggregate", "like "),
        ("?", "bindings", "like "),
        ("label" + " + 1" * 5000, "too large", "like "),
        ("1 OR " * 30_000 + "1", "too large|too big|query string is too large", "like "),
    ],
)
def test_what_is_not_understood_is_a_usage_error(expression: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        where_expression.reads(expression)
    assert caught.value.exit_code == 2
    assert hint in (caught.value.hint or "")
    assert len(caught.value.message) < 400
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "expression",
    [
        "(SELECT 1)",
        "EXISTS (SELECT 1 FROM example)",
        "id IN (SELECT name FROM sqlite_master)",
        "id IN (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)",
        "id IN sqlite_master",
        "id IN json_each('[1]')",
        "index IN example",
        "1; DROP TABLE example",
        "1); DROP TABLE example; SELECT (1",
        "1) UNION SELECT 7 WHERE (1",
        "1) ORDER BY (random()",
        "1) LIMIT (1",
        "1) GROUP BY (label",
        "1 /*",
        "load_extension('x')",
        "random() > 0",
        "randomblob(9) = 1",
        "current_timestamp > 1",
        "datetime('now') > 1",
        "zeroblob(1000000000) = 1",
        "printf('%1000000000d', 1) = 1",
        "sqlite_version() > 3",
        "count(*) > 1",
        "row_number() OVER () = 1",
        "rowid = 1",
        "RAISE(IGNORE)",
        "PRAGMA user_version",
        "ATTACH 'x' AS y",
    ],
)
def test_what_is_not_about_one_row_is_refused(expression: str) -> None:
    """Before a row is read: no other query or statement, nothing that depends on the time, on chance or on files."""
    with pytest.raises(UsageError):
        where_expression.reads(expression)
    with pytest.raises(UsageError):
        holds(expression)


@given(st.text(alphabet="()'\"[]`-/*; ,=1<>|+%~\nindexlabOR", max_size=30))
def test_any_expression_is_understood_or_refused(expression: str) -> None:
    """And what is understood takes some of the rows that there are, in their order."""
    try:
        found = holds(expression)
    except UsageError:
        return
    assert found == sorted(set(found) & {row["index"] for row in ROWS})


def test_a_value_without_bound_ends_with_a_usage_error() -> None:
    grown = "text"
    for _ in range(6):
        grown = f"replace({grown}, 'x', {grown})"
    rows = [[{"index": 0, "text": "x" * 50}]]
    with pytest.raises(UsageError, match="too big"):
        list(where_expression.holding(f"length({grown}) > 1", rows))


def test_an_expression_that_takes_too_long_ends_with_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where_expression, "STEPS", 1)
    monkeypatch.setattr(where_expression, "MOST_STEPS", 5)
    with pytest.raises(UsageError, match="it takes too long"):
        holds("label = 1")


def test_rows_are_read_as_they_are_needed() -> None:
    """A limit needs no more of a split than its first rows."""
    taken: list[int] = []

    def rows() -> Any:
        for index in range(100):
            taken.append(index)
            yield [{"index": index}]

    found = where_expression.holding("index % 2 = 0", rows())
    assert [next(found), next(found)] == [0, 2]
    assert taken == [0, 1, 2]


def test_nothing_is_evaluated_before_there_are_rows() -> None:
    """What has no column in it could be computed at once."""
    grown = "hex(" * 20 + "'x'" + ")" * 20
    assert where_expression.reads(f"length({grown}) > 1") == {"index"}
    with pytest.raises(UsageError, match="too big"):
        list(where_expression.holding(f"length({grown}) > 1", [[{"index": 0}]]))


def test_values_may_be_as_long_as_the_rows_and_grow_to_twice_that() -> None:
    long = [[{"index": 0, "text": "\u6f22" * 2_000_000}]]
    assert list(where_expression.holding("length(text) = 2000000 AND length(text || text) > 1", long)) == [0]
    with pytest.raises(UsageError, match="too big"):
        list(where_expression.holding("length(text || text || text || text) > 1", long))


def test_a_search_that_takes_too_long_ends_with_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few operations, each of which reads the whole text: the time counts, too."""
    monkeypatch.setattr(where_expression, "MOST_SECONDS", 0.1)
    slow = " OR ".join(f"text LIKE '%{n}%b%c'" for n in range(150))
    rows = [{"index": index, "text": "0123456789b" * 2000} for index in range(300)]
    with pytest.raises(UsageError, match="it takes too long"):
        list(where_expression.holding(slow, [rows]))


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        (f"text LIKE '{'%a' * 600}'", "pattern too complex"),
        ("abs(" * 1100 + "label" + ")" * 1100, "parser stack overflow|too large|more than 200"),
        (" OR ".join(["text LIKE '%a'"] * 201), "not allowed: more than 200 function calls"),
        ("max(" + "label, " * 100 + "1)", "too many arguments"),
    ],
)
def test_patterns_calls_and_nesting_have_a_limit(expression: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        list(where_expression.holding(expression, [[{"index": 0, "text": "a"}]]))
