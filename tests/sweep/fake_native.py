"""A machine to measure on that is none: the simulator under other costs, with noise.

Stands for a native backend in tests of everything around it. What it measures can be known exactly, and how
far the simulator errs about it is known as well.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from sweep import noise
from sweep.backends.blocks import baseline
from sweep.backends.evaluator import Evaluation, Scenario, SimulatorEvaluator
from sweep.backends.hosts import Host
from sweep.backends.kernel.fingerprint import LabFingerprint
from sweep.backends.native.evaluator import LEVEL
from sweep.backends.native.fingerprint import Fingerprint
from sweep.machine import Machine
from sweep.trial import METRICS, Configuration, Evidence, Measurement

HOST = Fingerprint(cpu_model="a made-up CPU", nr_cpus=2, kernel_release="6.12")
GUEST = LabFingerprint("tcg", True, "8.2", "6.12", 1 << 29, True, False, 1, None, "0" * 16)
OTHER_HOST = replace(HOST, kernel_release="6.18")


def other_costs(machine: Machine) -> Machine:
    """What the profile says of cheap and dear things is wrong, by up to a factor of three."""
    factors = {"unlink_ns": 0.6, "call_rcu_ns": 1.8, "callback_ns": 1.5, "free_fast_ns": 3.0, "link_ns": 3.0}
    costs = {name: round(getattr(machine.costs, name).value * factor) for name, factor in factors.items()}
    return machine.with_(**{f"costs.{name}": value for name, value in costs.items()})


@dataclass
class FakeNative:
    """spread: standard deviation of the logarithm of every figure, of one trial; spreads: of those metrics that have
    their own. blocks: of each scenario.
    scatter: of the logarithm by which the truth of a configuration differs from what the simulator can know. steady:
    the same noise at every repeat, so that figures do not depend on what was measured in an earlier life.
    """

    scenarios: tuple[Scenario, ...]
    spread: float = 0.02
    blocks: int = 3
    scatter: float = 0.0
    host: Host = HOST
    level: str = LEVEL
    steady: bool = False
    spreads: Mapping[str, float] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    _truth: dict[str, Evaluation] = field(default_factory=dict)

    def truth(self, configuration: Configuration) -> Evaluation:
        """Without noise."""
        key = configuration.key()
        if key not in self._truth:
            changed = tuple(replace(s, machine=other_costs(s.machine)) for s in self.scenarios)
            self._truth[key] = SimulatorEvaluator(changed)(configuration, {})
        return self._truth[key]

    def __call__(self, configuration: Configuration, have: Mapping[str, Measurement]) -> Evaluation:
        key = configuration.key()
        self.calls[key] += 1
        dice = np.random.default_rng([int(key, 16), 1 if self.steady else self.calls[key]])
        base = dict(self.truth(baseline()).measurements)
        measured, evidence = [], []
        beyond = math.exp(self.scatter * np.random.default_rng(int(key, 16)).standard_normal())
        for scenario, exact in self.truth(configuration).measurements:
            if scenario in have:
                measured.append((scenario, have[scenario]))
                continue
            figures, values, ratios = {}, [], []
            for name, metric in METRICS.items():
                value = exact.get(name) * (1 if metric.integral or configuration == baseline() else beyond)
                spread = self.spreads.get(name, self.spread)
                drawn = value * math.exp(spread * dice.standard_normal())
                figures[name] = value if metric.integral else drawn
                values.append((name, noise.around(drawn, spread)))
                if base[scenario].get(name):
                    ratios.append((name, noise.around(drawn / base[scenario].get(name), spread)))
            measured.append((scenario, Measurement.from_flat(figures)))
            of = Evidence(self.level, self.host.key(), self.blocks, 0, tuple(values), tuple(ratios))
            evidence.append((scenario, of))
        return Evaluation(tuple(measured), tuple(evidence))
