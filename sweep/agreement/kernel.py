"""The machine that the simulator is held to: a real kernel, in the kernel lab's guest."""

from __future__ import annotations

import hashlib
from typing import Final

import policies
import workloads
from sweep.agreement import sample
from sweep.agreement.model import AgreementError
from sweep.agreement.run import Host, Measured
from sweep.backends.evaluator import EvaluationError, Scenario
from sweep.backends.kernel.errors import LabError
from sweep.backends.kernel.evaluator import boot_of, machine_key, trial
from sweep.backends.kernel.fingerprint import module_digest
from sweep.backends.kernel.lab import Lab, LabResult
from sweep.backends.kernel.settings import KernelSettings
from sweep.machine import Machine
from sweep.trial import Configuration
from workloads import Replay, Scale

HEEDS: Final = frozenset(("nr_cpus", "nocb", "lazy", "object_bytes"))
"""What the lab takes from a profile; all else is the guest's own."""

_OF_SLABS: Final = ("callbacks", "grace_periods", "wakeups")
"""Of type-stable caches not compared: callbacks are SLUB's then, one per slab, and the lab does not know which grace
periods they waited for."""

_WARM_UP: Final = Scale(window_ns=(400_000_000, 50_000_000))


def host(machine: Machine, settings: KernelSettings, lab: Lab, seed: int) -> Host:
    """A guest of `lab` with the boot settings of the profile: CPUs, offloaded, lazy.

    One trial beforehand says what the guest is, and warms it up: the first one after a boot pages code in.
    Raises AgreementError where no guest can be had.
    """

    def run(replay: Replay, configuration: Configuration, seed: int) -> LabResult:
        scenario = Scenario(machine.name, "", replay, machine, seed)
        return lab.run(trial(scenario, configuration, settings), boot_of(scenario, settings))

    def measure(replay: Replay, configuration: Configuration, seed: int) -> Measured:
        answer = run(replay, configuration, seed).answer
        unseen = _OF_SLABS if policies.policy(configuration.policy).typesafe else ()
        return Measured(answer.measurement, (*answer.unmeasured, *unseen))

    warm_up = workloads.replay(workloads.load("exit-storm"), machine.nr_cpus, _WARM_UP, seed)
    try:
        first = run(warm_up, sample.baseline(), seed)
    except (EvaluationError, LabError) as error:
        raise AgreementError(f"no guest to compare with: {error}") from error
    where = "a kernel's guest, emulated" if first.emulated else "a kernel's guest"
    return Host(machine_key(first), _build(settings), measure, where, HEEDS)


def _build(settings: KernelSettings) -> str:
    """16 hexadecimal digits of the module's sources and of how trials are run."""
    text = repr((module_digest(), settings))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
