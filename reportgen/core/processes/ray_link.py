"""Turn an address into a connection to a Ray cluster, or start one on this machine for as long as it is needed."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reportgen.core.errors import ClusterError, UsageError, one_line

UNREACHED = "ray status shows whether it runs; if it has a token, set RAY_AUTH_MODE=token and the token here"


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[None]:
    """A connection to the cluster at *address*, or to one of this machine's own that ends with it."""
    try:
        import ray
    except ImportError as error:
        raise UsageError("--engine ray: Ray is not installed", hint='pip install "reportgen[ray]"') from error
    if address is not None and "://" in address:
        raise UsageError(
            f"--ray-address {address}: run the command on a machine of the cluster",
            hint="--ray-address auto finds the cluster there",
        )
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing is sent to Ray's makers
    own: dict[str, Any] = {"include_dashboard": False} if address is None else {}
    # subtle: Ray reports lost processes on standard output, which is for the result
    with _signals_kept(), Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        try:
            if address not in (None, "auto") and not answers(address):  # Ray would try for minutes
                raise ConnectionError("no answer")
            with _signals_kept():
                ray.init(address=address or "local", log_to_driver=False, logging_level=logging.CRITICAL, **own)
        except Exception as error:  # of many kinds
            ray.shutdown()
            said = one_line(str(error))
            raise ClusterError(
                f"Ray cannot be reached at {address}: {said}" if address else f"Ray does not start: {said}",
                hint=UNREACHED if address else None,
            ) from error
        try:
            yield
        finally:
            ray.shutdown()


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself, which is the command's."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def answers(address: str) -> bool:
    """Whether the head at HOST:PORT can be reached."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=3):
            return True
    except (OSError, ValueError):
        return False
