"""The loop, and the only place that joins the four ports: propose, run, record, observe."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TypeAlias

from sweep.course import Batch, Course
from sweep.execute.port import Executor
from sweep.judge import Judge, observed
from sweep.progress import Progress
from sweep.propose import Proposer
from sweep.standing import Standing
from sweep.store.port import Store
from sweep.study import Study
from sweep.track.course import Speed, metrics
from sweep.track.port import Tracker
from sweep.trial import Attempt

_WAIT_S = 0.5  # for a trial to end, before looking at the clock and for Ctrl-C again


Stop: TypeAlias = Callable[[], bool]


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
    stop: Stop,
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
    withdrawn = cut = False
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
            _tell(batch, judge, proposer, course.trouble, withdrawn=withdrawn)
            cut = cut or (withdrawn and bool(batch.given_up))
            now, all_busy = judge.standing(points=False), executor.all_busy()
            progress.told(now, course.ask_s, all_busy)
            speed = Speed(progress.trials_per_s(), course.ask_s * 1e3, all_busy)
            tracker.progress(judge.told, metrics(now, speed))
        elif over and not course.under_way:
            break
        elif ended := executor.collect(_WAIT_S):
            _record(ended, course, store)
            progress.ran(course.settled, course.reused)
        elif not executor.pending:
            course.give_up()
    store.seal()
    interrupted = stop() and (cut or not course.ended)
    return Ending(judge.standing(), interrupted, course.settled, executor.all_busy())


def _record(attempts: Sequence[Attempt], course: Course, store: Store) -> None:
    """Durable first, then settled, and with each all trials of the same configuration."""
    while attempts:
        store.append(attempts)
        attempts = [copy for each in attempts for copy in course.settle(each)]


def _tell(batch: Batch, judge: Judge, proposer: Proposer, trouble: str, *, withdrawn: bool) -> None:
    """A batch that has ended, to the judge and to the proposer, which learns nothing of what failed but not
    to ask for it again. trouble: what a machine failed last."""
    if not judge.measured:
        if withdrawn and not _has_baseline(batch):
            return  # stopped before its baseline ended: nothing can be compared yet
        _check_baseline(batch, judge.metrics, trouble)
    proposer.observe(observed(judge, batch.settled, batch.given_up))


def _has_baseline(batch: Batch) -> bool:
    return bool(batch.settled) and batch.settled[0].trial.number == 0


def _check_baseline(batch: Batch, wanted: Sequence[str], trouble: str) -> None:
    if not _has_baseline(batch):
        raise SweepError(f"the baseline could not be measured: its workers failed: {trouble}")
    if batch.settled[0].failure is not None:
        raise SweepError(f"the baseline could not be measured: {batch.settled[0].failure.text}")
    for scenario, evidence in batch.settled[0].evidence:
        for name in wanted:
            if name in evidence.unmeasured:
                raise SweepError(
                    f"{name} has no meaning in {scenario} as it is measured here: choose another objective or constraint"
                )


@contextmanager
def interruptible() -> Iterator[Stop]:
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
