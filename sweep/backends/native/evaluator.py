"""The native backend, as an executor sees it: a configuration in, measurements with their evidence out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from policies import PolicyError
from sweep.backends import blocks
from sweep.backends.blocks import Block, Comparison, Plan, baseline
from sweep.backends.evaluator import Evaluation, EvaluationError, Scenario
from sweep.backends.native import cpus, disturbance, placement
from sweep.backends.native.answer import Pass
from sweep.backends.native.errors import NativeError
from sweep.backends.native.fingerprint import Fingerprint
from sweep.backends.native.request import Request
from sweep.backends.native.settings import NativeSettings
from sweep.trial import Cause, Configuration, Evidence, Measurement

LEVEL: Final = "native"

WARMUP_SHARE: Final = 0.1
"""Of a workload's rows, how many are run before a pass and not measured: they touch the allocator's memory, the
threads' stacks and the code for the first time."""


@dataclass(frozen=True, slots=True)
class NativeEvaluator:
    """Measures a configuration in every scenario on this machine's own CPUs, beside the baseline.

    objectives: metrics whose ratios to the baseline decide when to stop. Not to be used by two at once: the
    CPUs are the instrument.
    """

    scenarios: tuple[Scenario, ...]
    settings: NativeSettings
    objectives: tuple[str, ...]

    def __call__(self, configuration: Configuration, have: Mapping[str, Measurement]) -> Evaluation:
        """have: by scenario name, what was measured before and is not measured again; no evidence comes
        with these. Raises EvaluationError, which names the scenario and the cause."""
        measurements: list[tuple[str, Measurement]] = []
        found: list[tuple[str, Evidence]] = []
        for scenario in self.scenarios:
            if (known := have.get(scenario.name)) is None:
                comparison = self._measured(scenario, configuration)
                found.append((scenario.name, blocks.evidence(comparison, LEVEL, machine_key())))
                known = comparison.measurement
            measurements.append((scenario.name, known))
        return Evaluation(tuple(measurements), tuple(found))

    def _measured(self, scenario: Scenario, configuration: Configuration) -> Comparison[Pass]:
        try:
            return compare(scenario, configuration, self.settings, self.objectives)
        except NativeError as error:
            raise EvaluationError(f"{scenario.name}: {error}", error.cause) from error
        except PolicyError as error:
            raise EvaluationError(f"{scenario.name}: {error}") from error


def compare(
    scenario: Scenario,
    configuration: Configuration,
    settings: NativeSettings,
    objectives: tuple[str, ...],
    *,
    told: Callable[[Block[Pass]], None] = lambda _: None,
) -> Comparison[Pass]:
    """A configuration and the baseline in one scenario, block by block. The baseline itself is compared with
    itself: its ratios are 1 within the noise, which they show.

    Raises NativeError, and policies.PolicyError for a policy or parameter that does not exist.
    """
    base = baseline()
    chosen = cpus.choose(settings.cpus, scenario.machine)

    def measure(each: Configuration) -> Pass:
        try:
            return placement.one_pass(request(scenario, each, settings, chosen), timeout_s=settings.timeout_s)
        except NativeError as error:
            if each == base != configuration and not error.cause.is_the_machines:
                # The candidate is not to blame for what the baseline does.
                raise NativeError(Cause.ENVIRONMENT, f"the baseline cannot be measured: {error}") from error
            raise

    return blocks.compare(
        measure,
        configuration,
        base,
        Plan(settings.min_blocks, settings.max_blocks, settings.ratio_width, objectives),
        np.random.default_rng([scenario.seed, int(configuration.key(), 16)]),
        faults=lambda found: disturbance.faults(
            found.disturbance, found.duration_ns * scenario.machine.nr_cpus
        ),
        told=told,
    )


def request(
    scenario: Scenario, configuration: Configuration, settings: NativeSettings, chosen: tuple[int, ...]
) -> Request:
    """One pass of a configuration in a scenario on the chosen CPUs."""
    return Request(
        replay=scenario.replay,
        machine=scenario.machine,
        policy=configuration.policy,
        params=configuration.mapping(),
        rcu=settings.rcu,
        allocator=settings.allocator,
        idle=settings.idle,
        cpus=chosen,
        nr_warmup_rows=int(len(scenario.replay.t_ns) * WARMUP_SHARE),
        seed=scenario.seed,
    )


@functools.cache
def machine_key() -> str:
    """Key of this machine's fingerprint; it does not change while this runs."""
    return Fingerprint.take().key()
