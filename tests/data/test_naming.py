"""naming: what a report's folder, its page in a site and its label in a manuscript are called.

The names of texts and rows are in `test_choice.py`: they are those of the examples that are chosen.
"""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from reportgen.data import naming


def test_names_in_a_site_are_plain_and_each_its_own() -> None:
    called = [
        ("x/../y", "1" * 64, ("a",)),
        ("x-..-y", "1" * 64, ("b",)),
        ("X y", "2" * 64, ("c",)),
        ("", "3" * 64, ("d",)),
    ]
    assert naming.of_pages(called) == ["x-..-y-11111111", "x-..-y-11111111-2", "X-y", "report"]


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="/\0"), min_size=1, max_size=12)))
def test_whatever_folders_are_called_their_pages_have_names_of_their_own(called: list[str]) -> None:
    found = naming.of_pages([(name, "0" * 64, (str(place),)) for place, name in enumerate(called)])
    assert len({name.casefold() for name in found}) == len(called)
    assert all(name.isascii() and name[0] not in ".-" and not set(name) & set(" /\\'\"<>&?#%:") for name in found)


def test_a_report_goes_where_it_was_asked_for_or_among_the_reports() -> None:
    assert naming.of_output(None, "demo-0") == Path("reports/demo-0")
    assert naming.of_output("here/r", "demo-0") == Path("here/r")


def test_scores_of_somebody_else_are_named_by_title_and_content() -> None:
    assert naming.of_scores("My scores!", "0123456789abcdef") == "my-scores-0123456789"
    assert naming.of_scores("漢字", "0123456789abcdef") == "scores-0123456789"


def test_labels_and_keys_are_plain_and_differ() -> None:
    names = ("demo-0", "demo 0", "demo_0", "漢", "字", "")
    assert naming.label("demo-0") == "demo-0"
    assert len({naming.label(name) for name in names}) == len(names)
    assert all(re.fullmatch("[A-Za-z0-9-]+", naming.label(name)) for name in names)
