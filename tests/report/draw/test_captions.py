"""captions: what a chart shows, in a sentence; and what the report says of where its numbers come from."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reportgen.core.nouns.records import HeadImportance, ReportWarning
from reportgen.report.draw import captions
from reportgen.report.page import render
from tests import reports

VALUES = np.array([[0.0, 0.25], [1.0, 0.5]], np.float32)
FULL = {
    "data": "org/papers, split train",
    "examples": "500",
    "model revision": "0123456789abcdef",
    "weights sha256": "ffee",
}


def importance(measure: str, **known: Any) -> HeadImportance:
    """Importance of which so much is known."""
    return HeadImportance(VALUES, measure, "i.safetensors", known)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            HeadImportance(VALUES, "taylor", "x", FULL),
            " (taylor, 500 examples of org/papers, split train, model revision 0123456789)",
        ),
        (
            HeadImportance(VALUES, "ablation", "x", FULL | {"model revision": "local"}),
            " (ablation, 500 examples of org/papers, split train, weights ffee)",
        ),
        (importance("taylor", data="my papers"), " (taylor, my papers)"),
        (
            importance("taylor", data="d", examples="3", model="abcdef0123456789"),
            " (taylor, 3 examples of d, weights abcdef0123)",
        ),
        (importance("from file"), ""),
    ],
)  # fmt: skip
def test_importance_says_measure_sample_and_revision(given: HeadImportance, said: str) -> None:
    """As far as the file knows."""
    assert captions.sample(given) == said


def test_the_overview_names_them() -> None:
    report = reports.report(importance=HeadImportance(VALUES, "taylor", "x", FULL))
    caption = captions.overview(report, np.array([[0.2, 0.3], [0.4, 0.5]]), 3)
    assert caption.endswith(
        "Layer 2, head 1 is the most important (taylor, 500 examples of org/papers, split train, "
        "model revision 0123456789)."
    )


def test_heads_that_are_all_alike_still_say_where_that_was_found() -> None:
    report = reports.report(importance=HeadImportance(np.ones((2, 2), np.float32), "ablation", "x", FULL))
    caption = captions.overview(report, np.array([[0.2, 0.3], [0.4, 0.5]]), 3)
    assert "All heads have the same importance (ablation, 500 examples of org/papers" in caption


@pytest.mark.parametrize(
    ("code", "said", "unsaid"),
    [
        ("causal", ["A token sees itself and the tokens before it", "each token to itself and earlier tokens"],
         ["Every token sees all tokens", "all tokens to all tokens"]),
        ("windows", ["The document was read in overlapping windows", "the row is scaled to sum 1",
                     "see the warning at the top"], []),
    ],
)  # fmt: skip
def test_method_and_provenance_say_what_the_warnings_say(code: str, said: list[str], unsaid: list[str]) -> None:
    made = reports.report()
    attention = replace(made.attention, windows=(), global_positions=())
    for warnings in ((), (ReportWarning(code, "As told."),)):
        report = replace(made, attention=attention, warnings=warnings)
        page = " ".join(re.sub(r"<[^>]*>", "", render.document(report, reports.parts(report))).split())
        assert all((text in page) == bool(warnings) for text in said)
        assert not (warnings and any(text in page for text in unsaid))


def test_the_page_says_what_ablation_is_and_how_the_row_was_chosen() -> None:
    made = reports.report(importance=HeadImportance(VALUES, "ablation", "x", FULL))
    example = replace(made.example, id="10.1/7", index=7, picked="fp, of 12 examples, seed 0", revision="abc")
    made = replace(made, example=example)
    page = re.sub(r"<[^>]*>", "", render.document(made, reports.parts(made)))
    assert "without l,h" in page
    assert "row 7, id 10.1/7, picked as fp, of 12 examples, seed 0, revision abc" in page
    assert "model revision: 0123456789abcdef" in page
