"""When grace periods begin: what was posted during one waits for a tick, but on the CPU of the GP kthread."""

from __future__ import annotations

import pyarrow.compute as pc

from sweep.backends.simulator import simulate
from tests.sweep.backends.simulator.scenes import MS, exit_mm, kernel, munmap, replay

JIFFY_MS = 4


def freed_at_ms(cpu: int) -> float:
    """When what `cpu`, 0 or 1, posts at 18 ms has been freed.

    That is late in a grace period that CPU 2 holds up: asked for by CPU 0's callback of 1 ms, it begins at the tick of 4 ms
    and waits for CPU 2, which is in the kernel until shortly before the tick of 24 ms. The GP kthread is woken in CPU 0's
    softirq, runs on the next CPU, which is idle, and stays there.
    """
    machine = kernel(nr_cpus=3).with_(preemptible_kernel=0, unlink_ps=20_000_000)
    rows = [munmap(1 * MS, 0, 0, 1), exit_mm(2 * MS, 2, 1, 1000), munmap(18 * MS, cpu, 2, 1)]
    workload = replay(rows, duration_ns=80 * MS)
    samples = simulate(workload, machine, "direct_exit", {}, series_interval_ns=MS // 10).samples
    assert samples is not None
    dead = pc.add(samples["waiting_bytes"], samples["ready_bytes"])
    return float(pc.max(samples.filter(pc.greater(dead, 0))["t_ns"]).as_py()) / MS


def test_the_next_grace_period_serves_what_the_gp_kthreads_cpu_has_posted() -> None:
    """rcu_gp_cleanup() calls __note_gp_changes() for its own CPU, kernel/rcu/tree.c@6.12. Others learn of the end of a
    grace period from their tick, and only then ask for the next one."""
    early, late = freed_at_ms(1), freed_at_ms(0)
    assert round(late - early, 1) == JIFFY_MS
    assert 32 < early < 40
