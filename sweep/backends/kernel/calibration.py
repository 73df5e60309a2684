"""Calibrates the simulator in the kernel lab's guest: trials of probes, and what unit costs follow from them.

A probe stands in the place of a policy (calibrate/probes.c). It runs in trials like any other, so what is timed are
the lab's own functions with all that they do to keep account, in the kernel that trials run in. A cost is a difference
of two trials, or a step that a probe has timed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from sweep.backends.costs import Formula, Get, Series, gather_counts
from sweep.backends.kernel import rows
from sweep.backends.kernel.boot import BootSettings
from sweep.backends.kernel.lab import Lab, LabResult
from sweep.backends.kernel.request import LabTrial, encode_for
from workloads import Replay
from workloads.replay import ALLOC
from workloads.replay import EXIT as EXIT_ROW

_SOURCE: Final = Path(__file__).parent / "calibrate" / "probes.c"
_NAMES: Final = ("touch", "link", "post", "free", "but_last", "bulk", "chain", "steps", "functions")
PROBES: Final = {f"probe_{name}": _SOURCE for name in _NAMES}
"""By name, where it is: what a lab is built with that calibrates."""

NOTES: Final = (
    *("clock", "store", "compare", "lock", "snapshot", "start", "poll", "alloc", "release", "work", "wake"),
    *(
        "wake_latency",
        "round_trip",
        "free_fast",
        "slub_fast",
        "irq_lock",
        "gp_init",
        "bypass_flush",
        "probed",
    ),
)
"""In the order of enum NOTE_ in probes.c."""

EXIT: Final = 420
"""Objects of an exit from which most costs are taken: 20 slabs of 21."""
SMALL: Final = 42
QUOTA: Final = (20, 40)
"""Exits that stay below the quota of an offloaded CPU per jiffy (64 at HZ=250)."""
BULK: Final = 16  # of probe_bulk

_EXITS: Final = 6
_PERIOD_NS: Final = {False: 41_300_000, True: 40_000_000}
"""Between exits; by whether callbacks are offloaded. No multiple of a tick, nor of the lab's own naps (20 ms): what
interrupts an exit does not interrupt every one. Offloaded a multiple of both, as posts are counted by the tick."""
_LAZY_NS: Final = 12_000_000_000

_PLAIN: Final = (
    *(("touch", EXIT), ("touch", SMALL), ("link", EXIT), ("post", EXIT), ("post", 1), ("free", EXIT)),
    *(("but_last", EXIT), ("bulk", EXIT), ("chain", EXIT), ("steps", SMALL)),
    *(("remote_touch", EXIT), ("remote_but_last", EXIT), ("functions", EXIT)),
)
_REMOTE: Final = "remote_"
"""Before the names of probes whose exits run on another CPU than the births."""

_OFFLOADED: Final = (
    *(("post", QUOTA[0]), ("post", QUOTA[1]), ("post", EXIT // 2), ("post", EXIT), ("post", 1)),
    ("functions", EXIT),
)


def exits(
    objects: int, number: int = _EXITS, duration_ns: int = 0, *, cpu: int = 0, nocb: bool = False
) -> Replay:
    """Exits of so many objects on this CPU, each born on CPU 0 half a period before it; nobody reads."""
    steps = [(kind, mm) for mm in range(number) for kind in (ALLOC, EXIT_ROW)]
    period_ns = _PERIOD_NS[nocb]
    return rows.unread(steps, objects, period_ns // 2, duration_ns or number * period_ns, cpu)


def measure(lab: Lab, boot: BootSettings, object_bytes: int, rounds: int) -> tuple[Series, LabResult]:
    """Every probe in the guest as it boots by itself, offloaded, and lazy; and one of the results, which says what
    guest it was. lab: built with PROBES. boot: its CPUs, memory and icount hold.

    Raises EvaluationError.
    """
    plain = replace(boot, nocb=False, lazy=False)
    offloaded = replace(plain, nocb=True)
    found = dict(series(lab, plain, object_bytes, rounds))
    found |= series(lab, offloaded, object_bytes, rounds)
    result = _run(lab, "chain", exits(1, 1, _LAZY_NS), replace(offloaded, lazy=True), object_bytes)
    found["lazy_lone", 1] = np.full(rounds, result.answer.measurement.dead_age_ns.p50)
    return found, result


def series(lab: Lab, boot: BootSettings, object_bytes: int, rounds: int) -> Series:
    """The probes of one boot. Raises EvaluationError."""
    prefix, probes = ("nocb_", _OFFLOADED) if boot.nocb else ("", _PLAIN)
    found: dict[tuple[str, int], npt.NDArray[np.float64]] = {}
    _run(lab, *_rows(probes[0], boot), boot, object_bytes)  # pages code in
    for place in range(rounds):
        for probe in (*probes, ("chain", 1)):
            result = _run(lab, *_rows(probe, boot), boot, object_bytes)
            for name, value in _values(prefix, probe, result):
                found.setdefault((name, probe[1]), np.full(rounds, np.nan))[place] = value
    return found


def _rows(probe: tuple[str, int], boot: BootSettings) -> tuple[str, Replay]:
    name, objects = probe
    return name.removeprefix(_REMOTE), exits(objects, cpu=int(name.startswith(_REMOTE)), nocb=boot.nocb)


def _run(lab: Lab, name: str, rows: Replay, boot: BootSettings, object_bytes: int) -> LabResult:
    trial = LabTrial(rows, f"probe_{name}", {}, object_bytes)
    return lab.run_request(encode_for(trial, ()), boot, rows.duration_ns)


def _values(prefix: str, probe: tuple[str, int], result: LabResult) -> Iterator[tuple[str, float]]:
    """What one trial says, per exit: its latency, and CPU time of callbacks; steps that were timed; and of a lone
    object, how long it waits."""
    name, details = prefix + probe[0], result.answer.details
    yield name, result.answer.measurement.exit_latency_ns.p50
    yield f"{name}_softirq", details["cpu_softirq_ns"] / _EXITS
    yield f"{name}_kthread", details["cpu_rcu_kthreads_ns"] / _EXITS
    yield f"{name}_cleanup", details["gp_cleanup_ns"]
    if probe == ("chain", 1):
        yield f"{prefix}lone", result.answer.measurement.dead_age_ns.p50
    for place, note in enumerate(NOTES):
        if (value := details.get(f"note_{place}_ns")) is not None:
            clock = 0.0 if note == "clock" else details.get("note_0_ns", 0.0)
            yield f"{prefix}step_{note}", max(value - clock / _STEPS.get(note, 1), 0.0)


_STEPS: Final = {
    **dict.fromkeys(("store", "lock", "irq_lock", "snapshot", "start", "poll"), 64),
    **dict.fromkeys(("alloc", "release"), 16),
    "compare": 120,
    "slub_fast": 4,
}
"""Steps between two readings of the clock, as in probes.c."""

# -- from series to costs --


def _per_object(get: Get, series: str) -> float:
    """What a probe does to an object beyond touching it."""
    return (get(series, EXIT) - get("touch", EXIT)) / EXIT


def _unlink(get: Get) -> float:
    return (get("touch", EXIT) - get("touch", SMALL)) / (EXIT - SMALL)


def _hook(get: Get) -> float:
    return max(get("step_free_fast", SMALL) - get("step_slub_fast", SMALL), 0.0)


def _free(get: Get) -> float:
    return _per_object(get, "free")


def _slow(get: Get, m: Mapping[str, int], where: str = "") -> float:
    slab = m["objects_per_slab"]
    each = (get(f"{where}but_last", EXIT) - get(f"{where}touch", EXIT)) / EXIT
    return each * slab / (slab - 1) - _hook(get)


def _function(get: Get, note: str, prefix: str = "") -> float:
    """What a function of the kernel takes, without what the kretprobe does that times it."""
    return max(get(f"{prefix}step_{note}", EXIT) - get(f"{prefix}step_probed", EXIT), 0.0)


def _discard(get: Get, m: Mapping[str, int]) -> float:
    per_slab = (_free(get) - _slow(get, m) - _hook(get)) * m["objects_per_slab"]
    return max(per_slab - get("step_lock", SMALL) / max(m["cpu_partial_slabs"], 1), 0.0)


def _bulk_object(get: Get, m: Mapping[str, int]) -> float:
    groups, scans = gather_counts(m["objects_per_slab"], EXIT, BULK)
    moves = _discard(get, m) * EXIT / m["objects_per_slab"]
    return (
        get("bulk", EXIT) - get("link", EXIT) - groups * _slow(get, m) - EXIT * _hook(get) - moves
    ) / scans


def _more(get: Get, series: str, few: int = 1) -> float:
    """What an object more costs in callbacks."""
    return (get(series, EXIT) - get(series, few)) / (EXIT - few)


def _callback(get: Get) -> float:
    return _more(get, "post_softirq") - _free(get)


def _nocb(get: Get, few: int, many: int) -> float:
    each = (get("nocb_post", many) - get("nocb_post", few)) / (many - few)
    return each - _unlink(get) - get("step_lock", SMALL)


def _bh(get: Get) -> float:
    return max(_more(get, "nocb_post_kthread") - _more(get, "post_softirq"), 0.0)


def _wake(get: Get) -> float:
    few, many = QUOTA
    return (
        get("nocb_post", few)
        - few * (get("nocb_post", many) - get("nocb_post", few)) / (many - few)
        - _call(get)
    )


def _call(get: Get) -> float:
    return get("touch", SMALL) - SMALL * _unlink(get)


def _step(entry: str, step: str, text: str) -> Formula:
    return Formula(entry, lambda get, m: get(f"step_{step}", SMALL), text)


_OF: Final = f"exits of {EXIT} objects"

FORMULAS: Final[tuple[Formula, ...]] = (
    Formula(
        "rcu.gp_init_ns",
        lambda get, m: _function(get, "gp_init"),
        "rcu_gp_init(), by a kretprobe, without what that takes",
    ),
    Formula(
        "rcu.gp_cleanup_ns",
        lambda get, m: max(get("post_cleanup", EXIT) - get("step_probed", EXIT), 0.0),
        "rcu_gp_cleanup(), by a kretprobe, without what that takes",
    ),
    Formula(
        "sched.wake_latency_ns",
        lambda get, m: get("step_wake_latency", SMALL) - get("step_wake", SMALL),
        "from the wake-up of a kworker on the other, idle CPU until it runs",
    ),
    Formula(
        "costs.unlink_ns",
        lambda get, m: _unlink(get),
        f"a turn of the loop over the objects that keeps each, between exits of {SMALL} and of {EXIT}",
    ),
    Formula(
        "costs.call_cold_ns",
        lambda get, m: _call(get),
        f"what an exit of {SMALL} objects takes beyond that; at every call, as nothing cools by instructions",
    ),
    Formula("costs.link_ns", lambda get, m: _per_object(get, "link"), f"dead_list_add(), {_OF}"),
    Formula(
        "costs.walk_ns",
        lambda get, m: _more(get, "chain_softirq") - _free(get),
        f"dead_free_chain() less plat_free(), {_OF}",
    ),
    _step("costs.store_ns", "store", "a store into an array"),
    _step("costs.compare_ns", "compare", "insertion sort of 16 words, per comparison with its swap"),
    _step("costs.clock_ns", "clock", "plat_now_ns()"),
    _step("costs.lock_ns", "lock", "plat_lock() and plat_unlock()"),
    Formula("costs.call_rcu_ns", lambda get, m: _per_object(get, "post"), f"plat_call_rcu(), {_OF}"),
    Formula(
        "costs.call_rcu_nocb_ns",
        lambda get, m: _nocb(get, *QUOTA),
        f"plat_call_rcu() offloaded, below the quota, between exits of {QUOTA[0]} and {QUOTA[1]}, without the lock",
    ),
    Formula(
        "costs.call_rcu_bypass_ns",
        lambda get, m: _nocb(get, EXIT // 2, EXIT),
        f"plat_call_rcu() offloaded, beyond the quota, between exits of {EXIT // 2} and {EXIT}, without the lock",
    ),
    Formula(
        "costs.bypass_flush_ns",
        lambda get, m: max(_function(get, "bypass_flush", "nocb_") - get("step_lock", SMALL) / 2, 0.0),
        "rcu_nocb_do_flush_bypass(), by a kretprobe, without what that takes, and without the lock that it drops",
    ),
    Formula(
        "costs.wake_ns",
        lambda get, m: _wake(get),
        f"what an exit of {QUOTA[0]} posts takes beyond them when the first wakes rcuog",
    ),
    Formula(
        "costs.context_switch_ns",
        lambda get, m: get("step_round_trip", SMALL) / 2,
        "half of a round trip to a kworker on the same CPU, its wake-ups included",
    ),
    Formula(
        "costs.softirq_ns",
        lambda get, m: get("post_softirq", 1) - _callback(get) - _free(get),
        "RCU_SOFTIRQ with one callback, without it",
    ),
    Formula(
        "costs.callback_ns", lambda get, m: _callback(get), f"callbacks in softirq less plat_free(), {_OF}"
    ),
    Formula(
        "costs.callback_bh_ns", lambda get, m: _bh(get), f"callbacks in rcuop less those in softirq, {_OF}"
    ),
    Formula(
        "costs.nocb_gp_scan_ns",
        lambda get, m: (
            (get("nocb_post_kthread", 1) - _callback(get) - _bh(get) - _free(get)) / (2 * m["nr_cpus"])
        ),
        "rcuog's and rcuop's time for one callback, per look at a CPU, of which there are two for each",
    ),
    _step("costs.alloc_ns", "alloc", "plat_alloc() of a page"),
    _step("costs.release_ns", "release", "plat_release() of a page"),
    _step("costs.gp_snapshot_ns", "snapshot", "plat_gp_snapshot()"),
    _step("costs.gp_start_ns", "start", "plat_gp_start() of a grace period that was asked for before"),
    _step("costs.gp_poll_ns", "poll", "plat_gp_done()"),
    _step("costs.work_queue_ns", "work", "plat_work_queue() with a delay"),
    _step("costs.free_fast_ns", "slub_fast", "kmem_cache_free() to the active slab"),
    Formula("costs.free_slow_ns", _slow, f"plat_free() that leaves each slab its last object, {_OF}"),
    Formula(
        "costs.free_remote_ns",
        lambda get, m: _slow(get, m, _REMOTE),
        f"the same on another CPU than the births', {_OF}",
    ),
    Formula("costs.free_bulk_object_ns", _bulk_object, f"plat_free_bulk() of {BULK}, {_OF}"),
    Formula(
        "costs.free_hook_ns",
        lambda get, m: _hook(get),
        "plat_free() less kmem_cache_free(): the lab's accounts",
    ),
    _step(
        "costs.list_lock_ns",
        "irq_lock",
        "a spinlock with interrupts off, and an entry moved from one list to another",
    ),
    Formula(
        "costs.slab_discard_ns",
        _discard,
        f"plat_free() of whole slabs less all but their last objects, {_OF}",
    ),
)

GIVEN: Final[Mapping[str, tuple[float, str]]] = {
    "costs.object_cold_ns": (0, "time goes by instructions: an object's age costs nothing"),
    "costs.object_remote_ns": (0, "all CPUs take turns on one host thread: no line is far away"),
    **{f"costs.{step}_cold_ns": (0, "as object_cold_ns") for step in ("lock", "call_rcu", "free")},
    "costs.object_cool_ns": (1, "as object_cold_ns"),
    "costs.call_cool_ns": (1, "so that call_cold_ns is paid at every call"),
    "costs.lock_handoff_ns": (0, "all CPUs take turns on one host thread"),
}
"""Entries that follow from what the guest is."""

LONE: Final = {"": "not offloaded", "nocb_": "offloaded", "lazy_": "offloaded and lazy"}
"""Boot settings by the prefix of their series `lone`: from unlinking to free of one object on an idle guest."""
