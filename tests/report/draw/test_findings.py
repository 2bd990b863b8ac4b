"""findings: the three things to know first, with their numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reportgen.core.nouns.records import Report
from reportgen.report.draw import findings
from reportgen.report.even_share import multiple
from reportgen.report.page import render
from tests import reports


def found(report: Report) -> tuple[findings.Finding, ...]:
    """The findings of a report."""
    return findings.findings(report, *reports.ranked(report))


def test_numbers_are_those_of_the_definitions() -> None:
    report = reports.example()
    scores, _ = reports.ranked(report)
    concentration, place, heads = found(report)
    content = np.flatnonzero(report.tokens.content)
    weighed = report.attention.received.astype(np.float64) * report.importance.values[:, :, None]
    total = weighed.sum(axis=(0, 1))[content]
    assert concentration.number == multiple(np.sort(total)[-5:].mean() / total.mean())
    assert f"each of the 5 highest of {len(content)} tokens" in concentration.sentence
    whole = np.where(report.tokens.content, scores.total, 0).astype(np.float64)
    width = -(-len(whole) // 10)
    sums = [whole[n : n + width].sum() for n in range(len(whole) - width + 1)]
    best = int(np.argmax(sums))
    assert place.number == multiple(max(sums) / whole.sum() * len(whole) / width)
    assert f"positions {best} to {best + width - 1}." in place.sentence
    received = np.sort(report.attention.received.astype(np.float64), axis=-1)
    shares = received[..., -5:].sum(-1) / received.sum(-1)
    layer, head = np.unravel_index(shares.argmax(), shares.shape)
    assert heads.number == multiple(shares.max() * received.shape[-1] / 5)
    assert (
        f"on each of 5 tokens in layer {layer + 1}, head {head + 1}, more than in any other of the 12 heads."
        in heads.sentence
    )


def test_a_flat_model_has_no_percentage_that_reads_as_nothing() -> None:
    """10 of 2,000 even tokens hold 0.5%: that they hold what all do is what there is to say."""
    flat = reports.report(attention=replace(reports.report().attention, received=np.ones((2, 2, 59), np.float32)))
    said = " ".join(f"{one.number} {one.sentence}" for one in found(flat))
    assert "attention is almost even here" in said.lower()
    assert "%" not in said


def test_every_finding_leads_to_a_figure_and_has_a_drawing() -> None:
    document = render.document(reports.example(), reports.example_parts())
    for one in found(reports.example()):
        assert f'id="{one.target}"' in document
        assert one.svg.startswith("<svg")


def test_one_head_is_not_compared_with_others() -> None:
    assert [one.target for one in found(reports.report(layers=1, heads=1))] == [
        "table-top-tokens",
        "figure-distribution",
    ]


@pytest.mark.parametrize("text", ["", " ", "word", "two words"])
def test_short_texts_have_what_there_is_to_say(text: str) -> None:
    assert bool(found(reports.report(text))) == bool(text.strip())
