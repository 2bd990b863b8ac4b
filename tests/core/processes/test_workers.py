"""workers: processes that work for this one, and what they leave each other.

Every process imports this module, which therefore imports little.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reportgen.core.processes import workers

WITH_TORCH = """
import os

os.dup2(1, 2)  # OpenMP tells its settings on stderr
os.environ.pop("OMP_WAIT_POLICY", None)
os.environ["OMP_DISPLAY_ENV"] = "true"
from reportgen.core.processes import workers

workers.share_cores()
import torch
"""
BATCH = """
import sys
from reportgen import cli
from reportgen.core.processes import workers

def share_cores():
    print(f"called, with torch: {'torch' in sys.modules}")
    sys.exit()

workers.share_cores = share_cores
cli.main(["batch", "--preset", "demo", "-o", "nowhere"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="another OpenMP than GNU's tells its settings otherwise")
def test_threads_of_torch_sleep_while_they_wait() -> None:
    """As OpenMP itself tells it."""
    from tests.test_imports import python

    assert "OMP_WAIT_POLICY = 'PASSIVE'" in python(WITH_TORCH)


def test_who_has_chosen_otherwise_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    workers.share_cores()
    assert os.environ["OMP_WAIT_POLICY"] == "active"


def test_a_batch_says_so_before_torch_is_loaded() -> None:
    """Later nobody would hear it."""
    from tests.test_imports import python

    assert "called, with torch: False" in python(BATCH)


def test_a_worker_dies_with_the_process_it_works_for() -> None:
    """Whatever it does at the time, and however that process ends."""
    program = (
        "import os, time; from reportgen.core.processes import workers\n"
        "if __name__ == '__main__':\n"
        "    pool = workers.Pool(1)\n"
        "    print(next(pool.results(eval, ['__import__(\"os\").getpid()']))[1], flush=True)\n"
        "    list(pool.results(time.sleep, [600]))"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    for _ in range(300):
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the worker outlived its parent")


def children() -> list[int]:
    """Processes that are there after a moment: of two threads that wait for one, the second hears of its end later."""
    for _ in range(50):
        if not multiprocessing.active_children():
            return []
        time.sleep(0.1)
    return [child.pid or 0 for child in multiprocessing.active_children()]


def square(number: int) -> int:
    """A job; 7 brings its process down."""
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def test_a_job_that_brings_its_process_down_has_no_answer_and_costs_no_other() -> None:
    with workers.Pool(2) as pool:
        answers = dict(pool.results(square, range(12)))
    assert answers == {number: None if number == 7 else number * number for number in range(12)}
    assert not children()


def test_processes_do_not_hear_signals_and_end_with_the_pool() -> None:
    """Also while they are at a job."""
    began = time.monotonic()
    with workers.Pool(1) as pool:
        for _, pid in pool.results(eval, ["__import__('os').getpid()", "__import__('time').sleep(600)"]):
            os.kill(int(str(pid)), signal.SIGTERM)
            os.kill(int(str(pid)), signal.SIGINT)
            time.sleep(0.5)
            assert [child.pid for child in multiprocessing.active_children()] == [pid]
            break
    assert not children()
    assert time.monotonic() - began < 300


def blocked() -> set[int]:
    """The signals that do not reach the process, whatever it does with them."""
    return signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_an_interrupt_does_not_reach_a_process_that_is_being_started() -> None:
    """Its traceback would stand among the messages of the command."""
    with workers.Pool(1) as pool:
        assert signal.SIGINT in pool.begin(blocked)()
    assert signal.SIGINT not in blocked()


def failing() -> None:
    """A job that fails in its own way."""
    raise ValueError("seven")


def test_work_goes_on_in_a_second_process(tmp_path: Path) -> None:
    """Its answer, or its error, comes when it is asked for."""
    with workers.aside(wanted=True) as begin:
        assert begin is not None
        here, number, error = begin(os.getpid), begin(pow, 7, 2, mod=10), begin(failing)
        slow = begin(time.sleep, 600)
        assert here() != os.getpid()
        assert number() == 9
        with pytest.raises(ValueError, match="seven"):
            error()
    assert slow is not None
    assert not children()


def test_a_second_process_that_is_killed_had_too_little_memory() -> None:
    with workers.aside(wanted=True) as begin:
        assert begin is not None
        assert begin(square, 3)() == 9
        lost = begin(square, 7)
        with pytest.raises(MemoryError, match="was killed"):
            lost()
        assert begin(square, 4)() == 16  # here
    assert not children()


def test_where_no_process_can_be_started_the_work_is_done_here() -> None:
    """A script that does not say what it is when it is imported cannot start one: its process would start another."""
    program = (
        "import os; from reportgen.core.processes import workers\n"
        "with workers.aside(wanted=True) as begin:\n"
        "    print(begin(os.getpid)() == os.getpid())"
    )
    done = subprocess.run([sys.executable, "-"], input=program, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"]


def test_there_is_no_second_process_without_a_core_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with workers.aside(wanted=False) as begin:
        assert begin is None
    monkeypatch.setattr(workers, "cores", lambda: 1)
    with workers.aside(wanted=True) as begin:
        assert begin is None


def interrupted(begun: Path) -> Iterator[str]:
    """A job, and Ctrl-C when a process is at it."""
    yield f"open({str(begun)!r}, 'x').close() or __import__('time').sleep(0.5) or 'first'"
    while not begun.exists():
        time.sleep(0.01)
    raise KeyboardInterrupt


def test_what_processes_are_at_is_still_answered_when_it_ends(tmp_path: Path) -> None:
    with workers.Pool(1) as pool:
        results = pool.results(eval, interrupted(tmp_path / "begun"))
        with pytest.raises(KeyboardInterrupt):
            next(results)
        assert list(pool.wind_up(60)) == ["first"]
