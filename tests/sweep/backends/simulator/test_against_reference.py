"""The engine against the SimPy model: counts exactly, times to 1e-9."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.backends.simulator import simulate
from tests.sweep.backends.simulator import reference_model as reference
from tests.sweep.backends.simulator.scenes import MS, Profile, Row, exit_mm, ideal, munmap, replay

CALLS_END_NS, NR_CPUS = 40 * MS, 4


@st.composite
def calls(draw: st.DrawFn) -> list[reference.Call]:
    """Several CPUs and address spaces, each on one CPU or (threads) on all; calls overlap, pile up, and
    wait for the address space's previous one on another CPU."""
    cpus = st.integers(0, draw(st.integers(1, NR_CPUS)) - 1)
    times = st.integers(0, CALLS_END_NS) | st.integers(0, 40)
    sizes = st.integers(1, 4) | st.integers(1, 120)
    rows: list[reference.Call] = []
    for mm in range(draw(st.integers(1, 5))):
        home, threads = draw(cpus), draw(st.booleans())
        drawn = sorted(draw(st.lists(times, min_size=1, max_size=6)))
        exits = draw(st.booleans())
        rows += [
            reference.Call(t_ns, draw(cpus) if threads else home, mm, draw(sizes), exits and i == len(drawn))
            for i, t_ns in enumerate(drawn, start=1)
        ]
    return sorted(rows, key=lambda row: row.t_ns)


costs = st.builds(
    reference.Costs,
    unlink=st.integers(1, 2_000_000),
    link=st.integers(1, 20_000),
    walk=st.integers(1, 90_000),
    lock=st.integers(1, 50_000),
    call_rcu=st.integers(1, 400_000),
    callback=st.integers(1, 600_000),
    free=st.integers(1, 900_000),
    grace=st.integers(1, 30 * MS).map(lambda ns: ns * 1000),
    object_bytes=st.sampled_from([160, 192, 256]),
)


def machine(nr_cpus: int, costs: reference.Costs) -> Profile:
    fast, hook = costs.free // 3, costs.free - costs.free // 3
    return ideal(nr_cpus, costs.grace // 1000).with_(
        unlink_ps=costs.unlink,
        link_ps=costs.link,
        walk_ps=costs.walk,
        lock_ps=costs.lock,
        call_rcu_ps=costs.call_rcu,
        callback_ps=costs.callback,
        free_fast_ps=fast,
        free_slow_ps=fast,
        free_remote_ps=fast,
        free_hook_ps=hook,
        object_bytes=costs.object_bytes,
        objects_per_slab=4096 // costs.object_bytes,
    )


def rows_of(calls: list[reference.Call]) -> list[Row]:
    return [(exit_mm if c.exit else munmap)(c.t_ns, c.cpu, c.mm, c.n) for c in calls]


def check(
    policy: reference.PolicyName,
    calls: list[reference.Call],
    costs: reference.Costs,
    idle_ns: int,
    batch_max: int,
) -> None:
    duration_ns = max(c.t_ns for c in calls) + idle_ns
    model = reference.run(calls, costs, policy, duration_ns, batch_max)
    result = simulate(
        replay(rows_of(calls), duration_ns=duration_ns),
        machine(NR_CPUS, costs),
        policy,
        {"max": batch_max} if policy == "fixed_batch" else {},
    )
    m, d = result.measurement, result.details

    assert d["objects_unlinked"] == len(model.objects)
    assert d["objects_freed"] == model.freed()
    assert d["objects_retained_at_end"] == len(model.objects) - model.freed()
    assert d["objects_leaked"] == 0
    assert d["objects_freed_early"] == 0
    assert m.callbacks == sum(t <= model.span for t in model.callbacks)

    def same(value: float) -> object:
        return pytest.approx(value, rel=1e-9, abs=1e-9)

    for got, expected in (
        (m.exit_latency_ns, model.latency(exit=True)),
        (m.munmap_latency_ns, model.latency(exit=False)),
    ):
        assert (got.mean, got.p50, got.p99, got.max) == (
            same(expected.mean),
            same(expected.p50),
            same(expected.p99),
            same(expected.max),
        )
    age = model.dead_age()
    assert (m.dead_age_ns.p50, m.dead_age_ns.p99, m.dead_age_ns.max) == (
        same(age.p50),
        same(age.p99),
        same(age.max),
    )
    assert d["dead_age_sum_ns"] == same(model.dead_age_sum() / 1000)
    assert d["duration_ns"] == pytest.approx(model.span / 1000, abs=1)

    split = model.split()
    assert m.retained_bytes.mean == same(sum(split.values()))
    assert m.retained_split.postponed == same(split["postponed"])
    assert m.retained_split.waiting == same(split["waiting"])
    assert m.retained_split.ready == same(split["ready"])
    lowest, highest = model.peak_bytes()
    assert lowest <= m.retained_bytes.peak <= highest


@pytest.mark.parametrize("policy", ["per_object", "whole_list"])
@given(calls=calls(), costs=costs, idle_ns=st.integers(0, 60 * MS))
@settings(max_examples=200, deadline=None)
def test_agrees(
    policy: reference.PolicyName, calls: list[reference.Call], costs: reference.Costs, idle_ns: int
) -> None:
    check(policy, calls, costs, idle_ns, batch_max=32)


@given(calls=calls(), costs=costs, idle_ns=st.integers(0, 60 * MS), batch_max=st.integers(1, 64))
@settings(max_examples=200, deadline=None)
def test_agrees_in_groups(
    calls: list[reference.Call], costs: reference.Costs, idle_ns: int, batch_max: int
) -> None:
    check("fixed_batch", calls, costs, idle_ns, batch_max)
