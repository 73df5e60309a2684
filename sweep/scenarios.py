"""The scenarios of a study: its workloads on its machines, with its seeds."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator

import numpy as np

import workloads
from sweep import machine
from sweep.backends import simulator
from sweep.backends.evaluator import Scenario
from sweep.backends.hosts import Host
from sweep.machine import Machine
from sweep.study import Study
from sweep.uses import Pressure, WorkloadUse
from workloads import PressureCourse, Replay, Workload


def scenarios(study: Study, host: Host | None = None) -> tuple[Scenario, ...]:
    """Every workload on every machine, once for each seed, in that order; named WORKLOAD@MACHINE, and
    WORKLOAD@MACHINE#2 and so on where the study repeats.

    host: of a measured study, where it is measured. Raises workloads.WorkloadError and machine.MachineError.
    """
    return tuple(_scenarios(study, _instrument(study, host)))


def _instrument(study: Study, host: Host | None) -> str:
    """What measures: measurements of another one are not comparable. How often one repeats says how
    sure its figures are, and is no part of it."""
    if study.backend == "simulator":
        return simulator.build_id()
    assert host is not None, "a measured study is measured on a machine"
    if study.backend == "kernel":
        return f"kernel {host.key()}"
    how = study.how_native()
    return f"native {host.key()} {how.rcu} {how.allocator} {how.idle} {how.cpus}"


def _scenarios(study: Study, instrument: str) -> Iterator[Scenario]:
    profiles = [machine.load(name) for name in study.machines]
    for use in study.workloads:
        workload = _workload(study, use)
        for profile in profiles:
            for repeat in range(study.repeats):
                seed = study.seed + repeat
                replay = workloads.replay(workload, profile.nr_cpus, use.scale, seed=seed)
                name = f"{use.label}@{profile.name}" + (f"#{repeat + 1}" if repeat else "")
                yield Scenario(name, _key(instrument, replay, profile, seed), replay, profile, seed)


def _workload(study: Study, use: WorkloadUse) -> Workload:
    workload = workloads.load(use.name)
    if study.readers is not None:
        changed = study.readers.model_dump(exclude_none=True)
        workload = workload.with_(readers=dataclasses.replace(workload.readers, **changed))
    if isinstance(study.pressure, Pressure):
        workload = workload.with_(pressure=PressureCourse(study.pressure.points))
    elif study.pressure == "none":
        workload = workload.with_(pressure=None)
    return workload


def _key(instrument: str, replay: Replay, profile: Machine, seed: int) -> str:
    """Of all that a measurement follows from: the rows, the machine, the seed, and what measures."""
    digest = hashlib.sha256(f"{instrument} {seed} {profile.model_dump_json()}".encode())
    for field in dataclasses.fields(replay):
        value = getattr(replay, field.name)
        digest.update(f" {field.name} ".encode())
        digest.update(
            np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
        )
    return digest.hexdigest()[:16]
