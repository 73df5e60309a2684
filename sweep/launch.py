"""The loop, and the only place that joins the four ports: propose, run, record, observe."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from sweep.course import Course
from sweep.execute.port import Executor
from sweep.judge import Judge, Point, Standing
from sweep.progress import Progress
from sweep.propose import Observation, Proposer
from sweep.store.port import Store
from sweep.study import Study
from sweep.track.port import Tracker
from sweep.trial import Attempt

_OWN_FAILURE = 1e9  # excess of a configuration that failed by itself: beyond any broken constraint
_WAIT_S = 0.5  # for a trial to end, before looking at the clock and for Ctrl-C again


class SweepError(RuntimeError):
    """A sweep that cannot go on."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a sweep ended: where it stands, whether it was interrupted before its budget, and the share of the
    time in which all workers were busy."""

    standing: Standing
    interrupted: bool
    trials: int
    all_busy: float


def sweep(
    study: Study,
    course: Course,
    proposer: Proposer,
    executor: Executor,
    store: Store,
    tracker: Tracker,
    progress: Progress,
    *,
    stop: Callable[[], bool],
    clock: Callable[[], float] = time.monotonic,
) -> Ending:
    """Until the budget ends or `stop()` is true.

    Batches are asked for and told in the order of their numbers, each asked for once the batch before the
    previous one was told, so what a study comes to does not depend on who finishes first. What the store
    has already is not run again: resuming is running the same loop.

    Raises StoreError if the store holds another course of this study or cannot be written, and SweepError if
    the baseline cannot be measured.
    """
    ends = clock() + study.budget.wall_time_s if study.budget.wall_time_s else float("inf")
    judge = Judge(study.objectives, study.combine, study.bounds(), study.space())
    withdrawn = False
    while not course.ended:
        over = stop() or clock() >= ends
        if over and not withdrawn:
            executor.withdraw()
            withdrawn = True
        if course.may_ask() and not over:
            tasks, copies = course.next_batch(proposer)
            _record(copies, course, store)
            executor.submit(tasks)
        elif (batch := course.complete()) is not None:
            _tell(batch, judge, proposer)
            tracker.progress(judge.measured + judge.failed, _metrics(judge, course, executor))
            progress.told(course, judge)
        elif over and not course.under_way:
            break
        elif ended := executor.collect(_WAIT_S):
            _record(ended, course, store)
            progress.ran(course)
        elif not executor.pending:
            course.give_up()
    store.seal()
    return Ending(judge.standing(), stop() and not course.ended, course.settled, executor.all_busy())


def _record(attempts: Sequence[Attempt], course: Course, store: Store) -> None:
    """Durable first, then settled, and with each all trials of the same configuration."""
    while attempts:
        store.append(attempts)
        attempts = [copy for each in attempts for copy in course.settle(each)]


def _tell(batch: Sequence[Attempt], judge: Judge, proposer: Proposer) -> None:
    """A batch that has ended, to the judge and to the proposer. What a machine failed is not in it."""
    if not judge.measured:
        _check_baseline(batch)
    worst = (judge.reference,) * len(judge.objectives)
    changed = judge.add(batch)
    # A configuration that fails by itself is no good anywhere: worse than any that breaks a constraint.
    observed = [Observation(a.trial.configuration, worst, _OWN_FAILURE) for a in batch if a.failure]
    proposer.observe([*observed, *map(_observation, changed)])


def _observation(point: Point) -> Observation:
    return Observation(point.trial.configuration, point.values, point.excess)


def _check_baseline(batch: Sequence[Attempt]) -> None:
    if not batch or batch[0].trial.number != 0:
        raise SweepError("the baseline could not be measured: its workers failed; the attempts tell why")
    if batch[0].failure is not None:
        raise SweepError(f"the baseline could not be measured: {batch[0].failure.text}")


def _metrics(judge: Judge, course: Course, executor: Executor) -> dict[str, float]:
    metrics = {
        "hypervolume": judge.hypervolume,
        "front_size": float(len(judge.front)),
        "feasible": float(judge.feasible),
        "failed": float(judge.failed),
        "ask_ms_per_trial": course.ask_s * 1e3,
        "all_workers_busy": executor.all_busy(),
    }
    if best := judge.recommended():
        metrics |= {
            f"recommended.{name}": ratio for name, ratio in zip(judge.objectives, best.ratios, strict=True)
        }
    return metrics


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Ctrl-C (or SIGTERM) asks for a stop after what is running; the second one ends at once."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
