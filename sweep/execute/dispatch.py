"""Who is given which trials next: the part of an executor that is the same wherever trials run.

Pure but for the clock that is passed in. What it decides changes who measures what and when, never what
is measured.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sweep.execute.busy import BusyTime
from sweep.execute.port import MAX_ATTEMPTS, Task
from sweep.trial import Attempt, Failure

BATCH_S: Final = 0.25
"""Work in a batch: much longer than handing one over (about 1 ms), short enough to wait for at the end."""

SLOW_S: Final = 10.0
"""A worker with a trial longer than this gets no next one beforehand: another may be free earlier."""


@dataclass(slots=True)
class _Job:
    task: Task
    tries_left: int
    failed_at: str = ""  # place of the last failure


@dataclass(frozen=True, slots=True)
class Batch:
    """Trials for one worker, in order; `serial` grows with every batch."""

    worker: int
    serial: int
    jobs: tuple[_Job, ...]
    sent_s: float

    @property
    def tasks(self) -> list[Task]:
        return [job.task for job in self.jobs]


@dataclass(slots=True)
class _Worker:
    name: str
    place: str
    batches: deque[Batch]  # the first is running, a second one is at hand
    alone: bool = False  # runs a trial that has failed before


class Dispatcher:
    """The queue, the workers, and what each of them has.

    * A worker is given its next batch before it has finished the present one.
    * Batches are as long as BATCH_S of work by the times seen so far, and shrink towards the end.
    * What a machine failed is tried again last, alone (a trial that kills its worker takes no other with
      it) and, where there is one, at another place.
    """

    def __init__(self, clock: Callable[[], float], *, largest: int = 10_000, ahead: bool = True) -> None:
        """clock: Unix time, s. largest: trials in a batch. ahead: whether workers get a next batch while
        they are at one."""
        self._clock = clock
        self._largest = largest
        self._ahead = ahead
        self._waiting: deque[_Job] = deque()
        self._again: deque[_Job] = deque()
        self._workers: dict[int, _Worker] = {}
        self._places: Counter[str] = Counter()
        self._idle: dict[int, None] = {}  # have nothing; in order
        self._hungry: dict[int, None] = {}  # have one batch, and may have another
        self._withdrawn_to = 0
        self._serial = 0
        self._trial_s: float | None = None
        self._busy = BusyTime()

    # -- trials

    def submit(self, tasks: Sequence[Task]) -> None:
        if tasks:
            self._busy.submitted(self._clock())
        self._waiting.extend(_Job(task, MAX_ATTEMPTS - 1) for task in tasks)

    def withdraw(self) -> int:
        """Forgets what has not begun; batches up to the serial returned may still be running."""
        self._waiting.clear()
        self._again.clear()
        self._withdrawn_to = self._serial
        return self._serial

    @property
    def pending(self) -> bool:
        """Whether anything is queued or running."""
        return bool(self._waiting or self._again) or len(self._idle) < len(self._workers)

    def all_busy(self) -> float:
        return self._busy.share(self._idle)

    # -- workers

    def enter(self, worker: int, name: str, place: str) -> None:
        """A worker is ready. place: where it shares its fate with others, such as a host."""
        self._workers[worker] = _Worker(name, place, deque())
        self._places[place] += 1
        self._idle[worker] = None
        self._busy.entered(worker, self._clock())

    def assign(self) -> list[Batch]:
        """Batches to be sent now: first to those who have nothing."""
        batches = []
        for worker in list(self._idle):
            jobs = self._share() or self._one_again(self._workers[worker])
            if jobs:
                batches.append(self._give(worker, jobs))
        for worker in list(self._hungry):
            jobs = self._share()
            if not jobs:
                break
            batches.append(self._give(worker, jobs))
        return batches

    def ended(self, worker: int, attempts: list[Attempt]) -> list[Attempt]:
        """The oldest batch of this worker has ended with these attempts, at its first trials; what it did
        not begin waits again."""
        mine = self._workers[worker]
        batch = mine.batches.popleft()
        mine.alone = False
        self._sort(worker, mine)
        if attempts:
            last = attempts[-1]
            self._busy.worked(worker, attempts[0].started_s, last.started_s + last.elapsed_s)
            self._learn(sum(a.elapsed_s for a in attempts) / len(attempts))
        if batch.serial > self._withdrawn_to:
            self._waiting.extendleft(reversed(batch.jobs[len(attempts) :]))
        for job, attempt in zip(batch.jobs, attempts, strict=False):
            self._note(batch, job, attempt, mine.place)
        return attempts

    def lost(self, worker: int, failure: Failure) -> list[Attempt]:
        """The worker is gone. What it ran has failed; what it had not begun waits again.

        What it ran is its oldest batch without an answer. Where that answer was lost with the worker, the one that
        kills is in the next batch: it kills another worker, and is found there or, at the latest, alone.
        """
        mine = self._workers.pop(worker)
        self._idle.pop(worker, None)
        self._hungry.pop(worker, None)
        self._places[mine.place] -= 1
        self._places += Counter()  # forgets places that nobody is at
        now = self._clock()
        self._busy.left(worker, now, waiting=not mine.batches)
        attempts = []
        for nth, batch in enumerate(mine.batches):
            if nth > 0:
                if batch.serial > self._withdrawn_to:
                    self._waiting.extendleft(reversed(batch.jobs))
                continue
            for job in batch.jobs:
                elapsed_s = max(now - batch.sent_s, 0.0)
                trial, number = job.task.trial, job.task.number
                attempt = Attempt(trial, number, (), failure, mine.name, batch.sent_s, elapsed_s)
                attempts.append(attempt)
                self._note(batch, job, attempt, mine.place)
        return attempts

    # -- inside

    def _share(self) -> tuple[_Job, ...]:
        if not self._waiting:
            return ()
        size = 1 if not self._trial_s else int(min(BATCH_S / self._trial_s, self._largest))
        fair = len(self._waiting) // (2 * len(self._workers))
        return tuple(self._waiting.popleft() for _ in range(max(1, min(size, fair))))

    def _one_again(self, worker: _Worker) -> tuple[_Job, ...]:
        for nth, job in enumerate(self._again):
            elsewhere = len(self._places) - (job.failed_at in self._places)
            if job.failed_at != worker.place or not elsewhere:
                del self._again[nth]
                worker.alone = True
                return (job,)
        return ()

    def _give(self, worker: int, jobs: tuple[_Job, ...]) -> Batch:
        self._serial += 1
        batch = Batch(worker, self._serial, jobs, self._clock())
        mine = self._workers[worker]
        mine.batches.append(batch)
        self._sort(worker, mine)
        return batch

    def _sort(self, worker: int, mine: _Worker) -> None:
        self._idle.pop(worker, None)
        self._hungry.pop(worker, None)
        slow = self._trial_s is not None and self._trial_s > SLOW_S
        if not mine.batches:
            self._idle[worker] = None
        elif len(mine.batches) == 1 and self._ahead and not mine.alone and not slow:
            self._hungry[worker] = None

    def _learn(self, trial_s: float) -> None:
        trial_s = max(trial_s, 1e-7)
        self._trial_s = trial_s if self._trial_s is None else 0.7 * self._trial_s + 0.3 * trial_s

    def _note(self, batch: Batch, job: _Job, attempt: Attempt, place: str) -> None:
        if attempt.settles or not job.tries_left or batch.serial <= self._withdrawn_to:
            return
        task = replace(job.task, number=job.task.number + 1)
        self._again.append(_Job(task, job.tries_left - 1, place))
