"""threads: pieces of work on all cores, torch alone in each."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from reportgen.model.attention import threads


@pytest.fixture(autouse=True)
def _three_threads() -> Iterator[None]:
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(1)


def test_results_stand_in_the_order_of_the_pieces() -> None:
    gate = threading.Barrier(3, timeout=30)

    def work(piece: int) -> int:
        gate.wait()  # all at once, or never
        return piece * piece

    assert threads.each(work, [3, 1, 2]) == [9, 1, 4]


def test_torch_works_alone_in_each_and_with_all_cores_outside() -> None:
    assert threads.each(lambda _: torch.get_num_threads(), [0, 1, 2]) == [1, 1, 1]
    assert torch.get_num_threads() == 3


def test_one_piece_needs_no_thread() -> None:
    assert threads.each(lambda _: threading.current_thread(), [0]) == [threading.current_thread()]
    assert threading.current_thread() not in threads.each(lambda _: threading.current_thread(), [0, 1])


@pytest.mark.parametrize("mode", [False, True])
def test_inference_mode_holds_in_the_threads_too(mode: bool) -> None:
    with torch.inference_mode(mode):
        assert threads.each(lambda _: torch.is_inference_mode_enabled(), [0, 1]) == [mode, mode]


def test_an_error_of_a_piece_is_raised_here() -> None:
    def work(piece: int) -> int:
        return 1 // piece

    with pytest.raises(ZeroDivisionError):
        threads.each(work, [1, 0])
