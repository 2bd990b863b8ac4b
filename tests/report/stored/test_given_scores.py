"""scores_file: tokens and scores that someone else computed -> a report."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.errors import DataError, OutputError, UsageError
from reportgen.core.numbers import numeral
from reportgen.report import present
from reportgen.report.stored import given_scores, store
from reportgen.report.warnings import checks
from tests import reports

TOKENS = ["<s>", "Two", "\u0120words", ",", "\u010a", "\u0120not", "\u0120three", "</s>"]
SCORES = [9.0, 0.5, 2.0, 0.0, 0.1, 1.0, 3.0, 8.0]
MALTESE = ("Il-\u0120img\u0127a ## \u2581 \u010awe\u0121", ["Il-\u0120img\u0127a", "##", "\u2581", "\u010awe\u0121"])
SHARED = Path(__file__).parents[4] / "shared" / "data" / "notebook_heat.json"


def written(folder: Path, **fields: Any) -> Path:
    """A file of scores."""
    path = folder / "scores.json"
    path.write_text(json.dumps({"tokens": TOKENS, "pieces": "byte-bpe", "scores": SCORES, **fields}), encoding="utf-8")
    return path


def loaded(folder: Path, **fields: Any) -> given_scores.Report:
    """The report of a file of scores."""
    return given_scores.load(written(folder, **fields), Config())


def test_tokens_and_scores_become_a_report(tmp_path: Path) -> None:
    assert loaded(tmp_path, title=" ").example.title == "scores.json"
    report = loaded(tmp_path, title="Mine", model="org/model", dataset="papers", split="test", index=976)
    assert report.given
    assert report.example.text == "Two words,\n not three"
    assert report.words() == ("<s>", "Two", "words", ",", "\u21b5", "not", "three", "</s>")
    assert report.attention.received.tolist() == [[pytest.approx(SCORES)]]
    assert [n for n, special in enumerate(report.tokens.special) if special] == [0, 7]
    assert (report.example.title, report.provenance.model, report.example.index) == ("Mine", "org/model", 976)
    assert report.prediction is None


def test_scores_of_every_head_keep_their_layers_and_heads(tmp_path: Path) -> None:
    scores = np.arange(2 * 3 * len(TOKENS), dtype=float).reshape(2, 3, -1)
    report = loaded(tmp_path, scores=scores.tolist())
    assert report.attention.received.shape == (2, 3, len(TOKENS))
    assert np.array_equal(report.attention.received, scores.astype(np.float32))


@pytest.mark.parametrize(
    ("pieces", "tokens", "text", "words"),
    [
        ("wordpiece", ["[CLS]", "long", "##former", "##", "[SEP]"], "longformer ##", ["long", "former", "##"]),
        ("sentencepiece", ["\u2581The", "\u2581cat", "s", "</s>"], "The cats", ["The", "cat", "s"]),
        (None, ["The", " cat", "s ", "sat"], "The cats sat", ["The", "cat", "s", "sat"]),
        (None, ["plain", "words"], "plain words", ["plain", "words"]),
        (None, ["Il-\u0120img\u0127a", "##", "\u2581", "\u010awe\u0121"], *MALTESE),
        (
            "byte-bpe",
            ["\u0120\u00e6\u00bc", "\u00a2", "\u00e5\u0143", "\u0139"],
            "\u6f22\u5b57",
            ["\u6f22", "\u6f22", "\u5b57", "\u5b57"],
        ),
        ("byte-bpe", ["\u0120a", "\u00a2", "\u00e6\u00bc"], "a\ufffd\ufffd\ufffd", ["a", "\ufffd", "\ufffd\ufffd"]),
    ],
    ids=[
        "WordPiece",
        "SentencePiece",
        "spaces of their own",
        "words",
        "signs",
        "bytes of one character",
        "bytes of none",
    ],
)
def test_a_text_is_put_together_as_its_tokenizer_took_it_apart(
    pieces: str | None, tokens: list[str], text: str, words: list[str], tmp_path: Path
) -> None:
    fields = {"tokens": tokens, "scores": [1.0] * len(tokens)} | ({"pieces": pieces} if pieces else {})
    (tmp_path / "scores.json").write_text(json.dumps(fields))
    report = given_scores.load(tmp_path / "scores.json", Config())
    assert report.example.text.strip() == text
    spans = zip(report.tokens.starts, report.tokens.ends, report.tokens.special, strict=True)
    assert [report.example.text[a:b].strip() for a, b, special in spans if not special] == words


def test_the_text_may_come_along_with_or_without_offsets(tmp_path: Path) -> None:
    text = "Two  words , \n\n not THREE."
    with pytest.raises(DataError, match="token 6, 'three', is not in the text"):
        loaded(tmp_path, text=text)
    report = loaded(tmp_path, text=text.lower().replace("two", "Two"))
    assert report.example.text[report.tokens.starts[5] :] == "not three."
    offsets = [[0, 0], [0, 3], [5, 10], [11, 12], [13, 15], [16, 19], [20, 25], [0, 0]]
    assert loaded(tmp_path, text=text, offsets=offsets).words()[6] == "THREE"


@given(
    st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=12),
    st.sampled_from([None, "byte-bpe", "wordpiece", "sentencepiece"]),
)
def test_any_tokens_have_places_in_their_text(tokens: list[str], pieces: given_scores.Pieces | None) -> None:
    """In order, inside, and the text is made of nothing else but space."""
    text, spans = given_scores.put_together(tokens, [False] * len(tokens), pieces)
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)


def test_words_that_look_like_pieces_have_a_warning(tmp_path: Path) -> None:
    """A word or two of a language that has the letter do not."""
    tokens = ["Il-\u0120img\u0127a", "\u0120img\u0127a", *["kelma"] * 20]
    for strings, pieces, codes in (
        (tokens, {}, []),
        (["the", *["\u0120cat"] * 5], {}, ["pieces"]),
        (["the", *["\u0120cat"] * 5], {"pieces": "byte-bpe"}, []),
        (["the", *["##s"] * 5], {}, ["pieces"]),
        (["the", "##", "##", "##"], {}, []),
    ):
        path = tmp_path / "scores.json"
        path.write_text(json.dumps({"tokens": strings, "scores": list(range(len(strings))), **pieces}))
        found = checks.warn_of_given(given_scores.load(path, Config()))
        assert [one.code for one in found if one.code == "pieces"] == codes


def test_labels_and_logits_become_a_prediction(tmp_path: Path) -> None:
    said = loaded(tmp_path, labels=["cs.PL", "cs.AI"], logits=[-1, 1], gold="cs.PL").prediction
    assert said is not None
    assert said.probabilities == pytest.approx((0.1192, 0.8808), abs=1e-4)
    assert (said.predicted, said.gold, said.verdict) == (1, 0, "wrong")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"scores": SCORES[:-1]}, "7 scores for 8 tokens"),
        ({"scores": [SCORES]}, "must be a list of numbers, or layers of heads"),
        ({"scores": [[SCORES], [SCORES[:3]]]}, "3 scores for 8 tokens"),
        ({"scores": [[SCORES], [SCORES, SCORES]]}, "layers have 1 to 2 heads"),
        ({"scores": [True] * 8}, "which is not a number"),
        ({"scores": [*SCORES[:-1], 10**400]}, "position 7 .* is 1000000000"),
        ({"scores": [*SCORES[:-1], 1e39]}, r"position 7 .* is 1e\+39"),
        ({"scores": [1e38] * 8}, r"the scores sum to 8e\+38, more than 3e\+38"),
        ({"scores": [[SCORES], [[2e38] * 8]]}, r"the scores sum to 1.6e\+39"),
        ({"labels": ["a", "b"], "logits": [10**400, 1]}, "logits contain 1000000000"),
        ({"labels": ["a", "b"], "logits": [None, 1]}, "logits contain None"),
        ({"labels": ["a", "b", "a"], "logits": [1, 2, 3]}, 'two labels are called "a"'),
        ({"pieces": "bpe"}, 'unknown pieces "bpe"'),
        ({"index": -3}, "index is -3"),
        ({"scores": ["x"] * 8}, "scores contain 'x', which is not a number"),
        ({"scores": [*SCORES[:-1], -0.5]}, r"position 7 \(layer 1, head 1\) is -0.5"),
        ({"scores": [*SCORES[:-1], float("nan")]}, "NaN is not a number"),
        ({"tokens": []}, "tokens must be a non-empty list of strings"),
        ({"tokens": [1] * 8}, "tokens must be a non-empty list of strings"),
        ({"scores": {"all": SCORES}}, "scores has the wrong type, dict"),
        ({"token": TOKENS}, 'unknown field "token"'),
        ({"special": [9]}, "special must hold positions from 0 to 7"),
        ({"offsets": [[0, 1]] * 8}, "offsets without text"),
        ({"text": "x", "offsets": [[0, 9]] * 8}, "offsets do not fit"),
        ({"text": "Two words, not three", "offsets": [[n, n + 1] for n in range(8)][::-1]}, "are not in order"),
        ({"labels": ["a"]}, "one of labels and logits is missing"),
        ({"labels": ["a", "b"], "logits": [1]}, "labels and logits do not fit"),
        ({"index": "976"}, "index has the wrong type, str"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(fields: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message) as caught:
        loaded(tmp_path, **fields)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"[1", "cannot be read as JSON"), (b"[" * 100_000, "as JSON: more than 64 lists"), (b"\xff", "as JSON"),
     (b"[]", "expected an object"), (b"{}", "no tokens"),
     (b'{"tokens": ["a"], "tokens": []}', '"tokens" is there twice')],
)  # fmt: skip
def test_a_file_of_something_else_is_told(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(DataError, match=message):
        given_scores.load(tmp_path / "x.json", Config())
    with pytest.raises(DataError, match="No such file"):
        given_scores.load(tmp_path / "none.json", Config())


@pytest.mark.parametrize("scores", [SCORES, np.random.default_rng(0).random((2, 3, 8)).tolist()], ids=["flat", "heads"])
def test_every_format_is_made_of_given_scores(scores: Any, tmp_path: Path) -> None:
    config = Config(format=("html", "pdf", "tables", "charts", "figures"), output=str(tmp_path / "r"), span="1:5")
    path = written(tmp_path, scores=scores, labels=["a", "b"], logits=[1, 2])
    report, folder = present.render_scores(path, config, Clock(), title="Mine")
    assert all(check.passed for check in report.checks)
    made = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"report.html", "report.pdf", "tables/top_tokens.csv", "figures/heatmap-all-1-5-3.3in.pdf"} <= made
    assert "tables/attended_tokens.parquet" not in made, "no attention between tokens is known"
    page = (folder / "report.html").read_text()
    assert "Attention has no sign" not in page.split("<script")[0]
    assert store.load(folder) == report
    with pytest.raises(OutputError, match="already contains a report"):
        present.render_scores(path, config, Clock(), title="Mine")


@pytest.mark.parametrize("size", [2e-4, 1e-39, 1e36])
def test_scores_of_any_size_are_shown_with_their_digits(size: float, tmp_path: Path) -> None:
    """In the tables and in every format; nothing overflows, and nothing small becomes 0."""
    path = written(tmp_path, scores=[size * score for score in SCORES])
    config = Config(format=("html", "pdf", "tables", "charts", "latex"), output=str(tmp_path / "r"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        report, folder = present.render_scores(path, config, Clock(), title="Mine")
    (table, *_) = reports.parts(report).tables
    assert [row[3] for row in table.rows[:3]] == [numeral(size * score) for score in (3.0, 2.0, 0.5)]  # 1 is of a sign
    assert float(table.rows[0][3]) == pytest.approx(size * 3, rel=5e-3)
    page = (folder / "report.html").read_text()
    assert f'<td class="n">{table.rows[0][3]}</td>' in page
    assert "nan" not in re.findall(r"<td class=\"n\">(.*?)</td>", page)


def test_the_page_shows_the_scores_that_were_given(tmp_path: Path) -> None:
    """As multiples of their mean over the tokens of the text; special tokens stay out."""
    report = loaded(tmp_path)
    parts = reports.parts(report)
    (view,) = parts.views
    content = [n for n, special in enumerate(report.tokens.special) if not special and TOKENS[n] != "\u010a"]
    mean = sum(SCORES[n] for n in content) / len(content)
    shown = [view.values[n] for n in content]
    assert shown == pytest.approx([SCORES[n] / mean for n in content], abs=1e-3)


def test_nothing_in_the_file_becomes_markup(tmp_path: Path) -> None:
    def page(*payloads: str) -> str:
        together = " ".join(payloads)
        fields: dict[str, Any] = dict.fromkeys(("title", "model", "revision", "dataset", "split", "gold"), together)
        fields |= {"tokens": payloads, "scores": list(range(len(payloads)))}
        report = given_scores.load(written(tmp_path, labels=[together, "b"], logits=[1, 2], **fields), Config())
        return present.present(report, Config(format=("html",)), Clock())[1]["report.html"].decode()

    def check(*payloads: str) -> None:
        made = page(*payloads)
        assert made.lower().count("<script") == page(*("x" for _ in payloads)).lower().count("<script")
        assert "onerror=window" not in made or "&lt;img" in made or "\\u003cimg" in made

    reports.withstands(check)


def test_a_report_of_given_scores_is_not_run_again(tmp_path: Path) -> None:
    from reportgen import pipeline

    config = Config(format=("tables",), output=str(tmp_path / "r"))
    present.render_scores(written(tmp_path), config, Clock(), title=None)
    with pytest.raises(UsageError, match="computed elsewhere"):
        pipeline.rerun(tmp_path / "r", Clock(), output=None, announce=print)


@pytest.mark.skipif(not SHARED.exists(), reason="the notebook's own heat is not beside this checkout")
@pytest.mark.parametrize("name", ["papers_976", "news_1168"])
@pytest.mark.parametrize("heat", ["all_layers", "layer_12"])
def test_the_heat_of_the_notebook_is_shown_as_it_was(name: str, heat: str, tmp_path: Path) -> None:
    """Its own tokens and numbers; what was lighter stays lighter."""
    source = json.loads(SHARED.read_text())[name]
    report = loaded(tmp_path, tokens=source["tokens"], scores=source[heat], title=name)
    assert len(report.tokens) == 2048
    scores, rankings = reports.ranked(report)
    given = np.asarray(source[heat], np.float32)
    assert np.array_equal(np.argsort(-given[rankings.by_score], kind="stable"), np.arange(len(rankings.by_score)))
    assert np.array_equal(scores.total, given), "as they were given"
    assert "\u0120" not in report.example.text
