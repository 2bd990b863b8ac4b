"""checks: whether a run can be trusted."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reportgen.core.config import Config
from reportgen.core.errors import ModelError
from reportgen.core.records import Check, Report
from reportgen.report import checks
from tests import reports


def checked(report: Report, **changes: Any) -> tuple[Check, ...]:
    """The self-checks of a report whose run went well but for *changes*."""
    given = {"dtype": "float32", "logit_difference": 0.0, "shown": len(report.tokens), "complete": True, **changes}
    return checks.check_run(report.prediction, report.attention, report.tokens, **given)


def test_a_good_run_passes_all_checks() -> None:
    made = checked(reports.report())
    assert [check.passed for check in made] == [True] * 4
    assert made[2].detail.startswith(f"{len(reports.report().tokens)} of ")


@pytest.mark.parametrize(
    ("changes", "failed"),
    [({"logit_difference": 0.5}, 0), ({"shown": 1}, 2), ({"complete": False}, 2)],
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


def test_attention_that_does_not_sum_to_one_makes_no_report() -> None:
    """Nothing that could be shown would be true."""
    report = reports.report()
    broken = replace(report, attention=replace(report.attention, row_error=0.01))
    with pytest.raises(ModelError, match=r"misses the sum 1 by 0\.01"):
        checked(broken)
    assert all(check.passed for check in checked(broken, dtype="bfloat16"))  # whose weights are rounded


def test_equal_scores_are_called_uniform_and_unequal_ones_not() -> None:
    report = reports.report()
    scores, _ = reports.ranked(report)

    def codes(total: np.ndarray) -> list[str]:
        made = replace(scores, total=total.astype(np.float32))
        arguments = (Config(), report.tokens, report.attention, report.importance, made)
        return [warning.code for warning in checks.warn_of_attention(*arguments)]

    tokens = len(report.tokens)
    assert "uniform" in codes(np.zeros(tokens))
    assert "uniform" in codes(np.full(tokens, 3.0) + np.arange(tokens) * 1e-9)
    assert "uniform" not in codes(np.arange(tokens))
