"""A backend, as an executor sees it: a configuration in, a measurement for each scenario out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import workloads
from policies import PolicyError
from sweep import machine
from sweep.machine import Machine
from sweep.study import Study
from sweep.trial import Configuration, Measurement
from workloads import Replay


class EvaluationError(RuntimeError):
    """The configuration itself failed: a bound was exceeded, or it broke its contract."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A workload on a machine, ready to be replayed."""

    name: str
    replay: Replay
    machine: Machine


@dataclass(frozen=True, slots=True)
class SimulatorEvaluator:
    """Measures a configuration in every scenario, in the simulator. Free of noise: the same
    configuration gives the same measurements."""

    scenarios: tuple[Scenario, ...]
    seed: int

    def __call__(self, configuration: Configuration) -> tuple[tuple[str, Measurement], ...]:
        """Raises EvaluationError."""
        from sweep.backends.simulator import SimulationError, simulate

        try:
            return tuple(
                (
                    s.name,
                    simulate(
                        s.replay, s.machine, configuration.policy, configuration.mapping(), self.seed
                    ).measurement,
                )
                for s in self.scenarios
            )
        except (SimulationError, PolicyError) as error:
            raise EvaluationError(str(error)) from error


def evaluator(study: Study) -> SimulatorEvaluator:
    """Loads the study's workloads. Raises workloads.WorkloadError and machine.MachineError."""
    profile = machine.load(study.machine)
    scenarios = []
    for name in study.workloads:
        workload = workloads.load(name)
        if study.readers is not None:
            workload = workload.with_(readers=replace(workload.readers, kind=study.readers))
        replay = workloads.replay(workload, profile.nr_cpus, seed=study.seed)
        scenarios.append(Scenario(workload.name, replay, profile))
    return SimulatorEvaluator(tuple(scenarios), study.seed)
