"""Every number of one test, computed again with the tokenizer and the model alone: words are deleted by hand."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from reportgen.core.nouns.faithfulness import Curve, Faithfulness, Operator
from tests import planted
from tests.core.test_agreement import naive

CLOSE = 1e-5
SEED = 4
HEADS = np.array([[0.2, 1.0, 0.1, 0.4], [0.6, 0.3, 0.9, 0.5]], np.float32)
SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
Ids = npt.NDArray[np.int64]


class ByHand:
    """A planted Longformer, its tokenizer and one text; nothing of reportgen is asked."""

    def __init__(self) -> None:
        classifier = planted.classifier("longformer")
        self.model: Any = classifier.model
        self.text = planted.text(0, seed=SEED)
        encoded = classifier.tokenizer(self.text, return_offsets_mapping=True)
        self.ids: Ids = np.array(encoded["input_ids"])
        self.mask = classifier.tokenizer.mask_token_id
        spans = [match.span() for match in re.finditer(r"\w+|[^\w\s]", self.text)]
        self.words = [
            (a, b, [n for n, (s, e) in enumerate(encoded["offset_mapping"]) if a <= s < e <= b]) for a, b in spans
        ]
        self.whole = self.margin(self.ids)

    def logits(self, ids: Ids) -> npt.NDArray[np.float64]:
        inputs = torch.tensor(ids)[None]
        first = torch.zeros_like(inputs)
        first[0, 0] = 1
        with torch.no_grad():
            out = self.model(input_ids=inputs, attention_mask=torch.ones_like(inputs), global_attention_mask=first)
        return out.logits[0].double().numpy()

    def margin(self, ids: Ids) -> float:
        left, right = self.logits(ids)
        return float(left - right)

    def probability(self, ids: Ids) -> float:
        left, right = np.exp(self.logits(ids))
        return float(left / (left + right))

    def without(self, words: Any, operator: Operator = "delete") -> Ids:
        gone = [position for word in words for position in self.words[word][2]]
        if operator == "delete":
            return np.delete(self.ids, gone)
        ids = self.ids.copy()
        ids[gone] = self.mask
        return ids

    def only(self, words: Any) -> Ids:
        return self.without([word for word in range(len(self.words)) if word not in words])


@pytest.fixture(scope="module")
def hand() -> ByHand:
    return ByHand()


@pytest.fixture(scope="module")
def made() -> Faithfulness:
    return planted.examined("longformer", planted.subject("longformer", seed=SEED, heads=HEADS))


def test_units_and_counts(hand: ByHand, made: Faithfulness) -> None:
    assert [(unit.start, unit.end, list(unit.positions)) for unit in made.units] == hand.words
    assert made.shares == SHARES
    assert made.counts == tuple(max(1, round(share * len(hand.words))) for share in SHARES)


def test_the_whole_document_and_the_empty_one(hand: ByHand, made: Faithfulness) -> None:
    assert made.margin == pytest.approx(hand.whole, abs=CLOSE)
    assert made.probability == pytest.approx(hand.probability(hand.ids), abs=CLOSE)
    for empty in made.empty:
        ids = hand.without(range(len(hand.words)), empty.operator)
        assert (empty.margin, empty.probability) == pytest.approx((hand.margin(ids), hand.probability(ids)), abs=CLOSE)


def test_orders_follow_the_scores(hand: ByHand, made: Faithfulness) -> None:
    """Scores of a word are sums over its tokens, and the highest come first."""
    scores = planted.subject("longformer", seed=SEED, heads=HEADS).scores
    for name in ("all_attention", "classifier", "attribution"):
        own = [sum(float(scores[name][position]) for position in positions) for _, _, positions in hand.words]
        order = next(order.units for order in made.orders if order.name == name)
        assert [own[word] for word in order] == pytest.approx(sorted(own, reverse=True), rel=1e-4, abs=1e-5)


def test_every_curve(hand: ByHand, made: Faithfulness) -> None:
    """Of all orders; of the random ones, whose words are not stored, the last, which is drawn again."""
    units = {order.name: order.units for order in made.orders}
    units["random"] = tuple(np.random.default_rng([0, 19]).permutation(len(hand.words)).tolist())
    assert [(t.measure, t.operator) for t in made.trials] == [
        ("comprehensiveness", "delete"),
        ("sufficiency", "delete"),
        ("comprehensiveness", "mask"),
    ]
    for trial in made.trials:
        for curve in (*trial.curves, trial.random[-1]):
            order = units[curve.order]
            tops = [order[:count] for count in made.counts]
            kept = trial.measure == "sufficiency"
            ids = [hand.only(top) if kept else hand.without(top, trial.operator) for top in tops]
            assert curve.margins == pytest.approx([hand.margin(each) for each in ids], abs=CLOSE)
            assert curve.probabilities == pytest.approx([hand.probability(each) for each in ids], abs=CLOSE)
            assert curve.aopc == pytest.approx(np.mean([hand.whole - hand.margin(each) for each in ids]), abs=CLOSE)


def test_every_p(made: Faithfulness) -> None:
    def as_good(one: Curve, other: Curve, kept: bool) -> bool:
        return other.aopc <= one.aopc + 1e-6 if kept else other.aopc >= one.aopc - 1e-6

    for trial in made.trials:
        for curve in trial.curves:
            better = sum(as_good(curve, other, trial.measure == "sufficiency") for other in trial.random)
            assert curve.p == (1 + better) / 20


def test_every_sentence(hand: ByHand, made: Faithfulness) -> None:
    ends = [match.end() for match in re.finditer(r"\.", hand.text)]
    assert [sentence.end for sentence in made.sentences] == ends
    for sentence in made.sentences:
        words = [n for n, (start, end, _) in enumerate(hand.words) if sentence.start <= start < end <= sentence.end]
        ids = hand.without(words)
        assert sentence.change == pytest.approx(hand.whole - hand.margin(ids), abs=CLOSE)
        assert sentence.probability == pytest.approx(hand.probability(ids), abs=CLOSE)


def test_heads_without_their_columns_of_the_output(hand: ByHand, made: Faithfulness) -> None:
    assert made.heads is not None
    assert made.heads.heads == ((0, 1),)  # a tenth of 8, at least one
    output = hand.model.longformer.encoder.layer[0].attention.output.dense.weight
    before = output.detach().clone()
    size = before.shape[1] // 4
    try:
        with torch.no_grad():
            output[:, size : 2 * size] = 0
        found = hand.whole - hand.margin(hand.ids)
    finally:
        with torch.no_grad():
            output.copy_(before)
    assert made.heads.change == pytest.approx(found, abs=CLOSE)


def test_scaling_and_agreement(hand: ByHand, made: Faithfulness) -> None:
    scores = planted.subject("longformer", seed=SEED, heads=HEADS).scores
    own = {
        name: [float(np.sum(each[positions], dtype=np.float64)) for _, _, positions in hand.words]
        for name, each in scores.items()
    }
    for found in made.agreements:
        assert found.tau.value == pytest.approx(naive(own[found.one], own[found.other]))
        assert found.tau.low <= found.tau.value <= found.tau.high
    top = max(1, round(0.05 * len(hand.words)))
    plain, shown = (
        sorted(range(len(hand.words)), key=lambda word: -own[name][word])
        for name in ("all_attention, unscaled", "all_attention")
    )
    assert made.scaling is not None
    assert made.scaling.churn == len({*shown[:top]} - {*plain[:top]}) / top
    lost = [hand.whole - hand.margin(hand.without(plain[:count])) for count in made.counts]
    shown_aopc = made.trials[0].curves[0].aopc
    assert made.scaling.aopc == pytest.approx(shown_aopc - np.mean(lost), abs=CLOSE)
