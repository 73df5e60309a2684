"""Starting Ray on this machine, or joining a cluster."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any, Final

import ray
from ray._private import worker as ray_worker

from sweep.execute.port import ExecutorError

REACH_S: Final = 5.0

NODE_LOST_S: Final = 6.0
"""After so long without an answer a node is lost: longer than a host pauses or a link flaps, and little
against the trials that it costs."""


def health_checks(node_lost_s: float = NODE_LOST_S) -> dict[str, int]:
    """Ray's settings by which a node that has fallen silent is lost after about `node_lost_s`, and not after
    64 s as by default: three checks in a row that get no answer."""
    step_ms = max(int(1000 * node_lost_s / 6), 1)  # a check waits for its answer, then for the next one
    return {
        "health_check_initial_delay_ms": 5_000,
        "health_check_period_ms": step_ms,
        "health_check_timeout_ms": step_ms,
        "health_check_failure_threshold": 3,
    }


def health_environment(node_lost_s: float = NODE_LOST_S) -> dict[str, str]:
    """The same as the environment of the head of a cluster that is started by others (`ray start --head`)."""
    return {f"RAY_{name}": str(value) for name, value in health_checks(node_lost_s).items()}


def start(address: str | None, workers: int | None, node_lost_s: float) -> None:
    """`node_lost_s` is for a Ray that is started here; a cluster has its own settings.

    Raises ExecutorError, in a few seconds, where there is no cluster.
    """
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    _print_nothing()
    if address and address != "auto":
        _reach(address)
    options: dict[str, Any] = {"address": address}
    if not address:
        options = {
            "address": "local",
            "num_cpus": workers,
            "include_dashboard": False,
            "_system_config": health_checks(node_lost_s),
        }
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
    except (ConnectionError, ray.exceptions.RayError, ValueError, RuntimeError) as error:
        where = f"at {address}" if address else "on this machine"
        raise ExecutorError(f"no Ray cluster {where}: {error}; try --in-process to run without") from error


def _print_nothing() -> None:
    """Ray prints on standard output, where documents go, what it has to say of workers that die, even with
    log_to_driver=False. The attempts say it."""
    log = logging.getLogger(__name__)
    ray_worker.print_to_stdstream = lambda data, ignore_prefix=False: log.debug("%s", data.get("lines"))


def _reach(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ExecutorError(f"--address {address}: expected 'auto' or HOST:PORT, such as 10.0.0.5:6379")
    try:
        socket.create_connection((host, int(port)), timeout=REACH_S).close()
    except OSError as error:
        raise ExecutorError(f"no Ray cluster at {address}: {error}") from error
