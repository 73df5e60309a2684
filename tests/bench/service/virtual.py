"""A cluster that is not there: workers whose trials take time that only this process's clock knows of."""

from __future__ import annotations

import heapq
import math
import random
import time
from collections import deque
from collections.abc import Sequence

from sweep.execute.port import Evaluate, Executor, Task, attempt
from sweep.trial import Attempt


class VirtualCluster(Executor):
    """`workers` workers. A trial takes `trial_s` in the median (log-normal, sigma 0.5) and `dispatch_s` to get
    there and back.

    Time is real as long as the driver works, and jumps to the next trial's end when the driver waits. So
    what this process needs is measured, and what a cluster would need is counted.
    """

    def __init__(
        self, evaluate: Evaluate, workers: int, trial_s: float, dispatch_s: float = 0.001, seed: int = 1
    ) -> None:
        self._evaluate, self._workers = evaluate, workers
        self._trial_s, self._dispatch_s = trial_s, dispatch_s
        self._random = random.Random(seed)
        self._queue: deque[Task] = deque()
        self._running: list[tuple[float, int, Task]] = []
        self._skipped_s = 0.0
        self._count = 0
        self._first_s: float | None = None
        self._last_s = self._starving_s = 0.0

    def clock(self) -> float:
        """Seconds."""
        return time.perf_counter() + self._skipped_s

    @property
    def workers(self) -> int:
        return self._workers

    @property
    def pending(self) -> bool:
        return bool(self._queue or self._running)

    def submit(self, tasks: Sequence[Task]) -> None:
        now = self.clock()
        if self._first_s is None:
            self._first_s = self._last_s = now
        self._pass(now)
        self._queue.extend(tasks)
        while self._queue and len(self._running) < self._workers:
            self._begin(now)

    def collect(self, timeout_s: float | None = None) -> list[Attempt]:
        if self._running and self._running[0][0] > (now := self.clock()):
            self._skipped_s += self._running[0][0] - now
        now = self.clock()
        ended = []
        while self._running and self._running[0][0] <= now:
            end_s, _, task = heapq.heappop(self._running)
            self._pass(end_s, running=len(self._running) + 1)
            ended.append(attempt(self._evaluate, task, "virtual"))
            if self._queue:
                self._begin(end_s)
        return ended

    def _begin(self, at_s: float) -> None:
        duration_s = self._trial_s * math.exp(0.5 * self._random.gauss(0, 1)) + self._dispatch_s
        self._count += 1
        heapq.heappush(self._running, (at_s + duration_s, self._count, self._queue.popleft()))

    def _pass(self, at_s: float, running: int | None = None) -> None:
        if (len(self._running) if running is None else running) < self._workers:
            self._starving_s += max(at_s - self._last_s, 0.0)
        self._last_s = max(at_s, self._last_s)

    def withdraw(self) -> None:
        self._queue.clear()

    def all_busy(self) -> float:
        if self._first_s is None or self._last_s <= self._first_s:
            return 1.0
        return 1.0 - self._starving_s / (self._last_s - self._first_s)

    def close(self) -> None:
        self.withdraw()
