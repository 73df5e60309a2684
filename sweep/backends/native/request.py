"""What the native benchmark is asked, as one value and as the bytes that request.h describes."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import policies
import sweep.backends.native as package
from policies import ParamValue
from sweep.backends import structs
from sweep.backends.native.settings import Allocator, Idle, Rcu
from sweep.backends.simulator import library
from sweep.machine import Machine
from workloads import Replay

MAX_DRAIN_NS: Final = 30_000_000_000
"""Time after the last row in which everything must have been freed. Lazy callbacks take 10 s
(LAZY_FLUSH_JIFFIES, kernel/rcu/tree_nocb.h), and one may have to wait for another."""

_ALIGN_BYTES: Final = 8
_HEADER: Final = "request.h"


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A policy on a workload on real CPUs.

    cpus: by number; the i-th is the machine's CPU i, those beyond `machine.nr_cpus` are for helper threads.
    idle: what CPUs do without work.
    passes: measured passes over the workload, each from a fresh state. nr_warmup_rows: rows of an unmeasured
    pass before them. seed: of the readers. stress: readers without pause, for tests of safety; times mean
    nothing then.line_ns: a pass begins when a cache line takes between so much and so much from the first
    CPU to the farthest of the others, or after line_patience_ns. work_ns: what the work of src/speed.h takes on a CPU at
    full speed, by which calls of a slower one are counted; 0: nobody knows.
    """

    replay: Replay
    machine: Machine
    policy: str
    params: Mapping[str, ParamValue] = field(default_factory=lambda: MappingProxyType({}))
    rcu: Rcu = "kernel_like"
    allocator: Allocator = "slab"
    cpus: tuple[int, ...] = ()
    idle: Idle = "poll"
    passes: int = 1
    nr_warmup_rows: int = 0
    seed: int = 0
    stress: bool = False
    max_drain_ns: int = MAX_DRAIN_NS
    line_ns: tuple[float, float] = (0.0, 0.0)
    line_patience_ns: int = 0
    work_ns: float = 0.0


def pack(request: Request) -> bytes:
    """The request as the program reads it: header, then arrays, each padded to 8 bytes.

    Raises policies.PolicyError for an unknown policy, parameter or value.
    """
    ffi = _ffi()
    described = policies.policy(request.policy)
    params = np.array(described.encode(request.params), dtype=np.int64)
    pointers = dict.fromkeys(structs.workload_arrays(request.replay), ffi.NULL)
    workload = structs.workload_numbers(request.replay) | pointers
    header = ffi.new(
        "struct native_request *",
        structs.by_field(
            ffi,
            "struct native_request",
            {
                "magic": _defined("NATIVE_MAGIC").strip('"').encode(),
                "version": int(_defined("NATIVE_VERSION")),
                "header_bytes": ffi.sizeof("struct native_request"),
                "policy": request.policy.encode(),
                "nr_params": len(params),
                "rcu": _number(ffi, "native_rcu", _rcu(request)),
                "allocator": _number(
                    ffi,
                    "native_allocator",
                    "NATIVE_ALLOC_SLAB" if request.allocator == "slab" else "NATIVE_ALLOC_MALLOC",
                ),
                "stress": request.stress,
                "passes": request.passes,
                "nr_warmup_rows": request.nr_warmup_rows,
                "seed": request.seed % 2**64,
                "max_drain_ns": request.max_drain_ns,
                "line_from_ns": request.line_ns[0],
                "line_to_ns": request.line_ns[1],
                "line_patience_ns": request.line_patience_ns,
                "work_ns": request.work_ns,
                "machine": structs.by_field(ffi, "struct sim_machine", request.machine.resolved()),
                "workload": structs.by_field(ffi, "struct sim_workload", workload),
                "nr_cpu_set": len(request.cpus),
                "idle_polls": request.idle == "poll",
            },
        ),
    )
    cpus = np.array(request.cpus, dtype=np.int32)
    arrays: list[npt.NDArray[Any]] = [params, cpus, *structs.workload_arrays(request.replay).values()]
    return b"".join([_padded(bytes(ffi.buffer(header))), *(_padded(array.tobytes()) for array in arrays)])


def _rcu(request: Request) -> str:
    if request.rcu == "liburcu":
        return "NATIVE_RCU_LIBURCU"
    return "NATIVE_RCU_OFFLOADED" if request.machine.nocb.nocb.value else "NATIVE_RCU_SOFTIRQ"


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGN_BYTES)


def _number(ffi: Any, enum: str, name: str) -> int:
    return int(ffi.typeof(f"enum {enum}").relements[name])


@functools.cache
def _ffi() -> Any:
    import cffi

    ffi = cffi.FFI()
    ffi.cdef(library.declarations())
    ffi.cdef(structs.declarations(package.__path__, _HEADER))
    return ffi


@functools.cache
def _defined(name: str) -> str:
    """The word that request.h defines `name` as: cffi drops the preprocessor's lines."""
    text = structs.header(package.__path__, _HEADER)
    match = re.search(rf"^#define {name}\s+(\S+)$", text, re.MULTILINE)
    if match is None:
        raise structs.StructError(f"{_HEADER} does not define {name}")
    return match[1]
