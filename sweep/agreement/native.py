"""The machine that the simulator is held to: this one, through the native benchmark."""

from __future__ import annotations

from sweep.agreement.run import Host, Measured
from sweep.backends.evaluator import EvaluationError, Scenario
from sweep.backends.native import cpus, disturbance, evaluator, placement, program
from sweep.backends.native.errors import NativeError
from sweep.backends.native.settings import NativeSettings
from sweep.machine import Machine
from sweep.trial import Configuration
from workloads import Replay


def host(machine: Machine, settings: NativeSettings) -> Host:
    """This machine, each pass in a process of its own. The allocator must be the slab: the simulator has no other.

    Raises NativeError where the benchmark is not there, or `settings.cpus` do not fit.
    """
    chosen = cpus.choose(settings.cpus, machine)

    def measure(replay: Replay, configuration: Configuration, seed: int) -> Measured:
        scenario = Scenario(machine.name, "", replay, machine, seed)
        request = evaluator.request(scenario, configuration, settings, chosen)
        try:
            only = placement.one_pass(request, timeout_s=settings.timeout_s)
        except NativeError as error:
            raise EvaluationError(str(error), error.cause) from error
        faults = disturbance.faults(only.disturbance, only.duration_ns * machine.nr_cpus)
        return Measured(only.measurement, only.unmeasured, bool(faults))

    return Host(evaluator.machine_key(), program.build_id(), measure)
