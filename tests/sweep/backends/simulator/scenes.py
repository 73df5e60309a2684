"""Small workloads and machines, made by hand, for the simulator's proofs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np

from workloads import NO_READERS, PressureCourse, ReaderModel, Replay

MS: Final = 1_000_000
SECOND: Final = 1_000_000_000

MUNMAP, EXIT, FAULTS, BIRTH = range(4)


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One row of a replay; `kind` as in struct sim_workload."""

    t_ns: int
    cpu: int
    mm: int
    kind: int
    n: int


def munmap(t_ns: int, cpu: int, mm: int, n: int) -> Row:
    return Row(t_ns, cpu, mm, MUNMAP, n)


def exit_mm(t_ns: int, cpu: int, mm: int, n: int) -> Row:
    return Row(t_ns, cpu, mm, EXIT, n)


def faults(t_ns: int, cpu: int, n: int) -> Row:
    return Row(t_ns, cpu, -1, FAULTS, n)


def birth(t_ns: int, cpu: int, mm: int, n: int) -> Row:
    return Row(t_ns, cpu, mm, BIRTH, n)


def replay(
    rows: Iterable[Row],
    *,
    duration_ns: int = 0,
    readers: ReaderModel = NO_READERS,
    pressure: PressureCourse | None = None,
) -> Replay:
    """Rows in order of time (those of one instant as given). Address spaces without a birth of
    their own get all their objects at 0, on the CPU of their first call."""
    given = list(rows)
    born = {row.mm for row in given if row.kind == BIRTH}
    total: dict[tuple[int, int], int] = {}
    first_cpu: dict[int, int] = {}
    for row in sorted(given, key=lambda row: row.t_ns):
        if row.kind in (MUNMAP, EXIT) and row.mm not in born:
            cpu = first_cpu.setdefault(row.mm, row.cpu)
            total[cpu, row.mm] = total.get((cpu, row.mm), 0) + row.n
    births = [birth(0, cpu, mm, n) for (cpu, mm), n in total.items() if n]
    ordered = sorted(births + given, key=lambda row: row.t_ns)

    def column(name: str, dtype: type) -> np.ndarray:
        return np.array([getattr(row, name) for row in ordered], dtype=dtype)

    return Replay(
        t_ns=column("t_ns", np.int64),
        cpu=column("cpu", np.int32),
        mm=column("mm", np.int32),
        kind=column("kind", np.uint8),
        n=column("n", np.int32),
        nr_mms=max((row.mm for row in ordered), default=-1) + 1,
        duration_ns=max([duration_ns, *(row.t_ns for row in ordered)]),
        fault_window_ns=10 * MS,
        readers=readers,
        pressure=pressure,
        inferred_objects=0,
    )


@dataclass(frozen=True, slots=True)
class Profile:
    """A machine by the values of struct sim_machine; stands in for sweep.machine.Machine."""

    values: Mapping[str, int]

    def resolved(self) -> dict[str, int]:
        return dict(self.values)

    def with_(self, **changes: int) -> Profile:
        unknown = changes.keys() - self.values.keys()
        if unknown:
            raise KeyError(f"struct sim_machine has no {sorted(unknown)}")
        return replace(self, values=MappingProxyType({**self.values, **changes}))


def kernel(hz: int = 250, nr_cpus: int = 2, *, nocb: bool = False, lazy: bool = False) -> Profile:
    """A Linux 6.12 machine: RCU constants by the formulas of kernel-facts 2.1-2.4, slabs of 192-byte
    objects on few CPUs (section 4), costs in the region of section 2.5."""
    jiffies_till_fqs = 1 + (hz > 250) + (hz > 500) + nr_cpus // 256
    return Profile(
        MappingProxyType(
            {
                "nr_cpus": nr_cpus,
                "jiffy_ns": SECOND // hz,
                "gp_constant": 0,
                "gp_constant_ns": 0,
                "preemptible_kernel": 1,
                "jiffies_till_first_fqs": jiffies_till_fqs,
                "jiffies_till_next_fqs": jiffies_till_fqs,
                "jiffies_till_sched_qs": hz // 10 + nr_cpus // 256,
                "gp_init_ns": 2_000,
                "gp_cleanup_ns": 2_000,
                "blimit": 10,
                "qhimark": 10_000,
                "qlowmark": 100,
                "qovld": 20_000,
                "rcu_divisor": 7,
                "rcu_resched_ns": 3 * MS,
                "nocb": int(nocb),
                "lazy": int(lazy),
                "nocb_nobypass_lim_per_jiffy": 16 * 1000 // hz,
                "lazy_flush_jiffies": 10 * hz,
                "nocb_gp_stride": nr_cpus // math.isqrt(nr_cpus),
                "nocb_housekeeping_cpus": 0,
                "wake_latency_ns": 5_000,
                "sched_slice_ns": 3 * MS,
                "woken_runs_first": 0,
                "object_bytes": 192,
                "slab_bytes": 4096,
                "objects_per_slab": 21,
                "cpu_partial_slabs": 12,
                "min_partial": 5,
                "page_bytes": 4096,
                "watermark_min_pages": 1000,
                "watermark_low_pages": 1250,
                "watermark_high_pages": 1500,
                "kswapd_pass_ns": MS,
                "unlink_ps": 500_000,
                "call_cold_ps": 0,
                "object_cold_ps": 0,
                "object_remote_ps": 0,
                "lock_cold_ps": 0,
                "call_rcu_cold_ps": 0,
                "free_cold_ps": 0,
                "call_cool_ps": 10 * MS * 1000,
                "object_cool_ps": 10 * MS * 1000,
                "link_ps": 2_000,
                "walk_ps": 20_000,
                "store_ps": 1_500,
                "clock_ps": 15_000,
                "compare_ps": 3_000,
                "lock_ps": 12_000,
                "lock_handoff_ps": 60_000,
                "call_rcu_ps": 25_000,
                "call_rcu_nocb_ps": 60_000,
                "call_rcu_bypass_ps": 45_000,
                "bypass_flush_ps": 100_000,
                "wake_ps": 1_500_000,
                "context_switch_ps": 1_200_000,
                "softirq_ps": 300_000,
                "callback_ps": 8_000,
                "callback_bh_ps": 6_000,
                "nocb_gp_scan_ps": 60_000,
                "alloc_ps": 60_000,
                "release_ps": 60_000,
                "gp_snapshot_ps": 2_000,
                "gp_start_ps": 60_000,
                "gp_poll_ps": 2_000,
                "work_queue_ps": 60_000,
                "free_fast_ps": 10_000,
                "free_slow_ps": 25_000,
                "free_remote_ps": 70_000,
                "free_bulk_object_ps": 3_000,
                "free_hook_ps": 15_000,
                "list_lock_ps": 30_000,
                "slab_discard_ps": 300_000,
            }
        )
    )


def ideal(nr_cpus: int = 1, grace_ns: int = 4 * MS) -> Profile:
    """Constant grace periods, callbacks off the tasks' CPUs, and frees that cost the same wherever
    the object lies: what closed forms and the reference model describe."""
    return kernel(nr_cpus=nr_cpus).with_(
        gp_constant=1,
        gp_constant_ns=grace_ns,
        wake_latency_ns=0,
        context_switch_ps=0,
        lock_handoff_ps=0,
        cpu_partial_slabs=2**31 - 1,  # no CPU ever takes list_lock
        free_slow_ps=10_000,
        free_remote_ps=10_000,
        list_lock_ps=0,
        slab_discard_ps=0,
    )
