"""What a study would be, before it is run: its size, and about how long it takes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

import policies
from sweep.backends.evaluator import Scenario, SimulatorEvaluator
from sweep.backends.native.evaluator import WARMUP_SHARE
from sweep.course import first_trials
from sweep.study import Study
from sweep.trial import Configuration
from sweep.units import format_time

_PASSES_PER_BLOCK: Final = 4
"""ABBA: the configuration twice, the baseline twice (sweep/backends/blocks.py)."""


def estimate(
    study: Study,
    measured_in: tuple[Scenario, ...],
    workers: int | None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[str]:
    """In words: scenarios, search space, and run time; of a simulated study by measuring the baseline once in each
    scenario: other policies take more or less time, by about a factor of two.
    """
    space = study.space()
    trials = study.budget.trials
    if study.sampler == "grid":
        compared = sum(configuration not in space for _, configuration in first_trials(study))
        trials = min(trials, space.size() + compared)
    objects = sum(s.replay.objects_freed for s in measured_in)
    lines = [
        f"scenarios: {len(measured_in)} ({objects:,} objects freed in each trial)",
        f"search space: {space.size():,} configurations of {len(space.policies)} policies",
    ]
    if study.backend != "simulator":
        return [*lines, *_measuring_time(study, measured_in, trials)]
    count = workers or os.cpu_count() or 1
    each_s = _baseline_s(measured_in, clock)
    total_s = each_s * trials / count
    lines += [
        f"one trial: about {format_time(each_s * 1e9)} (the baseline, measured just now)",
        f"run time: about {format_time(total_s * 1e9)} for {trials:,} trials on {count} workers",
    ]
    if study.budget.wall_time_s and study.budget.wall_time_s < total_s:
        lines.append(f"the budget's wall time ends it earlier: {study.budget.wall_time_s:g} s")
    return lines


def _baseline_s(measured_in: tuple[Scenario, ...], clock: Callable[[], float]) -> float:
    baseline = Configuration.of(policies.BASELINE, policies.policy(policies.BASELINE).defaults())
    began = clock()
    SimulatorEvaluator(measured_in)(baseline, {})
    return clock() - began


def _measuring_time(study: Study, measured_in: tuple[Scenario, ...], trials: int) -> list[str]:
    """Measured trials take the workloads' own time, so nothing has to be measured to know it. An emulated guest takes
    as much more or less as its host is slower or idle."""
    kernel = study.backend == "kernel"
    how, name = (study.how_kernel() if kernel else study.how_native()), study.backend
    warm_up = 0.0 if kernel else WARMUP_SHARE
    block_s = _PASSES_PER_BLOCK * (1 + warm_up) * sum(s.replay.duration_ns for s in measured_in) / 1e9
    least_s, most_s = how.min_blocks * block_s, how.max_blocks * block_s
    span = f"{format_time(least_s * 1e9)} to {format_time(most_s * 1e9)}"
    clock = " of the guest's time" if kernel else ""
    lines = [
        f"one {name} trial: {span}{clock} ({how.min_blocks} to {how.max_blocks} undisturbed blocks of {_PASSES_PER_BLOCK} "
        "passes in each scenario), one after another"
    ]
    if study.ladder:
        lines.append(f"simulated: {trials:,} trials before")
    else:
        lines.append(f"run time: at least {format_time(trials * least_s * 1e9)}{clock} for {trials:,} trials")
    time_s, blocks = study.budget.of(study.backend)
    if time_s:
        lines.append(f"{name} time ends it after {format_time(time_s * 1e9)}")
    if blocks:
        lines.append(f"{name} blocks end it after {blocks:,}")
    return lines
