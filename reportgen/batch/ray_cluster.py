"""Make the reports of a batch on a Ray cluster, or measure head importance there.

Readers hold the model, one per GPU if there are GPUs; separate tasks render, so that readers continue. Processes that
die are replaced (`ray_workers.py`). Our own errors travel between processes as values.
"""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from reportgen.batch import journal, units
from reportgen.batch.units import ENVIRONMENT, Outcome, Task, Unit, failed, known
from reportgen.core import versions
from reportgen.core.clock import Clock
from reportgen.core.config import Config
from reportgen.core.errors import ClusterError, DeviceError, ReportgenError, UsageError
from reportgen.core.files import disk
from reportgen.core.nouns.records import HeadImportance, Report
from reportgen.core.processes import ray_link

if TYPE_CHECKING:
    from torch import Tensor

    from reportgen.batch.ray_workers import Crew, Room
    from reportgen.model.importance.measures import Example as Labelled

ALIKE = ("torch", "transformers", "tokenizers", "ray")  # the same version everywhere, as for the presentation
NAMES = ("demo", "auto", "none")  # in the configuration where others name a file
RENEWED = 200  # reports after which a process that renders makes room for another
SHARED_AFTER = 30.0  # seconds until a new file is seen on all machines that share a file system
OOM = "perhaps for lack of memory; see Ray's logs"
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Ray cluster: that at an address, or one of its own on this machine for as long as the run takes."""

    address: str | None = None  # of the head; auto: the cluster that this machine belongs to
    workers: int | None = None  # readers; None: as many as there is room for
    gpus: float | None = None  # of each reader; None: one, if the cluster has any

    def run(self, task: Task, batch: Iterable[Unit], done: Callable[[Outcome], None]) -> None:
        """Make the missing reports of a batch; *done* receives each outcome, in this thread, when it is in place.

        Raises:
            ClusterError: If the cluster cannot be used, or is lost.
            ReportgenError: An error of all reports: a full disk, a model that cannot be loaded.
        """
        with _token(task.folder / journal.FOLDER) as token, self._crew(task, (token, *_needed(task))) as (crew, shared):
            import ray

            from reportgen.batch.ray_workers import Lost, Work

            importance = task.importance
            if task.config.importance == "auto":
                ((_, _, importance),) = crew.results([Work("importance", (), ("importance",))])
                if isinstance(importance, Lost):
                    raise DeviceError(f"head importance was {importance.reason}", hint=OOM)
            render = ray.remote(num_cpus=1, max_retries=0, max_calls=RENEWED)(_render)
            works = (Work("reports", (unit, importance), _names(unit)) for unit in batch)
            for work, name, made in crew.results(works, lambda report: render.remote(task, shared, report)):
                if isinstance(made, Lost):
                    (example,) = (one for one in work.given[0].examples if one.name == name)
                    made = failed(example, DeviceError(made.reason, hint=OOM), task.config)
                done(made)

    def contributions(
        self, config: Config, chunks: Sequence[Sequence[Labelled]], *, by: str, batch_size: int
    ) -> Generator[list[Tensor], None, None]:
        """The contribution of each of *chunks* to the sums of head importance, in order; see `measures.contribution`.

        Raises:
            ClusterError: If the cluster cannot be used, or is lost.
            ReportgenError: If a chunk cannot be measured.
        """
        here = Path.cwd()
        task = Task(config, here, here, None, units.environment())
        with self._crew(task, _present(here, config.model, config.tokenizer)) as (crew, _):
            from reportgen.batch.ray_workers import AHEAD, Lost, Work

            given = 0

            def offered() -> Iterator[Work | None]:
                for index, chunk in enumerate(chunks):
                    while index - given >= AHEAD * max(1, crew.room.readers):  # memory holds no more that wait
                        yield None
                    yield Work("sums", (chunk, by, batch_size), (str(index),))

            found: dict[int, list[Tensor]] = {}
            for _, index, added in crew.results(offered()):
                if isinstance(added, Lost):
                    raise DeviceError(f"head importance was {added.reason}", hint=OOM)
                found[int(index)] = added
                while given in found:
                    yield found.pop(given)
                    given += 1

    @contextlib.contextmanager
    def _crew(self, task: Task, paths: tuple[Path, ...]) -> Iterator[tuple[Crew, Shared]]:
        """Readers on the cluster, as many as there is work for."""
        if task.config.device.startswith("cuda:"):
            raise UsageError(f"--device {task.config.device}: Ray assigns the GPUs", hint="use --device cuda")
        shared = Shared(versions.installed(*ALIKE), paths)
        with ray_link.connected(self.address):
            import ray

            from reportgen.batch.ray_workers import Crew

            gpus = self._gpus(task.config.device)
            options = {"num_gpus": gpus, "num_cpus": 0} if gpus else {}
            reader = ray.remote(Reader).options(scheduling_strategy="SPREAD", max_restarts=0, **options)
            crew = Crew(lambda: reader.remote(task, shared, bool(gpus)), lambda: self._room(gpus))
            try:
                yield crew, shared
            finally:
                crew.stop()

    def _gpus(self, device: str) -> float:
        """GPUs of each reader."""
        import ray

        most = max((node["Resources"].get("GPU", 0) for node in ray.nodes() if node["Alive"]), default=0)
        if self.gpus is None:
            return 1.0 if most and device in ("auto", "cuda") else 0.0
        if self.gpus > most:
            raise ClusterError(
                f"--gpus-per-worker {self.gpus:g}: no machine of the cluster has more than {most:g} GPUs",
                hint="ray status shows the GPUs of the cluster; --gpus-per-worker 0 uses its CPUs",
            )
        return self.gpus

    def _room(self, gpus: float) -> Room:
        """A reader for each GPU; without, for every second core, as rendering takes some, too."""
        import ray

        from reportgen.batch.ray_workers import Room

        found = ray.cluster_resources()
        cores = max(1, int(found.get("CPU", 0)))
        return Room(self.workers or max(1, int(found.get("GPU", 0) / gpus) if gpus else cores // 2), cores)


@dataclass(frozen=True, slots=True)
class Shared:
    """The things that all machines must share with the machine of the command."""

    versions: dict[str, str]
    paths: tuple[Path, ...]


class Reader:
    """On a machine of the cluster: a process that has the model in memory. Gives its errors as values."""

    def __init__(self, task: Task, shared: Shared, gpu: bool) -> None:
        self.task, self.shared, self.gpu = task, shared, gpu

    def open(self) -> ReportgenError | None:
        """Load the model."""
        try:
            _settle(self.task, self.shared)
            if not self.gpu:
                os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray leaves those in sight that others were given
            from reportgen import pipeline

            self.classifier = pipeline.load(self.task.config, Clock())
        except Exception as error:
            return known(error)
        return None

    def importance(self, _: Sequence[str]) -> Iterator[HeadImportance | ReportgenError]:
        """Head importance as the configuration names it."""
        yield from _with_errors(lambda: [units.open_reader(self.task, self.classifier).importance])

    def reports(
        self, names: Sequence[str], unit: Unit, importance: HeadImportance | None
    ) -> Iterator[Report | Outcome | ReportgenError]:
        """The reports of some examples of a unit."""

        def made() -> Iterator[Report | Outcome]:
            reader = units.open_reader(replace(self.task, importance=importance), self.classifier)
            return units.analyse(self.task, reader, replace(unit, wanted=frozenset(names)))

        yield from _with_errors(made)

    def sums(
        self, _: Sequence[str], examples: Sequence[Labelled], by: str, batch_size: int
    ) -> Iterator[list[Tensor] | ReportgenError]:
        """The contribution of some examples to the sums of head importance."""
        from reportgen.model.importance import measures

        yield from _with_errors(
            lambda: [measures.contribution(self.classifier, examples, measure=by, batch_size=batch_size)]
        )


def _render(task: Task, shared: Shared, made: Report | Outcome | ReportgenError) -> Outcome | ReportgenError:
    """On a machine of the cluster: the folder of a report, put in place."""
    if not isinstance(made, Report):
        return made
    try:
        _settle(task, shared)
        return units.finish(task, made)
    except Exception as error:
        return known(error)


def _with_errors(make: Callable[[], Iterable[Made]]) -> Iterator[Made | ReportgenError]:
    """The results; an error that ends them is the last value."""
    try:
        yield from make()
    except Exception as error:
        yield known(error)


def _settle(task: Task, shared: Shared) -> None:
    """Check that this machine is like the machine of the command, and work in the same folder.

    Raises:
        ClusterError: If it is not.
    """
    for name in ENVIRONMENT:
        os.environ.pop(name, None)
    os.environ.update(task.environment)
    with contextlib.suppress(OSError):  # only needed for paths in it
        os.chdir(task.directory)
    found = versions.installed(*ALIKE)
    for name, version in shared.versions.items():
        if found[name] != version:
            raise ClusterError(
                f"{socket.gethostname()} has {name} {found[name]}, the machine of the command has {version}",
                hint="install the same versions on all machines",
            )
    for path in shared.paths:
        ended = time.monotonic() + SHARED_AFTER
        while not path.exists():
            if time.monotonic() > ended:
                raise ClusterError(
                    f"{socket.gethostname()} does not see {disk.shown(path)}",
                    hint="put inputs and outputs on a file system that all machines share",
                )
            time.sleep(0.5)


def _names(unit: Unit) -> tuple[str, ...]:
    return tuple(example.name for example in unit.examples if example.name in unit.wanted)


def _needed(task: Task) -> tuple[Path, ...]:
    """The files on this machine's disk that the configuration names and readers need."""
    config = task.config
    sample = config.dataset if config.importance == "auto" else None
    return _present(task.directory, config.model, config.tokenizer, config.importance, sample)


def _present(directory: Path, *names: str | None) -> tuple[Path, ...]:
    """Files and folders of this machine among what a configuration names."""
    paths = [directory / Path(name).expanduser() for name in names if name and name not in NAMES]
    return tuple(path for path in paths if path.exists())


@contextlib.contextmanager
def _token(folder: Path) -> Iterator[Path]:
    """A file that no other folder has: a machine that sees it sees this folder."""
    with disk.errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, prefix=journal.TOKEN, suffix=".part")
        os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
