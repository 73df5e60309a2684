"""A slow, independent model of three policies under constant grace periods, in SimPy.

It shares nothing with the C engine but the rules that both follow. It was written from the
rules, not from the engine, and keeps every object's history, so that each metric is computed
from its definition. Times are integer picoseconds throughout, hence exact.

The rules. Calls of one CPU run in order, each no earlier than the end of the one before, and so do
calls of one address space (mmap_lock), whatever CPU they are on. An object is unlinked `unlink` after
its step begins, then the policy's own costs follow.
`call_rcu` is charged before its objects count as waiting; they are ready exactly one `grace`
later, and the callback thread of the posting CPU, which disturbs nobody, takes callbacks one
by one in that order. An object is free when the cost of its free has passed.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Literal

import simpy

Steps = Generator[simpy.Event, Any, None]
Step = tuple[int, "list[Dead]"]  # what it costs (ps), and what is posted to RCU at its end
PolicyName = Literal["per_object", "fixed_batch", "whole_list"]


@dataclass(frozen=True, slots=True)
class Costs:
    """Virtual time of each operation, in picoseconds, and the size of an object."""

    unlink: int
    link: int
    walk: int
    lock: int
    call_rcu: int
    callback: int
    free: int
    grace: int
    object_bytes: int


@dataclass(frozen=True, slots=True)
class Call:
    """One row: `n` objects leave the address space `mm` on `cpu`, which `exit` tears down."""

    t_ns: int
    cpu: int
    mm: int
    n: int
    exit: bool


@dataclass(slots=True)
class Dead:
    """The history of one object: when it was unlinked, posted to RCU, freed (ps)."""

    unlinked: int
    posted: int | None = None
    freed: int | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """All of it in nanoseconds; percentiles are nearest-rank."""

    count: int
    mean: float
    p50: float
    p99: float
    max: float


@dataclass(slots=True)
class History:
    """What happened, down to the single object."""

    costs: Costs
    duration_ns: int
    objects: list[Dead] = field(default_factory=list)
    latencies: list[tuple[Call, int]] = field(default_factory=list)
    last_end: int = 0
    callbacks: list[int] = field(default_factory=list)  # when each was invoked

    @property
    def span(self) -> int:
        """End of the measured span, ps."""
        return max(self.duration_ns * 1000, self.last_end)

    def latency(self, exit: bool) -> Summary:
        """Of the exits, or of the calls with the address space alive."""
        return summary(ps for call, ps in self.latencies if call.exit == exit)

    def dead_age(self) -> Summary:
        """Of the objects that were freed within the span."""
        return summary(
            o.freed - o.unlinked for o in self.objects if o.freed is not None and o.freed <= self.span
        )

    def dead_age_sum(self) -> int:
        """Ages of all objects, those that are still dead at the end up to there; ps."""
        return sum(self._end(o) - o.unlinked for o in self.objects)

    def freed(self) -> int:
        """Objects freed within the span."""
        return sum(o.freed is not None and o.freed <= self.span for o in self.objects)

    def split(self) -> dict[str, float]:
        """Time-weighted mean bytes by state."""
        ps = dict.fromkeys(("postponed", "waiting", "ready"), 0)
        for o in self.objects:
            end = self._end(o)
            posted = end if o.posted is None else min(o.posted, end)
            ready = min(posted + self.costs.grace, end)
            ps["postponed"] += posted - o.unlinked
            ps["waiting"] += ready - posted
            ps["ready"] += end - ready
        return {state: sum_ps * self.costs.object_bytes / self.span for state, sum_ps in ps.items()}

    def peak_bytes(self) -> tuple[int, int]:
        """Lowest and highest reading: what is freed and unlinked at one instant may come in any order."""
        births = [(o.unlinked, +1) for o in self.objects]
        deaths = [(o.freed, -1) for o in self.objects if o.freed is not None and o.freed <= self.span]

        def peak(first: int) -> int:
            order = sorted(births + deaths, key=lambda change: (change[0], change[1] != first))
            return max(accumulate((n for _, n in order), initial=0)) * self.costs.object_bytes

        return peak(-1), peak(+1)

    def _end(self, o: Dead) -> int:
        return self.span if o.freed is None else min(o.freed, self.span)


def summary(values_ps: Iterable[int]) -> Summary:
    """Zeros where there is nothing."""
    values = sorted(values_ps)
    if not values:
        return Summary(0, 0.0, 0.0, 0.0, 0.0)

    def rank(percent: int) -> float:
        return values[math.ceil(len(values) * percent / 100) - 1] / 1000

    return Summary(len(values), sum(values) / len(values) / 1000, rank(50), rank(99), values[-1] / 1000)


def run(
    calls: Sequence[Call], costs: Costs, policy: PolicyName, duration_ns: int, batch_max: int = 32
) -> History:
    """The history of `calls` (in order of time) under `policy`; `batch_max` is fixed_batch's `max`."""
    model = {"per_object": _PerObject, "whole_list": _WholeList, "fixed_batch": _FixedBatch}[policy]
    world = model(costs, duration_ns, batch_max)
    rows: dict[int, list[_Row]] = defaultdict(list)
    before: dict[int, simpy.Event] = {}
    for call in calls:
        row = _Row(call, before.get(call.mm), world.env.event())
        before[call.mm] = row.done
        rows[call.cpu].append(row)
    for cpu, mine in rows.items():
        world.env.process(world.cpu(cpu, mine))
    world.env.run()
    return world.history


@dataclass(frozen=True, slots=True)
class _Row:
    call: Call
    before: simpy.Event | None  # the end of the address space's previous call
    done: simpy.Event


@dataclass(slots=True)
class _Thread:
    """The callback thread of one CPU: what was posted there, each with the time it is ready."""

    posted: deque[tuple[int, list[Dead]]]
    wake: simpy.Event


class _World:
    """One run: a process per CPU, and one per CPU for its callbacks."""

    def __init__(self, costs: Costs, duration_ns: int, batch_max: int) -> None:
        self.env = simpy.Environment(initial_time=0)
        self.costs = costs
        self.batch_max = batch_max
        self.history = History(costs, duration_ns)
        self.threads: dict[int, _Thread] = {}
        self.parked: dict[int, list[Dead]] = defaultdict(list)  # fixed_batch: by address space

    def cpu(self, cpu: int, rows: list[_Row]) -> Steps:
        env, history, unlink = self.env, self.history, self.costs.unlink
        thread = self.threads[cpu] = _Thread(deque(), env.event())
        env.process(self.callbacks(thread))
        for row in rows:
            call = row.call
            if call.t_ns * 1000 > env.now:
                yield env.timeout(call.t_ns * 1000 - env.now)
            if row.before:
                yield row.before
            begun, batch = env.now, list[Dead]()
            for _ in range(call.n):
                dead = Dead(unlinked=env.now + unlink)
                history.objects.append(dead)
                cost, posted = self.dispose(call, batch, dead)
                yield env.timeout(unlink + cost)
                if posted:
                    self.post(thread, posted)
            cost, posted = self.call_end(call, batch)
            yield env.timeout(cost)
            if posted:
                self.post(thread, posted)
            history.latencies.append((call, env.now - begun))
            history.last_end = max(history.last_end, env.now)
            if call.exit:
                yield env.timeout(self.mm_stop_cost())
            row.done.succeed()

    def post(self, thread: _Thread, batch: list[Dead]) -> None:
        for dead in batch:
            dead.posted = self.env.now
        thread.posted.append((self.env.now + self.costs.grace, batch))
        if not thread.wake.triggered:
            thread.wake.succeed()

    def callbacks(self, thread: _Thread) -> Steps:
        env, per_object = self.env, self.costs.free + self.walk
        while True:
            if not thread.posted:
                thread.wake = env.event()
                yield thread.wake
            ready, batch = thread.posted.popleft()
            invoked = max(ready, env.now)
            self.history.callbacks.append(invoked)
            end = invoked + self.costs.callback
            for dead in batch:
                end += per_object
                dead.freed = end
            yield env.timeout(end - env.now)

    @property
    def walk(self) -> int:
        """What the callback pays per object to get at it."""
        return self.costs.walk

    def dispose(self, call: Call, batch: list[Dead], dead: Dead) -> Step:
        """What the policy does with an object that was just unlinked."""
        raise NotImplementedError

    def call_end(self, call: Call, batch: list[Dead]) -> Step:
        """What it does when the call has unlinked its last object."""
        return 0, []

    def mm_stop_cost(self) -> int:
        """After an exit: keeps the CPU, but is no part of the exit's latency."""
        return 0


class _PerObject(_World):
    @property
    def walk(self) -> int:
        return 0  # the callback has its one object in hand

    def dispose(self, call: Call, batch: list[Dead], dead: Dead) -> Step:
        return self.costs.call_rcu, [dead]


class _WholeList(_World):
    def dispose(self, call: Call, batch: list[Dead], dead: Dead) -> Step:
        batch.append(dead)
        return self.costs.link, []

    def call_end(self, call: Call, batch: list[Dead]) -> Step:
        return (self.costs.call_rcu, batch) if batch else (0, [])


class _FixedBatch(_World):
    def dispose(self, call: Call, batch: list[Dead], dead: Dead) -> Step:
        parked = self.parked[call.mm]
        parked.append(dead)
        cost = self.costs.lock + self.costs.link
        if len(parked) <= self.batch_max:
            return cost, []
        return cost + self.costs.call_rcu, self.parked.pop(call.mm)

    def call_end(self, call: Call, batch: list[Dead]) -> Step:
        if not call.exit:
            return 0, []
        rest = self.parked.pop(call.mm, [])
        return self.costs.lock + (self.costs.call_rcu if rest else 0), rest

    def mm_stop_cost(self) -> int:
        return self.costs.lock  # looks at the list once more
