"""`explain` takes what a user has: a loaded model, or a name; and says what is wrong in the words of Python."""

from __future__ import annotations

import gc
import html
import json
import re
import sys
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pytest

import reportgen
from reportgen import Config
from reportgen.core.errors import OutputError, UsageError
from reportgen.notebook import text_chart
from reportgen.notebook.explanation import FRAMES, Explanation
from reportgen.report import opening
from reportgen.report.parts import Run
from reportgen.report.stored import store
from tests import tiny

TEXT = "the cat sat on the mat.\nattention heads look far."


@pytest.fixture(scope="module")
def explained() -> Explanation:
    return reportgen.explain(
        tiny.longformer(), tiny.tokenizer(), TEXT, label="left", title="A cat", faithfulness="quick", top_k=4
    )


def test_a_loaded_model_and_the_same_model_by_name_say_the_same(tmp_path: Path) -> None:
    made = tiny.longformer()
    folder = tiny.save(made, tmp_path / "model")
    by_name = reportgen.explain(str(folder), text=TEXT).report
    by_path = reportgen.explain(folder, folder, TEXT).report
    assert by_path.prediction == by_name.prediction
    loaded = reportgen.explain(made, tiny.tokenizer(), TEXT).report
    assert loaded.tokens == by_name.tokens
    assert loaded.prediction is not None
    assert by_name.prediction is not None
    assert np.allclose(loaded.prediction.logits, by_name.prediction.logits, atol=1e-6)
    assert np.allclose(loaded.attention.received, by_name.attention.received, atol=1e-5)
    assert loaded.provenance.model.endswith("(in memory)")
    assert loaded.provenance.weights_sha256 == ""
    assert "--model MODEL" in loaded.provenance.command
    assert by_name.provenance.weights_sha256


def test_a_call_leaves_nothing_behind() -> None:
    """Python itself keeps the names that C code has asked for, up to 4,096 of them: a kilobyte a call, for a while."""
    model, tokenizer = tiny.longformer(), tiny.tokenizer()

    def blocks(calls: int) -> int:
        for _ in range(calls):
            reportgen.explain(model, tokenizer, TEXT)
        gc.collect()
        sys._clear_type_cache()  # subtle: its names look like a leak that grows with every call
        return sys.getallocatedblocks()

    before = blocks(3)
    assert blocks(10) - before < 50  # measured: 1


def test_arguments_reach_the_report(explained: Explanation) -> None:
    report = explained.report
    assert (report.example.title, report.example.text, report.top_k) == ("A cat", TEXT, 4)
    assert report.prediction is not None
    assert report.prediction.gold_name == "left"
    assert report.faithfulness is not None
    assert [one.method for one in report.attributions] == ["frozen"]


def test_a_repr_is_one_line(explained: Explanation) -> None:
    for shown in (repr(explained), repr(explained.report)):
        assert "\n" not in shown
        assert len(shown) < 300
    assert "predicted left" in repr(explained)
    assert explained.report.faithfulness is not None
    assert opening.headline(explained.report) in repr(explained)
    assert opening.verdict(explained.report) is not None


def test_a_cell_shows_the_page_in_a_sandbox(explained: Explanation) -> None:
    shown = explained._repr_html_()
    frame = re.match(r'<iframe srcdoc="([^"]*)" sandbox="([^"]*)"', shown)
    assert frame is not None
    assert html.unescape(frame[1]) == explained.page()
    assert "allow-scripts" in frame[2]
    assert "allow-same-origin" not in frame[2]


def test_every_table_is_a_frame_with_the_columns_of_its_file(explained: Explanation) -> None:
    report = explained.report
    layers, heads, count = report.attention.shape
    frames = {name: explained.to_pandas(name) for name in FRAMES}
    assert frames["tokens"]["token"].tolist() == list(report.tokens.strings)
    assert len(frames["heads"]) == layers * heads * count
    assert len(frames["top"]) == layers * heads * 4
    assert len(frames["attended"]) == layers * heads * count * 4
    assert set(frames["faithfulness"]["order"]) >= {"all_attention"}
    with pytest.raises(UsageError, match="table 'token': unknown; choose from tokens, heads"):
        explained.to_pandas("token")


def test_attending_tokens_are_those_with_a_weight(explained: Explanation) -> None:
    found = explained.to_pandas("attending")
    attention = explained.report.attention
    assert len(found) == int((attention.attending_weights > 0).sum())
    row = found[(found["layer"] == 2) & (found["head"] == 1) & (found["self_position"] == 3)]
    wanted = attention.attending_positions[1, 0, 3][attention.attending_weights[1, 0, 3] > 0]
    assert row["token_position"].tolist() == wanted.tolist()
    strings = explained.report.tokens.strings
    assert row["attending_token"].tolist() == [strings[position] for position in wanted]
    assert np.allclose(row["attention_scores"], attention.attending_weights[1, 0, 3][: len(row)])


def test_charts_and_heatmap_are_altair(explained: Explanation) -> None:
    charts = explained.charts()
    assert {"deletion-curve", "rank-trend-layers", "overview"} <= set(charts)
    for chart in (*charts.values(), explained.heatmap()):
        assert isinstance(chart, alt.TopLevelMixin)
        json.dumps(chart.to_dict())
    rows = drawn(explained.heatmap())
    assert "".join(row["text"] for row in rows if not row["framed"]) == TEXT.replace("\n", "")
    assert {row["top"] for row in rows} == {text_chart.INSET, text_chart.INSET + text_chart.LEADING}
    some = drawn(explained.heatmap(span="3:6"))
    assert {row["position"] for row in some if row["position"] is not None} == {3, 4, 5}
    assert drawn(explained.heatmap("attribution-1"))
    with pytest.raises(UsageError, match="view 'every': unknown; choose from "):
        explained.heatmap("every")


def drawn(chart: alt.Chart) -> list[dict[str, Any]]:
    """The rows of a chart, which Altair moves to a place of their own."""
    (rows,) = chart.to_dict()["datasets"].values()
    return list(rows)


def run(text: str, first: int, kind: str = "token") -> Run:
    return Run(text, kind, 3 if kind == "token" else -1, first)


def test_lines_are_cut_between_words_and_start_without_a_space() -> None:
    runs = (run("ab", 0), run("cd", 1), run(" ", -1, "gap"), run("efg", 2), run(" ", -1, "gap"), run("漢字", 3))
    placed = list(text_chart.laid_out(runs, 8))
    assert [(one.text, one.line, one.column, one.width) for one in placed if one.text.strip()] == [
        ("ab", 0, 0, 2),
        ("cd", 0, 2, 2),
        ("efg", 0, 5, 3),
        ("漢字", 1, 0, 4),  # each takes two columns
    ]


def test_a_word_longer_than_a_line_is_cut_and_right_to_left_begins_at_the_right() -> None:
    (first, second) = text_chart.laid_out((run("abcdefg", 0),), 5)
    assert (first.text, second.text, second.line) == ("abcde", "fg", 1)
    assert [one.column for one in text_chart.laid_out((run("שלום", 0), run("!", 1)), 10)] == [6, 5]


def test_a_report_is_saved_as_the_command_saves_it(explained: Explanation, tmp_path: Path) -> None:
    folder = explained.save(tmp_path / "cat", format="html,tables")
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["report.html", "report.json", "attention.safetensors", "faithfulness.json", "manifest.json", "tables"]
    )
    store.verify(folder)
    assert store.load(folder) == explained.report
    page = (folder / "report.html").read_text()
    assert "model.save_pretrained" in page
    with pytest.raises(OutputError):
        explained.save(folder)
    explained.save(folder, overwrite=True, format=["tables"])
    assert not (folder / "report.html").exists()
    with pytest.raises(TypeError, match="did you mean 'format'"):
        explained.save(folder, formats="html")


def test_mistakes_are_answered(tmp_path: Path) -> None:
    made, words = tiny.longformer(), tiny.tokenizer()
    cases: list[tuple[type[Exception], str, Any]] = [
        (TypeError, "did you mean 'top_k'", lambda: reportgen.explain(made, words, TEXT, topk=3)),
        (TypeError, r"give it to \.save", lambda: reportgen.explain(made, words, TEXT, format="html")),
        (TypeError, "no option 'dataset'", lambda: reportgen.explain(made, words, TEXT, dataset="x")),
        (UsageError, "the model is loaded already", lambda: reportgen.explain(made, words, TEXT, device="cpu")),
        (UsageError, "one is loaded, the other is not", lambda: reportgen.explain(made, None, TEXT)),
        (UsageError, "one is loaded, the other is not", lambda: reportgen.explain("demo", words, TEXT)),
        (UsageError, "no text to read", lambda: reportgen.explain(made, words)),
        (UsageError, "list is no text", lambda: reportgen.explain(made, words, [TEXT])),  # type: ignore[arg-type]
        (UsageError, "--top-k 0: must be", lambda: reportgen.explain(made, words, TEXT, top_k=0)),
        (UsageError, "--top-k 5: must be an integer", lambda: reportgen.explain(made, words, TEXT, top_k="5")),
        (UsageError, "--faithfulness very: unknown", lambda: reportgen.explain(made, words, TEXT, faithfulness="very")),  # type: ignore[arg-type]
        (UsageError, "was not tested", lambda: reportgen.explain(made, words, TEXT).to_pandas("faithfulness")),
    ]
    for kind, message, call in cases:
        with pytest.raises(kind, match=message):
            call()


def test_a_hint_is_shown_where_python_shows_errors() -> None:
    with pytest.raises(UsageError) as raised:
        Config(format="htm")
    assert raised.value.__notes__ == ["hint: did you mean html?"]


def test_a_configuration_takes_lists_as_the_command_line_does() -> None:
    assert Config(format="html,tables").format == ("html", "tables")
    assert Config(format=["html"]).format == ("html",)  # type: ignore[arg-type]
    assert Config(positions="5,2", labels="yes,no").positions == (2, 5)
    with pytest.raises(UsageError, match="--positions takes positions"):
        Config(positions="a")
