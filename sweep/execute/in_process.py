"""One trial after another in this process: for tests, and for debugging a policy."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence

from sweep.execute.dispatch import Dispatcher
from sweep.execute.port import Evaluate, Executor, Task, attempt
from sweep.trial import Attempt

_ONLY = 0


class InProcessExecutor(Executor):
    """Runs `evaluate` in the calling thread, one trial in each `collect`."""

    def __init__(self, evaluate: Evaluate, clock: Callable[[], float] = time.time) -> None:
        self._evaluate = evaluate
        self._clock = clock
        self._name = f"{socket.gethostname()}/{os.getpid()}"
        self._queue = Dispatcher(clock, largest=1, ahead=False)
        self._queue.enter(_ONLY, self._name, "here")

    @property
    def workers(self) -> int:
        return 1

    def submit(self, tasks: Sequence[Task]) -> None:
        self._queue.submit(tasks)

    def collect(self, timeout_s: float | None = None) -> list[Attempt]:
        for batch in self._queue.assign():
            done = [attempt(self._evaluate, task, self._name, self._clock) for task in batch.tasks]
            return self._queue.ended(_ONLY, done)
        return []

    @property
    def pending(self) -> bool:
        return self._queue.pending

    def withdraw(self) -> None:
        self._queue.withdraw()

    def all_busy(self) -> float:
        return self._queue.all_busy()

    def close(self) -> None:
        pass
