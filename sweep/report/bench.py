"""Measures what a report needs beyond what the study measured, and judges it as the study does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow as pa

from sweep.backends.evaluator import EvaluationError, Scenario, SimulatorEvaluator
from sweep.backends.simulator import simulate
from sweep.judge import judge, regret
from sweep.standing import Point, Standing
from sweep.study import Study
from sweep.trial import Attempt, Configuration, Measurement, Trial

SERIES_POINTS = 2000
"""Samples over a workload's duration."""


class Bench:
    """A study's scenarios, ready to measure in. What the study measured is not measured again."""

    def __init__(self, study: Study, scenarios: Sequence[Scenario], standing: Standing) -> None:
        """standing: with its baseline."""
        self._study, self._scenarios, self._standing = study, tuple(scenarios), standing
        self._known = {p.trial.configuration.key(): p for p in reversed(standing.points)}

    def points(self, configurations: Sequence[Configuration]) -> list[Point | str]:
        """Each as a point of the standing or, where it fails by itself, the reason in words.

        The simulator lets go of the interpreter, so configurations and scenarios are simulated side by side.
        """
        new = list(dict.fromkeys(c for c in configurations if c.key() not in self._known))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = {c: [pool.submit(_measure, s, c) for s in self._scenarios] for c in new}
            measured = {c: [job.result() for job in each] for c, each in jobs.items()}
        fresh = {c.key(): self._judged(c, each) for c, each in measured.items()}
        return [fresh.get(c.key()) or self._known[c.key()] for c in configurations]

    def series(self, configuration: Configuration, scenarios: Sequence[Scenario]) -> list[pa.Table]:
        """Samples over time of one simulated trial in each of these scenarios (see SimulationResult). Raises
        SimulationError and policies.PolicyError."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(lambda s: _samples(s, configuration), scenarios))

    def _judged(self, configuration: Configuration, measured: Sequence[Measurement | str]) -> Point | str:
        complete: list[tuple[str, Measurement]] = []
        for scenario, each in zip(self._scenarios, measured, strict=True):
            if isinstance(each, str):
                return each
            complete.append((scenario.name, each))
        now, baseline = self._standing, self._standing.baseline
        assert baseline is not None
        attempts = [
            Attempt(baseline.trial, 0, baseline.measurements, None, "report", 0.0, 0.0),
            Attempt(
                Trial(baseline.trial.number + 1, configuration, "report"),
                0,
                tuple(complete),
                None,
                "report",
                0.0,
                0.0,
            ),
        ]
        # An empty space: nothing that is measured here may be a scenario's best.
        point = judge(attempts, now.objectives, now.combine, self._study.bounds(), ()).points[1]
        return replace(point, values=regret(point, now.best)) if now.combine == "regret" else point


def _measure(scenario: Scenario, configuration: Configuration) -> Measurement | str:
    try:
        ((_, measurement),) = SimulatorEvaluator((scenario,))(configuration, {}).measurements
    except EvaluationError as error:
        return str(error)
    return measurement


def _samples(scenario: Scenario, configuration: Configuration) -> pa.Table:
    result = simulate(
        scenario.replay,
        scenario.machine,
        configuration.policy,
        configuration.mapping(),
        scenario.seed,
        series_interval_ns=max(scenario.replay.duration_ns // SERIES_POINTS, 1000),
    )
    assert result.samples is not None
    return result.samples
