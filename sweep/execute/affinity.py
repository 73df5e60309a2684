"""Which CPUs a process uses, beside a benchmark that owns some of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection


def keep_off(owned: Collection[int]) -> frozenset[int]:
    """This process, and what it starts from now on, leaves these CPUs alone, if it has any others; those that it
    used before."""
    before = os.sched_getaffinity(0)
    use(before - set(owned) or before)
    return frozenset(before)


def use(cpus: Collection[int]) -> None:
    """All threads of this process run on these CPUs. Raises OSError where they are not permitted."""
    os.sched_setaffinity(0, cpus)
    for thread in map(int, os.listdir("/proc/self/task")):
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            os.sched_setaffinity(thread, cpus)
