"""One trial after another in this process: for tests, and for debugging a policy."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence

from sweep.execute.port import MAX_ATTEMPTS, NO_ATTEMPTS, Evaluate, Executor, attempt, never
from sweep.trial import Attempt, Trial


class InProcessExecutor(Executor):
    """Runs `evaluate` in the calling thread."""

    def __init__(self, evaluate: Evaluate) -> None:
        self._evaluate = evaluate
        self._worker = f"{socket.gethostname()}/{os.getpid()}"

    @property
    def workers(self) -> int:
        return 1

    def run(
        self,
        trials: Sequence[Trial],
        *,
        made_before: Mapping[int, int] = NO_ATTEMPTS,
        stop: Callable[[], bool] = never,
    ) -> Iterator[Attempt]:
        for trial in trials:
            first = made_before.get(trial.number, 0)
            for number in range(first, first + MAX_ATTEMPTS):
                if stop():
                    return
                done = attempt(self._evaluate, trial, number, self._worker)
                yield done
                if done.settles:
                    break

    def close(self) -> None:
        pass
