"""first_screen: the test of a report -> its deletion curve, small."""

from __future__ import annotations

import re

import pytest

from reportgen.report.draw import first_screen
from tests import faithful, reports


@pytest.mark.parametrize("draws", [9, 19])
def test_every_share_that_was_tested_is_at_the_axis(draws: int) -> None:
    made = faithful.report(draws=draws) if draws != 19 else faithful.report()
    assert made.faithfulness is not None
    written = re.findall(r"<text[^>]*>([^<]+)", first_screen.curve(made))
    shares = [f"{share * 100:g}" for share in made.faithfulness.shares]
    assert written[: written.index("words removed, %")] == ["0", *shares]
    assert [text for text in written if "." in text] == ["0.0", "0.5", "1.0"]


def test_a_report_without_a_test_has_no_curve() -> None:
    assert first_screen.curve(reports.report()) == ""
