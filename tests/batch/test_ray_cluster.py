"""cluster: the same reports and figures on a Ray cluster of several nodes, whatever dies on the way."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reportgen import pipeline
from reportgen.batch import ray_cluster, units
from reportgen.batch import run as batch
from reportgen.batch.ray_cluster import Cluster, Reader, Shared
from reportgen.batch.run import Batch, How
from reportgen.batch.select import Selection
from reportgen.batch.units import Outcome
from reportgen.core.clock import Advance, Clock
from reportgen.core.config import Config
from reportgen.core.errors import ClusterError, DeviceError, ModelError, OutputError, UsageError
from reportgen.core.nouns.records import Report
from reportgen.core.processes import ray_link
from reportgen.model.importance import importance_files, measure_split
from tests import batches, split, tiny

ray = pytest.importorskip("ray")
crew = importlib.import_module("reportgen.batch.ray_workers")  # which imports Ray: one that is broken fails here

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]  # one looks for the processes of all

COUNT = 9
NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}
render = ray_cluster._render


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """A cluster: a head that does no work, two machines that do. Whoever reaches it needs a token."""
    from ray.cluster_utils import Cluster as Nodes

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", "of this test, and long enough to be one")
        refresh()
        found = Nodes(initialize_head=True, head_node_args=NODE | {"num_cpus": 0})
        for _ in range(2):
            found.add_node(**NODE)
        yield found
        found.shutdown()
    refresh()


def refresh() -> None:
    """Ray reads once, when it is imported, whether there is a token."""
    from ray import _raylet

    _raylet.Config.initialize("")
    _raylet.AuthenticationTokenLoader.instance().reset_cache()


@pytest.fixture
def two(nodes: Any) -> Cluster:
    """Two readers on it."""
    return Cluster(nodes.address, workers=2)


@pytest.fixture
def one(nodes: Any) -> Cluster:
    """One reader, where a second would only load the model once more."""
    return Cluster(nodes.address, workers=1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where model and rows lie, which are the same for all tests."""
    place = tmp_path_factory.mktemp("cluster")
    tiny.save(tiny.longformer(), place / "model")
    batches.rows(place / "data.jsonl", COUNT)
    return place


@pytest.fixture(scope="module")
def wanted(place: Path) -> dict[str, bytes]:
    """The files of a batch that this process has made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", batches.EPOCH)
        patch.chdir(place)
        assert batches.make(asked(place / "wanted")).made == COUNT
    return batches.contents(place / "wanted")


@pytest.fixture(autouse=True)
def _here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machines of the cluster were started without either."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", batches.EPOCH)
    monkeypatch.chdir(place)


def asked(output: Path, **settings: Any) -> Config:
    return batches.config(Path("model"), Path("data.jsonl"), output, **{"batch_size": 2} | settings)


class Watched:
    """An engine, and what is done when the first report is there."""

    def __init__(self, engine: Cluster, then: Callable[[], object]) -> None:
        self.engine, self.then, self.reports = engine, then, 0

    def run(self, task: Any, batch: Any, done: Callable[[Outcome], None]) -> None:
        def told(outcome: Outcome) -> None:
            done(outcome)
            self.reports += 1
            if self.reports == 1:
                self.then()

        self.engine.run(task, batch, told)


def make(config: Config, engine: Any) -> Batch:
    return batch.run(config, Selection(), Clock(), engine=lambda load: engine, how=How())


# --- on the machines of the cluster: what dies there, and when ------------------------------------------------------


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(folder: Path) -> None:
    """In one process of the whole run; the others find the mark."""
    try:
        (folder / "died").touch(exist_ok=False)
    except FileExistsError:
        return
    die()


class DiesOnce(Reader):
    """A reader that is killed when it has made two parts."""

    def reports(self, names: Any, unit: Any, importance: Any) -> Any:
        for count, made in enumerate(super().reports(names, unit, importance)):
            yield made
            if count == 1:
                die_once(self.task.folder.parent)

    def sums(self, names: Any, *given: Any) -> Any:
        (found,) = super().sums(names, *given)
        if names != ("0",):
            die_once(self.task.folder)
        yield found


class DiesOfRowFour(Reader):
    """A reader that is killed by one document."""

    def reports(self, names: Any, unit: Any, importance: Any) -> Any:
        for made in super().reports(names, unit, importance):
            if isinstance(made, Report) and made.example.index == 4:
                die()
            yield made


class DiesAlways(Reader):
    """A reader that is killed by every chunk."""

    def sums(self, names: Any, *given: Any) -> Any:
        die()
        yield names


class Counted(Reader):
    """A reader that writes down when it computes head importance."""

    def importance(self, names: Any) -> Any:
        with (self.task.folder.parent / "computed").open("a") as file:
            file.write("once\n")
        yield from super().importance(names)


class Away(Reader):
    """A reader of another version."""

    def __init__(self, task: Any, shared: Shared, gpu: bool) -> None:
        super().__init__(task, replace(shared, versions=shared.versions | {"torch": "1.0"}), gpu)


def render_dies_once(task: Any, shared: Any, made: Any) -> Any:
    die_once(task.folder.parent)
    return render(task, shared, made)


def render_dies_of_row_four(task: Any, shared: Any, made: Any) -> Any:
    if made.example.index == 4:
        die()
    return render(task, shared, made)


def render_finds_no_room(task: Any, shared: Any, made: Any) -> Any:
    return OutputError("no space left", hint="make some")


def render_is_broken(task: Any, shared: Any, made: Any) -> Any:
    raise RuntimeError("no module named reportgen")


# --- batches --------------------------------------------------------------------------------------------------------


def test_the_reports_are_those_of_this_machine(two: Cluster, place: Path, tmp_path: Path) -> None:
    """To the byte; with the pages."""
    few = batches.rows(tmp_path / "few.jsonl", 3)
    here = replace(asked(tmp_path / "here", format=("html",)), dataset=str(few))
    batches.make(here)
    made = make(replace(here, output=str(tmp_path / "there")), two)
    assert (made.made, made.failed) == (3, 0)
    assert batches.contents(tmp_path / "there") == batches.contents(tmp_path / "here")


@pytest.mark.parametrize("what", ["a reader", "a process that renders"])
def test_a_process_that_is_killed_costs_no_report(
    what: str, two: Cluster, wanted: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if what == "a reader":
        monkeypatch.setattr(ray_cluster, "Reader", DiesOnce)
    else:
        monkeypatch.setattr(ray_cluster, "_render", render_dies_once)
    made = make(asked(tmp_path / "out"), two)
    assert (tmp_path / "died").exists()
    assert (made.made, made.failed) == (COUNT, 0)
    assert batches.contents(tmp_path / "out") == wanted


def test_an_actor_that_is_killed_is_replaced(
    nodes: Any, wanted: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The only one."""
    crews: list[Any] = []
    really = crew.Crew.results
    monkeypatch.setattr(crew.Crew, "results", lambda self, *given: (crews.append(self), really(self, *given))[1])
    killed: list[Any] = []

    def kill() -> None:
        killed.append(crews[0].readers[0].actor)
        ray.kill(killed[0])

    made = make(asked(tmp_path / "out"), Watched(Cluster(nodes.address, workers=1), kill))
    assert killed
    assert (made.made, made.failed) == (COUNT, 0)
    assert batches.contents(tmp_path / "out") == wanted


def test_a_machine_that_is_lost_costs_no_report(
    nodes: Any, two: Cluster, wanted: dict[str, bytes], tmp_path: Path
) -> None:
    """Nor does one that joins later, where the rest is done."""
    lost = next(iter(nodes.worker_nodes))

    def lose() -> None:
        nodes.remove_node(lost, allow_graceful=False)
        nodes.add_node(**NODE)

    made = make(asked(tmp_path / "out"), Watched(two, lose))
    assert lost not in nodes.worker_nodes
    assert (made.made, made.failed) == (COUNT, 0)
    assert batches.contents(tmp_path / "out") == wanted


@pytest.mark.parametrize("what", ["a reader", "a process that renders"])
def test_what_kills_every_process_that_takes_it_fails_alone(
    what: str, two: Cluster, wanted: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After three times, with the reason; the next run tries it again."""
    with monkeypatch.context() as patch:
        if what == "a reader":
            patch.setattr(ray_cluster, "Reader", DiesOfRowFour)
        else:
            patch.setattr(ray_cluster, "_render", render_dies_of_row_four)
        made = make(asked(tmp_path / "out", batch_size=None), two)
    failed = {outcome.index: outcome.error for outcome in made.outcomes if outcome.error is not None}
    died = "ActorDiedError" if what == "a reader" else "WorkerCrashedError"
    assert failed == {4: f"lost 3 times on the cluster, the last time with {died}"}
    assert made.made == COUNT - 1
    assert (batches.make(asked(tmp_path / "out", batch_size=None)).made) == 1


@pytest.mark.parametrize(
    ("broken", "error", "said"),
    [
        ((("_render", render_finds_no_room),), OutputError, "no space left"),
        ((("_render", render_is_broken),), ClusterError, "a machine of the cluster does not work"),
        ((("Reader", Away),), ClusterError, r"has torch .*, the machine of the command has 1\.0"),
    ],
    ids=["no space", "our code is missing", "other versions"],
)
def test_what_stands_against_all_reports_ends_the_run(
    broken: Any, error: Any, said: str, one: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in broken:
        monkeypatch.setattr(ray_cluster, name, value)
    with pytest.raises(error, match=said):
        make(asked(tmp_path / "out"), one)


def test_a_model_that_cannot_be_loaded_ends_the_run(one: Cluster, tmp_path: Path, folder: Path) -> None:
    config = replace(asked(tmp_path / "out"), model=str(folder))
    (folder / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(ModelError):
        make(config, one)


def test_importance_over_a_small_sample_is_computed_once_for_all_readers(
    two: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = asked(tmp_path / "out", importance="auto")
    batches.make(replace(config, output=str(tmp_path / "here")))
    monkeypatch.setattr(ray_cluster, "Reader", Counted)
    make(config, two)
    assert (tmp_path / "computed").read_text() == "once\n"
    assert batches.contents(tmp_path / "out") == batches.contents(tmp_path / "here")


# --- the connection -------------------------------------------------------------------------------------------------


def test_what_ray_takes_for_itself_is_given_back(
    one: Cluster, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """SIGTERM; and standard output, which is for the result."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        held: list[Any] = []
        make(asked(tmp_path / "out"), Watched(one, lambda: held.append(signal.getsignal(signal.SIGTERM))))
        assert held == [signal.default_int_handler] == [signal.getsignal(signal.SIGTERM)]
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not ray.is_initialized()
    assert capfd.readouterr() == ("", "")
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


DRIVER = """
import sys
from pathlib import Path
from reportgen.batch import ray_cluster, ray_workers
from tests.batch import test_ray_cluster

ray_workers.GONE_AFTER = ray_workers.LOOK_EVERY = 0  # the work that is left takes little longer than a look

def tell():
    print("the first", file=sys.__stdout__, flush=True)
    sys.stdin.readline()  # until the test has done what it does

engine = test_ray_cluster.Watched(ray_cluster.Cluster(sys.argv[1], workers=1), tell)
test_ray_cluster.make(test_ray_cluster.asked(Path(sys.argv[2])), engine)
"""


@contextlib.contextmanager
def driver(address: str, output: Path) -> Iterator[subprocess.Popen[str]]:
    """A batch in a process of its own, which waits when the first report is there."""
    command = [sys.executable, "-c", DRIVER, address, str(output)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        command, text=True, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "the first\n", process.communicate()
            yield process
        finally:
            process.kill()


def readers() -> list[int]:
    """Processes of this machine that hold a model for a cluster."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().startswith(b"ray::Reader"):
                found.append(int(path.parent.name))
    return found


def test_an_interrupted_batch_goes_on_where_it_was(nodes: Any, wanted: dict[str, bytes], tmp_path: Path) -> None:
    """And leaves no process behind on the cluster; on this machine, too."""
    with driver(nodes.address, tmp_path / "out") as process:
        assert readers()
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        assert process.returncode == -signal.SIGINT
    while readers():
        time.sleep(0.1)
    made = batches.make(asked(tmp_path / "out"))
    assert 1 <= made.known < COUNT
    assert batches.contents(tmp_path / "out") == wanted


def test_a_head_that_is_lost_ends_the_run_and_the_next_goes_on(wanted: dict[str, bytes], tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster as Nodes

    nodes = Nodes(initialize_head=True, head_node_args=NODE)
    address = nodes.address
    try:
        with driver(address, tmp_path / "out") as process:
            nodes.head_node.kill_gcs_server()
            while ray_link.answers(address):
                time.sleep(0.1)
            _, said = process.communicate("\n", timeout=120)
    finally:
        nodes.shutdown()
    *_, error, hint = said.strip().splitlines()
    assert error.startswith("reportgen.core.errors.ClusterError: the head of the Ray cluster no longer answers")
    assert hint == "hint: run the same command again when it is back, to continue"
    made = batches.make(asked(tmp_path / "out"))
    assert made.known >= 1
    assert batches.contents(tmp_path / "out") == wanted


@pytest.mark.parametrize(
    ("engine", "config", "error", "said"),
    [
        (Cluster("127.0.0.1:1"), {}, ClusterError, "Ray cannot be reached at 127.0.0.1:1"),
        (Cluster("ray://127.0.0.1:1"), {}, UsageError, "run the command on a machine of the cluster"),
        (Cluster("auto"), {"device": "cuda:1"}, UsageError, "--device cuda:1: Ray assigns the GPUs"),
    ],
)
def test_a_cluster_that_cannot_serve_is_an_error(
    engine: Cluster, config: Any, error: Any, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(error, match=said):
        make(asked(tmp_path / "out", **config), engine)


def test_a_stranger_without_the_token_is_not_let_in(nodes: Any, place: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "reportgen", "batch", "--model", "model", "--dataset", "data.jsonl", "-q"]
    command += ["--engine", "ray", "--ray-address", nodes.address, "-o", str(tmp_path / "out")]
    environment = os.environ | {"RAY_AUTH_TOKEN": "another"}
    ran = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 6
    assert f"error: Ray cannot be reached at {nodes.address}" in ran.stderr
    assert "set RAY_AUTH_MODE=token and the token here" in ran.stderr


def test_more_gpus_than_a_machine_has_are_an_error(nodes: Any, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="--gpus-per-worker 2: no machine of the cluster has more than 0 GPUs"):
        make(asked(tmp_path / "out"), Cluster(nodes.address, gpus=2))


def test_without_ray_the_hint_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="Ray is not installed") as caught:
        make(asked(tmp_path / "out"), Cluster())
    assert "reportgen[ray]" in str(caught.value.hint)


def test_a_machine_that_does_not_see_the_folder_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "SHARED_AFTER", 0)
    task = units.Task(asked(tmp_path), tmp_path, tmp_path, None, units.environment())
    seen = Shared({}, (tmp_path,))
    ray_cluster._settle(task, seen)
    with pytest.raises(ClusterError, match=r"does not see .*elsewhere") as caught:
        ray_cluster._settle(task, replace(seen, paths=(tmp_path / "elsewhere",)))
    assert "all machines share" in str(caught.value.hint)


# --- head importance ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample(place: Path) -> Config:
    """What importance is measured over: eight documents with a gold label, the first chunk half of them."""
    return Config(model=str(place / "model"), dataset=str(split.write(place)), batch_size=1)


def measure(config: Config, output: Path, by: str, machines: Any = None, clock: Clock | None = None) -> Any:
    pipeline.measure_importance(config, clock or Clock(), by=by, output=output, machines=machines)
    return importance_files.load(output, shape=(2, 2))


@pytest.mark.parametrize("by", ["taylor", "ablation"])
def test_head_importance_is_that_of_this_machine(
    by: str, sample: Config, two: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when a reader is killed."""
    here = measure(sample, tmp_path / "here.safetensors", by)
    monkeypatch.setattr(ray_cluster, "Reader", DiesOnce)
    monkeypatch.chdir(tmp_path)
    there = measure(sample, tmp_path / "there.safetensors", by, two)
    assert (tmp_path / "died").exists()
    assert there.values == pytest.approx(here.values, abs=1e-5)
    assert (there.measure, there.provenance["examples"]) == (here.measure, here.provenance["examples"])


def test_interrupted_head_importance_goes_on_with_the_chunks_that_are_missing(
    sample: Config, two: Cluster, tmp_path: Path
) -> None:
    """To the bit, whichever reader was the first."""
    told: list[int] = []

    @contextlib.contextmanager
    def stop(what: str, total: int) -> Iterator[Advance]:
        def advance(count: int) -> None:
            raise KeyboardInterrupt

        yield advance

    @contextlib.contextmanager
    def track(what: str, total: int) -> Iterator[Advance]:
        yield told.append

    whole = measure(sample, tmp_path / "whole.safetensors", "taylor", two, Clock(track=track))
    assert told == [4, 4]
    output = tmp_path / "i.safetensors"
    with pytest.raises(KeyboardInterrupt):
        measure(sample, output, "taylor", two, Clock(track=stop))
    assert output.with_name(output.name + measure_split.PARTIAL).is_file()
    again = measure(sample, output, "taylor", two, Clock(track=track))
    assert told == [4, 4, 4, 4]
    assert np.array_equal(again.values, whole.values)


def test_a_sample_that_kills_every_reader_is_an_error(
    sample: Config, one: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_cluster, "Reader", DiesAlways)
    with pytest.raises(DeviceError, match="head importance was lost 3 times on the cluster"):
        measure(sample, tmp_path / "i.safetensors", "ablation", one)
