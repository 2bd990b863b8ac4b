"""Turn the options of the engine into a Ray cluster, or into None for this machine."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from reportgen.core.config import option
from reportgen.core.errors import UsageError

if TYPE_CHECKING:
    from reportgen.batch.ray_cluster import Cluster


OF_A_CLUSTER = ("ray_address", "gpus_per_worker")


def cluster_for(options: dict[str, Any], *, alone: tuple[str, ...] = ()) -> Cluster | None:
    """The cluster that `engine_options` name; None for this machine.

    Args:
        options: The options of the command.
        alone: Further options that only a cluster takes, in addition to `OF_A_CLUSTER`.

    Raises:
        UsageError: If an option of a cluster is given for this machine.
    """
    if options["engine"] == "ray":
        if not math.isfinite(options["gpus_per_worker"] or 0):
            raise UsageError("--gpus-per-worker takes a number", hint="like 1, 0.5 or 0")
        from reportgen.batch.ray_cluster import Cluster

        return Cluster(options["ray_address"], options["workers"], options["gpus_per_worker"])
    source = click.get_current_context().get_parameter_source
    for name in (*OF_A_CLUSTER, *alone):
        if source(name) is ParameterSource.COMMANDLINE:
            raise UsageError(f"{option(name)} needs --engine ray")
    return None
