"""Who gets what next, without workers: a world in which each batch takes as long as its trials cost."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.execute.busy import BusyTime
from sweep.execute.dispatch import BATCH_S, SLOW_S, Batch, Dispatcher
from sweep.execute.port import MAX_ATTEMPTS
from sweep.trial import Attempt, Cause, Failure
from tests.sweep.execute.contract import settled, tasks

LOST = Failure(Cause.NODE_LOST, "gone")


@dataclass
class World:
    """Workers that measure at a given cost, on a clock of their own."""

    cost_s: float
    workers: int
    places: int = 1
    now: float = 1000.0
    sent: list[Batch] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queue = Dispatcher(lambda: self.now)
        self._ends: list[tuple[float, int, Batch]] = []
        self._free = {}
        for worker in range(self.workers):
            self.enter(worker)

    def place(self, worker: int) -> str:
        return f"place {worker % self.places}"

    def enter(self, worker: int) -> None:
        self._free[worker] = self.now
        self.queue.enter(worker, f"worker {worker}", self.place(worker))

    def send(self) -> None:
        for batch in self.queue.assign():
            self.sent.append(batch)
            begins = max(self._free[batch.worker], self.now)
            self._free[batch.worker] = begins + self.cost_s * len(batch.tasks)
            heapq.heappush(self._ends, (self._free[batch.worker], batch.serial, batch))

    def step(self) -> bool:
        """Until the next batch ends; whether there was one."""
        self.send()
        if not self._ends:
            return False
        end, _, batch = heapq.heappop(self._ends)
        self.now = max(self.now, end)
        begins = end - self.cost_s * len(batch.tasks)
        done = [
            Attempt(
                task.trial,
                task.number,
                (),
                None,
                f"worker {batch.worker}",
                begins + n * self.cost_s,
                self.cost_s,
            )
            for n, task in enumerate(batch.tasks)
        ]
        self.attempts += self.queue.ended(batch.worker, done)
        return True

    def lose(self, worker: int) -> None:
        self._ends = [each for each in self._ends if each[2].worker != worker]
        heapq.heapify(self._ends)
        self.attempts += self.queue.lost(worker, LOST)

    def run(self) -> None:
        while self.step():
            pass
        assert not self.queue.pending


@given(
    count=st.integers(0, 300),
    workers=st.integers(1, 7),
    cost_s=st.sampled_from([1e-6, 1e-3, 0.05, 1.0, 20.0]),
)
@settings(max_examples=60, deadline=None)
def test_every_trial_is_measured_once_and_nobody_starves(count: int, workers: int, cost_s: float) -> None:
    world = World(cost_s, workers)
    world.queue.submit(tasks(*["well"] * count))
    world.run()
    assert settled(world.attempts).keys() == set(range(count))
    assert len(world.attempts) == count
    # No worker is idle while another has two trials to go: they end within two of each other.
    alone_s = cost_s * count / workers
    assert world.now - 1000.0 <= alone_s + 2 * max(cost_s, BATCH_S) + 1e-9


@given(seed=st.integers(0, 2**32), count=st.integers(1, 200), workers=st.integers(2, 6))
@settings(max_examples=60, deadline=None)
def test_lost_workers_lose_nothing(seed: int, count: int, workers: int) -> None:
    """Workers leave and come at random; attempts are numbered without gaps, and bounded."""
    chance = random.Random(seed)
    world = World(0.01, workers, places=2)
    world.queue.submit(tasks(*["well"] * count))
    alive = set(range(workers))
    born = workers
    going = True
    while going:
        going = world.step()
        if going and chance.random() < 0.2:
            gone = chance.choice(sorted(alive))
            world.lose(gone)
            alive.remove(gone)
            world.enter(born)
            alive.add(born)
            born += 1
            world.send()
    assert not world.queue.pending
    for number in range(count):
        mine = [a for a in world.attempts if a.trial.number == number]
        assert [a.number for a in mine] == list(range(len(mine)))
        assert 1 <= len(mine) <= MAX_ATTEMPTS
        assert mine[-1].settles or len(mine) == MAX_ATTEMPTS
        assert not any(a.settles for a in mine[:-1])


def test_short_trials_come_in_batches_that_shrink_towards_the_end() -> None:
    world = World(0.001, 2)
    world.queue.submit(tasks(*["well"] * 5000))
    world.run()
    sizes = [len(batch.tasks) for batch in world.sent]
    assert sizes[:4] == [1, 1, 1, 1]  # nothing is known of them yet
    assert max(sizes) == pytest.approx(BATCH_S / 0.001, rel=0.01)
    assert sizes[-2:] == [1, 1]


def test_a_worker_has_its_next_batch_before_it_ends_the_present_one() -> None:
    world = World(0.1, 2)
    world.queue.submit(tasks(*["well"] * 100))
    world.send()
    assert [batch.worker for batch in world.sent] == [0, 1, 0, 1]


def test_slow_trials_are_not_held_back_for_a_busy_worker() -> None:
    world = World(2 * SLOW_S, 2)
    world.queue.submit(tasks(*["well"] * 10))
    world.step()
    world.step()
    world.run()
    assert world.now == 1000.0 + 5 * 2 * SLOW_S


def test_what_a_worker_did_not_begin_waits_again_and_is_no_attempt() -> None:
    world = World(0.01, 1)
    world.queue.submit(tasks(*["well"] * 3))
    first, second = world.queue.assign()
    assert len(first.tasks) == len(second.tasks) == 1
    lost = world.queue.lost(0, LOST)
    assert [(a.trial.number, a.number, a.failure) for a in lost] == [(0, 0, LOST)]
    world.enter(1)
    world.run()
    assert sorted((a.trial.number, a.number) for a in world.attempts) == [(0, 1), (1, 0), (2, 0)]


def test_what_failed_is_tried_last_alone_and_elsewhere() -> None:
    world = World(0.01, 2, places=2)
    world.queue.submit(tasks(*["well"] * 50))
    world.send()
    world.lose(0)
    world.enter(2)  # at the place of the lost one
    world.run()
    again = [batch for batch in world.sent if any(task.number for task in batch.tasks)]
    assert [len(batch.tasks) for batch in again] == [1]
    assert [world.place(batch.worker) for batch in again] == ["place 1"]
    assert again[0] is world.sent[-1]


def test_without_another_place_the_same_one_is_tried_again() -> None:
    world = World(0.01, 2, places=1)
    world.queue.submit(tasks("well"))
    world.send()
    world.lose(0)
    world.run()
    assert settled(world.attempts).keys() == {0}


def test_what_a_batch_left_out_is_next() -> None:
    """A worker returns early when its trials take longer than thought."""
    queue = Dispatcher(lambda: 0.0)
    queue.enter(0, "worker 0", "place 0")
    queue.submit(tasks(*["well"] * 5))
    first, second = queue.assign()
    assert queue.ended(0, []) == []
    (again,) = queue.assign()
    assert again.tasks == first.tasks
    assert again.serial > second.serial


def test_withdrawn_trials_are_forgotten_and_running_ones_are_not() -> None:
    world = World(0.1, 1)
    world.queue.submit(tasks(*["well"] * 10))
    first, second = world.queue.assign()
    assert world.queue.withdraw() == second.serial
    assert world.queue.pending
    done = Attempt(first.tasks[0].trial, 0, (), None, "worker 0", 1000.0, 0.1)
    assert world.queue.ended(0, [done]) == [done]
    assert world.queue.ended(0, []) == []  # the worker was told not to begin it
    assert not world.queue.pending
    assert world.queue.assign() == []


# -- busy time ----------------------------------------------------------------------------------


def test_all_are_busy_when_nobody_waits() -> None:
    world = World(0.1, 3)
    world.queue.submit(tasks(*["well"] * 300))
    world.run()
    assert world.queue.all_busy() == pytest.approx(1.0, abs=0.02)


def test_the_time_in_which_one_waits_counts_once() -> None:
    busy = BusyTime()
    busy.submitted(0.0)
    for worker in (0, 1):
        busy.entered(worker, 0.0)
    busy.worked(0, 1.0, 4.0)  # waited 0 .. 1
    busy.worked(1, 0.5, 3.0)  # waited 0 .. 0.5
    busy.worked(0, 5.0, 10.0)  # waited 4 .. 5
    busy.worked(1, 3.0, 9.0)
    assert busy.share([]) == pytest.approx(1 - 2 / 10)
    assert busy.share([1]) == pytest.approx(1 - 3 / 10)  # it waits since 9


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.001, 1)), min_size=1, max_size=40))
def test_one_workers_busy_time_is_what_it_ran(steps: list[tuple[float, float]]) -> None:
    busy = BusyTime()
    busy.submitted(0.0)
    busy.entered(0, 0.0)
    now = ran = 0.0
    for wait_s, run_s in steps:
        busy.worked(0, now + wait_s, now + wait_s + run_s)
        now += wait_s + run_s
        ran += run_s
    assert busy.share([0]) == pytest.approx(ran / now)


def test_the_busy_time_of_a_long_sweep_is_kept_small_and_right() -> None:
    busy = BusyTime()
    busy.submitted(0.0)
    busy.entered(0, 0.0)
    for step in range(30_000):
        busy.worked(0, step + 0.25, step + 1.0)
    assert busy.share([]) == pytest.approx(0.75)
    assert len(busy._gaps) < 5_000
