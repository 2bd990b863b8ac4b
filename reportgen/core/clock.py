"""Measure the seconds and the peak memory of each stage of a run.

Memory is that of the process, from /proc on Linux; other systems report only the peak so far. Nothing is decided or
printed here: the caller chooses how stages are shown.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reportgen.core.errors import UsageError
from reportgen.core.nouns.values import NotNegative

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # of proc(5), clear_refs: resets the peak of resident memory


Advance = Callable[[int], None]  # so many more are done


@contextlib.contextmanager
def untold(what: str, total: int) -> Iterator[Advance]:
    """Progress that is not shown."""
    yield lambda count: None


@dataclass(frozen=True, slots=True)
class Stage:
    """Time and memory of one stage of the run."""

    name: str  # as in the log: "convert"
    seconds: NotNegative  # other stages that ran within it left out
    peak_mb: NotNegative | None  # peak resident memory of the process; None if the system does not report it
    gpu_peak_mb: NotNegative | None  # the same of the GPU's memory; None without one


@dataclass(slots=True)
class Peak:
    """The largest memory of a stage, stages within it counted."""

    host: float = 0.0  # MB of a million bytes
    gpu: float = 0.0


@dataclass(frozen=True, slots=True)
class Clock:
    """Shows stages and progress, and keeps time and memory of each stage."""

    tell: Callable[[str], None] = lambda stage: None
    track: Callable[[str, int], contextlib.AbstractContextManager[Advance]] = untold  # what is done, of how many
    seconds: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, Peak] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)  # the stages that run now, the innermost last

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the block as stage *name*; the time of a stage within another counts for the inner one alone."""
        if name not in self.seconds:
            self.tell(name)
        self._measure()
        self._open.append(name)
        start = time.perf_counter()
        try:
            yield
        finally:
            taken = time.perf_counter() - start
            self._measure()
            self._open.pop()
            self.seconds[name] = self.seconds.get(name, 0.0) + taken
            if self._open:
                outer = self._open[-1]
                self.seconds[outer] = self.seconds.get(outer, 0.0) - taken

    def stages(self, *, among: int = 1) -> tuple[Stage, ...]:
        """Time and memory of each stage so far, shared evenly *among* several examples.

        Nothing where the run has to give the same bytes again.
        """
        if epoch() is not None:
            return ()
        return tuple(self._stage(name, seconds / among) for name, seconds in self.seconds.items())

    def _stage(self, name: str, seconds: float) -> Stage:
        peak = self.peaks.get(name, Peak())
        return Stage(name, round(seconds, 3), round(peak.host, 1) or None, round(peak.gpu, 1) or None)

    def _measure(self) -> None:
        """Credit the memory since the last call to the running stages, and reset the peak."""
        if self._open:
            host, gpu = largest()
            for name in self._open:
                peak = self.peaks.setdefault(name, Peak())
                peak.host, peak.gpu = max(peak.host, host), max(peak.gpu, gpu)
        _begin()


def now() -> datetime:
    """The time, or SOURCE_DATE_EPOCH if set, so that a run can be repeated to the byte.

    Raises:
        UsageError: If the variable is no time.
    """
    return epoch() or datetime.now(UTC)


def epoch() -> datetime | None:
    """The time in SOURCE_DATE_EPOCH; None if not set.

    Raises:
        UsageError: If it is no time.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given is None:
        return None
    try:
        if not given.isascii() or not given.isdigit():
            raise ValueError
        return datetime.fromtimestamp(int(given), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"SOURCE_DATE_EPOCH={given[:40]} is not a number of seconds since 1970", hint="try: date +%s"
        ) from error


def largest() -> tuple[float, float]:
    """The largest memory of the process and of the GPU since the stage began, MB."""
    cuda = _cuda()
    return _largest_resident(), cuda.max_memory_allocated() / 1e6 if cuda else 0.0


def _largest_resident() -> float:
    try:
        with STATUS.open() as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _begin() -> None:
    with contextlib.suppress(OSError):
        RESET.write_text(RESET_PEAK)
    cuda = _cuda()
    if cuda:
        cuda.reset_peak_memory_stats()


def _cuda() -> Any:
    """torch.cuda, if torch uses a GPU; torch may not be installed, and is not imported for this."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized() else None
