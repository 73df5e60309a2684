"""What holds for every policy, on every machine, for every workload."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import policies
from sweep.backends.simulator import SimulationError, SimulationResult, simulate
from tests.sweep.backends.simulator import strategies
from tests.sweep.backends.simulator.scenes import (
    MS,
    NO_READERS,
    Profile,
    exit_mm,
    ideal,
    kernel,
    munmap,
    replay,
)
from workloads import PressureCourse, Replay

POLICIES = sorted(policies.catalogue())
EVERY_POLICY = pytest.mark.parametrize("policy", POLICIES)


def close(value: float) -> object:
    return pytest.approx(value, rel=1e-9, abs=1e-6)


def frees_at_once(policy: str) -> bool:
    return policies.catalogue()[policy].typesafe


def check_conservation(workload: Replay, result: SimulationResult) -> None:
    d = result.details
    calls = (workload.kind == 0) | (workload.kind == 1)
    assert d["objects_unlinked"] == workload.n[calls].sum()
    assert d["objects_unlinked"] == d["objects_freed"] + d["objects_retained_at_end"]
    assert d["objects_leaked"] == 0


def check_retention(object_bytes: int, result: SimulationResult) -> None:
    m, d = result.measurement, result.details
    objects = m.retained_bytes.mean - m.retained_split.policy_memory
    littles_law = object_bytes * d["dead_age_sum_ns"] / d["duration_ns"]
    whole_ns = 1 / d["duration_ns"]  # the span is known to the picosecond, reported to the nanosecond
    assert objects == pytest.approx(littles_law, rel=1e-9 + whole_ns, abs=1e-6)
    split = m.retained_split
    assert m.retained_bytes.mean == close(split.postponed + split.waiting + split.ready + split.policy_memory)


def check_sanity(result: SimulationResult) -> None:
    m = result.measurement
    assert all(value >= 0 for value in m.flat().values())
    assert m.retained_bytes.peak >= m.retained_bytes.mean * (1 - 1e-12)
    assert m.pinned_slab_bytes.peak >= m.pinned_slab_bytes.mean * (1 - 1e-12)
    for summary in (m.exit_latency_ns, m.munmap_latency_ns, m.exit_ns_per_object):
        assert summary.p50 <= summary.p99 <= summary.max
        assert summary.mean <= summary.max * (1 + 1e-12)
    assert m.dead_age_ns.p50 <= m.dead_age_ns.p99 <= m.dead_age_ns.max


def check_grace_periods(policy: str, workload: Replay, result: SimulationResult) -> None:
    """Nothing is freed early but what the policy says it frees early; and only that violates."""
    early, violations = result.details["objects_freed_early"], result.measurement.violations
    if frees_at_once(policy):
        assert violations == 0  # its readers look again
    elif policy == "direct_exit":
        assert early <= workload.n[workload.kind == 1].sum()
        assert violations <= early
        assert violations == 0 or workload.readers.kind == "rcu_only"
    else:
        assert early == 0
        assert violations == 0


@EVERY_POLICY
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_laws(policy: str, data: st.DataObject) -> None:
    """Conservation, Little's law, the split, order of the percentiles, and grace periods."""
    machine = strategies.MACHINES[data.draw(st.sampled_from(sorted(strategies.MACHINES)), label="machine")]
    workload = data.draw(strategies.workloads(machine.values["nr_cpus"]), label="workload")
    params = data.draw(strategies.configurations(policy), label="params")
    result = simulate(workload, machine, policy, params, seed=data.draw(st.integers(0, 9), label="seed"))
    check_conservation(workload, result)
    check_retention(machine.values["object_bytes"], result)
    check_sanity(result)
    check_grace_periods(policy, workload, result)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_direct_exit_retains_nothing_from_exits(data: st.DataObject) -> None:
    machine = strategies.MACHINES[data.draw(st.sampled_from(sorted(strategies.MACHINES)))]
    workload = data.draw(strategies.workloads(machine.values["nr_cpus"], kinds="exits"))
    result = simulate(workload, machine, "direct_exit", data.draw(strategies.configurations("direct_exit")))
    m = result.measurement
    assert result.details["objects_retained_at_end"] == 0
    assert m.retained_split.waiting == m.retained_split.ready == 0
    assert m.callbacks == 0
    assert m.dead_age_ns.max <= m.exit_latency_ns.max  # gone when the exit is over


@EVERY_POLICY
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_the_same_input_and_seed_give_the_same_result(policy: str, data: st.DataObject) -> None:
    machine = strategies.MACHINES[data.draw(st.sampled_from(sorted(strategies.MACHINES)))]
    workload = data.draw(strategies.workloads(machine.values["nr_cpus"]))
    params = data.draw(strategies.configurations(policy))
    first = simulate(workload, machine, policy, params, seed=5, series_interval_ns=10 * MS)
    again = simulate(workload, machine, policy, params, seed=5, series_interval_ns=10 * MS)
    assert first.measurement == again.measurement
    assert first.details == again.details
    assert first.samples is not None
    assert first.samples.equals(again.samples)
    assert first.calls is not None
    assert first.calls.equals(again.calls)


def every_policy_once() -> dict[str, object]:
    """All that every policy measures on one busy workload, for comparison between processes."""
    readers = replace(
        NO_READERS, kind="rcu_only", background_readers_per_cpu_per_s=2000, preempted_ppm=50_000,
        preempted_quantiles=((0, MS), (1_000_000, 30 * MS)),
    )  # fmt: skip
    rows = [munmap(i * 300_000, i % 4, i % 7, 1 + i % 5) for i in range(300)]
    rows += [exit_mm(95 * MS + mm * 777_777, mm % 4, mm, 400) for mm in range(7)]
    workload = replay(rows, duration_ns=300 * MS, readers=readers)
    results = {
        (policy, name): simulate(workload, machine, policy, {}, seed=11)
        for policy in POLICIES
        for name, machine in strategies.MACHINES.items()
        if machine.values["nr_cpus"] == 4
    }
    return {" ".join(key): [r.measurement.flat(), dict(r.details)] for key, r in results.items()}


def test_two_processes_give_the_same_bytes() -> None:
    here = json.dumps(every_policy_once(), sort_keys=True)
    program = (
        f"import json; from {__name__} import every_policy_once as f; print(json.dumps(f(), sort_keys=True))"
    )
    root = Path(__file__).parents[4]
    there = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == here


def test_the_seed_matters_only_to_readers() -> None:
    rows = [exit_mm(i * MS, i % 2, i, 100) for i in range(40)]
    machine = kernel(250, 2)

    def run(seed: int, background: int) -> SimulationResult:
        readers = replace(
            NO_READERS, kind="rcu_only", background_readers_per_cpu_per_s=background, preempted_ppm=500_000,
            preempted_quantiles=((0, MS), (1_000_000, 30 * MS)),
        )  # fmt: skip
        return simulate(
            replay(rows, duration_ns=200 * MS, readers=readers), machine, "per_object", {}, seed=seed
        )

    assert run(1, 0).details == run(2, 0).details
    assert run(1, 500).details != run(2, 500).details


@EVERY_POLICY
def test_a_bound_on_steps_ends_a_run(policy: str) -> None:
    workload = replay([exit_mm(i * MS, i % 2, i, 25) for i in range(200)], duration_ns=500 * MS)
    with pytest.raises(SimulationError, match="100"):
        simulate(workload, kernel(), policy, {}, max_steps=100)


# -- monotonicity, where it truly holds: constant grace periods, nothing that adapts --------------------


@given(
    n=st.integers(1, 500),
    grace_ns=st.integers(1, 50 * MS),
    longer_ns=st.integers(1, 50 * MS),
    policy=st.sampled_from(["per_object", "whole_list", "fixed_batch"]),
)
@settings(max_examples=40, deadline=None)
def test_longer_grace_periods_retain_more(n: int, grace_ns: int, longer_ns: int, policy: str) -> None:
    workload = replay([exit_mm(0, 0, 0, n)], duration_ns=1000 * MS)
    short = simulate(workload, ideal(grace_ns=grace_ns), policy, {}).measurement
    long = simulate(workload, ideal(grace_ns=grace_ns + longer_ns), policy, {}).measurement
    assert long.retained_bytes.mean > short.retained_bytes.mean
    assert long.exit_latency_ns == short.exit_latency_ns


@given(n=st.integers(1, 2000), small=st.integers(1, 100), more=st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_larger_groups_need_no_more_callbacks(n: int, small: int, more: int) -> None:
    workload = replay([exit_mm(0, 0, 0, n)], duration_ns=1000 * MS)
    few, many = (
        simulate(workload, ideal(), "fixed_batch", {"max": size}).measurement
        for size in (small + more, small)
    )
    assert few.callbacks <= many.callbacks
    assert few.exit_latency_ns.max <= many.exit_latency_ns.max


# -- order between contexts --------------------------------------------------------------------------


@pytest.mark.parametrize("machine", [ideal(), kernel(1000, 2)], ids=["constant", "softirq"])
def test_reclaim_sees_no_object_before_it_died(machine: Profile) -> None:
    """kswapd's passes and a call meet within one step: whoever takes the list's lock later in virtual time,
    and only he, finds the object on it."""
    pressure = PressureCourse(((0, 300),))
    for t_ns in range(25 * MS - 1000, 25 * MS, 13):
        for duration_ns in (t_ns + 1, t_ns + 30 * MS):
            workload = replay([munmap(t_ns, 0, 0, 2)], duration_ns=duration_ns, pressure=pressure)
            result = simulate(workload, machine, "dead_list_shrinker", {})
            check_conservation(workload, result)
            check_sanity(result)
            assert result.details["objects_freed_early"] == 0
