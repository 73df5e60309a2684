"""Long-lived Ray actors that take small batches of trials. Ray is imported here and nowhere else.

Ray itself never retries (max_retries=0, max_restarts=0): what is tried again, and how often, is decided
here by the cause of the failure.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import ray
from ray import exceptions as failures

from sweep.backends import simulator
from sweep.execute.port import MAX_ATTEMPTS, NO_ATTEMPTS, Evaluate, Executor, ExecutorError, attempt, never
from sweep.trial import Attempt, Cause, Failure, Trial

Job = tuple[Trial, int]


class _Worker:
    """Holds the scenarios; measures batches of trials."""

    def __init__(self, evaluate: Evaluate, build: str) -> None:
        if simulator.build_id() != build:
            raise RuntimeError(
                f"this worker's simulator is build {simulator.build_id()}, the driver's {build}"
            )
        self._evaluate = evaluate
        self._name = f"{socket.gethostname()}/{os.getpid()}"

    def run(self, jobs: Sequence[Job]) -> list[Attempt]:
        return [attempt(self._evaluate, trial, number, self._name) for trial, number in jobs]


class RayExecutor(Executor):
    """One actor per CPU of the cluster, or `workers` of them."""

    def __init__(
        self, evaluate: Evaluate, *, workers: int | None = None, address: str | None = None, batch: int = 4
    ) -> None:
        """Starts Ray on this machine, or joins the cluster at `address`. Raises ExecutorError."""
        self._started_ray = not ray.is_initialized()
        if self._started_ray:
            _start(address, workers)
        self._batch = batch
        self._evaluate = ray.put(evaluate)
        count = workers or max(int(ray.cluster_resources().get("CPU", 1)), 1)
        self._actors = [self._new_actor() for _ in range(count)]

    @property
    def workers(self) -> int:
        return len(self._actors)

    def run(
        self,
        trials: Sequence[Trial],
        *,
        made_before: Mapping[int, int] = NO_ATTEMPTS,
        stop: Callable[[], bool] = never,
    ) -> Iterator[Attempt]:
        waiting: deque[Job] = deque((trial, made_before.get(trial.number, 0)) for trial in trials)
        # What has failed comes last and alone: a trial that kills its worker takes no other with it.
        again: deque[Job] = deque()
        idle = deque(self._actors)
        running: dict[Any, tuple[Any, list[Job]]] = {}
        while waiting or again or running:
            if stop():
                waiting.clear()
                again.clear()
            while idle and (waiting or again):
                jobs = self._share(waiting) if waiting else [again.popleft()]
                actor = idle.popleft()
                running[actor.run.remote(jobs)] = (actor, jobs)
            if not running:
                return
            (done,), _ = ray.wait(list(running), num_returns=1)
            actor, jobs = running.pop(done)
            try:
                attempts = ray.get(done)
            except failures.RayError as error:
                attempts = [_failed(job, error) for job in jobs]
                ray.kill(actor)  # it may have failed without dying
                self._actors.remove(actor)
                actor = self._new_actor()
                self._actors.append(actor)
            idle.append(actor)
            for each in attempts:
                yield each
                if (
                    not each.settles
                    and each.number + 1 < made_before.get(each.trial.number, 0) + MAX_ATTEMPTS
                ):
                    again.append((each.trial, each.number + 1))

    def _share(self, waiting: deque[Job]) -> list[Job]:
        """The next batch for one worker, smaller towards the end, so that all end together."""
        size = max(1, min(self._batch, len(waiting) // (2 * self.workers)))
        return [waiting.popleft() for _ in range(size)]

    def close(self) -> None:
        for actor in self._actors:
            ray.kill(actor)
        self._actors = []
        if self._started_ray:
            ray.shutdown()
            self._started_ray = False

    def _new_actor(self) -> Any:
        worker = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(_Worker)
        return worker.remote(self._evaluate, simulator.build_id())


def _start(address: str | None, workers: int | None) -> None:
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    options: dict[str, Any] = {"address": address} if address else {"num_cpus": workers}
    try:
        ray.init(
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=True,
            **options,
        )
    except (ConnectionError, failures.RayError, ValueError, RuntimeError) as error:
        where = f"at {address}" if address else "on this machine"
        raise ExecutorError(f"no Ray cluster {where}: {error}; try --in-process to run without") from error


def _failed(job: Job, error: Exception) -> Attempt:
    trial, number = job
    return Attempt(trial, number, (), Failure(_cause(error), _words(error)), "lost", 0.0, 0.0)


def _cause(error: Exception) -> Cause:
    if isinstance(error, failures.OutOfMemoryError):
        return Cause.OUT_OF_MEMORY
    if isinstance(error, failures.NodeDiedError):
        return Cause.NODE_LOST
    if isinstance(error, (failures.RuntimeEnvSetupError, failures.RayTaskError)):
        return Cause.ENVIRONMENT
    if isinstance(error, failures.ActorDiedError) and "node died" in str(error).lower():
        return Cause.NODE_LOST
    return Cause.WORKER_CRASHED


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
