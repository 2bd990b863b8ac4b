"""units, orders, removal: a document and scores -> the documents that the model is asked about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reportgen.core.nouns.faithfulness import Unit
from reportgen.model.faithfulness import orders
from reportgen.model.faithfulness.removal import Removal, removal
from reportgen.model.faithfulness.units import units
from tests import planted, reports

TEXT = "n3 amber. w4 ash"


def test_words_are_whole_and_special_tokens_and_signs_are_units_of_their_own_or_none() -> None:
    tokens = planted.heated(planted.classifier("bert"), TEXT).tokens
    assert tokens.strings == ("<s>", "n", "3", "amber", ".", "w4", "ash", "</s>")
    found = units(TEXT, tokens, kind="word", reader=0)
    assert found == (Unit(0, 2, (1, 2)), Unit(3, 8, (3,)), Unit(8, 9, (4,)), Unit(10, 12, (5,)), Unit(13, 16, (6,)))
    assert [unit.positions for unit in units(TEXT, tokens, kind="sentence", reader=0)] == [(1, 2, 3, 4, 5, 6)]
    capital = "n3 amber. W4 ash"
    assert [unit.positions for unit in units(capital, tokens, kind="sentence", reader=0)] == [(1, 2, 3, 4), (5, 6)]


def test_the_last_sign_of_a_sentence_is_its_own_where_no_space_follows() -> None:
    text = "你好。再见。"
    found = units(text, reports.tokens(text), kind="sentence", reader=0)
    assert found == (Unit(0, 3, (1, 2)), Unit(3, 6, (3, 4)))


def test_the_word_that_a_causal_model_reads_is_never_removed() -> None:
    tokens = planted.heated(planted.classifier("gpt2"), TEXT).tokens
    assert tokens.strings[-1] == "ash"
    assert [unit.positions for unit in units(TEXT, tokens, kind="word", reader=5)] == [(0, 1), (2,), (3,), (4,)]
    # wherever it is: not because one word at least is left
    assert [unit.positions for unit in units(TEXT, tokens, kind="word", reader=2)] == [(0, 1), (3,), (4,), (5,)]
    # one that pools over all of them reads at least one
    assert len(units(TEXT, tokens, kind="word", reader=None)) == 4


def test_a_word_of_echoes_alone_is_no_unit_and_an_echo_counts_nothing_in_the_score_of_a_word() -> None:
    tokens = planted.heated(planted.classifier("bert"), TEXT).tokens
    echo = replace(tokens, echo=tuple(place in (2, 3) for place in range(len(tokens))))
    found = units(TEXT, echo, kind="word", reader=0)
    assert [unit.positions for unit in found] == [(1, 2), (4,), (5,), (6,)]
    scores = np.arange(8, dtype=np.float32)
    assert orders.scores_of(scores, found, echo).tolist() == [1, 4, 5, 6]
    assert [unit.positions for unit in units(TEXT, replace(echo, keep_echoes=True), kind="word", reader=0)][1] == (3,)


def test_each_way_to_remove_words_by_hand() -> None:
    model = planted.classifier("bert")
    tokens = planted.heated(model, TEXT).tokens
    donor = planted.heated(model, "w1 w2").tokens
    made = removal(model, tokens, units(TEXT, tokens, kind="word", reader=0), donor)
    names = model.tokenizer.convert_ids_to_tokens
    assert made.operators == ("delete", "mask")
    assert names(list(made.without([0, 3]).document.ids)) == ["<s>", "amber", ".", "ash", "</s>"]
    assert names(list(made.only([1]).document.ids)) == ["<s>", "amber", "</s>"]
    assert names(list(made.without([0], "mask").document.ids))[:4] == ["<s>", "<mask>", "<mask>", "amber"]
    assert names(list(made.without([0, 3], "sample").document.ids))[1:6] == ["w1", "w2", "amber", ".", "w1"]
    assert replace(made, mask=None).operators == ("delete", "sample")
    assert replace(made, mask=None, donor=None).operators == ("delete",)


def test_types_and_global_tokens_go_with_their_tokens() -> None:
    tokens = replace(reports.tokens("a b c d"), types=(0, 0, 1, 1, 1, 0))
    made = Removal(tokens, tuple(Unit(0, 0, (place,)) for place in (1, 2, 3, 4)), None, None)
    variant = made.without([1])
    assert variant.document.types == (0, 0, 1, 1, 0)
    assert variant.places([0, 2, 3]) == (0, 2)


def test_random_orders_are_those_of_their_seed() -> None:
    drawn = orders.random_orders(30, 19, seed=4)
    assert drawn == orders.random_orders(30, 19, seed=4)
    assert len({order.units for order in (*drawn, *orders.random_orders(30, 19, seed=5))}) == 38


@pytest.mark.parametrize(("noise", "even"), [(1e-7, True), (1e-3, False)])
def test_attention_that_differs_by_rounding_is_even(noise: float, even: bool) -> None:
    tokens = reports.tokens("a b c d")
    scores = (1 + noise * np.arange(len(tokens))).astype(np.float32)
    assert orders.even(scores, tokens) is even
