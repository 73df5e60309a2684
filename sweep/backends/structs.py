"""C structures that describe a machine and a workload, filled by field name from our values: a field
without a value is an error and not a zero. Shared by every backend that reads engine.h."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workloads import Replay


class StructError(RuntimeError):
    """A structure has a field that we have no value for: the header and the packages do not fit together."""


def header(directories: Iterable[str], name: str) -> str:
    """The text of `src/NAME` in the first of a package's directories that has it. Raises FileNotFoundError."""
    for directory in directories:
        path = Path(directory) / "src" / name
        if path.exists():
            return path.read_text(encoding="utf-8")
    raise FileNotFoundError(f"src/{name} is not installed beside its package")


def declarations(directories: Iterable[str], name: str) -> str:
    """The same without its preprocessor lines, as cffi reads it."""
    return re.sub(r"^[ \t]*#.*$", "", header(directories, name), flags=re.MULTILINE)


def by_field(ffi: Any, struct: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `values` that `struct` has fields for. Raises StructError where one is missing."""
    names = field_names(ffi, struct)
    missing = [name for name in names if name not in values]
    if missing:
        raise StructError(f"{struct}: no value for {', '.join(missing)}")
    return {name: values[name] for name in names}


@functools.cache
def field_names(ffi: Any, struct: str) -> tuple[str, ...]:
    """In the order of the header."""
    return tuple(name for name, _ in ffi.typeof(struct).fields)


def workload_numbers(replay: Replay) -> dict[str, int]:
    """The fields of `struct sim_workload` that are no arrays."""
    readers = replay.readers
    return {
        "nr_rows": len(replay.t_ns),
        "nr_mms": replay.nr_mms,
        "duration_ns": replay.duration_ns,
        "fault_window_ns": replay.fault_window_ns,
        "rcu_only": readers.kind == "rcu_only",
        "readers_per_1000_faults": readers.readers_per_1000_faults,
        "background_readers_per_cpu_per_s": readers.background_readers_per_cpu_per_s,
        "nr_section_quantiles": len(readers.section_quantiles),
        "preempted_ppm": readers.preempted_ppm,
        "nr_preempted_quantiles": len(readers.preempted_quantiles),
        "nr_pressure": len(replay.pressure.points) if replay.pressure else 0,
    }


def workload_arrays(replay: Replay) -> dict[str, npt.NDArray[Any]]:
    """The arrays of `struct sim_workload`, in the header's order; those of the replay are not copied."""

    def column(pairs: Any, place: int) -> npt.NDArray[Any]:
        return np.array([pair[place] for pair in pairs], dtype=np.int64)

    readers = replay.readers
    course = replay.pressure.points if replay.pressure else ()
    return {
        "t_ns": np.ascontiguousarray(replay.t_ns, dtype=np.int64),
        "cpu": np.ascontiguousarray(replay.cpu, dtype=np.int32),
        "mm": np.ascontiguousarray(replay.mm, dtype=np.int32),
        "kind": np.ascontiguousarray(replay.kind, dtype=np.uint8),
        "n": np.ascontiguousarray(replay.n, dtype=np.int32),
        "section_ppm": column(readers.section_quantiles, 0),
        "section_ns": column(readers.section_quantiles, 1),
        "preempted_ppm_at": column(readers.preempted_quantiles, 0),
        "preempted_ns": column(readers.preempted_quantiles, 1),
        "pressure_t_ns": column(course, 0),
        "pressure_permille": column(course, 1),
    }
