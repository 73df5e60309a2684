"""The policies beside the kernel: the same number of objects, in the guest of the curve, disposed of by the module.

The kernel's row is what the preset of its release stands for; what a policy would change of a whole exit is
the difference of its exit to that of the preset's policy, both the module's, as a part of the kernel's exit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

import policies
from sweep.backends.kernel.curve import BOOT
from sweep.backends.kernel.lab import Lab
from sweep.backends.kernel.request import LabTrial
from sweep.backends.kernel.rows import unread
from sweep.backends.statistics import means
from sweep.trial import Configuration, Interval, Measurement
from workloads import Replay
from workloads.replay import ALLOC, CALL, EXIT

MS: Final = 1_000_000
_STEP_NS: Final = 200 * MS
"""Between a birth, its end, and the next birth: some grace periods, and time for 65,000 births under emulation."""


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A configuration in the module, with 95 % intervals over blocks. exit, munmap: of one teardown or call that
    frees n objects, per object. retained: retained memory, integrated over time, per object of both; what is
    still retained 1 s after the exit counts until then."""

    configuration: Configuration
    exit_ns_per_object: Interval
    munmap_ns_per_object: Interval
    retained_ns_per_object: Interval


def configurations(release: str) -> list[Configuration]:
    """What the release does, then what others do, then every policy with its defaults; each once."""
    first = configuration_of(preset_of(release))
    named = [Configuration.of(policies.BASELINE, policies.policy(policies.BASELINE).defaults())]
    named += [configuration_of(preset) for preset in policies.presets().values()]
    named += [Configuration.of(name, each.defaults()) for name, each in policies.catalogue().items()]
    return list(dict.fromkeys([first, *named]))


def preset_of(release: str) -> policies.Preset:
    """6.12.3-cloud -> what Linux 6.12 does. Raises PolicyError for a kernel without per-VMA locks."""
    major, minor = release.split(".")[:2]
    return policies.preset(f"linux-{major}.{minor}")


def configuration_of(preset: policies.Preset) -> Configuration:
    """Of its policy, with all parameters."""
    described = policies.policy(preset.policy)
    return Configuration.of(preset.policy, described.validate(dict(preset.params)))


def rows(
    lab: Lab,
    chosen: Sequence[Configuration],
    n: int,
    object_bytes: int,
    blocks: int,
    rng: np.random.Generator,
    told: Callable[[Configuration], None] = lambda _: None,
) -> list[PolicyRow]:
    """Each in its own trial per block. Raises EvaluationError."""
    seen: list[list[Measurement]] = [[] for _ in chosen]
    for block in range(blocks):
        for place, configuration in enumerate(chosen):
            trial = LabTrial(
                _replay(n), configuration.policy, configuration.mapping(), object_bytes, seed=block
            )
            told(configuration)
            seen[place].append(lab.run(trial, BOOT).answer.measurement)
    return [_row(each, found, n, object_bytes, rng) for each, found in zip(chosen, seen, strict=True)]


def _row(
    configuration: Configuration,
    found: Sequence[Measurement],
    n: int,
    object_bytes: int,
    rng: np.random.Generator,
) -> PolicyRow:
    duration_ns = _replay(n).duration_ns
    exits = [measurement.exit_ns_per_object.mean for measurement in found]
    munmaps = [measurement.munmap_latency_ns.mean / n for measurement in found]
    retained = [
        measurement.retained_bytes.mean * duration_ns / object_bytes / (2 * n) for measurement in found
    ]
    return PolicyRow(configuration, *means(np.array([exits, munmaps, retained]), rng))


def _replay(n: int) -> Replay:
    """All objects by one munmap(), then as many by an exit, without a reader."""
    steps = [(ALLOC, 0), (CALL, 0), (ALLOC, 1), (EXIT, 1)]
    return unread(steps, n, _STEP_NS, (len(steps) + 4) * _STEP_NS)
