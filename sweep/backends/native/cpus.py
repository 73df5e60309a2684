"""The real CPUs that a benchmark owns."""

from __future__ import annotations

import os
from pathlib import Path

from sweep.backends.native.errors import NativeError
from sweep.machine import MAX_CPUS, Machine
from sweep.trial import Cause

_SYSFS = Path("/sys/devices/system/cpu")


def online() -> tuple[int, ...]:
    """CPUs of this host that are online, by number."""
    try:
        return parse((_SYSFS / "online").read_text())
    except (OSError, ValueError):
        return tuple(range(os.cpu_count() or 1))


def permitted() -> tuple[int, ...]:
    """CPUs that this process may run on: its affinity, which lies within its cgroup's cpuset."""
    return tuple(sorted(os.sched_getaffinity(0)))


def parse(text: str) -> tuple[int, ...]:
    """Numbers of a list as the kernel writes it: "0-2,5" -> 0, 1, 2, 5. Raises ValueError."""
    numbers: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        span = range(int(first), int(last or first) + 1)
        if not span or span[-1] >= MAX_CPUS:
            raise ValueError(f"no CPUs: {part!r}")
        numbers += span
    return tuple(numbers)


def show(cpus: tuple[int, ...]) -> str:
    """As a list that people and `taskset` read."""
    return ",".join(map(str, cpus)) or "(empty)"


def choose(declared: tuple[int, ...], machine: Machine) -> tuple[int, ...]:
    """The declared CPUs, or if none are, the first ones that this process may use, as many as `machine` has.

    Raises NativeError as `check` does.
    """
    chosen = declared or permitted()[: machine.nr_cpus]
    check(chosen, machine)
    return chosen


def check(cpus: tuple[int, ...], machine: Machine) -> None:
    """Whether these CPUs suffice for `machine`, exist, and are permitted. Raises NativeError (ENVIRONMENT)."""
    if fault := _fault(cpus, machine):
        raise NativeError(Cause.ENVIRONMENT, f"CPU set {show(cpus)}: {fault}")


def _fault(cpus: tuple[int, ...], machine: Machine) -> str:
    if len(set(cpus)) != len(cpus):
        return "a CPU is named twice"
    there, allowed = online(), permitted()
    if missing := [cpu for cpu in cpus if cpu not in there]:
        return f"there is no CPU {missing[0]}; this host has {show(there)}"
    if barred := [cpu for cpu in cpus if cpu not in allowed]:
        return (
            f"CPU {barred[0]} is not permitted to this process; its affinity and cgroup allow {show(allowed)}; "
            "declare others, or widen the cpuset"
        )
    if len(cpus) < machine.nr_cpus:
        return (
            f"machine {machine.name} has {machine.nr_cpus} CPUs, here are {len(cpus)}; choose a machine profile "
            "with fewer, or declare more CPUs"
        )
    return ""
