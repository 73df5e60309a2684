"""When grace periods of the benchmark may end."""

from __future__ import annotations

from pathlib import Path

from tests.sweep.backends.native.requests import Request, ask
from tests.sweep.backends.native.scenes import NR_CPUS, machine
from tests.sweep.backends.simulator.scenes import MS, birth, exit_mm, faults, replay

JIFFY_MS = 4
JIFFIES = 100


def test_busy_cpus_report_from_their_second_tick(program: Path) -> None:
    """A CPU in user mode learns of a grace period at a tick, and has passed through a quiescent state at the next one
    (note_gp_changes() before rcu_report_qs_rdp(), rcu_check_quiescent_state(), kernel/rcu/tree.c@6.12). However fast the
    kthread is, the CPU whose report has ended one does not see the next one at the same tick."""
    rows = []
    for mm in range(2 * JIFFIES):
        start_ns = mm * JIFFY_MS * MS // 2 + MS
        rows.append(birth(start_ns, mm % NR_CPUS, mm, 30))
        rows.append(exit_mm(start_ns + MS // 2, mm % NR_CPUS, mm, 30))
    rows += [
        faults(t * 10 * MS, cpu, 1) for t in range(1, JIFFIES * JIFFY_MS // 10) for cpu in range(NR_CPUS)
    ]
    workload = replay(rows, duration_ns=JIFFIES * JIFFY_MS * MS)
    asked = Request.of(workload, machine(hz=1000 // JIFFY_MS), "whole_list", {}, idle_polls=True)
    answer = ask(program, asked)
    (measured,) = answer.passes
    assert JIFFIES // 4 < measured["metrics"]["grace_periods"] <= JIFFIES // 2
