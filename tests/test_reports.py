"""The payloads of the tests: where one does harm, the test says which."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import asdict

import pytest

from tests import reports


def strings(value: object) -> Iterator[str]:
    """Every string in it, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from itertools.chain.from_iterable(map(strings, itertools.chain(value, value.values())))
    elif isinstance(value, tuple):
        yield from itertools.chain.from_iterable(map(strings, value))


def test_every_payload_stands_in_every_field_of_one_report() -> None:
    report = reports.infected(*reports.PAYLOADS)
    assert len(report.tokens) == 2 * len(reports.PAYLOADS) + 4
    for place in ("example", "tokens", "prediction", "importance", "checks", "warnings", "provenance"):
        found = list(strings(asdict(report)[place]))
        assert [payload for payload in reports.PAYLOADS if not any(payload in one for one in found)] == [], place


@pytest.mark.parametrize("culprit", [reports.PAYLOADS[0], reports.PAYLOADS[13], reports.PAYLOADS[-1]])
def test_the_payload_that_does_harm_is_named(culprit: str) -> None:
    calls: list[int] = []

    def check(*payloads: str) -> None:
        calls.append(len(payloads))
        assert culprit not in payloads, "it ran"

    with pytest.raises(AssertionError) as caught:
        reports.withstands(check)
    assert "it ran" in str(caught.value)
    assert str(caught.value).splitlines()[-1] == f"with {culprit!r}"
    assert len(calls) < 12


def test_what_harms_only_together_is_named_together() -> None:
    def check(*payloads: str) -> None:
        assert len(payloads) < 3

    with pytest.raises(AssertionError, match="'1' '2' '3' '4'"):
        reports.withstands(check, tuple("1234"))
