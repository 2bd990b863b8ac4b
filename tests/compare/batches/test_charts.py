"""charts: numbers of paired documents -> valid specifications of Vega-Lite, and their drawings."""

from __future__ import annotations

import pytest

from reportgen.compare.batches import charts
from reportgen.compare.batches.paired import of
from reportgen.report.draw.pictures import still
from reportgen.report.parts import Chart
from tests import reports


def made() -> dict[str, Chart]:
    """Each chart, of small numbers."""
    return {
        "histogram": charts.histogram([0.2, 0.21, 0.9, 1.0], "said", still.svg),
        "forest": charts.forest([("word", of([1.0, 2.0], [2.0, 2.5]))], "said", still.svg),
    }


@pytest.mark.parametrize("name", ["histogram", "forest"])
def test_a_specification_holds_against_the_schema(name: str) -> None:
    reports.is_a_chart(made()[name])
