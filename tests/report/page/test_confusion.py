"""Gold against predicted labels: the most frequent ones, and how many reports are not in the table."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reportgen.report.page.confusion import MOST, confusion


def test_labels_are_rows_and_columns_in_one_order() -> None:
    made = confusion([("b", "a"), ("B", "b"), ("b", "b"), ("b", None), (None, "a")])
    assert made is not None
    assert made.labels == ("a", "B", "b")
    assert made.counts == ((0, 0, 0), (0, 0, 1), (1, 0, 1))
    assert (made.total, made.unknown, made.beyond) == (3, 2, 0)


def test_without_both_labels_there_is_no_table() -> None:
    assert confusion([(None, "a"), ("b", None)]) is None
    assert confusion([]) is None


@given(st.lists(st.tuples(*[st.sampled_from([None, *map(str, range(30))])] * 2), max_size=80))
def test_every_report_is_counted_once(pairs: list[tuple[str | None, str | None]]) -> None:
    made = confusion(pairs)
    if made is not None:
        assert made.total + made.beyond + made.unknown == len(pairs)
        assert len(made.labels) <= MOST
