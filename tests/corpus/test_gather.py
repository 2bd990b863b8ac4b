"""Chunks of a batch: the same sums however they are divided, where they are made, and when they were interrupted."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reportgen.core.clock import Clock
from reportgen.core.errors import DeviceError, OutputError
from reportgen.core.files import disk
from reportgen.corpus import gather, measure, sums
from reportgen.corpus.gather import Corpus, Job
from reportgen.corpus.shown import present
from reportgen.corpus.shown.parts import CorpusParts
from tests import corpora, kills, reports

COUNT = 7
UNDRAWN = CorpusParts("x", "", "2024-05-01T12:00:00+00:00", "0", notes=(), chapters=(), method=())  # charts take long


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpora.batch(tmp_path_factory.mktemp("batch"), COUNT)


@pytest.fixture(autouse=True)
def _small_chunks(epoch: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "CHUNK", 2)


def summed(batch: Path, engine: gather.Engine | None = None) -> Corpus:
    return gather.gather(batch, clock=Clock(), engine=engine or gather.here(1))


def same(one: Corpus, other: Corpus) -> bool:
    return sums.dump(one.sums, one.rows) == sums.dump(other.sums, other.rows)


def test_the_order_in_which_chunks_arrive_does_not_matter(batch: Path) -> None:
    whole = summed(batch)
    shutil.rmtree(disk.cache())

    def backwards(jobs: Sequence[Job]) -> Iterator[tuple[Job, bytes | None]]:
        assert len(jobs) == 4
        yield from ((job, gather.sum_chunk(job)) for job in reversed(jobs))

    assert same(whole, summed(batch, backwards))
    assert whole.rows["document"].to_pylist() == [f"doc-{number}" for number in range(COUNT)]


def test_chunks_of_another_size_give_the_same_sums(batch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = summed(batch)
    monkeypatch.setattr(gather, "CHUNK", 3)
    three = summed(batch)
    for name, keys in sums.KEYS.items():
        assert two.sums[name].select(list(keys)) == three.sums[name].select(list(keys))
        for number in sums.NUMBERS:
            np.testing.assert_allclose(two.sums[name][number], three.sums[name][number], rtol=1e-9)


def test_what_is_in_the_cache_is_not_read_again(batch: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(batch, tmp_path / "batch"))
    whole = summed(own)

    def none(jobs: Sequence[Job]) -> Iterator[tuple[Job, bytes | None]]:
        raise AssertionError(jobs)

    assert same(whole, summed(own, none))
    torn = next((disk.cache() / gather.KIND).glob("*.sums"))
    torn.write_bytes(torn.read_bytes()[:100])
    again: list[Job] = []

    def watched(jobs: Sequence[Job]) -> Iterator[tuple[Job, bytes | None]]:
        again.extend(jobs)
        yield from ((job, gather.sum_chunk(job)) for job in jobs)

    assert same(whole, summed(own, watched))
    assert same(whole, summed(own, none)), "what was torn is whole again"
    corpora.write(own, corpora.report(COUNT))  # a chunk more than before; the others stay
    assert summed(own, watched).sums.documents == COUNT + 1
    assert [job.names for job in again] == [(f"doc-{COUNT - 1}", f"doc-{COUNT}")]


def test_every_chunk_is_opened_once(batch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    load = sums.load
    monkeypatch.setattr(sums, "load", lambda data: (opened.append(len(data)), load(data))[1])
    whole = summed(batch)
    assert len(opened) == 4
    assert same(whole, summed(batch))
    assert len(opened) == 8


def test_a_process_that_is_lost_is_an_error(batch: Path) -> None:
    with pytest.raises(DeviceError, match="doc-0 and others was killed"):
        summed(batch, lambda jobs: iter([(jobs[0], None)]))


def test_a_text_of_fewer_tokens_than_are_kept_of_each_belongs_to_the_others(tmp_path: Path) -> None:
    """Its lists of attended tokens are shorter, because there are no more."""
    corpora.batch(tmp_path, 2)
    short = reports.report("one", layers=corpora.LAYERS, heads=corpora.HEADS, top_k=3)
    like = corpora.report(0)
    short = replace(
        short, top_k=corpora.TOP_K, provenance=replace(like.provenance, text_sha256=short.provenance.text_sha256)
    )
    corpora.write(tmp_path, replace(short, prediction=like.prediction))
    found = summed(tmp_path)
    assert (found.left_out, found.sums.documents, found.sums.facts["top_k"]) == ((), 3, corpora.TOP_K)
    other = replace(corpora.report(3), attention=reports.attention(
        reports.weights(40, layers=corpora.LAYERS, heads=corpora.HEADS), top_k=2))  # fmt: skip
    assert measure.facts(other)["top_k"] == 2


def test_of_a_folder_without_a_readable_report_the_reason_is_named(batch: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(batch / "doc-0", tmp_path / "batch" / "doc-0")).parent
    (own / "doc-0" / "report.json").write_text("{}")
    with pytest.raises(OutputError, match=r"no report in .* can be read; doc-0: .*report.json was changed"):
        summed(own)


@pytest.mark.slow
def test_worker_processes_give_the_same_bytes(batch: Path) -> None:
    whole = summed(batch)
    shutil.rmtree(disk.cache())
    assert same(whole, summed(batch, gather.here(2)))


def make(batch: Path, folder: Path) -> None:
    """What the command does, without the charts, which take long."""
    found, out = summed(batch), folder / "out"
    files = present.files(found, UNDRAWN, Clock(), formats=("html", "tables"))
    present.write(found, out, files, UNDRAWN, chosen={}, overwrite=True)


KILLED = """
import sys
from pathlib import Path
from reportgen.corpus import gather
from tests import kills
from tests.corpus import test_gather

gather.CHUNK = 2
seen = kills.watch(int(sys.argv[1]), sys.argv[3])
test_gather.make(Path(sys.argv[2]), Path(sys.argv[3]))
print(seen[0])
"""


@pytest.mark.slow
def test_killed_at_ten_moments_and_run_again_it_gives_the_same_bytes(batch: Path, tmp_path: Path) -> None:
    """In a process of its own: threads of Arrow do not survive in a copy of this one."""

    def run(step: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", KILLED, str(step), str(batch), str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)

    def contents() -> dict[str, bytes]:
        out = tmp_path / "out"
        return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}

    whole_run = run(0)
    assert whole_run.returncode == 0, whole_run.stderr
    steps, whole = int(whole_run.stdout), contents()
    assert steps > 20
    for moment in range(10):
        for folder in (tmp_path / "out", disk.cache()):
            shutil.rmtree(folder, ignore_errors=True)
        step = 1 + moment * (steps - 1) // 9
        assert run(step).returncode == -signal.SIGKILL, step
        make(batch, tmp_path)
        assert contents() == whole, step
        assert kills.left(tmp_path) == []


@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_a_ray_cluster_gives_the_same_bytes(batch: Path) -> None:
    from reportgen.corpus.ray_sums import Cluster

    whole = summed(batch)
    shutil.rmtree(disk.cache())
    assert same(whole, summed(batch, Cluster(workers=2)))


def test_a_report_whose_manifest_cannot_be_read_is_left_out_with_its_reason(batch: Path, tmp_path: Path) -> None:
    """Far too large, or a link: nothing of it is in memory, and the others are summed."""
    copy = tmp_path / "copy"
    shutil.copytree(batch, copy)
    for name, size in (("doc-0", 40_000_000_000), ("doc-3", 0)):
        os.truncate(copy / name / "manifest.json", size)
    (copy / "doc-5" / "manifest.json").unlink()
    (copy / "doc-5" / "manifest.json").symlink_to(copy / "doc-1" / "manifest.json")
    found = summed(copy)
    assert found.sums.documents == COUNT - 3
    why = dict(found.left_out)
    assert sorted(why) == ["doc-0", "doc-3", "doc-5"]
    assert "40,000,000,000 bytes" in why["doc-0"]
    assert "symbolic link" in why["doc-5"]
    with pytest.raises(OutputError, match="is one report"):
        gather.gather(copy / "doc-0", clock=Clock(), engine=gather.here(1))
