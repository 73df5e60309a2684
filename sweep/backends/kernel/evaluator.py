"""The kernel lab, as an executor sees it: a configuration in, measurements with their evidence out."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from policies import PolicyError
from sweep.backends.evaluator import Evaluation, EvaluationError, Scenario
from sweep.backends.kernel.boot import BootSettings
from sweep.backends.kernel.lab import Lab, LabResult
from sweep.backends.kernel.request import LabTrial
from sweep.backends.kernel.settings import KernelSettings
from sweep.trial import METRICS, Configuration, Evidence, Interval, Measurement

LEVEL: Final = "kernel"


@dataclass(frozen=True, slots=True)
class KernelEvaluator:
    """Measures a configuration in every scenario in a guest whose boot settings are those of the scenario's
    machine: CPUs, offloaded, lazy. The lab is the caller's to close. Not to be used by two at once."""

    scenarios: tuple[Scenario, ...]
    settings: KernelSettings
    lab: Lab

    def __call__(self, configuration: Configuration, have: Mapping[str, Measurement]) -> Evaluation:
        """have: by scenario name, what was measured before and is not measured again; no evidence comes
        with these. Raises EvaluationError, which names the scenario and the cause."""
        measurements: dict[str, Measurement] = {}
        found: list[tuple[str, Evidence]] = []
        for scenario in self._by_boot():
            if (known := have.get(scenario.name)) is None:
                results = self._measured(scenario, configuration)
                known = median([result.answer.measurement for result in results])
                found.append((scenario.name, evidence(results)))
            measurements[scenario.name] = known
        order = [scenario.name for scenario in self.scenarios]
        found.sort(key=lambda pair: order.index(pair[0]))
        return Evaluation(tuple((name, measurements[name]) for name in order), tuple(found))

    def _by_boot(self) -> list[Scenario]:
        """Those of one boot together."""
        boots: list[BootSettings] = []
        for scenario in self.scenarios:
            if (boot := boot_of(scenario, self.settings)) not in boots:
                boots.append(boot)
        return sorted(self.scenarios, key=lambda scenario: boots.index(boot_of(scenario, self.settings)))

    def _measured(self, scenario: Scenario, configuration: Configuration) -> list[LabResult]:
        values = scenario.machine.resolved()
        trial = LabTrial(
            replay=scenario.replay,
            policy=configuration.policy,
            params=configuration.mapping(),
            object_bytes=values["object_bytes"],
            seed=scenario.seed,
            memcg=self.settings.memcg,
        )
        try:
            boot = boot_of(scenario, self.settings)
            return [self.lab.run(trial, boot) for _ in range(self.settings.repeats)]
        except EvaluationError as error:
            raise EvaluationError(f"{scenario.name}: {error}", error.cause) from error
        except PolicyError as error:
            raise EvaluationError(f"{scenario.name}: {error}") from error


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


def median(measurements: Sequence[Measurement]) -> Measurement:
    """Metric by metric, the lower of two middle ones; but violations are those of all."""
    flats = [measurement.flat() for measurement in measurements]
    values = {name: statistics.median_low([flat[name] for flat in flats]) for name in METRICS}
    return Measurement.from_flat(values | {"violations": sum(flat["violations"] for flat in flats)})


def evidence(results: Sequence[LabResult]) -> Evidence:
    """The range over the repeats stands for an interval (of few repeats no better one can be had)."""
    flats = [result.answer.measurement.flat() for result in results]
    unmeasured = {name for result in results for name in result.answer.unmeasured}
    values = tuple(
        (name, Interval(statistics.median_low(seen), min(seen), max(seen)))
        for name in METRICS
        if name not in unmeasured
        for seen in [[float(flat[name]) for flat in flats]]
    )
    return Evidence(
        level=LEVEL,
        machine=machine_key(results[0]),
        blocks=len(results),
        disturbed=0,
        values=values,
        ratios=(),
        unmeasured=tuple(name for name in METRICS if name in unmeasured),
    )


def machine_key(result: LabResult) -> str:
    """Of what must be equal for figures to be compared: the kernel, the boot, and whether its time is real. The
    word `emulated` is in it, to be seen wherever the key is."""
    kind = "emulated" if result.emulated else "kvm"
    digest = hashlib.sha256(f"{result.release} {result.boot}".encode()).hexdigest()[:16]
    return f"{kind}-{digest}"
