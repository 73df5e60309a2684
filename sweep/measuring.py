"""With what a study measures, whatever its backend: on which host, by which evaluator, where in a cluster."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from sweep import kernel_host, native_host
from sweep.backends.evaluator import Scenario, SimulatorEvaluator
from sweep.backends.hosts import Host
from sweep.backends.kernel.fingerprint import LabFingerprint
from sweep.execute.place import Place
from sweep.execute.port import Evaluate
from sweep.study import Study


@dataclass(frozen=True, slots=True)
class Instrument:
    """What an executor is given. place: None of simulated trials, which run anywhere."""

    evaluate: Evaluate
    place: Place | None = None


def host(study: Study, say: Callable[[str], None]) -> Host | None:
    """What the study is measured on, here; None where it is simulated. Raises NativeError and LabError where it cannot
    be measured here. say: is told what to know beforehand."""
    if study.backend == "kernel":
        return kernel_host.host(kernel_host.settings(study.how_kernel()), say)
    return native_host.host(study)


def instrument(study: Study, measured_in: tuple[Scenario, ...], found: Host | None) -> Instrument:
    """What measures the study's scenarios. found: by `host`. Raises NativeError where the CPUs do not suffice."""
    if isinstance(found, LabFingerprint):
        how = kernel_host.chosen(kernel_host.settings(study.how_kernel()), found)
        evaluate = kernel_host.evaluator(how, measured_in, study.objectives, found)
        return Instrument(evaluate, Place.kernel(dataclasses.asdict(how)))
    if found is not None:
        owned = native_host.own_cpus(study, measured_in)
        return Instrument(native_host.evaluator(study, measured_in, owned), Place.native(owned))
    return Instrument(SimulatorEvaluator(measured_in))
