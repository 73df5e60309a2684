"""A made-up world for tests of the loop: what a configuration measures follows from its key alone."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from rich.console import Console

from sweep import launch
from sweep.backends.evaluator import Evaluation, EvaluationError
from sweep.course import Course, Known
from sweep.execute import Evaluate, Executor
from sweep.execute.in_process import InProcessExecutor
from sweep.execute.port import MAX_ATTEMPTS, Task, attempt
from sweep.launch import Ending
from sweep.progress import Progress
from sweep.propose import Proposer, make
from sweep.store.files import FileStore
from sweep.study import Study
from sweep.study_file import parse
from sweep.track.nothing import NoTracker
from sweep.trial import Attempt, Cause, Configuration, Failure, Level, Measurement, Summary, Trial

SCENARIOS = ("pgbench-connect@vm-2cpu", "make-j2@vm-2cpu")
NOTHING: Mapping[str, Measurement] = MappingProxyType({})


def study(trials: int = 80, **changes: object) -> Study:
    values = {
        "name": "made-up",
        "workloads": ["pgbench-connect", "make-j2"],
        "machines": ["vm-2cpu"],
        "policies": ["per_object", "fixed_batch", "time_throttle"],
        "budget": {"trials": trials},
        "population": 16,
    }
    return parse(values | changes, "made-up")


def landscape(configuration: Configuration, have: Mapping[str, Measurement] = NOTHING) -> Evaluation:
    """Some configurations fail, some violate, the others trade latency for memory, with bumps."""
    number = int(configuration.key(), 16)
    if configuration.policy != "per_object" and number % 7 == 0:
        raise EvaluationError(f"bound exceeded after {number % 1000} steps")
    batch = 1 + number % 97
    return Evaluation(
        tuple(
            (
                scenario,
                have.get(scenario)
                or Measurement(
                    exit_latency_ns=Summary(p99=scale * (20 + 1000 / batch + number % 13)),
                    retained_bytes=Level(mean=scale * (50 + 10 * batch + number % 11)),
                    violations=int(configuration.policy != "per_object" and number % 5 == 0),
                ),
            )
            for scenario, scale in zip(SCENARIOS, (1, 40), strict=True)
        )
    )


@dataclass
class Shuffled(Executor):
    """Trials end in a random order, some at a time, as with many workers; some lose their first worker, and
    those in `lost` every one."""

    seed: int
    workers: int = 4
    lost: frozenset[int] = frozenset()
    evaluate: Evaluate = landscape
    _queue: list[tuple[Task, int]] = field(default_factory=list)  # with the tries left

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def submit(self, tasks: Sequence[Task]) -> None:
        self._queue += [(task, MAX_ATTEMPTS) for task in tasks]

    def collect(self, timeout_s: float | None = None) -> list[Attempt]:
        running = self._queue[: self.workers]
        ending = self._random.sample(running, self._random.randint(min(1, len(running)), len(running)))
        return [self._end(task, tries) for task, tries in ending]

    def _end(self, task: Task, tries: int) -> Attempt:
        self._queue.remove((task, tries))
        if task.trial.number not in self.lost and (tries == 1 or self._random.random() < 0.8):
            return attempt(self.evaluate, task, "here")
        if tries > 1:
            self._queue.append((replace(task, number=task.number + 1), tries - 1))
        return Attempt(
            task.trial, task.number, (), Failure(Cause.NODE_LOST, "a node went away"), "there", 0.0, 0.0
        )

    @property
    def pending(self) -> bool:
        return bool(self._queue)

    def withdraw(self) -> None:
        del self._queue[self.workers :]

    def all_busy(self) -> float:
        return 1.0

    def close(self) -> None:
        pass


def proposer(value: Study) -> Proposer:
    return make(value.sampler, value.space(), len(value.objectives), value.seed, population=value.population)


def sweep(
    value: Study,
    place: Path,
    executor: Executor | None = None,
    *,
    known: Sequence[Known] = (),
    asked: Proposer | None = None,
    stop: Callable[[], bool] = lambda: False,
    store: FileStore | None = None,
    clock: Callable[[], float] = lambda: 0.0,
) -> tuple[Ending, list[Attempt]]:
    """One run of a study in the store at `place`; how it ended, and all that the store has then."""
    store = store or FileStore(place)
    executor = executor or InProcessExecutor(landscape)
    try:
        course = Course(value, SCENARIOS, store.attempts(), known)
        with Progress(Console(file=io.StringIO()), course.budget, executor.workers) as progress:
            ending = launch.sweep(
                value,
                course,
                asked or proposer(value),
                executor,
                store,
                NoTracker(),
                progress,
                stop=stop,
                clock=clock,
            )
        return ending, store.attempts()
    finally:
        store.close()


def after(polls: int) -> Callable[[], bool]:
    """A stop that is asked for from that look at it on."""
    left = iter(range(polls))
    return lambda: next(left, None) is None


Row = tuple[Trial, tuple[tuple[str, Measurement], ...], Failure | None]


def trial_table(attempts: Sequence[Attempt]) -> list[Row]:
    """What must not depend on workers, time or crashes: settled trials in order."""
    return [
        (a.trial, a.measurements, a.failure)
        for a in sorted((a for a in attempts if a.settles), key=lambda a: a.trial.number)
    ]
