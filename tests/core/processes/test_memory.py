"""memory: a process asks for large pages, and gives back what is free."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reportgen.core.processes import memory


def test_large_pages_are_asked_for_unless_the_user_has_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(memory.LARGE_PAGES, raising=False)
    memory.ask_for_large_pages()
    assert os.environ.pop(memory.LARGE_PAGES) == "1"
    monkeypatch.setenv(memory.LARGE_PAGES, "0")
    memory.ask_for_large_pages()
    assert os.environ[memory.LARGE_PAGES] == "0"


FREE_BETWEEN_KEPT = """
from reportgen.core.processes import memory

def held():
    line = next(line for line in open("/proc/self/status") if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1000

pieces = [b"x" * 60_000 for _ in range(2000)]  # 120 MB in pieces that the heap itself holds
kept = pieces[::100] + pieces[-1:]
del pieces
before = held()
memory.give_back()
print(before, held())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system has no /proc")
def test_free_memory_between_what_is_kept_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", FREE_BETWEEN_KEPT], capture_output=True, text=True, check=True)
    before, after = map(float, done.stdout.split())
    assert before > 100
    assert after < 40
