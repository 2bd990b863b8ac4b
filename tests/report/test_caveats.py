"""caveats: what attention cannot say of a document -> warnings; given scores at equal distances -> echoes."""

from __future__ import annotations

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
from reportgen.core.records import Floats, Report, Tokens
from reportgen.report import caveats, present, store
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


def scores_file(folder: Path, **fields: Any) -> Path:
    """A file like the notebook's: byte-level pieces, <s> at its start, three tokens far above the others."""
    count = 1700
    tokens = ["<s>", *(f"\u0120word{place}" for place in range(1, count - 1)), "</s>"]
    scores = scored(count, {0: 100, 512: 29, 1024: 25.2, 1536: 24.6}).astype(float).tolist()
    path = folder / "scores.json"
    path.write_text(json.dumps({"tokens": tokens, "scores": scores, **fields}))
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
    drawn = page[page.index('class="drawn"') :].split("</p>")[0]
    assert "word512" not in drawn
    assert warning.message.split("--echoes")[0] in page
    assert page.count('class="echo" title="Echo: one of the highest scores, which are at equal distances"') == 3


def test_kept_they_are_the_first_words_again(tmp_path: Path) -> None:
    report, files = rendered(tmp_path, echoes="keep")
    page = files["report.html"].decode()
    drawn = page[page.index('class="drawn"') :].split("</p>")[0]
    assert drawn.index("word512") < drawn.index("word1024") < drawn.index("word1536")
    assert report.tokens.echoes == (512, 1024, 1536)
    assert "coloured and ranked like other tokens" in next(w.message for w in report.warnings if w.code == "echoes")


def test_numbers_in_the_tables_do_not_depend_on_the_choice(tmp_path: Path) -> None:
    _, left_out = rendered(tmp_path)
    _, kept = rendered(tmp_path, echoes="keep")
    names = [name for name in left_out if name.startswith("tables/")]
    assert {name: left_out[name] for name in names} == {name: kept[name] for name in names}
    assert b",true\r\n" in left_out["tables/tokens.csv"].split(b"\r\n512,")[1].split(b"\r\n513,")[0] + b"\r\n"


def test_one_echo_is_spoken_of_in_the_singular() -> None:
    plain = reports.report()
    echo = tuple(place == 7 for place in range(len(plain.tokens)))
    report = replace(
        plain,
        tokens=replace(plain.tokens, echo=echo),
        attention=replace(plain.attention, period=7),
    )
    (warning,) = caveats.find(report)
    share = plain.attention.received[:, :, 7].sum() / plain.attention.received.sum()
    assert warning.message == (
        "The model’s position embeddings repeat every 7 tokens. 1 token where the position of <s> repeats receives "
        f"attention for its place, whatever it says: “window” at 7. It holds {share:.1%} of the attention. It is "
        "outlined and left out of colours, rankings and summary; --echoes keep puts it back."
    )


def test_many_echoes_are_counted_and_some_named() -> None:
    plain = reports.report()
    echo = tuple(place % 4 == 0 < place for place in range(len(plain.tokens)))
    report = replace(plain, tokens=replace(plain.tokens, echo=echo), attention=replace(plain.attention, period=4))
    (warning,) = caveats.find(report)
    assert f" and {sum(echo) - 5} more. They hold " in warning.message


def test_a_report_without_echoes_has_no_such_warning() -> None:
    assert list(caveats.find(reports.report())) == []
