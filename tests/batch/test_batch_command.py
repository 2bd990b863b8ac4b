"""batch at the command line: what it prints, what it ends with, and what signals and kill -9 do to a real process."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from reportgen.report.stored import store
from tests import batches
from tests.cli.test_cli import call, fails

pytestmark = pytest.mark.usefixtures("epoch")
COUNT = 40
KILLS = 6


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return batches.rows(tmp_path / "data.jsonl", COUNT)


def words(model: Path, data: Path, output: Path, *more: str) -> list[str]:
    common = ["--format", "tables", "--workers", "1", "--top-k", "3"]
    return ["batch", "--model", str(model), "--dataset", str(data), "-o", str(output), *common, *more]


def start(arguments: list[str], **settings: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "reportgen", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **settings,
    )


def wait_for_reports(process: subprocess.Popen[str], output: Path, count: int) -> None:
    """Wait until a batch has written so many reports, or has ended."""
    while process.poll() is None and len(list(output.glob("*/manifest.json"))) < count:
        time.sleep(0.01)


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """Processes of the session of a process that still run."""
    found = subprocess.run(["ps", "-o", "pid=,stat=", "-s", str(process.pid)], capture_output=True, text=True)
    pairs = (line.split() for line in found.stdout.splitlines())
    return [int(pid) for pid, state in pairs if not state.startswith("Z")]


def test_a_summary_and_the_path_of_the_index(folder: Path, data: Path, tmp_path: Path) -> None:
    made = call(*words(folder, data, tmp_path / "out", "--limit", "6"))
    assert made.exit_code == 0, made.output
    assert made.stdout.splitlines()[-1] == str(tmp_path / "out" / "index.html")
    lines = [line.split() for line in made.stdout.splitlines()]
    assert ["made", "now", "6"] in [line[:3] for line in lines]
    again = call(*words(folder, data, tmp_path / "out", "--limit", "6"))
    assert ["existed", "already", "6"] in [line.split() for line in again.stdout.splitlines()]
    quiet = call(*words(folder, data, tmp_path / "out", "--limit", "6", "-q"))
    assert quiet.output == f"{tmp_path / 'out' / 'index.html'}\n"


def test_the_result_as_json(folder: Path, data: Path, tmp_path: Path) -> None:
    plain = json.loads(call(*words(folder, data, tmp_path / "out", "--limit", "3", "--json")).stdout)
    assert (plain["examples"], plain["made"], plain["there_already"], plain["failed"]) == (3, 3, 0, {})
    assert sum(plain["verdicts"].values()) == 3


def test_rows_that_fail_are_listed_and_the_exit_code_is_10(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text('{"text": "the heads"}\n{"text": null}\n{"text": "attend"}\n')
    made = call(*words(folder, data, tmp_path / "out"))
    assert made.exit_code == 10
    assert "failed: row 1: " in made.stderr
    assert "error: 1 of 3 examples failed" in made.stderr
    assert len(list((tmp_path / "out").glob("*/manifest.json"))) == 2


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--pick", "fx"], "--pick fx"),
        (["--where", "lable = 1"], "lable"),
        (["--restart", "--resume"], "--restart"),
        (["--workers", "0"], "workers"),
        (["--gpus-per-worker", "1"], "--gpus-per-worker needs --engine ray"),
        (["--gpus-per-worker", "nan", "--engine", "ray"], "--gpus-per-worker takes a number"),
        (["--ray-address", "auto"], "--ray-address needs --engine ray"),
        (["--index", "3"], "index"),
    ],
)
def test_wrong_options_are_usage_errors(folder: Path, data: Path, tmp_path: Path, more: list[str], told: str) -> None:
    made = call(*words(folder, data, tmp_path / "out", *more))
    assert made.exit_code == 2
    assert told in made.stderr
    assert not (tmp_path / "out" / ".batch" / "plan.json").exists()


@pytest.mark.slow
def test_a_second_batch_on_the_folder_is_refused_by_name(folder: Path, data: Path, tmp_path: Path) -> None:
    first = start(words(folder, data, tmp_path / "out"))
    wait_for_reports(first, tmp_path / "out", 1)
    fails(call(*words(folder, data, tmp_path / "out")), 7, f"process {first.pid} on")
    first.communicate()
    assert first.returncode == 0


def test_who_does_not_read_is_told_by_the_exit_code(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "bad.jsonl"
    data.write_text('{"text": null, "label": "left"}\n{"text": "heads", "label": "left"}\n')
    process = start(words(folder, data, tmp_path / "out"))
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert "error: 1 of 2 examples failed" in process.stderr.read()
    assert process.wait(60) == 10


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_batch_that_can_go_on(
    folder: Path, data: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    process = start(words(folder, data, tmp_path / "out"))
    wait_for_reports(process, tmp_path / "out", 3)
    os.killpg(process.pid, number)  # as a terminal and a cluster do: the workers hear it, too
    _, told = process.communicate(timeout=30)
    assert process.returncode == code
    assert "run the same command again to continue" in told
    assert "Traceback" not in told
    ended = time.monotonic()
    while left := workers_of(process):  # Python's helper for shared memory ends when it sees that we have
        assert time.monotonic() - ended < 5, left
    assert sorted(path.name for path in (tmp_path / "out" / ".batch").iterdir()) == [
        "journal.jsonl",
        "lock",
        "plan.json",
    ]
    for path in (tmp_path / "out").glob("*/manifest.json"):
        store.verify(path.parent)
    assert (tmp_path / "out" / "index.html").is_file()
    made = call(*words(folder, data, tmp_path / "out", "--json"))
    assert json.loads(made.stdout)["there_already"] >= 3


@pytest.mark.slow
def test_killed_again_and_again_a_batch_ends_as_if_undisturbed(folder: Path, data: Path, tmp_path: Path) -> None:
    call(*words(folder, data, tmp_path / "undisturbed"))
    draw = random.Random(6)
    kills = 0
    while True:
        process = start(words(folder, data, tmp_path / "out"))
        if kills < KILLS:
            wait_for_reports(process, tmp_path / "out", (kills + 1) * COUNT // (KILLS + 2))
            time.sleep(draw.random() * 0.2)
            process.kill()
            kills += 1
        _, errors = process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, errors
        while workers_of(process):  # they end by themselves
            time.sleep(0.01)
    assert kills == KILLS
    assert batches.contents(tmp_path / "out") == batches.contents(tmp_path / "undisturbed")
    assert "continued after process" in errors
    names = [json.loads(line)["outcome"]["name"] for line in (tmp_path / "out/.batch/journal.jsonl").open()]
    assert len(set(names)) == COUNT


def test_nobody_reading_ends_it_cleanly(folder: Path, data: Path, tmp_path: Path) -> None:
    arguments = words(folder, data, tmp_path / "out", "--limit", "2")
    process = start(arguments, env={**os.environ, "LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"})
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    told = process.stderr.read()
    assert process.wait() == 0
    assert "Traceback" not in told


@pytest.mark.slow
def test_a_small_file_system_fills_up_and_the_batch_goes_on_elsewhere(folder: Path, data: Path, tmp_path: Path) -> None:
    """RLIMIT_FSIZE stands for a quota: no file may be larger than a few kilobytes."""
    limited = ["bash", "-c", 'ulimit -f 8; trap "" XFSZ; exec "$0" "$@"', sys.executable, "-m", "reportgen"]
    arguments = words(folder, data, tmp_path / "out", "--limit", "3")
    ended = subprocess.run([*limited, *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 7, ended.stderr
    assert "File too large" in ended.stderr
    assert list((tmp_path / "out").glob("*/manifest.json")) == []
    assert call(*arguments).exit_code == 0
    shutil.rmtree(tmp_path / "out")
