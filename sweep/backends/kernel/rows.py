"""Small workloads of the lab's own, that nobody reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from workloads import ReaderModel, Replay

CALL: Final = 0
EXIT: Final = 1
ALLOC: Final = 3
"""Kinds of rows, as enum row_kind in module/lab.h."""

_FAULT_WINDOW_NS: Final = 10_000_000
"""Without an effect, as there are no faults."""

_NO_READERS: Final = ReaderModel(
    kind="mm_ref",
    readers_per_1000_faults=0,
    background_readers_per_cpu_per_s=0,
    section_quantiles=((0, 100), (1_000_000, 1000)),
    preempted_ppm=0,
    preempted_quantiles=((0, 1000), (1_000_000, 1000)),
)


def unread(
    steps: Sequence[tuple[int, int]], objects: int, step_ns: int, duration_ns: int, exit_cpu: int = 0
) -> Replay:
    """Steps (kind, address space), one every `step_ns` from 0 on, each of so many objects. All but exits are on CPU 0."""
    return Replay(
        t_ns=np.arange(len(steps), dtype=np.int64) * step_ns,
        cpu=np.array([exit_cpu * (kind == EXIT) for kind, _ in steps], np.int32),
        mm=np.array([mm for _, mm in steps], np.int32),
        kind=np.array([kind for kind, _ in steps], np.uint8),
        n=np.full(len(steps), objects, np.int32),
        nr_mms=len({mm for _, mm in steps}),
        duration_ns=duration_ns,
        fault_window_ns=_FAULT_WINDOW_NS,
        readers=_NO_READERS,
        pressure=None,
    )
