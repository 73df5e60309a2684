"""The loop, and the only place that joins the four ports: propose, run, record, observe."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType

from sweep.execute.port import Executor
from sweep.progress import Progress
from sweep.propose.port import Outcome, Proposer
from sweep.recommend import Standing, point, standing
from sweep.store.port import Store, StoreError
from sweep.study import Study
from sweep.track.port import Tracker
from sweep.trial import Attempt, Trial


@dataclass(frozen=True, slots=True)
class Ending:
    """How a sweep ended: where it stands, and whether it was interrupted before its budget."""

    standing: Standing
    interrupted: bool
    trials: int


def sweep(
    study: Study,
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

    Trials are asked for and told in generations, in the order of their numbers, so the course of a study
    does not depend on who finishes first. What the store has already is not run again: resuming is
    running the same loop. Raises StoreError if the store holds another course of this study.
    """
    ends = clock() + study.budget.wall_time_s if study.budget.wall_time_s else float("inf")
    stored = store.attempts()
    settled = {a.trial.number: a for a in stored if a.settles}
    made = {a.trial.number: a.number + 1 for a in stored}
    reused = len(settled)
    same: dict[str, Attempt] = {a.trial.configuration.key(): a for a in settled.values()}
    told: list[Attempt] = []

    def over() -> bool:
        return stop() or clock() >= ends

    while len(told) < study.budget.trials and not over():
        generation = proposer.ask(min(study.population, study.budget.trials - len(told)))
        for attempt in _run(generation, executor, store, settled, same, made, over):
            made[attempt.trial.number] = attempt.number + 1
            if attempt.settles:
                settled[attempt.trial.number] = attempt
                same.setdefault(attempt.trial.configuration.key(), attempt)
            progress.update(len(settled), reused, None)
        if any(trial.number not in settled for trial in generation) and over():
            break
        for trial in generation:
            proposer.tell(trial, _outcome(settled.get(trial.number), settled, study))
        told.extend(settled[t.number] for t in generation if t.number in settled)
        now = standing(told, study.objectives)
        progress.update(len(settled), reused, now)
        tracker.progress(len(told), _metrics(now))
    store.seal()
    final = standing(list(settled.values()), study.objectives)
    return Ending(final, len(told) < study.budget.trials and stop(), len(settled))


def _run(
    generation: list[Trial],
    executor: Executor,
    store: Store,
    settled: dict[int, Attempt],
    same: dict[str, Attempt],
    made: dict[int, int],
    over: Callable[[], bool],
) -> Iterator[Attempt]:
    """Attempts at what is not settled yet, each durable before it is seen. A configuration that was
    measured before is not measured again: the backend is free of noise."""
    fresh: dict[str, Trial] = {}
    twins: list[Trial] = []
    for trial in generation:
        if trial.number in settled:
            _check_same(settled[trial.number].trial, trial)
        elif trial.configuration.key() in same or trial.configuration.key() in fresh:
            twins.append(trial)
        else:
            fresh[trial.configuration.key()] = trial
    for attempt in executor.run(list(fresh.values()), made_before=made, stop=over):
        store.append([attempt])
        yield attempt
    for trial in twins:
        first = same.get(trial.configuration.key())
        if first is None:
            continue  # its twin has not been settled
        copy = replace(first, trial=trial, number=made.get(trial.number, 0), worker="store", elapsed_s=0.0)
        store.append([copy])
        yield copy


def _check_same(stored: Trial, asked: Trial) -> None:
    if stored.configuration != asked.configuration:
        raise StoreError(
            f"trial {asked.number} is '{stored.configuration}' in the store, but this study proposes "
            f"'{asked.configuration}': the store was made with other settings or another version; "
            "use another --store or another study name"
        )


def _outcome(attempt: Attempt | None, settled: dict[int, Attempt], study: Study) -> Outcome:
    """What the sampler learns: nothing of a machine's failures."""
    if attempt is None or attempt.failure is not None or settled[0].failure is not None:
        return Outcome(None)
    judged = point(attempt, settled[0], study.objectives)  # trial 0 is the baseline
    return Outcome(judged.ratios, judged.violations)


def _metrics(now: Standing) -> dict[str, float]:
    metrics = {
        "hypervolume": now.hypervolume,
        "front_size": float(len(now.front)),
        "feasible": float(sum(p.feasible for p in now.points)),
        "failed": float(now.failed),
    }
    if now.recommended:
        metrics |= {f"recommended.{n}": r for n, r in zip(now.objectives, now.recommended.ratios, strict=True)}
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
