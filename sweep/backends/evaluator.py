"""A backend, as an executor sees it: a configuration in, a measurement for each scenario out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policies import PolicyError
from sweep.machine import Machine
from sweep.trial import Cause, Configuration, Evidence, Measurement
from workloads import Replay


class EvaluationError(RuntimeError):
    """A trial failed. By its cause: the configuration itself (a bound was exceeded, or it broke its
    contract), or the machine (a benchmark that was killed, a missing library)."""

    def __init__(self, text: str, cause: Cause = Cause.CONFIGURATION) -> None:
        super().__init__(text)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of a configuration in every scenario, in the study's order; and for those that were
    measured with noise, what that rests on."""

    measurements: tuple[tuple[str, Measurement], ...]
    evidence: tuple[tuple[str, Evidence], ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A workload on a machine with a seed, ready to be replayed.

    key: 16 hexadecimal digits; scenarios of equal keys give equal measurements.
    """

    name: str
    key: str
    replay: Replay
    machine: Machine
    seed: int


@dataclass(frozen=True, slots=True)
class SimulatorEvaluator:
    """Measures a configuration in every scenario, in the simulator. Free of noise: the same
    configuration gives the same measurements."""

    scenarios: tuple[Scenario, ...]

    def __call__(self, configuration: Configuration, have: Mapping[str, Measurement]) -> Evaluation:
        """have: by scenario name, what was measured before and is not measured again. Raises
        EvaluationError, which names the scenario."""
        return Evaluation(
            tuple((s.name, have.get(s.name) or self._measure(s, configuration)) for s in self.scenarios)
        )

    def _measure(self, scenario: Scenario, configuration: Configuration) -> Measurement:
        from sweep.backends.simulator import SimulationError, simulate

        try:
            return simulate(
                scenario.replay,
                scenario.machine,
                configuration.policy,
                configuration.mapping(),
                scenario.seed,
            ).measurement
        except (SimulationError, PolicyError) as error:
            raise EvaluationError(f"{scenario.name}: {error}") from error
