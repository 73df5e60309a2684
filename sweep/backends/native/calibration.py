"""Unit costs of the native benchmark on this machine, as the simulator charges them.

The program `_calibrate` (src/calibrate/) is the benchmark with probes in the place of policies. It gives series:
what a loop over the objects of an exit took per object when each was linked, when each was posted, and so on. A
cost is a difference of two series, as a turn of a loop overlaps with its neighbours and no step can be timed alone
there. Each round measures all series once; intervals are bootstrapped over rounds.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

import sweep.backends.native as package
import workloads
from sweep.backends.costs import (
    DEFAULT_OBJECTS,
    Cost,
    Formula,
    Get,
    MissingSeriesError,
    Series,
    evaluate,
    gather_counts,
)
from sweep.backends.native import answer, cpus, placement, process
from sweep.backends.native.errors import NativeError, NativeUnavailableError
from sweep.backends.native.request import Request, pack
from sweep.machine import Machine
from sweep.packages import NATIVE
from sweep.trial import Cause

ROUND_S: Final = 25.0
"""Of a round, about, on a quiet machine."""

FIRST_LOOK_TIMEOUT_S: Final = 60.0
"""For the pass that looks how near the CPUs usually are, beyond its own time."""

EXIT: Final = DEFAULT_OBJECTS
"""Objects of an exit from which those costs are taken that stand beside another of the same size: a process of
ordinary size (a PostgreSQL backend)."""

OFFLOADED: Final = 1_000_000
"""Added to the objects of a series that was measured offloaded."""

BULK: Final = 16  # of the probes


def path() -> Path:
    """The executable. Raises NativeUnavailableError where there is none."""
    for directory in package.__path__:
        found = Path(directory) / "_calibrate"
        if found.is_file():
            return found
    raise NativeUnavailableError(f"the calibration program is not built: it needs liburcu; run: {NATIVE}")


def measure(machine: Machine, declared: tuple[int, ...], rounds: int, timeout_s: float) -> Series:
    """Run it on the declared CPUs (none: the first ones permitted), with that profile's kernel constants.

    Raises NativeError.
    """
    program = path()
    replay = workloads.replay(
        workloads.load("giant-exit"), machine.nr_cpus, workloads.Scale(window_ns=(0, 1_000_000))
    )
    request = Request(replay, machine, "per_object", cpus=cpus.choose(declared, machine))
    placement.one_pass(request, timeout_s=FIRST_LOOK_TIMEOUT_S)  # sees how near the CPUs usually are
    request = placement.waiting(request)
    ended = process.run([str(program), "-", str(rounds)], pack(request), {}, timeout_s)
    if ended.stopped:
        raise NativeError(
            Cause.ENVIRONMENT, f"the calibration did not end within {timeout_s:g} s; it was killed"
        )
    if ended.code < 0:
        raise NativeError(Cause.WORKER_CRASHED, f"the calibration was killed by {_signal(-ended.code)}")
    if ended.code != 0:
        told = answer.error(ended.stdout)
        raise told or NativeError(
            Cause.ENVIRONMENT, f"the calibration ended with exit code {ended.code}: {ended.stderr[-300:]}"
        )
    return read(ended.stdout, rounds)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def read(text: str, rounds: int) -> Series:
    """Of what the program answered. Raises NativeError where this is no answer of that many rounds."""
    found: dict[tuple[str, int], npt.NDArray[np.float64]] = {}
    lines = text.splitlines()
    try:
        documents = [json.loads(line) for line in lines]
        if not documents or documents.pop() != {"done": True}:
            raise ValueError
        for each in documents:
            key = (str(each["series"]), int(each["objects"]))
            centres = found.setdefault(key, np.full(rounds, np.nan))
            centres[int(each["round"])] = CENTRES.get(key[0], centre)(each["ns"])
    except (ValueError, KeyError, TypeError, IndexError):
        raise NativeError(
            Cause.ENVIRONMENT, "the calibration program answers garbage; run: make build"
        ) from None
    return found


def centre(values: Sequence[float]) -> float:
    """The mean of the middle half: robust, and finer than the steps of 10 ns in which some clocks advance."""
    return float(stats.trim_mean(np.asarray(values, dtype=np.float64), 0.25))


def low_quartile(values: Sequence[float]) -> float:
    """Where other processes add whole time slices to some."""
    return float(np.quantile(values, 0.25))


CENTRES: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {"switch": low_quartile}

# -- from series to costs --


def _free(get: Get, m: Mapping[str, int]) -> float:
    """plat_free() of a warm object, with all that moves slabs."""
    return _more(get, "free") - _more(get, "unlink")


def _store(get: Get, m: Mapping[str, int]) -> float:
    return max(_more(get, "store") - _more(get, "unlink"), 0.0)


def _discard(get: Get, m: Mapping[str, int]) -> float:
    """A flush of the CPU's partial slabs gives all but the first to the page allocator."""
    slabs = m["cpu_partial_slabs"]
    return max(get("slab_flush", slabs) - get("slab_first"), 0.0) / (slabs + 1)


def _moves(get: Get, m: Mapping[str, int]) -> float:
    """Per object: one flush for each list of partial slabs, and their pages."""
    per_flush = (m["cpu_partial_slabs"] + 1) * m["objects_per_slab"]
    return (_discard(get, m) * m["cpu_partial_slabs"] + _list_lock(get, m)) / per_flush


def _list_lock(get: Get, m: Mapping[str, int]) -> float:
    return get("lock_alone", 0) + _discard(get, m)


def _slow(get: Get, m: Mapping[str, int]) -> float:
    return _free(get, m) - _moves(get, m)


def _bulk_object(get: Get, m: Mapping[str, int]) -> float:
    """Neighbours in arrays of BULK: each array is a group per slab in it, each group scans to its third miss."""
    groups, scans = gather_counts(m["objects_per_slab"], EXIT, BULK)
    rest = EXIT * (get("bulk_hot") - _store(get, m)) - groups * _slow(get, m)
    return rest / scans


SMALL, LARGE = 40, 2_000
"""Exits, in objects, whose difference shows what one object more costs, and what the call itself does."""


def _more(get: Get, series: str) -> float:
    """What an object more costs in a call or a callback; ns."""
    return (LARGE * get(series, LARGE) - SMALL * get(series, SMALL)) / (LARGE - SMALL)


GAP_NS: Final = 500_000.0
"""Between the exits of SMALL objects by which it is told what a call costs: OFTEN of the probes. Workloads have 0.3 to
3 ms."""

MOST_GAPS: Final = 4.0
"""Beyond it noise alone tells from 0 what a call costs after one gap, and would multiply that of the steps."""


def _once(get: Get, series: str) -> float:
    """What a call takes beyond its objects, GAP_NS after the one before; ns."""
    return max(SMALL * (get(series, SMALL) - _more(get, series)), 0.0)


def _call_cold(get: Get) -> float:
    """What it takes on a CPU that has run no policy for long; ns."""
    after_long = SMALL * (get("unlink_idle", SMALL) - _more(get, "unlink"))
    return max(after_long, _once(get, "unlink"))


def _gaps(get: Get) -> float:
    """How many GAP_NS a call needs to get cold, if its cost rises in proportion to the time: 1 to MOST_GAPS."""
    soon = _once(get, "unlink")
    return min(_call_cold(get) / soon, MOST_GAPS) if soon else MOST_GAPS


BOTH_AGES: Final = ("unlink", "link", "lock", "post", "free")
"""Series that have a twin of old objects. What waits for memory overlaps with some steps and not with others: an old
object costs what it costs in the mean of these."""


def _object_cold(get: Get, m: Mapping[str, int]) -> float:
    return sum(_more(get, f"{name}_old") - _more(get, name) for name in BOTH_AGES) / len(BOTH_AGES)


_OF: Final = f"exits of {EXIT} objects"
_MORE: Final = f"between exits of {SMALL} and of {LARGE:,} objects"


def _step(name: str, series: str, what: str) -> Formula:
    """Beside a touch of objects that were just born: with old ones, the step overlaps with waiting for them."""
    return Formula(
        name, lambda get, m: _more(get, series) - _more(get, "unlink"), f"{what} per object, {_MORE}"
    )


def _step_cold(name: str, series: str, what: str) -> Formula:
    """Code and lines of the step itself: what a call with it takes beyond its objects, less one without. Measured after
    GAP_NS; it goes on rising as the call's own cost does."""
    return Formula(
        name,
        lambda get, m: (_once(get, series) - _once(get, "unlink")) * _gaps(get),
        f"what an exit of {SMALL} objects with {what} takes beyond them, less one without, 0.5 ms after the one before, "
        "in proportion until call_cool_ns",
    )


FORMULAS: Final[tuple[Formula, ...]] = (
    Formula(
        "rcu.gp_init_ns",
        lambda get, m: get("gp_begin", 0) - get("wake_latency", 0),
        "from plat_gp_start() until the grace period has begun, less the latency of the wake-up",
    ),
    Formula(
        "sched.wake_latency_ns",
        lambda get, m: get("wake_latency", 0),
        "from a futex wake-up until the thread runs on an idle CPU",
    ),
    Formula(
        "costs.unlink_ns",
        lambda get, m: _more(get, "unlink"),
        f"a turn of the loop over the objects with a store into each, just born, {_MORE}",
    ),
    Formula(
        "costs.call_cold_ns",
        lambda get, m: _call_cold(get),
        f"what an exit of {SMALL} objects takes beyond that, 25 ms after the one before",
    ),
    Formula(
        "costs.call_cool_ns",
        lambda get, m: GAP_NS * _gaps(get),
        f"0.5 ms, times what an exit of {SMALL} objects takes beyond them 25 ms after the one before, over 0.5 ms after",
    ),
    Formula(
        "costs.object_cold_ns",
        _object_cold,
        f"objects born 20 ms ago less those just born, {_MORE}, in the mean of loops that touch, link, lock, post, free",
    ),
    Formula(
        "costs.object_remote_ns",
        lambda get, m: _more(get, "unlink_elsewhere") - _more(get, "unlink"),
        f"objects just born on another CPU less those just born on this one, {_MORE}",
    ),
    _step_cold("costs.lock_cold_ns", "lock", "plat_lock() and plat_unlock()"),
    _step_cold("costs.call_rcu_cold_ns", "post", "plat_call_rcu()"),
    _step_cold("costs.free_cold_ns", "free", "plat_free()"),
    Formula(
        "costs.link_ns",
        lambda get, m: _more(get, "link") - _more(get, "unlink"),
        f"dead_list_add() in place of a touch, {_MORE}",
    ),
    Formula(
        "costs.walk_ns",
        lambda get, m: _more(get, "walk_free") - _free(get, m),
        f"dead_free_chain() after a grace period, less what plat_free() of a warm object takes, {_MORE}",
    ),
    Formula("costs.store_ns", _store, f"one more store into an array, {_MORE}"),
    Formula(
        "costs.compare_ns",
        lambda get, m: get("sort"),
        "insertion sort of 16 addresses in falling order, per comparison",
    ),
    _step("costs.clock_ns", "now", "plat_now_ns()"),
    _step("costs.lock_ns", "lock", "plat_lock() and plat_unlock()"),
    Formula(
        "costs.lock_handoff_ns",
        lambda get, m: get("lock_handoff", 0) - get("lock_alone", 0),
        "plat_lock() and plat_unlock() in turn on two CPUs, less those on one",
    ),
    _step("costs.call_rcu_ns", "post", "plat_call_rcu()"),
    Formula(
        "costs.call_rcu_nocb_ns",
        lambda get, m: get("post_direct", SMALL) - get("unlink_idle", SMALL) - get("lock_alone", 0),
        f"plat_call_rcu() per object, offloaded, below the quota per jiffy, exits of {SMALL} objects, without the lock",
    ),
    Formula(
        "costs.call_rcu_bypass_ns",
        lambda get, m: get("post_bypass", LARGE) - get("unlink", LARGE) - get("lock_alone", 0),
        f"plat_call_rcu() per object, offloaded, beyond the quota, exits of {LARGE:,} objects, without the lock",
    ),
    Formula(
        "costs.bypass_flush_ns",
        lambda get, m: get("flush", 0) - get("lock_alone", 0),
        "rcu_nocb_do_flush_bypass(), without its lock",
    ),
    Formula(
        "costs.wake_ns",
        lambda get, m: get("wake", 0),
        "what a futex wake-up of a thread on an idle CPU costs the waker",
    ),
    Formula(
        "costs.context_switch_ns",
        lambda get, m: get("switch", 0),
        "what a busy CPU loses to a thread that wakes there, does nothing and sleeps again",
    ),
    Formula(
        "costs.softirq_ns",
        lambda get, m: get("softirq", 0),
        "softirq_burst() with nothing to invoke, once per call",
    ),
    Formula(
        "costs.callback_ns",
        lambda get, m: _more(get, "callback_free") - _free(get, m),
        f"callbacks with plat_free(), less what plat_free() of a warm object takes, {_MORE}",
    ),
    Formula(
        "costs.callback_bh_ns",
        lambda get, m: get("callback_free", OFFLOADED + EXIT) - get("callback_free"),
        f"callbacks in rcuop less those in softirq context, {_OF}",
    ),
    Formula(
        "costs.nocb_gp_scan_ns",
        lambda get, m: get("scan", 0) - get("lock_alone", 0),
        "rcuog's look at one CPU with callbacks, without the lock",
    ),
    Formula(
        "costs.alloc_ns",
        lambda get, m: get("alloc", SMALL) - get("unlink_idle", SMALL),
        "plat_alloc() of a page, 40 in a call",
    ),
    Formula(
        "costs.release_ns", lambda get, m: get("release", SMALL), "plat_release() of a page, 40 in a callback"
    ),
    _step("costs.gp_snapshot_ns", "snapshot", "plat_gp_snapshot()"),
    _step("costs.gp_start_ns", "start", "plat_gp_start(), of a grace period that was asked for before,"),
    _step("costs.gp_poll_ns", "poll", "plat_gp_done()"),
    Formula("costs.work_queue_ns", lambda get, m: get("work", 0), "plat_work_queue(), once per call"),
    Formula(
        "costs.free_fast_ns",
        lambda get, m: get("slab_fast"),
        f"plat_free() to the CPU's active slab, at the end of {_OF}",
    ),
    Formula(
        "costs.free_slow_ns",
        _slow,
        f"plat_free() of warm objects of other slabs, {_OF}, without what moves slabs",
    ),
    Formula(
        "costs.free_remote_ns",
        lambda get, m: _slow(get, m) + get("slab_remote_first") - get("slab_first"),
        f"free_slow_ns, and what the first plat_free() to a slab costs more where another CPU filled it, {_OF}",
    ),
    Formula(
        "costs.free_bulk_object_ns",
        _bulk_object,
        f"dead_free_in_bulk() by {BULK}, warm objects in order of address, {_OF}",
    ),
    Formula("costs.list_lock_ns", _list_lock, "a lock, and one of the slabs that are moved under it"),
    Formula("costs.slab_discard_ns", _discard, "a flush of the CPU's partial slabs, per slab given back"),
)

GIVEN: Final[Mapping[str, tuple[float, str]]] = {
    "rcu.gp_cleanup_ns": (
        0,
        "the benchmark's gp_end() changes one word under a lock; readers are waited for beside the CPUs",
    ),
    "costs.object_cool_ns": (
        10_000_000,
        "on an idle machine what an object takes no longer rises with its age after so long",
    ),
    "costs.free_hook_ns": (0, "no memory cgroup accounts the objects in user space"),
}
"""Entries that follow from what the benchmark is."""


def costs(series: Series, machine: Machine, rng: np.random.Generator) -> Iterator[Cost]:
    """Every formula's value with its interval. Raises NativeError where a series is missing."""
    if not series:
        raise NativeError(
            Cause.ENVIRONMENT,
            "calibration: the CPUs were never as near each other as at first; measure again on a quieter machine",
        )
    try:
        yield from evaluate(FORMULAS, series, machine.resolved(), rng)
    except MissingSeriesError as missing:
        raise NativeError(
            Cause.ENVIRONMENT,
            f"calibration: no undisturbed sample of {missing.series!r} ({missing.objects} objects); measure again "
            "on a quieter machine, or with more rounds",
        ) from None
