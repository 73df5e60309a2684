"""The loop, and the only place that joins the four ports: propose, run, record, observe."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType

import policies
from sweep.execute.port import Executor
from sweep.progress import Progress
from sweep.propose import Observation, Proposer
from sweep.recommend import Standing, point, standing
from sweep.store.port import Store, StoreError
from sweep.study import Study
from sweep.track.port import Tracker
from sweep.trial import Attempt, Configuration, Trial


class SweepError(RuntimeError):
    """A sweep that cannot go on."""


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
    running the same loop. Raises StoreError if the store holds another course of this study, and SweepError
    if the baseline cannot be measured.
    """
    ends = clock() + study.budget.wall_time_s if study.budget.wall_time_s else float("inf")
    stored = store.attempts()
    settled = {a.trial.number: a for a in stored if a.settles}
    made = {a.trial.number: a.number + 1 for a in stored}
    reused = len(settled)
    same: dict[str, Attempt] = {a.trial.configuration.key(): a for a in settled.values()}
    begun = max(made, default=-1)
    told: list[Attempt] = []
    space = study.space()
    first = first_trials(study)
    asked = 0

    def over() -> bool:
        return stop() or clock() >= ends

    while asked < study.budget.trials and not over():
        generation = _generation(study, proposer, first, asked)
        asked += len(generation)
        # Where a later generation was begun, this one has ended: what is not settled was given up then.
        ended = generation[-1].number < begun
        _check_same(generation, settled)
        for attempt in _run([] if ended else generation, executor, store, settled, same, made, over):
            made[attempt.trial.number] = attempt.number + 1
            if attempt.settles:
                settled[attempt.trial.number] = attempt
                same.setdefault(attempt.trial.configuration.key(), attempt)
            progress.update(len(settled), reused, None)
        done = [settled[trial.number] for trial in generation if trial.number in settled]
        if len(done) < len(generation) and over():
            break
        _check_baseline(settled.get(0))
        told.extend(done)
        proposer.observe([o for a in done if (o := _observation(a, settled[0], study))])
        now = standing(told, study.objectives, space)
        progress.update(len(settled), reused, now)
        tracker.progress(len(told), _metrics(now))
    store.seal()
    final = standing(list(settled.values()), study.objectives, space)
    return Ending(final, stop() and len(settled) < study.budget.trials, len(settled))


def first_trials(study: Study) -> list[tuple[str, Configuration]]:
    """The baseline (trial 0, to which all are compared), what kernels do, and every policy of the study
    as it is when nothing is set; each configuration once."""
    space = study.space()
    candidates = [("baseline", policies.BASELINE, policies.policy(policies.BASELINE).defaults())]
    for preset in policies.presets().values():
        complete = policies.policy(preset.policy).validate(dict(preset.params))
        candidates.append((f"preset:{preset.name}", preset.policy, complete))
    found: dict[str, tuple[str, Configuration]] = {}
    for origin, policy, params in candidates:
        configuration = Configuration.of(policy, params)
        known = found.get(configuration.key())
        if known and origin.startswith("preset:") and known[0] != "baseline":
            origin = f"{known[0]}, {origin.removeprefix('preset:')}"
        elif known:
            continue
        found[configuration.key()] = (origin, configuration)
    for name in space.policies:
        configuration = space.start(name)
        found.setdefault(configuration.key(), ("default", configuration))
    return list(found.values())


def _generation(
    study: Study, proposer: Proposer, first: list[tuple[str, Configuration]], asked: int
) -> list[Trial]:
    """The next trials: what is left of the first ones, then what the proposer says."""
    if asked < len(first):
        head = first[asked : study.budget.trials]
        return [Trial(asked + i, configuration, origin) for i, (origin, configuration) in enumerate(head)]
    numbers = range(asked, min(asked + study.population, study.budget.trials))
    return [
        Trial(number, configuration, "sampler")
        for number, configuration in zip(numbers, proposer.ask(numbers), strict=True)
    ]


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
            continue
        if trial.configuration.key() in same or trial.configuration.key() in fresh:
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


def _check_same(generation: list[Trial], settled: dict[int, Attempt]) -> None:
    for asked in generation:
        stored = settled[asked.number].trial if asked.number in settled else asked
        if stored.configuration != asked.configuration:
            raise StoreError(
                f"trial {asked.number} is '{stored.configuration}' in the store, but this study proposes "
                f"'{asked.configuration}': the store was made with other settings or another version; "
                "use another --store or another study name"
            )


def _check_baseline(baseline: Attempt | None) -> None:
    if baseline is None:
        raise SweepError("the baseline could not be measured: its workers failed; the attempts tell why")
    if baseline.failure is not None:
        raise SweepError(f"the baseline could not be measured: {baseline.failure.text}")


def _observation(attempt: Attempt, baseline: Attempt, study: Study) -> Observation | None:
    """What the sampler learns: nothing of a failure."""
    if attempt.failure is not None:
        return None
    judged = point(attempt, baseline, study.objectives)
    return Observation(attempt.trial.configuration, judged.ratios, float(judged.violations))


def _metrics(now: Standing) -> dict[str, float]:
    metrics = {
        "hypervolume": now.hypervolume,
        "front_size": float(len(now.front)),
        "feasible": float(sum(p.feasible for p in now.points)),
        "failed": float(now.failed),
    }
    if now.recommended:
        metrics |= {
            f"recommended.{n}": r for n, r in zip(now.objectives, now.recommended.ratios, strict=True)
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
