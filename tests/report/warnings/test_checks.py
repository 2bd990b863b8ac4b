"""checks: whether a run can be trusted."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reportgen.core.errors import ModelError
from reportgen.core.nouns.records import Check, OtherReading, Prediction, Reference, Report
from reportgen.report.draw import charts
from reportgen.report.warnings import checks
from tests import reports


def checked(report: Report, **changes: Any) -> tuple[Check, ...]:
    """The self-checks of a report whose run went well but for *changes*."""
    given = {
        "dtype": "float32",
        "reference": Reference(0.0, tokens=len(report.tokens), attention="sdpa"),
        "shown": len(report.tokens),
        "complete": True,
        **changes,
    }
    return checks.check_run(report.prediction, report.attention, report.tokens, **given)


def test_a_good_run_passes_all_checks() -> None:
    made = checked(reports.report())
    assert [check.passed for check in made] == [True] * 4
    assert made[2].detail.startswith(f"{len(reports.report().tokens)} of ")


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({"reference": Reference(0.5, tokens=8, attention="sdpa"), "dtype": "bfloat16"}, 0),
        ({"shown": 1}, 2),
        ({"complete": False}, 2),
    ],
    ids=["logits changed", "tokens lost", "text changed"],
)
def test_what_went_wrong_fails_its_own_check(changes: dict[str, Any], failed: int) -> None:
    assert [check.passed for check in checked(reports.report(), **changes)].index(False) == failed
    assert sum(not check.passed for check in checked(reports.report(), **changes)) == 1


def test_a_check_that_failed_is_a_warning() -> None:
    """So that `--strict` sees it, and a reader who stops at the first screen."""
    made = checked(reports.report(), shown=1)
    (warning,) = checks.warn_of_checks(made)
    assert (warning.code, made[2].name in warning.message) == ("self-check", True)
    assert list(checks.warn_of_checks(checked(reports.report()))) == []


def test_a_class_without_a_name_fails_its_check() -> None:
    report = reports.report()
    nameless = replace(report.prediction, labels=tuple(" " for _ in report.prediction.labels))
    assert [check.passed for check in checked(replace(report, prediction=nameless))] == [True, True, True, False]


def test_other_tokens_of_transformers_are_named_with_both_predictions() -> None:
    """By hand: another token, another token type, and tokens that the model does not have."""
    mine = Prediction(("left", "right"), (0.0, 1.0), (0.302, 0.698), predicted=1, gold=None, gold_text=None)
    its = replace(mine, probabilities=(0.504, 0.496), predicted=0)
    other = OtherReading("RobertaTokenizer", 3, "Ġheads", "ĠHE", None, its)
    (warning,) = checks.warn_of_other_reading(mine, other)
    assert warning.code == "other-tokens"
    assert "build RobertaTokenizer from its class" in warning.message
    assert "token 3 (from 0): “Ġheads” in the report, “ĠHE” in transformers" in warning.message
    assert "of the report is “right” (69.8%); with the tokens of transformers it is “left” (50.4%)" in warning.message
    (ended,) = checks.warn_of_other_reading(mine, replace(other, other=None))
    assert "“Ġheads” in the report, no token in transformers" in ended.message
    (typed,) = checks.warn_of_other_reading(mine, replace(other, own="<cls>", other="<cls>", types=(2, None)))
    assert "“<cls>” with token type 2 in the report, “<cls>” with token type none in transformers" in typed.message
    (failed,) = checks.warn_of_other_reading(mine, replace(other, prediction="returns token 300"))
    assert "with the tokens of transformers the model fails (returns token 300)" in failed.message
    assert list(checks.warn_of_other_reading(mine, None)) == []


def test_attention_that_does_not_sum_to_one_makes_no_report() -> None:
    """Nothing that could be shown would be true."""
    report = reports.report()
    broken = replace(report, attention=replace(report.attention, row_error=0.01))
    with pytest.raises(ModelError, match=r"sums to 1 with an error of 0\.01"):
        checked(broken)
    assert all(check.passed for check in checked(broken, dtype="bfloat16"))  # whose weights are rounded


def test_attention_of_another_model_than_the_default_one_makes_no_report() -> None:
    """In float32, where rounding is no reason; the message says by how much, on which tokens, and against what."""
    other = Reference(0.02, tokens=256, attention="sdpa")
    with pytest.raises(ModelError, match=r"differ by 0\.02 from those with its default attention \(sdpa\)") as caught:
        checked(reports.report(), reference=other)
    assert caught.value.exit_code == 4
    large = replace(reports.report(), prediction=replace(reports.report().prediction, logits=(300.0, -200.0)))
    assert checked(large, reference=other)[0].passed  # a ten-thousandth of the logits


@pytest.mark.parametrize(("tokens", "words"), [(3, "the first 3 tokens"), (6, "all 6 tokens")])
def test_the_check_says_what_was_compared(tokens: int, words: str) -> None:
    report = reports.report("one two three four")
    made = checked(report, reference=Reference(1e-7, tokens=tokens, attention="eager"))
    assert made[0].detail.startswith(
        f"compared with its default attention (eager) on {words}: largest difference 1e-07"
    )


def test_a_model_with_one_attention_has_nothing_to_compare() -> None:
    made = checked(reports.report(), reference=None)
    assert made[0].passed
    assert made[0].detail == "this type of model has one attention, which computes with the weights it returns"


def test_layers_without_attention_are_named_as_what_they_are() -> None:
    kinds = ("Mamba", "Mamba", "attention", "Mamba", "attention")
    attention = replace(reports.report().attention, layer_kinds=kinds)
    (warning,) = checks.warn_of_layers(attention)
    assert warning.code == "hybrid"
    assert warning.message.startswith("Only 2 of the 5 layers have attention.")
    assert warning.message.endswith("(1-2, 4: Mamba).")
    assert list(checks.warn_of_layers(reports.report().attention)) == []


def test_a_sink_is_told_with_the_head_in_which_it_takes_most() -> None:
    report = reports.report()
    sink = np.array([[0.1, 0.2], [0.6, 0.1]], np.float32)
    attention = replace(report.attention, sink=sink)
    (warning,) = checks.warn_of_layers(attention)
    assert (warning.code, "25% on average, most in layer 2, head 1 (60%)" in warning.message) == ("sink", True)
    assert checked(replace(report, attention=attention))[1].name == "Every row of attention and its sink sum to 1"
    rows = charts.overview(replace(report, attention=attention), draw=lambda *_, **__: "").data.rows
    assert [row[-1] for row in rows] == ["10.0%", "20.0%", "60.0%", "10.0%"]


def test_equal_scores_are_called_uniform_and_unequal_ones_not() -> None:
    report = reports.report()
    scores, _ = reports.ranked(report)

    def codes(total: np.ndarray) -> list[str]:
        made = replace(scores, total=total.astype(np.float32))
        arguments = (report.tokens, report.attention, report.importance, made)
        return [warning.code for warning in checks.warn_of_attention(*arguments)]

    tokens = len(report.tokens)
    assert "uniform" in codes(np.zeros(tokens))
    assert "uniform" in codes(np.full(tokens, 3.0) + np.arange(tokens) * 1e-9)
    assert "uniform" not in codes(np.arange(tokens))


def test_the_warning_of_glyphs_names_characters_scripts_and_fonts() -> None:
    warning = checks.warn_of_glyphs(("ก", "漢", "字", "😀", "\u0301", "\ue000"))
    assert warning.code == "missing-glyphs"
    assert "(Thai, Han, symbols, marks, private or unassigned)" in warning.message
    for part in ("U+0E01 THAI CHARACTER KO KAI", "U+6F22", "U+5B57", "U+1F600 GRINNING FACE", "U+0301 COMBINING ACUTE"):
        assert part in warning.message
    assert "apt-get install fonts-noto-core fonts-noto-cjk" in warning.message


def test_a_character_without_a_name_is_named_by_its_code() -> None:
    assert "(private or unassigned): U+E000 without a name. " in checks.warn_of_glyphs(("\ue000",)).message


def test_of_many_characters_five_are_named_and_the_rest_is_counted() -> None:
    message = checks.warn_of_glyphs(tuple(map(chr, range(0x0E01, 0x0E0D)))).message
    assert message.count("U+") == 5
    assert " and 7 more. " in message


def test_of_many_scripts_eight_are_named() -> None:
    message = checks.warn_of_glyphs(tuple("กअঅઅଅఅಅഅමማ")).message
    assert "(Thai, Devanagari, Bengali, Gujarati, Oriya, Telugu, Kannada, Malayalam and 2 more)" in message
