"""caveats: what attention cannot say of a document -> warnings; given scores at equal distances -> echoes."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.nouns.records import Floats, Report, Tokens
from reportgen.report import present, scale
from reportgen.report.page import render
from reportgen.report.stored import store
from reportgen.report.warnings import caveats
from reportgen.site import cards
from tests import reports


def document(count: int, *, start: bool = True) -> Tokens:
    """*count* words, the first of them <s> or not."""
    names = tuple(f"w{place}" for place in range(count))
    spans = tuple(5 * place for place in range(count))
    special = (start, *[False] * (count - 1))
    return Tokens(tuple(range(count)), names, spans, tuple(n + 4 for n in spans), special, (False,) * count, count)


def scored(count: int, high: dict[int, float], *, seed: int = 0) -> Floats:
    """Scores at random below 4, and some that are higher."""
    scores = np.minimum(np.random.default_rng(seed).gamma(0.5, size=count), 4).astype(np.float32)
    for place, score in high.items():
        scores[place] = score
    return scores


def found(scores: Floats, tokens: Tokens) -> tuple[tuple[int, ...], int] | None:
    return caveats.equal_distances(scores, tokens)


def test_every_512th_token_as_in_the_notebook() -> None:
    """Behind <s>, three of 2,048 tokens with five times the score of the next."""
    assert found(scored(2048, {0: 100, 512: 25.3, 1024: 25.6, 1536: 24.2}), document(2048)) == ((512, 1024, 1536), 512)


@pytest.mark.parametrize(
    ("high", "count"),
    [
        ({512: 9, 1024: 8}, 1300),  # two are enough if no other score is as high
        ({150: 9, 300: 8, 450: 7, 600: 6}, 700),
        ({512: 9, 1024: 6, 1536: 5, 77: 8, 900: 7}, 2048),  # other words may be between them
    ],
)
def test_rows_of_other_lengths_are_found(high: dict[int, float], count: int) -> None:
    distance = min(high) if 77 not in high else 512
    wanted = tuple(place for place in sorted(high) if place % distance == 0)
    assert found(scored(count, high), document(count)) == (wanted, distance)


def test_tokens_without_the_first_special_one_are_found_at_their_own_places() -> None:
    """Somebody has cut <s> off: every place is one less."""
    high = {511: 25.0, 1023: 26.0, 1535: 24.0}
    assert found(scored(2000, high), document(2000, start=False)) == ((511, 1023, 1535), 512)


@pytest.mark.parametrize(
    ("high", "count"),
    [
        ({512: 9, 1024: 8}, 2048),  # nothing at 1536
        ({512: 9, 1024: 8, 1530: 7}, 2048),
        ({512: 9}, 1000),  # one token has no distance
        ({5: 9, 10: 8, 15: 7}, 20),  # so near that it is the text's own rhythm
        ({}, 2048),
    ],
)
def test_other_high_scores_are_left_alone(high: dict[int, float], count: int) -> None:
    assert found(scored(count, high), document(count)) is None


def test_equal_scores_have_no_distances() -> None:
    """The first ten in order are as high as all others."""
    assert found(np.ones(400, np.float32), document(400)) is None
    assert found(np.zeros(400, np.float32), document(400)) is None
    assert found(np.ones(1, np.float32), document(1)) is None


@given(st.integers(1, 700), st.integers(0, 10**6), st.booleans())
def test_what_is_found_is_a_row_along_the_whole_document(count: int, seed: int, start: bool) -> None:
    made = found(scored(count, {}, seed=seed), document(count, start=start))
    if made is None:
        return
    places, distance = made
    top = np.argsort(-scored(count, {}, seed=seed)[int(start) :], kind="stable")[:10] + int(start)
    assert set(places) <= set(top.tolist())
    every = range(places[0] % distance, count, distance)
    assert [place for place in every if place or not start] == list(places)


def test_scores_at_random_show_equal_distances_in_no_more_than_one_of_a_hundred_documents() -> None:
    """Ten distances and two kinds of rows are tried for every document, each at one in a thousand."""
    rows = [found(scored(900, {}, seed=seed), document(900)) for seed in range(400)]
    assert sum(row is not None for row in rows) <= 4


def warned(report: Report) -> dict[str, str]:
    """The warnings by their codes."""
    return {warning.code: warning.message for warning in caveats.find(report, scale.of_report(report))}


def scores_file(folder: Path, **fields: Any) -> Path:
    """A file like the notebook's: byte-level pieces, <s> at its start, three tokens far above the others."""
    count = 1700
    tokens = ["<s>", *(f"\u0120word{place}" for place in range(1, count - 1)), "</s>"]
    scores = scored(count, {0: 100, 512: 29, 1024: 25.2, 1536: 24.6}).astype(float).tolist()
    path = folder / "scores.json"
    path.write_text(json.dumps({"tokens": tokens, "pieces": "byte-bpe", "scores": scores, **fields}))
    return path


def rendered(folder: Path, **settings: Any) -> tuple[Report, dict[str, bytes]]:
    report, target = present.render_scores(
        scores_file(folder),
        Config(output=str(folder / "made"), format=("html", "tables"), overwrite=True, **settings),
        Clock(),
        title="Mine",
    )
    assert store.load(target) == report
    return report, store.files(target)


def test_given_scores_at_equal_distances_are_named_and_left_out(tmp_path: Path) -> None:
    report, files = rendered(tmp_path)
    assert report.tokens.echoes == (512, 1024, 1536)
    (warning,) = (one for one in report.warnings if one.code == "echoes")
    assert "equal distances, every 512 tokens: “word512” at 512, “word1024” at 1024, “word1536” at 1536" in (
        warning.message
    )
    share = (29 + 25.2 + 24.6) / report.attention.received.sum()
    assert f"They hold {share:.1%} of the score" in warning.message
    page = files["report.html"].decode()
    drawn = page.partition('class="drawn"')[2].split("</p>")[0]
    assert "word512" not in drawn
    assert warning.message.split("--echoes")[0] in page
    assert page.count('class="echo" title="Echo: one of the highest scores, which are at equal distances"') == 3


def test_kept_they_are_the_first_words_again(tmp_path: Path) -> None:
    report, files = rendered(tmp_path, echoes="keep")
    page = files["report.html"].decode()
    drawn = page.partition('class="drawn"')[2].split("</p>")[0]
    assert drawn.index("word512") < drawn.index("word1024") < drawn.index("word1536")
    assert report.tokens.echoes == (512, 1024, 1536)
    assert "coloured and ranked like other tokens" in next(w.message for w in report.warnings if w.code == "echoes")


def test_numbers_in_the_tables_do_not_depend_on_the_choice(tmp_path: Path) -> None:
    _, left_out = rendered(tmp_path)
    _, kept = rendered(tmp_path, echoes="keep")
    names = [name for name in left_out if name.startswith("tables/")]
    assert {name: left_out[name] for name in names} == {name: kept[name] for name in names}
    rows = csv.DictReader(io.StringIO(left_out["tables/tokens.csv"].decode("utf-8-sig"), newline=""))
    assert [int(row["position"]) for row in rows if row["echo"] == "true"] == [512, 1024, 1536]


def test_one_echo_is_spoken_of_in_the_singular() -> None:
    plain = reports.report()
    echo = tuple(place == 7 for place in range(len(plain.tokens)))
    report = replace(
        plain,
        tokens=replace(plain.tokens, echo=echo),
        attention=replace(plain.attention, period=7),
    )
    warning = warned(report)["echoes"]
    share = plain.attention.received[:, :, 7].sum() / plain.attention.received.sum()
    assert warning == (
        "The model’s position embeddings repeat every 7 tokens. 1 token where the position of <s> repeats receives "
        f"attention for its place, whatever it says: “window” at 7. It holds {share:.1%} of the attention. It is "
        "outlined and left out of colours, rankings and summary; --echoes keep puts it back."
    )


def test_many_echoes_are_counted_and_some_named() -> None:
    plain = reports.report()
    echo = tuple(place % 4 == 0 < place for place in range(len(plain.tokens)))
    report = replace(plain, tokens=replace(plain.tokens, echo=echo), attention=replace(plain.attention, period=4))
    warning = warned(report)["echoes"]
    assert f" and {sum(echo) - 5} more. They hold " in warning


def test_a_report_without_echoes_has_no_such_warning() -> None:
    assert "echoes" not in warned(reports.report())


def receiving(values: list[float], **changes: Any) -> Report:
    """A report of one layer and head whose text tokens, between <s> and </s>, receive these."""
    plain = reports.report(" ".join(f"w{n}" for n in range(len(values))), layers=1, heads=1)
    received = np.array([[[9, *values, 5]]], np.float32)
    uniform = replace(plain.importance, values=np.ones((1, 1), np.float32))
    return replace(plain, importance=uniform, attention=replace(plain.attention, received=received, **changes))


@pytest.mark.parametrize(
    ("values", "least", "most"),
    [([1.0, 1.1, 0.9, 1.0], "0.90", "1.10"), ([1.5, 1.0, 0.75, 0.75], "0.75", "1.50"), ([2.0, 2.2], "0.95", "1.05")],
)
def test_attention_within_one_and_a_half_times_the_even_share_is_almost_even(
    values: list[float], least: str, most: str
) -> None:
    """By hand: each as a multiple of the mean. Special tokens, which receive more, do not count."""
    message = warned(receiving(values * 5))["almost-even"]
    assert f"between {least} and {most} times the even share of attention" in message


@pytest.mark.parametrize(
    "values",
    [
        [1.6, 0.8, 0.8, 0.8],  # one has more
        [1.2, 1.2, 1.2, 0.4],  # one has less
        [1.0, 1.0, 1.0, 1.0],  # that is uniform, and says so itself
        [0.0, 0.0, 0.0, 0.0],
    ],
)
def test_other_attention_is_not_almost_even(values: list[float]) -> None:
    assert "almost-even" not in warned(receiving(values * 5))


def test_of_a_few_tokens_even_says_nothing() -> None:
    assert "almost-even" not in warned(receiving([1.0, 1.1, 0.9] * 3))
    assert "almost-even" in warned(receiving([1.0, 1.1, 0.9] * 4))


def test_almost_even_is_judged_by_what_is_shown() -> None:
    """By weighed attention: a head of importance 0 says nothing. And without what is left out: an echo."""
    plain = receiving([1.0, 1.1, 0.9, 1.0] * 3)
    other = plain.attention.received.copy()
    other[0, 0, 2] = 9
    attention = replace(plain.attention, received=np.concatenate((plain.attention.received, other), axis=1))
    for values, even in (([[1.0, 0.0]], True), ([[0.0, 1.0]], False)):
        importance = replace(plain.importance, values=np.array(values, np.float32))
        report = replace(plain, attention=attention, importance=importance)
        assert ("almost-even" in warned(report)) == even
    echo = tuple(place == 2 for place in range(len(plain.tokens)))
    alone = replace(plain, attention=replace(plain.attention, received=other))
    assert "almost-even" not in warned(alone)
    assert "almost-even" in warned(replace(alone, tokens=replace(plain.tokens, echo=echo)))


def test_scores_from_elsewhere_can_be_almost_even_too(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text(json.dumps({"tokens": ["one", "two", "three"] * 4, "scores": [1.0, 1.2, 1.1] * 4}))
    report, _ = present.render_scores(
        path, Config(output=str(tmp_path / "made"), format=("html",)), Clock(), title=None
    )
    (message,) = (warning.message for warning in report.warnings if warning.code == "almost-even")
    assert message.startswith("The scores are almost even: ")


def seen_by(count: int, half: int) -> Any:
    places = np.arange(count)
    return (np.minimum(places + half, count - 1) - np.maximum(places - half, 0) + 1).astype(np.int32)[None]


def ended(first: float = 5.0, **changes: Any) -> Report:
    """Forty words in a window of eight, each with .2 less than the one before; what the first has can be chosen."""
    return receiving([first, *(10 - 0.2 * n for n in range(1, 40))], **{"seen": seen_by(42, 4), **changes})


def test_the_report_says_which_of_the_highest_tokens_the_ends_of_a_window_hide() -> None:
    """By hand: six queries see w0, nine see w10, the tenth in order, which has 8.0 and so .89 of each.

    With 5.0 w0 has .83 of each, and stays out; with 6.5 it has 1.08, and would come in.
    """
    assert "fewer-queries" not in warned(ended(5.0))
    assert warned(ended(6.5))["fewer-queries"] == (
        "Tokens near the ends of the document are seen by fewer queries than others (6 to 9), and receive less for "
        "that reason alone. Divided by the number of queries, 1 of the 10 highest tokens would be another: “w0” at 1 "
        "instead of “w10” at 11. --received per-query shows that."
    )


def test_in_a_causal_model_late_tokens_are_seen_by_fewer() -> None:
    report = ended(seen=np.arange(42, 0, -1, dtype=np.int32)[None])
    message = warned(report)["fewer-queries"]
    assert "at the end of the document are seen by fewer queries than those at its start (2 to 41)" in message
    assert "10 of the 10 highest tokens would be others: “w39” at 40, " in message


def test_of_twenty_tokens_ten_say_little() -> None:
    short = receiving([1.0, *(10 - 0.2 * n for n in range(1, 20))], seen=np.arange(22, 0, -1, dtype=np.int32)[None])
    assert "fewer-queries" not in warned(short)


def test_where_all_see_all_or_nothing_is_known_there_is_no_such_warning() -> None:
    assert "fewer-queries" not in warned(ended(seen=np.full((1, 42), 42, np.int32)))
    assert "fewer-queries" not in warned(ended(seen=None))
    causal = ended(seen=np.arange(42, 0, -1, dtype=np.int32)[None])
    assert "fewer-queries" not in warned(replace(causal, received="per-query"))  # it is what is shown


def said(*logits: float, gold: int | None = None) -> Report:
    plain = reports.report()
    assert plain.prediction is not None
    powers = np.exp(np.array(logits) - max(logits))
    prediction = replace(
        plain.prediction,
        labels=tuple(f"label {n}" for n in range(len(logits))),
        logits=logits,
        probabilities=tuple((powers / powers.sum()).tolist()),
        predicted=int(np.argmax(logits)),
        gold=gold,
        gold_text=None if gold is None else f"label {gold}",
    )
    return replace(plain, prediction=prediction)


def test_tied_logits_are_named() -> None:
    message = warned(said(0.5, 0.5))["tied-logits"]
    assert "“label 0” and “label 1” are exactly equal, so the model prefers none of them." in message
    assert "“label 1”, “label 2” and “label 4” are" in warned(said(0.0, 2.0, 2.0, 1.0, 2.0))["tied-logits"]
    assert "The logits of 9 labels are" in warned(said(*[0.1] * 9))["tied-logits"]


@pytest.mark.parametrize("logits", [(0.5, 0.25), (0.5, 0.25, 0.25), (1.0,), (0.1 + 0.2, 0.3)])
def test_other_logits_are_not_tied(logits: tuple[float, ...]) -> None:
    """Two that differ in the last bit are not tied: one label is larger, run after run."""
    assert "tied-logits" not in warned(said(*logits))


@pytest.mark.parametrize(("gold", "verdict"), [(0, "unknown"), (1, "unknown"), (2, "wrong"), (None, "unknown")])
def test_a_tied_prediction_is_neither_right_nor_named_as_certain(gold: int | None, verdict: str) -> None:
    report = said(0.5, 0.5, 0.1, gold=gold)
    assert report.prediction is not None
    assert report.prediction.verdict == verdict
    page = render.page(report, reports.parts(report), bundle=reports.STUB_BUNDLE)
    document = render.document(report, reports.parts(report))
    for html in (page, document):
        assert "<strong>label 0</strong> and <strong>label 1</strong> are <em>tied</em>" in html
        assert html.count('<span class="mark">tied</span>') == 2
        assert '<span class="mark">predicted</span>' not in html
        assert "which is" not in html.split('class="verdict')[1].split("</div>")[0]
    assert cards.card(report, name="x").predicted == "label 0, label 1 (tied)"
