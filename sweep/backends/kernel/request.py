"""A trial of the kernel lab as bytes, and its answer as values. request.h is the contract."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

import policies
from policies import ParamValue
from sweep.trial import METRICS, Measurement
from workloads import Replay

_HEADER: Final = Path(__file__).parent / "module" / "request.h"

MAX_DRAIN_NS: Final = 60_000_000_000
SAMPLE_NS: Final = 20_000_000


@dataclass(frozen=True, slots=True)
class LabTrial:
    """What one trial runs. stress: readers without a pause and an oracle for early frees; its times mean
    nothing. object_bytes: of an object of the cache. memcg: objects are charged to a control group."""

    replay: Replay
    policy: str
    params: Mapping[str, ParamValue]
    object_bytes: int
    seed: int = 0
    memcg: bool = False
    stress: bool = False


@functools.cache
def _ffi() -> Any:
    import cffi

    ffi = cffi.FFI()
    ffi.cdef(re.sub(r"^[ \t]*#.*$", "", _HEADER.read_text(), flags=re.MULTILINE))
    return ffi


def _constant(name: str) -> str:
    match = re.search(rf"^#define {name} \"?(\w+)\"?$", _HEADER.read_text(), flags=re.MULTILINE)
    assert match, name
    return match[1]


def encode(trial: LabTrial) -> bytes:
    """The request. Raises policies.PolicyError for an unknown policy or parameter."""
    described = policies.policy(trial.policy)
    return encode_for(trial, described.encode(described.validate(trial.params)))


def encode_for(trial: LabTrial, params: Sequence[int]) -> bytes:
    """The same with parameters that are encoded already, for what is in the module but not in the catalogue."""
    replay, readers = trial.replay, trial.replay.readers
    course = replay.pressure.points if replay.pressure else ()
    fields = {
        "magic": _constant("REQUEST_MAGIC").encode(),
        "version": int(_constant("REQUEST_VERSION")),
        "header_bytes": _ffi().sizeof("struct kernel_request"),
        "policy": trial.policy.encode(),
        "nr_params": len(params),
        "stress": trial.stress,
        "seed": trial.seed % 2**64,
        "max_drain_ns": MAX_DRAIN_NS,
        "sample_ns": SAMPLE_NS,
        "object_bytes": trial.object_bytes,
        "memcg": trial.memcg,
        "nr_rows": len(replay.t_ns),
        "duration_ns": replay.duration_ns,
        "fault_window_ns": replay.fault_window_ns,
        "readers_per_1000_faults": readers.readers_per_1000_faults,
        "background_readers_per_cpu_per_s": readers.background_readers_per_cpu_per_s,
        "preempted_ppm": readers.preempted_ppm,
        "nr_cpus": int(replay.cpu.max(initial=0)) + 1,
        "nr_mms": replay.nr_mms,
        "rcu_only": readers.kind == "rcu_only",
        "nr_section_quantiles": len(readers.section_quantiles),
        "nr_preempted_quantiles": len(readers.preempted_quantiles),
        "nr_pressure": len(course),
    }
    names = {name for name, _ in _ffi().typeof("struct kernel_request").fields}
    assert names == fields.keys(), names ^ fields.keys()
    arrays: list[tuple[Any, type]] = [(params, np.int64)]
    arrays += [(replay.t_ns, np.int64), (replay.cpu, np.int32), (replay.mm, np.int32)]
    arrays += [(replay.kind, np.uint8), (replay.n, np.int32)]
    for pairs in (readers.section_quantiles, readers.preempted_quantiles, course):
        arrays += [([pair[place] for pair in pairs], np.int64) for place in (0, 1)]
    header = bytes(_ffi().buffer(_ffi().new("struct kernel_request *", fields)))
    return header + b"".join(_padded(np.asarray(values, dtype).tobytes()) for values, dtype in arrays)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


@dataclass(frozen=True, slots=True)
class LabAnswer:
    """What the module measured. unmeasured: metrics that stand as 0 in the measurement."""

    measurement: Measurement
    details: Mapping[str, float | int]
    unmeasured: tuple[str, ...]


def decode(answer: Mapping[str, Any]) -> LabAnswer:
    """From the line with the metrics. Raises ValueError unless it has exactly those of METRICS."""
    values = {name: 0 if value is None else value for name, value in answer["metrics"].items()}
    measurement = Measurement.from_flat({name: values[name] for name in METRICS if name in values} | values)
    return LabAnswer(measurement, answer["details"], tuple(answer["unmeasured"]))
