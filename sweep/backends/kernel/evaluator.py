"""The kernel lab, as an executor sees it: a configuration in, measurements with their evidence out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from policies import PolicyError
from sweep.backends import blocks
from sweep.backends.blocks import Block, Comparison, Plan, baseline
from sweep.backends.evaluator import Evaluation, EvaluationError, Scenario
from sweep.backends.kernel.boot import BootSettings
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.lab import LabResult, Runs
from sweep.backends.kernel.request import LabAnswer, LabTrial
from sweep.backends.kernel.settings import KernelSettings
from sweep.trial import Cause, Configuration, Evidence, Measurement

LEVEL: Final = "kernel"


@dataclass(frozen=True, slots=True)
class KernelEvaluator:
    """Measures a configuration in every scenario, beside the baseline, in a guest whose boot settings are those of
    the scenario's machine: CPUs, offloaded, lazy.

    objectives: metrics whose ratios to the baseline decide when to stop. machine: key of the fingerprint of the
    guests. open_lab: gives the lab, to whoever closes it. Not to be used by two at once.
    """

    scenarios: tuple[Scenario, ...]
    settings: KernelSettings
    objectives: tuple[str, ...]
    machine: str
    open_lab: Callable[[], Runs]

    def __call__(self, configuration: Configuration, have: Mapping[str, Measurement]) -> Evaluation:
        """have: by scenario name, what was measured before and is not measured again; no evidence comes
        with these. Raises EvaluationError, which names the scenario and the cause."""
        measurements: dict[str, Measurement] = {}
        found: dict[str, Evidence] = {}
        for scenario in self._by_boot():
            if (known := have.get(scenario.name)) is None:
                comparison = self._measured(scenario, configuration)
                found[scenario.name] = blocks.evidence(comparison, LEVEL, self.machine)
                known = comparison.measurement
            measurements[scenario.name] = known
        order = [scenario.name for scenario in self.scenarios]
        return Evaluation(
            tuple((name, measurements[name]) for name in order),
            tuple((name, found[name]) for name in order if name in found),
        )

    def _by_boot(self) -> list[Scenario]:
        """Those of one boot together."""
        boots: list[BootSettings] = []
        for scenario in self.scenarios:
            if (boot := boot_of(scenario, self.settings)) not in boots:
                boots.append(boot)
        return sorted(self.scenarios, key=lambda scenario: boots.index(boot_of(scenario, self.settings)))

    def _measured(self, scenario: Scenario, configuration: Configuration) -> Comparison[LabAnswer]:
        try:
            return compare(scenario, configuration, self.settings, self.objectives, self.open_lab())
        except EvaluationError as error:
            raise EvaluationError(f"{scenario.name}: {error}", error.cause) from error
        except PolicyError as error:
            raise EvaluationError(f"{scenario.name}: {error}") from error
        except LabError as error:
            raise EvaluationError(str(error), Cause.ENVIRONMENT) from error


def compare(
    scenario: Scenario,
    configuration: Configuration,
    settings: KernelSettings,
    objectives: tuple[str, ...],
    lab: Runs,
    *,
    told: Callable[[Block[LabAnswer]], None] = lambda _: None,
) -> Comparison[LabAnswer]:
    """A configuration and the baseline in one scenario, block by block, in one boot.

    Raises EvaluationError with its cause, and policies.PolicyError for a policy or parameter that does not exist.
    """
    base, boot = baseline(), boot_of(scenario, settings)

    def measure(each: Configuration) -> LabAnswer:
        try:
            return lab.run(trial(scenario, each, settings), boot).answer
        except EvaluationError as error:
            if each == base != configuration and not error.cause.is_the_machines:
                # The candidate is not to blame for what the baseline does.
                said = f"the baseline cannot be measured: {error}"
                raise EvaluationError(said, Cause.ENVIRONMENT) from error
            raise

    return blocks.compare(
        measure,
        configuration,
        base,
        Plan(settings.min_blocks, settings.max_blocks, settings.ratio_width, objectives),
        np.random.default_rng([scenario.seed, int(configuration.key(), 16)]),
        told=told,
    )


def trial(scenario: Scenario, configuration: Configuration, settings: KernelSettings) -> LabTrial:
    """One pass of a configuration in a scenario."""
    return LabTrial(
        replay=scenario.replay,
        policy=configuration.policy,
        params=configuration.mapping(),
        object_bytes=scenario.machine.resolved()["object_bytes"],
        seed=scenario.seed,
        memcg=settings.memcg,
    )


def boot_of(scenario: Scenario, settings: KernelSettings) -> BootSettings:
    """The boot that a scenario needs. Grace-period and slab settings of the profile are not looked at: here they
    are the kernel's own."""
    values = scenario.machine.resolved()
    return BootSettings(
        nr_cpus=values["nr_cpus"],
        nocb=bool(values["nocb"]),
        lazy=bool(values["nocb"] and values["lazy"]),
        softirq=settings.softirq,
        memory_bytes=settings.memory_bytes,
        icount=settings.icount,
    )


def machine_key(result: LabResult) -> str:
    """Of what must be equal for figures of single passes to be compared: the kernel, the boot, and whether its time
    is real. The word `emulated` is in it, to be seen wherever the key is."""
    kind = "emulated" if result.emulated else "kvm"
    digest = hashlib.sha256(f"{result.release} {result.boot}".encode()).hexdigest()[:16]
    return f"{kind}-{digest}"
