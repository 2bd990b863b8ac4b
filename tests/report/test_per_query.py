"""Attention per query: received, divided by the number of queries that can see the token; a choice."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.errors import UsageError
from reportgen.core.nouns.records import Report
from reportgen.report import present, scale, tables
from reportgen.report.page import render
from reportgen.report.stored import store
from tests import faithful, reference, reports


@cache
def seen(*, per_query: bool = False) -> Report:
    """A report in a window of eight, two layers: in the second one all see all."""
    plain = reports.report(layers=2, heads=2, top_k=5)
    count = len(plain.tokens)
    places = np.arange(count)
    window = np.minimum(places + 4, count - 1) - np.maximum(places - 4, 0) + 1
    both = np.stack((window, np.full(count, count))).astype(np.int32)
    attention = replace(plain.attention, seen=both)
    return replace(plain, attention=attention, received="per-query" if per_query else "total")


def test_four_tokens_by_hand() -> None:
    """Seen by 1, 2, 2 and 4 queries."""
    plain = reports.report("a b", layers=1, heads=1)
    received = np.array([[[2.0, 3.0, 1.0, 4.0]]], np.float32)
    report = replace(
        plain,
        received="per-query",
        importance=replace(plain.importance, values=np.array([[0.5]], np.float32)),
        attention=replace(plain.attention, received=received, seen=np.array([[1, 2, 2, 4]], np.int32)),
    )
    scores, rankings = reports.ranked(report)
    assert scores.received.tolist() == [[[2.0, 1.5, 0.5, 1.0]]]
    assert scores.total.tolist() == pytest.approx([1.0, 2 / 3, 0.0, 1 / 3])  # min-max from .5 to 2
    assert rankings.ranks.tolist() == [[[1, 2, 4, 3]]]
    assert report.attention.received is received


@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 99))
def test_attention_at_random_is_even_per_query(count: int, half: int, seed: int) -> None:
    """If every query spreads its attention evenly over what it sees, the middle receives 1 / (window + 1) of each."""
    visible = reference.visible(count, 2 * half, ())
    weights = visible / visible.sum(axis=1, keepdims=True)
    plain = reports.report("x y", layers=1, heads=1, seed=seed)
    attention = replace(
        plain.attention,
        received=weights.sum(axis=0)[None, None].astype(np.float32),
        seen=visible.sum(axis=0)[None].astype(np.int32),
    )
    inner = slice(2 * half, max(count - 2 * half, 2 * half))
    np.testing.assert_allclose(attention.per_query[0, 0, inner], 1 / (2 * half + 1), rtol=1e-5)


def test_the_order_of_every_output_is_that_per_query() -> None:
    report = seen(per_query=True)
    shares = report.attention.received / report.attention.seen[:, None]  # type: ignore[index]
    weighed = shares * report.importance.values[:, :, None]
    total = ((weighed - weighed.min()) / np.ptp(weighed)).sum(axis=(0, 1))
    scores, rankings = reports.ranked(report)
    np.testing.assert_allclose(scores.total, total, atol=1e-5)
    content = np.flatnonzero(report.tokens.content)
    assert rankings.by_score.tolist() == content[np.argsort(-total[content], kind="stable")].tolist()
    assert rankings.ranks[0, 0].tolist() == reference.ranks(shares[0, 0])
    made = tables.token_attention(report, scores, rankings)
    assert made["received"].to_numpy() == pytest.approx(report.attention.received.ravel())  # the sum stays in the table
    assert made["rank"].to_numpy().tolist() == rankings.ranks.ravel().tolist()


def test_views_and_method_say_what_is_shown() -> None:
    for chosen in (False, True):
        report = seen(per_query=chosen)
        made = reports.parts(report)
        phrase = "from all tokens, divided by the number of tokens that can see it"
        assert (phrase in made.views[1].explanation) == chosen
        assert phrase not in next(view for view in made.views if view.key == "reader").explanation
        for html in (
            render.page(report, made, bundle=reports.STUB_BUNDLE),
            render.document(report, made),
        ):
            assert ("r is divided by that number" in html) == chosen
            assert "queries, 5 to " in html
    plain = render.page(reports.report(), reports.parts(reports.report()), bundle=reports.STUB_BUNDLE)
    assert 'name="per_query"' not in plain.split("<script")[0]


def test_a_stored_report_is_rendered_per_query(tmp_path: Path) -> None:
    report = replace(seen(), provenance=replace(seen().provenance, configuration={"format": ["tables"]}))
    store.write(tmp_path / "a", store.dump(report), facts=store.facts(report, ()), overwrite=False)
    assert store.load(tmp_path / "a") == report
    again = present.render(tmp_path / "a", tmp_path / "a", {"received": "per-query"}, Clock())
    assert again.received == store.load(tmp_path / "a").received == "per-query"
    assert scale.of_report(again).total.tolist() == scale.of_report(seen(per_query=True)).total.tolist()


def test_the_test_of_another_heatmap_is_not_kept(tmp_path: Path) -> None:
    """Rendered with the scores that it was made for, a report keeps its test."""
    report = replace(seen(), provenance=replace(seen().provenance, configuration={"format": ["tables"]}))
    report = replace(report, faithfulness=faithful.faithfulness(report))
    store.write(tmp_path / "a", store.dump(report), facts=store.facts(report, ()), overwrite=False)
    present.render(tmp_path / "a", tmp_path / "same", {"received": "total"}, Clock())
    assert store.load(tmp_path / "same").faithfulness == report.faithfulness
    present.render(tmp_path / "a", tmp_path / "other", {"received": "per-query"}, Clock())
    assert store.load(tmp_path / "other").faithfulness is None
    assert "faithfulness" not in store.manifest(tmp_path / "other")


def test_a_report_that_does_not_know_who_sees_whom_says_so(tmp_path: Path) -> None:
    """An older one; and scores from elsewhere."""
    old = replace(reports.report(), provenance=replace(seen().provenance, configuration={"format": ["tables"]}))
    store.write(tmp_path / "a", store.dump(old), facts=store.facts(old, ()), overwrite=False)
    with pytest.raises(UsageError, match="--received per-query: the report does not say") as raised:
        present.render(tmp_path / "a", tmp_path / "a", {"received": "per-query"}, Clock())
    assert raised.value.hint == "make the report again with reportgen run"
    path = tmp_path / "scores.json"
    path.write_text('{"tokens": ["a", "b"], "scores": [1, 2]}')
    how: dict[str, Any] = {"output": str(tmp_path / "b"), "received": "per-query"}
    with pytest.raises(UsageError) as raised:
        present.render_scores(path, Config(**how), Clock(), title=None)
    assert raised.value.hint == "leave the option out"
