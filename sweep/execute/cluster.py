"""Long-lived Ray actors that take batches of trials, one for each CPU of a cluster that may grow and shrink."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Final

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sweep import defaults
from sweep.execute import affinity
from sweep.execute.dispatch import Dispatcher
from sweep.execute.failure import failure
from sweep.execute.place import Place
from sweep.execute.port import MAX_ATTEMPTS, Evaluate, Executor, ExecutorError, Task
from sweep.execute.start import NODE_LOST_S, reachable, start
from sweep.execute.worker import BATCH_LIMIT_S, Installed, worker_class
from sweep.trial import Attempt, Cause, Failure

_TICK_S: Final = 1.0
"""How often the cluster is looked at: new nodes, silent workers."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited for parts of a cluster, s, before they are given up."""

    node_s: float = NODE_LOST_S  # a silent node; only where Ray is started here, a cluster has its own
    trial_s: float = defaults.TRIAL_TIMEOUT_S  # one trial
    silence_s: float = 60.0  # a worker that does not answer, though Ray thinks that it lives
    workers_s: float = 120.0  # any worker, when there is none


@dataclass(slots=True)
class _Actor:
    """A worker as the driver knows it; what it is waited for are references to Ray's objects."""

    handle: Any
    node: str
    joining: Any  # the step of its start that is under way; None once it can measure
    name: str = ""
    measuring: deque[Any] = field(default_factory=deque)  # batches, oldest first
    since_s: float = 0.0  # when the oldest of them began, at the latest
    ping: Any = None
    pinged_s: float = 0.0

    @property
    def awaited(self) -> list[Any]:
        first = self.measuring[0] if self.measuring else None
        return [reference for reference in (self.joining, first, self.ping) if reference is not None]


class RayExecutor(Executor):
    """One actor per CPU of the cluster, or `workers` of them at most. Of measured trials one per host that has
    the resource of its place: it takes all CPUs of its host, so that Ray runs nothing else there meanwhile."""

    def __init__(
        self,
        evaluate: Evaluate,
        *,
        workers: int | None = None,
        address: str | None = None,
        patience: Patience = Patience(),
        place: Place | None = None,
    ) -> None:
        """Starts Ray on this machine, or joins the cluster at `address` ("auto": the one of this machine).

        That goes on in the background, until something is asked of the executor; what fails there is raised
        then. Raises ExecutorError at once where there is no cluster at `address`.

        place: where measured trials may run; None for simulated ones. The driver, and the Ray that it starts, keep
        off the CPUs that the benchmark owns, if there are others.
        """
        self._starts_ray = not ray.is_initialized()
        where = reachable(address) if address and self._starts_ray else None
        self._place = place
        # Before there are threads: they, and Ray's processes, inherit it.
        self._before = affinity.keep_off(place.owned) if place and place.owned else frozenset[int]()
        self._most = workers
        self._patience = patience
        self._queue = Dispatcher(time.time)
        self._actors: dict[int, _Actor] = {}
        self._born = 0
        self._refused: set[str] = set()
        self._failed_starts: Counter[str] = Counter()
        self._rests: dict[str, float] = {}  # nodes where a start failed, and until when they are left alone
        self._words = "its CPUs are all taken, or its nodes are gone"
        self._fault: ExecutorError | None = None  # is raised when no attempt is in hand: none gets lost
        # Ray's processes end with the thread that starts them, so this one lives as long as they do.
        self._thread = ThreadPoolExecutor(1, "ray-start")
        self._opening = self._thread.submit(self._open, evaluate, where)

    # -- the port

    @property
    def workers(self) -> int:
        self._opening.result()
        return max(len(self._actors), 1)

    def submit(self, tasks: Sequence[Task]) -> None:
        self._opening.result()
        self._worked_s = time.monotonic()  # nobody is missed before there is work
        self._queue.submit(tasks)
        self._send()

    def collect(self, timeout_s: float | None = None) -> list[Attempt]:
        """Raises ExecutorError where no worker can be had, or the driver and its workers do not fit."""
        self._opening.result()
        ends = time.monotonic() + timeout_s if timeout_s is not None else float("inf")
        while self._queue.pending:
            if self._fault:
                raise self._fault
            left = ends - time.monotonic()
            attempts = self._receive(min(max(left, 0.0), _TICK_S))
            if time.monotonic() - self._looked_s >= _TICK_S:
                attempts += self._listen()
                self._look()
            self._send()
            if attempts or left <= 0:
                return attempts
        return []

    @property
    def pending(self) -> bool:
        return self._queue.pending

    def withdraw(self) -> None:
        serial = self._queue.withdraw()
        for actor in self._actors.values():
            if actor.measuring:
                actor.handle.stop.remote(serial)

    def all_busy(self) -> float:
        return self._queue.all_busy()

    def close(self) -> None:
        wait([self._opening])
        for actor in self._actors.values():
            if actor.joining is None:  # Ray complains of those that are killed before they live
                ray.kill(actor.handle)
        if self._starts_ray:
            ray.shutdown()
            self._starts_ray = False
        self._actors.clear()
        self._thread.shutdown()
        if self._before:
            affinity.use(self._before)
            self._before = frozenset()

    def _open(self, evaluate: Evaluate, where: str | None) -> None:
        """Ray, the scenarios once for all workers, and the first workers."""
        if self._starts_ray:
            resource = self._place.resource if self._place else ""
            start(where, None if self._place else self._most, self._patience.node_s, resource=resource)
        self._evaluate = ray.put(evaluate)
        self._looked_s = self._worked_s = time.monotonic()
        self._first_nodes = frozenset(self._cpus())
        if self._place and not self._first_nodes:
            self._fault = ExecutorError(
                f"no node of the cluster may measure: on the host that is to, run ray start with --resources='"
                f'{{"{self._place.resource}": 1}}\' (docs/cluster.md)'
            )
            return
        self._installed = (
            Installed.here(self._place.backend, self._place.settings) if self._place else Installed.here()
        )
        self._look()

    # -- batches

    def _send(self) -> None:
        for batch in self._queue.assign():
            actor = self._actors[batch.worker]
            if not actor.measuring:
                actor.since_s = time.monotonic()
            actor.measuring.append(actor.handle.measure.remote(batch.serial, batch.tasks))

    def _receive(self, timeout_s: float) -> list[Attempt]:
        """What has ended; waits until something has happened."""
        awaited = {reference: key for key, actor in self._actors.items() for reference in actor.awaited}
        if not awaited:
            time.sleep(timeout_s)
            return []
        ready, rest = ray.wait(list(awaited), num_returns=1, timeout=timeout_s)
        if ready and rest:
            ready += ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        attempts: list[Attempt] = []
        for reference in ready:
            if awaited[reference] in self._actors:
                attempts += self._hear(awaited[reference], reference)
        return attempts

    def _hear(self, key: int, reference: Any) -> list[Attempt]:
        actor = self._actors[key]
        try:
            answer = ray.get(reference, timeout=self._patience.silence_s)
        except (ray.exceptions.RayError, TimeoutError) as error:
            return self._lose(key, failure(error))
        if reference is actor.ping:
            actor.ping = None
        elif reference is actor.joining:
            self._join(key, answer)
        else:
            actor.measuring.popleft()
            actor.since_s = time.monotonic()
            return self._queue.ended(key, answer)
        return []

    # -- workers

    def _look(self) -> None:
        """Give every CPU a worker; it is a fault to have had none for long."""
        now = time.monotonic()
        self._looked_s = now
        if any(actor.joining is None for actor in self._actors.values()):
            self._worked_s = now
        elif now - self._worked_s > self._patience.workers_s:
            self._fault = ExecutorError(
                f"the cluster has had no worker for {self._patience.workers_s:g} s: {self._words} (`ray status` "
                "tells more); what was measured is kept, `resume` goes on from there"
            )
        cpus = self._places()
        for key in [k for k, a in self._actors.items() if a.joining is not None and a.node not in cpus]:
            self._lose(key, Failure(Cause.NODE_LOST, "the node was lost"))
        free = Counter({node: count for node, count in cpus.items() if self._rests.get(node, 0.0) <= now})
        free.subtract(actor.node for actor in self._actors.values())
        while self._most is None or len(self._actors) < self._most:
            node, count = max(free.items(), key=lambda item: item[1], default=("", 0))
            if count <= 0:
                break
            free[node] -= 1
            self._hire(node)

    def _places(self) -> dict[str, int]:
        """For how many workers there is room on the nodes that live and may be used."""
        if self._place:
            return dict.fromkeys(self._cpus(), 1)
        return self._cpus()

    def _cpus(self) -> dict[str, int]:
        """Of the nodes that live and may be used."""
        return {
            node["NodeID"]: int(node["Resources"].get("CPU", 0))
            for node in ray.nodes()
            if node["Alive"] and node["NodeID"] not in self._refused
            if not self._place or node["Resources"].get(self._place.resource, 0) >= 1
        }

    def _hire(self, node: str) -> None:
        # A node that is lost is never asked again; hard affinity keeps what is lost there from moving.
        there = NodeAffinitySchedulingStrategy(node, soft=False)
        options: dict[str, Any] = {"scheduling_strategy": there}
        greeted: tuple[Any, ...] = ()
        if self._place:
            options |= {"num_cpus": self._cpus()[node], "resources": {self._place.resource: 1}}
            greeted = (self._place.owned, self._place.backend, dict(self._place.settings))
        handle = worker_class().options(**options).remote()
        self._born += 1
        self._actors[self._born] = _Actor(handle, node, handle.greet.remote(*greeted))

    def _join(self, key: int, greeting: dict[str, str] | None) -> None:
        """The next step of its start: it has greeted, or else it has the scenarios."""
        actor = self._actors[key]
        if greeting is None:
            actor.joining = None
            self._failed_starts[actor.node] = 0
            self._queue.enter(key, actor.name, actor.node)
        elif differs := self._installed.differs(greeting):
            self._refuse(actor.node, differs)
        else:
            actor.name = greeting["name"]
            actor.joining = actor.handle.prepare.remote(self._evaluate)

    def _listen(self) -> list[Attempt]:
        """Ask those that have been silent; give up those that do not answer, and trials without an end."""
        now = time.monotonic()
        attempts: list[Attempt] = []
        for key, actor in list(self._actors.items()):
            if not actor.measuring:
                continue
            if now - actor.since_s > BATCH_LIMIT_S + self._patience.trial_s:
                words = f"no end of a trial within {self._patience.trial_s:g} s"
                attempts += self._lose(key, Failure(Cause.WORKER_CRASHED, words))
            elif actor.ping is not None and now - actor.pinged_s > self._patience.silence_s:
                words = f"no sign of life for {self._patience.silence_s:g} s"
                attempts += self._lose(key, Failure(Cause.NODE_LOST, words))
            elif (
                actor.ping is None and now - max(actor.since_s, actor.pinged_s) > self._patience.silence_s / 4
            ):
                actor.ping, actor.pinged_s = actor.handle.ping.remote(), now
        return attempts

    def _lose(self, key: int, why: Failure) -> list[Attempt]:
        actor = self._actors.pop(key)
        ray.kill(actor.handle)  # it may have failed without dying
        self._looked_s = float("-inf")
        if actor.joining is None:
            return self._queue.lost(key, why)
        self._failed_starts[actor.node] += 1
        self._words = why.text
        if why.cause is Cause.ENVIRONMENT and self._failed_starts[actor.node] >= MAX_ATTEMPTS:
            self._refuse(actor.node, f"no worker starts on node {actor.node}: {why.text}")
        self._rests[actor.node] = time.monotonic() + 2 ** min(self._failed_starts[actor.node], 5)
        return []

    def _refuse(self, node: str, why: str) -> None:
        """Go on without a node that came later; one that was there at the start must do."""
        self._refused.add(node)
        if node in self._first_nodes:
            self._fault = self._fault or ExecutorError(why)
        else:
            logging.getLogger(__name__).warning("%s; the sweep goes on without it", why)
        for key in [key for key, a in self._actors.items() if a.node == node and a.joining is not None]:
            ray.kill(self._actors.pop(key).handle)
