"""Requests of the native benchmark as bytes, and its answers as values."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

import cffi
import numpy as np

import policies
from policies import ParamValue
from sweep.backends.simulator.library import declarations
from workloads import Replay

ROOT: Final = Path(__file__).parents[4]
SOURCE: Final = ROOT / "sweep" / "backends" / "native" / "src"

RCU: Final = ("softirq", "offloaded", "liburcu")
ALLOCATORS: Final = ("slab", "malloc")


@cache
def ffi() -> Any:
    made = cffi.FFI()
    made.cdef(declarations())
    header = (SOURCE / "request.h").read_text()
    made.cdef(re.sub(r"^[ \t]*#.*$", "", header, flags=re.MULTILINE))
    return made


@dataclass(frozen=True, slots=True)
class Request:
    """What one call of the program is asked. `machine`: values of struct sim_machine."""

    replay: Replay
    machine: Mapping[str, int]
    policy: str
    params: tuple[int, ...] = ()
    rcu: str = "softirq"
    allocator: str = "slab"
    stress: bool = False
    idle_polls: bool = False
    passes: int = 1
    nr_warmup_rows: int = 0
    seed: int = 1
    max_drain_ns: int = 10_000_000_000
    work_ns: float = 0.0
    cpus: tuple[int, ...] = tuple(sorted(os.sched_getaffinity(0)))

    @classmethod
    def of(
        cls, replay: Replay, machine: Any, policy: str, params: Mapping[str, ParamValue], **more: Any
    ) -> Self:
        """With the parameters of a policy by name; softirq or offloaded as the machine says."""
        described = policies.policy(policy)
        values = machine.resolved()
        more.setdefault("rcu", "offloaded" if values["nocb"] else "softirq")
        return cls(replay, values, policy, tuple(described.encode(described.validate(params))), **more)

    def with_(self, **changes: Any) -> Self:
        return replace(self, **changes)

    def packed(self) -> bytes:
        """The header, then the arrays in the order of request.h, each padded to 8 bytes."""
        arrays = self._arrays()
        header = ffi().new("struct native_request *", self._header())
        parts = [bytes(ffi().buffer(header))]
        parts += [array.tobytes() + bytes(-array.nbytes % 8) for array in arrays]
        return b"".join(parts)

    def _header(self) -> dict[str, Any]:
        struct = ffi().typeof("struct native_request")
        r = self.replay.readers
        course = self.replay.pressure.points if self.replay.pressure else ()
        workload = {
            "nr_rows": len(self.replay.t_ns),
            "nr_mms": self.replay.nr_mms,
            "duration_ns": self.replay.duration_ns,
            "fault_window_ns": self.replay.fault_window_ns,
            "rcu_only": int(r.kind == "rcu_only"),
            "readers_per_1000_faults": r.readers_per_1000_faults,
            "background_readers_per_cpu_per_s": r.background_readers_per_cpu_per_s,
            "nr_section_quantiles": len(r.section_quantiles),
            "preempted_ppm": r.preempted_ppm,
            "nr_preempted_quantiles": len(r.preempted_quantiles),
            "nr_pressure": len(course),
        }
        fields = [name for name, _ in ffi().typeof("struct sim_machine").fields]
        return {
            "magic": b"rcubench",
            "version": 4,
            "header_bytes": ffi().sizeof(struct),
            "policy": self.policy.encode(),
            "nr_params": len(self.params),
            "rcu": RCU.index(self.rcu),
            "allocator": ALLOCATORS.index(self.allocator),
            "stress": int(self.stress),
            "passes": self.passes,
            "nr_warmup_rows": self.nr_warmup_rows,
            "seed": self.seed,
            "max_drain_ns": self.max_drain_ns,
            "work_ns": self.work_ns,
            "machine": {name: self.machine[name] for name in fields},
            "workload": workload,
            "nr_cpu_set": len(self.cpus),
            "idle_polls": int(self.idle_polls),
        }

    def _arrays(self) -> list[np.ndarray[Any, Any]]:
        replay, r = self.replay, self.replay.readers
        course = replay.pressure.points if replay.pressure else ()

        def column(pairs: Sequence[tuple[int, int]], place: int) -> np.ndarray[Any, Any]:
            return np.array([pair[place] for pair in pairs], dtype=np.int64)

        return [
            np.array(self.params, dtype=np.int64),
            np.array(self.cpus, dtype=np.int32),
            np.asarray(replay.t_ns, dtype=np.int64),
            np.asarray(replay.cpu, dtype=np.int32),
            np.asarray(replay.mm, dtype=np.int32),
            np.asarray(replay.kind, dtype=np.uint8),
            np.asarray(replay.n, dtype=np.int32),
            *(
                column(pairs, place)
                for pairs in (r.section_quantiles, r.preempted_quantiles)
                for place in (0, 1)
            ),
            *(column(course, place) for place in (0, 1)),
        ]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the program said. `error` and `cause` are empty where it went well."""

    passes: tuple[Mapping[str, Any], ...]
    error: str
    cause: str
    returncode: int
    stderr: str


def ask(program: Path, request: Request | bytes, timeout_s: float = 120, **environment: str) -> Answer:
    """Runs the program on one request.

    Raises json.JSONDecodeError where it answers with something else than JSON lines.
    """
    done = subprocess.run(
        [program, "-"],
        input=request if isinstance(request, bytes) else request.packed(),
        capture_output=True,
        timeout=timeout_s,
        env={**os.environ, **environment},
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    errors = [line for line in lines if "error" in line]
    return Answer(
        passes=tuple(line for line in lines if "pass" in line),
        error=errors[0]["error"] if errors else "",
        cause=errors[0]["cause"] if errors else "",
        returncode=done.returncode,
        stderr=done.stderr.decode(errors="replace"),
    )
