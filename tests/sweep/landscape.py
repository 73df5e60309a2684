"""A made-up world for tests of the loop: what a configuration measures follows from its key alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sweep.backends.evaluator import EvaluationError
from sweep.execute import Executor
from sweep.execute.in_process import InProcessExecutor
from sweep.execute.port import NO_ATTEMPTS, never
from sweep.study import Study, parse
from sweep.trial import Attempt, Cause, Configuration, Failure, Level, Measurement, Summary, Trial


def study(trials: int = 80, **changes: object) -> Study:
    values = {
        "name": "made-up",
        "workloads": ["pgbench-connect", "make-j2"],
        "machine": "vm-2cpu",
        "policies": ["per_object", "fixed_batch", "time_throttle"],
        "budget": {"trials": trials},
        "population": 16,
    }
    return parse(values | changes, "made-up")


def landscape(configuration: Configuration) -> tuple[tuple[str, Measurement], ...]:
    """Some configurations fail, some violate, the others trade latency for memory, with bumps."""
    number = int(configuration.key(), 16)
    if configuration.policy != "per_object" and number % 7 == 0:
        raise EvaluationError(f"bound exceeded after {number % 1000} steps")
    batch = 1 + number % 97
    return tuple(
        (
            scenario,
            Measurement(
                exit_latency_ns=Summary(p99=scale * (20 + 1000 / batch + number % 13)),
                retained_bytes=Level(mean=scale * (50 + 10 * batch + number % 11)),
                violations=int(configuration.policy != "per_object" and number % 5 == 0),
            ),
        )
        for scenario, scale in (("pgbench-connect", 1), ("make-j2", 40))
    )


@dataclass
class Shuffled(Executor):
    """Attempts of a batch in a random order, as many workers would end them; some trials lose their first
    worker, and those in `lost` every one."""

    seed: int
    lost: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._inner = InProcessExecutor(landscape)

    @property
    def workers(self) -> int:
        return 4

    def run(
        self,
        trials: Sequence[Trial],
        *,
        made_before: Mapping[int, int] = NO_ATTEMPTS,
        stop: Callable[[], bool] = never,
    ) -> Iterator[Attempt]:
        order = list(trials)
        self._random.shuffle(order)
        for trial in order:
            if stop():
                return
            first = made_before.get(trial.number, 0)
            if trial.number in self.lost or self._random.random() < 0.2:
                lost = Failure(Cause.NODE_LOST, "a node went away")
                yield Attempt(trial, first, (), lost, "elsewhere", 0.0, 0.0)
                first += 1
            if trial.number not in self.lost:
                yield from self._inner.run([trial], made_before={trial.number: first})

    def close(self) -> None:
        pass


Row = tuple[Trial, tuple[tuple[str, Measurement], ...], Failure | None]


def trial_table(attempts: Sequence[Attempt]) -> list[Row]:
    """What must not depend on workers, time or crashes: settled trials in order."""
    return [
        (a.trial, a.measurements, a.failure)
        for a in sorted((a for a in attempts if a.settles), key=lambda a: a.trial.number)
    ]
