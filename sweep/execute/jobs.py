"""Commands as Ray jobs on a cluster, by way of its dashboard."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import requests
from ray.exceptions import RayError
from ray.job_submission import JobSubmissionClient

from sweep.execute.port import ExecutorError
from sweep.execute.start import use_token

REACH_S: Final = 5.0

STOP_S: Final = 60
"""A job that is stopped may end what runs; Ray kills after 3 s by default."""

_RECONNECT_S: Final = 60.0
"""How long a dashboard may be away while a job is followed."""


@dataclass(frozen=True, slots=True)
class Job:
    """How a job stands. state: PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED; times: Unix time, s."""

    id: str
    state: str
    message: str
    exit_code: int | None
    started_s: float | None
    ended_s: float | None
    metadata: Mapping[str, str]

    @property
    def ended(self) -> bool:
        return self.state in ("SUCCEEDED", "FAILED", "STOPPED")


class Jobs:
    """The jobs of the cluster whose dashboard is at `address`, http://HOST:8265.

    Everything raises ExecutorError, in one line, for what a user can mend.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        for module in ("dashboard_sdk", "job.sdk"):  # they set levels of their own
            logging.getLogger(f"ray.dashboard.modules.{module}").setLevel(logging.ERROR)
        use_token()
        _reach(self.address)
        with self._said():
            self._client = JobSubmissionClient(self.address)

    def submit(
        self,
        command: str,
        name: str,
        folder: Path,
        environment: Mapping[str, str],
        metadata: Mapping[str, str],
    ) -> str:
        """Start a shell command on the cluster's head, in a copy of `folder`; the job's id is `name`."""
        variables = {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_S), **environment}
        with self._said():
            job: str = self._client.submit_job(
                entrypoint=command,
                submission_id=name,
                runtime_env={"working_dir": str(folder), "env_vars": variables},
                metadata=dict(metadata),
            )
            return job

    def job(self, job: str) -> Job:
        with self._said(job):
            return _job(self._client.get_job_info(job))

    def logs(self, job: str) -> str:
        """What it has printed, errors too."""
        with self._said(job):
            text: str = self._client.get_job_logs(job)
            return text

    def follow(self, job: str) -> Iterator[str]:
        """What it has printed and prints, until it ends; through times in which the cluster is away."""
        self.job(job)
        seen = 0
        heard_s = time.monotonic()
        while True:
            try:
                position = 0
                for text in _drain(self._client, job):
                    fresh = text[max(seen - position, 0) :]
                    position += len(text)
                    seen = max(seen, position)
                    heard_s = time.monotonic()
                    if fresh:
                        yield fresh
                if self.job(job).ended:
                    return
            except (aiohttp.ClientError, RuntimeError, OSError) as error:  # ExecutorError too
                if time.monotonic() - heard_s > _RECONNECT_S:
                    raise ExecutorError(
                        f"{self.address}: {job} cannot be followed: {_words(error)}"
                    ) from error
            time.sleep(1.0)

    def stop(self, job: str) -> bool:
        """Ask it to end; whether it ran."""
        self.job(job)
        with self._said(job):
            return bool(self._client.stop_job(job))

    @contextmanager
    def _said(self, job: str | None = None) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, ValueError, OSError, RayError, requests.RequestException) as error:
            if job and "404" in str(error):
                raise ExecutorError(f"{self.address}: no job {job} there") from error
            raise ExecutorError(f"{self.address}: {_words(error)}") from error


def _drain(client: Any, job: str) -> Iterator[str]:
    """The client's asynchronous stream as a plain one."""
    stream = client.tail_job_logs(job)

    async def step() -> str:
        text: str = await anext(stream)
        return text

    loop = asyncio.new_event_loop()
    waiting: asyncio.Task[str] | None = None
    try:
        while True:
            waiting = loop.create_task(step())
            try:
                yield loop.run_until_complete(waiting)
            except StopAsyncIteration:
                return
    finally:
        # Ctrl-C may come in the middle of a step: a stream that is waited for cannot be closed.
        if waiting is not None and not waiting.done():
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                loop.run_until_complete(waiting)
        loop.run_until_complete(stream.aclose())
        loop.close()


def _job(details: Any) -> Job:
    return Job(
        details.submission_id,
        str(details.status.value),
        details.message or "",
        details.driver_exit_code,
        details.start_time / 1000 if details.start_time else None,
        details.end_time / 1000 if details.end_time else None,
        details.metadata or {},
    )


def _reach(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ExecutorError(f"--address {address}: expected a Ray dashboard, such as http://head:8265")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname, port), timeout=REACH_S).close()
    except (OSError, ValueError) as error:
        raise ExecutorError(
            f"the Ray dashboard at --address {address} cannot be reached ({error}); is the cluster's head "
            "running, with a dashboard that listens there (`ray start --head --dashboard-host=0.0.0.0`)?"
        ) from error


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__
