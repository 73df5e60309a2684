"""What a study would be, before it is run: its size, and about how long it takes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import policies
from sweep.backends.evaluator import Scenario, SimulatorEvaluator
from sweep.course import first_trials
from sweep.study import Study
from sweep.trial import Configuration
from sweep.units import format_time


def estimate(
    study: Study,
    measured_in: tuple[Scenario, ...],
    workers: int | None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[str]:
    """In words: scenarios, search space, and run time by measuring the baseline once in each scenario.

    Other policies take more or less time than the baseline, by about a factor of two.
    """
    baseline = Configuration.of(policies.BASELINE, policies.policy(policies.BASELINE).defaults())
    began = clock()
    SimulatorEvaluator(measured_in)(baseline, {})
    each_s = clock() - began
    space = study.space()
    count = workers or os.cpu_count() or 1
    trials = study.budget.trials
    if study.sampler == "grid":
        compared = sum(configuration not in space for _, configuration in first_trials(study))
        trials = min(trials, space.size() + compared)
    total_s = each_s * trials / count
    objects = sum(s.replay.objects_freed for s in measured_in)
    lines = [
        f"scenarios: {len(measured_in)} ({objects:,} objects freed in each trial)",
        f"search space: {space.size():,} configurations of {len(space.policies)} policies",
        f"one trial: about {format_time(each_s * 1e9)} (the baseline, measured just now)",
        f"run time: about {format_time(total_s * 1e9)} for {trials:,} trials on {count} workers",
    ]
    if study.budget.wall_time_s and study.budget.wall_time_s < total_s:
        lines.append(f"the budget's wall time ends it earlier: {study.budget.wall_time_s:g} s")
    return lines
