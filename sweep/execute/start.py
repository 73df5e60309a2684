"""Starting Ray on this machine, or joining a cluster. What is used of Ray's inside is used here."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import grpc  # type: ignore[import-untyped]
import ray
from ray._private import node as ray_node
from ray._private import ray_constants, services
from ray._private import utils as ray_utils
from ray._private import worker as ray_worker
from ray._private.authentication import authentication_token_setup
from ray._private.grpc_utils import init_grpc_channel
from ray._raylet import (  # type: ignore[attr-defined]  # not in its stubs
    DASHBOARD_AGENT_LISTEN_PORT_NAME,
    METRICS_AGENT_PORT_NAME,
    METRICS_EXPORT_PORT_NAME,
    persist_port,
)
from ray.core.generated import gcs_service_pb2, gcs_service_pb2_grpc

from sweep import defaults
from sweep.execute.port import ExecutorError

REACH_S: Final = 5.0

NODE_LOST_S: Final = defaults.NODE_TIMEOUT_S
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


def local_settings(node_lost_s: float = NODE_LOST_S) -> dict[str, Any]:
    """Of a Ray that starts `without_helpers`."""
    return {
        **health_checks(node_lost_s),
        "enable_metrics_collection": False,  # they would be served by the dashboard's agent
        "worker_niceness": 0,  # not 15: who wants a sweep to give way starts it with `nice`
    }


def start(address: str | None, workers: int | None, node_lost_s: float, *, resource: str = "") -> None:
    """Join the cluster at a `reachable` address, or start a Ray with `node_lost_s` on this machine; a cluster
    has its own settings. resource: that this machine has, one of it. Raises ExecutorError."""
    # As in later versions of Ray, which warn until then.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    logging.getLogger("ray").setLevel(logging.ERROR)  # it greets
    _print_nothing()
    # "local": also where another Ray runs on this machine
    options: dict[str, Any] = {"address": address or "local"}
    if not address:
        options |= {"num_cpus": workers, "include_dashboard": False}
        options |= {"resources": {resource: 1}} if resource else {}
        options["_system_config"] = local_settings(node_lost_s)
    try:
        with without_helpers():
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
    except Exception as error:  # a node that does not come up is no more than an Exception in Ray
        if address:
            raise ExecutorError(f"{_place(address)} cannot be joined: {error}") from error
        raise ExecutorError(
            f"no Ray can be started on this machine: {error}; --in-process runs without"
        ) from error


_NO_PORT: Final = -1  # in Ray's words


class _Node(ray_node.Node):  # type: ignore[misc]
    """A node without three processes that serve no sweep: a server of the dashboard's API, which Ray starts
    and waits for even without a dashboard, an autoscaler, and what sends workers' output to the driver.
    Each of them imports all of Ray while workers wait for a CPU to do the same."""

    def start_api_server(self, **settings: object) -> None:
        """Says where it would be: what reports to it looks for it every second otherwise, and complains."""
        self.get_gcs_client().internal_kv_put(
            ray_constants.DASHBOARD_ADDRESS.encode(),
            b"127.0.0.1:0",
            True,
            ray_constants.KV_NAMESPACE_DASHBOARD,
        )

    def start_monitor(self) -> None:
        pass

    def start_log_monitor(self) -> None:
        pass

    def start_raylet(self, *arguments: Any, **settings: Any) -> None:
        """Says what the dashboard's agent will say: that it has no ports. Ray waits for that otherwise, and
        gives up after 15 s: too soon on a machine with much other work."""
        for name in (METRICS_AGENT_PORT_NAME, METRICS_EXPORT_PORT_NAME, DASHBOARD_AGENT_LISTEN_PORT_NAME):
            persist_port(self._session_dir, self._node_id, name, _NO_PORT)
        super().start_raylet(*arguments, **settings)


@contextmanager
def without_helpers() -> Iterator[None]:
    """What Ray starts on this machine meanwhile is such a node, and its dashboard's agent serves nothing: as
    where Ray is installed without its dashboard."""
    whole = ray_node.Node, ray_utils.get_dashboard_dependency_error
    ray_node.Node = _Node
    ray_utils.get_dashboard_dependency_error = lambda: ImportError("no dashboard is wanted")
    try:
        yield
    finally:
        ray_node.Node, ray_utils.get_dashboard_dependency_error = whole


def use_token() -> None:
    """Where there is a token for Ray (RAY_AUTH_TOKEN, ~/.ray/auth_token), show it to clusters."""
    logging.getLogger("ray").setLevel(logging.ERROR)
    authentication_token_setup.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)


def _print_nothing() -> None:
    """Ray prints on standard output, where documents go, what it has to say of workers that die, even with
    log_to_driver=False. The attempts say it."""
    log = logging.getLogger(__name__)
    ray_worker.print_to_stdstream = lambda data, ignore_prefix=False: log.debug("%s", data.get("lines"))


def reachable(address: str) -> str:
    """HOST:PORT where a cluster answers. Raises ExecutorError.

    Ray itself tries for half a minute, and writes on standard error meanwhile.
    """
    if address == "auto":
        try:
            found: str = services.canonicalize_bootstrap_address_or_die("auto")
        except (ConnectionError, ValueError) as error:
            raise ExecutorError(
                "--address auto: no Ray runs on this machine; `ray start --address=HEAD:6379` joins it to a "
                "cluster, and without --address a Ray of its own is started"
            ) from error
    else:
        found = address
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise ExecutorError(f"--address {address}: expected 'auto' or HOST:PORT, such as 10.0.0.5:6379")
    refusal = _ask(found)
    if refusal is not None and refusal.code() is grpc.StatusCode.UNAUTHENTICATED:
        # Only now: a driver that wants tokens itself is not understood by a cluster without.
        use_token()
        refusal = _ask(found)
    if refusal is not None:
        raise ExecutorError(f"{_place(address)}: {_why(refusal)}") from refusal
    return found


def _ask(address: str) -> Any:
    """None where a head answers, else the error."""
    with init_grpc_channel(address, [("grpc.enable_http_proxy", 0)]) as channel:
        try:
            head = gcs_service_pb2_grpc.NodeInfoGcsServiceStub(channel)
            head.CheckAlive(gcs_service_pb2.CheckAliveRequest(), timeout=REACH_S)
        except grpc.RpcError as error:
            return error
    return None


def _place(address: str) -> str:
    return f"the Ray cluster at --address {address}"


def _why(error: Any) -> str:
    if error.code() is grpc.StatusCode.UNAUTHENTICATED:
        return "wants a token: set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN (or RAY_AUTH_TOKEN_PATH) as on its head"
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"does not answer within {REACH_S:g} s"
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        detail = error.details().rpartition("last error: ")[2]
        return f"cannot be reached ({detail}); is its head running, and is this its port (6379 by default)?"
    return f"is no Ray cluster ({error.details()})"
