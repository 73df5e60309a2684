"""Readers: how often the oracle finds one inside its section, and what preempted ones do to grace periods."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sweep.backends.simulator import simulate
from tests.sweep.backends.simulator.scenes import MS, SECOND, exit_mm, kernel, munmap, replay
from workloads import NO_READERS

SLOT_NS = 50_000  # 20,000 readers per second, spread evenly


@pytest.mark.parametrize("nr_cpus", [1, 2, 4])
def test_violations_are_as_frequent_as_readers_are(nr_cpus: int) -> None:
    """A reader begins anywhere in its slot and lasts up to a slot, but not beyond its end. At the part x of
    a slot it is there with probability x - x²/2: it began at s < x and lasts longer than x - s. Slots are
    the same on all CPUs; the freeing CPU itself is in no reader."""
    nr = 4000
    rows = [exit_mm(i * 777_769, i % nr_cpus, i, 1) for i in range(nr)]
    readers = replace(
        NO_READERS,
        kind="rcu_only",
        background_readers_per_cpu_per_s=SECOND // SLOT_NS,
        section_quantiles=((0, 0), (1_000_000, SLOT_NS)),
    )
    result = simulate(replay(rows, readers=readers), kernel(250, nr_cpus), "direct_exit", {})
    x = np.linspace(0, 1, 1001)
    expected = 1 - ((1 - x + x**2 / 2) ** (nr_cpus - 1)).mean()
    assert result.measurement.violations / nr == pytest.approx(expected, abs=0.03)  # four standard deviations


def test_a_preempted_reader_holds_up_the_grace_period() -> None:
    """A reader that was preempted inside its section extends a grace period without limit (kernel-facts, 2.4);
    one that began after the grace period does not."""
    rows = [munmap(i * 10 * MS + MS, 0, 0, 1) for i in range(100)]

    def median_age_ms(preempted_ms: int) -> float:
        readers = replace(
            NO_READERS,
            background_readers_per_cpu_per_s=1000,
            preempted_ppm=1_000_000 if preempted_ms else 0,
            preempted_quantiles=((0, preempted_ms * MS), (1_000_000, preempted_ms * MS)),
        )
        workload = replay(rows, duration_ns=3 * SECOND, readers=readers)
        return simulate(workload, kernel(1000, 2), "per_object", {}).measurement.dead_age_ns.p50 / 1e6

    assert median_age_ms(0) < 10
    assert 60 < median_age_ms(60) < 2 * 60 + 10  # the rest of the present grace period, and a whole one
    assert 300 < median_age_ms(300) < 2 * 300 + 10


def test_no_policy_but_direct_exit_frees_under_a_preempted_reader() -> None:
    """A reader that sleeps in its section for 300 ms may still hold what died meanwhile."""
    rows = [exit_mm(i * MS, i % 2, i, 20) for i in range(200)]
    readers = replace(
        NO_READERS,
        kind="rcu_only",
        background_readers_per_cpu_per_s=100,
        preempted_ppm=100_000,
        preempted_quantiles=((0, 300 * MS), (1_000_000, 300 * MS)),
    )
    workload = replay(rows, duration_ns=2 * SECOND, readers=readers)
    violations = {
        policy: simulate(workload, kernel(250, 2), policy, {}).measurement.violations
        for policy in ("direct_exit", "per_object", "whole_list", "split_bulk", "paged_batch")
    }
    assert violations.pop("direct_exit") > 1000
    assert set(violations.values()) == {0}
