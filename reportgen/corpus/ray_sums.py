"""Sum the chunks of a corpus on a Ray cluster: every chunk is a task, and a lost task is done again."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reportgen.core import versions
from reportgen.core.errors import ClusterError, ReportgenError
from reportgen.core.processes import ray_link
from reportgen.corpus.gather import Job, sum_chunk

AHEAD = 2  # chunks that are given to each worker
TRIES = 3  # times that a chunk is given again whose process was lost
ALIKE = ("numpy", "pyarrow")  # the same version everywhere


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Ray cluster: that at an address, or one of its own on this machine for as long as the run takes."""

    address: str | None = None  # of the head; auto: the cluster that this machine belongs to
    workers: int | None = None  # chunks at a time; None: one for each core

    def __call__(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, bytes | None]]:
        """The sums of the chunks, as they come.

        Raises:
            ClusterError: If the cluster cannot be used, or has other versions.
            ReportgenError: If an expression cannot be evaluated.
        """
        with ray_link.connected(self.address):
            import ray

            work = ray.remote(num_cpus=1, max_retries=TRIES)(_sum)
            found = versions.of("reportgen", *ALIKE)
            workers = self.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
            waiting = list(jobs)
            running: dict[object, Job] = {}
            while waiting or running:
                while waiting and len(running) < AHEAD * workers:
                    job = waiting.pop(0)
                    running[work.remote(job, found)] = job
                (done, *_), _ = ray.wait(list(running), num_returns=1)
                job = running.pop(done)
                yield job, _taken(done, job)


def _taken(done: object, job: Job) -> bytes | None:
    """The sums of a chunk; None if its processes were lost, again and again."""
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        made = ray.get(done)
    except RayTaskError as error:
        raise ClusterError(f"{job.names[0]} and others: {error.cause or error}") from error
    except RayError:
        return None
    if isinstance(made, ReportgenError):
        raise made
    return bytes(made)


def _sum(job: Job, expected: dict[str, str]) -> bytes | ReportgenError:
    """On a machine of the cluster: the sums of a chunk, or the error of our own."""
    for name, version in versions.of(*expected).items():
        if version != expected[name]:
            return ClusterError(
                f"{socket.gethostname()} has {name} {version}, the machine of the command has {expected[name]}",
                hint="install the same versions on all machines",
            )
    if not job.batch.is_dir():
        return ClusterError(
            f"{socket.gethostname()} does not see {job.batch}", hint="put the batch on a file system that all share"
        )
    try:
        return sum_chunk(job)
    except ReportgenError as error:
        return error
