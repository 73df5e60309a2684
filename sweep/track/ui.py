"""The MLflow UI on a store's tracking database, for as long as somebody looks at it."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import IO, Any, Final

from sweep.track.place import ENVIRONMENT, EXPERIMENT_PREFIX, Place, local_database, local_uri

DEFAULT_PORT: Final = 5000
READY_TIMEOUT_S: Final = 90.0
_END_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.2
_PRIVATE: Final = ("10.*", "192.168.*", *(f"172.{i}.*" for i in range(16, 32)))


class UiError(RuntimeError):
    """The UI cannot be shown."""


def serve(
    store: Path,
    *,
    study: str | None = None,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    say: Callable[[str], None] = print,
) -> None:
    """Show the studies of a store, or one of them, until Ctrl-C or SIGTERM; port 0: any that is free.

    `say` gets the address of each study. Raises UiError where the store does not exist or nothing was shown
    from it, the study is none of those, or the port is taken.
    """
    _check_store(store)
    port = _free_port(host, port)
    root = f"http://{_for_url(_reachable(host))}:{port}/"
    with _ended_by_signals(), tempfile.TemporaryFile("w+") as log, _server(store, host, port, log) as server:
        _wait_until_ready(server, root, log)
        shown = _studies(root)
        if study and study not in shown:
            known = ", ".join(shown) or "none"
            raise UiError(f"{store}: study '{study}' has not been shown in MLflow; shown are: {known}")
        if not shown:
            raise UiError(f"{store}: {_NOTHING}")
        if not _is_loopback(host):
            say(
                f"Warning: whoever reaches {host}:{port} can read and change what it shows, without a password."
            )
        for name in [study] if study else shown:
            say(f"{name}: {root}{shown[name].page()}")
        say("Ctrl-C ends it.")
        if server.wait() != 0:
            raise UiError(f"MLflow's server has ended:\n{_tail(log)}")


_NOTHING: Final = (
    "nothing has been shown in MLflow from this store; `python -m sweep launch` does so while it runs, "
    "`python -m sweep track STUDY` afterwards"
)


def _check_store(store: Path) -> None:
    if not store.is_dir():
        raise UiError(f"{store}: no such directory; expected a store that `python -m sweep launch` has made")
    if not local_database(store).is_file():
        raise UiError(f"{store}: {_NOTHING}")


def _free_port(host: str, port: int) -> int:
    try:
        if not 0 <= port < 2**16:  # some resolvers take it modulo that
            raise OverflowError("a port is a number from 0 to 65535")
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except (OSError, OverflowError) as error:
        text = getattr(error, "strerror", None) or str(error)
        raise UiError(
            f"{host}:{port}: {text.lower()}; choose another with --port (0: any that is free) or --host"
        ) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reachable(host: str) -> str:
    """From here: an address that stands for all of this machine's is none to connect to."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _for_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@contextlib.contextmanager
def _server(store: Path, host: str, port: int, log: IO[str]) -> Iterator[subprocess.Popen[str]]:
    """MLflow's server, in a process group of its own, which is ended as a whole."""
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", local_uri(store)]
    command += ["--host", host, "--port", str(port), "--workers", "1"]
    if not _is_loopback(host):  # MLflow answers to these names only: a guard against DNS rebinding
        names = {host, _reachable(host), "localhost", socket.gethostname(), socket.getfqdn()}
        command += [
            "--allowed-hosts",
            ",".join([*(f"{_for_url(n)}:{port}" for n in sorted(names)), *_PRIVATE]),
        ]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        text=True,
        env={**ENVIRONMENT, **os.environ},
        start_new_session=True,
    ) as server:
        try:
            yield server
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(server.pid, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    server.wait(_END_TIMEOUT_S)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal end what is inside, in good order."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait_until_ready(server: subprocess.Popen[str], root: str, log: IO[str]) -> None:
    ends = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < ends:
        if server.poll() is not None:
            raise UiError(f"MLflow's server does not start:\n{_tail(log)}")
        with contextlib.suppress(OSError), urllib.request.urlopen(root + "health", timeout=5):
            return
        time.sleep(_POLL_S)
    raise UiError(f"MLflow's server does not answer within {READY_TIMEOUT_S:g} s:\n{_tail(log)}")


def _tail(log: IO[str]) -> str:
    log.seek(0)
    return "\n".join(log.read().splitlines()[-10:])


def _studies(root: str) -> dict[str, Place]:
    """The studies that are shown, by name, the newest first."""
    experiments = _ask(root, "experiments/search", {"max_results": 1000}).get("experiments", [])
    ids = [e["experiment_id"] for e in experiments if e["name"].startswith(EXPERIMENT_PREFIX)]
    if not ids:
        return {}
    query = {"experiment_ids": ids, "filter": "tags.study != ''", "order_by": ["start_time DESC"]}
    found: dict[str, Place] = {}
    for run in _ask(root, "runs/search", query | {"max_results": 1000}).get("runs", []):
        tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
        found.setdefault(tags["study"], Place(run["info"]["experiment_id"], run["info"]["run_id"]))
    return found


def _ask(root: str, method: str, body: Mapping[str, object]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{root}api/2.0/mlflow/{method}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=READY_TIMEOUT_S) as answer:
        document: dict[str, Any] = json.load(answer)
    return document
