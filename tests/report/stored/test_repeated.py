"""repeated: two runs -> what differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reportgen.core.nouns.records import Report
from reportgen.report.stored.repeated import differences
from tests import faithful, reports

BASE = reports.report()


def changed(part: str, **changes: Any) -> Report:
    """The example with one part changed."""
    return replace(BASE, **{part: replace(getattr(BASE, part), **changes)})


def found(after: Report) -> dict[str, bool]:
    """What differs, and whether it matters."""
    return {one.what: one.matters for one in differences(BASE, after)}


def test_a_run_is_like_itself() -> None:
    assert differences(BASE, BASE) == ()


def test_where_it_was_run_does_not_matter() -> None:
    elsewhere = changed(
        "provenance", device="cuda", versions={**BASE.provenance.versions, "torch": "3"}, created="later"
    )
    assert found(elsewhere) == {"device": False, "version of torch": False}


@pytest.mark.parametrize(("field", "name"), [("weights_sha256", "weights of the model"), ("text_sha256", "text")])
def test_other_weights_and_another_text_matter(field: str, name: str) -> None:
    assert found(changed("provenance", **{field: "ef" * 32})) == {name: True}


def test_another_prediction_matters() -> None:
    assert found(changed("prediction", predicted=1)) == {"predicted label": True}
    several = reports.several()
    lower = replace(several, prediction=replace(several.prediction, thresholds=(0.5, 0.8, 0.5)))
    assert [one[:3] for one in differences(several, lower)] == [
        ("predicted label", "left, right", "left"),
        ("thresholds", "0.5, 0.7, 0.5", "0.5, 0.8, 0.5"),
    ]
    assert found(changed("prediction", logits=(0.8, -0.5))) == {"logits": True}
    assert found(changed("prediction", logits=(0.8 + 1e-6, -0.6))) == {}


def test_rounding_does_not_matter_and_another_value_does() -> None:
    received = BASE.attention.received
    assert found(changed("attention", received=received * np.float32(1 + 1e-6))) == {}
    other = received.copy()
    other[0, 0, 3] += received.max() / 100
    assert found(changed("attention", received=other)) == {"received attention": True}


def test_half_precision_is_allowed_more() -> None:
    received = BASE.attention.received * np.float32(1.004)
    coarse = replace(changed("attention", received=received), provenance=replace(BASE.provenance, dtype="float16"))
    assert found(coarse) == {"dtype": False}


def test_other_top_tokens_matter() -> None:
    """One head turned around: its order is told, beside its values."""
    received = BASE.attention.received.copy()
    received[1, 1] = received[1, 1, ::-1]
    found_again = {one.what: one for one in differences(BASE, changed("attention", received=received))}
    assert found_again["the 10 top tokens of a head"].after == "others in 1 of 4 heads"
    assert found_again["received attention"].matters


def test_equal_values_may_change_places() -> None:
    """All attention alike: which ten come first is chance."""
    flat = np.ones_like(BASE.attention.received)
    even = changed("attention", received=flat)
    assert (
        differences(even, changed("attention", received=flat + np.float32(1e-6) * np.arange(flat.shape[-1]) / 99)) == ()
    )


def test_another_length_is_told_and_nothing_is_compared_further() -> None:
    assert found(reports.report("one two")) == {"text": True, "tokens": True, "layers x heads x tokens": True}


def test_a_row_that_is_gone_is_told() -> None:
    assert found(changed("attention", reader=None)) == {"row that the classifier reads": True}


def test_token_types_matter_but_not_whether_zeros_are_stored() -> None:
    """Reports of version 0.1.0 hold no types."""
    count = len(BASE.tokens)
    assert found(changed("tokens", types=(0,) * count)) == {}
    (one,) = differences(BASE, changed("tokens", types=(*[0] * (count - 1), 2)))
    assert (one.what, one.before, one.after, one.matters) == (
        *("tokens", "the same tokens", "with other token types"),
        True,
    )


def test_a_report_from_before_echoes_were_marked_is_the_same() -> None:
    """They follow from the model, which is compared itself."""
    before = reports.report()
    echo = tuple(place == 7 for place in range(len(before.tokens)))
    after = replace(before, tokens=replace(before.tokens, echo=echo), attention=replace(before.attention, period=7))
    assert differences(before, after) == ()


def test_signed_scores_are_compared_by_label() -> None:
    before = faithful.report()
    one = before.attributions[0]
    assert one.scores is not None
    off = one.scores * np.float32(1 + 1e-5)
    assert differences(before, replace(before, attributions=(replace(one, scores=off), *before.attributions[1:]))) == ()
    for other, said in (
        (replace(one, scores=one.scores * 1.01), "differs by up to"),
        (replace(one, scores=None), "none"),
        (replace(one, method="ig"), "ig for"),
    ):
        (found,) = differences(before, replace(before, attributions=(other, *before.attributions[1:])))
        assert (found.what, found.matters) == (f"attribution for label {one.label}", True)
        assert said in found.after
    assert [one.after for one in differences(before, replace(before, attributions=()))] == ["none"] * len(
        before.attributions
    )


def test_every_number_of_a_test_is_compared_and_sentences_are_not() -> None:
    before = faithful.report()
    tested = before.faithfulness
    assert tested is not None

    def found(**changes: Any) -> list[tuple[str, bool]]:
        after = replace(before, faithfulness=replace(tested, **changes))
        return [(one.what, one.matters) for one in differences(before, after)]

    assert found(margin=tested.margin + 1e-5) == []
    assert found(passes=tested.passes + 1, caveats=()) == []
    assert found(margin=tested.margin + 0.1) == [("test of the heatmap: margin", True)]
    assert found(seed=tested.seed + 1) == [("test of the heatmap", True)]
    trial = tested.trials[0]
    curve = replace(trial.curves[0], aopc=trial.curves[0].aopc + 0.1)
    other = (replace(trial, curves=(curve, *trial.curves[1:])), *tested.trials[1:])
    assert found(trials=other) == [("test of the heatmap: trials[0].curves[0].aopc", True)]
    verdict = replace(tested.verdicts[0], sentence="Another sentence.")
    assert found(verdicts=(verdict, *tested.verdicts[1:])) == []
    verdict = replace(tested.verdicts[0], code="too-little-tested")
    assert found(verdicts=(verdict, *tested.verdicts[1:])) == [("verdicts of the test", True)]
    order = replace(tested.orders[0], units=(*tested.orders[0].units[1::-1], *tested.orders[0].units[2:]))
    moved = (order, *tested.orders[1:])
    assert found(orders=moved, trials=other) == [(f"order of words: {order.name}", False)]  # nor its curves
    after = replace(before, faithfulness=None)
    assert [(one.what, one.before, one.after) for one in differences(before, after)] == [
        ("test of the heatmap", "there", "none")
    ]
