"""What every test shares: a place on a worker, one thread for torch, a hub of our own, and Hypothesis without a clock.

What takes long to import is imported by those who need it: a test of a small module starts within a second.
"""

import atexit
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.hub import Hub

HUB = Hub()
HOME = tempfile.mkdtemp(prefix="reportgen-hub-")  # nobody's own cache is read or written
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING", "TRANSFORMERS_"))]:
    del os.environ[name]
# Read once, when torch and the clients of the hub are imported. Tests run side by side: each has one thread.
os.environ |= {"HF_ENDPOINT": HUB.url, "HF_HOME": HOME, "OMP_NUM_THREADS": "1"}
os.environ |= dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell; processes of the tests inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("reportgen", deadline=None, max_examples=20, derandomize=True, database=None)
settings.register_profile("thorough", settings.get_profile("reportgen"), max_examples=200)
settings.load_profile("reportgen")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Keep the tests of a file on one worker, which then makes what they share once; a group of its own counts more.

    So do the files with planted models, which are trained.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            group = "planted" if hasattr(getattr(item, "module", None), "planted") else item.path.stem
            item.add_marker(pytest.mark.xdist_group(group))
    yield
    for item in items:  # pytest 9.2 keeps ids elsewhere than pytest-xdist 3.8 writes them with their groups
        named: Any = item
        if getattr(named, "_nodeid", item.nodeid) != item.nodeid:
            named._id = type(named._id).parse(named._nodeid)


@pytest.fixture(scope="session")
def _saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests import tiny

    return tiny.save(tiny.longformer(), tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def folder(_saved: Path, tmp_path: Path) -> Path:
    """A tiny Longformer classifier with its tokenizer on disk, the test's own to damage."""
    return Path(shutil.copytree(_saved, tmp_path / "model"))


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A file that foreign code would create; that it is not there is checked after the test."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), "foreign code has run"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """An empty hub and an empty cache; the clients are told to be less patient than they are."""
    import datasets
    from huggingface_hub import HfFileSystem, constants

    HUB.reset()
    HfFileSystem.clear_instance_cache()  # it keeps what it was told of repositories
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache" / "hub"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache" / "datasets")
    monkeypatch.setattr("reportgen.data.hub.PAUSES", (0, 0))
    return HUB


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """What HF_HUB_OFFLINE=1 does to clients that are imported already; and no socket can be connected."""
    import datasets
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)

    def connect(*_: object) -> None:
        raise AssertionError("a socket was connected while offline")

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture
def epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs give the same bytes."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")  # `batches.EPOCH`


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """The command takes SIGTERM for itself; the tests want it back."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path) -> Iterator[None]:
    """A cache of the test's own; what a command tells the clients of the hub through the environment ends with it."""
    before = dict(os.environ)
    os.environ["REPORTGEN_CACHE"] = str(tmp_path / "cache")
    yield
    os.environ.clear()
    os.environ.update(before)
