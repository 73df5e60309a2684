"""A real MLflow server that can be stopped and started."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from sweep.track.place import ENVIRONMENT


class Server:
    """`mlflow server` on sqlite below `place`, on a port of its own."""

    def __init__(self, place: Path) -> None:
        self._place = place
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Returns once it answers."""
        command = [sys.executable, "-m", "mlflow", "server", "--port", str(self._port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{self._place / 'mlflow.db'}"]
        command += ["--artifacts-destination", str(self._place / "artifacts")]
        with (self._place / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env={**os.environ, **ENVIRONMENT}, stdout=log, stderr=log, start_new_session=True
            )
        for _ in range(600):
            with contextlib.suppress(OSError), urllib.request.urlopen(self.uri + "/health", timeout=10):
                return
            assert self._process.poll() is None, (self._place / "server.log").read_text()
            time.sleep(0.2)
        raise AssertionError("the MLflow server does not answer")

    def stop(self) -> None:
        """As a crash would: nothing is finished first."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
