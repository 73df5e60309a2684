"""The host that a native study is measured on: what it is, and whether it can do it."""

from __future__ import annotations

from collections.abc import Sequence

from sweep.backends.evaluator import Scenario
from sweep.backends.native import allocators, cpus, program
from sweep.backends.native.evaluator import NativeEvaluator
from sweep.backends.native.fingerprint import Fingerprint
from sweep.backends.native.settings import NativeSettings
from sweep.study import Study


def host(study: Study) -> Fingerprint | None:
    """This machine, where the study is measured natively; else None. Raises NativeError where it cannot be: the
    benchmark is not built, or its allocator is not installed."""
    if study.backend == "simulator":
        return None
    program.path()
    allocators.preload(study.how_native().allocator)
    return Fingerprint.take()


def own_cpus(study: Study, measured_in: Sequence[Scenario]) -> tuple[int, ...]:
    """The CPUs that the benchmark owns: as declared, or as many as the largest machine of the study has. Raises
    NativeError where they do not suffice, do not exist or are not permitted."""
    largest = max((s.machine for s in measured_in), key=lambda machine: machine.nr_cpus)
    return cpus.choose(study.how_native().cpus, largest)


def evaluator(study: Study, measured_in: tuple[Scenario, ...], owned: tuple[int, ...]) -> NativeEvaluator:
    """Measures a study's scenarios on these CPUs of this machine."""
    how = study.how_native().model_dump() | {"cpus": owned}
    return NativeEvaluator(measured_in, NativeSettings(**how), study.objectives)
