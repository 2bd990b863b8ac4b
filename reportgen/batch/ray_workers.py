"""Run work on processes of a Ray cluster that come and go; work lost with a process is done again on another.

A reader is an actor with the model in memory. It returns the parts of its work one after the other, and waits until
they are taken. `ray_cluster.py` defines the work.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from reportgen.core.errors import ClusterError, ReportgenError
from reportgen.core.processes.ray_link import answers

AHEAD = 2  # pieces of work that each reader has: one that it is at, one that waits
BUFFERED = 2  # parts that a reader makes before the first is taken
TRIES = 3  # times that a piece of work may be lost before it is given up
LOOK_EVERY = 5.0  # seconds between two looks at what the cluster has
GONE_AFTER = 30.0  # seconds without an answer until the cluster counts as lost; after 60, Ray ends this process
PATIENCE = 1800.0  # seconds in which a first reader has to come up, the model's download in it
GO_ON = "run the same command again when it is back, to continue"

Part = tuple["Work", str, Any]  # a piece of work, the name of the part, and what it is; or `Lost`


@dataclass(frozen=True, slots=True)
class Room:
    """The capacity of a cluster."""

    readers: int
    parts: int  # that are handed on at once


@dataclass(frozen=True, slots=True)
class Work:
    """The work of a reader in one call."""

    method: str  # of the reader
    given: tuple[Any, ...]
    parts: tuple[str, ...]  # names of what the reader is to give, in their order
    tries: int = 0  # how often it was lost


@dataclass(frozen=True, slots=True)
class Lost:
    """Instead of a part that was lost too often."""

    reason: str


@dataclass(slots=True, eq=False)
class _RayActor:
    actor: Any
    opening: Any  # a reference; None when the reader is ready for work
    streams: list[_Stream] = field(default_factory=list)  # in the order in which it takes them


@dataclass(slots=True, eq=False)
class _Stream:
    """A piece of work that a reader has."""

    work: Work
    reader: _RayActor
    generator: Any
    taken: int = 0  # parts
    passed: int = 0  # of them on their way to being whole
    ended: bool = False
    lost: list[str] = field(default_factory=list)
    reason: str = ""
    counts: bool = True  # False: it only waited at a reader that another piece of work may have brought down


class Crew:
    """The readers of one run."""

    def __init__(self, start: Callable[[], Any], room: Callable[[], Room]) -> None:
        self.start, self.measure = start, room
        self.room = room()
        self.readers: list[_RayActor] = []
        self.streams: dict[Any, _Stream] = {}
        self.passed: dict[Any, tuple[_Stream, str]] = {}
        self.waiting: deque[Work] = deque()
        self.stumbles = 0  # readers that were lost before they were ready, one after the other
        self.looked = self.answered = self.moved = time.monotonic()

    def results(
        self, works: Iterable[Work | None], then: Callable[[Any], Any] = lambda reference: reference
    ) -> Iterator[Part]:
        """All parts of *works*, each as soon as it is ready.

        Args:
            works: None among them says that there is no more for the moment.
            then: Hands a part on, as a reference, to whoever makes it whole.

        Raises:
            ReportgenError: An error of a reader that prevents all work.
            ClusterError: If the cluster is lost, or has no room.
        """
        offered, more = iter(works), True
        while True:
            more = more and self._fill(offered)
            self._assign()
            if not (more or self.waiting or self.streams or self.passed):
                return
            yield from self._collect(then)
            self._look()

    def stop(self) -> None:
        """End everything."""
        for reader in self.readers:
            with contextlib.suppress(Exception):
                ray.kill(reader.actor)
        for reference in self.passed:
            with contextlib.suppress(Exception):
                ray.cancel(reference, force=True)

    def _fill(self, offered: Iterator[Work | None]) -> bool:
        """Take as much work as the readers need; False when there is no more."""
        while len(self.waiting) < max(1, self.room.readers):
            try:
                work = next(offered)
            except StopIteration:
                return False
            if work is None:
                break
            self.waiting.append(work)
        return True

    def _assign(self) -> None:
        """Give work to readers that are ready, and start more while there is more work."""
        while self.waiting:
            ready = [reader for reader in self.readers if reader.opening is None and len(reader.streams) < AHEAD]
            if not ready:
                break
            reader, work = min(ready, key=lambda reader: len(reader.streams)), self.waiting.popleft()
            method = getattr(reader.actor, work.method).options(
                num_returns="streaming", _generator_backpressure_num_objects=BUFFERED
            )
            stream = _Stream(work, reader, method.remote(work.parts, *work.given))
            reader.streams.append(stream)
            self.streams[stream.generator] = stream
        opening = sum(reader.opening is not None for reader in self.readers)
        while opening < len(self.waiting) and len(self.readers) < self.room.readers:
            actor = self.start()
            self.readers.append(_RayActor(actor, actor.open.remote()))
            opening += 1

    def _collect(self, then: Callable[[Any], Any]) -> Iterator[Part]:
        """Take the next result; wait a second if there is none."""
        full = len(self.passed) >= self.room.parts
        opening = {reader.opening: reader for reader in self.readers if reader.opening is not None}
        waited = [*self.passed, *opening, *(() if full else self.streams)]
        ready, _ = ray.wait(waited, num_returns=1, timeout=1.0, fetch_local=False) if waited else ([], [])
        for found in ready:
            self.moved = time.monotonic()
            if found in opening:
                self._opened(opening[found])
            elif found in self.streams:
                yield from self._take(self.streams[found], then)
            else:
                yield from self._whole(found)

    def _opened(self, reader: _RayActor) -> None:
        """A reader is ready, or will never be."""
        try:
            error = ray.get(reader.opening)
        except RayError as lost:
            self._check(lost)
            self._drop(reader)
            self.stumbles += 1
            if self.stumbles >= TRIES * max(1, self.room.readers):
                raise ClusterError(
                    f"{self.stumbles} processes that loaded the model were lost, the last with {_name(lost)}",
                    hint="perhaps for lack of memory; see Ray's logs",
                ) from lost
        else:
            if error is not None:
                raise error
            reader.opening, self.stumbles = None, 0

    def _take(self, stream: _Stream, then: Callable[[Any], Any]) -> Iterator[Part]:
        """The next part that a reader has made, or the end of its work."""
        try:
            reference = next(stream.generator)
        except StopIteration:
            del self.streams[stream.generator]
            stream.ended = True
            stream.lost += stream.work.parts[stream.taken :]
            with contextlib.suppress(ValueError):
                stream.reader.streams.remove(stream)
            yield from self._settle(stream)
            return
        if reference == stream.generator.completed() or stream.taken == len(stream.work.parts):  # it carries the error
            self._see(stream, reference)
            return
        part = stream.work.parts[stream.taken]
        stream.taken += 1
        stream.passed += 1
        self.passed[then(reference)] = (stream, part)

    def _whole(self, reference: Any) -> Iterator[Part]:
        """A part that was handed on is whole, or lost."""
        stream, part = self.passed.pop(reference)
        stream.passed -= 1
        try:
            value = ray.get(reference)
        except RayError as lost:
            self._check(lost)
            stream.lost.append(part)
            stream.reason = _name(lost)
            if isinstance(lost, RayActorError):
                self._drop(stream.reader)
        else:
            if isinstance(value, ReportgenError):
                raise value
            yield stream.work, part, value
        yield from self._settle(stream)

    def _see(self, stream: _Stream, reference: Any) -> None:
        """Why a reader gives no more."""
        try:
            ray.get(reference)
        except RayError as lost:
            self._check(lost)
            stream.reason = _name(lost)
            self._drop(stream.reader)

    def _settle(self, stream: _Stream) -> Iterator[Part]:
        """At the end of its results: lost work waits again, or is given up.

        Work that was lost many times is tried part by part, so that a part that kills readers costs no other.
        """
        if not stream.ended or stream.passed or not stream.lost:
            return
        parts = tuple(part for part in stream.work.parts if part in stream.lost)
        work = replace(stream.work, parts=parts, tries=stream.work.tries + stream.counts)
        if work.tries >= TRIES:
            for part in parts:
                yield work, part, Lost(f"lost {work.tries} times on the cluster, the last time with {stream.reason}")
        elif work.tries == TRIES - 1:
            self.waiting.extendleft(replace(work, parts=(part,)) for part in reversed(parts))
        else:
            self.waiting.appendleft(work)

    def _drop(self, reader: _RayActor) -> None:
        """Do without a reader."""
        if reader not in self.readers:
            return
        self.readers.remove(reader)
        for stream in reader.streams[1:]:
            stream.counts = False
        with contextlib.suppress(Exception):
            ray.kill(reader.actor)

    def _check(self, error: Exception) -> None:
        """Ignore errors that another try may fix.

        Raises:
            ClusterError: For others: our code is missing, or ends with an error that it should have caught.
        """
        if isinstance(error, RayTaskError) or getattr(error, "actor_init_failed", False):
            said = str(error).strip().splitlines()[-1]
            raise ClusterError(
                f"a machine of the cluster does not work: {said}",
                hint="install the same versions of reportgen[ray] on all machines",
            ) from error

    def _look(self) -> None:
        """See from time to time whether the cluster is there, and how large it is."""
        now = time.monotonic()
        if now - self.looked < LOOK_EVERY:
            return
        self.looked = now
        if answers(ray.get_runtime_context().gcs_address):
            self.answered, self.room = now, self.measure()
        elif now - self.answered > GONE_AFTER:
            raise ClusterError("the head of the Ray cluster no longer answers", hint=GO_ON)
        if now - self.moved > PATIENCE and all(reader.opening is not None for reader in self.readers):
            raise ClusterError(
                f"no process could be started on the cluster for {PATIENCE / 60:.0f} minutes",
                hint="ray status shows its free resources; lower --workers or --gpus-per-worker",
            )


def _name(error: Exception) -> str:
    return type(error).__name__
