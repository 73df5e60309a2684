"""The whole loop over the no-op objective: proposer, executor, durable store, tracker; what each part costs."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from sweep import launch
from sweep.course import Course
from sweep.execute import Executor
from sweep.progress import Progress
from sweep.propose import make
from sweep.store.files import FileStore
from sweep.track import Tracker
from tests.bench.service.objective import SCENARIOS, study


@dataclass
class Parts:
    """Seconds spent in the driver's calls of each part."""

    seconds: dict[str, float] = field(default_factory=dict)

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def around(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - began

        return around

    @contextmanager
    def watching(self, *watched: tuple[str, Any, tuple[str, ...]]) -> Iterator[None]:
        """(part, object, methods): these methods are timed as long as the context lasts."""
        for part, thing, methods in watched:
            for method in methods:
                setattr(thing, method, self.timed(part, getattr(thing, method)))
        yield


@dataclass(frozen=True, slots=True)
class Result:
    """Of one run of the loop; seconds by the clock that it was given.

    part_us: what each part of the driver took per trial, in microseconds."""

    trials: int
    seconds: float
    all_busy: float
    part_us: dict[str, float]

    @property
    def driver_us(self) -> float:
        """What the driver took per trial, in microseconds."""
        return sum(self.part_us.values())

    @property
    def trials_per_s(self) -> float:
        return self.trials / self.seconds


def run(
    trials: int,
    directory: Path,
    executor: Executor,
    tracker: Tracker,
    batch_size: int = 64,
    clock: Callable[[], float] = time.monotonic,
) -> Result:
    """Time from the first asking to the sealed store; the executor's start-up is not in it, the tracker's
    hand-over at the end is."""
    value = study(trials, batch_size)
    store = FileStore(directory)
    proposer = make(
        value.sampler, value.space(), len(value.objectives), value.seed, population=value.population
    )
    course = Course(value, SCENARIOS, store.attempts())
    parts = Parts()
    watched = (
        ("ask", proposer, ("ask",)),
        ("observe", proposer, ("observe",)),
        ("dispatch", executor, ("submit",)),
        ("wait and collect", executor, ("collect",)),
        ("record", store, ("append", "seal")),
        ("track", tracker, ("progress", "finish")),
    )
    tracker.start(value.name, str(directory), value.resolved())
    began, really_began = clock(), time.perf_counter()
    with (
        parts.watching(*watched),
        Progress(Console(file=io.StringIO()), trials, executor.workers) as progress,
    ):
        ending = launch.sweep(
            value, course, proposer, executor, store, tracker, progress, stop=lambda: False, clock=clock
        )
        tracker.finish(ending.standing, [], complete=True)
    seconds, real_seconds = clock() - began, time.perf_counter() - really_began
    store.close()
    parts.seconds["judge, bookkeeping"] = max(real_seconds - sum(parts.seconds.values()), 0.0)
    return Result(
        ending.trials,
        seconds,
        ending.all_busy,
        {k: s / ending.trials * 1e6 for k, s in parts.seconds.items()},
    )
