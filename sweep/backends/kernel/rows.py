"""Small workloads of the lab's own, that nobody reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workloads import NO_READERS, Replay
from workloads.model import FAULT_WINDOW_NS
from workloads.replay import EXIT


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
        fault_window_ns=FAULT_WINDOW_NS,
        readers=NO_READERS,
        pressure=None,
    )
