"""examine: where it is known what a prediction rests on, the verdicts are right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reportgen.core.clock import Clock
from reportgen.core.errors import DeviceError
from reportgen.core.nouns.faithfulness import Faithfulness, Trial
from reportgen.core.nouns.records import Floats
from reportgen.model.reading import forward_pass
from tests import planted
from tests.planted import KINDS, Kind


@pytest.fixture(scope="module", params=KINDS)
def found(request: pytest.FixtureRequest) -> tuple[Kind, Faithfulness]:
    """The full test of a planted text by each kind of model."""
    return request.param, planted.examined(request.param, planted.subject(request.param, seed=4))


def comprehensiveness(found: Faithfulness) -> Trial:
    trial = found.trial("comprehensiveness")
    assert trial is not None
    return trial


def test_attribution_and_the_classifiers_row_are_supported(found: tuple[Kind, Faithfulness]) -> None:
    kind, made = found
    codes = {verdict.order: verdict.code for verdict in made.verdicts}
    assert (codes["attribution"], codes["classifier"]) == ("supported", "supported")
    assert [empty.operator for empty in made.empty] == ["delete", "sample" if kind == "gpt2" else "mask"]
    assert made.draws == 19


def test_the_first_words_of_the_attribution_are_those_that_were_planted(found: tuple[Kind, Faithfulness]) -> None:
    kind, made = found
    order = next(order for order in made.orders if order.name == "attribution")
    spans = {(made.units[place].start, made.units[place].end) for place in order.units[: planted.PLANTED]}
    assert spans == set(planted.keys_in(planted.subject(kind, seed=4).text))


def test_the_reversed_order_loses_no_more_than_random_words_and_keeps_nothing(found: tuple[Kind, Faithfulness]) -> None:
    _, made = found
    first = next(order for order in made.orders if order.name == "all_attention")
    last = next(order for order in made.orders if order.name == "reversed")
    assert last.units == first.units[::-1]
    curve = comprehensiveness(made).curve("reversed")
    assert curve is not None
    assert curve.p is not None
    assert curve.p > 0.05
    assert curve.aopc <= comprehensiveness(made).chance[0] + 0.05


def test_sentences_with_planted_words_carry_the_prediction(found: tuple[Kind, Faithfulness]) -> None:
    """All of its planted words are in one sentence."""
    kind, _ = found
    noise = planted.text(0, seed=5, planted=0)
    subject = planted.subject(kind, written=noise.replace(".", " amber ash amber.", 1))
    made = planted.examined(kind, subject)
    strongest = max(made.sentences, key=lambda sentence: sentence.change)
    assert strongest.start == 0
    assert strongest.change > 1
    assert all(abs(sentence.change) < strongest.change / 2 for sentence in made.sentences[1:])


def test_even_attention_is_no_better_than_chance() -> None:
    made = planted.examined("bert", planted.subject("bert", even=True), even=True)
    assert made.code("all_attention") == "no-better-than-chance"
    assert "All attention gives every word the same score" in made.verdicts[0].sentence
    assert {verdict.order: verdict.code for verdict in made.verdicts}["attribution"] == "supported"


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_shuffled_scores_are_rejected_in_nineteen_of_twenty_cases(kind: Kind) -> None:
    """At R = 19 one in twenty is supported by chance, and the second way to remove words rejects more."""
    subject = planted.subject(kind, seed=4)
    rejected = 0
    for seed in range(20):
        shuffled = np.random.default_rng(seed).permutation(subject.scores["attribution"]).astype(np.float32)
        made = planted.examined(kind, replace(subject, scores={"all_attention": shuffled}), seed=seed)
        assert made.code("all_attention") is not None
        rejected += made.code("all_attention") != "supported"
    assert rejected >= 18


def test_a_quick_look_is_no_claim_and_takes_few_passes() -> None:
    counted = 0

    def count(_: object, args: object, kwargs: dict[str, object]) -> None:
        nonlocal counted
        counted += len(kwargs["input_ids"])  # type: ignore[arg-type]

    subject = planted.subject("longformer", seed=4)
    hook = planted.classifier("longformer").model.register_forward_pre_hook(count, with_kwargs=True)
    try:
        made = planted.examined("longformer", subject, depth="quick")
    finally:
        hook.remove()
    assert made.passes == counted <= 44  # attribution takes one more
    assert {verdict.code for verdict in made.verdicts} == {"too-little-tested"}
    assert (made.draws, made.shares) == (9, (0.05, 0.1, 0.2))
    assert [len(t.curves) for t in made.trials] == [4]
    assert made.sentences == ()


def test_two_runs_give_the_same_and_another_seed_other_random_orders() -> None:
    subject = planted.subject("bert", seed=4)
    one, other = (planted.examined("bert", subject, depth="quick") for _ in range(2))
    assert one == other
    third = planted.examined("bert", subject, depth="quick", seed=1)
    assert comprehensiveness(third).random != comprehensiveness(one).random


def test_where_memory_runs_out_batches_are_smaller_and_numbers_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = planted.subject("bert", seed=4)
    wanted = planted.examined("bert", subject, depth="quick")
    read, sizes = forward_pass.predict_logits, []

    def small(classifier: object, documents: list[object]) -> object:
        sizes.append(len(documents))
        if len(documents) > 3:
            raise DeviceError("out of memory")
        return read(classifier, documents)  # type: ignore[arg-type]

    monkeypatch.setattr(forward_pass, "predict_logits", small)
    found = planted.examined("bert", subject, depth="quick")
    assert max(sizes) > 3
    assert found.passes == wanted.passes
    assert comprehensiveness(found).curves[0].margins == pytest.approx(comprehensiveness(wanted).curves[0].margins)


def test_progress_adds_up_and_an_estimate_comes_first() -> None:
    told: list[str] = []
    done: list[int] = []

    class Bar:
        def __enter__(self) -> object:
            return done.append

        def __exit__(self, *_: object) -> None: ...

    totals: list[int] = []

    def track(what: str, total: int) -> Bar:
        totals.append(total)
        return Bar()

    clock = Clock(tell=told.append, track=track)  # type: ignore[arg-type]
    made = planted.examined("bert", planted.subject("bert", seed=4), clock=clock)
    assert totals == [sum(done)] == [made.passes - 1]  # the first is timed
    assert told[0].startswith(f"faithfulness: {totals[0]} forward passes, about ")


def test_a_document_of_few_words_has_no_order_to_test() -> None:
    made = planted.examined("bert", planted.subject("bert", written="amber n3 ash"))
    assert (made.trials, made.verdicts, made.code("all_attention"), made.counts) == ((), (), None, ())
    assert [caveat.code for caveat in made.caveats] == ["short-document"]
    assert len(made.empty) == 2


def test_sentences_can_be_the_units() -> None:
    made = planted.examined("bert", planted.subject("bert", seed=4), unit="sentence")
    assert len(made.units) == planted.WORDS // 8
    assert "sentences" in made.verdicts[0].sentence


def test_one_way_to_remove_words_is_no_claim() -> None:
    made = planted.examined("gpt2", planted.subject("gpt2", seed=4, donor=None))
    assert {verdict.code for verdict in made.verdicts} == {"too-little-tested"}
    assert [caveat.code for caveat in made.caveats] == ["one-operator"]


def heat_by_place(places: dict[int, float]) -> planted.ByIds:
    """Scores that belong to places, and otherwise to words."""

    def change(ids: tuple[int, ...]) -> Floats:
        scores = np.array([0.1 + (7 * token % 11) / 10 for token in ids], np.float32)
        for place, value in places.items():
            scores[place] = value
        return scores

    return change


def test_scores_that_belong_to_places_stay_when_the_document_moves() -> None:
    """As in a Longformer made of copies: high scores at fixed distances, whatever stands there."""
    subject = planted.subject("bert", seed=4, heat_of=heat_by_place({12: 30.0, 24: 28.0, 36: 29.0}))
    made = planted.examined("bert", subject, depth="quick")
    for shift in made.shifts:
        assert {12, 24, 36} <= set(shift.stayed)
        assert shift.correlation is not None
        assert shift.correlation_without is not None
        assert shift.correlation < 0.5
        assert shift.correlation_without > 0.98
    (caveat,) = (caveat for caveat in made.caveats if caveat.code == "scores-stay")
    assert "positions 12 (" in caveat.message


def test_scores_that_belong_to_words_move_with_them() -> None:
    made = planted.examined("bert", planted.subject("bert", seed=4, heat_of=heat_by_place({})), depth="quick")
    first, before = made.shifts
    assert (first.stayed, before.stayed) == ((), ())
    assert first.correlation == pytest.approx(1)
    assert (first.words, before.words) == (len(made.units) - 1, len(made.units))


def test_heads_that_carry_the_prediction_are_told_from_others() -> None:
    """A head whose output changes nothing is no loss, and the numbers of random heads are all there."""
    subject = planted.subject("bert", seed=4, heads=np.array([[0, 0, 0, 0], [0, 0, 1, 0]], np.float32))
    made = planted.examined("bert", subject)
    assert made.heads is not None
    assert made.heads.heads == ((1, 2),)
    assert len(made.heads.random) == 19
    assert made.heads.p == (1 + sum(other >= made.heads.change for other in made.heads.random)) / 20
    assert made.scaling is not None
