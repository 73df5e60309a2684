"""Effects that are known from the kernel's source and from the mailing list, as small experiments.

Each returns its figures by name. test_known_effects.py says which fact each rests on and what must come
out; `python -m tests.bench.known_effects` prints them as a table. The workloads are made to show one
mechanism each, on machines by the formulas of Linux 6.12 (scenes.kernel()).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sweep.backends.simulator import SimulationResult, simulate
from tests.sweep.backends.simulator.scenes import (
    MS,
    NO_READERS,
    SECOND,
    Profile,
    Row,
    birth,
    exit_mm,
    kernel,
    munmap,
    replay,
)
from workloads import PressureCourse

Figures = Mapping[str, float]

US = 1000


def teardown(
    machine: Profile, n: int, policy: str, *, span_ns: int, **params: int | bool
) -> SimulationResult:
    """One exit of n objects a little after a tick, then silence."""
    at_ns = 5 * machine.values["jiffy_ns"] + 100 * US
    return simulate(replay([exit_mm(at_ns, 0, 0, n)], duration_ns=span_ns), machine, policy, params)


def bypass(hz: int) -> Figures:
    """1,000 objects within one jiffy on an offloaded CPU: one call_rcu() each, and in groups of 33."""
    machine = kernel(hz, 4, nocb=True)
    single = teardown(machine, 1000, "per_object", span_ns=SECOND).details
    groups = teardown(machine, 1000, "fixed_batch", span_ns=SECOND, max=32).details
    return {
        "quota": 16 * 1000 // hz,
        "single: to cblist": single["nocb_enqueues"],
        "single: to bypass": single["bypass_enqueues"],
        "groups of 33: to cblist": groups["nocb_enqueues"],
        "groups of 33: to bypass": groups["bypass_enqueues"],
    }


def lazy_retention() -> Figures:
    """12,000 objects of one exit, then silence, with lazy callbacks: age at which half of the objects, and
    all of them, are free, in seconds."""
    machine = kernel(250, 4, nocb=True, lazy=True)
    figures: dict[str, float] = {}
    for name, policy, params in (
        ("whole_list", "whole_list", {"hurry": False}),
        ("groups of 128", "exit_hint", {"max": 128}),
        ("12,000 callbacks", "per_object", {"hurry": False}),
        ("whole_list, hurry", "whole_list", {"hurry": True}),
    ):
        age = teardown(machine, 12_000, policy, span_ns=30 * SECOND, **params).measurement.dead_age_ns
        figures |= {f"{name}: half": age.p50 / 1e9, f"{name}: all": age.max / 1e9}
    return figures


def shrinker_priority(n: int, appear_before: int = 12, **params: int) -> Figures:
    """The first priority at which reclaim asks the shrinker of a parked list of n objects to scan.

    kswapd makes one pass per 10 ms, at priorities 12 down to 1. The objects die shortly before the pass at
    `appear_before`; what that pass and later ones propose and do not scan is carried over.
    """
    passes_before = 12 - appear_before
    machine = kernel(250, 1).with_(kswapd_pass_ns=10 * MS, unlink_ps=1000)
    begin_ns = 50 * MS  # plenty of memory before
    course = PressureCourse(((0, 3000), (begin_ns - 1, 3000), (begin_ns, 700)))  # kswapd never rests again
    rows = [munmap(begin_ns + passes_before * 10 * MS - 4 * MS, 0, 0, n)]
    parked = {"high_watermark": 65536, "max_age_ms": 0, **params}
    result = simulate(
        replay(rows, duration_ns=300 * MS, pressure=course), machine, "dead_list_shrinker", parked
    )
    return {"first priority": result.details["shrinker_first_priority"]}


def stall(n: int) -> Figures:
    """The longest stretch of callback processing after a teardown of n objects, in ms; not offloaded."""
    machine = kernel(250, 2)

    def longest_ms(policy: str) -> float:
        return teardown(machine, n, policy, span_ns=5 * SECOND).measurement.max_stall_ns / 1e6

    return {"whole_list": longest_ms("whole_list"), "per_object": longest_ms("per_object")}


def grace_period_length() -> Figures:
    """Mean length of back-to-back grace periods at HZ=1000, in ms, while one CPU of four tears down 4,000
    objects a millisecond for half a second (rcuscale's kfree test posts up to 13,000)."""
    machine = kernel(1000, 4).with_(unlink_ps=50_000)
    span_ns = 500 * MS
    workload = replay([exit_mm(t * MS, 0, t, 4000) for t in range(500)], duration_ns=span_ns)
    figures: dict[str, float] = {}
    for name, policy in (
        ("per_object", "per_object"),
        ("groups of 33", "fixed_batch"),
        ("whole_list", "whole_list"),
    ):
        result = simulate(workload, machine, policy, {})
        figures[name] = span_ns / 1e6 / result.measurement.grace_periods
        figures[f"{name}: callbacks"] = result.measurement.callbacks
    return figures


def partial_group() -> Figures:
    """10 objects of a munmap, an exit of one object 5 s later: oldest dead object, in seconds."""
    workload = replay([munmap(0, 0, 0, 10), exit_mm(5 * SECOND, 0, 0, 1)], duration_ns=6 * SECOND)

    def run(policy: str, **params: int) -> SimulationResult:
        return simulate(workload, kernel(250, 2), policy, params)

    never, after_100 = (run("fixed_batch", max=32, idle_timeout_ms=ms) for ms in (0, 100))
    return {
        "no timeout": never.measurement.dead_age_ns.max / 1e9,
        "no timeout, bytes postponed": never.measurement.retained_split.postponed,
        "timeout 100 ms": after_100.measurement.dead_age_ns.max / 1e9,
        "per_object": run("per_object").measurement.dead_age_ns.max / 1e9,
    }


def direct_exit_violations(policy: str = "direct_exit") -> Figures:
    """200 exits of 50 objects under 20,000 readers per second and CPU, whose sections last up to 50 µs."""
    rows = [exit_mm(i * MS, i % 4, i, 50) for i in range(200)]

    def violations(kind: str) -> int:
        readers = replace(
            NO_READERS,
            kind=kind,
            background_readers_per_cpu_per_s=20_000,
            section_quantiles=((0, 1 * US), (1_000_000, 50 * US)),
        )
        return simulate(replay(rows, readers=readers), kernel(250, 4), policy, {}).measurement.violations

    return {"mm_ref": violations("mm_ref"), "rcu_only": violations("rcu_only")}


def bulk_free() -> Figures:
    """Callback time per object, in ns, singly and 32 at a time: address spaces whose objects lie side by
    side, and 64 of them whose objects were born in turns."""
    mms, n = 64, 210

    def cost_ns(turns: bool, bulk_size: int) -> float:
        if turns:
            births: list[Row] = [birth(0, 0, mm, 1) for _ in range(n) for mm in range(mms)]
        else:
            births = [birth(0, 0, mm, n) for mm in range(mms)]
        exits = [exit_mm(MS + mm * 20 * MS, 0, mm, n) for mm in range(mms)]
        workload = replay(births + exits, duration_ns=3 * SECOND)
        params = {"bulk_size": bulk_size, "sorted": True}
        return simulate(workload, kernel(250, 2), "split_bulk", params).details["cpu_callback_ns_per_object"]

    near_1, near_32 = cost_ns(False, 1), cost_ns(False, 32)
    far_1, far_32 = cost_ns(True, 1), cost_ns(True, 32)
    return {
        "side by side, singly": near_1,
        "side by side, in bulk": near_32,
        "in turns, singly": far_1,
        "in turns, in bulk": far_32,
        "gain side by side": near_1 - near_32,
        "gain in turns": far_1 - far_32,
    }
