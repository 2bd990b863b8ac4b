"""Headings of several forms, and the user's own."""

from __future__ import annotations

import pytest

from reportgen.core.errors import UsageError
from reportgen.corpus import sections


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("# Data and models", "data and models"),
        ("### 2.1 Related work ###", "related work"),
        (r"\subsection*{Our method}", "our method"),
        ("3 Experiments", "experiments"),
        ("IV. Results on news", "results on news"),
        ("Abstract", "abstract"),
        ("related work:", "related work"),
        ("LIMITATIONS AND RISKS", "limitations and risks"),
    ],
)
def test_a_line_of_this_form_is_a_heading(line: str, name: str) -> None:
    found = sections.find(f"Before it.\n{line}\nBehind it.", sections.HEADING)
    assert [section.name for section in found] == [sections.BEFORE, name]
    assert found[1].start == len("Before it.\n")


@pytest.mark.parametrize("line", ["We model data.", "3 experiments were made.", "A", "In 2021 NASA said so", ""])
def test_an_ordinary_line_is_no_heading(line: str) -> None:
    assert sections.find(f"Before it.\n{line}\nBehind it.", sections.HEADING) == ()


def test_tokens_belong_to_the_section_in_which_they_begin() -> None:
    found = sections.find("# One\na\n# Two\nb", sections.compiled("^# (.+)$"))
    assert [(section.name, section.start, section.end) for section in found] == [("one", 0, 8), ("two", 8, 15)]
    assert sections.members(found, [0, 7, 8, 14]).tolist() == [0, 0, 1, 1]
    assert sections.members(found[1:], [0, 8]).tolist() == [-1, 0]


def test_a_wrong_or_slow_expression_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="--sections"):
        sections.compiled("(")
    monkeypatch.setattr(sections, "MOST_SECONDS", 0.01)
    with pytest.raises(UsageError, match="takes more than"):
        sections.find("a" * 60 + "b", sections.compiled("(?:a|aa)+$"))
