"""What runs on the other side: the actor that measures batches of trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import ray

if TYPE_CHECKING:
    from sweep.execute.port import Task
    from sweep.trial import Attempt

BATCH_LIMIT_S: Final = 1.0
"""No trial of a batch is begun later than this; the driver had taken them for shorter."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What must be equal on every node: the package's version, and the hash of its compiled simulator; of nodes
    that measure, the machine or the guest, by the key of its fingerprint."""

    version: str
    build: str
    machine: str = ""

    @classmethod
    def here(cls, backend: str = "simulator", settings: Mapping[str, Any] | None = None) -> Installed:
        from importlib.metadata import version

        from sweep.backends.simulator import build_id

        if backend == "simulator":
            return cls(version("rcu-sweep"), build_id())
        from sweep.backends import hosts

        return cls(version("rcu-sweep"), build_id(), hosts.key(backend, settings or {}))

    def differs(self, greeting: Mapping[str, str]) -> str:
        """What is wrong with a worker's answer, seen from the driver; empty if nothing is."""
        where = f"node {greeting['host']} ({greeting['name']})"
        mend = "install the driver's version on every node (the same image), see docs/cluster.md"
        if fault := greeting.get("fault"):
            return f"{where}: `sweep` does not work there: {fault}; {mend}"
        if (there := greeting["version"]) != self.version:
            return f"{where}: has sweep {there}, the driver {self.version}; {mend}"
        if (there := greeting["build"]) != self.build:
            return f"{where}: its compiled simulator is build {there}, the driver's {self.build}; {mend}"
        if (there := greeting["machine"]) != self.machine:
            return (
                f"{where}: is another machine (fingerprint {there}) than this one ({self.machine}), which the study is "
                "measured on; run the driver on the host that measures"
            )
        return ""


@cache
def worker_class() -> Any:
    """The class of the actors. Made in a function, so that it travels by value: a node with another
    `sweep`, or with none, can still answer and be told from the others."""

    class Worker:
        def __init__(self) -> None:
            self._run: Any = None
            self._name = ""
            self._stopped_at = 0

        def greet(
            self,
            owned: Sequence[int] = (),
            backend: str = "simulator",
            settings: Mapping[str, Any] | None = None,
        ) -> dict[str, str]:
            """Who and where this is, and what is installed here; touches nothing of the driver's. owned: CPUs that
            it measures on, and runs on itself. backend, settings: as in Place."""
            import os
            import socket

            self._name = f"{socket.gethostname()}/{os.getpid()}"
            known = {"name": self._name, "host": ray.util.get_node_ip_address()}
            try:
                from sweep.execute.worker import Installed

                if owned:
                    from sweep.execute import affinity

                    affinity.use(owned)
                here = Installed.here(backend, settings)
            except Exception as error:
                return {**known, "fault": f"{type(error).__name__}: {error}"}
            return {**known, "version": here.version, "build": here.build, "machine": here.machine}

        def prepare(self, evaluate: Any) -> None:
            """Takes over the scenarios, which are once on each node."""
            from sweep.execute.worker import run

            self._run = lambda serial, tasks: run(
                evaluate, tasks, self._name, lambda: serial <= self._stopped_at
            )

        def measure(self, serial: int, tasks: Sequence[Task]) -> list[Attempt]:
            done: list[Attempt] = self._run(serial, tasks)
            return done

        @ray.method(concurrency_group="pulse")  # type: ignore[untyped-decorator]
        def stop(self, serial: int) -> None:
            """Begin no more trials of the batches up to this one."""
            self._stopped_at = max(self._stopped_at, serial)

        @ray.method(concurrency_group="pulse")  # type: ignore[untyped-decorator]
        def ping(self) -> None:
            """Answers while a trial runs."""

    # Ray never tries again by itself: what is tried again, and how often, is decided by the cause.
    return ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0, concurrency_groups={"pulse": 1})(Worker)


def run(evaluate: Any, tasks: Sequence[Task], name: str, stopped: Any) -> list[Attempt]:
    """Attempts at the first of these; fewer when stopped, or when they take long."""
    import time

    from sweep.execute.port import attempt

    ends = time.monotonic() + BATCH_LIMIT_S
    attempts: list[Attempt] = []
    for task in tasks:
        if stopped() or (attempts and time.monotonic() > ends):
            break
        attempts.append(attempt(evaluate, task, name))
    return attempts
