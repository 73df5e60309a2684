"""Starting Ray on this machine, or joining a cluster."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any, Final

import ray

from sweep.execute.port import ExecutorError

REACH_S: Final = 5.0


def start(address: str | None, workers: int | None) -> None:
    """Raises ExecutorError, in a few seconds, where there is no cluster."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    options: dict[str, Any] = {"address": address} if address else {"num_cpus": workers}
    if address and address != "auto":
        _reach(address)
    try:
        ray.init(
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **options,
        )
    except (ConnectionError, ray.exceptions.RayError, ValueError, RuntimeError) as error:
        where = f"at {address}" if address else "on this machine"
        raise ExecutorError(f"no Ray cluster {where}: {error}; try --in-process to run without") from error


def _reach(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ExecutorError(f"--address {address}: expected 'auto' or HOST:PORT, such as 10.0.0.5:6379")
    try:
        socket.create_connection((host, int(port)), timeout=REACH_S).close()
    except OSError as error:
        raise ExecutorError(f"no Ray cluster at {address}: {error}") from error
