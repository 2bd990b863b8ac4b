"""clock: what a stage takes, and which time a report names."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import numpy as np
import pytest

from reportgen.core.clock import Clock, now
from reportgen.core.errors import UsageError


def test_a_stage_says_when_it_begins_and_only_the_first_time() -> None:
    told: list[str] = []
    clock = Clock(tell=told.append)
    for _ in range(2):
        with clock.stage("convert"):
            pass
    assert told == ["convert"]
    assert set(clock.seconds) == {"convert"}


def test_time_within_another_stage_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model runs 10 s, of which its layers are reduced for 4 s."""
    times = iter([0.0, 3.0, 7.0, 10.0])
    monkeypatch.setattr("reportgen.core.clock.time.perf_counter", lambda: next(times))
    clock = Clock()
    with clock.stage("inference"), clock.stage("convert"):
        pass
    assert clock.seconds == {"convert": 4.0, "inference": 6.0}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell the largest memory so far alone")
def test_the_largest_memory_is_that_of_the_stage() -> None:
    clock = Clock()
    with clock.stage("before"):
        pass
    with clock.stage("outer"):
        held = np.ones(50_000_000, np.uint8)
        with clock.stage("inner"):
            more = np.ones(100_000_000, np.uint8)
            del more
        del held
    with clock.stage("after"):
        pass
    peak = {stage.name: stage.peak_mb or 0.0 for stage in clock.stages()}
    assert peak["inner"] > peak["before"] + 130
    assert peak["outer"] == pytest.approx(peak["inner"], abs=20), "what runs within a stage is part of it"
    assert peak["after"] < peak["outer"] - 100
    assert all(stage.gpu_peak_mb is None for stage in clock.stages())


def test_a_run_that_can_be_repeated_keeps_no_times(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    with clock.stage("rank"):
        pass
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert clock.stages() == ()
    assert now() == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("epoch", ["", "soon", "-1", "1e9", "9" * 30, " 5", "\u0665", "1_000"])
def test_a_time_that_is_none_is_a_usage_error(epoch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH") as caught:
        now()
    assert caught.value.exit_code == 2


def test_without_the_variable_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert abs((datetime.now(UTC) - now()).total_seconds()) < 60


def test_a_stage_that_fails_is_measured_and_not_hidden() -> None:
    clock = Clock()
    with pytest.raises(ZeroDivisionError), clock.stage("rank"):
        raise ZeroDivisionError
    assert "rank" in clock.seconds
