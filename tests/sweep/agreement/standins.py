"""A machine that is the simulator with another profile: what it measures, and what it has been asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from sweep import machine
from sweep.agreement import run, sample
from sweep.agreement.assess import Pair
from sweep.agreement.kept import Kept
from sweep.agreement.run import Host, Measured
from sweep.agreement.settings import Settings
from sweep.backends import simulator
from sweep.machine import Machine
from sweep.trial import METRICS, Configuration, Measurement
from workloads import Replay

PROFILE: Final = machine.load("vm-2cpu")
SETTINGS: Final = Settings.model_validate(
    {
        "development": [{"name": "exit-storm", "window": ["0.4 s", "0.1 s"]}],
        "held_out": [{"name": "chromium", "window": ["0 s", "0.2 s"]}],
        "longest_s": "6 s",
        "objectives": ["exit_latency_ns.p99", "retained_bytes.mean"],
        "targets": [{"metric": "exit_latency_ns.mean", "spearman": 0.95, "median_error": 0.15}],
        "shown": ["exit_latency_ns.mean", "retained_bytes.mean"],
    }
)
CONFIGURATIONS: Final = sample.configurations(20, seed=3)


@dataclass
class Machinery:
    """Simulates in place of measuring, with that profile and noise; fails or is disturbed where asked to."""

    profile: Machine = PROFILE
    noise: float = 0.0
    meddle: Callable[[Replay, Configuration, int], bool] = lambda replay, configuration, call: False
    """May raise; True: disturbed. Told the number of the call, from 0."""
    asked: list[Configuration] = field(default_factory=list)

    def measure(self, replay: Replay, configuration: Configuration, seed: int) -> Measured:
        call = len(self.asked)
        self.asked.append(configuration)
        disturbed = self.meddle(replay, configuration, call)
        params = configuration.mapping()
        found = simulator.simulate(replay, self.profile, configuration.policy, params, seed).measurement
        rng = np.random.default_rng([call, seed])
        noisy = {
            name: value * float(np.exp(self.noise * rng.standard_normal()))
            for name, value in found.flat().items()
            if not METRICS[name].integral
        }
        return Measured(Measurement.from_flat(found.flat() | noisy), ("munmap_latency_ns.max",), disturbed)

    def host(self, key: str = "m") -> Host:
        return Host(key, "bench", self.measure)


def compared(
    place: Path,
    machinery: Machinery,
    *,
    repeats: int = 1,
    configurations: tuple[Configuration, ...] = CONFIGURATIONS,
    profile: Machine = PROFILE,
    key: str = "m",
    settings: Settings = SETTINGS,
) -> run.Comparison:
    return run.compare(
        settings,
        profile,
        configurations,
        machinery.host(key),
        Kept(place / "measured.jsonl"),
        repeats=repeats,
        seed=1,
        clock=lambda: 1.75e9,
    )


def distorted(pairs: tuple[Pair, ...], by: Callable[[float], float]) -> list[Pair]:
    """The same pairs, as if the machine's exit latency and retained memory were `by` of themselves."""
    return [replace(pair, passes=tuple(_distorted(each, by) for each in pair.passes)) for pair in pairs]


def _distorted(measurement: Measurement, by: Callable[[float], float]) -> Measurement:
    values = measurement.flat()
    for name in values:
        if name.startswith(("exit_latency_ns", "retained_bytes")):
            values[name] = by(values[name])
    return Measurement.from_flat(values)
