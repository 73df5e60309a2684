"""One teardown under constant grace periods, against formulas worked out by hand.

u unlink, l link, L lock, c call_rcu, b callback, w walk, f free, G grace period, in picoseconds. The
teardown of n objects begins at T; the span is long enough for everything to be freed in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sweep.backends.simulator import SimulationResult, simulate
from tests.sweep.backends.simulator.scenes import MS, Profile, birth, exit_mm, ideal, replay

T_NS, SPAN_NS, BYTES = 3 * MS, 500 * MS, 192
U, L_, LOCK, C, W, F, G = 500_000, 2_000, 12_000, 25_000, 20_000, 25_000, 4 * MS * 1000


@dataclass(frozen=True, slots=True)
class Case:
    n: int
    b: int  # cost of invoking a callback


CASES = [Case(n, b) for n in (1, 2, 33, 1000) for b in (8_000, 900_000)]


def machine(case: Case) -> Profile:
    return ideal(grace_ns=G // 1000).with_(
        unlink_ps=U,
        link_ps=L_,
        lock_ps=LOCK,
        call_rcu_ps=C,
        callback_ps=case.b,
        walk_ps=W,
        free_hook_ps=F - 10_000,
        object_bytes=BYTES,
    )


def teardown(case: Case, policy: str, **params: int) -> SimulationResult:
    workload = replay([exit_mm(T_NS, 0, 0, case.n)], duration_ns=SPAN_NS)
    return simulate(workload, machine(case), policy, params)


def mean_bytes(sum_of_ages_ps: int) -> float:
    return sum_of_ages_ps * BYTES / (SPAN_NS * 1000)


def exact(value: float) -> object:
    return pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_per_object(case: Case) -> None:
    """Object i is posted at T + i(u+c). Callbacks take k = b+f each: if k <= u+c none ever waits for
    another, else object i is freed i k after the first was ready."""
    n, k = case.n, case.b + F
    m = teardown(case, "per_object").measurement
    assert m.exit_latency_ns.max == m.exit_latency_ns.mean == exact(n * (U + C) / 1000)
    assert m.exit_ns_per_object.p99 == exact((U + C) / 1000)
    late = max(k - (U + C), 0)  # by how much each callback falls behind the one before
    ready = n * k + late * n * (n - 1) // 2
    assert m.retained_split.postponed == exact(mean_bytes(n * C))
    assert m.retained_split.waiting == exact(mean_bytes(n * G))
    assert m.retained_split.ready == exact(mean_bytes(ready))
    assert m.retained_bytes.mean == exact(mean_bytes(n * (C + G) + ready))
    assert m.dead_age_ns.max == exact((C + G + k + late * (n - 1)) / 1000)
    assert m.retained_bytes.peak == n * BYTES
    assert m.callbacks == n


@pytest.mark.parametrize("case", CASES)
def test_whole_list(case: Case) -> None:
    """Object i is unlinked at T + (i-1)(u+l) + u; all are posted at P = T + n(u+l) + c, and object i is
    freed at P + G + b + i(w+f)."""
    n, step, free = case.n, U + L_, W + F
    m = teardown(case, "whole_list").measurement
    assert m.exit_latency_ns.max == exact((n * step + C) / 1000)
    assert m.exit_ns_per_object.mean == pytest.approx((n * step + C) / n / 1000, abs=1e-3)  # whole ps
    triangle = n * (n - 1) // 2
    assert m.retained_split.postponed == exact(mean_bytes(n * (L_ + C) + triangle * step))
    assert m.retained_split.waiting == exact(mean_bytes(n * G))
    assert m.retained_split.ready == exact(mean_bytes(n * (case.b + free) + triangle * free))
    first = (n - 1) * step + L_ + C + G + case.b + free
    last = L_ + C + G + case.b + n * free
    assert m.dead_age_ns.max == exact(max(first, last) / 1000)
    assert m.retained_bytes.peak == n * BYTES
    assert m.callbacks == 1


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("batch_max", [1, 32, 1000])
def test_fixed_batch(case: Case, batch_max: int) -> None:
    """Each object costs u+L+l; each full group of max+1 costs c; the exit looks at the list once more, and
    posts what is left."""
    n = case.n
    groups, rest = divmod(n, batch_max + 1)
    m = teardown(case, "fixed_batch", max=batch_max).measurement
    latency = n * (U + LOCK + L_) + groups * C + LOCK + (C if rest else 0)
    assert m.exit_latency_ns.max == exact(latency / 1000)
    assert m.retained_split.waiting == exact(mean_bytes(n * G))
    assert m.callbacks == groups + bool(rest)


@pytest.mark.parametrize("case", CASES)
def test_direct_exit(case: Case) -> None:
    """An object is dead for as long as its free takes, and the exit pays for it."""
    m = teardown(case, "direct_exit", bulk_size=1).measurement
    assert m.exit_latency_ns.max == exact(case.n * (U + F) / 1000)
    assert m.retained_bytes.mean == m.retained_split.postponed == exact(mean_bytes(case.n * F))
    assert m.retained_bytes.peak == BYTES
    assert m.callbacks == 0


# -- what cools --


@pytest.mark.parametrize("unused_ns", [0, MS, 5 * MS, 10 * MS, 40 * MS])
def test_calls_and_objects_cool_in_proportion_to_the_time(unused_ns: int) -> None:
    """Two calls of one object each: the second one begins so long after the first has ended, and its object was
    born with it. An object that is not used for 10 ms is cold, a call that was not made for 4 ms."""
    cold, call_cold, call_ps, object_ps = 10 * MS, 4 * MS, 4_000_000, 30_000
    profile = machine(CASES[0]).with_(
        call_cold_ps=call_ps,
        object_cold_ps=object_ps,
        call_cool_ps=call_cold * 1000,
        object_cool_ps=cold * 1000,
    )
    first_ns = 2 * cold
    rows = [birth(first_ns, 0, 0, 1), exit_mm(first_ns, 0, 0, 1)]
    second_ns = first_ns + unused_ns + MS
    rows += [birth(first_ns + MS, 0, 1, 1), exit_mm(second_ns, 0, 1, 1)]
    plain = machine(CASES[0])
    result = simulate(
        replay(rows, duration_ns=SPAN_NS), profile, "direct_exit", {}, series_interval_ns=SPAN_NS
    )
    warm = simulate(replay(rows, duration_ns=SPAN_NS), plain, "direct_exit", {}, series_interval_ns=SPAN_NS)
    assert result.calls is not None
    assert warm.calls is not None
    ended_ps = first_ns * 1000 + result.calls["latency_ps"].to_pylist()[0]
    gap_ps = second_ns * 1000 - ended_ps
    added = [
        a - b
        for a, b in zip(
            result.calls["latency_ps"].to_pylist(), warm.calls["latency_ps"].to_pylist(), strict=True
        )
    ]
    assert added[0] == pytest.approx(call_ps, abs=20)  # nothing ran for twice as long; its object is new
    call_part = call_ps * min(gap_ps, call_cold * 1000) / (call_cold * 1000)
    object_part = object_ps * min(unused_ns / cold, 1)
    assert added[1] == pytest.approx(call_part + object_part, rel=0.001, abs=20)


@pytest.mark.parametrize("elsewhere", [0, 1, 17, 40])
def test_an_object_that_was_born_on_another_cpu_costs_more_wherever_the_policy_puts_it(
    elsewhere: int,
) -> None:
    """Of an exit's 40 objects so many were born on CPU 1; those of the exit before it, whose memory they have, all on
    CPU 0."""
    remote_ps, nr = 70_000, 40
    rows = [birth(MS, 0, 0, nr), exit_mm(2 * MS, 0, 0, nr), birth(40 * MS, 0, 1, nr - elsewhere)]
    rows += [birth(41 * MS, 1, 1, elsewhere)] if elsewhere else []
    rows += [exit_mm(42 * MS, 0, 1, nr)]
    workload = replay(rows, duration_ns=SPAN_NS)
    for policy in ("whole_list", "paged_batch", "direct_exit"):
        near, far = (
            simulate(
                workload, machine(CASES[0]).with_(nr_cpus=2, object_remote_ps=ps), policy, {}
            ).measurement
            for ps in (0, remote_ps)
        )
        added = (far.exit_latency_ns.mean - near.exit_latency_ns.mean) * 2
        assert added == pytest.approx(elsewhere * remote_ps / 1000, abs=0.01)


@pytest.mark.parametrize(
    ("policy", "steps"),
    [
        ("whole_list", ("call_rcu_cold_ps",)),
        ("per_object", ("call_rcu_cold_ps",)),
        ("fixed_batch", ("lock_cold_ps", "call_rcu_cold_ps")),
        ("direct_exit", ("free_cold_ps",)),
    ],
)
def test_a_step_is_cold_once_in_a_call_on_a_cpu_that_has_not_done_it_for_long(
    policy: str, steps: tuple[str, ...]
) -> None:
    """However many objects the call has. Half a millisecond later it is nearly warm."""
    cold = {"lock_cold_ps": 1_500_000, "call_rcu_cold_ps": 800_000, "free_cold_ps": 2_700_000}
    rows = [birth(0, 0, mm, 40) for mm in (0, 1)]
    rows += [exit_mm(20 * MS, 0, 0, 40), exit_mm(20 * MS + MS // 2, 0, 1, 40)]
    plain = machine(CASES[0]).with_(call_cool_ps=10 * MS * 1000)
    taken = []
    for profile in (plain, plain.with_(**cold)):
        result = simulate(replay(rows, duration_ns=SPAN_NS), profile, policy, {}, series_interval_ns=SPAN_NS)
        assert result.calls is not None
        taken.append(result.calls["latency_ps"].to_pylist())
    (warm, warm_again), (paid, paid_again) = taken
    once = sum(cold[step] for step in steps)
    assert paid - warm == pytest.approx(once, rel=0.003)  # within the call it cools a little, too
    assert paid_again - warm_again == pytest.approx(once * 0.05, rel=0.2)


def test_a_policy_pays_for_each_reading_of_the_clock() -> None:
    """time_throttle reads it once per object, whole_list never."""
    clock_ps, n = 7_000, 40
    rows = [birth(0, 0, 0, n), exit_mm(MS, 0, 0, n)]
    plain = machine(CASES[0]).with_(clock_ps=0)
    for policy, readings in (("time_throttle", n), ("whole_list", 0)):
        free, paid = (
            simulate(replay(rows, duration_ns=SPAN_NS), each, policy, {}).measurement.exit_latency_ns.max
            for each in (plain, plain.with_(clock_ps=clock_ps))
        )
        assert paid - free == exact(readings * clock_ps / 1000)
