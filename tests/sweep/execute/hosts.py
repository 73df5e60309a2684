"""Hosts of a cluster on one machine: network namespaces joined by a bridge, whose links can be cut."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

RAY = Path(sys.executable).with_name("ray")
PORT = 6379
LITTLE = ["--object-store-memory=100000000", "--include-log-monitor=false"]


def why_not() -> str:
    """Why there can be no such hosts here; empty if there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not shutil.which("ip"):
        return "network namespaces need `ip` (Debian: iproute2)"
    name = f"sweep-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"network namespaces cannot be made here: {made.stderr.strip()}"
    _ip("netns", "del", name)
    return ""


class Hosts:
    """A head without CPUs and workers with one each, every one in a namespace of its own.

    The bridge has its namespace too, so nothing of the machine's own network is touched.
    """

    def __init__(self, workers: int, settings: Mapping[str, str]) -> None:
        """settings: environment of Ray's processes."""
        self._prefix = f"sw{os.getpid()}"
        self._temporary = tempfile.mkdtemp(prefix="sw-", dir="/tmp")  # short: sockets are in there
        self._token = secrets.token_hex(16)
        self._settings = settings
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self.workers = range(1, workers + 1)

    @property
    def address(self) -> str:
        return f"{self.ip(0)}:{PORT}"

    @staticmethod
    def ip(host: int) -> str:
        return f"10.77.0.{host + 1}"

    def __enter__(self) -> Hosts:
        try:
            bridge = self._namespace("bridge")
            _ip("-n", bridge, "link", "add", "br0", "type", "bridge")
            _ip("-n", bridge, "link", "set", "br0", "up")
            for host in (0, *self.workers):
                space = self._namespace(host)
                ends = f"port{host}", f"{self._prefix}e{host}"
                _ip("-n", bridge, "link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
                _ip("-n", bridge, "link", "set", ends[1], "netns", space)
                _ip("-n", space, "link", "set", ends[1], "name", "eth0")
                _ip("-n", space, "address", "add", f"{self.ip(host)}/24", "dev", "eth0")
                _ip("-n", space, "link", "set", "lo", "up")
                _ip("-n", space, "link", "set", "eth0", "up")
                _ip("-n", bridge, "link", "set", ends[0], "master", "br0")
                self.link(host, up=True)
            self.ensure()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running.values():
            process.terminate()
        for host in (0, *self.workers, "bridge"):
            space = self._name(host)
            listed = subprocess.run(
                ["ip", "netns", "pids", space], capture_output=True, text=True, check=False
            )
            for pid in map(int, listed.stdout.split()):
                os.kill(pid, signal.SIGKILL)
            subprocess.run(["ip", "netns", "del", space], capture_output=True, check=False)
        for process in self._running.values():
            process.wait()
        shutil.rmtree(self._temporary, ignore_errors=True)

    def link(self, host: int, *, up: bool) -> None:
        """Plug a host's cable in, or pull it out."""
        _ip("-n", self._name("bridge"), "link", "set", f"port{host}", "up" if up else "down")

    def ensure(self) -> None:
        """Links are up and Ray runs on every host, also where it has ended."""
        for host in (0, *self.workers):
            self.link(host, up=True)
            if host not in self._running or self._running[host].poll() is not None:
                self._running[host] = self._ray(host)
                self._await(host)

    def gone(self, host: int) -> None:
        """Wait until Ray has ended there, as where a lost node learns that it was given up."""
        self._running[host].wait(60)

    def popen(self, host: int, command: Sequence[str | Path]) -> subprocess.Popen[bytes]:
        """A command on that host; its output can be read."""
        environment = {
            **os.environ,
            **self._settings,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self._token,
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        return subprocess.Popen(
            ["ip", "netns", "exec", self._name(host), *map(str, command)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def _ray(self, host: int) -> subprocess.Popen[bytes]:
        role = ["--address", self.address, "--num-cpus=1"]
        if host == 0:
            role = ["--head", f"--port={PORT}", "--num-cpus=0", f"--temp-dir={self._temporary}"]
            role += ["--include-dashboard=false", "--no-monitor"]
        ip = f"--node-ip-address={self.ip(host)}"
        return self.popen(host, [RAY, "start", "--block", ip, *LITTLE, *role])

    def _await(self, host: int) -> None:
        ends = time.monotonic() + 120
        output = self._running[host].stdout
        assert output is not None
        os.set_blocking(output.fileno(), False)
        seen = b""
        while b"Ray runtime started." not in seen:
            seen += output.read() or b""
            if self._running[host].poll() is not None or time.monotonic() > ends:
                raise RuntimeError(f"Ray does not start on host {host}: {seen.decode(errors='replace')}")
            time.sleep(0.1)

    def _namespace(self, host: int | str) -> str:
        _ip("netns", "add", self._name(host))
        return self._name(host)

    def _name(self, host: int | str) -> str:
        return f"{self._prefix}-{host}"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
