"""One simulated trial: values in, a Measurement out.

Structures are filled by field name, so a field of engine.h without a value is an error and not a zero.
Arrays are handed over as they are; the interpreter lock is released while the engine runs (cffi).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

import policies
from policies import ParamValue
from sweep.backends import structs
from sweep.backends.simulator.library import build_id, load, policy_numbers
from sweep.machine import Machine
from sweep.trial import Ages, Level, Measurement, Split, Summary
from workloads import Replay

__all__ = ["DEFAULT_MAX_STEPS", "SimulationError", "SimulationResult", "build_id", "simulate"]

DEFAULT_MAX_STEPS: Final = 2_000_000_000
"""Events and objects that a trial may handle; more is taken for a simulation that never ends."""

MAX_DRAIN_NS: Final = 120_000_000_000
"""Virtual time after the workload in which everything must have been freed; lazy callbacks take 10 s."""

_MESSAGE_BYTES: Final = 512


class SimulationError(RuntimeError):
    """The trial could not be simulated: a bound was exceeded, or the policy broke its contract."""


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """What was measured; `details` holds every other number of `struct sim_result` by its name.

    samples: t_ns, postponed_bytes, waiting_bytes, ready_bytes, overhead_bytes, pinned_slab_bytes.
    calls: t_ns, latency_ps, cpu, mm, n, kind (1 is an exit). Both only with a series interval.
    """

    measurement: Measurement
    details: Mapping[str, float | int]
    samples: pa.Table | None
    calls: pa.Table | None


def simulate(
    replay: Replay,
    machine: Machine,
    policy: str,
    params: Mapping[str, ParamValue],
    seed: int = 0,
    *,
    series_interval_ns: int = 0,
    max_steps: int = DEFAULT_MAX_STEPS,
) -> SimulationResult:
    """Run `policy` on `replay`. The same arguments give the same bits on every machine.

    seed: of the readers. series_interval_ns: distance of the samples, 0 for none.
    Raises SimulationError, and policies.PolicyError for an unknown policy or parameter.
    """
    ffi, library = load()
    described = policies.policy(policy)
    encoded = np.array(described.encode(described.validate(params)), dtype=np.int64)
    keep: list[Any] = [encoded]
    request = ffi.new(
        "struct sim_request *",
        {
            "policy": policy_numbers()[policy],
            "nr_params": len(encoded),
            "params": ffi.from_buffer("int64_t[]", encoded),
            "seed": seed % 2**64,
            "max_steps": max_steps,
            "max_drain_ns": MAX_DRAIN_NS,
            "series_interval_ns": series_interval_ns,
        },
    )
    profile = ffi.new("struct sim_machine *", structs.by_field(ffi, "struct sim_machine", machine.resolved()))
    workload = ffi.new("struct sim_workload *", _workload(ffi, replay, keep))
    result = ffi.new("struct sim_result *")
    message = ffi.new(f"char[{_MESSAGE_BYTES}]")
    if library.sim_run(profile, workload, request, result, message, _MESSAGE_BYTES):
        raise SimulationError(ffi.string(message).decode(errors="replace"))
    try:
        return SimulationResult(
            measurement=_measurement(result),
            details=_details(ffi, result),
            samples=_table(ffi, "struct sim_sample", result.samples, result.nr_samples, series_interval_ns),
            calls=_table(ffi, "struct sim_call_record", result.calls, result.nr_calls, series_interval_ns),
        )
    finally:
        library.sim_result_free(result)


def _workload(ffi: Any, replay: Replay, keep: list[Any]) -> dict[str, Any]:
    arrays = structs.workload_arrays(replay)
    keep.append(arrays)
    pointers = {name: ffi.from_buffer(f"{array.dtype.name}_t[]", array) for name, array in arrays.items()}
    return structs.by_field(ffi, "struct sim_workload", {**structs.workload_numbers(replay), **pointers})


def _summary(distribution: Any) -> Summary:
    return Summary(distribution.mean_ns, distribution.p50_ns, distribution.p99_ns, distribution.max_ns)


def _measurement(r: Any) -> Measurement:
    return Measurement(
        exit_latency_ns=_summary(r.exit_latency),
        exit_ns_per_object=Summary(
            r.exit_ns_per_object_mean,
            r.exit_ns_per_object_p50,
            r.exit_ns_per_object_p99,
            r.exit_ns_per_object_max,
        ),
        munmap_latency_ns=_summary(r.munmap_latency),
        retained_bytes=Level(r.retained_bytes_mean, r.retained_bytes_peak),
        retained_split=Split(
            r.retained_postponed_bytes_mean,
            r.retained_waiting_bytes_mean,
            r.retained_ready_bytes_mean,
            r.overhead_bytes_mean,
        ),
        pinned_slab_bytes=Level(r.pinned_slab_bytes_mean, r.pinned_slab_bytes_peak),
        dead_age_ns=Ages(r.dead_age.p50_ns, r.dead_age.p99_ns, r.dead_age.max_ns),
        cpu_ns_per_object=r.cpu_ns_per_object,
        max_stall_ns=r.max_stall_ns,
        grace_periods=r.grace_periods,
        callbacks=r.callbacks,
        wakeups=r.wakeups,
        lock_waits=r.lock_waits,
        violations=r.violations,
    )


def _details(ffi: Any, result: Any) -> dict[str, float | int]:
    numbers: dict[str, float | int] = {}
    for name, field in ffi.typeof("struct sim_result").fields:
        if field.type.kind == "primitive":
            numbers[name] = getattr(result, name)
        elif field.type.kind == "struct":
            numbers[f"{name}_count"] = getattr(result, name).count
    return numbers


def _table(ffi: Any, struct: str, rows: Any, nr: int, interval_ns: int) -> pa.Table | None:
    """The engine's array of structures as a table of its fields."""
    if not interval_ns:
        return None
    kinds = {"int64_t": np.int64, "int32_t": np.int32}
    dtype = np.dtype([(name, kinds[field.type.cname]) for name, field in ffi.typeof(struct).fields])
    data = bytes(ffi.buffer(rows, nr * dtype.itemsize)) if nr else b""
    array = np.frombuffer(data, dtype=dtype)
    return pa.table({name: pa.array(array[name]) for name in dtype.names or ()})
