"""Turn an SQL expression into the numbers of the rows for which it is true; SQLite evaluates it in memory.

The expression sees one row: it may read its columns, and call functions that depend on nothing else. Everything else is
refused before a row is read. Its function calls, its operations, its time and the bytes of every value are bounded.
"""

from __future__ import annotations

import contextlib
import difflib
import itertools
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing

from reportgen.core.errors import UsageError, one_line

Value = str | int | float | None
COLUMNS = {  # with the affinity that SQLite gives their values: of a label, 1 and '1' are the same
    "index": "INTEGER",
    "id": "TEXT",
    "title": "TEXT",
    "label": "NUMERIC",
    "label_name": "TEXT",
    "characters": "INTEGER",
    "text": "TEXT",
    "predicted": "TEXT",
    "probability": "REAL",
    "verdict": "TEXT",
    "tokens": "INTEGER",
}
FUNCTIONS = frozenset((
    "abs", "coalesce", "glob", "hex", "ifnull", "iif", "instr", "length", "like", "lower", "ltrim", "max", "min",
    "nullif", "replace", "round", "rtrim", "substr", "substring", "trim", "typeof", "unicode", "upper",
))  # fmt: skip
LIMITS = {
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 100,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1000,  # a match takes its product with the length of the text
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
LEAST_BYTES = 100_000  # that a value may have; where rows are longer, twice their length
STEPS, MOST_STEPS = 10, 1_000_000  # operations of SQLite between two looks; looks that some rows may take
MOST_SECONDS = 30  # that some rows may take; SQLite looks at the end of a row
MOST_CALLS = 200  # of functions: each may search a long text before SQLite looks
TABLE = "example"
LIKE_THIS = 'like "label = 1 AND tokens > 500"; values in single quotes: "label_name = \'right\'"'
KNOWN_COLUMNS = f"columns: {', '.join(COLUMNS)}"
KNOWN_FUNCTIONS = f"functions: {', '.join(sorted(FUNCTIONS))}"
KNOWN = f"{KNOWN_COLUMNS}; {KNOWN_FUNCTIONS}"
TOKEN = re.compile(  # a token of SQLite, as far as needed to see words and brackets
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|[\w$]+|.""", re.DOTALL
)


def reads(expression: str) -> frozenset[str]:
    """The columns that an expression reads, and the index.

    Raises:
        UsageError: If SQLite does not accept it, or it uses more than the columns of one row.
    """
    with closing(_table()) as table:
        return _checked(expression, table)


def holding(expression: str, rows: Iterable[Sequence[Mapping[str, Value]]]) -> Iterator[int]:
    """The index of every row for which an expression is true, in the order of the rows.

    Args:
        expression: One that `reads` has taken.
        rows: Their columns, some rows at a time; columns that are left out are NULL.

    Raises:
        UsageError: If it cannot be evaluated.
    """
    with closing(_table()) as table:
        _checked(expression, table)
        for some in rows:
            values = [tuple(_bound(row.get(name)) for name in COLUMNS) for row in some]
            _bound_work(table, values)
            with _told(expression):
                table.executemany(f"INSERT INTO {TABLE} VALUES ({', '.join('?' * len(COLUMNS))})", values)
                found = table.execute(_statement(expression)).fetchall()
                table.execute(f"DELETE FROM {TABLE}")
            yield from sorted(index for (index,) in found)


def _bound_work(table: sqlite3.Connection, rows: Sequence[Sequence[Value]]) -> None:
    """Bound the bytes of every value, and the operations and the time that these rows take."""
    longest = max((sum(4 * len(value) for value in row if isinstance(value, str)) for row in rows), default=0)
    table.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(LEAST_BYTES, 2 * longest))
    looks, end = itertools.count(), time.monotonic() + MOST_SECONDS
    table.set_progress_handler(lambda: next(looks) >= MOST_STEPS or time.monotonic() > end, STEPS)


def _table() -> sqlite3.Connection:
    """A table in memory for some rows."""
    table = sqlite3.connect(":memory:", isolation_level=None)
    for limit, most in LIMITS.items():
        table.setlimit(limit, most)
    columns = ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())
    table.execute(f"CREATE TABLE {TABLE} ({columns})")
    return table


def _statement(expression: str) -> str:
    # subtle: a line break, because a comment at the end of the expression would hide the bracket
    return f'SELECT "index" FROM {TABLE} WHERE (\n{_quoted(expression)}\n)'


def _quoted(expression: str) -> str:
    """The expression with the column index in quotes: it is a word of SQL, though none of an expression.

    Raises:
        UsageError: If a bracket closes that was not opened: what follows would be no part of the condition.
    """
    depth, words = 0, TOKEN.findall(expression)
    for word in words:
        depth += (word == "(") - (word == ")")
        if depth < 0:
            raise _wrong(expression, "a closing bracket has no opening bracket")
    return "".join('"index"' if word.lower() == "index" else word for word in words)


def _checked(expression: str, table: sqlite3.Connection) -> frozenset[str]:
    """The columns that an expression reads, if it may be evaluated; no row is read for that."""
    read: set[str] = set()
    refused: list[str] = []
    selects, calls = itertools.count(), itertools.count(1)

    def allow(action: int, one: str | None, other: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_SELECT and next(selects) == 0:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ and one == TABLE and other in COLUMNS:
            read.add(other)
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and str(other).lower() in FUNCTIONS:
            if next(calls) <= MOST_CALLS:
                return sqlite3.SQLITE_OK
            refused.append(f"more than {MOST_CALLS} function calls")
            return sqlite3.SQLITE_DENY
        kind = {sqlite3.SQLITE_FUNCTION: f"the function {other}", sqlite3.SQLITE_READ: f"the column {other}"}
        refused.append(kind.get(action, "another query"))
        return sqlite3.SQLITE_DENY

    if not expression.strip():
        raise UsageError("--where: it is empty", hint=LIKE_THIS)
    table.set_authorizer(allow)
    try:
        table.execute(f"EXPLAIN {_statement(expression)}")  # prepares it: nothing in it is evaluated
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        if refused:
            raise _wrong(expression, f"not allowed: {refused[0]}", hint=KNOWN) from error
        raise _understood(expression, str(error).replace("\n)", "")) from error
    finally:
        table.set_authorizer(None)
    return frozenset(read)


@contextlib.contextmanager
def _told(expression: str) -> Iterator[None]:
    """Turn errors of SQLite during evaluation into a `UsageError`."""
    try:
        yield
    except sqlite3.Error as error:
        reason = "it takes too long" if "interrupted" in str(error) else str(error)
        raise _wrong(expression, reason) from error


def _understood(expression: str, reason: str) -> UsageError:
    """The error of SQLite for an expression, with a similar name."""
    kind, _, name = reason.partition(": ")
    if kind in ("no such column", "no such function"):
        known = COLUMNS if kind == "no such column" else FUNCTIONS
        near = difflib.get_close_matches(name.lower(), known, n=1)
        listed = KNOWN_COLUMNS if known is COLUMNS else KNOWN_FUNCTIONS
        if known is COLUMNS and re.search(
            rf"(=|<|>|\b(like|glob|is|in|not)\b)[\s(]*[\"`\[]?{re.escape(name)}", expression, re.I
        ):
            return _wrong(expression, reason, hint=f"put values in single quotes: '{name}'")
        return _wrong(expression, reason, hint=f"did you mean {near[0]}?" if near else listed)
    if reason.startswith('near ")"') and ")" not in expression:
        return _wrong(expression, "it ends too early")  # at the bracket that we have put behind it
    return _wrong(expression, reason)


def _wrong(expression: str, reason: str, *, hint: str = LIKE_THIS) -> UsageError:
    shown = one_line(expression)
    return UsageError(f"--where {shown if len(shown) <= 200 else f'{shown[:200]}...'}: {reason}", hint=hint)


def _bound(value: Value) -> Value:
    """A value as SQLite takes it: of whole numbers, 64 bits."""
    return str(value) if isinstance(value, int) and not -(2**63) <= value < 2**63 else value
